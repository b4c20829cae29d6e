/* SPDX-License-Identifier: Apache-2.0 */
/* drv_async - work that drivers leave to threads (driver_async), and the locks that such work shares with its port
 * (port data locks). Jobs with the same key run in order, in one thread. A job that is done waits in its port
 * until the port's task calls ready_async; when the port is gone by then it is only freed.
 * The threads (+A) are started with the first job. Locks: the pool's lock (IO) inside a port's. Layer: io. */
#include "base/alloc.h"
#include "base/queue.h"
#include "base/thread.h"
#include "io/drv.h"
#include "proc/ptab.h"

#include <stdio.h>

#define API EXPORTED

typedef struct AsyncJob {
    struct AsyncJob *next;
    DynDriver *driver;           /* pinned */
    term_t port;
    long id;
    void (*invoke)(void *);
    void *data;
    void (*free)(void *);
    ErlDrvPDL pdl;               /* a reference, or NULL: the job may lock it when the port is gone */
} AsyncJob;

typedef struct AsyncThread {
    struct AsyncPool *pool;
    CondVar ready;
    AsyncJob *first, **last;     /* pool lock */
    bool started;                /* pool lock */
} AsyncThread;

struct AsyncPool {
    Mutex lock;                  /* class IO; also of DynPort.done */
    Vm *vm;
    unsigned count;              /* const */
    unsigned turn;               /* lock: for jobs without a key */
    long next_id;                /* lock */
    AsyncThread *threads;
};

void async_init(Vm *vm)
{
    struct AsyncPool *pool = MEM_NEW(DRV, struct AsyncPool);
    mutex_init(&pool->lock, LOCK_IO);
    pool->vm = vm;
    vm->io->async = pool;
}

static void finish(AsyncJob *job, bool free_data)
{
    DynDriver *driver = job->driver;
    if (free_data && job->free) job->free(job->data);
    if (job->pdl) driver_pdl_dec_refc(job->pdl);
    MEM_DELETE(DRV, job);
    ddll_unpin(driver);
}

/* To the port, if it is still there. */
static void hand_over(struct AsyncPool *pool, AsyncJob *job)
{
    EpochSection section = nif_enter(pool->vm);
    Port *port = ptab_lookup(pool->vm->procs->ports, job->port);
    bool taken = false;
    mutex_lock(&pool->lock);
    if (port && load_relaxed(&port->state) != PORT_DEAD && port->driver_data) {
        AsyncJob **end = &dyn_port(port)->done;
        while (*end) end = &(*end)->next;
        job->next = NULL;
        *end = job;
        taken = true;
    }
    mutex_unlock(&pool->lock);
    if (taken) port_event(port, PORT_ASYNC);
    nif_leave(pool->vm, section);
    if (!taken) finish(job, true);
}

void async_report(Port *port, bool dead)
{
    struct AsyncPool *pool = port->vm->io->async;
    DynPort *d = dyn_port(port);
    for (;;) {
        mutex_lock(&pool->lock);
        AsyncJob *job = d->done;
        if (job) d->done = job->next;
        if (dead && !job) port->driver_data = NULL;
        mutex_unlock(&pool->lock);
        if (!job) return;
        bool call = !dead && d->driver->entry->ready_async && !port->exit_asked;
        if (call) d->driver->entry->ready_async(d->data, job->data);
        finish(job, !call);
    }
}

static AsyncJob *take(AsyncThread *t)
{
    mutex_lock(&t->pool->lock);
    while (!t->first) cond_wait(&t->ready, &t->pool->lock);
    AsyncJob *job = t->first;
    t->first = job->next;
    if (!t->first) t->last = &t->first;
    mutex_unlock(&t->pool->lock);
    return job;
}

static void *async_main(void *arg)
{
    AsyncThread *t = arg;
    for (;;) {
        AsyncJob *job = take(t);
        job->invoke(job->data);
        hand_over(t->pool, job);
    }
    return NULL;
}

