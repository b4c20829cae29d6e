/* SPDX-License-Identifier: Apache-2.0 */
/* bif_trace - natives that say who is traced: trace/3, trace_info/2, trace_delivered/1, erl_tracer.
 * Semantics: erlang(3), erl_tracer(3). Layer: trace. */
#include "bifs/bif.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "proc/ptab.h"
#include "proc/report.h"
#include "sched/sched.h"
#include "trace/breakpoint.h"
#include "trace/profile.h"
#include "trace/tracer.h"

static term_t badarg(Process *p) { return bif_error(p, EXC_BADARG); }
static term_t badopt(Process *p) { return bif_error_cause(p, EXC_BADARG, am_badopt); }

/* ---- trace/3 ---- */

typedef struct Request {
    Process *p;
    uint32_t flags;
    term_t tracer;    /* TERM_NONE: none given */
    bool on, cpu;     /* cpu: cpu_timestamp */
    bool taken;       /* somebody else traces it */
    int64_t count;
} Request;

static bool parse_tracer(Request *r, term_t t)
{
    tracer_release(r->tracer);
    r->tracer = tracer_parse(r->p->vm, t);
    return r->tracer != TERM_NONE;
}

static bool parse_flags(Request *r, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        uint32_t flag;
        if (trace_flag_of(t, &flag)) r->flags |= flag;
        else if (t == am_cpu_timestamp) r->cpu = true;
        else if ((term_is_tuple_of(t, 2) || term_is_tuple_of(t, 3)) && tuple_element(t, 1) == am_tracer) {
            if (!parse_tracer(r, t)) return false;
        } else return false;
    }
    return list == TERM_NIL;
}

static void set_flags(TraceFlags *f, const Request *r)
{
    if (r->on) trace_flags_put(f, f->flags | r->flags, r->tracer);
    else trace_flags_put(f, f->flags & ~r->flags, f->tracer);
}

/* A process that somebody else traces already keeps its tracer. */
static bool taken_by_other(const Request *r, const TraceFlags *f, term_t tracee)
{
    return f && f->flags && !tracer_same(f->tracer, r->tracer) && tracer_lives(r->p->vm, f->tracer, tracee);
}

static bool change_process(Request *r, Process *target)
{
    r->taken = r->on && taken_by_other(r, target->trace, target->id);
    if (r->taken) return false;
    if (r->on || target->trace) set_flags(trace_flags_make(target), r);
    return true;
}

static void change_all_processes(Request *r)
{
    Ptab *t = r->p->vm->procs->procs;
    size_t end = ptab_scan_end(t);
    for (size_t i = 0; i < end; i++) {
        Process *q = ptab_slot(t, i);
        if (!q || process_is_exiting(q)) continue;
        if (q->id != r->tracer || !r->on) change_process(r, q);
        r->count++;
    }
}

static bool change_port(Request *r, term_t id)
{
    TraceSpace *s = trace_space(r->p->vm);
    TraceFlags f;
    if (!s->port_flags || !s->port_flags(r->p->vm, id, &f, NULL)) return false;
    r->taken = r->on && taken_by_other(r, &f, id);
    if (r->taken) return false;
    tracer_hold(f.tracer);
    set_flags(&f, r);
    bool open = s->port_flags(r->p->vm, id, NULL, &f);
    tracer_release(f.tracer);
    return open;
}

static void change_all_ports(Request *r)
{
    Ptab *t = r->p->vm->procs->ports;
    size_t end = ptab_scan_end(t);
    for (size_t i = 0; i < end; i++) {
        const term_t *id = ptab_slot(t, i); /* what a port begins with */
        if (!id) continue;
        change_port(r, *id);
        r->count++;
    }
}

static void new_process(term_t parent, Process *child, bool linked, term_t mfa)
{
    const TraceFlags *f = &trace_space(child->vm)->new_procs;
    profile_spawned(child);
    if (child->trace && child->trace->flags) return;
    if (!f->flags || f->tracer == child->id) return;
    TraceFlags *c = trace_flags_make(child);
    trace_flags_put(c, f->flags, f->tracer);
    trace_event(child, TRACE_PROCS, am_spawned, parent, mfa);
    if (linked) trace_event(child, TRACE_PROCS, am_getting_linked, parent, TERM_NONE);
}

void trace_update_new(Vm *vm)
{
    const TraceSpace *s = trace_space(vm);
    bool wanted = s->new_procs.flags || load_relaxed(&s->profile_flags) & PROFILE_PROCS;
    vm->procs->trace_new = wanted ? new_process : NULL;
}

static void change_new(Request *r, bool procs, bool ports)
{
    TraceSpace *s = trace_space(r->p->vm);
    if (procs) set_flags(&s->new_procs, r);
    if (ports) set_flags(&s->new_ports, r);
    trace_update_new(r->p->vm);
}

