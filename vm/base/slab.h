/* SPDX-License-Identifier: Apache-2.0 */
/* slab - small blocks that have their cache lines to themselves.
 * Why:       blocks of malloc share lines with their neighbours. Threads that pass blocks on come to hold every other
 *            one, and then each write takes the line from the other processor: on two schedulers parallel_messages of
 *            test/bench was 1.61 times as fast as on one, now 1.82. And a message of a tuple of
 *            two takes 128 bytes of memory; malloc's, 80 for the signal and 64 for the fragment.
 * Contract:  a size is a number of lines, 1 to SLAB_MAX_LINES. Blocks come and go in lists, so that a thread takes the
 *            lock once for many. Any thread may give back what any other took.
 * Chunks:    blocks of one size lie in chunks of SLAB_CHUNK bytes. One in which no block is used goes to whatever size
 *            needs one, but the last with room of its size. A few of these keep their memory; that of the others the
 *            kernel gets back, their addresses it does not.
 * Contents:  undefined, but the link. Errors: NULL when there is no more memory.
 * Threads:   any. Layer: base. */
#ifndef JOIST_BASE_SLAB_H
#define JOIST_BASE_SLAB_H

#include "base/base.h"

#define SLAB_LINE ((unsigned)CACHE_LINE)
#define SLAB_MAX_LINES 16u
#define SLAB_CHUNK ((size_t)32 << 10)

/* Chunks of their own for what comes and goes in another rhythm: fragments wait for a collection. Signals that take
 * what they leave free between them would lie scattered, and a receive walks along them. */
enum SlabUse { SLAB_SIGNALS, SLAB_FRAGMENTS, SLAB_USES };

typedef struct SlabBlock {
    struct SlabBlock *next;
} SlabBlock;

/* A list of *n blocks at most; *n becomes the number of them, at least 1. */
SlabBlock *slab_take(enum SlabUse use, unsigned lines, unsigned *n) MUST_CHECK;
/* All of a list, NULL included; its blocks are of one size. */
void slab_give(SlabBlock *list);

#endif
