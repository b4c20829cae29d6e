/* SPDX-License-Identifier: Apache-2.0 */
/* sched - the scheduler's loop, the state changes of processes, and where woken ones are queued.
 *
 * Between two slices a scheduler: passes a quiescent state, stops if the world is stopped, runs jobs, and
 * now and then fires timers and looks for ready descriptors. Then it takes the next entry of its
 * queue, or steals, or sleeps.
 *
 * Where a woken process goes: to the queue where it was, if that scheduler is awake; else to the
 * queue of the waker, since the two probably talk to each other and a sleeping processor is slow to come.
 * An idle scheduler is woken, and steals, when entries have waited for some work of others, or many stand there.
 * Layer: sched. */
#include "sched/sched_priv.h"

#include "base/checked.h"
#include "base/hash.h"

#include <stdio.h>

THREAD_LOCAL Sched *sched_self;

#define LOOK_EVERY_REDS 2000
#define WAKE_AFTER_REDS 12000 /* others wait while that is done, or */
#define WAKE_LENGTH 4         /* so many stand in a queue: an idle scheduler is woken */
#define FOLLOW_AFTER 4    /* so many wakings in a row by one other scheduler, and a process goes there */
#define POLL_EVERY_NS (200 * NS_PER_US)
#define TASK_REDS 200

/* ---- states ---- */

bool state_should_run(uint32_t st)
{
    if (st & PS_FREE) return false;
    if (st & PS_ANY_DIRTY) return (st & (PS_SIGNALS | PS_EXITING)) == PS_SIGNALS;
    if (st & PS_EXITING) return st & PS_RUNNABLE;
    if (st & (PS_SIGNALS | PS_SYSTASK)) return true;
    return (st & (PS_RUNNABLE | PS_SUSPENDED)) == PS_RUNNABLE;
}

uint32_t state_leave(Process *p, uint32_t clear, uint32_t set, uint32_t *before)
{
    uint32_t old = load_relaxed(&p->state), new;
    do {
        new = (old & ~clear) | set;
        if (!(new & (PS_QUEUED | PS_RUNNING)) && state_should_run(new))
            new |= PS_QUEUED;
        else if (!(new & (PS_QUEUED | PS_RUNNABLE | PS_ANY_DIRTY)))
            new |= PS_WAITING;
    } while (!atomic_compare_exchange_weak(&p->state, &old, new));
    if (before) *before = old;
    return new;
}

void sched_leave(Process *p, uint32_t clear, uint32_t set)
{
    uint32_t old, new = state_leave(p, clear, set, &old);
    if ((new & ~old) & PS_QUEUED) sched_enqueue(p, new);
}

void sched_wake(Process *p, uint32_t bits)
{
    uint32_t old = load_relaxed(&p->state), new;
    do {
        if (old & PS_FREE) return;
        new = old | bits;
        if (!(new & (PS_QUEUED | PS_RUNNING)) && state_should_run(new)) new |= PS_QUEUED;
        if (new == old) return;
    } while (!atomic_compare_exchange_weak(&p->state, &old, new));
    if ((new & ~old) & PS_QUEUED) sched_enqueue(p, new);
}

void sched_resume(Process *p)
{
    uint32_t old = load_relaxed(&p->state), new;
    do {
        if (old & PS_FREE) return;
        new = old & ~PS_SUSPENDED;
        if (!(new & (PS_QUEUED | PS_RUNNING)) && state_should_run(new)) new |= PS_QUEUED;
    } while (!atomic_compare_exchange_weak(&p->state, &old, new));
    if ((new & ~old) & PS_QUEUED) sched_enqueue(p, new);
}

enum ProcPriority sched_set_priority(Process *p, enum ProcPriority prio)
{
    uint32_t old = load_relaxed(&p->state);
    while (!atomic_compare_exchange_weak(&p->state, &old,
                                         (old & ~PS_PRIO_MASK) | (uint32_t)prio << PS_PRIO_SHIFT)) {
    }
    return state_priority(old);
}

static int32_t ops_slice_used(const Process *p) { return sched_slice_used(p); }

static void ops_collecting(Process *p UNUSED, bool begins)
{
    if (sched_self) msacc_switch(sched_self, begins ? MS_GC : MS_EMULATOR);
}

static unsigned ops_schedulers(Vm *vm) { return vm->sched->count; }
static unsigned ops_self_number(void) { return sched_self ? sched_self->number : 0; }

