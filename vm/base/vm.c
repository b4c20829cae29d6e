/* SPDX-License-Identifier: Apache-2.0 */
/* vm - see vm.h. Layer: base. */
#include "base/vm.h"

static Vm *_Atomic default_vm;

void vm_set_default(Vm *vm) { default_vm = vm; }
Vm *vm_default(void) { return default_vm; }
