/* SPDX-License-Identifier: Apache-2.0 */
/* fdio - see fdio.h. Layer: io. */
#include "io/fdio.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { READ_BYTES = 65536 };

void fdio_start(FdIo *io, Port *port, int in, int out, bool own)
{
    *io = (FdIo){.in = in, .out = out, .own = own};
    buf_init(&io->queue, MEM_PORT);
    if (own && in >= 0) fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    if (own && out >= 0) fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    port->poll_in.fd = in;
    port->poll_out.fd = out;
    if (in >= 0) poll_add(port->vm, &port->poll_in, POLL_READ);
}

static void close_one(FdIo *io, Port *port, PollFd *pf, int *fd)
{
    if (*fd < 0) return;
    if (pf->fd >= 0) poll_remove(port->vm, pf);
    if (io->own) close(*fd);
    *fd = pf->fd = -1;
}

void fdio_stop(FdIo *io, Port *port)
{
    close_one(io, port, &port->poll_in, &io->in);
    close_one(io, port, &port->poll_out, &io->out);
    buf_free(&io->queue);
}

static bool ready_now(int fd)
{
    struct pollfd pf = {.fd = fd, .events = POLLOUT};
    return poll(&pf, 1, 0) == 1;
}

/* write(2) that does not block: bytes written, 0 when none can be now, -1 with errno. */
static ssize_t write_some(const FdIo *io, const uint8_t *bytes, size_t n)
{
    if (!io->own) {
        if (!ready_now(io->out)) return 0;
        n = MIN(n, (size_t)PIPE_BUF);
    }
    ssize_t r;
    do r = write(io->out, bytes, n);
    while (r < 0 && errno == EINTR);
    return r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : r;
}

/* As much as goes; *done bytes. 0 or errno. */
static int write_all(const FdIo *io, const uint8_t *bytes, size_t n, size_t *done)
{
    for (*done = 0; *done < n;) {
        ssize_t r = write_some(io, bytes + *done, n - *done);
        if (r < 0) return errno;
        if (r == 0) break;
        *done += (size_t)r;
    }
    return 0;
}

static void update_busy(FdIo *io, Port *port)
{
    size_t waiting = io->queue.len - io->sent;
    if (waiting >= port->opt.queue_high) port_set_busy(port, true);
    else if (waiting <= port->opt.queue_low) port_set_busy(port, false);
}

int fdio_write(FdIo *io, Port *port, const uint8_t *bytes, size_t n)
{
    size_t done = 0;
    if (io->out < 0) return 0;
    int error = fdio_pending(io) ? 0 : write_all(io, bytes, n, &done);
    if (error) return error;
    if (done < n) {
        buf_append(&io->queue, bytes + done, n - done);
        poll_add(port->vm, &port->poll_out, POLL_WRITE);
        update_busy(io, port);
    }
    return 0;
}

int fdio_write_ready(FdIo *io, Port *port)
{
    size_t done;
    int error = write_all(io, (const uint8_t *)io->queue.data + io->sent,
                          io->queue.len - io->sent, &done);
    if (error) return error;
    io->sent += done;
    if (fdio_pending(io)) {
        poll_add(port->vm, &port->poll_out, POLL_WRITE);
    } else {
        buf_clear(&io->queue);
        io->sent = 0;
    }
    update_busy(io, port);
    return 0;
}

/* What a descriptor in blocking mode had may be gone: read by the break menu, or by another program. */
static bool is_readable(int fd)
{
    struct pollfd pf = {.fd = fd, .events = POLLIN};
    return poll(&pf, 1, 0) != 0;
}

static ssize_t read_some(const FdIo *io, uint8_t *buffer)
{
    ssize_t n;
    if (!io->own && !is_readable(io->in)) {
        errno = EAGAIN;
        return -1;
    }
    do n = read(io->in, buffer, READ_BYTES);
    while (n < 0 && errno == EINTR);
    return n;
}

int fdio_read_ready(FdIo *io, Port *port)
{
    uint8_t *buffer = mem_alloc(MEM_TEMP, READ_BYTES);
    ssize_t n = read_some(io, buffer);
    int error = errno;
    if (n > 0) (io->input ? io->input : port_input)(port, buffer, (size_t)n);
    mem_free(MEM_TEMP, buffer, READ_BYTES);
    bool again = n < 0 && (error == EAGAIN || error == EWOULDBLOCK);
    if (n > 0 || again) {
        poll_add(port->vm, &port->poll_in, POLL_READ);
        return 1;
    }
    close_one(io, port, &port->poll_in, &io->in);
    errno = error;
    return n == 0 ? 0 : -1;
}

void fdio_flush(FdIo *io)
{
    while (io->out >= 0 && fdio_pending(io)) {
        struct pollfd pf = {.fd = io->out, .events = POLLOUT};
        poll(&pf, 1, -1);
        ssize_t r = write(io->out, io->queue.data + io->sent, io->queue.len - io->sent);
        if (r < 0 && errno != EINTR && errno != EAGAIN) return;
        if (r > 0) io->sent += (size_t)r;
    }
}

term_t fdio_window_size(Heap *h, const FdIo *io)
{
    struct winsize ws;
    if (ioctl(io->out, TIOCGWINSZ, &ws) != 0 && ioctl(io->in, TIOCGWINSZ, &ws) != 0) return TERM_NONE;
    uint32_t size[2] = {ws.ws_col, ws.ws_row};
    return heap_string(h, (const char *)size, sizeof size, TERM_NIL);
}
