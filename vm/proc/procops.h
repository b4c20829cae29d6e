/* SPDX-License-Identifier: Apache-2.0 */
/* procops - what processes ask of the scheduler, which is a higher layer: a table of functions that
 * sched_init stores in vm->procs->ops.
 * Layer: proc. */
#ifndef JOIST_PROC_PROCOPS_H
#define JOIST_PROC_PROCOPS_H

#include "proc/process.h"

typedef struct ProcOps {
    /* Set the state bits `bits` (PS_RUNNABLE, PS_SIGNALS, PS_SYSTASK, ...) and queue the process unless it
     * is queued, runs already or has nothing to do. Any thread; the caller keeps p valid (epoch or
     * reference). Locks taken: RUN_QUEUE. Also how a new process starts. */
    void (*wake)(Process *p, uint32_t bits);
    /* Clear PS_SUSPENDED when the last suspend is gone, and queue the process if it has work. */
    void (*resume)(Process *p);
    /* Change PS_PRIO of the calling process (takes effect at its next queueing); returns the old one. */
    enum ProcPriority (*set_priority)(Process *p, enum ProcPriority prio);
    /* p has been sent a system task of a higher priority than its own: handle its signals soon. Any thread. */
    void (*hurry)(Process *p, enum ProcPriority prio);
    /* Let the caller read what only the owner of p may, until it is given back. False: p runs, has signals that come
     * first, or is not alive. The caller keeps p valid. */
    bool (*borrow)(Process *p);
    void (*give_back)(Process *p);
    /* A collection of p's heap, by the calling thread, begins or ends; for microstate accounting. */
    void (*collecting)(Process *p, bool begins);
    /* Reductions used by the calling process in the slice that goes on now. */
    int32_t (*slice_used)(const Process *p);
    /* How many there are, and the number of the one on which the caller executes. */
    unsigned (*schedulers)(Vm *vm);
    unsigned (*self_number)(void);
} ProcOps;

static inline void process_wake(Process *p, uint32_t bits) { p->vm->procs->ops->wake(p, bits); }

#endif
