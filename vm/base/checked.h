/* SPDX-License-Identifier: Apache-2.0 */
/* checked - every stress switch of the checked build, its default and its purpose.
 * In a release or debug build each predicate is a compile-time constant and costs nothing.
 * In a checked build (JOIST_CHECKED) the environment variable JOIST_CHECK selects switches at
 * start: a comma-separated list of the names below, those with a number as name=N; "all" turns
 * on every switch without a number; unset means the defaults, empty means none.
 *
 *   name      default  effect
 *   gc        off      collect the heap at each point that may collect
 *   red       off      one reduction a slice: a process yields at each call
 *   frag      off      natives and senders build in heap fragments, never in the heap itself
 *   tables    off      hash tables start with one bucket and grow late
 *   verify    on       verify the whole heap before and after each collection; verify=N: each N-th of them
 *   poison    on       fill fresh and freed memory with patterns (alloc.h)
 *   move      off      a stack or heap that grows always moves
 *   trap      off      natives that can yield do so after each step
 *   lose      off      a scheduler that lends itself (sched/lend.c) always loses its thread
 *   alloc=N   0        the N-th mem_alloc_try from now on fails (0: none does)
 *   sys=N     0        the N-th system call made through SYSCALL_FAILS fails (0: none does)
 * Threads: const after checked_init; the two counters are atomic.
 * Layer: base. */
#ifndef JOIST_BASE_CHECKED_H
#define JOIST_BASE_CHECKED_H

#include "base/atomic.h"
#include "base/base.h"

/* Read JOIST_CHECK; called once, before any other thread exists. No effect unless checked. */
void checked_init(void);

#ifdef JOIST_CHECKED

struct CheckedKnobs {
    bool gc, red, frag, tables, verify, poison, move, trap, lose;
    size_t verify_each;
    atomic_word_t collections;
    atomic_word_t alloc_countdown; /* fails when it goes from 1 to 0 */
    atomic_word_t sys_countdown;
};
extern struct CheckedKnobs checked_knobs;

/* Count down one injection counter; true exactly once, at the n-th call. */
bool checked_countdown(atomic_word_t *counter);

static inline bool checked_gc_always(void) { return checked_knobs.gc; }
static inline bool checked_one_reduction(void) { return checked_knobs.red; }
static inline bool checked_force_fragments(void) { return checked_knobs.frag; }
static inline bool checked_tiny_tables(void) { return checked_knobs.tables; }
/* Asked once a collection. */
bool checked_verify_heap(void);
void checked_verify_each(size_t n);
static inline bool checked_poison(void) { return checked_knobs.poison; }
static inline bool checked_always_move(void) { return checked_knobs.move; }
static inline bool checked_trap_always(void) { return checked_knobs.trap; }
static inline bool checked_lose(void) { return checked_knobs.lose; }
static inline bool checked_alloc_fails(void)
{
    return checked_countdown(&checked_knobs.alloc_countdown);
}
static inline bool checked_syscall_fails(void)
{
    return checked_countdown(&checked_knobs.sys_countdown);
}

/* Make the n-th mem_alloc_try (or system call) from now fail; 0 turns it off. For tests. */
void checked_fail_alloc(size_t n);
void checked_fail_syscall(size_t n);

#else

static inline bool checked_gc_always(void) { return false; }
static inline bool checked_one_reduction(void) { return false; }
static inline bool checked_force_fragments(void) { return false; }
static inline bool checked_tiny_tables(void) { return false; }
static inline bool checked_verify_heap(void) { return false; }
static inline bool checked_always_move(void) { return false; }
static inline bool checked_trap_always(void) { return false; }
static inline bool checked_lose(void) { return false; }
static inline bool checked_alloc_fails(void) { return false; }
static inline bool checked_syscall_fails(void) { return false; }
#ifdef JOIST_DEBUG
static inline bool checked_poison(void) { return true; }
#else
static inline bool checked_poison(void) { return false; }
#endif

#endif

/* `SYSCALL_FAILS(EIO) ? -1 : read(...)`: the injected failure of one system call. */
#define SYSCALL_FAILS(error) (checked_syscall_fails() && (errno = (error), true))

#endif
