/* SPDX-License-Identifier: Apache-2.0 */
/* verify_frame - stack frames, exceptions caught and raised again, receiving. */
#include "loader/verify.h"

static const InsnOperand x0 = {INSN_OP_X, 0}, x1 = {INSN_OP_X, 1}, x2 = {INSN_OP_X, 2};

/* ---- frames ---- */

static bool new_frame(Verifier *v, const InsnOperand *slots, const InsnOperand *live, unsigned bits)
{
    State *s = &v->s;
    if (s->frame != FRAME_NONE) return verify_fail(v, "second frame");
    if (!is_uint(slots) || slots->value >= GEN_X_REGS) return verify_fail(v, "size of the frame");
    if (!verify_live(v, live)) return false;
    s->frame = (int)slots->value;
    for (int i = 0; i < s->frame; i++) s->y[i] = val_new((uint16_t)bits);
    v->y_version++;
    return true;
}

bool verify_allocate(Verifier *v, const InsnOperand *a) { return new_frame(v, &a[0], &a[1], 0); }
bool verify_allocate_zero(Verifier *v, const InsnOperand *a)
{
    return new_frame(v, &a[0], &a[1], V_NIL | V_SHARED);
}
bool verify_allocate_heap(Verifier *v, const InsnOperand *a) { return new_frame(v, &a[0], &a[2], 0); }
bool verify_allocate_heap_zero(Verifier *v, const InsnOperand *a)
{
    return new_frame(v, &a[0], &a[2], V_NIL | V_SHARED);
}
bool verify_test_heap(Verifier *v, const InsnOperand *a) { return verify_live(v, &a[1]); }

static bool drop(Verifier *v, int n)
{
    State *s = &v->s;
    for (int i = 0; i < n; i++)
        if (val_is_mark(s->y[i])) return verify_fail(v, "y%d is a catch mark still", i);
    memmove(s->y, s->y + n, (size_t)(s->frame - n) * sizeof(Val));
    s->frame -= n;
    for (int i = 0; i < s->frame && n > 0; i++) v->marks_moved |= (s->y[i].bits & V_CATCH) != 0;
    v->y_version++;
    return true;
}

bool verify_deallocate(Verifier *v, const InsnOperand *a)
{
    State *s = &v->s;
    if (s->frame < 0 || !is_uint(&a[0]) || a[0].value != (uint64_t)s->frame)
        return verify_fail(v, "frame of %d removed as %u", s->frame, (unsigned)a[0].value);
    if (!drop(v, s->frame)) return false;
    s->frame = FRAME_NONE;
    return true;
}

bool verify_trim(Verifier *v, const InsnOperand *a)
{
    const State *s = &v->s;
    if (s->frame < 0 || !is_uint(&a[0]) || !is_uint(&a[1]) || a[0].value > (uint64_t)s->frame
        || a[1].value != (uint64_t)s->frame - a[0].value)
        return verify_fail(v, "frame of %d trimmed to %u", s->frame, (unsigned)a[1].value);
    return drop(v, (int)a[0].value);
}

bool verify_init(Verifier *v, const InsnOperand *a)
{
    if (a[0].kind != INSN_OP_Y) return verify_fail(v, "operand");
    return verify_new(v, &a[0], V_NIL);
}

bool verify_init_yregs(Verifier *v, const InsnOperand *a)
{
    if (a[0].kind != GEN_LIST) return verify_fail(v, "operand");
    for (size_t i = 1; i <= gen_list_size(&a[0]); i++)
        if (!verify_init(v, &a[i])) return false;
    return true;
}

/* ---- catch and try ---- */

bool verify_catch(Verifier *v, const InsnOperand *a)
{
    if (a[0].kind != INSN_OP_Y || a[1].kind != INSN_OP_LABEL || a[1].value == 0 || v->s.frame < 0)
        return verify_fail(v, "operands");
    if (v->places[a[1].value].op < (size_t)(v->op - v->l->gen.ops)) return verify_fail(v, "handler in front");
    Val mark = {V_CATCH, (uint32_t)a[1].value, 0};
    Place *handler = &v->places[a[1].value];
    v->marks_moved |= handler->handler && handler->mark != a[0].value;
    handler->handler = true;
    handler->mark = (unsigned)a[0].value;
    return verify_write(v, &a[0], mark);
}

