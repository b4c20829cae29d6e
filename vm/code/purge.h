/* SPDX-License-Identifier: Apache-2.0 */
/* purge - hot code: deleting current code and removing old code for good.
 *
 *   delete:   current -> old (exports undefined)
 *   prepare:  funs of the old code are suspended (calls wait); old code stays runnable
 *   [erts_code_purger asks every process whether it uses the old code: loader/check_process.h]
 *   abort:    the funs come back            complete: funs undefined, the instance is freed
 *
 * Only one purge at a time (erts_code_purger is one process). Literals of purged code are queued for
 * erts_literal_area_collector. Threads: functions take the write lock. Layer: code. */
#ifndef JOIST_CODE_PURGE_H
#define JOIST_CODE_PURGE_H

#include "code/module.h"

enum DeleteResult { DELETE_OK, DELETE_NO_MODULE, DELETE_OLD_EXISTS };
enum DeleteResult purge_delete_module(Vm *vm, term_t module);

/* False: no old code (on_load false), or no instance awaiting its on_load (on_load true). */
bool purge_prepare(Vm *vm, term_t module, bool on_load);
/* False: no purge of that module in progress. */
bool purge_abort(Vm *vm, term_t module);
bool purge_complete(Vm *vm, term_t module);
/* The instance that a process must not use any more, or NULL. */
CodeInstance *purge_instance(Vm *vm, term_t module);

/* A literal area whose code is gone. */
typedef struct LiteralRelease {
    struct LiteralRelease *next;
    struct LiteralArea *area;
} LiteralRelease;
/* Queue an area that nobody can reach anew; then send `copy_literals` to the collector process. */
void purge_release_literals(Vm *vm, struct LiteralArea *area);
/* Next area for the collector, or NULL; the caller owns it. */
LiteralRelease *purge_take_released(Vm *vm);

#endif
