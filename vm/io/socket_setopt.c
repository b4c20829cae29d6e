/* SPDX-License-Identifier: Apache-2.0 */
/* socket_setopt - options set: those of level otp are ours, the others the system's. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "data/iolist.h"
#include "data/map.h"
#include "term/big.h"

#include <errno.h>
#include <linux/sctp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>

static bool sys_set(int fd, int level, int option, const void *value, size_t n)
{
    return setsockopt(fd, level, option, value, (socklen_t)n) == 0;
}

/* Setting one option changes IP_TOS and SO_PRIORITY on some systems: they are put back. */
static term_t set_bytes(Process *p, Socket *s, int level, int option, const void *value, size_t n)
{
    int fd = socket_fd(s), priority = 0, tos = 0;
    socklen_t priority_n = sizeof priority, tos_n = sizeof tos;
    bool has_priority = getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &priority_n) == 0;
    bool has_tos = getsockopt(fd, SOL_IP, IP_TOS, &tos, &tos_n) == 0;
    if (!sys_set(fd, level, option, value, n)) return socket_errno(p, errno);
    if (option == SO_PRIORITY) return am_ok;
    if (option != IP_TOS && has_tos && !sys_set(fd, SOL_IP, IP_TOS, &tos, tos_n)) return socket_errno(p, errno);
    if (has_priority && !sys_set(fd, SOL_SOCKET, SO_PRIORITY, &priority, priority_n) && errno != EPERM)
        return socket_errno(p, errno);
    return am_ok;
}

static term_t bad_value(Process *p) { return socket_invalid(p, am_value); }

/* ---- maps ---- */

static bool field(term_t map, term_t key, term_t *value)
{
    *value = map_get(map, key);
    return *value != TERM_NONE;
}

static bool addr4_field(term_t map, term_t key, void *addr)
{
    term_t t;
    return field(map, key, &t) && in_addr_decode(t, addr);
}

static bool u32_field(term_t map, term_t key, uint32_t *v)
{
    term_t t;
    return field(map, key, &t) && term_to_uint(t, v);
}

static bool u16_field(term_t map, term_t key, uint16_t *v)
{
    uint32_t wide;
    if (!u32_field(map, key, &wide)) return false;
    *v = (uint16_t)wide;
    return true;
}

static bool assoc_field(term_t map, sctp_assoc_t *id)
{
    term_t t;
    uint32_t u;
    int i;
    if (!field(map, am_assoc_id, &t)) return false;
    if (term_to_int(t, &i)) *id = i;
    else if (term_to_uint(t, &u)) *id = (sctp_assoc_t)u;
    else return false;
    return true;
}

/* ---- kinds of values ---- */

static term_t set_linger(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct linger l = {.l_onoff = 1};
    term_t on, time;
    if (v != am_abort) {
        if (!term_is_map(v) || !field(v, am_onoff, &on) || !field(v, am_linger, &time)) return bad_value(p);
        if (!term_is_bool(on) || !term_to_int(time, &l.l_linger) || l.l_linger < 0) return bad_value(p);
        l.l_onoff = on == am_true;
    }
    return set_bytes(p, s, o->level, o->number, &l, sizeof l);
}

static term_t set_member4(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct ip_mreq m;
    if (!term_is_map(v) || !addr4_field(v, am_multiaddr, &m.imr_multiaddr) ||
        !addr4_field(v, am_interface, &m.imr_interface))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &m, sizeof m);
}

static term_t set_source4(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct ip_mreq_source m;
    if (!term_is_map(v) || !addr4_field(v, am_multiaddr, &m.imr_multiaddr) ||
        !addr4_field(v, am_interface, &m.imr_interface) || !addr4_field(v, am_sourceaddr, &m.imr_sourceaddr))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &m, sizeof m);
}

static term_t set_member6(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct ipv6_mreq m;
    term_t addr;
    if (!term_is_map(v) || !field(v, am_multiaddr, &addr) || !in6_addr_decode(addr, &m.ipv6mr_multiaddr) ||
        !u32_field(v, am_interface, &m.ipv6mr_interface))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &m, sizeof m);
}

static bool fill_filter(struct ip_msfilter *f, term_t v, term_t list, size_t n)
{
    term_t mode;
    if (!addr4_field(v, am_multiaddr, &f->imsf_multiaddr) || !addr4_field(v, am_interface, &f->imsf_interface))
        return false;
    if (!field(v, am_mode, &mode) || (mode != am_include && mode != am_exclude)) return false;
    f->imsf_fmode = mode == am_include ? MCAST_INCLUDE : MCAST_EXCLUDE;
    f->imsf_numsrc = (uint32_t)n;
    for (size_t i = 0; i < n; i++, list = list_tail(list))
        if (!in_addr_decode(list_head(list), &f->imsf_slist[i])) return false;
    return true;
}

