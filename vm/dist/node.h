/* SPDX-License-Identifier: Apache-2.0 */
/* node - what the distribution adds to data/node.h: this VM's DistSpace.
 * Layer: dist. */
#ifndef JOIST_DIST_NODE_H
#define JOIST_DIST_NODE_H

#include "data/node.h"

typedef struct DistSpace DistSpace;
struct DistSpace {
    NodeTable nodes; /* must be first: data/node.h casts vm->dist */
    _Atomic(term_t) net_kernel; /* the process whose end takes this node's name away; 0: none */
};

/* Creates vm->dist with this node called nonode@nohost. Layer order: before anything decodes terms. */
void dist_init(Vm *vm);
void dist_destroy(Vm *vm);
/* A process dies; if it is net_kernel, this is nonode@nohost again. */
void dist_process_exit(Vm *vm, term_t pid);

#endif
