/* SPDX-License-Identifier: Apache-2.0 */
/* oserr - see oserr.h.
 * Layer: base. */
#include "base/oserr.h"

#include <errno.h>

/* Indexed by errno; on Linux the numbers are small and dense. */
static const char *const names[] = {
#define OSERR(number, name) [number] = name,
#include "base/oserr.def"
#undef OSERR
};

const char *oserr_name(int error)
{
    return error > 0 && (size_t)error < ARRAY_LEN(names) && names[error] ? names[error] : "unknown";
}
