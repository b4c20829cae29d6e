/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - who is told of trace events.
 *
 *   local pid          gets a message {trace, Tracee, Tag, Term, ...}
 *   local port         gets the same in the external format, as a command
 *   {Module, State}    a tuple in a TraceModule: natives of the module are called by whoever has the event,
 *                        enabled  (Tag, State, Tracee)              -> trace | discard | remove
 *                        trace    (Tag, State, Tracee, Term, Opts)
 *                      or, when there, those for the event's kind: enabled_call, trace_call ...
 * A tracer is a term_t that is one of these, or TERM_NONE. Who keeps one in memory holds it (tracer_set); who only
 * reads one in a read section of the epoch need not. erl_tracer with a pid or port is that pid or port.
 * Asking: before the event is built and its match specification run. Not before return_from and its like,
 * whose call was asked for. At the beginning of a slice, for trace_info/2, and before somebody else may become the
 * tracer, `enabled` is asked about trace_status.
 * Semantics: erlang(3) trace/3, erl_tracer(3). Layer: trace. */
#ifndef JOIST_TRACE_TRACER_H
#define JOIST_TRACE_TRACER_H

#include "base/epoch.h"
#include "trace/trace.h"

/* {trace, Tracee, Tag, Term [, Extra] [, Result] [, Scheduler] [, Time]} */
typedef struct TraceEvent {
    uint32_t kind;           /* TRACE_*: the flag that asks for it; 0: of a token */
    uint32_t flags;          /* TRACE_* of the tracee: what is added */
    term_t tracee, tag, term;
    term_t extra;            /* TERM_NONE: none */
    term_t result;           /* what the match specification adds; TERM_NONE: nothing */
} TraceEvent;

typedef struct TraceModule {
    term_t tuple[3];         /* header, Module, State; const */
    HeapPiece piece;         /* of State */
    Vm *vm;
    atomic_word_t refs;
    EpochNode later;
} TraceModule;

static inline bool tracer_is(term_t t) { return term_is_local_pid(t) || term_is_local_port(t); }
static inline bool tracer_is_module(term_t t) { return t != TERM_NONE && !term_is_immed(t); }

/* ---- life ---- */
/* The tracer that {tracer, Tracer} or {tracer, Module, State} names, held; TERM_NONE: none can be. Processes must
 * live, modules have natives; a port may be closed. */
term_t tracer_parse(Vm *vm, term_t tuple);
term_t tracer_new_module(Vm *vm, term_t module, term_t state);
void tracer_hold(term_t tracer);
void tracer_release(term_t tracer);
/* *slot = tracer, with what that means for both. Nobody else writes the slot meanwhile. */
void tracer_set(term_t *slot, term_t tracer);
bool tracer_same(term_t a, term_t b);

/* ---- asking ---- */
/* Is there a process or port; does the module want to go on with this tracee? */
bool tracer_lives(Vm *vm, term_t tracer, term_t tracee);
enum TracerAnswer { TRACER_TRACE, TRACER_DISCARD, TRACER_REMOVE };
enum TracerAnswer tracer_ask_module(Vm *vm, term_t tracer, uint32_t kind, term_t tag, term_t tracee);
static inline enum TracerAnswer tracer_ask(Vm *vm, term_t tracer, uint32_t kind, term_t tag, term_t tracee)
{
    return tracer_is_module(tracer) ? tracer_ask_module(vm, tracer, kind, tag, tracee) : TRACER_TRACE;
}

/* ---- telling ---- */
/* False: the tracer is gone. */
bool tracer_tell(Vm *vm, term_t tracer, const TraceEvent *e);
/* Any term in the external format to a port. */
bool tracer_tell_port(Vm *vm, term_t port, term_t t);

#endif
