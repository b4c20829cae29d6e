/* SPDX-License-Identifier: Apache-2.0 */
/* exec - entering and leaving the interpreter, yields, the end of processes; start of the subsystem. */
#include "base/alloc.h"
#include "code/purge.h"
#include "exec/exec_priv.h"
#include "exec/exec_code.h"
#include "exec/jit/jit.h"

#include <stdlib.h>

/* ---- switching ---- */

static void save_x(Process *p, const term_t *x, unsigned n)
{
    if (n > p->x_cap) {
        if (p->x_saved != p->x_inline)
            mem_free(MEM_HEAP, p->x_saved, p->x_cap * sizeof(term_t));
        p->x_cap = (uint16_t)MIN(round_up(n, 8), SCHED_X_REGS);
        p->x_saved = MEM_NEW_ARRAY(HEAP, term_t, p->x_cap);
    }
    memcpy(p->x_saved, x, n * sizeof(term_t));
    p->x_live = (uint16_t)n;
}

/* ---- samples for the jit: what runs whenever a scheduler has spent a slice's reductions, on whichever processes.
 * One that answers requests seldom uses up a slice of its own. ---- */

static void split_slice(Process *p, const Exec *x)
{
    bool split = jit_samples(p->vm) && !p->saved_calls && p->reds > x->sample_in;
    p->later_reds = split ? p->reds - x->sample_in : 0;
    p->reds -= p->later_reds;
}

/* False: the whole slice is used up. */
static bool next_part(const Sched *s, Process *p, Exec *x, const code_t *pc)
{
    if (p->later_reds == 0) return false;
    p->reds += p->later_reds;
    p->later_reds = 0;
    jit_sample(p->vm, pc);
    x->sample_in = SCHED_SLICE_REDS + s->slice_reds - p->reds;
    return p->reds > 0;
}

void exec_count_to_sample(Sched *s, const Process *p)
{
    Exec *x = exec_of(s);
    x->sample_in -= MAX(s->slice_reds - p->reds - p->later_reds, 0);
    if (x->sample_in <= 0) x->sample_in = SCHED_SLICE_REDS;
}

const code_t *exec_leave(Sched *s, Process *p, const code_t *pc, unsigned live, enum RunResult how)
{
    Exec *x = exec_of(s);
    if (how == RUN_YIELD) jit_sample(p->vm, pc);
    save_x(p, s->x, live);
    p->pc = pc;
    p->flags &= ~PF_IN_NATIVE;
    p->reds += x->kept_reds; /* negative: a native took more than there was */
    x->kept_reds = 0;
    p->reds += p->later_reds;
    p->later_reds = 0;
    x->leave = how;
    return NULL;
}

static bool collection_is_due(const Process *p) { return exec_collection_is_due(p); }

const code_t *exec_collect(Sched *s, Process *p, const code_t *pc, unsigned live)
{
    if (process_gc(p, HEAP_STACK_RESERVE, s->x, live) != HEAP_OK) return exec_killed(s, p);
    return pc;
}

/* Reductions that CHECK_FRAGMENTS set aside mean: not a real yield, a collection is wanted, if there was none since. */
const code_t *exec_yield(Sched *s, Process *p, const code_t *pc)
{
    Exec *x = exec_of(s);
    unsigned live = (unsigned)p->x_arity;
    p->reds++; /* the call has not happened yet */
    if (UNLIKELY(p->saved_calls != NULL)) return exec_saving_call(s, p, pc, false);
    if (x->kept_reds > 0) {
        p->reds = x->kept_reds;
        x->kept_reds = 0;
        return collection_is_due(p) ? exec_collect(s, p, pc, live) : pc;
    }
    if (next_part(s, p, x, pc)) return pc;
    return exec_leave(s, p, pc, live, RUN_YIELD);
}

const code_t *exec_yield_after(Sched *s, Process *p, const code_t *next, unsigned live)
{
    Exec *x = exec_of(s);
    if (x->kept_reds > 0 || next_part(s, p, x, next)) return next;
    return exec_leave(s, p, next, live, RUN_YIELD);
}

