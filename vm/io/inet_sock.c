/* SPDX-License-Identifier: Apache-2.0 */
/* inet_sock - life of a socket and the requests that both drivers answer alike. See inet.h.
 * Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

enum { DEFAULT_BUFFER = 1460, DEFAULT_HIGH = 8192, DEFAULT_LOW = 4096, DEFAULT_READ_PACKETS = 5 };

/* ---- life ---- */

InetSocket *inet_new(Port *port, bool tcp)
{
    InetSocket *s = MEM_NEW(IO, InetSocket);
    s->port = port;
    s->tcp = tcp;
    s->fd = -1;
    s->exit_on_close = true;
    s->buffer = DEFAULT_BUFFER;
    s->high = s->msgq_high = DEFAULT_HIGH;
    s->low = s->msgq_low = DEFAULT_LOW;
    s->read_packets = DEFAULT_READ_PACKETS;
    s->send_timeout = -1;
    s->delimiter = '\n';
    s->out_last = &s->out_first;
    s->busy_caller = TERM_NONE;
    s->send_due_ns = s->timer_ns = TIMER_NEVER;
    s->sendfile.fd = -1;
    return s;
}

void inet_close(InetSocket *s)
{
    s->state = INET_CLOSED;
    if (s->fd < 0) return;
    if (s->port->poll_in.fd >= 0) poll_remove(s->port->vm, &s->port->poll_in);
    s->port->poll_in.fd = -1;
    s->armed = 0;
    if (!s->keep_fd) close(s->fd);
    s->fd = -1;
}

void inet_free(InetSocket *s)
{
    inet_close(s);
    mem_free(MEM_IO, s->asks, s->ask_cap * sizeof *s->asks);
    mem_free(MEM_IO, s->subscribers, s->subscriber_cap * sizeof *s->subscribers);
    mem_free_text(MEM_IO, s->netns);
    MEM_DELETE(IO, s);
}

void inet_arm(InetSocket *s, uint32_t events)
{
    if (s->fd < 0 || s->ignored || (events & ~s->armed) == 0) return;
    s->port->poll_in.fd = s->fd;
    s->armed |= events;
    poll_add(s->port->vm, &s->port->poll_in, events);
}

void inet_disarm(InetSocket *s, uint32_t events)
{
    if (s->armed & events) poll_drop(s->port->vm, &s->port->poll_in, events);
    s->armed &= ~events;
}

void inet_count(InetStat *stat, size_t n)
{
    double x = (double)n;
    stat->bytes += n;
    stat->count++;
    stat->max = MAX(stat->max, (uint32_t)MIN(n, UINT32_MAX));
    stat->mean += (x - stat->mean) / (double)stat->count;
    stat->deviation += (x - stat->mean - stat->deviation) / (double)stat->count;
}

/* ---- open ---- */

/* A socket of the name space netns: the thread goes there and back. */
static int socket_in(const char *netns, int domain, int type, int protocol)
{
    int here = -1, fd = -1, error = 0;
    if (netns) {
        here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        int there = open(netns, O_RDONLY | O_CLOEXEC);
        error = here < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0 ? errno : 0;
        if (there >= 0) close(there);
    }
    if (!error) {
        fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (fd < 0) error = errno;
        if (netns) CHECK(setns(here, CLONE_NEWNET) == 0);
    }
    if (here >= 0) close(here);
    errno = error;
    return fd;
}

static bool open_arguments(const uint8_t *b, size_t n, size_t want, int *domain)
{
    if (n != want) return false;
    *domain = inet_domain_of(b[0]);
    return (b[1] == INET_TYPE_STREAM || b[1] == INET_TYPE_DGRAM) && *domain != 0;
}

term_t inet_open(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    int domain;
    if (!open_arguments(bytes, n, 2, &domain)) return inet_error(p, EINVAL);
    if (s->state != INET_CLOSED || s->fd >= 0) return inet_error_text(p, "exalloc");
    int type = bytes[1] == INET_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    int protocol = domain == AF_UNIX ? 0 : s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
    int fd = socket_in(s->netns, domain, type, protocol);
    if (fd < 0) return inet_error(p, errno);
    s->fd = fd;
    s->domain = domain;
    s->state = INET_F_OPEN;
    return inet_ok_empty(p);
}

