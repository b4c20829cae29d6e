/* SPDX-License-Identifier: Apache-2.0 */
/* heap_check - verifier of heaps, for checked builds and tests.
 * The whole graph is walked from the roots (heap_walk.h). Literals are not entered.
 * Checks: every pointer leads into the young block below top, the old block below old_top, a
 * fragment below its fill, or a literal; boxed pointers lead to headers, list pointers do not;
 * objects of the old block do not point into younger memory; sub bits lie inside their storage;
 * each off-heap object reached is on a list, once.
 * Layer: heap. */
#include "base/litmap.h"
#include "heap/heap_priv.h"
#include "heap/heap_walk.h"

typedef struct Check {
    const Heap *h;
    HeapWalk walk;
    HeapWalk lists;          /* a set only: what is on the lists of off-heap objects */
    const HeapFrag *foreign; /* roots may point into them; not entered */
    const char *where;
} Check;

#define FAIL_IF(c, e, t) \
    ((e) ? PANIC("heap check %s: %s: term %#lx", (c)->where, #e, (unsigned long)(t)) : (void)0)

static bool is_old(const Check *c, const term_t *p) { return p >= c->h->old_start && p < c->h->old_top; }

static void check_bits(const Check *c, const term_t *p)
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

static void check_boxed(const Check *c, const term_t *p)
{
    size_t words = boxed_words(p), leading = 1 + boxed_raw_words(*p);
    FAIL_IF(c, words > (size_t)(heap_walk_region(&c->walk, p)->end - p), term_make_boxed(p));
    FAIL_IF(c, leading > words, term_make_boxed(p));
    enum BoxedTag tag = HEADER_SUBTAG(*p);
    if (tag == BOXED_SUB_BITS || tag == BOXED_MATCH)
        check_bits(c, p);
    if (boxed_is_off_heap(*p))
        FAIL_IF(c, !walk_is_marked(heap_walk_region(&c->lists, p), p), term_make_boxed(p));
    for (size_t i = leading; i < words && is_old(c, p); i++) {
        if (term_is_immed(p[i]))
            continue;
        const term_t *to = term_ptr(p[i]);
        FAIL_IF(c, heap_walk_region(&c->walk, to) && !is_old(c, to), p[i]);
    }
}

static void check_pointer(void *ctx, term_t t, const WalkRegion *r)
{
    const Check *c = ctx;
    FAIL_IF(c, term_is_header(t), t);
    const term_t *p = term_ptr(t);
    if (r)
        FAIL_IF(c, term_is_boxed(t) != term_is_header(*p), t);
    else
        FAIL_IF(c, !litmap_contains(p) && !frags_contain(c->foreign, p), t);
}

static void check_object(void *ctx, term_t t)
{
    if (term_is_boxed(t))
        check_boxed(ctx, term_ptr(t));
}

static void check_roots(void *ctx, term_t *first, size_t count)
{
    Check *c = ctx;
    for (size_t i = 0; i < count; i++)
        if (!term_is_header(first[i])) /* absent terms; return addresses */
            heap_walk_from(&c->walk, first[i]);
}

static void note_off_heap(Check *c, OffHeap *list, bool old)
{
    for (OffHeap *o = list; o != NULL; o = o->next) {
        WalkRegion *r = heap_walk_region(&c->lists, &o->header);
        FAIL_IF(c, r == NULL, (term_t)o);
        FAIL_IF(c, is_old(c, &o->header) != old, (term_t)o);
        FAIL_IF(c, !term_is_header(o->header) || !boxed_is_off_heap(o->header), o->header);
        FAIL_IF(c, walk_mark(r, &o->header), (term_t)o);
    }
}

static void check_init(Check *c, const Heap *h, const char *where)
{
    *c = (Check){.h = h, .walk = {check_object, check_pointer, c}, .where = where};
    heap_walk_add_heap(&c->walk, h);
    heap_walk_add_heap(&c->lists, h);
    note_off_heap(c, h->off_heap, false);
    note_off_heap(c, h->old_off_heap, true);
}

static void check_free(Check *c)
{
    heap_walk_free(&c->walk);
    heap_walk_free(&c->lists);
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
    check_block(&c, h);
    if (roots != NULL)
        c.foreign = roots->foreign;
    check_roots(&c, h->stop, (size_t)(h->end - h->stop));
    if (roots != NULL && roots->each != NULL)
        roots->each(roots->owner, check_roots, &c);
    check_free(&c);
}

void heap_verify_term(const Heap *h, term_t t, const char *where)
{
    Check c;
    check_init(&c, h, where);
    check_roots(&c, &t, 1);
    check_free(&c);
}
