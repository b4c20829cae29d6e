/* SPDX-License-Identifier: Apache-2.0 */
/* rules - generic instructions to instruction families, one function per generic instruction.
 * A rule looks at its own operation and at the ones that follow without a label between (rule_peek),
 * emits the family that does the same, and moves l->pos over what it fused. Rules only ever look forward
 * and every rule consumes at least its own operation, so translation is linear and ends. A fused form
 * is a shortcut: where no variant takes its operands the parts are emitted.
 * Instructions without a rule go to the family of the same name with the same operands. */
#include "base/alloc.h"
#include "data/map.h"
#include "loader/load_priv.h"

#include <stdlib.h>

#define MAX_RESERVED_WORDS ((uint64_t)1 << 26)
#define X(n) ((InsnOperand){INSN_OP_X, (n)})

static const GenOp no_op = {0, 0, 0, 0, 0};

const GenOp *rule_peek(const Load *l, size_t ahead)
{
    size_t at = l->pos + ahead;
    return at < l->gen.count && !l->gen.ops[at].guard ? &l->gen.ops[at] : &no_op;
}

static const InsnOperand *args_of(const Load *l, const GenOp *op)
{
    return gen_args(&l->gen, op);
}

/* Operands with the list's elements in the place of its marker, in l->scratch. */
static InsnOperand *flatten(Load *l, const GenOp *op, const InsnOperand *a, unsigned *n)
{
    size_t fixed = op->argc, list = 0;
    if (op->argc > 0 && a[op->argc - 1].kind == GEN_LIST) {
        fixed--;
        list = gen_list_size(&a[fixed]);
    }
    InsnOperand *out = emit_scratch(l, fixed + list);
    memcpy(out, a, fixed * sizeof *a);
    memcpy(out + fixed, a + fixed + 1, list * sizeof *a);
    *n = (unsigned)(fixed + list);
    return out;
}

static bool is_list(const GenOp *op, const InsnOperand *a)
{
    return op->argc > 0 && a[op->argc - 1].kind == GEN_LIST;
}

int rule_family(const Load *l, unsigned op)
{
    return l->vm->loader->family_of[op];
}

bool rule_plain(Load *l, const GenOp *op, const InsnOperand *a)
{
    unsigned n;
    InsnOperand *ops = flatten(l, op, a, &n);
    return emit(l, rule_family(l, op->op), ops, n);
}

static void not_reachable(Load *l)
{
    l->reachable = false;
    l->frame = FRAME_UNKNOWN;
    l->heap = 0;
}

/* Plain, and control does not go on behind it. */
static bool rule_end(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool ok = rule_plain(l, op, a);
    not_reachable(l);
    return ok;
}

static bool rule_skip(Load *l, const GenOp *op, const InsnOperand *a)
{
    return true;
}

static bool rule_old(Load *l, const GenOp *op, const InsnOperand *a)
{
    not_reachable(l);
    return emit(l, INSN_native_record_op, NULL, 0);
}

/* ---- labels, functions, lines ---- */

/* A function that may be replaced by a native has nif_start, perhaps behind its allocation; what is replaced is
 * the beginning. */
static bool begin_nif(Load *l, const Function *fn)
{
    InsnOperand spare = {INSN_OP_UINT, 0};
    for (size_t i = fn->entry_op + 1; i < fn->end_op; i++)
        if (l->gen.ops[i].op == GEN_nif_start) return emit(l, INSN_nif_start, &spare, 1);
        else if (l->gen.ops[i].op == GEN_label) return true;
    return true;
}

/* NULL: in front of the first. */
static const Function *current_function(const Load *l)
{
    return l->function_at > 0 ? &l->functions[l->function_at - 1] : NULL;
}

/* Look at the whole function. False: this place is between functions. */
static bool find_frame(Load *l)
{
    const Function *fn = current_function(l);
    if (!fn || l->pos >= fn->end_op)
        return false;
    frames_find(l, fn);
    return true;
}

static bool rule_label(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_uint(&a[0]) || a[0].value == 0 || a[0].value >= l->f.label_count
        || l->labels[a[0].value].at != LABEL_UNDEFINED)
        return load_fail(l, "label %u twice or out of range", (unsigned)a[0].value);
    Label *to = &l->labels[a[0].value];
    to->at = (uint32_t)l->words;
    if (l->reachable)
        to->frame = (int16_t)frame_merge(to->frame, l->frame);
    else if (to->frame == FRAME_UNSET && !find_frame(l))
        to->frame = FRAME_UNKNOWN;
    l->reachable = to->frame != FRAME_UNSET;
    l->frame = l->reachable ? to->frame : FRAME_UNKNOWN;
    l->heap = 0;
    const Function *fn = current_function(l);
    return !fn || a[0].value != fn->entry_label || begin_nif(l, fn);
}

static bool rule_func_info(Load *l, const GenOp *op, const InsnOperand *a)
{
    Function *fn = &l->functions[l->function_at++];
    bool replaced = false;
    if (!emit(l, INSN_func_info, a, 3))
        return false;
    l->inst->functions[l->function_at - 1] = (const code_t *)(uintptr_t)l->words;
    l->frame = FRAME_NONE;
    l->reachable = true;
    Label *entry = &l->labels[fn->entry_label];
    if (entry->frame == FRAME_UNSET)
        entry->frame = FRAME_NONE;
    if (!native_replace(l, fn, &replaced))
        return false;
    if (replaced) {
        entry->at = (uint32_t)(uintptr_t)l->inst->functions[l->function_at - 1];
        l->pos = fn->end_op - 1;
        not_reachable(l);
    }
    return true;
}

