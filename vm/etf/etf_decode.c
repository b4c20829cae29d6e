/* SPDX-License-Identifier: Apache-2.0 */
/* etf_decode - external term format to terms.
 * One loop reads a tag and writes a term to `dst`; a compound pushes a frame and redirects `dst` to
 * its first element. Space for a compound is taken when its length has been checked against the
 * bytes left (every element takes at least one), so that input of n bytes never builds more than
 * O(n) words. Unfilled words hold nil meanwhile.
 * Layer: etf. */
#include "etf/etf_priv.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/bits.h"
#include "data/map.h"
#include "data/node.h"
#include "proc/process.h"
#include "proc/ptab.h"
#include "term/atom.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <zlib.h>

enum FrameKind { FRAME_ARRAY, FRAME_LIST, FRAME_MAP };

typedef struct Frame {
    enum FrameKind kind;
    size_t left;      /* terms still to come, the current one included */
    term_t *next;     /* where the current one goes */
    term_t *pairs;    /* FRAME_MAP: its buffer, 2 * size terms */
    size_t size;
    term_t *dst;      /* FRAME_MAP: where the map goes */
} Frame;

struct EtfDecode {
    Vm *vm;
    const uint8_t *start, *at, *end;
    unsigned flags;
    const term_t *cache;
    size_t cache_size;
    uint8_t *inflated;        /* owned copy of decompressed input, or NULL */
    size_t inflated_bytes;
    size_t compressed_used;   /* bytes of the original input behind `inflated` */
    z_stream inflater;
    bool inflating;           /* not all of it is there yet */
    bool bad;
    bool full;                /* why it is bad: see ETF_FULL */
    size_t copied;            /* what the present term took besides, in terms */
    uint8_t *copy_to;         /* of a long binary, which is copied in pieces: what is still to be copied */
    const uint8_t *copy_from;
    size_t copy_left;
    term_t result;
    term_t *dst;
    Frame *frames;
    size_t depth, cap;
};

/* ---- reading ---- */

static bool has(const EtfDecode *d, size_t n)
{
    return (size_t)(d->end - d->at) >= n;
}

static uint64_t get_n(EtfDecode *d, unsigned bytes)
{
    uint64_t v = 0;
    if (!has(d, bytes)) {
        d->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | d->at[i];
    d->at += bytes;
    return v;
}

static inline unsigned get8(EtfDecode *d)
{
    if (LIKELY(d->at < d->end)) return *d->at++;
    d->bad = true;
    return 0;
}

static inline uint32_t get32(EtfDecode *d)
{
    if (UNLIKELY(!has(d, 4))) return (uint32_t)get_n(d, 4);
    d->at += 4;
    return bytes_load_be32(d->at - 4);
}

static unsigned get16(EtfDecode *d) { return (unsigned)get_n(d, 2); }

/* n bytes in place, or NULL. */
static const uint8_t *get_bytes(EtfDecode *d, size_t n)
{
    if (d->bad || !has(d, n)) {
        d->bad = true;
        return NULL;
    }
    const uint8_t *p = d->at;
    d->at += n;
    return p;
}

static term_t bad(EtfDecode *d)
{
    d->bad = true;
    return TERM_NONE;
}

/* ---- atoms ---- */

static term_t atom_or_bad(EtfDecode *d, const uint8_t *text, size_t n)
{
    bool safe = d->flags & ETF_SAFE;
    term_t atom = safe ? atom_find((const char *)text, n) : atom_intern((const char *)text, n);
    if (atom != TERM_NONE) return atom;
    d->full = !safe && atom_table_full() && utf8_is_valid(text, n);
    return bad(d);
}

static term_t atom_latin1(EtfDecode *d, size_t n)
{
    const uint8_t *text = get_bytes(d, n);
    if (!text || n > ATOM_MAX_CHARS) return bad(d);
    uint8_t utf8[2 * ATOM_MAX_CHARS];
    return atom_or_bad(d, utf8, utf8_from_latin1(text, n, utf8));
}

static term_t atom_utf8(EtfDecode *d, size_t n)
{
    const uint8_t *text = get_bytes(d, n);
    if (!text || n > ATOM_MAX_BYTES) return bad(d);
    return atom_or_bad(d, text, n);
}

static term_t atom_cached(EtfDecode *d)
{
    unsigned i = get8(d);
    return d->bad || i >= d->cache_size ? bad(d) : d->cache[i];
}

/* An atom with its tag; anything else is bad. */
static term_t get_atom(EtfDecode *d)
{
    switch (get8(d)) {
    case ETF_ATOM: return atom_latin1(d, get16(d));
    case ETF_SMALL_ATOM: return atom_latin1(d, get8(d));
    case ETF_ATOM_UTF8: return atom_utf8(d, get16(d));
    case ETF_SMALL_ATOM_UTF8: return atom_utf8(d, get8(d));
    case ETF_ATOM_CACHE_REF: return atom_cached(d);
    default: return bad(d);
    }
}

/* ---- numbers ---- */

/* n bytes, at most 8, lowest first. */
static inline uint64_t load_little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    if (n == sizeof v) {
        memcpy(&v, p, sizeof v);
        return le64toh(v);
    }
    while (n-- > 0) v = v << 8 | p[n];
    return v;
}

