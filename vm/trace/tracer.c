/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - see tracer.h. Layer: trace. */
#include "trace/tracer.h"

#include "base/alloc.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "etf/etf.h"
#include "sched/sched.h"

static TraceModule *module_of(term_t tracer) { return container_of(boxed_ptr(tracer), TraceModule, tuple[0]); }

/* ---- life ---- */

term_t tracer_new_module(Vm *vm, term_t module, term_t state)
{
    TraceModule *m = MEM_NEW(TRACE, TraceModule);
    m->vm = vm;
    atomic_init(&m->refs, 1);
    m->tuple[0] = HEADER(2, BOXED_TUPLE);
    m->tuple[1] = module;
    m->tuple[2] = term_is_immed(state) ? state : heap_piece_copy_all(&m->piece, state);
    return term_make_boxed(m->tuple);
}

static bool has_natives(Vm *vm, term_t module)
{
    const term_t enabled[2] = {am_enabled, am_enabled}, trace[2] = {am_trace, am_trace};
    TraceSpace *s = trace_space(vm);
    return s->call_native && s->call_native(vm, module, enabled, 3, NULL, NULL)
           && s->call_native(vm, module, trace, 5, NULL, NULL);
}

term_t tracer_parse(Vm *vm, term_t tuple)
{
    term_t t = tuple_element(tuple, 2);
    if (term_is_tuple_of(tuple, 3)) {
        if (t != am_erl_tracer)
            return has_natives(vm, t) ? tracer_new_module(vm, t, tuple_element(tuple, 3)) : TERM_NONE;
        t = tuple_element(tuple, 3);
    }
    bool can = term_is_local_port(t) || (term_is_local_pid(t) && process_lookup_alive(vm, t));
    return can ? t : TERM_NONE;
}

void tracer_hold(term_t tracer)
{
    if (tracer_is_module(tracer)) atomic_fetch_add(&module_of(tracer)->refs, 1);
}

static void free_module(void *arg)
{
    TraceModule *m = arg;
    heap_piece_dispose(&m->piece);
    MEM_DELETE(TRACE, m);
}

void tracer_release(term_t tracer)
{
    if (!tracer_is_module(tracer)) return;
    TraceModule *m = module_of(tracer);
    if (atomic_fetch_sub(&m->refs, 1) == 1) epoch_defer(m->vm->epoch, &m->later, free_module, m);
}

void tracer_set(term_t *slot, term_t tracer)
{
    term_t old = *slot;
    tracer_hold(tracer);
    *slot = tracer;
    tracer_release(old);
}

bool tracer_same(term_t a, term_t b)
{
    return a == b || (tracer_is_module(a) && tracer_is_module(b) && term_eq(a, b));
}

/* ---- asking ---- */

/* The natives of each kind of event. */
static const struct { uint32_t kind; term_t enabled, trace; } kinds[] = {
    {TRACE_CALL | TRACE_RETURN_TO, am_enabled_call, am_trace_call},
    {TRACE_SEND, am_enabled_send, am_trace_send},
    {TRACE_RECEIVE, am_enabled_receive, am_trace_receive},
    {TRACE_PROCS, am_enabled_procs, am_trace_procs},
    {TRACE_PORTS, am_enabled_ports, am_trace_ports},
    {TRACE_RUNNING | TRACE_RUNNING_PROCS | TRACE_EXITING, am_enabled_running_procs, am_trace_running_procs},
    {TRACE_RUNNING_PORTS, am_enabled_running_ports, am_trace_running_ports},
    {TRACE_GC, am_enabled_garbage_collection, am_trace_garbage_collection},
};

static term_t native_name(uint32_t kind, bool trace)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind & kind) return trace ? kinds[i].trace : kinds[i].enabled;
    return trace ? am_trace : am_enabled;
}

/* What is no answer removes, but the status is refused by `remove` only. */
enum TracerAnswer tracer_ask_module(Vm *vm, term_t tracer, uint32_t kind, term_t tag, term_t tracee)
{
    const term_t names[2] = {native_name(kind, false), am_enabled};
    const term_t args[3] = {tag, tuple_element(tracer, 2), tracee};
    term_t answer = TERM_NONE;
    if (!trace_space(vm)->call_native(vm, tuple_element(tracer, 1), names, 3, args, &answer)) return TRACER_REMOVE;
    if (tag == am_trace_status) return answer == am_remove ? TRACER_REMOVE : TRACER_TRACE;
    return answer == am_trace ? TRACER_TRACE : answer == am_discard ? TRACER_DISCARD : TRACER_REMOVE;
}

