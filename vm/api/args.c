/* SPDX-License-Identifier: Apache-2.0 */
/* args - see args.h. Layer: api. */
#include "api/args.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

void args_add(Args *a, const char *arg)
{
    if (a->count + 2 > a->capacity) {
        int capacity = MAX(2 * a->capacity, 32);
        a->at = mem_realloc(MEM_SYS, a->at, (size_t)a->capacity * sizeof(char *),
                            (size_t)capacity * sizeof(char *));
        a->capacity = capacity;
    }
    a->at[a->count++] = mem_text(MEM_SYS, arg);
    a->at[a->count] = NULL;
}

void args_add_all(Args *a, const Args *from)
{
    for (int i = 0; i < from->count; i++) args_add(a, from->at[i]);
}

/* Appends one word to b; returns where it ends. */
static const char *take_word(Buf *b, const char *p, bool comments)
{
    for (; *p && !isspace((unsigned char)*p) && !(comments && *p == '#'); p++) {
        if (*p == '"' || *p == '\'') {
            char quote = *p++;
            while (*p && *p != quote) buf_putc(b, *p++);
            if (!*p) return p;
        } else if (*p == '\\') {
            if (!*++p) return p;
            buf_putc(b, *p);
        } else {
            buf_putc(b, *p);
        }
    }
    return p;
}

void args_split(Args *a, const char *text, bool comments)
{
    Buf word = BUF_INIT(TEMP);
    const char *p = text;
    for (;;) {
        while (isspace((unsigned char)*p)) p++;
        if (comments && *p == '#') {
            while (*p && *p != '\n') p++;
            continue;
        }
        if (!*p) break;
        buf_clear(&word);
        p = take_word(&word, p, comments);
        args_add(a, buf_text(&word));
    }
    buf_free(&word);
}

char *text_format(const char *fmt, ...)
{
    Buf b = BUF_INIT(SYS);
    va_list ap;
    size_t len;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    return buf_take(&b, &len);
}

void leave(int status)
{
    fflush(NULL);
    _exit(status);
}
