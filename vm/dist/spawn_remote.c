/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_remote - processes spawned on other nodes, and here for other nodes.
 * A request that waits for its answer is a monitor of the requester that is `spawn_pending`; its tag is
 * {ReplyTag, Reply, Link, Monitor, Tag}. The answer turns it into a monitor, or takes it away.
 * Semantics: erlang(3) spawn_request/5; "Protocol between Connected Nodes", SPAWN_REQUEST. Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "proc/seq_token.h"
#include "proc/spawn.h"
#include "trace/trace.h"

#define SPAWN_FLAG_LINK 1
#define SPAWN_FLAG_MONITOR 2

/* ---- the requester ---- */

/* {Tag, Ref, ok | error, Result} to p itself. token: that of the answer, nil, or undefined: there was none. */
static void reply(Process *p, const Monitor *m, term_t outcome, term_t result, term_t token)
{
    int64_t wanted = small_value(tuple_element(m->tag, 2));
    if (!(wanted & (outcome == am_ok ? SPAWN_REPLY_OK : SPAWN_REPLY_ERROR))) return;
    Heap h = {0};
    term_t tag = term_copy(&h, tuple_element(m->tag, 1)), ref = term_copy(&h, m->ref_term);
    Signal *s = signal_new(SIG_MESSAGE, p->id);
    s->term = heap_tuple4(&h, tag, ref, outcome, term_copy(&h, result));
    s->token = term_copy(&h, token);
    s->piece = heap_piece_take(&h);
    message_deliver_self(p, s);
}

static void drop_request(Process *p, Monitor *m)
{
    monitor_remove(p, m);
    if (m->alias == ALIAS_DEMONITOR || m->alias == ALIAS_REPLY) (void)alias_deactivate(p, m->ref);
    monitor_free(m);
}

static void failed(Process *p, Monitor *m, term_t reason, term_t token)
{
    reply(p, m, am_error, reason, token);
    if (m->alias == ALIAS_EXPLICIT) (void)alias_deactivate(p, m->ref);
    drop_request(p, m);
}

void spawn_request_failed(Process *p, Monitor *m, term_t reason) { failed(p, m, reason, am_undefined); }

/* The monitor asked for, from now on as any other. */
static void become_monitor(Process *p, Monitor *m, term_t child)
{
    term_t tag = tuple_element(m->tag, 5);
    Monitor *fresh = monitor_insert(p, MONITOR_PROCESS, m->ref_term, child, TERM_NONE, TERM_NONE,
                                    (enum AliasMode)m->alias, tag);
    fresh->conn = m->conn;
}

typedef struct Answer {
    Channel *c;
    uint32_t conn;
    RefNum ref;
    int64_t flags;
    term_t to, result, token;   /* token: nil for none */
    HeapPiece piece;
} Answer;

static void link_child(Process *p, term_t child, uint32_t conn)
{
    bool fresh;
    link_insert(p, child, &fresh)->conn = conn;
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->event(p, am_link, child, TERM_NONE);
}

static void succeeded(const Answer *a, Process *p, Monitor *m)
{
    if (a->flags & SPAWN_FLAG_LINK) link_child(p, a->result, m->conn);
    (void)channel_add_member(a->c, m->conn, p);
    reply(p, m, am_ok, a->result, a->token);
    monitor_remove(p, m);
    if (a->flags & SPAWN_FLAG_MONITOR) become_monitor(p, m, a->result);
    monitor_free(m);
}

/* Nobody waits for this child any more. */
static void unwanted(const Answer *a)
{
    if (a->flags & SPAWN_FLAG_LINK || !term_is_pid(a->result)) orphan_child(a->c, a->conn, a->ref, a->to, a->result);
}

static void answered(Process *p, void *arg, bool dead)
{
    Answer *a = arg;
    Monitor *m = dead ? NULL : monitor_find(p, a->ref);
    if (!m || !m->spawn_pending) unwanted(a);
    else if (term_is_pid(a->result)) succeeded(a, p, m);
    else failed(p, m, a->result, a->token);
    heap_piece_dispose(&a->piece);
    MEM_DELETE(NODE, a);
}

