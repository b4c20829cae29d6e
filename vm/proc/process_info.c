/* SPDX-License-Identifier: Apache-2.0 */
/* process_info - see process_info.h. One function per item in a table; an item that has no value (a
 * registered name) yields TERM_NONE. Layer: proc. */
#include "proc/process_info.h"

#include "data/binary.h"
#include "data/map.h"
#include "heap/gc.h"
#include "proc/except.h"
#include "proc/link.h"
#include "proc/procdict.h"
#include "proc/procops.h"
#include "proc/process_gc.h"
#include "proc/receive.h"
#include "proc/registry.h"
#include "proc/saved_calls.h"
#include "proc/suspend.h"

typedef struct Ask {
    Process *p;
    Heap *h;
    bool self;
} Ask;

static term_t own_or_copy(const Ask *q, term_t t)
{
    return q->h == &q->p->heap ? t : term_copy(q->h, t);
}

/* ---- values shared with process_flag and spawn_opt ---- */

term_t process_priority_atom(enum ProcPriority prio)
{
    switch (prio) {
    case PRIO_LOW: return am_low;
    case PRIO_NORMAL: return am_normal;
    case PRIO_HIGH: return am_high;
    default: return am_max;
    }
}

bool process_priority_parse(term_t t, enum ProcPriority *prio)
{
    for (int i = PRIO_LOW; i <= PRIO_MAX; i++) {
        if (t != process_priority_atom((enum ProcPriority)i)) continue;
        *prio = (enum ProcPriority)i;
        return true;
    }
    return false;
}

term_t process_max_heap_map(Heap *h, uint64_t max_heap)
{
    term_t pairs[6] = {am_error_logger, term_bool(max_heap & MAX_HEAP_LOG), am_kill,
                       term_bool(max_heap & MAX_HEAP_KILL), am_size, heap_uint(h, max_heap >> 3)};
    return map_from_pairs(h, pairs, 3, NULL);
}

static bool parse_max_words(term_t t, uint64_t *max_heap)
{
    if (!term_is_small(t) || small_value(t) < 0) return false;
    *max_heap = (*max_heap & 7) | (uint64_t)small_value(t) << 3;
    return true;
}

static bool parse_max_flag(term_t map, term_t key, uint64_t bit, uint64_t *max_heap)
{
    term_t value = map_get(map, key);
    if (value == TERM_NONE) return true;
    if (!term_is_bool(value)) return false;
    *max_heap = value == am_true ? *max_heap | bit : *max_heap & ~bit;
    return true;
}

bool process_max_heap_parse(Vm *vm UNUSED, term_t t, uint64_t *max_heap)
{
    if (!term_is_map(t)) return parse_max_words(t, max_heap);
    term_t size = map_get(t, am_size);
    return size != TERM_NONE && parse_max_words(size, max_heap)
        && parse_max_flag(t, am_kill, MAX_HEAP_KILL, max_heap)
        && parse_max_flag(t, am_error_logger, MAX_HEAP_LOG, max_heap)
        && parse_max_flag(t, am_include_shared_binaries, MAX_HEAP_SHARED, max_heap);
}

/* ---- items ---- */

static term_t info_registered_name(const Ask *q)
{
    return registry_name_of(q->p->vm, q->p->id);
}

static term_t stacktrace(const Ask *q, unsigned depth)
{
    const ProcExecOps *exec = &q->p->vm->procs->exec;
    return exec->stacktrace ? exec->stacktrace(q->p, q->h, depth) : TERM_NIL;
}

/* Before its first slice a process is in the function it was spawned with, but has no stack yet. */
static bool is_new(const Ask *q) { return !q->self && q->p->pc == q->p->vm->procs->exec.entry_apply; }

/* The top of the stack, or undefined. */
static term_t current_place(const Ask *q)
{
    if (is_new(q)) {
        const Mfa *m = &q->p->initial;
        return heap_tuple4(q->h, m->module, m->function, term_small((int64_t)m->arity), TERM_NIL);
    }
    term_t trace = stacktrace(q, 1);
    return term_is_list_cell(trace) ? list_head(trace) : am_undefined;
}

