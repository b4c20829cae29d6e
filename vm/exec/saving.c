/* SPDX-License-Identifier: Apache-2.0 */
/* saving - calls of a process that saves its last calls (proc/saved_calls.h). Its reductions are in
 * kept_reds, so REDS is 0 and every call comes here: the call is noted, a native is called on the spot with
 * the reductions that are left, a function is gone to without reductions. */
#include "exec/exec_priv.h"

void exec_saving_begin(Sched *s, Process *p)
{
    exec_of(s)->kept_reds = p->reds;
    p->reds = 0;
}

/* The native that the instruction calls, or NULL. */
static Export *native_at(const code_t *pc)
{
    const InsnVariant *v = insn_decode(pc);
    if (!v || (v->family != INSN_call_native && v->family != INSN_native_tail)) return NULL;
    Export *e = (Export *)(uintptr_t)pc[1];
    return e->native ? e : NULL;
}

/* Which function of another module begins at pc? NULL: the call is not to be noted. A fun has one more
 * register than arguments. */
static const Mfa *called_at(const Process *p, const code_t *pc)
{
    const InsnVariant *v = insn_decode(pc);
    if (v && v->family == INSN_undefined_call) return &((const Export *)(uintptr_t)pc[1])->mfa;
    const Mfa *m = range_find(p->vm, pc) ? code_entry_mfa(pc) : NULL;
    return m && m->arity == p->x_arity ? m : NULL;
}

/* What the interpreter does at call_native and native_tail. */
static const code_t *call_native(Sched *s, Process *p, const code_t *pc, const Export *e)
{
    Exec *x = exec_of(s);
    bool tail = pc == e->native_stub;
    p->reds = MAX(x->kept_reds - 1, 0);
    x->kept_reds = 0;
    p->current = &e->mfa;
    p->pc = pc;
    term_t r = e->native->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO) ? exec_call_dirty(s, p, e->native)
                                                                 : e->native->fn(p, s->x);
    const code_t *to;
    if (r == TERM_NONE) {
        x->ret = tail ? NULL : pc + insn_length(pc);
        to = exec_native_special(s, p, pc);
        if (!to) return NULL;
    } else {
        s->x[0] = r;
        to = tail ? (const code_t *)*p->heap.stop++ : pc + insn_length(pc);
        if (exec_collection_is_due(p) && !exec_collect(s, p, to, 1)) return NULL;
    }
    if (p->saved_calls) exec_saving_begin(s, p);
    return to;
}

const code_t *exec_saving_call(Sched *s, Process *p, const code_t *pc, bool local)
{
    Exec *x = exec_of(s);
    unsigned live = (unsigned)p->x_arity;
    Export *e = native_at(pc);
    const Mfa *called = local ? NULL : e ? &e->mfa : called_at(p, pc);
    x->kept_reds += p->reds; /* sending costs more than there is */
    p->reds = 0;
    if (called && !(p->flags & PF_IN_NATIVE)) saved_calls_add(p, called);
    p->flags &= ~PF_IN_NATIVE;
    if (e) return call_native(s, p, pc, e);
    if (x->kept_reds <= 0) return exec_leave(s, p, pc, live, RUN_YIELD);
    x->kept_reds--;
    return exec_collection_is_due(p) ? exec_collect(s, p, pc, live) : pc;
}
