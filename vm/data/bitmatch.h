/* SPDX-License-Identifier: Apache-2.0 */
/* bitmatch - what the instructions that match bit strings do.
 * A match context is a boxed object with the layout of SubBits and tag BOXED_MATCH; `start` is the
 * position, in bits from the beginning of orig's data, and moves as matching goes on. It is mutable,
 * belongs to one process and is never visible to a program.
 * Every match_get_* returns TERM_NONE for "does not match" and leaves the context unchanged then.
 * Words: results are taken from h with heap_alloc; the *_WORDS macros bound them, so an instruction
 * that may collect can reserve first. Layer: data. */
#ifndef JOIST_DATA_BITMATCH_H
#define JOIST_DATA_BITMATCH_H

#include "data/binary.h"

typedef SubBits MatchContext;
#define MATCH_WORDS SUB_BITS_WORDS
#define MATCH_BINARY_WORDS SUB_BITS_WORDS
#define MATCH_FLOAT_WORDS FLOAT_WORDS
/* An integer of `bits` bits: header, limbs, and one for a sign change. */
#define MATCH_INTEGER_WORDS(bits) ((bits) < SMALL_BITS ? 0 : 2 + ((bits) + 63) / 64)

/* Field flags as they stand in the .beam. */
#define BITS_ALIGNED 1u
#define BITS_LITTLE 2u
#define BITS_SIGNED 4u
#define BITS_EXACT 8u
#define BITS_NATIVE 16u
static inline bool bits_is_little(unsigned flags)
{
    return flags & (BITS_LITTLE | BITS_NATIVE); /* all supported hosts are little endian */
}

static inline MatchContext *match_ptr(term_t t) { return (MatchContext *)boxed_ptr(t); }
static inline uint64_t match_left(const MatchContext *m) { return m->end - m->start; }
static inline const uint8_t *match_base(const MatchContext *m)
{
    const term_t *orig = boxed_ptr(m->orig);
    return HEADER_SUBTAG(*orig) == BOXED_BINREF ? binary_bytes_at(((const BinRef *)orig)->bin)
                                                : ((const HeapBits *)orig)->data;
}

/* Context over t: t itself when it is one (its position is kept: bs_start_match3 after a call), a new one
 * for a bit string, TERM_NONE for anything else. Takes MATCH_WORDS. */
term_t match_start(Heap *h, term_t t);
/* Position to come back to, as a small; and going back. A position that is none leaves things as they are. */
static inline term_t match_position(const MatchContext *m) { return term_small((int64_t)m->start); }
static inline void match_set_position(MatchContext *m, term_t position)
{
    uint64_t at = (uint64_t)small_value(position);
    if (LIKELY(term_is_small(position) && at <= m->end)) m->start = at;
}

/* Field size in bits from a size operand and unit. False: the operand is no size that could match
 * (negative, no small, or too large): the match fails. */
static inline bool match_size(term_t size, uint64_t unit, uint64_t *bits)
{
    return term_is_small(size) && small_value(size) >= 0
           && !__builtin_mul_overflow((uint64_t)small_value(size), unit, bits);
}

term_t match_get_integer(Heap *h, MatchContext *m, uint64_t bits, unsigned flags);
/* 16, 32 or 64 bits; other sizes, NaN and infinities do not match. */
term_t match_get_float(Heap *h, MatchContext *m, uint64_t bits, unsigned flags);
/* Next `bits` bits as a bit string that shares the storage. */
term_t match_get_binary(Heap *h, MatchContext *m, uint64_t bits);
/* All that is left, if it is a multiple of unit; context then stands at its end. */
term_t match_get_all(Heap *h, MatchContext *m, uint64_t unit);
/* All that is left; context unchanged (bs_get_tail). */
term_t match_tail(Heap *h, const MatchContext *m);
static inline bool match_skip(MatchContext *m, uint64_t bits)
{
    if (match_left(m) < bits) return false;
    m->start += bits;
    return true;
}
static inline bool match_test_unit(const MatchContext *m, uint64_t unit)
{
    return match_left(m) % unit == 0;
}
/* Exactly `bits` left (bs_test_tail2). */
static inline bool match_test_tail(const MatchContext *m, uint64_t bits)
{
    return match_left(m) == bits;
}
/* The next `bits` bits equal those of `string`. */
bool match_string(MatchContext *m, const uint8_t *string, uint64_t bits);
/* A small holding the code point, or TERM_NONE. flags: endianness for UTF-16 and UTF-32. */
term_t match_get_utf8(MatchContext *m);
term_t match_get_utf16(MatchContext *m, unsigned flags);
term_t match_get_utf32(MatchContext *m, unsigned flags);
/* The context as a bit string holding what is left (bs_context_to_binary); other terms unchanged. */
term_t match_context_to_binary(Heap *h, term_t t);

/* ---- commands of bs_match (OTP 26): sizes were checked by an ensure_* command ---- */
static inline bool match_ensure_at_least(const MatchContext *m, uint64_t bits, uint64_t unit)
{
    uint64_t left = match_left(m);
    return left >= bits && (unit <= 1 || (left - bits) % unit == 0);
}
static inline bool match_ensure_exactly(const MatchContext *m, uint64_t bits)
{
    return match_left(m) == bits;
}
/* Unsigned big endian, n <= 64, enough bits are left; advances. */
static inline uint64_t match_read(MatchContext *m, unsigned n)
{
    uint64_t v = bits_read(match_base(m), m->start, n);
    m->start += n;
    return v;
}

#endif
