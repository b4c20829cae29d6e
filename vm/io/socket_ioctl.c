/* SPDX-License-Identifier: Apache-2.0 */
/* socket_ioctl - requests about network interfaces. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "data/map.h"
#include "term/atom.h"
#include "term/big.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>

enum IfreqKind { IFREQ_INT, IFREQ_FLAGS, IFREQ_ADDR, IFREQ_HARDWARE, IFREQ_MAP, IFREQ_MTU, IFREQ_TXQLEN };
enum { INTERFACES_FIRST = 100, INTERFACES_MORE = 100 };

/* A string of up to IFNAMSIZ - 1 characters counts, whatever follows. */
static bool name_arg(term_t t, struct ifreq *r)
{
    size_t n = 0;
    *r = (struct ifreq){0};
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 255) return false;
        if (n < IFNAMSIZ - 1) r->ifr_name[n++] = (char)small_value(c);
    }
    return t == TERM_NIL;
}

static term_t name_term(Heap *h, const char *name)
{
    return heap_string(h, name, strnlen(name, IFNAMSIZ), TERM_NIL);
}

/* ---- one field of an interface ---- */

static term_t addr_of(Heap *h, const void *field)
{
    SockAddr addr = {.storage = {0}};
    memcpy(&addr, field, sizeof(struct sockaddr));
    return sockaddr_term(h, &addr, -1);
}

static term_t map_field(Heap *h, const struct ifmap *m)
{
    return map_of(h, 6, am_mem_start, heap_uint(h, m->mem_start), am_mem_end, heap_uint(h, m->mem_end),
                  am_base_addr, term_small(m->base_addr), am_irq, term_small(m->irq), am_dma,
                  term_small(m->dma), am_port, term_small(m->port));
}

static term_t field_term(Heap *h, enum IfreqKind kind, const void *field)
{
    switch (kind) {
    case IFREQ_FLAGS: return socket_interface_flags(h, *(const short *)field);
    case IFREQ_ADDR: return addr_of(h, field);
    case IFREQ_HARDWARE: return sockaddr_hardware_term(h, field);
    case IFREQ_MAP: return map_field(h, field);
    default: return term_small(*(const int *)field);
    }
}

static bool field_decode(enum IfreqKind kind, term_t value, void *field)
{
    SockAddr addr;
    socklen_t n;
    if (kind != IFREQ_ADDR) return term_to_int(value, field);
    if (!sockaddr_decode(value, &addr, &n)) return false;
    memcpy(field, &addr, sizeof(struct sockaddr));
    return true;
}

static term_t invalid_field(Process *p, enum IfreqKind kind)
{
    return socket_invalid(p, kind == IFREQ_ADDR ? am_sockaddr : kind == IFREQ_MTU ? am_mtu : am_txqlen);
}

static term_t get_name(Process *p, Socket *s, term_t index)
{
    struct ifreq r = {0};
    if (!term_to_int(index, &r.ifr_ifindex)) return bif_error(p, EXC_BADARG);
    if (ioctl(socket_fd(s), SIOCGIFNAME, &r) < 0) return socket_errno(p, errno);
    return socket_ok(p, name_term(&p->heap, r.ifr_name));
}

static term_t get_field(Process *p, Socket *s, uint64_t request, term_t name)
{
    struct ifreq r;
    switch (request) {
#define IOCTL_GET(id, number, kind, field) \
    case number: \
        if (!name_arg(name, &r)) return bif_error(p, EXC_BADARG); \
        if (ioctl(socket_fd(s), number, &r) < 0) return socket_errno(p, errno); \
        return socket_ok(p, field_term(&p->heap, kind, &r.field));
#define IOCTL_SET(id, number, kind, field)
#define IOCTL_OTHER(id, number)
#include "io/socket_ioctl.def"
#undef IOCTL_GET
#undef IOCTL_SET
#undef IOCTL_OTHER
    case SIOCGIFNAME: return get_name(p, s, name);
    default: return socket_error(p, am_enotsup);
    }
}

