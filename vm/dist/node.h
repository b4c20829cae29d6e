/* SPDX-License-Identifier: Apache-2.0 */
/* node - what the distribution adds to data/node.h: this VM's DistSpace.
 * Layer: dist. */
#ifndef JOIST_DIST_NODE_H
#define JOIST_DIST_NODE_H

#include "data/node.h"

typedef struct DistSpace DistSpace;
struct DistSpace {
    NodeTable nodes; /* must be first: data/node.h casts vm->dist */
};

/* Creates vm->dist with this node called nonode@nohost. Layer order: before anything decodes terms. */
void dist_init(Vm *vm);
void dist_destroy(Vm *vm);

#endif
