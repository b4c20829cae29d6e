/* SPDX-License-Identifier: Apache-2.0 */
/* port - life of ports, their links and monitors, and what processes see of them (ProcPortOps).
 * Layer: io. */
#include "io/port.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "data/iolist.h"
#include "io/child.h"
#include "io/drv.h"
#include "io/port_queue.h"
#include "io/port_trace.h"
#include "io/tracer_port.h"
#include "io/socket.h"
#include "io/watch.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "proc/report.h"
#include "proc/signal.h"
#include "proc/suspend.h"
#include "term/atom.h"

static struct IoSpace *space(Vm *vm) { return vm->io; }

struct WatchSpace *io_watches(Vm *vm) { return space(vm)->watches; }
void io_set_watches(Vm *vm, struct WatchSpace *w) { space(vm)->watches = w; }
struct SocketSpace *io_sockets(Vm *vm) { return space(vm)->sockets; }
void io_set_sockets(Vm *vm, struct SocketSpace *s) { space(vm)->sockets = s; }

/* ---- drivers ---- */

void port_add_driver(Vm *vm, const PortDriver *d)
{
    struct IoSpace *s = space(vm);
    CHECK(s->driver_count < MAX_DRIVERS);
    s->drivers[s->driver_count++] = d;
}

const PortDriver *port_find_driver(Vm *vm, const char *name, size_t n)
{
    struct IoSpace *s = space(vm);
    for (size_t i = 0; i < s->driver_count; i++)
        if (strlen(s->drivers[i]->name) == n && memcmp(s->drivers[i]->name, name, n) == 0)
            return s->drivers[i];
    return NULL;
}

/* ---- the table: ports/0 sees it between two changes ---- */

static bool table_add(Port *port)
{
    struct IoSpace *s = space(port->vm);
    mutex_lock(&s->table_lock);
    bool ok = ptab_insert(port->vm->procs->ports, port);
    mutex_unlock(&s->table_lock);
    return ok;
}

static void table_remove(Port *port)
{
    struct IoSpace *s = space(port->vm);
    mutex_lock(&s->table_lock);
    ptab_remove(port->vm->procs->ports, port);
    mutex_unlock(&s->table_lock);
}

/* Its driver still finds it, ports/0 does not. */
static void table_hide(Port *port)
{
    struct IoSpace *s = space(port->vm);
    mutex_lock(&s->table_lock);
    port->hidden = true;
    mutex_unlock(&s->table_lock);
}

term_t port_list(Vm *vm, Heap *h)
{
    struct IoSpace *s = space(vm);
    Ptab *t = vm->procs->ports;
    term_t l = TERM_NIL;
    mutex_lock(&s->table_lock);
    for (size_t i = 0, end = ptab_scan_end(t); i < end; i++) {
        Port *port = ptab_slot(t, i);
        if (port && !port->hidden) l = heap_cons(h, port->id, l);
    }
    mutex_unlock(&s->table_lock);
    return l;
}

/* ---- locking and teardown ---- */

THREAD_LOCAL unsigned port_locks_held;

void port_take_lock(Port *port)
{
    mutex_lock(port->lock);
    port_locks_held++;
}

/* See port_queue_command. */
static void release(Port *port)
{
    bool busy = port->busy;
    port_locks_held--;
    mutex_unlock(port->lock);
    atomic_thread_fence(memory_order_seq_cst);
    if (UNLIKELY(!atomic_stack_is_empty(&port->asked)) && !busy) port_event(port, PORT_COMMANDS);
}

static void port_free(Port *port)
{
    port_queue_forget(port);
    tracer_port_forget(port);
    trace_flags_put(&port->trace, 0, TERM_NONE);
    heap_piece_dispose(&port->exit_piece);
    heap_piece_dispose(&port->data_piece);
    buf_free(&port->input);
    mem_free_text(MEM_PORT, port->title);
    mem_free(MEM_PORT, port->links, port->link_cap * sizeof *port->links);
    mem_free(MEM_PORT, port->monitors, port->monitor_cap * sizeof *port->monitors);
    mem_free(MEM_PORT, port->waiting, port->waiting_cap * sizeof *port->waiting);
    mutex_destroy(&port->own_lock);
    MEM_DELETE(PORT, port);
}

/* No reader is left, so nobody can schedule the task after this; it may wait in a queue already. */
static void port_retire(void *arg)
{
    Port *port = arg;
    atomic_store(&port->retired, true);
    task_schedule(port->vm, &port->task);
}

