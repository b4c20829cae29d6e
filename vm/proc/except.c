/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/except.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "code/range.h"
#include "data/map.h"
#include "data/node.h"
#include "data/term_print.h"
#include "proc/exit.h"
#include "proc/message.h"
#include "proc/registry.h"

/* ---- raw traces ---- */

#define TRACE_NATIVE 1u     /* the first entry is mfa; pcs follow */
#define TRACE_CAUSE 2u      /* Info is a cause */
#define TRACE_INFO_MAP 4u   /* Info is the whole error_info map */
#define TRACE_ERROR_INFO 8u /* the first entry gets an error_info map */
#define TRACE_GIVEN 16u     /* Args is the whole trace, given by erlang:raise/3 */

typedef struct RawTrace {
    uint64_t reason;        /* EXC_* without EXC_SAVE_TRACE */
    uint64_t flags;         /* TRACE_* */
    Mfa mfa;
    uint64_t count;         /* of pcs */
    const code_t *pc[];     /* call addresses, innermost first */
} RawTrace;
/* It is a bignum, which code that no compiler has made may use as one: the last limb is not 0. */
#define RAW_WORDS(n) (sizeof(RawTrace) / 8 + (n) + 1)

/* Code that no compiler has made may bring a number of its own. */
static bool is_whole(term_t big)
{
    const term_t *p = boxed_ptr(big);
    const RawTrace *raw = (const RawTrace *)(const void *)(p + 1);
    size_t words = HEADER_ARITY(*p);
    if (words < RAW_WORDS(0) || raw->count > words - RAW_WORDS(0)) return false;
    if (raw->flags & (TRACE_NATIVE | TRACE_ERROR_INFO))
        return term_is_atom(raw->mfa.module) && term_is_atom(raw->mfa.function)
               && (!(raw->flags & TRACE_ERROR_INFO) || except_error_info_module(raw->mfa.module) != TERM_NONE);
    return true;
}

static bool trace_is_raw(term_t t)
{
    return term_is_list_cell(t) && term_is_list_cell(list_head(t)) && term_is_big(list_tail(t))
           && is_whole(list_tail(t));
}

static RawTrace *raw_trace(term_t t)
{
    return (RawTrace *)(void *)(boxed_ptr(list_tail(t)) + 1);
}

unsigned except_depth(Vm *vm)
{
    return vm->procs->backtrace_depth ? vm->procs->backtrace_depth - 1 : EXCEPT_DEPTH_DEFAULT;
}

unsigned except_set_depth(Vm *vm, unsigned depth)
{
    unsigned old = except_depth(vm);
    vm->procs->backtrace_depth = depth + 1;
    return old;
}

static bool is_return_to_code(const Process *p, term_t e)
{
    const code_t *to = (const code_t *)e;
    return (e & TAG_PRIMARY_MASK) == TAG_HEADER && e != 0 && to != p->vm->procs->exec.normal_exit
           && to != p->vm->procs->trace_return;
}

/* Return addresses on the stack, each moved back to the call it belongs to; not that of pc[0], see
 * except_caller. */
static unsigned stack_calls(const Process *p, const code_t **pc, unsigned n, unsigned max)
{
    const term_t *e = p->heap.stop;
    if (n > 0 && e < p->heap.end && pc[0] == (const code_t *)*e) e++;
    for (; e < p->heap.end && n < max; e++) {
        if (!is_return_to_code(p, *e)) continue;
        const code_t *to = (const code_t *)*e;
        if (n == 0 || pc[n - 1] != to - 1) pc[n++] = to - 1;
    }
    return n;
}

const code_t *except_caller(const Process *p)
{
    return is_return_to_code(p, *p->heap.stop) ? (const code_t *)*p->heap.stop : NULL;
}

