/* SPDX-License-Identifier: Apache-2.0 */
/* node - creation and end of a VM's DistSpace. Layer: dist. */
#include "dist/node.h"

#include "base/alloc.h"

void dist_init(Vm *vm)
{
    vm->dist = MEM_NEW(NODE, DistSpace);
    node_table_init(&vm->dist->nodes);
}

void dist_destroy(Vm *vm)
{
    if (!vm->dist) return;
    node_table_destroy(&vm->dist->nodes);
    MEM_DELETE(NODE, vm->dist);
    vm->dist = NULL;
}
