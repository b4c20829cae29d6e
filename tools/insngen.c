/* SPDX-License-Identifier: Apache-2.0 */
/* insngen - makes the interpreter from the instruction definitions.
 * Usage:   insngen OUTDIR vm/exec/a.insn ...
 * Input:   /x comment x/  insn NAME(KINDS Operand, ...) { body }     one instruction family
 *                         ... { body } slow { body }                 SLOW(); in the first leads to the second
 *                         routine NAME { body }                      code shared by bodies: GOTO(NAME)
 *          KINDS: letters of kind_of[] (one variant for each combination), `s` = xyiq, `d` = xy; `xyi|S`
 *          adds one last variant in which all operands with a fallback use it; `*` = trailing operands.
 * Output:  insn_families.gen.h   the enum of families
 *          insn_variants.gen.h   variants with their field layouts, families, names
 *          interp_tail.gen.h     one C function per variant     interp_switch.gen.h   one case per variant
 *          stencils.gen.h        one C function per variant, operands as symbols (vm/exec/jit/stencils.c)
 *          insn_reference.gen.md the families with their comments, for the reader
 * Errors:  file:line: what.
 * In a body an operand's name stands for the access to it; KIND_OF(Name) is its kind letter in this
 * variant, RAW(Name) the source word of an operand of kind S, COUNT the number of trailing operands. The
 * macros of the bodies are in vm/exec/insn_macros.h. */
#include "genlib.h"

#define MAX_OPS 12

typedef struct {
    char letter;
    int bytes;
    const char *access;  /* %d: byte offset */
    const char *stencil; /* access in native code; %d: index of the operand */
    const char *text;
} Kind;

static const Kind kinds[] = {
    {'x', 2, "X[F16(%d)]", "XREG(%d)", "x register"},
    {'y', 2, "E[F16(%d)]", "YREG(%d)", "y register"},
    {'l', 2, "FR[F16(%d)]", "FREG(%d)", "float register"},
    {'D', 2, "(*DST(F16(%d)))", "(*DST(NUM(%d)))", "x or y register, destination"},
    {'t', 2, "F16(%d)", "NUM(%d)", "16-bit number"},
    {'i', 4, "((term_t)(int64_t)F32S(%d))", "IMM(%d)", "immediate term of 32 bits"},
    {'n', 4, "((term_t)(int64_t)F32S(%d))", "IMM(%d)", "small integer of 32 bits"},
    {'u', 4, "F32(%d)", "NUM(%d)", "32-bit number"},
    {'f', 4, "F32S(%d)", "label_%d()", "label"},
    {'q', 8, "((term_t)F64(%d))", "WORD(%d)", "term"},
    {'w', 8, "F64(%d)", "WORD(%d)", "word"},
    {'S', 8, "SRC(F64(%d))", "SRC(WORD(%d))", "register or term"},
    {'-', 0, "0", "0", "ignored"},
};

typedef struct {
    char *letters;  /* in order of preference */
    char fallback;  /* 0: none */
    char *name;
} Operand;

typedef struct {
    char *name, *doc, *body, *slow;
    const char *file;
    int line, body_line, slow_line;
    bool routine, trailing;
    char *trailing_name;
    int nops;
    Operand op[MAX_OPS];
    int first_variant, variants;
} Insn;

typedef struct {
    int family;
    char kind[MAX_OPS + 1];
    int at[MAX_OPS];
    int words, count_at;
    char *name;
} Variant;

static Insn *insns;
static int insn_count;
static Variant *variants;
static int variant_count;

static const Kind *kind_of(char letter)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].letter == letter)
            return &kinds[i];
    return NULL;
}

/* ---- reading ---- */

typedef struct {
    const char *file, *at;
    int line;
    char *doc; /* last comment seen */
} Reader;

#define FAIL_AT(r, ...) gen_fail((r)->file, (r)->line, __VA_ARGS__)

static void skip_comment(Reader *r)
{
    const char *end = strstr(r->at + 2, "*/");
    if (!end)
        FAIL_AT(r, "a comment does not end");
    r->doc = gen_copy(r->at + 2, (size_t)(end - r->at - 2));
    for (; r->at < end + 2; r->at++)
        r->line += *r->at == '\n';
}

