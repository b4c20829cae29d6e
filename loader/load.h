/* SPDX-License-Identifier: Apache-2.0 */
/* load - from the bytes of a .beam to code that can run.
 *
 *   loader_build    bytes -> CodeInstance, reachable by nobody        (erlang:prepare_loading/2)
 *   loader_commit   instances -> current code, all or none            (erlang:finish_loading/1)
 *   loader_preload  every .beam of ROOT/lib/erts-VSN/ebin, at start
 *
 * Natives bind by stub: a function whose body is nothing but erlang:nif_error(...) and that has an entry
 * in bif_table becomes a jump to the native. Threads: build: any; commit takes the code write lock.
 * Input is never trusted: a damaged file gives an error text. Layer: loader. */
#ifndef JOIST_LOADER_LOAD_H
#define JOIST_LOADER_LOAD_H

#include "code/module.h"

/* What is verified (loader/verify.h); foreign: code from outside the OTP root in use. */
enum VerifyMode { VERIFY_FOREIGN, VERIFY_ALL, VERIFY_OFF };

typedef struct LoaderSpace {
    term_t *preloaded;        /* module names; const after start */
    size_t preloaded_count, preloaded_room;
    struct MissingNative *missing; /* stand-ins for guard natives that do not exist */
    enum VerifyMode verify;   /* const after start */
    const char *root;         /* the OTP root in use, or NULL; const after start */
    Mutex lock;               /* missing */
    int16_t family_of[256];   /* instruction family of each generic instruction; const after start */
} LoaderSpace;

/* Creates exports for all natives, bound to them. After code_init; before or after exec_init. */
void loader_init(Vm *vm);

/* NULL: `error` says why. module: the expected name, or TERM_NONE. foreign: not from the OTP root. */
CodeInstance *loader_build(Vm *vm, term_t module, const void *data, size_t size, bool foreign, char *error,
                           size_t error_room);
/* Is this path that of a .beam in the OTP root in use? */
bool loader_is_of_root(Vm *vm, const char *path);
/* Drop an instance that was never committed. */
void loader_discard(Vm *vm, CodeInstance *c);

enum CommitResult { COMMIT_OK, COMMIT_NOT_PURGED, COMMIT_ON_LOAD, COMMIT_DUPLICATED };
/* Make instances[0..count) current. On anything but COMMIT_OK nothing has changed and bad[i] tells which
 * instances are the reason; except COMMIT_ON_LOAD for a single instance, which is then staged: its
 * on_load function may be called. */
enum CommitResult loader_commit(Vm *vm, CodeInstance **instances, size_t count, bool *bad);
/* The on_load function has returned: keep: make the staged instance current. */
bool loader_finish_on_load(Vm *vm, term_t module, bool keep);

/* Number of modules loaded from `dir`, or -1: a file is missing or damaged; `error` says which. */
int loader_preload(Vm *vm, const char *dir, char *error, size_t error_room);

#endif
