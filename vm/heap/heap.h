/* SPDX-License-Identifier: Apache-2.0 */
/* heap - memory in which terms are built: a process's heap, or a message's fragments.
 *
 *   start          mature          top ->         <- stop            end
 *   |--- old enough ---|--- young ---|    free    |---- stack -------|     young generation block
 *   old_start ... old_top ... old_end                                       old generation block
 *   frags -> HeapFrag -> HeapFrag                                           built outside the block
 *
 * Contract: only heap_reserve (instructions) collects. heap_alloc never fails, never collects and
 * never moves a term: it bumps `top`, or takes a fragment when the block is full. So natives may
 * hold terms in C variables. After a native the interpreter collects when fragments have grown.
 * A Heap that is zeroed (start = top = stop = NULL) has fragments only: message_heap.
 * A Heap with a block but no `mature` is fixed: sized for what is built in it, no fragments.
 * Invariants: start <= mature <= top <= stop <= end; each off-heap object is on off_heap once.
 * Threads: owner only. Layer: heap. See vm/doc/gc.md. */
#ifndef JOIST_HEAP_HEAP_H
#define JOIST_HEAP_HEAP_H

#include "base/checked.h"
#include "term/boxed.h"

typedef struct HeapFrag {
    struct HeapFrag *next;
    size_t words;      /* capacity */
    size_t used;       /* words holding terms */
    term_t mem[];
} HeapFrag;

typedef struct Heap {
    term_t *top;       /* next free word; the interpreter keeps it in a machine register */
    term_t *stop;      /* stack pointer, likewise */
    term_t *start, *end;
    term_t *mature;    /* objects below survived a minor collection */
    term_t *old_start, *old_top, *old_end;
    HeapFrag *frags;   /* newest first; only the first one has room to bump */
    size_t frag_words; /* sum of `used` over frags */
    uint32_t frag_limit; /* collect when frag_words exceeds it */
    uint16_t collections; /* since it began or hibernated, as far as they matter: gc.c */
    uint16_t overflow;    /* words of this heap's own that had no room in the block since, UINT16_MAX: or more */
    OffHeap *off_heap; /* all off-heap objects of the young generation and the fragments */
    OffHeap *old_off_heap;
    uint64_t off_heap_words;     /* virtual size of binaries referenced since the last collection */
    uint64_t off_heap_limit;     /* collect when off_heap_words exceeds it */
    uint64_t old_off_heap_words; /* the same for the old generation: a full collection follows */
    uint64_t old_off_heap_limit;
} Heap;

/* The first fields of every struct Node (dist/node.h): all that the heap knows of a node. */
typedef struct NodeHead {
    _Atomic(int64_t) refs;                /* one per external pid, port or reference, and more */
    void (*release)(struct Node *node);   /* called when the last reference is dropped */
} NodeHead;
static inline void node_inc(struct Node *node)
{
    __atomic_fetch_add((int64_t *)&((NodeHead *)node)->refs, 1, __ATOMIC_RELAXED);
}
void node_dec(struct Node *node);
/* Drop a reference; the last one destroys and frees (data/binary.h has the rest). */
void binary_unref(Binary *b);
/* Storage with BINARY_OWN_FREE: give back its memory, after its destructor has run. */
void binary_free(Binary *b);

/* Words of the free area that only the interpreter uses, for return addresses it pushes: natives
 * leave them alone. A fragment-only heap has none to leave. */
#define HEAP_STACK_RESERVE 4

/* Stores to what heap_info tells, which others may ask for while a dirty native fills the heap. */
#define HEAP_SHOW(field, v) __atomic_store_n(&(field), (v), __ATOMIC_RELAXED)

/* Room for `words`, always. [no GC] */
term_t *heap_alloc_slow(Heap *h, size_t words);
static inline term_t *heap_alloc(Heap *h, size_t words)
{
    term_t *hp = h->top;
    if (LIKELY((size_t)(h->stop - hp) >= words + HEAP_STACK_RESERVE)
#ifdef JOIST_CHECKED
        && !checked_force_fragments()
#endif
    ) {
        HEAP_SHOW(h->top, hp + words);
        return hp;
    }
    return heap_alloc_slow(h, words);
}
/* Give back the unused end of the LAST heap_alloc: [hp, allocated end). */
void heap_release_end(Heap *h, term_t *hp, term_t *allocated_end);

static inline void heap_link_off_heap(Heap *h, OffHeap *o)
{
    o->next = h->off_heap;
    h->off_heap = o;
}
/* Account for a binary of `bytes` newly referenced from h (drives collections). */
static inline void heap_count_binary(Heap *h, size_t bytes)
{
    HEAP_SHOW(h->off_heap_words, h->off_heap_words + bytes / 8);
}

