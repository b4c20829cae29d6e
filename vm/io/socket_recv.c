/* SPDX-License-Identifier: Apache-2.0 */
/* socket_recv - input: recv, recvfrom, recvmsg. One process reads at a time. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "base/oserr.h"
#include "data/map.h"
#include "term/big.h"

#include <errno.h>
#include <sys/uio.h>

enum { ON_STACK = 8192, BYTES_PER_RED = 4096 };

/* Where input goes: small buffers are copied out of, large ones become the binary. */
typedef struct Input {
    uint8_t stack[ON_STACK];
    uint8_t *bytes;
    size_t size;
    Binary *storage;             /* NULL: on the stack */
} Input;

static bool input_open(Input *in, size_t size)
{
    in->size = size;
    in->storage = size > ON_STACK ? binary_new_try(size) : NULL;
    in->bytes = in->storage ? binary_data(in->storage) : in->stack;
    return in->storage || size <= ON_STACK;
}

static void input_drop(Input *in)
{
    if (in->storage) binary_unref(in->storage);
}

static term_t input_term(Heap *h, Input *in, size_t n)
{
    if (!in->storage) return heap_binary(h, in->bytes, n);
    if (n <= ON_STACK) {
        term_t t = heap_binary(h, in->bytes, n);
        binary_unref(in->storage);
        return t;
    }
    Binary *b = n < in->size ? binary_resize(in->storage, n) : in->storage;
    return heap_binary_of(h, b, 0, n);
}

/* ---- turns ---- */

/* A call that does not want to wait has the atom zero for its reference. */
static bool is_poll(term_t ref) { return ref == am_zero; }

/* False: not now, *r says why. */
static bool claim(Process *p, Socket *s, term_t ref, term_t *r)
{
    if (!socket_reads(s)) {
        *r = socket_closed(p);
    } else if (s->acceptors.first) {
        *r = socket_error_invalid(p, am_state);
    } else if (!s->readers.first || s->readers.first->pid == p->id) {
        return true;
    } else if (queue_has(&s->readers, p->id)) {
        *r = socket_raise_invalid(p, am_state);
    } else if (is_poll(ref)) {
        return true;
    } else {
        queue_add(s, &s->readers, p, ref);
        *r = am_select;
    }
    return false;
}

static void reader_done(Socket *s)
{
    if (s->readers.first) (void)queue_next(s, &s->readers);
}

/* Wait; data: what has come so far, or TERM_NONE. */
static term_t wait_for_more(Process *p, Socket *s, term_t ref, term_t data)
{
    queue_lead(s, &s->readers, p, ref);
    if (socket_select_read(s, p->id, ref) != 0) {
        reader_done(s);
        return socket_select_failed(p, am_select_read);
    }
    return data == TERM_NONE ? am_select : heap_tuple2(&p->heap, am_select, data);
}

static term_t failed(Process *p, Socket *s, term_t ref, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK) {
        if (is_poll(ref)) return am_ok;
        s->read_count = 0;
        return wait_for_more(p, s, ref, TERM_NONE);
    }
    s->read_fails++;
    term_t reason = atom_from_cstr(oserr_name(error));
    queue_abort(s, &s->readers, reason);
    return socket_error(p, reason);
}

static void packet_done(Socket *s, size_t n)
{
    s->read_packets++;
    s->read_bytes += n;
    s->read_packet_now += n;
    s->read_packet_max = MAX(s->read_packet_max, s->read_packet_now);
    s->read_packet_now = 0;
    reader_done(s);
}

/* Datagrams and messages: counted without their sizes, as the reference does. */
static void message_done(Socket *s, size_t n)
{
    s->read_packets++;
    s->read_bytes += n;
    reader_done(s);
}

/* ---- recv ---- */

