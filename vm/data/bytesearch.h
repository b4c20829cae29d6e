/* SPDX-License-Identifier: Apache-2.0 */
/* bytesearch - find one of several byte strings in another: the engine of binary:match and split.
 * One pattern: memmem (two-way). Several: a deterministic Aho-Corasick automaton over the classes of
 * bytes that occur in patterns (A. V. Aho, M. J. Corasick, CACM 18(6), 1975), answering with
 * the leftmost occurrence and of those the longest.
 * A ByteSearch is constant after creation and lives in one block, so that it can sit in a Binary.
 * Layer: data. */
#ifndef JOIST_DATA_BYTESEARCH_H
#define JOIST_DATA_BYTESEARCH_H

#include "base/base.h"

typedef struct BytePattern {
    const uint8_t *bytes;
    size_t n;
} BytePattern;

typedef struct ByteSearch {
    size_t bytes;           /* of the whole block */
    size_t count;           /* patterns */
    size_t longest;         /* bytes of the longest pattern */
    size_t nodes, classes;  /* automaton; 0 for one pattern */
    uint8_t class_of[256];  /* 0: in no pattern */
    uint8_t starts[256];    /* true for bytes that begin a pattern */
    /* one pattern: its bytes. Automaton: out[nodes], depth[nodes], next[nodes * classes] of 32 bits */
    uint32_t data[];
} ByteSearch;

/* Bytes of the block for these patterns (upper bound); each pattern has n > 0. */
size_t byte_search_size(const BytePattern *patterns, size_t count);
void byte_search_init(ByteSearch *s, size_t bytes, const BytePattern *patterns, size_t count);

/* First occurrence in text[from..end) that begins before `stop`; *at and *n tell where. A match may end
 * behind stop, never behind end. */
bool byte_search_find(const ByteSearch *s, const uint8_t *text, size_t from, size_t stop,
                      size_t end, size_t *at, size_t *n);

#endif
