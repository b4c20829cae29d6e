/* SPDX-License-Identifier: Apache-2.0 */
/* sched_priv - run queues, sleeping, jobs, dirty pools: what the files of this folder share.
 * Lock order inside the folder: POLL < SCHED_STATE < RUN_QUEUE < DIRTY_QUEUE. Layer: sched. */
#ifndef JOIST_SCHED_PRIV_H
#define JOIST_SCHED_PRIV_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/queue.h"
#include "heap/literal.h"
#include "proc/procops.h"
#include "proc/timer.h"
#include "sched/msacc.h"
#include "sched/poll.h"
#include "sched/sched.h"

#define PRIORITIES 4

typedef struct ProcFifo {
    Process *first, *last;
    atomic_u32_t count;               /* written under the lock; sched_balance reads it without */
} ProcFifo;

static inline uint32_t proc_fifo_count(const ProcFifo *f) { return load_relaxed(&f->count); }

/* Processes by priority; under the owner's lock. */
typedef struct PrioQueue {
    ProcFifo procs[PRIORITIES];
    uint64_t low_earned;              /* parts of turns that the low ones have earned */
} PrioQueue;

typedef struct RunQueue {
    Mutex lock;                       /* class RUN_QUEUE */
    Sched *sched;                     /* const */
    PrioQueue procs;                  /* lock */
    PrioQueue bound;                  /* lock: processes that only this scheduler may run */
    bool bound_turn;                  /* lock: of equal ones, the bound one comes next */
    Task *task_first, **task_last;    /* lock */
    atomic_u32_t length;              /* written under lock; processes and tasks that others may take */
    atomic_u32_t bound_length;        /* written under lock */
    atomic_u32_t running;             /* sched writes: 1 + priority of the process that it executes, or 0 */
} CACHE_ALIGNED RunQueue;

typedef struct SchedJob {
    struct SchedJob *next;
    void (*fn)(void *arg);
    void *arg;
} SchedJob;

typedef struct SchedPriv {
    Thread thread;
    EpochThread epoch;
    Event event;                      /* set by a kick */
    atomic_u32_t in_slice;            /* 1: may run Erlang code (partner: blocked) */
    atomic_u32_t has_search_token;    /* woken to look for work */
    Mutex job_lock;                   /* class SYSTEM */
    SchedJob *job_first, **job_last;  /* job_lock */
    atomic_u32_t has_jobs;
    uint32_t reds_since_look;         /* owner: work since timers and descriptors were looked at */
    uint32_t reds_waited;             /* owner: work done since nothing else stood in the queue */
    unsigned next_is_task;            /* owner: tasks and processes take turns */
    uint64_t random;                  /* owner: whom to rob first */
    int64_t last_balance_ns;          /* owner */
    EpochSection section;             /* owner, dirty: that it executes in, but for natives that are alone */
    /* lending, see lend.c */
    atomic_u64_t lent;                /* 0, or which time it is that the Sched is lent */
    atomic_u64_t lends;               /* owner writes: times so far */
    int64_t lend_after_ns;            /* owner: not before; 0: at any time */
    Process *brief;                   /* owner: has called a brief native, executed when its slice is closed */
    Sched *stand_in;                  /* owner: what its thread executes that with, or NULL. Of a spare: the next */
    Sched *stands_for;                /* of a stand-in: whose it is */
    atomic_u64_t switches, reductions; /* owner writes, any reads */
    atomic_u32_t active;              /* owner writes: executes a process or task now */
    /* wall time: when a normal scheduler is idle, when a dirty thread is busy; see stats.c */
    atomic_i64_t spans;               /* owner writes, any reads */
    atomic_i64_t spans_before;        /* written under block_lock: ns when wall time was switched on */
    /* microstates: owner writes, any reads (msacc_reset: any) */
    atomic_u64_t ms_ns[MS_STATES];
    atomic_i64_t ms_since;            /* 0: not counted */
    atomic_u32_t ms_state;
} SchedPriv;

#define IDLE_WORDS (SCHED_MAX / 64)

typedef struct DirtyPool {
    Mutex lock;                       /* class DIRTY_QUEUE */
    CondVar ready;
    PrioQueue queue;                  /* lock */
    unsigned length;                  /* lock */
    Vm *vm;
    size_t stack_bytes;               /* of its threads; const */
    enum SchedKind kind;
    unsigned first;                   /* index in SchedSpace.scheds of its first thread */
    unsigned max;                     /* const */
    unsigned online;                  /* lock */
    unsigned started, waiting;        /* lock */
    unsigned active;                  /* lock */
} DirtyPool;

