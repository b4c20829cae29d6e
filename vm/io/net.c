/* SPDX-License-Identifier: Apache-2.0 */
/* net - natives of prim_net: names of hosts and services, network interfaces. What may ask a name server
 * runs on a dirty thread. What other systems have besides says notsup, as the reference does.
 * Semantics: net(3), prim_net.erl. Layer: io. */
#include "io/socket.h"

#include "base/buf.h"
#include "data/map.h"
#include "io/port.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <unistd.h>

enum { HOST_MAX = 256, SERVICE_MAX = 256 };

/* String into b; false: no list of characters. */
static bool text_arg(term_t t, Buf *b)
{
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 255) return false;
        buf_putc(b, (char)small_value(c));
    }
    return t == TERM_NIL;
}

static term_t text_term(Heap *h, const char *text) { return heap_string(h, text, strlen(text), TERM_NIL); }

BIF(prim_net, nif_info, 0, 0) { return map_of(&p->heap, 1, am_debug, am_false); }

BIF(prim_net, nif_command, 1, 0)
{
    if (!term_is_tuple_of(a[0], 2) || tuple_element(a[0], 1) != am_debug) return socket_errno(p, EINVAL);
    return term_is_bool(tuple_element(a[0], 2)) ? am_ok : socket_errno(p, EINVAL);
}

BIF(prim_net, nif_gethostname, 0, 0)
{
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) != 0) return socket_errno(p, errno);
    return socket_ok(p, text_term(&p->heap, name));
}

/* ---- resolver ---- */

/* `address`: the call was getaddrinfo, where system errors have a name of their own. */
static term_t resolver_error(Process *p, int code, bool address)
{
    switch (code) {
    case EAI_AGAIN: return socket_error(p, am_eagain);
    case EAI_BADFLAGS: return socket_error(p, am_ebadflags);
    case EAI_FAIL: return socket_error(p, am_efail);
    case EAI_FAMILY: return socket_error(p, am_efamily);
    case EAI_MEMORY: return socket_error(p, am_emem);
    case EAI_NONAME: return socket_error(p, am_enoname);
    case EAI_SYSTEM: return address ? socket_error(p, am_esystem) : socket_errno(p, errno);
    case EAI_OVERFLOW: return socket_error(p, address ? am_einval : am_eoverflow);
    default: break;
    }
    if (!address) return socket_error(p, am_einval);
    switch (code) {
    case EAI_ADDRFAMILY: return socket_error(p, am_eaddrfamily);
    case EAI_NODATA: return socket_error(p, am_enodata);
    case EAI_SERVICE: return socket_error(p, am_eservice);
    case EAI_SOCKTYPE: return socket_error(p, am_esocktype);
    default: return socket_error(p, am_einval);
    }
}

static bool name_flags(term_t t, int *flags)
{
    *flags = 0;
    if (t == am_undefined) return true;
    for (; term_is_list_cell(t); t = list_tail(t)) {
        switch (list_head(t)) {
        case am_namereqd: *flags |= NI_NAMEREQD; break;
        case am_dgram: *flags |= NI_DGRAM; break;
        case am_nofqdn: *flags |= NI_NOFQDN; break;
        case am_numerichost: *flags |= NI_NUMERICHOST; break;
        case am_numericserv: *flags |= NI_NUMERICSERV; break;
        case am_idn: *flags |= NI_IDN; break;
        default: return false;
        }
    }
    return t == TERM_NIL;
}

BIF(prim_net, nif_getnameinfo, 2, LONG_IO)
{
    SockAddr addr;
    socklen_t n;
    int flags;
    char host[HOST_MAX], service[SERVICE_MAX];
    if (!sockaddr_decode(a[0], &addr, &n)) return socket_errno(p, EINVAL);
    if (!name_flags(a[1], &flags)) return bif_error(p, EXC_BADARG);
    int code = getnameinfo(&addr.sa, n, host, sizeof host, service, sizeof service, flags);
    if (code != 0) return resolver_error(p, code, false);
    return socket_ok(p, map_of(&p->heap, 2, am_host, text_term(&p->heap, host), am_service,
                               text_term(&p->heap, service)));
}