bool spawn_answered(Channel *c, uint32_t conn, term_t control)
{
    size_t arity = tuple_arity(control);
    const term_t *e = tuple_elements(control);
    if (arity != (e[0] == term_small(31) ? 5u : 6u)) return false;
    term_t ref = e[1], to = e[2], flags = e[3], result = e[4];
    if (!term_is_ref(ref) || !term_is_pid(to) || !term_is_small(flags)) return false;
    if (arity == 6 && !seq_token_is_valid(e[5])) return false;
    if (!term_is_atom(result) && !term_is_ext_pid(result)) return false;
    if (!term_is_local_ref(ref) || !term_is_local_pid(to) || ref_is_magic(ref)) return true;
    Answer *a = MEM_NEW(NODE, Answer);
    a->c = c;
    a->conn = conn;
    a->ref = ref_num(ref);
    a->flags = small_value(flags);
    a->to = to;
    a->result = heap_piece_copy_all(&a->piece, result);
    a->token = arity == 6 ? heap_piece_copy_all(&a->piece, e[5]) : TERM_NIL;
    signal_send_call(c->vm, c->name, to, answered, a);
    return true;
}

/* The request goes; its child, when there is one and the link was wanted, gets the reason. */
static void leave_child(Process *p, Monitor *m, term_t reason)
{
    Channel *c = channel_find(p->vm, m->name_node);
    if (c && tuple_element(m->tag, 3) == am_true) orphan_reason(c, m->conn, m->ref, p->id, reason);
    drop_request(p, m);
}

bool spawn_abandon(Process *p, RefNum ref)
{
    Monitor *m = monitor_find(p, ref);
    if (!m || !m->spawn_pending) return false;
    leave_child(p, m, am_abandoned);
    return true;
}

void spawn_parent_exits(Process *p, term_t reason)
{
    for (RbNode *n = rb_first(&p->monitors), *next; n; n = next) {
        next = rb_next(n);
        Monitor *m = container_of(n, Monitor, node);
        if (m->spawn_pending) leave_child(p, m, reason);
    }
}

/* ---- natives ---- */

static bool is_for_us(term_t opt)
{
    term_t key = term_is_tuple_of(opt, 2) ? tuple_element(opt, 1) : opt;
    return key == am_reply || key == am_reply_tag || key == am_link || key == am_monitor;
}

/* The other node is asked for the options without those that concern the answer only; these are wrong here
 * already, and what was read before the wrong one says how to tell that. */
static bool split_options(Process *p, term_t list, SpawnOptions *o, term_t *rest)
{
    *rest = TERM_NIL;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (!is_for_us(t)) *rest = heap_cons(&p->heap, t, *rest);
        else if (!spawn_option_parse(p->vm, o, t)) return false;
    }
    if (o->link) *rest = heap_cons(&p->heap, am_link, *rest);
    if (o->monitor) *rest = heap_cons(&p->heap, am_monitor, *rest);
    return true;
}

static term_t list_length(term_t list, uint64_t *n)
{
    for (*n = 0; term_is_list_cell(list); list = list_tail(list)) ++*n;
    return list;
}

static Monitor *pending(Process *p, term_t ref, const SpawnOptions *o, term_t node)
{
    Heap h = {0};
    term_t tag = heap_tuple5(&h, o->reply_tag == TERM_NONE ? am_spawn_reply : o->reply_tag,
                             term_small(o->reply), term_bool(o->link), term_bool(o->monitor),
                             o->tag == TERM_NONE ? am_DOWN : o->tag);
    Monitor *m = monitor_insert(p, MONITOR_PROCESS, ref, am_undefined, TERM_NONE, node, o->alias, tag);
    heap_dispose(&h);
    m->spawn_pending = true;
    return m;
}

