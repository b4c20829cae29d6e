/* SPDX-License-Identifier: Apache-2.0 */
/* ms_compile - from the term of a match specification to operations. Input is a user's term: every
 * shape is checked. Patterns may be nested as deep as memory lets them; expressions to MS_MAX_DEPTH.
 * Layer: ets. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/binary.h"
#include "data/map.h"
#include "ets/ms.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Var {
    uint32_t number, slot;
} Var;

/* A part of a pattern that is still to be compiled, and the operation that takes it out of slot `from`. */
typedef struct Todo {
    term_t pattern, key;     /* key: for MS_MAP_GET */
    uint32_t from, index;    /* index: for MS_ELEM */
    uint16_t code;
} Todo;

#define TODO_INLINE 16
#define VARS_INLINE 8
#define FEW_VARS 16

typedef struct Compiler {
    MatchSpec *ms;
    enum MsDialect dialect;
    Var *vars, *first_vars;     /* of the clause at hand, in the order in which they were met */
    uint32_t var_count, var_cap;
    uint32_t *var_index;        /* of more than FEW_VARS: where they are, + 1, by hash; twice var_cap */
    const PatternParts *parts;  /* of the pattern at hand */
    size_t part;                /* the next to be met */
    Todo *todo, *first_todo;    /* first_: the room to begin with, the caller's */
    size_t todo_count, todo_room;
    uint32_t slots;             /* next free slot */
    uint32_t depth, max_depth;  /* of the value stack */
    uint32_t nesting;
    bool too_deep;              /* failed for its nesting */
    bool in_body;
    char *text;                 /* why it failed, or NULL */
    size_t room;
} Compiler;

