/* SPDX-License-Identifier: Apache-2.0 */
/* hamt - large maps: hash array mapped tries over 32-bit hashes, 4 bits a level, low bits first.
 *   child := leaf cell [Key|Value] | node | tuple of leaf cells (level 8: complete hashes equal)
 * Canonical shape: a leaf stands as high as it can, that is, where no other key shares its path; so
 * a node other than the head never has one leaf as its only child.
 * Source: Bagwell, "Ideal Hash Trees", 2001. Recursion is at most MAP_MAX_DEPTH deep. Layer: data. */
#include "data/map.h"

#include "base/alloc.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"

#define BITS_A_LEVEL 4
#define LAST_SHIFT 32 /* all hash bits used: collision tuples live here */

static inline unsigned nibble(uint32_t hash, unsigned shift) { return hash >> shift & 0xF; }
static inline unsigned slot_of(unsigned bitmap, unsigned bit)
{
    return bits_set16(bitmap & ((1u << bit) - 1));
}

static term_t *start_node(Heap *h, unsigned bitmap, unsigned count, term_t *node)
{
    term_t *hp = heap_alloc(h, 1 + (size_t)count);
    hp[0] = MAP_HEADER(MAP_NODE, bitmap, count);
    *node = term_make_boxed(hp);
    return hp + 1;
}

static term_t make_node(Heap *h, unsigned bitmap, unsigned count, const term_t *children)
{
    term_t node, *to = start_node(h, bitmap, count, &node);
    memcpy(to, children, count * sizeof(term_t));
    return node;
}

static term_t *start_head(Heap *h, unsigned bitmap, unsigned count, size_t size, term_t *node)
{
    term_t *hp = heap_alloc(h, 2 + (size_t)count);
    hp[0] = MAP_HEADER(MAP_HEAD, bitmap, count);
    hp[1] = size;
    *node = term_make_boxed(hp);
    return hp + 2;
}

static inline unsigned bitmap_of(term_t node) { return MAP_HEADER_BITMAP(boxed_header(node)); }
static inline const term_t *children_of(term_t node)
{
    unsigned count;
    return hamt_children(node, &count);
}

/* ---- find ---- */

static ptrdiff_t collision_find(term_t tuple, term_t key)
{
    for (word_t i = 0; i < tuple_arity(tuple); i++)
        if (term_eq(list_head(tuple_elements(tuple)[i]), key)) return (ptrdiff_t)i;
    return -1;
}

static term_t take_leaf(term_t leaf, term_t *found_key)
{
    if (found_key) *found_key = list_head(leaf);
    return list_tail(leaf);
}

term_t hamt_find(term_t map, uint32_t hash, term_t key, term_t *found_key)
{
    term_t node = map;
    for (unsigned shift = 0;; shift += BITS_A_LEVEL) {
        unsigned bitmap = bitmap_of(node), bit = nibble(hash, shift);
        if (!(bitmap >> bit & 1)) return TERM_NONE;
        term_t child = children_of(node)[slot_of(bitmap, bit)];
        if (term_is_list_cell(child))
            return term_eq(list_head(child), key) ? take_leaf(child, found_key) : TERM_NONE;
        if (term_is_tuple(child)) {
            ptrdiff_t i = collision_find(child, key);
            return i < 0 ? TERM_NONE : take_leaf(tuple_elements(child)[i], found_key);
        }
        node = child;
    }
}

/* ---- path: the nodes from the head to where a key belongs ---- */

typedef struct Path {
    int depth;                         /* index of the last node */
    term_t node[MAP_MAX_DEPTH];
    unsigned slot[MAP_MAX_DEPTH];      /* child position followed (or where it would stand) */
    unsigned bit[MAP_MAX_DEPTH];
    term_t end;                        /* leaf or collision tuple found there, or TERM_NONE */
} Path;

