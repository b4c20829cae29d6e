/* SPDX-License-Identifier: Apache-2.0 */
/* timer - hierarchical timer wheels and the timers of processes.
 *
 *   tick = due time / 2^20 ns (about 1 ms), counted from the least int64
 *   level 0   64 slots of one tick, level 1  64 slots of 64 ticks, ... level 7
 *   A timer stands on the level of the highest 6-bit digit in which its tick differs from the
 *   wheel's present tick, in the slot named by that digit. When the present tick reaches the start
 *   of a slot of a higher level, its timers are distributed over the lower ones.
 * Invariants: every timer on level k > 0 is later than all timers on levels below k;
 *             next_ns <= the time of every timer in the wheel.
 * Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987; the digit rule
 * is the radix form of it. Layer: proc. */
#include "proc/timer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "proc/procops.h"
#include "proc/timer_priv.h"

THREAD_LOCAL struct TimerWheel *timer_wheel_self;

static uint64_t tick_of(int64_t ns) { return ((uint64_t)ns ^ (uint64_t)INT64_MIN) >> TICK_SHIFT; }
static int64_t tick_start_ns(uint64_t tick)
{
    return (int64_t)((tick << TICK_SHIFT) ^ (uint64_t)INT64_MIN);
}

/* ---- slots ---- */

static unsigned level_of(uint64_t present, uint64_t tick)
{
    uint64_t differ = (present ^ tick) | (WHEEL_SLOTS - 1);
    return (63u - (unsigned)__builtin_clzll(differ)) / WHEEL_SLOT_BITS;
}

static void slot_insert(TimerWheel *w, Timer *t)
{
    uint64_t tick = MAX(tick_of(t->due_ns), w->present);
    unsigned level = level_of(w->present, tick);
    unsigned index = (unsigned)(tick >> (level * WHEEL_SLOT_BITS)) & (WHEEL_SLOTS - 1);
    Timer **slot = &w->slots[level][index];
    t->slot = (uint16_t)(level * WHEEL_SLOTS + index);
    if (*slot) {
        t->next = *slot;
        t->prev = (*slot)->prev;
        t->prev->next = t->next->prev = t;
    } else {
        t->next = t->prev = *slot = t;
        w->occupied[level] |= UINT64_C(1) << index;
    }
}

static void slot_remove(TimerWheel *w, Timer *t)
{
    unsigned level = t->slot / WHEEL_SLOTS, index = t->slot % WHEEL_SLOTS;
    Timer **slot = &w->slots[level][index];
    if (t->next == t) {
        *slot = NULL;
        w->occupied[level] &= ~(UINT64_C(1) << index);
    } else {
        t->next->prev = t->prev;
        t->prev->next = t->next;
        if (*slot == t) *slot = t->next;
    }
    t->next = t->prev = NULL;
}

/* First occupied slot in order of time: its level, or -1; *index and *start (a tick) describe it. */
static int slot_first(const TimerWheel *w, unsigned *index, uint64_t *start)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (!w->occupied[level]) continue;
        unsigned shift = level * WHEEL_SLOT_BITS;
        *index = (unsigned)__builtin_ctzll(w->occupied[level]);
        uint64_t above = w->present >> shift >> WHEEL_SLOT_BITS << WHEEL_SLOT_BITS;
        *start = (above | *index) << shift;
        return (int)level;
    }
    return -1;
}

/* ---- next time ---- */

#define NEXT_SCAN_MAX 32

/* Recompute next_ns: exact on level 0 and for short slots, else the start of the slot, where its timers
 * will be distributed. */
static void wheel_find_next_locked(TimerWheel *w)
{
    unsigned index;
    uint64_t start;
    int level = slot_first(w, &index, &start);
    int64_t next = TIMER_NEVER;
    if (level >= 0) {
        const Timer *first = w->slots[level][index], *t = first;
        unsigned n = 0;
        do {
            next = MIN(next, t->due_ns);
            t = t->next;
        } while (t != first && (level == 0 || ++n < NEXT_SCAN_MAX));
        if (t != first) next = tick_start_ns(start);
    }
    store_relaxed(&w->next_ns, next);
}

