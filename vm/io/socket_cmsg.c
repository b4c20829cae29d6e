/* SPDX-License-Identifier: Apache-2.0 */
/* socket_cmsg - control messages of sendmsg and recvmsg: #{level, type, data | value}. Layer: io. */
#include "io/socket.h"

#include "base/oserr.h"
#include "data/map.h"
#include "term/atom.h"

#include <linux/errqueue.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/time.h>

enum CmsgKind { CMSG_NOTHING, CMSG_TIME, CMSG_TOS, CMSG_INT, CMSG_BYTE, CMSG_INFO4, CMSG_INFO6, CMSG_ADDR,
                CMSG_ERROR };

typedef struct CmsgSpec {
    int level, number;
    term_t name;
    enum CmsgKind shown, given;
} CmsgSpec;

static const CmsgSpec specs[] = {
#define CONTROL(level, number, name, shown, given) {level, number, name, shown, given},
#include "io/socket_cmsg.def"
#undef CONTROL
};

/* ---- errors of sent packets ---- */

typedef struct CodeName {
    int number;
    term_t name;
} CodeName;

static term_t code_name(const CodeName *names, size_t n, int number)
{
    for (size_t i = 0; i < n; i++)
        if (names[i].number == number) return names[i].name;
    return term_small(number);
}

static term_t icmp_type(const struct sock_extended_err *e, term_t *code)
{
    static const CodeName unreachable[] = {
        {ICMP_NET_UNREACH, am_net_unreach}, {ICMP_HOST_UNREACH, am_host_unreach},
        {ICMP_PORT_UNREACH, am_port_unreach}, {ICMP_FRAG_NEEDED, am_frag_needed},
        {ICMP_NET_UNKNOWN, am_net_unknown}, {ICMP_HOST_UNKNOWN, am_host_unknown}};
    if (e->ee_type == ICMP_TIME_EXCEEDED) return am_time_exceeded;
    if (e->ee_type != ICMP_DEST_UNREACH) return term_small(e->ee_type);
    *code = code_name(unreachable, ARRAY_LEN(unreachable), e->ee_code);
    return am_dest_unreach;
}

static term_t icmp6_type(const struct sock_extended_err *e, term_t *code)
{
    static const CodeName unreachable[] = {
        {ICMPV6_NOROUTE, am_noroute}, {ICMPV6_ADM_PROHIBITED, am_adm_prohibited},
        {ICMPV6_NOT_NEIGHBOUR, am_not_neighbour}, {ICMPV6_ADDR_UNREACH, am_addr_unreach},
        {ICMPV6_PORT_UNREACH, am_port_unreach}, {ICMPV6_POLICY_FAIL, am_policy_fail},
        {ICMPV6_REJECT_ROUTE, am_reject_route}};
    if (e->ee_type == ICMPV6_PKT_TOOBIG) return am_pkt_toobig;
    if (e->ee_type == ICMPV6_TIME_EXCEED) return am_time_exceeded;
    if (e->ee_type != ICMPV6_DEST_UNREACH) return term_small(e->ee_type);
    *code = code_name(unreachable, ARRAY_LEN(unreachable), e->ee_code);
    return am_dest_unreach;
}

static term_t error_origin(int origin)
{
    static const CodeName origins[] = {
        {SO_EE_ORIGIN_NONE, am_none}, {SO_EE_ORIGIN_LOCAL, am_local}, {SO_EE_ORIGIN_ICMP, am_icmp},
        {SO_EE_ORIGIN_ICMP6, am_icmp6}, {SO_EE_ORIGIN_TXSTATUS, am_txstatus},
        {SO_EE_ORIGIN_ZEROCOPY, am_zerocopy}, {SO_EE_ORIGIN_TXTIME, am_txtime}};
    return code_name(origins, ARRAY_LEN(origins), origin);
}

static term_t error_term(Heap *h, const uint8_t *data, size_t n)
{
    struct sock_extended_err e;
    if (n < sizeof e) return TERM_NONE;
    memcpy(&e, data, sizeof e);
    term_t code = term_small(e.ee_code), type = term_small(e.ee_type);
    if (e.ee_origin == SO_EE_ORIGIN_ICMP) type = icmp_type(&e, &code);
    else if (e.ee_origin == SO_EE_ORIGIN_ICMP6) type = icmp6_type(&e, &code);
    term_t map = map_of(h, 6, am_error, atom_from_cstr(oserr_name((int)e.ee_errno)), am_origin,
                        error_origin(e.ee_origin), am_type, type, am_code, code, am_info,
                        term_small((int32_t)e.ee_info), am_data, term_small((int32_t)e.ee_data));
    if (n == sizeof e) return map;
    SockAddr offender = {.storage = {0}};
    memcpy(&offender, data + sizeof e, MIN(n - sizeof e, sizeof offender));
    return map_put(h, map, am_offender, sockaddr_term(h, &offender, (int)(n - sizeof e)));
}

/* ---- showing ---- */

static term_t info4_term(Heap *h, const uint8_t *data, size_t n)
{
    struct in_pktinfo i;
    if (n < sizeof i) return TERM_NONE;
    memcpy(&i, data, sizeof i);
    return map_of(h, 3, am_ifindex, term_small((uint32_t)i.ipi_ifindex), am_spec_dst,
                  in_addr_term(h, &i.ipi_spec_dst), am_addr, in_addr_term(h, &i.ipi_addr));
}

