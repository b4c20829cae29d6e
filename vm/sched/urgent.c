/* SPDX-License-Identifier: Apache-2.0 */
/* urgent - system tasks whose priority is above that of the process that has to execute them: a process of
 * low priority may wait in its queue for ever while others run, and the requester of its collection with it.
 * A task on any scheduler takes RUNNING, has the process handle its signals and system tasks, and lets go; the
 * process may stand in a run queue meanwhile (state_pick leaves it alone then, state_leave queues it again).
 * While processes above the task's priority stand in line, it has to wait; those below it stay in the process.
 * While the process is running the task waits for the end of that slice, as a job of the scheduler that runs it.
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
enum Left { LEFT_NOTHING, LEFT_MORE, LEFT_RUNNING };

static enum Taken take(Process *p)
{
    uint32_t old = load_relaxed(&p->state);
    do {
        if (old & (PS_FREE | PS_EXITING | PS_ANY_DIRTY)) return NEVER;
        if (old & PS_RUNNING) return LATER;
    } while (!cas_acq_rel(&p->state, &old, (old & ~PS_WAITING) | PS_RUNNING));
    return TAKEN;
}

bool sched_borrow(Process *p)
{
    uint32_t old = load_relaxed(&p->state);
    do {
        if (old & (PS_RESTLESS | PS_SYSTASK)) return false;
    } while (!cas_acq_rel(&p->state, &old, (old & ~PS_WAITING) | PS_RUNNING));
    return true;
}

void sched_give_back(Process *p) { sched_leave(p, PS_RUNNING, 0); }

static void handle(Sched *s, Process *p, enum ProcPriority prio)
{
    s->p = p;
    p->reds = s->slice_reds = SCHED_SLICE_REDS;
    bool go = s->vm->sched->ops.handle_signals(p, prio);
    p->reductions += (uint64_t)MAX(s->slice_reds - p->reds, 0);
    s->p = NULL;
    sched_leave(p, PS_RUNNING, go ? PS_RUNNABLE : 0);
}

static enum Left work(Sched *s, Urgent *u)
{
    if (runq_has_above(s->runq, u->prio)) return LEFT_MORE;
    enum Taken taken = take(u->p);
    if (taken == TAKEN) handle(s, u->p, u->prio);
    uint32_t st = process_state(u->p);
    if (st & (PS_FREE | PS_ANY_DIRTY)) return LEFT_NOTHING;
    if (st & PS_EXITING) {
        if (st & PS_QUEUED && runq_remove(u->p)) sched_run_process(s, u->p);
        return LEFT_MORE;
    }
    if (taken == LATER) return LEFT_RUNNING;
    return st & PS_SIGNALS ? LEFT_MORE : LEFT_NOTHING;
}

static void again(void *urgent)
{
    Urgent *u = urgent;
    task_schedule(u->p->vm, &u->task);
}

/* The queue that a running process was taken from is that of the scheduler which runs it, nearly always. */
static void again_after_slice(Sched *s, Urgent *u)
{
    const RunQueue *q = load_relaxed(&u->p->runq);
    if (q && q->sched != s) sched_run_on(s->vm, q->sched->number, again, u);
    else again(u);
}

static enum TaskResult urgent_run(Task *t, Sched *s)
{
    Urgent *u = container_of(t, Urgent, task);
    enum Left left = work(s, u);
    if (left == LEFT_NOTHING) {
        process_unref(u->p);
        MEM_DELETE(SCHED, u);
        return TASK_GONE;
    }
    if (left == LEFT_MORE) again(u);
    else again_after_slice(s, u);
    return TASK_KEEP;
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
