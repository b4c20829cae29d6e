/* SPDX-License-Identifier: Apache-2.0 */
/* file_name - file names between Erlang and the system: native text (native_text.h) with a terminating
 * zero outside, character lists inside. A binary name is passed on byte by byte ("raw file name").
 * Semantics: stdlib's "Using Unicode in Erlang", file names. Layer: io. */
#include "base/buf.h"
#include "base/oserr.h"
#include "io/file.h"
#include "io/hfs_name.h"
#include "io/native_text.h"

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

BIF(prim_file, internal_name2native, 1, 0)
{
    Buf b;
    buf_init(&b, MEM_TEMP);
    bool ok = native_text_put(&b, p->vm, a[0]);
    buf_append(&b, "", 1);
    term_t r = ok ? heap_binary(&p->heap, b.data, b.len) : bif_error(p, EXC_BADARG);
    buf_free(&b);
    return r;
}

/* The characters of a binary; `invalid` when it is not text; TERM_NONE (badarg) when no binary. */
static term_t decode_name(Process *p, term_t name, term_t invalid)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(name)) return bif_error(p, EXC_BADARG);
    const uint8_t *text = binary_bytes(name, &n, &temp);
    term_t r = native_text_list(&p->heap, p->vm, text, n);
    temp_bytes_free(&temp);
    return r != TERM_NONE ? r : invalid;
}

BIF(prim_file, internal_native2name, 1, 0)
{
    return decode_name(p, a[0], heap_tuple2(&p->heap, am_error, native_text_undecodable(p->vm)));
}

BIF(prim_file, internal_normalize_utf8, 1, 0)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(a[0])) return bif_error(p, EXC_BADARG);
    const uint8_t *text = binary_bytes(a[0], &n, &temp);
    term_t r = hfs_name_compose(&p->heap, text, n);
    temp_bytes_free(&temp);
    return r != TERM_NONE ? r : bif_error(p, EXC_BADARG);
}

BIF(prim_file, is_translatable, 1, 0)
{
    term_t r = decode_name(p, a[0], am_false);
    return r == TERM_NONE || r == am_false ? r : am_true;
}

BIF(file, native_name_encoding, 0, 0) { return native_text_is_utf8(p->vm) ? am_utf8 : am_latin1; }
