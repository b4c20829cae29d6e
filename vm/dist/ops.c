/* SPDX-License-Identifier: Apache-2.0 */
/* ops - what local processes do to those of other nodes: ProcRemoteOps. Control tuples are built in their
 * newest form. Semantics: erlang(3); "Protocol between Connected Nodes". Layer: dist. */
#include "dist/channel.h"

static Channel *channel_to(Process *p, term_t ident) { return channel_of(p->vm, ext_ptr(ident)->node); }

/* A node with the right name that is not this one. */
static Channel *channel_named(Process *p, term_t node)
{
    return node == node_self_name(p->vm) || node == am_nonode_at_nohost ? NULL : channel_get(p->vm, node);
}

/* {Op, ...} or, with a sequential trace token, {OpTT, ..., Token}. n: elements without it. */
static term_t control_tuple(Process *p, Heap *h, int op, int op_token, size_t n, const term_t *rest, term_t to,
                            term_t message)
{
    term_t e[6] = {term_small(op)};
    memcpy(e + 1, rest, n * sizeof *rest);
    if (p->seq_token == TERM_NIL) return heap_tuple(h, n + 1, e);
    p->vm->procs->trace_ops->seq_send(p, to, message);
    e[0] = term_small(op_token);
    e[n + 1] = p->seq_token;
    return heap_tuple(h, n + 2, e);
}

static unsigned connect_flags(uint32_t flags)
{
    return (flags & REMOTE_NOCONNECT ? 0 : CHANNEL_CONNECT) | (flags & REMOTE_NOSUSPEND ? CHANNEL_NOSUSPEND : 0);
}

/* ---- messages ---- */

static enum RemoteResult send_message(Process *p, Channel *c, uint32_t conn, term_t control, Heap *h, term_t msg)
{
    enum RemoteResult r = channel_send_yielding(c, p, conn, control, h, msg);
    heap_dispose(h);
    return r;
}

static enum RemoteResult op_send(Process *p, term_t to, term_t msg, uint32_t flags)
{
    uint32_t conn;
    if (channel_is_sending(p)) return channel_send_rest(p);
    Channel *c = channel_to(p, to);
    enum RemoteResult r = channel_prepare(c, p, connect_flags(flags), &conn);
    if (r != REMOTE_SENT) return r;
    Heap h = {0};
    bool alias = term_is_ref(to);
    term_t control = control_tuple(p, &h, alias ? 33 : 22, alias ? 34 : 23, 2, (term_t[]){p->id, to}, to, msg);
    return send_message(p, c, conn, control, &h, msg);
}

static enum RemoteResult op_send_name(Process *p, term_t name, term_t node, term_t msg, uint32_t flags)
{
    uint32_t conn;
    if (channel_is_sending(p)) return channel_send_rest(p);
    Channel *c = channel_named(p, node);
    if (!c) return REMOTE_NO_CONNECTION;
    enum RemoteResult r = channel_prepare(c, p, connect_flags(flags), &conn);
    if (r != REMOTE_SENT) return r;
    Heap h = {0};
    term_t control = control_tuple(p, &h, 6, 16, 3, (term_t[]){p->id, am_Empty, name},
                                   heap_tuple2(&h, name, node), msg);
    return send_message(p, c, conn, control, &h, msg);
}

/* ---- links ---- */

static void send3(Process *p, Channel *c, uint32_t conn, int op, term_t a, term_t b)
{
    Heap h = {0};
    channel_send(c, p, conn, heap_tuple3(&h, term_small(op), a, b), TERM_NONE);
    heap_dispose(&h);
}

static enum RemoteResult op_link(Process *p, term_t pid)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    enum RemoteResult r = channel_prepare(c, p, CHANNEL_CONNECT, &conn);
    if (r != REMOTE_SENT) return r;
    Link *l = link_find(p, pid);
    if (l) l->conn = conn;
    if (!channel_add_member(c, conn, p)) return REMOTE_NO_CONNECTION;
    send3(p, c, conn, 1, p->id, pid);
    return REMOTE_SENT;
}

/* The caller of a native that has sent something is marked PF_BUSY if it should sleep now. */
static void wait_if_busy(Channel *c, Process *p)
{
    if (!process_is_exiting(p)) (void)channel_wait(c, p);
}

