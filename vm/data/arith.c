/* SPDX-License-Identifier: Apache-2.0 */
/* arith - see arith.h. Each operation tries smalls, then floats, then the general integers:
 * bound the size, take the words, compute, give back what is left over.
 * Layer: data. */
#include "data/arith.h"

#include <math.h>

static term_t fail(enum ArithError *err, enum ArithError what)
{
    *err = what;
    return TERM_NONE;
}

/* ---- building integers ---- */

/* Words for `limbs` at hp were taken from h last, the first n limbs are written. */
static term_t finish(Heap *h, term_t *hp, size_t limbs, size_t n, bool negative,
                     enum ArithError *err)
{
    size_t used;
    term_t t = big_finish(hp, n, negative, &used);
    if (UNLIKELY(used > BIG_WORDS(BIG_LIMBS_MAX))) {
        heap_release_end(h, hp, hp + BIG_WORDS(limbs));
        return fail(err, ARITH_SYSTEM_LIMIT);
    }
    heap_release_end(h, hp + used, hp + BIG_WORDS(limbs));
    return t;
}

static term_t *take(Heap *h, size_t limbs)
{
    return heap_alloc(h, BIG_WORDS(limbs));
}

typedef size_t LimbOp(limb_t *r, const BigView *a, const BigView *b, bool *negative);

static term_t general(Heap *h, term_t a, term_t b, LimbOp *op, bool product,
                      enum ArithError *err)
{
    BigView x, y;
    bool negative;
    big_view(&x, a);
    big_view(&y, b);
    size_t limbs = product ? x.n + y.n : MAX(x.n, y.n) + 1;
    if (UNLIKELY(limbs > BIG_LIMBS_MAX + 1)) /* even one limb less is too large */
        return fail(err, ARITH_SYSTEM_LIMIT);
    term_t *hp = take(h, limbs);
    size_t n = op(hp + 1, &x, &y, &negative);
    return finish(h, hp, limbs, n, negative, err);
}

static bool both_integers(term_t a, term_t b)
{
    return term_is_integer(a) && term_is_integer(b);
}

/* ---- integers of up to 127 bits ---- */

__extension__ typedef __int128 wide_t;
__extension__ typedef unsigned __int128 uwide_t;

/* The magnitude of an integer of few limbs. */
static inline bool as_magnitude(term_t t, uwide_t *m, bool *negative)
{
    if (term_is_small(t)) {
        int64_t i = small_value(t);
        *negative = i < 0;
        *m = i < 0 ? -(uint64_t)i : (uint64_t)i;
        return true;
    }
    if (!term_is_boxed(t)) return false;
    const term_t *p = boxed_ptr(t);
    enum BoxedTag tag = HEADER_SUBTAG(*p);
    size_t n = HEADER_ARITY(*p);
    if ((tag != BOXED_POS_BIG && tag != BOXED_NEG_BIG) || n > 2) return false;
    *negative = tag == BOXED_NEG_BIG;
    *m = n == 2 ? (uwide_t)p[2] << LIMB_BITS | p[1] : p[1];
    return true;
}

static term_t put_magnitude(Heap *h, uwide_t m, bool negative)
{
    uint64_t low = (uint64_t)m, high = (uint64_t)(m >> LIMB_BITS);
    if (!high && low <= (uint64_t)SMALL_MAX + negative) return term_small(negative ? -(int64_t)low : (int64_t)low);
    size_t n = high ? 2 : 1;
    term_t *hp = heap_alloc(h, BIG_WORDS(n));
    hp[0] = HEADER(n, negative ? BOXED_NEG_BIG : BOXED_POS_BIG);
    hp[1] = low;
    if (high) hp[2] = high;
    return term_make_boxed(hp);
}

static inline bool as_wide(term_t t, wide_t *v)
{
    uwide_t m;
    bool negative;
    if (!as_magnitude(t, &m, &negative) || m >> (2 * LIMB_BITS - 1)) return false;
    *v = negative ? -(wide_t)m : (wide_t)m;
    return true;
}

