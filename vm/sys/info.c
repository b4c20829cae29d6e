/* SPDX-License-Identifier: Apache-2.0 */
/* info - erlang:system_info/1: one row per item. Values are those of the OTP root in use where the
 * item speaks of the release, and our own where it speaks of the machine we are.
 * Semantics: erlang(3) system_info/1. Layer: sys. */
#include "sys/info.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"
#include "bifs/bif.h"
#include "code/module.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "dist/channel.h"
#include "ets/ets.h"
#include "heap/gc.h"
#include "loader/load.h"
#include "nif/nif.h"
#include "proc/except.h"
#include "proc/process_info.h"
#include "proc/ptab.h"
#include "sched/poll.h"
#include "sched/sched.h"
#include "sys/cpus.h"
#include "sys/report.h"
#include "sys/sys.h"
#include "trace/trace.h"
#include "term/atom.h"

#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/utsname.h>

char *info_system_version(Vm *vm)
{
    Buf b = BUF_INIT(SYS);
    size_t len;
    unsigned n = vm->sched->count, online = load_relaxed(&vm->sched->online);
    buf_printf(&b, "Erlang/OTP %s [erts-%s] [joist] [64-bit] [smp:%u:%u] [ds:%u:%u:%u] [async-threads:%u]\n",
               vm->release->otp_release, vm->release->erts_version, n, online, vm->sched->dirty_cpu_count,
               sched_dirty_cpu_online(vm), vm->sched->dirty_io_count, vm->config->async_threads);
    return buf_take(&b, &len);
}

term_t info_multi_scheduling(Vm *vm)
{
    switch (sched_multi_state(vm)) {
    case MULTI_DISABLED: return am_disabled;
    case MULTI_BLOCKED: return am_blocked;
    case MULTI_BLOCKED_NORMAL: return am_blocked_normal;
    default: return am_enabled;
    }
}

/* ---- items with a constant answer ---- */

typedef struct ConstRow {
    term_t item, value;
} ConstRow;

static const ConstRow constants[] = {
    {am_debug_compiled, am_false}, {am_lock_checking, am_false}, {am_lock_counting, am_false},
    {am_dynamic_trace, am_none}, {am_dynamic_trace_probes, am_false}, {am_eager_check_io, am_true},
    {am_ets_always_compress, am_false},
    {am_emu_flavor, am_emu}, {am_emu_type, am_opt}, {am_build_type, am_opt}, {am_build_flavor, am_emu},
    {am_endian, am_little},
    {am_heap_type, am_private}, {am_kernel_poll, am_true}, {am_smp_support, am_true}, {am_threads, am_true},
    {am_tolerant_timeofday, am_enabled}, {am_cpu_quota, am_unknown},
    {am_constant_pool_support, am_true}, {am_hipe_architecture, am_undefined},
    {am_ets_realloc_moves, am_false}, {am_beam_jump_table, am_true},
    {am_embedded_3pps, TERM_NIL}, {am_nodes_gc, am_undefined},
};

/* ---- items that are computed ---- */

typedef term_t InfoFn(Process *p, Heap *h);
#define ITEM(name) static term_t item_##name(Process *p UNUSED, Heap *h UNUSED)
#define VM_ (p->vm)

