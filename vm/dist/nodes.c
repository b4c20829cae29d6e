/* SPDX-License-Identifier: Apache-2.0 */
/* nodes - who wants to know of nodes that come and go: monitor_node/2,3 and net_kernel:monitor_nodes/1,2.
 * Semantics: erlang(3) monitor_node/2, net_kernel(3) monitor_nodes/2. Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "data/map.h"

/* ---- monitor_nodes ---- */

#define WANT_VISIBLE 1u
#define WANT_HIDDEN 2u
#define WANT_REASON 4u
#define WANT_MAP 8u
#define WANT_CONN 16u

/* All subscriptions of a process with the same options are one entry. */
typedef struct NodesMonitor {
    struct NodesMonitor *next;
    term_t pid;
    unsigned options;
    uint32_t count;
} NodesMonitor;

static bool option_flag(term_t value, unsigned flag, unsigned *options)
{
    if (value == am_true) *options |= flag;
    return term_is_bool(value);
}

static bool one_option(term_t key, term_t value, unsigned *options)
{
    switch (key) {
    case am_list: *options &= ~WANT_MAP; return value == am_true;
    case am_connection_id: return option_flag(value, WANT_CONN, options);
    case am_nodedown_reason: return option_flag(value, WANT_REASON, options);
    case am_node_type: break;
    default: return false;
    }
    if (value == am_visible || value == am_all) *options |= WANT_VISIBLE;
    if (value == am_hidden || value == am_all) *options |= WANT_HIDDEN;
    return value == am_visible || value == am_hidden || value == am_all;
}

static bool parse_options(term_t flag, unsigned *options)
{
    MapIter it;
    term_t key, value;
    *options = 0;
    if (term_is_atom(flag)) return true;
    if (!term_is_map(tuple_element(flag, 2))) return false;
    *options = WANT_MAP;
    map_iter_init(&it, tuple_element(flag, 2));
    while (map_iter_next(&it, &key, &value))
        if (!one_option(key, value, options)) return false;
    return true;
}

static NodesMonitor **find_locked(DistSpace *s, term_t pid, unsigned options)
{
    NodesMonitor **at = &s->monitors;
    while (*at && !((*at)->pid == pid && (*at)->options == options)) at = &(*at)->next;
    return at;
}

/* Returns how many there were before. */
static uint32_t change(Process *p, unsigned options, bool on)
{
    DistSpace *s = dist_space(p->vm);
    or_acq_rel(&p->state, PS_DIST);
    mutex_lock(&s->lock);
    NodesMonitor **at = find_locked(s, p->id, options), *m = *at;
    uint32_t old = m ? m->count : 0;
    if (on) {
        if (!m) m = *at = MEM_NEW(NODE, NodesMonitor);
        m->pid = p->id;
        m->options = options;
        m->count++;
    } else if (m) {
        *at = m->next;
        MEM_DELETE(NODE, m);
    }
    mutex_unlock(&s->lock);
    return old;
}

term_t nodes_monitor_flag(Process *p, term_t flag, term_t value)
{
    unsigned options;
    if (!term_is_bool(value) || !parse_options(flag, &options)) return bif_error(p, EXC_BADARG);
    return term_small(change(p, options, value == am_true));
}

void nodes_forget(Vm *vm, term_t pid)
{
    DistSpace *s = dist_space(vm);
    mutex_lock(&s->lock);
    for (NodesMonitor **at = &s->monitors, *m; (m = *at) != NULL;) {
        if (m->pid == pid) {
            *at = m->next;
            MEM_DELETE(NODE, m);
        } else {
            at = &m->next;
        }
    }
    mutex_unlock(&s->lock);
}

static term_t option_list(Heap *h, unsigned options)
{
    term_t list = TERM_NIL;
    unsigned kinds = options & (WANT_VISIBLE | WANT_HIDDEN);
    term_t kind = kinds == WANT_VISIBLE ? am_visible : kinds == WANT_HIDDEN ? am_hidden : am_all;
    if (kinds) list = heap_cons(h, heap_tuple2(h, am_node_type, kind), list);
    return options & WANT_REASON ? heap_cons(h, am_nodedown_reason, list) : list;
}

term_t nodes_monitors(Process *p)
{
    DistSpace *s = dist_space(p->vm);
    Heap *h = &p->heap;
    term_t list = TERM_NIL;
    mutex_lock(&s->lock);
    for (const NodesMonitor *m = s->monitors; m; m = m->next)
        for (uint32_t i = 0; i < m->count; i++)
            list = heap_cons(h, heap_tuple2(h, m->pid, option_list(h, m->options)), list);
    mutex_unlock(&s->lock);
    return list;
}

/* What a change of a node is told with. */
typedef struct NodeChange {
    term_t what, name, reason;
    uint32_t conn;           /* 0: undefined */
    bool visible;
} NodeChange;

