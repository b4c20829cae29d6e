/* SPDX-License-Identifier: Apache-2.0 */
/* decode - see decode.h. */
#include "loader/decode.h"

#include "base/alloc.h"

/* Room that the arrays begin with, a little less than a huge page: large.h asks for one and keeps it for the next
 * load, so that the loads of the boot fault twice instead of once for each page (vm/doc/loader.md). */
#ifdef JOIST_ASAN
#define SCRATCH_BYTES ((size_t)512) /* the end of what is used is the end of the block */
#else
#define SCRATCH_BYTES (((size_t)2 << 20) - 4096)
#endif

typedef struct GenInfo {
    const char *name;
    uint8_t arity;
} GenInfo;

static const GenInfo gen_info[GEN_COUNT] = {
#define GENOP(number, name, arity) [number] = {#name, arity},
#include "loader/genop.def"
#undef GENOP
};

const char *gen_name(unsigned op)
{
    return op < GEN_COUNT && gen_info[op].name ? gen_info[op].name : "?";
}

int gen_arity(unsigned op)
{
    return op < GEN_COUNT && gen_info[op].name ? gen_info[op].arity : -1;
}

/* ---- growing arrays ---- */

static InsnOperand *push_args(GenCode *c, size_t n)
{
    if (c->arg_count + n > c->arg_room) {
        size_t room = MAX(c->arg_room * 2, c->arg_count + n + SCRATCH_BYTES / sizeof *c->args);
        c->args = mem_realloc(MEM_LOADER, c->args, c->arg_room * sizeof *c->args, room * sizeof *c->args);
        c->arg_room = room;
    }
    InsnOperand *a = c->args + c->arg_count;
    c->arg_count += n;
    return a;
}

static GenOp *push_op(GenCode *c)
{
    if (c->count == c->room) {
        size_t room = MAX(c->room * 2, 1 + SCRATCH_BYTES / sizeof *c->ops);
        c->ops = mem_realloc(MEM_LOADER, c->ops, c->room * sizeof *c->ops, room * sizeof *c->ops);
        c->room = room;
    }
    return &c->ops[c->count++];
}

size_t decode_add_literal(GenCode *c, term_t t)
{
    if (c->literal_count == c->literal_room) {
        size_t room = MAX(c->literal_room * 2, (size_t)32);
        c->literals = mem_realloc(MEM_LOADER, c->literals, c->literal_room * sizeof(term_t),
                                  room * sizeof(term_t));
        c->literal_room = room;
    }
    c->literals[c->literal_count] = t;
    return c->literal_count++;
}

void decode_free(GenCode *c)
{
    heap_dispose(&c->heap);
    mem_free(MEM_LOADER, c->ops, c->room * sizeof *c->ops);
    mem_free(MEM_LOADER, c->args, c->arg_room * sizeof *c->args);
    mem_free(MEM_LOADER, c->literals, c->literal_room * sizeof(term_t));
    *c = (GenCode){0};
}

/* ---- integers ---- */

/* Two's complement, most significant byte first, n >= 1. */
static term_t big_from_bytes(Heap *h, const uint8_t *p, size_t n)
{
    bool negative = p[0] & 0x80;
    size_t limbs = bytes_to_words(n);
    term_t *hp = heap_alloc(h, 1 + limbs);
    uint64_t carry = negative;
    for (size_t i = 0; i < limbs; i++) {
        uint64_t limb = 0;
        for (size_t b = 8; b-- > 0;) {
            size_t from_end = i * 8 + b;
            uint8_t byte = from_end < n ? p[n - 1 - from_end] : negative ? 0xFF : 0;
            limb = limb << 8 | byte;
        }
        if (negative) {
            limb = ~limb + carry;
            carry = carry && limb == 0;
        }
        hp[1 + i] = limb;
    }
    while (limbs > 0 && hp[limbs] == 0)
        limbs--;
    if (limbs == 0 || (limbs == 1 && hp[1] <= (uint64_t)SMALL_MAX))
        return term_small(limbs == 0 ? 0 : negative ? -(int64_t)hp[1] : (int64_t)hp[1]);
    if (limbs == 1 && negative && hp[1] == (uint64_t)SMALL_MAX + 1)
        return term_small(SMALL_MIN);
    hp[0] = HEADER(limbs, negative ? BOXED_NEG_BIG : BOXED_POS_BIG);
    return term_make_boxed(hp);
}

static InsnOperand integer_operand(GenCode *c, const Compact *v)
{
    if (v->big_bytes == 0 && int_fits_small((int64_t)v->value))
        return (InsnOperand){INSN_OP_TERM, term_small((int64_t)v->value)};
    term_t t = v->big_bytes ? big_from_bytes(&c->heap, v->big_at, v->big_bytes)
                            : heap_int(&c->heap, (int64_t)v->value);
    if (term_is_small(t))
        return (InsnOperand){INSN_OP_TERM, t};
    return (InsnOperand){GEN_LITERAL, decode_add_literal(c, t)};
}

/* ---- operands ---- */

static bool read_unsigned(Reader *r, uint64_t *out)
{
    Compact c;
    if (!reader_compact(r, &c) || c.tag != COMPACT_U)
        return false;
    *out = c.value;
    return true;
}

