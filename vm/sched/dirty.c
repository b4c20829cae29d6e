/* SPDX-License-Identifier: Apache-2.0 */
/* dirty - pools of threads for natives that compute long (CPU) or block (I/O).
 * A process that called such a native is queued here instead of in a run queue; a thread takes it,
 * executes the native with the process as its own (PS_DIRTY), and gives it back to a normal scheduler.
 *
 *   [RUNNING] call native --> [DIRTY] native executes --> [RUNNING|DIRTY] result --> normal scheduler
 * Signals do not wait for that: while the process is in the pool's queue or in the native, a task on a normal
 * scheduler takes RUNNING, handles them as the owner, and lets go. QUEUED then means that there is a
 * task. Only what needs the heap of the process, or that it stands still, waits for the end of the native
 * (process_own_heap, suspend_must_wait). An exit signal makes the task go through the phases of the exit;
 * the memory is freed by the dirty thread, which finds PS_FREE, or no longer dirty by a normal slice.
 * Threads are started when a job finds none waiting; idle ones wait for ever.
 * Layer: sched. */
#include "sched/sched_priv.h"

#include "proc/exit.h"
#include "proc/signal.h"

#include <stdio.h>

void dirty_init(Vm *vm, DirtyPool *pool, enum SchedKind kind, unsigned first, unsigned max, unsigned online)
{
    mutex_init(&pool->lock, LOCK_DIRTY_QUEUE);
    cond_init(&pool->ready);
    pool->vm = vm;
    pool->kind = kind;
    pool->first = first;
    pool->max = max;
    pool->online = online;
}

static Process *dirty_take(DirtyPool *pool)
{
    Process *p;
    mutex_lock(&pool->lock);
    while (!(p = prio_queue_pop(&pool->queue))) {
        pool->waiting++;
        cond_wait(&pool->ready, &pool->lock);
        pool->waiting--;
    }
    pool->length--;
    pool->active++;
    mutex_unlock(&pool->lock);
    return p;
}

static void dirty_done(DirtyPool *pool)
{
    mutex_lock(&pool->lock);
    pool->active--;
    mutex_unlock(&pool->lock);
    if (UNLIKELY(atomic_load(&shared_of(pool->vm)->multi_waits))) multi_dirty_ended(pool->vm);
}

unsigned dirty_active(DirtyPool *pool)
{
    mutex_lock(&pool->lock);
    unsigned n = pool->active;
    mutex_unlock(&pool->lock);
    return n;
}

/* p has been killed. If its exit is through, only the freeing is left; else the exit goes on elsewhere. */
static void dirty_give_up(Process *p)
{
    uint32_t old = load_acquire(&p->state), new; /* what the exit has done, whoever did it */
    do {
        if (old & PS_FREE) {
            process_exit_free(p);
            return;
        }
        new = old & ~PS_ANY_DIRTY;
        if (!(new & (PS_QUEUED | PS_RUNNING))) new |= PS_QUEUED | PS_RUNNABLE;
    } while (!cas_acq_rel(&p->state, &old, new));
    if ((new & ~old) & PS_QUEUED) sched_enqueue(p, new);
}

/* Take RUNNING for the dirty thread; false when p is exiting, which is then not ours any more. */
static bool dirty_acquire(Process *p, uint32_t set)
{
    uint32_t old = load_relaxed(&p->state);
    for (;;) {
        if (old & PS_EXITING) {
            dirty_give_up(p);
            return false;
        }
        if (old & PS_RUNNING) { /* a task handles signals, for less than a slice */
            thread_yield();
            old = load_relaxed(&p->state);
        } else if (cas_acq_rel(&p->state, &old, (old & ~PS_WAITING) | PS_RUNNING | set)) {
            return true;
        }
    }
}

void sched_dirty_alone_begin(Sched *s) { epoch_leave(s->vm->epoch, s->priv->section); }
void sched_dirty_alone_end(Sched *s) { s->priv->section = epoch_enter(s->vm->epoch); }

void sched_dirty_native_begin(Process *p)
{
    sched_leave(p, PS_RUNNING, PS_DIRTY);
}

bool sched_dirty_native_end(Process *p)
{
    if (!dirty_acquire(p, 0)) return false;
    and_acq_rel(&p->state, ~PS_DIRTY);
    process_side_join(p);
    return true;
}

static void dirty_execute(Sched *s, Process *p)
{
    s->priv->section = epoch_enter(s->vm->epoch);
    if (dirty_acquire(p, 0)) {
        s->p = p;
        s->slice_reds = SCHED_SLICE_REDS;
        p->reds = s->slice_reds;
        enum RunResult result = s->vm->sched->ops.run_dirty(s, p);
        s->p = NULL;
        if (result != RUN_EXIT) {
            p->reductions += (uint64_t)MAX(s->slice_reds - p->reds, 0);
            uint32_t set = result == RUN_WAIT ? 0 : PS_RUNNABLE;
            if (p->sigq.mid_first) set |= PS_SIGNALS;
            sched_leave(p, PS_RUNNING | PS_ANY_DIRTY, set);
        }
    }
    epoch_leave(s->vm->epoch, s->priv->section);
}

