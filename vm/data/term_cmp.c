/* SPDX-License-Identifier: Apache-2.0 */
/* term_cmp - see term_cmp.h.
 * Both loops go along one row, n pairs of terms at two addresses, and keep a stack of the rows that they left to
 * look into one of their pairs. A list cell is a row of two: its tail is the last, so a long list keeps the stack
 * flat. The order of two large maps is found by a search through both, which asks for comparisons of its own: it
 * lies in the stack below the rows of the one that runs, and gets the result of that.
 * Layer: data. */
#include "data/term_cmp.h"

#include "base/alloc.h"
#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/bits.h"
#include "data/map.h"
#include "data/node.h"
#include "term/atom.h"

#include <math.h>

/* ---- leaves ---- */

#define ORDER(x, y) ((x) < (y) ? -1 : (x) > (y))

/* Of whole bytes. A word at a time: what is behind the last byte in its word is not looked at. */
static inline int heap_bytes_cmp(const HeapBits *a, const HeapBits *b)
{
    size_t bits = MIN(a->size, b->size), i = 0;
    for (; bits > 0; i += 8) {
        uint64_t x = bytes_load_be64(a->data + i), y = bytes_load_be64(b->data + i);
        if (x != y && bits < 64) x >>= 64 - bits, y >>= 64 - bits;
        if (x != y) return x < y ? -1 : 1;
        bits -= MIN(bits, (size_t)64);
    }
    return ORDER(a->size, b->size);
}

static int big_magnitude_cmp(const term_t *a, size_t na, const term_t *b, size_t nb)
{
    if (na != nb) return ORDER(na, nb);
    while (na-- > 0)
        if (a[na] != b[na]) return ORDER(a[na], b[na]);
    return 0;
}

static int bigs_cmp(const term_t *a, const term_t *b)
{
    int c = big_magnitude_cmp(a + 1, HEADER_ARITY(*a), b + 1, HEADER_ARITY(*b));
    return HEADER_SUBTAG(*a) == BOXED_NEG_BIG ? -c : c;
}

NOINLINE static bool other_leaves_cmp(term_t a, term_t b, enum BoxedTag tag, int *c)
{
    const HeapBits *x = (const HeapBits *)boxed_ptr(a), *y = (const HeapBits *)boxed_ptr(b);
    if (tag != BOXED_HEAP_BITS) *c = bigs_cmp(boxed_ptr(a), boxed_ptr(b));
    else if ((x->size | y->size) & 7) return false;
    else *c = heap_bytes_cmp(x, y);
    return true;
}

/* Two floats, two bignums of one sign, or two binaries in the heap: *c is their order. False: something else. */
static ALWAYS_INLINE bool leaves_cmp(term_t a, term_t b, int *c)
{
    if (!term_is_boxed(a) || !term_is_boxed(b)) return false;
    enum BoxedTag tag = HEADER_SUBTAG(boxed_header(a));
    if (HEADER_SUBTAG(boxed_header(b)) != tag) return false;
    if (tag == BOXED_FLOAT) {
        *c = ORDER(float_value(a), float_value(b));
        return true;
    }
    return boxed_tag_is_leaf(tag) && other_leaves_cmp(a, b, tag, c);
}

static inline bool are_same_leaves(term_t a, term_t b)
{
    int c;
    return leaves_cmp(a, b, &c) && c == 0;
}

/* ---- rows to compare ---- */

typedef struct Row {
    const term_t *a, *b;
    size_t n;
    bool exact;
} Row;

typedef struct SavedRow {
    const term_t *a, *b;
    size_t n_exact;           /* n * 2 + exact */
} SavedRow;

#define IS_SEARCH SIZE_MAX     /* no row: `a` is a search that waits for the result of what is above it */

typedef struct Rows {
    SavedRow *at, *base, *limit;
    SavedRow inline_rows[16];
} Rows;

static void rows_init(Rows *s)
{
    s->at = s->base = s->inline_rows;
    s->limit = s->base + ARRAY_LEN(s->inline_rows);
}

