/* SPDX-License-Identifier: Apache-2.0 */
/* info - small builders for the terms of system_info and statistics. Layer: sys. */
#ifndef JOIST_SYS_INFO_H
#define JOIST_SYS_INFO_H

#include "proc/process.h"

/* {name, value} */
static inline term_t info_pair(Heap *h, term_t name, term_t value) { return heap_tuple2(h, name, value); }
static inline term_t info_string(Heap *h, const char *text)
{
    return heap_string(h, text, strlen(text), TERM_NIL);
}
/* "Erlang/OTP 25 [erts-13.1.5] [source] [64-bit] [smp:2:2] [ds:2:2:10] [async-threads:1] [joist]" */
char *info_system_version(Vm *vm);
/* Answer of system_info({memory_internal | allocator_sizes | allocator, Ref, Types}): sends {Ref, 1, Data} to
 * p. False: badarg. */
bool info_allocators(Process *p, term_t kind, term_t ref, term_t types);
term_t info_allocated_areas(Heap *h, Vm *vm);
term_t info_allocator_names(Heap *h);
/* [{total, N}, ...] as erlang:memory/0 computes it from the two above. */
term_t info_memory(Heap *h, Vm *vm);
term_t info_multi_scheduling(Vm *vm);

#endif
