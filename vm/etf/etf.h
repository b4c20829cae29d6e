/* SPDX-License-Identifier: Apache-2.0 */
/* etf - the external term format: decode, encode, measure.
 * Input is never trusted: lengths, depths, tags, UTF-8 and duplicate map keys are checked before use.
 * No C recursion; both directions keep an explicit state that can stop and go on (reductions).
 * Semantics: ERTS User's Guide, "External Term Format"; bytes equal OTP 25's. Layer: etf. */
#ifndef JOIST_ETF_ETF_H
#define JOIST_ETF_ETF_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/vm.h"
#include "heap/heap.h"

enum EtfTag {
    ETF_VERSION = 131, ETF_COMPRESSED = 80, ETF_DIST_HEADER = 68, ETF_DIST_FRAG = 69, ETF_DIST_FRAG_CONT = 70,
    ETF_NEW_FLOAT = 70, ETF_BIT_BINARY = 77, ETF_ATOM_CACHE_REF = 82, ETF_NEW_PID = 88,
    ETF_NEW_PORT = 89, ETF_NEWER_REF = 90, ETF_SMALL_INT = 97, ETF_INT = 98, ETF_FLOAT = 99,
    ETF_ATOM = 100, ETF_REF = 101, ETF_PORT = 102, ETF_PID = 103, ETF_SMALL_TUPLE = 104,
    ETF_LARGE_TUPLE = 105, ETF_NIL = 106, ETF_STRING = 107, ETF_LIST = 108, ETF_BINARY = 109,
    ETF_SMALL_BIG = 110, ETF_LARGE_BIG = 111, ETF_NEW_FUN = 112, ETF_EXPORT = 113, ETF_NEW_REF = 114,
    ETF_SMALL_ATOM = 115, ETF_MAP = 116, ETF_FUN = 117, ETF_ATOM_UTF8 = 118,
    ETF_SMALL_ATOM_UTF8 = 119, ETF_V4_PORT = 120,
    ETF_LOCAL = 121
};

/* Slots of the table of atoms that both ends of a channel keep, and the one an atom goes to. */
#define ATOM_CACHE_SLOTS 2048
static inline unsigned etf_atom_cache_slot(term_t atom)
{
    return (unsigned)(hash_combine(atom, 7) % ATOM_CACHE_SLOTS);
}

/* ---- decoding ---- */
#define ETF_SAFE 1u         /* no new atoms, no new external funs */
#define ETF_NO_VERSION 2u   /* the buffer starts with the tag, not with 131 */
#define ETF_NO_COMPRESSED 4u /* 131, 80 is an error */
#define ETF_TRAILING 8u     /* bytes behind the term are allowed */

/* Whole term at once; builds in h. TERM_NONE when the bytes are no valid term. *used (etf_decode_used)
 * gets the number of bytes consumed. vm is needed for identifiers and funs. */
term_t etf_decode(Heap *h, Vm *vm, const uint8_t *buf, size_t n, unsigned flags);
term_t etf_decode_used(Heap *h, Vm *vm, const uint8_t *buf, size_t n, unsigned flags, size_t *used);

/* Resumable form. The bytes must stay in place until the end. */
typedef struct EtfDecode EtfDecode;
/* ETF_FULL: an atom of the term is new, and the table of atoms has no room. */
enum EtfResult { ETF_DONE, ETF_MORE, ETF_BAD, ETF_FULL };
/* cache: atoms of a distribution header's references (index -> atom), or NULL. */
EtfDecode *etf_decode_start(Vm *vm, const uint8_t *buf, size_t n, unsigned flags,
                            const term_t *cache, size_t cache_size);
/* Build on in h for about `budget` terms; ETF_DONE sets *result, *used. h must be the same at every
 * call and must not be collected between two: who stops in between gives a fragment-only Heap of
 * its own and adopts it at the end. */
enum EtfResult etf_decode_run(EtfDecode *d, Heap *h, size_t budget, term_t *result, size_t *used);
void etf_decode_free(EtfDecode *d);

/* ---- encoding ---- */
#define ETF_MINOR_0 1u        /* floats as text (minor_version 0) */
#define ETF_MINOR_2 2u        /* atoms always as UTF-8 (minor_version 2) */
#define ETF_PLAIN 4u          /* no version byte */
#define ETF_DETERMINISTIC 8u  /* map keys in exact order (OTP 26) */
#define ETF_UTF8_ATOMS ETF_MINOR_2
#define ETF_AS_SIZE 16u       /* only counted, for erlang:external_size, which takes some numbers for larger */

typedef struct EtfEncode EtfEncode;
/* Called for an atom, or for a bit string's bytes (its tag and length are written already); returns
 * true when it took care of it. Each may be NULL. */
typedef struct EtfHooks {
    bool (*atom)(void *ctx, Buf *out, term_t atom);
    bool (*bytes)(void *ctx, Buf *out, term_t bits);
    void *ctx;
} EtfHooks;
EtfEncode *etf_encode_start(Vm *vm, term_t t, unsigned flags, const EtfHooks *hooks);
/* Encode on into out for about `budget` terms. ETF_BAD: too large for the format. */
enum EtfResult etf_encode_run(EtfEncode *e, Buf *out, size_t budget);
/* The same without output; *bytes: so far, version byte included. */
enum EtfResult etf_encode_count(EtfEncode *e, size_t budget, size_t *bytes);
/* The same into a binary of the encoder's own; ETF_BAD also when there is no memory for it. When done, take it once.
 * Hooks get no Buf, and ask how many bytes there are so far. */
enum EtfResult etf_encode_binary(EtfEncode *e, size_t budget);
size_t etf_encode_written(const EtfEncode *e);
term_t etf_encode_take(EtfEncode *e, Heap *h);
/* What etf_encode_count would say of a term that is small and of the common kinds, else 0. */
size_t etf_size_of_small(const Vm *vm, term_t t, unsigned flags);
void etf_encode_each_root(EtfEncode *e, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx);
void etf_encode_free(EtfEncode *e);
/* Whole term at once. */
bool etf_encode(Vm *vm, Buf *out, term_t t, unsigned flags);

#endif
