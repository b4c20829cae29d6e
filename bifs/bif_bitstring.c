/* SPDX-License-Identifier: Apache-2.0 */
/* bif_bitstring - natives of erlang on bit strings and I/O lists.
 * Conversions of I/O lists yield: the walk and the half-filled storage wait in a NativeState.
 * Semantics: erlang(3). Layer: bifs. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/iolist.h"

/* Elements of a list that cost one reduction. */
#define ELEMENTS_PER_RED 32
/* More than this is not filled in the slice in which it was sized. */
#define FILL_AT_ONCE_BITS ((uint64_t)1 << 24)

static void charge_bytes(Process *p, uint64_t bytes)
{
    process_bump_reds(p, (int32_t)MIN(bytes / 128, (uint64_t)1000000));
}

/* ---- sizes ---- */

BIF(erlang, byte_size, 1, GUARD)
{
    if (!term_is_bitstring(a[0]))
        return bif_error(p, EXC_BADARG);
    return term_small((int64_t)BITS_TO_BYTES(bitstring_bits(a[0])));
}

BIF(erlang, bit_size, 1, GUARD)
{
    if (!term_is_bitstring(a[0]))
        return bif_error(p, EXC_BADARG);
    return term_small((int64_t)bitstring_bits(a[0]));
}

/* ---- parts ---- */

/* Start and (maybe negative) length of a part of `size` bytes, normalised. */
static bool part_range(term_t start, term_t length, uint64_t size, uint64_t *from, uint64_t *n)
{
    if (!term_is_small(start) || !term_is_small(length))
        return false;
    int64_t s = small_value(start), l = small_value(length);
    if (s < 0 || (uint64_t)s > size)
        return false;
    if (l < 0) {
        if (-l > s)
            return false;
        s += l;
        l = -l;
    }
    *from = (uint64_t)s;
    *n = (uint64_t)l;
    return *n <= size - *from;
}

static term_t binary_part(Process *p, term_t t, term_t start, term_t length)
{
    uint64_t from, n;
    if (!term_is_bitstring(t) || !part_range(start, length, bitstring_bits(t) / 8, &from, &n))
        return bif_error(p, EXC_BADARG);
    return heap_sub_bits(&p->heap, t, from * 8, n * 8);
}

static term_t binary_part_of_tuple(Process *p, term_t t, term_t range)
{
    if (!term_is_tuple_of(range, 2))
        return bif_error(p, EXC_BADARG);
    return binary_part(p, t, tuple_element(range, 1), tuple_element(range, 2));
}

BIF(erlang, binary_part, 2, GUARD) { return binary_part_of_tuple(p, a[0], a[1]); }
BIF(erlang, binary_part, 3, GUARD) { return binary_part(p, a[0], a[1], a[2]); }
BIF(binary, part, 2, 0) { return binary_part_of_tuple(p, a[0], a[1]); }
BIF(binary, part, 3, 0) { return binary_part(p, a[0], a[1], a[2]); }

BIF(erlang, split_binary, 2, 0)
{
    if (!term_is_bitstring(a[0]) || !term_is_small(a[1]))
        return bif_error(p, EXC_BADARG);
    uint64_t bits = bitstring_bits(a[0]);
    int64_t at = small_value(a[1]);
    if (at < 0 || (uint64_t)at > bits / 8)
        return bif_error(p, EXC_BADARG);
    uint64_t first = (uint64_t)at * 8;
    term_t left = heap_sub_bits(&p->heap, a[0], 0, first);
    term_t right = heap_sub_bits(&p->heap, a[0], first, bits - first);
    return heap_tuple2(&p->heap, left, right);
}

/* ---- to lists ---- */

/* n bytes from byte `from` of v on, in front of tail. */
static term_t list_of_bytes(Process *p, const BitView *v, uint64_t from, uint64_t n, term_t tail)
{
    if (n == 0)
        return tail;
    if (bif_is_long(2 * n))
        return bif_go_dirty(p);
    charge_bytes(p, n);
    uint64_t at = v->offset + 8 * from;
    if ((at & 7) == 0) return heap_string(&p->heap, (const char *)v->base + (at >> 3), n, tail);
    term_t *hp = heap_alloc(&p->heap, 2 * n), first = term_make_list(hp);
    for (uint64_t i = 0; i < n; i++, hp += 2)
        list_put(hp, term_small(bits_read(v->base, at + i * 8, 8)), term_make_list(hp + 2));
    hp[-1] = tail;
    return first;
}

