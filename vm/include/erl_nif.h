/* SPDX-License-Identifier: Apache-2.0 */
/* erl_nif - the interface of native functions, as documented in erts' erl_nif(3), written for Joist.
 * Layouts and names are those of NIF API 2.16, so that a library built against OTP's own header loads
 * here, and one built against this header loads there. Functions that came with 2.17 and 2.18 are declared too. */
#ifndef JOIST_ERL_NIF_H
#define JOIST_ERL_NIF_H

#include "erl_drv_nif.h"

#include <stdarg.h>

#define ERL_NIF_MAJOR_VERSION 2
#define ERL_NIF_MINOR_VERSION 16
#define ERL_NIF_MIN_ERTS_VERSION "erts-12.0"
#define ERL_NIF_VM_VARIANT "beam.vanilla"

typedef ErlNapiUInt64 ErlNifUInt64;
typedef ErlNapiSInt64 ErlNifSInt64;
typedef ErlNapiUInt ErlNifUInt;
typedef ErlNapiSInt ErlNifSInt;
typedef ErlNifUInt ERL_NIF_TERM;
typedef ERL_NIF_TERM ERL_NIF_UINT;
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
#define ERL_NIF_SELECT_STOP_CALLED (1 << 0)
#define ERL_NIF_SELECT_STOP_SCHEDULED (1 << 1)
#define ERL_NIF_SELECT_INVALID_EVENT (1 << 2)
#define ERL_NIF_SELECT_FAILED (1 << 3)
#define ERL_NIF_SELECT_READ_CANCELLED (1 << 4)
#define ERL_NIF_SELECT_WRITE_CANCELLED (1 << 5)
#define ERL_NIF_SELECT_ERROR_CANCELLED (1 << 6)
#define ERL_NIF_SELECT_NOTSUP (1 << 7)

typedef enum { ERL_NIF_RT_CREATE = 1, ERL_NIF_RT_TAKEOVER = 2 } ErlNifResourceFlags;
typedef enum { ERL_NIF_LATIN1 = 1, ERL_NIF_UTF8 = 2 } ErlNifCharEncoding;
typedef struct { ERL_NIF_TERM pid; } ErlNifPid;
typedef struct { ERL_NIF_TERM port_id; } ErlNifPort;
typedef ErlDrvMonitor ErlNifMonitor;

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

typedef ErlDrvSysInfo ErlNifSysInfo;

typedef struct ErlDrvTid_ *ErlNifTid;
typedef struct ErlDrvMutex_ ErlNifMutex;
typedef struct ErlDrvCond_ ErlNifCond;
typedef struct ErlDrvRWLock_ ErlNifRWLock;
typedef int ErlNifTSDKey;
typedef ErlDrvThreadOpts ErlNifThreadOpts;

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
typedef enum {
    ERL_NIF_MAP_ITERATOR_FIRST = 1, ERL_NIF_MAP_ITERATOR_LAST = 2,
    ERL_NIF_MAP_ITERATOR_HEAD = ERL_NIF_MAP_ITERATOR_FIRST,
    ERL_NIF_MAP_ITERATOR_TAIL = ERL_NIF_MAP_ITERATOR_LAST
} ErlNifMapIteratorEntry;
typedef enum { ERL_NIF_UNIQUE_POSITIVE = 1, ERL_NIF_UNIQUE_MONOTONIC = 2 } ErlNifUniqueInteger;
typedef enum { ERL_NIF_BIN2TERM_SAFE = 0x20000000 } ErlNifBinaryToTerm;
typedef enum { ERL_NIF_INTERNAL_HASH = 1, ERL_NIF_PHASH2 = 2 } ErlNifHash;
typedef enum {
    ERL_NIF_TERM_TYPE_ATOM = 1, ERL_NIF_TERM_TYPE_BITSTRING, ERL_NIF_TERM_TYPE_FLOAT,
    ERL_NIF_TERM_TYPE_FUN, ERL_NIF_TERM_TYPE_INTEGER, ERL_NIF_TERM_TYPE_LIST, ERL_NIF_TERM_TYPE_MAP,
    ERL_NIF_TERM_TYPE_PID, ERL_NIF_TERM_TYPE_PORT, ERL_NIF_TERM_TYPE_REFERENCE,
    ERL_NIF_TERM_TYPE_TUPLE, ERL_NIF_TERM_TYPE__MISSING_DEFAULT_CASE__READ_THE_MANUAL = -1
} ErlNifTermType;

