/* SPDX-License-Identifier: Apache-2.0 */
/* map - flat maps, and what is common to both kinds. See map.h. Layer: data. */
#include "data/map.h"

#include "base/alloc.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"

#include <stdlib.h>

/* ---- flat maps ---- */

static term_t flat_put_header(term_t *hp, size_t n, term_t keys)
{
    hp[0] = MAP_HEADER(MAP_FLAT, 0, 0);
    hp[1] = n;
    hp[2] = keys;
    return term_make_boxed(hp);
}

term_t map_empty(Heap *h)
{
    term_t *hp = heap_alloc(h, 1 + FLAT_MAP_WORDS(0));
    hp[0] = HEADER(0, BOXED_TUPLE);
    return flat_put_header(hp + 1, 0, term_make_boxed(hp));
}

term_t map_flat(Heap *h, term_t keys, const term_t *values)
{
    size_t n = tuple_arity(keys);
    term_t *hp = heap_alloc(h, FLAT_MAP_WORDS(n));
    words_copy(hp + 3, values, n);
    return flat_put_header(hp, n, keys);
}

static inline ptrdiff_t flat_find(term_t map, term_t key) { return flat_map_index(map, key, 0); }

/* Where key would stand: number of keys before it. The caller knows that it is absent. */
static size_t flat_place(term_t map, term_t key)
{
    size_t low = 0, high = map_size(map);
    const term_t *keys = flat_map_key_ptr(map);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (term_cmp_exact(keys[middle], key) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static term_t flat_replace(Heap *h, term_t map, size_t i, term_t value)
{
    if (flat_map_values(map)[i] == value) return map;
    term_t copy = flat_map_copy(h, map);
    flat_map_values(copy)[i] = value;
    return copy;
}

static void copy_with(term_t *to, const term_t *from, size_t n, size_t place, term_t extra)
{
    words_copy(to, from, place);
    to[place] = extra;
    words_copy(to + place + 1, from + place, n - place);
}

/* A full flat map and one more pair: becomes a trie. */
static term_t flat_to_trie(Heap *h, term_t map, term_t key, term_t value)
{
    term_t pairs[2 * (MAP_FLAT_MAX + 1)];
    size_t n = map_size(map);
    for (size_t i = 0; i < n; i++) {
        pairs[2 * i] = flat_map_key_ptr(map)[i];
        pairs[2 * i + 1] = flat_map_values(map)[i];
    }
    pairs[2 * n] = key;
    pairs[2 * n + 1] = value;
    return hamt_from_pairs(h, pairs, n + 1, NULL);
}

static term_t flat_insert(Heap *h, term_t map, term_t key, term_t value)
{
    size_t n = map_size(map);
    if (n >= MAP_FLAT_MAX) return flat_to_trie(h, map, key, value);
    size_t place = flat_place(map, key);
    term_t *hp = heap_alloc(h, 2 + n + FLAT_MAP_WORDS(n + 1));
    hp[0] = HEADER(n + 1, BOXED_TUPLE);
    copy_with(hp + 1, flat_map_key_ptr(map), n, place, key);
    term_t *mp = hp + 2 + n;
    copy_with(mp + 3, flat_map_values(map), n, place, value);
    return flat_put_header(mp, n + 1, term_make_boxed(hp));
}

static void copy_without(term_t *to, const term_t *from, size_t n, size_t place)
{
    words_copy(to, from, place);
    words_copy(to + place, from + place + 1, n - place - 1);
}

static term_t flat_remove(Heap *h, term_t map, size_t i)
{
    size_t n = map_size(map);
    if (n == 1) return map_empty(h);
    term_t *hp = heap_alloc(h, n + FLAT_MAP_WORDS(n - 1));
    hp[0] = HEADER(n - 1, BOXED_TUPLE);
    copy_without(hp + 1, flat_map_key_ptr(map), n, i);
    term_t *mp = hp + n;
    copy_without(mp + 3, flat_map_values(map), n, i);
    return flat_put_header(mp, n - 1, term_make_boxed(hp));
}

/* Two sorted key rows into one; b's values win. The result may be too large to stay flat. */
static term_t flat_merge(Heap *h, term_t a, term_t b)
{
    term_t keys[2 * MAP_FLAT_MAX], values[2 * MAP_FLAT_MAX];
    size_t na = map_size(a), nb = map_size(b), n = 0, i = 0, k = 0;
    const term_t *ka = flat_map_key_ptr(a), *kb = flat_map_key_ptr(b);
    while (i < na || k < nb) {
        int c = i == na ? 1 : k == nb ? -1 : term_cmp_exact(ka[i], kb[k]);
        keys[n] = c < 0 ? ka[i] : kb[k];
        values[n++] = c < 0 ? flat_map_values(a)[i] : flat_map_values(b)[k];
        if (c <= 0) i++;
        if (c >= 0) k++;
    }
    if (n > MAP_FLAT_MAX) {
        term_t pairs[4 * MAP_FLAT_MAX];
        for (size_t j = 0; j < n; j++) pairs[2 * j] = keys[j], pairs[2 * j + 1] = values[j];
        return hamt_from_pairs(h, pairs, n, NULL);
    }
    if (n == na) return map_flat(h, flat_map_keys(a), values);
    if (n == nb) return b;
    return map_flat(h, heap_tuple(h, n, keys), values);
}

/* ---- both kinds ---- */

term_t map_find(term_t map, term_t key, term_t *found_key)
{
    if (!map_is_flat(map)) return hamt_find(map, term_hash(key), key, found_key);
    ptrdiff_t i = flat_find(map, key);
    if (i < 0) return TERM_NONE;
    if (found_key) *found_key = flat_map_key_ptr(map)[i];
    return flat_map_values(map)[i];
}

term_t map_get(term_t map, term_t key)
{
    return map_find(map, key, NULL);
}

term_t map_put(Heap *h, term_t map, term_t key, term_t value)
{
    if (!map_is_flat(map)) return hamt_put(h, map, term_hash(key), key, value, false);
    ptrdiff_t i = flat_find(map, key);
    return i >= 0 ? flat_replace(h, map, (size_t)i, value) : flat_insert(h, map, key, value);
}

term_t map_update(Heap *h, term_t map, term_t key, term_t value)
{
    if (!map_is_flat(map)) return hamt_put(h, map, term_hash(key), key, value, true);
    ptrdiff_t i = flat_find(map, key);
    return i >= 0 ? flat_replace(h, map, (size_t)i, value) : TERM_NONE;
}

term_t map_remove(Heap *h, term_t map, term_t key, term_t *value)
{
    term_t ignored;
    if (!value) value = &ignored;
    *value = TERM_NONE;
    if (!map_is_flat(map)) return hamt_remove(h, map, term_hash(key), key, value);
    ptrdiff_t i = flat_find(map, key);
    if (i < 0) return map;
    *value = flat_map_values(map)[i];
    return flat_remove(h, map, (size_t)i);
}

term_t map_merge(Heap *h, term_t a, term_t b)
{
    if (a == b || map_size(b) == 0) return a;
    if (map_size(a) == 0) return b;
    return map_is_flat(a) && map_is_flat(b) ? flat_merge(h, a, b) : hamt_merge(h, a, b);
}

/* ---- from pairs ---- */

/* Insertion sort of up to 32 pairs in key order; of equal keys the later value replaces the earlier.
 * Returns how many are left. Already sorted input costs n comparisons. */
static size_t sort_pairs(term_t *pairs, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        term_t key = pairs[2 * i], value = pairs[2 * i + 1];
        size_t low = 0, high = used;
        int c = 1;
        if (used > 0 && (c = term_cmp_exact(pairs[2 * used - 2], key)) < 0) low = used;
        while (low < high) {
            size_t middle = (low + high) / 2;
            c = term_cmp_exact(pairs[2 * middle], key);
            if (c == 0) low = high = middle;
            else if (c < 0) low = middle + 1;
            else high = middle;
        }
        if (low < used && term_eq(pairs[2 * low], key)) {
            pairs[2 * low + 1] = value;
            continue;
        }
        memmove(pairs + 2 * low + 2, pairs + 2 * low, 2 * (used - low) * sizeof(term_t));
        pairs[2 * low] = key;
        pairs[2 * low + 1] = value;
        used++;
    }
    return used;
}

static term_t flat_from_sorted(Heap *h, const term_t *pairs, size_t n)
{
    term_t *hp = heap_alloc(h, 1 + n + FLAT_MAP_WORDS(n));
    hp[0] = HEADER(n, BOXED_TUPLE);
    term_t *mp = hp + 1 + n;
    for (size_t i = 0; i < n; i++) {
        hp[1 + i] = pairs[2 * i];
        mp[3 + i] = pairs[2 * i + 1];
    }
    return flat_put_header(mp, n, term_make_boxed(hp));
}

term_t map_from_pairs(Heap *h, term_t *pairs, size_t n, bool *duplicates)
{
    if (duplicates) *duplicates = false;
    if (n == 0) return map_empty(h);
    if (n > MAP_FLAT_MAX) return hamt_from_pairs(h, pairs, n, duplicates);
    size_t used = sort_pairs(pairs, n);
    if (duplicates) *duplicates = used != n;
    return flat_from_sorted(h, pairs, used);
}

/* ---- several changes at once ---- */

/* Which key an exact update complains about: the first in key order that is absent. */
static term_t first_missing(term_t map, const term_t *pairs, size_t n)
{
    term_t key = TERM_NONE;
    for (size_t i = 0; i < n; i++)
        if (map_get(map, pairs[2 * i]) == TERM_NONE &&
            (key == TERM_NONE || term_cmp_exact(pairs[2 * i], key) < 0))
            key = pairs[2 * i];
    return key;
}

/* A flat map with these values, and n keys that it lacks, in order: still a flat map. */
static term_t flat_insert_pairs(Heap *h, term_t map, const term_t *values, const term_t *fresh, size_t n)
{
    size_t size = map_size(map), at = 0;
    const term_t *keys = flat_map_key_ptr(map);
    term_t *hp = heap_alloc(h, 1 + size + n + FLAT_MAP_WORDS(size + n)), *mp = hp + 1 + size + n;
    hp[0] = HEADER(size + n, BOXED_TUPLE);
    for (size_t i = 0; i <= n; i++) {
        size_t place = i < n ? flat_place(map, fresh[2 * i]) : size;
        words_copy(hp + 1 + at + i, keys + at, place - at);
        words_copy(mp + 3 + at + i, values + at, place - at);
        at = place;
        if (i == n) break;
        hp[1 + at + i] = fresh[2 * i];
        mp[3 + at + i] = fresh[2 * i + 1];
    }
    return flat_put_header(mp, size + n, term_make_boxed(hp));
}

static term_t put_pairs_flat(Heap *h, term_t map, const term_t *pairs, size_t n)
{
    size_t size = map_size(map);
    term_t values[MAP_FLAT_MAX];
    term_t fresh[4 * MAP_FLAT_MAX];
    size_t nfresh = 0;
    if (n > MAP_FLAT_MAX) n = MAP_FLAT_MAX;
    memcpy(values, flat_map_values(map), size * sizeof(term_t));
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t at = flat_find(map, pairs[2 * i]);
        if (at >= 0) {
            values[at] = pairs[2 * i + 1];
        } else {
            fresh[2 * nfresh] = pairs[2 * i];
            fresh[2 * nfresh++ + 1] = pairs[2 * i + 1];
        }
    }
    if (nfresh == 0) return map_flat(h, flat_map_keys(map), values);
    nfresh = sort_pairs(fresh, nfresh);
    if (nfresh + size <= MAP_FLAT_MAX) return flat_insert_pairs(h, map, values, fresh, nfresh);
    for (size_t i = 0; i < size; i++) {
        fresh[2 * (nfresh + i)] = flat_map_key_ptr(map)[i];
        fresh[2 * (nfresh + i) + 1] = values[i];
    }
    return map_from_pairs(h, fresh, nfresh + size, NULL);
}

