/* SPDX-License-Identifier: Apache-2.0 */
/* bif_port - natives on ports. They do their work at once, under the port's lock, so none of them needs the
 * reply message that erlang.erl is prepared for. Semantics: erlang(3) open_port/2, port_*.
 * Layer: io. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/iolist.h"
#include "data/term_cmp.h"
#include "io/drv.h"
#include "io/port_queue.h"
#include "io/port_trace.h"
#include "proc/link.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "proc/signal.h"
#include "base/oserr.h"
#include "term/big.h"

/* ---- open_port ---- */

enum { QUEUE_HIGH = 8192, QUEUE_LOW = 4096, LINE_DEFAULT = 512, LINE_LIMIT = 1 << 27 };

static bool limits_option(term_t v, uint64_t *low, uint64_t *high)
{
    if (v == am_disabled) {
        *low = *high = UINT64_MAX;
        return true;
    }
    return term_is_tuple_of(v, 2) && term_to_uint64(tuple_element(v, 1), low) &&
           term_to_uint64(tuple_element(v, 2), high) && *low <= *high;
}

static bool packet_option(term_t v, PortOptions *o)
{
    if (o->packet != PACKET_STREAM) return false;
    if (v != term_small(1) && v != term_small(2) && v != term_small(4)) return false;
    o->packet = (enum PacketMode)small_value(v);
    return true;
}

static bool line_option(term_t v, PortOptions *o)
{
    if (o->packet != PACKET_STREAM || !term_is_small(v) || small_value(v) <= 0) return false;
    o->packet = PACKET_LINE;
    o->line_max = (size_t)MIN(small_value(v), LINE_LIMIT);
    return true;
}

static bool tuple_option(term_t opt, PortOptions *o)
{
    if (!term_is_tuple_of(opt, 2)) return false;
    term_t v = tuple_element(opt, 2);
    switch (tuple_element(opt, 1)) {
    case am_packet: return packet_option(v, o);
    case am_line: return line_option(v, o);
    case am_cd: o->cd = v; return true;
    case am_env: o->env = v; return term_is_list(v);
    case am_args: o->args = v; return term_is_list(v);
    case am_arg0: o->arg0 = v; return true;
    case am_parallelism: o->parallelism = v == am_true; return term_is_bool(v);
    case am_busy_limits_port: return limits_option(v, &o->port_low, &o->port_high);
    case am_busy_limits_msgq: {
        uint64_t low, high; /* commands are never queued for the port: nothing to limit */
        return limits_option(v, &low, &high);
    }
    default: return false;
    }
}

static bool option(term_t opt, PortOptions *o)
{
    switch (opt) {
    case am_stream: return true;
    case am_line: return line_option(term_small(LINE_DEFAULT), o);
    case am_use_stdio: o->use_stdio = true; return true;
    case am_nouse_stdio: o->use_stdio = false; return true;
    case am_stderr_to_stdout: o->stderr_to_stdout = true; return true;
    case am_in: o->in = true; return true;
    case am_out: o->out = true; return true;
    case am_binary: o->binary = true; return true;
    case am_eof: o->eof = true; return true;
    case am_exit_status: o->exit_status = true; return true;
    case am_hide: o->hide = true; return true;
    case am_overlapped_io: return true;
    default: return tuple_option(opt, o);
    }
}

static bool parse_options(term_t l, PortOptions *o)
{
    *o = (PortOptions){.use_stdio = true, .cd = TERM_NONE, .env = TERM_NONE, .args = TERM_NONE,
                       .arg0 = TERM_NONE, .queue_high = QUEUE_HIGH, .queue_low = QUEUE_LOW,
                       .port_high = QUEUE_HIGH, .port_low = QUEUE_LOW};
    for (; term_is_list_cell(l); l = list_tail(l))
        if (!option(list_head(l), o)) return false;
    if (l != TERM_NIL) return false;
    if (!o->in && !o->out) o->in = o->out = true;
    o->queue_high = o->port_high;
    o->queue_low = o->port_low;
    return true;
}

/* Text of a name: list, binary or atom. */
static bool name_text(term_t t, Buf *b)
{
    if (term_is_atom(t)) {
        buf_append(b, atom_text(t)->text, atom_text(t)->bytes);
        return true;
    }
    size_t n;
    enum IolistResult r;
    uint8_t *bytes = iolist_to_bytes(t, &n, &r);
    if (bytes) {
        buf_append(b, bytes, n);
        mem_free(MEM_TEMP, bytes, n + 1);
        return n > 0;
    }
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) <= 0 || small_value(c) > 0x10FFFF) return false;
        buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    return t == TERM_NIL && b->len > 0;
}

