/* SPDX-License-Identifier: Apache-2.0 */
/* iolist - see iolist.h. `to` NULL means sizing.
 * The stack holds the tails still to be walked. Layer: data. */
#include "data/iolist.h"

#include "base/alloc.h"

#define IN_ONE_GO INT64_MAX
/* Larger bit strings are copied in pieces of this size. */
#define PIECE_BITS ((uint64_t)1 << 22)
/* Bits whose copying costs as much as an element. */
#define BITS_PER_ELEMENT 256u

void iolist_walk_init(IolistWalk *w, term_t t, bool bits)
{
    w->stack = w->inline_stack;
    w->capacity = ARRAY_LEN(w->inline_stack);
    w->bits = bits;
    iolist_walk_restart(w, t);
}

void iolist_walk_restart(IolistWalk *w, term_t t)
{
    w->stack[0] = t;
    w->depth = 1;
    w->size_bits = 0;
    w->to = NULL;
    w->at = w->limit = 0;
    w->leaf = TERM_NONE;
}

void iolist_walk_free(IolistWalk *w)
{
    if (w->stack != w->inline_stack)
        mem_free(MEM_TEMP, w->stack, w->capacity * sizeof(term_t));
    w->stack = w->inline_stack;
}

void iolist_each_root(IolistWalk *w, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    if (w->depth > 0)
        visit(ctx, w->stack, w->depth);
    visit(ctx, &w->leaf, 1);
}

static COLD void grow_stack(IolistWalk *w)
{
    size_t capacity = w->capacity * 2;
    term_t *stack = mem_alloc(MEM_TEMP, capacity * sizeof(term_t));
    memcpy(stack, w->stack, w->depth * sizeof(term_t));
    iolist_walk_free(w);
    w->stack = stack;
    w->capacity = capacity;
}

static inline void push(IolistWalk *w, term_t t)
{
    if (UNLIKELY(w->depth == w->capacity))
        grow_stack(w);
    w->stack[w->depth++] = t;
}

void iolist_walk_push(IolistWalk *w, term_t t)
{
    push(w, t);
}

static enum IolistResult fill_byte(IolistWalk *w, int64_t byte)
{
    if (byte < 0 || byte > 255)
        return IOLIST_TYPE;
    if (w->limit - w->at < 8)
        return IOLIST_OVERFLOW;
    bits_write(w->to, w->at, (uint64_t)byte, 8);
    w->at += 8;
    return IOLIST_OK;
}

static enum IolistResult fill_bits(IolistWalk *w, term_t t)
{
    if (!term_is_bitstring(t) || (!w->bits && (bitstring_bits(t) & 7) != 0))
        return IOLIST_TYPE;
    BitView v = bitstring_view(t);
    if (w->limit - w->at < v.bits)
        return IOLIST_OVERFLOW;
    if (v.bits > PIECE_BITS) {
        w->leaf = t;
        w->leaf_at = 0;
        return IOLIST_OK;
    }
    bits_copy(w->to, w->at, v.base, v.offset, v.bits);
    w->at += v.bits;
    return IOLIST_OK;
}

static void copy_piece_of_leaf(IolistWalk *w, int64_t *budget)
{
    BitView v = bitstring_view(w->leaf);
    uint64_t n = MIN(v.bits - w->leaf_at, PIECE_BITS);
    bits_copy(w->to, w->at, v.base, v.offset + w->leaf_at, n);
    w->at += n;
    w->leaf_at += n;
    *budget -= (int64_t)(n / BITS_PER_ELEMENT);
    if (w->leaf_at == v.bits)
        w->leaf = TERM_NONE;
}

static inline bool is_byte(term_t t)
{
    return term_is_small(t) && (uint64_t)small_value(t) <= 255;
}

/* The rest of a list, or what waits when there is none. */
static inline term_t or_waiting(IolistWalk *w, term_t rest)
{
    return rest == TERM_NIL && w->depth > 0 ? w->stack[--w->depth] : rest;
}

/* The next element of what is left, *t, and what is left then. A tail, or all of it, may be a bit string: an
 * element that is no list. TERM_NONE: it is none of these. */
