/* SPDX-License-Identifier: Apache-2.0 */
/* drv_inet_udp - driver udp_inet: datagram sockets (UDP and local). A command is an address (passed over
 * when the socket is connected), the length of and options for this packet, and the data; it is
 * sent at once and answered by inet_reply. See inet.h. Semantics: gen_udp(3). Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "data/iolist.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

enum { CONTROL_BYTES = 256, ADDR_ARITY = 8 };

typedef union ControlSpace {
    struct cmsghdr align;
    uint8_t bytes[CONTROL_BYTES];
} ControlSpace;

/* ---- life ---- */

static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt UNUSED)
{
    port->driver_data = inet_new(port, false);
    return 0;
}

static void stop(Port *port)
{
    InetSocket *s = port->driver_data;
    inet_answer_all(s, am_closed);
    inet_free(s);
}

/* ---- input ---- */

typedef struct Datagram {
    InetAddr from;
    socklen_t from_bytes;
    ControlSpace control;
    struct msghdr head;
} Datagram;

static bool wants_input(const InetSocket *s)
{
    return inet_is_open(s) && (inet_is_active(s) || s->ask_count > 0) && !s->port->exit_asked;
}

static term_t ipv4_term(Heap *h, const uint8_t *b)
{
    return heap_tuple4(h, term_small(b[0]), term_small(b[1]), term_small(b[2]), term_small(b[3]));
}

static term_t ipv6_term(Heap *h, const uint8_t *b)
{
    term_t parts[ADDR_ARITY];
    for (size_t i = 0; i < ADDR_ARITY; i++) parts[i] = term_small(b[2 * i] << 8 | b[2 * i + 1]);
    return heap_tuple(h, ADDR_ARITY, parts);
}

/* Address and port from their encoded form. */
static term_t address_term(Heap *h, const uint8_t *b, term_t *port)
{
    *port = term_small(0);
    switch (b[0]) {
    case INET_AF_LOCAL: return heap_tuple2(h, am_local, heap_binary(h, b + 2, b[1]));
    case INET_AF_UNSPEC: return heap_tuple2(h, am_unspec, heap_binary(h, b, 0));
    case INET_AF_UNDEFINED: return heap_tuple2(h, am_undefined, heap_binary(h, b, 0));
    default: break;
    }
    *port = term_small(b[1] << 8 | b[2]);
    return b[0] == INET_AF_INET ? ipv4_term(h, b + 3) : ipv6_term(h, b + 3);
}

static term_t control_tag(const struct cmsghdr *c)
{
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) return am_tos;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) return am_ttl;
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) return am_tclass;
    return TERM_NONE;
}

/* What the packet's header said: [{tos, V} ...]. */
static term_t ancillary(Heap *h, struct msghdr *m)
{
    term_t items[3], l = TERM_NIL;
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c && n < ARRAY_LEN(items); c = CMSG_NXTHDR(m, c)) {
        term_t tag = control_tag(c);
        if (tag == TERM_NONE) continue;
        int v = CMSG_DATA(c)[0];
        if (c->cmsg_len - CMSG_LEN(0) >= sizeof v) memcpy(&v, CMSG_DATA(c), sizeof v);
        items[n++] = heap_tuple2(h, tag, term_small(v));
    }
    while (n-- > 0) l = heap_cons(h, items[n], l);
    return l;
}

static void deliver_active(InetSocket *s, Heap *h, const uint8_t *address, term_t data, term_t extra)
{
    term_t port, ip = address_term(h, address, &port);
    term_t e[6] = {am_udp, s->port->id, ip, port, extra, data};
    if (extra == TERM_NONE) e[4] = data;
    inet_send(s, s->port->owner, heap_tuple(h, extra == TERM_NONE ? 5 : 6, e), h);
    inet_active_used(s, am_udp_passive);
}