BIF(erlang, binary_to_list, 1, 0)
{
    if (!term_is_binary(a[0]))
        return bif_error(p, EXC_BADARG);
    BitView v = bitstring_view(a[0]);
    return list_of_bytes(p, &v, 0, v.bits / 8, TERM_NIL);
}

BIF(erlang, binary_to_list, 3, 0)
{
    if (!term_is_bitstring(a[0]) || !term_is_small(a[1]) || !term_is_small(a[2]))
        return bif_error(p, EXC_BADARG);
    BitView v = bitstring_view(a[0]);
    int64_t first = small_value(a[1]), last = small_value(a[2]);
    if (first < 1 || last < first || (uint64_t)last > v.bits / 8)
        return bif_error(p, EXC_BADARG);
    uint64_t n = (uint64_t)(last - first) + 1;
    return list_of_bytes(p, &v, (uint64_t)(first - 1), n, TERM_NIL);
}

BIF(erlang, bitstring_to_list, 1, 0)
{
    if (!term_is_bitstring(a[0]))
        return bif_error(p, EXC_BADARG);
    BitView v = bitstring_view(a[0]);
    unsigned rest = v.bits & 7;
    term_t tail = TERM_NIL;
    if (rest != 0)
        tail = heap_cons(&p->heap, heap_sub_bits(&p->heap, a[0], v.bits - rest, rest), TERM_NIL);
    return list_of_bytes(p, &v, 0, v.bits / 8, tail);
}

/* ---- from I/O lists ---- */

typedef struct Conversion {
    NativeState base;
    IolistWalk walk;
    Binary *storage;      /* NULL while sizing */
    bool size_only;
} Conversion;

static void conversion_destroy(NativeState *s)
{
    Conversion *c = (Conversion *)s;
    iolist_walk_free(&c->walk);
    if (c->storage != NULL)
        binary_unref(c->storage);
    MEM_DELETE(TEMP, c);
}

static void conversion_roots(NativeState *s, void (*visit)(void *, term_t *, size_t), void *ctx)
{
    iolist_each_root(&((Conversion *)s)->walk, visit, ctx);
}

/* Move a walk from the C stack to the process. */
static Conversion *conversion_keep(Process *p, const IolistWalk *w, bool size_only)
{
    Conversion *c = MEM_NEW(TEMP, Conversion);
    c->base.destroy = conversion_destroy;
    c->base.each_root = conversion_roots;
    c->walk = *w;
    if (w->stack == w->inline_stack)
        c->walk.stack = c->walk.inline_stack;
    c->size_only = size_only;
    p->native_state = &c->base;
    return c;
}

static Conversion *conversion_in_progress(Process *p)
{
    NativeState *s = p->native_state;
    return s != NULL && s->destroy == conversion_destroy ? (Conversion *)s : NULL;
}

static void conversion_end(Process *p)
{
    NativeState *s = p->native_state;
    p->native_state = NULL;
    s->destroy(s);
}

static int64_t budget_of(const Process *p)
{
    return (int64_t)MAX(p->reds, 1) * ELEMENTS_PER_RED;
}

static void charge_elements(Process *p, int64_t before, int64_t left)
{
    process_bump_reds(p, (int32_t)((before - left) / ELEMENTS_PER_RED) + 1);
}

static term_t conversion_error(Process *p, enum IolistResult r)
{
    return bif_error(p, r == IOLIST_OVERFLOW ? EXC_SYSTEM_LIMIT : EXC_BADARG);
}

static term_t iolist_bytes(Process *p, bits128_t bits)
{
    return bits / 8 > UINT64_MAX ? bif_error(p, EXC_SYSTEM_LIMIT)
                                 : heap_uint(&p->heap, (uint64_t)(bits / 8));
}

/* Sized: make room for the contents and start filling. */
static enum IolistResult conversion_start_filling(Conversion *c, term_t t)
{
    if (c->walk.size_bits > BINARY_MAX_BYTES * 8)
        return IOLIST_OVERFLOW;
    uint64_t bits = (uint64_t)c->walk.size_bits;
    c->storage = binary_new_try(BITS_TO_BYTES(bits) + 1);
    if (c->storage == NULL)
        return IOLIST_OVERFLOW;
    iolist_walk_restart(&c->walk, t);
    c->walk.to = binary_data(c->storage);
    c->walk.limit = bits;
    return IOLIST_OK;
}

