/* SPDX-License-Identifier: Apache-2.0 */
/* socket_life - how sockets come and go, and what is told about them; see socket.h.
 * Close: nif_close stops everybody who waits; nif_finalize_close, on a dirty thread because a lingering
 * socket may block, closes the descriptor. When the closer or the owner dies, the descriptor is
 * closed at once by the dying process. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "base/oserr.h"
#include "data/map.h"
#include "io/port.h"
#include "proc/registry.h"
#include "sched/sched.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEFAULT_BUFFER = 8192, DEFAULT_CONTROL = 1024, COUNTER_BITS = 64 };

struct SocketSpace {
    Mutex lock;                  /* class SYSTEM */
    uint32_t all, streams, dgrams, seqpackets, inet, inet6, local, ip, tcp, udp, sctp; /* lock */
    _Atomic(bool) debug, socket_debug, use_registry;
};

void socket_init(Vm *vm)
{
    struct SocketSpace *space = MEM_NEW(IO, struct SocketSpace);
    const char *use = getenv("ESOCK_USE_SOCKET_REGISTRY");
    mutex_init(&space->lock, LOCK_SYSTEM);
    atomic_store(&space->use_registry, !use || strcmp(use, "false") != 0);
    io_set_sockets(vm, space);
}

/* ---- results ---- */

term_t socket_ok(Process *p, term_t t) { return heap_tuple2(&p->heap, am_ok, t); }
term_t socket_error(Process *p, term_t reason) { return heap_tuple2(&p->heap, am_error, reason); }
term_t socket_invalid(Process *p, term_t what) { return heap_tuple2(&p->heap, am_invalid, what); }
term_t socket_error_invalid(Process *p, term_t what) { return socket_error(p, socket_invalid(p, what)); }

term_t socket_errno(Process *p, int error)
{
    return socket_error(p, atom_from_cstr(oserr_name(error)));
}

term_t socket_raise_invalid(Process *p, term_t what)
{
    return bif_error_value(p, EXC_ERROR, socket_invalid(p, what));
}

term_t socket_no_int(Process *p, term_t t)
{
    if (!term_is_integer(t)) return bif_error(p, EXC_BADARG);
    return socket_invalid(p, heap_tuple2(&p->heap, am_integer_range, t));
}

/* ---- counting ---- */

static void add(uint32_t *count, int change)
{
    if (change > 0 || *count > 0) *count += (uint32_t)change;
}

/* Local sockets are counted as inet6: so does the reference. */
void socket_count(Vm *vm, int domain, int type, int protocol, int change)
{
    struct SocketSpace *c = io_sockets(vm);
    mutex_lock(&c->lock);
    add(&c->all, change);
    if (domain == AF_INET) add(&c->inet, change);
    else if (domain == AF_INET6 || domain == AF_LOCAL) add(&c->inet6, change);
    if (type == SOCK_STREAM) add(&c->streams, change);
    else if (type == SOCK_DGRAM) add(&c->dgrams, change);
    else if (type == SOCK_SEQPACKET) add(&c->seqpackets, change);
    if (protocol == IPPROTO_IP) add(&c->ip, change);
    else if (protocol == IPPROTO_TCP) add(&c->tcp, change);
    else if (protocol == IPPROTO_UDP) add(&c->udp, change);
    else if (protocol == IPPROTO_SCTP) add(&c->sctp, change);
    mutex_unlock(&c->lock);
}

/* ---- the registry ---- */

void socket_tell_registry(Socket *s, term_t tag)
{
    term_t pid = registry_find(s->vm, am_socket_registry);
    Process *to = term_is_local_pid(pid) ? process_lookup(s->vm, pid) : NULL;
    Heap h = {0};
    term_t socket = to ? socket_term(&h, s) : TERM_NONE;
    if (socket == TERM_NONE) return;
    message_send_heap(s->vm, am_undefined, to, heap_tuple3(&h, am_Dollar_socket, tag, socket), &h);
}

void socket_register(Socket *s)
{
    if (s->use_registry) socket_tell_registry(s, am_add);
}

/* ---- the end ---- */

