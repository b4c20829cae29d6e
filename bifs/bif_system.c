/* SPDX-License-Identifier: Apache-2.0 */
/* bif_system - ending the VM, its flags and counters.
 * Semantics: erlang(3) halt/2, system_flag/2, statistics/1. Layer: bifs. */
#include "bifs/bif.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "data/binary.h"
#include "data/map.h"
#include "heap/gc.h"
#include "io/port.h"
#include "proc/except.h"
#include "proc/link.h"
#include "proc/process_info.h"
#include "sched/msacc.h"
#include "sched/sched.h"
#include "trace/trace.h"
#include "sys/cpus.h"
#include "sys/info.h"
#include "sys/sys.h"

/* ---- halt ---- */

static bool halt_options(Vm *vm, term_t l, bool *flush)
{
    *flush = true;
    for (; term_is_list_cell(l); l = list_tail(l)) {
        term_t o = list_head(l);
        if (!term_is_tuple_of(o, 2)) return false;
        term_t name = tuple_element(o, 1), value = tuple_element(o, 2);
        if (name == am_flush && term_is_bool(value))
            *flush = value == am_true;
        else if (!(name == am_flush_timeout && vm->release->otp >= 27 &&
                   (value == am_infinity || (term_is_small(value) && small_value(value) >= 0))))
            return false;
    }
    return l == TERM_NIL;
}

/* Characters of a slogan, at most 1023 of them; false: not a flat string. */
static bool slogan_text(Buf *b, term_t t)
{
    size_t n = 0;
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 0x10FFFF) return false;
        if (n++ < 1023) buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    return t == TERM_NIL;
}

BIF(erlang, halt, 2, 0)
{
    bool flush;
    if (!halt_options(p->vm, a[1], &flush)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    if (a[0] == am_abort) sys_abort(p->vm);
    if (term_is_small(a[0]) && small_value(a[0]) >= 0) {
        sys_halt(p->vm, (int)(small_value(a[0]) & 0xFF), flush);
        return bif_wait(p);
    }
    if (term_is_list(a[0])) {
        Buf b = BUF_INIT(TEMP);
        if (slogan_text(&b, a[0])) sys_crash(p->vm, buf_text(&b));
        buf_free(&b);
    }
    return bif_error(p, EXC_BADARG);
}

/* ---- system_flag ---- */

typedef term_t FlagFn(Process *p, term_t value);
#define BAD bif_error(p, EXC_BADARG)

static bool unsigned_value(term_t t, uint64_t max, uint64_t *out)
{
    if (!term_is_small(t) || small_value(t) < 0 || (uint64_t)small_value(t) > max) return false;
    *out = (uint64_t)small_value(t);
    return true;
}

static term_t flag_backtrace_depth(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, 1024, &n)) return BAD;
    return term_small(except_set_depth(p->vm, (unsigned)n));
}

/* A change of the number of schedulers has been made, and holds when the caller is among the active ones and,
 * if dirty schedulers are blocked, dirty natives have ended: it remembers the answer and comes again. */
typedef struct SettlingState {
    NativeState base;
    term_t answer;
} SettlingState;

static void settling_destroy(NativeState *base) { MEM_DELETE(TEMP, (SettlingState *)base); }

static SettlingState *settling_state(Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == settling_destroy ? (SettlingState *)s : NULL;
}

static term_t settle(Process *p, term_t answer)
{
    enum SchedSettled settled = sched_multi_settled(p->vm, p->id);
    if (settled == SETTLED) {
        if (settling_state(p)) process_drop_native_state(p);
        return answer == TERM_NONE ? info_multi_scheduling(p->vm) : answer;
    }
    if (!settling_state(p)) {
        SettlingState *s = MEM_NEW(TEMP, SettlingState);
        s->base.destroy = settling_destroy;
        s->answer = answer;
        p->native_state = &s->base;
    }
    return settled == SETTLED_LATER ? bif_wait(p) : bif_yield(p);
}

static term_t flag_schedulers_online(Process *p, term_t v)
{
    uint64_t n;
    if (settling_state(p)) return settle(p, settling_state(p)->answer);
    if (!unsigned_value(v, p->vm->sched->count, &n) || n == 0) return BAD;
    return settle(p, term_small(sched_set_online(p->vm, (unsigned)n)));
}

static term_t flag_dirty_cpu_online(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, load_relaxed(&p->vm->sched->online), &n) || n == 0) return BAD;
    return term_small(sched_set_dirty_cpu_online(p->vm, (unsigned)n));
}

static term_t flag_fullsweep_after(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, (uint64_t)SMALL_MAX, &n)) return BAD;
    return term_small(atomic_exchange(&p->vm->procs->fullsweep_after, (uint32_t)MIN(n, 65535)));
}