static term_t info_current_function(const Ask *q)
{
    term_t top = current_place(q);
    if (top == am_undefined) return top;
    return heap_tuple3(q->h, tuple_element(top, 1), tuple_element(top, 2), tuple_element(top, 3));
}

static term_t info_current_location(const Ask *q) { return current_place(q); }

static term_t info_current_stacktrace(const Ask *q) { return stacktrace(q, except_depth(q->p->vm)); }

static term_t info_initial_call(const Ask *q)
{
    const Mfa *m = &q->p->initial;
    return heap_tuple3(q->h, m->module, m->function, term_small((int64_t)m->arity));
}

static term_t info_status(const Ask *q)
{
    uint32_t s = process_state(q->p);
    if (s & PS_EXITING) return am_exiting;
    if (q->self || s & PS_DIRTY) return am_running;
    if (s & PS_GC) return am_garbage_collecting;
    if (s & PS_SUSPENDED || q->p->flags & PF_BUSY) return am_suspended;
    return q->p->flags & PF_IN_RECEIVE ? am_waiting : am_runnable;
}

static term_t info_message_queue_len(const Ask *q)
{
    return term_small((int64_t)(q->p->sigq.msg_len));
}

typedef struct MessageList {
    Heap *h;
    term_t *tail;            /* where the next cell goes; cells are built front to back */
    term_t first;
} MessageList;

static void add_message(Signal *m, void *ctx)
{
    MessageList *l = ctx;
    term_t copy = term_copy(l->h, m->term);
    term_t *hp = heap_alloc(l->h, 2);
    *l->tail = list_put(hp, copy, TERM_NIL);
    l->tail = hp + 1;
}

/* process_flag(sensitive, true) hides messages, dictionary and stack. */
static bool is_sensitive(const Ask *q) { return process_state(q->p) & PS_SENSITIVE; }

static term_t info_messages(const Ask *q)
{
    if (is_sensitive(q)) return TERM_NIL;
    MessageList l = {.h = q->h, .first = TERM_NIL};
    l.tail = &l.first;
    receive_each_message(q->p, add_message, &l);
    return l.first;
}

/* Programs print these lists and take them apart: the order is the reference's. */
static term_t info_links(const Ask *q)
{
    term_t list = TERM_NIL;
    for (RbNode *n = rb_first_below(&q->p->links); n; n = rb_next_below(n)) {
        Link *l = container_of(n, Link, node);
        if (l->unlink_id == 0) list = heap_cons(q->h, term_copy(q->h, l->other), list);
    }
    return list;
}

static term_t info_monitors(const Ask *q)
{
    term_t list = TERM_NIL;
    for (RbNode *n = rb_first_below(&q->p->monitors); n; n = rb_next_below(n)) {
        Monitor *m = container_of(n, Monitor, node);
        if ((m->kind != MONITOR_PROCESS && m->kind != MONITOR_PORT) || m->spawn_pending) continue;
        term_t what = m->name == TERM_NONE ? term_copy(q->h, m->target)
                                           : heap_tuple2(q->h, m->name, m->name_node);
        term_t kind = m->kind == MONITOR_PORT ? am_port : am_process;
        list = heap_cons(q->h, heap_tuple2(q->h, kind, what), list);
    }
    return list;
}

static term_t info_monitored_by(const Ask *q)
{
    term_t list = TERM_NIL;
    const ProcNativeOps *native = q->p->vm->procs->native_ops;
    for (RbNode *n = rb_first(&q->p->lt_monitors); n; n = rb_next(n)) {
        const LtMonitor *m = container_of(n, LtMonitor, node);
        term_t watcher = term_is_local_ref(m->watcher) ? native->watcher(q->p->vm, q->h, m->watcher, m->ref)
                                                       : term_copy(q->h, m->watcher);
        list = heap_cons(q->h, watcher, list);
    }
    return list;
}

