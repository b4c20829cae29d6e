/* SPDX-License-Identifier: Apache-2.0 */
/* ms_pattern - see ms_pattern.h. Layer: ets. */
#include "ets/ms_pattern.h"

#include "base/alloc.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "term/atom.h"

bool ms_is_variable(term_t t, uint32_t *number)
{
    if (!term_is_atom(t)) return false;
    const AtomText *text = atom_text(t);
    if (text->bytes < 2 || text->bytes > 10 || text->text[0] != '$') return false;
    uint32_t n = 0;
    for (uint16_t i = 1; i < text->bytes; i++) {
        char ch = text->text[i];
        if (ch < '0' || ch > '9') return false;
        n = 10 * n + (uint32_t)(ch - '0');
    }
    *number = n;
    return n <= 100000000;
}

static bool is_open(term_t leaf)
{
    uint32_t n;
    return leaf == am_Underscore || ms_is_variable(leaf, &n);
}

/* ---- what is inside of a cell, a tuple or a map ---- */

/* Not of maps. */
static const term_t *inside(term_t t, size_t *n)
{
    *n = term_is_tuple(t) ? tuple_arity(t) : 2;
    return term_is_tuple(t) ? tuple_elements(t) : list_ptr(t);
}

static void push_values(TermStack *todo, term_t map)
{
    MapIter it;
    term_t key, value;
    size_t low = todo->depth, high;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &key, &value)) term_stack_push(todo, value);
    for (high = todo->depth; low + 1 < high; low++) {
        value = todo->at[low];
        todo->at[low] = todo->at[--high];
        todo->at[high] = value;
    }
}

/* The first is on top afterwards. */
static void push_inside(TermStack *todo, term_t t)
{
    size_t n;
    const term_t *first = inside(t, &n);
    while (n-- > 0) term_stack_push(todo, first[n]);
}

static void push_parts_inside(TermStack *todo, term_t t)
{
    size_t n;
    const term_t *first = inside(t, &n);
    while (n-- > 0)
        if (pattern_has_parts(first[n])) term_stack_push(todo, first[n]);
}

/* ---- what is ground ---- */

bool ms_is_ground(term_t t)
{
    TermStack todo;
    bool ground = true;
    term_stack_init(&todo);
    term_stack_push(&todo, t);
    while (ground && term_stack_pop(&todo, &t)) {
        if (term_is_list_cell(t) || term_is_tuple(t)) push_inside(&todo, t);
        else ground = !is_open(t) && !term_is_map(t);
    }
    term_stack_free(&todo);
    return ground;
}

static void list_parts(TermStack *parts, term_t pattern)
{
    TermStack todo;
    term_stack_init(&todo);
    term_stack_push(&todo, pattern);
    for (term_t t; term_stack_pop(&todo, &t);) {
        if (!pattern_has_parts(t)) continue;
        term_stack_push(parts, t);
        if (term_is_map(t)) push_values(&todo, t);
        else push_parts_inside(&todo, t);
    }
    term_stack_free(&todo);
}

/* Go past t, which is at `*next` if it has parts; is it ground? */
static bool pass(const word_t *at, size_t *next, term_t t)
{
    if (!pattern_has_parts(t)) return !is_open(t);
    bool ground = at[*next] & 1;
    *next += at[*next] >> 1;
    return ground;
}

static word_t sum_up_map(const word_t *at, size_t i)
{
    MapIter it;
    term_t key, value;
    size_t next = i + 1;
    map_iter_init(&it, at[i]);
    while (map_iter_next(&it, &key, &value)) (void)pass(at, &next, value);
    return 2 * (next - i);
}

/* Size and ground of part i, a term still; those of all behind it are known. */
static word_t sum_up(const word_t *at, size_t i)
{
    if (term_is_map(at[i])) return sum_up_map(at, i);
    size_t n, next = i + 1;
    const term_t *first = inside(at[i], &n);
    bool ground = true;
    for (size_t k = 0; k < n; k++)
        if (ground || pattern_has_parts(first[k])) ground = pass(at, &next, first[k]) && ground;
    return 2 * (next - i) + ground;
}

void pattern_parts_init(PatternParts *p, term_t pattern)
{
    term_stack_init(&p->at);
    list_parts(&p->at, pattern);
    for (size_t i = p->at.depth; i-- > 0;) p->at.at[i] = sum_up(p->at.at, i);
}

void pattern_parts_free(PatternParts *p) { term_stack_free(&p->at); }

/* ---- key ranges ---- */

bool ms_takes_any_key(term_t pattern)
{
    return is_open(pattern) || term_is_map(pattern);
}

/* Do both consist of as many parts, to be compared one by one? */
static bool alike(term_t a, term_t b)
{
    if (term_is_list_cell(a)) return term_is_list_cell(b);
    return term_is_tuple(a) && term_is_tuple(b) && tuple_arity(a) == tuple_arity(b);
}

/* The first part in which a key can differ decides, if the pattern is ground up to there. */
int ms_key_range(term_t pattern, term_t key)
{
    TermStack patterns, keys;
    int c = 0;
    term_stack_init(&patterns);
    term_stack_init(&keys);
    do {
        if (ms_takes_any_key(pattern)) break;
        if (alike(pattern, key)) {
            push_inside(&patterns, pattern);
            push_inside(&keys, key);
        } else {
            c = term_cmp(key, pattern);
        }
    } while (c == 0 && term_stack_pop(&patterns, &pattern) && term_stack_pop(&keys, &key));
    term_stack_free(&patterns);
    term_stack_free(&keys);
    return c;
}
