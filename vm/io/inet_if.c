/* SPDX-License-Identifier: Apache-2.0 */
/* inet_if - network interfaces, the host's name, names of services. Layer: io. */
#include "io/inet.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { IFOPT_ADDR = 1, IFOPT_BROADADDR, IFOPT_DSTADDR, IFOPT_MTU, IFOPT_NETMASK, IFOPT_FLAGS,
       IFOPT_HWADDR };

static const struct {
    uint32_t ours, system;
} flag_table[] = {
    {0x01, IFF_UP}, {0x02, IFF_BROADCAST}, {0x04, IFF_LOOPBACK}, {0x08, IFF_POINTOPOINT},
    {0x10, IFF_RUNNING}, {0x20, IFF_MULTICAST},
};

static uint32_t flags_of(uint32_t system)
{
    uint32_t v = 0;
    for (size_t i = 0; i < ARRAY_LEN(flag_table); i++)
        if (system & flag_table[i].system) v |= flag_table[i].ours;
    return v;
}

static void put32(Buf *b, uint32_t v)
{
    uint8_t bytes[4];
    bytes_store_be32(bytes, v);
    buf_append(b, bytes, 4);
}

static void put_hardware(Buf *b, const uint8_t *address, size_t n)
{
    buf_putc(b, IFOPT_HWADDR);
    buf_putc(b, (char)(n >> 8));
    buf_putc(b, (char)n);
    buf_append(b, address, n);
}

static void put_ip(Buf *b, uint8_t option, const struct sockaddr *a)
{
    uint8_t out[INET_ADDR_BYTES];
    size_t n = a ? inet_encode_ip(a, out) : 0;
    if (n == 0) return;
    buf_putc(b, (char)option);
    buf_append(b, out, n);
}

/* ---- getifaddrs: for each address name, zero, options, zero ---- */

static void put_interface(Buf *b, const struct ifaddrs *i)
{
    buf_append(b, i->ifa_name, strlen(i->ifa_name) + 1);
    buf_putc(b, IFOPT_FLAGS);
    put32(b, flags_of(i->ifa_flags));
    if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET) {
        const struct sockaddr_ll *ll = (const struct sockaddr_ll *)i->ifa_addr;
        if (ll->sll_halen > 0) put_hardware(b, ll->sll_addr, ll->sll_halen);
    } else if (i->ifa_addr) {
        put_ip(b, IFOPT_ADDR, i->ifa_addr);
        put_ip(b, IFOPT_NETMASK, i->ifa_netmask);
        if (i->ifa_flags & IFF_POINTOPOINT) put_ip(b, IFOPT_DSTADDR, i->ifa_dstaddr);
        else if (i->ifa_flags & IFF_BROADCAST) put_ip(b, IFOPT_BROADADDR, i->ifa_broadaddr);
    }
    buf_putc(b, 0);
}

static term_t all_addresses(Process *p)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) return inet_error(p, errno);
    Buf b = BUF_INIT(TEMP);
    for (struct ifaddrs *i = list; i; i = i->ifa_next) put_interface(&b, i);
    freeifaddrs(list);
    term_t result = inet_ok(p, buf_text(&b), b.len);
    buf_free(&b);
    return result;
}

/* Names of interfaces that have an IPv4 address, each with a zero behind it. */
static term_t interface_names(InetSocket *s, Process *p)
{
    struct ifreq requests[128];
    struct ifconf c = {.ifc_len = sizeof requests, .ifc_req = requests};
    if (ioctl(s->fd, SIOCGIFCONF, &c) != 0) return inet_error(p, errno);
    Buf b = BUF_INIT(TEMP);
    for (size_t i = 0; i < (size_t)c.ifc_len / sizeof *requests; i++) {
        buf_puts(&b, requests[i].ifr_name);
        buf_putc(&b, 0);
    }
    term_t result = inet_ok(p, buf_text(&b), b.len);
    buf_free(&b);
    return result;
}

/* ---- one interface ---- */