static bool fail(Compiler *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool fail(Compiler *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (c->text && !c->text[0]) vsnprintf(c->text, c->room, fmt, ap);
    va_end(ap);
    return false;
}

/* One level deeper; false beyond the limit. */
static bool nest(Compiler *c)
{
    if (++c->nesting > MS_MAX_DEPTH) c->too_deep = true;
    return !c->too_deep;
}

static bool fail_function(Compiler *c, term_t name, word_t arity, const char *what)
{
    const AtomText *t = atom_text(name);
    return fail(c, "Function %.*s/%u %s", t->bytes, t->text, (unsigned)arity, what);
}

/* ---- reference counting ---- */

static void free_spec(MatchSpec *ms)
{
    heap_dispose(&ms->heap);
    if (ms->ops != ms->first_ops) mem_free(MEM_MATCH_SPEC, ms->ops, ms->op_cap * sizeof *ms->ops);
    if (ms->var_slots != ms->first_var_slots)
        mem_free(MEM_MATCH_SPEC, ms->var_slots, ms->var_slot_cap * sizeof *ms->var_slots);
    if (ms->clauses != &ms->first_clause)
        mem_free(MEM_MATCH_SPEC, ms->clauses, ms->clause_count * sizeof *ms->clauses);
    MEM_DELETE(MATCH_SPEC, ms);
}

static void destroy_magic(Binary *b)
{
    free_spec(*(MatchSpec **)b->data);
}

void ms_ref(MatchSpec *ms) { binary_ref(ms->magic); }
void ms_unref(MatchSpec *ms) { binary_unref(ms->magic); }

term_t ms_term(Heap *h, MatchSpec *ms)
{
    return heap_magic_ref(h, binary_ref(ms->magic), ref_new(ms->vm));
}

MatchSpec *ms_of_term(term_t t)
{
    Binary *b = magic_ref_of(t, destroy_magic);
    return b ? *(MatchSpec **)b->data : NULL;
}

MatchSpec *ms_of_binary(const Binary *b) { return b->destroy == destroy_magic ? *(MatchSpec **)b->data : NULL; }

/* ---- emitting ---- */

/* `old` bytes in the place where they were at first, or in room of their own, become `fresh` bytes. */
static COLD void *grow(enum MemType type, void *at, const void *first, size_t old, size_t fresh)
{
    if (at != first) return mem_realloc(type, at, old, fresh);
    void *to = mem_alloc(type, fresh);
    memcpy(to, at, old);
    return to;
}

static MsOp *emit(Compiler *c, enum MsOpCode code)
{
    MatchSpec *ms = c->ms;
    if (ms->op_count == ms->op_cap) {
        size_t old = ms->op_cap * sizeof *ms->ops;
        ms->ops = grow(MEM_MATCH_SPEC, ms->ops, ms->first_ops, old, 2 * old);
        ms->op_cap *= 2;
    }
    MsOp *op = &ms->ops[ms->op_count++];
    *op = (MsOp){.code = (uint16_t)code};
    return op;
}

/* An operation that pushes one value. */
static MsOp *emit_push(Compiler *c, enum MsOpCode code)
{
    if (++c->depth > c->max_depth) c->max_depth = c->depth;
    return emit(c, code);
}

static term_t constant(Compiler *c, term_t t)
{
    return term_is_immed(t) ? t : term_copy_all(&c->ms->heap, t);
}

static bool push_constant(Compiler *c, term_t t)
{
    term_t k = constant(c, t);
    emit_push(c, MS_PUSH)->k = k;
    return true;
}

/* ---- variables ---- */

/* The place in the index of the variable, or for it. */
static uint32_t *place_of_var(const Compiler *c, uint32_t number)
{
    uint32_t mask = 2 * c->var_cap - 1, i = number * UINT32_C(0x9E3779B1) & mask;
    while (c->var_index[i] && c->vars[c->var_index[i] - 1].number != number) i = (i + 1) & mask;
    return &c->var_index[i];
}

static const Var *find_var(const Compiler *c, uint32_t number)
{
    if (c->var_index) {
        uint32_t at = *place_of_var(c, number);
        return at ? &c->vars[at - 1] : NULL;
    }
    for (uint32_t i = 0; i < c->var_count; i++)
        if (c->vars[i].number == number) return &c->vars[i];
    return NULL;
}

static void drop_var_index(Compiler *c)
{
    if (!c->var_index) return;
    mem_free(MEM_TEMP, c->var_index, 2 * c->var_cap * sizeof *c->var_index);
    c->var_index = NULL;
}

static void index_vars(Compiler *c)
{
    c->var_index = mem_alloc_zero(MEM_TEMP, 2 * c->var_cap * sizeof *c->var_index);
    for (uint32_t i = 0; i < c->var_count; i++) *place_of_var(c, c->vars[i].number) = i + 1;
}

static void grow_vars(Compiler *c)
{
    size_t old = c->var_cap * sizeof *c->vars;
    drop_var_index(c);
    c->vars = grow(MEM_TEMP, c->vars, c->first_vars, old, 2 * old);
    c->var_cap *= 2;
}

static void add_var(Compiler *c, uint32_t number, uint32_t slot)
{
    if (c->var_count == c->var_cap) grow_vars(c);
    c->vars[c->var_count++] = (Var){number, slot};
    if (c->var_index) *place_of_var(c, number) = c->var_count;
    else if (c->var_count > FEW_VARS) index_vars(c);
}

static void forget_vars(Compiler *c)
{
    drop_var_index(c);
    c->var_count = 0;
}

static int compare_vars(const void *a, const void *b)
{
    uint32_t x = ((const Var *)a)->number, y = ((const Var *)b)->number;
    return (x > y) - (x < y);
}

static bool vars_ascend(const Compiler *c)
{
    for (uint32_t i = 1; i < c->var_count; i++)
        if (c->vars[i - 1].number > c->vars[i].number) return false;
    return true;
}

static void save_slots(MatchSpec *ms, const Var *vars, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) ms->var_slots[ms->var_slot_count++] = vars[i].slot;
}

/* Record the clause's variables in ascending order, for '$$'. */
static void save_vars(Compiler *c, MsClause *clause)
{
    MatchSpec *ms = c->ms;
    uint32_t n = c->var_count, need = ms->var_slot_count + n;
    if (need > ms->var_slot_cap) {
        ms->var_slots = grow(MEM_MATCH_SPEC, ms->var_slots, ms->first_var_slots,
                             ms->var_slot_cap * sizeof *ms->var_slots, need * sizeof *ms->var_slots);
        ms->var_slot_cap = need;
    }
    clause->vars = ms->var_slot_count;
    clause->var_count = n;
    if (vars_ascend(c)) {
        save_slots(ms, c->vars, n);
        return;
    }
    Var *sorted = mem_alloc(MEM_TEMP, n * sizeof *sorted);
    memcpy(sorted, c->vars, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_vars);
    save_slots(ms, sorted, n);
    mem_free(MEM_TEMP, sorted, n * sizeof *sorted);
}