static term_t info_dictionary(const Ask *q) { return is_sensitive(q) ? TERM_NIL : dict_list(q->p, q->h); }
static term_t info_trap_exit(const Ask *q) { return term_bool(process_state(q->p) & PS_TRAP_EXIT); }
static term_t info_error_handler(const Ask *q) { return q->p->error_handler; }
static term_t info_priority(const Ask *q) { return process_priority_atom(process_priority(q->p)); }
static term_t info_group_leader(const Ask *q) { return own_or_copy(q, q->p->group_leader); }
static term_t info_parent(const Ask *q) { return own_or_copy(q, q->p->parent); }
static term_t info_suspending(const Ask *q) { return suspend_list(q->p, q->h); }
static term_t info_label(const Ask *q) { return own_or_copy(q, q->p->label); }
static term_t info_catchlevel(const Ask *q) { return term_small(q->p->catches); }
static term_t info_last_calls(const Ask *q) { return saved_calls_list(q->p, q->h); }
static term_t info_priority_messages(const Ask *q UNUSED) { return am_false; }
static term_t info_async_dist(const Ask *q) { return term_bool(q->p->flags & PF_ASYNC_DIST); }
static term_t info_fullsweep_after(const Ask *q) { return term_small(q->p->max_gens); }
static term_t info_min_heap_size(const Ask *q) { return term_small(q->p->min_heap_words); }
static term_t info_min_bin_vheap_size(const Ask *q) { return term_small(q->p->min_vheap_words); }
static term_t info_sequential_trace_token(const Ask *q) { return own_or_copy(q, q->p->seq_token); }
static term_t info_trace(const Ask *q UNUSED) { return term_small(0); }

static term_t info_max_heap_size(const Ask *q) { return process_max_heap_map(q->h, q->p->max_heap); }

static term_t info_message_queue_data(const Ask *q)
{
    return q->p->flags & PF_OFF_HEAP_MSGQ ? am_off_heap : am_on_heap;
}

static term_t info_heap_size(const Ask *q) { return heap_uint(q->h, heap_info(&q->p->heap).block); }
static term_t info_stack_size(const Ask *q) { return heap_uint(q->h, heap_info(&q->p->heap).stack); }

static size_t tree_size(const RbTree *t)
{
    size_t n = 0;
    for (RbNode *node = rb_first(t); node; node = rb_next(node)) n++;
    return n;
}

/* With message_queue_data on_heap the messages waiting count as heap. */
size_t process_heap_words(Process *p)
{
    return heap_info(&p->heap).total + (p->flags & PF_OFF_HEAP_MSGQ ? 0 : p->sigq.msg_words);
}

static term_t info_total_heap_size(const Ask *q) { return heap_uint(q->h, process_heap_words(q->p)); }

size_t process_memory_bytes(Process *p)
{
    size_t bytes = sizeof *p + (heap_info(&p->heap).total + p->sigq.msg_words) * sizeof(term_t);
    bytes += p->sigq.msg_len * sizeof(Signal);
    if (p->dict) bytes += sizeof *p->dict + p->dict->size * sizeof(DictEntry);
    bytes += tree_size(&p->links) * sizeof(Link) + tree_size(&p->monitors) * sizeof(Monitor);
    return bytes + tree_size(&p->lt_monitors) * sizeof(LtMonitor);
}

static term_t info_memory(const Ask *q) { return heap_uint(q->h, process_memory_bytes(q->p)); }

static term_t info_reductions(const Ask *q)
{
    int32_t slice = q->p->vm->procs->ops->slice_used(q->p);
    return heap_uint(q->h, q->p->reductions + (uint64_t)MAX(slice, 0));
}

static term_t info_backtrace(const Ask *q)
{
    const ProcExecOps *exec = &q->p->vm->procs->exec;
    if (is_sensitive(q)) return heap_binary(q->h, "", 0);
    return exec->backtrace ? exec->backtrace(q->p, q->h) : TERM_NIL;
}

static term_t pair(const Ask *q, term_t key, term_t value, term_t tail)
{
    return heap_cons(q->h, heap_tuple2(q->h, key, value), tail);
}

