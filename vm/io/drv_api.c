/* SPDX-License-Identifier: Apache-2.0 */
/* drv_api - the driver interface: output, failure, timers, selecting, monitors, the queue, binaries, memory.
 * Each function is documented in erl_driver(3). Layer: io. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/osenv.h"
#include "base/oserr.h"
#include "data/binary.h"
#include "io/drv.h"
#include "proc/signal.h"

#include <dlfcn.h>

#define API EXPORTED

/* ---- memory and binaries ---- */
API void *driver_alloc(ErlDrvSizeT size) { return malloc(size ? size : 1); }
API void *driver_realloc(void *ptr, ErlDrvSizeT size) { return realloc(ptr, size ? size : 1); }
API void driver_free(void *ptr) { free(ptr); }

API ErlDrvBinary *driver_alloc_binary(ErlDrvSizeT size)
{
    Binary *b = binary_new_try(size);
    if (!b) return NULL;
    return drv_view(b);
}

API ErlDrvBinary *driver_realloc_binary(ErlDrvBinary *bin, ErlDrvSizeT size)
{
    if (!bin) return driver_alloc_binary(size);
    Binary *b = drv_binary(bin);
    if (binary_refs(b) == 1) return drv_view(binary_resize(b, size));
    Binary *fresh = binary_new(size);
    memcpy(binary_data(fresh), binary_data(b), MIN(size, b->size));
    binary_unref(b);
    return drv_view(fresh);
}

API void driver_free_binary(ErlDrvBinary *bin)
{
    if (bin) binary_unref(drv_binary(bin));
}

API ErlDrvSInt driver_binary_get_refc(ErlDrvBinary *bin) { return binary_refs(drv_binary(bin)); }
API ErlDrvSInt driver_binary_inc_refc(ErlDrvBinary *bin) { return binary_refs(binary_ref(drv_binary(bin))); }
API ErlDrvSInt driver_binary_dec_refc(ErlDrvBinary *bin)
{
    return __atomic_sub_fetch((int64_t *)&drv_binary(bin)->refs, 1, __ATOMIC_ACQ_REL);
}

/* ---- output to the owner ---- */

static void deliver(Port *port, Heap *h, term_t data, size_t n)
{
    add_owned(&port->bytes_in, n);
    port_send_owner(port, heap_tuple2(h, am_data, data), h);
}

/* The header's bytes come first as numbers when the rest is binary. */
API int driver_output2(ErlDrvPort handle, char *hbuf, ErlDrvSizeT hlen, char *buf, ErlDrvSizeT len)
{
    Port *port = drv_port(handle);
    Heap h = {0};
    if (!port) return -1;
    if (port->state == PORT_CLOSING) return 0;
    if (port->opt.packet == PACKET_LINE && hlen == 0) {
        port_input(port, (const uint8_t *)buf, len);
        return 0;
    }
    term_t data = !port->opt.binary ? heap_string(&h, buf, len, TERM_NIL)
                  : len || !hlen    ? heap_binary(&h, buf, len) : TERM_NIL;
    deliver(port, &h, heap_string(&h, hbuf, hlen, data), len + hlen);
    return 0;
}

API int driver_output(ErlDrvPort handle, char *buf, ErlDrvSizeT len)
{
    return driver_output2(handle, NULL, 0, buf, len);
}

API int driver_output_binary(ErlDrvPort handle, char *hbuf, ErlDrvSizeT hlen, ErlDrvBinary *bin,
                             ErlDrvSizeT offset, ErlDrvSizeT len)
{
    Port *port = drv_port(handle);
    Heap h = {0};
    if (!port) return -1;
    if (port->state == PORT_CLOSING) return 0;
    term_t data = port->opt.binary
                      ? heap_binary_of(&h, binary_ref(drv_binary(bin)), offset, len)
                      : heap_string(&h, bin->orig_bytes + offset, len, TERM_NIL);
    deliver(port, &h, heap_string(&h, hbuf, hlen, data), len + hlen);
    return 0;
}

/* A list of the slices, [a | b] when there are two. */
static term_t slices_term(Heap *h, const Port *port, const ErlIOVec *ev, size_t skip)
{
    term_t tail = TERM_NIL;
    size_t end = ev->size;
    for (int i = ev->vsize; i-- > 0;) {
        size_t begin = end - ev->iov[i].iov_len, cut = begin < skip ? MIN(skip - begin, ev->iov[i].iov_len) : 0;
        size_t n = ev->iov[i].iov_len - cut;
        char *bytes = (char *)ev->iov[i].iov_base + cut;
        end = begin;
        if (n == 0) continue;
        if (!port->opt.binary) {
            tail = heap_string(h, bytes, n, tail);
            continue;
        }
        Binary *b = ev->binv[i] ? drv_binary(ev->binv[i]) : NULL;
        term_t t = b ? heap_binary_of(h, binary_ref(b), (size_t)((uint8_t *)bytes - binary_data(b)), n)
                     : heap_binary(h, bytes, n);
        tail = tail == TERM_NIL ? t : heap_cons(h, t, tail);
    }
    return tail;
}

