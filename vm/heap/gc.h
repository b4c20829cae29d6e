/* SPDX-License-Identifier: Apache-2.0 */
/* gc - generational copying collection of one Heap.
 *
 *   minor  objects below `mature` (survivors of an earlier collection) move to the old block,
 *          younger ones to a new young block; the old block is not touched
 *   major  everything alive moves to a new young block; the old block goes
 * Fragments are emptied by both. The stack moves with the young block. Literals stay.
 * Move marks: a moved boxed object's header is the boxed pointer to its new place; a moved cell's
 * head is TERM_NONE and its tail the list pointer to the new place.
 * Invariant: no object of the old block points into the young block or a fragment, since terms
 * are immutable and an object is promoted together with all it reaches.
 * Sizes: blocks up to 233 words come in a few small sizes; from there on the documented sequence
 * of min_heap_size: Fibonacci-like up to about a million words, then 20% steps.
 * Threads: owner only. Layer: heap. See vm/doc/gc.md. */
#ifndef JOIST_HEAP_GC_H
#define JOIST_HEAP_GC_H

#include "base/atomic.h"
#include "base/vm.h"
#include "heap/heap.h"

#define HEAP_MIN_WORDS 233u          /* documented default of min_heap_size */
#define HEAP_FIRST_WORDS 36u         /* what a new process gets when nothing else is asked for */
#define HEAP_MIN_VHEAP_WORDS 46422u  /* documented default of min_bin_vheap_size */

typedef struct RootSet {
    /* Calls visit(ctx, first, count) for every contiguous run of root words. Each root word once. */
    void (*each)(void *owner, void (*visit)(void *ctx, term_t *first, size_t count), void *ctx);
    void *owner;
    /* Fragments of another heap that roots (nothing else) may point into; they stay where they are: a
     * message being matched, which code made by some compilers reserves words for before it removes it. */
    const HeapFrag *foreign;
} RootSet;

enum HeapResult { HEAP_OK, HEAP_LIMIT };

/* vm->heap_policy: defaults of the VM, and what collections did in all. */
typedef struct HeapPolicy {
    uint32_t min_heap_words;    /* const after start, as are the next three */
    uint32_t min_vheap_words;
    uint16_t fullsweep_after;
    uint64_t max_heap;          /* words << 3 | MAX_HEAP_* of process.h */
    atomic_u64_t collections;   /* statistics(garbage_collection) */
    atomic_u64_t reclaimed_words;
    /* max_heap_size with error_logger was exceeded; const after start, may be NULL */
    void (*limit_hook)(void *process, uint64_t total_words, bool kill);
} HeapPolicy;
void heap_policy_init(Vm *vm);

/* One collection: what is wanted, then what happened. */
typedef struct Collection {
    size_t need_words;       /* free words wanted afterwards, between top and stop */
    size_t min_words;        /* young block is not made smaller; 0: HEAP_MIN_WORDS once grown */
    uint64_t max_words;      /* 0: none */
    uint64_t vheap_limit;    /* least virtual binary heap size; 0: HEAP_MIN_VHEAP_WORDS */
    bool major;
    bool exact;              /* hibernation: block exactly as large as its contents + need */
    RootSet roots;           /* all roots but the stack */
    const term_t *area_start, *area_end; /* literal area whose terms must move to the heap, or NULL */
    size_t area_words;
    /* results */
    bool was_major;
    bool want_major;         /* the old virtual binary heap is full: make the next one major */
    size_t live_words;       /* copied by this collection */
    size_t reclaimed_words;
} Collection;

/* Collect. HEAP_LIMIT: the collection took place, but total size is above max_words: the caller
 * kills or reports. Cost: O(live data). */
enum HeapResult heap_collect(Heap *h, Collection *c);

/* Smallest size of the documented sequence that is not below `words`. */
size_t heap_size_at_least(size_t words);
/* Same for virtual binary heaps. */
size_t vheap_size_at_least(size_t words);

/* What a heap holds at a moment; what is built later lies elsewhere, as long as there is no collection. */
typedef struct HeapMark {
    const term_t *top;
    const HeapFrag *frags;
    size_t frag_used;        /* of the first one */
} HeapMark;
HeapMark heap_mark(const Heap *h);
/* Whether anything of h as it was at the mark, its stack or roots may point into [start, end). Reads nothing that
 * building terms in h changes. */
bool heap_mentions(const Heap *h, const HeapMark *mark, const RootSet *roots, const term_t *start, const term_t *end);

/* Replace every literal of [start, end) reachable from the roots of h or its stack by a copy on
 * the heap. False when there was none (nothing done). Does a major collection when needed. */
bool heap_copy_literals(Heap *h, Collection *c, const term_t *start, const term_t *end);
/* The same for a fragment-only heap (a message): roots are updated. */
bool heap_copy_message_literals(Heap *h, term_t *roots, size_t count, const term_t *start,
                                const term_t *end);

/* Sizes as process_info(P, garbage_collection_info) reports them, in words. */
typedef struct HeapInfo {
    size_t old_block, block, frags, recent, stack, old, young;
    uint64_t vheap, vheap_block, old_vheap, old_vheap_block;
    size_t total;            /* total_heap_size */
} HeapInfo;
HeapInfo heap_info(const Heap *h);

/* Whether an object of the heap at `at` has lived through no collection: only such a one may be made to refer to a
 * younger one before a minor collection. */
static inline bool heap_is_recent(const Heap *h, const term_t *at)
{
    return !(at >= h->start && at < h->mature) && !(at >= h->old_start && at < h->old_top);
}

/* Number of words behind a header that are no terms; the rest of the object are terms. */
static inline word_t boxed_raw_words(term_t header)
{
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE: case BOXED_RECORD: return 0;
    case BOXED_FUN: return 2;
    case BOXED_SUB_BITS: case BOXED_MATCH: return 3;
    case BOXED_MAP: return MAP_HEADER_KIND(header) == MAP_NODE ? 0 : 1;
    default: return HEADER_ARITY(header);
    }
}

/* Walk everything reachable from roots and stack and panic on a malformed word. (heap_check.c) */
void heap_verify(const Heap *h, const RootSet *roots, const char *where);
/* Panic unless t is well formed and all of it lies in h or in literals. */
void heap_verify_term(const Heap *h, term_t t, const char *where);

#endif
