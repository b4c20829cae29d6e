/* SPDX-License-Identifier: Apache-2.0 */
/* ets_hash - set, bag and duplicate_bag: linear hashing (Litwin 1980), one bucket split or merged
 * at a time, so no insertion pays for the whole table.
 * Invariants: objects with equal keys are neighbours in their chain, newest first; a new key goes to
 *             the end of its chain; a chain holds objects of its bucket only; tombstones exist
 *             only since a fixation began. (The order shows in traversals: as the reference's.)
 * Locks:      the stripe of the key, or all (ets_lock.c); writers exclusively. Layer: ets. */
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "ets/ets_priv.h"

/* An atom's does not depend on its number, so that tables are in the same order in each run. */
uint32_t ets_hash_of(term_t key)
{
    return term_is_atom(key) ? atom_phash(key) : term_hash(key);
}

static size_t bucket_index(const EtsHash *h, uint32_t hash)
{
    size_t mask = load_relaxed(&h->mask), i = hash & mask;
    return i < load_relaxed(&h->active) ? i : hash & (mask >> 1);
}

static EtsObject **bucket(const EtsHash *h, size_t i)
{
    return &load_acquire(&h->segments)[i / ETS_SEGMENT][i % ETS_SEGMENT];
}

static EtsStripe *stripe_of(const EtsTable *t, uint32_t hash)
{
    return &t->stripes[hash & t->stripe_mask];
}

/* ---- number of buckets: [write] of the only stripe, of all, or of the bucket's and size_lock ---- */

/* Those who hold other stripes may be reading the old directory. */
static void grow_directory(EtsTable *t)
{
    EtsHash *h = &t->hash;
    EtsObject ***old = load_relaxed(&h->segments);
    size_t cap = h->segment_cap ? 2 * h->segment_cap : 1;
    EtsObject ***segments = MEM_NEW_ARRAY(ETS_TABLE, EtsObject **, cap);
    if (old) {
        memcpy(segments, old, h->segment_count * sizeof *old);
        epoch_defer_free(t->vm->epoch, MEM_ETS_TABLE, old, h->segment_cap * sizeof *old);
    }
    store_release(&h->segments, segments);
    h->segment_cap = cap;
}

static void add_segment(EtsTable *t)
{
    EtsHash *h = &t->hash;
    if (h->segment_count == h->segment_cap) grow_directory(t);
    load_relaxed(&h->segments)[h->segment_count++] =
        mem_alloc_zero(MEM_ETS_TABLE, ETS_SEGMENT * sizeof(EtsObject *));
}

static void drop_segment(EtsHash *h)
{
    mem_free(MEM_ETS_TABLE, load_relaxed(&h->segments)[--h->segment_count], ETS_SEGMENT * sizeof(EtsObject *));
}

void ets_hash_init(EtsTable *t)
{
    t->hash = (EtsHash){.active = ETS_SEGMENT, .mask = ETS_SEGMENT - 1};
    add_segment(t);
}

/* Split the bucket whose turn it is; keeps the order of the chain in both halves. */
static void grow(EtsTable *t)
{
    EtsHash *h = &t->hash;
    size_t to = ets_hash_active(h), mask = load_relaxed(&h->mask);
    if (to > mask) store_relaxed(&h->mask, mask = 2 * mask + 1);
    if (to / ETS_SEGMENT == h->segment_count) add_segment(t);
    EtsObject **keep = bucket(h, to & (mask >> 1)), **move = bucket(h, to);
    store_relaxed(&h->active, to + 1);
    for (EtsObject *o = *keep, *next; o; o = next) {
        next = o->h.next;
        EtsObject ***tail = (o->h.hash & mask) == to ? &move : &keep;
        **tail = o;
        *tail = &o->h.next;
    }
    *keep = *move = NULL;
}

/* Merge the last bucket into its partner. */
static void shrink(EtsTable *t)
{
    EtsHash *h = &t->hash;
    size_t from = ets_hash_active(h) - 1, half = load_relaxed(&h->mask) >> 1;
    store_relaxed(&h->active, from);
    EtsObject **src = bucket(h, from), **dst = bucket(h, from & half);
    while (*dst) dst = &(*dst)->h.next;
    *dst = *src;
    *src = NULL;
    if (from == half + 1) store_relaxed(&h->mask, half);
    if (from % ETS_SEGMENT == 0 && h->segment_count > 1) drop_segment(h);
}

static bool is_too_small(const EtsTable *t, size_t count) { return count > ets_hash_active(&t->hash); }

