/* SPDX-License-Identifier: Apache-2.0 */
/* rules_bits - rules for the bit syntax.
 * The old construction (bs_init2, bs_append, then bs_put_*) promises heap words for the code behind it. The
 * binary under construction must not move, so these words are owed until the last bs_put_* is
 * through, and then reserved by a test_heap of our own. */
#include "loader/load_priv.h"

#include "data/bitmatch.h"

/* The registers below `live` and dst hold terms; those between them are made terms. */
static bool live_with_dst(Load *l, uint64_t live, const InsnOperand *dst, unsigned *with_dst)
{
    if (!check_live(l, live))
        return false;
    *with_dst = (unsigned)live;
    if (dst->kind != INSN_OP_X || dst->value < live)
        return true;
    for (uint64_t x = live; x < dst->value; x++) {
        InsnOperand ops[] = {{INSN_OP_TERM, TERM_NIL}, {INSN_OP_X, x}};
        if (!emit(l, INSN_move, ops, 2))
            return false;
    }
    *with_dst = (unsigned)dst->value + 1;
    return true;
}

static bool owe(Load *l, const InsnOperand *words, const InsnOperand *live, const InsnOperand *dst)
{
    if (!is_uint(words) || !is_uint(live) || words->value > 1 << 26)
        return load_fail(l, "operands");
    if (words->value == 0)
        return true;
    l->owed_words = words->value;
    return live_with_dst(l, live->value, dst, &l->owed_live);
}

bool rule_pay_owed(Load *l)
{
    InsnOperand ops[] = {UINT(l->owed_words), UINT(l->owed_live)};
    l->heap = l->owed_words;
    l->owed_words = 0;
    return emit(l, INSN_test_heap, ops, 2);
}

/* Fail Size Words Live Flags Dst */
bool rule_bs_init(Load *l, const GenOp *op, const InsnOperand *a)
{
    int family = op->op == GEN_bs_init2 ? INSN_bs_init2 : INSN_bs_init_bits;
    InsnOperand size = a[1];
    if (is_uint(&size)) {
        if (size.value > UINT32_MAX)
            return load_fail(l, "size");
        size = (InsnOperand){INSN_OP_TERM, term_small((int64_t)size.value)};
    }
    InsnOperand ops[] = {a[0], size, a[2], a[3], a[4], a[5]};
    return emit(l, family, ops, 6) && owe(l, &a[2], &a[3], &a[5]);
}

static bool unit_ok(Load *l, const InsnOperand *unit)
{
    return (is_uint(unit) && unit->value >= 1 && unit->value <= 256) || load_fail(l, "unit");
}

/* Fail Size Extra Live Unit Bin Flags Dst */
bool rule_bs_append(Load *l, const GenOp *op, const InsnOperand *a)
{
    return unit_ok(l, &a[4]) && rule_plain(l, op, a) && owe(l, &a[2], &a[3], &a[7]);
}

/* Fail Size Unit Bin Flags Dst */
bool rule_bs_private_append(Load *l, const GenOp *op, const InsnOperand *a)
{
    return unit_ok(l, &a[2]) && rule_plain(l, op, a);
}

bool rule_bs_unit(Load *l, const GenOp *op, const InsnOperand *a)
{
    return unit_ok(l, &a[2]) && rule_plain(l, op, a);
}

/* Fail Ctx Live Size Unit Flags Dst */
bool rule_bs_get(Load *l, const GenOp *op, const InsnOperand *a)
{
    return unit_ok(l, &a[4]) && rule_plain(l, op, a);
}

#define FLAGGED_MAX_BITS 56 /* with the bits in front of it in its first byte, a field has at most 63 */

/* Signed or little-endian, of a constant size: an instruction of its own. */
bool rule_bs_get_integer(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!unit_ok(l, &a[4])) return false;
    if (a[3].kind != INSN_OP_TERM || !term_is_small((term_t)a[3].value) || !is_uint(&a[5]))
        return rule_plain(l, op, a);
    int64_t size = small_value((term_t)a[3].value);
    uint64_t bits = (uint64_t)size * a[4].value, flags = a[5].value;
    bool little = bits_is_little((unsigned)flags);
    bool fits = size > 0 && size <= FLAGGED_MAX_BITS && bits <= FLAGGED_MAX_BITS;
    if (!fits || (little && bits % 8) || !(little || flags & BITS_SIGNED)) return rule_plain(l, op, a);
    uint64_t turn = little ? -bits & 63 : 64, above = flags & BITS_SIGNED ? 64 - bits : 0;
    InsnOperand ops[] = {a[0], a[1], UINT(bits), UINT(turn), UINT(above), a[6]};
    return emit_try(l, INSN_bs_get_integer_flags, ops, 6) || rule_plain(l, op, a);
}

