/* SPDX-License-Identifier: Apache-2.0 */
/* nif_load - erlang:load_nif/2: find the library, check it against the module that asks for it, bind its
 * functions; and unloading it when the module instance is purged. Natives that are part of Joist were bound
 * when their module was loaded.
 * Binding: the compiler begins each function that may be replaced with nif_start, which is as long as
 * native_tail: the operand is written first, then the handler, so a process that runs the code sees one or the
 * other. Code of older compilers has no nif_start: it is patched while the schedulers stand still.
 * Semantics: erlang(3) load_nif/2, erl_nif(3) "Initialization". Layer: nif. */
#include "base/alloc.h"
#include "base/buf.h"
#include "code/range.h"
#include "data/iolist.h"
#include "data/term_print.h"
#include "exec/insn.h"
#include "nif/nif.h"
#include "nif/select.h"
#include "trace/breakpoint.h"

#include <dlfcn.h>

enum { NEWEST_MINOR = 18 };

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

/* Text of an atom as %T prints it; the caller frees. */
static Buf atom_buf(term_t atom)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, atom, 300);
    return b;
}

/* ---- libraries ---- */

void nif_library_ref(NifLibrary *lib) { atomic_fetch_add(&lib->refs, 1); }

/* Processes keep pointing to the native they called last, so a NifFunction stays one for ever, if of another
 * library. */
static void recycle_functions(struct NifSpace *s, NifFunction *f)
{
    for (NifFunction *next; f; f = next) {
        next = f->next;
        f->library = NULL;
        f->next = s->spare;
        s->spare = f;
    }
}

NifFunction *nif_function_new_locked(NifLibrary *lib)
{
    struct NifSpace *s = lib->vm->nif;
    NifFunction *f = s->spare;
    if (f) s->spare = f->next;
    else f = MEM_NEW(NIF, NifFunction);
    f->library = lib;
    return f;
}

static void free_library(NifLibrary *lib)
{
    dlclose(lib->handle);
    if (lib->entry == &lib->upgraded && lib->upgraded.funcs)
        mem_free(MEM_NIF, lib->upgraded.funcs, (size_t)lib->upgraded.num_of_funcs * sizeof(ErlNifFunc));
    mem_free_text(MEM_NIF, lib->path);
    MEM_DELETE(NIF, lib);
}

static void unlink_library(NifLibrary *lib)
{
    struct NifSpace *s = lib->vm->nif;
    mutex_lock(&s->lock);
    NifLibrary **at = &s->libraries;
    while (*at && *at != lib) at = &(*at)->next;
    if (*at) *at = lib->next;
    recycle_functions(s, lib->functions);
    recycle_functions(s, lib->scheduled);
    mutex_unlock(&s->lock);
}

static void end_library(void *arg)
{
    NifLibrary *lib = arg;
    ErlNifEnv env;
    nif_env_callback(&env, lib->vm, lib);
    if (lib->loaded && lib->entry->unload) lib->entry->unload(&env, lib->priv_data);
    nif_env_done(&env);
    free_library(lib);
}

static void call_unload_thread(void *arg)
{
    NifLibrary *lib = arg;
    lib->on_unload_thread(lib->priv_data);
}

/* The last one: nobody can get at the library any more. */
void nif_library_unref(NifLibrary *lib)
{
    if (atomic_fetch_sub(&lib->refs, 1) != 1) return;
    unlink_library(lib);
    if (lib->on_unload_thread) sched_run_on_all(lib->vm, call_unload_thread, end_library, lib);
    else if (sched_self && sched_self->kind == SCHED_NORMAL) end_library(lib);
    else nif_later(lib->vm, end_library, lib);
}

/* Entries before 2.1, 2.7, 2.12 end earlier, and functions had no flags before 2.7. */
static void upgrade_entry(NifLibrary *lib, const ErlNifEntry *old)
{
    struct { const char *name; unsigned arity; NifFn *fptr; } const *f = (const void *)old->funcs;
    memcpy(&lib->upgraded, old, offsetof(ErlNifEntry, vm_variant));
    lib->upgraded.vm_variant = old->minor >= 1 ? old->vm_variant : ERL_NIF_VM_VARIANT;
    size_t n = (size_t)old->num_of_funcs;
    lib->upgraded.funcs = mem_alloc(MEM_NIF, n * sizeof(ErlNifFunc));
    for (size_t i = 0; i < n; i++)
        lib->upgraded.funcs[i] = (ErlNifFunc){f[i].name, f[i].arity, f[i].fptr, 0};
    lib->entry = &lib->upgraded;
}

