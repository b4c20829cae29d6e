/* SPDX-License-Identifier: Apache-2.0 */
/* big - see big.h. mpn wants the longer operand first, no leading zero limb in divisors, and
 * sizes above zero: the small cases are sorted out here.
 * Layer: term. */
#include "term/big.h"

#include "base/decimal.h"

#include <gmp.h>
#include <math.h>

static_assert(sizeof(mp_limb_t) == sizeof(limb_t) && GMP_NAIL_BITS == 0, "limbs are GMP's");

#define MPN(p) ((mp_limb_t *)(p))
#define CMPN(p) ((const mp_limb_t *)(p))

/* ---- views ---- */

void big_view(BigView *v, term_t t)
{
    if (term_is_small(t)) {
        int64_t i = small_value(t);
        v->negative = i < 0;
        v->one = i < 0 ? -(uint64_t)i : (uint64_t)i;
        v->limbs = &v->one;
        v->n = i != 0;
        return;
    }
    ASSERT(term_is_big(t));
    v->limbs = big_limb_ptr(t);
    v->n = big_limbs(t);
    v->negative = big_is_negative(t);
}

uint64_t big_bit_length(const BigView *v)
{
    if (v->n == 0)
        return 0;
    return v->n * (uint64_t)LIMB_BITS - (uint64_t)__builtin_clzll(v->limbs[v->n - 1]);
}

static size_t strip(const limb_t *r, size_t n)
{
    while (n > 0 && r[n - 1] == 0)
        n--;
    return n;
}

term_t big_finish(term_t *hp, size_t n, bool negative, size_t *used)
{
    n = strip(hp + 1, n);
    *used = 0;
    if (n == 0)
        return term_small(0);
    if (n == 1 && hp[1] <= (limb_t)SMALL_MAX + negative)
        return term_small(negative ? (int64_t)-hp[1] : (int64_t)hp[1]);
    hp[0] = HEADER(n, negative ? BOXED_NEG_BIG : BOXED_POS_BIG);
    *used = BIG_WORDS(n);
    return term_make_boxed(hp);
}

/* ---- magnitudes ---- */

static int compare_magnitude(const BigView *a, const BigView *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->n == 0 ? 0 : mpn_cmp(CMPN(a->limbs), CMPN(b->limbs), (mp_size_t)a->n);
}

static size_t add_magnitude(limb_t *r, const BigView *a, const BigView *b)
{
    if (a->n < b->n) {
        const BigView *t = a;
        a = b;
        b = t;
    }
    if (b->n == 0) {
        memcpy(r, a->limbs, a->n * sizeof(limb_t));
        return a->n;
    }
    r[a->n] = mpn_add(MPN(r), CMPN(a->limbs), (mp_size_t)a->n, CMPN(b->limbs), (mp_size_t)b->n);
    return a->n + (r[a->n] != 0);
}

/* |a| >= |b| */
static size_t sub_magnitude(limb_t *r, const BigView *a, const BigView *b)
{
    if (b->n == 0)
        memcpy(r, a->limbs, a->n * sizeof(limb_t));
    else
        mpn_sub(MPN(r), CMPN(a->limbs), (mp_size_t)a->n, CMPN(b->limbs), (mp_size_t)b->n);
    return strip(r, a->n);
}

static size_t add_signed(limb_t *r, const BigView *a, const BigView *b, bool b_negative,
                         bool *negative)
{
    if (a->negative == b_negative) {
        *negative = a->negative;
        return add_magnitude(r, a, b);
    }
    int c = compare_magnitude(a, b);
    *negative = c < 0 ? b_negative : a->negative;
    return c < 0 ? sub_magnitude(r, b, a) : sub_magnitude(r, a, b);
}

size_t big_add(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    return add_signed(r, a, b, b->negative, negative);
}

size_t big_sub(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    return add_signed(r, a, b, !b->negative, negative);
}

size_t big_mul(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    *negative = a->negative != b->negative;
    if (a->n < b->n) {
        const BigView *t = a;
        a = b;
        b = t;
    }
    if (b->n == 0)
        return 0;
    if (a->limbs == b->limbs && a->n == b->n)
        mpn_sqr(MPN(r), CMPN(a->limbs), (mp_size_t)a->n);
    else
        mpn_mul(MPN(r), CMPN(a->limbs), (mp_size_t)a->n, CMPN(b->limbs), (mp_size_t)b->n);
    return strip(r, a->n + b->n);
}

void big_divide(limb_t *q, limb_t *r, const BigView *a, const BigView *b)
{
    ASSERT(b->n > 0 && a->n >= b->n);
    if (b->n == 1)
        r[0] = mpn_divrem_1(MPN(q), 0, CMPN(a->limbs), (mp_size_t)a->n, b->limbs[0]);
    else
        mpn_tdiv_qr(MPN(q), MPN(r), 0, CMPN(a->limbs), (mp_size_t)a->n, CMPN(b->limbs),
                    (mp_size_t)b->n);
}

