/* SPDX-License-Identifier: Apache-2.0 */
/* port_trace - see port_trace.h. Messages are built on a heap of their own. Layer: io. */
#include "io/port_trace.h"

#include "data/binary.h"
#include "data/iolist.h"
#include "io/drv.h"
#include "term/atom.h"
#include "trace/profile.h"
#include "trace/tracer.h"

static void event(Port *port, uint32_t kind, term_t tag, term_t term, term_t extra)
{
    TraceFlags *f = &port->trace;
    if (!(f->flags & kind) || f->tracer == TERM_NONE || f->tracer == port->id) return;
    enum TracerAnswer answer = tracer_ask(port->vm, f->tracer, kind, tag, port->id);
    if (answer == TRACER_REMOVE) trace_flags_put(f, 0, TERM_NONE);
    if (answer != TRACER_TRACE) return;
    TraceEvent e = {.kind = kind, .flags = f->flags, .tracee = port->id, .tag = tag, .term = term, .extra = extra};
    if (!tracer_tell(port->vm, f->tracer, &e)) trace_flags_put(f, 0, TERM_NONE);
}

void port_trace_event(Port *port, term_t tag, term_t arg)
{
    if (port_is_traced(port, TRACE_PORTS)) event(port, TRACE_PORTS, tag, arg, TERM_NONE);
}

/* As much of the name as an atom can have. */
static term_t name_atom(const char *text)
{
    size_t n = strlen(text), chars = 0, i = 0;
    for (; i < n && chars <= 255; i++)
        if (((uint8_t)text[i] & 0xC0) != 0x80 && ++chars > 255) break;
    return atom_intern(text, i);
}

void port_trace_open(Port *port, term_t pid)
{
    if (!port_is_traced(port, TRACE_PORTS)) return;
    event(port, TRACE_PORTS, am_open, pid, name_atom(port->title));
}

/* ---- what a port is asked ---- */

static void received(Port *port, Heap *h, term_t from, term_t message)
{
    term_t pair = heap_tuple2(h, from, message);
    event(port, TRACE_RECEIVE, am_receive, pair, TERM_NONE);
    heap_dispose(h);
}

void port_trace_receive(Port *port, term_t from, term_t message)
{
    Heap h = {0};
    if (port_is_traced(port, TRACE_RECEIVE)) received(port, &h, from, message);
}

void port_trace_timeout(Port *port)
{
    if (port_is_traced(port, TRACE_RECEIVE)) event(port, TRACE_RECEIVE, am_receive, am_timeout, TERM_NONE);
}

void port_trace_request(Port *port, term_t from, term_t tag, term_t value)
{
    Heap h = {0};
    if (port_is_traced(port, TRACE_RECEIVE)) received(port, &h, from, heap_tuple2(&h, tag, value));
}

typedef struct Slices {
    Heap *heap;
    Buf small;      /* bytes of lists and small binaries in a row */
    Buf all;        /* term_t[] */
} Slices;

static void end_small(Slices *s)
{
    if (s->small.len == 0) return;
    term_t b = heap_binary(s->heap, (const uint8_t *)s->small.data, s->small.len);
    buf_append(&s->all, &b, sizeof b);
    buf_clear(&s->small);
}

static void add_leaf(Slices *s, term_t t)
{
    enum { OWN_FROM = 64 };
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (term_is_small(t)) {
        uint8_t byte = (uint8_t)small_value(t);
        buf_append(&s->small, &byte, 1);
    } else if (term_is_binary(t)) {
        const uint8_t *bytes = binary_bytes(t, &n, &temp);
        if (n >= OWN_FROM) end_small(s);
        buf_append(&s->small, bytes, n);
        if (n >= OWN_FROM) end_small(s);
        temp_bytes_free(&temp);
    }
}

/* An iolist as the list of binaries that a vector of it would have. */
static term_t slices(Heap *h, term_t data)
{
    Slices s = {.heap = h};
    IolistWalk w;
    buf_init(&s.small, MEM_TEMP);
    buf_init(&s.all, MEM_TEMP);
    iolist_walk_init(&w, data, false);
    while (w.depth > 0) {
        term_t t = w.stack[--w.depth];
        for (; term_is_list_cell(t); t = list_head(t)) iolist_walk_push(&w, list_tail(t));
        add_leaf(&s, t);
    }
    iolist_walk_free(&w);
    end_small(&s);
    term_t list = heap_list(h, s.all.len / sizeof(term_t), (const term_t *)(const void *)s.all.data, TERM_NIL);
    buf_free(&s.small);
    buf_free(&s.all);
    return list;
}

