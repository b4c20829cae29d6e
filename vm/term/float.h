/* SPDX-License-Identifier: Apache-2.0 */
/* float - text of doubles, both ways, exactly as OTP 25 writes and reads them.
 * No allocation: the caller brings the buffers. Independent of the host's locale.
 * Layer: term. */
#ifndef JOIST_TERM_FLOAT_H
#define JOIST_TERM_FLOAT_H

#include "base/base.h"

#define FLOAT_TEXT_MAX 512       /* enough for every function below, the NUL included */
#define FLOAT_DECIMALS_MAX 253
#define FLOAT_SCIENTIFIC_MAX 249

/* Syntax: [+-] digits . digits [ (e|E) [+-] digits ]; a comma is taken for the point, as the
 * reference does. Length of the longest prefix that is a float, 0 if there is none. */
size_t float_scan(const char *text, size_t n);

/* The whole text must be a float that is finite; too small ones become 0. */
bool float_parse(const char *text, size_t n, double *out);

/* Shortest text that reads back as d; the nearest of the shortest: "0.1", "1.0e22". */
size_t float_print_short(double d, char *to);

/* d.ddde+dd with 0..FLOAT_SCIENTIFIC_MAX digits after the point: "1.50e+00". */
size_t float_print_scientific(double d, int digits, char *to);

/* ddd.ddd with 0..FLOAT_DECIMALS_MAX decimals; compact drops trailing zeros but the first
 * decimal. Returns 0 when the text would be longer than the reference permits. */
size_t float_print_decimals(double d, int decimals, bool compact, char *to);

#endif
