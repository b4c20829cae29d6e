/* SPDX-License-Identifier: Apache-2.0 */
/* bif_math - the math module. Semantics: math(3): badarg for what is no number, badarith for results
 * that are not finite, and for integers too large for a float. Layer: bifs. */
#include "bifs/bif.h"
#include "data/arith.h"

#include <math.h>

static bool get_double(Process *p, term_t t, double *d)
{
    if (number_to_double(t, d)) return true;
    bif_error(p, term_is_number(t) ? EXC_BADARITH : EXC_BADARG);
    return false;
}

static term_t put_double(Process *p, double d)
{
    return isfinite(d) ? heap_float(&p->heap, d) : bif_error(p, EXC_BADARITH);
}

static term_t apply1(Process *p, const term_t *a, double (*fn)(double))
{
    double x;
    return get_double(p, a[0], &x) ? put_double(p, fn(x)) : TERM_NONE;
}

static term_t apply2(Process *p, const term_t *a, double (*fn)(double, double))
{
    double x, y;
    return get_double(p, a[0], &x) && get_double(p, a[1], &y) ? put_double(p, fn(x, y)) : TERM_NONE;
}

BIF(math, sin, 1, 0) { return apply1(p, a, sin); }
BIF(math, cos, 1, 0) { return apply1(p, a, cos); }
BIF(math, tan, 1, 0) { return apply1(p, a, tan); }
BIF(math, asin, 1, 0) { return apply1(p, a, asin); }
BIF(math, acos, 1, 0) { return apply1(p, a, acos); }
BIF(math, atan, 1, 0) { return apply1(p, a, atan); }
BIF(math, sinh, 1, 0) { return apply1(p, a, sinh); }
BIF(math, cosh, 1, 0) { return apply1(p, a, cosh); }
BIF(math, tanh, 1, 0) { return apply1(p, a, tanh); }
BIF(math, asinh, 1, 0) { return apply1(p, a, asinh); }
BIF(math, acosh, 1, 0) { return apply1(p, a, acosh); }
BIF(math, atanh, 1, 0) { return apply1(p, a, atanh); }
BIF(math, erf, 1, 0) { return apply1(p, a, erf); }
BIF(math, erfc, 1, 0) { return apply1(p, a, erfc); }
BIF(math, exp, 1, 0) { return apply1(p, a, exp); }
BIF(math, log, 1, 0) { return apply1(p, a, log); }
BIF(math, log2, 1, 0) { return apply1(p, a, log2); }
BIF(math, log10, 1, 0) { return apply1(p, a, log10); }
static double square_root(double x) { return x < 0 ? NAN : __builtin_sqrt(x); } /* one instruction: no errno */
BIF(math, sqrt, 1, 0) { return apply1(p, a, square_root); }
BIF(math, ceil, 1, 0) { return apply1(p, a, ceil); }
BIF(math, floor, 1, 0) { return apply1(p, a, floor); }
BIF(math, tau, 0, 0) { return heap_float(&p->heap, 6.283185307179586); }
BIF(math, atan2, 2, 0) { return apply2(p, a, atan2); }
BIF(math, fmod, 2, 0) { return apply2(p, a, fmod); }
BIF(math, pow, 2, 0) { return apply2(p, a, pow); }