static bool is_too_large(const EtsTable *t, size_t count)
{
    size_t active = ets_hash_active(&t->hash);
    return active > ETS_SEGMENT && count < active / 2;
}

#define STEPS_AT_ONCE 4 /* enough to catch up with what happened during a fixation */

/* By who holds all there is. Tombstones that nobody has swept yet are looked for where they were buried. */
static void resize(EtsTable *t)
{
    if (t->stripe_mask && !t->whole) return;
    if (ets_is_fixed(t) || ets_tombstones(t)) return;
    size_t count = ets_size(t);
    for (int n = 0; n < STEPS_AT_ONCE && is_too_small(t, count); n++) grow(t);
    for (int n = 0; n < STEPS_AT_ONCE && is_too_large(t, count); n++) shrink(t);
}

/* Somewhat off, as one stripe among others always is, is not worth a look at all. */
bool ets_hash_is_off_size(const EtsTable *t, const EtsStripe *s)
{
    size_t count = load_relaxed(&s->count) * (t->stripe_mask + 1);
    return is_too_small(t, count - count / 8) || is_too_large(t, count);
}

/* [size_lock] False: nothing to do, or not now. */
static bool adjust_step(EtsTable *t)
{
    size_t count = ets_size(t), active = ets_hash_active(&t->hash);
    bool larger = is_too_small(t, count);
    if (!larger && !is_too_large(t, count)) return false;
    EtsStripe *s = stripe_of(t, (uint32_t)(larger ? active : active - 1));
    rwlock_write_lock(&s->lock);
    bool may = !ets_is_fixed(t) && s->tombstones == 0; /* a traversal fixes first, then takes locks */
    if (may && larger) grow(t);
    else if (may) shrink(t);
    rwlock_write_unlock(&s->lock);
    return may;
}

void ets_hash_adjust(EtsTable *t)
{
    if (!mutex_try_lock(&t->size_lock)) return;
    for (int n = 0; n < STEPS_AT_ONCE && adjust_step(t); n++) continue;
    mutex_unlock(&t->size_lock);
}

/* ---- tombstones ---- */

static bool is_dead(const EtsTable *t, const EtsObject *o)
{
    return o->h.epoch != t->hash.epoch;
}

static void remember_grave(const EtsHash *h, EtsStripe *s, size_t slot)
{
    if (s->graves_lost || (s->grave_count && s->graves[s->grave_count - 1] == slot)) return;
    if (s->grave_count == ets_hash_active(h)) {
        s->graves_lost = true;
        return;
    }
    if (s->grave_count == s->grave_cap) {
        size_t cap = s->grave_cap ? 2 * s->grave_cap : 16;
        s->graves = mem_realloc(MEM_ETS_TABLE, s->graves, s->grave_cap * sizeof *s->graves,
                                cap * sizeof *s->graves);
        s->grave_cap = cap;
    }
    s->graves[s->grave_count++] = slot;
}

/* Make o a tombstone, and remember where. */
static void bury(EtsTable *t, EtsObject *o)
{
    EtsStripe *s = stripe_of(t, o->h.hash);
    ets_count_add(s, (word_t)-1);
    s->tombstones++;
    o->h.epoch = t->hash.epoch - 1;
    remember_grave(&t->hash, s, bucket_index(&t->hash, o->h.hash));
}

void ets_hash_bury_all(EtsTable *t)
{
    t->hash.epoch++;
    for (uint32_t i = 0; i <= t->stripe_mask; i++) {
        EtsStripe *s = &t->stripes[i];
        s->tombstones += load_relaxed(&s->count);
        s->graves_lost = true;
        store_relaxed(&s->count, 0);
    }
}

/* ---- chains ---- */

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
    EtsStripe *s = stripe_of(t, o->h.hash);
    o->h.next = *link;
    *link = o;
    ets_count_add(s, 1);
    ets_object_adopt(s, o);
    resize(t);
}

/* Put `o` where *link is and free what stood there. */
static void replace_at(EtsTable *t, EtsObject **link, EtsObject *o)
{
    EtsStripe *s = stripe_of(t, o->h.hash);
    EtsObject *old = *link;
    if (is_dead(t, old)) {
        s->tombstones--;
        ets_count_add(s, 1);
    }
    o->h.next = old->h.next;
    *link = o;
    ets_object_adopt(s, o);
    ets_object_free(s, old);
}

static void drop_tombstone(EtsTable *t, EtsObject **link)
{
    EtsObject *o = *link;
    EtsStripe *s = stripe_of(t, o->h.hash);
    *link = o->h.next;
    s->tombstones--;
    ets_object_free(s, o);
}

