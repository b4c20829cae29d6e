/* SPDX-License-Identifier: Apache-2.0 */
/* drv_inet_tcp - driver tcp_inet: stream sockets (TCP and local).
 *   OPEN -bind-> BOUND -connect-> CONNECTING -> CONNECTED        -listen-> LISTENING -accept-> LISTENING
 * A connection that ends goes back to CLOSED; its port stays when its owner reads passively.
 * See inet.h. Semantics: gen_tcp(3). Layer: io. */
#include "io/inet.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { RECV_MAX = 0x4000000 };

/* ---- life ---- */

static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt UNUSED)
{
    port->driver_data = inet_new(port, true);
    return 0;
}

static void stop(Port *port)
{
    InetSocket *s = port->driver_data;
    inet_answer_all(s, am_closed);
    tcp_release_busy(s, am_closed);
    tcp_stop_sendfile(s, 0);
    tcp_clear_input(s);
    tcp_clear_output(s);
    inet_free(s);
}

static bool pending(Port *port)
{
    InetSocket *s = port->driver_data;
    struct linger l;
    socklen_t size = sizeof l;
    if (s->queued == 0 || !inet_is_connected(s)) return false;
    bool drop = getsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, &size) == 0 && l.l_onoff && !l.l_linger;
    if (!drop) inet_arm(s, POLL_WRITE);
    return !drop;
}

static size_t queued(const Port *port) { return ((const InetSocket *)port->driver_data)->queued; }

/* ---- connect ---- */

static void connected(InetSocket *s)
{
    s->state = INET_CONNECTED;
    tcp_deliver(s);
}

static void connect_ready(InetSocket *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    InetAsk *ask = inet_find_ask(s, INET_REQ_CONNECT);
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        s->state = INET_F_OPEN;
        if (ask) inet_answer_error(s, ask, inet_reason(error));
    } else {
        if (ask) inet_answer_ok(s, ask);
        connected(s);
    }
    inet_update_timer(s);
}

static term_t connect_to(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    InetAddr a;
    socklen_t size;
    if (!inet_is_open(s)) return inet_error_text(p, "exbadport");
    if (inet_is_connected(s)) return inet_error(p, EISCONN);
    if (s->state & INET_F_LISTEN) return inet_error(p, EISCONN);
    if (s->state & INET_F_CON) return inet_error(p, EINPROGRESS);
    if (n < 5) return inet_error(p, EINVAL);
    int32_t timeout = (int32_t)bytes_load_be32(bytes);
    bytes += 4, n -= 4;
    int error = inet_decode_addr(s->domain, &bytes, &n, &a, &size);
    if (error) return inet_error(p, error);
    int r;
    do r = connect(s->fd, &a.sa, size);
    while (r != 0 && errno == EINTR);
    if (r != 0 && errno != EINPROGRESS) return inet_error(p, errno);
    uint16_t id = inet_ask(s, p, INET_REQ_CONNECT, timeout);
    if (r == 0) {
        inet_answer_ok(s, &s->asks[0]);
        connected(s);
    } else {
        s->state = INET_CONNECTING;
        inet_arm(s, POLL_WRITE);
        inet_update_timer(s);
    }
    return inet_ok_id(p, id);
}

/* ---- listen and accept ---- */

static term_t listen_on(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (s->state == INET_CLOSED) return inet_error_text(p, "exbadport");
    if (!(s->state & INET_F_OPEN)) return inet_error_text(p, "exbadseq");
    if (n != 2) return inet_error(p, EINVAL);
    if (listen(s->fd, bytes[0] << 8 | bytes[1]) != 0) return inet_error(p, errno);
    s->state = INET_LISTENING;
    return inet_ok_empty(p);
}

typedef struct Accepted {
    const InetSocket *listener;
    int fd;
} Accepted;

