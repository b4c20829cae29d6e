/* SPDX-License-Identifier: Apache-2.0 */
/* bif_error - raising exceptions: error, exit, throw, raise, nif_error.
 * Semantics: erlang(3) error/1,2,3, exit/1, throw/1, raise/3. Layer: bifs. */
#include "bifs/bif.h"

static term_t raise_value(Process *p, uint32_t reason, term_t value)
{
    return bif_error_value(p, reason, value);
}

BIF(erlang, error, 1, 0) { return raise_value(p, EXC_ERROR, a[0]); }
BIF(erlang, exit, 1, 0) { return raise_value(p, EXC_EXIT, a[0]); }
BIF(erlang, throw, 1, 0) { return raise_value(p, EXC_THROW, a[0]); }
BIF(erlang, nif_error, 1, 0) { return raise_value(p, EXC_ERROR, a[0]); }

/* args: a list of arguments to show for the caller; anything else: its arity is shown. */
static term_t error_args(Process *p, term_t reason, term_t args)
{
    if (!term_is_list(args)) return raise_value(p, EXC_ERROR, reason);
    return raise_value(p, EXC_ERROR_ARGS, heap_tuple2(&p->heap, reason, args));
}

BIF(erlang, error, 2, 0) { return error_args(p, a[0], a[1]); }
BIF(erlang, nif_error, 2, 0) { return raise_value(p, EXC_ERROR, a[0]); }

/* [{error_info, Map}]; options of any other form are ignored, all of them. */
static term_t error_info_option(term_t list)
{
    term_t info = TERM_NONE;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t opt = list_head(list);
        if (!term_is_tuple_of(opt, 2) || tuple_element(opt, 1) != am_error_info
            || !term_is_map(tuple_element(opt, 2)))
            return TERM_NONE;
        info = tuple_element(opt, 2);
    }
    return term_is_nil(list) ? info : TERM_NONE;
}

BIF(erlang, error, 3, 0)
{
    (void)error_args(p, a[0], a[1]);
    term_t info = error_info_option(a[2]);
    if (info != TERM_NONE) {
        p->freason |= EXC_INFO;
        p->fcause = info;
    }
    return TERM_NONE;
}

/* {M,F,A}, {M,F,A,Location} or {Fun,Args} ({Fun,Args,Location}); A an arity or a list. */
static bool is_trace_entry(term_t e)
{
    if (!term_is_tuple(e)) return false;
    word_t n = tuple_arity(e);
    term_t first = n ? tuple_element(e, 1) : TERM_NIL;
    if (n == 2 && term_is_any_fun(first)) return term_is_list(tuple_element(e, 2));
    if (n == 3 && term_is_any_fun(first))
        return term_is_list(tuple_element(e, 2)) && term_is_list(tuple_element(e, 3));
    if ((n != 3 && n != 4) || !term_is_atom(first) || !term_is_atom(tuple_element(e, 2))) return false;
    if (n == 4 && !term_is_list(tuple_element(e, 4))) return false;
    term_t args = tuple_element(e, 3);
    return term_is_list(args) || term_is_small(args);
}

static bool is_trace(term_t t)
{
    for (; term_is_list_cell(t); t = list_tail(t))
        if (!is_trace_entry(list_head(t))) return false;
    return term_is_nil(t);
}

/* Entries without a location get an empty one, as a trace that is read has four elements each. */
static term_t complete_trace(Heap *h, term_t t)
{
    term_t first = TERM_NIL, *tail = &first;
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t e = list_head(t);
        if (tuple_arity(e) == 3 && term_is_atom(tuple_element(e, 1)))
            e = heap_tuple4(h, tuple_element(e, 1), tuple_element(e, 2), tuple_element(e, 3), TERM_NIL);
        else if (tuple_arity(e) == 2)
            e = heap_tuple3(h, tuple_element(e, 1), tuple_element(e, 2), TERM_NIL);
        term_t *hp = heap_alloc(h, 2);
        *tail = list_put(hp, e, TERM_NIL);
        tail = hp + 1;
    }
    return first;
}

/* Returns the atom badarg instead of failing: the arguments cannot be told from a raised badarg. */
BIF(erlang, raise, 3, 0)
{
    uint32_t class;
    if (a[0] == am_error)
        class = EXC_CLASS_ERROR;
    else if (a[0] == am_exit)
        class = EXC_CLASS_EXIT;
    else if (a[0] == am_throw)
        class = EXC_CLASS_THROW;
    else
        return am_badarg;
    if (!is_trace(a[2])) return am_badarg;
    p->ftrace = complete_trace(&p->heap, a[2]);
    return raise_value(p, class, a[1]);
}
