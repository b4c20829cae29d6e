/* SPDX-License-Identifier: Apache-2.0 */
/* term_hash - see term_hash.h. phash and phash2 are part of the language: their numbers are stored
 * in files and agreed on between nodes, so the constants below are given, not chosen.
 * A work stack holds terms yet to hash and marks; a mark is a word with the header tag, which no
 * term has. Layer: data. */
#include "data/term_hash.h"

#include "base/alloc.h"
#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "term/atom.h"

/* ---- work stack ---- */

typedef HashWork Work;

static void work_init(Work *w)
{
    w->at = w->base = w->inline_words;
    w->limit = w->base + ARRAY_LEN(w->inline_words);
    w->left = w->longest = SIZE_MAX;
}

static void work_free(Work *w)
{
    if (w->base != w->inline_words)
        mem_free(MEM_TEMP, w->base, (size_t)(w->limit - w->base) * sizeof(term_t));
}

static COLD void work_grow(Work *w, size_t n)
{
    size_t used = (size_t)(w->at - w->base), old = (size_t)(w->limit - w->base);
    size_t cap = MAX(2 * old, used + n);
    term_t *mem;
    if (w->base == w->inline_words) {
        mem = mem_alloc(MEM_TEMP, cap * sizeof(term_t));
        memcpy(mem, w->base, used * sizeof(term_t));
    } else {
        mem = mem_realloc(MEM_TEMP, w->base, old * sizeof(term_t), cap * sizeof(term_t));
    }
    w->base = mem;
    w->at = mem + used;
    w->limit = mem + cap;
}

static inline void work_room(Work *w, size_t n)
{
    if (UNLIKELY((size_t)(w->limit - w->at) < n)) work_grow(w, n);
}

static inline void work_push(Work *w, term_t t)
{
    work_room(w, 1);
    *w->at++ = t;
}

/* Push elements so that the first is popped first. */
static void work_push_array(Work *w, const term_t *first, size_t n)
{
    work_room(w, n);
    while (n > 0) *w->at++ = first[--n];
}

static inline void work_done(Work *w, size_t words) { w->left -= MIN(w->left, words); }

static inline bool work_empty(const Work *w) { return w->at == w->base; }

/* ---- atoms ---- */

/* P. J. Weinberger's hash over characters, which the atom table keeps. */
uint32_t atom_phash(term_t atom)
{
    return atom_text(atom)->hash;
}

/* ---- Jenkins's block hash ---- */

static uint32_t load_le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v; /* little-endian hosts only so far */
}

static uint32_t load_tail(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < MIN(n, (size_t)4); i++) v |= (uint32_t)p[i] << 8 * i;
    return v;
}

/* The mix that keeps all three lanes. */
static inline void mix3(uint32_t *pa, uint32_t *pb, uint32_t *pc)
{
    uint32_t a = *pa, b = *pb, c = *pc;
    a -= b, a -= c, a ^= c >> 13;
    b -= c, b -= a, b ^= a << 8;
    c -= a, c -= b, c ^= b >> 13;
    a -= b, a -= c, a ^= c >> 12;
    b -= c, b -= a, b ^= a << 16;
    c -= a, c -= b, c ^= b >> 5;
    a -= b, a -= c, a ^= c >> 3;
    b -= c, b -= a, b ^= a << 10;
    c -= a, c -= b, c ^= b >> 15;
    *pa = a, *pb = b, *pc = c;
}

static uint32_t hash_block(const uint8_t *p, size_t n, uint32_t seed)
{
    uint32_t a = HASH_GOLDEN, b = HASH_GOLDEN, c = seed;
    uint32_t total = (uint32_t)n;
    for (; n >= 12; p += 12, n -= 12) {
        a += load_le32(p);
        b += load_le32(p + 4);
        c += load_le32(p + 8);
        mix3(&a, &b, &c);
    }
    c += total;
    a += load_tail(p, n);
    if (n > 4) b += load_tail(p + 4, n - 4);
    if (n > 8) c += load_tail(p + 8, n - 8) << 8; /* the low byte of c counts the length */
    mix3(&a, &b, &c);
    return c;
}