API int driver_outputv(ErlDrvPort handle, char *hbuf, ErlDrvSizeT hlen, ErlIOVec *ev, ErlDrvSizeT skip)
{
    Port *port = drv_port(handle);
    Heap h = {0};
    if (!port || skip > ev->size) return -1;
    if (port->state == PORT_CLOSING) return 0;
    size_t n = ev->size - skip;
    if (hlen > 0 && n == 0) return driver_output2(handle, hbuf, hlen, NULL, 0);
    term_t data = n ? slices_term(&h, port, ev, skip) : port->opt.binary ? heap_binary(&h, "", 0) : TERM_NIL;
    deliver(port, &h, heap_string(&h, hbuf, hlen, data), n + hlen);
    return 0;
}

API ErlDrvSizeT driver_vec_to_buf(ErlIOVec *ev, char *buf, ErlDrvSizeT len)
{
    size_t done = 0;
    for (int i = 0; i < ev->vsize && done < len; i++) {
        size_t n = MIN(ev->iov[i].iov_len, len - done);
        memcpy(buf + done, ev->iov[i].iov_base, n);
        done += n;
    }
    return done;
}

/* ---- failure ---- */

static int fail(ErlDrvPort handle, term_t reason)
{
    Port *port = drv_port(handle);
    if (!port || port->state == PORT_DEAD) return -1;
    if (port->state == PORT_CLOSING) port_flushed(port);
    else port_exit(port, reason);
    drv_end_soon(port);
    return 0;
}

API int driver_failure_eof(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    if (!port || port->state == PORT_DEAD) return -1;
    if (port->state == PORT_CLOSING) port_flushed(port);
    else port_input_end(port);
    drv_end_soon(port);
    return 0;
}

API int driver_failure_atom(ErlDrvPort handle, char *reason) { return fail(handle, atom_from_cstr(reason)); }
API int driver_failure_posix(ErlDrvPort handle, int error)
{
    return fail(handle, atom_from_cstr(oserr_name(error)));
}
API int driver_failure(ErlDrvPort handle, int code)
{
    return code == 0 ? driver_failure_eof(handle) : fail(handle, term_small(code));
}

API int driver_exit(ErlDrvPort handle, int error)
{
    Port *port = drv_port(handle);
    if (!port) return -1;
    if (port_drop_link(port, port->owner)) signal_send_unlink(port->vm, port->id, port->owner, 0);
    return fail(handle, error ? atom_from_cstr(oserr_name(error)) : am_normal);
}

API char *erl_errno_id(int error) { return (char *)(uintptr_t)oserr_name(error); }

/* ---- timers ---- */

API int driver_set_timer(ErlDrvPort handle, unsigned long ms)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data || !dyn_port(port)->driver->entry->timeout) return -1;
    dyn_port(port)->timer_due = clock_monotonic_ns() + (int64_t)ms * NS_PER_MS;
    port_set_timer(port, dyn_port(port)->timer_due);
    return 0;
}

API int driver_cancel_timer(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data) return -1;
    dyn_port(port)->timer_due = TIMER_NEVER;
    port_set_timer(port, TIMER_NEVER);
    return 0;
}

API int driver_read_timer(ErlDrvPort handle, unsigned long *left)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data) return -1;
    int64_t due = dyn_port(port)->timer_due, now = clock_monotonic_ns();
    *left = due == TIMER_NEVER || due <= now ? 0 : (unsigned long)((due - now + NS_PER_MS - 1) / NS_PER_MS);
    return 0;
}

/* ---- select ---- */

static void remember_fd(DynPort *d, int fd)
{
    for (size_t i = 0; i < d->fd_count; i++)
        if (d->fds[i] == fd) return;
    if (d->fd_count == d->fd_room) {
        size_t room = d->fd_room ? 2 * d->fd_room : 4;
        d->fds = mem_realloc(MEM_DRV, d->fds, d->fd_room * sizeof *d->fds, room * sizeof *d->fds);
        d->fd_room = room;
    }
    d->fds[d->fd_count++] = fd;
}