/* ---- patterns ---- */

static void todo_push(Compiler *c, Todo what)
{
    if (c->todo_count == c->todo_room) {
        size_t old = c->todo_room * sizeof *c->todo;
        c->todo = grow(MEM_TEMP, c->todo, c->first_todo, old, 2 * old);
        c->todo_room *= 2;
    }
    c->todo[c->todo_count++] = what;
}

static void open_tuple(Compiler *c, term_t t, uint32_t slot)
{
    uint32_t n = (uint32_t)tuple_arity(t);
    MsOp *op = emit(c, MS_TUPLE);
    op->a = slot, op->b = n;
    for (uint32_t i = n; i > 0; i--) {
        term_t e = tuple_element(t, i);
        if (e != am_Underscore) todo_push(c, (Todo){.pattern = e, .from = slot, .index = i, .code = MS_ELEM});
    }
}

static void open_cell(Compiler *c, term_t t, uint32_t slot)
{
    emit(c, MS_CONS)->a = slot;
    if (list_tail(t) != am_Underscore)
        todo_push(c, (Todo){.pattern = list_tail(t), .from = slot, .code = MS_TAIL});
    if (list_head(t) != am_Underscore)
        todo_push(c, (Todo){.pattern = list_head(t), .from = slot, .code = MS_HEAD});
}

static bool open_map(Compiler *c, term_t t, uint32_t slot)
{
    MapIter it;
    term_t key, value;
    uint32_t number;
    size_t low = c->todo_count;
    emit(c, MS_MAP)->a = slot;
    map_iter_init(&it, t);
    while (map_iter_next(&it, &key, &value)) {
        if (ms_is_variable(key, &number)) return false;
        todo_push(c, (Todo){.pattern = value, .key = key, .from = slot, .code = MS_MAP_GET});
    }
    for (size_t high = c->todo_count; low + 1 < high; low++) { /* the first on top */
        Todo first = c->todo[low];
        c->todo[low] = c->todo[--high];
        c->todo[high] = first;
    }
    return true;
}

static void compile_equal(Compiler *c, enum MsOpCode code, uint32_t slot, term_t t)
{
    MsOp *op = emit(c, code);
    op->a = slot, op->k = t;
}

static void compile_variable(Compiler *c, uint32_t number, uint32_t slot)
{
    const Var *v = find_var(c, number);
    if (!v) {
        add_var(c, number, slot);
        return;
    }
    MsOp *op = emit(c, MS_SAME);
    op->a = slot, op->b = v->slot;
}

/* What is inside of t is left to do. */
static bool compile_part(Compiler *c, term_t t, uint32_t slot)
{
    uint32_t number;
    bool ok = true;
    if (t == am_Underscore) return true;
    if (term_is_immed(t)) {
        if (ms_is_variable(t, &number)) compile_variable(c, number, slot);
        else compile_equal(c, MS_EQ, slot, t);
    } else if (!pattern_has_parts(t)) {
        compile_equal(c, MS_EQ_DEEP, slot, t);
    } else if (pattern_part_is_ground(c->parts, c->part)) {
        compile_equal(c, MS_EQ_DEEP, slot, t);
        c->part += pattern_part_size(c->parts, c->part);
    } else {
        c->part++;
        if (term_is_tuple(t)) open_tuple(c, t, slot);
        else if (term_is_list_cell(t)) open_cell(c, t, slot);
        else ok = open_map(c, t, slot);
    }
    return ok;
}

/* t: in the specification's own heap. */
static bool compile_pattern(Compiler *c, term_t t)
{
    PatternParts parts;
    pattern_parts_init(&parts, t);
    c->parts = &parts;
    c->part = c->todo_count = 0;
    bool ok = compile_part(c, t, 0);
    while (ok && c->todo_count > 0) {
        Todo next = c->todo[--c->todo_count];
        MsOp *op = emit(c, next.code);
        op->a = c->slots++, op->b = next.from, op->c = next.index, op->k = next.key;
        ok = compile_part(c, next.pattern, op->a);
    }
    pattern_parts_free(&parts);
    return ok;
}

