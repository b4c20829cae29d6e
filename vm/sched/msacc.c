/* SPDX-License-Identifier: Apache-2.0 */
/* msacc - see msacc.h. A thread notes since when it is in its present state; 0 while accounting is off.
 * Layer: sched. */
#include "sched/msacc.h"

#include "sched/sched_priv.h"

static Sched *thread_at(Vm *vm, unsigned number)
{
    return __atomic_load_n(&vm->sched->scheds[number - 1], __ATOMIC_ACQUIRE);
}

void msacc_switch_slow(Sched *s, enum Microstate to)
{
    SchedPriv *priv = s->priv;
    bool on = load_relaxed(&shared_of(s->vm)->msacc);
    int64_t now = on ? clock_monotonic_ns() : 0, since = load_relaxed(&priv->ms_since);
    atomic_u64_t *sum = &priv->ms_ns[load_relaxed(&priv->ms_state)];
    if (on && since) add_owned(sum, (uint64_t)(now - since));
    store_relaxed(&priv->ms_state, to);
    store_relaxed(&priv->ms_since, now);
}

bool msacc_enabled(Vm *vm) { return load_relaxed(&shared_of(vm)->msacc); }

static unsigned threads(const SchedSpace *space)
{
    return space->count + space->dirty_cpu_count + space->dirty_io_count;
}

static enum Microstate present_state(const Sched *s)
{
    if (load_relaxed(&s->priv->active)) return MS_EMULATOR;
    return s->kind != SCHED_NORMAL || sched_is_idle(shared_of(s->vm), s) ? MS_SLEEP : MS_OTHER;
}

/* Who sleeps is counted from here on, and up to here. One that wakes up just now may lose or gain that moment. */
static void turn(Sched *s, bool on, int64_t now)
{
    if (load_relaxed(&s->priv->ms_since)) msacc_switch_slow(s, load_relaxed(&s->priv->ms_state));
    else store_relaxed(&s->priv->ms_state, present_state(s));
    store_relaxed(&s->priv->ms_since, on ? now : 0);
}

bool msacc_enable(Vm *vm, bool on)
{
    SchedShared *sh = shared_of(vm);
    sched_block_all(vm);
    int64_t now = clock_monotonic_ns();
    for (unsigned n = 1; n <= threads(vm->sched); n++) {
        Sched *s = thread_at(vm, n);
        if (s) turn(s, on, now);
    }
    bool before = atomic_exchange(&sh->msacc, on);
    sched_unblock_all(vm);
    return before;
}

void msacc_reset(Vm *vm)
{
    int64_t now = clock_monotonic_ns();
    for (unsigned n = 1; n <= threads(vm->sched); n++) {
        Sched *s = thread_at(vm, n);
        for (int i = 0; s && i < MS_STATES; i++) store_relaxed(&s->priv->ms_ns[i], 0);
        if (s && load_relaxed(&s->priv->ms_since)) store_relaxed(&s->priv->ms_since, now);
    }
}

/* The present state counts up to now. */
void msacc_read(Vm *vm, unsigned number, uint64_t ns[MS_STATES])
{
    Sched *s = thread_at(vm, number);
    for (int i = 0; i < MS_STATES; i++) ns[i] = s ? load_relaxed(&s->priv->ms_ns[i]) : 0;
    int64_t since = s && msacc_enabled(vm) ? load_relaxed(&s->priv->ms_since) : 0, now = clock_monotonic_ns();
    if (since && now > since) ns[load_relaxed(&s->priv->ms_state)] += (uint64_t)(now - since);
}
