/* SPDX-License-Identifier: Apache-2.0 */
/* bif_unicode - natives of the unicode module: character data to UTF-8 binaries and to lists.
 * Character data is a binary or a deep list of code points and binaries, its last tail may be a
 * binary. A character may be cut between two binaries. What could not be converted is given back
 * with its structure: [Bad | Rest] inside the lists that were open.
 * Semantics: unicode(3) characters_to_binary/2, characters_to_list/2. Layer: bifs. */
#include "bifs/bif.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "data/binary.h"

/* About as much work as a word. */
#define BYTES_OF_A_WORD 4

/* Elements that are looked at, or written, between two checks of limits. */
#define RUN 64

/* ---- walking ---- */

typedef struct Walk {
    term_t *tails;      /* of the lists that are open */
    size_t depth, cap;
    bool latin1;
    size_t work;        /* list elements and bytes / 8 looked at, when no more than a slice's */
    Buf out;            /* UTF-8 */
    uint8_t part[UTF8_MAX]; /* beginning of a character cut off by the end of a binary */
    unsigned part_bytes, part_needs;
} Walk;

static void walk_free(Walk *w)
{
    mem_free(MEM_TEMP, w->tails, w->cap * sizeof(term_t));
    buf_free(&w->out);
}

static void push_tail(Walk *w, term_t tail)
{
    if (w->depth == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 32;
        w->tails = mem_realloc(MEM_TEMP, w->tails, w->cap * sizeof(term_t), cap * sizeof(term_t));
        w->cap = cap;
    }
    w->tails[w->depth++] = tail;
}

static bool is_bytes(term_t t)
{
    return term_is_bitstring(t) && term_is_binary(t);
}

static bool is_counted_bytes(Walk *w, term_t t)
{
    if (!is_bytes(t)) return false;
    w->work += bitstring_bits(t) / BYTES_OF_A_WORD / 8;
    return true;
}

/* Behind the integers that list t begins with; at most RUN. */
static term_t skip_smalls(Walk *w, term_t t)
{
    unsigned n = 0;
    for (; n < RUN && term_is_list_cell(t) && term_is_small(list_head(t)); n++) t = list_tail(t);
    w->work += n;
    return t;
}

/* Only lists, integers and binaries, and lists end in nil or a binary. As in the reference, nothing behind a
 * large integer is looked at; nor what takes longer than a slice, which w->work then says. */
static bool is_character_data(Walk *w, term_t t)
{
    w->depth = w->work = 0;
    if (!term_is_list(t)) return is_counted_bytes(w, t);
    for (;;) {
        t = skip_smalls(w, t);
        if (term_is_list_cell(t)) {
            term_t head = list_head(t);
            if (bif_is_long(++w->work)) return true;
            if (term_is_list(head)) {
                push_tail(w, list_tail(t));
                t = head;
                continue;
            }
            if (term_is_big(head)) return true;
            if (!term_is_small(head) && !is_counted_bytes(w, head)) return false;
            t = list_tail(t);
        } else if (!term_is_nil(t) && !is_counted_bytes(w, t)) {
            return false;
        } else if (w->depth == 0) {
            return true;
        } else {
            t = w->tails[--w->depth];
        }
    }
}

/* ---- bytes ---- */

/* Length that a first byte announces, 0: none that may be one. */
static unsigned announced(uint8_t c)
{
    return c < 0x80 ? 1 : (c & 0xE0) == 0xC0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : (c & 0xF8) == 0xF0 ? 4 : 0;
}

/* Complete w->part from the start of bytes. False: it is no character. */
static bool complete_part(Walk *w, const uint8_t *bytes, size_t n, size_t *taken)
{
    size_t take = MIN((size_t)(w->part_needs - w->part_bytes), n);
    uint8_t whole[UTF8_MAX];
    memcpy(whole, w->part, w->part_bytes);
    memcpy(whole + w->part_bytes, bytes, take);
    *taken = take;
    if (w->part_bytes + take == w->part_needs) {
        if (!utf8_is_valid(whole, w->part_needs)) return false;
        buf_append(&w->out, whole, w->part_needs);
        w->part_bytes = 0;
        return true;
    }
    memcpy(w->part, whole, w->part_bytes + take);
    w->part_bytes += (unsigned)take;
    return true;
}

/* Convert; returns how many bytes were good (a cut character at the end counts, it is in w->part), or n.
 * *whole: the binary is to be given back whole, though its beginning was looked at. */
