/* SPDX-License-Identifier: Apache-2.0 */
/* ioqueue - see ioqueue.h. Layer: nif. */
#include "nif/ioqueue.h"

#include "base/alloc.h"

void ioq_clear(IoQueue *q)
{
    for (size_t i = q->start; i < q->end; i++) binary_unref(binary_of_view(q->bins[i]));
    mem_free(MEM_DRV, q->iov, q->capacity * sizeof *q->iov);
    mem_free(MEM_DRV, q->bins, q->capacity * sizeof *q->bins);
    *q = (IoQueue){0};
}

/* Twice the room, with the contents at [at, ...). */
static void move(IoQueue *q, size_t capacity, size_t at)
{
    size_t n = q->end - q->start;
    struct iovec *iov = MEM_NEW_ARRAY(DRV, struct iovec, capacity);
    void **bins = MEM_NEW_ARRAY(DRV, void *, capacity);
    for (size_t i = 0; i < n; i++) {
        iov[at + i] = q->iov[q->start + i];
        bins[at + i] = q->bins[q->start + i];
    }
    mem_free(MEM_DRV, q->iov, q->capacity * sizeof *q->iov);
    mem_free(MEM_DRV, q->bins, q->capacity * sizeof *q->bins);
    *q = (IoQueue){iov, bins, at, at + n, capacity, q->bytes};
}

static void make_room(IoQueue *q, bool front)
{
    size_t n = q->end - q->start;
    if (front ? q->start > 0 : q->end < q->capacity) return;
    size_t capacity = MAX(2 * n + 2, 8);
    move(q, capacity, front ? (capacity - n) / 2 + 1 : (capacity - n) / 2);
}

void ioq_add(IoQueue *q, bool front, Binary *b, void *bytes, size_t n)
{
    if (n == 0) {
        binary_unref(b);
        return;
    }
    make_room(q, front);
    size_t at = front ? --q->start : q->end++;
    q->iov[at] = (struct iovec){bytes, n};
    q->bins[at] = binary_view(b);
    q->bytes += n;
}

void ioq_add_copy(IoQueue *q, bool front, const void *bytes, size_t n)
{
    if (n == 0) return;
    Binary *b = binary_new(n);
    memcpy(binary_data(b), bytes, n);
    ioq_add(q, front, b, binary_data(b), n);
}

bool ioq_drop(IoQueue *q, size_t n)
{
    if (n > q->bytes) return false;
    q->bytes -= n;
    while (n > 0) {
        struct iovec *v = &q->iov[q->start];
        if (n < v->iov_len) {
            v->iov_base = (char *)v->iov_base + n;
            v->iov_len -= n;
            return true;
        }
        n -= v->iov_len;
        binary_unref(binary_of_view(q->bins[q->start++]));
    }
    if (q->start == q->end) q->start = q->end = 0;
    return true;
}