/* ---- expressions ---- */

static bool compile_expr(Compiler *c, term_t t);

/* Functions that may be called; all are natives of module erlang. */
static bool callable(term_t name, word_t arity)
{
    switch (name) {
    case am_is_atom: case am_is_float: case am_is_integer: case am_is_list: case am_is_number:
    case am_is_pid: case am_is_port: case am_is_reference: case am_is_tuple: case am_is_map:
    case am_is_binary: case am_is_bitstring: case am_is_boolean: case am_abs: case am_hd:
    case am_tl: case am_length: case am_round: case am_trunc: case am_floor: case am_ceil:
    case am_float: case am_size: case am_map_size: case am_bit_size: case am_byte_size:
    case am_tuple_size: case am_bnot: case am_not:
        return arity == 1;
    case am_node: case am_is_function: case am_Plus: case am_Minus:
        return arity == 1 || arity == 2;
    case am_element: case am_is_map_key: case am_map_get: case am_Times: case am_Div:
    case am_div: case am_rem: case am_band: case am_bor: case am_bxor: case am_bsl: case am_bsr:
    case am_Gt: case am_Ge: case am_Lt: case am_Le: case am_Eq: case am_Eqeq: case am_Neq:
    case am_Neqeq: case am_xor:
    case am_max: case am_min:
        return arity == 2;
    case am_binary_part: return arity == 2 || arity == 3;
    case am_is_record: return arity == 2 || arity == 3;
    default: return false;
    }
}

static bool compile_args(Compiler *c, term_t tuple)
{
    for (word_t i = 2; i <= tuple_arity(tuple); i++)
        if (!compile_expr(c, tuple_element(tuple, i))) return false;
    return true;
}

/* {'and', E1, ..., En}: every operand is evaluated and must be a boolean. */
static bool compile_logic(Compiler *c, term_t t, enum MsOpCode code)
{
    uint32_t n = (uint32_t)tuple_arity(t) - 1;
    if (n < 1 || !compile_args(c, t)) return false;
    emit(c, code)->b = n;
    c->depth -= n - 1;
    return true;
}

/* {'andalso', E1, ..., En}: stops at the operand that decides. */
static bool compile_short_logic(Compiler *c, term_t t, enum MsOpCode code)
{
    word_t n = tuple_arity(t) - 1;
    if (n < 1) return false;
    uint32_t *jumps = mem_alloc(MEM_TEMP, n * sizeof *jumps);
    bool ok = true;
    for (word_t i = 1; ok && i <= n; i++) {
        ok = compile_expr(c, tuple_element(t, i + 1));
        jumps[i - 1] = c->ms->op_count;
        if (i == n) break;
        emit(c, code);
        c->depth--;
    }
    for (word_t i = 0; ok && i + 1 < n; i++) c->ms->ops[jumps[i]].c = c->ms->op_count;
    mem_free(MEM_TEMP, jumps, n * sizeof *jumps);
    return ok;
}

/* The functions of the trace dialect: special forms, most of them allowed in bodies only. Some make no sense where
 * the event is a message. */
