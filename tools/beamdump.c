/* SPDX-License-Identifier: Apache-2.0 */
/* beamdump - shows what is in a .beam and what the loader makes of it.
 * Usage: beamdump [-c] [-g] [-s] [-f NAME] FILE.beam...
 *   -c chunks and tables   -g generic instructions   -s specialised code   (default: all three)
 *   -f NAME  only functions of that name
 * Linked with the VM, of which it starts no more than the tables that loading needs. */
#include "base/epoch.h"
#include "base/log.h"
#include "code/code.h"
#include "data/term_print.h"
#include "exec/insn.h"
#include "heap/literal.h"
#include "loader/load_priv.h"
#include "term/atom.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Options {
    bool chunks, generic, special;
    term_t only;          /* function name, or TERM_NONE */
} Options;

static void print_term(term_t t)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, t, 1000);
    fputs(buf_text(&b), stdout);
    buf_free(&b);
}

/* ---- chunks ---- */

static void print_chunks(const BeamFile *f)
{
    Reader r = {f->data + 12, f->data + f->size};
    while (reader_left(&r) >= 8) {
        uint32_t size;
        const uint8_t *id = r.at;
        r.at += 4;
        if (!reader_u32(&r, &size) || size > reader_left(&r))
            break;
        printf("chunk %.4s %u bytes\n", (const char *)id, size);
        r.at += MIN(round_up(size, 4), reader_left(&r));
    }
}

static void print_tables(const BeamFile *f)
{
    printf("module ");
    print_term(beamfile_module(f));
    printf(", %u labels, %u functions, md5 ", f->label_count, f->function_count);
    for (int i = 0; i < 16; i++)
        printf("%02x", f->md5[i]);
    printf("\n");
    for (uint32_t i = 0; i < f->import_count; i++) {
        printf("import %u ", i), print_term(f->imports[i].module);
        printf(":"), print_term(f->imports[i].function), printf("/%u\n", f->imports[i].arity);
    }
    for (uint32_t i = 0; i < f->export_count; i++) {
        printf("export "), print_term(f->exports[i].function);
        printf("/%u label %u\n", f->exports[i].arity, f->exports[i].label);
    }
    for (uint32_t i = 0; i < f->lambda_count; i++) {
        printf("lambda %u ", i), print_term(f->lambdas[i].function);
        printf("/%u label %u free %u\n", f->lambdas[i].arity, f->lambdas[i].label, f->lambdas[i].nfree);
    }
}

/* ---- generic instructions ---- */

static void print_operand(const GenCode *g, const InsnOperand *a)
{
    unsigned long long v = a->value;
    switch ((int)a->kind) {
    case INSN_OP_X: printf(" x%llu", v); break;
    case INSN_OP_Y: printf(" y%llu", v); break;
    case INSN_OP_FR: printf(" fr%llu", v); break;
    case INSN_OP_TERM: printf(" "), print_term(a->value); break;
    case INSN_OP_UINT: printf(" %llu", v); break;
    case INSN_OP_LABEL: printf(" f%llu", v); break;
    case GEN_LIST: printf(" list %llu:", v); break;
    case GEN_LITERAL: printf(" #"), print_term(g->literals[v]); break;
    }
}

static void print_generic(const GenCode *g, const Options *o)
{
    bool shown = o->only == TERM_NONE;
    for (size_t i = 0; i < g->count; i++) {
        const GenOp *op = &g->ops[i];
        const InsnOperand *a = gen_args(g, op);
        if (op->op == GEN_func_info && o->only != TERM_NONE)
            shown = a[1].value == o->only;
        if (!shown)
            continue;
        printf("%6u  %s", op->at, gen_name(op->op));
        size_t n = op->argc;
        if (n > 0 && a[n - 1].kind == GEN_LIST)
            n += gen_list_size(&a[n - 1]);
        for (size_t k = 0; k < n; k++)
            print_operand(g, &a[k]);
        printf("\n");
    }
}

/* ---- specialised code ---- */

static void print_function(const CodeInstance *c, size_t i, const Options *o)
{
    const code_t *at = c->functions[i], *entry = at;
    const code_t *end = i + 1 < c->function_count ? c->functions[i + 1] - FUNC_INFO_WORDS
                                                  : c->code + c->code_words;
    const Mfa *mfa = code_entry_mfa(entry);
    char text[400];
    if (o->only != TERM_NONE && mfa->function != o->only)
        return;
    printf("\n"), print_term(mfa->module), printf(":"), print_term(mfa->function);
    printf("/%u\n", (unsigned)mfa->arity);
    while (at < end) {
        unsigned words = insn_disassemble(at, entry, text, sizeof text);
        printf("%6td  %s\n", at - entry, text);
        at += words;
    }
}

/* ---- files ---- */

static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    void *data = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0) {
        *size = (size_t)ftell(f);
        rewind(f);
        data = malloc(*size + 1);
        if (fread(data, 1, *size, f) != *size)
            *size = 0;
    }
    if (f)
        fclose(f);
    return data;
}

static bool dump(Vm *vm, const char *path, const Options *o)
{
    size_t size = 0;
    char error[200];
    void *data = read_file(path, &size);
    Load l = {.vm = vm};
    if (!data || !beamfile_open(&l.f, data, size) || !tables_literals(&l) || !decode_code(&l.gen, &l.f)) {
        fprintf(stderr, "%s: %s\n", path, data ? l.f.error : "cannot be read");
        return false;
    }
    if (o->chunks)
        print_chunks(&l.f), print_tables(&l.f);
    if (o->generic)
        print_generic(&l.gen, o);
    CodeInstance *c = o->special ? loader_build(vm, TERM_NONE, data, size, true, error, sizeof error) : NULL;
    if (o->special && !c)
        fprintf(stderr, "%s: %s\n", path, error);
    for (size_t i = 0; c && i < c->function_count; i++)
        print_function(c, i, o);
    bool ok = !o->special || c;
    if (c)
        loader_discard(vm, c);
    decode_free(&l.gen);
    beamfile_close(&l.f);
    free(data);
    return ok;
}

static void start(Vm *vm, EpochDomain *epoch)
{
    log_init();
    atom_table_init((size_t)1 << 20);
    epoch_domain_init(epoch);
    vm->epoch = epoch;
    literal_space_init(vm);
    code_init(vm);
    loader_init(vm);
}

int main(int argc, char **argv)
{
    static Vm vm;
    static EpochDomain epoch;
    Options o = {0};
    int bad = 0, files = 0;
    start(&vm, &epoch);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0) o.chunks = true;
        else if (strcmp(argv[i], "-g") == 0) o.generic = true;
        else if (strcmp(argv[i], "-s") == 0) o.special = true;
        else if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) o.only = atom_from_cstr(argv[++i]);
        else {
            if (!o.chunks && !o.generic && !o.special)
                o.chunks = o.generic = o.special = true;
            files++;
            bad += !dump(&vm, argv[i], &o);
        }
    }
    if (files == 0)
        fprintf(stderr, "usage: beamdump [-c] [-g] [-s] [-f NAME] FILE.beam...\n");
    return bad || files == 0;
}