static const ProcOps proc_ops = {
    .collecting = ops_collecting,
    .hurry = sched_hurry,
    .borrow = sched_borrow,
    .give_back = sched_give_back,
    .wake = sched_wake,
    .resume = sched_resume,
    .set_priority = sched_set_priority,
    .slice_used = ops_slice_used,
    .schedulers = ops_schedulers,
    .self_number = ops_self_number,
};

/* ---- queueing ---- */

static Sched *self_of(Vm *vm)
{
    Sched *s = sched_self;
    return s && s->vm == vm && s->kind == SCHED_NORMAL ? s : NULL;
}

static bool takes_work(SchedSpace *space, const Sched *s)
{
    return s->number <= load_relaxed(&space->active);
}

/* p was last at a scheduler that is awake. When the calling one has woken it again and again, and no other meanwhile,
 * then both their processes talk to each other: p comes here, unless more wait here than there. */
static RunQueue *follow(Process *p, RunQueue *here, RunQueue *there)
{
    uint16_t from = load_relaxed(&p->woken_from), first = (uint16_t)(here->sched->number * FOLLOW_AFTER);
    uint16_t times = from >= first && from < first + FOLLOW_AFTER ? from - first + 1 : 1;
    bool come = times >= FOLLOW_AFTER && runq_length(here) <= runq_length(there);
    store_relaxed(&p->woken_from, come ? 0 : first + MIN(times, FOLLOW_AFTER - 1));
    return come ? here : there;
}

static RunQueue *choose_queue(SchedSpace *space, Process *p, RunQueue *last)
{
    Sched *here = self_of(space->vm);
    if (here && !takes_work(space, here)) here = NULL;
    if (last && !takes_work(space, last->sched)) last = NULL;
    if (!here) return last ? last : space->scheds[0]->runq;
    if (!last) return here->runq;
    if (last != here->runq && !sched_is_idle(space->shared, last->sched) && !lent_by_another(last->sched))
        return follow(p, here->runq, last);
    if (load_relaxed(&p->woken_from)) store_relaxed(&p->woken_from, 0);
    return here->runq;
}

/* A bound process waits for its scheduler, even while that is not online. */
static RunQueue *queue_for(SchedSpace *space, Process *p, RunQueue *last)
{
    unsigned bound = process_bound(p);
    return bound ? space->scheds[bound - 1]->runq : choose_queue(space, p, last);
}

/* An entry was added to q, which now has n that others may take. */
static void queue_grew(SchedSpace *space, RunQueue *q, uint32_t n)
{
    if (sched_is_idle(space->shared, q->sched))
        sched_kick(space->vm, q->sched->number);
    else if (n >= WAKE_LENGTH || lent_by_another(q->sched))
        sched_wake_idle(space);
}

/* False: p is not to be queued. */
static bool enqueue_rare(Process *p, uint32_t state)
{
    const SchedProfile *profile = load_acquire(&p->vm->sched->profile);
    if (!(state & PS_ANY_DIRTY)) {
        if (profile) profile->queued(p);
        return true;
    }
    dirty_signals_later(p);
    return false;
}

void sched_enqueue(Process *p, uint32_t state)
{
    SchedSpace *space = p->vm->sched;
    if (UNLIKELY(state & (PS_ANY_DIRTY | PS_PROFILED)) && !enqueue_rare(p, state)) return;
    RunQueue *q = queue_for(space, p, atomic_load_explicit(&p->runq, memory_order_relaxed));
    queue_grew(space, q, runq_push(q, p, state_priority(state)));
}

void task_schedule(Vm *vm, Task *t)
{
    uint32_t old = load_relaxed(&t->state), new;
    do {
        if (old == TASK_QUEUED || old == TASK_AGAIN) return;
        new = old == TASK_IDLE ? TASK_QUEUED : TASK_AGAIN;
    } while (!atomic_compare_exchange_weak(&t->state, &old, new));
    if (new != TASK_QUEUED) return;
    RunQueue *q = choose_queue(vm->sched, NULL, NULL);
    queue_grew(vm->sched, q, runq_push_task(q, t));
}

void sched_tell(Sched *s, bool active)
{
    SchedSpace *space = s->vm->sched;
    const SchedProfile *profile = load_acquire(&space->profile);
    if (LIKELY(!profile)) return;
    unsigned all = load_relaxed(&space->active), idle = atomic_load(&space->shared->idle_count);
    profile->scheduler(s->vm, s->number, active, all > idle ? all - idle : 0);
}

/* ---- slices ---- */