static term_t get_big(EtfDecode *d, Heap *h, size_t bytes)
{
    unsigned sign = get8(d);
    const uint8_t *p = get_bytes(d, bytes);
    if (!p || sign > 1) return bad(d);
    d->copied = bytes / BYTES_A_TERM;
    while (bytes > 0 && p[bytes - 1] == 0) bytes--;
    if (bytes <= 8) {
        uint64_t v = load_little(p, bytes);
        if (v <= (uint64_t)SMALL_MAX) return term_small(sign ? -(int64_t)v : (int64_t)v);
        if (sign && v == (uint64_t)SMALL_MAX + 1) return term_small(SMALL_MIN);
    }
    size_t limbs = (bytes + 7) / 8;
    term_t *hp = heap_alloc(h, 1 + limbs);
    hp[0] = HEADER(limbs, sign ? BOXED_NEG_BIG : BOXED_POS_BIG);
    for (size_t i = 0; i < limbs; i++)
        hp[1 + i] = load_little(p + 8 * i, MIN(bytes - 8 * i, sizeof *hp));
    return term_make_boxed(hp);
}

static inline term_t get_float(EtfDecode *d, Heap *h)
{
    const uint8_t *p = get_bytes(d, 8);
    if (!p) return TERM_NONE;
    uint64_t bits = bytes_load_be64(p);
    double x;
    memcpy(&x, &bits, sizeof x);
    return isfinite(x) ? heap_float(h, x) : bad(d);
}

#define FLOAT_TEXT_BYTES 31

static term_t get_float_text(EtfDecode *d, Heap *h)
{
    const uint8_t *p = get_bytes(d, FLOAT_TEXT_BYTES);
    if (!p) return TERM_NONE;
    char text[FLOAT_TEXT_BYTES + 1];
    memcpy(text, p, FLOAT_TEXT_BYTES);
    text[FLOAT_TEXT_BYTES] = 0;
    char *stop;
    double x = strtod(text, &stop);
    return stop == text || !isfinite(x) ? bad(d) : heap_float(h, x);
}

static int64_t get_int(EtfDecode *d)
{
    switch (get8(d)) {
    case ETF_SMALL_INT: return get8(d);
    case ETF_INT: return (int32_t)get32(d);
    case ETF_SMALL_BIG: { /* old_uniq above 31 bits */
        Heap none = {0};
        term_t t = get_big(d, &none, get8(d));
        heap_dispose(&none);
        if (!d->bad && term_is_small(t)) return small_value(t);
        FALLTHROUGH;
    }
    default: bad(d); return 0;
    }
}

/* ---- bit strings ---- */

static term_t get_bits(EtfDecode *d, Heap *h)
{
    size_t n = get32(d);
    unsigned last = get8(d);
    const uint8_t *p = get_bytes(d, n);
    if (!p || last > 8 || (last == 0) != (n == 0)) return bad(d);
    d->copied = n / BYTES_A_TERM;
    return heap_bits(h, p, 0, n == 0 ? 0 : (n - 1) * 8 + last);
}

static void copy_piece(EtfDecode *d)
{
    size_t n = MIN(d->copy_left, PIECE_BYTES);
    memcpy(d->copy_to, d->copy_from, n);
    d->copy_to += n;
    d->copy_from += n;
    d->copy_left -= n;
    d->copied = n / BYTES_A_TERM;
}

