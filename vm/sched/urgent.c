/* SPDX-License-Identifier: Apache-2.0 */
/* urgent - system tasks whose priority is above that of the process that has to execute them: a process of
 * low priority may wait in its queue for ever while others run, and the requester of its collection with it.
 * A task on any scheduler takes RUNNING, has the process handle its signals and system tasks, and lets go; the
 * process may stand in a run queue meanwhile (state_pick leaves it alone then, state_leave queues it again).
 * While processes above the task's priority stand in line, it has to wait; those below it stay in the process.
 * It comes again until the signals sent before the task are handled, and until the process is dead if one of them
 * was its end: then it is taken out of its queue and executed here.
 * Layer: sched. */
#include "sched/sched_priv.h"

typedef struct Urgent {
    Task task;
    Process *p;            /* reference */
    enum ProcPriority prio; /* of the system task */
} Urgent;

enum Taken { TAKEN, LATER, NEVER };

static enum Taken take(Process *p)
{
    uint32_t old = load_relaxed(&p->state);
    do {
        if (old & (PS_FREE | PS_EXITING | PS_ANY_DIRTY)) return NEVER;
        if (old & PS_RUNNING) return LATER;
    } while (!cas_acq_rel(&p->state, &old, (old & ~PS_WAITING) | PS_RUNNING));
    return TAKEN;
}

static void handle(Sched *s, Process *p, enum ProcPriority prio)
{
    s->p = p;
    p->reds = s->slice_reds = SCHED_SLICE_REDS;
    bool go = s->vm->sched->ops.handle_signals(p, prio);
    p->reductions += (uint64_t)MAX(s->slice_reds - p->reds, 0);
    s->p = NULL;
    sched_leave(p, PS_RUNNING, go ? PS_RUNNABLE : 0);
}

/* True when there is more to do. */
static bool work(Sched *s, Urgent *u)
{
    if (runq_has_above(s->runq, u->prio)) return true;
    enum Taken taken = take(u->p);
    if (taken == TAKEN) handle(s, u->p, u->prio);
    uint32_t st = process_state(u->p);
    if (st & (PS_FREE | PS_ANY_DIRTY)) return false;
    if (!(st & PS_EXITING)) return taken == LATER || st & PS_SIGNALS;
    if (st & PS_QUEUED && runq_remove(u->p)) sched_run_process(s, u->p);
    return true;
}

static enum TaskResult urgent_run(Task *t, Sched *s)
{
    Urgent *u = container_of(t, Urgent, task);
    if (work(s, u)) {
        task_schedule(s->vm, t);
        return TASK_KEEP;
    }
    process_unref(u->p);
    MEM_DELETE(SCHED, u);
    return TASK_GONE;
}

/* False: p, which the caller has found but does not hold, is dead and about to be freed. */
static bool ref_living(Process *p)
{
    int32_t refs = load_relaxed(&p->refs);
    while (refs > 0)
        if (cas_acq_rel(&p->refs, &refs, refs + 1)) return true;
    return false;
}

void sched_hurry(Process *p, enum ProcPriority prio)
{
    if (!ref_living(p)) return;
    Urgent *u = MEM_NEW(SCHED, Urgent);
    u->p = p;
    u->prio = prio;
    task_init(&u->task, urgent_run);
    task_schedule(p->vm, &u->task);
}