static void enter_line(Load *l, const GenOp *line, size_t at)
{
    const InsnOperand *a = args_of(l, line);
    emit_line(l, is_uint(a) ? (uint32_t)MIN(a->value, (uint64_t)UINT32_MAX) : 0, at);
}

static bool rule_line(Load *l, const GenOp *op, const InsnOperand *a)
{
    enter_line(l, op, l->words);
    return true;
}

static bool rule_on_load(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (l->function_at == 0)
        return load_fail(l, "outside a function");
    l->inst->on_load = l->inst->functions[l->function_at - 1];
    return true;
}

/* ---- calls ---- */

static bool rule_call(Load *l, const GenOp *op, const InsnOperand *a)
{
    return check_call_target(l, &a[0], &a[1]) && emit_call(l, INSN_call, a, 2);
}

static bool rule_call_only(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool ok = check_call_target(l, &a[0], &a[1]) && check_deallocate(l, (uint64_t)FRAME_NONE)
        && emit_call(l, INSN_call_only, a, 2);
    not_reachable(l);
    return ok;
}

static bool rule_call_last(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool ok = check_call_target(l, &a[0], &a[1]) && is_uint(&a[2]) && check_deallocate(l, a[2].value)
        && emit_call(l, INSN_call_last, a, 3);
    not_reachable(l);
    return ok;
}

static Export *import_of(Load *l, const InsnOperand *arity, const InsnOperand *index)
{
    if (!is_uint(arity) || !is_uint(index) || index->value >= l->f.import_count
        || l->f.imports[index->value].arity != arity->value)
        return load_fail(l, "bad import"), NULL;
    return l->imports[index->value];
}

static bool is_native(const Export *e)
{
    return e->native && export_addr(e) == e->native_stub;
}

/* Calls that never come back; the compiler puts nothing behind them. */
bool call_never_returns(const Export *e)
{
    const Mfa *m = &e->mfa;
    if (m->module != am_erlang)
        return false;
    if (m->function == am_error)
        return m->arity == 1 || m->arity == 2;
    return m->arity == 1 && (m->function == am_exit || m->function == am_throw);
}

/* A call that never comes back keeps the frame, whatever its form: the stack trace shows the caller. */
static bool exit_call(Load *l, const InsnOperand *arity, Export *e)
{
    InsnOperand ops[] = {*arity, UINT((uintptr_t)e)};
    bool ok = emit_call(l, is_native(e) ? INSN_call_native : INSN_call_ext, ops, 2);
    not_reachable(l);
    return ok;
}

/* erlang:apply/2,3 are carried out in the caller's place; this is the tail form. -1: another function. */
static int apply_family(const Export *e)
{
    if (e->mfa.module != am_erlang || e->mfa.function != am_apply)
        return -1;
    return e->mfa.arity == 2 ? INSN_apply_fun_list : e->mfa.arity == 3 ? INSN_apply_mfa_list : -1;
}

static bool rule_call_ext(Load *l, const GenOp *op, const InsnOperand *a)
{
    Export *e = import_of(l, &a[0], &a[1]);
    if (!e)
        return false;
    InsnOperand ops[] = {a[0], UINT((uintptr_t)e)};
    if (call_never_returns(e))
        return exit_call(l, &a[0], e);
    if (apply_family(e) >= 0)
        return emit_call(l, e->mfa.arity == 2 ? INSN_call_apply_fun_list : INSN_call_apply_mfa_list, NULL, 0);
    return emit_call(l, is_native(e) ? INSN_call_native : INSN_call_ext, ops, 2);
}

static bool tail_apply(Load *l, int family, const InsnOperand *dealloc)
{
    bool ok = (!dealloc || emit(l, INSN_deallocate, dealloc, 1)) && emit(l, family, NULL, 0);
    not_reachable(l);
    return ok;
}

static bool rule_call_ext_only(Load *l, const GenOp *op, const InsnOperand *a)
{
    Export *e = import_of(l, &a[0], &a[1]);
    if (!e)
        return false;
    if (call_never_returns(e))
        return exit_call(l, &a[0], e);
    if (!check_deallocate(l, (uint64_t)FRAME_NONE))
        return false;
    if (apply_family(e) >= 0)
        return tail_apply(l, apply_family(e), NULL);
    InsnOperand ops[] = {a[0], UINT((uintptr_t)e)};
    /* A native runs in its caller's frame, so that the caller stands in the stack trace of an error. */
    bool ok = is_native(e) ? emit_call(l, INSN_call_native, ops, 2) && emit(l, INSN_return, NULL, 0)
                           : emit_call(l, INSN_call_ext_only, ops, 2);
    not_reachable(l);
    return ok;
}

static bool rule_call_ext_last(Load *l, const GenOp *op, const InsnOperand *a)
{
    Export *e = import_of(l, &a[0], &a[1]);
    if (e && call_never_returns(e))
        return exit_call(l, &a[0], e);
    if (!e || !is_uint(&a[2]) || !check_deallocate(l, a[2].value))
        return load_fail(l, "bad tail call");
    if (apply_family(e) >= 0)
        return tail_apply(l, apply_family(e), &a[2]);
    InsnOperand ops[] = {a[0], UINT((uintptr_t)e), a[2]};
    bool ok = is_native(e) ? emit_call(l, INSN_call_native, ops, 2)
                                 && emit(l, INSN_deallocate_return, &a[2], 1)
                           : emit_call(l, INSN_call_ext_last, ops, 3);
    not_reachable(l);
    return ok;
}

