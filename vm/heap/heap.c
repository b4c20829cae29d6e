/* SPDX-License-Identifier: Apache-2.0 */
/* heap - blocks, fragments and off-heap lists; see heap.h.
 * Fragments of a process grow geometrically, so that a native that builds much takes few of them;
 * the first fragment of a fragment-only heap is exact, since a message is usually taken in one go.
 * Layer: heap. */
#include "heap/heap.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/weak.h"
#include "heap/heap_priv.h"
#include "heap/termstack.h"

#define FRAG_MIN_WORDS 62u
#define FRAG_MAX_GROWTH_WORDS ((size_t)1 << 17)

static size_t frag_bytes(size_t words)
{
    return sizeof(HeapFrag) + words * sizeof(term_t);
}

static size_t next_frag_words(const Heap *h, size_t words)
{
    if (h->start == NULL && h->frags == NULL)
        return words;
    size_t wanted = MIN(h->frag_words, FRAG_MAX_GROWTH_WORDS);
    return MAX(words, MAX(wanted, (size_t)FRAG_MIN_WORDS));
}

static HeapFrag *frag_push(Heap *h, size_t words)
{
    HeapFrag *f = mem_alloc(MEM_FRAG, frag_bytes(words));
    f->words = words;
    f->used = 0;
    f->next = h->frags;
    h->frags = f;
    return f;
}

/* Areas of literals and of stored objects are blocks without fragments: they were sized exactly.
 * Only the block of a process has a mark for its survivors. */
static bool is_fixed_block(const Heap *h)
{
    return h->start != NULL && h->mature == NULL;
}

term_t *heap_alloc_slow(Heap *h, size_t words)
{
    if (is_fixed_block(h)) {
        CHECK(heap_room(h) >= words);
        HEAP_SHOW(h->top, h->top + words);
        return h->top - words;
    }
    HeapFrag *f = h->frags;
    if (f == NULL || f->words - f->used < words)
        f = frag_push(h, next_frag_words(h, words));
    term_t *hp = f->mem + f->used;
    f->used += words;
    HEAP_SHOW(h->frag_words, h->frag_words + words);
    h->overflow = (uint16_t)MIN(h->overflow + words, (size_t)UINT16_MAX);
    return hp;
}

void heap_release_end(Heap *h, term_t *hp, term_t *allocated_end)
{
    ASSERT(hp <= allocated_end);
    if (hp == allocated_end)
        return;
    if (h->top == allocated_end) {
        HEAP_SHOW(h->top, hp);
        return;
    }
    HeapFrag *f = h->frags;
    CHECK(f != NULL && f->mem + f->used == allocated_end);
    f->used -= (size_t)(allocated_end - hp);
    HEAP_SHOW(h->frag_words, h->frag_words - (size_t)(allocated_end - hp));
}

void heap_free_frags(Heap *h)
{
    for (HeapFrag *f = h->frags, *next; f != NULL; f = next) {
        next = f->next;
        mem_free(MEM_FRAG, f, frag_bytes(f->words));
    }
    h->frags = NULL;
    h->frag_words = 0;
}

void heap_dispose(Heap *h)
{
    ASSERT(h->start == NULL);
    off_heap_release(h->off_heap);
    heap_free_frags(h);
    h->off_heap = NULL;
    h->off_heap_words = 0;
}

/* The receiver's first fragment stays first: only it has room to bump. */
static void adopt_frags(Heap *h, HeapFrag *first)
{
    HeapFrag **at = h->frags ? &h->frags->next : &h->frags;
    HeapFrag *rest = *at;
    *at = first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = rest;
}

static void adopt_off_heap(Heap *h, OffHeap *first)
{
    OffHeap *last = first;
    while (last->next != NULL)
        last = last->next;
    last->next = h->off_heap;
    h->off_heap = first;
}

void heap_adopt(Heap *h, Heap *from)
{
    ASSERT(from->start == NULL);
    if (from->frags != NULL)
        adopt_frags(h, from->frags);
    if (from->off_heap != NULL)
        adopt_off_heap(h, from->off_heap);
    HEAP_SHOW(h->frag_words, h->frag_words + from->frag_words);
    HEAP_SHOW(h->off_heap_words, h->off_heap_words + from->off_heap_words);
    *from = (Heap){0};
}

/* ---- off-heap objects ---- */

void binary_free(Binary *b)
{
    mem_free(MEM_BINARY, b, BINARY_BLOCK_BYTES(b->size));
}

static void binary_end(Binary *b)
{
    bool own_free = b->flags & BINARY_OWN_FREE;
    if (b->flags & BINARY_MAGIC) weak_remove(b);
    if (b->destroy != NULL)
        b->destroy(b);
    if (!own_free)
        binary_free(b);
}