static COLD void rows_grow(Rows *s)
{
    size_t used = (size_t)(s->at - s->base);
    SavedRow *mem;
    if (s->base == s->inline_rows) {
        mem = mem_alloc(MEM_TEMP, 2 * used * sizeof(SavedRow));
        memcpy(mem, s->base, used * sizeof(SavedRow));
    } else {
        mem = mem_realloc(MEM_TEMP, s->base, used * sizeof(SavedRow), 2 * used * sizeof(SavedRow));
    }
    s->base = mem;
    s->at = mem + used;
    s->limit = mem + 2 * used;
}

/* Field by field, here and below: a row copied as a whole goes through vector registers, and what was just stored
 * in words has to reach memory before it can be loaded so. */
static ALWAYS_INLINE void row_push(Rows *s, const term_t *a, const term_t *b, size_t n_exact)
{
    if (UNLIKELY(s->at == s->limit)) rows_grow(s);
    SavedRow *top = s->at++;
    top->a = a;
    top->b = b;
    top->n_exact = n_exact;
}

/* Go on with a row of n pairs; what is left of *r is for later. */
static ALWAYS_INLINE void row_enter(Rows *s, Row *r, const term_t *a, const term_t *b, size_t n)
{
    if (r->n > 0) row_push(s, r->a, r->b, r->n * 2 + r->exact);
    r->a = a;
    r->b = b;
    r->n = n;
}

static inline struct MapSearch *search_on_top(const Rows *s)
{
    return s->at[-1].n_exact == IS_SEARCH ? (struct MapSearch *)s->at[-1].a : NULL;
}

/* Make *r, which is at its end, a row with pairs; false: there is none, or a search comes first. */
static ALWAYS_INLINE bool row_resume(Rows *s, Row *r)
{
    if (s->at == s->base || search_on_top(s)) return false;
    const SavedRow *top = --s->at;
    r->a = top->a;
    r->b = top->b;
    r->n = top->n_exact >> 1;
    r->exact = top->n_exact & 1;
    return true;
}

static void rows_free(Rows *s)
{
    if (s->base != s->inline_rows)
        mem_free(MEM_TEMP, s->base, (size_t)(s->limit - s->base) * sizeof(SavedRow));
}

/* Go past pairs that are the same word; r may be at its end then. */
static ALWAYS_INLINE void row_skip_same(Row *r)
{
    const term_t *a = r->a, *b = r->b, *end = a + r->n;
    while (a != end && *a == *b) a++, b++;
    r->a = a;
    r->b = b;
    r->n = (size_t)(end - a);
}

/* Two different lists: go past the cells whose heads are the same word, most of what strings consist of, or leaves
 * that are the same. */
static ALWAYS_INLINE void skip_same_heads(term_t *a, term_t *b)
{
    term_t s = *a, t = *b;
    for (;;) {
        const term_t *x = list_ptr(s), *y = list_ptr(t);
        if (((uintptr_t)x | (uintptr_t)y) & TAG_PRIMARY_MASK) break; /* no list cell */
        if (UNLIKELY(x[0] != y[0]) && !are_same_leaves(x[0], y[0])) break;
        s = x[1];
        t = y[1];
        if (s == t) break;
    }
    *a = s;
    *b = t;
}

/* ---- equality ---- */

static bool bits_are_equal(term_t a, term_t b)
{
    if (bitstring_bits(a) != bitstring_bits(b)) return false;
    BitView x = bitstring_view(a), y = bitstring_view(b);
    return bits_equal(x.base, x.offset, y.base, y.offset, x.bits);
}

static bool refs_equal(term_t a, term_t b)
{
    if (term_is_local_ref(a) && term_is_local_ref(b)) {
        RefNum x = ref_num(a), y = ref_num(b);
        return x.low == y.low && x.num2 == y.num2;
    }
    uint32_t x[REF_NUMBERS_MAX] = {0}, y[REF_NUMBERS_MAX] = {0};
    if (ident_node(a) != ident_node(b)) return false;
    ref_numbers(a, x);
    ref_numbers(b, y);
    return memcmp(x, y, sizeof x) == 0; /* missing numbers count as 0 */
}

