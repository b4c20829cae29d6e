/* SPDX-License-Identifier: Apache-2.0 */
/* nif_term - enif_* functions that look at terms and make them. Each is documented in erts'
 * erl_nif(3); a result of 0 says that an argument was not of the kind asked for. Layer: nif. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "data/arith.h"
#include "data/binary.h"
#include "data/iolist.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "etf/etf.h"
#include "nif/nif.h"
#include "term/big.h"

#define API EXPORTED

/* ---- kinds ---- */
API int enif_is_atom(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_atom(t); }
API int enif_is_binary(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_binary(t); }
API int enif_is_ref(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_ref(t); }
API int enif_is_fun(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_any_fun(t); }
API int enif_is_pid(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_pid(t); }
API int enif_is_port(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_port(t); }
API int enif_is_tuple(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_tuple(t); }
API int enif_is_list(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_list(t); }
API int enif_is_map(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_map(t); }
API int enif_is_number(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return term_is_number(t); }
API int enif_is_empty_list(ErlNifEnv *e UNUSED, ERL_NIF_TERM t) { return t == TERM_NIL; }
API int enif_is_exception(ErlNifEnv *e, ERL_NIF_TERM t) { return e->exception && t == TERM_NONE; }
API int enif_is_identical(ERL_NIF_TERM a, ERL_NIF_TERM b) { return term_eq(a, b); }
API int enif_compare(ERL_NIF_TERM a, ERL_NIF_TERM b) { return term_cmp(a, b); }

API ErlNifTermType enif_term_type(ErlNifEnv *e UNUSED, ERL_NIF_TERM t)
{
    if (term_is_atom(t)) return ERL_NIF_TERM_TYPE_ATOM;
    if (term_is_bitstring(t)) return ERL_NIF_TERM_TYPE_BITSTRING;
    if (term_is_float(t)) return ERL_NIF_TERM_TYPE_FLOAT;
    if (term_is_any_fun(t)) return ERL_NIF_TERM_TYPE_FUN;
    if (term_is_integer(t)) return ERL_NIF_TERM_TYPE_INTEGER;
    if (term_is_list(t)) return ERL_NIF_TERM_TYPE_LIST;
    if (term_is_map(t)) return ERL_NIF_TERM_TYPE_MAP;
    if (term_is_pid(t)) return ERL_NIF_TERM_TYPE_PID;
    if (term_is_port(t)) return ERL_NIF_TERM_TYPE_PORT;
    return term_is_tuple(t) ? ERL_NIF_TERM_TYPE_TUPLE : ERL_NIF_TERM_TYPE_REFERENCE;
}

API ErlNifUInt64 enif_hash(ErlNifHash type, ERL_NIF_TERM t, ErlNifUInt64 salt)
{
    if (type == ERL_NIF_PHASH2) return term_phash2(t) & 0x7FFFFFF;
    uint64_t h = (term_hash(t) ^ (uint32_t)salt) * 0x9E3779B97F4A7C15u;
    return (h ^ h >> 29) & UINT32_MAX;
}

/* Without the data of binaries outside. */
API size_t enif_term_size(ERL_NIF_TERM t) { return term_size_words(t) * sizeof(term_t); }

API unsigned enif_max_atom_cache_index(void) { return ATOM_CACHE_SLOTS - 1; }

API int enif_get_atom_cache_index(ErlNifEnv *e UNUSED, ERL_NIF_TERM atom, unsigned *index)
{
    if (!term_is_atom(atom)) return 0;
    *index = etf_atom_cache_slot(atom);
    return 1;
}

/* ---- numbers ---- */

API int enif_get_long(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, long *ip)
{
    int64_t i;
    if (!term_to_int64(t, &i)) return 0;
    *ip = i;
    return 1;
}

API int enif_get_ulong(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, unsigned long *ip)
{
    uint64_t i;
    if (!term_to_uint64(t, &i)) return 0;
    *ip = i;
    return 1;
}

API int enif_get_int(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, int *ip)
{
    int64_t i;
    if (!term_to_int64(t, &i) || i < INT_MIN || i > INT_MAX) return 0;
    *ip = (int)i;
    return 1;
}

API int enif_get_uint(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, unsigned *ip)
{
    uint64_t i;
    if (!term_to_uint64(t, &i) || i > UINT_MAX) return 0;
    *ip = (unsigned)i;
    return 1;
}