static void count_reds(Sched *s, uint32_t reds)
{
    SchedPriv *priv = s->priv;
    priv->reds_since_look += reds + 50;
    priv->reds_waited += reds + 50;
    add_owned(&priv->reductions, reds);
}

/* RUNNABLE stays set while suspended, so that resuming queues the process. One that RUNs already, for
 * an urgent task, is only taken off the queue. */
static uint32_t state_pick(Process *p)
{
    uint32_t old = load_relaxed(&p->state), new;
    do {
        new = old & ~PS_QUEUED;
        if (old & PS_RUNNING) continue;
        new = (old & ~(PS_QUEUED | PS_WAITING)) | PS_RUNNING;
        if (!(old & PS_SUSPENDED) || (old & PS_EXITING)) new &= ~PS_RUNNABLE;
    } while (!atomic_compare_exchange_weak(&p->state, &old, new));
    return old;
}

/* Signals first; false if p need not execute in this slice. */
static bool slice_begin(Sched *s, Process *p, uint32_t st)
{
    if (st & PS_EXITING) return true;
    bool go = st & PS_RUNNABLE;
    if (st & (PS_SIGNALS | PS_SYSTASK)) {
        if (s->vm->sched->ops.handle_signals(p, PRIO_LOW)) go = true;
        st = process_state(p);
        if (st & PS_EXITING) return true;
    }
    return go && !(st & PS_SUSPENDED);
}

/* Suspended just now: RUNNABLE is kept for the resume. */
static enum RunResult slice_idle(Process *p, uint32_t st)
{
    const SchedProfile *profile = load_acquire(&p->vm->sched->profile);
    if ((st & (PS_RUNNABLE | PS_SUSPENDED)) == PS_RUNNABLE) return RUN_YIELD;
    if (profile && st & PS_PROFILED) profile->idle(p);
    return RUN_WAIT;
}

static enum RunResult slice_run(Sched *s, Process *p, uint32_t st)
{
    s->slice_reds = checked_one_reduction() ? 1 : SCHED_SLICE_REDS;
    p->reds = s->slice_reds;
    enum RunResult result = slice_begin(s, p, st) ? s->vm->sched->ops.run(s, p) : slice_idle(p, st);
    int32_t used = MAX(s->slice_reds - p->reds - p->later_reds, 0);
    p->later_reds = 0;
    p->reductions += (uint64_t)used;
    count_reds(s, (uint32_t)used);
    return result;
}

static void leave_dirty(Sched *s, Process *p, enum RunResult result)
{
    bool cpu = result == RUN_DIRTY_CPU;
    sched_leave(p, PS_RUNNING, cpu ? PS_DIRTY_CPU : PS_DIRTY_IO);
    if (result != RUN_DIRTY_BRIEF || !lend_plan(s, p)) dirty_push(s->vm, p, cpu ? SCHED_DIRTY_CPU : SCHED_DIRTY_IO);
}

void sched_run_process(Sched *s, Process *p)
{
    uint32_t st = state_pick(p);
    if (UNLIKELY(st & PS_RUNNING)) return;
    s->p = p;
    store_relaxed(&s->runq->running, 1u + state_priority(st));
    enum RunResult result = slice_run(s, p, st);
    store_relaxed(&s->runq->running, 0); /* before it is queued: nobody counts it twice */
    s->p = NULL;
    switch (result) {
    case RUN_EXIT: return;
    case RUN_YIELD: st = state_leave(p, PS_RUNNING, PS_RUNNABLE, NULL); break;
    case RUN_WAIT: st = state_leave(p, PS_RUNNING, 0, NULL); break;
    default: leave_dirty(s, p, result); return;
    }
    if (!(st & PS_QUEUED)) return;
    RunQueue *q = queue_for(s->vm->sched, p, s->runq);
    queue_grew(s->vm->sched, q, runq_push(q, p, state_priority(st)));
}

static void run_task(Sched *s, Task *t)
{
    atomic_store(&t->state, TASK_RUNNING);
    t->reds = 0;
    if (t->run(t, s) == TASK_GONE) {
        count_reds(s, TASK_REDS);
        return;
    }
    count_reds(s, t->reds ? t->reds : TASK_REDS);
    uint32_t running = TASK_RUNNING;
    if (atomic_compare_exchange_strong(&t->state, &running, TASK_IDLE)) return;
    atomic_store(&t->state, TASK_QUEUED);
    queue_grew(s->vm->sched, s->runq, runq_push_task(s->runq, t));
}

