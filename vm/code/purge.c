/* SPDX-License-Identifier: Apache-2.0 */
/* purge - see purge.h. */
#include "code/purge.h"

#include "base/alloc.h"
#include "base/epoch.h"
#include "code/range.h"
#include "heap/literal.h"

enum DeleteResult purge_delete_module(Vm *vm, term_t module)
{
    enum DeleteResult result = DELETE_OK;
    code_write_lock(vm);
    Module *m = module_find(vm, module);
    if (!m)
        result = DELETE_NO_MODULE;
    else if (load_relaxed(&m->old))
        result = DELETE_OLD_EXISTS;
    else if (load_relaxed(&m->current))
        module_retire_locked(vm, m);
    code_write_unlock(vm);
    return result;
}

/* Funs that lead into c wait from now on. */
static void suspend_funs(Vm *vm, CodeInstance *c)
{
    for (size_t i = 0; i < c->fun_count; i++) {
        FunEntry *f = c->funs[i];
        const code_t *addr = fun_entry_addr(f);
        if (instance_contains(c, addr)) {
            f->suspended = addr;
            fun_entry_set_addr(f, vm->code->purging_lambda);
        }
    }
}

/* End of the suspension: `keep`: back to the code, else undefined. Funs that a newer instance
 * took over meanwhile already have another address. */
static void release_funs(Vm *vm, CodeInstance *c, bool keep)
{
    for (size_t i = 0; i < c->fun_count; i++) {
        FunEntry *f = c->funs[i];
        if (fun_entry_addr(f) == vm->code->purging_lambda && f->suspended
            && instance_contains(c, f->suspended))
            fun_entry_set_addr(f, keep ? f->suspended : vm->code->undefined_lambda);
        f->suspended = NULL;
    }
}

bool purge_prepare(Vm *vm, term_t module, bool on_load)
{
    code_write_lock(vm);
    Module *m = module_find(vm, module);
    CodeInstance *c = NULL;
    if (m && !vm->code->purging)
        c = on_load ? load_relaxed(&m->on_load) : load_relaxed(&m->old);
    if (c) {
        suspend_funs(vm, c);
        store_release(&m->purging, c);
        vm->code->purging = m;
    }
    code_write_unlock(vm);
    return c != NULL;
}

CodeInstance *purge_instance(Vm *vm, term_t module)
{
    Module *m = module_find(vm, module);
    if (!m)
        return NULL;
    CodeInstance *c = load_acquire(&m->purging);
    return c ? c : load_acquire(&m->old);
}

static Module *purge_in_progress(Vm *vm, term_t module)
{
    Module *m = vm->code->purging;
    return m && m->name == module ? m : NULL;
}

bool purge_abort(Vm *vm, term_t module)
{
    code_write_lock(vm);
    Module *m = purge_in_progress(vm, module);
    if (m) {
        release_funs(vm, load_relaxed(&m->purging), true);
        store_release(&m->purging, NULL);
        vm->code->purging = NULL;
    }
    code_write_unlock(vm);
    return m != NULL;
}

/* ---- processes that wait for the end ---- */

bool purge_wait(Vm *vm, term_t pid)
{
    CodeSpace *cs = vm->code;
    code_write_lock(vm);
    bool wait = cs->purging != NULL;
    if (wait && cs->waiter_count == cs->waiter_room) {
        size_t room = cs->waiter_room * 2 + 8;
        cs->waiters = mem_realloc(MEM_CODE_TABLE, cs->waiters, cs->waiter_room * sizeof(term_t),
                                  room * sizeof(term_t));
        cs->waiter_room = room;
    }
    if (wait)
        cs->waiters[cs->waiter_count++] = pid;
    code_write_unlock(vm);
    return wait;
}

size_t purge_take_waiters(Vm *vm, term_t **pids)
{
    CodeSpace *cs = vm->code;
    code_write_lock(vm);
    size_t n = cs->waiter_count;
    *pids = MEM_NEW_ARRAY(TEMP, term_t, n);
    if (n)
        memcpy(*pids, cs->waiters, n * sizeof(term_t));
    cs->waiter_count = 0;
    code_write_unlock(vm);
    return n;
}

