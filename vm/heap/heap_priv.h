/* SPDX-License-Identifier: Apache-2.0 */
/* heap_priv - what the files of heap/ share with each other. Layer: heap. */
#ifndef JOIST_HEAP_HEAP_PRIV_H
#define JOIST_HEAP_HEAP_PRIV_H

#include "heap/gc.h"

/* Free all fragments, not the off-heap objects. */
void heap_free_frags(Heap *h);
/* start may be NULL. */
void heap_free_block(term_t *start, const term_t *end);
/* Drop the reference that one off-heap object holds. */
void off_heap_drop(OffHeap *o, term_t header);
/* Take a reference for a fresh copy of an off-heap object. */
void off_heap_take(const OffHeap *o);

/* True if p points into one of the fragments. */
static inline bool frags_contain(const HeapFrag *f, const term_t *p)
{
    for (; f != NULL; f = f->next)
        if ((uintptr_t)p - (uintptr_t)f->mem < f->used * sizeof(term_t))
            return true;
    return false;
}

/* The words that fragments may hold beside a block. Those of a small process as many as its block: what many small
 * messages came in is freed while it is in the cache (ring of make bench: with 1,024 words allowed 9 % slower). Large
 * results are not left outside for long, for their memory is not used again before (lists_natives: as much as the
 * block 70 % slower than 1,024 words). */
static inline uint32_t heap_frag_limit(size_t block)
{
    return 256 + MIN(block, (size_t)1024);
}

#endif