static inline bool both_wide(term_t a, term_t b, wide_t *x, wide_t *y) { return as_wide(a, x) && as_wide(b, y); }

static term_t put_wide(Heap *h, wide_t v) { return put_magnitude(h, v < 0 ? -(uwide_t)v : (uwide_t)v, v < 0); }

/* The product, or TERM_NONE: it may be longer. */
static inline term_t wide_product(Heap *h, term_t a, term_t b)
{
    uwide_t m, n;
    bool negative, other;
    if (!as_magnitude(a, &m, &negative) || !as_magnitude(b, &n, &other)) return TERM_NONE;
    if (m >> LIMB_BITS && n >> LIMB_BITS) return TERM_NONE;
    uint64_t limb = (uint64_t)(n >> LIMB_BITS ? m : n);
    uwide_t longer = n >> LIMB_BITS ? n : m, high = (longer >> LIMB_BITS) * limb;
    uwide_t low = (uwide_t)(uint64_t)longer * limb;
    if ((high + (low >> LIMB_BITS)) >> LIMB_BITS) return TERM_NONE;
    return put_magnitude(h, low + (high << LIMB_BITS), negative != other);
}

/* The lowest 64 bits of an integer, in two's complement. */
static inline bool lowest_limb(term_t t, uint64_t *limb)
{
    if (term_is_small(t)) {
        *limb = (uint64_t)small_value(t);
        return true;
    }
    if (!term_is_integer(t)) return false;
    const term_t *p = boxed_ptr(t);
    *limb = HEADER_SUBTAG(*p) == BOXED_NEG_BIG ? -p[1] : p[1];
    return true;
}

/* Not negative, and of one limb. */
static inline bool as_mask(term_t t, uint64_t *mask)
{
    uwide_t m = 0;
    bool negative;
    bool few = as_magnitude(t, &m, &negative) && !negative && !(m >> LIMB_BITS);
    *mask = (uint64_t)m;
    return few;
}

/* ---- floats ---- */

bool number_to_double(term_t t, double *out)
{
    if (term_is_float(t)) {
        *out = float_value(t);
        return true;
    }
    return term_is_integer(t) && int_to_double(t, out);
}

/* Mostly it is one of these. */
static inline bool quick_double(term_t t, double *out)
{
    if (term_is_small(t)) {
        *out = (double)small_value(t);
        return true;
    }
    return number_to_double(t, out);
}

term_t arith_put_double(Heap *h, double d, enum ArithError *err)
{
    if (UNLIKELY(!isfinite(d)))
        return fail(err, ARITH_BADARITH);
    return heap_float(h, d);
}

/* At least one is a float: both as doubles. */
static inline bool both_doubles(term_t a, term_t b, double *x, double *y)
{
    return (term_is_float(a) || term_is_float(b)) && quick_double(a, x) && quick_double(b, y);
}

/* ---- + - * ---- */

term_t arith_add(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    double x, y;
    if (LIKELY(term_both_small(a, b)))
        return heap_int(h, small_value(a) + small_value(b));
    if (both_doubles(a, b, &x, &y))
        return arith_put_double(h, x + y, err);
    wide_t v, w;
    if (both_wide(a, b, &v, &w) && !__builtin_add_overflow(v, w, &v))
        return put_wide(h, v);
    if (both_integers(a, b))
        return general(h, a, b, big_add, false, err);
    return fail(err, ARITH_BADARITH);
}

term_t arith_sub(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    double x, y;
    if (LIKELY(term_both_small(a, b)))
        return heap_int(h, small_value(a) - small_value(b));
    if (both_doubles(a, b, &x, &y))
        return arith_put_double(h, x - y, err);
    wide_t v, w;
    if (both_wide(a, b, &v, &w) && !__builtin_sub_overflow(v, w, &v))
        return put_wide(h, v);
    if (both_integers(a, b))
        return general(h, a, b, big_sub, false, err);
    return fail(err, ARITH_BADARITH);
}