static void tell_monitors(Port *port)
{
    for (size_t i = 0; i < port->monitor_count; i++) {
        const PortMonitor *m = &port->monitors[i];
        signal_send_down(port->vm, port->id, m->pid, m->ref, port->exit_reason);
    }
    port->monitor_count = 0;
}

static void tell_links(Port *port)
{
    for (size_t i = 0; i < port->link_count; i++)
        signal_send_link_exit(port->vm, port->id, port->links[i], port->exit_reason);
    port->link_count = 0;
}

static void tell_closed(Port *port)
{
    Heap h = {0};
    if (!port->reply_closed) return;
    Process *p = process_lookup(port->vm, port->owner);
    port_trace_send(port, port->owner, am_closed, true);
    if (p) message_send_heap(port->vm, port->id, p, heap_tuple2(&h, port->id, am_closed), &h);
}

/* Dead to all others from now on; its driver may have something to flush. */
static void tell_end(Port *port)
{
    port_trace_event(port, am_closed, port->exit_reason);
    term_t name = registry_remove_id(port->vm, port->id);
    if (name != TERM_NONE) port_trace_event(port, am_unregister, name);
}

static void leave_channel(Port *port)
{
    const PortDistOps *ops = port->dist_ops;
    port->dist_ops = NULL;
    if (ops) ops->gone(port, port->dist, port->exit_reason);
}

/* Everybody learns of the end; the struct goes when nobody can still look at it. */
static void tear_down(Port *port)
{
    if (port->state == PORT_OPEN) tell_end(port);
    port->state = PORT_DEAD;
    timer_cancel(&port->timer);
    leave_channel(port);
    port->driver->stop(port);
    port_set_busy(port, false);
    table_remove(port);
    atomic_fetch_add(&space(port->vm)->gone_in, load_relaxed(&port->bytes_in));
    atomic_fetch_add(&space(port->vm)->gone_out, load_relaxed(&port->bytes_out));
    tell_links(port);
    tell_closed(port);
    tell_monitors(port);
}

void port_unlock(Port *port)
{
    bool end = port->exit_asked && port->state != PORT_DEAD && !port->in_driver;
    if (end) tear_down(port);
    release(port);
    if (end) epoch_defer(port->vm->epoch, &port->free_later, port_retire, port);
}

/* Locked just now. */
static Port *enter(Port *port)
{
    if (UNLIKELY(!port->busy && !port_queue_is_empty(port))) port_queue_run(port, true);
    if (port->state == PORT_OPEN && !port->exit_asked) return port;
    port_unlock(port);
    return NULL;
}

Port *port_lock(Vm *vm, term_t id)
{
    ASSERT(epoch_is_reading());
    Port *port = ptab_lookup(vm->procs->ports, id);
    if (!port) return NULL;
    port_take_lock(port);
    return enter(port);
}

Port *port_try_lock(Vm *vm, term_t id, bool *busy)
{
    ASSERT(epoch_is_reading());
    Port *port = ptab_lookup(vm->procs->ports, id);
    *busy = false;
    if (!port) return NULL;
    *busy = !mutex_try_lock(port->lock);
    if (*busy) return NULL;
    port_locks_held++;
    return enter(port);
}

Port *port_lock_any(Vm *vm, term_t id_or_name)
{
    if (term_is_atom(id_or_name)) id_or_name = registry_find(vm, id_or_name);
    return term_is_local_port(id_or_name) ? port_lock(vm, id_or_name) : NULL;
}

/* A port that closes takes its name away under its lock. */
enum RegisterResult port_register(Vm *vm, term_t name, term_t id)
{
    Port *port = port_lock(vm, id);
    if (!port) return REG_DEAD;
    enum RegisterResult r = registry_add_port(vm, name, id);
    if (r == REG_OK) port_trace_event(port, am_register, name);
    port_unlock(port);
    return r;
}

void port_exit(Port *port, term_t reason)
{
    if (port->exit_asked || port->state == PORT_DEAD) return;
    port->exit_asked = true;
    port->exit_reason = term_is_immed(reason) ? reason : heap_piece_copy_all(&port->exit_piece, reason);
}

void port_quit(Port *port)
{
    if (port->exit_asked || port->state == PORT_DEAD) return;
    if (port_drop_link(port, port->owner)) signal_send_unlink(port->vm, port->id, port->owner, 0);
    port_exit(port, am_normal);
}

