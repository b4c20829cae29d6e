/* SPDX-License-Identifier: Apache-2.0 */
/* ms_pattern - what can be told from a pattern without a term to match: variables, what is ground, which keys.
 * Nothing here recurses, and all is linear in the size of the pattern. Layer: ets. */
#ifndef JOIST_ETS_MS_PATTERN_H
#define JOIST_ETS_MS_PATTERN_H

#include "heap/termstack.h"
#include "term/boxed.h"

bool ms_is_variable(term_t t, uint32_t *number);
/* True when the pattern has no variable, no '_' and no map in it. */
bool ms_is_ground(term_t pattern);
/* True when the pattern does not bound a traversal in the order of keys. */
bool ms_takes_any_key(term_t pattern);
/* Where `key` lies relative to the keys the pattern can match: <0 before all, >0 behind all. */
int ms_key_range(term_t pattern, term_t key);

/* The cells, tuples and maps of a pattern, numbered as a walk meets them that goes into each before what follows it:
 * the head before the tail, elements and values of maps from the first. For each whether it is ground, and how many
 * it consists of with itself. */
typedef struct PatternParts {
    TermStack at;            /* 2 * size + ground */
} PatternParts;
static inline bool pattern_has_parts(term_t t)
{
    return term_is_list_cell(t) || term_is_tuple(t) || term_is_map(t);
}
void pattern_parts_init(PatternParts *p, term_t pattern);
void pattern_parts_free(PatternParts *p);
static inline bool pattern_part_is_ground(const PatternParts *p, size_t i) { return p->at.at[i] & 1; }
static inline size_t pattern_part_size(const PatternParts *p, size_t i) { return p->at.at[i] >> 1; }

#endif