static inline term_t next_element(term_t *t)
{
    term_t rest = *t;
    if (LIKELY(term_is_list_cell(rest))) {
        *t = list_tail(rest);
        return list_head(rest);
    }
    *t = TERM_NIL;
    return term_is_bitstring(rest) ? rest : TERM_NONE;
}

/* How many of the first n elements of *t are bytes, which go to `to` unless it is NULL. *t: what is left. */
static inline size_t take_bytes(term_t *t, uint8_t *to, size_t n)
{
    size_t i = 0;
    term_t rest = *t;
    for (; i < n && term_is_list_cell(rest) && is_byte(list_head(rest)); i++) {
        if (to) to[i] = (uint8_t)small_value(list_head(rest));
        rest = list_next(rest);
    }
    *t = rest;
    return i;
}

/* Few whole bytes to whole bytes: at once. Gives how many, UINT64_MAX for all else. */
static inline uint64_t fill_bytes(IolistWalk *w, term_t t, uint64_t at)
{
    BitView v = bitstring_view(t);
    if (((at | v.offset | v.bits) & 7) != 0 || v.bits > MIN(w->limit - at, PIECE_BITS))
        return UINT64_MAX;
    bytes_copy(w->to + (at >> 3), view_bytes(&v), v.bits >> 3);
    return v.bits;
}

/* An element that is no list. */
static enum IolistResult fill_leaf(IolistWalk *w, term_t t, uint64_t *at)
{
    uint64_t n;
    if (term_is_bitstring(t) && (n = fill_bytes(w, t, *at)) != UINT64_MAX) {
        *at += n;
        return IOLIST_OK;
    }
    w->at = *at;
    enum IolistResult r = term_is_small(t) ? fill_byte(w, small_value(t)) : fill_bits(w, t);
    *at = w->at;
    return r;
}

/* Fill from t until there is no more or a large leaf stops it, pushing tails when going down into
 * heads. Bytes at whole bytes, the most frequent, are stored from registers. */
static enum IolistResult fill(IolistWalk *w, term_t t, int64_t *budget)
{
    uint8_t *to = w->to;
    uint64_t at = w->at, limit = w->limit;
    int64_t left = *budget;
    enum IolistResult r = IOLIST_OK;
    while (t != TERM_NIL && r == IOLIST_OK && w->leaf == TERM_NONE) {
        if (--left < 0) {
            r = IOLIST_MORE;
            break;
        }
        term_t head = next_element(&t);
        if (is_byte(head) && (at & 7) == 0 && limit - at >= 8) {
            to[at >> 3] = (uint8_t)small_value(head);
            at += 8;
            size_t n = take_bytes(&t, to + (at >> 3), MIN((limit - at) >> 3, (uint64_t)left));
            at += 8 * n;
            left -= (int64_t)n;
        } else if (term_is_list(head)) {
            if (t != TERM_NIL)
                push(w, t);
            t = head;
        } else {
            uint64_t before = at;
            r = fill_leaf(w, head, &at);
            left -= (int64_t)((at - before) / BITS_PER_ELEMENT);
        }
        t = or_waiting(w, t);
    }
    if (t != TERM_NIL)
        push(w, t);
    w->at = at;
    *budget = MAX(left, 0);
    return r;
}

/* What fill does, for sizing only: the size is kept in a register. */
static enum IolistResult size(IolistWalk *w, term_t t, int64_t *budget)
{
    enum IolistResult r = IOLIST_OK;
    uint64_t bits = 0;
    int64_t left = *budget;
    while (t != TERM_NIL && r == IOLIST_OK) {
        if (--left < 0) {
            push(w, t);
            r = IOLIST_MORE;
            break;
        }
        term_t head = next_element(&t);
        if (is_byte(head)) {
            size_t n = take_bytes(&t, NULL, (size_t)left);
            bits += 8 + 8 * n;
            left -= (int64_t)n;
        } else if (term_is_list(head)) {
            if (t != TERM_NIL)
                push(w, t);
            t = head;
        } else if (term_is_bitstring(head)) {
            uint64_t n = bitstring_bits(head);
            if ((n & 7) != 0 && !w->bits)
                r = IOLIST_TYPE;
            bits += n;
            if (bits >> 62 != 0) {
                w->size_bits += bits;
                bits = 0;
            }
        } else {
            r = IOLIST_TYPE;
        }
        t = or_waiting(w, t);
    }
    w->size_bits += bits;
    *budget = MAX(left, 0);
    return r;
}