/* Same header already. */
static bool maps_maybe_equal(Rows *s, Row *r, term_t a, term_t b)
{
    term_t header = boxed_header(a);
    if (MAP_HEADER_KIND(header) == MAP_FLAT) {
        size_t n = map_size(a);
        if (n != map_size(b)) return false;
        row_enter(s, r, flat_map_values(a), flat_map_values(b), n);
        if (flat_map_keys(a) != flat_map_keys(b)) row_enter(s, r, flat_map_key_ptr(a), flat_map_key_ptr(b), n);
        return true;
    }
    if (MAP_HEADER_KIND(header) == MAP_HEAD && map_size(a) != map_size(b)) return false;
    unsigned count;
    const term_t *x = hamt_children(a, &count), *y = hamt_children(b, &count);
    row_enter(s, r, x, y, count);
    return true;
}

/* False: different. True: equal so far, with the parts of a and b to come. Both boxed, a != b; no tuples, nor two
 * leaves. */
static ALWAYS_INLINE bool boxed_maybe_equal(Rows *s, Row *r, term_t a, term_t b)
{
    term_t header = boxed_header(a), other = boxed_header(b);
    switch (HEADER_SUBTAG(header)) {
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: return term_is_bitstring(b) && bits_are_equal(a, b);
    case BOXED_REF: case BOXED_EXT_REF: return term_is_ref(b) && refs_equal(a, b);
    default: break;
    }
    if (header != other) return false;
    switch (HEADER_SUBTAG(header)) {
    case BOXED_MAP: return maps_maybe_equal(s, r, a, b);
    case BOXED_EXPORT: return export_of(a) == export_of(b);
    case BOXED_FUN:
        if (fun_ptr(a)->entry != fun_ptr(b)->entry) return false;
        row_enter(s, r, fun_ptr(a)->env, fun_ptr(b)->env, fun_free_count(fun_ptr(a)));
        return true;
    case BOXED_EXT_PID: case BOXED_EXT_PORT:
        return ext_ptr(a)->node == ext_ptr(b)->node && ext_ptr(a)->data[0] == ext_ptr(b)->data[0];
    default: return false;
    }
}

/* The same for any two terms, a != b. */
static ALWAYS_INLINE bool maybe_equal(Rows *s, Row *r, term_t a, term_t b)
{
    skip_same_heads(&a, &b);
    if (a == b) return true;
    if (term_is_list_cell(a) && term_is_list_cell(b)) {
        row_enter(s, r, list_ptr(a), list_ptr(b), 2);
        return true;
    }
    if (!term_is_boxed(a) || !term_is_boxed(b)) return false;
    term_t header = boxed_header(a);
    int c;
    if (leaves_cmp(a, b, &c)) return c == 0;
    if (HEADER_SUBTAG(header) != BOXED_TUPLE) return boxed_maybe_equal(s, r, a, b);
    if (boxed_header(b) != header) return false;
    row_enter(s, r, tuple_elements(a), tuple_elements(b), HEADER_ARITY(header));
    return true;
}

bool term_eq_slow(term_t a, term_t b)
{
    int c;
    if (leaves_cmp(a, b, &c)) return c == 0;
    if (term_is_bitstring(a)) return term_is_bitstring(b) && bits_are_equal(a, b);
    if (term_is_ref(a)) return term_is_ref(b) && refs_equal(a, b);
    Rows s;
    Row r = {.a = &a, .b = &b, .n = 1, .exact = true};
    rows_init(&s);
    do {
        row_skip_same(&r);
        if (r.n == 0) continue;
        term_t x = *r.a++, y = *r.b++;
        r.n--;
        if (!maybe_equal(&s, &r, x, y)) {
            rows_free(&s);
            return false;
        }
    } while (r.n > 0 || row_resume(&s, &r));
    rows_free(&s);
    return true;
}

/* ---- numbers ---- */

static bool number_negative(term_t t)
{
    return term_is_small(t) ? small_value(t) < 0 : HEADER_SUBTAG(boxed_header(t)) == BOXED_NEG_BIG;
}

static int int_cmp(term_t a, term_t b)
{
    if (term_both_small(a, b)) return ORDER((int64_t)a, (int64_t)b);
    bool na = number_negative(a), nb = number_negative(b);
    if (na != nb) return na ? -1 : 1;
    if (term_is_small(a)) return na ? 1 : -1; /* every big is farther from zero than any small */
    if (term_is_small(b)) return na ? -1 : 1;
    int c = big_magnitude_cmp(boxed_ptr(a) + 1, HEADER_ARITY(boxed_header(a)), boxed_ptr(b) + 1,
                              HEADER_ARITY(boxed_header(b)));
    return na ? -c : c;
}

