/* SPDX-License-Identifier: Apache-2.0 */
/* nif_load - erlang:load_nif/2: find the library, check it against the module that asks for it, bind its
 * functions. Natives that are part of Joist were bound when their module was loaded.
 * Semantics: erlang(3) load_nif/2, erl_nif(3) "Initialization". Layer: nif. */
#include "base/alloc.h"
#include "base/buf.h"
#include "code/range.h"
#include "data/iolist.h"
#include "nif/nif.h"
#include "sched/sched.h"

#include <dlfcn.h>

enum { NATIVE_TAIL_WORDS = 2 };

void nif_init_space(Vm *vm)
{
    struct NifSpace *s = MEM_NEW(NIF, struct NifSpace);
    mutex_init(&s->lock, LOCK_NIF_LIST);
    s->vm = vm;
    vm->nif = s;
}

/* {error, {Reason, Text}} */
static term_t refused(Process *p, term_t reason, const char *format, ...) PRINTF_LIKE(3, 4);
static term_t refused(Process *p, term_t reason, const char *format, ...)
{
    Buf b = BUF_INIT(TEMP);
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&b, format, ap);
    va_end(ap);
    term_t text = heap_string(&p->heap, buf_text(&b), b.len, TERM_NIL);
    buf_free(&b);
    return heap_tuple2(&p->heap, am_error, heap_tuple2(&p->heap, reason, text));
}

/* ---- checks ---- */

static Buf atom_buf(term_t atom)
{
    Buf b = BUF_INIT(TEMP);
    buf_append(&b, atom_text(atom)->text, atom_text(atom)->bytes);
    return b;
}

static const code_t *find_function(const CodeInstance *c, const ErlNifFunc *f)
{
    term_t name = atom_find(f->name, strlen(f->name));
    return name == TERM_NONE ? NULL : instance_function(c, name, f->arity);
}

/* TERM_NONE when the library fits the module, else the error to return. */
static term_t check_library(Process *p, const CodeInstance *c, const ErlNifEntry *entry)
{
    if (entry->major != ERL_NIF_MAJOR_VERSION || entry->minor > 18)
        return refused(p, am_bad_lib, "Library version (%d.%d) not compatible (with %d.%d).", entry->major,
                       entry->minor, ERL_NIF_MAJOR_VERSION, ERL_NIF_MINOR_VERSION);
    if (!atom_equals_cstr(c->name, entry->name)) {
        Buf m = atom_buf(c->name);
        term_t r = refused(p, am_bad_lib, "Library module name '%s' does not match calling module '%s'",
                           entry->name, buf_text(&m));
        buf_free(&m);
        return r;
    }
    for (int i = 0; i < entry->num_of_funcs; i++) {
        const ErlNifFunc *f = &entry->funcs[i];
        if (!find_function(c, f))
            return refused(p, am_bad_lib, "Function not found %s:%s/%u", entry->name, f->name, f->arity);
    }
    return TERM_NONE;
}

/* ---- binding ---- */

static uint8_t native_flags(unsigned flags)
{
    if (flags == ERL_NIF_DIRTY_JOB_CPU_BOUND) return BIF_DIRTY_CPU;
    return flags == ERL_NIF_DIRTY_JOB_IO_BOUND ? BIF_DIRTY_IO : 0;
}

/* The body of the function becomes native_tail. Schedulers stand still meanwhile. */
static void bind_function(Vm *vm, NifLibrary *lib, const CodeInstance *c, const ErlNifFunc *f)
{
    code_t *code = (code_t *)find_function(c, f);
    term_t name = atom_find(f->name, strlen(f->name));
    Export *e = export_get(vm, c->name, name, f->arity);
    NifFunction *n = MEM_NEW(NIF, NifFunction);
    n->entry = (BifEntry){c->name, name, (uint8_t)f->arity, native_flags(f->flags), nif_call, f->name};
    n->library = lib;
    n->fn = f->fptr;
    n->next = lib->functions;
    lib->functions = n;
    e->native = &n->entry;
    code[1] = e->native_stub[1];
    code[0] = e->native_stub[0];
}

static void bind_all(Vm *vm, NifLibrary *lib, const CodeInstance *c)
{
    static_assert(sizeof ((Export *)0)->native_stub == NATIVE_TAIL_WORDS * sizeof(code_t), "stub");
    sched_block_all(vm);
    for (int i = 0; i < lib->entry->num_of_funcs; i++) bind_function(vm, lib, c, &lib->entry->funcs[i]);
    sched_unblock_all(vm);
}

