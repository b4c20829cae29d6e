/* SPDX-License-Identifier: Apache-2.0 */
/* insn_macros - what the bodies of instructions (the .insn files) are written in, the same for each form of them.
 * A form (interp.c: tail and switch; jit/stencils.c) defines before it includes this:
 *   PC                address of the instruction, only to be read
 *   X E H REDS        the registers
 *   GO_TO(address)    continue with the instruction there         LEAVE()   end the slice
 *   GOTO(r)           go to routine r, which finds PC             GOTO_AT(address, r)   the same with another PC
 *   NEXT(words)       continue with the next instruction
 *   JUMP(Label)       an operand of kind f; JUMP_BY(distance) in words, computed; AT(Label) the label's address
 *   TUPLE_HEADER(Arity), ELEMENT(term, N)         of a tuple, Arity and N operands; N counts from 0
 * Layer: exec, private. */
#ifndef JOIST_EXEC_INSN_MACROS_H
#define JOIST_EXEC_INSN_MACROS_H

#include "exec/exec_priv.h"

#define SCHED ((Sched *)(void *)X)
#define P (SCHED->p)
#define FR (SCHED->fr)
#define EXEC ((Exec *)SCHED->exec)
typedef Export *Export_t;

/* ---- state ---- */
/* P is read once: read again behind each store, it waits for that store's address, time and again. */
#define SWAPOUT() \
    do { \
        Process *p_ = P; \
        p_->heap.top = H; \
        p_->heap.stop = E; \
        p_->reds = (int32_t)REDS; \
    } while (0)
#define SWAPIN() (H = P->heap.top, E = P->heap.stop, REDS = P->reds)

#ifdef JOIST_COUNT_INSNS
#define ENTER(n) exec_count_insn(n)
#else
#define ENTER(n) ((void)0)
#endif

/* ---- control ---- */
#define TEST(condition, fail) \
    do { \
        if (!(condition)) JUMP(fail); \
    } while (0)
#define RESUME(expression) \
    do { \
        SWAPOUT(); \
        RESUME_OUT(expression); \
    } while (0)
/* The same when the Process has the registers already. */
#define RESUME_OUT(expression) \
    do { \
        const code_t *pc_ = (expression); \
        if (pc_ == NULL) LEAVE(); \
        SWAPIN(); \
        GO_TO(pc_); \
    } while (0)
#define ERROR(code) \
    do { \
        exec_error(P, (code)); \
        GOTO(raise); \
    } while (0)
#define ERROR_VALUE(code, value) \
    do { \
        P->fvalue = (value); \
        ERROR(code); \
    } while (0)

/* ---- calls: the yield is before the first instruction of the function called ---- */
#define ENTER_N(target, live) \
    do { \
        const code_t *enter_ = (target); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = (live); \
            GOTO_AT(enter_, yield); \
        } \
        GO_TO(enter_); \
    } while (0)
#define CALL_N(words, target, live) \
    do { \
        const code_t *call_ = (target); \
        word_t live_ = (live); \
        *--E = (term_t)(PC + (words)); \
        ENTER_N(call_, live_); \
    } while (0)
#define ENTER_LOCAL(target) \
    do { \
        const code_t *enter_ = (target); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = func_mfa(enter_)->arity; \
            GOTO_AT(enter_, yield_local); \
        } \
        GO_TO(enter_); \
    } while (0)
#define CALL(words, target) \
    do { \
        const code_t *call_ = (target); \
        *--E = (term_t)(PC + (words)); \
        ENTER_LOCAL(call_); \
    } while (0)
#define ENTER_EXT(e) \
    do { \
        Export *to_e_ = (e); \
        ENTER_N(export_addr(to_e_), to_e_->mfa.arity); \
    } while (0)
#define CALL_EXT(words, e) \
    do { \
        Export *to_e_ = (e); \
        *--E = (term_t)(PC + (words)); \
        ENTER_N(export_addr(to_e_), to_e_->mfa.arity); \
    } while (0)

/* Sets to_ (code) and, for funs, n_ (live registers). */
#define APPLY_BY(target, failed) \
    SWAPOUT(); \
    const code_t *to_ = (target); \
    SWAPIN(); \
    if (UNLIKELY(to_ == NULL)) { \
        if (P->freason != EXC_BADARG) GOTO(raise); \
        RESUME(failed(SCHED, P, PC)); \
    } \
    word_t n_ = P->x_arity
#define APPLY(arity) APPLY_BY(exec_apply(P, X, (arity), PC), exec_guard_failed)
#define APPLY_LIST(arguments) APPLY_BY(exec_apply_list(P, X, (arguments), PC), exec_apply_failed)
/* Behind APPLY in a tail call. The address is only ever the place of an error (except_caller): nothing returns to it,
 * and a word behind PC may belong to the next function. */
