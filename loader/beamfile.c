/* SPDX-License-Identifier: Apache-2.0 */
/* beamfile - see beamfile.h. */
#define OPENSSL_SUPPRESS_DEPRECATED 1 /* the other interface allocates */
#include "loader/beamfile.h"

#include "base/alloc.h"
#include "term/atom.h"

#include <openssl/md5.h>
#include <stdarg.h>
#include <stdio.h>

static const char chunk_names[BEAM_CHUNKS][5] = {
    "AtU8", "Atom", "Code", "StrT", "ImpT", "ExpT", "FunT", "LitT", "Line", "Attr", "CInf", "LocT",
    "Type", "Meta",
};

bool beamfile_fail(BeamFile *f, const char *fmt, ...)
{
    if (f->error[0] == 0) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(f->error, sizeof f->error, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* ---- compact terms ---- */

/* The size field of a long value: 2..8 bytes, or 9 and more as a nested compact term. */
static bool long_bytes(Reader *r, unsigned high, uint32_t *bytes)
{
    if (high < 7) {
        *bytes = high + 2;
        return true;
    }
    Compact n;
    if (r->at >= r->end || (*r->at & 7) != COMPACT_U || (*r->at & 0x18) == 0x18)
        return false;
    if (!reader_compact(r, &n) || n.value > 65536)
        return false;
    *bytes = (uint32_t)n.value + 9;
    return true;
}

bool reader_compact(Reader *r, Compact *out)
{
    if (r->at >= r->end)
        return false;
    unsigned b = *r->at++;
    out->tag = b & 7;
    out->big_bytes = 0;
    if ((b & 8) == 0) {
        out->value = b >> 4;
        return true;
    }
    if ((b & 0x10) == 0) {
        if (r->at >= r->end)
            return false;
        out->value = (b & 0xE0) << 3 | *r->at++;
        return true;
    }
    uint32_t bytes;
    if (!long_bytes(r, b >> 5, &bytes) || reader_left(r) < bytes)
        return false;
    const uint8_t *p = r->at;
    r->at += bytes;
    if (bytes > 8) {
        out->big_at = p;
        out->big_bytes = bytes;
        out->value = out->tag == COMPACT_I ? 0 : UINT64_MAX;
        return out->tag == COMPACT_I || out->tag == COMPACT_U;
    }
    uint64_t v = out->tag == COMPACT_I && p[0] & 0x80 ? ~(uint64_t)0 : 0;
    for (uint32_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    out->value = v;
    /* Everything but an integer is an index or a count: none is negative or large. */
    return out->tag == COMPACT_I || (p[0] & 0x80) == 0;
}

/* ---- chunks ---- */

static void note_chunk(BeamFile *f, const uint8_t *id, const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < BEAM_CHUNKS; i++)
        if (memcmp(id, chunk_names[i], 4) == 0 && !f->chunk[i].data)
            f->chunk[i] = (BeamChunk){data, size};
}

/* Calls note for every chunk; stops when it returns true. */
static bool each_chunk(const uint8_t *data, size_t size, const char want[4], BeamFile *f,
                       BeamChunk *found)
{
    Reader r = {data, data + size};
    uint32_t form, bytes;
    if (size < 12 || memcmp(data, "FOR1", 4) != 0 || memcmp(data + 8, "BEAM", 4) != 0)
        return false;
    r.at += 4;
    if (!reader_u32(&r, &form) || form < 4 || form > reader_left(&r))
        return false;
    r.end = r.at + form;
    r.at += 4;
    while (reader_left(&r) > 0) {
        const uint8_t *id = r.at;
        if (reader_left(&r) < 8)
            return false;
        r.at += 4;
        if (!reader_u32(&r, &bytes) || bytes > reader_left(&r))
            return false;
        if (f)
            note_chunk(f, id, r.at, bytes);
        else if (memcmp(id, want, 4) == 0 && !found->data)
            *found = (BeamChunk){r.at, bytes};
        r.at += MIN(round_up(bytes, 4), reader_left(&r));
    }
    return true;
}

bool beamfile_scan(BeamFile *f, const void *data, size_t size)
{
    *f = (BeamFile){.data = data, .size = size};
    if (!each_chunk(data, size, NULL, f, NULL))
        return beamfile_fail(f, "not a BEAM file, or cut short");
    return true;
}

bool beamfile_chunk(const void *data, size_t size, const char id[4], BeamChunk *out)
{
    *out = (BeamChunk){NULL, 0};
    return each_chunk(data, size, id, NULL, out) && out->data;
}

/* ---- digest ---- */

/* Lambdas enter with the last field of each zero: the compiler derives it from the digest. */
static void digest_lambdas(MD5_CTX *ctx, BeamChunk c)
{
    static const uint8_t zero[4];
    size_t at = MIN((size_t)4, c.size);
    MD5_Update(ctx, c.data, at);
    for (; c.size - at >= 24; at += 24) {
        MD5_Update(ctx, c.data + at, 20);
        MD5_Update(ctx, zero, 4);
    }
}

void beamfile_md5(const BeamFile *f, uint8_t md5[16])
{
    static const enum BeamChunkId parts[] = {
        CHUNK_AtU8, CHUNK_Atom, CHUNK_Code, CHUNK_StrT, CHUNK_ImpT, CHUNK_ExpT, CHUNK_FunT, CHUNK_LitT,
        CHUNK_Meta,
    };
    MD5_CTX ctx;
    MD5_Init(&ctx);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        BeamChunk c = f->chunk[parts[i]];
        if (!c.data)
            continue;
        if (parts[i] == CHUNK_FunT)
            digest_lambdas(&ctx, c);
        else
            MD5_Update(&ctx, c.data, c.size);
    }
    MD5_Final(md5, &ctx);
}

/* ---- tables ---- */

static Reader chunk_reader(const BeamFile *f, enum BeamChunkId id)
{
    BeamChunk c = f->chunk[id];
    return (Reader){c.data, c.data ? c.data + c.size : NULL};
}

/* Count of entries of `entry_bytes` each (0: at least one byte each); refuses a count that the chunk cannot
 * hold, so no table grows beyond the file. */
static bool table_count(BeamFile *f, Reader *r, const char *what, size_t entry_bytes, uint32_t *count)
{
    if (!reader_u32(r, count))
        return beamfile_fail(f, "%s: no count", what);
    if (*count > reader_left(r) / MAX(entry_bytes, (size_t)1))
        return beamfile_fail(f, "%s: %u entries in %zu bytes", what, *count, reader_left(r));
    return true;
}

/* The caller knows that four bytes are left. */
static uint32_t take_u32(Reader *r)
{
    uint32_t n = 0;
    bool there = reader_u32(r, &n);
    ASSERT(there);
    (void)there;
    return n;
}

static bool atom_length(Reader *r, bool compact, size_t *bytes)
{
    if (!compact) {
        if (reader_left(r) < 1)
            return false;
        *bytes = *r->at++;
        return true;
    }
    Compact c;
    if (!reader_compact(r, &c) || c.tag != COMPACT_U)
        return false;
    *bytes = c.value;
    return true;
}

static bool parse_atoms(BeamFile *f)
{
    bool utf8 = f->chunk[CHUNK_AtU8].data != NULL;
    Reader r = chunk_reader(f, utf8 ? CHUNK_AtU8 : CHUNK_Atom);
    uint32_t count;
    if (!r.at || !reader_u32(&r, &count))
        return beamfile_fail(f, "no atom table");
    /* OTP 28 stores the count negated: then lengths are compact terms. */
    bool compact = (int32_t)count < 0;
    if (compact)
        count = -count;
    if (count == 0 || count > reader_left(&r))
        return beamfile_fail(f, "atom table: %u atoms in %zu bytes", count, reader_left(&r));
    f->atoms = MEM_NEW_ARRAY(LOADER, term_t, count + 1);
    f->atom_count = count + 1;
    f->atoms[0] = TERM_NIL;
    for (uint32_t i = 1; i <= count; i++) {
        size_t bytes;
        if (!atom_length(&r, compact, &bytes) || bytes > reader_left(&r))
            return beamfile_fail(f, "atom %u is cut short", i);
        f->atoms[i] = utf8 ? atom_intern((const char *)r.at, bytes) : atom_intern_latin1(r.at, bytes);
        if (f->atoms[i] == TERM_NONE)
            return beamfile_fail(f, "atom %u is no valid atom", i);
        r.at += bytes;
    }
    return true;
}

static bool atom_at(BeamFile *f, uint32_t index, term_t *out)
{
    if (index == 0 || index >= f->atom_count)
        return beamfile_fail(f, "atom index %u of %u", index, f->atom_count);
    *out = f->atoms[index];
    return true;
}

static bool parse_code_header(BeamFile *f)
{
    Reader r = chunk_reader(f, CHUNK_Code);
    uint32_t head, set;
    if (!r.at || !reader_u32(&r, &head) || head < 16 || head > reader_left(&r))
        return beamfile_fail(f, "no code, or its header is cut short");
    const uint8_t *code = r.at + head;
    if (!reader_u32(&r, &set) || !reader_u32(&r, &f->max_opcode) || !reader_u32(&r, &f->label_count)
        || !reader_u32(&r, &f->function_count))
        return beamfile_fail(f, "code header is cut short");
    f->code = (BeamChunk){code, (size_t)(r.end - code)};
    if (set != 0)
        return beamfile_fail(f, "instruction set %u", set);
    if (f->label_count > f->code.size || f->function_count > f->label_count)
        return beamfile_fail(f, "%u labels, %u functions in %zu bytes of code", f->label_count,
                             f->function_count, f->code.size);
    return true;
}

static bool parse_imports(BeamFile *f)
{
    Reader r = chunk_reader(f, CHUNK_ImpT);
    if (!r.at)
        return beamfile_fail(f, "no import table");
    if (!table_count(f, &r, "imports", 12, &f->import_count))
        return false;
    f->imports = MEM_NEW_ARRAY(LOADER, BeamImport, f->import_count);
    for (uint32_t i = 0; i < f->import_count; i++) {
        uint32_t m = take_u32(&r), fn = take_u32(&r), a = take_u32(&r);
        BeamImport *e = &f->imports[i];
        if (!atom_at(f, m, &e->module) || !atom_at(f, fn, &e->function))
            return false;
        if ((e->arity = a) > 255)
            return beamfile_fail(f, "import %u: arity %u", i, a);
    }
    return true;
}

static bool parse_exports(BeamFile *f)
{
    Reader r = chunk_reader(f, CHUNK_ExpT);
    if (!r.at)
        return beamfile_fail(f, "no export table");
    if (!table_count(f, &r, "exports", 12, &f->export_count))
        return false;
    f->exports = MEM_NEW_ARRAY(LOADER, BeamExport, f->export_count);
    for (uint32_t i = 0; i < f->export_count; i++) {
        uint32_t fn = take_u32(&r), a = take_u32(&r), label = take_u32(&r);
        f->exports[i] = (BeamExport){.arity = a, .label = label};
        if (!atom_at(f, fn, &f->exports[i].function))
            return false;
        if (a > 255 || label == 0 || label >= f->label_count)
            return beamfile_fail(f, "export %u: arity %u, label %u", i, a, label);
    }
    return true;
}

static bool parse_lambdas(BeamFile *f)
{
    Reader r = chunk_reader(f, CHUNK_FunT);
    if (!r.at)
        return true;
    if (!table_count(f, &r, "lambdas", 24, &f->lambda_count))
        return false;
    f->lambdas = MEM_NEW_ARRAY(LOADER, BeamLambda, f->lambda_count);
    for (uint32_t i = 0; i < f->lambda_count; i++) {
        BeamLambda *e = &f->lambdas[i];
        uint32_t fn = take_u32(&r);
        e->arity = take_u32(&r), e->label = take_u32(&r), e->index = take_u32(&r);
        e->nfree = take_u32(&r), e->old_uniq = take_u32(&r);
        if (!atom_at(f, fn, &e->function))
            return false;
        if (e->arity > 255 || e->nfree > e->arity || e->label == 0 || e->label >= f->label_count)
            return beamfile_fail(f, "lambda %u: arity %u, %u free, label %u", i, e->arity, e->nfree,
                                 e->label);
    }
    return true;
}

/* Line numbers: compact integers, with an atom-tagged index whenever the file changes. */
static bool parse_line_items(BeamFile *f, Reader *r, uint32_t count)
{
    uint32_t file = 0;
    for (uint32_t i = 1; i <= count;) {
        Compact c;
        if (!reader_compact(r, &c) || c.big_bytes || c.value >= UINT32_C(1) << 31)
            return beamfile_fail(f, "line %u", i);
        if (c.tag == COMPACT_I)
            f->lines[i++] = (BeamLine){file, (uint32_t)c.value};
        else if (c.tag == COMPACT_A && c.value < f->file_count)
            file = (uint32_t)c.value;
        else
            return beamfile_fail(f, "line %u: tag %d, value %u", i, c.tag, (unsigned)c.value);
    }
    return true;
}

static bool parse_lines(BeamFile *f)
{
    Reader r = chunk_reader(f, CHUNK_Line);
    uint32_t version, flags, instrs, lines, files;
    f->line_count = f->file_count = 1;
    if (!r.at || !reader_u32(&r, &version) || version != 0) {
        /* Without, or of a later version: code without line numbers. */
        f->chunk[CHUNK_Line].data = NULL;
        return true;
    }
    if (!reader_u32(&r, &flags) || !reader_u32(&r, &instrs) || !reader_u32(&r, &lines)
        || !reader_u32(&r, &files) || lines > reader_left(&r) || files > reader_left(&r) / 2)
        return beamfile_fail(f, "line table is cut short");
    f->lines = MEM_NEW_ARRAY(LOADER, BeamLine, lines + 1);
    f->line_count = lines + 1;
    f->lines[0] = (BeamLine){0, 0};
    f->files = MEM_NEW_ARRAY(LOADER, BeamChunk, files + 1);
    f->file_count = files + 1;
    if (!parse_line_items(f, &r, lines))
        return false;
    for (uint32_t i = 1; i <= files; i++) {
        if (reader_left(&r) < 2 || (size_t)(r.at[0] << 8 | r.at[1]) > reader_left(&r) - 2)
            return beamfile_fail(f, "file name %u is cut short", i);
        size_t bytes = (size_t)(r.at[0] << 8 | r.at[1]);
        f->files[i] = (BeamChunk){r.at + 2, bytes};
        r.at += 2 + bytes;
    }
    return true;
}

bool beamfile_open(BeamFile *f, const void *data, size_t size)
{
    if (!beamfile_scan(f, data, size))
        return false;
    if (!f->chunk[CHUNK_StrT].data)
        return beamfile_fail(f, "no string table");
    bool ok = parse_atoms(f) && parse_code_header(f) && parse_imports(f) && parse_exports(f)
        && parse_lambdas(f) && parse_lines(f);
    if (ok)
        beamfile_md5(f, f->md5);
    return ok;
}

void beamfile_close(BeamFile *f)
{
    if (f->atoms) MEM_DELETE_ARRAY(LOADER, f->atoms, f->atom_count);
    if (f->imports) MEM_DELETE_ARRAY(LOADER, f->imports, f->import_count);
    if (f->exports) MEM_DELETE_ARRAY(LOADER, f->exports, f->export_count);
    if (f->lambdas) MEM_DELETE_ARRAY(LOADER, f->lambdas, f->lambda_count);
    if (f->lines) MEM_DELETE_ARRAY(LOADER, f->lines, f->line_count);
    if (f->files) MEM_DELETE_ARRAY(LOADER, f->files, f->file_count);
    f->atoms = NULL, f->imports = NULL, f->exports = NULL;
    f->lambdas = NULL, f->lines = NULL, f->files = NULL;
}