enum { IN_GUARD = 1, NOT_SEND = 2, NOT_RECEIVE = 4 };
static const struct Action {
    term_t name;
    uint8_t arity, action, where;
} actions[] = {
    {am_message, 1, MS_ACT_MESSAGE, 0},
    {am_return_trace, 0, MS_ACT_RETURN_TRACE, 0},
    {am_exception_trace, 0, MS_ACT_EXCEPTION_TRACE, 0},
    {am_process_dump, 0, MS_ACT_PROCESS_DUMP, NOT_RECEIVE},
    {am_caller, 0, MS_ACT_CALLER, NOT_SEND | NOT_RECEIVE},
    {am_caller_line, 0, MS_ACT_CALLER_LINE, NOT_SEND | NOT_RECEIVE},
    {am_display, 1, MS_ACT_DISPLAY, 0},
    {am_enable_trace, 1, MS_ACT_ENABLE_TRACE, NOT_RECEIVE},
    {am_enable_trace, 2, MS_ACT_ENABLE_TRACE, NOT_RECEIVE},
    {am_disable_trace, 1, MS_ACT_DISABLE_TRACE, NOT_RECEIVE},
    {am_disable_trace, 2, MS_ACT_DISABLE_TRACE, NOT_RECEIVE},
    {am_trace, 2, MS_ACT_TRACE, NOT_RECEIVE},
    {am_trace, 3, MS_ACT_TRACE, NOT_RECEIVE},
    {am_silent, 1, MS_ACT_SILENT, NOT_RECEIVE},
    {am_set_tcw, 1, MS_ACT_SET_TCW, 0},
    {am_get_tcw, 0, MS_ACT_GET_TCW, IN_GUARD},
    {am_set_seq_token, 2, MS_ACT_SET_SEQ_TOKEN, NOT_RECEIVE},
    {am_get_seq_token, 0, MS_ACT_GET_SEQ_TOKEN, NOT_RECEIVE},
    {am_is_seq_trace, 0, MS_ACT_IS_SEQ_TRACE, IN_GUARD | NOT_RECEIVE},
};

static const struct Action *find_action(term_t name, word_t arity)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (actions[i].name == name && actions[i].arity == arity) return &actions[i];
    return NULL;
}

static bool in_dialect(const Compiler *c, const struct Action *a)
{
    return c->dialect != MS_TABLE && !(c->dialect == MS_TRACE_SEND && a->where & NOT_SEND)
        && !(c->dialect == MS_TRACE_RECEIVE && a->where & NOT_RECEIVE);
}

static bool compile_action(Compiler *c, term_t t)
{
    term_t name = tuple_element(t, 1);
    word_t arity = tuple_arity(t) - 1;
    if (!term_is_atom(name))
        return fail(c, "%s is neither a function call, nor a tuple (tuples are written {{ ... }}).",
                    "Term");
    const struct Action *a = find_action(name, arity);
    if (!a) return fail_function(c, name, arity, "does_not_exist.");
    const AtomText *text = atom_text(name);
    if (!in_dialect(c, a))
        return fail(c, "Special form '%.*s' used in wrong dialect.", text->bytes, text->text);
    if (!(a->where & IN_GUARD) && !c->in_body)
        return fail(c, "Special form '%.*s' called in guard context.", text->bytes, text->text);
    if (!compile_args(c, t)) return false;
    MsOp *op = arity ? emit(c, MS_ACTION) : emit_push(c, MS_ACTION);
    op->a = a->action, op->b = (uint32_t)arity;
    if (arity) c->depth -= (uint32_t)arity - 1;
    return true;
}

static bool compile_call(Compiler *c, term_t t)
{
    term_t name = tuple_element(t, 1);
    word_t arity = tuple_arity(t) - 1;
    const BifEntry *native = callable(name, arity) ? bif_find(am_erlang, name, (unsigned)arity) : NULL;
    if (!native) return compile_action(c, t);
    if (!compile_args(c, t)) return false;
    MsOp *op = emit(c, MS_CALL);
    op->b = (uint32_t)arity, op->native = native;
    c->depth -= (uint32_t)arity - 1;
    return true;
}

/* {is_record, X, Name} and {is_record, X, Name, Size}: Name and Size as they stand. */
static bool compile_nullary(Compiler *c, term_t name)
{
    if (name == am_self) emit_push(c, MS_SELF);
    else if (name == am_node) emit_push(c, MS_NODE);
    else return false;
    return true;
}

static bool compile_no_arguments(Compiler *c, term_t t)
{
    return compile_nullary(c, tuple_element(t, 1)) || compile_action(c, t);
}

static bool compile_make_tuple(Compiler *c, term_t t)
{
    uint32_t n = (uint32_t)tuple_arity(t);
    for (uint32_t i = 1; i <= n; i++)
        if (!compile_expr(c, tuple_element(t, i))) return false;
    MsOp *op = n ? emit(c, MS_MAKE_TUPLE) : emit_push(c, MS_MAKE_TUPLE);
    op->c = n;
    if (n) c->depth -= n - 1;
    return true;
}

