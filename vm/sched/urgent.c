/* SPDX-License-Identifier: Apache-2.0 */
/* urgent - system tasks whose priority is above that of the process that has to execute them: a process of
 * low priority may wait in its queue for ever while others run, and the requester of its collection with it.
 * A task on any scheduler takes RUNNING, has the process handle its signals and system tasks, and lets go; the
 * process may stand in a run queue meanwhile (state_pick leaves it alone then, state_leave queues it again).
 * Layer: sched. */
#include "sched/sched_priv.h"

typedef struct Urgent {
    Task task;
    Process *p;            /* reference */
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

static void handle(Sched *s, Process *p)
{
    s->p = p;
    p->reds = s->slice_reds = SCHED_SLICE_REDS;
    bool go = s->vm->sched->ops.handle_signals(p, process_state(p) & PS_SUSPENDED);
    p->reductions += (uint64_t)MAX(s->slice_reds - p->reds, 0);
    s->p = NULL;
    sched_leave(p, PS_RUNNING, go ? PS_RUNNABLE : 0);
}

static enum TaskResult urgent_run(Task *t, Sched *s)
{
    Urgent *u = container_of(t, Urgent, task);
    enum Taken taken = take(u->p);
    if (taken == LATER) {
        task_schedule(s->vm, t);
        return TASK_KEEP;
    }
    if (taken == TAKEN) handle(s, u->p);
    process_unref(u->p);
    MEM_DELETE(SCHED, u);
    return TASK_GONE;
}

void sched_hurry(Process *p)
{
    Urgent *u = MEM_NEW(SCHED, Urgent);
    process_ref(p);
    u->p = p;
    task_init(&u->task, urgent_run);
    task_schedule(p->vm, &u->task);
}