/* Fail Ctx Size Unit Flags */
bool rule_bs_skip_bits2(Load *l, const GenOp *op, const InsnOperand *a)
{
    return unit_ok(l, &a[3]) && rule_plain(l, op, a);
}

/* Fail Size Unit Flags Src; the utf forms have no size. */
bool rule_bs_put(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (op->argc == 5 && !unit_ok(l, &a[2]))
        return false;
    return rule_plain(l, op, a);
}

/* Fail Live Src Dst */
bool rule_bs_start_match4(Load *l, const GenOp *op, const InsnOperand *a)
{
    InsnOperand ops[] = {a[0], a[1], a[2], a[3]};
    if (a[0].kind == INSN_OP_TERM && (a[0].value == am_no_fail || a[0].value == am_resume))
        ops[0] = (InsnOperand){INSN_OP_LABEL, 0};
    return emit(l, INSN_bs_start_match4, ops, 4);
}

/* The address of `bytes` bytes at `offset` of the string table. */
static bool string_at(Load *l, const InsnOperand *offset, uint64_t bytes, InsnOperand *address)
{
    const CodeInstance *c = l->inst;
    if (!is_uint(offset) || bytes > c->string_bytes || offset->value > c->string_bytes - bytes)
        return load_fail(l, "string outside its table");
    *address = UINT((uintptr_t)(c->strings + offset->value));
    return true;
}

/* Fail Ctx Bits Offset */
bool rule_bs_match_string(Load *l, const GenOp *op, const InsnOperand *a)
{
    InsnOperand ops[] = {a[0], a[1], a[2], a[3]};
    if (!is_uint(&a[2]) || !string_at(l, &a[3], (a[2].value + 7) / 8, &ops[3]))
        return load_fail(l, "operands");
    return emit(l, INSN_bs_match_string, ops, 4);
}

/* Bytes Offset */
bool rule_bs_put_string(Load *l, const GenOp *op, const InsnOperand *a)
{
    InsnOperand ops[] = {a[0], a[1]};
    if (!is_uint(&a[0]) || !string_at(l, &a[1], a[0].value, &ops[1]))
        return load_fail(l, "operands");
    return emit(l, INSN_bs_put_string, ops, 2);
}

/* ---- flags: a number, or (inside lists) a literal list of atoms ---- */

static bool flags_of(Load *l, InsnOperand *op)
{
    static const struct {
        term_t atom;
        unsigned bit;
    } names[] = {
        {am_aligned, 1}, {am_little, 2}, {am_signed, 4}, {am_native, 16}, {am_big, 0}, {am_unsigned, 0},
    };
    if (is_uint(op))
        return true;
    if (op->kind != INSN_OP_TERM)
        return load_fail(l, "flags");
    unsigned bits = 0;
    term_t t = op->value;
    for (; term_is_list_cell(t); t = list_tail(t))
        for (unsigned i = 0; i < ARRAY_LEN(names); i++)
            if (names[i].atom == list_head(t))
                bits |= names[i].bit;
    *op = UINT(bits);
    return t == TERM_NIL || load_fail(l, "flags");
}

static bool plain_number(Load *l, InsnOperand *op)
{
    if (op->kind == INSN_OP_TERM && term_is_small(op->value) && small_value(op->value) >= 0)
        *op = UINT(small_value(op->value));
    return is_uint(op) || load_fail(l, "no number");
}

/* ---- bs_create_bin: Fail Alloc Live Unit Dst [Type Segment Unit Flags Source Size]* ---- */

static bool is_segment_type(term_t type)
{
    switch (type) {
    case am_integer: case am_float: case am_binary: case am_utf8: case am_utf16: case am_utf32: case am_append:
    case am_private_append: return true;
    default: return false;
    }
}

static bool is_append(term_t type)
{
    return type == am_append || type == am_private_append;
}

/* Bits of the usual segment, an integer of a constant size that a word can hold; 0: it is another one. */
static uint64_t plain_bits(const InsnOperand *s)
{
    if (s[0].value != am_integer || s[5].kind != INSN_OP_TERM || !term_is_small(s[5].value)) return 0;
    uint64_t n = (uint64_t)small_value(s[5].value);
    bool fits = n <= 64 && s[2].value <= 64 && n * s[2].value <= 64;
    return fits && !bits_is_little((unsigned)s[3].value) ? n * s[2].value : 0;
}

