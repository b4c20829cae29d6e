/* SPDX-License-Identifier: Apache-2.0 */
/* term_text - prints a term of the external format the way erl_call shows results.
 * The bytes have been measured by term_bytes before, so they are well formed. Part of erl_call.c only. */
#ifndef JOIST_LAUNCH_TERM_TEXT_H
#define JOIST_LAUNCH_TERM_TEXT_H

#include <ctype.h>

#include "node_client.h"

static const uint8_t *print_term(FILE *out, const uint8_t *p);

static const uint8_t *print_terms(FILE *out, const uint8_t *p, uint64_t n, const char *between)
{
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0)
            fputs(between, out);
        p = print_term(out, p);
    }
    return p;
}

static const uint8_t *print_atom(FILE *out, const uint8_t *p, unsigned length_bytes)
{
    size_t n = get_be(p + 1, length_bytes);
    const uint8_t *text = p + 1 + length_bytes;
    bool plain = n > 0 && islower(text[0]);
    for (size_t i = 0; i < n; i++)
        plain &= isalnum(text[i]) || text[i] == '_' || text[i] == '@';
    fprintf(out, plain ? "%.*s" : "'%.*s'", (int)n, (const char *)text);
    return text + n;
}

static void print_char(FILE *out, uint8_t c)
{
    if (c == '\n')
        fputs("\\n", out);
    else if (isprint(c))
        fputc(c, out);
    else
        fprintf(out, "\\x%X", c);
}

static const uint8_t *print_string(FILE *out, const uint8_t *p)
{
    size_t n = get_be(p + 1, 2);
    fputc('"', out);
    for (size_t i = 0; i < n; i++)
        print_char(out, p[3 + i]);
    fputc('"', out);
    return p + 3 + n;
}

static const uint8_t *print_bytes(FILE *out, const uint8_t *p)
{
    size_t n = get_be(p + 1, 4);
    fputs("#Bin<", out);
    fprintf(out, "%zu>", n);
    return p + 5 + n;
}

static const uint8_t *print_list(FILE *out, const uint8_t *p)
{
    fputc('[', out);
    p = print_terms(out, p + 5, get_be(p + 1, 4), ", ");
    if (*p != 106) {
        fputs(" | ", out);
        p = print_term(out, p);
    } else {
        p++;
    }
    fputc(']', out);
    return p;
}

static const uint8_t *print_map(FILE *out, const uint8_t *p)
{
    uint64_t n = get_be(p + 1, 4);
    fputs("#{", out);
    p += 5;
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0)
            fputs(", ", out);
        p = print_terms(out, p, 2, " => ");
    }
    fputc('}', out);
    return p;
}

static const uint8_t *print_float(FILE *out, const uint8_t *p)
{
    uint64_t bits = get_be(p + 1, 8);
    double d;
    memcpy(&d, &bits, sizeof d);
    fprintf(out, "%f", d);
    return p + 9;
}

/* Integers of up to eight bytes; larger ones in hexadecimal. */
static const uint8_t *print_big(FILE *out, const uint8_t *p, unsigned length_bytes)
{
    size_t n = get_be(p + 1, length_bytes);
    const uint8_t *sign = p + 1 + length_bytes, *digits = sign + 1;
    uint64_t v = 0;
    if (*sign)
        fputc('-', out);
    for (size_t i = n; i-- > 0 && n <= 8;)
        v = v << 8 | digits[i];
    if (n <= 8)
        fprintf(out, "%llu", (unsigned long long)v);
    else
        fputs("16#", out);
    for (size_t i = n; i-- > 0 && n > 8;)
        fprintf(out, "%02x", digits[i]);
    return digits + n;
}

/* <Node.Number.Serial> */
static const uint8_t *print_pid(FILE *out, const uint8_t *p)
{
    fputc('<', out);
    const uint8_t *at = print_term(out, p + 1);
    fprintf(out, ".%u.%u>", (unsigned)get_be(at, 4), (unsigned)get_be(at + 4, 4));
    return at + (*p == 88 ? 12 : 9);
}

static const uint8_t *print_ref(FILE *out, const uint8_t *p)
{
    unsigned n = (unsigned)get_be(p + 1, 2);
    const uint8_t *at = p + 3 + term_bytes(p + 3, p + 3 + 1024) + 4;
    fputs("#Ref<", out);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, i ? ".%d" : "%d", (int)get_be(at + 4 * i, 4));
    fputc('>', out);
    return at + 4 * n;
}

static const uint8_t *print_other(FILE *out, const uint8_t *p)
{
    size_t n = term_bytes(p, p + UINT32_MAX);
    fprintf(out, "#%s<%zu>", *p == 112 || *p == 113 ? "Fun" : *p == 89 || *p == 120 ? "Port" : "Term", n);
    return p + n;
}

static const uint8_t *print_term(FILE *out, const uint8_t *p)
{
    switch (*p) {
    case 97: fprintf(out, "%u", p[1]); return p + 2;
    case 98: fprintf(out, "%d", (int)(int32_t)get_be(p + 1, 4)); return p + 5;
    case 70: return print_float(out, p);
    case 106: fputs("[]", out); return p + 1;
    case 110: return print_big(out, p, 1);
    case 111: return print_big(out, p, 4);
    case 115: case 119: return print_atom(out, p, 1);
    case 100: case 118: return print_atom(out, p, 2);
    case 107: return print_string(out, p);
    case 109: return print_bytes(out, p);
    case 108: return print_list(out, p);
    case 116: return print_map(out, p);
    case 88: case 103: return print_pid(out, p);
    case 90: return print_ref(out, p);
    case 104: case 105: {
        unsigned head = *p == 104 ? 1 : 4;
        fputc('{', out);
        p = print_terms(out, p + 1 + head, get_be(p + 1, head), ", ");
        fputc('}', out);
        return p;
    }
    default: return print_other(out, p);
    }
}

#endif
