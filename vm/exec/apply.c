/* SPDX-License-Identifier: Apache-2.0 */
/* apply - calls whose target is computed. */
#include "exec/exec_priv.h"

#define MAX_ARITY 255

static const code_t *fail(Process *p, uint32_t code, term_t value)
{
    exec_error(p, code);
    p->fvalue = value;
    return NULL;
}

/* badarg in the name of erlang:apply/N. */
static const code_t *apply_failed(Process *p, unsigned arity, term_t a, term_t b, term_t c)
{
    Exec *x = exec_of(sched_self);
    x->failed_mfa = (Mfa){am_erlang, am_apply, arity};
    x->failed_args[0] = a;
    x->failed_args[1] = b;
    x->failed_args[2] = c;
    return fail(p, EXC_BADARG, TERM_NIL);
}

/* erlang:error/1,2,3, exit/1 and throw/1: the trace begins with their caller, so a tail call of one keeps
 * a return address into the function at pc, unless that is erlang:apply itself.
 * No question of e->native, which is taken away while the function is traced. */
static bool raises(const Export *e)
{
    const Mfa *m = &e->mfa;
    if (LIKELY(m->module != am_erlang)) return false;
    if (m->function == am_error) return m->arity >= 1 && m->arity <= 3;
    return m->arity == 1 && (m->function == am_exit || m->function == am_throw);
}

static const code_t *target(Process *p, const Export *e, const code_t *pc)
{
    bool shown = false;
    if (UNLIKELY(raises(e))) {
        const Mfa *caller = code_find_mfa(p->vm, pc);
        shown = caller && !(caller->module == am_erlang && caller->function == am_apply);
    }
    exec_of(sched_self)->keep_caller = shown;
    return export_addr(e);
}

/* Carried out in place; erlang:apply/2 is a function that traces show. */
static bool is_apply3(term_t m, term_t f, word_t arity) { return m == am_erlang && f == am_apply && arity == 3; }

const code_t *exec_apply(Process *p, term_t *x, unsigned arity, const code_t *pc)
{
    term_t m = x[arity], f = x[arity + 1];
    p->x_arity = arity;
    if (UNLIKELY(is_apply3(m, f, arity))) return exec_apply_list(p, x, arity, pc);
    if (!term_is_atom(m) || !term_is_atom(f))
        return apply_failed(p, 3, m, f, heap_list(&p->heap, arity, x, TERM_NIL));
    return target(p, export_get(p->vm, m, f, arity), pc);
}

static term_t bad_arity(Process *p, const term_t *x, term_t fun, unsigned arity)
{
    return heap_tuple2(&p->heap, fun, heap_list(&p->heap, arity, x, TERM_NIL));
}

/* The slow half of FUN_TARGET, also for funs with the right arity: then x_arity counts the registers. */
const code_t *exec_fun_target(Process *p, term_t *x, term_t fun, unsigned arity)
{
    if (term_is_fun(fun)) {
        const Fun *f = fun_ptr(fun);
        if (fun_arity(f) != arity) return fail(p, EXC_BADARITY, bad_arity(p, x, fun, arity));
        unsigned nfree = fun_free_count(f);
        memcpy(x + arity, f->env, nfree * sizeof(term_t));
        x[arity + nfree] = fun;
        p->x_arity = arity + nfree + 1;
        return fun_entry_addr(f->entry);
    }
    if (!term_is_export(fun)) return fail(p, EXC_BADFUN, fun);
    Export *e = export_of(fun);
    if (e->mfa.arity != arity) return fail(p, EXC_BADARITY, bad_arity(p, x, fun, arity));
    p->x_arity = arity;
    return export_addr(e);
}

/* List to x registers; -1: improper or too long. */
static int spread(term_t *x, term_t list)
{
    int n = 0;
    for (; term_is_list_cell(list) && n <= MAX_ARITY; list = list_tail(list)) x[n++] = list_head(list);
    return list == TERM_NIL && n <= MAX_ARITY ? n : -1;
}

static bool is_args(term_t list)
{
    int64_t n = exec_list_length(list);
    return n >= 0 && n <= MAX_ARITY;
}

const code_t *exec_apply_list(Process *p, term_t *x, unsigned arguments, const code_t *pc)
{
    term_t a = x[0], b = x[1], c = x[2];
    term_t list = arguments == 2 ? b : c;
    bool names = arguments == 2 || (term_is_atom(a) && term_is_atom(b));
    if (!names || !is_args(list)) return apply_failed(p, arguments, a, b, c);
    int n = spread(x, list);
    p->x_arity = (word_t)n;
    exec_of(sched_self)->keep_caller = false;
    if (arguments == 2) return exec_fun_target(p, x, a, (unsigned)n);
    if (UNLIKELY(is_apply3(a, b, (word_t)n))) return exec_apply_list(p, x, (unsigned)n, pc);
    return target(p, export_get(p->vm, a, b, (word_t)n), pc);
}