static term_t info6_term(Heap *h, const uint8_t *data, size_t n)
{
    struct in6_pktinfo i;
    if (n < sizeof i) return TERM_NONE;
    memcpy(&i, data, sizeof i);
    return map_of(h, 2, am_addr, in6_addr_term(h, &i.ipi6_addr), am_ifindex,
                  term_small((int32_t)i.ipi6_ifindex));
}

static term_t time_term(Heap *h, const uint8_t *data, size_t n)
{
    struct timeval v;
    if (n < sizeof v) return TERM_NONE;
    memcpy(&v, data, sizeof v);
    return timeval_term(h, &v);
}

static term_t int_term(const uint8_t *data, size_t n)
{
    int v;
    if (n < sizeof v) return TERM_NONE;
    memcpy(&v, data, sizeof v);
    return term_small(v);
}

static term_t addr_term(Heap *h, const uint8_t *data, size_t n)
{
    SockAddr a = {.storage = {0}};
    memcpy(&a, data, MIN(n, sizeof a));
    return sockaddr_term(h, &a, (int)n);
}

/* TERM_NONE: it has no value, only data. */
static term_t value_term(Heap *h, enum CmsgKind kind, const uint8_t *data, size_t n)
{
    switch (kind) {
    case CMSG_TIME: return time_term(h, data, n);
    case CMSG_TOS: return n < 1 ? TERM_NONE : tos_term(data[0]);
    case CMSG_INT: return int_term(data, n);
    case CMSG_BYTE: return n < 1 ? TERM_NONE : term_small(data[0]);
    case CMSG_INFO4: return info4_term(h, data, n);
    case CMSG_INFO6: return info6_term(h, data, n);
    case CMSG_ADDR: return addr_term(h, data, n);
    case CMSG_ERROR: return error_term(h, data, n);
    default: return TERM_NONE;
    }
}

static const CmsgSpec *find_number(int level, int number)
{
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        if (specs[i].level == level && specs[i].number == number) return &specs[i];
    return NULL;
}

term_t cmsg_term(Heap *h, const struct cmsghdr *c, const uint8_t *data, size_t n)
{
    const CmsgSpec *spec = find_number(c->cmsg_level, c->cmsg_type);
    term_t type = spec ? spec->name : term_small(c->cmsg_type);
    term_t value = spec ? value_term(h, spec->shown, data, n) : TERM_NONE;
    term_t level = level_term(c->cmsg_level), bytes = heap_binary(h, data, n);
    if (value == TERM_NONE) return map_of(h, 3, am_level, level, am_type, type, am_data, bytes);
    return map_of(h, 4, am_level, level, am_type, type, am_data, bytes, am_value, value);
}

/* ---- sending ---- */

typedef struct Space {
    uint8_t *at;
    size_t left;
} Space;

static bool put(Space *space, int level, int type, const void *data, size_t n)
{
    size_t need = CMSG_SPACE(n);
    if (n > space->left || space->left < need) return false;
    struct cmsghdr *c = (struct cmsghdr *)space->at;
    memset(c, 0, need);
    c->cmsg_len = CMSG_LEN(n);
    c->cmsg_level = level;
    c->cmsg_type = type;
    memcpy(CMSG_DATA(c), data, n);
    space->at += need;
    space->left -= need;
    return true;
}

static const CmsgSpec *find_name(int level, term_t name)
{
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        if (specs[i].level == level && specs[i].name == name) return &specs[i];
    return NULL;
}

static bool put_value(Space *space, int level, const CmsgSpec *spec, term_t value)
{
    struct timeval time;
    int v;
    switch (spec->given) {
    case CMSG_TIME: return timeval_decode(value, &time) && put(space, level, spec->number, &time, sizeof time);
    case CMSG_TOS: return tos_decode(value, &v) && put(space, level, spec->number, &v, sizeof v);
    case CMSG_INT: return term_to_int(value, &v) && put(space, level, spec->number, &v, sizeof v);
    default: return false;
    }
}

static bool put_data(Space *space, int level, int type, term_t data)
{
    int v = data == am_true;
    if (!term_is_binary(data))
        return (term_is_bool(data) || term_to_int(data, &v)) && put(space, level, type, &v, sizeof v);
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = binary_bytes(data, &n, &temp);
    bool ok = put(space, level, type, bytes, n);
    temp_bytes_free(&temp);
    return ok;
}

static bool put_map(Space *space, term_t map)
{
    int level, number;
    if (!term_is_map(map)) return false;
    term_t l = map_get(map, am_level), type = map_get(map, am_type);
    term_t data = map_get(map, am_data), value = map_get(map, am_value);
    if (l == TERM_NONE || type == TERM_NONE || !level_decode(l, &level)) return false;
    if ((data == TERM_NONE) == (value == TERM_NONE)) return false;
    const CmsgSpec *spec = term_is_atom(type) ? find_name(level, type) : NULL;
    if (data == TERM_NONE) return spec && put_value(space, level, spec, value);
    if (spec) number = spec->number;
    else if (!term_to_int(type, &number)) return false;
    return put_data(space, level, number, data);
}

bool cmsg_decode(term_t list, uint8_t *buffer, size_t size, size_t *used)
{
    Space space = {buffer, size};
    for (; term_is_list_cell(list); list = list_tail(list))
        if (!put_map(&space, list_head(list))) return false;
    *used = size - space.left;
    return list == TERM_NIL;
}
