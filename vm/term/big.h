/* SPDX-License-Identifier: Apache-2.0 */
/* big - integers of any size: limbs in, limbs out, over GMP's mpn layer.
 * Form:     boxed [header n][limb 0 (least)]..[limb n-1], 64-bit limbs, sign in the subtag.
 * Normal:   the top limb is not zero, and no bignum has a value that fits a small.
 * Building: the caller takes BIG_WORDS(n) words at hp for the bound n the size function told,
 *           a big_* operation fills limbs at hp + 1, and big_finish makes the term, which may
 *           turn out a small. Words behind big_used_words are the caller's again.
 * Aliasing: results never overlap operands, unless a comment permits it.
 * Limits:   at most BIG_LIMBS_MAX limbs, as in OTP 25 (1 bsl 33554367 is the largest power of
 *           two); data/arith.h turns more into system_limit.
 * Layer: term. */
#ifndef JOIST_TERM_BIG_H
#define JOIST_TERM_BIG_H

#include "base/buf.h"
#include "term/boxed.h"

typedef uint64_t limb_t;

#define LIMB_BITS 64
#define BIG_LIMBS_MAX ((size_t)524287)
#define BIG_BITS_MAX ((uint64_t)BIG_LIMBS_MAX * LIMB_BITS)
#define BIG_WORDS(limbs) (1 + (limbs))

static inline size_t big_limbs(term_t t) { return HEADER_ARITY(boxed_header(t)); }
static inline const limb_t *big_limb_ptr(term_t t) { return boxed_ptr(t) + 1; }
static inline bool big_is_negative(term_t t)
{
    return HEADER_SUBTAG(boxed_header(t)) == BOXED_NEG_BIG;
}
static inline bool int_is_negative(term_t t)
{
    return term_is_small(t) ? small_value(t) < 0 : big_is_negative(t);
}

/* Any integer as sign and magnitude. Zero has n = 0. `one` backs the limb of a small, so a view
 * must not be copied or outlive the term. */
typedef struct BigView {
    const limb_t *limbs;
    size_t n;
    bool negative;
    limb_t one;
} BigView;

void big_view(BigView *v, term_t integer);
/* Bits of the magnitude: 0 for 0, 3 for -5. */
uint64_t big_bit_length(const BigView *v);

/* The n limbs at hp + 1 (leading zeros permitted) as a term; *used = words of hp it occupies. */
term_t big_finish(term_t *hp, size_t n, bool negative, size_t *used);

/* ---- arithmetic: each writes limbs to r and returns how many; *negative is the sign ---- */
/* r: MAX(a->n, b->n) + 1 limbs. */
size_t big_add(limb_t *r, const BigView *a, const BigView *b, bool *negative);
size_t big_sub(limb_t *r, const BigView *a, const BigView *b, bool *negative);
/* r: a->n + b->n limbs. */
size_t big_mul(limb_t *r, const BigView *a, const BigView *b, bool *negative);
/* Truncating division, b not 0, a->n >= b->n. q: a->n - b->n + 1 limbs, r: b->n limbs. The sign
 * of the quotient is a's xor b's, of the remainder a's. */
void big_divide(limb_t *q, limb_t *r, const BigView *a, const BigView *b);

/* ---- bits, as if in two's complement of unlimited width. r: MAX(a->n, b->n) + 1 limbs ---- */
enum BigBitOp { BIG_AND, BIG_OR, BIG_XOR };
size_t big_bitop(limb_t *r, enum BigBitOp op, const BigView *a, const BigView *b,
                 bool *negative);
/* a * 2^bits. r: a->n + bits / 64 + 1 limbs. */
size_t big_shift_left(limb_t *r, const BigView *a, uint64_t bits);
/* floor(a / 2^bits), bits / 64 < a->n. r: a->n - bits / 64 + 1 limbs. */
size_t big_shift_right(limb_t *r, const BigView *a, uint64_t bits);

/* ---- conversion ---- */
/* False when the value does not fit. */
bool int_to_i64(term_t integer, int64_t *out);
bool int_to_u64(term_t integer, uint64_t *out);
/* The same for any term: false when it is no integer either. */
static inline bool term_to_int64(term_t t, int64_t *out)
{
    return term_is_integer(t) && int_to_i64(t, out);
}
static inline bool term_to_uint64(term_t t, uint64_t *out)
{
    return term_is_integer(t) && int_to_u64(t, out);
}
/* Low 64 bits of the two's complement of any integer. */
uint64_t int_low_bits(term_t integer);
/* False when the magnitude exceeds the largest float. Rounds as the reference does: limb by limb
 * from the top, each step to nearest. */
bool int_to_double(term_t integer, double *out);
/* The integral part of a finite double. hp: BIG_DOUBLE_WORDS. */
#define BIG_DOUBLE_WORDS BIG_WORDS(17)
term_t big_put_double(term_t *hp, double d, size_t *used);

/* ---- text; base 2..36, digits above 9 as upper case letters ---- */
/* Upper bound of the length, sign included. */
size_t int_text_bytes(term_t integer, unsigned base);
/* Returns the exact length; no NUL. */
size_t int_to_text(term_t integer, unsigned base, char *to);
void buf_put_int(Buf *b, term_t integer, unsigned base);
/* Value of a digit character in the base, or -1. */
static inline int digit_value(unsigned char c, unsigned base)
{
    unsigned v = c - (unsigned)'0';
    if (v > 9) {
        v = (c | 0x20u) - 'a';
        v = v < 26 ? v + 10 : base;
    }
    return v < base ? (int)v : -1;
}
/* Limbs that `digits` digits of the base can fill, at most. */
size_t big_limbs_for_digits(size_t digits, unsigned base);
/* n > 0 valid digits. hp: BIG_WORDS(big_limbs_for_digits(n, base)). */
term_t big_put_digits(term_t *hp, const char *digits, size_t n, unsigned base, bool negative,
                      size_t *used);

#endif
