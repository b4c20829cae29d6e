/* SPDX-License-Identifier: Apache-2.0 */
/* verify_regs - reading and writing registers, branches, exceptions, guards: the words in which
 * verify_ops.c and its neighbours say what an operation does. */
#include "base/alloc.h"
#include "loader/verify.h"

#include <stdarg.h>
#include <stdio.h>

bool verify_fail(Verifier *v, const char *fmt, ...)
{
    Load *l = v->l;
    if (l->f.error[0]) return false;
    char text[60];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const Function *fn = &l->functions[v->function];
    const AtomText *name = atom_text(fn->name);
    size_t at = (size_t)(v->op - l->gen.ops), first = fn->entry_op - 1;
    return beamfile_fail(&l->f, "%.*s/%u, instruction %ld (%s): %s", (int)MIN(name->bytes, 80), name->text,
                         fn->arity, (long)at - (long)first, gen_name(v->op->op), text);
}

/* ---- registers ---- */

static Val *slot(Verifier *v, const InsnOperand *a)
{
    State *s = &v->s;
    if (a->kind == INSN_OP_X && a->value < GEN_X_REGS) {
        for (; s->nx <= a->value; s->nx++) s->x[s->nx] = (Val){0, 0, 0};
        return &s->x[a->value];
    }
    if (a->kind == INSN_OP_Y && (int64_t)a->value < state_slots(s)) return &s->y[a->value];
    verify_fail(v, a->kind == INSN_OP_Y ? "y%u is not in the frame" : "no register (%u)", (unsigned)a->value);
    return NULL;
}

static char bank(const InsnOperand *a)
{
    return a->kind == INSN_OP_X ? 'x' : 'y';
}

static bool not_set(Verifier *v, char regs, unsigned n)
{
    v->unset_read = true;
    return verify_fail(v, "%c%u is not set", regs, n);
}

bool verify_read(Verifier *v, const InsnOperand *a, Val *out)
{
    if (a->kind == INSN_OP_TERM) {
        *out = val_literal(a->value);
        return true;
    }
    const Val *at = slot(v, a);
    if (!at) return false;
    if (!at->bits) return not_set(v, bank(a), (unsigned)a->value);
    if (at->bits & (V_CATCH | V_MARK))
        return verify_fail(v, "%c%u is a catch mark", bank(a), (unsigned)a->value);
    *out = *at;
    return true;
}

bool verify_term(Verifier *v, const InsnOperand *a, Val *out)
{
    Val val;
    if (!verify_read(v, a, &val)) return false;
    if (out) *out = val;
    return val_is_term(val) || verify_fail(v, "%c%u is no term", bank(a), (unsigned)a->value);
}

bool verify_durable(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_term(v, a, &val)) return false;
    return !(val.bits & V_FRAGILE) || verify_fail(v, "message used before it is taken");
}

bool verify_terms(Verifier *v, const InsnOperand *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!verify_term(v, &a[i], NULL)) return false;
    return true;
}

bool verify_context(Verifier *v, const InsnOperand *a, unsigned *fragile)
{
    Val val;
    if (!verify_read(v, a, &val)) return false;
    *fragile |= val.bits & V_FRAGILE;
    return val_is(val, V_CONTEXT) || verify_fail(v, "no match context");
}

bool verify_write(Verifier *v, const InsnOperand *a, Val val)
{
    Val *at = slot(v, a);
    if (!at) return false;
    if (a->kind == INSN_OP_Y) {
        if (v->s.frame <= FRAME_MIXED) return verify_fail(v, "code of several frames changes one");
        if (val_is_mark(*at)) return verify_fail(v, "catch mark overwritten");
        v->y_version++;
    } else if (a->value >= 1 && a->value <= 3 && v->s.x[0].bits & V_MARK) {
        return verify_fail(v, "exception overwritten");
    }
    *at = val;
    return true;
}

bool verify_new(Verifier *v, const InsnOperand *a, unsigned bits)
{
    Val val = val_new((uint16_t)(bits | V_SHARED));
    val.id = ++v->last_id;
    return verify_write(v, a, val);
}

