/* SPDX-License-Identifier: Apache-2.0 */
/* check - what the interpreter relies on: y registers lie in the frame, frames agree where control joins,
 * terms are built only in reserved words, calls go to functions of the right arity, labels exist.
 * The code is walked once, in its order; at a label with no branch to it so far, frames.c looks
 * ahead. Code that ends in an exception may be shared by several frames: it may read the y registers that
 * all of them have, and may not remove the frame. */
#include "loader/load_priv.h"

#include <stdarg.h>
#include <stdio.h>

bool load_fail(Load *l, const char *fmt, ...)
{
    if (l->f.error[0] == 0) {
        char text[80];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        const GenOp *op = l->pos < l->gen.count ? &l->gen.ops[l->pos] : NULL;
        beamfile_fail(&l->f, "%s, at %s (byte %u)", text, op ? gen_name(op->op) : "end", op ? op->at : 0);
    }
    return false;
}

/* ---- functions ---- */

static bool add_function(Load *l, size_t func_info)
{
    const GenCode *g = &l->gen;
    const InsnOperand *a = gen_args(g, &g->ops[func_info]);
    const GenOp *entry = &g->ops[func_info + 1];
    const InsnOperand *label = gen_args(g, entry);
    l->pos = func_info;
    if (a[0].kind != INSN_OP_TERM || a[0].value != beamfile_module(&l->f) || a[1].kind != INSN_OP_TERM
        || !term_is_atom(a[1].value) || !is_uint(&a[2]) || a[2].value > 255)
        return load_fail(l, "bad function head");
    if (entry->op != GEN_label || !is_uint(label) || label->value == 0
        || label->value >= l->f.label_count)
        return load_fail(l, "function without entry label");
    if (l->function_count == l->f.function_count)
        return load_fail(l, "more than %u functions", l->f.function_count);
    l->functions[l->function_count++] = (Function){a[1].value, (uint32_t)a[2].value,
                                                   (uint32_t)label->value, (uint32_t)func_info + 1, 0};
    l->labels[label->value].entry_arity = (int16_t)a[2].value;
    return true;
}

/* The last function stops before op `at`: its successor's labels and line are not its own. */
static bool end_function(Load *l, size_t at)
{
    const GenCode *g = &l->gen;
    if (l->function_count == 0)
        return true;
    Function *f = &l->functions[l->function_count - 1];
    while (at > 0 && (g->ops[at - 1].op == GEN_label || g->ops[at - 1].op == GEN_line))
        at--;
    f->end_op = (uint32_t)at;
    return at > f->entry_op || load_fail(l, "function without code");
}

bool check_find_functions(Load *l)
{
    const GenCode *g = &l->gen;
    for (size_t i = 0; i < g->count; i++) {
        unsigned op = g->ops[i].op;
        if (op != GEN_func_info && op != GEN_int_code_end)
            continue;
        l->pos = i;
        if (!end_function(l, i))
            return false;
        if (op == GEN_func_info && !add_function(l, i))
            return false;
    }
    l->pos = 0;
    if (l->function_count == 0 || l->function_count != l->f.function_count)
        return load_fail(l, "%zu functions, header says %u", l->function_count, l->f.function_count);
    return true;
}

/* ---- operands ---- */

static int frame_slots(int frame)
{
    return frame >= 0 ? frame : frame <= FRAME_MIXED ? FRAME_MIXED - frame : 0;
}

int frame_merge(int a, int b)
{
    if (a == b || b == FRAME_UNSET)
        return a;
    if (a == FRAME_UNSET)
        return b;
    return FRAME_MIXED - MIN(frame_slots(a), frame_slots(b));
}

bool check_label(Load *l, uint64_t label)
{
    if (label == 0)
        return true;
    if (label >= l->f.label_count)
        return load_fail(l, "label %u", (unsigned)label);
    Label *to = &l->labels[label];
    if (l->frame == FRAME_UNKNOWN || to->frame == l->frame)
        return true;
    if (to->at == LABEL_UNDEFINED) {
        to->frame = (int16_t)frame_merge(to->frame, l->frame);
        return true;
    }
    if (to->frame == FRAME_UNKNOWN || (to->frame <= FRAME_MIXED && frame_slots(to->frame) <= frame_slots(l->frame)))
        return true;
    return load_fail(l, "label %u: %d y registers here, %d there", (unsigned)label, l->frame, to->frame);
}

bool check_operand(Load *l, const InsnOperand *op, bool is_call)
{
    switch (op->kind) {
    case INSN_OP_Y:
        if ((int64_t)op->value >= frame_slots(l->frame))
            return load_fail(l, "y%u in a frame of %d", (unsigned)op->value, l->frame);
        return true;
    case INSN_OP_LABEL: return is_call || check_label(l, op->value);
    default: return true;
    }
}

bool check_sources(Load *l, const InsnOperand *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_source(&ops[i]))
            return load_fail(l, "list element %zu is no value", i + 1);
    return true;
}

bool check_live(Load *l, uint64_t live)
{
    return live <= GEN_X_REGS || load_fail(l, "%u live registers", (unsigned)live);
}

bool check_call_target(Load *l, const InsnOperand *arity, const InsnOperand *label)
{
    if (!is_uint(arity) || label->kind != INSN_OP_LABEL || label->value == 0
        || label->value >= l->f.label_count || l->labels[label->value].entry_arity != (int64_t)arity->value)
        return load_fail(l, "call of no function, or with another arity");
    return true;
}

/* ---- heap and frame ---- */

bool check_take_heap(Load *l, uint64_t words)
{
    if (l->heap < words)
        return load_fail(l, "%u words built, %u reserved", (unsigned)words, (unsigned)l->heap);
    l->heap -= words;
    return true;
}

bool check_allocate(Load *l, uint64_t slots, uint64_t live)
{
    if (l->frame >= 0 || l->frame <= FRAME_MIXED)
        return load_fail(l, "second frame");
    if (slots >= GEN_X_REGS)
        return load_fail(l, "frame of %u", (unsigned)slots);
    return check_live(l, live);
}

bool check_deallocate(Load *l, uint64_t slots)
{
    if (l->frame == FRAME_UNKNOWN || (int64_t)slots != l->frame)
        return load_fail(l, "frame of %d removed as %u", l->frame, (unsigned)slots);
    return true;
}
