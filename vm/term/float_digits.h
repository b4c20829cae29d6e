/* SPDX-License-Identifier: Apache-2.0 */
/* float_digits - the shortest decimal that reads back as a double, of those the nearest.
 * Method: U. Adams, Ryu: Fast Float-to-String Conversion, PLDI 2018. Threads: any. Layer: term. */
#ifndef JOIST_TERM_FLOAT_DIGITS_H
#define JOIST_TERM_FLOAT_DIGITS_H

#include "base/base.h"

#define FLOAT_DIGITS_MAX 17 /* always enough for a double */

/* 0.digits * 10^point; the last digit is no zero */
typedef struct Decimal {
    char digits[FLOAT_DIGITS_MAX + 1];
    int count;
    int point;
} Decimal;

/* d > 0, finite. */
void float_shortest_digits(double d, Decimal *out);

#endif
