/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - decode, encode, validate and count UTF-8; convert from and to Latin-1.
 * Valid means: shortest form, at most U+10FFFF, no surrogates (RFC 3629), which is what the
 * unicode module and the /utf8 bit syntax accept.
 * Layer: base. */
#ifndef JOIST_BASE_UTF8_H
#define JOIST_BASE_UTF8_H

#include "base/base.h"

#define UTF8_MAX 4 /* bytes of the longest encoding */

enum Utf8Result {
    UTF8_OK,
    UTF8_END,        /* nothing left */
    UTF8_INCOMPLETE, /* a valid beginning that the input cuts off */
    UTF8_BAD
};

static inline bool utf8_is_scalar(uint32_t cp)
{
    return cp < 0xD800 || (cp > 0xDFFF && cp <= 0x10FFFF);
}

/* Bytes needed for a scalar value. */
static inline size_t utf8_size(uint32_t cp)
{
    return cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
}

/* Decode one code point at *at, advance *at past it. On anything but UTF8_OK *at stays and
 * *cp is unchanged. */
enum Utf8Result utf8_decode(const uint8_t **at, const uint8_t *end, uint32_t *cp);

/* The code point at `at` of text that is known to be valid, and at its length. */
static inline uint32_t utf8_valid_char(const uint8_t *at, size_t *length)
{
    uint32_t first = at[0];
    if (first < 0x80) {
        *length = 1;
        return first;
    }
    if (first < 0xE0) {
        *length = 2;
        return (first & 0x1F) << 6 | (at[1] & 0x3F);
    }
    if (first < 0xF0) {
        *length = 3;
        return (first & 0xF) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    }
    *length = 4;
    return (first & 7) << 18 | (uint32_t)(at[1] & 0x3F) << 12 | (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

/* Write a scalar value (caller checked); returns the number of bytes, 1..4. */
size_t utf8_encode(uint32_t cp, uint8_t *to);

/* Scan n bytes. *good = length of the longest valid prefix that ends between characters,
 * *chars = code points in it (either may be NULL). UTF8_OK, UTF8_INCOMPLETE or UTF8_BAD. */
enum Utf8Result utf8_scan(const uint8_t *bytes, size_t n, size_t *good, size_t *chars);

static inline bool utf8_is_valid(const uint8_t *bytes, size_t n)
{
    return utf8_scan(bytes, n, NULL, NULL) == UTF8_OK;
}

/* Length of the prefix that is plain ASCII. */
size_t utf8_ascii_prefix(const uint8_t *bytes, size_t n);

/* Code points of valid UTF-8. */
size_t utf8_length(const uint8_t *bytes, size_t n);

/* Bytes that n Latin-1 bytes take in UTF-8; the conversion writes exactly that many. */
size_t utf8_size_of_latin1(const uint8_t *latin1, size_t n);
size_t utf8_from_latin1(const uint8_t *latin1, size_t n, uint8_t *to);

/* Valid UTF-8 to Latin-1; returns bytes written (at most n), or -1 at a code point > 255. */
ptrdiff_t utf8_to_latin1(const uint8_t *utf8, size_t n, uint8_t *to);

#endif
