/* SPDX-License-Identifier: Apache-2.0 */
/* vm - one virtual machine: an opaque pointer per subsystem, so that nothing is global and several
 * machines fit in one host process. Each subsystem defines its struct in its own folder and fills
 * its field in its `x_init(Vm *, ...)`, called in layer order by api/init.c.
 * Layer: base. */
#ifndef JOIST_BASE_VM_H
#define JOIST_BASE_VM_H

#include "base/base.h"

typedef struct Vm {
    const struct Config *config;       /* api/config.h: parsed command line; const after init */
    const struct Release *release;     /* sys/release.h: what differs between OTP releases; const after init */
    struct EpochDomain *epoch;         /* base/epoch.h */
    struct HeapPolicy *heap_policy;    /* heap/gc.h: sizes, limits */
    struct LiteralSpace *literals;     /* heap/literal.h */
    struct CodeSpace *code;            /* code/code.h: exports, modules, ranges, fun entries */
    struct JitSpace *jit;              /* exec/jit/jit.h; NULL: everything is interpreted */
    struct ProcSpace *procs;           /* proc/process.h: process table, registry, references */
    struct TimerSpace *timers;         /* proc/timer.h */
    struct SchedSpace *sched;          /* sched/sched.h */
    struct LoaderSpace *loader;        /* loader/load.h */
    struct EtsSpace *ets;              /* ets/ets.h */
    struct PtermSpace *pterms;         /* ets/pterm.h */
    struct TraceSpace *trace;          /* trace/trace.h */
    struct NifSpace *nif;              /* nif/nif.h */
    struct Tty *tty;                   /* io/tty.h: the terminal, NULL unless a port has it */
    struct IoSpace *io;                /* io/port.h: ports, drivers, poll set */
    struct DistSpace *dist;            /* dist/node.h: nodes, this node's name and creation */
    struct SysSpace *sys;              /* sys/sys.h: signals, crash dump, halt */
    struct BifSpace *bifs;             /* bifs/bif.h: tables private to natives */
} Vm;

/* The machine that calls mean which come from threads of native libraries, where nothing else tells: the
 * one started last. */
void vm_set_default(Vm *vm);
Vm *vm_default(void);

#endif
