/* SPDX-License-Identifier: Apache-2.0 */
/* bif_pattern - trace_pattern/3 and what trace_info/2 says of functions. Layer: trace. */
#include "bifs/bif.h"
#include "code/module.h"
#include "sched/sched.h"
#include "trace/breakpoint.h"
#include "trace/tracer.h"

static term_t badarg(Process *p, term_t cause)
{
    return cause == TERM_NONE ? bif_error(p, EXC_BADARG) : bif_error_cause(p, EXC_BADARG, cause);
}

typedef struct Pattern {
    Vm *vm;
    term_t module, function, arity;  /* '_' or a value */
    bool local;              /* all functions, not only the exported ones */
    bool on;
    bool pause;              /* halts counters that are there */
    bool existing;           /* changes nothing where nothing is watched */
    uint32_t bits;           /* BREAK_* */
    BreakSpec spec;
    term_t tracer;           /* of BREAK_META */
    int64_t count;
    char error[160];         /* what is wrong with the specification */
    bool too_deep;
    bool counts_all;         /* a specification has no say in what is counted */
} Pattern;

static bool parse_mfa(Pattern *q, term_t t)
{
    if (!term_is_tuple_of(t, 3)) return false;
    q->module = tuple_element(t, 1), q->function = tuple_element(t, 2), q->arity = tuple_element(t, 3);
    if (!term_is_atom(q->module) || !term_is_atom(q->function)) return false;
    if (q->arity != am_Underscore && (!term_is_small(q->arity) || small_value(q->arity) < 0)) return false;
    if (q->module == am_Underscore && q->function != am_Underscore) return false;
    return q->function != am_Underscore || q->arity == am_Underscore;
}

static bool parse_meta_tracer(Pattern *q, term_t t)
{
    tracer_release(q->tracer);
    if (term_is_tuple_of(t, 2) && term_is_local_pid(tuple_element(t, 2))) q->tracer = tuple_element(t, 2);
    else q->tracer = tracer_parse(q->vm, t);
    return q->tracer != TERM_NONE;
}

static bool parse_flags(Pattern *q, term_t list, term_t self)
{
    bool global = false;
    q->tracer = self;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (t == am_global) global = true;
        else if (t == am_local) q->bits |= BREAK_LOCAL;
        else if (t == am_meta) q->bits |= BREAK_META;
        else if (t == am_call_count) q->bits |= BREAK_COUNT;
        else if (t == am_call_time) q->bits |= BREAK_TIME;
        else if (t == am_call_memory) q->bits |= 0x100;
        else if ((term_is_tuple_of(t, 2) || term_is_tuple_of(t, 3)) && tuple_element(t, 1) == am_meta) {
            if (!parse_meta_tracer(q, t)) return false;
            q->bits |= BREAK_META;
        } else return false;
    }
    if (list != TERM_NIL || (global && q->bits)) return false;
    q->local = q->bits != 0;
    if (!q->bits) q->bits = BREAK_GLOBAL;
    q->bits &= 0xFF;
    return true;
}

/* true, false, restart, pause or a specification. */
static bool parse_spec(Pattern *q, term_t t, enum MsDialect dialect)
{
    q->on = t != am_false;
    q->spec.term = TERM_NIL;
    q->pause = t == am_pause;
    q->existing = (t == am_restart || q->pause) && !(q->bits & ~(BREAK_COUNT | BREAK_TIME));
    if (t == am_true || t == am_false || t == TERM_NIL || t == am_restart || q->pause) return true;
    q->spec.ms = ms_compile_explain(q->vm, t, dialect, q->error, sizeof q->error, &q->too_deep);
    q->spec.term = t;
    q->counts_all = q->bits & (BREAK_COUNT | BREAK_TIME) && !(q->bits & (BREAK_LOCAL | BREAK_META));
    return q->spec.ms != NULL && !q->counts_all;
}

/* Nested too deeply: the only specification that is refused for its size. */
static term_t bad_spec(Process *p, const Pattern *q)
{
    if (q->too_deep) return bif_error(p, EXC_SYSTEM_LIMIT);
    if (!q->spec.ms) return badarg(p, am_match_spec);
    ms_unref(q->spec.ms);
    return badarg(p, am_call_count);
}

