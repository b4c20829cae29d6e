/* SPDX-License-Identifier: Apache-2.0 */
/* nif_call - environments, calling native functions, rescheduling them. Layer: nif. */
#include "base/alloc.h"
#include "code/code.h"
#include "nif/nif.h"
#include "proc/registry.h"
#include "sched/sched.h"

#define API EXPORTED

/* ---- environments ---- */

void *nif_env_temp(ErlNifEnv *env, size_t bytes)
{
    NifTemp *t = mem_alloc(MEM_NIF, sizeof *t + bytes);
    t->next = env->temps;
    t->bytes = bytes;
    env->temps = t;
    return t->data;
}

static void free_temps(ErlNifEnv *env)
{
    while (env->temps) {
        NifTemp *t = env->temps;
        env->temps = t->next;
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
    nif_env_callback(env, sched_self ? sched_self->vm : NULL, NULL);
    return env;
}

API void enif_clear_env(ErlNifEnv *env)
{
    nif_env_done(env);
    env->own = (Heap){0};
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

term_t nif_call(Process *p, term_t *a)
{
    Export *e = container_of((Mfa *)p->current, Export, mfa);
    const NifFunction *f = container_of((BifEntry *)e->native, NifFunction, entry);
    ErlNifEnv env = {.vm = p->vm, .p = p, .heap = &p->heap, .library = f->library};
    term_t r = f->fn(&env, f->entry.arity, a);
    free_temps(&env);
    if (env.exception) return exception_of(p, &env);
    return r; /* TERM_NONE: enif_schedule_nif has prepared a trap */
}

static NifScheduled *new_scheduled(ErlNifEnv *env, term_t name, int argc,
                                   ERL_NIF_TERM (*fn)(ErlNifEnv *, int, const ERL_NIF_TERM[]), int flags)
{
    NifScheduled *s = MEM_NEW(NIF, NifScheduled);
    s->function.entry = (BifEntry){env->library->module, name, (uint8_t)argc, (uint8_t)flags, nif_call, ""};
    s->function.library = env->library;
    s->function.fn = fn;
    s->export.mfa = (Mfa){env->library->module, name, (word_t)argc};
    s->export.native = &s->function.entry;
    env->vm->code->stub_init(env->vm, &s->export);
    atomic_store(&s->export.addr, s->export.native_stub);
    s->next = env->library->scheduled;
    env->library->scheduled = s;
    return s;
}

/* One target per name, function and kind: libraries have few of them. */
static NifScheduled *get_scheduled(ErlNifEnv *env, term_t name, int argc,
                                   ERL_NIF_TERM (*fn)(ErlNifEnv *, int, const ERL_NIF_TERM[]), int flags)
{
    struct NifSpace *space = env->vm->nif;
    mutex_lock(&space->lock);
    NifScheduled *s = env->library->scheduled;
    while (s && (s->function.fn != fn || s->export.mfa.function != name ||
                 s->function.entry.arity != argc || s->function.entry.flags != flags))
        s = s->next;
    if (!s) s = new_scheduled(env, name, argc, fn, flags);
    mutex_unlock(&space->lock);
    return s;
}

static int dirty_flags(int flags)
{
    if (flags == ERL_NIF_DIRTY_JOB_CPU_BOUND) return BIF_DIRTY_CPU;
    return flags == ERL_NIF_DIRTY_JOB_IO_BOUND ? BIF_DIRTY_IO : 0;
}

API ERL_NIF_TERM enif_schedule_nif(ErlNifEnv *env, const char *name, int flags,
                                   ERL_NIF_TERM (*fn)(ErlNifEnv *, int, const ERL_NIF_TERM[]), int argc,
                                   const ERL_NIF_TERM argv[])
{
    term_t atom = atom_from_cstr(name);
    if (!env->p || atom == TERM_NONE || argc < 0 || argc > 255) return enif_make_badarg(env);
    NifScheduled *s = get_scheduled(env, atom, argc, fn, dirty_flags(flags));
    memmove(sched_self->x, argv, (size_t)argc * sizeof(term_t));
    env->p->trap_export = &s->export;
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
    if (!env->p) return NULL;
    pid->pid = env->p->id;
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

API int enif_whereis_pid(ErlNifEnv *env, ERL_NIF_TERM name, ErlNifPid *pid)
{
    term_t t = term_is_atom(name) ? registry_find(env->vm, name) : TERM_NONE;
    return t != TERM_NONE && enif_get_local_pid(env, t, pid);
}

API int enif_is_process_alive(ErlNifEnv *env, ErlNifPid *pid)
{
    return process_lookup_alive(env->vm, pid->pid) != NULL;
}

API int enif_is_current_process_alive(ErlNifEnv *env) { return env->p && !process_is_exiting(env->p); }

/* A message environment gives its memory away with the message. */
API int enif_send(ErlNifEnv *env, const ErlNifPid *to, ErlNifEnv *msg_env, ERL_NIF_TERM msg)
{
    Vm *vm = env ? env->vm : msg_env ? msg_env->vm : NULL;
    Process *p = vm ? process_lookup_alive(vm, to->pid) : NULL;
    if (!p) return 0;
    Heap h = {0};
    if (!msg_env || msg_env->p) {
        msg = term_copy(&h, msg);
    } else {
        h = msg_env->own;
        msg_env->own = (Heap){0};
    }
    message_send_heap(vm, env && env->p ? env->p->id : am_undefined, p, msg, &h);
    return 1;
}
