/* SPDX-License-Identifier: Apache-2.0 */
/* gc_policy - sizes of blocks, defaults, and the figures process_info shows.
 * Source of the size sequence: what min_heap_size is rounded to, as spawn_opt/2 and process_info/2
 * show it: each size is the sum of the two before it plus one, up to 833026 words; from there
 * on each is 20% larger than the last.
 * Layer: heap. */
#include "base/alloc.h"
#include "heap/gc.h"

#define FIRST_SIZE 12u
#define SECOND_SIZE 38u
#define LAST_FIBONACCI 833026u

size_t heap_size_at_least(size_t words)
{
    size_t before = FIRST_SIZE, size = SECOND_SIZE;
    while (size < words) {
        size_t next = size < LAST_FIBONACCI ? before + size + 1 : size + size / 5;
        before = size;
        size = next;
    }
    return size;
}

size_t vheap_size_at_least(size_t words)
{
    return heap_size_at_least(words);
}

void heap_policy_init(Vm *vm)
{
    HeapPolicy *policy = MEM_NEW(SYS, HeapPolicy);
    policy->min_heap_words = HEAP_MIN_WORDS;
    policy->min_vheap_words = HEAP_MIN_VHEAP_WORDS;
    policy->fullsweep_after = UINT16_MAX;
    vm->heap_policy = policy;
}

/* A first heap is smaller than the documented least size and grows to it unseen; a block smaller than a
 * first heap is that of a hibernating process, which is exactly as large as what it holds. */
static size_t shown_words(size_t block)
{
    return block < HEAP_FIRST_WORDS ? block : MAX(block, (size_t)HEAP_MIN_WORDS);
}

HeapInfo heap_info(const Heap *h)
{
    const term_t *top = __atomic_load_n(&h->top, __ATOMIC_RELAXED);
    size_t block = (size_t)(h->end - h->start), frags = __atomic_load_n(&h->frag_words, __ATOMIC_RELAXED);
    size_t old_block = (size_t)(h->old_end - h->old_start);
    return (HeapInfo){
        .old_block = old_block,
        .block = shown_words(block),
        .frags = frags,
        .recent = (size_t)(top - h->mature),
        .stack = (size_t)(h->end - h->stop),
        .old = (size_t)(h->old_top - h->old_start),
        .young = (size_t)(top - h->start),
        .vheap = __atomic_load_n(&h->off_heap_words, __ATOMIC_RELAXED),
        .vheap_block = h->off_heap_limit,
        .old_vheap = h->old_off_heap_words,
        .old_vheap_block = h->old_off_heap_limit,
        .total = shown_words(block) + old_block + frags,
    };
}
