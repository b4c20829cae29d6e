/* SPDX-License-Identifier: Apache-2.0 */
/* nif_resource - objects of native libraries, known to Erlang as magic references, and their types.
 * A resource is a magic Binary; its contents begin with the type. When the last reference is dropped, by
 * whatever thread and under whatever locks, a job of a scheduler takes its monitors away, calls the
 * destructor with an environment of its own, and frees it.
 * Types that a load opens become visible, and take over older ones, when the load has succeeded.
 * Semantics: erl_nif(3) "Resource objects". Layer: nif. */
#include "base/alloc.h"
#include "data/binary.h"
#include "nif/nif.h"

#define API EXPORTED

/* ---- life of types ---- */

/* Only a type with callbacks needs its library. */
static bool has_callbacks(const ErlNifResourceType *t)
{
    return t->calls.dtor || t->calls.stop || t->calls.down || t->calls.dyncall;
}

static void type_unref(ErlNifResourceType *t)
{
    if (atomic_fetch_sub(&t->refs, 1) != 1) return;
    if (t->owner && has_callbacks(t)) nif_library_unref(t->owner);
    mem_free_text(MEM_RESOURCE, t->name);
    MEM_DELETE(RESOURCE, t);
}

static ErlNifResourceType *find_type_locked(struct NifSpace *s, term_t module, const char *name)
{
    ErlNifResourceType *t = s->types;
    while (t && (t->module != module || strcmp(t->name, name) != 0)) t = t->next;
    return t;
}

static ErlNifResourceType *new_type(NifLibrary *lib, const char *name, const ErlNifResourceTypeInit *calls)
{
    ErlNifResourceType *t = MEM_NEW(RESOURCE, ErlNifResourceType);
    t->module = lib->module;
    t->name = mem_text(MEM_RESOURCE, name);
    t->vm = lib->vm;
    t->calls = *calls;
    t->owner = lib;
    if (has_callbacks(t)) nif_library_ref(lib);
    atomic_store(&t->refs, 1);
    return t;
}

static NifTypeOpened *find_opened(const NifLibrary *lib, const char *name)
{
    NifTypeOpened *o = lib->opened;
    while (o && strcmp(o->type->name, name) != 0) o = o->next;
    return o;
}

/* Create or take over, as the flags allow; *tried tells which. Only while the library is being loaded. */
static ErlNifResourceType *open_type(ErlNifEnv *e, const char *name, const ErlNifResourceTypeInit *calls,
                                     ErlNifResourceFlags flags, ErlNifResourceFlags *tried)
{
    NifLibrary *lib = e->library;
    struct NifSpace *s = e->vm->nif;
    mutex_lock(&s->lock);
    ErlNifResourceType *t = find_type_locked(s, lib->module, name);
    mutex_unlock(&s->lock);
    if (find_opened(lib, name)) return NULL;
    ErlNifResourceFlags how = t ? ERL_NIF_RT_TAKEOVER : ERL_NIF_RT_CREATE;
    if (tried) *tried = flags & how ? how : flags;
    if (!(flags & how)) return NULL;
    NifTypeOpened *o = MEM_NEW(RESOURCE, NifTypeOpened);
    o->takeover = t != NULL;
    o->type = t ? t : new_type(lib, name, calls);
    o->calls = *calls;
    o->next = lib->opened;
    lib->opened = o;
    return o->type;
}

static void commit_locked(struct NifSpace *s, NifLibrary *lib, NifTypeOpened *o, NifLibrary **old)
{
    ErlNifResourceType *t = o->type;
    *old = NULL;
    if (o->takeover) {
        *old = has_callbacks(t) ? t->owner : NULL;
        t->calls = o->calls;
        t->owner = lib;
        if (has_callbacks(t)) nif_library_ref(lib);
    }
    if (t->listed) return;
    if (o->takeover) atomic_fetch_add(&t->refs, 1);
    t->listed = true;
    t->next = s->types;
    s->types = t;
}

void nif_types_commit(NifLibrary *lib)
{
    struct NifSpace *s = lib->vm->nif;
    for (NifTypeOpened *o; (o = lib->opened) != NULL;) {
        NifLibrary *old;
        lib->opened = o->next;
        mutex_lock(&s->lock);
        commit_locked(s, lib, o, &old);
        mutex_unlock(&s->lock);
        if (old) nif_library_unref(old);
        MEM_DELETE(RESOURCE, o);
    }
}

void nif_types_abort(NifLibrary *lib)
{
    for (NifTypeOpened *o; (o = lib->opened) != NULL;) {
        lib->opened = o->next;
        if (!o->takeover) type_unref(o->type);
        MEM_DELETE(RESOURCE, o);
    }
}

void nif_types_drop(NifLibrary *lib)
{
    struct NifSpace *s = lib->vm->nif;
    for (;;) {
        mutex_lock(&s->lock);
        ErlNifResourceType **at = &s->types;
        while (*at && (*at)->owner != lib) at = &(*at)->next;
        ErlNifResourceType *t = *at;
        if (t) {
            *at = t->next;
            t->listed = false;
            if (!has_callbacks(t)) t->owner = NULL;
        }
        mutex_unlock(&s->lock);
        if (!t) return;
        type_unref(t);
    }
}