/* Multiples of the golden ratio, one per kind of thing hashed. */
#define K(n) (HASH_GOLDEN * (uint32_t)(n))
static inline uint32_t hash2(uint32_t x, uint32_t y, uint32_t k, uint32_t h)
{
    return hash_jenkins(k + x, k + y, h);
}
static inline uint32_t hash1(uint32_t x, uint32_t k, uint32_t h) { return hash2(x, 0, k, h); }

/* Whole bytes, then the bits left over; same for both block hashes. */
static uint32_t hash_bitstring(term_t t, uint32_t h)
{
    BitView v = bitstring_view(t);
    uint32_t seed = K(13) + h;
    size_t n = (uint32_t)(v.bits >> 3); /* of 4 GB and more, what that leaves: so the reference's values are */
    unsigned rest = v.bits & 7;
    if (n == 0 && rest == 0) return seed;
    if (view_is_aligned(&v)) {
        h = hash_block(view_bytes(&v), n, seed);
    } else {
        uint8_t *copy = mem_alloc(MEM_TEMP, n);
        bits_copy(copy, 0, v.base, v.offset, n * 8);
        h = hash_block(copy, n, seed);
        mem_free(MEM_TEMP, copy, n);
    }
    return rest ? hash2(rest, (uint32_t)bits_read(v.base, v.offset + n * 8, rest), K(15), h) : h;
}

static uint32_t hash_limbs(const term_t *limbs, size_t n, bool negative, uint32_t h)
{
    for (size_t i = 0; i < n; i++)
        h = hash2((uint32_t)limbs[i], (uint32_t)(limbs[i] >> 32), negative ? K(10) : K(11), h);
    return h;
}