static void skip_space(Reader *r)
{
    for (;;) {
        if (*r->at == '\n')
            r->line++, r->at++;
        else if (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')
            r->at++;
        else if (r->at[0] == '/' && r->at[1] == '*')
            skip_comment(r);
        else
            return;
    }
}

static char *read_ident(Reader *r, const char *what)
{
    skip_space(r);
    const char *start = r->at;
    while (gen_is_ident(*r->at))
        r->at++;
    if (start == r->at || isdigit((unsigned char)*start))
        FAIL_AT(r, "expected %s, found '%c'", what, *start ? *start : '$');
    return gen_copy(start, (size_t)(r->at - start));
}

static void expect(Reader *r, char c)
{
    skip_space(r);
    if (*r->at != c)
        FAIL_AT(r, "expected '%c', found '%c'", c, *r->at ? *r->at : '$');
    r->at++;
}

static void add_kind(Reader *r, GenText *letters, char c)
{
    const char *expanded = c == 's' ? "xyiq" : c == 'd' ? "xy" : (char[]){c, 0};
    for (; *expanded; expanded++) {
        if (!kind_of(*expanded))
            FAIL_AT(r, "unknown operand kind '%c'", *expanded);
        gen_add(letters, expanded, 1);
    }
}

static void read_operand(Reader *r, Insn *in)
{
    skip_space(r);
    if (*r->at == '*') {
        r->at++;
        in->trailing = true;
        in->trailing_name = read_ident(r, "the name of the trailing operands");
        return;
    }
    if (in->trailing)
        FAIL_AT(r, "no operand may follow the trailing ones");
    if (in->nops == MAX_OPS)
        FAIL_AT(r, "more than %d operands", MAX_OPS);
    Operand *op = &in->op[in->nops++];
    GenText letters = {0};
    for (; isalpha((unsigned char)*r->at) || *r->at == '-'; r->at++)
        add_kind(r, &letters, *r->at);
    if (!letters.len)
        FAIL_AT(r, "expected operand kinds, found '%c'", *r->at);
    op->letters = letters.data;
    if (*r->at == '|') {
        op->fallback = r->at[1];
        if (op->fallback != 'S' && op->fallback != 'D')
            FAIL_AT(r, "a fallback is S or D, not '%c'", op->fallback);
        r->at += 2;
    }
    op->name = read_ident(r, "an operand name");
    if (!isupper((unsigned char)*op->name))
        FAIL_AT(r, "operand '%s' does not begin with an upper case letter", op->name);
    for (int i = 0; i < in->nops - 1; i++)
        if (strcmp(in->op[i].name, op->name) == 0)
            FAIL_AT(r, "operand '%s' stands twice", op->name);
}

static void read_operands(Reader *r, Insn *in)
{
    expect(r, '(');
    skip_space(r);
    if (*r->at == ')') {
        r->at++;
        return;
    }
    for (;;) {
        read_operand(r, in);
        skip_space(r);
        if (*r->at != ',')
            break;
        r->at++;
    }
    expect(r, ')');
}

/* The body without its braces; braces inside strings, characters and comments do not count. */
static char *read_body(Reader *r, const Insn *in, int *line)
{
    expect(r, '{');
    const char *start = r->at;
    int first = r->line, depth = 1;
    *line = first;
    for (; depth > 0; r->at++) {
        char c = *r->at;
        if (!c)
            gen_fail(r->file, first, "the body of %s does not end", in->name);
        r->line += c == '\n';
        if (c == '"' || c == '\'') {
            for (r->at++; *r->at && *r->at != c; r->at++)
                r->at += *r->at == '\\';
        } else if (c == '/' && r->at[1] == '*') {
            const char *end = strstr(r->at + 2, "*/");
            if (!end)
                FAIL_AT(r, "a comment does not end");
            for (; r->at < end + 1; r->at++)
                r->line += *r->at == '\n';
        } else {
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        }
    }
    return gen_copy(start, (size_t)(r->at - 1 - start));
}

static void read_slow(Reader *r, Insn *in)
{
    Reader ahead = *r;
    ahead.doc = NULL;
    skip_space(&ahead);
    if (strncmp(ahead.at, "slow", 4) != 0 || gen_is_ident(ahead.at[4]))
        return;
    if (in->routine)
        FAIL_AT(&ahead, "a routine has no slow part");
    ahead.at += 4;
    in->slow = read_body(&ahead, in, &in->slow_line);
    *r = ahead;
}

static void reject_duplicate(const Reader *r, const Insn *in)
{
    for (int i = 0; i < insn_count; i++)
        if (insns[i].routine == in->routine && strcmp(insns[i].name, in->name) == 0)
            gen_fail(r->file, in->line, "%s is defined a second time; see %s:%d", in->name,
                     insns[i].file, insns[i].line);
}

static void read_file(const char *file)
{
    Reader r = {.file = file, .at = gen_read(file), .line = 1};
    for (;;) {
        r.doc = NULL;
        skip_space(&r);
        if (!*r.at)
            return;
        Insn in = {.file = file, .line = r.line, .doc = r.doc};
        char *word = read_ident(&r, "insn or routine");
        in.routine = strcmp(word, "routine") == 0;
        if (!in.routine && strcmp(word, "insn") != 0)
            FAIL_AT(&r, "expected insn or routine, found '%s'", word);
        in.name = read_ident(&r, "a name");
        reject_duplicate(&r, &in);
        if (!in.routine)
            read_operands(&r, &in);
        in.body = read_body(&r, &in, &in.body_line);
        read_slow(&r, &in);
        insns = gen_grow(insns, (size_t)(insn_count + 1) * sizeof *insns);
        insns[insn_count++] = in;
    }
}

/* ---- variants and layouts ---- */

/* First fit with natural alignment; bytes 0..3 are the handler. */
static int place(unsigned char *used, int bytes)
{
    for (int at = 4;; at++) {
        bool fits = at % bytes == 0;
        for (int i = 0; fits && i < bytes; i++)
            fits = !used[at + i];
        if (fits) {
            memset(used + at, 1, (size_t)bytes);
            return at;
        }
    }
}

/* Small fields first: registers belong into word 0; then operand order. */
static void lay_out(const Insn *in, Variant *v)
{
    unsigned char used[8 * (MAX_OPS + 3)] = {0};
    int end = 8;
    for (int bytes = 2; bytes <= 8; bytes *= 2) {
        for (int i = 0; i < in->nops; i++) {
            if (kind_of(v->kind[i])->bytes != bytes)
                continue;
            v->at[i] = place(used, bytes);
            end = v->at[i] + bytes > end ? v->at[i] + bytes : end;
        }
        if (bytes == 4 && in->trailing) {
            v->count_at = place(used, 4);
            end = v->count_at + 4 > end ? v->count_at + 4 : end;
        }
    }
    v->words = (end + 7) / 8;
}

static void add_variant(Insn *in, const char *letters)
{
    Variant v = {.family = (int)(in - insns)};
    GenText name = {0};
    strcpy(v.kind, letters);
    gen_printf(&name, "%s%s", in->name, in->nops ? "_" : "");
    for (int i = 0; i < in->nops; i++)
        gen_add(&name, letters[i] == '-' ? "_" : &letters[i], 1);
    v.name = name.data;
    lay_out(in, &v);
    variants = gen_grow(variants, (size_t)(variant_count + 1) * sizeof *variants);
    variants[variant_count++] = v;
    in->variants++;
}

static void expand(Insn *in, char *letters, int i)
{
    if (i == in->nops) {
        letters[i] = 0;
        add_variant(in, letters);
        return;
    }
    for (const char *c = in->op[i].letters; *c; c++) {
        letters[i] = *c;
        expand(in, letters, i + 1);
    }
}

static void make_variants(Insn *in)
{
    char letters[MAX_OPS + 1];
    bool fallback = false;
    in->first_variant = variant_count;
    expand(in, letters, 0);
    for (int i = 0; i < in->nops; i++)
        fallback |= in->op[i].fallback != 0;
    if (!fallback)
        return;
    /* All combinations of the operands without a fallback, with the fallback of the others. */
    Insn plain = *in;
    for (int i = 0; i < in->nops; i++)
        if (in->op[i].fallback)
            plain.op[i].letters = gen_copy(&in->op[i].fallback, 1);
    Insn saved = *in;
    memcpy(in->op, plain.op, sizeof in->op);
    expand(in, letters, 0);
    memcpy(in->op, saved.op, sizeof in->op);
}

/* ---- bodies ---- */

/* Operands are read from the instruction, or stand for what is patched into native code. */
static bool stencil_form;

static int operand_named(const Insn *in, const char *s, size_t n)
{
    for (int i = 0; i < in->nops; i++)
        if (strlen(in->op[i].name) == n && strncmp(in->op[i].name, s, n) == 0)
            return i;
    return -1;
}

static void put_access(GenText *t, const Variant *v, int i)
{
    const Kind *k = kind_of(v->kind[i]);
    if (stencil_form)
        gen_printf(t, k->stencil, i);
    else
        gen_printf(t, k->access, v->at[i]);
}

static void put_count(GenText *t, const Variant *v)
{
    if (stencil_form)
        gen_printf(t, "TRAILING");
    else
        gen_printf(t, "F32(%d)", v->count_at);
}

/* KIND_OF(Name), RAW(Name): s stands behind the word; returns the character behind the parenthesis. */
static const char *put_query(GenText *t, const Insn *in, const Variant *v, const char *s, bool raw)
{
    const char *name = s + strspn(s, " (");
    size_t n = 0;
    while (gen_is_ident(name[n]))
        n++;
    int i = operand_named(in, name, n);
    if (i < 0)
        gen_fail(in->file, in->body_line, "%s(%.*s) in %s: no such operand", raw ? "RAW" : "KIND_OF",
                 (int)n, name, in->name);
    if (!raw)
        gen_printf(t, "'%c'", v->kind[i]);
    else if (v->kind[i] == 'S')
        gen_printf(t, stencil_form ? "WORD(%d)" : "F64(%d)", stencil_form ? i : v->at[i]);
    else
        gen_fail(in->file, in->body_line, "RAW(%.*s) in %s: not of kind S", (int)n, name, in->name);
    return strchr(name + n, ')') + 1;
}

static const char *put_ident(GenText *t, const Insn *in, const Variant *v, const char *s)
{
    size_t n = 0;
    while (gen_is_ident(s[n]))
        n++;
    int i = operand_named(in, s, n);
    if (i >= 0)
        put_access(t, v, i);
    else if (n == 7 && strncmp(s, "KIND_OF", 7) == 0)
        return put_query(t, in, v, s + 7, false);
    else if (n == 3 && strncmp(s, "RAW", 3) == 0)
        return put_query(t, in, v, s + 3, true);
    else if (n == 4 && strncmp(s, "SLOW", 4) == 0) {
        if (!in->slow)
            gen_fail(in->file, in->body_line, "SLOW in %s, which has no slow part", in->name);
        gen_printf(t, "SLOW_(%s, %d)", v->name, (int)(v - variants));
        return s + n + strspn(s + n, "( )");
    } else if (in->trailing && n == 5 && strncmp(s, "COUNT", 5) == 0)
        put_count(t, v);
    else if (in->trailing && strlen(in->trailing_name) == n
             && strncmp(s, in->trailing_name, n) == 0)
        gen_printf(t, "(PC + %d)", v->words);
    else if (n == 6 && strncmp(s, "LENGTH", 6) == 0 && !in->trailing)
        gen_printf(t, "%d", v->words);
    else if (n == 6 && strncmp(s, "LENGTH", 6) == 0) {
        gen_printf(t, "(%d + ", v->words);
        put_count(t, v);
        gen_printf(t, ")");
    }
    else
        gen_add(t, s, n);
    return s + n;
}

static const char *put_quoted(GenText *t, const char *s)
{
    const char *e = s + 1;
    while (*e && *e != *s)
        e += 1 + (*e == '\\');
    gen_add(t, s, (size_t)(e + 1 - s));
    return e + 1;
}

static void put_text(GenText *t, const Insn *in, const Variant *v, const char *text, int line)
{
    gen_printf(t, "\n#line %d \"%s\"\n", line, in->file);
    for (const char *s = text; *s;) {
        if (*s == '"' || *s == '\'')
            s = put_quoted(t, s);
        else if (v && gen_is_ident(*s))
            s = put_ident(t, in, v, s);
        else
            gen_add(t, s++, 1);
    }
}

static void put_body(GenText *t, const Insn *in, const Variant *v)
{
    put_text(t, in, v, in->body, in->body_line);
}

static void put_next(GenText *t, const Insn *in, const Variant *v)
{
    if (in->trailing) {
        gen_printf(t, "NEXT(%d + ", v->words);
        put_count(t, v);
        gen_printf(t, ");");
    } else
        gen_printf(t, "NEXT(%d);", v->words);
}

/* ---- products ---- */

static const char *const head = "/* Made by tools/insngen.c from vm/exec/ (the .insn files). */\n";

static void write_families(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "%s#ifndef INSN_FAMILIES_GEN_H\n#define INSN_FAMILIES_GEN_H\n\n"
                   "enum InsnFamily {\n", head);
    for (int i = 0, n = 0; i < insn_count; i++)
        if (!insns[i].routine)
            gen_printf(&t, "    INSN_%s = %d,\n", insns[i].name, n++);
    int n = 0;
    for (int i = 0; i < insn_count; i++)
        n += !insns[i].routine;
    gen_printf(&t, "    INSN_FAMILIES = %d\n};\n\n#endif\n", n);
    gen_write(dir, "insn_families.gen.h", &t);
}

