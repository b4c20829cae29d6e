/* SPDX-License-Identifier: Apache-2.0 */
/* gc - the collector (gc.h): Cheney's algorithm with two destinations.
 *   C. J. Cheney, A Nonrecursive List Compacting Algorithm, CACM 13(11), 1970.
 * The new young block is taken large enough for the case that everything is alive, and cut to the
 * wanted size afterwards; untouched memory costs nothing, and cutting rarely moves a block. The
 * stack and the other roots are updated where they are; the stack moves last.
 * A small block of which little survived before is collected into a scratch area of the thread, and what survives
 * goes back to where it came from: such collections neither allocate nor free, and touch memory that is in the cache.
 * Layer: heap. */
#include "base/alloc.h"
#include "base/litmap.h"
#include "base/log.h"
#include "base/thread.h"
#include "heap/heap_priv.h"

/* A young block larger than this is made smaller when less than a quarter of it is used. */
#define SHRINK_ABOVE_WORDS 3000u

/* A block below HEAP_MIN_WORDS gets that after so many collections. */
#define COLLECTIONS_TO_MIN 8u

/* Collections by way of the thread's scratch area: of at most so many words, fragments included, with so few survivors
 * of the last one, since those are moved twice. */
#define SCRATCH_WORDS 2048u
#define SCRATCH_SURVIVORS 256u
#ifdef JOIST_DEBUG
#define BLOCK_MAY_STAY false /* a pointer into the old block that was kept by mistake shows at once */
#else
#define BLOCK_MAY_STAY true
#endif

static THREAD_LOCAL term_t *scratch; /* NULL before the first such collection */

/* Where survivors of one age go. plain..plain_end: the latest run of moved cells that hold nothing to relocate. */
typedef struct Destination {
    term_t *top, *plain, *plain_end;
} Destination;

typedef struct Gc {
    Heap *heap;
    Collection *wanted;
    bool major;
    bool frags;                       /* pointers elsewhere may lead into fragments */
    const term_t *from, *from_end;    /* young block before the collection, without stack */
    const term_t *frag, *frag_end;    /* the newest fragment: a large result, or the message just received */
    const term_t *mature;             /* below: promoted (minor) */
    const term_t *old, *old_end;      /* old block: source (major), or left alone (minor) */
    term_t *to, *to_end;              /* new young block */
    Destination young;                /* in it */
    Destination aged;                 /* in the old block (minor) */
    term_t *area_forward;             /* by word of the literal area: new place + tag, or 0 */
    OffHeap *area_off_heap;           /* copies of the area's off-heap objects */
} Gc;

static bool is_in(const term_t *p, const term_t *start, const term_t *end)
{
    return (uintptr_t)p - (uintptr_t)start < (uintptr_t)end - (uintptr_t)start;
}

/* ---- moving one object ---- */

static inline bool is_pointer(term_t t)
{
    return (((t & TAG_PRIMARY_MASK) + 1) & 2) != 0; /* list 01, boxed 10 */
}

static void note_plain(Destination *d, term_t *first, term_t *end)
{
    if (first != d->plain_end) d->plain = first;
    d->plain_end = end;
}

/* With all cells behind it as far as they lie in from..from_end, from which everything goes to d. */
static term_t move_list(term_t *p, const term_t *from, const term_t *from_end, Destination *d)
{
    if (p[0] == TERM_NONE) return p[1];
    term_t *first = d->top, *to = first, tail;
    bool plain = true;
    for (;; to += 2) {
        to[0] = p[0];
        plain &= !is_pointer(p[0]);
        tail = list_next(term_make_list(p));
        p[0] = TERM_NONE;
        p[1] = term_make_list(to);
        if (!term_is_list_cell(tail)) break;
        p = list_ptr(tail);
        if (!is_in(p, from, from_end) || p[0] == TERM_NONE) break;
        to[1] = term_make_list(to + 2);
    }
    to[1] = tail;
    d->top = to + 2;
    if (plain) note_plain(d, first, to + (is_pointer(tail) ? 1 : 2));
    return term_make_list(first);
}

