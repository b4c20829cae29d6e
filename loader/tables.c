/* SPDX-License-Identifier: Apache-2.0 */
/* tables - everything of an instance but its code: literals, file names, strings, funs, attributes. */
#include "base/alloc.h"
#include "data/map.h"
#include "etf/etf.h"
#include "heap/literal.h"
#include "loader/load_priv.h"
#include "term/atom.h"

#include <zlib.h>

/* zlib cannot shrink data to less than a 1032nd. */
#define MAX_INFLATION 1032u

/* ---- literals ---- */

static bool parse_literals(Load *l, const uint8_t *data, size_t size)
{
    Reader r = {data, data + size};
    uint32_t count, bytes;
    if (!reader_u32(&r, &count) || count > reader_left(&r) / 4)
        return load_fail(l, "literal table is cut short");
    for (uint32_t i = 0; i < count; i++) {
        if (!reader_u32(&r, &bytes) || bytes > reader_left(&r))
            return load_fail(l, "literal %u is cut short", i);
        term_t t = etf_decode(&l->gen.heap, l->vm, r.at, bytes, 0);
        if (t == TERM_NONE)
            return load_fail(l, "literal %u is no term", i);
        decode_add_literal(&l->gen, t);
        r.at += bytes;
    }
    return true;
}

bool tables_literals(Load *l)
{
    BeamChunk c = l->f.chunk[CHUNK_LitT];
    Reader r = {c.data, c.data + c.size};
    uint32_t size;
    if (!c.data)
        return true;
    if (!reader_u32(&r, &size))
        return load_fail(l, "literal table is cut short");
    /* OTP 28 and later store it plain and say so with size 0. */
    if (size == 0)
        return parse_literals(l, r.at, reader_left(&r));
    if (size / MAX_INFLATION > reader_left(&r))
        return load_fail(l, "literal table of %u bytes", size);
    uint8_t *plain = mem_alloc(MEM_LOADER, size);
    uLongf got = size;
    bool ok = uncompress(plain, &got, r.at, reader_left(&r)) == Z_OK && got == size;
    ok = ok ? parse_literals(l, plain, size) : load_fail(l, "literals do not inflate");
    mem_free(MEM_LOADER, plain, size);
    return ok;
}

/* ---- file names ---- */

/* Names are in UTF-8; a list of code points. */
static term_t utf8_list(Heap *h, const uint8_t *text, size_t bytes)
{
    term_t list = TERM_NIL;
    size_t end = bytes;
    while (end > 0) {
        size_t at = end - 1;
        while (at > 0 && (text[at] & 0xC0) == 0x80 && end - at < 4)
            at--;
        uint32_t c = text[at];
        if (c >= 0xF0) c &= 0x07;
        else if (c >= 0xE0) c &= 0x0F;
        else if (c >= 0xC0) c &= 0x1F;
        for (size_t i = at + 1; i < end; i++)
            c = c << 6 | (text[i] & 0x3F);
        list = heap_cons(h, term_small(c), list);
        end = at;
    }
    return list;
}

static void add_file_names(Load *l)
{
    Heap *h = &l->gen.heap;
    const AtomText *module = atom_text(beamfile_module(&l->f));
    term_t tail = heap_string(h, ".erl", 4, TERM_NIL);
    term_t name = utf8_list(h, (const uint8_t *)module->text, module->bytes);
    /* Append: the list was made just now and is nobody else's. */
    term_t last = name;
    while (term_is_list_cell(last) && term_is_list_cell(list_tail(last)))
        last = list_tail(last);
    if (term_is_list_cell(last))
        list_ptr(last)[1] = tail;
    decode_add_literal(&l->gen, name);
    for (uint32_t i = 1; i < l->f.file_count; i++)
        decode_add_literal(&l->gen, utf8_list(h, l->f.files[i].data, l->f.files[i].size));
}

/* ---- keys of maps ---- */

#define LIGHT_WORDS 16

static bool constant(const GenCode *g, const InsnOperand *a, term_t *t)
{
    if (a->kind != INSN_OP_TERM && a->kind != GEN_LITERAL) return false;
    *t = a->kind == INSN_OP_TERM ? (term_t)a->value : g->literals[a->value];
    return true;
}

bool tables_is_light(term_t t)
{
    if (!term_is_boxed(t)) return term_is_immed(t);
    const term_t *p = boxed_ptr(t);
    bool leaf = boxed_words(p) == 1 + boxed_raw_words(*p);
    return leaf ? boxed_words(p) <= LIGHT_WORDS : term_is_map(t) && map_size(t) == 0;
}

static bool has_light_values(term_t map)
{
    for (size_t i = 0; i < map_size(map); i++)
        if (!tables_is_light(flat_map_values(map)[i])) return false;
    return true;
}

/* A flat map with the keys of n / 2 pairs, too; or TERM_NONE. All that is in it is copied to the area once more. */
static term_t with_keys(GenCode *g, term_t map, const InsnOperand *pairs, size_t n)
{
    term_t key;
    if (!has_light_values(map)) return TERM_NONE;
    for (size_t i = 0; i < n; i += 2) {
        if (!constant(g, &pairs[i], &key) || !tables_is_light(key)) return TERM_NONE;
        if (map_get(map, key) != TERM_NONE) continue;
        if (map_size(map) == MAP_FLAT_MAX) return TERM_NONE;
        map = map_put(&g->heap, map, key, TERM_NIL);
    }
    return map;
}

/* A map that is a known one with more keys, known, too, begins as a literal that has them all: all maps made there
 * share the keys, and the instruction (see is_new_map in rules.c) writes just the values. */
