/* SPDX-License-Identifier: Apache-2.0 */
/* nif - native functions of shared libraries, through the documented interface (include/erl_nif.h).
 *
 *   library.so --nif_init--> ErlNifEntry --nif_load--> NifLibrary
 *     each ErlNifFunc -> NifFunction with an Export of its own, in no table; the function's code in
 *     the module instance becomes `native_tail` for it, so every way of calling arrives at nif_call
 *
 * An ErlNifEnv says where terms are built: in the calling process's heap, or, for environments of
 * their own, in fragments. Native functions never collect, like all natives.
 * Ownership: a NifLibrary is referenced by its module instance, by each resource type that has its
 *            callbacks, by calls that are scheduled or on a dirty thread; the last one unmaps it.
 *            A resource type is referenced by its library and by each of its objects.
 * Callbacks: destructors, `stop` of enif_select, run as jobs of a scheduler, which holds no locks then;
 *            `down` of monitors runs in the process that dies.
 * Locks: NIF_LIST for libraries, types and monitors; no library code is called under it. Layer: nif. */
#ifndef JOIST_NIF_NIF_H
#define JOIST_NIF_NIF_H

#include "base/epoch.h"
#include "base/hashtab.h"
#include "bifs/bif.h"
#include "include/erl_nif.h"
#include "sched/sched.h"

typedef ERL_NIF_TERM NifFn(ErlNifEnv *, int, const ERL_NIF_TERM[]);

typedef struct NifFunction {
    BifEntry entry;              /* what export.native points to */
    Export export;
    struct NifLibrary *library;
    NifFn *fn;
    struct NifFunction *next;    /* of the library */
} NifFunction;

typedef struct NifLibrary {
    Vm *vm;
    void *handle;                /* dlopen */
    ErlNifEntry *entry;          /* the library's own, or `upgraded` when it is of an older interface */
    ErlNifEntry upgraded;
    void *priv_data;
    term_t module;
    atomic_word_t refs;
    NifFunction *functions;      /* const after load */
    NifFunction *scheduled;      /* NIF_LIST: targets of enif_schedule_nif */
    struct NifTypeOpened *opened; /* types of the load in progress */
    char *path;
    bool loaded;                 /* const after load: its callback has agreed */
    bool delay_halt;             /* enif_set_option */
    void (*on_halt)(void *priv_data);
    void (*on_unload_thread)(void *priv_data);
    struct NifLibrary *next;     /* NIF_LIST */
} NifLibrary;

/* What must be undone when a native function returns. */
typedef struct NifTemp {
    struct NifTemp *next;
    size_t bytes;                /* of data */
    void (*undo)(void *data);    /* or NULL */
    unsigned char data[] __attribute__((aligned(16)));
} NifTemp;

struct enif_environment_t {
    Vm *vm;
    Process *p;                  /* caller; NULL in environments of their own */
    term_t self;                 /* without p: whose event a tracer is told, TERM_NONE outside of tracers */
    Heap *heap;                  /* where terms are made */
    Heap own;                    /* of an environment of its own */
    NifLibrary *library;         /* whose function runs, or NULL */
    const NifFunction *function; /* that runs, or NULL; with args */
    const term_t *args;
    NifTemp *temps;
    bool exception;
    term_t reason;               /* of the exception; TERM_NONE: badarg */
};

void nif_init_space(Vm *vm);
/* Call the function on behalf of p. */
term_t nif_call(Process *p, term_t *a);
/* ProcNativeOps. */
bool nif_calls_library(const Process *p, const void *library);
const Mfa *nif_failed(Process *p, term_t *x, const Mfa *native);
/* Prepare and finish an environment for a call from outside of a process, e.g. a destructor. */
void nif_env_callback(ErlNifEnv *env, Vm *vm, NifLibrary *library);
void nif_env_done(ErlNifEnv *env);
/* Memory of `bytes` that goes when the call returns. */
void *nif_env_temp(ErlNifEnv *env, size_t bytes);
/* Same, with something to undo before. */
void *nif_env_temp_undo(ErlNifEnv *env, size_t bytes, void (*undo)(void *data));

/* BIF_* of a native function that its library wants on a dirty thread. */
static inline uint8_t nif_native_flags(unsigned job)
{
    if (job == ERL_NIF_DIRTY_JOB_CPU_BOUND) return BIF_DIRTY_CPU;
    return job == ERL_NIF_DIRTY_JOB_IO_BOUND ? BIF_DIRTY_IO : 0;
}

/* Around what reads shared structures: threads that are not the VM's own announce themselves, and so do dirty ones,
 * whose natives run in no section. */
static inline EpochSection nif_enter(Vm *vm)
{
    bool reads = sched_self && sched_self->kind == SCHED_NORMAL;
    return reads ? (EpochSection){NULL} : epoch_enter(vm->epoch);
}
static inline void nif_leave(Vm *vm, EpochSection section)
{
    if (section.slot) epoch_leave(vm->epoch, section);
}
/* Run fn(arg) as a job of a scheduler. */
static inline void nif_later(Vm *vm, void (*fn)(void *arg), void *arg)
{
    const Sched *s = sched_self;
    sched_run_on(vm, s && s->kind == SCHED_NORMAL ? s->number : 1, fn, arg);
}

