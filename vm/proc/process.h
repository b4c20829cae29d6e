/* SPDX-License-Identifier: Apache-2.0 */
/* process - the state of one Erlang process.
 *
 * Protection, per group of fields below:
 *   owner    only the thread that executes the process (scheduler or dirty thread) touches it;
 *            being the executor = holding the main lock implicitly (state bit RUNNING). A dirty native
 *            (PS_DIRTY) has let go of RUNNING and owns only `heap`, reds, flags and the f* fields: others
 *            may handle signals meanwhile, see sched/dirty.c
 *   sigq     under sig_lock
 *   atomic   lock-free; orderings stated where used
 *   const    constant after creation
 * Everything another process wants from this one is a signal (signal.h), so no other thread ever
 * needs the owner fields. A Process is freed through the epoch after its references are gone.
 * Layer: proc. */
#ifndef JOIST_PROC_PROCESS_H
#define JOIST_PROC_PROCESS_H

#include "base/vm.h"
#include "base/lock.h"
#include "base/rbtree.h"
#include "heap/heap.h"
#include "code/export.h"
#include "proc/message.h"

/* State bits (atomic `state`). The transitions of RUNNABLE, QUEUED and RUNNING belong to the scheduler:
 * picture in sched/sched.h. The others are set by the owner, except SIGNALS (with the signal, by its
 * sender) and SYSTASK. */
#define PS_RUNNABLE    0x0001u  /* woken: the program is to go on */
#define PS_QUEUED      0x0002u  /* in a run queue */
#define PS_RUNNING     0x0004u  /* a scheduler executes it */
#define PS_DIRTY       0x0008u  /* a dirty thread executes it */
#define PS_EXITING     0x0010u  /* process_exit has begun; no user code any more */
#define PS_FREE        0x0020u  /* gone from the process table */
#define PS_SIGNALS     0x0040u  /* in-queue has signals to fetch, or fetched ones wait to be handled */
#define PS_SUSPENDED   0x0080u  /* suspended: signals are handled, the program stands still */
#define PS_GC          0x0100u  /* collecting (process_info status) */
#define PS_TRAP_EXIT   0x0200u
#define PS_SYSTEM      0x0400u  /* a system process (init, code purger, ...) */
#define PS_DIRTY_CPU   0x0800u  /* wants / waits for a dirty CPU thread */
#define PS_DIRTY_IO    0x1000u
#define PS_WAITING     0x2000u  /* in receive, nothing matched; cleared when receive goes on */
#define PS_SYSTASK     0x4000u  /* system tasks to execute between two slices */
#define PS_DIST        0x8000u  /* dist: has been known to a channel, which forgets it at its death */
#define PS_ANY_DIRTY   (PS_DIRTY | PS_DIRTY_CPU | PS_DIRTY_IO)
#define PS_PRIO_SHIFT  16       /* two bits: enum ProcPriority */
#define PS_TIME_OFFSET 0x40000u /* has monitored the time offset */
#define PS_PROFILED    0x80000u /* being queued is told (sched.h, SchedProfile) */
#define PS_SENSITIVE   0x100000u /* process_flag(sensitive, true) */
#define PS_NAMED       0x200000u /* has had a name: the registry is asked at its death */
#define PS_TIMERS      0x400000u /* has had timers of start_timer and send_after: their table is asked at its death */
#define PS_PRIO_MASK   (3u << PS_PRIO_SHIFT)
/* With none of these a process rests: what others have sent it has had its effect, and nobody changes it. */
#define PS_RESTLESS    (PS_RUNNING | PS_SIGNALS | PS_EXITING | PS_FREE | PS_ANY_DIRTY)

enum ProcPriority { PRIO_LOW, PRIO_NORMAL, PRIO_HIGH, PRIO_MAX };

