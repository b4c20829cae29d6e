/* SPDX-License-Identifier: Apache-2.0 */
/* bitbuild - see bitbuild.h. Layer: data. */
#include "data/bitbuild.h"

#include "base/utf8.h"
#include "term/big.h"

#define BUILD_MAX_BITS (BINARY_MAX_BYTES * 8)

term_t build_result_atom(enum BuildResult r)
{
    switch (r) {
    case BUILD_TYPE: return am_type;
    case BUILD_UNIT: return am_unit;
    case BUILD_SHORT: return am_short;
    case BUILD_INVALID: return am_invalid;
    case BUILD_NO_FLOAT: return am_no_float;
    default: return am_size;
    }
}

/* ---- sizes ---- */

static enum BuildResult add_bits(uint64_t *bits, uint64_t more)
{
    if (more > BUILD_MAX_BITS || *bits > BUILD_MAX_BITS - more)
        return BUILD_LIMIT;
    *bits += more;
    return BUILD_OK;
}

enum BuildResult build_add_size(uint64_t *bits, term_t size, uint64_t unit)
{
    if (!term_is_small(size))
        return term_is_boxed_tag(size, BOXED_POS_BIG) ? BUILD_LIMIT : BUILD_SIZE;
    if (small_value(size) < 0)
        return BUILD_SIZE;
    uint64_t more;
    if (__builtin_mul_overflow((uint64_t)small_value(size), unit, &more))
        return BUILD_LIMIT;
    return add_bits(bits, more);
}

enum BuildResult build_add_all(uint64_t *bits, term_t value, uint64_t unit)
{
    if (!term_is_bitstring(value))
        return BUILD_TYPE;
    uint64_t more = bitstring_bits(value);
    return unit > 1 && more % unit != 0 ? BUILD_UNIT : add_bits(bits, more);
}

enum BuildResult build_add_utf8(uint64_t *bits, term_t value)
{
    if (!term_is_unicode_scalar(value))
        return BUILD_TYPE;
    return add_bits(bits, utf8_size((uint32_t)small_value(value)) * 8);
}

enum BuildResult build_add_utf16(uint64_t *bits, term_t value)
{
    if (!term_is_unicode_scalar(value))
        return BUILD_TYPE;
    return add_bits(bits, small_value(value) > 0xFFFF ? 32 : 16);
}

enum BuildResult build_add_utf32(uint64_t *bits, term_t value)
{
    return term_is_unicode_scalar(value) ? add_bits(bits, 32) : BUILD_TYPE;
}

term_t build_utf8_size(term_t value)
{
    return term_small(term_is_unicode_scalar(value)
                          ? (int64_t)utf8_size((uint32_t)small_value(value)) : 4);
}

term_t build_utf16_size(term_t value)
{
    return term_small(term_is_unicode_scalar(value) && small_value(value) <= 0xFFFF ? 2 : 4);
}

/* ---- filling ---- */

term_t build_start(Heap *h, uint64_t bits, BitBuilder *b)
{
    b->at = 0;
    return bits > BUILD_MAX_BITS ? TERM_NONE : heap_bits_new_try(h, bits, &b->base);
}

static void put_bits(BitBuilder *b, uint64_t v, unsigned n)
{
    bits_write(b->base, b->at, v, n);
    b->at += n;
}

/* The n low bits of v in the order a little-endian field has them (see bitmatch.c). */
static uint64_t to_little(uint64_t v, unsigned n)
{
    unsigned rest = n & 7, whole = n - rest;
    if (whole == 0)
        return v;
    uint64_t swapped = __builtin_bswap64(v << (64 - whole) >> (64 - whole)) >> (64 - whole);
    return rest == 0 ? swapped : swapped << rest | (v >> whole & ((1u << rest) - 1));
}

static void put_field(BitBuilder *b, uint64_t v, unsigned n, bool little)
{
    put_bits(b, little ? to_little(v, n) : v, n);
}

/* An integer as an endless sequence of limbs in two's complement. */
typedef struct Limbs {
    const uint64_t *at;
    size_t count;
    size_t first;        /* index of the lowest limb that is not zero */
    bool negative;
    uint64_t one;        /* storage for a small */
} Limbs;

static bool limbs_of(Limbs *l, term_t value)
{
    if (term_is_small(value)) {
        int64_t i = small_value(value);
        l->negative = i < 0;
        l->one = i < 0 ? -(uint64_t)i : (uint64_t)i;
        l->at = &l->one;
        l->count = 1;
    } else if (term_is_big(value)) {
        l->negative = HEADER_SUBTAG(boxed_header(value)) == BOXED_NEG_BIG;
        l->at = boxed_ptr(value) + 1;
        l->count = HEADER_ARITY(boxed_header(value));
    } else {
        return false;
    }
    l->first = 0;
    while (l->first < l->count && l->at[l->first] == 0)
        l->first++;
    return true;
}

static uint64_t limb_at(const Limbs *l, uint64_t i)
{
    uint64_t v = i < l->count ? l->at[i] : 0;
    if (!l->negative || i < l->first)
        return v;
    return i == l->first ? -v : ~v;
}

/* n limbs that only repeat the sign. */
static void put_signs(BitBuilder *b, bool negative, uint64_t n)
{
    if ((b->at & 7) == 0) {
        memset(b->base + (b->at >> 3), negative ? 0xFF : 0, 8 * n);
        b->at += 64 * n;
        return;
    }
    for (; n > 0; n--) put_bits(b, negative ? UINT64_MAX : 0, 64);
}