static void put_variant(GenText *t, int number, int family)
{
    const Variant *v = &variants[number];
    const Insn *in = &insns[v->family];
    gen_printf(t, "    {%d, %d, %d, %d, %d, %d, \"%s\", {", number, family, in->nops,
               in->trailing, v->words, v->count_at, v->name);
    for (int i = 0; i < in->nops; i++)
        gen_printf(t, "{'%c', %d, %d}%s", v->kind[i], kind_of(v->kind[i])->bytes, v->at[i],
                   i + 1 < in->nops ? ", " : "");
    gen_printf(t, "%s}},\n", in->nops ? "" : "{0, 0, 0}");
}

static void write_variants(const char *dir)
{
    GenText t = {0}, fam = {0};
    int family = 0;
    gen_printf(&t, "%s\nstatic const InsnVariant insn_variants[] = {\n", head);
    for (int i = 0; i < insn_count; i++) {
        Insn *in = &insns[i];
        if (in->routine)
            continue;
        gen_printf(&fam, "    {\"%s\", %d, %d},\n", in->name, in->first_variant, in->variants);
        for (int v = 0; v < in->variants; v++)
            put_variant(&t, in->first_variant + v, family);
        family++;
    }
    gen_printf(&t, "};\n\nstatic const struct {\n    const char *name;\n    uint16_t first, count;\n"
                   "} insn_families[] = {\n");
    if (fam.len)
        gen_add(&t, fam.data, fam.len);
    gen_printf(&t, "};\n");
    gen_write(dir, "insn_variants.gen.h", &t);
}

