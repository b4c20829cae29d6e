/* SPDX-License-Identifier: Apache-2.0 */
/* guard - out-of-line parts of guard natives, arithmetic and selection. */
#include "base/alloc.h"
#include "exec/exec_priv.h"

#include <math.h>

void exec_error(Process *p, uint32_t code)
{
    p->freason = code;
    p->fcause = TERM_NONE;
}

static void remember(Sched *s, Mfa mfa, term_t a, term_t b, term_t c)
{
    Exec *x = exec_of(s);
    x->failed_mfa = mfa;
    x->failed_args[0] = a;
    x->failed_args[1] = b;
    x->failed_args[2] = c;
}

term_t exec_bif(Process *p, const BifEntry *native, term_t a, term_t b, term_t c)
{
    term_t args[3] = {a, b, c};
    term_t result = native->fn(p, args);
    if (UNLIKELY(result == TERM_NONE))
        remember(sched_self, (Mfa){native->module, native->function, native->arity}, a, b, c);
    return result;
}

/* ---- arithmetic ---- */

static term_t bnot_of(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    (void)b;
    return arith_bnot(h, a, err);
}

static term_t neg_of(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    (void)b;
    return arith_neg(h, a, err);
}

static const struct {
    term_t (*fn)(Heap *h, term_t a, term_t b, enum ArithError *err);
    term_t name;
    uint8_t arity;
} arith_ops[] = {
    [ARITH_ADD] = {arith_add, am_Plus, 2},    [ARITH_SUB] = {arith_sub, am_Minus, 2},
    [ARITH_MUL] = {arith_mul, am_Times, 2},   [ARITH_DIV] = {arith_div, am_div, 2},
    [ARITH_REM] = {arith_rem, am_rem, 2},     [ARITH_BAND] = {arith_band, am_band, 2},
    [ARITH_BOR] = {arith_bor, am_bor, 2},     [ARITH_BXOR] = {arith_bxor, am_bxor, 2},
    [ARITH_BSL] = {arith_bsl, am_bsl, 2},     [ARITH_BSR] = {arith_bsr, am_bsr, 2},
    [ARITH_BNOT] = {bnot_of, am_bnot, 1},     [ARITH_NEG] = {neg_of, am_Minus, 1},
};

/* An operator cannot be interrupted; what takes long is paid for, products and quotients by their logarithm more. */
static void charge_arith(Process *p, enum ArithOp op, size_t limbs)
{
    bool steep = op == ARITH_MUL || op == ARITH_DIV || op == ARITH_REM;
    size_t cost = steep ? limbs * (64 - (unsigned)__builtin_clzll(limbs)) / 16 : limbs / 64;
    process_charge(p, cost);
}

static size_t limbs_of(term_t t) { return term_is_big(t) ? big_limbs(t) : 0; }

static inline bool small_or_float(term_t t, double *d)
{
    if (term_is_small(t)) *d = (double)small_value(t);
    else if (term_is_float(t)) *d = float_value(t);
    else return false;
    return true;
}

/* Sums and products of floats, which the types of a module seldom foretell; TERM_NONE: something else. */
static inline term_t float_arith(Process *p, enum ArithOp op, term_t a, term_t b)
{
    double x, y, result;
    if (op > ARITH_MUL || (!term_is_boxed(a) && !term_is_boxed(b))) return TERM_NONE;
    if (!small_or_float(a, &x) || !small_or_float(b, &y)) return TERM_NONE;
    result = op == ARITH_ADD ? x + y : op == ARITH_SUB ? x - y : x * y;
    return LIKELY(isfinite(result)) ? heap_float(&p->heap, result) : TERM_NONE;
}

term_t exec_arith(Process *p, enum ArithOp op, term_t a, term_t b)
{
    term_t of_floats = float_arith(p, op, a, b);
    if (of_floats != TERM_NONE) return of_floats;
    enum ArithError err = ARITH_BADARITH;
    size_t limbs = limbs_of(a) + limbs_of(b);
    if (UNLIKELY(limbs > 64)) charge_arith(p, op, limbs);
    term_t result = arith_ops[op].fn(&p->heap, a, b, &err);
    if (UNLIKELY(result == TERM_NONE)) {
        exec_error(p, err == ARITH_BADARITH     ? EXC_BADARITH
                      : err == ARITH_BADARG ? EXC_BADARG
                                            : EXC_SYSTEM_LIMIT);
        remember(sched_self, (Mfa){am_erlang, arith_ops[op].name, arith_ops[op].arity}, a, b, TERM_NIL);
    }
    return result;
}

