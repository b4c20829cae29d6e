/* SPDX-License-Identifier: Apache-2.0 */
/* bif_map - natives of maps and the map functions of erlang and erts_internal.
 * Semantics: maps(3), erlang(3); erts_internal:map_next/3 as maps.erl of OTP 25 uses it.
 * Errors: {badmap, M}, {badkey, K}, badarg. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "data/map.h"

#define REDS_PER_ITEMS 16 /* one reduction pays for this many pairs */

static term_t bad_map(Process *p, term_t t)
{
    return bif_error_value(p, EXC_BADMAP, t);
}

static void charge(Process *p, size_t items)
{
    process_bump_reds(p, (int32_t)MIN(items / REDS_PER_ITEMS, (size_t)1000000));
}

/* ---- guards ---- */

BIF(erlang, map_size, 1, GUARD)
{
    if (!term_is_map(a[0])) return bad_map(p, a[0]);
    return term_small((int64_t)map_size(a[0]));
}

BIF(erlang, map_get, 2, GUARD)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    term_t v = map_get(a[1], a[0]);
    return v == TERM_NONE ? bif_error_value(p, EXC_BADKEY, a[0]) : v;
}

BIF(erlang, is_map_key, 2, GUARD)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    return term_bool(map_get(a[1], a[0]) != TERM_NONE);
}

/* ---- maps ---- */

BIF(maps, get, 2, 0)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    term_t v = map_get(a[1], a[0]);
    return v == TERM_NONE ? bif_error_value(p, EXC_BADKEY, a[0]) : v;
}

BIF(maps, find, 2, 0)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    term_t v = map_get(a[1], a[0]);
    return v == TERM_NONE ? am_error : heap_tuple2(&p->heap, am_ok, v);
}

BIF(maps, is_key, 2, 0)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    return term_bool(map_get(a[1], a[0]) != TERM_NONE);
}

BIF(maps, put, 3, 0)
{
    if (!term_is_map(a[2])) return bad_map(p, a[2]);
    return map_put(&p->heap, a[2], a[0], a[1]);
}

BIF(maps, update, 3, 0)
{
    if (!term_is_map(a[2])) return bad_map(p, a[2]);
    term_t map = map_update(&p->heap, a[2], a[0], a[1]);
    return map == TERM_NONE ? bif_error_value(p, EXC_BADKEY, a[0]) : map;
}

BIF(maps, remove, 2, 0)
{
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    return map_remove(&p->heap, a[1], a[0], NULL);
}

BIF(maps, take, 2, 0)
{
    term_t value;
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    term_t map = map_remove(&p->heap, a[1], a[0], &value);
    return value == TERM_NONE ? am_error : heap_tuple2(&p->heap, value, map);
}

BIF(maps, merge, 2, 0)
{
    if (!term_is_map(a[0])) return bad_map(p, a[0]);
    if (!term_is_map(a[1])) return bad_map(p, a[1]);
    size_t pairs = map_size(a[0]) + map_size(a[1]);
    if (bif_is_long(4 * pairs)) return bif_go_dirty(p);
    charge(p, pairs);
    return map_merge(&p->heap, a[0], a[1]);
}

/* ---- lists of large maps, in slices ---- */

#define SLICE_MIN 4096 /* maps and lists below are done at once */
#define ITEMS_PER_RED 8

static size_t slice_items(const Process *p)
{
    return ITEMS_PER_RED * (size_t)MAX(p->reds, 100);
}

static term_t yield_with(Process *p, NativeState *s)
{
    p->native_state = s;
    process_bump_reds(p, INT32_MAX);
    return bif_yield(p);
}

static void end_state(Process *p)
{
    NativeState *s = p->native_state;
    p->native_state = NULL;
    s->destroy(s);
}

/* The list is the map's order backward, so it is consed while the map is walked forward. */
typedef struct ListState {
    NativeState base;
    uint64_t path;   /* of the next pair */
    term_t list;
} ListState;

static void list_destroy(NativeState *base) { MEM_DELETE(TEMP, (ListState *)base); }

static void list_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((ListState *)base)->list, 1);
}

static ListState *list_state(Process *p)
{
    ListState *s = native_state_of(p, list_destroy);
    if (s) return s;
    s = MEM_NEW(TEMP, ListState);
    s->base.destroy = list_destroy;
    s->base.each_root = list_each_root;
    s->list = TERM_NIL;
    return s;
}

static term_t large_list(Process *p, term_t map, bool keys)
{
    ListState *s = list_state(p);
    MapIter it;
    term_t key, value, list;
    map_iter_seek(&it, map, s->path);
    for (size_t n = slice_items(p); n > 0 && map_iter_next(&it, &key, &value); n--)
        s->list = heap_cons(&p->heap, keys ? key : value, s->list);
    if (!map_iter_at_end(&it)) {
        s->path = map_iter_path(&it);
        return yield_with(p, &s->base);
    }
    list = s->list;
    p->native_state = &s->base;
    end_state(p);
    return list;
}

