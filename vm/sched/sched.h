/* SPDX-License-Identifier: Apache-2.0 */
/* sched - scheduler threads: who runs when.
 *
 *   state bits of a process            wake: any thread             slice: the scheduler
 *     (nothing) --wake--> QUEUED --pick--> RUNNING --RUN_WAIT--> (nothing)
 *                            ^                |  \--RUN_DIRTY--> DIRTY_CPU|DIRTY_IO, then DIRTY
 *                            \---RUN_YIELD----/                   \--done--> QUEUED
 *
 * PS_RUNNABLE and PS_SIGNALS say that there is something to do. Picking a process clears QUEUED and
 * RUNNABLE and sets RUNNING in one step; a wake-up during the slice sets RUNNABLE (or SIGNALS) again,
 * so the end of the slice sees it and queues the process once more: no wake-up is lost, whatever the
 * process had looked at before it decided to wait. PS_SIGNALS is cleared by whoever fetches the
 * in-queue, before fetching. A process with PS_SUSPENDED runs only to handle signals.
 *
 * Threads: one Sched per scheduler thread and per dirty thread; `sched_self` is the calling thread's,
 *          NULL in other threads. All fields belong to their thread unless said otherwise.
 * Idle:    a scheduler without work sleeps in the kernel until it is kicked, a descriptor is ready or
 *          its nearest timer is due; with none of these it does not wake at all.
 * Layer: sched. See vm/doc/sched.md. */
#ifndef JOIST_SCHED_SCHED_H
#define JOIST_SCHED_SCHED_H

#include "base/thread.h"
#include "proc/process.h"

#define SCHED_X_REGS 1024
#define SCHED_FR_REGS 1024
#define SCHED_SLICE_REDS 4000
#define SCHED_MAX 1024

enum RunResult {
    RUN_YIELD,     /* slice used up: queue again */
    RUN_WAIT,      /* waits in receive or bif_wait: queue only if woken meanwhile */
    RUN_EXIT,      /* finished, process_exit has run to its end; p may not be touched any more */
    RUN_DIRTY_CPU, /* a native wants a dirty thread: p->dirty_state tells which */
    RUN_DIRTY_IO,
    RUN_DIRTY_BRIEF, /* as RUN_DIRTY_IO; the native seldom takes longer than a hand-off */
};

enum SchedKind { SCHED_NORMAL, SCHED_DIRTY_CPU, SCHED_DIRTY_IO };

struct RunQueue;
struct SchedSpace;
struct TimerWheel;
struct EpochThread;

typedef struct Sched {
    term_t x[SCHED_X_REGS];    /* must be first: machine code addresses it without offset */
    /* A load waits for a store before it whose address has the same low 12 bits, and x and fr are whole pages. By those
     * bits, x0 lies 128 bytes behind p, f0 1,024 behind x0, and the thread's C stack right below p (sched_run). */
    char apart_fr[1024];
    double fr[SCHED_FR_REGS];
    char apart_p[4096 - 1024 - 128];
    Process *p;                /* process being executed, or NULL */
    Vm *vm;                    /* const */
    enum SchedKind kind;       /* const */
    unsigned number;           /* const: 1.. as erlang:system_info(scheduler_id); dirty ones follow */
    int32_t slice_reds;        /* reductions given to the present slice (p->reds counts down) */
    void *exec;                /* private to exec: scratch of the interpreter */
    struct RunQueue *runq;     /* const */
    struct TimerWheel *wheel;  /* const; NULL in dirty threads */
    struct SchedPriv *priv;    /* sched_priv.h */
} Sched;

extern THREAD_LOCAL Sched *sched_self;

