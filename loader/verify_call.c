/* SPDX-License-Identifier: Apache-2.0 */
/* verify_call - calls, returns, funs and guard natives.
 * A match context may be an argument of a function of the module: that function is walked again with a
 * context in the argument's place. */
#include "loader/verify.h"
#include "term/atom.h"

/* ---- arguments ---- */

/* A message in the queue is no argument: the call gets a copy. */
static bool own_argument(Verifier *v, unsigned i)
{
    InsnOperand x = {INSN_OP_X, i};
    if (!(v->s.x[i].bits & V_FRAGILE)) return true;
    if (v->op->guard && v->l->guards[v->op->guard - 1].on.value != i)
        return verify_fail(v, "parts of a message as arguments");
    return verify_guard(v, GUARD_OWN, &x, 0);
}

static bool arguments(Verifier *v, uint64_t n)
{
    for (unsigned i = 0; i < n; i++) {
        InsnOperand x = {INSN_OP_X, i};
        if (!verify_term(v, &x, NULL) || !own_argument(v, i)) return false;
    }
    return true;
}

/* The function whose entry is `label`. */
static size_t function_at(const Verifier *v, uint64_t label)
{
    const Load *l = v->l;
    size_t low = 0, high = l->function_count;
    uint32_t op = v->places[label].op;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (l->functions[mid].entry_op <= op) low = mid;
        else high = mid;
    }
    return low;
}

static void pass_context(Verifier *v, uint64_t label, unsigned i)
{
    Checked *c = &v->functions[function_at(v, label)];
    uint64_t bit = UINT64_C(1) << (i % 64);
    if (c->contexts[i / 64] & bit) return;
    c->contexts[i / 64] |= bit;
    c->pending = true;
}

static bool local_arguments(Verifier *v, const InsnOperand *arity, const InsnOperand *label)
{
    if (!check_call_target(v->l, arity, label)) return verify_fail(v, "no such function");
    for (unsigned i = 0; i < arity->value; i++) {
        Val val;
        InsnOperand x = {INSN_OP_X, i};
        if (!verify_read(v, &x, &val)) return false;
        if (val.bits & V_CONTEXT && !(val.bits & (V_RAW | V_FRAGILE))) pass_context(v, label->value, i);
        else if (!verify_term(v, &x, NULL) || !own_argument(v, i)) return false;
    }
    return true;
}

/* ---- ways to call ---- */

static bool body_call(Verifier *v)
{
    if (v->s.frame < 0) return verify_fail(v, "call without a frame");
    if (!verify_y_durable(v) || !verify_raise(v)) return false;
    InsnOperand x0 = {INSN_OP_X, 0};
    if (v->fresh) verify_age(v);
    v->s.nx = 0;
    v->s.fr = 0;
    return verify_new(v, &x0, V_TERM);
}

static bool no_catch(Verifier *v)
{
    for (int i = 0; i < state_slots(&v->s); i++)
        if (val_is_mark(v->s.y[i])) return verify_fail(v, "y%d is a catch mark still", i);
    return true;
}

static bool tail_call(Verifier *v, int frame)
{
    if (v->s.frame != frame) return verify_fail(v, "frame of %d left as %d", v->s.frame, frame);
    if (!no_catch(v) || !verify_raise(v)) return false;
    verify_end(v);
    return true;
}

static bool tail_call_of(Verifier *v, const InsnOperand *slots)
{
    return verify_uint(v, slots) && tail_call(v, (int)MIN(slots->value, (uint64_t)GEN_X_REGS));
}

bool verify_call(Verifier *v, const InsnOperand *a)
{
    return local_arguments(v, &a[0], &a[1]) && body_call(v);
}

bool verify_call_last(Verifier *v, const InsnOperand *a)
{
    return local_arguments(v, &a[0], &a[1]) && tail_call_of(v, &a[2]);
}

bool verify_call_only(Verifier *v, const InsnOperand *a)
{
    return local_arguments(v, &a[0], &a[1]) && tail_call(v, FRAME_NONE);
}

Export *verify_import(Verifier *v, const InsnOperand *index, uint64_t arity)
{
    const Load *l = v->l;
    if (!is_uint(index) || index->value >= l->f.import_count || l->f.imports[index->value].arity != arity)
        return verify_fail(v, "no such import"), NULL;
    return l->imports[index->value];
}

static bool is_native_of_erlang(const Export *e, term_t function, unsigned arity)
{
    return e->mfa.module == am_erlang && e->mfa.function == function && e->mfa.arity == arity && e->native;
}

static Export *external_arguments(Verifier *v, const InsnOperand *a)
{
    Export *e = is_uint(&a[0]) ? verify_import(v, &a[1], a[0].value) : NULL;
    if (!e) verify_fail(v, "operands");
    return e && arguments(v, a[0].value) ? e : NULL;
}

