/* SPDX-License-Identifier: Apache-2.0 */
/* bif_dist - natives of net_kernel, of dist_util and of distribution controllers.
 * Semantics: net_kernel(3); erlang(3) dist_ctrl_*; ERTS User's Guide, "How to implement an Alternative
 * Carrier for the Erlang Distribution". Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "data/binary.h"
#include "data/iolist.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "term/big.h"

/* ---- this node ---- */

BIF(erlang, setnode, 2, 0)
{
    uint64_t creation;
    if (!is_node_name(a[0]) || a[0] == am_nonode_at_nohost) return bif_error(p, EXC_BADARG);
    if (!term_to_uint64(a[1], &creation) || creation > UINT32_MAX) return bif_error(p, EXC_BADARG);
    term_t kernel = registry_find(p->vm, am_net_kernel);
    if (node_is_alive(p->vm) || !term_is_local_pid(kernel)) return bif_error(p, EXC_BADARG);
    atomic_store(&p->vm->dist->net_kernel, kernel);
    node_set_self(p->vm, a[0], (uint32_t)creation);
    nodes_tell(p->vm, am_nodeup, NULL, 0, true, a[0], TERM_NIL);
    return am_true;
}

/* {erts_dflags, Default, Mandatory, Addable, Rejectable, StrictOrder}: what this node can do, what it cannot
 * do without, what a carrier may add or turn down, and what needs delivery in order. */
BIF(erts_internal, get_dflags, 0, 0)
{
    static const uint64_t flags[] = {DFLAGS_OURS, DFLAGS_MANDATORY, DFLAGS_OURS, DFLAGS_REJECTABLE, DFLAG_HEADER};
    term_t e[1 + ARRAY_LEN(flags)] = {am_erts_dflags};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) e[i + 1] = heap_uint(&p->heap, flags[i]);
    return heap_tuple(&p->heap, ARRAY_LEN(e), e);
}

BIF(erts_internal, get_creation, 0, 0)
{
    uint32_t creation = node_self(p->vm)->creation;
    return creation ? term_small(creation) : am_undefined;
}

/* ---- connections ---- */

BIF(erts_internal, new_connection, 1, 0)
{
    if (!is_node_name(a[0]) || a[0] == node_self_name(p->vm)) return bif_error(p, EXC_BADARG);
    Channel *c = channel_get(p->vm, a[0]);
    return channel_handle(&p->heap, c, channel_begin(c));
}

BIF(erts_internal, abort_pending_connection, 2, 0)
{
    uint32_t conn;
    Channel *c = channel_of_handle(p->vm, a[1], &conn);
    if (!c || c->name != a[0]) return bif_error(p, EXC_BADARG);
    return term_bool(channel_abort(c, conn));
}

static bool parse_open(Process *p, const term_t *a, uint64_t *flags, uint64_t *creation)
{
    term_t kernel = registry_find(p->vm, am_net_kernel);
    if (kernel == TERM_NONE || atomic_load(&p->vm->dist->net_kernel) != kernel) return false;
    if (!is_node_name(a[0]) || a[0] == node_self_name(p->vm)) return false;
    if (!term_is_local_port(a[1]) && !term_is_local_pid(a[1])) return false;
    if (!term_is_tuple_of(a[2], 2) || !term_to_uint64(tuple_element(a[2], 1), flags)) return false;
    if (!term_to_uint64(tuple_element(a[2], 2), creation) || *creation > UINT32_MAX) return false;
    return !(~*flags & DFLAGS_MANDATORY);
}

/* {dist_ctrlr, Controller, Node, SetUpBy}: net_kernel links itself to the controller. */
static void tell_kernel(Process *p, const term_t *a)
{
    Heap h = {0};
    term_t msg = heap_tuple4(&h, am_dist_ctrlr, a[1], a[0], p->id);
    (void)message_send_to(p->vm, am_system, am_net_kernel, msg);
    heap_dispose(&h);
}

BIF(erts_internal, create_dist_channel, 3, 0)
{
    uint64_t flags, creation;
    uint32_t conn;
    if (!parse_open(p, a, &flags, &creation)) return am_badarg;
    Channel *c = channel_get(p->vm, a[0]);
    switch (channel_open(c, a[1], flags, (uint32_t)creation, &conn)) {
    case CHANNEL_OPENED:
        tell_kernel(p, a);
        return heap_tuple2(&p->heap, am_ok, channel_handle(&p->heap, c, conn));
    case CHANNEL_LATER: return bif_yield(p);
    default: return am_badarg;
    }
}

/* ---- distribution controllers ---- */

/* The channel of this handle, if it is up and its controller is p; else NULL with the error set. */
static Channel *controlled(Process *p, term_t handle, uint32_t *conn)
{
    Channel *c = channel_of_handle(p->vm, handle, conn);
    bool mine = false;
    if (c) {
        mutex_lock(&c->lock);
        mine = c->conn == *conn && c->controller == p->id;
        mutex_unlock(&c->lock);
    }
    if (!mine) (void)bif_error(p, EXC_BADARG);
    return mine ? c : NULL;
}

