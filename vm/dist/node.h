/* SPDX-License-Identifier: Apache-2.0 */
/* node - what the distribution adds to data/node.h: this VM's DistSpace.
 * Layer: dist. */
#ifndef JOIST_DIST_NODE_H
#define JOIST_DIST_NODE_H

#include "data/node.h"
#include "proc/process.h"

struct NodesMonitor;

typedef struct DistSpace DistSpace;
struct DistSpace {
    NodeTable nodes; /* must be first: data/node.h casts vm->dist */
    _Atomic(term_t) net_kernel; /* the process whose end takes this node's name away; 0: none */
    Mutex lock;                 /* class DIST_TABLE */
    HashTab channels;           /* lock: by name; none is ever removed */
    struct NodesMonitor *monitors; /* lock: net_kernel:monitor_nodes/1,2 */
    _Atomic(uint64_t) busy_limit;  /* bytes in a channel's queue that make it busy */
};

static inline DistSpace *dist_space(const Vm *vm) { return vm->dist; }
static inline bool node_is_alive(const Vm *vm) { return node_self_name(vm) != am_nonode_at_nohost; }
/* Has it a name, or will it get one from the first node that it is connected to? Until then it reaches nobody. */
bool node_has_or_gets_name(Vm *vm);
bool is_node_name(term_t t);

/* Creates vm->dist with this node called nonode@nohost. Layer order: before anything decodes terms. */
void dist_init(Vm *vm);
/* From now on processes reach other nodes. */
void dist_start(Vm *vm, uint64_t busy_limit);
/* A process dies: it leaves all channels; if it controls one, that ends; if it is net_kernel, all do, and
 * this is nonode@nohost again. */
void dist_process_exit(Process *p, term_t reason);

#endif