static void find_path(Path *p, term_t map, uint32_t hash)
{
    p->end = TERM_NONE;
    p->node[0] = map;
    for (int d = 0;; d++) {
        unsigned bitmap = bitmap_of(p->node[d]), bit = nibble(hash, (unsigned)d * BITS_A_LEVEL);
        p->depth = d;
        p->bit[d] = bit;
        p->slot[d] = slot_of(bitmap, bit);
        if (!(bitmap >> bit & 1)) return;
        term_t child = children_of(p->node[d])[p->slot[d]];
        if (term_is_list_cell(child) || term_is_tuple(child)) {
            p->end = child;
            return;
        }
        p->node[d + 1] = child;
    }
}

/* A node of the kind of `like`, its children to be filled in; the size is the head's. */
static term_t *start_like(Heap *h, term_t like, unsigned bitmap, unsigned count, size_t size, term_t *node)
{
    if (MAP_HEADER_KIND(boxed_header(like)) == MAP_HEAD) return start_head(h, bitmap, count, size, node);
    return start_node(h, bitmap, count, node);
}

/* Copies of the nodes above `depth` with `child` in place; returns the new head. */
static term_t rebuild(Heap *h, const Path *p, int depth, term_t child, size_t size)
{
    for (int d = depth; d >= 0; d--) {
        unsigned count;
        const term_t *from = hamt_children(p->node[d], &count);
        term_t node, *to = start_like(h, p->node[d], bitmap_of(p->node[d]), count, size, &node);
        copy_object_words(to, from, count);
        to[p->slot[d]] = child;
        child = node;
    }
    return child;
}

/* ---- put ---- */

static term_t leaf_pair(Heap *h, term_t a, term_t b)
{
    return term_cmp_exact(list_head(a), list_head(b)) < 0 ? heap_tuple2(h, a, b) : heap_tuple2(h, b, a);
}

/* The subtree at `shift` that holds two leaves of different keys. */
static term_t join(Heap *h, term_t a, uint32_t hash_a, term_t b, uint32_t hash_b, unsigned shift)
{
    if (shift == LAST_SHIFT) return leaf_pair(h, a, b);
    unsigned na = nibble(hash_a, shift), nb = nibble(hash_b, shift);
    if (na == nb) {
        term_t child = join(h, a, hash_a, b, hash_b, shift + BITS_A_LEVEL);
        return make_node(h, 1u << na, 1, &child);
    }
    term_t children[2] = {na < nb ? a : b, na < nb ? b : a};
    return make_node(h, 1u << na | 1u << nb, 2, children);
}

/* A collision tuple with a leaf replaced (at >= 0) or inserted in key order. */
static term_t collision_put(Heap *h, term_t tuple, ptrdiff_t at, term_t leaf)
{
    size_t n = tuple_arity(tuple), i = 0;
    const term_t *from = tuple_elements(tuple);
    if (at >= 0) {
        term_t copy = heap_tuple(h, n, from);
        tuple_elements(copy)[at] = leaf;
        return copy;
    }
    term_t *hp = heap_alloc(h, n + 2);
    hp[0] = HEADER(n + 1, BOXED_TUPLE);
    while (i < n && term_cmp_exact(list_head(from[i]), list_head(leaf)) < 0) i++;
    memcpy(hp + 1, from, i * sizeof(term_t));
    hp[1 + i] = leaf;
    memcpy(hp + 2 + i, from + i, (n - i) * sizeof(term_t));
    return term_make_boxed(hp);
}

static term_t insert_child(Heap *h, const Path *p, term_t leaf, size_t size)
{
    term_t node = p->node[p->depth], fresh;
    unsigned slot = p->slot[p->depth], count;
    const term_t *from = hamt_children(node, &count);
    term_t *to = start_like(h, node, bitmap_of(node) | 1u << p->bit[p->depth], count + 1, size, &fresh);
    copy_object_words(to, from, slot);
    to[slot] = leaf;
    copy_object_words(to + slot + 1, from + slot, count - slot);
    return rebuild(h, p, p->depth - 1, fresh, size);
}