static void deliver(InetSocket *s, Datagram *d, Binary *storage, size_t n)
{
    Heap h = {0};
    uint8_t address[INET_ADDR_BYTES];
    size_t address_bytes = inet_encode_addr(&d->from, d->head.msg_namelen, address);
    term_t data = inet_data(s, &h, storage, binary_data(storage), n);
    bool wanted = s->recv_tos || s->recv_tclass || s->recv_ttl;
    term_t extra = wanted ? ancillary(&h, &d->head) : TERM_NONE;
    inet_count(&s->in, n);
    if (s->ask_count == 0 && !s->deliver_port) {
        deliver_active(s, &h, address, data, extra);
        return;
    }
    term_t packet = heap_string(&h, (const char *)address, address_bytes, data);
    if (s->ask_count == 0) {
        add_owned(&s->port->bytes_in, n);
        packet = heap_tuple2(&h, s->port->id, heap_tuple2(&h, am_data, packet));
        inet_send(s, s->port->owner, packet, &h);
        inet_active_used(s, am_udp_passive);
        return;
    }
    if (extra != TERM_NONE) packet = heap_tuple2(&h, packet, extra);
    inet_answer(s, &s->asks[0], heap_tuple2(&h, am_ok, packet), &h);
}

static void read_failed(InetSocket *s, int error)
{
    if (s->ask_count > 0) inet_answer_error(s, &s->asks[0], inet_reason(error));
    else inet_tell_error(s, am_udp_error, inet_reason(error));
}

/* One datagram; false: there is none. */
static bool read_one(InetSocket *s)
{
    Binary *storage = binary_new(s->buffer);
    struct iovec iov = {binary_data(storage), s->buffer};
    Datagram d = {.from_bytes = 0};
    d.head = (struct msghdr){.msg_name = &d.from, .msg_namelen = sizeof d.from, .msg_iov = &iov,
                             .msg_iovlen = 1, .msg_control = d.control.bytes,
                             .msg_controllen = sizeof d.control};
    ssize_t n;
    do n = recvmsg(s->fd, &d.head, 0);
    while (n < 0 && errno == EINTR);
    int error = errno;
    if (n >= 0) deliver(s, &d, storage, (size_t)n);
    binary_unref(storage);
    if (n >= 0) return true;
    if (error == EAGAIN || error == EWOULDBLOCK) return false;
    read_failed(s, error);
    return true;
}

static void input(InetSocket *s)
{
    uint32_t left = s->read_packets;
    while (left-- > 0 && wants_input(s))
        if (!read_one(s)) break;
    if (wants_input(s)) inet_arm(s, POLL_READ);
    inet_update_timer(s);
}

/* ---- output ---- */

/* Options for one packet: number:8 value:32 each. 0 or errno. */
static int put_control(struct msghdr *m, ControlSpace *space, const uint8_t *b, size_t n)
{
    size_t used = 0;
    for (; n >= 5; b += 5, n -= 5) {
        int v = (int)bytes_load_be32(b + 1);
        struct cmsghdr c = {.cmsg_len = CMSG_LEN(sizeof v), .cmsg_level = IPPROTO_IP};
        if (b[0] == INET_OPT_TOS) c.cmsg_type = IP_TOS;
        else if (b[0] == INET_OPT_TTL) c.cmsg_type = IP_TTL;
        else if (b[0] == INET_OPT_TCLASS) c.cmsg_level = IPPROTO_IPV6, c.cmsg_type = IPV6_TCLASS;
        else return EINVAL;
        if (used + CMSG_SPACE(sizeof v) > sizeof *space) return EINVAL;
        struct cmsghdr *to = (struct cmsghdr *)(space->bytes + used);
        *to = c;
        memcpy(CMSG_DATA(to), &v, sizeof v);
        used += CMSG_SPACE(sizeof v);
    }
    m->msg_control = used ? space->bytes : NULL;
    m->msg_controllen = used;
    return n ? EINVAL : 0;
}

/* 0 or errno. */
static int send_packet(InetSocket *s, const uint8_t *b, size_t n)
{
    InetAddr to;
    socklen_t to_bytes = 0;
    ControlSpace space = {.bytes = {0}};
    struct msghdr m = {.msg_iovlen = 1};
    int error = inet_decode_addr(s->domain, &b, &n, &to, &to_bytes);
    if (error) return error;
    if (!inet_is_connected(s)) m.msg_name = &to, m.msg_namelen = to_bytes;
    if (n < 4 || bytes_load_be32(b) > n - 4) return EINVAL;
    size_t options = bytes_load_be32(b);
    error = put_control(&m, &space, b + 4, options);
    if (error) return error;
    struct iovec iov = {(void *)(b + 4 + options), n - 4 - options};
    m.msg_iov = &iov;
    ssize_t r;
    do r = sendmsg(s->fd, &m, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    inet_count(&s->out, iov.iov_len);
    return r < 0 ? errno : 0;
}

static void output(Port *port, Process *p, term_t data, size_t n)
{
    InetSocket *s = port->driver_data;
    uint8_t *bytes = mem_alloc(MEM_TEMP, n + 1);
    iolist_to_buffer(data, bytes, n, NULL);
    int error = inet_is_open(s) ? send_packet(s, bytes, n) : EINVAL;
    mem_free(MEM_TEMP, bytes, n + 1);
    if (error) inet_reply_error(s, p->id, inet_reason(error));
    else inet_reply_ok(s, p->id);
}

/* ---- control ---- */

static term_t receive(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!inet_is_open(s) || inet_is_active(s) || n != 8) return inet_error(p, EINVAL);
    if (s->ask_count > 0) return inet_error(p, EALREADY);
    int32_t timeout = (int32_t)bytes_load_be32(bytes);
    uint16_t id = inet_ask(s, p, PACKET_REQ_RECV, timeout);
    input(s);
    if (timeout == 0 && s->ask_count > 0) inet_answer_error(s, &s->asks[0], am_timeout);
    inet_update_timer(s);
    return inet_ok_id(p, id);
}