/* False: no such set of processes. */
static bool change_many(Request *r, term_t who)
{
    bool procs = who == am_all || who == am_existing || who == am_processes || who == am_existing_processes;
    bool ports = who == am_all || who == am_existing || who == am_ports || who == am_existing_ports;
    bool new_procs = who == am_all || who == am_new || who == am_new_processes || who == am_processes;
    bool new_ports = who == am_all || who == am_new || who == am_new_ports || who == am_ports;
    if (!procs && !ports && !new_procs && !new_ports) return false;
    if (procs && (r->flags & ~TRACE_ONLY_OF_PORTS)) change_all_processes(r);
    if (ports && (r->flags & TRACE_OF_PORTS)) change_all_ports(r);
    if (new_procs || new_ports) change_new(r, new_procs, new_ports);
    return true;
}

static bool change(Request *r, term_t who)
{
    Vm *vm = r->p->vm;
    if (term_is_atom(who)) return change_many(r, who);
    r->count = 1;
    if (term_is_local_port(who)) return change_port(r, who);
    Process *target = term_is_local_pid(who) ? process_lookup_alive(vm, who) : NULL;
    return target && change_process(r, target);
}

static void report_taken(Process *p)
{
    static const char text[] = "** can only have one tracer per process\n";
    Heap h = {0};
    term_t args = heap_cons(&h, heap_string(&h, text, sizeof text - 1, TERM_NIL), TERM_NIL);
    (void)report_error(p, &h, "~s~n", args);
}

static term_t make_request(Request *r, const term_t *a)
{
    Process *p = r->p;
    if (!parse_flags(r, a[2])) return badopt(p);
    if (!term_is_bool(a[1])) return badarg(p);
    r->on = a[1] == am_true;
    if (r->cpu && a[0] != am_all) return badarg(p);
    if (r->on && r->tracer == TERM_NONE) r->tracer = p->id;
    sched_block_all(p->vm);
    bool ok = change(r, a[0]);
    if (r->cpu) store_relaxed(&trace_space(p->vm)->cpu_timestamps, r->on);
    sched_unblock_all(p->vm);
    if (!ok && r->taken) report_taken(p);
    return ok ? term_small(r->count) : badarg(p);
}

BIF(erts_internal, trace, 3, 0)
{
    Request r = {.p = p, .tracer = TERM_NONE};
    term_t result = make_request(&r, a);
    tracer_release(r.tracer);
    return result;
}

/* ---- trace_info/2 ---- */

static term_t flags_info(Process *p, term_t tracee, const TraceFlags *f, term_t item)
{
    term_t v;
    bool traced = f && f->flags && tracer_lives(p->vm, f->tracer, tracee);
    if (item == am_flags) v = traced ? trace_flag_list(&p->heap, f->flags) : TERM_NIL;
    else if (item == am_tracer) v = traced ? term_copy(&p->heap, f->tracer) : TERM_NIL;
    else return badarg(p);
    return heap_tuple2(&p->heap, item, v);
}

/* The flags belong to the other process: look while it stands still. */
static term_t process_info(Process *p, term_t pid, term_t item)
{
    TraceFlags copy = {0};
    sched_block_all(p->vm);
    Process *q = process_lookup_alive(p->vm, pid);
    if (q && q->trace) copy = *q->trace;
    sched_unblock_all(p->vm);
    return q ? flags_info(p, pid, &copy, item) : am_undefined;
}

static term_t port_info(Process *p, term_t id, term_t item)
{
    TraceSpace *s = trace_space(p->vm);
    TraceFlags f;
    return s->port_flags && s->port_flags(p->vm, id, &f, NULL) ? flags_info(p, id, &f, item) : am_undefined;
}

static term_t event_info(Process *p, const TracePattern *t, term_t item)
{
    if (item != am_match_spec) return badarg(p);
    term_t v = t->off ? am_false : t->ms ? term_copy(&p->heap, t->spec) : am_true;
    return heap_tuple2(&p->heap, item, v);
}

BIF(erlang, trace_info, 2, 0)
{
    TraceSpace *s = trace_space(p->vm);
    if (term_is_local_pid(a[0])) return process_info(p, a[0], a[1]);
    if (term_is_local_port(a[0])) return port_info(p, a[0], a[1]);
    if (term_is_tuple_of(a[0], 3)) return breakpoint_info(p, a[0], a[1]);
    switch (a[0]) {
    case am_new: case am_new_processes: return flags_info(p, am_undefined, &s->new_procs, a[1]);
    case am_new_ports: return flags_info(p, am_undefined, &s->new_ports, a[1]);
    case am_send: return event_info(p, &s->send, a[1]);
    case am_receive: return event_info(p, &s->receive, a[1]);
    case am_on_load: return breakpoint_on_load_info(p, a[1]);
    default: return badarg(p);
    }
}