static term_t get_binary(EtfDecode *d, Heap *h)
{
    size_t n = get32(d);
    const uint8_t *p = get_bytes(d, n);
    if (!p) return bad(d);
    if (n > PIECE_BYTES) {
        d->copy_from = p;
        d->copy_left = n;
        return heap_binary_new(h, n, &d->copy_to);
    }
    d->copied = n / BYTES_A_TERM;
    return heap_binary(h, p, n);
}

static term_t get_string(EtfDecode *d, Heap *h)
{
    size_t n = get16(d);
    const uint8_t *p = get_bytes(d, n);
    if (!p) return bad(d);
    d->copied = n / CELLS_A_TERM;
    return heap_string(h, (const char *)p, n, TERM_NIL);
}

/* ---- identifiers ---- */

/* Significant bits in the forms with a creation of one byte. */
#define OLD_REF_BITS 18
#define OLD_CREATION_MAX 3

static uint32_t get_creation(EtfDecode *d, unsigned bytes)
{
    uint32_t creation = (uint32_t)get_n(d, bytes);
    if (bytes == 1 && creation > OLD_CREATION_MAX) d->bad = true;
    return creation;
}

static term_t ident_or_bad(EtfDecode *d, term_t t)
{
    return d->bad || t == TERM_NONE ? bad(d) : t;
}

static term_t get_pid(EtfDecode *d, Heap *h, unsigned creation_bytes)
{
    term_t node = get_atom(d);
    uint32_t number = get32(d), serial = get32(d);
    uint32_t creation = get_creation(d, creation_bytes);
    if (d->bad) return TERM_NONE;
    return ident_or_bad(d, node_make_pid(h, d->vm, node, number, serial, creation));
}

static term_t get_port(EtfDecode *d, Heap *h, unsigned id_bytes, unsigned creation_bytes)
{
    term_t node = get_atom(d);
    uint64_t id = get_n(d, id_bytes);
    uint32_t creation = get_creation(d, creation_bytes);
    if (d->bad || (creation_bytes == 1 && id >> OLD_PORT_BITS)) return bad(d);
    term_t port = node_make_port(h, d->vm, node, id, creation);
    if (term_is_local_port(port) && id & ~d->vm->procs->ports->id_mask) return bad(d);
    return ident_or_bad(d, port);
}

static term_t get_ref(EtfDecode *d, Heap *h, unsigned count, unsigned creation_bytes)
{
    uint32_t numbers[REF_NUMBERS_MAX];
    term_t node = get_atom(d);
    uint32_t creation = get_creation(d, creation_bytes);
    if (d->bad || count == 0 || count > REF_NUMBERS_MAX) return bad(d);
    for (unsigned i = 0; i < count; i++) numbers[i] = get32(d);
    if (d->bad || (creation_bytes == 1 && numbers[0] >> OLD_REF_BITS)) return bad(d);
    return ident_or_bad(d, node_make_ref(h, d->vm, node, creation, numbers, count));
}

static term_t get_old_ref(EtfDecode *d, Heap *h)
{
    term_t node = get_atom(d);
    uint32_t number = get32(d), creation = get_creation(d, 1);
    if (d->bad || number >> OLD_REF_BITS) return bad(d);
    return ident_or_bad(d, node_make_ref(h, d->vm, node, creation, &number, 1));
}

/* ---- funs ---- */

static term_t get_export(EtfDecode *d, Heap *h)
{
    term_t module = get_atom(d), function = get_atom(d);
    int64_t arity = get_int(d);
    if (d->bad || arity < 0 || arity > 255) return bad(d);
    Export *e = d->flags & ETF_SAFE ? export_find(d->vm, module, function, (word_t)arity)
                                    : export_get(d->vm, module, function, (word_t)arity);
    return e ? export_fun_put(heap_alloc(h, EXPORT_FUN_WORDS), e) : bad(d);
}

/* ---- leaves ---- */

