/* SPDX-License-Identifier: Apache-2.0 */
/* node - creation of a VM's DistSpace, names of nodes, the end of net_kernel. Layer: dist. */
#include "dist/node.h"

#include "base/alloc.h"
#include "dist/channel.h"
#include "ets/pterm.h"
#include "term/atom.h"

#include <ctype.h>

/* erts_internal.erl notes in a persistent term that the name is to be dynamic. */
bool node_has_or_gets_name(Vm *vm)
{
    term_t key[] = {HEADER(2, BOXED_TUPLE), am_erts_internal, am_dynamic_node_name};
    return node_is_alive(vm) || pterm_is_set(vm, term_make_boxed(key));
}

/* name@host, where the name is of letters, digits, _ and -. */
bool is_node_name(term_t t)
{
    if (!term_is_atom(t)) return false;
    const AtomText *a = atom_text(t);
    size_t n = 0;
    while (n < a->bytes && (isalnum((unsigned char)a->text[n]) || strchr("_-", a->text[n]))) n++;
    if (n == 0 || n >= a->bytes || a->text[n] != '@') return false;
    for (size_t i = n + 1; i < a->bytes; i++)
        if ((unsigned char)a->text[i] < ' ' || a->text[i] == '@') return false;
    return n + 1 < a->bytes;
}

void dist_init(Vm *vm)
{
    vm->dist = MEM_NEW(NODE, DistSpace);
    node_table_init(&vm->dist->nodes);
    mutex_init(&vm->dist->lock, LOCK_DIST_TABLE);
    hash_init(&vm->dist->channels, MEM_NODE, 0);
}

void dist_start(Vm *vm, uint64_t busy_limit)
{
    store_relaxed(&vm->dist->busy_limit, busy_limit);
    vm->procs->remote_ops = &channel_remote_ops;
    vm->procs->monitor_nodes = nodes_monitor_flag;
}

typedef struct Death {
    Process *p;
    term_t reason;
} Death;

static void forget(Channel *c, void *arg)
{
    const Death *d = arg;
    channel_forget(c, d->p->id);
    mutex_lock(&c->lock);
    bool controls = c->controller == d->p->id;
    uint32_t conn = c->conn;
    mutex_unlock(&c->lock);
    if (!controls) return;
    bool shutdown = term_is_tuple_of(d->reason, 2) && tuple_element(d->reason, 1) == am_shutdown;
    channel_down(c, conn, shutdown ? tuple_element(d->reason, 2) : d->reason);
}

static void stop_channel(Channel *c, void *arg)
{
    channel_abort(c, c->conn);
    channel_kill(c, *(const term_t *)arg);
}

/* net_kernel has died. */
static void node_down(Vm *vm, term_t reason)
{
    if (reason != am_no_network) reason = am_net_kernel_terminated;
    atomic_store(&vm->dist->net_kernel, 0);
    term_t name = node_self_name(vm);
    channel_each(vm, stop_channel, &reason);
    node_set_self(vm, am_nonode_at_nohost, 0);
    nodes_tell(vm, am_nodedown, NULL, 0, true, name, reason);
}

void dist_process_exit(Process *p, term_t reason)
{
    DistSpace *s = dist_space(p->vm);
    if (process_state(p) & PS_DIST) {
        Death d = {p, reason};
        spawn_parent_exits(p, reason);
        channel_each(p->vm, forget, &d);
        nodes_forget(p->vm, p->id);
    }
    if (UNLIKELY(atomic_load_explicit(&s->net_kernel, memory_order_relaxed) == p->id)) node_down(p->vm, reason);
}