/* ---- trace_delivered/1 ---- */

/* Events are in the tracer's queue as soon as they happen; what was sent before the question, signals to other
 * processes among it, gets the time of one round of the schedulers to make some. */
typedef struct Delivered {
    Vm *vm;
    term_t asker, tracee;
    RefNum ref;
} Delivered;

static void delivered_here(void *arg) { profile_flush(((Delivered *)arg)->vm); }

static void delivered_everywhere(void *arg)
{
    Delivered *d = arg;
    Process *to = process_lookup_alive(d->vm, d->asker);
    Heap h = {0};
    if (to) {
        term_t ref = ref_put(heap_alloc(&h, REF_WORDS), d->ref);
        message_send_heap(d->vm, am_undefined, to, heap_tuple3(&h, am_trace_delivered, d->tracee, ref), &h);
    }
    MEM_DELETE(TRACE, d);
}

BIF(erlang, trace_delivered, 1, 0)
{
    if (a[0] != am_all && !term_is_local_pid(a[0])) return badarg(p);
    Delivered *d = MEM_NEW(TRACE, Delivered);
    *d = (Delivered){p->vm, p->id, a[0], ref_new(p->vm)};
    term_t ref = ref_put(heap_alloc(&p->heap, REF_WORDS), d->ref);
    sched_run_on_all(p->vm, delivered_here, delivered_everywhere, d);
    return ref;
}

/* ---- match_spec_test/3 ---- */

static term_t test_result(Process *p, term_t result, const TraceMatch *m)
{
    Heap *h = &p->heap;
    term_t flags = TERM_NIL;
    if (m && m->exception_trace) flags = heap_cons(h, am_exception_trace, flags);
    if (m && m->return_trace) flags = heap_cons(h, am_return_trace, flags);
    return heap_tuple4(h, am_ok, result, flags, TERM_NIL);
}

static term_t test_error(Process *p, const char *text)
{
    Heap *h = &p->heap;
    term_t one = heap_tuple2(h, am_error, heap_string(h, text, strlen(text), TERM_NIL));
    return heap_tuple2(h, am_error, heap_cons(h, one, TERM_NIL));
}

static bool is_proper_list(term_t t)
{
    while (term_is_list_cell(t)) t = list_tail(t);
    return t == TERM_NIL;
}

BIF(erlang, match_spec_test, 3, 0)
{
    bool trace = a[2] == am_trace;
    char text[200];
    if (!trace && a[2] != am_table) return badarg(p);
    if (trace && !is_proper_list(a[0])) return badarg(p);
    bool too_deep;
    MatchSpec *ms = ms_compile_explain(p->vm, a[1], trace ? MS_TRACE : MS_TABLE, text, sizeof text, &too_deep);
    if (!ms) return test_error(p, text);
    term_t result;
    if (trace) {
        TraceMatch m = {.silent_test = true};
        bool matched = trace_match(ms, p, a[0], &m);
        result = test_result(p, matched ? m.message : am_false, matched ? &m : NULL);
    } else {
        term_t v = ms_run(ms, p, a[0], false);
        result = test_result(p, v == TERM_NONE ? am_false : v, NULL);
    }
    ms_unref(ms);
    return result;
}

/* ---- erl_tracer: the tracer module that sends to a process ---- */

BIF(erl_tracer, enabled, 3, 0)
{
    bool alive = tracer_is(a[1]) && tracer_lives(p->vm, a[1], a[2]);
    if (alive && a[1] != a[2]) return am_trace;
    return a[0] == am_trace_status && !alive ? am_remove : am_discard;
}

static uint32_t stamp_flags(term_t how)
{
    switch (how) {
    case am_timestamp: case am_cpu_timestamp: return TRACE_TIMESTAMP;
    case am_monotonic: return TRACE_MONOTONIC;
    case am_strict_monotonic: return TRACE_STRICT_MONOTONIC;
    default: return 0;
    }
}

BIF(erl_tracer, trace, 5, 0)
{
    if (!tracer_is(a[1]) || !term_is_map(a[4])) return badarg(p);
    term_t extra = map_get(a[4], am_extra), result = map_get(a[4], am_match_spec_result);
    term_t stamp = map_get(a[4], am_timestamp);
    TraceEvent e = {.flags = stamp == TERM_NONE ? 0 : stamp_flags(stamp), .tracee = a[2], .tag = a[0], .term = a[3],
                    .extra = extra, .result = result};
    (void)tracer_tell(p->vm, a[1], &e);
    return am_ok;
}
