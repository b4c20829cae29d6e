/* SPDX-License-Identifier: Apache-2.0 */
/* ets_hash - set, bag and duplicate_bag: linear hashing (Litwin 1980), one bucket split or merged
 * at a time, so no insertion pays for the whole table.
 * Invariants: objects with equal keys are neighbours in their chain, newest first; a new key goes to
 *             the end of its chain; a chain holds objects of its bucket only; tombstones exist
 *             only since a fixation began. (The order shows in traversals: as the reference's.)
 * Locks:      the table's; writers exclusively. Layer: ets. */
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "ets/ets_priv.h"

/* An atom's does not depend on its number, so that tables are in the same order in each run. */
static uint32_t hash_of(term_t key)
{
    return term_is_atom(key) ? atom_phash(key) : term_hash(key);
}

static size_t bucket_index(const EtsHash *h, uint32_t hash)
{
    size_t i = hash & h->mask;
    return i < h->active ? i : hash & (h->mask >> 1);
}

static EtsObject **bucket(const EtsHash *h, size_t i)
{
    return &h->segments[i / ETS_SEGMENT][i % ETS_SEGMENT];
}

static void add_segment(EtsHash *h)
{
    if (h->segment_count == h->segment_cap) {
        size_t cap = h->segment_cap ? 2 * h->segment_cap : 1;
        h->segments = mem_realloc(MEM_ETS_TABLE, h->segments,
                                  h->segment_cap * sizeof *h->segments,
                                  cap * sizeof *h->segments);
        h->segment_cap = cap;
    }
    h->segments[h->segment_count++] =
        mem_alloc_zero(MEM_ETS_TABLE, ETS_SEGMENT * sizeof(EtsObject *));
}

static void drop_segment(EtsHash *h)
{
    mem_free(MEM_ETS_TABLE, h->segments[--h->segment_count], ETS_SEGMENT * sizeof(EtsObject *));
}

void ets_hash_init(EtsHash *h)
{
    *h = (EtsHash){.active = ETS_SEGMENT, .mask = ETS_SEGMENT - 1};
    add_segment(h);
}

/* Split the bucket whose turn it is; keeps the order of the chain in both halves. */
static void grow(EtsHash *h)
{
    size_t to = h->active;
    if (to > h->mask) h->mask = 2 * h->mask + 1;
    if (to / ETS_SEGMENT == h->segment_count) add_segment(h);
    EtsObject **keep = bucket(h, to & (h->mask >> 1)), **move = bucket(h, to);
    h->active++;
    for (EtsObject *o = *keep, *next; o; o = next) {
        next = o->h.next;
        EtsObject ***tail = (o->h.hash & h->mask) == to ? &move : &keep;
        **tail = o;
        *tail = &o->h.next;
    }
    *keep = *move = NULL;
}

/* Merge the last bucket into its partner. */
static void shrink(EtsHash *h)
{
    size_t from = --h->active;
    if (from <= h->mask >> 1) h->mask >>= 1;
    EtsObject **src = bucket(h, from), **dst = bucket(h, from & (h->mask >> 1));
    while (*dst) dst = &(*dst)->h.next;
    *dst = *src;
    *src = NULL;
    if (from % ETS_SEGMENT == 0 && h->segment_count > 1) drop_segment(h);
}

/* A few buckets at a time: enough to catch up with what happened during a fixation. Tombstones that
 * nobody has swept yet are looked for where they were buried. */
static void resize(EtsTable *t)
{
    EtsHash *h = &t->hash;
    if (ets_is_fixed(t) || h->tombstones) return;
    for (int n = 0; n < 4 && t->count > h->active; n++) grow(h);
    for (int n = 0; n < 4 && h->active > ETS_SEGMENT && t->count < h->active / 2; n++) shrink(h);
}

static bool is_dead(const EtsTable *t, const EtsObject *o)
{
    return o->h.epoch != t->hash.epoch;
}