static bool is_wanted(unsigned options, bool visible)
{
    unsigned kinds = options & (WANT_VISIBLE | WANT_HIDDEN);
    return kinds ? kinds & (visible ? WANT_VISIBLE : WANT_HIDDEN) : visible;
}

/* Pairs of the information asked for, in the order of the keys. */
static size_t info_pairs(Heap *h, const NodeChange *n, unsigned options, term_t pairs[6])
{
    size_t k = 0;
    if (options & WANT_CONN) {
        pairs[k++] = am_connection_id;
        pairs[k++] = n->conn ? heap_uint(h, n->conn) : am_undefined;
    }
    if (options & (WANT_VISIBLE | WANT_HIDDEN)) {
        pairs[k++] = am_node_type;
        pairs[k++] = n->visible ? am_visible : am_hidden;
    }
    if (n->what == am_nodedown && options & WANT_REASON) {
        pairs[k++] = am_nodedown_reason;
        pairs[k++] = term_copy(h, n->reason);
    }
    return k / 2;
}

static term_t info_list(Heap *h, const term_t *pairs, size_t n)
{
    term_t list = TERM_NIL;
    bool conn = n > 0 && pairs[0] == am_connection_id;
    for (size_t i = conn; i < n; i++) list = heap_cons(h, heap_tuple2(h, pairs[2 * i], pairs[2 * i + 1]), list);
    return conn ? heap_cons(h, heap_tuple2(h, pairs[0], pairs[1]), list) : list;
}

static void tell_one(Vm *vm, const NodeChange *n, const NodesMonitor *m)
{
    Heap h = {0};
    term_t pairs[6];
    Process *p = is_wanted(m->options, n->visible) ? process_lookup_alive(vm, m->pid) : NULL;
    if (!p) return;
    term_t msg;
    if (m->options == 0) {
        msg = heap_tuple2(&h, n->what, n->name);
    } else {
        size_t k = info_pairs(&h, n, m->options, pairs);
        term_t info = m->options & WANT_MAP ? map_from_pairs(&h, pairs, k, NULL) : info_list(&h, pairs, k);
        msg = heap_tuple3(&h, n->what, n->name, info);
    }
    message_send_heap(vm, am_undefined, p, msg, &h);
}

void nodes_tell(Vm *vm, term_t what, Channel *c UNUSED, uint32_t conn, bool visible, term_t name, term_t reason)
{
    DistSpace *s = dist_space(vm);
    NodeChange n = {what, name, reason, conn, visible};
    mutex_lock(&s->lock);
    for (NodesMonitor *m = s->monitors; m; m = m->next)
        for (uint32_t i = 0; i < m->count; i++) tell_one(vm, &n, m);
    mutex_unlock(&s->lock);
}

/* ---- monitor_node ---- */

/* No connection: {nodedown, Node}, or first an attempt to get one (dmonitor_node/3). */
static term_t not_connected(Process *p, const term_t *a, term_t options)
{
    term_t args[3] = {a[0], a[1], options};
    return bif_trap_mfa(p, am_erlang, am_dmonitor_node, 3, args);
}

static term_t watch(Process *p, const term_t *a, term_t options)
{
    uint32_t conn;
    bool passive = options != TERM_NIL;
    Channel *c = channel_get(p->vm, a[0]);
    unsigned flags = CHANNEL_FORCE | (passive ? 0 : CHANNEL_CONNECT);
    if (channel_prepare(c, p, flags, &conn) != REMOTE_SENT) return not_connected(p, a, options);
    if (passive && !channel_is_up(c)) return not_connected(p, a, options);
    return channel_watch(c, conn, p) ? am_true : not_connected(p, a, TERM_NIL);
}

static term_t monitor_node(Process *p, const term_t *a, term_t options)
{
    if (!term_is_atom(a[0])) return bif_error(p, EXC_BADARG);
    if (a[0] != am_nonode_at_nohost && !node_has_or_gets_name(p->vm)) return bif_error(p, EXC_NOTALIVE);
    if (!term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    if (a[0] == node_self_name(p->vm)) return am_true;
    if (a[1] == am_true) return watch(p, a, options);
    Channel *c = channel_find(p->vm, a[0]);
    if (c) channel_unwatch(c, p->id);
    return am_true;
}

BIF(erlang, monitor_node, 2, 0)
{
    return monitor_node(p, a, TERM_NIL);
}

BIF(erlang, monitor_node, 3, 0)
{
    for (term_t l = a[2]; l != TERM_NIL; l = list_tail(l))
        if (!term_is_list_cell(l) || list_head(l) != am_allow_passive_connect)
            return bif_error_cause(p, EXC_BADARG, am_badopt);
    return monitor_node(p, a, a[2]);
}
