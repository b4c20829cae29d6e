/* SPDX-License-Identifier: Apache-2.0 */
/* watch - to be told of the death of a local process, for things that are no processes themselves (a
 * socket, its readers). A Watch is embedded in its owner and names one process at a time.
 * `down` runs in the dying process, without locks, inside a read section of the epoch: it must look,
 * under its owner's lock, whether the news still matters. So memory that holds a Watch which was set
 * is freed through the epoch unless watch_clear was true.
 * Locks: class IO inside. Layer: io. */
#ifndef JOIST_IO_WATCH_H
#define JOIST_IO_WATCH_H

#include "base/lock.h"
#include "proc/process.h"

typedef struct Watch {
    struct Watch *next, **back;  /* stripe lock; back is NULL when the watch is not set */
    term_t pid;                  /* stripe lock */
    void (*down)(struct Watch *w, term_t pid);
} Watch;

void watch_init(Vm *vm);
/* Not set before. False: there is no such process any more. */
bool watch_set(Vm *vm, Watch *w, term_t pid) MUST_CHECK;
/* True: it was set and `down` will not be called. False: it was not set, or `down` is on its way. */
bool watch_clear(Vm *vm, Watch *w);

#endif
