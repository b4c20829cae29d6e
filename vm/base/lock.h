/* SPDX-License-Identifier: Apache-2.0 */
/* lock - mutex, read-write lock and condition variable, each of a lock class.
 * Classes stand in locks.def in the only order in which a thread may take them. Debug and
 * checked builds keep the list of locks each thread holds and panic, naming the file and line
 * of both acquisitions, when the order is broken, a lock is taken twice, freed while held,
 * or unlocked by another thread. Release builds carry none of that: a Mutex is four bytes.
 * Mutex:    futex, three states (free, held, held with waiters); brief spin before sleeping.
 * RwLock:   two futex words; prefers writers, so a thread must not take the read side twice; spins as
 *           the mutex does. Its memory must outlive every unlock: the one that leaves looks at it again.
 * Rules:    apart from a process's own main lock no lock is held across a garbage
 *           collection, a native library's code or a blocking call.
 * Layer: base. */
#ifndef JOIST_BASE_LOCK_H
#define JOIST_BASE_LOCK_H

#include "base/atomic.h"
#include "base/base.h"

enum LockClass {
#define LOCK_CLASS(name, flags, text) LOCK_##name,
#include "base/locks.def"
#undef LOCK_CLASS
    LOCK_CLASSES
};

#ifdef JOIST_DEBUG
#define LOCK_CHECKING 1
#endif

#ifdef LOCK_CHECKING
/* What the checker knows of one lock. */
typedef struct LockInfo {
    uint16_t class;          /* const after init */
    bool live;               /* initialised and not destroyed */
    atomic_word_t owner;     /* thread mark of the exclusive owner, 0 if none */
} LockInfo;
#define LOCK_INFO LockInfo info;
#define LOCK_INFO_INIT(name) .info = {.class = LOCK_##name, .live = true},
#else
#define LOCK_INFO
#define LOCK_INFO_INIT(name)
#endif

typedef struct Mutex {
    atomic_u32_t state; /* 0 free, 1 held, 2 held and somebody sleeps */
    LOCK_INFO
} Mutex;

/* state: number of readers, or RW_WRITER; above it who sleeps. Readers sleep on `state`, writers on
 * `writer_turn`, which each wake of a writer changes. */
#define RW_COUNT 0x3fffffffu
#define RW_WRITER RW_COUNT
#define RW_READERS_SLEEP 0x40000000u
#define RW_WRITERS_SLEEP 0x80000000u

typedef struct RwLock {
    atomic_u32_t state;
    atomic_u32_t writer_turn;
    LOCK_INFO
} RwLock;

typedef struct CondVar {
    atomic_u32_t sequence; /* bumped by each signal */
    atomic_u32_t waiters;
} CondVar;

/* For statically allocated locks: static Mutex m = MUTEX_INIT(LOG); */
#define MUTEX_INIT(name) {.state = 0, LOCK_INFO_INIT(name)}

void mutex_init(Mutex *m, enum LockClass class);
void mutex_destroy(Mutex *m);
void rwlock_init(RwLock *rw, enum LockClass class);
void rwlock_destroy(RwLock *rw);
void cond_init(CondVar *c);

#define mutex_lock(m) mutex_lock_at((m), __FILE__, __LINE__)
#define mutex_try_lock(m) mutex_try_lock_at((m), __FILE__, __LINE__)
#define rwlock_read_lock(rw) rwlock_read_lock_at((rw), __FILE__, __LINE__)
#define rwlock_write_lock(rw) rwlock_write_lock_at((rw), __FILE__, __LINE__)
#define rwlock_try_read_lock(rw) rwlock_try_read_lock_at((rw), __FILE__, __LINE__)
#define rwlock_try_write_lock(rw) rwlock_try_write_lock_at((rw), __FILE__, __LINE__)

/* Atomically release m and wait; m is held again on return. Spurious returns happen: loop.
 * The timed form takes nanoseconds from now and returns false when they have passed. */
void cond_wait(CondVar *c, Mutex *m);
bool cond_wait_ns(CondVar *c, Mutex *m, int64_t timeout_ns);
void cond_signal(CondVar *c);
void cond_broadcast(CondVar *c);

/* ---- the slow halves ---- */
void mutex_lock_slow(Mutex *m);
void mutex_wake_one(Mutex *m);
void rwlock_read_lock_slow(RwLock *rw);
void rwlock_write_lock_slow(RwLock *rw);
/* The last holder has left and `state` says who sleeps: wake a writer, else all readers. */
void rwlock_wake(RwLock *rw, uint32_t state);

