/* SPDX-License-Identifier: Apache-2.0 */
/* literal - areas of constant terms: of a loaded module, or a persistent term.
 * Areas live in chunks of base/litmap, so the collector knows their addresses and leaves them
 * alone; messages and heaps share them. An area is freed by its creator after every process has
 * been asked to copy what it still uses (heap_copy_literals), or when it was never published.
 * Areas are filled by their creator, then constant. Contents need not be walked to be freed: off-heap
 * objects are on the area's own list.
 * Threads: create and free from any; the space's lock protects chunks. Layer: heap. */
#ifndef JOIST_HEAP_LITERAL_H
#define JOIST_HEAP_LITERAL_H

#include "base/vm.h"
#include "heap/region.h"

/* The words of an area that is going to be freed. */
typedef struct LeavingArea {
    const term_t *start;
    size_t words;
} LeavingArea;

typedef struct LiteralArea {
    struct LiteralSpace *space;
    Heap heap;                  /* start..end are the area; top moves while it is being filled */
} LiteralArea;

static inline const term_t *literal_area_start(const LiteralArea *a) { return a->heap.start; }
static inline const term_t *literal_area_end(const LiteralArea *a) { return a->heap.end; }

void literal_space_init(Vm *vm);

/* Room for `words` exactly; fill with heap_alloc(&a->heap) or literal_copy. words may be 0. */
LiteralArea *literal_area_new(Vm *vm, size_t words);
/* Deep copy of t into a (all of it, other literals too); the space was sized by
 * term_size_words(t, false). */
term_t literal_copy(LiteralArea *a, term_t t);
/* One area holding deep copies of terms[0..count), which are replaced by the copies.
 * NULL when all are immediate. */
LiteralArea *literal_area_of_terms(Vm *vm, term_t *terms, size_t count);
/* The same; what terms share is copied once. */
LiteralArea *literal_area_shared(Vm *vm, term_t *terms, size_t count);
/* Releases off-heap objects; the memory may be handed out again at once. Until then the address sanitizer tells
 * who reads it. */
void literal_area_free(LiteralArea *a);
/* From now on term_copy copies what lies in area (NULL: none leaves), too. What was sent before is with its
 * receiver when all epoch sections that go on now have ended; then each process is asked, once. One caller at
 * a time. */
void literal_area_leaves(Vm *vm, const LiteralArea *area);
LeavingArea literal_leaving(const struct LiteralSpace *space);
/* The literals that this thread may let a receiver share; NULL: it copies them all. */
extern THREAD_LOCAL struct LiteralSpace *literal_space_self;
/* All areas, with the holder TERM_NIL, under the lock; neighbours come as one. */
void literal_each_region(Vm *vm, RegionVisit *visit, void *ctx);

#endif
