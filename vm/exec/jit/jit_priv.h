/* SPDX-License-Identifier: Apache-2.0 */
/* jit_priv - between jit.c and translate.c. Layer: exec, private. */
#ifndef JOIST_EXEC_JIT_JIT_PRIV_H
#define JOIST_EXEC_JIT_JIT_PRIV_H

#include "base/lock.h"
#include "exec/exec.h"
#include "exec/insn.h"
#include "exec/jit/jit.h"
#include "exec/jit/stencil.h"

#include <stdio.h>

typedef struct JitHandler {
    int32_t handler;
    unsigned variant;
} JitHandler;

typedef struct JitSpace {
    enum JitMode mode;       /* const */
    Mutex lock;              /* class JIT: JitModules, and one translation at a time */
    FILE *names;             /* lock; for perf, or NULL */
    bool *usable;            /* by variant; const */
    JitHandler *handlers;    /* ascending; const */
} JitSpace;

/* Native code of one function. */
typedef struct JitBlock {
    struct JitBlock *next;
    void *code;
    size_t bytes;
} JitBlock;

/* The function's native code, entered from now on; NULL: it has none, and is as it was. */
JitBlock *jit_translate(JitSpace *j, CodeInstance *c, size_t function);

/* Where handlers are counted from. */
const char *interp_base_address(void);

#endif