/* ---- small sets of pids ---- */

static void *grow(void *array, size_t *cap, size_t item)
{
    size_t fresh = *cap ? 2 * *cap : 2;
    array = mem_realloc(MEM_PORT, array, *cap * item, fresh * item);
    *cap = fresh;
    return array;
}

bool port_has_link(const Port *port, term_t pid)
{
    for (size_t i = 0; i < port->link_count; i++)
        if (port->links[i] == pid) return true;
    return false;
}

void port_add_link(Port *port, term_t pid)
{
    if (port_has_link(port, pid)) return;
    if (port->link_count == port->link_cap)
        port->links = grow(port->links, &port->link_cap, sizeof *port->links);
    port->links[port->link_count++] = pid;
}

bool port_drop_link(Port *port, term_t pid)
{
    for (size_t i = 0; i < port->link_count; i++) {
        if (port->links[i] != pid) continue;
        port->links[i] = port->links[--port->link_count];
        return true;
    }
    return false;
}

/* ---- messages to the owner ---- */

void port_send(Port *port, term_t to, term_t msg, Heap *h)
{
    Process *p = term_is_local_pid(to) ? process_lookup(port->vm, to) : NULL;
    if (!p) {
        heap_dispose(h);
        return;
    }
    port_trace_send(port, to, msg, true);
    message_send_heap(port->vm, port->id, p, msg, h);
}

void port_send_owner(Port *port, term_t msg, Heap *h)
{
    port_send(port, port->owner, heap_tuple2(h, port->id, msg), h);
}

void port_send_exit_status(Port *port, int status)
{
    Heap h = {0};
    term_t msg = heap_tuple2(&h, am_exit_status, term_small(status));
    port_send_owner(port, msg, &h);
}

/* ---- busy ---- */

void port_set_busy(Port *port, bool busy)
{
    if (port->busy == busy) return;
    port->busy = busy;
    if (busy) return;
    for (size_t i = 0; i < port->waiting_count; i++) suspend_end(port->vm, port->waiting[i]);
    port->waiting_count = 0;
    if (!port_queue_is_empty(port)) port_event(port, PORT_COMMANDS);
    if (port->dist_ops) port->dist_ops->writable(port, port->dist);
}

/* system_monitor: busy_port. */
static void report_busy(const Port *port, const Process *p)
{
    const TraceSpace *s = trace_space(p->vm);
    Heap h = {0};
    if (!s->busy_port || s->monitor_pid == TERM_NONE || s->monitor_pid == p->id) return;
    Process *to = process_lookup_alive(p->vm, s->monitor_pid);
    if (to) message_send_heap(p->vm, am_system, to, heap_tuple4(&h, am_monitor, p->id, am_busy_port, port->id), &h);
}

void port_wait_not_busy(Port *port, Process *p)
{
    report_busy(port, p);
    if (port->waiting_count == port->waiting_cap)
        port->waiting = grow(port->waiting, &port->waiting_cap, sizeof *port->waiting);
    port->waiting[port->waiting_count++] = p->id;
    suspend_self(p);
}

/* ---- commands ---- */

static void put_length(uint8_t *to, unsigned n, size_t length)
{
    for (unsigned i = 0; i < n; i++) to[i] = (uint8_t)(length >> 8 * (n - 1 - i));
}

static term_t commander(const Port *port) { return port->commander == TERM_NONE ? am_undefined : port->commander; }

static enum PortCommandResult command_term(Port *port, Process *p, term_t data, size_t n, bool force)
{
    if (port->busy && !force) return PORT_COMMAND_BUSY;
    add_owned(&port->bytes_out, n);
    port_trace_command(port, p ? p->id : commander(port), data);
    port->in_driver = true;
    port->driver->output_term(port, p, data, n);
    port->in_driver = false;
    return PORT_COMMAND_OK;
}

static void report_text(Vm *vm, const char *text)
{
    Heap h = {0};
    term_t args = heap_cons(&h, heap_string(&h, text, strlen(text), TERM_NIL), TERM_NIL);
    (void)report_error_vm(vm, &h, "~s", args);
}

static enum PortCommandResult bad_value(const Port *port)
{
    Buf text = BUF_INIT(TEMP);
    buf_printf(&text, "Bad value on output port '%s'\n\n", port->title);
    report_text(port->vm, buf_text(&text));
    buf_free(&text);
    return PORT_COMMAND_BADARG;
}

