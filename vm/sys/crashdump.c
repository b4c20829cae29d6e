/* SPDX-License-Identifier: Apache-2.0 */
/* crashdump - erl_crash.dump, in the format of "How to Interpret the Erlang Crash Dumps" (version 0.5).
 * Written when the VM is in an unknown state: takes few locks, reads only. A fault in one of its parts
 * ends that part, and so does memory that has run out: the dump goes on behind it.
 * Environment: ERL_CRASH_DUMP names the file; ERL_CRASH_DUMP_SECONDS=N: the program ends after N seconds (60 unless
 * set, < 0: no limit) with the dump as far as it is, 0: none;
 * ERL_CRASH_DUMP_BYTES=N: no more than N bytes and a line that says so; 0: none.
 * Layer: sys. */
#include "sys/sys.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "data/term_print.h"
#include "ets/ets.h"
#include "proc/ptab.h"
#include "sched/sched.h"
#include "sys/dump_terms.h"
#include "sys/report.h"
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
    Buf text;
    DumpTerms terms;
} Dump;

static void dump_part(Dump *d, void (*part)(void *arg))
{
    bool whole = fault_survive(part, d);
    fwrite(buf_text(&d->text), 1, d->text.len, d->f);
    buf_clear(&d->text);
    if (!whole) fputs("\nThe rest of this is broken.\n", d->f);
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

static void dump_memory(void *arg) { report_memory(&((Dump *)arg)->text); }

static void dump_process(void *arg)
{
    Dump *d = arg;
    report_process(&d->text, d->p, REPORT_DUMP);
}

static void each_process(Dump *d, void (*fn)(Dump *d))
{
    if (!d->vm->procs || !d->vm->procs->procs) return;
    size_t end = ptab_scan_end(d->vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        d->p = ptab_slot(d->vm->procs->procs, i);
        if (d->p) fn(d);
    }
}

static void dump_process_part(Dump *d) { dump_part(d, dump_process); }

static void dump_processes(void *arg) { each_process(arg, dump_process_part); }

static void dump_ports(void *arg)
{
    Dump *d = arg;
    report_ports(&d->text, d->vm);
}

static void dump_tables(void *arg)
{
    Dump *d = arg;
    if (d->vm->ets) ets_report(&d->text, d->vm);
}

static void dump_nodes(void *arg)
{
    Dump *d = arg;
    if (d->vm->dist) report_nodes(&d->text, d->vm);
}

static void dump_modules(void *arg)
{
    Dump *d = arg;
    if (d->vm->code) report_modules(&d->text, d->vm, REPORT_DUMP);
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

/* ---- terms ---- */

/* A viewer passes over a section that it does not know. */
static void dump_terms_part(Dump *d, void (*part)(void *arg))
{
    bool whole = fault_survive(part, d);
    dump_terms_flush(&d->terms);
    if (!whole) fputs("=broken\n", d->f);
}

static void begin_terms(void *arg)
{
    Dump *d = arg;
    dump_terms_begin(&d->terms, d->f, d->vm);
}

static void terms_of_process(void *arg)
{
    Dump *d = arg;
    if (report_may_show_terms(d->p)) dump_terms_process(&d->terms, d->p);
}

static void binaries_of_process(void *arg)
{
    Dump *d = arg;
    if (report_may_show_terms(d->p)) dump_terms_binaries(&d->terms, d->p);
}

static void literals(void *arg) { dump_terms_literals(&((Dump *)arg)->terms); }

static void dump_process_terms(Dump *d) { dump_terms_part(d, terms_of_process); }
static void dump_process_binaries(Dump *d) { dump_terms_part(d, binaries_of_process); }

static void dump_terms(Dump *d)
{
    dump_terms_part(d, begin_terms);
    each_process(d, dump_process_terms);
    dump_terms_part(d, literals);
    each_process(d, dump_process_binaries);
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
    static void (*const parts[])(void *) = {dump_header, dump_memory, dump_processes, dump_ports, dump_tables,
                                              dump_nodes,  dump_modules, dump_atoms};
    Dump d = {.f = f, .vm = vm, .slogan = slogan, .text = BUF_INIT(TEMP)};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) dump_part(&d, parts[i]);
    buf_free(&d.text);
    dump_terms(&d);
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
