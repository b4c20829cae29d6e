/* SPDX-License-Identifier: Apache-2.0 */
/* queue - intrusive lists: List (double, circular), Fifo (single, tail), Stack (atomic).
 * A node lives in the structure it links; container_of gets back. A node is in at most one
 * list. Lists own nothing and allocate nothing.
 * Threads: List and Fifo by one thread or under the owner's lock; AtomicStack: any pushes,
 *          takers take the whole chain (so there is no ABA problem).
 * Layer: base. */
#ifndef JOIST_BASE_QUEUE_H
#define JOIST_BASE_QUEUE_H

#include "base/atomic.h"
#include "base/base.h"

/* ---- double list: the head is a node of the circle; an unlinked node points to itself ---- */
typedef struct ListNode {
    struct ListNode *next, *prev;
} ListNode;
typedef ListNode List;

#define LIST_INIT(l) {&(l), &(l)}

static inline void list_init(List *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const List *l)
{
    return l->next == l;
}

static inline void list_insert_before(ListNode *at, ListNode *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_push_back(List *l, ListNode *n)
{
    list_insert_before(l, n);
}

static inline void list_push_front(List *l, ListNode *n)
{
    list_insert_before(l->next, n);
}

/* Unlink; harmless when n is not linked. */
static inline void list_remove(ListNode *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = n;
}

/* Move all nodes of `from` to the end of `to`. */
static inline void list_append_all(List *to, List *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* The body may unlink (and free) n. */
#define LIST_FOR_EACH(l, n) \
    for (ListNode *n = (l)->next, *n##_next = n->next; n != (l); \
         n = n##_next, n##_next = n->next)

/* ---- single list with tail ---- */
typedef struct FifoNode {
    struct FifoNode *next;
} FifoNode;

typedef struct Fifo {
    FifoNode *first;
    FifoNode **last; /* the next pointer to fill */
} Fifo;

static inline void fifo_init(Fifo *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static inline bool fifo_is_empty(const Fifo *q)
{
    return q->first == NULL;
}

static inline void fifo_push(Fifo *q, FifoNode *n)
{
    n->next = NULL;
    *q->last = n;
    q->last = &n->next;
}

static inline FifoNode *fifo_pop(Fifo *q)
{
    FifoNode *n = q->first;
    if (n) {
        q->first = n->next;
        if (q->first == NULL)
            q->last = &q->first;
    }
    return n;
}

/* Move everything from `from` to the end of `to`. */
static inline void fifo_append_all(Fifo *to, Fifo *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    fifo_init(from);
}

/* ---- atomic stack: many pushers, takers take all ---- */
typedef struct AtomicStack {
    _Atomic(FifoNode *) top;
} AtomicStack;

static inline void atomic_stack_init(AtomicStack *s)
{
    store_relaxed(&s->top, NULL);
}

static inline bool atomic_stack_is_empty(AtomicStack *s)
{
    return load_acquire(&s->top) == NULL;
}

/* Publishes n (release; pairs with atomic_stack_take_all). True if the stack was empty:
 * the pusher that gets true is the one to wake the taker. */
static inline bool atomic_stack_push(AtomicStack *s, FifoNode *n)
{
    FifoNode *top = load_relaxed(&s->top);
    do
        n->next = top;
    while (!cas_acq_rel(&s->top, &top, n));
    return top == NULL;
}

/* The whole chain, newest first. */
static inline FifoNode *atomic_stack_take_all(AtomicStack *s)
{
    return swap_acq_rel(&s->top, NULL);
}

/* Reverse a chain: newest-first -> oldest-first. */
static inline FifoNode *fifo_chain_reverse(FifoNode *n)
{
    FifoNode *out = NULL;
    while (n) {
        FifoNode *next = n->next;
        n->next = out;
        out = n;
        n = next;
    }
    return out;
}

#endif
