/* SPDX-License-Identifier: Apache-2.0 */
/* channel - the table of channels, and the life of a connection. See channel.h. Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "data/term_print.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "proc/procops.h"
#include "term/big.h"

#define HANDLE_CONN_MAX UINT32_MAX

/* ---- the table ---- */

static bool has_name(const HashNode *link, const void *key)
{
    return container_of(link, Channel, link)->name == *(const term_t *)key;
}

static uint64_t name_hash(term_t name) { return hash_combine(name, 0); }

static enum TaskResult run_task(Task *t, Sched *s UNUSED)
{
    channel_flush_waiting(container_of(t, Channel, task));
    return TASK_KEEP;
}

static Channel *channel_new(Vm *vm, term_t name)
{
    Channel *c = MEM_NEW(NODE, Channel);
    c->vm = vm;
    c->name = name;
    c->idle_since_ns = clock_monotonic_ns();
    c->controller = c->input_handler = TERM_NONE;
    c->out_last = &c->out_first;
    c->wait_last = &c->wait_first;
    mutex_init(&c->lock, LOCK_DIST_CHANNEL);
    mutex_init(&c->members_lock, LOCK_DIST_LINKS);
    mutex_init(&c->input_lock, LOCK_DIST_INPUT);
    hash_init(&c->members, MEM_NODE, 0);
    hash_init(&c->named, MEM_NODE, 0);
    hash_init(&c->watchers, MEM_NODE, 0);
    hash_init(&c->orphans, MEM_NODE, 0);
    task_init(&c->task, run_task);
    return c;
}

Channel *channel_find(Vm *vm, term_t name)
{
    DistSpace *s = dist_space(vm);
    mutex_lock(&s->lock);
    HashNode *link = hash_find(&s->channels, name_hash(name), has_name, &name);
    mutex_unlock(&s->lock);
    return link ? container_of(link, Channel, link) : NULL;
}

Channel *channel_get(Vm *vm, term_t name)
{
    DistSpace *s = dist_space(vm);
    mutex_lock(&s->lock);
    HashNode *link = hash_find(&s->channels, name_hash(name), has_name, &name);
    Channel *c = link ? container_of(link, Channel, link) : channel_new(vm, name);
    if (!link) hash_insert(&s->channels, &c->link, name_hash(name));
    mutex_unlock(&s->lock);
    return c;
}

Channel *channel_of(Vm *vm, Node *node)
{
    void *known = __atomic_load_n(&node->channel, __ATOMIC_ACQUIRE);
    if (known) return known;
    Channel *c = channel_get(vm, node->name);
    __atomic_store_n(&node->channel, c, __ATOMIC_RELEASE);
    return c;
}

void channel_each(Vm *vm, void (*fn)(Channel *c, void *ctx), void *ctx)
{
    DistSpace *s = dist_space(vm);
    mutex_lock(&s->lock);
    size_t n = 0, count = hash_count(&s->channels);
    Channel **all = MEM_NEW_ARRAY(TEMP, Channel *, count + 1);
    HashIter it;
    hash_iter_init(&it, &s->channels);
    for (HashNode *link; (link = hash_iter_next(&it));) all[n++] = container_of(link, Channel, link);
    mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++) fn(all[i], ctx);
    MEM_DELETE_ARRAY(TEMP, all, count + 1);
}

term_t channel_handle(Heap *h, const Channel *c, uint32_t conn)
{
    return heap_tuple2(h, heap_uint(h, conn), c->name);
}

Channel *channel_of_handle(Vm *vm, term_t handle, uint32_t *conn)
{
    uint64_t n;
    if (!term_is_tuple_of(handle, 2) || !term_is_atom(tuple_element(handle, 2))) return NULL;
    if (!term_to_uint64(tuple_element(handle, 1), &n) || n > HANDLE_CONN_MAX) return NULL;
    *conn = (uint32_t)n;
    return channel_find(vm, tuple_element(handle, 2));
}

