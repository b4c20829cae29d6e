/* SPDX-License-Identifier: Apache-2.0 */
/* binary - see binary.h. Layer: data. */
#include "data/binary.h"

#include "base/alloc.h"

/* Storage behind the first append to a bit string that had no writable tail. */
#define APPEND_MIN_BYTES 256u

/* ---- storage ---- */

static Binary *binary_init(Binary *b, size_t bytes)
{
    b->refs = 1;
    b->size = bytes;
    b->flags = 0;
    b->type = 0;
    b->destroy = NULL;
    return b;
}

Binary *binary_new(size_t bytes)
{
    return binary_init(mem_alloc(MEM_BINARY, BINARY_BLOCK_BYTES(bytes)), bytes);
}

Binary *binary_new_try(size_t bytes)
{
    if (bytes > BINARY_MAX_BYTES)
        return NULL;
    Binary *b = mem_alloc_try(MEM_BINARY, BINARY_BLOCK_BYTES(bytes));
    return b ? binary_init(b, bytes) : NULL;
}

Binary *binary_new_magic(size_t bytes, uint32_t type, void (*destroy)(Binary *b))
{
    Binary *b = binary_new(bytes);
    memset(b->data, 0, bytes);
    b->flags = BINARY_MAGIC;
    b->type = type;
    b->destroy = destroy;
    return b;
}

Binary *binary_resize_try(Binary *b, size_t bytes)
{
    Binary *new = mem_realloc_try(MEM_BINARY, b, BINARY_BLOCK_BYTES(b->size), BINARY_BLOCK_BYTES(bytes));
    if (new != NULL)
        new->size = bytes;
    return new;
}

