/* SPDX-License-Identifier: Apache-2.0 */
/* bif_space - tables private to natives: what hangs off vm->bifs. Made when first asked for, so that no
 * order of initialisation matters. Threads: any. Layer: bifs. */
#ifndef JOIST_BIFS_BIF_SPACE_H
#define JOIST_BIFS_BIF_SPACE_H

#include "base/vm.h"

typedef struct BifSpace {
    struct ReCache *re; /* re_cache.h; const after creation */
    bool internal_state; /* atomic, relaxed: erts_debug:set_internal_state is enabled */
} BifSpace;

BifSpace *bif_space(Vm *vm);
void bif_space_destroy(Vm *vm);

#endif
