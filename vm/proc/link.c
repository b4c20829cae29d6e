/* SPDX-License-Identifier: Apache-2.0 */
/* link - the trees of links, monitors and aliases, and what link/1, unlink/1 do. See link.h.
 * Keys that are not immediate (identifiers of other nodes) are copied into the entry's piece.
 * Layer: proc. */
#include "proc/link.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "data/node.h"
#include "proc/signal.h"

/* Any total order of identifiers that puts equal ones together; process_info(links) shows that ports come
 * behind processes. */
static int ident_compare(term_t a, term_t b)
{
    if (a == b) return 0;
    if (term_is_local_port(a) != term_is_local_port(b)) return term_is_local_port(b) ? -1 : 1;
    if (term_is_immed(a) || term_is_immed(b)) return a < b ? -1 : 1;
    const term_t *x = boxed_ptr(a), *y = boxed_ptr(b);
    bool local = HEADER_SUBTAG(*x) == BOXED_REF, local_b = HEADER_SUBTAG(*y) == BOXED_REF;
    if (local || local_b) {
        if (local != local_b) return local ? -1 : 1;
        return ref_num_compare(ref_num(a), ref_num(b));
    }
    if (*x != *y) return *x < *y ? -1 : 1;
    if (x[2] != y[2]) return x[2] < y[2] ? -1 : 1; /* node */
    return memcmp(x + 3, y + 3, (HEADER_ARITY(*x) - 2) * sizeof *x);
}

/* ---- links ---- */

static int link_compare_key(const void *key, const RbNode *node, void *ctx UNUSED)
{
    return ident_compare(*(const term_t *)key, container_of(node, Link, node)->other);
}

static int link_compare(const RbNode *a, const RbNode *b, void *ctx UNUSED)
{
    return ident_compare(container_of(a, Link, node)->other, container_of(b, Link, node)->other);
}

Link *link_find(Process *p, term_t other)
{
    RbNode *n = rb_find(&p->links, &other, link_compare_key, NULL);
    return n ? container_of(n, Link, node) : NULL;
}

Link *link_insert(Process *p, term_t other, bool *fresh)
{
    Link *l = link_find(p, other);
    *fresh = !l || l->unlink_id != 0;
    if (!l) {
        l = MEM_NEW(LINK, Link);
        l->other = heap_piece_copy_all(&l->piece, other);
        (void)rb_insert(&p->links, &l->node, link_compare, NULL);
    }
    l->unlink_id = 0;
    return l;
}

void link_remove(Process *p, Link *l)
{
    rb_remove(&p->links, &l->node);
}

void link_free(Link *l)
{
    heap_piece_dispose(&l->piece);
    MEM_DELETE(LINK, l);
}

uint64_t link_begin_unlink(Process *p, Link *l)
{
    l->unlink_id = add_relaxed(&p->vm->procs->ref_counter, 1) | (uint64_t)1 << 62;
    return l->unlink_id;
}

static void link_drop(Process *p, Link *l)
{
    link_remove(p, l);
    link_free(l);
}

/* ---- monitors ---- */

static int monitor_compare_key(const void *key, const RbNode *node, void *ctx UNUSED)
{
    return ref_num_compare(*(const RefNum *)key, container_of(node, Monitor, node)->ref);
}

static int monitor_compare(const RbNode *a, const RbNode *b, void *ctx)
{
    return monitor_compare_key(&container_of(a, Monitor, node)->ref, b, ctx);
}

Monitor *monitor_find(Process *p, RefNum ref)
{
    RbNode *n = rb_find(&p->monitors, &ref, monitor_compare_key, NULL);
    return n ? container_of(n, Monitor, node) : NULL;
}