static term_t info_garbage_collection(const Ask *q)
{
    Process *p = q->p;
    term_t list = pair(q, am_minor_gcs, term_small(p->gens), TERM_NIL);
    list = pair(q, am_fullsweep_after, term_small(p->max_gens), list);
    list = pair(q, am_min_heap_size, term_small(p->min_heap_words), list);
    list = pair(q, am_min_bin_vheap_size, term_small(p->min_vheap_words), list);
    return pair(q, am_max_heap_size, info_max_heap_size(q), list);
}

static term_t info_garbage_collection_info(const Ask *q)
{
    HeapInfo i = heap_info(&q->p->heap);
    const struct { term_t key; uint64_t value; } items[] = {
        {am_bin_old_vheap_block_size, i.old_vheap_block}, {am_bin_old_vheap_size, i.old_vheap},
        {am_bin_vheap_block_size, i.vheap_block},         {am_bin_vheap_size, i.vheap},
        {am_heap_size, i.young},                          {am_old_heap_size, i.old},
        {am_stack_size, i.stack},                         {am_recent_size, i.recent},
        {am_mbuf_size, i.frags},                          {am_heap_block_size, i.block},
        {am_old_heap_block_size, i.old_block},
    };
    term_t list = TERM_NIL;
    for (size_t k = 0; k < ARRAY_LEN(items); k++)
        list = pair(q, items[k].key, heap_uint(q->h, items[k].value), list);
    return list;
}

static term_t list_binaries(const Ask *q, enum BoxedTag tag, const OffHeap *o, term_t list)
{
    for (; o; o = o->next) {
        if (HEADER_SUBTAG(o->header) != tag) continue;
        Binary *b = ((BinRef *)o)->bin;
        if (tag == BOXED_BINREF && b->flags & BINARY_MAGIC) continue;
        term_t address = heap_uint(q->h, (uint64_t)(uintptr_t)b);
        term_t size = heap_uint(q->h, b->size), refs = heap_int(q->h, load_relaxed(&b->refs));
        list = heap_cons(q->h, heap_tuple3(q->h, address, size, refs), list);
    }
    return list;
}

static term_t info_binary(const Ask *q)
{
    term_t list = list_binaries(q, BOXED_BINREF, q->p->heap.off_heap, TERM_NIL);
    return list_binaries(q, BOXED_BINREF, q->p->heap.old_off_heap, list);
}

/* What magic references lead to. */
static term_t info_magic_ref(const Ask *q)
{
    term_t list = list_binaries(q, BOXED_REF, q->p->heap.off_heap, TERM_NIL);
    return list_binaries(q, BOXED_REF, q->p->heap.old_off_heap, list);
}

typedef struct Item {
    term_t key;
    term_t (*value)(const Ask *q);
} Item;

/* In the order of process_info/1; the first DEFAULT_ITEMS are its result. */
#define DEFAULT_ITEMS 17
static const Item items[] = {
    {am_registered_name, info_registered_name},
    {am_current_function, info_current_function},
    {am_initial_call, info_initial_call},
    {am_status, info_status},
    {am_message_queue_len, info_message_queue_len},
    {am_links, info_links},
    {am_dictionary, info_dictionary},
    {am_trap_exit, info_trap_exit},
    {am_error_handler, info_error_handler},
    {am_priority, info_priority},
    {am_group_leader, info_group_leader},
    {am_total_heap_size, info_total_heap_size},
    {am_heap_size, info_heap_size},
    {am_stack_size, info_stack_size},
    {am_reductions, info_reductions},
    {am_garbage_collection, info_garbage_collection},
    {am_suspending, info_suspending},
    {am_current_location, info_current_location},
    {am_current_stacktrace, info_current_stacktrace},
    {am_messages, info_messages},
    {am_monitors, info_monitors},
    {am_monitored_by, info_monitored_by},
    {am_memory, info_memory},
    {am_binary, info_binary},
    {am_backtrace, info_backtrace},
    {am_catchlevel, info_catchlevel},
    {am_fullsweep_after, info_fullsweep_after},
    {am_garbage_collection_info, info_garbage_collection_info},
    {am_last_calls, info_last_calls},
    {am_magic_ref, info_magic_ref},
    {am_message_queue_data, info_message_queue_data},
    {am_min_heap_size, info_min_heap_size},
    {am_min_bin_vheap_size, info_min_bin_vheap_size},
    {am_max_heap_size, info_max_heap_size},
    {am_parent, info_parent},
    {am_sequential_trace_token, info_sequential_trace_token},
    {am_trace, info_trace},
    {am_async_dist, info_async_dist},
    {am_label, info_label},
    {am_priority_messages, info_priority_messages},
};

