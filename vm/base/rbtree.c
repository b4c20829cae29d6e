/* SPDX-License-Identifier: Apache-2.0 */
/* rbtree - insertion and deletion with parent pointers; see rbtree.h.
 * Layer: base. */
#include "base/rbtree.h"

#define RED ((word_t)1)

static RbNode *parent_of(const RbNode *n)
{
    return (RbNode *)(n->parent_red & ~RED);
}

static bool is_red(const RbNode *n)
{
    return n != NULL && (n->parent_red & RED);
}

static void set_parent(RbNode *n, RbNode *parent)
{
    n->parent_red = (word_t)parent | (n->parent_red & RED);
}

static void set_black(RbNode *n)
{
    n->parent_red &= ~RED;
}

static void set_red(RbNode *n)
{
    n->parent_red |= RED;
}

static void copy_colour(RbNode *to, const RbNode *from)
{
    to->parent_red = (to->parent_red & ~RED) | (from->parent_red & RED);
}

/* Make `with` the child of old's parent in old's place. */
static void change_child(RbTree *t, RbNode *parent, RbNode *old, RbNode *with)
{
    if (parent == NULL)
        t->root = with;
    else if (parent->left == old)
        parent->left = with;
    else
        parent->right = with;
}

static void rotate_left(RbTree *t, RbNode *n)
{
    RbNode *up = n->right;
    n->right = up->left;
    if (up->left)
        set_parent(up->left, n);
    set_parent(up, parent_of(n));
    change_child(t, parent_of(n), n, up);
    up->left = n;
    set_parent(n, up);
}

static void rotate_right(RbTree *t, RbNode *n)
{
    RbNode *up = n->left;
    n->left = up->right;
    if (up->right)
        set_parent(up->right, n);
    set_parent(up, parent_of(n));
    change_child(t, parent_of(n), n, up);
    up->right = n;
    set_parent(n, up);
}

/* n is red and its parent may be too: recolour upwards, at most two rotations. */
static void fix_insert(RbTree *t, RbNode *n)
{
    RbNode *p;
    while (is_red(p = parent_of(n))) {
        RbNode *g = parent_of(p);
        bool left = g->left == p;
        RbNode *uncle = left ? g->right : g->left;
        if (is_red(uncle)) {
            set_black(p);
            set_black(uncle);
            set_red(g);
            n = g;
            continue;
        }
        if (n == (left ? p->right : p->left)) {
            left ? rotate_left(t, p) : rotate_right(t, p);
            p = n;
        }
        set_black(p);
        set_red(g);
        left ? rotate_right(t, g) : rotate_left(t, g);
        break;
    }
    set_black(t->root);
}

void rb_link(RbTree *t, RbNode *parent, RbNode **slot, RbNode *node)
{
    node->left = node->right = NULL;
    node->parent_red = (word_t)parent | RED;
    *slot = node;
    fix_insert(t, node);
}

typedef struct NodeOrder {
    RbCompare *compare;
    void *ctx;
} NodeOrder;

static int compare_as_key(const void *key, const RbNode *node, void *order)
{
    const NodeOrder *o = order;
    return o->compare(key, node, o->ctx);
}

RbNode *rb_insert(RbTree *t, RbNode *node, RbCompare *compare, void *ctx)
{
    NodeOrder order = {compare, ctx};
    return rb_insert_key(t, node, node, compare_as_key, &order);
}

/* The subtree at child n (maybe NULL) of p is one black node short. One side of the mirror
 * image at a time: `left` says which child n is. */
