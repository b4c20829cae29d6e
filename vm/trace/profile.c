/* SPDX-License-Identifier: Apache-2.0 */
/* profile - see profile.h. Layer: trace. */
#include "trace/profile.h"

#include "base/alloc.h"
#include "base/queue.h"
#include "exec/exec.h"
#include "proc/ptab.h"
#include "sched/sched.h"
#include "trace/tracer.h"

typedef struct ProfileEvent {
    FifoNode node;
    Heap heap;
    term_t message;
} ProfileEvent;

typedef struct Profile {
    Mutex sending;                   /* class PROFILE: who sends takes all there is */
    AtomicStack pushed;              /* ProfileEvent */
    enum RunResult (*run)(Sched *s, Process *p); /* the interpreter's */
} Profile;

static struct Profile *profile_of(Vm *vm) { return trace_space(vm)->profile; }

static bool wants(Vm *vm, uint32_t flag) { return load_relaxed(&trace_space(vm)->profile_flags) & flag; }

/* ---- events ---- */

static term_t stamp(Vm *vm, Heap *h)
{
    static const uint32_t kinds[] = {TRACE_TIMESTAMP, TRACE_MONOTONIC, TRACE_STRICT_MONOTONIC};
    uint32_t bits = load_relaxed(&trace_space(vm)->profile_flags) >> PROFILE_STAMPS_SHIFT;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bits >> i & 1) return trace_timestamp(vm, h, kinds[i]);
    return trace_timestamp(vm, h, TRACE_TIMESTAMP);
}

/* e: made by MEM_NEW, with the message in its heap. */
static void push(Vm *vm, ProfileEvent *e)
{
    (void)atomic_stack_push(&profile_of(vm)->pushed, &e->node);
}

static void tell(Vm *vm, term_t who, bool active, term_t where, Heap *h)
{
    ProfileEvent *e = MEM_NEW(TRACE, ProfileEvent);
    term_t time = stamp(vm, h);
    e->message = heap_tuple5(h, am_profile, who, active ? am_active : am_inactive, where, time);
    e->heap = *h;
    push(vm, e);
}

static void tell_process(Process *p, bool active)
{
    Heap h = {0};
    const Mfa *at = exec_where(p), *m = at ? at : &p->initial;
    term_t where = heap_tuple3(&h, m->module, m->function, term_small((int64_t)m->arity));
    if (active) p->flags |= PF_PROFILED_ACTIVE;
    else p->flags &= ~PF_PROFILED_ACTIVE;
    tell(p->vm, p->id, active, where, &h);
}

static bool is_profiled(const Process *p)
{
    return wants(p->vm, PROFILE_PROCS) && p->id != load_relaxed(&trace_space(p->vm)->profile_pid);
}

/* SchedProfile.queued: nobody else has p now. */
static void on_queued(Process *p)
{
    if (is_profiled(p) && !(p->flags & PF_PROFILED_ACTIVE)) tell_process(p, true);
}

/* SchedProfile.idle: it had nothing to do but to handle signals. */
static void on_idle(Process *p)
{
    if (is_profiled(p) && p->flags & PF_PROFILED_ACTIVE) tell_process(p, false);
}

static void on_scheduler(Vm *vm, unsigned number, bool active, unsigned count)
{
    Heap h = {0};
    if (!wants(vm, PROFILE_SCHEDULERS)) return;
    ProfileEvent *e = MEM_NEW(TRACE, ProfileEvent);
    const term_t t[] = {am_profile, am_scheduler, term_small(number), active ? am_active : am_inactive,
                        term_small(MAX(count, active)), stamp(vm, &h)};
    e->message = heap_tuple(&h, ARRAY_LEN(t), t);
    e->heap = h;
    push(vm, e);
}

void profile_port(Vm *vm, term_t port, Process *p, bool active)
{
    Heap h = {0};
    bool alone = p && wants(vm, PROFILE_EXCLUSIVE) && is_profiled(p);
    if (alone && active) tell_process(p, false);
    if (wants(vm, PROFILE_PORTS) && port != load_relaxed(&trace_space(vm)->profile_pid))
        tell(vm, port, active, term_small(0), &h);
    if (alone && !active) tell_process(p, true);
}