/* False: the calling thread has lost s. */
static bool run_item(Sched *s, RunItem item)
{
    SchedPriv *priv = s->priv;
    add_owned(&priv->switches, 1);
    store_relaxed(&priv->active, 1);
    msacc_switch(s, item.t ? MS_PORT : MS_EMULATOR);
    if (item.t)
        run_task(s, item.t);
    else if (LIKELY(!load_relaxed(&shared_of(s->vm)->processes_stopped)))
        sched_run_process(s, item.p);
    if (UNLIKELY(priv->brief != NULL) && !lend_execute(s)) return false;
    msacc_switch(s, MS_OTHER);
    store_relaxed(&priv->active, 0);
    return true;
}

/* ---- between slices ---- */

static void nothing(void *arg) { (void)arg; }

static void poll_now_and_then(Sched *s, int64_t now)
{
    SchedShared *sh = shared_of(s->vm);
    Sched *nobody = NULL;
    if (poll_set_count(sh->polls) == 0 || now - load_relaxed(&sh->last_poll_ns) < POLL_EVERY_NS) return;
    if (!atomic_compare_exchange_strong(&sh->poller, &nobody, s)) return;
    store_relaxed(&sh->last_poll_ns, now);
    msacc_switch(s, MS_CHECK_IO);
    poll_wait(sh->polls, 0, nothing, NULL);
    msacc_switch(s, MS_OTHER);
    atomic_store(&sh->poller, NULL);
}

/* Timers and descriptors; reading the clock costs, so only after some work. */
static void look_around(Sched *s)
{
    s->priv->reds_since_look = 0;
    int64_t now = clock_monotonic_ns();
    if (timer_wheel_next(s->wheel) <= now) {
        msacc_switch(s, MS_AUX);
        timer_wheel_expire(s->wheel, now);
        msacc_switch(s, MS_OTHER);
    }
    poll_now_and_then(s, now);
    if (takes_work(s->vm->sched, s)) sched_balance(s, now);
}

static void between_slices(Sched *s)
{
    epoch_quiescent(&s->priv->epoch);
    block_check(s);
    if (jobs_pending(s)) {
        msacc_switch(s, MS_AUX);
        jobs_run(s);
        msacc_switch(s, MS_OTHER);
    }
    if (s->priv->reds_since_look >= LOOK_EVERY_REDS) look_around(s);
}

static bool steal_work(Sched *s)
{
    SchedSpace *space = s->vm->sched;
    unsigned first = (unsigned)(random_next(&s->priv->random) % space->count);
    for (unsigned i = 0; i < space->count; i++) {
        Sched *victim = space->scheds[(first + i) % space->count];
        if (victim != s && runq_steal(s->runq, victim->runq)) return true;
    }
    return false;
}

/* A scheduler that was taken offline leaves its queue to those that are online. */
static void hand_over_queue(Sched *s)
{
    SchedSpace *space = s->vm->sched;
    while (runq_steal(space->scheds[0]->runq, s->runq)) {
    }
    sched_kick(s->vm, 1);
}

/* Few processes that talk to each other are through before another processor has woken up, and in order. */
static void wake_for_waiting(Sched *s)
{
    SchedPriv *priv = s->priv;
    bool alone = runq_length(s->runq) == 0;
    if (!alone && priv->reds_waited < WAKE_AFTER_REDS) return;
    priv->reds_waited = 0;
    if (!alone) sched_wake_idle(s->vm->sched);
}

static bool next_item(Sched *s, RunItem *item)
{
    SchedSpace *space = s->vm->sched;
    if (!takes_work(space, s)) {
        hand_over_queue(s);
        return false;
    }
    bool prefer_task = (s->priv->next_is_task ^= 1);
    if (!runq_pop(s->runq, prefer_task, item) &&
        !(steal_work(s) && runq_pop(s->runq, prefer_task, item)))
        return false;
    search_over(s);
    wake_for_waiting(s);
    return true;
}

static NOINLINE void run_items(Sched *s)
{
    RunItem item;
    epoch_online(&s->priv->epoch);
    block_enter_slice(s);
    for (;;) {
        between_slices(s);
        if (next_item(s, &item)) {
            if (UNLIKELY(!run_item(s, item))) return;
        } else {
            look_around(s);
            if (runq_total(s->runq) == 0 || !takes_work(s->vm->sched, s)) sched_sleep(s);
            s->priv->reds_since_look = LOOK_EVERY_REDS; /* a timer may have woken us */
        }
    }
}

