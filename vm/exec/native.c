/* SPDX-License-Identifier: Apache-2.0 */
/* native - what happens when a native returns no term, and calls of code that is not there. */
#include "code/purge.h"
#include "data/bitmatch.h"
#include "exec/exec_code.h"
#include "exec/exec_priv.h"

static void push_return(Process *p, const code_t *ret)
{
    if (ret) *--p->heap.stop = (term_t)ret;
}

/* Go on at `to`, which takes `live` x registers; one reduction. */
static const code_t *go_on(Sched *s, Process *p, const code_t *to, unsigned live)
{
    p->x_arity = live;
    if (--p->reds < 0) return exec_yield(s, p, to);
    return to;
}

/* The native runs on a dirty thread as the body of its own stub; its caller's frame waits. */
static const code_t *go_dirty(Sched *s, Process *p, const code_t *ret, bool cpu)
{
    Export *e = container_of(p->current, Export, mfa);
    bool brief = e->native && e->native->flags & BIF_BRIEF;
    push_return(p, ret);
    p->dirty_state = e;
    return exec_leave(s, p, e->native_stub, (unsigned)e->mfa.arity,
                      cpu ? RUN_DIRTY_CPU : brief ? RUN_DIRTY_BRIEF : RUN_DIRTY_IO);
}

/* ---- hibernation ---- */

/* x0..x2 are module, function, list of arguments, checked. Executed again at each wake-up. */
const code_t *exec_hibernate(Sched *s, Process *p, const code_t *pc)
{
    if (receive_hibernate_ready(p)) {
        if (process_is_exiting(p)) return exec_exit(s, p);
        const code_t *to = exec_apply_list(p, s->x, 3, NULL);
        return to ?: except_raise(p, s->x, pc) ?: exec_exit(s, p);
    }
    process_gc_hibernate(p, s->x, 3);
    return exec_leave(s, p, pc, 3, RUN_WAIT);
}

static const code_t *begin_hibernate(Sched *s, Process *p)
{
    p->heap.stop = p->heap.end - 1;
    p->catches = 0;
    return exec_hibernate(s, p, exec_hibernate_code(p->vm));
}

/* ---- results of natives ---- */

/* The native is over: the process stands where its caller goes on. */
static const code_t *end_slice(Sched *s, Process *p, const code_t *ret)
{
    s->x[0] = am_true;
    return exec_leave(s, p, ret ?: (const code_t *)*p->heap.stop++, 1, RUN_YIELD);
}

static const code_t *special(Sched *s, Process *p, const code_t *pc, const code_t *ret, const Mfa *mfa)
{
    switch (p->freason) {
    case EXC_TRAP:
        push_return(p, ret);
        return go_on(s, p, export_addr(p->trap_export), (unsigned)p->trap_export->mfa.arity);
    case EXC_YIELD:
        exec_leave(s, p, pc, (unsigned)mfa->arity, RUN_YIELD);
        p->current = mfa;
        p->flags |= PF_IN_NATIVE;
        return NULL;
    case EXC_PAUSE: return end_slice(s, p, ret);
    case EXC_WAIT: return exec_leave(s, p, pc, (unsigned)mfa->arity, RUN_WAIT);
    case EXC_DIRTY_CPU: return go_dirty(s, p, ret, true);
    case EXC_DIRTY_IO: return go_dirty(s, p, ret, false);
    case EXC_HIBERNATE: return begin_hibernate(s, p);
    default:
        if (UNLIKELY(p->native_state != NULL)) {
            mfa = p->vm->procs->native_ops->failed(p, s->x, mfa);
            process_drop_native_state(p); /* or the next call of this native would go on with it */
        }
        p->x_arity = 4; /* a dirty thread leaves with what a handler finds in x */
        return except_raise_native(p, s->x, ret ? pc : except_caller(p), mfa, s->x) ?: exec_exit(s, p);
    }
}

const code_t *exec_native_special(Sched *s, Process *p, const code_t *pc)
{
    return special(s, p, pc, exec_of(s)->ret, p->current);
}

static const Mfa send_mfa = {am_erlang, am_send, 2};

const code_t *exec_send_special(Sched *s, Process *p, const code_t *pc, const code_t *ret)
{
    return special(s, p, pc, ret, &send_mfa);
}