term_t map_put_pairs(Heap *h, term_t map, const term_t *pairs, size_t n, bool exact, term_t *missing)
{
    size_t i = 0;
    if (n > 1 && map_is_flat(map) && !exact) {
        map = put_pairs_flat(h, map, pairs, n);
        i = MIN(n, (size_t)MAP_FLAT_MAX);
    }
    for (; i < n; i++) {
        term_t next = exact ? map_update(h, map, pairs[2 * i], pairs[2 * i + 1])
                            : map_put(h, map, pairs[2 * i], pairs[2 * i + 1]);
        if (next == TERM_NONE) {
            if (missing) *missing = first_missing(map, pairs, n);
            return TERM_NONE;
        }
        map = next;
    }
    return map;
}

/* ---- iteration ---- */

static inline MapLevel level_of(term_t node)
{
    unsigned count = term_is_tuple(node) ? (unsigned)tuple_arity(node) : 0;
    const term_t *first = term_is_tuple(node) ? tuple_elements(node) : hamt_children(node, &count);
    return (MapLevel){first, first, first + count};
}

void map_iter_init(MapIter *it, term_t map)
{
    it->map = map;
    it->index = 0;
    it->depth = -1;
    if (!map_is_flat(map)) it->level[++it->depth] = level_of(map);
}

