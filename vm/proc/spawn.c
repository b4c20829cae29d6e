/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - see spawn.h.
 * The child is made with PS_RUNNING set: its parent's thread is the executor, so signals that arrive as
 * soon as it is in the table only queue up. The last step gives RUNNING up and wakes it.
 * Layer: proc. */
#include "proc/spawn.h"

#include "data/node.h"
#include "heap/gc.h"
#include "proc/process_gc.h"
#include "proc/process_info.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/report.h"
#include "proc/seq_token.h"
#include "proc/signal.h"

#define SPAWN_REDS 200

/* ---- options ---- */

void spawn_options_default(Vm *vm, SpawnOptions *o)
{
    ProcSpace *s = vm->procs;
    *o = (SpawnOptions){
        .tag = TERM_NONE,
        .priority = PRIO_NORMAL,
        .min_heap_words = s->min_heap_words,
        .min_vheap_words = s->min_vheap_words,
        .fullsweep_after = (uint16_t)load_relaxed(&s->fullsweep_after),
        .max_heap = load_relaxed(&s->max_heap),
        .flags = load_relaxed(&s->default_flags),
        .reply_tag = am_spawn_reply,
        .options = TERM_NIL,
        .reply = SPAWN_REPLY_YES,
    };
}

static bool parse_monitor_option(SpawnOptions *o, term_t opt)
{
    if (opt == am_priority) return true; /* OTP 28: the order of reception only */
    if (!term_is_tuple_of(opt, 2)) return false;
    term_t value = tuple_element(opt, 2);
    if (tuple_element(opt, 1) == am_tag) {
        o->tag = value;
        return true;
    }
    return tuple_element(opt, 1) == am_alias && alias_mode_parse(value, &o->alias);
}

static bool parse_monitor_options(SpawnOptions *o, term_t list)
{
    o->monitor = true;
    for (; term_is_list_cell(list); list = list_tail(list))
        if (!parse_monitor_option(o, list_head(list))) return false;
    return term_is_nil(list);
}

static bool parse_link_options(SpawnOptions *o, term_t list)
{
    o->link = true;
    for (; term_is_list_cell(list); list = list_tail(list))
        if (list_head(list) != am_priority) return false;
    return term_is_nil(list);
}

static bool parse_reply(SpawnOptions *o, term_t value)
{
    if (value == am_yes)
        o->reply = SPAWN_REPLY_YES;
    else if (value == am_no)
        o->reply = SPAWN_REPLY_NO;
    else if (value == am_error_only)
        o->reply = SPAWN_REPLY_ERROR;
    else if (value == am_success_only)
        o->reply = SPAWN_REPLY_OK;
    else
        return false;
    return true;
}

static bool parse_size(term_t value, uint64_t limit, uint64_t *out)
{
    if (!term_is_small(value) || small_value(value) < 0) return false;
    *out = (uint64_t)small_value(value);
    return *out <= limit;
}

static bool parse_queue_data(SpawnOptions *o, term_t value)
{
    if (value != am_on_heap && value != am_off_heap) return false;
    o->flags &= ~(PF_ON_HEAP_MSGQ | PF_OFF_HEAP_MSGQ);
    o->flags |= value == am_on_heap ? PF_ON_HEAP_MSGQ : PF_OFF_HEAP_MSGQ;
    return true;
}

static bool parse_pair(Vm *vm, SpawnOptions *o, term_t key, term_t value)
{
    uint64_t n;
    if (key == am_monitor) return parse_monitor_options(o, value);
    if (key == am_link) return parse_link_options(o, value);
    if (key == am_priority) return process_priority_parse(value, &o->priority);
    if (key == am_message_queue_data) return parse_queue_data(o, value);
    if (key == am_max_heap_size) return process_max_heap_parse(vm, value, &o->max_heap);
    if (key == am_async_dist) {
        if (!term_is_bool(value)) return false;
        o->flags = value == am_true ? o->flags | PF_ASYNC_DIST : o->flags & ~PF_ASYNC_DIST;
        return true;
    }
    if (key == am_min_heap_size) {
        if (!parse_size(value, UINT32_MAX, &n)) return false;
        o->min_heap_words = (uint32_t)MAX(heap_size_at_least(n), HEAP_MIN_WORDS);
        return true;
    }
    if (key == am_min_bin_vheap_size) {
        if (!parse_size(value, UINT32_MAX, &n)) return false;
        o->min_vheap_words = (uint32_t)MAX(vheap_size_at_least(n), HEAP_MIN_VHEAP_WORDS);
        return true;
    }
    if (key == am_fullsweep_after) {
        if (!parse_size(value, INT64_MAX, &n)) return false;
        o->fullsweep_after = (uint16_t)MIN(n, UINT16_MAX);
        return true;
    }
    if (key == am_scheduler) {
        if (!parse_size(value, vm->procs->ops->schedulers(vm), &n)) return false;
        o->scheduler = (uint32_t)n;
        return true;
    }
    if (key == am_reply_tag && o->is_request) {
        o->reply_tag = value;
        return true;
    }
    if (key == am_reply && o->is_request) return parse_reply(o, value);
    return false;
}

