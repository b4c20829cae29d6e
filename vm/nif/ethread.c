/* SPDX-License-Identifier: Apache-2.0 */
/* ethread - what OTP's internal header ethread.h declares and libraries built with it expect from the VM: threads,
 * locks, atomics, erts_milli_sleep. The structures are the header's; the first word of a lock points to the lock
 * that does the work (nif_thread.c), the first word of an atomic is its value. All atomics are sequentially
 * consistent, so the names with a weaker or another barrier are the same function.
 * Errors: 0 or errno. Semantics: ethread.h of OTP 25. Layer: nif. */
#include "base/clock.h"
#include "base/thread.h"
#include "include/erl_driver.h"
#include "include/erl_nif.h"

#include <errno.h>

#define API EXPORTED

/* ---- locks ---- */
typedef struct { ErlNifMutex *lock; } ethr_mutex;
typedef struct { ErlNifCond *cond; } ethr_cond;
typedef struct { ErlNifRWLock *lock; } ethr_rwmutex;

API int ethr_mutex_init_opt(ethr_mutex *m, const void *options UNUSED)
{
    m->lock = enif_mutex_create(NULL);
    return m->lock ? 0 : ENOMEM;
}
API int ethr_mutex_init(ethr_mutex *m) { return ethr_mutex_init_opt(m, NULL); }
API int ethr_mutex_destroy(ethr_mutex *m)
{
    enif_mutex_destroy(m->lock);
    return 0;
}
API int ethr_mutex_trylock(ethr_mutex *m) { return enif_mutex_trylock(m->lock); }
API void ethr_mutex_lock(ethr_mutex *m) { enif_mutex_lock(m->lock); }
API void ethr_mutex_unlock(ethr_mutex *m) { enif_mutex_unlock(m->lock); }

API int ethr_cond_init_opt(ethr_cond *c, const void *options UNUSED)
{
    c->cond = enif_cond_create(NULL);
    return c->cond ? 0 : ENOMEM;
}
API int ethr_cond_init(ethr_cond *c) { return ethr_cond_init_opt(c, NULL); }
API int ethr_cond_destroy(ethr_cond *c)
{
    enif_cond_destroy(c->cond);
    return 0;
}
API void ethr_cond_signal(ethr_cond *c) { enif_cond_signal(c->cond); }
API void ethr_cond_broadcast(ethr_cond *c) { enif_cond_broadcast(c->cond); }
API int ethr_cond_wait(ethr_cond *c, ethr_mutex *m)
{
    enif_cond_wait(c->cond, m->lock);
    return 0;
}

API int ethr_rwmutex_init_opt(ethr_rwmutex *m, const void *options UNUSED)
{
    m->lock = enif_rwlock_create(NULL);
    return m->lock ? 0 : ENOMEM;
}
API int ethr_rwmutex_init(ethr_rwmutex *m) { return ethr_rwmutex_init_opt(m, NULL); }
API int ethr_rwmutex_destroy(ethr_rwmutex *m)
{
    enif_rwlock_destroy(m->lock);
    return 0;
}
API int ethr_rwmutex_tryrlock(ethr_rwmutex *m) { return enif_rwlock_tryrlock(m->lock); }
API void ethr_rwmutex_rlock(ethr_rwmutex *m) { enif_rwlock_rlock(m->lock); }
API void ethr_rwmutex_runlock(ethr_rwmutex *m) { enif_rwlock_runlock(m->lock); }
API int ethr_rwmutex_tryrwlock(ethr_rwmutex *m) { return enif_rwlock_tryrwlock(m->lock); }
API void ethr_rwmutex_rwlock(ethr_rwmutex *m) { enif_rwlock_rwlock(m->lock); }
API void ethr_rwmutex_rwunlock(ethr_rwmutex *m) { enif_rwlock_rwunlock(m->lock); }

/* ---- threads ---- */
typedef pthread_t ethr_tid;

