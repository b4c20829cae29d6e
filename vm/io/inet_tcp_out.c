/* SPDX-License-Identifier: Apache-2.0 */
/* inet_tcp_out - output of a connection: written at once as far as the system takes it, the rest is
 * queued. Every command is answered by inet_reply. When the queue has reached the high watermark the
 * port is busy: the answer to the command that found it so waits until the queue has fallen
 * to the low watermark, and the commands of others wait with their processes suspended.
 * Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"
#include "data/iolist.h"

#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the queue ---- */

/* Takes over the reference. */
static void enqueue(InetSocket *s, Binary *storage, size_t at, size_t n)
{
    OutPiece *o = MEM_NEW(IO, OutPiece);
    *o = (OutPiece){.storage = storage, .at = at, .n = n};
    *s->out_last = o;
    s->out_last = &o->next;
    s->queued += n;
}

static void enqueue_copy(InetSocket *s, const uint8_t *bytes, size_t n)
{
    if (n == 0) return;
    Binary *b = binary_new(n);
    memcpy(binary_data(b), bytes, n);
    enqueue(s, b, 0, n);
}

static void drop_first(InetSocket *s)
{
    OutPiece *o = s->out_first;
    s->out_first = o->next;
    if (!s->out_first) s->out_last = &s->out_first;
    binary_unref(o->storage);
    MEM_DELETE(IO, o);
}

void tcp_clear_output(InetSocket *s)
{
    while (s->out_first) drop_first(s);
    s->queued = 0;
}

/* n bytes have been written. */
static void advance(InetSocket *s, size_t n)
{
    s->queued -= n;
    while (n > 0) {
        OutPiece *o = s->out_first;
        size_t k = MIN(n, o->n);
        o->at += k, o->n -= k, n -= k;
        if (o->n == 0) drop_first(s);
    }
}

/* ---- busy ---- */

static void become_busy(InetSocket *s, term_t caller)
{
    s->busy_caller = caller;
    s->send_due_ns = inet_due(s->send_timeout);
    inet_update_timer(s);
    port_set_busy(s->port, true);
}

void tcp_release_busy(InetSocket *s, term_t reason)
{
    term_t caller = s->busy_caller;
    if (caller == TERM_NONE) return;
    s->busy_caller = TERM_NONE;
    s->send_due_ns = TIMER_NEVER;
    inet_update_timer(s);
    port_set_busy(s->port, false);
    if (reason == TERM_NONE) inet_reply_ok(s, caller);
    else inet_reply_error(s, caller, reason);
}

static void tell_subscribers(InetSocket *s)
{
    for (size_t i = 0; i < s->subscriber_count; i++) {
        Heap h = {0};
        inet_send(s, s->subscribers[i], heap_tuple2(&h, am_empty_out_q, s->port->id), &h);
    }
    s->subscriber_count = 0;
}

/* ---- errors ---- */

/* Writing failed. caller: waits for the answer to its command, or TERM_NONE. */
static void write_failed(InetSocket *s, term_t caller, int error)
{
    term_t reason = s->show_reset ? inet_reason(error) : am_closed;
    tcp_release_busy(s, reason);
    tcp_clear_output(s);
    if (s->port->state == PORT_CLOSING) {
        port_flushed(s->port);
        return;
    }
    tcp_stop_sendfile(s, error);
    if (inet_is_active(s)) {
        if (s->show_reset) inet_tell_error(s, am_tcp_error, inet_reason(error));
        tcp_tell_closed(s);
        if (caller != TERM_NONE) inet_reply_error(s, caller, reason);
        if (s->exit_on_close) port_quit(s->port);
        else inet_close(s);
        return;
    }
    inet_answer_all(s, am_closed);
    inet_close(s);
    tcp_clear_input(s);
    if (caller != TERM_NONE) inet_reply_error(s, caller, reason);
    else s->closed_for_send = true;
    s->closed_for_recv = true;
    if (s->show_reset && error == ECONNRESET) s->reset = true;
}

/* ---- writing ---- */

/* sendmsg; bytes written (0: none can be now) or -1 with errno. */
static ssize_t write_pieces(int fd, struct iovec *iov, size_t count)
{
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t n;
    do n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : n;
}

enum { PIECES_PER_WRITE = 64, HEAD_BYTES = 4 };

static unsigned put_header(const InetSocket *s, size_t n, uint8_t head[HEAD_BYTES])
{
    unsigned count = packet_header_bytes(s->packet);
    for (unsigned i = 0; i < count; i++) head[i] = (uint8_t)(n >> 8 * (count - 1 - i));
    return count;
}