/* A term that has no others inside, behind its tag; TERM_NONE: it is bad, or the tag is of no such term. */
static inline term_t read_leaf(EtfDecode *d, Heap *h, unsigned tag)
{
    switch (tag) {
    case ETF_SMALL_INT: return term_small(get8(d));
    case ETF_INT: return term_small((int32_t)get32(d));
    case ETF_NEW_FLOAT: return get_float(d, h);
    case ETF_FLOAT: return get_float_text(d, h);
    case ETF_SMALL_BIG: return get_big(d, h, get8(d));
    case ETF_LARGE_BIG: return get_big(d, h, get32(d));
    case ETF_ATOM: return atom_latin1(d, get16(d));
    case ETF_SMALL_ATOM: return atom_latin1(d, get8(d));
    case ETF_ATOM_UTF8: return atom_utf8(d, get16(d));
    case ETF_SMALL_ATOM_UTF8: return atom_utf8(d, get8(d));
    case ETF_ATOM_CACHE_REF: return atom_cached(d);
    case ETF_NIL: return TERM_NIL;
    case ETF_STRING: return get_string(d, h);
    case ETF_BINARY: return get_binary(d, h);
    case ETF_BIT_BINARY: return get_bits(d, h);
    case ETF_PID: return get_pid(d, h, 1);
    case ETF_NEW_PID: return get_pid(d, h, 4);
    case ETF_PORT: return get_port(d, h, 4, 1);
    case ETF_NEW_PORT: return get_port(d, h, 4, 4);
    case ETF_V4_PORT: return get_port(d, h, 8, 4);
    case ETF_REF: return get_old_ref(d, h);
    case ETF_NEW_REF: return get_ref(d, h, get16(d), 1);
    case ETF_NEWER_REF: return get_ref(d, h, get16(d), 4);
    case ETF_EXPORT: return get_export(d, h);
    default: return TERM_NONE;
    }
}

static inline bool tag_is_of_leaf(unsigned tag)
{
    return tag != ETF_SMALL_TUPLE && tag != ETF_LARGE_TUPLE && tag != ETF_LIST && tag != ETF_MAP
           && tag != ETF_NEW_FUN;
}

/* The longest of what read_fixed reads, with its tag. */
#define FIXED_MAX 9
#define STRING_AT_ONCE 32

/* A small integer, a float, a short string or a binary of the heap at *at, where FIXED_MAX bytes are; false: anything
 * else, or bad. */
static ALWAYS_INLINE bool read_fixed(const uint8_t **at, const uint8_t *end, Heap *h, term_t *t)
{
    uint64_t bits;
    size_t n;
    double x;
    switch (**at) {
    case ETF_SMALL_INT:
        *t = term_small((*at)[1]);
        *at += 2;
        return true;
    case ETF_INT:
        *t = term_small((int32_t)bytes_load_be32(*at + 1));
        *at += 5;
        return true;
    case ETF_NEW_FLOAT:
        bits = bytes_load_be64(*at + 1);
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) return false;
        *t = heap_float(h, x);
        *at += FIXED_MAX;
        return true;
    case ETF_BINARY:
        n = bytes_load_be32(*at + 1);
        if (n > HEAP_BITS_MAX_BYTES || (size_t)(end - *at) < 5 + n) return false;
        *t = heap_binary(h, *at + 5, n);
        *at += 5 + n;
        return true;
    case ETF_STRING:
        n = (size_t)(*at)[1] << 8 | (*at)[2];
        if (n > STRING_AT_ONCE || (size_t)(end - *at) < 3 + n) return false;
        *t = heap_string(h, (const char *)*at + 3, n, TERM_NIL);
        *at += 3 + n;
        return true;
    default:
        return false;
    }
}

/* Leaves one after the other into n places, `step` words apart, but for what comes close to the end of the input;
 * *budget pays for them. Returns how many are complete: one that is bad or copied in pieces is not. */
static inline size_t read_leaves(EtfDecode *d, Heap *h, term_t *next, size_t step, size_t n,
                                 size_t *budget)
{
    const uint8_t *at = d->at;
    size_t done = 0, paid = *budget;
    for (; done < n && paid > 0 && d->end - at >= FIXED_MAX; done++, next += step, paid--) {
        if (read_fixed(&at, d->end, h, next)) continue;
        if (!tag_is_of_leaf(*at)) break;
        d->at = at + 1;
        d->copied = 0;
        term_t t = read_leaf(d, h, *at);
        at = d->at;
        if (t == TERM_NONE) d->bad = true;
        if (!d->bad) *next = t;
        paid -= MIN(paid - 1, d->copied);
        if (UNLIKELY(d->bad || d->copy_left > 0)) break;
    }
    d->at = at;
    d->copied = 0;
    *budget = paid;
    return done;
}

/* ---- compounds ---- */