static term_t conversion_result(Process *p, Conversion *c)
{
    uint64_t bits = c->walk.limit;
    Binary *b = c->storage;
    if (bits <= HEAP_BITS_MAX_BYTES * 8)
        return heap_bits(&p->heap, binary_data(b), 0, bits);
    c->storage = NULL;
    term_t whole = heap_binary_of(&p->heap, binary_resize(b, BITS_TO_BYTES(bits)), 0,
                                  BITS_TO_BYTES(bits));
    return (bits & 7) == 0 ? whole : heap_sub_bits(&p->heap, whole, 0, bits);
}

/* Go on with a conversion that has yielded before. */
static term_t conversion_continue(Process *p, Conversion *c, term_t t)
{
    int64_t budget = budget_of(p), before = budget;
    enum IolistResult r = IOLIST_OK;
    if (c->storage == NULL) {
        r = iolist_walk_size(&c->walk, &budget);
        if (r == IOLIST_OK && c->size_only) {
            term_t size = iolist_bytes(p, c->walk.size_bits);
            conversion_end(p);
            return size;
        }
        if (r == IOLIST_OK)
            r = conversion_start_filling(c, t);
    }
    if (r == IOLIST_OK)
        r = iolist_walk_fill(&c->walk, &budget);
    charge_elements(p, before, budget);
    if (r == IOLIST_MORE)
        return bif_yield(p);
    term_t result = r == IOLIST_OK ? conversion_result(p, c) : conversion_error(p, r);
    conversion_end(p);
    return result;
}

/* The common short case: no state is allocated unless the slice ends before the list does. */
static term_t convert(Process *p, term_t t, bool bits)
{
    Conversion *c = conversion_in_progress(p);
    if (c != NULL)
        return conversion_continue(p, c, t);
    IolistWalk w;
    int64_t budget = budget_of(p), before = budget;
    iolist_walk_init(&w, t, bits);
    enum IolistResult r = iolist_walk_size(&w, &budget);
    charge_elements(p, before, budget);
    if (r == IOLIST_MORE) {
        conversion_keep(p, &w, false);
        return bif_yield(p);
    }
    if (r == IOLIST_OK && w.size_bits > BINARY_MAX_BYTES * 8)
        r = IOLIST_OVERFLOW;
    uint64_t size = (uint64_t)w.size_bits;
    if (r == IOLIST_OK && (before - budget > budget || size > FILL_AT_ONCE_BITS)) {
        c = conversion_keep(p, &w, false);
        r = conversion_start_filling(c, t);
        if (r == IOLIST_OK)
            return bif_yield(p);
        conversion_end(p);
        return conversion_error(p, r);
    }
    if (r != IOLIST_OK) {
        iolist_walk_free(&w);
        return conversion_error(p, r);
    }
    uint8_t *data;
    term_t result = heap_bits_new_try(&p->heap, size, &data);
    if (result == TERM_NONE) {
        iolist_walk_free(&w);
        return bif_error(p, EXC_SYSTEM_LIMIT);
    }
    iolist_walk_restart(&w, t);
    w.to = data;
    w.limit = size;
    budget = INT64_MAX;
    r = iolist_walk_fill(&w, &budget);
    CHECK(r == IOLIST_OK && w.at == size);
    charge_elements(p, INT64_MAX, budget);
    iolist_walk_free(&w);
    return result;
}

BIF(erlang, list_to_binary, 1, 0)
{
    return term_is_list(a[0]) ? convert(p, a[0], false) : bif_error(p, EXC_BADARG);
}

BIF(binary, list_to_bin, 1, 0)
{
    return term_is_list(a[0]) ? convert(p, a[0], false) : bif_error(p, EXC_BADARG);
}

BIF(erlang, list_to_bitstring, 1, 0)
{
    return term_is_list(a[0]) ? convert(p, a[0], true) : bif_error(p, EXC_BADARG);
}

BIF(erlang, iolist_to_binary, 1, 0)
{
    return term_is_binary(a[0]) ? a[0] : convert(p, a[0], false);
}

