/* SPDX-License-Identifier: Apache-2.0 */
/* bif_proc - processes: flags, group leader, liveness, suspension, system tasks, unique numbers.
 * Semantics: erlang(3), and for erts_internal the Erlang code of the preloaded modules that calls
 * them. Layer: bifs. */
#include "bifs/bif.h"

#include "base/alloc.h"
#include "data/binary.h"
#include "data/node.h"
#include "heap/gc.h"
#include "proc/process_gc.h"
#include "proc/process_info.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/saved_calls.h"
#include "proc/signal.h"
#include "proc/suspend.h"
#include "proc/systask.h"

#include <stdio.h>

BIF(erlang, self, 0, GUARD) { return p->id; }

/* ---- process_flag ---- */

static term_t flag_bool(Process *p, term_t value, uint32_t flag)
{
    term_t old = term_bool(p->flags & flag);
    if (!term_is_bool(value)) return bif_error(p, EXC_BADARG);
    p->flags = value == am_true ? p->flags | flag : p->flags & ~flag;
    return old;
}

/* One that others look at, too: what it is already costs no atomic step. */
static term_t state_flag(Process *p, term_t value, uint32_t flag)
{
    if (!term_is_bool(value)) return bif_error(p, EXC_BADARG);
    if (term_bool(load_acquire(&p->state) & flag) == value) return value;
    uint32_t old = value == am_true ? or_acq_rel(&p->state, flag) : and_acq_rel(&p->state, ~flag);
    return term_bool(old & flag);
}

static term_t flag_sensitive(Process *p, term_t value) { return state_flag(p, value, PS_SENSITIVE); }

static term_t flag_trap_exit(Process *p, term_t value) { return state_flag(p, value, PS_TRAP_EXIT); }

static term_t flag_priority(Process *p, term_t value)
{
    enum ProcPriority prio;
    if (!process_priority_parse(value, &prio)) return bif_error(p, EXC_BADARG);
    return process_priority_atom(p->vm->procs->ops->set_priority(p, prio));
}

static bool size_arg(term_t value, uint64_t limit, uint64_t *out)
{
    if (!term_is_small(value) || small_value(value) < 0) return false;
    *out = (uint64_t)small_value(value);
    return *out <= limit;
}

static term_t flag_min_heap(Process *p, term_t value)
{
    uint64_t n, old = p->min_heap_words;
    if (!size_arg(value, UINT32_MAX, &n)) return bif_error(p, EXC_BADARG);
    uint64_t max = p->max_heap >> 3, words = MAX(heap_size_at_least(n), HEAP_MIN_WORDS);
    if (max != 0 && max < words) return bif_error(p, EXC_BADARG);
    p->min_heap_words = (uint32_t)words;
    return term_small((int64_t)old);
}

static term_t flag_min_vheap(Process *p, term_t value)
{
    uint64_t n, old = p->min_vheap_words;
    if (!size_arg(value, UINT32_MAX, &n)) return bif_error(p, EXC_BADARG);
    p->min_vheap_words = (uint32_t)MAX(vheap_size_at_least(n), HEAP_MIN_VHEAP_WORDS);
    return term_small((int64_t)old);
}

static term_t flag_fullsweep(Process *p, term_t value)
{
    uint64_t n;
    term_t old = term_small(p->max_gens);
    if (!size_arg(value, INT64_MAX, &n)) return bif_error(p, EXC_BADARG);
    p->max_gens = (uint16_t)MIN(n, UINT16_MAX);
    return old;
}

static term_t flag_max_heap(Process *p, term_t value)
{
    uint64_t max = p->max_heap;
    if (!process_max_heap_parse(p->vm, value, &max)) return bif_error(p, EXC_BADARG);
    if (max >> 3 != 0 && max >> 3 < p->min_heap_words) return bif_error(p, EXC_BADARG);
    term_t old = process_max_heap_map(&p->heap, p->max_heap);
    p->max_heap = max;
    return old;
}

static term_t flag_queue_data(Process *p, term_t value)
{
    term_t old = p->flags & PF_OFF_HEAP_MSGQ ? am_off_heap : am_on_heap;
    if (value != am_off_heap && value != am_on_heap) return bif_error(p, EXC_BADARG);
    p->flags &= ~(PF_OFF_HEAP_MSGQ | PF_ON_HEAP_MSGQ);
    p->flags |= value == am_off_heap ? PF_OFF_HEAP_MSGQ : PF_ON_HEAP_MSGQ;
    return old;
}

