/* SPDX-License-Identifier: Apache-2.0 */
/* bif_binary_search - binary:compile_pattern, match, matches, split.
 * A compiled pattern is {bm | ac, MagicRef}; the magic binary holds a ByteSearch. A search runs in
 * slices; positions found wait in C memory, so nothing but the arguments refers to the heap.
 * Semantics: binary(3). Layer: bifs. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/binary.h"
#include "data/bytesearch.h"

#define BYTES_PER_RED 256u

/* ---- patterns ---- */

static void pattern_destroy(Binary *b) { (void)b; }

typedef struct PatternList {
    BytePattern *at;
    TempBytes *temp;      /* copies of unaligned patterns */
    size_t count, capacity;
} PatternList;

static void patterns_free(PatternList *l)
{
    for (size_t i = 0; i < l->count; i++)
        temp_bytes_free(&l->temp[i]);
    mem_free(MEM_TEMP, l->at, l->capacity * sizeof *l->at);
    mem_free(MEM_TEMP, l->temp, l->capacity * sizeof *l->temp);
}

static bool patterns_add(PatternList *l, term_t t)
{
    BytePattern *p = &l->at[l->count];
    l->temp[l->count] = (TempBytes)TEMP_BYTES_INIT;
    p->bytes = binary_bytes(t, &p->n, &l->temp[l->count]);
    if (p->bytes == NULL)
        return false;
    l->count++;
    return p->n > 0;
}

/* A binary or a list of them, none empty. Free the list in any case. */
static bool patterns_collect(PatternList *l, term_t t)
{
    size_t n = 0;
    *l = (PatternList){0};
    for (term_t e = t; term_is_list_cell(e); e = list_tail(e))
        n++;
    l->capacity = MAX(n, (size_t)1);
    l->at = mem_alloc(MEM_TEMP, l->capacity * sizeof *l->at);
    l->temp = mem_alloc(MEM_TEMP, l->capacity * sizeof *l->temp);
    if (!term_is_list(t))
        return patterns_add(l, t);
    for (; term_is_list_cell(t); t = list_tail(t))
        if (!patterns_add(l, list_head(t)))
            return false;
    return n > 0 && term_is_nil(t);
}

/* A reference to the compiled form, owned by the caller; NULL: badarg. */
static Binary *pattern_compile(term_t t)
{
    PatternList l;
    Binary *b = NULL;
    if (patterns_collect(&l, t)) {
        size_t bytes = byte_search_size(l.at, l.count);
        b = binary_new_magic(bytes, 0, pattern_destroy);
        byte_search_init((ByteSearch *)b->data, bytes, l.at, l.count);
    }
    patterns_free(&l);
    return b;
}

/* Likewise for any pattern argument. */
static Binary *pattern_of(term_t t)
{
    if (!term_is_tuple_of(t, 2))
        return pattern_compile(t);
    Binary *b = magic_ref_of(tuple_element(t, 2), pattern_destroy);
    if (b == NULL)
        return NULL;
    bool one = ((ByteSearch *)b->data)->count == 1;
    return tuple_element(t, 1) == (one ? am_bm : am_ac) ? binary_ref(b) : NULL;
}

BIF(binary, compile_pattern, 1, 0)
{
    Binary *b = pattern_compile(a[0]);
    if (b == NULL)
        return bif_error(p, EXC_BADARG);
    const ByteSearch *s = (const ByteSearch *)b->data;
    process_bump_reds(p, (int32_t)MIN(s->bytes / BYTES_PER_RED, (size_t)100000));
    term_t kind = s->count == 1 ? am_bm : am_ac;
    return heap_tuple2(&p->heap, kind, heap_magic_ref(&p->heap, b, ref_new(p->vm)));
}

/* ---- a search ---- */

enum SearchKind { SEARCH_MATCH, SEARCH_MATCHES, SEARCH_SPLIT };

typedef struct Found {
    uint64_t at, n;
} Found;

typedef struct Search {
    NativeState base;       /* when kept between slices */
    enum SearchKind kind;
    bool global, trim, trim_all;
    Binary *pattern;
    uint64_t at, end;       /* bytes of the subject still to be looked at */
    Found *found;
    size_t count, capacity;
    Found few[8];
} Search;

static void search_free(Search *s)
{
    if (s->pattern != NULL)
        binary_unref(s->pattern);
    if (s->found != s->few)
        mem_free(MEM_TEMP, s->found, s->capacity * sizeof *s->found);
}

static void search_destroy(NativeState *state)
{
    search_free((Search *)state);
    MEM_DELETE(TEMP, (Search *)state);
}

static bool scope_option(Search *s, term_t part, uint64_t size)
{
    if (!term_is_tuple_of(part, 2) || !term_is_small(tuple_element(part, 1))
        || !term_is_small(tuple_element(part, 2)))
        return false;
    int64_t at = small_value(tuple_element(part, 1)), n = small_value(tuple_element(part, 2));
    if (n < 0) {
        at += n;
        n = -n;
    }
    if (at < 0 || (uint64_t)at > size || (uint64_t)n > size - (uint64_t)at)
        return false;
    s->at = (uint64_t)at;
    s->end = (uint64_t)(at + n);
    return true;
}

static bool search_option(Search *s, term_t t, uint64_t size)
{
    if (term_is_tuple_of(t, 2) && tuple_element(t, 1) == am_scope)
        return scope_option(s, tuple_element(t, 2), size);
    if (s->kind != SEARCH_SPLIT)
        return false;
    if (t == am_global)
        s->global = true;
    else if (t == am_trim)
        s->trim = true;
    else if (t == am_trim_all)
        s->trim_all = true;
    else
        return false;
    return true;
}

