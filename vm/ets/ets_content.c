/* SPDX-License-Identifier: Apache-2.0 */
/* ets_content - operations on a table's contents, dispatched on its type.
 * Locks: the caller's, as ets_priv.h says. Layer: ets. */
#include "data/term_cmp.h"
#include "ets/ets_priv.h"

void ets_put(EtsTable *t, EtsObject *o)
{
    if (ets_is_tree(t)) ets_tree_put(t, o);
    else ets_hash_put(t, o);
}

EtsObject *ets_find(EtsTable *t, term_t key)
{
    return ets_is_tree(t) ? ets_tree_find(t, key) : ets_hash_find(t, key);
}

EtsObject *ets_find_next(EtsTable *t, EtsObject *o)
{
    if (t->type != ETS_BAG && t->type != ETS_DUPLICATE_BAG) return NULL;
    EtsObject *next = ets_hash_chain_next(t, o);
    if (!next || next->h.hash != o->h.hash) return NULL;
    return term_eq(ets_key(t, ets_tuple(o)), ets_key(t, ets_tuple(next))) ? next : NULL;
}

void ets_remove_object(EtsTable *t, EtsObject *o)
{
    if (!ets_is_tree(t)) {
        ets_hash_remove_object(t, o);
        return;
    }
    ets_tree_remove(t, o);
}

size_t ets_remove_key(EtsTable *t, term_t key)
{
    if (!ets_is_tree(t)) return ets_hash_remove(t, key, TERM_NONE);
    EtsObject *o = ets_tree_find(t, key);
    if (o) ets_remove_object(t, o);
    return o != NULL;
}

size_t ets_remove_equal(EtsTable *t, term_t tuple)
{
    term_t key = ets_key(t, tuple);
    if (!ets_is_tree(t)) return ets_hash_remove(t, key, tuple);
    EtsObject *o = ets_tree_find(t, key);
    if (!o || !term_eq(ets_tuple(o), tuple)) return 0;
    ets_remove_object(t, o);
    return 1;
}

void ets_replace(EtsTable *t, EtsObject *old, EtsObject *fresh)
{
    if (ets_is_tree(t)) ets_tree_replace(t, old, fresh);
    else ets_hash_replace(t, old, fresh);
}

EtsObject *ets_first(EtsTable *t)
{
    if (ets_is_tree(t)) return ets_tree_object(rb_first(&t->tree));
    for (size_t i = 0; i < ets_hash_active(&t->hash); i++) {
        EtsObject *o = ets_hash_slot(t, i);
        if (o) return o;
    }
    return NULL;
}

EtsObject *ets_last(EtsTable *t)
{
    return ets_is_tree(t) ? ets_tree_object(rb_last(&t->tree)) : ets_first(t);
}

EtsObject *ets_next(EtsTable *t, term_t key, bool *found)
{
    *found = key != am_Dollar_end_of_table;
    return ets_is_tree(t) ? ets_tree_after(t, key) : ets_hash_next(t, key, found);
}

EtsObject *ets_prev(EtsTable *t, term_t key, bool *found)
{
    *found = key != am_Dollar_end_of_table;
    return ets_is_tree(t) ? ets_tree_before(t, key) : ets_hash_next(t, key, found);
}

/* ---- everything at once ---- */

static void stripe_clear(EtsStripe *s)
{
    store_relaxed(&s->count, 0);
    s->object_words = s->tombstones = 0;
    ets_hash_free_graves(s);
}

EtsGarbage *ets_detach(EtsTable *t)
{
    EtsGarbage *g = MEM_NEW(ETS_TABLE, EtsGarbage);
    g->is_tree = ets_is_tree(t);
    if (g->is_tree) {
        g->tree = t->tree;
        ets_tree_init(t);
    } else {
        g->hash = t->hash;
        t->hash = (EtsHash){.epoch = 0};
    }
    for (uint32_t i = 0; i <= t->stripe_mask; i++) stripe_clear(&t->stripes[i]);
    return g;
}

EtsGarbage *ets_remove_all(EtsTable *t)
{
    if (!ets_is_tree(t) && ets_is_fixed(t)) {
        ets_hash_bury_all(t);
        return NULL;
    }
    EtsGarbage *g = ets_detach(t);
    if (!g->is_tree) ets_hash_init(t);
    return g;
}

static bool tree_free_some(RbTree *tree, size_t budget)
{
    RbNode *n;
    for (; (n = rb_first(tree)) != NULL; budget--) {
        if (budget == 0) return false;
        rb_remove(tree, n);
        ets_object_dispose(ets_tree_object(n));
    }
    return true;
}

bool ets_garbage_free_some(EtsGarbage *g, size_t budget)
{
    if (!(g->is_tree ? tree_free_some(&g->tree, budget) : ets_hash_free_some(&g->hash, &budget)))
        return false;
    MEM_DELETE(ETS_TABLE, g);
    return true;
}

size_t ets_memory_words(const EtsTable *t)
{
    size_t words = sizeof *t / sizeof(term_t);
    if (t->stripe_mask) words += (t->stripe_mask + 1) * sizeof(EtsStripe) / sizeof(term_t);
    for (uint32_t i = 0; i <= t->stripe_mask; i++) words += t->stripes[i].object_words;
    if (!ets_is_tree(t)) words += t->hash.segment_count * ETS_SEGMENT;
    return words;
}

/* ---- memory ---- */

static void object_region(const EtsTable *t, const EtsObject *o, RegionVisit *visit, void *ctx)
{
    visit(ctx, t->name, o->mem, o->mem + o->words);
}

static void hash_regions(const EtsTable *t, RegionVisit *visit, void *ctx)
{
    for (size_t i = 0; i < ets_hash_active(&t->hash); i++)
        for (const EtsObject *o = ets_hash_chain(&t->hash, i); o; o = o->h.next)
            object_region(t, o, visit, ctx);
}

static void table_regions(EtsTable *t, RegionVisit *visit, void *ctx)
{
    region_visit_frags(t->heir_heap.frags, t->name, visit, ctx);
    if (ets_is_deleted(t)) return;
    if (!ets_is_tree(t)) {
        hash_regions(t, visit, ctx);
        return;
    }
    for (RbNode *n = rb_first(&t->tree); n; n = rb_next(n))
        object_region(t, ets_tree_object(n), visit, ctx);
}

void ets_each_region(Vm *vm, RegionVisit *visit, void *ctx)
{
    for (EtsTable *t = vm->ets->all; t; t = t->next_all) table_regions(t, visit, ctx);
}