static uint64_t float_bits(term_t t)
{
    double d = float_value(t) + 0.0; /* -0.0 becomes 0.0 */
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* The hash of a list's leading run of bytes, four to a word. Returns the rest; *count bytes of the last,
 * incomplete word are in *word. */
static term_t hash_bytes_run(Work *w, term_t t, uint32_t *h, uint32_t *word, unsigned *count)
{
    size_t left = w->left;
    *word = *count = 0;
    while (term_is_list_cell(t) && left > 0) {
        term_t head = list_head(t);
        if (!term_is_small(head) || (uint64_t)small_value(head) > 255) break;
        *word = (*word << 8) + (uint32_t)small_value(head);
        if (++*count == 4) {
            *h = hash1(*word, K(4), *h);
            *word = *count = 0;
            left -= MIN(left, 4);
        }
        t = list_next(t);
    }
    w->left = left;
    return t;
}

/* ---- phash2 ---- */

/* Marks on the work stack. */
#define MARK_REST ((term_t)0x14)     /* below it: a tuple, and the element with which it goes on */
#define MARK_PAIR ((term_t)0x4)     /* a pair is complete: fold its hash */
#define MARK_MAP_END ((term_t)0x8)  /* below it: hash before the map, xor of the outer map */
#define MARK_CDR ((term_t)0xC)

static bool small_is_28_bits(int64_t i) { return i >= -(1 << 27) && i < 1 << 27; }

static uint32_t phash2_int(int64_t i, uint32_t h)
{
    if (small_is_28_bits(i)) {
        if (i < 0) h = hash1((uint32_t)-i, K(1), h);
        return hash1((uint32_t)i, K(1), h);
    }
    term_t limb = i < 0 ? -(uint64_t)i : (uint64_t)i;
    return hash_limbs(&limb, 1, i < 0, h);
}

#define PHASH2_NIL 3468870702u
#define PHASH2_NIL_TAG 2 /* what a nil inside another term is hashed as */

static inline uint32_t phash2_immed(term_t t, uint32_t h)
{
    if (term_is_small(t)) return phash2_int(small_value(t), h);
    if (term_is_atom(t)) return h == 0 ? atom_phash(t) : hash1(atom_phash(t), K(3), h);
    if (term_is_nil(t)) return h == 0 ? PHASH2_NIL : hash1(PHASH2_NIL_TAG, K(2), h);
    if (term_is_local_pid(t)) return hash1(pid_number(t), K(5), h);
    uint64_t id = local_port_id(t);
    return id >> 32 ? hash2((uint32_t)id, (uint32_t)(id >> 32), K(6), h) : hash1((uint32_t)id, K(6), h);
}

/* What a node of a trie consists of: pairs, and the nodes below it as they are, so that the stack stays low. */
static inline void push_node(Work *w, term_t node, void (*push_pair)(Work *w, term_t key, term_t value))
{
    unsigned count;
    const term_t *children = hamt_children(node, &count);
    for (unsigned i = 0; i < count; i++) {
        term_t child = children[i];
        if (term_is_list_cell(child)) {
            push_pair(w, list_head(child), list_tail(child));
        } else if (term_is_tuple(child)) { /* keys of the same hash */
            for (size_t k = 0; k < tuple_arity(child); k++) {
                term_t leaf = tuple_elements(child)[k];
                push_pair(w, list_head(leaf), list_tail(leaf));
            }
        } else {
            work_push(w, child);
        }
    }
}

static bool is_node_inside(term_t header) { return MAP_HEADER_KIND(header) == MAP_NODE; }

static void push_marked_pair(Work *w, term_t key, term_t value)
{
    work_room(w, 3);
    *w->at++ = MARK_PAIR;
    *w->at++ = value;
    *w->at++ = key;
}

/* Portable: pairs are hashed on their own and folded by xor. */
static void push_map(Work *w, term_t t)
{
    if (!map_is_flat(t)) {
        push_node(w, t, push_marked_pair);
        return;
    }
    for (size_t i = 0; i < map_size(t); i++) push_marked_pair(w, flat_map_key_ptr(t)[i], flat_map_values(t)[i]);
}

static uint32_t phash2_fun(Work *w, term_t t, uint32_t h)
{
    const Fun *f = fun_ptr(t);
    unsigned n = fun_free_count(f);
    h = hash2(n, atom_phash(f->entry->module), K(1), h);
    h = hash2(f->entry->index, f->entry->old_uniq, K(1), h);
    work_push_array(w, f->env, n);
    return h;
}

static uint32_t phash2_export(term_t t, uint32_t h)
{
    const Mfa *m = &export_of(t)->mfa;
    h = hash2((uint32_t)m->arity, atom_phash(m->module), K(1), h);
    return hash1(atom_phash(m->function), K(14), h);
}

static uint32_t hash_ref_first(term_t t, uint32_t h)
{
    uint32_t n[REF_NUMBERS_MAX];
    ref_numbers(t, n);
    return hash1(n[0], K(7), h);
}

/* So many elements of a tuple go onto the stack at once. */
#define ELEMENTS_AT_ONCE 512

/* From element i on: those that hold no terms at once, as long as there are words left; the next ones go onto the
 * stack, above where it goes on. */
static inline uint32_t phash2_tuple(Work *w, term_t t, size_t i, uint32_t h)
{
    const term_t *elements = tuple_elements(t);
    size_t n = tuple_arity(t);
    for (; i < n && w->left > 0 && term_is_immed(elements[i]); i++, w->left--) h = phash2_immed(elements[i], h);
    size_t next = MIN(n - i, (size_t)ELEMENTS_AT_ONCE);
    if (UNLIKELY(i + next < n)) {
        work_room(w, 3);
        *w->at++ = t;
        *w->at++ = term_small((int64_t)(i + next));
        *w->at++ = MARK_REST;
    }
    work_push_array(w, elements + i, next);
    return h;
}

NOINLINE static uint32_t phash2_rest(Work *w, uint32_t h)
{
    w->at -= 2;
    return phash2_tuple(w, w->at[0], (size_t)small_value(w->at[1]), h);
}

/* A number or a bit string. */
static inline uint32_t phash2_leaf(term_t t, uint32_t h)
{
    term_t header = boxed_header(t);
    bool negative = HEADER_SUBTAG(header) == BOXED_NEG_BIG;
    if (HEADER_SUBTAG(header) == BOXED_FLOAT)
        return hash2((uint32_t)(float_bits(t) >> 32), (uint32_t)float_bits(t), K(12), h);
    if (negative || HEADER_SUBTAG(header) == BOXED_POS_BIG)
        return hash_limbs(boxed_ptr(t) + 1, HEADER_ARITY(header), negative, h);
    return hash_bitstring(t, h);
}

static ALWAYS_INLINE uint32_t phash2_boxed(Work *w, term_t t, uint32_t h, uint32_t *pairs)
{
    term_t header = boxed_header(t);
    uint64_t id;
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE:
        h = hash1((uint32_t)HEADER_ARITY(header), K(9), h);
        return phash2_tuple(w, t, 0, h);
    case BOXED_MAP:
        if (is_node_inside(header)) {
            push_map(w, t);
            return h;
        }
        h = hash1((uint32_t)map_size(t), K(16), h);
        if (map_size(t) == 0) return h;
        work_room(w, 3);
        *w->at++ = term_small(*pairs);
        *w->at++ = term_small(h);
        *w->at++ = MARK_MAP_END;
        *pairs = 0;
        push_map(w, t);
        return 0;
    case BOXED_POS_BIG: case BOXED_NEG_BIG: case BOXED_FLOAT: return phash2_leaf(t, h);
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS:
        if (bitstring_bits(t) / 64 > w->longest) {
            work_push(w, t);
            w->left = 0;
            return h;
        }
        work_done(w, bitstring_bits(t) / 64);
        return phash2_leaf(t, h);
    case BOXED_FUN: return phash2_fun(w, t, h);
    case BOXED_EXPORT: return phash2_export(t, h);
    case BOXED_REF: case BOXED_EXT_REF: return hash_ref_first(t, h);
    case BOXED_EXT_PID: return hash1(pid_number(t), K(5), h);
    case BOXED_EXT_PORT:
        id = port_number(t);
        return id >> 32 ? hash2((uint32_t)id, (uint32_t)(id >> 32), K(6), h) : hash1((uint32_t)id, K(6), h);
    default: NOT_REACHED();
    }
    return h;
}

