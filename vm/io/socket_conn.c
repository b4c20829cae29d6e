/* SPDX-License-Identifier: Apache-2.0 */
/* socket_conn - names of sockets, connecting, listening, accepting. Layer: io. */
#include "io/socket.h"

#include "base/oserr.h"
#include "term/atom.h"

#include <errno.h>
#include <unistd.h>

/* ---- names ---- */

BIF(prim_socket, nif_bind, 2, 0)
{
    SockAddr addr;
    socklen_t n;
    SOCKET_ARG(s, a[0]);
    if (!sockaddr_decode(a[1], &addr, &n)) return socket_invalid(p, am_sockaddr);
    mutex_lock(&s->lock);
    term_t r = am_ok;
    if (!socket_reads(s)) r = socket_closed(p);
    else if (bind(socket_fd(s), &addr.sa, n) != 0) r = socket_errno(p, errno);
    else s->read_state |= SOCK_BOUND;
    mutex_unlock(&s->lock);
    return r;
}

/* Several addresses: for protocols that the reference does not serve either. */
BIF(prim_socket, nif_bind, 3, 0) { return bif_error(p, EXC_NOTSUP); }

static term_t name_of(Process *p, Socket *s, int (*get)(int, struct sockaddr *, socklen_t *))
{
    SockAddr addr = {.storage = {0}};
    socklen_t n = sizeof addr;
    mutex_lock(&s->lock);
    term_t r = !socket_reads(s)                         ? socket_closed(p)
               : get(socket_fd(s), &addr.sa, &n) != 0   ? socket_errno(p, errno)
                                                        : TERM_NONE;
    mutex_unlock(&s->lock);
    return r != TERM_NONE ? r : socket_ok(p, sockaddr_term(&p->heap, &addr, (int)n));
}

static int own_name(int fd, struct sockaddr *a, socklen_t *n) { return getsockname(fd, a, n); }
static int peer_name(int fd, struct sockaddr *a, socklen_t *n) { return getpeername(fd, a, n); }

BIF(prim_socket, nif_sockname, 1, 0)
{
    SOCKET_ARG(s, a[0]);
    return name_of(p, s, own_name);
}

BIF(prim_socket, nif_peername, 1, 0)
{
    SOCKET_ARG(s, a[0]);
    return name_of(p, s, peer_name);
}

/* ---- connecting ---- */

static term_t connect_start(Process *p, Socket *s, term_t ref, const SockAddr *addr, socklen_t n)
{
    if (connect(socket_fd(s), &addr->sa, n) == 0) {
        s->write_state |= SOCK_CONNECTED;
        return am_ok;
    }
    if (errno != EINPROGRESS && errno != EWOULDBLOCK) return socket_errno(p, errno);
    if (socket_select_write(s, p->id, ref) != 0) return socket_select_failed(p, am_select_write);
    queue_add(s, &s->connector, p, ref);
    s->write_state |= SOCK_CONNECTING;
    return am_select;
}

static term_t connect_finish(Process *p, Socket *s)
{
    int error = 0;
    socklen_t n = sizeof error;
    (void)queue_next(s, &s->connector);
    s->write_state &= ~(uint32_t)SOCK_CONNECTING;
    if (getsockopt(socket_fd(s), SOL_SOCKET, SO_ERROR, &error, &n) != 0) error = errno;
    if (error) return socket_errno(p, error);
    s->write_state |= SOCK_CONNECTED;
    return am_ok;
}

/* addr NULL: the program has been told that the connection is there, or failed. */
static term_t connect_locked(Process *p, Socket *s, term_t ref, const SockAddr *addr, socklen_t n)
{
    if (!socket_writes(s)) return socket_closed(p);
    if (s->writers.first) return socket_error_invalid(p, am_state);
    if (!s->connector.first)
        return addr ? connect_start(p, s, ref, addr, n) : socket_raise_invalid(p, am_state);
    if (s->connector.first->pid == p->id) return connect_finish(p, s);
    return addr ? socket_error(p, am_already) : socket_raise_invalid(p, am_state);
}

