/* SPDX-License-Identifier: Apache-2.0 */
/* inet_opt - setting options. The request is a row of options, each a number and its value: mostly 32
 * bits; see set_one for the others. Options of the system that cannot be set are passed over, as the
 * same list is used for sockets of all kinds; `must` marks those where that would be surprising.
 * Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static const InetOption table[] = {
    {INET_OPT_REUSEADDR, SOL_SOCKET, SO_REUSEADDR, false},
    {INET_OPT_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, false},
    {INET_OPT_DONTROUTE, SOL_SOCKET, SO_DONTROUTE, false},
    {INET_OPT_BROADCAST, SOL_SOCKET, SO_BROADCAST, false},
    {INET_OPT_OOBINLINE, SOL_SOCKET, SO_OOBINLINE, false},
    {INET_OPT_SNDBUF, SOL_SOCKET, SO_SNDBUF, false},
    {INET_OPT_RCVBUF, SOL_SOCKET, SO_RCVBUF, false},
    {INET_OPT_PRIORITY, SOL_SOCKET, SO_PRIORITY, true},
    {INET_OPT_TOS, IPPROTO_IP, IP_TOS, true},
    {TCP_OPT_NODELAY, IPPROTO_TCP, TCP_NODELAY, false},
    {TCP_OPT_NOPUSH, IPPROTO_TCP, TCP_CORK, false},
    {UDP_OPT_MULTICAST_TTL, IPPROTO_IP, IP_MULTICAST_TTL, false},
    {UDP_OPT_MULTICAST_LOOP, IPPROTO_IP, IP_MULTICAST_LOOP, false},
    {INET_OPT_IPV6_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY, true},
    {INET_OPT_TCLASS, IPPROTO_IPV6, IPV6_TCLASS, true},
    {INET_OPT_RECVTOS, IPPROTO_IP, IP_RECVTOS, true},
    {INET_OPT_RECVTCLASS, IPPROTO_IPV6, IPV6_RECVTCLASS, true},
    {INET_OPT_TTL, IPPROTO_IP, IP_TTL, true},
    {INET_OPT_RECVTTL, IPPROTO_IP, IP_RECVTTL, true},
};

const InetOption *inet_find_option(uint8_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].number == number) return &table[i];
    return NULL;
}

/* Reader over the request; `bad` once it was too short. */
typedef struct Reader {
    const uint8_t *at, *end;
    bool bad;
} Reader;

static const uint8_t *take(Reader *r, size_t n)
{
    static const uint8_t zeros[16];
    if ((size_t)(r->end - r->at) < n) r->bad = true;
    if (r->bad) return zeros;
    r->at += n;
    return r->at - n;
}

static uint32_t take32(Reader *r) { return bytes_load_be32(take(r, 4)); }

/* ---- options of the driver ---- */

/* A socket that its peer has closed tells so when it is made active. */
static void tell_if_closed(InetSocket *s)
{
    if (!s->tcp || !inet_is_active(s) || s->state != INET_CLOSED || s->domain == 0) return;
    if (s->reset) inet_tell_error(s, am_tcp_error, am_econnreset);
    s->reset = false;
    tcp_tell_closed(s);
    if (s->exit_on_close) port_quit(s->port);
}

static bool set_active(InetSocket *s, uint32_t v, Reader *r)
{
    if (v > INET_MULTI) return false;
    s->active = (enum InetActive)v;
    if (v == INET_MULTI) {
        const uint8_t *b = take(r, 2);
        int32_t count = s->active_count + (int16_t)(b[0] << 8 | b[1]);
        if (count > INT16_MAX) return false;
        s->active_count = MAX(count, 0);
        if (s->active_count == 0) {
            s->active = INET_PASSIVE;
            inet_tell(s, s->tcp ? am_tcp_passive : am_udp_passive);
        }
    } else {
        s->active_count = 0;
    }
    tell_if_closed(s);
    return true;
}

static bool set_packet(InetSocket *s, uint32_t v)
{
    if (v > PB_HTTPH_BIN) return false;
    if (!s->tcp) return true;
    if (s->packet != v) s->http_headers = false;
    s->packet = (enum PacketType)v;
    s->want = 0;
    return true;
}