static term_t move_boxed(term_t *p, Destination *d)
{
    if (!term_is_header(p[0]))
        return p[0];
    size_t words = boxed_words(p);
    term_t *to = d->top;
    d->top = to + words;
    for (size_t i = 0; i < words; i++)
        to[i] = p[i];
    return p[0] = term_make_boxed(to);
}

/* t points into from..from_end. */
static inline term_t move(term_t t, const term_t *from, const term_t *from_end, Destination *d)
{
    return term_is_list_cell(t) ? move_list(list_ptr(t), from, from_end, d) : move_boxed(boxed_ptr(t), d);
}

/* Literals are shared and constant, so their move marks are kept in a table beside the area. */
static term_t copy_literal(Gc *g, term_t t)
{
    const Collection *c = g->wanted;
    const term_t *p = term_ptr(t);
    size_t area_words = (size_t)(c->area_end - c->area_start);
    if (g->area_forward == NULL)
        g->area_forward = mem_alloc_zero(MEM_TEMP, area_words * sizeof(term_t));
    term_t *forward = &g->area_forward[p - c->area_start];
    if (*forward != 0)
        return *forward;
    size_t words = term_is_list_cell(t) ? 2 : boxed_words(p);
    term_t *to = g->young.top;
    g->young.top += words;
    memcpy(to, p, words * sizeof(term_t));
    if (term_is_boxed(t) && boxed_is_off_heap(*to)) {
        off_heap_take((OffHeap *)to);
        ((OffHeap *)to)->next = g->area_off_heap;
        g->area_off_heap = (OffHeap *)to;
    }
    return *forward = (term_t)to | (t & TAG_PRIMARY_MASK);
}

/* A pointer that leads neither into the young block nor into the newest fragment. */
static term_t relocate_elsewhere(Gc *g, term_t t)
{
    const term_t *p = term_ptr(t);
    if (is_in(p, g->old, g->old_end))
        return g->major ? move(t, g->old, g->old_end, &g->young) : t;
    if (g->wanted->area_start != NULL && is_in(p, g->wanted->area_start, g->wanted->area_end))
        return copy_literal(g, t);
    if (!g->frags || litmap_contains(p) || frags_contain(g->wanted->roots.foreign, p))
        return t;
    return move(t, p, p + 1, &g->young);
}

static inline term_t relocate(Gc *g, term_t t)
{
    const term_t *p = term_ptr(t);
    if (LIKELY(is_in(p, g->from, g->from_end)))
        return p < g->mature ? move(t, g->from, g->mature, &g->aged) : move(t, g->mature, g->from_end, &g->young);
    if (is_in(p, g->to, g->to_end))
        return t;
    if (is_in(p, g->frag, g->frag_end))
        return move(t, g->frag, g->frag_end, &g->young);
    return relocate_elsewhere(g, t);
}

static void visit_roots(void *ctx, term_t *first, size_t count)
{
    Gc *g = ctx;
    for (term_t *at = first; at < first + count; at++)
        if (is_pointer(*at))
            *at = relocate(g, *at);
}

/* Relocate the contents of the objects from scan to d->top, which grows meanwhile. */
static term_t *scan_objects(Gc *g, term_t *scan, Destination *d)
{
    while (scan < d->top) {
        term_t t = *scan;
        if (scan == d->plain) {
            scan = d->plain_end;
            d->plain = d->plain_end = NULL;
        } else if (is_pointer(t)) {
            *scan++ = relocate(g, t);
        } else {
            scan += term_is_header(t) ? 1 + boxed_raw_words(t) : 1;
        }
    }
    return scan;
}

/* ---- off-heap objects ---- */

