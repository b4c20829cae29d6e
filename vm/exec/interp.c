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

#include "base/clock.h"
#include "exec/insn_macros.h"

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
#define TUPLE_HEADER(arity) HEADER(arity, BOXED_TUPLE)
#define ELEMENT(tuple, number) (boxed_ptr(tuple)[(number) + 1])

/* ---- control ---- */
#define GO_TO(address) \
    do { \
        PC = (address); \
        DISPATCH(); \
    } while (0)
#define NEXT(words) GO_TO(PC + (words))
#define JUMP_BY(distance) GO_TO(PC + (int64_t)(distance))
#define JUMP(label) JUMP_BY(label)
#define AT(label) (PC + (label))
#define GOTO_AT(address, routine) \
    do { \
        PC = (address); \
        GOTO(routine); \
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
/* Not static: native code goes there too (jit/). */
#define SHARED __attribute__((noinline, cold, used, visibility("hidden")))
#define SLOW_OP(name) SHARED int slow_##name(void)
#define ROUTINE(name) SHARED int rt_##name(void)

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
const char *interp_base_address(void) { return (const char *)(void *)interp_base; }

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

/* A native that was left goes on, and is no longer where the process stands (saving.c has yet to see it). */
static enum RunResult go_on(Sched *s, Process *p)
{
    if (LIKELY(p->saved_calls == NULL)) p->flags &= ~PF_IN_NATIVE;
    return run(s, p);
}

static enum RunResult go_on_watched(Sched *s, Process *p, ProcSliceMonitor *monitor)
{
    Vm *vm = p->vm;
    term_t id = p->id;
    const Mfa *at = exec_where(p);
    Mfa in = at ? *at : (Mfa){0};
    int64_t begin_ns = clock_os_monotonic_ns();
    enum RunResult r = go_on(s, p);
    const Mfa *out = r == RUN_EXIT ? NULL : exec_where(p);
    monitor(vm, id, at ? &in : NULL, out, clock_os_monotonic_ns() - begin_ns);
    return r;
}

enum RunResult interp_run(Sched *s, Process *p)
{
    if (!exec_enter(s, p)) return ((Exec *)s->exec)->leave;
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->running(p, true);
    ProcSliceMonitor *monitor = load_relaxed(&p->vm->procs->monitor_slice);
    enum RunResult r = UNLIKELY(monitor != NULL) ? go_on_watched(s, p, monitor) : go_on(s, p);
    exec_count_to_sample(s, p);
    if (r != RUN_EXIT && UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->running(p, false);
    return r;
}
