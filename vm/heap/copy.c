/* SPDX-License-Identifier: Apache-2.0 */
/* copy - size of a term, and its deep copy.
 * The copy is breadth first, as in a collection: the words already written are the queue. A
 * word that points into the destination is done; any other pointer is replaced by a copy of what
 * it points to. So no stack is needed, however deep the term. Spines of lists are copied in one
 * run, to keep the cells of a list together.
 * Layer: heap. */
#include "base/litmap.h"
#include "heap/heap_priv.h"
#include "heap/literal.h"
#include "heap/marks.h"
#include "heap/termstack.h"

#include "base/alloc.h"
#include "base/hash.h"

/* ---- where copies of shared objects are ---- */

typedef struct Copied {
    const term_t *from;    /* NULL: free */
    term_t to;             /* 0: sized, not copied yet */
} Copied;

struct CopyMap {
    Marks marks;           /* what is marked twice has a slot */
    Copied *slots;
    size_t mask, count;
};

#define FIRST_SLOTS 64

CopyMap *copy_map_new(void)
{
    CopyMap *m = MEM_NEW(TEMP, CopyMap);
    *m = (CopyMap){.mask = FIRST_SLOTS - 1};
    m->slots = mem_alloc_zero(MEM_TEMP, FIRST_SLOTS * sizeof *m->slots);
    return m;
}

void copy_map_free(CopyMap *m)
{
    marks_free(&m->marks);
    mem_free(MEM_TEMP, m->slots, (m->mask + 1) * sizeof *m->slots);
    MEM_DELETE(TEMP, m);
}

static Copied *copy_map_slot(const CopyMap *m, const term_t *from)
{
    size_t i = hash_pointer(from) & m->mask;
    while (m->slots[i].from && m->slots[i].from != from) i = (i + 1) & m->mask;
    return &m->slots[i];
}

static void copy_map_grow(CopyMap *m)
{
    Copied *old = m->slots;
    size_t n = m->mask + 1;
    m->mask = 2 * n - 1;
    m->slots = mem_alloc_zero(MEM_TEMP, 2 * n * sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i].from) *copy_map_slot(m, old[i].from) = old[i];
    mem_free(MEM_TEMP, old, n * sizeof *old);
}

/* True when `from` is met for the first time. */
static inline bool copy_map_add(CopyMap *m, const term_t *from)
{
    enum Met met = marks_meet(&m->marks, from);
    if (met == MET_SECOND) {
        copy_map_slot(m, from)->from = from;
        if (2 * ++m->count > m->mask) copy_map_grow(m);
    }
    return met == MET_FIRST;
}

/* ---- what is shared ---- */

/* The same for sizing and for copying, whatever area leaves meanwhile. */
typedef struct Sharing {
    bool literals;
    LeavingArea leaving;
} Sharing;

static const Sharing share_nothing = {0};

static Sharing share_literals(void)
{
    return literal_space_self ? (Sharing){true, literal_leaving(literal_space_self)} : share_nothing;
}

static inline bool is_shared(const Sharing *s, const term_t *p)
{
    return s->literals && litmap_contains(p) && (size_t)(p - s->leaving.start) >= s->leaving.words;
}

/* *own points to no literal, and so does all that lies in the same chunk. */
static inline bool is_shared_near(const Sharing *s, const term_t *p, const term_t **own)
{
    if (!s->literals || LIKELY(((uintptr_t)p ^ (uintptr_t)*own) < LITMAP_CHUNK_BYTES)) return false;
    if (!litmap_contains(p)) *own = p;
    return is_shared(s, p);
}

/* ---- size ---- */

static size_t sub_bits_copy_words(const SubBits *s)
{
    if (HEADER_SUBTAG(boxed_header(s->orig)) == BOXED_BINREF)
        return REFC_BITS_WORDS;
    return HEAP_BITS_WORDS((s->end - s->start + 7) / 8);
}

/* Objects whose words are copied as they are, but for the pointers in them. */
#define PLAIN_TAGS (BOXED_LEAF_TAGS | 1u << BOXED_TUPLE | 1u << BOXED_FUN | 1u << BOXED_EXPORT)

/* Where the terms of an object begin, and how many. */
static ALWAYS_INLINE const term_t *object_parts(const term_t *p, size_t words, size_t *n)
{
    if (LIKELY(HEADER_SUBTAG(*p) == BOXED_TUPLE)) {
        *n = words - 1;
        return p + 1;
    }
    size_t leading = 1 + boxed_raw_words(*p);
    *n = words - leading;
    return p + leading;
}