/* The mark goes; whether its handler was entered or not. */
static bool end_catch(Verifier *v, const InsnOperand *a)
{
    State *s = &v->s;
    if (a->kind != INSN_OP_Y || (int64_t)a->value >= state_slots(s) || !(s->y[a->value].bits & V_CATCH))
        return verify_fail(v, "no catch mark");
    s->y[a->value] = val_new(V_NIL | V_SHARED);
    v->y_version++;
    return true;
}

bool verify_catch_end(Verifier *v, const InsnOperand *a)
{
    State *s = &v->s;
    if (s->nx == 0 || !s->x[0].bits || s->x[0].bits & (V_CONTEXT | V_RAW | V_FRAGILE))
        return verify_fail(v, "no value");
    s->nx = 0;
    return end_catch(v, &a[0]) && verify_new(v, &x0, V_TERM);
}

bool verify_try_end(Verifier *v, const InsnOperand *a)
{
    return end_catch(v, &a[0]);
}

bool verify_try_case(Verifier *v, const InsnOperand *a)
{
    State *s = &v->s;
    if (s->nx == 0 || !(s->x[0].bits & V_MARK)) return verify_fail(v, "no exception");
    /* A call in front of it may be known to the compiler never to return. */
    if (!val_is(s->x[0], V_MARK) && !verify_guard_always(v, GUARD_EXCEPTION, &x0, 0)) return false;
    s->nx = 0;
    return end_catch(v, &a[0]) && verify_new(v, &x0, V_OTHER) && verify_new(v, &x1, V_TERM)
           && verify_write(v, &x2, val_new(V_RAW));
}

static bool raw_trace(Verifier *v, const InsnOperand *a)
{
    Val val;
    if (!verify_read(v, a, &val)) return false;
    return val_is_term(val) || verify_fail(v, "no stack trace"); /* its form is checked when used */
}

/* Trace Value */
bool verify_raise_again(Verifier *v, const InsnOperand *a)
{
    if (!raw_trace(v, &a[0]) || !verify_durable(v, &a[1])) return false;
    verify_end(v);
    return verify_raise(v);
}

/* x0 class, x1 reason, x2 trace. Goes on with badarg in x0 when that is no class. */
bool verify_raw_raise(Verifier *v, const InsnOperand *a)
{
    (void)a;
    if (!verify_durable(v, &x0) || !verify_durable(v, &x1) || !raw_trace(v, &x2) || !verify_raise(v))
        return false;
    v->s.nx = 0;
    return verify_new(v, &x0, V_OTHER);
}

/* What is no raw trace stays as it is, so this need not be a list. */
bool verify_build_stacktrace(Verifier *v, const InsnOperand *a)
{
    Val val;
    (void)a;
    if (!raw_trace(v, &x0) || !verify_read(v, &x0, &val) || !verify_y_set(v)) return false;
    v->s.nx = 0;
    return verify_new(v, &x0, V_TERM | (val.bits & V_FRAGILE));
}

/* ---- receiving ---- */

bool verify_loop_rec(Verifier *v, const InsnOperand *a)
{
    if (!same_operand(&a[1], &x0)) return verify_fail(v, "operands");
    return verify_branch_without_x(v, &a[0]) && verify_new(v, &x0, V_TERM | V_FRAGILE);
}

bool verify_loop_rec_end(Verifier *v, const InsnOperand *a)
{
    verify_end(v);
    return verify_branch_without_x(v, &a[0]);
}

/* A wait that leads back to itself, a receive without clauses: it goes on when the time is over. */
static bool waits_at(const Verifier *v, const InsnOperand *label)
{
    return label->kind == INSN_OP_LABEL && verify_leads_to(v, label->value) == v->op;
}

static bool wait(Verifier *v, const InsnOperand *label)
{
    if (v->fresh) verify_age(v);
    if (!waits_at(v, label)) return verify_branch_without_x(v, label);
    verify_kill_x(v, 0);
    v->s.fr = 0;
    return verify_y_durable(v) && verify_raise(v);
}

bool verify_wait(Verifier *v, const InsnOperand *a)
{
    verify_end(v);
    return wait(v, &a[0]);
}

bool verify_wait_timeout(Verifier *v, const InsnOperand *a)
{
    return verify_durable(v, &a[1]) && wait(v, &a[0]);
}

static void no_longer_fragile(Val *regs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) regs[i].bits &= (uint16_t)~V_FRAGILE;
}

bool verify_remove_message(Verifier *v, const InsnOperand *a)
{
    (void)a;
    no_longer_fragile(v->s.x, v->s.nx);
    no_longer_fragile(v->s.y, (unsigned)state_slots(&v->s));
    v->y_version++;
    return true;
}