/* Survivors of `list`, in its order, go behind young and old; both are moved to where the next one goes. */
static void sweep_off_heap(Gc *g, OffHeap *list, OffHeap ***young, OffHeap ***old)
{
    Heap *h = g->heap;
    for (OffHeap *o = list, *next; o != NULL; o = next) {
        next = o->next;
        if (term_is_header(o->header)) {
            off_heap_drop(o, o->header);
            continue;
        }
        OffHeap *new = (OffHeap *)boxed_ptr(o->header);
        bool is_young = is_in((term_t *)new, g->to, g->to_end);
        if (HEADER_SUBTAG(new->header) == BOXED_BINREF)
            *(is_young ? &h->off_heap_words : &h->old_off_heap_words)
                += ((BinRef *)new)->bin->size / sizeof(term_t);
        OffHeap ***tail = is_young ? young : old;
        **tail = new;
        *tail = &new->next;
    }
}

/* Half of what it was at least: who made much garbage will make as much again. */
static uint64_t vheap_limit(uint64_t live, uint64_t least, uint64_t before)
{
    least = MAX(MAX(least, before / 2), (uint64_t)HEAP_MIN_VHEAP_WORDS);
    return live * 2 > least ? vheap_size_at_least(live * 2) : least;
}

static void sweep_all_off_heap(Gc *g)
{
    Heap *h = g->heap;
    OffHeap *young = h->off_heap, *old = h->old_off_heap;
    OffHeap **young_tail = &h->off_heap, **old_tail = &h->old_off_heap;
    h->off_heap_words = 0;
    if (g->major) h->old_off_heap_words = 0;
    sweep_off_heap(g, young, &young_tail, &old_tail);
    if (g->major) {
        sweep_off_heap(g, old, &young_tail, &old_tail);
        old = NULL;
    }
    *young_tail = g->area_off_heap;
    *old_tail = old;
    h->off_heap_limit = vheap_limit(h->off_heap_words, g->wanted->vheap_limit, h->off_heap_limit);
    if (g->major)
        h->old_off_heap_limit = MAX(h->off_heap_limit, h->old_off_heap_limit / 2);
    g->wanted->want_major = h->old_off_heap_words > h->old_off_heap_limit;
}

/* ---- sizes ---- */

/* Size of the young block for `used` words in it, stack and need included: a quarter free. */
static size_t comfortable_words(size_t used)
{
    return heap_size_at_least(used + used / 3);
}

/* Room for what natives and messages brought this time to be brought once more: a block that is large and grows by a
 * quarter while they bring more than that is copied for each of them. */
static size_t brought_words(const Heap *h, size_t used)
{
    return used > SHRINK_ABOVE_WORDS ? MIN(h->frag_words, used) : 0;
}

/* A block that is small because little survives costs a collection for each few words; one that has been collected
 * so often belongs to a process that works. A limit that the program has set is left room. */
static bool is_active(const Heap *h, const Collection *c)
{
    return c->max_words == 0 && h->collections >= COLLECTIONS_TO_MIN;
}

/* Results that do not fit into the block are collected after a few, however little survives, and lie in memory that
 * the cache has not seen: a block smaller than this grows then. Not for messages, which come in fragments anyway. */
#define OVERFLOW_GROWS 900u

static size_t floor_words(const Heap *h, const Collection *c)
{
    size_t present = (size_t)(h->end - h->start);
    bool active = is_active(h, c), grown = present >= HEAP_MIN_WORDS || active;
    size_t floor = MAX(c->min_words, grown ? HEAP_MIN_WORDS : 0);
    bool overflows = active && present < OVERFLOW_GROWS && h->overflow >= present;
    return overflows ? MAX(floor, heap_size_at_least(present + 1)) : floor;
}

/* Of the old block that stays. */
static size_t old_words(const Gc *g) { return g->major ? 0 : (size_t)(g->heap->old_end - g->heap->old_start); }

/* A block is not made much smaller than the old one: what it costs to promote and to collect what died soon after
 * falls with its size. */