static term_t set_filter(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    term_t list;
    size_t n = 0;
    if (v == am_null) return set_bytes(p, s, o->level, o->number, NULL, 0);
    if (!term_is_map(v) || !field(v, am_slist, &list)) return bad_value(p);
    term_t l = list;
    for (; term_is_list_cell(l); l = list_tail(l)) n++;
    if (l != TERM_NIL) return bad_value(p);
    size_t size = IP_MSFILTER_SIZE(n);
    struct ip_msfilter *f = mem_alloc(MEM_TEMP, MAX(size, sizeof *f));
    term_t r = fill_filter(f, v, list, n) ? set_bytes(p, s, o->level, o->number, f, size) : bad_value(p);
    mem_free(MEM_TEMP, f, MAX(size, sizeof *f));
    return r;
}

/* A string without zeros of fewer than max characters. */
static term_t set_text(Process *p, Socket *s, const SocketOption *o, term_t v, size_t max)
{
    char text[CONGESTION_NAME_MAX + 1];
    size_t n = 0;
    for (; term_is_list_cell(v) && n + 1 < max; v = list_tail(v)) {
        term_t c = list_head(v);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 255) return bad_value(p);
        text[n++] = (char)small_value(c);
    }
    if (v != TERM_NIL) return bad_value(p);
    return set_bytes(p, s, o->level, o->number, text, n);
}

static bool mtu_decode(term_t t, int *v)
{
    switch (t) {
    case am_want: *v = IP_PMTUDISC_WANT; return true;
    case am_dont: *v = IP_PMTUDISC_DONT; return true;
    case am_do: *v = IP_PMTUDISC_DO; return true;
    case am_probe: *v = IP_PMTUDISC_PROBE; return true;
    default: return term_to_int(t, v);
    }
}

static bool hops_decode(term_t t, int *v)
{
    if (t == am_default) *v = -1;
    return t == am_default || (term_to_int(t, v) && *v >= 0 && *v <= 255);
}

static term_t set_assoc(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct sctp_assocparams a;
    if (!term_is_map(v) || !assoc_field(v, &a.sasoc_assoc_id) ||
        !u16_field(v, am_asocmaxrxt, &a.sasoc_asocmaxrxt) ||
        !u16_field(v, am_number_peer_destinations, &a.sasoc_number_peer_destinations) ||
        !u32_field(v, am_peer_rwnd, &a.sasoc_peer_rwnd) ||
        !u32_field(v, am_local_rwnd, &a.sasoc_local_rwnd) ||
        !u32_field(v, am_cookie_life, &a.sasoc_cookie_life))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &a, sizeof a);
}

static term_t set_initmsg(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct sctp_initmsg m;
    if (!term_is_map(v) || !u16_field(v, am_num_outstreams, &m.sinit_num_ostreams) ||
        !u16_field(v, am_max_instreams, &m.sinit_max_instreams) ||
        !u16_field(v, am_max_attempts, &m.sinit_max_attempts) ||
        !u16_field(v, am_max_init_timeo, &m.sinit_max_init_timeo))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &m, sizeof m);
}

static term_t set_rto(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    struct sctp_rtoinfo i;
    if (!term_is_map(v) || !assoc_field(v, &i.srto_assoc_id) || !u32_field(v, am_initial, &i.srto_initial) ||
        !u32_field(v, am_max, &i.srto_max) || !u32_field(v, am_min, &i.srto_min))
        return bad_value(p);
    return set_bytes(p, s, o->level, o->number, &i, sizeof i);
}

static term_t set_events(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    static const term_t names[] = {
        am_data_io, am_association, am_address, am_send_failure, am_peer_error, am_shutdown,
        am_partial_delivery, am_adaptation_layer, am_authentication, am_sender_dry};
    uint8_t events[ARRAY_LEN(names)]; /* struct sctp_event_subscribe is a byte for each, in this order */
    if (!term_is_map(v)) return bad_value(p);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        term_t t = map_get(v, names[i]);
        if (!term_is_bool(t) || t == TERM_NONE) return bad_value(p);
        events[i] = t == am_true;
    }
    return set_bytes(p, s, o->level, o->number, events, sizeof events);
}

static term_t set_int(Process *p, Socket *s, const SocketOption *o, bool good, int v)
{
    return good ? set_bytes(p, s, o->level, o->number, &v, sizeof v) : bad_value(p);
}