/* What the layers above supply; filled in before sched_start. */
typedef struct SchedOps {
    /* Execute p until one of enum RunResult. Before the call p->reds = slice_reds; on return p->reds is
     * what is left. Called also when PS_EXITING is set (continue the exit) and, for a process with
     * PS_SIGNALS, after handle_signals. Registered by exec: interp_run. */
    enum RunResult (*run)(Sched *s, Process *p);
    /* Run the dirty native that p->dirty_state describes, on a dirty thread; RUN_YIELD when p can go on
     * in a normal scheduler (with the result or exception in place), or RUN_WAIT, RUN_EXIT. */
    enum RunResult (*run_dirty)(Sched *s, Process *p);
    /* p has PS_SIGNALS (or PS_SYSTASK): fetch and handle what is no message, as owner. True: go on with
     * run; false: nothing more to do now (only signals were handled and p was waiting or suspended);
     * the scheduler then treats p as after RUN_WAIT. Registered by proc. */
    bool (*handle_signals)(Process *p, enum ProcPriority least);
} SchedOps;

/* What is told of processes with PS_PROFILED, and of schedulers. Callable under any lock; set by trace. */
typedef struct SchedProfile {
    void (*queued)(Process *p);    /* p is about to enter a run queue; nobody else has it */
    void (*idle)(Process *p);      /* a slice is over in which p only handled signals, and goes on waiting */
    void (*scheduler)(Vm *vm, unsigned number, bool active, unsigned count); /* count: how many are active */
} SchedProfile;

typedef struct SchedSpace {
    SchedOps ops;
    _Atomic(const SchedProfile *) profile; /* NULL: off */
    Vm *vm;
    Sched **scheds;            /* [count + dirty_cpu_count + dirty_io_count], by number - 1 */
    unsigned count;            /* normal schedulers */
    atomic_u32_t online;       /* system_flag schedulers_online */
    atomic_u32_t active;       /* how many of them take work: online, or 1 while multi-scheduling is blocked */
    unsigned dirty_cpu_count, dirty_io_count;
    struct SchedShared *shared; /* sched_priv.h */
} SchedSpace;

/* ---- life ---- */
typedef struct SchedConfig {
    unsigned schedulers, online;        /* 0: one per usable processor */
    unsigned dirty_cpu, dirty_cpu_online, dirty_io;
    size_t stack_bytes, dirty_cpu_stack_bytes, dirty_io_stack_bytes; /* C stacks of the threads; 0: default */
} SchedConfig;
void sched_init(Vm *vm, const SchedConfig *config);
/* Start the threads. The caller is no scheduler; it may sleep for ever afterwards. */
void sched_start(Vm *vm);

/* ---- processes (also reachable from proc as vm->procs->ops, see proc/procops.h) ---- */
void sched_wake(Process *p, uint32_t bits);
void sched_resume(Process *p);
/* For run_dirty, around the native: signals are handled by others between these two. end is false when p
 * was killed meanwhile: nothing of p may be touched then, and run_dirty returns RUN_EXIT. */
void sched_dirty_native_begin(Process *p);
bool sched_dirty_native_end(Process *p) MUST_CHECK;
/* For a native of a dirty s, between the two above: what may last for ever runs outside of the epoch section that
 * run_dirty is in, so that what others are done with is freed meanwhile. */
void sched_dirty_alone_begin(Sched *s);
void sched_dirty_alone_end(Sched *s);
enum ProcPriority sched_set_priority(Process *p, enum ProcPriority prio);
static inline int32_t sched_slice_used(const Process *p)
{
    return sched_self && sched_self->p == p ? sched_self->slice_reds - p->reds - p->later_reds : 0;
}

/* ---- tasks: something else than a process that wants to run on a scheduler (a port) ----
 * A task never runs twice at the same time; scheduling it while it runs makes it run once more. */
enum TaskResult { TASK_KEEP, TASK_GONE /* the owner has freed it */ };
typedef struct Task {
    struct Task *next;         /* run queue lock */
    enum TaskResult (*run)(struct Task *t, Sched *s);
    atomic_u32_t state;        /* TASK_IDLE, TASK_QUEUED, TASK_RUNNING, TASK_AGAIN */
    uint32_t reds;             /* set by run: what it cost, for statistics; 0 counts as 200 */
} Task;
enum { TASK_IDLE, TASK_QUEUED, TASK_RUNNING, TASK_AGAIN };
static inline void task_init(Task *t, enum TaskResult (*run)(Task *t, Sched *s))
{
    t->next = NULL;
    t->run = run;
    t->reds = 0;
    atomic_init(&t->state, TASK_IDLE);
}
/* Any thread. The caller keeps t valid. */
void task_schedule(Vm *vm, Task *t);

