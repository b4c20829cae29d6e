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
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    for (; x >= 100; x /= 100) memcpy(end -= 2, pairs + x % 100 * 2, 2);
    if (x >= 10) return memcpy(end - 2, pairs + x * 2, 2);
    *--end = (char)('0' + x);
    return end;
}

#endif