static term_t flag_save_calls(Process *p, term_t value)
{
    uint64_t n;
    if (!size_arg(value, 10000, &n)) return bif_error(p, EXC_BADARG);
    process_end_slice(p); /* saving begins with the next slice: the next call ends this one */
    return term_small(saved_calls_set(p, (uint32_t)n));
}

/* Undocumented: binds the process to a scheduler (0: to none). It goes on there, so this native is called
 * again, with the old number kept. */
static term_t flag_scheduler(Process *p, term_t value)
{
    const ProcOps *ops = p->vm->procs->ops;
    uint64_t n;
    unsigned old = process_bound(p);
    if (p->bound & BOUND_MOVING) {
        unsigned before = p->bound >> BOUND_OLD_SHIFT & BOUND_MASK;
        p->bound = old;
        return term_small(before);
    }
    if (!size_arg(value, ops->schedulers(p->vm), &n)) return bif_error(p, EXC_BADARG);
    p->bound = (uint32_t)n;
    if (n == 0 || n == ops->self_number()) return term_small(old);
    p->bound |= BOUND_MOVING | old << BOUND_OLD_SHIFT;
    return bif_yield(p);
}

static term_t flag_error_handler(Process *p, term_t value)
{
    term_t old = p->error_handler;
    if (!term_is_atom(value)) return bif_error(p, EXC_BADARG);
    p->error_handler = value;
    return old;
}

/* {monitor_nodes, Options} and monitor_nodes belong to dist: it may register them here. */
BIF(erlang, process_flag, 2, 0)
{
    static const struct { term_t flag; term_t (*set)(Process *, term_t); } flags[] = {
        {am_trap_exit, flag_trap_exit},         {am_priority, flag_priority},
        {am_min_heap_size, flag_min_heap},      {am_min_bin_vheap_size, flag_min_vheap},
        {am_fullsweep_after, flag_fullsweep},   {am_max_heap_size, flag_max_heap},
        {am_message_queue_data, flag_queue_data}, {am_save_calls, flag_save_calls},
        {am_error_handler, flag_error_handler}, {am_scheduler, flag_scheduler},
        {am_sensitive, flag_sensitive},
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].flag == a[0]) return flags[i].set(p, a[1]);
    if (a[0] == am_async_dist) return flag_bool(p, a[1], PF_ASYNC_DIST);
    const ProcSpace *s = p->vm->procs;
    bool nodes = a[0] == am_monitor_nodes
              || (term_is_tuple_of(a[0], 2) && tuple_element(a[0], 1) == am_monitor_nodes);
    if (nodes && s->monitor_nodes) return s->monitor_nodes(p, a[0], a[1]);
    if (nodes && term_is_bool(a[1])) return term_small(0); /* no other nodes without distribution */
    return bif_error_cause(p, EXC_BADARG, am_badopt);
}

/* The only flag of another process. The atoms badarg, badtype are raised by the caller in Erlang. */
typedef struct SetFlag {
    Vm *vm;
    term_t requester;
    HeapPiece piece;
    term_t ref;
    uint32_t calls;
} SetFlag;

static void set_save_calls(Process *p, void *arg, bool dead)
{
    SetFlag *f = arg;
    term_t result = dead ? am_badarg : term_small(saved_calls_set(p, f->calls));
    message_answer(f->vm, f->requester, f->requester, f->ref, result);
    heap_piece_dispose(&f->piece);
    mem_free(MEM_TEMP, f, sizeof *f);
}

BIF(erts_internal, process_flag, 3, 0)
{
    uint64_t n;
    if (!term_is_local_pid(a[0]) || a[1] != am_save_calls || !size_arg(a[2], 10000, &n)) return am_badarg;
    if (a[0] == p->id) return flag_save_calls(p, a[2]);
    term_t ref = heap_new_ref(&p->heap, p->vm);
    SetFlag *f = MEM_NEW(TEMP, SetFlag);
    *f = (SetFlag){.vm = p->vm, .requester = p->id, .calls = (uint32_t)n};
    f->ref = heap_piece_copy_all(&f->piece, ref);
    signal_send_call(p->vm, p->id, a[0], set_save_calls, f);
    return ref;
}

/* ---- who is there ---- */

#define ITERATOR_STEP 1000
/* Iterator: number of slots scanned. {Next, Pids}, or none at the end. */
BIF(erts_internal, processes_next, 1, 0)
{
    Ptab *t = p->vm->procs->procs;
    uint64_t at;
    if (!size_arg(a[0], t->slots, &at)) return bif_error(p, EXC_BADARG);
    size_t end = ptab_scan_end(t), to = MIN(end, at + ITERATOR_STEP);
    if (at >= end) return am_none;
    term_t list = TERM_NIL;
    for (size_t i = to; i-- > at;) {
        Process *q = ptab_slot(t, i);
        if (q && !process_is_exiting(q)) list = heap_cons(&p->heap, q->id, list);
    }
    return heap_tuple2(&p->heap, term_small((int64_t)to), list);
}

