/* SPDX-License-Identifier: Apache-2.0 */
/* bif_atom - atoms to and from text. Semantics: erlang(3).
 * Errors: badarg; system_limit for more than 255 characters, except where only existing atoms are
 * sought, and when the atom table is full (which ends the VM in the reference). Layer: bifs. */
#include "bifs/bif.h"
#include "base/utf8.h"
#include "data/binary.h"
#include "term/atom.h"

/* ---- atom to text ---- */

BIF(erlang, atom_to_list, 1, 0)
{
    if (!term_is_atom(a[0])) return bif_error(p, EXC_BADARG);
    const AtomText *text = atom_text(a[0]);
    const uint8_t *at = (const uint8_t *)text->text, *end = at + text->bytes;
    term_t elements[ATOM_MAX_CHARS];
    size_t n = 0;
    for (uint32_t c; n < ATOM_MAX_CHARS && utf8_decode(&at, end, &c) == UTF8_OK;) elements[n++] = term_small(c);
    return heap_list(&p->heap, n, elements, TERM_NIL);
}

static term_t atom_to_binary(Process *p, term_t atom, term_t encoding)
{
    if (!term_is_atom(atom)) return bif_error(p, EXC_BADARG);
    const AtomText *text = atom_text(atom);
    if (encoding == am_utf8 || encoding == am_unicode)
        return heap_binary(&p->heap, text->text, text->bytes);
    if (encoding != am_latin1 || text->latin1_chars < 0) return bif_error(p, EXC_BADARG);
    uint8_t latin1[ATOM_MAX_CHARS];
    ptrdiff_t n = utf8_to_latin1((const uint8_t *)text->text, text->bytes, latin1);
    return heap_binary(&p->heap, latin1, (size_t)n);
}

BIF(erlang, atom_to_binary, 1, 0) { return atom_to_binary(p, a[0], am_utf8); }
BIF(erlang, atom_to_binary, 2, 0) { return atom_to_binary(p, a[0], a[1]); }

/* ---- text to atom ---- */

static term_t too_long(Process *p, bool existing) { return bif_error(p, existing ? EXC_BADARG : EXC_SYSTEM_LIMIT); }

/* chars is the number of characters of valid UTF-8. */
static term_t make_atom(Process *p, const uint8_t *utf8, size_t bytes, size_t chars, bool existing)
{
    term_t atom = TERM_NONE;
    if (chars <= ATOM_MAX_CHARS)
        atom = existing ? atom_find((const char *)utf8, bytes) : atom_intern((const char *)utf8, bytes);
    if (atom != TERM_NONE) return atom;
    return too_long(p, existing);
}

/* What comes after the longest text is not looked at, as on the reference. */
static term_t atom_from_list(Process *p, term_t list, bool existing)
{
    uint8_t utf8[ATOM_MAX_BYTES];
    size_t bytes = 0, chars = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t c = list_head(list);
        if (chars++ == ATOM_MAX_CHARS) return too_long(p, existing);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 0x10FFFF ||
            !utf8_is_scalar((uint32_t)small_value(c)))
            return bif_error(p, EXC_BADARG);
        bytes += utf8_encode((uint32_t)small_value(c), utf8 + bytes);
    }
    if (!term_is_nil(list)) return bif_error(p, EXC_BADARG);
    return make_atom(p, utf8, bytes, chars, existing);
}

BIF(erlang, list_to_atom, 1, GUARD) { return atom_from_list(p, a[0], false); }
BIF(erlang, list_to_existing_atom, 1, GUARD) { return atom_from_list(p, a[0], true); }

static term_t atom_from_latin1(Process *p, const uint8_t *bytes, size_t n, bool existing)
{
    uint8_t utf8[2 * ATOM_MAX_CHARS];
    if (n > ATOM_MAX_CHARS) return bif_error(p, existing ? EXC_BADARG : EXC_SYSTEM_LIMIT);
    return make_atom(p, utf8, utf8_from_latin1(bytes, n, utf8), n, existing);
}

static term_t atom_from_bytes(Process *p, const uint8_t *bytes, size_t n, term_t encoding, bool existing)
{
    size_t chars;
    if (encoding == am_latin1) return atom_from_latin1(p, bytes, n, existing);
    if (encoding != am_utf8 && encoding != am_unicode) return bif_error(p, EXC_BADARG);
    /* Too long is found out before what is behind the limit can be seen to be bad. */
    if (utf8_scan(bytes, n, NULL, &chars) != UTF8_OK && chars <= ATOM_MAX_CHARS)
        return bif_error(p, EXC_BADARG);
    return make_atom(p, bytes, n, chars, existing);
}

static term_t atom_from_binary(Process *p, term_t binary, term_t encoding, bool existing)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = term_is_bitstring(binary) ? binary_bytes(binary, &n, &temp) : NULL;
    term_t atom = bytes ? atom_from_bytes(p, bytes, n, encoding, existing) : bif_error(p, EXC_BADARG);
    temp_bytes_free(&temp);
    return atom;
}

BIF(erlang, binary_to_atom, 1, GUARD) { return atom_from_binary(p, a[0], am_utf8, false); }
BIF(erlang, binary_to_atom, 2, GUARD) { return atom_from_binary(p, a[0], a[1], false); }
BIF(erlang, binary_to_existing_atom, 1, GUARD) { return atom_from_binary(p, a[0], am_utf8, true); }
BIF(erlang, binary_to_existing_atom, 2, GUARD) { return atom_from_binary(p, a[0], a[1], true); }
