/* SPDX-License-Identifier: Apache-2.0 */
/* bif_compare - comparison and boolean operators as functions, and type tests.
 * Semantics: Erlang reference manual, "Expressions"; erlang(3). Layer: bifs. */
#include "bifs/bif.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/term_cmp.h"

BIF_NAMED(erlang, "=:=", op_eq_exact, 2, GUARD) { return term_bool(term_eq(a[0], a[1])); }
BIF_NAMED(erlang, "=/=", op_ne_exact, 2, GUARD) { return term_bool(!term_eq(a[0], a[1])); }
BIF_NAMED(erlang, "==", op_eq, 2, GUARD) { return term_bool(term_eq_loose(a[0], a[1])); }
BIF_NAMED(erlang, "/=", op_ne, 2, GUARD) { return term_bool(!term_eq_loose(a[0], a[1])); }
BIF_NAMED(erlang, "<", op_lt, 2, GUARD) { return term_bool(term_cmp(a[0], a[1]) < 0); }
BIF_NAMED(erlang, ">", op_gt, 2, GUARD) { return term_bool(term_cmp(a[0], a[1]) > 0); }
BIF_NAMED(erlang, "=<", op_le, 2, GUARD) { return term_bool(term_cmp(a[0], a[1]) <= 0); }
BIF_NAMED(erlang, ">=", op_ge, 2, GUARD) { return term_bool(term_cmp(a[0], a[1]) >= 0); }

BIF(erlang, max, 2, GUARD) { return term_cmp(a[0], a[1]) < 0 ? a[1] : a[0]; }
BIF(erlang, min, 2, GUARD) { return term_cmp(a[0], a[1]) > 0 ? a[1] : a[0]; }

BIF(erts_internal, cmp_term, 2, 0)
{
    int c = term_cmp_exact(a[0], a[1]);
    return term_small(c < 0 ? -1 : c > 0);
}

/* ---- booleans ---- */

