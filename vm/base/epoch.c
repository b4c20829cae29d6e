/* SPDX-License-Identifier: Apache-2.0 */
/* epoch - see the picture and the proof in epoch.h.
 * Layer: base. */
#include "base/epoch.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"

#define LOOK_EVERY 8 /* quiescent states, one a slice */

/* Work whose thread went offline, or that came from an unmanaged thread. */
typedef struct Orphans {
    ListNode link;
    EpochBatch batch;
} Orphans;

THREAD_LOCAL EpochThread *epoch_self;

static void batch_init(EpochBatch *b)
{
    fifo_init(&b->nodes);
    b->stamp = 0;
}

static void run_nodes(Fifo *nodes)
{
    EpochNode *n;
    while ((n = (EpochNode *)(void *)fifo_pop(nodes)) != NULL)
        n->fn(n->arg);
}

static_assert(offsetof(EpochNode, link) == 0, "run_nodes casts");

/* ---- the scan ---- */

static uint64_t oldest_in_slots(EpochDomain *d, uint64_t oldest)
{
    for (EpochSlots *s = &d->slots; s; s = load_acquire(&s->next)) {
        for (size_t i = 0; i < ARRAY_LEN(s->seen); i++) {
            uint64_t seen = load_seq(&s->seen[i]);
            if (seen != 0 && seen < oldest)
                oldest = seen;
        }
    }
    return oldest;
}

/* Smallest `seen` of all readers: batches stamped up to it may run. Lock of d held. */
static uint64_t oldest_reader_locked(EpochDomain *d)
{
    uint64_t oldest = UINT64_MAX;
    ASSERT_LOCKED(&d->lock);
    atomic_fence_full();
    LIST_FOR_EACH(&d->threads, n) {
        /* acquire: the reader's last reads happened before what we run */
        uint64_t seen = load_seq(&container_of(n, EpochThread, link)->seen);
        if (seen != 0 && seen < oldest)
            oldest = seen;
    }
    return oldest_in_slots(d, oldest);
}

/* Move orphans stamped <= oldest to `ripe`. */
static void take_ripe_orphans_locked(EpochDomain *d, uint64_t oldest, Fifo *ripe)
{
    LIST_FOR_EACH(&d->orphans, n) {
        Orphans *o = container_of(n, Orphans, link);
        if (o->batch.stamp > oldest)
            continue;
        list_remove(n);
        fifo_append_all(ripe, &o->batch.nodes);
        MEM_DELETE(SYS, o);
    }
    store_relaxed(&d->has_orphans, !list_is_empty(&d->orphans));
}

/* ---- batches ---- */

/* The increment orders: unlinking of all nodes in the batch < stamp < readers that see it. */
static void batch_close(EpochDomain *d, EpochBatch *b)
{
    b->stamp = add_seq(&d->epoch, 1) + 1;
}

static void batch_orphan_locked(EpochDomain *d, EpochBatch *b, Orphans *o)
{
    batch_init(&o->batch);
    o->batch.stamp = b->stamp;
    fifo_append_all(&o->batch.nodes, &b->nodes);
    list_push_back(&d->orphans, &o->link);
    store_relaxed(&d->has_orphans, 1);
}

static bool batch_is_empty(const EpochBatch *b)
{
    return fifo_is_empty(&b->nodes);
}

/* ---- managed threads ---- */

static void close_open(EpochThread *self)
{
    if (!batch_is_empty(&self->closed) || batch_is_empty(&self->open))
        return;
    batch_close(self->domain, &self->open);
    self->closed.stamp = self->open.stamp;
    fifo_append_all(&self->closed.nodes, &self->open.nodes);
}

/* One attempt in LOOK_EVERY calls, for each takes lines that other threads write; a batch that is not ripe waits for
 * the next one. The lock is only tried: whoever has it is doing the same work. */
void epoch_quiescent_slow(EpochThread *self)
{
    EpochDomain *d = self->domain;
    Fifo ripe;
    if (++self->passed < LOOK_EVERY) return;
    self->passed = 0;
    fifo_init(&ripe);
    close_open(self);
    store_release(&self->seen, load_acquire(&d->epoch));
    if (!mutex_try_lock(&d->lock))
        return;
    uint64_t oldest = oldest_reader_locked(d);
    take_ripe_orphans_locked(d, oldest, &ripe);
    mutex_unlock(&d->lock);
    if (!batch_is_empty(&self->closed) && self->closed.stamp <= oldest)
        fifo_append_all(&ripe, &self->closed.nodes);
    run_nodes(&ripe);
}

void epoch_register(EpochDomain *d, EpochThread *self)
{
    ASSERT(epoch_self == NULL);
    store_relaxed(&self->seen, 0);
    self->domain = d;
    self->passed = LOOK_EVERY - 1;
    batch_init(&self->open);
    batch_init(&self->closed);
    mutex_lock(&d->lock);
    list_push_back(&d->threads, &self->link);
    mutex_unlock(&d->lock);
    epoch_self = self;
}

/* The store is followed by a full fence, so that no read of shared data moves before it;
 * partner: the fence in oldest_reader_locked. */
void epoch_online(EpochThread *self)
{
    ASSERT(!epoch_is_online(self));
    swap_seq(&self->seen, load_acquire(&self->domain->epoch));
    atomic_fence_full();
}