/* Make o a tombstone, and remember where. */
static void bury(EtsTable *t, EtsObject *o)
{
    EtsHash *h = &t->hash;
    size_t slot = bucket_index(h, o->h.hash);
    t->count--;
    o->h.epoch = h->epoch - 1;
    h->tombstones++;
    if (h->graves_lost || (h->grave_count && h->graves[h->grave_count - 1] == slot)) return;
    if (h->grave_count == h->active) {
        h->graves_lost = true;
        return;
    }
    if (h->grave_count == h->grave_cap) {
        size_t cap = h->grave_cap ? 2 * h->grave_cap : 16;
        h->graves = mem_realloc(MEM_ETS_TABLE, h->graves, h->grave_cap * sizeof *h->graves,
                                cap * sizeof *h->graves);
        h->grave_cap = cap;
    }
    h->graves[h->grave_count++] = slot;
}

void ets_hash_bury_all(EtsTable *t)
{
    EtsHash *h = &t->hash;
    h->epoch++;
    h->tombstones += t->count;
    h->graves_lost = true;
    t->count = 0;
}

/* Address of the pointer to the first object (dead or alive) with this key; the pointer is NULL
 * when there is none. */
static EtsObject **find_link(EtsTable *t, uint32_t hash, term_t key)
{
    EtsObject **link = bucket(&t->hash, bucket_index(&t->hash, hash));
    for (; *link; link = &(*link)->h.next) {
        EtsObject *o = *link;
        if (o->h.hash == hash && term_eq(key, ets_key(t, ets_tuple(o)))) break;
    }
    return link;
}

static bool same_key(EtsTable *t, const EtsObject *a, const EtsObject *b)
{
    return a->h.hash == b->h.hash && term_eq(ets_key(t, ets_tuple(a)), ets_key(t, ets_tuple(b)));
}

static void insert_at(EtsTable *t, EtsObject **link, EtsObject *o)
{
    o->h.next = *link;
    *link = o;
    t->count++;
    resize(t);
}

/* Put `o` where *link is and free what stood there. */
static void replace_at(EtsTable *t, EtsObject **link, EtsObject *o)
{
    EtsObject *old = *link;
    if (is_dead(t, old)) {
        t->hash.tombstones--;
        t->count++;
    }
    o->h.next = old->h.next;
    *link = o;
    ets_object_free(t, old);
}

static void drop_tombstone(EtsTable *t, EtsObject **link)
{
    EtsObject *o = *link;
    *link = o->h.next;
    t->hash.tombstones--;
    ets_object_free(t, o);
}

void ets_hash_put(EtsTable *t, EtsObject *o)
{
    term_t key = ets_key(t, ets_tuple(o));
    o->h.hash = hash_of(key);
    o->h.epoch = t->hash.epoch;
    EtsObject **link = find_link(t, o->h.hash, key), **first = link;
    if (*link && t->type == ETS_SET) {
        replace_at(t, link, o);
        return;
    }
    for (; t->type == ETS_BAG && *link && same_key(t, *link, o); link = &(*link)->h.next) {
        if (!term_eq(ets_tuple(*link), ets_tuple(o))) continue;
        if (!is_dead(t, *link)) {
            ets_object_free(t, o);
            return;
        }
        drop_tombstone(t, link); /* it comes back as the newest */
        break;
    }
    insert_at(t, first, o);
}

EtsObject *ets_hash_live_from(const EtsTable *t, EtsObject *o)
{
    while (o && is_dead(t, o)) o = o->h.next;
    return o;
}

EtsObject *ets_hash_slot(EtsTable *t, size_t slot)
{
    return slot < t->hash.active ? ets_hash_live_from(t, *bucket(&t->hash, slot)) : NULL;
}

/* Chains lie about memory in the order of insertion: a traversal that does not ask ahead waits at each. */
void ets_hash_prefetch(const EtsTable *t, size_t slot)
{
    if (slot < t->hash.active) ets_object_prefetch(*bucket(&t->hash, slot));
}

EtsObject *ets_hash_chain_next(EtsTable *t, EtsObject *o)
{
    return ets_hash_live_from(t, o->h.next);
}

size_t ets_hash_slot_of(EtsTable *t, term_t key)
{
    return bucket_index(&t->hash, hash_of(key));
}

EtsObject *ets_hash_find(EtsTable *t, term_t key)
{
    uint32_t hash = hash_of(key);
    EtsObject *o = *find_link(t, hash, key);
    while (o && is_dead(t, o)) {
        EtsObject *next = o->h.next;
        if (!next || !same_key(t, o, next)) return NULL;
        o = next;
    }
    return o;
}