static term_t set_known(Process *p, Socket *s, const SocketOption *o, term_t v)
{
    int i = v == am_true;
    bool good;
    switch (o->set) {
    case OPT_BOOL: return set_int(p, s, o, term_is_bool(v), i);
    case OPT_INT: good = term_to_int(v, &i); return set_int(p, s, o, good, i);
    case OPT_MTU: good = mtu_decode(v, &i); return set_int(p, s, o, good, i);
    case OPT_HOPS: good = hops_decode(v, &i); return set_int(p, s, o, good, i);
    case OPT_TOS: good = tos_decode(v, &i); return set_int(p, s, o, good, i);
    case OPT_ADDRFORM: good = domain_decode(v, &i) != 0; return set_int(p, s, o, good, i);
    case OPT_INTERFACE4: good = in_addr_decode(v, &i); return set_int(p, s, o, good, i);
    case OPT_DEVICE: return set_text(p, s, o, v, IFNAMSIZ);
    case OPT_CONGESTION: return set_text(p, s, o, v, CONGESTION_NAME_MAX + 1);
    case OPT_LINGER: return set_linger(p, s, o, v);
    case OPT_MEMBER4: return set_member4(p, s, o, v);
    case OPT_SOURCE4: return set_source4(p, s, o, v);
    case OPT_MEMBER6: return set_member6(p, s, o, v);
    case OPT_FILTER: return set_filter(p, s, o, v);
    case OPT_ASSOC: return set_assoc(p, s, o, v);
    case OPT_EVENTS: return set_events(p, s, o, v);
    case OPT_INITMSG: return set_initmsg(p, s, o, v);
    case OPT_RTO: return set_rto(p, s, o, v);
    default: return socket_invalid(p, am_socket_option);
    }
}

/* The value's own type says how it is to be taken. */
static term_t set_native(Process *p, Socket *s, int level, int option, term_t v)
{
    int i = v == am_true;
    enum IolistResult result;
    size_t n;
    if (term_is_bool(v) || term_to_int(v, &i)) return set_bytes(p, s, level, option, &i, sizeof i);
    if (!term_is_binary(v) && !term_is_list(v)) return socket_error_invalid(p, am_value);
    uint8_t *bytes = iolist_to_bytes(v, &n, &result);
    if (!bytes) return socket_error_invalid(p, am_value);
    term_t r = set_bytes(p, s, level, option, bytes, n);
    mem_free(MEM_TEMP, bytes, n + 1);
    return r;
}

/* ---- level otp ---- */

enum { OTP_DEBUG = 1001, OTP_IOW, OTP_OWNER, OTP_RCVBUF, OTP_RCVCTRLBUF = 1006, OTP_SNDCTRLBUF, OTP_FD,
       OTP_META, OTP_USE_REGISTRY, OTP_DOMAIN = 1999 };
enum { DEFAULT_BUFFER = 8192, DEFAULT_CONTROL = 1024 };

static term_t set_flag(Process *p, bool *flag, term_t v)
{
    if (!term_is_bool(v)) return bad_value(p);
    *flag = v == am_true;
    return am_ok;
}

static bool buffer_decode(term_t t, size_t otherwise, size_t *n)
{
    uint64_t v = otherwise;
    if (t != am_default && (!term_to_uint64(t, &v) || v == 0)) return false;
    *n = v;
    return true;
}

static term_t set_owner(Process *p, Socket *s, term_t v)
{
    if (s->owner != p->id) return socket_error_invalid(p, am_not_owner);
    if (!term_is_local_pid(v)) return bad_value(p);
    (void)watch_clear(s->vm, &s->owner_watch);
    s->owner = v;
    if (!watch_set(s->vm, &s->owner_watch, v)) socket_owner_down(s);
    return am_ok;
}

/* Size, or {how many times, Size}. */
static term_t set_read_buffer(Process *p, Socket *s, term_t v)
{
    size_t size;
    uint32_t count = 0;
    if (term_is_tuple_of(v, 2)) {
        if (!term_to_uint(tuple_element(v, 1), &count) || count == 0) return bad_value(p);
        v = tuple_element(v, 2);
    }
    if (!buffer_decode(v, DEFAULT_BUFFER, &size) || size > SSIZE_MAX) return bad_value(p);
    s->read_max = count;
    s->read_buffer = size;
    return am_ok;
}

