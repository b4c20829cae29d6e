/* SPDX-License-Identifier: Apache-2.0 */
/* etf_encode - terms to the external term format, and its size.
 * Small terms are written by recursion, to a fixed depth. What is deeper, or not done when a slice ends, is on a stack
 * of frames, each a compound term and how far it has been written: terms and indices only, no addresses inside objects,
 * so that a collection between two slices just updates the terms.
 * Large maps go out last slot first, as OTP 25 does. Layer: etf. */
#include "etf/etf_priv.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "data/term_cmp.h"
#include "term/atom.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

enum FrameKind {
    FRAME_TUPLE,   /* elements from `at` on */
    FRAME_LIST,    /* t: what is left after `at` elements; then the length at `start` is filled in */
    FRAME_MAP,     /* flat: key and value of pair at/2 */
    FRAME_NODE,    /* trie node or collision tuple: child count - 1 - at */
    FRAME_PAIR,    /* leaf cell */
    FRAME_SORTED,  /* pairs in `rows`, deterministic order */
    FRAME_FUN,     /* environment; then the size at `start` is filled in */
    FRAME_BITS,    /* bytes from `at` on, the last one perhaps not whole */
};

typedef struct Frame {
    term_t t;
    enum FrameKind kind;
    size_t at, count;
    size_t start, elided; /* of a fun: what is elided before it */
    term_t *rows;
} Frame;

struct EtfEncode {
    Vm *vm;
    Buf *out;             /* NULL: into `binary`, or count only */
    Binary *binary;       /* larger than what is written; owned */
    Binary *kept;         /* one of FIRST_BINARY_BYTES, for the next term, or NULL */
    size_t written;       /* in binary */
    char *at, *end;       /* room left while the encoder runs */
    size_t counted, budget;
    size_t elided;        /* bytes that a hook took care of: the reader gets them, too */
    unsigned flags;
    EtfHooks hooks;
    bool bad, started;
    unsigned nest;        /* calls that write items now, inside each other */
    term_t root;
    Frame *frames;
    size_t depth, cap;
    char uncounted[256];  /* the room when only the size is asked for: overwritten again and again */
};

/* ---- writing ---- */

static bool is_counting(const EtfEncode *e) { return !e->out && !e->binary; }

static char *start_of_output(EtfEncode *e)
{
    if (e->out) return e->out->data;
    return e->binary ? (char *)binary_data(e->binary) : e->uncounted;
}

static void window_open(EtfEncode *e)
{
    char *start = start_of_output(e);
    e->at = e->end = start;
    if (is_counting(e)) {
        e->end += sizeof e->uncounted;
    } else if (e->binary) {
        e->at += e->written;
        e->end += e->binary->size;
    } else if (start) {
        e->at += e->out->len;
        e->end += e->out->cap - 1;
    }
}

static void window_close(EtfEncode *e)
{
    if (!e->at) return; /* the buffer is empty still */
    size_t written = (size_t)(e->at - start_of_output(e));
    if (is_counting(e)) e->counted += written;
    else if (e->out) buf_commit(e->out, written - e->out->len);
    else e->written = written;
}

/* Twice the size, or what is needed if there is no memory for that. False: not even that. */
static bool binary_grow(EtfEncode *e, size_t n)
{
    size_t size = e->binary->size;
    Binary *b = binary_resize_try(e->binary, 2 * size + n);
    if (!b) b = binary_resize_try(e->binary, size + n);
    if (b) e->binary = b;
    return b != NULL;
}

static char *more_room(EtfEncode *e, size_t n)
{
    window_close(e);
    if (e->out) {
        buf_reserve(e->out, n);
    } else if (e->binary && !binary_grow(e, n)) {
        e->bad = true;
        e->budget = 0; /* nothing more is tried */
        return NULL;
    }
    window_open(e);
    if ((size_t)(e->end - e->at) < n) { /* counting, and more than is worth a copy */
        e->counted += n;
        return NULL;
    }
    char *p = e->at;
    e->at += n;
    return p;
}

