/* SPDX-License-Identifier: Apache-2.0 */
/* check_process - what one process still uses of code that is to go: asked by erts_code_purger and
 * erts_literal_area_collector through system tasks (vm->procs->exec).
 * Threads: owner of p. Layer: loader. */
#ifndef JOIST_LOADER_CHECK_PROCESS_H
#define JOIST_LOADER_CHECK_PROCESS_H

#include "proc/process.h"

/* Does p run old code of `module`, return into it or catch in it? Funs do not count: they lead to
 * newer code, or to none, once the code is gone. Cost: O(stack). */
bool process_uses_old_code(Process *p, term_t module);
/* Copy what p uses of the literal area being released; am_ok, or TERM_NONE when that has to wait for a dirty
 * native. [may GC: x_saved is live] */
term_t process_leave_literal_area(Process *p, term_t how);
/* Tell the collector process that an area waits. */
void literal_collector_wake(Vm *vm);

#endif