API int enif_get_double(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, double *dp)
{
    if (!term_is_float(t)) return 0;
    *dp = float_value(t);
    return 1;
}

API ERL_NIF_TERM enif_make_int(ErlNifEnv *e, int i) { return heap_int(e->heap, i); }
API ERL_NIF_TERM enif_make_uint(ErlNifEnv *e, unsigned i) { return heap_uint(e->heap, i); }
API ERL_NIF_TERM enif_make_long(ErlNifEnv *e, long i) { return heap_int(e->heap, i); }
API ERL_NIF_TERM enif_make_ulong(ErlNifEnv *e, unsigned long i) { return heap_uint(e->heap, i); }

API ERL_NIF_TERM enif_make_double(ErlNifEnv *e, double d)
{
    return __builtin_isfinite(d) ? heap_float(e->heap, d) : enif_make_badarg(e);
}

/* ---- atoms and text ---- */

API ERL_NIF_TERM enif_make_atom_len(ErlNifEnv *e, const char *name, size_t len)
{
    term_t t = atom_intern_latin1((const unsigned char *)name, len);
    return t != TERM_NONE ? t : enif_make_badarg(e);
}

API ERL_NIF_TERM enif_make_atom(ErlNifEnv *e, const char *name)
{
    return enif_make_atom_len(e, name, strlen(name));
}

API int enif_make_existing_atom_len(ErlNifEnv *e UNUSED, const char *name, size_t len,
                                    ERL_NIF_TERM *atom, ErlNifCharEncoding encoding)
{
    uint8_t utf8[2 * ATOM_MAX_BYTES];
    if (len > ATOM_MAX_BYTES) return 0;
    if (encoding == ERL_NIF_LATIN1) {
        len = utf8_from_latin1((const uint8_t *)name, len, utf8);
        name = (const char *)utf8;
    }
    *atom = atom_find(name, len);
    return *atom != TERM_NONE;
}

/* 0 when the name is too long or not of the encoding. */
API int enif_make_new_atom_len(ErlNifEnv *e UNUSED, const char *name, size_t len, ERL_NIF_TERM *atom,
                               ErlNifCharEncoding encoding)
{
    term_t t = encoding == ERL_NIF_LATIN1 ? atom_intern_latin1((const unsigned char *)name, len)
               : encoding == ERL_NIF_UTF8 ? atom_intern(name, len) : TERM_NONE;
    if (t != TERM_NONE) *atom = t;
    return t != TERM_NONE;
}

API int enif_make_new_atom(ErlNifEnv *e, const char *name, ERL_NIF_TERM *atom, ErlNifCharEncoding encoding)
{
    return enif_make_new_atom_len(e, name, strlen(name), atom, encoding);
}

API int enif_make_existing_atom(ErlNifEnv *e, const char *name, ERL_NIF_TERM *atom,
                                ErlNifCharEncoding encoding)
{
    return enif_make_existing_atom_len(e, name, strlen(name), atom, encoding);
}

API int enif_get_atom_length(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, unsigned *len,
                             ErlNifCharEncoding encoding)
{
    if (!term_is_atom(t)) return 0;
    const AtomText *a = atom_text(t);
    if (encoding == ERL_NIF_LATIN1 && a->latin1_chars < 0) return 0;
    *len = encoding == ERL_NIF_LATIN1 ? (unsigned)a->latin1_chars : a->bytes;
    return 1;
}

API int enif_get_atom(ErlNifEnv *e, ERL_NIF_TERM t, char *buf, unsigned size,
                      ErlNifCharEncoding encoding)
{
    unsigned len;
    if (!enif_get_atom_length(e, t, &len, encoding) || len >= size) return 0;
    const AtomText *a = atom_text(t);
    if (encoding == ERL_NIF_LATIN1) utf8_to_latin1((const uint8_t *)a->text, a->bytes, (uint8_t *)buf);
    else memcpy(buf, a->text, a->bytes);
    buf[len] = 0;
    return (int)len + 1;
}