#define KEEP_CALLER() \
    do { \
        if (UNLIKELY(EXEC->keep_caller)) *--E = (term_t)PC; \
    } while (0)
#define FUN_FITS(fun, arity) (LIKELY(term_is_fun(fun)) && LIKELY(fun_arity(fun_ptr(fun)) == (arity)))
/* A fun that fits: its environment goes behind the arguments, the fun itself behind that. */
#define FUN_TARGET(fun, arity) \
    const term_t fun_ = (fun); \
    const Fun *f_ = fun_ptr(fun_); \
    const unsigned free_ = fun_free_count(f_); \
    word_t n_ = (arity); \
    for (unsigned i_ = 0; i_ < free_; i_++) X[n_ + i_] = f_->env[i_]; \
    n_ += free_; \
    X[n_++] = fun_; \
    P->x_arity = n_; \
    const code_t *to_ = fun_entry_addr(f_->entry)
#define FUN_TARGET_SLOW(fun, arity) \
    SWAPOUT(); \
    const code_t *to_ = exec_fun_target(P, X, (fun), (arity)); \
    SWAPIN(); \
    if (UNLIKELY(to_ == NULL)) GOTO(raise); \
    word_t n_ = (arity)

/* ---- natives ---- */
#define FRAGMENTS_GREW() UNLIKELY(exec_collection_is_due(P))
/* p->pc: the calling instruction, for natives that ask which module calls them. */
#define RUN_NATIVE(e, native, from) run_native(SCHED, X, H, E, (int32_t)REDS, (e), (native), (from))
static inline term_t run_native(Sched *s, term_t *x, term_t *top, term_t *stop, int32_t reds, const Export *e,
                                const BifEntry *native, const code_t *from)
{
    Process *p = s->p; /* once, as in SWAPOUT */
    p->heap.top = top;
    p->heap.stop = stop;
    p->reds = reds;
    p->current = &e->mfa;
    p->pc = from;
    return UNLIKELY(native->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO)) ? exec_call_dirty(s, p, native) : native->fn(p, x);
}
#define CALL_NATIVE(e, words) \
    do { \
        Export *e_ = (e); \
        const BifEntry *native_ = e_->native; \
        if (UNLIKELY(native_ == NULL)) CALL_EXT(words, e_); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = e_->mfa.arity; \
            GOTO(yield); \
        } \
        term_t r_ = RUN_NATIVE(e_, native_, PC); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            EXEC->ret = PC + (words); \
            SWAPIN(); \
            GOTO(native_special); \
        } \
        SWAPIN(); \
        X[0] = r_; \
        if (FRAGMENTS_GREW()) GOTO_AT(PC + (words), collect_result); \
        NEXT(words); \
    } while (0)
#define TAIL_NATIVE(e) \
    do { \
        Export *e_ = (e); \
        const BifEntry *native_ = e_->native; \
        if (UNLIKELY(native_ == NULL)) ENTER_EXT(e_); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = e_->mfa.arity; \
            GOTO_AT(e_->native_stub, yield); \
        } \
        term_t r_ = RUN_NATIVE(e_, native_, PC); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            EXEC->ret = NULL; \
            SWAPIN(); \
            GOTO_AT(e_->native_stub, native_special); \
        } \
        SWAPIN(); \
        X[0] = r_; \
        const code_t *back_ = (const code_t *)*E++; \
        if (FRAGMENTS_GREW()) GOTO_AT(back_, collect_result); \
        GO_TO(back_); \
    } while (0)

/* Nothing may be collected here; let the next call do it. */
#define CHECK_FRAGMENTS() \
    do { \
        if (FRAGMENTS_GREW() && REDS > 0) { \
            EXEC->kept_reds += (int32_t)REDS; \
            REDS = 0; \
        } \
    } while (0)
#define GUARD_RESULT(fail, dst, expression) \
    do { \
        SWAPOUT(); \
        term_t r_ = (expression); \
        SWAPIN(); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            if (fail) JUMP(fail); \
            RESUME(exec_guard_failed(SCHED, P, PC)); \
        } \
        (dst) = r_; \
        CHECK_FRAGMENTS(); \
    } while (0)
#define BIF_GUARD0(native, dst) GUARD_RESULT(0, dst, exec_bif(P, (const BifEntry *)(native), 0, 0, 0))
#define BIF_GUARD1(fail, native, a, dst) \
    GUARD_RESULT(fail, dst, exec_bif(P, (const BifEntry *)(native), a, 0, 0))
