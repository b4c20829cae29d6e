/* SPDX-License-Identifier: Apache-2.0 */
/* trace - flags, messages to tracers, events of processes. See trace.h. Layer: trace. */
#include "trace/breakpoint.h"
#include "trace/tracer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "data/node.h"
#include "exec/exec.h"
#include "heap/gc.h"
#include "sched/sched.h"

/* ---- flags ---- */

/* In the order in which trace_info lists them. */
static const struct { term_t name; uint32_t flag; } flag_names[] = {
    {am_running_procs, TRACE_RUNNING_PROCS}, {am_running_ports, TRACE_RUNNING_PORTS},
    {am_ports, TRACE_PORTS}, {am_scheduler_id, TRACE_SCHEDULER_ID}, {am_silent, TRACE_SILENT},
    {am_return_to, TRACE_RETURN_TO}, {am_arity, TRACE_ARITY}, {am_garbage_collection, TRACE_GC},
    {am_exiting, TRACE_EXITING}, {am_running, TRACE_RUNNING},
    {am_set_on_first_link, TRACE_SET_ON_FIRST_LINK}, {am_set_on_link, TRACE_SET_ON_LINK},
    {am_set_on_first_spawn, TRACE_SET_ON_FIRST_SPAWN}, {am_procs, TRACE_PROCS},
    {am_call, TRACE_CALL}, {am_set_on_spawn, TRACE_SET_ON_SPAWN}, {am_receive, TRACE_RECEIVE},
    {am_send, TRACE_SEND}, {am_monotonic_timestamp, TRACE_MONOTONIC},
    {am_strict_monotonic_timestamp, TRACE_STRICT_MONOTONIC}, {am_timestamp, TRACE_TIMESTAMP},
};

