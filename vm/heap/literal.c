/* SPDX-License-Identifier: Apache-2.0 */
/* literal - areas cut first-fit out of litmap chunks. Free ranges are kept in address order, in
 * structures outside the chunks, and merged with their neighbours inside one chunk.
 * Layer: heap. */
#include "heap/literal.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/litmap.h"
#include "base/lock.h"
#include "base/poison.h"

typedef struct FreeRange {
    struct FreeRange *next;   /* ascending addresses */
    struct Chunk *chunk;
    term_t *start;
    size_t words;
} FreeRange;

typedef struct Chunk {
    struct Chunk *next;
    term_t *start;
    size_t bytes;
} Chunk;

struct LiteralSpace {
    Mutex lock;
    Chunk *chunks;            /* lock */
    FreeRange *free;          /* lock */
    _Atomic(const term_t *) leaving;
    atomic_word_t leaving_words;
};

THREAD_LOCAL struct LiteralSpace *literal_space_self;

void literal_space_init(Vm *vm)
{
    struct LiteralSpace *s = MEM_NEW(SYS, struct LiteralSpace);
    mutex_init(&s->lock, LOCK_LITERAL);
    vm->literals = literal_space_self = s;
}

static FreeRange *range_new(Chunk *chunk, term_t *start, size_t words, FreeRange *next)
{
    FreeRange *r = MEM_NEW(SYS, FreeRange);
    *r = (FreeRange){.next = next, .chunk = chunk, .start = start, .words = words};
    return r;
}

static term_t *range_end(const FreeRange *r)
{
    return r->start + r->words;
}

static void range_remove(FreeRange **at)
{
    FreeRange *r = *at;
    *at = r->next;
    MEM_DELETE(SYS, r);
}

/* The link to the first range behind `start`. */
static FreeRange **range_position(struct LiteralSpace *s, const term_t *start)
{
    FreeRange **at = &s->free;
    while (*at != NULL && (*at)->start < start)
        at = &(*at)->next;
    return at;
}

static void chunk_add_locked(struct LiteralSpace *s, size_t words)
{
    Chunk *c = MEM_NEW(SYS, Chunk);
    c->start = litmap_chunk_alloc(words * sizeof(term_t), &c->bytes);
    c->next = s->chunks;
    s->chunks = c;
    ASAN_POISON_MEMORY_REGION(c->start, c->bytes);
    FreeRange **at = range_position(s, c->start);
    *at = range_new(c, c->start, c->bytes / sizeof(term_t), *at);
}

static term_t *take_locked(struct LiteralSpace *s, size_t words)
{
    for (FreeRange **at = &s->free; *at != NULL; at = &(*at)->next) {
        FreeRange *r = *at;
        if (r->words < words)
            continue;
        term_t *start = r->start;
        r->start += words;
        r->words -= words;
        if (r->words == 0)
            range_remove(at);
        return start;
    }
    return NULL;
}

/* The chunk that holds an address; there are few. */
static Chunk *chunk_of_locked(struct LiteralSpace *s, const term_t *p)
{
    for (Chunk *c = s->chunks; c != NULL; c = c->next)
        if ((uintptr_t)p - (uintptr_t)c->start < c->bytes)
            return c;
    PANIC("no literal chunk holds %p", (const void *)p);
}

static void chunk_remove_locked(struct LiteralSpace *s, Chunk *c)
{
    Chunk **at = &s->chunks;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    ASAN_UNPOISON_MEMORY_REGION(c->start, c->bytes);
    litmap_chunk_free(c->start, c->bytes);
    MEM_DELETE(SYS, c);
}

static void give_back_locked(struct LiteralSpace *s, term_t *start, size_t words)
{
    Chunk *c = chunk_of_locked(s, start);
    FreeRange **at = range_position(s, start);
    FreeRange *r = *at = range_new(c, start, words, *at);
    if (r->next != NULL && r->next->chunk == c && range_end(r) == r->next->start) {
        r->words += r->next->words;
        range_remove(&r->next);
    }
    for (FreeRange *before = s->free; before != r; before = before->next) {
        if (before->next == r && before->chunk == c && range_end(before) == r->start) {
            before->words += r->words;
            range_remove(&before->next);
            r = before;
            break;
        }
    }
    if (r->words == c->bytes / sizeof(term_t) && s->chunks->next != NULL) {
        range_remove(range_position(s, r->start));
        chunk_remove_locked(s, c);
    }
}

