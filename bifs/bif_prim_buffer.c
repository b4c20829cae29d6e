/* SPDX-License-Identifier: Apache-2.0 */
/* bif_prim_buffer - natives of prim_buffer: a mutable queue of binaries behind a magic reference.
 * As its module says, a buffer is used by one process at a time; try_lock guards those that more
 * may reach. Pieces are references to storage; small ones are copied to the end of the last piece.
 * Semantics: prim_buffer.erl of erts. Layer: bifs. */
#include "base/alloc.h"
#include "base/atomic.h"
#include "bifs/bif.h"
#include "data/binary.h"

#define TAIL_BYTES 4096u     /* storage made for small pieces */
#define COPY_MAX_BYTES 512u  /* pieces up to this size are copied to the tail */

typedef struct Piece {
    Binary *storage;          /* one reference */
    size_t start, end;        /* bytes of it */
} Piece;

typedef struct PrimBuffer {
    Piece *pieces;            /* ring of `capacity` */
    size_t first, count, capacity;
    uint64_t bytes;
    bool tail_is_ours;        /* the last piece's storage has room that only we write */
    atomic_bool_t locked;
} PrimBuffer;

static Piece *piece_at(PrimBuffer *b, size_t i)
{
    return &b->pieces[(b->first + i) % b->capacity];
}

static void buffer_destroy(Binary *bin)
{
    PrimBuffer *b = (PrimBuffer *)bin->data;
    for (size_t i = 0; i < b->count; i++)
        binary_unref(piece_at(b, i)->storage);
    mem_free(MEM_IO, b->pieces, b->capacity * sizeof(Piece));
}

static PrimBuffer *buffer_of(term_t t)
{
    Binary *bin = magic_ref_of(t, buffer_destroy);
    return bin ? (PrimBuffer *)bin->data : NULL;
}

BIF(prim_buffer, new, 0, 0)
{
    Binary *bin = binary_new_magic(sizeof(PrimBuffer), 0, buffer_destroy);
    return heap_magic_ref(&p->heap, bin, ref_new(p->vm));
}

BIF(prim_buffer, size, 1, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    return b ? heap_uint(&p->heap, b->bytes) : bif_error(p, EXC_BADARG);
}

/* ---- writing ---- */

static void push_piece(PrimBuffer *b, Binary *storage, size_t start, size_t end)
{
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 8;
        Piece *pieces = mem_alloc(MEM_IO, capacity * sizeof(Piece));
        for (size_t i = 0; i < b->count; i++)
            pieces[i] = *piece_at(b, i);
        mem_free(MEM_IO, b->pieces, b->capacity * sizeof(Piece));
        b->pieces = pieces;
        b->first = 0;
        b->capacity = capacity;
    }
    b->count++;
    *piece_at(b, b->count - 1) = (Piece){storage, start, end};
}

static void write_copy(PrimBuffer *b, const BitView *v)
{
    size_t n = v->bits / 8;
    Piece *last = b->count > 0 ? piece_at(b, b->count - 1) : NULL;
    if (last == NULL || !b->tail_is_ours || last->storage->size - last->end < n) {
        push_piece(b, binary_new(MAX(n, (size_t)TAIL_BYTES)), 0, 0);
        b->tail_is_ours = true;
        last = piece_at(b, b->count - 1);
    }
    bits_copy(binary_data(last->storage), (uint64_t)last->end * 8, v->base, v->offset, v->bits);
    last->end += n;
}

static void write_binary(PrimBuffer *b, term_t t)
{
    BitView v = bitstring_view(t);
    Binary *storage = bitstring_storage(t);
    size_t n = v.bits / 8;
    if (n == 0)
        return;
    if (n <= COPY_MAX_BYTES || storage == NULL || !view_is_aligned(&v)) {
        write_copy(b, &v);
    } else {
        push_piece(b, binary_ref(storage), v.offset / 8, v.offset / 8 + n);
        b->tail_is_ours = false;
    }
    b->bytes += n;
}

BIF(prim_buffer, write, 2, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    term_t t = a[1];
    for (; term_is_list_cell(t); t = list_tail(t))
        if (!term_is_binary(list_head(t)))
            break;
    if (b == NULL || !term_is_nil(t))
        return bif_error(p, EXC_BADARG);
    for (t = a[1]; term_is_list_cell(t); t = list_tail(t))
        write_binary(b, list_head(t));
    return am_ok;
}

/* ---- reading ---- */

static void drop_bytes(PrimBuffer *b, uint64_t n)
{
    b->bytes -= n;
    while (n > 0) {
        Piece *head = piece_at(b, 0);
        size_t have = head->end - head->start, k = MIN(n, have);
        head->start += k;
        n -= k;
        if (k == have) {
            binary_unref(head->storage);
            b->first = (b->first + 1) % b->capacity;
            b->count--;
        }
    }
    if (b->count == 0)
        b->tail_is_ours = false;
}

/* The second argument as a number of bytes that are there. */
static bool available(const PrimBuffer *b, term_t t, uint64_t *n)
{
    if (b == NULL || !term_is_small(t) || small_value(t) < 0)
        return false;
    *n = (uint64_t)small_value(t);
    return *n <= b->bytes;
}

BIF(prim_buffer, skip, 2, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    uint64_t n;
    if (!available(b, a[1], &n))
        return bif_error(p, EXC_BADARG);
    drop_bytes(b, n);
    return am_ok;
}

BIF(prim_buffer, peek_head, 1, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    if (b == NULL || b->count == 0)
        return bif_error(p, EXC_BADARG);
    Piece *head = piece_at(b, 0);
    return heap_binary_of(&p->heap, binary_ref(head->storage), head->start,
                          head->end - head->start);
}

BIF(prim_buffer, copying_read, 2, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    uint64_t n;
    uint8_t *to;
    if (!available(b, a[1], &n))
        return bif_error(p, EXC_BADARG);
    term_t t = heap_binary_new(&p->heap, n, &to);
    uint64_t done = 0;
    for (size_t i = 0; done < n; i++) {
        const Piece *x = piece_at(b, i);
        size_t k = MIN(n - done, x->end - x->start);
        memcpy(to + done, binary_data(x->storage) + x->start, k);
        done += k;
    }
    drop_bytes(b, n);
    return t;
}

BIF(prim_buffer, find_byte_index, 2, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    if (b == NULL || !term_is_small(a[1]) || (uint64_t)small_value(a[1]) > 255)
        return bif_error(p, EXC_BADARG);
    uint64_t before = 0;
    for (size_t i = 0; i < b->count; i++) {
        const Piece *x = piece_at(b, i);
        const uint8_t *bytes = binary_data(x->storage) + x->start;
        const uint8_t *at = memchr(bytes, (int)small_value(a[1]), x->end - x->start);
        if (at != NULL)
            return heap_tuple2(&p->heap, am_ok, heap_uint(&p->heap, before + (uint64_t)(at - bytes)));
        before += x->end - x->start;
    }
    return am_not_found;
}

/* ---- lock ---- */

BIF(prim_buffer, try_lock, 1, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    if (b == NULL)
        return bif_error(p, EXC_BADARG);
    return swap_acq_rel(&b->locked, true) ? am_busy : am_acquired;
}

BIF(prim_buffer, unlock, 1, 0)
{
    PrimBuffer *b = buffer_of(a[0]);
    if (b == NULL || !swap_acq_rel(&b->locked, false))
        return bif_error(p, EXC_BADARG);
    return am_ok;
}
