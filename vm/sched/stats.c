/* SPDX-License-Identifier: Apache-2.0 */
/* stats - what schedulers have done: times, queue lengths, switches.
 * Semantics: erlang(3) statistics/1 (scheduler_wall_time, run_queue_lengths, ...). Layer: sched. */
#include "sched/sched_priv.h"

static unsigned total(const SchedSpace *space)
{
    return space->count + space->dirty_cpu_count + space->dirty_io_count;
}

static Sched *sched_at(const SchedSpace *space, unsigned i)
{
    return __atomic_load_n(&space->scheds[i], __ATOMIC_ACQUIRE);
}

/* One word, so that nobody sees half of a change: twice the sum of the spans that have ended; while one lasts, its
 * begin is taken off, and 1 added. */
void span_begin(Sched *s)
{
    store_relaxed(&s->priv->spans, load_relaxed(&s->priv->spans) - 2 * clock_monotonic_ns() + 1);
}

void span_end(Sched *s)
{
    store_relaxed(&s->priv->spans, load_relaxed(&s->priv->spans) + 2 * clock_monotonic_ns() - 1);
}

static int64_t spans_ns(const Sched *s, int64_t now)
{
    int64_t v = load_relaxed(&s->priv->spans), lasts = v & 1;
    return (v - lasts) / 2 + (lasts ? now : 0);
}

static void spans_note(SchedSpace *space, int64_t now)
{
    for (unsigned i = 0; i < total(space); i++) {
        Sched *s = sched_at(space, i);
        if (s) store_relaxed(&s->priv->spans_before, spans_ns(s, now));
    }
}

void sched_wall_time_enable(Vm *vm, bool on)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    if (on && sh->wall_users++ == 0) {
        int64_t now = clock_monotonic_ns();
        spans_note(vm->sched, now);
        store_relaxed(&sh->wall_since, now);
    } else if (!on && sh->wall_users > 0 && --sh->wall_users == 0) {
        store_relaxed(&sh->wall_since, 0);
    }
    mutex_unlock(&sh->block_lock);
}

bool sched_wall_time_enabled(Vm *vm) { return load_relaxed(&shared_of(vm)->wall_since) != 0; }

bool sched_wall_time(Vm *vm, unsigned number, SchedTimes *times)
{
    int64_t since = load_relaxed(&shared_of(vm)->wall_since), now = clock_monotonic_ns();
    if (since == 0) return false;
    times->total_ns = now - since;
    times->active_ns = 0;
    Sched *s = sched_at(vm->sched, number - 1);
    if (!s) return true;
    int64_t spans = spans_ns(s, now) - load_relaxed(&s->priv->spans_before);
    int64_t active = s->kind == SCHED_NORMAL ? times->total_ns - spans : spans;
    times->active_ns = MAX(MIN(active, times->total_ns), 0);
    return true;
}

static size_t pool_length(DirtyPool *pool)
{
    mutex_lock(&pool->lock);
    size_t n = pool->length;
    mutex_unlock(&pool->lock);
    return n;
}

static size_t pool_active(DirtyPool *pool)
{
    mutex_lock(&pool->lock);
    size_t n = pool->active;
    mutex_unlock(&pool->lock);
    return n;
}

void sched_queue_lengths(Vm *vm, size_t *out)
{
    SchedSpace *space = vm->sched;
    for (unsigned i = 0; i < space->count; i++) out[i] = runq_total(space->scheds[i]->runq);
    out[space->count] = pool_length(&space->shared->cpu);
    out[space->count + 1] = pool_length(&space->shared->io);
}

void sched_active_counts(Vm *vm, size_t *out)
{
    SchedSpace *space = vm->sched;
    for (unsigned i = 0; i < space->count; i++)
        out[i] = runq_total(space->scheds[i]->runq) + load_relaxed(&space->scheds[i]->priv->active);
    out[space->count] = pool_length(&space->shared->cpu) + pool_active(&space->shared->cpu);
    out[space->count + 1] = pool_length(&space->shared->io) + pool_active(&space->shared->io);
}

uint64_t sched_context_switches(Vm *vm)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < vm->sched->count; i++)
        sum += load_relaxed(&vm->sched->scheds[i]->priv->switches);
    return sum;
}

uint64_t sched_total_reductions(Vm *vm)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < vm->sched->count; i++)
        sum += load_relaxed(&vm->sched->scheds[i]->priv->reductions);
    Sched *s = sched_self;
    if (s && s->vm == vm && s->p) sum += (uint64_t)MAX(sched_slice_used(s->p), 0);
    return sum;
}