/* For the sequential trace these are two messages: the request, and the arguments. */
static void count_request(Process *p, Channel *c, Heap *h, const term_t e[6], term_t args)
{
    const ProcTraceOps *ops = p->vm->procs->trace_ops;
    ops->seq_send(p, c->name, heap_tuple(h, 6, e));
    ops->seq_send(p, c->name, args);
}

static void request(Process *p, Channel *c, uint32_t conn, Monitor *m, term_t mfa, term_t options)
{
    uint64_t arity;
    Heap h = {0};
    (void)list_length(tuple_element(mfa, 3), &arity);
    term_t target = heap_tuple3(&h, tuple_element(mfa, 1), tuple_element(mfa, 2), heap_uint(&h, arity));
    bool token = p->seq_token != TERM_NIL;
    term_t told[6] = {am_spawn_request, m->ref_term, p->id, p->group_leader, target, options};
    if (token) count_request(p, c, &h, told, tuple_element(mfa, 3));
    term_t e[7] = {term_small(token ? 30 : 29), m->ref_term, p->id, p->group_leader, target, options,
                   p->seq_token};
    m->conn = conn;
    if (channel_add_member(c, conn, p))
        channel_send(c, p, conn, heap_tuple(&h, token ? 7 : 6, e), tuple_element(mfa, 3));
    else
        spawn_request_failed(p, m, am_noconnection);
    heap_dispose(&h);
}

/* Does the node at the other end know of this? Not known before the connection is there. */
static bool supported(Channel *c)
{
    mutex_lock(&c->lock);
    bool yes = c->state != CHANNEL_UP || c->flags & DFLAG_SPAWN;
    mutex_unlock(&c->lock);
    return yes;
}

static bool valid_arguments(const term_t *a)
{
    uint64_t n;
    term_t mfa = a[1];
    return term_is_atom(a[0]) && term_is_tuple_of(mfa, 3) && term_is_atom(tuple_element(mfa, 1))
        && term_is_atom(tuple_element(mfa, 2)) && term_is_nil(list_length(tuple_element(mfa, 3), &n))
        && term_is_nil(list_length(a[2], &n));
}

/* The reference, or badarg; for spawn_opt {Ref, WithMonitor}. */
static term_t spawn_request(Process *p, const term_t *a, bool spawn_opt)
{
    uint32_t conn;
    SpawnOptions o;
    term_t rest;
    spawn_options_default(p->vm, &o);
    o.is_request = !spawn_opt;
    if (!valid_arguments(a)) return am_badarg;
    bool ok = split_options(p, a[2], &o, &rest);
    if (!ok && spawn_opt) return am_badarg;
    Channel *c = channel_get(p->vm, a[0]);
    enum RemoteResult r = ok ? channel_prepare(c, p, CHANNEL_CONNECT, &conn) : REMOTE_NO_CONNECTION;
    if (r == REMOTE_BUSY) return bif_wait(p);
    if (!ok) o.alias = ALIAS_NONE;
    term_t ref = monitor_make_ref(p, o.alias);
    Monitor *m = pending(p, ref, &o, a[0]);
    if (!ok) spawn_request_failed(p, m, am_badopt);
    else if (r != REMOTE_SENT) spawn_request_failed(p, m, am_noconnection);
    else if (!supported(c)) spawn_request_failed(p, m, am_notsup);
    else request(p, c, conn, m, a[1], rest);
    return spawn_opt ? heap_tuple2(&p->heap, ref, term_bool(o.monitor)) : ref;
}

BIF(erts_internal, dist_spawn_request, 4, 0)
{
    if (a[3] != am_spawn_request && a[3] != am_spawn_opt) return am_badarg;
    return spawn_request(p, a, a[3] == am_spawn_opt);
}

/* ---- for other nodes ---- */

typedef struct Asked {
    Channel *c;
    uint32_t conn;
    term_t ref, from;
    const SpawnOptions *o;
} Asked;

