/* SPDX-License-Identifier: Apache-2.0 */
/* socket_addr - addresses as maps, and the names of domains, types, levels and the like.
 * Layer: io. */
#include "io/socket.h"

#include "data/map.h"
#include "term/big.h"

#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netpacket/packet.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/un.h>

enum { PATH_MAX_SHOWN = 255 };

bool term_to_int(term_t t, int *v)
{
    if (!term_is_small(t) || small_value(t) < INT_MIN || small_value(t) > INT_MAX) return false;
    *v = (int)small_value(t);
    return true;
}

bool term_to_uint(term_t t, uint32_t *v)
{
    if (!term_is_small(t) || small_value(t) < 0 || small_value(t) > UINT32_MAX) return false;
    *v = (uint32_t)small_value(t);
    return true;
}

term_t map_of(Heap *h, size_t n, ...)
{
    term_t pairs[64];
    ASSERT(2 * n <= ARRAY_LEN(pairs));
    va_list ap;
    va_start(ap, n);
    for (size_t i = 0; i < 2 * n; i++) pairs[i] = va_arg(ap, term_t);
    va_end(ap);
    return map_from_pairs(h, pairs, n, NULL);
}

/* ---- names ---- */

int domain_decode(term_t t, int *domain)
{
    switch (t) {
    case am_inet: *domain = AF_INET; return 1;
    case am_inet6: *domain = AF_INET6; return 1;
    case am_local: *domain = AF_LOCAL; return 1;
    case am_unspec: *domain = AF_UNSPEC; return 1;
    default: return term_to_int(t, domain) ? -1 : 0;
    }
}

term_t domain_term(int domain)
{
    switch (domain) {
    case AF_INET: return am_inet;
    case AF_INET6: return am_inet6;
    case AF_LOCAL: return am_local;
    case AF_UNSPEC: return am_unspec;
    default: return term_small(domain);
    }
}

bool type_decode(term_t t, int *type)
{
    switch (t) {
    case am_stream: *type = SOCK_STREAM; return true;
    case am_dgram: *type = SOCK_DGRAM; return true;
    case am_raw: *type = SOCK_RAW; return true;
    case am_seqpacket: *type = SOCK_SEQPACKET; return true;
    default: return term_to_int(t, type);
    }
}

term_t type_term(int type)
{
    switch (type) {
    case SOCK_STREAM: return am_stream;
    case SOCK_DGRAM: return am_dgram;
    case SOCK_RAW: return am_raw;
    case SOCK_SEQPACKET: return am_seqpacket;
    case SOCK_RDM: return am_rdm;
    default: return term_small(type);
    }
}

bool level_decode(term_t t, int *level)
{
    if (t != am_socket) return term_to_int(t, level);
    *level = SOL_SOCKET;
    return true;
}

term_t level_term(int level) { return level == SOL_SOCKET ? am_socket : term_small(level); }

bool tos_decode(term_t t, int *tos)
{
    switch (t) {
    case am_lowdelay: *tos = IPTOS_LOWDELAY; return true;
    case am_throughput: *tos = IPTOS_THROUGHPUT; return true;
    case am_reliability: *tos = IPTOS_RELIABILITY; return true;
    case am_mincost: *tos = IPTOS_MINCOST; return true;
    default: return term_to_int(t, tos);
    }
}

term_t tos_term(int tos)
{
    switch (IPTOS_TOS(tos)) {
    case IPTOS_LOWDELAY: return am_lowdelay;
    case IPTOS_THROUGHPUT: return am_throughput;
    case IPTOS_RELIABILITY: return am_reliability;
    case IPTOS_MINCOST: return am_mincost;
    default: return term_small(tos);
    }
}

bool timeval_decode(term_t t, struct timeval *v)
{
    int64_t sec, usec;
    if (!term_is_map(t)) return false;
    term_t s = map_get(t, am_sec), u = map_get(t, am_usec);
    if (s == TERM_NONE || u == TERM_NONE || !term_to_int64(s, &sec) || !term_to_int64(u, &usec))
        return false;
    *v = (struct timeval){.tv_sec = sec, .tv_usec = usec};
    return true;
}

term_t timeval_term(Heap *h, const struct timeval *v)
{
    return map_of(h, 2, am_sec, heap_int(h, v->tv_sec), am_usec, heap_int(h, v->tv_usec));
}

/* ---- IP addresses ---- */

static bool numbers_decode(term_t t, size_t n, int max, int *v)
{
    if (!term_is_tuple_of(t, n)) return false;
    for (size_t i = 0; i < n; i++)
        if (!term_to_int(tuple_element(t, i + 1), &v[i]) || v[i] < 0 || v[i] > max) return false;
    return true;
}

