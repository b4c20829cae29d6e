/* SPDX-License-Identifier: Apache-2.0 */
/* procdict - see procdict.h. Linear probing; at most three quarters full; removal closes the gap by
 * moving later entries of the same run back, so that there are no tombstones. Layer: proc. */
#include "proc/procdict.h"

#include "base/alloc.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"

#define DICT_FIRST_SIZE 8

uint32_t dict_hash(term_t key)
{
    uint32_t h = term_hash(key);
    return h ^ h >> 16;
}

static size_t dict_bytes(uint32_t size) { return sizeof(ProcDict) + size * sizeof(DictEntry); }

static DictEntry *dict_find(const ProcDict *d, term_t key, uint32_t hash)
{
    for (uint32_t i = hash;; i++) {
        DictEntry *e = (DictEntry *)&d->at[i & (d->size - 1)];
        if (e->key == TERM_NONE) return NULL;
        if (term_eq(e->key, key)) return e;
    }
}

static DictEntry *free_entry(ProcDict *d, uint32_t hash)
{
    uint32_t i = hash;
    while (d->at[i & (d->size - 1)].key != TERM_NONE) i++;
    return &d->at[i & (d->size - 1)];
}

static void dict_resize(Process *p, uint32_t size)
{
    ProcDict *old = p->dict, *d = mem_alloc_zero(MEM_DICT, dict_bytes(size));
    d->size = size;
    for (uint32_t i = 0; old && i < old->size; i++) {
        if (old->at[i].key == TERM_NONE) continue;
        *free_entry(d, dict_hash(old->at[i].key)) = old->at[i];
        d->used++;
    }
    if (old) mem_free(MEM_DICT, old, dict_bytes(old->size));
    p->dict = d;
}

term_t dict_get_hashed(const Process *p, term_t key, uint32_t hash)
{
    const DictEntry *e = p->dict ? dict_find(p->dict, key, hash) : NULL;
    return e ? e->value : am_undefined;
}

/* Most keys are atoms: the same word or another key. */
static term_t get_immed(const ProcDict *d, term_t key)
{
    for (uint32_t i = dict_hash(key);; i++) {
        const DictEntry *e = &d->at[i & (d->size - 1)];
        if (e->key == key) return e->value;
        if (e->key == TERM_NONE) return am_undefined;
    }
}

term_t dict_get(const Process *p, term_t key)
{
    if (!p->dict) return am_undefined;
    return term_is_immed(key) ? get_immed(p->dict, key) : dict_get_hashed(p, key, dict_hash(key));
}

term_t dict_put(Process *p, term_t key, term_t value)
{
    uint32_t hash = dict_hash(key);
    DictEntry *e = p->dict ? dict_find(p->dict, key, hash) : NULL;
    if (e) {
        term_t old = e->value;
        e->value = value;
        return old;
    }
    if (!p->dict)
        dict_resize(p, DICT_FIRST_SIZE);
    else if ((p->dict->used + 1) * 4 > p->dict->size * 3)
        dict_resize(p, p->dict->size * 2);
    *free_entry(p->dict, hash) = (DictEntry){key, value};
    p->dict->used++;
    return am_undefined;
}

/* Entry i is free now: an entry further on in the run may move there unless that is before its home. */
static void close_gap(ProcDict *d, uint32_t gap)
{
    uint32_t mask = d->size - 1;
    for (uint32_t i = (gap + 1) & mask; d->at[i].key != TERM_NONE; i = (i + 1) & mask) {
        uint32_t home = dict_hash(d->at[i].key) & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        d->at[gap] = d->at[i];
        d->at[i] = (DictEntry){TERM_NONE, TERM_NONE};
        gap = i;
    }
}

term_t dict_erase(Process *p, term_t key)
{
    DictEntry *e = p->dict ? dict_find(p->dict, key, dict_hash(key)) : NULL;
    if (!e) return am_undefined;
    term_t old = e->value;
    *e = (DictEntry){TERM_NONE, TERM_NONE};
    p->dict->used--;
    close_gap(p->dict, (uint32_t)(e - p->dict->at));
    if (p->dict->used == 0)
        dict_free(p);
    else if (p->dict->size > DICT_FIRST_SIZE && p->dict->used * 8 < p->dict->size)
        dict_resize(p, p->dict->size / 2);
    return old;
}

size_t dict_count(const Process *p) { return p->dict ? p->dict->used : 0; }

term_t dict_list(const Process *p, Heap *h)
{
    bool own = h == &p->heap;
    term_t list = TERM_NIL;
    for (uint32_t i = 0; p->dict && i < p->dict->size; i++) {
        DictEntry e = p->dict->at[i];
        if (e.key == TERM_NONE) continue;
        term_t key = own ? e.key : term_copy(h, e.key), value = own ? e.value : term_copy(h, e.value);
        list = heap_cons(h, heap_tuple2(h, key, value), list);
    }
    return list;
}

term_t dict_keys(Process *p, term_t value)
{
    term_t list = TERM_NIL;
    for (uint32_t i = 0; p->dict && i < p->dict->size; i++) {
        const DictEntry *e = &p->dict->at[i];
        if (e->key != TERM_NONE && (value == TERM_NONE || term_eq(e->value, value)))
            list = heap_cons(&p->heap, e->key, list);
    }
    return list;
}

void dict_free(Process *p)
{
    if (p->dict) mem_free(MEM_DICT, p->dict, dict_bytes(p->dict->size));
    p->dict = NULL;
}
