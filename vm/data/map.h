/* SPDX-License-Identifier: Apache-2.0 */
/* map - maps: flat up to MAP_FLAT_MAX keys, above that a hash array mapped trie (boxed.h draws both).
 * Invariants: a map of at most MAP_FLAT_MAX keys is flat, a larger one is a trie; flat keys stand
 *   in exact term order; a trie branches on 4 hash bits a level, low bits first, 8 levels; keys of
 *   equal hash sit in a tuple of leaf cells in exact order. So equal maps have equal shapes.
 * Iteration: flat in key order. Tries forward (low slots first: iterators, printing) or backward
 *   (maps:keys/1, values/1, to_list/1, external format), as OTP 25 does.
 * GC: nothing here collects. Layer: data. */
#ifndef JOIST_DATA_MAP_H
#define JOIST_DATA_MAP_H

#include "data/term_cmp.h"
#include "heap/heap.h"

/* Index of key in a flat map, looked for at `from` and behind it first: keys that are asked for one after the other
 * mostly stand in the map's order. -1: absent. */
static inline ptrdiff_t flat_map_index(term_t map, term_t key, size_t from)
{
    const term_t *keys = flat_map_key_ptr(map);
    size_t n = map_size(map);
    bool immed = term_is_immed(key);
    for (size_t i = from; i < n; i++)
        if (keys[i] == key || (!immed && term_eq(keys[i], key))) return (ptrdiff_t)i;
    for (size_t i = 0; i < MIN(from, n); i++)
        if (keys[i] == key || (!immed && term_eq(keys[i], key))) return (ptrdiff_t)i;
    return -1;
}
/* Few mostly: a call would take longer. The compiler must not make one of it. */
static inline void words_copy(term_t *to, const term_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        term_t w = from[i];
        __asm__("" : "+r"(w));
        to[i] = w;
    }
}

/* A copy of a flat map, with the same keys: its values may be changed. */
static inline term_t flat_map_copy(Heap *h, term_t map)
{
    size_t words = FLAT_MAP_WORDS(map_size(map));
    term_t *hp = heap_alloc(h, words);
    words_copy(hp, boxed_ptr(map), words);
    return term_make_boxed(hp);
}

/* #{}, in h. */
term_t map_empty(Heap *h);
/* The value, or TERM_NONE. */
term_t map_get(term_t map, term_t key);
/* Same with the address of the key as found in the map stored in *found (may be NULL). */
term_t map_find(term_t map, term_t key, term_t *found_key);
/* Map#{key => value}. Returns `map` itself when key already has that very word as value. */
term_t map_put(Heap *h, term_t map, term_t key, term_t value);
/* Map#{key := value}; TERM_NONE when key is absent. */
term_t map_update(Heap *h, term_t map, term_t key, term_t value);
/* Without key; `map` itself when absent. *value (may be NULL) gets the old value or TERM_NONE. */
term_t map_remove(Heap *h, term_t map, term_t key, term_t *value);
/* From n pairs k1 v1 k2 v2 ...; of equal keys the last one wins, and *duplicates (may be NULL)
 * says whether there were any. The array is not kept, but reordered. */
term_t map_from_pairs(Heap *h, term_t *pairs, size_t n, bool *duplicates);
/* Flat map from keys known to be sorted and distinct: keys is a tuple term, values its values. */
term_t map_flat(Heap *h, term_t keys, const term_t *values);
/* All of both; b wins. */
term_t map_merge(Heap *h, term_t a, term_t b);
/* Several changes in one copy (instructions put_map_assoc / put_map_exact): n pairs key, value.
 * exact: all keys must exist; else TERM_NONE and *missing is the first key that does not. */
term_t map_put_pairs(Heap *h, term_t map, const term_t *pairs, size_t n, bool exact, term_t *missing);

/* Lists, in the order described above. */
term_t map_keys_list(Heap *h, term_t map);
term_t map_values_list(Heap *h, term_t map);
term_t map_to_list(Heap *h, term_t map, term_t tail);

/* ---- iteration without allocation ---- */
#define MAP_MAX_DEPTH 9
typedef struct MapLevel {
    const term_t *first, *next, *end; /* of a node's children; next: the next to be visited */
} MapLevel;
typedef struct MapIter {
    int depth;                        /* the level that is open, -1: a flat map */
    term_t map;
    size_t index;                     /* flat: next index */
    MapLevel level[MAP_MAX_DEPTH + 1];
} MapIter;
void map_iter_init(MapIter *it, term_t map);
/* False at the end. */
bool map_iter_next(MapIter *it, term_t *key, term_t *value);
/* The next pairs k1 v1 k2 v2 ..., at most max; how many: fewer only at the end. */
size_t map_iter_batch(MapIter *it, term_t *pairs, size_t max);
bool map_iter_at_end(const MapIter *it);
/* Position as a number and back; for erts_internal:map_next/3. Four bits a level, root lowest. */
uint64_t map_iter_path(const MapIter *it);
bool map_iter_seek(MapIter *it, term_t map, uint64_t path);

/* ---- building in steps (map_build.c) ---- */
/* For many pairs, so that a native can yield in between. The terms inside are roots meanwhile. */
typedef struct MapBuilder MapBuilder;
/* n pairs will be added. */
MapBuilder *map_builder_new(size_t n);
void map_builder_add(MapBuilder *b, term_t key, term_t value);
/* After the last pair: go on for about `budget` pairs; true when *map is done (later pairs win). */
bool map_builder_run(MapBuilder *b, Heap *h, size_t budget, term_t *map);
bool map_builder_had_duplicates(const MapBuilder *b);
void map_builder_each_root(MapBuilder *b, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx);
void map_builder_free(MapBuilder *b);

/* ---- tries (hamt.c) ---- */
term_t hamt_find(term_t map, uint32_t hash, term_t key, term_t *found_key);
term_t hamt_put(Heap *h, term_t map, uint32_t hash, term_t key, term_t value, bool must_exist);
term_t hamt_remove(Heap *h, term_t map, uint32_t hash, term_t key, term_t *value);
term_t hamt_from_pairs(Heap *h, term_t *pairs, size_t n, bool *duplicates);
term_t hamt_merge(Heap *h, term_t a, term_t b);
/* Children of a head or node. */
static inline const term_t *hamt_children(term_t node, unsigned *count)
{
    term_t header = boxed_header(node);
    bool head = MAP_HEADER_KIND(header) == MAP_HEAD;
    *count = MAP_HEADER_COUNT(header);
    return boxed_ptr(node) + (head ? 2 : 1);
}

#endif
