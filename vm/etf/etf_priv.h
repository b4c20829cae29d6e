/* SPDX-License-Identifier: Apache-2.0 */
/* etf_priv - what both directions and the sizes have in common. Layer: etf. */
#ifndef JOIST_ETF_ETF_PRIV_H
#define JOIST_ETF_ETF_PRIV_H

#include "data/binary.h"
#include "etf/etf.h"

/* What takes as long as a term that has no others inside. */
#define BYTES_A_TERM 32
#define CELLS_A_TERM 4

/* Longer binaries and bit strings are copied in pieces of this size. */
#define PIECE_BYTES ((size_t)1 << 16)

/* A port number of more bits takes the form with eight bytes. */
#define OLD_PORT_BITS 28

/* The longest that is written as a string. */
#define STRING_MAX 65535

/* Length when t is a proper list of bytes short enough for STRING_EXT, else 0. */
static inline size_t string_length(term_t t)
{
    size_t n = 0;
    for (; term_is_list_cell(t); t = list_next(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || (uint64_t)small_value(c) > UINT8_MAX || ++n > STRING_MAX) return 0;
    }
    return term_is_nil(t) ? n : 0;
}

/* Bytes of a bit string: tag, length, the bits of a last byte that is not whole, and the contents. */
static inline size_t bits_bytes(term_t t)
{
    uint64_t bits = bitstring_bits(t);
    return 1 + 4 + (bits & 7 ? 1 : 0) + BITS_TO_BYTES(bits);
}

#endif