/* Unlink *link, or make it a tombstone while somebody traverses. */
static void remove_at(EtsTable *t, EtsObject **link)
{
    EtsObject *o = *link;
    if (ets_is_fixed(t)) {
        bury(t, o);
        return;
    }
    t->count--;
    *link = o->h.next;
    ets_object_free(t, o);
}

size_t ets_hash_remove(EtsTable *t, term_t key, term_t only_equal)
{
    uint32_t hash = hash_of(key);
    EtsObject **link = find_link(t, hash, key);
    size_t removed = 0;
    while (*link && (*link)->h.hash == hash && term_eq(ets_key(t, ets_tuple(*link)), key)) {
        EtsObject *o = *link;
        if (!is_dead(t, o) && (only_equal == TERM_NONE || term_eq(ets_tuple(o), only_equal))) {
            remove_at(t, link);
            removed++;
        }
        if (*link == o) link = &o->h.next;
    }
    for (size_t i = 0; i < removed; i++) resize(t);
    return removed;
}

static EtsObject **link_of(EtsTable *t, EtsObject *o)
{
    EtsObject **link = bucket(&t->hash, bucket_index(&t->hash, o->h.hash));
    while (*link != o) link = &(*link)->h.next;
    return link;
}

void ets_hash_remove_object(EtsTable *t, EtsObject *o)
{
    if (ets_is_fixed(t)) {
        bury(t, o);
        return;
    }
    remove_at(t, link_of(t, o));
    resize(t);
}

void ets_hash_replace(EtsTable *t, EtsObject *old, EtsObject *fresh)
{
    fresh->h.hash = old->h.hash;
    fresh->h.epoch = t->hash.epoch;
    if (ets_is_fixed(t) && t->type != ETS_SET) { /* finding the link might take long */
        fresh->h.next = old->h.next;
        old->h.next = fresh;
        t->count++;
        bury(t, old);
        return;
    }
    replace_at(t, link_of(t, old), fresh);
}

EtsObject *ets_hash_next(EtsTable *t, term_t key, bool *found)
{
    uint32_t hash = hash_of(key);
    EtsObject *o = *find_link(t, hash, key);
    *found = o != NULL;
    if (!o) return NULL;
    size_t slot = bucket_index(&t->hash, hash);
    const EtsObject *first = o;
    do o = o->h.next;
    while (o && same_key(t, o, first));
    o = ets_hash_live_from(t, o);
    while (!o && ++slot < t->hash.active) o = ets_hash_slot(t, slot);
    return o;
}

static void sweep_bucket(EtsTable *t, EtsObject **link)
{
    while (*link) {
        EtsObject *o = *link;
        if (!is_dead(t, o)) {
            link = &o->h.next;
            continue;
        }
        drop_tombstone(t, link);
    }
}

static void free_graves(EtsHash *h)
{
    mem_free(MEM_ETS_TABLE, h->graves, h->grave_cap * sizeof *h->graves);
    h->graves = NULL;
    h->grave_count = h->grave_cap = 0;
    h->graves_lost = false;
}

void ets_hash_sweep(EtsTable *t)
{
    EtsHash *h = &t->hash;
    size_t n = h->graves_lost ? h->active : h->grave_count;
    for (size_t i = 0; i < n && h->tombstones; i++)
        sweep_bucket(t, bucket(h, h->graves_lost ? i : h->graves[i]));
    ASSERT(h->tombstones == 0);
    free_graves(h);
}

bool ets_hash_free_some(EtsHash *h, size_t *budget)
{
    while (h->active > 0) {
        EtsObject **b = bucket(h, h->active - 1);
        for (; *b && *budget; (*budget)--) {
            EtsObject *o = *b;
            *b = o->h.next;
            ets_object_dispose(o);
        }
        if (*b || *budget == 0) return false;
        h->active--;
        (*budget)--;
        if (h->active % ETS_SEGMENT == 0)
            while (h->segment_count > h->active / ETS_SEGMENT) drop_segment(h);
    }
    mem_free(MEM_ETS_TABLE, h->segments, h->segment_cap * sizeof *h->segments);
    h->segments = NULL;
    h->segment_cap = 0;
    free_graves(h);
    return true;
}