ITEM(taints) { return nif_taints(VM_, h); }
ITEM(version) { return info_string(h, VM_->release->erts_version); }
ITEM(otp_release) { return info_string(h, VM_->release->otp_release); }
ITEM(nif_version) { return info_string(h, VM_->release->nif_version); }
ITEM(driver_version) { return info_string(h, VM_->release->driver_version); }
ITEM(machine) { return info_string(h, "BEAM"); }
ITEM(system_architecture) { return info_string(h, "x86_64-pc-linux-gnu"); }
ITEM(system_version)
{
    char *text = info_system_version(VM_);
    term_t t = info_string(h, text);
    mem_free_text(MEM_SYS, text);
    return t;
}
ITEM(compat_rel) { return term_small(VM_->config->compat_release ? VM_->config->compat_release : VM_->release->otp); }
ITEM(creation)
{
    return heap_uint(h, node_self(VM_)->creation);
}
ITEM(wordsize) { return term_small(8); }
ITEM(schedulers) { return term_small(VM_->sched->count); }
ITEM(schedulers_online) { return term_small(load_relaxed(&VM_->sched->online)); }
ITEM(schedulers_state)
{
    term_t n = term_small(VM_->sched->count), on = term_small(load_relaxed(&VM_->sched->online));
    return heap_tuple3(h, n, on, info_multi_scheduling(VM_) == am_enabled ? on : term_small(1));
}
ITEM(dirty_cpu_schedulers) { return term_small(VM_->sched->dirty_cpu_count); }
ITEM(dirty_cpu_schedulers_online) { return term_small(sched_dirty_cpu_online(VM_)); }
ITEM(dirty_io_schedulers) { return term_small(VM_->sched->dirty_io_count); }
ITEM(scheduler_id) { return term_small(sched_self->number); }
ITEM(scheduler_bind_type) { return cpus_bind_type(VM_); }
ITEM(scheduler_bindings) { return cpus_bindings(VM_, h); }
ITEM(multi_scheduling) { return info_multi_scheduling(VM_); }
ITEM(multi_scheduling_blockers) { return sched_multi_blockers(VM_, h, false); }
ITEM(normal_multi_scheduling_blockers) { return sched_multi_blockers(VM_, h, true); }
ITEM(logical_processors) { return term_small(thread_cpus_online()); }
ITEM(logical_processors_available) { return term_small(thread_cpus_usable()); }
ITEM(update_cpu_info)
{
    uint32_t now = (uint32_t)thread_cpus_usable();
    return atomic_exchange(&VM_->sys->cpus_usable, now) == now ? am_unchanged : am_changed;
}
ITEM(run_queues) { return term_small(VM_->sched->count); }
ITEM(schedulers_active) { return term_small(load_relaxed(&VM_->sched->active)); }
static term_t state_of(Heap *h, term_t kind, unsigned n, unsigned online, unsigned active)
{
    return heap_tuple4(h, kind, term_small(n), term_small(online), term_small(active));
}
ITEM(all_schedulers_state)
{
    const SchedSpace *s = VM_->sched;
    bool blocked = sched_multi_state(VM_) == MULTI_BLOCKED;
    unsigned cpu = sched_dirty_cpu_online(VM_), io = s->dirty_io_count;
    term_t l = heap_cons(h, state_of(h, am_dirty_io, io, io, blocked ? 0 : io), TERM_NIL);
    l = heap_cons(h, state_of(h, am_dirty_cpu, s->dirty_cpu_count, cpu, blocked ? 0 : cpu), l);
    return heap_cons(h, state_of(h, am_normal, s->count, load_relaxed(&s->online), load_relaxed(&s->active)), l);
}
ITEM(cpu_topology) { return cpus_info(VM_, h, am_used); }
static term_t text_of(Heap *h, const char *text) { return heap_string(h, text, strlen(text), TERM_NIL); }

/* Which atomic operations are native: {Name, How, Operations}, the latter not listed. */
ITEM(ethread_info)
{
    static const char *const native[] = {"Double word native atomics", "64-bit native atomics",
                                         "32-bit native atomics"};
    term_t list = heap_cons(h, heap_tuple2(h, text_of(h, "Native spinlocks"), text_of(h, "no")), TERM_NIL);
    for (size_t i = 0; i < ARRAY_LEN(native); i++) {
        term_t how = text_of(h, i == 0 ? "no" : "gcc");
        list = heap_cons(h, heap_tuple3(h, text_of(h, native[i]), how, TERM_NIL), list);
    }
    return list;
}

/* Threads that may wait: here each has what it waits with in itself. */
ITEM(ethread_used_tse)
{
    const SchedSpace *s = VM_->sched;
    return term_small(s->count + s->dirty_cpu_count + s->dirty_io_count + VM_->config->async_threads);
}

typedef struct Controllers {
    Heap *h;
    term_t list;
} Controllers;

static void add_controller(Channel *c, void *ctx)
{
    Controllers *k = ctx;
    mutex_lock(&c->lock);
    term_t controller = channel_is_up(c) ? c->controller : TERM_NONE;
    mutex_unlock(&c->lock);
    if (controller != TERM_NONE) k->list = heap_cons(k->h, heap_tuple2(k->h, c->name, controller), k->list);
}

