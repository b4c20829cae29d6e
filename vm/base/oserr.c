/* SPDX-License-Identifier: Apache-2.0 */
/* oserr - see oserr.h.
 * Layer: base. */
#include "base/oserr.h"

#include <errno.h>

typedef struct OsError {
    const char *name, *text;
} OsError;

/* Indexed by errno; on Linux the numbers are small and dense. */
static const OsError errors[] = {
#define OSERR(number, name, text) [number] = {name, text},
#include "base/oserr.def"
#undef OSERR
};

static const OsError *lookup(int error)
{
    static const OsError unknown = {"unknown", "unknown error"};
    if (error <= 0 || (size_t)error >= ARRAY_LEN(errors) || errors[error].name == NULL)
        return &unknown;
    return &errors[error];
}

const char *oserr_name(int error)
{
    return lookup(error)->name;
}

const char *oserr_text(int error)
{
    return lookup(error)->text;
}

int oserr_number(const char *name)
{
    for (size_t i = 1; i < ARRAY_LEN(errors); i++)
        if (errors[i].name && strcmp(errors[i].name, name) == 0)
            return (int)i;
    return 0;
}