/* Owner flags (`flags`). */
#define PF_HIBERNATE_SCHED 0x0001u
#define PF_OFF_HEAP_MSGQ   0x0004u  /* message_queue_data off_heap */
#define PF_ON_HEAP_MSGQ    0x0008u
#define PF_FORCE_GC        0x0010u
#define PF_NEED_FULLSWEEP  0x0020u
#define PF_USED_TIMEOUT    0x0040u  /* timed out in the current receive */
#define PF_ASYNC_DIST      0x0080u
#define PF_DELAY_GC        0x0100u  /* collections that others ask for wait until it is cleared */
#define PF_HIBERNATED      0x0200u
#define PF_TIMER_SET       0x0400u  /* receive timer armed */
#define PF_HEAP_LIMIT      0x0800u  /* max_heap_size exceeded, kill requested */
#define PF_WAIT_RESUMED    0x4000u  /* wait_timeout has put the process to sleep and will be executed again */
#define PF_YIELDED         0x8000u  /* a native has ended a slice to let others run, and will be called again */
#define PF_GC_ASKED        0x2000u  /* garbage_collect/0 has asked for a collection and yielded */
#define PF_IN_NATIVE       0x10000u /* the last slice ended inside native `current` (trace events) */
#define PF_BUSY            0x40000u /* sleeps in a native because a port or channel is busy: suspended */
#define PF_BUSY_DIST       0x20000u /* with PF_BUSY: a channel to another node */
#define PF_PROFILED_ACTIVE 0x80000u /* was told a profiler as active */
#define PF_IN_RECEIVE      0x1000u  /* sleeps in receive (or hibernates) for want of a message */

/* Why a native or instruction failed (`freason`): class in the low 2 bits, flags, then code. */
enum ExcClass { EXC_CLASS_ERROR = 0, EXC_CLASS_EXIT = 1, EXC_CLASS_THROW = 2 };
#define EXC_CLASS_MASK 0x3u
#define EXC_SAVE_TRACE 0x4u     /* build a stack trace */
#define EXC_ARGS       0x8u     /* fvalue is {Value, Args}: Args replace the arity in the trace */
#define EXC_INFO       0x20u    /* fcause is the whole error_info map of the first entry (error/3) */
#define EXC_NATIVE     0x10u    /* has error_info: fvalue reason; fcause holds the cause or nil */
#define EXC_CODE_SHIFT 8
#define EXC_CODE(n) ((uint32_t)(n) << EXC_CODE_SHIFT | EXC_SAVE_TRACE)
#define EXC_NULL 0u
/* code 0: fvalue is the reason itself */
#define EXC_ERROR (EXC_CODE(0) | EXC_CLASS_ERROR)   /* erlang:error(fvalue) */
#define EXC_ERROR_ARGS (EXC_ERROR | EXC_ARGS)
#define EXC_EXIT (EXC_CODE(0) | EXC_CLASS_EXIT)
#define EXC_THROW (EXC_CODE(0) | EXC_CLASS_THROW)
#define EXC_BADARG EXC_CODE(1)
#define EXC_BADARITH EXC_CODE(2)
#define EXC_BADMATCH EXC_CODE(3)      /* {badmatch, fvalue} */
#define EXC_FUNCTION_CLAUSE EXC_CODE(4)
#define EXC_CASE_CLAUSE EXC_CODE(5)   /* {case_clause, fvalue} */
#define EXC_IF_CLAUSE EXC_CODE(6)
#define EXC_UNDEF EXC_CODE(7)
#define EXC_BADFUN EXC_CODE(8)        /* {badfun, fvalue} */
#define EXC_BADARITY EXC_CODE(9)      /* {badarity, fvalue} */
#define EXC_TIMEOUT_VALUE EXC_CODE(10)
#define EXC_NOPROC EXC_CODE(11)
#define EXC_NOTALIVE EXC_CODE(12)
#define EXC_SYSTEM_LIMIT EXC_CODE(13)
#define EXC_TRY_CLAUSE EXC_CODE(14)   /* {try_clause, fvalue} */
#define EXC_NOTSUP EXC_CODE(15)
#define EXC_BADMAP EXC_CODE(16)       /* {badmap, fvalue} */
#define EXC_BADKEY EXC_CODE(17)       /* {badkey, fvalue} */
#define EXC_BADRECORD EXC_CODE(18)    /* {badrecord, fvalue} */
#define EXC_NOT_SUPPORTED EXC_CODE(19) /* {not_supported, {M,F,A}}: native not in Joist yet */
/* not exceptions: what the instruction should do instead */
#define EXC_TRAP 0xFFFFFF00u          /* call p->trap_export with x[0..arity-1] */
#define EXC_YIELD 0xFFFFFE00u         /* call the same native again after a reschedule, args in x */
#define EXC_WAIT 0xFFFFFD00u          /* same, but only when woken (state not RUNNABLE) */
#define EXC_DIRTY_CPU 0xFFFFF000u     /* same, on a dirty thread of this kind */
#define EXC_DIRTY_IO 0xFFFFF100u