static bool is_byte(term_t t) { return term_is_small(t) && (uint64_t)small_value(t) <= 255; }

/* Goes on along the list as long as its elements hold no terms; what is left goes back onto the stack. Never between
 * the bytes of a word. */
static ALWAYS_INLINE uint32_t phash2_list(Work *w, term_t t, uint32_t h)
{
    while (w->left > 0 && term_is_list_cell(t)) {
        uint32_t word;
        unsigned count;
        if (is_byte(list_head(t))) {
            t = hash_bytes_run(w, t, &h, &word, &count);
            if (count > 0) h = hash1(word, K(4), h);
        } else if (term_is_immed(list_head(t))) {
            h = phash2_immed(list_head(t), h);
            t = list_next(t);
            work_done(w, 2);
        } else {
            work_push(w, list_tail(t));
            work_push(w, list_head(t));
            return h;
        }
    }
    work_push(w, t);
    return h;
}

void hash_run_init(HashRun *r, term_t t)
{
    work_init(&r->work);
    r->hash = r->pairs = 0;
    work_push(&r->work, t);
}

void hash_run_move(HashRun *to, const HashRun *from)
{
    *to = *from;
    if (from->work.base != from->work.inline_words) return;
    to->work.base = to->work.inline_words;
    to->work.at = to->work.base + (from->work.at - from->work.base);
    to->work.limit = to->work.base + ARRAY_LEN(to->work.inline_words);
}

bool hash_run_is_at_long(const HashRun *r)
{
    const Work *w = &r->work;
    return !work_empty(w) && term_is_boxed(w->at[-1]) && term_is_bitstring(w->at[-1]) &&
           bitstring_bits(w->at[-1]) / 64 > w->longest;
}

void hash_run_free(HashRun *r) { work_free(&r->work); }

void hash_run_each_root(HashRun *r, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    for (term_t *at = r->work.base; at < r->work.at; at++)
        if (!term_is_header(*at)) visit(ctx, at, 1); /* else a mark, which is no term */
}

