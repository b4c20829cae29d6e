/* SPDX-License-Identifier: Apache-2.0 */
/* port_queue - see port_queue.h. Layer: io. */
#include "io/port_queue.h"

#include "base/alloc.h"
#include "io/drv.h"
#include "io/port_trace.h"
#include "proc/message.h"
#include "proc/signal.h"

/* More bytes than this make senders wait: the reference's limit of a port's message queue. */
#define QUEUE_BYTES_MAX 8192

enum Kind { QUEUED_COMMAND, QUEUED_EXIT, QUEUED_LINK_EXIT };

typedef struct Queued {
    FifoNode node;
    enum Kind kind;
    term_t from, term;      /* the message or the reason; in piece if boxed */
    HeapPiece piece;
    size_t bytes;
} Queued;

static bool takes_commands(const Port *port)
{
    bool looks_at_sender = port->driver->output_term && !is_dyn_port(port);
    return port->lock == &port->own_lock && !looks_at_sender;
}

static bool is_command(term_t msg)
{
    if (!term_is_tuple_of(msg, 2)) return false;
    term_t what = tuple_element(msg, 2);
    return term_is_tuple_of(what, 2) && tuple_element(what, 1) == am_command;
}

static void push(Port *port, enum Kind kind, term_t from, term_t term)
{
    Queued *q = MEM_NEW(PORT, Queued);
    *q = (Queued){.kind = kind, .from = from};
    q->term = heap_piece_copy_all(&q->piece, term);
    q->bytes = sizeof *q + 8 * ((size_t)q->piece.words + q->piece.off_heap_words);
    atomic_fetch_add(&port->asked_bytes, q->bytes);
    (void)atomic_stack_push(&port->asked, &q->node);
}

/* The holder looks at the queue after he has let go, and this thread at the lock after it has queued: one of the two
 * sees the other. */
bool port_queue_command(Port *port, Process *p, term_t msg)
{
    bool locked;
    if (!takes_commands(port) || !is_command(msg) || load_relaxed(&port->asked_bytes) > QUEUE_BYTES_MAX) return false;
    push(port, QUEUED_COMMAND, p->id, msg);
    atomic_thread_fence(memory_order_seq_cst);
    Port *free = port_try_lock(port->vm, port->id, &locked);
    if (free) port_unlock(free);
    return true;
}

/* What has come in joins what is left, first one first. */
static Queued *first(Port *port)
{
    FifoNode **end = &port->queued;
    if (!atomic_stack_is_empty(&port->asked)) {
        while (*end) end = &(*end)->next;
        *end = fifo_chain_reverse(atomic_stack_take_all(&port->asked));
    }
    return port->queued ? container_of(port->queued, Queued, node) : NULL;
}

bool port_queue_holds(Port *port, term_t from)
{
    if (LIKELY(port_queue_is_empty(port))) return false;
    (void)first(port);
    for (FifoNode *n = port->queued; n; n = n->next)
        if (container_of(n, Queued, node)->from == from) return true;
    return false;
}

bool port_queue_exit_behind(Port *port, term_t from, term_t reason, bool by_link)
{
    bool behind = reason != am_kill && port_queue_holds(port, from);
    if (behind) push(port, by_link ? QUEUED_LINK_EXIT : QUEUED_EXIT, from, reason);
    return behind;
}

static enum PortCommandResult command(Port *port, const Queued *q)
{
    if (tuple_element(q->term, 1) != port->owner) return PORT_COMMAND_BADARG;
    port->commander = q->from;
    enum PortCommandResult r = port_command(port, NULL, tuple_element(tuple_element(q->term, 2), 2), false);
    port->commander = TERM_NONE;
    return r;
}

/* False: the port is busy. */
static bool carry_out(Port *port, const Queued *q)
{
    enum PortCommandResult r = PORT_COMMAND_OK;
    if (q->kind == QUEUED_COMMAND) r = command(port, q);
    else port_exit_signal(port, q->from, q->term, q->kind == QUEUED_LINK_EXIT);
    if (r == PORT_COMMAND_BADARG) signal_send_exit(port->vm, port->id, port->owner, am_badsig);
    return r != PORT_COMMAND_BUSY;
}

static void drop_first(Port *port, Queued *q)
{
    port->queued = q->node.next;
    atomic_fetch_sub(&port->asked_bytes, q->bytes);
    heap_piece_dispose(&q->piece);
    MEM_DELETE(PORT, q);
}

void port_queue_run(Port *port, bool all)
{
    Queued *q;
    port->consumed = 0;
    while (port->state == PORT_OPEN && !port->exit_asked && (all || port->consumed < 100) && (q = first(port))) {
        if (!carry_out(port, q)) return;
        drop_first(port, q);
        port->consumed++;
    }
    if (port->state != PORT_OPEN || port->exit_asked) port_queue_forget(port);
    else if (port->queued) port_event(port, PORT_COMMANDS);
}

void port_queue_forget(Port *port)
{
    for (Queued *q; (q = first(port));) drop_first(port, q);
}
