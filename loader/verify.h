/* SPDX-License-Identifier: Apache-2.0 */
/* verify - proves of a module's generic code what the instructions take for granted.
 *
 *   functions --verify_code--> the same operations, some marked with a guard
 *
 * Each function is walked in the order of its code; at each label stands what is known on all ways
 * to it: which registers hold what, how large the frame is, which y registers are set. A branch to a label
 * behind merges into it, and the walk goes again from there until nothing changes: known facts only get
 * fewer, so that ends. Compilers branch back only in receive loops: the time is near linear.
 *
 * What must hold on every way (registers set before they are read or seen by the collector, frames,
 * catch marks, match contexts, raw traces ...) is proven, or the module is refused. What a compiler
 * may know from elsewhere (this argument is always a tuple of three) is proven where the code itself shows
 * it; where it does not, the operation gets a guard, an instruction in front of it that fails with badarg.
 * Binaries under construction, receive positions and heap words are held against their bounds where
 * they are used (exec, check.h). Threads: any. Layer: loader. */
#ifndef JOIST_LOADER_VERIFY_H
#define JOIST_LOADER_VERIFY_H

#include "loader/load_priv.h"

/* ---- values ---- */
enum ValueBits {
    V_OTHER = 1, V_NIL = 2, V_CELL = 4, V_TUPLE = 8, V_MAP = 16, V_FLOAT = 32, V_INT = 64, V_BITS = 128,
    V_SHARED = 256,     /* not a tuple made just now */
    V_CONTEXT = 512,    /* match context */
    V_RAW = 1024,       /* raw stack trace */
    V_MARK = 2048,      /* x0 of an exception handler */
    V_CATCH = 4096,     /* catch mark; info: label of the handler, 0: one of several, or MARK_KNOWN */
    V_FRAGILE = 8192,   /* leads into a message that is still in the queue */
};
#define V_TERM (V_OTHER | V_NIL | V_CELL | V_TUPLE | V_MAP | V_FLOAT | V_INT | V_BITS | V_SHARED)
#define V_LIST (V_NIL | V_CELL)
#define V_NO_TERM (V_CONTEXT | V_MARK | V_CATCH)

typedef struct Val {
    uint16_t bits;      /* 0: not set */
    uint32_t info;      /* what may be a catch mark: label; else tuples: ARITY_MIN | at least, or the arity */
    uint32_t id;        /* registers with the same id hold the same term; 0: unknown */
} Val;
#define ARITY_MIN 0x80000000u
/* Where nothing but an exception follows: all that came here have told their handlers (verify_merge). */
#define MARK_KNOWN UINT32_MAX

Val val_new(uint16_t bits);
Val val_tuple(uint32_t arity);
/* Type of a constant. */
Val val_literal(term_t t);
Val val_merge(Val a, Val b);
/* The rest of val when it is one of `kinds`; no kind left: it is none. */
Val val_only(Val val, unsigned kinds);
static inline bool val_is_term(Val v) { return v.bits && !(v.bits & V_NO_TERM); }
/* A catch mark on all ways to this place. What is one on some ways only, in code that several places share, does
 * no harm when it is overwritten or ended: the counter of open catches is then wrong, nothing else. */
static inline bool val_is_mark(Val v) { return v.bits == V_CATCH; }
/* Only values of these kinds? */
static inline bool val_is(Val v, unsigned kinds) { return v.bits && !(v.bits & ~(kinds | V_SHARED | V_FRAGILE)); }

/* ---- states ---- */
typedef struct State {
    int frame;                  /* y registers, FRAME_NONE, FRAME_MIXED - n */
    unsigned nx;                /* x registers from here on are not set */
    uint64_t fr;                /* float registers set; those from 64 on are not followed */
    bool building;              /* a binary is being filled */
    Val x[GEN_X_REGS], y[GEN_X_REGS];
} State;

/* What is kept of a state at a label. */
typedef struct Saved {
    int frame;
    unsigned nx, ny;
    uint64_t fr;
    Val regs[];                 /* x, then y */
} Saved;

typedef struct Place {          /* of a label */
    uint32_t op;                /* PLACE_NONE: not in the code */
    bool dirty;                 /* has changed since the code behind it was walked */
    bool handler;               /* of a catch or try of this function */
    unsigned mark;              /* that keeps its mark in this y register, unless marks have moved */
    Saved *at;
} Place;
#define PLACE_NONE UINT32_MAX

typedef struct Checked {        /* a function */
    uint64_t contexts[4];       /* arguments that may be match contexts */
    bool pending;
} Checked;

typedef struct Verifier {
    Load *l;
    State s;
    bool reachable;
    bool fresh;                 /* some register holds a tuple made by the call before */
    const GenOp *op;
    size_t function, start;     /* start: its first operation */
    Place *places;
    Checked *functions;
    bool marks_moved;           /* by a trim in this function */
    bool setting;               /* this function: where a branch may be taken, results are set before it */
    bool unset_read;            /* refused because of a register that is not set */
    uint32_t last_id;
    uint32_t y_version, raised_version; /* raised_version: y registers known to the handlers */
    uint64_t steps;             /* operations walked in this function */
    struct VerifyBlock *blocks; /* memory of saved states of this function */
    size_t block_left, kept;
} Verifier;

/* ---- verify_state.c ---- */
bool state_merge_into(Verifier *v, Place *to);
void state_load(Verifier *v, const Saved *s);
void state_forget(Verifier *v);
static inline int state_slots(const State *s)
{
    return s->frame >= 0 ? s->frame : s->frame <= FRAME_MIXED ? FRAME_MIXED - s->frame : 0;
}

