/* SPDX-License-Identifier: Apache-2.0 */
/* sys - the VM as a process of the operating system: how it ends, its signals, its crash dump.
 * Layer: sys. */
#ifndef JOIST_SYS_SYS_H
#define JOIST_SYS_SYS_H

#include "base/lock.h"
#include "proc/process.h"
#include "sys/config.h"
#include "sys/release.h"

typedef struct SysSpace {
    atomic_u32_t halting;        /* 1: processes no longer run */
    atomic_u32_t dump_begun;
    /* Set by io: put the terminal back as it was. Any thread, any state. */
    void (*restore_terminal)(Vm *vm);
    void (*resume_terminal)(Vm *vm); /* ... and as it was before that */
    int signal_pipe[2];          /* written by signal handlers */
    atomic_u64_t signal_actions; /* 2 bits per signal: SIGNAL_DEFAULT, _HANDLE, _IGNORE */
    Mutex env_lock;              /* class SYSTEM: environ */
    /* system_flag values that nobody else keeps */
    atomic_u32_t outstanding_requests;
    atomic_u32_t microstates;    /* system_flag(microstate_accounting, true) */
    atomic_u32_t cpus_usable;    /* when system_info(update_cpu_info) last looked */
    struct CpuSpace *cpus;       /* cpus_bind.c */
    uint64_t last_runtime_ms, last_wall_ms; /* env_lock: statistics/1, "since the last call" */
    uint64_t last_reds, last_exact_reds;    /* env_lock */
} SysSpace;

/* Broken programs leave a crash dump. */
void fault_init(void);
/* Calls part(arg); what breaks in it only ends it: false then. Locks that it holds stay locked. */
bool fault_survive(void (*part)(void *arg), void *arg);
/* Ends the part that the calling thread is in; returns when it is in none. */
void fault_give_up(void);
void sys_init(Vm *vm, const Config *config, const Release *release);

/* File names and environment are UTF-8 (+fnu, or the locale says so), not Latin-1. */
bool sys_native_utf8(const Config *config);

/* To stderr, with \r\n for \n. */
void sys_print_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* ---- the end ---- */
/* End with this exit code, after ports have written out what they hold, if `flush`. Returns only when another
 * thread is ending the VM already: the caller then waits (bif_wait), it is not run again. */
void sys_halt(Vm *vm, int code, bool flush);
/* End at once. */
NORETURN void sys_exit(Vm *vm, int code);
NORETURN void sys_abort(Vm *vm);
/* Print the slogan, write a crash dump and exit with 1. Any thread. */
NORETURN void sys_crash(Vm *vm, const char *slogan);

/* ---- signals ---- */
enum SignalAction { SIGNAL_DEFAULT, SIGNAL_HANDLE, SIGNAL_IGNORE };
/* Signal number of an atom as os:set_signal/2 takes it, 0: none. */
int signal_number(term_t name);
void signal_set(Vm *vm, int number, enum SignalAction action);
/* What the main thread does after everything has started: waits for signals and hands them on. */
NORETURN void sys_signal_loop(Vm *vm);

/* The break menu (break.c): talks on the terminal until the user continues or ends the VM. */
void sys_break(Vm *vm);

/* ---- crash dump (crashdump.c) ----
 * Written once, by whoever comes first, when the other schedulers stand still; ends the program if that takes
 * longer than ERL_CRASH_DUMP_SECONDS, or a minute. */
void crash_dump_write(Vm *vm, const char *slogan);

#endif