static void forget_fd(DynPort *d, int fd)
{
    for (size_t i = 0; i < d->fd_count; i++)
        if (d->fds[i] == fd) d->fds[i--] = d->fds[--d->fd_count];
}

/* mode: ERL_DRV_READ, ERL_DRV_WRITE, ERL_DRV_USE; taking USE away ends all, and says that the descriptor may be
 * closed. */
API int driver_select(ErlDrvPort handle, ErlDrvEvent event, int mode, int on)
{
    Port *port = drv_port(handle);
    int fd = (int)(intptr_t)event;
    uint32_t events = (mode & ERL_DRV_READ ? POLL_READ : 0u) | (mode & ERL_DRV_WRITE ? POLL_WRITE : 0u);
    if (!port || !port->driver_data || fd < 0) return -1;
    DynPort *d = dyn_port(port);
    if (on) {
        if (events && fd_port_select(port->vm, fd, port->id, events, d->driver->name) != 0) return -1;
        if (events) remember_fd(d, fd);
        return 0;
    }
    bool done = (mode & ERL_DRV_USE_NO_CALLBACK) == ERL_DRV_USE;
    if (done) events = POLL_READ | POLL_WRITE;
    if (!fd_port_deselect(port->vm, fd, port->id, events) || done) forget_fd(d, fd);
    if (done && d->driver->entry->stop_select) d->driver->entry->stop_select(event, NULL);
    return 0;
}

/* ---- monitors ---- */

API int driver_monitor_process(ErlDrvPort handle, ErlDrvTermData pid, ErlDrvMonitor *monitor)
{
    Port *port = drv_port(handle);
    RefNum ref;
    if (!port || !port->driver_data || !dyn_port(port)->driver->entry->process_exit) return -1;
    if (!term_is_local_pid(pid)) return 1;
    int result = nif_monitor(port->vm, &dyn_port(port)->monitors, NULL, port->id, pid, &ref);
    if (result == 0) nif_monitor_put(monitor, ref);
    return result;
}

API int driver_demonitor_process(ErlDrvPort handle, const ErlDrvMonitor *monitor)
{
    Port *port = drv_port(handle);
    return port ? nif_demonitor(port->vm, NULL, port->id, nif_monitor_ref(monitor)) : -1;
}

API ErlDrvTermData driver_get_monitored_process(ErlDrvPort handle, const ErlDrvMonitor *monitor)
{
    Port *port = drv_port(handle);
    term_t pid = port ? nif_monitored(port->vm, port->id, nif_monitor_ref(monitor)) : TERM_NONE;
    return pid == TERM_NONE ? driver_term_nil : pid;
}

API int driver_compare_monitors(const ErlDrvMonitor *a, const ErlDrvMonitor *b) { return memcmp(a, b, sizeof *a); }

/* ---- the port ---- */

API ErlDrvTermData driver_mk_port(ErlDrvPort handle) { return (ErlDrvTermData)(uintptr_t)handle; }
API ErlDrvTermData driver_mk_atom(char *name) { return atom_from_cstr(name); }
API ErlDrvTermData driver_mk_term_nil(void) { return TERM_NIL; }
const ErlDrvTermData driver_term_nil EXPORTED = TERM_NIL;

API ErlDrvTermData driver_connected(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    return port ? port->owner : TERM_NIL;
}

API ErlDrvTermData driver_caller(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data) return TERM_NIL;
    return dyn_port(port)->caller != TERM_NONE ? dyn_port(port)->caller : port->owner;
}

API void set_busy_port(ErlDrvPort handle, int on)
{
    Port *port = drv_port(handle);
    if (port) port_set_busy(port, on);
}

API void set_port_control_flags(ErlDrvPort handle, int flags)
{
    Port *port = drv_port(handle);
    if (port && port->driver_data) dyn_port(port)->control_flags = flags;
}

API int get_port_flags(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    if (!port) return 0;
    return (port->opt.binary ? PORT_FLAG_BINARY : 0) | (port->opt.packet == PACKET_LINE ? PORT_FLAG_LINE : 0);
}

/* Commands run in the thread of whoever sends them and are never queued for the port: the limits are kept and
 * reported, but never met. */
API void erl_drv_busy_msgq_limits(ErlDrvPort handle, ErlDrvSizeT *low, ErlDrvSizeT *high)
{
    Port *port = drv_port(handle);
    if (!port || !port->driver_data) return;
    DynPort *d = dyn_port(port);
    if (low && *low) d->msgq_low = *low;
    if (high && *high) d->msgq_high = *high;
    if (d->msgq_low > d->msgq_high) d->msgq_low = d->msgq_high;
    if (low) *low = d->msgq_low;
    if (high) *high = d->msgq_high;
}

