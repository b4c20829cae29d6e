/* SPDX-License-Identifier: Apache-2.0 */
/* drv_dyn - ports of linked-in drivers: from what a port does (PortDriver) to the driver's callbacks.
 * Semantics: driver_entry(3). Layer: io. */
#include "io/drv.h"
#include "io/port_trace.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "data/binary.h"
#include "data/iolist.h"
#include "etf/etf.h"
#include "proc/ptab.h"

#include <errno.h>

static const ErlDrvEntry *entry_of(const Port *port) { return dyn_port(port)->driver->entry; }

Port *drv_port(ErlDrvPort handle)
{
    term_t id = (term_t)(uintptr_t)handle;
    ASSERT(epoch_is_reading());
    return term_is_local_port(id) ? ptab_lookup(vm_default()->procs->ports, id) : NULL;
}

void drv_end_soon(Port *port)
{
    if (!port->in_driver) task_schedule(port->vm, &port->task);
}

static size_t queue_bytes(const Port *port)
{
    const DynPort *d = dyn_port(port);
    if (d->pdl) pthread_mutex_lock(&d->pdl->mutex);
    size_t n = d->queue.bytes;
    if (d->pdl) pthread_mutex_unlock(&d->pdl->mutex);
    return n;
}

void drv_queue_changed(Port *port)
{
    if (port->state != PORT_CLOSING || dyn_port(port)->queue.bytes > 0) return;
    if (port->in_driver && sched_self) port_flushed(port);
    else port_event(port, PORT_ASYNC); /* looks at the queue, too */
}

/* ---- start and stop ---- */

static int start_error(ErlDrvData data, int error)
{
    if (data == ERL_DRV_ERROR_BADARG) return -1;
    if (data == ERL_DRV_ERROR_ERRNO) return error;
    return data == ERL_DRV_ERROR_GENERAL ? EINVAL : 0;
}

static DynPort *new_dyn_port(Port *port)
{
    DynPort *d = MEM_NEW(DRV, DynPort);
    d->driver = (DynDriver *)(uintptr_t)port->driver;
    d->caller = TERM_NONE;
    d->timer_due = TIMER_NEVER;
    d->msgq_low = 4096;
    d->msgq_high = 8192;
    port->driver_data = d;
    return d;
}

static void free_dyn_port(Port *port)
{
    DynPort *d = dyn_port(port);
    for (size_t i = 0; i < d->fd_count; i++)
        (void)fd_port_deselect(port->vm, d->fds[i], port->id, POLL_READ | POLL_WRITE);
    nif_demonitor_all(port->vm, &d->monitors);
    async_report(port, true);
    if (d->pdl) driver_pdl_dec_refc(d->pdl);
    ioq_clear(&d->queue);
    mem_free(MEM_DRV, d->fds, d->fd_room * sizeof *d->fds);
    port->driver_data = NULL;
    MEM_DELETE(DRV, d);
}

static int start(Port *port, Process *p, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt UNUSED)
{
    DynPort *d = new_dyn_port(port);
    if (!d->driver->entry->start) return 0;
    d->caller = p->id;
    port->in_driver = true;
    d->data = d->driver->entry->start(drv_handle(port), port->title);
    port->in_driver = false;
    int error = start_error(d->data, errno);
    d->caller = TERM_NONE;
    if (error) free_dyn_port(port);
    return error;
}

static void stop(Port *port)
{
    DynDriver *driver = dyn_port(port)->driver;
    port->in_driver = true;
    if (driver->entry->stop) driver->entry->stop(dyn_port(port)->data);
    port->in_driver = false;
    free_dyn_port(port);
    ddll_port_gone(driver);
}

/* ---- output ---- */

/* Slices of an iolist: small things are copied together, large binaries stay where they are. */
typedef struct Slices {
    SysIOVec *iov;
    ErlDrvBinary **binv;
    size_t count, room;
    uint8_t *copies;             /* of one binary, with room for everything */
    Binary *storage;
    size_t used;
    bool open;                   /* the last slice may grow */
} Slices;

static void add_slice(Slices *s, Binary *b, const uint8_t *bytes, size_t n)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 8;
        s->iov = mem_realloc(MEM_DRV, s->iov, s->room * sizeof *s->iov, room * sizeof *s->iov);
        s->binv = mem_realloc(MEM_DRV, s->binv, s->room * sizeof *s->binv, room * sizeof *s->binv);
        s->room = room;
    }
    s->iov[s->count] = (SysIOVec){(void *)(uintptr_t)bytes, n};
    s->binv[s->count++] = b ? drv_view(b) : NULL;
}

