/* SPDX-License-Identifier: Apache-2.0 */
/* breakpoint - functions that are traced or counted when called.
 *
 *   local   the first instruction of the function becomes trace_breakpoint; its own handler number is kept
 *           here and dispatched afterwards
 *   global  the export leads to `stub` (trace_export), which goes on to what it led to before; so do
 *           natives, whose export then has no native: the stub goes on to `shadow`, a copy that has
 *
 * A call that has to tell of its return pushes a frame:
 *   [trace_return][Breakpoint and what to tell][timed before, or meta tracer][catch mark: trace_catch],
 *   then the return address of the call.
 * Everything here is changed only while all schedulers stand still, so running code reads without locks.
 * A Breakpoint is never freed; one whose code was replaced is found dead by looking at the code.
 * DEVIATES: call_memory counts nothing.
 * Semantics: erlang(3) trace_pattern/3. Layer: trace. */
#ifndef JOIST_TRACE_BREAKPOINT_H
#define JOIST_TRACE_BREAKPOINT_H

#include "base/hashtab.h"
#include "exec/insn.h"
#include "trace/trace.h"

#define BREAK_LOCAL 1u
#define BREAK_GLOBAL 2u
#define BREAK_META 4u
#define BREAK_COUNT 8u
#define BREAK_COUNTING 16u   /* with BREAK_COUNT: not paused */
#define BREAK_TIME 32u
#define BREAK_TIMING 64u     /* with BREAK_TIME: not paused */
#define BREAK_DEBUG 128u     /* calls go to error_handler:breakpoint/3 */

/* call_time of one process. */
typedef struct BreakTime {
    struct BreakTime *next;
    term_t pid;
    uint64_t count;
    int64_t ns;
} BreakTime;

typedef struct BreakSpec {
    MatchSpec *ms;           /* NULL: everything */
    term_t term;             /* the specification, in piece; [] when there is none */
    HeapPiece piece;
} BreakSpec;

typedef struct Breakpoint {
    HashNode link;           /* in Breakpoints.by_entry, by address of the entry; only if entry is set */
    Mfa mfa;                 /* const */
    Export *export;          /* const: where it is reached through an export, else NULL */
    const code_t *entry;     /* const: where it is in code, else NULL */
    int32_t handler;         /* of the instruction at entry */
    uint32_t on;             /* BREAK_* */
    BreakSpec call, meta;
    term_t meta_tracer;
    atomic_u64_t count;
    BreakTime *times;        /* time_lock */
    const code_t *target;    /* where the export led to */
    Export shadow;
    code_t stub[2];
} Breakpoint;

typedef struct Breakpoints {
    HashTab by_entry;
    Mutex time_lock;         /* class SYSTEM */
    code_t return_code[1];   /* trace_return */
    code_t catch_code[1];    /* trace_catch */
    int32_t handler;         /* number of trace_breakpoint */
    bool on_load;            /* pattern on_load is set: what it asks for in modules to come */
    bool on_load_local;
    uint32_t on_load_bits;
    BreakSpec on_load_spec;
    term_t on_load_tracer;
} Breakpoints;

Breakpoints *breakpoints_make(Vm *vm);
/* Set (spec, or NULL for no conditions) or clear BREAK_* bits. All schedulers are blocked. */
void breakpoint_set_local(Vm *vm, const code_t *entry, uint32_t bits, const BreakSpec *spec, term_t tracer);
void breakpoint_set_global(Vm *vm, Export *e, uint32_t bits, const BreakSpec *spec, term_t tracer);
void breakpoint_clear_local(Vm *vm, const code_t *entry, uint32_t bits);
void breakpoint_clear_global(Export *e, uint32_t bits);
/* Stop counting and timing, as bits say; what was counted stays. */
void breakpoint_pause(Breakpoint *b, uint32_t bits);
/* [{Pid, Count, Seconds, Microseconds}] */
term_t breakpoint_times(Vm *vm, Heap *h, const Breakpoint *b);
/* The one of this entry or export that is in force, or NULL. */
Breakpoint *breakpoint_at(Vm *vm, const code_t *entry);
Breakpoint *breakpoint_of_export(Export *e);

/* trace_info/2 of {M,F,A} and of on_load. */
term_t breakpoint_info(Process *p, term_t mfa, term_t item);
term_t breakpoint_on_load_info(Process *p, term_t item);

/* What was current is old code now: nothing in it is traced any more. The caller holds no locks. */
void breakpoint_module_replaced(Vm *vm, term_t module);
/* A module has become current, or its on_load function has failed: then calls to what was current before
 * are no longer traced globally. The caller holds no locks. */
void breakpoint_module_loaded(Vm *vm, term_t module);
void breakpoint_module_refused(Vm *vm, term_t module);

/* ProcTraceOps (process.h) */
int64_t breakpoint_hit(Process *p, term_t *x, const code_t *pc);
const code_t *breakpoint_export_hit(Process *p, term_t *x, void *breakpoint);
const code_t *breakpoint_return(Process *p, term_t *x);
void breakpoint_catch(Process *p, term_t *x);

#endif
