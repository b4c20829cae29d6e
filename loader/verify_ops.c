/* SPDX-License-Identifier: Apache-2.0 */
/* verify_ops - what each operation needs and leaves: tests, moves, terms; the table of all operations. */
#include "loader/verify.h"

/* ---- operations described by letters ---- */

typedef struct Spec {
    const char *operands;
    uint16_t result;
    bool end;
} Spec;

static const Spec specs[GEN_COUNT] = {
#define VERIFY(op, letters, bits) [GEN_##op] = {letters, bits, false},
#define VERIFY_TYPE(op, bits, all)
#define VERIFY_END(op, letters) [GEN_##op] = {letters, 0, true},
#define VERIFY_BY(op, function)
#include "loader/verify.def"
#undef VERIFY
#undef VERIFY_TYPE
#undef VERIFY_END
#undef VERIFY_BY
};

static uint64_t fr_bit(const InsnOperand *a)
{
    return a->value < 64 ? UINT64_C(1) << a->value : 0;
}

static bool read_fr(Verifier *v, const InsnOperand *a)
{
    if (a->kind != INSN_OP_FR) return verify_fail(v, "no float register");
    return (v->s.fr & fr_bit(a)) == fr_bit(a) || verify_fail(v, "fr%u is not set", (unsigned)a->value);
}

static bool write_fr(Verifier *v, const InsnOperand *a)
{
    if (a->kind != INSN_OP_FR) return verify_fail(v, "no float register");
    v->s.fr |= fr_bit(a);
    return true;
}

static bool spec_source(Verifier *v, char letter, bool end, const InsnOperand *a, unsigned *fragile)
{
    switch (letter) {
    case 's': return end ? verify_durable(v, a) : verify_term(v, a, NULL);
    case 'c': return verify_context(v, a, fragile);
    case 'F': return read_fr(v, a);
    case 'u': return verify_uint(v, a);
    default: return true;
    }
}

static bool spec_leave(Verifier *v, char letter, const InsnOperand *a)
{
    switch (letter) {
    case 't': return verify_test(v, a);
    case 'f': return verify_branch(v, a);
    case 'e': return verify_raise(v);
    default: return true;
    }
}

bool verify_plain(Verifier *v, const InsnOperand *a)
{
    const Spec *spec = &specs[v->op->op];
    const char *letters = spec->operands;
    unsigned fragile = 0;
    for (unsigned i = 0; letters[i]; i++)
        if (!spec_source(v, letters[i], spec->end, &a[i], &fragile)) return false;
    for (unsigned i = 0; letters[i]; i++)
        if (letters[i] == 'L' && !verify_live(v, &a[i])) return false;
    for (unsigned i = 0; letters[i]; i++)
        if (!spec_leave(v, letters[i], &a[i])) return false;
    for (unsigned i = 0; letters[i]; i++) {
        if (letters[i] == 'd' && !verify_new(v, &a[i], spec->result | fragile)) return false;
        if (letters[i] == 'G' && !write_fr(v, &a[i])) return false;
    }
    if (!spec->end) return true;
    verify_end(v);
    return verify_raise(v);
}

/* ---- tests ---- */

Val val_only(Val val, unsigned kinds)
{
    val.bits &= (uint16_t)(kinds | V_SHARED | V_FRAGILE);
    if (!(val.bits & V_TUPLE)) val.info = 0;
    return val;
}

static bool is_nothing(Val val)
{
    return !(val.bits & ~(V_SHARED | V_FRAGILE));
}

bool verify_branch_with(Verifier *v, const InsnOperand *label, const InsnOperand *a, Val then)
{
    Undo u;
    if (is_nothing(then)) return true;
    verify_narrow(v, a, then, &u);
    bool ok = verify_test(v, label);
    verify_undo(v, &u);
    return ok;
}

static void go_on_with(Verifier *v, const InsnOperand *a, Val then)
{
    Undo u;
    if (is_nothing(then)) verify_end(v);
    else verify_narrow(v, a, then, &u);
}

