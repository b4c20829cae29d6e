/* SPDX-License-Identifier: Apache-2.0 */
/* process_gc - collections of a process: its roots, its policy, its statistics.
 * Roots: the stack, live x registers, dictionary, exception state, group leader, label, sequential
 * trace token and state of a yielding native. Messages still in queues are not roots: each
 * keeps its own heap until it is received.
 * All functions: executor of p only. Layer: proc. */
#ifndef JOIST_PROC_PROCESS_GC_H
#define JOIST_PROC_PROCESS_GC_H

#include "heap/gc.h"
#include "proc/process.h"

/* Make need_words available, besides HEAP_STACK_RESERVE; live[0..nlive) are updated in place, all
 * other term_t on the C stack
 * are dead afterwards. Charges p->reds. HEAP_LIMIT: max_heap_size with `kill` was exceeded: room is
 * there, but the caller must let the process die with reason `killed` as soon as it can (PF_HEAP_LIMIT is
 * set in p->flags too). Its logging goes through vm->heap_policy->limit_hook. [GC] */
enum HeapResult process_gc(Process *p, size_t need_words, term_t *live, unsigned nlive);
/* erlang:garbage_collect: major or minor at once. Returns reductions used. */
uint32_t process_gc_now(Process *p, bool major, term_t *live, unsigned nlive);
/* erlang:hibernate: no live registers but live[0..nlive); block shrinks to its contents. The stack must
 * be empty but for its bottom. */
void process_gc_hibernate(Process *p, term_t *live, unsigned nlive);
/* Copy literals of [start, end) still used by p (stack, heap, registers, dictionary, ...; messages in
 * its queues too) to its heap. */
void process_copy_literals(Process *p, const term_t *start, const term_t *end, term_t *live,
                           unsigned nlive);

/* The same while p waits for a dirty thread or executes there: nothing can be moved, so false when the heap has
 * any of them. */
bool process_copy_literals_beside(Process *p, const term_t *start, const term_t *end);
/* What p has when a dirty native begins. A native that is busy may change what else refers to terms, too. */
typedef struct NativeMark {
    HeapMark heap;
    bool busy;
} NativeMark;
void process_native_begins(Process *p, NativeMark *mark);

/* Every run of root words except the stack and live registers. */
typedef void RootVisit(void *ctx, term_t *first, size_t count);
void process_each_root(Process *p, RootVisit *visit, void *ctx);

/* Set up the first block of a new process: min_words = 0 for the default. */
void process_heap_init(Process *p, size_t min_words);

#endif