bool binary_ref_try(Binary *b)
{
    int64_t n = binary_refs(b);
    while (n > 0)
        if (__atomic_compare_exchange_n((int64_t *)&b->refs, &n, n + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return true;
    return false;
}

Binary *binary_resize(Binary *b, size_t bytes)
{
    ASSERT(binary_refs(b) == 1);
    size_t old = b->size;
    b = binary_resize_try(b, bytes);
    if (b == NULL)
        mem_out_of_memory(MEM_BINARY, MAX(old, bytes));
    return b;
}

/* ---- looking ---- */

/* The heap bits or binref under t. */
static term_t origin(term_t t)
{
    return HEADER_SUBTAG(boxed_header(t)) == BOXED_HEAP_BITS ? t : ((SubBits *)boxed_ptr(t))->orig;
}

Binary *bitstring_storage(term_t t)
{
    term_t *p = boxed_ptr(origin(t));
    if (HEADER_SUBTAG(*p) != BOXED_BINREF || ((BinRef *)p)->bin->flags & BINARY_OUTSIDE) return NULL;
    return ((BinRef *)p)->bin;
}

size_t binary_referenced_bytes(term_t t)
{
    Binary *b = bitstring_storage(t);
    if (b) return b->size;
    term_t *p = boxed_ptr(origin(t));
    return HEADER_SUBTAG(*p) == BOXED_BINREF ? ((BinRef *)p)->bin->size : BITS_TO_BYTES(((HeapBits *)p)->size);
}

const uint8_t *binary_bytes(term_t t, size_t *bytes, TempBytes *temp)
{
    if (!term_is_bitstring(t))
        return NULL;
    BitView v = bitstring_view(t);
    if ((v.bits & 7) != 0)
        return NULL;
    *bytes = v.bits >> 3;
    if (view_is_aligned(&v))
        return view_bytes(&v);
    temp->bytes = *bytes;
    temp->copy = mem_alloc(MEM_TEMP, temp->bytes);
    bits_copy(temp->copy, 0, v.base, v.offset, v.bits);
    return temp->copy;
}

void temp_bytes_free(TempBytes *temp)
{
    if (temp->copy != NULL)
        mem_free(MEM_TEMP, temp->copy, temp->bytes);
    temp->copy = NULL;
}

/* ---- making ---- */

static inline term_t heap_bits_small(Heap *h, uint64_t bits, uint8_t **data)
{
    size_t words = HEAP_BITS_WORDS(BITS_TO_BYTES(bits));
    term_t *hp = heap_alloc(h, words);
    HeapBits *b = (HeapBits *)hp;
    b->header = HEADER(words - 1, BOXED_HEAP_BITS);
    b->size = bits;
    if (words > 2)
        hp[words - 1] = 0;
    *data = b->data;
    return term_make_boxed(hp);
}

static term_t heap_sub_bits_of(Heap *h, term_t orig, uint64_t start, uint64_t end, uint64_t flags)
{
    SubBits *s = (SubBits *)heap_alloc(h, SUB_BITS_WORDS);
    *s = (SubBits){HEADER(SUB_BITS_WORDS - 1, BOXED_SUB_BITS), start, end, flags, orig};
    return term_make_boxed((term_t *)s);
}

/* Takes over the caller's reference. */
static term_t heap_binref(Heap *h, Binary *b)
{
    BinRef *r = (BinRef *)heap_alloc(h, BINREF_WORDS);
    r->header = HEADER(BINREF_WORDS - 1, BOXED_BINREF);
    r->bin = b;
    heap_link_off_heap(h, (OffHeap *)r);
    heap_count_binary(h, b->size);
    return term_make_boxed((term_t *)r);
}

static term_t heap_refc_bits(Heap *h, Binary *b, uint64_t start, uint64_t end, uint64_t flags)
{
    return heap_sub_bits_of(h, heap_binref(h, b), start, end, flags);
}

term_t heap_bits_new_try(Heap *h, uint64_t bits, uint8_t **data)
{
    if (bits <= HEAP_BITS_MAX_BYTES * 8)
        return heap_bits_small(h, bits, data);
    Binary *b = binary_new_try(BITS_TO_BYTES(bits));
    if (b == NULL)
        return TERM_NONE;
    *data = binary_data(b);
    if ((bits & 7) != 0)
        (*data)[bits >> 3] = 0;
    return heap_refc_bits(h, b, 0, bits, 0);
}

term_t heap_bits_new(Heap *h, uint64_t bits, uint8_t **data)
{
    term_t t = heap_bits_new_try(h, bits, data);
    if (t == TERM_NONE)
        mem_out_of_memory(MEM_BINARY, BITS_TO_BYTES(bits));
    return t;
}

term_t heap_binary_new(Heap *h, size_t n, uint8_t **data)
{
    return heap_bits_new(h, (uint64_t)n * 8, data);
}

term_t heap_binary_new_try(Heap *h, size_t n, uint8_t **data)
{
    return n > BINARY_MAX_BYTES ? TERM_NONE : heap_bits_new_try(h, (uint64_t)n * 8, data);
}

term_t heap_binary(Heap *h, const void *bytes, size_t n)
{
    uint8_t *data;
    term_t t = n <= HEAP_BITS_MAX_BYTES ? heap_bits_small(h, (uint64_t)n * 8, &data) : heap_binary_new(h, n, &data);
    bytes_copy(data, bytes, n);
    return t;
}

term_t heap_bits(Heap *h, const uint8_t *base, uint64_t offset, uint64_t bits)
{
    uint8_t *data;
    term_t t = heap_bits_new(h, bits, &data);
    bits_copy(data, 0, base, offset, bits);
    return t;
}

term_t heap_binary_of(Heap *h, Binary *b, size_t offset, size_t n)
{
    ASSERT(offset <= b->size && n <= b->size - offset);
    return heap_refc_bits(h, b, (uint64_t)offset * 8, ((uint64_t)offset + n) * 8, 0);
}

typedef struct Outside {
    const void *bytes;          /* first: see binary_bytes_at */
    Binary *keeper;
} Outside;

Binary *binary_keeper(term_t t, void (*destroy)(Binary *b))
{
    term_t *p = boxed_ptr(origin(t));
    if (HEADER_SUBTAG(*p) != BOXED_BINREF || !(((BinRef *)p)->bin->flags & BINARY_OUTSIDE)) return NULL;
    Binary *keeper = ((Outside *)((BinRef *)p)->bin->data)->keeper;
    return keeper->destroy == destroy ? keeper : NULL;
}

static void outside_destroy(Binary *b) { binary_unref(((Outside *)b->data)->keeper); }

term_t heap_binary_outside(Heap *h, Binary *keeper, const void *bytes, size_t n)
{
    Binary *b = binary_new(sizeof(Outside));
    *(Outside *)b->data = (Outside){bytes, keeper};
    b->flags = BINARY_OUTSIDE;
    b->destroy = outside_destroy;
    return heap_refc_bits(h, b, 0, (uint64_t)n * 8, 0);
}

term_t heap_sub_bits(Heap *h, term_t t, uint64_t start, uint64_t bits)
{
    uint8_t *unused;
    if (bits == 0)
        return heap_bits_small(h, 0, &unused);
    if (HEADER_SUBTAG(boxed_header(t)) != BOXED_HEAP_BITS)
        start += ((SubBits *)boxed_ptr(t))->start;
    return heap_sub_bits_of(h, origin(t), start, start + bits, 0);
}

/* ---- magic references ---- */

term_t heap_magic_ref(Heap *h, Binary *b, RefNum r)
{
    term_t *hp = heap_alloc(h, MAGIC_REF_WORDS);
    hp[0] = HEADER(MAGIC_REF_WORDS - 1, BOXED_REF);
    hp[2] = (term_t)b;
    hp[3] = r.low;
    hp[4] = r.num2;
    heap_link_off_heap(h, (OffHeap *)hp);
    return term_make_boxed(hp);
}

Binary *magic_ref_of(term_t t, void (*destroy)(Binary *b))
{
    if (!term_is_local_ref(t) || !ref_is_magic(t))
        return NULL;
    Binary *b = magic_ref_binary(t);
    return b->destroy == destroy ? b : NULL;
}

/* ---- appending ---- */

/* Bits [.., end) of the result are the last: clear what the last byte has behind them. */
static void clear_last_byte(Binary *b, uint64_t at, uint64_t end)
{
    if ((end & 7) != 0 && end >> 3 != at >> 3)
        binary_data(b)[end >> 3] = 0;
}

static bool append_copying(Heap *h, term_t t, uint64_t bits, Appended *out)
{
    BitView v = bitstring_view(t);
    uint64_t total = v.bits + bits;
    Binary *b = binary_new_try(MAX(BITS_TO_BYTES(total) * 2, (uint64_t)APPEND_MIN_BYTES));
    if (b == NULL)
        return false;
    binary_data(b)[v.bits >> 3] = 0;
    bits_copy(binary_data(b), 0, v.base, v.offset, v.bits);
    clear_last_byte(b, v.bits, total);
    *out = (Appended){heap_refc_bits(h, b, 0, total, SUB_BITS_WRITABLE), binary_data(b), v.bits, true};
    return true;
}

/* Make the storage of s hold `bytes` at least. False: it cannot be enlarged in place. */
static bool append_make_room(Heap *h, SubBits *s, uint64_t bytes)
{
    BinRef *r = (BinRef *)boxed_ptr(s->orig);
    if (binary_refs(r->bin) != 1)
        return false;
    size_t old = r->bin->size;
    Binary *b = binary_resize_try(r->bin, bytes * 2);
    if (b == NULL)
        return false;
    r->bin = b;
    heap_count_binary(h, b->size - old);
    return true;
}

static bool is_writable(const SubBits *s)
{
    return HEADER_SUBTAG(s->header) == BOXED_SUB_BITS && (s->flags & SUB_BITS_WRITABLE);
}

static bool size_is_possible(term_t t, uint64_t bits)
{
    return bits <= BINARY_MAX_BYTES * 8 && bitstring_bits(t) + bits <= BINARY_MAX_BYTES * 8;
}

bool binary_append(Heap *h, term_t t, uint64_t bits, bool private, Appended *out)
{
    SubBits *s = (SubBits *)boxed_ptr(t);
    if (UNLIKELY(!size_is_possible(t, bits)))
        return false;
    if (!is_writable(s))
        return append_copying(h, t, bits, out);
    const BinRef *r = (BinRef *)boxed_ptr(s->orig);
    uint64_t at = s->end, end = at + bits;
    bool full = BITS_TO_BYTES(end) > r->bin->size;
    if (full && !append_make_room(h, s, BITS_TO_BYTES(end)))
        return append_copying(h, t, bits, out);
    clear_last_byte(r->bin, at, end);
    *out = (Appended){t, binary_data(r->bin), at, full};
    if (private) {
        s->end = end;
    } else {
        s->flags &= ~(uint64_t)SUB_BITS_WRITABLE;
        out->term = heap_sub_bits_of(h, s->orig, s->start, end, SUB_BITS_WRITABLE);
    }
    return true;
}

term_t binary_writable(Heap *h, size_t bytes)
{
    Binary *b = binary_new(bytes); /* exactly: the compiler often knows the final size */
    if (bytes > 0) binary_data(b)[0] = 0;
    return heap_refc_bits(h, b, 0, 0, SUB_BITS_WRITABLE);
}
