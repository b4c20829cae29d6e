/* SPDX-License-Identifier: Apache-2.0 */
/* frames - which labels of a function are reached, and with which frame, found before its code is emitted.
 * The walk of check.c knows a label's frame from the branches before it. Where control comes only from behind,
 * or not at all, the whole function is walked here until nothing changes; labels that stay unset are dead.
 * Also here: where jumps that come later lead.
 * Layer: loader. */
#include "loader/load_priv.h"

typedef struct Walk {
    Load *l;
    int frame;
    bool reachable;
    bool changed;
} Walk;

static void reach(Walk *w, const InsnOperand *label)
{
    if (label->value == 0 || label->value >= w->l->f.label_count)
        return;
    Label *to = &w->l->labels[label->value];
    int old = to->frame == FRAME_UNKNOWN ? FRAME_UNSET : to->frame;
    int merged = frame_merge(old, w->frame);
    w->changed = w->changed || merged != old;
    to->frame = (int16_t)merged;
}

static bool is_local_call(unsigned op)
{
    return op == GEN_call || op == GEN_call_last || op == GEN_call_only;
}

static void branches(Walk *w, const GenOp *op, const InsnOperand *a)
{
    size_t n = op->argc;
    if (n > 0 && a[n - 1].kind == GEN_LIST)
        n += gen_list_size(&a[n - 1]);
    for (size_t i = 0; i < n && !is_local_call(op->op); i++)
        if (a[i].kind == INSN_OP_LABEL)
            reach(w, &a[i]);
}

static bool ends(const Load *l, const GenOp *op, const InsnOperand *a)
{
    switch (op->op) {
    case GEN_call_last: case GEN_call_only: case GEN_call_ext_last: case GEN_call_ext_only: case GEN_apply_last:
    case GEN_return: case GEN_jump: case GEN_select_val: case GEN_select_tuple_arity: case GEN_wait:
    case GEN_loop_rec_end: case GEN_badmatch: case GEN_if_end: case GEN_case_end: case GEN_try_case_end:
    case GEN_badrecord: case GEN_raise: case GEN_func_info: case GEN_int_code_end: return true;
    case GEN_call_ext:
        return is_uint(&a[1]) && a[1].value < l->f.import_count && call_never_returns(l->imports[a[1].value]);
    default: return false;
    }
}

/* A size that check_allocate will refuse ends the walk here. */
static void enter_frame(Walk *w, const InsnOperand *slots)
{
    w->reachable = is_uint(slots) && slots->value <= GEN_X_REGS;
    w->frame = w->reachable ? (int)slots->value : FRAME_NONE;
}

static void step(Walk *w, const GenOp *op, const InsnOperand *a)
{
    branches(w, op, a);
    switch (op->op) {
    case GEN_allocate: case GEN_allocate_heap: case GEN_allocate_zero: case GEN_allocate_heap_zero:
        enter_frame(w, &a[0]);
        break;
    case GEN_trim: enter_frame(w, &a[1]); break;
    case GEN_deallocate: w->frame = FRAME_NONE; break;
    default: w->reachable = !ends(w->l, op, a); break;
    }
}

static void walk(Walk *w, const Function *fn)
{
    Load *l = w->l;
    w->changed = false;
    w->reachable = true;
    w->frame = FRAME_NONE;
    for (size_t i = fn->entry_op + 1; i < fn->end_op; i++) {
        const GenOp *op = &l->gen.ops[i];
        const InsnOperand *a = gen_args(&l->gen, op);
        if (op->op != GEN_label) {
            if (w->reachable)
                step(w, op, a);
            continue;
        }
        if (w->reachable)
            reach(w, &a[0]);
        if (a[0].value >= l->f.label_count)
            continue;
        w->frame = l->labels[a[0].value].frame;
        w->reachable = w->frame != FRAME_UNSET && w->frame != FRAME_UNKNOWN;
    }
}

void frames_find(Load *l, const Function *fn)
{
    Walk w = {.l = l};
    do
        walk(&w, fn);
    while (w.changed);
}

/* The op behind the label, or NULL. */
static const GenOp *op_at(Load *l, const Function *fn, uint64_t label)
{
    for (size_t i = l->pos; i < fn->end_op; i++)
        if (l->gen.ops[i].op == GEN_label && gen_args(&l->gen, &l->gen.ops[i])->value == label)
            return i + 1 < fn->end_op ? &l->gen.ops[i + 1] : NULL;
    return NULL;
}

InsnOperand frames_jump_target(Load *l, const Function *fn, InsnOperand label)
{
    for (unsigned hops = 0; hops < 8 && label.kind == INSN_OP_LABEL; hops++) {
        if (label.value >= l->f.label_count || l->labels[label.value].at != LABEL_UNDEFINED)
            break;
        const GenOp *op = op_at(l, fn, label.value);
        if (!op || op->op != GEN_jump || op->guard)
            break;
        label = gen_args(&l->gen, op)[0];
    }
    return label;
}
