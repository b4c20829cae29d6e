/* SPDX-License-Identifier: Apache-2.0 */
/* exec_priv - what the parts of the execution core share.
 * Functions that return a code address continue there; NULL ends the slice: EXEC->leave says how, and
 * the process holds all its state. All are called with the registers in the Process (SWAPOUT).
 * Layer: exec, private. */
#ifndef JOIST_EXEC_EXEC_PRIV_H
#define JOIST_EXEC_EXEC_PRIV_H

#include "bifs/bif.h"
#include "code/funtab.h"
#include "code/range.h"
#include "data/arith.h"
#include "data/bitbuild.h"
#include "data/bitmatch.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "exec/exec.h"
#include "exec/insn.h"
#include "proc/except.h"
#include "proc/exit.h"
#include "proc/message.h"
#include "proc/process_gc.h"
#include "proc/receive.h"
#include "proc/saved_calls.h"

/* More values of freason, for natives of this folder: what the interpreter does instead. */
#define EXC_HIBERNATE 0xFFFFFB00u  /* erlang:hibernate/3, arguments in x */
#define EXC_PAUSE 0xFFFFFA00u      /* erlang:yield/0: true is its result, after a reschedule */

/* Per scheduler thread; Sched.exec. */
typedef struct Exec {
    enum RunResult leave;      /* why the slice ended */
    int32_t kept_reds;         /* reductions set aside by CHECK_FRAGMENTS */
    int32_t sample_in;         /* reductions until the next jit_sample of this scheduler */
    const code_t *ret;         /* native_special: return address of the call, NULL: tail call */
    Mfa failed_mfa;            /* guard native or inline form that failed, and its arguments */
    term_t failed_args[3];
    bool keep_caller;          /* set by exec_apply*: a tail call must leave a return address here */
    BitBuilder bits;           /* bs_init2 .. bs_put_*: where the next segment goes */
    uint64_t bits_end;         /* bits that were made room for */
} Exec;

static inline Exec *exec_of(Sched *s) { return (Exec *)s->exec; }

/* ---- exec.c: entering, leaving, yielding ---- */
/* Load a process; false: nothing to run, Exec.leave tells. */
bool exec_enter(Sched *s, Process *p);
/* After the slice that exec_enter began. */
void exec_count_to_sample(Sched *s, const Process *p);
const code_t *exec_leave(Sched *s, Process *p, const code_t *pc, unsigned live, enum RunResult how);
const code_t *exec_yield(Sched *s, Process *p, const code_t *pc);
/* Instructions that are no calls end a slice too: at `next`, unless reductions were only set aside. */
const code_t *exec_yield_after(Sched *s, Process *p, const code_t *next, unsigned live);
const code_t *exec_yield_local(Sched *s, Process *p, const code_t *pc);
const code_t *exec_collect(Sched *s, Process *p, const code_t *pc, unsigned live);
const code_t *exec_exit(Sched *s, Process *p);        /* process_exit_begin was called */
const code_t *exec_exit_normal(Sched *s, Process *p);
const code_t *exec_killed(Sched *s, Process *p);      /* max_heap_size */
const code_t *exec_dying(Sched *s, Process *p);       /* a signal has ended the process */
const code_t *exec_receive_sleep(Sched *s, Process *p, const code_t *pc, enum ReceiveWait why);

unsigned exec_live_at(const Process *p, const code_t *to);
term_t exec_backtrace(Process *p, Heap *h);
const code_t *exec_hibernate(Sched *s, Process *p, const code_t *pc);

static inline bool exec_collection_is_due(const Process *p)
{
    return p->heap.frag_words > p->heap.frag_limit || p->heap.off_heap_words > p->heap.off_heap_limit;
}

/* ---- saving.c: p->saved_calls is set ---- */
/* A slice begins: its reductions go to kept_reds. */
void exec_saving_begin(Sched *s, Process *p);
/* Before a call, without reductions. pc: the function, or the instruction that calls a native.
 * local: of the same module. */
const code_t *exec_saving_call(Sched *s, Process *p, const code_t *pc, bool local);

/* ---- native.c ---- */
const code_t *exec_native_special(Sched *s, Process *p, const code_t *pc);
const code_t *exec_send_special(Sched *s, Process *p, const code_t *pc, const code_t *ret);
term_t exec_call_dirty(Sched *s, Process *p, const BifEntry *native);
const code_t *exec_function_clause(Sched *s, Process *p, const Mfa *mfa);
const code_t *exec_undefined_call(Sched *s, Process *p, Export *e);
const code_t *exec_debug_breakpoint(Sched *s, Process *p, const code_t *entry);
const code_t *exec_undefined_lambda(Sched *s, Process *p);
const code_t *exec_purging_lambda(Sched *s, Process *p, const code_t *pc);

/* ---- apply.c: NULL: p->freason is set ---- */
const code_t *exec_apply(Process *p, term_t *x, unsigned arity, const code_t *pc);
const code_t *exec_apply_list(Process *p, term_t *x, unsigned arguments, const code_t *pc);
const code_t *exec_fun_target(Process *p, term_t *x, term_t fun, unsigned arity);

