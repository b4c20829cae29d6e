/* SPDX-License-Identifier: Apache-2.0 */
/* bitmatch - see bitmatch.h.
 * Little-endian fields whose size is no multiple of 8: whole bytes come first, least significant
 * first; the remaining bits are the most significant. Layer: data. */
#include "data/bitmatch.h"

#include "term/big.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "data/bitbuild.h"

#include <endian.h>

term_t match_start(Heap *h, term_t t)
{
    if (term_is_match_context(t))
        return t;
    if (!term_is_bitstring(t))
        return TERM_NONE;
    uint64_t start = 0, end = bitstring_bits(t);
    term_t orig = t;
    if (HEADER_SUBTAG(boxed_header(t)) == BOXED_SUB_BITS) {
        const SubBits *s = (const SubBits *)boxed_ptr(t);
        start = s->start;
        end = s->end;
        orig = s->orig;
    }
    MatchContext *m = (MatchContext *)heap_alloc(h, MATCH_WORDS);
    *m = (MatchContext){HEADER(MATCH_WORDS - 1, BOXED_MATCH), start, end, 0, orig};
    return term_make_boxed((term_t *)m);
}

/* ---- integers ---- */

/* n bits read in big-endian order, as the value of a little-endian field. */
static uint64_t from_little(uint64_t v, unsigned n)
{
    if ((n & 7) == 0)
        return n == 0 ? 0 : __builtin_bswap64(v) >> (64 - n);
    unsigned rest = n & 7;
    uint64_t high = v & ((1u << rest) - 1), low = v >> rest;
    n -= rest;
    return n == 0 ? high : __builtin_bswap64(low) >> (64 - n) | high << n;
}

static int64_t sign_extend(uint64_t v, unsigned n)
{
    return n == 0 ? 0 : (int64_t)(v << (64 - n)) >> (64 - n);
}

/* The usual sizes at a whole byte. False: it is another field. */
static inline bool read_word(const uint8_t *base, uint64_t at, unsigned n, bool little, uint64_t *v)
{
    const uint8_t *p = base + at / 8;
    uint16_t v16;
    uint32_t v32;
    if (at & 7) return false;
    switch (n) {
    case 16: memcpy(&v16, p, 2); *v = little ? le16toh(v16) : be16toh(v16); return true;
    case 32: memcpy(&v32, p, 4); *v = little ? le32toh(v32) : be32toh(v32); return true;
    case 64: memcpy(v, p, 8); *v = little ? le64toh(*v) : be64toh(*v); return true;
    default: return false;
    }
}

static term_t get_small_field(Heap *h, const uint8_t *base, uint64_t at, unsigned n,
                              unsigned flags)
{
    uint64_t v;
    bool little = bits_is_little(flags);
    if (!read_word(base, at, n, little, &v)) {
        v = bits_read(base, at, n);
        if (little) v = from_little(v, n);
    }
    return flags & BITS_SIGNED ? heap_int(h, sign_extend(v, n)) : heap_uint(h, v);
}

static void read_limbs(uint64_t *limbs, size_t count, const uint8_t *base, uint64_t at,
                       uint64_t bits, bool little)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t done = (uint64_t)i * 64;
        unsigned n = (unsigned)MIN(bits - done, 64);
        limbs[i] = little ? from_little(bits_read(base, at + done, n), n)
                          : bits_read(base, at + bits - done - n, n);
    }
}

/* Two's complement of `count` limbs in place. */
static void negate_limbs(uint64_t *limbs, size_t count)
{
    uint64_t carry = 1;
    for (size_t i = 0; i < count; i++) {
        limbs[i] = ~limbs[i] + carry;
        carry = carry && limbs[i] == 0;
    }
}

/* The integer in the boxed object at hp, whose `count` limbs may have leading zeros. TERM_NONE when it is
 * larger than integers can be: such a field does not match. */
static term_t finish_big(Heap *h, term_t *hp, size_t count, bool negative)
{
    term_t *end = hp + 1 + count;
    while (count > 0 && hp[count] == 0)
        count--;
    uint64_t low = count > 0 ? hp[1] : 0;
    if (count == 0 || (count == 1 && low <= (uint64_t)SMALL_MAX + negative)) {
        heap_release_end(h, hp, end);
        return term_small(negative ? -(int64_t)low : (int64_t)low);
    }
    if (count > BIG_BITS_MAX / 64) {
        heap_release_end(h, hp, end);
        return TERM_NONE;
    }
    heap_release_end(h, hp + 1 + count, end);
    hp[0] = HEADER(count, negative ? BOXED_NEG_BIG : BOXED_POS_BIG);
    return term_make_boxed(hp);
}

static term_t get_big_field(Heap *h, const uint8_t *base, uint64_t at, uint64_t bits,
                            unsigned flags)
{
    size_t count = (bits + 63) / 64;
    term_t *hp = heap_alloc(h, 1 + count);
    uint64_t *limbs = hp + 1;
    read_limbs(limbs, count, base, at, bits, bits_is_little(flags));
    unsigned top_bits = (unsigned)(bits - (count - 1) * 64);
    bool negative = (flags & BITS_SIGNED) && limbs[count - 1] >> (top_bits - 1) & 1;
    if (negative) {
        limbs[count - 1] = (uint64_t)sign_extend(limbs[count - 1], top_bits);
        negate_limbs(limbs, count);
    }
    return finish_big(h, hp, count, negative);
}