static size_t convert_utf8(Walk *w, const uint8_t *bytes, size_t n, bool *whole)
{
    size_t at = 0, good;
    *whole = false;
    if (w->part_bytes > 0) {
        if (!complete_part(w, bytes, n, &at)) {
            *whole = true;
            return 0;
        }
        if (w->part_bytes > 0) return n;
    }
    enum Utf8Result r = utf8_scan(bytes + at, n - at, &good, NULL);
    buf_append(&w->out, bytes + at, good);
    at += good;
    if (r == UTF8_OK) return n;
    unsigned needs = announced(bytes[at]);
    if (needs == 0 || n - at >= needs) return at;
    w->part_needs = needs;
    w->part_bytes = (unsigned)(n - at);
    memcpy(w->part, bytes + at, n - at);
    return n;
}

static size_t convert_bytes(Walk *w, term_t t, bool *whole)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = binary_bytes(t, &n, &temp);
    size_t good = n;
    *whole = false;
    if (w->latin1) {
        char *to = buf_reserve(&w->out, utf8_size_of_latin1(bytes, n));
        buf_commit(&w->out, utf8_from_latin1(bytes, n, (uint8_t *)to));
    } else {
        good = convert_utf8(w, bytes, n, whole);
    }
    temp_bytes_free(&temp);
    return good;
}

/* What is left of binary t when only the first `good` bytes could be converted; TERM_NONE: nothing. */
static term_t convert_binary(Walk *w, Heap *h, term_t t)
{
    bool whole;
    uint64_t bytes = bitstring_bits(t) >> 3;
    size_t good = convert_bytes(w, t, &whole);
    if (whole) return t;
    if (good == bytes) return TERM_NONE;
    return good == 0 ? t : heap_sub_bits(h, t, 8 * good, 8 * (bytes - good));
}

static bool convert_char(Walk *w, term_t c)
{
    if (w->part_bytes > 0 || !term_is_small(c)) return false;
    int64_t v = small_value(c);
    if (v < 0 || v > (w->latin1 ? 255 : 0x10FFFF) || !utf8_is_scalar((uint32_t)v)) return false;
    buf_put_codepoint(&w->out, (uint32_t)v);
    return true;
}

/* The characters that list t begins with, as many as are good; returns what follows. */
static term_t convert_chars(Walk *w, term_t t)
{
    if (w->part_bytes > 0) return t;
    uint64_t limit = w->latin1 ? 0x100 : 0x110000;
    for (unsigned n = RUN; n == RUN;) {
        uint8_t *from = (uint8_t *)buf_reserve(&w->out, (size_t)RUN * UTF8_MAX), *to = from;
        for (n = 0; n < RUN && term_is_list_cell(t) && term_is_small(list_head(t)); n++, t = list_tail(t)) {
            uint64_t c = (uint64_t)small_value(list_head(t));
            if (c < 0x80) *to++ = (uint8_t)c;
            else if (c < limit && utf8_is_scalar((uint32_t)c)) to += utf8_encode((uint32_t)c, to);
            else break;
        }
        buf_commit(&w->out, (size_t)(to - from));
    }
    return t;
}

/* Put the rest back into the lists that were open. */
static term_t wrap(Walk *w, Heap *h, term_t rest)
{
    while (w->depth > 0) rest = heap_cons(h, rest, w->tails[--w->depth]);
    return rest;
}

/* TERM_NONE: all converted. Else what was not. */
static term_t convert(Walk *w, Heap *h, term_t t)
{
    term_t rest;
    w->depth = 0;
    for (;;) {
        t = convert_chars(w, t);
        if (term_is_list_cell(t)) {
            term_t head = list_head(t);
            if (term_is_list(head)) {
                push_tail(w, list_tail(t));
                t = head;
                continue;
            }
            rest = is_bytes(head) ? convert_binary(w, h, head) : convert_char(w, head) ? TERM_NONE : head;
            if (rest != TERM_NONE) return wrap(w, h, rest == head ? t : heap_cons(h, rest, list_tail(t)));
            t = list_tail(t);
        } else if (!term_is_nil(t)) {
            if ((rest = convert_binary(w, h, t)) != TERM_NONE) return wrap(w, h, rest);
            t = TERM_NIL;
        } else if (w->depth == 0) {
            return TERM_NONE;
        } else {
            t = w->tails[--w->depth];
        }
    }
}