/* ---- guard.c: TERM_NONE: failed, see exec_guard_failed ---- */
term_t exec_bif(Process *p, const BifEntry *native, term_t a, term_t b, term_t c);
enum ArithOp {
    ARITH_ADD, ARITH_SUB, ARITH_MUL, ARITH_DIV, ARITH_REM, ARITH_BAND, ARITH_BOR, ARITH_BXOR,
    ARITH_BSL, ARITH_BSR, ARITH_BNOT, ARITH_NEG
};
term_t exec_arith(Process *p, enum ArithOp op, term_t a, term_t b);
const code_t *exec_guard_failed(Sched *s, Process *p, const code_t *pc);
/* The same for apply_fun_list and apply_mfa_list, which may be the whole of erlang:apply itself. */
const code_t *exec_apply_failed(Sched *s, Process *p, const code_t *pc);
const code_t *exec_inline_failed(Sched *s, Process *p, const code_t *pc, uint32_t code, term_t name,
                                 unsigned arity, term_t a, term_t b, term_t value);
bool exec_is_function2(term_t fun, term_t arity);
int64_t exec_list_length(term_t list); /* -1: improper */
/* The same for the instruction, which goes on in the next slice when a list is too long for what is left of this one
 * (LENGTH_LATER). *list becomes the list that was asked for first. */
#define LENGTH_LATER (-2)
#define LENGTH_CELLS_PER_RED 64
int64_t exec_length(Process *p, term_t *list, int64_t reds);
/* Of a proper list that has few elements, as most have; else -1. */
static ALWAYS_INLINE int64_t exec_short_length(term_t list)
{
    for (int64_t n = 0; n < 8; n++) {
        if (term_is_nil(list)) return n;
        if (!term_is_list_cell(list)) return -1;
        list = list_tail(list);
    }
    return -1;
}
const code_t *exec_length_yield(Sched *s, Process *p, const code_t *pc, unsigned live);
bool exec_to_double(Sched *s, Process *p, term_t number, unsigned fr);
/* Distance of the label behind key in pairs sorted by key; 0: none. */
int64_t exec_select(uint64_t key, const code_t *pairs, unsigned count);
void exec_error(Process *p, uint32_t code);

/* ---- map_insn.c ---- */
term_t exec_put_map(Sched *s, Process *p, term_t *e, term_t map, const code_t *pairs, unsigned count,
                    bool exact);
bool exec_has_map_fields(Sched *s, term_t *e, term_t map, const code_t *keys, unsigned count);
bool exec_get_map_elements(Sched *s, term_t *e, term_t map, const code_t *pairs, unsigned count);

/* ---- bits_insn.c ---- */
/* The byte at a position that is a multiple of 8. */
static inline const uint8_t *exec_match_bytes(const MatchContext *m)
{
    const term_t *orig = boxed_ptr(m->orig);
    const uint8_t *base = HEADER_SUBTAG(*orig) == BOXED_HEAP_BITS
                              ? (const uint8_t *)(orig + 2)
                              : binary_bytes_at(((const BinRef *)(const void *)orig)->bin);
    return base + (m->start >> 3);
}

term_t exec_bs_get_integer(Process *p, term_t ctx, term_t size, unsigned unit, unsigned flags);
term_t exec_bs_get_float(Process *p, term_t ctx, term_t size, unsigned unit, unsigned flags);
/* all: size is the constant `all`, the rest of the bit string. */
term_t exec_bs_get_binary(Process *p, term_t ctx, term_t size, unsigned unit, bool all);
bool exec_bs_skip(term_t ctx, term_t size, unsigned unit, bool all);
bool exec_bs_match(Sched *s, Process *p, term_t *e, term_t ctx, const code_t *commands, unsigned count);
term_t exec_bs_create_bin(Sched *s, Process *p, term_t *e, const code_t *segments, unsigned count);
term_t exec_bs_init_writable(Process *p, term_t size);
term_t exec_bs_init(Sched *s, Process *p, term_t size, unsigned unit);
term_t exec_bs_append(Sched *s, Process *p, term_t size, unsigned unit, term_t bin);
bool exec_bs_put_integer(Sched *s, Process *p, term_t size, unsigned unit, unsigned flags, term_t src);
bool exec_bs_put_float(Sched *s, Process *p, term_t size, unsigned unit, unsigned flags, term_t src);
bool exec_bs_put_binary(Sched *s, Process *p, term_t size, unsigned unit, term_t src, bool all);
void exec_bs_put_string(Sched *s, const char *text, unsigned bytes);
bool exec_bs_put_utf(Sched *s, Process *p, term_t src, unsigned size, unsigned flags);
term_t exec_bs_utf_size(Process *p, term_t src, unsigned size);
term_t exec_bs_add(Process *p, term_t a, term_t b, unsigned unit);

/* ---- count.c ---- */
void exec_count_insn(unsigned variant);

/* The register or constant of a source word. */
static inline term_t exec_source(const term_t *x, const term_t *e, uint64_t w)
{
    if (!src_is_register(w)) return w;
    return src_is_y(w) ? e[src_index(w)] : x[src_index(w)];
}
static inline term_t *exec_register(term_t *x, term_t *e, uint64_t w)
{
    return src_is_y(w) ? &e[src_index(w)] : &x[src_index(w)];
}

#endif