/* A descriptor that somebody else has opened: bytes are family, type, descriptor, bound. */
term_t inet_fdopen(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    int domain, type, fd_domain;
    socklen_t size = sizeof type;
    if (!open_arguments(bytes, n, 10, &domain)) return inet_error(p, EINVAL);
    int fd = (int)bytes_load_be32(bytes + 2);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return inet_error(p, errno);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &fd_domain, &size) != 0) return inet_error(p, errno);
    if (type != (s->tcp ? SOCK_STREAM : SOCK_DGRAM) || fd_domain != domain) return inet_error(p, EINVAL);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    s->fd = fd;
    s->domain = domain;
    s->state = INET_F_OPEN | (bytes_load_be32(bytes + 6) ? INET_F_BOUND : 0);
    return inet_ok_empty(p);
}

/* ---- addresses ---- */

static term_t bind_to(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    InetAddr a;
    socklen_t size;
    if ((s->state & ~(uint32_t)INET_F_BOUND) != INET_F_OPEN) return inet_error_text(p, "exbadport");
    int error = inet_decode_addr(s->domain, &bytes, &n, &a, &size);
    if (error) return inet_error(p, error);
    if (bind(s->fd, &a.sa, size) != 0) return inet_error(p, errno);
    s->state |= INET_F_BOUND;
    uint8_t out[INET_ADDR_BYTES] = {0};
    size = sizeof a;
    if (getsockname(s->fd, &a.sa, &size) == 0 && a.sa.sa_family != AF_UNIX)
        inet_encode_addr(&a, size, out);
    return inet_ok(p, out + 1, 2);
}

static term_t address_reply(Process *p, const InetAddr *a, socklen_t size)
{
    uint8_t out[INET_ADDR_BYTES];
    return inet_ok(p, out, inet_encode_addr(a, size, out));
}

static term_t own_name(InetSocket *s, Process *p)
{
    InetAddr a = {.storage = {0}};
    socklen_t size = sizeof a;
    if (s->name_bytes) return address_reply(p, &s->name, s->name_bytes);
    if (getsockname(s->fd, &a.sa, &size) != 0) return inet_error(p, errno);
    return address_reply(p, &a, size);
}

static term_t peer_name(InetSocket *s, Process *p)
{
    InetAddr a = {.storage = {0}};
    socklen_t size = sizeof a;
    if (!inet_is_connected(s)) return inet_error(p, ENOTCONN);
    if (s->peer_bytes) return address_reply(p, &s->peer, s->peer_bytes);
    if (getpeername(s->fd, &a.sa, &size) != 0) return inet_error(p, errno);
    return address_reply(p, &a, size);
}

/* Names that hide the system's; no bytes: show the system's again. */
static term_t override_name(InetSocket *s, Process *p, bool peer, const uint8_t *bytes, size_t n)
{
    InetAddr a;
    socklen_t size = 0;
    if (n > 0) {
        int error = inet_decode_addr(s->domain, &bytes, &n, &a, &size);
        if (error) return inet_error(p, error);
    }
    *(peer ? &s->peer_bytes : &s->name_bytes) = size;
    if (size) *(peer ? &s->peer : &s->name) = a;
    return inet_ok_empty(p);
}

/* All own or peer addresses: of these protocols there is one. */
static term_t name_list(InetSocket *s, Process *p, bool peer)
{
    return peer ? peer_name(s, p) : own_name(s, p);
}

/* ---- what a socket is ---- */

static term_t type_reply(const InetSocket *s, Process *p)
{
    uint8_t b[8];
    if (s->domain == 0) return inet_error(p, EINVAL);
    bytes_store_be32(b, s->domain == AF_INET ? INET_AF_INET
                        : s->domain == AF_INET6 ? INET_AF_INET6 : INET_AF_LOCAL);
    bytes_store_be32(b + 4, s->tcp ? INET_TYPE_STREAM : INET_TYPE_DGRAM);
    return inet_ok(p, b, 8);
}

static uint32_t status_of(InetSocket *s)
{
    uint32_t state = s->state & ~(uint32_t)INET_F_BOUND; /* which was never shown */
    if (inet_find_accept(s)) state |= INET_F_ACC;
    if (s->busy_caller != TERM_NONE) state |= INET_F_BUSY;
    return state;
}

static uint64_t stat_value(const InetSocket *s, uint8_t code)
{
    switch (code) {
    case 1: return s->in.count;
    case 2: return s->in.max;
    case 3: return (uint64_t)s->in.mean;
    case 4: return (uint64_t)(int64_t)s->in.deviation;
    case 5: return s->out.count;
    case 6: return s->out.max;
    case 7: return (uint64_t)s->out.mean;
    case 8: return s->queued;
    case 9: return s->in.bytes;
    default: return s->out.bytes;
    }
}

