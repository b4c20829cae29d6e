/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - who is told of trace events: a local process, which gets a message, or a local port, which gets the
 * same term in the external format as a command.
 * A tracer is a term: a local pid or port, or TERM_NONE. Semantics: erlang(3) trace/3. Layer: trace. */
#ifndef JOIST_TRACE_TRACER_H
#define JOIST_TRACE_TRACER_H

#include "trace/trace.h"

/* {trace, Tracee, Tag, Term [, Extra] [, Result] [, Scheduler] [, Time]} */
typedef struct TraceEvent {
    uint32_t kind;           /* TRACE_*: the flag that asks for it */
    uint32_t flags;          /* TRACE_* of the tracee: what is added */
    term_t tracee, tag, term;
    term_t extra;            /* TERM_NONE: none */
    term_t result;           /* what the match specification adds; TERM_NONE: nothing */
} TraceEvent;

static inline bool tracer_is(term_t t) { return term_is_local_pid(t) || term_is_local_port(t); }
bool tracer_lives(Vm *vm, term_t tracer);
/* False: the tracer is gone. */
bool tracer_tell(Vm *vm, term_t tracer, const TraceEvent *e);
/* Any term in the external format to a port that lives. */
bool tracer_tell_port(Vm *vm, term_t port, term_t t);

#endif