uint32_t verify_name(Verifier *v, const InsnOperand *a)
{
    return slot(v, a)->id = ++v->last_id;
}

void verify_age(Verifier *v)
{
    for (unsigned i = 0; i < v->s.nx; i++) v->s.x[i].bits |= v->s.x[i].bits & V_TUPLE ? V_SHARED : 0;
    for (int i = 0; i < state_slots(&v->s); i++) v->s.y[i].bits |= v->s.y[i].bits & V_TUPLE ? V_SHARED : 0;
    v->fresh = false;
}

void verify_kill_x(Verifier *v, unsigned from)
{
    v->s.nx = MIN(v->s.nx, from);
}

/* ---- the same term in several registers ---- */

static void change(Val *at, Val to, Undo *u)
{
    if (u->count == ARRAY_LEN(u->entry)) return;
    u->entry[u->count].at = at;
    u->entry[u->count++].was = *at;
    uint32_t id = at->id;
    *at = to;
    at->id = id;
}

static void change_same(Val *regs, unsigned n, uint32_t id, Val to, Undo *u)
{
    for (unsigned i = 0; i < n; i++)
        if (regs[i].id == id && regs[i].bits) change(&regs[i], to, u);
}

void verify_narrow(Verifier *v, const InsnOperand *a, Val val, Undo *u)
{
    u->count = 0;
    if (!is_register(a)) return;
    Val *at = slot(v, a);
    if (!at) return;
    val.bits = (uint16_t)((val.bits & ~V_SHARED) | (at->bits & (V_FRAGILE | V_SHARED)));
    if (at->id == 0) {
        change(at, val, u);
    } else {
        change_same(v->s.x, v->s.nx, at->id, val, u);
        change_same(v->s.y, (unsigned)state_slots(&v->s), at->id, val, u);
    }
    v->y_version++;
}

void verify_undo(Verifier *v, const Undo *u)
{
    for (unsigned i = u->count; i-- > 0;) *u->entry[i].at = u->entry[i].was;
    v->y_version++;
}

/* ---- what the collector sees ---- */

bool verify_live_n(Verifier *v, uint64_t n)
{
    for (unsigned i = 0; i < n; i++) {
        if (i >= v->s.nx || !v->s.x[i].bits) return not_set(v, 'x', i);
        if (v->s.x[i].bits & V_MARK) return verify_fail(v, "x%u is an exception", i);
    }
    return true;
}

bool verify_live(Verifier *v, const InsnOperand *live)
{
    if (!is_uint(live) || live->value > GEN_X_REGS) return verify_fail(v, "live registers");
    if (!verify_live_n(v, live->value) || !verify_y_set(v)) return false;
    if (v->fresh) verify_age(v);
    verify_kill_x(v, (unsigned)live->value);
    return true;
}

bool verify_y_set(Verifier *v)
{
    int slots = state_slots(&v->s);
    for (int i = 0; i < slots; i++)
        if (!v->s.y[i].bits) return verify_fail(v, "y%d is not set", i);
    return true;
}

/* ---- where control goes ---- */

void verify_end(Verifier *v)
{
    v->reachable = false;
}

const GenOp *verify_leads_to(const Verifier *v, uint64_t label)
{
    for (int jumps = 0; jumps < 8 && label < v->l->f.label_count && v->places[label].op != PLACE_NONE; jumps++) {
        const GenOp *op = &v->l->gen.ops[v->places[label].op];
        while (op->op == GEN_label || op->op == GEN_line) op++;
        if (op->op != GEN_jump) return op;
        label = gen_args(&v->l->gen, op)->value;
    }
    return NULL;
}

/* Each way round a loop counts a reduction: what branches back is a receive, or goes to one that waits, or to the
 * head of the function. Exceptions cannot go round: their handlers stand behind the catch. */
static bool may_branch_back(const Verifier *v, uint64_t label)
{
    switch (v->op->op) {
    case GEN_loop_rec_end: case GEN_wait: case GEN_wait_timeout: return true;
    default: break;
    }
    if (v->op->guard && v->l->guards[v->op->guard - 1].kind == GUARD_COUNT) return true;
    const GenOp *to = verify_leads_to(v, label);
    return to && (to->op == GEN_wait || to->op == GEN_wait_timeout || to->op == GEN_func_info);
}