term_t arith_mul(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    double x, y;
    int64_t few;
    if (term_both_small(a, b) && !__builtin_mul_overflow(small_value(a), small_value(b), &few))
        return heap_int(h, few);
    if (both_doubles(a, b, &x, &y))
        return arith_put_double(h, x * y, err);
    term_t product = wide_product(h, a, b);
    if (product != TERM_NONE)
        return product;
    if (both_integers(a, b))
        return general(h, a, b, big_mul, true, err);
    return fail(err, ARITH_BADARITH);
}

/* ---- division ---- */

term_t arith_divide(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    double x, y;
    if (!number_to_double(a, &x) || !number_to_double(b, &y) || y == 0)
        return fail(err, ARITH_BADARITH);
    return arith_put_double(h, x / y, err);
}

/* Quotient and remainder stand behind each other: [q words][r words]. The one that is wanted is
 * moved to the front if need be, and the rest given back. |a| >= |b| in limbs. */
static term_t divide_bigs(Heap *h, const BigView *x, const BigView *y, bool remainder,
                          enum ArithError *err)
{
    size_t q = x->n - y->n + 1, r = y->n, limbs = q + 1 + r;
    term_t *hp = take(h, limbs);
    big_divide(hp + 1, hp + 1 + q + 1, x, y);
    if (!remainder)
        return finish(h, hp, limbs, q, x->negative != y->negative, err);
    memmove(hp + 1, hp + 1 + q + 1, r * sizeof(limb_t));
    return finish(h, hp, limbs, r, x->negative, err);
}

static term_t divide(Heap *h, term_t a, term_t b, bool remainder, enum ArithError *err)
{
    BigView x, y;
    if (!both_integers(a, b) || b == term_small(0))
        return fail(err, ARITH_BADARITH);
    if (term_both_small(a, b)) /* no overflow: smalls have 60 bits */
        return remainder ? term_small(small_value(a) % small_value(b))
                         : heap_int(h, small_value(a) / small_value(b));
    big_view(&x, a);
    big_view(&y, b);
    if (x.n < y.n)
        return remainder ? a : term_small(0);
    return divide_bigs(h, &x, &y, remainder, err);
}

term_t arith_div(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    return divide(h, a, b, false, err);
}

term_t arith_rem(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    return divide(h, a, b, true, err);
}

/* ---- signs ---- */

/* The same magnitude with the sign given. */
static term_t with_sign(Heap *h, term_t a, bool negative, enum ArithError *err)
{
    BigView x;
    big_view(&x, a);
    term_t *hp = take(h, x.n);
    memcpy(hp + 1, x.limbs, x.n * sizeof(limb_t));
    return finish(h, hp, x.n, x.n, negative, err);
}

term_t arith_neg(Heap *h, term_t a, enum ArithError *err)
{
    if (term_is_small(a))
        return heap_int(h, -small_value(a));
    if (term_is_float(a))
        return heap_float(h, -float_value(a));
    if (!term_is_big(a))
        return fail(err, ARITH_BADARITH);
    return with_sign(h, a, !big_is_negative(a), err);
}

/* As 0 + a: -0.0 becomes 0.0. */
term_t arith_plus(Heap *h, term_t a, enum ArithError *err)
{
    if (term_is_number(a))
        return a;
    return arith_add(h, term_small(0), a, err);
}

term_t arith_abs(Heap *h, term_t a, enum ArithError *err)
{
    if (term_is_float(a)) /* abs(-0.0) is -0.0 in OTP 25 */
        return float_value(a) < 0 ? heap_float(h, -float_value(a)) : a;
    if (!term_is_integer(a))
        return fail(err, ARITH_BADARG);
    return int_is_negative(a) ? arith_neg(h, a, err) : a;
}

/* ---- bits ---- */

static size_t op_and(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    return big_bitop(r, BIG_AND, a, b, negative);
}

static size_t op_or(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    return big_bitop(r, BIG_OR, a, b, negative);
}

static size_t op_xor(limb_t *r, const BigView *a, const BigView *b, bool *negative)
{
    return big_bitop(r, BIG_XOR, a, b, negative);
}

