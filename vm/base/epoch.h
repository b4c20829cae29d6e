/* SPDX-License-Identifier: Apache-2.0 */
/* epoch - deferred freeing by quiescent states: run fn(arg) when nobody can still hold a
 * pointer that was read before.
 *
 * Readers are threads in one of three manners:
 *   managed    (schedulers) registered; online from epoch_online to epoch_offline. While online
 *              they may read shared structures without locks, and call epoch_quiescent between
 *              two slices, where they hold no such pointer.
 *   offline    a managed thread that sleeps or blocks. Counts as quiescent: it delays nobody
 *              and is never woken for deferred work.
 *   unmanaged  (dirty, foreign) epoch_enter .. epoch_leave around each read section.
 * Writers first unlink a structure, so that no new reader finds it, then epoch_defer it.
 *
 * The picture, for a domain with a counter E and per thread `seen` (0: offline):
 *   defer:      collect in the thread's open batch
 *   quiescent:  seen := E; close the open batch with stamp := ++E;
 *               a closed batch runs when each thread has seen = 0 or seen >= stamp
 *   offline:    seen := 0; batches that may not run yet go to the domain's orphans, which the
 *               next quiescent (or leaving) thread that finds them ripe runs
 * Proof sketch: a reader with seen >= stamp loaded E after the increment, which came after the
 * unlinking, so it cannot find the structure any more; and at that load it held no pointer.
 * A reader that comes online after the scan saw 0 announces itself before its first read (full
 * fence; partner: the fence before the scan), so either the scan sees it or it sees the unlink.
 *
 * Threads:  callbacks run in whichever thread finds the batch ripe, without locks; they may
 *           defer again, and free, but must not block, and are in no read section. The order
 *           between callbacks is unspecified.
 * Layer: base. Source: the QSBR scheme of Desnoyers et al., "User-Level Implementations of
 * Read-Copy Update", IEEE TPDS 2012; batches and orphans are ours. */
#ifndef JOIST_BASE_EPOCH_H
#define JOIST_BASE_EPOCH_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/lock.h"
#include "base/queue.h"

typedef void EpochFn(void *arg);

/* Embedded in (or allocated beside) what is to be freed; in use until fn is called. */
typedef struct EpochNode {
    FifoNode link;
    EpochFn *fn;
    void *arg;
} EpochNode;

typedef struct EpochBatch {
    Fifo nodes;
    uint64_t stamp;
} EpochBatch;

typedef struct EpochThread {
    atomic_u64_t seen;          /* written by owner (release), read by scanners; 0 offline */
    struct EpochDomain *domain; /* owner */
    ListNode link;              /* lock of the domain */
    EpochBatch open, closed;    /* owner; at most one batch waits, the next one collects */
    unsigned passed;            /* owner: quiescent states with something waiting since it was looked after */
} CACHE_ALIGNED EpochThread;

typedef struct EpochSlots {
    atomic_u64_t seen[64];      /* one per read section of an unmanaged thread */
    _Atomic(struct EpochSlots *) next;
} EpochSlots;

typedef struct EpochDomain {
    atomic_u64_t epoch CACHE_ALIGNED;
    atomic_u32_t has_orphans;   /* hint: orphans is not empty */
    Mutex lock CACHE_ALIGNED;   /* not on the line that all threads read at each quiescent state */
    List threads;               /* lock */
    List orphans;               /* lock; of struct Orphans, oldest first */
    EpochSlots slots;
} EpochDomain;

void epoch_domain_init(EpochDomain *d);
/* Runs all that is left. No thread may be registered or inside a section. */
void epoch_domain_destroy(EpochDomain *d);

/* Managed threads. Registered threads start offline; unregistering wants offline. */
void epoch_register(EpochDomain *d, EpochThread *self);
void epoch_unregister(EpochThread *self);
void epoch_online(EpochThread *self);
void epoch_offline(EpochThread *self);
void epoch_quiescent_slow(EpochThread *self);

/* The calling thread's registration, NULL if it is unmanaged. */
extern THREAD_LOCAL EpochThread *epoch_self;

static inline bool epoch_is_online(EpochThread *self)
{
    return load_relaxed(&self->seen) != 0;
}

/* Slice end: this thread holds no pointer into shared structures. Cheap when nothing is
 * deferred anywhere: two loads and a store. */
static inline void epoch_quiescent(EpochThread *self)
{
    /* Acquire: pairs with the increment that closed a batch. Release: our reads are over. */
    store_release(&self->seen, load_acquire(&self->domain->epoch));
    if (UNLIKELY(!fifo_is_empty(&self->open.nodes) || !fifo_is_empty(&self->closed.nodes) ||
                 load_relaxed(&self->domain->has_orphans)))
        epoch_quiescent_slow(self);
}

/* Unmanaged threads: a read section. The token goes back to epoch_leave. Sections may nest and
 * may last; they delay all deferred work meanwhile. epoch_leave may run callbacks: call it
 * without locks. */
typedef struct EpochSection {
    atomic_u64_t *slot;
} EpochSection;
EpochSection epoch_enter(EpochDomain *d) MUST_CHECK;
void epoch_leave(EpochDomain *d, EpochSection section);

/* For assertions where something is looked up; without JOIST_DEBUG always true. */
#ifdef JOIST_DEBUG
extern THREAD_LOCAL unsigned epoch_sections; /* that the calling thread is in */
static inline bool epoch_is_reading(void)
{
    return epoch_sections > 0 || (epoch_self && epoch_is_online(epoch_self));
}
#else
static inline bool epoch_is_reading(void) { return true; }
#endif

/* Call fn(arg) when all present readers are through. Any thread, any lock of a class before
 * EPOCH may be held. Without a managed thread online the call comes at the next opportunity. */
void epoch_defer(EpochDomain *d, EpochNode *node, EpochFn *fn, void *arg);

/* Same for mem_free(type, ptr, bytes), when ptr has no room for a node. */
void epoch_defer_free(EpochDomain *d, int mem_type, void *ptr, size_t bytes);

/* True while something waits to be run. For tests. */
bool epoch_is_pending(EpochDomain *d);

#endif