static bool matches(const Pattern *q, const Mfa *m)
{
    return (q->module == am_Underscore || q->module == m->module)
           && (q->function == am_Underscore || q->function == m->function)
           && (q->arity == am_Underscore || (word_t)small_value(q->arity) == m->arity);
}

/* What is still to be set. A pause halts the counters that are there. Else it is the same as true, as is a
 * restart: setting a counter again begins it anew. But alone they begin no counting where nothing is watched. */
static uint32_t bits_to_set(const Pattern *q, const Breakpoint *b, uint32_t bits)
{
    if (q->existing && !(b && b->on)) return 0;
    uint32_t there = q->pause && b ? b->on & bits & (BREAK_COUNT | BREAK_TIME) : 0;
    return bits & ~there;
}

static void pause_counters(const Pattern *q, Breakpoint *b)
{
    if (q->pause && b) breakpoint_pause(b, b->on & q->bits);
}

static void change_export(Pattern *q, Export *e, uint32_t bits)
{
    if (!q->on) {
        breakpoint_clear_global(e, bits);
        return;
    }
    Breakpoint *b = breakpoint_of_export(e);
    bits = bits_to_set(q, b, bits);
    pause_counters(q, b);
    if (bits) breakpoint_set_global(q->vm, e, bits, &q->spec, q->tracer);
}

/* A function of loaded code. A native's code is never run: its export is watched instead. */
static void change_function(Pattern *q, const code_t *entry)
{
    const Mfa *m = code_entry_mfa(entry);
    if (!matches(q, m)) return;
    q->count++;
    Export *e = export_find(q->vm, m->module, m->function, m->arity);
    Breakpoint *b = e ? breakpoint_of_export(e) : NULL;
    bool native = e && (e->native || (b && b->target == b->shadow.native_stub));
    if (q->local && !native) {
        if (q->on) {
            if (e) breakpoint_clear_global(e, BREAK_GLOBAL);
            Breakpoint *there = breakpoint_at(q->vm, entry);
            uint32_t bits = bits_to_set(q, there, q->bits);
            pause_counters(q, there);
            if (bits) breakpoint_set_local(q->vm, entry, bits, &q->spec, q->tracer);
        } else {
            breakpoint_clear_local(q->vm, entry, q->bits);
        }
    } else if (e) {
        uint32_t other = q->local ? BREAK_GLOBAL : BREAK_LOCAL | BREAK_META | BREAK_COUNT | BREAK_TIME;
        if (q->on && native && (!q->local || q->bits & BREAK_LOCAL)) breakpoint_clear_global(e, other);
        if (q->on && !native) breakpoint_clear_local(q->vm, entry, other);
        change_export(q, e, q->bits);
    }
}

static bool is_exported(const CodeInstance *c, const code_t *entry)
{
    const Mfa *m = code_entry_mfa(entry);
    for (size_t i = 0; i < c->export_count; i++)
        if (c->exports[i].export->mfa.function == m->function && c->exports[i].export->mfa.arity == m->arity)
            return true;
    return false;
}

static void change_module(Module *module, void *ctx)
{
    Pattern *q = ctx;
    if (q->module != am_Underscore && q->module != module->name) return;
    CodeInstance *c = atomic_load(&module->current);
    if (!c) return;
    for (size_t i = 0; i < c->function_count; i++) {
        const code_t *entry = c->functions[i];
        if (q->local || is_exported(c, entry)) change_function(q, entry);
        else if (q->on && matches(q, code_entry_mfa(entry)))
            breakpoint_clear_local(q->vm, entry, BREAK_LOCAL | BREAK_META | BREAK_COUNT | BREAK_TIME);
    }
}

/* ---- events that are no calls ---- */

static void change_event(TracePattern *t, const Pattern *q)
{
    if (t->ms) ms_unref(t->ms);
    heap_piece_dispose(&t->piece);
    t->off = !q->on;
    t->ms = q->spec.ms;
    if (t->ms) {
        ms_ref(t->ms);
        t->spec = heap_piece_copy_all(&t->piece, q->spec.term);
    }
}

/* ---- modules to come ---- */