/* On smalls the tags combine to themselves, but for xor, which clears them. */
term_t arith_band(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    if (LIKELY(term_both_small(a, b)))
        return a & b;
    uint64_t x, y;
    if ((as_mask(b, &y) && lowest_limb(a, &x)) || (as_mask(a, &y) && lowest_limb(b, &x)))
        return heap_uint(h, x & y);
    wide_t v, w;
    if (both_wide(a, b, &v, &w))
        return put_wide(h, v & w);
    return both_integers(a, b) ? general(h, a, b, op_and, false, err)
                               : fail(err, ARITH_BADARITH);
}

term_t arith_bor(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    if (LIKELY(term_both_small(a, b)))
        return a | b;
    wide_t v, w;
    if (both_wide(a, b, &v, &w))
        return put_wide(h, v | w);
    return both_integers(a, b) ? general(h, a, b, op_or, false, err)
                               : fail(err, ARITH_BADARITH);
}

term_t arith_bxor(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    if (LIKELY(term_both_small(a, b)))
        return term_small(small_value(a) ^ small_value(b));
    wide_t v, w;
    if (both_wide(a, b, &v, &w))
        return put_wide(h, v ^ w);
    return both_integers(a, b) ? general(h, a, b, op_xor, false, err)
                               : fail(err, ARITH_BADARITH);
}

/* bnot a = -1 - a */
term_t arith_bnot(Heap *h, term_t a, enum ArithError *err)
{
    if (!term_is_integer(a))
        return fail(err, ARITH_BADARITH);
    return arith_sub(h, term_small(-1), a, err);
}

static term_t shift_left(Heap *h, term_t a, uint64_t bits, enum ArithError *err)
{
    BigView x;
    big_view(&x, a);
    if (x.n == 0)
        return a;
    if (bits >= BIG_BITS_MAX || big_bit_length(&x) + bits > BIG_BITS_MAX)
        return fail(err, ARITH_SYSTEM_LIMIT);
    size_t limbs = x.n + bits / LIMB_BITS + 1;
    term_t *hp = take(h, limbs);
    size_t n = big_shift_left(hp + 1, &x, bits);
    return finish(h, hp, limbs, n, x.negative, err);
}

static term_t shift_right(Heap *h, term_t a, uint64_t bits, enum ArithError *err)
{
    BigView x;
    big_view(&x, a);
    if (bits / LIMB_BITS >= x.n)
        return term_small(x.negative ? -1 : 0);
    if (term_is_small(a))
        return term_small(small_value(a) >> bits);
    wide_t v;
    if (as_wide(a, &v))
        return put_wide(h, v >> bits);
    size_t limbs = x.n - bits / LIMB_BITS + 1;
    term_t *hp = take(h, limbs);
    size_t n = big_shift_right(hp + 1, &x, bits);
    return finish(h, hp, limbs, n, x.negative, err);
}

/* A shift by a bignum leaves nothing, or passes every limit. */
static term_t shift(Heap *h, term_t a, term_t by, bool left, enum ArithError *err)
{
    if (!both_integers(a, by))
        return fail(err, ARITH_BADARITH);
    left = left != int_is_negative(by);
    int64_t bits = term_is_small(by) ? small_value(by) : INT64_MAX;
    uint64_t size = bits < 0 ? -(uint64_t)bits : (uint64_t)bits;
    return left ? shift_left(h, a, size, err) : shift_right(h, a, size, err);
}

term_t arith_bsl(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    return shift(h, a, b, true, err);
}

term_t arith_bsr(Heap *h, term_t a, term_t b, enum ArithError *err)
{
    return shift(h, a, b, false, err);
}

/* ---- float to integer and back ---- */

term_t arith_float(Heap *h, term_t a, enum ArithError *err)
{
    double d;
    if (term_is_float(a))
        return a;
    return number_to_double(a, &d) ? heap_float(h, d) : fail(err, ARITH_BADARG);
}

