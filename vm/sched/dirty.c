/* SPDX-License-Identifier: Apache-2.0 */
/* dirty - pools of threads for natives that compute long (CPU) or block (I/O).
 * A process that called such a native is queued here instead of in a run queue; a thread takes it,
 * executes the native with the process as its own (PS_DIRTY), and gives it back to a normal scheduler.
 * Threads are started when a job finds none waiting; idle ones wait for ever.
 * Layer: sched. */
#include "sched/sched_priv.h"

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
}

static void dirty_execute(Sched *s, Process *p)
{
    const uint32_t wants = PS_DIRTY_CPU | PS_DIRTY_IO;
    EpochSection section = epoch_enter(s->vm->epoch);
    s->p = p;
    s->slice_reds = SCHED_SLICE_REDS;
    p->reds = s->slice_reds;
    state_leave(p, PS_WAITING, PS_DIRTY);
    enum RunResult result = s->vm->sched->ops.run_dirty(s, p);
    s->p = NULL;
    if (result != RUN_EXIT) {
        p->reductions += (uint64_t)MAX(s->slice_reds - p->reds, 0);
        uint32_t st = state_leave(p, PS_DIRTY | wants, result == RUN_WAIT ? 0 : PS_RUNNABLE);
        if (st & PS_QUEUED) sched_enqueue(p, st);
    }
    epoch_leave(s->vm->epoch, section);
}

static void *dirty_main(void *arg)
{
    Sched *s = arg;
    DirtyPool *pool = s->kind == SCHED_DIRTY_CPU ? &shared_of(s->vm)->cpu : &shared_of(s->vm)->io;
    sched_self = s;
    for (;;) {
        Process *p = dirty_take(pool);
        store_relaxed(&s->priv->active, 1);
        int64_t begin = clock_monotonic_ns();
        dirty_execute(s, p);
        int64_t busy = clock_monotonic_ns() - begin;
        store_relaxed(&s->priv->idle_ns, load_relaxed(&s->priv->idle_ns) + busy);
        store_relaxed(&s->priv->active, 0);
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
    ThreadOptions options = {.name = name, .stack_bytes = space->shared->stack_bytes, .block_signals = true};
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
