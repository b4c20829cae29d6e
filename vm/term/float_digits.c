/* SPDX-License-Identifier: Apache-2.0 */
/* float_digits - see float_digits.h. d is v = m * 2^e; what reads back as d lies between u and w, half-way to its
 * neighbours. The three, in units of a quarter of the last bit, are multiplied by a power of ten that makes all of them
 * whole numbers of some 18 digits, one multiplication by 128 bits each; then digits are taken off as long as a number
 * with fewer lies between u and w. Layer: term. */
#include "term/float_digits.h"

#include <gmp.h>
#include <pthread.h>

#define MANTISSA_BITS 52
#define EXPONENT_BIAS (1023 + MANTISSA_BITS + 2) /* the 2: quarters */
#define POWER_BITS 125                           /* of the powers of five below */
#define POWERS 326                               /* 5^325 is the largest that is needed */
#define INVERSES 292

typedef struct Factor {
    uint64_t low, high;
} Factor;

static Factor powers[POWERS];     /* the first POWER_BITS bits of 5^i */
static Factor inverses[INVERSES]; /* those of 1 / 5^i, rounded up */
static pthread_once_t factors_once = PTHREAD_ONCE_INIT;

/* Bits of 5^i, floor(log10(2^i)) and floor(log10(5^i)), exact for 0 <= i < 1650. */
static int bits_of_power(int i) { return (int)(((uint32_t)i * 1217359) >> 19) + 1; }
static int log10_of_2_power(int i) { return (int)(((uint32_t)i * 78913) >> 18); }
static int log10_of_5_power(int i) { return (int)(((uint32_t)i * 732923) >> 20); }

static Factor factor_of(const mpz_t z)
{
    Factor f = {0, 0};
    uint64_t limbs[2] = {0, 0};
    CHECK(mpz_sizeinbase(z, 2) <= 128);
    mpz_export(limbs, NULL, -1, sizeof limbs[0], 0, 0, z);
    f.low = limbs[0];
    f.high = limbs[1];
    return f;
}

static void make_factors(void)
{
    mpz_t power, z;
    mpz_init_set_ui(power, 1);
    mpz_init(z);
    for (int i = 0; i < POWERS; i++) {
        int bits = bits_of_power(i);
        if (bits >= POWER_BITS) mpz_fdiv_q_2exp(z, power, (mp_bitcnt_t)(bits - POWER_BITS));
        else mpz_mul_2exp(z, power, (mp_bitcnt_t)(POWER_BITS - bits));
        powers[i] = factor_of(z);
        if (i < INVERSES) {
            mpz_set_ui(z, 0);
            mpz_setbit(z, (mp_bitcnt_t)(bits - 1 + POWER_BITS));
            mpz_fdiv_q(z, z, power);
            mpz_add_ui(z, z, 1);
            inverses[i] = factor_of(z);
        }
        mpz_mul_ui(power, power, 5);
    }
    mpz_clear(power);
    mpz_clear(z);
}

static uint64_t multiply(uint64_t m, const Factor *f, int shift)
{
    unsigned __int128 low = (unsigned __int128)m * f->low, high = (unsigned __int128)m * f->high;
    return (uint64_t)(((low >> 64) + high) >> (shift - 64));
}

static bool is_multiple_of_5_power(uint64_t m, int n)
{
    for (; n > 0; n--, m /= 5)
        if (m % 5 != 0) return false;
    return true;
}

static bool is_multiple_of_2_power(uint64_t m, int n) { return (m & ((UINT64_C(1) << n) - 1)) == 0; }

/* u, v and w in decimal: times 10^point. exact: nothing was cut off. */
typedef struct Range {
    uint64_t u, v, w;
    int point;
    bool ends_count;        /* u and w themselves read back as d */
    bool u_exact, v_exact;
} Range;

static void scale_down(Range *r, uint64_t u, uint64_t v, uint64_t w, int e)
{
    int q = log10_of_2_power(e) - (e > 3), shift = -e + q + POWER_BITS + bits_of_power(q) - 1;
    const Factor *f = &inverses[q];
    r->point = q;
    r->u = multiply(u, f, shift);
    r->v = multiply(v, f, shift);
    r->w = multiply(w, f, shift);
    if (q > 21) return; /* no number of 55 bits is a multiple of so high a power */
    if (v % 5 == 0) r->v_exact = is_multiple_of_5_power(v, q);
    else if (r->ends_count) r->u_exact = is_multiple_of_5_power(u, q);
    else r->w -= is_multiple_of_5_power(w, q);
}

