/* SPDX-License-Identifier: Apache-2.0 */
/* lists - what erts_debug:get_internal_state tells of the links and monitors over a channel: the records of
 * proc/process_lists.c, seen from the channel. The channel only knows whose they are, so the world stands
 * still while the trees of its members are read. A tool of test suites. Layer: dist. */
#include "dist/channel.h"

#include "sched/sched.h"

typedef struct Listing {
    const Channel *c;
    Heap *h;
    term_t list;
} Listing;

static bool is_there(const Channel *c, term_t id)
{
    const Node *n = term_is_atom(id) ? NULL : ident_node(id);
    return n && n->name == c->name;
}

static void add(Listing *l, size_t n, const term_t *elements)
{
    l->list = heap_cons(l->h, heap_tuple(l->h, n, elements), l->list);
}

static void add_links(Listing *l, Process *p)
{
    for (RbNode *n = rb_first(&p->links); n; n = rb_next(n)) {
        const Link *k = container_of(n, Link, node);
        if (!is_there(l->c, k->other)) continue;
        term_t state = k->unlink_id ? am_unlinking : am_linked, id = heap_uint(l->h, (uint64_t)(uintptr_t)k);
        add(l, 5, (term_t[]){am_erl_link, am_dist_process, p->id, state, id});
    }
}

static term_t name_or_nil(term_t name) { return name == TERM_NONE ? TERM_NIL : name; }

static void add_monitor(Listing *l, term_t dir, term_t ref, term_t pid, term_t name)
{
    add(l, 6, (term_t[]){am_erl_monitor, am_dist_process, dir, term_copy(l->h, ref), pid, name_or_nil(name)});
}

/* What p monitors there, and what there monitors p. */
static void add_monitors(Listing *l, Process *p)
{
    for (RbNode *n = rb_first(&p->monitors); n; n = rb_next(n)) {
        const Monitor *m = container_of(n, Monitor, node);
        bool named = m->name != TERM_NONE && m->name_node == l->c->name;
        if (m->kind == MONITOR_PROCESS && (named || is_there(l->c, m->target)))
            add_monitor(l, am_target, m->ref_term, p->id, m->name);
    }
    for (RbNode *n = rb_first(&p->lt_monitors); n; n = rb_next(n)) {
        const LtMonitor *m = container_of(n, LtMonitor, node);
        if (is_there(l->c, m->watcher)) add_monitor(l, am_origin, m->ref, p->id, m->name);
    }
}

static void add_watcher(Listing *l, Process *p)
{
    add(l, 6, (term_t[]){am_erl_monitor, am_node, am_target, TERM_NIL, p->id, TERM_NIL});
}

static void each_member(Process *asker, HashTab *members, Listing *l, void (*fn)(Listing *l, Process *p))
{
    HashIter it;
    hash_iter_init(&it, members);
    for (HashNode *n; (n = hash_iter_next(&it));) {
        Process *p = process_lookup(asker->vm, channel_member_pid(n));
        if (p) fn(l, p);
    }
}

term_t channel_lists(Process *p, Channel *c, bool links)
{
    Listing l = {c, &p->heap, TERM_NIL};
    sched_block_all(p->vm);
    mutex_lock(&c->members_lock);
    each_member(p, &c->members, &l, links ? add_links : add_monitors);
    if (!links) each_member(p, &c->watchers, &l, add_watcher);
    mutex_unlock(&c->members_lock);
    sched_unblock_all(p->vm);
    return l.list;
}

typedef struct Watched {
    Process *p;
    term_t list;
} Watched;

static void add_watched(Channel *c, void *ctx)
{
    Watched *w = ctx;
    Heap *h = &w->p->heap;
    uint32_t n = channel_watch_count(c, w->p->id);
    if (n == 0) return;
    term_t e[] = {am_erl_monitor, am_node, am_origin, TERM_NIL, c->name, term_small(n)};
    w->list = heap_cons(h, heap_tuple(h, ARRAY_LEN(e), e), w->list);
}

term_t channel_watched_nodes(Process *p, term_t list)
{
    Watched w = {p, list};
    channel_each(p->vm, add_watched, &w);
    return w.list;
}