bool hash_run(HashRun *r, size_t words, size_t longest)
{
    Work *w = &r->work;
    w->longest = longest;
    uint32_t h = r->hash, pairs = r->pairs;
    for (w->left = words; !work_empty(w) && w->left > 0;) {
        term_t t = *--w->at;
        w->left--;
        if (term_is_immed(t)) {
            h = phash2_immed(t, h);
        } else if (term_is_list_cell(t)) {
            h = phash2_list(w, t, h);
        } else if (term_is_boxed(t)) {
            h = phash2_boxed(w, t, h, &pairs);
        } else if (t == MARK_REST) {
            h = phash2_rest(w, h);
        } else if (t == MARK_PAIR) {
            pairs ^= h;
            h = 0;
        } else {
            h = hash1(pairs, K(19), (uint32_t)small_value(*--w->at));
            pairs = (uint32_t)small_value(*--w->at);
        }
    }
    r->hash = h;
    r->pairs = pairs;
    return work_empty(w);
}

uint32_t term_phash2(term_t t)
{
    if (term_is_immed(t)) return phash2_immed(t, 0);
    if (term_is_boxed(t) && boxed_tag_is_leaf(HEADER_SUBTAG(boxed_header(t)))) return phash2_leaf(t, 0);
    HashRun r;
    hash_run_init(&r, t);
    (void)hash_run(&r, SIZE_MAX, SIZE_MAX);
    hash_run_free(&r);
    return r.hash;
}

/* ---- internal ---- */

static inline uint32_t mix_kind(uint32_t h, uint32_t k)
{
    h ^= k;
    return h << 17 ^ h >> 15;
}

static uint32_t internal_list(Work *w, term_t t, uint32_t h)
{
    uint32_t word;
    unsigned count;
    term_t rest = hash_bytes_run(w, t, &h, &word, &count);
    if (count > 0) h = hash2(word, count, K(22), h);
    if (!term_is_list_cell(rest)) {
        work_push(w, rest);
        return h;
    }
    term_t tail = list_tail(rest);
    h = mix_kind(h, K(17));
    work_push(w, tail);
    if (!term_is_list_cell(tail)) work_push(w, MARK_CDR);
    work_push(w, list_head(rest));
    return h;
}

static void push_pair(Work *w, term_t key, term_t value)
{
    work_room(w, 2);
    *w->at++ = value;
    *w->at++ = key;
}

/* Equal maps have equal shapes, so the pairs just follow each other: flat ones in key order, a trie's
 * last slot first. */
static uint32_t internal_map(Work *w, term_t t, uint32_t h)
{
    if (is_node_inside(boxed_header(t))) {
        push_node(w, t, push_pair);
        return h;
    }
    if (map_is_flat(t)) {
        for (size_t i = map_size(t); i-- > 0;) push_pair(w, flat_map_key_ptr(t)[i], flat_map_values(t)[i]);
    } else {
        push_node(w, t, push_pair);
    }
    return hash1((uint32_t)map_size(t), K(16), h);
}

static uint32_t hash_pointer32(const void *p, uint32_t k, uint32_t h)
{
    return hash2((uint32_t)(uintptr_t)p, (uint32_t)((uintptr_t)p >> 32), k, h);
}

static uint32_t internal_ref(term_t t, uint32_t h)
{
    uint32_t n[REF_NUMBERS_MAX] = {0};
    if (ident_node(t)) h = hash_pointer32(ident_node(t), K(7), h);
    ref_numbers(t, n);
    return hash2(n[1], n[2], K(8), hash1(n[0], K(7), h));
}

static uint32_t internal_ext(term_t t, uint32_t k, uint32_t h)
{
    uint64_t data = ext_ptr(t)->data[0];
    return hash2((uint32_t)data, (uint32_t)(data >> 32), k, hash_pointer32(ident_node(t), k, h));
}

static uint32_t internal_fun(Work *w, term_t t, uint32_t h)
{
    const Fun *f = fun_ptr(t);
    unsigned n = fun_free_count(f);
    h = hash2(n, (uint32_t)f->entry->module, K(20), h);
    h = hash2(f->entry->index, f->entry->old_uniq, K(21), h);
    work_push_array(w, f->env, n);
    return h;
}

