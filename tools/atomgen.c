/* SPDX-License-Identifier: Apache-2.0 */
/* atomgen - gives every atom that the C sources name a number known at compile time.
 * Usage:      atomgen OUTDIR ATOMS.DEF SOURCE...
 * Input:      identifiers am_<name> outside comments and strings; module and function names of BIF
 *             lines; ATOM(am_Name, "text") lines of ATOMS.DEF, which give a name another text.
 * Output:     OUTDIR/atoms.gen.h (am_* constants) and OUTDIR/atoms.gen.c (the texts, in the order of
 *             their numbers, and their count). OUTDIR/atoms.base is written anew when a number changed.
 * Invariants: false is 0 and true is 1; the others follow in byte order of their texts. Names with the
 *             same text share a number. Over a previous output in OUTDIR numbers stay and new texts go
 *             to the end, so that objects need no new compilation because of atoms they do not name. */
#include "genlib.h"

typedef struct {
    char *name; /* with the am_ prefix */
    char *text;
    bool given; /* by ATOMS.DEF; not derived from the name */
    unsigned index;
} Atom;

static Atom *atoms;
static size_t atom_count;

static unsigned *buckets; /* index + 1 into atoms */
static size_t bucket_count;

static size_t hash(const char *s)
{
    size_t h = 5381;
    while (*s)
        h = h * 33 ^ (unsigned char)*s++;
    return h;
}

static void bucket_put(unsigned i)
{
    size_t h = hash(atoms[i].name) & (bucket_count - 1);
    while (buckets[h])
        h = (h + 1) & (bucket_count - 1);
    buckets[h] = i + 1;
}

static void buckets_grow(void)
{
    bucket_count = bucket_count ? bucket_count * 2 : 1024;
    free(buckets);
    buckets = calloc(bucket_count, sizeof *buckets);
    if (!buckets)
        gen_fail("atomgen", 0, "out of memory");
    for (size_t i = 0; i < atom_count; i++)
        bucket_put((unsigned)i);
}

static Atom *atom_find(const char *name)
{
    if (!bucket_count)
        return NULL;
    size_t h = hash(name) & (bucket_count - 1);
    for (; buckets[h]; h = (h + 1) & (bucket_count - 1))
        if (strcmp(atoms[buckets[h] - 1].name, name) == 0)
            return &atoms[buckets[h] - 1];
    return NULL;
}

static void atom_add(char *name, char *text, bool given)
{
    if (atom_find(name))
        return;
    if (atom_count * 2 >= bucket_count)
        buckets_grow();
    atoms = gen_grow(atoms, (atom_count + 1) * sizeof *atoms);
    atoms[atom_count] = (Atom){.name = name, .text = text, .given = given};
    bucket_put((unsigned)atom_count++);
}

static void read_definitions(const char *path)
{
    char *text = gen_read_try(path);
    int line = 1;
    for (const char *s = text ? text : ""; *s; line++) {
        char name[256], value[1024];
        if (sscanf(s, "ATOM(%255[A-Za-z0-9_], \"%1023[^\"]\")", name, value) == 2) {
            Atom *old = atom_find(name);
            if (old && strcmp(old->text, value) != 0)
                gen_fail(path, line, "%s has two texts", name);
            atom_add(gen_copy(name, strlen(name)), gen_copy(value, strlen(value)), true);
        } else if (sscanf(s, "ATOM(%255[A-Za-z0-9_], \"\")", name) == 1
                   && strncmp(s + 5 + strlen(name), ", \"\")", 5) == 0) {
            atom_add(gen_copy(name, strlen(name)), gen_copy("", 0), true);
        } else if (strncmp(s, "ATOM(", 5) == 0) {
            gen_fail(path, line, "expected ATOM(am_Name, \"text\")");
        }
        s += strcspn(s, "\n");
        s += *s == '\n';
    }
}

/* The first character after a comment, string or character constant that starts at s; or s. */
static const char *skip_inert(const char *s)
{
    if (s[0] == '/' && s[1] == '*') {
        const char *e = strstr(s + 2, "*/");
        return e ? e + 2 : s + strlen(s);
    }
    if (s[0] == '/' && s[1] == '/')
        return s + strcspn(s, "\n");
    if (*s != '"' && *s != '\'')
        return s;
    const char *e = s + 1;
    while (*e && *e != *s && *e != '\n')
        e += e[0] == '\\' && e[1] ? 2 : 1;
    return *e ? e + 1 : e;
}

static void scan_names(const char *s)
{
    while (*s) {
        const char *next = skip_inert(s);
        if (next != s) {
            s = next;
            continue;
        }
        if (!gen_is_ident(*s)) {
            s++;
            continue;
        }
        const char *e = s;
        while (gen_is_ident(*e))
            e++;
        if (strncmp(s, "am_", 3) == 0 && e - s > 3) {
            char *name = gen_copy(s, (size_t)(e - s));
            atom_add(name, name + 3, false);
        }
        s = e;
    }
}

