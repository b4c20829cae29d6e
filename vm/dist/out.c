/* SPDX-License-Identifier: Apache-2.0 */
/* out - the output side of a channel: what may be sent, the queue, and writing it out.
 *
 *   PENDING, OPENING: terms are kept          UP: the sender encodes, then appends packets
 *         \--- channel_encode_waiting ---> queue --channel_flush--> port, or controller process
 *
 * The queue is written by whoever gets the port's lock without waiting; who does not leaves it to the
 * task. The header of a packet is made under the port's lock, so packets and changes of the atom cache
 * go out in one order. Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "dist/encode.h"
#include "proc/procops.h"
#include "trace/trace.h"

#define TERMS_PER_RED 8
#define BYTES_PER_RED 512

/* ---- may something be sent ---- */

static void block_locked(Channel *c, Process *p)
{
    p->flags |= PF_BUSY | PF_BUSY_DIST;
    for (size_t i = 0; i < c->blocked_count; i++)
        if (c->blocked[i] == p->id) return;
    if (c->blocked_count == c->blocked_cap) {
        size_t cap = c->blocked_cap ? 2 * c->blocked_cap : 4;
        c->blocked = mem_realloc(MEM_DIST, c->blocked, c->blocked_cap * sizeof(term_t), cap * sizeof(term_t));
        c->blocked_cap = cap;
    }
    c->blocked[c->blocked_count++] = p->id;
}

/* system_monitor: busy_dist_port. */
static void report_busy(Process *p, term_t controller)
{
    const TraceSpace *s = trace_space(p->vm);
    if (!s->busy_dist_port || s->monitor_pid == TERM_NONE || s->monitor_pid == p->id) return;
    Process *to = process_lookup_alive(p->vm, s->monitor_pid);
    if (!to || controller == TERM_NONE) return;
    Heap h = {0};
    message_send_heap(p->vm, am_system, to,
                      heap_tuple4(&h, am_monitor, p->id, am_busy_dist_port, controller), &h);
}

static bool must_wait(const Channel *c, const Process *p, unsigned flags)
{
    return c->busy && p && !(flags & CHANNEL_FORCE) && !(p->flags & PF_ASYNC_DIST);
}

enum RemoteResult channel_prepare(Channel *c, Process *p, unsigned flags, uint32_t *conn)
{
    if (!node_is_alive(c->vm)) return REMOTE_NO_CONNECTION;
    mutex_lock(&c->lock);
    if (c->state == CHANNEL_IDLE) {
        mutex_unlock(&c->lock);
        if (!(flags & CHANNEL_CONNECT)) return REMOTE_NO_CONNECTION;
        *conn = channel_request(c);
        return *conn ? REMOTE_SENT : REMOTE_NO_CONNECTION;
    }
    *conn = c->conn;
    bool wait = must_wait(c, p, flags);
    term_t controller = c->controller;
    if (wait && !(flags & CHANNEL_NOSUSPEND)) block_locked(c, p);
    mutex_unlock(&c->lock);
    if (wait && !(flags & CHANNEL_NOSUSPEND)) report_busy(p, controller);
    return wait ? REMOTE_BUSY : REMOTE_SENT;
}

bool channel_wait(Channel *c, Process *p)
{
    mutex_lock(&c->lock);
    bool wait = c->state == CHANNEL_UP && must_wait(c, p, 0);
    term_t controller = c->controller;
    if (wait) block_locked(c, p);
    mutex_unlock(&c->lock);
    if (wait) report_busy(p, controller);
    return wait;
}

/* ---- the queue ---- */

static void grew_locked(Channel *c, size_t bytes)
{
    c->out_bytes += bytes;
    if (c->out_bytes >= load_relaxed(&dist_space(c->vm)->busy_limit)) c->busy = true;
}

static void free_items(DistItem *i)
{
    for (DistItem *next; i; i = next) {
        next = i->next;
        dist_item_free(i);
    }
}

static void free_waiting(DistWaiting *w)
{
    heap_piece_dispose(&w->piece);
    MEM_DELETE(DIST, w);
}