/* ---- jobs on a given scheduler ---- */
/* Run fn(arg) once on scheduler `number`, between slices, as soon as possible. */
void sched_run_on(Vm *vm, unsigned number, void (*fn)(void *arg), void *arg);
/* Run fn(arg) on every normal scheduler; then done(arg) on one of them. */
void sched_run_on_all(Vm *vm, void (*fn)(void *arg), void (*done)(void *arg), void *arg);

/* ---- stop the world ---- */
/* Returns when every other normal scheduler stands between two slices and stays there. Nests by counting
 * within one thread. No locks may be held by the caller. Dirty threads go on. */
void sched_block_all(Vm *vm);
/* The same for who is about to end the program: after timeout_ns it returns all the same, some still running. */
void sched_block_for_good(Vm *vm, int64_t timeout_ns);
void sched_unblock_all(Vm *vm);

/* ---- online ---- */
/* Number of schedulers online; returns the old number. Stops the world once: no locks may be held. */
unsigned sched_set_online(Vm *vm, unsigned n);
unsigned sched_dirty_cpu_online(Vm *vm);
unsigned sched_set_dirty_cpu_online(Vm *vm, unsigned n);
/* Multi-scheduling: while a process blocks it, only one scheduler takes work. Counts per process.
 * Stops the world once: no locks may be held. */
void sched_multi_block(Vm *vm, term_t pid, bool normal);
/* Has the number of schedulers that execute come down to what was asked for by sched_multi_block or sched_set_online?
 * The caller, process pid, moves (by a yield), or sleeps until it is woken, and asks again. */
enum SchedSettled { SETTLED, SETTLED_ELSEWHERE, SETTLED_LATER };
enum SchedSettled sched_multi_settled(Vm *vm, term_t pid);
/* One unblock; false if pid was not blocking. */
bool sched_multi_unblock(Vm *vm, term_t pid, bool normal);
/* The process dies: all its blocks end. */
void sched_multi_forget(Vm *vm, term_t pid);
enum SchedMulti { MULTI_ENABLED, MULTI_BLOCKED, MULTI_BLOCKED_NORMAL, MULTI_DISABLED };
enum SchedMulti sched_multi_state(Vm *vm);
/* List of the pids that block. */
term_t sched_multi_blockers(Vm *vm, Heap *h, bool normal);

/* ---- statistics ---- */
typedef struct SchedTimes {
    int64_t active_ns, total_ns;
} SchedTimes;
void sched_wall_time_enable(Vm *vm, bool on);
bool sched_wall_time_enabled(Vm *vm);
/* Of the thread with this number; false when not enabled. */
bool sched_wall_time(Vm *vm, unsigned number, SchedTimes *times);
/* Lengths of the run queues: out[i] of scheduler i + 1; then the dirty CPU queue, the dirty I/O queue. */
void sched_queue_lengths(Vm *vm, size_t *out);
/* Processes and ports executing now, per the same index (0 or 1; dirty ones summed). */
void sched_active_counts(Vm *vm, size_t *out);
uint64_t sched_context_switches(Vm *vm);
uint64_t sched_total_reductions(Vm *vm);
/* How often queues were compared, by schedulers that were all busy or that looked for work. */
uint64_t sched_balances(Vm *vm);

/* The VM is halting: from now on no process is executed, only tasks, jobs, timers and descriptors. */
void sched_stop_processes(Vm *vm);
/* Wait, but not longer than this, until the slices that other normal schedulers are in are over. */
void sched_await_slices(Vm *vm, int64_t limit_ns);

/* Interrupt an idle scheduler (any if 0) so that it looks around. */
void sched_kick(Vm *vm, unsigned number);

static_assert(offsetof(Sched, x) == 0, "x registers come first");

#endif
