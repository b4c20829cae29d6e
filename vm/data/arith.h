/* SPDX-License-Identifier: Apache-2.0 */
/* arith - arithmetic on integers and floats of any size, as the operators of Erlang define it.
 * Every operation checks its operands itself and returns TERM_NONE with *err set when it fails:
 *   ARITH_BADARITH      an operand of the wrong type, division by zero, float overflow
 *   ARITH_SYSTEM_LIMIT  an integer larger than BIG_LIMBS_MAX limbs
 *   ARITH_BADARG        conversions only (float/1, trunc/1, ...): operand is no number, or an
 *                       integer too large for a float
 * Results are built on h; operands may live anywhere. [no GC] The smalls-only fast paths of the
 * interpreter are its own; arith_add and its like start with theirs.
 * Semantics: Erlang reference manual, "Arithmetic Expressions"; erlang(3).
 * Layer: data. */
#ifndef JOIST_DATA_ARITH_H
#define JOIST_DATA_ARITH_H

#include "heap/heap.h"
#include "term/big.h"

enum ArithError { ARITH_BADARITH, ARITH_SYSTEM_LIMIT, ARITH_BADARG };

term_t arith_add(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_sub(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_mul(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_divide(Heap *h, term_t a, term_t b, enum ArithError *err);  /* a / b */
term_t arith_div(Heap *h, term_t a, term_t b, enum ArithError *err);     /* a div b */
term_t arith_rem(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_neg(Heap *h, term_t a, enum ArithError *err);
term_t arith_plus(Heap *h, term_t a, enum ArithError *err);              /* the native: a; code adds it to 0 */
term_t arith_band(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_bor(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_bxor(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_bnot(Heap *h, term_t a, enum ArithError *err);
term_t arith_bsl(Heap *h, term_t a, term_t b, enum ArithError *err);
term_t arith_bsr(Heap *h, term_t a, term_t b, enum ArithError *err);

/* Guard BIFs; ARITH_BADARG. */
term_t arith_abs(Heap *h, term_t a, enum ArithError *err);
term_t arith_float(Heap *h, term_t a, enum ArithError *err);
term_t arith_trunc(Heap *h, term_t a, enum ArithError *err);
term_t arith_round(Heap *h, term_t a, enum ArithError *err);
term_t arith_floor(Heap *h, term_t a, enum ArithError *err);
term_t arith_ceil(Heap *h, term_t a, enum ArithError *err);

/* Any number as a double; false if it is none or too large. */
bool number_to_double(term_t t, double *out);
/* A float on h; TERM_NONE and ARITH_BADARITH if d is no finite number. */
term_t arith_put_double(Heap *h, double d, enum ArithError *err);
/* Integral part of a finite double. */
term_t heap_int_from_double(Heap *h, double d);

/* [+-]digits, the whole text, base 2..36. ARITH_BADARG: no integer; ARITH_SYSTEM_LIMIT. */
term_t heap_int_from_text(Heap *h, const char *text, size_t n, unsigned base,
                          enum ArithError *err);

#endif