static void put_limbs(BitBuilder *b, const Limbs *l, uint64_t bits, bool little)
{
    uint64_t whole = bits / 64, stored = MIN(whole, l->count);
    unsigned rest = bits % 64;
    if (little) {
        for (uint64_t i = 0; i < stored; i++) put_bits(b, __builtin_bswap64(limb_at(l, i)), 64);
        put_signs(b, l->negative, whole - stored);
        put_field(b, limb_at(l, whole), rest, true);
    } else {
        put_bits(b, limb_at(l, whole), rest);
        put_signs(b, l->negative, whole - stored);
        for (uint64_t i = stored; i-- > 0;) put_bits(b, limb_at(l, i), 64);
    }
}

enum BuildResult build_integer(BitBuilder *b, term_t value, uint64_t bits, unsigned flags)
{
    bool little = bits_is_little(flags);
    if (LIKELY(term_is_small(value) && bits <= 64)) {
        put_field(b, (uint64_t)small_value(value), (unsigned)bits, little);
        return BUILD_OK;
    }
    Limbs l;
    if (!limbs_of(&l, value))
        return BUILD_TYPE;
    put_limbs(b, &l, bits, little);
    return BUILD_OK;
}

/* ---- floats ---- */

bool double_to_float16(double d, uint16_t *half)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    uint64_t fraction = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    *half = sign | 0x7C00;
    if (exponent > 15)
        return false;
    unsigned drop = exponent < -14 ? 42u + (unsigned)(-14 - exponent) : 42u;
    *half = sign;
    if (drop > 53)
        return true;
    uint64_t kept = fraction >> drop, lost = fraction & ((UINT64_C(1) << drop) - 1);
    uint64_t middle = UINT64_C(1) << (drop - 1);
    kept += lost > middle || (lost == middle && (kept & 1));
    uint64_t base = exponent < -14 ? 0 : (uint64_t)(exponent + 14) << 10;
    *half = (uint16_t)(sign | (base + kept));
    return base + kept < 0x7C00;
}

static enum BuildResult number_to_double(term_t t, double *d)
{
    if (term_is_float(t))
        *d = float_value(t);
    else if (!term_is_integer(t))
        return BUILD_TYPE;
    else if (!int_to_double(t, d))
        return BUILD_NO_FLOAT;
    return BUILD_OK;
}

/* Values outside a 16 or 32 bit float's range become infinities, as in the reference. */
static uint64_t float_image(double d, uint64_t bits)
{
    uint64_t image = 0;
    if (bits == 64) {
        memcpy(&image, &d, sizeof d);
    } else if (bits == 32) {
        float f = (float)d;
        memcpy(&image, &f, sizeof f);
    } else {
        uint16_t half;
        (void)double_to_float16(d, &half);
        image = half;
    }
    return image;
}

enum BuildResult build_float(BitBuilder *b, term_t value, uint64_t bits, unsigned flags)
{
    double d;
    if (bits != 16 && bits != 32 && bits != 64)
        return BUILD_INVALID;
    enum BuildResult r = number_to_double(value, &d);
    if (r != BUILD_OK)
        return r;
    put_field(b, float_image(d, bits), (unsigned)bits, bits_is_little(flags));
    return BUILD_OK;
}

/* ---- bit strings and text ---- */

static void put_view(BitBuilder *b, const BitView *v, uint64_t bits)
{
    bits_copy(b->base, b->at, v->base, v->offset, bits);
    b->at += bits;
}

enum BuildResult build_binary(BitBuilder *b, term_t value, uint64_t bits)
{
    if (!term_is_bitstring(value))
        return BUILD_TYPE;
    BitView v = bitstring_view(value);
    if (v.bits < bits)
        return BUILD_SHORT;
    put_view(b, &v, bits);
    return BUILD_OK;
}

enum BuildResult build_binary_all(BitBuilder *b, term_t value, uint64_t unit)
{
    if (!term_is_bitstring(value))
        return BUILD_TYPE;
    BitView v = bitstring_view(value);
    if (unit > 1 && v.bits % unit != 0)
        return BUILD_UNIT;
    put_view(b, &v, v.bits);
    return BUILD_OK;
}

void build_string(BitBuilder *b, const uint8_t *bytes, size_t n)
{
    bits_copy(b->base, b->at, bytes, 0, (uint64_t)n * 8);
    b->at += (uint64_t)n * 8;
}

enum BuildResult build_utf8(BitBuilder *b, term_t value)
{
    uint8_t bytes[UTF8_MAX];
    if (!term_is_unicode_scalar(value))
        return BUILD_TYPE;
    build_string(b, bytes, utf8_encode((uint32_t)small_value(value), bytes));
    return BUILD_OK;
}

enum BuildResult build_utf16(BitBuilder *b, term_t value, unsigned flags)
{
    if (!term_is_unicode_scalar(value))
        return BUILD_TYPE;
    uint32_t cp = (uint32_t)small_value(value);
    bool little = bits_is_little(flags);
    if (cp > 0xFFFF) {
        put_field(b, 0xD800 + ((cp - 0x10000) >> 10), 16, little);
        cp = 0xDC00 + ((cp - 0x10000) & 0x3FF);
    }
    put_field(b, cp, 16, little);
    return BUILD_OK;
}

enum BuildResult build_utf32(BitBuilder *b, term_t value, unsigned flags)
{
    if (!term_is_unicode_scalar(value))
        return BUILD_TYPE;
    put_field(b, (uint64_t)small_value(value), 32, bits_is_little(flags));
    return BUILD_OK;
}