/* Which driver the port name asks for; the command's first word may be a driver's name. */
static const PortDriver *driver_of(Vm *vm, term_t spec, Buf *title, enum PortSource *source)
{
    if (term_is_tuple_of(spec, 3) && tuple_element(spec, 1) == am_fd) {
        *source = SOURCE_FD;
        term_t in = tuple_element(spec, 2), out = tuple_element(spec, 3);
        if (!term_is_small(in) || !term_is_small(out)) return NULL;
        buf_printf(title, "%ld/%ld", (long)small_value(in), (long)small_value(out));
        return &drv_fd;
    }
    if (!term_is_tuple(spec)) {
        *source = SOURCE_DRIVER;
        return name_text(spec, title) ? &drv_vanilla : NULL;
    }
    if (!term_is_tuple_of(spec, 2) || !name_text(tuple_element(spec, 2), title)) return NULL;
    size_t word = strcspn(buf_text(title), " ");
    const PortDriver *d = port_find_driver(vm, title->data, word);
    if (!d && tuple_element(spec, 1) != am_spawn_executable)
        d = ddll_driver_for_port(vm, title->data, word);
    if (d == &drv_fd || d == &drv_spawn || d == &drv_forker) d = NULL;
    switch (tuple_element(spec, 1)) {
    case am_spawn: *source = d ? SOURCE_DRIVER : SOURCE_SPAWN; return d ? d : &drv_spawn;
    case am_spawn_driver: *source = SOURCE_DRIVER; return d;
    case am_spawn_executable: *source = SOURCE_EXECUTABLE; return &drv_spawn;
    default: return NULL;
    }
}

/* Result that erlang:open_port/2 turns into an error: an atom. */
static term_t open_error(int error)
{
    if (error == -1) return am_badarg;
    if (error == -2) return am_system_limit;
    return atom_from_cstr(oserr_name(error));
}

static term_t open_port(Process *p, term_t spec, const PortOptions *opt)
{
    Buf title = BUF_INIT(TEMP);
    enum PortSource source;
    const PortDriver *d = driver_of(p->vm, spec, &title, &source);
    int error = -1;
    bool args = opt->args != TERM_NONE || opt->arg0 != TERM_NONE;
    Port *port = NULL;
    if (d && (!args || source == SOURCE_EXECUTABLE))
        port = port_open(p, source, spec, opt, buf_text(&title), d, &error);
    if (!port && d && d->start == dyn_port_driver.start) ddll_port_gone((DynDriver *)(uintptr_t)d);
    buf_free(&title);
    if (!port) return open_error(error);
    term_t id = port->id;
    bool fresh;
    port_add_link(port, p->id);
    port_trace_event(port, am_getting_linked, p->id);
    link_insert(p, id, &fresh);
    port_unlock(port);
    return id;
}

BIF(erts_internal, open_port, 2, 0)
{
    PortOptions opt;
    if (!parse_options(a[1], &opt)) return am_badopt;
    return open_port(p, a[0], &opt);
}

/* ---- command, control, call ---- */

static bool command_flags(term_t l, bool *force, bool *nosuspend)
{
    for (; term_is_list_cell(l); l = list_tail(l)) {
        if (list_head(l) == am_force) *force = true;
        else if (list_head(l) == am_nosuspend) *nosuspend = true;
        else return false;
    }
    return l == TERM_NIL;
}

/* Locked; NULL: there is none, or *wait: a command that the caller has sent before waits until the port is not busy, so
 * the caller has to, too. */
static Port *lock_unless_behind(Process *p, term_t id, bool suspend, bool *wait)
{
    Port *port = port_lock_any(p->vm, id);
    *wait = port && port_queue_holds(port, p->id);
    if (!*wait) return port;
    if (suspend) port_wait_not_busy(port, p);
    port_unlock(port);
    return NULL;
}

static Port *lock_in_turn(Process *p, term_t id, bool *wait) { return lock_unless_behind(p, id, true, wait); }

