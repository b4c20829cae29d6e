/* SPDX-License-Identifier: Apache-2.0 */
/* socket_getopt - options read. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "term/atom.h"

#include <errno.h>
#include <linux/sctp.h>
#include <net/if.h>
#include <netinet/in.h>

static bool sys_get(Socket *s, const SocketOption *o, void *value, size_t n)
{
    socklen_t size = (socklen_t)n;
    memset(value, 0, n);
    return getsockopt(socket_fd(s), o->level, o->number, value, &size) == 0;
}

static term_t mtu_term(int v)
{
    switch (v) {
    case IP_PMTUDISC_WANT: return am_want;
    case IP_PMTUDISC_DONT: return am_dont;
    case IP_PMTUDISC_DO: return am_do;
    case IP_PMTUDISC_PROBE: return am_probe;
    default: return term_small(v);
    }
}

static term_t int_value(Heap *h, Socket *s, enum SockOptKind kind, int v)
{
    switch (kind) {
    case OPT_BOOL: return term_bool(v != 0);
    case OPT_DOMAIN: return domain_term(v);
    case OPT_TYPE: return type_term(v);
    case OPT_MTU: return mtu_term(v);
    case OPT_TOS: return tos_term(v);
    case OPT_INTERFACE4: return in_addr_term(h, &v);
    /* number 0 is no protocol there, though it has a name */
    case OPT_PROTOCOL: return v == 0 && s->domain == AF_LOCAL ? am_default : term_small(v);
    default: return term_small(v);
    }
}

static term_t get_text(Process *p, Socket *s, const SocketOption *o, size_t max, bool strip)
{
    char text[CONGESTION_NAME_MAX + 1] = {0};
    socklen_t n = (socklen_t)max;
    if (getsockopt(socket_fd(s), o->level, o->number, text, &n) != 0) return socket_errno(p, errno);
    if (strip && n > 0 && text[n - 1] == 0) n--;
    return socket_ok(p, heap_string(&p->heap, text, n, TERM_NIL));
}

static term_t get_linger(Process *p, Socket *s, const SocketOption *o)
{
    struct linger l;
    if (!sys_get(s, o, &l, sizeof l)) return socket_errno(p, errno);
    return socket_ok(p, map_of(&p->heap, 2, am_onoff, term_bool(l.l_onoff != 0), am_linger,
                               term_small(l.l_linger)));
}

static term_t get_assoc(Process *p, Socket *s, const SocketOption *o)
{
    struct sctp_assocparams v;
    if (!sys_get(s, o, &v, sizeof v)) return socket_errno(p, errno);
    return socket_ok(p, map_of(&p->heap, 6, am_assoc_id, term_small((uint32_t)v.sasoc_assoc_id),
                               am_asocmaxrxt, term_small(v.sasoc_asocmaxrxt),
                               am_number_peer_destinations, term_small(v.sasoc_number_peer_destinations),
                               am_peer_rwnd, term_small(v.sasoc_peer_rwnd), am_local_rwnd,
                               term_small(v.sasoc_local_rwnd), am_cookie_life,
                               term_small(v.sasoc_cookie_life)));
}

static term_t get_initmsg(Process *p, Socket *s, const SocketOption *o)
{
    struct sctp_initmsg v;
    if (!sys_get(s, o, &v, sizeof v)) return socket_errno(p, errno);
    return socket_ok(p, map_of(&p->heap, 4, am_num_outstreams, term_small(v.sinit_num_ostreams),
                               am_max_instreams, term_small(v.sinit_max_instreams), am_max_attempts,
                               term_small(v.sinit_max_attempts), am_max_init_timeo,
                               term_small(v.sinit_max_init_timeo)));
}

static term_t get_rto(Process *p, Socket *s, const SocketOption *o)
{
    struct sctp_rtoinfo v;
    if (!sys_get(s, o, &v, sizeof v)) return socket_errno(p, errno);
    return socket_ok(p, map_of(&p->heap, 4, am_assoc_id, term_small((uint32_t)v.srto_assoc_id), am_initial,
                               term_small(v.srto_initial), am_max, term_small(v.srto_max), am_min,
                               term_small(v.srto_min)));
}

/* Control messages behind one another. */
static term_t pktoptions(Heap *h, const uint8_t *bytes, size_t n)
{
    term_t items[64];
    size_t k = 0, at = 0;
    while (at + sizeof(struct cmsghdr) <= n && k < ARRAY_LEN(items)) {
        const struct cmsghdr *c = (const struct cmsghdr *)(bytes + at);
        if (c->cmsg_len < CMSG_LEN(0) || at + c->cmsg_len > n) break;
        items[k++] = cmsg_term(h, c, bytes + at + CMSG_LEN(0), c->cmsg_len - CMSG_LEN(0));
        at += CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
    }
    return heap_list(h, k, items, TERM_NIL);
}

