/* SPDX-License-Identifier: Apache-2.0 */
/* heap_check - verifier of heaps, for checked builds and tests.
 * The whole graph is walked from the roots, each object once: a bitmap over the heap's memory says
 * which words begin an object already seen. Literals are not entered.
 * Checks: every pointer leads into the young block below top, the old block below old_top, a
 * fragment below its fill, or a literal; boxed pointers lead to headers, list pointers do not;
 * objects of the old block do not point into younger memory; sub bits lie inside their storage;
 * each off-heap object reached is on a list, once.
 * Layer: heap. */
#include "base/alloc.h"
#include "base/litmap.h"
#include "heap/heap_priv.h"
#include "heap/termstack.h"

typedef struct Region {
    const term_t *start, *end;
    uint8_t *seen;          /* one byte per word: SEEN_* */
    bool old;
} Region;

#define SEEN_OBJECT 1u
#define SEEN_OFF_HEAP 2u

typedef struct Check {
    Region *regions;
    size_t count;
    TermStack todo;
    const HeapFrag *foreign; /* roots may point into them; not entered */
    const char *where;
} Check;

#define FAIL_IF(c, e, t) \
    ((e) ? PANIC("heap check %s: %s: term %#lx", (c)->where, #e, (unsigned long)(t)) : (void)0)

static void region_add(Check *c, const term_t *start, const term_t *end, bool old)
{
    size_t words = (size_t)(end - start);
    c->regions[c->count++] = (Region){start, end, mem_alloc_zero(MEM_TEMP, words), old};
}

static void check_init(Check *c, const Heap *h, const char *where)
{
    size_t count = 2;
    for (HeapFrag *f = h->frags; f != NULL; f = f->next)
        count++;
    c->regions = mem_alloc(MEM_TEMP, count * sizeof(Region));
    c->count = 0;
    c->where = where;
    c->foreign = NULL;
    term_stack_init(&c->todo);
    region_add(c, h->start, h->top, false);
    region_add(c, h->old_start, h->old_top, true);
    for (HeapFrag *f = h->frags; f != NULL; f = f->next)
        region_add(c, f->mem, f->mem + f->used, false);
}

static void check_free(Check *c)
{
    for (size_t i = 0; i < c->count; i++)
        mem_free(MEM_TEMP, c->regions[i].seen,
                 (size_t)(c->regions[i].end - c->regions[i].start));
    mem_free(MEM_TEMP, c->regions, c->count * sizeof(Region));
    term_stack_free(&c->todo);
}

static Region *region_of(Check *c, const term_t *p)
{
    for (size_t i = 0; i < c->count; i++)
        if (p >= c->regions[i].start && p < c->regions[i].end)
            return &c->regions[i];
    return NULL;
}

static void check_bits(Check *c, const term_t *p)
{
    const SubBits *s = (const SubBits *)p;
    term_t orig = s->orig;
    FAIL_IF(c, !term_is_boxed(orig), orig);
    FAIL_IF(c, s->start > s->end, term_make_boxed(p));
    enum BoxedTag tag = HEADER_SUBTAG(boxed_header(orig));
    FAIL_IF(c, tag != BOXED_BINREF && tag != BOXED_HEAP_BITS, orig);
    FAIL_IF(c, tag == BOXED_HEAP_BITS && s->end > ((HeapBits *)boxed_ptr(orig))->size, term_make_boxed(p));
    if (tag == BOXED_HEAP_BITS) return;
    const Binary *b = ((BinRef *)boxed_ptr(orig))->bin; /* how much lies outside, only its keeper knows */
    FAIL_IF(c, !(b->flags & BINARY_OUTSIDE) && s->end > b->size * 8, term_make_boxed(p));
}

static void check_object(Check *c, Region *r, const term_t *p)
{
    size_t words = boxed_words(p), leading = 1 + boxed_raw_words(*p);
    FAIL_IF(c, words > (size_t)(r->end - p), term_make_boxed(p));
    FAIL_IF(c, leading > words, term_make_boxed(p));
    enum BoxedTag tag = HEADER_SUBTAG(*p);
    if (tag == BOXED_SUB_BITS || tag == BOXED_MATCH)
        check_bits(c, p);
    if (boxed_is_off_heap(*p))
        FAIL_IF(c, !(r->seen[p - r->start] & SEEN_OFF_HEAP), term_make_boxed(p));
    term_stack_push_pointers(&c->todo, p + leading, words - leading);
    for (size_t i = leading; i < words && r->old; i++) {
        if (term_is_immed(p[i]))
            continue;
        Region *to = region_of(c, term_ptr(p[i]));
        FAIL_IF(c, to != NULL && !to->old, p[i]);
    }
}

static void check_pointer(Check *c, term_t t)
{
    if (term_is_immed(t))
        return;
    FAIL_IF(c, term_is_header(t), t);
    const term_t *p = term_ptr(t);
    if (litmap_contains(p) || frags_contain(c->foreign, p))
        return;
    Region *r = region_of(c, p);
    FAIL_IF(c, r == NULL, t);
    FAIL_IF(c, term_is_boxed(t) != term_is_header(*p), t);
    uint8_t *seen = &r->seen[p - r->start];
    if (*seen & SEEN_OBJECT)
        return;
    *seen |= SEEN_OBJECT;
    if (term_is_boxed(t))
        check_object(c, r, p);
    else
        term_stack_push_pointers(&c->todo, p, 2);
}

static void check_graph(Check *c, term_t t)
{
    do
        check_pointer(c, t);
    while (term_stack_pop(&c->todo, &t));
}

static void check_roots(void *ctx, term_t *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!term_is_header(first[i])) /* absent terms; return addresses */
            check_graph(ctx, first[i]);
}

static void note_off_heap(Check *c, OffHeap *list, bool old)
{
    for (OffHeap *o = list; o != NULL; o = o->next) {
        Region *r = region_of(c, &o->header);
        FAIL_IF(c, r == NULL, (term_t)o);
        FAIL_IF(c, r->old != old, (term_t)o);
        FAIL_IF(c, !term_is_header(o->header) || !boxed_is_off_heap(o->header), o->header);
        uint8_t *seen = &r->seen[&o->header - r->start];
        FAIL_IF(c, *seen & SEEN_OFF_HEAP, (term_t)o);
        *seen |= SEEN_OFF_HEAP;
    }
}

static void check_block(Check *c, const Heap *h)
{
    FAIL_IF(c, h->start > h->mature || h->mature > h->top, (term_t)h->top);
    FAIL_IF(c, h->top > h->stop || h->stop > h->end, (term_t)h->stop);
    FAIL_IF(c, h->old_start > h->old_top || h->old_top > h->old_end, (term_t)h->old_top);
}

void heap_verify(const Heap *h, const RootSet *roots, const char *where)
{
    Check c;
    check_init(&c, h, where);
    if (roots != NULL)
        c.foreign = roots->foreign;
    check_block(&c, h);
    note_off_heap(&c, h->off_heap, false);
    note_off_heap(&c, h->old_off_heap, true);
    check_roots(&c, h->stop, (size_t)(h->end - h->stop));
    if (roots != NULL && roots->each != NULL)
        roots->each(roots->owner, check_roots, &c);
    check_free(&c);
}

void heap_verify_term(const Heap *h, term_t t, const char *where)
{
    Check c;
    check_init(&c, h, where);
    note_off_heap(&c, h->off_heap, false);
    note_off_heap(&c, h->old_off_heap, true);
    check_roots(&c, &t, 1);
    check_free(&c);
}
