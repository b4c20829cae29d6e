/* SPDX-License-Identifier: Apache-2.0 */
/* registry - registered names of processes and ports of this node.
 * Look-up is lock-free: a paged array indexed by atom number. Changes take the REGISTRY lock. A process
 * (or port) has at most one name; an exiting process loses its name as its first act, and none can be
 * given to it afterwards. Semantics: erlang(3) register/2, whereis/1. Layer: proc. */
#ifndef JOIST_PROC_REGISTRY_H
#define JOIST_PROC_REGISTRY_H

#include "proc/process.h"

enum RegisterResult { REG_OK, REG_NAME_TAKEN, REG_HAS_NAME, REG_DEAD };

void registry_init(Vm *vm);
/* Pid or port with this name, or TERM_NONE. Any thread. */
term_t registry_find(Vm *vm, term_t name);
/* Process with this name, or NULL (also when it is a port). */
Process *registry_find_process(Vm *vm, term_t name);
enum RegisterResult registry_add_process(Vm *vm, term_t name, Process *p);
/* Ports: the caller holds the port's lock. */
enum RegisterResult registry_add_port(Vm *vm, term_t name, term_t port);
/* Take the name of a pid or port away, if any; returns it or TERM_NONE. */
term_t registry_remove_id(Vm *vm, term_t id);
/* Pid or port that had the name, TERM_NONE if nobody. */
term_t registry_remove(Vm *vm, term_t name);
/* Take p's name away, if any; returns it or TERM_NONE. */
term_t registry_remove_process(Vm *vm, Process *p);
/* Name of a pid or port, TERM_NONE if none. */
term_t registry_name_of(Vm *vm, term_t id);
/* All names as a list built in h. */
term_t registry_names(Vm *vm, Heap *h);

#endif