term_t exec_call_dirty(Sched *s, Process *p, const BifEntry *native)
{
    if (s->kind != SCHED_NORMAL) return native->fn(p, s->x);
    p->freason = native->flags & BIF_DIRTY_CPU ? EXC_DIRTY_CPU : EXC_DIRTY_IO;
    return TERM_NONE;
}

/* ---- missing code ---- */

/* An argument may be a match context by now; what is shown is what was left to be matched. */
const code_t *exec_function_clause(Sched *s, Process *p, const Mfa *mfa)
{
    for (unsigned i = 0; i < mfa->arity; i++) s->x[i] = match_context_to_binary(&p->heap, s->x[i]);
    return except_raise_clause(p, s->x, mfa, s->x) ?: exec_exit(s, p);
}

static Export *error_handler(Process *p, term_t function)
{
    term_t module = p->error_handler ? p->error_handler : am_error_handler;
    Export *e = export_find(p->vm, module, function, 3);
    return e && export_is_defined(e) ? e : NULL;
}

const code_t *exec_undefined_call(Sched *s, Process *p, Export *e)
{
    Export *handler = error_handler(p, am_undefined_function);
    if (!handler || e == handler) {
        exec_error(p, EXC_UNDEF);
        return except_raise_native(p, s->x, NULL, &e->mfa, s->x) ?: exec_exit(s, p);
    }
    term_t args = heap_list(&p->heap, e->mfa.arity, s->x, TERM_NIL);
    s->x[0] = e->mfa.module;
    s->x[1] = e->mfa.function;
    s->x[2] = args;
    return go_on(s, p, export_addr(handler), 3);
}

/* At the entry of a function that has a debug breakpoint: error_handler:breakpoint(M, F, Args). */
const code_t *exec_debug_breakpoint(Sched *s, Process *p, const code_t *entry)
{
    Mfa mfa = *code_entry_mfa(entry);
    Export *handler = error_handler(p, am_breakpoint);
    if (!handler) {
        exec_error(p, EXC_UNDEF);
        return except_raise_native(p, s->x, NULL, &mfa, s->x) ?: exec_exit(s, p);
    }
    term_t args = TERM_NIL;
    for (word_t n = mfa.arity; n-- > 0;)
        args = heap_cons(&p->heap, match_context_to_binary(&p->heap, s->x[n]), args);
    s->x[0] = mfa.module;
    s->x[1] = mfa.function;
    s->x[2] = args;
    return go_on(s, p, export_addr(handler), 3);
}

/* The fun is the last live register; its arguments are the first ones. */
const code_t *exec_undefined_lambda(Sched *s, Process *p)
{
    term_t fun = s->x[p->x_arity - 1];
    Export *handler = error_handler(p, am_undefined_lambda);
    if (!handler) {
        exec_error(p, EXC_BADFUN);
        p->fvalue = fun;
        return except_raise(p, s->x, NULL) ?: exec_exit(s, p);
    }
    term_t args = heap_list(&p->heap, fun_arity(fun_ptr(fun)), s->x, TERM_NIL);
    s->x[0] = fun_ptr(fun)->entry->module;
    s->x[1] = fun;
    s->x[2] = args;
    return go_on(s, p, export_addr(handler), 3);
}

/* The module of the fun is being purged: stand still until that is over, then call the fun again through
 * erts_code_purger:pending_purge_lambda(Module, Fun, Args). */
const code_t *exec_purging_lambda(Sched *s, Process *p, const code_t *pc)
{
    term_t fun = s->x[p->x_arity - 1];
    const FunEntry *entry = fun_ptr(fun)->entry;
    if (fun_entry_addr(entry) != pc || !purge_wait(p->vm, p->id)) return fun_entry_addr(entry);
    term_t args = heap_list(&p->heap, fun_arity(fun_ptr(fun)), s->x, TERM_NIL);
    s->x[0] = entry->module;
    s->x[1] = fun;
    s->x[2] = args;
    p->suspend_count++;
    or_acq_rel(&p->state, PS_SUSPENDED);
    Export *e = export_get(p->vm, am_erts_code_purger, am_pending_purge_lambda, 3);
    return exec_leave(s, p, export_addr(e), 3, RUN_YIELD);
}
