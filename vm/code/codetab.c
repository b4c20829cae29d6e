/* SPDX-License-Identifier: Apache-2.0 */
/* codetab - see codetab.h. */
#include "code/codetab.h"

#include "base/alloc.h"
#include "base/hash.h"

static size_t array_bytes(size_t slots)
{
    return sizeof(CodeTabArray) + slots * sizeof(CodeTabSlot);
}

static CodeTabArray *array_new(size_t slots, CodeTabArray *older)
{
    CodeTabArray *a = mem_alloc_zero(MEM_CODE_TABLE, array_bytes(slots));
    a->older = older;
    a->mask = slots - 1;
    return a;
}

static void array_put(CodeTabArray *a, uint64_t hash, void *entry)
{
    size_t i = hash & a->mask;
    while (load_relaxed(&a->slots[i].entry))
        i = (i + 1) & a->mask;
    a->slots[i].hash = hash;
    store_release(&a->slots[i].entry, entry);
}

void codetab_init(CodeTab *t, enum LockClass lock, size_t expected)
{
    size_t slots = next_power_of_two(expected < 8 ? 16 : expected * 2);
    store_relaxed(&t->array, array_new(slots, NULL));
    t->count = 0;
    mutex_init(&t->lock, lock);
}

void codetab_insert_locked(CodeTab *t, uint64_t hash, void *entry)
{
    ASSERT_LOCKED(&t->lock);
    CodeTabArray *a = load_relaxed(&t->array);
    if ((t->count + 1) * 2 > a->mask + 1) {
        CodeTabArray *bigger = array_new((a->mask + 1) * 2, a);
        for (size_t i = 0; i <= a->mask; i++) {
            void *old = load_relaxed(&a->slots[i].entry);
            if (old)
                array_put(bigger, a->slots[i].hash, old);
        }
        store_release(&t->array, bigger);
        a = bigger;
    }
    array_put(a, hash, entry);
    t->count++;
}

void codetab_each(const CodeTab *t, void (*fn)(void *entry, void *ctx), void *ctx)
{
    CodeTabArray *a = load_acquire(&((CodeTab *)t)->array);
    for (size_t i = 0; i <= a->mask; i++) {
        void *entry = load_acquire(&a->slots[i].entry);
        if (entry)
            fn(entry, ctx);
    }
}
