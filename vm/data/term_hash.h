/* SPDX-License-Identifier: Apache-2.0 */
/* term_hash - hashes of terms.
 *   term_phash   erlang:phash/2 before reduction to the range; the same on every node and release
 *   term_phash2  erlang:phash2 before reduction to the range; likewise
 *   term_hash    internal: large maps and ETS; equal terms hash equal, nothing else is promised.
 *                It decides the iteration order of large maps, which is that of OTP 25 for keys
 *                without atoms and identifiers.
 * The mixing step is Bob Jenkins's ("Hash functions", Dr. Dobb's Journal, September 1997).
 * No C recursion. Layer: data. */
#ifndef JOIST_DATA_TERM_HASH_H
#define JOIST_DATA_TERM_HASH_H

#include "term/boxed.h"

uint32_t term_phash(term_t t);
uint32_t term_phash2(term_t t);

/* What is left to hash. */
typedef struct HashWork {
    term_t *at, *base, *limit;
    size_t left, longest;  /* words that may still be looked at now, and of a bit string, which is no piecework */
    term_t inline_words[64];
} HashWork;

/* term_phash2 in pieces. Between two the terms may move, if what hash_run_each_root shows is kept up to date. */
typedef struct HashRun {
    HashWork work;
    uint32_t hash, pairs;  /* hash: the result, in the end */
} HashRun;
void hash_run_init(HashRun *r, term_t t);
void hash_run_free(HashRun *r);
/* `from` is not to be freed then. */
void hash_run_move(HashRun *to, const HashRun *from);
void hash_run_each_root(HashRun *r, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx);
/* Looks at about so many more words. True: that was all. It stops before a bit string of more than `longest` words. */
bool hash_run(HashRun *r, size_t words, size_t longest);
bool hash_run_is_at_long(const HashRun *r);

uint32_t term_hash_slow(term_t t, uint32_t salt);

/* The hash of an atom's text that phash and phash2 are made of. */
uint32_t atom_phash(term_t atom);

#define HASH_GOLDEN 0x9e3779b9u
/* Where the internal hash starts, so that it differs from phash2. */
#define HASH_INTERNAL_SEED 3432918353u

/* Jenkins's mix; returns the new c. */
static inline uint32_t hash_jenkins(uint32_t a, uint32_t b, uint32_t c)
{
    a -= b, a -= c, a ^= c >> 13;
    b -= c, b -= a, b ^= a << 8;
    c -= a, c -= b, c ^= b >> 13;
    a -= b, a -= c, a ^= c >> 12;
    b -= c, b -= a, b ^= a << 16;
    c -= a, c -= b, c ^= b >> 5;
    a -= b, a -= c, a ^= c >> 3;
    b -= c, b -= a, b ^= a << 10;
    c -= a, c -= b, c ^= b >> 15;
    return c;
}

static inline uint32_t term_hash_immed(term_t t)
{
    return hash_jenkins(HASH_GOLDEN + (uint32_t)t, HASH_GOLDEN + (uint32_t)(t >> 32),
                        HASH_INTERNAL_SEED);
}

static inline uint32_t term_hash(term_t t)
{
    return LIKELY(term_is_immed(t)) ? term_hash_immed(t) : term_hash_slow(t, 0);
}

#endif
