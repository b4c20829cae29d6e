/* SPDX-License-Identifier: Apache-2.0 */
/* export - the table of exported functions, M:F/A -> code. Entries are never removed.
 * `addr` is always callable: code of the loaded function, or one of the two instruction sequences
 * kept in the entry itself (call the native; call error_handler). Changed only while code loading
 * holds the code lock; read by running code without a lock (acquire). Layer: code. */
#ifndef JOIST_CODE_EXPORT_H
#define JOIST_CODE_EXPORT_H

#include "base/atomic.h"
#include "base/vm.h"
#include "term/boxed.h"

typedef uint64_t code_t; /* one word of threaded code; 8-byte aligned, so a code address has tag 00 */

/* Module, function, arity; precedes the entry of every function in threaded code (func_info). */
typedef struct Mfa {
    term_t module, function;
    word_t arity;
} Mfa;

struct BifEntry;

typedef struct Export {
    const code_t *_Atomic addr;   /* where a call continues */
    const struct BifEntry *_Atomic native; /* bound to this name, or NULL; written under the code lock */
    Mfa mfa;                      /* const */
    atomic_u32_t flags;           /* EXPORT_*: written under the code lock, read anywhere */
    code_t native_stub[2];        /* insn `native_tail`, this entry */
    code_t error_stub[2];         /* insn `undefined_call`, this entry */
    const code_t *breakpoint;     /* reserved for trace */
} Export;
#define EXPORT_LOADED 1u          /* addr is code of a loaded module */
#define EXPORT_NEW 2u             /* write lock: while the module is published */

/* Find or create (undefined so far). Any thread. */
Export *export_get(Vm *vm, term_t module, term_t function, word_t arity);
/* Find only; NULL when absent. */
Export *export_find(Vm *vm, term_t module, term_t function, word_t arity);
/* True when a call would not go to error_handler. */
bool export_is_defined(const Export *e);
/* Calls fn for each entry (any order) under the table's read lock. */
void export_each(Vm *vm, void (*fn)(Export *e, void *ctx), void *ctx);

static inline const code_t *export_addr(const Export *e)
{
    return __atomic_load_n((const code_t **)&e->addr, __ATOMIC_ACQUIRE);
}

#endif
