/* SPDX-License-Identifier: Apache-2.0 */
/* hashtab - intrusive chained hash table that grows and shrinks by doubling.
 * The caller computes the hash (well mixed: the low bits pick the bucket) and compares keys;
 * the table owns only its bucket array. Each node keeps its hash, so growing never calls back.
 * Threads: one, or under the owner's lock. Cost: O(1) expected; a doubling costs O(n) once.
 * Layer: base. */
#ifndef JOIST_BASE_HASHTAB_H
#define JOIST_BASE_HASHTAB_H

#include "base/alloc.h"
#include "base/base.h"

typedef struct HashNode {
    struct HashNode *next;
    uint64_t hash;
} HashNode;

typedef struct HashTab {
    HashNode **buckets;
    size_t mask;        /* number of buckets - 1 */
    size_t count;
    enum MemType type;  /* of the bucket array */
} HashTab;

typedef bool HashEqual(const HashNode *node, const void *key);

/* expected: number of entries to make room for at once (0: minimum). */
void hash_init(HashTab *h, enum MemType type, size_t expected);
/* Frees the buckets; nodes left inside are simply forgotten. */
void hash_destroy(HashTab *h);

HashNode *hash_find(const HashTab *h, uint64_t hash, HashEqual *equal, const void *key);
/* The caller knows that no equal node is inside. */
void hash_insert(HashTab *h, HashNode *node, uint64_t hash);
/* node must be inside. */
void hash_remove(HashTab *h, HashNode *node);
/* Find and unlink; NULL if none. */
HashNode *hash_take(HashTab *h, uint64_t hash, HashEqual *equal, const void *key);

static inline size_t hash_count(const HashTab *h)
{
    return h->count;
}

static inline size_t hash_buckets(const HashTab *h)
{
    return h->mask + 1;
}

static inline size_t hash_table_bytes(const HashTab *h)
{
    return hash_buckets(h) * sizeof(HashNode *);
}

/* ---- iteration: the node just returned may be removed with hash_iter_remove only;
 *      nothing may be inserted meanwhile ---- */
typedef struct HashIter {
    HashTab *table;
    size_t bucket;    /* bucket of `node` */
    HashNode **slot;  /* the link that points to the next node to visit */
    HashNode *node;   /* last returned */
} HashIter;

void hash_iter_init(HashIter *it, HashTab *h);
HashNode *hash_iter_next(HashIter *it);
void hash_iter_remove(HashIter *it);

#endif
