/* SPDX-License-Identifier: Apache-2.0 */
/* emit - instruction words, label fix-ups and line entries of the module being loaded. */
#include "base/alloc.h"
#include "loader/load_priv.h"

#define MAX_CODE_WORDS ((size_t)1 << 28) /* label distances are 32 bits */

static code_t *code_room(Load *l, size_t words)
{
    if (l->words + words > l->room) {
        size_t room = MAX(l->room * 2, l->words + words + 1024);
        l->code = mem_realloc(MEM_LOADER, l->code, l->room * sizeof(code_t), room * sizeof(code_t));
        l->room = room;
    }
    return l->code + l->words;
}

static void add_fixups(Load *l, unsigned n)
{
    if (l->fixup_count + n > l->fixup_room) {
        size_t room = MAX(l->fixup_room * 2, l->fixup_count + n + 256);
        l->fixups = mem_realloc(MEM_LOADER, l->fixups, l->fixup_room * sizeof(Fixup), room * sizeof(Fixup));
        l->fixup_room = room;
    }
    for (unsigned i = 0; i < n; i++)
        l->fixups[l->fixup_count++] = (Fixup){(uint32_t)l->words, l->scratch_fixes[i]};
}

InsnOperand *emit_scratch(Load *l, size_t n)
{
    n += 16;
    if (n > l->scratch_room) {
        mem_free(MEM_LOADER, l->scratch, l->scratch_room * sizeof(InsnOperand));
        mem_free(MEM_LOADER, l->scratch_fixes, l->scratch_room * sizeof(InsnFix));
        l->scratch = MEM_NEW_ARRAY(LOADER, InsnOperand, n);
        l->scratch_fixes = MEM_NEW_ARRAY(LOADER, InsnFix, n);
        l->scratch_room = n;
    }
    return l->scratch;
}

static bool emit_variant(Load *l, const InsnVariant *v, const InsnOperand *ops, unsigned n, bool is_call)
{
    for (unsigned i = 0; i < n; i++)
        if (!check_operand(l, &ops[i], is_call))
            return false;
    if (n > l->scratch_room)
        return load_fail(l, "%u operands", n);
    unsigned words = insn_words(v, n);
    if (l->words + words > MAX_CODE_WORDS)
        return load_fail(l, "too much code");
    unsigned fixes = insn_encode(v, ops, n, code_room(l, words), l->scratch_fixes);
    add_fixups(l, fixes);
    l->words += words;
    return true;
}

static bool select_failed(Load *l, int family)
{
    return load_fail(l, "operands of %s", insn_family_name(family));
}

bool emit(Load *l, int family, const InsnOperand *ops, unsigned n)
{
    const InsnVariant *v = insn_select(family, ops, n);
    return v ? emit_variant(l, v, ops, n, false) : select_failed(l, family);
}

bool emit_try(Load *l, int family, const InsnOperand *ops, unsigned n)
{
    const InsnVariant *v = insn_select(family, ops, n);
    return v && emit_variant(l, v, ops, n, false);
}

bool emit_call(Load *l, int family, const InsnOperand *ops, unsigned n)
{
    const InsnVariant *v = insn_select(family, ops, n);
    return v ? emit_variant(l, v, ops, n, true) : select_failed(l, family);
}

bool emit_call_try(Load *l, int family, const InsnOperand *ops, unsigned n)
{
    const InsnVariant *v = insn_select(family, ops, n);
    return v && emit_variant(l, v, ops, n, true);
}

bool emit_fixups(Load *l)
{
    for (size_t i = 0; i < l->fixup_count; i++) {
        const Fixup *x = &l->fixups[i];
        uint32_t to = l->labels[x->fix.label].at;
        if (to == LABEL_UNDEFINED)
            return load_fail(l, "label %u is not defined", x->fix.label);
        insn_fix(l->code + x->insn, &x->fix, (int64_t)to - (int64_t)x->insn);
    }
    return true;
}

void emit_line(Load *l, uint32_t index, size_t at)
{
    CodeInstance *c = l->inst;
    BeamLine line = index < l->f.line_count && l->f.lines ? l->f.lines[index] : (BeamLine){0, 0};
    /* A line without an instruction of its own gives way to the next one. */
    if (c->line_count > 0 && c->lines[c->line_count - 1].offset == at)
        c->line_count--;
    if (c->line_count == l->line_room) {
        size_t room = MAX(l->line_room * 2, (size_t)64);
        c->lines = mem_realloc(MEM_CODE, c->lines, l->line_room * sizeof(CodeLine), room * sizeof(CodeLine));
        l->line_room = room;
    }
    c->lines[c->line_count++] = (CodeLine){(uint32_t)at, line.file, line.line};
}
