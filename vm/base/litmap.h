/* SPDX-License-Identifier: Apache-2.0 */
/* litmap - which 4 MB pieces of the address space hold literals.
 * The collector asks this of every pointer it meets outside the heaps, so the answer is one
 * load and a test: a bit per aligned 4 MB of the 48-bit user address space. The 8 MB of
 * bits are zero pages that are never touched except around real chunks.
 * Chunks are mapped whole and aligned; nothing but literals lives in them.
 * Threads: any reads; bits are set and cleared atomically. A chunk is freed only
 *          when nobody can hold a pointer into it (after purge and an epoch).
 * Layer: base. */
#ifndef JOIST_BASE_LITMAP_H
#define JOIST_BASE_LITMAP_H

#include "base/atomic.h"
#include "base/base.h"

#define LITMAP_CHUNK_SHIFT 22
#define LITMAP_CHUNK_BYTES ((size_t)1 << LITMAP_CHUNK_SHIFT)
#define LITMAP_ADDRESS_BITS 48
#define LITMAP_WORDS ((size_t)1 << (LITMAP_ADDRESS_BITS - LITMAP_CHUNK_SHIFT - 6))

extern atomic_u64_t litmap_bits[LITMAP_WORDS];

/* True if p points into a literal chunk. */
static inline bool litmap_contains(const void *p)
{
    uintptr_t chunk = (uintptr_t)p >> LITMAP_CHUNK_SHIFT;
    uint64_t bits = load_relaxed(&litmap_bits[(chunk >> 6) & (LITMAP_WORDS - 1)]);
    return bits >> (chunk & 63) & 1;
}

/* Map at least `bytes` of zeroed, readable and writable memory, rounded up to whole chunks
 * (*got says how much), aligned to a chunk, and mark it. Never NULL. */
void *litmap_chunk_alloc(size_t bytes, size_t *got) MUST_CHECK;
/* Unmark and unmap; `bytes` is what *got said. */
void litmap_chunk_free(void *chunk, size_t bytes);

#endif
