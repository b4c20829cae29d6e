/* SPDX-License-Identifier: Apache-2.0 */
/* float - see float.h. Digits come from float_digits.h when as few as possible are wanted, else from the C library,
 * whose printf and strtod are exact in both directions; here is the layout.
 * Layer: term. */
#include "term/float.h"
#include "term/float_digits.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(c_locale != (locale_t)0);
}

static size_t skip_digits(const char *text, size_t at, size_t n)
{
    while (at < n && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

static size_t skip_sign(const char *text, size_t at, size_t n)
{
    return at < n && (text[at] == '+' || text[at] == '-') ? at + 1 : at;
}

size_t float_scan(const char *text, size_t n)
{
    size_t whole = skip_sign(text, 0, n);
    size_t point = skip_digits(text, whole, n);
    if (point == whole || point >= n || (text[point] != '.' && text[point] != ','))
        return 0;
    size_t end = skip_digits(text, point + 1, n);
    if (end == point + 1)
        return 0;
    if (end < n && (text[end] == 'e' || text[end] == 'E')) {
        size_t exponent = skip_sign(text, end + 1, n);
        size_t after = skip_digits(text, exponent, n);
        if (after > exponent)
            return after;
    }
    return end;
}

/* text is NUL-terminated and ours. */
static bool convert(char *text, size_t n, double *out)
{
    char *comma = memchr(text, ',', n);
    if (comma)
        *comma = '.';
    pthread_once(&c_locale_once, make_c_locale);
    double d = strtod_l(text, NULL, c_locale);
    if (!isfinite(d))
        return false;
    *out = d;
    return true;
}

bool float_parse(const char *text, size_t n, double *out)
{
    char small[128];
    if (n == 0 || float_scan(text, n) != n)
        return false;
    char *copy = n < sizeof small ? small : malloc(n + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    bool ok = convert(copy, n, out);
    if (copy != small)
        free(copy);
    return ok;
}

/* ---- layout of the short form ---- */

static size_t put_text(char *to, const char *from, int n)
{
    memcpy(to, from, (size_t)n);
    return (size_t)n;
}

static size_t put_zeros(char *to, int n)
{
    memset(to, '0', (size_t)n);
    return (size_t)n;
}

/* The digits of v, at least `least` of them; the next free place. */
static char *put_digits(char *to, uint64_t v, int least)
{
    char reversed[20];
    int n = 0;
    for (; v > 0; v /= 10) reversed[n++] = (char)('0' + v % 10);
    while (n < least) reversed[n++] = '0';
    while (n > 0) *to++ = reversed[--n];
    return to;
}

static size_t put_plain(const Decimal *x, char *to)
{
    size_t at = 0;
    if (x->point <= 0) {
        at += put_text(to, "0.", 2);
        at += put_zeros(to + at, -x->point);
        return at + put_text(to + at, x->digits, x->count);
    }
    if (x->count <= x->point) {
        at += put_text(to, x->digits, x->count);
        at += put_zeros(to + at, x->point - x->count);
        return at + put_text(to + at, ".0", 2);
    }
    at += put_text(to, x->digits, x->point);
    to[at++] = '.';
    return at + put_text(to + at, x->digits + x->point, x->count - x->point);
}

static size_t put_exponential(const Decimal *x, char *to)
{
    size_t at = put_text(to, x->digits, 1);
    to[at++] = '.';
    if (x->count == 1)
        to[at++] = '0';
    else
        at += put_text(to + at, x->digits + 1, x->count - 1);
    to[at++] = 'e';
    if (x->point < 1) to[at++] = '-';
    return (size_t)(put_digits(to + at, (uint64_t)abs(x->point - 1), 1) - to);
}

static int plain_length(const Decimal *x)
{
    if (x->point <= 0)
        return 2 - x->point + x->count;
    return MAX(x->count, x->point) + (x->count <= x->point ? 2 : 1);
}

static int exponential_length(const Decimal *x)
{
    int e = abs(x->point - 1), negative = x->point < 1;
    return MAX(x->count, 2) + 2 + negative + (e >= 100 ? 3 : e >= 10 ? 2 : 1);
}

/* The shorter layout wins, the plain one at a tie; from 2^53 on, where not every integer is a
 * double, always the exponential one. */
size_t float_print_short(double d, char *to)
{
    size_t at = 0;
    Decimal x;
    if (signbit(d)) {
        to[at++] = '-';
        d = -d;
    }
    if (d == 0) {
        at += put_text(to + at, "0.0", 3);
    } else {
        float_shortest_digits(d, &x);
        bool plain = d < 9007199254740992.0 && plain_length(&x) <= exponential_length(&x);
        at += plain ? put_plain(&x, to + at) : put_exponential(&x, to + at);
    }
    to[at] = 0;
    return at;
}

/* ---- fixed layouts ---- */

/* The C library writes its locale's decimal point; we want a full stop. */
static void fix_point(char *text)
{
    char *point = strpbrk(text, ",.");
    if (point)
        *point = '.';
}

size_t float_print_scientific(double d, int digits, char *to)
{
    ASSERT(digits >= 0 && digits <= FLOAT_SCIENTIFIC_MAX);
    int n = snprintf(to, FLOAT_TEXT_MAX, "%.*e", digits, d);
    fix_point(to);
    return (size_t)n;
}

#define FAST_DECIMALS 18
#define LONGEST_DECIMAL 255 /* longer texts are refused, as the reference does */

/* |d| < 2^53 and few decimals: scale the fraction and round half away from zero, in double
 * arithmetic. The last places can differ from the exact expansion; the reference's do too. */
static size_t put_scaled(double d, int decimals, char *to)
{
    static const double power[FAST_DECIMALS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                    1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                    1e14, 1e15, 1e16, 1e17, 1e18};
    double size = fabs(d);
    uint64_t whole = (uint64_t)size;
    double places = (size - (double)whole) * power[decimals];
    uint64_t scaled = (uint64_t)places;
    if (places - (double)scaled >= 0.5)
        scaled++;
    if (scaled >= (uint64_t)power[decimals]) {
        whole++;
        scaled -= (uint64_t)power[decimals];
    }
    char *at = to;
    if (signbit(d)) *at++ = '-';
    at = put_digits(at, whole, 1);
    if (decimals > 0) {
        *at++ = '.';
        at = put_digits(at, scaled, decimals);
    }
    *at = 0;
    return (size_t)(at - to);
}

/* "1.500" -> "1.5", "1.000" -> "1.0". DEVIATES: of a whole number above 2^53 printed without
 * decimals the reference drops zeros before the point, and so changes the value. */
static size_t compact_zeros(char *to, size_t n)
{
    char *point = strchr(to, '.');
    if (point == NULL)
        return n;
    while (to + n > point + 2 && to[n - 1] == '0')
        n--;
    to[n] = 0;
    return n;
}

size_t float_print_decimals(double d, int decimals, bool compact, char *to)
{
    ASSERT(decimals >= 0 && decimals <= FLOAT_DECIMALS_MAX);
    size_t n;
    if (decimals <= FAST_DECIMALS && fabs(d) < 9007199254740992.0) {
        n = put_scaled(d, decimals, to);
    } else {
        n = (size_t)snprintf(to, FLOAT_TEXT_MAX, "%.*f", decimals, d);
        if (n > LONGEST_DECIMAL)
            return 0;
        fix_point(to);
    }
    return compact ? compact_zeros(to, n) : n;
}