#define ERL_NIF_IOVEC_SIZE 16
typedef struct erl_nif_io_vec {
    int iovcnt;
    size_t size;      /* bytes in all */
    SysIOVec *iov;
    void **ref_bins;
    int flags;
    SysIOVec small_iov[ERL_NIF_IOVEC_SIZE];
    void *small_ref_bin[ERL_NIF_IOVEC_SIZE];
} ErlNifIOVec;
typedef struct erts_io_queue ErlNifIOQueue;
typedef enum { ERL_NIF_IOQ_NORMAL = 1 } ErlNifIOQueueOpts;

/* Options of enif_set_option, with the type of what follows the option. */
typedef enum {
    ERL_NIF_OPT_DELAY_HALT = 1,          /* nothing */
    ERL_NIF_OPT_ON_HALT = 2,             /* ErlNifOnHaltCallback * */
    ERL_NIF_OPT_ON_UNLOAD_THREAD = 3     /* ErlNifOnUnloadThreadCallback * */
} ErlNifOption;
typedef void ErlNifOnHaltCallback(void *priv_data);
typedef void ErlNifOnUnloadThreadCallback(void *priv_data);

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
#define enif_make_tuple6(env, a, b, c, d, e, f) enif_make_tuple(env, 6, a, b, c, d, e, f)
#define enif_make_tuple7(env, a, b, c, d, e, f, g) enif_make_tuple(env, 7, a, b, c, d, e, f, g)
#define enif_make_tuple8(env, a, b, c, d, e, f, g, h) enif_make_tuple(env, 8, a, b, c, d, e, f, g, h)
#define enif_make_tuple9(env, a, b, c, d, e, f, g, h, i) enif_make_tuple(env, 9, a, b, c, d, e, f, g, h, i)
#define enif_make_list1(env, a) enif_make_list(env, 1, a)
#define enif_make_list2(env, a, b) enif_make_list(env, 2, a, b)
#define enif_make_list3(env, a, b, c) enif_make_list(env, 3, a, b, c)
#define enif_make_list4(env, a, b, c, d) enif_make_list(env, 4, a, b, c, d)
#define enif_make_list5(env, a, b, c, d, e) enif_make_list(env, 5, a, b, c, d, e)
#define enif_make_list6(env, a, b, c, d, e, f) enif_make_list(env, 6, a, b, c, d, e, f)
#define enif_make_list7(env, a, b, c, d, e, f, g) enif_make_list(env, 7, a, b, c, d, e, f, g)
#define enif_make_list8(env, a, b, c, d, e, f, g, h) enif_make_list(env, 8, a, b, c, d, e, f, g, h)
#define enif_make_list9(env, a, b, c, d, e, f, g, h, i) enif_make_list(env, 9, a, b, c, d, e, f, g, h, i)
#define enif_make_pid(env, p) ((void)(env), (p)->pid)
#define enif_get_int64 enif_get_long
#define enif_get_uint64 enif_get_ulong
#define enif_make_int64 enif_make_long
#define enif_make_uint64 enif_make_ulong

static inline int enif_select_read(ErlNifEnv *env, ErlNifEvent e, void *obj, const ErlNifPid *pid,
                                   ERL_NIF_TERM msg, ErlNifEnv *msg_env)
{
    return enif_select_x(env, e, (enum ErlNifSelectFlags)(ERL_NIF_SELECT_READ | ERL_NIF_SELECT_CUSTOM_MSG), obj,
                         pid, msg, msg_env);
}
static inline int enif_select_write(ErlNifEnv *env, ErlNifEvent e, void *obj, const ErlNifPid *pid,
                                    ERL_NIF_TERM msg, ErlNifEnv *msg_env)
{
    return enif_select_x(env, e, (enum ErlNifSelectFlags)(ERL_NIF_SELECT_WRITE | ERL_NIF_SELECT_CUSTOM_MSG), obj,
                         pid, msg, msg_env);
}
static inline int enif_select_error(ErlNifEnv *env, ErlNifEvent e, void *obj, const ErlNifPid *pid,
                                    ERL_NIF_TERM msg, ErlNifEnv *msg_env)
{
    return enif_select_x(env, e, (enum ErlNifSelectFlags)(ERL_NIF_SELECT_ERROR | ERL_NIF_SELECT_CUSTOM_MSG), obj,
                         pid, msg, msg_env);
}

#endif
