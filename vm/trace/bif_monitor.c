/* SPDX-License-Identifier: Apache-2.0 */
/* bif_monitor - system_monitor/0,1,2 and system_profile/0,2: settings, kept and shown.
 * DEVIATES: long_schedule has no {out, _} of a process that has ended.
 * busy_port: io/port.c; busy_dist_port: dist.
 * Semantics: erlang(3). Layer: trace. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "heap/gc.h"
#include "sched/sched.h"
#include "trace/profile.h"
#include "trace/tracer.h"

static term_t badarg(Process *p) { return bif_error(p, EXC_BADARG); }

/* ---- system_monitor ---- */

typedef struct Settings {
    uint64_t long_gc, long_schedule, large_heap;
    bool busy_port, busy_dist_port;
} Settings;

static bool parse_limit(Settings *s, term_t t)
{
    if (!term_is_tuple_of(t, 2) || !term_is_small(tuple_element(t, 2)) || small_value(tuple_element(t, 2)) < 0)
        return false;
    uint64_t v = (uint64_t)small_value(tuple_element(t, 2));
    switch (tuple_element(t, 1)) {
    case am_long_gc: s->long_gc = MAX(v, 1); return true;
    case am_long_schedule: s->long_schedule = MAX(v, 1); return true;
    case am_large_heap: s->large_heap = MAX(v, 1); return true;
    default: return false;
    }
}

static bool parse_settings(Settings *s, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (t == am_busy_port) s->busy_port = true;
        else if (t == am_busy_dist_port) s->busy_dist_port = true;
        else if (!parse_limit(s, t)) return false;
    }
    return list == TERM_NIL;
}

static term_t settings(Process *p)
{
    TraceSpace *s = trace_space(p->vm);
    Heap *h = &p->heap;
    term_t l = TERM_NIL;
    if (s->monitor_pid == TERM_NONE || !process_lookup_alive(p->vm, s->monitor_pid)) return am_undefined;
    if (s->long_gc) l = heap_cons(h, heap_tuple2(h, am_long_gc, heap_uint(h, s->long_gc)), l);
    if (s->long_schedule)
        l = heap_cons(h, heap_tuple2(h, am_long_schedule, heap_uint(h, s->long_schedule)), l);
    if (s->large_heap) l = heap_cons(h, heap_tuple2(h, am_large_heap, heap_uint(h, s->large_heap)), l);
    if (s->busy_port) l = heap_cons(h, am_busy_port, l);
    if (s->busy_dist_port) l = heap_cons(h, am_busy_dist_port, l);
    return heap_tuple2(h, s->monitor_pid, l);
}

/* {monitor, Pid, What, [{timeout, Ms} | Sizes]}; timeout only of long_gc. */
static void report(Process *p, Process *to, term_t what, int64_t ms)
{
    HeapInfo i = heap_info(&p->heap);
    const struct { term_t key; uint64_t value; } items[] = {
        {am_heap_size, i.young}, {am_old_heap_size, i.old}, {am_stack_size, i.stack}, {am_mbuf_size, i.frags},
        {am_heap_block_size, i.block}, {am_old_heap_block_size, i.old_block},
    };
    Heap h = {0};
    term_t list = TERM_NIL;
    for (size_t k = 0; k < ARRAY_LEN(items); k++)
        list = heap_cons(&h, heap_tuple2(&h, items[k].key, heap_uint(&h, items[k].value)), list);
    if (what == am_long_gc) list = heap_cons(&h, heap_tuple2(&h, am_timeout, term_small(ms)), list);
    message_send_heap(p->vm, am_system, to, heap_tuple4(&h, am_monitor, p->id, what, list), &h);
}

/* ProcSpace.monitor_gc. */
static void collected(Process *p, int64_t ns)
{
    const TraceSpace *s = trace_space(p->vm);
    Process *to = s->monitor_pid == TERM_NONE || s->monitor_pid == p->id
                      ? NULL : process_lookup_alive(p->vm, s->monitor_pid);
    if (!to) return;
    int64_t ms = ns / 1000000;
    HeapInfo i = heap_info(&p->heap);
    if (s->long_gc && ms >= (int64_t)s->long_gc) report(p, to, am_long_gc, ms);
    if (s->large_heap && i.block + i.old_block + i.frags > s->large_heap) report(p, to, am_large_heap, 0);
}

static term_t place(Heap *h, term_t name, const Mfa *at)
{
    term_t mfa = at ? heap_tuple3(h, at->module, at->function, term_small((int64_t)at->arity)) : am_undefined;
    return heap_tuple2(h, name, mfa);
}

/* Who is to know that id had a scheduler for so long, or NULL. */
static Process *long_schedule_watcher(Vm *vm, term_t id, int64_t ns)
{
    const TraceSpace *s = trace_space(vm);
    uint64_t limit = s->long_schedule;
    if (limit == 0 || ns / 1000000 < (int64_t)limit) return NULL;
    return s->monitor_pid == TERM_NONE || s->monitor_pid == id ? NULL : process_lookup_alive(vm, s->monitor_pid);
}

