/* SPDX-License-Identifier: Apache-2.0 */
/* bif_timer - see bif_timer.h. The index is striped by reference; the list of a process's timers hangs
 * in Process.bif_timers, under a lock striped by pid. A timer is in both or in neither, but for the
 * instants between the two locks; `taken` settles who acts. Layer: proc. */
#include "proc/bif_timer.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/thread.h"
#include "proc/message.h"
#include "proc/timer_priv.h"

typedef struct BifTimer {
    Timer t;
    HashNode by_ref;             /* shard lock */
    RbNode by_process;           /* process lock; used when receiver is a pid */
    Process *process;            /* holds a reference; NULL: receiver is a name */
    Vm *vm;
    RefNum ref;
    term_t receiver;
    term_t msg;                  /* in piece */
    HeapPiece piece;
    atomic_u32_t taken;          /* 1: out of the index, somebody acts */
    atomic_u32_t refs;
} BifTimer;

static uint64_t ref_hash(RefNum r)
{
    return hash_combine(r.low, r.num2);
}

static TimerShard *shard_of(TimerSpace *space, RefNum r)
{
    return &space->shards[ref_hash(r) >> 32 & (TIMER_SHARDS - 1)];
}

static Mutex *process_lock(TimerSpace *space, const Process *p)
{
    return &space->process_locks[hash_mix(p->id) & (TIMER_SHARDS - 1)].lock;
}

void bif_timers_init(TimerSpace *space)
{
    for (unsigned i = 0; i < TIMER_SHARDS; i++) {
        mutex_init(&space->shards[i].lock, LOCK_SYSTEM);
        hash_init(&space->shards[i].by_ref, MEM_TIMER, 0);
        mutex_init(&space->process_locks[i].lock, LOCK_SYSTEM);
    }
}

static void unref(BifTimer *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1) return;
    heap_piece_dispose(&b->piece);
    if (b->process) process_unref(b->process);
    MEM_DELETE(TIMER, b);
}

/* ---- the index ---- */

static bool ref_equal(const HashNode *n, const void *key)
{
    return ref_num_eq(container_of((HashNode *)(uintptr_t)n, BifTimer, by_ref)->ref, *(const RefNum *)key);
}

static int by_address(const RbNode *a, const RbNode *b, void *ctx)
{
    (void)ctx;
    return a < b ? -1 : a > b;
}

static void index_insert(TimerSpace *space, BifTimer *b)
{
    TimerShard *shard = shard_of(space, b->ref);
    mutex_lock(&shard->lock);
    hash_insert(&shard->by_ref, &b->by_ref, ref_hash(b->ref));
    mutex_unlock(&shard->lock);
}

/* Take b out; true for the caller who did it. Its reference from the index is the caller's then. */
static bool index_take(TimerSpace *space, BifTimer *b)
{
    if (atomic_exchange(&b->taken, 1)) return false;
    TimerShard *shard = shard_of(space, b->ref);
    mutex_lock(&shard->lock);
    hash_remove(&shard->by_ref, &b->by_ref);
    mutex_unlock(&shard->lock);
    return true;
}

/* The timer with this reference, with a reference for the caller. */
static BifTimer *index_find(TimerSpace *space, RefNum r)
{
    TimerShard *shard = shard_of(space, r);
    mutex_lock(&shard->lock);
    HashNode *n = hash_find(&shard->by_ref, ref_hash(r), ref_equal, &r);
    BifTimer *b = n ? container_of(n, BifTimer, by_ref) : NULL;
    if (b) atomic_fetch_add(&b->refs, 1);
    mutex_unlock(&shard->lock);
    return b;
}

/* ---- the list of a process ---- */

/* False: the process is dying and takes no more timers. Whoever dies looks for PS_TIMERS after it has set PS_EXITING,
 * so one of the two sees the other. */
static bool process_attach(TimerSpace *space, BifTimer *b)
{
    Process *p = b->process;
    Mutex *lock = process_lock(space, p);
    if (!(process_state(p) & PS_TIMERS)) or_acq_rel(&p->state, PS_TIMERS);
    mutex_lock(lock);
    bool alive = !process_is_exiting(p);
    if (alive) rb_insert(&p->bif_timers, &b->by_process, by_address, NULL);
    mutex_unlock(lock);
    return alive;
}

/* Only by the one who took b out of the index; the dying process empties its list by itself. */
static void process_detach(TimerSpace *space, BifTimer *b)
{
    Process *p = b->process;
    if (!p) return;
    Mutex *lock = process_lock(space, p);
    mutex_lock(lock);
    rb_remove(&p->bif_timers, &b->by_process);
    mutex_unlock(lock);
}

