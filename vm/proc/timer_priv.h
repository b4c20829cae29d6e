/* SPDX-License-Identifier: Apache-2.0 */
/* timer_priv - the wheel's layout and the index of BIF timers, shared by timer.c and bif_timer.c.
 * Layer: proc. */
#ifndef JOIST_PROC_TIMER_PRIV_H
#define JOIST_PROC_TIMER_PRIV_H

#include "base/hashtab.h"
#include "proc/timer.h"

#define TICK_SHIFT 20
#define WHEEL_SLOT_BITS 6
#define WHEEL_SLOTS (1u << WHEEL_SLOT_BITS)
#define WHEEL_LEVELS 8 /* 48 bits of ticks; 44 are used */

typedef struct TimerWheel {
    Mutex lock;                  /* class TIMER */
    unsigned index;              /* const */
    struct TimerSpace *space;    /* const */
    atomic_i64_t next_ns;        /* written under lock, read anywhere: a lower bound */
    uint64_t present;            /* lock: tick up to which everything has fired */
    size_t count;                /* lock */
    uint64_t occupied[WHEEL_LEVELS];             /* lock: bit i: slots[level][i] is not NULL */
    Timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];     /* lock: circular lists */
} TimerWheel;

#define TIMER_SHARDS 16

/* BIF timers by reference, and the lists of timers per process, striped by hash. */
typedef struct TimerShard {
    Mutex lock;                  /* class SYSTEM: a leaf */
    HashTab by_ref;
    char apart[CACHE_LINE];
} TimerShard;

typedef struct TimerLock {
    Mutex lock;                  /* class SYSTEM: Process.bif_timers, by pid */
    char apart[CACHE_LINE];
} TimerLock;

typedef struct TimerSpace {
    unsigned count;              /* const */
    TimerWheel **wheels;         /* const */
    void (*kick)(Vm *vm, unsigned wheel); /* const: a wheel of somebody else got an earlier timer */
    TimerShard shards[TIMER_SHARDS];
    TimerLock process_locks[TIMER_SHARDS];
} TimerSpace;

void bif_timers_init(TimerSpace *space);
void bif_timers_process_exit(Process *p);

#endif
