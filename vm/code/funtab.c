/* SPDX-License-Identifier: Apache-2.0 */
/* funtab - see funtab.h. */
#include "code/funtab.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "code/module.h"
#include "code/range.h"

struct Key {
    term_t module;
    uint32_t index, old_uniq;
    const uint8_t *uniq;
};

static uint64_t key_hash(const struct Key *k)
{
    uint64_t md5;
    memcpy(&md5, k->uniq, sizeof md5);
    return hash_combine(hash_combine(atom_index(k->module), k->index), md5 ^ k->old_uniq);
}

static bool key_equal(const void *entry, const void *key)
{
    const FunEntry *f = entry;
    const struct Key *k = key;
    return f->module == k->module && f->index == k->index && f->old_uniq == k->old_uniq
        && memcmp(f->uniq, k->uniq, sizeof f->uniq) == 0;
}

static FunEntry *entry_new(Vm *vm, const struct Key *k, unsigned arity)
{
    FunEntry *f = MEM_NEW(CODE_TABLE, FunEntry);
    f->module = k->module;
    f->index = f->old_index = k->index;
    f->old_uniq = k->old_uniq;
    memcpy(f->uniq, k->uniq, sizeof f->uniq);
    f->arity = (uint16_t)arity;
    store_relaxed(&f->addr, vm->code->undefined_lambda);
    return f;
}

FunEntry *fun_entry_get(Vm *vm, term_t module, uint32_t index, uint32_t old_uniq, const uint8_t uniq[16],
                        unsigned arity)
{
    CodeTab *t = &vm->code->funs;
    struct Key k = {module, index, old_uniq, uniq};
    uint64_t hash = key_hash(&k);
    FunEntry *f = codetab_find(t, hash, key_equal, &k);
    if (f)
        return f;
    mutex_lock(&t->lock);
    f = codetab_find(t, hash, key_equal, &k);
    if (!f) {
        f = entry_new(vm, &k, arity);
        codetab_insert_locked(t, hash, f);
    }
    mutex_unlock(&t->lock);
    return f;
}

bool fun_entry_is_loaded(Vm *vm, const FunEntry *f)
{
    return fun_entry_mfa(vm, f) != NULL;
}

const Mfa *fun_entry_mfa(Vm *vm, const FunEntry *f)
{
    const code_t *addr = fun_entry_addr(f);
    if (addr == vm->code->undefined_lambda || addr == vm->code->purging_lambda)
        return NULL;
    return range_find(vm, addr) ? code_entry_mfa(addr) : NULL;
}
