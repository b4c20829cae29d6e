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

/* False: the native goes on elsewhere, from the beginning. */
static bool phash2(Process *p, term_t t, uint32_t *hash)
{
    if (bif_is_long(SIZE_MAX) ? term_phash2_some(t, BIF_LONG_WORDS, hash)
                              : term_phash2_some(t, SIZE_MAX, hash))
        return true;
    (void)bif_go_dirty(p);
    return false;
}

BIF(erlang, phash2, 1, 0)
{
    uint32_t hash;
    return phash2(p, a[0], &hash) ? term_small(hash & PHASH2_DEFAULT_MASK) : TERM_NONE;
}

BIF(erlang, phash2, 2, 0)
{
    uint64_t range = range_of(a[1]);
    uint32_t hash;
    if (!range) return bif_error(p, EXC_BADARG);
    return phash2(p, a[0], &hash) ? term_small((int64_t)(hash % range)) : TERM_NONE;
}
