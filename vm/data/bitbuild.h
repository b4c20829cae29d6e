/* SPDX-License-Identifier: Apache-2.0 */
/* bitbuild - construction of bit strings: the total size is computed first, then a BitBuilder fills
 * exactly that many bits. Its position lives in the interpreter's scheduler struct or in a C variable.
 *   BitBuilder b;
 *   term_t t = build_start(&p->heap, bits, &b);             bs_init2, bs_init_bits, bs_create_bin
 *   if (!build_integer(&b, src, 16, flags)) -> badarg       ...
 * Failing puts leave the half-made bit string to the collector.
 * Fields wider than the value: integers are sign-extended, wider values truncated modulo 2^size.
 * Layer: data. */
#ifndef JOIST_DATA_BITBUILD_H
#define JOIST_DATA_BITBUILD_H

#include "data/binary.h"
#include "data/bitmatch.h"

typedef struct BitBuilder {
    uint8_t *base;
    uint64_t at;     /* next bit */
} BitBuilder;

/* ---- results of segments: atoms of error_info's cause {Segment, Type, Reason, Value} ---- */
enum BuildResult {
    BUILD_OK,
    BUILD_TYPE,      /* type: value is not of the segment's type (badarg) */
    BUILD_SIZE,      /* size: bad size (badarg, or system_limit when BUILD_LIMIT) */
    BUILD_LIMIT,     /* size: too large (system_limit) */
    BUILD_UNIT,      /* unit: binary is no multiple of the unit (badarg) */
    BUILD_SHORT,     /* short: binary shorter than the segment's size (badarg) */
    BUILD_INVALID,   /* invalid: float size is not 16, 32, 64; value is the size (badarg) */
    BUILD_NO_FLOAT,  /* no_float: integer too large for a float (badarg) */
};
static inline bool build_result_is_limit(enum BuildResult r) { return r == BUILD_LIMIT; }
/* type, size, unit, short, invalid, no_float. */
term_t build_result_atom(enum BuildResult r);

/* ---- sizes: add to *bits ---- */
/* size * unit; `size` is the operand of the segment. BUILD_SIZE: negative or no integer. */
enum BuildResult build_add_size(uint64_t *bits, term_t size, uint64_t unit);
/* Whole bit string (size `all`): BUILD_TYPE, BUILD_UNIT. */
enum BuildResult build_add_all(uint64_t *bits, term_t value, uint64_t unit);
/* BUILD_TYPE unless value is a Unicode scalar value. */
enum BuildResult build_add_utf8(uint64_t *bits, term_t value);
enum BuildResult build_add_utf16(uint64_t *bits, term_t value);
enum BuildResult build_add_utf32(uint64_t *bits, term_t value);
/* bs_utf8_size, bs_utf16_size: bytes as a small; 4 for anything that is no scalar value (put fails). */
term_t build_utf8_size(term_t value);
term_t build_utf16_size(term_t value);

/* ---- filling ---- */
/* New bit string of `bits` bits; TERM_NONE: system_limit. Takes at most REFC_BITS_WORDS or
 * HEAP_BITS_WORDS(HEAP_BITS_MAX_BYTES) words. */
term_t build_start(Heap *h, uint64_t bits, BitBuilder *b);
#define BUILD_START_WORDS(bits) \
    ((bits) <= HEAP_BITS_MAX_BYTES * 8 ? HEAP_BITS_WORDS(BITS_TO_BYTES(bits)) : REFC_BITS_WORDS)
enum BuildResult build_integer(BitBuilder *b, term_t value, uint64_t bits, unsigned flags);
enum BuildResult build_float(BitBuilder *b, term_t value, uint64_t bits, unsigned flags);
/* First `bits` bits of a bit string: BUILD_TYPE, BUILD_SHORT. */
enum BuildResult build_binary(BitBuilder *b, term_t value, uint64_t bits);
/* All of it: BUILD_TYPE, BUILD_UNIT. */
enum BuildResult build_binary_all(BitBuilder *b, term_t value, uint64_t unit);
void build_string(BitBuilder *b, const uint8_t *bytes, size_t n);
enum BuildResult build_utf8(BitBuilder *b, term_t value);
enum BuildResult build_utf16(BitBuilder *b, term_t value, unsigned flags);
enum BuildResult build_utf32(BitBuilder *b, term_t value, unsigned flags);

static inline bool term_is_unicode_scalar(term_t t)
{
    if (!term_is_small(t)) return false;
    int64_t c = small_value(t);
    return (c >= 0 && c < 0xD800) || (c > 0xDFFF && c <= 0x10FFFF);
}

/* ---- pieces of the above for others (float16 is IEEE 754 binary16) ---- */
double float16_to_double(uint16_t half);
/* False when the value does not fit (rounds to infinity). */
bool double_to_float16(double d, uint16_t *half);

#endif