static bool takes_vectors(const Port *port)
{
    if (is_dyn_port(port)) return dyn_port(port)->driver->entry->outputv != NULL;
    return port->driver == &drv_tcp || port->driver == &drv_ram_file;
}

static term_t flat(Heap *h, term_t data)
{
    size_t n;
    enum IolistResult r;
    uint8_t *bytes = iolist_to_bytes(data, &n, &r);
    if (!bytes) return TERM_NIL;
    term_t b = heap_binary(h, bytes, n);
    mem_free(MEM_TEMP, bytes, n + 1);
    return b;
}

void port_trace_command(Port *port, term_t from, term_t data)
{
    if (!port_is_traced(port, TRACE_RECEIVE)) return;
    Heap h = {0};
    data = takes_vectors(port) ? slices(&h, data) : flat(&h, data);
    received(port, &h, from, heap_tuple2(&h, am_command, data));
}

void port_trace_operation(Port *port, term_t from, term_t tag, uint32_t op, const uint8_t *bytes, size_t n)
{
    if (!port_is_traced(port, TRACE_RECEIVE)) return;
    Heap h = {0};
    term_t what = heap_tuple2(&h, term_small(op), heap_binary(&h, bytes, n));
    received(port, &h, from, heap_tuple2(&h, tag, what));
}

/* ---- what it sends ---- */

void port_trace_send(Port *port, term_t to, term_t message, bool exists)
{
    if (!port_is_traced(port, TRACE_SEND)) return;
    event(port, TRACE_SEND, exists ? am_send : am_send_to_non_existing_process, message, to);
}

static void reply(Port *port, Heap *h, term_t to, term_t what)
{
    port_trace_send(port, to, heap_tuple2(h, port->id, what), true);
    heap_dispose(h);
}

void port_trace_reply(Port *port, term_t to, term_t what)
{
    Heap h = {0};
    if (port_is_traced(port, TRACE_SEND)) reply(port, &h, to, what);
}

void port_trace_answer(Port *port, term_t to, term_t tag, const uint8_t *bytes, size_t n)
{
    Heap h = {0};
    if (port_is_traced(port, TRACE_SEND)) reply(port, &h, to, heap_tuple2(&h, tag, heap_binary(&h, bytes, n)));
}

void port_trace_answer_term(Port *port, term_t to, term_t tag, term_t data)
{
    Heap h = {0};
    if (port_is_traced(port, TRACE_SEND)) reply(port, &h, to, heap_tuple2(&h, tag, flat(&h, data)));
}

/* ---- when it runs ---- */

/* Whoever asks a port for something stands still while the port does it. */
static void caller_runs(bool in)
{
    Process *p = sched_self ? sched_self->p : NULL;
    if (LIKELY(!p || !p->trace) || !(p->trace->flags & TRACE_RUNNING_PROCS)) return;
    p->vm->procs->trace_ops->running(p, in);
}

/* Profilers are not told of starts. */
static void profile(Port *port, term_t what, bool active)
{
    Process *p = sched_self && what != term_small(0) ? sched_self->p : NULL;
    if (what != am_open) profile_port(port->vm, port->id, p, active);
}

void port_trace_in(Port *port, term_t what)
{
    caller_runs(false);
    if (profile_wants_ports(port->vm)) profile(port, what, true);
    if (port_is_traced(port, TRACE_RUNNING_PORTS)) event(port, TRACE_RUNNING_PORTS, am_in, what, TERM_NONE);
}

void port_trace_out(Port *port, term_t what)
{
    if (port_is_traced(port, TRACE_RUNNING_PORTS) && port->state == PORT_OPEN && !port->exit_asked)
        event(port, TRACE_RUNNING_PORTS, am_out, what, TERM_NONE);
    if (profile_wants_ports(port->vm)) profile(port, what, false);
    caller_runs(true);
}

void port_trace_closed(Port *port, term_t what)
{
    if (profile_wants_ports(port->vm)) profile(port, what, false);
    caller_runs(true);
}

/* ---- names ---- */

void port_trace_name(Vm *vm, term_t id, term_t event, term_t name)
{
    Port *port = port_lock(vm, id);
    if (!port) return;
    port_trace_event(port, event, name);
    port_unlock(port);
}
