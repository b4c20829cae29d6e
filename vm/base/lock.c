/* SPDX-License-Identifier: Apache-2.0 */
/* lock - sleeping halves of the locks, and the order checker; see lock.h.
 * Mutex states: 0 free, 1 held, 2 held with sleepers. A thread that has slept takes the lock
 * in state 2, because others may sleep still; the price is one needless wake at the end.
 * Source: Drepper, "Futexes Are Tricky", mutex 2. Layer: base. */
#include "base/lock.h"
#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#define SPINS_BEFORE_SLEEP 100
#define RW_LOOKS_BEFORE_SLEEP 20
#define RW_SPINS_A_LOOK 128

/* ---- mutex ---- */

void mutex_lock_slow(Mutex *m)
{
    for (int i = 0; i < SPINS_BEFORE_SLEEP; i++) {
        uint32_t free = 0;
        if (load_relaxed(&m->state) == 0 && cas_acquire(&m->state, &free, 1))
            return;
        cpu_relax();
    }
    while (atomic_exchange_explicit(&m->state, 2, memory_order_acquire) != 0)
        futex_wait(&m->state, 2, -1);
}

/* The memory of *m may be gone by now: between the release and this wake another thread can
 * have taken, released and freed it. A wake on a foreign word is harmless. */
void mutex_wake_one(Mutex *m)
{
    futex_wake(&m->state, 1);
}

/* ---- read-write lock ---- */

/* The state once the lock can be had or somebody sleeps for it, or after some spinning. A look takes the cache
 * line from the holder, who wants it back to let go: looked at seldom, the holder does several turns meanwhile,
 * and what the lock protects stays in its cache, too. Two writers of one ETS table, 80,000 inserts: 53 ms when
 * each spin looks, 42 each eighth, 25 each 128th (one scheduler: 8). */
static uint32_t rwlock_spin(const RwLock *rw, bool for_read)
{
    uint32_t s = 0;
    for (int i = 0; i < RW_LOOKS_BEFORE_SLEEP; i++) {
        s = load_relaxed(&rw->state);
        uint32_t count = s & RW_COUNT;
        if ((for_read ? count != RW_WRITER : count == 0) || (s & (RW_READERS_SLEEP | RW_WRITERS_SLEEP)))
            break;
        for (int spin = 0; spin < RW_SPINS_A_LOOK; spin++) cpu_relax();
    }
    return s;
}

void rwlock_read_lock_slow(RwLock *rw)
{
    uint32_t s = rwlock_spin(rw, true);
    for (;;) {
        if (rwlock_is_readable(s)) {
            if (cas_acquire(&rw->state, &s, s + 1))
                return;
            continue;
        }
        if ((s & RW_COUNT) == RW_COUNT - 1) { /* as many readers as can be counted */
            sched_yield();
        } else if ((s & RW_READERS_SLEEP) || cas_relaxed(&rw->state, &s, s | RW_READERS_SLEEP)) {
            futex_wait(&rw->state, s | RW_READERS_SLEEP, -1);
        } else {
            continue;
        }
        s = rwlock_spin(rw, true);
    }
}

/* Who has slept cannot know whether it was the only one: it takes the lock with the mark left on. */
void rwlock_write_lock_slow(RwLock *rw)
{
    uint32_t s = rwlock_spin(rw, false), others = 0;
    for (;;) {
        if ((s & RW_COUNT) == 0) {
            if (cas_acquire(&rw->state, &s, s | RW_WRITER | others))
                return;
            continue;
        }
        if (!(s & RW_WRITERS_SLEEP) && !cas_relaxed(&rw->state, &s, s | RW_WRITERS_SLEEP))
            continue;
        others = RW_WRITERS_SLEEP;
        uint32_t turn = load_acquire(&rw->writer_turn);
        s = load_relaxed(&rw->state);
        if ((s & RW_COUNT) == 0 || !(s & RW_WRITERS_SLEEP))
            continue; /* the wake came before the turn was read */
        futex_wait(&rw->writer_turn, turn, -1);
        s = rwlock_spin(rw, false);
    }
}

/* A writer is told by its turn; when none slept after all, readers are not left behind. A state that has changed
 * has gained the mark of a reader, or a holder, who wakes the sleepers when leaving. */
void rwlock_wake(RwLock *rw, uint32_t s)
{
    while (s & RW_WRITERS_SLEEP) {
        if ((s & RW_COUNT) != 0)
            return;
        if (!cas_relaxed(&rw->state, &s, s & RW_READERS_SLEEP))
            continue;
        atomic_fetch_add_explicit(&rw->writer_turn, 1, memory_order_release);
        if (futex_wake(&rw->writer_turn, 1) > 0)
            return;
        s &= RW_READERS_SLEEP;
    }
    if (s == RW_READERS_SLEEP && cas_relaxed(&rw->state, &s, 0))
        futex_wake(&rw->state, INT_MAX);
}