bool spawn_option_parse(Vm *vm, SpawnOptions *o, term_t opt)
{
    if (opt == am_link) return o->link = true;
    if (opt == am_monitor) return o->monitor = true;
    return term_is_tuple_of(opt, 2) && parse_pair(vm, o, tuple_element(opt, 1), tuple_element(opt, 2));
}

enum SpawnParse spawn_options_parse(Vm *vm, SpawnOptions *o, term_t list)
{
    enum SpawnParse result = SPAWN_PARSED;
    o->options = list;
    /* Go on after a bad option: reply and reply_tag say how the error is told. */
    for (; term_is_list_cell(list); list = list_tail(list))
        if (!spawn_option_parse(vm, o, list_head(list))) result = SPAWN_BADOPT;
    if (!term_is_nil(list)) return SPAWN_BADARG;
    uint64_t max = o->max_heap >> 3;
    if (max != 0 && max < o->min_heap_words) result = SPAWN_BADOPT;
    return result;
}

bool alias_mode_parse(term_t t, enum AliasMode *mode)
{
    if (t == am_explicit_unalias)
        *mode = ALIAS_EXPLICIT;
    else if (t == am_demonitor)
        *mode = ALIAS_DEMONITOR;
    else if (t == am_reply_demonitor)
        *mode = ALIAS_REPLY;
    else
        return false;
    return true;
}

/* ---- creation ---- */

static word_t list_length(term_t list)
{
    word_t n = 0;
    for (; term_is_list_cell(list); list = list_tail(list)) n++;
    return n;
}

static Process *make(Vm *vm, term_t module, term_t function, term_t args, const SpawnOptions *o)
{
    size_t words = term_size_unshared(args) + 16;
    bool given = o->min_heap_words != vm->procs->min_heap_words;
    Process *p = process_new(vm, given || words > HEAP_FIRST_WORDS ? MAX(words, given ? o->min_heap_words : 0)
                                                                   : 0);
    p->min_heap_words = o->min_heap_words;
    p->min_vheap_words = o->min_vheap_words;
    p->max_gens = o->fullsweep_after;
    p->max_heap = o->max_heap;
    p->bound = o->scheduler;
    p->flags = o->flags;
    atomic_store(&p->state, PS_RUNNING | (uint32_t)o->priority << PS_PRIO_SHIFT | (o->system ? PS_SYSTEM : 0));
    p->initial = (Mfa){module, function, list_length(args)};
    p->x_saved[0] = module;
    p->x_saved[1] = function;
    p->x_saved[2] = term_copy(&p->heap, args);
    p->x_live = 3;
    p->pc = vm->procs->exec.entry_apply;
    *--p->heap.stop = (term_t)vm->procs->exec.normal_exit;
    return p;
}

static void start(Process *p)
{
    and_acq_rel(&p->state, ~PS_RUNNING);
    p->vm->procs->ops->wake(p, PS_RUNNABLE);
}

static void link_both(Process *parent, Process *child)
{
    bool fresh;
    (void)link_insert(parent, child->id, &fresh);
    (void)link_insert(child, parent->id, &fresh);
}

term_t monitor_make_ref(Process *p, enum AliasMode mode)
{
    if (mode == ALIAS_NONE) return heap_new_ref(&p->heap, p->vm);
    term_t ref = alias_ref_put(heap_alloc(&p->heap, ALIAS_REF_WORDS), ref_new(p->vm), p->id);
    alias_activate(p, ref_num(ref), mode, mode == ALIAS_REPLY);
    return ref;
}

static term_t monitor_child(Process *parent, Process *child, const SpawnOptions *o)
{
    term_t ref = monitor_make_ref(parent, o->alias);
    (void)monitor_insert(parent, MONITOR_PROCESS, ref, child->id, TERM_NONE, TERM_NONE, o->alias,
                         o->tag == TERM_NONE ? am_DOWN : o->tag);
    lt_monitor_insert(child, ref, parent->id, TERM_NONE, 0);
    return ref;
}

/* {Tag, Ref, ok, Pid} to the parent, before anything that the child can cause. */
static void reply_ok(Process *parent, Process *child, const SpawnOptions *o, term_t ref)
{
    Heap h = {0};
    term_t tag = term_copy(&h, o->reply_tag), r = term_copy(&h, ref);
    Signal *s = signal_new(SIG_MESSAGE, child->id);
    s->term = heap_tuple4(&h, tag, r, am_ok, child->id);
    s->piece = heap_piece_take(&h);
    if (UNLIKELY(child->seq_token != TERM_NIL)) seq_token_put(child, s, parent->id, s->term);
    if (!signal_send(parent, s)) signal_free(s);
}