term_t hamt_put(Heap *h, term_t map, uint32_t hash, term_t key, term_t value, bool must_exist)
{
    Path p;
    size_t size = map_size(map);
    find_path(&p, map, hash);
    if (p.end == TERM_NONE)
        return must_exist ? TERM_NONE : insert_child(h, &p, heap_cons(h, key, value), size + 1);
    if (term_is_tuple(p.end)) {
        ptrdiff_t at = collision_find(p.end, key);
        if (at < 0 && must_exist) return TERM_NONE;
        term_t tuple = collision_put(h, p.end, at, heap_cons(h, key, value));
        return rebuild(h, &p, p.depth, tuple, at < 0 ? size + 1 : size);
    }
    if (term_eq(list_head(p.end), key)) {
        if (list_tail(p.end) == value) return map;
        return rebuild(h, &p, p.depth, heap_cons(h, list_head(p.end), value), size);
    }
    if (must_exist) return TERM_NONE;
    term_t both = join(h, p.end, term_hash(list_head(p.end)), heap_cons(h, key, value), hash,
                       (unsigned)(p.depth + 1) * BITS_A_LEVEL);
    return rebuild(h, &p, p.depth, both, size + 1);
}

/* ---- remove ---- */

static term_t to_flat_without(Heap *h, term_t map, term_t key)
{
    term_t pairs[2 * MAP_FLAT_MAX + 2];
    size_t n = 0;
    MapIter it;
    term_t k, v;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &k, &v)) {
        if (term_eq(k, key)) continue;
        pairs[2 * n] = k;
        pairs[2 * n++ + 1] = v;
    }
    return map_from_pairs(h, pairs, n, NULL);
}

/* The node at `depth` without the child on the path: a node, or a leaf when only one is left of a
 * node that is not the head, or TERM_NONE when nothing is left. */
static term_t drop_child(Heap *h, const Path *p, int depth, size_t size)
{
    term_t node = p->node[depth], fresh;
    unsigned slot = p->slot[depth], count;
    const term_t *from = hamt_children(node, &count);
    if (depth > 0 && count == 2 && term_is_list_cell(from[1 - slot])) return from[1 - slot];
    term_t *to = start_like(h, node, bitmap_of(node) & ~(1u << p->bit[depth]), count - 1, size, &fresh);
    copy_object_words(to, from, slot);
    copy_object_words(to + slot, from + slot + 1, count - slot - 1);
    return fresh;
}

/* Put `child` in place of the path's child at `depth`; a leaf climbs out of nodes that hold nothing
 * else. */
static term_t replace_climbing(Heap *h, const Path *p, int depth, term_t child, size_t size)
{
    while (term_is_list_cell(child) && depth > 0 && (bitmap_of(p->node[depth]) & (bitmap_of(p->node[depth]) - 1)) == 0)
        depth--;
    return rebuild(h, p, depth, child, size);
}

static term_t collision_remove(Heap *h, term_t tuple, size_t at)
{
    size_t n = tuple_arity(tuple);
    const term_t *from = tuple_elements(tuple);
    if (n == 2) return from[1 - at];
    term_t *hp = heap_alloc(h, n);
    hp[0] = HEADER(n - 1, BOXED_TUPLE);
    memcpy(hp + 1, from, at * sizeof(term_t));
    memcpy(hp + 1 + at, from + at + 1, (n - at - 1) * sizeof(term_t));
    return term_make_boxed(hp);
}

term_t hamt_remove(Heap *h, term_t map, uint32_t hash, term_t key, term_t *value)
{
    Path p;
    size_t size = map_size(map) - 1;
    ptrdiff_t at = -1;
    find_path(&p, map, hash);
    if (p.end == TERM_NONE) return map;
    if (term_is_tuple(p.end)) {
        if ((at = collision_find(p.end, key)) < 0) return map;
        *value = list_tail(tuple_elements(p.end)[at]);
    } else {
        if (!term_eq(list_head(p.end), key)) return map;
        *value = list_tail(p.end);
    }
    if (size <= MAP_FLAT_MAX) return to_flat_without(h, map, key);
    if (at >= 0) return replace_climbing(h, &p, p.depth, collision_remove(h, p.end, (size_t)at), size);
    term_t child = drop_child(h, &p, p.depth, size);
    return p.depth == 0 ? child : replace_climbing(h, &p, p.depth - 1, child, size);
}