/* Signals sent before by the caller must have had their effect: so the process itself answers, unless it rests. */
BIF(erlang, is_process_alive, 1, 0)
{
    if (!term_is_local_pid(a[0])) {
        if (term_is_ext_pid(a[0]) && ext_ptr(a[0])->node->name == node_self_name(p->vm)) return am_false;
        return bif_error(p, EXC_BADARG);
    }
    if (a[0] == p->id) return am_true;
    const Process *q = process_lookup_alive(p->vm, a[0]);
    if (!q) return am_false;
    if (!(process_state(q) & PS_RESTLESS)) return am_true;
    return bif_trap_mfa(p, am_erts_internal, am_is_process_alive, 1, a);
}

BIF(erts_internal, is_process_alive, 2, 0)
{
    if (!term_is_local_pid(a[0]) || !term_is_local_ref(a[1])) return bif_error(p, EXC_BADARG);
    SignalX *x = signal_new_x(SIG_IS_ALIVE, p->id);
    x->s.term = heap_piece_copy(&x->s.piece, a[1]);
    if (!signal_ask(p, a[0], &x->s)) {
        signal_free(&x->s);
        message_answer(p->vm, p->id, p->id, a[1], am_false);
    }
    return am_ok;
}

BIF(erts_internal, is_system_process, 1, 0)
{
    if (!term_is_local_pid(a[0])) return bif_error(p, EXC_BADARG);
    Process *q = process_lookup_alive(p->vm, a[0]);
    return term_bool(q && process_state(q) & PS_SYSTEM);
}

/* ---- group leader ---- */

BIF(erlang, group_leader, 0, 0) { return p->group_leader; }

/* true, badarg, or false: send the request with a reference and wait for {Ref, Result}. */
BIF(erts_internal, group_leader, 2, 0)
{
    if (!term_is_pid(a[0])) return am_badarg;
    if (term_is_ext_pid(a[1])) {
        const ProcRemoteOps *ops = p->vm->procs->remote_ops;
        term_t node = ext_ptr(a[1])->node->name;
        if (!ops || node == node_self_name(p->vm)) return am_badarg;
        return ops->group_leader(p, a[0], a[1]) == REMOTE_BUSY ? bif_wait(p) : am_true;
    }
    if (!term_is_local_pid(a[1])) return am_badarg;
    if (a[1] != p->id) return process_lookup_alive(p->vm, a[1]) ? am_false : am_badarg;
    p->group_leader = a[0];
    return am_true;
}

BIF(erts_internal, group_leader, 3, 0)
{
    if (!term_is_pid(a[0]) || !term_is_local_pid(a[1]) || !term_is_local_ref(a[2]))
        return bif_error(p, EXC_BADARG);
    SignalX *x = signal_new_x(SIG_GROUP_LEADER, p->id);
    Heap h = {0};
    term_t leader = term_copy(&h, a[0]), ref = term_copy(&h, a[2]);
    x->s.term = heap_tuple2(&h, leader, ref);
    x->s.piece = heap_piece_take(&h);
    if (!signal_ask(p, a[1], &x->s)) {
        signal_free(&x->s);
        message_answer(p->vm, p->id, p->id, a[2], am_badarg);
    }
    return am_ok;
}

/* ---- suspend ---- */

typedef struct SuspendOptions {
    bool unless;
    enum SuspendHow how;
    term_t tag;
} SuspendOptions;

static bool suspend_options(SuspendOptions *o, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t opt = list_head(list);
        if (opt == am_unless_suspending)
            o->unless = true;
        else if (opt == am_asynchronous)
            o->how = SUSPEND_ASYNC;
        else if (term_is_tuple_of(opt, 2) && tuple_element(opt, 1) == am_asynchronous) {
            o->how = SUSPEND_ASYNC_REPLY;
            o->tag = tuple_element(opt, 2);
        } else
            return false;
    }
    return term_is_nil(list);
}

BIF(erts_internal, suspend_process, 2, 0)
{
    SuspendOptions o = {false, SUSPEND_SYNC, TERM_NIL};
    if (!term_is_local_pid(a[0]) || a[0] == p->id) return am_badarg;
    if (!suspend_options(&o, a[1])) return am_badopt;
    return suspend_process(p, a[0], o.unless, o.how, o.tag);
}