/* Alone, while dirty schedulers are blocked together with the others. */
static void dirty_execute_blocked(Sched *s, Process *p)
{
    bool alone = atomic_load(&shared_of(s->vm)->multi_all);
    if (alone) sched_block_all(s->vm);
    span_begin(s);
    dirty_execute(s, p);
    span_end(s);
    if (alone) sched_unblock_all(s->vm);
}

void dirty_run(Sched *s, Process *p)
{
    DirtyPool *pool = s->kind == SCHED_DIRTY_CPU ? &shared_of(s->vm)->cpu : &shared_of(s->vm)->io;
    mutex_lock(&pool->lock);
    pool->active++;
    mutex_unlock(&pool->lock);
    dirty_execute_blocked(s, p);
    dirty_done(pool);
}

/* ---- signals meanwhile ---- */

typedef struct DirtySignals {
    Task task;
    Process *p;                       /* reference */
} DirtySignals;

/* Take RUNNING. False: p is no longer dirty and went to a run queue, the dirty thread is between two
 * steps and will look at PS_SIGNALS when it lets go, or p is gone. */
static bool task_acquire(Process *p)
{
    uint32_t old = load_acquire(&p->state), new; /* who let go has taken p out of its queue */
    do {
        if (!(old & (PS_ANY_DIRTY | PS_FREE))) {
            sched_enqueue(p, old);
            return false;
        }
        new = old & ~PS_QUEUED;
        if (!(old & (PS_RUNNING | PS_FREE))) new |= PS_RUNNING;
    } while (!cas_acq_rel(&p->state, &old, new));
    return !(old & (PS_RUNNING | PS_FREE));
}

/* The exit is through, or has to go on: true when the task is to come again. */
static bool task_leave_exiting(Process *p, bool done)
{
    uint32_t old = load_acquire(&p->state), new;
    do {
        if (!(old & PS_ANY_DIRTY) && done) { /* the dirty thread has left: nobody else knows p */
            process_exit_free(p);
            return false;
        }
        new = (old & ~PS_RUNNING) | (done ? PS_FREE : PS_QUEUED | PS_RUNNABLE);
    } while (!cas_acq_rel(&p->state, &old, new));
    if (!done && !(new & PS_ANY_DIRTY)) sched_enqueue(p, new);
    return !done && new & PS_ANY_DIRTY;
}

static enum TaskResult dirty_signals_run(Task *t, Sched *s)
{
    DirtySignals *d = container_of(t, DirtySignals, task);
    Process *p = d->p;
    if (task_acquire(p)) {
        int32_t reds = SCHED_SLICE_REDS;
        if (process_is_exiting(p) || !signal_fetch_handle(p, &reds)) {
            if (task_leave_exiting(p, process_exit_phases(p, &reds))) {
                task_schedule(s->vm, t);
                return TASK_KEEP;
            }
        } else {
            sched_leave(p, PS_RUNNING, 0);
        }
    }
    process_unref(p);
    MEM_DELETE(SCHED, d);
    return TASK_GONE;
}

void dirty_signals_later(Process *p)
{
    DirtySignals *d = MEM_NEW(SCHED, DirtySignals);
    process_ref(p);
    d->p = p;
    task_init(&d->task, dirty_signals_run);
    task_schedule(p->vm, &d->task);
}

/* ---- threads ---- */

static void *dirty_main(void *arg)
{
    Sched *s = arg;
    DirtyPool *pool = s->kind == SCHED_DIRTY_CPU ? &shared_of(s->vm)->cpu : &shared_of(s->vm)->io;
    sched_self = s;
    literal_space_self = s->vm->literals;
    for (;;) {
        Process *p = dirty_take(pool);
        store_relaxed(&s->priv->active, 1);
        msacc_switch(s, MS_EMULATOR);
        dirty_execute_blocked(s, p);
        store_relaxed(&s->priv->active, 0);
        msacc_switch(s, MS_SLEEP);
        dirty_done(pool);
    }
    return NULL;
}

/* One more thread, if the pool may have one. */
static void dirty_start_thread_locked(DirtyPool *pool)
{
    SchedSpace *space = pool->vm->sched;
    unsigned index = pool->first + pool->started;
    Sched *s = sched_new(space, pool->kind, index + 1);
    char name[16];
    bool cpu = pool->kind == SCHED_DIRTY_CPU;
    snprintf(name, sizeof name, cpu ? "dirty_cpu_%u" : "dirty_io_%u", pool->started + 1);
    ThreadOptions options = {.name = name, .stack_bytes = pool->stack_bytes, .block_signals = true};
    int error = thread_create(&s->priv->thread, &options, dirty_main, s);
    if (error) PANIC("cannot create dirty thread: %s", strerror(error));
    __atomic_store_n(&space->scheds[index], s, __ATOMIC_RELEASE);
    pool->started++;
}

void dirty_push(Vm *vm, Process *p, enum SchedKind kind)
{
    DirtyPool *pool = kind == SCHED_DIRTY_CPU ? &shared_of(vm)->cpu : &shared_of(vm)->io;
    mutex_lock(&pool->lock);
    prio_queue_push(&pool->queue, p, state_priority(process_state(p)));
    pool->length++;
    if (pool->waiting < pool->length && pool->started < pool->online)
        dirty_start_thread_locked(pool);
    else
        cond_signal(&pool->ready);
    mutex_unlock(&pool->lock);
}
