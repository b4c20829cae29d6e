/* SPDX-License-Identifier: Apache-2.0 */
/* decimal - the decimal digits of a number, two at a time. Layer: base. */
#ifndef JOIST_BASE_DECIMAL_H
#define JOIST_BASE_DECIMAL_H

#include "base/base.h"

#include <string.h>

#define DECIMAL_MAX 20 /* digits of 64 bits */

/* Written so that the last one is end[-1]; returns where the first one is. */
static inline char *decimal_before(char *end, uint64_t x)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    for (; x >= 100; x /= 100) memcpy(end -= 2, pairs + x % 100 * 2, 2);
    if (x >= 10) return memcpy(end - 2, pairs + x * 2, 2);
    *--end = (char)('0' + x);
    return end;
}

#endif
