/* SPDX-License-Identifier: Apache-2.0 */
/* binary - bit strings: storage, creation, views, and the writable tail.
 * A bit string is heap bits (up to HEAP_BITS_MAX_BYTES, copied between heaps) or sub bits over heap
 * bits or over a binref (storage of its own, shared by reference). "Binary" in a name of a term
 * function means: whole bytes.
 * Writable tail: at most one sub bits over a Binary has SUB_BITS_WRITABLE: the one made by the last
 * append, whose `end` is where the next append writes. Appending takes the flag away from it and gives
 * it to the result. The storage is enlarged in place only while its reference count is one (one
 * binref, in this heap). Copies to other heaps never carry the flag; so a byte that anybody can see
 * never changes. Pointers into the data are valid until the next append by the same process: reload.
 * Layer: data. */
#ifndef JOIST_DATA_BINARY_H
#define JOIST_DATA_BINARY_H

#include "data/bits.h"
#include "heap/heap.h"

#define BINARY_MAX_BYTES ((uint64_t)1 << 58) /* beyond: system_limit */

/* ---- storage ---- */
/* One reference, owned by the caller. Contents undefined. */
Binary *binary_new(size_t bytes);
Binary *binary_new_try(size_t bytes);  /* NULL when there is no memory: raise system_limit */
/* Object with a destructor; `data` has `bytes`, zeroed. For magic references. */
Binary *binary_new_magic(size_t bytes, uint32_t type, void (*destroy)(Binary *b));
/* Resize storage that nobody else references; may move. */
Binary *binary_resize(Binary *b, size_t bytes);
Binary *binary_resize_try(Binary *b, size_t bytes); /* NULL: b is as it was */
static inline Binary *binary_ref(Binary *b)
{
    __atomic_fetch_add((int64_t *)&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}
static inline int64_t binary_refs(const Binary *b)
{
    return __atomic_load_n((const int64_t *)&b->refs, __ATOMIC_ACQUIRE);
}
static inline uint8_t *binary_data(Binary *b) { return (uint8_t *)b->data; }
/* Same for storage that may have its bytes outside. */
static inline const uint8_t *binary_bytes_at(const Binary *b)
{
    const void *data = b->data;
    return UNLIKELY(b->flags & BINARY_OUTSIDE) ? *(const uint8_t *const *)data : data;
}
/* One more reference unless the last one is gone already. */
bool binary_ref_try(Binary *b) MUST_CHECK;

/* ---- looking ---- */
typedef struct BitView {
    const uint8_t *base;
    uint64_t offset;    /* bits from base to the first bit */
    uint64_t bits;
} BitView;
/* The bytes of heap bits or of a binref. */
static inline const uint8_t *storage_bytes(term_t orig)
{
    const term_t *p = boxed_ptr(orig);
    return HEADER_SUBTAG(*p) == BOXED_BINREF ? binary_bytes_at(((const BinRef *)p)->bin) : ((const HeapBits *)p)->data;
}
/* t must be a bit string or a match context (then: what is left of it). */
static inline BitView bitstring_view(term_t t)
{
    const term_t *p = boxed_ptr(t);
    if (HEADER_SUBTAG(*p) == BOXED_HEAP_BITS)
        return (BitView){((const HeapBits *)p)->data, 0, ((const HeapBits *)p)->size};
    const SubBits *s = (const SubBits *)p;
    return (BitView){storage_bytes(s->orig), s->start, s->end - s->start};
}
static inline uint64_t bitstring_bits(term_t t)
{
    const term_t *p = boxed_ptr(t);
    if (HEADER_SUBTAG(*p) == BOXED_HEAP_BITS)
        return ((const HeapBits *)p)->size;
    return ((const SubBits *)p)->end - ((const SubBits *)p)->start;
}
static inline bool view_is_aligned(const BitView *v) { return (v->offset & 7) == 0; }
static inline const uint8_t *view_bytes(const BitView *v) { return v->base + (v->offset >> 3); }
/* A bit string of whole bytes. */
static inline bool term_is_binary(term_t t)
{
    return term_is_bitstring(t) && (bitstring_bits(t) & 7) == 0;
}
/* Bytes that t keeps alive: binary:referenced_byte_size/1. */
size_t binary_referenced_bytes(term_t t);
/* What keeps the bytes of t outside (heap_binary_outside), if it has this destructor; else NULL. */
Binary *binary_keeper(term_t t, void (*destroy)(Binary *b));
/* The Binary that has the bytes of t in itself, NULL for others; no reference is taken. */
Binary *bitstring_storage(term_t t);

/* Bytes of a binary wherever its first bit is: a pointer into the term when aligned, else a copy in
 * `temp`, which the caller releases with temp_bytes_free in any case. */
typedef struct TempBytes {
    uint8_t *copy;
    size_t bytes;
} TempBytes;
#define TEMP_BYTES_INIT {NULL, 0}
/* NULL when t is not a binary. The result is never NULL for a binary, even an empty one. */
const uint8_t *binary_bytes(term_t t, size_t *bytes, TempBytes *temp);
void temp_bytes_free(TempBytes *temp);

/* ---- making ---- [no GC] */
/* Copy of bytes. */
term_t heap_binary(Heap *h, const void *bytes, size_t n);
/* n bytes, contents to be written through *data at once. */
term_t heap_binary_new(Heap *h, size_t n, uint8_t **data);
/* TERM_NONE when the storage cannot be had. */
term_t heap_binary_new_try(Heap *h, size_t n, uint8_t **data);
/* Likewise for n bits; unused bits of the last byte are zeroed. */
term_t heap_bits_new(Heap *h, uint64_t bits, uint8_t **data);
term_t heap_bits_new_try(Heap *h, uint64_t bits, uint8_t **data);
/* Copy of n bits from any alignment. */
term_t heap_bits(Heap *h, const uint8_t *base, uint64_t offset, uint64_t bits);
/* Bytes [offset, offset + n) of b; takes over the caller's reference. */
term_t heap_binary_of(Heap *h, Binary *b, size_t offset, size_t n);
/* The n bytes at `bytes`, which stay there as long as `keeper` lives; takes over the reference to it. */
term_t heap_binary_outside(Heap *h, Binary *keeper, const void *bytes, size_t n);
/* Bits [start, start + bits) of a bit string, sharing its storage. The range was checked. */
term_t heap_sub_bits(Heap *h, term_t t, uint64_t start, uint64_t bits);
/* Term with the contents of a text. */
static inline term_t heap_binary_cstr(Heap *h, const char *text)
{
    return heap_binary(h, text, strlen(text));
}

/* ---- magic references ---- */
/* A reference to b with number r; takes over the caller's reference to b. */
term_t heap_magic_ref(Heap *h, Binary *b, RefNum r);
/* The Binary of a magic reference with this destructor, else NULL. */
Binary *magic_ref_of(term_t t, void (*destroy)(Binary *b));

/* ---- appending: the bs_append family ---- */
/* Where the writer puts the new bits: from bit `at` of `base`. All of them must be written. */
typedef struct Appended {
    term_t term;       /* the new bit string, `bits` long already */
    uint8_t *base;
    uint64_t at;
    bool moved;        /* its bytes lie in storage that did not hold them before */
} Appended;
/* Bit string t followed by `bits` unwritten bits. Amortised O(bits). t was checked to be a bit string.
 * The result's words come from h. Private: the compiler knows that t is dead afterwards and came from
 * binary_writable. False: no memory or size above BINARY_MAX_BYTES. */
bool binary_append(Heap *h, term_t t, uint64_t bits, bool private, Appended *out);
/* binary_append for what recurs: whole bytes behind a private bit string that ends with one and has room. Where they
 * are to be written, or NULL: nothing was done. */
static inline uint8_t *binary_append_bytes(term_t t, size_t bytes)
{
    SubBits *s = (SubBits *)boxed_ptr(t);
    if (HEADER_SUBTAG(s->header) != BOXED_SUB_BITS || !(s->flags & SUB_BITS_WRITABLE) || (s->end & 7) != 0) return NULL;
    Binary *b = ((BinRef *)boxed_ptr(s->orig))->bin;
    size_t at = (size_t)(s->end >> 3);
    if (b->size - at < bytes) return NULL;
    s->end += (uint64_t)bytes * 8;
    return binary_data(b) + at;
}
/* Empty writable binary with room for `bytes` (bs_init_writable: size hint). */
term_t binary_writable(Heap *h, size_t bytes);
#define BINARY_APPEND_WORDS REFC_BITS_WORDS /* words that one append or writable takes at most */

#endif
