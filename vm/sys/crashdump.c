/* SPDX-License-Identifier: Apache-2.0 */
/* crashdump - erl_crash.dump, in the format of "How to Interpret the Erlang Crash Dumps" (version 0.5).
 * Written when the VM is in an unknown state: takes no locks it can do without, reads only. A fault in one of its parts
 * ends that part: the dump goes on behind it.
 * Environment: ERL_CRASH_DUMP names the file; ERL_CRASH_DUMP_SECONDS=N: the program ends after N seconds (60 unless
 * set, < 0: no limit) with the dump as far as it is, 0: none;
 * ERL_CRASH_DUMP_BYTES=N: no more than N bytes and a line that says so; 0: none.
 * Layer: sys. */
#include "sys/sys.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "data/term_print.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "sched/sched.h"
#include "term/atom.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Quoted where it has to be: a line that begins with = is the head of a section. */
static void print_atom(FILE *f, term_t atom)
{
    Buf b = BUF_INIT(TEMP);
    atom_print(&b, atom, true);
    fwrite(buf_text(&b), 1, b.len, f);
    buf_free(&b);
}

/* What the parts of a dump need. */
typedef struct Dump {
    FILE *f;
    Vm *vm;
    const char *slogan;
    Process *p;
} Dump;

static void dump_part(Dump *d, void (*part)(void *arg))
{
    if (!fault_survive(part, d)) fputs("\nThe rest of this is broken.\n", d->f);
}

static void dump_header(void *arg)
{
    const Dump *d = arg;
    FILE *f = d->f;
    Vm *vm = d->vm;
    char date[64];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
    fprintf(f, "=erl_crash_dump:0.5\n%s\nSlogan: %s\n", date, d->slogan);
    fprintf(f, "System version: Erlang/OTP %s [erts-%s] [joist] [64-bit] [smp:%u:%u]\n", vm->release->otp_release,
            vm->release->erts_version, vm->sched ? vm->sched->count : 0,
            vm->sched ? load_relaxed(&vm->sched->online) : 0);
    fprintf(f, "Taints: \nAtoms: %zu\n", atom_count());
    if (sched_self) fprintf(f, "Calling Thread: scheduler:%u\n", sched_self->number);
}

static void dump_memory(void *arg)
{
    FILE *f = ((const Dump *)arg)->f;
    MemStats total = mem_total_stats();
    size_t processes = mem_class_stats(MEM_CLASS_PROCESSES).bytes;
    fprintf(f, "=memory\ntotal: %zu\nprocesses: %zu\nprocesses_used: %zu\nsystem: %zu\natom: %zu\natom_used: %zu\n"
               "binary: %zu\ncode: %zu\nets: %zu\n",
            total.bytes, processes, processes, total.bytes - processes, mem_class_stats(MEM_CLASS_ATOM).bytes,
            mem_class_stats(MEM_CLASS_ATOM).bytes, mem_class_stats(MEM_CLASS_BINARY).bytes,
            mem_class_stats(MEM_CLASS_CODE).bytes, mem_class_stats(MEM_CLASS_ETS).bytes);
}

static const char *state_text(uint32_t st)
{
    if (st & PS_EXITING) return "Exiting";
    if (st & PS_GC) return "Garbing";
    if (st & (PS_RUNNING | PS_DIRTY)) return "Running";
    if (st & PS_SUSPENDED) return "Suspended";
    return st & (PS_QUEUED | PS_RUNNABLE) ? "Scheduled" : "Waiting";
}

static void print_pid(FILE *f, term_t pid)
{
    uint64_t id = local_pid_id(pid);
    fprintf(f, "<0.%u.%u>", (unsigned)(id & 0x7FFF), (unsigned)(id >> 15));
}

/* sys_crash has stopped the schedulers, but not dirty threads; after a fault or a panic nobody has been stopped. */
static bool stands_still(const Process *p, uint32_t state)
{
    if (sched_self && sched_self->p == p) return true;
    return !(state & (PS_RUNNING | PS_ANY_DIRTY));
}