BIF(erlang, dist_ctrl_input_handler, 2, 0)
{
    uint32_t conn;
    Channel *c = controlled(p, a[0], &conn);
    if (!c) return TERM_NONE;
    if (!term_is_local_pid(a[1])) return bif_error(p, EXC_BADARG);
    mutex_lock(&c->lock);
    c->input_handler = a[1];
    mutex_unlock(&c->lock);
    return am_ok;
}

/* The connection of this handle takes input from p. */
static bool takes_input(Process *p, Channel *c, uint32_t conn)
{
    mutex_lock(&c->lock);
    bool yes = c->conn == conn && c->state != CHANNEL_IDLE && c->input_handler == p->id;
    mutex_unlock(&c->lock);
    return yes;
}

BIF(erlang, dist_ctrl_put_data, 2, 0)
{
    uint32_t conn;
    uint64_t n;
    size_t bytes_n;
    if (term_is_list_cell(a[1])) return bif_trap_mfa(p, am_erts_internal, am_dist_ctrl_put_data, 2, a);
    if (!(term_is_binary(a[1]) || term_is_nil(a[1])) || iolist_size(a[1], &n) != IOLIST_OK)
        return bif_error(p, EXC_BADARG);
    Channel *c = channel_of_handle(p->vm, a[0], &conn);
    if (!c) return bif_error(p, EXC_BADARG);
    TempBytes temp = TEMP_BYTES_INIT;
    const uint8_t *bytes = n == 0 ? (const uint8_t *)"" : binary_bytes(a[1], &bytes_n, &temp);
    mutex_lock(&c->input_lock);
    bool mine = takes_input(p, c, conn), ok = mine && channel_input(c, conn, bytes, n);
    mutex_unlock(&c->input_lock);
    temp_bytes_free(&temp);
    if (!mine) return bif_error(p, EXC_BADARG);
    if (!ok) channel_kill(c, am_killed);
    (void)process_bump_reds(p, (int32_t)MIN(5 + n / 256, (uint64_t)100000));
    return am_ok;
}

BIF(erlang, dist_ctrl_get_data, 1, 0)
{
    uint32_t conn;
    Channel *c = controlled(p, a[0], &conn);
    if (!c) return TERM_NONE;
    Buf out = BUF_INIT(DIST);
    term_t result = am_none;
    if (channel_take_packet(c, p->id, &out)) {
        result = heap_cons(&p->heap, heap_binary(&p->heap, out.data, out.len), TERM_NIL);
        if (c->with_size) result = heap_tuple2(&p->heap, heap_uint(&p->heap, out.len), result);
        (void)process_bump_reds(p, (int32_t)MIN(5 + out.len / 256, (size_t)100000));
    }
    buf_free(&out);
    return result;
}

BIF(erlang, dist_ctrl_get_data_notification, 1, 0)
{
    uint32_t conn;
    Channel *c = controlled(p, a[0], &conn);
    if (!c) return TERM_NONE;
    mutex_lock(&c->lock);
    c->want_data = true;
    mutex_unlock(&c->lock);
    channel_flush(c);
    return am_ok;
}

static term_t get_size(Channel *c, const bool *set)
{
    mutex_lock(&c->lock);
    bool old = c->with_size;
    if (set) c->with_size = *set;
    mutex_unlock(&c->lock);
    return term_bool(old);
}

BIF(erlang, dist_ctrl_set_opt, 3, 0)
{
    uint32_t conn;
    Channel *c = controlled(p, a[0], &conn);
    if (!c) return TERM_NONE;
    if (a[1] != am_get_size || !term_is_bool(a[2])) return bif_error(p, EXC_BADARG);
    bool set = a[2] == am_true;
    return get_size(c, &set);
}

BIF(erlang, dist_ctrl_get_opt, 2, 0)
{
    uint32_t conn;
    Channel *c = controlled(p, a[0], &conn);
    if (!c) return TERM_NONE;
    return a[1] == am_get_size ? get_size(c, NULL) : bif_error(p, EXC_BADARG);
}

/* {ok, PacketsIn, PacketsOut, Pending} */
BIF(erlang, dist_get_stat, 1, 0)
{
    uint32_t conn;
    Channel *c = channel_of_handle(p->vm, a[0], &conn);
    if (!c) return bif_error(p, EXC_BADARG);
    mutex_lock(&c->lock);
    bool up = c->conn == conn && c->state == CHANNEL_UP;
    uint64_t in = c->packets_in, out = c->packets_out, pending = c->out_bytes;
    mutex_unlock(&c->lock);
    if (!up) return bif_error(p, EXC_BADARG);
    Heap *h = &p->heap;
    return heap_tuple4(h, am_ok, heap_uint(h, in), heap_uint(h, out), heap_uint(h, pending));
}

BIF(net_kernel, dflag_unicode_io, 1, 0)
{
    if (!term_is_pid(a[0])) return bif_error(p, EXC_BADARG);
    if (term_is_local_pid(a[0])) return am_true;
    Channel *c = channel_of(p->vm, ext_ptr(a[0])->node);
    mutex_lock(&c->lock);
    bool yes = c->flags & DFLAG_UNICODE_IO;
    mutex_unlock(&c->lock);
    return term_bool(yes);
}