API int erl_drv_consume_timeslice(ErlDrvPort handle, int percent)
{
    Process *p = sched_self ? sched_self->p : NULL;
    percent = MIN(MAX(percent, 1), 100);
    if (p) return process_bump_reds(p, SCHED_SLICE_REDS * percent / 100);
    Port *port = drv_port(handle);
    if (!port) return percent == 100;
    port->consumed += (unsigned)percent;
    return port->consumed >= 100;
}

API void erl_drv_set_os_pid(ErlDrvPort handle, ErlDrvSInt pid)
{
    Port *port = drv_port(handle);
    if (port) port->os_pid = pid;
}

/* open_port/2 answers when `start` returns; a driver that answers later has nothing more to say then. */
API void erl_drv_init_ack(ErlDrvPort handle, ErlDrvData data)
{
    Port *port = drv_port(handle);
    if (port && port->driver_data && data != ERL_DRV_ERROR_GENERAL) dyn_port(port)->data = data;
    else if (port) (void)driver_failure_atom(handle, "normal");
}

typedef struct Created {
    DynDriver *driver;
    ErlDrvData data;
    Port *port;
} Created;

static void set_up(Port *port, void *arg)
{
    Created *c = arg;
    DynPort *d = MEM_NEW(DRV, DynPort);
    d->driver = c->driver;
    d->data = c->data;
    d->caller = TERM_NONE;
    d->timer_due = TIMER_NEVER;
    port->driver_data = d;
    c->port = port;
}

API ErlDrvPort driver_create_port(ErlDrvPort creator, ErlDrvTermData owner, char *name, ErlDrvData data)
{
    Port *parent = drv_port(creator);
    ErlDrvPort none = (ErlDrvPort)(intptr_t)-1;
    if (!parent || !parent->driver_data || !term_is_local_pid(owner)) return none;
    if (!process_lookup_alive(parent->vm, owner)) return none;
    Created c = {.driver = dyn_port(parent)->driver, .data = data};
    ddll_add_port(c.driver);
    Port *port = port_spawn(parent, owner, set_up, &c);
    if (!port) return none;
    mem_free_text(MEM_PORT, port->title);
    port->title = mem_text(MEM_PORT, name);
    return drv_handle(port);
}

API int driver_lock_driver(ErlDrvPort handle)
{
    Port *port = drv_port(handle);
    return port && port->driver_data && ddll_lock_driver(dyn_port(port)->driver) ? 0 : -1;
}

/* ---- the queue; with a lock of its own also for threads that hold that ---- */

/* The queue's port, entered; NULL: gone. */
static Port *queue_enter(ErlDrvPort handle, EpochSection *section)
{
    *section = nif_enter(vm_default());
    Port *port = drv_port(handle);
    if (port && port->driver_data) return port;
    nif_leave(vm_default(), *section);
    return NULL;
}

static int add_bytes(ErlDrvPort handle, bool front, const void *bytes, size_t n)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) return -1;
    ioq_add_copy(&dyn_port(port)->queue, front, bytes, n);
    nif_leave(port->vm, section);
    return 0;
}

static int add_binary(ErlDrvPort handle, bool front, ErlDrvBinary *bin, size_t offset, size_t n)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) return -1;
    ioq_add(&dyn_port(port)->queue, front, binary_ref(drv_binary(bin)), bin->orig_bytes + offset, n);
    nif_leave(port->vm, section);
    return 0;
}

static void add_slice(IoQueue *q, bool front, const ErlIOVec *ev, int i, size_t skip)
{
    char *bytes = (char *)ev->iov[i].iov_base + skip;
    size_t n = ev->iov[i].iov_len - skip;
    if (ev->binv[i]) ioq_add(q, front, binary_ref(drv_binary(ev->binv[i])), bytes, n);
    else ioq_add_copy(q, front, bytes, n);
}

static int add_vector(ErlDrvPort handle, bool front, const ErlIOVec *ev, size_t skip)
{
    EpochSection section;
    if (skip > ev->size) return -1;
    Port *port = queue_enter(handle, &section);
    if (!port) return -1;
    IoQueue *q = &dyn_port(port)->queue;
    int first = 0;
    while (first < ev->vsize && skip >= ev->iov[first].iov_len) skip -= ev->iov[first++].iov_len;
    for (int k = first; k < ev->vsize; k++) {
        int i = front ? ev->vsize - 1 - (k - first) : k;
        add_slice(q, front, ev, i, i == first ? skip : 0);
    }
    nif_leave(port->vm, section);
    return 0;
}

