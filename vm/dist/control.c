/* SPDX-License-Identifier: Apache-2.0 */
/* control - what other nodes do to processes of this one: each control message becomes a signal.
 * Whoever is not there any more is answered for at once, as its process would have done.
 * Semantics: ERTS User's Guide, "Protocol between Connected Nodes". Layer: dist. */
#include "dist/channel.h"

#include "proc/registry.h"
#include "proc/seq_token.h"
#include "proc/signal.h"
#include "term/big.h"

typedef struct Control {
    Channel *c;
    uint32_t conn;
    Vm *vm;
    term_t tuple;
    const term_t *e;         /* its elements; e[0] is the operation */
    size_t arity;
    term_t payload;          /* TERM_NONE: without */
    Heap *h;                 /* holds the terms */
} Control;

/* ---- answers ---- */

static void answer(const Control *k, size_t n, const term_t *elements, term_t payload)
{
    Heap h = {0};
    term_t control = heap_tuple(&h, n, elements);
    channel_send(k->c, NULL, k->conn, control, payload);
    heap_dispose(&h);
}

static void answer_link_exit(const Control *k, term_t from, term_t to)
{
    answer(k, 3, (term_t[]){term_small(24), from, to}, am_noproc);
}

static void answer_down(const Control *k, term_t watched, term_t watcher, term_t ref)
{
    answer(k, 4, (term_t[]){term_small(28), watched, watcher, ref}, am_noproc);
}

/* ---- messages ---- */

/* Takes over the heap. token: nil for none. */
static void send_message(const Control *k, Process *to, term_t token)
{
    if (!to) return;
    Signal *s = signal_new(SIG_MESSAGE, k->c->name);
    s->term = k->payload;
    s->token = token;
    s->piece = heap_piece_take(k->h);
    if (!signal_send(to, s)) signal_free(s);
}

static bool to_pid(const Control *k, term_t to, term_t token)
{
    if (k->payload == TERM_NONE || !term_is_pid(to)) return false;
    send_message(k, term_is_local_pid(to) ? process_lookup_alive(k->vm, to) : NULL, token);
    return true;
}

static bool to_name(const Control *k, term_t from, term_t name, term_t token)
{
    if (k->payload == TERM_NONE || !term_is_pid(from) || !term_is_atom(name)) return false;
    send_message(k, registry_find_process(k->vm, name), token);
    return true;
}

static bool to_alias(const Control *k, term_t from, term_t alias, term_t token)
{
    if (k->payload == TERM_NONE || !term_is_pid(from) || !term_is_ref(alias)) return false;
    if (!term_is_local_ref(alias) || !ref_is_alias(alias)) return true;
    Process *to = process_lookup_alive(k->vm, alias_ref_pid(alias));
    if (!to) return true;
    SignalX *x = signal_new_x(SIG_ALIAS_MESSAGE, k->c->name);
    x->ref = ref_num(alias);
    x->s.term = k->payload;
    x->s.token = token;
    x->s.piece = heap_piece_take(k->h);
    if (!signal_send(to, &x->s)) signal_free(&x->s);
    return true;
}

/* ---- links ---- */

static bool link_from(const Control *k, term_t from, term_t to)
{
    if (!term_is_ext_pid(from) || !term_is_pid(to)) return false;
    Process *p = term_is_local_pid(to) ? process_lookup_alive(k->vm, to) : NULL;
    bool ok = p && channel_add_member(k->c, k->conn, p)
              && signal_send_remote_link(k->vm, from, to, k->conn);
    if (!ok) answer_link_exit(k, to, from);
    return true;
}

static bool unlink_from(const Control *k, term_t id, term_t from, term_t to)
{
    uint64_t n = 0;
    if (!term_is_ext_pid(from) || !term_is_pid(to)) return false;
    if (id != TERM_NONE && (!term_to_uint64(id, &n) || n == 0)) return false;
    bool ok = term_is_local_pid(to) && signal_send_unlink(k->vm, from, to, n);
    if (!ok && n > 0) answer(k, 4, (term_t[]){term_small(36), id, to, from}, TERM_NONE);
    return true;
}

static bool unlink_acknowledged(const Control *k, term_t id, term_t from, term_t to)
{
    uint64_t n;
    if (!term_is_ext_pid(from) || !term_is_pid(to) || !term_to_uint64(id, &n) || n == 0) return false;
    if (term_is_local_pid(to)) (void)signal_send_unlink_ack(k->vm, from, to, n);
    return true;
}

static bool exit_from(const Control *k, term_t from, term_t to, term_t reason, term_t token, bool by_link)
{
    if (reason == TERM_NONE || !(term_is_pid(from) || term_is_port(from)) || !term_is_pid(to)) return false;
    if (!term_is_local_pid(to)) return true;
    (void)signal_send_remote_exit(k->vm, from, to, reason, token, by_link);
    return true;
}

/* ---- monitors ---- */

static bool monitor_from(const Control *k, term_t from, term_t what, term_t ref)
{
    if (!term_is_ext_pid(from) || !term_is_ref(ref) || !(term_is_pid(what) || term_is_atom(what))) return false;
    term_t pid = term_is_atom(what) ? registry_find(k->vm, what) : what;
    Process *p = term_is_local_pid(pid) ? process_lookup_alive(k->vm, pid) : NULL;
    term_t name = term_is_atom(what) ? what : TERM_NONE;
    if (p && name != TERM_NONE) channel_name_add(k->c, ref, pid);
    bool ok = p && channel_add_member(k->c, k->conn, p)
              && signal_send_remote_monitor(k->vm, from, pid, ref, name, k->conn);
    if (ok) return true;
    if (p && name != TERM_NONE) (void)channel_name_take(k->c, ref);
    answer_down(k, what, from, ref);
    return true;
}