/* What a command writes: flat bytes, and the storage they are in if that can be shared. */
typedef struct Command {
    const uint8_t *bytes;
    size_t n;
    Binary *storage;         /* NULL: copy to keep */
    uint8_t *copy;           /* freed at the end */
    TempBytes temp;
} Command;

static void command_init(Command *c, term_t data, size_t n)
{
    *c = (Command){.n = n, .temp = TEMP_BYTES_INIT};
    /* a list of one binary is frequent: [Bin] */
    if (term_is_list_cell(data) && list_tail(data) == TERM_NIL && term_is_binary(list_head(data)))
        data = list_head(data);
    if (term_is_binary(data)) {
        c->bytes = binary_bytes(data, &c->n, &c->temp);
        if (!c->temp.copy) c->storage = bitstring_storage(data);
        return;
    }
    c->copy = mem_alloc(MEM_TEMP, n + 1);
    iolist_to_buffer(data, c->copy, n, NULL);
    c->bytes = c->copy;
}

static void command_free(Command *c)
{
    temp_bytes_free(&c->temp);
    if (c->copy) mem_free(MEM_TEMP, c->copy, c->n + 1);
}

/* Queue the header and data behind their first `done` bytes. */
static void keep_rest(InetSocket *s, const uint8_t *head, size_t head_bytes, const Command *c, size_t done)
{
    if (done < head_bytes) enqueue_copy(s, head + done, head_bytes - done);
    size_t from = done > head_bytes ? done - head_bytes : 0;
    if (from >= c->n) return;
    if (c->storage)
        enqueue(s, binary_ref(c->storage),
                (size_t)(c->bytes - binary_data(c->storage)) + from, c->n - from);
    else
        enqueue_copy(s, c->bytes + from, c->n - from);
}

static void send_command(InetSocket *s, term_t caller, const Command *c)
{
    uint8_t head[HEAD_BYTES];
    size_t head_bytes = put_header(s, c->n, head), total = head_bytes + c->n;
    bool waiting = s->queued > 0 || s->sendfile.fd >= 0;
    inet_count(&s->out, total);
    ssize_t done = 0;
    if (!waiting && !s->delay_send && total > 0) {
        struct iovec iov[2] = {{head, head_bytes}, {(void *)c->bytes, c->n}};
        done = write_pieces(s->fd, iov, 2);
        if (done < 0) {
            write_failed(s, caller, errno);
            return;
        }
    }
    keep_rest(s, head, head_bytes, c, (size_t)done);
    if (s->queued > 0) inet_arm(s, POLL_WRITE);
    if (waiting && s->queued >= s->high) become_busy(s, caller);
    else inet_reply_ok(s, caller);
}

/* A socket that cannot send: why. */
static void refuse(InetSocket *s, term_t caller)
{
    if (inet_is_connected(s)) {
        inet_reply_error(s, caller, am_closed); /* writing will be shut down */
    } else if (s->closed_for_send) {
        s->closed_for_send = false;
        inet_reply_error(s, caller, s->reset ? am_econnreset : am_closed);
    } else {
        inet_reply_error(s, caller, am_enotconn);
    }
}

void tcp_output(Port *port, Process *p, term_t data, size_t n)
{
    InetSocket *s = port->driver_data;
    if (!inet_is_connected(s) || s->shutdown_later) {
        refuse(s, p->id);
        return;
    }
    Command c;
    command_init(&c, data, n);
    send_command(s, p->id, &c);
    command_free(&c);
}

void tcp_output_packet(Port *port, const uint8_t *bytes, size_t n)
{
    InetSocket *s = port->driver_data;
    Command c = {.bytes = bytes, .n = n};
    if (inet_is_connected(s) && !s->shutdown_later) send_command(s, am_undefined, &c);
}

/* ---- sendfile: Fd:32 native, Offset:64, Length:64 ---- */

static void sendfile_done(InetSocket *s, term_t reason)
{
    SendFile *f = &s->sendfile;
    Heap h = {0};
    close(f->fd);
    f->fd = -1;
    term_t result = reason != TERM_NONE
                        ? heap_tuple2(&h, am_error, reason)
                        : heap_tuple3(&h, am_ok, heap_uint(&h, f->sent & UINT32_MAX),
                                      heap_uint(&h, f->sent >> 32));
    inet_send(s, f->caller, heap_tuple3(&h, am_sendfile, s->port->id, result), &h);
}

void tcp_stop_sendfile(InetSocket *s, int error)
{
    bool closed = error == 0 || error == ECONNRESET || error == ENOTCONN || error == EPIPE;
    if (s->sendfile.fd >= 0) sendfile_done(s, closed ? am_closed : inet_reason(error));
}