bool tracer_lives(Vm *vm, term_t tracer, term_t tracee)
{
    if (tracer_is_module(tracer)) return tracer_ask_module(vm, tracer, 0, am_trace_status, tracee) == TRACER_TRACE;
    if (term_is_local_pid(tracer)) return process_lookup_alive(vm, tracer) != NULL;
    return term_is_local_port(tracer) && vm->procs->port_ops->exists(vm, tracer);
}

/* ---- telling ---- */

#define STAMPED (TRACE_TIMESTAMP | TRACE_STRICT_MONOTONIC | TRACE_MONOTONIC)

/* The terms of the event stay where they are. */
static term_t event_term(Vm *vm, Heap *h, const TraceEvent *e)
{
    term_t t[8] = {e->flags & STAMPED ? am_trace_ts : am_trace, e->tracee, e->tag, e->term};
    unsigned n = 4;
    if (e->extra != TERM_NONE) t[n++] = e->extra;
    if (e->result != TERM_NONE) t[n++] = e->result;
    if (e->flags & TRACE_SCHEDULER_ID) t[n++] = term_small(sched_self ? sched_self->number : 0);
    term_t stamp = trace_timestamp(vm, h, e->flags);
    if (stamp != TERM_NONE) t[n++] = stamp;
    return heap_tuple(h, n, t);
}

bool tracer_tell_port(Vm *vm, term_t port, term_t t)
{
    Buf bytes;
    buf_init(&bytes, MEM_TRACE);
    bool told = !etf_encode(vm, &bytes, t, 0) || trace_space(vm)->port_tell(vm, port, bytes.data, bytes.len);
    buf_free(&bytes);
    return told;
}

static bool tell_port(Vm *vm, term_t port, const TraceEvent *e)
{
    Heap h = {0};
    bool told = tracer_tell_port(vm, port, event_term(vm, &h, e));
    heap_dispose(&h);
    return told;
}

static bool tell_process(Vm *vm, term_t pid, const TraceEvent *e)
{
    Process *to = process_lookup_alive(vm, pid);
    if (!to) return false;
    Heap h = {0};
    TraceEvent copy = *e;
    copy.term = term_copy(&h, e->term);
    if (e->extra != TERM_NONE) copy.extra = term_copy(&h, e->extra);
    if (e->result != TERM_NONE) copy.result = term_copy(&h, e->result);
    message_send_heap(vm, am_undefined, to, event_term(vm, &h, &copy), &h);
    return true;
}

static term_t stamp_name(uint32_t flags)
{
    if (flags & TRACE_TIMESTAMP) return am_timestamp;
    if (flags & TRACE_STRICT_MONOTONIC) return am_strict_monotonic;
    return flags & TRACE_MONOTONIC ? am_monotonic : TERM_NONE;
}

static term_t options(Heap *h, const TraceEvent *e)
{
    term_t scheduler = e->flags & TRACE_SCHEDULER_ID ? term_small(sched_self ? sched_self->number : 0) : TERM_NONE;
    const term_t all[][2] = {{am_extra, e->extra}, {am_match_spec_result, e->result}, {am_scheduler_id, scheduler},
                             {am_timestamp, stamp_name(e->flags)}};
    term_t map = map_empty(h);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i][1] != TERM_NONE) map = map_put(h, map, all[i][0], all[i][1]);
    return map;
}

static bool tell_module(Vm *vm, term_t tracer, const TraceEvent *e)
{
    Heap h = {0};
    const term_t names[2] = {native_name(e->kind, true), am_trace};
    const term_t args[5] = {e->tag, tuple_element(tracer, 2), e->tracee, e->term, options(&h, e)};
    term_t answer;
    bool told = trace_space(vm)->call_native(vm, tuple_element(tracer, 1), names, 5, args, &answer);
    heap_dispose(&h);
    return told;
}

bool tracer_tell(Vm *vm, term_t tracer, const TraceEvent *e)
{
    if (tracer_is_module(tracer)) return tell_module(vm, tracer, e);
    if (term_is_local_port(tracer)) return tell_port(vm, tracer, e);
    return tell_process(vm, tracer, e);
}
