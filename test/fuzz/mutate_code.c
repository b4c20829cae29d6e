/* SPDX-License-Identifier: Apache-2.0 */
/* mutate_code - libFuzzer's mutator for compiled modules. Bytes changed blindly seldom leave a module that is read to
 * its end; this one knows chunks, instructions and operands: it leaves out, copies, swaps and exchanges these, and
 * puts the lengths of the file right. Other inputs, and some of the modules, get libFuzzer's own changes. */
#include "harness.h"

#include "base/base.h"
#include "loader/beamfile.h"
#include "loader/decode.h"

#define MAX_OPS 4096u
#define MAX_ARGS 16384u
#define CODE_HEADER 20u /* bytes of the chunk before the first instruction: as the compiler writes it */

bool harness_mutates_code;

typedef struct Span {
    size_t at, end; /* in the file */
    unsigned op;    /* number of the instruction; of operands: that of theirs */
} Span;

/* A module's code cut into its parts. */
typedef struct Cut {
    uint8_t *data;
    size_t bytes, room;
    size_t chunk;             /* where the chunk that is changed begins: its four letters */
    Span ops[MAX_OPS], args[MAX_ARGS];
    unsigned op_count, arg_count;
} Cut;

static Cut cuts[2]; /* the module that is changed, and the one that parts are taken from */
static uint64_t dice_state;

static unsigned dice(size_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((dice_state >> 33) % sides);
}

/* ---- the container ---- */

static uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | p[2] << 8 | p[3]; }

static void put32(uint8_t *p, size_t n)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(n >> (24 - 8 * i));
}

static size_t padded(size_t n) { return (n + 3) & ~(size_t)3; }

/* Where chunk number n begins; 0: there are not so many, or they do not end with the file. */
static size_t chunk_number(const Cut *c, unsigned n)
{
    size_t at = 12;
    for (; at + 8 <= c->bytes; at += 8 + padded(get32(c->data + at + 4))) {
        if (padded(get32(c->data + at + 4)) > c->bytes - at - 8) return 0;
        if (n-- == 0) return at;
    }
    return 0;
}

static size_t chunk_named(const Cut *c, const char *name)
{
    size_t at = 0;
    for (unsigned n = 0; (at = chunk_number(c, n)) != 0; n++)
        if (memcmp(c->data + at, name, 4) == 0) break;
    return at;
}

/* Puts n bytes in the place of those from `at` to `end`, which lie in the chunk. False when there is no room. */
static bool replace(Cut *c, size_t at, size_t end, const uint8_t *new, size_t n)
{
    uint8_t copy[1024];
    size_t size = get32(c->data + c->chunk + 4), old_end = c->chunk + 8 + size, old_next = c->chunk + 8 + padded(size);
    size_t new_size = size - (end - at) + n, new_next = c->chunk + 8 + padded(new_size);
    if (n > sizeof copy || c->bytes - old_next + new_next > c->room) return false;
    memcpy(copy, new, n);
    size_t behind = old_end - end, rest = c->bytes - old_next;
    if (new_next > old_next) memmove(c->data + new_next, c->data + old_next, rest);
    memmove(c->data + at + n, c->data + end, behind);
    if (new_next < old_next) memmove(c->data + new_next, c->data + old_next, rest);
    memcpy(c->data + at, copy, n);
    memset(c->data + c->chunk + 8 + new_size, 0, padded(new_size) - new_size);
    put32(c->data + c->chunk + 4, new_size);
    c->bytes = new_next + rest;
    put32(c->data + 4, c->bytes - 8);
    return true;
}

static void open_module(Cut *c, const uint8_t *data, size_t bytes, size_t room)
{
    c->data = (uint8_t *)(uintptr_t)data;
    c->bytes = bytes;
    c->room = room;
}

/* ---- instructions ---- */