int64_t timer_wheel_next(const TimerWheel *w) { return load_relaxed(&w->next_ns); }

/* ---- set and cancel ---- */

static TimerWheel *wheel_here(Vm *vm)
{
    TimerWheel *w = timer_wheel_self;
    return w && w->space == vm->timers ? w : vm->timers->wheels[0];
}

void timer_set(Vm *vm, Timer *t, int64_t due_ns)
{
    TimerWheel *w = wheel_here(vm);
    ASSERT(t->next == NULL);
    t->due_ns = due_ns;
    store_relaxed(&t->wheel, w);
    mutex_lock(&w->lock);
    slot_insert(w, t);
    w->count++;
    bool earlier = due_ns < load_relaxed(&w->next_ns);
    if (earlier) store_relaxed(&w->next_ns, due_ns);
    mutex_unlock(&w->lock);
    if (earlier && w != timer_wheel_self && w->space->kick) w->space->kick(vm, w->index);
}

bool timer_cancel(Timer *t)
{
    TimerWheel *w = load_relaxed(&t->wheel);
    if (!w) return false;
    mutex_lock(&w->lock);
    bool set = t->next != NULL;
    if (set) {
        slot_remove(w, t);
        if (--w->count == 0) store_relaxed(&w->next_ns, TIMER_NEVER);
    }
    mutex_unlock(&w->lock);
    return set;
}

bool timer_is_set(Timer *t)
{
    TimerWheel *w = load_relaxed(&t->wheel);
    if (!w) return false;
    mutex_lock(&w->lock);
    bool set = t->next != NULL;
    mutex_unlock(&w->lock);
    return set;
}

/* ---- expiry ---- */

/* Fire t, or chain it to *deliver for later. */
static void timer_take_out_locked(TimerWheel *w, Timer *t, Timer **deliver)
{
    slot_remove(w, t);
    w->count--;
    if (t->deliver) {
        t->prev = *deliver; /* prev alone: `next` NULL says "not set" */
        *deliver = t;
    } else {
        t->fire(t);
    }
}

/* Handle the due timers of a level 0 slot; false if some are left (due later in this tick). */
static bool slot_expire_locked(TimerWheel *w, unsigned index, int64_t now_ns, Timer **deliver, size_t *fired)
{
    Timer *later = NULL, *t;
    while ((t = w->slots[0][index]) != NULL) {
        if (t->due_ns <= now_ns) {
            timer_take_out_locked(w, t, deliver);
            ++*fired;
        } else {
            slot_remove(w, t);
            t->prev = later;
            later = t;
        }
    }
    bool all = later == NULL;
    while (later) {
        t = later;
        later = t->prev;
        slot_insert(w, t);
    }
    return all;
}

static void slot_distribute_locked(TimerWheel *w, unsigned level, unsigned index)
{
    Timer *t;
    while ((t = w->slots[level][index]) != NULL) {
        slot_remove(w, t);
        slot_insert(w, t);
    }
}

static size_t wheel_advance_locked(TimerWheel *w, int64_t now_ns, Timer **deliver)
{
    uint64_t now = tick_of(now_ns), start;
    unsigned index;
    size_t fired = 0;
    int level;
    while ((level = slot_first(w, &index, &start)) >= 0 && start <= now) {
        w->present = MAX(w->present, start);
        if (level > 0)
            slot_distribute_locked(w, (unsigned)level, index);
        else if (!slot_expire_locked(w, index, now_ns, deliver, &fired))
            break;
    }
    w->present = MAX(w->present, now);
    wheel_find_next_locked(w);
    return fired;
}

/* Reverses the chain made by timer_take_out_locked: oldest first. */
static Timer *deliver_in_order(Timer *chain)
{
    Timer *first = NULL;
    while (chain) {
        Timer *t = chain;
        chain = t->prev;
        t->prev = first;
        first = t;
    }
    return first;
}