typedef struct SchedShared {
    atomic_u64_t idle[IDLE_WORDS];    /* bit: scheduler sleeps (or is about to) */
    atomic_u32_t idle_count;
    atomic_u32_t searching;           /* somebody was woken to look for work and has not found any */
    _Atomic(Sched *) poller;          /* who waits in, or reads from, the poll set */
    atomic_i64_t last_poll_ns;
    atomic_u32_t processes_stopped;   /* halting: processes taken from a queue are dropped */
    struct PollSet *polls;
    atomic_u32_t msacc;               /* microstate accounting is on */
    atomic_u64_t balances;            /* times that a scheduler compared its queue with the others */
    /* stop the world */
    Mutex block_lock;                 /* class SCHED_STATE */
    CondVar block_changed;
    atomic_u32_t blocked;             /* 1: no scheduler but the blocker may be in a slice */
    const void *blocker;              /* block_lock: &thread-local of the thread that blocks */
    unsigned block_depth;             /* block_lock */
    DirtyPool cpu, io;
    Event guard_event;                /* set by whoever lends */
    atomic_u32_t guarded;             /* the thread has been started */
    atomic_u32_t late;                /* threads that have lost their scheduler, and those that try to succeed */
    Sched *spare;                     /* io.lock: stand-ins that nobody has, linked by their stand_in */
    size_t stack_bytes;               /* const, as those of the pools */
    struct MultiBlock *multi;         /* block_lock: who blocks multi-scheduling */
    atomic_u32_t multi_any;           /* written under block_lock: somebody does */
    atomic_u32_t multi_all;           /* written under block_lock: dirty schedulers are blocked too */
    atomic_u32_t multi_waits;         /* some of them may wait for dirty natives */
    atomic_i64_t wall_since;          /* 0: scheduler_wall_time is off */
    unsigned wall_users;              /* block_lock */
} SchedShared;

static inline SchedShared *shared_of(Vm *vm) { return vm->sched->shared; }

/* ---- runq.c ---- */
void runq_init(RunQueue *q, Sched *s);
/* Returns the new length. p goes among the bound ones if it is bound, and those do not count. */
uint32_t runq_push(RunQueue *q, Process *p, enum ProcPriority prio);
uint32_t runq_push_task(RunQueue *q, Task *t);
typedef struct RunItem {
    Process *p;
    Task *t;
} RunItem;
/* Next in order of priority; tasks and processes alternate by prefer_task. False when empty. */
bool runq_pop(RunQueue *q, bool prefer_task, RunItem *item);
/* Move up to half of victim's entries (one at least) to q. False when there was nothing. */
bool runq_steal(RunQueue *q, RunQueue *victim);
/* Take p out of the queue it stands in; false: it stands in none. */
bool runq_remove(Process *p);
/* Do processes of more than this priority wait in q? */
bool runq_has_above(RunQueue *q, enum ProcPriority prio);
/* Move up to `most` processes of one priority from a queue that may be busy just now. */
void runq_take(RunQueue *q, RunQueue *from, enum ProcPriority prio, size_t most);
void prio_queue_push(PrioQueue *q, Process *p, enum ProcPriority prio);
Process *prio_queue_pop(PrioQueue *q);
static inline uint32_t runq_length(const RunQueue *q) { return load_relaxed(&q->length); }
static inline uint32_t runq_total(const RunQueue *q) { return runq_length(q) + load_relaxed(&q->bound_length); }

/* ---- sched.c ---- */
bool state_should_run(uint32_t state);
/* Tell a profiler that s goes to sleep or has woken up. */
void sched_tell(Sched *s, bool active);
/* p has just been marked QUEUED. */
void sched_enqueue(Process *p, uint32_t state);
Sched *sched_new(SchedSpace *space, enum SchedKind kind, unsigned number);
/* The loop of s; returns when the calling thread has lost it. */
void sched_run(Sched *s);
static inline enum ProcPriority state_priority(uint32_t state)
{
    return (enum ProcPriority)((state & PS_PRIO_MASK) >> PS_PRIO_SHIFT);
}
/* Clear `clear`, set `set` and, if there is work then and it was not queued, QUEUED; returns the new state, and the
 * old one in *before unless NULL. */