enum PortCommandResult port_command(Port *port, Process *p, term_t data, bool force)
{
    uint64_t n;
    bool accepts = port->driver->output || port->driver->output_term;
    if (!accepts) return PORT_COMMAND_BADARG;
    if (iolist_size(data, &n) != IOLIST_OK) return bad_value(port);
    if (force && port->driver->no_force) return PORT_COMMAND_NO_FORCE;
    if (port->driver->output_term) return command_term(port, p, data, n, force);
    unsigned head = port->opt.packet <= PACKET_4 ? (unsigned)port->opt.packet : 0;
    if (head && head < 4 && n >> 8 * head) {
        port_exit(port, am_einval);
        return PORT_COMMAND_OK;
    }
    if (port->busy && !force) return PORT_COMMAND_BUSY;
    port_trace_command(port, p ? p->id : commander(port), data);
    uint8_t *bytes = mem_alloc(MEM_PORT, n + head + 1);
    put_length(bytes, head, n);
    iolist_to_buffer(data, bytes + head, n, NULL);
    add_owned(&port->bytes_out, n);
    port->in_driver = true;
    port->driver->output(port, bytes, n + head);
    port->in_driver = false;
    mem_free(MEM_PORT, bytes, n + head + 1);
    return PORT_COMMAND_OK;
}

void port_output_packet(Port *port, const uint8_t *data, size_t n)
{
    add_owned(&port->bytes_out, n);
    bool inside = port->in_driver;
    port->in_driver = true;
    if (port->driver->output_packet) {
        port->driver->output_packet(port, data, n);
    } else if (port->driver->output) {
        unsigned head = port->opt.packet <= PACKET_4 ? (unsigned)port->opt.packet : 0;
        uint8_t *bytes = mem_alloc(MEM_PORT, n + head + 1);
        put_length(bytes, head, n);
        memcpy(bytes + head, data, n);
        port->driver->output(port, bytes, n + head);
        mem_free(MEM_PORT, bytes, n + head + 1);
    }
    port->in_driver = inside;
}

/* A port that only flushes is dead to its links already. */
static void begin_flush(Port *port, term_t reason)
{
    port->state = PORT_CLOSING;
    port->exit_reason =
        term_is_immed(reason) ? reason : heap_piece_copy_all(&port->exit_piece, reason);
    tell_end(port);
    leave_channel(port);
    table_hide(port);
    tell_links(port);
    tell_closed(port);
    port->reply_closed = false;
    if (!port->driver->closing) return;
    bool inside = port->in_driver;
    port->in_driver = true;
    port->driver->closing(port);
    port->in_driver = inside;
}

void port_end(Port *port, term_t reason)
{
    if (port->driver->pending && port->driver->pending(port)) begin_flush(port, reason);
    else port_exit(port, reason);
}

void port_close(Port *port) { port_end(port, am_normal); }

void port_flushed(Port *port)
{
    if (port->state == PORT_CLOSING) port->exit_asked = true;
}

/* ---- readiness ---- */

static void run_commands(Port *port)
{
    if (port->busy || port_queue_is_empty(port)) return;
    port_trace_in(port, am_command);
    port_queue_run(port, false);
    port_trace_out(port, am_command);
}

static void run_events(Port *port, uint32_t events)
{
    run_commands(port);
    events &= ~(uint32_t)PORT_COMMANDS;
    if (port->state != PORT_DEAD && !port->exit_asked && events) {
        port_trace_in(port, term_small(0));
        if (events & PORT_TIMER) port_trace_timeout(port);
        port->in_driver = true;
        port->driver->ready(port, events);
        port->in_driver = false;
        port_trace_out(port, term_small(0));
    }
}

static term_t operation_of(uint32_t events)
{
    if (events & PORT_TIMER) return am_timeout;
    if (!(events & ~(uint32_t)PORT_COMMANDS)) return am_proc_sig;
    return events & POLL_WRITE ? am_output : am_input;
}

static enum TaskResult run_task(Task *t, Sched *s UNUSED)
{
    Port *port = container_of(t, Port, task);
    if (atomic_load(&port->retired)) {
        port_free(port);
        return TASK_GONE;
    }
    uint32_t events = atomic_exchange(&port->events, 0);
    bool watched = trace_space(port->vm)->long_schedule != 0;
    port_take_lock(port);
    int64_t begin_ns = watched ? clock_os_monotonic_ns() : 0;
    run_events(port, events);
    if (UNLIKELY(watched))
        trace_port_slice_over(port->vm, port->id, operation_of(events), clock_os_monotonic_ns() - begin_ns);
    port_unlock(port);
    return TASK_KEEP;
}

