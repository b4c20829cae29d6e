/* SPDX-License-Identifier: Apache-2.0 */
/* bif - how a native function is declared, fails, traps and yields.
 *
 *   BIF(erlang, element, 2, GUARD)           native erlang:element/2; C symbol bif_erlang_element_2
 *   {
 *       if (!term_is_small(a[0]) || !term_is_tuple(a[1])) return bif_error(p, EXC_BADARG);
 *       ...
 *   }
 * Parameters: `Process *p` the caller, executing on this thread; `term_t *a` its arguments (the x
 * registers themselves, or a copy: do not write to them unless returning a trap or a yield).
 * Result: a term; or TERM_NONE with p->freason set by one of the functions below.
 * GC: natives never collect; heap_alloc(&p->heap, n) always succeeds. Charge long work with
 * process_bump_reds and yield. Tools collect the lines that start with BIF( or BIF_NAMED(: each
 * native stands once. Layer: bifs (the header is includable by any folder that defines natives). */
#ifndef JOIST_BIFS_BIF_H
#define JOIST_BIFS_BIF_H

#include "proc/process.h"
#include "term/atom.h"

typedef term_t BifFn(Process *p, term_t *a);

typedef struct BifEntry {
    term_t module, function;
    uint8_t arity, flags;
    BifFn *fn;
    const char *name;   /* "erlang:element/2" */
} BifEntry;

#define BIF_GUARD 1u      /* allowed in guards: called by bif/gc_bif instructions */
#define BIF_DIRTY_CPU 2u  /* runs on a dirty CPU thread */
#define BIF_DIRTY_IO 4u
#define BIF_BRIEF 8u      /* dirty I/O that seldom takes longer than handing it to another thread and back */
#define BIF_ALONE 16u     /* dirty, may last for ever, looks nothing up that epochs protect: is in no epoch section */
/* short forms for the declaration line */
#define GUARD BIF_GUARD
#define DIRTY_CPU BIF_DIRTY_CPU
#define DIRTY_IO BIF_DIRTY_IO
#define LONG_IO (BIF_DIRTY_IO | BIF_ALONE)
#define BRIEF_IO (LONG_IO | BIF_BRIEF)

#define BIF(mod, fun, arity, flags) \
    term_t bif_##mod##_##fun##_##arity(Process *p, term_t *a); \
    term_t bif_##mod##_##fun##_##arity(Process *p __attribute__((unused)), \
                                       term_t *a __attribute__((unused)))
#define BIF_NAMED(mod, text, cname, arity, flags) BIF(mod, cname, arity, flags)

extern const BifEntry bif_table[];       /* generated; sorted by C symbol */
extern const unsigned bif_table_count;
const BifEntry *bif_find(term_t module, term_t function, unsigned arity);

/* ---- failing ---- */
static inline term_t bif_error(Process *p, uint32_t reason)
{
    p->freason = reason;
    p->fcause = TERM_NONE;
    return TERM_NONE;
}
/* error(Reason) with a reason of its own, e.g. {badkey, K}. */
static inline term_t bif_error_value(Process *p, uint32_t reason, term_t value)
{
    p->fvalue = value;
    return bif_error(p, reason);
}
/* badarg (or another code) with a `cause` in the error_info map of the stack trace. */
static inline term_t bif_error_cause(Process *p, uint32_t reason, term_t cause)
{
    p->freason = reason;
    p->fcause = cause;
    return TERM_NONE;
}
/* The one way to say "not in Joist yet": error({not_supported, {M,F,A}}). Counted by tools. */
#define bif_not_supported(p) bif_error((p), EXC_NOT_SUPPORTED)

/* ---- traps and yields ---- */
/* Call an Erlang function (or another native) in place of returning: tail call to e with n arguments
 * copied to the x registers. n <= 8. */
term_t bif_trap(Process *p, Export *e, unsigned n, const term_t *args);
/* Trap to M:F/N by name. */
term_t bif_trap_mfa(Process *p, term_t m, term_t f, unsigned n, const term_t *args);
/* End the slice and call this same native again with the same arguments (those in a[]). A native that
 * has progress to keep stores it in p->native_state (below). */
static inline term_t bif_yield(Process *p)
{
    p->freason = EXC_YIELD;
    return TERM_NONE;
}
/* Call this same native again with the same arguments on a dirty CPU thread, where sched_self->kind tells
 * it that it may take its time. */
term_t bif_go_dirty(Process *p);
/* A native whose work is not cut into slices, and that is no guard, says `if (bif_is_long(n)) return
 * bif_go_dirty(p);` with the words it will visit or write. False when it runs on a dirty thread already. */
#define BIF_LONG_WORDS 160000u
bool bif_is_long(size_t words);
/* Like bif_yield, but sleep until somebody makes the process runnable (a signal, a wake-up). */
static inline term_t bif_wait(Process *p)
{
    p->freason = EXC_WAIT;
    return TERM_NONE;
}

/* State that a yielding native keeps between slices. Owned by the process; destroy is called when the
 * native takes it down or when the process dies meanwhile. Terms in it are roots if `roots` is set. */
typedef struct NativeState {
    const BifEntry *native;     /* who owns it: a native checks this before using it */
    void (*destroy)(struct NativeState *s);
    void (*each_root)(struct NativeState *s, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx);
} NativeState;

/* The state that a native with this destructor left in p, or NULL. Which struct it is the part of, the caller knows. */
static inline void *native_state_of(const Process *p, void (*destroy)(NativeState *s))
{
    return p->native_state && p->native_state->destroy == destroy ? p->native_state : NULL;
}

#endif