void channel_drop_output(Channel *c)
{
    ASSERT_LOCKED(&c->lock);
    free_items(c->out_first);
    for (DistWaiting *w = c->wait_first, *next; w; w = next) {
        next = w->next;
        free_waiting(w);
    }
    c->out_first = NULL, c->out_last = &c->out_first;
    c->wait_first = NULL, c->wait_last = &c->wait_first;
    c->out_bytes = 0;
    if (c->out_cache) MEM_DELETE(DIST, c->out_cache);
    c->out_cache = NULL;
}

/* Items become part of the queue if the connection is still this one; else they are freed. */
static void enqueue(Channel *c, uint32_t conn, enum ChannelState state, DistItem *items, size_t bytes)
{
    mutex_lock(&c->lock);
    bool mine = c->conn == conn && c->state == state;
    if (mine) {
        *c->out_last = items;
        for (DistItem *i = items; i; i = i->next) c->out_last = &i->next;
        grew_locked(c, bytes);
    }
    mutex_unlock(&c->lock);
    if (!mine) free_items(items);
}

static uint64_t next_sequence(Channel *c)
{
    mutex_lock(&c->lock);
    uint64_t n = ++c->sequence;
    mutex_unlock(&c->lock);
    return n;
}

static void finish(Channel *c, uint32_t conn, enum ChannelState state, DistEncode *e)
{
    size_t bytes;
    DistItem *items = dist_encode_finish(e, next_sequence(c), &bytes);
    enqueue(c, conn, state, items, bytes);
}

/* The other node has no form for this signal. A spawn request is answered as it would answer itself. */
static void refuse(Channel *c, uint32_t conn, Heap *h, term_t control)
{
    term_t op = tuple_element(control, 1);
    if (op != term_small(29) && op != term_small(30)) return;
    term_t answer = heap_tuple5(h, term_small(31), tuple_element(control, 2), tuple_element(control, 3),
                                term_small(0), am_notsup);
    (void)spawn_answered(c, conn, answer);
}

static void encode_now(Channel *c, uint32_t conn, enum ChannelState state, uint64_t flags, term_t control,
                       term_t payload)
{
    Heap h = {0};
    DistEncode e;
    if (control_for_flags(&h, flags, &control, &payload)) {
        dist_encode_start(&e, c->vm, flags, control, payload);
        if (dist_encode_run(&e, SIZE_MAX) == ETF_DONE) finish(c, conn, state, &e);
        else dist_encode_free(&e);
    } else {
        refuse(c, conn, &h, control);
    }
    heap_dispose(&h);
}

/* ---- before the connection is there ---- */

static DistWaiting *new_waiting(term_t control, term_t payload)
{
    DistWaiting *w = MEM_NEW(DIST, DistWaiting);
    w->control = heap_piece_copy_all(&w->piece, control);
    w->payload = payload == TERM_NONE ? TERM_NONE : heap_piece_copy_all(&w->piece, payload);
    w->words = w->piece.words;
    return w;
}

/* False: the connection is up meanwhile, or another one. */
static bool append_waiting(Channel *c, uint32_t conn, DistWaiting *w)
{
    mutex_lock(&c->lock);
    bool waits = c->conn == conn && (c->state == CHANNEL_PENDING || c->state == CHANNEL_OPENING);
    if (waits) {
        *c->wait_last = w;
        c->wait_last = &w->next;
        grew_locked(c, w->words * sizeof(term_t));
    }
    mutex_unlock(&c->lock);
    return waits;
}

/* The messages that wait, or NULL: there are none, and the channel is UP. */
static DistWaiting *take_waiting(Channel *c, uint32_t conn)
{
    mutex_lock(&c->lock);
    DistWaiting *first = c->conn == conn && c->state == CHANNEL_OPENING ? c->wait_first : NULL;
    if (first) c->wait_first = NULL, c->wait_last = &c->wait_first;
    else if (c->conn == conn && c->state == CHANNEL_OPENING)
        store_relaxed(&c->state, CHANNEL_UP);
    for (DistWaiting *w = first; w; w = w->next)
        c->out_bytes -= MIN(c->out_bytes, w->words * sizeof(term_t));
    mutex_unlock(&c->lock);
    return first;
}

