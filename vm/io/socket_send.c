/* SPDX-License-Identifier: Apache-2.0 */
/* socket_send - output: send, sendto, sendmsg, sendfile.
 * One process writes at a time; what the kernel does not take at once is the program's to send again
 * when it is told that there is room. Layer: io. */
#include "io/socket.h"

#include "base/alloc.h"
#include "base/oserr.h"
#include "data/map.h"
#include "io/file.h"
#include "term/big.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BYTES_PER_RED = 4096 };

/* TERM_NONE: the socket can be written to. Else what to return. */
static term_t claim(Process *p, Socket *s)
{
    if (!socket_writes(s)) return socket_closed(p);
    if (s->connector.first) return socket_error_invalid(p, am_state);
    return TERM_NONE;
}

/* False: p has to wait, *r says how. */
static bool my_turn(Process *p, Socket *s, term_t ref, term_t *r)
{
    if (!s->writers.first || s->writers.first->pid == p->id) return true;
    if (queue_has(&s->writers, p->id)) {
        *r = socket_raise_invalid(p, am_state);
        return false;
    }
    queue_add(s, &s->writers, p, ref);
    *r = am_select;
    return false;
}

/* ---- what became of a write ---- */

static void packet_done(Socket *s, size_t n)
{
    s->write_packets++;
    s->write_bytes += n;
    s->write_packet_now += n;
    s->write_packet_max = MAX(s->write_packet_max, s->write_packet_now);
    s->write_packet_now = 0;
    (void)queue_next(s, &s->writers);
}

static term_t failed(Process *p, Socket *s, int error)
{
    s->write_fails++;
    term_t reason = atom_from_cstr(oserr_name(error));
    if (error != EINVAL) queue_abort(s, &s->writers, reason);
    return socket_error(p, reason);
}

/* written < 0: nothing. more: the rest is not to be waited for, but sent by the next call. */
static term_t retry(Process *p, Socket *s, term_t ref, ssize_t written, bool more)
{
    if (written >= 0 && s->type != SOCK_STREAM) {
        packet_done(s, (size_t)written);
        return socket_ok(p, heap_int(&p->heap, written));
    }
    if (written > 0) s->write_packet_now += (size_t)written;
    queue_lead(s, &s->writers, p, ref);
    if (more) return heap_tuple2(&p->heap, am_iov, heap_int(&p->heap, written));
    if (socket_select_write(s, p->id, ref) != 0) {
        queue_abort(s, &s->writers, am_select_failed);
        return socket_select_failed(p, am_select_write);
    }
    s->write_waits++;
    if (written < 0) return am_select;
    return heap_tuple2(&p->heap, am_select, heap_int(&p->heap, written));
}

static term_t outcome(Process *p, Socket *s, term_t ref, ssize_t written, size_t wanted, bool more)
{
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return retry(p, s, ref, -1, false);
    if (written < 0) return failed(p, s, errno);
    (void)process_bump_reds(p, (int32_t)(written / BYTES_PER_RED));
    if ((size_t)written < wanted) return retry(p, s, ref, written, false);
    if (more) return retry(p, s, ref, written, true);
    packet_done(s, (size_t)written);
    return am_ok;
}

/* ---- one binary ---- */

/* to: NULL for send. */
static term_t send_binary(Process *p, Socket *s, term_t data, int flags, term_t ref, const SockAddr *to,
                          socklen_t to_bytes)
{
    term_t r = claim(p, s);
    if (r != TERM_NONE || !my_turn(p, s, ref, &r)) return r;
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = binary_bytes(data, &n, &temp);
    s->write_tries++;
    ssize_t written = sendto(socket_fd(s), bytes, n, flags | MSG_NOSIGNAL, to ? &to->sa : NULL, to_bytes);
    int error = errno;
    temp_bytes_free(&temp);
    errno = error;
    return outcome(p, s, ref, written, n, false);
}

BIF(prim_socket, nif_send, 4, 0)
{
    int flags;
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[3]) || !term_is_binary(a[1])) return bif_error(p, EXC_BADARG);
    if (!term_to_int(a[2], &flags)) return socket_no_int(p, a[2]);
    mutex_lock(&s->lock);
    term_t r = send_binary(p, s, a[1], flags, a[3], NULL, 0);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_sendto, 5, 0)
{
    int flags;
    SockAddr to;
    socklen_t to_bytes;
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[4]) || !term_is_binary(a[1])) return bif_error(p, EXC_BADARG);
    if (!term_to_int(a[3], &flags)) return socket_no_int(p, a[3]);
    if (!sockaddr_decode(a[2], &to, &to_bytes)) return socket_invalid(p, am_sockaddr);
    mutex_lock(&s->lock);
    term_t r = send_binary(p, s, a[1], flags, a[4], &to, to_bytes);
    mutex_unlock(&s->lock);
    return r;
}

