/* SPDX-License-Identifier: Apache-2.0 */
/* ets_object - flat copies of tuples in table memory.
 * Ownership: an object belongs to the table it was made for. Literals are copied too: a table may
 *            outlive the module that a literal came from. Layer: ets. */
#include "ets/ets_priv.h"

/* In memory, without the header. */
static size_t object_words(const EtsObject *o) { return o->words + !o->flat; }

static size_t object_bytes(const EtsObject *o) { return sizeof *o + object_words(o) * sizeof(term_t); }

void ets_object_adopt(EtsStripe *s, const EtsObject *o) { s->object_words += object_bytes(o) / sizeof(term_t); }

static EtsObject *flat_object(term_t tuple, size_t words)
{
    EtsObject *o = mem_alloc(MEM_ETS, sizeof *o + words * sizeof(term_t));
    o->words = words;
    o->flat = true;
    copy_object_words(o->mem, boxed_ptr(tuple), words);
    return o;
}

EtsObject *ets_object_new(term_t tuple)
{
    size_t words = flat_tuple_words(tuple);
    if (words) return flat_object(tuple, words);
    words = term_size_words(tuple);
    EtsObject *o = mem_alloc(MEM_ETS, sizeof *o + (words + 1) * sizeof(term_t));
    o->words = words;
    o->flat = false;
    Heap h = {0}; /* chains what lies off the heap */
    term_t *end;
    (void)term_copy_to(&h, tuple, o->mem, &end);
    CHECK(end == o->mem + words);
    o->mem[words] = (term_t)(uintptr_t)h.off_heap;
    return o;
}

void ets_object_free(EtsStripe *s, EtsObject *o)
{
    s->object_words -= object_bytes(o) / sizeof(term_t);
    ets_object_dispose(o);
}

void ets_object_dispose(EtsObject *o)
{
    off_heap_release(ets_off_heap(o));
    mem_free(MEM_ETS, o, object_bytes(o));
}

/* The object's memory holds all that the tuple consists of. */
term_t ets_object_copy(Heap *h, const EtsObject *o)
{
    if (o->flat) return heap_copy_flat_tuple(h, o->mem, o->words);
    if (UNLIKELY(ets_off_heap(o) != NULL)) return term_copy(h, ets_tuple(o));
    return heap_copy_block(h, o->mem, o->words, ets_tuple(o));
}