/* A stream filled the buffer of a program that wants what there is: there may be more. */
static term_t buffer_full(Process *p, Socket *s, term_t ref, term_t data, size_t n)
{
    s->read_count++;
    if (s->read_count >= s->read_max) {
        s->read_count = 0;
        packet_done(s, n);
        return socket_ok(p, data);
    }
    s->read_bytes += n;
    s->read_packet_now += n;
    queue_lead(s, &s->readers, p, ref);
    return heap_tuple2(&p->heap, am_more, data);
}

static term_t received(Process *p, Socket *s, Input *in, size_t n, size_t wanted, term_t ref)
{
    bool stream = s->type == SOCK_STREAM, full = n == in->size;
    term_t data = input_term(&p->heap, in, n);
    (void)process_bump_reds(p, (int32_t)(n / BYTES_PER_RED));
    if (full && stream && wanted == 0) return buffer_full(p, s, ref, data, n);
    if (!full && stream && wanted > 0 && !is_poll(ref)) {
        s->read_bytes += n;
        return wait_for_more(p, s, ref, data);
    }
    if (!full) s->read_count = 0;
    packet_done(s, n);
    return socket_ok(p, data);
}

static term_t end_of_stream(Process *p, Socket *s, bool tell)
{
    s->read_fails++;
    if (tell) queue_abort(s, &s->readers, am_closed);
    return socket_closed(p);
}

static term_t recv_locked(Process *p, Socket *s, size_t wanted, int flags, term_t ref)
{
    term_t r;
    Input in;
    if (!claim(p, s, ref, &r)) return r;
    if (!input_open(&in, wanted ? wanted : s->read_buffer)) return socket_errno(p, ENOMEM);
    s->read_tries++;
    ssize_t n = recv(socket_fd(s), in.bytes, in.size, flags);
    int error = errno;
    if (n > 0 || (n == 0 && s->type != SOCK_STREAM)) return received(p, s, &in, (size_t)n, wanted, ref);
    input_drop(&in);
    return n == 0 ? end_of_stream(p, s, true) : failed(p, s, ref, error);
}

/* Size and flags of a call; TERM_NONE: fine. */
static term_t sizes(Process *p, term_t size, term_t flags, term_t ref, size_t *n, int *f)
{
    uint64_t v;
    if (!term_is_ref(ref) && !is_poll(ref)) return bif_error(p, EXC_BADARG);
    if (!term_is_integer(size) || !term_is_integer(flags)) return bif_error(p, EXC_BADARG);
    if (!term_to_uint64(size, &v)) return socket_no_int(p, size);
    if (!term_to_int(flags, f)) return socket_no_int(p, flags);
    *n = v;
    return am_ok;
}

/* Socket, size, flags and reference of a native, to one of the two. */
static term_t receive(Process *p, const term_t *a, term_t (*locked)(Process *, Socket *, size_t, int, term_t))
{
    size_t n;
    int flags;
    SOCKET_ARG(s, a[0]);
    term_t r = sizes(p, a[1], a[2], a[3], &n, &flags);
    if (r != am_ok) return r;
    mutex_lock(&s->lock);
    r = locked(p, s, n, flags, a[3]);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_recv, 4, 0) { return receive(p, a, recv_locked); }

/* ---- recvfrom ---- */

static term_t recvfrom_locked(Process *p, Socket *s, size_t wanted, int flags, term_t ref)
{
    term_t r;
    Input in;
    SockAddr from = {.storage = {0}};
    socklen_t from_bytes = sizeof from;
    if (!claim(p, s, ref, &r)) return r;
    if (!input_open(&in, wanted ? wanted : s->read_buffer)) return socket_errno(p, ENOMEM);
    s->read_tries++;
    ssize_t n = recvfrom(socket_fd(s), in.bytes, in.size, flags, &from.sa, &from_bytes);
    int error = errno;
    if (n > 0 || (n == 0 && s->type != SOCK_STREAM)) {
        term_t addr = sockaddr_term(&p->heap, &from, (int)from_bytes);
        term_t data = input_term(&p->heap, &in, (size_t)n);
        message_done(s, (size_t)n);
        return socket_ok(p, heap_tuple2(&p->heap, addr, data));
    }
    input_drop(&in);
    return n == 0 ? end_of_stream(p, s, false) : failed(p, s, ref, error);
}