static enum IolistResult walk(IolistWalk *w, int64_t *budget)
{
    enum IolistResult r = IOLIST_OK;
    while (r == IOLIST_OK && (w->depth > 0 || w->leaf != TERM_NONE)) {
        if (*budget <= 0)
            return IOLIST_MORE;
        if (w->leaf != TERM_NONE) {
            copy_piece_of_leaf(w, budget);
            continue;
        }
        *budget -= 1;
        term_t t = w->stack[--w->depth];
        r = w->to == NULL ? size(w, t, budget) : fill(w, t, budget);
    }
    return r;
}

enum IolistResult iolist_walk_size(IolistWalk *w, int64_t *budget)
{
    ASSERT(w->to == NULL);
    return walk(w, budget);
}

enum IolistResult iolist_walk_fill(IolistWalk *w, int64_t *budget)
{
    ASSERT(w->to != NULL);
    return walk(w, budget);
}

/* ---- in one go ---- */

static enum IolistResult size_in_one_go(term_t t, bool bits, uint64_t *size_bits)
{
    IolistWalk w;
    int64_t budget = IN_ONE_GO;
    iolist_walk_init(&w, t, bits);
    enum IolistResult r = iolist_walk_size(&w, &budget);
    iolist_walk_free(&w);
    if (r == IOLIST_OK && w.size_bits > BINARY_MAX_BYTES * 8)
        return IOLIST_OVERFLOW;
    *size_bits = (uint64_t)w.size_bits;
    return r;
}

static enum IolistResult fill_in_one_go(term_t t, bool bits, uint8_t *to, uint64_t limit_bits,
                                        uint64_t *written_bits)
{
    IolistWalk w;
    int64_t budget = IN_ONE_GO;
    iolist_walk_init(&w, t, bits);
    w.to = to;
    w.limit = limit_bits;
    enum IolistResult r = iolist_walk_fill(&w, &budget);
    *written_bits = w.at;
    iolist_walk_free(&w);
    return r;
}

enum IolistResult iolist_size(term_t t, uint64_t *bytes)
{
    uint64_t bits = 0;
    enum IolistResult r = size_in_one_go(t, false, &bits);
    *bytes = bits / 8;
    return r;
}

enum IolistResult iolist_to_buffer(term_t t, uint8_t *buffer, size_t bytes, size_t *written)
{
    uint64_t bits;
    enum IolistResult r = fill_in_one_go(t, false, buffer, (uint64_t)bytes * 8, &bits);
    if (written != NULL)
        *written = bits / 8;
    return r;
}

uint8_t *iolist_to_bytes(term_t t, size_t *bytes, enum IolistResult *result)
{
    uint64_t size;
    *result = iolist_size(t, &size);
    if (*result != IOLIST_OK)
        return NULL;
    uint8_t *p = mem_alloc(MEM_TEMP, size + 1);
    *result = iolist_to_buffer(t, p, size, bytes);
    CHECK(*result == IOLIST_OK && *bytes == size);
    p[size] = 0;
    return p;
}

enum IolistResult iolist_to_binary(Heap *h, term_t t, bool bits, term_t *result)
{
    uint64_t size, written;
    if (term_is_bitstring(t) && (bits || (bitstring_bits(t) & 7) == 0)) {
        *result = t;
        return IOLIST_OK;
    }
    enum IolistResult r = size_in_one_go(t, bits, &size);
    if (r != IOLIST_OK)
        return r;
    uint8_t *data;
    *result = heap_bits_new_try(h, size, &data);
    if (*result == TERM_NONE)
        return IOLIST_OVERFLOW;
    r = fill_in_one_go(t, bits, data, size, &written);
    CHECK(r == IOLIST_OK && written == size);
    return IOLIST_OK;
}
