/* SPDX-License-Identifier: Apache-2.0 */
/* systask - work that a process does for another between two of its slices: garbage_collect,
 * check_process_code, copy_literals. Requests come as signals (so they keep their place in the order),
 * are queued here and executed by process_handle_signals, where the live x registers are saved.
 * Answers: {Operation, RequestId, Result} to the requester; for a dead target false (check_process_code,
 * garbage_collect) or ok (copy_literals).
 * Semantics: erts_internal:request_system_task/3,4. Layer: proc. */
#ifndef JOIST_PROC_SYSTASK_H
#define JOIST_PROC_SYSTASK_H

#include "proc/process.h"

typedef struct SysTask {
    struct SysTask *next;
    term_t requester;        /* local pid */
    term_t op, id, arg;      /* in piece */
    enum ProcPriority prio;
    HeapPiece piece;
} SysTask;

/* {Op, Id, Arg} for the local process `to`; answers at once when it is dead. False: badarg.
 * Tasks of one process are executed by priority; of low ones, one after every eight normal ones. */
bool systask_request(Vm *vm, term_t requester, term_t to, enum ProcPriority prio, term_t request);
/* For signal handling: term {Requester, {Op, Id, Arg}}. */
void systask_received(Process *p, Signal *s, bool dead);
/* Owner, between slices: those of at least this priority, but for collections while they are delayed
 * (PF_DELAY_GC). What stays is asked for again with PS_SYSTASK. [may GC: x_saved is live] */
void systask_run(Process *p, enum ProcPriority least);
/* Owner, in a slice: no collections for others until it is taken back. The setting before. */
bool systask_delay_gc(Process *p, bool delay);
/* Answer all of them for a dying process. */
void systask_drop_all(Process *p);

#endif