/* {Node, Controller} of each connection. */
ITEM(dist_ctrl)
{
    Controllers k = {h, TERM_NIL};
    channel_each(VM_, add_controller, &k);
    return k.list;
}
ITEM(context_reductions) { return term_small(SCHED_SLICE_REDS); }
ITEM(thread_pool_size) { return term_small(VM_->config->async_threads); }
ITEM(process_count) { return heap_uint(h, process_count(VM_)); }
ITEM(process_limit) { return heap_uint(h, process_limit(VM_)); }
ITEM(port_count) { return heap_uint(h, ptab_count(VM_->procs->ports)); }
ITEM(port_limit) { return heap_uint(h, VM_->procs->ports->limit); }
ITEM(atom_count) { return heap_uint(h, atom_count()); }
ITEM(atom_limit) { return heap_uint(h, atom_limit()); }
ITEM(ets_count) { return heap_uint(h, ets_table_count(VM_)); }
ITEM(ets_limit) { return heap_uint(h, ets_table_limit(VM_)); }
ITEM(dist_buf_busy_limit) { return heap_uint(h, (uint64_t)VM_->config->dist_busy_kbytes * 1024); }
ITEM(delayed_node_table_gc) { return term_small(VM_->config->node_gc_delay_s); }
ITEM(port_parallelism) { return term_bool(VM_->config->port_parallelism); }
ITEM(modified_timing_level)
{
    return VM_->config->modified_timing ? term_small(VM_->config->modified_timing) : am_undefined;
}
ITEM(break_ignored) { return term_bool(VM_->config->break_mode == BREAK_IGNORED); }
ITEM(outstanding_system_requests_limit) { return term_small(load_relaxed(&VM_->sys->outstanding_requests)); }
ITEM(trace_control_word) { return heap_uint(h, load_relaxed(&trace_space(VM_)->tcw)); }
ITEM(system_logger) { return process_logger(VM_); }
ITEM(sequential_tracer)
{
    return info_pair(h, am_sequential_tracer, term_copy(h, seq_trace_tracer(VM_)));
}
ITEM(async_dist) { return term_bool(load_relaxed(&VM_->procs->default_flags) & PF_ASYNC_DIST); }
ITEM(halt_flush_timeout) { return am_infinity; }

/* time */
ITEM(start_time) { return heap_int(h, clock_start_ns()); }
ITEM(end_time) { return heap_int(h, INT64_C(8646911283000000000)); }
ITEM(time_correction) { return term_bool(VM_->config->time_correction); }
ITEM(time_warp_mode)
{
    switch (clock_warp_mode()) {
    case CLOCK_MULTI_WARP: return am_multi_time_warp;
    case CLOCK_SINGLE_WARP: return am_single_time_warp;
    default: return am_no_time_warp;
    }
}
ITEM(time_offset)
{
    switch (clock_offset_state()) {
    case CLOCK_OFFSET_PRELIMINARY: return am_preliminary;
    case CLOCK_OFFSET_VOLATILE: return am_volatile;
    default: return am_final;
    }
}

static term_t time_source(Heap *h, term_t clock, term_t extended, int64_t now)
{
    term_t l = heap_cons(h, info_pair(h, am_time, heap_int(h, now)), TERM_NIL);
    l = heap_cons(h, info_pair(h, am_parallel, am_yes), l);
    if (extended != TERM_NONE) l = heap_cons(h, info_pair(h, am_extended, extended), l);
    l = heap_cons(h, info_pair(h, am_resolution, term_small(NS_PER_S)), l);
    l = heap_cons(h, info_pair(h, am_clock_id, clock), l);
    return heap_cons(h, info_pair(h, am_function, am_clock_gettime), l);
}
ITEM(os_monotonic_time_source) { return time_source(h, am_CLOCK_MONOTONIC, am_no, clock_os_monotonic_ns()); }
ITEM(os_system_time_source) { return time_source(h, am_CLOCK_REALTIME, TERM_NONE, clock_os_system_ns()); }

/* the operating system */
ITEM(os_type) { return heap_tuple2(h, am_unix, am_linux); }
ITEM(os_version)
{
    struct utsname u;
    unsigned v[3] = {0, 0, 0};
    if (uname(&u) == 0) sscanf(u.release, "%u.%u.%u", &v[0], &v[1], &v[2]);
    return heap_tuple3(h, term_small(v[0]), term_small(v[1]), term_small(v[2]));
}

