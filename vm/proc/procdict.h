/* SPDX-License-Identifier: Apache-2.0 */
/* procdict - process dictionary: an open hash table outside the heap; keys and values are roots.
 * Threads: owner. Nothing here collects. Semantics: erlang(3) put/2, get/1, erase/1. Layer: proc. */
#ifndef JOIST_PROC_PROCDICT_H
#define JOIST_PROC_PROCDICT_H

#include "proc/process.h"

typedef struct DictEntry {
    term_t key, value;       /* key TERM_NONE: free */
} DictEntry;
typedef struct ProcDict {
    uint32_t size, used;     /* size: power of two */
    DictEntry at[];
} ProcDict;

/* Each returns the old value or undefined. */
term_t dict_get(const Process *p, term_t key);
term_t dict_put(Process *p, term_t key, term_t value);
term_t dict_erase(Process *p, term_t key);
/* Same with a hash from dict_hash, for instructions with a constant key. */
term_t dict_get_hashed(const Process *p, term_t key, uint32_t hash);
uint32_t dict_hash(term_t key);
size_t dict_count(const Process *p);
/* [{Key,Value}], built in h (deep copies unless h is p's own heap). */
term_t dict_list(const Process *p, Heap *h);
/* Keys, all of them or those with this value (TERM_NONE: all), in p's own heap. */
term_t dict_keys(Process *p, term_t value);
void dict_free(Process *p);
/* Roots for the collector: the words [*first, *first + n); free ones are TERM_NONE. */
static inline size_t dict_roots(Process *p, term_t **first)
{
    if (!p->dict) return 0;
    *first = &p->dict->at[0].key;
    return 2 * (size_t)p->dict->size;
}

#endif
