/* SPDX-License-Identifier: Apache-2.0 */
/* drv_vanilla - open_port(Name, Options): a file by its name, read and written as a stream (OTP 25 only).
 * Layer: io. */
#include "base/alloc.h"
#include "base/oserr.h"
#include "io/fdio.h"
#include "term/atom.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct Vanilla {
    FdIo io;             /* first */
    int fd;
} Vanilla;

static int open_flags(const PortOptions *opt)
{
    int mode = opt->in && opt->out ? O_RDWR : opt->out ? O_WRONLY : O_RDONLY;
    return mode | O_CLOEXEC | (opt->out ? O_CREAT | O_TRUNC : 0);
}

static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt)
{
    int fd = open(port->title, open_flags(opt), 0666);
    if (fd < 0) return errno;
    Vanilla *v = MEM_NEW(PORT, Vanilla);
    v->fd = fd;
    port->driver_data = v;
    fdio_start(&v->io, port, opt->in ? fd : -1, opt->out ? fd : -1, false);
    return 0;
}

static void stop(Port *port)
{
    Vanilla *v = port->driver_data;
    fdio_stop(&v->io, port);
    close(v->fd);
    MEM_DELETE(PORT, v);
}

static void output(Port *port, const uint8_t *bytes, size_t n)
{
    int error = fdio_write(port->driver_data, port, bytes, n);
    if (error) port_exit(port, atom_from_cstr(oserr_name(error)));
}

static void ready(Port *port, uint32_t events)
{
    FdIo *io = port->driver_data;
    if ((events & POLL_WRITE) && fdio_pending(io) && fdio_write_ready(io, port) == 0 && !fdio_pending(io))
        port_flushed(port);
    if ((events & POLL_READ) && io->in >= 0 && fdio_read_ready(io, port) <= 0) port_input_end(port);
}

static bool pending(Port *port) { return fdio_pending(port->driver_data); }
static void flush(Port *port) { fdio_flush(port->driver_data); }

const PortDriver drv_vanilla = {.name = "vanilla", .start = start, .stop = stop, .output = output,
                                .ready = ready, .pending = pending, .flush = flush};
