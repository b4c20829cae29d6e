/* SPDX-License-Identifier: Apache-2.0 */
/* hash - small hashes for the VM's own tables; nothing a program can see depends on them.
 * Source: Vigna, splitmix64 (finaliser of Stafford's "Mix13").
 * Layer: base. */
#ifndef JOIST_BASE_HASH_H
#define JOIST_BASE_HASH_H

#include "base/base.h"

/* Bijective mix of 64 bits: every output bit depends on every input bit. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t hash_combine(uint64_t a, uint64_t b)
{
    return hash_mix(a * UINT64_C(0x9e3779b97f4a7c15) + b);
}

static inline uint64_t hash_pointer(const void *p)
{
    return hash_mix((uint64_t)(uintptr_t)p);
}

/* Next value of a splitmix64 sequence. Not for cryptography. */
static inline uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*state);
}

#endif
