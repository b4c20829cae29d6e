/* SPDX-License-Identifier: Apache-2.0 */
/* inet_getopt - reading options. The request is a row of numbers (some with arguments); the reply a row of
 * number and value. Options that this socket does not have are left out. Layer: io. */
#include "io/inet.h"

#include "base/alloc.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

static void put32(Buf *b, uint32_t v)
{
    uint8_t bytes[4];
    bytes_store_be32(bytes, v);
    buf_append(b, bytes, 4);
}

static void put(Buf *b, uint8_t number, uint32_t v)
{
    buf_putc(b, (char)number);
    put32(b, v);
}

static void get_active(const InetSocket *s, Buf *b)
{
    put(b, INET_LOPT_ACTIVE, s->active);
    if (s->active != INET_MULTI) return;
    buf_putc(b, (char)(s->active_count >> 8));
    buf_putc(b, (char)s->active_count);
}

/* Those of streams only; false: not one of them. */
static bool get_tcp_local(const InetSocket *s, uint8_t number, Buf *b)
{
    uint32_t v;
    switch (number) {
    case INET_LOPT_HIGH: v = s->high; break;
    case INET_LOPT_LOW: v = s->low; break;
    case INET_LOPT_SEND_TIMEOUT: v = (uint32_t)s->send_timeout; break;
    case INET_LOPT_SEND_TIMEOUT_CLOSE: v = s->send_timeout_close; break;
    case INET_LOPT_DELAY_SEND: v = s->delay_send; break;
    case INET_LOPT_SHOW_ECONNRESET: v = s->show_reset; break;
    default: return false;
    }
    if (s->tcp) put(b, number, v);
    return true;
}

static bool get_local(const InetSocket *s, uint8_t number, Buf *b)
{
    switch (number) {
    case INET_LOPT_BUFFER: put(b, number, s->buffer); return true;
    case INET_LOPT_HEADER: put(b, number, s->header); return true;
    case INET_LOPT_ACTIVE: get_active(s, b); return true;
    case INET_LOPT_PACKET: put(b, number, s->packet); return true;
    case INET_LOPT_MODE: put(b, number, s->binary); return true;
    case INET_LOPT_DELIVER: put(b, number, !s->deliver_port); return true;
    case INET_LOPT_EXITONCLOSE: put(b, number, s->exit_on_close); return true;
    case INET_LOPT_PACKET_SIZE: put(b, number, s->packet_size); return true;
    case INET_LOPT_READ_PACKETS: if (!s->tcp) put(b, number, s->read_packets); return true;
    case INET_LOPT_MSGQ_HIGH: put(b, number, (uint32_t)s->msgq_high); return true;
    case INET_LOPT_MSGQ_LOW: put(b, number, (uint32_t)s->msgq_low); return true;
    case INET_OPT_DEBUG: put(b, number, s->debug); return true;
    case INET_LOPT_NETNS:
        if (!s->netns) return true;
        put(b, number, (uint32_t)strlen(s->netns));
        buf_puts(b, s->netns);
        return true;
    default: return get_tcp_local(s, number, b);
    }
}

static void get_linger(const InetSocket *s, Buf *b)
{
    struct linger l;
    socklen_t size = sizeof l;
    if (getsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, &size) != 0) return;
    put(b, INET_OPT_LINGER, (uint32_t)l.l_onoff);
    put32(b, (uint32_t)l.l_linger);
}

static void get_device(const InetSocket *s, Buf *b)
{
    char name[IFNAMSIZ] = "";
    socklen_t size = sizeof name;
    if (getsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) != 0) return;
    size_t n = strnlen(name, size);
    put(b, INET_OPT_BIND_TO_DEVICE, (uint32_t)n);
    buf_append(b, name, n);
}

/* The value and, behind it, the family that says how to read it. */
static void get_multicast_if(const InetSocket *s, Buf *b)
{
    uint32_t v = 0;
    socklen_t size = sizeof v;
    bool six = s->domain == AF_INET6;
    if (getsockopt(s->fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_IF : IP_MULTICAST_IF, &v,
                   &size) != 0)
        return;
    put(b, UDP_OPT_MULTICAST_IF, six ? v : __builtin_bswap32(v));
    put32(b, six ? INET_AF_INET6 : INET_AF_INET);
}

