/* SPDX-License-Identifier: Apache-2.0 */
/* interp - the interpreter: registers, macros of the instruction bodies, dispatch.
 * Two forms from the same definitions, chosen here:
 *   tail    one C function per variant, each ends in a tail call of the next; registers are global
 *           register variables of this file, callee-saved for all C that it calls (gcc, x86-64, -O)
 *   switch  one loop with a case per variant (JOIST_SWITCH, -O0, sanitizers, other compilers)
 * Invariant: between SWAPOUT and SWAPIN the Process has H, E, REDS; outside the registers have.
 * A helper that may end the slice returns the next PC, or NULL with EXEC->leave set after it has
 * saved all state in the process: RESUME. Flags for this file: vm/exec/flags.mk. Layer: exec. */
#if defined(JOIST_SWITCH) || !defined(__OPTIMIZE__) || !defined(__x86_64__) || defined(__clang__) \
    || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERP_SWITCH 1
#else
#include <stdint.h>
/* Must precede every function of the file. */
register const uint64_t *PC __asm__("rbx");
register uint64_t *E __asm__("r13");
register uint64_t *X __asm__("r14");
register uint64_t *H __asm__("r15");
register int64_t REDS __asm__("r12");
#endif

#include "exec/exec_priv.h"

#include <math.h>

#define SCHED ((Sched *)(void *)X)
#define P (SCHED->p)
#define FR (SCHED->fr)
#define EXEC ((Exec *)SCHED->exec)
typedef Export *Export_t;

/* ---- operands ---- */
#define F16(at) (*(const uint16_t *)((const char *)PC + (at)))
#define F32(at) (*(const uint32_t *)((const char *)PC + (at)))
#define F32S(at) (*(const int32_t *)((const char *)PC + (at)))
#define F64(at) (*(const uint64_t *)((const char *)PC + (at)))
#define DST(w) ((w) & 1 ? &E[(w) >> 1] : &X[(w) >> 1])
#define SRC(w) \
    ({ \
        const uint64_t s_w_ = (w); \
        (s_w_ & 3) ? s_w_ : (s_w_ & 4) ? E[s_w_ >> 3] : X[s_w_ >> 3]; \
    })

/* ---- state ---- */
#define SWAPOUT() (P->heap.top = H, P->heap.stop = E, P->reds = (int32_t)REDS)
#define SWAPIN() (H = P->heap.top, E = P->heap.stop, REDS = P->reds)

#ifdef JOIST_COUNT_INSNS
#define ENTER(n) exec_count_insn(n)
#else
#define ENTER(n) ((void)0)
#endif

/* ---- control ---- */
#define NEXT(words) \
    do { \
        PC += (words); \
        DISPATCH(); \
    } while (0)
#define JUMP(distance) \
    do { \
        PC += (int64_t)(distance); \
        DISPATCH(); \
    } while (0)
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
        PC = pc_; \
        SWAPIN(); \
        DISPATCH(); \
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
        PC = (target); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = (live); \
            GOTO(yield); \
        } \
        DISPATCH(); \
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
        PC = (target); \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = func_mfa(PC)->arity; \
            GOTO(yield_local); \
        } \
        DISPATCH(); \
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
#define APPLY(arity) \
    SWAPOUT(); \
    const code_t *to_ = exec_apply(P, X, (arity), PC); \
    SWAPIN(); \
    if (UNLIKELY(to_ == NULL)) { \
        if (P->freason != EXC_BADARG) GOTO(raise); \
        RESUME(exec_guard_failed(SCHED, P, PC)); \
    } \
    word_t n_ = P->x_arity
/* Behind APPLY in a tail call; the word behind PC stands for PC in stack traces. */
#define KEEP_CALLER() \
    do { \
        if (UNLIKELY(EXEC->keep_caller)) *--E = (term_t)(PC + 1); \
    } while (0)
#define APPLY_LIST(arguments) \
    SWAPOUT(); \
    const code_t *to_ = exec_apply_list(P, X, (arguments), PC); \
    SWAPIN(); \
    if (UNLIKELY(to_ == NULL)) { \
        if (P->freason != EXC_BADARG) GOTO(raise); \
        RESUME(exec_apply_failed(SCHED, P, PC)); \
    } \
    word_t n_ = P->x_arity
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
#define FRAGMENTS_GREW() \
    UNLIKELY(P->heap.frag_words > EXEC_FRAGMENT_LIMIT \
             || P->heap.off_heap_words > P->heap.off_heap_limit)
/* p->pc: the calling instruction, for natives that ask which module calls them. */
#define CALL_NATIVE(e, words) \
    do { \
        Export *e_ = (e); \
        const BifEntry *native_ = e_->native; \
        if (UNLIKELY(native_ == NULL)) CALL_EXT(words, e_); \
        const code_t *from_ = PC; \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = e_->mfa.arity; \
            GOTO(yield); \
        } \
        SWAPOUT(); \
        P->current = &e_->mfa; \
        P->pc = PC; \
        P->pc = from_; \
        term_t r_ = UNLIKELY(native_->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO)) \
                        ? exec_call_dirty(SCHED, P, native_) \
                        : native_->fn(P, X); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            EXEC->ret = PC + (words); \
            SWAPIN(); \
            GOTO(native_special); \
        } \
        SWAPIN(); \
        X[0] = r_; \
        PC += (words); \
        if (FRAGMENTS_GREW()) GOTO(collect_result); \
        DISPATCH(); \
    } while (0)