static void scan_bifs(const char *text, const char *path)
{
    GenBifs bifs = {0};
    gen_bifs_scan(&bifs, text, path);
    for (size_t i = 0; i < bifs.count; i++) {
        atom_add(gen_atom_name(bifs.at[i].mod), bifs.at[i].mod, false);
        atom_add(gen_atom_name(bifs.at[i].text), bifs.at[i].text, false);
    }
}

static int rank(const Atom *a)
{
    return strcmp(a->text, "false") == 0 ? 0 : strcmp(a->text, "true") == 0 ? 1 : 2;
}

static int by_text(const void *x, const void *y)
{
    const Atom *a = x, *b = y;
    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    int d = strcmp(a->text, b->text);
    return d ? d : strcmp(a->name, b->name);
}

/* The texts in the order of their numbers; the first `kept` come from the output before. */
static char **texts;
static unsigned text_count, kept;

static unsigned text_add(const char *text)
{
    texts = gen_grow(texts, (text_count + 1) * sizeof *texts);
    texts[text_count] = gen_copy(text, strlen(text));
    return text_count++;
}

static void read_previous_texts(const char *dir)
{
    char path[4096], value[1024];
    snprintf(path, sizeof path, "%s/atoms.gen.c", dir);
    char *all = gen_read_try(path);
    for (const char *s = all ? all : ""; *s; s += *s == '\n') {
        if (sscanf(s, "    \"%1023[^\"]\",", value) == 1)
            text_add(value);
        else if (strncmp(s, "    \"\",", 7) == 0)
            text_add("");
        s += strcspn(s, "\n");
    }
    kept = text_count;
}

/* True when every name that the previous header has still stands for the text it had. */
static bool previous_names_hold(const char *dir)
{
    char path[4096], name[256];
    unsigned number;
    snprintf(path, sizeof path, "%s/atoms.gen.h", dir);
    char *all = gen_read_try(path);
    if (!all)
        return false;
    for (const char *s = all; *s; s += *s == '\n') {
        if (sscanf(s, "#define %255s ATOM_CONST(%u)", name, &number) == 2) {
            const Atom *a = atom_find(name);
            if (number >= kept || (a && strcmp(a->text, texts[number]) != 0))
                return false;
        }
        s += strcspn(s, "\n");
    }
    return true;
}

static unsigned kept_number(const char *text)
{
    unsigned i = 0;
    while (i < kept && strcmp(texts[i], text) != 0)
        i++;
    return i;
}

static void note_new_numbers(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/atoms.base", dir);
    FILE *f = fopen(path, "w");
    if (!f || fclose(f) != 0)
        gen_fail(path, 0, "cannot write");
}

static void number_atoms(const char *dir)
{
    read_previous_texts(dir);
    if (!previous_names_hold(dir))
        text_count = kept = 0;
    qsort(atoms, atom_count, sizeof *atoms, by_text);
    for (size_t i = 0; i < atom_count; i++) {
        bool same = i > 0 && strcmp(atoms[i].text, atoms[i - 1].text) == 0;
        atoms[i].index = same ? atoms[i - 1].index : kept_number(atoms[i].text);
        if (!same && atoms[i].index == kept)
            atoms[i].index = text_add(atoms[i].text);
    }
    if (kept == 0)
        note_new_numbers(dir);
}

static void write_header(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "/* Made by tools/atomgen.c from the am_ names in the sources. */\n"
                   "#ifndef GEN_ATOMS_H\n#define GEN_ATOMS_H\n\n");
    for (size_t i = 0; i < atom_count; i++)
        gen_printf(&t, "#define %s ATOM_CONST(%u)\n", atoms[i].name, atoms[i].index);
    gen_printf(&t, "\nextern const unsigned atom_predefined_count;\n"
                   "extern const char *const atom_predefined_names[];\n\n#endif\n");
    gen_write(dir, "atoms.gen.h", &t);
}

static void write_table(const char *dir)
{
    GenText t = {0};
    gen_printf(&t, "/* Made by tools/atomgen.c from the am_ names in the sources. */\n"
                   "#include \"atoms.gen.h\"\n"
                   "const unsigned atom_predefined_count = %u;\n"
                   "const char *const atom_predefined_names[] = {\n", text_count);
    for (unsigned i = 0; i < text_count; i++)
        gen_printf(&t, "    \"%s\",\n", texts[i]);
    gen_printf(&t, "};\n");
    gen_write(dir, "atoms.gen.c", &t);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: atomgen OUTDIR ATOMS.DEF SOURCE...\n");
        return 2;
    }
    read_definitions(argv[2]);
    atom_add("am_false", "false", false);
    atom_add("am_true", "true", false);
    for (int i = 3; i < argc; i++) {
        char *text = gen_read(argv[i]);
        scan_names(text);
        if (gen_has_suffix(argv[i], ".c"))
            scan_bifs(text, argv[i]);
    }
    number_atoms(argv[1]);
    write_header(argv[1]);
    write_table(argv[1]);
    return 0;
}