static void get_address(int fd, struct ifreq *r, unsigned long request, uint8_t option, Buf *b)
{
    if (ioctl(fd, request, r) == 0) put_ip(b, option, &r->ifr_addr);
}

static bool get_option(int fd, struct ifreq *r, uint8_t option, Buf *b)
{
    switch (option) {
    case IFOPT_ADDR: get_address(fd, r, SIOCGIFADDR, option, b); return true;
    case IFOPT_NETMASK: get_address(fd, r, SIOCGIFNETMASK, option, b); return true;
    case IFOPT_BROADADDR: get_address(fd, r, SIOCGIFBRDADDR, option, b); return true;
    case IFOPT_DSTADDR: get_address(fd, r, SIOCGIFDSTADDR, option, b); return true;
    case IFOPT_MTU:
        if (ioctl(fd, SIOCGIFMTU, r) != 0) return true;
        buf_putc(b, (char)option);
        put32(b, (uint32_t)r->ifr_mtu);
        return true;
    case IFOPT_FLAGS:
        buf_putc(b, (char)option);
        put32(b, ioctl(fd, SIOCGIFFLAGS, r) == 0 ? flags_of((uint16_t)r->ifr_flags) : 0);
        return true;
    case IFOPT_HWADDR:
        if (ioctl(fd, SIOCGIFHWADDR, r) == 0)
            put_hardware(b, (const uint8_t *)r->ifr_hwaddr.sa_data, 6);
        return true;
    default: return false;
    }
}

/* Length and name of the interface; what follows is left in *bytes. */
static bool take_name(const uint8_t **bytes, size_t *n, struct ifreq *r)
{
    *r = (struct ifreq){0};
    if (*n < 1 || *n - 1 < (*bytes)[0]) return false;
    size_t length = (*bytes)[0];
    memcpy(r->ifr_name, *bytes + 1, MIN(length, sizeof r->ifr_name - 1));
    *bytes += 1 + length, *n -= 1 + length;
    return true;
}

static term_t get_interface(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    struct ifreq r;
    Buf b = BUF_INIT(TEMP);
    bool ok = take_name(&bytes, &n, &r);
    for (size_t i = 0; ok && i < n; i++) ok = get_option(s->fd, &r, bytes[i], &b);
    term_t result = ok ? inet_ok(p, buf_text(&b), b.len) : inet_error(p, EINVAL);
    buf_free(&b);
    return result;
}

/* Bits of the flags set what is in the low half and clear what is in the high half. */
static void change_flags(int fd, struct ifreq *r, uint32_t v)
{
    if (ioctl(fd, SIOCGIFFLAGS, r) != 0) return;
    uint32_t flags = (uint16_t)r->ifr_flags;
    for (size_t i = 0; i < ARRAY_LEN(flag_table); i++) {
        if (v & flag_table[i].ours) flags |= flag_table[i].system;
        if (v & flag_table[i].ours << 8) flags &= ~flag_table[i].system;
    }
    r->ifr_flags = (short)flags;
    ioctl(fd, SIOCSIFFLAGS, r);
}

static unsigned long setter_of(uint8_t option)
{
    switch (option) {
    case IFOPT_ADDR: return SIOCSIFADDR;
    case IFOPT_BROADADDR: return SIOCSIFBRDADDR;
    case IFOPT_DSTADDR: return SIOCSIFDSTADDR;
    case IFOPT_NETMASK: return SIOCSIFNETMASK;
    default: return 0;
    }
}

