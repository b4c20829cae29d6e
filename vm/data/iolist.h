/* SPDX-License-Identifier: Apache-2.0 */
/* iolist - walking I/O lists and bit string lists: list() | binary(), nested to any depth.
 * An iolist: bytes (0..255), binaries and iolists; the tail of a list may be a binary. A bitlist
 * also holds bit strings that are not whole bytes.
 * Resumable: an IolistWalk keeps the place; give each call a budget of elements and call again when it
 * answers IOLIST_MORE. The terms inside are roots of a native that yields (iolist_each_root). Depth
 * costs memory, never C stack. Layer: data. */
#ifndef JOIST_DATA_IOLIST_H
#define JOIST_DATA_IOLIST_H

#include "data/binary.h"

enum IolistResult {
    IOLIST_OK,
    IOLIST_MORE,      /* budget spent: call again */
    IOLIST_TYPE,      /* not an iolist: badarg */
    IOLIST_OVERFLOW,  /* longer than a binary can be, or than the buffer: system_limit */
};

typedef unsigned __int128 bits128_t;

typedef struct IolistWalk {
    term_t *stack;        /* what is left to do, last first */
    size_t depth, capacity;
    bool bits;            /* bit strings allowed */
    bits128_t size_bits;  /* sizing: so far; shared parts make sizes that no memory could hold */
    uint8_t *to;          /* filling: base of the buffer */
    uint64_t at, limit;   /* filling: next bit, and end */
    term_t leaf;          /* filling: large bit string being copied piece by piece, or TERM_NONE */
    uint64_t leaf_at;     /* bits of it that are done */
    term_t inline_stack[16];
} IolistWalk;

void iolist_walk_init(IolistWalk *w, term_t t, bool bits);
/* Start over with t (after sizing: for filling), keeping memory. */
void iolist_walk_restart(IolistWalk *w, term_t t);
void iolist_walk_free(IolistWalk *w);
/* One more term to do, before those pushed earlier. For walks of other kinds that use the stack. */
void iolist_walk_push(IolistWalk *w, term_t t);
void iolist_each_root(IolistWalk *w, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx);
/* Each handles at most *budget elements, and takes what it did off *budget. */
enum IolistResult iolist_walk_size(IolistWalk *w, int64_t *budget);
enum IolistResult iolist_walk_fill(IolistWalk *w, int64_t *budget);

/* ---- in one go ---- */
/* Size in bytes: IOLIST_OK, IOLIST_TYPE, IOLIST_OVERFLOW. */
enum IolistResult iolist_size(term_t t, uint64_t *bytes);
/* Copy into buffer of `bytes`; IOLIST_OVERFLOW when it holds more. *written may be NULL. */
enum IolistResult iolist_to_buffer(term_t t, uint8_t *buffer, size_t bytes, size_t *written);
/* A new block MEM_TEMP of *bytes (freed with mem_free(MEM_TEMP, p, *bytes + 1)); one more byte, zero, is
 * behind it. NULL and *result when t is no iolist. For file names, driver calls. */
uint8_t *iolist_to_bytes(term_t t, size_t *bytes, enum IolistResult *result);
/* A binary (bits: bit string) of the contents; a binary itself is returned as it is. */
enum IolistResult iolist_to_binary(Heap *h, term_t t, bool bits, term_t *result);

#endif