static uint32_t internal_boxed(Work *w, term_t t, uint32_t h)
{
    term_t header = boxed_header(t);
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE:
        work_push_array(w, tuple_elements(t), HEADER_ARITY(header));
        return hash1((uint32_t)HEADER_ARITY(header), K(9), h);
    case BOXED_MAP: return internal_map(w, t, h);
    case BOXED_POS_BIG: case BOXED_NEG_BIG:
        return hash_limbs(boxed_ptr(t) + 1, HEADER_ARITY(header), HEADER_SUBTAG(header) == BOXED_NEG_BIG, h);
    case BOXED_FLOAT:
        return hash2((uint32_t)float_bits(t), (uint32_t)(float_bits(t) >> 32), K(12), h);
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: return hash_bitstring(t, h);
    case BOXED_FUN: return internal_fun(w, t, h);
    case BOXED_EXPORT: return hash_pointer32(export_of(t), K(14), h);
    case BOXED_REF: case BOXED_EXT_REF: return internal_ref(t, h);
    case BOXED_EXT_PID: return internal_ext(t, K(5), h);
    case BOXED_EXT_PORT: return internal_ext(t, K(6), h);
    default: NOT_REACHED();
    }
    return h;
}

static inline uint32_t internal_immed(term_t t, uint32_t h)
{
    return hash_jenkins(HASH_GOLDEN + (uint32_t)t, HASH_GOLDEN + (uint32_t)(t >> 32), h);
}

uint32_t term_hash_slow(term_t t, uint32_t salt)
{
    Work w;
    work_init(&w);
    uint32_t h = salt ^ HASH_INTERNAL_SEED;
    for (;;) {
        if (term_is_immed(t)) h = internal_immed(t, h);
        else if (term_is_list_cell(t)) h = internal_list(&w, t, h);
        else h = internal_boxed(&w, t, h);
        if (work_empty(&w)) break;
        t = *--w.at;
        if (t == MARK_CDR) {
            h = mix_kind(h, K(18));
            t = *--w.at; /* the tail itself is always below its mark */
        }
    }
    work_free(&w);
    return h;
}

/* ---- phash ---- */

/* Primes just above 2^28, by the kind of thing they multiply. */
enum {
    P_ATOM = 268440163, P_INT = 268439161, P_POS = 268435459, P_NEG = 268436141, P_PID = 268438633,
    P_FLOAT = 268437017, P_CDR = 268437511, P_TUPLE = 268439627, P_FUN = 268440479,
    P_EXPORT = 268440577, P_BITS = 268440581, P_MAP = 268440593, P_MAP_ADD = 268440611
};
#define P_BINARY P_NEG
#define P_REF P_TUPLE

static uint32_t phash_bytes(uint32_t v, uint32_t prime, uint32_t h)
{
    for (int i = 0; i < 32; i += 8) h = h * prime + (v >> i & 0xFF);
    return h;
}

static uint32_t phash_int(const uint64_t *limbs, size_t n, bool negative, uint32_t h)
{
    for (size_t i = 0; i < n; i++) {
        h = phash_bytes((uint32_t)limbs[i], P_INT, h);
        if (i + 1 < n || limbs[i] >> 32) h = phash_bytes((uint32_t)(limbs[i] >> 32), P_INT, h);
    }
    return h * (negative ? P_NEG : P_POS);
}

static uint32_t phash_bits(term_t t, uint32_t h)
{
    BitView v = bitstring_view(t);
    size_t n = v.bits >> 3;
    unsigned rest = v.bits & 7;
    for (size_t i = 0; i < n; i++)
        h = h * P_ATOM + (uint32_t)bits_read(v.base, v.offset + 8 * i, 8);
    if (rest)
        h = (h * P_ATOM + (uint32_t)bits_read(v.base, v.offset + 8 * n, rest)) * P_BITS + rest;
    return h * P_BINARY + (uint32_t)n;
}

static uint32_t phash_port(uint64_t id, uint32_t h)
{
    if (id >> 32) h = phash_bytes((uint32_t)(id >> 32), P_EXPORT, h);
    return phash_bytes((uint32_t)id, P_REF, h) * P_FUN;
}

