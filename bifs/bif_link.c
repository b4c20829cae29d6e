/* SPDX-License-Identifier: Apache-2.0 */
/* bif_link - links, monitors, aliases and exit signals.
 * Semantics: erlang(3) link/1, monitor/2,3, demonitor/2, alias/1, unalias/1, exit/2. Layer: bifs. */
#include "bifs/bif.h"
#include "dist/node.h"
#include "proc/link.h"
#include "proc/registry.h"
#include "proc/signal.h"
#include "proc/spawn.h"

/* Each signal costs its sender more than its receiver: a flood of them cannot starve the receiver. */
static void charge_signal(Process *p)
{
    (void)process_bump_reds(p, 4);
}

BIF(erlang, link, 1, 0)
{
    charge_signal(p);
    return link_to(p, a[0]);
}

BIF(erlang, unlink, 1, 0)
{
    charge_signal(p);
    term_t r = link_unlink(p, a[0]);
    return r == am_true && p->flags & PF_BUSY ? bif_wait(p) : r; /* the second call finds no link */
}

/* Options: priority (OTP 28), which changes the order of reception only. */
static bool only_priority(term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list))
        if (list_head(list) != am_priority) return false;
    return term_is_nil(list);
}

BIF(erlang, link, 2, 0)
{
    if (!only_priority(a[1])) return bif_error_cause(p, EXC_BADARG, am_badopt);
    charge_signal(p);
    return link_to(p, a[0]);
}

/* ---- exit/2 ---- */

/* A full channel: sleep and try again. */
static term_t remote_result(Process *p, enum RemoteResult r)
{
    return r == REMOTE_BUSY ? bif_wait(p) : am_true;
}

static term_t exit_remote(Process *p, term_t pid, term_t reason)
{
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    term_t node = ext_ptr(pid)->node->name;
    if (!ops || node == node_self_name(p->vm)) return am_true;
    return remote_result(p, ops->exit(p, pid, reason));
}

/* An exit signal to the caller itself takes effect before exit/2 returns: a caller that is to die leaves
 * its slice, and does not get another one. */
static term_t exit_self(Process *p)
{
    int32_t reds = INT32_MAX;
    return signal_fetch_handle(p, &reds) ? am_true : bif_yield(p);
}

static term_t send_exit(Process *p, term_t to, term_t reason)
{
    charge_signal(p);
    if (term_is_local_pid(to)) {
        (void)signal_send_exit(p->vm, p->id, to, reason);
        return to == p->id ? exit_self(p) : am_true;
    }
    if (term_is_local_port(to)) {
        const ProcPortOps *ports = p->vm->procs->port_ops;
        if (ports) (void)ports->exit(p->vm, p->id, to, reason, false);
        return am_true;
    }
    if (term_is_ext_pid(to)) return exit_remote(p, to, reason);
    return term_is_ext_port(to) ? am_true : bif_error(p, EXC_BADARG);
}

BIF(erlang, exit, 2, 0) { return send_exit(p, a[0], a[1]); }

/* Like exit/2, but without its special case for `normal` to oneself: an exit signal as any other. */
BIF(erlang, exit_signal, 2, 0) { return send_exit(p, a[0], a[1]); }

BIF(erlang, exit, 3, 0)
{
    if (!only_priority(a[2])) return bif_error_cause(p, EXC_BADARG, am_badopt);
    return send_exit(p, a[0], a[1]);
}

BIF(erlang, exit_signal, 3, 0)
{
    if (!only_priority(a[2])) return bif_error_cause(p, EXC_BADARG, am_badopt);
    return send_exit(p, a[0], a[1]);
}

/* ---- monitors ---- */

typedef struct MonitorOptions {
    enum AliasMode alias;
    term_t tag;
} MonitorOptions;

static bool monitor_options(MonitorOptions *o, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t opt = list_head(list);
        if (opt == am_priority) continue;
        if (!term_is_tuple_of(opt, 2)) return false;
        if (tuple_element(opt, 1) == am_tag)
            o->tag = tuple_element(opt, 2);
        else if (tuple_element(opt, 1) != am_alias || !alias_mode_parse(tuple_element(opt, 2), &o->alias))
            return false;
    }
    return term_is_nil(list);
}

