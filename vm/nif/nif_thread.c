/* SPDX-License-Identifier: Apache-2.0 */
/* nif_thread - threads, locks, condition variables and thread-specific data of native libraries and
 * drivers: enif_*, and under the names erl_drv_* the same functions. They are the library's own, outside
 * of the lock order checker. Semantics: erl_nif(3), erl_driver(3) "erl_drv_thread_create" and others.
 * Layer: nif. */
#include "base/alloc.h"
#include "base/thread.h"
#include "base/vm.h"
#include "include/erl_driver.h"
#include "nif/nif.h"

#include <errno.h>

#define API EXPORTED
/* The same function under another name. */
#define ALIAS(drv, of) __typeof__(drv) drv __attribute__((alias(#of), visibility("default")))

/* ---- mutexes ---- */
struct ErlDrvMutex_ {
    pthread_mutex_t m;
    char *name;
};

static char *name_copy(const char *name) { return name ? strdup(name) : NULL; }

API ErlNifMutex *enif_mutex_create(char *name)
{
    ErlNifMutex *m = malloc(sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->m, NULL);
    m->name = name_copy(name);
    return m;
}
API void enif_mutex_destroy(ErlNifMutex *m)
{
    if (!m) return;
    pthread_mutex_destroy(&m->m);
    free(m->name);
    free(m);
}
API char *enif_mutex_name(ErlNifMutex *m) { return m->name; }
API int enif_mutex_trylock(ErlNifMutex *m) { return pthread_mutex_trylock(&m->m); }
API void enif_mutex_lock(ErlNifMutex *m) { pthread_mutex_lock(&m->m); }
API void enif_mutex_unlock(ErlNifMutex *m) { pthread_mutex_unlock(&m->m); }

/* ---- condition variables ---- */
struct ErlDrvCond_ {
    pthread_cond_t c;
    char *name;
};

API ErlNifCond *enif_cond_create(char *name)
{
    ErlNifCond *c = malloc(sizeof *c);
    if (!c) return NULL;
    pthread_cond_init(&c->c, NULL);
    c->name = name_copy(name);
    return c;
}
API void enif_cond_destroy(ErlNifCond *c)
{
    if (!c) return;
    pthread_cond_destroy(&c->c);
    free(c->name);
    free(c);
}
API char *enif_cond_name(ErlNifCond *c) { return c->name; }
API void enif_cond_signal(ErlNifCond *c) { pthread_cond_signal(&c->c); }
API void enif_cond_broadcast(ErlNifCond *c) { pthread_cond_broadcast(&c->c); }
API void enif_cond_wait(ErlNifCond *c, ErlNifMutex *m) { pthread_cond_wait(&c->c, &m->m); }

/* ---- read-write locks ---- */
struct ErlDrvRWLock_ {
    pthread_rwlock_t l;
    char *name;
};

/* A writer that waits holds up later readers, or many readers would shut it out. */
API ErlNifRWLock *enif_rwlock_create(char *name)
{
    ErlNifRWLock *l = malloc(sizeof *l);
    pthread_rwlockattr_t attr;
    if (!l) return NULL;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&l->l, &attr);
    pthread_rwlockattr_destroy(&attr);
    l->name = name_copy(name);
    return l;
}
API void enif_rwlock_destroy(ErlNifRWLock *l)
{
    if (!l) return;
    pthread_rwlock_destroy(&l->l);
    free(l->name);
    free(l);
}
API char *enif_rwlock_name(ErlNifRWLock *l) { return l->name; }
API int enif_rwlock_tryrlock(ErlNifRWLock *l) { return pthread_rwlock_tryrdlock(&l->l); }
API void enif_rwlock_rlock(ErlNifRWLock *l) { pthread_rwlock_rdlock(&l->l); }
API void enif_rwlock_runlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->l); }
API int enif_rwlock_tryrwlock(ErlNifRWLock *l) { return pthread_rwlock_trywrlock(&l->l); }
API void enif_rwlock_rwlock(ErlNifRWLock *l) { pthread_rwlock_wrlock(&l->l); }
API void enif_rwlock_rwunlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->l); }