/* The tail of an options list is not looked at, as in the reference. */
static bool search_init(Search *s, enum SearchKind kind, const term_t *a, term_t options)
{
    *s = (Search){.kind = kind, .global = kind == SEARCH_MATCHES};
    s->found = s->few;
    s->capacity = ARRAY_LEN(s->few);
    if (!term_is_binary(a[0]) || !term_is_list(options))
        return false;
    uint64_t size = bitstring_bits(a[0]) / 8;
    s->end = size;
    for (; term_is_list_cell(options); options = list_tail(options))
        if (!search_option(s, list_head(options), size))
            return false;
    s->pattern = pattern_of(a[1]);
    return s->pattern != NULL;
}

static void search_add(Search *s, size_t at, size_t n)
{
    if (s->count == s->capacity) {
        size_t bytes = s->capacity * sizeof(Found);
        Found *more = mem_alloc(MEM_TEMP, 2 * bytes);
        memcpy(more, s->found, bytes);
        if (s->found != s->few)
            mem_free(MEM_TEMP, s->found, bytes);
        s->found = more;
        s->capacity *= 2;
    }
    s->found[s->count++] = (Found){at, n};
}

/* Look at no more than the slice allows; true when the search is over. */
static bool search_step(Process *p, Search *s, const uint8_t *text)
{
    uint64_t budget = (uint64_t)MAX(p->reds, 1) * BYTES_PER_RED;
    uint64_t start = s->at, stop = MIN(s->end, start + budget);
    size_t at, n;
    while (byte_search_find((ByteSearch *)s->pattern->data, text, s->at, stop, s->end, &at, &n)) {
        search_add(s, at, n);
        s->at = at + n;
        if (!s->global)
            break;
        if (s->at >= stop)
            break;
    }
    bool first_found = s->count > 0 && !s->global;
    if (!first_found)
        s->at = MAX(s->at, stop);
    process_bump_reds(p, (int32_t)((s->at - start) / BYTES_PER_RED) + 1);
    return first_found || s->at >= s->end;
}

/* ---- results ---- */

static term_t found_tuple(Heap *h, const Found *f)
{
    return heap_tuple2(h, term_small((int64_t)f->at), term_small((int64_t)f->n));
}

static term_t matches_result(Process *p, const Search *s)
{
    if (s->kind == SEARCH_MATCH)
        return s->count ? found_tuple(&p->heap, &s->found[0]) : am_nomatch;
    term_t list = TERM_NIL;
    for (size_t i = s->count; i-- > 0;)
        list = heap_cons(&p->heap, found_tuple(&p->heap, &s->found[i]), list);
    return list;
}

/* Pieces from the last to the first, so that the list and trimming come out right. */
static term_t split_result(Process *p, const Search *s, term_t subject)
{
    term_t list = TERM_NIL;
    uint64_t end = bitstring_bits(subject) / 8;
    if (s->count == 0 && !((s->trim || s->trim_all) && end == 0))
        return heap_cons(&p->heap, subject, TERM_NIL);
    for (size_t i = s->count + 1; i-- > 0;) {
        uint64_t start = i == 0 ? 0 : s->found[i - 1].at + s->found[i - 1].n;
        bool drop = start == end && (s->trim_all || (s->trim && list == TERM_NIL));
        if (!drop)
            list = heap_cons(&p->heap,
                             heap_sub_bits(&p->heap, subject, start * 8, (end - start) * 8), list);
        end = i == 0 ? 0 : s->found[i - 1].at;
    }
    return list;
}

static term_t search_result(Process *p, const Search *s, term_t subject)
{
    return s->kind == SEARCH_SPLIT ? split_result(p, s, subject) : matches_result(p, s);
}

static bool search_run(Process *p, Search *s, term_t subject)
{
    size_t n;
    TempBytes temp = TEMP_BYTES_INIT;
    const uint8_t *text = binary_bytes(subject, &n, &temp);
    bool done;
    do
        done = search_step(p, s, text);
    while (!done && temp.copy != NULL); /* an unaligned subject is copied once only */
    temp_bytes_free(&temp);
    return done;
}

static term_t search_continue(Process *p, Search *s, const term_t *a)
{
    if (!search_run(p, s, a[0]))
        return bif_yield(p);
    term_t result = search_result(p, s, a[0]);
    p->native_state = NULL;
    search_destroy(&s->base);
    return result;
}

static void search_keep(Process *p, const Search *from)
{
    Search *s = MEM_NEW(TEMP, Search);
    *s = *from;
    if (from->found == from->few)
        s->found = s->few;
    s->base.destroy = search_destroy;
    p->native_state = &s->base;
}

static term_t search(Process *p, enum SearchKind kind, const term_t *a, term_t options)
{
    NativeState *state = p->native_state;
    if (state != NULL && state->destroy == search_destroy)
        return search_continue(p, (Search *)state, a);
    Search s;
    term_t result;
    if (!search_init(&s, kind, a, options)) {
        result = bif_error(p, EXC_BADARG);
    } else if (!search_run(p, &s, a[0])) {
        search_keep(p, &s);
        return bif_yield(p);
    } else {
        result = search_result(p, &s, a[0]);
    }
    search_free(&s);
    return result;
}

BIF(binary, match, 2, 0) { return search(p, SEARCH_MATCH, a, TERM_NIL); }
BIF(binary, match, 3, 0) { return search(p, SEARCH_MATCH, a, a[2]); }
BIF(binary, matches, 2, 0) { return search(p, SEARCH_MATCHES, a, TERM_NIL); }
BIF(binary, matches, 3, 0) { return search(p, SEARCH_MATCHES, a, a[2]); }
BIF(binary, split, 2, 0) { return search(p, SEARCH_SPLIT, a, TERM_NIL); }
BIF(binary, split, 3, 0) { return search(p, SEARCH_SPLIT, a, a[2]); }