API int driver_enq(ErlDrvPort p, char *buf, ErlDrvSizeT n) { return add_bytes(p, false, buf, n); }
API int driver_pushq(ErlDrvPort p, char *buf, ErlDrvSizeT n) { return add_bytes(p, true, buf, n); }
API int driver_enq_bin(ErlDrvPort p, ErlDrvBinary *b, ErlDrvSizeT offset, ErlDrvSizeT n)
{
    return add_binary(p, false, b, offset, n);
}
API int driver_pushq_bin(ErlDrvPort p, ErlDrvBinary *b, ErlDrvSizeT offset, ErlDrvSizeT n)
{
    return add_binary(p, true, b, offset, n);
}
API int driver_enqv(ErlDrvPort p, ErlIOVec *ev, ErlDrvSizeT skip) { return add_vector(p, false, ev, skip); }
API int driver_pushqv(ErlDrvPort p, ErlIOVec *ev, ErlDrvSizeT skip) { return add_vector(p, true, ev, skip); }

/* What is left; -1 when there was less. */
API ErlDrvSizeT driver_deq(ErlDrvPort handle, ErlDrvSizeT n)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) return (ErlDrvSizeT)-1;
    bool ok = ioq_drop(&dyn_port(port)->queue, n);
    ErlDrvSizeT left = dyn_port(port)->queue.bytes;
    if (ok) drv_queue_changed(port);
    nif_leave(port->vm, section);
    return ok ? left : (ErlDrvSizeT)-1;
}

API ErlDrvSizeT driver_sizeq(ErlDrvPort handle)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) return (ErlDrvSizeT)-1;
    ErlDrvSizeT n = dyn_port(port)->queue.bytes;
    nif_leave(port->vm, section);
    return n;
}

API SysIOVec *driver_peekq(ErlDrvPort handle, int *n)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) {
        *n = -1;
        return NULL;
    }
    IoQueue *q = &dyn_port(port)->queue;
    *n = ioq_count(q);
    SysIOVec *iov = *n ? q->iov + q->start : NULL;
    nif_leave(port->vm, section);
    return iov;
}

API ErlDrvSizeT driver_peekqv(ErlDrvPort handle, ErlIOVec *ev)
{
    EpochSection section;
    Port *port = queue_enter(handle, &section);
    if (!port) return (ErlDrvSizeT)-1;
    IoQueue *q = &dyn_port(port)->queue;
    ev->vsize = ioq_count(q);
    ev->size = q->bytes;
    ev->iov = ev->vsize ? q->iov + q->start : NULL;
    ev->binv = ev->vsize ? (ErlDrvBinary **)(void *)(q->bins + q->start) : NULL;
    nif_leave(port->vm, section);
    return ev->size;
}

/* ---- the rest ---- */

API int driver_get_now(ErlDrvNowData *now)
{
    int64_t us = clock_system_ns() / 1000;
    if (!now) return -1;
    now->megasecs = (unsigned long)(us / 1000000000000);
    now->secs = (unsigned long)(us / 1000000 % 1000000);
    now->microsecs = (unsigned long)(us % 1000000);
    return 0;
}

API ErlDrvTime erl_drv_monotonic_time(ErlDrvTimeUnit u) { return enif_monotonic_time((ErlNifTimeUnit)u); }
API ErlDrvTime erl_drv_time_offset(ErlDrvTimeUnit u) { return enif_time_offset((ErlNifTimeUnit)u); }
API ErlDrvTime erl_drv_convert_time_unit(ErlDrvTime t, ErlDrvTimeUnit from, ErlDrvTimeUnit to)
{
    return enif_convert_time_unit(t, (ErlNifTimeUnit)from, (ErlNifTimeUnit)to);
}

API void *driver_dl_open(char *path) { return dlopen(path, RTLD_NOW); }
API void *driver_dl_sym(void *handle, char *name) { return dlsym(handle, name); }
API int driver_dl_close(void *handle) { return dlclose(handle); }
API char *driver_dl_error(void) { return dlerror(); }

API int erl_drv_putenv(const char *key, char *value)
{
    osenv_lock();
    int error = setenv(key, value, 1);
    osenv_unlock();
    return error ? -1 : 0;
}

API int erl_drv_getenv(const char *key, char *value, size_t *size) { return enif_getenv(key, value, size); }
API int null_func(void) { return 0; }
API void add_driver_entry(ErlDrvEntry *entry) { ddll_add_entry(vm_default(), entry); }
API int remove_driver_entry(ErlDrvEntry *entry) { return ddll_remove_entry(vm_default(), entry) ? 1 : 0; }
