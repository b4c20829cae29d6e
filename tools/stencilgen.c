/* SPDX-License-Identifier: Apache-2.0 */
/* stencilgen - makes the pieces of native code from the compiled instructions (vm/exec/jit/stencils.c).
 * Usage:   stencilgen --thread IN.s OUT.s       on the compiler's output, before it is assembled
 *          stencilgen --table IN.o OUTDIR        on the object: writes stencil_table.gen.c
 * --thread: jumps to a jump go where that one goes; a branch around a jump becomes the opposite branch; what stands
 * behind the jump to the next instruction, the last thing of the frequent way, moves to a section of its own
 * (.text.cold_N), so that a copy of the first part runs into the copy that follows it.
 * --table: bytes and places to patch of each stencil. One that refers to anything but functions and hole_ symbols
 * (constants in memory: copies cannot reach them) is left out, and the interpreter's handler is used instead.
 * Errors:  file: what. */
#include "genlib.h"

#include <elf.h>

/* ---- --thread ---- */

typedef struct {
    char *text;
    bool dead;
} Line;

static Line *lines;
static int line_count;

static void read_lines(const char *file)
{
    char *s = gen_read(file);
    while (*s) {
        char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end - s) : strlen(s);
        lines = gen_grow(lines, (size_t)(line_count + 1) * sizeof *lines);
        lines[line_count++] = (Line){gen_copy(s, n), false};
        s += n + (end != NULL);
    }
}

static bool is_label(const char *s) { return *s == '.' && s[1] == 'L' && strchr(s, ':'); }
static bool is_comment(const char *s) { return *s == '#'; }
static bool is_directive(const char *s) { return *s == '\t' && s[1] == '.'; }

/* The next line from i on that is an instruction or a label. */
static int next_line(int i, int end)
{
    while (i < end && (lines[i].dead || is_comment(lines[i].text) || is_directive(lines[i].text)))
        i++;
    return i;
}

/* "jmp" or "jcc": where to, else NULL. */
static char *jump_target(const char *s, bool *conditional)
{
    if (s[0] != '\t' || s[1] != 'j')
        return NULL;
    char *to = strchr(s + 1, '\t');
    if (!to || to[1] == '*')
        return NULL;
    *conditional = strncmp(s + 1, "jmp", 3) != 0;
    return to + 1;
}

static int find_label(const char *name, int from, int to)
{
    size_t n = strlen(name);
    for (int i = from; i < to; i++)
        if (!lines[i].dead && strncmp(lines[i].text, name, n) == 0 && lines[i].text[n] == ':')
            return i;
    return -1;
}

static void retarget(Line *l, const char *to)
{
    GenText t = {0};
    char *tab = strchr(l->text + 1, '\t');
    gen_printf(&t, "%.*s%s", (int)(tab + 1 - l->text), l->text, to);
    l->text = t.data;
}

/* Jumps to `.L: jmp SYMBOL` become jumps to SYMBOL. */
static void thread_jumps(int from, int to)
{
    bool conditional;
    for (int i = from; i < to; i++) {
        char *target = jump_target(lines[i].text, &conditional);
        if (!target || *target != '.')
            continue;
        int at = find_label(target, from, to);
        if (at < 0)
            continue;
        at = next_line(at + 1, to);
        char *further = at < to ? jump_target(lines[at].text, &conditional) : NULL;
        if (further && !conditional && *further != '.')
            retarget(&lines[i], further);
    }
}

static bool is_used(const char *label, int from, int to)
{
    size_t n = strcspn(label, ":");
    bool conditional;
    for (int i = from; i < to; i++) {
        char *target = lines[i].dead ? NULL : jump_target(lines[i].text, &conditional);
        if (target && strncmp(target, label, n) == 0 && target[n] == '\0')
            return true;
    }
    return false;
}

static bool leaves(const char *s)
{
    return strncmp(s, "\tjmp", 4) == 0 || strcmp(s, "\tret") == 0;
}

/* Labels nobody jumps to, and instructions behind a jump that no label precedes. */
static void remove_dead(int from, int to)
{
    bool reachable = true;
    for (int i = from; i < to; i++) {
        char *s = lines[i].text;
        if (lines[i].dead)
            continue;
        if (is_label(s) && !is_used(s, from, to)) {
            lines[i].dead = true;
            continue;
        }
        if (is_label(s))
            reachable = true;
        if (!reachable && !is_directive(s) && !is_comment(s))
            lines[i].dead = true;
        if (reachable && leaves(s))
            reachable = false;
    }
}