static void tell_long_schedule(Vm *vm, Process *to, term_t id, int64_t ns, Heap *h, term_t list)
{
    list = heap_cons(h, heap_tuple2(h, am_timeout, term_small(ns / 1000000)), list);
    message_send_heap(vm, am_system, to, heap_tuple4(h, am_monitor, id, am_long_schedule, list), h);
}

/* ProcSpace.monitor_slice. */
static void slice_over(Vm *vm, term_t id, const Mfa *in, const Mfa *out, int64_t ns)
{
    Process *to = long_schedule_watcher(vm, id, ns);
    if (!to) return;
    Heap h = {0};
    term_t list = heap_cons(&h, place(&h, am_out, out), TERM_NIL);
    tell_long_schedule(vm, to, id, ns, &h, heap_cons(&h, place(&h, am_in, in), list));
}

void trace_port_slice_over(Vm *vm, term_t port, term_t operation, int64_t ns)
{
    Process *to = long_schedule_watcher(vm, port, ns);
    if (!to) return;
    Heap h = {0};
    tell_long_schedule(vm, to, port, ns, &h, heap_cons(&h, heap_tuple2(&h, am_port_op, operation), TERM_NIL));
}

static term_t set_monitor(Process *p, term_t pid, term_t options)
{
    TraceSpace *s = trace_space(p->vm);
    Settings new = {0};
    if (pid != am_undefined
        && (!term_is_local_pid(pid) || !process_lookup_alive(p->vm, pid) || !parse_settings(&new, options)))
        return badarg(p);
    bool none = pid == am_undefined
                || !(new.long_gc || new.long_schedule || new.large_heap || new.busy_port
                     || new.busy_dist_port);
    mutex_lock(&s->lock);
    term_t old = settings(p);
    s->monitor_pid = none ? TERM_NONE : pid;
    s->long_gc = new.long_gc;
    s->long_schedule = new.long_schedule;
    s->large_heap = new.large_heap;
    p->vm->procs->monitor_gc = new.long_gc || new.large_heap ? collected : NULL;
    store_relaxed(&p->vm->procs->monitor_slice, new.long_schedule ? slice_over : NULL);
    s->busy_port = new.busy_port;
    s->busy_dist_port = new.busy_dist_port;
    mutex_unlock(&s->lock);
    return old;
}

BIF(erlang, system_monitor, 0, 0)
{
    return settings(p);
}

BIF(erlang, system_monitor, 1, 0)
{
    if (a[0] == am_undefined) return set_monitor(p, am_undefined, TERM_NIL);
    if (!term_is_tuple_of(a[0], 2)) return badarg(p);
    return set_monitor(p, tuple_element(a[0], 1), tuple_element(a[0], 2));
}

BIF(erlang, system_monitor, 2, 0)
{
    return set_monitor(p, a[0], a[1]);
}

/* ---- system_profile (profile.h) ---- */

/* What system_profile/0 shows, last first; the kinds of timestamps are not shown. In the order of PROFILE_*. */
#define PROFILES_SHOWN PROFILE_STAMPS_SHIFT
static const term_t profile_names[] = {
    am_runnable_ports, am_runnable_procs, am_scheduler, am_exclusive, am_timestamp, am_monotonic_timestamp,
    am_strict_monotonic_timestamp,
};

static bool parse_profile(uint32_t *flags, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        size_t i = 0;
        while (i < ARRAY_LEN(profile_names) && profile_names[i] != list_head(list)) i++;
        if (i == ARRAY_LEN(profile_names)) return false;
        *flags |= 1u << i;
    }
    return list == TERM_NIL;
}

static term_t profile_settings(Process *p)
{
    const TraceSpace *s = trace_space(p->vm);
    term_t l = TERM_NIL, to = load_relaxed(&s->profile_pid);
    uint32_t flags = load_relaxed(&s->profile_flags);
    if (to == TERM_NONE || !tracer_lives(p->vm, to, p->id)) return am_undefined;
    for (size_t i = 0; i < PROFILES_SHOWN; i++)
        if (flags >> i & 1) l = heap_cons(&p->heap, profile_names[i], l);
    return heap_tuple2(&p->heap, to, l);
}

BIF(erlang, system_profile, 0, 0) { return profile_settings(p); }

/* Whatever is given, no profiler or nothing to profile is off. */
BIF(erlang, system_profile, 2, 0)
{
    uint32_t flags = 0;
    bool off = a[0] == am_undefined || a[1] == TERM_NIL;
    if (!off && (!tracer_is(a[0]) || !tracer_lives(p->vm, a[0], p->id) || !parse_profile(&flags, a[1])))
        return badarg(p);
    if (!off && !profile_prepare(p->vm)) return bif_yield(p);
    term_t old = profile_settings(p);
    profile_start(p->vm, off ? TERM_NONE : a[0], flags);
    return old;
}
