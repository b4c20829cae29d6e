/* SPDX-License-Identifier: Apache-2.0 */
/* bif_list - natives on lists, of erlang and lists.
 * Semantics: erlang(3), lists(3). Errors: badarg for improper lists where the reference looks that far.
 * Long subtractions look elements up in a search tree. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "data/term_cmp.h"
#include "heap/gc.h"

#include <stdlib.h>

#define REDS_PER_CELLS 64
#define CELLS_COPIED_PER_RED 40

static void charge(Process *p, size_t cells)
{
    process_bump_reds(p, (int32_t)MIN(cells / REDS_PER_CELLS, (size_t)1000000));
}

/* Cells that a native may visit before it yields. One that does yields with what is left in a[]: it starts
 * over with the rest, as the reference does. */
static size_t cells_per_slice(const Process *p)
{
    return REDS_PER_CELLS * (size_t)MAX(p->reds, 1);
}

/* The same when each cell is written anew. */
static size_t copies_per_slice(const Process *p)
{
    return CELLS_COPIED_PER_RED * (size_t)MAX(p->reds, 1);
}

static term_t yield_list(Process *p)
{
    process_bump_reds(p, INT32_MAX);
    return bif_yield(p);
}

/* Elements of a proper list, or -1. */
static ptrdiff_t length_of(term_t t)
{
    ptrdiff_t n = 0;
    for (; term_is_list_cell(t); t = list_next(t)) n++;
    return term_is_nil(t) ? n : -1;
}

BIF(erlang, hd, 1, GUARD)
{
    return term_is_list_cell(a[0]) ? list_head(a[0]) : bif_error(p, EXC_BADARG);
}

BIF(erlang, tl, 1, GUARD)
{
    return term_is_list_cell(a[0]) ? list_tail(a[0]) : bif_error(p, EXC_BADARG);
}

BIF(erlang, length, 1, GUARD)
{
    ptrdiff_t n = length_of(a[0]);
    if (n < 0) return bif_error(p, EXC_BADARG);
    charge(p, (size_t)n);
    return term_small(n);
}

/* ---- ++ ---- */

/* A copy under way: `last` is its last cell, whose tail is the next part to come. */
typedef struct AppendState {
    NativeState base;
    term_t first, last, rest;
} AppendState;

static void append_destroy(NativeState *base) { MEM_DELETE(TEMP, (AppendState *)base); }

static void append_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((AppendState *)base)->first, 3);
}

static size_t count_cells(term_t t, size_t most)
{
    size_t n = 0;
    for (; term_is_list_cell(t) && n < most; t = list_next(t)) n++;
    return n;
}

/* Cells of list to write in one go, at most `most`. As long as there is room at hand they need not be counted. */
static size_t cells_in_one_go(const Heap *h, term_t list, size_t most)
{
    size_t at_hand = heap_room(h) / 2;
    return at_hand > 64 ? MIN(at_hand - HEAP_STACK_RESERVE, most) : count_cells(list, most);
}

/* A cell that a collection meanwhile has moved now refers to a younger one: no minor collection may come next. */
static void set_old_tail(Process *p, term_t cell, term_t tail)
{
    list_ptr(cell)[1] = tail;
    if (!heap_is_recent(&p->heap, list_ptr(cell))) p->flags |= PF_NEED_FULLSWEEP;
}

/* Copies up to `most` cells of s->rest, as many as go in one go; returns how many. */
static size_t copy_part(Process *p, AppendState *s, size_t most)
{
    size_t room = cells_in_one_go(&p->heap, s->rest, most), n = 0;
    term_t *start = heap_alloc(&p->heap, 2 * room), *hp = start, t = s->rest;
    for (; n < room && term_is_list_cell(t); n++, hp += 2, t = list_next(t))
        list_put(hp, list_head(t), term_make_list(hp + 2));
    heap_release_end(&p->heap, hp, start + 2 * room);
    hp[-1] = TERM_NIL;
    if (term_is_nil(s->first)) s->first = term_make_list(start);
    else set_old_tail(p, s->last, term_make_list(start));
    s->last = term_make_list(hp - 2);
    s->rest = t;
    return n;
}

static bool is_proper_within(Process *p, term_t t, size_t most)
{
    size_t n = 0;
    for (; term_is_list_cell(t) && n < most; t = list_next(t)) n++;
    charge(p, n);
    return term_is_nil(t);
}

/* The copy goes on in the next slice. */
static term_t append_later(Process *p, const AppendState *s)
{
    if (&s->base != p->native_state) {
        AppendState *kept = MEM_NEW(TEMP, AppendState);
        *kept = *s;
        p->native_state = &kept->base;
    }
    return yield_list(p);
}