enum { STAT_RECV_OCT = 9, STAT_SEND_OCT = 10 };

static term_t statistics(const InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    Buf b = BUF_INIT(TEMP);
    term_t result = TERM_NONE;
    for (size_t i = 0; i < n && result == TERM_NONE; i++) {
        uint8_t v[8];
        if (bytes[i] < 1 || bytes[i] > STAT_SEND_OCT) result = inet_error(p, EINVAL);
        uint64_t value = stat_value(s, bytes[i]);
        buf_putc(&b, (char)bytes[i]);
        bytes_store_be32(v, (uint32_t)(value >> 32));
        bytes_store_be32(v + 4, (uint32_t)value);
        if (bytes[i] >= STAT_RECV_OCT) buf_append(&b, v, 8);
        else buf_append(&b, v + 4, 4);
    }
    if (result == TERM_NONE) result = inet_ok(p, buf_text(&b), b.len);
    buf_free(&b);
    return result;
}

static void add_subscriber(InetSocket *s, term_t pid)
{
    if (s->subscriber_count == s->subscriber_cap) {
        size_t cap = s->subscriber_cap + 4;
        s->subscribers = mem_realloc(MEM_IO, s->subscribers,
                                     s->subscriber_cap * sizeof *s->subscribers,
                                     cap * sizeof *s->subscribers);
        s->subscriber_cap = cap;
    }
    s->subscribers[s->subscriber_count++] = pid;
}

static term_t subscribe(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    enum { EMPTY_OUT_Q = 1 };
    uint8_t out[5] = {EMPTY_OUT_Q};
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != EMPTY_OUT_Q) return inet_error(p, EINVAL);
        if (s->queued > 0) add_subscriber(s, p->id);
    }
    bytes_store_be32(out + 1, (uint32_t)s->queued);
    return inet_ok(p, out, n ? 5 : 0);
}

static term_t ignore_descriptor(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    if (!inet_is_connected(s)) return inet_error(p, ENOTCONN);
    if (n != 1) return inet_error(p, EINVAL);
    if (bytes[0]) inet_disarm(s, POLL_READ | POLL_WRITE);
    s->ignored = bytes[0] != 0;
    if (!s->ignored && s->tcp && tcp_wants_input(s)) inet_arm(s, POLL_READ);
    return inet_ok_empty(p);
}

/* ---- dispatch ---- */

static term_t options(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    int error = inet_set_options(s, bytes, n);
    return error ? inet_error(p, error) : inet_ok_empty(p);
}

term_t inet_control(InetSocket *s, Process *p, uint32_t request, const uint8_t *bytes, size_t n)
{
    switch (request) {
    case INET_REQ_SETOPTS: return options(s, p, bytes, n);
    case INET_REQ_GETOPTS: return inet_get_options(s, p, bytes, n);
    case INET_REQ_GETSTAT: return statistics(s, p, bytes, n);
    case INET_REQ_GETSTATUS: return inet_ok_u32(p, status_of(s));
    case INET_REQ_GETTYPE: return type_reply(s, p);
    case INET_REQ_SUBSCRIBE: return subscribe(s, p, bytes, n);
    case INET_REQ_GETHOSTNAME: case INET_REQ_GETSERVBYNAME: case INET_REQ_GETSERVBYPORT:
        return inet_services(p, request, bytes, n);
    case INET_REQ_GETIFLIST: case INET_REQ_IFGET: case INET_REQ_IFSET: case INET_REQ_GETIFADDRS:
        return inet_interfaces(s, p, request, bytes, n);
    case INET_REQ_NAME: return own_name(s, p);
    case INET_REQ_PEER: return peer_name(s, p);
    case INET_REQ_GETLADDRS: return name_list(s, p, false);
    case INET_REQ_GETPADDRS: return name_list(s, p, true);
    case INET_REQ_SETNAME: return override_name(s, p, false, bytes, n);
    case INET_REQ_SETPEER: return override_name(s, p, true, bytes, n);
    case INET_REQ_IGNOREFD: return ignore_descriptor(s, p, bytes, n);
    case INET_REQ_GETFD:
        return inet_is_open(s) ? inet_ok_u32(p, (uint32_t)s->fd) : inet_error(p, EINVAL);
    case INET_REQ_BIND: return bind_to(s, p, bytes, n);
    default: return inet_error_text(p, "exbadport");
    }
}