static uint32_t phash_immed(term_t t, uint32_t h)
{
    if (term_is_small(t)) {
        int64_t i = small_value(t);
        uint64_t limb = i < 0 ? -(uint64_t)i : (uint64_t)i;
        return phash_int(&limb, 1, i < 0, h);
    }
    if (term_is_atom(t)) return h * P_ATOM + atom_phash(t);
    if (term_is_nil(t)) return h * P_POS + 1;
    if (term_is_local_pid(t)) return phash_bytes(pid_number(t), P_PID, h) * P_FLOAT;
    return phash_port(local_port_id(t), h);
}

#define MARK_TUPLE ((term_t)0x10) /* below it: arity */

static uint32_t phash_fun(Work *w, term_t t, uint32_t h)
{
    const Fun *f = fun_ptr(t);
    unsigned n = fun_free_count(f);
    h = h * P_FUN + n;
    h = h * P_ATOM + atom_phash(f->entry->module);
    h = h * P_INT + f->entry->index;
    h = h * P_INT + f->entry->old_uniq;
    work_push_array(w, f->env, n);
    return h;
}

static uint32_t phash_export(term_t t, uint32_t h)
{
    const Mfa *m = &export_of(t)->mfa;
    h = h * P_EXPORT + (uint32_t)m->arity;
    h = h * P_ATOM + atom_phash(m->module);
    return h * P_ATOM + atom_phash(m->function);
}

static uint32_t phash_boxed(Work *w, term_t t, uint32_t h)
{
    term_t header = boxed_header(t);
    uint32_t n[REF_NUMBERS_MAX];
    uint64_t bits;
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE:
        work_push(w, HEADER_ARITY(header));
        work_push(w, MARK_TUPLE);
        work_push_array(w, tuple_elements(t), HEADER_ARITY(header));
        return h;
    case BOXED_MAP: return h * P_MAP + P_MAP_ADD + term_phash2(t);
    case BOXED_POS_BIG: case BOXED_NEG_BIG:
        return phash_int(boxed_ptr(t) + 1, HEADER_ARITY(header), HEADER_SUBTAG(header) == BOXED_NEG_BIG, h);
    case BOXED_FLOAT:
        bits = float_bits(t);
        return h * P_FLOAT + ((uint32_t)bits ^ (uint32_t)(bits >> 32));
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: return phash_bits(t, h);
    case BOXED_FUN: return phash_fun(w, t, h);
    case BOXED_EXPORT: return phash_export(t, h);
    case BOXED_REF: case BOXED_EXT_REF:
        ref_numbers(t, n);
        return phash_bytes(n[0], P_REF, h) * P_FUN;
    case BOXED_EXT_PID: return phash_bytes(pid_number(t), P_PID, h) * P_FLOAT;
    case BOXED_EXT_PORT: return phash_port(port_number(t), h);
    default: NOT_REACHED();
    }
    return h;
}

/* A cell's byte is folded in plainly, any other head as a term; a non-list tail ends with MARK_CDR. */
static uint32_t phash_list(Work *w, term_t t, uint32_t h)
{
    while (term_is_list_cell(t)) {
        term_t head = list_head(t);
        if (!term_is_small(head) || (uint64_t)small_value(head) > 255) {
            work_push(w, list_tail(t));
            if (!term_is_list_cell(list_tail(t))) {
                w->at[-1] = MARK_CDR;
                work_push(w, list_tail(t));
            }
            work_push(w, head);
            return h;
        }
        h = h * P_INT + (uint32_t)small_value(head);
        t = list_tail(t);
    }
    work_push(w, MARK_CDR);
    work_push(w, t);
    return h;
}

uint32_t term_phash(term_t t)
{
    Work w;
    work_init(&w);
    uint32_t h = 0;
    work_push(&w, t);
    while (!work_empty(&w)) {
        t = *--w.at;
        if (t == MARK_CDR) h *= P_CDR;
        else if (t == MARK_TUPLE) h = h * P_TUPLE + (uint32_t)*--w.at;
        else if (term_is_immed(t)) h = phash_immed(t, h);
        else if (term_is_list_cell(t)) h = phash_list(&w, t, h);
        else h = phash_boxed(&w, t, h);
    }
    work_free(&w);
    return h;
}
