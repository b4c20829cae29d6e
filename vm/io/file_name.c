/* SPDX-License-Identifier: Apache-2.0 */
/* file_name - file names between Erlang and the system: UTF-8 with a terminating zero outside,
 * character lists inside. A binary name is passed on byte by byte ("raw file name").
 * Semantics: stdlib's "Using Unicode in Erlang", file names. Layer: io. */
#include "base/buf.h"
#include "base/oserr.h"
#include "base/utf8.h"
#include "io/file.h"

#include <errno.h>

term_t file_error(Process *p, int error)
{
    return heap_tuple2(&p->heap, am_error, atom_from_cstr(oserr_name(error)));
}

term_t file_result(Process *p, int result)
{
    return result == 0 ? am_ok : file_error(p, errno);
}

const char *file_path(term_t name, TempBytes *temp)
{
    size_t n;
    if (!term_is_binary(name)) return NULL;
    const char *text = (const char *)binary_bytes(name, &n, temp);
    bool ok = n > 0 && text[n - 1] == 0 && memchr(text, 0, n - 1) == NULL;
    return ok ? text : NULL;
}

/* Append a character list as UTF-8. False: not a list of characters, or a zero in it. */
static bool encode_list(Buf *b, term_t l)
{
    for (; term_is_list_cell(l); l = list_tail(l)) {
        term_t c = list_head(l);
        if (!term_is_small(c) || small_value(c) <= 0 || small_value(c) > 0x10FFFF) return false;
        if (!utf8_is_scalar((uint32_t)small_value(c))) return false;
        buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    return l == TERM_NIL;
}

static bool encode_binary(Buf *b, term_t t)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(t)) return false;
    const uint8_t *text = binary_bytes(t, &n, &temp);
    bool ok = memchr(text, 0, n) == NULL;
    if (ok) buf_append(b, text, n);
    temp_bytes_free(&temp);
    return ok;
}

BIF(prim_file, internal_name2native, 1, 0)
{
    Buf b;
    buf_init(&b, MEM_TEMP);
    bool ok = term_is_bitstring(a[0]) ? encode_binary(&b, a[0]) : encode_list(&b, a[0]);
    buf_append(&b, "", 1);
    term_t r = ok ? heap_binary(&p->heap, b.data, b.len) : bif_error(p, EXC_BADARG);
    buf_free(&b);
    return r;
}

/* Character list of valid UTF-8. */
static term_t decode_list(Heap *h, const uint8_t *at, const uint8_t *end)
{
    term_t first = TERM_NIL, *tail = &first;
    uint32_t c;
    while (at < end && utf8_decode(&at, end, &c) == UTF8_OK) {
        term_t *cell = heap_alloc(h, 2);
        *tail = list_put(cell, term_small(c), TERM_NIL);
        tail = &cell[1];
    }
    return first;
}

/* The characters of a binary; `invalid` when it is not UTF-8; TERM_NONE (badarg) when no binary. */
static term_t decode_name(Process *p, term_t name, term_t invalid)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(name)) return bif_error(p, EXC_BADARG);
    const uint8_t *text = binary_bytes(name, &n, &temp);
    term_t r = utf8_is_valid(text, n) ? decode_list(&p->heap, text, text + n) : invalid;
    temp_bytes_free(&temp);
    return r;
}

BIF(prim_file, internal_native2name, 1, 0)
{
    return decode_name(p, a[0], heap_tuple2(&p->heap, am_error, am_warning));
}

/* Only some systems decompose characters in file names; here they stay as they are. */
BIF(prim_file, internal_normalize_utf8, 1, 0)
{
    term_t r = decode_name(p, a[0], am_error);
    return r == am_error ? bif_error(p, EXC_BADARG) : r;
}

BIF(prim_file, is_translatable, 1, 0)
{
    term_t r = decode_name(p, a[0], am_false);
    return r == TERM_NONE || r == am_false ? r : am_true;
}

BIF(file, native_name_encoding, 0, 0) { return am_utf8; }