static term_t insert(Process *p, enum MonitorKind kind, term_t target, term_t name, term_t node,
                     const MonitorOptions *o)
{
    term_t ref = monitor_make_ref(p, o->alias);
    (void)monitor_insert(p, kind, ref, target, name, node, o->alias, o->tag);
    return ref;
}

/* What is monitored does not exist: the message comes by a signal, after those sent before. */
static term_t monitor_down_now(Process *p, term_t from, term_t ref, term_t reason)
{
    (void)signal_send_down(p->vm, from, p->id, ref_num(ref), reason);
    return ref;
}

static term_t monitor_local(Process *p, term_t pid, term_t name, const MonitorOptions *o)
{
    term_t node = name == TERM_NONE ? TERM_NONE : node_self_name(p->vm);
    if (pid == p->id) return monitor_make_ref(p, o->alias); /* never delivers anything */
    term_t ref = insert(p, MONITOR_PROCESS, pid, name, node, o);
    if (term_is_local_pid(pid) && signal_send_monitor(p->vm, p->id, pid, ref, name)) return ref;
    return monitor_down_now(p, term_is_local_pid(pid) ? pid : p->id, ref, am_noproc);
}

/* target: external pid, or name at node. */
static term_t monitor_remote(Process *p, term_t target, term_t node, const MonitorOptions *o)
{
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    bool by_name = term_is_atom(target);
    term_t ref = insert(p, MONITOR_PROCESS, by_name ? am_undefined : target, by_name ? target : TERM_NONE,
                        node, o);
    enum RemoteResult r = ops ? ops->monitor(p, ref, target, node) : REMOTE_NO_CONNECTION;
    if (r == REMOTE_SENT) return ref;
    if (r == REMOTE_NO_CONNECTION) return monitor_down_now(p, p->id, ref, am_noconnection);
    Monitor *m = monitor_find(p, ref_num(ref));
    monitor_remove(p, m);
    (void)alias_deactivate(p, m->ref);
    monitor_free(m);
    return remote_result(p, r);
}

static term_t monitor_process(Process *p, const term_t *a, const MonitorOptions *o)
{
    term_t what = a[1];
    if (term_is_local_pid(what)) return monitor_local(p, what, TERM_NONE, o);
    if (term_is_ext_pid(what)) {
        term_t node = ext_ptr(what)->node->name;
        if (node == node_self_name(p->vm)) { /* an earlier life of this node */
            term_t ref = insert(p, MONITOR_PROCESS, what, TERM_NONE, TERM_NONE, o);
            return monitor_down_now(p, p->id, ref, am_noproc);
        }
        return monitor_remote(p, what, node, o);
    }
    term_t node = node_self_name(p->vm);
    if (term_is_tuple_of(what, 2)) {
        node = tuple_element(what, 2);
        what = tuple_element(what, 1);
    }
    if (!term_is_atom(what) || !term_is_atom(node)) return bif_error(p, EXC_BADARG);
    if (node != node_self_name(p->vm))
        return node_has_or_gets_name(p->vm) ? monitor_remote(p, what, node, o) : bif_error(p, EXC_BADARG);
    term_t id = registry_find(p->vm, what);
    return monitor_local(p, term_is_local_pid(id) ? id : am_undefined, what, o);
}

static term_t monitor_port(Process *p, term_t what, const MonitorOptions *o)
{
    const ProcPortOps *ports = p->vm->procs->port_ops;
    term_t name = TERM_NONE, node = node_self_name(p->vm), port = what;
    if (term_is_tuple_of(what, 2)) {
        if (tuple_element(what, 2) != node) return bif_error(p, EXC_BADARG);
        what = tuple_element(what, 1);
    }
    if (term_is_atom(what)) {
        name = what;
        port = registry_find(p->vm, what);
        if (!term_is_local_port(port)) port = am_undefined;
    } else if (term_is_ext_port(what) && ext_ptr(what)->node->name == node) {
        /* of an earlier life of this node */
    } else if (!term_is_local_port(what)) {
        return bif_error(p, EXC_BADARG);
    }
    term_t ref = insert(p, MONITOR_PORT, port, name, node, o);
    if (ports && term_is_local_port(port) && ports->monitor(p->vm, port, p->id, ref_num(ref))) return ref;
    return monitor_down_now(p, p->id, ref, am_noproc);
}