term_t match_get_integer(Heap *h, MatchContext *m, uint64_t bits, unsigned flags)
{
    if (match_left(m) < bits)
        return TERM_NONE;
    uint64_t at = m->start;
    const uint8_t *base = match_base(m);
    term_t t = bits <= 64 ? get_small_field(h, base, at, (unsigned)bits, flags)
                          : get_big_field(h, base, at, bits, flags);
    if (t != TERM_NONE)
        m->start += bits;
    return t;
}

/* ---- floats ---- */

double float16_to_double(uint16_t half)
{
    int exponent = half >> 10 & 31;
    double fraction = half & 1023;
    double d;
    if (exponent == 31)
        d = fraction != 0 ? __builtin_nan("") : __builtin_inf();
    else if (exponent == 0)
        d = __builtin_ldexp(fraction, -24);
    else
        d = __builtin_ldexp(fraction + 1024, exponent - 25);
    return half & 0x8000 ? -d : d;
}

static double float32_to_double(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

term_t match_get_float(Heap *h, MatchContext *m, uint64_t bits, unsigned flags)
{
    if ((bits != 16 && bits != 32 && bits != 64) || match_left(m) < bits)
        return TERM_NONE;
    uint64_t v = bits_read(match_base(m), m->start, (unsigned)bits);
    if (bits_is_little(flags))
        v = from_little(v, (unsigned)bits);
    double d;
    if (bits == 64)
        memcpy(&d, &v, sizeof d);
    else
        d = bits == 32 ? float32_to_double((uint32_t)v) : float16_to_double((uint16_t)v);
    if (!__builtin_isfinite(d))
        return TERM_NONE;
    m->start += bits;
    return heap_float(h, d);
}

/* ---- bit strings ---- */

static term_t sub_bits_of(Heap *h, const MatchContext *m, uint64_t bits)
{
    SubBits view = {HEADER(SUB_BITS_WORDS - 1, BOXED_SUB_BITS), m->start, m->end, 0, m->orig};
    return heap_sub_bits(h, term_make_boxed((term_t *)&view), 0, bits);
}

term_t match_get_binary(Heap *h, MatchContext *m, uint64_t bits)
{
    if (match_left(m) < bits)
        return TERM_NONE;
    term_t t = sub_bits_of(h, m, bits);
    m->start += bits;
    return t;
}

term_t match_get_all(Heap *h, MatchContext *m, uint64_t unit)
{
    if (!match_test_unit(m, unit))
        return TERM_NONE;
    term_t t = sub_bits_of(h, m, match_left(m));
    m->start = m->end;
    return t;
}

term_t match_tail(Heap *h, const MatchContext *m)
{
    return sub_bits_of(h, m, match_left(m));
}

term_t match_context_to_binary(Heap *h, term_t t)
{
    return term_is_match_context(t) ? match_tail(h, match_ptr(t)) : t;
}

bool match_string(MatchContext *m, const uint8_t *string, uint64_t bits)
{
    if (match_left(m) < bits || !bits_equal(match_base(m), m->start, string, 0, bits))
        return false;
    m->start += bits;
    return true;
}

/* ---- Unicode ---- */

static term_t get_utf8_unaligned(MatchContext *m)
{
    uint8_t bytes[UTF8_MAX];
    unsigned n = (unsigned)MIN(match_left(m) / 8, (uint64_t)UTF8_MAX);
    uint64_t v = bits_read(match_base(m), m->start, n * 8);
    for (unsigned i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    const uint8_t *at = bytes;
    uint32_t cp;
    if (utf8_decode(&at, bytes + n, &cp) != UTF8_OK)
        return TERM_NONE;
    m->start += (uint64_t)(at - bytes) * 8;
    return term_small(cp);
}

term_t match_get_utf8(MatchContext *m)
{
    if (m->start % 8 != 0) return get_utf8_unaligned(m);
    const uint8_t *start = match_base(m) + m->start / 8, *at = start;
    uint32_t cp;
    if (utf8_decode(&at, start + match_left(m) / 8, &cp) != UTF8_OK)
        return TERM_NONE;
    m->start += (uint64_t)(at - start) * 8;
    return term_small(cp);
}

static uint32_t read_unit16(const uint8_t *base, uint64_t at, unsigned flags)
{
    uint64_t v = bits_read(base, at, 16);
    return (uint32_t)(bits_is_little(flags) ? from_little(v, 16) : v);
}

term_t match_get_utf16(MatchContext *m, unsigned flags)
{
    if (match_left(m) < 16)
        return TERM_NONE;
    const uint8_t *base = match_base(m);
    uint32_t high = read_unit16(base, m->start, flags);
    if (high < 0xD800 || high > 0xDFFF) {
        m->start += 16;
        return term_small(high);
    }
    if (high > 0xDBFF || match_left(m) < 32)
        return TERM_NONE;
    uint32_t low = read_unit16(base, m->start + 16, flags);
    if (low < 0xDC00 || low > 0xDFFF)
        return TERM_NONE;
    m->start += 32;
    return term_small(0x10000 + (int64_t)((high & 0x3FF) << 10 | (low & 0x3FF)));
}

term_t match_get_utf32(MatchContext *m, unsigned flags)
{
    if (match_left(m) < 32)
        return TERM_NONE;
    uint64_t v = bits_read(match_base(m), m->start, 32);
    if (bits_is_little(flags))
        v = from_little(v, 32);
    if (!utf8_is_scalar((uint32_t)v))
        return TERM_NONE;
    m->start += 32;
    return term_small((int64_t)v);
}
