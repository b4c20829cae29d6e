/* SPDX-License-Identifier: Apache-2.0 */
/* balance - evens out the run queues while all schedulers are busy and so nobody steals. Without it,
 * processes that happen to share a long queue would get less time for as long as they run.
 * Every few milliseconds a busy scheduler compares, for each priority, its queue with the others and
 * takes half of the difference. For high and max what counts is how many there are of that priority or above, the
 * running one included: one that waits behind those must not wait while lower ones run elsewhere, and one that is
 * alone with its scheduler stays. Normal and low ones that stand behind those all go to a scheduler without.
 * Lengths are read without locks: an error of one or two does no harm.
 * Layer: sched. */
#include "sched/sched_priv.h"

#define BALANCE_EVERY_NS (10 * NS_PER_MS)
#define BALANCE_MOST 64

static uint32_t count_of(const RunQueue *q, int prio)
{
    return proc_fifo_count(&q->procs.procs[prio]);
}

static uint32_t load_of(const RunQueue *q, int prio)
{
    if (prio < PRIO_HIGH) return count_of(q, prio);
    uint32_t n = load_relaxed(&q->running) > (uint32_t)prio;
    for (int i = prio; i < PRIORITIES; i++) n += count_of(q, i);
    return n;
}

/* Normal and low ones that wait behind high ones get no turn. */
static bool has_high(const RunQueue *q) { return load_of(q, PRIO_HIGH) > 0; }

/* How many of this priority had better come from there. */
static uint32_t gain(const RunQueue *mine, const RunQueue *from, int prio)
{
    uint32_t have = load_of(mine, prio), there = load_of(from, prio);
    if (prio < PRIO_HIGH && has_high(from)) return there;
    return there < have + 2 ? 0 : (there - have) / 2;
}

static void pull(SchedSpace *space, RunQueue *mine, int prio)
{
    RunQueue *best = NULL;
    uint32_t most = 0;
    if (prio < PRIO_HIGH && has_high(mine)) return;
    for (unsigned i = 0; i < space->count; i++) {
        RunQueue *q = space->scheds[i]->runq;
        uint32_t n = q == mine ? 0 : gain(mine, q, prio);
        if (n > most) most = n, best = q;
    }
    if (best) runq_take(mine, best, (enum ProcPriority)prio, MIN(most, BALANCE_MOST));
}

void sched_balance(Sched *s, int64_t now)
{
    SchedSpace *space = s->vm->sched;
    if (now - s->priv->last_balance_ns < BALANCE_EVERY_NS || load_relaxed(&space->active) < 2) return;
    s->priv->last_balance_ns = now;
    add_relaxed(&space->shared->balances, 1);
    for (int prio = 0; prio < PRIORITIES; prio++) pull(space, s->runq, prio);
}
