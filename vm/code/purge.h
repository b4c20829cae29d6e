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

#include "base/epoch.h"
#include "code/module.h"

enum DeleteResult { DELETE_OK, DELETE_NO_MODULE, DELETE_OLD_EXISTS };
enum DeleteResult purge_delete_module(Vm *vm, term_t module);

/* False: no old code (on_load false), or no instance awaiting its on_load (on_load true). */
bool purge_prepare(Vm *vm, term_t module, bool on_load);
/* False: no purge of that module in progress. */
bool purge_abort(Vm *vm, term_t module);
bool purge_complete(Vm *vm, term_t module);
/* Process `pid`, about to run a fun of the module being purged, is going to wait. False: the purge is over. */
bool purge_wait(Vm *vm, term_t pid);
/* After complete or abort: who waits. The caller resumes them and frees the array (MEM_TEMP). */
size_t purge_take_waiters(Vm *vm, term_t **pids);
/* The instance that a process must not use any more, or NULL. */
CodeInstance *purge_instance(Vm *vm, term_t module);

/* ---- literal areas: erts_literal_area_collector asks every process, once, to copy what it still uses ----
 * None gets anything of the area after it was asked: whoever sends copies, too (literal_area_leaves). */
typedef struct LiteralRelease {
    struct LiteralRelease *next;
    Vm *vm;
    struct LiteralArea *area;
    EpochNode node;
} LiteralRelease;
/* Queue an area that nothing but processes refers to any more. The caller then sends copy_literals to
 * vm->code->literal_collector. Any thread. */
void purge_release_literals(Vm *vm, struct LiteralArea *area);
/* The present area is done: free it, and let the next one leave. Processes are asked about that when all epoch sections
 * that go on now have ended. False: there is none. */
bool purge_switch_area(Vm *vm);
/* A process is gone whose dirty native goes on, and may read literals that nobody else has: no area is freed until
 * there is none such. Any thread. */
void purge_ghost_begins(Vm *vm);
void purge_ghost_ends(Vm *vm);
/* Bounds of the area all processes are asked about; false: none. */
bool purge_area_bounds(Vm *vm, const term_t **start, const term_t **end);

#endif