BIF(prim_socket, nif_connect, 3, 0)
{
    SockAddr addr;
    socklen_t n;
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[1])) return bif_error(p, EXC_BADARG);
    if (!sockaddr_decode(a[2], &addr, &n)) return socket_invalid(p, am_sockaddr);
    mutex_lock(&s->lock);
    term_t r = connect_locked(p, s, a[1], &addr, n);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_connect, 1, 0)
{
    SOCKET_ARG(s, a[0]);
    mutex_lock(&s->lock);
    term_t r = connect_locked(p, s, TERM_NONE, NULL, 0);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_shutdown, 2, 0)
{
    SOCKET_ARG(s, a[0]);
    int how = a[1] == am_read ? SHUT_RD : a[1] == am_write ? SHUT_WR : SHUT_RDWR;
    if (how == SHUT_RDWR && a[1] != am_read_write)
        return socket_raise_invalid(p, heap_tuple2(&p->heap, am_how, a[1]));
    mutex_lock(&s->lock);
    term_t r = !socket_reads(s)                      ? socket_closed(p)
               : shutdown(socket_fd(s), how) == 0    ? am_ok
                                                     : socket_errno(p, errno);
    mutex_unlock(&s->lock);
    return r;
}

/* ---- listening ---- */

BIF(prim_socket, nif_listen, 2, 0)
{
    int backlog;
    SOCKET_ARG(s, a[0]);
    if (!term_to_int(a[1], &backlog)) return socket_no_int(p, a[1]);
    mutex_lock(&s->lock);
    term_t r = am_ok;
    if (!socket_reads(s)) r = socket_closed(p);
    else if (listen(socket_fd(s), backlog) != 0) r = socket_errno(p, errno);
    else s->read_state |= SOCK_LISTENING;
    mutex_unlock(&s->lock);
    return r;
}

static term_t accepted(Process *p, Socket *s, int fd)
{
    Socket *fresh;
    s->accept_done++;
    s->write_state |= SOCK_CONNECTED; /* of the listener: shown so by the reference */
    term_t ref = socket_new(p, fd, s->domain, s->type, s->protocol, s, &fresh);
    socket_count(p->vm, s->domain, s->type, s->protocol, 1);
    socket_register(fresh);
    if (s->acceptors.first && !queue_next(s, &s->acceptors)) s->read_state &= ~(uint32_t)SOCK_ACCEPTING;
    return socket_ok(p, ref);
}

static term_t accept_later(Process *p, Socket *s, term_t ref)
{
    if (s->acceptors.first) s->accept_waits++;
    queue_lead(s, &s->acceptors, p, ref);
    if (socket_select_read(s, p->id, ref) != 0) {
        if (!queue_next(s, &s->acceptors)) s->read_state &= ~(uint32_t)SOCK_ACCEPTING;
        return socket_select_failed(p, am_select_read);
    }
    s->read_state |= SOCK_ACCEPTING;
    return am_select;
}

static term_t accept_locked(Process *p, Socket *s, term_t ref)
{
    if (!socket_reads(s)) return socket_closed(p);
    if (s->readers.first) return socket_error_invalid(p, am_state);
    if (s->acceptors.first && s->acceptors.first->pid != p->id) {
        if (queue_has(&s->acceptors, p->id)) return socket_raise_invalid(p, am_state);
        queue_add(s, &s->acceptors, p, ref);
        return am_select;
    }
    s->accept_tries++;
    int fd = accept4(socket_fd(s), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return accepted(p, s, fd);
    int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return accept_later(p, s, ref);
    s->accept_fails++;
    queue_abort(s, &s->acceptors, atom_from_cstr(oserr_name(error)));
    return socket_errno(p, error);
}

BIF(prim_socket, nif_accept, 2, 0)
{
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[1])) return bif_error(p, EXC_BADARG);
    mutex_lock(&s->lock);
    term_t r = accept_locked(p, s, a[1]);
    mutex_unlock(&s->lock);
    return r;
}