static void add_copy(Slices *s, const uint8_t *bytes, size_t n)
{
    memcpy(s->copies + s->used, bytes, n);
    if (s->open) s->iov[s->count - 1].iov_len += n;
    else add_slice(s, binary_ref(s->storage), s->copies + s->used, n);
    s->used += n;
    s->open = true;
}

static void add_bits(Slices *s, term_t t)
{
    enum { COPY_BELOW = 64 };
    BitView v = bitstring_view(t);
    Binary *b = bitstring_storage(t);
    size_t n = v.bits / 8;
    if (n == 0) return;
    if (b && view_is_aligned(&v) && n >= COPY_BELOW) {
        add_slice(s, binary_ref(b), view_bytes(&v), n);
        s->open = false;
        return;
    }
    TempBytes temp = TEMP_BYTES_INIT;
    const uint8_t *bytes = binary_bytes(t, &n, &temp);
    add_copy(s, bytes, n);
    temp_bytes_free(&temp);
}

/* The list was checked; its depth is bounded by a stack of tails. */
static void add_iolist(Slices *s, term_t t)
{
    Buf rest = BUF_INIT(TEMP);
    for (;;) {
        if (term_is_list_cell(t)) {
            term_t head = list_head(t), tail = list_tail(t);
            if (term_is_small(head)) {
                uint8_t byte = (uint8_t)small_value(head);
                add_copy(s, &byte, 1);
                t = tail;
                continue;
            }
            buf_append(&rest, &tail, sizeof tail);
            t = head;
            continue;
        }
        if (term_is_bitstring(t)) add_bits(s, t);
        if (rest.len == 0) break;
        memcpy(&t, rest.data + rest.len - sizeof t, sizeof t);
        buf_truncate(&rest, rest.len - sizeof t);
    }
    buf_free(&rest);
}

static void free_slices(Slices *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->binv[i]) binary_unref(drv_binary(s->binv[i]));
    binary_unref(s->storage);
    mem_free(MEM_DRV, s->iov, s->room * sizeof *s->iov);
    mem_free(MEM_DRV, s->binv, s->room * sizeof *s->binv);
}

/* The first slice is empty: room for a header. */
static void output_vector(Port *port, term_t data, size_t n)
{
    Slices s = {.storage = binary_new(n)};
    s.copies = binary_data(s.storage);
    add_slice(&s, NULL, NULL, 0);
    add_iolist(&s, data);
    ErlIOVec ev = {.vsize = (int)s.count, .size = n, .iov = s.iov, .binv = s.binv};
    entry_of(port)->outputv(dyn_port(port)->data, &ev);
    free_slices(&s);
}

static void output_term(Port *port, Process *p, term_t data, size_t n)
{
    DynPort *d = dyn_port(port);
    d->caller = p ? p->id : port->commander;
    if (entry_of(port)->outputv) {
        output_vector(port, data, n);
    } else if (entry_of(port)->output) {
        char *bytes = mem_alloc(MEM_DRV, n + 1);
        iolist_to_buffer(data, (uint8_t *)bytes, n, NULL);
        entry_of(port)->output(d->data, bytes, n);
        mem_free(MEM_DRV, bytes, n + 1);
    }
    if (port->driver_data) d->caller = TERM_NONE;
}

/* ---- control and call ---- */

/* What control left in *rbuf: bytes, or with PORT_CONTROL_FLAG_BINARY a driver binary. */
static term_t control_result(Heap *h, const DynPort *d, char *own, char *rbuf, size_t n)
{
    bool binary = d->control_flags & PORT_CONTROL_FLAG_BINARY;
    if (!rbuf) return TERM_NIL;
    if (!binary) {
        term_t t = heap_string(h, rbuf, n, TERM_NIL);
        if (rbuf != own) driver_free(rbuf);
        return t;
    }
    if (rbuf == own) return heap_binary(h, rbuf, n);
    ErlDrvBinary *b = (ErlDrvBinary *)(void *)rbuf;
    size_t bytes = MIN(n, (size_t)b->orig_size);
    return heap_binary_of(h, drv_binary(b), 0, bytes ? bytes : (size_t)b->orig_size);
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    enum { OWN = 64 };
    char own[OWN], *rbuf = own;
    DynPort *d = dyn_port(port);
    if (!entry_of(port)->control) return TERM_NONE;
    d->caller = p->id;
    ErlDrvSSizeT r = entry_of(port)->control(d->data, op, (char *)(uintptr_t)bytes, n, &rbuf, OWN);
    d->caller = TERM_NONE;
    return r < 0 ? TERM_NONE : control_result(&p->heap, d, own, rbuf, (size_t)r);
}