LiteralArea *literal_area_new(Vm *vm, size_t words)
{
    struct LiteralSpace *s = vm->literals;
    LiteralArea *a = MEM_NEW(LITERAL, LiteralArea);
    a->space = s;
    if (words == 0)
        return a;
    mutex_lock(&s->lock);
    term_t *start = take_locked(s, words);
    if (start == NULL) {
        chunk_add_locked(s, words);
        start = take_locked(s, words);
    }
    mutex_unlock(&s->lock);
    ASAN_UNPOISON_MEMORY_REGION(start, words * sizeof(term_t));
    mem_count(MEM_LITERAL, (ptrdiff_t)(words * sizeof(term_t)), 0);
    a->heap.start = a->heap.top = start;
    a->heap.end = a->heap.stop = start + words;
    return a;
}

term_t literal_copy(LiteralArea *a, term_t t)
{
    if (term_is_immed(t))
        return t;
    term_t *end;
    term_t copy = term_copy_to(&a->heap, t, a->heap.top, &end);
    CHECK(end <= a->heap.end);
    a->heap.top = end;
    return copy;
}

LiteralArea *literal_area_of_terms(Vm *vm, term_t *terms, size_t count)
{
    size_t words = 0;
    for (size_t i = 0; i < count; i++)
        words += term_size_words(terms[i]);
    if (words == 0)
        return NULL;
    LiteralArea *a = literal_area_new(vm, words);
    for (size_t i = 0; i < count; i++)
        terms[i] = literal_copy(a, terms[i]);
    return a;
}

LiteralArea *literal_area_shared(Vm *vm, term_t *terms, size_t count)
{
    CopyMap *m = copy_map_new();
    size_t words = 0;
    for (size_t i = 0; i < count; i++)
        words += term_size_shared(m, terms[i]);
    LiteralArea *a = words > 0 ? literal_area_new(vm, words) : NULL;
    if (a) term_copy_shared_to(m, &a->heap, terms, count, a->heap.top, &a->heap.top);
    copy_map_free(m);
    return a;
}

void literal_area_free(LiteralArea *a)
{
    if (a == NULL)
        return;
    struct LiteralSpace *s = a->space;
    size_t words = (size_t)(a->heap.end - a->heap.start);
    ASSERT(a->heap.frags == NULL);
    off_heap_release(a->heap.off_heap);
    if (words > 0) {
        if (checked_poison()) memset(a->heap.start, FREED_BYTE, words * sizeof(term_t));
        ASAN_POISON_MEMORY_REGION(a->heap.start, words * sizeof(term_t));
        mutex_lock(&s->lock);
        give_back_locked(s, a->heap.start, words);
        mutex_unlock(&s->lock);
        mem_count(MEM_LITERAL, -(ptrdiff_t)(words * sizeof(term_t)), 0);
    }
    MEM_DELETE(LITERAL, a);
}

/* Who reads the words of one area with the start of another copies too much, or what it may still share: either
 * stores were made after its slice began. */
void literal_area_leaves(Vm *vm, const LiteralArea *area)
{
    struct LiteralSpace *s = vm->literals;
    atomic_store(&s->leaving_words, 0);
    if (!area) return;
    atomic_store(&s->leaving, literal_area_start(area));
    atomic_store(&s->leaving_words, (word_t)(literal_area_end(area) - literal_area_start(area)));
}

LeavingArea literal_leaving(const struct LiteralSpace *s)
{
    return (LeavingArea){load_relaxed(&s->leaving), (size_t)load_relaxed(&s->leaving_words)};
}

static void chunk_regions(const struct LiteralSpace *s, const Chunk *c, RegionVisit *visit, void *ctx)
{
    const term_t *at = c->start, *end = c->start + c->bytes / sizeof(term_t);
    for (const FreeRange *r = s->free; r != NULL; r = r->next) {
        if (r->chunk != c) continue;
        if (at < r->start) visit(ctx, TERM_NIL, at, r->start);
        at = range_end(r);
    }
    if (at < end) visit(ctx, TERM_NIL, at, end);
}

void literal_each_region(Vm *vm, RegionVisit *visit, void *ctx)
{
    struct LiteralSpace *s = vm->literals;
    mutex_lock(&s->lock);
    for (const Chunk *c = s->chunks; c != NULL; c = c->next)
        chunk_regions(s, c, visit, ctx);
    mutex_unlock(&s->lock);
}
