/* SPDX-License-Identifier: Apache-2.0 */
/* nif_tracer - calls of tracer modules' natives (trace/tracer.h): from wherever the event is, with an environment
 * of no process, so that nothing is allocated on the heap of who is traced, and what the native sends is no event;
 * in those that trace (not those that are asked whether), enif_self tells whose event it is, for some.
 * The library is looked up for each call and held meanwhile: its module may be replaced or purged at any time.
 * Semantics: erl_tracer(3). Layer: nif. */
#include "code/module.h"
#include "nif/nif.h"
#include "sched/sched.h"
#include "trace/tracer.h"

enum { ARGS_OF_TRACE = 5 };

/* That of the current instance, referenced; NULL: none. Only what is in the list can be looked at: it leaves it
 * when its last reference is gone. */
static NifLibrary *hold_library(Vm *vm, term_t module)
{
    const CodeInstance *c = module_current(vm, module);
    const void *wanted = c ? c->nif_library : NULL;
    struct NifSpace *s = vm->nif;
    if (!nif_is_library(wanted)) return NULL;
    mutex_lock(&s->lock);
    NifLibrary *lib = s->libraries;
    while (lib && lib != wanted) lib = lib->next;
    word_t refs = lib ? atomic_load(&lib->refs) : 0;
    while (refs && !atomic_compare_exchange_weak(&lib->refs, &refs, refs + 1)) {}
    mutex_unlock(&s->lock);
    return refs ? lib : NULL;
}

static const NifFunction *find_function(const NifLibrary *lib, term_t name, unsigned arity)
{
    const NifFunction *f = lib->functions;
    while (f && (f->export.mfa.function != name || f->entry.arity != arity)) f = f->next;
    return f;
}

/* As on the reference: other events are told without a process, though it may be one that executes. */
static bool is_told_by_itself(term_t tag, term_t tracee)
{
    switch (tag) {
    case am_call: case am_return_from: case am_return_to: case am_exception_from: case am_send:
    case am_send_to_non_existing_process: case am_gc_minor_start: case am_gc_minor_end: case am_gc_major_start:
    case am_gc_major_end: case am_gc_max_heap_size: return sched_self && sched_self->p && sched_self->p->id == tracee;
    default: return false;
    }
}

static term_t call(Vm *vm, NifLibrary *lib, const NifFunction *f, const term_t *a)
{
    ErlNifEnv env;
    nif_env_callback(&env, vm, lib);
    if (f->entry.arity == ARGS_OF_TRACE && is_told_by_itself(a[0], a[2])) env.self = a[2];
    term_t r = f->fn(&env, f->entry.arity, a);
    if (env.exception || !term_is_atom(r)) r = TERM_NONE;
    nif_env_done(&env);
    return r;
}

/* TraceSpace.call_native */
bool nif_call_tracer(Vm *vm, term_t module, const term_t names[2], unsigned arity, const term_t *a, term_t *result)
{
    EpochSection section = nif_enter(vm);
    NifLibrary *lib = hold_library(vm, module);
    const NifFunction *f = lib ? find_function(lib, names[0], arity) : NULL;
    if (lib && !f) f = find_function(lib, names[1], arity);
    if (f && a) *result = call(vm, lib, f, a);
    if (lib) nif_library_unref(lib);
    nif_leave(vm, section);
    return f != NULL;
}