size_t timer_wheel_expire(TimerWheel *w, int64_t now_ns)
{
    Timer *deliver = NULL;
    mutex_lock(&w->lock);
    size_t fired = wheel_advance_locked(w, now_ns, &deliver);
    mutex_unlock(&w->lock);
    deliver = deliver_in_order(deliver);
    while (deliver) {
        Timer *t = deliver;
        deliver = t->prev;
        t->prev = NULL;
        t->deliver(t);
    }
    return fired;
}

/* ---- space ---- */

static TimerWheel *wheel_new(TimerSpace *space, unsigned index)
{
    TimerWheel *w = MEM_NEW(TIMER, TimerWheel);
    mutex_init(&w->lock, LOCK_TIMER);
    w->space = space;
    w->index = index;
    w->present = tick_of(clock_monotonic_ns());
    atomic_init(&w->next_ns, TIMER_NEVER);
    return w;
}

void timers_init(Vm *vm, unsigned wheels, void (*kick)(Vm *vm, unsigned wheel))
{
    TimerSpace *space = MEM_NEW(TIMER, TimerSpace);
    space->kick = kick;
    space->count = wheels;
    space->wheels = MEM_NEW_ARRAY(TIMER, TimerWheel *, wheels);
    for (unsigned i = 0; i < wheels; i++) space->wheels[i] = wheel_new(space, i);
    bif_timers_init(space);
    vm->timers = space;
}

TimerWheel *timers_wheel(Vm *vm, unsigned index) { return vm->timers->wheels[index]; }

/* ---- receive timeouts ---- */

typedef struct ReceiveTimer {
    Timer t;
    Process *p;
    atomic_bool_t fired; /* release by the wheel's thread, acquire by the owner */
} ReceiveTimer;

static ReceiveTimer *receive_timer_of(const Process *p)
{
    return p->receive_timer ? container_of(p->receive_timer, ReceiveTimer, t) : NULL;
}

/* Under the wheel lock, so the owner's cancel waits for it and p stays valid. */
static void receive_timer_fire(Timer *t)
{
    ReceiveTimer *r = container_of(t, ReceiveTimer, t);
    store_release(&r->fired, true);
    process_wake(r->p, PS_RUNNABLE);
}

void receive_timer_set(Process *p, uint64_t ms)
{
    if (p->flags & PF_TIMER_SET) return;
    ReceiveTimer *r = receive_timer_of(p);
    if (!r) {
        r = MEM_NEW(TIMER, ReceiveTimer);
        r->t.fire = receive_timer_fire;
        r->p = p;
        p->receive_timer = &r->t;
    }
    store_relaxed(&r->fired, false);
    p->flags |= PF_TIMER_SET;
    timer_set(p->vm, &r->t, clock_monotonic_ns() + (int64_t)ms * NS_PER_MS);
}

void receive_timer_clear(Process *p)
{
    if (!(p->flags & PF_TIMER_SET)) return;
    p->flags &= ~PF_TIMER_SET;
    ReceiveTimer *r = receive_timer_of(p);
    timer_cancel(&r->t);
    store_relaxed(&r->fired, false);
}

bool receive_timer_fired(const Process *p)
{
    if (!(p->flags & PF_TIMER_SET)) return false;
    return load_acquire(&receive_timer_of(p)->fired);
}

bool receive_timeout_value(term_t t, uint64_t *ms)
{
    if (!term_is_small(t)) return false;
    int64_t i = small_value(t);
    if (i < 0 || i > (int64_t)UINT32_MAX) return false;
    *ms = (uint64_t)i;
    return true;
}

void timers_process_exit(Process *p)
{
    ReceiveTimer *r = receive_timer_of(p);
    if (r) {
        receive_timer_clear(p);
        p->receive_timer = NULL;
        MEM_DELETE(TIMER, r);
    }
    bif_timers_process_exit(p);
}