static void write_tail(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "%s", head);
    for (int i = 0; i < insn_count; i++)
        if (insns[i].routine)
            gen_printf(&t, "SHARED int rt_%s(void);\n", insns[i].name);
    for (int i = 0; i < insn_count; i++) {
        if (!insns[i].routine)
            continue;
        gen_printf(&t, "\nROUTINE(%s)\n{", insns[i].name);
        put_body(&t, &insns[i], NULL);
        gen_printf(&t, "}\n");
    }
    for (int n = 0; n < variant_count; n++) {
        const Insn *in = &insns[variants[n].family];
        if (in->slow) {
            gen_printf(&t, "\nSLOW_OP(%s)\n{", variants[n].name);
            put_text(&t, in, &variants[n], in->slow, in->slow_line);
            put_next(&t, in, &variants[n]);
            gen_printf(&t, "\n}\n");
        }
        gen_printf(&t, "\nOP(%d, %s)\n{ ENTER(%d); {", n, variants[n].name, n);
        put_body(&t, in, &variants[n]);
        gen_printf(&t, "} ");
        put_next(&t, in, &variants[n]);
        gen_printf(&t, "\n}\n");
    }
    gen_printf(&t, "\nHANDLERS_BEGIN\n");
    for (int n = 0; n < variant_count; n++)
        gen_printf(&t, "HANDLER(%s)\n", variants[n].name);
    gen_printf(&t, "HANDLERS_END\n");
    gen_write(dir, "interp_tail.gen.h", &t);
}

