/* SPDX-License-Identifier: Apache-2.0 */
/* port_trace - events of traced ports, for erlang:trace/3.
 *
 *   Port.trace (flags, tracer) --event--> {trace, Port, Tag, ...} --> tracer
 *
 * The flags belong to the port's lock. All functions but the names: port locked; those that ask for a flag do
 * nothing without it. A tracer that is gone is noticed when an event is for it.
 * Semantics: erlang(3) trace/3. Layer: io. */
#ifndef JOIST_IO_PORT_TRACE_H
#define JOIST_IO_PORT_TRACE_H

#include "io/port.h"

static inline bool port_is_traced(const Port *port, uint32_t flag)
{
    return UNLIKELY((port->trace.flags & flag) != 0);
}

/* ports: {trace, Port, Tag, Arg}. */
void port_trace_event(Port *port, term_t tag, term_t arg);
/* {trace, Port, open, Pid, Name}. */
void port_trace_open(Port *port, term_t pid);
/* receive: {trace, Port, 'receive', {From, Message}}; `port_trace_timeout`: 'receive', timeout. */
void port_trace_receive(Port *port, term_t from, term_t message);
void port_trace_timeout(Port *port);
/* The same with {Tag, Value} as the message. */
void port_trace_request(Port *port, term_t from, term_t tag, term_t value);
/* {command, Data}: a binary, or for drivers that take vectors a list of binaries. */
void port_trace_command(Port *port, term_t from, term_t data);
/* {control | call, {Op, Binary}}, and the answer {Port, {Tag, Binary}}. */
void port_trace_operation(Port *port, term_t from, term_t tag, uint32_t op, const uint8_t *bytes, size_t n);
void port_trace_answer(Port *port, term_t to, term_t tag, const uint8_t *bytes, size_t n);
/* {Port, What} as if it were sent. */
void port_trace_reply(Port *port, term_t to, term_t what);
/* The answer to control: a list of bytes or a binary. */
void port_trace_answer_term(Port *port, term_t to, term_t tag, term_t data);
/* send: {trace, Port, send | send_to_non_existing_process, Message, To}. */
void port_trace_send(Port *port, term_t to, term_t message, bool exists);
/* running_ports: {trace, Port, in | out, What}; `out` is of ports that go on. The process that asks for What is out
 * meanwhile (running_procs). */
void port_trace_in(Port *port, term_t what);
void port_trace_out(Port *port, term_t what);
/* In place of port_trace_out when What has ended the port. */
void port_trace_closed(Port *port, term_t what);
/* A name was given or taken away, seen from outside: the port is looked up and locked. */
void port_trace_name(Vm *vm, term_t id, term_t event, term_t name);

#endif
