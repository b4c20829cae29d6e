/* SPDX-License-Identifier: Apache-2.0 */
/* genlib - what the build's small generators share: reading sources, growing text,
 * BIF( lines, and writing a product only when its content changed.
 * Errors:     every helper prints "file:line: what" and exits with status 1.
 * Ownership:  memory is never freed; a generator lives for milliseconds.
 * Not part of the VM: compiled by the build machine's compiler, one tool per file. */
#ifndef TOOLS_GENLIB_H
#define TOOLS_GENLIB_H

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GEN_NORETURN __attribute__((noreturn, format(printf, 3, 4)))
#define GEN_UNUSED __attribute__((unused))

static GEN_NORETURN void gen_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static GEN_UNUSED void *gen_grow(void *old, size_t bytes)
{
    void *mem = realloc(old, bytes ? bytes : 1);
    if (!mem)
        gen_fail("generator", 0, "out of memory");
    return mem;
}

/* Text that grows; `data` is always terminated. */
typedef struct {
    char *data;
    size_t len, room;
} GenText;

static GEN_UNUSED void gen_add(GenText *t, const char *bytes, size_t n)
{
    if (t->len + n + 1 > t->room) {
        t->room = (t->len + n + 1) * 2;
        t->data = gen_grow(t->data, t->room);
    }
    memcpy(t->data + t->len, bytes, n);
    t->len += n;
    t->data[t->len] = '\0';
}

__attribute__((format(printf, 2, 3)))
static GEN_UNUSED void gen_printf(GenText *t, const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof line)
        gen_fail("generator", 0, "an output line is too long");
    gen_add(t, line, (size_t)n);
}

/* The whole file as text, or NULL when it cannot be opened. */
static GEN_UNUSED char *gen_read_try(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    GenText t = {0};
    char block[65536];
    size_t n;
    gen_add(&t, "", 0);
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        gen_add(&t, block, n);
    fclose(f);
    return t.data;
}

static GEN_UNUSED char *gen_read(const char *path)
{
    char *text = gen_read_try(path);
    if (!text)
        gen_fail(path, 0, "cannot read");
    return text;
}

/* Leaves an unchanged file alone, so that its dependents are not rebuilt. */
static GEN_UNUSED void gen_write(const char *dir, const char *name, const GenText *t)
{
    char path[4096], temp[4200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    char *old = gen_read_try(path);
    if (old && strcmp(old, t->data) == 0)
        return;
    snprintf(temp, sizeof temp, "%s.%ld", path, (long)getpid()); /* builds may overlap */
    FILE *f = fopen(temp, "wb");
    if (!f)
        gen_fail(temp, 0, "cannot write");
    bool ok = fwrite(t->data, 1, t->len, f) == t->len;
    if (fclose(f) != 0 || !ok || rename(temp, path) != 0)
        gen_fail(path, 0, "cannot write");
}

static GEN_UNUSED char *gen_copy(const char *start, size_t n)
{
    char *s = gen_grow(NULL, n + 1);
    memcpy(s, start, n);
    s[n] = '\0';
    return s;
}

static GEN_UNUSED bool gen_is_ident(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static GEN_UNUSED bool gen_has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* One native: BIF(mod, fun, arity, flags) or BIF_NAMED(mod, "text", cname, arity, flags). */
typedef struct {
    char *mod, *text, *cname, *flags;
    int arity;
    const char *file;
    int line;
} GenBif;

typedef struct {
    GenBif *at;
    size_t count;
} GenBifs;

/* Cuts the next comma separated argument out of *at; the last one ends at ')'. */
static GEN_UNUSED char *gen_bif_arg(const char **at, const char *file, int line)
{
    const char *s = *at + strspn(*at, " \t");
    const char *e = s;
    if (*s == '"') {
        e = strchr(s + 1, '"');
        if (!e)
            gen_fail(file, line, "a string in a BIF line does not end");
        char *text = gen_copy(s + 1, (size_t)(e - s - 1));
        *at = e + 1 + strspn(e + 1, " \t,");
        return text;
    }
    e = s + strcspn(s, ",)\n");
    if (*e == '\n' || *e == '\0')
        gen_fail(file, line, "a BIF line must stand on one line");
    *at = e + 1;
    while (e > s && isspace((unsigned char)e[-1]))
        e--;
    if (e == s)
        gen_fail(file, line, "a BIF line has an empty argument");
    return gen_copy(s, (size_t)(e - s));
}

static GEN_UNUSED void gen_bif_line(GenBifs *list, const char *args, bool named,
                                    const char *file, int line)
{
    GenBif b = {.file = file, .line = line};
    b.mod = gen_bif_arg(&args, file, line);
    b.text = gen_bif_arg(&args, file, line);
    b.cname = named ? gen_bif_arg(&args, file, line) : b.text;
    char *arity = gen_bif_arg(&args, file, line);
    b.flags = gen_bif_arg(&args, file, line);
    char *end;
    b.arity = (int)strtol(arity, &end, 10);
    if (*end || b.arity < 0 || b.arity > 255)
        gen_fail(file, line, "the arity '%s' is not a number from 0 to 255", arity);
    list->at = gen_grow(list->at, (list->count + 1) * sizeof *list->at);
    list->at[list->count++] = b;
}

/* Collects the natives of one source text, in the order they stand there. */
static GEN_UNUSED void gen_bifs_scan(GenBifs *list, const char *text, const char *file)
{
    int line = 1;
    for (const char *s = text; *s; line++) {
        if (strncmp(s, "BIF(", 4) == 0)
            gen_bif_line(list, s + 4, false, file, line);
        else if (strncmp(s, "BIF_NAMED(", 10) == 0)
            gen_bif_line(list, s + 10, true, file, line);
        s += strcspn(s, "\n");
        s += *s == '\n';
    }
}

/* The atom constant of a native's function name. A name that is no C identifier gets one
 * made of its bytes; atomgen defines it under the same index as any other constant of that text. */
static GEN_UNUSED char *gen_atom_name(const char *text)
{
    bool plain = *text != '\0';
    for (const char *c = text; *c; c++)
        plain = plain && gen_is_ident(*c);
    char *name = gen_grow(NULL, strlen(text) * 2 + 16);
    if (plain) {
        sprintf(name, "am_%s", text);
        return name;
    }
    char *to = name + sprintf(name, "am_x");
    for (const char *c = text; *c; c++)
        to += sprintf(to, "%02x", (unsigned char)*c);
    return name;
}

#endif