/* One function per variant, from whose machine code tools/stencilgen makes the pieces of native code. */
static void write_stencils(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "%s", head);
    stencil_form = true;
    for (int n = 0; n < variant_count; n++) {
        const Insn *in = &insns[variants[n].family];
        gen_printf(&t, "\nSTENCIL(%d, %s)\n{", n, variants[n].name);
        put_body(&t, in, &variants[n]);
        put_next(&t, in, &variants[n]);
        gen_printf(&t, "\n}\n");
    }
    stencil_form = false;
    gen_write(dir, "stencils.gen.h", &t);
}

static void write_switch(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "%s", head);
    for (int n = 0; n < variant_count; n++) {
        const Insn *in = &insns[variants[n].family];
        gen_printf(&t, "case %d: /* %s */ { ENTER(%d); {", n, variants[n].name, n);
        put_body(&t, in, &variants[n]);
        gen_printf(&t, "} ");
        put_next(&t, in, &variants[n]);
        gen_printf(&t, "\n}\n");
        if (in->slow) {
            gen_printf(&t, "slow_%d: {", n);
            put_text(&t, in, &variants[n], in->slow, in->slow_line);
            put_next(&t, in, &variants[n]);
            gen_printf(&t, "\n}\n");
        }
    }
    gen_printf(&t, "default: BAD_INSTRUCTION();\n");
    for (int i = 0; i < insn_count; i++) {
        if (!insns[i].routine)
            continue;
        gen_printf(&t, "rt_%s: {", insns[i].name);
        put_body(&t, &insns[i], NULL);
        gen_printf(&t, "}\nBAD_INSTRUCTION();\n");
    }
    gen_write(dir, "interp_switch.gen.h", &t);
}

