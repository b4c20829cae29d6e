/* SPDX-License-Identifier: Apache-2.0 */
/* bif_node - this node's name, the nodes it knows. Semantics: erlang(3) node/0,1, nodes/0,1,2.
 * A node is connected while its channel is up (dist/channel.h). Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "data/map.h"
#include "data/node.h"
#include "dist/channel.h"

BIF(erlang, node, 0, GUARD) { return node_self_name(p->vm); }

BIF(erlang, node, 1, GUARD)
{
    if (!term_is_pid(a[0]) && !term_is_port(a[0]) && !term_is_ref(a[0])) return bif_error(p, EXC_BADARG);
    const Node *n = ident_node(a[0]);
    return n ? n->name : node_self_name(p->vm);
}

/* ---- nodes ---- */

#define WANT_THIS 1u
#define WANT_KNOWN 2u
#define WANT_VISIBLE 4u
#define WANT_HIDDEN 8u

static unsigned want_of(term_t t)
{
    switch (t) {
    case am_this: return WANT_THIS;
    case am_known: return WANT_KNOWN;
    case am_visible: return WANT_VISIBLE;
    case am_hidden: return WANT_HIDDEN;
    case am_connected: return WANT_VISIBLE | WANT_HIDDEN;
    default: return 0;
    }
}

/* Kinds asked for, or 0: badarg. */
static unsigned wanted(term_t t)
{
    if (term_is_atom(t)) return want_of(t);
    unsigned all = 0;
    for (; term_is_list_cell(t); t = list_tail(t)) {
        unsigned one = want_of(list_head(t));
        if (!one) return 0;
        all |= one;
    }
    return term_is_nil(t) ? all : 0;
}

/* Extra information asked for in a map; false: badarg. */
typedef struct NodeInfo {
    bool connection_id, node_type;
} NodeInfo;

static bool node_info_options(term_t map, NodeInfo *info)
{
    MapIter it;
    term_t key, value;
    if (!term_is_map(map)) return false;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &key, &value)) {
        if (!term_is_bool(value)) return false;
        if (key == am_connection_id) info->connection_id = value == am_true;
        else if (key == am_node_type) info->node_type = value == am_true;
        else return false;
    }
    return true;
}

typedef struct Listing {
    Process *p;
    unsigned want;
    const NodeInfo *info;  /* NULL: names only */
    term_t list;
    int64_t now;
} Listing;

static term_t listed(const Listing *l, term_t name, term_t type, uint32_t conn)
{
    if (!l->info) return name;
    Heap *h = &l->p->heap;
    term_t pairs[4];
    size_t n = 0;
    if (l->info->connection_id) {
        pairs[0] = am_connection_id;
        pairs[1] = conn ? heap_uint(h, conn) : am_undefined;
        n++;
    }
    if (l->info->node_type) {
        pairs[2 * n] = am_node_type;
        pairs[2 * n + 1] = type;
        n++;
    }
    return heap_tuple2(h, name, map_from_pairs(h, pairs, n, NULL));
}

static bool is_listed(const Listing *l, term_t name)
{
    for (term_t t = l->list; term_is_list_cell(t); t = list_tail(t)) {
        term_t x = list_head(t);
        if ((l->info ? tuple_element(x, 1) : x) == name) return true;
    }
    return false;
}

static void list_one(Listing *l, term_t name, term_t type, uint32_t conn)
{
    if (!is_listed(l, name)) l->list = heap_cons(&l->p->heap, listed(l, name, type, conn), l->list);
}

static void list_channel(Channel *c, void *ctx)
{
    Listing *l = ctx;
    mutex_lock(&c->lock);
    bool up = c->state == CHANNEL_UP || c->state == CHANNEL_OPENING;
    bool visible = c->flags & DFLAG_PUBLISHED;
    uint32_t conn = c->conn;
    bool old = c->state == CHANNEL_IDLE && l->now - c->idle_since_ns >= load_relaxed(&node_table(l->p->vm)->keep_ns);
    mutex_unlock(&c->lock);
    if (up && l->want & (visible ? WANT_VISIBLE : WANT_HIDDEN))
        list_one(l, c->name, visible ? am_visible : am_hidden, conn);
    else if (l->want & WANT_KNOWN && !old)
        list_one(l, c->name, up ? visible ? am_visible : am_hidden : am_known, up ? conn : 0);
}

static void list_node(Node *n, void *ctx)
{
    Listing *l = ctx;
    bool self = n->name == node_self_name(l->p->vm);
    if (l->want & WANT_KNOWN || (self && l->want & WANT_THIS))
        list_one(l, n->name, self ? am_this : am_known, 0);
}

static term_t list_nodes(Process *p, unsigned want, const NodeInfo *info)
{
    Listing l = {p, want, info, TERM_NIL, clock_monotonic_ns()};
    if (want & WANT_KNOWN) node_sweep(p->vm);
    channel_each(p->vm, list_channel, &l);
    if (want & (WANT_THIS | WANT_KNOWN)) node_each(p->vm, list_node, &l);
    return l.list;
}

BIF(erlang, nodes, 0, 0) { return list_nodes(p, WANT_VISIBLE, NULL); }

BIF(erlang, nodes, 1, 0)
{
    unsigned want = wanted(a[0]);
    if (!want && !term_is_nil(a[0])) return bif_error(p, EXC_BADARG);
    return list_nodes(p, want, NULL);
}

BIF(erlang, nodes, 2, 0)
{
    NodeInfo info = {false, false};
    unsigned want = wanted(a[0]);
    if ((!want && !term_is_nil(a[0])) || !node_info_options(a[1], &info)) return bif_error(p, EXC_BADARG);
    return list_nodes(p, want, &info);
}
