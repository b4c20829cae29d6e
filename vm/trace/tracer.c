/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - see tracer.h. Layer: trace. */
#include "trace/tracer.h"

#include "etf/etf.h"
#include "sched/sched.h"

bool tracer_lives(Vm *vm, term_t tracer)
{
    if (term_is_local_pid(tracer)) return process_lookup_alive(vm, tracer) != NULL;
    return term_is_local_port(tracer) && vm->procs->port_ops->exists(vm, tracer);
}

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

bool tracer_tell(Vm *vm, term_t tracer, const TraceEvent *e)
{
    if (term_is_local_port(tracer)) return tell_port(vm, tracer, e);
    return tell_process(vm, tracer, e);
}
