/* SPDX-License-Identifier: Apache-2.0 */
/* tag - the bit patterns of a term word. The only file that knows them.
 *
 *   ...................................................... pp    primary tag
 *     00 header word of a boxed object (never a term); a code address on a stack
 *     01 list cell pointer     10 boxed pointer     11 immediate:
 *        ....0011 local pid    ....0111 local port    ....1111 small (60 bits)
 *        ..001011 atom         ..011011 catch mark    ..111011 nil
 *
 * Header: [arity:58][subtag:4][00]; arity counts the words behind the header.
 * TERM_NONE (all zero) is no term: it says "exception" or "absent".
 * Semantics: the tag scheme published in the BEAM literature. Layer: term. */
#ifndef JOIST_TERM_TAG_H
#define JOIST_TERM_TAG_H

#include "base/base.h"

typedef uint64_t term_t;

#define TERM_NONE ((term_t)0)

#define TAG_PRIMARY_MASK 0x3u
#define TAG_HEADER 0x0u
#define TAG_LIST 0x1u
#define TAG_BOXED 0x2u
#define TAG_IMMED 0x3u

#define TAG_IMMED1_MASK 0xFu
#define TAG_PID 0x3u
#define TAG_PORT 0x7u
#define TAG_SMALL 0xFu
#define TAG_IMMED2_MASK 0x3Fu
#define TAG_ATOM 0x0Bu
#define TAG_CATCH 0x1Bu
#define TAG_NIL 0x3Bu

#define TERM_NIL ((term_t)TAG_NIL)

/* Constant expression for a predefined atom (generated atoms.gen.h uses it). */
#define ATOM_CONST(index) ((term_t)(index) << 6 | TAG_ATOM)

#define SMALL_BITS 60
#define SMALL_MAX (((int64_t)1 << 59) - 1)
#define SMALL_MIN (-((int64_t)1 << 59))

/* Boxed subtags. */
enum BoxedTag {
    BOXED_TUPLE = 0x0,
    BOXED_MATCH = 0x1,    /* match context: never visible to programs */
    BOXED_POS_BIG = 0x2,
    BOXED_NEG_BIG = 0x3,
    BOXED_REF = 0x4,      /* local reference, alias reference or magic reference */
    BOXED_FUN = 0x5,      /* closure */
    BOXED_FLOAT = 0x6,
    BOXED_EXPORT = 0x7,   /* external fun: fun M:F/A */
    BOXED_BINREF = 0x8,   /* reference to an off-heap binary; only inside SUB_BITS */
    BOXED_HEAP_BITS = 0x9,
    BOXED_SUB_BITS = 0xA,
    BOXED_RECORD = 0xB,   /* kept free for native records (OTP 29) */
    BOXED_EXT_PID = 0xC,
    BOXED_EXT_PORT = 0xD,
    BOXED_EXT_REF = 0xE,
    BOXED_MAP = 0xF,      /* flat map or HAMT node; see boxed.h */
};

#define HEADER_ARITY_SHIFT 6
#define HEADER(arity, subtag) ((term_t)(arity) << HEADER_ARITY_SHIFT | (term_t)(subtag) << 2)
#define HEADER_ARITY(h) ((word_t)((h) >> HEADER_ARITY_SHIFT))
#define HEADER_SUBTAG(h) ((enum BoxedTag)((h) >> 2 & 0xF))
#define HEADER_SUBTAG_BITS(h) ((h) & 0x3F)

#endif
