/* SPDX-License-Identifier: Apache-2.0 */
/* map_insn - out-of-line parts of the map instructions. */
#include "exec/exec_priv.h"

#define PAIRS_AT_ONCE 32

static term_t map_error(Process *p, uint32_t code, term_t value)
{
    exec_error(p, code);
    p->fvalue = value;
    return TERM_NONE;
}

/* Out of line: the usual key stands where it is looked for first. */
NOINLINE static ptrdiff_t key_elsewhere(term_t map, term_t key, size_t from) { return flat_map_index(map, key, from); }

/* Other values in a copy of a flat map. False: it lacks a key. */
static bool put_values(const Sched *s, const term_t *e, term_t copy, const code_t *pairs, unsigned count)
{
    const term_t *keys = flat_map_key_ptr(copy);
    term_t *values = flat_map_values(copy);
    size_t n = map_size(copy), at = 0;
    for (unsigned i = 0; i < count; i += 2, at++) {
        term_t key = exec_source(s->x, e, pairs[i]);
        if (at >= n || keys[at] != key) {
            ptrdiff_t found = key_elsewhere(copy, key, at);
            if (found < 0) return false;
            at = (size_t)found;
        }
        values[at] = exec_source(s->x, e, pairs[i + 1]);
    }
    return true;
}

/* The usual change: other values for keys that a flat map has. TERM_NONE: it lacks one; the copy is given back. */
static term_t change_flat(const Sched *s, Process *p, const term_t *e, term_t map, const code_t *pairs, unsigned count)
{
    term_t copy = flat_map_copy(&p->heap, map);
    if (LIKELY(put_values(s, e, copy, pairs, count))) return copy;
    heap_release_end(&p->heap, boxed_ptr(copy), boxed_ptr(copy) + FLAT_MAP_WORDS(map_size(map)));
    return TERM_NONE;
}

/* Large literals come in pieces: each piece is one copy of the map. */
NOINLINE static term_t put_map(Sched *s, Process *p, term_t *e, term_t map, const code_t *pairs, unsigned count,
                                bool exact)
{
    term_t values[2 * PAIRS_AT_ONCE];
    for (unsigned at = 0; at < count;) {
        unsigned n = MIN(count - at, (unsigned)ARRAY_LEN(values));
        term_t missing = TERM_NIL;
        for (unsigned i = 0; i < n; i++) values[i] = exec_source(s->x, e, pairs[at + i]);
        map = map_put_pairs(&p->heap, map, values, n / 2, exact, &missing);
        if (map == TERM_NONE) return map_error(p, EXC_BADKEY, missing);
        at += n;
    }
    return map;
}

static term_t put_one(Process *p, term_t map, term_t key, term_t value, bool exact)
{
    if (!exact) return map_put(&p->heap, map, key, value);
    term_t changed = map_update(&p->heap, map, key, value);
    return changed != TERM_NONE ? changed : map_error(p, EXC_BADKEY, key);
}

term_t exec_put_map(Sched *s, Process *p, term_t *e, term_t map, const code_t *pairs, unsigned count, bool exact)
{
    if (!term_is_map(map)) return map_error(p, EXC_BADMAP, map);
    if (count == 2) return put_one(p, map, exec_source(s->x, e, pairs[0]), exec_source(s->x, e, pairs[1]), exact);
    term_t changed = map_is_flat(map) ? change_flat(s, p, e, map, pairs, count) : TERM_NONE;
    return changed != TERM_NONE ? changed : put_map(s, p, e, map, pairs, count, exact);
}

bool exec_has_map_fields(Sched *s, term_t *e, term_t map, const code_t *keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (map_get(map, exec_source(s->x, e, keys[i])) == TERM_NONE) return false;
    return true;
}

static bool get_flat_elements(Sched *s, term_t *e, term_t map, const code_t *pairs, unsigned count)
{
    const term_t *keys = flat_map_key_ptr(map), *values = flat_map_values(map);
    size_t at = 0, n = map_size(map);
    for (unsigned i = 0; i < count; i += 2) {
        term_t key = exec_source(s->x, e, pairs[i]);
        if (at >= n || keys[at] != key) {
            ptrdiff_t found = key_elsewhere(map, key, at);
            if (found < 0) return false;
            at = (size_t)found;
        }
        *exec_register(s->x, e, pairs[i + 1]) = values[at++];
    }
    return true;
}

bool exec_get_map_elements(Sched *s, term_t *e, term_t map, const code_t *pairs, unsigned count)
{
    if (map_is_flat(map)) return get_flat_elements(s, e, map, pairs, count);
    for (unsigned i = 0; i < count; i += 2) {
        term_t value = map_get(map, exec_source(s->x, e, pairs[i]));
        if (value == TERM_NONE) return false;
        *exec_register(s->x, e, pairs[i + 1]) = value;
    }
    return true;
}