/* Where the next n bytes go; NULL when only the size is asked for. */
static inline char *room(EtfEncode *e, size_t n)
{
    if (UNLIKELY((size_t)(e->end - e->at) < n)) return more_room(e, n);
    char *p = e->at;
    e->at += n;
    return p;
}

/* The lowest n bytes of v, highest first. */
static inline void store_n(char *p, uint64_t v, unsigned n)
{
    if (n == 4) {
        uint32_t w = htobe32((uint32_t)v);
        memcpy(p, &w, sizeof w);
    } else if (n == 8) {
        v = htobe64(v);
        memcpy(p, &v, sizeof v);
    } else {
        for (unsigned i = 0; i < n; i++) p[i] = (char)(v >> 8 * (n - 1 - i));
    }
}

static inline void put_n(EtfEncode *e, uint64_t v, unsigned n)
{
    char *p = room(e, n);
    if (p) store_n(p, v, n);
}

static void put8(EtfEncode *e, unsigned v) { put_n(e, v, 1); }
static void put16(EtfEncode *e, unsigned v) { put_n(e, v, 2); }
static void put32(EtfEncode *e, uint32_t v) { put_n(e, v, 4); }

static void put_bytes(EtfEncode *e, const void *bytes, size_t n)
{
    char *p = room(e, n);
    if (p) bytes_copy(p, bytes, n);
}

/* A tag and n bytes of v. */
static inline void put_tagged(EtfEncode *e, unsigned tag, uint64_t v, unsigned n)
{
    char *p = room(e, 1 + n);
    if (!p) return;
    *p = (char)tag;
    store_n(p + 1, v, n);
}

static uint32_t length32(EtfEncode *e, uint64_t n)
{
    if (n > UINT32_MAX) e->bad = true;
    return (uint32_t)n;
}

static size_t place(EtfEncode *e) { return (size_t)(e->at - start_of_output(e)); }

/* What put32 wrote as zero where the place was `at`. */
static void fill32(EtfEncode *e, size_t at, uint64_t n)
{
    uint32_t v = length32(e, n);
    if (!is_counting(e) && !e->bad) store_n(start_of_output(e) + at, v, 4); /* bad: there may have been no room */
}

/* ---- leaves ---- */

static void charge(EtfEncode *e, size_t terms) { e->budget -= MIN(e->budget, terms); }

static void put_atom(EtfEncode *e, term_t atom)
{
    const AtomText *a = atom_text(atom);
    if (e->hooks.atom) {
        window_close(e);
        bool done = e->hooks.atom(e->hooks.ctx, e->out, atom);
        window_open(e);
        if (done) return;
    }
    if (!(e->flags & ETF_UTF8_ATOMS) && a->latin1_chars >= 0) {
        uint8_t text[ATOM_MAX_CHARS];
        bool ascii = a->latin1_chars == a->bytes;
        size_t n = ascii ? a->bytes : (size_t)utf8_to_latin1((const uint8_t *)a->text, a->bytes, text);
        put_tagged(e, ETF_ATOM, n, 2);
        put_bytes(e, ascii ? (const uint8_t *)a->text : text, n);
        return;
    }
    if (a->bytes <= UINT8_MAX) put_tagged(e, ETF_SMALL_ATOM_UTF8, a->bytes, 1);
    else put_tagged(e, ETF_ATOM_UTF8, a->bytes, 2);
    put_bytes(e, a->text, a->bytes);
}

static void put_big(EtfEncode *e, const uint64_t *limbs, size_t n, bool negative)
{
    size_t bytes = 8 * n - (size_t)__builtin_clzll(limbs[n - 1]) / 8;
    if (bytes <= UINT8_MAX) put_tagged(e, ETF_SMALL_BIG, bytes, 1);
    else put_tagged(e, ETF_LARGE_BIG, length32(e, bytes), 4);
    put8(e, negative);
    charge(e, bytes / BYTES_A_TERM);
    char *p = room(e, bytes);
    if (!p) return;
    for (size_t i = 0; bytes > 0; i++) {
        uint64_t limb = htole64(limbs[i]);
        size_t part = MIN(bytes, sizeof limb);
        memcpy(p + sizeof limb * i, &limb, part);
        bytes -= part;
    }
}

