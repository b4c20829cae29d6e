/* SPDX-License-Identifier: Apache-2.0 */
/* ets_object - flat copies of tuples in table memory.
 * Ownership: an object belongs to the table it was made for. Literals are copied too: a table may
 *            outlive the module that a literal came from. Layer: ets. */
#include "ets/ets_priv.h"

static EtsObject *object_alloc(size_t words)
{
    EtsObject *o = mem_alloc(MEM_ETS, sizeof *o + words * sizeof(term_t));
    o->words = words;
    return o;
}

/* A heap whose only room is the object's own memory. */
static Heap object_heap(EtsObject *o)
{
    /* The limit lies behind the memory: heap_alloc leaves a reserve that nobody needs here. */
    return (Heap){.top = o->mem, .stop = o->mem + o->words + HEAP_STACK_RESERVE, .start = o->mem};
}

void ets_object_adopt(EtsTable *t, const EtsObject *o)
{
    t->object_words += o->words + sizeof *o / sizeof(term_t);
}

EtsObject *ets_object_new(EtsTable *t, term_t tuple)
{
    EtsObject *o = ets_object_make(tuple);
    ets_object_adopt(t, o);
    return o;
}

EtsObject *ets_object_make(term_t tuple)
{
    EtsObject *o = object_alloc(term_size_words(tuple, false));
    Heap h = object_heap(o);
    o->tuple = term_copy_all(&h, tuple);
    o->off_heap = h.off_heap;
    ASSERT(h.frags == NULL);
    return o;
}

void ets_object_free(EtsTable *t, EtsObject *o)
{
    t->object_words -= o->words + sizeof *o / sizeof(term_t);
    ets_object_dispose(o);
}

void ets_object_dispose(EtsObject *o)
{
    off_heap_release(o->off_heap);
    mem_free(MEM_ETS, o, sizeof *o + o->words * sizeof(term_t));
}

/* The object's memory holds all that the tuple consists of. */
term_t ets_object_copy(Heap *h, const EtsObject *o)
{
    if (UNLIKELY(o->off_heap != NULL)) return term_copy(h, o->tuple);
    return heap_copy_block(h, o->mem, o->words, o->tuple);
}

EtsObject *ets_object_with(EtsTable *t, const EtsObject *o, word_t pos, term_t value)
{
    word_t n = tuple_arity(o->tuple);
    term_t *tmp = mem_alloc(MEM_TEMP, (n + 1) * sizeof(term_t));
    memcpy(tmp, boxed_ptr(o->tuple), (n + 1) * sizeof(term_t));
    tmp[pos] = value;
    EtsObject *fresh = ets_object_new(t, term_make_boxed(tmp));
    mem_free(MEM_TEMP, tmp, (n + 1) * sizeof(term_t));
    return fresh;
}
