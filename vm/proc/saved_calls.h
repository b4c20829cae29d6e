/* SPDX-License-Identifier: Apache-2.0 */
/* saved_calls - the last calls of a process, for process_info(P, last_calls).
 * Saved are calls of other modules, by apply and of natives, and the atoms send, receive and timeout. While a
 * process saves calls, its slices have no reductions left at any call, so that each takes the slow path of the
 * interpreter (exec_yield): the others pay nothing.
 * Threads: the owner. Semantics: erlang(3) process_flag(save_calls, _). Layer: proc. */
#ifndef JOIST_PROC_SAVED_CALLS_H
#define JOIST_PROC_SAVED_CALLS_H

#include "proc/process.h"

typedef struct SavedCalls {
    uint32_t size, next, count;
    Mfa calls[];             /* module TERM_NONE: the atom in `function` */
} SavedCalls;

/* Keep the last n from now on, 0: none. Returns the old number. */
uint32_t saved_calls_set(Process *p, uint32_t n);
void saved_calls_add(Process *p, const Mfa *call);
void saved_calls_add_atom(Process *p, term_t what);
/* The latest last; false when none are saved. */
term_t saved_calls_list(const Process *p, Heap *h);
void saved_calls_free(Process *p);

#endif