static bool compile_tuple_expr(Compiler *c, term_t t)
{
    word_t n = tuple_arity(t);
    if (n == 0)
        return fail(c, "{} is neither a function call, nor a tuple (tuples are written {{ ... }}).");
    term_t first = tuple_element(t, 1);
    if (n == 1 && term_is_tuple(first)) return compile_make_tuple(c, first);
    if (n == 2 && first == am_const) return push_constant(c, tuple_element(t, 2));
    switch (first) {
    case am_and: return compile_logic(c, t, MS_AND);
    case am_or: return compile_logic(c, t, MS_OR);
    case am_andalso: return compile_short_logic(c, t, MS_ANDALSO);
    case am_orelse: return compile_short_logic(c, t, MS_ORELSE);
    default: return n == 1 ? compile_no_arguments(c, t) : compile_call(c, t);
    }
}

static bool compile_list_expr(Compiler *c, term_t t)
{
    uint32_t n = 0;
    for (; term_is_list_cell(t); t = list_tail(t), n++)
        if (!compile_expr(c, list_head(t))) return false;
    if (!compile_expr(c, t)) return false;
    for (; n > 0; n--) {
        emit(c, MS_MAKE_CONS);
        c->depth--;
    }
    return true;
}

static bool compile_map_expr(Compiler *c, term_t t)
{
    MapIter it;
    term_t key, value;
    uint32_t n = 0;
    map_iter_init(&it, t);
    for (; map_iter_next(&it, &key, &value); n++)
        if (!compile_expr(c, key) || !compile_expr(c, value)) return false;
    MsOp *op = n ? emit(c, MS_MAKE_MAP) : emit_push(c, MS_MAKE_MAP);
    op->c = n;
    if (n) c->depth -= 2 * n - 1;
    return true;
}

static bool compile_atom_expr(Compiler *c, term_t t)
{
    uint32_t number;
    if (t == am_Dollar_underscore) {
        emit_push(c, MS_PUSH_SLOT)->a = 0;
    } else if (t == am_Dollar_dollar) {
        emit_push(c, MS_PUSH_VARS);
    } else if (ms_is_variable(t, &number)) {
        const Var *v = find_var(c, number);
        if (!v) return fail(c, "Variable $%u is unbound.", number);
        emit_push(c, MS_PUSH_SLOT)->a = v->slot;
    } else {
        return push_constant(c, t);
    }
    return true;
}

static bool compile_expr(Compiler *c, term_t t)
{
    if (term_is_atom(t)) return compile_atom_expr(c, t);
    if (!nest(c)) return false;
    bool ok;
    if (term_is_tuple(t)) ok = compile_tuple_expr(c, t);
    else if (term_is_list_cell(t)) ok = compile_list_expr(c, t);
    else if (term_is_map(t)) ok = compile_map_expr(c, t);
    else ok = push_constant(c, t);
    c->nesting--;
    return ok;
}

/* ---- clauses ---- */

static bool compile_guards(Compiler *c, term_t guards)
{
    for (; term_is_list_cell(guards); guards = list_tail(guards)) {
        if (!compile_expr(c, list_head(guards))) return false;
        emit(c, MS_GUARD);
        c->depth--;
    }
    return guards == TERM_NIL ? true : fail(c, "Match expression is not a list.");
}

static bool compile_body(Compiler *c, term_t body)
{
    if (body == TERM_NIL && c->dialect != MS_TABLE) {
        push_constant(c, am_true);
        return true;
    }
    if (body == TERM_NIL) return fail(c, "Body clause does not return anything.");
    if (!term_is_list_cell(body)) return fail(c, "Match expression is not a list.");
    for (;;) {
        if (!compile_expr(c, list_head(body))) return false;
        body = list_tail(body);
        if (!term_is_list_cell(body)) break;
        emit(c, MS_DROP);
        c->depth--;
    }
    c->depth--;
    return body == TERM_NIL;
}

static bool head_allowed(const Compiler *c, term_t head)
{
    uint32_t n;
    if (head == am_Underscore || ms_is_variable(head, &n)) return true;
    return c->dialect == MS_TABLE || term_is_list(head);
}

