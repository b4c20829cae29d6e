/* SPDX-License-Identifier: Apache-2.0 */
/* fdio - byte streams over descriptors for the fd and spawn drivers: reading when ready, writing with
 * a queue. Descriptors that are shared with other programs (standard input and output) keep their
 * blocking mode; writes to them are cut so that a write after "ready" cannot block.
 * Locks: the port's. Layer: io. */
#ifndef JOIST_IO_FDIO_H
#define JOIST_IO_FDIO_H

#include "io/port.h"

typedef struct FdIo {
    int in, out;             /* -1: none (any more) */
    bool own;                /* ours: non-blocking, closed at the end */
    Buf queue;               /* waits to be written, from `sent` */
    size_t sent;
    void (*input)(Port *port, const uint8_t *bytes, size_t n); /* takes what was read; NULL: port_input */
} FdIo;

void fdio_start(FdIo *io, Port *port, int in, int out, bool own);
void fdio_stop(FdIo *io, Port *port);
/* 0, or errno: the stream is broken. */
int fdio_write(FdIo *io, Port *port, const uint8_t *bytes, size_t n);
int fdio_write_ready(FdIo *io, Port *port);
/* Reads once and delivers. 1: go on; 0: end of input; -1: error, errno. Asks for more by itself. */
int fdio_read_ready(FdIo *io, Port *port);
static inline bool fdio_pending(const FdIo *io) { return io->queue.len > io->sent; }
void fdio_flush(FdIo *io);
/* port_control(Port, FDIO_WINSIZE, []): columns and rows of the terminal, as the eight bytes of two native
 * integers; TERM_NONE: it is none. */
enum { FDIO_CTRL_MAGIC = 0x018b0900, FDIO_WINSIZE = FDIO_CTRL_MAGIC + 100 };
term_t fdio_window_size(Heap *h, const FdIo *io);

#endif