/* The map says which bits to set and which to clear. */
static bool change_flags(term_t map, short *flags)
{
    MapIter it;
    term_t key, value;
    int bits = *flags, flag;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &key, &value)) {
        if (!term_to_int(key, &flag)) return false;
        bits = value == am_true ? bits | flag : bits & ~flag;
    }
    *flags = (short)bits;
    return true;
}

static term_t set_flags(Process *p, Socket *s, term_t name, term_t map)
{
    struct ifreq r;
    if (!name_arg(name, &r) || !term_is_map(map)) return bif_error(p, EXC_BADARG);
    if (ioctl(socket_fd(s), SIOCGIFFLAGS, &r) < 0) return socket_errno(p, errno);
    if (!change_flags(map, &r.ifr_flags)) return bif_error(p, EXC_BADARG);
    return ioctl(socket_fd(s), SIOCSIFFLAGS, &r) < 0 ? socket_errno(p, errno) : am_ok;
}

static term_t set_field(Process *p, Socket *s, uint64_t request, term_t name, term_t value)
{
    struct ifreq r;
    switch (request) {
#define IOCTL_GET(id, number, kind, field)
#define IOCTL_SET(id, number, kind, field) \
    case number: \
        if (!name_arg(name, &r)) return bif_error(p, EXC_BADARG); \
        if (!field_decode(kind, value, &r.field)) return invalid_field(p, kind); \
        return ioctl(socket_fd(s), number, &r) < 0 ? socket_errno(p, errno) : am_ok;
#define IOCTL_OTHER(id, number)
#include "io/socket_ioctl.def"
#undef IOCTL_GET
#undef IOCTL_SET
#undef IOCTL_OTHER
    case SIOCSIFFLAGS: return set_flags(p, s, name, value);
    default: return socket_error(p, am_enotsup);
    }
}

/* ---- all interfaces ---- */

static term_t interface_list(Heap *h, const struct ifreq *r, size_t n)
{
    term_t list = TERM_NIL;
    while (n-- > 0) {
        term_t addr = addr_of(h, &r[n].ifr_addr);
        list = heap_cons(h, map_of(h, 2, am_name, name_term(h, r[n].ifr_name), am_addr, addr), list);
    }
    return list;
}

/* With room left over, so that nothing was cut off. */
static term_t get_all(Process *p, Socket *s)
{
    for (size_t room = INTERFACES_FIRST;; room += INTERFACES_MORE) {
        size_t size = room * sizeof(struct ifreq);
        struct ifconf c = {.ifc_len = (int)size, .ifc_req = mem_alloc(MEM_TEMP, size)};
        int r = ioctl(socket_fd(s), SIOCGIFCONF, &c);
        size_t n = (size_t)c.ifc_len / sizeof(struct ifreq);
        term_t result = r < 0     ? socket_errno(p, errno)
                        : n < room ? socket_ok(p, interface_list(&p->heap, c.ifc_req, n))
                                   : TERM_NONE;
        mem_free(MEM_TEMP, c.ifc_req, size);
        if (result != TERM_NONE) return result;
    }
}

/* ---- natives ---- */

enum { NO_ARGUMENT, NAME, NAME_AND_VALUE };

static term_t ask(Process *p, Socket *s, uint64_t request, const term_t *a, int form)
{
    if (!socket_reads(s)) return socket_closed(p);
    if (form == NAME) return get_field(p, s, request, a[2]);
    if (form == NAME_AND_VALUE) return set_field(p, s, request, a[2], a[3]);
    return request == SIOCGIFCONF ? get_all(p, s) : socket_error(p, am_enotsup);
}

static term_t ioctl_native(Process *p, const term_t *a, int form)
{
    uint64_t request;
    SOCKET_ARG(s, a[0]);
    if (!term_to_uint64(a[1], &request)) return socket_no_int(p, a[1]);
    mutex_lock(&s->lock);
    term_t r = ask(p, s, request, a, form);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_ioctl, 2, DIRTY_IO) { return ioctl_native(p, a, NO_ARGUMENT); }
BIF(prim_socket, nif_ioctl, 3, DIRTY_IO) { return ioctl_native(p, a, NAME); }
BIF(prim_socket, nif_ioctl, 4, DIRTY_IO) { return ioctl_native(p, a, NAME_AND_VALUE); }