/* ---- sending ---- */

static void send(Vm *vm, term_t to, ProfileEvent *e)
{
    Process *p = term_is_local_pid(to) ? process_lookup_alive(vm, to) : NULL;
    if (p) message_send_heap(vm, am_system, p, e->message, &e->heap);
    else if (term_is_local_port(to)) (void)tracer_tell_port(vm, to, e->message);
    heap_dispose(&e->heap);
    MEM_DELETE(TRACE, e);
}

static void send_all(Vm *vm)
{
    term_t to = load_relaxed(&trace_space(vm)->profile_pid);
    FifoNode *n = fifo_chain_reverse(atomic_stack_take_all(&profile_of(vm)->pushed));
    for (FifoNode *next; n; n = next) {
        next = n->next;
        send(vm, to, container_of(n, ProfileEvent, node));
    }
}

/* Who does not get the lock leaves its events to the one who has it. */
void profile_flush(Vm *vm)
{
    Profile *f = profile_of(vm);
    while (f && !atomic_stack_is_empty(&f->pushed) && mutex_try_lock(&f->sending)) {
        send_all(vm);
        mutex_unlock(&f->sending);
    }
}

/* SchedOps.run while anything is profiled. A process that has ended may not be touched. */
static enum RunResult run(Sched *s, Process *p)
{
    Vm *vm = p->vm;
    Heap h = {0};
    term_t id = p->id;
    on_queued(p);
    bool active = p->flags & PF_PROFILED_ACTIVE;
    profile_flush(vm);
    enum RunResult r = profile_of(vm)->run(s, p);
    if (r == RUN_WAIT) on_idle(p);
    else if (r == RUN_EXIT && active && wants(vm, PROFILE_PROCS)) tell(vm, id, false, term_small(0), &h);
    profile_flush(vm);
    return r;
}

/* ---- on and off ---- */

static const SchedProfile hooks = {.queued = on_queued, .idle = on_idle, .scheduler = on_scheduler};

static Profile *make(Vm *vm)
{
    TraceSpace *s = trace_space(vm);
    if (s->profile) return s->profile;
    Profile *f = MEM_NEW(TRACE, Profile);
    mutex_init(&f->sending, LOCK_PROFILE);
    f->run = vm->sched->ops.run;
    return s->profile = f;
}

void profile_spawned(Process *p)
{
    if (wants(p->vm, PROFILE_PROCS)) atomic_fetch_or(&p->state, PS_PROFILED);
}

/* Who can run already counts as told. What a dirty thread executes keeps its flags to itself. */
static void mark(Process *p, bool on)
{
    uint32_t st = process_state(p);
    if (on) atomic_fetch_or(&p->state, PS_PROFILED);
    else atomic_fetch_and(&p->state, ~PS_PROFILED);
    if (st & PS_ANY_DIRTY) return;
    if (on && st & (PS_QUEUED | PS_RUNNING)) p->flags |= PF_PROFILED_ACTIVE;
    else p->flags &= ~PF_PROFILED_ACTIVE;
}

static void mark_all(Vm *vm, bool on)
{
    Ptab *t = vm->procs->procs;
    size_t end = ptab_scan_end(t);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(t, i);
        if (p) mark(p, on);
    }
}

bool profile_prepare(Vm *vm)
{
    if (vm->sched->ops.run == run) return true;
    sched_block_all(vm);
    (void)make(vm);
    vm->sched->ops.run = run;
    sched_unblock_all(vm);
    return false;
}

void profile_start(Vm *vm, term_t to, uint32_t flags)
{
    TraceSpace *s = trace_space(vm);
    sched_block_all(vm);
    Profile *f = make(vm);
    profile_flush(vm);
    bool procs = flags & PROFILE_PROCS;
    if (procs || wants(vm, PROFILE_PROCS)) mark_all(vm, procs);
    store_relaxed(&s->profile_pid, to);
    store_relaxed(&s->profile_flags, flags);
    vm->sched->ops.run = flags ? run : f->run;
    store_release(&vm->sched->profile, flags ? &hooks : NULL);
    trace_update_new(vm);
    sched_unblock_all(vm);
}