/* Only over the connection that the link was made over: the next one knows nothing of it. */
static enum RemoteResult op_unlink(Process *p, term_t pid, uint64_t id)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    Link *l = link_find(p, pid);
    if (channel_prepare(c, p, CHANNEL_FORCE, &conn) != REMOTE_SENT || (l && l->conn != conn))
        return REMOTE_NO_CONNECTION;
    Heap h = {0};
    term_t control = heap_tuple4(&h, term_small(35), heap_uint(&h, id), p->id, pid);
    channel_send(c, p, conn, control, TERM_NONE);
    heap_dispose(&h);
    wait_if_busy(c, p);
    return REMOTE_SENT;
}

static void op_unlink_ack(Process *p, term_t pid, uint64_t id)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    if (id == 0 || channel_prepare(c, p, CHANNEL_FORCE, &conn) != REMOTE_SENT) return;
    Heap h = {0};
    term_t control = heap_tuple4(&h, term_small(36), heap_uint(&h, id), p->id, pid);
    channel_send(c, p, conn, control, TERM_NONE);
    heap_dispose(&h);
}

static void op_link_exit(Process *p, term_t pid, term_t reason)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    if (channel_prepare(c, p, CHANNEL_FORCE, &conn) != REMOTE_SENT) return;
    Heap h = {0};
    term_t told = heap_tuple3(&h, am_EXIT, p->id, reason);
    term_t control = control_tuple(p, &h, 24, 25, 2, (term_t[]){p->id, pid}, pid, told);
    channel_send(c, p, conn, control, reason);
    heap_dispose(&h);
}

static enum RemoteResult op_exit(Process *p, term_t pid, term_t reason)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    enum RemoteResult r = channel_prepare(c, p, CHANNEL_CONNECT, &conn);
    if (r != REMOTE_SENT) return r;
    Heap h = {0};
    term_t control = heap_tuple3(&h, term_small(26), p->id, pid);
    channel_send(c, p, conn, control, reason);
    heap_dispose(&h);
    return REMOTE_SENT;
}

static enum RemoteResult op_group_leader(Process *p, term_t leader, term_t pid)
{
    uint32_t conn;
    Channel *c = channel_to(p, pid);
    enum RemoteResult r = channel_prepare(c, p, CHANNEL_CONNECT, &conn);
    if (r == REMOTE_SENT) send3(p, c, conn, 7, leader, pid);
    return r;
}

/* ---- monitors ---- */

static void send4(Process *p, Channel *c, uint32_t conn, int op, term_t a, term_t b, term_t ref, term_t payload)
{
    Heap h = {0};
    channel_send(c, p, conn, heap_tuple4(&h, term_small(op), a, b, ref), payload);
    heap_dispose(&h);
}

static enum RemoteResult op_monitor(Process *p, term_t ref, term_t what, term_t node)
{
    uint32_t conn;
    Channel *c = channel_named(p, node);
    enum RemoteResult r = c ? channel_prepare(c, p, CHANNEL_CONNECT, &conn) : REMOTE_NO_CONNECTION;
    if (r != REMOTE_SENT) return r;
    Monitor *m = monitor_find(p, ref_num(ref));
    if (m) m->conn = conn;
    if (!channel_add_member(c, conn, p)) return REMOTE_NO_CONNECTION;
    send4(p, c, conn, 19, p->id, what, ref, TERM_NONE);
    return REMOTE_SENT;
}

static void op_demonitor(Process *p, term_t ref, term_t what, term_t node, uint32_t made_over)
{
    uint32_t conn;
    Channel *c = channel_named(p, node);
    if (!c || channel_prepare(c, p, CHANNEL_FORCE, &conn) != REMOTE_SENT || conn != made_over) return;
    send4(p, c, conn, 20, p->id, what, ref, TERM_NONE);
    wait_if_busy(c, p);
}

static void op_monitor_exit(Process *p, term_t watcher, term_t watched, term_t ref, term_t reason)
{
    uint32_t conn;
    Channel *c = channel_to(p, watcher);
    if (term_is_atom(watched)) (void)channel_name_take(c, ref);
    if (channel_prepare(c, p, CHANNEL_FORCE, &conn) != REMOTE_SENT) return;
    send4(p, c, conn, 28, watched, watcher, ref, reason);
}

const ProcRemoteOps channel_remote_ops = {
    .send = op_send,
    .send_name = op_send_name,
    .link = op_link,
    .unlink = op_unlink,
    .exit = op_exit,
    .group_leader = op_group_leader,
    .monitor = op_monitor,
    .link_exit = op_link_exit,
    .unlink_ack = op_unlink_ack,
    .demonitor = op_demonitor,
    .monitor_exit = op_monitor_exit,
    .abandon_spawn = spawn_abandon,
};
