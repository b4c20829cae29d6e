/* SPDX-License-Identifier: Apache-2.0 */
/* numbers - unique numbers from a counter that all threads share, taken in blocks: one atomic addition in a thousand,
 * and no cache line that all of them write. Numbers of one thread ascend; those of several are in no order.
 * Threads: any; a block belongs to its thread, the counter outlives its blocks. Layer: base. */
#ifndef JOIST_BASE_NUMBERS_H
#define JOIST_BASE_NUMBERS_H

#include "base/atomic.h"
#include "base/base.h"

#define NUMBERS_IN_BLOCK 1024u

typedef struct NumberBlock {
    uint64_t next;
    unsigned left;
    atomic_u64_t *counter;     /* that the block is from */
} NumberBlock;

static inline uint64_t number_take(NumberBlock *b, atomic_u64_t *counter)
{
    if (UNLIKELY(b->left == 0 || b->counter != counter))
        *b = (NumberBlock){add_relaxed(counter, NUMBERS_IN_BLOCK), NUMBERS_IN_BLOCK, counter};
    b->left--;
    return b->next++;
}

#endif
