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

/* Prepare a new process so that its first slice calls e with args (copied to the saved x registers;
 * terms must live in p's heap). Pushes the bottom of the stack. */
void exec_start(Process *p, Export *e, unsigned n, const term_t *args);
/* Make the process, which is not running or is the caller in a native, continue with process_exit when
 * it runs next (PS_EXITING is handled by interp_run itself). */
const code_t *exec_normal_exit_code(void);

/* The function in which p, the caller's or one that does not execute, goes on; NULL: in none. */
const Mfa *exec_where(const Process *p);

/* Result of ProcTraceOps.breakpoint: call error_handler:breakpoint/3 instead of the function. */
#define TRACE_DEBUG (TRACE_KILLED + 1)

/* Save x[0..n) as the live registers of p. */
void exec_save_x(Process *p, const term_t *x, unsigned n);

/* "0xADDRESS (m:f/a + bytes)", as stack dumps have it. Any thread. [no GC] */
void backtrace_place(Buf *b, Vm *vm, const code_t *pc);

/* The program ends: executed instructions, when built with -DJOIST_COUNT_INSNS. */
void exec_print_counts(void);

#endif
