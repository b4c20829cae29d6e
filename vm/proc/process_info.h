/* SPDX-License-Identifier: Apache-2.0 */
/* process_info - what erlang:process_info tells of a process, built by that process.
 * Threads: the owner. Nothing here collects: terms are built in h, with deep copies unless h is the
 * process's own heap. Semantics: erlang(3) process_info/1,2. Layer: proc. */
#ifndef JOIST_PROC_PROCESS_INFO_H
#define JOIST_PROC_PROCESS_INFO_H

#include "proc/process.h"

/* spec: an item, a list of items, or the atom `default` for process_info/1.
 * self: asked by the process itself (status running, own registers as of a native call). */
term_t process_info_build(Process *p, term_t spec, Heap *h, bool self);
/* Is this an item ({dictionary, Key} too), or a proper list of items? */
bool process_info_valid(const Vm *vm, term_t spec);
/* As above; spec may also be link_list or monitor_list: then the bare list (process_lists.c). Asked by p
 * about a live local process; the answer, or the trap to wait for it. */
term_t process_info_ask(Process *p, term_t pid, term_t spec);
term_t process_link_list(Process *p, Heap *h);
term_t process_monitor_list(Process *p, Heap *h);
/* total_heap_size */
size_t process_heap_words(Process *p);
/* Bytes of p with its heap and queue. */
size_t process_memory_bytes(Process *p);
/* All items (of OTP 25). */
term_t process_info_items(Heap *h);
/* priority atoms */
term_t process_priority_atom(enum ProcPriority prio);
bool process_priority_parse(term_t t, enum ProcPriority *prio);
/* #{error_logger := _, include_shared_binaries.. , kill := _, size := _} of max_heap */
term_t process_max_heap_map(Heap *h, uint64_t max_heap);
/* Integer or map; fields not given keep those of *max_heap. False: badarg. */
bool process_max_heap_parse(Vm *vm, term_t t, uint64_t *max_heap);

#endif