void binary_unref(Binary *b)
{
    int64_t before = __atomic_fetch_sub((int64_t *)&b->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before == 1)
        binary_end(b);
}

void node_dec(struct Node *node)
{
    NodeHead *n = (NodeHead *)node;
    int64_t before = __atomic_fetch_sub((int64_t *)&n->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before > 0);
    if (before == 1 && n->release != NULL)
        n->release(node);
}

void off_heap_drop(OffHeap *o, term_t header)
{
    switch (HEADER_SUBTAG(header)) {
    case BOXED_BINREF:
    case BOXED_REF:
        binary_unref(((BinRef *)o)->bin);
        break;
    default:
        node_dec(((ExtThing *)o)->node);
        break;
    }
}

void off_heap_release(OffHeap *list)
{
    for (OffHeap *o = list, *next; o != NULL; o = next) {
        next = o->next;
        off_heap_drop(o, o->header);
    }
}

/* ---- life ---- */

void heap_init(Heap *h, size_t words, uint64_t off_heap_limit)
{
    ASSERT(h->start == NULL);
    words = heap_size_at_least(words ? words : HEAP_FIRST_WORDS);
    h->start = mem_alloc(MEM_HEAP, words * sizeof(term_t));
    h->end = h->stop = h->start + words;
    h->top = h->mature = h->start;
    h->frag_limit = heap_frag_limit(words);
    h->off_heap_limit = off_heap_limit ? off_heap_limit : HEAP_MIN_VHEAP_WORDS;
    h->old_off_heap_limit = h->off_heap_limit;
}

void heap_free_block(term_t *start, const term_t *end)
{
    mem_free(MEM_HEAP, start, (size_t)(end - start) * sizeof(term_t));
}

void heap_destroy(Heap *h)
{
    off_heap_release(h->off_heap);
    off_heap_release(h->old_off_heap);
    heap_free_frags(h);
    heap_free_block(h->start, h->end);
    heap_free_block(h->old_start, h->old_end);
    *h = (Heap){0};
}

/* ---- constructors ---- */

term_t heap_tuple(Heap *h, size_t n, const term_t *elements)
{
    term_t *hp = heap_alloc(h, n + 1);
    hp[0] = HEADER(n, BOXED_TUPLE);
    copy_object_words(hp + 1, elements, n);
    return term_make_boxed(hp);
}

term_t heap_list(Heap *h, size_t n, const term_t *elements, term_t tail)
{
    if (n == 0)
        return tail;
    term_t *hp = heap_alloc(h, 2 * n), next = term_make_list(hp);
    for (size_t i = 0; i < n; i++)
        list_put(hp + 2 * i, elements[i], next += 2 * sizeof(term_t));
    hp[2 * n - 1] = tail;
    return term_make_list(hp);
}

static term_t heap_limb(Heap *h, uint64_t limb, enum BoxedTag tag)
{
    term_t *hp = heap_alloc(h, 2);
    hp[0] = HEADER(1, tag);
    hp[1] = limb;
    return term_make_boxed(hp);
}

term_t heap_int(Heap *h, int64_t i)
{
    if (int_fits_small(i))
        return term_small(i);
    return i < 0 ? heap_limb(h, -(uint64_t)i, BOXED_NEG_BIG)
                 : heap_limb(h, (uint64_t)i, BOXED_POS_BIG);
}

term_t heap_uint(Heap *h, uint64_t i)
{
    return uint_fits_small(i) ? term_small((int64_t)i) : heap_limb(h, i, BOXED_POS_BIG);
}

term_t heap_string(Heap *h, const char *text, size_t bytes, term_t tail)
{
    if (bytes == 0)
        return tail;
    term_t *hp = heap_alloc(h, 2 * bytes);
    term_t next = term_make_list(hp);
    for (size_t i = 0; i < bytes; i++)
        list_put(hp + 2 * i, term_small((uint8_t)text[i]), next += 2 * sizeof(term_t));
    hp[2 * bytes - 1] = tail;
    return term_make_list(hp);
}

void term_stack_grow(TermStack *s, size_t n)
{
    size_t capacity = MAX(s->capacity * 2, s->depth + n);
    size_t old_bytes = s->capacity * sizeof(term_t);
    if (s->at == s->inline_words) {
        s->at = mem_alloc(MEM_TEMP, capacity * sizeof(term_t));
        memcpy(s->at, s->inline_words, s->depth * sizeof(term_t));
    } else {
        s->at = mem_realloc(MEM_TEMP, s->at, old_bytes, capacity * sizeof(term_t));
    }
    s->capacity = capacity;
}