/* Linux keeps the local address that connecting has chosen, which may not reach the next peer; undoing the
 * connection takes the port away as well when the system had chosen it. */
static void disconnect(InetSocket *s)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    InetAddr before, after;
    socklen_t size = sizeof before, after_size = sizeof after;
    getsockname(s->fd, &before.sa, &size);
    if (connect(s->fd, &none, sizeof none) != 0 || s->domain == AF_UNIX) return;
    getsockname(s->fd, &after.sa, &after_size);
    struct sockaddr_in *to = (struct sockaddr_in *)&after; /* the port is at the same place in IPv6 */
    if (to->sin_port != 0) return;
    to->sin_port = ((struct sockaddr_in *)&before)->sin_port;
    (void)bind(s->fd, &after.sa, after_size);
}

static term_t connect_to(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    InetAddr a;
    socklen_t size;
    if (!inet_is_open(s)) return inet_error_text(p, "exbadport");
    if (n < 5) return inet_error(p, EINVAL);
    bytes += 4, n -= 4;
    int error = inet_decode_addr(s->domain, &bytes, &n, &a, &size);
    if (error) return inet_error(p, error);
    if (inet_is_connected(s)) disconnect(s);
    if (connect(s->fd, &a.sa, size) != 0) return inet_error(p, errno);
    s->state |= INET_F_ACTIVE;
    uint16_t id = inet_ask(s, p, INET_REQ_CONNECT, -1);
    inet_answer_ok(s, &s->asks[s->ask_count - 1]);
    return inet_ok_id(p, id);
}

static term_t set_options(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    term_t r = inet_control(s, p, INET_REQ_SETOPTS, bytes, n);
    if (wants_input(s)) inet_arm(s, POLL_READ);
    else if (s->fd >= 0) inet_disarm(s, POLL_READ);
    return r;
}

/* An open socket that is active reads at once: binding or a first send give it an address. */
static term_t begin(InetSocket *s, term_t result)
{
    if (wants_input(s)) inet_arm(s, POLL_READ);
    return result;
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    InetSocket *s = port->driver_data;
    switch (op - INET_CONTROL_MAGIC) {
    case INET_REQ_OPEN: return begin(s, inet_open(s, p, bytes, n));
    case INET_REQ_FDOPEN: return begin(s, inet_fdopen(s, p, bytes, n));
    case INET_REQ_SETOPTS: return set_options(s, p, bytes, n);
    case INET_REQ_CONNECT: return connect_to(s, p, bytes, n);
    case PACKET_REQ_RECV: return receive(s, p, bytes, n);
    default:
        return inet_control(s, p, op - INET_CONTROL_MAGIC, bytes, n);
    }
}

/* ---- events ---- */

static void request_due(InetSocket *s, InetAsk *ask)
{
    inet_answer_error(s, ask, am_timeout);
    if (!wants_input(s)) inet_disarm(s, POLL_READ);
}

static void ready(Port *port, uint32_t events)
{
    InetSocket *s = port->driver_data;
    s->armed &= ~events;
    if (events & PORT_TIMER) {
        s->timer_ns = TIMER_NEVER;
        inet_check_due(s, request_due);
        inet_update_timer(s);
    }
    if (s->fd >= 0 && events & POLL_READ) input(s);
}

const PortDriver drv_udp = {
    .name = "udp_inet", .start = start, .stop = stop, .output_term = output, .ready = ready,
    .control = control,
};