static bool cut_operand(Cut *c, Reader *r, unsigned op, unsigned depth)
{
    Compact v, n;
    const uint8_t *at = r->at;
    if (c->arg_count >= MAX_ARGS || !reader_compact(r, &v)) return false;
    Span *s = &c->args[c->arg_count++];
    bool extended = v.tag == COMPACT_Z, list = extended && (v.value == EXT_LIST || v.value == EXT_ALLOC);
    if (extended && !reader_compact(r, &n)) return false;
    if (extended && v.value == EXT_TYPED && !reader_compact(r, &v)) return false;
    *s = (Span){(size_t)(at - c->data), (size_t)(r->at - c->data), op};
    size_t count = !list || depth ? 0 : v.value == EXT_ALLOC ? 2 * n.value : n.value;
    if (count > reader_left(r)) return false;
    for (; count > 0; count--)
        if (!cut_operand(c, r, op, 1)) return false;
    return true;
}

/* False when the file is not understood to the end of its code. */
static bool cut(Cut *c)
{
    c->op_count = c->arg_count = 0;
    c->chunk = chunk_named(c, "Code");
    if (!c->chunk || get32(c->data + c->chunk + 4) < CODE_HEADER) return false;
    const uint8_t *body = c->data + c->chunk + 8;
    Reader r = {body + CODE_HEADER, body + get32(c->data + c->chunk + 4)};
    while (reader_left(&r) > 0 && c->op_count < MAX_OPS) {
        unsigned op = *r.at, first = c->op_count;
        Span *s = &c->ops[c->op_count++];
        s->at = (size_t)(r.at++ - c->data);
        s->op = op;
        for (int i = gen_arity(op); i > 0; i--)
            if (!cut_operand(c, &r, first, 0)) return false;
        s->end = (size_t)(r.at - c->data);
        if (op == GEN_int_code_end) return c->arg_count > 0;
    }
    return false;
}

/* What holds the functions together: seldom changed. */
static bool is_frame_of_code(unsigned op)
{
    return op == GEN_label || op == GEN_func_info || op == GEN_int_code_end || op == GEN_line;
}

static const Span *any_op(const Cut *c)
{
    const Span *s = &c->ops[dice(c->op_count)];
    for (int tries = dice(40) ? 60 : 0; tries > 0 && is_frame_of_code(s->op); tries--) s = &c->ops[dice(c->op_count)];
    return s;
}

static const Span *any_arg(const Cut *c)
{
    const Span *s = &c->args[dice(c->arg_count)];
    for (int tries = dice(40) ? 60 : 0; tries > 0 && is_frame_of_code(c->ops[s->op].op); tries--)
        s = &c->args[dice(c->arg_count)];
    return s;
}

static bool is_register_tag(unsigned tag) { return tag == COMPACT_X || tag == COMPACT_Y; }

/* An operand of the other module that may stand where `arg` does: of its kind, or a term for a term. */
static const Span *like_arg(const Cut *c, const Span *arg, const Cut *from)
{
    unsigned tag = c->data[arg->at] & 7;
    const Span *s = any_arg(from);
    for (int tries = dice(10) ? 30 : 0; tries > 0; tries--, s = any_arg(from)) {
        unsigned other = from->data[s->at] & 7;
        if (other == tag || (is_register_tag(tag) && is_register_tag(other))) break;
    }
    return s;
}

/* ---- changes ---- */

static bool put_copy(Cut *c, size_t at, size_t end, const Cut *from, const Span *s)
{
    return replace(c, at, end, from->data + s->at, s->end - s->at);
}

/* One to three instructions in a row go to another place. */
static bool put_row(Cut *c, const Cut *from)
{
    const Span *to = any_op(c), *first = any_op(from), *last = first + dice(3);
    const Span *end = &from->ops[from->op_count - 1];
    while (last > first && (last >= end || is_frame_of_code(last->op))) last--;
    return replace(c, to->at, to->at, from->data + first->at, last->end - first->at);
}

static bool swap_ops(Cut *c)
{
    uint8_t both[512];
    const Span *a = any_op(c), *b = a + 1;
    if (b >= &c->ops[c->op_count - 1] || (is_frame_of_code(b->op) && dice(20))) return false;
    size_t n = b->end - a->at, second = b->end - b->at;
    if (n > sizeof both) return false;
    memcpy(both, c->data + b->at, second);
    memcpy(both + second, c->data + a->at, a->end - a->at);
    return replace(c, a->at, b->end, both, n);
}