typedef struct {
    int detached;
    int suggested_stack_size; /* kilowords; -1: the system's */
    char *name;
} ethr_thr_opts;

API int ethr_thr_create(ethr_tid *tid, void *(*fn)(void *), void *arg, ethr_thr_opts *opts)
{
    pthread_attr_t attr;
    size_t least = 256 << 10; /* thread-local data is taken from it */
    pthread_attr_init(&attr);
    if (opts && opts->detached) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (opts && opts->suggested_stack_size >= 0)
        pthread_attr_setstacksize(&attr, MAX((size_t)opts->suggested_stack_size * 1024 * WORD_BYTES, least));
    int error = pthread_create(tid, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return error;
}
API int ethr_thr_join(ethr_tid tid, void **result) { return pthread_join(tid, result); }
API int ethr_thr_detach(ethr_tid tid) { return pthread_detach(tid); }
API void ethr_thr_exit(void *result) { pthread_exit(result); }
API ethr_tid ethr_self(void) { return pthread_self(); }
API int ethr_equal_tids(ethr_tid a, ethr_tid b) { return pthread_equal(a, b); }

API int erts_milli_sleep(long ms)
{
    if (ms > 0) thread_sleep_ns(ms * NS_PER_MS);
    return 0;
}

/* ---- atomics ---- */

/* The function under the names with a barrier. */
#define BARRIERS(f) \
    SAME(f, f##_mb); SAME(f, f##_rb); SAME(f, f##_wb); SAME(f, f##_acqb); SAME(f, f##_relb); SAME(f, f##_ddrb)
#define SAME(of, name) API __typeof__(of) name __attribute__((alias(#of)))

#define ATOMICS(kind, T) \
    API T *kind##_addr(kind##_t *a) { return (T *)&a->value; } \
    API void kind##_init(kind##_t *a, T v) { atomic_store(&a->value, v); } \
    API void kind##_set(kind##_t *a, T v) { atomic_store(&a->value, v); } \
    API T kind##_read(kind##_t *a) { return atomic_load(&a->value); } \
    API T kind##_inc_read(kind##_t *a) { return atomic_fetch_add(&a->value, 1) + 1; } \
    API T kind##_dec_read(kind##_t *a) { return atomic_fetch_sub(&a->value, 1) - 1; } \
    API T kind##_add_read(kind##_t *a, T v) { return atomic_fetch_add(&a->value, v) + v; } \
    API void kind##_inc(kind##_t *a) { atomic_fetch_add(&a->value, 1); } \
    API void kind##_dec(kind##_t *a) { atomic_fetch_sub(&a->value, 1); } \
    API void kind##_add(kind##_t *a, T v) { atomic_fetch_add(&a->value, v); } \
    API T kind##_read_band(kind##_t *a, T v) { return atomic_fetch_and(&a->value, v); } \
    API T kind##_read_bor(kind##_t *a, T v) { return atomic_fetch_or(&a->value, v); } \
    API T kind##_xchg(kind##_t *a, T v) { return atomic_exchange(&a->value, v); } \
    API T kind##_cmpxchg(kind##_t *a, T new, T old) \
    { \
        atomic_compare_exchange_strong(&a->value, &old, new); \
        return old; \
    } \
    BARRIERS(kind##_init); BARRIERS(kind##_set); BARRIERS(kind##_read); BARRIERS(kind##_inc_read); \
    BARRIERS(kind##_dec_read); BARRIERS(kind##_add_read); BARRIERS(kind##_inc); BARRIERS(kind##_dec); \
    BARRIERS(kind##_add); BARRIERS(kind##_read_band); BARRIERS(kind##_read_bor); BARRIERS(kind##_xchg); \
    BARRIERS(kind##_cmpxchg)

typedef struct { _Atomic(int64_t) value; } ethr_atomic_t;
typedef struct { _Atomic(int32_t) value; } ethr_atomic32_t;

ATOMICS(ethr_atomic, int64_t);
ATOMICS(ethr_atomic32, int32_t);