static bool type_test(Verifier *v, const InsnOperand *a, unsigned kinds, bool all)
{
    Val val;
    if (!verify_term(v, &a[1], &val)) return false;
    if (!verify_branch_with(v, &a[0], &a[1], all ? val_only(val, V_TERM & ~kinds) : val)) return false;
    go_on_with(v, &a[1], val_only(val, kinds));
    return true;
}

#define VERIFY(op, letters, bits)
#define VERIFY_END(op, letters)
#define VERIFY_BY(op, function)
#define VERIFY_TYPE(op, bits, all) \
    static bool test_##op(Verifier *v, const InsnOperand *a) { return type_test(v, a, bits, all); }
#include "loader/verify.def"
#undef VERIFY
#undef VERIFY_END
#undef VERIFY_TYPE
#undef VERIFY_BY

/* What both may be. */
static Val common(Val a, Val b)
{
    Val c = val_only(a, b.bits);
    if (c.bits & V_TUPLE && (b.info & ~ARITY_MIN) >= (c.info & ~ARITY_MIN)) c.info = b.info;
    return c;
}

/* What `val` may be that is known to differ from `other`. */
static Val different(Val val, Val other)
{
    return val_is(other, V_NIL) ? val_only(val, V_TERM & ~V_NIL) : val;
}

bool verify_is_eq_exact(Verifier *v, const InsnOperand *a)
{
    Val x, y;
    if (!verify_term(v, &a[1], &x) || !verify_term(v, &a[2], &y)) return false;
    if (!verify_branch_with(v, &a[0], &a[1], different(x, y))) return false;
    go_on_with(v, &a[1], common(x, y));
    if (v->reachable) go_on_with(v, &a[2], common(y, x));
    return true;
}

bool verify_is_ne_exact(Verifier *v, const InsnOperand *a)
{
    Val x, y;
    if (!verify_term(v, &a[1], &x) || !verify_term(v, &a[2], &y)) return false;
    if (!verify_branch_with(v, &a[0], &a[1], common(x, y))) return false;
    go_on_with(v, &a[1], different(x, y));
    return true;
}

bool verify_test_arity(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_term(v, &a[1], &val) || !verify_uint(v, &a[2])) return false;
    if (!verify_guard(v, GUARD_IS_TUPLE, &a[1], 0) || !verify_test(v, &a[0])) return false;
    if (is_nothing(val_only(val, V_TUPLE))) verify_end(v);
    else go_on_with(v, &a[1], val_tuple((uint32_t)MIN(a[2].value, (uint64_t)ARITY_MIN - 1)));
    return true;
}

bool verify_is_tagged_tuple(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_term(v, &a[1], &val) || !verify_uint(v, &a[2]) || !verify_test(v, &a[0])) return false;
    if (is_nothing(val_only(val, V_TUPLE))) verify_end(v);
    else go_on_with(v, &a[1], val_tuple((uint32_t)MIN(a[2].value, (uint64_t)ARITY_MIN - 1)));
    return true;
}

bool verify_jump(Verifier *v, const InsnOperand *a)
{
    verify_end(v);
    return verify_loop(v, &a[0]) && verify_test(v, &a[0]);
}

static bool pairs_of(Verifier *v, const InsnOperand *list, size_t *n)
{
    *n = list->kind == GEN_LIST ? gen_list_size(list) : 1;
    return *n % 2 == 0 || verify_fail(v, "no list of pairs");
}

bool verify_select_val(Verifier *v, const InsnOperand *a)
{
    Val val;
    size_t n;
    if (!verify_term(v, &a[0], &val) || !pairs_of(v, &a[2], &n) || !verify_test(v, &a[1])) return false;
    for (size_t i = 0; i < n; i += 2) {
        if (a[3 + i].kind != INSN_OP_TERM) return verify_fail(v, "choice is no constant");
        if (!verify_branch_with(v, &a[4 + i], &a[0], common(val, val_literal(a[3 + i].value)))) return false;
    }
    verify_end(v);
    return true;
}

