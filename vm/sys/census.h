/* SPDX-License-Identifier: Apache-2.0 */
/* census - counts references by looking at all memory that holds terms, while the world stands still.
 * For questions that are asked seldom: whoever makes and drops the references pays nothing.
 * Not seen: the heap of a process whose dirty native is executing or queued, terms in environments of native
 * libraries, and the state of yielding natives.
 * Threads: a process on a normal scheduler. Layer: sys. See vm/doc/gc.md. */
#ifndef JOIST_SYS_CENSUS_H
#define JOIST_SYS_CENSUS_H

#include "code/funtab.h"
#include "proc/process.h"

/* Funs that name f, dead ones not yet collected included, and one more while its code is there. Charges p. */
size_t census_fun_refs(Process *p, const FunEntry *f);

/* For each node: who refers to it, with what, how often; see census_node_refs. */
typedef struct NodeCensus NodeCensus;
NodeCensus *census_nodes(Process *p);
/* [{{process | match_spec | ets | timer, Holder}, [{heap | link | monitor | binary | ets | timer, N}]}] in h;
 * sum of all N in *total. */
struct Node;
term_t census_node_refs(const NodeCensus *c, Heap *h, const struct Node *node, int64_t *total);
void census_nodes_free(NodeCensus *c);

#endif
