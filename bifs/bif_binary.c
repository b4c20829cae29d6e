/* SPDX-License-Identifier: Apache-2.0 */
/* bif_binary - natives of module binary, except searching (bif_binary_search.c) and parts
 * (bif_bitstring.c).
 * Semantics: binary(3). Layer: bifs. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/bitbuild.h"

static void charge_bytes(Process *p, uint64_t bytes)
{
    process_bump_reds(p, (int32_t)MIN(bytes / 1024, (uint64_t)1000000));
}

/* ---- single bytes ---- */

static term_t byte_at(Process *p, term_t t, int64_t at)
{
    if (!term_is_binary(t))
        return bif_error(p, EXC_BADARG);
    BitView v = bitstring_view(t);
    if (at < 0)
        at += (int64_t)(v.bits / 8);
    if (at < 0 || (uint64_t)at >= v.bits / 8)
        return bif_error(p, EXC_BADARG);
    return term_small((int64_t)bits_read(v.base, v.offset + (uint64_t)at * 8, 8));
}

BIF(binary, at, 2, 0)
{
    if (!term_is_small(a[1]) || small_value(a[1]) < 0)
        return bif_error(p, EXC_BADARG);
    return byte_at(p, a[0], small_value(a[1]));
}

BIF(binary, first, 1, 0) { return byte_at(p, a[0], 0); }
BIF(binary, last, 1, 0) { return byte_at(p, a[0], -1); }

BIF(binary, referenced_byte_size, 1, 0)
{
    if (!term_is_bitstring(a[0]))
        return bif_error(p, EXC_BADARG);
    return heap_uint(&p->heap, binary_referenced_bytes(a[0]));
}

/* ---- copy ---- */

/* Copies of more than this yield; each slice writes about as much. */
#define COPY_AT_ONCE_BYTES ((uint64_t)1 << 21)

typedef struct Copying {
    NativeState base;
    Binary *to;            /* one reference */
    uint64_t done, total;  /* bytes */
} Copying;

static void copying_destroy(NativeState *s)
{
    Copying *c = (Copying *)s;
    if (c->to != NULL)
        binary_unref(c->to);
    MEM_DELETE(TEMP, c);
}

/* Write bytes [done, end) of the n-byte pattern in v, repeated. What is written is copied on. */
static void repeat_bytes(uint8_t *to, uint64_t done, uint64_t end, const BitView *v)
{
    uint64_t n = v->bits / 8;
    while (done < end) {
        uint64_t phase = done % n;
        if (done >= n && phase == 0) {
            uint64_t k = MIN(done, end - done);
            memcpy(to + done, to, k);
            done += k;
        } else {
            uint64_t k = MIN(n - phase, end - done);
            bits_copy(to, done * 8, v->base, v->offset + phase * 8, k * 8);
            done += k;
        }
    }
}

static term_t copy_slice(Process *p, Copying *c, term_t t)
{
    BitView v = bitstring_view(t);
    uint64_t end = MIN(c->total, c->done + COPY_AT_ONCE_BYTES);
    repeat_bytes(binary_data(c->to), c->done, end, &v);
    charge_bytes(p, end - c->done);
    c->done = end;
    if (c->done < c->total)
        return bif_yield(p);
    Binary *b = c->to;
    uint64_t total = c->total;
    c->to = NULL;
    p->native_state = NULL;
    copying_destroy(&c->base);
    return heap_binary_of(&p->heap, b, 0, total);
}

static Copying *copying_in_progress(Process *p)
{
    NativeState *s = p->native_state;
    return s != NULL && s->destroy == copying_destroy ? (Copying *)s : NULL;
}

static term_t copying_start(Process *p, term_t t, uint64_t total)
{
    Binary *b = binary_new_try(total);
    if (b == NULL)
        return bif_error(p, EXC_SYSTEM_LIMIT);
    Copying *c = MEM_NEW(TEMP, Copying);
    *c = (Copying){.base = {.destroy = copying_destroy}, .to = b, .total = total};
    p->native_state = &c->base;
    return copy_slice(p, c, t);
}

static term_t copy_binary(Process *p, term_t t, uint64_t times)
{
    if (copying_in_progress(p))
        return copy_slice(p, copying_in_progress(p), t);
    BitView v = bitstring_view(t);
    uint64_t total;
    if (__builtin_mul_overflow(v.bits / 8, times, &total) || total > BINARY_MAX_BYTES)
        return bif_error(p, EXC_SYSTEM_LIMIT);
    if (total > COPY_AT_ONCE_BYTES)
        return copying_start(p, t, total);
    uint8_t *data;
    term_t result = heap_binary_new(&p->heap, total, &data);
    repeat_bytes(data, 0, total, &v);
    charge_bytes(p, total);
    return result;
}

BIF(binary, copy, 1, 0)
{
    return term_is_binary(a[0]) ? copy_binary(p, a[0], 1) : bif_error(p, EXC_BADARG);
}

BIF(binary, copy, 2, 0)
{
    if (!term_is_binary(a[0]) || !term_is_small(a[1]) || small_value(a[1]) < 0)
        return bif_error(p, EXC_BADARG);
    return copy_binary(p, a[0], (uint64_t)small_value(a[1]));
}

/* ---- numbers ---- */

/* Field flags for big or little. */
static bool endianness(term_t t, unsigned *flags)
{
    *flags = t == am_little ? BITS_LITTLE : 0;
    return t == am_little || t == am_big;
}