NifFunction *nif_function_new_locked(NifLibrary *lib);
void nif_library_ref(NifLibrary *lib);
void nif_library_unref(NifLibrary *lib);
/* True for a library that was loaded from a file, false for the mark of natives of Joist itself. */
static inline bool nif_is_library(const void *nif_library) { return nif_library && nif_library != bif_table; }
/* Modules that have ever loaded native code (system_info(taints)). */
void nif_add_taint(Vm *vm, term_t module);
term_t nif_taints(Vm *vm, Heap *h);
/* The VM halts: what libraries asked for with ERL_NIF_OPT_ON_HALT. */
void nif_halt(Vm *vm);
/* Module, function, arity and file of the library function that p executes; NULL: none. */
const NifFunction *nif_running(const Process *p);

/* ---- tracer modules (nif_tracer.c): TraceSpace.call_native ---- */
bool nif_call_tracer(Vm *vm, term_t module, const term_t names[2], unsigned arity, const term_t *a, term_t *result);

/* ---- resource types (nif_resource.c) ---- */
struct enif_resource_type_t {
    struct enif_resource_type_t *next; /* NIF_LIST */
    term_t module;
    char *name;
    ErlNifResourceTypeInit calls;      /* NIF_LIST; changed by takeover */
    NifLibrary *owner;                 /* NIF_LIST; referenced */
    bool listed;                       /* NIF_LIST */
    atomic_word_t refs;
    Vm *vm;
};

typedef struct NifTypeOpened {
    struct NifTypeOpened *next;
    ErlNifResourceType *type;
    ErlNifResourceTypeInit calls;      /* a takeover's, to be set when the load succeeds */
    bool takeover;
} NifTypeOpened;

/* The load has succeeded or not: publish, or forget, the types it has opened. */
void nif_types_commit(NifLibrary *lib);
void nif_types_abort(NifLibrary *lib);
/* The library is unloaded: its types can be opened no more. */
void nif_types_drop(NifLibrary *lib);

typedef struct NifResource {
    ErlNifResourceType *type;
    size_t size;
    RefNum ref;                        /* of every term that stands for it */
    struct NifMonitor *monitors;       /* NIF_LIST */
    unsigned char data[] __attribute__((aligned(16)));
} NifResource;

static inline NifResource *nif_resource_of(const void *obj)
{
    return container_of((unsigned char *)(uintptr_t)obj, NifResource, data);
}
static inline Binary *nif_binary_of(const void *obj)
{
    return container_of((char *)nif_resource_of(obj), Binary, data);
}
/* The callbacks of this resource; if there are any, their library, with a reference. */
NifLibrary *nif_resource_library(NifResource *r, ErlNifResourceTypeInit *calls);
term_t nif_resource_term(Heap *h, NifResource *r);

/* ---- monitors of native code (nif_monitor.c) ---- */
typedef struct NifMonitor {
    HashNode link;
    struct NifMonitor *next, **back;   /* of the watcher's list */
    RefNum ref;
    term_t pid;
    Binary *resource;                  /* not referenced: its end takes the monitor away */
    term_t port;                       /* or the port that watches */
} NifMonitor;

void nif_monitor_init(Vm *vm);
/* 0; or 1: no such process. */
int nif_monitor(Vm *vm, NifMonitor **list, Binary *resource, term_t port, term_t pid, RefNum *ref);
/* 0; or 1: there is no such monitor of this watcher. */
int nif_demonitor(Vm *vm, Binary *resource, term_t port, RefNum ref);
/* TERM_NONE: likewise. */
term_t nif_monitored(Vm *vm, term_t port, RefNum ref);
void nif_demonitor_all(Vm *vm, NifMonitor **list);
/* [{process, Pid}] built in h. */
term_t nif_monitor_list(Vm *vm, Heap *h, NifMonitor *const *list);
static inline void nif_monitor_put(ErlNifMonitor *m, RefNum ref)
{
    memset(m, 0, sizeof *m); /* padding too: monitors are compared as bytes */
    memcpy(m->data, &ref.low, sizeof ref.low);
    memcpy(m->data + offsetof(RefNum, num2), &ref.num2, sizeof ref.num2);
}
static inline RefNum nif_monitor_ref(const ErlNifMonitor *m)
{
    RefNum ref;
    memcpy(&ref, m->data, sizeof ref);
    return ref;
}

typedef struct NifTaint {
    struct NifTaint *next;
    term_t module;
} NifTaint;

struct NifSpace {
    Mutex lock;                  /* class NIF_LIST */
    NifLibrary *libraries;       /* lock */
    ErlNifResourceType *types;   /* lock */
    NifFunction *spare;          /* lock: of libraries that are gone */
    NifTaint *taints;            /* lock; only grows */
    HashTab monitors;            /* lock: NifMonitor by ref */
    ErlNifSysInfo info;          /* const after start; filled in by api */
    struct NifTsdKeys *tsd_keys; /* lock until set; nif_thread.c */
    struct FdTable *fds;         /* nif/select.h */
    atomic_word_t code_holder;   /* 0, or the process that keeps all others from changing code (erts_debug) */
    /* A port watches a process that is down; set by io */
    void (*port_down)(Vm *vm, term_t port, RefNum ref);
    /* Data to a port, from p or (NULL) nobody; false: no such port, or busy. Set by io */
    bool (*port_command)(Vm *vm, Process *p, term_t port, term_t data);
    Vm *vm;
};

/* Must p wait (bif_yield) before it changes code? A holder that has died holds nothing. */
static inline bool nif_code_is_held(Process *p)
{
    atomic_word_t *holder = &p->vm->nif->code_holder;
    word_t held = load_acquire(holder);
    if (LIKELY(held == 0) || held == p->id) return false;
    return process_lookup_alive(p->vm, held) || !atomic_compare_exchange_strong(holder, &held, 0);
}

#endif
