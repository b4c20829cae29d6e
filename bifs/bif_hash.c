/* SPDX-License-Identifier: Apache-2.0 */
/* bif_hash - portable hashes of terms. Semantics: erlang(3) phash/2, phash2/1,2.
 * Errors: badarg for a range outside 1..2^32. Layer: bifs. */
#include "bifs/bif.h"
#include "data/term_hash.h"
#include "term/big.h"

#define PHASH2_DEFAULT_MASK ((1u << 27) - 1)
#define RANGE_MAX ((uint64_t)1 << 32)

/* 1..2^32, or 0. */
static uint64_t range_of(term_t t)
{
    if (!term_is_small(t) || small_value(t) < 1 || (uint64_t)small_value(t) > RANGE_MAX) return 0;
    return (uint64_t)small_value(t);
}

BIF(erlang, phash, 2, 0)
{
    uint64_t range = range_of(a[1]);
    return range ? term_small((int64_t)(term_phash(a[0]) % range + 1)) : bif_error(p, EXC_BADARG);
}

BIF(erlang, phash2, 1, 0)
{
    return term_small(term_phash2(a[0]) & PHASH2_DEFAULT_MASK);
}

BIF(erlang, phash2, 2, 0)
{
    uint64_t range = range_of(a[1]);
    return range ? term_small((int64_t)(term_phash2(a[0]) % range)) : bif_error(p, EXC_BADARG);
}