static term_t set_meta(Process *p, Socket *s, term_t v)
{
    if (s->owner != p->id) return socket_error_invalid(p, am_not_owner);
    HeapPiece old = s->meta_piece;
    s->meta_piece = (HeapPiece){0};
    s->meta = term_is_immed(v) ? v : heap_piece_copy_all(&s->meta_piece, v);
    heap_piece_dispose(&old);
    return am_ok;
}

static term_t set_registry(Process *p, Socket *s, term_t v)
{
    if (v != am_true) return bad_value(p); /* never off */
    if (!s->use_registry) {
        s->use_registry = true;
        socket_register(s);
    }
    return am_ok;
}

static term_t set_otp(Process *p, Socket *s, int option, term_t v)
{
    switch (option) {
    case OTP_DEBUG: return set_flag(p, &s->debug, v);
    case OTP_IOW: return set_flag(p, &s->inform_on_wrap, v);
    case OTP_OWNER: return set_owner(p, s, v);
    case OTP_RCVBUF: return set_read_buffer(p, s, v);
    case OTP_RCVCTRLBUF: return buffer_decode(v, DEFAULT_CONTROL, &s->read_control) ? am_ok : bad_value(p);
    case OTP_SNDCTRLBUF: return buffer_decode(v, DEFAULT_CONTROL, &s->write_control) ? am_ok : bad_value(p);
    case OTP_META: return set_meta(p, s, v);
    case OTP_USE_REGISTRY: return set_registry(p, s, v);
    default: return TERM_NONE;
    }
}

static term_t set_otp_or_raise(Process *p, Socket *s, int option, term_t v)
{
    switch (option) {
    case OTP_DEBUG: case OTP_IOW: case OTP_OWNER: case OTP_RCVBUF: case OTP_RCVCTRLBUF:
    case OTP_SNDCTRLBUF: case OTP_META: case OTP_USE_REGISTRY:
        return socket_writes(s) ? set_otp(p, s, option, v) : socket_closed(p);
    default:
        return socket_raise_invalid(p, heap_tuple2(&p->heap, am_otp_socket_option, term_small(option)));
    }
}

static term_t set_locked(Process *p, Socket *s, int level, int option, term_t v, bool native)
{
    if (!socket_writes(s)) return socket_closed(p);
    if (native) return set_native(p, s, level, option, v);
    const SocketOption *o = socket_option(level, option);
    return o ? set_known(p, s, o, v) : socket_invalid(p, am_socket_option);
}

BIF(prim_socket, nif_setopt, 5, 0)
{
    int level, option, native;
    SOCKET_ARG(s, a[0]);
    if (!term_to_int(a[4], &native)) return bif_error(p, EXC_BADARG);
    if (!term_to_int(a[2], &option)) return socket_no_int(p, a[2]);
    bool plain = level_decode(a[1], &level);
    if (!plain && (a[1] != am_otp || native != 0)) return socket_no_int(p, a[1]);
    mutex_lock(&s->lock);
    term_t r = plain ? set_locked(p, s, level, option, a[3], native != 0)
                     : set_otp_or_raise(p, s, option, a[3]);
    mutex_unlock(&s->lock);
    return r;
}

/* ---- level otp, read ---- */

static term_t read_buffer(Heap *h, const Socket *s)
{
    term_t size = heap_uint(h, s->read_buffer);
    return s->read_max == 0 ? size : heap_tuple2(h, term_small(s->read_max), size);
}

static term_t get_otp(Process *p, Socket *s, int option)
{
    Heap *h = &p->heap;
    switch (option) {
    case OTP_DEBUG: return term_bool(s->debug);
    case OTP_IOW: return term_bool(s->inform_on_wrap);
    case OTP_OWNER: return s->owner;
    case OTP_RCVBUF: return read_buffer(h, s);
    case OTP_RCVCTRLBUF: return heap_uint(h, s->read_control);
    case OTP_SNDCTRLBUF: return heap_uint(h, s->write_control);
    case OTP_FD: return term_small(socket_fd(s));
    case OTP_META: return term_copy(h, s->meta);
    case OTP_DOMAIN: return domain_term(s->domain);
    default: return TERM_NONE;
    }
}

term_t socket_get_otp(Process *p, Socket *s, int option)
{
    if (option == OTP_USE_REGISTRY) return socket_ok(p, term_bool(s->use_registry));
    if ((option < OTP_DEBUG || option > OTP_META || option == 1005) && option != OTP_DOMAIN)
        return socket_raise_invalid(p, heap_tuple2(&p->heap, am_otp_socket_option, term_small(option)));
    if (!socket_reads(s)) return socket_closed(p);
    return socket_ok(p, get_otp(p, s, option));
}
