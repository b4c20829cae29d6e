/* SPDX-License-Identifier: Apache-2.0 */
/* trace - who is traced by whom, and the messages that tracers get.
 *
 *   process --ProcTraceOps--> TraceFlags (p->trace) --event--> {trace, Pid, Tag, ...} --> tracer
 *
 * A process that was ever traced, or ever used a sequential trace token, has a TraceFlags until it dies.
 * Its fields belong to the process; other processes change them only while every scheduler stands
 * still (sched_block_all): trace/3 is rare, and its effect is complete when it returns.
 * A tracer that is gone is noticed when an event is for it: the process is traced no more.
 * Ports have their flags themselves, under their own locks (io/port_trace.h).
 * Who is told: tracer.h.
 * Semantics: erlang(3) trace/3, seq_trace(3). Layer: trace. */
#ifndef JOIST_TRACE_TRACE_H
#define JOIST_TRACE_TRACE_H

#include "ets/ms.h"
#include "proc/process.h"

#define TRACE_SEND 0x1u
#define TRACE_RECEIVE 0x2u
#define TRACE_SET_ON_SPAWN 0x4u
#define TRACE_CALL 0x8u
#define TRACE_PROCS 0x10u
#define TRACE_SET_ON_FIRST_SPAWN 0x20u
#define TRACE_SET_ON_LINK 0x40u
#define TRACE_SET_ON_FIRST_LINK 0x80u
#define TRACE_RUNNING 0x100u
#define TRACE_EXITING 0x200u
#define TRACE_GC 0x400u
#define TRACE_ARITY 0x800u
#define TRACE_RETURN_TO 0x1000u
#define TRACE_SILENT 0x2000u
#define TRACE_SCHEDULER_ID 0x4000u
#define TRACE_PORTS 0x8000u
#define TRACE_RUNNING_PORTS 0x10000u
#define TRACE_RUNNING_PROCS 0x20000u
#define TRACE_TIMESTAMP 0x40000u
#define TRACE_STRICT_MONOTONIC 0x80000u
#define TRACE_MONOTONIC 0x100000u
#define TRACE_ALL 0x1FFFFFu
/* What means something to ports; the first two to nothing else. */
#define TRACE_ONLY_OF_PORTS (TRACE_PORTS | TRACE_RUNNING_PORTS)
#define TRACE_OF_PORTS \
    (TRACE_ONLY_OF_PORTS | TRACE_SEND | TRACE_RECEIVE | TRACE_SILENT | TRACE_SCHEDULER_ID | TRACE_TIMESTAMP \
     | TRACE_STRICT_MONOTONIC | TRACE_MONOTONIC)

typedef struct TraceFlags {
    uint32_t flags;          /* TRACE_* */
    term_t tracer;           /* tracer.h, held; TERM_NONE: nobody */
    uint32_t serial;         /* sequential trace: number of the last send, or of the last receive */
    uint32_t last_serial;    /* and the one before */
    struct Breakpoint *timed; /* call_time: the function whose time runs, or NULL */
    int64_t timed_since;     /* ns */
    term_t spawn_mfa;        /* of the spawn that is just being told of; no root */
} TraceFlags;

/* A match specification set with trace_pattern/3 for sends or receives. */
typedef struct TracePattern {
    bool off;                /* trace_pattern(send, false): none at all */
    MatchSpec *ms;           /* NULL: all */
    term_t spec;             /* the term, in piece */
    HeapPiece piece;
} TracePattern;

typedef struct TraceSpace {
    Mutex lock;              /* class TRACE_WRITE: settings below */
    TraceFlags new_procs, new_ports; /* read while a process is spawned; written under a block */
    TracePattern send, receive; /* written under a block */
    _Atomic(bool) cpu_timestamps; /* TRACE_TIMESTAMP tells processor time of the program; dirty natives read it, too */
    /* An event for a port that traces, in the external format. False: it is not open. Set by io. */
    bool (*port_tell)(Vm *vm, term_t port, const void *bytes, size_t n);
    /* Call the first native of the module that is there: *result is the atom that it gives, or TERM_NONE. a NULL:
     * only look. False: there is none. NULL until set by nif. */
    bool (*call_native)(Vm *vm, term_t module, const term_t names[2], unsigned arity, const term_t *a, term_t *result);
    /* Flags of an open port, if wanted (not held), and new ones, if any. False: there is none. Set by io. */
    bool (*port_flags)(Vm *vm, term_t id, TraceFlags *get, const TraceFlags *set);
    _Atomic(term_t) seq_tracer; /* tracer.h, held; or am_false */
    _Atomic(term_t) monitor_pid; /* system_monitor; TERM_NONE: off */
    _Atomic(uint64_t) long_gc, long_schedule, large_heap; /* 0: not watched */
    _Atomic(bool) busy_port, busy_dist_port;
    struct Profile *profile; /* profile.h; NULL: nothing was ever profiled */
    _Atomic(term_t) profile_pid;        /* process or port; TERM_NONE: off. Written under a block */
    _Atomic(uint32_t) profile_flags;    /* PROFILE_*; 0: off */
    atomic_u32_t tcw;        /* trace control word */
    struct Breakpoints *breakpoints; /* breakpoint.h; NULL: no function was ever traced */
} TraceSpace;