static term_t flag_min_heap_size(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, UINT32_MAX, &n)) return BAD;
    uint32_t size = (uint32_t)heap_size_at_least(n);
    return term_small(__atomic_exchange_n(&p->vm->procs->min_heap_words, size, __ATOMIC_RELAXED));
}

static term_t flag_min_bin_vheap_size(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, UINT32_MAX, &n)) return BAD;
    uint32_t size = (uint32_t)vheap_size_at_least(n);
    return term_small(__atomic_exchange_n(&p->vm->procs->min_vheap_words, size, __ATOMIC_RELAXED));
}

static term_t flag_max_heap_size(Process *p, term_t v)
{
    uint64_t old = load_relaxed(&p->vm->procs->max_heap), fresh = old;
    if (!process_max_heap_parse(p->vm, v, &fresh)) return BAD;
    store_relaxed(&p->vm->procs->max_heap, fresh);
    return process_max_heap_map(&p->heap, old);
}

static term_t flag_multi_scheduling(Process *p, term_t v)
{
    bool normal = v == am_block_normal || v == am_unblock_normal;
    if (settling_state(p)) return settle(p, TERM_NONE);
    if (v == am_block || v == am_block_normal) {
        sched_multi_block(p->vm, p->id, normal);
        return settle(p, TERM_NONE);
    }
    if (v == am_unblock || v == am_unblock_normal)
        sched_multi_unblock(p->vm, p->id, normal);
    else
        return BAD;
    return info_multi_scheduling(p->vm);
}

static term_t flag_scheduler_wall_time(Process *p, term_t v)
{
    if (!term_is_bool(v)) return BAD;
    return bif_trap_mfa(p, am_erts_internal, am_system_flag_scheduler_wall_time, 1, &v);
}

static term_t flag_system_logger(Process *p, term_t v)
{
    if (v != am_logger && v != am_undefined && !term_is_local_pid(v)) return BAD;
    term_t old = process_logger(p->vm);
    store_relaxed(&p->vm->procs->logger, v);
    return old;
}

static term_t flag_trace_control_word(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, UINT32_MAX, &n)) return BAD;
    return term_small(atomic_exchange(&trace_space(p->vm)->tcw, (uint32_t)n));
}

static term_t flag_time_offset(Process *p, term_t v)
{
    if (v != am_finalize) return BAD;
    switch (clock_finalise_offset()) {
    case CLOCK_OFFSET_PRELIMINARY: monitors_time_offset_changed(p->vm); return am_preliminary;
    case CLOCK_OFFSET_VOLATILE: return am_volatile;
    default: return am_final;
    }
}

static term_t flag_outstanding_requests(Process *p, term_t v)
{
    uint64_t n;
    if (!unsigned_value(v, 1 << 27, &n) || n == 0) return BAD;
    return term_small(atomic_exchange(&p->vm->sys->outstanding_requests, (uint32_t)n));
}

static term_t flag_scheduler_bind_type(Process *p, term_t v)
{
    term_t old = cpus_set_bind_type(p->vm, v);
    return old == TERM_NONE ? BAD : old;
}

static term_t flag_cpu_topology(Process *p, term_t v)
{
    term_t old = cpus_define(p->vm, &p->heap, v);
    return old == TERM_NONE ? BAD : old;
}

static term_t flag_microstate_accounting(Process *p, term_t v)
{
    if (v == am_reset) {
        msacc_reset(p->vm);
        return term_bool(msacc_enabled(p->vm));
    }
    return term_is_bool(v) ? term_bool(msacc_enable(p->vm, v == am_true)) : BAD;
}
static term_t flag_sequential_tracer(Process *p, term_t v)
{
    term_t old = seq_trace_set_tracer(p, v);
    return old == TERM_NONE ? BAD : old;
}
static term_t flag_reset_seq_trace(Process *p, term_t v)
{
    if (v != am_true) return BAD;
    seq_trace_reset(p->vm);
    return am_true;
}

typedef struct FlagRow {
    term_t name;
    FlagFn *fn;
} FlagRow;

static const FlagRow flags[] = {
    {am_backtrace_depth, flag_backtrace_depth}, {am_cpu_topology, flag_cpu_topology},
    {am_dirty_cpu_schedulers_online, flag_dirty_cpu_online}, {am_fullsweep_after, flag_fullsweep_after},
    {am_max_heap_size, flag_max_heap_size}, {am_microstate_accounting, flag_microstate_accounting},
    {am_min_bin_vheap_size, flag_min_bin_vheap_size}, {am_min_heap_size, flag_min_heap_size},
    {am_multi_scheduling, flag_multi_scheduling},
    {am_outstanding_system_requests_limit, flag_outstanding_requests}, {am_reset_seq_trace, flag_reset_seq_trace},
    {am_scheduler_bind_type, flag_scheduler_bind_type}, {am_scheduler_wall_time, flag_scheduler_wall_time},
    {am_schedulers_online, flag_schedulers_online}, {am_sequential_tracer, flag_sequential_tracer},
    {am_system_logger, flag_system_logger}, {am_time_offset, flag_time_offset},
    {am_trace_control_word, flag_trace_control_word},
};

