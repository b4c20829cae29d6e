/* SPDX-License-Identifier: Apache-2.0 */
/* nif_call - environments, calling native functions, rescheduling them. Layer: nif. */
#include "base/alloc.h"
#include "code/code.h"
#include "nif/nif.h"
#include "proc/registry.h"
#include "proc/seq_token.h"
#include "sched/sched.h"

#define API EXPORTED

/* ---- environments ---- */

void *nif_env_temp_undo(ErlNifEnv *env, size_t bytes, void (*undo)(void *data))
{
    NifTemp *t = mem_alloc(MEM_NIF, sizeof *t + bytes);
    t->next = env->temps;
    t->bytes = bytes;
    t->undo = undo;
    env->temps = t;
    return t->data;
}

void *nif_env_temp(ErlNifEnv *env, size_t bytes) { return nif_env_temp_undo(env, bytes, NULL); }

static void free_temps(ErlNifEnv *env)
{
    while (env->temps) {
        NifTemp *t = env->temps;
        env->temps = t->next;
        if (t->undo) t->undo(t->data);
        mem_free(MEM_NIF, t, sizeof *t + t->bytes);
    }
}

void nif_env_callback(ErlNifEnv *env, Vm *vm, NifLibrary *library)
{
    *env = (ErlNifEnv){.vm = vm, .library = library};
    env->heap = &env->own;
}

void nif_env_done(ErlNifEnv *env)
{
    free_temps(env);
    heap_dispose(&env->own);
}

API ErlNifEnv *enif_alloc_env(void)
{
    ErlNifEnv *env = MEM_NEW(NIF, ErlNifEnv);
    nif_env_callback(env, vm_default(), NULL);
    return env;
}

API void enif_clear_env(ErlNifEnv *env)
{
    nif_env_done(env);
    env->own = (Heap){0};
    env->exception = false;
}

API void enif_free_env(ErlNifEnv *env)
{
    nif_env_done(env);
    MEM_DELETE(NIF, env);
}

API void *enif_priv_data(ErlNifEnv *env) { return env->library ? env->library->priv_data : NULL; }

/* ---- calls ---- */

static term_t exception_of(Process *p, const ErlNifEnv *env)
{
    if (env->reason == TERM_NONE) return bif_error(p, EXC_BADARG);
    return bif_error_value(p, EXC_ERROR, env->reason);
}

static const NifFunction *function_of(const Mfa *mfa)
{
    const Export *e = container_of(mfa, Export, mfa);
    return container_of((BifEntry *)(uintptr_t)e->native, NifFunction, entry);
}

/* What the program called, from the first enif_schedule_nif to the end: the stack trace of an exception names it,
 * and the library stays as long. */
typedef struct ScheduledCall {
    NativeState base;
    NifLibrary *library;         /* referenced */
    const Mfa *called;
    size_t argc;
    term_t args[];
} ScheduledCall;

static void scheduled_destroy(NativeState *s)
{
    ScheduledCall *c = (ScheduledCall *)s;
    NifLibrary *lib = c->library;
    mem_free(MEM_NIF, c, sizeof *c + c->argc * sizeof(term_t));
    nif_library_unref(lib);
}

static void scheduled_roots(NativeState *s, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    ScheduledCall *c = (ScheduledCall *)s;
    visit(ctx, c->args, c->argc);
}

static ScheduledCall *scheduled_call(const Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == scheduled_destroy ? (ScheduledCall *)s : NULL;
}

static void scheduled_begin(const ErlNifEnv *env)
{
    size_t n = env->function->entry.arity;
    if (scheduled_call(env->p)) return;
    ScheduledCall *c = mem_alloc(MEM_NIF, sizeof *c + n * sizeof(term_t));
    *c = (ScheduledCall){.base = {&env->function->entry, scheduled_destroy, scheduled_roots},
                         .library = env->library, .called = &env->function->export.mfa, .argc = n};
    memcpy(c->args, env->args, n * sizeof(term_t));
    nif_library_ref(env->library);
    env->p->native_state = &c->base;
}

/* The last of a chain of calls has a result. */
static void scheduled_end(Process *p)
{
    ScheduledCall *c = scheduled_call(p);
    if (!c) return;
    p->native_state = NULL;
    scheduled_destroy(&c->base);
}

/* It has failed, so the first one has. */
const Mfa *nif_failed(Process *p, term_t *x, const Mfa *native)
{
    const ScheduledCall *c = scheduled_call(p);
    if (!c) return native;
    native = c->called;
    memcpy(x, c->args, c->argc * sizeof(term_t));
    scheduled_end(p);
    return native;
}

