/* SPDX-License-Identifier: Apache-2.0 */
/* runq - run queues: processes by priority, tasks of ports beside them.
 * Order: all of max, then all of high, then normal and low, where each process of normal gets eight turns for one
 * of each process of low, however many there are of both. Tasks take turns with processes whatever the priorities:
 * a port serves many.
 * Bound processes have lines of their own, from which nobody steals, and take turns with the others.
 * Threads: any, under the queue's lock. Semantics: erlang(3) process_flag(priority, _). Layer: sched. */
#include "sched/sched_priv.h"

#define LOW_EVERY 8
#define LOW_TURN (UINT64_C(1) << 32)

static void add_to_count(ProcFifo *f, uint32_t change) { add_owned(&f->count, change); }

static void proc_fifo_push(ProcFifo *f, Process *p)
{
    p->next_queued = NULL;
    if (f->last)
        f->last->next_queued = p;
    else
        f->first = p;
    f->last = p;
    add_to_count(f, 1);
}

static Process *proc_fifo_pop(ProcFifo *f)
{
    Process *p = f->first;
    if (!p) return NULL;
    f->first = p->next_queued;
    if (!f->first) f->last = NULL;
    add_to_count(f, -1u);
    return p;
}

void runq_init(RunQueue *q, Sched *s)
{
    memset(q, 0, sizeof *q);
    mutex_init(&q->lock, LOCK_RUN_QUEUE);
    q->sched = s;
    q->task_last = &q->task_first;
}

/* Sequentially consistent: partner is the sleeper's fetch_or of its idle bit. */
static uint32_t count_locked(RunQueue *q, int32_t change)
{
    return atomic_fetch_add(&q->length, (uint32_t)change) + (uint32_t)change;
}

uint32_t runq_push(RunQueue *q, Process *p, enum ProcPriority prio)
{
    bool bound = process_bound(p) != 0;
    mutex_lock(&q->lock);
    atomic_store_explicit(&p->runq, q, memory_order_relaxed);
    prio_queue_push(bound ? &q->bound : &q->procs, p, prio);
    if (bound) atomic_fetch_add(&q->bound_length, 1);
    uint32_t n = bound ? runq_length(q) : count_locked(q, 1);
    mutex_unlock(&q->lock);
    return n;
}

uint32_t runq_push_task(RunQueue *q, Task *t)
{
    mutex_lock(&q->lock);
    t->next = NULL;
    *q->task_last = t;
    q->task_last = &t->next;
    uint32_t n = count_locked(q, 1);
    mutex_unlock(&q->lock);
    return n;
}

static Task *pop_task_locked(RunQueue *q)
{
    Task *t = q->task_first;
    if (!t) return NULL;
    q->task_first = t->next;
    if (!q->task_first) q->task_last = &q->task_first;
    return t;
}

void prio_queue_push(PrioQueue *q, Process *p, enum ProcPriority prio) { proc_fifo_push(&q->procs[prio], p); }

/* Every turn of a normal one earns the low ones their part of a turn; what they have earned is never more than one
 * turn for each, so that a queue that changes does not give them a long row of turns later. */
static bool is_turn_of_low(PrioQueue *q)
{
    uint64_t low = proc_fifo_count(&q->procs[PRIO_LOW]), normal = proc_fifo_count(&q->procs[PRIO_NORMAL]);
    if (low == 0 || normal == 0) return low > 0;
    q->low_earned = MIN(q->low_earned, low * LOW_TURN);
    if (q->low_earned >= LOW_TURN) {
        q->low_earned -= LOW_TURN;
        return true;
    }
    q->low_earned += low * LOW_TURN / (LOW_EVERY * normal);
    return false;
}

Process *prio_queue_pop(PrioQueue *q)
{
    Process *p = proc_fifo_pop(&q->procs[PRIO_MAX]);
    if (!p) p = proc_fifo_pop(&q->procs[PRIO_HIGH]);
    return p ? p : proc_fifo_pop(&q->procs[is_turn_of_low(q) ? PRIO_LOW : PRIO_NORMAL]);
}

static bool pop_locked(RunQueue *q, bool prefer_task, RunItem *item)
{
    item->t = prefer_task ? pop_task_locked(q) : NULL;
    item->p = item->t ? NULL : prio_queue_pop(&q->procs);
    if (!item->p && !item->t) item->t = pop_task_locked(q);
    if (!item->p && !item->t) return false;
    count_locked(q, -1);
    return true;
}