static term_t get_pktoptions(Process *p, Socket *s, const SocketOption *o)
{
    size_t size = s->read_control;
    socklen_t n = (socklen_t)size;
    uint8_t *buffer = mem_alloc(MEM_TEMP, size);
    int r = getsockopt(socket_fd(s), o->level, o->number, buffer, &n);
    term_t result = r != 0 ? socket_errno(p, errno) : socket_ok(p, pktoptions(&p->heap, buffer, n));
    mem_free(MEM_TEMP, buffer, size);
    return result;
}

static term_t get_int(Process *p, Socket *s, const SocketOption *o)
{
    int v;
    if (!sys_get(s, o, &v, sizeof v)) return socket_errno(p, errno);
    return socket_ok(p, int_value(&p->heap, s, o->get, v));
}

static term_t get_known(Process *p, Socket *s, const SocketOption *o)
{
    switch (o->get) {
    case OPT_NONE: return socket_invalid(p, am_socket_option);
    case OPT_DEVICE: return get_text(p, s, o, IFNAMSIZ + 1, false);
    case OPT_CONGESTION: return get_text(p, s, o, CONGESTION_NAME_MAX + 1, true);
    case OPT_LINGER: return get_linger(p, s, o);
    case OPT_PKTOPTIONS: return get_pktoptions(p, s, o);
    case OPT_ASSOC: return get_assoc(p, s, o);
    case OPT_INITMSG: return get_initmsg(p, s, o);
    case OPT_RTO: return get_rto(p, s, o);
    default: return get_int(p, s, o);
    }
}

/* ---- native values ---- */

/* Up to `size` bytes; `given`: what the buffer holds before. */
static term_t get_bytes(Process *p, Socket *s, int level, int option, const uint8_t *given, size_t size)
{
    socklen_t n = (socklen_t)size;
    uint8_t *buffer = mem_alloc(MEM_TEMP, size ? size : 1);
    if (given) memcpy(buffer, given, size);
    else memset(buffer, 0, size);
    int r = getsockopt(socket_fd(s), level, option, buffer, &n);
    term_t result = r != 0 ? socket_errno(p, errno) : socket_ok(p, heap_binary(&p->heap, buffer, MIN(n, size)));
    mem_free(MEM_TEMP, buffer, size ? size : 1);
    return result;
}

static term_t get_native(Process *p, Socket *s, int level, int option, term_t spec)
{
    int size;
    if (spec == am_integer || spec == am_boolean) {
        SocketOption o = {level, option, TERM_NONE, OPT_NONE, spec == am_integer ? OPT_INT : OPT_BOOL};
        return get_int(p, s, &o);
    }
    if (term_to_int(spec, &size) && size == 0)
        return getsockopt(socket_fd(s), level, option, NULL, NULL) == 0 ? am_ok : socket_errno(p, errno);
    if (term_to_int(spec, &size) && size > 0) return get_bytes(p, s, level, option, NULL, (size_t)size);
    if (!term_is_binary(spec)) return socket_invalid(p, am_value);
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *given = binary_bytes(spec, &n, &temp);
    term_t r = get_bytes(p, s, level, option, given, n);
    temp_bytes_free(&temp);
    return r;
}

/* spec TERM_NONE: as the option's kind says. */
static term_t get_locked(Process *p, Socket *s, int level, int option, term_t spec)
{
    if (!socket_reads(s)) return socket_closed(p);
    if (spec != TERM_NONE) return get_native(p, s, level, option, spec);
    const SocketOption *o = socket_option(level, option);
    return o ? get_known(p, s, o) : socket_invalid(p, am_socket_option);
}

static term_t getopt_native(Process *p, const term_t *a, term_t spec)
{
    int level, option;
    SOCKET_ARG(s, a[0]);
    if (!term_to_int(a[2], &option)) return socket_no_int(p, a[2]);
    bool plain = level_decode(a[1], &level);
    if (!plain && (a[1] != am_otp || spec != TERM_NONE)) return socket_no_int(p, a[1]);
    mutex_lock(&s->lock);
    term_t r = plain ? get_locked(p, s, level, option, spec) : socket_get_otp(p, s, option);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_getopt, 3, 0) { return getopt_native(p, a, TERM_NONE); }
BIF(prim_socket, nif_getopt, 4, 0) { return getopt_native(p, a, a[3]); }