/* ---- condition variable ---- */

void cond_init(CondVar *c)
{
    store_relaxed(&c->sequence, 0);
    store_relaxed(&c->waiters, 0);
}

/* A signal after the unlock changes the sequence, so futex_wait returns at once. */
bool cond_wait_ns(CondVar *c, Mutex *m, int64_t timeout_ns)
{
    uint32_t seen = load_acquire(&c->sequence);
    add_seq(&c->waiters, 1);
    mutex_unlock(m);
    bool in_time = futex_wait(&c->sequence, seen, timeout_ns);
    sub_relaxed(&c->waiters, 1);
    mutex_lock(m);
    return in_time;
}

void cond_wait(CondVar *c, Mutex *m)
{
    cond_wait_ns(c, m, -1);
}

static void wake(CondVar *c, int how_many)
{
    add_seq(&c->sequence, 1);
    if (load_seq(&c->waiters) != 0)
        futex_wake(&c->sequence, how_many);
}

void cond_signal(CondVar *c)
{
    wake(c, 1);
}

void cond_broadcast(CondVar *c)
{
    wake(c, INT_MAX);
}

/* ---- order checker ---- */

#ifdef LOCK_CHECKING

static const struct {
    const char *name;
    bool many;
} classes[] = {
#define MANY 1
#define LOCK_CLASS(name, flags, text) {#name, flags},
#include "base/locks.def"
#undef LOCK_CLASS
#undef MANY
};

#define HELD_MAX 64

typedef struct Held {
    LockInfo *info;
    const char *file;
    int line;
    bool exclusive;
} Held;

static THREAD_LOCAL Held held[HELD_MAX];
static THREAD_LOCAL int held_count;

static void info_init(LockInfo *info, enum LockClass class)
{
    info->class = (uint16_t)class;
    info->live = true;
    store_relaxed(&info->owner, 0);
}

static void info_destroy(LockInfo *info)
{
    CHECK(info->live);
    CHECK(load_relaxed(&info->owner) == 0);
    info->live = false;
}

static void check_pair(const Held *h, const LockInfo *info, const char *file, int line)
{
    if (h->info == info)
        PANIC("%s:%d: lock %s taken twice; first at %s:%d", file, line,
              classes[info->class].name, h->file, h->line);
    if (h->info->class > info->class ||
        (h->info->class == info->class && !classes[info->class].many))
        PANIC("%s:%d: lock order: %s after %s, taken at %s:%d", file, line,
              classes[info->class].name, classes[h->info->class].name, h->file, h->line);
}

void lock_check_before(LockInfo *info, bool is_try, const char *file, int line)
{
    if (!info->live)
        PANIC("%s:%d: lock is not initialised", file, line);
    for (int i = 0; i < held_count && !is_try; i++)
        check_pair(&held[i], info, file, line);
}

void lock_check_taken(LockInfo *info, bool exclusive, const char *file, int line)
{
    CHECK(held_count < HELD_MAX);
    held[held_count++] = (Held){info, file, line, exclusive};
    if (exclusive)
        store_relaxed(&info->owner, thread_mark());
}

void lock_check_unlock(LockInfo *info)
{
    for (int i = held_count - 1; i >= 0; i--) {
        if (held[i].info == info) {
            if (held[i].exclusive)
                store_relaxed(&info->owner, 0);
            memmove(&held[i], &held[i + 1], (size_t)(held_count - i - 1) * sizeof held[0]);
            held_count--;
            return;
        }
    }
    PANIC("lock %s is not held by this thread", classes[info->class].name);
}

bool lock_is_held_by_me(const LockInfo *info)
{
    for (int i = 0; i < held_count; i++)
        if (held[i].info == info)
            return true;
    return false;
}

int lock_held_count(void)
{
    return held_count;
}

#define CHECK_INIT(l, class) info_init(&(l)->info, class)
#define CHECK_DESTROY(l) info_destroy(&(l)->info)

#else

#define CHECK_INIT(l, class) ((void)(class))
#define CHECK_DESTROY(l) ((void)(l))

#endif

/* ---- init and destroy ---- */

void mutex_init(Mutex *m, enum LockClass class)
{
    store_relaxed(&m->state, 0);
    CHECK_INIT(m, class);
}

void mutex_destroy(Mutex *m)
{
    ASSERT(load_relaxed(&m->state) == 0);
    CHECK_DESTROY(m);
}

/* ---- read-write lock ---- */

void rwlock_init(RwLock *rw, enum LockClass class)
{
    store_relaxed(&rw->state, 0);
    store_relaxed(&rw->writer_turn, 0);
    CHECK_INIT(rw, class);
}

void rwlock_destroy(RwLock *rw)
{
    CHECK_DESTROY(rw);
    CHECK(load_relaxed(&rw->state) == 0);
}
