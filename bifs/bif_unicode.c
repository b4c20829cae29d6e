/* SPDX-License-Identifier: Apache-2.0 */
/* bif_unicode - unicode:characters_to_binary/2, characters_to_list/2, bin_is_7bit/1.
 * Character data is walked with an explicit stack of list tails; what was converted is gathered as
 * UTF-8. A sequence may be cut between binaries: its first bytes wait in `pending`.
 * Where the walk stops, the rest is put together again from the stack.
 * Semantics: stdlib's unicode(3). Layer: bifs. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "bifs/bif.h"
#include "data/binary.h"

enum Outcome { CHARS_OK, CHARS_ERROR, CHARS_INCOMPLETE, CHARS_TYPE };

typedef struct Walk {
    Heap *heap;                 /* where the rest is built */
    bool latin1;
    Buf out;
    uint8_t pending[4];
    size_t pending_len;
    term_t *tails;              /* stack: what follows in the enclosing lists */
    size_t depth, cap;
    term_t rest;                /* set with CHARS_ERROR: from the failing element on, this level */
} Walk;

static void push_tail(Walk *w, term_t tail)
{
    if (w->depth == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 32;
        w->tails = mem_realloc(MEM_TEMP, w->tails, w->cap * sizeof *w->tails,
                               cap * sizeof *w->tails);
        w->cap = cap;
    }
    w->tails[w->depth++] = tail;
}

/* ---- elements ---- */

static enum Outcome take_char(Walk *w, int64_t c)
{
    if (w->pending_len) return CHARS_ERROR;
    if (c < 0 || c > 0x10FFFF || !utf8_is_scalar((uint32_t)c)) return CHARS_ERROR;
    if (w->latin1 && c > 255) return CHARS_ERROR;
    buf_put_codepoint(&w->out, (uint32_t)c);
    return CHARS_OK;
}

/* Complete a sequence begun in an earlier binary. *used bytes of this one belong to it. */
static enum Outcome finish_pending(Walk *w, const uint8_t *bytes, size_t n, size_t *used)
{
    *used = 0;
    while (w->pending_len && *used < n) {
        uint8_t seq[5];
        memcpy(seq, w->pending, w->pending_len);
        seq[w->pending_len] = bytes[*used];
        const uint8_t *at = seq;
        uint32_t c;
        enum Utf8Result r = utf8_decode(&at, seq + w->pending_len + 1, &c);
        if (r == UTF8_BAD) return CHARS_ERROR;
        w->pending[w->pending_len++] = bytes[(*used)++];
        if (r != UTF8_OK) continue;
        buf_append(&w->out, w->pending, w->pending_len);
        w->pending_len = 0;
    }
    return CHARS_OK;
}

/* UTF-8 bytes; *good of them were taken. */
static enum Outcome take_utf8(Walk *w, const uint8_t *bytes, size_t n, size_t *good)
{
    size_t used = 0;
    if (w->pending_len) {
        enum Outcome o = finish_pending(w, bytes, n, &used);
        *good = 0;
        if (o != CHARS_OK) return o;
    }
    enum Utf8Result r = utf8_scan(bytes + used, n - used, good, NULL);
    buf_append(&w->out, bytes + used, *good);
    *good += used;
    if (r == UTF8_BAD) return CHARS_ERROR;
    if (r == UTF8_INCOMPLETE) {
        w->pending_len = n - *good;
        memcpy(w->pending, bytes + *good, w->pending_len);
    }
    return CHARS_OK;
}

static void take_latin1(Walk *w, const uint8_t *bytes, size_t n)
{
    uint8_t *to = (uint8_t *)buf_reserve(&w->out, 2 * n);
    buf_commit(&w->out, utf8_from_latin1(bytes, n, to));
}

/* A binary; at an error *left is the part not taken (the whole, when it spoils a pending sequence). */
static enum Outcome take_binary(Walk *w, term_t t, term_t *left)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n, good = 0;
    if (!term_is_binary(t)) return CHARS_TYPE;
    const uint8_t *bytes = binary_bytes(t, &n, &temp);
    enum Outcome o = CHARS_OK;
    if (w->latin1) take_latin1(w, bytes, n);
    else o = take_utf8(w, bytes, n, &good);
    if (o == CHARS_ERROR)
        *left = w->pending_len ? t : heap_sub_bits(w->heap, t, 8 * good, 8 * (n - good));
    temp_bytes_free(&temp);
    return o;
}

/* ---- the walk ---- */