/* 2, 1, 0: max, high, or less; -1: nothing. */
static int class_of(const PrioQueue *q)
{
    if (proc_fifo_count(&q->procs[PRIO_MAX])) return 2;
    if (proc_fifo_count(&q->procs[PRIO_HIGH])) return 1;
    return proc_fifo_count(&q->procs[PRIO_NORMAL]) || proc_fifo_count(&q->procs[PRIO_LOW]) ? 0 : -1;
}

/* A bound process whose turn it is. */
static Process *pop_bound_locked(RunQueue *q)
{
    int bound = class_of(&q->bound), others = class_of(&q->procs);
    if (bound < others || bound < 0) return NULL;
    if (bound == others && !(q->bound_turn ^= 1)) return NULL;
    atomic_fetch_sub(&q->bound_length, 1);
    return prio_queue_pop(&q->bound);
}

bool runq_pop(RunQueue *q, bool prefer_task, RunItem *item)
{
    if (runq_total(q) == 0) return false;
    mutex_lock(&q->lock);
    bool task_first = prefer_task && q->task_first;
    *item = (RunItem){0};
    if (UNLIKELY(load_relaxed(&q->bound_length)) && !task_first) item->p = pop_bound_locked(q);
    bool found = item->p || pop_locked(q, prefer_task, item);
    mutex_unlock(&q->lock);
    return found;
}

bool runq_has_above(RunQueue *q, enum ProcPriority prio)
{
    size_t n = 0;
    mutex_lock(&q->lock);
    for (unsigned i = prio + 1u; i < PRIORITIES; i++)
        n += proc_fifo_count(&q->procs.procs[i]) + proc_fifo_count(&q->bound.procs[i]);
    mutex_unlock(&q->lock);
    return n > 0;
}

static bool proc_fifo_remove(ProcFifo *f, Process *p)
{
    Process *before = NULL, *at = f->first;
    while (at && at != p) before = at, at = at->next_queued;
    if (!at) return false;
    *(before ? &before->next_queued : &f->first) = p->next_queued;
    if (f->last == p) f->last = before;
    add_to_count(f, -1u);
    return true;
}

static bool prio_queue_remove(PrioQueue *q, Process *p)
{
    for (unsigned i = 0; i < PRIORITIES; i++)
        if (proc_fifo_remove(&q->procs[i], p)) return true;
    return false;
}

bool runq_remove(Process *p)
{
    RunQueue *q = atomic_load_explicit(&p->runq, memory_order_relaxed);
    if (!q) return false;
    mutex_lock(&q->lock);
    bool bound = prio_queue_remove(&q->bound, p), found = bound || prio_queue_remove(&q->procs, p);
    if (bound) atomic_fetch_sub(&q->bound_length, 1);
    else if (found) count_locked(q, -1);
    mutex_unlock(&q->lock);
    return found;
}

bool runq_steal(RunQueue *q, RunQueue *victim)
{
    RunItem loot[32];
    size_t n = 0;
    if (runq_length(victim) == 0 || !mutex_try_lock(&victim->lock)) return false;
    size_t want = MIN((runq_length(victim) + 1) / 2, ARRAY_LEN(loot));
    while (n < want && pop_locked(victim, n & 1, &loot[n])) n++;
    mutex_unlock(&victim->lock);
    for (size_t i = 0; i < n; i++) {
        if (loot[i].p)
            runq_push(q, loot[i].p, state_priority(process_state(loot[i].p)));
        else
            runq_push_task(q, loot[i].t);
    }
    return n > 0;
}

void runq_take(RunQueue *q, RunQueue *from, enum ProcPriority prio, size_t most)
{
    ProcFifo loot = {0};
    Process *p;
    if (!mutex_try_lock(&from->lock)) return;
    while (proc_fifo_count(&loot) < most && (p = proc_fifo_pop(&from->procs.procs[prio]))) {
        proc_fifo_push(&loot, p);
        count_locked(from, -1);
    }
    mutex_unlock(&from->lock);
    while ((p = proc_fifo_pop(&loot))) runq_push(q, p, prio);
}
