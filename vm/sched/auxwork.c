/* SPDX-License-Identifier: Apache-2.0 */
/* auxwork - jobs that a scheduler runs between two slices. Layer: sched. */
#include "sched/sched_priv.h"

void jobs_init(SchedPriv *priv)
{
    mutex_init(&priv->job_lock, LOCK_SYSTEM);
    priv->job_last = &priv->job_first;
}

void sched_run_on(Vm *vm, unsigned number, void (*fn)(void *arg), void *arg)
{
    ASSERT(number >= 1 && number <= vm->sched->count);
    Sched *s = vm->sched->scheds[number - 1];
    SchedJob *job = MEM_NEW(SCHED, SchedJob);
    job->fn = fn;
    job->arg = arg;
    mutex_lock(&s->priv->job_lock);
    *s->priv->job_last = job;
    s->priv->job_last = &job->next;
    atomic_store(&s->priv->has_jobs, 1);
    mutex_unlock(&s->priv->job_lock);
    if (s != sched_self) sched_kick(vm, number);
    else event_set(&s->priv->event); /* may be about to sleep: callbacks of an epoch run then */
}

void jobs_run(Sched *s)
{
    SchedPriv *priv = s->priv;
    mutex_lock(&priv->job_lock);
    SchedJob *job = priv->job_first;
    priv->job_first = NULL;
    priv->job_last = &priv->job_first;
    atomic_store(&priv->has_jobs, 0);
    mutex_unlock(&priv->job_lock);
    while (job) {
        SchedJob *next = job->next;
        job->fn(job->arg);
        MEM_DELETE(SCHED, job);
        job = next;
    }
}

/* ---- a job on all schedulers ---- */

typedef struct JobForAll {
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void *arg;
    atomic_u32_t left;
} JobForAll;

static void run_for_all(void *arg)
{
    JobForAll *all = arg;
    all->fn(all->arg);
    if (atomic_fetch_sub(&all->left, 1) != 1) return;
    if (all->done) all->done(all->arg);
    MEM_DELETE(SCHED, all);
}

void sched_run_on_all(Vm *vm, void (*fn)(void *arg), void (*done)(void *arg), void *arg)
{
    JobForAll *all = MEM_NEW(SCHED, JobForAll);
    unsigned count = vm->sched->count;
    all->fn = fn;
    all->done = done;
    all->arg = arg;
    atomic_init(&all->left, count);
    for (unsigned i = 1; i <= count; i++) sched_run_on(vm, i, run_for_all, all);
}

/* ---- the end of the slices that go on ---- */

typedef struct SliceEnds {
    Mutex lock;
    CondVar changed;
    unsigned left;        /* lock */
} SliceEnds;

static void slice_ended(void *arg)
{
    SliceEnds *e = arg;
    mutex_lock(&e->lock);
    e->left--;
    cond_signal(&e->changed);
    mutex_unlock(&e->lock);
}

void sched_await_slices(Vm *vm, int64_t limit_ns)
{
    SliceEnds *e = MEM_NEW(SCHED, SliceEnds); /* for good: the last slice may end after the limit */
    int64_t end = clock_os_monotonic_ns() + limit_ns, left;
    mutex_init(&e->lock, LOCK_SYSTEM);
    cond_init(&e->changed);
    e->left = vm->sched->count;
    for (unsigned i = 1; i <= vm->sched->count; i++) {
        if (sched_self == vm->sched->scheds[i - 1]) slice_ended(e);
        else sched_run_on(vm, i, slice_ended, e);
    }
    mutex_lock(&e->lock);
    while (e->left && (left = end - clock_os_monotonic_ns()) > 0) (void)cond_wait_ns(&e->changed, &e->lock, left);
    mutex_unlock(&e->lock);
}