/* heaps */
static uint16_t fullsweep(Vm *vm) { return (uint16_t)load_relaxed(&vm->procs->fullsweep_after); }
ITEM(min_heap) { return heap_uint(h, VM_->procs->min_heap_words); }
ITEM(min_heap_size) { return info_pair(h, am_min_heap_size, item_min_heap(p, h)); }
ITEM(min_bin_vheap) { return heap_uint(h, VM_->procs->min_vheap_words); }
ITEM(min_bin_vheap_size) { return info_pair(h, am_min_bin_vheap_size, item_min_bin_vheap(p, h)); }
ITEM(fullsweep_after) { return info_pair(h, am_fullsweep_after, term_small(fullsweep(VM_))); }
ITEM(max_heap_size) { return process_max_heap_map(h, load_relaxed(&VM_->procs->max_heap)); }
ITEM(garbage_collection)
{
    term_t l = heap_cons(h, item_fullsweep_after(p, h), TERM_NIL);
    l = heap_cons(h, item_min_heap_size(p, h), l);
    l = heap_cons(h, item_min_bin_vheap_size(p, h), l);
    term_t max = heap_uint(h, load_relaxed(&VM_->procs->max_heap) >> 3);
    return heap_cons(h, info_pair(h, am_max_heap_size, max), l);
}
ITEM(heap_sizes)
{
    size_t sizes[256], n = 0;
    for (size_t s = heap_size_at_least(1); n < ARRAY_LEN(sizes) && s < (size_t)1 << 50; s = heap_size_at_least(s + 1))
        sizes[n++] = s;
    term_t l = TERM_NIL;
    while (n-- > 0) l = heap_cons(h, heap_uint(h, sizes[n]), l);
    return l;
}
ITEM(message_queue_data)
{
    return load_relaxed(&VM_->procs->default_flags) & PF_OFF_HEAP_MSGQ ? am_off_heap : am_on_heap;
}
ITEM(alloc_util_allocators) { return info_allocator_names(h); }
ITEM(allocated_areas) { return info_allocated_areas(h, VM_); }
/* {glibc, Version, Names, Settings}: malloc alone has settings. */
ITEM(allocator)
{
    unsigned major = 0, minor = 0;
    (void)sscanf(gnu_get_libc_version(), "%u.%u", &major, &minor);
    term_t version[] = {term_small(major), term_small(minor)};
    const Config *c = VM_->config;
    term_t set[] = {info_pair(h, am_e, am_true), info_pair(h, am_m, am_libc),
                    info_pair(h, am_tt, term_small((int64_t)c->trim_kbytes * 1024)),
                    info_pair(h, am_tp, term_small((int64_t)c->pad_kbytes * 1024))};
    term_t sys = info_pair(h, am_sys_alloc, heap_list(h, ARRAY_LEN(set), set, TERM_NIL));
    return heap_tuple4(h, am_glibc, heap_list(h, 2, version, TERM_NIL), info_allocator_names(h),
                       heap_cons(h, sys, TERM_NIL));
}
ITEM(c_compiler_used)
{
    return heap_tuple2(h, am_gnuc, heap_tuple3(h, term_small(__GNUC__), term_small(__GNUC_MINOR__),
                                               term_small(__GNUC_PATCHLEVEL__)));
}
ITEM(compile_info) { return TERM_NIL; }
/* One set of descriptors, and one thread that waits in it at a time. */
ITEM(check_io)
{
    PollInfo i = poll_info(VM_);
    const term_t pairs[][2] = {
        {am_name, am_erts_poll}, {am_primary, am_epoll}, {am_kernel_poll, am_epoll},
        {am_memory_size, heap_uint(h, i.bytes)}, {am_total_poll_set_size, heap_uint(h, i.known)},
        {am_lazy_updates, am_false}, {am_pending_updates, term_small(0)}, {am_batch_updates, am_false},
        {am_concurrent_updates, am_true}, {am_fallback, am_false}, {am_max_fds, heap_int(h, i.max_fds)},
        {am_active_fds, heap_uint(h, i.active)}, {am_poll_threads, term_small(1)},
    };
    term_t set = TERM_NIL;
    for (size_t k = ARRAY_LEN(pairs); k-- > 0;) set = heap_cons(h, info_pair(h, pairs[k][0], pairs[k][1]), set);
    return heap_cons(h, set, TERM_NIL);
}