struct ProcDict;
struct RegName;
struct SysTask;
struct RunQueue;
struct Timer;
struct Sched;
struct AliasTable;
struct Suspend;
struct ExitState;

typedef struct Process {
    Heap heap;                   /* owner; must be first */
    Vm *vm;                      /* const */
    _Atomic(uint32_t) state;     /* atomic: PS_* */
    uint32_t flags;              /* owner: PF_* */
    term_t id;                   /* const: local pid */
    uint64_t born;               /* const: ptab.h */
    _Atomic(int32_t) refs;       /* atomic: keeps the struct, not the process, alive */

    /* execution; owner */
    int32_t reds;                /* left in this slice while switched out */
    const code_t *pc;            /* where to resume */
    term_t *x_saved;             /* live x registers while not running: x_inline or allocated */
    uint16_t x_live, x_cap;
    uint16_t catches;            /* open catch/try blocks; 0: nobody catches */
    uint16_t gens, max_gens;     /* minor collections since the last full one, and their maximum */
    _Atomic(uint16_t) woken_from; /* whoever queues it: scheduler that woke it last, and how often: sched/sched.c */
    uint32_t freason;            /* EXC_* */
    term_t fvalue;               /* reason or trap argument */
    term_t ftrace;               /* raw stack trace, or nil */
    term_t fcause;               /* error_info cause, or TERM_NONE */
    const Mfa *current;          /* native being called, or function failing with function_clause */
    Export *trap_export;         /* EXC_TRAP */
    word_t x_arity;              /* EXC_TRAP: number of arguments in x */
    uint64_t reductions;         /* total, without the current slice */

    term_t group_leader;         /* owner */
    term_t parent;               /* owner: a root; pid of whoever spawned it, or undefined */
    Mfa initial;                 /* const after spawn */
    struct ProcDict *dict;       /* owner */
    struct RegName *reg;         /* registry lock */
    RbTree links;                /* owner: link.h */
    RbTree monitors;             /* owner: monitors this process created */
    RbTree lt_monitors;          /* owner: monitors on this process */
    RbTree bif_timers;           /* timer lock of the process's timers: timer.h */
    struct Timer *receive_timer; /* owner */
    struct AliasTable *aliases;  /* owner: active aliases of this process (link.h), NULL: none */

    SigQueue sigq;               /* message.h; parts under sig_lock, parts owner */
    Mutex sig_lock;              /* class LOCK_PROC_SIG */

    uint32_t min_heap_words, min_vheap_words; /* owner: process_flag */
    int32_t later_reds;          /* owner: left in this slice behind `reds`, see split_slice; here it fills a gap */
    uint64_t max_heap;           /* owner: words << 3 | MAX_HEAP_* */
    struct SysTask *systasks;    /* owner: oldest first; systask.h */
    struct SuspendSet *suspending; /* owner: processes this one has suspended; NULL: none */
    struct ExitState *exit;      /* owner: progress of process_exit, NULL before */
    struct RunQueue *_Atomic runq; /* atomic: queue it belongs to */
    struct Process *next_queued; /* run queue lock */
    uint32_t suspend_count;      /* owner */
    uint32_t bound;              /* owner, while not queued: scheduler of process_flag(scheduler, N), BOUND_* */
    struct SavedCalls *saved_calls; /* owner: process_flag(save_calls, N), NULL: none; saved_calls.h */
    term_t error_handler;        /* owner: process_flag(error_handler, Module) */
    term_t label;                /* owner: proc_lib:set_label/1 (27) */
    term_t seq_token;            /* owner: nil when unused */
    struct TraceFlags *trace;    /* owner: NULL when nobody traces it */
    struct EtsProc *ets;         /* ETS owner lock: tables owned and fixed, NULL: none */
    void *dirty_state;           /* owner: dirty native in progress */
    Heap *side;                  /* owner: terms of signals handled during a dirty native, or NULL */
    const struct NativeMark *native_mark; /* owner: of the dirty native that executes, or NULL; see process_gc.h */
    struct NativeState *native_state; /* owner: state of a yielding native between slices; has a destructor */
    term_t x_inline[6];
} Process;

#define BOUND_MASK 0xFFFu       /* number of the scheduler; 0: any */
#define BOUND_MOVING 0x80000000u /* the flag was set, the process moves; the old number in: */
#define BOUND_OLD_SHIFT 12
static inline unsigned process_bound(const Process *p) { return p->bound & BOUND_MASK; }

