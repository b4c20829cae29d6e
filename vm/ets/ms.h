/* SPDX-License-Identifier: Apache-2.0 */
/* ms - match specifications, compiled to a small program per clause.
 * A clause is a run of matching operations over numbered slots (slot 0 is the object; a variable is
 * the slot where it was first met), then guard and body expressions for a value stack.
 * Ownership: a MatchSpec is reference counted through its magic binary. Threads: immutable.
 * Semantics: ERTS User's Guide, "Match Specifications in Erlang". Layer: ets. */
#ifndef JOIST_ETS_MS_H
#define JOIST_ETS_MS_H

#include "ets/ms_pattern.h"
#include "proc/process.h"

enum { MS_MAX_DEPTH = 2000 };       /* of nested expressions: system_limit beyond */
enum { MS_FEW_OPS = 12, MS_FEW_VARS = 6 };
enum MsDialect { MS_TABLE, MS_TRACE, MS_TRACE_SEND, MS_TRACE_RECEIVE };
enum MsBody { MS_BODY_SPEC, MS_BODY_OBJECT, MS_BODY_VARS };

enum MsOpCode {
    /* matching: fail goes to the next clause */
    MS_TUPLE,      /* slot a is a tuple of b elements */
    MS_ELEM,       /* slot a := element c of slot b */
    MS_CONS,       /* slot a is a list cell */
    MS_HEAD,       /* slot a := head of slot b */
    MS_TAIL,
    MS_EQ,         /* slot a is the immediate k */
    MS_EQ_DEEP,    /* slot a =:= k */
    MS_SAME,       /* slot a =:= slot b */
    MS_MAP,        /* slot a is a map */
    MS_MAP_GET,    /* slot a := value of key k in slot b */
    /* expressions */
    MS_PUSH,       /* k */
    MS_PUSH_SLOT,  /* slot a */
    MS_PUSH_VARS,  /* list of all variables: slots in vars[0..c) */
    MS_MAKE_CONS,  /* [Head|Tail] from the two topmost: Tail pushed last */
    MS_MAKE_TUPLE, /* of the c topmost */
    MS_MAKE_MAP,   /* of the 2c topmost: k1 v1 k2 v2 ... */
    MS_CALL,       /* native with b arguments */
    MS_AND, MS_OR, /* b booleans */
    MS_ANDALSO,    /* top false: jump to c, leaving it; true: pop; else fail */
    MS_ORELSE,
    MS_GUARD,      /* pop; fail unless true */
    MS_DROP,       /* pop: value of an expression that is not the last */
    MS_SELF, MS_NODE,
    MS_ACTION      /* enum MsAction a with b arguments: MS_TRACE only */
};

/* Functions of the trace dialect; executed by MsTrace.action. */
enum MsAction {
    MS_ACT_MESSAGE, MS_ACT_RETURN_TRACE, MS_ACT_EXCEPTION_TRACE, MS_ACT_PROCESS_DUMP, MS_ACT_CALLER,
    MS_ACT_CALLER_LINE, MS_ACT_CURRENT_STACKTRACE, MS_ACT_DISPLAY, MS_ACT_ENABLE_TRACE,
    MS_ACT_DISABLE_TRACE, MS_ACT_TRACE, MS_ACT_SILENT, MS_ACT_SET_TCW, MS_ACT_GET_TCW,
    MS_ACT_SET_SEQ_TOKEN, MS_ACT_GET_SEQ_TOKEN, MS_ACT_IS_SEQ_TRACE,
};

typedef struct MsOp {
    uint16_t code;
    uint32_t a, b, c;
    union {
        term_t k;
        const struct BifEntry *native;
    };
} MsOp;

typedef struct MsClause {
    uint32_t first, body, end;   /* indexes into ops: matching and guards; body */
    uint32_t vars, var_count;    /* into var_slots: slots of $N in ascending N */
    term_t head;                 /* the pattern, in `heap` */
} MsClause;

typedef struct MatchSpec {
    Binary *magic;
    Vm *vm;
    Heap heap;                   /* constants */
    MsOp *ops;                   /* first_ops, or room of their own; so var_slots and clauses */
    uint32_t op_count, op_cap;
    uint32_t *var_slots;
    uint32_t var_slot_count, var_slot_cap;
    MsClause *clauses;
    uint32_t clause_count;
    uint32_t slot_count;         /* of the clause that needs most */
    uint32_t stack_depth;        /* likewise */
    /* what most patterns fit into: */
    MsOp first_ops[MS_FEW_OPS];
    uint32_t first_var_slots[MS_FEW_VARS];
    MsClause first_clause;
} MatchSpec;

/* Compile; NULL with badarg when the specification is not valid, with system_limit when its expressions are
 * nested too deeply. One reference. */
MatchSpec *ms_compile(Process *p, term_t spec, enum MsDialect dialect);
/* What nothing matches: [], which only searches of tables allow. */
MatchSpec *ms_of_no_clause(Vm *vm);
/* A specification of one clause [{Pattern, [], [Body]}]: '$_' or '$$'. */
MatchSpec *ms_compile_pattern(Process *p, term_t pattern, enum MsBody body);
void ms_ref(MatchSpec *ms);
void ms_unref(MatchSpec *ms);
/* Reference term, and back (NULL when t is none). */
term_t ms_term(Heap *h, MatchSpec *ms);
MatchSpec *ms_of_term(term_t t);
MatchSpec *ms_of_binary(const Binary *b);

/* Run on a term. Result built in p's heap, or TERM_NONE when no clause matches. copy: the object is
 * not in p's heap, so what the result takes from it is copied. */
term_t ms_run(MatchSpec *ms, Process *p, term_t object, bool copy);

/* Run in dialect MS_TRACE on a list of arguments (of which slot 0 is the whole list). action: does what
 * the functions above ask for; TERM_NONE: it failed. Returns the value of the last expression, am_true
 * for an empty body, TERM_NONE when nothing matches. */
typedef struct MsTrace {
    term_t (*action)(struct MsTrace *t, Process *p, enum MsAction action, const term_t *args, unsigned n);
} MsTrace;
term_t ms_run_trace(MatchSpec *ms, Process *p, term_t args, MsTrace *t);
/* Compile; why it failed is put into text. */
MatchSpec *ms_compile_explain(Vm *vm, term_t spec, enum MsDialect dialect, char *text, size_t room,
                              bool *too_deep);

#endif
