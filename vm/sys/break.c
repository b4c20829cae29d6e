/* SPDX-License-Identifier: Apache-2.0 */
/* break - the menu that Ctrl-C opens. All schedulers stand still while it is open.
 * Threads: the main thread. Semantics: erl(1) +B; "BREAK" in the User's Guide. Layer: sys. */
#include "sys/sys.h"

#include "base/buf.h"
#include "base/thread.h"
#include "ets/ets.h"
#include "proc/ptab.h"
#include "proc/signal.h"
#include "sched/sched.h"
#include "sys/report.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void print_menu(void)
{
    fputs("\nBREAK: (a)bort (A)bort with dump (c)ontinue (p)roc info (i)nfo\n"
          "       (l)oaded (v)ersion (k)ill (D)b-tables (d)istribution\n", stdout);
    fflush(stdout);
}

static void show(Buf *b)
{
    fwrite(buf_text(b), 1, b->len, stdout);
    fflush(stdout);
    buf_free(b);
}

static void print_processes(Vm *vm)
{
    Buf b = BUF_INIT(TEMP);
    report_processes(&b, vm, REPORT_ALL);
    report_ports(&b, vm);
    show(&b);
}

static void print_info(Vm *vm)
{
    Buf b = BUF_INIT(TEMP);
    report_memory(&b);
    report_modules(&b, vm, REPORT_DUMP);
    show(&b);
}

static void print_part(Vm *vm, char choice)
{
    Buf b = BUF_INIT(TEMP);
    if (choice == 'l') report_modules(&b, vm, REPORT_ALL);
    else if (choice == 'D') ets_report(&b, vm);
    else report_nodes(&b, vm);
    show(&b);
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

/* One process after the other, the youngest first. */
static void kill_some(Vm *vm)
{
    fputs("\n\nProcess Information\n\n--------------------------------------------------\n", stdout);
    for (size_t i = ptab_scan_end(vm->procs->procs); i-- > 0;) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (!p || process_state(p) & PS_EXITING) continue;
        Buf b = BUF_INIT(TEMP);
        report_process(&b, p, REPORT_ALL);
        show(&b);
        char choice;
        do {
            fputs("(k)ill (n)ext (r)eturn:\n", stdout);
            fflush(stdout);
            choice = read_choice();
        } while (choice != 'k' && choice != 'n' && choice != 'r' && choice != 'a');
        if (choice == 'k') signal_send_exit(vm, p->id, p->id, am_kill);
        if (choice == 'r' || choice == 'a') return;
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
    case 'v': printf("Erlang (BEAM) emulator version %s\n", vm->release->erts_version); return false;
    case 'k': kill_some(vm); return false;
    case 'l':
    case 'D':
    case 'd': print_part(vm, choice); return false;
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
