/* SPDX-License-Identifier: Apache-2.0 */
/* msacc - microstate accounting: how long each scheduler and dirty thread has done what.
 * While it is off, a change of state costs one test. Threads: each thread changes its own state, any thread
 * reads; a reading may miss the change that happens at the same moment.
 * Semantics: erlang(3) statistics(microstate_accounting), in nanoseconds. Layer: sched. */
#ifndef JOIST_SCHED_MSACC_H
#define JOIST_SCHED_MSACC_H

#include "base/base.h"
#include "base/vm.h"

enum Microstate { MS_AUX, MS_CHECK_IO, MS_EMULATOR, MS_GC, MS_OTHER, MS_PORT, MS_SLEEP, MS_STATES };

/* Returns whether it was on. The caller is in a slice and holds no lock: all schedulers are blocked meanwhile. */
bool msacc_enable(Vm *vm, bool on);
bool msacc_enabled(Vm *vm);
void msacc_reset(Vm *vm);
/* Of the thread with this number; zeros for one that has not been started. */
void msacc_read(Vm *vm, unsigned number, uint64_t ns[MS_STATES]);

#endif
