/* SPDX-License-Identifier: Apache-2.0 */
/* litmap - see litmap.h. Counted as memory of type LITERAL by those who carve chunks up, not
 * here: a chunk is address space, its untouched pages cost nothing.
 * Layer: base. */
#include "base/litmap.h"
#include "base/alloc.h"

#include <sys/mman.h>

atomic_u64_t litmap_bits[LITMAP_WORDS];

static void mark(void *chunk, size_t bytes, bool set)
{
    uintptr_t first = (uintptr_t)chunk >> LITMAP_CHUNK_SHIFT;
    for (uintptr_t c = first; c < first + (bytes >> LITMAP_CHUNK_SHIFT); c++) {
        uint64_t bit = UINT64_C(1) << (c & 63);
        CHECK((c >> 6) < LITMAP_WORDS);
        if (set)
            or_acq_rel(&litmap_bits[c >> 6], bit);
        else
            and_acq_rel(&litmap_bits[c >> 6], ~bit);
    }
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        mem_out_of_memory(MEM_LITERAL, bytes);
    return p;
}

void *litmap_chunk_alloc(size_t bytes, size_t *got)
{
    size_t size = round_up(MAX(bytes, 1), LITMAP_CHUNK_BYTES);
    char *raw = map(size + LITMAP_CHUNK_BYTES);
    char *chunk = (char *)round_up((size_t)raw, LITMAP_CHUNK_BYTES);
    size_t before = (size_t)(chunk - raw);
    if (before)
        munmap(raw, before);
    munmap(chunk + size, LITMAP_CHUNK_BYTES - before);
    mark(chunk, size, true);
    *got = size;
    return chunk;
}

void litmap_chunk_free(void *chunk, size_t bytes)
{
    ASSERT(litmap_contains(chunk));
    mark(chunk, bytes, false);
    munmap(chunk, bytes);
}
