/* SPDX-License-Identifier: Apache-2.0 */
/* bifgen - collects the natives defined in C into one table.
 * Usage:      bifgen OUTDIR SOURCE...
 * Input:      lines that begin with BIF( or BIF_NAMED( in .c files.
 * Output:     OUTDIR/bif_table.gen.c: declarations, bif_table[] sorted by module, function text and
 *             arity, bif_table_count. struct BifEntry is declared by bifs/bif.h.
 * Errors:     the same module:function/arity twice, or one C symbol twice: file:line of both. */
#include "genlib.h"

static int by_mfa(const void *x, const void *y)
{
    const GenBif *a = x, *b = y;
    int d = strcmp(a->mod, b->mod);
    d = d ? d : strcmp(a->text, b->text);
    return d ? d : a->arity - b->arity;
}

static bool same_symbol(const GenBif *a, const GenBif *b)
{
    return a->arity == b->arity && strcmp(a->mod, b->mod) == 0
        && strcmp(a->cname, b->cname) == 0;
}

static void reject_duplicates(const GenBifs *bifs)
{
    for (size_t i = 0; i + 1 < bifs->count; i++) {
        const GenBif *a = &bifs->at[i];
        for (size_t j = i + 1; j < bifs->count && strcmp(bifs->at[j].mod, a->mod) == 0; j++) {
            const GenBif *b = &bifs->at[j];
            if (by_mfa(a, b) == 0 || same_symbol(a, b))
                gen_fail(b->file, b->line, "%s:%s/%d is defined a second time; see %s:%d",
                         b->mod, b->text, b->arity, a->file, a->line);
        }
    }
}

static void write_entry(GenText *t, const GenBif *b)
{
    gen_printf(t, "    {%s, %s, %d, %s,\n", gen_atom_name(b->mod), gen_atom_name(b->text),
               b->arity, b->flags);
    gen_printf(t, "     bif_%s_%s_%d, \"%s:%s/%d\"},\n", b->mod, b->cname, b->arity,
               b->mod, b->text, b->arity);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bifgen OUTDIR SOURCE...\n");
        return 2;
    }
    GenBifs bifs = {0};
    for (int i = 2; i < argc; i++)
        if (gen_has_suffix(argv[i], ".c"))
            gen_bifs_scan(&bifs, gen_read(argv[i]), argv[i]);
    if (bifs.count)
        qsort(bifs.at, bifs.count, sizeof *bifs.at, by_mfa);
    reject_duplicates(&bifs);

    GenText t = {0};
    gen_printf(&t, "/* Made by tools/bifgen.c from the BIF lines in the sources. */\n"
                   "#include \"bifs/bif.h\"\n\n");
    for (size_t i = 0; i < bifs.count; i++)
        gen_printf(&t, "extern term_t bif_%s_%s_%d(Process *p, term_t *a);\n",
                   bifs.at[i].mod, bifs.at[i].cname, bifs.at[i].arity);
    gen_printf(&t, "\nconst struct BifEntry bif_table[] = {\n");
    for (size_t i = 0; i < bifs.count; i++)
        write_entry(&t, &bifs.at[i]);
    gen_printf(&t, "};\n\nconst unsigned bif_table_count = %zu;\n", bifs.count);
    gen_write(argv[1], "bif_table.gen.c", &t);
    return 0;
}