static term_t keys_or_values(Process *p, term_t map, bool keys)
{
    if (!term_is_map(map)) return bad_map(p, map);
    if (map_size(map) >= SLICE_MIN) return large_list(p, map, keys);
    charge(p, map_size(map));
    return keys ? map_keys_list(&p->heap, map) : map_values_list(&p->heap, map);
}

BIF(maps, keys, 1, 0) { return keys_or_values(p, a[0], true); }
BIF(maps, values, 1, 0) { return keys_or_values(p, a[0], false); }

/* Elements of a proper list, or -1. */
static ptrdiff_t list_length(term_t t)
{
    ptrdiff_t n = 0;
    for (; term_is_list_cell(t); t = list_tail(t)) n++;
    return term_is_nil(t) ? n : -1;
}

/* ---- from lists ---- */

/* One pair of from_list ({K, V}) or from_keys (any term); false: badarg. */
static bool pair_of(term_t element, bool keys, term_t value, term_t *pair)
{
    pair[0] = element;
    pair[1] = value;
    if (keys) return true;
    if (!term_is_tuple_of(element, 2)) return false;
    pair[0] = tuple_element(element, 1);
    pair[1] = tuple_element(element, 2);
    return true;
}

static term_t small_from(Process *p, term_t list, size_t n, bool keys, term_t value)
{
    size_t i = 0;
    term_t few[2 * MAP_FLAT_MAX];
    term_t *pairs = n <= MAP_FLAT_MAX ? few : MEM_NEW_ARRAY(TEMP, term_t, 2 * n);
    for (; term_is_list_cell(list); list = list_tail(list), i++)
        if (!pair_of(list_head(list), keys, value, pairs + 2 * i)) break;
    term_t map = i == n ? map_from_pairs(&p->heap, pairs, n, NULL) : bif_error(p, EXC_BADARG);
    if (pairs != few) MEM_DELETE_ARRAY(TEMP, pairs, 2 * n);
    charge(p, 2 * n);
    return map;
}

typedef struct BuildState {
    NativeState base;
    MapBuilder *builder;
    term_t rest, value;
} BuildState;

static void build_destroy(NativeState *base)
{
    BuildState *s = (BuildState *)base;
    map_builder_free(s->builder);
    MEM_DELETE(TEMP, s);
}

static void build_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    BuildState *s = (BuildState *)base;
    visit(ctx, &s->rest, 1);
    visit(ctx, &s->value, 1);
    map_builder_each_root(s->builder, visit, ctx);
}

static term_t large_from(Process *p, BuildState *s, bool keys)
{
    size_t budget = slice_items(p);
    term_t pair[2], map;
    p->native_state = &s->base;
    for (; budget > 0 && term_is_list_cell(s->rest); budget--, s->rest = list_tail(s->rest)) {
        if (!pair_of(list_head(s->rest), keys, s->value, pair)) {
            end_state(p);
            return bif_error(p, EXC_BADARG);
        }
        map_builder_add(s->builder, pair[0], pair[1]);
    }
    if (budget == 0 || !map_builder_run(s->builder, &p->heap, budget, &map)) return yield_with(p, &s->base);
    end_state(p);
    return map;
}

static term_t from(Process *p, term_t list, bool keys, term_t value)
{
    BuildState *begun = native_state_of(p, build_destroy);
    if (begun) return large_from(p, begun, keys);
    ptrdiff_t n = list_length(list);
    if (n < 0) return bif_error(p, EXC_BADARG);
    if (n < SLICE_MIN) return small_from(p, list, (size_t)n, keys, value);
    BuildState *s = MEM_NEW(TEMP, BuildState);
    s->base.destroy = build_destroy;
    s->base.each_root = build_each_root;
    s->builder = map_builder_new((size_t)n);
    s->rest = list;
    s->value = value;
    return large_from(p, s, keys);
}

BIF(maps, from_list, 1, 0) { return from(p, a[0], false, TERM_NIL); }
BIF(maps, from_keys, 2, 0) { return from(p, a[0], true, a[1]); }

/* ---- erts_internal ---- */

BIF(erts_internal, map_to_tuple_keys, 1, 0)
{
    if (!term_is_map(a[0])) return bad_map(p, a[0]);
    if (!map_is_flat(a[0])) return bif_error(p, EXC_BADARG);
    return flat_map_keys(a[0]);
}

#define BATCH 64 /* pairs of a large map that one call delivers, */
#define LIST_BATCH 1024 /* and to a list */

/* {K1, V1, {K2, V2, ... Rest}} from pairs in order. */
static term_t chain(Heap *h, const term_t *pairs, size_t n, term_t rest)
{
    while (n-- > 0) rest = heap_tuple3(h, pairs[2 * n], pairs[2 * n + 1], rest);
    return rest;
}

