/* SPDX-License-Identifier: Apache-2.0 */
/* erl_nif - the interface of native functions, as documented in erts' erl_nif(3), written for Joist.
 * Layouts and names are those of NIF API 2.16, so that a library built against OTP's own header loads
 * here, and one built against this header loads there. */
#ifndef JOIST_ERL_NIF_H
#define JOIST_ERL_NIF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#define ERL_NIF_MAJOR_VERSION 2
#define ERL_NIF_MINOR_VERSION 16
#define ERL_NIF_MIN_ERTS_VERSION "erts-12.0"
#define ERL_NIF_VM_VARIANT "beam.vanilla"

typedef uint64_t ErlNifUInt64;
typedef int64_t ErlNifSInt64;
typedef unsigned long ERL_NIF_TERM;
typedef unsigned long ERL_NIF_UINT;
typedef ErlNifSInt64 ErlNifTime;
#define ERL_NIF_TIME_ERROR ((ErlNifSInt64)INT64_MIN)
typedef enum { ERL_NIF_SEC, ERL_NIF_MSEC, ERL_NIF_USEC, ERL_NIF_NSEC } ErlNifTimeUnit;

typedef struct enif_environment_t ErlNifEnv;

typedef struct enif_func_t {
    const char *name;
    unsigned arity;
    ERL_NIF_TERM (*fptr)(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]);
    unsigned flags;
} ErlNifFunc;

typedef struct enif_entry_t {
    int major, minor;
    const char *name;
    int num_of_funcs;
    ErlNifFunc *funcs;
    int (*load)(ErlNifEnv *, void **priv_data, ERL_NIF_TERM load_info);
    int (*reload)(ErlNifEnv *, void **priv_data, ERL_NIF_TERM load_info);
    int (*upgrade)(ErlNifEnv *, void **priv_data, void **old_priv_data, ERL_NIF_TERM load_info);
    void (*unload)(ErlNifEnv *, void *priv_data);
    const char *vm_variant;               /* since 2.1 */
    unsigned options;                     /* since 2.7 */
    size_t sizeof_ErlNifResourceTypeInit; /* since 2.12 */
    const char *min_erts;                 /* since 2.14 */
} ErlNifEntry;

typedef struct {
    size_t size;
    unsigned char *data;
    void *ref_bin;
    void *spare[2];
} ErlNifBinary;

typedef int ErlNifEvent;
typedef enum { ERL_NIF_RT_CREATE = 1, ERL_NIF_RT_TAKEOVER = 2 } ErlNifResourceFlags;
typedef enum { ERL_NIF_LATIN1 = 1, ERL_NIF_UTF8 = 2 } ErlNifCharEncoding;
typedef struct { ERL_NIF_TERM pid; } ErlNifPid;
typedef struct { ERL_NIF_TERM port_id; } ErlNifPort;
typedef struct { unsigned char data[sizeof(void *) * 4]; } ErlNifMonitor;

typedef struct enif_resource_type_t ErlNifResourceType;
typedef void ErlNifResourceDtor(ErlNifEnv *, void *);
typedef void ErlNifResourceStop(ErlNifEnv *, void *, ErlNifEvent, int is_direct_call);
typedef void ErlNifResourceDown(ErlNifEnv *, void *, ErlNifPid *, ErlNifMonitor *);
typedef void ErlNifResourceDynCall(ErlNifEnv *, void *obj, void *call_data);
typedef struct {
    ErlNifResourceDtor *dtor;
    ErlNifResourceStop *stop;
    ErlNifResourceDown *down;
    int members;
    ErlNifResourceDynCall *dyncall;
} ErlNifResourceTypeInit;

typedef struct {
    int driver_major_version, driver_minor_version;
    char *erts_version, *otp_release;
    int thread_support, smp_support, async_threads, scheduler_threads;
    int nif_major_version, nif_minor_version, dirty_scheduler_support;
} ErlNifSysInfo;

typedef struct ErlDrvTid_ *ErlNifTid;
typedef struct ErlDrvMutex_ ErlNifMutex;
typedef struct ErlDrvCond_ ErlNifCond;
typedef struct ErlDrvRWLock_ ErlNifRWLock;
typedef int ErlNifTSDKey;
typedef struct { int suggested_stack_size; } ErlNifThreadOpts;

