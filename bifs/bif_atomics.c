/* SPDX-License-Identifier: Apache-2.0 */
/* bif_atomics - arrays of 64-bit integers changed atomically (atomics, and counters built on them).
 * An array lives in a magic binary; all operations wrap around and, but for counters with write_concurrency,
 * are sequentially consistent.
 * Semantics: erts' atomics(3), counters(3). Layer: bifs. */
#include "bifs/bif.h"
#include "data/binary.h"
#include "data/map.h"
#include "sched/sched.h"
#include "term/big.h"

typedef struct Atomics {
    size_t count;
    bool is_signed;
    _Atomic(uint64_t) cells[];
} Atomics;

static void destroy(Binary *b UNUSED)
{
}

static Atomics *array_of(term_t ref)
{
    Binary *b = magic_ref_of(ref, destroy);
    return b ? (Atomics *)b->data : NULL;
}

/* The cell of a 1-based index, or NULL. */
static _Atomic(uint64_t) *cell(Atomics *at, term_t index)
{
    if (!at || !term_is_small(index)) return NULL;
    int64_t i = small_value(index);
    return i >= 1 && (uint64_t)i <= at->count ? &at->cells[i - 1] : NULL;
}

/* Value of an integer in the array's range, as its 64 bits. */
static bool value_bits(const Atomics *at, term_t t, uint64_t *bits)
{
    int64_t i;
    if (at->is_signed) {
        if (!term_to_int64(t, &i)) return false;
        *bits = (uint64_t)i;
        return true;
    }
    return term_to_uint64(t, bits);
}

/* An increment may be any integer that fits either way of reading 64 bits. */
static bool increment_bits(term_t t, uint64_t *bits)
{
    int64_t i;
    if (term_to_uint64(t, bits)) return true;
    if (!term_to_int64(t, &i)) return false;
    *bits = (uint64_t)i;
    return true;
}

static term_t value_term(Process *p, const Atomics *at, uint64_t bits)
{
    return at->is_signed ? heap_int(&p->heap, (int64_t)bits) : heap_uint(&p->heap, bits);
}

BIF(erts_internal, atomics_new, 2, 0)
{
    if (term_is_big(a[0]) && !big_is_negative(a[0])) return bif_error(p, EXC_SYSTEM_LIMIT);
    if (!term_is_small(a[0]) || small_value(a[0]) < 1 || !term_is_small(a[1]))
        return bif_error(p, EXC_BADARG);
    size_t n = (size_t)small_value(a[0]);
    if (n > ((size_t)1 << 56)) return bif_error(p, EXC_SYSTEM_LIMIT);
    Binary *b = binary_new_magic(sizeof(Atomics) + 8 * n, 0, destroy);
    Atomics *at = (Atomics *)b->data;
    at->count = n;
    at->is_signed = small_value(a[1]) & 1;
    return heap_magic_ref(&p->heap, b, ref_new(p->vm));
}

BIF(atomics, put, 3, 0)
{
    Atomics *at = array_of(a[0]);
    _Atomic(uint64_t) *c = cell(at, a[1]);
    uint64_t v;
    if (!c || !value_bits(at, a[2], &v)) return bif_error(p, EXC_BADARG);
    atomic_store(c, v);
    return am_ok;
}

BIF(atomics, get, 2, 0)
{
    Atomics *at = array_of(a[0]);
    _Atomic(uint64_t) *c = cell(at, a[1]);
    return c ? value_term(p, at, atomic_load(c)) : bif_error(p, EXC_BADARG);
}

BIF(atomics, add, 3, 0)
{
    _Atomic(uint64_t) *c = cell(array_of(a[0]), a[1]);
    uint64_t v;
    if (!c || !increment_bits(a[2], &v)) return bif_error(p, EXC_BADARG);
    atomic_fetch_add(c, v);
    return am_ok;
}

BIF(atomics, add_get, 3, 0)
{
    Atomics *at = array_of(a[0]);
    _Atomic(uint64_t) *c = cell(at, a[1]);
    uint64_t v;
    if (!c || !increment_bits(a[2], &v)) return bif_error(p, EXC_BADARG);
    return value_term(p, at, atomic_fetch_add(c, v) + v);
}

BIF(atomics, exchange, 3, 0)
{
    Atomics *at = array_of(a[0]);
    _Atomic(uint64_t) *c = cell(at, a[1]);
    uint64_t v;
    if (!c || !value_bits(at, a[2], &v)) return bif_error(p, EXC_BADARG);
    return value_term(p, at, atomic_exchange(c, v));
}

BIF(atomics, compare_exchange, 4, 0)
{
    Atomics *at = array_of(a[0]);
    _Atomic(uint64_t) *c = cell(at, a[1]);
    uint64_t expected, desired;
    if (!c || !value_bits(at, a[2], &expected) || !value_bits(at, a[3], &desired))
        return bif_error(p, EXC_BADARG);
    if (atomic_compare_exchange_strong(c, &expected, desired)) return am_ok;
    return value_term(p, at, expected);
}

