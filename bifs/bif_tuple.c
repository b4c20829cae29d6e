/* SPDX-License-Identifier: Apache-2.0 */
/* bif_tuple - natives on tuples. Semantics: erlang(3). Errors: badarg. Layer: bifs. */
#include "bifs/bif.h"
#include "data/binary.h"

#define TUPLE_MAX (((size_t)1 << 24) - 1) /* elements, as OTP 25 */

/* Index in 1..n as the C value, or 0. */
static size_t index_of(term_t t, size_t n)
{
    if (!term_is_small(t) || small_value(t) < 1 || (uint64_t)small_value(t) > n) return 0;
    return (size_t)small_value(t);
}

BIF(erlang, element, 2, GUARD)
{
    size_t i = term_is_tuple(a[1]) ? index_of(a[0], tuple_arity(a[1])) : 0;
    return i ? tuple_element(a[1], i) : bif_error(p, EXC_BADARG);
}

BIF(erlang, tuple_size, 1, GUARD)
{
    if (!term_is_tuple(a[0])) return bif_error(p, EXC_BADARG);
    return term_small((int64_t)tuple_arity(a[0]));
}

BIF(erlang, size, 1, GUARD)
{
    if (term_is_tuple(a[0])) return term_small((int64_t)tuple_arity(a[0]));
    if (term_is_bitstring(a[0])) return term_small((int64_t)(bitstring_bits(a[0]) >> 3));
    return bif_error(p, EXC_BADARG);
}

BIF(erlang, setelement, 3, 0)
{
    size_t n = term_is_tuple(a[1]) ? tuple_arity(a[1]) : 0, i = index_of(a[0], n);
    if (!i) return bif_error(p, EXC_BADARG);
    if (bif_is_long(n)) return bif_go_dirty(p);
    term_t *hp = heap_alloc(&p->heap, 1 + n);
    memcpy(hp, boxed_ptr(a[1]), (1 + n) * sizeof(term_t));
    hp[i] = a[2];
    return term_make_boxed(hp);
}

/* A tuple of n elements, to be written at *elements at once. */
static term_t new_tuple(Heap *h, size_t n, term_t **elements)
{
    term_t *hp = heap_alloc(h, 1 + n);
    hp[0] = HEADER(n, BOXED_TUPLE);
    *elements = hp + 1;
    return term_make_boxed(hp);
}

static term_t filled_tuple(Process *p, term_t size, term_t value)
{
    if (!term_is_small(size) || small_value(size) < 0 || (size_t)small_value(size) > TUPLE_MAX)
        return bif_error(p, EXC_BADARG);
    if (bif_is_long((size_t)small_value(size))) return bif_go_dirty(p);
    term_t *to, t = new_tuple(&p->heap, (size_t)small_value(size), &to);
    for (int64_t i = 0; i < small_value(size); i++) to[i] = value;
    process_bump_reds(p, (int32_t)(small_value(size) / 256));
    return t;
}

BIF(erlang, make_tuple, 2, 0)
{
    return filled_tuple(p, a[0], a[1]);
}

BIF(erlang, make_tuple, 3, 0)
{
    term_t t = filled_tuple(p, a[0], a[1]), rest = a[2];
    if (t == TERM_NONE) return t;
    for (; term_is_list_cell(rest); rest = list_tail(rest)) {
        term_t pair = list_head(rest);
        size_t i = term_is_tuple_of(pair, 2) ? index_of(tuple_element(pair, 1), tuple_arity(t)) : 0;
        if (!i) return bif_error(p, EXC_BADARG);
        tuple_elements(t)[i - 1] = tuple_element(pair, 2);
    }
    return term_is_nil(rest) ? t : bif_error(p, EXC_BADARG);
}

/* Tuple t with value in front of element at (1-based, up to size + 1). */
static term_t insert_element(Process *p, term_t t, size_t at, term_t value)
{
    size_t n = tuple_arity(t);
    if (n >= TUPLE_MAX) return bif_error(p, EXC_BADARG);
    if (bif_is_long(n)) return bif_go_dirty(p);
    term_t *to, result = new_tuple(&p->heap, n + 1, &to);
    const term_t *from = tuple_elements(t);
    memcpy(to, from, (at - 1) * sizeof(term_t));
    to[at - 1] = value;
    memcpy(to + at, from + at - 1, (n - at + 1) * sizeof(term_t));
    return result;
}

BIF(erlang, append_element, 2, 0)
{
    if (!term_is_tuple(a[0])) return bif_error(p, EXC_BADARG);
    return insert_element(p, a[0], tuple_arity(a[0]) + 1, a[1]);
}

BIF(erlang, insert_element, 3, 0)
{
    size_t i = term_is_tuple(a[1]) ? index_of(a[0], tuple_arity(a[1]) + 1) : 0;
    return i ? insert_element(p, a[1], i, a[2]) : bif_error(p, EXC_BADARG);
}

BIF(erlang, delete_element, 2, 0)
{
    size_t n = term_is_tuple(a[1]) ? tuple_arity(a[1]) : 0, i = index_of(a[0], n);
    if (!i) return bif_error(p, EXC_BADARG);
    if (bif_is_long(n)) return bif_go_dirty(p);
    term_t *to, result = new_tuple(&p->heap, n - 1, &to);
    const term_t *from = tuple_elements(a[1]);
    memcpy(to, from, (i - 1) * sizeof(term_t));
    memcpy(to + i - 1, from + i, (n - i) * sizeof(term_t));
    return result;
}

BIF(erlang, tuple_to_list, 1, 0)
{
    if (!term_is_tuple(a[0])) return bif_error(p, EXC_BADARG);
    if (bif_is_long(2 * tuple_arity(a[0]))) return bif_go_dirty(p);
    process_bump_reds(p, (int32_t)(tuple_arity(a[0]) / 128));
    return heap_list(&p->heap, tuple_arity(a[0]), tuple_elements(a[0]), TERM_NIL);
}

BIF(erlang, list_to_tuple, 1, 0)
{
    size_t n = 0;
    term_t t = a[0];
    for (; term_is_list_cell(t) && n <= TUPLE_MAX; t = list_next(t))
        if (bif_is_long(++n)) return bif_go_dirty(p);
    if (!term_is_nil(t) || n > TUPLE_MAX) return bif_error(p, EXC_BADARG);
    term_t *to, result = new_tuple(&p->heap, n, &to);
    for (t = a[0]; term_is_list_cell(t); t = list_next(t)) *to++ = list_head(t);
    process_bump_reds(p, (int32_t)(n / 128));
    return result;
}