/* The frame stays when the call never comes back (rules.c). */
static bool never_returns(Verifier *v, const Export *e, bool *is)
{
    *is = call_never_returns(e);
    if (!*is) return true;
    verify_end(v);
    return verify_raise(v);
}

bool verify_call_ext(Verifier *v, const InsnOperand *a)
{
    bool end;
    Export *e = external_arguments(v, a);
    if (!e || !never_returns(v, e, &end)) return false;
    if (end) return true;
    Val tuple = is_native_of_erlang(e, am_setelement, 3) ? v->s.x[1] : val_new(0);
    if (!body_call(v)) return false;
    if (!tuple.bits) return true;
    v->fresh = true;
    v->s.x[0].bits = V_TUPLE;
    v->s.x[0].info = val_is(tuple, V_TUPLE) ? tuple.info : ARITY_MIN;
    return true;
}

bool verify_call_ext_last(Verifier *v, const InsnOperand *a)
{
    bool end;
    Export *e = external_arguments(v, a);
    return e && never_returns(v, e, &end) && (end || tail_call_of(v, &a[2]));
}

bool verify_call_ext_only(Verifier *v, const InsnOperand *a)
{
    bool end;
    Export *e = external_arguments(v, a);
    return e && never_returns(v, e, &end) && (end || tail_call(v, FRAME_NONE));
}

static bool small_arity(Verifier *v, const InsnOperand *arity)
{
    return (is_uint(arity) && arity->value <= 255) || verify_fail(v, "arity");
}

bool verify_call_fun(Verifier *v, const InsnOperand *a)
{
    return small_arity(v, &a[0]) && arguments(v, a[0].value + 1) && body_call(v);
}

bool verify_call_fun2(Verifier *v, const InsnOperand *a)
{
    return small_arity(v, &a[1]) && arguments(v, a[1].value) && verify_durable(v, &a[2]) && body_call(v);
}

bool verify_apply(Verifier *v, const InsnOperand *a)
{
    return small_arity(v, &a[0]) && arguments(v, a[0].value + 2) && body_call(v);
}

bool verify_apply_last(Verifier *v, const InsnOperand *a)
{
    return small_arity(v, &a[0]) && arguments(v, a[0].value + 2) && tail_call_of(v, &a[1]);
}

bool verify_send(Verifier *v, const InsnOperand *a)
{
    (void)a;
    return arguments(v, 2) && body_call(v);
}

bool verify_return(Verifier *v, const InsnOperand *a)
{
    static const InsnOperand x0 = {INSN_OP_X, 0};
    (void)a;
    if (v->s.frame != FRAME_NONE) return verify_fail(v, "return with a frame");
    verify_end(v);
    return verify_durable(v, &x0);
}

/* Reached when no clause matches: the arguments go into the exception. */
bool verify_func_info(Verifier *v, const InsnOperand *a)
{
    if (v->s.frame != FRAME_NONE) return verify_fail(v, "function_clause with a frame");
    for (unsigned i = 0; i < a[2].value; i++) {
        Val val;
        InsnOperand x = {INSN_OP_X, i};
        if (!verify_read(v, &x, &val)) return false;
        if (val.bits & (V_RAW | V_FRAGILE)) return verify_fail(v, "x%u is no argument", i);
    }
    verify_end(v);
    return true;
}

/* ---- funs ---- */

static const BeamLambda *lambda_of(Verifier *v, const InsnOperand *index)
{
    if (is_uint(index) && index->value < v->l->f.lambda_count) return &v->l->f.lambdas[index->value];
    return verify_fail(v, "no such fun"), NULL;
}

bool verify_make_fun3(Verifier *v, const InsnOperand *a)
{
    if (!lambda_of(v, &a[0]) || a[2].kind != GEN_LIST) return verify_fail(v, "operands");
    for (size_t i = 0; i < gen_list_size(&a[2]); i++)
        if (!verify_durable(v, &a[3 + i])) return false;
    return verify_new(v, &a[1], V_OTHER);
}

bool verify_make_fun2(Verifier *v, const InsnOperand *a)
{
    static const InsnOperand x0 = {INSN_OP_X, 0};
    const BeamLambda *lambda = lambda_of(v, &a[0]);
    if (!lambda) return false;
    InsnOperand live = {INSN_OP_UINT, lambda->nfree};
    return arguments(v, lambda->nfree) && verify_live(v, &live) && verify_new(v, &x0, V_OTHER);
}

/* ---- guard natives ---- */

