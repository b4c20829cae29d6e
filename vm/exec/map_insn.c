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

/* Large literals come in pieces: each piece is one copy of the map. */
term_t exec_put_map(Sched *s, Process *p, term_t *e, term_t map, const code_t *pairs, unsigned count,
                    bool exact)
{
    term_t values[2 * PAIRS_AT_ONCE];
    if (!term_is_map(map)) return map_error(p, EXC_BADMAP, map);
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

bool exec_has_map_fields(Sched *s, term_t *e, term_t map, const code_t *keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (map_get(map, exec_source(s->x, e, keys[i])) == TERM_NONE) return false;
    return true;
}

bool exec_get_map_elements(Sched *s, term_t *e, term_t map, const code_t *pairs, unsigned count)
{
    for (unsigned i = 0; i < count; i += 2) {
        term_t value = map_get(map, exec_source(s->x, e, pairs[i]));
        if (value == TERM_NONE) return false;
        *exec_register(s->x, e, pairs[i + 1]) = value;
    }
    return true;
}