#ifdef LOCK_CHECKING
void lock_check_before(LockInfo *info, bool is_try, const char *file, int line);
void lock_check_taken(LockInfo *info, bool exclusive, const char *file, int line);
void lock_check_unlock(LockInfo *info);
bool lock_is_held_by_me(const LockInfo *info);
int lock_held_count(void); /* locks this thread holds */
/* For the functions below, which know `file` and `line`. */
#define LOCK_BEFORE(l) lock_check_before(&(l)->info, false, file, line)
#define LOCK_TAKEN(l, exclusive) lock_check_taken(&(l)->info, exclusive, file, line)
#define LOCK_LEFT(l) lock_check_unlock(&(l)->info)
#define ASSERT_LOCKED(l) ASSERT(lock_is_held_by_me(&(l)->info))
#define ASSERT_NOT_LOCKED(l) ASSERT(!lock_is_held_by_me(&(l)->info))
#define ASSERT_NO_LOCKS() ASSERT(lock_held_count() == 0)
#else
#define LOCK_BEFORE(l) ((void)0)
#define LOCK_TAKEN(l, exclusive) ((void)0)
#define LOCK_LEFT(l) ((void)0)
#define ASSERT_LOCKED(l) ((void)sizeof(l))
#define ASSERT_NOT_LOCKED(l) ((void)sizeof(l))
#define ASSERT_NO_LOCKS() ((void)0)
#endif

static inline void mutex_lock_at(Mutex *m, const char *file UNUSED, int line UNUSED)
{
    LOCK_BEFORE(m);
    uint32_t free = 0;
    if (UNLIKELY(!cas_acquire(&m->state, &free, 1)))
        mutex_lock_slow(m);
    LOCK_TAKEN(m, true);
}

static inline bool MUST_CHECK mutex_try_lock_at(Mutex *m, const char *file UNUSED,
                                                int line UNUSED)
{
    uint32_t free = 0;
    if (!cas_acquire(&m->state, &free, 1))
        return false;
    LOCK_TAKEN(m, true);
    return true;
}

static inline void mutex_unlock(Mutex *m)
{
    LOCK_LEFT(m);
    if (UNLIKELY(atomic_exchange_explicit(&m->state, 0, memory_order_release) == 2))
        mutex_wake_one(m);
}

/* Not while a writer holds the lock, somebody sleeps (a writer that waits comes first), or the count is full. */
static inline bool rwlock_is_readable(uint32_t state)
{
    return state < RW_COUNT - 1;
}

static inline bool MUST_CHECK rwlock_try_read_lock_at(RwLock *rw, const char *file UNUSED, int line UNUSED)
{
    uint32_t state = load_relaxed(&rw->state);
    if (!rwlock_is_readable(state) || !cas_acquire(&rw->state, &state, state + 1))
        return false;
    LOCK_TAKEN(rw, false);
    return true;
}

static inline void rwlock_read_lock_at(RwLock *rw, const char *file UNUSED, int line UNUSED)
{
    LOCK_BEFORE(rw);
    uint32_t state = load_relaxed(&rw->state);
    if (UNLIKELY(!rwlock_is_readable(state) || !cas_acquire(&rw->state, &state, state + 1)))
        rwlock_read_lock_slow(rw);
    LOCK_TAKEN(rw, false);
}

static inline void rwlock_read_unlock(RwLock *rw)
{
    LOCK_LEFT(rw);
    uint32_t state = atomic_fetch_sub_explicit(&rw->state, 1, memory_order_release) - 1;
    if (UNLIKELY((state & RW_COUNT) == 0 && (state & RW_WRITERS_SLEEP)))
        rwlock_wake(rw, state);
}

static inline bool MUST_CHECK rwlock_try_write_lock_at(RwLock *rw, const char *file UNUSED, int line UNUSED)
{
    uint32_t free = 0;
    if (!cas_acquire(&rw->state, &free, RW_WRITER))
        return false;
    LOCK_TAKEN(rw, true);
    return true;
}

static inline void rwlock_write_lock_at(RwLock *rw, const char *file UNUSED, int line UNUSED)
{
    LOCK_BEFORE(rw);
    uint32_t free = 0;
    if (UNLIKELY(!cas_acquire(&rw->state, &free, RW_WRITER)))
        rwlock_write_lock_slow(rw);
    LOCK_TAKEN(rw, true);
}

static inline void rwlock_write_unlock(RwLock *rw)
{
    LOCK_LEFT(rw);
    uint32_t state = atomic_fetch_sub_explicit(&rw->state, RW_WRITER, memory_order_release) - RW_WRITER;
    if (UNLIKELY(state != 0))
        rwlock_wake(rw, state);
}

#ifndef LOCK_CHECKING
static_assert(sizeof(Mutex) == 4, "every process embeds mutexes");
#endif

#endif
