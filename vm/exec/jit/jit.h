/* SPDX-License-Identifier: Apache-2.0 */
/* jit - native code for functions that run often, copied together from stencils.
 *
 *   code word of an instruction | handler 32 | ...     handler: distance of machine code from interp_base
 *
 * Native code of a function is one copy of a stencil after the other, with operands and labels patched in; it keeps
 * the interpreter's registers. Nothing else changes: stack, return addresses, p->pc and exceptions know only addresses
 * of instructions. The instructions where code is entered (the function, labels, behind calls) get the distance of
 * their native code as handler, so whoever dispatches there runs it; all others keep the interpreter's. Either
 * form may go on where the other stopped. A breakpoint replaces the handler as it does without native code.
 *
 * When: a function that was found running JIT_HOT_SAMPLES times, each time that a scheduler had spent the reductions
 * of a slice, be it on one process or on many. Mode JIT_ALL: all, when loaded.
 * Where there is no native code (other processors, sanitizers, no memory for it) everything is interpreted.
 * Threads: jit_sample: a scheduler in a slice. Layer: exec. See vm/doc/insn.md. */
#ifndef JOIST_EXEC_JIT_JIT_H
#define JOIST_EXEC_JIT_JIT_H

#include "code/module.h"

#define JIT_HOT_SAMPLES 2

enum JitMode { JIT_OFF, JIT_HOT, JIT_ALL };

#ifdef JOIST_JIT
void jit_init(Vm *vm, enum JitMode mode);
/* After jit_init: names of native code go to /tmp/perf-PID.map, where perf looks for them. */
void jit_name_for_perf(Vm *vm);
/* Does jit_sample want to be told? */
bool jit_samples(const Vm *vm);
/* The reductions between two samples have been used up at pc. */
void jit_sample(Vm *vm, const code_t *pc);
/* The interpreter's handler of an instruction that has native code; any other number as it is. */
int32_t jit_original(int32_t handler);
#else
static inline void jit_init(Vm *vm UNUSED, enum JitMode mode UNUSED) {}
static inline void jit_name_for_perf(Vm *vm UNUSED) {}
static inline bool jit_samples(const Vm *vm UNUSED) { return false; }
static inline void jit_sample(Vm *vm UNUSED, const code_t *pc UNUSED) {}
static inline int32_t jit_original(int32_t handler) { return handler; }
#endif

#endif
