/* SPDX-License-Identifier: Apache-2.0 */
/* cpus - the CPU topology, found or told, and the order in which schedulers are bound to processors.
 *   node? - processor - node? - core - thread = one logical processor
 * A node is a set of memory that is near; it holds processors, or is part of one.
 * Semantics: erl(1) +sct, +sbt, +ssrct; erlang(3) system_flag/2 and system_info/1: cpu_topology, scheduler_bind_type.
 * Threads: any; a lock of its own guards the topology. Layer: sys. */
#ifndef JOIST_SYS_CPUS_H
#define JOIST_SYS_CPUS_H

#include "proc/process.h"

#define CPU_ID_MAX 65535u
#define CPU_NONE UINT32_MAX

/* Ids are compared among what has the same parent. CPU_NONE: the level is not there. */
typedef struct Cpu {
    uint32_t logical;
    uint32_t node, processor, inner_node, core, thread;
} Cpu;

/* Sorted by place, see cpus_arrange. */
typedef struct Cpus {
    unsigned count, room;
    Cpu cpu[];
} Cpus;

/* A value of +sct. NULL: *why tells what is wrong. */
Cpus *cpus_parse(const char *text, const char **why);
/* A term as system_flag(cpu_topology, _) takes it; NULL: it is none. */
Cpus *cpus_of_term(term_t t);
/* What the kernel tells. */
Cpus *cpus_detect(void);
void cpus_free(Cpus *c);
term_t cpus_term(Heap *h, const Cpus *c);
/* Logical processors in the order of a bind type to order[0..count). False: no such type, or unbound. */
bool cpus_order(const Cpus *c, term_t bind_type, uint32_t *order);
/* The type that letters of +sbt or a name of system_flag stand for; TERM_NONE: none. */
term_t bind_type_of_letters(const char *letters);
term_t bind_type_of_atom(term_t name);

/* ---- the VM's own (cpus_bind.c) ---- */
/* After sched_init. */
void cpus_init(Vm *vm);
/* which: am_used, am_detected or am_defined. */
term_t cpus_info(Vm *vm, Heap *h, term_t which);
term_t cpus_bind_type(Vm *vm);
term_t cpus_bindings(Vm *vm, Heap *h);
/* As cpus_bindings would be if there were one scheduler for each logical processor; am_false for unbound. */
term_t cpus_fake_bindings(Vm *vm, Heap *h, term_t bind_type);
/* Replace what was defined; undefined takes it back. The topology used before, or TERM_NONE: badarg. */
term_t cpus_define(Vm *vm, Heap *h, term_t t);
/* The type before; TERM_NONE: badarg, also when there is no topology to bind by. */
term_t cpus_set_bind_type(Vm *vm, term_t type);

#endif