typedef enum { ERL_NIF_DIRTY_JOB_CPU_BOUND = 1, ERL_NIF_DIRTY_JOB_IO_BOUND = 2 } ErlNifDirtyTaskFlags;

typedef struct {
    ERL_NIF_TERM map;
    ERL_NIF_UINT size, idx;
    union {
        struct { ERL_NIF_TERM *ks, *vs; } flat;
        struct { void *state; ERL_NIF_TERM *kv; } hash;
    } u;
    void *spare[2];
} ErlNifMapIterator;
typedef enum { ERL_NIF_MAP_ITERATOR_FIRST = 1, ERL_NIF_MAP_ITERATOR_LAST = 2 } ErlNifMapIteratorEntry;
typedef enum { ERL_NIF_UNIQUE_POSITIVE = 1, ERL_NIF_UNIQUE_MONOTONIC = 2 } ErlNifUniqueInteger;
typedef enum { ERL_NIF_BIN2TERM_SAFE = 0x20000000 } ErlNifBinaryToTerm;
typedef enum { ERL_NIF_INTERNAL_HASH = 1, ERL_NIF_PHASH2 = 2 } ErlNifHash;
typedef enum {
    ERL_NIF_TERM_TYPE_ATOM = 1, ERL_NIF_TERM_TYPE_BITSTRING, ERL_NIF_TERM_TYPE_FLOAT,
    ERL_NIF_TERM_TYPE_FUN, ERL_NIF_TERM_TYPE_INTEGER, ERL_NIF_TERM_TYPE_LIST, ERL_NIF_TERM_TYPE_MAP,
    ERL_NIF_TERM_TYPE_PID, ERL_NIF_TERM_TYPE_PORT, ERL_NIF_TERM_TYPE_REFERENCE,
    ERL_NIF_TERM_TYPE_TUPLE, ERL_NIF_TERM_TYPE__MISSING_DEFAULT_CASE__READ_THE_MANUAL = -1
} ErlNifTermType;

#define ERL_NIF_THR_UNDEFINED 0
#define ERL_NIF_THR_NORMAL_SCHEDULER 1
#define ERL_NIF_THR_DIRTY_CPU_SCHEDULER 2
#define ERL_NIF_THR_DIRTY_IO_SCHEDULER 3

#ifdef __cplusplus
extern "C" {
#endif
#define ERL_NIF_API_FUNC_DECL(type, name, args) extern type name args
#include "erl_nif_api_funcs.h"
#undef ERL_NIF_API_FUNC_DECL
#ifdef __cplusplus
}
#define ERL_NIF_INIT_LINKAGE extern "C"
#else
#define ERL_NIF_INIT_LINKAGE
#endif

#define ERL_NIF_INIT(NAME, FUNCS, LOAD, RELOAD, UPGRADE, UNLOAD) \
    ERL_NIF_INIT_LINKAGE __attribute__((visibility("default"))) ErlNifEntry *nif_init(void); \
    ERL_NIF_INIT_LINKAGE __attribute__((visibility("default"))) ErlNifEntry *nif_init(void) \
    { \
        static ErlNifEntry entry = { \
            ERL_NIF_MAJOR_VERSION, ERL_NIF_MINOR_VERSION, #NAME, \
            sizeof(FUNCS) / sizeof(*FUNCS), FUNCS, LOAD, RELOAD, UPGRADE, UNLOAD, \
            ERL_NIF_VM_VARIANT, 1, sizeof(ErlNifResourceTypeInit), ERL_NIF_MIN_ERTS_VERSION}; \
        return &entry; \
    }

#define enif_make_tuple1(env, a) enif_make_tuple(env, 1, a)
#define enif_make_tuple2(env, a, b) enif_make_tuple(env, 2, a, b)
#define enif_make_tuple3(env, a, b, c) enif_make_tuple(env, 3, a, b, c)
#define enif_make_tuple4(env, a, b, c, d) enif_make_tuple(env, 4, a, b, c, d)
#define enif_make_tuple5(env, a, b, c, d, e) enif_make_tuple(env, 5, a, b, c, d, e)
#define enif_make_list1(env, a) enif_make_list(env, 1, a)
#define enif_make_list2(env, a, b) enif_make_list(env, 2, a, b)
#define enif_make_list3(env, a, b, c) enif_make_list(env, 3, a, b, c)
#define enif_make_pid(env, p) ((void)(env), (p)->pid)

#endif
