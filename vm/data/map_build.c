/* SPDX-License-Identifier: Apache-2.0 */
/* map_build - maps from many pairs, in steps.
 *   add      pairs with their hashes, in the order given
 *   scatter  to 256 buckets by the first two nibbles of the hash (what a trie branches on first)
 *   settle   each bucket: sort, drop all but the last of equal keys
 *   build    each bucket: the subtree of its pairs; then the two levels above them
 * A bucket of a million pairs holds 4,000, which is the longest step. Layer: data. */
#include "data/map.h"

#include "base/alloc.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"

#include <stdlib.h>

#define BITS_A_LEVEL 4
#define HASH_BITS 32
#define BUCKETS 256
#define BUCKET_SHIFT 8 /* hash bits that the bucket stands for */

typedef struct Entry {
    uint32_t order;    /* the hash with its nibbles reversed: numeric order is trie order */
    uint32_t seq;      /* position in the input */
    term_t key, value;
} Entry;

enum Phase { PHASE_SCATTER, PHASE_SETTLE, PHASE_BUILD };

struct MapBuilder {
    size_t n, added;
    Entry *given;                /* as added; NULL after scattering */
    Entry *sorted;               /* by bucket */
    size_t start[BUCKETS + 1];   /* of each bucket in `sorted` */
    size_t next[BUCKETS];        /* scatter: where the next one goes; later: end of what is kept */
    enum Phase phase;
    size_t at;                   /* progress in the phase: entries or buckets */
    size_t kept;
    term_t subtree[BUCKETS];     /* TERM_NONE: empty */
};

static uint32_t reverse_nibbles(uint32_t h)
{
    h = __builtin_bswap32(h);
    return (h & 0x0F0F0F0Fu) << 4 | (h >> 4 & 0x0F0F0F0Fu);
}

static unsigned bucket_of(const Entry *e)
{
    return e->order >> (HASH_BITS - BUCKET_SHIFT);
}

MapBuilder *map_builder_new(size_t n)
{
    MapBuilder *b = MEM_NEW(TEMP, MapBuilder);
    b->n = n;
    b->given = MEM_NEW_ARRAY(TEMP, Entry, n);
    return b;
}

void map_builder_add(MapBuilder *b, term_t key, term_t value)
{
    ASSERT(b->added < b->n);
    Entry *e = &b->given[b->added];
    *e = (Entry){reverse_nibbles(term_hash(key)), (uint32_t)b->added++, key, value};
    b->start[bucket_of(e) + 1]++;
}

void map_builder_free(MapBuilder *b)
{
    if (b->given) MEM_DELETE_ARRAY(TEMP, b->given, b->n);
    if (b->sorted) MEM_DELETE_ARRAY(TEMP, b->sorted, b->n);
    MEM_DELETE(TEMP, b);
}

bool map_builder_had_duplicates(const MapBuilder *b)
{
    return b->kept < b->n;
}

/* ---- scatter ---- */

static void start_scatter(MapBuilder *b)
{
    b->sorted = MEM_NEW_ARRAY(TEMP, Entry, b->n);
    for (unsigned i = 0; i < BUCKETS; i++) {
        b->start[i + 1] += b->start[i];
        b->next[i] = b->start[i];
    }
}

static size_t scatter(MapBuilder *b, size_t budget)
{
    if (!b->sorted) start_scatter(b);
    size_t end = b->n - b->at > budget ? b->at + budget : b->n, done = end - b->at;
    for (; b->at < end; b->at++) {
        const Entry *e = &b->given[b->at];
        b->sorted[b->next[bucket_of(e)]++] = *e;
    }
    if (b->at == b->n) {
        MEM_DELETE_ARRAY(TEMP, b->given, b->n);
        b->given = NULL;
        b->phase = PHASE_SETTLE;
        b->at = 0;
    }
    return done;
}

/* ---- settle ---- */

static int compare_entries(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int compare_keys(const void *a, const void *b)
{
    return term_cmp_exact(((const Entry *)a)->key, ((const Entry *)b)->key);
}

/* n entries of one hash: keeps the last of equal keys, in key order; returns how many. */
static size_t settle_run(Entry *run, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < used && !term_eq(run[k].key, run[i].key)) k++;
        if (k == used) run[used++] = run[i];
        else run[k].value = run[i].value;
    }
    if (used > 1) qsort(run, used, sizeof(Entry), compare_keys);
    return used;
}

static size_t drop_duplicates(Entry *e, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && e[end].order == e[i].order) end++;
        size_t kept = end - i == 1 ? 1 : settle_run(e + i, end - i);
        if (used != i) memmove(e + used, e + i, kept * sizeof(Entry));
        used += kept;
        i = end;
    }
    return used;
}

#define INSERTION_SORT_MAX 16

static void sort_entries(Entry *e, size_t n)
{
    if (n > INSERTION_SORT_MAX) {
        qsort(e, n, sizeof(Entry), compare_entries);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        Entry x = e[i];
        size_t k = i;
        for (; k > 0 && e[k - 1].order > x.order; k--) e[k] = e[k - 1];
        e[k] = x;
    }
}

static size_t settle(MapBuilder *b)
{
    Entry *e = b->sorted + b->start[b->at];
    size_t n = b->start[b->at + 1] - b->start[b->at];
    sort_entries(e, n);
    size_t kept = drop_duplicates(e, n);
    b->next[b->at] = b->start[b->at] + kept;
    b->kept += kept;
    if (++b->at == BUCKETS) {
        b->phase = PHASE_BUILD;
        b->at = 0;
    }
    return n;
}

