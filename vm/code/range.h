/* SPDX-License-Identifier: Apache-2.0 */
/* range - from a code address to the module instance, function, file and line it belongs to.
 * The table is one array sorted by address, replaced as a whole at each change; readers take no
 * lock and must be between two quiescent states. Cost: O(log modules + log functions).
 * Layer: code. */
#ifndef JOIST_CODE_RANGE_H
#define JOIST_CODE_RANGE_H

#include "code/module.h"

/* The instance whose code contains `address`, or NULL. */
CodeInstance *range_find(Vm *vm, const void *address);
void range_add_locked(Vm *vm, CodeInstance *c);
void range_remove_locked(Vm *vm, CodeInstance *c);

typedef struct CodeLocation {
    CodeInstance *instance;
    const code_t *entry;   /* of the function */
    const Mfa *mfa;
    term_t file;           /* string (list of characters, a literal), TERM_NONE when line is 0 */
    uint32_t line;         /* 0: unknown */
} CodeLocation;

/* Where `address` is: an address of an instruction, or inside one. For a return address pass the
 * word before it, which belongs to the call. False: no loaded code. */
bool code_locate(Vm *vm, const code_t *address, CodeLocation *out);
/* Only the function; NULL: no loaded code. */
const Mfa *code_find_mfa(Vm *vm, const code_t *address);

/* A catch term is the address of its handler: no table needed. */
static inline term_t catch_term(const code_t *handler) { return term_catch((word_t)handler >> 3); }
static inline const code_t *catch_address(Vm *vm, word_t index)
{
    (void)vm;
    return (const code_t *)(index << 3);
}

#endif
