/* SPDX-License-Identifier: Apache-2.0 */
/* insn - the instruction set as the loader sees it: families, variants, encoding, disassembly.
 *
 * A *family* is one instruction of vm/exec (.insn files; enum InsnFamily, INSN_<name>); its operands are those
 * of the generic BEAM instruction of that name unless vm/doc/insn.md says otherwise. A *variant* is a
 * family specialised for the kinds of its operands; it has a handler and a field layout:
 *
 *   word 0   | handler 32 | 16 | 16 |     then 16, 32 and 64-bit fields, first fit, naturally aligned
 *   ...      trailing operands, one word each, behind the fixed part (count in a 32-bit field)
 *
 * Labels are 32-bit signed distances in words from the start of the instruction (64-bit in trailing
 * operands); 0 means "no label". A *source word* is a term, or a register with tag 00 (SRC_X, SRC_Y).
 * To emit: fill InsnOperand[], insn_select, insn_words, insn_encode, later insn_fix for each label.
 * Threads: everything here is constant data. Layer: exec (also used by loader). See vm/doc/insn.md. */
#ifndef JOIST_EXEC_INSN_H
#define JOIST_EXEC_INSN_H

#include "code/export.h"
#include "insn_families.gen.h" /* enum InsnFamily { INSN_move, ... INSN_FAMILIES } */

/* What the loader has in its hand. */
enum InsnOperandKind {
    INSN_OP_X,     /* value: register number, < 1024 */
    INSN_OP_Y,     /* value: register number */
    INSN_OP_FR,    /* value: float register number, < 1024 */
    INSN_OP_TERM,  /* value: any term: immediate, or pointer to a literal */
    INSN_OP_UINT,  /* value: plain unsigned number (also words such as a pointer) */
    INSN_OP_LABEL, /* value: label number of the loader; 0: no label */
};

typedef struct InsnOperand {
    enum InsnOperandKind kind;
    uint64_t value;
} InsnOperand;

/* One encoded operand. Letters are those of the .insn files. */
typedef struct InsnField {
    char kind;      /* x y l D t  i n u f  q w S;  '-': accepted, not stored */
    uint8_t bytes;  /* 0, 2, 4 or 8 */
    uint16_t at;    /* byte offset from the start of the instruction */
} InsnField;

#define INSN_MAX_FIXED 12

typedef struct InsnVariant {
    uint16_t number;             /* index in the variant table */
    uint16_t family;             /* enum InsnFamily */
    uint8_t nfixed;              /* operands in the fixed part */
    uint8_t trailing;            /* 1: any number of operands may follow */
    uint8_t words;               /* of the fixed part */
    uint8_t count_at;            /* trailing: byte offset of the 32-bit count */
    const char *name;            /* "put_list_xyx" */
    InsnField field[INSN_MAX_FIXED];
} InsnVariant;

/* A label field to be filled in when its distance is known. */
typedef struct InsnFix {
    uint32_t label;   /* the loader's label number */
    uint16_t bytes;   /* 4 or 8 */
    uint32_t at;      /* byte offset from the start of the instruction */
} InsnFix;

/* ---- look-up ---- */
/* Family by name, or -1. */
int insn_family(const char *name);
const char *insn_family_name(int family);
/* Inline form of a guard native, erlang:function/arity, or -1. Its operands are (Fail, Arg1 .. ArgN, Dst):
 * as bif1, bif2 and gc_bif1.. have them, without Live and without the native. */
int insn_guard_family(term_t function, unsigned arity);

/* The best variant that takes these operands, or NULL: kinds do not fit (a damaged file) or their
 * number is wrong. Variants are tried from the most special to the most general one. */
const InsnVariant *insn_select(int family, const InsnOperand *ops, unsigned n);
const InsnVariant *insn_variant(unsigned number);
unsigned insn_variant_count(void);

/* ---- encoding ---- */
/* Words taken by the variant with n operands in all. */
static inline unsigned insn_words(const InsnVariant *v, unsigned n)
{
    return v->words + (v->trailing ? n - v->nfixed : 0);
}
/* Write the instruction to out[0 .. insn_words-1]. Each label operand (other than label 0) adds an
 * entry to fixes (which has room for n). Returns the number of entries. */
unsigned insn_encode(const InsnVariant *v, const InsnOperand *ops, unsigned n, code_t *out,
                     InsnFix *fixes);
/* insn: start of the instruction; words: signed distance from there to the label's target. */
void insn_fix(code_t *insn, const InsnFix *fix, int64_t words);
/* Convenience for the entries' stubs and for tests: select and encode without labels; returns words. */
unsigned insn_emit(code_t *out, int family, const InsnOperand *ops, unsigned n);

/* ---- decoding ---- */
/* The variant encoded at pc, or NULL when it is none. */
const InsnVariant *insn_decode(const code_t *pc);
/* Where a process that sleeps at pc is shown: the top of its receive when a wait or wait_timeout stands there. */
const code_t *insn_shown_at(const code_t *pc);
/* Length of the instruction at pc in words. */
unsigned insn_length(const code_t *pc);
/* One line, e.g. "is_tuple_fx  +12, x3"; returns the length in words. base: address labels are shown
 * relative to (a function's start), or NULL for distances. */
unsigned insn_disassemble(const code_t *pc, const code_t *base, char *text, size_t room);

/* ---- source words ---- */
#define SRC_X(n) ((uint64_t)(n) << 3)
#define SRC_Y(n) ((uint64_t)(n) << 3 | 4)
static inline bool src_is_register(uint64_t w) { return (w & 3) == 0; }
static inline bool src_is_y(uint64_t w) { return w & 4; }
static inline unsigned src_index(uint64_t w) { return (unsigned)(w >> 3); }

/* ---- guarantees the loader gives (vm/doc/insn.md, "Obligations") ---- */
/* Stack words kept free below every frame for the return address that a call pushes. Reservations
 * (allocate, test_heap) ask for this much more; natives leave it alone (heap_alloc). */
#define INSN_STACK_RESERVE 4
/* A function: func_info M F A (4 words: handler, then Mfa), then the code of its entry label. */
#define FUNC_INFO_WORDS 4
static inline const Mfa *func_mfa(const code_t *entry) { return (const Mfa *)(const void *)(entry - 3); }

#endif
