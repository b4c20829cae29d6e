/* SPDX-License-Identifier: Apache-2.0 */
/* ets_tree - ordered_set: a red-black tree ordered by the key (1 and 1.0 are the same key).
 * Deletion during fixation needs no tombstones: traversals continue by key. Layer: ets. */
#include "data/term_cmp.h"
#include "ets/ets_priv.h"
#include "ets/ms.h"

typedef struct TreeKey {
    term_t key;
    word_t keypos;
} TreeKey;

static int compare_key(const void *key, const RbNode *node, void *ctx UNUSED)
{
    const TreeKey *k = key;
    const EtsObject *o = container_of(node, EtsObject, node);
    return term_cmp(k->key, tuple_element(ets_tuple(o), k->keypos));
}

void ets_tree_init(EtsTable *t)
{
    rb_init(&t->tree);
    store_relaxed(&t->cursor, NULL);
}

/* [write] */
static void tree_free(EtsTable *t, EtsObject *o)
{
    if (load_relaxed(&t->cursor) == o) store_relaxed(&t->cursor, NULL);
    ets_object_free(&t->only, o);
}

void ets_tree_put(EtsTable *t, EtsObject *o)
{
    TreeKey k = {ets_key(t, ets_tuple(o)), t->keypos};
    RbNode *old = rb_insert_key(&t->tree, &o->node, &k, compare_key, NULL);
    ets_object_adopt(&t->only, o);
    if (old) {
        rb_replace(&t->tree, old, &o->node);
        tree_free(t, ets_tree_object(old));
    } else {
        ets_count_add(&t->only, 1);
    }
}

void ets_tree_remove(EtsTable *t, EtsObject *o)
{
    rb_remove(&t->tree, &o->node);
    ets_count_add(&t->only, (word_t)-1);
    tree_free(t, o);
}

void ets_tree_replace(EtsTable *t, EtsObject *old, EtsObject *fresh)
{
    rb_replace(&t->tree, &old->node, &fresh->node);
    ets_object_adopt(&t->only, fresh);
    tree_free(t, old);
}

/* The object under the cursor if it has this key: a traversal asks for the key it was given last. */
static EtsObject *at_cursor(EtsTable *t, term_t key)
{
    EtsObject *o = load_relaxed(&t->cursor);
    return o && term_cmp(key, ets_key(t, ets_tuple(o))) == 0 ? o : NULL;
}

static EtsObject *move_cursor(EtsTable *t, RbNode *n)
{
    EtsObject *o = ets_tree_object(n);
    store_relaxed(&t->cursor, o);
    return o;
}

EtsObject *ets_tree_find(EtsTable *t, term_t key)
{
    TreeKey k = {key, t->keypos};
    EtsObject *here = at_cursor(t, key);
    return here ? here : ets_tree_object(rb_find(&t->tree, &k, compare_key, NULL));
}

EtsObject *ets_tree_after(EtsTable *t, term_t key)
{
    TreeKey k = {key, t->keypos};
    EtsObject *here = at_cursor(t, key);
    return move_cursor(t, here ? rb_next(&here->node) : rb_upper_bound(&t->tree, &k, compare_key, NULL));
}

EtsObject *ets_tree_before(EtsTable *t, term_t key)
{
    TreeKey k = {key, t->keypos};
    EtsObject *here = at_cursor(t, key);
    return move_cursor(t, here ? rb_prev(&here->node) : rb_last_before(&t->tree, &k, compare_key, NULL));
}

/* A pattern as search key: "before" a node when the node's key lies before the range's edge. */
typedef struct TreeRange {
    term_t pattern;
    word_t keypos;
} TreeRange;

static int compare_low(const void *key, const RbNode *node, void *ctx UNUSED)
{
    const TreeRange *r = key;
    const EtsObject *o = container_of(node, EtsObject, node);
    return ms_key_range(r->pattern, tuple_element(ets_tuple(o), r->keypos)) < 0 ? 1 : -1;
}

static int compare_high(const void *key, const RbNode *node, void *ctx UNUSED)
{
    const TreeRange *r = key;
    const EtsObject *o = container_of(node, EtsObject, node);
    return ms_key_range(r->pattern, tuple_element(ets_tuple(o), r->keypos)) > 0 ? -1 : 1;
}

EtsObject *ets_tree_edge(EtsTable *t, term_t pattern, bool reverse)
{
    TreeRange r = {pattern, t->keypos};
    RbNode *n = reverse ? rb_last_before(&t->tree, &r, compare_high, NULL)
                        : rb_lower_bound(&t->tree, &r, compare_low, NULL);
    return ets_tree_object(n);
}