/* call_fun; deallocate; return -> one tail call. `fun` is where the fun is. */
static bool tail_call_fun(Load *l, const InsnOperand *arity, const InsnOperand *fun, bool *done)
{
    const GenOp *next = rule_peek(l, 1), *after = rule_peek(l, 2);
    *done = false;
    if (next->op != GEN_deallocate || after->op != GEN_return)
        return true;
    const InsnOperand *slots = args_of(l, next);
    if (!is_uint(slots))
        return true;
    InsnOperand ops[] = {{INSN_OP_TERM, am_unsafe}, *arity, *fun, *slots};
    int at = (int)l->frame;
    if (!check_deallocate(l, slots->value))
        return false;
    if (at >= 0 && emit_try(l, INSN_call_fun2_last, ops, 4)) {
        *done = true;
        l->pos += 2;
        not_reachable(l);
    }
    return true;
}

static bool rule_call_fun(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool done;
    if (!is_uint(&a[0]) || a[0].value > 255)
        return load_fail(l, "arity");
    InsnOperand fun = X(a[0].value);
    return tail_call_fun(l, &a[0], &fun, &done) && (done || emit(l, INSN_call_fun, a, 1));
}

static bool rule_call_fun2(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool done;
    if (!is_uint(&a[1]) || a[1].value > 255)
        return load_fail(l, "arity");
    return tail_call_fun(l, &a[1], &a[2], &done) && (done || emit(l, INSN_call_fun2, a, 3));
}

static bool rule_apply(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_uint(&a[0]) || a[0].value > 255)
        return load_fail(l, "arity");
    return rule_plain(l, op, a);
}

static bool rule_apply_last(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_uint(&a[0]) || a[0].value > 255 || !is_uint(&a[1]) || !check_deallocate(l, a[1].value))
        return load_fail(l, "operands");
    return rule_end(l, op, a);
}

static FunEntry *lambda_of(Load *l, const InsnOperand *index, const BeamLambda **lambda)
{
    if (!is_uint(index) || index->value >= l->f.lambda_count)
        return load_fail(l, "bad lambda"), NULL;
    *lambda = &l->f.lambdas[index->value];
    return l->inst->funs[index->value];
}

static bool rule_make_fun3(Load *l, const GenOp *op, const InsnOperand *a)
{
    const BeamLambda *lambda;
    FunEntry *f = lambda_of(l, &a[0], &lambda);
    if (!f || a[2].kind != GEN_LIST || gen_list_size(&a[2]) != lambda->nfree
        || !check_sources(l, a + 3, lambda->nfree) || !check_take_heap(l, FUN_WORDS(lambda->nfree)))
        return load_fail(l, "bad fun");
    unsigned n;
    InsnOperand *ops = flatten(l, op, a, &n);
    ops[0] = UINT((uintptr_t)f);
    return emit(l, INSN_make_fun3, ops, n);
}

static bool rule_make_fun2(Load *l, const GenOp *op, const InsnOperand *a)
{
    const BeamLambda *lambda;
    FunEntry *f = lambda_of(l, &a[0], &lambda);
    if (!f)
        return false;
    l->heap = 0;
    InsnOperand ops[] = {UINT((uintptr_t)f), UINT(lambda->nfree)};
    return emit(l, INSN_make_fun2, ops, 2);
}

/* ---- frames and heap ---- */

static bool reserve(Load *l, const InsnOperand *words)
{
    if (!is_uint(words) || words->value > MAX_RESERVED_WORDS)
        return load_fail(l, "words");
    l->heap = words->value;
    return true;
}

static bool rule_allocate(Load *l, const GenOp *op, const InsnOperand *a)
{
    unsigned live = op->argc - 1;
    if (!is_uint(&a[0]) || !is_uint(&a[live]) || !check_allocate(l, a[0].value, a[live].value))
        return load_fail(l, "operands");
    l->heap = 0;
    if (op->argc == 3 && !reserve(l, &a[1]))
        return false;
    l->frame = (int)a[0].value;
    return rule_plain(l, op, a);
}

static bool rule_test_heap(Load *l, const GenOp *op, const InsnOperand *a)
{
    return reserve(l, &a[0]) && is_uint(&a[1]) && check_live(l, a[1].value) && rule_plain(l, op, a);
}

static bool rule_deallocate(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_uint(&a[0]) || !check_deallocate(l, a[0].value))
        return load_fail(l, "operand");
    l->frame = FRAME_NONE;
    if (rule_peek(l, 1)->op != GEN_return)
        return rule_plain(l, op, a);
    l->pos++;
    bool ok = emit(l, INSN_deallocate_return, a, 1);
    not_reachable(l);
    return ok;
}

static bool rule_return(Load *l, const GenOp *op, const InsnOperand *a)
{
    return check_deallocate(l, (uint64_t)FRAME_NONE) && rule_end(l, op, a);
}

static bool rule_trim(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_uint(&a[0]) || !is_uint(&a[1]) || l->frame < 0
        || a[0].value + a[1].value != (uint64_t)l->frame)
        return load_fail(l, "operands");
    l->frame = (int)a[1].value;
    return a[0].value == 0 || rule_plain(l, op, a);
}