#define MAX_HEAP_KILL 1u
#define MAX_HEAP_LOG 2u
#define MAX_HEAP_SHARED 4u

/* ---- what proc asks of the layers above; filled by them at init, const afterwards ----
 * The scheduler's part, ProcOps, is in proc/procops.h. */
typedef struct ProcExecOps {
    /* Where a new process starts (applies x0:x1 to the list x2), and the bottom of its stack. */
    const code_t *entry_apply, *normal_exit;
    /* Does p run or refer to old code of `module`? May collect (live x: p->x_saved). */
    bool (*uses_old_code)(Process *p, term_t module);
    /* Copy out of the literal area being released; request as in erts_literal_area_collector (init,
     * check_gc, need_gc). The answer: ok, or TERM_NONE when that has to wait for a dirty native. May collect. */
    term_t (*copy_literals)(Process *p, term_t how);
    /* [{M,F,A,Location}] of p as it stands now, built in h; at most depth entries. */
    term_t (*stacktrace)(Process *p, Heap *h, unsigned depth);
    /* Text of process_info(backtrace) as a binary built in h. */
    term_t (*backtrace)(Process *p, Heap *h);
} ProcExecOps;

/* Ports seen from processes; set by io. A port id is a local port term. Each returns false when
 * there is no such port (or it is closing): the caller then acts as for a dead process. */
typedef struct ProcPortOps {
    bool (*link)(Vm *vm, term_t port, term_t pid);
    bool (*unlink)(Vm *vm, term_t port, term_t pid, uint64_t id); /* answer: signal_unlink_ack */
    bool (*exit)(Vm *vm, term_t from, term_t port, term_t reason, bool by_link);
    bool (*monitor)(Vm *vm, term_t port, term_t pid, RefNum ref);
    bool (*demonitor)(Vm *vm, term_t port, term_t pid, RefNum ref);
    bool (*exists)(Vm *vm, term_t port);
    /* Port ! Msg. TERM_NONE with p->freason set: error, or EXC_WAIT when the port is busy. */
    term_t (*send)(Process *p, term_t port, term_t msg, bool nosuspend);
} ProcPortOps;

/* Native code of libraries; set by nif. As a watcher of processes it is a local port (of a linked-in driver), or
 * the reference number of a resource. */
typedef struct ProcNativeOps {
    /* p is down for the monitor `ref`. */
    void (*down)(Process *p, term_t watcher, term_t ref);
    /* The watcher of `ref` as a program sees it, in h. */
    term_t (*watcher)(Vm *vm, Heap *h, term_t watcher, term_t ref);
    /* Does p, which does not execute (but a dirty native of it may), stand in a call of this library? */
    bool (*calls)(const Process *p, const void *library);
    /* A native of p with a state of its own has failed: the function to blame, its arguments put in x. */
    const Mfa *(*failed)(Process *p, term_t *x, const Mfa *native);
} ProcNativeOps;

/* What became of a request to another node. */
enum RemoteResult {
    REMOTE_SENT,
    REMOTE_NO_CONNECTION,  /* and no way to get one now, or none wanted */
    REMOTE_BUSY,           /* the channel is full: caller suspends (or answers nosuspend) */
    REMOTE_YIELD,          /* send only: the message is large; call again with the same arguments */
    REMOTE_TOO_LARGE       /* send only: not possible in the external format */
};
/* Processes of other nodes; set by dist. `p` is the caller; node an atom; pid an external pid. */
typedef struct ProcRemoteOps {
    enum RemoteResult (*send)(Process *p, term_t to, term_t msg, uint32_t flags); /* pid or alias */
    enum RemoteResult (*send_name)(Process *p, term_t name, term_t node, term_t msg, uint32_t flags);
    enum RemoteResult (*link)(Process *p, term_t pid);
    enum RemoteResult (*unlink)(Process *p, term_t pid, uint64_t id);
    enum RemoteResult (*exit)(Process *p, term_t pid, term_t reason);   /* exit/2 */
    enum RemoteResult (*group_leader)(Process *p, term_t leader, term_t pid);
    enum RemoteResult (*monitor)(Process *p, term_t ref, term_t pid_or_name, term_t node);
    /* The following are also called from signal handling and exit: they never ask to connect. */
    void (*link_exit)(Process *p, term_t pid, term_t reason);
    void (*unlink_ack)(Process *p, term_t pid, uint64_t id);
    void (*demonitor)(Process *p, term_t ref, term_t pid_or_name, term_t node, uint32_t conn);
    void (*monitor_exit)(Process *p, term_t watcher, term_t watched, term_t ref, term_t reason);
    /* erlang:spawn_request_abandon/1 of a remote request. */
    bool (*abandon_spawn)(Process *p, RefNum ref);
} ProcRemoteOps;
#define REMOTE_NOCONNECT 1u
#define REMOTE_NOSUSPEND 2u

