/* SPDX-License-Identifier: Apache-2.0 */
/* bits - see bits.h. Unaligned work goes through 64-bit pieces. Layer: data. */
#include "data/bits.h"

static inline void bytes_store_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

/* The first n <= 8 bytes as the high bytes of a word. */
static inline uint64_t load_high(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    if (n == 8)
        return bytes_load_be64(p);
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (56 - 8 * i);
    return v;
}

uint64_t bits_read(const uint8_t *base, uint64_t at, unsigned n)
{
    ASSERT(n <= 64);
    if (n == 0)
        return 0;
    const uint8_t *p = base + (at >> 3);
    unsigned shift = at & 7, last = shift + n;
    if (last <= 64)
        return load_high(p, (last + 7) >> 3) << shift >> (64 - n);
    return (bytes_load_be64(p) << shift | p[8] >> (8 - shift)) >> (64 - n);
}

/* n bits, all in one byte: 1 <= shift + n <= 8. */
static inline void write_in_byte(uint8_t *p, unsigned shift, unsigned v, unsigned n)
{
    unsigned mask = (0xFFu >> (8 - n)) << (8 - shift - n);
    *p = (uint8_t)((*p & ~mask) | (v << (8 - shift - n) & mask));
}

void bits_write(uint8_t *base, uint64_t at, uint64_t v, unsigned n)
{
    ASSERT(n <= 64);
    uint8_t *p = base + (at >> 3);
    unsigned shift = at & 7;
    if (shift != 0 && n > 0) {
        unsigned first = MIN(8 - shift, n);
        write_in_byte(p++, shift, (unsigned)(v >> (n - first)), first);
        n -= first;
    }
    if (n == 64) {
        bytes_store_be64(p, v);
        return;
    }
    for (; n >= 8; n -= 8)
        *p++ = (uint8_t)(v >> (n - 8));
    if (n > 0)
        write_in_byte(p, 0, (unsigned)v, n);
}

void bits_copy(uint8_t *to, uint64_t to_at, const uint8_t *from, uint64_t from_at, uint64_t n)
{
    if (((to_at | from_at) & 7) == 0) {
        if (n >= 8) memcpy(to + (to_at >> 3), from + (from_at >> 3), n >> 3);
        to_at += n & ~UINT64_C(7);
        from_at += n & ~UINT64_C(7);
        n &= 7;
        if (n == 0) return;
    } else if ((to_at & 7) != 0 && n > 0) {
        unsigned first = (unsigned)MIN(8 - (to_at & 7), n);
        bits_write(to, to_at, bits_read(from, from_at, first), first);
        to_at += first;
        from_at += first;
        n -= first;
        if ((from_at & 7) == 0 && n >= 8) {
            bits_copy(to, to_at, from, from_at, n);
            return;
        }
    }
    for (; n >= 64; n -= 64, to_at += 64, from_at += 64)
        bytes_store_be64(to + (to_at >> 3), bits_read(from, from_at, 64));
    bits_write(to, to_at, bits_read(from, from_at, (unsigned)n), (unsigned)n);
}

void bits_clear(uint8_t *to, uint64_t at, uint64_t n)
{
    unsigned first = (unsigned)MIN((8 - (at & 7)) & 7, n);
    bits_write(to, at, 0, first);
    at += first;
    n -= first;
    memset(to + (at >> 3), 0, n >> 3);
    bits_write(to, at + (n & ~UINT64_C(7)), 0, n & 7);
}

bool bits_equal(const uint8_t *a, uint64_t a_at, const uint8_t *b, uint64_t b_at, uint64_t n)
{
    if (((a_at | b_at) & 7) == 0) {
        if (memcmp(a + (a_at >> 3), b + (b_at >> 3), n >> 3) != 0)
            return false;
        a_at += n & ~UINT64_C(7);
        b_at += n & ~UINT64_C(7);
        n &= 7;
    }
    for (; n >= 64; n -= 64, a_at += 64, b_at += 64)
        if (bits_read(a, a_at, 64) != bits_read(b, b_at, 64))
            return false;
    return bits_read(a, a_at, (unsigned)n) == bits_read(b, b_at, (unsigned)n);
}

static int compare_words(uint64_t x, uint64_t y)
{
    return x < y ? -1 : x > y;
}

int bits_compare(const uint8_t *a, uint64_t a_at, uint64_t a_bits, const uint8_t *b,
                 uint64_t b_at, uint64_t b_bits)
{
    uint64_t n = MIN(a_bits, b_bits);
    if (((a_at | b_at) & 7) == 0) {
        int d = memcmp(a + (a_at >> 3), b + (b_at >> 3), n >> 3);
        if (d != 0)
            return d;
        a_at += n & ~UINT64_C(7);
        b_at += n & ~UINT64_C(7);
        n &= 7;
    }
    for (; n > 0;) {
        unsigned k = (unsigned)MIN(n, 64);
        int d = compare_words(bits_read(a, a_at, k), bits_read(b, b_at, k));
        if (d != 0)
            return d;
        n -= k, a_at += k, b_at += k;
    }
    return compare_words(a_bits, b_bits);
}