static void dump_process(void *arg)
{
    Dump *d = arg;
    FILE *f = d->f;
    Vm *vm = d->vm;
    Process *p = d->p;
    uint32_t state = process_state(p);
    fputs("=proc:", f);
    print_pid(f, p->id);
    fprintf(f, "\nState: %s\n", state_text(state));
    term_t name = registry_name_of(vm, p->id);
    if (name != TERM_NONE) {
        fputs("Name: ", f);
        print_atom(f, name);
        fputc('\n', f);
    }
    if (term_is_atom(p->initial.module)) {
        fputs("Spawned as: ", f);
        print_atom(f, p->initial.module);
        fputc(':', f);
        print_atom(f, p->initial.function);
        fprintf(f, "/%u\n", (unsigned)p->initial.arity);
    }
    fputs("Spawned by: ", f);
    if (term_is_local_pid(p->parent))
        print_pid(f, p->parent);
    else
        fputs("[]", f);
    fputc('\n', f);
    if (!stands_still(p, state)) return;
    fprintf(f, "Message queue length: %u\nReductions: %llu\nStack+heap: %zu\nOldHeap: %zu\nHeap unused: %zu\n",
            p->sigq.msg_len + p->sigq.in_len, (unsigned long long)p->reductions,
            (size_t)(p->heap.end - p->heap.start), (size_t)(p->heap.old_end - p->heap.old_start),
            (size_t)(p->heap.stop - p->heap.top));
}

static void dump_processes(void *arg)
{
    Dump *d = arg;
    if (!d->vm->procs || !d->vm->procs->procs) return;
    size_t end = ptab_scan_end(d->vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        d->p = ptab_slot(d->vm->procs->procs, i);
        if (d->p) dump_part(d, dump_process);
    }
}

static void dump_atoms(void *arg)
{
    FILE *f = ((Dump *)arg)->f;
    fputs("=atoms\n", f);
    for (size_t i = atom_count(); i-- > 0;) {
        print_atom(f, term_atom(i));
        fputc('\n', f);
    }
}

/* ---- a file of limited size ---- */

typedef struct Limited {
    FILE *f;
    int64_t left;
} Limited;

static ssize_t write_limited(void *cookie, const char *data, size_t bytes)
{
    Limited *l = cookie;
    if (l->left > 0) fwrite(data, 1, MIN(bytes, (size_t)l->left), l->f);
    l->left -= (int64_t)bytes;
    return (ssize_t)bytes;
}

static void dump_all(FILE *f, Vm *vm, const char *slogan)
{
    static void (*const parts[])(void *) = {dump_header, dump_memory, dump_processes, dump_atoms};
    Dump d = {f, vm, slogan, NULL};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) dump_part(&d, parts[i]);
    fputs("=end\n", f);
}

/* False: the limit was reached. */
static bool dump_limited(FILE *f, int64_t limit, Vm *vm, const char *slogan)
{
    Limited l = {f, limit};
    FILE *to = fopencookie(&l, "w", (cookie_io_functions_t){.write = write_limited});
    if (!to) return false;
    dump_all(to, vm, slogan);
    fclose(to);
    if (l.left >= 0) return true;
    fputs("\n=abort:CRASH DUMP SIZE LIMIT REACHED\n", f);
    return false;
}

/* Of ERL_CRASH_DUMP_BYTES; -1: none. */
static int64_t size_limit(void)
{
    const char *text = getenv("ERL_CRASH_DUMP_BYTES");
    char *end;
    if (!text) return -1;
    int64_t n = strtoll(text, &end, 10);
    return end > text && n >= 0 ? n : -1;
}

/* ---- a limit in time ---- */

/* Whoever crashed may hold a lock that the dump needs. */
#define SECONDS_AT_MOST 60
/* A dump shows processes that stand still, unless one of their schedulers takes longer than this to stop. */
#define WAITS_NS (2 * NS_PER_S)

static void on_alarm(int number UNUSED) { _exit(1); }

static void set_alarm(const char *seconds)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    sigset_t alone;
    sigemptyset(&alone);
    sigaddset(&alone, SIGALRM);
    sigaction(SIGALRM, &sa, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alone, NULL);
    int asked = seconds ? atoi(seconds) : SECONDS_AT_MOST;
    alarm(asked > 0 ? (unsigned)asked : 0);
}

void crash_dump_write(Vm *vm, const char *slogan)
{
    const char *name = getenv("ERL_CRASH_DUMP"), *seconds = getenv("ERL_CRASH_DUMP_SECONDS");
    int64_t limit = size_limit();
    bool all = true;
    if ((seconds && atoi(seconds) == 0) || limit == 0) return;
    /* A panic while it is written makes no second one. */
    if (vm->sys && atomic_exchange(&vm->sys->dump_begun, 1)) return;
    set_alarm(seconds);
    if (vm->sched) sched_block_for_good(vm, WAITS_NS);
    if (!name) name = "erl_crash.dump";
    FILE *f = fopen(name, "w");
    if (!f) {
        sys_print_error("Can not write crash dump to %s: %s\n", name, strerror(errno));
        return;
    }
    sys_print_error("\nCrash dump is being written to: %s...", name);
    if (limit < 0) dump_all(f, vm, slogan);
    else all = dump_limited(f, limit, vm, slogan);
    fclose(f);
    if (all) sys_print_error("done\n");
}