/* ---- thread-specific data: thousands of keys, so not those of pthread ----
 * A key is a slot; its generation is odd while it is in use, and grows with every creation and destruction, so
 * values of earlier keys are not seen. */

enum { TSD_SLOTS = 16384 };

struct NifTsdKeys {
    atomic_u32_t generation[TSD_SLOTS];
};

typedef struct TsdValue {
    uint32_t generation;
    void *value;
} TsdValue;

static THREAD_LOCAL TsdValue *tsd_values;
static THREAD_LOCAL int tsd_count;

static struct NifTsdKeys *tsd_keys(void)
{
    struct NifSpace *s = vm_default()->nif;
    mutex_lock(&s->lock);
    if (!s->tsd_keys) s->tsd_keys = MEM_NEW(NIF, struct NifTsdKeys);
    mutex_unlock(&s->lock);
    return s->tsd_keys;
}

API int enif_tsd_key_create(char *name UNUSED, ErlNifTSDKey *key)
{
    struct NifTsdKeys *k = tsd_keys();
    for (int i = 0; i < TSD_SLOTS; i++) {
        uint32_t g = atomic_load(&k->generation[i]);
        if (g & 1 || !atomic_compare_exchange_strong(&k->generation[i], &g, g + 1)) continue;
        *key = i;
        return 0;
    }
    return ENOMEM;
}

static uint32_t tsd_generation(int key) { return atomic_load(&vm_default()->nif->tsd_keys->generation[key]); }

API void enif_tsd_key_destroy(ErlNifTSDKey key) { atomic_fetch_add(&tsd_keys()->generation[key], 1); }

static void free_values(void *arg UNUSED)
{
    free(tsd_values);
    tsd_values = NULL;
    tsd_count = 0;
}

API void enif_tsd_set(ErlNifTSDKey key, void *data)
{
    if (key >= tsd_count) {
        int count = MAX(key + 1, 2 * tsd_count);
        TsdValue *values = realloc(tsd_values, (size_t)count * sizeof *values);
        if (!values) return;
        memset(values + tsd_count, 0, (size_t)(count - tsd_count) * sizeof *values);
        if (tsd_count == 0) thread_at_exit(free_values, NULL);
        tsd_values = values;
        tsd_count = count;
    }
    tsd_values[key] = (TsdValue){tsd_generation(key), data};
}

API void *enif_tsd_get(ErlNifTSDKey key)
{
    if (key >= tsd_count || tsd_values[key].generation != tsd_generation(key)) return NULL;
    return tsd_values[key].value;
}

/* ---- threads ---- */

struct ErlDrvTid_ {
    pthread_t t;
    char *name;
    void *(*run)(void *);
    void *arg;
    bool foreign;               /* made for enif_thread_self in a thread of other origin */
};

static THREAD_LOCAL struct ErlDrvTid_ *self;

static void *thread_main(void *arg)
{
    self = arg;
    thread_set_name(self->name ? self->name : "native");
    return self->run(self->arg);
}

API ErlNifThreadOpts *enif_thread_opts_create(char *name UNUSED)
{
    ErlNifThreadOpts *o = malloc(sizeof *o);
    if (o) o->suggested_stack_size = -1;
    return o;
}
API void enif_thread_opts_destroy(ErlNifThreadOpts *opts) { free(opts); }

/* The suggestion is in kilowords. */
static size_t stack_bytes(const ErlNifThreadOpts *opts)
{
    size_t least = 256 << 10; /* thread-local data is taken from it */
    if (!opts || opts->suggested_stack_size < 0) return 0;
    return MAX((size_t)opts->suggested_stack_size * 1024 * WORD_BYTES, least);
}