/* ---- beginning ---- */

static void set_state(Channel *c, enum ChannelState state)
{
    ASSERT_LOCKED(&c->lock);
    store_relaxed(&c->state, state);
}

/* *fresh: it did not exist before. */
static uint32_t begin(Channel *c, bool *fresh)
{
    mutex_lock(&c->lock);
    *fresh = c->state == CHANNEL_IDLE;
    if (*fresh) {
        c->conn++;
        set_state(c, CHANNEL_PENDING);
    }
    uint32_t conn = c->conn;
    mutex_unlock(&c->lock);
    return conn;
}

uint32_t channel_begin(Channel *c)
{
    bool fresh;
    return begin(c, &fresh);
}

uint32_t channel_request(Channel *c)
{
    bool fresh;
    Process *kernel = registry_find_process(c->vm, am_net_kernel);
    if (!kernel || !node_is_alive(c->vm)) return 0;
    uint32_t conn = begin(c, &fresh);
    if (!fresh) return conn;
    Heap h = {0};
    term_t handle = channel_handle(&h, c, conn);
    message_send_heap(c->vm, am_undefined, kernel, heap_tuple3(&h, am_auto_connect, c->name, handle), &h);
    return conn;
}

/* The controller becomes part of the channel; false: it cannot. The port is locked. */
static bool attach(Channel *c, term_t controller, Port *port)
{
    if (term_is_local_pid(controller)) return process_lookup_alive(c->vm, controller) != NULL;
    if (!port || port->dist_ops || !(port->driver->output_packet || port->driver->output)) return false;
    port->dist_ops = &channel_port_ops;
    port->dist = c;
    return true;
}

static enum ChannelOpen open_locked(Channel *c, term_t controller, Port *port, uint64_t flags,
                                    uint32_t creation)
{
    if (c->state != CHANNEL_PENDING) return CHANNEL_REFUSED;
    if (c->notifying) return CHANNEL_LATER;
    if (!attach(c, controller, port)) return CHANNEL_REFUSED;
    c->flags = flags;
    c->creation = creation;
    c->controller = controller;
    c->input_handler = TERM_NONE;
    c->want_data = c->with_size = false;
    c->packets_in = c->packets_out = 0;
    set_state(c, CHANNEL_OPENING);
    return CHANNEL_OPENED;
}

enum ChannelOpen channel_open(Channel *c, term_t controller, uint64_t flags, uint32_t creation, uint32_t *conn)
{
    Port *port = term_is_local_port(controller) ? port_lock(c->vm, controller) : NULL;
    mutex_lock(&c->input_lock);
    mutex_lock(&c->lock);
    enum ChannelOpen r = open_locked(c, controller, port, flags, creation);
    *conn = c->conn;
    mutex_unlock(&c->lock);
    if (r == CHANNEL_OPENED) channel_drop_input(c);
    mutex_unlock(&c->input_lock);
    if (port) port_unlock(port);
    if (r != CHANNEL_OPENED) return r;
    nodes_tell(c->vm, am_nodeup, c, *conn, flags & DFLAG_PUBLISHED, c->name, TERM_NIL);
    channel_encode_waiting(c, *conn);
    Process *p = term_is_local_pid(controller) ? process_lookup(c->vm, controller) : NULL;
    if (p) or_acq_rel(&p->state, PS_DIST);
    if (p && process_is_exiting(p)) channel_down(c, *conn, am_noproc);
    channel_flush(c);
    return CHANNEL_OPENED;
}

/* ---- members ---- */

typedef struct Member {
    HashNode link;
    term_t pid;
    uint32_t count;          /* watchers: calls of monitor_node */
} Member;

static bool is_member(const HashNode *link, const void *key)
{
    return container_of(link, Member, link)->pid == *(const term_t *)key;
}

term_t channel_member_pid(const HashNode *link) { return container_of(link, Member, link)->pid; }

static uint64_t pid_hash(term_t pid) { return hash_combine(pid, 1); }

