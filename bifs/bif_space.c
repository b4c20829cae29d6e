/* SPDX-License-Identifier: Apache-2.0 */
/* bif_space - see bif_space.h. Layer: bifs. */
#include "bifs/bif_space.h"

#include "base/alloc.h"
#include "bifs/re_cache.h"

static void delete_space(BifSpace *s)
{
    re_cache_destroy(s->re);
    MEM_DELETE(SYS, s);
}

/* Two threads may both make one; the slower throws its own away. */
BifSpace *bif_space(Vm *vm)
{
    BifSpace *s = __atomic_load_n(&vm->bifs, __ATOMIC_ACQUIRE);
    if (LIKELY(s != NULL)) return s;
    BifSpace *fresh = MEM_NEW(SYS, BifSpace);
    fresh->re = re_cache_new();
    if (__atomic_compare_exchange_n(&vm->bifs, &s, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    delete_space(fresh);
    return s;
}

void bif_space_destroy(Vm *vm)
{
    if (vm->bifs) delete_space(vm->bifs);
    vm->bifs = NULL;
}