BIF(prim_socket, nif_recvfrom, 4, 0) { return receive(p, a, recvfrom_locked); }

/* ---- recvmsg ---- */

/* A list in the order in which they came; a broken one ends it. */
static term_t control_list(Heap *h, struct msghdr *m)
{
    term_t items[128];
    size_t k = 0;
    const uint8_t *first = (const uint8_t *)CMSG_FIRSTHDR(m);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c && k < ARRAY_LEN(items); c = CMSG_NXTHDR(m, c)) {
        if ((size_t)((const uint8_t *)c - first) + c->cmsg_len > m->msg_controllen) {
            items[k++] = am_bad_data;
            break;
        }
        items[k++] = cmsg_term(h, c, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    }
    return heap_list(h, k, items, TERM_NIL);
}

static term_t message_term(Heap *h, struct msghdr *m, Input *in, size_t n)
{
    term_t iov = n == 0 ? heap_cons(h, heap_binary(h, "", 0), TERM_NIL)
                        : heap_cons(h, input_term(h, in, n), TERM_NIL);
    if (n == 0) input_drop(in);
    term_t control = control_list(h, m), flags = socket_message_flags(h, m->msg_flags);
    if (m->msg_namelen == 0) return map_of(h, 3, am_iov, iov, am_ctrl, control, am_flags, flags);
    term_t addr = sockaddr_term(h, m->msg_name, (int)m->msg_namelen);
    return map_of(h, 4, am_iov, iov, am_ctrl, control, am_flags, flags, am_addr, addr);
}

static term_t recvmsg_into(Process *p, Socket *s, Input *in, struct msghdr *m, int flags, term_t ref)
{
    SockAddr from = {.storage = {0}};
    struct iovec v = {in->bytes, in->size};
    m->msg_name = &from;
    m->msg_namelen = sizeof from;
    m->msg_iov = &v;
    m->msg_iovlen = 1;
    s->read_tries++;
    ssize_t n = recvmsg(socket_fd(s), m, flags);
    int error = errno;
    if (n > 0 || (n == 0 && s->type != SOCK_STREAM)) {
        term_t message = message_term(&p->heap, m, in, (size_t)n);
        message_done(s, (size_t)n);
        return socket_ok(p, message);
    }
    input_drop(in);
    return n == 0 ? end_of_stream(p, s, false) : failed(p, s, ref, error);
}

static term_t recvmsg_locked(Process *p, Socket *s, size_t size, size_t control, int flags, term_t ref)
{
    term_t r;
    Input in;
    if (!claim(p, s, ref, &r)) return r;
    if (control == 0) control = s->read_control;
    uint8_t *buffer = control <= BINARY_MAX_BYTES ? mem_alloc(MEM_TEMP, control) : NULL;
    if (!buffer || !input_open(&in, size ? size : s->read_buffer)) {
        r = socket_errno(p, ENOMEM);
    } else {
        struct msghdr m = {.msg_control = buffer, .msg_controllen = control};
        r = recvmsg_into(p, s, &in, &m, flags, ref);
    }
    mem_free(MEM_TEMP, buffer, control);
    return r;
}

BIF(prim_socket, nif_recvmsg, 5, 0)
{
    size_t n;
    uint64_t control;
    int flags;
    SOCKET_ARG(s, a[0]);
    term_t r = sizes(p, a[1], a[3], a[4], &n, &flags);
    if (r != am_ok) return r;
    if (!term_to_uint64(a[2], &control)) return socket_no_int(p, a[2]);
    mutex_lock(&s->lock);
    r = recvmsg_locked(p, s, n, control, flags, a[4]);
    mutex_unlock(&s->lock);
    return r;
}