/* ---- freeing ---- */

typedef struct Dying {
    EpochNode node;
    Vm *vm;
    CodeInstance *instance;
} Dying;

static void free_dying(void *arg)
{
    Dying *d = arg;
    instance_free(d->vm, d->instance);
    MEM_DELETE(CODE_TABLE, d);
}

static void drop_instance(Vm *vm, CodeInstance *c)
{
    range_remove_locked(vm, c);
    if (c->literal_area)
        purge_release_literals(vm, c->literal_area);
    c->literal_area = NULL;
    if (!vm->epoch) {
        instance_free(vm, c);
        return;
    }
    Dying *d = MEM_NEW(CODE_TABLE, Dying);
    d->vm = vm;
    d->instance = c;
    epoch_defer(vm->epoch, &d->node, free_dying, d);
}

bool purge_complete(Vm *vm, term_t module)
{
    code_write_lock(vm);
    Module *m = purge_in_progress(vm, module);
    void *library = NULL;
    if (m) {
        CodeInstance *c = load_relaxed(&m->purging);
        library = c->nif_library;
        release_funs(vm, c, false);
        if (load_relaxed(&m->old) == c)
            store_release(&m->old, NULL);
        if (load_relaxed(&m->on_load) == c)
            store_release(&m->on_load, NULL);
        store_release(&m->purging, NULL);
        vm->code->purging = NULL;
        drop_instance(vm, c);
    }
    code_write_unlock(vm);
    if (library && vm->code->unload_library) vm->code->unload_library(vm, library);
    return m != NULL;
}

/* ---- literal areas ---- */

void purge_release_literals(Vm *vm, struct LiteralArea *area)
{
    CodeSpace *cs = vm->code;
    LiteralRelease *r = MEM_NEW(CODE_TABLE, LiteralRelease);
    r->vm = vm;
    r->area = area;
    mutex_lock(&cs->release_lock);
    *cs->released_end = r;
    cs->released_end = &r->next;
    mutex_unlock(&cs->release_lock);
}

static void free_all(LiteralRelease *r)
{
    for (LiteralRelease *next; r; r = next) {
        next = r->next;
        literal_area_free(r->area);
        MEM_DELETE(CODE_TABLE, r);
    }
}

static void free_release(void *arg)
{
    LiteralRelease *r = arg;
    CodeSpace *cs = r->vm->code;
    mutex_lock(&cs->release_lock);
    bool seen = cs->ghosts > 0;
    r->next = seen ? cs->limbo : NULL;
    if (seen) cs->limbo = r;
    mutex_unlock(&cs->release_lock);
    if (!seen) free_all(r);
}

void purge_ghost_begins(Vm *vm)
{
    mutex_lock(&vm->code->release_lock);
    vm->code->ghosts++;
    mutex_unlock(&vm->code->release_lock);
}

void purge_ghost_ends(Vm *vm)
{
    CodeSpace *cs = vm->code;
    LiteralRelease *all = NULL;
    mutex_lock(&cs->release_lock);
    if (--cs->ghosts == 0) {
        all = cs->limbo;
        cs->limbo = NULL;
    }
    mutex_unlock(&cs->release_lock);
    free_all(all);
}

bool purge_switch_area(Vm *vm)
{
    CodeSpace *cs = vm->code;
    mutex_lock(&cs->release_lock);
    LiteralRelease *done = cs->releasing, *next = cs->released;
    cs->releasing = next;
    if (next) cs->released = next->next;
    if (!cs->released) cs->released_end = &cs->released;
    literal_area_leaves(vm, next ? next->area : NULL);
    mutex_unlock(&cs->release_lock);
    if (done)
        epoch_defer(vm->epoch, &done->node, free_release, done);
    return next != NULL;
}

bool purge_area_bounds(Vm *vm, const term_t **start, const term_t **end)
{
    CodeSpace *cs = vm->code;
    mutex_lock(&cs->release_lock);
    const LiteralRelease *r = cs->releasing;
    if (r) {
        *start = literal_area_start(r->area);
        *end = literal_area_end(r->area);
    }
    mutex_unlock(&cs->release_lock);
    return r != NULL;
}