static void get_plain(const InetSocket *s, const InetOption *o, Buf *b)
{
    int v = 0, level = o->level, name = o->name;
    socklen_t size = sizeof v;
    if (s->domain == AF_INET6 && o->number == UDP_OPT_MULTICAST_TTL)
        level = IPPROTO_IPV6, name = IPV6_MULTICAST_HOPS;
    if (s->domain == AF_INET6 && o->number == UDP_OPT_MULTICAST_LOOP)
        level = IPPROTO_IPV6, name = IPV6_MULTICAST_LOOP;
    if (getsockopt(s->fd, level, name, &v, &size) == 0) put(b, o->number, (uint32_t)v);
}

/* Level, name, then 1 and the bytes of the value to pass, or 0 and the number of bytes to get. The whole
 * reply, with its first byte, has a limit. */
static bool get_raw(const InetSocket *s, const uint8_t **at, const uint8_t *end, Buf *b)
{
    enum { HEAD = 13, LIMIT = 1 << 16 };
    const uint8_t *p = *at;
    if (end - p < HEAD) return false;
    uint32_t level = bytes_load_be32(p), name = bytes_load_be32(p + 4), n = bytes_load_be32(p + 9);
    bool given = p[8] != 0;
    *at += HEAD;
    if (n > LIMIT || 1 + b->len + HEAD + n > LIMIT || (given && (size_t)(end - *at) < n)) return false;
    uint8_t *value = mem_alloc_zero(MEM_TEMP, n + 1);
    if (given) {
        memcpy(value, *at, n);
        *at += n;
    }
    socklen_t size = n;
    if (getsockopt(s->fd, (int)level, (int)name, value, &size) == 0) {
        put(b, INET_OPT_RAW, level);
        put32(b, name);
        put32(b, size);
        buf_append(b, value, size);
    }
    mem_free(MEM_TEMP, value, n + 1);
    return true;
}

static void put_packet_option(const struct cmsghdr *c, Buf *b)
{
    uint8_t number = 0;
    int v = 0;
    size_t n = c->cmsg_len - CMSG_LEN(0);
    if (c->cmsg_level == IPPROTO_IP && (c->cmsg_type == IP_TOS || c->cmsg_type == IP_RECVTOS))
        number = INET_OPT_TOS;
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) number = INET_OPT_TCLASS;
    else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) number = INET_OPT_TTL;
    if (!number || n > sizeof v) return;
    memcpy(&v, CMSG_DATA(c), n);
    put(b, number, (uint32_t)v);
}

/* What the last packet's header said (IP_PKTOPTIONS), as options again. */
static void get_packet_options(const InetSocket *s, Buf *b)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[512];
    } space;
    bool six = s->domain == AF_INET6;
    socklen_t size = sizeof space;
    if (getsockopt(s->fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_2292PKTOPTIONS : IP_PKTOPTIONS,
                   space.bytes, &size) != 0)
        return;
    Buf inner = BUF_INIT(TEMP);
    struct msghdr m = {.msg_control = space.bytes, .msg_controllen = size};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) put_packet_option(c, &inner);
    put(b, INET_OPT_PKTOPTIONS, (uint32_t)inner.len);
    buf_append(b, buf_text(&inner), inner.len);
    buf_free(&inner);
}

static bool get_one(const InetSocket *s, const uint8_t **at, const uint8_t *end, Buf *b)
{
    uint8_t number = *(*at)++;
    const InetOption *o;
    if (number == INET_OPT_RAW) return get_raw(s, at, end, b);
    if (get_local(s, number, b)) return true;
    switch (number) {
    case INET_OPT_LINGER: get_linger(s, b); return true;
    case INET_OPT_BIND_TO_DEVICE: get_device(s, b); return true;
    case UDP_OPT_MULTICAST_IF: get_multicast_if(s, b); return true;
    case INET_OPT_PKTOPTIONS: get_packet_options(s, b); return true;
    default: break;
    }
    o = inet_find_option(number);
    if (!o) return false;
    get_plain(s, o, b);
    return true;
}

term_t inet_get_options(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    Buf b = BUF_INIT(TEMP);
    const uint8_t *at = bytes, *end = bytes + n;
    bool ok = true;
    while (ok && at < end) ok = get_one(s, &at, end, &b);
    term_t result = ok ? inet_ok(p, buf_text(&b), b.len) : inet_error(p, EINVAL);
    buf_free(&b);
    return result;
}