static term_t do_monitor(Process *p, const term_t *a, const MonitorOptions *o)
{
    charge_signal(p);
    if (a[0] == am_process) return monitor_process(p, a, o);
    if (a[0] == am_port) return monitor_port(p, a[1], o);
    if (a[0] != am_time_offset) return bif_error_cause(p, EXC_BADARG, am_badtype);
    if (a[1] != am_clock_service) return bif_error(p, EXC_BADARG);
    MonitorOptions time = *o;
    if (time.tag == am_DOWN) time.tag = am_CHANGE;
    or_acq_rel(&p->state, PS_TIME_OFFSET);
    return insert(p, MONITOR_TIME_OFFSET, am_clock_service, TERM_NONE, TERM_NONE, &time);
}

BIF(erlang, monitor, 2, 0)
{
    MonitorOptions o = {ALIAS_NONE, am_DOWN};
    return do_monitor(p, a, &o);
}

BIF(erlang, monitor, 3, 0)
{
    MonitorOptions o = {ALIAS_NONE, am_DOWN};
    if (!monitor_options(&o, a[2])) return bif_error_cause(p, EXC_BADARG, am_badopt);
    return do_monitor(p, a, &o);
}

/* A reference of another node cannot be a monitor of ours. Until a spawn request is answered its monitor is not
 * there to be removed. */
static term_t demonitor(Process *p, term_t ref, bool flush, bool info)
{
    if (!term_is_local_ref(ref)) return bif_error(p, EXC_BADARG);
    if (ref_is_alias(ref) && alias_ref_pid(ref) != p->id) return bif_error(p, EXC_BADARG);
    Monitor *m = ref_is_magic(ref) ? NULL : monitor_find(p, ref_num(ref));
    bool found = m != NULL && !m->spawn_pending;
    bool many = found && m->kind == MONITOR_TIME_OFFSET; /* messages come while it is there */
    charge_signal(p);
    if (found) {
        monitor_demonitor(p, m);
        if (p->flags & PF_BUSY && !info) return bif_wait(p); /* the second call finds no monitor */
    } else if (!m && ref_is_alias(ref)) {
        Alias *a = alias_find(p, ref_num(ref));
        if (a && a->mode != ALIAS_EXPLICIT) (void)alias_deactivate(p, ref_num(ref));
    }
    term_t result = term_bool(info ? found : true);
    if (!flush || (found && !many)) return result;
    term_t args[3] = {ref, term_bool(many), result};
    return bif_trap_mfa(p, am_erts_internal, am_flush_monitor_messages, 3, args);
}

BIF(erlang, demonitor, 1, 0) { return demonitor(p, a[0], false, false); }

BIF(erlang, demonitor, 2, 0)
{
    bool flush = false, info = false;
    term_t list = a[1];
    for (; term_is_list_cell(list); list = list_tail(list)) {
        if (list_head(list) == am_flush)
            flush = true;
        else if (list_head(list) == am_info)
            info = true;
        else
            return bif_error(p, EXC_BADARG);
    }
    if (!term_is_nil(list)) return bif_error(p, EXC_BADARG);
    return demonitor(p, a[0], flush, info);
}

/* ---- aliases ---- */

static term_t new_alias(Process *p, bool once)
{
    term_t ref = alias_ref_put(heap_alloc(&p->heap, ALIAS_REF_WORDS), ref_new(p->vm), p->id);
    alias_activate(p, ref_num(ref), ALIAS_EXPLICIT, once);
    return ref;
}

BIF(erlang, alias, 0, 0) { return new_alias(p, false); }

BIF(erlang, alias, 1, 0)
{
    bool once = false;
    term_t list = a[0];
    for (; term_is_list_cell(list); list = list_tail(list)) {
        if (list_head(list) == am_reply)
            once = true;
        else if (list_head(list) == am_explicit_unalias)
            once = false;
        else if (list_head(list) != am_priority)
            return bif_error(p, EXC_BADARG);
    }
    return term_is_nil(list) ? new_alias(p, once) : bif_error(p, EXC_BADARG);
}

BIF(erlang, unalias, 1, 0)
{
    if (!term_is_ref(a[0])) return bif_error(p, EXC_BADARG);
    if (!term_is_local_ref(a[0]) || !ref_is_alias(a[0])) return am_false;
    if (alias_ref_pid(a[0]) != p->id) return am_false;
    return term_bool(alias_deactivate(p, ref_num(a[0])));
}
