/* SPDX-License-Identifier: Apache-2.0 */
/* exec - the execution core as the rest of the VM sees it.
 * Registers while code runs (interp.c): PC, X (the Sched: x[] is its first field), E (stack pointer),
 * H (heap pointer), REDS. Everything else is reached from Sched or Process. On a switch they go to
 * p->pc, p->x_saved[0..x_live), p->heap.stop, p->heap.top, p->reds.
 *
 *   frame:   E -> y0 y1 .. y(n-1) return-address | caller's frame ...     grows down
 *
 * Layer: exec. See vm/doc/insn.md. */
#ifndef JOIST_EXEC_EXEC_H
#define JOIST_EXEC_EXEC_H

#include "base/buf.h"
#include "code/export.h"
#include "sched/sched.h"

/* Fills vm->sched->ops.run, run_dirty, the stubs of exports and of funs without code. After sched_init
 * and code_init. */
void exec_init(Vm *vm);

enum RunResult interp_run(Sched *s, Process *p);
enum RunResult interp_run_dirty(Sched *s, Process *p);

/* The handler number stored in the first 32 bits of an instruction of this variant. */
int32_t insn_handler_code(unsigned variant);

/* The function in which p, the caller's or one that does not execute, goes on; NULL: in none. */
const Mfa *exec_where(const Process *p);

/* Result of ProcTraceOps.breakpoint: call error_handler:breakpoint/3 instead of the function. */
#define TRACE_DEBUG (TRACE_KILLED + 1)

/* "0xADDRESS (m:f/a + bytes)", as stack dumps have it. Any thread. [no GC] */
void backtrace_place(Buf *b, Vm *vm, const code_t *pc);

/* The program ends: executed instructions, when built with -DJOIST_COUNT_INSNS. */
void exec_print_counts(void);

#endif
