/* SPDX-License-Identifier: Apache-2.0 */
/* bif - see bif.h. */
#include "bifs/bif.h"

/* Looked for when code is loaded or compiled, not when it runs. */
const BifEntry *bif_find(term_t module, term_t function, unsigned arity)
{
    for (unsigned i = 0; i < bif_table_count; i++) {
        const BifEntry *b = &bif_table[i];
        if (b->function == function && b->arity == arity && b->module == module)
            return b;
    }
    return NULL;
}
