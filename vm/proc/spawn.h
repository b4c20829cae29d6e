/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - creation of processes.
 * The arguments are copied to the child's heap; nobody sees the child before it is complete: entered in
 * the table, linked and monitored, and then woken. Layer: proc. */
#ifndef JOIST_PROC_SPAWN_H
#define JOIST_PROC_SPAWN_H

#include "proc/link.h"
#include "proc/process.h"

typedef struct SpawnOptions {
    bool link, monitor, system;
    enum AliasMode alias;       /* of the monitor */
    term_t tag;                 /* of the monitor: TERM_NONE means 'DOWN' */
    enum ProcPriority priority;
    uint32_t scheduler;         /* 0: any */
    uint32_t min_heap_words, min_vheap_words;
    uint16_t fullsweep_after;
    uint64_t max_heap;
    uint32_t flags;             /* PF_OFF_HEAP_MSGQ, PF_ON_HEAP_MSGQ, PF_ASYNC_DIST */
    /* spawn_request */
    term_t reply_tag;           /* TERM_NONE: spawn_reply */
    term_t options;             /* as they were given */
    uint8_t reply;              /* SPAWN_REPLY_* */
    bool is_request;            /* accept reply, reply_tag */
} SpawnOptions;
enum { SPAWN_REPLY_NO = 0, SPAWN_REPLY_OK = 1, SPAWN_REPLY_ERROR = 2, SPAWN_REPLY_YES = 3 };

void spawn_options_default(Vm *vm, SpawnOptions *o);
/* Options from an Erlang list. badopt: an option is wrong; badarg: not a proper list. */
enum SpawnParse { SPAWN_PARSED, SPAWN_BADARG, SPAWN_BADOPT };
enum SpawnParse spawn_options_parse(Vm *vm, SpawnOptions *o, term_t list);
/* One of them. False: it is wrong. */
bool spawn_option_parse(Vm *vm, SpawnOptions *o, term_t opt);

/* explicit_unalias, demonitor, reply_demonitor. False: something else. */
bool alias_mode_parse(term_t t, enum AliasMode *mode);
/* New reference for a monitor of p: plain, or an alias that is active. */
term_t monitor_make_ref(Process *p, enum AliasMode mode);

/* New process that applies module:function to the list args, made by `parent` (which runs on this
 * thread). *ref_out gets the monitor reference (on parent's heap), if o->monitor.
 * Returns its pid, or TERM_NONE: process table full (system_limit). */
term_t spawn_process(Process *parent, term_t module, term_t function, term_t args, const SpawnOptions *o,
                     term_t *ref_out);
/* Without a parent: the first processes of the VM, in order of pids. group_leader: TERM_NONE for itself. */
term_t spawn_system(Vm *vm, term_t module, term_t function, term_t args, const SpawnOptions *o,
                    term_t group_leader);
/* On behalf of a process of another node (dist): what is asked for. */
typedef struct RemoteSpawn {
    term_t parent;              /* external pid: links and monitors as the options say */
    term_t group_leader;
    term_t mfa;                 /* {Module, Function, Arity} */
    term_t options;             /* as they were given */
    term_t args;                /* list, in args_heap */
    term_t ref;                 /* of the monitor */
    term_t token;               /* sequential trace token or nil */
    uint32_t conn;              /* connection it came over */
    void (*ready)(void *arg, Process *child); /* called before the child runs; may be NULL */
    void *arg;
} RemoteSpawn;
/* The child's first message is the argument list in args_heap, which it adopts. TERM_NONE: no room. */
term_t spawn_for_remote(Vm *vm, const RemoteSpawn *r, Heap *args_heap, const SpawnOptions *o);

/* Process structure alone, not in the table; heap of at least heap_words. For spawn and unit tests. */
Process *process_new(Vm *vm, size_t heap_words);
/* Frees everything that p still owns. Nobody may use it any more. */
void process_destroy(Process *p);

#endif