static bool go_to(Verifier *v, uint64_t label)
{
    const Function *fn = &v->l->functions[v->function];
    Place *to = &v->places[label];
    if (to->op == PLACE_NONE || to->op < v->start || to->op >= fn->end_op)
        return verify_fail(v, "label %u is not in the function", (unsigned)label);
    return verify_merge(v, to);
}

static bool branch_to(Verifier *v, uint64_t label)
{
    if (v->places[label].op < (size_t)(v->op - v->l->gen.ops) && !may_branch_back(v, label))
        return verify_fail(v, "loop that counts no reductions");
    return go_to(v, label);
}

/* The handler of an exception raised here sees the y registers as they are; y is that of its mark, which on other
 * ways to this place may be none, or that of another handler. No frame of another size leads to it. */
static bool enter_handler(Verifier *v, uint64_t label, int y)
{
    State *s = &v->s;
    const Saved *there = v->places[label].at;
    if (there && there->frame != s->frame) return verify_fail(v, "handler of several frames");
    static const uint16_t at_entry[] = {V_MARK, V_TERM, V_TERM, V_RAW};
    Val kept[4], mark = s->y[y];
    unsigned nx = s->nx;
    uint64_t fr = s->fr;
    memcpy(kept, s->x, sizeof kept);
    for (unsigned i = 0; i < 4; i++) s->x[i] = val_new(at_entry[i]);
    s->nx = 4;
    s->fr = 0;
    s->y[y] = (Val){V_CATCH, (uint32_t)label, 0};
    bool ok = go_to(v, label);
    s->y[y] = mark;
    memcpy(s->x, kept, sizeof kept);
    s->nx = nx;
    s->fr = fr;
    return ok;
}

/* After a merge of code with different handlers it may be any of those with their marks in y. */
static bool enter_all_handlers(Verifier *v, int y)
{
    const Function *fn = &v->l->functions[v->function];
    for (size_t i = v->start; i < fn->end_op; i++) {
        const GenOp *op = &v->l->gen.ops[i];
        if (op->op != GEN_label) continue;
        uint64_t label = gen_args(&v->l->gen, op)->value;
        const Place *p = &v->places[label];
        if (p->handler && (v->marks_moved || p->mark == (unsigned)y) && !enter_handler(v, label, y)) return false;
    }
    return true;
}

static bool add_guard(Verifier *v, enum GuardKind kind, const InsnOperand *a, uint32_t n, uint64_t unset)
{
    Load *l = v->l;
    GenOp *op = &l->gen.ops[v->op - l->gen.ops];
    Guard g = {kind, n, unset, *a};
    if (op->guard) {
        Guard *known = &l->guards[op->guard - 1];
        if (kind == GUARD_SET && known->kind != GUARD_SET && known->kind != GUARD_NOTHING)
            return verify_fail(v, "two things taken for granted");
        if (known->kind == GUARD_NOTHING) *known = (Guard){kind, n, known->unset, *a};
        known->unset |= unset;
        return true;
    }
    if (l->guard_count == l->guard_room) {
        size_t room = l->guard_room * 2 + 16;
        l->guards = mem_realloc(MEM_LOADER, l->guards, l->guard_room * sizeof(Guard), room * sizeof(Guard));
        l->guard_room = room;
    }
    if (l->guard_count >= UINT16_MAX) return verify_fail(v, "too much is taken for granted");
    l->guards[l->guard_count++] = g;
    op->guard = (uint16_t)l->guard_count;
    return true;
}

/* Looking for a handler reads all y registers. Where something may fail that a compiler knows not to, or a
 * guard stands, those not set yet are set in front of it. */
static uint64_t set_y(Verifier *v)
{
    uint64_t unset = 0;
    for (int i = 0; i < MIN(state_slots(&v->s), 64); i++) {
        if (v->s.y[i].bits) continue;
        unset |= UINT64_C(1) << i;
        v->s.y[i] = val_new(V_NIL | V_SHARED);
    }
    if (unset) v->y_version++;
    return unset;
}

