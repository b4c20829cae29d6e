/* SPDX-License-Identifier: Apache-2.0 */
/* buf - growable buffer of bytes with printf; for printing terms, messages, paths.
 * Invariant: data[len] == 0 whenever data is not NULL, so buf_text is a C string.
 * Ownership: buf_free, or buf_take hands the bytes over. Appending never fails (mem_alloc).
 * Layer: base. */
#ifndef JOIST_BASE_BUF_H
#define JOIST_BASE_BUF_H

#include "base/alloc.h"
#include "base/base.h"

#include <stdarg.h>

typedef struct Buf {
    char *data;
    size_t len;
    size_t cap;         /* allocated bytes, the final NUL included; 0: nothing allocated */
    enum MemType type;
} Buf;

#define BUF_INIT(mem_type) {.type = MEM_##mem_type}

static inline void buf_init(Buf *b, enum MemType type)
{
    *b = (Buf){.type = type};
}

void buf_free(Buf *b);
/* Make room for n more bytes and return where they go; then buf_commit what was written. */
char *buf_reserve(Buf *b, size_t n);
void buf_commit(Buf *b, size_t n);
void buf_append(Buf *b, const void *bytes, size_t n);
void buf_puts(Buf *b, const char *text);
void buf_putc(Buf *b, char c);
/* One code point as UTF-8; invalid ones become U+FFFD. */
void buf_put_codepoint(Buf *b, uint32_t cp);
void buf_put_unsigned(Buf *b, uint64_t n); /* in decimal */
void buf_fill(Buf *b, char c, size_t n);
void buf_printf(Buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(Buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Shorten to len (<= the present one). */
void buf_truncate(Buf *b, size_t len);

static inline void buf_clear(Buf *b)
{
    if (b->data)
        buf_truncate(b, 0);
}

/* The bytes as C string, valid until the next change; "" when empty. */
static inline const char *buf_text(const Buf *b)
{
    return b->data ? b->data : "";
}

/* Hand over the block: exactly *len + 1 bytes of the buffer's type, NUL-terminated; the
 * buffer is empty afterwards. */
char *buf_take(Buf *b, size_t *len);

#endif
