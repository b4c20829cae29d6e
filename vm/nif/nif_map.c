/* SPDX-License-Identifier: Apache-2.0 */
/* nif_map - iterators of maps: enif_map_iterator_*. The pairs are listed when the iterator is made, so that
 * it may go both ways; the map's own order is kept. idx runs from 0 (before the first) to size + 1 (behind the
 * last). Semantics: erl_nif(3) enif_map_iterator_create. Layer: nif. */
#include "base/alloc.h"
#include "data/map.h"
#include "nif/nif.h"

#define API EXPORTED

static term_t *pairs_of(const ErlNifMapIterator *it) { return it->u.hash.kv; }

API int enif_map_iterator_create(ErlNifEnv *env UNUSED, ERL_NIF_TERM map, ErlNifMapIterator *it,
                                 ErlNifMapIteratorEntry entry)
{
    bool first = entry == ERL_NIF_MAP_ITERATOR_FIRST;
    if (!term_is_map(map) || (!first && entry != ERL_NIF_MAP_ITERATOR_LAST)) return 0;
    MapIter walk;
    size_t n = map_size(map);
    term_t *pairs = MEM_NEW_ARRAY(NIF, term_t, 2 * n);
    map_iter_init(&walk, map);
    (void)map_iter_batch(&walk, pairs, n);
    *it = (ErlNifMapIterator){.map = map, .size = n, .idx = first ? 1 : n};
    it->u.hash.kv = pairs;
    return 1;
}

API void enif_map_iterator_destroy(ErlNifEnv *env UNUSED, ErlNifMapIterator *it)
{
    MEM_DELETE_ARRAY(NIF, pairs_of(it), 2 * it->size);
    it->u.hash.kv = NULL;
}

API int enif_map_iterator_is_head(ErlNifEnv *env UNUSED, ErlNifMapIterator *it) { return it->idx == 0; }
API int enif_map_iterator_is_tail(ErlNifEnv *env UNUSED, ErlNifMapIterator *it) { return it->idx == it->size + 1; }

static bool is_at_pair(const ErlNifMapIterator *it) { return it->idx >= 1 && it->idx <= it->size; }

API int enif_map_iterator_next(ErlNifEnv *env UNUSED, ErlNifMapIterator *it)
{
    if (it->idx <= it->size) it->idx++;
    return is_at_pair(it);
}

API int enif_map_iterator_prev(ErlNifEnv *env UNUSED, ErlNifMapIterator *it)
{
    if (it->idx > 0) it->idx--;
    return is_at_pair(it);
}

API int enif_map_iterator_get_pair(ErlNifEnv *env UNUSED, ErlNifMapIterator *it, ERL_NIF_TERM *key,
                                   ERL_NIF_TERM *value)
{
    if (!is_at_pair(it)) return 0;
    *key = pairs_of(it)[2 * (it->idx - 1)];
    *value = pairs_of(it)[2 * (it->idx - 1) + 1];
    return 1;
}