static bool rule_init_yregs(Load *l, const GenOp *op, const InsnOperand *a)
{
    static const uint16_t short_forms[] = {0, INSN_init_y1, INSN_init_y2, INSN_init_y3};
    if (!is_list(op, a))
        return load_fail(l, "operand");
    size_t n = gen_list_size(&a[0]);
    for (size_t i = 1; i <= n; i++)
        if (a[i].kind != INSN_OP_Y)
            return load_fail(l, "operand");
    if (n >= 1 && n <= 3)
        return emit(l, short_forms[n], a + 1, (unsigned)n);
    return n == 0 || rule_plain(l, op, a);
}

/* ---- moves ---- */

static bool fuse_move_call(Load *l, const InsnOperand *src, const GenOp *call, const InsnOperand *c)
{
    static const struct {
        uint8_t op;
        uint16_t local;
    } forms[] = {
        {GEN_call, INSN_move_call}, {GEN_call_last, INSN_move_call_last},
        {GEN_call_only, INSN_move_call_only}, {GEN_call_ext, INSN_move_call_ext},
        {GEN_call_ext_last, INSN_move_call_ext_last}, {GEN_call_ext_only, INSN_move_call_ext_only},
    };
    unsigned i = 0;
    while (i < ARRAY_LEN(forms) && forms[i].op != call->op)
        i++;
    if (i == ARRAY_LEN(forms))
        return false;
    InsnOperand ops[4] = {*src, c[0], c[1], call->argc == 3 ? c[2] : UINT(0)};
    if (i < 3) {
        if (!check_call_target(l, &c[0], &c[1]))
            return false;
    } else {
        Export *e = import_of(l, &c[0], &c[1]);
        if (!e || is_native(e) || call_never_returns(e) || apply_family(e) >= 0)
            return false;
        ops[2] = UINT((uintptr_t)e);
    }
    bool last = call->argc == 3, only = call->op == GEN_call_only || call->op == GEN_call_ext_only;
    if ((last && (!is_uint(&c[2]) || (int64_t)c[2].value != l->frame)) || (only && l->frame != FRAME_NONE))
        return false;
    return emit_call_try(l, forms[i].local, ops, last ? 4 : 3);
}

/* A line may stand between the move and the call. That of a call in tail position is not kept: the function is not in a
 * stack trace then, and code behind that has no line of its own shows the one before, as on the reference. */
static bool try_move_call(Load *l, const InsnOperand *src)
{
    const GenOp *line = rule_peek(l, 1);
    size_t ahead = line->op == GEN_line ? 2 : 1;
    const GenOp *call = rule_peek(l, ahead);
    size_t at = l->words;
    if (!fuse_move_call(l, src, call, args_of(l, call)))
        return false;
    bool returns = call->op == GEN_call || call->op == GEN_call_ext;
    if (ahead == 2 && returns)
        enter_line(l, line, at);
    l->pos += ahead;
    if (!returns)
        not_reachable(l);
    return true;
}

static bool rule_move(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (same_operand(&a[0], &a[1]))
        return check_operand(l, &a[0], false);
    if (a[1].kind == INSN_OP_X && a[1].value == 0 && l->f.error[0] == 0) {
        if (try_move_call(l, &a[0]))
            return true;
        if (l->f.error[0])
            return false;
    }
    const GenOp *next = rule_peek(l, 1);
    const InsnOperand *b = args_of(l, next);
    /* Both sources are read before a register is written. */
    if (next->op == GEN_move && is_register(&a[0]) && is_register(&b[0]) && !same_operand(&b[0], &a[1])) {
        InsnOperand ops[] = {a[0], a[1], b[0], b[1]};
        if (emit_try(l, INSN_move2, ops, 4)) {
            l->pos++;
            return true;
        }
    }
    return rule_plain(l, op, a);
}

/* ---- tuples, lists, maps ---- */

static bool rule_get_tuple_element(Load *l, const GenOp *op, const InsnOperand *a)
{
    const GenOp *next = rule_peek(l, 1);
    const InsnOperand *b = args_of(l, next);
    if (next->op == GEN_get_tuple_element && same_operand(&a[0], &b[0]) && is_uint(&a[1])
        && is_uint(&b[1]) && b[1].value == a[1].value + 1 && !same_operand(&a[0], &a[2])
        && !same_operand(&a[2], &b[2])) {
        InsnOperand ops[] = {a[0], a[1], a[2], b[2]};
        if (emit_try(l, INSN_get_tuple_element2, ops, 4)) {
            l->pos++;
            return true;
        }
    }
    return rule_plain(l, op, a);
}

static bool rule_put_list(Load *l, const GenOp *op, const InsnOperand *a)
{
    return check_take_heap(l, 2) && rule_plain(l, op, a);
}

static bool rule_put_tuple2(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_list(op, a))
        return load_fail(l, "operands");
    size_t n = gen_list_size(&a[1]);
    if (n > MAX_RESERVED_WORDS || !check_sources(l, a + 2, n) || !check_take_heap(l, n + 1))
        return false;
    if (n == 2) {
        InsnOperand ops[] = {a[0], a[2], a[3]};
        if (emit_try(l, INSN_put_tuple2_of2, ops, 3))
            return true;
    }
    return rule_plain(l, op, a);
}

static bool rule_update_record(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_list(op, a) || !is_uint(&a[1]) || !check_take_heap(l, a[1].value + 1))
        return load_fail(l, "operands");
    size_t n = gen_list_size(&a[4]);
    if (n % 2)
        return load_fail(l, "odd list");
    for (size_t i = 0; i < n; i += 2)
        if (!is_uint(&a[5 + i]) || a[5 + i].value == 0 || a[5 + i].value > a[1].value
            || !is_source(&a[6 + i]))
            return load_fail(l, "update %zu", i / 2);
    return rule_plain(l, op, a);
}

