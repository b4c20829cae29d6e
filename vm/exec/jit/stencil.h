/* SPDX-License-Identifier: Apache-2.0 */
/* stencil - the pieces native code is put together from: machine code of each variant with the places to patch.
 * Made by tools/stencilgen.c from stencils.c, where the symbols are explained. Layer: exec, private. */
#ifndef JOIST_EXEC_JIT_STENCIL_H
#define JOIST_EXEC_JIT_STENCIL_H

#include <stdint.h>

/* What is written at a place. */
enum StencilWhat {
    STENCIL_SHORT,    /* operand: byte offset of a register, or an immediate */
    STENCIL_NUMBER,   /* operand: its 16 or 32 bits */
    STENCIL_WORD,     /* operand: its 64 bits */
    STENCIL_ADDRESS,  /* operand: the label's address in the code */
    STENCIL_HEADER,   /* operand: header of a tuple of so many elements */
    STENCIL_ELEMENT,  /* operand: byte offset of that element of a tuple, counted from 0 */
    STENCIL_PC,       /* address of the instruction */
    STENCIL_COUNT,    /* number of trailing operands */
    STENCIL_TARGET,   /* operand: native code of the label */
    STENCIL_NEXT,     /* native code of the next instruction */
    STENCIL_HOT,      /* first part of this copy */
    STENCIL_COLD,     /* second part of this copy */
    STENCIL_EXTERNAL, /* stencil_externals[index] */
};

enum StencilType { STENCIL_ABS64, STENCIL_ABS32, STENCIL_ABS32S, STENCIL_PC32 };

typedef struct StencilPlace {
    uint16_t at;       /* byte in the code: first part, then second part */
    uint8_t type, what;
    uint16_t index;    /* of the operand or external */
    int32_t addend;
} StencilPlace;

#define STENCIL_USABLE 1u
/* What follows is also entered by its address: calls return there. */
#define STENCIL_RESUMES 2u

typedef struct Stencil {
    uint32_t code;           /* index in stencil_code */
    uint16_t hot, cold;      /* bytes of the first part, which runs into what follows it, and of the second */
    uint32_t first_place;
    uint16_t places;
    uint16_t flags;
} Stencil;

extern const unsigned char stencil_code[];
extern const StencilPlace stencil_places[];
extern const Stencil stencils[];                 /* by variant number */
extern const unsigned stencil_count;
extern const void *const stencil_externals[];
extern const unsigned stencil_external_count;

#endif