static term_t next_flat(Heap *h, term_t map)
{
    size_t n = map_size(map);
    term_t rest = am_none;
    for (size_t i = n; i-- > 0;)
        rest = heap_tuple3(h, flat_map_key_ptr(map)[i], flat_map_values(map)[i], rest);
    return rest;
}

/* Path says where to go on. With a list as third argument, pairs are put in front of it, and the result is
 * [NextPath, Map | List] unless the map is at its end; with `iterator`, the result is a chain ending
 * in [NextPath | Map] or none. */
static term_t next_large(Heap *h, MapIter *it, term_t map)
{
    term_t pairs[2 * BATCH];
    size_t n = map_iter_batch(it, pairs, BATCH);
    return chain(h, pairs, n, map_iter_at_end(it) ? am_none : heap_cons(h, heap_uint(h, map_iter_path(it)), map));
}

static term_t list_large(Process *p, MapIter *it, term_t map, term_t acc)
{
    Heap *h = &p->heap;
    term_t key, value;
    size_t n = 0;
    for (; n < LIST_BATCH && map_iter_next(it, &key, &value); n++) {
        term_t *hp = heap_alloc(h, 5);
        acc = list_put(hp + 3, tuple_put2(hp, key, value), acc);
    }
    charge(p, n);
    return map_iter_at_end(it) ? acc : heap_cons(h, heap_uint(h, map_iter_path(it)), heap_cons(h, map, acc));
}

BIF(erts_internal, map_next, 3, 0)
{
    MapIter it;
    if (!term_is_small(a[0]) || !term_is_map(a[1]) || (a[2] != am_iterator && !term_is_list(a[2])))
        return bif_error(p, EXC_BADARG);
    bool flat = map_is_flat(a[1]) && (uint64_t)small_value(a[0]) <= map_size(a[1]);
    if (a[2] != am_iterator && (flat || (a[0] == term_small(0) && map_size(a[1]) <= LIST_BATCH))) {
        charge(p, map_size(a[1]));
        return map_to_list(&p->heap, a[1], a[2]);
    }
    if (flat) return next_flat(&p->heap, a[1]);
    if (map_is_flat(a[1]) || small_value(a[0]) < 0 || !map_iter_seek(&it, a[1], (uint64_t)small_value(a[0])))
        return bif_error(p, EXC_BADARG);
    return a[2] == am_iterator ? next_large(&p->heap, &it, a[1]) : list_large(p, &it, a[1], a[2]);
}

/* ---- erts_debug ---- */

/* Leaves as cells, nodes as they are: only for erts_debug:size/1, which lets none of them out. */
BIF(erts_internal, map_hashmap_children, 1, 0)
{
    if (!term_is_map(a[0])) return bad_map(p, a[0]);
    if (map_is_flat(a[0])) return bif_error(p, EXC_BADARG);
    unsigned count;
    const term_t *children = hamt_children(a[0], &count);
    term_t list = TERM_NIL;
    for (unsigned i = 0; i < count; i++) list = heap_cons(&p->heap, children[i], list);
    return list;
}

typedef struct TrieInfo {
    size_t by_children[17]; /* nodes with that many children */
    size_t by_level[17];    /* leaves; the head's own children stand at level 1 */
    size_t nodes, depth;
} TrieInfo;

static void measure(TrieInfo *info, term_t node, size_t level)
{
    unsigned count = term_is_tuple(node) ? (unsigned)tuple_arity(node) : 0;
    const term_t *children = term_is_tuple(node) ? tuple_elements(node) : hamt_children(node, &count);
    info->nodes++;
    info->by_children[MIN(count, 16u)]++;
    for (unsigned i = 0; i < count; i++) {
        if (!term_is_list_cell(children[i])) measure(info, children[i], level + 1);
        else info->by_level[level]++;
        info->depth = MAX(info->depth, level);
    }
}

static term_t counts(Heap *h, term_t name, size_t total, const size_t *from)
{
    term_t elements[16];
    for (int i = 0; i < 16; i++) elements[i] = term_small((int64_t)from[i]);
    return heap_tuple3(h, name, term_small((int64_t)total), heap_tuple(h, 16, elements));
}

/* Shape of a large map, in the words of the reference. */
BIF(erts_debug, map_info, 1, 0)
{
    TrieInfo info = {0};
    Heap *h = &p->heap;
    unsigned root;
    if (!term_is_map(a[0])) return bad_map(p, a[0]);
    if (map_is_flat(a[0])) return bif_error(p, EXC_BADARG);
    hamt_children(a[0], &root);
    measure(&info, a[0], 1);
    size_t arrays = root == 16;
    info.by_children[16] -= arrays;
    term_t items[4] = {
        heap_tuple2(h, am_depth, term_small((int64_t)info.depth)),
        heap_tuple3(h, am_arrays, term_small((int64_t)arrays), TERM_NIL),
        counts(h, am_bitmaps, info.nodes - arrays, info.by_children + 1),
        counts(h, am_leafs, map_size(a[0]), info.by_level),
    };
    return heap_list(h, 4, items, TERM_NIL);
}
