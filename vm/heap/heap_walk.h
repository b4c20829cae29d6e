/* SPDX-License-Identifier: Apache-2.0 */
/* heap_walk - every object that is reached from given terms, each once: a bit for each word of the memory says which
 * words begin an object already seen. No recursion, nothing is changed.
 *   HeapWalk w = {.visit = f, .met = g, .ctx = ctx};
 *   heap_walk_add_heap(&w, h); heap_walk_from(&w, t); ... heap_walk_free(&w);
 * Threads: nobody else changes the memory meanwhile. Layer: heap. */
#ifndef JOIST_HEAP_HEAP_WALK_H
#define JOIST_HEAP_HEAP_WALK_H

#include "heap/heap.h"
#include "heap/termstack.h"

typedef struct WalkRegion {
    const term_t *start, *end;
    uint64_t *seen;
} WalkRegion;

typedef struct HeapWalk {
    void (*visit)(void *ctx, term_t object);
    /* Each pointer, as often as it is met; r NULL: it leads out of the regions and is not followed. May be NULL. */
    void (*met)(void *ctx, term_t object, const WalkRegion *r);
    void *ctx;
    WalkRegion *regions;
    size_t count, room;
    TermStack todo;
    bool begun;
} HeapWalk;

void heap_walk_add_region(HeapWalk *w, const term_t *start, const term_t *end);
void heap_walk_add_frags(HeapWalk *w, const HeapFrag *f);
/* Both blocks and the fragments. */
void heap_walk_add_heap(HeapWalk *w, const Heap *h);
/* The region of an address, or NULL. */
WalkRegion *heap_walk_region(const HeapWalk *w, const term_t *p);
/* Note an object for the next heap_walk_from, unless it was seen; immediates are ignored. */
void heap_walk_note(HeapWalk *w, term_t t);
/* Visit what t (or anything noted before) leads to. t may be an immediate. */
void heap_walk_from(HeapWalk *w, term_t t);
void heap_walk_free(HeapWalk *w);

/* True: p, in r, was marked before. */
static inline bool walk_mark(WalkRegion *r, const term_t *p)
{
    size_t i = (size_t)(p - r->start);
    uint64_t bit = UINT64_C(1) << (i % 64), was = r->seen[i / 64];
    r->seen[i / 64] = was | bit;
    return was & bit;
}

static inline bool walk_is_marked(const WalkRegion *r, const term_t *p)
{
    size_t i = (size_t)(p - r->start);
    return r->seen[i / 64] >> (i % 64) & 1;
}

#endif
