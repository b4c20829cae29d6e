/* SPDX-License-Identifier: Apache-2.0 */
/* beamfile - the container format of a .beam: chunks and the tables in them, all lengths checked.
 * beamfile_open finds the chunks and parses every table except literals and code (decode.h, tables.h).
 * Nothing is trusted: a false result leaves a text in `error` that says what is wrong. The bytes
 * of the file must stay in place as long as the BeamFile is used.
 * Semantics: "The BEAM file format" as emitted by OTP 25..29 (inventory: beam-chunks). Layer: loader. */
#ifndef JOIST_LOADER_BEAMFILE_H
#define JOIST_LOADER_BEAMFILE_H

#include "term/term.h"

enum BeamChunkId {
    CHUNK_AtU8, CHUNK_Atom, CHUNK_Code, CHUNK_StrT, CHUNK_ImpT, CHUNK_ExpT, CHUNK_FunT, CHUNK_LitT,
    CHUNK_Line, CHUNK_Attr, CHUNK_CInf, CHUNK_LocT, CHUNK_Type, CHUNK_Meta,
    BEAM_CHUNKS
};

typedef struct BeamChunk {
    const uint8_t *data;   /* NULL: absent */
    size_t size;
} BeamChunk;

typedef struct BeamImport {
    term_t module, function;
    uint32_t arity;
} BeamImport;

typedef struct BeamExport {
    term_t function;
    uint32_t arity, label;
} BeamExport;

typedef struct BeamLambda {
    term_t function;
    uint32_t arity;        /* free variables included */
    uint32_t label, index, nfree, old_uniq;
} BeamLambda;

typedef struct BeamLine {
    uint32_t file, line;   /* file 0: <module>.erl */
} BeamLine;

typedef struct BeamFile {
    const uint8_t *data;
    size_t size;
    BeamChunk chunk[BEAM_CHUNKS];
    uint8_t md5[16];
    term_t *atoms;         /* index 1 is the module's name; [0] is nil */
    uint32_t atom_count;   /* entries of atoms, [0] included */
    BeamImport *imports;
    uint32_t import_count;
    BeamExport *exports;
    uint32_t export_count;
    BeamLambda *lambdas;
    uint32_t lambda_count;
    BeamLine *lines;       /* [0] is "no location" */
    uint32_t line_count;
    BeamChunk *files;      /* names, from file 1 on at [1] */
    uint32_t file_count;   /* [0] included */
    uint32_t max_opcode, label_count, function_count; /* Code header */
    BeamChunk code;        /* instructions */
    char error[120];
} BeamFile;

/* Only chunk positions. */
bool beamfile_scan(BeamFile *f, const void *data, size_t size);
/* Everything. beamfile_close in both cases. */
bool beamfile_open(BeamFile *f, const void *data, size_t size);
void beamfile_close(BeamFile *f);
/* Any chunk by its four letters; false when absent or the file is no .beam. */
bool beamfile_chunk(const void *data, size_t size, const char id[4], BeamChunk *out);
/* Digest of the chunks that make the module; f needs beamfile_scan only. */
void beamfile_md5(const BeamFile *f, uint8_t md5[16]);
static inline term_t beamfile_module(const BeamFile *f) { return f->atoms[1]; }
/* Record the first error; always false. */
bool beamfile_fail(BeamFile *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- reading ---- */
typedef struct Reader {
    const uint8_t *at, *end;
} Reader;

static inline size_t reader_left(const Reader *r) { return (size_t)(r->end - r->at); }
static inline bool reader_u32(Reader *r, uint32_t *out)
{
    if (reader_left(r) < 4) return false;
    *out = (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 | r->at[3];
    r->at += 4;
    return true;
}

/* Tags of compact terms. */
enum CompactTag {
    COMPACT_U, COMPACT_I, COMPACT_A, COMPACT_X, COMPACT_Y, COMPACT_F, COMPACT_H, COMPACT_Z,
};
/* What follows a COMPACT_Z tag. */
enum CompactExtended { EXT_FLOAT, EXT_LIST, EXT_FR, EXT_ALLOC, EXT_LITERAL, EXT_TYPED };

/* A compact term's tag and value. Values beyond 64 bits (negative: beyond int64) are left in place:
 * big_bytes > 0, big_at points to them, most significant first, two's complement.
 * So large a COMPACT_U has value UINT64_MAX: too much for any use. */
typedef struct Compact {
    enum CompactTag tag;
    uint64_t value;
    const uint8_t *big_at;
    uint32_t big_bytes;
} Compact;
bool reader_compact(Reader *r, Compact *out);

#endif
