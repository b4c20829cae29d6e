/* SPDX-License-Identifier: Apache-2.0 */
/* checked - reads JOIST_CHECK; see checked.h. Empty in builds without stress switches.
 * Layer: base. */
#include "base/checked.h"

#ifdef JOIST_CHECKED

#include <stdio.h>
#include <stdlib.h>

struct CheckedKnobs checked_knobs = {.verify = true, .poison = true, .verify_each = 1};

static const struct {
    const char *name;
    bool *on;
} switches[] = {
    {"gc", &checked_knobs.gc},         {"red", &checked_knobs.red},
    {"frag", &checked_knobs.frag},     {"tables", &checked_knobs.tables},
    {"verify", &checked_knobs.verify}, {"poison", &checked_knobs.poison},
    {"move", &checked_knobs.move},     {"trap", &checked_knobs.trap},
    {"lose", &checked_knobs.lose},
};

static bool is_word(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(at, word, n) == 0;
}

static bool set_switch(const char *at, size_t n)
{
    bool all = is_word(at, n, "all"), found = all;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (all || is_word(at, n, switches[i].name)) {
            *switches[i].on = true;
            found = true;
        }
    }
    return found;
}

static bool set_number(const char *at, size_t n)
{
    const char *eq = memchr(at, '=', n);
    if (eq == NULL)
        return false;
    size_t number = strtoull(eq + 1, NULL, 10);
    if (is_word(at, (size_t)(eq - at), "verify"))
        checked_verify_each(number);
    else if (is_word(at, (size_t)(eq - at), "alloc"))
        checked_fail_alloc(number);
    else if (is_word(at, (size_t)(eq - at), "sys"))
        checked_fail_syscall(number);
    else
        return false;
    return true;
}

void checked_init(void)
{
    const char *at = getenv("JOIST_CHECK");
    if (at == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        *switches[i].on = false;
    while (*at) {
        size_t n = strcspn(at, ",");
        if (n && !set_switch(at, n) && !set_number(at, n))
            fprintf(stderr, "JOIST_CHECK: unknown switch %.*s\n", (int)n, at);
        at += n + (at[n] == ',');
    }
}

bool checked_countdown(atomic_word_t *counter)
{
    word_t n = load_relaxed(counter);
    while (n != 0)
        if (cas_relaxed(counter, &n, n - 1))
            return n == 1;
    return false;
}

void checked_verify_each(size_t n)
{
    checked_knobs.verify = n > 0;
    checked_knobs.verify_each = MAX(n, (size_t)1);
}

bool checked_verify_heap(void)
{
    return checked_knobs.verify && add_relaxed(&checked_knobs.collections, 1) % checked_knobs.verify_each == 0;
}

void checked_fail_alloc(size_t n)
{
    store_relaxed(&checked_knobs.alloc_countdown, n);
}

void checked_fail_syscall(size_t n)
{
    store_relaxed(&checked_knobs.sys_countdown, n);
}

#else

void checked_init(void)
{
}

#endif
