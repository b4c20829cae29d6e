/* SPDX-License-Identifier: Apache-2.0 */
/* sleep - how a scheduler without work waits, and how it is woken.
 *
 * One sleeper, the poller, waits in the kernel's poll set for descriptors; the others wait for their
 * event. Both wake up for the nearest timer of their own wheel. The protocol with those who queue work:
 *   sleeper: set my idle bit; look at all queues, my jobs    } both sequentially consistent, so
 *   pusher:  count the entry; look at the idle bits          } at least one sees the other
 * Whoever wakes a sleeper clears its bit first, so each waker takes another one. At most one sleeper
 * at a time is woken to search: it wakes the next when it has found something and more is left.
 * Layer: sched. */
#include "base/large.h"
#include "sched/sched_priv.h"

#define SHORT_SLEEP_NS INT64_C(10000000)

static uint64_t idle_bit(const Sched *s) { return UINT64_C(1) << ((s->number - 1) % 64); }
static unsigned idle_word(const Sched *s) { return (s->number - 1) / 64; }

bool sched_is_idle(const SchedShared *sh, const Sched *s)
{
    return atomic_load(&sh->idle[idle_word(s)]) & idle_bit(s);
}

static void idle_set(SchedShared *sh, Sched *s)
{
    atomic_fetch_or(&sh->idle[idle_word(s)], idle_bit(s));
    atomic_fetch_add(&sh->idle_count, 1);
}

/* True for the one who cleared it. */
static bool idle_clear(SchedShared *sh, Sched *s)
{
    if (!(atomic_fetch_and(&sh->idle[idle_word(s)], ~idle_bit(s)) & idle_bit(s))) return false;
    atomic_fetch_sub(&sh->idle_count, 1);
    return true;
}

void sched_kick_one(SchedShared *sh, Sched *s)
{
    event_set(&s->priv->event);
    atomic_fence_full();
    if (atomic_load(&sh->poller) == s) poll_interrupt(sh->polls);
}

void sched_kick(Vm *vm, unsigned number)
{
    SchedShared *sh = shared_of(vm);
    if (number == 0) {
        sched_wake_idle(vm->sched);
        return;
    }
    Sched *s = vm->sched->scheds[number - 1];
    idle_clear(sh, s);
    sched_kick_one(sh, s);
}

/* ---- choosing whom to wake ---- */

/* An idle scheduler that is online, rather not the poller: it had better stay where it is. */
static Sched *idle_take(SchedSpace *space)
{
    SchedShared *sh = space->shared;
    Sched *poller = atomic_load(&sh->poller);
    unsigned online = load_relaxed(&space->active);
    for (unsigned i = 0; i < online; i++) {
        Sched *s = space->scheds[i];
        if (s != poller && sched_is_idle(sh, s) && idle_clear(sh, s)) return s;
    }
    return poller && poller->number <= online && idle_clear(sh, poller) ? poller : NULL;
}

void sched_wake_idle(SchedSpace *space)
{
    SchedShared *sh = space->shared;
    if (atomic_load(&sh->idle_count) == 0 || load_relaxed(&sh->searching)) return;
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&sh->searching, &none, 1)) return;
    Sched *s = idle_take(space);
    if (!s) {
        store_release(&sh->searching, 0);
        return;
    }
    store_release(&s->priv->has_search_token, 1);
    sched_kick_one(sh, s);
}

void search_over(Sched *s)
{
    if (!load_relaxed(&s->priv->has_search_token)) return;
    store_relaxed(&s->priv->has_search_token, 0);
    atomic_store(&shared_of(s->vm)->searching, 0);
}

/* ---- sleeping ---- */

static bool work_is_visible(Sched *s)
{
    SchedSpace *space = s->vm->sched;
    if (atomic_load(&s->priv->has_jobs)) return true;
    if (s->number > load_relaxed(&space->active)) return atomic_load(&s->runq->length) > 0;
    if (atomic_load(&s->runq->bound_length)) return true;
    for (unsigned i = 0; i < space->count; i++)
        if (atomic_load(&space->scheds[i]->runq->length)) return true;
    return false;
}

/* Time until the nearest timer; < 0: none. */
static int64_t sleep_limit_ns(Sched *s)
{
    int64_t next = timer_wheel_next(s->wheel);
    if (next == TIMER_NEVER) return -1;
    int64_t left = next - clock_monotonic_ns(); /* once: MAX evaluates its operands twice */
    return MAX(left, 0);
}

/* The poller that wakes up goes on with what is ready. */
static enum Microstate after_sleep(Sched *s)
{
    return load_relaxed(&shared_of(s->vm)->poller) == s ? MS_CHECK_IO : MS_OTHER;
}

static void idle_times(Sched *s, bool begins)
{
    msacc_switch(s, begins ? MS_SLEEP : after_sleep(s));
    if (begins)
        span_begin(s);
    else
        span_end(s);
}

/* From sleep back among those who may run; called once per sleep, before any callback. */
static void wake_up(void *arg)
{
    Sched *s = arg;
    idle_clear(shared_of(s->vm), s);
    idle_times(s, false);
    sched_tell(s, true);
    block_enter_slice(s);
    epoch_online(&s->priv->epoch);
}

static void sleep_as_poller(SchedShared *sh, Sched *s, int64_t limit_ns)
{
    atomic_fence_full(); /* poller is announced; partner: sched_kick_one */
    poll_wait(sh->polls, event_is_set(&s->priv->event) ? 0 : limit_ns, wake_up, s);
    atomic_store(&sh->poller, NULL);
    msacc_switch(s, MS_OTHER);
}

/* The last one to fall asleep, for a while, gives unused memory back; it sleeps less when that cannot be yet. */
static int64_t release_memory(Sched *s, int64_t limit_ns)
{
    if (limit_ns >= 0 && limit_ns < SHORT_SLEEP_NS) return limit_ns;
    if (atomic_load(&shared_of(s->vm)->idle_count) < load_relaxed(&s->vm->sched->active)) return limit_ns;
    int64_t due_ns = large_release_idle(clock_monotonic_ns());
    return due_ns >= 0 && (limit_ns < 0 || due_ns < limit_ns) ? due_ns : limit_ns;
}

void sched_sleep(Sched *s)
{
    SchedShared *sh = shared_of(s->vm);
    Sched *nobody = NULL;
    event_reset(&s->priv->event);
    idle_set(sh, s);
    search_over(s);
    if (work_is_visible(s)) {
        idle_clear(sh, s);
        return;
    }
    sched_tell(s, false);
    epoch_offline(&s->priv->epoch);
    block_leave_slice(s);
    idle_times(s, true);
    int64_t limit_ns = release_memory(s, sleep_limit_ns(s));
    if (s->number <= load_relaxed(&s->vm->sched->active) &&
        atomic_compare_exchange_strong(&sh->poller, &nobody, s)) {
        sleep_as_poller(sh, s, limit_ns);
    } else {
        event_wait_timeout_ns(&s->priv->event, limit_ns);
        wake_up(s);
    }
}
