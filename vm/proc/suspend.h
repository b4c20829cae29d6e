/* SPDX-License-Identifier: Apache-2.0 */
/* suspend - erlang:suspend_process and resume_process.
 * The suspender counts in a set of its own how often it has suspended each process; the first time sends a
 * suspend signal, the last resume sends a resume signal. A suspender that dies resumes all.
 * A suspended process handles signals; only its program stands still.
 * Threads: owner of p. Semantics: erlang(3) suspend_process/2. Layer: proc. */
#ifndef JOIST_PROC_SUSPEND_H
#define JOIST_PROC_SUSPEND_H

#include "proc/process.h"

typedef struct Suspend {
    RbNode node;
    term_t pid;              /* local */
    uint32_t active;         /* suspensions that have taken effect */
    uint32_t outstanding;    /* asynchronous ones not yet confirmed by the suspended process */
} Suspend;

enum SuspendHow { SUSPEND_SYNC, SUSPEND_ASYNC, SUSPEND_ASYNC_REPLY };
/* true, false (unless_suspending), a reference to wait for {Ref, Result}, or badarg. tag: of the answer when
 * SUSPEND_ASYNC_REPLY. TERM_NONE: system_limit (freason set). */
term_t suspend_process(Process *p, term_t pid, bool unless, enum SuspendHow how, term_t tag);
/* False: p has not suspended pid. */
bool suspend_resume(Process *p, term_t pid);
void suspend_resume_all(Process *p);
/* p, which executes, stands still when it leaves its slice, until suspend_end; the VM suspends it, no process. */
void suspend_self(Process *p);
void suspend_end(Vm *vm, term_t pid);
/* Those that p has suspended, which may have died since; NULL at the end. */
Suspend *suspend_first(Process *p);
Suspend *suspend_next(Suspend *s);
/* [{Pid, Active, Outstanding}] */
term_t suspend_list(Process *p, Heap *h);

/* For signal handling. */
void suspend_received(Process *p, Signal *s, bool dead);
void resume_received(Process *p);
/* A suspend whose sender waits until the process stands still: not to be handled during a dirty native. */
bool suspend_must_wait(const Signal *s);

#endif