static void add_pid(HashTab *t, term_t pid)
{
    HashNode *link = hash_find(t, pid_hash(pid), is_member, &pid);
    Member *m = link ? container_of(link, Member, link) : MEM_NEW(NODE, Member);
    m->pid = pid;
    m->count++;
    if (!link) hash_insert(t, &m->link, pid_hash(pid));
}

static void drop_pid(HashTab *t, term_t pid, bool all)
{
    HashNode *link = hash_find(t, pid_hash(pid), is_member, &pid);
    Member *m = link ? container_of(link, Member, link) : NULL;
    if (!m || (--m->count > 0 && !all)) return;
    hash_remove(t, link);
    MEM_DELETE(NODE, m);
}

/* Whoever dies looks for PS_DIST after it has set PS_EXITING, so one of the two sees the other. */
static bool add_to(Channel *c, HashTab *t, uint32_t conn, Process *p)
{
    or_acq_rel(&p->state, PS_DIST);
    mutex_lock(&c->members_lock);
    bool open = conn > c->closed_conn;
    if (open && !process_is_exiting(p)) add_pid(t, p->id);
    mutex_unlock(&c->members_lock);
    return open;
}

bool channel_add_member(Channel *c, uint32_t conn, Process *p) { return add_to(c, &c->members, conn, p); }
bool channel_watch(Channel *c, uint32_t conn, Process *p) { return add_to(c, &c->watchers, conn, p); }

void channel_unwatch(Channel *c, term_t pid)
{
    mutex_lock(&c->members_lock);
    drop_pid(&c->watchers, pid, false);
    mutex_unlock(&c->members_lock);
}

uint32_t channel_watch_count(Channel *c, term_t pid)
{
    mutex_lock(&c->members_lock);
    HashNode *link = hash_find(&c->watchers, pid_hash(pid), is_member, &pid);
    uint32_t n = link ? container_of(link, Member, link)->count : 0;
    mutex_unlock(&c->members_lock);
    return n;
}

void channel_forget(Channel *c, term_t pid)
{
    mutex_lock(&c->members_lock);
    drop_pid(&c->members, pid, true);
    drop_pid(&c->watchers, pid, true);
    mutex_unlock(&c->members_lock);
}

/* ---- monitors by name ---- */

typedef struct Named {
    HashNode link;
    uint32_t numbers[REF_NUMBERS_MAX];
    term_t pid;
} Named;

static bool has_numbers(const HashNode *link, const void *key)
{
    return memcmp(container_of(link, Named, link)->numbers, key, sizeof(uint32_t[REF_NUMBERS_MAX])) == 0;
}

static uint64_t numbers_of(term_t ref, uint32_t numbers[REF_NUMBERS_MAX])
{
    memset(numbers, 0, sizeof(uint32_t[REF_NUMBERS_MAX]));
    ref_numbers(ref, numbers);
    return hash_combine((uint64_t)numbers[0] << 32 | numbers[1], numbers[2]);
}

void channel_name_add(Channel *c, term_t ref, term_t pid)
{
    Named *n = MEM_NEW(NODE, Named);
    uint64_t hash = numbers_of(ref, n->numbers);
    n->pid = pid;
    mutex_lock(&c->members_lock);
    bool known = hash_find(&c->named, hash, has_numbers, n->numbers);
    if (!known) hash_insert(&c->named, &n->link, hash);
    mutex_unlock(&c->members_lock);
    if (known) MEM_DELETE(NODE, n);
}

term_t channel_name_take(Channel *c, term_t ref)
{
    uint32_t numbers[REF_NUMBERS_MAX];
    uint64_t hash = numbers_of(ref, numbers);
    mutex_lock(&c->members_lock);
    HashNode *link = hash_take(&c->named, hash, has_numbers, numbers);
    mutex_unlock(&c->members_lock);
    if (!link) return TERM_NONE;
    Named *n = container_of(link, Named, link);
    term_t pid = n->pid;
    MEM_DELETE(NODE, n);
    return pid;
}