/* ---- merge ---- */

static term_t put_missing(Heap *h, term_t from, term_t into)
{
    MapIter it;
    term_t key, value;
    map_iter_init(&it, from);
    while (map_iter_next(&it, &key, &value))
        if (map_get(into, key) == TERM_NONE) into = map_put(h, into, key, value);
    return into;
}

static term_t put_all(Heap *h, term_t from, term_t into)
{
    MapIter it;
    term_t key, value;
    map_iter_init(&it, from);
    while (map_iter_next(&it, &key, &value)) into = map_put(h, into, key, value);
    return into;
}

/* A child seen as the children of a node at `shift`. */
typedef struct Row {
    unsigned bitmap, count;
    const term_t *children;
} Row;

static Row row_of(const term_t *child, unsigned shift)
{
    if (term_is_list_cell(*child))
        return (Row){1u << nibble(term_hash(list_head(*child)), shift), 1, child};
    Row row = {.bitmap = bitmap_of(*child)};
    row.children = hamt_children(*child, &row.count);
    return row;
}

/* Leaves or collision tuples of one complete hash. */
static term_t merge_collisions(Heap *h, term_t a, term_t b, size_t *common)
{
    const term_t *leaves = term_is_list_cell(a) ? &a : tuple_elements(a);
    size_t n = term_is_list_cell(a) ? 1 : tuple_arity(a);
    if (term_is_list_cell(b)) b = heap_tuple(h, 1, &b);
    for (size_t i = 0; i < n; i++) {
        if (collision_find(b, list_head(leaves[i])) >= 0) ++*common;
        else b = collision_put(h, b, -1, leaves[i]);
    }
    return tuple_arity(b) == 1 ? tuple_elements(b)[0] : b;
}

static bool same_row(Row a, Row b)
{
    return a.bitmap == b.bitmap && memcmp(a.children, b.children, a.count * sizeof(term_t)) == 0;
}

static term_t merge(Heap *h, term_t a, term_t b, unsigned shift, size_t *common);

/* Union of two rows; writes its children. */
static Row merge_rows(Heap *h, Row a, Row b, unsigned shift, size_t *common, term_t *children)
{
    unsigned count = 0;
    for (unsigned bit = 0; bit < 16; bit++) {
        bool in_a = a.bitmap >> bit & 1, in_b = b.bitmap >> bit & 1;
        if (in_a && in_b) children[count++] = merge(h, *a.children++, *b.children++, shift + BITS_A_LEVEL, common);
        else if (in_a) children[count++] = *a.children++;
        else if (in_b) children[count++] = *b.children++;
    }
    return (Row){a.bitmap | b.bitmap, count, children};
}

static term_t merge(Heap *h, term_t a, term_t b, unsigned shift, size_t *common)
{
    if (term_is_list_cell(a) && term_is_list_cell(b) && term_eq(list_head(a), list_head(b))) {
        ++*common;
        return b;
    }
    if (shift == LAST_SHIFT) return merge_collisions(h, a, b, common);
    term_t children[16];
    Row rb = row_of(&b, shift);
    Row all = merge_rows(h, row_of(&a, shift), rb, shift, common, children);
    if (!term_is_list_cell(b) && same_row(all, rb)) return b;
    return make_node(h, all.bitmap, all.count, children);
}

term_t hamt_merge(Heap *h, term_t a, term_t b)
{
    if (map_is_flat(a)) return put_missing(h, a, b);
    if (map_is_flat(b)) return put_all(h, b, a);
    size_t common = 0;
    term_t children[16];
    Row rb = row_of(&b, 0);
    Row all = merge_rows(h, row_of(&a, 0), rb, 0, &common, children);
    if (same_row(all, rb)) return b;
    term_t head, *to = start_head(h, all.bitmap, all.count, map_size(a) + map_size(b) - common, &head);
    memcpy(to, children, all.count * sizeof(term_t));
    return head;
}