/* flags and mfa as in RawTrace; pc: first address or NULL. */
static term_t capture(Process *p, unsigned flags, const Mfa *mfa, term_t args, term_t info,
                      const code_t *pc)
{
    unsigned max = MAX(except_depth(p->vm), 1u);
    if (flags & TRACE_GIVEN) max = 0;
    else if (flags & TRACE_NATIVE) max--;
    size_t words = RAW_WORDS((size_t)max);
    term_t *hp = heap_alloc(&p->heap, 1 + words + 4);
    RawTrace *raw = (RawTrace *)(void *)(hp + 1);
    *raw = (RawTrace){.reason = p->freason & ~(uint64_t)EXC_SAVE_TRACE, .flags = flags};
    if (mfa) raw->mfa = *mfa;
    if (pc && max) raw->pc[raw->count++] = pc;
    raw->count = stack_calls(p, raw->pc, (unsigned)raw->count, max);
    for (size_t i = raw->count; i < max; i++) raw->pc[i] = NULL;
    hp[words] = 1;
    *hp = HEADER(words, BOXED_POS_BIG);
    term_t big = term_make_boxed(hp);
    term_t head = list_put(hp + 1 + words, args, info);
    return list_put(hp + 3 + words, head, big);
}

/* A trace that the program made, cut to the depth in force. The class stays with it. */
static term_t given_trace(Process *p, term_t list)
{
    term_t entries[64];
    unsigned n = 0, max = MIN(MAX(except_depth(p->vm), 1u), (unsigned)ARRAY_LEN(entries));
    term_t rest = list;
    for (; n < max && term_is_list_cell(rest); rest = list_tail(rest)) entries[n++] = list_head(rest);
    if (term_is_list_cell(rest)) list = heap_list(&p->heap, n, entries, TERM_NIL);
    return capture(p, TRACE_GIVEN, NULL, list, TERM_NIL, NULL);
}

uint32_t except_trace_reason(term_t raw)
{
    if (!trace_is_raw(raw)) return EXC_CLASS_ERROR;
    return (uint32_t)(raw_trace(raw)->reason & EXC_CLASS_MASK);
}

/* ---- building ---- */

#define LINE_SHOWN_MAX ((1u << 24) - 1)

static term_t location_of(Heap *h, const CodeLocation *at)
{
    /* Preloaded modules and huge line numbers show no places, as in the reference. */
    if (at->line == 0 || at->line > LINE_SHOWN_MAX || at->file == TERM_NONE || at->instance->preloaded)
        return TERM_NIL;
    term_t line = heap_tuple2(h, am_line, term_small(at->line));
    term_t file = heap_tuple2(h, am_file, at->file);
    return heap_cons(h, file, heap_cons(h, line, TERM_NIL));
}

term_t except_error_info_module(term_t module)
{
    if (module == am_erlang || module == am_erts_internal || module == am_atomics || module == am_counters
        || module == am_persistent_term)
        return am_erl_erts_errors;
    if (module == am_binary || module == am_ets || module == am_lists || module == am_maps
        || module == am_math || module == am_re || module == am_unicode)
        return am_erl_stdlib_errors;
    if (module == am_os) return am_erl_kernel_errors;
    return TERM_NONE;
}

/* Location of the first entry: the source position, then error_info. */
static term_t first_location(Process *p, const RawTrace *raw, term_t info, term_t location)
{
    term_t map = TERM_NONE;
    if (raw->flags & TRACE_INFO_MAP) {
        map = info;
    } else if (raw->flags & TRACE_ERROR_INFO) {
        term_t pairs[4] = {am_module, except_error_info_module(raw->mfa.module), am_cause, info};
        map = map_from_pairs(&p->heap, pairs, raw->flags & TRACE_CAUSE ? 2 : 1, NULL);
    }
    if (map == TERM_NONE) return location;
    term_t list = heap_cons(&p->heap, heap_tuple2(&p->heap, am_error_info, map), TERM_NIL);
    if (!term_is_list_cell(location)) return list;
    term_t line = list_head(list_tail(location));
    return heap_cons(&p->heap, list_head(location), heap_cons(&p->heap, line, list));
}