/* Texts that people read, and crash dump viewers. */
static term_t report_text(Vm *vm, Heap *h, void (*put)(Buf *b, Vm *vm))
{
    Buf b = BUF_INIT(TEMP);
    sched_block_all(vm);
    put(&b, vm);
    sched_unblock_all(vm);
    term_t t = heap_binary(h, buf_text(&b), b.len);
    buf_free(&b);
    return t;
}
static void put_info(Buf *b, Vm *vm)
{
    report_memory(b);
    report_modules(b, vm, REPORT_DUMP);
}
static void put_procs(Buf *b, Vm *vm)
{
    report_processes(b, vm, REPORT_ALL);
    report_ports(b, vm);
}
static void put_loaded(Buf *b, Vm *vm) { report_modules(b, vm, REPORT_ALL); }
ITEM(info) { return report_text(VM_, h, put_info); }
ITEM(procs) { return report_text(VM_, h, put_procs); }
ITEM(loaded) { return report_text(VM_, h, put_loaded); }
ITEM(dist) { return report_text(VM_, h, report_nodes); }
ITEM(emu_args)
{
    const Config *c = VM_->config;
    term_t l = TERM_NIL;
    for (int i = c->init_count; i-- > 0;) l = heap_cons(h, info_string(h, c->init_args[i]), l);
    return heap_cons(h, info_string(h, c->emulator), heap_cons(h, info_string(h, "--"), l));
}
/* The table serves all releases: what the loaded modules have no place for is none of this one's. yield/0 counts as
 * an instruction, as apply does. */
ITEM(snifs)
{
    term_t l = TERM_NIL;
    for (unsigned i = 0; i < bif_table_count; i++) {
        const BifEntry *b = &bif_table[i];
        const Export *e = export_find(VM_, b->module, b->function, b->arity);
        if (e && e->native && e->flags & EXPORT_LOADED && (b->module != am_erlang || b->function != am_yield))
            l = heap_cons(h, heap_tuple3(h, b->module, b->function, term_small(b->arity)), l);
    }
    return l;
}

typedef struct InfoRow {
    term_t item;
    InfoFn *fn;
} InfoRow;

static const InfoRow rows[] = {
    {am_version, item_version}, {am_otp_release, item_otp_release}, {am_nif_version, item_nif_version},
    {am_driver_version, item_driver_version}, {am_machine, item_machine},
    {am_system_architecture, item_system_architecture}, {am_system_version, item_system_version},
    {am_compat_rel, item_compat_rel}, {am_creation, item_creation}, {am_wordsize, item_wordsize},
    {am_schedulers, item_schedulers}, {am_schedulers_online, item_schedulers_online},
    {am_schedulers_state, item_schedulers_state}, {am_schedulers_total, item_schedulers},
    {am_dirty_cpu_schedulers, item_dirty_cpu_schedulers},
    {am_dirty_cpu_schedulers_online, item_dirty_cpu_schedulers_online},
    {am_dirty_io_schedulers, item_dirty_io_schedulers}, {am_scheduler_id, item_scheduler_id},
    {am_scheduler_bind_type, item_scheduler_bind_type}, {am_scheduler_bindings, item_scheduler_bindings},
    {am_multi_scheduling, item_multi_scheduling},
    {am_multi_scheduling_blockers, item_multi_scheduling_blockers},
    {am_normal_multi_scheduling_blockers, item_normal_multi_scheduling_blockers},
    {am_logical_processors, item_logical_processors},
    {am_logical_processors_available, item_logical_processors_available},
    {am_logical_processors_online, item_logical_processors}, {am_cpu_topology, item_cpu_topology},
    {am_update_cpu_info, item_update_cpu_info},
    {am_run_queues, item_run_queues}, {am_schedulers_active, item_schedulers_active},
    {am_all_schedulers_state, item_all_schedulers_state},
    {am_thread_pool_size, item_thread_pool_size}, {am_taints, item_taints}, {am_process_count, item_process_count},
    {am_process_limit, item_process_limit}, {am_port_count, item_port_count},
    {am_port_limit, item_port_limit}, {am_ethread_info, item_ethread_info},
    {am_ethread_used_tse, item_ethread_used_tse},
    {am_dist_ctrl, item_dist_ctrl},
    {am_context_reductions, item_context_reductions}, {am_atom_count, item_atom_count},
    {am_atom_limit, item_atom_limit},
    {am_ets_count, item_ets_count}, {am_ets_limit, item_ets_limit},
    {am_dist_buf_busy_limit, item_dist_buf_busy_limit},
    {am_delayed_node_table_gc, item_delayed_node_table_gc}, {am_port_parallelism, item_port_parallelism},
    {am_modified_timing_level, item_modified_timing_level}, {am_break_ignored, item_break_ignored},
    {am_outstanding_system_requests_limit, item_outstanding_system_requests_limit},
    {am_trace_control_word, item_trace_control_word}, {am_system_logger, item_system_logger},
    {am_sequential_tracer, item_sequential_tracer}, {am_start_time, item_start_time},
    {am_end_time, item_end_time}, {am_time_correction, item_time_correction},
    {am_time_warp_mode, item_time_warp_mode}, {am_time_offset, item_time_offset},
    {am_os_monotonic_time_source, item_os_monotonic_time_source},
    {am_os_system_time_source, item_os_system_time_source}, {am_os_type, item_os_type},
    {am_os_version, item_os_version}, {am_min_heap_size, item_min_heap_size},
    {am_min_bin_vheap_size, item_min_bin_vheap_size}, {am_fullsweep_after, item_fullsweep_after},
    {am_max_heap_size, item_max_heap_size}, {am_garbage_collection, item_garbage_collection},
    {am_heap_sizes, item_heap_sizes}, {am_message_queue_data, item_message_queue_data},
    {am_alloc_util_allocators, item_alloc_util_allocators}, {am_allocated_areas, item_allocated_areas},
    {am_allocator, item_allocator}, {am_c_compiler_used, item_c_compiler_used},
    {am_compile_info, item_compile_info}, {am_check_io, item_check_io}, {am_info, item_info},
    {am_procs, item_procs}, {am_loaded, item_loaded}, {am_dist, item_dist}, {am_emu_args, item_emu_args},
    {am_snifs, item_snifs},
};
/* Items that a later release has. */
static const InfoRow rows_26[] = {{am_async_dist, item_async_dist}, {am_halt_flush_timeout, item_halt_flush_timeout}};