static size_t next_flat(MapIter *it, term_t *pairs, size_t max)
{
    size_t n = MIN(max, map_size(it->map) - it->index);
    for (size_t i = 0; i < n; i++, it->index++) {
        *pairs++ = flat_map_key_ptr(it->map)[it->index];
        *pairs++ = flat_map_values(it->map)[it->index];
    }
    return n;
}

/* The level that is open stands in a variable: its position in memory would be read and written for each child. */
static inline size_t next_large(MapIter *it, term_t *pairs, size_t max)
{
    MapLevel *l = it->level + it->depth, open = *l;
    size_t n = 0;
    while (n < max) {
        if (open.next == open.end) {
            if (l == it->level) break;
            open = *--l;
            continue;
        }
        term_t child = *open.next++;
        if (term_is_list_cell(child)) {
            pairs[2 * n] = list_head(child);
            pairs[2 * n++ + 1] = list_tail(child);
        } else {
            *l++ = open;
            open = level_of(child);
        }
    }
    *l = open;
    it->depth = (int)(l - it->level);
    return n;
}

size_t map_iter_batch(MapIter *it, term_t *pairs, size_t max)
{
    return it->depth < 0 ? next_flat(it, pairs, max) : next_large(it, pairs, max);
}

bool map_iter_next(MapIter *it, term_t *key, term_t *value)
{
    term_t pair[2];
    if ((it->depth < 0 ? next_flat(it, pair, 1) : next_large(it, pair, 1)) == 0) return false;
    *key = pair[0];
    *value = pair[1];
    return true;
}