/* Everything that waits here is run or orphaned; repeated, because callbacks defer again. */
static void hand_over(EpochThread *self)
{
    EpochDomain *d = self->domain;
    EpochBatch *mine[] = {&self->closed, &self->open};
    Fifo ripe;
    fifo_init(&ripe);
    Orphans *spare[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++)
        if (!batch_is_empty(mine[i]))
            spare[i] = MEM_NEW(SYS, Orphans);
    if (!batch_is_empty(&self->open))
        batch_close(d, &self->open);
    mutex_lock(&d->lock);
    for (size_t i = 0; i < 2; i++)
        if (spare[i])
            batch_orphan_locked(d, mine[i], spare[i]);
    take_ripe_orphans_locked(d, oldest_reader_locked(d), &ripe);
    mutex_unlock(&d->lock);
    run_nodes(&ripe);
}

void epoch_offline(EpochThread *self)
{
    ASSERT(epoch_is_online(self));
    swap_seq(&self->seen, 0);
    do {
        if (batch_is_empty(&self->open) && batch_is_empty(&self->closed) &&
            !load_relaxed(&self->domain->has_orphans))
            return;
        hand_over(self);
    } while (!batch_is_empty(&self->open));
}

void epoch_unregister(EpochThread *self)
{
    EpochDomain *d = self->domain;
    ASSERT(!epoch_is_online(self));
    while (!batch_is_empty(&self->open) || !batch_is_empty(&self->closed))
        hand_over(self);
    mutex_lock(&d->lock);
    list_remove(&self->link);
    mutex_unlock(&d->lock);
    if (epoch_self == self)
        epoch_self = NULL;
}

/* ---- unmanaged threads ---- */

static EpochSlots *more_slots(EpochSlots *last)
{
    EpochSlots *fresh = MEM_NEW(SYS, EpochSlots), *none = NULL;
    if (cas_acq_rel(&last->next, &none, fresh))
        return fresh;
    MEM_DELETE(SYS, fresh);
    return none;
}

#ifdef JOIST_DEBUG
THREAD_LOCAL unsigned epoch_sections;
#define COUNT_SECTION(n) (epoch_sections += (unsigned)(n))
#else
#define COUNT_SECTION(n) ((void)0)
#endif

EpochSection epoch_enter(EpochDomain *d)
{
    size_t start = thread_mark();
    COUNT_SECTION(1);
    for (EpochSlots *s = &d->slots, *next;; s = next ? next : more_slots(s)) {
        next = load_acquire(&s->next);
        for (size_t i = 0; i < ARRAY_LEN(s->seen); i++) {
            atomic_u64_t *slot = &s->seen[(start + i) % ARRAY_LEN(s->seen)];
            uint64_t empty = 0;
            if (load_relaxed(slot) == 0 && cas_seq(slot, &empty, load_acquire(&d->epoch))) {
                atomic_fence_full(); /* as in epoch_online */
                return (EpochSection){slot};
            }
        }
    }
}

void epoch_leave(EpochDomain *d, EpochSection section)
{
    Fifo ripe;
    COUNT_SECTION(-1);
    swap_seq(section.slot, 0);
    atomic_fence_full(); /* partner: the fence between has_orphans and the scan */
    if (LIKELY(!load_relaxed(&d->has_orphans)))
        return;
    fifo_init(&ripe);
    mutex_lock(&d->lock);
    take_ripe_orphans_locked(d, oldest_reader_locked(d), &ripe);
    mutex_unlock(&d->lock);
    run_nodes(&ripe);
}

/* ---- deferring ---- */

void epoch_defer(EpochDomain *d, EpochNode *node, EpochFn *fn, void *arg)
{
    EpochThread *self = epoch_self;
    node->fn = fn;
    node->arg = arg;
    if (self && self->domain == d && epoch_is_online(self)) {
        fifo_push(&self->open.nodes, &node->link);
        return;
    }
    EpochBatch batch;
    batch_init(&batch);
    fifo_push(&batch.nodes, &node->link);
    batch_close(d, &batch);
    Orphans *o = MEM_NEW(SYS, Orphans);
    mutex_lock(&d->lock);
    batch_orphan_locked(d, &batch, o);
    mutex_unlock(&d->lock);
}

typedef struct DeferredFree {
    EpochNode node;
    int type;
    void *ptr;
    size_t bytes;
} DeferredFree;

static void run_free(void *arg)
{
    DeferredFree *f = arg;
    mem_free((enum MemType)f->type, f->ptr, f->bytes);
    MEM_DELETE(SYS, f);
}

void epoch_defer_free(EpochDomain *d, int mem_type, void *ptr, size_t bytes)
{
    DeferredFree *f = MEM_NEW(SYS, DeferredFree);
    f->type = mem_type;
    f->ptr = ptr;
    f->bytes = bytes;
    epoch_defer(d, &f->node, run_free, f);
}

bool epoch_is_pending(EpochDomain *d)
{
    EpochThread *self = epoch_self;
    if (self && self->domain == d &&
        (!batch_is_empty(&self->open) || !batch_is_empty(&self->closed)))
        return true;
    return load_relaxed(&d->has_orphans);
}

/* ---- domains ---- */

void epoch_domain_init(EpochDomain *d)
{
    memset(d, 0, sizeof *d);
    store_relaxed(&d->epoch, 1); /* 0 means offline */
    mutex_init(&d->lock, LOCK_EPOCH);
    list_init(&d->threads);
    list_init(&d->orphans);
}

void epoch_domain_destroy(EpochDomain *d)
{
    ASSERT(list_is_empty(&d->threads));
    while (!list_is_empty(&d->orphans)) {
        Fifo ripe;
        fifo_init(&ripe);
        mutex_lock(&d->lock);
        take_ripe_orphans_locked(d, UINT64_MAX, &ripe);
        mutex_unlock(&d->lock);
        run_nodes(&ripe);
    }
    for (EpochSlots *s = load_acquire(&d->slots.next), *next; s; s = next) {
        next = load_acquire(&s->next);
        MEM_DELETE(SYS, s);
    }
    mutex_destroy(&d->lock);
}