API int enif_thread_create(char *name, ErlNifTid *tid, void *(*fn)(void *), void *arg, ErlNifThreadOpts *opts)
{
    pthread_attr_t attr;
    ErlNifTid t = calloc(1, sizeof *t);
    if (!t) return ENOMEM;
    t->name = name_copy(name);
    t->run = fn;
    t->arg = arg;
    pthread_attr_init(&attr);
    if (stack_bytes(opts)) pthread_attr_setstacksize(&attr, stack_bytes(opts));
    *tid = t;
    int error = pthread_create(&t->t, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    if (!error) return 0;
    free(t->name);
    free(t);
    return error;
}

API int enif_thread_join(ErlNifTid t, void **result)
{
    int error = pthread_join(t->t, result);
    if (error) return error;
    free(t->name);
    free(t);
    return 0;
}

static void free_self(void *arg) { free(arg); }

API ErlNifTid enif_thread_self(void)
{
    if (self) return self;
    self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->t = pthread_self();
    self->foreign = true;
    thread_at_exit(free_self, self);
    return self;
}
API char *enif_thread_name(ErlNifTid t) { return t ? t->name : NULL; }
API int enif_equal_tids(ErlNifTid a, ErlNifTid b) { return a == b; }
API void enif_thread_exit(void *result) { pthread_exit(result); }

/* ---- the same for drivers ---- */
ALIAS(erl_drv_mutex_create, enif_mutex_create);
ALIAS(erl_drv_mutex_destroy, enif_mutex_destroy);
ALIAS(erl_drv_mutex_name, enif_mutex_name);
ALIAS(erl_drv_mutex_trylock, enif_mutex_trylock);
ALIAS(erl_drv_mutex_lock, enif_mutex_lock);
ALIAS(erl_drv_mutex_unlock, enif_mutex_unlock);
ALIAS(erl_drv_cond_create, enif_cond_create);
ALIAS(erl_drv_cond_destroy, enif_cond_destroy);
ALIAS(erl_drv_cond_name, enif_cond_name);
ALIAS(erl_drv_cond_signal, enif_cond_signal);
ALIAS(erl_drv_cond_broadcast, enif_cond_broadcast);
ALIAS(erl_drv_cond_wait, enif_cond_wait);
ALIAS(erl_drv_rwlock_create, enif_rwlock_create);
ALIAS(erl_drv_rwlock_destroy, enif_rwlock_destroy);
ALIAS(erl_drv_rwlock_name, enif_rwlock_name);
ALIAS(erl_drv_rwlock_tryrlock, enif_rwlock_tryrlock);
ALIAS(erl_drv_rwlock_rlock, enif_rwlock_rlock);
ALIAS(erl_drv_rwlock_runlock, enif_rwlock_runlock);
ALIAS(erl_drv_rwlock_tryrwlock, enif_rwlock_tryrwlock);
ALIAS(erl_drv_rwlock_rwlock, enif_rwlock_rwlock);
ALIAS(erl_drv_rwlock_rwunlock, enif_rwlock_rwunlock);
ALIAS(erl_drv_tsd_key_create, enif_tsd_key_create);
ALIAS(erl_drv_tsd_key_destroy, enif_tsd_key_destroy);
ALIAS(erl_drv_tsd_set, enif_tsd_set);
ALIAS(erl_drv_tsd_get, enif_tsd_get);
ALIAS(erl_drv_thread_opts_create, enif_thread_opts_create);
ALIAS(erl_drv_thread_opts_destroy, enif_thread_opts_destroy);
ALIAS(erl_drv_thread_create, enif_thread_create);
ALIAS(erl_drv_thread_join, enif_thread_join);
ALIAS(erl_drv_thread_self, enif_thread_self);
ALIAS(erl_drv_thread_name, enif_thread_name);
ALIAS(erl_drv_equal_tids, enif_equal_tids);
ALIAS(erl_drv_thread_exit, enif_thread_exit);