static term_t append_end(Process *p, const AppendState *s, term_t right, size_t n)
{
    term_t first = s->first;
    bool is_proper = term_is_nil(s->rest);
    if (is_proper) set_old_tail(p, s->last, right);
    process_drop_native_state(p);
    charge(p, n);
    return is_proper ? first : bif_error(p, EXC_BADARG);
}

static term_t append(Process *p, term_t left, term_t right)
{
    size_t n = 0, limit = copies_per_slice(p);
    AppendState begin = {{.destroy = append_destroy, .each_root = append_each_root}, TERM_NIL, TERM_NIL, left};
    AppendState *s = native_state_of(p, append_destroy);
    if (!s) s = &begin;
    if (term_is_nil(left)) return right;
    if (term_is_nil(right) && s == &begin && is_proper_within(p, left, limit)) return left;
    while (n < limit && term_is_list_cell(s->rest)) n += copy_part(p, s, limit - n);
    return term_is_list_cell(s->rest) ? append_later(p, s) : append_end(p, s, right, n);
}

BIF_NAMED(erlang, "++", op_append, 2, 0) { return append(p, a[0], a[1]); }
BIF(erlang, append, 2, 0) { return append(p, a[0], a[1]); }

/* ---- -- ---- */

/* What is to be taken away: distinct elements in exact order, and how often each. */
typedef struct Taken {
    term_t term;
    size_t count;
} Taken;

static int compare_taken(const void *a, const void *b)
{
    return term_cmp_exact(((const Taken *)a)->term, ((const Taken *)b)->term);
}

static size_t collect_taken(Taken *set, term_t list)
{
    size_t n = 0, used = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        if (n > 0 && set[n - 1].term == list_head(list)) set[n - 1].count++;
        else set[n++] = (Taken){list_head(list), 1};
    }
    qsort(set, n, sizeof(Taken), compare_taken);
    for (size_t i = 0; i < n; i++) {
        if (used > 0 && term_eq(set[used - 1].term, set[i].term)) set[used - 1].count += set[i].count;
        else set[used++] = set[i];
    }
    return used;
}