/* Another instruction with as many operands. */
static bool other_number(Cut *c)
{
    const Span *s = any_op(c);
    for (int tries = 0; tries < 200; tries++) {
        unsigned op = 1 + dice(GEN_COUNT - 1);
        if (op == s->op || gen_arity(op) != gen_arity(s->op)) continue;
        c->data[s->at] = (uint8_t)op;
        return true;
    }
    return false;
}

/* An operand as the compiler does not write it there. */
static bool other_operand(Cut *c)
{
    static const uint16_t values[] = {7, 8, 15, 16, 31, 32, 63, 64, 127, 255, 256, 1022, 1023, 2047};
    const Span *s = any_arg(c);
    unsigned value = dice(8) ? dice(6) : values[dice(ARRAY_LEN(values))], tag = dice(2) ? c->data[s->at] & 7 : dice(8);
    uint8_t new[3] = {(uint8_t)(value << 4 | tag), (uint8_t)(value << 4)};
    size_t n = 1;
    if (tag == COMPACT_Z && dice(2)) new[n++] = (uint8_t)(dice(8) << 4);
    if (tag != COMPACT_Z && value > 15) {
        new[0] = (uint8_t)(value >> 3 & 0xE0) | 8 | (uint8_t)tag;
        new[n++] = (uint8_t)value;
    }
    return replace(c, s->at, s->end, new, n);
}

/* One more or less. */
static bool near_operand(Cut *c)
{
    const Span *s = any_arg(c);
    uint8_t *b = c->data + s->at;
    if (*b & 8) return false;
    *b = (uint8_t)(dice(2) ? *b + 16 : *b - 16);
    return true;
}

static bool own_change(Cut *c, size_t at, size_t end)
{
    uint8_t new[600];
    size_t n = end - at;
    if (n > 500) return false;
    memcpy(new, c->data + at, n);
    n = LLVMFuzzerMutate(new, n, n + 16);
    return replace(c, at, end, new, n);
}

/* The bytes of a table, or a stretch of them. */
static bool other_chunk(Cut *c)
{
    unsigned count = 0;
    while (chunk_number(c, count)) count++;
    if (count == 0) return false;
    c->chunk = chunk_number(c, dice(count));
    size_t size = get32(c->data + c->chunk + 4), from = dice(size + 1), length = 1 + dice(40);
    size_t n = MIN(size - from, length);
    return own_change(c, c->chunk + 8 + from, c->chunk + 8 + from + n);
}

static bool change(Cut *c, const Cut *from)
{
    const Span *op = any_op(c), *other = any_op(from), *arg = any_arg(c);
    switch (dice(40)) {
    case 0: return own_change(c, op->at, op->end);
    case 1: case 2: return other_chunk(c);
    case 3: case 4: return other_number(c);
    case 5: case 6: case 7: return other_operand(c);
    case 8: case 9: case 10: return swap_ops(c);
    case 11: case 12: case 13: return put_copy(c, op->at, op->end, from, other);
    case 14: case 15: case 16: case 17: case 18: return replace(c, op->at, op->end, NULL, 0);
    case 19: case 20: case 21: case 22: return put_row(c, from);
    case 23: case 24: case 25: return near_operand(c);
    default: return put_copy(c, arg->at, arg->end, from, like_arg(c, arg, from));
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room, unsigned seed)
{
    Cut *c = &cuts[0];
    dice_state = seed;
    open_module(c, data, bytes, room);
    if (!harness_mutates_code || dice(50) == 0 || !cut(c)) return LLVMFuzzerMutate(data, bytes, room);
    for (unsigned n = 1 + (dice(3) ? 0 : dice(5)); n > 0; n--)
        if (!cut(c) || !change(c, c)) break;
    return c->bytes;
}

/* One module with parts of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_bytes, const uint8_t *two, size_t two_bytes,
                                 uint8_t *out, size_t room, unsigned seed)
{
    Cut *c = &cuts[0], *from = &cuts[1];
    dice_state = seed;
    if (!harness_mutates_code || one_bytes > room) return 0;
    memcpy(out, one, one_bytes);
    open_module(c, out, one_bytes, room);
    open_module(from, two, two_bytes, two_bytes);
    if (!cut(from)) return 0;
    for (unsigned n = 1 + dice(3); n > 0; n--)
        if (!cut(c) || !put_row(c, from)) break;
    return c->bytes;
}