/* |big| against d >= 2^59, which is an integer then. */
static int big_cmp_double(const term_t *limbs, size_t n, double d)
{
    int exponent;
    double fraction = frexp(d, &exponent); /* d = fraction * 2^exponent, 0.5 <= fraction < 1 */
    size_t bits = 64 * n - (size_t)__builtin_clzll(limbs[n - 1]);
    if (bits != (size_t)exponent) return ORDER(bits, (size_t)exponent);
    uint64_t top = (uint64_t)ldexp(fraction, 64); /* mantissa, left-justified; exact */
    unsigned shift = (unsigned)__builtin_clzll(limbs[n - 1]);
    uint64_t mine = limbs[n - 1] << shift;
    if (shift && n > 1) mine |= limbs[n - 2] >> (64 - shift);
    if (mine != top) return ORDER(mine, top);
    if (n > 1 && limbs[n - 2] << shift) return 1;
    for (size_t i = 0; i + 2 < n; i++)
        if (limbs[i]) return 1;
    return 0;
}

static int int_cmp_float(term_t i, double d)
{
    if (term_is_small(i)) {
        if (d >= 0x1p59) return -1;
        if (d < -0x1p59) return 1;
        int64_t whole = (int64_t)d;
        if (small_value(i) != whole) return ORDER(small_value(i), whole);
        return ORDER((double)whole, d);
    }
    bool negative = number_negative(i);
    if (negative != (d < 0)) return negative ? -1 : 1;
    double magnitude = fabs(d);
    int c = magnitude < 0x1p59 ? 1
                               : big_cmp_double(boxed_ptr(i) + 1, HEADER_ARITY(boxed_header(i)), magnitude);
    return negative ? -c : c;
}

int number_cmp(term_t a, term_t b)
{
    bool fa = term_is_float(a), fb = term_is_float(b);
    if (fa && fb) return ORDER(float_value(a), float_value(b));
    if (fa) return -int_cmp_float(b, float_value(a));
    if (fb) return int_cmp_float(a, float_value(b));
    return int_cmp(a, b);
}

static int number_cmp_exact(term_t a, term_t b)
{
    bool fa = term_is_float(a), fb = term_is_float(b);
    return fa != fb ? (fa ? 1 : -1) : number_cmp(a, b);
}

/* ---- order ---- */

enum Rank {
    RANK_NUMBER, RANK_ATOM, RANK_REF, RANK_FUN, RANK_PORT, RANK_PID, RANK_TUPLE, RANK_MAP, RANK_NIL,
    RANK_LIST, RANK_BITS
};

static const uint8_t boxed_rank[16] = {
    [BOXED_TUPLE] = RANK_TUPLE, [BOXED_POS_BIG] = RANK_NUMBER, [BOXED_NEG_BIG] = RANK_NUMBER,
    [BOXED_REF] = RANK_REF, [BOXED_EXT_REF] = RANK_REF, [BOXED_FUN] = RANK_FUN,
    [BOXED_EXPORT] = RANK_FUN, [BOXED_FLOAT] = RANK_NUMBER, [BOXED_HEAP_BITS] = RANK_BITS,
    [BOXED_SUB_BITS] = RANK_BITS, [BOXED_MATCH] = RANK_BITS, [BOXED_EXT_PID] = RANK_PID,
    [BOXED_EXT_PORT] = RANK_PORT, [BOXED_MAP] = RANK_MAP
};

static inline enum Rank rank_of(term_t t)
{
    if (term_is_boxed(t)) return boxed_rank[HEADER_SUBTAG(boxed_header(t))];
    if (term_is_list_cell(t)) return RANK_LIST;
    if (term_is_small(t)) return RANK_NUMBER;
    if (term_is_local_pid(t)) return RANK_PID;
    if (term_is_local_port(t)) return RANK_PORT;
    return term_is_nil(t) ? RANK_NIL : RANK_ATOM;
}