/* ---- load and upgrade callbacks ---- */

static NifLibrary *old_library(const CodeInstance *c)
{
    CodeInstance *current = c->module ? c->module->current : NULL;
    if (current == c && c->module) current = c->module->old;
    return current && current != c ? current->nif_library : NULL;
}

/* TERM_NONE when the library agrees to be used. */
static term_t call_load(Process *p, NifLibrary *lib, const CodeInstance *c, term_t info)
{
    ErlNifEnv env = {.vm = p->vm, .p = p, .heap = &p->heap, .library = lib};
    NifLibrary *old = old_library(c);
    int r = 0;
    if (old) {
        if (!lib->entry->upgrade)
            return refused(p, am_upgrade, "Upgrade not supported by this NIF library.");
        r = lib->entry->upgrade(&env, &lib->priv_data, &old->priv_data, info);
    } else if (lib->entry->load) {
        r = lib->entry->load(&env, &lib->priv_data, info);
    }
    nif_env_done(&env);
    if (r == 0) return TERM_NONE;
    return refused(p, old ? am_upgrade : am_load, "Library %s-call unsuccessful (%d).",
                   old ? "upgrade" : "load", r);
}

static void forget(NifLibrary *lib)
{
    dlclose(lib->handle);
    mem_free_text(MEM_NIF, lib->path);
    MEM_DELETE(NIF, lib);
}

static void publish(Vm *vm, NifLibrary *lib, CodeInstance *c)
{
    struct NifSpace *s = vm->nif;
    bind_all(vm, lib, c);
    c->nif_library = lib;
    mutex_lock(&s->lock);
    lib->next = s->libraries;
    s->libraries = lib;
    mutex_unlock(&s->lock);
}

static term_t load_opened(Process *p, void *handle, const char *path, CodeInstance *c, term_t info)
{
    ErlNifEntry *(*init)(void) = (ErlNifEntry * (*)(void)) dlsym(handle, "nif_init");
    ErlNifEntry *entry = init ? init() : NULL;
    term_t error = !init    ? refused(p, am_bad_lib, "Failed to find library init function: '%s'", dlerror())
                   : !entry ? refused(p, am_bad_lib, "Library init-call unsuccessful")
                            : check_library(p, c, entry);
    if (error != TERM_NONE) {
        dlclose(handle);
        return error;
    }
    NifLibrary *lib = MEM_NEW(NIF, NifLibrary);
    lib->handle = handle;
    lib->entry = entry;
    lib->module = c->name;
    lib->path = mem_text(MEM_NIF, path);
    error = call_load(p, lib, c, info);
    if (error != TERM_NONE) {
        forget(lib);
        return error;
    }
    publish(p->vm, lib, c);
    return am_ok;
}

static term_t load_library(Process *p, const char *path, CodeInstance *c, term_t info)
{
    if (c->nif_library && c->nif_library != (void *)bif_table)
        return refused(p, am_reload, "NIF library already loaded (reload disallowed since OTP 20).");
    void *handle = dlopen(path, RTLD_NOW);
    if (!handle) return refused(p, am_load_failed, "Failed to load NIF library: '%s'", dlerror());
    return load_opened(p, handle, path, c, info);
}

/* Path of the library: a character list, ".so" appended. */
static bool library_path(term_t t, Buf *b)
{
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) <= 0 || small_value(c) > 0x10FFFF) return false;
        buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    if (t != TERM_NIL || b->len == 0) return false;
    if (b->len < 3 || memcmp(b->data + b->len - 3, ".so", 3) != 0) buf_puts(b, ".so");
    return true;
}

BIF(erlang, load_nif, 2, 0)
{
    Buf path = BUF_INIT(TEMP);
    CodeInstance *c = range_find(p->vm, p->pc);
    term_t r;
    if (!c || !library_path(a[0], &path)) {
        r = bif_error(p, EXC_BADARG);
    } else if (c->preloaded) {
        c->nif_library = (void *)bif_table;
        r = am_ok;
    } else {
        r = load_library(p, buf_text(&path), c, a[1]);
    }
    buf_free(&path);
    return r;
}