bool verify_select_tuple_arity(Verifier *v, const InsnOperand *a)
{
    Val val;
    size_t n;
    if (!verify_term(v, &a[0], &val) || !pairs_of(v, &a[2], &n) || !verify_test(v, &a[1])) return false;
    for (size_t i = 0; i < n; i += 2) {
        if (!verify_uint(v, &a[3 + i])) return false;
        if (val.bits & V_TUPLE && !verify_branch_with(v, &a[4 + i], &a[0], val_tuple((uint32_t)a[3 + i].value)))
            return false;
    }
    verify_end(v);
    return true;
}

/* ---- moves ---- */

bool verify_move(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_read(v, &a[0], &val)) return false;
    if (is_register(&a[0]) && val.id == 0) val.id = verify_name(v, &a[0]);
    return verify_write(v, &a[1], val);
}

bool verify_swap(Verifier *v, const InsnOperand *a)
{
    Val x, y;
    return verify_read(v, &a[0], &x) && verify_read(v, &a[1], &y) && verify_write(v, &a[0], y)
           && verify_write(v, &a[1], x);
}

/* ---- taking terms apart ---- */

/* Parts of a message are in the queue with it. */
static unsigned part_of(Verifier *v, const InsnOperand *a)
{
    Val val;
    return V_TERM | (verify_read(v, a, &val) ? val.bits & V_FRAGILE : 0);
}

bool verify_get_list(Verifier *v, const InsnOperand *a)
{
    if (!verify_term(v, &a[0], NULL) || !verify_guard(v, GUARD_CELL, &a[0], 0)) return false;
    unsigned part = part_of(v, &a[0]);
    return verify_new(v, &a[1], part) && verify_new(v, &a[2], part);
}

bool verify_get_cell(Verifier *v, const InsnOperand *a)
{
    return verify_term(v, &a[0], NULL) && verify_guard(v, GUARD_CELL, &a[0], 0)
           && verify_new(v, &a[1], part_of(v, &a[0]));
}

static bool has_element(Verifier *v, const InsnOperand *tuple, const InsnOperand *n)
{
    if (!is_uint(n) || n->value >= ARITY_MIN - 1) return verify_fail(v, "element");
    return verify_term(v, tuple, NULL) && verify_guard(v, GUARD_TUPLE, tuple, (uint32_t)n->value + 1);
}

bool verify_get_tuple_element(Verifier *v, const InsnOperand *a)
{
    return has_element(v, &a[0], &a[1]) && verify_new(v, &a[2], part_of(v, &a[0]));
}

/* Only a tuple that erlang:setelement/3 has made just before may be changed. */
bool verify_set_tuple_element(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_durable(v, &a[0]) || !verify_term(v, &a[1], &val)) return false;
    if (val.bits != V_TUPLE || !is_register(&a[1])) return verify_fail(v, "not a new tuple");
    if (!is_uint(&a[2]) || a[2].value >= (val.info & ~ARITY_MIN))
        return has_element(v, &a[1], &a[2]);
    return true;
}

/* ---- building: words are counted in check.h ---- */

static unsigned fragile(Verifier *v, const InsnOperand *a, size_t n)
{
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++)
        if (is_register(&a[i])) bits |= part_of(v, &a[i]);
    return bits & V_FRAGILE;
}

bool verify_put_list(Verifier *v, const InsnOperand *a)
{
    return verify_terms(v, a, 2) && verify_new(v, &a[2], V_CELL | fragile(v, a, 2));
}

bool verify_put_tuple2(Verifier *v, const InsnOperand *a)
{
    size_t n = a[1].kind == GEN_LIST ? gen_list_size(&a[1]) : 0;
    if (!verify_terms(v, a + 2, n)) return false;
    Val val = val_tuple((uint32_t)n);
    val.bits |= (uint16_t)fragile(v, a + 2, n);
    val.id = ++v->last_id;
    return verify_write(v, &a[0], val);
}