BIF(erts_internal, port_command, 3, 0)
{
    bool force = false, nosuspend = false;
    if (!command_flags(a[2], &force, &nosuspend)) return am_badopt;
    bool wait;
    Port *port = lock_unless_behind(p, a[0], !nosuspend, &wait);
    if (!port) return !wait ? am_badarg : nosuspend ? am_false : bif_yield(p);
    port_trace_in(port, am_command);
    enum PortCommandResult r = port_command(port, p, a[1], force);
    port_trace_out(port, am_command);
    wait = r == PORT_COMMAND_BUSY && !nosuspend;
    if (wait) port_wait_not_busy(port, p);
    port_unlock(port);
    if (wait) return bif_yield(p);
    process_bump_reds(p, 20);
    if (r == PORT_COMMAND_NO_FORCE) return am_notsup;
    return r == PORT_COMMAND_OK ? am_true : r == PORT_COMMAND_BUSY ? am_false : am_badarg;
}

static bool operation_arg(term_t t, uint32_t *op)
{
    uint64_t v;
    if (!term_to_uint64(t, &v) || v > UINT32_MAX) return false;
    *op = (uint32_t)v;
    return true;
}

static term_t control_driver(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    if (!port->driver->control) return TERM_NONE;
    port_trace_operation(port, p->id, am_control, op, bytes, n);
    port->in_driver = true;
    term_t result = port->driver->control(port, p, op, bytes, n);
    port->in_driver = false;
    if (result != TERM_NONE) port_trace_answer_term(port, p->id, am_control, result);
    return result;
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    port_trace_in(port, am_control);
    term_t result = control_driver(port, p, op, bytes, n);
    port_trace_out(port, am_control);
    return result;
}

BIF(erts_internal, port_control, 3, 0)
{
    uint32_t op;
    size_t n;
    enum IolistResult r;
    if (!operation_arg(a[1], &op)) return am_badarg;
    uint8_t *bytes = iolist_to_bytes(a[2], &n, &r);
    if (!bytes) return am_badarg;
    bool wait;
    Port *port = lock_in_turn(p, a[0], &wait);
    term_t result = TERM_NONE;
    if (port) {
        result = control(port, p, op, bytes, n);
        port_unlock(port);
    }
    mem_free(MEM_TEMP, bytes, n + 1);
    if (wait) return bif_yield(p);
    process_bump_reds(p, 20);
    return result != TERM_NONE ? result : am_badarg;
}

BIF(erts_internal, port_call, 3, 0)
{
    uint32_t op;
    bool wait;
    if (!operation_arg(a[1], &op)) return am_badarg;
    Port *port = lock_in_turn(p, a[0], &wait);
    if (!port) return wait ? bif_yield(p) : am_badarg;
    term_t result = TERM_NONE;
    port_trace_in(port, am_call);
    port->in_driver = true;
    if (port->driver->call) result = port->driver->call(port, p, op, a[2]);
    port->in_driver = false;
    port_trace_out(port, am_call);
    port_unlock(port);
    return result != TERM_NONE ? heap_tuple2(&p->heap, am_ok, result) : am_badarg;
}

BIF(erts_internal, port_close, 1, 0)
{
    bool wait;
    Port *port = lock_in_turn(p, a[0], &wait);
    if (!port) return wait ? bif_yield(p) : am_badarg;
    port_trace_in(port, am_close);
    port_trace_receive(port, p->id, am_close);
    port_close(port);
    port_trace_closed(port, am_close);
    port_unlock(port);
    return am_true;
}

BIF(erts_internal, port_connect, 2, 0)
{
    Process *to = term_is_local_pid(a[1]) ? process_lookup_alive(p->vm, a[1]) : NULL;
    bool wait = false;
    Port *port = to ? lock_in_turn(p, a[0], &wait) : NULL;
    if (!port) return wait ? bif_yield(p) : am_badarg;
    bool link = !port_has_link(port, a[1]);
    port_trace_in(port, am_connect);
    if (link) {
        port_add_link(port, a[1]);
        port_trace_event(port, am_getting_linked, a[1]);
    }
    port->owner = a[1];
    port_trace_request(port, p->id, am_connect, a[1]);
    port_trace_reply(port, p->id, am_connected);
    term_t id = port->id;
    port_trace_out(port, am_connect);
    port_unlock(port);
    if (link) signal_send_link(p->vm, id, a[1]);
    return am_true;
}

/* ---- information ---- */

static term_t pid_list(Heap *h, const term_t *pids, size_t n)
{
    return heap_list(h, n, pids, TERM_NIL);
}