/* At start: schedulers read what it sets without a lock. */
void trace_init(Vm *vm);
static inline TraceSpace *trace_space(Vm *vm) { return vm->trace; }

/* ---- the traced ---- */
/* The flags of p, made if need be. Caller: the owner, or all schedulers are blocked. */
TraceFlags *trace_flags_make(Process *p);
/* Somebody wants to know of new processes, or nobody does any more. */
void trace_update_new(Vm *vm);
/* New flags, and who is told of them; none without flags. */
void trace_flags_put(TraceFlags *f, uint32_t flags, term_t tracer);
/* p->trace is set. False: there is no tracer any more, and p is not traced from now on. */
bool trace_has_tracer(Process *p);
/* Tell p's tracer {trace, Pid, Tag, Term [, Extra]}, if p has `kind` (TRACE_*) set. extra: TERM_NONE for none. */
void trace_event(Process *p, uint32_t kind, term_t tag, term_t term, term_t extra);
/* Is p's tracer to be told of a call? */
bool trace_wants_call(Process *p);
/* The same of the end of a call that it was told of. */
void trace_return(Process *p, uint32_t kind, term_t tag, term_t mfa, term_t value);
/* A slice begins or ends: the time of p's timed function runs only in between. */
void breakpoint_time_slice(Process *p, bool in);
/* system_monitor: a port had a scheduler for so long, for proc_sig, timeout, input or output. */
void trace_port_slice_over(Vm *vm, term_t port, term_t operation, int64_t ns);
/* Name of a flag; false: unknown. */
bool trace_flag_of(term_t name, uint32_t *flag);
term_t trace_flag_list(Heap *h, uint32_t flags);
/* Timestamp that the flags ask for, TERM_NONE: none. */
term_t trace_timestamp(Vm *vm, Heap *h, uint32_t flags);

/* ---- match specifications for trace (trace_ms.c) ---- */
/* What a specification decided. */
typedef struct TraceMatch {
    MsTrace ms;              /* first: the action callback finds the rest */
    bool silent_test;        /* match_spec_test: nothing is done to the process */
    bool return_trace, exception_trace;
    term_t message;          /* am_true: as usual; am_false: none; else an additional element */
    const code_t *caller;    /* return address of the call, or NULL */
} TraceMatch;
/* False: no clause matches. */
bool trace_match(MatchSpec *ms, Process *p, term_t args, TraceMatch *m);
/* Set or clear flags of p from inside a match specification; tracer TERM_NONE: as it is. */
bool trace_change(Process *p, uint32_t set, uint32_t clear, term_t tracer);

/* ---- sequential trace (seq_trace.c) ---- */
void seq_trace_send(Process *p, term_t to, term_t message);
void seq_trace_receive(Process *p, const Signal *m);
/* {Item, Value}, or [] without a token; TERM_NONE: no such item. */
term_t seq_trace_look(Process *p, term_t item);
term_t seq_trace_set(Process *p, term_t item, term_t value); /* TERM_NONE: badarg */
/* The tracer (tracer.h), if it lives, or false. */
term_t seq_trace_tracer(Vm *vm);
term_t seq_trace_set_tracer(Process *p, term_t tracer); /* the old one; TERM_NONE: badarg */
/* This node itself, in whose name the token is, sends or receives. */
void seq_trace_tell_node(Vm *vm, term_t token, bool sends, term_t to, term_t message);
/* Take the tokens away from all processes and start their numbers anew. */
void seq_trace_reset(Vm *vm);

#endif