static bool rule_is_tuple(Load *l, const GenOp *op, const InsnOperand *a)
{
    const GenOp *next = rule_peek(l, 1);
    const InsnOperand *b = args_of(l, next);
    if (next->op == GEN_test_arity && same_operand(&a[0], &b[0]) && same_operand(&a[1], &b[1])) {
        l->pos++;
        return emit(l, INSN_is_tuple_of_arity, b, 3);
    }
    /* select_tuple_arity tests for a tuple itself. */
    if (next->op == GEN_select_tuple_arity && same_operand(&a[0], &b[1]) && same_operand(&a[1], &b[0]))
        return check_operand(l, &a[1], false);
    return rule_plain(l, op, a);
}

static bool rule_is_nonempty_list(Load *l, const GenOp *op, const InsnOperand *a)
{
    const GenOp *next = rule_peek(l, 1);
    const InsnOperand *b = args_of(l, next);
    if (next->op == GEN_get_list && same_operand(&a[1], &b[0])) {
        InsnOperand ops[] = {a[0], a[1], b[1], b[2]};
        if (emit_try(l, INSN_is_nonempty_list_get_list, ops, 4)) {
            l->pos++;
            return true;
        }
    }
    return rule_plain(l, op, a);
}

/* Put a constant second: the variants expect it there. */
static bool rule_commutative_test(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (a[1].kind != INSN_OP_TERM || a[2].kind == INSN_OP_TERM)
        return rule_plain(l, op, a);
    InsnOperand ops[] = {a[0], a[2], a[1]};
    return emit(l, rule_family(l, op->op), ops, 3);
}

/* A change of a literal that has all the keys (maps made by the code begin as one: share_map_keys in tables.c): the
 * values, in the order of its keys. False: it is another change. */
static bool is_new_map(const InsnOperand *a, size_t n, InsnOperand *values)
{
    term_t map = a[1].value;
    if (a[1].kind != INSN_OP_TERM || !term_is_map(map) || !map_is_flat(map) || map_size(map) == 0) return false;
    for (size_t i = 0; i < map_size(map); i++) values[i] = (InsnOperand){INSN_OP_TERM, flat_map_values(map)[i]};
    for (size_t i = 0; i < n; i += 2) {
        if (a[5 + i].kind != INSN_OP_TERM || !tables_is_light(a[5 + i].value)) return false;
        ptrdiff_t at = flat_map_index(map, a[5 + i].value, MIN(i / 2, map_size(map)));
        if (at < 0) return false;
        values[at] = a[6 + i];
    }
    return true;
}

static bool comes_before(const InsnOperand *a, const InsnOperand *b)
{
    return term_cmp_exact((term_t)a->value, (term_t)b->value) < 0;
}

/* Pairs of known, small keys in the order of maps, so that a search goes on where the last one ended. Keys in registers
 * stay where they are: an element that is written may take the place of a key. */
static void sort_pairs(InsnOperand *pairs, size_t n)
{
    if (n > 2 * MAP_FLAT_MAX) return;
    for (size_t i = 0; i < n; i += 2)
        if (pairs[i].kind != INSN_OP_TERM || !tables_is_light(pairs[i].value)) return;
    for (size_t end = 2; end < n; end += 2) {
        InsnOperand key = pairs[end], other = pairs[end + 1];
        size_t at = end;
        for (; at > 0 && comes_before(&key, &pairs[at - 2]); at -= 2)
            memcpy(&pairs[at], &pairs[at - 2], 2 * sizeof *pairs);
        pairs[at] = key;
        pairs[at + 1] = other;
    }
}

/* Plain, but for the order of the n operands that are pairs, the last ones. */
static bool rule_pairs(Load *l, const GenOp *op, const InsnOperand *a, size_t n)
{
    unsigned all;
    InsnOperand *ops = flatten(l, op, a, &all);
    sort_pairs(ops + all - n, n);
    return emit(l, rule_family(l, op->op), ops, all);
}

static bool rule_put_map(Load *l, const GenOp *op, const InsnOperand *a)
{
    size_t n = is_list(op, a) ? gen_list_size(&a[4]) : 1;
    if (n % 2 || !check_sources(l, a + 5, n))
        return load_fail(l, "pairs");
    l->heap = 0;
    InsnOperand ops[3 + MAP_FLAT_MAX] = {UINT(a[1].value), a[2], a[3]};
    if (!is_new_map(a, n, ops + 3)) return rule_pairs(l, op, a, n);
    return emit(l, INSN_new_map, ops, (unsigned)(3 + map_size(a[1].value)));
}

static bool rule_has_map_fields(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_list(op, a) || !check_sources(l, a + 3, gen_list_size(&a[2])))
        return load_fail(l, "keys");
    return rule_plain(l, op, a);
}

static bool rule_get_map_elements(Load *l, const GenOp *op, const InsnOperand *a)
{
    size_t n = is_list(op, a) ? gen_list_size(&a[2]) : 1;
    if (n % 2)
        return load_fail(l, "pairs");
    for (size_t i = 0; i < n; i += 2)
        if (!is_source(&a[3 + i]) || !is_register(&a[4 + i]))
            return load_fail(l, "pair %zu", i / 2);
    if (n == 2) {
        InsnOperand ops[] = {a[0], a[1], a[3], a[4]};
        if (emit_try(l, INSN_get_map_element, ops, 4))
            return true;
    }
    return rule_pairs(l, op, a, n);
}