/* Characters written with the zero; negative when cut to the buffer; 0 when no string. */
API int enif_get_string(ErlNifEnv *e UNUSED, ERL_NIF_TERM list, char *buf, unsigned size,
                        ErlNifCharEncoding encoding)
{
    unsigned n = 0;
    if (size < 1) return 0;
    *buf = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t c = list_head(list);
        uint8_t bytes[4];
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 0x10FFFF) return 0;
        if (encoding == ERL_NIF_LATIN1 && small_value(c) > 255) return 0;
        size_t k = 1;
        if (encoding == ERL_NIF_LATIN1) bytes[0] = (uint8_t)small_value(c);
        else k = utf8_encode((uint32_t)small_value(c), bytes);
        if (n + k >= size) {
            buf[n] = 0;
            return -(int)size;
        }
        memcpy(buf + n, bytes, k);
        n += (unsigned)k;
    }
    buf[n] = 0;
    return list == TERM_NIL ? (int)n + 1 : 0;
}

/* Bytes that enif_get_string needs, without the zero. */
API int enif_get_string_length(ErlNifEnv *e UNUSED, ERL_NIF_TERM list, unsigned *len, ErlNifCharEncoding encoding)
{
    unsigned n = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t c = list_head(list);
        uint8_t bytes[4];
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 0x10FFFF) return 0;
        if (encoding == ERL_NIF_LATIN1 && small_value(c) > 255) return 0;
        n += encoding == ERL_NIF_LATIN1 ? 1 : (unsigned)utf8_encode((uint32_t)small_value(c), bytes);
    }
    if (list != TERM_NIL) return 0;
    *len = n;
    return 1;
}

API ERL_NIF_TERM enif_make_string_len(ErlNifEnv *e, const char *s, size_t len, ErlNifCharEncoding encoding)
{
    if (encoding == ERL_NIF_LATIN1) return heap_string(e->heap, s, len, TERM_NIL);
    term_t first = TERM_NIL, *tail = &first;
    const uint8_t *at = (const uint8_t *)s, *end = at + len;
    uint32_t c;
    while (at < end && utf8_decode(&at, end, &c) == UTF8_OK) {
        term_t *cell = heap_alloc(e->heap, 2);
        *tail = list_put(cell, term_small(c), TERM_NIL);
        tail = &cell[1];
    }
    return at == end ? first : enif_make_badarg(e);
}

API ERL_NIF_TERM enif_make_string(ErlNifEnv *e, const char *s, ErlNifCharEncoding encoding)
{
    return enif_make_string_len(e, s, strlen(s), encoding);
}

/* ---- binaries ---- */

/* Libraries of the first interfaces have a shorter struct: what follows these members may not be written. */
static void fill_binary(ErlNifBinary *bin, size_t size, void *data, Binary *storage)
{
    bin->size = size;
    bin->data = data;
    bin->ref_bin = storage;
}

API int enif_inspect_binary(ErlNifEnv *e, ERL_NIF_TERM t, ErlNifBinary *bin)
{
    if (!term_is_binary(t)) return 0;
    BitView v = bitstring_view(t);
    fill_binary(bin, v.bits / 8, NULL, NULL);
    if (view_is_aligned(&v)) {
        bin->data = (unsigned char *)view_bytes(&v);
    } else {
        bin->data = nif_env_temp(e, bin->size + 1);
        bits_copy(bin->data, 0, v.base, v.offset, v.bits);
    }
    return 1;
}

API int enif_inspect_iolist_as_binary(ErlNifEnv *e, ERL_NIF_TERM t, ErlNifBinary *bin)
{
    uint64_t n;
    if (term_is_bitstring(t)) return enif_inspect_binary(e, t, bin);
    if (iolist_size(t, &n) != IOLIST_OK) return 0;
    fill_binary(bin, n, nif_env_temp(e, n + 1), NULL);
    return iolist_to_buffer(t, bin->data, n, NULL) == IOLIST_OK;
}

API int enif_alloc_binary(size_t size, ErlNifBinary *bin)
{
    Binary *b = binary_new_try(size);
    if (!b) return 0;
    fill_binary(bin, size, binary_data(b), b);
    return 1;
}

API int enif_realloc_binary(ErlNifBinary *bin, size_t size)
{
    if (bin->ref_bin) {
        bin->ref_bin = binary_resize(bin->ref_bin, size);
        bin->data = binary_data(bin->ref_bin);
    } else {
        ErlNifBinary fresh;
        if (!enif_alloc_binary(size, &fresh)) return 0;
        memcpy(fresh.data, bin->data, MIN(size, bin->size));
        fill_binary(bin, size, fresh.data, fresh.ref_bin);
    }
    bin->size = size;
    return 1;
}