/* ---- two's complement ---- */

/* Yields the limbs of the two's complement one after the other: for a negative number
 * -m = ~m + 1, with the carry of that + 1 kept between limbs. */
typedef struct Twos {
    const BigView *v;
    size_t at;
    limb_t carry;
} Twos;

static Twos twos_start(const BigView *v)
{
    return (Twos){v, 0, v->negative};
}

static limb_t twos_next(Twos *s)
{
    limb_t limb = s->at < s->v->n ? s->v->limbs[s->at] : 0;
    s->at++;
    if (!s->v->negative)
        return limb;
    limb = ~limb + s->carry;
    s->carry = s->carry && limb == 0;
    return limb;
}

static void negate_limbs(limb_t *r, size_t n)
{
    mpn_neg(MPN(r), CMPN(r), (mp_size_t)n);
}

static limb_t bitop_limb(enum BigBitOp op, limb_t x, limb_t y)
{
    switch (op) {
    case BIG_AND: return x & y;
    case BIG_OR: return x | y;
    default: return x ^ y;
    }
}

/* One limb more than the longer operand holds the sign of the result. */
size_t big_bitop(limb_t *r, enum BigBitOp op, const BigView *a, const BigView *b,
                 bool *negative)
{
    size_t n = MAX(a->n, b->n) + 1;
    Twos x = twos_start(a), y = twos_start(b);
    for (size_t i = 0; i < n; i++)
        r[i] = bitop_limb(op, twos_next(&x), twos_next(&y));
    *negative = r[n - 1] >> (LIMB_BITS - 1);
    if (*negative)
        negate_limbs(r, n);
    return strip(r, n);
}

/* ---- shifts ---- */

size_t big_shift_left(limb_t *r, const BigView *a, uint64_t bits)
{
    size_t whole = bits / LIMB_BITS;
    unsigned part = bits % LIMB_BITS;
    if (a->n == 0)
        return 0;
    memset(r, 0, whole * sizeof(limb_t));
    if (part == 0) {
        memcpy(r + whole, a->limbs, a->n * sizeof(limb_t));
        return whole + a->n;
    }
    limb_t top = mpn_lshift(MPN(r + whole), CMPN(a->limbs), (mp_size_t)a->n, part);
    r[whole + a->n] = top;
    return whole + a->n + (top != 0);
}

/* True if any of the low `bits` bits is set. */
static bool loses_bits(const BigView *a, size_t whole, unsigned part)
{
    for (size_t i = 0; i < whole; i++)
        if (a->limbs[i])
            return true;
    return part && a->limbs[whole] << (LIMB_BITS - part);
}

/* Rounding towards minus infinity: a negative number that loses bits moves one further. */
size_t big_shift_right(limb_t *r, const BigView *a, uint64_t bits)
{
    size_t whole = bits / LIMB_BITS;
    unsigned part = bits % LIMB_BITS;
    ASSERT(whole < a->n);
    size_t n = a->n - whole;
    if (part == 0)
        memcpy(r, a->limbs + whole, n * sizeof(limb_t));
    else
        mpn_rshift(MPN(r), CMPN(a->limbs + whole), (mp_size_t)n, part);
    r[n] = 0;
    if (a->negative && loses_bits(a, whole, part))
        r[n] = mpn_add_1(MPN(r), CMPN(r), (mp_size_t)n, 1);
    return strip(r, n + 1);
}

/* ---- machine integers ---- */

bool int_to_i64(term_t t, int64_t *out)
{
    BigView v;
    big_view(&v, t);
    if (v.n > 1 || (v.n == 1 && v.limbs[0] > (limb_t)INT64_MAX + v.negative))
        return false;
    *out = (int64_t)int_low_bits(t);
    return true;
}

bool int_to_u64(term_t t, uint64_t *out)
{
    BigView v;
    big_view(&v, t);
    if (v.n > 1 || v.negative)
        return false;
    *out = v.n ? v.limbs[0] : 0;
    return true;
}

uint64_t int_low_bits(term_t t)
{
    BigView v;
    big_view(&v, t);
    if (v.n == 0)
        return 0;
    return v.negative ? -v.limbs[0] : v.limbs[0];
}

/* ---- doubles ---- */

bool int_to_double(term_t t, double *out)
{
    BigView v;
    double d = 0;
    if (term_is_small(t)) {
        *out = (double)small_value(t);
        return true;
    }
    big_view(&v, t);
    if (v.n > 17)
        return false;
    for (size_t i = v.n; i-- > 0;)
        d = d * 18446744073709551616.0 + (double)v.limbs[i];
    *out = v.negative ? -d : d;
    return isfinite(d);
}