static void change_on_load(Breakpoints *all, const Pattern *q)
{
    if (q->existing) return;
    if (!q->on) { /* only what was set with the same flags */
        all->on_load_bits &= ~q->bits;
        all->on_load = all->on_load_bits != 0;
        return;
    }
    BreakSpec *spec = &all->on_load_spec;
    if (spec->ms) ms_unref(spec->ms);
    heap_piece_dispose(&spec->piece);
    *spec = (BreakSpec){.ms = q->spec.ms, .term = TERM_NIL};
    if (spec->ms) {
        ms_ref(spec->ms);
        spec->term = heap_piece_copy_all(&spec->piece, q->spec.term);
    }
    all->on_load = true;
    all->on_load_local = q->local;
    all->on_load_bits = q->bits;
    tracer_set(&all->on_load_tracer, q->tracer);
}

static void change_loaded(Vm *vm, term_t name, Pattern *q)
{
    Module *m = module_find(vm, name);
    if (!m) return;
    q->vm = vm;
    q->module = name;
    q->function = q->arity = am_Underscore;
    sched_block_all(vm);
    change_module(m, q);
    sched_unblock_all(vm);
}

void breakpoint_module_replaced(Vm *vm, term_t module)
{
    const Module *m = trace_space(vm)->breakpoints ? module_find(vm, module) : NULL;
    if (!m || !atomic_load(&m->old)) return;
    sched_block_all(vm);
    const CodeInstance *c = atomic_load(&m->old);
    for (size_t i = 0; c && i < c->function_count; i++)
        breakpoint_clear_local(vm, c->functions[i], BREAK_LOCAL | BREAK_META | BREAK_COUNT | BREAK_TIME);
    sched_unblock_all(vm);
}

void breakpoint_module_loaded(Vm *vm, term_t module)
{
    breakpoint_module_replaced(vm, module);
    const Breakpoints *all = trace_space(vm)->breakpoints;
    if (!all || !all->on_load) return;
    Pattern q = {.on = true, .local = all->on_load_local, .bits = all->on_load_bits,
                 .spec = all->on_load_spec, .tracer = all->on_load_tracer};
    change_loaded(vm, module, &q);
}

void breakpoint_module_refused(Vm *vm, term_t module)
{
    if (!trace_space(vm)->breakpoints) return;
    Pattern q = {.bits = BREAK_GLOBAL};
    change_loaded(vm, module, &q);
}

static term_t change(Process *p, Pattern *q, term_t what)
{
    TraceSpace *s = trace_space(p->vm);
    if (what == am_send || what == am_receive) {
        change_event(what == am_send ? &s->send : &s->receive, q);
        return term_small(1);
    }
    if (what == am_on_load) {
        change_on_load(breakpoints_make(p->vm), q);
        return term_small(0);
    }
    module_each(p->vm, change_module, q);
    return term_small(q->count);
}

static term_t set_pattern(Process *p, const term_t *a, Pattern *q)
{
    bool event = a[0] == am_send || a[0] == am_receive || a[0] == am_on_load;
    if (!parse_flags(q, a[2], p->id) || (event && a[0] != am_on_load && a[2] != TERM_NIL))
        return badarg(p, am_badopt);
    enum MsDialect dialect = a[0] == am_send ? MS_TRACE_SEND : a[0] == am_receive ? MS_TRACE_RECEIVE : MS_TRACE;
    if (!parse_spec(q, a[1], dialect)) return bad_spec(p, q);
    if (event && a[0] != am_on_load && (q->pause || a[1] == am_restart)) return badarg(p, am_none);
    if (!event && !parse_mfa(q, a[0])) {
        if (q->spec.ms) ms_unref(q->spec.ms);
        return badarg(p, am_none);
    }
    trace_space(p->vm);
    sched_block_all(p->vm);
    term_t result = change(p, q, a[0]);
    sched_unblock_all(p->vm);
    if (q->spec.ms) ms_unref(q->spec.ms);
    return result;
}

BIF(erts_internal, trace_pattern, 3, 0)
{
    Pattern q = {.vm = p->vm, .tracer = TERM_NONE};
    term_t result = set_pattern(p, a, &q);
    tracer_release(q.tracer);
    return result;
}