static bool is_open_mark(Val v) { return v.bits & V_CATCH && v.info != MARK_KNOWN; }

/* The first mark is taken: from y on, those passed over are none. */
static bool enter_handlers(Verifier *v, int y)
{
    int slots = state_slots(&v->s);
    while (y < slots && !is_open_mark(v->s.y[y])) y++;
    if (y >= slots) return true;
    Val val = v->s.y[y];
    if (!(val.info ? enter_handler(v, val.info, y) : enter_all_handlers(v, y))) return false;
    if (val.bits == V_CATCH) return true;
    v->s.y[y].bits &= (uint16_t)~V_CATCH;
    bool ok = enter_handlers(v, y + 1);
    v->s.y[y] = val;
    return ok;
}

bool verify_set_before(Verifier *v, const InsnOperand *a)
{
    const Val *at = slot(v, a);
    if (!at) return false;
    if (!v->setting || a->kind != INSN_OP_X || at->bits) return true;
    return add_guard(v, GUARD_SET, a, 0, 0) && verify_write(v, a, val_new(V_NIL | V_SHARED));
}

/* What was known where control came from first is lost when another frame joins. */
static bool raise_from(Verifier *v, const Saved *known)
{
    State *here = MEM_NEW(LOADER, State);
    *here = v->s;
    state_load(v, known);
    bool ok = verify_y_set(v) && enter_handlers(v, 0);
    v->s = *here;
    v->y_version++;
    MEM_DELETE(LOADER, here);
    return ok;
}

static bool merge_into(Verifier *v, Place *to)
{
    bool joins = to->at && to->at->frame != v->s.frame;
    if (joins && to->at->frame > FRAME_MIXED && !raise_from(v, to->at)) return false;
    return (!joins || verify_raise(v)) && state_merge_into(v, to);
}

/* A handler that does is refused when it is come to. */
static bool only_raises(const Verifier *v, const Place *to)
{
    if (to->handler) return false;
    const GenOp *op = verify_leads_to(v, gen_args(&v->l->gen, &v->l->gen.ops[to->op])->value);
    switch (op ? op->op : GEN_label) {
    case GEN_if_end: case GEN_badmatch: case GEN_case_end: case GEN_try_case_end: case GEN_badrecord: return true;
    default: return false;
    }
}

/* One exception may serve places with different marks, above all code that was not optimised. Merged they would lead
 * each handler to registers of another's; so the handlers are told from here. */
static bool merge_raising(Verifier *v, Place *to)
{
    if (!verify_raise(v)) return false;
    size_t n = (size_t)state_slots(&v->s);
    Val *was = MEM_NEW_ARRAY(LOADER, Val, n);
    memcpy(was, v->s.y, n * sizeof(Val));
    for (size_t y = 0; y < n; y++)
        if (was[y].bits & V_CATCH) v->s.y[y].info = MARK_KNOWN;
    bool ok = merge_into(v, to);
    memcpy(v->s.y, was, n * sizeof(Val));
    MEM_DELETE_ARRAY(LOADER, was, n);
    return ok;
}

bool verify_merge(Verifier *v, Place *to)
{
    bool open = false;
    for (int y = 0; y < state_slots(&v->s) && !open; y++) open = is_open_mark(v->s.y[y]);
    return open && only_raises(v, to) ? merge_raising(v, to) : merge_into(v, to);
}

bool verify_raise(Verifier *v)
{
    if (v->s.frame <= FRAME_MIXED) return true;
    if (v->raised_version == v->y_version) return true;
    static const InsnOperand none = {INSN_OP_UINT, 0};
    uint64_t unset = set_y(v);
    if (unset && !add_guard(v, GUARD_NOTHING, &none, 0, unset)) return false;
    if (!verify_y_set(v)) return false;
    if (!enter_handlers(v, 0)) return false;
    v->raised_version = v->y_version;
    return true;
}