bool in_addr_decode(term_t t, void *addr)
{
    int v[4];
    uint32_t known = htonl(t == am_loopback ? INADDR_LOOPBACK : t == am_any ? INADDR_ANY : INADDR_BROADCAST);
    if (t == am_loopback || t == am_any || t == am_broadcast) {
        memcpy(addr, &known, 4);
        return true;
    }
    if (!numbers_decode(t, 4, 255, v)) return false;
    for (size_t i = 0; i < 4; i++) ((uint8_t *)addr)[i] = (uint8_t)v[i];
    return true;
}

bool in6_addr_decode(term_t t, void *addr)
{
    int v[8];
    if (t == am_loopback || t == am_any) {
        memcpy(addr, t == am_any ? &in6addr_any : &in6addr_loopback, 16);
        return true;
    }
    if (!numbers_decode(t, 8, 65535, v)) return false;
    for (size_t i = 0; i < 8; i++) {
        ((uint8_t *)addr)[2 * i] = (uint8_t)(v[i] >> 8);
        ((uint8_t *)addr)[2 * i + 1] = (uint8_t)v[i];
    }
    return true;
}

term_t in_addr_term(Heap *h, const void *addr)
{
    const uint8_t *b = addr;
    return heap_tuple4(h, term_small(b[0]), term_small(b[1]), term_small(b[2]), term_small(b[3]));
}

term_t in6_addr_term(Heap *h, const void *addr)
{
    const uint8_t *b = addr;
    term_t v[8];
    for (size_t i = 0; i < 8; i++) v[i] = term_small(b[2 * i] << 8 | b[2 * i + 1]);
    return heap_tuple(h, 8, v);
}

/* ---- decoding ---- */

static bool int_field(term_t map, term_t key, int *v)
{
    term_t t = map_get(map, key);
    return t != TERM_NONE && term_to_int(t, v);
}

static bool uint_field(term_t map, term_t key, uint32_t *v)
{
    term_t t = map_get(map, key);
    return t != TERM_NONE && term_to_uint(t, v);
}

static bool decode_in(term_t map, struct sockaddr_in *in, socklen_t *bytes)
{
    int port;
    *in = (struct sockaddr_in){.sin_family = AF_INET};
    if (!int_field(map, am_port, &port)) return false;
    in->sin_port = htons((uint16_t)port);
    *bytes = sizeof *in;
    term_t addr = map_get(map, am_addr);
    return addr != TERM_NONE && in_addr_decode(addr, &in->sin_addr);
}

static bool decode_in6(term_t map, struct sockaddr_in6 *in, socklen_t *bytes)
{
    int port;
    *in = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (!int_field(map, am_port, &port)) return false;
    in->sin6_port = htons((uint16_t)port);
    if (!uint_field(map, am_flowinfo, &in->sin6_flowinfo)) return false;
    if (!uint_field(map, am_scope_id, &in->sin6_scope_id)) return false;
    *bytes = sizeof *in;
    term_t addr = map_get(map, am_addr);
    return addr != TERM_NONE && in6_addr_decode(addr, &in->sin6_addr);
}