/* Head of the list l; nested lists are entered (the tail goes on the stack). */
static enum Outcome take_head(Walk *w, term_t l)
{
    term_t head = list_head(l), left;
    if (term_is_small(head)) {
        enum Outcome o = take_char(w, small_value(head));
        if (o == CHARS_ERROR) w->rest = l;
        return o;
    }
    if (term_is_big(head)) {
        w->rest = l;
        return CHARS_ERROR;
    }
    enum Outcome o = take_binary(w, head, &left);
    if (o == CHARS_ERROR) w->rest = w->pending_len ? l : heap_cons(w->heap, left, list_tail(l));
    return o;
}

static enum Outcome take_tail_binary(Walk *w, term_t t)
{
    term_t left;
    enum Outcome o = take_binary(w, t, &left);
    if (o == CHARS_ERROR) w->rest = left;
    return o;
}

static enum Outcome walk(Walk *w, term_t t)
{
    for (;;) {
        enum Outcome o = CHARS_OK;
        if (term_is_list_cell(t)) {
            if (term_is_list(list_head(t))) {
                push_tail(w, list_tail(t));
                t = list_head(t);
                continue;
            }
            o = take_head(w, t);
            t = list_tail(t);
        } else if (t == TERM_NIL) {
            if (w->depth == 0) break;
            t = w->tails[--w->depth];
        } else {
            o = take_tail_binary(w, t);
            t = TERM_NIL;
        }
        if (o != CHARS_OK) return o;
    }
    return w->pending_len ? CHARS_INCOMPLETE : CHARS_OK;
}

/* What was not converted, in the shape of the input. */
static term_t rebuild_rest(Walk *w)
{
    term_t rest = w->rest;
    while (w->depth > 0) {
        term_t tail = w->tails[--w->depth];
        if (tail == TERM_NIL && rest == TERM_NIL) continue;
        rest = heap_cons(w->heap, rest, tail);
    }
    if (w->pending_len == 0) return rest;
    term_t bytes = heap_binary(w->heap, w->pending, w->pending_len);
    return heap_cons(w->heap, bytes, heap_cons(w->heap, rest, TERM_NIL));
}

/* ---- results ---- */

static term_t as_list(Heap *h, const Buf *b)
{
    const uint8_t *at = (const uint8_t *)buf_text(b), *end = at + b->len;
    size_t n = utf8_length(at, b->len);
    term_t *hp = n ? heap_alloc(h, 2 * n) : NULL;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = 0;
        if (utf8_decode(&at, end, &c) != UTF8_OK) break;
        term_t tail = i + 1 < n ? term_make_list(hp + 2 * (i + 1)) : TERM_NIL;
        list_put(hp + 2 * i, term_small(c), tail);
    }
    return n ? term_make_list(hp) : TERM_NIL;
}

static term_t result(Process *p, Walk *w, enum Outcome o, bool list)
{
    if (o == CHARS_TYPE) return bif_error(p, EXC_BADARG);
    Heap *h = &p->heap;
    term_t done = list ? as_list(h, &w->out) : heap_binary(h, buf_text(&w->out), w->out.len);
    if (o == CHARS_OK) return done;
    if (o == CHARS_INCOMPLETE)
        return heap_tuple3(h, am_incomplete, done, heap_binary(h, w->pending, w->pending_len));
    return heap_tuple3(h, am_error, done, rebuild_rest(w));
}

/* Valid UTF-8 that need not be copied. */
static bool is_utf8_binary(term_t t)
{
    if (!term_is_binary(t)) return false;
    BitView v = bitstring_view(t);
    return view_is_aligned(&v) && utf8_is_valid(view_bytes(&v), v.bits / 8);
}

static term_t convert(Process *p, term_t *a, bool list)
{
    bool latin1 = a[1] == am_latin1;
    if (!latin1 && a[1] != am_utf8 && a[1] != am_unicode) return bif_error(p, EXC_BADARG);
    if (!term_is_list(a[0]) && !term_is_binary(a[0])) return bif_error(p, EXC_BADARG);
    if (!list && !latin1 && is_utf8_binary(a[0])) return a[0];
    Walk w = {.heap = &p->heap, .latin1 = latin1, .out = BUF_INIT(TEMP)};
    enum Outcome o = walk(&w, a[0]);
    process_bump_reds(p, (int32_t)MIN(w.out.len / 16, (size_t)4000));
    term_t r = result(p, &w, o, list);
    mem_free(MEM_TEMP, w.tails, w.cap * sizeof *w.tails);
    buf_free(&w.out);
    return r;
}

BIF(unicode, characters_to_binary, 2, 0) { return convert(p, a, false); }
BIF(unicode, characters_to_list, 2, 0) { return convert(p, a, true); }

BIF(unicode, bin_is_7bit, 1, 0)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(a[0])) return am_false;
    const uint8_t *bytes = binary_bytes(a[0], &n, &temp);
    bool ascii = utf8_ascii_prefix(bytes, n) == n;
    temp_bytes_free(&temp);
    return term_bool(ascii);
}
