/* SPDX-License-Identifier: Apache-2.0 */
/* config - what the command line and the environment asked for: the flags of erl's emulator, the places
 * of OTP and of our own programs, and the arguments for init. Filled by api/cli.c, const afterwards.
 * Strings live as long as the program. Semantics: erl(1), "Emulator Flags". Layer: sys. */
#ifndef JOIST_SYS_CONFIG_H
#define JOIST_SYS_CONFIG_H

#include "base/base.h"

enum FileNameEncoding { FILE_NAMES_LATIN1, FILE_NAMES_UTF8, FILE_NAMES_LOCALE };
enum FileNameWarning { FILE_NAMES_WARN, FILE_NAMES_IGNORE, FILE_NAMES_ERROR };
enum BreakMode { BREAK_HANDLER, BREAK_DISABLED, BREAK_INTERRUPTS_SHELL, BREAK_IGNORED };

typedef struct Config {
    /* places */
    const char *root;            /* OTP root: ROOT/lib/kernel-... */
    const char *bindir;          /* our programs: erl_child_setup, epmd, heart, inet_gethost */
    const char *progname, *home; /* home: NULL if unknown */
    const char *emulator;        /* how we were called, for error messages */
    /* arguments for init: everything behind the emulator's flags */
    char **init_args;
    int init_count;
    const char *boot_module;     /* +i */
    /* threads: 0 = default */
    unsigned schedulers, schedulers_online;            /* +S */
    unsigned dirty_cpu, dirty_cpu_online, dirty_io;    /* +SDcpu, +SDio */
    unsigned async_threads, async_stack_kwords;        /* +A, +a */
    unsigned stack_kwords, dirty_cpu_stack_kwords, dirty_io_stack_kwords; /* +sss.. */
    const char *bind_type;       /* +sbt: u, db, ... */
    const char *cpu_topology;    /* +sct or NULL */
    bool no_cpu_detection;       /* +ssrct */
    unsigned poll_threads;       /* +IOt: only reported */
    /* limits */
    unsigned process_limit, port_limit, atom_limit;    /* +P, +Q, +t */
    const char *ets_tables;      /* +e or ERL_MAX_ETS_TABLES, NULL: neither */
    /* heaps, in words */
    unsigned min_heap, min_vheap, dict_size;           /* +hms, +hmbs, +hpds */
    uint64_t max_heap;                                 /* +hmax */
    bool max_heap_kill, max_heap_log;                  /* +hmaxk, +hmaxel */
    bool off_heap_messages;                            /* +hmqd */
    unsigned trim_kbytes, pad_kbytes;                  /* +MYtt, +MYtp: mem_init */
    /* time */
    bool time_correction;        /* +c */
    const char *warp_mode;       /* +C, NULL: the release's default */
    unsigned modified_timing;    /* +T */
    /* the rest */
    enum BreakMode break_mode;   /* +B */
    bool no_crash_dump;          /* +d */
    enum FileNameEncoding file_names;  /* +fn */
    enum FileNameWarning file_name_warning;
    bool printable_unicode;      /* +pc */
    char warnings_map;           /* +W: e, w or i */
    unsigned dist_busy_kbytes;   /* +zdbbl */
    unsigned node_gc_delay_s;    /* +zdntgc */
    bool port_parallelism;       /* +spp */
    unsigned compat_release;     /* +R, 0: the release's own */
    bool verbose;                /* +v */
    const char *perf;            /* +JPperf: true or map: names of native code for perf; NULL */
    const char *jit;             /* +Jjit: hot, all or off */
    const char *verify;          /* +Jverify: foreign, all or off */
    bool noshell_args;           /* -noshell or -noinput stands among the arguments of init */
} Config;

#endif