void channel_encode_waiting(Channel *c, uint32_t conn)
{
    for (DistWaiting *w; (w = take_waiting(c, conn)) != NULL;) {
        for (DistWaiting *next; w; w = next) {
            next = w->next;
            encode_now(c, conn, CHANNEL_OPENING, c->flags, w->control, w->payload);
            free_waiting(w);
        }
    }
}

/* ---- sending ---- */

enum Sendable { SEND_NOT, SEND_WAIT, SEND_NOW };

static enum Sendable sendable(Channel *c, uint32_t conn, uint64_t *flags)
{
    mutex_lock(&c->lock);
    enum Sendable s = c->conn != conn || c->state == CHANNEL_IDLE ? SEND_NOT
                      : c->state == CHANNEL_UP ? SEND_NOW : SEND_WAIT;
    *flags = c->flags;
    mutex_unlock(&c->lock);
    return s;
}

/* SEND_NOW: it is up; otherwise done with. */
static enum Sendable keep_waiting(Channel *c, uint32_t conn, term_t control, term_t payload, uint64_t *flags)
{
    enum Sendable s;
    while ((s = sendable(c, conn, flags)) == SEND_WAIT) {
        DistWaiting *w = new_waiting(control, payload);
        if (append_waiting(c, conn, w)) return SEND_WAIT;
        free_waiting(w);
    }
    return s;
}

void channel_send(Channel *c, Process *p UNUSED, uint32_t conn, term_t control, term_t payload)
{
    uint64_t flags;
    if (keep_waiting(c, conn, control, payload, &flags) != SEND_NOW) return;
    encode_now(c, conn, CHANNEL_UP, flags, control, payload);
    channel_flush(c);
}

/* A message being encoded, between two slices of its sender. */
typedef struct SendState {
    NativeState base;
    Channel *c;
    uint32_t conn;
    DistEncode encode;
} SendState;

static void send_destroy(NativeState *base)
{
    SendState *s = (SendState *)base;
    dist_encode_free(&s->encode);
    MEM_DELETE(DIST, s);
}

static void send_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    SendState *s = (SendState *)base;
    if (s->encode.payload) etf_encode_each_root(s->encode.payload, visit, ctx);
}

static enum RemoteResult send_on(Process *p, SendState *s)
{
    enum EtfResult r = dist_encode_run(&s->encode, TERMS_PER_RED * (size_t)MAX(p->reds, 50));
    if (r == ETF_MORE) {
        p->native_state = &s->base;
        (void)process_bump_reds(p, INT32_MAX);
        return REMOTE_YIELD;
    }
    Channel *c = s->c;
    (void)process_bump_reds(p, (int32_t)MIN(s->encode.out.len / BYTES_PER_RED, (size_t)100000));
    if (r == ETF_BAD) {
        send_destroy(&s->base);
        return REMOTE_TOO_LARGE;
    }
    finish(c, s->conn, CHANNEL_UP, &s->encode);
    MEM_DELETE(DIST, s);
    channel_flush(c);
    return REMOTE_SENT;
}

bool channel_is_sending(const Process *p)
{
    return p->native_state && p->native_state->destroy == send_destroy;
}

enum RemoteResult channel_send_rest(Process *p)
{
    SendState *s = (SendState *)p->native_state;
    p->native_state = NULL;
    return send_on(p, s);
}

enum RemoteResult channel_send_yielding(Channel *c, Process *p, uint32_t conn, term_t control, Heap *h,
                                        term_t payload)
{
    uint64_t flags;
    if (keep_waiting(c, conn, control, payload, &flags) != SEND_NOW) return REMOTE_SENT;
    if (!control_for_flags(h, flags, &control, &payload)) return REMOTE_SENT;
    SendState *s = MEM_NEW(DIST, SendState);
    s->base.destroy = send_destroy;
    s->base.each_root = send_each_root;
    s->c = c;
    s->conn = conn;
    dist_encode_start(&s->encode, c->vm, flags, control, payload);
    return send_on(p, s);
}

/* ---- writing ---- */

static bool shrank_locked(Channel *c, size_t bytes)
{
    c->out_bytes -= MIN(c->out_bytes, bytes);
    return c->busy && c->out_bytes < load_relaxed(&dist_space(c->vm)->busy_limit);
}

