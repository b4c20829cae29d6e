/* SPDX-License-Identifier: Apache-2.0 */
/* codetab - hash table of pointers that only grows; looked up without a lock.
 * Open addressing over an array of {hash, pointer}; a full array is copied to one twice as large and
 * published; the old ones stay, linked (together they are smaller than the newest), so a reader may
 * still be in one. A reader that misses an entry added meanwhile
 * looks again under the lock, inside codetab_insert's caller.
 * Threads: find: any. insert: under `lock`. Layer: code. */
#ifndef JOIST_CODE_CODETAB_H
#define JOIST_CODE_CODETAB_H

#include "base/lock.h"

typedef struct CodeTabSlot {
    uint64_t hash;             /* written before `entry` */
    void *_Atomic entry;       /* release by the writer, acquire by readers */
} CodeTabSlot;

typedef struct CodeTabArray {
    struct CodeTabArray *older;
    size_t mask;
    CodeTabSlot slots[];
} CodeTabArray;

typedef struct CodeTab {
    CodeTabArray *_Atomic array;
    size_t count;              /* lock */
    Mutex lock;
} CodeTab;

typedef bool CodeTabEqual(const void *entry, const void *key);

void codetab_init(CodeTab *t, enum LockClass lock, size_t expected);
/* Inline, so that the comparison is part of it: each call of a function that is only known then looks one up. */
static ALWAYS_INLINE void *codetab_find(const CodeTab *t, uint64_t hash, CodeTabEqual *equal, const void *key)
{
    CodeTabArray *a = load_acquire(&((CodeTab *)t)->array);
    for (size_t i = hash & a->mask;; i = (i + 1) & a->mask) {
        void *entry = load_acquire(&a->slots[i].entry);
        if (!entry)
            return NULL;
        if (a->slots[i].hash == hash && equal(entry, key))
            return entry;
    }
}
/* The caller holds t->lock and knows that no equal entry is inside. */
void codetab_insert_locked(CodeTab *t, uint64_t hash, void *entry);
/* Entries in any order; those added meanwhile may be missed. */
void codetab_each(const CodeTab *t, void (*fn)(void *entry, void *ctx), void *ctx);

#endif
