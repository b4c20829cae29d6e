/* SPDX-License-Identifier: Apache-2.0 */
/* bif_fun - funs: making external ones, and information. Semantics: erlang(3) fun_info/2, make_fun/3.
 * Layer: bifs. */
#include "bifs/bif.h"
#include "base/utf8.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/term_print.h"
#include "sys/census.h"

BIF(erlang, make_fun, 3, 0)
{
    if (!term_is_atom(a[0]) || !term_is_atom(a[1]) || !term_is_small(a[2]) || small_value(a[2]) < 0 ||
        small_value(a[2]) > 255)
        return bif_error(p, EXC_BADARG);
    Export *e = export_get(p->vm, a[0], a[1], (word_t)small_value(a[2]));
    return export_fun_put(heap_alloc(&p->heap, EXPORT_FUN_WORDS), e);
}

static term_t export_info(const Mfa *m, term_t item)
{
    switch (item) {
    case am_module: return m->module;
    case am_name: return m->function;
    case am_arity: return term_small((int64_t)m->arity);
    case am_type: return am_external;
    case am_env: return TERM_NIL;
    case am_index: case am_uniq: case am_new_index: case am_new_uniq: case am_pid: case am_refc:
        return am_undefined;
    default: return TERM_NONE;
    }
}

static term_t fun_name(Vm *vm, const FunEntry *e)
{
    const Mfa *m = fun_entry_mfa(vm, e);
    return m ? m->function : TERM_NIL;
}

static term_t local_info(Process *p, term_t fun, term_t item)
{
    const Fun *f = fun_ptr(fun);
    const FunEntry *e = f->entry;
    switch (item) {
    case am_module: return e->module;
    case am_name: return fun_name(p->vm, e);
    case am_arity: return term_small(fun_arity(f));
    case am_type: return am_local;
    case am_env: return heap_list(&p->heap, fun_free_count(f), f->env, TERM_NIL);
    case am_index: return term_small(e->old_index);
    case am_uniq: return term_small(e->old_uniq);
    case am_new_index: return term_small(e->index);
    case am_new_uniq: return heap_binary(&p->heap, e->uniq, sizeof e->uniq);
    case am_pid: return f->creator;
    case am_refc: return term_small((int64_t)census_fun_refs(p, e));
    default: return TERM_NONE;
    }
}

BIF(erlang, fun_info, 2, 0)
{
    if (!term_is_any_fun(a[0])) return bif_error(p, EXC_BADARG);
    term_t value = term_is_export(a[0]) ? export_info(&export_of(a[0])->mfa, a[1])
                                        : local_info(p, a[0], a[1]);
    return value == TERM_NONE ? bif_error(p, EXC_BADARG) : heap_tuple2(&p->heap, a[1], value);
}

BIF(erlang, fun_info_mfa, 1, 0)
{
    if (term_is_export(a[0])) {
        const Mfa *m = &export_of(a[0])->mfa;
        return heap_tuple3(&p->heap, m->module, m->function, term_small((int64_t)m->arity));
    }
    if (!term_is_fun(a[0])) return bif_error(p, EXC_BADARG);
    const Fun *f = fun_ptr(a[0]);
    return heap_tuple3(&p->heap, f->entry->module, fun_name(p->vm, f->entry), term_small(fun_arity(f)));
}

BIF(erlang, fun_to_list, 1, 0)
{
    if (!term_is_any_fun(a[0])) return bif_error(p, EXC_BADARG);
    Buf b = BUF_INIT(TEMP);
    fun_print(&b, a[0]);
    const uint8_t *at = (const uint8_t *)b.data, *end = at + b.len;
    term_t list = TERM_NIL, *last = &list;
    uint32_t c;
    while (utf8_decode(&at, end, &c) == UTF8_OK) {
        term_t *hp = heap_alloc(&p->heap, 2);
        *last = list_put(hp, term_small(c), TERM_NIL);
        last = hp + 1;
    }
    buf_free(&b);
    return list;
}