BIF(erlang, resume_process, 1, 0)
{
    if (!term_is_local_pid(a[0]) || a[0] == p->id || !suspend_resume(p, a[0]))
        return bif_error(p, EXC_BADARG);
    return am_true;
}

/* ---- system tasks ---- */

static term_t request_task(Process *p, term_t requester, term_t to, term_t prio_atom, term_t request)
{
    enum ProcPriority prio = process_priority(p);
    if (prio_atom != am_inherit && !process_priority_parse(prio_atom, &prio)) return bif_error(p, EXC_BADARG);
    if (!systask_request(p->vm, requester, to, prio, request)) return bif_error(p, EXC_BADARG);
    return am_ok;
}

BIF(erts_internal, request_system_task, 3, 0) { return request_task(p, p->id, a[0], a[1], a[2]); }

BIF(erts_internal, request_system_task, 4, 0)
{
    if (!term_is_local_pid(a[0])) return bif_error(p, EXC_BADARG);
    return request_task(p, a[0], a[1], a[2], a[3]);
}

/* Natives never collect: the first call asks for it and yields; the collection takes place between the
 * slices, with the arguments as live registers; the second call finds it done. */
BIF(erts_internal, garbage_collect, 1, 0)
{
    if (a[0] != am_major && a[0] != am_minor) return bif_error(p, EXC_BADARG);
    if (p->flags & PF_GC_ASKED) {
        p->flags &= ~PF_GC_ASKED;
        return am_true;
    }
    p->flags |= PF_GC_ASKED | PF_FORCE_GC | (a[0] == am_major ? PF_NEED_FULLSWEEP : 0);
    or_acq_rel(&p->state, PS_SYSTASK);
    return bif_yield(p);
}

/* ---- dirty execution: signals of such a process wait until its native returns ---- */

BIF(erts_internal, is_process_executing_dirty, 1, 0)
{
    if (!term_is_local_pid(a[0])) return bif_error(p, EXC_BADARG);
    Process *q = process_lookup_alive(p->vm, a[0]);
    return term_bool(q && process_state(q) & PS_DIRTY);
}

BIF(erts_internal, dirty_process_handle_signals, 1, 0)
{
    if (!term_is_local_pid(a[0])) return am_false;
    return process_lookup_alive(p->vm, a[0]) ? am_normal : am_noproc;
}

/* ---- reductions ---- */

BIF(erlang, bump_reductions, 1, 0)
{
    if (!term_is_small(a[0]) || small_value(a[0]) < 0) {
        bool positive_big = term_is_big(a[0]) && HEADER_SUBTAG(boxed_header(a[0])) == BOXED_POS_BIG;
        if (!positive_big) return bif_error(p, EXC_BADARG);
        (void)process_bump_reds(p, INT32_MAX);
        return am_true;
    }
    (void)process_bump_reds(p, (int32_t)MIN(small_value(a[0]), (int64_t)INT32_MAX));
    return am_true;
}

/* ---- process_display: the process itself prints its stack ---- */

typedef struct Display {
    Vm *vm;
    term_t requester, ref;
    HeapPiece piece;
} Display;

static void print_backtrace(Process *p)
{
    const ProcExecOps *exec = &p->vm->procs->exec;
    Heap h = {0};
    if (process_state(p) & PS_SENSITIVE) return;
    term_t text = exec->backtrace ? exec->backtrace(p, &h) : TERM_NONE;
    if (text != TERM_NONE && term_is_binary(text)) {
        BitView v = bitstring_view(text);
        (void)fwrite(view_bytes(&v), 1, bitstring_bits(text) / 8, stdout);
        (void)fflush(stdout);
    }
    heap_dispose(&h);
}

static void display(Process *p, void *arg, bool dead)
{
    Display *d = arg;
    if (!dead) print_backtrace(p);
    message_answer(d->vm, d->requester, d->requester, d->ref, dead ? am_badarg : am_true);
    heap_piece_dispose(&d->piece);
    mem_free(MEM_TEMP, d, sizeof *d);
}

BIF(erts_internal, process_display, 2, 0)
{
    if (a[1] != am_backtrace) return am_badopt;
    if (!term_is_local_pid(a[0])) return am_badarg;
    if (a[0] == p->id) {
        print_backtrace(p);
        return am_true;
    }
    term_t ref = heap_new_ref(&p->heap, p->vm);
    Display *d = MEM_NEW(TEMP, Display);
    *d = (Display){.vm = p->vm, .requester = p->id};
    d->ref = heap_piece_copy_all(&d->piece, ref);
    signal_send_call(p->vm, p->id, a[0], display, d);
    return ref;
}