bool map_iter_at_end(const MapIter *it)
{
    if (it->depth < 0) return it->index == map_size(it->map);
    int depth = it->depth;
    while (depth >= 0 && it->level[depth].next == it->level[depth].end) depth--;
    return depth < 0;
}

/* The position of the next entry. Levels that are used up are left first, so that every level but the
 * last counts the child that is open. */
uint64_t map_iter_path(const MapIter *it)
{
    int depth = it->depth;
    while (depth > 0 && it->level[depth].next == it->level[depth].end) depth--;
    uint64_t path = 0;
    for (int i = depth; i >= 0; i--) {
        uint64_t at = (uint64_t)(it->level[i].next - it->level[i].first) - (i == depth ? 0 : 1);
        path = path << 4 | (at & 0xF);
    }
    return path;
}

/* A path names an open child at each level; below the last one named the first child is meant (zero
 * bits). False when it names no child. Collision tuples have more than 16 cells only in theory. */
bool map_iter_seek(MapIter *it, term_t map, uint64_t path)
{
    map_iter_init(it, map);
    if (map_is_flat(map)) return path == 0;
    for (;;) {
        MapLevel *l = it->level + it->depth;
        ptrdiff_t at = (ptrdiff_t)(path & 0xF);
        path >>= 4;
        if (at >= l->end - l->first) return false;
        term_t child = l->first[at];
        l->next = l->first + at;
        if (term_is_list_cell(child) || path == 0) return path == 0;
        l->next++;
        it->level[++it->depth] = level_of(child);
    }
}

/* ---- lists ---- */

/* The pairs below a node in front of *list; hp has room for all. Returns the room left. */
static term_t *put_pairs(term_t node, term_t *hp, term_t *list)
{
    unsigned count = term_is_tuple(node) ? (unsigned)tuple_arity(node) : 0;
    const term_t *children = term_is_tuple(node) ? tuple_elements(node) : hamt_children(node, &count);
    for (unsigned i = 0; i < count; i++) {
        if (term_is_list_cell(children[i])) {
            *list = list_put(hp + 3, tuple_put2(hp, list_head(children[i]), list_tail(children[i])), *list);
            hp += 5;
        } else {
            hp = put_pairs(children[i], hp, list);
        }
    }
    return hp;
}

enum ListKind { LIST_KEYS, LIST_VALUES, LIST_PAIRS };

static term_t flat_list(Heap *h, term_t map, enum ListKind kind, term_t tail)
{
    size_t n = map_size(map), each = kind == LIST_PAIRS ? 5 : 2;
    term_t *hp = heap_alloc(h, n * each);
    for (size_t i = n; i-- > 0; hp += each) {
        term_t key = flat_map_key_ptr(map)[i], value = flat_map_values(map)[i];
        term_t head = kind == LIST_KEYS ? key : kind == LIST_VALUES ? value : tuple_put2(hp + 2, key, value);
        tail = list_put(hp, head, tail);
    }
    return tail;
}

/* The order of a large map's lists is that of its walk backward. */
static term_t large_list(Heap *h, term_t map, bool keys)
{
    term_t *hp = heap_alloc(h, 2 * map_size(map)), list = TERM_NIL, key, value;
    MapIter it;
    map_iter_init(&it, map);
    for (; map_iter_next(&it, &key, &value); hp += 2) list = list_put(hp, keys ? key : value, list);
    return list;
}

term_t map_keys_list(Heap *h, term_t map)
{
    return map_is_flat(map) ? flat_list(h, map, LIST_KEYS, TERM_NIL) : large_list(h, map, true);
}

term_t map_values_list(Heap *h, term_t map)
{
    return map_is_flat(map) ? flat_list(h, map, LIST_VALUES, TERM_NIL) : large_list(h, map, false);
}

term_t map_to_list(Heap *h, term_t map, term_t tail)
{
    if (map_is_flat(map)) return flat_list(h, map, LIST_PAIRS, tail);
    (void)put_pairs(map, heap_alloc(h, 5 * map_size(map)), &tail);
    return tail;
}