static NifLibrary *new_library(Vm *vm, void *handle, ErlNifEntry *entry, term_t module, const char *path)
{
    NifLibrary *lib = MEM_NEW(NIF, NifLibrary);
    lib->vm = vm;
    lib->handle = handle;
    lib->entry = entry;
    lib->module = module;
    lib->path = mem_text(MEM_NIF, path);
    atomic_store(&lib->refs, 1);
    if (entry->minor < 7) upgrade_entry(lib, entry);
    return lib;
}

/* ---- checks ---- */

static const code_t *find_function(const CodeInstance *c, const ErlNifFunc *f)
{
    term_t name = atom_find(f->name, strlen(f->name));
    return name == TERM_NONE ? NULL : instance_function(c, name, f->arity);
}

static term_t check_version(Process *p, const char *module, const ErlNifEntry *entry)
{
    if (entry->major > ERL_NIF_MAJOR_VERSION || (entry->major == 2 && entry->minor > NEWEST_MINOR))
        return refused(p, am_bad_lib, "That '%s' NIF library needs %s or newer. Either try to recompile the NIF lib "
                       "or use a newer erts version", module, entry->min_erts);
    if (entry->major < ERL_NIF_MAJOR_VERSION || entry->minor == 5)
        return refused(p, am_bad_lib, "Library version (%d.%d) not compatible (with %d.%d).", entry->major,
                       entry->minor, ERL_NIF_MAJOR_VERSION, ERL_NIF_MINOR_VERSION);
    if (entry->minor >= 1 && strcmp(entry->vm_variant, ERL_NIF_VM_VARIANT) != 0)
        return refused(p, am_bad_lib, "Library (%s) not compiled for this vm variant (%s).", entry->vm_variant,
                       ERL_NIF_VM_VARIANT);
    return TERM_NONE;
}

static int32_t handler_of(const code_t *word) { return *(const int32_t *)(const void *)word; }

static bool has_nif_start(Vm *vm, const code_t *entry)
{
    code_t words[2];
    InsnOperand spare = {INSN_OP_UINT, 0};
    insn_emit(words, INSN_nif_start, &spare, 1);
    const Breakpoint *b = breakpoint_at(vm, entry);
    return (b ? b->handler : handler_of(entry)) == handler_of(words);
}

/* Where the compiler knows nif_start, functions without it may not be replaced (attribute -nifs). */
static bool declares_nifs(Vm *vm, const CodeInstance *c)
{
    for (size_t i = 0; i < c->function_count; i++)
        if (has_nif_start(vm, c->functions[i])) return true;
    return false;
}

static bool is_duplicate(const ErlNifEntry *entry, int i)
{
    for (int j = 0; j < i; j++)
        if (entry->funcs[j].arity == entry->funcs[i].arity && !strcmp(entry->funcs[j].name, entry->funcs[i].name))
            return true;
    return false;
}

static term_t check_function(Process *p, const CodeInstance *c, const char *module, bool declared_only,
                             const ErlNifEntry *entry, int i)
{
    const ErlNifFunc *f = &entry->funcs[i];
    if (!find_function(c, f))
        return refused(p, am_bad_lib, "Function not found %s:%s/%u", module, f->name, f->arity);
    if (declared_only && !has_nif_start(p->vm, find_function(c, f)))
        return refused(p, am_bad_lib, "Function not declared as nif %s:%s/%u", module, f->name, f->arity);
    if (f->flags > ERL_NIF_DIRTY_JOB_IO_BOUND)
        return refused(p, am_bad_lib, "Illegal flags field value %u for NIF %s:%s/%u", f->flags, module, f->name,
                       f->arity);
    if (is_duplicate(entry, i))
        return refused(p, am_bad_lib, "Duplicate NIF entry for %s:%s/%u", module, f->name, f->arity);
    return TERM_NONE;
}