API void enif_release_binary(ErlNifBinary *bin)
{
    if (bin->ref_bin) binary_unref(bin->ref_bin);
    bin->ref_bin = NULL;
}

/* The storage passes to the term; `bin` stays readable while the term lives. */
API ERL_NIF_TERM enif_make_binary(ErlNifEnv *e, ErlNifBinary *bin)
{
    if (!bin->ref_bin) return heap_binary(e->heap, bin->data, bin->size);
    Binary *b = bin->ref_bin;
    bin->ref_bin = NULL;
    return heap_binary_of(e->heap, b, 0, bin->size);
}

API unsigned char *enif_make_new_binary(ErlNifEnv *e, size_t size, ERL_NIF_TERM *t)
{
    uint8_t *data = NULL;
    term_t bin = heap_binary_new_try(e->heap, size, &data);
    if (bin == TERM_NONE) return NULL;
    *t = bin;
    return data;
}

API ERL_NIF_TERM enif_make_sub_binary(ErlNifEnv *e, ERL_NIF_TERM bin, size_t pos, size_t size)
{
    return heap_sub_bits(e->heap, bin, 8 * (uint64_t)pos, 8 * (uint64_t)size);
}

API int enif_term_to_binary(ErlNifEnv *e, ERL_NIF_TERM t, ErlNifBinary *bin)
{
    Buf out = BUF_INIT(TEMP);
    bool ok = etf_encode(e->vm, &out, t, 0) && enif_alloc_binary(out.len, bin);
    if (ok) memcpy(bin->data, out.data, out.len);
    buf_free(&out);
    return ok;
}

API size_t enif_binary_to_term(ErlNifEnv *e, const unsigned char *data, size_t n, ERL_NIF_TERM *t,
                               unsigned opts)
{
    size_t used = 0;
    if (opts & ~(unsigned)ERL_NIF_BIN2TERM_SAFE) return 0;
    unsigned flags = opts & ERL_NIF_BIN2TERM_SAFE ? ETF_SAFE : 0;
    EpochSection section = nif_enter(e->vm);
    term_t r = etf_decode_used(e->heap, e->vm, data, n, flags, &used);
    nif_leave(e->vm, section);
    if (r == TERM_NONE) return 0;
    *t = r;
    return used;
}

/* ---- lists and tuples ---- */

API int enif_get_list_cell(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, ERL_NIF_TERM *head, ERL_NIF_TERM *tail)
{
    if (!term_is_list_cell(t)) return 0;
    *head = list_head(t);
    *tail = list_tail(t);
    return 1;
}

API int enif_get_list_length(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, unsigned *len)
{
    unsigned n = 0;
    for (; term_is_list_cell(t); t = list_tail(t)) n++;
    if (t != TERM_NIL) return 0;
    *len = n;
    return 1;
}

API int enif_get_tuple(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, int *arity, const ERL_NIF_TERM **array)
{
    if (!term_is_tuple(t)) return 0;
    *arity = (int)tuple_arity(t);
    *array = tuple_elements(t);
    return 1;
}

API ERL_NIF_TERM enif_make_tuple_from_array(ErlNifEnv *e, const ERL_NIF_TERM arr[], unsigned n)
{
    return heap_tuple(e->heap, n, arr);
}

API ERL_NIF_TERM enif_make_tuple(ErlNifEnv *e, unsigned n, ...)
{
    va_list ap;
    term_t *hp = heap_alloc(e->heap, n + 1);
    hp[0] = HEADER(n, BOXED_TUPLE);
    va_start(ap, n);
    for (unsigned i = 1; i <= n; i++) hp[i] = va_arg(ap, ERL_NIF_TERM);
    va_end(ap);
    return term_make_boxed(hp);
}

API ERL_NIF_TERM enif_make_list_from_array(ErlNifEnv *e, const ERL_NIF_TERM arr[], unsigned n)
{
    return heap_list(e->heap, n, arr, TERM_NIL);
}