Monitor *monitor_insert(Process *p, enum MonitorKind kind, term_t ref_term, term_t target, term_t name,
                        term_t name_node, enum AliasMode alias, term_t tag)
{
    Monitor *m = MEM_NEW(LINK, Monitor);
    m->ref = ref_num(ref_term);
    m->kind = (uint8_t)kind;
    m->alias = (uint8_t)alias;
    m->ref_term = heap_piece_copy_ref(&m->piece, m->ref_words, ref_term);
    m->target = heap_piece_copy_all(&m->piece, target);
    m->tag = heap_piece_copy_all(&m->piece, tag);
    m->name = name;
    m->name_node = name_node;
    (void)rb_insert(&p->monitors, &m->node, monitor_compare, NULL);
    return m;
}

void monitor_remove(Process *p, Monitor *m)
{
    rb_remove(&p->monitors, &m->node);
}

void monitor_free(Monitor *m)
{
    heap_piece_dispose(&m->piece);
    MEM_DELETE(LINK, m);
}

static void demonitor_process(Process *p, Monitor *m)
{
    if (term_is_local_pid(m->target)) {
        (void)signal_send_demonitor(p->vm, p->id, m->target, m->ref_term);
        return;
    }
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    if (!ops) return;
    if (term_is_ext_pid(m->target))
        ops->demonitor(p, m->ref_term, m->target, ext_ptr(m->target)->node->name, m->conn);
    else if (m->name != TERM_NONE && m->name_node != node_self_name(p->vm))
        ops->demonitor(p, m->ref_term, m->name, m->name_node, m->conn);
}

void monitor_demonitor(Process *p, Monitor *m)
{
    monitor_remove(p, m);
    if (m->kind == MONITOR_PROCESS)
        demonitor_process(p, m);
    else if (m->kind == MONITOR_PORT && p->vm->procs->port_ops && term_is_local_port(m->target))
        (void)p->vm->procs->port_ops->demonitor(p->vm, m->target, p->id, m->ref);
    if (m->alias == ALIAS_DEMONITOR || m->alias == ALIAS_REPLY) (void)alias_deactivate(p, m->ref);
    monitor_free(m);
}

static int lt_compare_key(const void *key, const RbNode *node, void *ctx UNUSED)
{
    return ident_compare(*(const term_t *)key, container_of(node, LtMonitor, node)->ref);
}

static int lt_compare(const RbNode *a, const RbNode *b, void *ctx)
{
    return lt_compare_key(&container_of(a, LtMonitor, node)->ref, b, ctx);
}

LtMonitor *lt_monitor_find(Process *p, term_t ref)
{
    RbNode *n = rb_find(&p->lt_monitors, &ref, lt_compare_key, NULL);
    return n ? container_of(n, LtMonitor, node) : NULL;
}

void lt_monitor_insert(Process *p, term_t ref, term_t watcher, term_t name, uint32_t conn)
{
    LtMonitor *m = MEM_NEW(LINK, LtMonitor);
    m->ref = heap_piece_copy_ref(&m->piece, m->ref_words, ref);
    m->watcher = heap_piece_copy_all(&m->piece, watcher);
    m->name = name;
    m->conn = conn;
    if (rb_insert(&p->lt_monitors, &m->node, lt_compare, NULL)) lt_monitor_free(m);
}

void lt_monitor_remove(Process *p, LtMonitor *m)
{
    rb_remove(&p->lt_monitors, &m->node);
}

void lt_monitor_free(LtMonitor *m)
{
    heap_piece_dispose(&m->piece);
    MEM_DELETE(LINK, m);
}

/* ---- aliases ---- */

static uint64_t ref_hash(RefNum ref)
{
    return hash_combine(ref.low, ref.num2);
}

static bool alias_equal(const HashNode *node, const void *key)
{
    return ref_num_eq(container_of(node, Alias, link)->ref, *(const RefNum *)key);
}

void alias_activate(Process *p, RefNum ref, enum AliasMode mode, bool once)
{
    if (!p->aliases) {
        p->aliases = MEM_NEW(LINK, AliasTable);
        hash_init(&p->aliases->tab, MEM_LINK, 0);
    }
    Alias *a = MEM_NEW(LINK, Alias);
    a->ref = ref;
    a->mode = (uint8_t)mode;
    a->once = once;
    hash_insert(&p->aliases->tab, &a->link, ref_hash(ref));
}

