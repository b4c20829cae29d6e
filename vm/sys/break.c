/* SPDX-License-Identifier: Apache-2.0 */
/* break - the menu that Ctrl-C opens. All schedulers stand still while it is open.
 * Threads: the main thread. Semantics: erl(1) +B; "BREAK" in the User's Guide. Layer: sys. */
#include "sys/sys.h"

#include "base/buf.h"
#include "base/thread.h"
#include "data/term_print.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void print_menu(void)
{
    fputs("\nBREAK: (a)bort (A)bort with dump (c)ontinue (p)roc info (i)nfo\n"
          "       (l)oaded (v)ersion (k)ill (D)b-tables (d)istribution\n", stdout);
    fflush(stdout);
}

static void print_process(Buf *b, Vm *vm, Process *p)
{
    term_t name = registry_name_of(vm, p->id);
    buf_puts(b, "=proc:");
    pid_print(b, p->id);
    buf_putc(b, '\n');
    if (name != TERM_NONE) {
        buf_puts(b, "Name: ");
        atom_print(b, name, true);
        buf_putc(b, '\n');
    }
    buf_printf(b, "Message queue length: %u\nReductions: %llu\n", p->sigq.msg_len + p->sigq.in_len,
               (unsigned long long)p->reductions);
}

static void print_processes(Vm *vm)
{
    Buf b = BUF_INIT(TEMP);
    size_t end = ptab_scan_end(vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (p) print_process(&b, vm, p);
    }
    fputs(buf_text(&b), stdout);
    buf_free(&b);
}

static void print_info(Vm *vm)
{
    MemStats total = mem_total_stats();
    printf("=memory\ntotal: %zu\nprocesses: %zu\nbinary: %zu\ncode: %zu\nets: %zu\n"
           "=processes\ncount: %zu\nlimit: %zu\n",
           total.bytes, mem_class_stats(MEM_CLASS_PROCESSES).bytes, mem_class_stats(MEM_CLASS_BINARY).bytes,
           mem_class_stats(MEM_CLASS_CODE).bytes, mem_class_stats(MEM_CLASS_ETS).bytes, process_count(vm),
           process_limit(vm));
}

/* First letter of a line that has one; 'a' at the end of input. */
static char read_choice(void)
{
    char choice = 0;
    for (;;) {
        char c;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            thread_sleep_ns(10 * 1000 * 1000);
            continue;
        }
        if (n <= 0) return 'a';
        if (c == '\n' && choice) return choice;
        if (!choice && c != '\n' && c != '\r' && c != ' ') choice = c;
    }
}

/* False: leave the menu. */
static bool obey(Vm *vm, char choice)
{
    switch (choice) {
    case 'a': sys_exit(vm, 0);
    case 'A': sys_crash(vm, "Crash dump requested by user");
    case 'c': return false;
    case 'p': print_processes(vm); return false;
    case 'i': print_info(vm); return false;
    case 'l': printf("Current code: %zu\n", mem_class_stats(MEM_CLASS_CODE).bytes); return false;
    case 'v': printf("Erlang (BEAM) emulator version %s\n", vm->release->erts_version); return true;
    case 'k':
    case 'D':
    case 'd': return false;
    default: return true;
    }
}

void sys_break(Vm *vm)
{
    sched_block_all(vm);
    if (vm->sys->restore_terminal) vm->sys->restore_terminal(vm);
    print_menu();
    while (obey(vm, read_choice())) fflush(stdout);
    fflush(stdout);
    if (vm->sys->resume_terminal) vm->sys->resume_terminal(vm);
    sched_unblock_all(vm);
}