static void fix_remove(RbTree *t, RbNode *n, RbNode *p)
{
    while (n != t->root && !is_red(n)) {
        bool left = p->left == n;
        RbNode *s = left ? p->right : p->left; /* exists: its side has a black node more */
        if (is_red(s)) {
            set_black(s);
            set_red(p);
            left ? rotate_left(t, p) : rotate_right(t, p);
            s = left ? p->right : p->left;
        }
        RbNode *near = left ? s->left : s->right;
        RbNode *far = left ? s->right : s->left;
        if (!is_red(near) && !is_red(far)) {
            set_red(s);
            n = p;
            p = parent_of(n);
            continue;
        }
        if (!is_red(far)) {
            set_black(near);
            set_red(s);
            left ? rotate_right(t, s) : rotate_left(t, s);
            far = s;
            s = near;
        }
        copy_colour(s, p);
        set_black(p);
        set_black(far);
        left ? rotate_left(t, p) : rotate_right(t, p);
        return;
    }
    if (n)
        set_black(n);
}

/* Take out a node that has at most one child. */
static void remove_simple(RbTree *t, RbNode *node)
{
    RbNode *child = node->left ? node->left : node->right;
    RbNode *parent = parent_of(node);
    if (child)
        set_parent(child, parent);
    change_child(t, parent, node, child);
    if (!is_red(node) && t->root)
        fix_remove(t, child, parent);
}

void rb_replace(RbTree *t, RbNode *old, RbNode *fresh)
{
    *fresh = *old;
    change_child(t, parent_of(old), old, fresh);
    if (fresh->left)
        set_parent(fresh->left, fresh);
    if (fresh->right)
        set_parent(fresh->right, fresh);
}

void rb_remove(RbTree *t, RbNode *node)
{
    if (node->left == NULL || node->right == NULL) {
        remove_simple(t, node);
        return;
    }
    /* The successor has no left child: take it out, then let it stand in for node. */
    RbNode *next = node->right;
    while (next->left)
        next = next->left;
    remove_simple(t, next);
    rb_replace(t, node, next);
}

RbNode *rb_first(const RbTree *t)
{
    RbNode *n = t->root;
    while (n && n->left)
        n = n->left;
    return n;
}

RbNode *rb_last(const RbTree *t)
{
    RbNode *n = t->root;
    while (n && n->right)
        n = n->right;
    return n;
}

RbNode *rb_next(const RbNode *node)
{
    if (node->right) {
        RbNode *n = node->right;
        while (n->left)
            n = n->left;
        return n;
    }
    RbNode *up = parent_of(node);
    while (up && up->right == node) {
        node = up;
        up = parent_of(up);
    }
    return up;
}

RbNode *rb_prev(const RbNode *node)
{
    if (node->left) {
        RbNode *n = node->left;
        while (n->right)
            n = n->right;
        return n;
    }
    RbNode *up = parent_of(node);
    while (up && up->left == node) {
        node = up;
        up = parent_of(up);
    }
    return up;
}

static RbNode *lowest(RbNode *n)
{
    while (n && (n->left || n->right))
        n = n->left ? n->left : n->right;
    return n;
}

RbNode *rb_first_below(const RbTree *t)
{
    return lowest(t->root);
}

RbNode *rb_next_below(const RbNode *node)
{
    RbNode *up = parent_of(node);
    return up && up->left == node && up->right ? lowest(up->right) : up;
}

/* Black height of the subtree; counts its nodes. */
static size_t check_subtree(const RbNode *n, const RbNode *parent, size_t *count)
{
    if (n == NULL)
        return 1;
    CHECK(parent_of(n) == parent);
    CHECK(!(is_red(n) && is_red(parent)));
    (*count)++;
    size_t left = check_subtree(n->left, n, count);
    CHECK(left == check_subtree(n->right, n, count));
    return left + !is_red(n);
}

size_t rb_check(const RbTree *t, RbCompare *compare, void *ctx)
{
    size_t count = 0;
    CHECK(!is_red(t->root));
    check_subtree(t->root, NULL, &count);
    for (RbNode *n = rb_first(t), *next; n && (next = rb_next(n)); n = next) {
        CHECK(rb_prev(next) == n);
        CHECK(compare(n, next, ctx) < 0);
    }
    return count;
}