static term_t entry(Heap *h, const Mfa *mfa, term_t args, term_t location)
{
    if (args == am_undefined) args = term_small((int64_t)mfa->arity);
    return heap_tuple4(h, mfa->module, mfa->function, args, location);
}

static term_t code_entry(Process *p, const RawTrace *raw, size_t i, term_t args, term_t info, bool first)
{
    CodeLocation at;
    Heap *h = &p->heap;
    if (!code_locate(p->vm, raw->pc[i], &at)) return TERM_NONE;
    term_t location = location_of(h, &at);
    return entry(h, at.mfa, first ? args : am_undefined,
                 first ? first_location(p, raw, info, location) : location);
}

static term_t first_entry(Process *p, const RawTrace *raw, term_t args, term_t info)
{
    return entry(&p->heap, &raw->mfa, args, first_location(p, raw, info, TERM_NIL));
}

term_t except_build_trace(Process *p, term_t t)
{
    if (!trace_is_raw(t)) return t;
    const RawTrace *raw = raw_trace(t);
    term_t args = list_head(list_head(t)), info = list_tail(list_head(t));
    if (raw->flags & TRACE_GIVEN) return args;
    bool native = raw->flags & TRACE_NATIVE;
    term_t list = TERM_NIL;
    for (size_t i = raw->count; i-- > 0;) {
        term_t e = code_entry(p, raw, i, args, info, i == 0 && !native);
        if (e != TERM_NONE) list = heap_cons(&p->heap, e, list);
    }
    if (native) list = heap_cons(&p->heap, first_entry(p, raw, args, info), list);
    return list;
}

term_t except_process_trace(Process *p, const code_t *top, Heap *h, unsigned depth)
{
    const code_t *pcs[256];
    term_t entries[256];
    CodeLocation at;
    unsigned n = 0, shown = 0;
    if (top) pcs[n++] = top;
    n = stack_calls(p, pcs, n, ARRAY_LEN(pcs));
    for (unsigned i = 0; i < n && shown < MIN(depth, (unsigned)ARRAY_LEN(entries)); i++)
        if (code_locate(p->vm, pcs[i], &at)) entries[shown++] = entry(h, at.mfa, am_undefined, location_of(h, &at));
    return heap_list(h, shown, entries, TERM_NIL);
}

/* ---- values ---- */

static term_t tagged(Process *p, term_t tag) { return heap_tuple2(&p->heap, tag, p->fvalue); }

static term_t not_supported(Process *p)
{
    const Mfa *m = p->current;
    Heap *h = &p->heap;
    if (!m) return am_notsup;
    term_t mfa = heap_tuple3(h, m->module, m->function, term_small((int64_t)m->arity));
    return heap_tuple2(h, am_not_supported, mfa);
}

/* The reason of an exception, from its code and p->fvalue. */
static term_t exception_value(Process *p)
{
    switch (p->freason >> EXC_CODE_SHIFT & 0xFF) {
    case 0: return p->fvalue;
    case EXC_BADARG >> EXC_CODE_SHIFT: return am_badarg;
    case EXC_BADARITH >> EXC_CODE_SHIFT: return am_badarith;
    case EXC_BADMATCH >> EXC_CODE_SHIFT: return tagged(p, am_badmatch);
    case EXC_FUNCTION_CLAUSE >> EXC_CODE_SHIFT: return am_function_clause;
    case EXC_CASE_CLAUSE >> EXC_CODE_SHIFT: return tagged(p, am_case_clause);
    case EXC_IF_CLAUSE >> EXC_CODE_SHIFT: return am_if_clause;
    case EXC_UNDEF >> EXC_CODE_SHIFT: return am_undef;
    case EXC_BADFUN >> EXC_CODE_SHIFT: return tagged(p, am_badfun);
    case EXC_BADARITY >> EXC_CODE_SHIFT: return tagged(p, am_badarity);
    case EXC_TIMEOUT_VALUE >> EXC_CODE_SHIFT: return am_timeout_value;
    case EXC_NOPROC >> EXC_CODE_SHIFT: return am_noproc;
    case EXC_NOTALIVE >> EXC_CODE_SHIFT: return am_notalive;
    case EXC_SYSTEM_LIMIT >> EXC_CODE_SHIFT: return am_system_limit;
    case EXC_TRY_CLAUSE >> EXC_CODE_SHIFT: return tagged(p, am_try_clause);
    case EXC_NOTSUP >> EXC_CODE_SHIFT: return am_notsup;
    case EXC_BADMAP >> EXC_CODE_SHIFT: return tagged(p, am_badmap);
    case EXC_BADKEY >> EXC_CODE_SHIFT: return tagged(p, am_badkey);
    case EXC_BADRECORD >> EXC_CODE_SHIFT: return tagged(p, am_badrecord);
    case EXC_NOT_SUPPORTED >> EXC_CODE_SHIFT: return not_supported(p);
    default: return am_internal_error;
    }
}