static void put_small(EtfEncode *e, int64_t i)
{
    if (i >= 0 && i <= UINT8_MAX) {
        put_tagged(e, ETF_SMALL_INT, (uint64_t)i, 1);
    } else if (i >= INT32_MIN && i <= INT32_MAX) {
        put_tagged(e, ETF_INT, (uint32_t)i, 4);
    } else {
        uint64_t limb = i < 0 ? -(uint64_t)i : (uint64_t)i;
        put_big(e, &limb, 1, i < 0);
    }
}

static void put_float(EtfEncode *e, double d)
{
    if (e->flags & ETF_MINOR_0) {
        char text[32] = {0};
        snprintf(text, sizeof text, "%.20e", d);
        put8(e, ETF_FLOAT);
        put_bytes(e, text, 31);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    put_tagged(e, ETF_NEW_FLOAT, bits, 8);
}

static Frame *push(EtfEncode *e, enum FrameKind kind, term_t t, size_t count);

static void copy_bits(EtfEncode *e, const BitView *v, size_t at, size_t bytes)
{
    uint64_t first = 8 * (uint64_t)at, bits = MIN(v->bits - first, 8 * (uint64_t)bytes);
    charge(e, bytes / BYTES_A_TERM);
    char *p = room(e, bytes);
    if (!p) return;
    if (((v->offset | bits) & 7) == 0) {
        bytes_copy(p, view_bytes(v) + at, bytes);
        return;
    }
    p[bytes - 1] = 0;
    bits_copy((uint8_t *)p, 0, v->base, v->offset + first, bits);
}

static void put_bits(EtfEncode *e, term_t t)
{
    BitView v = bitstring_view(t);
    unsigned rest = v.bits & 7;
    size_t bytes = BITS_TO_BYTES(v.bits);
    put_tagged(e, rest ? ETF_BIT_BINARY : ETF_BINARY, length32(e, bytes), 4);
    if (rest) put8(e, rest);
    if (e->bad || bytes == 0) return;
    if (e->hooks.bytes) {
        window_close(e);
        bool done = e->hooks.bytes(e->hooks.ctx, e->out, t);
        window_open(e);
        if (done) {
            e->elided += bytes;
            return;
        }
    }
    if (is_counting(e)) (void)room(e, bytes);
    else if (bytes <= PIECE_BYTES) copy_bits(e, &v, 0, bytes);
    else push(e, FRAME_BITS, t, bytes);
}

static void put_node(EtfEncode *e, term_t ident, uint32_t *creation)
{
    const Node *n = ident_node(ident) ? ident_node(ident) : node_self(e->vm);
    put_atom(e, n->name);
    *creation = n->creation;
}

static void put_pid(EtfEncode *e, term_t pid)
{
    uint32_t creation;
    put8(e, ETF_NEW_PID);
    put_node(e, pid, &creation);
    put32(e, pid_number(pid));
    put32(e, pid_serial(pid));
    put32(e, creation);
}

static void put_port(EtfEncode *e, term_t port)
{
    uint32_t creation;
    uint64_t id = port_number(port);
    bool wide = id >> OLD_PORT_BITS;
    put8(e, wide ? ETF_V4_PORT : ETF_NEW_PORT);
    put_node(e, port, &creation);
    put_n(e, id, wide ? 8 : 4);
    put32(e, creation);
}

static void put_ref(EtfEncode *e, term_t ref)
{
    uint32_t creation, numbers[REF_NUMBERS_MAX];
    unsigned n = ref_wire_numbers(ref, numbers);
    put8(e, ETF_NEWER_REF);
    put16(e, n);
    put_node(e, ref, &creation);
    put32(e, creation);
    for (unsigned i = 0; i < n; i++) put32(e, numbers[i]);
}

static void put_export(EtfEncode *e, const Mfa *m)
{
    put8(e, ETF_EXPORT);
    put_atom(e, m->module);
    put_atom(e, m->function);
    put8(e, ETF_SMALL_INT);
    put8(e, (unsigned)m->arity);
}

/* ---- compounds ---- */

static Frame *push(EtfEncode *e, enum FrameKind kind, term_t t, size_t count)
{
    if (e->depth == e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 16;
        e->frames = mem_realloc(MEM_ETF, e->frames, e->cap * sizeof(Frame), cap * sizeof(Frame));
        e->cap = cap;
    }
    Frame *f = &e->frames[e->depth++];
    *f = (Frame){.t = t, .kind = kind, .count = count};
    return f;
}

static inline void put_term(EtfEncode *e, term_t t);

/* Tuples, lists and flat maps in each other are written by recursion up to this depth; a frame has the deeper ones. */
#define NEST_MAX 8

/* What is left of t, under the frames that its items pushed, of which there are at most NEST_MAX. */
static Frame *push_rest(EtfEncode *e, size_t depth, enum FrameKind kind, term_t t, size_t at)
{
    push(e, kind, t, 0)->at = at;
    Frame rest = e->frames[e->depth - 1];
    memmove(&e->frames[depth + 1], &e->frames[depth], (e->depth - 1 - depth) * sizeof(Frame));
    e->frames[depth] = rest;
    return &e->frames[depth];
}

/* After an item: is there room for another one, in this slice and above the frames that there were? */
static inline bool goes_on(EtfEncode *e, size_t depth)
{
    if (e->depth != depth || e->budget == 0) return false;
    e->budget--;
    return true;
}

static void tuple_items(EtfEncode *e, term_t t, size_t at)
{
    size_t depth = e->depth, n = tuple_arity(t);
    const term_t *elements = tuple_elements(t);
    while (at < n) {
        put_term(e, elements[at++]);
        if (!goes_on(e, depth)) break;
    }
    if (at < n) push_rest(e, depth, FRAME_TUPLE, t, at);
}

/* Small integers of up to 32 bits at the head of t, as many as there is room and budget for; what is left of t. */
static term_t small_items(EtfEncode *e, term_t t)
{
    char *p = e->at, *last = e->end - (1 + sizeof(int32_t));
    size_t n = e->budget;
    for (; n > 0 && p <= last && term_is_list_cell(t) && term_is_small(list_head(t)); t = list_next(t), n--) {
        int64_t i = small_value(list_head(t));
        if ((uint64_t)i <= UINT8_MAX) {
            *p++ = (char)ETF_SMALL_INT;
            *p++ = (char)i;
        } else if (i == (int32_t)i) {
            *p = (char)ETF_INT;
            store_n(p + 1, (uint32_t)i, 4);
            p += 5;
        } else {
            break;
        }
    }
    e->at = p;
    e->budget = n;
    return t;
}

/* n elements have been written already. */
static void list_items(EtfEncode *e, term_t t, size_t start, size_t n)
{
    size_t depth = e->depth;
    for (;;) {
        n += e->budget;
        t = small_items(e, t);
        n -= e->budget;
        if (!term_is_list_cell(t)) break;
        term_t head = list_head(t);
        t = list_next(t);
        put_term(e, head);
        n++;
        if (!goes_on(e, depth)) {
            push_rest(e, depth, FRAME_LIST, t, n)->start = start;
            return;
        }
    }
    fill32(e, start, n);
    put_term(e, t);
}

/* Keys and values in turn. */
static void map_items(EtfEncode *e, term_t t, size_t at)
{
    size_t depth = e->depth, n = 2 * map_size(t);
    const term_t *keys = flat_map_key_ptr(t), *values = flat_map_values(t);
    while (at < n) {
        put_term(e, at % 2 ? values[at / 2] : keys[at / 2]);
        at++;
        if (!goes_on(e, depth)) break;
    }
    if (at < n) push_rest(e, depth, FRAME_MAP, t, at);
}

static inline void put_items(EtfEncode *e, enum FrameKind kind, term_t t, size_t start, size_t at)
{
    if (kind == FRAME_TUPLE) tuple_items(e, t, at);
    else if (kind == FRAME_MAP) map_items(e, t, at);
    else list_items(e, t, start, at);
}

/* What is in t, whose head is written: now, or by a frame of its own. */
static inline void put_inside(EtfEncode *e, enum FrameKind kind, term_t t, size_t start)
{
    if (e->nest == NEST_MAX) {
        push(e, kind, t, 0)->start = start;
        return;
    }
    e->nest++;
    put_items(e, kind, t, start, 0);
    e->nest--;
}

static void put_tuple(EtfEncode *e, term_t t)
{
    size_t n = tuple_arity(t);
    if (n <= UINT8_MAX) put_tagged(e, ETF_SMALL_TUPLE, n, 1);
    else put_tagged(e, ETF_LARGE_TUPLE, n, 4);
    put_inside(e, FRAME_TUPLE, t, 0);
}

NOINLINE static void put_list(EtfEncode *e, term_t t)
{
    size_t n = string_length(t);
    if (n > 0) {
        put_tagged(e, ETF_STRING, n, 2);
        charge(e, n / CELLS_A_TERM);
        char *p = room(e, n);
        if (!p) return;
        for (; term_is_list_cell(t); t = list_next(t)) *p++ = (char)small_value(list_head(t));
        return;
    }
    put8(e, ETF_LIST);
    size_t start = place(e);
    put32(e, 0);
    put_inside(e, FRAME_LIST, t, start);
}

static int compare_rows(const void *a, const void *b)
{
    return term_cmp_exact(*(const term_t *)a, *(const term_t *)b);
}

static void push_sorted(EtfEncode *e, term_t t)
{
    size_t n = map_size(t);
    term_t *rows = MEM_NEW_ARRAY(ETF, term_t, 2 * n);
    MapIter it;
    map_iter_init(&it, t);
    (void)map_iter_batch(&it, rows, n);
    qsort(rows, n, 2 * sizeof(term_t), compare_rows);
    push(e, FRAME_SORTED, t, 2 * n)->rows = rows;
}

static void push_node(EtfEncode *e, term_t node)
{
    unsigned count;
    if (term_is_tuple(node)) count = (unsigned)tuple_arity(node);
    else hamt_children(node, &count);
    push(e, FRAME_NODE, node, count);
}

static void put_map(EtfEncode *e, term_t t)
{
    put_tagged(e, ETF_MAP, length32(e, map_size(t)), 4);
    if (map_is_flat(t)) put_inside(e, FRAME_MAP, t, 0);
    else if (e->flags & ETF_DETERMINISTIC) push_sorted(e, t);
    else push_node(e, t);
}

/* In external_size/1 it counts as a large one: so does the reference. */
static void put_fun_number(EtfEncode *e, uint32_t n)
{
    put_small(e, n);
    if (e->flags & ETF_AS_SIZE && n <= UINT8_MAX) e->counted += 3;
}

static void put_fun(EtfEncode *e, term_t t)
{
    const Fun *f = fun_ptr(t);
    put8(e, ETF_NEW_FUN);
    size_t start = place(e);
    put32(e, 0);
    put8(e, f->entry->arity);
    put_bytes(e, f->entry->uniq, 16);
    put32(e, f->entry->index);
    put32(e, fun_free_count(f));
    put_atom(e, f->entry->module);
    put_fun_number(e, f->entry->old_index);
    put_fun_number(e, f->entry->old_uniq);
    put_pid(e, f->creator);
    Frame *frame = push(e, FRAME_FUN, t, fun_free_count(f));
    frame->start = start;
    frame->elided = e->elided;
}

NOINLINE static void put_boxed(EtfEncode *e, term_t t)
{
    term_t header = boxed_header(t);
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE: put_tuple(e, t); break;
    case BOXED_POS_BIG: put_big(e, boxed_ptr(t) + 1, HEADER_ARITY(header), false); break;
    case BOXED_NEG_BIG: put_big(e, boxed_ptr(t) + 1, HEADER_ARITY(header), true); break;
    case BOXED_FLOAT: put_float(e, float_value(t)); break;
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: put_bits(e, t); break;
    case BOXED_MAP: put_map(e, t); break;
    case BOXED_REF: case BOXED_EXT_REF: put_ref(e, t); break;
    case BOXED_EXT_PID: put_pid(e, t); break;
    case BOXED_EXT_PORT: put_port(e, t); break;
    case BOXED_FUN: put_fun(e, t); break;
    case BOXED_EXPORT: put_export(e, &export_of(t)->mfa); break;
    default: e->bad = true;
    }
}

