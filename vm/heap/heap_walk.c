/* SPDX-License-Identifier: Apache-2.0 */
/* heap_walk - see heap_walk.h. Layer: heap. */
#include "heap/heap_walk.h"

#include "heap/gc.h"

static size_t seen_bytes(const WalkRegion *r) { return ((size_t)(r->end - r->start) / 64 + 1) * sizeof(uint64_t); }

void heap_walk_add_region(HeapWalk *w, const term_t *start, const term_t *end)
{
    if (start >= end) return;
    if (w->count == w->room) {
        size_t room = w->room * 2 + 4;
        w->regions = mem_realloc(MEM_TEMP, w->regions, w->room * sizeof *w->regions, room * sizeof *w->regions);
        w->room = room;
    }
    WalkRegion r = {start, end, NULL};
    r.seen = mem_alloc_zero(MEM_TEMP, seen_bytes(&r));
    w->regions[w->count++] = r;
}

void heap_walk_add_frags(HeapWalk *w, const HeapFrag *f)
{
    for (; f; f = f->next) heap_walk_add_region(w, f->mem, f->mem + f->used);
}

void heap_walk_add_heap(HeapWalk *w, const Heap *h)
{
    heap_walk_add_region(w, h->start, h->top);
    heap_walk_add_region(w, h->old_start, h->old_top);
    heap_walk_add_frags(w, h->frags);
}

WalkRegion *heap_walk_region(const HeapWalk *w, const term_t *p)
{
    for (size_t i = 0; i < w->count; i++)
        if (p >= w->regions[i].start && p < w->regions[i].end) return &w->regions[i];
    return NULL;
}

void heap_walk_note(HeapWalk *w, term_t t)
{
    if (!w->begun) term_stack_init(&w->todo);
    w->begun = true;
    if (t == TERM_NONE || term_is_immed(t)) return;
    WalkRegion *r = heap_walk_region(w, term_ptr(t));
    if (w->met) w->met(w->ctx, t, r);
    if (r && !walk_mark(r, term_ptr(t))) term_stack_push(&w->todo, t);
}

static void note_parts(HeapWalk *w, term_t t)
{
    const term_t *p = term_ptr(t);
    size_t first = 0, words = 2;
    if (term_is_boxed(t)) {
        first = 1 + boxed_raw_words(*p);
        words = boxed_words(p);
    }
    for (size_t i = first; i < words; i++) heap_walk_note(w, p[i]);
}

void heap_walk_from(HeapWalk *w, term_t t)
{
    heap_walk_note(w, t);
    while (term_stack_pop(&w->todo, &t)) {
        w->visit(w->ctx, t);
        note_parts(w, t);
    }
}

void heap_walk_free(HeapWalk *w)
{
    for (size_t i = 0; i < w->count; i++) mem_free(MEM_TEMP, w->regions[i].seen, seen_bytes(&w->regions[i]));
    mem_free(MEM_TEMP, w->regions, w->room * sizeof *w->regions);
    if (w->begun) term_stack_free(&w->todo);
    *w = (HeapWalk){0};
}
