/* SPDX-License-Identifier: Apache-2.0 */
/* ms_run - executes compiled match specifications.
 * Values taken from the object point into it; they are copied where they enter a result that
 * outlives it. A failing expression fails a guard, and makes a body's result 'EXIT'.
 * Layer: ets. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/map.h"
#include "data/node.h"
#include "data/term_cmp.h"
#include "ets/ms.h"

typedef struct Run {
    MatchSpec *ms;
    Process *p;
    term_t *slot, *stack;
    term_t *top;        /* next free */
    bool copy;          /* results must not point into the object */
    bool in_body;
    MsTrace *trace;     /* of dialect MS_TRACE */
} Run;

/* Matching operations: true unless the object does not match. */
static bool match_op(const MsOp *op, term_t *s)
{
    switch (op->code) {
    case MS_TUPLE: return term_is_tuple_of(s[op->a], op->b);
    case MS_ELEM: s[op->a] = tuple_element(s[op->b], op->c); return true;
    case MS_CONS: return term_is_list_cell(s[op->a]);
    case MS_HEAD: s[op->a] = list_head(s[op->b]); return true;
    case MS_TAIL: s[op->a] = list_tail(s[op->b]); return true;
    case MS_EQ: return s[op->a] == op->k;
    case MS_EQ_DEEP: return term_eq(s[op->a], op->k);
    case MS_SAME: return term_eq(s[op->a], s[op->b]);
    case MS_MAP: return term_is_map(s[op->a]);
    default: s[op->a] = map_get(s[op->b], op->k); return s[op->a] != TERM_NONE;
    }
}

static term_t taken(Run *r, term_t t)
{
    return r->copy && r->in_body && !term_is_immed(t) ? term_copy(&r->p->heap, t) : t;
}

/* Constants belong to the specification, which the process may outlive. */
static term_t constant_value(Run *r, term_t k)
{
    return term_is_immed(k) || !r->in_body ? k : term_copy(&r->p->heap, k);
}

static term_t variables(Run *r, const MsClause *c)
{
    term_t list = TERM_NIL;
    for (uint32_t i = c->var_count; i-- > 0;) {
        term_t v = taken(r, r->slot[r->ms->var_slots[c->vars + i]]);
        list = heap_cons(&r->p->heap, v, list);
    }
    return list;
}

/* A failure is no exception of the process: its value may lie in the specification or the object, which end. */
static bool call_native(Run *r, const MsOp *op)
{
    Process *p = r->p;
    uint32_t reason = p->freason;
    term_t value = p->fvalue, cause = p->fcause;
    r->top -= op->b;
    term_t v = op->native->fn(p, r->top);
    if (v == TERM_NONE) {
        p->freason = reason;
        p->fvalue = value;
        p->fcause = cause;
        return false;
    }
    *r->top++ = term_is_number(v) ? v : taken(r, v);
    return true;
}

static bool logic(Run *r, const MsOp *op)
{
    term_t decides = op->code == MS_AND ? am_false : am_true;
    term_t v = term_bool(decides == am_false);
    r->top -= op->b;
    for (uint32_t i = 0; i < op->b; i++) {
        if (!term_is_bool(r->top[i])) return false;
        if (r->top[i] == decides) v = decides;
    }
    *r->top++ = v;
    return true;
}

static void make_map(Run *r, uint32_t n)
{
    r->top -= 2 * n;
    term_t m = map_from_pairs(&r->p->heap, r->top, n, NULL);
    *r->top++ = m;
}

static bool do_action(Run *r, const MsOp *op)
{
    r->top -= op->b;
    term_t v = r->trace->action(r->trace, r->p, (enum MsAction)op->a, r->top, op->b);
    if (v == TERM_NONE) return false;
    *r->top++ = v;
    return true;
}

/* A boolean on top that does not decide makes room for the next. */
static const MsOp *decide(Run *r, const MsOp *op, term_t decides)
{
    term_t v = r->top[-1];
    if (!term_is_bool(v)) return NULL;
    if (v == decides) return &r->ms->ops[op->c];
    r->top--;
    return op + 1;
}

/* One expression operation; the next one, or NULL: the expression failed. */
static const MsOp *expr_op(Run *r, const MsClause *c, const MsOp *op)
{
    bool ok = true;
    switch (op->code) {
    case MS_PUSH: *r->top++ = constant_value(r, op->k); break;
    case MS_PUSH_SLOT: *r->top++ = taken(r, r->slot[op->a]); break;
    case MS_PUSH_VARS: *r->top++ = variables(r, c); break;
    case MS_MAKE_CONS:
        r->top--;
        r->top[-1] = heap_cons(&r->p->heap, r->top[-1], r->top[0]);
        break;
    case MS_MAKE_TUPLE:
        r->top -= op->c;
        *r->top = heap_tuple(&r->p->heap, op->c, r->top);
        r->top++;
        break;
    case MS_MAKE_MAP: make_map(r, op->c); break;
    case MS_CALL: ok = call_native(r, op); break;
    case MS_AND: case MS_OR: ok = logic(r, op); break;
    case MS_ANDALSO: return decide(r, op, am_false);
    case MS_ORELSE: return decide(r, op, am_true);
    case MS_GUARD: ok = *--r->top == am_true; break;
    case MS_DROP: r->top--; break;
    case MS_SELF: *r->top++ = r->p->id; break;
    case MS_ACTION: ok = do_action(r, op); break;
    default: *r->top++ = node_self_name(r->p->vm); break;
    }
    return ok ? op + 1 : NULL;
}

static NOINLINE bool run_exprs(Run *r, const MsClause *c, const MsOp *op, const MsOp *end)
{
    while (op && op < end) op = expr_op(r, c, op);
    return op != NULL;
}

/* Result of a clause, or TERM_NONE. */
static term_t run_clause(Run *r, const MsClause *c)
{
    const MsOp *op = &r->ms->ops[c->first], *body = &r->ms->ops[c->body];
    r->in_body = false;
    r->top = r->stack;
    for (; op < body && op->code <= MS_MAP_GET; op++)
        if (!match_op(op, r->slot)) return TERM_NONE;
    if (!run_exprs(r, c, op, body)) return TERM_NONE;
    r->in_body = true;
    return run_exprs(r, c, body, &r->ms->ops[c->end]) ? r->top[-1] : am_EXIT;
}

static term_t run(MatchSpec *ms, Process *p, term_t object, bool copy, MsTrace *trace)
{
    enum { SMALL = 64 };
    term_t small[SMALL], *mem = small;
    size_t need = ms->slot_count + ms->stack_depth + 1;
    if (need > SMALL) mem = mem_alloc(MEM_TEMP, need * sizeof *mem);
    Run r = {.ms = ms, .p = p, .slot = mem, .stack = mem + ms->slot_count, .copy = copy,
             .trace = trace};
    mem[0] = object;
    term_t result = TERM_NONE;
    for (uint32_t i = 0; i < ms->clause_count && result == TERM_NONE; i++)
        result = run_clause(&r, &ms->clauses[i]);
    if (mem != small) mem_free(MEM_TEMP, mem, need * sizeof *mem);
    return result;
}

term_t ms_run(MatchSpec *ms, Process *p, term_t object, bool copy)
{
    return run(ms, p, object, copy, NULL);
}

term_t ms_run_trace(MatchSpec *ms, Process *p, term_t args, MsTrace *t)
{
    return run(ms, p, args, false, t);
}