void bif_timers_process_exit(Process *p)
{
    TimerSpace *space = p->vm->timers;
    Mutex *lock = process_lock(space, p);
    while (process_state(p) & PS_TIMERS) {
        mutex_lock(lock);
        RbNode *n = rb_first(&p->bif_timers);
        BifTimer *b = n ? container_of(n, BifTimer, by_process) : NULL;
        bool mine = b && !atomic_exchange(&b->taken, 1);
        if (mine) rb_remove(&p->bif_timers, n);
        mutex_unlock(lock);
        if (!b) return;
        if (!mine) {
            thread_yield(); /* somebody takes it out right now */
            continue;
        }
        TimerShard *shard = shard_of(space, b->ref);
        mutex_lock(&shard->lock);
        hash_remove(&shard->by_ref, &b->by_ref);
        mutex_unlock(&shard->lock);
        if (timer_cancel(&b->t)) unref(b);
        unref(b);
    }
}

/* ---- firing ---- */

static void deliver(Timer *t)
{
    BifTimer *b = container_of(t, BifTimer, t);
    if (index_take(b->vm->timers, b)) {
        process_detach(b->vm->timers, b);
        Process *to = b->process;
        if (to) {
            Heap heap = {0};
            heap_piece_adopt(&heap, &b->piece);
            message_send_heap(b->vm, am_clock_service, to, b->msg, &heap);
        } else {
            message_send_to(b->vm, am_clock_service, b->receiver, b->msg);
        }
        unref(b);
    }
    unref(b);
}

/* ---- operations ---- */

static BifTimer *bif_timer_new(Process *p, RefNum ref, term_t receiver, Process *process, term_t msg)
{
    BifTimer *b = MEM_NEW(TIMER, BifTimer);
    b->vm = p->vm;
    b->ref = ref;
    b->receiver = receiver;
    b->process = process;
    if (process) process_ref(process);
    b->msg = heap_piece_copy_all(&b->piece, msg);
    b->t.deliver = deliver;
    atomic_init(&b->refs, 2);
    return b;
}

term_t bif_timer_start(Process *p, term_t receiver, term_t msg, bool wrap, int64_t due_ns)
{
    TimerSpace *space = p->vm->timers;
    RefNum ref = ref_new(p->vm);
    term_t ref_term = ref_put(heap_alloc(&p->heap, REF_WORDS), ref);
    Process *process = NULL;
    if (term_is_local_pid(receiver)) {
        process = process_lookup_alive(p->vm, receiver);
        if (!process) return ref_term;
    }
    if (wrap) msg = heap_tuple3(&p->heap, am_timeout, ref_term, msg);
    BifTimer *b = bif_timer_new(p, ref, receiver, process, msg);
    atomic_fetch_add(&b->refs, 1); /* b may fire and go before we are through */
    index_insert(space, b);
    if (process && !process_attach(space, b)) {
        index_take(space, b);
        for (int i = 0; i < 3; i++) unref(b);
        return ref_term;
    }
    timer_set(p->vm, &b->t, due_ns);
    /* The receiver may have died in between and found the timer not yet set: it cannot fire then. */
    if (load_seq(&b->taken) && timer_cancel(&b->t)) unref(b);
    unref(b);
    return ref_term;
}

static int64_t left_ns(const BifTimer *b)
{
    int64_t left = b->t.due_ns - clock_monotonic_ns();
    return MAX(left, 0);
}

int64_t bif_timer_cancel(Vm *vm, RefNum ref)
{
    BifTimer *b = index_find(vm->timers, ref);
    if (!b) return -1;
    int64_t left = -1;
    if (index_take(vm->timers, b)) {
        left = left_ns(b);
        process_detach(vm->timers, b);
        if (timer_cancel(&b->t)) unref(b);
        unref(b);
    }
    unref(b);
    return left;
}

int64_t bif_timer_read(Vm *vm, RefNum ref)
{
    BifTimer *b = index_find(vm->timers, ref);
    if (!b) return -1;
    int64_t left = load_seq(&b->taken) ? -1 : left_ns(b);
    unref(b);
    return left;
}

void bif_timer_each_region(Vm *vm, RegionVisit *visit, void *ctx)
{
    for (unsigned i = 0; i < TIMER_SHARDS; i++) {
        TimerShard *shard = &vm->timers->shards[i];
        HashIter it;
        mutex_lock(&shard->lock);
        hash_iter_init(&it, &shard->by_ref);
        for (HashNode *n; (n = hash_iter_next(&it)) != NULL;) {
            BifTimer *b = container_of(n, BifTimer, by_ref);
            region_visit_frags(b->piece.frags, b->receiver, visit, ctx);
        }
        mutex_unlock(&shard->lock);
    }
}

size_t timers_bif_count(Vm *vm)
{
    size_t n = 0;
    for (unsigned i = 0; i < TIMER_SHARDS; i++) {
        TimerShard *shard = &vm->timers->shards[i];
        mutex_lock(&shard->lock);
        n += hash_count(&shard->by_ref);
        mutex_unlock(&shard->lock);
    }
    return n;
}