static int pid_cmp(term_t a, term_t b)
{
    if (pid_serial(a) != pid_serial(b)) return ORDER(pid_serial(a), pid_serial(b));
    if (pid_number(a) != pid_number(b)) return ORDER(pid_number(a), pid_number(b));
    return node_compare(ident_node(a), ident_node(b));
}

static int port_cmp(term_t a, term_t b)
{
    int c = node_compare(ident_node(a), ident_node(b));
    return c ? c : ORDER(port_number(a), port_number(b));
}

static int ref_cmp(term_t a, term_t b)
{
    uint32_t x[REF_NUMBERS_MAX] = {0}, y[REF_NUMBERS_MAX] = {0};
    int c = node_compare(ident_node(a), ident_node(b));
    if (c) return c;
    ref_numbers(a, x);
    ref_numbers(b, y);
    for (int i = REF_NUMBERS_MAX; i-- > 0;)
        if (x[i] != y[i]) return ORDER(x[i], y[i]);
    return 0;
}

static int bits_cmp(term_t a, term_t b)
{
    BitView x = bitstring_view(a), y = bitstring_view(b);
    return bits_compare(x.base, x.offset, x.bits, y.base, y.offset, y.bits);
}

static int export_cmp(const Mfa *a, const Mfa *b)
{
    if (a->module != b->module) return atom_compare(a->module, b->module);
    if (a->function != b->function) return atom_compare(a->function, b->function);
    return ORDER(a->arity, b->arity);
}

/* Closures come before external funs. */
static int fun_cmp(Rows *s, Row *r, term_t a, term_t b)
{
    if (term_is_fun(a) != term_is_fun(b)) return term_is_fun(a) ? -1 : 1;
    if (term_is_export(a)) return export_cmp(&export_of(a)->mfa, &export_of(b)->mfa);
    const Fun *f = fun_ptr(a), *g = fun_ptr(b);
    if (f->entry->module != g->entry->module) return atom_compare(f->entry->module, g->entry->module);
    if (f->entry->index != g->entry->index) return ORDER(f->entry->index, g->entry->index);
    if (f->entry->old_uniq != g->entry->old_uniq) return ORDER(f->entry->old_uniq, g->entry->old_uniq);
    unsigned n = fun_free_count(f), m = fun_free_count(g);
    if (n != m) return ORDER(n, m);
    row_enter(s, r, f->env, g->env, n);
    return 0;
}

/* Two tries in step, leaf by leaf; what they share is left out. */
typedef struct PairWalk {
    int depth;
    Row level[MAP_MAX_DEPTH + 1];
} PairWalk;

enum Walk { WALK_LEAVES, WALK_END, WALK_APART };

static bool walk_enter(PairWalk *w, term_t a, term_t b)
{
    if (!term_is_boxed(a) || !term_is_boxed(b) || boxed_header(a) != boxed_header(b)) return false;
    unsigned n = (unsigned)HEADER_ARITY(boxed_header(a));
    const term_t *x = boxed_ptr(a) + 1, *y = boxed_ptr(b) + 1;
    if (!term_is_tuple(a)) { /* else leaf cells of one hash */
        x = hamt_children(a, &n);
        y = hamt_children(b, &n);
    }
    w->level[++w->depth] = (Row){.a = x, .b = y, .n = n};
    return true;
}

static bool walk_begin(PairWalk *w, term_t a, term_t b)
{
    w->depth = -1;
    return walk_enter(w, a, b);
}

/* APART: one has keys here that the other has not. */
static enum Walk walk_next(PairWalk *w, const term_t **a, const term_t **b)
{
    while (w->depth >= 0) {
        Row *l = &w->level[w->depth];
        row_skip_same(l);
        if (l->n == 0) {
            w->depth--;
            continue;
        }
        term_t x = *l->a++, y = *l->b++;
        l->n--;
        if (term_is_list_cell(x) && term_is_list_cell(y)) {
            *a = list_ptr(x);
            *b = list_ptr(y);
            return term_eq(**a, **b) ? WALK_LEAVES : WALK_APART;
        }
        if (!walk_enter(w, x, y)) return WALK_APART;
    }
    return WALK_END;
}

/* Two large maps of one size. The one that alone has the least key of those that only one has comes first; if they
 * have the same keys, the values of the least key whose values differ decide. So one walk finds it: */