static void start_thread_locked(AsyncThread *t, unsigned number)
{
    Thread thread;
    char name[16];
    snprintf(name, sizeof name, "async_%u", number + 1);
    ThreadOptions options = {.name = name, .block_signals = true};
    t->started = true;
    if (thread_create(&thread, &options, async_main, t) != 0) PANIC("cannot create an async thread");
    thread_detach(&thread);
}

static void prepare_locked(struct AsyncPool *pool)
{
    if (pool->threads) return;
    unsigned n = (unsigned)pool->vm->nif->info.async_threads;
    pool->threads = mem_alloc_zero(MEM_DRV, n * sizeof *pool->threads);
    for (unsigned i = 0; i < n; i++) {
        AsyncThread *t = &pool->threads[i];
        t->pool = pool;
        t->last = &t->first;
        cond_init(&t->ready);
    }
    pool->count = n;
}

static void submit(struct AsyncPool *pool, AsyncJob *job, const unsigned *key)
{
    mutex_lock(&pool->lock);
    prepare_locked(pool);
    unsigned i = (key ? *key : pool->turn++) % pool->count;
    AsyncThread *t = &pool->threads[i];
    *t->last = job;
    t->last = &job->next;
    if (!t->started) start_thread_locked(t, i);
    cond_signal(&t->ready);
    mutex_unlock(&pool->lock);
}

API long driver_async(ErlDrvPort handle, unsigned *key, void (*invoke)(void *), void *data, void (*free)(void *))
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data) return -1;
    struct AsyncPool *pool = port->vm->io->async;
    AsyncJob *job = MEM_NEW(DRV, AsyncJob);
    *job = (AsyncJob){.driver = dyn_port(port)->driver, .port = port->id, .invoke = invoke, .data = data, .free = free,
                       .pdl = dyn_port(port)->pdl};
    if (job->pdl) driver_pdl_inc_refc(job->pdl);
    ddll_pin(job->driver);
    mutex_lock(&pool->lock);
    long id = job->id = ++pool->next_id;
    mutex_unlock(&pool->lock);
    if (port->vm->nif->info.async_threads > 0) {
        submit(pool, job, key);
    } else {
        job->invoke(job->data);
        hand_over(pool, job);
    }
    return id;
}

/* The same number for all calls of one port. */
API unsigned driver_async_port_key(ErlDrvPort handle)
{
    uint64_t id = (uint64_t)(uintptr_t)handle >> 4;
    return (unsigned)(id * 0x9E3779B97F4A7C15u >> 33);
}

/* ---- port data locks ---- */

API ErlDrvPDL driver_pdl_create(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data || dyn_port(port)->pdl) return NULL;
    ErlDrvPDL pdl = MEM_NEW(DRV, struct erl_drv_port_data_lock);
    pthread_mutex_init(&pdl->mutex, NULL);
    atomic_store(&pdl->refs, 1);
    return dyn_port(port)->pdl = pdl;
}

API void driver_pdl_lock(ErlDrvPDL pdl)
{
    driver_pdl_inc_refc(pdl);
    pthread_mutex_lock(&pdl->mutex);
}

API void driver_pdl_unlock(ErlDrvPDL pdl)
{
    pthread_mutex_unlock(&pdl->mutex);
    driver_pdl_dec_refc(pdl);
}

API ErlDrvSInt driver_pdl_get_refc(ErlDrvPDL pdl) { return (ErlDrvSInt)atomic_load(&pdl->refs); }
API ErlDrvSInt driver_pdl_inc_refc(ErlDrvPDL pdl) { return (ErlDrvSInt)atomic_fetch_add(&pdl->refs, 1) + 1; }
API ErlDrvSInt driver_pdl_dec_refc(ErlDrvPDL pdl)
{
    ErlDrvSInt left = (ErlDrvSInt)atomic_fetch_sub(&pdl->refs, 1) - 1;
    if (left > 0) return left;
    pthread_mutex_destroy(&pdl->mutex);
    MEM_DELETE(DRV, pdl);
    return left;
}
