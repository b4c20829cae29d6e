/* SPDX-License-Identifier: Apache-2.0 */
/* module - see module.h. */
#include "code/module.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "code/range.h"

static uint64_t name_hash(term_t name)
{
    return hash_mix(atom_index(name));
}

static bool name_equal(const void *entry, const void *key)
{
    return ((const Module *)entry)->name == *(const term_t *)key;
}

Module *module_find(Vm *vm, term_t name)
{
    return codetab_find(&vm->code->modules, name_hash(name), name_equal, &name);
}

Module *module_get(Vm *vm, term_t name)
{
    Module *m = module_find(vm, name);
    if (m)
        return m;
    CodeTab *t = &vm->code->modules;
    mutex_lock(&t->lock);
    m = module_find(vm, name);
    if (!m) {
        m = MEM_NEW(CODE_TABLE, Module);
        m->name = name;
        codetab_insert_locked(t, name_hash(name), m);
    }
    mutex_unlock(&t->lock);
    return m;
}

CodeInstance *module_current(Vm *vm, term_t name)
{
    Module *m = module_find(vm, name);
    return m ? load_acquire(&m->current) : NULL;
}

struct EachArg {
    void (*fn)(Module *m, void *ctx);
    void *ctx;
};

static void each_module(void *entry, void *ctx)
{
    struct EachArg *arg = ctx;
    arg->fn(entry, arg->ctx);
}

void module_each(Vm *vm, void (*fn)(Module *m, void *ctx), void *ctx)
{
    codetab_each(&vm->code->modules, each_module, &(struct EachArg){fn, ctx});
}

const code_t *instance_function(const CodeInstance *c, term_t function, word_t arity)
{
    for (size_t i = 0; i < c->function_count; i++) {
        const Mfa *mfa = code_entry_mfa(c->functions[i]);
        if (mfa->function == function && mfa->arity == arity)
            return c->functions[i];
    }
    return NULL;
}

void instance_free(Vm *vm, CodeInstance *c)
{
    if (vm->code->forgotten) vm->code->forgotten(vm, c);
    mem_free(MEM_CODE, c->code, c->code_words * sizeof(code_t));
    MEM_DELETE_ARRAY(CODE, c->functions, c->function_count);
    MEM_DELETE_ARRAY(CODE, c->exports, c->export_count);
    MEM_DELETE_ARRAY(CODE, c->funs, c->fun_count);
    MEM_DELETE_ARRAY(CODE, c->fun_addrs, c->fun_count);
    MEM_DELETE_ARRAY(CODE, c->lines, c->line_count);
    MEM_DELETE_ARRAY(CODE, c->files, c->file_count);
    MEM_DELETE_ARRAY(CODE, c->strings, c->string_bytes);
    MEM_DELETE_ARRAY(CODE, c->attributes, c->attributes_bytes);
    MEM_DELETE_ARRAY(CODE, c->compile_info, c->compile_info_bytes);
    MEM_DELETE_ARRAY(CODE, c->literals, c->literal_count);
    MEM_DELETE(CODE, c);
}

/* ---- publication ---- */

static void publish_funs(Vm *vm, CodeInstance *c)
{
    for (size_t i = 0; i < c->fun_count; i++)
        fun_entry_set_addr(c->funs[i], c->fun_addrs[i]);
}

void module_stage_locked(Vm *vm, Module *m, CodeInstance *c)
{
    ASSERT_LOCKED(&vm->code->write);
    c->module = m;
    range_add_locked(vm, c);
    publish_funs(vm, c);
    m->on_load_call.mfa = *code_entry_mfa(c->on_load);
    store_release(&m->on_load_call.addr, c->on_load);
    store_release(&m->on_load, c);
}

/* The stub or a copy of it. Word by word: a function may have fewer, but not when it begins as the stub does. */
static bool is_native_stub(const Export *e, const code_t *addr)
{
    for (size_t i = 0; i < ARRAY_LEN(e->native_stub); i++)
        if (addr[i] != e->native_stub[i]) return false;
    return true;
}

/* A function with code of its own takes the place of the native; but not one that on_load has bound to a
 * library: its code is a copy of the stub. */
static void publish_export(Export *e, const code_t *addr)
{
    if (e->native && !is_native_stub(e, addr)) e->native = NULL;
    e->flags |= EXPORT_LOADED | EXPORT_NEW;
    store_release(&e->addr, addr);
}

static void withdraw_export(Export *e)
{
    e->flags &= ~EXPORT_LOADED;
    store_release(&e->addr, e->native ? e->native_stub : e->error_stub);
}

/* What of `before` is not in c goes; all others lead from the old code to the new without a gap. */
static void publish_exports(CodeInstance *c, const CodeInstance *before)
{
    for (size_t i = 0; i < c->export_count; i++) publish_export(c->exports[i].export, c->exports[i].addr);
    for (size_t i = 0; before && i < before->export_count; i++)
        if (!(before->exports[i].export->flags & EXPORT_NEW)) withdraw_export(before->exports[i].export);
    for (size_t i = 0; i < c->export_count; i++) c->exports[i].export->flags &= ~EXPORT_NEW;
}

void module_publish_locked(Vm *vm, Module *m, CodeInstance *c)
{
    CodeInstance *before = load_relaxed(&m->current);
    ASSERT_LOCKED(&vm->code->write);
    ASSERT(!before || load_relaxed(&m->old) == NULL);
    if (load_relaxed(&m->on_load) == c) {
        store_release(&m->on_load, NULL);
    } else {
        c->module = m;
        range_add_locked(vm, c);
        publish_funs(vm, c);
    }
    if (vm->code->published) vm->code->published(vm, c);
    if (before) store_release(&m->old, before);
    /* Before the exports: whoever arrives in the new code finds its module. */
    store_release(&m->current, c);
    publish_exports(c, before);
    store_release(&m->loaded, true);
}

void module_retire_locked(Vm *vm, Module *m)
{
    ASSERT_LOCKED(&vm->code->write);
    CodeInstance *c = load_relaxed(&m->current);
    ASSERT(c && load_relaxed(&m->old) == NULL);
    store_release(&m->loaded, false);
    for (size_t i = 0; i < c->export_count; i++) withdraw_export(c->exports[i].export);
    store_release(&m->old, c);
    store_release(&m->current, NULL);
}