static const char *opposite(const char *s, size_t n)
{
    static const char *const pairs[][2] = {
        {"je", "jne"}, {"jb", "jnb"}, {"jb", "jae"}, {"jbe", "ja"}, {"jl", "jge"}, {"jle", "jg"},
        {"js", "jns"}, {"jo", "jno"}, {"jp", "jnp"}, {"jc", "jnc"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int k = 0; k < 2; k++)
            if (strlen(pairs[i][k]) == n && strncmp(s, pairs[i][k], n) == 0)
                return pairs[i][!k];
    return NULL;
}

/* `jcc .L; jmp S; .L:` unless S is hole_next, for what .L begins is rare then; `jcc hole_next; jmp S` at the end. */
static void invert_branches(int from, int to)
{
    bool conditional;
    for (int i = from; i < to; i++) {
        char *target = lines[i].dead ? NULL : jump_target(lines[i].text, &conditional);
        if (!target || !conditional)
            continue;
        int j = next_line(i + 1, to), k = j < to ? next_line(j + 1, to) : to;
        char *around = j < to ? jump_target(lines[j].text, &conditional) : NULL;
        const char *op = opposite(lines[i].text + 1, strcspn(lines[i].text + 1, "\t"));
        if (!around || conditional || !op)
            continue;
        bool skips = k < to && is_label(lines[k].text) && strncmp(lines[k].text, target, strlen(target)) == 0
                     && lines[k].text[strlen(target)] == ':';
        bool last = k == to && strcmp(target, "hole_next") == 0;
        if (!last && (!skips || strcmp(around, "hole_next") == 0))
            continue;
        GenText t = {0}, n = {0};
        gen_printf(&t, "\t%s\t%s", op, around);
        gen_printf(&n, "\tjmp\thole_next");
        lines[i].text = t.data;
        if (last)
            lines[j].text = n.data;
        else
            lines[j].dead = true;
    }
}

static int last_of_frequent_way(int from, int to)
{
    for (int i = from; i < to; i++)
        if (!lines[i].dead && strcmp(lines[i].text, "\tjmp\thole_next") == 0)
            return i;
    return -1;
}

static void split(int number, int from, int to)
{
    int at = last_of_frequent_way(from, to);
    if (at < 0 || next_line(at + 1, to) == to)
        return;
    GenText t = {0};
    gen_printf(&t, "%s\n\t.section\t.text.cold_%d,\"ax\",@progbits", lines[at].text, number);
    lines[at].text = t.data;
}

static int thread(const char *in, const char *out)
{
    read_lines(in);
    for (int i = 0; i < line_count; i++) {
        int number, end = i + 1;
        if (sscanf(lines[i].text, "stencil_%d:", &number) != 1)
            continue;
        while (end < line_count && strncmp(lines[end].text, "\t.size", 6) != 0)
            end++;
        for (int round = 0; round < 3; round++) {
            thread_jumps(i + 1, end);
            remove_dead(i + 1, end);
            invert_branches(i + 1, end);
        }
        remove_dead(i + 1, end);
        split(number, i + 1, end);
        lines[end].dead = true; /* .size: the function may have two sections now */
    }
    FILE *f = fopen(out, "w");
    if (!f)
        gen_fail(out, 0, "cannot be written");
    for (int i = 0; i < line_count; i++)
        if (!lines[i].dead)
            fprintf(f, "%s\n", lines[i].text);
    return fclose(f) != 0;
}

/* ---- --table ---- */

typedef struct {
    const unsigned char *bytes;
    Elf64_Ehdr *head;
    Elf64_Shdr *sections;
    Elf64_Sym *symbols;
    const char *names, *section_names;
} Object;

typedef struct {
    int hot, cold;              /* sections, -1: none */
    int hot_relocs, cold_relocs;
} Stencil;

static Object object;
static Stencil *stencils;
static int stencil_count;
static GenText code, places, table, externs, symbol_list;
static char **externals;
static int external_count, code_bytes, place_count, left_out;

static int external(const char *name)
{
    for (int i = 0; i < external_count; i++)
        if (strcmp(externals[i], name) == 0)
            return i;
    externals = gen_grow(externals, (size_t)(external_count + 1) * sizeof *externals);
    externals[external_count] = gen_copy(name, strlen(name));
    gen_printf(&externs, "extern const char external_%d[] __asm__(\"%s\");\n", external_count, name);
    gen_printf(&symbol_list, "    external_%d,\n", external_count);
    return external_count++;
}

static void open_object(const char *file)
{
    object.bytes = (const unsigned char *)gen_read(file);
    object.head = (Elf64_Ehdr *)(void *)object.bytes;
    if (memcmp(object.head->e_ident, ELFMAG, SELFMAG) != 0 || object.head->e_machine != EM_X86_64)
        gen_fail(file, 0, "not an object for x86-64");
    object.sections = (Elf64_Shdr *)(void *)(object.bytes + object.head->e_shoff);
    object.section_names = (const char *)object.bytes + object.sections[object.head->e_shstrndx].sh_offset;
    for (int i = 0; i < object.head->e_shnum; i++) {
        if (object.sections[i].sh_type != SHT_SYMTAB)
            continue;
        object.symbols = (Elf64_Sym *)(void *)(object.bytes + object.sections[i].sh_offset);
        object.names = (const char *)object.bytes + object.sections[object.sections[i].sh_link].sh_offset;
    }
}

static Stencil *stencil(int number)
{
    while (stencil_count <= number) {
        stencils = gen_grow(stencils, (size_t)(stencil_count + 1) * sizeof *stencils);
        stencils[stencil_count++] = (Stencil){-1, -1, -1, -1};
    }
    return &stencils[number];
}

static void find_sections(void)
{
    for (int i = 0; i < object.head->e_shnum; i++) {
        const char *name = object.section_names + object.sections[i].sh_name;
        int n;
        if (sscanf(name, ".text.stencil_%d", &n) == 1)
            stencil(n)->hot = i;
        else if (sscanf(name, ".text.cold_%d", &n) == 1)
            stencil(n)->cold = i;
        else if (sscanf(name, ".rela.text.stencil_%d", &n) == 1)
            stencil(n)->hot_relocs = i;
        else if (sscanf(name, ".rela.text.cold_%d", &n) == 1)
            stencil(n)->cold_relocs = i;
    }
}

/* What a symbol stands for: an enumerator of StencilWhat and an index. False: a copy cannot refer to it. */
static bool meaning(const Stencil *s, const Elf64_Sym *y, const char **what, int *index)
{
    static const struct { const char *prefix, *what; } holes[] = {
        {"hole_x", "STENCIL_SHORT"}, {"hole_n", "STENCIL_NUMBER"}, {"hole_w", "STENCIL_WORD"},
        {"hole_a", "STENCIL_ADDRESS"}, {"hole_h", "STENCIL_HEADER"}, {"hole_e", "STENCIL_ELEMENT"},
        {"hole_t", "STENCIL_TARGET"}};
    const char *name = object.names + y->st_name;
    *index = 0;
    if (ELF64_ST_TYPE(y->st_info) == STT_SECTION || y->st_shndx != SHN_UNDEF) {
        *what = y->st_shndx == s->hot ? "STENCIL_HOT" : "STENCIL_COLD";
        *index = ELF64_ST_TYPE(y->st_info) == STT_SECTION ? 0 : (int)y->st_value;
        return y->st_shndx == s->hot || y->st_shndx == s->cold;
    }
    *what = strcmp(name, "hole_next") == 0 ? "STENCIL_NEXT" : strcmp(name, "hole_pc") == 0 ? "STENCIL_PC"
          : strcmp(name, "hole_count") == 0 ? "STENCIL_COUNT" : NULL;
    for (size_t i = 0; !*what && i < sizeof holes / sizeof *holes; i++)
        if (strncmp(name, holes[i].prefix, 6) == 0 && isdigit((unsigned char)name[6])) {
            *what = holes[i].what;
            *index = atoi(name + 6);
        }
    if (!*what) {
        *what = "STENCIL_EXTERNAL";
        *index = external(name);
    }
    return true;
}

static bool add_places(const Stencil *s, int relocs, int base, GenText *t, int *n, int drop_at)
{
    if (relocs < 0)
        return true;
    const Elf64_Rela *r = (const Elf64_Rela *)(const void *)(object.bytes + object.sections[relocs].sh_offset);
    size_t count = object.sections[relocs].sh_size / sizeof *r;
    for (size_t i = 0; i < count; i++, r++) {
        const char *what, *type;
        int index;
        if (!meaning(s, &object.symbols[ELF64_R_SYM(r->r_info)], &what, &index))
            return false;
        switch (ELF64_R_TYPE(r->r_info)) {
        case R_X86_64_64: type = "STENCIL_ABS64"; break;
        case R_X86_64_32: type = "STENCIL_ABS32"; break;
        case R_X86_64_32S: type = "STENCIL_ABS32S"; break;
        case R_X86_64_PC32: case R_X86_64_PLT32: type = "STENCIL_PC32"; break;
        default: return false;
        }
        bool relative = strcmp(type, "STENCIL_PC32") == 0;
        bool place = strcmp(what, "STENCIL_NEXT") == 0 || strcmp(what, "STENCIL_TARGET") == 0
                     || strcmp(what, "STENCIL_EXTERNAL") == 0 || strcmp(what, "STENCIL_HOT") == 0
                     || strcmp(what, "STENCIL_COLD") == 0;
        if (relative != place)
            return false;
        if (drop_at >= 0 && (int)r->r_offset == drop_at)
            continue; /* the jump to the next instruction, which follows */
        bool own = strcmp(what, "STENCIL_HOT") == 0 || strcmp(what, "STENCIL_COLD") == 0;
        gen_printf(t, "    {%d, %s, %s, %d, %d},\n", base + (int)r->r_offset, type, what, own ? 0 : index,
                   (int)r->r_addend + (own ? index : 0));
        ++*n;
    }
    return true;
}

static void add_bytes(int section, size_t size)
{
    for (size_t i = 0; i < size; i++)
        gen_printf(&code, "%d,%s", object.bytes[object.sections[section].sh_offset + i],
                   code_bytes++ % 24 == 23 ? "\n" : "");
}

static const char *symbol_name(const Elf64_Rela *r)
{
    return object.names + object.symbols[ELF64_R_SYM(r->r_info)].st_name;
}

/* Does the first part end in `jmp hole_next`? Then that is not copied. */
static bool ends_in_next(const Stencil *s, size_t size)
{
    if (s->hot_relocs < 0 || size < 5)
        return false;
    const Elf64_Rela *r = (const Elf64_Rela *)(const void *)(object.bytes + object.sections[s->hot_relocs].sh_offset);
    for (size_t i = object.sections[s->hot_relocs].sh_size / sizeof *r; i > 0; i--, r++)
        if (r->r_offset == size - 4 && strcmp(symbol_name(r), "hole_next") == 0)
            return object.bytes[object.sections[s->hot].sh_offset + size - 5] == 0xE9;
    return false;
}

/* Code that goes to an address it has computed may have left the next instruction's somewhere. */
static bool resumes(const Stencil *s)
{
    for (int i = 0; i < 2; i++) {
        int relocs = i ? s->cold_relocs : s->hot_relocs;
        if (relocs < 0)
            continue;
        const Elf64_Rela *r = (const Elf64_Rela *)(const void *)(object.bytes + object.sections[relocs].sh_offset);
        for (size_t k = object.sections[relocs].sh_size / sizeof *r; k > 0; k--, r++)
            if (strcmp(symbol_name(r), "interp_base") == 0)
                return true;
    }
    return false;
}

static void add_stencil(const Stencil *s)
{
    GenText t = {0};
    int n = 0;
    size_t hot = s->hot < 0 ? 0 : object.sections[s->hot].sh_size;
    size_t cold = s->cold < 0 ? 0 : object.sections[s->cold].sh_size;
    bool falls = s->hot >= 0 && ends_in_next(s, hot);
    size_t kept = falls ? hot - 5 : hot;
    if (s->hot < 0 || hot + cold > 4000 || !add_places(s, s->hot_relocs, 0, &t, &n, falls ? (int)hot - 4 : -1)
        || !add_places(s, s->cold_relocs, (int)kept, &t, &n, -1)) {
        gen_printf(&table, "    {0, 0, 0, 0, 0, 0},\n");
        left_out++;
        return;
    }
    gen_printf(&table, "    {%d, %d, %d, %d, %d, STENCIL_USABLE%s},\n", code_bytes, (int)kept, (int)cold, place_count,
               n, resumes(s) ? " | STENCIL_RESUMES" : "");
    add_bytes(s->hot, kept);
    if (s->cold >= 0)
        add_bytes(s->cold, cold);
    if (t.len)
        gen_add(&places, t.data, t.len);
    place_count += n;
}

static void add_part(GenText *t, const char *begin, const GenText *part, const char *end)
{
    gen_printf(t, "\n%s", begin);
    gen_add(t, part->data, part->len);
    gen_printf(t, "%s", end);
}

static int make_table(const char *in, const char *dir)
{
    GenText t = {0};
    open_object(in);
    find_sections();
    for (int i = 0; i < stencil_count; i++)
        add_stencil(&stencils[i]);
    gen_printf(&t, "/* Made by tools/stencilgen.c from vm/exec/jit/stencils.c: %d stencils, %d left out. */\n"
                   "#include \"exec/jit/stencil.h\"\n\n", stencil_count, left_out);
    add_part(&t, "", &externs, "");
    add_part(&t, "const unsigned char stencil_code[] = {\n", &code, "};\n");
    add_part(&t, "const StencilPlace stencil_places[] = {\n", &places, "};\n");
    add_part(&t, "const Stencil stencils[] = {\n", &table, "};\n");
    add_part(&t, "const void *const stencil_externals[] = {\n", &symbol_list, "};\n");
    gen_printf(&t, "\nconst unsigned stencil_count = %d;\nconst unsigned stencil_external_count = %d;\n",
               stencil_count, external_count);
    gen_write(dir, "stencil_table.gen.c", &t);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--thread") == 0)
        return thread(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "--table") == 0)
        return make_table(argv[2], argv[3]);
    fprintf(stderr, "usage: stencilgen --thread IN.s OUT.s | --table IN.o OUTDIR\n");
    return 2;
}
