/* SPDX-License-Identifier: Apache-2.0 */
/* drv_fd - open_port({fd, In, Out}, Options): descriptors this VM was started with. Layer: io. */
#include "base/alloc.h"
#include "base/oserr.h"
#include "io/fdio.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static bool fd_arg(term_t t, int *fd)
{
    if (!term_is_small(t) || small_value(t) < 0 || small_value(t) > INT_MAX) return false;
    *fd = (int)small_value(t);
    return true;
}

/* A number that is no open descriptor is accepted: nothing comes from it, and output ends the port (ebadf). */
static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec,
                 const PortOptions *opt)
{
    int in, out;
    if (!fd_arg(tuple_element(spec, 2), &in) || !fd_arg(tuple_element(spec, 3), &out)) return -1;
    long max = sysconf(_SC_OPEN_MAX);
    if ((opt->in && in >= max) || (opt->out && out >= max)) return EINVAL;
    bool readable = opt->in && fcntl(in, F_GETFD) >= 0;
    FdIo *io = MEM_NEW(PORT, FdIo);
    port->driver_data = io;
    fdio_start(io, port, readable ? in : -1, opt->out ? out : -1, false);
    return 0;
}

static void stop(Port *port)
{
    FdIo *io = port->driver_data;
    fdio_stop(io, port);
    MEM_DELETE(PORT, io);
}

static void fail(Port *port, int error)
{
    port_exit(port, atom_from_cstr(oserr_name(error)));
}

static void output(Port *port, const uint8_t *bytes, size_t n)
{
    FdIo *io = port->driver_data;
    int error = io->out < 0 ? EBADF : fdio_write(io, port, bytes, n);
    if (error) fail(port, error);
}

static void ready(Port *port, uint32_t events)
{
    FdIo *io = port->driver_data;
    if ((events & (POLL_WRITE | POLL_ERROR | POLL_HANGUP)) && fdio_pending(io)) {
        int error = fdio_write_ready(io, port);
        if (error) {
            fail(port, error);
            return;
        }
        if (!fdio_pending(io)) port_flushed(port);
    }
    if (!(events & (POLL_READ | POLL_ERROR | POLL_HANGUP)) || io->in < 0) return;
    int r = fdio_read_ready(io, port);
    if (r == 0) port_input_end(port);
    else if (r < 0) fail(port, errno);
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes UNUSED, size_t n UNUSED)
{
    return op == FDIO_WINSIZE ? fdio_window_size(&p->heap, port->driver_data) : TERM_NONE;
}

static bool pending(Port *port) { return fdio_pending(port->driver_data); }
static void flush(Port *port) { fdio_flush(port->driver_data); }

const PortDriver drv_fd = {.name = "fd", .start = start, .stop = stop, .output = output,
                           .ready = ready, .control = control, .pending = pending, .flush = flush};