BIF_NAMED(erlang, "and", op_and, 2, GUARD)
{
    if (!term_is_bool(a[0]) || !term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    return term_bool(a[0] == am_true && a[1] == am_true);
}

BIF_NAMED(erlang, "or", op_or, 2, GUARD)
{
    if (!term_is_bool(a[0]) || !term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    return term_bool(a[0] == am_true || a[1] == am_true);
}

BIF_NAMED(erlang, "xor", op_xor, 2, GUARD)
{
    if (!term_is_bool(a[0]) || !term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    return term_bool(a[0] != a[1]);
}

BIF_NAMED(erlang, "not", op_not, 1, GUARD)
{
    return term_is_bool(a[0]) ? term_bool(a[0] == am_false) : bif_error(p, EXC_BADARG);
}

/* ---- type tests ---- */

BIF(erlang, is_atom, 1, GUARD) { return term_bool(term_is_atom(a[0])); }
BIF(erlang, is_binary, 1, GUARD) { return term_bool(term_is_binary(a[0])); }
BIF(erlang, is_bitstring, 1, GUARD) { return term_bool(term_is_bitstring(a[0])); }
BIF(erlang, is_boolean, 1, GUARD) { return term_bool(term_is_bool(a[0])); }
BIF(erlang, is_float, 1, GUARD) { return term_bool(term_is_float(a[0])); }
BIF(erlang, is_function, 1, GUARD) { return term_bool(term_is_any_fun(a[0])); }
BIF(erlang, is_integer, 1, GUARD) { return term_bool(term_is_integer(a[0])); }
BIF(erlang, is_list, 1, GUARD) { return term_bool(term_is_list(a[0])); }
BIF(erlang, is_map, 1, GUARD) { return term_bool(term_is_map(a[0])); }
BIF(erlang, is_number, 1, GUARD) { return term_bool(term_is_number(a[0])); }
BIF(erlang, is_pid, 1, GUARD) { return term_bool(term_is_pid(a[0])); }
BIF(erlang, is_port, 1, GUARD) { return term_bool(term_is_port(a[0])); }
BIF(erlang, is_reference, 1, GUARD) { return term_bool(term_is_ref(a[0])); }
BIF(erlang, is_tuple, 1, GUARD) { return term_bool(term_is_tuple(a[0])); }

/* True for integers whatever their size; 29: is_integer(X, Low, High). */
BIF(erlang, is_integer, 3, GUARD)
{
    if (!term_is_integer(a[1]) || !term_is_integer(a[2])) return bif_error(p, EXC_BADARG);
    return term_bool(term_is_integer(a[0]) && number_cmp(a[0], a[1]) >= 0 && number_cmp(a[0], a[2]) <= 0);
}

static bool tagged(term_t t, term_t tag)
{
    return term_is_tuple(t) && tuple_arity(t) > 0 && tuple_element(t, 1) == tag;
}

/* 29: a native record of any kind. There are none yet. */
BIF(erlang, is_record, 1, GUARD) { return am_false; }

BIF(erlang, is_record, 2, GUARD)
{
    if (!term_is_atom(a[1])) return bif_error(p, EXC_BADARG);
    return term_bool(tagged(a[0], a[1]));
}

BIF(erlang, is_record, 3, GUARD)
{
    if (!term_is_atom(a[1]) || !term_is_integer(a[2])) return bif_error(p, EXC_BADARG);
    return term_bool(tagged(a[0], a[1]) && term_small((int64_t)tuple_arity(a[0])) == a[2]);
}

BIF(erlang, is_function, 2, GUARD)
{
    if (!term_is_integer(a[1]) || (term_is_small(a[1]) && small_value(a[1]) < 0) ||
        (term_is_big(a[1]) && HEADER_SUBTAG(boxed_header(a[1])) == BOXED_NEG_BIG))
        return bif_error(p, EXC_BADARG);
    if (!term_is_small(a[1]) || !term_is_any_fun(a[0])) return am_false;
    int64_t arity = term_is_fun(a[0]) ? (int64_t)fun_arity(fun_ptr(a[0]))
                                      : (int64_t)export_of(a[0])->mfa.arity;
    return term_bool(arity == small_value(a[1]));
}

/* In the words of the reference, which tells views from what they look into. */
static term_t bits_type(term_t t)
{
    uint64_t bits = bitstring_bits(t);
    Binary *b = bitstring_storage(t);
    if (bits & 7) return am_sub_binary;
    if (!b) return am_heap_binary;
    return ((SubBits *)boxed_ptr(t))->start == 0 && bits >> 3 == b->size ? am_refc_binary : am_sub_binary;
}

static term_t boxed_type(term_t t)
{
    switch (HEADER_SUBTAG(boxed_header(t))) {
    case BOXED_TUPLE: return am_tuple;
    case BOXED_POS_BIG: case BOXED_NEG_BIG: return am_bignum;
    case BOXED_FLOAT: return am_hfloat;
    case BOXED_MAP:
        switch (MAP_HEADER_KIND(boxed_header(t))) {
        case MAP_FLAT: return am_flatmap;
        case MAP_HEAD: return am_hashmap;
        default: return am_hashmap_node; /* erts_internal:map_hashmap_children/1 */
        }
    case BOXED_REF: case BOXED_EXT_REF: return am_reference;
    case BOXED_FUN: return am_fun;
    case BOXED_EXPORT: return am_export;
    case BOXED_EXT_PID: return am_pid;
    case BOXED_EXT_PORT: return am_port;
    default: return bits_type(t);
    }
}

BIF(erts_internal, term_type, 1, 0)
{
    term_t t = a[0];
    if (term_is_boxed(t)) return boxed_type(t);
    if (term_is_list_cell(t)) return am_list;
    if (term_is_small(t)) return am_fixnum;
    if (term_is_nil(t)) return am_nil;
    if (term_is_local_pid(t)) return am_pid;
    return term_is_local_port(t) ? am_port : am_atom;
}
