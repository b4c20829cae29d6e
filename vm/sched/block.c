/* SPDX-License-Identifier: Apache-2.0 */
/* block - stop the world at slice ends.
 *
 * Every normal scheduler announces `in_slice` before it touches a process and withdraws it while it
 * sleeps or waits here. The blocker sets `blocked`, then waits until nobody else is in a slice.
 *   scheduler: in_slice := 1; look at blocked   } both sequentially consistent, so at least
 *   blocker:   blocked := 1;  look at in_slice  } one sees the other
 * Two blockers: the second one withdraws its own in_slice while it waits for the first.
 * Layer: sched. */
#include "sched/sched_priv.h"

/* Its address identifies the calling thread. */
static THREAD_LOCAL char block_identity;

void block_init(SchedShared *sh)
{
    mutex_init(&sh->block_lock, LOCK_SCHED_STATE);
    cond_init(&sh->block_changed);
}

static void block_notify(SchedShared *sh)
{
    mutex_lock(&sh->block_lock);
    cond_broadcast(&sh->block_changed);
    mutex_unlock(&sh->block_lock);
}

void block_leave_slice(Sched *s)
{
    SchedShared *sh = shared_of(s->vm);
    atomic_store(&s->priv->in_slice, 0);
    if (atomic_load(&sh->blocked)) block_notify(sh);
}

void block_enter_slice(Sched *s)
{
    SchedShared *sh = shared_of(s->vm);
    for (;;) {
        atomic_store(&s->priv->in_slice, 1);
        if (LIKELY(!atomic_load(&sh->blocked))) return;
        sched_tell(s, false);
        block_leave_slice(s);
        bool online = epoch_is_online(&s->priv->epoch);
        if (online) epoch_offline(&s->priv->epoch);
        span_begin(s);
        mutex_lock(&sh->block_lock);
        while (load_relaxed(&sh->blocked)) cond_wait(&sh->block_changed, &sh->block_lock);
        mutex_unlock(&sh->block_lock);
        span_end(s);
        sched_tell(s, true);
        if (online) epoch_online(&s->priv->epoch);
    }
}

static bool others_in_slice(SchedSpace *space, const Sched *me)
{
    for (unsigned i = 0; i < space->count; i++)
        if (space->scheds[i] != me && atomic_load(&space->scheds[i]->priv->in_slice)) return true;
    return false;
}

static Sched *normal_self(Vm *vm)
{
    Sched *s = sched_self;
    return s && s->vm == vm && s->kind == SCHED_NORMAL ? s : NULL;
}

/* False: the time is over. */
static bool wait_for_change(SchedShared *sh, int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX) {
        cond_wait(&sh->block_changed, &sh->block_lock);
        return true;
    }
    int64_t left = deadline_ns - clock_monotonic_ns();
    if (left > 0) cond_wait_ns(&sh->block_changed, &sh->block_lock, left);
    return left > 0;
}

static void block_until(Vm *vm, int64_t deadline_ns)
{
    SchedShared *sh = shared_of(vm);
    Sched *me = normal_self(vm);
    mutex_lock(&sh->block_lock);
    if (sh->blocker == &block_identity) {
        sh->block_depth++;
        mutex_unlock(&sh->block_lock);
        return;
    }
    if (sh->blocker && me) {
        atomic_store(&me->priv->in_slice, 0);
        cond_broadcast(&sh->block_changed);
    }
    while (sh->blocker && wait_for_change(sh, deadline_ns)) {
    }
    sh->blocker = &block_identity;
    sh->block_depth = 1;
    atomic_store(&sh->blocked, 1);
    if (me) atomic_store(&me->priv->in_slice, 1);
    while (others_in_slice(vm->sched, me) && wait_for_change(sh, deadline_ns)) {
    }
    mutex_unlock(&sh->block_lock);
}

void sched_block_all(Vm *vm) { block_until(vm, INT64_MAX); }

void sched_block_for_good(Vm *vm, int64_t timeout_ns) { block_until(vm, clock_monotonic_ns() + timeout_ns); }

void sched_unblock_all(Vm *vm)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    ASSERT(sh->blocker == &block_identity);
    if (--sh->block_depth == 0) {
        sh->blocker = NULL;
        atomic_store(&sh->blocked, 0);
        cond_broadcast(&sh->block_changed);
    }
    mutex_unlock(&sh->block_lock);
}