/* Words of t as copied if it is a leaf, else 0. */
static ALWAYS_INLINE size_t leaf_words(const Sharing *sharing, term_t t, const term_t **own)
{
    if (!term_is_boxed(t) || is_shared_near(sharing, boxed_ptr(t), own)) return 0;
    term_t header = boxed_header(t);
    return boxed_tag_is_leaf(HEADER_SUBTAG(header)) ? HEADER_ARITY(header) + 1 : 0;
}

static ALWAYS_INLINE size_t size_list(const Sharing *sharing, TermStack *s, term_t *t, const term_t **own)
{
    size_t words = 0;
    while (term_is_list_cell(*t) && !is_shared_near(sharing, list_ptr(*t), own)) {
        size_t leaf = 0;
        words += 2;
        if (term_is_immed(list_head(*t)) || (leaf = leaf_words(sharing, list_head(*t), own))) *t = list_next(*t);
        else *t = term_stack_cell(s, *t);
        words += leaf;
    }
    return words;
}

/* Words of one boxed object and of the leaves it points to; what else it points to is pushed. */
static ALWAYS_INLINE size_t size_boxed(const Sharing *sharing, TermStack *s, const term_t *p, const term_t **own)
{
    enum BoxedTag tag = HEADER_SUBTAG(*p);
    ASSERT(tag != BOXED_MATCH && tag != BOXED_BINREF);
    if (tag == BOXED_SUB_BITS)
        return sub_bits_copy_words((const SubBits *)p);
    size_t n, words = boxed_words(p);
    for (const term_t *part = object_parts(p, words, &n); n > 0; n--, part++) {
        if (term_is_immed(*part)) continue;
        size_t leaf = leaf_words(sharing, *part, own);
        if (!leaf) term_stack_push(s, *part);
        words += leaf;
    }
    return words;
}

static ALWAYS_INLINE size_t size_words(const Sharing *sharing, term_t t)
{
    if (term_is_immed(t))
        return 0;
    size_t words = 0;
    const term_t *own = NULL;
    TermStack s;
    term_stack_init(&s);
    do {
        words += size_list(sharing, &s, &t, &own);
        if (term_is_boxed(t) && !is_shared_near(sharing, boxed_ptr(t), &own))
            words += size_boxed(sharing, &s, boxed_ptr(t), &own);
    } while (term_stack_pop(&s, &t));
    term_stack_free(&s);
    return words;
}

size_t term_size_words(term_t t)
{
    return size_words(&share_nothing, t);
}

size_t term_size_unshared(term_t t)
{
    Sharing sharing = share_literals();
    return size_words(&sharing, t);
}

/* ---- copy ---- */

static inline term_t moved(term_t w, term_t delta) { return term_is_immed(w) ? w : w + delta; }

term_t heap_copy_block(Heap *h, const term_t *block, size_t words, term_t t)
{
    term_t *to = heap_alloc(h, words), delta = (term_t)((uintptr_t)to - (uintptr_t)block);
    for (size_t i = 0; i < words;) {
        term_t w = block[i];
        if (term_is_header(w)) {
            size_t end = i + 1 + boxed_raw_words(w);
            while (i < end) to[i] = block[i], i++;
        } else {
            to[i++] = moved(w, delta);
        }
    }
    return t + delta;
}

typedef struct Copier {
    Heap *heap;            /* off-heap objects are chained here */
    term_t *start, *top;   /* destination; top is the next free word */
    CopyMap *map;          /* what is met twice in the terms is copied once; NULL: as often as it is met */
    term_t *plain, *plain_end; /* the last run of copied cells that holds nothing more to copy */
} Copier;

void off_heap_take(const OffHeap *o)
{
    switch (HEADER_SUBTAG(o->header)) {
    case BOXED_BINREF:
    case BOXED_REF:
        __atomic_fetch_add((int64_t *)&((const BinRef *)o)->bin->refs, 1, __ATOMIC_RELAXED);
        break;
    default:
        node_inc(((const ExtThing *)o)->node);
        break;
    }
}

/* Copy `words` words of an object; returns where. */
static inline term_t *copy_words(Copier *c, const term_t *p, size_t words)
{
    term_t *to = c->top;
    c->top += words;
    copy_object_words(to, p, words);
    return to;
}