#define BIF_GUARD2(fail, native, a, b, dst) \
    GUARD_RESULT(fail, dst, exec_bif(P, (const BifEntry *)(native), a, b, 0))
#define BIF_GUARD3(fail, native, a, b, c, dst) \
    GUARD_RESULT(fail, dst, exec_bif(P, (const BifEntry *)(native), a, b, c))
#define ARITH1(fail, op, a, dst) GUARD_RESULT(fail, dst, exec_arith(P, op, a, TERM_NIL))
#define ARITH2(fail, op, a, b, dst) GUARD_RESULT(fail, dst, exec_arith(P, op, a, b))
/* The same for + and - with a literal, which do not show in stack traces, as in the reference. */
#define ARITH2_LITERAL(fail, op, a, b, dst) \
    do { \
        SWAPOUT(); \
        term_t r_ = exec_arith(P, op, a, b); \
        SWAPIN(); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            if (fail) JUMP(fail); \
            GOTO(raise); \
        } \
        (dst) = r_; \
        CHECK_FRAGMENTS(); \
    } while (0)
/* Kind n is known to be small. */
#define SMALLS(a, ka, b, kb) \
    ((ka) == 'n' ? term_is_small(b) : (kb) == 'n' ? term_is_small(a) : term_both_small(a, b))
#define ERROR_NATIVE1(fail, code, name, a) \
    do { \
        if (fail) JUMP(fail); \
        RESUME(exec_inline_failed(SCHED, P, PC, (code), (name), 1, (a), TERM_NONE, (a))); \
    } while (0)
#define ERROR_NATIVE2(fail, code, name, a, b, value) \
    do { \
        if (fail) JUMP(fail); \
        RESUME(exec_inline_failed(SCHED, P, PC, (code), (name), 2, (a), (b), (value))); \
    } while (0)
#define NATIVE_FAILED1(fail, name, a) ERROR_NATIVE1(fail, EXC_BADARG, name, a)
#define NATIVE_FAILED2(fail, name, a, b) ERROR_NATIVE2(fail, EXC_BADARG, name, a, b, TERM_NONE)

/* ---- heap ---- */
#define NO_ROOM(words) \
    (UNLIKELY((size_t)(E - H) < (size_t)(words) + HEAP_STACK_RESERVE) || checked_gc_always())
#define COLLECT(words, live) \
    do { \
        SWAPOUT(); \
        if (UNLIKELY(process_gc(P, (size_t)(words) + HEAP_STACK_RESERVE, X, (live)) != HEAP_OK)) \
            RESUME_OUT(exec_killed(SCHED, P)); \
        SWAPIN(); \
    } while (0)
#define INIT_Y(n) \
    do { \
        for (unsigned y_ = 0; y_ < (n); y_++) E[y_] = TERM_NIL; \
    } while (0)
/* The difference of a float and itself is 0.0, or not a number when it was not finite: asked without a constant in
 * memory, which native code could not reach, and without moving the float to an integer register. */
#define PUT_FLOAT(dst, expression) \
    do { \
        double d_ = (expression), zero_ = d_ - d_; \
        (dst) = d_; \
        if (UNLIKELY(zero_ != zero_)) ERROR(EXC_BADARITH); \
    } while (0)

/* ---- selection: few pairs are searched one by one ---- */
#define SELECT_LINEAR_WORDS 16
#define FIND(key, pairs, count) \
    do { \
        const uint64_t key_ = (key); \
        const code_t *at_ = (pairs), *end_ = at_ + (count); \
        for (; at_ < end_; at_ += 2) \
            if (at_[0] == key_) JUMP_BY(at_[1]); \
    } while (0)

/* ---- building and matching: results come from heap_alloc ---- */
#define BUILD(fail, dst, expression) \
    do { \
        SWAPOUT(); \
        term_t r_ = (expression); \
        SWAPIN(); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            if (fail) JUMP(fail); \
            GOTO(raise); \
        } \
        (dst) = r_; \
        CHECK_FRAGMENTS(); \
    } while (0)
#define PUT(fail, expression) \
    do { \
        if (UNLIKELY(!(expression))) { \
            if (fail) JUMP(fail); \
            GOTO(raise); \
        } \
    } while (0)
#define MATCH(dst, fail, expression) \
    do { \
        SWAPOUT(); \
        term_t r_ = (expression); \
        SWAPIN(); \
        if (UNLIKELY(r_ == TERM_NONE)) JUMP(fail); \
        (dst) = r_; \
        CHECK_FRAGMENTS(); \
    } while (0)


#endif