/* TERM_NONE when the library fits the module, else the error to return. */
static term_t check_library(Process *p, const CodeInstance *c, const char *module, const ErlNifEntry *entry)
{
    if (!atom_equals_cstr(c->name, entry->name))
        return refused(p, am_bad_lib, "Library module name '%s' does not match calling module '%s'", entry->name,
                       module);
    term_t error = TERM_NONE;
    bool declared_only = declares_nifs(p->vm, c);
    for (int i = 0; i < entry->num_of_funcs && error == TERM_NONE; i++)
        error = check_function(p, c, module, declared_only, entry, i);
    return error;
}

/* ---- binding ---- */

static NifFunction *new_function(NifLibrary *lib, const ErlNifFunc *f)
{
    term_t name = atom_find(f->name, strlen(f->name));
    struct NifSpace *s = lib->vm->nif;
    mutex_lock(&s->lock);
    NifFunction *n = nif_function_new_locked(lib);
    mutex_unlock(&s->lock);
    n->entry = (BifEntry){lib->module, name, (uint8_t)f->arity, nif_native_flags(f->flags), nif_call, f->name};
    n->export.mfa = (Mfa){lib->module, name, f->arity};
    n->export.native = &n->entry;
    lib->vm->code->stub_init(lib->vm, &n->export);
    n->fn = f->fptr;
    n->next = lib->functions;
    return lib->functions = n;
}

/* The body of the function becomes native_tail; a breakpoint keeps standing before it. */
static void patch(Vm *vm, code_t *code, const code_t *stub)
{
    Breakpoint *b = breakpoint_at(vm, code);
    __atomic_store_n(&code[1], stub[1], __ATOMIC_RELEASE);
    if (b) b->handler = handler_of(stub);
    else __atomic_store_n((int32_t *)(void *)code, handler_of(stub), __ATOMIC_RELEASE);
}

static void bind_all(Vm *vm, NifLibrary *lib, const CodeInstance *c)
{
    static_assert(sizeof ((Export *)0)->native_stub == 2 * sizeof(code_t), "native_tail, nif_start: two words");
    bool all_start = true;
    for (int i = 0; i < lib->entry->num_of_funcs; i++)
        all_start = all_start && has_nif_start(vm, find_function(c, &lib->entry->funcs[i]));
    if (!all_start) sched_block_all(vm);
    for (int i = 0; i < lib->entry->num_of_funcs; i++) {
        const ErlNifFunc *f = &lib->entry->funcs[i];
        patch(vm, (code_t *)find_function(c, f), new_function(lib, f)->export.native_stub);
    }
    if (!all_start) sched_unblock_all(vm);
}

/* ---- load and upgrade callbacks ---- */

static NifLibrary *previous_library(const CodeInstance *c)
{
    const Module *m = c->module;
    const CodeInstance *current = m ? m->current : NULL;
    const CodeInstance *before = !m ? NULL : current && current != c ? current : m->old;
    return before && before != c && nif_is_library(before->nif_library) ? before->nif_library : NULL;
}

/* TERM_NONE when the library agrees to be used. */
static term_t call_load(Process *p, NifLibrary *lib, const CodeInstance *c, term_t info)
{
    ErlNifEnv env = {.vm = p->vm, .p = p, .heap = &p->heap, .library = lib};
    NifLibrary *old = previous_library(c);
    int r = 0;
    if (old) {
        if (!lib->entry->upgrade)
            return refused(p, am_upgrade, "Upgrade not supported by this NIF library.");
        void *old_data = old->priv_data;
        r = lib->entry->upgrade(&env, &lib->priv_data, &old->priv_data, info);
        if (r) old->priv_data = old_data;
    } else if (lib->entry->load) {
        r = lib->entry->load(&env, &lib->priv_data, info);
    }
    nif_env_done(&env);
    if (r == 0) return TERM_NONE;
    return refused(p, old ? am_upgrade : am_load, "Library %s-call unsuccessful (%d).",
                   old ? "upgrade" : "load", r);
}