/* Bounded work: goes on when the socket is writable again. */
static void sendfile_some(InetSocket *s)
{
    enum { CHUNK = 1 << 20 };
    SendFile *f = &s->sendfile;
    ssize_t n = 0;
    if (f->left > 0) {
        do n = sendfile(s->fd, f->fd, &f->offset, (size_t)MIN(f->left, CHUNK));
        while (n < 0 && errno == EINTR);
    }
    if (n > 0) {
        f->sent += (uint64_t)n;
        f->left -= (uint64_t)n;
    }
    if (n > 0 || (n < 0 && errno == EAGAIN)) {
        inet_arm(s, POLL_WRITE);
    } else if (n == 0) {
        sendfile_done(s, TERM_NONE);
    } else {
        int error = errno;
        if (error == ECONNRESET || error == EPIPE) write_failed(s, TERM_NONE, error);
        else sendfile_done(s, inet_reason(error));
    }
}

static uint64_t load64(const uint8_t *b)
{
    return (uint64_t)bytes_load_be32(b) << 32 | bytes_load_be32(b + 4);
}

term_t tcp_sendfile(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    enum { FD = 4, ALL = FD + 16 };
    int fd;
    if (!inet_is_connected(s)) return inet_error(p, ENOTCONN);
    if (s->sendfile.fd >= 0) return inet_error(p, EALREADY);
    if (s->shutdown_later || n != ALL) return inet_error(p, n != ALL ? EINVAL : ECONNABORTED);
    memcpy(&fd, bytes, FD);
    uint64_t offset = load64(bytes + FD), length = load64(bytes + FD + 8);
    if (offset > INT64_MAX || length > INT64_MAX) return inet_error(p, EINVAL);
    fd = dup(fd);
    if (fd < 0) return inet_error(p, errno);
    s->sendfile = (SendFile){fd, p->id, (off_t)offset, length, 0, s->queued};
    if (s->queued == 0) sendfile_some(s);
    return inet_ok_empty(p);
}

/* ---- the socket is writable ---- */

/* The first pieces of the queue, together at most `limit` bytes; returns how many. */
static size_t gather(const InetSocket *s, size_t limit, struct iovec *iov, size_t *total)
{
    size_t count = 0;
    *total = 0;
    for (OutPiece *o = s->out_first; o && count < PIECES_PER_WRITE && *total < limit; o = o->next) {
        size_t n = MIN(o->n, limit - *total);
        iov[count++] = (struct iovec){binary_data(o->storage) + o->at, n};
        *total += n;
    }
    return count;
}

/* Write up to `limit` bytes of the queue; *left: how many of them are still there. */
static bool write_queue(InetSocket *s, size_t limit, size_t *left)
{
    while (s->out_first && limit > 0) {
        struct iovec iov[PIECES_PER_WRITE];
        size_t total, count = gather(s, limit, iov, &total);
        ssize_t n = write_pieces(s->fd, iov, count);
        if (n < 0) {
            write_failed(s, TERM_NONE, errno);
            return false;
        }
        advance(s, (size_t)n);
        limit -= (size_t)n;
        if ((size_t)n < total) break;
    }
    *left = MIN(limit, s->queued);
    return true;
}

/* What was queued before a sendfile, the file, what was queued since. False: the connection is broken. */
static bool write_some(InetSocket *s)
{
    size_t left;
    if (s->sendfile.fd >= 0) {
        if (s->sendfile.ahead > 0) return write_queue(s, s->sendfile.ahead, &s->sendfile.ahead);
        sendfile_some(s);
        return true;
    }
    return write_queue(s, s->queued, &left);
}

void tcp_write_ready(InetSocket *s)
{
    if (!write_some(s)) return;
    if (s->fd < 0 || s->port->exit_asked) return;
    if (s->queued > 0 || s->sendfile.fd >= 0) inet_arm(s, POLL_WRITE);
    if (s->queued <= s->low) tcp_release_busy(s, TERM_NONE);
    if (s->queued > 0) return;
    tell_subscribers(s);
    if (s->sendfile.fd >= 0) return;
    if (s->shutdown_later) shutdown(s->fd, SHUT_WR);
    port_flushed(s->port);
}

void tcp_flush(Port *port)
{
    InetSocket *s = port->driver_data;
    enum { PATIENCE_MS = 1000 };
    while (s->fd >= 0 && s->queued > 0) {
        struct pollfd pf = {.fd = s->fd, .events = POLLOUT};
        size_t before = s->queued, left;
        if (poll(&pf, 1, PATIENCE_MS) <= 0) return;
        if (!write_queue(s, s->queued, &left) || s->queued == before) return;
    }
}