static bool rule_test_arity(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool test = op->guard && l->guards[op->guard - 1].kind == GUARD_IS_TUPLE;
    return test ? emit(l, INSN_is_tuple_of_arity, a, 3) : rule_plain(l, op, a);
}

/* ---- floats ---- */

static bool rule_fmove(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (a[1].kind == INSN_OP_FR)
        return emit(l, INSN_fmove_load, a, 2);
    return check_take_heap(l, FLOAT_WORDS) && emit(l, INSN_fmove_store, a, 2);
}

/* ---- jumps and selection ---- */

static bool rule_jump(Load *l, const GenOp *op, const InsnOperand *a)
{
    const GenOp *next = rule_peek(l, 1);
    const InsnOperand *b = args_of(l, next);
    if (a[0].kind != INSN_OP_LABEL || a[0].value == 0)
        return load_fail(l, "operand");
    if (next->op == GEN_label && is_uint(b) && b->value == a[0].value)
        return true; /* falls into it */
    return rule_end(l, op, a);
}

static int pair_order(const void *x, const void *y)
{
    uint64_t a = ((const InsnOperand *)x)->value, b = ((const InsnOperand *)y)->value;
    return a < b ? -1 : a > b;
}

/* Values that are no immediates are compared one by one; the others move to the front. */
static bool split_pairs(Load *l, const InsnOperand *src, InsnOperand *pairs, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        const InsnOperand *p = pairs + 2 * i;
        if (p[0].kind != INSN_OP_TERM || p[1].kind != INSN_OP_LABEL || p[1].value == 0)
            return load_fail(l, "pair %zu", i);
        if (term_is_immed(p[0].value)) {
            pairs[2 * kept] = p[0];
            pairs[2 * kept + 1] = p[1];
            kept++;
        } else {
            InsnOperand test[] = {p[1], *src, p[0]};
            if (!emit(l, INSN_is_ne_exact, test, 3))
                return false;
        }
    }
    *count = kept;
    return true;
}

/* Dense small integers become a table of labels. ops: Src, Fail, pairs (sorted). */
static bool try_jump_table(Load *l, InsnOperand *ops, size_t count)
{
    InsnOperand *pairs = ops + 2;
    if (count < 4 || !term_is_small(pairs[0].value) || !term_is_small(pairs[2 * (count - 1)].value))
        return false;
    int64_t min = small_value(pairs[0].value), max = small_value(pairs[2 * (count - 1)].value);
    for (size_t i = 0; i < count; i++)
        if (!term_is_small(pairs[2 * i].value))
            return false;
    /* Sorted as unsigned words: negative values stand last and make the range look empty. */
    if (max < min || (uint64_t)(max - min) >= 2 * count + 4)
        return false;
    size_t span = (size_t)(max - min) + 1;
    InsnOperand *out = MEM_NEW_ARRAY(LOADER, InsnOperand, span + 3);
    out[0] = ops[0];
    out[1] = ops[1];
    out[2] = pairs[0];
    for (size_t i = 0; i < span; i++)
        out[3 + i] = (InsnOperand){INSN_OP_LABEL, 0};
    for (size_t i = 0; i < count; i++)
        out[3 + small_value(pairs[2 * i].value) - min] = pairs[2 * i + 1];
    emit_scratch(l, span + 3);
    bool done = emit_try(l, INSN_jump_table, out, (unsigned)(span + 3));
    MEM_DELETE_ARRAY(LOADER, out, span + 3);
    return done;
}

static bool emit_select(Load *l, InsnOperand *ops, size_t count)
{
    if (count == 0)
        return emit(l, INSN_jump, &ops[1], 1);
    if (count == 1) {
        InsnOperand test[] = {ops[3], ops[0], ops[2]};
        return emit(l, INSN_is_ne_exact, test, 3) && emit(l, INSN_jump, &ops[1], 1);
    }
    qsort(ops + 2, count, 2 * sizeof(InsnOperand), pair_order);
    if (try_jump_table(l, ops, count))
        return true;
    return l->f.error[0] == 0 && emit(l, INSN_select_val, ops, (unsigned)(2 + 2 * count));
}

static bool rule_select_val(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_list(op, a) || gen_list_size(&a[2]) % 2 || !is_source(&a[0]) || a[1].kind != INSN_OP_LABEL
        || a[1].value == 0)
        return load_fail(l, "operands");
    size_t count = gen_list_size(&a[2]) / 2, room = 2 + 2 * count;
    InsnOperand *ops = MEM_NEW_ARRAY(LOADER, InsnOperand, room);
    ops[0] = a[0];
    ops[1] = a[1];
    memcpy(ops + 2, a + 3, 2 * count * sizeof *a);
    emit_scratch(l, room);
    bool ok = split_pairs(l, &a[0], ops + 2, &count) && emit_select(l, ops, count);
    MEM_DELETE_ARRAY(LOADER, ops, room);
    not_reachable(l);
    return ok;
}

static bool rule_select_tuple_arity(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (!is_list(op, a) || gen_list_size(&a[2]) % 2)
        return load_fail(l, "operands");
    unsigned n;
    InsnOperand *ops = flatten(l, op, a, &n);
    for (unsigned i = 2; i < n; i += 2)
        if (!is_uint(&ops[i]) || ops[i + 1].kind != INSN_OP_LABEL || ops[i + 1].value == 0)
            return load_fail(l, "pair %u", i / 2);
    qsort(ops + 2, n / 2 - 1, 2 * sizeof(InsnOperand), pair_order);
    bool ok = emit(l, INSN_select_tuple_arity, ops, n);
    not_reachable(l);
    return ok;
}