static void scale_up(Range *r, uint64_t u, uint64_t v, uint64_t w, int e)
{
    int q = log10_of_5_power(-e) - (-e > 1), i = -e - q, shift = q - (bits_of_power(i) - POWER_BITS);
    const Factor *f = &powers[i];
    r->point = q + e;
    r->u = multiply(u, f, shift);
    r->v = multiply(v, f, shift);
    r->w = multiply(w, f, shift);
    if (q <= 1) {
        r->v_exact = true; /* v is a multiple of four */
        if (r->ends_count) r->u_exact = v - u == 2;
        else r->w--;
    } else if (q < 63) {
        r->v_exact = is_multiple_of_2_power(v, q);
    }
}

static Range range_of(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int exponent = (int)(bits >> MANTISSA_BITS);
    uint64_t m = exponent ? mantissa | UINT64_C(1) << MANTISSA_BITS : mantissa;
    int e = (exponent ? exponent : 1) - EXPONENT_BIAS;
    bool even_gap = mantissa != 0 || exponent <= 1; /* the neighbour below is as far as the one above */
    Range r = {.ends_count = (m & 1) == 0};
    uint64_t v = 4 * m, u = v - 1 - even_gap, w = v + 2;
    if (e >= 0) scale_down(&r, u, v, w, e);
    else scale_up(&r, u, v, w, e);
    return r;
}

/* Takes digits off; the result is the number that is left. */
static uint64_t shorten(Range *r)
{
    unsigned last = 0; /* digit of v that was taken off last */
    for (; r->w / 10 > r->u / 10; r->point++) {
        r->u_exact = r->u_exact && r->u % 10 == 0;
        r->v_exact = r->v_exact && last == 0;
        last = (unsigned)(r->v % 10);
        r->u /= 10, r->v /= 10, r->w /= 10;
    }
    for (; r->u_exact && r->u % 10 == 0 && r->u > 0; r->point++) {
        r->v_exact = r->v_exact && last == 0;
        last = (unsigned)(r->v % 10);
        r->u /= 10, r->v /= 10, r->w /= 10;
    }
    if (r->v_exact && last == 5 && r->v % 2 == 0) last = 4; /* half-way: to the even one */
    bool below_range = r->v == r->u && !(r->ends_count && r->u_exact);
    return r->v + (below_range || last >= 5);
}

/* A decimal of up to 15 digits and the double next to it say the same, so that there is one such decimal at most for d:
 * *n, times 10^*point. The product and the quotient are exact but for one rounding each. False: d has none. */
static bool few_digits(double d, uint64_t *n, int *point)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!(d >= 1e-7 && d < 1e15)) return false;
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    int binary = (int)(bits >> MANTISSA_BITS) - 1023, places = 14 - ((binary * 78913) >> 18);
    if (d * power[places] >= 1e15) places--;
    *n = (uint64_t)(d * power[places] + 0.5);
    *point = -places;
    return (double)*n / power[places] == d;
}

/* A whole number is its own shortest text up to here: its neighbours are no farther away than the next whole ones. */
#define WHOLE_MAX 0x1p53

static uint64_t shortest(double d, int *point)
{
    uint64_t n;
    *point = 0;
    if (d < WHOLE_MAX && (double)(uint64_t)d == d) return (uint64_t)d;
    if (few_digits(d, &n, point)) return n;
    pthread_once(&factors_once, make_factors);
    Range r = range_of(d);
    n = shorten(&r);
    *point = r.point;
    return n;
}

static uint64_t without_zeros(uint64_t n, int *point)
{
    for (; n % 100000000 == 0; n /= 100000000) *point += 8;
    for (; n % 1000 == 0; n /= 1000) *point += 3;
    for (; n % 10 == 0; n /= 10) ++*point;
    return n;
}

void float_shortest_digits(double d, Decimal *out)
{
    int point;
    uint64_t n = without_zeros(shortest(d, &point), &point);
    char text[24];
    int at = sizeof text;
    for (; n > 0; n /= 10) text[--at] = (char)('0' + n % 10);
    out->count = (int)sizeof text - at;
    memcpy(out->digits, text + at, (size_t)out->count);
    out->point = point + out->count;
}
