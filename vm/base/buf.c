/* SPDX-License-Identifier: Apache-2.0 */
/* buf - see buf.h. Capacity at least doubles, so appending is O(1) amortised.
 * Layer: base. */
#include "base/buf.h"
#include "base/decimal.h"
#include "base/utf8.h"

#include <stdio.h>

#define MIN_CAPACITY 120
#define PRINTED_MOSTLY 32 /* bytes of one printf */

void buf_free(Buf *b)
{
    mem_free(b->type, b->data, b->cap);
    *b = (Buf){.type = b->type};
}

static void grow(Buf *b, size_t need)
{
    size_t cap = MAX(MAX(2 * b->cap, need), MIN_CAPACITY);
    b->data = mem_realloc(b->type, b->data, b->cap, cap);
    b->cap = cap;
    b->data[b->len] = 0;
}

char *buf_reserve(Buf *b, size_t n)
{
    if (b->cap - b->len <= n) {
        CHECK(n < SIZE_MAX / 4);
        grow(b, b->len + n + 1);
    }
    return b->data + b->len;
}

void buf_commit(Buf *b, size_t n)
{
    ASSERT(b->len + n < b->cap);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_append(Buf *b, const void *bytes, size_t n)
{
    char *to = buf_reserve(b, n);
    if (n)
        memcpy(to, bytes, n);
    buf_commit(b, n);
}

void buf_puts(Buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_putc(Buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    buf_commit(b, 1);
}

void buf_put_codepoint(Buf *b, uint32_t cp)
{
    char *to = buf_reserve(b, UTF8_MAX);
    buf_commit(b, utf8_encode(utf8_is_scalar(cp) ? cp : 0xFFFD, (uint8_t *)to));
}

void buf_fill(Buf *b, char c, size_t n)
{
    memset(buf_reserve(b, n), c, n);
    buf_commit(b, n);
}

void buf_put_unsigned(Buf *b, uint64_t n)
{
    char digits[DECIMAL_MAX], *end = digits + sizeof digits, *at = decimal_before(end, n);
    buf_append(b, at, (size_t)(end - at));
}

void buf_vprintf(Buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char *to = buf_reserve(b, PRINTED_MOSTLY);
    size_t room = b->cap - b->len;
    int n = vsnprintf(to, room, fmt, ap);
    CHECK(n >= 0);
    if ((size_t)n >= room)
        vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
    va_end(again);
    buf_commit(b, (size_t)n);
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_truncate(Buf *b, size_t len)
{
    ASSERT(len <= b->len);
    if (b->data == NULL)
        return;
    b->len = len;
    b->data[len] = 0;
}

char *buf_take(Buf *b, size_t *len)
{
    buf_reserve(b, 0);
    char *data = mem_realloc(b->type, b->data, b->cap, b->len + 1);
    *len = b->len;
    *b = (Buf){.type = b->type};
    return data;
}