term_t heap_int_from_double(Heap *h, double d)
{
    term_t words[BIG_DOUBLE_WORDS];
    size_t used;
    if (d >= -9007199254740992.0 && d <= 9007199254740992.0)
        return term_small((int64_t)d);
    term_t t = big_put_double(words, d, &used);
    if (used == 0)
        return t;
    return term_make_boxed(memcpy(heap_alloc(h, used), words, used * sizeof(term_t)));
}

static term_t to_integer(Heap *h, term_t a, double (*round_how)(double), enum ArithError *err)
{
    if (term_is_integer(a))
        return a;
    if (!term_is_float(a))
        return fail(err, ARITH_BADARG);
    return heap_int_from_double(h, round_how(float_value(a)));
}

/* A float between those beyond which all are whole: *d, and *whole, which is nearer to zero. Else false. */
static inline bool fraction_of(term_t a, double *d, int64_t *whole)
{
    if (!term_is_float(a)) return false;
    *d = float_value(a);
    *whole = fabs(*d) < 0x1p53 ? (int64_t)*d : INT64_MIN;
    return *whole != INT64_MIN;
}

term_t arith_trunc(Heap *h, term_t a, enum ArithError *err)
{
    double d;
    int64_t whole;
    return fraction_of(a, &d, &whole) ? term_small(whole) : to_integer(h, a, trunc, err);
}

term_t arith_round(Heap *h, term_t a, enum ArithError *err)
{
    double d;
    int64_t whole;
    if (!fraction_of(a, &d, &whole)) return to_integer(h, a, round, err);
    double rest = d - (double)whole;
    return term_small(whole + (rest >= 0.5) - (rest <= -0.5));
}

term_t arith_floor(Heap *h, term_t a, enum ArithError *err)
{
    double d;
    int64_t whole;
    return fraction_of(a, &d, &whole) ? term_small(whole - (d < (double)whole)) : to_integer(h, a, floor, err);
}

term_t arith_ceil(Heap *h, term_t a, enum ArithError *err)
{
    double d;
    int64_t whole;
    return fraction_of(a, &d, &whole) ? term_small(whole + (d > (double)whole)) : to_integer(h, a, ceil, err);
}

/* ---- integers from text ---- */

/* Few digits fit a machine word; *ok tells whether they were all digits. */
static int64_t short_digits(const char *text, size_t n, unsigned base, bool *ok)
{
    int64_t value = 0;
    *ok = true;
    for (size_t i = 0; i < n; i++) {
        int digit = digit_value((unsigned char)text[i], base);
        *ok &= digit >= 0;
        value = value * (int64_t)base + digit;
    }
    return value;
}

static bool all_digits(const char *text, size_t n, unsigned base)
{
    for (size_t i = 0; i < n; i++)
        if (digit_value((unsigned char)text[i], base) < 0)
            return false;
    return true;
}

#define SHORT_DIGITS 12 /* 36^12 < 2^63 */

term_t heap_int_from_text(Heap *h, const char *text, size_t n, unsigned base,
                          enum ArithError *err)
{
    bool negative = n > 0 && text[0] == '-', ok;
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        text++;
        n--;
    }
    if (n == 0)
        return fail(err, ARITH_BADARG);
    if (n <= SHORT_DIGITS) {
        int64_t value = short_digits(text, n, base, &ok);
        return ok ? heap_int(h, negative ? -value : value) : fail(err, ARITH_BADARG);
    }
    if (!all_digits(text, n, base))
        return fail(err, ARITH_BADARG);
    size_t limbs = big_limbs_for_digits(n, base), used;
    if (limbs > 2 * BIG_LIMBS_MAX)
        return fail(err, ARITH_SYSTEM_LIMIT);
    term_t *hp = take(h, limbs);
    term_t t = big_put_digits(hp, text, n, base, negative, &used);
    bool too_large = used > BIG_WORDS(BIG_LIMBS_MAX);
    heap_release_end(h, hp + (too_large ? 0 : used), hp + BIG_WORDS(limbs));
    return too_large ? fail(err, ARITH_SYSTEM_LIMIT) : t;
}