/* ---- results ---- */

static term_t list_of_utf8(Heap *h, const uint8_t *bytes, size_t size)
{
    size_t n = utf8_length(bytes, size);
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(h, 2 * n), list = term_make_list(hp);
    for (size_t length; n > 0; n--, hp += 2, bytes += length)
        list_put(hp, term_small(utf8_valid_char(bytes, &length)), term_make_list(hp + 2));
    hp[-1] = TERM_NIL;
    return list;
}

static term_t out_list(Heap *h, const Buf *out)
{
    return list_of_utf8(h, (const uint8_t *)buf_text(out), out->len);
}

static term_t out_binary(Heap *h, const Buf *out)
{
    return heap_binary(h, buf_text(out), out->len);
}

/* UTF-8 already: there is nothing to convert. */
static bool is_done(term_t t)
{
    if (!is_bytes(t)) return false;
    BitView v = bitstring_view(t);
    return view_is_aligned(&v) && utf8_is_valid(view_bytes(&v), v.bits >> 3);
}

/* Only bytes that may follow the first one: more of them could make a character. */
static bool part_is_good(const Walk *w)
{
    for (unsigned i = 1; i < w->part_bytes; i++)
        if ((w->part[i] & 0xC0) != 0x80) return false;
    return true;
}

/* [Binary] is taken for Binary where a binary is made: what is left of it stands in no list. */
static term_t sole_binary(term_t t)
{
    bool sole = term_is_list_cell(t) && term_is_nil(list_tail(t)) && is_bytes(list_head(t));
    return sole ? list_head(t) : t;
}

static term_t done_list(Process *p, term_t t)
{
    BitView v = bitstring_view(t);
    process_bump_reds(p, (int32_t)MIN(v.bits / 1024, (uint64_t)100000));
    return list_of_utf8(&p->heap, view_bytes(&v), v.bits >> 3);
}

static term_t characters(Process *p, const term_t *a, term_t (*make)(Heap *h, const Buf *out), term_t other)
{
    Heap *h = &p->heap;
    term_t data = make == out_binary ? sole_binary(a[0]) : a[0];
    Walk w = {.out = BUF_INIT(TEMP), .latin1 = a[1] == am_latin1};
    if (!w.latin1 && a[1] != am_utf8 && a[1] != am_unicode) return bif_trap_mfa(p, am_unicode, other, 2, a);
    if (!is_character_data(&w, a[0])) {
        walk_free(&w);
        return bif_error(p, EXC_BADARG);
    }
    if (bif_is_long(w.work)) {
        walk_free(&w);
        return bif_go_dirty(p);
    }
    if (!w.latin1 && is_done(data)) {
        walk_free(&w);
        return make == out_binary ? data : done_list(p, data);
    }
    term_t rest = convert(&w, h, data), result = make(h, &w.out);
    process_bump_reds(p, (int32_t)MIN(w.out.len / 128, (size_t)100000));
    term_t part = w.part_bytes > 0 ? heap_binary(h, w.part, w.part_bytes) : TERM_NONE;
    if (rest != TERM_NONE && part != TERM_NONE) rest = heap_cons(h, part, heap_cons(h, rest, TERM_NIL));
    else if (part != TERM_NONE && !part_is_good(&w)) rest = part;
    if (rest != TERM_NONE) result = heap_tuple3(h, am_error, result, rest);
    else if (part != TERM_NONE) result = heap_tuple3(h, am_incomplete, result, part);
    walk_free(&w);
    return result;
}

/* Encodings other than Latin-1 and UTF-8 are left to unicode.erl. */
BIF(unicode, characters_to_binary, 2, 0)
{
    return characters(p, a, out_binary, am_characters_to_binary_int);
}

BIF(unicode, characters_to_list, 2, 0)
{
    return characters(p, a, out_list, am_characters_to_list_int);
}

BIF(unicode, bin_is_7bit, 1, 0)
{
    if (!is_bytes(a[0])) return am_false;
    if (bif_is_long(bitstring_bits(a[0]) / 256)) return bif_go_dirty(p);
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = binary_bytes(a[0], &n, &temp);
    bool ascii = utf8_ascii_prefix(bytes, n) == n;
    temp_bytes_free(&temp);
    process_bump_reds(p, (int32_t)MIN(n / 1024, (size_t)100000));
    return term_bool(ascii);
}