static term_t address_info(Heap *h, const struct addrinfo *i)
{
    SockAddr addr = {.storage = {0}};
    memcpy(&addr, i->ai_addr, MIN((size_t)i->ai_addrlen, sizeof addr));
    return map_of(h, 4, am_family, domain_term(i->ai_family), am_type, type_term(i->ai_socktype), am_protocol,
                  term_small(i->ai_protocol), am_addr, sockaddr_term(h, &addr, (int)i->ai_addrlen));
}

static term_t address_infos(Heap *h, const struct addrinfo *i)
{
    term_t items[256];
    size_t n = 0;
    for (; i && n < ARRAY_LEN(items); i = i->ai_next) items[n++] = address_info(h, i);
    return heap_list(h, n, items, TERM_NIL);
}

static term_t resolve(Process *p, const char *host, const char *service)
{
    struct addrinfo *found;
    int code = getaddrinfo(host, service, NULL, &found);
    if (code != 0) return resolver_error(p, code, true);
    term_t list = address_infos(&p->heap, found);
    freeaddrinfo(found);
    return socket_ok(p, list);
}

BIF(prim_net, nif_getaddrinfo, 3, LONG_IO)
{
    Buf host = BUF_INIT(TEMP), service = BUF_INIT(TEMP);
    bool no_host = a[0] == am_undefined, no_service = a[1] == am_undefined;
    bool ok = (no_host || text_arg(a[0], &host)) && (no_service || text_arg(a[1], &service)) &&
              !(no_host && no_service);
    term_t r = ok ? resolve(p, no_host ? NULL : buf_text(&host), no_service ? NULL : buf_text(&service))
                  : bif_error(p, EXC_BADARG);
    buf_free(&host);
    buf_free(&service);
    return r;
}

/* ---- interfaces ---- */

static term_t interface_addr(Heap *h, const struct sockaddr *a)
{
    size_t n = a->sa_family == AF_INET     ? sizeof(struct sockaddr_in)
               : a->sa_family == AF_INET6  ? sizeof(struct sockaddr_in6)
               : a->sa_family == AF_PACKET ? sizeof(struct sockaddr_ll)
                                           : sizeof(struct sockaddr);
    SockAddr copy = {.storage = {0}};
    memcpy(&copy, a, n);
    return sockaddr_term(h, &copy, -1);
}

/* Only the flags that getifaddrs has always named. */
static term_t interface_flags(Heap *h, unsigned flags)
{
    enum { NAMED = IFF_UP | IFF_BROADCAST | IFF_DEBUG | IFF_LOOPBACK | IFF_POINTOPOINT | IFF_NOTRAILERS |
                   IFF_RUNNING | IFF_NOARP | IFF_PROMISC | IFF_MASTER | IFF_SLAVE | IFF_MULTICAST |
                   IFF_PORTSEL | IFF_AUTOMEDIA | IFF_DYNAMIC };
    return socket_interface_flags(h, (int)flags & NAMED);
}

static term_t interface_term(Heap *h, const struct ifaddrs *i)
{
    term_t pairs[10];
    size_t n = 0;
    pairs[n++] = am_name, pairs[n++] = text_term(h, i->ifa_name);
    pairs[n++] = am_flags, pairs[n++] = interface_flags(h, i->ifa_flags);
    if (i->ifa_addr) pairs[n++] = am_addr, pairs[n++] = interface_addr(h, i->ifa_addr);
    if (i->ifa_netmask) pairs[n++] = am_netmask, pairs[n++] = interface_addr(h, i->ifa_netmask);
    if (i->ifa_dstaddr && (i->ifa_flags & IFF_POINTOPOINT))
        pairs[n++] = am_dstaddr, pairs[n++] = interface_addr(h, i->ifa_dstaddr);
    else if (i->ifa_broadaddr && (i->ifa_flags & IFF_BROADCAST))
        pairs[n++] = am_broadaddr, pairs[n++] = interface_addr(h, i->ifa_broadaddr);
    return map_from_pairs(h, pairs, n / 2, NULL);
}

