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

/* memcpy for what is mostly few, a name or a short binary: a call takes longer than two words that may overlap. */
static inline void bytes_copy(void *to, const void *from, size_t n)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (n > 16) {
        memcpy(out, in, n);
    } else if (n >= 8) {
        uint64_t low, high;
        memcpy(&low, in, 8);
        memcpy(&high, in + n - 8, 8);
        memcpy(out, &low, 8);
        memcpy(out + n - 8, &high, 8);
    } else if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, in, 4);
        memcpy(&high, in + n - 4, 4);
        memcpy(out, &low, 4);
        memcpy(out + n - 4, &high, 4);
    } else if (n > 0) {
        out[0] = in[0];
        out[n - 1] = in[n - 1];
        out[n / 2] = in[n / 2];
    }
}

#endif
