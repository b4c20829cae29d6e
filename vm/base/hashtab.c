/* SPDX-License-Identifier: Apache-2.0 */
/* hashtab - see hashtab.h. Load factor between 1/4 (then it shrinks) and 1 (then it doubles).
 * Layer: base. */
#include "base/hashtab.h"
#include "base/checked.h"

#define MIN_BUCKETS 8

static size_t min_buckets(void)
{
    return checked_tiny_tables() ? 1 : MIN_BUCKETS;
}

static HashNode **new_buckets(enum MemType type, size_t n)
{
    return mem_alloc_zero(type, mem_array_bytes(n, sizeof(HashNode *)));
}

void hash_init(HashTab *h, enum MemType type, size_t expected)
{
    size_t n = MAX(min_buckets(), checked_tiny_tables() ? 1 : next_power_of_two(expected));
    h->buckets = new_buckets(type, n);
    h->mask = n - 1;
    h->count = 0;
    h->type = type;
}

void hash_destroy(HashTab *h)
{
    mem_free(h->type, h->buckets, hash_table_bytes(h));
    h->buckets = NULL;
    h->mask = h->count = 0;
}

static void resize(HashTab *h, size_t n)
{
    HashNode **fresh = new_buckets(h->type, n);
    for (size_t i = 0; i <= h->mask; i++) {
        for (HashNode *node = h->buckets[i], *next; node; node = next) {
            next = node->next;
            node->next = fresh[node->hash & (n - 1)];
            fresh[node->hash & (n - 1)] = node;
        }
    }
    mem_free(h->type, h->buckets, hash_table_bytes(h));
    h->buckets = fresh;
    h->mask = n - 1;
}

static HashNode **find_slot(const HashTab *h, uint64_t hash, HashEqual *equal,
                            const void *key)
{
    HashNode **slot = &h->buckets[hash & h->mask];
    while (*slot && !((*slot)->hash == hash && equal(*slot, key)))
        slot = &(*slot)->next;
    return slot;
}

static HashNode *unlink_slot(HashTab *h, HashNode **slot)
{
    HashNode *node = *slot;
    *slot = node->next;
    h->count--;
    return node;
}

static void maybe_shrink(HashTab *h)
{
    size_t n = h->mask + 1;
    if (UNLIKELY(h->count < n / 4 && n / 2 >= min_buckets()))
        resize(h, n / 2);
}

HashNode *hash_find(const HashTab *h, uint64_t hash, HashEqual *equal, const void *key)
{
    return *find_slot(h, hash, equal, key);
}

void hash_insert(HashTab *h, HashNode *node, uint64_t hash)
{
    if (UNLIKELY(h->count > h->mask))
        resize(h, 2 * (h->mask + 1));
    HashNode **slot = &h->buckets[hash & h->mask];
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    h->count++;
}

void hash_remove(HashTab *h, HashNode *node)
{
    HashNode **slot = &h->buckets[node->hash & h->mask];
    while (*slot != node) {
        CHECK(*slot != NULL);
        slot = &(*slot)->next;
    }
    unlink_slot(h, slot);
    maybe_shrink(h);
}

HashNode *hash_take(HashTab *h, uint64_t hash, HashEqual *equal, const void *key)
{
    HashNode **slot = find_slot(h, hash, equal, key);
    if (*slot == NULL)
        return NULL;
    HashNode *node = unlink_slot(h, slot);
    maybe_shrink(h);
    return node;
}

void hash_iter_init(HashIter *it, HashTab *h)
{
    *it = (HashIter){.table = h, .bucket = 0, .slot = &h->buckets[0], .node = NULL};
}

HashNode *hash_iter_next(HashIter *it)
{
    while (*it->slot == NULL) {
        if (it->bucket == it->table->mask)
            return NULL;
        it->slot = &it->table->buckets[++it->bucket];
    }
    it->node = *it->slot;
    it->slot = &it->node->next;
    return it->node;
}

/* The table is not shrunk here: that would invalidate the iteration. */
void hash_iter_remove(HashIter *it)
{
    HashNode **slot = &it->table->buckets[it->node->hash & it->table->mask];
    while (*slot != it->node)
        slot = &(*slot)->next;
    unlink_slot(it->table, slot);
    it->slot = slot;
}