/* A short string is the integer that its bytes are: that is written together with its neighbours. */
static bool string_segment(Load *l, InsnOperand *s)
{
    if (s[5].kind != INSN_OP_TERM || !term_is_small(s[5].value) || small_value(s[5].value) < 0)
        return load_fail(l, "string size");
    if (s[2].value != 8)
        return load_fail(l, "string unit");
    uint64_t n = (uint64_t)small_value(s[5].value), v = 0;
    if (!string_at(l, &s[4], n, &s[4]))
        return false;
    if (n == 0 || n > SMALL_BITS / 8)
        return true;
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)s[4].value;
    for (uint64_t i = 0; i < n; i++) v = v << 8 | bytes[i];
    s[0].value = am_integer;
    s[3] = UINT(0);
    s[4] = (InsnOperand){INSN_OP_TERM, term_small((int64_t)v)};
    return true;
}

static bool create_bin_segment(Load *l, InsnOperand *s)
{
    if (s[0].kind != INSN_OP_TERM || !term_is_atom(s[0].value))
        return load_fail(l, "segment type");
    if (!plain_number(l, &s[1]))
        return false;
    if (s[2].kind == INSN_OP_TERM && s[2].value == TERM_NIL)
        s[2] = UINT(0);
    if (!plain_number(l, &s[2]) || s[2].value > 256 || !flags_of(l, &s[3]))
        return load_fail(l, "segment unit");
    if (s[0].value == am_string && !string_segment(l, s))
        return false;
    if (s[0].value != am_string && !(is_segment_type(s[0].value) && is_source(&s[4]) && is_source(&s[5])))
        return load_fail(l, "segment source");
    s[1] = UINT((s[1].value & UINT32_MAX) | plain_bits(s) << 32);
    return true;
}

bool rule_bs_create_bin(Load *l, const GenOp *op, const InsnOperand *a)
{
    size_t n = a[5].kind == GEN_LIST ? gen_list_size(&a[5]) : 1;
    if (n % 6 || !is_uint(&a[1]) || !is_uint(&a[2]))
        return load_fail(l, "operands");
    InsnOperand *ops = emit_scratch(l, n + 5);
    memcpy(ops, a, 5 * sizeof *a);
    memcpy(ops + 5, a + 6, n * sizeof *a);
    for (size_t i = 0; i < n; i += 6) {
        if (!create_bin_segment(l, ops + 5 + i))
            return false;
        if (i > 0 && is_append(ops[5 + i].value))
            return load_fail(l, "append behind others");
    }
    return emit(l, INSN_bs_create_bin, ops, (unsigned)n + 5) && owe(l, &a[1], &a[2], &a[4]);
}

/* ---- bs_match: Fail Ctx [Command ...]* ---- */

/* Operands of each command: u number, f flags, r register, v value. */
static const struct {
    term_t name;
    const char *operands;
} commands[] = {
    {am_ensure_at_least, "uu"}, {am_ensure_exactly, "u"}, {am_binary, "ufuur"},
    {am_integer, "ufuur"}, {am_skip, "u"}, {am_get_tail, "uur"}, {am_Eq, "uuv"},
};

static bool command_operand(Load *l, char kind, InsnOperand *op)
{
    switch (kind) {
    case 'f': return flags_of(l, op);
    case 'r': return is_register(op) || load_fail(l, "no register");
    default:
        /* Live counts and the like may be absent: nil. */
        if (op->kind == INSN_OP_TERM && op->value == TERM_NIL)
            *op = UINT(0);
        return plain_number(l, op);
    }
}

bool rule_bs_match(Load *l, const GenOp *op, const InsnOperand *a)
{
    size_t n = a[2].kind == GEN_LIST ? gen_list_size(&a[2]) : 0;
    InsnOperand *ops = emit_scratch(l, n + 2);
    memcpy(ops, a, 2 * sizeof *a);
    memcpy(ops + 2, a + 3, n * sizeof *a);
    for (size_t i = 2; i < n + 2;) {
        unsigned c = 0;
        while (c < ARRAY_LEN(commands)
               && !(ops[i].kind == INSN_OP_TERM && commands[c].name == ops[i].value))
            c++;
        if (c == ARRAY_LEN(commands))
            return load_fail(l, "unknown command");
        const char *kinds = commands[c].operands;
        for (i++; *kinds; kinds++, i++)
            if (i >= n + 2 || !command_operand(l, *kinds, &ops[i]))
                return load_fail(l, "command operands");
    }
    return emit(l, INSN_bs_match, ops, (unsigned)n + 2);
}