NOINLINE static void put_identifier(EtfEncode *e, term_t t)
{
    if (term_is_local_pid(t)) put_pid(e, t);
    else if (term_is_local_port(t)) put_port(e, t);
    else e->bad = true;
}

static inline void put_term(EtfEncode *e, term_t t)
{
    if (term_is_small(t)) put_small(e, small_value(t));
    else if (term_is_boxed(t)) put_boxed(e, t);
    else if (term_is_list_cell(t)) put_list(e, t);
    else if (term_is_atom(t)) put_atom(e, t);
    else if (term_is_nil(t)) put8(e, ETF_NIL);
    else put_identifier(e, t);
}

/* ---- the loop ---- */

static void finish_fun(EtfEncode *e, const Frame *f)
{
    if (is_counting(e)) return; /* there are no places then */
    fill32(e, f->start, place(e) - f->start + e->elided - f->elided);
}

static void pop(EtfEncode *e)
{
    Frame *f = &e->frames[--e->depth];
    if (f->kind == FRAME_FUN) finish_fun(e, f);
    if (f->rows) MEM_DELETE_ARRAY(ETF, f->rows, f->count);
}

static bool is_written_at_once(term_t t)
{
    return term_is_immed(t) || (term_is_boxed(t) && boxed_tag_is_leaf(HEADER_SUBTAG(boxed_header(t))));
}