Alias *alias_find(Process *p, RefNum ref)
{
    if (!p->aliases) return NULL;
    HashNode *n = hash_find(&p->aliases->tab, ref_hash(ref), alias_equal, &ref);
    return n ? container_of(n, Alias, link) : NULL;
}

bool alias_deactivate(Process *p, RefNum ref)
{
    if (!p->aliases) return false;
    HashNode *n = hash_take(&p->aliases->tab, ref_hash(ref), alias_equal, &ref);
    if (!n) return false;
    Alias *a = container_of(n, Alias, link);
    MEM_DELETE(LINK, a);
    return true;
}

void alias_free_all(Process *p)
{
    if (!p->aliases) return;
    HashIter it;
    hash_iter_init(&it, &p->aliases->tab);
    for (HashNode *n; (n = hash_iter_next(&it)) != NULL;) {
        hash_iter_remove(&it);
        Alias *a = container_of(n, Alias, link);
        MEM_DELETE(LINK, a);
    }
    hash_destroy(&p->aliases->tab);
    MEM_DELETE(LINK, p->aliases);
    p->aliases = NULL;
}

/* ---- link/1, unlink/1 ---- */

static term_t link_error(Process *p, uint32_t reason)
{
    p->freason = reason;
    p->fcause = TERM_NONE;
    return TERM_NONE;
}

/* The other end is not there: an exit signal from it, unless an exception can say so at once. */
static term_t link_refused(Process *p, Link *l, term_t reason)
{
    if (reason == am_noproc && !(process_state(p) & PS_TRAP_EXIT)) {
        link_drop(p, l);
        return link_error(p, EXC_NOPROC);
    }
    (void)signal_send_link_exit(p->vm, l->other, p->id, reason);
    return am_true;
}

static term_t link_remote(Process *p, Link *l)
{
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    Node *node = ext_ptr(l->other)->node;
    if (node->name == node_self_name(p->vm)) return link_refused(p, l, am_noproc);
    if (!ops) return link_refused(p, l, am_noconnection);
    switch (ops->link(p, l->other)) {
    case REMOTE_SENT: return am_true;
    case REMOTE_BUSY:
        link_drop(p, l);
        return link_error(p, EXC_WAIT);
    default: return link_refused(p, l, am_noconnection);
    }
}

term_t link_to(Process *p, term_t other)
{
    const ProcPortOps *ports = p->vm->procs->port_ops;
    if (!term_is_pid(other) && !term_is_local_port(other)) return link_error(p, EXC_BADARG);
    if (other == p->id) return am_true;
    bool fresh, ok;
    Link *l = link_insert(p, other, &fresh);
    if (!fresh) return am_true;
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->event(p, am_link, other, TERM_NONE);
    if (term_is_ext_pid(other)) return link_remote(p, l);
    if (term_is_local_port(other))
        ok = ports && ports->link(p->vm, other, p->id);
    else
        ok = process_lookup_alive(p->vm, other) && signal_send_link(p->vm, p->id, other);
    return ok ? am_true : link_refused(p, l, am_noproc);
}

term_t link_unlink(Process *p, term_t other)
{
    ProcSpace *procs = p->vm->procs;
    if (!term_is_pid(other) && !term_is_local_port(other)) return link_error(p, EXC_BADARG);
    Link *l = link_find(p, other);
    if (!l || l->unlink_id != 0) return am_true;
    if (UNLIKELY(p->trace != NULL)) procs->trace_ops->event(p, am_unlink, other, TERM_NONE);
    uint64_t id = link_begin_unlink(p, l);
    bool sent;
    if (term_is_local_pid(other))
        sent = signal_send_unlink(p->vm, p->id, other, id);
    else if (term_is_local_port(other))
        sent = procs->port_ops && procs->port_ops->unlink(p->vm, other, p->id, id);
    else
        sent = procs->remote_ops && procs->remote_ops->unlink(p, other, id) == REMOTE_SENT;
    if (!sent) link_drop(p, l);
    return am_true;
}
