/* SPDX-License-Identifier: Apache-2.0 */
/* term - predicates, accessors and constructors of terms. Computes, never allocates.
 * A `term_t *` is the address of heap words; `term_ptr` strips any pointer tag.
 * Accessors do not check: test with the predicate first.
 * Layer: term. */
#ifndef JOIST_TERM_TERM_H
#define JOIST_TERM_TERM_H

#include "term/tag.h"
#include "atoms.gen.h"

/* ---- primary tags ---- */
static inline bool term_is_list_cell(term_t t) { return (t & TAG_PRIMARY_MASK) == TAG_LIST; }
static inline bool term_is_boxed(term_t t) { return (t & TAG_PRIMARY_MASK) == TAG_BOXED; }
static inline bool term_is_immed(term_t t) { return (t & TAG_PRIMARY_MASK) == TAG_IMMED; }
static inline bool term_is_header(term_t t) { return (t & TAG_PRIMARY_MASK) == TAG_HEADER; }
static inline term_t *term_ptr(term_t t) { return (term_t *)(t & ~(term_t)TAG_PRIMARY_MASK); }
static inline term_t *boxed_ptr(term_t t) { return (term_t *)(t - TAG_BOXED); }
static inline term_t *list_ptr(term_t t) { return (term_t *)(t - TAG_LIST); }
static inline term_t term_make_boxed(const term_t *p) { return (term_t)p | TAG_BOXED; }
static inline term_t term_make_list(const term_t *p) { return (term_t)p | TAG_LIST; }
static inline term_t boxed_header(term_t t) { return *boxed_ptr(t); }
static inline bool term_is_boxed_tag(term_t t, enum BoxedTag tag)
{
    return term_is_boxed(t) && HEADER_SUBTAG(boxed_header(t)) == tag;
}

/* ---- immediates ---- */
static inline bool term_is_small(term_t t) { return (t & TAG_IMMED1_MASK) == TAG_SMALL; }
static inline bool term_both_small(term_t a, term_t b) { return (a & b & 0xF) == TAG_SMALL; }
static inline term_t term_small(int64_t i) { return (term_t)i << 4 | TAG_SMALL; }
static inline int64_t small_value(term_t t) { return (int64_t)t >> 4; }
static inline bool int_fits_small(int64_t i) { return i >= SMALL_MIN && i <= SMALL_MAX; }
static inline bool uint_fits_small(uint64_t i) { return i <= (uint64_t)SMALL_MAX; }

static inline bool term_is_atom(term_t t) { return (t & TAG_IMMED2_MASK) == TAG_ATOM; }
static inline term_t term_atom(word_t index) { return ATOM_CONST(index); }
static inline word_t atom_index(term_t t) { return (word_t)(t >> 6); }
static inline term_t term_bool(bool b) { return b ? am_true : am_false; }
static inline bool term_is_bool(term_t t) { return t == am_true || t == am_false; }

static inline bool term_is_nil(term_t t) { return t == TERM_NIL; }
static inline bool term_is_list(term_t t) { return term_is_list_cell(t) || t == TERM_NIL; }
static inline bool term_is_catch(term_t t) { return (t & TAG_IMMED2_MASK) == TAG_CATCH; }
static inline term_t term_catch(word_t index) { return (term_t)index << 6 | TAG_CATCH; }
static inline word_t catch_index(term_t t) { return (word_t)(t >> 6); }

/* Local pid and port: the 60-bit identifier is the process table's data (see proc/ptab.h).
 * Printed as <0.Low15.High13> in OTP 25 form: number = low 28 bits, serial above. */
static inline bool term_is_local_pid(term_t t) { return (t & TAG_IMMED1_MASK) == TAG_PID; }
static inline bool term_is_local_port(term_t t) { return (t & TAG_IMMED1_MASK) == TAG_PORT; }
static inline term_t term_local_pid(uint64_t id) { return (term_t)id << 4 | TAG_PID; }
static inline term_t term_local_port(uint64_t id) { return (term_t)id << 4 | TAG_PORT; }
static inline uint64_t local_pid_id(term_t t) { return t >> 4; }
static inline uint64_t local_port_id(term_t t) { return t >> 4; }

/* ---- lists ---- */
static inline term_t list_head(term_t t) { return list_ptr(t)[0]; }
static inline term_t list_tail(term_t t) { return list_ptr(t)[1]; }
/* The same for loops that do little with each cell. Of cells that follow each other in memory, upwards as collections
 * leave them or downwards as programs make them, the next is a guess that the processor need not wait for: a branch,
 * which is predicted, and no conditional move, which waits; and the compiler must not learn that a guess was right. */