typedef struct MapSearch {
    PairWalk pairs;          /* if the keys are the same, else: */
    MapIter a, b;
    bool in_b;               /* where keys are looked for that the other has not; else in a */
    bool same_keys, exact;
    enum { ASKED_NOTHING, ASKED_VALUES, ASKED_KEYS } asked;
    term_t left, right;      /* asked about */
    bool ask_exact;
    term_t key, best;        /* the key reached, and the least so far, or TERM_NONE */
    int order, best_order;   /* of the maps, if that key decides */
} MapSearch;

/* Have both the same keys? *same: and no values but the same words. */
static bool have_same_keys(PairWalk w, bool *same)
{
    const term_t *x, *y;
    enum Walk found;
    for (*same = true; (found = walk_next(&w, &x, &y)) == WALK_LEAVES;)
        if (x[1] != y[1]) *same = false;
    return found == WALK_END;
}

static void search_begin(Rows *s, Row *r, term_t a, term_t b)
{
    PairWalk w;
    bool same, same_keys = walk_begin(&w, a, b) && have_same_keys(w, &same);
    if (same_keys && same) return;
    MapSearch *m = MEM_NEW(TEMP, MapSearch);
    m->pairs = w;
    m->same_keys = same_keys;
    map_iter_init(&m->a, a);
    map_iter_init(&m->b, b);
    m->exact = r->exact;
    m->best = TERM_NONE;
    row_enter(s, r, NULL, NULL, 0);
    row_push(s, (const term_t *)m, NULL, IS_SEARCH);
}

static bool search_ask(MapSearch *m, int what, term_t left, term_t right, bool exact)
{
    m->asked = what;
    m->left = left;
    m->right = right;
    m->ask_exact = exact;
    return true;
}

static void search_take_key(MapSearch *m)
{
    m->best = m->key;
    m->best_order = m->order;
}

/* Is the key reached less than the least so far? False: nothing to be asked. */
static bool search_ask_key(MapSearch *m, int order)
{
    m->order = order;
    if (m->best != TERM_NONE) return search_ask(m, ASKED_KEYS, m->key, m->best, true);
    search_take_key(m);
    return false;
}

static bool search_values(MapSearch *m)
{
    const term_t *x, *y;
    while (walk_next(&m->pairs, &x, &y) == WALK_LEAVES) {
        m->key = x[0];
        if (x[1] != y[1]) return search_ask(m, ASKED_VALUES, x[1], y[1], m->exact);
    }
    return false;
}

static bool search_keys(MapSearch *m)
{
    term_t value;
    for (;; m->in_b = true) {
        const MapIter *other = m->in_b ? &m->a : &m->b;
        while (map_iter_next(m->in_b ? &m->b : &m->a, &m->key, &value))
            if (map_get(other->map, m->key) == TERM_NONE && search_ask_key(m, m->in_b ? 1 : -1)) return true;
        if (m->in_b) return false;
    }
}

/* c: the result of what was asked. True: there is more to ask; false: best_order is the result. */
static bool search_next(MapSearch *m, int c)
{
    if (m->asked == ASKED_KEYS && c < 0) search_take_key(m);
    if (m->asked == ASKED_VALUES && c != 0 && search_ask_key(m, c)) return true;
    return m->same_keys ? search_values(m) : search_keys(m);
}

static int map_cmp(Rows *s, Row *r, term_t a, term_t b)
{
    size_t n = map_size(a);
    if (n != map_size(b)) return ORDER(n, map_size(b));
    if (!map_is_flat(a)) {
        search_begin(s, r, a, b);
        return 0;
    }
    row_enter(s, r, flat_map_values(a), flat_map_values(b), n);
    if (flat_map_keys(a) == flat_map_keys(b)) return 0;
    row_enter(s, r, flat_map_key_ptr(a), flat_map_key_ptr(b), n);
    r->exact = true;
    return 0;
}

static int tuple_cmp(Rows *s, Row *r, term_t a, term_t b)
{
    word_t n = tuple_arity(a), m = tuple_arity(b);
    if (n != m) return ORDER(n, m);
    row_enter(s, r, tuple_elements(a), tuple_elements(b), n);
    return 0;
}