const code_t *exec_yield_local(Sched *s, Process *p, const code_t *pc)
{
    if (LIKELY(p->saved_calls == NULL)) return exec_yield(s, p, pc);
    p->reds++;
    return exec_saving_call(s, p, pc, true);
}

bool exec_enter(Sched *s, Process *p)
{
    if (!s->exec) s->exec = MEM_NEW(SCHED, Exec);
    Exec *x = exec_of(s);
    x->kept_reds = 0;
    split_slice(p, x);
    s->p = p;
    p->flags &= ~(PF_BUSY | PF_BUSY_DIST);
    if (UNLIKELY(process_is_exiting(p))) return exec_exit(s, p);
    if (UNLIKELY(p->flags & PF_HEAP_LIMIT)) return exec_killed(s, p);
    memcpy(s->x, p->x_saved, p->x_live * sizeof(term_t));
    if (UNLIKELY(collection_is_due(p)) && !exec_collect(s, p, p->pc, p->x_live)) return false;
    if (UNLIKELY(p->saved_calls != NULL)) exec_saving_begin(s, p);
    return true;
}

/* ---- ends ---- */

const code_t *exec_exit(Sched *s, Process *p)
{
    Exec *x = exec_of(s);
    x->kept_reds = 0;
    x->leave = process_exit_run(p) ? RUN_EXIT : RUN_YIELD;
    return NULL;
}

const code_t *exec_exit_normal(Sched *s, Process *p)
{
    process_exit_begin(p, am_normal);
    return exec_exit(s, p);
}

const code_t *exec_killed(Sched *s, Process *p)
{
    p->flags &= ~PF_HEAP_LIMIT;
    process_exit_begin(p, am_killed);
    return exec_exit(s, p);
}

const code_t *exec_dying(Sched *s, Process *p) { return exec_exit(s, p); }

const code_t *exec_receive_sleep(Sched *s, Process *p, const code_t *pc, enum ReceiveWait why)
{
    if (why == RECEIVE_EXIT) return exec_exit(s, p);
    if (why == RECEIVE_BAD) {
        exec_error(p, EXC_TIMEOUT_VALUE);
        return except_raise(p, s->x, pc) ?: exec_exit(s, p);
    }
    return exec_leave(s, p, pc, 0, RUN_WAIT);
}

/* ---- dirty threads: p->dirty_state is the Export whose native is to run; p->pc its native_stub ---- */

static void trace_running(Process *p, bool in)
{
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->running(p, in);
}

static term_t call_dirty(Sched *s, Process *p, const BifEntry *native)
{
    if (!(native->flags & BIF_ALONE)) return native->fn(p, s->x);
    sched_dirty_alone_begin(s);
    term_t result = native->fn(p, s->x);
    sched_dirty_alone_end(s);
    return result;
}

enum RunResult interp_run_dirty(Sched *s, Process *p)
{
    if (!s->exec) s->exec = MEM_NEW(SCHED, Exec);
    Exec *x = exec_of(s);
    Export *e = p->dirty_state;
    s->p = p;
    x->kept_reds = 0;
    x->ret = NULL;
    memcpy(s->x, p->x_saved, p->x_live * sizeof(term_t));
    p->current = &e->mfa;
    trace_running(p, true);
    NativeMark mark;
    process_native_begins(p, &mark);
    sched_dirty_native_begin(p);
    term_t result = e->native ? call_dirty(s, p, e->native) : bif_yield(p);
    if (!sched_dirty_native_end(p)) return RUN_EXIT;
    p->native_mark = NULL;
    trace_running(p, false);
    if (result != TERM_NONE) {
        s->x[0] = result;
        const code_t *to = (const code_t *)*p->heap.stop++;
        exec_leave(s, p, to, 1, RUN_YIELD);
    } else {
        const code_t *to = exec_native_special(s, p, e->native_stub);
        if (to) exec_leave(s, p, to, exec_live_at(p, to), RUN_YIELD);
    }
    return x->leave;
}