API ERL_NIF_TERM enif_make_list(ErlNifEnv *e, unsigned n, ...)
{
    va_list ap;
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(e->heap, 2 * (size_t)n);
    va_start(ap, n);
    for (unsigned i = 0; i < n; i++) {
        term_t tail = i + 1 < n ? term_make_list(hp + 2 * (i + 1)) : TERM_NIL;
        list_put(hp + 2 * i, va_arg(ap, ERL_NIF_TERM), tail);
    }
    va_end(ap);
    return term_make_list(hp);
}

API ERL_NIF_TERM enif_make_list_cell(ErlNifEnv *e, ERL_NIF_TERM head, ERL_NIF_TERM tail)
{
    return heap_cons(e->heap, head, tail);
}

API int enif_make_reverse_list(ErlNifEnv *e, ERL_NIF_TERM t, ERL_NIF_TERM *list)
{
    term_t r = TERM_NIL;
    for (; term_is_list_cell(t); t = list_tail(t)) r = heap_cons(e->heap, list_head(t), r);
    if (t != TERM_NIL) return 0;
    *list = r;
    return 1;
}

/* ---- maps ---- */

API ERL_NIF_TERM enif_make_new_map(ErlNifEnv *e) { return map_empty(e->heap); }

API int enif_make_map_put(ErlNifEnv *e, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM value,
                          ERL_NIF_TERM *out)
{
    if (!term_is_map(in)) return 0;
    *out = map_put(e->heap, in, key, value);
    return 1;
}

API int enif_make_map_update(ErlNifEnv *e, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM value,
                             ERL_NIF_TERM *out)
{
    if (!term_is_map(in)) return 0;
    term_t r = map_update(e->heap, in, key, value);
    if (r != TERM_NONE) *out = r;
    return r != TERM_NONE;
}

API int enif_make_map_remove(ErlNifEnv *e, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM *out)
{
    if (!term_is_map(in)) return 0;
    *out = map_remove(e->heap, in, key, NULL);
    return 1;
}

API int enif_make_map_from_arrays(ErlNifEnv *e, ERL_NIF_TERM keys[], ERL_NIF_TERM values[], size_t n,
                                  ERL_NIF_TERM *out)
{
    bool duplicates;
    term_t *pairs = mem_alloc(MEM_TEMP, 2 * n * sizeof *pairs);
    for (size_t i = 0; i < n; i++) pairs[2 * i] = keys[i], pairs[2 * i + 1] = values[i];
    *out = map_from_pairs(e->heap, pairs, n, &duplicates);
    mem_free(MEM_TEMP, pairs, 2 * n * sizeof *pairs);
    return !duplicates;
}

API int enif_get_map_size(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, size_t *size)
{
    if (!term_is_map(t)) return 0;
    *size = map_size(t);
    return 1;
}

API int enif_get_map_value(ErlNifEnv *e UNUSED, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM *value)
{
    term_t v = term_is_map(map) ? map_get(map, key) : TERM_NONE;
    if (v == TERM_NONE) return 0;
    *value = v;
    return 1;
}

/* ---- references, copies, exceptions ---- */

API ERL_NIF_TERM enif_make_ref(ErlNifEnv *e) { return heap_new_ref(e->heap, e->vm); }
API ERL_NIF_TERM enif_make_copy(ErlNifEnv *dst, ERL_NIF_TERM src) { return term_copy_all(dst->heap, src); }

API ERL_NIF_TERM enif_make_unique_integer(ErlNifEnv *e, ErlNifUniqueInteger kind)
{
    uint64_t n = unique_number(e->vm, kind & ERL_NIF_UNIQUE_MONOTONIC);
    if (kind & ERL_NIF_UNIQUE_POSITIVE) return heap_uint(e->heap, n + 1);
    return heap_int(e->heap, SMALL_MIN + (int64_t)n);
}

API ERL_NIF_TERM enif_make_badarg(ErlNifEnv *e)
{
    e->exception = true;
    e->reason = TERM_NONE;
    return TERM_NONE;
}

API ERL_NIF_TERM enif_raise_exception(ErlNifEnv *e, ERL_NIF_TERM reason)
{
    e->exception = true;
    e->reason = reason;
    return TERM_NONE;
}

API int enif_has_pending_exception(ErlNifEnv *e, ERL_NIF_TERM *reason)
{
    if (e->exception && reason) *reason = e->reason != TERM_NONE ? e->reason : am_badarg;
    return e->exception;
}