bool verify_test(Verifier *v, const InsnOperand *label)
{
    if (label->kind != INSN_OP_LABEL || label->value == 0 || label->value >= v->l->f.label_count)
        return verify_fail(v, "no label");
    return branch_to(v, label->value);
}

bool verify_branch(Verifier *v, const InsnOperand *label)
{
    if (label->kind != INSN_OP_LABEL) return verify_fail(v, "no label");
    return label->value ? verify_test(v, label) : verify_raise(v);
}

bool verify_y_durable(Verifier *v)
{
    int slots = state_slots(&v->s);
    for (int i = 0; i < slots; i++)
        if (v->s.y[i].bits & V_FRAGILE) return verify_fail(v, "y%d is part of a message in the queue", i);
    return verify_y_set(v);
}

bool verify_branch_without_x(Verifier *v, const InsnOperand *label)
{
    State *s = &v->s;
    s->nx = 0;
    s->fr = 0;
    return verify_y_durable(v) && verify_raise(v) && verify_test(v, label);
}

/* ---- guards ---- */

static bool is_proven(enum GuardKind kind, Val val, uint32_t n)
{
    uint32_t arity = val.info & ~ARITY_MIN;
    switch (kind) {
    case GUARD_CELL: return val_is(val, V_CELL);
    case GUARD_TUPLE: return val_is(val, V_TUPLE) && arity >= n;
    case GUARD_TUPLE_OF: return val_is(val, V_TUPLE) && val.info == n;
    case GUARD_IS_TUPLE: return val_is(val, V_TUPLE);
    case GUARD_MAP: return val_is(val, V_MAP);
    case GUARD_FLOAT: return val_is(val, V_FLOAT);
    case GUARD_BITS: return val_is(val, V_BITS | V_CONTEXT);
    case GUARD_OWN: return !(val.bits & V_FRAGILE);
    case GUARD_EXCEPTION:
    case GUARD_SET:
    case GUARD_COUNT:
    case GUARD_NOTHING: return false;
    }
    return false;
}

/* What holds behind the guard. */
static Val guarded(enum GuardKind kind, Val val, uint32_t n)
{
    static const uint16_t bits[] = {[GUARD_CELL] = V_CELL, [GUARD_MAP] = V_MAP, [GUARD_FLOAT] = V_FLOAT};
    if (kind == GUARD_TUPLE || kind == GUARD_TUPLE_OF)
        return (Val){V_TUPLE | V_SHARED, kind == GUARD_TUPLE ? n | ARITY_MIN : n, 0};
    if (kind == GUARD_BITS || kind == GUARD_IS_TUPLE) return val;
    return val_new(bits[kind] | V_SHARED);
}

bool verify_guard_always(Verifier *v, enum GuardKind kind, const InsnOperand *a, uint32_t n)
{
    return verify_raise(v) && add_guard(v, kind, a, n, 0);
}

bool verify_loop(Verifier *v, const InsnOperand *label)
{
    static const InsnOperand none = {INSN_OP_UINT, 0};
    if (label->kind != INSN_OP_LABEL || label->value >= v->l->f.label_count) return verify_fail(v, "no label");
    uint32_t at = v->places[label->value].op;
    const GenOp *to = verify_leads_to(v, label->value);
    if (at >= (size_t)(v->op - v->l->gen.ops) || !to || to->op != GEN_loop_rec) return true;
    verify_kill_x(v, 0);
    v->s.fr = 0;
    return verify_y_durable(v) && verify_guard_always(v, GUARD_COUNT, &none, 0);
}

bool verify_guard(Verifier *v, enum GuardKind kind, const InsnOperand *a, uint32_t n)
{
    Val val;
    Undo u;
    if (!verify_read(v, a, &val)) return false;
    if (is_proven(kind, val, n)) return true;
    if (!is_register(a)) return verify_fail(v, "constant of another type");
    if (!verify_guard_always(v, kind, a, n)) return false;
    if (kind == GUARD_OWN) slot(v, a)->bits &= (uint16_t)~V_FRAGILE;
    else verify_narrow(v, a, guarded(kind, val, n), &u);
    return true;
}