static Frame *push(EtfDecode *d, enum FrameKind kind, size_t left, term_t *first)
{
    if (d->depth == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 16;
        d->frames = mem_realloc(MEM_ETF, d->frames, d->cap * sizeof(Frame), cap * sizeof(Frame));
        d->cap = cap;
    }
    Frame *f = &d->frames[d->depth++];
    *f = (Frame){.kind = kind, .left = left, .next = first};
    d->dst = first;
    return f;
}

static term_t *take_filled(Heap *h, size_t words)
{
    term_t *hp = heap_alloc(h, words);
    for (size_t i = 0; i < words; i++) hp[i] = TERM_NIL;
    return hp;
}

/* What the leaves of a tuple may cost that are read at once, in terms: more than the longest one. */
#define FLAT_BUDGET (2 * PIECE_BYTES / BYTES_A_TERM)

/* The starters return true when a frame was pushed, false when *dst is complete or input is bad. */

/* Most tuples have nothing but leaves inside: the first elements are read at once. */
static bool start_tuple(EtfDecode *d, Heap *h, size_t n)
{
    if (d->bad || !has(d, n)) return bad(d), false;
    term_t *hp = heap_alloc(h, 1 + n);
    hp[0] = HEADER(n, BOXED_TUPLE);
    *d->dst = term_make_boxed(hp);
    size_t budget = FLAT_BUDGET, done = read_leaves(d, h, hp + 1, 1, n, &budget);
    d->copied = FLAT_BUDGET - budget;
    if (done == n) return false;
    term_t *rest = hp + 1 + done;
    bool in_pieces = d->copy_left > 0;
    for (size_t i = in_pieces; i < n - done; i++) rest[i] = TERM_NIL;
    push(d, FRAME_ARRAY, n - done, rest);
    return true;
}

static bool start_list(EtfDecode *d, Heap *h)
{
    size_t n = get32(d);
    if (d->bad || !has(d, n)) return bad(d), false;
    if (n == 0) { /* only the tail follows: same destination */
        push(d, FRAME_ARRAY, 1, d->dst);
        return true;
    }
    term_t *cells = heap_alloc(h, 2 * n);
    for (size_t i = 0; i < n; i++) list_put(cells + 2 * i, TERM_NIL, term_make_list(cells + 2 * i + 2));
    cells[2 * n - 1] = TERM_NIL;
    *d->dst = term_make_list(cells);
    push(d, FRAME_LIST, n + 1, cells);
    return true;
}

static bool start_map(EtfDecode *d, Heap *h)
{
    size_t n = get32(d);
    if (d->bad || !has(d, 2 * n)) return bad(d), false;
    if (n == 0) {
        *d->dst = map_empty(h);
        return false;
    }
    term_t *dst = d->dst;
    term_t *pairs = MEM_NEW_ARRAY(ETF, term_t, 2 * n);
    Frame *f = push(d, FRAME_MAP, 2 * n, pairs);
    f->pairs = pairs;
    f->size = n;
    f->dst = dst;
    return true;
}

static bool start_fun(EtfDecode *d, Heap *h)
{
    const uint8_t *from = d->at;
    size_t size = get32(d);
    unsigned arity = get8(d);
    const uint8_t *uniq = get_bytes(d, 16);
    uint32_t index = get32(d);
    size_t nfree = get32(d);
    term_t module = get_atom(d);
    int64_t old_index = get_int(d), old_uniq = get_int(d);
    if (d->bad) return false;
    unsigned tag = get8(d);
    if (tag != ETF_PID && tag != ETF_NEW_PID) return bad(d), false;
    term_t creator = get_pid(d, h, tag == ETF_PID ? 1 : 4);
    if (d->bad || !has(d, nfree) || size < (size_t)(d->at - from) || old_index < 0) return bad(d), false;
    if (nfree > 255) return bad(d), false;
    Fun *f = (Fun *)take_filled(h, FUN_WORDS(nfree));
    f->header = HEADER(3 + nfree, BOXED_FUN);
    f->entry = fun_entry_get(d->vm, module, index, (uint32_t)old_uniq, uniq, arity);
    f->arity_free = arity | (uint64_t)nfree << 8;
    f->creator = creator;
    *d->dst = term_make_boxed((term_t *)f);
    if (nfree == 0) return false;
    push(d, FRAME_ARRAY, nfree, f->env);
    return true;
}

/* ---- the loop ---- */