BIF(atomics, info, 1, 0)
{
    Atomics *at = array_of(a[0]);
    if (!at) return bif_error(p, EXC_BADARG);
    Heap *h = &p->heap;
    term_t max = at->is_signed ? heap_int(h, INT64_MAX) : heap_uint(h, UINT64_MAX);
    term_t min = at->is_signed ? heap_int(h, INT64_MIN) : term_small(0);
    term_t pairs[] = {am_size, heap_uint(h, at->count), am_max, max, am_min, min,
                      am_memory, heap_uint(h, sizeof(Binary) + sizeof *at + 8 * at->count)};
    return map_from_pairs(h, pairs, 4, NULL);
}

/* ---- counters with write_concurrency: a row for each scheduler ---- */

/* The value of a counter is the sum of its cells, one in each row. Schedulers add to rows of their own, in
 * cache lines of their own; other threads, and put, use row 0. */
typedef struct Counters {
    size_t count;
    size_t row_cells;        /* count rounded up to whole cache lines */
    unsigned rows;
    _Atomic(uint64_t) *cells; /* within the same binary, at a cache line */
} Counters;

#define CACHE_LINE 64
#define LINE_CELLS (CACHE_LINE / sizeof(uint64_t))

static void destroy_counters(Binary *b UNUSED)
{
}

static Counters *counters_of(term_t ref)
{
    Binary *b = magic_ref_of(ref, destroy_counters);
    return b ? (Counters *)b->data : NULL;
}

/* The counter's cell in row 0; those of other rows follow at a distance of row_cells. */
static _Atomic(uint64_t) *counter_cell(const Counters *c, term_t index)
{
    if (!c || !term_is_small(index)) return NULL;
    int64_t i = small_value(index);
    return i >= 1 && (uint64_t)i <= c->count ? &c->cells[i - 1] : NULL;
}

static uint64_t counter_sum(const Counters *c, _Atomic(uint64_t) *cell, unsigned from_row)
{
    uint64_t sum = 0;
    for (unsigned r = from_row; r < c->rows; r++)
        sum += atomic_load_explicit(&cell[r * c->row_cells], memory_order_relaxed);
    return sum;
}

BIF(erts_internal, counters_new, 1, 0)
{
    if (term_is_big(a[0]) && !big_is_negative(a[0])) return bif_error(p, EXC_SYSTEM_LIMIT);
    if (!term_is_small(a[0]) || small_value(a[0]) < 1) return bif_error(p, EXC_BADARG);
    size_t n = (size_t)small_value(a[0]), row = (n + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
    unsigned rows = p->vm->sched->count + 1;
    if (n > ((size_t)1 << 56) / rows) return bif_error(p, EXC_SYSTEM_LIMIT);
    Binary *b = binary_new_magic(sizeof(Counters) + rows * row * 8 + CACHE_LINE, 0, destroy_counters);
    Counters *c = (Counters *)b->data;
    uintptr_t end = (uintptr_t)(c + 1);
    *c = (Counters){n, row, rows, (_Atomic(uint64_t) *)((end + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE)};
    return heap_magic_ref(&p->heap, b, ref_new(p->vm));
}

BIF(erts_internal, counters_get, 2, 0)
{
    const Counters *c = counters_of(a[0]);
    _Atomic(uint64_t) *cell = counter_cell(c, a[1]);
    return cell ? heap_int(&p->heap, (int64_t)counter_sum(c, cell, 0)) : bif_error(p, EXC_BADARG);
}

BIF(erts_internal, counters_add, 3, 0)
{
    const Counters *c = counters_of(a[0]);
    _Atomic(uint64_t) *cell = counter_cell(c, a[1]);
    uint64_t v;
    if (!cell || !increment_bits(a[2], &v)) return bif_error(p, EXC_BADARG);
    unsigned row = sched_self && sched_self->number < c->rows ? sched_self->number : 0;
    atomic_fetch_add_explicit(&cell[row * c->row_cells], v, memory_order_relaxed);
    return am_ok;
}

BIF(erts_internal, counters_put, 3, 0)
{
    const Counters *c = counters_of(a[0]);
    _Atomic(uint64_t) *cell = counter_cell(c, a[1]);
    int64_t v;
    if (!cell || !term_to_int64(a[2], &v)) return bif_error(p, EXC_BADARG);
    atomic_store_explicit(cell, (uint64_t)v - counter_sum(c, cell, 1), memory_order_relaxed);
    return am_ok;
}

BIF(erts_internal, counters_info, 1, 0)
{
    const Counters *c = counters_of(a[0]);
    if (!c) return bif_error(p, EXC_BADARG);
    term_t pairs[] = {am_size, heap_uint(&p->heap, c->count), am_memory,
                      heap_uint(&p->heap, sizeof(Counters) + c->rows * c->row_cells * 8)};
    return map_from_pairs(&p->heap, pairs, 2, NULL);
}