static void trace_spawn(Process *parent, Process *child, const SpawnOptions *o, term_t mfa)
{
    const ProcTraceOps *ops = parent->vm->procs->trace_ops;
    ops->event(parent, am_spawn, child->id, mfa);
    if (o->link) ops->event(parent, am_link, child->id, TERM_NONE);
    ops->inherit(parent, child, o->link);
}

term_t spawn_process(Process *parent, term_t module, term_t function, term_t args, const SpawnOptions *o,
                     term_t *ref_out)
{
    Vm *vm = parent->vm;
    Process *child = make(vm, module, function, args, o);
    size_t words = (size_t)(child->heap.top - child->heap.start);
    child->parent = parent->id;
    child->group_leader = term_copy(&child->heap, parent->group_leader);
    if (!ptab_insert(vm->procs->procs, child)) {
        Heap h = {0};
        (void)report_error(parent, &h, "Too many processes~n", TERM_NIL);
        process_destroy(child);
        return TERM_NONE;
    }
    term_t pid = child->id;
    if (o->link) link_both(parent, child);
    term_t ref = TERM_NONE;
    if (o->monitor)
        ref = monitor_child(parent, child, o);
    else if (o->is_request)
        ref = heap_new_ref(&parent->heap, vm);
    if (ref_out) *ref_out = ref;
    if (UNLIKELY(parent->seq_token != TERM_NIL)) seq_token_spawn(parent, child, o, ref, args);
    if (o->is_request && (o->reply & SPAWN_REPLY_OK)) reply_ok(parent, child, o, ref);
    if (UNLIKELY(parent->trace != NULL))
        trace_spawn(parent, child, o, heap_tuple3(&parent->heap, module, function, args));
    if (UNLIKELY(vm->procs->trace_new != NULL))
        vm->procs->trace_new(parent->id, child, o->link, heap_tuple3(&parent->heap, module, function, args));
    start(child);
    process_charge(parent, SPAWN_REDS + words / COPIED_WORDS_PER_RED);
    return pid;
}

term_t spawn_system(Vm *vm, term_t module, term_t function, term_t args, const SpawnOptions *o,
                    term_t group_leader)
{
    Process *p = make(vm, module, function, args, o);
    if (!ptab_insert(vm->procs->procs, p)) {
        process_destroy(p);
        return TERM_NONE;
    }
    term_t pid = p->id;
    p->group_leader = group_leader == TERM_NONE ? pid : group_leader;
    if (group_leader != TERM_NONE) p->parent = group_leader; /* init is both */
    start(p);
    return pid;
}

static void trace_remote(const RemoteSpawn *r, Process *child, bool linked)
{
    Heap h = {0};
    term_t mfa = heap_tuple3(&h, am_erts_internal, am_dist_spawn_init, heap_cons(&h, r->mfa, TERM_NIL));
    child->vm->procs->trace_new(r->parent, child, linked, mfa);
    heap_dispose(&h);
}

term_t spawn_for_remote(Vm *vm, const RemoteSpawn *r, Heap *args_heap, const SpawnOptions *o)
{
    Heap h = {0};
    Process *p = make(vm, am_erts_internal, am_dist_spawn_init, heap_cons(&h, r->mfa, TERM_NIL), o);
    heap_dispose(&h);
    word_t arity = (word_t)small_value(tuple_element(r->mfa, 3));
    p->initial = (Mfa){tuple_element(r->mfa, 1), tuple_element(r->mfa, 2), arity};
    p->parent = term_copy(&p->heap, r->parent);
    p->group_leader = term_copy(&p->heap, r->group_leader);
    if (!ptab_insert(vm->procs->procs, p)) {
        process_destroy(p);
        return TERM_NONE;
    }
    term_t pid = p->id;
    bool fresh;
    if (o->link) link_insert(p, r->parent, &fresh)->conn = r->conn;
    if (o->monitor) lt_monitor_insert(p, r->ref, r->parent, TERM_NONE, r->conn);
    Signal *m = signal_new(SIG_MESSAGE, am_undefined);
    m->term = r->args;
    m->token = heap_piece_copy_all(&m->piece, r->token);
    if (r->token != TERM_NIL) seq_token_spawn_remote(p, r);
    Heap all = {0};
    heap_piece_adopt(&all, &m->piece);
    heap_adopt(&all, args_heap);
    m->piece = heap_piece_take(&all);
    message_deliver_self(p, m);
    if (UNLIKELY(vm->procs->trace_new != NULL)) trace_remote(r, p, o->link);
    if (r->ready) r->ready(r->arg, p);
    start(p);
    return pid;
}