/* One option at *at; false: it is no option or cut off. */
static bool set_option(InetSocket *s, struct ifreq *r, const uint8_t **at, const uint8_t *end)
{
    uint8_t option = *(*at)++;
    size_t left = (size_t)(end - *at), used = 4;
    if (left < 2) return false;
    const uint8_t *v = *at;
    if (setter_of(option)) {
        if (v[0] != INET_AF_INET || left < 5) return false;
        struct sockaddr_in *in = (struct sockaddr_in *)&r->ifr_addr;
        *in = (struct sockaddr_in){.sin_family = AF_INET};
        memcpy(&in->sin_addr, v + 1, 4);
        ioctl(s->fd, setter_of(option), r);
        used = 5;
    } else if (option == IFOPT_HWADDR) {
        used = 2 + ((size_t)v[0] << 8 | v[1]);
        if (left < used) return false;
        r->ifr_hwaddr = (struct sockaddr){.sa_family = s->domain == AF_INET ? AF_INET : AF_INET6};
        memcpy(r->ifr_hwaddr.sa_data, v + 2, MIN(used - 2, sizeof r->ifr_hwaddr.sa_data));
        ioctl(s->fd, SIOCSIFHWADDR, r);
    } else if (left < 4) {
        return false;
    } else if (option == IFOPT_FLAGS) {
        change_flags(s->fd, r, bytes_load_be32(v));
    } else if (option == IFOPT_MTU) {
        r->ifr_mtu = (int)bytes_load_be32(v);
        ioctl(s->fd, SIOCSIFMTU, r);
    } else {
        return false;
    }
    *at += used;
    return true;
}

static term_t set_interface(InetSocket *s, Process *p, const uint8_t *bytes, size_t n)
{
    struct ifreq r;
    const uint8_t *end = bytes + n;
    bool ok = take_name(&bytes, &n, &r);
    while (ok && bytes < end) ok = set_option(s, &r, &bytes, end);
    return ok ? inet_ok_empty(p) : inet_error(p, EINVAL);
}

term_t inet_interfaces(InetSocket *s, Process *p, uint32_t request, const uint8_t *bytes, size_t n)
{
    if (!inet_is_open(s)) return inet_error_text(p, "exbadport");
    switch (request) {
    case INET_REQ_GETIFADDRS: return all_addresses(p);
    case INET_REQ_GETIFLIST: return interface_names(s, p);
    case INET_REQ_IFGET: return get_interface(s, p, bytes, n);
    default: return set_interface(s, p, bytes, n);
    }
}

/* ---- names ---- */

static term_t host_name(Process *p)
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0) return inet_error(p, errno);
    return inet_ok(p, name, strlen(name));
}

/* Length byte and text, made a C string. */
static bool take_text(const uint8_t **bytes, size_t *n, char text[256])
{
    if (*n < 1 || *n - 1 < (*bytes)[0]) return false;
    size_t length = (*bytes)[0];
    memcpy(text, *bytes + 1, length);
    text[length] = 0;
    *bytes += 1 + length, *n -= 1 + length;
    return true;
}

static term_t service_port(Process *p, const uint8_t *bytes, size_t n)
{
    char name[256], protocol[256], space[2048];
    struct servent entry, *found = NULL;
    if (!take_text(&bytes, &n, name) || !take_text(&bytes, &n, protocol)) return inet_error(p, EINVAL);
    getservbyname_r(name, protocol, &entry, space, sizeof space, &found);
    return found ? inet_ok(p, &found->s_port, 2) : inet_error(p, EINVAL); /* kept in network order */
}

static term_t service_name(Process *p, const uint8_t *bytes, size_t n)
{
    char protocol[256], space[2048];
    struct servent entry, *found = NULL;
    uint16_t port;
    if (n < 2) return inet_error(p, EINVAL);
    memcpy(&port, bytes, 2);
    bytes += 2, n -= 2;
    if (!take_text(&bytes, &n, protocol)) return inet_error(p, EINVAL);
    getservbyport_r(port, protocol, &entry, space, sizeof space, &found);
    return found ? inet_ok(p, found->s_name, strlen(found->s_name)) : inet_error(p, EINVAL);
}

term_t inet_services(Process *p, uint32_t request, const uint8_t *bytes, size_t n)
{
    switch (request) {
    case INET_REQ_GETSERVBYNAME: return service_port(p, bytes, n);
    case INET_REQ_GETSERVBYPORT: return service_name(p, bytes, n);
    default: return host_name(p);
    }
}
