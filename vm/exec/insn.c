/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/insn.h"
#include "exec/exec.h"
#include "exec/jit/jit.h"
#include "sched/sched.h"
#include "term/atom.h"
#include "insn_variants.gen.h"

#include <stdarg.h>
#include <stdio.h>

static_assert(INSN_STACK_RESERVE == HEAP_STACK_RESERVE, "one reserve");

int insn_family(const char *name)
{
    for (int i = 0; i < INSN_FAMILIES; i++)
        if (strcmp(insn_families[i].name, name) == 0) return i;
    return -1;
}

const char *insn_family_name(int family)
{
    return family >= 0 && family < INSN_FAMILIES ? insn_families[family].name : "?";
}

const InsnVariant *insn_variant(unsigned number)
{
    return number < ARRAY_LEN(insn_variants) ? &insn_variants[number] : NULL;
}

unsigned insn_variant_count(void) { return ARRAY_LEN(insn_variants); }

static const struct {
    term_t function;
    uint8_t arity, family_known;
    uint16_t family;
} guard_families[] = {
#define INLINE(function, arity, family) {function, arity, 1, INSN_##family}
    INLINE(am_Plus, 1, unary_plus), INLINE(am_Plus, 2, add), INLINE(am_Minus, 2, sub), INLINE(am_Times, 2, mul),
    INLINE(am_div, 2, intdiv), INLINE(am_rem, 2, rem), INLINE(am_band, 2, band),
    INLINE(am_bor, 2, bor), INLINE(am_bxor, 2, bxor), INLINE(am_bsl, 2, bsl),
    INLINE(am_bsr, 2, bsr), INLINE(am_bnot, 1, bnot), INLINE(am_Minus, 1, negate),
    INLINE(am_element, 2, bif_element), INLINE(am_hd, 1, bif_hd), INLINE(am_tl, 1, bif_tl),
    INLINE(am_tuple_size, 1, bif_tuple_size), INLINE(am_map_size, 1, bif_map_size),
    INLINE(am_map_get, 2, bif_map_get), INLINE(am_is_map_key, 2, bif_is_map_key),
    INLINE(am_length, 1, bif_length), INLINE(am_not, 1, bif_not), INLINE(am_and, 2, bif_and),
    INLINE(am_or, 2, bif_or), INLINE(am_Eq, 2, bif_eq_exact),
    INLINE(am_Neq, 2, bif_ne_exact), INLINE(am_Eqeq, 2, bif_eq), INLINE(am_Neqeq, 2, bif_ne),
    INLINE(am_Lt, 2, bif_lt), INLINE(am_Le, 2, bif_le), INLINE(am_Gt, 2, bif_gt),
    INLINE(am_Ge, 2, bif_ge),
#undef INLINE
};

int insn_guard_family(term_t function, unsigned arity)
{
    for (size_t i = 0; i < ARRAY_LEN(guard_families); i++)
        if (guard_families[i].function == function && guard_families[i].arity == arity)
            return guard_families[i].family;
    return -1;
}

/* ---- selection ---- */

static bool fits_imm32(term_t t)
{
    return term_is_immed(t) && (int64_t)t == (int32_t)(int64_t)t;
}

static bool kind_takes(char kind, const InsnOperand *op)
{
    uint64_t v = op->value;
    switch (kind) {
    case 'x': return op->kind == INSN_OP_X && v < SCHED_X_REGS;
    case 'y': return op->kind == INSN_OP_Y && v < 0x8000;
    case 'l': return op->kind == INSN_OP_FR && v < SCHED_FR_REGS;
    case 'D': return (op->kind == INSN_OP_X && v < SCHED_X_REGS) || (op->kind == INSN_OP_Y && v < 0x8000);
    case 't': return op->kind == INSN_OP_UINT && v <= UINT16_MAX;
    case 'u': return op->kind == INSN_OP_UINT && v <= UINT32_MAX;
    case 'w': return op->kind == INSN_OP_UINT;
    case 'n': return op->kind == INSN_OP_TERM && term_is_small(v) && fits_imm32(v);
    case 'i': return op->kind == INSN_OP_TERM && fits_imm32(v);
    case 'q': return op->kind == INSN_OP_TERM;
    case 'S': return op->kind == INSN_OP_TERM || kind_takes('D', op);
    case 'f': return op->kind == INSN_OP_LABEL;
    case '-': return true;
    default: return false;
    }
}