/* The path is terminated, unless it begins with a zero byte: then all its bytes are an abstract name. */
static bool decode_local(const uint8_t *path, size_t n, struct sockaddr_un *un, socklen_t *bytes)
{
    bool abstract = n > 0 && path[0] == 0;
    if (n + !abstract > sizeof un->sun_path) return false;
    *un = (struct sockaddr_un){.sun_family = AF_LOCAL};
    memcpy(un->sun_path, path, n);
    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

static bool decode_native(const uint8_t *data, size_t n, int family, SockAddr *a, socklen_t *bytes)
{
    size_t head = offsetof(struct sockaddr, sa_data);
    if (n > sizeof *a - head) return false;
    *a = (SockAddr){.storage = {0}};
    a->sa.sa_family = (sa_family_t)family;
    memcpy((uint8_t *)a + head, data, n);
    *bytes = (socklen_t)(head + n);
    return true;
}

static bool decode_binary(term_t map, int family, bool native, SockAddr *a, socklen_t *bytes)
{
    term_t t = map_get(map, native ? am_addr : am_path);
    if (t == TERM_NONE || !term_is_binary(t)) return false;
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *data = binary_bytes(t, &n, &temp);
    bool ok = native ? decode_native(data, n, family, a, bytes)
                     : decode_local(data, n, (struct sockaddr_un *)a, bytes);
    temp_bytes_free(&temp);
    return ok;
}

bool sockaddr_decode(term_t map, SockAddr *a, socklen_t *bytes)
{
    int family;
    if (!term_is_map(map)) return false;
    term_t t = map_get(map, am_family);
    int known = t == TERM_NONE ? 0 : domain_decode(t, &family);
    if (known == 0) return false;
    *a = (SockAddr){.storage = {0}};
    if (known < 0 || family == AF_UNSPEC) return decode_binary(map, family, true, a, bytes);
    if (family == AF_INET) return decode_in(map, (struct sockaddr_in *)a, bytes);
    if (family == AF_INET6) return decode_in6(map, (struct sockaddr_in6 *)a, bytes);
    return decode_binary(map, family, false, a, bytes);
}

/* ---- encoding ---- */

static term_t native_term(Heap *h, const struct sockaddr *a, size_t bytes, term_t family)
{
    size_t head = offsetof(struct sockaddr, sa_data);
    term_t data = heap_binary(h, a->sa_data, bytes > head ? bytes - head : 0);
    return map_of(h, 2, am_family, family, am_addr, data);
}

static term_t in_term(Heap *h, const struct sockaddr_in *in)
{
    return map_of(h, 3, am_family, am_inet, am_port, term_small(ntohs(in->sin_port)), am_addr,
                  in_addr_term(h, &in->sin_addr));
}

static term_t in6_term(Heap *h, const struct sockaddr_in6 *in)
{
    return map_of(h, 5, am_family, am_inet6, am_port, term_small(ntohs(in->sin6_port)), am_addr,
                  in6_addr_term(h, &in->sin6_addr), am_flowinfo, term_small((int32_t)in->sin6_flowinfo),
                  am_scope_id, term_small((int32_t)in->sin6_scope_id));
}

static term_t local_term(Heap *h, const struct sockaddr_un *un, size_t bytes)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    if (bytes < head) return native_term(h, (const struct sockaddr *)un, bytes, am_local);
    size_t n = bytes - head;
    if (n > PATH_MAX_SHOWN) return am_bad_data;
    size_t text = strnlen(un->sun_path, n);
    return map_of(h, 2, am_family, am_local, am_path, heap_binary(h, un->sun_path, text ? text : n));
}

static term_t hardware_name(int number, bool interface)
{
    switch (number) {
#define HARDWARE(n, name, both) case n: return both || !interface ? name : term_small(number);
#define PACKET_KIND(n, name)
#include "io/socket_hatype.def"
#undef HARDWARE
#undef PACKET_KIND
    default: return term_small(number);
    }
}

static term_t packet_kind(int number)
{
    switch (number) {
#define HARDWARE(n, name, both)
#define PACKET_KIND(n, name) case n: return name;
#include "io/socket_hatype.def"
#undef HARDWARE
#undef PACKET_KIND
    default: return term_small(number);
    }
}

static term_t link_term(Heap *h, const struct sockaddr_ll *ll)
{
    size_t n = MIN((size_t)ll->sll_halen, sizeof ll->sll_addr);
    return map_of(h, 6, am_family, am_packet, am_protocol, term_small(ntohs(ll->sll_protocol)), am_ifindex,
                  term_small(ll->sll_ifindex), am_hatype, hardware_name(ll->sll_hatype, false), am_pkttype,
                  packet_kind(ll->sll_pkttype), am_addr, heap_binary(h, ll->sll_addr, n));
}

static size_t local_size(const struct sockaddr_un *un)
{
    return offsetof(struct sockaddr_un, sun_path) + strnlen(un->sun_path, sizeof un->sun_path);
}

term_t sockaddr_term(Heap *h, const SockAddr *a, int bytes)
{
    if (bytes > 0 && (size_t)bytes < offsetof(struct sockaddr, sa_data)) return heap_binary(h, a, (size_t)bytes);
    size_t given = bytes > 0 ? (size_t)bytes : 0;
    switch (a->sa.sa_family) {
    case AF_INET:
        if (bytes <= 0 || given >= sizeof(struct sockaddr_in)) return in_term(h, (const void *)a);
        return native_term(h, &a->sa, given, am_inet);
    case AF_INET6:
        if (bytes <= 0 || given >= sizeof(struct sockaddr_in6)) return in6_term(h, (const void *)a);
        return native_term(h, &a->sa, given, am_inet6);
    case AF_LOCAL: return local_term(h, (const void *)a, given ? given : local_size((const void *)a));
    case AF_PACKET:
        if (bytes <= 0 || given >= sizeof(struct sockaddr_ll)) return link_term(h, (const void *)a);
        return native_term(h, &a->sa, given, am_packet);
    case AF_UNSPEC: return native_term(h, &a->sa, given, am_unspec);
    default: return native_term(h, &a->sa, given, term_small(a->sa.sa_family));
    }
}

term_t sockaddr_hardware_term(Heap *h, const struct sockaddr *a)
{
    return native_term(h, a, sizeof *a, hardware_name(a->sa_family, true));
}
