/* SPDX-License-Identifier: Apache-2.0 */
/* bif_exec - natives that only the execution core can carry out, and traps.
 * Semantics: erlang(3) hibernate/3, yield/0. */
#include "bifs/bif.h"
#include "exec/exec_priv.h"

term_t bif_trap(Process *p, Export *e, unsigned n, const term_t *args)
{
    ASSERT(n == e->mfa.arity);
    if (n) memmove(sched_self->x, args, n * sizeof(term_t)); /* args may be NULL */
    p->trap_export = e;
    p->x_arity = n;
    p->freason = EXC_TRAP;
    return TERM_NONE;
}

term_t bif_trap_mfa(Process *p, term_t m, term_t f, unsigned n, const term_t *args)
{
    return bif_trap(p, export_get(p->vm, m, f, n), n, args);
}

term_t bif_go_dirty(Process *p)
{
    p->freason = EXC_DIRTY_CPU;
    return TERM_NONE;
}

bool bif_is_long(size_t words)
{
    return UNLIKELY(words > BIF_LONG_WORDS) && sched_self->kind == SCHED_NORMAL;
}

BIF(erlang, hibernate, 3, 0)
{
    int64_t n = exec_list_length(a[2]);
    if (!term_is_atom(a[0]) || !term_is_atom(a[1]) || n < 0) return bif_error(p, EXC_BADARG);
    if (n > 255) return bif_error(p, EXC_SYSTEM_LIMIT);
    p->freason = EXC_HIBERNATE;
    return TERM_NONE;
}

/* Ends the slice without spending the reductions that are left. */
BIF(erlang, yield, 0, 0)
{
    p->freason = EXC_PAUSE;
    return TERM_NONE;
}