/* token: nil for none */
static void send_answer(const Asked *k, int64_t flags, term_t result, term_t token)
{
    Heap h = {0};
    bool with = token != TERM_NIL;
    term_t e[6] = {term_small(with ? 32 : 31), k->ref, k->from, term_small(flags), result, token};
    term_t control = heap_tuple(&h, with ? 6 : 5, e);
    channel_send(k->c, NULL, k->conn, control, TERM_NONE);
    heap_dispose(&h);
}

/* Before the child runs, so that nothing of it arrives earlier. */
static void child_ready(void *arg, Process *child)
{
    const Asked *k = arg;
    if (k->o->link || k->o->monitor) (void)channel_add_member(k->c, k->conn, child);
    if (child->seq_token != TERM_NIL) {
        Heap h = {0};
        term_t told = heap_tuple4(&h, am_spawn_reply, k->ref, am_ok, child->id);
        child->vm->procs->trace_ops->seq_send(child, k->from, told);
        heap_dispose(&h);
    }
    send_answer(k, (k->o->link ? SPAWN_FLAG_LINK : 0) | (k->o->monitor ? SPAWN_FLAG_MONITOR : 0), child->id,
                child->seq_token);
}

static term_t token_of(Heap *h, term_t like, term_t from, int64_t last, int64_t serial)
{
    return heap_tuple5(h, tuple_element(like, 1), tuple_element(like, 2), term_small(serial), from, term_small(last));
}

/* No child: the node itself is what took the request and answers. */
static void refuse(const Asked *k, const RemoteSpawn *r, term_t reason)
{
    Heap h = {0};
    term_t answer = TERM_NIL;
    if (r->token != TERM_NIL) {
        term_t e[6] = {am_spawn_request, r->ref, r->parent, r->group_leader, r->mfa, r->options};
        term_t node = node_self_name(k->c->vm);
        int64_t serial = small_value(tuple_element(r->token, 3));
        term_t got = token_of(&h, r->token, r->parent, small_value(tuple_element(r->token, 5)), serial - 1);
        seq_trace_tell_node(k->c->vm, got, false, node, heap_tuple(&h, 6, e));
        answer = token_of(&h, r->token, node, serial - 1, serial);
        term_t told = heap_tuple4(&h, am_spawn_reply, r->ref, am_error, reason);
        seq_trace_tell_node(k->c->vm, answer, true, r->parent, told);
    }
    send_answer(k, 0, reason, answer);
    heap_dispose(&h);
}

static bool valid_request(const term_t *e)
{
    if (!term_is_ref(e[1]) || !term_is_ext_pid(e[2]) || !term_is_pid(e[3]) || !term_is_tuple_of(e[4], 3))
        return false;
    return term_is_atom(tuple_element(e[4], 1)) && term_is_atom(tuple_element(e[4], 2))
           && term_is_small(tuple_element(e[4], 3));
}

bool spawn_asked(Channel *c, uint32_t conn, term_t control, term_t args, Heap *h)
{
    const term_t *e = tuple_elements(control);
    bool token = e[0] == term_small(30);
    uint64_t arity;
    if (tuple_arity(control) != (token ? 7u : 6u) || !valid_request(e) || args == TERM_NONE) return false;
    if (token && !seq_token_is_valid(e[6])) return false;
    if (!term_is_nil(list_length(args, &arity)) || arity != (uint64_t)small_value(tuple_element(e[4], 3)))
        return false;
    SpawnOptions o;
    spawn_options_default(c->vm, &o);
    Asked k = {c, conn, e[1], e[2], &o};
    RemoteSpawn r = {.parent = e[2], .group_leader = e[3], .mfa = e[4], .options = e[5], .args = args, .ref = e[1],
                     .token = token ? e[6] : TERM_NIL, .conn = conn, .ready = child_ready, .arg = &k};
    if (spawn_options_parse(c->vm, &o, e[5]) != SPAWN_PARSED) refuse(&k, &r, am_badopt);
    else if (spawn_for_remote(c->vm, &r, h, &o) == TERM_NONE) refuse(&k, &r, am_system_limit);
    return true;
}
