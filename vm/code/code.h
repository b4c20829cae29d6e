/* SPDX-License-Identifier: Apache-2.0 */
/* code - everything a VM has loaded: exports, modules, fun entries, address ranges.
 *
 *   Export  M:F/A ----addr----> code of a CodeInstance (current)      export.h
 *   Module  M --current/old/on_load--> CodeInstance                   module.h
 *   FunEntry (M, index, uniq) --addr--> code of a CodeInstance        funtab.h
 *   address --range_find--> CodeInstance --> function, file, line     range.h
 *
 * Threads: look-ups take no lock. Whoever changes what is loaded holds `write` (class CODE_WRITE)
 * from the first check to the last store. Exports, modules and fun entries are never freed; a
 * CodeInstance is freed after its purge, through the epoch.
 * Layer: code. */
#ifndef JOIST_CODE_CODE_H
#define JOIST_CODE_CODE_H

#include "base/lock.h"
#include "base/vm.h"
#include "code/codetab.h"
#include "code/export.h"

struct RangeTable;
struct CodeInstance;

typedef struct CodeSpace {
    Mutex write;             /* permission to change loaded code */
    CodeTab exports;
    CodeTab modules;
    CodeTab funs;
    struct RangeTable *_Atomic ranges;
    /* Fills native_stub and error_stub of a new export; const after start */
    void (*stub_init)(Vm *vm, Export *e);
    /* An instance with this native library has been purged; NULL until nif is initialised */
    void (*unload_library)(Vm *vm, void *nif_library);
    /* Native code: an instance is about to be reachable, or freed; NULL when there is none */
    void (*published)(Vm *vm, struct CodeInstance *c);
    void (*forgotten)(Vm *vm, struct CodeInstance *c);
    const code_t *undefined_lambda; /* code run by a fun whose module is gone; const after start */
    const code_t *purging_lambda;   /* code run by a fun whose module is being purged */
    struct Module *purging;         /* write lock: module between prepare and complete/abort */
    term_t *waiters;                /* write lock: pids suspended until the purge is over */
    size_t waiter_count, waiter_room;
    /* Literal areas on their way out (purge.h) */
    Mutex release_lock;
    struct LiteralRelease *released, **released_end; /* release lock: waiting for the collector */
    struct LiteralRelease *releasing; /* release lock: the one all processes are asked about */
    struct LiteralRelease *limbo;     /* release lock: nobody has them, but ghosts may */
    unsigned ghosts;                  /* release lock */
    _Atomic(term_t) literal_collector; /* pid of erts_literal_area_collector, or TERM_NONE */
} CodeSpace;

/* Make the empty tables; natives and stubs come later. */
void code_init(Vm *vm);
/* Called once by the execution core: how to fill an export's instruction words, and the two pieces of
 * code that stand in for the body of a fun. Fills the exports that exist already. */
void code_set_stubs(Vm *vm, void (*stub_init)(Vm *vm, Export *e), const code_t *undefined_lambda,
                    const code_t *purging_lambda);

static inline void code_write_lock(Vm *vm) { mutex_lock(&vm->code->write); }
static inline void code_write_unlock(Vm *vm) { mutex_unlock(&vm->code->write); }

/* The function whose entry `entry` is: its Mfa stands in the words before it. */
static inline const Mfa *code_entry_mfa(const code_t *entry) { return (const Mfa *)(const void *)entry - 1; }
/* Words of func_info, which stands before each entry (exec/insn.h agrees). */
#define CODE_FUNC_INFO_WORDS 4

#endif
