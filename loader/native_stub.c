/* SPDX-License-Identifier: Apache-2.0 */
/* native_stub - functions whose body is not what runs: natives, and the two that are instructions.
 * A native takes a function's place only where the function does nothing but call erlang:nif_error
 * (moves, lists and tuples for its argument aside). So each OTP release has its own mix of Erlang and
 * native code, without lists of releases. */
#include "base/alloc.h"
#include "loader/load_priv.h"

/* erlang:apply/2,3 need the interpreter itself. */
static int body_instruction(term_t module, const Function *fn)
{
    if (module != am_erlang)
        return -1;
    if (fn->name == am_apply && fn->arity == 2)
        return INSN_apply_fun_list;
    if (fn->name == am_apply && fn->arity == 3)
        return INSN_apply_mfa_list;
    return -1;
}

static bool is_nif_error(const Load *l, const InsnOperand *index)
{
    if (!is_uint(index) || index->value >= l->f.import_count)
        return false;
    const BeamImport *i = &l->f.imports[index->value];
    return i->module == am_erlang && i->function == am_nif_error && (i->arity == 1 || i->arity == 2);
}

static bool body_is_stub(const Load *l, const Function *fn)
{
    for (size_t i = fn->entry_op + 1; i < fn->end_op; i++) {
        const GenOp *op = &l->gen.ops[i];
        const InsnOperand *a = gen_args(&l->gen, op);
        switch (op->op) {
        case GEN_nif_start: case GEN_line: case GEN_allocate: case GEN_allocate_heap: case GEN_test_heap:
        case GEN_allocate_zero: case GEN_allocate_heap_zero: case GEN_move: case GEN_put_list:
        case GEN_put_tuple2: case GEN_init_yregs: case GEN_init: case GEN_executable_line:
        case GEN_debug_line:
            continue;
        case GEN_call_ext: case GEN_call_ext_last: case GEN_call_ext_only: return is_nif_error(l, &a[1]);
        default: return false;
        }
    }
    return false;
}

/* erlang:yield/0 calls itself: it exists only as a native. */
static bool is_yield(term_t module, const Function *fn)
{
    return module == am_erlang && fn->name == am_yield && fn->arity == 0;
}

bool native_replace(Load *l, const Function *fn, bool *replaced)
{
    term_t module = beamfile_module(&l->f);
    int family = body_instruction(module, fn);
    *replaced = family >= 0;
    if (family >= 0)
        return emit(l, family, NULL, 0);
    Export *e = export_find(l->vm, module, fn->name, fn->arity);
    if (!e || !e->native || !(body_is_stub(l, fn) || is_yield(module, fn)))
        return true;
    *replaced = l->labels[fn->entry_label].is_native = true;
    InsnOperand op = {INSN_OP_UINT, (uintptr_t)e};
    return emit(l, INSN_native_tail, &op, 1);
}

/* ---- guard natives that Joist does not have ---- */

typedef struct MissingNative {
    BifEntry entry;          /* must be first */
    struct MissingNative *next;
    char name[];
} MissingNative;

static term_t missing_native(Process *p, term_t *a)
{
    return bif_not_supported(p);
}

static const BifEntry *find_missing(LoaderSpace *s, const BeamImport *i)
{
    for (MissingNative *m = s->missing; m; m = m->next)
        if (m->entry.module == i->module && m->entry.function == i->function && m->entry.arity == i->arity)
            return &m->entry;
    return NULL;
}

const BifEntry *native_guard(Load *l, const BeamImport *i)
{
    const BifEntry *found = bif_find(i->module, i->function, i->arity);
    if (found)
        return found->flags & BIF_GUARD ? found : NULL;
    LoaderSpace *s = l->vm->loader;
    mutex_lock(&s->lock);
    found = find_missing(s, i);
    if (!found) {
        MissingNative *m = mem_alloc_zero(MEM_CODE_TABLE, sizeof *m + 1);
        m->entry = (BifEntry){i->module, i->function, (uint8_t)i->arity, BIF_GUARD, missing_native, m->name};
        m->next = s->missing;
        s->missing = m;
        found = &m->entry;
    }
    mutex_unlock(&s->lock);
    return found;
}
