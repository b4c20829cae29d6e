/* SPDX-License-Identifier: Apache-2.0 */
/* socket_wait - processes that wait for a socket; see socket.h. Functions with a Socket expect it
 * locked, unless they say otherwise. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "data/term_cmp.h"
#include "term/atom.h"

#include <errno.h>

/* ---- messages ---- */

term_t socket_term(Heap *h, Socket *s)
{
    Binary *b = socket_box(s);
    return b ? heap_tuple2(h, am_Dollar_socket, heap_magic_ref(h, b, s->number)) : TERM_NONE;
}

static void send_to(Socket *s, term_t pid, term_t message, Heap *h)
{
    Process *to = process_lookup(s->vm, pid);
    if (to) message_send_heap(s->vm, am_undefined, to, message, h);
    else heap_dispose(h);
}

/* {'$socket', Socket, abort, {Ref, Reason}}; reason is immediate. */
static void send_abort(Socket *s, const Request *r, term_t reason)
{
    Heap h = {0};
    term_t socket = socket_term(&h, s);
    if (socket == TERM_NONE) return;
    term_t info = heap_tuple2(&h, term_copy(&h, r->ref), reason);
    send_to(s, r->pid, heap_tuple4(&h, am_Dollar_socket, socket, am_abort, info), &h);
}

/* ---- the poll set ---- */

static void select_clear(Select *sel)
{
    heap_piece_dispose(&sel->piece);
    *sel = (Select){0};
}

static void select_fire(Socket *s, Select *sel)
{
    if (sel->pid == TERM_NONE) return;
    Heap h = {0};
    heap_piece_adopt(&h, &sel->piece);
    Select fired = *sel;
    *sel = (Select){0};
    send_to(s, fired.pid, fired.message, &h);
}

/* PollFd.ready; not locked. */
static void on_ready(PollFd *pf, uint32_t events)
{
    Socket *s = pf->owner;
    mutex_lock(&s->lock);
    if (events & POLL_READ) select_fire(s, &s->read_select);
    if (events & POLL_WRITE) select_fire(s, &s->write_select);
    mutex_unlock(&s->lock);
}

static int ask_poll_set(Socket *s, Select *sel, uint32_t event, term_t pid, term_t ref)
{
    Heap h = {0};
    select_clear(sel);
    if (!s->poll.ready) pollfd_init(&s->poll, socket_fd(s), on_ready, s);
    term_t socket = socket_term(&h, s);
    if (socket == TERM_NONE) return EBADF; /* nobody can use it any more */
    sel->message = heap_tuple4(&h, am_Dollar_socket, socket, am_select, term_copy_all(&h, ref));
    sel->piece = heap_piece_take(&h);
    sel->pid = pid;
    int error = poll_add(s->vm, &s->poll, event);
    if (error) select_clear(sel);
    return error;
}

int socket_select_read(Socket *s, term_t pid, term_t ref)
{
    int error = ask_poll_set(s, &s->read_select, POLL_READ, pid, ref);
    if (!error) s->read_state |= SOCK_SELECTED;
    return error;
}

int socket_select_write(Socket *s, term_t pid, term_t ref)
{
    int error = ask_poll_set(s, &s->write_select, POLL_WRITE, pid, ref);
    if (!error) s->write_state |= SOCK_SELECTED;
    return error;
}

/* False: nothing was waiting, the message is sent. */
static bool select_cancel(Socket *s, Select *sel, uint32_t event)
{
    if (sel->pid == TERM_NONE) return false;
    poll_drop(s->vm, &s->poll, event);
    select_clear(sel);
    return true;
}

term_t socket_select_failed(Process *p, term_t what)
{
    return bif_error_value(p, EXC_ERROR, heap_tuple2(&p->heap, what, term_small(-1)));
}

/* ---- requests ---- */

static void request_died(Watch *w, term_t pid);

static void request_gone(void *arg)
{
    Request *r = arg;
    MEM_DELETE(IO, r);
}

static Request *request_new(Socket *s, Process *p, term_t ref)
{
    Request *r = MEM_NEW(IO, Request);
    r->socket = s;
    r->pid = p->id;
    r->ref = heap_piece_copy_ref(&r->ref_piece, r->ref_words, ref);
    r->watch.down = request_died;
    CHECK(watch_set(s->vm, &r->watch, p->id)); /* it runs this */
    return r;
}

static void request_free(Request *r)
{
    heap_piece_dispose(&r->ref_piece);
    r->ref = TERM_NONE;
    r->pid = TERM_NONE;
    if (watch_clear(r->socket->vm, &r->watch)) MEM_DELETE(IO, r);
    else epoch_defer(r->socket->vm->epoch, &r->free_later, request_gone, r);
}

static void request_rename(Request *r, term_t ref)
{
    heap_piece_dispose(&r->ref_piece);
    r->ref = heap_piece_copy_ref(&r->ref_piece, r->ref_words, ref);
}

bool queue_has(const RequestQueue *q, term_t pid)
{
    for (const Request *r = q->first; r; r = r->next)
        if (r->pid == pid) return true;
    return false;
}

size_t queue_length(const RequestQueue *q)
{
    size_t n = 0;
    for (const Request *r = q->first; r; r = r->next) n++;
    return n;
}

void queue_add(Socket *s, RequestQueue *q, Process *p, term_t ref)
{
    Request **at = q->first ? q->last : &q->first;
    *at = request_new(s, p, ref);
    q->last = &(*at)->next;
}