/* The frame's next children, the last one first: pairs as long as they write themselves, or one node. */
static void node_children(EtfEncode *e, Frame *f)
{
    unsigned count;
    const term_t *children = term_is_tuple(f->t) ? tuple_elements(f->t) : hamt_children(f->t, &count);
    while (f->at < f->count) {
        term_t child = children[f->count - 1 - f->at++];
        if (!term_is_list_cell(child)) {
            push_node(e, child);
            return;
        }
        if (e->budget < 2 || !is_written_at_once(list_head(child)) || !is_written_at_once(list_tail(child))) {
            push(e, FRAME_PAIR, child, 2);
            return;
        }
        put_term(e, list_head(child));
        put_term(e, list_tail(child));
        ASSERT(f == &e->frames[e->depth - 1]);
        e->budget -= MIN(e->budget, (size_t)2);
    }
}

static void piece_of_bits(EtfEncode *e, Frame *f)
{
    BitView v = bitstring_view(f->t);
    size_t n = MIN(f->count - f->at, PIECE_BYTES);
    copy_bits(e, &v, f->at, n);
    f->at += n;
}

/* The next term of the other kinds of frames is written, or a frame is pushed or popped. */
static void other_step(EtfEncode *e, Frame *f)
{
    if (f->at == f->count) {
        pop(e);
        return;
    }
    switch (f->kind) {
    case FRAME_PAIR: put_term(e, f->at++ == 0 ? list_head(f->t) : list_tail(f->t)); break;
    case FRAME_SORTED: put_term(e, f->rows[f->at++]); break;
    case FRAME_FUN: put_term(e, fun_ptr(f->t)->env[f->at++]); break;
    case FRAME_BITS: piece_of_bits(e, f); break;
    default: node_children(e, f); break;
    }
}

