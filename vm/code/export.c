/* SPDX-License-Identifier: Apache-2.0 */
/* export - see export.h. Natives and error handling are instruction words inside the entry, so that
 * every export can be called by jumping to `addr`. */
#include "base/alloc.h"
#include "base/hash.h"
#include "code/code.h"

static uint64_t mfa_hash(term_t m, term_t f, word_t arity)
{
    return hash_combine(atom_index(m) * UINT64_C(0xd6e8feb86659fd93) + atom_index(f), arity);
}

static bool mfa_equal(const void *entry, const void *key)
{
    const Mfa *a = &((const Export *)entry)->mfa, *b = key;
    return a->function == b->function && a->module == b->module && a->arity == b->arity;
}

Export *export_find(Vm *vm, term_t module, term_t function, word_t arity)
{
    Mfa key = {module, function, arity};
    return codetab_find(&vm->code->exports, mfa_hash(module, function, arity), mfa_equal, &key);
}

Export *export_get(Vm *vm, term_t module, term_t function, word_t arity)
{
    Export *e = export_find(vm, module, function, arity);
    if (e)
        return e;
    CodeSpace *cs = vm->code;
    mutex_lock(&cs->exports.lock);
    e = export_find(vm, module, function, arity);
    if (!e) {
        e = MEM_NEW(CODE_TABLE, Export);
        e->mfa = (Mfa){module, function, arity};
        store_relaxed(&e->addr, e->error_stub);
        if (cs->stub_init)
            cs->stub_init(vm, e);
        codetab_insert_locked(&cs->exports, mfa_hash(module, function, arity), e);
    }
    mutex_unlock(&cs->exports.lock);
    return e;
}

bool export_is_defined(const Export *e)
{
    return export_addr(e) != e->error_stub;
}

struct EachArg {
    void (*fn)(Export *e, void *ctx);
    void *ctx;
};

static void each_export(void *entry, void *ctx)
{
    struct EachArg *arg = ctx;
    arg->fn(entry, arg->ctx);
}

void export_each(Vm *vm, void (*fn)(Export *e, void *ctx), void *ctx)
{
    codetab_each(&vm->code->exports, each_export, &(struct EachArg){fn, ctx});
}
