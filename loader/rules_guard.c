/* SPDX-License-Identifier: Apache-2.0 */
/* rules_guard - guard natives (bif0 .. gc_bif3): inline where the interpreter has an instruction for them, else
 * called through their table entry. Layer: loader. */
#include "loader/load_priv.h"

/* Natives without inline form that take no heap words: the compiler builds terms behind them in words that it
 * has reserved before. */
static bool takes_no_heap(const BifEntry *native)
{
    switch (native->function) {
    case am_xor: case am_Eq: case am_Neq: case am_Eqeq: case am_Neqeq: case am_Lt: case am_Le: case am_Gt: case am_Ge:
    case am_get: case am_node: case am_is_atom: case am_is_binary: case am_is_bitstring:
    case am_is_boolean: case am_is_float: case am_is_function: case am_is_integer: case am_is_list:
    case am_is_map: case am_is_number: case am_is_pid: case am_is_port: case am_is_reference: case am_is_tuple:
    case am_element: case am_hd: case am_tl: case am_tuple_size: case am_map_get: case am_is_map_key:
    case am_self: case am_not: case am_and: case am_or: return true;
    default: return false;
    }
}

static bool is_wide_small(const InsnOperand *a)
{
    return a->kind == INSN_OP_TERM && term_is_small(a->value) && (term_t)(int64_t)(int32_t)a->value != a->value;
}

/* What stack traces say of a failed sum: adding a small constant to a register names no native, of two constants
 * it does. ops: Fail A (B) Dst; +Constant becomes Constant+0. */
static int sum_family(int family, InsnOperand *ops, unsigned *n)
{
    const InsnOperand *a = &ops[1], *b = &ops[2];
    if (family == INSN_unary_plus && !is_register(a)) {
        ops[3] = ops[2];
        ops[2] = (InsnOperand){INSN_OP_TERM, term_small(0)};
        *n = 4;
        return INSN_add_constants;
    }
    if (family == INSN_add && !is_register(a) && !is_register(b)) return INSN_add_constants;
    if (family == INSN_sub && !is_register(a) && !is_register(b)) return INSN_sub_constants;
    if (family == INSN_add && (is_wide_small(a) || is_wide_small(b))) return INSN_add_wide;
    if (family == INSN_sub && is_wide_small(b) && small_value(b->value) >= 0) return INSN_sub_wide;
    return family;
}

/* ops: (Fail,) Native, Arg1 .. ArgN, Dst with the import's index in the place of Native. */
static bool emit_guard(Load *l, int family, unsigned index_at, unsigned argc, InsnOperand *ops, unsigned n)
{
    const InsnOperand *index = &ops[index_at];
    if (!is_uint(index) || index->value >= l->f.import_count || l->f.imports[index->value].arity != argc)
        return load_fail(l, "bad import");
    const BeamImport *import = &l->f.imports[index->value];
    if (import->module == am_erlang && (argc > 0 || import->function == am_self)) {
        int inlined = argc == 0 ? INSN_bif_self : insn_guard_family(import->function, argc);
        InsnOperand shorter[8];
        unsigned k = 0;
        if (argc > 0)
            shorter[k++] = ops[0];
        for (unsigned i = index_at + 1; i < n; i++)
            shorter[k++] = ops[i];
        if (argc > 0)
            inlined = sum_family(inlined, shorter, &k);
        if (inlined >= 0 && emit_try(l, inlined, shorter, k))
            return true;
        if (l->f.error[0])
            return false;
    }
    const BifEntry *native = native_guard(l, import);
    if (!native)
        return load_fail(l, "no native for guards");
    if (!takes_no_heap(native))
        l->heap = 0;
    ops[index_at] = UINT((uintptr_t)native);
    return emit(l, family, ops, n);
}

/* Fail Live Native List Destination: the one guard native that yields, outside of guards. */
static bool emit_length(Load *l, const InsnOperand *a)
{
    return emit(l, INSN_bif_length_in_slices, (const InsnOperand[]){a[1], a[3], a[4]}, 3);
}

static bool is_length(const Load *l, const InsnOperand *index)
{
    if (!is_uint(index) || index->value >= l->f.import_count) return false;
    const BeamImport *i = &l->f.imports[index->value];
    return i->module == am_erlang && i->function == am_length && i->arity == 1;
}

bool rule_bif(Load *l, const GenOp *op, const InsnOperand *a)
{
    InsnOperand ops[8];
    bool gc = op->op == GEN_gc_bif1 || op->op == GEN_gc_bif2 || op->op == GEN_gc_bif3;
    unsigned index_at = op->op == GEN_bif0 ? 0 : gc ? 2 : 1;
    memcpy(ops, a, op->argc * sizeof *a);
    if (!gc)
        return emit_guard(l, rule_family(l, op->op), index_at, op->argc - index_at - 2u, ops, op->argc);
    l->heap = 0;
    if (op->op == GEN_gc_bif1 && is_length(l, &a[2]) && is_uint(&a[1]) && a[0].value == 0)
        return emit_length(l, a);
    /* Live is not needed: natives never collect. */
    static const uint16_t families[] = {0, INSN_bif1, INSN_bif2, INSN_bif3};
    unsigned argc = op->argc - 4u;
    memmove(ops + 1, ops + 2, (op->argc - 2u) * sizeof *a);
    return emit_guard(l, families[argc], 1, argc, ops, op->argc - 1u);
}
