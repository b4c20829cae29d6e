/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - see utf8.h. Source: RFC 3629, Unicode standard table 3-7 (well-formed sequences).
 * Layer: base. */
#include "base/utf8.h"

/* Bits of a word of eight bytes that are 0 when all are ASCII. */
#define NOT_ASCII UINT64_C(0x8080808080808080)

static bool is_tail(uint8_t b)
{
    return (b & 0xC0) == 0x80;
}

/* Length announced by a lead byte, and the permitted range of the second byte (which is how
 * table 3-7 excludes overlong forms, surrogates and values above U+10FFFF); 0 if no lead. */
static size_t lead_info(uint8_t b, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (b >= 0xC2 && b <= 0xDF)
        return 2;
    if (b >= 0xE0 && b <= 0xEF) {
        if (b == 0xE0)
            *low = 0xA0;
        if (b == 0xED)
            *high = 0x9F;
        return 3;
    }
    if (b >= 0xF0 && b <= 0xF4) {
        if (b == 0xF0)
            *low = 0x90;
        if (b == 0xF4)
            *high = 0x8F;
        return 4;
    }
    return 0;
}

/* The sequence at s, which has four bytes or more behind it; its length, or 0 when it is not well-formed. */
static size_t decode_whole(const uint8_t *s, uint32_t *cp)
{
    uint32_t lead = s[0], b = s[1] ^ 0x80u, c = s[2] ^ 0x80u, d = s[3] ^ 0x80u; /* below 0x40: a tail */
    if (lead >= 0xC2 && lead <= 0xDF) {
        *cp = (lead & 0x1F) << 6 | b;
        return b < 0x40 ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        *cp = (lead & 0xF) << 12 | b << 6 | c;
        return (b | c) < 0x40 && *cp >= 0x800 && !(*cp >= 0xD800 && *cp <= 0xDFFF) ? 3 : 0;
    }
    *cp = (lead & 0x7) << 18 | b << 12 | c << 6 | d;
    return lead >= 0xF0 && lead <= 0xF4 && (b | c | d) < 0x40 && *cp >= 0x10000 && *cp <= 0x10FFFF ? 4 : 0;
}

/* Near the end of the text, or not well-formed. */
static enum Utf8Result decode_carefully(const uint8_t **at, const uint8_t *end, uint32_t *cp)
{
    const uint8_t *s = *at;
    uint8_t low, high;
    size_t n = lead_info(s[0], &low, &high);
    if (n == 0)
        return UTF8_BAD;
    if (end - s < 2)
        return UTF8_INCOMPLETE;
    if (s[1] < low || s[1] > high)
        return UTF8_BAD;
    uint32_t v = (s[0] & (0x7Fu >> n)) << 6 | (s[1] & 0x3Fu);
    for (size_t i = 2; i < n; i++) {
        if (s + i == end)
            return UTF8_INCOMPLETE;
        if (!is_tail(s[i]))
            return UTF8_BAD;
        v = v << 6 | (s[i] & 0x3Fu);
    }
    *cp = v;
    *at = s + n;
    return UTF8_OK;
}

enum Utf8Result utf8_decode(const uint8_t **at, const uint8_t *end, uint32_t *cp)
{
    if (*at == end)
        return UTF8_END;
    if (**at < 0x80) {
        *cp = *(*at)++;
        return UTF8_OK;
    }
    size_t n = end - *at >= 4 ? decode_whole(*at, cp) : 0;
    if (n == 0)
        return decode_carefully(at, end, cp);
    *at += n;
    return UTF8_OK;
}

size_t utf8_encode(uint32_t cp, uint8_t *to)
{
    ASSERT(utf8_is_scalar(cp));
    if (cp < 0x80) {
        to[0] = (uint8_t)cp;
        return 1;
    }
    size_t n = utf8_size(cp);
    for (size_t i = n - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (cp & 0x3F));
        cp >>= 6;
    }
    to[0] = (uint8_t)((0xF00u >> n) | cp);
    return n;
}

size_t utf8_ascii_prefix(const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, bytes + i, 8);
        if (w & NOT_ASCII)
            break;
    }
    while (i < n && bytes[i] < 0x80)
        i++;
    return i;
}

enum Utf8Result utf8_scan(const uint8_t *bytes, size_t n, size_t *good, size_t *chars)
{
    const uint8_t *at = bytes, *end = bytes + n;
    size_t count = 0;
    enum Utf8Result r = UTF8_END;
    while (at < end) {
        size_t ascii = utf8_ascii_prefix(at, (size_t)(end - at));
        uint32_t cp;
        at += ascii;
        count += ascii;
        for (size_t m; end - at >= 4 && *at >= 0x80 && (m = decode_whole(at, &cp)) > 0; at += m) count++;
        r = utf8_decode(&at, end, &cp);
        if (r != UTF8_OK)
            break;
        count++;
    }
    if (good)
        *good = (size_t)(at - bytes);
    if (chars)
        *chars = count;
    return r == UTF8_END ? UTF8_OK : r;
}

size_t utf8_length(const uint8_t *bytes, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t count = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        memcpy(&w, bytes + i, 8);
        count += (((~w >> 7) | (w >> 6)) & ones) * ones >> 56; /* bytes that are no tails */
    }
    for (; i < n; i++)
        count += !is_tail(bytes[i]);
    return count;
}

size_t utf8_size_of_latin1(const uint8_t *latin1, size_t n)
{
    size_t size = n, i = 0;
    for (uint64_t eight; n - i >= sizeof eight; i += sizeof eight) {
        memcpy(&eight, latin1 + i, sizeof eight);
        size += (size_t)__builtin_popcountll(eight & NOT_ASCII);
    }
    for (; i < n; i++) size += latin1[i] >> 7;
    return size;
}

size_t utf8_from_latin1(const uint8_t *latin1, size_t n, uint8_t *to)
{
    uint8_t *out = to;
    for (size_t i = 0; i < n;) {
        uint64_t eight = NOT_ASCII;
        if (n - i >= sizeof eight) memcpy(&eight, latin1 + i, sizeof eight);
        if (eight & NOT_ASCII) {
            out += utf8_encode(latin1[i++], out);
        } else {
            memcpy(out, &eight, sizeof eight);
            out += sizeof eight;
            i += sizeof eight;
        }
    }
    return (size_t)(out - to);
}

ptrdiff_t utf8_to_latin1(const uint8_t *utf8, size_t n, uint8_t *to)
{
    const uint8_t *at = utf8, *end = utf8 + n;
    uint8_t *out = to;
    uint32_t cp;
    for (;;) {
        while (at < end && *at < 0x80) *out++ = *at++;
        if (utf8_decode(&at, end, &cp) != UTF8_OK) break;
        if (cp > 0xFF)
            return -1;
        *out++ = (uint8_t)cp;
    }
    return at == end ? out - to : -1;
}