static void put_doc(GenText *t, const char *doc)
{
    for (; doc && *doc; doc++)
        if (*doc != '\n' || doc[strspn(doc, "\n *")] != '\0')
            gen_add(t, *doc == '*' && doc[-1] == ' ' ? " " : doc, 1);
}

static void write_reference(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "# Instructions\n\nMade by tools/insngen.c: %d variants.\n\n", variant_count);
    for (int i = 0; i < insn_count; i++) {
        const Insn *in = &insns[i];
        if (in->routine)
            continue;
        gen_printf(&t, "- `%s(", in->name);
        for (int k = 0; k < in->nops; k++)
            gen_printf(&t, "%s%s %s", k ? ", " : "", in->op[k].letters, in->op[k].name);
        if (in->trailing)
            gen_printf(&t, "%s*%s", in->nops ? ", " : "", in->trailing_name);
        gen_printf(&t, ")` %d variants.", in->variants);
        put_doc(&t, in->doc);
        gen_printf(&t, "\n");
    }
    gen_write(dir, "insn_reference.gen.md", &t);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: insngen OUTDIR FILE.insn ...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        read_file(argv[i]);
    for (int i = 0; i < insn_count; i++)
        if (!insns[i].routine)
            make_variants(&insns[i]);
    if (variant_count > 0xFFFF)
        gen_fail("insngen", 0, "%d variants: more than a 16-bit number holds", variant_count);
    write_families(argv[1]);
    write_variants(argv[1]);
    write_tail(argv[1]);
    write_switch(argv[1]);
    write_stencils(argv[1]);
    write_reference(argv[1]);
    return 0;
}