static term_t class_atom(uint32_t reason)
{
    switch (reason & EXC_CLASS_MASK) {
    case EXC_CLASS_EXIT: return am_exit;
    case EXC_CLASS_THROW: return am_throw;
    default: return am_error;
    }
}

/* ---- the end ---- */

static term_t log_event(Process *p, term_t reason)
{
    Heap *h = &p->heap;
    term_t node = node_self_name(p->vm);
    bool named = node != am_nonode_at_nohost;
    const char *text = named ? "Error in process ~p on node ~p with exit value:~n~p~n"
                             : "Error in process ~p with exit value:~n~p~n";
    term_t args = heap_cons(h, reason, TERM_NIL);
    if (named) args = heap_cons(h, node, args);
    args = heap_cons(h, p->id, args);
    term_t tag[] = {am_tag, am_error, am_emulator, am_true};
    term_t meta[] = {am_gl, p->group_leader, am_pid, p->id,
                     am_time, heap_int(h, clock_os_system_ns() / NS_PER_US),
                     am_error_logger, map_from_pairs(h, tag, 2, NULL)};
    return heap_tuple5(h, am_log, am_error, heap_string(h, text, strlen(text), TERM_NIL), args,
                       map_from_pairs(h, meta, 4, NULL));
}

static void log_death(Process *p, term_t reason)
{
    if (message_send_to(p->vm, p->id, process_logger(p->vm), log_event(p, reason))) return;
    char *text = term_text(reason);
    log_warn("error in process <0.%u.0> with exit value: %s", (unsigned)pid_number(p->id), text);
    mem_free_text(MEM_TEMP, text);
}

static const code_t *uncaught(Process *p)
{
    term_t reason = p->fvalue;
    Heap *h = &p->heap;
    if ((p->freason & EXC_CLASS_MASK) == EXC_CLASS_THROW)
        reason = heap_tuple2(h, am_nocatch, reason);
    if ((p->freason & EXC_CLASS_MASK) != EXC_CLASS_EXIT) {
        reason = heap_tuple2(h, reason, except_build_trace(p, p->ftrace));
        log_death(p, reason);
    }
    process_exit_begin(p, reason);
    return NULL;
}

/* Innermost catch mark; cuts the stack back to its frame. A frame begins behind a return address. */
static const code_t *unwind(Process *p)
{
    term_t *frame = p->heap.stop;
    for (term_t *e = frame; e < p->heap.end; e++) {
        if (term_is_catch(*e)) {
            p->heap.stop = frame;
            return catch_address(p->vm, catch_index(*e));
        }
        if ((*e & TAG_PRIMARY_MASK) == TAG_HEADER) frame = e + 1;
    }
    return NULL;
}

/* p->freason, fvalue (the final reason) and ftrace are set. */
static const code_t *dispatch(Process *p, term_t *x)
{
    if (!trace_is_raw(p->ftrace)) p->ftrace = given_trace(p, p->ftrace);
    const code_t *handler = p->catches ? unwind(p) : NULL;
    if (!handler) return uncaught(p);
    x[0] = TERM_NONE;
    x[1] = class_atom(p->freason);
    x[2] = p->fvalue;
    x[3] = p->ftrace;
    p->fvalue = TERM_NIL;
    p->ftrace = TERM_NIL;
    p->fcause = TERM_NONE;
    return handler;
}