/* A library is not unmapped under a call that a purge does not wait for. */
term_t nif_call(Process *p, term_t *a)
{
    const NifFunction *f = function_of(p->current);
    NifLibrary *lib = f->library;
    Sched *dirty = sched_self->kind == SCHED_NORMAL ? NULL : sched_self;
    ErlNifEnv env = {.vm = p->vm, .p = p, .heap = &p->heap, .library = lib, .function = f, .args = a};
    if (dirty) nif_library_ref(lib), sched_dirty_alone_begin(dirty);
    term_t r = f->fn(&env, f->entry.arity, a);
    if (dirty) sched_dirty_alone_end(dirty);
    if (env.temps) free_temps(&env);
    if (env.exception) r = exception_of(p, &env);
    if (UNLIKELY(p->native_state != NULL) && r != TERM_NONE) scheduled_end(p);
    if (dirty) nif_library_unref(lib);
    return r; /* TERM_NONE: enif_schedule_nif has prepared a trap */
}

static const NifFunction *function_at(const Export *e)
{
    return e && e->native && e->native->fn == nif_call ? function_of(&e->mfa) : NULL;
}

/* During a dirty native only dirty_state may be looked at. */
bool nif_calls_library(const Process *p, const void *library)
{
    const NifFunction *f = NULL;
    const ScheduledCall *c = NULL;
    if (process_in_dirty_native(p)) f = function_at(p->dirty_state);
    else if (p->current && p->pc == container_of(p->current, Export, mfa)->native_stub) f = nif_running(p);
    else c = scheduled_call(p);
    return (f && f->library == library) || (c && c->library == library);
}

const NifFunction *nif_running(const Process *p)
{
    return function_at(p->current ? container_of(p->current, Export, mfa) : NULL);
}

static NifFunction *new_scheduled(NifLibrary *lib, term_t name, int argc, NifFn *fn, uint8_t flags)
{
    NifFunction *f = nif_function_new_locked(lib);
    f->entry = (BifEntry){lib->module, name, (uint8_t)argc, flags, nif_call, ""};
    f->export.mfa = (Mfa){lib->module, name, (word_t)argc};
    f->export.native = &f->entry;
    lib->vm->code->stub_init(lib->vm, &f->export);
    atomic_store(&f->export.addr, f->export.native_stub);
    f->fn = fn;
    f->next = lib->scheduled;
    return lib->scheduled = f;
}

/* One target per name, function and kind: libraries have few of them. */
static NifFunction *get_scheduled(NifLibrary *lib, term_t name, int argc, NifFn *fn, uint8_t flags)
{
    struct NifSpace *space = lib->vm->nif;
    mutex_lock(&space->lock);
    NifFunction *f = lib->scheduled;
    while (f && (f->fn != fn || f->export.mfa.function != name || f->entry.arity != argc ||
                 f->entry.flags != flags))
        f = f->next;
    if (!f) f = new_scheduled(lib, name, argc, fn, flags);
    mutex_unlock(&space->lock);
    return f;
}

API ERL_NIF_TERM enif_schedule_nif(ErlNifEnv *env, const char *name, int flags, NifFn *fn, int argc,
                                   const ERL_NIF_TERM argv[])
{
    term_t atom = atom_from_cstr(name);
    if (!env->p || !env->library || atom == TERM_NONE || argc < 0 || argc > 255) return enif_make_badarg(env);
    NifFunction *f = get_scheduled(env->library, atom, argc, fn, nif_native_flags((unsigned)flags));
    scheduled_begin(env);
    memmove(sched_self->x, argv, (size_t)argc * sizeof(term_t));
    env->p->trap_export = &f->export;
    env->p->freason = EXC_TRAP;
    return TERM_NONE;
}

API int enif_consume_timeslice(ErlNifEnv *env, int percent)
{
    percent = MIN(MAX(percent, 1), 100);
    return env->p && process_bump_reds(env->p, SCHED_SLICE_REDS * percent / 100);
}

API int enif_thread_type(void)
{
    if (!sched_self) return ERL_NIF_THR_UNDEFINED;
    switch (sched_self->kind) {
    case SCHED_NORMAL: return ERL_NIF_THR_NORMAL_SCHEDULER;
    case SCHED_DIRTY_CPU: return ERL_NIF_THR_DIRTY_CPU_SCHEDULER;
    default: return ERL_NIF_THR_DIRTY_IO_SCHEDULER;
    }
}

/* ---- processes ---- */