/* After exec_native_special: live registers of the code to go on with. */
unsigned exec_live_at(const Process *p, const code_t *to)
{
    (void)to;
    return (unsigned)p->x_arity;
}

/* ---- questions about a process that does not execute ---- */

/* A native that the process stands in, though no code address tells so: hibernation, one that goes on later, or
 * a tail-called native that waits or runs on a dirty thread. */
static const Mfa *waiting_native(const Process *p)
{
    static const Mfa hibernate = {am_erlang, am_hibernate, 3};
    if (p->pc == exec_hibernate_code(p->vm)) return &hibernate;
    if (p->flags & PF_IN_NATIVE) return p->current;
    if (p->trap_export && p->pc == p->trap_export->native_stub) return &p->trap_export->mfa;
    if (!p->current || (sched_self && sched_self->p == p)) return NULL;
    return p->pc == container_of(p->current, Export, mfa)->native_stub ? p->current : NULL;
}

const Mfa *exec_where(const Process *p)
{
    if (p->flags & PF_IN_NATIVE) return p->current;
    return p->pc ? code_find_mfa(p->vm, p->pc) : NULL;
}

/* What the reference shows of a process that waits for a channel. */
static term_t trace_of_busy(Process *p, Heap *h, unsigned depth)
{
    if (depth == 0) return TERM_NIL;
    term_t top = heap_tuple4(h, am_erlang, am_bif_return_trap, term_small(1), TERM_NIL);
    return heap_cons(h, top, except_process_trace(p, p->pc, h, depth - 1));
}

static term_t trace_of(Process *p, Heap *h, unsigned depth)
{
    if (UNLIKELY(p->flags & PF_BUSY_DIST)) return trace_of_busy(p, h, depth);
    const Mfa *m = depth > 0 ? waiting_native(p) : NULL;
    const code_t *at = p->flags & PF_IN_RECEIVE && p->pc ? insn_shown_at(p->pc) : p->pc;
    term_t trace = except_process_trace(p, at, h, m ? depth - 1 : depth);
    if (!m) return trace;
    term_t top = heap_tuple4(h, m->module, m->function, term_small((int64_t)m->arity), TERM_NIL);
    return heap_cons(h, top, trace);
}

/* ---- start ---- */

static void stub_init(Vm *vm, Export *e)
{
    (void)vm;
    InsnOperand op = {INSN_OP_UINT, (uint64_t)(uintptr_t)e};
    insn_emit(e->native_stub, INSN_native_tail, &op, 1);
    insn_emit(e->error_stub, INSN_undefined_call, &op, 1);
}

void exec_init(Vm *vm)
{
    ExecCode *c = MEM_NEW(CODE, ExecCode);
    insn_emit(c->normal_exit, INSN_normal_exit, NULL, 0);
    insn_emit(c->entry_apply, INSN_apply_mfa_list, NULL, 0);
    insn_emit(c->undefined_lambda, INSN_undefined_lambda, NULL, 0);
    insn_emit(c->purging_lambda, INSN_purging_lambda, NULL, 0);
    insn_emit(c->hibernate, INSN_hibernate_wait, NULL, 0);
    vm->procs->exec.entry_apply = c->entry_apply;
    vm->procs->exec.normal_exit = c->normal_exit;
    vm->procs->exec.stacktrace = trace_of;
    vm->procs->exec.backtrace = exec_backtrace;
    code_set_stubs(vm, stub_init, c->undefined_lambda, c->purging_lambda);
    vm->sched->ops.run = interp_run;
    vm->sched->ops.run_dirty = interp_run_dirty;
}

const code_t *exec_hibernate_code(Vm *vm)
{
    const code_t *first = vm->procs->exec.normal_exit;
    return container_of(first, ExecCode, normal_exit)->hibernate;
}