/* ---- exceptions, receive ---- */

static bool rule_catch(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (a[1].kind != INSN_OP_LABEL || a[1].value == 0)
        return load_fail(l, "operands");
    return rule_plain(l, op, a);
}

static bool rule_branch_needed(Load *l, const GenOp *op, const InsnOperand *a)
{
    if (a[0].kind != INSN_OP_LABEL || a[0].value == 0)
        return load_fail(l, "no label");
    return rule_plain(l, op, a);
}

/* Unoptimised code goes back by way of a jump further on. The wait needs to know a loop to itself. */
static bool rule_wait(Load *l, const GenOp *op, const InsnOperand *a)
{
    const Function *fn = current_function(l);
    if (!fn)
        return load_fail(l, "outside a function");
    InsnOperand ops[] = {frames_jump_target(l, fn, a[0]), op->argc > 1 ? a[1] : a[0]};
    bool ok = rule_branch_needed(l, op, ops);
    if (op->op != GEN_wait_timeout)
        not_reachable(l);
    return ok;
}

static bool rule_loop_rec_end(Load *l, const GenOp *op, const InsnOperand *a)
{
    bool ok = rule_branch_needed(l, op, a);
    not_reachable(l);
    return ok;
}

/* ---- the table ---- */

static RuleFn *const rules[GEN_COUNT] = {
    [GEN_label] = rule_label, [GEN_func_info] = rule_func_info, [GEN_line] = rule_line,
    [GEN_int_code_end] = rule_end, [GEN_on_load] = rule_on_load, [GEN_nif_start] = rule_skip,
    [GEN_executable_line] = rule_skip, [GEN_debug_line] = rule_skip,
    [GEN_call] = rule_call, [GEN_call_last] = rule_call_last, [GEN_call_only] = rule_call_only,
    [GEN_call_ext] = rule_call_ext, [GEN_call_ext_last] = rule_call_ext_last,
    [GEN_call_ext_only] = rule_call_ext_only, [GEN_call_fun] = rule_call_fun,
    [GEN_call_fun2] = rule_call_fun2, [GEN_apply] = rule_apply, [GEN_apply_last] = rule_apply_last,
    [GEN_make_fun2] = rule_make_fun2, [GEN_make_fun3] = rule_make_fun3,
    [GEN_allocate] = rule_allocate, [GEN_allocate_heap] = rule_allocate,
    [GEN_allocate_zero] = rule_allocate, [GEN_allocate_heap_zero] = rule_allocate,
    [GEN_test_heap] = rule_test_heap, [GEN_deallocate] = rule_deallocate, [GEN_return] = rule_return,
    [GEN_trim] = rule_trim, [GEN_init_yregs] = rule_init_yregs, [GEN_move] = rule_move,
    [GEN_get_tuple_element] = rule_get_tuple_element, [GEN_put_list] = rule_put_list,
    [GEN_put_tuple2] = rule_put_tuple2, [GEN_update_record] = rule_update_record,
    [GEN_is_tuple] = rule_is_tuple, [GEN_test_arity] = rule_test_arity, [GEN_is_nonempty_list] = rule_is_nonempty_list,
    [GEN_is_eq_exact] = rule_commutative_test, [GEN_is_ne_exact] = rule_commutative_test,
    [GEN_put_map_assoc] = rule_put_map, [GEN_put_map_exact] = rule_put_map,
    [GEN_has_map_fields] = rule_has_map_fields, [GEN_get_map_elements] = rule_get_map_elements,
    [GEN_fmove] = rule_fmove,
    [GEN_bif0] = rule_bif, [GEN_bif1] = rule_bif, [GEN_bif2] = rule_bif, [GEN_bif3] = rule_bif,
    [GEN_gc_bif1] = rule_bif, [GEN_gc_bif2] = rule_bif, [GEN_gc_bif3] = rule_bif,
    [GEN_jump] = rule_jump, [GEN_select_val] = rule_select_val,
    [GEN_select_tuple_arity] = rule_select_tuple_arity,
    [GEN_catch] = rule_catch, [GEN_try] = rule_catch,
    [GEN_badmatch] = rule_end, [GEN_if_end] = rule_end, [GEN_case_end] = rule_end,
    [GEN_try_case_end] = rule_end, [GEN_badrecord] = rule_end, [GEN_raise] = rule_end,
    [GEN_wait] = rule_wait, [GEN_wait_timeout] = rule_wait, [GEN_loop_rec] = rule_branch_needed,
    [GEN_loop_rec_end] = rule_loop_rec_end,
    [GEN_bs_start_match4] = rule_bs_start_match4, [GEN_bs_init2] = rule_bs_init,
    [GEN_bs_init_bits] = rule_bs_init, [GEN_bs_append] = rule_bs_append,
    [GEN_bs_private_append] = rule_bs_private_append, [GEN_bs_create_bin] = rule_bs_create_bin,
    [GEN_bs_match_string] = rule_bs_match_string, [GEN_bs_put_string] = rule_bs_put_string,
    [GEN_bs_match] = rule_bs_match, [GEN_bs_test_unit] = rule_bs_unit,
    [GEN_bs_get_integer2] = rule_bs_get_integer, [GEN_bs_get_float2] = rule_bs_get,
    [GEN_bs_get_binary2] = rule_bs_get, [GEN_bs_skip_bits2] = rule_bs_skip_bits2,
    [GEN_bs_put_integer] = rule_bs_put, [GEN_bs_put_float] = rule_bs_put,
    [GEN_bs_put_binary] = rule_bs_put, [GEN_bs_put_utf8] = rule_bs_put,
    [GEN_bs_put_utf16] = rule_bs_put, [GEN_bs_put_utf32] = rule_bs_put,
    [GEN_is_native_record] = rule_old, [GEN_get_record_elements] = rule_old,
    [GEN_put_record] = rule_old, [GEN_is_record_accessible] = rule_old,
    [GEN_get_record_field] = rule_old,
};