/* The top frame's items: they push it again when there is more. */
static void step(EtfEncode *e)
{
    Frame *f = &e->frames[e->depth - 1];
    switch (f->kind) {
    case FRAME_TUPLE: case FRAME_MAP: case FRAME_LIST:
        e->depth--;
        put_items(e, f->kind, f->t, f->start, f->at);
        break;
    default: other_step(e, f);
    }
}

/* Most terms are small: this thread uses an encoder again, with the room that it has. */
#define SPARE_FRAMES 64
static THREAD_LOCAL ThreadSpare spare;

static EtfEncode *encoder_new(void)
{
    EtfEncode *e = thread_spare_take(&spare);
    if (!e) return MEM_NEW(ETF, EtfEncode);
    e->out = NULL;
    e->written = e->counted = e->elided = 0;
    e->hooks = (EtfHooks){0};
    e->bad = e->started = false;
    return e;
}

EtfEncode *etf_encode_start(Vm *vm, term_t t, unsigned flags, const EtfHooks *hooks)
{
    EtfEncode *e = encoder_new();
    e->vm = vm;
    e->root = t;
    e->flags = flags;
    if (hooks) e->hooks = *hooks;
    return e;
}

/* False: the budget is used up. */
static bool encode_steps(EtfEncode *e)
{
    if (!e->started) {
        e->started = true;
        if (!(e->flags & ETF_PLAIN)) put8(e, ETF_VERSION);
        put_term(e, e->root);
    }
    while (e->depth > 0 && !e->bad) {
        if (e->budget == 0) return false;
        e->budget--;
        step(e);
    }
    return true;
}

