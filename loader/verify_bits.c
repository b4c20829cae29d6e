/* SPDX-License-Identifier: Apache-2.0 */
/* verify_bits - the bit syntax. Positions and sizes are held against the binary when they are used. */
#include "loader/verify.h"

/* ---- matching ---- */

static bool any_source(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_read(v, a, &val)) return false;
    return !(val.bits & V_RAW) || verify_fail(v, "no bit string");
}

/* 3: Fail Source Live Context; 4: Fail Live Source Context, Fail may be an atom. */
bool verify_bs_start_match(Verifier *v, const InsnOperand *a)
{
    bool fourth = v->op->op == GEN_bs_start_match4;
    const InsnOperand *source = &a[fourth ? 2 : 1], *live = &a[fourth ? 1 : 2];
    bool test = a[0].kind == INSN_OP_LABEL;
    Val val;
    if (!any_source(v, source) || !verify_read(v, source, &val)) return false;
    if (!test && !verify_guard(v, GUARD_BITS, source, 0)) return false;
    if (test && !verify_branch_with(v, &a[0], source, val_only(val, V_TERM & ~V_BITS))) return false;
    if (!verify_live(v, live)) return false;
    Val context = val_new((uint16_t)(V_CONTEXT | V_SHARED | (val.bits & V_FRAGILE)));
    context.id = ++v->last_id;
    return verify_write(v, &a[3], context);
}

typedef struct Commands {
    const InsnOperand *at, *end;
} Commands;

static const InsnOperand *next(Commands *c)
{
    return c->at < c->end ? c->at++ : NULL;
}

/* Live counts in commands matter to nobody here: nothing collects. */
static bool command(Verifier *v, Commands *c, unsigned fragile)
{
    static const struct {
        term_t name;
        uint8_t operands, written; /* written: the last operand is a register */
        uint16_t type;
    } commands[] = {
        {am_ensure_at_least, 2, 0, 0}, {am_ensure_exactly, 1, 0, 0}, {am_binary, 5, 1, V_BITS},
        {am_integer, 5, 1, V_INT}, {am_skip, 1, 0, 0}, {am_get_tail, 3, 1, V_BITS}, {am_Eq, 3, 0, 0},
    };
    const InsnOperand *name = next(c);
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        if (name->kind != INSN_OP_TERM || name->value != commands[i].name) continue;
        const InsnOperand *last = NULL;
        for (unsigned k = 0; k < commands[i].operands; k++)
            if (!(last = next(c))) return verify_fail(v, "command is cut short");
        return !commands[i].written || verify_new(v, last, commands[i].type | fragile);
    }
    return verify_fail(v, "unknown command");
}

static bool takes_name(const InsnOperand *a)
{
    return a->kind == INSN_OP_TERM && term_is_atom(a->value);
}

/* A command may fail when others have written their registers. */
bool verify_bs_match(Verifier *v, const InsnOperand *a)
{
    size_t n = a[2].kind == GEN_LIST ? gen_list_size(&a[2]) : 0;
    Commands c = {a + 3, a + 3 + n};
    unsigned fragile = 0;
    if (!verify_context(v, &a[1], &fragile) || !verify_y_set(v) || !verify_test(v, &a[0])) return false;
    while (c.at < c.end)
        if (!takes_name(c.at) || !command(v, &c, fragile) || !verify_test(v, &a[0]))
            return verify_fail(v, "command");
    return true;
}

/* ---- building ---- */

/* Fail Words Live Unit Destination [Type Segment Unit Flags Source Size]* */
bool verify_bs_create_bin(Verifier *v, const InsnOperand *a)
{
    size_t n = a[5].kind == GEN_LIST ? gen_list_size(&a[5]) : 1;
    if (n % 6) return verify_fail(v, "segments");
    for (size_t i = 6; i < 6 + n; i += 6) {
        bool string = a[i].kind == INSN_OP_TERM && a[i].value == am_string;
        if (!string && !verify_term(v, &a[i + 4], NULL)) return false;
        if (!verify_term(v, &a[i + 5], NULL)) return false;
    }
    return verify_live(v, &a[2]) && verify_branch(v, &a[0]) && verify_new(v, &a[4], V_BITS);
}

/* Fail Size Words Live Flags Destination */
bool verify_bs_init(Verifier *v, const InsnOperand *a)
{
    if (!is_uint(&a[1]) && !verify_term(v, &a[1], NULL)) return false;
    if (!verify_live(v, &a[3]) || !verify_branch(v, &a[0])) return false;
    v->s.building = true;
    return verify_new(v, &a[5], V_BITS);
}

/* Fail Size Words Live Unit Binary Flags Destination */
bool verify_bs_append(Verifier *v, const InsnOperand *a)
{
    if (!verify_term(v, &a[1], NULL) || !verify_durable(v, &a[5])) return false;
    if (!verify_live(v, &a[3]) || !verify_branch(v, &a[0])) return false;
    v->s.building = true;
    return verify_new(v, &a[7], V_BITS);
}

/* Fail Size Unit Binary Flags Destination */
bool verify_bs_private_append(Verifier *v, const InsnOperand *a)
{
    if (!verify_term(v, &a[1], NULL) || !verify_durable(v, &a[3]) || !verify_branch(v, &a[0])) return false;
    v->s.building = true;
    return verify_new(v, &a[5], V_BITS);
}

static bool building(Verifier *v)
{
    return v->s.building || verify_fail(v, "no binary is being built");
}

/* Fail Size Unit Flags Source; or Fail Flags Source */
bool verify_bs_put(Verifier *v, const InsnOperand *a)
{
    bool sized = v->op->argc == 5;
    return building(v) && (!sized || verify_term(v, &a[1], NULL)) && verify_term(v, &a[sized ? 4 : 2], NULL)
           && verify_branch(v, &a[0]);
}

bool verify_bs_put_string(Verifier *v, const InsnOperand *a)
{
    return building(v) && verify_uint(v, &a[0]);
}

bool verify_bs_init_writable(Verifier *v, const InsnOperand *a)
{
    static const InsnOperand x0 = {INSN_OP_X, 0};
    (void)a;
    if (!verify_durable(v, &x0) || !verify_y_set(v)) return false;
    v->s.nx = 0;
    return verify_new(v, &x0, V_BITS);
}