#define ITEMS_OF_OTP_25 (ARRAY_LEN(items) - 3)

/* Items known to this release: the last three came with 26, 27 and 28. */
static size_t item_count(const Vm *vm)
{
    unsigned otp = vm->procs->otp;
    return ITEMS_OF_OTP_25 + (otp > 25 ? MIN(otp - 25, 3u) : 0);
}

static const Item *item_find(const Vm *vm, term_t key)
{
    for (size_t i = 0; i < item_count(vm); i++)
        if (items[i].key == key) return &items[i];
    return NULL;
}

term_t process_info_items(Heap *h)
{
    term_t list = TERM_NIL;
    for (size_t i = ITEMS_OF_OTP_25; i-- > 0;) list = heap_cons(h, items[i].key, list);
    return list;
}

static bool is_dictionary_key(const Vm *vm, term_t item)
{
    return vm->procs->otp > 25 && term_is_tuple_of(item, 2) && tuple_element(item, 1) == am_dictionary;
}

bool process_info_valid(const Vm *vm, term_t spec)
{
    if (term_is_atom(spec)) return item_find(vm, spec) != NULL;
    if (is_dictionary_key(vm, spec)) return true;
    for (; term_is_list_cell(spec); spec = list_tail(spec)) {
        term_t item = list_head(spec);
        if (!is_dictionary_key(vm, item) && !(term_is_atom(item) && item_find(vm, item))) return false;
    }
    return term_is_nil(spec);
}

/* {Key, Value}; none is what an absent value looks like. */
static term_t build_item(const Ask *q, term_t item, term_t none)
{
    if (is_dictionary_key(q->p->vm, item)) {
        term_t value = is_sensitive(q) ? am_undefined : dict_get(q->p, tuple_element(item, 2));
        return heap_tuple2(q->h, own_or_copy(q, item), own_or_copy(q, value));
    }
    term_t value = item_find(q->p->vm, item)->value(q);
    return value == TERM_NONE ? none : heap_tuple2(q->h, item, value);
}

static term_t build_default(const Ask *q)
{
    term_t list = TERM_NIL;
    for (size_t i = DEFAULT_ITEMS; i-- > 0;) {
        term_t value = items[i].value(q);
        if (value != TERM_NONE) list = pair(q, items[i].key, value, list);
    }
    return list;
}

static term_t build_list(const Ask *q, term_t spec)
{
    term_t first = TERM_NIL, *tail = &first;
    for (; term_is_list_cell(spec); spec = list_tail(spec)) {
        term_t key = list_head(spec), item = build_item(q, key, TERM_NONE);
        if (item == TERM_NONE) item = heap_tuple2(q->h, key, TERM_NIL);
        term_t *hp = heap_alloc(q->h, 2);
        *tail = list_put(hp, item, TERM_NIL);
        tail = hp + 1;
    }
    return first;
}

term_t process_info_build(Process *p, term_t spec, Heap *h, bool self)
{
    Ask q = {p, h, self};
    if (spec == am_default) return build_default(&q);
    if (spec == am_link_list) return process_link_list(p, h);
    if (spec == am_monitor_list) return process_monitor_list(p, h);
    if (term_is_list(spec)) return build_list(&q, spec);
    return build_item(&q, spec, TERM_NIL);
}