static void on_ready(PollFd *pf, uint32_t events)
{
    Port *port = pf->owner;
    atomic_fetch_or(&port->events, events);
    task_schedule(port->vm, &port->task);
}

void port_event(Port *port, uint32_t event)
{
    atomic_fetch_or(&port->events, event);
    task_schedule(port->vm, &port->task);
}

/* Under the wheel's lock. */
static void on_timer(Timer *t)
{
    Port *port = container_of(t, Port, timer);
    atomic_fetch_or(&port->events, PORT_TIMER);
    task_schedule(port->vm, &port->task);
}

void port_set_timer(Port *port, int64_t due_ns)
{
    timer_cancel(&port->timer);
    if (due_ns != TIMER_NEVER) timer_set(port->vm, &port->timer, due_ns);
}

/* ---- opening ---- */

static Port *port_new(Vm *vm, term_t owner, const PortOptions *opt, const char *title,
                      const PortDriver *d)
{
    Port *port = MEM_NEW(PORT, Port);
    port->vm = vm;
    port->driver = d;
    mutex_init(&port->own_lock, LOCK_PORT);
    port->lock = d->lock ? d->lock : &port->own_lock;
    port->owner = owner;
    port->title = mem_text(MEM_PORT, title);
    port->data = am_undefined;
    port->os_pid = -1;
    port->opt = *opt;
    trace_flags_put(&port->trace, trace_space(vm)->new_ports.flags, trace_space(vm)->new_ports.tracer);
    buf_init(&port->input, MEM_PORT);
    task_init(&port->task, run_task);
    port->timer.fire = on_timer;
    pollfd_init(&port->poll_in, -1, on_ready, port);
    pollfd_init(&port->poll_out, -1, on_ready, port);
    return port;
}

Port *port_open(Process *p, enum PortSource source, term_t spec, const PortOptions *opt,
                const char *title, const PortDriver *d, int *error)
{
    Port *port = port_new(p->vm, p->id, opt, title, d);
    port_take_lock(port);
    if (!table_add(port)) {
        release(port);
        port_free(port);
        *error = -2;
        return NULL;
    }
    port_trace_open(port, p->id);
    port_trace_in(port, am_open);
    *error = d->start(port, p, source, spec, opt);
    port_trace_out(port, am_open);
    port->opt.cd = port->opt.env = port->opt.args = port->opt.arg0 = TERM_NONE;
    if (*error == 0) return port;
    port->state = PORT_DEAD;
    table_remove(port);
    release(port);
    epoch_defer(p->vm->epoch, &port->free_later, port_retire, port);
    return NULL;
}

Port *port_spawn(Port *parent, term_t owner, void (*setup)(Port *fresh, void *arg), void *arg)
{
    Port *port = port_new(parent->vm, owner, &parent->opt, parent->title, parent->driver);
    setup(port, arg);
    port_add_link(port, owner);
    if (!table_add(port)) {
        port->driver->stop(port);
        port_free(port);
        return NULL;
    }
    signal_send_link(parent->vm, port->id, owner);
    return port;
}

void port_flush_all(Vm *vm)
{
    Ptab *t = vm->procs->ports;
    for (size_t i = 0, end = ptab_scan_end(t); i < end; i++) {
        Port *port = ptab_slot(t, i);
        if (!port || !(port->driver->flush || port->dist_ops)) continue;
        /* Whoever holds the lock now is writing: wait, or what it leaves queued would be lost. */
        port_take_lock(port);
        port_queue_run(port, true);
        if (port->state != PORT_DEAD && port->dist_ops) port->dist_ops->flush(port, port->dist);
        if (port->state != PORT_DEAD && port->driver->flush) port->driver->flush(port);
        release(port);
    }
}

/* The counters of open ports are read without their locks: nearly exact. */
void port_io_bytes(Vm *vm, uint64_t *in, uint64_t *out)
{
    Ptab *t = vm->procs->ports;
    *in = load_relaxed(&space(vm)->gone_in);
    *out = load_relaxed(&space(vm)->gone_out);
    for (size_t i = 0, end = ptab_scan_end(t); i < end; i++) {
        Port *port = ptab_slot(t, i);
        if (!port) continue;
        *in += load_relaxed(&port->bytes_in);
        *out += load_relaxed(&port->bytes_out);
    }
}