static inline term_t list_next(term_t t)
{
    term_t next = list_tail(t), up = t + 2 * sizeof(term_t), down = t - 2 * sizeof(term_t), off = next ^ up;
    __asm__("" : "+r"(off));
    if (LIKELY(off == 0)) return up;
    off = next ^ down;
    __asm__ volatile("" : "+r"(off));
    if (LIKELY(off == 0)) return down;
    __asm__ volatile("");
    return next;
}
/* Write a cell into the two words at hp. */
static inline term_t list_put(term_t *hp, term_t head, term_t tail)
{
    hp[0] = head;
    hp[1] = tail;
    return term_make_list(hp);
}

/* ---- tuples ---- */
static inline bool term_is_tuple(term_t t) { return term_is_boxed_tag(t, BOXED_TUPLE); }
static inline word_t tuple_arity(term_t t) { return HEADER_ARITY(boxed_header(t)); }
static inline bool term_is_tuple_of(term_t t, word_t arity)
{
    return term_is_boxed(t) && boxed_header(t) == HEADER(arity, BOXED_TUPLE);
}
/* 1-based element, and the address of element 1. */
static inline term_t tuple_element(term_t t, word_t n) { return boxed_ptr(t)[n]; }
static inline term_t *tuple_elements(term_t t) { return boxed_ptr(t) + 1; }
static inline term_t tuple_put2(term_t *hp, term_t a, term_t b)
{
    hp[0] = HEADER(2, BOXED_TUPLE), hp[1] = a, hp[2] = b;
    return term_make_boxed(hp);
}
static inline term_t tuple_put3(term_t *hp, term_t a, term_t b, term_t c)
{
    hp[0] = HEADER(3, BOXED_TUPLE), hp[1] = a, hp[2] = b, hp[3] = c;
    return term_make_boxed(hp);
}
static inline term_t tuple_put4(term_t *hp, term_t a, term_t b, term_t c, term_t d)
{
    hp[0] = HEADER(4, BOXED_TUPLE), hp[1] = a, hp[2] = b, hp[3] = c, hp[4] = d;
    return term_make_boxed(hp);
}
static inline term_t tuple_put5(term_t *hp, term_t a, term_t b, term_t c, term_t d, term_t e)
{
    hp[0] = HEADER(5, BOXED_TUPLE), hp[1] = a, hp[2] = b, hp[3] = c, hp[4] = d, hp[5] = e;
    return term_make_boxed(hp);
}

/* ---- boxed kinds (layouts in boxed.h) ---- */
static inline bool term_is_float(term_t t) { return term_is_boxed_tag(t, BOXED_FLOAT); }
static inline bool term_is_big(term_t t)
{
    return term_is_boxed(t) && (HEADER_SUBTAG(boxed_header(t)) & 0xE) == BOXED_POS_BIG;
}
static inline bool term_is_integer(term_t t) { return term_is_small(t) || term_is_big(t); }
static inline bool term_is_number(term_t t) { return term_is_integer(t) || term_is_float(t); }
static inline bool term_is_bitstring(term_t t)
{
    if (!term_is_boxed(t)) return false;
    enum BoxedTag k = HEADER_SUBTAG(boxed_header(t));
    return k == BOXED_HEAP_BITS || k == BOXED_SUB_BITS;
}
static inline bool term_is_fun(term_t t) { return term_is_boxed_tag(t, BOXED_FUN); }
static inline bool term_is_export(term_t t) { return term_is_boxed_tag(t, BOXED_EXPORT); }
static inline bool term_is_any_fun(term_t t) { return term_is_fun(t) || term_is_export(t); }
static inline bool term_is_map(term_t t) { return term_is_boxed_tag(t, BOXED_MAP); }
static inline bool term_is_local_ref(term_t t) { return term_is_boxed_tag(t, BOXED_REF); }
static inline bool term_is_ext_ref(term_t t) { return term_is_boxed_tag(t, BOXED_EXT_REF); }
static inline bool term_is_ref(term_t t) { return term_is_local_ref(t) || term_is_ext_ref(t); }
static inline bool term_is_ext_pid(term_t t) { return term_is_boxed_tag(t, BOXED_EXT_PID); }
static inline bool term_is_pid(term_t t) { return term_is_local_pid(t) || term_is_ext_pid(t); }
static inline bool term_is_ext_port(term_t t) { return term_is_boxed_tag(t, BOXED_EXT_PORT); }
static inline bool term_is_port(term_t t) { return term_is_local_port(t) || term_is_ext_port(t); }
static inline bool term_is_match_context(term_t t) { return term_is_boxed_tag(t, BOXED_MATCH); }

/* Exact equality of two words is equality of immediates. Deep comparison: data/term_cmp.h. */

#endif