static bool variant_takes(const InsnVariant *v, const InsnOperand *ops, unsigned n)
{
    if (v->trailing ? n < v->nfixed : n != v->nfixed) return false;
    for (unsigned i = 0; i < v->nfixed; i++)
        if (!kind_takes(v->field[i].kind, &ops[i])) return false;
    for (unsigned i = v->nfixed; i < n; i++) {
        if (ops[i].kind == INSN_OP_X && ops[i].value >= SCHED_X_REGS) return false;
        if (ops[i].kind == INSN_OP_FR) return false;
    }
    return true;
}

const InsnVariant *insn_select(int family, const InsnOperand *ops, unsigned n)
{
    if (family < 0 || family >= INSN_FAMILIES) return NULL;
    const InsnVariant *v = &insn_variants[insn_families[family].first];
    for (unsigned i = 0; i < insn_families[family].count; i++)
        if (variant_takes(&v[i], ops, n)) return &v[i];
    return NULL;
}

/* ---- encoding ---- */

static uint64_t field_value(char kind, const InsnOperand *op)
{
    switch (kind) {
    case 'D': return op->value << 1 | (op->kind == INSN_OP_Y);
    case 'S':
        if (op->kind == INSN_OP_X) return SRC_X(op->value);
        return op->kind == INSN_OP_Y ? SRC_Y(op->value) : op->value;
    case 'f': return 0;
    default: return op->value;
    }
}

static void put_field(code_t *out, unsigned at, unsigned bytes, uint64_t value)
{
    memcpy((char *)out + at, &value, bytes); /* little endian: the low bytes */
}

static uint64_t get_field(const code_t *pc, unsigned at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)pc + at, bytes);
    return value;
}

unsigned insn_encode(const InsnVariant *v, const InsnOperand *ops, unsigned n, code_t *out,
                     InsnFix *fixes)
{
    unsigned nfixes = 0;
    memset(out, 0, v->words * sizeof *out);
    put_field(out, 0, 4, (uint32_t)insn_handler_code(v->number));
    if (v->trailing) put_field(out, v->count_at, 4, n - v->nfixed);
    for (unsigned i = 0; i < n; i++) {
        bool fixed = i < v->nfixed;
        char kind = fixed ? v->field[i].kind : ops[i].kind == INSN_OP_LABEL ? 'f' : 'S';
        unsigned bytes = fixed ? v->field[i].bytes : 8;
        unsigned at = fixed ? v->field[i].at : (v->words + i - v->nfixed) * 8u;
        if (bytes == 0) continue;
        if (!fixed && ops[i].kind == INSN_OP_UINT) kind = 'w';
        put_field(out, at, bytes, field_value(kind, &ops[i]));
        if (kind == 'f' && ops[i].value != 0)
            fixes[nfixes++] = (InsnFix){(uint32_t)ops[i].value, (uint16_t)bytes, at};
    }
    return nfixes;
}

void insn_fix(code_t *insn, const InsnFix *fix, int64_t words)
{
    put_field(insn, fix->at, fix->bytes, (uint64_t)words);
}

unsigned insn_emit(code_t *out, int family, const InsnOperand *ops, unsigned n)
{
    InsnFix none[INSN_MAX_FIXED];
    const InsnVariant *v = insn_select(family, ops, n);
    CHECK(v != NULL);
    unsigned nfixes = insn_encode(v, ops, n, out, none);
    ASSERT(nfixes == 0);
    (void)nfixes;
    return insn_words(v, n);
}