/* Where in rows an item is, plus 1; 0: free. Programs ask for some of them all the time. */
#define SLOTS 256
static uint8_t slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;
_Static_assert(ARRAY_LEN(rows) < SLOTS / 2, "room for each, and free ones");

static size_t slot_of(term_t item)
{
    size_t i = atom_index(item) % SLOTS;
    while (slots[i] && rows[slots[i] - 1].item != item) i = (i + 1) % SLOTS;
    return i;
}

static void fill_slots(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) slots[slot_of(rows[i].item)] = (uint8_t)(i + 1);
}

static InfoFn *find_item(Vm *vm, term_t item)
{
    pthread_once(&slots_once, fill_slots);
    size_t at = slots[slot_of(item)];
    if (at) return rows[at - 1].fn;
    for (size_t i = 0; vm->release->otp >= 26 && i < ARRAY_LEN(rows_26); i++)
        if (rows_26[i].item == item) return rows_26[i].fn;
    return NULL;
}

/* ---- items that are tuples ---- */

static term_t info_of_pair(Process *p, term_t name, term_t arg)
{
    Heap *h = &p->heap;
    if (name == am_wordsize && (arg == am_internal || arg == am_external)) return term_small(8);
    if (name == am_cpu_topology && (arg == am_defined || arg == am_detected || arg == am_used))
        return cpus_info(p->vm, h, arg);
    if (name == am_allocator || name == am_allocator_sizes)
        return bif_trap_mfa(p, am_erlang, name == am_allocator ? am_alloc_info : am_alloc_sizes, 1, &arg);
    return bif_error(p, EXC_BADARG);
}

static term_t info_of_triple(Process *p, term_t item)
{
    term_t kind = tuple_element(item, 1);
    if (kind != am_memory_internal && kind != am_allocator_sizes && kind != am_allocator)
        return bif_error(p, EXC_BADARG);
    if (!info_allocators(p, kind, tuple_element(item, 2), tuple_element(item, 3)))
        return bif_error(p, EXC_BADARG);
    return am_true;
}

BIF(erlang, system_info, 1, 0)
{
    term_t item = a[0];
    if (term_is_tuple_of(item, 2)) return info_of_pair(p, tuple_element(item, 1), tuple_element(item, 2));
    if (term_is_tuple_of(item, 3)) return info_of_triple(p, item);
    InfoFn *fn = term_is_atom(item) ? find_item(p->vm, item) : NULL;
    if (fn) return fn(p, &p->heap);
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        if (constants[i].item == item) return constants[i].value;
    return bif_error(p, EXC_BADARG);
}
