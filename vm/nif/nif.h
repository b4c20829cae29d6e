/* SPDX-License-Identifier: Apache-2.0 */
/* nif - native functions of shared libraries, through the documented interface (include/erl_nif.h).
 *
 *   library.so --nif_init--> ErlNifEntry --nif_load--> NifLibrary
 *     each ErlNifFunc -> NifFunction (a BifEntry) -> Export.native; the function's code becomes
 *     `native_tail`, so every way of calling it arrives at nif_call
 *
 * An ErlNifEnv says where terms are built: in the calling process's heap, or, for environments of
 * their own, in fragments. Native functions never collect, like all natives.
 * Ownership: a NifLibrary lives as long as its module instance, a pending call or a resource type
 *            needs it; its memory is never unmapped before. Layer: nif. */
#ifndef JOIST_NIF_NIF_H
#define JOIST_NIF_NIF_H

#include "bifs/bif.h"
#include "include/erl_nif.h"

struct NifLibrary;

typedef struct NifFunction {
    BifEntry entry;              /* must be first: what Export.native points to */
    struct NifLibrary *library;
    ERL_NIF_TERM (*fn)(ErlNifEnv *, int, const ERL_NIF_TERM[]);
    struct NifFunction *next;    /* of the library */
} NifFunction;

typedef struct NifLibrary {
    struct NifLibrary *next;     /* NifSpace lock */
    void *handle;                /* dlopen */
    ErlNifEntry *entry;
    void *priv_data;
    term_t module;
    NifFunction *functions;
    struct NifScheduled *scheduled; /* NifSpace lock: targets of enif_schedule_nif */
    char *path;
} NifLibrary;

/* What must be undone when a native function returns. */
typedef struct NifTemp {
    struct NifTemp *next;
    size_t bytes;                /* of data */
    unsigned char data[] __attribute__((aligned(16)));
} NifTemp;

struct enif_environment_t {
    Vm *vm;
    Process *p;                  /* caller; NULL in environments of their own */
    Heap *heap;                  /* where terms are made */
    Heap own;                    /* of an environment of its own */
    NifLibrary *library;         /* whose function runs, or NULL */
    NifTemp *temps;
    bool exception;
    term_t reason;               /* of the exception; TERM_NONE: badarg */
};

void nif_init_space(Vm *vm);
/* Call the function on behalf of p. */
term_t nif_call(Process *p, term_t *a);
/* Prepare and finish an environment for a call from outside of a process, e.g. a destructor. */
void nif_env_callback(ErlNifEnv *env, Vm *vm, NifLibrary *library);
void nif_env_done(ErlNifEnv *env);
/* Memory of `bytes` that goes when the call returns. */
void *nif_env_temp(ErlNifEnv *env, size_t bytes);

typedef struct NifScheduled {
    struct NifScheduled *next;
    Export export;               /* in no table */
    NifFunction function;
} NifScheduled;

struct NifSpace {
    Mutex lock;                  /* class NIF_LIST */
    NifLibrary *libraries;
    struct enif_resource_type_t *types;
    Vm *vm;
};

#endif