/* ---- verify_regs.c: false: the error is noted ---- */
bool verify_fail(Verifier *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool verify_read(Verifier *v, const InsnOperand *a, Val *out); /* anything movable, and catch marks not */
bool verify_term(Verifier *v, const InsnOperand *a, Val *out); /* out may be NULL */
bool verify_durable(Verifier *v, const InsnOperand *a);        /* a term that is in no queue */
bool verify_terms(Verifier *v, const InsnOperand *a, size_t n);
/* fragile: V_FRAGILE is set in it when what is matched is part of a message in the queue. */
bool verify_context(Verifier *v, const InsnOperand *a, unsigned *fragile);
bool verify_write(Verifier *v, const InsnOperand *a, Val val);
/* Where the compiler knows that a native cannot fail, its result may be missing behind the branch that is never
 * taken. When that is why a function was refused, it is walked again with such results set to [] before the native. */
bool verify_set_before(Verifier *v, const InsnOperand *a);
bool verify_new(Verifier *v, const InsnOperand *a, unsigned bits); /* a new term */
/* x registers below n, as arguments or live ones. */
bool verify_live(Verifier *v, const InsnOperand *live);
bool verify_live_n(Verifier *v, uint64_t n);
bool verify_y_set(Verifier *v);
bool verify_y_durable(Verifier *v); /* and none is part of a message in the queue */
/* The handlers of this function may be reached from here. */
bool verify_raise(Verifier *v);
/* `label` may be reached from here; 0: an exception. */
bool verify_branch(Verifier *v, const InsnOperand *label);
/* Control reaches `to` as things stand. Code that frames of several sizes share can only end in an exception: where
 * such frames join, the handlers learn what that may find. */
bool verify_merge(Verifier *v, Place *to);
/* The same for tests: label 0 is none. */
bool verify_test(Verifier *v, const InsnOperand *label);
/* The same; `a` holds `then` there. No kind left in `then`: it is never reached. */
bool verify_branch_with(Verifier *v, const InsnOperand *label, const InsnOperand *a, Val then);
bool verify_branch_without_x(Verifier *v, const InsnOperand *label);
/* Unoptimised code jumps back to receives: such a jump counts a reduction, and no x register survives it. */
bool verify_loop(Verifier *v, const InsnOperand *label);
/* The operation that code at `label` comes to first, past jumps; NULL: none is found. */
const GenOp *verify_leads_to(const Verifier *v, uint64_t label);
/* The register holds a term known by its id from here on. */
uint32_t verify_name(Verifier *v, const InsnOperand *a);
/* The tuple made just now is a tuple like others. */
void verify_age(Verifier *v);
void verify_kill_x(Verifier *v, unsigned from);
void verify_end(Verifier *v);
/* A term of all registers that hold what `a` holds. */
typedef struct Undo {
    unsigned count;
    struct {
        Val *at, was;
    } entry[16];
} Undo;
void verify_narrow(Verifier *v, const InsnOperand *a, Val val, Undo *undo);
void verify_undo(Verifier *v, const Undo *u);
/* The export that a call names, or NULL. */
Export *verify_import(Verifier *v, const InsnOperand *index, uint64_t arity);
static inline bool verify_uint(Verifier *v, const InsnOperand *a)
{
    return is_uint(a) || verify_fail(v, "no number");
}

/* ---- guards ---- */
/* The operation works on operand a only if ...; needed where `known` does not say so already. */
bool verify_guard(Verifier *v, enum GuardKind kind, const InsnOperand *a, uint32_t n);
/* The same, whatever is known. */
bool verify_guard_always(Verifier *v, enum GuardKind kind, const InsnOperand *a, uint32_t n);

/* ---- one function per operation, false: refused ---- */
typedef bool VerifyFn(Verifier *v, const InsnOperand *a);
VerifyFn *verify_find(unsigned op);
bool verify_plain(Verifier *v, const InsnOperand *a);
VerifyFn verify_call, verify_call_last, verify_call_only, verify_call_ext, verify_call_ext_last,
    verify_call_ext_only, verify_call_fun, verify_call_fun2, verify_apply, verify_apply_last,
    verify_make_fun2, verify_make_fun3, verify_return, verify_func_info, verify_send, verify_bif0,
    verify_bif, verify_gc_bif;
VerifyFn verify_allocate, verify_allocate_zero, verify_allocate_heap, verify_allocate_heap_zero,
    verify_test_heap, verify_deallocate, verify_trim, verify_init, verify_init_yregs, verify_catch,
    verify_catch_end, verify_try_end, verify_try_case, verify_raise_again, verify_raw_raise,
    verify_build_stacktrace, verify_loop_rec, verify_loop_rec_end, verify_wait, verify_wait_timeout,
    verify_remove_message;
VerifyFn verify_bs_start_match, verify_bs_match, verify_bs_create_bin, verify_bs_init, verify_bs_append,
    verify_bs_private_append, verify_bs_put, verify_bs_put_string, verify_bs_init_writable;
VerifyFn verify_move, verify_swap, verify_jump, verify_select_val, verify_select_tuple_arity,
    verify_get_list, verify_get_cell, verify_get_tuple_element, verify_set_tuple_element, verify_put_list,
    verify_put_tuple2, verify_update_record, verify_test_arity, verify_is_tagged_tuple, verify_is_eq_exact,
    verify_is_ne_exact, verify_put_map, verify_has_map_fields, verify_get_map_elements, verify_fmove, verify_fconv,
    verify_end_of_code;

#endif