static void share_map_keys(GenCode *g)
{
    term_t map;
    for (size_t i = 0; i < g->count; i++) {
        InsnOperand *a = gen_args(g, &g->ops[i]);
        if (g->ops[i].op != GEN_put_map_assoc || a[4].kind != GEN_LIST || gen_list_size(&a[4]) % 2) continue;
        if (!constant(g, &a[1], &map) || !term_is_map(map) || !map_is_flat(map)) continue;
        term_t full = with_keys(g, map, a + 5, gen_list_size(&a[4]));
        if (full != TERM_NONE && full != map) a[1] = (InsnOperand){GEN_LITERAL, decode_add_literal(g, full)};
    }
}

/* ---- the area ---- */

/* Move all literals to an area of their own; file names are the last ones. */
static void make_literal_area(Load *l)
{
    CodeInstance *c = l->inst;
    c->file_count = l->f.file_count;
    add_file_names(l);
    c->literal_area = literal_area_of_terms(l->vm, l->gen.literals, l->gen.literal_count);
    c->literal_count = l->gen.literal_count - c->file_count;
    c->literals = MEM_NEW_ARRAY(CODE, term_t, c->literal_count);
    memcpy(c->literals, l->gen.literals, c->literal_count * sizeof(term_t));
    c->files = MEM_NEW_ARRAY(CODE, term_t, c->file_count);
    memcpy(c->files, l->gen.literals + c->literal_count, c->file_count * sizeof(term_t));
}

/* ---- the rest ---- */

static unsigned char *copy_chunk(BeamChunk chunk, size_t *bytes)
{
    unsigned char *copy = MEM_NEW_ARRAY(CODE, unsigned char, chunk.size);
    if (chunk.size)
        memcpy(copy, chunk.data, chunk.size);
    *bytes = chunk.size;
    return copy;
}

static void make_funs(Load *l)
{
    CodeInstance *c = l->inst;
    c->fun_count = l->f.lambda_count;
    c->funs = MEM_NEW_ARRAY(CODE, FunEntry *, c->fun_count);
    c->fun_addrs = MEM_NEW_ARRAY(CODE, const code_t *, c->fun_count);
    for (size_t i = 0; i < c->fun_count; i++) {
        const BeamLambda *e = &l->f.lambdas[i];
        c->funs[i] = fun_entry_get(l->vm, c->name, e->index, e->old_uniq, c->md5, e->arity - e->nfree);
        c->funs[i]->nfree = (uint16_t)e->nfree;
        c->fun_addrs[i] = NULL;
    }
}

/* After decode_code: literals get their final place. */
CodeInstance *tables_new_instance(Load *l)
{
    CodeInstance *c = l->inst = MEM_NEW(CODE, CodeInstance);
    c->name = beamfile_module(&l->f);
    memcpy(c->md5, l->f.md5, sizeof c->md5);
    c->strings = copy_chunk(l->f.chunk[CHUNK_StrT], &c->string_bytes);
    c->attributes = copy_chunk(l->f.chunk[CHUNK_Attr], &c->attributes_bytes);
    c->compile_info = copy_chunk(l->f.chunk[CHUNK_CInf], &c->compile_info_bytes);
    share_map_keys(&l->gen);
    make_literal_area(l);
    make_funs(l);
    c->function_count = l->function_count;
    c->functions = MEM_NEW_ARRAY(CODE, const code_t *, c->function_count);
    c->export_count = l->f.export_count;
    c->exports = MEM_NEW_ARRAY(CODE, CodeExport, c->export_count);
    memset(c->exports, 0, c->export_count * sizeof(CodeExport));
    return c;
}

static bool entry_address(Load *l, uint32_t label, uint32_t arity, const code_t **out)
{
    const Label *at = &l->labels[label];
    if (at->entry_arity != (int32_t)arity || at->at == LABEL_UNDEFINED)
        return load_fail(l, "label %u is no function of arity %u", label, arity);
    *out = l->inst->code + at->at;
    return true;
}

static bool link_exports(Load *l)
{
    CodeInstance *c = l->inst;
    for (size_t i = 0; i < c->export_count; i++) {
        const BeamExport *e = &l->f.exports[i];
        if (!entry_address(l, e->label, e->arity, &c->exports[i].addr))
            return false;
        if (code_entry_mfa(c->exports[i].addr)->function != e->function)
            return load_fail(l, "export %zu leads to another function", i);
        Export *x = c->exports[i].export = export_get(l->vm, c->name, e->function, e->arity);
        if (l->labels[e->label].is_native)
            c->exports[i].addr = x->native_stub;
    }
    return true;
}

static bool link_funs(Load *l)
{
    CodeInstance *c = l->inst;
    for (size_t i = 0; i < c->fun_count; i++)
        if (!entry_address(l, l->f.lambdas[i].label, l->f.lambdas[i].arity, &c->fun_addrs[i]))
            return false;
    return true;
}

/* Place the finished words; what leads into the code becomes an address. */
bool tables_publishable(Load *l)
{
    CodeInstance *c = l->inst;
    c->code = MEM_NEW_ARRAY(CODE, code_t, l->words);
    c->code_words = l->words;
    memcpy(c->code, l->code, l->words * sizeof(code_t));
    for (size_t i = 0; i < c->function_count; i++)
        c->functions[i] = c->code + (uintptr_t)c->functions[i];
    if (c->on_load)
        c->on_load = c->code + (uintptr_t)c->on_load;
    if (c->lines)
        c->lines = mem_realloc(MEM_CODE, c->lines, l->line_room * sizeof(CodeLine),
                               c->line_count * sizeof(CodeLine));
    return link_exports(l) && link_funs(l);
}