bool trace_flag_of(term_t name, uint32_t *flag)
{
    if (name == am_all) {
        *flag = TRACE_ALL;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
        if (flag_names[i].name == name) {
            *flag = flag_names[i].flag;
            return true;
        }
    return false;
}

term_t trace_flag_list(Heap *h, uint32_t flags)
{
    term_t list = TERM_NIL;
    for (size_t i = ARRAY_LEN(flag_names); i-- > 0;)
        if (flags & flag_names[i].flag) list = heap_cons(h, flag_names[i].name, list);
    return list;
}

TraceFlags *trace_flags_make(Process *p)
{
    if (!p->trace) {
        trace_space(p->vm);
        TraceFlags *f = MEM_NEW(TRACE, TraceFlags);
        f->tracer = TERM_NONE;
        p->trace = f;
    }
    return p->trace;
}

void trace_flags_put(TraceFlags *f, uint32_t flags, term_t tracer)
{
    f->flags = flags;
    tracer_set(&f->tracer, flags ? tracer : TERM_NONE);
}

bool trace_change(Process *p, uint32_t set, uint32_t clear, term_t tracer)
{
    TraceFlags *f = trace_flags_make(p);
    if (tracer == TERM_NONE) tracer = f->tracer;
    if (tracer == TERM_NONE) return false;
    trace_flags_put(f, (f->flags & ~clear) | set, tracer);
    return true;
}

/* ---- messages ---- */

term_t trace_timestamp(Vm *vm, Heap *h, uint32_t flags)
{
    if (flags & TRACE_TIMESTAMP) {
        int64_t us = load_relaxed(&trace_space(vm)->cpu_timestamps) ? clock_cpu_process_ns() / 1000 : clock_unique_us();
        return heap_tuple3(h, term_small(us / 1000000000000), term_small(us / 1000000 % 1000000),
                           term_small(us % 1000000));
    }
    if (flags & TRACE_STRICT_MONOTONIC) {
        uint64_t n = unique_number(vm, true);
        return heap_tuple2(h, heap_int(h, clock_monotonic_ns()), heap_int(h, SMALL_MIN + (int64_t)n));
    }
    return flags & TRACE_MONOTONIC ? heap_int(h, clock_monotonic_ns()) : TERM_NONE;
}

static void stop_tracing(TraceFlags *f) { trace_flags_put(f, 0, TERM_NONE); }

bool trace_has_tracer(Process *p)
{
    TraceFlags *f = p->trace;
    if (tracer_is_module(f->tracer)) return true; /* it is asked at each slice */
    if (f->tracer != TERM_NONE && tracer_lives(p->vm, f->tracer, p->id)) return true;
    stop_tracing(f);
    return false;
}

/* Does an event of this kind concern p's tracer? tag TERM_NONE: it has agreed already. */
static bool wanted(Process *p, uint32_t kind, term_t tag)
{
    TraceFlags *f = p->trace;
    if (!(f->flags & kind) || f->tracer == p->id || f->tracer == TERM_NONE) return false;
    if (process_state(p) & PS_SENSITIVE) return false;
    if (tag == TERM_NONE) return true;
    enum TracerAnswer answer = tracer_ask(p->vm, f->tracer, kind, tag, p->id);
    if (answer == TRACER_REMOVE) stop_tracing(f);
    return answer == TRACER_TRACE;
}

static void tell(Process *p, const TraceEvent *e)
{
    TraceFlags *f = p->trace;
    if (!tracer_tell(p->vm, f->tracer, e)) stop_tracing(f);
}

static void event(Process *p, uint32_t kind, term_t tag, term_t term, term_t extra)
{
    TraceEvent e = {.kind = kind, .flags = p->trace->flags, .tracee = p->id, .tag = tag, .term = term, .extra = extra};
    tell(p, &e);
}

void trace_event(Process *p, uint32_t kind, term_t tag, term_t term, term_t extra)
{
    if (wanted(p, kind, tag)) event(p, kind, tag, term, extra);
}

void trace_return(Process *p, uint32_t kind, term_t tag, term_t mfa, term_t value)
{
    if (wanted(p, kind, TERM_NONE)) event(p, kind, tag, mfa, value);
}

bool trace_wants_call(Process *p) { return wanted(p, TRACE_CALL, am_call); }

/* ---- events of processes ---- */

/* A pattern for sends sees [To, Message], one for receives [Node, From, Message]. False: no event. */
static bool pattern_allows(Process *p, const TracePattern *t, term_t args, term_t *extra)
{
    *extra = TERM_NONE;
    if (t->off) return false;
    if (!t->ms) return true;
    TraceMatch m = {.message = am_true};
    if (!trace_match(t->ms, p, args, &m) || m.message == am_false) return false;
    if (p->trace->flags & TRACE_SILENT) return false;
    if (m.message != am_true) *extra = m.message;
    return true;
}

static void on_send(Process *p, term_t to, term_t message, bool exists)
{
    term_t tag = exists ? am_send : am_send_to_non_existing_process;
    if (!wanted(p, TRACE_SEND, tag)) return;
    TraceEvent e = {.kind = TRACE_SEND, .flags = p->trace->flags, .tracee = p->id, .tag = tag, .term = message,
                    .extra = to};
    term_t list = heap_cons(&p->heap, to, heap_cons(&p->heap, message, TERM_NIL));
    if (pattern_allows(p, &trace_space(p->vm)->send, list, &e.result)) tell(p, &e);
}

/* [Node, Sender, Message]. What comes from another node is only known to come from there: `from` is its name. */
static term_t received_list(Process *p, term_t from, term_t message)
{
    Heap *h = &p->heap;
    const Node *n = term_is_immed(from) ? NULL : ident_node(from);
    bool remote = term_is_atom(from) && from != am_undefined && from != am_system;
    bool unknown = remote || from == TERM_NONE || from == TERM_NIL;
    term_t node = from == TERM_NONE ? am_clock_service : from == TERM_NIL ? am_undefined
                : remote ? from : n ? n->name : node_self_name(p->vm);
    term_t rest = heap_cons(h, unknown ? am_undefined : from, heap_cons(h, message, TERM_NIL));
    return heap_cons(h, node, rest);
}

static void on_receive(Process *p, term_t from, term_t message)
{
    TraceSpace *s = trace_space(p->vm);
    if (message == TERM_NONE || !wanted(p, TRACE_RECEIVE, am_receive)) return;
    TraceEvent e = {.kind = TRACE_RECEIVE, .flags = p->trace->flags, .tracee = p->id, .tag = am_receive,
                    .term = message};
    if ((s->receive.off || s->receive.ms)
        && !pattern_allows(p, &s->receive, received_list(p, from, message), &e.result)) return;
    tell(p, &e);
}

static void on_exiting(Process *p, term_t event)
{
    trace_event(p, TRACE_EXITING, event, term_small(0), TERM_NONE);
}

static void on_event(Process *p, term_t event, term_t arg, term_t extra)
{
    if (event == am_in_exiting || event == am_out_exiting || event == am_out_exited) {
        on_exiting(p, event);
        return;
    }
    trace_event(p, TRACE_PROCS, event, arg, extra);
    if (event == am_spawn) p->trace->spawn_mfa = extra;
}

/* The child takes over all flags; a "first" flag is passed on and then gone from the parent. */
static void on_inherit(Process *parent, Process *child, bool linked)
{
    TraceFlags *f = parent->trace;
    uint32_t on = f->flags & (TRACE_SET_ON_SPAWN | TRACE_SET_ON_FIRST_SPAWN);
    uint32_t link = linked ? f->flags & (TRACE_SET_ON_LINK | TRACE_SET_ON_FIRST_LINK) : 0;
    if ((!on && !link) || !trace_has_tracer(parent)) return;
    uint32_t flags = f->flags;
    if (on & TRACE_SET_ON_FIRST_SPAWN || link & TRACE_SET_ON_FIRST_LINK)
        flags &= ~(TRACE_SET_ON_FIRST_SPAWN | TRACE_SET_ON_SPAWN | TRACE_SET_ON_FIRST_LINK
                   | TRACE_SET_ON_LINK);
    f->flags &= ~(TRACE_SET_ON_FIRST_SPAWN | (linked ? TRACE_SET_ON_FIRST_LINK : 0));
    TraceFlags *c = trace_flags_make(child);
    trace_flags_put(c, flags, f->tracer);
    trace_event(child, TRACE_PROCS, am_spawned, parent->id, f->spawn_mfa);
    if (linked) trace_event(child, TRACE_PROCS, am_getting_linked, parent->id, TERM_NONE);
}

static void on_running(Process *p, bool in)
{
    breakpoint_time_slice(p, in);
    if (process_is_exiting(p)) return;
    TraceFlags *f = p->trace;
    if (in && tracer_is_module(f->tracer) && !tracer_lives(p->vm, f->tracer, p->id)) stop_tracing(f);
    if (!(p->trace->flags & (TRACE_RUNNING | TRACE_RUNNING_PROCS)) || !p->pc) return;
    Heap h = {0};
    const Mfa *m = exec_where(p);
    term_t where = m ? heap_tuple3(&h, m->module, m->function, term_small((int64_t)m->arity))
                     : heap_tuple3(&h, p->initial.module, p->initial.function,
                                   term_small((int64_t)p->initial.arity));
    trace_event(p, TRACE_RUNNING | TRACE_RUNNING_PROCS, in ? am_in : am_out, where, TERM_NONE);
    heap_dispose(&h);
}

/* Built outside of the heap that is about to be collected. */
static void on_collection(Process *p, bool begins, bool major, size_t words)
{
    if (!(p->trace->flags & TRACE_GC)) return;
    HeapInfo i = heap_info(&p->heap);
    const struct { term_t key; uint64_t value; } items[] = {
        {am_bin_old_vheap_block_size, i.old_vheap_block}, {am_bin_old_vheap_size, i.old_vheap},
        {am_bin_vheap_block_size, i.vheap_block}, {am_bin_vheap_size, i.vheap},
        {am_heap_size, i.young}, {am_old_heap_size, i.old}, {am_stack_size, i.stack},
        {am_recent_size, i.recent}, {am_mbuf_size, i.frags}, {am_heap_block_size, i.block},
        {am_old_heap_block_size, i.old_block}, {am_wordsize, words},
    };
    Heap h = {0};
    term_t list = TERM_NIL;
    for (size_t k = 0; k < ARRAY_LEN(items); k++)
        list = heap_cons(&h, heap_tuple2(&h, items[k].key, heap_uint(&h, items[k].value)), list);
    term_t tag = major ? begins ? am_gc_major_start : am_gc_major_end
                       : begins ? am_gc_minor_start : am_gc_minor_end;
    trace_event(p, TRACE_GC, tag, list, TERM_NONE);
    heap_dispose(&h);
}

static void forget_process(Process *p)
{
    TraceFlags *f = p->trace;
    p->trace = NULL;
    tracer_release(f->tracer);
    MEM_DELETE(TRACE, f);
}

static const ProcTraceOps trace_ops = {
    .send = on_send, .receive = on_receive, .event = on_event, .inherit = on_inherit,
    .seq_send = seq_trace_send, .seq_receive = seq_trace_receive,
    .breakpoint = breakpoint_hit, .traced_export = breakpoint_export_hit,
    .traced_return = breakpoint_return, .traced_catch = breakpoint_catch,
    .running = on_running, .collection = on_collection, .forget = forget_process,
};

/* ---- the space ---- */

void trace_init(Vm *vm)
{
    TraceSpace *s = MEM_NEW(TRACE, TraceSpace);
    mutex_init(&s->lock, LOCK_TRACE_WRITE);
    s->new_procs.tracer = s->new_ports.tracer = TERM_NONE;
    s->monitor_pid = TERM_NONE;
    s->send.spec = s->receive.spec = am_true;
    atomic_init(&s->seq_tracer, am_false);
    vm->trace = s;
    vm->procs->trace_ops = &trace_ops;
}
