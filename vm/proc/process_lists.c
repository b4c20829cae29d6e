/* SPDX-License-Identifier: Apache-2.0 */
/* process_lists - links and monitors of a process as erts_debug:get_internal_state tells them: the records
 *   {erl_link, Type, Other, linked | unlinking, Id}
 *   {erl_monitor, Type, origin | target, Ref, Other, Extra}
 * Type: process, port, dist_process, time_offset, node, suspend. Layer: proc. */
#include "proc/process_info.h"

#include "proc/link.h"
#include "proc/suspend.h"

static term_t type_of(term_t other)
{
    if (term_is_local_pid(other)) return am_process;
    return term_is_local_port(other) ? am_port : am_dist_process;
}

static term_t record(Heap *h, size_t n, const term_t *elements, term_t list)
{
    return heap_cons(h, heap_tuple(h, n, elements), list);
}

term_t process_link_list(Process *p, Heap *h)
{
    term_t list = TERM_NIL;
    for (RbNode *n = rb_first(&p->links); n; n = rb_next(n)) {
        Link *l = container_of(n, Link, node);
        term_t state = l->unlink_id ? am_unlinking : am_linked;
        term_t id = heap_uint(h, (uint64_t)(uintptr_t)l);
        term_t e[] = {am_erl_link, type_of(l->other), term_copy(h, l->other), state, id};
        list = record(h, ARRAY_LEN(e), e, list);
    }
    return list;
}

static term_t monitor_record(Heap *h, const Monitor *m, term_t list)
{
    bool remote_name = m->name != TERM_NONE && m->kind == MONITOR_PROCESS && term_is_atom(m->target);
    term_t type = m->kind == MONITOR_TIME_OFFSET ? am_time_offset
                  : m->kind == MONITOR_PORT      ? am_port
                  : remote_name                  ? am_dist_process
                                                 : type_of(m->target);
    term_t other = remote_name ? m->name_node : term_copy(h, m->target);
    term_t extra = m->name == TERM_NONE ? TERM_NIL : m->name;
    term_t e[] = {am_erl_monitor, type, am_origin, term_copy(h, m->ref_term), other, extra};
    return record(h, ARRAY_LEN(e), e, list);
}

static term_t suspend_records(Process *p, Heap *h, term_t list)
{
    for (Suspend *s = suspend_first(p); s; s = suspend_next(s)) {
        term_t e[] = {am_erl_monitor, am_suspend, am_origin, TERM_NIL, s->pid, TERM_NIL};
        list = record(h, ARRAY_LEN(e), e, list);
    }
    return list;
}

static term_t target_record(Heap *h, const LtMonitor *m, term_t list)
{
    term_t extra = m->name == TERM_NONE ? TERM_NIL : m->name;
    term_t e[] = {am_erl_monitor, type_of(m->watcher), am_target, term_copy(h, m->ref),
                  term_copy(h, m->watcher), extra};
    return record(h, ARRAY_LEN(e), e, list);
}

term_t process_monitor_list(Process *p, Heap *h)
{
    term_t list = suspend_records(p, h, TERM_NIL);
    for (RbNode *n = rb_first(&p->lt_monitors); n; n = rb_next(n))
        list = target_record(h, container_of(n, LtMonitor, node), list);
    for (RbNode *n = rb_first(&p->monitors); n; n = rb_next(n)) {
        const Monitor *m = container_of(n, Monitor, node);
        list = monitor_record(h, m, list);
    }
    return list;
}