/* Called by the process in EXITING, in order of registration; false: call again after a yield. The
 * process still has its heap and its place in the table; its name is already free. */
typedef bool ExitHook(Process *p, term_t reason, int32_t *reds);

/* Trace events; set by trace. Called only when p->trace is set. */
typedef struct ProcTraceOps {
    void (*send)(Process *p, term_t to, term_t msg, bool exists);
    void (*receive)(Process *p, term_t from, term_t msg);
    /* procs: link, unlink, getting_linked, getting_unlinked, spawn, spawned, exit, register,
     * unregister; `extra` TERM_NONE when the event has one argument. Slices of a dying process:
     * in_exiting, out_exiting, out_exited, with 0. */
    void (*event)(Process *p, term_t event, term_t arg, term_t extra);
    /* Child inherits trace flags (set_on_spawn, set_on_link ...). */
    void (*inherit)(Process *parent, Process *child, bool linked);
    /* Sequential trace: p, which has a token, sends (TERM_NONE: a secret); p takes over the token of a message. */
    void (*seq_send)(Process *p, term_t to, term_t msg);
    void (*seq_receive)(Process *p, const Signal *m);
    /* Instructions of trace.insn; with the registers in p. The handler number to go on with, or
     * TRACE_KILLED; where to go on, NULL: killed. */
    int64_t (*breakpoint)(Process *p, term_t *x, const code_t *pc);
    const code_t *(*traced_export)(Process *p, term_t *x, void *breakpoint);
    const code_t *(*traced_return)(Process *p, term_t *x);
    void (*traced_catch)(Process *p, term_t *x);
    /* p begins (in) or ends a slice. */
    void (*running)(Process *p, bool in);
    /* A collection of p's heap begins or ends; need: words asked for. */
    void (*collection)(Process *p, bool begins, bool major, size_t words);
    /* The dead p is not traced any more. */
    void (*forget)(Process *p);
} ProcTraceOps;
#define TRACE_KILLED INT64_MIN

#define PROC_EXIT_HOOKS 12
typedef void ProcSliceMonitor(Vm *vm, term_t id, const Mfa *in, const Mfa *out, int64_t ns);

typedef struct ProcSpace {
    struct Ptab *procs, *ports;        /* const after init; ptab.h */
    struct Registry *registry;         /* registry.h */
    const struct ProcOps *ops;         /* sched_init */
    ProcExecOps exec;
    const ProcPortOps *port_ops;       /* NULL until io is initialised */
    const ProcNativeOps *native_ops;   /* NULL until nif is initialised */
    const ProcRemoteOps *remote_ops;   /* NULL until dist is initialised */
    const ProcTraceOps *trace_ops;     /* NULL until trace is initialised */
    /* system_monitor of collections: called after each with its duration; NULL: off. */
    void (*_Atomic monitor_gc)(Process *p, int64_t ns);
    /* The same of slices: where the process was at both ends, NULL when that is unknown or it is gone; NULL: off. */
    _Atomic(ProcSliceMonitor *) monitor_slice;
    const code_t *trace_return;        /* return address of frames that only watch calls, or NULL */
    /* Flags of processes to be spawned are set: called for each; NULL: none are. */
    void (*trace_new)(term_t parent, Process *child, bool linked, term_t mfa);
    /* dist: process_flag(monitor_nodes | {monitor_nodes, Options}, Bool); NULL: no such flag */
    term_t (*monitor_nodes)(Process *p, term_t flag, term_t value);
    ExitHook *exit_hooks[PROC_EXIT_HOOKS];
    unsigned exit_hook_count;
    uint64_t ref_seed;                 /* const */
    unsigned otp;                      /* const: release */
    _Atomic(uint64_t) logger;          /* system_flag(system_logger): term; 0 until set, means logger */
    uint32_t backtrace_depth;          /* except.c: entries of a trace + 1; 0: default; atomic */
    uint32_t min_heap_words, min_vheap_words; /* system_flag defaults; atomic */
    _Atomic(uint32_t) fullsweep_after;
    _Atomic(uint64_t) max_heap;        /* like Process.max_heap */
    _Atomic(uint32_t) default_flags;   /* PF_OFF_HEAP_MSGQ by +hmqd */
    /* Written all the time: not on lines with what is read all the time. */
    char apart1[CACHE_LINE];
    _Atomic(uint64_t) ref_counter, unique_counter;
    char apart2[CACHE_LINE];
    _Atomic(uint64_t) unique_monotonic;
    char apart3[CACHE_LINE];
} ProcSpace;