/* {Value, Args} of EXC_ARGS: args of the first entry. */
static term_t take_args(Process *p)
{
    if (!(p->freason & EXC_ARGS)) return am_undefined;
    term_t pair = p->fvalue;
    p->fvalue = tuple_element(pair, 1);
    return tuple_element(pair, 2);
}

static unsigned info_flags(const Process *p)
{
    if (p->freason & EXC_INFO) return TRACE_INFO_MAP;
    return p->fcause != TERM_NONE ? TRACE_CAUSE : 0;
}

static void set_trace(Process *p, unsigned flags, const Mfa *mfa, term_t args, const code_t *pc)
{
    term_t info = p->fcause != TERM_NONE ? p->fcause : TERM_NIL;
    p->ftrace = capture(p, flags | info_flags(p), mfa, args, info, pc);
    p->freason &= ~(EXC_SAVE_TRACE | EXC_ARGS | EXC_INFO);
}

const code_t *except_raise(Process *p, term_t *x, const code_t *pc)
{
    if (p->freason & EXC_SAVE_TRACE) {
        term_t args = take_args(p);
        p->fvalue = exception_value(p);
        set_trace(p, 0, NULL, args, pc);
    }
    return dispatch(p, x);
}

/* Natives whose own name does not show: they raise on behalf of their caller. */
static bool raises_for_caller(const Process *p, const Mfa *m)
{
    return m->module == am_erlang && (p->freason >> EXC_CODE_SHIFT) == 0
           && (m->function == am_error || m->function == am_exit || m->function == am_throw
               || m->function == am_raise);
}

const code_t *except_raise_native(Process *p, term_t *x, const code_t *pc, const Mfa *mfa,
                                  const term_t *args)
{
    if (!(p->freason & EXC_SAVE_TRACE) || raises_for_caller(p, mfa)) return except_raise(p, x, pc);
    unsigned flags = TRACE_NATIVE;
    term_t list = heap_list(&p->heap, mfa->arity, args, TERM_NIL);
    if ((p->freason & EXC_CLASS_MASK) == EXC_CLASS_ERROR
        && except_error_info_module(mfa->module) != TERM_NONE)
        flags |= TRACE_ERROR_INFO;
    if (p->freason & EXC_ARGS) take_args(p);
    p->fvalue = exception_value(p);
    set_trace(p, flags, mfa, list, pc);
    return dispatch(p, x);
}

const code_t *except_raise_clause(Process *p, term_t *x, const Mfa *mfa, const term_t *args)
{
    term_t list = heap_list(&p->heap, mfa->arity, args, TERM_NIL);
    p->freason = EXC_FUNCTION_CLAUSE;
    p->fcause = TERM_NONE;
    p->fvalue = am_function_clause;
    set_trace(p, 0, NULL, list, (const code_t *)(const void *)mfa - 1);
    return dispatch(p, x);
}

/* ---- instructions ---- */

bool except_raw_raise(Process *p, const term_t *x)
{
    if (x[0] == am_error) p->freason = EXC_CLASS_ERROR;
    else if (x[0] == am_exit) p->freason = EXC_CLASS_EXIT;
    else if (x[0] == am_throw) p->freason = EXC_CLASS_THROW;
    else return false;
    p->fvalue = x[1];
    p->ftrace = x[2];
    p->fcause = TERM_NONE;
    if (trace_is_raw(x[2])) raw_trace(x[2])->reason = p->freason; /* a later re-raise keeps the class */
    return true;
}

term_t except_catch_value(Process *p, const term_t *x)
{
    Heap *h = &p->heap;
    if (x[1] == am_throw) return x[2];
    if (x[1] == am_exit) return heap_tuple2(h, am_EXIT, x[2]);
    return heap_tuple2(h, am_EXIT, heap_tuple2(h, x[2], except_build_trace(p, x[3])));
}
