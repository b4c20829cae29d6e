/* SPDX-License-Identifier: Apache-2.0 */
/* saved_calls - see saved_calls.h. */
#include "proc/saved_calls.h"

#include "base/alloc.h"

static size_t bytes_for(uint32_t n) { return sizeof(SavedCalls) + n * sizeof(Mfa); }

void saved_calls_free(Process *p)
{
    if (p->saved_calls) mem_free(MEM_PROC, p->saved_calls, bytes_for(p->saved_calls->size));
    p->saved_calls = NULL;
}

uint32_t saved_calls_set(Process *p, uint32_t n)
{
    uint32_t old = p->saved_calls ? p->saved_calls->size : 0;
    saved_calls_free(p);
    if (n == 0) return old;
    p->saved_calls = mem_alloc_zero(MEM_PROC, bytes_for(n));
    p->saved_calls->size = n;
    return old;
}

void saved_calls_add(Process *p, const Mfa *call)
{
    SavedCalls *s = p->saved_calls;
    if (process_state(p) & PS_SENSITIVE) return;
    s->calls[s->next] = *call;
    s->next = (s->next + 1) % s->size;
    if (s->count < s->size) s->count++;
}

void saved_calls_add_atom(Process *p, term_t what)
{
    saved_calls_add(p, &(Mfa){TERM_NONE, what, 0});
}

term_t saved_calls_list(const Process *p, Heap *h)
{
    const SavedCalls *s = p->saved_calls;
    term_t list = TERM_NIL;
    if (!s) return am_false;
    for (uint32_t i = 1; i <= s->count; i++) {
        const Mfa *m = &s->calls[(s->next + s->size - i) % s->size];
        term_t call = m->module == TERM_NONE
                          ? m->function
                          : heap_tuple3(h, m->module, m->function, term_small((int64_t)m->arity));
        list = heap_cons(h, call, list);
    }
    return list;
}
