/* SPDX-License-Identifier: Apache-2.0 */
/* bif_spawn - creating processes on this node. Semantics: erlang(3) spawn/3, spawn_opt/4,
 * spawn_request/5. Layer: bifs. */
#include "bifs/bif.h"
#include "proc/signal.h"
#include "proc/spawn.h"

static bool is_proper_list(term_t t)
{
    while (term_is_list_cell(t)) t = list_tail(t);
    return term_is_nil(t);
}

static bool valid_mfa(const term_t *a)
{
    return term_is_atom(a[0]) && term_is_atom(a[1]) && is_proper_list(a[2]);
}

static term_t spawn(Process *p, const term_t *a, bool link)
{
    if (!valid_mfa(a)) return bif_error(p, EXC_BADARG);
    SpawnOptions o;
    spawn_options_default(p->vm, &o);
    o.link = link;
    if (link && p->seq_token != TERM_NIL) o.options = heap_cons(&p->heap, am_link, TERM_NIL);
    term_t pid = spawn_process(p, a[0], a[1], a[2], &o, NULL);
    return pid == TERM_NONE ? bif_error(p, EXC_SYSTEM_LIMIT) : pid;
}

BIF(erlang, spawn, 3, 0) { return spawn(p, a, false); }
BIF(erlang, spawn_link, 3, 0) { return spawn(p, a, true); }

BIF(erlang, spawn_opt, 4, 0)
{
    SpawnOptions o;
    spawn_options_default(p->vm, &o);
    if (!valid_mfa(a)) return bif_error(p, EXC_BADARG);
    if (spawn_options_parse(p->vm, &o, a[3]) != SPAWN_PARSED)
        return bif_error_cause(p, EXC_BADARG, am_badopt);
    term_t ref, pid = spawn_process(p, a[0], a[1], a[2], &o, &ref);
    if (pid == TERM_NONE) return bif_error(p, EXC_SYSTEM_LIMIT);
    return o.monitor ? heap_tuple2(&p->heap, pid, ref) : pid;
}

/* {Tag, Ref, error, Reason} to the caller itself. */
static void reply_error(Process *p, const SpawnOptions *o, term_t ref, term_t reason)
{
    if (!(o->reply & SPAWN_REPLY_ERROR)) return;
    Heap h = {0};
    term_t tag = term_copy(&h, o->reply_tag), r = term_copy(&h, ref);
    message_send_heap(p->vm, p->id, p, heap_tuple4(&h, tag, r, am_error, reason), &h);
}

/* Reference, or the atoms badarg, badopt for erlang:spawn_request/4 to raise. */
BIF(erts_internal, spawn_request, 4, 0)
{
    SpawnOptions o;
    spawn_options_default(p->vm, &o);
    o.is_request = true;
    if (!valid_mfa(a)) return am_badarg;
    enum SpawnParse parsed = spawn_options_parse(p->vm, &o, a[3]);
    if (parsed == SPAWN_BADARG) return am_badopt;
    term_t ref = TERM_NONE;
    if (parsed == SPAWN_PARSED && spawn_process(p, a[0], a[1], a[2], &o, &ref) != TERM_NONE) return ref;
    ref = heap_new_ref(&p->heap, p->vm);
    reply_error(p, &o, ref, parsed == SPAWN_PARSED ? am_system_limit : am_badopt);
    return ref;
}

/* A local request is done when it returns, so only remote ones can be abandoned. */
BIF(erlang, spawn_request_abandon, 1, 0)
{
    if (!term_is_ref(a[0])) return bif_error(p, EXC_BADARG);
    const ProcRemoteOps *remote = p->vm->procs->remote_ops;
    if (!remote || !remote->abandon_spawn || !term_is_local_ref(a[0])) return am_false;
    return term_bool(remote->abandon_spawn(p, ref_num(a[0])));
}

BIF(erts_internal, spawn_system_process, 3, 0)
{
    if (!valid_mfa(a)) return bif_error(p, EXC_BADARG);
    SpawnOptions o;
    spawn_options_default(p->vm, &o);
    o.system = true;
    term_t pid = spawn_system(p->vm, a[0], a[1], a[2], &o, p->group_leader);
    return pid == TERM_NONE ? bif_error(p, EXC_SYSTEM_LIMIT) : pid;
}
