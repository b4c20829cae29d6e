/* SPDX-License-Identifier: Apache-2.0 */
/* decode - the Code chunk as an array of generic instructions.
 * Operands become InsnOperands at once; atoms, small integers and the empty list are terms. A literal
 * is first an index (GEN_LITERAL), because big integers met in the code join the table; decode_resolve
 * turns all of them into terms when the table stands in its area. A list is a GEN_LIST operand that
 * holds the number of elements, followed by the elements; it is always the last one.
 * Checked here: opcodes, tags, register numbers, labels, atom and literal indexes, list sizes. What an
 * operand may be for its instruction is checked where it is used (check.h). Layer: loader. */
#ifndef JOIST_LOADER_DECODE_H
#define JOIST_LOADER_DECODE_H

#include "exec/insn.h"
#include "heap/heap.h"
#include "loader/beamfile.h"

enum GenOpcode {
#define GENOP(number, name, arity) GEN_##name = number,
#include "loader/genop.def"
#undef GENOP
    GEN_COUNT
};

#define GEN_LIST ((enum InsnOperandKind)16)    /* value: number of elements that follow */
#define GEN_LITERAL ((enum InsnOperandKind)17) /* value: literal index; gone after decode_resolve */

#define GEN_X_REGS 1024
#define GEN_FR_REGS 1024

typedef struct GenOp {
    uint8_t op;              /* enum GenOpcode */
    uint8_t argc;            /* operands, a list counting as one */
    uint16_t guard;          /* 1 + index in Load.guards; 0: none (verify.h) */
    uint32_t at;             /* byte offset in the code, for messages */
    uint32_t arg_index;
} GenOp;

typedef struct GenCode {
    GenOp *ops;
    size_t count, room;
    InsnOperand *args;
    size_t arg_count, arg_room;
    Heap heap;               /* fragments: big integers, and literals before they go to their area */
    term_t *literals;        /* those of the file, then big integers */
    size_t literal_count, literal_room;
} GenCode;

/* literal_count literals of the file are in code->literals already. */
bool decode_code(GenCode *code, BeamFile *f);
/* Replace literal indexes by terms, once code->literals holds the final ones. */
void decode_resolve(GenCode *code);
void decode_free(GenCode *code);
/* Append a literal; returns its index. */
size_t decode_add_literal(GenCode *code, term_t t);

static inline InsnOperand *gen_args(const GenCode *c, const GenOp *op) { return c->args + op->arg_index; }
/* Elements of the list in operand `i` (the last one). */
static inline size_t gen_list_size(const InsnOperand *a) { return a->value; }
const char *gen_name(unsigned op);
int gen_arity(unsigned op); /* -1: no such instruction */

#endif