BIF(erlang, system_flag, 2, 0)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].name == a[0]) return flags[i].fn(p, a[1]);
    return bif_error_cause(p, EXC_BADARG, am_badopt);
}

BIF(erts_internal, scheduler_wall_time, 1, 0)
{
    if (!term_is_bool(a[0])) return bif_error(p, EXC_BADARG);
    bool old = sched_wall_time_enabled(p->vm);
    if (old != (a[0] == am_true)) sched_wall_time_enable(p->vm, !old);
    return term_bool(old);
}

/* One "thread" answers for all (sys/memory.c); callers expect one less than this. */
BIF(erts_internal, no_aux_work_threads, 0, 0) { return term_small(2); }

BIF(erts_internal, system_check, 1, 0) { return a[0] == am_schedulers ? am_ok : bif_error(p, EXC_BADARG); }

/* ---- statistics ---- */

/* {Total, SinceLastCall} */
static term_t total_and_since(Process *p, uint64_t total, uint64_t *last)
{
    Mutex *lock = &p->vm->sys->env_lock;
    mutex_lock(lock);
    uint64_t since = total - *last;
    *last = total;
    mutex_unlock(lock);
    return heap_tuple2(&p->heap, heap_uint(&p->heap, total), heap_uint(&p->heap, since));
}

static term_t stat_reductions(Process *p)
{
    return total_and_since(p, sched_total_reductions(p->vm), &p->vm->sys->last_reds);
}
static term_t stat_exact_reductions(Process *p)
{
    return total_and_since(p, sched_total_reductions(p->vm), &p->vm->sys->last_exact_reds);
}
static term_t stat_runtime(Process *p)
{
    return total_and_since(p, (uint64_t)(clock_user_ns() / NS_PER_MS), &p->vm->sys->last_runtime_ms);
}
static term_t stat_wall_clock(Process *p)
{
    uint64_t ms = (uint64_t)((clock_monotonic_ns() - clock_start_ns()) / NS_PER_MS);
    return total_and_since(p, ms, &p->vm->sys->last_wall_ms);
}
static term_t stat_context_switches(Process *p)
{
    return heap_tuple2(&p->heap, heap_uint(&p->heap, sched_context_switches(p->vm)), term_small(0));
}
static term_t stat_garbage_collection(Process *p)
{
    const HeapPolicy *policy = p->vm->heap_policy;
    Heap *h = &p->heap;
    return heap_tuple3(h, heap_uint(h, load_relaxed(&policy->collections)),
                       heap_uint(h, load_relaxed(&policy->reclaimed_words)), term_small(0));
}
static term_t stat_io(Process *p)
{
    Heap *h = &p->heap;
    uint64_t in, out;
    port_io_bytes(p->vm, &in, &out);
    return heap_tuple2(h, heap_tuple2(h, am_input, heap_uint(h, in)),
                       heap_tuple2(h, am_output, heap_uint(h, out)));
}

/* Lengths (or numbers of active tasks) of all queues: schedulers, dirty CPU, dirty I/O. */
static size_t queue_numbers(Process *p, size_t **out, bool active)
{
    size_t n = p->vm->sched->count + 2;
    *out = MEM_NEW_ARRAY(TEMP, size_t, n);
    if (active)
        sched_active_counts(p->vm, *out);
    else
        sched_queue_lengths(p->vm, *out);
    return n;
}

/* skip: queues at the end that are left out (1: dirty I/O; 2: both dirty ones). */
static term_t queue_list(Process *p, bool active, size_t skip)
{
    size_t *q, n = queue_numbers(p, &q, active);
    term_t l = TERM_NIL;
    for (size_t i = n - skip; i-- > 0;) l = heap_cons(&p->heap, heap_uint(&p->heap, q[i]), l);
    MEM_DELETE_ARRAY(TEMP, q, n);
    return l;
}

static term_t queue_sum(Process *p, bool active, size_t skip)
{
    size_t *q, n = queue_numbers(p, &q, active), sum = 0;
    for (size_t i = 0; i < n - skip; i++) sum += q[i];
    MEM_DELETE_ARRAY(TEMP, q, n);
    return heap_uint(&p->heap, sum);
}