#define TAIL_NATIVE(e) \
    do { \
        Export *e_ = (e); \
        const BifEntry *native_ = e_->native; \
        if (UNLIKELY(native_ == NULL)) ENTER_EXT(e_); \
        const code_t *from_ = PC; \
        PC = e_->native_stub; \
        if (UNLIKELY(--REDS < 0)) { \
            P->x_arity = e_->mfa.arity; \
            GOTO(yield); \
        } \
        SWAPOUT(); \
        P->current = &e_->mfa; \
        P->pc = PC; \
        P->pc = from_; \
        term_t r_ = UNLIKELY(native_->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO)) \
                        ? exec_call_dirty(SCHED, P, native_) \
                        : native_->fn(P, X); \
        if (UNLIKELY(r_ == TERM_NONE)) { \
            EXEC->ret = NULL; \
            SWAPIN(); \
            GOTO(native_special); \
        } \
        SWAPIN(); \
        X[0] = r_; \
        PC = (const code_t *)*E++; \
        if (FRAGMENTS_GREW()) GOTO(collect_result); \
        DISPATCH(); \
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
#define CHECK_FLOAT(d) \
    do { \
        if (UNLIKELY(!isfinite(d))) ERROR(EXC_BADARITH); \
    } while (0)

/* ---- selection: few pairs are searched one by one ---- */
#define SELECT_LINEAR_WORDS 16
#define FIND(key, pairs, count) \
    do { \
        const uint64_t key_ = (key); \
        const code_t *at_ = (pairs), *end_ = at_ + (count); \
        for (; at_ < end_; at_ += 2) \
            if (at_[0] == key_) JUMP(at_[1]); \
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

#define BAD_INSTRUCTION() PANIC("not an instruction: %#llx", (unsigned long long)*PC)

#ifndef INTERP_SWITCH

typedef int InsnHandler(void);
#define LEAVE() return 0
#define DISPATCH() \
    return ((InsnHandler *)(void *)((char *)(void *)interp_base + *(const int32_t *)(const void *)PC))()
#define DISPATCH_AS(handler) \
    return ((InsnHandler *)(void *)((char *)(void *)interp_base + (handler)))()
#define GOTO(routine) return rt_##routine()
/* One section, so that the assembler knows all distances. */
#define IN_TABLE __attribute__((used, section(".text.insn")))
#define OP(number, name) \
    IN_TABLE int insn_op_##name(void); \
    int insn_op_##name(void)
#define SLOW_(name, number) return slow_##name()
#define SLOW_OP(name) __attribute__((noinline, cold)) static int slow_##name(void)
#define ROUTINE(name) __attribute__((noinline, cold)) static int rt_##name(void)

/* Handlers are stored in code as distances from here. */
IN_TABLE int interp_base(void);
int interp_base(void) { __asm__ volatile(""); return 0; }

#define HANDLERS_BEGIN \
    __asm__(".pushsection .rodata\n.balign 4\n.globl insn_handlers\n.hidden insn_handlers\n" \
            "insn_handlers:\n");
#define HANDLER(name) __asm__(".long insn_op_" #name " - interp_base\n");
#define HANDLERS_END __asm__(".popsection\n");
#include "interp_tail.gen.h"

extern const int32_t insn_handlers[] __attribute__((visibility("hidden")));
int32_t insn_handler_code(unsigned variant) { return insn_handlers[variant]; }

__attribute__((noinline)) static int enter(void) { DISPATCH(); }

static enum RunResult run(Sched *s, Process *p)
{
    const uint64_t *pc = PC;
    uint64_t *e = E, *x = X, *h = H;
    int64_t reds = REDS;
    X = s->x;
    PC = p->pc;
    SWAPIN();
    enter();
    __asm__ volatile("" ::: "memory");
    PC = pc, E = e, X = x, H = h, REDS = reds;
    return ((Exec *)s->exec)->leave;
}

#else

int32_t insn_handler_code(unsigned variant) { return (int32_t)variant; }

#define LEAVE() goto leave
#define DISPATCH() goto dispatch
#define DISPATCH_AS(handler) \
    do { \
        as_ = (handler); \
        goto dispatch_as; \
    } while (0)
#define GOTO(routine) goto rt_##routine
#define SLOW_(name, number) goto slow_##number

static enum RunResult run(Sched *s, Process *p)
{
    const code_t *PC = p->pc;
    term_t *X = s->x, *E, *H;
    int64_t REDS;
    int32_t as_;
    SWAPIN();
dispatch:
    as_ = *(const int32_t *)(const void *)PC;
dispatch_as:
    switch (as_) {
#include "interp_switch.gen.h"
    }
leave:
    return ((Exec *)s->exec)->leave;
}

#endif

enum RunResult interp_run(Sched *s, Process *p)
{
    if (!exec_enter(s, p)) return ((Exec *)s->exec)->leave;
    if (LIKELY(p->trace == NULL)) return run(s, p);
    p->vm->procs->trace_ops->running(p, true);
    enum RunResult r = run(s, p);
    if (r != RUN_EXIT && p->trace != NULL) p->vm->procs->trace_ops->running(p, false);
    return r;
}