API ErlNifResourceType *enif_open_resource_type(ErlNifEnv *e, const char *module UNUSED, const char *name,
                                                void (*dtor)(ErlNifEnv *, void *),
                                                ErlNifResourceFlags flags, ErlNifResourceFlags *tried)
{
    ErlNifResourceTypeInit init = {.dtor = dtor};
    return open_type(e, name, &init, flags, tried);
}

API ErlNifResourceType *enif_open_resource_type_x(ErlNifEnv *e, const char *name,
                                                  const ErlNifResourceTypeInit *init,
                                                  ErlNifResourceFlags flags, ErlNifResourceFlags *tried)
{
    ErlNifResourceTypeInit three = {.dtor = init->dtor, .stop = init->stop, .down = init->down};
    return open_type(e, name, &three, flags, tried);
}

API ErlNifResourceType *enif_init_resource_type(ErlNifEnv *e, const char *name,
                                                const ErlNifResourceTypeInit *init,
                                                ErlNifResourceFlags flags, ErlNifResourceFlags *tried)
{
    ErlNifResourceTypeInit given = {0};
    if (init->members >= 1) given.dtor = init->dtor;
    if (init->members >= 2) given.stop = init->stop;
    if (init->members >= 3) given.down = init->down;
    if (init->members >= 4) given.dyncall = init->dyncall;
    return open_type(e, name, &given, flags, tried);
}

/* ---- objects ---- */

NifLibrary *nif_resource_library(NifResource *r, ErlNifResourceTypeInit *calls)
{
    struct NifSpace *s = r->type->vm->nif;
    mutex_lock(&s->lock);
    NifLibrary *lib = has_callbacks(r->type) ? r->type->owner : NULL;
    *calls = r->type->calls;
    if (lib) nif_library_ref(lib);
    mutex_unlock(&s->lock);
    return lib;
}

static void run_destructor(void *arg)
{
    Binary *b = arg;
    NifResource *r = (NifResource *)b->data;
    ErlNifResourceType *type = r->type;
    ErlNifResourceTypeInit calls;
    if (r->monitors) nif_demonitor_all(type->vm, &r->monitors);
    NifLibrary *lib = nif_resource_library(r, &calls);
    if (calls.dtor) {
        ErlNifEnv env;
        nif_env_callback(&env, type->vm, lib);
        calls.dtor(&env, r->data);
        nif_env_done(&env);
    }
    if (lib) nif_library_unref(lib);
    binary_free(b);
    type_unref(type);
}

static void destroy(Binary *b)
{
    nif_later(((NifResource *)b->data)->type->vm, run_destructor, b);
}

API void *enif_alloc_resource(ErlNifResourceType *type, size_t size)
{
    Binary *b = binary_new_magic(sizeof(NifResource) + size, 0, destroy);
    b->flags |= BINARY_OWN_FREE;
    NifResource *r = (NifResource *)b->data;
    r->type = type;
    atomic_fetch_add(&type->refs, 1);
    r->size = size;
    r->ref = ref_new(type->vm);
    return r->data;
}

API void enif_release_resource(void *obj) { binary_unref(nif_binary_of(obj)); }
API void enif_keep_resource(void *obj) { binary_ref(nif_binary_of(obj)); }
API size_t enif_sizeof_resource(void *obj) { return nif_resource_of(obj)->size; }

term_t nif_resource_term(Heap *h, NifResource *r)
{
    return heap_magic_ref(h, binary_ref(nif_binary_of(r->data)), r->ref);
}

API ERL_NIF_TERM enif_make_resource(ErlNifEnv *e, void *obj)
{
    return nif_resource_term(e->heap, nif_resource_of(obj));
}

API ERL_NIF_TERM enif_make_resource_binary(ErlNifEnv *e, void *obj, const void *data, size_t size)
{
    return heap_binary_outside(e->heap, binary_ref(nif_binary_of(obj)), data, size);
}

API int enif_get_resource(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, ErlNifResourceType *type, void **obj)
{
    Binary *b = term_is_bitstring(t) ? binary_keeper(t, destroy) : magic_ref_of(t, destroy);
    if (!b || ((NifResource *)b->data)->type != type) return 0;
    *obj = ((NifResource *)b->data)->data;
    return 1;
}

/* 0: called; else the resource is not of that type, or the type has no such callback. */
API int enif_dynamic_resource_call(ErlNifEnv *e, ERL_NIF_TERM module, ERL_NIF_TERM name, ERL_NIF_TERM t,
                                   void *data)
{
    Binary *b = magic_ref_of(t, destroy);
    NifResource *r = b ? (NifResource *)b->data : NULL;
    if (!r || r->type->module != module || !term_is_atom(name)) return 1;
    if (!atom_equals_cstr(name, r->type->name)) return 1;
    ErlNifResourceTypeInit calls;
    NifLibrary *lib = nif_resource_library(r, &calls);
    if (calls.dyncall) calls.dyncall(e, r->data, data);
    if (lib) nif_library_unref(lib);
    return calls.dyncall ? 0 : 1;
}