void ets_hash_put(EtsTable *t, EtsObject *o)
{
    term_t key = ets_key(t, ets_tuple(o));
    o->h.hash = ets_hash_of(key);
    o->h.epoch = t->hash.epoch;
    EtsObject **link = find_link(t, o->h.hash, key), **first = link;
    if (*link && t->type == ETS_SET) {
        replace_at(t, link, o);
        return;
    }
    for (; t->type == ETS_BAG && *link && same_key(t, *link, o); link = &(*link)->h.next) {
        if (!term_eq(ets_tuple(*link), ets_tuple(o))) continue;
        if (!is_dead(t, *link)) {
            ets_object_dispose(o);
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
    return slot < ets_hash_active(&t->hash) ? ets_hash_live_from(t, *bucket(&t->hash, slot)) : NULL;
}

/* Chains lie about memory in the order of insertion: a traversal that does not ask ahead waits at each. */
void ets_hash_prefetch(const EtsTable *t, size_t slot)
{
    if (slot < ets_hash_active(&t->hash)) ets_object_prefetch(*bucket(&t->hash, slot));
}

EtsObject *ets_hash_chain_next(EtsTable *t, EtsObject *o)
{
    return ets_hash_live_from(t, o->h.next);
}

EtsObject *ets_hash_find(EtsTable *t, term_t key)
{
    uint32_t hash = ets_hash_of(key);
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
    EtsStripe *s = stripe_of(t, o->h.hash);
    ets_count_add(s, (word_t)-1);
    *link = o->h.next;
    ets_object_free(s, o);
}

size_t ets_hash_remove(EtsTable *t, term_t key, term_t only_equal)
{
    uint32_t hash = ets_hash_of(key);
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
        ets_count_add(stripe_of(t, fresh->h.hash), 1);
        ets_object_adopt(stripe_of(t, fresh->h.hash), fresh);
        bury(t, old);
        return;
    }
    replace_at(t, link_of(t, old), fresh);
}

EtsObject *ets_hash_next(EtsTable *t, term_t key, bool *found)
{
    uint32_t hash = ets_hash_of(key);
    EtsObject *o = *find_link(t, hash, key);
    *found = o != NULL;
    if (!o) return NULL;
    size_t slot = bucket_index(&t->hash, hash);
    const EtsObject *first = o;
    do o = o->h.next;
    while (o && same_key(t, o, first));
    o = ets_hash_live_from(t, o);
    while (!o && ++slot < ets_hash_active(&t->hash)) o = ets_hash_slot(t, slot);
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

void ets_hash_free_graves(EtsStripe *s)
{
    mem_free(MEM_ETS_TABLE, s->graves, s->grave_cap * sizeof *s->graves);
    s->graves = NULL;
    s->grave_count = s->grave_cap = 0;
    s->graves_lost = false;
}

static void sweep_stripe(EtsTable *t, EtsStripe *s)
{
    const EtsHash *h = &t->hash;
    size_t step = t->stripe_mask + 1, first = (size_t)(s - t->stripes);
    if (s->graves_lost) {
        for (size_t i = first; i < ets_hash_active(h) && s->tombstones; i += step) sweep_bucket(t, bucket(h, i));
    } else {
        for (size_t i = 0; i < s->grave_count && s->tombstones; i++) sweep_bucket(t, bucket(h, s->graves[i]));
    }
    ASSERT(s->tombstones == 0);
    ets_hash_free_graves(s);
}

void ets_hash_sweep(EtsTable *t)
{
    for (uint32_t i = 0; i <= t->stripe_mask; i++) sweep_stripe(t, &t->stripes[i]);
}

bool ets_hash_free_some(EtsHash *h, size_t *budget)
{
    EtsObject ***segments = load_relaxed(&h->segments);
    for (size_t left; (left = ets_hash_active(h)) > 0;) {
        EtsObject **b = bucket(h, left - 1);
        for (; *b && *budget; (*budget)--) {
            EtsObject *o = *b;
            *b = o->h.next;
            ets_object_dispose(o);
        }
        if (*b || *budget == 0) return false;
        store_relaxed(&h->active, --left);
        (*budget)--;
        if (left % ETS_SEGMENT == 0)
            while (h->segment_count > left / ETS_SEGMENT) drop_segment(h);
    }
    mem_free(MEM_ETS_TABLE, segments, h->segment_cap * sizeof *segments);
    store_relaxed(&h->segments, NULL);
    h->segment_cap = 0;
    return true;
}