void queue_lead(Socket *s, RequestQueue *q, Process *p, term_t ref)
{
    if (q->first) request_rename(q->first, ref);
    else queue_add(s, q, p, ref);
}

/* Take the request at *at out and free it. */
static void queue_remove(RequestQueue *q, Request **at)
{
    Request *r = *at;
    *at = r->next;
    if (!*at) q->last = at;
    request_free(r);
}

static bool is_input(const Socket *s, const RequestQueue *q)
{
    return q == &s->readers || q == &s->acceptors;
}

bool queue_next(Socket *s, RequestQueue *q)
{
    bool input = is_input(s, q);
    if (q->first) queue_remove(q, &q->first);
    while (q->first) {
        int error = input ? socket_select_read(s, q->first->pid, q->first->ref)
                          : socket_select_write(s, q->first->pid, q->first->ref);
        if (!error) return true;
        send_abort(s, q->first, am_select_failed);
        queue_remove(q, &q->first);
    }
    return false;
}

static void abort_from(Socket *s, RequestQueue *q, Request **at, term_t reason)
{
    while (*at) {
        send_abort(s, *at, reason);
        queue_remove(q, at);
    }
}

void queue_abort(Socket *s, RequestQueue *q, term_t reason)
{
    if (!q->first) return;
    abort_from(s, q, &q->first->next, reason);
    queue_remove(q, &q->first);
}

static void stop_queue(Socket *s, RequestQueue *q, bool cancelled)
{
    if (!q->first) return;
    if (cancelled) abort_from(s, q, &q->first, am_closed);
    else queue_abort(s, q, am_closed);
}

void socket_stop_waiting(Socket *s)
{
    bool reading = s->read_select.pid != TERM_NONE, writing = s->write_select.pid != TERM_NONE;
    if (s->poll.ready) poll_remove(s->vm, &s->poll);
    stop_queue(s, &s->writers, writing);
    stop_queue(s, &s->connector, writing);
    stop_queue(s, &s->readers, reading);
    stop_queue(s, &s->acceptors, reading);
    select_clear(&s->read_select);
    select_clear(&s->write_select);
}

/* ---- death of one that waits ---- */

static bool died_in(Socket *s, RequestQueue *q, Request *r)
{
    Request **at = &q->first;
    while (*at && *at != r) at = &(*at)->next;
    if (!*at) return false;
    if (at != &q->first) {
        queue_remove(q, at);
    } else if (!queue_next(s, q)) {
        (void)(is_input(s, q) ? select_cancel(s, &s->read_select, POLL_READ)
                              : select_cancel(s, &s->write_select, POLL_WRITE));
    }
    return true;
}

/* Not locked. The request may be over; the socket is not, or its memory still waits in the epoch. */
static void request_died(Watch *w, term_t pid)
{
    Request *r = (Request *)w;
    Socket *s = r->socket;
    mutex_lock(&s->lock);
    if (r->pid == pid) {
        (void)died_in(s, &s->readers, r);
        (void)died_in(s, &s->writers, r);
        if (died_in(s, &s->acceptors, r) && !s->acceptors.first) s->read_state &= ~(uint32_t)SOCK_ACCEPTING;
        if (died_in(s, &s->connector, r)) s->write_state &= ~(uint32_t)SOCK_CONNECTING;
    }
    mutex_unlock(&s->lock);
}

/* ---- cancelling ---- */

static term_t cancel_first(Socket *s, RequestQueue *q)
{
    bool cancelled = is_input(s, q) ? select_cancel(s, &s->read_select, POLL_READ)
                                    : select_cancel(s, &s->write_select, POLL_WRITE);
    if (!queue_next(s, q) && q == &s->acceptors) s->read_state &= ~(uint32_t)SOCK_ACCEPTING;
    if (q == &s->connector) s->write_state &= ~(uint32_t)SOCK_CONNECTING;
    return cancelled ? am_ok : am_select_sent;
}

static term_t cancel_in(Process *p, Socket *s, RequestQueue *q, term_t ref)
{
    if (q->first && q->first->pid == p->id)
        return term_eq(q->first->ref, ref) ? cancel_first(s, q) : am_not_found;
    for (Request **at = &q->first; *at; at = &(*at)->next) {
        if ((*at)->pid != p->id) continue;
        if (!term_eq((*at)->ref, ref)) return am_not_found;
        queue_remove(q, at);
        return am_ok;
    }
    return am_not_found;
}

static RequestQueue *queue_of(Socket *s, term_t op)
{
    switch (op) {
    case am_connect: return &s->connector;
    case am_accept: return &s->acceptors;
    case am_recv: case am_recvfrom: case am_recvmsg: return &s->readers;
    case am_send: case am_sendto: case am_sendmsg: case am_sendfile: return &s->writers;
    default: return NULL;
    }
}

BIF(prim_socket, nif_cancel, 3, 0)
{
    SOCKET_ARG(s, a[0]);
    if (!term_is_atom(a[1]) || !term_is_ref(a[2])) return bif_error(p, EXC_BADARG);
    mutex_lock(&s->lock);
    RequestQueue *q = queue_of(s, a[1]);
    term_t r = !socket_reads(s) ? socket_closed(p)
               : q              ? cancel_in(p, s, q, a[2])
                                : bif_error(p, EXC_BADARG);
    mutex_unlock(&s->lock);
    return r;
}
