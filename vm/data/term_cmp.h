/* SPDX-License-Identifier: Apache-2.0 */
/* term_cmp - the order of terms and the two equalities.
 *   number < atom < reference < fun < port < pid < tuple < map < nil < list < bitstring
 * Integers and floats compare by exact mathematical value; `exact` order, which sorts map keys,
 * puts every integer before every float. Deep terms use an explicit stack, never C recursion.
 * Semantics: Erlang reference manual, "Term Comparisons". 0.0 =:= -0.0 as in OTP 25.
 * Layer: data. */
#ifndef JOIST_DATA_TERM_CMP_H
#define JOIST_DATA_TERM_CMP_H

#include "term/atom.h"
#include "term/boxed.h"

bool term_eq_slow(term_t a, term_t b);
int term_cmp_slow(term_t a, term_t b, bool exact);

/* a =:= b */
static inline bool term_eq(term_t a, term_t b)
{
    if (a == b) return true;
    if (term_is_immed(a) || term_is_immed(b)) return false;
    return term_eq_slow(a, b);
}

/* Order with 1 == 1.0: <0, 0, >0. */
static inline int term_cmp(term_t a, term_t b)
{
    if (a == b) return 0;
    if (term_both_small(a, b)) return (int64_t)a < (int64_t)b ? -1 : 1;
    return term_cmp_slow(a, b, false);
}

/* Order with 1 < 1.0; zero exactly when a =:= b. */
static inline int term_cmp_exact(term_t a, term_t b)
{
    if (a == b) return 0;
    if (term_both_small(a, b)) return (int64_t)a < (int64_t)b ? -1 : 1;
    if (term_is_atom(a) && term_is_atom(b)) return atom_compare(a, b);
    return term_cmp_slow(a, b, true);
}

/* a == b */
static inline bool term_eq_loose(term_t a, term_t b)
{
    if (a == b) return true;
    if (term_is_immed(a) && term_is_immed(b)) return false;
    return term_cmp_slow(a, b, false) == 0;
}

/* Compare the number a with the number b by value; exact. */
int number_cmp(term_t a, term_t b);

#endif
