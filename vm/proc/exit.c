/* SPDX-License-Identifier: Apache-2.0 */
/* exit - see exit.h. Each phase does a bounded piece of work at a time and counts it; process_exit_run
 * leaves between two pieces when the slice is used up.
 * The order is what others rely on: when they learn of the death (by exit signal, 'DOWN' or a noproc)
 * the name is free, the tables are gone or given away, and the process table has room again.
 * Layer: proc. */
#include "proc/exit.h"

#include "base/alloc.h"
#include "bifs/bif.h"
#include "code/purge.h"
#include "heap/heap.h"
#include "proc/link.h"
#include "proc/message.h"
#include "proc/procdict.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "proc/signal.h"
#include "proc/suspend.h"
#include "proc/systask.h"
#include "proc/timer.h"

#define REDS_PER_SIGNAL 4

enum ExitPhase {
    EXIT_TIMERS,
    EXIT_HOOKS,
    EXIT_NAME,
    EXIT_CLOSE,
    EXIT_QUEUE,
    EXIT_LINKS,
    EXIT_MONITORS,
    EXIT_LT_MONITORS,
    EXIT_FREE
};

typedef struct ExitState {
    enum ExitPhase phase;
    unsigned hook;
    term_t reason;
    HeapPiece kept;          /* what it is made of, once a run has ended */
    bool ghost;              /* its dirty native goes on without it */
    int32_t reds;            /* left for this run */
    bool begun;              /* a run has been here before */
} ExitState;

/* During a dirty native the fields of execution are the native's. */
void process_exit_begin(Process *p, term_t reason)
{
    if (p->exit) return; /* the first reason counts */
    p->exit = MEM_NEW(PROC, ExitState);
    p->exit->reason = reason;
    if (!process_in_dirty_native(p)) {
        p->fvalue = reason;
        p->ftrace = TERM_NIL;
        p->catches = 0;
        p->x_live = 0;
        p->trap_export = NULL;
        p->flags &= ~PF_IN_RECEIVE;
        p->reds = MAX(p->reds, 1);
    }
    uint32_t old = load_relaxed(&p->state);
    while (!cas_acq_rel(&p->state, &old, (old | PS_EXITING) & ~PS_SUSPENDED)) {
    }
}

void process_drop_native_state(Process *p)
{
    NativeState *state = p->native_state;
    p->native_state = NULL;
    if (state) state->destroy(state);
}

static bool exit_timers(Process *p, ExitState *e)
{
    timers_process_exit(p);
    if (!process_in_dirty_native(p)) process_drop_native_state(p);
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->event(p, am_exit, e->reason, TERM_NONE);
    return true;
}

static bool exit_hooks(Process *p, ExitState *e)
{
    ProcSpace *s = p->vm->procs;
    while (e->hook < s->exit_hook_count) {
        if (!s->exit_hooks[e->hook](p, e->reason, &e->reds)) return false;
        e->hook++;
    }
    return true;
}

/* After the hooks: whoever finds the name free finds those of p's tables free, too. */
static bool exit_name(Process *p, ExitState *e UNUSED)
{
    term_t name = registry_remove_process(p->vm, p);
    if (UNLIKELY(p->trace != NULL) && name != TERM_NONE)
        p->vm->procs->trace_ops->event(p, am_unregister, name, TERM_NONE);
    return true;
}

static bool exit_close(Process *p, ExitState *e)
{
    e->ghost = process_in_dirty_native(p);
    if (e->ghost) purge_ghost_begins(p->vm);
    signal_close(p);
    systask_drop_all(p);
    suspend_resume_all(p);
    ptab_remove(p->vm->procs->procs, p);
    return true;
}

static bool exit_queue(Process *p, ExitState *e) { return signal_answer_dead(p, &e->reds); }

static bool out_of_reds(ExitState *e)
{
    e->reds -= REDS_PER_SIGNAL;
    return e->reds <= 0;
}

static bool exit_links(Process *p, ExitState *e)
{
    for (RbNode *n; (n = rb_first(&p->links)) != NULL;) {
        Link *l = container_of(n, Link, node);
        link_remove(p, l);
        if (l->unlink_id == 0) signal_link_exit_any(p, l->other, e->reason);
        link_free(l);
        if (out_of_reds(e)) return false;
    }
    return true;
}

static bool exit_monitors(Process *p, ExitState *e)
{
    for (RbNode *n; (n = rb_first(&p->monitors)) != NULL;) {
        monitor_demonitor(p, container_of(n, Monitor, node));
        if (out_of_reds(e)) return false;
    }
    return true;
}

static bool exit_lt_monitors(Process *p, ExitState *e)
{
    for (RbNode *n; (n = rb_first(&p->lt_monitors)) != NULL;) {
        LtMonitor *m = container_of(n, LtMonitor, node);
        lt_monitor_remove(p, m);
        signal_down_any(p, m->watcher, m->ref, m->name, e->reason);
        lt_monitor_free(m);
        if (out_of_reds(e)) return false;
    }
    return true;
}

typedef bool PhaseFn(Process *p, ExitState *e);
static PhaseFn *const phases[] = {
    [EXIT_TIMERS] = exit_timers,     [EXIT_HOOKS] = exit_hooks, [EXIT_NAME] = exit_name,
    [EXIT_CLOSE] = exit_close,
    [EXIT_QUEUE] = exit_queue,       [EXIT_LINKS] = exit_links, [EXIT_MONITORS] = exit_monitors,
    [EXIT_LT_MONITORS] = exit_lt_monitors,
};

/* The collector of literal areas does not ask one who is not in the table any more. */
static void keep_reason(ExitState *e)
{
    if (!e->kept.frags) e->reason = heap_piece_copy_all(&e->kept, e->reason);
}

bool process_exit_phases(Process *p, int32_t *reds)
{
    ExitState *e = p->exit;
    e->reds = *reds;
    while (e->phase < EXIT_FREE && phases[e->phase](p, e)) e->phase++;
    *reds = e->reds;
    if (e->phase < EXIT_FREE) keep_reason(e);
    return e->phase == EXIT_FREE;
}

void process_exit_free(Process *p)
{
    if (p->trace) p->vm->procs->trace_ops->forget(p);
    bool ghost = p->exit->ghost;
    heap_piece_dispose(&p->exit->kept);
    MEM_DELETE(PROC, p->exit);
    p->exit = NULL;
    process_drop_native_state(p);
    dict_free(p);
    p->fvalue = am_undefined;
    heap_destroy(&p->heap);
    process_side_drop(p);
    or_acq_rel(&p->state, PS_FREE);
    if (ghost) purge_ghost_ends(p->vm);
    process_unref(p);
}

static void trace_exiting(Process *p, term_t event)
{
    p->vm->procs->trace_ops->event(p, event, term_small(0), TERM_NONE);
}

bool process_exit_run(Process *p)
{
    if (UNLIKELY(p->trace != NULL) && p->exit->begun) trace_exiting(p, am_in_exiting);
    p->exit->begun = true;
    bool done = process_exit_phases(p, &p->reds);
    if (UNLIKELY(p->trace != NULL)) trace_exiting(p, done ? am_out_exited : am_out_exiting);
    if (done) process_exit_free(p);
    return done;
}
