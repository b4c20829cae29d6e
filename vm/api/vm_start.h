/* SPDX-License-Identifier: Apache-2.0 */
/* vm_start - a VM from a Config: every subsystem in layer order, the preloaded modules, the first processes.
 * Layer: api. */
#ifndef JOIST_API_VM_START_H
#define JOIST_API_VM_START_H

#include "sys/config.h"
#include "sys/release.h"

struct Vm;

/* Everything but running; exits with 1 and a message when something is missing. */
struct Vm *vm_new(const Config *config, const Release *release);
/* Start the schedulers; the VM runs. The calling thread then waits for signals. */
NORETURN void vm_run(struct Vm *vm);

#endif
