/* SPDX-License-Identifier: Apache-2.0 */
/* bits - sequences of bits at any alignment: read, write, copy, compare.
 * Bit 0 of a byte sequence is the most significant bit of byte 0. A position is a number of bits
 * from a byte pointer; it may be any size. Reads touch only bytes that hold requested bits; writes
 * keep the neighbouring bits of the first and last byte.
 * Layer: data. */
#ifndef JOIST_DATA_BITS_H
#define JOIST_DATA_BITS_H

#include "base/base.h"

#define BITS_TO_BYTES(n) (((n) >> 3) + (((n) & 7) != 0))

/* n <= 64 bits as an unsigned number, first bit most significant. */
uint64_t bits_read(const uint8_t *base, uint64_t at, unsigned n);
/* Store the low n <= 64 bits of v. */
void bits_write(uint8_t *base, uint64_t at, uint64_t v, unsigned n);
/* Copy n bits; the ranges must not overlap. */
void bits_copy(uint8_t *to, uint64_t to_at, const uint8_t *from, uint64_t from_at, uint64_t n);
/* Set n bits to zero. */
void bits_clear(uint8_t *to, uint64_t at, uint64_t n);
bool bits_equal(const uint8_t *a, uint64_t a_at, const uint8_t *b, uint64_t b_at, uint64_t n);
/* Order of two bit strings as Erlang terms: first difference decides, else length. <0, 0, >0 */
int bits_compare(const uint8_t *a, uint64_t a_at, uint64_t a_bits, const uint8_t *b,
                 uint64_t b_at, uint64_t b_bits);

static inline uint64_t bytes_load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}
static inline uint32_t bytes_load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

#endif