/* {alloc,[{words,N},{floats,N},{funs,N}]} -> heap words. */
static bool read_alloc(Reader *r, InsnOperand *out)
{
    static const unsigned words_of[] = {1, FLOAT_WORDS, FUN_WORDS(0)};
    uint64_t n, words = 0, kind, count;
    if (!read_unsigned(r, &n) || n > 16)
        return false;
    for (; n > 0; n--) {
        if (!read_unsigned(r, &kind) || !read_unsigned(r, &count) || kind > 2 || count > UINT32_MAX)
            return false;
        words += words_of[kind] * count;
    }
    *out = (InsnOperand){INSN_OP_UINT, words};
    return words <= UINT32_MAX;
}

static bool register_operand(const Compact *c, InsnOperand *out)
{
    *out = (InsnOperand){c->tag == COMPACT_X ? INSN_OP_X : INSN_OP_Y, c->value};
    return c->value < GEN_X_REGS;
}

static bool read_typed(Reader *r, InsnOperand *out)
{
    Compact reg;
    uint64_t type;
    if (!reader_compact(r, &reg) || (reg.tag != COMPACT_X && reg.tag != COMPACT_Y))
        return false;
    return register_operand(&reg, out) && read_unsigned(r, &type);
}

static bool read_extended(Reader *r, GenCode *c, uint64_t what, InsnOperand *out)
{
    uint64_t n;
    switch (what) {
    case EXT_LIST:
        if (!read_unsigned(r, &n) || n > reader_left(r))
            return false;
        *out = (InsnOperand){GEN_LIST, n};
        return true;
    case EXT_FR:
        if (!read_unsigned(r, &n) || n >= GEN_FR_REGS)
            return false;
        *out = (InsnOperand){INSN_OP_FR, n};
        return true;
    case EXT_ALLOC: return read_alloc(r, out);
    case EXT_LITERAL:
        if (!read_unsigned(r, &n) || n >= c->literal_count)
            return false;
        *out = (InsnOperand){GEN_LITERAL, n};
        return true;
    case EXT_TYPED: return read_typed(r, out);
    default: return false;
    }
}

static bool read_operand(Reader *r, GenCode *c, const BeamFile *f, InsnOperand *out)
{
    Compact v;
    if (!reader_compact(r, &v))
        return false;
    switch (v.tag) {
    case COMPACT_U: *out = (InsnOperand){INSN_OP_UINT, v.value}; return true;
    case COMPACT_I: *out = integer_operand(c, &v); return true;
    case COMPACT_A:
        if (v.value >= f->atom_count)
            return false;
        *out = (InsnOperand){INSN_OP_TERM, f->atoms[v.value]};
        return true;
    case COMPACT_X:
    case COMPACT_Y: return register_operand(&v, out);
    case COMPACT_F:
        *out = (InsnOperand){INSN_OP_LABEL, v.value};
        return v.value == 0 || v.value < f->label_count;
    case COMPACT_H: *out = (InsnOperand){INSN_OP_TERM, term_small((int64_t)v.value)}; return v.value <= 0x10FFFF;
    case COMPACT_Z: return read_extended(r, c, v.value, out);
    }
    return false;
}

static bool read_list(Reader *r, GenCode *c, const BeamFile *f, uint64_t n)
{
    size_t first = c->arg_count;
    push_args(c, n);
    for (uint64_t i = 0; i < n; i++) {
        InsnOperand a = {0};
        if (!read_operand(r, c, f, &a) || a.kind == GEN_LIST)
            return false;
        c->args[first + i] = a;
    }
    return true;
}

static bool read_op(Reader *r, GenCode *c, BeamFile *f)
{
    uint32_t at = (uint32_t)(r->at - f->code.data);
    unsigned number = *r->at++;
    int arity = gen_arity(number);
    if (arity < 0)
        return beamfile_fail(f, "unknown instruction %u at %u", number, at);
    *push_op(c) = (GenOp){(uint8_t)number, (uint8_t)arity, 0, at, (uint32_t)c->arg_count};
    for (int i = 0; i < arity; i++) {
        InsnOperand a = {0};
        if (!read_operand(r, c, f, &a))
            return beamfile_fail(f, "%s: operand %d, at %u", gen_name(number), i + 1, at);
        *push_args(c, 1) = a;
        if (a.kind != GEN_LIST)
            continue;
        if (i != arity - 1)
            return beamfile_fail(f, "%s: list in operand %d, at %u", gen_name(number), i + 1, at);
        if (!read_list(r, c, f, a.value))
            return beamfile_fail(f, "%s: list element, at %u", gen_name(number), at);
    }
    return true;
}

bool decode_code(GenCode *c, BeamFile *f)
{
    Reader r = {f->code.data, f->code.data + f->code.size};
    if (f->code.size >= UINT32_MAX)
        return beamfile_fail(f, "code of %zu bytes", f->code.size);
    while (r.at < r.end) {
        if (!read_op(&r, c, f))
            return false;
        if (c->ops[c->count - 1].op == GEN_int_code_end)
            return true;
    }
    return beamfile_fail(f, "code without end");
}

void decode_resolve(GenCode *c)
{
    for (size_t i = 0; i < c->arg_count; i++)
        if (c->args[i].kind == GEN_LITERAL)
            c->args[i] = (InsnOperand){INSN_OP_TERM, c->literals[c->args[i].value]};
}
