/* SPDX-License-Identifier: Apache-2.0 */
/* load_priv - the state of one load, shared by the files of the loader.
 *
 *   bytes --beamfile--> tables --decode--> generic ops --rules--> families --emit--> words --link--> instance
 *                                              check: frames, heap, labels, arities
 * Layer: loader. */
#ifndef JOIST_LOADER_LOAD_PRIV_H
#define JOIST_LOADER_LOAD_PRIV_H

#include "bifs/bif.h"
#include "code/module.h"
#include "loader/decode.h"
#include "loader/load.h"

/* A label field of an instruction that waits for the label's place. */
typedef struct Fixup {
    uint32_t insn;            /* word offset of the instruction */
    InsnFix fix;
} Fixup;

typedef struct Function {
    term_t name;
    uint32_t arity;
    uint32_t entry_label;
    uint32_t entry_op;        /* the entry's label */
    uint32_t end_op;          /* label before the next func_info, or int_code_end */
} Function;

#define FRAME_NONE (-1)       /* no stack frame */
#define FRAME_UNKNOWN (-2)    /* not reachable as far as known */
#define FRAME_UNSET (-3)      /* label not met yet */
#define FRAME_MIXED (-16)     /* FRAME_MIXED - n: frames of several sizes, n y registers in all of them */

typedef struct Label {
    uint32_t at;              /* word offset, LABEL_UNDEFINED before */
    int16_t frame;            /* y registers there, or FRAME_* */
    int16_t entry_arity;      /* of the function whose entry it is, or -1 */
    bool is_native;           /* entry of a function that is bound to a native */
} Label;
#define LABEL_UNDEFINED UINT32_MAX

/* What an operation takes for granted and the verifier could not prove (verify.h). GUARD_SET: `on` is set;
 * GUARD_COUNT: a reduction is counted. */
enum GuardKind { GUARD_CELL, GUARD_TUPLE, GUARD_TUPLE_OF, GUARD_MAP, GUARD_FLOAT, GUARD_BITS, GUARD_OWN,
                 GUARD_IS_TUPLE, GUARD_EXCEPTION, GUARD_SET, GUARD_COUNT,
                 GUARD_NOTHING };

typedef struct Guard {
    enum GuardKind kind;
    uint32_t n;               /* arity */
    uint64_t unset;           /* y registers to be set before it may fail */
    InsnOperand on;
} Guard;

typedef struct Load {
    Vm *vm;
    BeamFile f;
    GenCode gen;
    CodeInstance *inst;
    bool foreign;             /* not from the OTP root in use */
    Export **imports;
    Function *functions;
    size_t function_count, function_at; /* function_at: the one being emitted */
    Label *labels;
    size_t pos;               /* generic op being translated */

    code_t *code;
    size_t words, room;
    Fixup *fixups;
    size_t fixup_count, fixup_room;
    InsnOperand *scratch;     /* operands without list markers */
    size_t scratch_room;
    InsnFix *scratch_fixes;
    size_t line_room;
    Guard *guards;
    size_t guard_count, guard_room;

    /* what is known at this point of the code (check.c) */
    int frame;                /* y registers, or FRAME_* */
    uint64_t heap;            /* words reserved and not used yet */
    bool reachable;           /* control may come from the instruction before */
    /* words that an old bit-syntax instruction promised, to be reserved once the binary is complete */
    uint64_t owed_words;
    unsigned owed_live;
} Load;

/* ---- frames.c ---- */
/* Set the frame of every label that control reaches in fn; FRAME_UNSET stays at the others. */
void frames_find(Load *l, const Function *fn);
/* Where a branch to `label` ends up, past jumps that are not emitted yet. */
InsnOperand frames_jump_target(Load *l, const Function *fn, InsnOperand label);

/* ---- emit.c ---- */
/* Encode one instruction. Y registers must lie in the frame; labels become known branch targets. */
bool emit(Load *l, int family, const InsnOperand *ops, unsigned n);
/* The same, but false without an error when no variant takes the operands. */
bool emit_try(Load *l, int family, const InsnOperand *ops, unsigned n);
/* Calls: label operands are functions, not places in this one. */
bool emit_call(Load *l, int family, const InsnOperand *ops, unsigned n);
bool emit_call_try(Load *l, int family, const InsnOperand *ops, unsigned n);
bool emit_fixups(Load *l);
InsnOperand *emit_scratch(Load *l, size_t n);
/* Line `index` of the line table holds from word `at` on. */
void emit_line(Load *l, uint32_t index, size_t at);

/* ---- check.c ---- */
bool load_fail(Load *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool check_find_functions(Load *l);
/* What is known where control comes from frames a and b. */
int frame_merge(int a, int b);
bool check_operand(Load *l, const InsnOperand *op, bool is_call);
bool check_label(Load *l, uint64_t label);
bool check_take_heap(Load *l, uint64_t words);
bool check_allocate(Load *l, uint64_t slots, uint64_t live);
bool check_deallocate(Load *l, uint64_t slots);
bool check_live(Load *l, uint64_t live);
bool check_sources(Load *l, const InsnOperand *ops, size_t n);
bool check_call_target(Load *l, const InsnOperand *arity, const InsnOperand *label);
static inline bool is_register(const InsnOperand *a) { return a->kind == INSN_OP_X || a->kind == INSN_OP_Y; }
static inline bool is_source(const InsnOperand *a) { return is_register(a) || a->kind == INSN_OP_TERM; }
#define UINT(n) ((InsnOperand){INSN_OP_UINT, (uint64_t)(n)})
static inline bool is_uint(const InsnOperand *a) { return a->kind == INSN_OP_UINT; }
static inline bool same_operand(const InsnOperand *a, const InsnOperand *b)
{
    return a->kind == b->kind && a->value == b->value;
}

/* ---- rules.c, rules_bits.c, rules_guard.c, native_stub.c ---- */
bool rules_translate(Load *l);
/* erlang:error and the like: nothing is known, and nothing needed, of the code behind. */
bool call_never_returns(const Export *e);
void rules_init(LoaderSpace *s);
typedef bool RuleFn(Load *l, const GenOp *op, const InsnOperand *a);
/* The op `ahead` places further, or one that matches nothing. */
const GenOp *rule_peek(const Load *l, size_t ahead);
bool rule_plain(Load *l, const GenOp *op, const InsnOperand *a);
/* The family of the same name as the generic instruction, or -1. */
int rule_family(const Load *l, unsigned op);
RuleFn rule_bif, rule_bs_start_match4, rule_bs_init, rule_bs_append, rule_bs_private_append, rule_bs_create_bin,
    rule_bs_match_string, rule_bs_put_string, rule_bs_match, rule_bs_unit, rule_bs_put,
    rule_bs_get, rule_bs_get_integer, rule_bs_skip_bits2;
bool rule_pay_owed(Load *l);

/* The function is replaced by a native or an instruction of its own: emits it and returns true. */
bool native_replace(Load *l, const Function *fn, bool *replaced);
/* The table entry to call for a guard native. */
const BifEntry *native_guard(Load *l, const BeamImport *import);

/* ---- verify.c ---- */
bool verify_code(Load *l);

/* ---- tables.c ---- */
bool tables_literals(Load *l);
/* Little to copy or compare: one object at most, of few words. Code may mention a large literal any number of times. */
bool tables_is_light(term_t t);
bool tables_publishable(Load *l);
CodeInstance *tables_new_instance(Load *l);

#endif
