/* SPDX-License-Identifier: Apache-2.0 */
/* rbtree - intrusive red-black tree; the user supplies the order.
 * Used for links and monitors, timers, ordered tables. Nodes are embedded; the tree owns and
 * allocates nothing. Equal keys are refused.
 * Invariants: no red node has a red parent; all paths from the root to a leaf pass the same
 *             number of black nodes; so height <= 2 log2(n + 1). rb_check verifies all.
 * Threads: one, or under the owner's lock. Cost: O(log n) each; rb_next amortised O(1).
 * Layer: base. Source: Cormen et al., Introduction to Algorithms, chapter 13. */
#ifndef JOIST_BASE_RBTREE_H
#define JOIST_BASE_RBTREE_H

#include "base/base.h"

typedef struct RbNode {
    struct RbNode *left, *right;
    word_t parent_red; /* parent pointer; bit 0 set: red */
} RbNode;

typedef struct RbTree {
    RbNode *root;
} RbTree;

/* < 0, 0, > 0: a (or the key) comes before, equals, comes after b. */
typedef int RbCompare(const RbNode *a, const RbNode *b, void *ctx);
typedef int RbCompareKey(const void *key, const RbNode *node, void *ctx);

static inline void rb_init(RbTree *t)
{
    t->root = NULL;
}

static inline bool rb_is_empty(const RbTree *t)
{
    return t->root == NULL;
}

/* NULL when inserted, else the equal node that was in the tree already. */
RbNode *rb_insert(RbTree *t, RbNode *node, RbCompare *compare, void *ctx);
void rb_remove(RbTree *t, RbNode *node);
/* Put `fresh` in the place of `old`; their keys must be equal. */
void rb_replace(RbTree *t, RbNode *old, RbNode *fresh);

/* ---- searches, inline so that the comparison is part of the loop ---- */

static ALWAYS_INLINE RbNode *rb_find(const RbTree *t, const void *key, RbCompareKey *compare, void *ctx)
{
    RbNode *n = t->root;
    while (n) {
        int c = compare(key, n, ctx);
        if (c == 0)
            return n;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

/* First node for which compare gives less than `limit`: with 0 the first one after key, with 1 an equal one too. */
static ALWAYS_INLINE RbNode *rb_first_under(const RbTree *t, const void *key, RbCompareKey *compare, void *ctx,
                                                  int limit)
{
    RbNode *best = NULL, *n = t->root;
    while (n) {
        if (compare(key, n, ctx) < limit) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

/* First node that is not before key. */
static ALWAYS_INLINE RbNode *rb_lower_bound(const RbTree *t, const void *key, RbCompareKey *compare, void *ctx)
{
    return rb_first_under(t, key, compare, ctx, 1);
}

/* First node after key. */
static ALWAYS_INLINE RbNode *rb_upper_bound(const RbTree *t, const void *key, RbCompareKey *compare, void *ctx)
{
    return rb_first_under(t, key, compare, ctx, 0);
}

/* Last node before key. */
static ALWAYS_INLINE RbNode *rb_last_before(const RbTree *t, const void *key, RbCompareKey *compare, void *ctx)
{
    RbNode *best = NULL, *n = t->root;
    while (n) {
        if (compare(key, n, ctx) > 0) {
            best = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

RbNode *rb_first(const RbTree *t);
RbNode *rb_last(const RbTree *t);
RbNode *rb_next(const RbNode *node);
RbNode *rb_prev(const RbNode *node);
/* The same nodes, each behind those below it: left, right, then the node. */
RbNode *rb_first_below(const RbTree *t);
RbNode *rb_next_below(const RbNode *node);

/* For callers that search by hand: link node as child of parent at *slot, then rebalance.
 * parent NULL: slot is &t->root. */
void rb_link(RbTree *t, RbNode *parent, RbNode **slot, RbNode *node);

/* rb_insert of a node with that key. */
static ALWAYS_INLINE RbNode *rb_insert_key(RbTree *t, RbNode *node, const void *key, RbCompareKey *compare, void *ctx)
{
    RbNode **slot = &t->root, *parent = NULL;
    while (*slot) {
        parent = *slot;
        int c = compare(key, parent, ctx);
        if (c == 0)
            return parent;
        slot = c < 0 ? &parent->left : &parent->right;
    }
    rb_link(t, parent, slot, node);
    return NULL;
}

/* Number of nodes; verifies every invariant (panics). For tests. */
size_t rb_check(const RbTree *t, RbCompare *compare, void *ctx);

#endif