static Taken *find_taken(Taken *set, size_t n, term_t t)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = term_cmp_exact(set[middle].term, t);
        if (c == 0) return &set[middle];
        if (c < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool take_away(Taken *set, size_t used, size_t *left, term_t t)
{
    Taken *found = *left > 0 ? find_taken(set, used, t) : NULL;
    if (!found || found->count == 0) return false;
    found->count--;
    --*left;
    return true;
}

static term_t *keep(Process *p, term_t *last, term_t head)
{
    term_t *hp = heap_alloc(&p->heap, 2);
    *last = list_put(hp, head, TERM_NIL);
    return hp + 1;
}

/* The result shares what follows the last element taken away. */
static term_t subtract_set(Process *p, term_t left, Taken *set, size_t used, size_t count)
{
    term_t first = TERM_NIL, *last = &first;
    for (; term_is_list_cell(left) && count > 0; left = list_tail(left))
        if (!take_away(set, used, &count, list_head(left))) last = keep(p, last, list_head(left));
    *last = left;
    return first;
}

/* Few are compared one after the other. */
#define FEW 8

static bool take_of_few(term_t *few, size_t *n, term_t t)
{
    for (size_t i = 0; i < *n; i++) {
        if (!term_eq(few[i], t)) continue;
        few[i] = few[--*n];
        return true;
    }
    return false;
}

static term_t subtract_few(Process *p, term_t left, term_t right)
{
    term_t few[FEW], first = TERM_NIL, *last = &first;
    size_t n = 0;
    for (; term_is_list_cell(right); right = list_tail(right)) few[n++] = list_head(right);
    for (; term_is_list_cell(left) && n > 0; left = list_tail(left))
        if (!take_of_few(few, &n, list_head(left))) last = keep(p, last, list_head(left));
    *last = left;
    return first;
}

static term_t subtract_many(Process *p, term_t left, term_t right, size_t m)
{
    Taken *set = MEM_NEW_ARRAY(TEMP, Taken, m);
    size_t used = collect_taken(set, right);
    term_t result = subtract_set(p, left, set, used, m);
    MEM_DELETE_ARRAY(TEMP, set, m);
    return result;
}

/* Are the two so long that looking for their ends takes a while? */
static bool are_long(term_t left, term_t right)
{
    size_t n = 0;
    for (; term_is_list_cell(left) && n <= BIF_LONG_WORDS; left = list_next(left)) n++;
    for (; term_is_list_cell(right) && n <= BIF_LONG_WORDS; right = list_next(right)) n++;
    return bif_is_long(n);
}

static term_t subtract(Process *p, term_t left, term_t right)
{
    if (are_long(left, right)) return bif_go_dirty(p);
    ptrdiff_t n = length_of(left), m = length_of(right);
    if (n < 0 || m < 0) return bif_error(p, EXC_BADARG);
    if (n == 0 || m == 0) return left;
    term_t result = m <= FEW ? subtract_few(p, left, right) : subtract_many(p, left, right, (size_t)m);
    charge(p, 4 * ((size_t)n + (size_t)m));
    return result;
}

BIF_NAMED(erlang, "--", op_subtract, 2, 0) { return subtract(p, a[0], a[1]); }
BIF(erlang, subtract, 2, 0) { return subtract(p, a[0], a[1]); }

/* ---- lists ---- */

/* What is looked for in a list. A short binary, as keys often are, is told by its length and its first word mostly. */
typedef struct Wanted {
    term_t t;
    const HeapBits *bits;   /* t, or NULL: t is something else */
} Wanted;

static Wanted wanted(term_t t)
{
    bool is_bits = term_is_boxed(t) && HEADER_SUBTAG(boxed_header(t)) == BOXED_HEAP_BITS;
    return (Wanted){t, is_bits ? (const HeapBits *)boxed_ptr(t) : NULL};
}

static inline bool is_other(const Wanted *w, term_t t)
{
    if (!w->bits || !term_is_boxed(t) || HEADER_SUBTAG(boxed_header(t)) != BOXED_HEAP_BITS) return false;
    const HeapBits *bits = (const HeapBits *)boxed_ptr(t);
    return bits->size != w->bits->size || (bits->size >= 64 && memcmp(bits->data, w->bits->data, 8) != 0);
}

BIF(lists, member, 2, 0)
{
    size_t n = 0, limit = cells_per_slice(p);
    term_t t = a[1];
    bool immed = term_is_immed(a[0]);
    Wanted w = wanted(a[0]);
    for (; term_is_list_cell(t) && n < limit; t = list_next(t), n++)
        if (list_head(t) == a[0] || (!immed && !is_other(&w, list_head(t)) && term_eq(list_head(t), a[0]))) break;
    if (n == limit) {
        a[1] = t;
        return yield_list(p);
    }
    charge(p, n);
    if (term_is_list_cell(t)) return am_true;
    return term_is_nil(t) ? am_false : bif_error(p, EXC_BADARG);
}

/* Cells of *from before *to, one by one, at most `most`, as many as go in one go; returns how many. */
static size_t put_before(Heap *h, term_t *to, term_t *from, size_t most)
{
    size_t room = cells_in_one_go(h, *from, most), n = 0;
    term_t *start = heap_alloc(h, 2 * room), *hp = start, result = *to, t = *from;
    for (; n < room && term_is_list_cell(t); n++, t = list_next(t), hp += 2)
        result = list_put(hp, list_head(t), result);
    heap_release_end(h, hp, start + 2 * room);
    *to = result;
    *from = t;
    return n;
}

BIF(lists, reverse, 2, 0)
{
    size_t n = 0, limit = copies_per_slice(p);
    term_t rest = a[0], result = a[1];
    while (term_is_list_cell(rest) && n < limit) n += put_before(&p->heap, &result, &rest, limit - n);
    if (term_is_nil(rest)) {
        charge(p, n);
        return result;
    }
    if (!term_is_list_cell(rest)) return bif_error(p, EXC_BADARG);
    a[0] = rest;
    a[1] = result;
    return yield_list(p);
}

/* The first tuple whose element `position` == key, TERM_NIL when there is none, or TERM_NONE. */
static term_t key_search(Process *p, term_t *a)
{
    size_t n = 0, limit = cells_per_slice(p) / 2;
    if (!term_is_small(a[1]) || small_value(a[1]) < 1) return bif_error(p, EXC_BADARG);
    size_t position = (size_t)small_value(a[1]);
    term_t t = a[2], tuple = TERM_NIL;
    Wanted key = wanted(a[0]);
    for (; term_is_list_cell(t) && n < limit; t = list_next(t), n++) {
        tuple = list_head(t);
        if (!term_is_tuple(tuple) || tuple_arity(tuple) < position) continue;
        term_t element = tuple_element(tuple, position);
        if (!is_other(&key, element) && term_eq_loose(element, key.t)) break;
    }
    if (n == limit) {
        a[2] = t;
        return yield_list(p);
    }
    charge(p, 2 * n);
    if (term_is_list_cell(t)) return tuple;
    return term_is_nil(t) ? TERM_NIL : bif_error(p, EXC_BADARG);
}

BIF(lists, keyfind, 3, 0)
{
    term_t t = key_search(p, a);
    return term_is_nil(t) ? am_false : t;
}

BIF(lists, keymember, 3, 0)
{
    term_t t = key_search(p, a);
    return t == TERM_NONE ? t : term_bool(!term_is_nil(t));
}

BIF(lists, keysearch, 3, 0)
{
    term_t t = key_search(p, a);
    if (t == TERM_NONE) return t;
    return term_is_nil(t) ? am_false : heap_tuple2(&p->heap, am_value, t);
}