static size_t wanted_words(const Gc *g, size_t used)
{
    const Heap *h = g->heap;
    const Collection *c = g->wanted;
    if (c->exact)
        return used;
    size_t present = (size_t)(h->end - h->start);
    if (present <= SHRINK_ABOVE_WORDS && used + used / 3 <= present)
        return MAX(present, floor_words(h, c));
    size_t wanted = MAX(comfortable_words(used), heap_size_at_least(used + brought_words(h, used)));
    if (present > SHRINK_ABOVE_WORDS && used * 4 < present)
        wanted = MAX(wanted, heap_size_at_least(MAX(used * 3, MIN(old_words(g) / 4, present - 1))));
    else
        wanted = MAX(wanted, present);
    return MAX(wanted, floor_words(h, c));
}

/* ---- cutting the new block ---- */

typedef struct Shift {
    const term_t *start, *end;
    ptrdiff_t bytes;
} Shift;

static inline void shift_word(const Shift *s, term_t *at)
{
    if (is_pointer(*at) && is_in(term_ptr(*at), s->start, s->end))
        *at += (term_t)s->bytes;
}

static void shift_roots(void *ctx, term_t *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        shift_word(ctx, &first[i]);
}

static void shift_off_heap(const Shift *s, OffHeap **at)
{
    while (*at != NULL) {
        if (is_in((term_t *)*at, s->start, s->end))
            *at = (OffHeap *)((char *)*at + s->bytes);
        at = &(*at)->next;
    }
}

/* The block was moved as it is: adjust every pointer into it. */
static void shift_all(Gc *g, const Shift *s)
{
    Heap *h = g->heap;
    g->to = (term_t *)((char *)g->to + s->bytes);
    g->young.top = (term_t *)((char *)g->young.top + s->bytes);
    for (term_t *at = g->to; at < g->young.top;) {
        if (term_is_header(*at))
            at += 1 + boxed_raw_words(*at);
        else
            shift_word(s, at++);
    }
    shift_roots((void *)s, h->stop, (size_t)(h->end - h->stop));
    g->wanted->roots.each(g->wanted->roots.owner, shift_roots, (void *)s);
    shift_off_heap(s, &h->off_heap);
}

/* Give the new block its final size; it keeps the live words. */
static void cut_block(Gc *g, size_t words)
{
    size_t taken = (size_t)(g->to_end - g->to);
    ASSERT(words <= taken);
    if (words == taken)
        return;
    const term_t *start = g->to, *end = g->to_end;
    uintptr_t before = (uintptr_t)start;
    term_t *new = mem_realloc(MEM_HEAP, g->to, taken * sizeof(term_t), words * sizeof(term_t));
    Shift s = {start, end, (ptrdiff_t)((uintptr_t)new - before)};
    if (s.bytes != 0)
        shift_all(g, &s);
    g->to_end = g->to + words;
}

/* From the scratch area to a block of `words`: the old one if it has that size. */
static void leave_scratch(Gc *g, size_t words)
{
    Heap *h = g->heap;
    size_t live = (size_t)(g->young.top - scratch);
    bool stays = BLOCK_MAY_STAY && words == (size_t)(h->end - h->start);
    term_t *block = stays ? h->start : mem_alloc(MEM_HEAP, words * sizeof(term_t));
    memcpy(block, scratch, live * sizeof(term_t));
    Shift s = {scratch, scratch + live, (ptrdiff_t)((uintptr_t)block - (uintptr_t)scratch)};
    shift_all(g, &s);
    g->to_end = block + words;
}

/* Put the stack at the end of the new block and make it the heap's. */
static void install_block(Gc *g)
{
    Heap *h = g->heap;
    size_t stack = (size_t)(h->end - h->stop);
    if (g->to != h->start) {
        memcpy(g->to_end - stack, h->stop, stack * sizeof(term_t));
        heap_free_block(h->start, h->end);
    }
    h->start = g->to;
    h->top = h->mature = g->young.top;
    h->end = g->to_end;
    h->frag_limit = heap_frag_limit((size_t)(h->end - h->start));
    h->stop = g->to_end - stack;
}

/* ---- a collection ---- */

