/* SPDX-License-Identifier: Apache-2.0 */
/* ms_pattern - see ms_pattern.h. Layer: ets. */
#include "ets/ms_pattern.h"

#include "base/alloc.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "heap/termstack.h"
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

static bool has_parts(term_t t)
{
    return term_is_list_cell(t) || term_is_tuple(t) || term_is_map(t);
}

/* ---- the parts of a cell, a tuple or a map ---- */

typedef struct Inside {
    const term_t *next, *end; /* NULL: a map's values */
    MapIter map;
} Inside;

static void inside_init(Inside *in, term_t t)
{
    if (term_is_map(t)) {
        in->next = in->end = NULL;
        map_iter_init(&in->map, t);
    } else if (term_is_tuple(t)) {
        in->next = tuple_elements(t);
        in->end = in->next + tuple_arity(t);
    } else {
        in->next = list_ptr(t);
        in->end = in->next + 2;
    }
}

static bool inside_next(Inside *in, term_t *t)
{
    term_t key;
    if (!in->end) return map_iter_next(&in->map, &key, t);
    if (in->next == in->end) return false;
    *t = *in->next++;
    return true;
}

/* The first is on top afterwards. */
static void push_inside(TermStack *todo, term_t t)
{
    Inside in;
    size_t low = todo->depth, high;
    inside_init(&in, t);
    while (inside_next(&in, &t)) term_stack_push(todo, t);
    for (high = todo->depth; low + 1 < high; low++) {
        t = todo->at[low];
        todo->at[low] = todo->at[--high];
        todo->at[high] = t;
    }
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
        if (!has_parts(t)) continue;
        term_stack_push(parts, t);
        push_inside(&todo, t);
    }
    term_stack_free(&todo);
}

/* Size and ground of part i, a term still; those of all behind it are known. */
static word_t sum_up(const word_t *at, size_t i)
{
    Inside in;
    size_t next = i + 1;
    bool ground = !term_is_map(at[i]);
    inside_init(&in, at[i]);
    for (term_t t; inside_next(&in, &t);) {
        if (has_parts(t)) {
            ground = ground && (at[next] & 1);
            next += at[next] >> 1;
        } else if (is_open(t)) {
            ground = false;
        }
    }
    return 2 * (next - i) + ground;
}

void pattern_parts_init(PatternParts *p, term_t pattern)
{
    TermStack parts;
    term_stack_init(&parts);
    list_parts(&parts, pattern);
    p->count = parts.depth;
    p->at = MEM_NEW_ARRAY(TEMP, word_t, p->count);
    for (size_t i = p->count; i-- > 0;) p->at[i] = parts.at[i];
    term_stack_free(&parts);
    for (size_t i = p->count; i-- > 0;) p->at[i] = sum_up(p->at, i);
}

void pattern_parts_free(PatternParts *p)
{
    MEM_DELETE_ARRAY(TEMP, p->at, p->count);
}

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