/* ---- what processes do to ports: ProcPortOps ---- */

static bool op_link(Vm *vm, term_t id, term_t pid)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    port_trace_in(port, am_link);
    port_add_link(port, pid);
    port_trace_event(port, am_getting_linked, pid);
    port_trace_out(port, am_link);
    port_unlock(port);
    return true;
}

static bool op_unlink(Vm *vm, term_t id, term_t pid, uint64_t unlink_id)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    port_trace_in(port, am_unlink);
    if (port_drop_link(port, pid)) port_trace_event(port, am_getting_unlinked, pid);
    port_trace_out(port, am_unlink);
    port_unlock(port);
    signal_send_unlink_ack(vm, id, pid, unlink_id);
    return true;
}

void port_exit_signal(Port *port, term_t from, term_t reason, bool by_link)
{
    if (by_link) port_drop_link(port, from);
    if (reason == am_normal && from != port->owner) return;
    if (reason == am_kill && !by_link) port_exit(port, am_killed);
    else port_end(port, reason);
}

static bool op_exit(Vm *vm, term_t from, term_t id, term_t reason, bool by_link)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    if (!port_queue_exit_behind(port, from, reason, by_link)) port_exit_signal(port, from, reason, by_link);
    port_unlock(port);
    return true;
}

static bool op_monitor(Vm *vm, term_t id, term_t pid, RefNum ref)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    port_trace_in(port, am_monitor);
    if (port->monitor_count == port->monitor_cap)
        port->monitors = grow(port->monitors, &port->monitor_cap, sizeof *port->monitors);
    port->monitors[port->monitor_count++] = (PortMonitor){pid, ref};
    port_trace_out(port, am_monitor);
    port_unlock(port);
    return true;
}

static bool op_demonitor(Vm *vm, term_t id, term_t pid UNUSED, RefNum ref)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    port_trace_in(port, am_demonitor);
    for (size_t i = 0; i < port->monitor_count; i++) {
        if (!ref_num_eq(port->monitors[i].ref, ref)) continue;
        port->monitors[i] = port->monitors[--port->monitor_count];
        break;
    }
    port_trace_out(port, am_demonitor);
    port_unlock(port);
    return true;
}

/* One that somebody has locked may be about to go: that is later then. */
static bool op_exists(Vm *vm, term_t id)
{
    bool locked;
    Port *port = port_try_lock(vm, id, &locked);
    if (port) port_unlock(port);
    return port || locked;
}

/* {Owner, {connect, Pid}}: links stay as they are, and the old owner gets {Port, connected}. */
static bool hand_over(Port *port, term_t pid)
{
    if (!term_is_local_pid(pid)) return false;
    Heap h = {0};
    port_trace_in(port, am_connect);
    port_trace_request(port, port->owner, am_connect, pid);
    port_send_owner(port, am_connected, &h);
    port->owner = pid;
    port_trace_out(port, am_connect);
    return true;
}

static void close_by_message(Port *port)
{
    port_trace_in(port, am_close);
    port_trace_receive(port, port->owner, am_close);
    port->reply_closed = true;
    port_close(port);
    port_trace_closed(port, am_close);
}

static enum PortCommandResult command_by_message(Port *port, Process *p, term_t data)
{
    port_trace_in(port, am_command);
    enum PortCommandResult r = port_command(port, p, data, false);
    port_trace_out(port, am_command);
    return r;
}

/* PORT_COMMAND_BADARG deserves badsig. */
static enum PortCommandResult handle_message(Port *port, Process *p, term_t msg)
{
    if (!term_is_tuple_of(msg, 2) || tuple_element(msg, 1) != port->owner) return PORT_COMMAND_BADARG;
    term_t what = tuple_element(msg, 2);
    if (what == am_close) {
        close_by_message(port);
        return PORT_COMMAND_OK;
    }
    term_t tag = term_is_tuple_of(what, 2) ? tuple_element(what, 1) : TERM_NONE;
    if (tag == am_command) return command_by_message(port, p, tuple_element(what, 2));
    return tag == am_connect && hand_over(port, tuple_element(what, 2)) ? PORT_COMMAND_OK : PORT_COMMAND_BADARG;
}