/* A new connection has the listener's options. */
static void set_up(Port *port, void *arg)
{
    const Accepted *a = arg;
    const InetSocket *l = a->listener;
    InetSocket *s = inet_new(port, true);
    port->driver_data = s;
    s->fd = a->fd;
    s->domain = l->domain;
    s->state = INET_CONNECTED;
    s->binary = l->binary;
    s->deliver_port = l->deliver_port;
    s->exit_on_close = l->exit_on_close;
    s->delay_send = l->delay_send;
    s->send_timeout = l->send_timeout;
    s->send_timeout_close = l->send_timeout_close;
    s->show_reset = l->show_reset;
    s->header = l->header;
    s->buffer = l->buffer;
    s->packet_size = l->packet_size;
    s->packet = l->packet;
    s->delimiter = l->delimiter;
    s->high = l->high, s->low = l->low;
    s->msgq_high = l->msgq_high, s->msgq_low = l->msgq_low;
}

static void answer_accept(InetSocket *s, InetAsk *ask, int fd)
{
    Accepted a = {s, fd};
    Port *fresh = port_spawn(s->port, ask->caller, set_up, &a);
    if (!fresh) {
        inet_answer_error(s, ask, am_system_limit);
        return;
    }
    Heap h = {0};
    inet_answer(s, ask, heap_tuple2(&h, am_ok, fresh->id), &h);
}

static void accept_ready(InetSocket *s)
{
    InetAsk *ask;
    while ((ask = inet_find_accept(s))) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) answer_accept(s, ask, fd);
        else if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        else if (errno != EINTR && errno != ECONNABORTED)
            inet_answer_error(s, ask, inet_reason(errno));
    }
    if (ask) inet_arm(s, POLL_READ);
    inet_update_timer(s);
}

/* timeout 0: only what is there already. */
static void poll_once(InetSocket *s, uint16_t id)
{
    for (size_t i = 0; i < s->ask_count; i++) {
        if (s->asks[i].id != id) continue;
        inet_answer_error(s, &s->asks[i], am_timeout);
        break;
    }
    inet_update_timer(s);
}

static term_t accept_on(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!(s->state & INET_F_LISTEN) || n != 4) return inet_error(p, EINVAL);
    for (size_t i = 0; i < s->ask_count; i++)
        if (s->asks[i].caller == p->id) return inet_error(p, EALREADY);
    int32_t timeout = (int32_t)bytes_load_be32(bytes);
    uint16_t id = inet_ask(s, p, INET_REQ_ACCEPT, timeout);
    if (s->ask_count == 1 || !(s->armed & POLL_READ)) accept_ready(s);
    if (timeout == 0) poll_once(s, id);
    inet_update_timer(s);
    return inet_ok_id(p, id);
}

/* ---- recv, unrecv, shutdown ---- */

static term_t not_connected(InetSocket *s, Process *p)
{
    if (!s->closed_for_recv) return inet_error(p, ENOTCONN);
    s->closed_for_recv = s->closed_for_send = false;
    bool reset = s->reset;
    s->reset = false;
    return inet_error_text(p, reset ? "econnreset" : "closed");
}

static term_t receive(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!inet_is_connected(s)) return not_connected(s, p);
    if (inet_is_active(s) || n != 8) return inet_error(p, EINVAL);
    int32_t timeout = (int32_t)bytes_load_be32(bytes);
    uint32_t length = bytes_load_be32(bytes + 4);
    if (s->packet != PB_RAW && length != 0) return inet_error(p, EINVAL);
    if (length > RECV_MAX) return inet_error(p, ENOMEM);
    if (s->ask_count > 0) return inet_error(p, EALREADY);
    uint16_t id = inet_ask(s, p, TCP_REQ_RECV, timeout);
    s->recv_length = length;
    tcp_deliver(s);
    if (s->ask_count > 0 && !s->ignored) tcp_input(s);
    if (timeout == 0) poll_once(s, id);
    else inet_update_timer(s);
    return inet_ok_id(p, id);
}

static term_t shut_down(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!inet_is_connected(s)) return inet_error(p, ENOTCONN);
    if (n != 1 || bytes[0] > 2) return inet_error(p, EINVAL);
    int how = bytes[0];
    if (how != SHUT_RD && s->queued > 0) {
        s->shutdown_later = true;
        if (how == SHUT_WR) return inet_ok_empty(p);
        how = SHUT_RD;
    }
    if (shutdown(s->fd, how) != 0) return inet_error(p, errno);
    return inet_ok_empty(p);
}

