/* SPDX-License-Identifier: Apache-2.0 */
/* verify - see verify.h: the walk through the functions. */
#include "loader/verify.h"

#include "base/alloc.h"

/* A label can change as often as the facts at it can become fewer; compilers need two or three rounds. */
#define ROUNDS_MAX 100

/* ---- labels ---- */

static bool place_labels(Verifier *v)
{
    const Load *l = v->l;
    for (uint32_t i = 0; i < l->f.label_count; i++) v->places[i] = (Place){.op = PLACE_NONE};
    for (uint32_t i = 0; i < l->gen.count; i++) {
        const GenOp *op = &l->gen.ops[i];
        if (op->op != GEN_label) continue;
        const InsnOperand *a = gen_args(&l->gen, op);
        v->op = op;
        if (!is_uint(a) || a->value == 0 || a->value >= l->f.label_count || v->places[a->value].op != PLACE_NONE)
            return verify_fail(v, "label %u twice or out of range", (unsigned)a->value);
        v->places[a->value].op = i;
    }
    return true;
}

static Place *place_at(const Verifier *v, size_t i)
{
    return &v->places[gen_args(&v->l->gen, &v->l->gen.ops[i])->value];
}

/* ---- one function ---- */

static void start_at_entry(Verifier *v, const Function *fn)
{
    State *s = &v->s;
    const Checked *c = &v->functions[v->function];
    s->frame = FRAME_NONE;
    s->nx = fn->arity;
    s->fr = 0;
    s->building = false;
    for (unsigned i = 0; i < fn->arity; i++) {
        bool context = c->contexts[i / 64] >> (i % 64) & 1;
        s->x[i] = val_new((uint16_t)(V_TERM | (context ? V_CONTEXT : 0)));
        s->x[i].id = ++v->last_id;
    }
    v->reachable = true;
    v->fresh = false;
    v->y_version++;
}

/* A handler ends its catch before anything else can fail, or it would be its own handler. */
static bool is_handler(Verifier *v, size_t i)
{
    const GenOp *op = &v->l->gen.ops[i];
    while (op->op == GEN_label || op->op == GEN_line) op++;
    return op->op == GEN_try_case || op->op == GEN_catch_end || verify_fail(v, "handler without end of the catch");
}

static bool at_label(Verifier *v, size_t i)
{
    Place *p = place_at(v, i);
    if (p->handler && !is_handler(v, i)) return false;
    if (v->reachable && !verify_merge(v, p)) return false;
    p->dirty = false;
    if ((v->reachable = p->at != NULL)) state_load(v, p->at);
    return true;
}

static bool fills_binary(unsigned op)
{
    return op == GEN_line || (op >= GEN_bs_put_integer && op <= GEN_bs_put_string) || op == GEN_bs_put_utf8
           || op == GEN_bs_put_utf16 || op == GEN_bs_put_utf32;
}

static bool walk_op(Verifier *v, size_t i)
{
    const GenOp *op = v->op = &v->l->gen.ops[i];
    v->l->pos = i;
    if (op->op == GEN_label) return at_label(v, i);
    if (!v->reachable) return true;
    VerifyFn *fn = verify_find(op->op);
    if (v->s.building && !fills_binary(op->op)) v->s.building = false;
    v->steps++;
    if (!fn) return verify_fail(v, "not checked");
    return fn(v, gen_args(&v->l->gen, op)) || verify_fail(v, "operands");
}

static bool walk(Verifier *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (!walk_op(v, i)) return false;
    if (v->reachable && from < to) return verify_fail(v, "control reaches the end of the function");
    return true;
}

/* The first label that has changed since the code behind it was walked, or `to`. */
static size_t first_dirty(const Verifier *v, size_t from, size_t to)
{
    for (; from < to; from++)
        if (v->l->gen.ops[from].op == GEN_label && place_at(v, from)->dirty) return from;
    return to;
}

static void forget_labels(Verifier *v, size_t from, size_t to)
{
    for (; from < to; from++) {
        if (v->l->gen.ops[from].op != GEN_label) continue;
        Place *p = place_at(v, from);
        p->at = NULL;
        p->dirty = p->handler = false;
    }
}

/* The head comes last: the body may jump to it, for a function_clause. */
static bool walk_function(Verifier *v)
{
    const Function *fn = &v->l->functions[v->function];
    size_t body = fn->entry_op, end = fn->end_op;
    start_at_entry(v, fn);
    bool ok = walk(v, body, end);
    for (unsigned round = 0; ok; round++) {
        size_t i = first_dirty(v, body, end);
        if (i == end) break;
        if (round == ROUNDS_MAX) return verify_fail(v, "registers do not settle");
        v->reachable = false;
        ok = walk(v, i, end);
    }
    v->reachable = false;
    return ok && walk(v, v->start, body);
}

static bool walk_afresh(Verifier *v)
{
    v->last_id = v->y_version = v->raised_version = 0;
    v->unset_read = v->marks_moved = false;
    forget_labels(v, v->start, v->l->functions[v->function].end_op);
    bool ok = walk_function(v);
    state_forget(v);
    return ok;
}

static bool check_function(Verifier *v, size_t i)
{
    Load *l = v->l;
    v->function = i;
    v->start = i ? l->functions[i - 1].end_op : 0;
    v->functions[i].pending = false;
    v->setting = false;
    if (walk_afresh(v)) return true;
    if (!v->unset_read) return false;
    l->f.error[0] = 0;
    v->setting = true;
    return walk_afresh(v);
}

/* ---- the module ---- */

/* Calls that pass match contexts make functions pending that were checked before. */
static bool check_functions(Verifier *v)
{
    size_t n = v->l->function_count, left = n;
    for (size_t i = 0; i < n; i++) v->functions[i].pending = true;
    for (size_t i = 0; left > 0; i = (i + 1) % n) {
        left--;
        if (!v->functions[i].pending) continue;
        if (!check_function(v, i)) return false;
        left = n;
    }
    return true;
}

/* The natives of this module are what others rely on. */
static bool may_come_from_outside(Load *l)
{
    return !l->foreign || beamfile_module(&l->f) != am_erlang
           || beamfile_fail(&l->f, "the module erlang comes with the system");
}

bool verify_code(Load *l)
{
    if (!may_come_from_outside(l)) return false;
    Verifier *v = MEM_NEW(LOADER, Verifier);
    v->l = l;
    v->places = MEM_NEW_ARRAY(LOADER, Place, l->f.label_count);
    v->functions = MEM_NEW_ARRAY(LOADER, Checked, l->function_count);
    memset(v->functions, 0, l->function_count * sizeof(Checked));
    bool ok = place_labels(v) && check_functions(v);
    MEM_DELETE_ARRAY(LOADER, v->functions, l->function_count);
    MEM_DELETE_ARRAY(LOADER, v->places, l->f.label_count);
    MEM_DELETE(LOADER, v);
    l->pos = 0;
    return ok;
}