static bool set_netns(InetSocket *s, Reader *r, uint32_t n)
{
    const char *path = (const char *)take(r, n);
    if (r->bad || memchr(path, 0, n)) return false;
    mem_free_text(MEM_IO, s->netns);
    char *text = mem_alloc(MEM_TEMP, n + 1);
    memcpy(text, path, n);
    text[n] = 0;
    s->netns = mem_text(MEM_IO, text);
    mem_free(MEM_TEMP, text, n + 1);
    return true;
}

static bool set_watermark(uint64_t *mark, uint32_t v)
{
    *mark = v;
    return v >= 1;
}

static bool set_tcp_local(InetSocket *s, uint8_t number, uint32_t v)
{
    if (!s->tcp) return true;
    switch (number) {
    case INET_LOPT_HIGH:
        s->high = MIN(v, INT32_MAX);
        s->low = MIN(s->low, s->high);
        break;
    case INET_LOPT_LOW:
        s->low = MIN(v, INT32_MAX);
        s->high = MAX(s->low, s->high);
        break;
    case INET_LOPT_SEND_TIMEOUT: s->send_timeout = (int32_t)v; break;
    case INET_LOPT_SEND_TIMEOUT_CLOSE: s->send_timeout_close = v != 0; break;
    case INET_LOPT_DELAY_SEND: s->delay_send = v != 0; break;
    case INET_LOPT_SHOW_ECONNRESET: s->show_reset = v != 0; break;
    default: break;
    }
    return true;
}

enum { MAX_DATAGRAM = 65536, MIN_BUFFER = 1, MAX_HEADER = 1 << 20 };

/* *mine: whether it is an option of the driver. */
static bool set_local(InetSocket *s, uint8_t number, uint32_t v, Reader *r, bool *mine)
{
    *mine = true;
    switch (number) {
    case INET_LOPT_BUFFER:
        s->buffer = (int32_t)v < MIN_BUFFER ? MIN_BUFFER : v;
        s->buffer_set = true;
        return true;
    case INET_LOPT_HEADER: s->header = MIN(v, MAX_HEADER); return true;
    case INET_LOPT_ACTIVE: return set_active(s, v, r);
    case INET_LOPT_PACKET: return set_packet(s, v);
    case INET_LOPT_MODE: s->binary = v != 0; return true;
    case INET_LOPT_DELIVER: s->deliver_port = v == 0; return true;
    case INET_LOPT_EXITONCLOSE: s->exit_on_close = v != 0; return true;
    case INET_LOPT_PACKET_SIZE: s->packet_size = MIN(v, INT32_MAX); return true;
    case INET_LOPT_READ_PACKETS: if (!s->tcp && v > 0) s->read_packets = v; return true;
    case INET_LOPT_MSGQ_HIGH: return set_watermark(&s->msgq_high, v);
    case INET_LOPT_MSGQ_LOW: return set_watermark(&s->msgq_low, v);
    case INET_LOPT_LINE_DELIM: s->delimiter = (uint8_t)v; return true;
    case INET_LOPT_NETNS: return set_netns(s, r, v);
    case INET_OPT_DEBUG: s->debug = v != 0; return true;
    case INET_LOPT_HIGH: case INET_LOPT_LOW: case INET_LOPT_SEND_TIMEOUT:
    case INET_LOPT_SEND_TIMEOUT_CLOSE: case INET_LOPT_DELAY_SEND: case INET_LOPT_SHOW_ECONNRESET:
        return set_tcp_local(s, number, v);
    default: *mine = false; return true;
    }
}

/* ---- options of the system ---- */

static int set_linger(InetSocket *s, uint32_t on, Reader *r)
{
    struct linger l = {.l_onoff = on != 0, .l_linger = (int)take32(r)};
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    return 0;
}

static int set_raw(InetSocket *s, uint32_t level, Reader *r)
{
    uint32_t name = take32(r), n = take32(r);
    const uint8_t *value = take(r, n);
    if (r->bad) return EINVAL;
    setsockopt(s->fd, (int)level, (int)name, value, n);
    return 0;
}

static int set_device(InetSocket *s, uint32_t n, Reader *r)
{
    char name[IFNAMSIZ] = {0};
    if (n >= sizeof name) return EINVAL;
    memcpy(name, take(r, n), n);
    return setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)n) == 0 ? 0 : EINVAL;
}