/* Read one term's head. True: a frame was pushed. */
static bool read_term(EtfDecode *d, Heap *h)
{
    unsigned tag = get8(d);
    if (d->bad) return false;
    switch (tag) {
    case ETF_SMALL_TUPLE: return start_tuple(d, h, get8(d));
    case ETF_LARGE_TUPLE: return start_tuple(d, h, get32(d));
    case ETF_LIST: return start_list(d, h);
    case ETF_MAP: return start_map(d, h);
    case ETF_NEW_FUN: return start_fun(d, h);
    default: break;
    }
    term_t t = read_leaf(d, h, tag);
    if (t == TERM_NONE) d->bad = true;
    if (!d->bad) *d->dst = t;
    return false;
}

static void finish_map(EtfDecode *d, Heap *h, Frame *f)
{
    bool duplicates;
    term_t map = map_from_pairs(h, f->pairs, f->size, &duplicates);
    if (duplicates) d->bad = true;
    *f->dst = map;
    MEM_DELETE_ARRAY(ETF, f->pairs, 2 * f->size);
}

/* The current destination is filled: find the next one. False when nothing is left. */
static bool advance(EtfDecode *d, Heap *h)
{
    while (d->depth > 0) {
        Frame *f = &d->frames[d->depth - 1];
        if (--f->left > 0) {
            if (f->kind == FRAME_LIST) f->next += f->left == 1 ? 1 : 2;
            else f->next++;
            d->dst = f->next;
            return true;
        }
        if (f->kind == FRAME_MAP) finish_map(d, h, f);
        d->depth--;
    }
    return false;
}

/* ---- start ---- */

/* Deflate cannot pack better than this; a larger claim is a lie. */
#define DEFLATE_MAX_RATIO 1040

#define INFLATED_A_ITEM 16 /* bytes: what takes about as long as a term */

/* Input that may lie in a heap, which moves before the next slice. */
#define INFLATE_AT_ONCE 256

static void inflate_end(EtfDecode *d)
{
    d->compressed_used = (size_t)(d->at - d->start) + d->inflater.total_in;
    d->inflating = false;
    inflateEnd(&d->inflater);
    d->at = d->inflated;
    d->end = d->inflated + d->inflated_bytes;
}

/* False: the budget is used up before the input is there. */
static bool inflate_some(EtfDecode *d, size_t budget)
{
    z_stream *z = &d->inflater;
    size_t left = d->inflated_bytes - z->total_out;
    z->avail_out = (uInt)(budget < left / INFLATED_A_ITEM ? budget * INFLATED_A_ITEM : left);
    int result = inflate(z, Z_SYNC_FLUSH);
    if (result == Z_OK && z->avail_out == 0 && z->total_out < d->inflated_bytes) return false;
    if (result != Z_STREAM_END || z->total_out != d->inflated_bytes) d->bad = true;
    inflate_end(d);
    return true;
}

static void inflate_begin(EtfDecode *d)
{
    size_t size = get32(d), have = (size_t)(d->end - d->at);
    if (d->bad || size / DEFLATE_MAX_RATIO > have) {
        d->bad = true;
        return;
    }
    d->inflated_bytes = size;
    d->inflated = mem_alloc(MEM_ETF, size);
    d->inflater = (z_stream){.next_in = (Bytef *)d->at, .avail_in = (uInt)MIN(have, (size_t)UINT_MAX),
                             .next_out = d->inflated};
    d->inflating = inflateInit(&d->inflater) == Z_OK;
    d->bad = !d->inflating;
    if (d->inflating && have <= INFLATE_AT_ONCE) (void)inflate_some(d, SIZE_MAX);
}

/* Most terms are small: this thread uses a decoder again, with the room that it has. */
#define SPARE_FRAMES 64
static THREAD_LOCAL ThreadSpare spare;

static EtfDecode *decoder_new(void)
{
    EtfDecode *d = thread_spare_take(&spare);
    if (!d) return MEM_NEW(ETF, EtfDecode);
    *d = (EtfDecode){.frames = d->frames, .cap = d->cap};
    return d;
}