/* ---- the end ---- */

typedef struct Lost {
    term_t name;
    uint32_t conn;
} Lost;

static bool is_lost(const Lost *l, term_t ident, uint32_t conn)
{
    return conn == l->conn && !term_is_immed(ident) && ident_node(ident) && ident_node(ident)->name == l->name;
}

/* What a dead process at the other end would have caused, now. */
static void apply_exit(Process *p, term_t from)
{
    SignalX *x = signal_new_x(SIG_LINK_EXIT, from);
    x->s.term = am_noconnection;
    signal_apply(p, &x->s);
}

static void apply_down(Process *p, const Monitor *m)
{
    SignalX *x = signal_new_x(SIG_MONITOR_DOWN, m->target);
    x->s.term = am_noconnection;
    x->ref = m->ref;
    signal_apply(p, &x->s);
}

static void lose_links(Process *p, const Lost *l)
{
    for (RbNode *n = rb_first(&p->links), *next; n && !process_is_exiting(p); n = next) {
        next = rb_next(n);
        Link *k = container_of(n, Link, node);
        if (is_lost(l, k->other, k->conn)) apply_exit(p, k->other);
    }
}

static void lose_monitors(Process *p, const Lost *l)
{
    for (RbNode *n = rb_first(&p->monitors), *next; n && !process_is_exiting(p); n = next) {
        next = rb_next(n);
        Monitor *m = container_of(n, Monitor, node);
        bool here = m->conn == l->conn && m->name_node == l->name;
        if (m->kind != MONITOR_PROCESS || !(here || is_lost(l, m->target, m->conn))) continue;
        if (m->spawn_pending) spawn_request_failed(p, m, am_noconnection);
        else apply_down(p, m);
    }
}

static void lose_watchers(Process *p, const Lost *l)
{
    for (RbNode *n = rb_first(&p->lt_monitors), *next; n; n = next) {
        next = rb_next(n);
        LtMonitor *m = container_of(n, LtMonitor, node);
        if (!is_lost(l, m->watcher, m->conn)) continue;
        lt_monitor_remove(p, m);
        lt_monitor_free(m);
    }
}

/* In a member: its links and monitors over the lost connection end. */
static void member_lost(Process *p, void *arg, bool dead)
{
    Lost *l = arg;
    if (!dead) {
        lose_links(p, l);
        lose_monitors(p, l);
        lose_watchers(p, l);
    }
    MEM_DELETE(NODE, l);
}

static void tell_member(Channel *c, uint32_t conn, term_t pid)
{
    Lost *l = MEM_NEW(NODE, Lost);
    l->name = c->name;
    l->conn = conn;
    signal_send_call(c->vm, c->name, pid, member_lost, l);
}

static void tell_watcher(Channel *c, term_t pid, uint32_t count)
{
    for (; count > 0; count--) {
        Heap h = {0};
        Process *p = process_lookup_alive(c->vm, pid);
        if (!p) return;
        message_send_heap(c->vm, am_undefined, p, heap_tuple2(&h, am_nodedown, c->name), &h);
    }
}

static void free_named(HashTab *t)
{
    HashIter it;
    hash_iter_init(&it, t);
    for (HashNode *link; (link = hash_iter_next(&it));) {
        hash_iter_remove(&it);
        Named *n = container_of(link, Named, link);
        MEM_DELETE(NODE, n);
    }
    hash_destroy(t);
}

/* Each member of t is told by tell, and forgotten. */
static void empty_members(Channel *c, uint32_t conn, HashTab *t, bool watchers)
{
    HashIter it;
    hash_iter_init(&it, t);
    for (HashNode *link; (link = hash_iter_next(&it));) {
        Member *m = container_of(link, Member, link);
        hash_iter_remove(&it);
        if (watchers) tell_watcher(c, m->pid, m->count);
        else tell_member(c, conn, m->pid);
        MEM_DELETE(NODE, m);
    }
    hash_destroy(t);
}