static int close_descriptor(Socket *s)
{
    int fd = atomic_exchange(&s->fd, -1);
    if (fd < 0 || !s->close_on_close) return 0;
    return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

static void mark_closed(Socket *s)
{
    s->read_state |= SOCK_CLOSED;
    s->write_state |= SOCK_CLOSED;
    heap_piece_dispose(&s->meta_piece);
    s->meta = am_undefined;
    socket_count(s->vm, s->domain, s->type, s->protocol, -1);
}

/* Without waiting for output that lingers; the closing process is dying. */
static void close_now(Socket *s)
{
    if (s->file >= 0) socket_tell_registry(s, am_sendfile_deferred_close);
    mark_closed(s);
    (void)close_descriptor(s);
    if (s->use_registry) socket_tell_registry(s, am_del);
}

void socket_owner_down(Socket *s)
{
    s->owner = am_undefined;
    if (!socket_reads(s)) return;
    s->read_state |= SOCK_CLOSING;
    s->write_state |= SOCK_CLOSING;
    socket_stop_waiting(s);
    close_now(s);
}

static void closer_down(Socket *s)
{
    s->closer = am_undefined;
    if (!(s->read_state & SOCK_CLOSED)) close_now(s);
}

static void owner_died(Watch *w, term_t pid)
{
    Socket *s = container_of(w, Socket, owner_watch);
    mutex_lock(&s->lock);
    bool owned = s->owner == pid;
    if (owned && s->closer == pid) closer_down(s);
    if (owned) socket_owner_down(s);
    mutex_unlock(&s->lock);
}

static void closer_died(Watch *w, term_t pid)
{
    Socket *s = container_of(w, Socket, closer_watch);
    mutex_lock(&s->lock);
    if (s->closer == pid) closer_down(s);
    mutex_unlock(&s->lock);
}

static void socket_gone(void *arg)
{
    Socket *s = arg;
    if (s->file >= 0) close(s->file);
    if (s->file_counters) MEM_DELETE(IO, s->file_counters);
    mutex_destroy(&s->lock);
    mutex_destroy(&s->box_lock);
    MEM_DELETE(IO, s);
}

/* The last reference is gone. Nobody waits: who waits has a reference. */
static void destroy(Binary *b)
{
    Socket *s = *(Socket **)b->data;
    mutex_lock(&s->box_lock);
    s->box = NULL;
    mutex_unlock(&s->box_lock);
    (void)watch_clear(s->vm, &s->owner_watch);
    (void)watch_clear(s->vm, &s->closer_watch);
    if (s->poll.ready) poll_remove(s->vm, &s->poll);
    int fd = atomic_exchange(&s->fd, -1);
    if (fd >= 0) {
        close(fd);
        socket_count(s->vm, s->domain, s->type, s->protocol, -1);
    }
    heap_piece_dispose(&s->meta_piece);
    epoch_defer(s->vm->epoch, &s->free_later, socket_gone, s);
}

Binary *socket_box(Socket *s)
{
    Binary *b = NULL;
    mutex_lock(&s->box_lock);
    if (s->box) {
        int64_t refs = binary_refs(s->box);
        while (refs > 0 && !__atomic_compare_exchange_n((int64_t *)&s->box->refs, &refs, refs + 1, false,
                                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        }
        if (refs > 0) b = s->box;
    }
    mutex_unlock(&s->box_lock);
    return b;
}

Socket *socket_of(term_t ref)
{
    Binary *b = magic_ref_of(ref, destroy);
    return b ? *(Socket **)b->data : NULL;
}

/* ---- opening ---- */

static bool flag_of(term_t map, term_t key, bool otherwise)
{
    term_t t = map_get(map, key);
    return t == am_true ? true : t == am_false ? false : otherwise;
}

static void fill(Socket *s, Process *p, int fd, const Socket *like)
{
    s->vm = p->vm;
    mutex_init(&s->lock, LOCK_PORT);
    mutex_init(&s->box_lock, LOCK_SYSTEM);
    atomic_store(&s->fd, fd);
    s->origin = s->file = -1;
    s->close_on_close = true;
    s->closer = s->meta = am_undefined;
    s->read_buffer = like ? like->read_buffer : DEFAULT_BUFFER;
    s->read_control = like ? like->read_control : DEFAULT_CONTROL;
    s->write_control = like ? like->write_control : DEFAULT_CONTROL;
    s->read_max = like ? like->read_max : 0;
    s->inform_on_wrap = like && like->inform_on_wrap;
    s->debug = like && like->debug;
    s->use_registry = like && like->use_registry;
    s->owner_watch.down = owner_died;
    s->closer_watch.down = closer_died;
}

term_t socket_new(Process *p, int fd, int domain, int type, int protocol, const Socket *like, Socket **made)
{
    Socket *s = MEM_NEW(IO, Socket);
    fill(s, p, fd, like);
    s->domain = domain;
    s->type = type;
    s->protocol = protocol;
    s->number = ref_new(p->vm);
    s->box = binary_new_magic(sizeof(Socket *), 0, destroy);
    *(Socket **)s->box->data = s;
    s->owner = p->id;
    term_t ref = heap_magic_ref(&p->heap, s->box, s->number);
    CHECK(watch_set(p->vm, &s->owner_watch, p->id)); /* it runs this */
    *made = s;
    return ref;
}

static term_t opened(Process *p, Socket *s, term_t ref, term_t options, int protocol)
{
    struct SocketSpace *space = io_sockets(p->vm);
    s->debug = flag_of(options, am_debug, atomic_load(&space->socket_debug));
    s->use_registry = flag_of(options, am_use_registry, atomic_load(&space->use_registry));
    socket_count(p->vm, s->domain, s->type, protocol, 1);
    socket_register(s);
    return socket_ok(p, ref);
}

static bool ask_system(int fd, int option, int *v)
{
    socklen_t n = sizeof *v;
    return getsockopt(fd, SOL_SOCKET, option, v, &n) == 0;
}

/* In the name space behind `path`; fd or -1 with errno. The thread is back in its own afterwards. */
static int open_in_namespace(const char *path, int domain, int type, int protocol)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = home < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int fd = -1, error;
    if (there >= 0 && setns(there, CLONE_NEWNET) == 0) {
        fd = socket(domain, type, protocol);
        error = errno;
        if (setns(home, CLONE_NEWNET) != 0 && fd >= 0) {
            error = errno;
            close(fd);
            fd = -1;
        }
    } else {
        error = errno;
    }
    if (there >= 0) close(there);
    if (home >= 0) close(home);
    errno = error;
    return fd;
}

static int open_socket(term_t options, int domain, int type, int protocol)
{
    term_t path = map_get(options, am_netns);
    if (path == TERM_NONE || !term_is_binary(path)) return socket(domain, type | SOCK_CLOEXEC, protocol);
    TempBytes temp = TEMP_BYTES_INIT;
    Buf text = BUF_INIT(TEMP);
    size_t n;
    const uint8_t *bytes = binary_bytes(path, &n, &temp);
    buf_append(&text, bytes, n);
    int fd = open_in_namespace(buf_text(&text), domain, type | SOCK_CLOEXEC, protocol);
    int error = errno;
    buf_free(&text);
    temp_bytes_free(&temp);
    errno = error;
    return fd;
}

static void set_blocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

BIF(prim_socket, nif_open, 4, 0)
{
    int domain, type, protocol;
    if (!term_to_int(a[2], &protocol)) return socket_no_int(p, a[2]);
    if (!term_is_map(a[3])) return bif_error(p, EXC_BADARG);
    if (domain_decode(a[0], &domain) == 0) return socket_invalid(p, am_domain);
    if (!type_decode(a[1], &type)) return socket_invalid(p, am_type);
    int fd = open_socket(a[3], domain, type, protocol), actual = protocol;
    if (fd < 0) return socket_errno(p, errno);
    if (protocol == 0) (void)ask_system(fd, SO_PROTOCOL, &actual);
    set_blocking(fd, false);
    Socket *s;
    term_t ref = socket_new(p, fd, domain, type, actual, NULL, &s);
    return opened(p, s, ref, a[3], protocol);
}

/* What the system does not tell about the descriptor, the program must; false: invalid *what. */
static bool describe(int fd, term_t options, int *domain, int *type, int *protocol, term_t *what)
{
    term_t t;
    *what = am_domain;
    if (!ask_system(fd, SO_DOMAIN, domain) &&
        ((t = map_get(options, am_domain)) == TERM_NONE || domain_decode(t, domain) == 0))
        return false;
    *what = am_type;
    if (!ask_system(fd, SO_TYPE, type) &&
        ((t = map_get(options, am_type)) == TERM_NONE || !type_decode(t, type)))
        return false;
    if (!ask_system(fd, SO_PROTOCOL, protocol) &&
        ((t = map_get(options, am_protocol)) == TERM_NONE || !term_to_int(t, protocol)))
        *protocol = 0;
    return true;
}

BIF(prim_socket, nif_open, 2, 0)
{
    int origin, domain, type, protocol;
    term_t what;
    if (!term_to_int(a[0], &origin)) return socket_no_int(p, a[0]);
    if (!term_is_map(a[1])) return bif_error(p, EXC_BADARG);
    if (!describe(origin, a[1], &domain, &type, &protocol, &what)) return socket_invalid(p, what);
    bool copy = flag_of(a[1], am_dup, true);
    int fd = copy ? fcntl(origin, F_DUPFD_CLOEXEC, 0) : origin;
    if (fd < 0) return socket_errno(p, errno);
    set_blocking(fd, false);
    Socket *s;
    term_t ref = socket_new(p, fd, domain, type, protocol, NULL, &s);
    s->close_on_close = copy;
    s->origin = origin;
    SockAddr peer;
    socklen_t n = sizeof peer;
    if (getpeername(fd, &peer.sa, &n) == 0) s->write_state |= SOCK_CONNECTED;
    return opened(p, s, ref, a[1], protocol);
}

/* ---- closing ---- */

static term_t close_locked(Process *p, Socket *s)
{
    if (!socket_reads(s)) return socket_closed(p);
    s->closer = p->id;
    if (s->closer != s->owner) CHECK(watch_set(s->vm, &s->closer_watch, p->id));
    s->read_state |= SOCK_CLOSING;
    s->write_state |= SOCK_CLOSING;
    socket_stop_waiting(s);
    return am_ok;
}

BIF(prim_socket, nif_close, 1, 0)
{
    SOCKET_ARG(s, a[0]);
    mutex_lock(&s->lock);
    term_t r = close_locked(p, s);
    mutex_unlock(&s->lock);
    return r;
}

/* TERM_NONE: the descriptor may be closed, without the lock. */
static term_t finalize_locked(Process *p, Socket *s, bool *go_on, int *file)
{
    if (s->read_state & SOCK_CLOSED) return socket_closed(p);
    if (!(s->read_state & SOCK_CLOSING) || s->closer != p->id) return socket_raise_invalid(p, am_state);
    s->closer = s->owner = am_undefined;
    (void)watch_clear(s->vm, &s->closer_watch);
    (void)watch_clear(s->vm, &s->owner_watch);
    *file = s->file;
    s->file = -1;
    mark_closed(s);
    *go_on = true;
    return TERM_NONE;
}

BIF(prim_socket, nif_finalize_close, 1, DIRTY_IO)
{
    SOCKET_ARG(s, a[0]);
    bool go_on = false;
    int file = -1;
    mutex_lock(&s->lock);
    term_t r = finalize_locked(p, s, &go_on, &file);
    mutex_unlock(&s->lock);
    if (!go_on) return r;
    set_blocking(socket_fd(s), true); /* so that output may linger */
    sched_dirty_alone_begin(sched_self);
    int error = close_descriptor(s);
    sched_dirty_alone_end(sched_self);
    if (s->use_registry) socket_tell_registry(s, am_del);
    if (file >= 0) close(file);
    if (error == 0) return am_ok;
    return error == EAGAIN ? socket_error(p, am_timeout) : socket_errno(p, error);
}

/* ---- socket:info ---- */

static term_t states(Heap *h, uint32_t bits)
{
    static const term_t names[] = {am_bound, am_listening, am_accepting, am_connecting,
                                   am_connected, am_selected, am_closing, am_closed};
    term_t list = TERM_NIL;
    for (size_t i = ARRAY_LEN(names); i-- > 0;)
        if (bits >> i & 1) list = heap_cons(h, names[i], list);
    return list;
}

static term_t creation(Heap *h, const Socket *s)
{
    if (s->origin <= 0) return am_normal;
    return s->close_on_close ? heap_tuple2(h, am_fromfd, term_small(s->origin)) : am_fromfd;
}

static term_t file_counters(Heap *h, const SendFileCounters *c, term_t map)
{
    const term_t pairs[] = {
        am_sendfile, heap_uint(h, c->calls), am_sendfile_byte, heap_uint(h, c->bytes),
        am_sendfile_fails, heap_uint(h, c->fails), am_sendfile_max, heap_uint(h, c->max),
        am_sendfile_pkg, heap_uint(h, c->packets), am_sendfile_pkg_max, heap_uint(h, c->packet_max),
        am_sendfile_tries, heap_uint(h, c->tries), am_sendfile_waits, heap_uint(h, c->waits)};
    return map_put_pairs(h, map, pairs, ARRAY_LEN(pairs) / 2, false, NULL);
}

static term_t counters(Heap *h, const Socket *s)
{
    term_t map = map_of(
        h, 16, am_read_byte, heap_uint(h, s->read_bytes), am_read_fails, heap_uint(h, s->read_fails),
        am_read_pkg, heap_uint(h, s->read_packets), am_read_pkg_max, heap_uint(h, s->read_packet_max),
        am_read_tries, heap_uint(h, s->read_tries), am_read_waits, heap_uint(h, s->read_waits),
        am_write_byte, heap_uint(h, s->write_bytes), am_write_fails, heap_uint(h, s->write_fails),
        am_write_pkg, heap_uint(h, s->write_packets), am_write_pkg_max, heap_uint(h, s->write_packet_max),
        am_write_tries, heap_uint(h, s->write_tries), am_write_waits, heap_uint(h, s->write_waits),
        am_acc_success, heap_uint(h, s->accept_done), am_acc_fails, heap_uint(h, s->accept_fails),
        am_acc_tries, heap_uint(h, s->accept_tries), am_acc_waits, heap_uint(h, s->accept_waits));
    return s->file_counters ? file_counters(h, s->file_counters, map) : map;
}

BIF(prim_socket, nif_info, 1, 0)
{
    SOCKET_ARG(s, a[0]);
    Heap *h = &p->heap;
    mutex_lock(&s->lock);
    term_t r = map_of(h, 11, am_domain, domain_term(s->domain), am_type, type_term(s->type), am_protocol,
                      term_small(s->protocol), am_owner, s->owner, am_rstates, states(h, s->read_state),
                      am_wstates, states(h, s->write_state), am_ctype, creation(h, s), am_counters,
                      counters(h, s), am_num_readers, term_small((int64_t)queue_length(&s->readers)),
                      am_num_writers, term_small((int64_t)queue_length(&s->writers)), am_num_acceptors,
                      term_small((int64_t)queue_length(&s->acceptors)));
    mutex_unlock(&s->lock);
    return r;
}

static term_t global_counters(Heap *h, struct SocketSpace *c)
{
    mutex_lock(&c->lock);
    term_t map = map_of(
        h, 12, am_num_cnt_bits, term_small(COUNTER_BITS), am_num_sockets, term_small(c->all),
        am_num_tdgrams, term_small(c->dgrams), am_num_tstreams, term_small(c->streams), am_num_tseqpkgs,
        term_small(c->seqpackets), am_num_dlocal, term_small(c->local), am_num_dinet, term_small(c->inet),
        am_num_dinet6, term_small(c->inet6), am_num_pip, term_small(c->ip), am_num_ptcp,
        term_small(c->tcp), am_num_pudp, term_small(c->udp), am_num_psctp, term_small(c->sctp));
    mutex_unlock(&c->lock);
    return map;
}

BIF(prim_socket, nif_info, 0, 0)
{
    struct SocketSpace *c = io_sockets(p->vm);
    Heap *h = &p->heap;
    return map_of(h, 6, am_debug, term_bool(atomic_load(&c->debug)), am_socket_debug,
                  term_bool(atomic_load(&c->socket_debug)), am_use_registry,
                  term_bool(atomic_load(&c->use_registry)), am_iow, am_false, am_counters,
                  global_counters(h, c), am_iov_max, term_small(sysconf(_SC_IOV_MAX)));
}

/* Debugging is only remembered: what it prints is the reference's own business. */
BIF(prim_socket, nif_command, 1, 0)
{
    struct SocketSpace *c = io_sockets(p->vm);
    term_t command = term_is_map(a[0]) ? map_get(a[0], am_command) : TERM_NONE;
    term_t data = term_is_map(a[0]) ? map_get(a[0], am_data) : TERM_NONE;
    if (command == TERM_NONE || data == TERM_NONE) return bif_error(p, EXC_BADARG);
    _Atomic(bool) *flag = command == am_debug          ? &c->debug
                          : command == am_socket_debug ? &c->socket_debug
                          : command == am_use_registry ? &c->use_registry
                                                       : NULL;
    if (!flag) return socket_raise_invalid(p, heap_tuple2(&p->heap, am_command, command));
    if (!term_is_bool(data)) return socket_raise_invalid(p, heap_tuple2(&p->heap, am_data, data));
    atomic_store(flag, data == am_true);
    return am_ok;
}
