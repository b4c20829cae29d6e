/* SPDX-License-Identifier: Apache-2.0 */
/* termstack - explicit stack of terms for walks that must not recurse: on the C stack while shallow.
 *   TermStack s; term_stack_init(&s); ... term_stack_push(&s, t); while (term_stack_pop(&s, &t)) ...
 *   term_stack_free(&s);
 * Layer: heap. */
#ifndef JOIST_HEAP_TERMSTACK_H
#define JOIST_HEAP_TERMSTACK_H

#include "base/alloc.h"
#include "term/term.h"

#define TERM_STACK_INLINE 64

typedef struct TermStack {
    term_t *at;
    size_t depth, capacity;
    term_t inline_words[TERM_STACK_INLINE];
} TermStack;

static inline void term_stack_init(TermStack *s)
{
    s->at = s->inline_words;
    s->depth = 0;
    s->capacity = TERM_STACK_INLINE;
}

static inline void term_stack_free(TermStack *s)
{
    if (s->at != s->inline_words)
        mem_free(MEM_TEMP, s->at, s->capacity * sizeof(term_t));
}

/* Make room for n more. */
COLD void term_stack_grow(TermStack *s, size_t n);

static inline void term_stack_push(TermStack *s, term_t t)
{
    if (UNLIKELY(s->depth == s->capacity))
        term_stack_grow(s, 1);
    s->at[s->depth++] = t;
}

/* Push all of at[0..n) that are pointers. */
static inline void term_stack_push_pointers(TermStack *s, const term_t *at, size_t n)
{
    if (UNLIKELY(s->capacity - s->depth < n))
        term_stack_grow(s, n);
    for (size_t i = 0; i < n; i++)
        if (!term_is_immed(at[i]))
            s->at[s->depth++] = at[i];
}

/* What a walk goes on with after a list cell: its head, if that is a pointer, and later its tail, so that the stack
 * of a long list stays low. */
static inline term_t term_stack_cell(TermStack *s, term_t cell)
{
    term_t head = list_head(cell), next = list_next(cell);
    if (term_is_immed(head))
        return next;
    if (!term_is_immed(next))
        term_stack_push(s, next);
    return head;
}

static inline bool term_stack_pop(TermStack *s, term_t *t)
{
    if (s->depth == 0)
        return false;
    *t = s->at[--s->depth];
    return true;
}

#endif