/* Only linked-in drivers watch processes. */
static term_t watched_list(Heap *h, const Port *port)
{
    bool can = port->driver_data && is_dyn_port(port);
    return can ? nif_monitor_list(port->vm, h, &dyn_port(port)->monitors) : TERM_NIL;
}

static term_t monitor_list(Heap *h, const Port *port)
{
    term_t l = TERM_NIL;
    for (size_t i = 0; i < port->monitor_count; i++) l = heap_cons(h, port->monitors[i].pid, l);
    return l;
}

/* Value of an item; TERM_NONE: no such item. */
static term_t info_value(Heap *h, const Port *port, term_t item)
{
    switch (item) {
    case am_id: return heap_uint(h, local_port_id(port->id) << 3); /* as the reference numbers them */
    case am_name: return heap_string(h, port->title, strlen(port->title), TERM_NIL);
    case am_links: return pid_list(h, port->links, port->link_count);
    case am_monitors: return watched_list(h, port);
    case am_monitored_by: return monitor_list(h, port);
    case am_connected: return port->owner;
    case am_input: return heap_uint(h, load_relaxed(&port->bytes_in));
    case am_output: return heap_uint(h, load_relaxed(&port->bytes_out));
    case am_os_pid: return port->os_pid < 0 ? am_undefined : heap_int(h, port->os_pid);
    case am_parallelism: return term_bool(port->opt.parallelism);
    case am_locking: return am_port_level;
    case am_memory: return heap_uint(h, sizeof *port + port->input.cap);
    case am_queue_size:
        return heap_uint(h, port->driver && port->driver->queued ? port->driver->queued(port) : 0);
    default: return TERM_NONE;
    }
}

BIF(erts_internal, port_info, 1, 0)
{
    static const term_t items[] = {am_name, am_links, am_id, am_connected, am_input, am_output,
                                   am_os_pid};
    if (!term_is_atom(a[0]) && !term_is_local_port(a[0])) return am_badarg;
    bool wait;
    Port *port = lock_in_turn(p, a[0], &wait);
    if (!port) return wait ? bif_yield(p) : am_undefined;
    port_trace_in(port, am_info);
    Heap *h = &p->heap;
    term_t l = TERM_NIL;
    for (size_t i = ARRAY_LEN(items); i-- > 0;)
        l = heap_cons(h, heap_tuple2(h, items[i], info_value(h, port, items[i])), l);
    term_t name = registry_name_of(p->vm, port->id);
    if (name != TERM_NONE) l = heap_cons(h, heap_tuple2(h, am_registered_name, name), l);
    port_trace_out(port, am_info);
    port_unlock(port);
    return l;
}

static bool is_item(Port *port, term_t t)
{
    Heap h = {0};
    bool ok = term_is_atom(t) && (t == am_registered_name || info_value(&h, port, t) != TERM_NONE);
    heap_dispose(&h);
    return ok;
}

BIF(erts_internal, port_info, 2, 0)
{
    if (!term_is_atom(a[0]) && !term_is_local_port(a[0])) return am_badtype;
    bool wait;
    Port *port = lock_in_turn(p, a[0], &wait);
    if (!port) return wait ? bif_yield(p) : am_undefined;
    if (!is_item(port, a[1])) {
        port_unlock(port);
        return am_badarg;
    }
    port_trace_in(port, am_info);
    term_t r = TERM_NIL, name = registry_name_of(p->vm, port->id);
    if (a[1] != am_registered_name)
        r = heap_tuple2(&p->heap, a[1], info_value(&p->heap, port, a[1]));
    else if (name != TERM_NONE)
        r = heap_tuple2(&p->heap, a[1], name);
    port_trace_out(port, am_info);
    port_unlock(port);
    return r;
}

BIF(erlang, ports, 0, 0) { return port_list(p->vm, &p->heap); }

/* ---- data ---- */

BIF(erlang, port_set_data, 2, 0)
{
    Port *port = port_lock_any(p->vm, a[0]);
    if (!port) return bif_error(p, EXC_BADARG);
    heap_piece_dispose(&port->data_piece);
    port->data = term_is_immed(a[1]) ? a[1] : heap_piece_copy_all(&port->data_piece, a[1]);
    port_unlock(port);
    return am_true;
}

BIF(erlang, port_get_data, 1, 0)
{
    Port *port = port_lock_any(p->vm, a[0]);
    if (!port) return bif_error(p, EXC_BADARG);
    term_t data = term_copy(&p->heap, port->data);
    port_unlock(port);
    return data;
}