typedef struct ProcConfig {
    uint32_t process_limit, port_limit;
    unsigned otp;                      /* release: 25 .. 29 */
    unsigned id_bits;                  /* significant bits of pids and ports: 28 (OTP 25), 60 (26+) */
} ProcConfig;
void proc_init(Vm *vm, const ProcConfig *config);
void proc_add_exit_hook(Vm *vm, ExitHook *hook);

/* ---- table of processes (ptab.c) ---- */
/* The process of a local pid, or NULL. Valid until the caller's next quiescent state (schedulers), or
 * between epoch_enter/epoch_leave elsewhere. May already be exiting. */
Process *process_lookup(Vm *vm, term_t pid);
/* Same, NULL also when it is exiting. */
Process *process_lookup_alive(Vm *vm, term_t pid);
/* Who gets the VM's reports: a pid, the name logger, or undefined. A process that has died no longer does. */
static inline term_t process_logger(Vm *vm)
{
    term_t t = atomic_load_explicit(&vm->procs->logger, memory_order_relaxed);
    if (t == TERM_NONE || (term_is_local_pid(t) && !process_lookup_alive(vm, t))) return am_logger;
    return t;
}

size_t process_count(Vm *vm);
size_t process_limit(Vm *vm);
void process_ref(Process *p);
void process_unref(Process *p);
/* Unique local reference; thread-safe. */
RefNum ref_new(Vm *vm);
/* Of erlang:unique_integer: from 0; greater than all before when monotonic, else in no order over threads. */
uint64_t unique_number(Vm *vm, bool monotonic);
static inline term_t heap_new_ref(Heap *h, Vm *vm) { return ref_put(heap_alloc(h, REF_WORDS), ref_new(vm)); }

static inline uint32_t process_state(const Process *p)
{
    return atomic_load_explicit(&p->state, memory_order_acquire);
}
static inline bool process_is_exiting(const Process *p) { return process_state(p) & PS_EXITING; }
/* A dirty thread executes a native of p and has let go of the rest of it. */
static inline bool process_in_dirty_native(const Process *p) { return process_state(p) & PS_DIRTY; }
/* Where the owner builds terms that are to stay with p: its heap, or beside it during a dirty native. */
Heap *process_own_heap(Process *p);
/* The native is over: what was built beside the heap joins it. */
void process_side_join(Process *p);
void process_side_drop(Process *p);
static inline enum ProcPriority process_priority(const Process *p)
{
    return (enum ProcPriority)(process_state(p) >> PS_PRIO_SHIFT & 3u);
}
/* Charge work done by a native, in reductions. The native should yield when the result is true. */
static inline bool process_bump_reds(Process *p, int32_t n)
{
    if (p->reds <= n) {
        p->reds += p->later_reds;
        p->later_reds = 0;
    }
    p->reds = p->reds > n ? p->reds - n : 0;
    return p->reds == 0;
}
/* The next call ends the slice. */
static inline void process_end_slice(Process *p) { p->reds = p->later_reds = 0; }
/* The owner: what a native kept for its next slice is not wanted any more. */
void process_drop_native_state(Process *p);
/* For work that is not interrupted: its size may be anything. */
static inline void process_charge(Process *p, size_t reds)
{
    (void)process_bump_reds(p, (int32_t)MIN(reds, (size_t)INT32_MAX));
}
#define COPIED_WORDS_PER_RED 64

/* ---- running ---- */
/* For SchedOps.handle_signals. The owner, between two slices: fetch and handle signals, execute system
 * tasks. True: go on with run (which continues the exit if one has begun). [may GC: x_saved is live] */
bool process_handle_signals(Process *p, enum ProcPriority least);

#endif