/* Joining and leaving of groups: the family, an interface index, the group, for IPv4 the interface's address. */
static int set_membership(InetSocket *s, bool add, uint32_t family, Reader *r)
{
    uint32_t index = take32(r);
    int result;
    if (family == INET_AF_INET) {
        struct ip_mreqn m = {.imr_ifindex = (int)index};
        memcpy(&m.imr_multiaddr, take(r, 4), 4);
        memcpy(&m.imr_address, take(r, 4), 4);
        result = setsockopt(s->fd, IPPROTO_IP, add ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &m, sizeof m);
    } else if (family == INET_AF_INET6) {
        struct ipv6_mreq m = {.ipv6mr_interface = index};
        memcpy(&m.ipv6mr_multiaddr, take(r, 16), 16);
        result = setsockopt(s->fd, IPPROTO_IPV6, add ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, &m,
                            sizeof m);
    } else {
        return EINVAL;
    }
    (void)result; /* groups that cannot be joined are passed over, too */
    return 0;
}

static void set_multicast_if(InetSocket *s, uint32_t v)
{
    uint32_t address = __builtin_bswap32(v);
    if (s->domain == AF_INET6) setsockopt(s->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &v, sizeof v);
    else setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address);
}

static int set_plain(InetSocket *s, uint8_t number, uint32_t v)
{
    const InetOption *o = inet_find_option(number);
    int value = (int)v;
    if (!o) return EINVAL;
    if (number == INET_OPT_RECVTOS) s->recv_tos = v != 0;
    if (number == INET_OPT_RECVTCLASS) s->recv_tclass = v != 0;
    if (number == INET_OPT_RECVTTL) s->recv_ttl = v != 0;
    if (number == INET_OPT_RCVBUF && s->buffer < v && !s->buffer_set)
        s->buffer = s->tcp ? v : MAX(s->buffer, MIN(v, MAX_DATAGRAM));
    int level = o->level, name = o->name;
    if (s->domain == AF_INET6 && number == UDP_OPT_MULTICAST_TTL)
        level = IPPROTO_IPV6, name = IPV6_MULTICAST_HOPS;
    if (s->domain == AF_INET6 && number == UDP_OPT_MULTICAST_LOOP)
        level = IPPROTO_IPV6, name = IPV6_MULTICAST_LOOP;
    int priority;
    socklen_t size = sizeof priority;
    bool keep = (number == INET_OPT_TOS || number == INET_OPT_TCLASS) &&
                getsockopt(s->fd, SOL_SOCKET, SO_PRIORITY, &priority, &size) == 0;
    int result = setsockopt(s->fd, level, name, &value, sizeof value);
    /* Linux derives a priority from the type of service */
    if (keep) setsockopt(s->fd, SOL_SOCKET, SO_PRIORITY, &priority, size);
    return result != 0 && o->must ? EINVAL : 0;
}

static int set_one(InetSocket *s, Reader *r)
{
    uint8_t number = take(r, 1)[0];
    uint32_t v = take32(r);
    bool mine = false;
    if (r->bad) return EINVAL;
    if (!set_local(s, number, v, r, &mine)) return EINVAL;
    if (mine) return 0;
    switch (number) {
    case INET_OPT_LINGER: return set_linger(s, v, r);
    case INET_OPT_RAW: return set_raw(s, v, r);
    case INET_OPT_BIND_TO_DEVICE: return set_device(s, v, r);
    case UDP_OPT_ADD_MEMBERSHIP: case UDP_OPT_DROP_MEMBERSHIP:
        return set_membership(s, number == UDP_OPT_ADD_MEMBERSHIP, v, r);
    case UDP_OPT_MULTICAST_IF: set_multicast_if(s, v); return 0;
    default: return set_plain(s, number, v);
    }
}

int inet_set_options(InetSocket *s, const uint8_t *bytes, size_t n)
{
    Reader r = {bytes, bytes + n, false};
    int error = 0;
    while (!error && !r.bad && r.at < r.end && !s->port->exit_asked) error = set_one(s, &r);
    return r.bad ? EINVAL : error;
}