static term_t set_options(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    enum InetActive before = s->active;
    enum PacketType packet = s->packet;
    term_t r = inet_control(s, p, INET_REQ_SETOPTS, bytes, n);
    if (s->active != before) s->read_closed = false;
    if (!inet_is_connected(s)) return r;
    if (!tcp_wants_input(s)) inet_disarm(s, POLL_READ);
    bool at_once = before == INET_PASSIVE && s->active >= INET_ONCE && s->packet == packet && !s->ignored;
    if (at_once) tcp_read_now(s);
    else tcp_deliver(s);
    return r;
}

static term_t take_descriptor(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    InetAddr a;
    socklen_t size = sizeof a;
    term_t r = inet_fdopen(s, p, bytes, n);
    int listening = 0;
    socklen_t int_size = sizeof listening;
    if (s->fd < 0) return r;
    getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_size);
    if (listening) s->state = INET_LISTENING;
    else if (getpeername(s->fd, &a.sa, &size) == 0) s->state = INET_CONNECTED;
    if (inet_is_connected(s)) tcp_deliver(s);
    return r;
}

static term_t unreceive(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!inet_is_connected(s)) return inet_error(p, ENOTCONN);
    tcp_unread(s, bytes, n);
    tcp_deliver(s);
    return inet_ok_empty(p);
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    InetSocket *s = port->driver_data;
    switch (op - INET_CONTROL_MAGIC) {
    case INET_REQ_OPEN: return inet_open(s, p, bytes, n);
    case INET_REQ_FDOPEN: return take_descriptor(s, p, bytes, n);
    case INET_REQ_SETOPTS: return set_options(s, p, bytes, n);
    case INET_REQ_CONNECT: return connect_to(s, p, bytes, n);
    case INET_REQ_LISTEN: return listen_on(s, p, bytes, n);
    case INET_REQ_ACCEPT: return accept_on(s, p, bytes, n);
    case TCP_REQ_RECV: return receive(s, p, bytes, n);
    case TCP_REQ_UNRECV: return unreceive(s, p, bytes, n);
    case TCP_REQ_SHUTDOWN: return shut_down(s, p, bytes, n);
    case TCP_REQ_SENDFILE: return tcp_sendfile(s, p, bytes, n);
    default:
        return inet_control(s, p, op - INET_CONTROL_MAGIC, bytes, n);
    }
}

/* ---- events ---- */

static void request_due(InetSocket *s, InetAsk *ask)
{
    if (ask->request == INET_REQ_CONNECT) inet_close(s);
    inet_answer_error(s, ask, am_timeout);
    if (s->ask_count == 0 && !tcp_wants_input(s)) inet_disarm(s, POLL_READ);
}

static void send_due(InetSocket *s)
{
    bool close = s->send_timeout_close;
    if (close) tcp_clear_output(s);
    tcp_release_busy(s, am_timeout);
    if (!close) return;
    inet_answer_all(s, am_closed);
    inet_close(s);
}

static void timer(InetSocket *s)
{
    s->timer_ns = TIMER_NEVER;
    inet_check_due(s, request_due);
    if (s->send_due_ns <= clock_monotonic_ns()) send_due(s);
    inet_update_timer(s);
}

static void ready(Port *port, uint32_t events)
{
    InetSocket *s = port->driver_data;
    s->armed &= ~events;
    if (events & PORT_TIMER) timer(s);
    if (s->fd >= 0 && events & POLL_WRITE) {
        if (s->state == INET_CONNECTING) connect_ready(s);
        else if (inet_is_connected(s)) tcp_write_ready(s);
    }
    if (s->fd < 0 || !(events & POLL_READ)) return;
    if (s->state & INET_F_LISTEN) accept_ready(s);
    else tcp_input(s);
    if (s->ask_count == 0) inet_update_timer(s);
}

const PortDriver drv_tcp = {
    .name = "tcp_inet", .start = start, .stop = stop, .output_term = tcp_output, .ready = ready,
    .control = control, .pending = pending, .queued = queued, .flush = tcp_flush,
    .output_packet = tcp_output_packet,
};