static term_t reverse(Heap *h, term_t list)
{
    term_t r = TERM_NIL;
    for (; term_is_list_cell(list); list = list_tail(list)) r = heap_cons(h, list_head(list), r);
    return r;
}

static term_t all_interfaces(Process *p)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) return socket_errno(p, errno);
    term_t items = TERM_NIL;
    for (struct ifaddrs *i = list; i; i = i->ifa_next)
        items = heap_cons(&p->heap, interface_term(&p->heap, i), items);
    freeifaddrs(list);
    return socket_ok(p, reverse(&p->heap, items));
}

/* In another name space; this thread is back in its own afterwards. */
static term_t interfaces_in(Process *p, const char *path)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = home < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    term_t r;
    if (there < 0 || setns(there, CLONE_NEWNET) != 0) {
        r = socket_errno(p, errno);
    } else {
        r = all_interfaces(p);
        if (setns(home, CLONE_NEWNET) != 0) r = socket_errno(p, errno);
    }
    if (there >= 0) close(there);
    if (home >= 0) close(home);
    return r;
}

BIF(prim_net, nif_getifaddrs, 1, DIRTY_IO)
{
    if (!term_is_map(a[0])) return bif_error(p, EXC_BADARG);
    term_t path = map_get(a[0], am_netns);
    if (path == TERM_NONE) return all_interfaces(p);
    Buf text = BUF_INIT(TEMP);
    term_t r = text_arg(path, &text) ? interfaces_in(p, buf_text(&text)) : bif_error(p, EXC_BADARG);
    buf_free(&text);
    return r;
}

BIF(prim_net, nif_if_name2index, 1, 0)
{
    Buf name = BUF_INIT(TEMP);
    bool ok = text_arg(a[0], &name) && name.len <= IF_NAMESIZE;
    unsigned index = ok ? if_nametoindex(buf_text(&name)) : 0;
    int error = ok ? errno : EINVAL;
    buf_free(&name);
    return index ? socket_ok(p, term_small(index)) : socket_errno(p, error);
}

BIF(prim_net, nif_if_index2name, 1, 0)
{
    uint32_t index;
    char name[IF_NAMESIZE + 1];
    if (!term_to_uint(a[0], &index)) return bif_error(p, EXC_BADARG);
    if (!if_indextoname(index, name)) return socket_errno(p, ENXIO);
    return socket_ok(p, text_term(&p->heap, name));
}

BIF(prim_net, nif_if_names, 0, 0)
{
    struct if_nameindex *list = if_nameindex();
    if (!list) return socket_errno(p, errno);
    size_t n = 0;
    while (list[n].if_index != 0) n++;
    term_t items = TERM_NIL;
    while (n-- > 0)
        items = heap_cons(&p->heap, heap_tuple2(&p->heap, term_small(list[n].if_index),
                                                text_term(&p->heap, list[n].if_name)), items);
    if_freenameindex(list);
    return socket_ok(p, items);
}

/* ---- of another system ---- */
BIF(prim_net, nif_get_adapters_addresses, 1, 0) { return bif_error(p, EXC_NOTSUP); }
BIF(prim_net, nif_get_if_entry, 1, 0) { return bif_error(p, EXC_NOTSUP); }
BIF(prim_net, nif_get_interface_info, 1, 0) { return bif_error(p, EXC_NOTSUP); }
BIF(prim_net, nif_get_ip_address_table, 1, 0) { return bif_error(p, EXC_NOTSUP); }