/* True when the old block has (or gets) room for all that would be promoted. */
static bool prepare_old_block(Heap *h)
{
    size_t promoted = (size_t)(h->mature - h->start);
    if (promoted == 0)
        return true;
    if (h->old_start == NULL) {
        size_t words = heap_size_at_least(2 * promoted);
        h->old_start = h->old_top = mem_alloc(MEM_HEAP, words * sizeof(term_t));
        h->old_end = h->old_start + words;
    }
    return (size_t)(h->old_end - h->old_top) >= promoted;
}

/* Words that can be alive at most in the new young block. */
static size_t most_words(const Gc *g)
{
    const Heap *h = g->heap;
    size_t words = (size_t)(h->top - h->start) + h->frag_words;
    if (g->major)
        words += (size_t)(h->old_top - h->old_start) + g->wanted->area_words;
    return words;
}

static void copy_live(Gc *g)
{
    Heap *h = g->heap;
    term_t *scan = g->to, *old_scan = g->aged.top;
    visit_roots(g, h->stop, (size_t)(h->end - h->stop));
    g->wanted->roots.each(g->wanted->roots.owner, visit_roots, g);
    do {
        scan = scan_objects(g, scan, &g->young);
        old_scan = scan_objects(g, old_scan, &g->aged);
    } while (scan < g->young.top);
    CHECK(g->young.top <= g->to_end);
}

static void free_scratch(void *area)
{
    mem_free(MEM_SCHED, area, SCRATCH_WORDS * sizeof(term_t));
    scratch = NULL;
}

static COLD void make_scratch(void)
{
    scratch = mem_alloc(MEM_SCHED, SCRATCH_WORDS * sizeof(term_t));
    thread_at_exit(free_scratch, scratch);
}

static bool suits_scratch(const Gc *g)
{
    const Heap *h = g->heap;
    size_t survivors = (size_t)(h->mature - h->start) + (g->major ? (size_t)(h->old_top - h->old_start) : 0);
    return survivors <= SCRATCH_SURVIVORS && most_words(g) <= SCRATCH_WORDS;
}

static void take_new_block(Gc *g)
{
    const Heap *h = g->heap;
    size_t fixed = (size_t)(h->end - h->stop) + g->wanted->need_words;
    size_t words = wanted_words(g, most_words(g) + fixed);
    words = MAX(words, (size_t)(h->end - h->start)); /* room for the decision not to shrink */
    g->to = mem_alloc(MEM_HEAP, words * sizeof(term_t));
    g->to_end = g->to + words;
}

static void start_gc(Gc *g, Heap *h, Collection *c)
{
    bool major = c->major || c->area_start != NULL || !prepare_old_block(h);
    *g = (Gc){
        .heap = h, .wanted = c, .major = major, .frags = h->frags != NULL,
        .from = h->start, .from_end = h->top,
        .mature = major ? h->start : h->mature,
        .old = h->old_start, .old_end = h->old_end,
        .aged.top = major ? NULL : h->old_top,
    };
    if (g->frags) {
        g->frag = h->frags->mem;
        g->frag_end = g->frag + h->frags->used;
    }
    if (suits_scratch(g)) {
        if (UNLIKELY(scratch == NULL)) make_scratch();
        g->to = scratch;
        g->to_end = scratch + SCRATCH_WORDS;
    } else {
        take_new_block(g);
    }
    g->young.top = g->to;
}

static void finish_gc(Gc *g)
{
    Heap *h = g->heap;
    Collection *c = g->wanted;
    sweep_all_off_heap(g);
    size_t live = (size_t)(g->young.top - g->to);
    size_t fixed = (size_t)(h->end - h->stop) + c->need_words;
    size_t words = wanted_words(g, live + fixed);
    if (g->to == scratch)
        leave_scratch(g, words);
    else
        cut_block(g, MIN(words, (size_t)(g->to_end - g->to)));
    install_block(g);
    heap_free_frags(h);
    h->overflow = 0;
    if (g->major) {
        heap_free_block(h->old_start, h->old_end);
        h->old_start = h->old_top = h->old_end = NULL;
    } else {
        h->old_top = g->aged.top;
    }
    if (g->area_forward != NULL)
        mem_free(MEM_TEMP, g->area_forward,
                 (size_t)(c->area_end - c->area_start) * sizeof(term_t));
}