static term_t call(Port *port, Process *p, uint32_t op, term_t arg)
{
    enum { OWN = 256 };
    char own[OWN], *rbuf = own;
    unsigned flags = 0;
    size_t used;
    DynPort *d = dyn_port(port);
    Buf in = BUF_INIT(TEMP);
    if (!entry_of(port)->call || !etf_encode(p->vm, &in, arg, 0)) {
        buf_free(&in);
        return TERM_NONE;
    }
    d->caller = p->id;
    port_trace_operation(port, p->id, am_call, op, (const uint8_t *)in.data, in.len);
    ErlDrvSSizeT n = entry_of(port)->call(d->data, op, in.data, in.len, &rbuf, OWN, &flags);
    d->caller = TERM_NONE;
    term_t t = TERM_NONE;
    if (n > 0 && rbuf) t = etf_decode_used(&p->heap, p->vm, (const uint8_t *)rbuf, (size_t)n, 0, &used);
    buf_free(&in);
    if (n <= 0 || !rbuf) return TERM_NONE;
    port_trace_answer(port, p->id, am_call, (const uint8_t *)rbuf, (size_t)n);
    if (rbuf != own && !(flags & DRIVER_CALL_KEEP_BUFFER)) driver_free(rbuf);
    return t;
}

/* ---- events ---- */

static bool alive(const Port *port) { return !port->exit_asked && port->state != PORT_DEAD; }

static void selected(Port *port, int fd)
{
    DynPort *d = dyn_port(port);
    ErlDrvEvent event = (ErlDrvEvent)(intptr_t)fd;
    uint32_t ready = fd_port_take(port->vm, fd, port->id);
    if (ready & POLL_READ && entry_of(port)->ready_input) entry_of(port)->ready_input(d->data, event);
    if (ready & POLL_WRITE && alive(port) && entry_of(port)->ready_output)
        entry_of(port)->ready_output(d->data, event);
    if (ready && alive(port)) fd_port_rearm(port->vm, fd, port->id, ready);
}

/* The callbacks may select and deselect: go on with what is there then. */
static void all_selected(Port *port)
{
    DynPort *d = dyn_port(port);
    size_t n = d->fd_count;
    int *fds = mem_alloc(MEM_TEMP, n * sizeof *fds);
    memcpy(fds, d->fds, n * sizeof *fds);
    for (size_t i = 0; i < n && alive(port); i++) selected(port, fds[i]);
    mem_free(MEM_TEMP, fds, n * sizeof *fds);
}

static void ready(Port *port, uint32_t events)
{
    DynPort *d = dyn_port(port);
    if (events & PORT_TIMER && d->timer_due != TIMER_NEVER) {
        d->timer_due = TIMER_NEVER;
        if (entry_of(port)->timeout) entry_of(port)->timeout(d->data);
    }
    if (events & PORT_SELECTED && alive(port)) all_selected(port);
    if (events & PORT_ASYNC && alive(port)) async_report(port, false);
    if (alive(port) && port->state == PORT_CLOSING && queue_bytes(port) == 0) port_flushed(port);
}

static void down(Port *port, RefNum ref)
{
    ErlDrvMonitor monitor;
    nif_monitor_put(&monitor, ref);
    if (entry_of(port)->process_exit) entry_of(port)->process_exit(dyn_port(port)->data, &monitor);
}

/* ---- closing ---- */

static bool pending(Port *port) { return queue_bytes(port) > 0; }
static size_t queued(const Port *port) { return queue_bytes(port); }

static void closing(Port *port)
{
    if (entry_of(port)->flush) entry_of(port)->flush(dyn_port(port)->data);
}

const PortDriver dyn_port_driver = {.name = "", .start = start, .stop = stop, .output_term = output_term,
                                    .ready = ready, .control = control, .call = call, .pending = pending,
                                    .closing = closing, .down = down, .queued = queued};
