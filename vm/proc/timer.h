/* SPDX-License-Identifier: Apache-2.0 */
/* timer - one timer wheel per scheduler: receive timeouts and the timers of erlang:start_timer.
 * Time is monotonic nanoseconds (base/clock.h). A timer fires at its time or later, never before.
 * Two kinds of callback: `fire` runs under the wheel's lock (it may only wake somebody);
 * BIF timers are taken out first and deliver without the lock.
 * Threads: any thread may set and cancel; only the scheduler that owns the wheel expires it.
 * Locks:   TIMER (one per wheel), taken and released here.
 * Semantics: erlang(3) start_timer/4, cancel_timer/2, read_timer/2. Layer: proc. */
#ifndef JOIST_PROC_TIMER_H
#define JOIST_PROC_TIMER_H

#include "proc/process.h"

#define TIMER_NEVER INT64_MAX

typedef struct Timer {
    struct Timer *next, *prev;        /* wheel lock: slot list; next NULL: not set */
    int64_t due_ns;                   /* wheel lock: monotonic */
    struct TimerWheel *_Atomic wheel; /* where it is set, or was set last */
    void (*fire)(struct Timer *t);    /* under the wheel lock; t is no longer set */
    void (*deliver)(struct Timer *t); /* if not NULL: called instead, after the lock is released */
    uint16_t slot;                    /* wheel lock: level * 64 + index */
} Timer;

/* The wheel of the calling scheduler; NULL in other threads (they use the first one). */
extern THREAD_LOCAL struct TimerWheel *timer_wheel_self;

void timers_init(Vm *vm, unsigned wheels, void (*kick)(Vm *vm, unsigned wheel));
struct TimerWheel *timers_wheel(Vm *vm, unsigned index);
/* Arm t (not set) to fire at due_ns. */
void timer_set(Vm *vm, Timer *t, int64_t due_ns);
/* True when it was still set; false: fired already, or delivering now. */
bool timer_cancel(Timer *t);
bool timer_is_set(Timer *t);

/* ---- for schedulers ---- */
/* Earliest time at which something may be due, TIMER_NEVER if nothing is set. Lock-free. */
int64_t timer_wheel_next(const struct TimerWheel *w);
/* Fire everything due at now_ns; returns how many. */
size_t timer_wheel_expire(struct TimerWheel *w, int64_t now_ns);

/* ---- receive ... after (used by the instructions wait_timeout, timeout, remove_message) ---- */
/* Arm the calling process's timeout, in ms from now; 0 <= ms. When it is due the process is woken with
 * PS_RUNNABLE and receive_timer_fired answers true. Does nothing when armed already
 * (PF_TIMER_SET): the loop over messages comes back to wait_timeout many times. */
void receive_timer_set(Process *p, uint64_t ms);
/* Disarm and forget (message matched, or timeout taken). Cheap when not armed. */
void receive_timer_clear(Process *p);
/* The armed timeout has passed. */
bool receive_timer_fired(const Process *p);
/* Value of `after`: sets *ms and returns true; false: not a valid timeout (timeout_value). `infinity`
 * is for the caller. */
bool receive_timeout_value(term_t t, uint64_t *ms);

/* ---- erlang:start_timer and friends (natives in bifs/bif_time.c) ---- */
/* Process p dies: free its receive timer, drop the BIF timers that it receives by pid. */
void timers_process_exit(Process *p);
/* Number of BIF timers set, for erlang:system_info and crash dumps. */
size_t timers_bif_count(Vm *vm);

#endif