/* Instructions between which an owed reservation has to wait: they fill the binary being built. */
static bool fills_binary(unsigned op)
{
    switch (op) {
    case GEN_bs_put_integer: case GEN_bs_put_float: case GEN_bs_put_binary: case GEN_bs_put_string:
    case GEN_bs_put_utf8: case GEN_bs_put_utf16: case GEN_bs_put_utf32: case GEN_line: return true;
    default: return false;
    }
}

/* Instructions that may collect, or take heap words other than those reserved for them. */
static bool spends_heap(unsigned op)
{
    switch (op) {
    case GEN_call: case GEN_call_ext: case GEN_call_fun: case GEN_call_fun2: case GEN_apply:
    case GEN_send: case GEN_wait: case GEN_wait_timeout: case GEN_gc_bif1: case GEN_gc_bif2:
    case GEN_gc_bif3: case GEN_make_fun2: case GEN_put_map_assoc: case GEN_put_map_exact:
    case GEN_catch_end: case GEN_build_stacktrace: case GEN_raw_raise: case GEN_bs_start_match3:
    case GEN_bs_start_match4: case GEN_bs_get_integer2: case GEN_bs_get_float2:
    case GEN_bs_get_binary2: case GEN_bs_get_tail: case GEN_bs_get_position: case GEN_bs_match:
    case GEN_bs_init_writable: case GEN_bs_add: case GEN_bs_utf8_size: case GEN_bs_utf16_size:
    case GEN_bs_init2: case GEN_bs_init_bits: case GEN_bs_append: case GEN_bs_private_append:
    case GEN_bs_create_bin: case GEN_recv_marker_reserve: case GEN_loop_rec: return true;
    default: return false;
    }
}

void rules_init(LoaderSpace *s)
{
    static_assert(ARRAY_LEN(s->family_of) >= GEN_COUNT, "one family an instruction");
    for (unsigned i = 0; i < GEN_COUNT; i++)
        s->family_of[i] = (int16_t)(gen_arity(i) >= 0 ? insn_family(gen_name(i)) : -1);
}

/* Code behind an end that no label leads to: compilers leave some when optimisation is off. It is not
 * emitted, so nothing needs to be known of it. */
static bool is_dead(const Load *l, const GenOp *op)
{
    return !l->reachable && op->op != GEN_label && op->op != GEN_func_info && op->op != GEN_int_code_end;
}

/* In front of an operation that takes for granted what the verifier did not find proven. */
static bool emit_guard_of(Load *l, const Guard *g)
{
    static const uint16_t families[] = {
        [GUARD_CELL] = INSN_check_cell, [GUARD_TUPLE] = INSN_check_tuple, [GUARD_TUPLE_OF] = INSN_check_tuple_of,
        [GUARD_MAP] = INSN_check_map, [GUARD_FLOAT] = INSN_check_float, [GUARD_BITS] = INSN_check_bits,
        [GUARD_OWN] = INSN_own_message,
    };
    InsnOperand ops[] = {g->on, UINT(g->n)};
    for (unsigned y = 0; y < 64; y++) {
        InsnOperand unset = {INSN_OP_Y, y};
        if (g->unset >> y & 1 && !emit(l, INSN_init, &unset, 1))
            return false;
    }
    if (g->kind == GUARD_IS_TUPLE || g->kind == GUARD_NOTHING)
        return true;
    if (g->kind == GUARD_SET)
        return emit(l, INSN_move, (InsnOperand[]){{INSN_OP_TERM, TERM_NIL}, g->on}, 2);
    if (g->kind == GUARD_COUNT)
        return emit(l, INSN_count_loop, NULL, 0);
    if (g->kind == GUARD_EXCEPTION)
        return emit(l, INSN_check_exception, NULL, 0);
    return emit(l, families[g->kind], ops, g->kind == GUARD_TUPLE || g->kind == GUARD_TUPLE_OF ? 2 : 1);
}

bool rules_translate(Load *l)
{
    emit_scratch(l, 256);
    l->frame = FRAME_UNKNOWN;
    for (l->pos = 0; l->pos < l->gen.count; l->pos++) {
        const GenOp *op = &l->gen.ops[l->pos];
        if (is_dead(l, op))
            continue;
        if (l->owed_words && !fills_binary(op->op) && !rule_pay_owed(l))
            return false;
        RuleFn *rule = rules[op->op] ? rules[op->op] : rule_plain;
        if (op->guard && !emit_guard_of(l, &l->guards[op->guard - 1]))
            return false;
        if (!rule(l, op, gen_args(&l->gen, op)))
            return load_fail(l, "bad operands");
        if (spends_heap(op->op))
            l->heap = 0;
    }
    return true;
}