/* What a native gives, and what its last argument was when it gave something. */
static const struct Known {
    term_t name;
    uint16_t result, argument;
} known[] = {
    {am_hd, V_TERM, V_CELL}, {am_tl, V_TERM, V_CELL}, {am_tuple_size, V_INT, V_TUPLE},
    {am_length, V_INT, V_LIST}, {am_byte_size, V_INT, V_BITS}, {am_bit_size, V_INT, V_BITS},
    {am_map_size, V_INT, V_MAP}, {am_map_get, V_TERM, V_MAP}, {am_is_map_key, V_OTHER, V_MAP},
    {am_element, V_TERM, V_TUPLE}, {am_size, V_INT, 0}, {am_round, V_INT, 0}, {am_trunc, V_INT, 0},
    {am_ceil, V_INT, 0}, {am_floor, V_INT, 0}, {am_div, V_INT, V_INT}, {am_rem, V_INT, V_INT},
    {am_band, V_INT, V_INT}, {am_bor, V_INT, V_INT}, {am_bxor, V_INT, V_INT}, {am_bsl, V_INT, V_INT},
    {am_bsr, V_INT, V_INT}, {am_bnot, V_INT, V_INT}, {am_float, V_FLOAT, 0}, {am_Div, V_FLOAT, 0},
    {am_Plus, V_INT | V_FLOAT, 0}, {am_Minus, V_INT | V_FLOAT, 0}, {am_Times, V_INT | V_FLOAT, 0},
    {am_abs, V_INT | V_FLOAT, 0}, {am_binary_part, V_BITS, 0},
};

static const struct Known *known_native(const Export *e)
{
    if (e->mfa.module == am_erlang)
        for (unsigned i = 0; i < ARRAY_LEN(known); i++)
            if (known[i].name == e->mfa.function) return &known[i];
    return NULL;
}

/* Tests of terms that have an answer for each: compilers set y registers after them. */
static bool never_fails(const Export *e)
{
    if (e->mfa.module != am_erlang || e->mfa.arity == 0) return e->mfa.arity == 0;
    switch (e->mfa.function) {
    case am_Eq: case am_Neq: case am_Eqeq: case am_Neqeq: case am_Lt: case am_Le: case am_Gt: case am_Ge:
        return e->mfa.arity == 2;
    case am_is_atom: case am_is_binary: case am_is_bitstring: case am_is_boolean: case am_is_float:
    case am_is_function: case am_is_integer: case am_is_list: case am_is_map: case am_is_number: case am_is_pid:
    case am_is_port: case am_is_reference: case am_is_tuple: case am_get: return e->mfa.arity == 1;
    default: return false;
    }
}

static void learn_argument(Verifier *v, const Export *e, const struct Known *k, const InsnOperand *args,
                           unsigned n)
{
    Val val;
    Undo u;
    const InsnOperand *a = &args[n - 1];
    bool gone = a->kind == INSN_OP_X && a->value >= v->s.nx;
    if (!k->argument || !is_register(a) || gone || !verify_read(v, a, &val)) return;
    Val now = val_new((uint16_t)(val.bits & k->argument));
    if (now.bits & V_TUPLE) now.info = val.info;
    bool nth = e->mfa.function == am_element && args[0].kind == INSN_OP_TERM && term_is_small(args[0].value)
               && small_value(args[0].value) > 0 && small_value(args[0].value) < (int64_t)ARITY_MIN;
    if (nth && now.info & ARITY_MIN)
        now.info = MAX(now.info, (uint32_t)small_value(args[0].value) | ARITY_MIN);
    if (now.bits) verify_narrow(v, a, now, &u);
}

/* args: n of them. */
static bool guard_native(Verifier *v, const InsnOperand *fail, const InsnOperand *index,
                         const InsnOperand *args, unsigned n, const InsnOperand *live, const InsnOperand *dst)
{
    Export *e = verify_import(v, index, n);
    unsigned bits = 0;
    if (!e) return false;
    for (unsigned i = 0; i < n; i++) {
        Val val;
        if (!verify_term(v, &args[i], &val)) return false;
        bits |= val.bits & V_FRAGILE;
    }
    const struct Known *k = known_native(e);
    if (live && !verify_live(v, live)) return false;
    if (!never_fails(e)) {
        if (fail->value != 0 && !verify_set_before(v, dst)) return false;
        if (!verify_branch(v, fail)) return false;
    }
    if (k) learn_argument(v, e, k, args, n);
    return verify_new(v, dst, bits | (k ? k->result : V_TERM));
}

bool verify_bif0(Verifier *v, const InsnOperand *a)
{
    return guard_native(v, NULL, &a[0], NULL, 0, NULL, &a[1]);
}

/* Fail Native Arguments Destination */
bool verify_bif(Verifier *v, const InsnOperand *a)
{
    unsigned n = v->op->argc - 3u;
    return guard_native(v, &a[0], &a[1], a + 2, n, NULL, &a[2 + n]);
}

/* Fail Live Native Arguments Destination */
bool verify_gc_bif(Verifier *v, const InsnOperand *a)
{
    unsigned n = v->op->argc - 4u;
    return guard_native(v, &a[0], &a[2], a + 3, n, &a[1], &a[3 + n]);
}
