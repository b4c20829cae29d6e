/* SPDX-License-Identifier: Apache-2.0 */
/* weak - see weak.h: one entry in two tables. weak_count is raised before the adder lets go of the thing, so that
 * whoever ends it later sees it. Layer: base. */
#include "base/weak.h"

#include "base/hash.h"
#include "base/hashtab.h"
#include "base/lock.h"

typedef struct Weak {
    HashNode by_number, by_thing;
    uint32_t number[3];
    void *thing;
} Weak;

atomic_word_t weak_count;
static Mutex lock = MUTEX_INIT(SYSTEM);
static HashTab numbers, things; /* lock; their buckets come with the first entry */

static uint64_t number_hash(const uint32_t n[3])
{
    return hash_mix((uint64_t)n[0] | (uint64_t)n[1] << 32) ^ hash_mix(n[2]);
}

static bool number_equal(const HashNode *n, const void *key)
{
    return memcmp(container_of((HashNode *)(uintptr_t)n, Weak, by_number)->number, key, 3 * sizeof(uint32_t)) == 0;
}

static bool thing_equal(const HashNode *n, const void *key)
{
    return container_of((HashNode *)(uintptr_t)n, Weak, by_thing)->thing == key;
}

void weak_add(const uint32_t number[3], void *thing)
{
    uint64_t hash = hash_pointer(thing);
    mutex_lock(&lock);
    if (!numbers.buckets) {
        hash_init(&numbers, MEM_REGISTRY, 0);
        hash_init(&things, MEM_REGISTRY, 0);
    }
    if (!hash_find(&things, hash, thing_equal, thing)) {
        Weak *w = MEM_NEW(REGISTRY, Weak);
        memcpy(w->number, number, sizeof w->number);
        w->thing = thing;
        hash_insert(&numbers, &w->by_number, number_hash(number));
        hash_insert(&things, &w->by_thing, hash);
        add_relaxed(&weak_count, 1);
    }
    mutex_unlock(&lock);
}

void *weak_find(const uint32_t number[3], bool (*hold)(void *thing))
{
    if (load_relaxed(&weak_count) == 0) return NULL;
    mutex_lock(&lock);
    HashNode *n = numbers.buckets ? hash_find(&numbers, number_hash(number), number_equal, number) : NULL;
    void *thing = n ? container_of(n, Weak, by_number)->thing : NULL;
    if (thing && !hold(thing)) thing = NULL;
    mutex_unlock(&lock);
    return thing;
}

void weak_remove_slow(const void *thing)
{
    mutex_lock(&lock);
    HashNode *n = things.buckets ? hash_take(&things, hash_pointer(thing), thing_equal, thing) : NULL;
    if (n) {
        Weak *w = container_of(n, Weak, by_thing);
        hash_remove(&numbers, &w->by_number);
        MEM_DELETE(REGISTRY, w);
        sub_relaxed(&weak_count, 1);
    }
    mutex_unlock(&lock);
}