API ErlNifPid *enif_self(ErlNifEnv *env, ErlNifPid *pid)
{
    if (!env->p && env->self == TERM_NONE) return NULL;
    pid->pid = env->p ? env->p->id : env->self;
    return pid;
}

API int enif_get_local_pid(ErlNifEnv *env UNUSED, ERL_NIF_TERM t, ErlNifPid *pid)
{
    if (!term_is_local_pid(t)) return 0;
    pid->pid = t;
    return 1;
}

API void enif_set_pid_undefined(ErlNifPid *pid) { pid->pid = am_undefined; }
API int enif_is_pid_undefined(const ErlNifPid *pid) { return pid->pid == am_undefined; }

API int enif_compare_pids(const ErlNifPid *a, const ErlNifPid *b)
{
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static term_t find_name(ErlNifEnv *env, term_t name)
{
    Vm *vm = env ? env->vm : vm_default();
    return term_is_atom(name) ? registry_find(vm, name) : TERM_NONE;
}

API int enif_whereis_pid(ErlNifEnv *env, ERL_NIF_TERM name, ErlNifPid *pid)
{
    term_t t = find_name(env, name);
    return t != TERM_NONE && enif_get_local_pid(env, t, pid);
}

API int enif_whereis_port(ErlNifEnv *env, ERL_NIF_TERM name, ErlNifPort *port)
{
    term_t t = find_name(env, name);
    return t != TERM_NONE && enif_get_local_port(env, t, port);
}

API int enif_is_process_alive(ErlNifEnv *env, ErlNifPid *pid)
{
    Vm *vm = env->vm;
    EpochSection section = nif_enter(vm);
    bool alive = term_is_local_pid(pid->pid) && process_lookup_alive(vm, pid->pid);
    nif_leave(vm, section);
    return alive;
}

API int enif_is_current_process_alive(ErlNifEnv *env) { return env->p && !process_is_exiting(env->p); }

API int enif_get_local_port(ErlNifEnv *env UNUSED, ERL_NIF_TERM t, ErlNifPort *port)
{
    if (!term_is_local_port(t)) return 0;
    port->port_id = t;
    return 1;
}

API int enif_is_port_alive(ErlNifEnv *env, ErlNifPort *port)
{
    const ProcPortOps *ops = env->vm->procs->port_ops;
    EpochSection section = nif_enter(env->vm);
    bool alive = term_is_local_port(port->port_id) && ops->exists(env->vm, port->port_id);
    nif_leave(env->vm, section);
    return alive;
}

/* The program that calls has been killed, though its native function still runs on a dirty thread. */
static bool caller_is_dead(const ErlNifEnv *env) { return env && env->p && process_is_exiting(env->p); }

/* The message in memory of its own: what a message environment has given away, or a copy. */
static term_t take_message(Heap *h, ErlNifEnv *msg_env, term_t msg)
{
    if (!msg_env || msg_env->p) return term_copy(h, msg);
    *h = msg_env->own;
    msg_env->own = (Heap){0};
    return msg;
}

/* A message environment of a process's own takes its sequential trace token along (as erlang:send/2 does); what
 * has no environment does not, and leaves the receiver's alone. */
API int enif_send(ErlNifEnv *env, const ErlNifPid *to, ErlNifEnv *msg_env, ERL_NIF_TERM msg)
{
    Vm *vm = env ? env->vm : msg_env ? msg_env->vm : vm_default();
    EpochSection section = nif_enter(vm);
    Process *p = term_is_local_pid(to->pid) ? process_lookup_alive(vm, to->pid) : NULL;
    if (caller_is_dead(env)) p = NULL;
    if (p) {
        Heap h = {0};
        msg = take_message(&h, msg_env, msg);
        if (env && env->p && env->p->trace) vm->procs->trace_ops->send(env->p, to->pid, msg, true);
        if (msg_env && env && env->p)
            seq_token_send(env->p, p, msg, &h);
        else
            message_send_heap(vm, env && env->p ? env->p->id : am_undefined, p, msg, &h);
    }
    nif_leave(vm, section);
    return p != NULL;
}

/* Like erlang:port_command(Port, Data, [nosuspend]) of the calling process. */
API int enif_port_command(ErlNifEnv *env, const ErlNifPort *to, ErlNifEnv *msg_env, ERL_NIF_TERM msg)
{
    Vm *vm = env->vm;
    if (!term_is_local_port(to->port_id) || caller_is_dead(env)) return 0;
    EpochSection section = nif_enter(vm);
    bool sent = vm->nif->port_command(vm, env->p, to->port_id, msg);
    nif_leave(vm, section);
    if (msg_env && !msg_env->p) enif_clear_env(msg_env);
    return sent;
}
