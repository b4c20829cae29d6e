/* SPDX-License-Identifier: Apache-2.0 */
/* weak - things found by a number of 96 bits while they live.
 * A thing is known from weak_add until its end; whoever ends it calls weak_remove before its memory goes, and
 * weak_find asks under the lock whether it can still be held.
 * Threads: any. Locks: SYSTEM, a leaf. Layer: base. */
#ifndef JOIST_BASE_WEAK_H
#define JOIST_BASE_WEAK_H

#include "base/atomic.h"

extern atomic_word_t weak_count;

/* Once is enough. The caller holds the thing. */
void weak_add(const uint32_t number[3], void *thing);
/* The thing, held by `hold`; NULL: none of this number, or `hold` refused. */
void *weak_find(const uint32_t number[3], bool (*hold)(void *thing));
void weak_remove_slow(const void *thing);
/* Nothing for a thing that was never added; cheap while there are none. */
static inline void weak_remove(const void *thing)
{
    if (load_relaxed(&weak_count) > 0) weak_remove_slow(thing);
}

#endif