static bool compile_clause(Compiler *c, MsClause *clause, term_t head, term_t guards, term_t body)
{
    MatchSpec *ms = c->ms;
    forget_vars(c);
    c->depth = 0;
    c->slots = 1;
    clause->first = ms->op_count;
    clause->head = constant(c, head);
    if (!head_allowed(c, head)) return fail(c, "Match head is invalid in this context.");
    if (!compile_pattern(c, clause->head)) return fail(c, "Match head is invalid in this context.");
    save_vars(c, clause);
    c->in_body = false;
    if (!compile_guards(c, guards)) return false;
    clause->body = ms->op_count;
    c->in_body = true;
    if (!compile_body(c, body)) return false;
    clause->end = ms->op_count;
    ms->slot_count = MAX(ms->slot_count, c->slots);
    ms->stack_depth = MAX(ms->stack_depth, c->max_depth);
    return true;
}

static bool compile_clauses(Compiler *c, term_t spec)
{
    uint32_t n = 0;
    term_t l = spec;
    for (; term_is_list_cell(l); l = list_tail(l), n++)
        if (!term_is_tuple_of(list_head(l), 3))
            return fail(c, "Match program part is not a tuple of arity 3.");
    if (l != TERM_NIL || n == 0) return fail(c, "Match programs are not in a list.");
    if (n > 1) c->ms->clauses = mem_alloc_zero(MEM_MATCH_SPEC, n * sizeof(MsClause));
    c->ms->clause_count = n;
    for (uint32_t i = 0; i < n; i++, spec = list_tail(spec)) {
        const term_t *e = tuple_elements(list_head(spec));
        if (!compile_clause(c, &c->ms->clauses[i], e[0], e[1], e[2])) return false;
    }
    return true;
}

static MatchSpec *with_magic(MatchSpec *ms)
{
    ms->magic = binary_new_magic(sizeof ms, 0, destroy_magic);
    *(MatchSpec **)ms->magic->data = ms;
    return ms;
}

static MatchSpec *spec_new(Vm *vm)
{
    MatchSpec *ms = MEM_NEW(MATCH_SPEC, MatchSpec);
    ms->vm = vm;
    ms->ops = ms->first_ops;
    ms->op_cap = MS_FEW_OPS;
    ms->var_slots = ms->first_var_slots;
    ms->var_slot_cap = MS_FEW_VARS;
    ms->clauses = &ms->first_clause;
    return ms;
}

MatchSpec *ms_of_no_clause(Vm *vm) { return with_magic(spec_new(vm)); }

MatchSpec *ms_compile(Process *p, term_t spec, enum MsDialect dialect)
{
    bool too_deep;
    MatchSpec *ms = ms_compile_explain(p->vm, spec, dialect, NULL, 0, &too_deep);
    if (!ms) (void)bif_error(p, too_deep ? EXC_SYSTEM_LIMIT : EXC_BADARG);
    return ms;
}

MatchSpec *ms_compile_explain(Vm *vm, term_t spec, enum MsDialect dialect, char *text, size_t room,
                              bool *too_deep)
{
    MatchSpec *ms = spec_new(vm);
    Todo todo[TODO_INLINE];
    Var vars[VARS_INLINE];
    Compiler c = {.ms = ms, .dialect = dialect, .text = text, .room = room, .todo = todo, .first_todo = todo,
                  .todo_room = TODO_INLINE, .vars = vars, .first_vars = vars, .var_cap = VARS_INLINE};
    if (text) text[0] = 0;
    bool ok = compile_clauses(&c, spec);
    if (!ok) fail(&c, "Match specification is too complex.");
    *too_deep = c.too_deep;
    forget_vars(&c);
    if (c.vars != vars) mem_free(MEM_TEMP, c.vars, c.var_cap * sizeof *c.vars);
    if (c.todo != todo) mem_free(MEM_TEMP, c.todo, c.todo_room * sizeof *c.todo);
    if (!ok) {
        free_spec(ms);
        return NULL;
    }
    return with_magic(ms);
}

MatchSpec *ms_compile_pattern(Process *p, term_t pattern, enum MsBody body)
{
    term_t mem[10];
    term_t result = body == MS_BODY_OBJECT ? am_Dollar_underscore : am_Dollar_dollar;
    term_t clause = tuple_put3(&mem[2], pattern, TERM_NIL, list_put(&mem[0], result, TERM_NIL));
    return ms_compile(p, list_put(&mem[6], clause, TERM_NIL), MS_TABLE);
}