/* ---- a vector ---- */

enum { VECTOR_MAX = 1024 }; /* what the system takes in one call */

typedef struct Vector {
    struct iovec v[VECTOR_MAX];
    TempBytes temp[VECTOR_MAX];
    size_t count, bytes;
    bool more;                  /* did not fit */
} Vector;

/* False: no list of binaries, or too much for one packet. */
static bool vector_fill(Vector *v, term_t list, bool packet)
{
    v->count = v->bytes = 0;
    for (; v->count < VECTOR_MAX && term_is_list_cell(list); list = list_tail(list)) {
        size_t n;
        if (!term_is_binary(list_head(list))) return false;
        v->temp[v->count] = (TempBytes)TEMP_BYTES_INIT;
        const uint8_t *bytes = binary_bytes(list_head(list), &n, &v->temp[v->count]);
        v->v[v->count++] = (struct iovec){(void *)bytes, n};
        v->bytes += n;
    }
    while (term_is_list_cell(list) && term_is_binary(list_head(list)) && bitstring_bits(list_head(list)) == 0)
        list = list_tail(list);
    v->more = list != TERM_NIL;
    if (v->more && v->count < VECTOR_MAX) return false;
    return !v->more || !packet;
}

static void vector_done(Vector *v)
{
    for (size_t i = 0; i < v->count; i++) temp_bytes_free(&v->temp[i]);
}

static term_t send_vector(Process *p, Socket *s, Vector *v, struct msghdr *m, int flags, term_t ref)
{
    m->msg_iov = v->v;
    m->msg_iovlen = v->count;
    s->write_tries++;
    ssize_t written = sendmsg(socket_fd(s), m, flags | MSG_NOSIGNAL);
    return outcome(p, s, ref, written, v->bytes, v->more);
}

static term_t send_with_control(Process *p, Socket *s, Vector *v, struct msghdr *m, term_t message,
                                int flags, term_t ref)
{
    term_t control = map_get(message, am_ctrl);
    if (control == TERM_NONE) return send_vector(p, s, v, m, flags, ref);
    size_t size = s->write_control;
    uint8_t *buffer = mem_alloc(MEM_TEMP, size);
    m->msg_control = buffer;
    term_t r = cmsg_decode(control, buffer, size, &m->msg_controllen) ? send_vector(p, s, v, m, flags, ref)
                                                                       : socket_invalid(p, am_ctrl);
    mem_free(MEM_TEMP, buffer, size);
    return r;
}

static term_t send_message(Process *p, Socket *s, term_t message, int flags, term_t ref, term_t list)
{
    SockAddr to;
    struct msghdr m = {0};
    term_t r = claim(p, s);
    if (r != TERM_NONE || !my_turn(p, s, ref, &r)) return r;
    term_t addr = map_get(message, am_addr);
    if (addr != TERM_NONE && !sockaddr_decode(addr, &to, &m.msg_namelen)) return socket_invalid(p, am_addr);
    if (addr != TERM_NONE) m.msg_name = &to;
    Vector *v = mem_alloc(MEM_TEMP, sizeof *v);
    r = vector_fill(v, list, s->type != SOCK_STREAM) ? send_with_control(p, s, v, &m, message, flags, ref)
                                                     : socket_invalid(p, am_iov);
    vector_done(v);
    mem_free(MEM_TEMP, v, sizeof *v);
    return r;
}

BIF(prim_socket, nif_sendmsg, 5, 0)
{
    int flags;
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[3]) || !term_is_map(a[1])) return bif_error(p, EXC_BADARG);
    if (!term_to_int(a[2], &flags)) return socket_no_int(p, a[2]);
    mutex_lock(&s->lock);
    term_t r = send_message(p, s, a[1], flags, a[3], a[4]);
    mutex_unlock(&s->lock);
    return r;
}

/* ---- files ---- */

enum FileResult { FILE_DONE, FILE_BLOCKED, FILE_FAILED };
enum { FILE_CHUNK = 1 << 29 };

static void count_chunk(SendFileCounters *c, size_t n, size_t sent)
{
    c->packets++;
    c->bytes += n;
    c->packet_max = MAX(c->packet_max, sent);
    c->max_now += n;
    c->max = MAX(c->max, c->max_now);
}