static void copy_off_heap(Copier *c, term_t *to)
{
    OffHeap *o = (OffHeap *)to;
    off_heap_take(o);
    if (HEADER_SUBTAG(o->header) == BOXED_BINREF)
        heap_count_binary(c->heap, ((BinRef *)o)->bin->size);
    heap_link_off_heap(c->heap, o);
}

/* Bits [start, start + n) of data to the beginning of `to`, padded with zeros to whole bytes. */
static void copy_few_bits(unsigned char *to, const unsigned char *data, uint64_t start, uint64_t n)
{
    const unsigned char *from = data + start / 8;
    unsigned shift = start % 8;
    size_t last = (shift + n + 7) / 8; /* bytes of `from` that may be read */
    for (size_t i = 0; i < (n + 7) / 8; i++) {
        unsigned two = (unsigned)from[i] << 8 | (i + 1 < last ? from[i + 1] : 0u);
        to[i] = (unsigned char)(two << shift >> 8);
    }
    if (n % 8)
        to[n / 8] &= (unsigned char)(0xFF00u >> n % 8);
}

static term_t *copy_part_of_heap_bits(Copier *c, const SubBits *s)
{
    uint64_t n = s->end - s->start;
    size_t words = HEAP_BITS_WORDS((n + 7) / 8);
    HeapBits *to = (HeapBits *)c->top;
    c->top += words;
    to->header = HEADER(words - 1, BOXED_HEAP_BITS);
    if (words > 2)
        ((term_t *)to)[words - 1] = 0;
    to->size = n;
    copy_few_bits(to->data, ((HeapBits *)boxed_ptr(s->orig))->data, s->start, n);
    return (term_t *)to;
}

static term_t *copy_sub_bits(Copier *c, const SubBits *s)
{
    if (HEADER_SUBTAG(boxed_header(s->orig)) != BOXED_BINREF)
        return copy_part_of_heap_bits(c, s);
    SubBits *to = (SubBits *)copy_words(c, (const term_t *)s, SUB_BITS_WORDS);
    term_t *ref = copy_words(c, boxed_ptr(s->orig), BINREF_WORDS);
    copy_off_heap(c, ref);
    to->flags = 0;
    to->orig = term_make_boxed(ref);
    return (term_t *)to;
}

static term_t copy_special(Copier *c, const term_t *p)
{
    if (HEADER_SUBTAG(*p) == BOXED_SUB_BITS)
        return term_make_boxed(copy_sub_bits(c, (const SubBits *)p));
    term_t *to = copy_words(c, p, boxed_words(p));
    if (boxed_is_off_heap(*to))
        copy_off_heap(c, to);
    return term_make_boxed(to);
}

static inline term_t copy_boxed(Copier *c, const term_t *p)
{
    if (LIKELY(PLAIN_TAGS >> HEADER_SUBTAG(*p) & 1)) return term_make_boxed(copy_words(c, p, 1 + HEADER_ARITY(*p)));
    return copy_special(c, p);
}

static void note_plain(Copier *c, term_t *from)
{
    if (from != c->plain_end) c->plain = from;
    c->plain_end = c->top;
}

static term_t copy_spine(Copier *c, const Sharing *sharing, term_t t)
{
    term_t *from = c->top, *to = from;
    const term_t *own = list_ptr(t);
    bool plain = true;
    for (;;) {
        term_t head = list_head(t);
        plain &= term_is_immed(head);
        to[0] = head;
        t = list_next(t);
        if (!term_is_list_cell(t) || is_shared_near(sharing, list_ptr(t), &own)) break;
        if (c->map && marks_met_again(&c->map->marks, list_ptr(t))) break;
        to[1] = term_make_list(to + 2);
        to += 2;
    }
    to[1] = t;
    c->top = to + 2;
    if (plain && term_is_nil(t)) note_plain(c, from);
    return term_make_list(from);
}

/* What is met twice: copied by the first that comes. */
static term_t copy_once(Copier *c, term_t t)
{
    Copied *done = copy_map_slot(c->map, term_ptr(t));
    if (done->to == 0)
        done->to = term_is_list_cell(t) ? term_make_list(copy_words(c, list_ptr(t), 2)) : copy_boxed(c, boxed_ptr(t));
    return done->to;
}