/* Most who have it locked are gone within this many looks. */
#define LOOKS 100

/* NULL: the port is gone, or has taken the message in. */
static Port *lock_to_send(Process *p, term_t id, term_t msg)
{
    bool locked;
    Port *port = port_try_lock(p->vm, id, &locked);
    for (unsigned i = 0; locked && i < LOOKS; i++) {
        cpu_relax();
        port = port_try_lock(p->vm, id, &locked);
    }
    if (!locked) return port;
    port = ptab_lookup(p->vm->procs->ports, id);
    return port && port_queue_command(port, p, msg) ? NULL : port_lock(p->vm, id);
}

static term_t op_send(Process *p, term_t id, term_t msg, bool nosuspend)
{
    Port *port = lock_to_send(p, id, msg);
    if (!port) return am_ok;
    enum PortCommandResult r = port_queue_holds(port, p->id) ? PORT_COMMAND_BUSY : handle_message(port, p, msg);
    bool wait = r == PORT_COMMAND_BUSY && !nosuspend;
    if (wait) port_wait_not_busy(port, p);
    term_t victim = port->owner;
    port_unlock(port);
    if (r == PORT_COMMAND_BADARG) signal_send_exit(p->vm, id, victim, am_badsig);
    if (wait) p->freason = EXC_YIELD;
    return wait ? TERM_NONE : r == PORT_COMMAND_BUSY ? am_nosuspend : am_ok;
}

static const ProcPortOps port_ops = {op_link, op_unlink, op_exit, op_monitor,
                                     op_demonitor, op_exists, op_send};

/* ---- what native code asks of ports ---- */

static void on_selected(Vm *vm, term_t id)
{
    Port *port = ptab_lookup(vm->procs->ports, id);
    if (port) port_event(port, PORT_SELECTED);
}

static void on_process_down(Vm *vm, term_t id, RefNum ref)
{
    Port *port = port_lock(vm, id);
    if (!port) return;
    port->in_driver = true;
    if (port->driver->down) port->driver->down(port, ref);
    port->in_driver = false;
    port_unlock(port);
}

/* Drivers that look at the process are linked in, and need one. */
static bool command_nosuspend(Vm *vm, Process *p, term_t id, term_t data)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    bool can = p || !port->driver->output_term || is_dyn_port(port);
    enum PortCommandResult r = can ? port_command(port, p, data, false) : PORT_COMMAND_BADARG;
    port_unlock(port);
    return r == PORT_COMMAND_OK;
}

/* The flags of a port, looked at or changed. */
static bool flags_of(Vm *vm, term_t id, TraceFlags *get, const TraceFlags *set)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    if (get) *get = port->trace;
    if (set) trace_flags_put(&port->trace, set->flags, set->tracer);
    port_unlock(port);
    return true;
}

static void serve_natives(Vm *vm)
{
    vm->nif->fds->port_ready = on_selected;
    vm->nif->fds->report = report_text;
    vm->nif->port_down = on_process_down;
    vm->nif->port_command = command_nosuspend;
    trace_space(vm)->port_flags = flags_of;
    trace_space(vm)->port_tell = tracer_port_tell;
}

void port_init(Vm *vm)
{
    vm->io = MEM_NEW(PORT, struct IoSpace);
    mutex_init(&vm->io->table_lock, LOCK_PTAB);
    serve_natives(vm);
    ddll_init(vm);
    async_init(vm);
    vm->procs->port_ops = &port_ops;
    port_add_driver(vm, &drv_fd);
    port_add_driver(vm, &drv_spawn);
    port_add_driver(vm, &drv_forker);
    port_add_driver(vm, &drv_tcp);
    port_add_driver(vm, &drv_udp);
    port_add_driver(vm, &drv_ram_file);
    child_init(vm);
    watch_init(vm);
    socket_init(vm);
}

term_t port_link_list(Process *p, term_t id)
{
    Port *port = port_lock(p->vm, id);
    if (!port) return am_undefined;
    Heap *h = &p->heap;
    term_t list = TERM_NIL;
    for (size_t i = 0; i < port->link_count; i++) {
        term_t e[] = {am_erl_link, am_port, port->links[i], am_linked, heap_uint(h, i)};
        list = heap_cons(h, heap_tuple(h, ARRAY_LEN(e), e), list);
    }
    port_unlock(port);
    return list;
}
