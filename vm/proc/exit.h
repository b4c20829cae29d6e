/* SPDX-License-Identifier: Apache-2.0 */
/* exit - the death of a process, in steps that can be interrupted.
 *
 *   begin: PS_EXITING, timers off, stack dropped
 *   -> name -> exit hooks (ETS, ports, nodes, tracing ...) -> close the signal queue
 *   -> out of the table -> links -> monitors -> free
 *
 * process_exit_begin is called once, by the owner; process_exit_run as often as it takes.
 * Semantics: erlang(3) exit/1, Reference manual "Process termination". Layer: proc. */
#ifndef JOIST_PROC_EXIT_H
#define JOIST_PROC_EXIT_H

#include "proc/process.h"

/* reason: the final exit reason (for an error {Reason, Stacktrace}; for a throw {{nocatch, T}, Stacktrace}). */
void process_exit_begin(Process *p, term_t reason);
/* True: finished, p must not be touched any more (RUN_EXIT). False: out of reductions (RUN_YIELD). */
bool process_exit_run(Process *p);
/* The two parts of it, for a process whose dirty native goes on: all that others can see, and the freeing,
 * which waits for the native. False: out of reductions, call again. */
bool process_exit_phases(Process *p, int32_t *reds) MUST_CHECK;
void process_exit_free(Process *p);

#endif