/* Free all fragments and drop the references of the off-heap objects of a fragment-only heap. */
void heap_dispose(Heap *h);
/* Adopt everything of `from` (fragments, off-heap list); `from` is empty afterwards. O(frags). */
void heap_adopt(Heap *h, Heap *from);
/* Drop the reference held by each object in the list (called at death of a heap). */
void off_heap_release(OffHeap *list);
/* Words free for bumping in the block. */
static inline size_t heap_room(const Heap *h) { return (size_t)(h->stop - h->top); }

/* ---- frequent constructors ---- */
static inline term_t heap_cons(Heap *h, term_t head, term_t tail)
{
    return list_put(heap_alloc(h, 2), head, tail);
}
static inline term_t heap_tuple2(Heap *h, term_t a, term_t b) { return tuple_put2(heap_alloc(h, 3), a, b); }
static inline term_t heap_tuple3(Heap *h, term_t a, term_t b, term_t c)
{
    return tuple_put3(heap_alloc(h, 4), a, b, c);
}
static inline term_t heap_tuple4(Heap *h, term_t a, term_t b, term_t c, term_t d)
{
    return tuple_put4(heap_alloc(h, 5), a, b, c, d);
}
static inline term_t heap_tuple5(Heap *h, term_t a, term_t b, term_t c, term_t d, term_t e)
{
    return tuple_put5(heap_alloc(h, 6), a, b, c, d, e);
}
static inline term_t heap_float(Heap *h, double d) { return float_put(heap_alloc(h, FLOAT_WORDS), d); }
term_t heap_tuple(Heap *h, size_t n, const term_t *elements);
term_t heap_list(Heap *h, size_t n, const term_t *elements, term_t tail);
/* Integers of any size: a small when it fits, else a one-limb bignum. */
term_t heap_int(Heap *h, int64_t i);
term_t heap_uint(Heap *h, uint64_t i);
/* List of characters from bytes (Latin-1). */
term_t heap_string(Heap *h, const char *text, size_t bytes, term_t tail);

/* ---- life of a process heap; collection is in heap/gc.h ---- */
/* First block. words = 0: a small default. h was zeroed. */
void heap_init(Heap *h, size_t words, uint64_t off_heap_limit);
/* Free blocks and fragments, release all off-heap objects; h is zeroed. */
void heap_destroy(Heap *h);

/* ---- deep copy (heap/copy.c) ---- */
/* Words of a copy of all of t; without the literals that term_copy would share now. */
size_t term_size_words(term_t t);
size_t term_size_unshared(term_t t);
/* Deep copy of t into h. term_copy shares literals, but for those of an area that leaves (heap/literal.h): it is for
 * what a process is going to have, at the latest at the end of the slice or epoch section. term_copy_all shares
 * nothing: it is for what is kept anywhere else, where the collector of literal areas does not look.
 * Off-heap objects are shared by reference, sub bits of heap bits become heap bits of their own,
 * sharing inside t is not kept. Neither recurses: depth of t is no limit. [no GC] */
term_t term_copy(Heap *h, term_t t);
term_t term_copy_all(Heap *h, term_t t);
/* term_copy_all into words[0..size) that the caller took (size from term_size_words); off-heap objects are
 * chained on h. Returns the end of what was written through *end. */
term_t term_copy_to(Heap *h, term_t t, term_t *words, term_t **end);
/* Words of a tuple of immediates alone, whose copy is a copy of its words; 0: t is something else. */
static inline size_t flat_tuple_words(term_t t)
{
    if (!term_is_tuple(t)) return 0;
    for (word_t i = tuple_arity(t); i > 0; i--)
        if (!term_is_immed(tuple_element(t, i))) return 0;
    return 1 + tuple_arity(t);
}
/* Mostly too few for a call of memcpy, which the compiler would make of the loop. */
static inline void copy_object_words(term_t *to, const term_t *from, size_t words)
{
    if (UNLIKELY(words > 16)) {
        memcpy(to, from, words * sizeof *to);
        return;
    }
    for (size_t i = 0; i < words; i++) {
        to[i] = from[i];
        __asm__("" : "+r"(i));
    }
}
static inline term_t heap_copy_flat_tuple(Heap *h, const term_t *from, size_t words)
{
    term_t *to = heap_alloc(h, words);
    copy_object_words(to, from, words);
    return term_make_boxed(to);
}
/* Copy of t, which lies in a block with all that it consists of, and nothing off-heap. */
term_t heap_copy_block(Heap *h, const term_t *block, size_t words, term_t t);
/* Copies that keep sharing: what is reached twice is copied once. First all terms are sized with one map,
 * then copied with it, in place, to words[0..sum of sizes). Literals are copied, too. */
typedef struct CopyMap CopyMap;
CopyMap *copy_map_new(void);
void copy_map_free(CopyMap *m);
size_t term_size_shared(CopyMap *m, term_t t);
void term_copy_shared_to(CopyMap *m, Heap *h, term_t *terms, size_t count, term_t *words, term_t **end);
/* Deep copy of t, literals included, into h. [no GC] */
term_t term_copy_shared(Heap *h, term_t t);

#endif
