/* SPDX-License-Identifier: Apache-2.0 */
/* ets - tables of terms outside process heaps: set, bag, duplicate_bag (linear hashing) and
 * ordered_set (balanced tree).
 *
 * Objects are flat copies in blocks of their own; look-ups copy them to the caller's heap.
 * A table is found through its identifier (a magic reference, which keeps the struct alive) or its
 * name. `deleted` is set, under the write lock, before the contents are freed.
 * Fixation: while a table is fixed, deleted objects stay as tombstones and the hash table keeps its
 * size, so that a traversal sees each object that stays in the table exactly once.
 * Locks: ETS_NAMED (changes of names) < ETS_SIZE (number of buckets) < ETS_TABLE (contents, in stripes) <
 *   ETS_OWNER (who owns and fixes what).
 * Semantics: stdlib's ets(3). Layer: ets. */
#ifndef JOIST_ETS_ETS_H
#define JOIST_ETS_ETS_H

#include "base/buf.h"
#include "base/lock.h"
#include "heap/region.h"
#include "proc/process.h"

/* tables: number reported as the limit, if it is more than the usual one; there is none in fact. */
void ets_init(Vm *vm, size_t tables);

/* Hands on or deletes the tables of a dying process and drops its fixations. Bounded work per
 * call; returns false when there is more to do. Called by process exit on the owner's thread. */
bool ets_process_exit(Process *p, int32_t *reds);

/* For process_info and the crash dump. */
size_t ets_table_count(Vm *vm);
size_t ets_table_limit(Vm *vm);

/* The memory of all objects, and of the data for heirs; holder: the name. The world stands still. */
void ets_each_region(Vm *vm, RegionVisit *visit, void *ctx);

/* A section =ets:Owner for each table. The world stands still. */
void ets_report(Buf *b, Vm *vm);

/* n atoms whose names fall into one bucket with `name` among the names of tables. */
term_t ets_colliding_names(Process *p, term_t name, size_t n);

#endif
