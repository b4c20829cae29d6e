/* SPDX-License-Identifier: Apache-2.0 */
/* nif_resource - objects of native libraries, known to Erlang as magic references.
 * A resource is a magic Binary; its contents begin with the type. The destructor runs, in whatever
 * thread drops the last reference, with an environment of its own. Layer: nif. */
#include "base/alloc.h"
#include "data/binary.h"
#include "nif/nif.h"

#define API EXPORTED

struct enif_resource_type_t {
    struct enif_resource_type_t *next; /* NifSpace lock */
    term_t module;
    char *name;
    ErlNifResourceTypeInit calls;      /* changed by takeover, code write lock */
    NifLibrary *owner;
    Vm *vm;
};

typedef struct Resource {
    ErlNifResourceType *type;
    size_t size;
    RefNum ref;                 /* of every term that stands for it */
    unsigned char data[] __attribute__((aligned(16)));
} Resource;

static Resource *resource_of(void *obj) { return container_of(obj, Resource, data); }
static Binary *binary_of(void *obj) { return container_of((void *)resource_of(obj), Binary, data); }

static void destroy(Binary *b)
{
    Resource *r = (Resource *)b->data;
    ErlNifEnv env;
    if (!r->type->calls.dtor) return;
    nif_env_callback(&env, r->type->vm, r->type->owner);
    r->type->calls.dtor(&env, r->data);
    nif_env_done(&env);
}

/* ---- types ---- */

static ErlNifResourceType *find_type(struct NifSpace *s, term_t module, const char *name)
{
    ErlNifResourceType *t = s->types;
    while (t && (t->module != module || strcmp(t->name, name) != 0)) t = t->next;
    return t;
}

static ErlNifResourceType *new_type(struct NifSpace *s, term_t module, const char *name)
{
    ErlNifResourceType *t = MEM_NEW(RESOURCE, ErlNifResourceType);
    t->module = module;
    t->name = mem_text(MEM_RESOURCE, name);
    t->vm = s->vm;
    t->next = s->types;
    s->types = t;
    return t;
}

/* Create or take over, as the flags allow; *tried tells which. */
static ErlNifResourceType *open_type(ErlNifEnv *e, const char *name, const ErlNifResourceTypeInit *init,
                                     ErlNifResourceFlags flags, ErlNifResourceFlags *tried)
{
    struct NifSpace *s = e->vm->nif;
    mutex_lock(&s->lock);
    ErlNifResourceType *t = find_type(s, e->library->module, name);
    ErlNifResourceFlags how = t ? ERL_NIF_RT_TAKEOVER : ERL_NIF_RT_CREATE;
    bool allowed = flags & how;
    if (allowed) {
        if (!t) t = new_type(s, e->library->module, name);
        t->calls = *init;
        t->owner = e->library;
    }
    mutex_unlock(&s->lock);
    if (tried) *tried = how;
    return allowed ? t : NULL;
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

API void *enif_alloc_resource(ErlNifResourceType *type, size_t size)
{
    Binary *b = binary_new_magic(sizeof(Resource) + size, 0, destroy);
    Resource *r = (Resource *)b->data;
    r->type = type;
    r->size = size;
    r->ref = ref_new(type->vm);
    return r->data;
}

API void enif_release_resource(void *obj) { binary_unref(binary_of(obj)); }
API void enif_keep_resource(void *obj) { binary_ref(binary_of(obj)); }
API size_t enif_sizeof_resource(void *obj) { return resource_of(obj)->size; }

API ERL_NIF_TERM enif_make_resource(ErlNifEnv *e, void *obj)
{
    return heap_magic_ref(e->heap, binary_ref(binary_of(obj)), resource_of(obj)->ref);
}

API int enif_get_resource(ErlNifEnv *e UNUSED, ERL_NIF_TERM t, ErlNifResourceType *type, void **obj)
{
    Binary *b = magic_ref_of(t, destroy);
    if (!b || ((Resource *)b->data)->type != type) return 0;
    *obj = ((Resource *)b->data)->data;
    return 1;
}
