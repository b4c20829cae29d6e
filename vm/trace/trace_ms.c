/* SPDX-License-Identifier: Apache-2.0 */
/* trace_ms - what match specifications of the trace dialect do besides matching.
 * Semantics: ERTS User's Guide, "Match Specifications in Erlang". Layer: trace. */
#include "bifs/bif.h"
#include "code/range.h"
#include "base/alloc.h"
#include "data/binary.h"
#include "data/term_print.h"
#include "proc/registry.h"
#include "proc/signal.h"
#include "trace/tracer.h"

#include <stdio.h>

static bool flags_of_list(Vm *vm, term_t list, uint32_t *flags, term_t *tracer)
{
    *flags = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        uint32_t flag;
        if (trace_flag_of(t, &flag)) *flags |= flag;
        else if ((term_is_tuple_of(t, 2) || term_is_tuple_of(t, 3)) && tuple_element(t, 1) == am_tracer) {
            tracer_release(*tracer);
            *tracer = tracer_parse(vm, t);
            if (*tracer == TERM_NONE) return false;
        } else return false;
    }
    return list == TERM_NIL;
}

/* Flags of another process are changed by itself, when it handles its signals. */
typedef struct Change {
    uint32_t set, clear;
    term_t tracer;
} Change;

static void change_there(Process *p, void *arg, bool dead)
{
    Change *c = arg;
    if (!dead) trace_change(p, c->set, c->clear, c->tracer);
    tracer_release(c->tracer);
    MEM_DELETE(TRACE, c);
}

/* who: a pid or a registered name. False: no such process. */
static bool change_flags(Process *p, term_t who, uint32_t set, uint32_t clear, term_t tracer)
{
    if (term_is_atom(who)) who = registry_find(p->vm, who);
    if (who == p->id) return trace_change(p, set, clear, tracer);
    if (who == TERM_NONE || !term_is_local_pid(who) || !process_lookup_alive(p->vm, who)) return false;
    if (tracer == TERM_NONE && p->trace) tracer = p->trace->tracer;
    Change *c = MEM_NEW(TRACE, Change);
    *c = (Change){set, clear, tracer};
    tracer_hold(tracer);
    signal_send_call(p->vm, p->id, who, change_there, c);
    return true;
}

/* {trace, [Who,] Off, On} */
static term_t change_lists(Process *p, const term_t *args, unsigned n)
{
    uint32_t off, on;
    term_t tracer = TERM_NONE;
    term_t who = n == 3 ? args[0] : p->id;
    if (!flags_of_list(p->vm, args[n - 2], &off, &tracer) || !flags_of_list(p->vm, args[n - 1], &on, &tracer)) {
        tracer_release(tracer);
        return am_false;
    }
    if (tracer == TERM_NONE && !(p->trace && p->trace->tracer != TERM_NONE)) {
        on = 0; /* the tracer would be that of this process, which has none: nobody traces it any more */
        off = UINT32_MAX;
    }
    bool changed = change_flags(p, who, on, off, tracer);
    tracer_release(tracer);
    return term_bool(changed);
}

/* {enable_trace, [Who,] Flag} and disable_trace */
static term_t change_one(Process *p, const term_t *args, unsigned n, bool enable)
{
    uint32_t flag;
    term_t who = n == 2 ? args[0] : p->id;
    if (trace_flag_of(args[n - 1], &flag))
        change_flags(p, who, enable ? flag : 0, enable ? 0 : flag, TERM_NONE);
    return am_true;
}

static term_t caller(const TraceMatch *m, Process *p)
{
    const Mfa *mfa = m->caller ? code_find_mfa(p->vm, m->caller) : NULL;
    if (!mfa) return am_undefined;
    return heap_tuple3(&p->heap, mfa->module, mfa->function, term_small((int64_t)mfa->arity));
}

static term_t caller_line(const TraceMatch *m, Process *p)
{
    CodeLocation at;
    if (!m->caller || !code_locate(p->vm, m->caller, &at)) return am_undefined;
    Heap *h = &p->heap;
    term_t line = at.line ? heap_tuple2(h, at.file, term_small(at.line)) : am_undefined;
    return heap_tuple4(h, at.mfa->module, at.mfa->function, term_small((int64_t)at.mfa->arity), line);
}

static term_t display(Process *p, term_t t)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, t, 100000);
    fprintf(stderr, "%s\r\n", buf_text(&b)); /* as the reference ends it */
    buf_free(&b);
    return am_true;
}

/* What works in match_spec_test too. */
static term_t look(TraceMatch *m, Process *p, enum MsAction action, const term_t *args)
{
    switch (action) {
    case MS_ACT_MESSAGE: m->message = args[0]; return am_true;
    case MS_ACT_RETURN_TRACE: m->return_trace = true; return am_true;
    case MS_ACT_EXCEPTION_TRACE: m->exception_trace = true; return am_true;
    case MS_ACT_CALLER: return caller(m, p);
    case MS_ACT_CALLER_LINE: return caller_line(m, p);
    case MS_ACT_CURRENT_STACKTRACE: return am_undefined;
    case MS_ACT_PROCESS_DUMP: return p->vm->procs->exec.backtrace(p, &p->heap);
    case MS_ACT_DISPLAY: return display(p, args[0]);
    case MS_ACT_GET_TCW: return heap_uint(&p->heap, atomic_load(&trace_space(p->vm)->tcw));
    case MS_ACT_GET_SEQ_TOKEN: return p->seq_token;
    case MS_ACT_IS_SEQ_TRACE: return term_bool(p->seq_token != TERM_NIL);
    default: return TERM_NONE;
    }
}

static term_t set_tcw(Process *p, term_t v)
{
    if (!term_is_small(v) || small_value(v) < 0 || small_value(v) > UINT32_MAX) return TERM_NONE;
    return heap_uint(&p->heap, atomic_exchange(&trace_space(p->vm)->tcw, (uint32_t)small_value(v)));
}

static term_t act(MsTrace *t, Process *p, enum MsAction action, const term_t *args, unsigned n)
{
    TraceMatch *m = container_of(t, TraceMatch, ms);
    term_t v = look(m, p, action, args);
    if (v != TERM_NONE) return v;
    switch (action) {
    case MS_ACT_TRACE: return m->silent_test ? am_false : change_lists(p, args, n);
    case MS_ACT_ENABLE_TRACE: return m->silent_test ? am_true : change_one(p, args, n, true);
    case MS_ACT_DISABLE_TRACE: return m->silent_test ? am_true : change_one(p, args, n, false);
    case MS_ACT_SILENT:
        if (!m->silent_test && p->trace && term_is_bool(args[0]))
            trace_change(p, args[0] == am_true ? TRACE_SILENT : 0,
                         args[0] == am_false ? TRACE_SILENT : 0, TERM_NONE);
        return am_true;
    case MS_ACT_SET_TCW:
        return m->silent_test ? look(m, p, MS_ACT_GET_TCW, args) : set_tcw(p, args[0]);
    case MS_ACT_SET_SEQ_TOKEN:
        v = seq_trace_look(p, args[0]);
        if (v != TERM_NONE && !m->silent_test) v = seq_trace_set(p, args[0], args[1]);
        return v == TERM_NONE ? am_EXIT : v;
    default: return TERM_NONE;
    }
}

bool trace_match(MatchSpec *ms, Process *p, term_t args, TraceMatch *m)
{
    m->ms.action = act;
    m->message = am_true;
    term_t v = ms_run_trace(ms, p, args, &m->ms);
    if (v == am_EXIT) m->message = am_EXIT;
    return v != TERM_NONE;
}
