/* SPDX-License-Identifier: Apache-2.0 */
/* ioqueue - a queue of bytes as slices of reference-counted binaries: enif_ioq_*, and the queue of a
 * port with a linked-in driver. Threads: the owner's business. Layer: nif. */
#ifndef JOIST_NIF_IOQUEUE_H
#define JOIST_NIF_IOQUEUE_H

#include "data/binary.h"

#include <sys/uio.h>

/* A Binary as drivers see it: its size, followed by its bytes; and back. */
static inline void *binary_view(Binary *b) { return &b->size; }
static inline Binary *binary_of_view(const void *view) { return container_of((size_t *)(uintptr_t)view, Binary, size); }
static_assert(offsetof(Binary, data) == offsetof(Binary, size) + sizeof(size_t), "binary_view");

typedef struct IoQueue {
    struct iovec *iov;           /* [start, end): what waits */
    void **bins;                 /* likewise: what holds it, referenced; as a driver sees it (binary_view) */
    size_t start, end, capacity;
    size_t bytes;
} IoQueue;

void ioq_clear(IoQueue *q);
/* Append or, with `front`, prepend n bytes inside b; takes over the reference. n == 0 adds nothing. */
void ioq_add(IoQueue *q, bool front, Binary *b, void *bytes, size_t n);
/* Same with a copy of the bytes. */
void ioq_add_copy(IoQueue *q, bool front, const void *bytes, size_t n);
/* Drop n bytes at the front; false when there are fewer. */
bool ioq_drop(IoQueue *q, size_t n);
static inline int ioq_count(const IoQueue *q) { return (int)(q->end - q->start); }

#endif
