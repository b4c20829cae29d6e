/* SPDX-License-Identifier: Apache-2.0 */
/* nif_ioq - enif_ioq_*, enif_inspect_iovec: queues of bytes, and lists of binaries as I/O vectors.
 * Semantics: erl_nif(3) enif_ioq_create, enif_inspect_iovec. Layer: nif. */
#include "nif/ioqueue.h"

#include "base/alloc.h"
#include "nif/nif.h"

#define API EXPORTED

struct erts_io_queue {
    IoQueue q;
};

API ErlNifIOQueue *enif_ioq_create(ErlNifIOQueueOpts opts)
{
    return opts == ERL_NIF_IOQ_NORMAL ? MEM_NEW(NIF, ErlNifIOQueue) : NULL;
}

API void enif_ioq_destroy(ErlNifIOQueue *q)
{
    ioq_clear(&q->q);
    MEM_DELETE(NIF, q);
}

API int enif_ioq_enq_binary(ErlNifIOQueue *q, ErlNifBinary *bin, size_t skip)
{
    if (skip > bin->size) return 0;
    if (bin->ref_bin) ioq_add(&q->q, false, bin->ref_bin, bin->data + skip, bin->size - skip);
    else ioq_add_copy(&q->q, false, bin->data + skip, bin->size - skip);
    bin->ref_bin = NULL;
    return 1;
}

API int enif_ioq_enqv(ErlNifIOQueue *q, ErlNifIOVec *iov, size_t skip)
{
    if (skip > iov->size) return 0;
    for (int i = 0; i < iov->iovcnt; i++) {
        size_t n = iov->iov[i].iov_len, from = MIN(skip, n);
        uint8_t *bytes = (uint8_t *)iov->iov[i].iov_base + from;
        skip -= from;
        if (iov->ref_bins[i]) ioq_add(&q->q, false, binary_ref(iov->ref_bins[i]), bytes, n - from);
        else ioq_add_copy(&q->q, false, bytes, n - from);
    }
    return 1;
}

API size_t enif_ioq_size(ErlNifIOQueue *q) { return q->q.bytes; }

API int enif_ioq_deq(ErlNifIOQueue *q, size_t count, size_t *size)
{
    if (!ioq_drop(&q->q, count)) return 0;
    if (size) *size = q->q.bytes;
    return 1;
}

API SysIOVec *enif_ioq_peek(ErlNifIOQueue *q, int *n)
{
    *n = ioq_count(&q->q);
    return *n ? q->q.iov + q->q.start : NULL;
}

API int enif_ioq_peek_head(ErlNifEnv *env, ErlNifIOQueue *q, size_t *size, ERL_NIF_TERM *head)
{
    if (q->q.start == q->q.end) return 0;
    const struct iovec *v = &q->q.iov[q->q.start];
    Binary *b = binary_of_view(q->q.bins[q->q.start]);
    if (size) *size = v->iov_len;
    *head = heap_binary_of(env->heap, binary_ref(b), (size_t)((uint8_t *)v->iov_base - binary_data(b)), v->iov_len);
    return 1;
}

/* ---- vectors ---- */

enum { IOVEC_ALLOCATED = 1, IOVEC_REFERENCES = 2 };

/* What a list of at most `max` binaries comes to. */
typedef struct Measure {
    int count;                   /* not empty */
    size_t bytes, copied;
    term_t tail;
} Measure;

static bool measure(term_t list, size_t max, Measure *m)
{
    *m = (Measure){0};
    for (size_t i = 0; term_is_list_cell(list) && i < max; list = list_tail(list), i++) {
        term_t t = list_head(list);
        if (!term_is_binary(t)) return false;
        BitView v = bitstring_view(t);
        if (v.bits == 0) continue;
        m->count++;
        m->bytes += v.bits / 8;
        if (!view_is_aligned(&v) || !bitstring_storage(t)) m->copied += v.bits / 8;
    }
    m->tail = list;
    return list == TERM_NIL || term_is_list_cell(list);
}

static void fill(ErlNifIOVec *iov, term_t list, size_t max, Binary *copies)
{
    size_t at = 0;
    int n = 0;
    for (size_t i = 0; term_is_list_cell(list) && i < max; list = list_tail(list), i++) {
        BitView v = bitstring_view(list_head(list));
        Binary *b = bitstring_storage(list_head(list));
        uint8_t *bytes = (uint8_t *)view_bytes(&v);
        if (v.bits == 0) continue;
        if (!b || !view_is_aligned(&v)) {
            bytes = binary_data(copies) + at;
            bits_copy(bytes, 0, v.base, v.offset, v.bits);
            at += v.bits / 8;
            b = copies;
        }
        iov->iov[n] = (SysIOVec){bytes, v.bits / 8};
        iov->ref_bins[n++] = b;
    }
}

static size_t allocated_bytes(int count)
{
    return sizeof(ErlNifIOVec) + (size_t)count * (sizeof(SysIOVec) + sizeof(void *));
}

/* A vector with room for count: the caller's, or one that goes with env or by enif_free_iovec. */
static ErlNifIOVec *prepare(ErlNifEnv *env, ErlNifIOVec *given, int count)
{
    ErlNifIOVec *iov = given;
    bool fits = count <= ERL_NIF_IOVEC_SIZE;
    if (!given || !fits) {
        size_t n = allocated_bytes(count);
        iov = env ? nif_env_temp(env, n) : mem_alloc(MEM_NIF, n);
    }
    iov->flags = !env && iov != given ? IOVEC_ALLOCATED : 0;
    iov->iovcnt = count;
    iov->iov = fits ? iov->small_iov : (SysIOVec *)(void *)(iov + 1);
    iov->ref_bins = fits ? iov->small_ref_bin : (void **)(void *)(iov->iov + count);
    return iov;
}

static void undo_copies(void *data) { binary_unref(*(Binary **)data); }

API int enif_inspect_iovec(ErlNifEnv *env, size_t max, ERL_NIF_TERM list, ERL_NIF_TERM *tail, ErlNifIOVec **result)
{
    Measure m;
    if (!measure(list, max, &m)) return 0;
    ErlNifIOVec *iov = prepare(env, *result, m.count);
    Binary *copies = m.copied ? binary_new(m.copied) : NULL;
    iov->size = m.bytes;
    fill(iov, list, max, copies);
    if (!env) {
        iov->flags |= IOVEC_REFERENCES;
        for (int i = 0; i < m.count; i++) binary_ref(iov->ref_bins[i]);
        if (copies) binary_unref(copies);
    } else if (copies) {
        *(Binary **)nif_env_temp_undo(env, sizeof(Binary *), undo_copies) = copies;
    }
    *tail = m.tail;
    *result = iov;
    return 1;
}

API void enif_free_iovec(ErlNifIOVec *iov)
{
    for (int i = 0; iov->flags & IOVEC_REFERENCES && i < iov->iovcnt; i++) binary_unref(iov->ref_bins[i]);
    if (iov->flags & IOVEC_ALLOCATED) mem_free(MEM_NIF, iov, allocated_bytes(iov->iovcnt));
}
