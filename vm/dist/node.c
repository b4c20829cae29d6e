/* SPDX-License-Identifier: Apache-2.0 */
/* node - creation and end of a VM's DistSpace. Layer: dist. */
#include "dist/node.h"

#include "base/alloc.h"
#include "term/atom.h"

void dist_init(Vm *vm)
{
    vm->dist = MEM_NEW(NODE, DistSpace);
    node_table_init(&vm->dist->nodes);
}

void dist_process_exit(Vm *vm, term_t pid)
{
    if (LIKELY(atomic_load_explicit(&vm->dist->net_kernel, memory_order_relaxed) != pid)) return;
    atomic_store(&vm->dist->net_kernel, 0);
    node_set_self(vm, am_nonode_at_nohost, 0);
}

void dist_destroy(Vm *vm)
{
    if (!vm->dist) return;
    node_table_destroy(&vm->dist->nodes);
    MEM_DELETE(NODE, vm->dist);
    vm->dist = NULL;
}
