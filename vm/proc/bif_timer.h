/* SPDX-License-Identifier: Apache-2.0 */
/* bif_timer - timers that programs make: erlang:start_timer, send_after, cancel_timer, read_timer.
 * A timer is found by its reference. When it fires it sends its message to a pid or to whoever then
 * has the registered name. One made for a pid ends with that process.
 * Ownership: two references, the wheel's and the index's. The one who takes the timer out of the index
 *            (firing, cancelling or the receiver's death) decides its fate.
 * Threads: any. Locks: TIMER and SYSTEM, one at a time.
 * Semantics: erlang(3) start_timer/4, cancel_timer/2. Layer: proc. */
#ifndef JOIST_PROC_BIF_TIMER_H
#define JOIST_PROC_BIF_TIMER_H

#include "heap/region.h"
#include "proc/timer.h"

/* What one timer is counted with in erlang:memory/0, its message excluded. */
#define BIF_TIMER_BYTES 208

/* New timer due at due_ns that sends msg, or {timeout, Ref, msg} when wrap, to a local pid or an atom.
 * Returns its reference, built on p's heap. A dead receiver gets no timer, only the reference. */
term_t bif_timer_start(Process *p, term_t receiver, term_t msg, bool wrap, int64_t due_ns);
/* Nanoseconds left (>= 0), or -1: no such timer (any more). */
int64_t bif_timer_cancel(Vm *vm, RefNum ref);
int64_t bif_timer_read(Vm *vm, RefNum ref);
/* The messages of all timers; holder: the receiver. Under a lock of the index. */
void bif_timer_each_region(Vm *vm, RegionVisit *visit, void *ctx);

#endif