EtfDecode *etf_decode_start(Vm *vm, const uint8_t *buf, size_t n, unsigned flags,
                            const term_t *cache, size_t cache_size)
{
    EtfDecode *d = decoder_new();
    d->vm = vm;
    d->start = d->at = buf;
    d->end = buf + n;
    d->flags = flags;
    d->cache = cache;
    d->cache_size = cache_size;
    d->dst = &d->result;
    if (flags & ETF_NO_VERSION) return d;
    if (get8(d) != ETF_VERSION) d->bad = true;
    if (!d->bad && has(d, 1) && *d->at == ETF_COMPRESSED && !(flags & ETF_NO_COMPRESSED)) {
        d->at++;
        inflate_begin(d);
    }
    return d;
}

static size_t bytes_used(const EtfDecode *d)
{
    return d->inflated ? d->compressed_used : (size_t)(d->at - d->start);
}

/* Leaves and flat tuples one after the other, but for the last two terms of their compound and what comes close to the
 * end of the input; *budget pays for them. True: one is bad or not complete. */
static bool fill_frame(EtfDecode *d, Heap *h, size_t *budget)
{
    Frame *f = &d->frames[d->depth - 1];
    size_t step = f->kind == FRAME_LIST ? 2 : 1;
    while (f->left > 2 && *budget > 0) {
        size_t n = read_leaves(d, h, f->next, step, f->left - 2, budget);
        d->dst = f->next += n * step;
        f->left -= n;
        if (d->bad || d->copy_left > 0) return true;
        if (f->left <= 2 || *budget == 0 || !has(d, 2) || *d->at != ETF_SMALL_TUPLE) break;
        d->at += 2;
        if (start_tuple(d, h, d->at[-1]) || d->bad) return true;
        *budget -= MIN(*budget, 1 + d->copied);
        d->copied = 0;
        d->dst = f->next += step;
        f->left--;
    }
    return false;
}

/* A term, or a piece of one. True: there is more to read before it is complete. */
static bool next_step(EtfDecode *d, Heap *h, size_t *budget)
{
    d->copied = 0;
    if (d->copy_left > 0) {
        copy_piece(d);
        return d->copy_left > 0;
    }
    if (d->depth > 0 && d->frames[d->depth - 1].left > 2 && fill_frame(d, h, budget)) return true;
    return read_term(d, h) || d->copy_left > 0;
}

enum EtfResult etf_decode_run(EtfDecode *d, Heap *h, size_t budget, term_t *result, size_t *used)
{
    if (d->inflating && !inflate_some(d, budget)) return ETF_MORE;
    while (!d->bad) {
        if (budget-- == 0) return ETF_MORE;
        bool inside = next_step(d, h, &budget);
        budget -= MIN(budget, d->copied);
        if (inside || d->bad) continue;
        if (advance(d, h)) continue;
        if (d->bad) break;
        if (d->inflated && d->at != d->end && !(d->flags & ETF_TRAILING)) break;
        *result = d->result;
        *used = bytes_used(d);
        return ETF_DONE;
    }
    return d->full ? ETF_FULL : ETF_BAD;
}

static void delete(void *decoder)
{
    EtfDecode *d = decoder;
    mem_free(MEM_ETF, d->frames, d->cap * sizeof(Frame));
    MEM_DELETE(ETF, d);
}

void etf_decode_free(EtfDecode *d)
{
    for (size_t i = 0; i < d->depth; i++) {
        Frame *f = &d->frames[i];
        if (f->kind == FRAME_MAP) MEM_DELETE_ARRAY(ETF, f->pairs, 2 * f->size);
    }
    if (d->inflating) inflateEnd(&d->inflater);
    if (d->inflated) mem_free(MEM_ETF, d->inflated, d->inflated_bytes);
    if (d->cap > SPARE_FRAMES || !thread_spare_keep(&spare, d, delete)) delete(d);
}

term_t etf_decode_used(Heap *h, Vm *vm, const uint8_t *buf, size_t n, unsigned flags, size_t *used)
{
    term_t t = TERM_NONE;
    EtfDecode *d = etf_decode_start(vm, buf, n, flags, NULL, 0);
    if (etf_decode_run(d, h, SIZE_MAX, &t, used) != ETF_DONE) t = TERM_NONE;
    etf_decode_free(d);
    return t;
}

term_t etf_decode(Heap *h, Vm *vm, const uint8_t *buf, size_t n, unsigned flags)
{
    size_t used;
    term_t t = etf_decode_used(h, vm, buf, n, flags, &used);
    return t != TERM_NONE && !(flags & ETF_TRAILING) && used != n ? TERM_NONE : t;
}