static term_t decode_unsigned(Process *p, term_t t, term_t order)
{
    unsigned flags;
    if (!term_is_binary(t) || !endianness(order, &flags))
        return bif_error(p, EXC_BADARG);
    uint64_t start = 0, bits = bitstring_bits(t);
    term_t orig = t;
    if (HEADER_SUBTAG(boxed_header(t)) == BOXED_SUB_BITS) {
        start = ((SubBits *)boxed_ptr(t))->start;
        orig = ((SubBits *)boxed_ptr(t))->orig;
    }
    MatchContext m = {HEADER(MATCH_WORDS - 1, BOXED_MATCH), start, start + bits, 0, orig};
    charge_bytes(p, bits / 8);
    term_t i = match_get_integer(&p->heap, &m, bits, flags);
    return i != TERM_NONE ? i : bif_error(p, EXC_SYSTEM_LIMIT);
}

BIF(binary, decode_unsigned, 1, 0) { return decode_unsigned(p, a[0], am_big); }
BIF(binary, decode_unsigned, 2, 0) { return decode_unsigned(p, a[0], a[1]); }

/* Bytes of the shortest encoding of a non-negative integer, at least 1; 0 for anything else. */
static uint64_t unsigned_bytes(term_t t)
{
    if (term_is_small(t)) {
        int64_t i = small_value(t);
        return i < 0 ? 0 : i == 0 ? 1 : (uint64_t)(71 - __builtin_clzll((uint64_t)i)) / 8;
    }
    if (!term_is_boxed_tag(t, BOXED_POS_BIG))
        return 0;
    uint64_t n = HEADER_ARITY(boxed_header(t)), top = boxed_ptr(t)[n];
    return (n - 1) * 8 + (uint64_t)(71 - __builtin_clzll(top)) / 8;
}

static term_t encode_unsigned(Process *p, term_t t, term_t order)
{
    unsigned flags;
    uint64_t n = unsigned_bytes(t);
    if (n == 0 || !endianness(order, &flags))
        return bif_error(p, EXC_BADARG);
    BitBuilder b;
    term_t result = build_start(&p->heap, n * 8, &b);
    if (result == TERM_NONE)
        return bif_error(p, EXC_SYSTEM_LIMIT);
    (void)build_integer(&b, t, n * 8, flags);
    charge_bytes(p, n);
    return result;
}

BIF(binary, encode_unsigned, 1, 0) { return encode_unsigned(p, a[0], am_big); }
BIF(binary, encode_unsigned, 2, 0) { return encode_unsigned(p, a[0], a[1]); }

/* ---- common prefix and suffix ---- */

#define COMMON_BLOCK 4096 /* bytes compared at once */
#define COMMON_A_RED 512

typedef struct CommonState {
    NativeState base;
    term_t rest;         /* root: of the list, its head being compared */
    uint64_t n;          /* bytes that those before share */
    uint64_t same;       /* bytes that the next is known to share */
} CommonState;

static void common_destroy(NativeState *base)
{
    CommonState *s = (CommonState *)base;
    MEM_DELETE(TEMP, s);
}

static void common_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((CommonState *)base)->rest, 1);
}

static bool same_bytes(const BitView *x, const BitView *y, uint64_t at, uint64_t n, bool suffix)
{
    uint64_t x_at = suffix ? x->bits - 8 * (at + n) : 8 * at, y_at = suffix ? y->bits - 8 * (at + n) : 8 * at;
    return bits_equal(x->base, x->offset + x_at, y->base, y->offset + y_at, 8 * n);
}

/* Until the two differ or s->same is `limit`: block by block, then halves of the one that differs. False: the slice
 * is used up, after a step at least. */
static bool common_bytes(Process *p, CommonState *s, const BitView *x, const BitView *y, uint64_t limit, bool suffix)
{
    for (uint64_t most = COMMON_BLOCK, n; s->same < limit && most > 0;) {
        n = MIN(limit - s->same, most);
        if (!same_bytes(x, y, s->same, n, suffix)) {
            most = n / 2;
            continue;
        }
        s->same += n;
        bool out = process_bump_reds(p, 1 + (int32_t)(n / COMMON_A_RED));
        if (out && most == COMMON_BLOCK && s->same < limit) return false;
    }
    return true;
}

/* False: the slice is used up. Else s->rest is what is behind the binaries of the list. */
static bool common_go_on(Process *p, CommonState *s, const BitView *first, bool suffix)
{
    bool out = false;
    while (term_is_list_cell(s->rest) && term_is_binary(list_head(s->rest))) {
        if (out) return false;
        BitView v = bitstring_view(list_head(s->rest));
        if (!common_bytes(p, s, first, &v, MIN(s->n, v.bits / 8), suffix)) return false;
        s->n = s->same;
        s->same = 0;
        s->rest = list_tail(s->rest);
        out = process_bump_reds(p, 1);
    }
    return true;
}

static term_t longest_common(Process *p, term_t list, bool suffix)
{
    if (!term_is_list_cell(list) || !term_is_binary(list_head(list)))
        return bif_error(p, EXC_BADARG);
    BitView first = bitstring_view(list_head(list));
    CommonState s = {{.destroy = common_destroy, .each_root = common_each_root}, list_tail(list), first.bits / 8, 0};
    NativeState *native = p->native_state;
    CommonState *kept = native && native->destroy == common_destroy ? (CommonState *)native : NULL;
    if (kept) s = *kept;
    if (common_go_on(p, &s, &first, suffix)) {
        if (kept) process_drop_native_state(p);
        return term_is_nil(s.rest) ? heap_uint(&p->heap, s.n) : bif_error(p, EXC_BADARG);
    }
    if (!kept) p->native_state = &(kept = MEM_NEW(TEMP, CommonState))->base;
    *kept = s;
    return bif_yield(p);
}

BIF(binary, longest_common_prefix, 1, 0) { return longest_common(p, a[0], false); }
BIF(binary, longest_common_suffix, 1, 0) { return longest_common(p, a[0], true); }