enum HeapResult heap_collect(Heap *h, Collection *c)
{
    ASSERT(h->start != NULL);
    Gc g;
    bool verify = checked_verify_heap();
    if (verify)
        heap_verify(h, &c->roots, "before collection");
    start_gc(&g, h, c);
    h->collections = c->exact ? 0 : MIN(h->collections + 1u, COLLECTIONS_TO_MIN);
    size_t before = most_words(&g), old_before = (size_t)(h->old_top - h->old_start);
    copy_live(&g);
    size_t promoted = g.major ? 0 : (size_t)(g.aged.top - h->old_top);
    finish_gc(&g);
    c->was_major = g.major;
    c->live_words = (size_t)(h->top - h->start) + promoted;
    c->reclaimed_words = before > c->live_words ? before - c->live_words : 0;
    ASSERT(heap_room(h) >= c->need_words);
    if (verify)
        heap_verify(h, &c->roots, "after collection");
    LOG_TRACE(gc, "%s: %zu words (old %zu) -> live %zu, block %zu, old block %zu",
              g.major ? "major" : "minor", before, old_before, c->live_words,
              (size_t)(h->end - h->start), (size_t)(h->old_end - h->old_start));
    uint64_t total = (uint64_t)(h->end - h->start) + (uint64_t)(h->old_end - h->old_start);
    return c->max_words != 0 && total > c->max_words ? HEAP_LIMIT : HEAP_OK;
}

/* ---- literals of purged code ---- */

typedef struct AreaSearch {
    const term_t *start, *end;
    bool found;
} AreaSearch;

/* Conservative: raw words that look like a pointer into the area cause a collection in vain. */
static void search_words(AreaSearch *s, const term_t *first, size_t count)
{
    for (size_t i = 0; i < count && !s->found; i++)
        s->found = is_pointer(first[i]) && is_in(term_ptr(first[i]), s->start, s->end);
}

static void search_roots(void *ctx, term_t *first, size_t count) { search_words(ctx, first, count); }

HeapMark heap_mark(const Heap *h) { return (HeapMark){h->top, h->frags, h->frags ? h->frags->used : 0}; }

bool heap_mentions(const Heap *h, const HeapMark *mark, const RootSet *roots, const term_t *start, const term_t *end)
{
    AreaSearch s = {start, end, false};
    search_words(&s, h->start, (size_t)(mark->top - h->start));
    search_words(&s, h->old_start, (size_t)(h->old_top - h->old_start));
    search_words(&s, h->stop, (size_t)(h->end - h->stop));
    for (const HeapFrag *f = mark->frags; f != NULL; f = f->next)
        search_words(&s, f->mem, f == mark->frags ? mark->frag_used : f->used);
    if (roots->each != NULL)
        roots->each(roots->owner, search_roots, &s);
    return s.found;
}

bool heap_copy_literals(Heap *h, Collection *c, const term_t *start, const term_t *end)
{
    HeapMark now = heap_mark(h);
    if (start == end || !heap_mentions(h, &now, &c->roots, start, end))
        return false;
    c->major = true;
    c->area_start = start;
    c->area_end = end;
    c->area_words = (size_t)(end - start);
    (void)heap_collect(h, c);
    return true;
}

bool heap_copy_message_literals(Heap *h, term_t *roots, size_t count, const term_t *start,
                                const term_t *end)
{
    AreaSearch s = {start, end, false};
    search_words(&s, roots, count);
    for (HeapFrag *f = h->frags; f != NULL; f = f->next)
        search_words(&s, f->mem, f->used);
    if (start == end || !s.found)
        return false;
    Heap copy = {0};
    for (size_t i = 0; i < count; i++)
        if (is_pointer(roots[i]))
            roots[i] = term_copy_all(&copy, roots[i]);
    heap_dispose(h);
    *h = copy;
    return true;
}
