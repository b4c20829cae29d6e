/* SPDX-License-Identifier: Apache-2.0 */
/* stencils - the third form of the instructions: one function per variant, of which only the machine code is
 * used. Operands, labels and what comes next are symbols that no one defines; tools/stencilgen cuts the functions
 * out of the object and lists where those symbols stand, and jit.c copies and patches (stencil.h).
 *   hole_x0..     operand as byte offset of a register (x, y, l), or immediate of 32 bits (i, n)
 *   hole_n0..     plain number (t, u), hole_w0..: 64 bits (q, w, S)     hole_a0..: a label's address in the code
 *   hole_h0..     tuple header of arity operand 0..     hole_e0..: offset of the tuple element operand 0..
 *   hole_pc       the instruction's address      hole_count: number of trailing operands
 *   hole_t0..     native code of a label          hole_next: of the next instruction
 * The compiler takes addresses of symbols to be positive and never 0: only where that changes nothing do
 * they stand for operands directly; elsewhere they go through a register it knows nothing about.
 * Not part of the VM. Layer: exec, private. */
#include <stdint.h>
/* Must precede every function of the file; the registers of interp.c. */
register const uint64_t *NEW_PC __asm__("rbx");
register uint64_t *E __asm__("r13");
register uint64_t *X __asm__("r14");
register uint64_t *H __asm__("r15");
register int64_t REDS __asm__("r12");

#include "exec/insn_macros.h"

#define HOLES(n) \
    extern char hole_x##n[], hole_e##n[], hole_h##n[]; \
    int hole_t##n(void);
HOLES(0) HOLES(1) HOLES(2) HOLES(3) HOLES(4) HOLES(5) HOLES(6) HOLES(7) HOLES(8) HOLES(9) HOLES(10) HOLES(11)
int hole_next(void);

/* ---- operands ---- */
#define OPAQUE32(symbol) \
    ({ \
        uint32_t v_; \
        __asm__("movl $" symbol ", %0" : "=r"(v_)); \
        v_; \
    })
#define OPAQUE64(symbol) \
    ({ \
        uint64_t v_; \
        __asm__("movabsq $" symbol ", %0" : "=r"(v_)); \
        v_; \
    })
#define XREG(n) (*(term_t *)((char *)X + (intptr_t)hole_x##n))
#define YREG(n) (*(term_t *)((char *)E + (intptr_t)hole_x##n))
#define FREG(n) (*(double *)((char *)FR + (intptr_t)hole_x##n))
#define NUM(n) OPAQUE32("hole_n" #n)
#define IMM(n) ((term_t)(intptr_t)hole_x##n)
#define TUPLE_HEADER(arity) HEADER_##arity
#define HEADER_NUM(n) ((uint64_t)(intptr_t)hole_h##n)
#define ELEMENT(tuple, number) (*(term_t *)((char *)boxed_ptr(tuple) + ELEMENT_##number))
#define ELEMENT_NUM(n) ((intptr_t)hole_e##n)
#define WORD(n) OPAQUE64("hole_w" #n)
#define TRAILING OPAQUE32("hole_count")
#define PC ((const code_t *)OPAQUE64("hole_pc"))
#define DST(w) \
    ({ \
        const uint32_t d_w_ = (w); \
        d_w_ & 1 ? &E[d_w_ >> 1] : &X[d_w_ >> 1]; \
    })
#define SRC(w) \
    ({ \
        const uint64_t s_w_ = (w); \
        (s_w_ & 3) ? s_w_ : (s_w_ & 4) ? E[s_w_ >> 3] : X[s_w_ >> 3]; \
    })

/* ---- labels: an operand of kind f is label_N() ---- */
#define LABELS(n) \
    static inline int32_t label_##n(void) { return (int32_t)OPAQUE32("hole_n" #n); }
LABELS(0) LABELS(1) LABELS(2) LABELS(3)
#define JUMP(label) JUMP_##label
#define JUMP_label_0() return hole_t0()
#define JUMP_label_1() return hole_t1()
#define JUMP_label_2() return hole_t2()
#define JUMP_label_3() return hole_t3()
#define JUMP_0 GO_TO(PC)
#define AT(label) AT_##label
#define AT_label_0() ((const code_t *)OPAQUE64("hole_a0"))
#define AT_label_1() ((const code_t *)OPAQUE64("hole_a1"))
#define AT_label_2() ((const code_t *)OPAQUE64("hole_a2"))
#define AT_label_3() ((const code_t *)OPAQUE64("hole_a3"))

/* ---- control ---- */
typedef int InsnHandler(void);
#define LEAVE() return 0
#define NEXT(words) return hole_next()
#define DISPATCH_AS(handler) \
    do { \
        char *base_; \
        __asm__("leaq interp_base(%%rip), %0" : "=r"(base_)); \
        return ((InsnHandler *)(void *)(base_ + (handler)))(); \
    } while (0)
#define GO_TO(address) \
    do { \
        NEW_PC = (address); \
        DISPATCH_AS(*(const int32_t *)(const void *)NEW_PC); \
    } while (0)
#define JUMP_BY(distance) GO_TO(PC + (int64_t)(distance))
#define GOTO_AT(address, routine) \
    do { \
        NEW_PC = (address); \
        return rt_##routine(); \
    } while (0)
#define GOTO(routine) GOTO_AT(PC, routine)
#define SLOW_(name, number) \
    do { \
        int slow_##name(void); \
        NEW_PC = PC; \
        return slow_##name(); \
    } while (0)
int rt_raise(void), rt_yield(void), rt_yield_local(void), rt_native_special(void), rt_collect_result(void);
#define BAD_INSTRUCTION() PANIC("not an instruction: %#llx", (unsigned long long)*PC)

#define STENCIL(number, name) \
    int stencil_##number(void); \
    int stencil_##number(void)
#include "stencils.gen.h"