static term_t stat_run_queue(Process *p) { return queue_sum(p, false, 2); }
static term_t stat_run_queue_lengths(Process *p) { return queue_list(p, false, 1); }
static term_t stat_run_queue_lengths_all(Process *p) { return queue_list(p, false, 0); }
static term_t stat_total_run_queue_lengths(Process *p) { return queue_sum(p, false, 1); }
static term_t stat_total_run_queue_lengths_all(Process *p) { return queue_sum(p, false, 0); }
static term_t stat_active_tasks(Process *p) { return queue_list(p, true, 1); }
static term_t stat_active_tasks_all(Process *p) { return queue_list(p, true, 0); }
static term_t stat_total_active_tasks(Process *p) { return queue_sum(p, true, 1); }
static term_t stat_total_active_tasks_all(Process *p) { return queue_sum(p, true, 0); }

static term_t wall_times(Process *p, unsigned count)
{
    Heap *h = &p->heap;
    term_t l = TERM_NIL;
    SchedTimes t;
    for (unsigned i = count; i >= 1; i--) {
        if (!sched_wall_time(p->vm, i, &t)) return am_undefined;
        l = heap_cons(h, heap_tuple3(h, term_small(i), heap_int(h, t.active_ns), heap_int(h, t.total_ns)), l);
    }
    return l;
}
static term_t stat_scheduler_wall_time(Process *p)
{
    return wall_times(p, p->vm->sched->count + p->vm->sched->dirty_cpu_count);
}
static term_t stat_scheduler_wall_time_all(Process *p)
{
    const SchedSpace *s = p->vm->sched;
    return wall_times(p, s->count + s->dirty_cpu_count + s->dirty_io_count);
}
/* Entries with ids from..to; the first is the thread of this number, 0: there are no threads of the type here. */
static term_t microstates(Process *p, term_t type, unsigned from, unsigned to, unsigned number, term_t tail)
{
    static const term_t names[] = {[MS_AUX] = am_aux, [MS_CHECK_IO] = am_check_io, [MS_EMULATOR] = am_emulator,
                                   [MS_GC] = am_gc, [MS_OTHER] = am_other, [MS_PORT] = am_port,
                                   [MS_SLEEP] = am_sleep};
    Heap *h = &p->heap;
    for (unsigned id = from; id <= to; id++) {
        uint64_t ns[MS_STATES] = {0};
        term_t counters[2 * MS_STATES];
        if (number) msacc_read(p->vm, number + id - from, ns);
        for (int k = 0; k < MS_STATES; k++) counters[2 * k] = names[k], counters[2 * k + 1] = heap_uint(h, ns[k]);
        term_t pairs[] = {am_counters, map_from_pairs(h, counters, MS_STATES, NULL), am_id, term_small(id),
                          am_type, type};
        tail = heap_cons(h, map_from_pairs(h, pairs, 3, NULL), tail);
    }
    return tail;
}

static term_t stat_microstate_accounting(Process *p)
{
    const SchedSpace *s = p->vm->sched;
    unsigned first_io = s->count + s->dirty_cpu_count + 1;
    term_t l = microstates(p, am_scheduler, 1, s->count, 1, TERM_NIL);
    l = microstates(p, am_aux, 1, 1, 0, l);
    l = microstates(p, am_async, 0, 0, 0, l);
    l = microstates(p, am_dirty_cpu_scheduler, 1, s->dirty_cpu_count, s->count + 1, l);
    l = microstates(p, am_dirty_io_scheduler, 1, s->dirty_io_count, first_io, l);
    return microstates(p, am_poll, 0, 0, 0, l);
}

typedef struct StatRow {
    term_t name;
    term_t (*fn)(Process *p);
} StatRow;

static const StatRow stats[] = {
    {am_reductions, stat_reductions}, {am_exact_reductions, stat_exact_reductions},
    {am_runtime, stat_runtime}, {am_wall_clock, stat_wall_clock},
    {am_context_switches, stat_context_switches}, {am_garbage_collection, stat_garbage_collection},
    {am_io, stat_io}, {am_run_queue, stat_run_queue}, {am_run_queue_lengths, stat_run_queue_lengths},
    {am_run_queue_lengths_all, stat_run_queue_lengths_all},
    {am_total_run_queue_lengths, stat_total_run_queue_lengths},
    {am_total_run_queue_lengths_all, stat_total_run_queue_lengths_all},
    {am_active_tasks, stat_active_tasks}, {am_active_tasks_all, stat_active_tasks_all},
    {am_total_active_tasks, stat_total_active_tasks},
    {am_total_active_tasks_all, stat_total_active_tasks_all},
    {am_scheduler_wall_time, stat_scheduler_wall_time},
    {am_scheduler_wall_time_all, stat_scheduler_wall_time_all},
    {am_microstate_accounting, stat_microstate_accounting},
};

BIF(erlang, statistics, 1, 0)
{
    for (size_t i = 0; i < ARRAY_LEN(stats); i++)
        if (stats[i].name == a[0]) return stats[i].fn(p);
    return bif_error(p, EXC_BADARG);
}