/* Whom an end concerns. Taken before there can be a next connection, whose own members must not be among them. */
typedef struct Ended {
    HashTab members, watchers, named, orphans;
    bool was_up;
} Ended;

static void take_members(Channel *c, uint32_t conn, Ended *e)
{
    ASSERT_LOCKED(&c->lock);
    mutex_lock(&c->members_lock);
    e->members = c->members;
    e->watchers = c->watchers;
    e->named = c->named;
    e->orphans = c->orphans;
    hash_init(&c->members, MEM_NODE, 0);
    hash_init(&c->watchers, MEM_NODE, 0);
    hash_init(&c->named, MEM_NODE, 0);
    hash_init(&c->orphans, MEM_NODE, 0);
    c->closed_conn = conn;
    mutex_unlock(&c->members_lock);
}

static void tell_end(Channel *c, uint32_t conn, Ended *e)
{
    empty_members(c, conn, &e->members, false);
    empty_members(c, conn, &e->watchers, true);
    free_named(&e->named);
    orphans_free(&e->orphans);
}

/* Wakes those who wait for the queue to shrink. Unlocks. */
static void wake_blocked_unlock(Channel *c)
{
    term_t *blocked = c->blocked;
    size_t n = c->blocked_count, cap = c->blocked_cap;
    c->blocked = NULL;
    c->blocked_count = c->blocked_cap = 0;
    c->busy = false;
    mutex_unlock(&c->lock);
    for (size_t i = 0; i < n; i++) {
        Process *p = process_lookup(c->vm, blocked[i]);
        if (p) c->vm->procs->ops->wake(p, PS_RUNNABLE);
    }
    mem_free(MEM_DIST, blocked, cap * sizeof *blocked);
}

/* PENDING, OPENING or UP and of this number: end it. */
static bool close_connection(Channel *c, uint32_t conn, bool only_pending, Ended *e)
{
    mutex_lock(&c->lock);
    bool mine = c->state != CHANNEL_IDLE && c->conn == conn
                && (!only_pending || c->state == CHANNEL_PENDING);
    if (!mine) {
        mutex_unlock(&c->lock);
        return false;
    }
    e->was_up = c->state != CHANNEL_PENDING;
    set_state(c, CHANNEL_IDLE);
    c->idle_since_ns = clock_monotonic_ns();
    take_members(c, conn, e);
    c->notifying++;
    c->controller = c->input_handler = TERM_NONE;
    channel_drop_output(c);
    wake_blocked_unlock(c);
    return true;
}

static void end_connection(Channel *c, uint32_t conn, Ended *e, term_t reason)
{
    tell_end(c, conn, e);
    if (e->was_up) {
        bool visible = c->flags & DFLAG_PUBLISHED;
        if (reason == am_normal) reason = am_connection_closed;
        nodes_tell(c->vm, am_nodedown, c, conn, visible, c->name, reason);
    }
    mutex_lock(&c->lock);
    c->notifying--;
    mutex_unlock(&c->lock);
}

bool channel_abort(Channel *c, uint32_t conn)
{
    Ended e;
    if (!close_connection(c, conn, true, &e)) return false;
    end_connection(c, conn, &e, am_undefined);
    return true;
}

void channel_down(Channel *c, uint32_t conn, term_t reason)
{
    Ended e;
    if (close_connection(c, conn, false, &e)) end_connection(c, conn, &e, reason);
}

/* ---- ending it ourselves ---- */

void channel_kill(Channel *c, term_t reason)
{
    mutex_lock(&c->lock);
    term_t controller = c->controller;
    mutex_unlock(&c->lock);
    if (term_is_local_pid(controller)) {
        (void)signal_send_exit(c->vm, c->name, controller, am_kill);
    } else if (term_is_local_port(controller)) {
        Port *port = port_lock(c->vm, controller);
        if (!port) return;
        port_exit(port, reason);
        port_unlock(port);
    }
}
