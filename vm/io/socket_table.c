/* SPDX-License-Identifier: Apache-2.0 */
/* socket_table - what sockets can do here, for prim_socket:supports/0,1 and for the natives that take
 * options and flags. Layer: io. */
#include "io/socket.h"

#include "term/atom.h"

#include <linux/sctp.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

static const SocketOption options[] = {
#define SOCKET_OPTION(level, number, name, set, get) {level, number, name, set, get},
#define SOCKET_OPTION_ABSENT(level, name) {level, -1, name, OPT_NONE, OPT_NONE},
#include "io/socket_option.def"
#undef SOCKET_OPTION
#undef SOCKET_OPTION_ABSENT
};

static const SocketFlag message_flags[] = {
#define MESSAGE_FLAG(name, value) {name, value},
#define INTERFACE_FLAG(name, value)
#include "io/socket_flag.def"
#undef MESSAGE_FLAG
#undef INTERFACE_FLAG
};

static const SocketFlag interface_flags[] = {
#define MESSAGE_FLAG(name, value)
#define INTERFACE_FLAG(name, value) {name, value},
#include "io/socket_flag.def"
#undef MESSAGE_FLAG
#undef INTERFACE_FLAG
};

static const SocketFlag requests[] = {
#define IOCTL_GET(name, request, kind, field) {name, request},
#define IOCTL_SET(name, request, kind, field) {name, request},
#define IOCTL_OTHER(name, request) {name, request},
#include "io/socket_ioctl.def"
#undef IOCTL_GET
#undef IOCTL_SET
#undef IOCTL_OTHER
};

const SocketOption *socket_option(int level, int number)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].level == level && options[i].number == number) return &options[i];
    return NULL;
}

/* ---- names of flags ---- */

static term_t flag_list(Heap *h, const SocketFlag *table, size_t n, int flags)
{
    term_t names[64];
    size_t k = 0;
    for (size_t i = 0; i < n && flags != 0; i++) {
        if (table[i].value == 0 || (flags & table[i].value) != table[i].value) continue;
        names[k++] = table[i].name;
        flags &= ~table[i].value;
    }
    if (flags != 0) names[k++] = term_small(flags);
    return heap_list(h, k, names, TERM_NIL);
}

term_t socket_message_flags(Heap *h, int flags)
{
    return flag_list(h, message_flags, ARRAY_LEN(message_flags), flags);
}

term_t socket_interface_flags(Heap *h, int flags)
{
    return flag_list(h, interface_flags, ARRAY_LEN(interface_flags), flags);
}

/* ---- supports/1 ---- */

static term_t pairs(Heap *h, const SocketFlag *table, size_t n)
{
    term_t list = TERM_NIL;
    for (size_t i = 0; i < n; i++)
        list = heap_cons(h, heap_tuple2(h, table[i].name, term_small(table[i].value)), list);
    return list;
}

/* [{Level, [{Name, Number} | Name]}]; options of one level stand together in the table. */
static term_t option_list(Heap *h)
{
    term_t levels = TERM_NIL, list = TERM_NIL;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const SocketOption *o = &options[i];
        term_t item = o->number < 0 ? o->name : heap_tuple2(h, o->name, term_small(o->number));
        list = heap_cons(h, item, list);
        if (i + 1 < ARRAY_LEN(options) && options[i + 1].level == o->level) continue;
        levels = heap_cons(h, heap_tuple2(h, level_term(o->level), list), levels);
        list = TERM_NIL;
    }
    return levels;
}

static term_t protocol(Heap *h, term_t names, int number, term_t list)
{
    return heap_cons(h, heap_tuple2(h, names, term_small(number)), list);
}

static term_t protocol_entry(Heap *h, const struct protoent *e, term_t list)
{
    term_t names = TERM_NIL;
    for (char **alias = e->p_aliases; *alias; alias++)
        names = heap_cons(h, atom_from_cstr(*alias), names);
    names = heap_cons(h, atom_from_cstr(e->p_name), names);
    return protocol(h, names, e->p_proto, list);
}

/* What the system lists, last first: of entries for one number the program keeps the last. In front,
 * for systems that list nothing, what is needed in any case. */
static term_t protocol_list(Heap *h)
{
    static const SocketFlag known[] = {
        {am_ip, SOL_IP}, {am_ipv6, SOL_IPV6}, {am_tcp, IPPROTO_TCP}, {am_udp, IPPROTO_UDP},
        {am_sctp, IPPROTO_SCTP}};
    term_t list = TERM_NIL;
    struct protoent entry, *found;
    char space[2048];
    setprotoent(1);
    while (getprotoent_r(&entry, space, sizeof space, &found) == 0 && found)
        list = protocol_entry(h, found, list);
    endprotoent();
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        list = protocol(h, heap_cons(h, known[i].name, TERM_NIL), known[i].value, list);
    return list;
}

BIF(prim_socket, nif_supports, 0, 0)
{
    static const term_t names[] = {am_sendfile, am_netns, am_local, am_ipv6, am_sctp};
    term_t list = TERM_NIL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, names[i], am_true), list);
    return list;
}

BIF(prim_socket, nif_supports, 1, 0)
{
    switch (a[0]) {
    case am_msg_flags: return pairs(&p->heap, message_flags, ARRAY_LEN(message_flags));
    case am_ioctl_flags: return pairs(&p->heap, interface_flags, ARRAY_LEN(interface_flags));
    case am_ioctl_requests: return pairs(&p->heap, requests, ARRAY_LEN(requests));
    case am_options: return option_list(&p->heap);
    case am_protocols: return protocol_list(&p->heap);
    default: return TERM_NIL;
    }
}