/* ---- decoding ---- */

const InsnVariant *insn_decode(const code_t *pc)
{
    int32_t handler = jit_original((int32_t)get_field(pc, 0, 4));
    for (unsigned i = 0; i < ARRAY_LEN(insn_variants); i++)
        if (insn_handler_code(i) == handler) return &insn_variants[i];
    return NULL;
}

const code_t *insn_shown_at(const code_t *pc)
{
    const InsnVariant *v = insn_decode(pc);
    if (!v || (v->family != INSN_wait && v->family != INSN_wait_timeout)) return pc;
    return pc + (int32_t)get_field(pc, v->field[0].at, v->field[0].bytes);
}

unsigned insn_length(const code_t *pc)
{
    const InsnVariant *v = insn_decode(pc);
    CHECK(v != NULL);
    return v->words + (v->trailing ? (unsigned)get_field(pc, v->count_at, 4) : 0);
}

typedef struct Line {
    char *text;
    size_t room, len;
} Line;

PRINTF_LIKE(2, 3)
static void line_add(Line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (l->len < l->room) {
        int n = vsnprintf(l->text + l->len, l->room - l->len, fmt, ap);
        l->len += n > 0 ? (size_t)n : 0;
    }
    va_end(ap);
}

/* Trailing words may be addresses, which can look like any term. */
static void line_term(Line *l, term_t t)
{
    if (term_is_small(t)) line_add(l, "%lld", (long long)small_value(t));
    else if (term_is_nil(t)) line_add(l, "[]");
    else if (term_is_atom(t) && atom_index(t) < atom_count())
        line_add(l, "'%.*s'", atom_text(t)->bytes, atom_text(t)->text);
    else line_add(l, "#%llx", (unsigned long long)t);
}

static void line_source(Line *l, uint64_t w)
{
    if (src_is_register(w)) line_add(l, "%c%u", src_is_y(w) ? 'y' : 'x', src_index(w));
    else line_term(l, w);
}

static void line_operand(Line *l, char kind, uint64_t v, const code_t *pc, const code_t *base)
{
    switch (kind) {
    case 'x': case 'y': line_add(l, "%c%u", kind, (unsigned)v); return;
    case 'l': line_add(l, "fr%u", (unsigned)v); return;
    case 'D': line_add(l, "%c%u", v & 1 ? 'y' : 'x', (unsigned)v >> 1); return;
    case 'i': case 'n': line_term(l, (term_t)(int64_t)(int32_t)v); return;
    case 'q': line_term(l, v); return;
    case 'S': line_source(l, v); return;
    case 'f':
        if ((int32_t)v == 0) line_add(l, "-");
        else if (base) line_add(l, "@%td", pc + (int32_t)v - base);
        else line_add(l, "%+d", (int32_t)v);
        return;
    default: line_add(l, "%llu", (unsigned long long)v); return;
    }
}

unsigned insn_disassemble(const code_t *pc, const code_t *base, char *text, size_t room)
{
    Line l = {.text = text, .room = room};
    const InsnVariant *v = insn_decode(pc);
    if (!v) {
        line_add(&l, "data 0x%llx", (unsigned long long)*pc);
        return 1;
    }
    line_add(&l, "%s", v->name);
    const char *separator = "  ";
    for (unsigned i = 0; i < v->nfixed; i++) {
        if (!v->field[i].bytes) continue;
        line_add(&l, "%s", separator);
        line_operand(&l, v->field[i].kind, get_field(pc, v->field[i].at, v->field[i].bytes), pc, base);
        separator = ", ";
    }
    unsigned count = v->trailing ? (unsigned)get_field(pc, v->count_at, 4) : 0;
    for (unsigned i = 0; i < count; i++) {
        line_add(&l, "%s", i ? " " : " | ");
        line_source(&l, pc[v->words + i]);
    }
    return v->words + count;
}
