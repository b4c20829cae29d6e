/* SPDX-License-Identifier: Apache-2.0 */
/* init - the order in which a VM comes to life: one row per subsystem, lower layers first.
 * Layer: api. */
#include "api/vm_start.h"
#include "api/args.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/log.h"
#include "code/code.h"
#include "base/buf.h"
#include "data/binary.h"
#include "data/term_print.h"
#include "dist/node.h"
#include "ets/ets.h"
#include "ets/pterm.h"
#include "exec/exec.h"
#include "exec/jit/jit.h"
#include "heap/gc.h"
#include "heap/literal.h"
#include "io/native_text.h"
#include "io/port.h"
#include "io/tty.h"
#include "nif/nif.h"
#include "loader/load.h"
#include "proc/link.h"
#include "proc/spawn.h"
#include "sched/sched.h"
#include "sys/cpus.h"
#include "sys/sys.h"
#include "term/atom.h"
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- rows ---- */

static void start_base(Vm *vm)
{
    vm->epoch = mem_alloc_aligned(MEM_SYS, sizeof(EpochDomain), CACHE_LINE);
    epoch_domain_init(vm->epoch);
}

static void start_heap(Vm *vm)
{
    const Config *c = vm->config;
    heap_policy_init(vm);
    vm->heap_policy->min_heap_words = (uint32_t)heap_size_at_least(c->min_heap);
    vm->heap_policy->min_vheap_words = (uint32_t)vheap_size_at_least(c->min_vheap);
    uint64_t flags = (c->max_heap_kill ? MAX_HEAP_KILL : 0) | (c->max_heap_log ? MAX_HEAP_LOG : 0);
    vm->heap_policy->max_heap = c->max_heap << 3 | flags;
    literal_space_init(vm);
}

static void start_proc(Vm *vm)
{
    const Config *c = vm->config;
    ProcConfig pc = {.process_limit = (uint32_t)next_power_of_two(c->process_limit),
                     .port_limit = (uint32_t)next_power_of_two(c->port_limit),
                     .otp = vm->release->otp,
                     .id_bits = vm->release->id_bits};
    proc_init(vm, &pc);
    if (c->off_heap_messages) store_relaxed(&vm->procs->default_flags, PF_OFF_HEAP_MSGQ);
}

static void start_sched(Vm *vm)
{
    const Config *c = vm->config;
#ifdef JOIST_SWITCH /* debugging and sanitizers: frames are larger */
    const size_t kword = 1024 * sizeof(word_t) * 16;
#else
    const size_t kword = 1024 * sizeof(word_t);
#endif
    SchedConfig sc = {.stack_bytes = c->stack_kwords * kword,
                      .dirty_cpu_stack_bytes = c->dirty_cpu_stack_kwords * kword,
                      .dirty_io_stack_bytes = c->dirty_io_stack_kwords * kword,
                      .schedulers = c->schedulers, .online = c->schedulers_online, .dirty_cpu = c->dirty_cpu,
                      .dirty_cpu_online = c->dirty_cpu_online, .dirty_io = c->dirty_io};
    sched_init(vm, &sc);
    vm->sched->ops.handle_signals = process_handle_signals;
}

/* ---- what else happens when a process dies ---- */

static bool exit_ets(Process *p, term_t reason UNUSED, int32_t *reds) { return ets_process_exit(p, reds); }

static bool exit_sched(Process *p, term_t reason UNUSED, int32_t *reds UNUSED)
{
    sched_multi_forget(p->vm, p->id);
    return true;
}

static bool exit_dist(Process *p, term_t reason, int32_t *reds UNUSED)
{
    dist_process_exit(p, reason);
    return true;
}

/* The VM cannot go on without its own processes. */
static bool exit_system(Process *p, term_t reason, int32_t *reds UNUSED)
{
    if (!(process_state(p) & PS_SYSTEM) || load_relaxed(&p->vm->sys->halting)) return true;
    Buf b = BUF_INIT(TEMP);
    buf_puts(&b, "System process ");
    pid_print(&b, p->id);
    buf_puts(&b, " terminated: ");
    term_print(&b, reason, 100000);
    sys_crash(p->vm, buf_text(&b));
}

static void start_exit_hooks(Vm *vm)
{
    proc_add_exit_hook(vm, exit_system);
    proc_add_exit_hook(vm, exit_ets);
    proc_add_exit_hook(vm, exit_sched);
    proc_add_exit_hook(vm, exit_dist);
}

typedef struct Subsystem {
    const char *name;
    void (*start)(Vm *vm);
} Subsystem;

static void terminal_init(Vm *vm)
{
    port_add_driver(vm, &drv_tty);
    vm->sys->restore_terminal = tty_restore;
    vm->sys->resume_terminal = tty_resume;
}

static void start_dist(Vm *vm)
{
    dist_start(vm, (uint64_t)vm->config->dist_busy_kbytes * 1024);
}

static void start_ets(Vm *vm)
{
    const char *limit = vm->config->ets_tables;
    ets_init(vm, limit ? strtoul(limit, NULL, 10) : 0);
}

static void start_loader(Vm *vm)
{
    const Config *c = vm->config;
    loader_init(vm);
    vm->loader->root = c->root;
    vm->loader->verify = c->verify[0] == 'a'   ? VERIFY_ALL
                         : c->verify[0] == 'o' ? VERIFY_OFF
                                               : VERIFY_FOREIGN;
}

static void start_jit(Vm *vm)
{
    const char *mode = vm->config->jit;
    const char *perf = vm->config->perf;
    jit_init(vm, mode[0] == 'a' ? JIT_ALL : mode[0] == 'o' ? JIT_OFF : JIT_HOT);
    if (perf && (strcmp(perf, "true") == 0 || strcmp(perf, "map") == 0)) jit_name_for_perf(vm);
}