/* Native code reads s->p right after C functions have stored to their frames: see Sched. */
void sched_run(Sched *s)
{
    size_t gap = ((uintptr_t)__builtin_frame_address(0) - (uintptr_t)&s->p) % 4096;
    char *unused = __builtin_alloca(gap);
    __asm__ volatile("" : : "r"(unused) : "memory");
    run_items(s);
}

static void *sched_main(void *arg)
{
    Sched *s = arg;
    sched_self = s;
    timer_wheel_self = s->wheel;
    literal_space_self = s->vm->literals;
    epoch_register(s->vm->epoch, &s->priv->epoch);
    sched_run(s);
    return NULL;
}

/* ---- init ---- */

Sched *sched_new(SchedSpace *space, enum SchedKind kind, unsigned number)
{
    Sched *s = mem_alloc_aligned(MEM_SCHED, sizeof(Sched), CACHE_LINE);
    memset(s, 0, sizeof *s);
    s->vm = space->vm;
    s->kind = kind;
    s->number = number;
    s->priv = mem_alloc_aligned(MEM_SCHED, sizeof(SchedPriv), CACHE_LINE);
    memset(s->priv, 0, sizeof *s->priv);
    s->priv->random = number;
    s->priv->last_balance_ns = clock_monotonic_ns();
    event_init(&s->priv->event);
    jobs_init(s->priv);
    return s;
}

static void wheel_kick(Vm *vm, unsigned wheel) { sched_kick(vm, wheel + 1); }

static void scheds_new(Vm *vm, SchedSpace *space)
{
    timers_init(vm, space->count, wheel_kick);
    for (unsigned i = 0; i < space->count; i++) {
        Sched *s = space->scheds[i] = sched_new(space, SCHED_NORMAL, i + 1);
        s->runq = mem_alloc_aligned(MEM_SCHED, sizeof(RunQueue), CACHE_LINE);
        runq_init(s->runq, s);
        s->wheel = timers_wheel(vm, i);
    }
}

static unsigned or_default(unsigned n, unsigned preset) { return n ? n : preset; }

void sched_init(Vm *vm, const SchedConfig *config)
{
    SchedSpace *space = MEM_NEW(SCHED, SchedSpace);
    SchedShared *sh = space->shared = mem_alloc_zero(MEM_SCHED, sizeof *sh);
    vm->sched = space;
    space->vm = vm;
    space->count = MIN(or_default(config->schedulers, (unsigned)thread_cpus_usable()), SCHED_MAX);
    unsigned online = MIN(or_default(config->online, space->count), space->count);
    atomic_init(&space->online, online);
    atomic_init(&space->active, online);
    space->dirty_cpu_count = or_default(config->dirty_cpu, space->count);
    space->dirty_io_count = or_default(config->dirty_io, 10);
    unsigned all = space->count + space->dirty_cpu_count + space->dirty_io_count;
    space->scheds = mem_alloc_zero(MEM_SCHED, all * sizeof(Sched *));
    sh->stack_bytes = config->stack_bytes;
    event_init(&sh->guard_event);
    block_init(sh);
    sh->polls = poll_set_new(vm);
    atomic_init(&sh->last_poll_ns, clock_monotonic_ns());
    sh->cpu.stack_bytes = config->dirty_cpu_stack_bytes;
    sh->io.stack_bytes = config->dirty_io_stack_bytes;
    dirty_init(vm, &sh->cpu, SCHED_DIRTY_CPU, space->count, space->dirty_cpu_count,
               or_default(config->dirty_cpu_online, space->dirty_cpu_count));
    dirty_init(vm, &sh->io, SCHED_DIRTY_IO, space->count + space->dirty_cpu_count, space->dirty_io_count,
               space->dirty_io_count);
    scheds_new(vm, space);
    vm->procs->ops = &proc_ops;
}

void sched_start(Vm *vm)
{
    SchedSpace *space = vm->sched;
    for (unsigned i = 0; i < space->count; i++) {
        Sched *s = space->scheds[i];
        char name[16];
        snprintf(name, sizeof name, "sched_%u", s->number);
        ThreadOptions options = {.name = name, .stack_bytes = space->shared->stack_bytes,
                                 .block_signals = true};
        int error = thread_create(&s->priv->thread, &options, sched_main, s);
        if (error) PANIC("cannot create scheduler thread %u: %s", s->number, strerror(error));
    }
}

uint64_t sched_balances(Vm *vm) { return load_relaxed(&shared_of(vm)->balances); }

void sched_stop_processes(Vm *vm) { store_release(&shared_of(vm)->processes_stopped, 1); }