term_t big_put_double(term_t *hp, double d, size_t *used)
{
    int exponent;
    double part = frexp(fabs(d), &exponent); /* part in [0.5, 1) */
    size_t n = exponent <= 0 ? 0 : ((size_t)exponent + LIMB_BITS - 1) / LIMB_BITS;
    /* Peel limbs off the top: scaled so, each has at most 64 bits before the point. */
    double rest = ldexp(part, exponent - (int)(n * LIMB_BITS));
    for (size_t i = n; i-- > 0;) {
        rest *= 18446744073709551616.0;
        hp[1 + i] = (limb_t)rest;
        rest -= (double)hp[1 + i];
    }
    return big_finish(hp, n, d < 0, used);
}

/* ---- text ---- */

/* Digits of one limb, at most, in each base: ceil(64 / log2(base)), and bits of one digit,
 * rounded up, in 1/256. */
static unsigned bits_per_digit_256(unsigned base)
{
    static const uint16_t bits[37] = {
        0,    0,    256,  406,  512,  595,  662,  719,  768,  812,  851,  886,  918,
        948,  975,  1001, 1024, 1047, 1068, 1088, 1107, 1125, 1142, 1159, 1174, 1189,
        1204, 1218, 1231, 1244, 1257, 1269, 1280, 1292, 1303, 1314, 1324,
    };
    ASSERT(base >= 2 && base <= 36);
    return bits[base];
}

/* One less than the table gives a lower bound, exact for powers of two. */
size_t int_text_bytes(term_t t, unsigned base)
{
    BigView v;
    big_view(&v, t);
    unsigned low = bits_per_digit_256(base) - !is_power_of_two(base);
    return (size_t)(big_bit_length(&v) * 256 / low) + 3;
}

static const char digit_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Lowest first. The compiler does not know the base: shifts where that is possible, else divisions of 32 bits. */
static size_t limb_digits(limb_t x, unsigned base, char *digits)
{
    unsigned shift = (unsigned)__builtin_ctz(base);
    size_t n = 0;
    if (is_power_of_two(base)) {
        do digits[n++] = digit_chars[x & (base - 1)];
        while (x >>= shift);
        return n;
    }
    for (; x > UINT32_MAX; x /= base) digits[n++] = digit_chars[x % base];
    uint32_t rest = (uint32_t)x;
    do digits[n++] = digit_chars[rest % base];
    while (rest /= base);
    return n;
}

static size_t put_limb(limb_t x, unsigned base, char *to)
{
    char digits[LIMB_BITS], *end = digits + sizeof digits;
    if (base == 10) {
        const char *at = decimal_before(end, x);
        memcpy(to, at, (size_t)(end - at));
        return (size_t)(end - at);
    }
    size_t n = limb_digits(x, base, digits);
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    return n;
}

/* mpn_get_str destroys its operand and wants a spare limb. */
static size_t put_limbs(const BigView *v, unsigned base, char *to)
{
    size_t bytes = (v->n + 1) * sizeof(limb_t), zeros = 0;
    limb_t *copy = mem_alloc(MEM_TEMP, bytes);
    memcpy(copy, v->limbs, v->n * sizeof(limb_t));
    size_t n = mpn_get_str((unsigned char *)to, (int)base, MPN(copy), (mp_size_t)v->n);
    mem_free(MEM_TEMP, copy, bytes);
    while (zeros + 1 < n && to[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < n; i++)
        to[i - zeros] = digit_chars[(unsigned char)to[i]];
    return n - zeros;
}

size_t int_to_text(term_t t, unsigned base, char *to)
{
    BigView v;
    size_t at = 0;
    big_view(&v, t);
    if (v.negative)
        to[at++] = '-';
    if (v.n <= 1)
        return at + put_limb(v.n ? v.limbs[0] : 0, base, to + at);
    return at + put_limbs(&v, base, to + at);
}

void buf_put_int(Buf *b, term_t t, unsigned base)
{
    buf_commit(b, int_to_text(t, base, buf_reserve(b, int_text_bytes(t, base))));
}

size_t big_limbs_for_digits(size_t digits, unsigned base)
{
    CHECK(digits < SIZE_MAX / 2048);
    return digits * bits_per_digit_256(base) / 256 / LIMB_BITS + 2;
}

term_t big_put_digits(term_t *hp, const char *digits, size_t n, unsigned base, bool negative,
                      size_t *used)
{
    unsigned char few[128], *values = n <= sizeof few ? few : mem_alloc(MEM_TEMP, n);
    size_t zeros = 0, limbs = 0;
    for (size_t i = 0; i < n; i++)
        values[i] = (unsigned char)digit_value((unsigned char)digits[i], base);
    while (zeros < n && values[zeros] == 0)
        zeros++;
    if (zeros < n)
        limbs = (size_t)mpn_set_str(MPN(hp + 1), values + zeros, n - zeros, (int)base);
    if (values != few) mem_free(MEM_TEMP, values, n);
    return big_finish(hp, limbs, negative, used);
}