/* Order of two terms, not both list cells, apart from parts that are to come. */
static int shallow_cmp(Rows *s, Row *r, term_t a, term_t b)
{
    enum Rank x = rank_of(a), y = rank_of(b);
    if (x != y) return x < y ? -1 : 1;
    switch (x) {
    case RANK_NUMBER: return r->exact ? number_cmp_exact(a, b) : number_cmp(a, b);
    case RANK_ATOM: return atom_compare(a, b);
    case RANK_REF: return ref_cmp(a, b);
    case RANK_FUN: return fun_cmp(s, r, a, b);
    case RANK_PORT: return port_cmp(a, b);
    case RANK_PID: return pid_cmp(a, b);
    case RANK_TUPLE: return tuple_cmp(s, r, a, b);
    case RANK_MAP: return map_cmp(s, r, a, b);
    case RANK_BITS: return bits_cmp(a, b);
    default: return 0;
    }
}

/* The first difference in r and the rows above the last search; 0: there is none. */
static inline int rows_cmp(Rows *s, Row *r)
{
    while (r->n > 0 || row_resume(s, r)) {
        row_skip_same(r);
        if (r->n == 0) continue;
        term_t x = *r->a++, y = *r->b++;
        r->n--;
        skip_same_heads(&x, &y);
        if (x == y) continue;
        int c = 0;
        if (term_is_list_cell(x) && term_is_list_cell(y)) row_enter(s, r, list_ptr(x), list_ptr(y), 2);
        else if (!leaves_cmp(x, y, &c)) c = shallow_cmp(s, r, x, y);
        if (c) return c;
    }
    return 0;
}

/* *c is the result of what is above the last search. False: there is none, and that is the result of all; true: r
 * and the rows are to be compared. */
static bool searches_go_on(Rows *s, Row *r, int *c)
{
    while (s->at != s->base) {
        MapSearch *m = search_on_top(s);
        if (!m) {
            s->at--;
        } else if (search_next(m, *c)) {
            *r = (Row){.a = &m->left, .b = &m->right, .n = 1, .exact = m->ask_exact};
            return true;
        } else {
            s->at--;
            *c = m->best_order;
            MEM_DELETE(TEMP, m);
            r->n = 0;
            if (*c == 0) return true;
        }
    }
    return false;
}

/* Two tuples that differ in small integers first, as keys often are: their order, else 0. */
static inline int tuples_cmp_smalls(term_t a, term_t b)
{
    if (!term_is_tuple(a) || !term_is_tuple(b) || boxed_header(a) != boxed_header(b)) return 0;
    const term_t *x = tuple_elements(a), *y = tuple_elements(b), *end = x + tuple_arity(a);
    while (x != end && *x == *y) x++, y++;
    return x != end && term_both_small(*x, *y) ? ORDER((int64_t)*x, (int64_t)*y) : 0;
}

/* Two lists behind what they have in common: their order if small integers or lengths decide it, as in strings. */
static inline bool lists_cmp_smalls(term_t *a, term_t *b, int *c)
{
    skip_same_heads(a, b);
    *c = 0;
    if (*a == *b) return true;
    if (!term_is_list_cell(*a) || !term_is_list_cell(*b)) {
        *c = term_is_nil(*a) ? -1 : 1;
        return term_is_list(*a) && term_is_list(*b);
    }
    term_t x = list_head(*a), y = list_head(*b);
    *c = ORDER((int64_t)x, (int64_t)y);
    return term_both_small(x, y);
}

int term_cmp_slow(term_t a, term_t b, bool exact)
{
    if (term_is_immed(a) && term_is_immed(b) && term_is_atom(a) && term_is_atom(b))
        return atom_compare(a, b);
    int known;
    if (leaves_cmp(a, b, &known)) return known;
    if (term_is_list_cell(a) && term_is_list_cell(b)) {
        if (lists_cmp_smalls(&a, &b, &known)) return known;
    } else if ((known = tuples_cmp_smalls(a, b)) != 0) {
        return known;
    }
    Rows s;
    Row r = {.a = &a, .b = &b, .n = 1, .exact = exact};
    int c;
    rows_init(&s);
    do c = rows_cmp(&s, &r);
    while (searches_go_on(&s, &r, &c));
    rows_free(&s);
    return c;
}