static enum EtfResult run(EtfEncode *e, Buf *out, size_t budget)
{
    e->out = out;
    e->budget = budget;
    window_open(e);
    bool end = encode_steps(e);
    window_close(e);
    if (!end) return ETF_MORE;
    return e->bad ? ETF_BAD : ETF_DONE;
}

enum EtfResult etf_encode_run(EtfEncode *e, Buf *out, size_t budget)
{
    return run(e, out, budget);
}

enum EtfResult etf_encode_count(EtfEncode *e, size_t budget, size_t *bytes)
{
    enum EtfResult r = run(e, NULL, budget);
    *bytes = e->counted;
    return r;
}

#define FIRST_BINARY_BYTES 240

static bool first_binary(EtfEncode *e)
{
    size_t bytes = term_is_bitstring(e->root) && !e->hooks.bytes ? 1 + bits_bytes(e->root) : 0; /* and the version */
    if (bytes > FIRST_BINARY_BYTES) {
        e->binary = binary_new_try(bytes);
        return e->binary != NULL;
    }
    e->binary = e->kept ? e->kept : binary_new(FIRST_BINARY_BYTES);
    e->kept = NULL;
    return true;
}

enum EtfResult etf_encode_binary(EtfEncode *e, size_t budget)
{
    if (!e->binary && !first_binary(e)) return ETF_BAD;
    return run(e, NULL, budget);
}

size_t etf_encode_written(const EtfEncode *e) { return e->written; }

term_t etf_encode_take(EtfEncode *e, Heap *h)
{
    size_t n = e->written;
    if (n <= FIRST_BINARY_BYTES) return heap_binary(h, binary_data(e->binary), n);
    Binary *b = e->binary->size == n ? e->binary : binary_resize(e->binary, n);
    e->binary = NULL;
    return heap_binary_of(h, b, 0, n);
}

void etf_encode_each_root(EtfEncode *e, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &e->root, 1);
    for (size_t i = 0; i < e->depth; i++) {
        visit(ctx, &e->frames[i].t, 1);
        if (e->frames[i].rows) visit(ctx, e->frames[i].rows, e->frames[i].count);
    }
}

static void delete(void *encoder)
{
    EtfEncode *e = encoder;
    if (e->kept) binary_unref(e->kept);
    mem_free(MEM_ETF, e->frames, e->cap * sizeof(Frame));
    MEM_DELETE(ETF, e);
}

void etf_encode_free(EtfEncode *e)
{
    while (e->depth > 0) {
        e->frames[e->depth - 1].kind = FRAME_TUPLE;
        pop(e);
    }
    if (e->binary && e->binary->size == FIRST_BINARY_BYTES && !e->kept) {
        e->kept = e->binary;
        e->binary = NULL;
    }
    if (e->binary) binary_unref(e->binary);
    e->binary = NULL;
    if (e->cap > SPARE_FRAMES || !thread_spare_keep(&spare, e, delete)) delete(e);
}

bool etf_encode(Vm *vm, Buf *out, term_t t, unsigned flags)
{
    EtfEncode *e = etf_encode_start(vm, t, flags, NULL);
    bool ok = etf_encode_run(e, out, SIZE_MAX) == ETF_DONE;
    etf_encode_free(e);
    return ok;
}