static void wake_all(Channel *c, term_t *pids, size_t n, size_t cap)
{
    for (size_t i = 0; i < n; i++) {
        Process *p = process_lookup(c->vm, pids[i]);
        if (p) c->vm->procs->ops->wake(p, PS_RUNNABLE);
    }
    mem_free(MEM_DIST, pids, cap * sizeof *pids);
}

/* First packet for this controller, appended to out; false: there is none. */
static bool take_packet(Channel *c, term_t controller, Buf *out)
{
    mutex_lock(&c->lock);
    DistItem *i = c->controller == controller ? c->out_first : NULL;
    if (!i) {
        mutex_unlock(&c->lock);
        return false;
    }
    c->out_first = i->next;
    if (!c->out_first) c->out_last = &c->out_first;
    c->packets_out++;
    if (i->headed && !c->out_cache) c->out_cache = MEM_NEW(DIST, AtomCache);
    dist_header_put(out, i, c->out_cache);
    term_t *blocked = NULL;
    size_t count = 0, cap = 0;
    if (shrank_locked(c, i->n)) {
        blocked = c->blocked, count = c->blocked_count, cap = c->blocked_cap;
        c->blocked = NULL, c->blocked_count = c->blocked_cap = 0;
        c->busy = false;
    }
    mutex_unlock(&c->lock);
    buf_append(out, i->bytes, i->n);
    dist_item_free(i);
    wake_all(c, blocked, count, cap);
    return true;
}

bool channel_take_packet(Channel *c, term_t controller, Buf *out) { return take_packet(c, controller, out); }

/* The port is locked. */
static void drain(Channel *c, Port *port, bool force)
{
    Buf out = BUF_INIT(DIST);
    while ((force || !port->busy) && !port->exit_asked && port->dist_ops) {
        buf_clear(&out);
        if (!take_packet(c, port->id, &out)) break;
        port_output_packet(port, (const uint8_t *)buf_text(&out), out.len);
    }
    buf_free(&out);
}

/* Something to write? Tells a controller process at once. */
static term_t port_to_write(Channel *c)
{
    mutex_lock(&c->lock);
    term_t controller = c->out_first ? c->controller : TERM_NONE;
    bool tell = term_is_local_pid(controller) && c->want_data;
    if (tell) c->want_data = false;
    mutex_unlock(&c->lock);
    if (tell) (void)message_send_to(c->vm, am_undefined, controller, am_dist_data);
    return term_is_local_port(controller) ? controller : TERM_NONE;
}

void channel_flush(Channel *c)
{
    bool busy;
    term_t id = port_to_write(c);
    if (id == TERM_NONE) return;
    Port *port = port_try_lock(c->vm, id, &busy);
    if (busy) task_schedule(c->vm, &c->task);
    if (!port) return;
    drain(c, port, false);
    port_unlock(port);
}

void channel_flush_waiting(Channel *c)
{
    term_t id = port_to_write(c);
    Port *port = id == TERM_NONE ? NULL : port_lock(c->vm, id);
    if (!port) return;
    drain(c, port, false);
    port_unlock(port);
}

/* ---- the port's side ---- */

static uint32_t conn_of(Channel *c)
{
    mutex_lock(&c->lock);
    uint32_t conn = c->conn;
    mutex_unlock(&c->lock);
    return conn;
}

static void port_input_packet(Port *port, void *arg, const uint8_t *bytes, size_t n)
{
    Channel *c = arg;
    mutex_lock(&c->input_lock);
    bool ok = channel_input(c, conn_of(c), bytes, n);
    mutex_unlock(&c->input_lock);
    if (!ok) port_exit(port, am_killed);
}

static void port_writable(Port *port UNUSED, void *arg)
{
    Channel *c = arg;
    task_schedule(c->vm, &c->task);
}

static void port_gone(Port *port, void *arg, term_t reason)
{
    Channel *c = arg;
    mutex_lock(&c->lock);
    bool mine = c->controller == port->id;
    uint32_t conn = c->conn;
    mutex_unlock(&c->lock);
    if (mine) channel_down(c, conn, reason);
}

static void port_flush_packets(Port *port, void *arg) { drain(arg, port, true); }

const PortDistOps channel_port_ops = {port_input_packet, port_writable, port_gone, port_flush_packets};