/* As much as goes now; count 0: to the end of the file. *sent: in this call. */
static enum FileResult send_file(Socket *s, off_t offset, size_t count, size_t *sent)
{
    *sent = 0;
    for (;;) {
        size_t chunk = count && count < FILE_CHUNK ? count : FILE_CHUNK;
        off_t before = offset;
        ssize_t r = sendfile(socket_fd(s), s->file, &offset, chunk);
        size_t n = (size_t)(offset - before);
        s->file_counters->calls++;
        *sent += n;
        if (n > 0) count_chunk(s->file_counters, n, *sent);
        if (count > 0 && (count -= n) == 0) return FILE_DONE;
        if (r < 0 && errno == EAGAIN) return FILE_BLOCKED;
        if (r < 0 && errno != EINTR) return FILE_FAILED;
        if (r >= 0 && n == 0) return FILE_DONE;
    }
}

static void drop_file(Socket *s)
{
    close(s->file);
    s->file = -1;
}

static SendFileCounters *file_counters(Socket *s)
{
    if (!s->file_counters) s->file_counters = MEM_NEW(IO, SendFileCounters);
    return s->file_counters;
}

static term_t file_failed(Process *p, Socket *s, term_t reason)
{
    file_counters(s)->fails++;
    queue_abort(s, &s->writers, term_is_atom(reason) ? reason : am_invalid);
    return socket_error(p, reason);
}

static term_t file_go_on(Process *p, Socket *s, term_t ref, off_t offset, size_t count)
{
    size_t sent;
    enum FileResult r = send_file(s, offset, count, &sent);
    int error = errno;
    if (r == FILE_FAILED) {
        drop_file(s);
        return file_failed(p, s, atom_from_cstr(oserr_name(error)));
    }
    if (r == FILE_DONE) {
        if (s->writers.first) (void)queue_next(s, &s->writers);
        s->write_packet_now = 0;
        drop_file(s);
        return socket_ok(p, heap_uint(&p->heap, sent));
    }
    queue_lead(s, &s->writers, p, ref);
    if (socket_select_write(s, p->id, ref) != 0) {
        queue_abort(s, &s->writers, am_select_failed);
        drop_file(s);
        return socket_select_failed(p, am_select_write);
    }
    s->file_counters->waits++;
    return heap_tuple2(&p->heap, am_select, heap_uint(&p->heap, sent));
}

static term_t file_start(Process *p, Socket *s, term_t ref, off_t offset, size_t count, term_t file)
{
    term_t r = claim(p, s);
    if (r != TERM_NONE || !my_turn(p, s, ref, &r)) return r;
    if (s->file >= 0) return socket_error_invalid(p, am_state);
    int fd = file_descriptor_of(file);
    if (fd < 0) return file_failed(p, s, fd == -1 ? am_einval : socket_invalid(p, am_efile));
    s->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (s->file < 0) return file_failed(p, s, atom_from_cstr(oserr_name(errno)));
    file_counters(s)->tries++;
    s->file_counters->max_now = 0;
    return file_go_on(p, s, ref, offset, count);
}

static term_t file_continue(Process *p, Socket *s, term_t ref, off_t offset, size_t count)
{
    term_t r = claim(p, s);
    if (r != TERM_NONE) return r;
    if (!s->writers.first || s->writers.first->pid != p->id || s->file < 0)
        return socket_raise_invalid(p, am_state);
    return file_go_on(p, s, ref, offset, count);
}

/* file TERM_NONE: go on with the one under way. */
static term_t sendfile_native(Process *p, const term_t *a, term_t file)
{
    int64_t offset;
    uint64_t count;
    SOCKET_ARG(s, a[0]);
    if (!term_is_ref(a[1]) || (file != TERM_NONE && !term_is_ref(file))) return bif_error(p, EXC_BADARG);
    if (!term_to_int64(a[2], &offset)) return socket_no_int(p, a[2]);
    if (!term_to_uint64(a[3], &count)) return socket_no_int(p, a[3]);
    mutex_lock(&s->lock);
    term_t r = file == TERM_NONE ? file_continue(p, s, a[1], offset, count)
                                 : file_start(p, s, a[1], offset, count, file);
    mutex_unlock(&s->lock);
    return r;
}

BIF(prim_socket, nif_sendfile, 5, DIRTY_IO) { return sendfile_native(p, a, a[4]); }
BIF(prim_socket, nif_sendfile, 4, DIRTY_IO) { return sendfile_native(p, a, TERM_NONE); }

/* The socket was closed by a dying process; closing the file may block, so a helper is asked to. */
BIF(prim_socket, nif_sendfile, 1, DIRTY_IO)
{
    SOCKET_ARG(s, a[0]);
    mutex_lock(&s->lock);
    int file = s->file;
    s->file = -1;
    mutex_unlock(&s->lock);
    if (file < 0) return socket_error_invalid(p, am_state);
    close(file);
    return am_ok;
}