static void publish(Vm *vm, NifLibrary *lib, CodeInstance *c)
{
    struct NifSpace *s = vm->nif;
    nif_types_commit(lib);
    bind_all(vm, lib, c);
    c->nif_library = lib;
    lib->loaded = true;
    mutex_lock(&s->lock);
    lib->next = s->libraries;
    s->libraries = lib;
    mutex_unlock(&s->lock);
    nif_add_taint(vm, lib->module);
}

static term_t load_opened(Process *p, void *handle, const char *path, CodeInstance *c, const char *module,
                          term_t info)
{
    ErlNifEntry *(*init)(void) = (ErlNifEntry * (*)(void)) dlsym(handle, "nif_init");
    ErlNifEntry *entry = init ? init() : NULL;
    term_t error = !init    ? refused(p, am_bad_lib, "Failed to find library init function: '%s'", dlerror())
                   : !entry ? refused(p, am_bad_lib, "Library init-call unsuccessful")
                            : check_version(p, module, entry);
    if (error != TERM_NONE) {
        dlclose(handle);
        return error;
    }
    NifLibrary *lib = new_library(p->vm, handle, entry, c->name, path);
    error = check_library(p, c, module, lib->entry);
    if (error == TERM_NONE) error = call_load(p, lib, c, info);
    if (error != TERM_NONE) {
        nif_types_abort(lib);
        nif_library_unref(lib);
        return error;
    }
    publish(p->vm, lib, c);
    return am_ok;
}

static term_t load_library(Process *p, const char *path, CodeInstance *c, term_t info)
{
    Buf module = atom_buf(c->name);
    void *handle = NULL;
    term_t r;
    if (c->module && c->module->old == c)
        r = refused(p, am_old_code, "Calling load_nif from old module '%s' not allowed", buf_text(&module));
    else if (nif_is_library(c->nif_library))
        r = refused(p, am_reload, "NIF library already loaded (reload disallowed since OTP 20).");
    else if (!(handle = dlopen(path, RTLD_NOW)))
        r = refused(p, am_load_failed, "Failed to load NIF library: '%s'", dlerror());
    else
        r = load_opened(p, handle, path, c, buf_text(&module), info);
    buf_free(&module);
    return r;
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
    if (nif_code_is_held(p)) return bif_yield(p);
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

/* The instance is gone: `unload` comes when calls and resources are, too. */
static void unload(Vm *vm UNUSED, void *nif_library)
{
    if (!nif_is_library(nif_library)) return;
    nif_types_drop(nif_library);
    nif_library_unref(nif_library);
}

/* ---- start ---- */

void nif_init_space(Vm *vm)
{
    struct NifSpace *s = MEM_NEW(NIF, struct NifSpace);
    mutex_init(&s->lock, LOCK_NIF_LIST);
    s->vm = vm;
    vm->nif = s;
    nif_monitor_init(vm);
    fd_table_init(vm);
    vm->code->unload_library = unload;
    trace_space(vm)->call_native = nif_call_tracer;
    vm_set_default(vm);
}

/* ---- what others ask ---- */

void nif_add_taint(Vm *vm, term_t module)
{
    struct NifSpace *s = vm->nif;
    mutex_lock(&s->lock);
    NifTaint *t = s->taints;
    while (t && t->module != module) t = t->next;
    if (!t) {
        t = MEM_NEW(NIF, NifTaint);
        t->module = module;
        t->next = s->taints;
        s->taints = t;
    }
    mutex_unlock(&s->lock);
}

term_t nif_taints(Vm *vm, Heap *h)
{
    struct NifSpace *s = vm->nif;
    term_t list = TERM_NIL;
    mutex_lock(&s->lock);
    for (const NifTaint *t = s->taints; t; t = t->next) list = heap_cons(h, t->module, list);
    mutex_unlock(&s->lock);
    return list;
}

void nif_halt(Vm *vm)
{
    struct NifSpace *s = vm->nif;
    mutex_lock(&s->lock);
    NifLibrary *lib = s->libraries;
    mutex_unlock(&s->lock);
    for (; lib; lib = lib->next)
        if (lib->on_halt) lib->on_halt(lib->priv_data);
}
