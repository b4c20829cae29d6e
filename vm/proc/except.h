/* SPDX-License-Identifier: Apache-2.0 */
/* except - raising, catching, stack traces, and the end of a process that nobody saves.
 *
 *   instruction or native fails: p->freason, p->fvalue, p->fcause
 *     -> except_raise*: value by class, raw trace -> p->ftrace
 *     -> a catch mark on the stack: x1 class, x2 value, x3 raw trace, x0 = TERM_NONE; continue there
 *     -> none: log, process_exit_begin; NULL
 *
 * A raw trace is [[Args | Info] | Big]: Args (list) belong to the first entry, or are `undefined`; Info is
 * its error_info or cause, or []; the limbs of Big hold class, first M:F/A and code addresses. Programs
 * never see it: build_stacktrace makes the list that they see. A trace given by the program
 * (erlang:raise/3) is kept as the list it is.
 * Every function is for the executor of p with its heap pointers in p->heap. [no GC]
 * Semantics: Erlang reference manual "Errors and Error Handling"; EEP 54 (error_info).
 * Layer: proc. */
#ifndef JOIST_PROC_EXCEPT_H
#define JOIST_PROC_EXCEPT_H

#include "proc/process.h"

#define EXCEPT_DEPTH_DEFAULT 8

/* The instruction at pc failed. Returns where to continue, NULL when p has begun to exit.
 * x: the x registers. */
const code_t *except_raise(Process *p, term_t *x, const code_t *pc);
/* Where a native that was called like a function returns to, NULL when nowhere: the place of its error. As on the
 * reference this is not moved back to the call, so the line may be that of what follows. */
const code_t *except_caller(const Process *p);
/* The native mfa failed with these arguments; pc: the instruction that called it, or except_caller, or NULL. */
const code_t *except_raise_native(Process *p, term_t *x, const code_t *pc, const Mfa *mfa,
                                  const term_t *args);
/* No clause of the function mfa (in its func_info) takes these arguments. */
const code_t *except_raise_clause(Process *p, term_t *x, const Mfa *mfa, const term_t *args);

/* freason for raising again with this trace (instruction raise): the class it was raised with. */
uint32_t except_trace_reason(term_t raw);
/* Instruction raw_raise: x0 class, x1 value, x2 trace. False: no class; p is set up to raise otherwise. */
bool except_raw_raise(Process *p, const term_t *x);
/* Instruction build_stacktrace. */
term_t except_build_trace(Process *p, term_t raw);
/* Instruction catch_end, x1 class, x2 value, x3 trace: what `catch` yields. */
term_t except_catch_value(Process *p, const term_t *x);

/* Trace of a process that does not execute: entries from `at`, if not NULL, and its stack, built in h. */
term_t except_process_trace(Process *p, const code_t *at, Heap *h, unsigned depth);
/* erlang:error/3 and others: error_info map for natives' modules, or NIL. */
term_t except_error_info_module(term_t module);

/* Most entries of a trace; erlang:system_flag(backtrace_depth, N). */
unsigned except_depth(Vm *vm);
unsigned except_set_depth(Vm *vm, unsigned depth);

#endif
