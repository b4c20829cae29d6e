/* SPDX-License-Identifier: Apache-2.0 */
/* region - reading memory that holds terms from its first word to its last, dead objects included.
 * What a native has taken and not filled may hold old words. So nothing that is found is followed: a word is
 * only compared with what the reader knows by other means. Layer: heap. */
#ifndef JOIST_HEAP_REGION_H
#define JOIST_HEAP_REGION_H

#include "heap/gc.h"

/* holder: an immediate that says whose memory this is. */
typedef void RegionVisit(void *ctx, term_t holder, const term_t *start, const term_t *end);

/* The first boxed object in [at, end), or end. */
static inline const term_t *region_boxed(const term_t *at, const term_t *end)
{
    while (at < end && !term_is_header(*at)) at++;
    return at;
}

/* The next one behind the boxed object at `at`. */
static inline const term_t *region_next_boxed(const term_t *at, const term_t *end)
{
    size_t words = 1 + boxed_raw_words(*at);
    return words < (size_t)(end - at) ? region_boxed(at + words, end) : end;
}

static inline void region_visit_frags(const HeapFrag *f, term_t holder, RegionVisit *visit, void *ctx)
{
    for (; f != NULL; f = f->next) visit(ctx, holder, f->mem, f->mem + f->used);
}

#endif