/* The copy of what t points to; t itself when it is immediate, shared or already copied. */
static ALWAYS_INLINE term_t copy_one(Copier *c, const Sharing *sharing, term_t t)
{
    if (term_is_immed(t))
        return t;
    term_t *p = term_ptr(t);
    if ((size_t)(p - c->start) < (size_t)(c->top - c->start))
        return t;
    if (is_shared(sharing, p))
        return t;
    if (c->map && marks_met_again(&c->map->marks, p))
        return copy_once(c, t);
    return term_is_list_cell(t) ? copy_spine(c, sharing, t) : copy_boxed(c, p);
}

/* Replace pointers in what has been copied until nothing is left to copy. */
static ALWAYS_INLINE void copy_rest(Copier *c, const Sharing *sharing, term_t *scan)
{
    while (scan < c->top) {
        term_t t = *scan;
        if (scan == c->plain) {
            scan = c->plain_end;
        } else if (term_is_header(t)) {
            scan += 1 + boxed_raw_words(t);
        } else {
            if (!term_is_immed(t)) *scan = copy_one(c, sharing, t);
            scan++;
        }
    }
}

static ALWAYS_INLINE term_t copy_to(Heap *h, const Sharing *sharing, term_t t, term_t *words, term_t **end)
{
    Copier c = {.heap = h, .start = words, .top = words};
    term_t result = copy_one(&c, sharing, t);
    copy_rest(&c, sharing, words);
    *end = c.top;
    return result;
}

term_t term_copy_to(Heap *h, term_t t, term_t *words, term_t **end)
{
    return copy_to(h, &share_nothing, t, words, end);
}

/* Words of one boxed object as copied; what it points to is pushed. */
static size_t boxed_copy_words(TermStack *s, const term_t *p)
{
    enum BoxedTag tag = HEADER_SUBTAG(*p);
    ASSERT(tag != BOXED_MATCH && tag != BOXED_BINREF);
    if (tag == BOXED_SUB_BITS)
        return sub_bits_copy_words((const SubBits *)p);
    size_t n, words = boxed_words(p);
    const term_t *parts = object_parts(p, words, &n);
    term_stack_push_pointers(s, parts, n);
    return words;
}

size_t term_size_shared(CopyMap *m, term_t t)
{
    size_t words = 0;
    TermStack s;
    term_stack_init(&s);
    do {
        while (term_is_list_cell(t) && copy_map_add(m, list_ptr(t))) {
            words += 2;
            t = term_stack_cell(&s, t);
        }
        if (term_is_boxed(t) && copy_map_add(m, boxed_ptr(t)))
            words += boxed_copy_words(&s, boxed_ptr(t));
    } while (term_stack_pop(&s, &t));
    term_stack_free(&s);
    return words;
}

void term_copy_shared_to(CopyMap *m, Heap *h, term_t *terms, size_t count, term_t *words, term_t **end)
{
    Copier c = {.heap = h, .start = words, .top = words, .map = m};
    for (size_t i = 0; i < count; i++)
        terms[i] = copy_one(&c, &share_nothing, terms[i]);
    copy_rest(&c, &share_nothing, words);
    *end = c.top;
}

term_t term_copy_shared(Heap *h, term_t t)
{
    CopyMap *m = copy_map_new();
    size_t words = term_size_shared(m, t);
    if (words > 0) {
        term_t *to = heap_alloc(h, words), *end;
        term_copy_shared_to(m, h, &t, 1, to, &end);
        CHECK(end == to + words);
    }
    copy_map_free(m);
    return t;
}

static ALWAYS_INLINE term_t copy(Heap *h, const Sharing *sharing, term_t t)
{
    if (is_shared(sharing, term_ptr(t)))
        return t;
    size_t words = flat_tuple_words(t);
    if (words) return heap_copy_flat_tuple(h, boxed_ptr(t), words);
    words = size_words(sharing, t);
    term_t *to = heap_alloc(h, words), *end;
    term_t result = copy_to(h, sharing, t, to, &end);
    CHECK(end == to + words);
    return result;
}

term_t term_copy(Heap *h, term_t t)
{
    if (term_is_immed(t)) return t;
    Sharing sharing = share_literals();
    return copy(h, &sharing, t);
}

term_t term_copy_all(Heap *h, term_t t)
{
    return term_is_immed(t) ? t : copy(h, &share_nothing, t);
}