static bool demonitor_from(const Control *k, term_t from, term_t what, term_t ref)
{
    if (!term_is_ext_pid(from) || !term_is_ref(ref) || !(term_is_pid(what) || term_is_atom(what))) return false;
    term_t pid = term_is_atom(what) ? channel_name_take(k->c, ref) : what;
    if (term_is_local_pid(pid)) (void)signal_send_demonitor(k->vm, from, pid, ref);
    return true;
}

static bool down_from(const Control *k, term_t what, term_t to, term_t ref, term_t reason)
{
    if (reason == TERM_NONE || !term_is_pid(to) || !term_is_ref(ref)) return false;
    if (!(term_is_pid(what) || term_is_atom(what))) return false;
    if (!term_is_local_pid(to) || !term_is_local_ref(ref) || ref_is_magic(ref)) return true;
    (void)signal_send_down(k->vm, what, to, ref_num(ref), reason);
    return true;
}

static bool group_leader_from(const Control *k, term_t leader, term_t to)
{
    if (!term_is_pid(leader) || !term_is_pid(to)) return false;
    if (!term_is_local_pid(to)) return true;
    SignalX *x = signal_new_x(SIG_GROUP_LEADER, k->c->name);
    x->s.term = heap_piece_copy(&x->s.piece, leader);
    if (!signal_send_pid(k->vm, to, &x->s)) signal_free(&x->s);
    return true;
}

/* ---- dispatch ---- */

static bool is_token(term_t t) { return t == TERM_NIL || seq_token_is_valid(t); }

#define E(n) (k->e[(n) - 1])
#define ARITY(n) if (k->arity != (n)) return false
#define ARITY_TOKEN(n) if (k->arity != (n) || !is_token(E(n))) return false

static bool messages(const Control *k, int64_t op)
{
    switch (op) {
    case 2: case 22: ARITY(3); return to_pid(k, E(3), TERM_NIL);
    case 12: case 23: ARITY_TOKEN(4); return to_pid(k, E(3), E(4));
    case 6: ARITY(4); return to_name(k, E(2), E(4), TERM_NIL);
    case 16: ARITY_TOKEN(5); return to_name(k, E(2), E(4), E(5));
    case 33: ARITY(3); return to_alias(k, E(2), E(3), TERM_NIL);
    case 34: ARITY_TOKEN(4); return to_alias(k, E(2), E(3), E(4));
    default: return false;
    }
}

static bool exits(const Control *k, int64_t op)
{
    switch (op) {
    case 3: ARITY(4); return exit_from(k, E(2), E(3), E(4), TERM_NIL, true);
    case 8: ARITY(4); return exit_from(k, E(2), E(3), E(4), TERM_NIL, false);
    case 13: ARITY(5); return is_token(E(4)) && exit_from(k, E(2), E(3), E(5), E(4), true);
    case 18: ARITY(5); return is_token(E(4)) && exit_from(k, E(2), E(3), E(5), E(4), false);
    case 24: ARITY(3); return exit_from(k, E(2), E(3), k->payload, TERM_NIL, true);
    case 25: ARITY_TOKEN(4); return exit_from(k, E(2), E(3), k->payload, E(4), true);
    case 26: ARITY(3); return exit_from(k, E(2), E(3), k->payload, TERM_NIL, false);
    case 27: ARITY_TOKEN(4); return exit_from(k, E(2), E(3), k->payload, E(4), false);
    default: return false;
    }
}

static bool relations(const Control *k, int64_t op)
{
    switch (op) {
    case 1: ARITY(3); return link_from(k, E(2), E(3));
    case 4: ARITY(3); return unlink_from(k, TERM_NONE, E(2), E(3));
    case 35: ARITY(4); return unlink_from(k, E(2), E(3), E(4));
    case 36: ARITY(4); return unlink_acknowledged(k, E(2), E(3), E(4));
    case 7: ARITY(3); return group_leader_from(k, E(2), E(3));
    case 19: ARITY(4); return monitor_from(k, E(2), E(3), E(4));
    case 20: ARITY(4); return demonitor_from(k, E(2), E(3), E(4));
    case 21: ARITY(5); return down_from(k, E(2), E(3), E(4), E(5));
    case 28: ARITY(4); return down_from(k, E(2), E(3), E(4), k->payload);
    default: return false;
    }
}

static bool dispatch(const Control *k, int64_t op)
{
    switch (op) {
    case 2: case 6: case 12: case 16: case 22: case 23: case 33: case 34: return messages(k, op);
    case 3: case 8: case 13: case 18: case 24: case 25: case 26: case 27: return exits(k, op);
    case 5: return true;
    case 29: case 30: return spawn_asked(k->c, k->conn, k->tuple, k->payload, k->h);
    case 31: case 32: return spawn_answered(k->c, k->conn, k->tuple);
    default: return relations(k, op);
    }
}

bool control_received(Channel *c, uint32_t conn, term_t control, term_t payload, Heap *h)
{
    if (!term_is_tuple(control) || tuple_arity(control) == 0) return false;
    Control k = {c, conn, c->vm, control, tuple_elements(control), tuple_arity(control), payload, h};
    return term_is_small(k.e[0]) && dispatch(&k, small_value(k.e[0]));
}
