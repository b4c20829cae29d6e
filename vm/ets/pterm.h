/* SPDX-License-Identifier: Apache-2.0 */
/* pterm - persistent terms: a table from keys to terms in literal areas of their own, read without
 * locks or copying. Writers exchange the whole (pointer) table; old tables go through the epoch, old
 * terms through the collector of literal areas, which asks every process to copy what it still uses.
 * Semantics: erts' persistent_term(3). Layer: ets. */
#ifndef JOIST_ETS_PTERM_H
#define JOIST_ETS_PTERM_H

#include "proc/process.h"

void pterm_init(Vm *vm);
/* Slots of the hash table. */
size_t pterm_table_slots(Vm *vm);
/* On a scheduler. */
bool pterm_is_set(Vm *vm, term_t key);

#endif