/* ---- failure outside of guards ---- */

const code_t *exec_guard_failed(Sched *s, Process *p, const code_t *pc)
{
    Exec *x = exec_of(s);
    return except_raise_native(p, s->x, pc, &x->failed_mfa, x->failed_args) ?: exec_exit(s, p);
}

const code_t *exec_apply_failed(Sched *s, Process *p, const code_t *pc)
{
    const Mfa *m = code_find_mfa(p->vm, pc);
    bool in_apply = !m || (m->module == am_erlang && m->function == am_apply && m->arity == 3);
    return exec_guard_failed(s, p, in_apply ? NULL : pc);
}

const code_t *exec_inline_failed(Sched *s, Process *p, const code_t *pc, uint32_t code, term_t name,
                                 unsigned arity, term_t a, term_t b, term_t value)
{
    exec_error(p, code);
    p->fvalue = value != TERM_NONE ? value : TERM_NIL;
    remember(s, (Mfa){am_erlang, name, arity}, a, b, TERM_NIL);
    return exec_guard_failed(s, p, pc);
}

/* ---- tests and selection ---- */

bool exec_is_function2(term_t fun, term_t arity)
{
    if (!term_is_small(arity) || small_value(arity) < 0) return false;
    if (term_is_fun(fun)) return (int64_t)fun_arity(fun_ptr(fun)) == small_value(arity);
    return term_is_export(fun) && (int64_t)export_of(fun)->mfa.arity == small_value(arity);
}

int64_t exec_list_length(term_t list)
{
    int64_t n = 0;
    for (; term_is_list_cell(list); n++) list = list_tail(list);
    return list == TERM_NIL ? n : -1;
}

/* ---- length/1 of a list that takes more than a slice ---- */

#define CELLS_AT_ONCE 4096 /* that many are always counted, so that short lists need no look at the state */

typedef struct LengthState {
    NativeState base;
    int64_t counted;
    term_t list, rest;
} LengthState;

static void length_destroy(NativeState *s) { MEM_DELETE(TEMP, (LengthState *)s); }

static void length_each_root(NativeState *s, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((LengthState *)s)->list, 2);
}

static LengthState *length_state(Process *p, term_t list)
{
    LengthState *s = native_state_of(p, length_destroy);
    if (s) return s;
    s = MEM_NEW(TEMP, LengthState);
    *s = (LengthState){{.destroy = length_destroy, .each_root = length_each_root}, 0, list, list};
    p->native_state = &s->base;
    return s;
}

static int64_t length_ended(Process *p, LengthState *s, term_t *list)
{
    int64_t n = term_is_nil(s->rest) ? s->counted : -1;
    *list = s->list;
    process_drop_native_state(p);
    return n;
}

static int64_t length_slice(Process *p, term_t *list, int64_t reds)
{
    LengthState *s = length_state(p, *list);
    int64_t most = MAX(reds * LENGTH_CELLS_PER_RED, CELLS_AT_ONCE), n = 0;
    for (; term_is_list_cell(s->rest) && n < most; n++) s->rest = list_next(s->rest);
    s->counted += n;
    return n == most ? LENGTH_LATER : length_ended(p, s, list);
}

int64_t exec_length(Process *p, term_t *list, int64_t reds)
{
    int64_t n = 0;
    term_t t = *list;
    if (UNLIKELY(p->native_state != NULL)) return length_slice(p, list, reds);
    for (; term_is_list_cell(t) && n < CELLS_AT_ONCE; n++) t = list_next(t);
    if (UNLIKELY(n == CELLS_AT_ONCE)) return length_slice(p, list, reds);
    return term_is_nil(t) ? n : -1;
}

const code_t *exec_length_yield(Sched *s, Process *p, const code_t *pc, unsigned live)
{
    p->reds = 0;
    return exec_leave(s, p, pc, live, RUN_YIELD);
}

bool exec_to_double(Sched *s, Process *p, term_t number, unsigned fr)
{
    (void)p;
    return number_to_double(number, &s->fr[fr]);
}

int64_t exec_select(uint64_t key, const code_t *pairs, unsigned count)
{
    unsigned low = 0, high = count / 2;
    if (high <= 8) {
        for (unsigned i = 0; i < count; i += 2)
            if (pairs[i] == key) return (int64_t)pairs[i + 1];
        return 0;
    }
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (pairs[2 * mid] == key) return (int64_t)pairs[2 * mid + 1];
        if (pairs[2 * mid] < key) low = mid + 1;
        else high = mid;
    }
    return 0;
}