BIF(erlang, iolist_size, 1, 0)
{
    Conversion *c = conversion_in_progress(p);
    if (c != NULL)
        return conversion_continue(p, c, a[0]);
    IolistWalk w;
    int64_t budget = budget_of(p), before = budget;
    iolist_walk_init(&w, a[0], false);
    enum IolistResult r = iolist_walk_size(&w, &budget);
    charge_elements(p, before, budget);
    if (r == IOLIST_MORE) {
        conversion_keep(p, &w, true);
        return bif_yield(p);
    }
    iolist_walk_free(&w);
    return r == IOLIST_OK ? iolist_bytes(p, w.size_bits) : conversion_error(p, r);
}

/* ---- iolist_to_iovec ---- */

/* Binaries up to this size are gathered with their neighbours instead of being referenced. */
#define IOVEC_COPY_MAX_BYTES 256

typedef struct IovecWalk {
    Heap *heap;
    term_t first, *last;  /* result list, and where its next cell goes */
    uint8_t *bytes;       /* gathered, MEM_TEMP */
    size_t count, capacity;
} IovecWalk;

static void iovec_emit(IovecWalk *w, term_t t)
{
    term_t cell = heap_cons(w->heap, t, TERM_NIL);
    *w->last = cell;
    w->last = &list_ptr(cell)[1];
}

static void iovec_flush(IovecWalk *w)
{
    if (w->count > 0)
        iovec_emit(w, heap_binary(w->heap, w->bytes, w->count));
    w->count = 0;
}

static uint8_t *iovec_room(IovecWalk *w, size_t n)
{
    if (w->capacity - w->count < n) {
        size_t capacity = MAX(w->capacity * 2, w->count + n + 256);
        w->bytes = mem_realloc(MEM_TEMP, w->bytes, w->capacity, capacity);
        w->capacity = capacity;
    }
    w->count += n;
    return w->bytes + w->count - n;
}

static bool iovec_leaf(IovecWalk *w, term_t t)
{
    if (term_is_small(t) && (uint64_t)small_value(t) < 256) {
        *iovec_room(w, 1) = (uint8_t)small_value(t);
        return true;
    }
    if (!term_is_binary(t))
        return false;
    BitView v = bitstring_view(t);
    if (v.bits > IOVEC_COPY_MAX_BYTES * 8 && view_is_aligned(&v)) {
        iovec_flush(w);
        iovec_emit(w, t);
    } else if (v.bits > 0) {
        bits_copy(iovec_room(w, v.bits / 8), 0, v.base, v.offset, v.bits);
    }
    return true;
}

/* Calls iovec_leaf for each leaf in order; false: improper. */
static bool iovec_walk(IovecWalk *w, term_t t, uint64_t *elements)
{
    IolistWalk todo; /* only its stack is used */
    iolist_walk_init(&todo, t, false);
    bool ok = true;
    while (ok && todo.depth > 0) {
        t = todo.stack[--todo.depth];
        while (ok && term_is_list_cell(t)) {
            term_t head = list_head(t), tail = list_tail(t);
            ok = !bif_is_long(4 * ++*elements);
            if (!ok)
                break;
            if (term_is_list(head)) {
                if (tail != TERM_NIL)
                    iolist_walk_push(&todo, tail);
                t = head;
            } else {
                ok = iovec_leaf(w, head);
                t = tail;
            }
        }
        ok = ok && (t == TERM_NIL || (term_is_binary(t) && iovec_leaf(w, t)));
    }
    iolist_walk_free(&todo);
    return ok;
}

BIF(erlang, iolist_to_iovec, 1, 0)
{
    IovecWalk w = {.heap = &p->heap, .first = TERM_NIL};
    uint64_t elements = 0;
    w.last = &w.first;
    if (term_is_binary(a[0])) {
        if (bitstring_bits(a[0]) > 0)
            iovec_emit(&w, a[0]);
        return w.first;
    }
    bool ok = iovec_walk(&w, a[0], &elements);
    if (bif_is_long(4 * elements)) {
        mem_free(MEM_TEMP, w.bytes, w.capacity);
        return bif_go_dirty(p);
    }
    if (ok)
        iovec_flush(&w);
    mem_free(MEM_TEMP, w.bytes, w.capacity);
    process_bump_reds(p, (int32_t)MIN(elements / ELEMENTS_PER_RED, (uint64_t)100000));
    return ok ? w.first : bif_error(p, EXC_BADARG);
}