/* While it is set, calls go to error_handler:breakpoint(M, F, Args), the debugger's way in. */
BIF(erts_debug, breakpoint, 2, 0)
{
    Pattern q = {.vm = p->vm, .local = true, .on = a[1] == am_true, .bits = BREAK_DEBUG, .spec.term = TERM_NIL};
    if (!parse_mfa(&q, a[0]) || !term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    trace_space(p->vm);
    sched_block_all(p->vm);
    module_each(p->vm, change_module, &q);
    sched_unblock_all(p->vm);
    return term_small(q.count);
}

/* ---- trace_info/2 ---- */

typedef struct Info {
    const Breakpoint *b;
    bool on_load; /* what modules to come will have: nothing is counted yet */
} Info;

static term_t info_value(Process *p, const Info *i, term_t item)
{
    const Breakpoint *b = i->b;
    Heap *h = &p->heap;
    uint32_t on = b->on;
    bool traced = on & (BREAK_LOCAL | BREAK_GLOBAL);
    switch (item) {
    case am_traced: return !traced ? am_false : on & BREAK_LOCAL ? am_local : am_global;
    case am_match_spec: return traced ? term_copy(h, b->call.term) : am_false;
    case am_meta:
        return !(on & BREAK_META) ? am_false : b->meta_tracer == TERM_NONE ? TERM_NIL
                                 : term_copy(h, b->meta_tracer);
    case am_meta_match_spec: return on & BREAK_META ? term_copy(h, b->meta.term) : am_false;
    case am_call_count:
        if (i->on_load) return term_bool(on & BREAK_COUNT);
        return on & BREAK_COUNT ? heap_uint(h, atomic_load(&b->count)) : am_false;
    case am_call_time:
        if (i->on_load) return term_bool(on & BREAK_TIME);
        return on & BREAK_TIME ? breakpoint_times(p->vm, h, b) : am_false;
    case am_call_memory: return i->on_load && on ? TERM_NONE : am_false;
    default: return TERM_NONE;
    }
}

static term_t all_info(Process *p, const Info *i)
{
    static const term_t items[] = {am_call_count, am_call_time, am_meta_match_spec, am_meta, am_match_spec,
                                   am_traced};
    if (!i->b->on) return am_false;
    term_t list = TERM_NIL;
    for (size_t n = 0; n < ARRAY_LEN(items); n++) {
        if (i->on_load && items[n] == am_call_time) continue;
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, items[n], info_value(p, i, items[n])), list);
    }
    return list;
}

/* Local functions need not be exported: look in the code. */
static const code_t *function_entry(Vm *vm, const Pattern *q)
{
    const CodeInstance *c = module_current(vm, q->module);
    return c ? instance_function(c, q->function, (word_t)small_value(q->arity)) : NULL;
}

term_t breakpoint_info(Process *p, term_t mfa, term_t item)
{
    Pattern q = {.vm = p->vm};
    static const Breakpoint none = {.call.term = TERM_NIL};
    Info i = {&none, false};
    if (!parse_mfa(&q, mfa) || q.arity == am_Underscore) return bif_error(p, EXC_BADARG);
    const code_t *entry = function_entry(p->vm, &q);
    Export *e = export_find(p->vm, q.module, q.function, (word_t)small_value(q.arity));
    if (!entry && !(e && export_is_defined(e))) return heap_tuple2(&p->heap, item, am_undefined);
    Breakpoint *local = entry ? breakpoint_at(p->vm, entry) : NULL;
    Breakpoint *global = e ? breakpoint_of_export(e) : NULL;
    if (local && local->on) i.b = local;
    else if (global) i.b = global;
    term_t v = item == am_all ? all_info(p, &i) : info_value(p, &i, item);
    return v == TERM_NONE ? bif_error(p, EXC_BADARG) : heap_tuple2(&p->heap, item, v);
}

term_t breakpoint_on_load_info(Process *p, term_t item)
{
    const Breakpoints *all = trace_space(p->vm)->breakpoints;
    Breakpoint b = {.call.term = TERM_NIL};
    if (all && all->on_load) {
        b.on = all->on_load_bits;
        b.call.term = b.meta.term = all->on_load_spec.term;
        b.meta_tracer = all->on_load_tracer;
    }
    Info i = {&b, true};
    term_t v = item == am_all ? all_info(p, &i) : info_value(p, &i, item);
    return v == TERM_NONE ? bif_error(p, EXC_BADARG) : heap_tuple2(&p->heap, item, v);
}
