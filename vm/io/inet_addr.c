/* SPDX-License-Identifier: Apache-2.0 */
/* inet_addr - addresses of the protocol: a family byte, then
 *   INET_AF_INET   port:16 address:32                    INET_AF_ANY, INET_AF_LOOPBACK   port:16
 *   INET_AF_INET6  port:16 address:128 flow:32 scope:32  INET_AF_LOCAL   length:8 path
 * Flow and scope come in only. Layer: io. */
#include "io/inet.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

int inet_domain_of(uint8_t family)
{
    switch (family) {
    case INET_AF_INET: return AF_INET;
    case INET_AF_INET6: return AF_INET6;
    case INET_AF_LOCAL: return AF_UNIX;
    default: return 0;
    }
}

static int take_inet(const uint8_t **p, size_t *n, InetAddr *a, socklen_t *size)
{
    if (*n < 6) return EINVAL;
    struct sockaddr_in *in = (struct sockaddr_in *)a;
    *in = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&in->sin_port, *p, 2);
    memcpy(&in->sin_addr, *p + 2, 4);
    *p += 6, *n -= 6;
    *size = sizeof *in;
    return 0;
}

static int take_inet6(const uint8_t **p, size_t *n, InetAddr *a, socklen_t *size)
{
    if (*n < 26) return EINVAL;
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)a;
    *in = (struct sockaddr_in6){.sin6_family = AF_INET6};
    memcpy(&in->sin6_port, *p, 2);
    memcpy(&in->sin6_addr, *p + 2, 16);
    memcpy(&in->sin6_flowinfo, *p + 18, 4);
    in->sin6_scope_id = bytes_load_be32(*p + 22);
    *p += 26, *n -= 26;
    *size = sizeof *in;
    return 0;
}

/* A path that begins with a zero byte names an abstract socket; all its bytes count. */
static int take_local(const uint8_t **p, size_t *n, InetAddr *a, socklen_t *size)
{
    struct sockaddr_un *un = (struct sockaddr_un *)a;
    if (*n < 1 || *n - 1 < (*p)[0]) return EINVAL;
    size_t length = (*p)[0];
    if (length >= sizeof un->sun_path) return EINVAL;
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(un->sun_path, *p + 1, length);
    *p += 1 + length, *n -= 1 + length;
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (length > 0 && un->sun_path[0] != 0) ++*size;
    return 0;
}

static int take_wild(int domain, bool loopback, const uint8_t **p, size_t *n, InetAddr *a,
                     socklen_t *size)
{
    if (*n < 2) return EINVAL;
    *a = (InetAddr){.storage = {0}};
    if (domain == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)a;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
        memcpy(&in->sin_port, *p, 2);
        *size = sizeof *in;
    } else if (domain == AF_INET6) {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)a;
        in->sin6_family = AF_INET6;
        in->sin6_addr = loopback ? in6addr_loopback : in6addr_any;
        memcpy(&in->sin6_port, *p, 2);
        *size = sizeof *in;
    } else {
        return EINVAL;
    }
    *p += 2, *n -= 2;
    return 0;
}

int inet_decode_addr(int domain, const uint8_t **bytes, size_t *n, InetAddr *a, socklen_t *size)
{
    if (*n < 1) return EINVAL;
    uint8_t family = *(*bytes)++;
    --*n;
    if (family == INET_AF_ANY || family == INET_AF_LOOPBACK)
        return take_wild(domain, family == INET_AF_LOOPBACK, bytes, n, a, size);
    if (inet_domain_of(family) == 0) return EINVAL;
    if (inet_domain_of(family) != domain) return EAFNOSUPPORT;
    switch (family) {
    case INET_AF_INET: return take_inet(bytes, n, a, size);
    case INET_AF_INET6: return take_inet6(bytes, n, a, size);
    default: return take_local(bytes, n, a, size);
    }
}

size_t inet_encode_ip(const struct sockaddr *a, uint8_t out[INET_ADDR_BYTES])
{
    if (a->sa_family == AF_INET) {
        out[0] = INET_AF_INET;
        memcpy(out + 1, &((const struct sockaddr_in *)a)->sin_addr, 4);
        return 5;
    }
    if (a->sa_family == AF_INET6) {
        out[0] = INET_AF_INET6;
        memcpy(out + 1, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
        return 17;
    }
    return 0;
}

static size_t encode_local(const struct sockaddr_un *un, socklen_t size, uint8_t *out)
{
    size_t base = offsetof(struct sockaddr_un, sun_path);
    size_t length = size > base ? size - base : 0;
    if (length > 0 && un->sun_path[0] != 0) length = strnlen(un->sun_path, length);
    out[0] = INET_AF_LOCAL;
    out[1] = (uint8_t)length;
    memcpy(out + 2, un->sun_path, length);
    return 2 + length;
}

size_t inet_encode_addr(const InetAddr *a, socklen_t size, uint8_t out[INET_ADDR_BYTES])
{
    if (size < sizeof(sa_family_t) || a->sa.sa_family == AF_UNSPEC) {
        out[0] = INET_AF_UNSPEC;
        return 1;
    }
    if (a->sa.sa_family == AF_UNIX) return encode_local((const struct sockaddr_un *)a, size, out);
    uint8_t ip[INET_ADDR_BYTES];
    size_t n = inet_encode_ip(&a->sa, ip);
    out[0] = INET_AF_UNDEFINED;
    if (n == 0) return 1;
    /* the port stands at the same place in both families */
    memcpy(out + 1, &((const struct sockaddr_in *)a)->sin_port, 2);
    out[0] = ip[0];
    memcpy(out + 3, ip + 1, n - 1);
    return n + 2;
}