/* Hint Size Source Destination [Index Value]* */
bool verify_update_record(Verifier *v, const InsnOperand *a)
{
    size_t n;
    if (!verify_uint(v, &a[1]) || a[1].value >= ARITY_MIN || !pairs_of(v, &a[4], &n)
        || !verify_term(v, &a[2], NULL) || !verify_guard(v, GUARD_TUPLE_OF, &a[2], (uint32_t)a[1].value))
        return verify_fail(v, "operands");
    for (size_t i = 0; i < n; i += 2)
        if (!verify_durable(v, &a[6 + i])) return false;
    Val val = val_tuple((uint32_t)a[1].value);
    val.bits |= (uint16_t)fragile(v, &a[2], 1);
    val.id = ++v->last_id;
    return verify_write(v, &a[3], val);
}

/* Fail Source Destination Live [Key Value]* */
/* new_map, which it may become, reads the values after a collection: only what is live then. */
bool verify_put_map(Verifier *v, const InsnOperand *a)
{
    size_t n;
    if (!pairs_of(v, &a[4], &n) || !verify_live(v, &a[3]) || !verify_term(v, &a[1], NULL) || !verify_terms(v, a + 5, n))
        return false;
    unsigned bits = V_MAP | fragile(v, &a[1], 1) | fragile(v, a + 5, n);
    return verify_branch(v, &a[0]) && verify_new(v, &a[2], bits);
}

bool verify_has_map_fields(Verifier *v, const InsnOperand *a)
{
    size_t n = a[2].kind == GEN_LIST ? gen_list_size(&a[2]) : 0;
    return verify_term(v, &a[1], NULL) && verify_terms(v, a + 3, n) && verify_guard(v, GUARD_MAP, &a[1], 0)
           && verify_test(v, &a[0]);
}

/* Registers are written one after the other, so on failure some may hold an element. */
static bool clobber(Verifier *v, const InsnOperand *a, unsigned bits)
{
    const Val *at = a->kind == INSN_OP_X ? v->s.x : v->s.y;
    if (a->kind == INSN_OP_X && a->value >= v->s.nx) return true;
    if (a->kind == INSN_OP_Y && (int64_t)a->value >= state_slots(&v->s)) return verify_fail(v, "no such register");
    return !at[a->value].bits || verify_new(v, a, bits);
}

bool verify_get_map_elements(Verifier *v, const InsnOperand *a)
{
    size_t n;
    if (!pairs_of(v, &a[2], &n) || !verify_term(v, &a[1], NULL) || !verify_guard(v, GUARD_MAP, &a[1], 0))
        return false;
    for (size_t i = 0; i < n; i += 2)
        if (!is_register(&a[4 + i]) || !verify_term(v, &a[3 + i], NULL)) return verify_fail(v, "pair");
    unsigned part = part_of(v, &a[1]);
    if (n == 2) /* one key: written when it is there */
        return verify_test(v, &a[0]) && verify_new(v, &a[4], part);
    for (size_t i = 0; i < n; i += 2)
        if (!clobber(v, &a[4 + i], part)) return false;
    if (!verify_test(v, &a[0])) return false;
    for (size_t i = 0; i < n; i += 2)
        if (!verify_new(v, &a[4 + i], part)) return false;
    return true;
}

bool verify_fmove(Verifier *v, const InsnOperand *a)
{
    if (a[0].kind == INSN_OP_FR) return read_fr(v, &a[0]) && verify_new(v, &a[1], V_FLOAT);
    return verify_term(v, &a[0], NULL) && verify_guard(v, GUARD_FLOAT, &a[0], 0) && write_fr(v, &a[1]);
}

bool verify_fconv(Verifier *v, const InsnOperand *a)
{
    return verify_term(v, &a[0], NULL) && verify_raise(v) && write_fr(v, &a[1]);
}

bool verify_end_of_code(Verifier *v, const InsnOperand *a)
{
    (void)a;
    return verify_fail(v, "control reaches the end");
}

/* ---- the table ---- */

static VerifyFn *const functions[GEN_COUNT] = {
#define VERIFY(op, letters, bits) [GEN_##op] = verify_plain,
#define VERIFY_END(op, letters) [GEN_##op] = verify_plain,
#define VERIFY_TYPE(op, bits, all) [GEN_##op] = test_##op,
#define VERIFY_BY(op, function) [GEN_##op] = function,
#include "loader/verify.def"
};

VerifyFn *verify_find(unsigned op)
{
    return functions[op];
}