static void start_nif(Vm *vm)
{
    int major = 0, minor = 0;
    nif_init_space(vm);
    sscanf(vm->release->nif_version, "%d.%d", &major, &minor);
    vm->nif->info = (ErlNifSysInfo){
        .driver_major_version = 3, .driver_minor_version = 3, .erts_version = (char *)vm->release->erts_version,
        .otp_release = (char *)vm->release->otp_release, .thread_support = 1, .smp_support = 1,
        .async_threads = (int)vm->config->async_threads, .nif_major_version = major, .nif_minor_version = minor,
        .dirty_scheduler_support = 1};
}

static void start_names(Vm *vm)
{
    const term_t answers[] = {[FILE_NAMES_WARN] = am_warning, [FILE_NAMES_IGNORE] = am_ignore,
                              [FILE_NAMES_ERROR] = am_error};
    native_text_init(vm, sys_native_utf8(vm->config), answers[vm->config->file_name_warning]);
}

static const Subsystem subsystems[] = {
    {"base", start_base},
    {"heap", start_heap},
    {"code", code_init},
    {"dist", dist_init},
    {"proc", start_proc},
    {"sched", start_sched},
    {"time offset", time_offset_init},
    {"cpus", cpus_init},
    {"exec", exec_init},
    {"native code", start_jit},
    {"loader", start_loader},
    {"ets", start_ets},
    {"pterm", pterm_init},
    {"trace", trace_init},
    {"nif", start_nif},
    {"io", port_init},
    {"names", start_names},
    {"tty", terminal_init},
    {"channels", start_dist},
    {"exit hooks", start_exit_hooks},
};

static enum ClockWarp warp_of(const char *mode)
{
    if (strcmp(mode, "multi_time_warp") == 0) return CLOCK_MULTI_WARP;
    return strcmp(mode, "single_time_warp") == 0 ? CLOCK_SINGLE_WARP : CLOCK_NO_WARP;
}

/* What exists once per program, before any VM. */
static void start_program(const Config *c)
{
    mem_init(c->schedulers ? c->schedulers : (unsigned)thread_cpus_usable(), c->trim_kbytes, c->pad_kbytes);
    checked_init();
    log_init();
    clock_init(warp_of(c->warp_mode));
    atom_table_init(c->atom_limit);
}

/* ---- first code and processes ---- */

static void preload(Vm *vm)
{
    char error[512];
    int n = loader_preload(vm, vm->release->preloaded_dir, error, sizeof error);
    if (n >= 0) return;
    fprintf(stderr, "joist: cannot load the preloaded modules: %s\n", error);
    leave(1);
}

/* [BootModule, [Arg, ...]] with binaries, for erl_init:start/2. */
static term_t init_arguments(Vm *vm, Heap *h)
{
    const Config *c = vm->config;
    term_t args = TERM_NIL;
    for (int i = c->init_count; i-- > 0;) args = heap_cons(h, heap_binary_cstr(h, c->init_args[i]), args);
    args = heap_cons(h, args, TERM_NIL);
    return heap_cons(h, atom_from_cstr(c->boot_module), args);
}

static term_t start_process(Vm *vm, const char *module, const char *function, term_t args,
                            enum ProcPriority priority, bool off_heap, term_t leader)
{
    SpawnOptions o;
    spawn_options_default(vm, &o);
    o.system = true;
    o.priority = priority;
    if (off_heap) o.flags |= PF_OFF_HEAP_MSGQ;
    term_t pid = spawn_system(vm, atom_from_cstr(module), atom_from_cstr(function), args, &o, leader);
    CHECK(pid != TERM_NONE);
    return pid;
}

/* In the order of their pids, <0.0.0> first. */
static void start_processes(Vm *vm)
{
    Heap h = {0};
    EpochSection section = epoch_enter(vm->epoch);
    const char *signal_handler = "erts_dirty_process_signal_handler";
    term_t init = start_process(vm, "erl_init", "start", init_arguments(vm, &h), PRIO_NORMAL, false, TERM_NONE);
    start_process(vm, "erts_code_purger", "start", TERM_NIL, PRIO_HIGH, true, init);
    term_t collector =
        start_process(vm, "erts_literal_area_collector", "start", TERM_NIL, PRIO_HIGH, true, init);
    atomic_store_explicit(&vm->code->literal_collector, collector, memory_order_release);
    start_process(vm, signal_handler, "start", TERM_NIL, PRIO_NORMAL, true, init);
    start_process(vm, signal_handler, "start", TERM_NIL, PRIO_HIGH, true, init);
    start_process(vm, signal_handler, "start", TERM_NIL, PRIO_MAX, true, init);
    if (vm->release->trace_cleaner)
        start_process(vm, "erts_trace_cleaner", "start", TERM_NIL, PRIO_NORMAL, true, init);
    epoch_leave(vm->epoch, section);
    heap_dispose(&h);
}

/* ---- interface ---- */

Vm *vm_new(const Config *config, const Release *release)
{
    start_program(config);
    Vm *vm = MEM_NEW(SYS, Vm);
    sys_init(vm, config, release);
    for (size_t i = 0; i < ARRAY_LEN(subsystems); i++) {
        if (log_is_on(LOG_boot)) log_write(LOG_boot, "start %s", subsystems[i].name);
        subsystems[i].start(vm);
    }
    preload(vm);
    return vm;
}

void vm_run(Vm *vm)
{
    start_processes(vm);
    sched_start(vm);
    sys_signal_loop(vm);
}
