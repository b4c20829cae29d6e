/* SPDX-License-Identifier: Apache-2.0 */
/* funtab - one entry per lambda of any module ever loaded or named by a received fun.
 * A fun term points to its entry; `addr` is always callable: the code of the newest instance that has
 * this lambda, or the undefined-lambda code (loads the module or raises badfun), or, while its module
 * is purged, the code that waits for the end of the purge. Entries are never freed.
 * Threads: addr atomic (release by code loading); the rest constant. Layer: code. */
#ifndef JOIST_CODE_FUNTAB_H
#define JOIST_CODE_FUNTAB_H

#include "code/code.h"

typedef struct FunEntry {
    const code_t *_Atomic addr; /* must stay first */
    term_t module;
    uint32_t index;           /* position in the module's FunT */
    uint32_t old_index;       /* the same, as old tools saw it */
    uint32_t old_uniq;
    uint16_t arity;           /* arguments of a call, without the free variables */
    uint16_t nfree;           /* known once the module has been loaded */
    uint8_t uniq[16];         /* md5 of the module */
    const code_t *suspended;  /* write lock: address to restore when a purge is aborted */
} FunEntry;

/* Find or create; a new entry is undefined. Any thread. */
FunEntry *fun_entry_get(Vm *vm, term_t module, uint32_t index, uint32_t old_uniq, const uint8_t uniq[16],
                        unsigned arity);
/* The function that implements it, or NULL when its code is not loaded. */
const Mfa *fun_entry_mfa(Vm *vm, const FunEntry *f);
bool fun_entry_is_loaded(Vm *vm, const FunEntry *f);

static inline const code_t *fun_entry_addr(const FunEntry *f)
{
    return __atomic_load_n((const code_t **)&f->addr, __ATOMIC_ACQUIRE);
}
static inline void fun_entry_set_addr(FunEntry *f, const code_t *addr)
{
    __atomic_store_n((const code_t **)&f->addr, addr, __ATOMIC_RELEASE);
}

#endif