/* ---- build ---- */

static term_t make_node(Heap *h, unsigned bitmap, unsigned count, const term_t *children)
{
    term_t *hp = heap_alloc(h, 1 + (size_t)count);
    hp[0] = MAP_HEADER(MAP_NODE, bitmap, count);
    memcpy(hp + 1, children, count * sizeof(term_t));
    return term_make_boxed(hp);
}

static term_t make_collision(Heap *h, const Entry *e, size_t n)
{
    term_t *hp = heap_alloc(h, 1 + 3 * n), *cells = hp + 1 + n;
    hp[0] = HEADER(n, BOXED_TUPLE);
    for (size_t i = 0; i < n; i++) hp[1 + i] = list_put(cells + 2 * i, e[i].key, e[i].value);
    return term_make_boxed(hp);
}

/* The subtree of entries that share the path above `shift`. */
static term_t build(Heap *h, const Entry *e, size_t n, unsigned shift)
{
    if (n == 1) return heap_cons(h, e->key, e->value);
    if (shift == HASH_BITS) return make_collision(h, e, n);
    term_t children[16];
    unsigned bitmap = 0, count = 0, down = HASH_BITS - BITS_A_LEVEL - shift;
    for (size_t i = 0; i < n;) {
        unsigned bit = e[i].order >> down & 0xF;
        size_t end = i + 1;
        while (end < n && (e[end].order >> down & 0xF) == bit) end++;
        children[count++] = build(h, e + i, end - i, shift + BITS_A_LEVEL);
        bitmap |= 1u << bit;
        i = end;
    }
    return make_node(h, bitmap, count, children);
}

static size_t build_bucket(MapBuilder *b, Heap *h)
{
    size_t from = b->start[b->at], n = b->next[b->at] - from;
    b->subtree[b->at] = n == 0 ? TERM_NONE : build(h, b->sorted + from, n, BUCKET_SHIFT);
    b->at++;
    return n;
}

/* The node over 16 subtrees; a leaf that is alone stands for it. */
static term_t join_subtrees(Heap *h, const term_t *subtrees)
{
    term_t children[16];
    unsigned bitmap = 0, count = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (subtrees[i] == TERM_NONE) continue;
        children[count++] = subtrees[i];
        bitmap |= 1u << i;
    }
    if (count == 0) return TERM_NONE;
    return count == 1 && term_is_list_cell(children[0]) ? children[0] : make_node(h, bitmap, count, children);
}

static term_t make_head(MapBuilder *b, Heap *h)
{
    term_t children[16];
    unsigned bitmap = 0, count = 0;
    for (unsigned i = 0; i < 16; i++) {
        term_t t = join_subtrees(h, b->subtree + 16 * i);
        if (t == TERM_NONE) continue;
        children[count++] = t;
        bitmap |= 1u << i;
    }
    term_t *hp = heap_alloc(h, 2 + count);
    hp[0] = MAP_HEADER(MAP_HEAD, bitmap, count);
    hp[1] = b->kept;
    memcpy(hp + 2, children, count * sizeof(term_t));
    return term_make_boxed(hp);
}

static term_t make_flat(MapBuilder *b, Heap *h)
{
    term_t pairs[2 * MAP_FLAT_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (size_t k = b->start[i]; k < b->next[i]; k++) {
            pairs[2 * n] = b->sorted[k].key;
            pairs[2 * n++ + 1] = b->sorted[k].value;
        }
    return map_from_pairs(h, pairs, n, NULL);
}

bool map_builder_run(MapBuilder *b, Heap *h, size_t budget, term_t *map)
{
    for (;;) {
        size_t done = 1;
        switch (b->phase) {
        case PHASE_SCATTER: done += scatter(b, budget); break;
        case PHASE_SETTLE: done += 4 * settle(b); break;
        case PHASE_BUILD:
            if (b->kept <= MAP_FLAT_MAX || b->at == BUCKETS) {
                *map = b->kept <= MAP_FLAT_MAX ? make_flat(b, h) : make_head(b, h);
                return true;
            }
            done += 2 * build_bucket(b, h);
            break;
        }
        if (done >= budget) return false;
        budget -= done;
    }
}

static void visit_entries(Entry *e, size_t n, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    for (size_t i = 0; i < n; i++) visit(ctx, &e[i].key, 2);
}

void map_builder_each_root(MapBuilder *b, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    if (b->phase == PHASE_SCATTER) {
        visit_entries(b->given, b->added, visit, ctx);
        for (unsigned i = 0; b->sorted && i < BUCKETS; i++)
            visit_entries(b->sorted + b->start[i], b->next[i] - b->start[i], visit, ctx);
        return;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        bool built = b->phase == PHASE_BUILD && i < b->at;
        bool settled = b->phase == PHASE_BUILD || i < b->at;
        if (built && b->subtree[i] != TERM_NONE) visit(ctx, &b->subtree[i], 1);
        if (!built)
            visit_entries(b->sorted + b->start[i],
                          (settled ? b->next[i] : b->start[i + 1]) - b->start[i], visit, ctx);
    }
}

term_t hamt_from_pairs(Heap *h, term_t *pairs, size_t n, bool *duplicates)
{
    MapBuilder *b = map_builder_new(n);
    for (size_t i = 0; i < n; i++) map_builder_add(b, pairs[2 * i], pairs[2 * i + 1]);
    term_t map;
    map_builder_run(b, h, SIZE_MAX, &map);
    if (duplicates) *duplicates = map_builder_had_duplicates(b);
    map_builder_free(b);
    return map;
}
