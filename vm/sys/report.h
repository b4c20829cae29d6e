/* SPDX-License-Identifier: Apache-2.0 */
/* report - what the VM holds, as text: for the break menu, system_info(info | procs | loaded | dist) and the crash
 * dump. Sections begin with =name.
 * The caller has stopped the schedulers. Of a process that executes all the same, as those in dirty natives, only
 * what nobody changes is told. Locks of tables (names, modules, nodes, ETS) are taken; whoever crashed may hold one:
 * a dump has a limit in time for that.
 * Semantics: "How to Interpret the Erlang Crash Dumps" (version 0.5). Layer: sys. */
#ifndef JOIST_SYS_REPORT_H
#define JOIST_SYS_REPORT_H

#include "base/buf.h"
#include "proc/process.h"

/* REPORT_DUMP: numbers, names and identifiers only; dump_terms.h has the rest. REPORT_ALL: the terms of its dictionary,
 * its messages and its stack too. */
enum ReportDepth { REPORT_DUMP, REPORT_ALL };

void report_process(Buf *b, Process *p, enum ReportDepth depth);
/* It stands still, and is not sensitive. */
bool report_may_show_terms(const Process *p);
/* All processes, then all ports. */
void report_processes(Buf *b, Vm *vm, enum ReportDepth depth);
void report_ports(Buf *b, Vm *vm);
void report_memory(Buf *b);
/* Names and sizes of modules: a section each (dump), or a line each. */
void report_modules(Buf *b, Vm *vm, enum ReportDepth depth);
void report_nodes(Buf *b, Vm *vm);

#endif