uint32_t state_leave(Process *p, uint32_t clear, uint32_t set, uint32_t *before);
/* The same; queues p if that marked it. It may have been marked before, for a task that will see to it. */
void sched_leave(Process *p, uint32_t clear, uint32_t set);

/* ---- urgent.c ---- */
/* p has just been taken out of a queue. */
void sched_run_process(Sched *s, Process *p);
void sched_hurry(Process *p, enum ProcPriority prio);
bool sched_borrow(Process *p);
void sched_give_back(Process *p);

/* ---- stats.c ---- */
void span_begin(Sched *s);
void span_end(Sched *s);

/* ---- msacc.c ---- */
void msacc_switch_slow(Sched *s, enum Microstate to);
/* The calling thread begins something else. */
static inline void msacc_switch(Sched *s, enum Microstate to)
{
    if (UNLIKELY(load_relaxed(&shared_of(s->vm)->msacc) || load_relaxed(&s->priv->ms_since)))
        msacc_switch_slow(s, to);
}

/* ---- balance.c ---- */
void sched_balance(Sched *s, int64_t now);

/* ---- sleep.c ---- */
void sched_kick_one(SchedShared *sh, Sched *s);
void sched_wake_idle(SchedSpace *space);
bool sched_is_idle(const SchedShared *sh, const Sched *s);
/* Sleep until there may be something to do. */
void sched_sleep(Sched *s);
void search_over(Sched *s);

/* ---- auxwork.c ---- */
void jobs_init(SchedPriv *priv);
void jobs_run(Sched *s);
static inline bool jobs_pending(Sched *s) { return load_acquire(&s->priv->has_jobs) != 0; }

/* ---- block.c ---- */
void block_init(SchedShared *sh);
void block_enter_slice(Sched *s);
void block_leave_slice(Sched *s);
static inline void block_check(Sched *s)
{
    if (UNLIKELY(load_relaxed(&shared_of(s->vm)->blocked))) {
        block_leave_slice(s);
        block_enter_slice(s);
    }
}

/* ---- dirty.c ---- */
void dirty_init(Vm *vm, DirtyPool *pool, enum SchedKind kind, unsigned first, unsigned max, unsigned online);
void dirty_push(Vm *vm, Process *p, enum SchedKind kind);
/* p, which is with the dirty threads, has signals: it was marked QUEUED for a task of its own. */
void dirty_signals_later(Process *p);

/* Execute the native of p, which is in no queue, with s, a dirty one, and give p back. */
void dirty_run(Sched *s, Process *p);

/* Natives that execute now. */
unsigned dirty_active(DirtyPool *pool);

/* ---- lend.c ---- */
/* p has called a brief native and its slice is closed: true if s is going to lend_execute it itself. */
bool lend_plan(Sched *s, Process *p);
/* Executes s->priv->brief. False: the calling thread has lost s. */
bool lend_execute(Sched *s) MUST_CHECK;
/* Is s lent by another thread than the calling one? */
static inline bool lent_by_another(Sched *s)
{
    return UNLIKELY(atomic_load(&s->priv->lent)) && !(sched_self && sched_self->priv->stands_for == s);
}

/* ---- online.c ---- */
/* While somebody who blocks may wait: a dirty native has ended. */
void multi_dirty_ended(Vm *vm);

/* ---- poll.c ---- */
struct PollSet *poll_set_new(Vm *vm);
/* Collect what is ready, waiting at most timeout_ns (0: just look, < 0: no limit), and call the owners.
 * The caller holds the poller role. `before` is called between waiting and the first callback. */
void poll_wait(struct PollSet *set, int64_t timeout_ns, void (*before)(void *arg), void *arg);
/* End the present or next poll_wait. Async-signal-safe. */
void poll_interrupt(struct PollSet *set);
size_t poll_set_count(const struct PollSet *set);

/* ---- poll_epoll.c: one file per kernel interface ---- */
typedef struct PollEvent {
    int fd;
    uint32_t serial, events;
} PollEvent;
#define POLL_BATCH 128
int poll_backend_open(void);
/* Arm one-shot interest; known: the kernel has it already. 0 or errno. */
int poll_backend_arm(int set, int fd, uint32_t serial, uint32_t events, bool known);
void poll_backend_forget(int set, int fd);
int poll_backend_add_wakeup(int set, int fd);
int poll_backend_wait(int set, PollEvent *out, int max, int64_t timeout_ns);

#endif
