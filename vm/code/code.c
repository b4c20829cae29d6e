/* SPDX-License-Identifier: Apache-2.0 */
/* code - see code.h. */
#include "code/code.h"

#include "base/alloc.h"
#include "code/range_priv.h"

void code_init(Vm *vm)
{
    CodeSpace *cs = vm->code = MEM_NEW(CODE_TABLE, CodeSpace);
    mutex_init(&cs->write, LOCK_CODE_WRITE);
    mutex_init(&cs->release_lock, LOCK_SYSTEM);
    cs->released_end = &cs->released;
    codetab_init(&cs->exports, LOCK_EXPORT_TABLE, 8192);
    codetab_init(&cs->modules, LOCK_MODULE_TABLE, 512);
    codetab_init(&cs->funs, LOCK_FUN_TABLE, 4096);
    range_init(vm);
}

static void init_stub(Export *e, void *ctx)
{
    Vm *vm = ctx;
    vm->code->stub_init(vm, e);
}

void code_set_stubs(Vm *vm, void (*stub_init)(Vm *vm, Export *e), const code_t *undefined_lambda,
                    const code_t *purging_lambda)
{
    CodeSpace *cs = vm->code;
    cs->stub_init = stub_init;
    cs->undefined_lambda = undefined_lambda;
    cs->purging_lambda = purging_lambda;
    export_each(vm, init_stub, vm);
}
