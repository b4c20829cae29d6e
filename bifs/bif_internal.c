/* SPDX-License-Identifier: Apache-2.0 */
/* bif_internal - erts_debug:set_internal_state/2 and get_internal_state/1: what OTP's test suites turn and
 * look at inside an emulator. Unless enabled they do not exist (undef). Limits of loops that Joist does
 * not have are accepted and reported as the default. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "bifs/bif_space.h"
#include "sys/census.h"
#include "sys/cpus.h"
#include "sys/info.h"
#include "ets/ets.h"
#include "ets/pterm.h"
#include "nif/select.h"
#include "sched/sched.h"
#include "proc/process_info.h"
#include "proc/ptab.h"
#include "proc/systask.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "dist/channel.h"
#include "data/term_hash.h"
#include "data/term_print.h"
#include "sys/sys.h"
#include "io/port.h"
#include "proc/message.h"
#include "proc/signal.h"
#include "proc/ptab.h"
#include "sched/sched.h"

#include <stdio.h>
#include <unistd.h>

static bool *enabled(Process *p)
{
    return &bif_space(p->vm)->internal_state;
}

static bool is_enabled(Process *p)
{
    return __atomic_load_n(enabled(p), __ATOMIC_RELAXED);
}

static term_t set_enabled(Process *p, term_t value)
{
    if (!term_is_bool(value)) return bif_error(p, EXC_BADARG);
    return term_bool(__atomic_exchange_n(enabled(p), value == am_true, __ATOMIC_RELAXED));
}

static bool small_natural(term_t t)
{
    return term_is_small(t) && small_value(t) >= 0;
}

static term_t pause_ms(Process *p, term_t ms)
{
    if (!small_natural(ms)) return bif_error(p, EXC_BADARG);
    usleep((useconds_t)small_value(ms) * 1000);
    return am_true;
}

/* Nothing else is scheduled meanwhile. */
static term_t block_ms(Process *p, term_t ms)
{
    sched_block_all(p->vm);
    term_t r = pause_ms(p, ms);
    sched_unblock_all(p->vm);
    return r;
}

/* The channel to this node, if it is up. */
static Channel *channel_up(Process *p, term_t node)
{
    Channel *c = term_is_atom(node) ? channel_find(p->vm, node) : NULL;
    return c && channel_is_up(c) ? c : NULL;
}

static term_t kill_connection(Process *p, term_t node)
{
    Channel *c = channel_up(p, node);
    if (c) channel_kill(c, am_killed);
    return term_bool(c != NULL);
}

static term_t channel_info(Process *p, term_t what, term_t node)
{
    Channel *c = channel_up(p, node);
    if (!c) return what == am_dist_ctrl ? am_undefined : bif_error(p, EXC_BADARG);
    mutex_lock(&c->lock);
    term_t controller = c->controller;
    uint32_t conn = c->conn;
    mutex_unlock(&c->lock);
    if (what == am_connection_id) return heap_uint(&p->heap, conn);
    return controller == TERM_NONE ? am_undefined : controller;
}

static term_t set_reductions(Process *p, term_t n)
{
    if (!small_natural(n)) return bif_error(p, EXC_BADARG);
    p->reds = (int32_t)MIN(small_value(n), (int64_t)4000);
    p->later_reds = 0;
    return am_true;
}

#define DEFAULT_LOOP_LIMIT 40000

static void free_nothing(Binary *b UNUSED)
{
}

static term_t make_magic(Process *p)
{
    Binary *b = binary_new_magic(8, 0, free_nothing);
    term_t address = heap_uint(&p->heap, (uint64_t)(uintptr_t)b);
    return heap_tuple2(&p->heap, heap_magic_ref(&p->heap, b, ref_new(p->vm)), address);
}

static term_t colliding_names(Process *p, term_t arg)
{
    if (!term_is_tuple_of(arg, 2) || !term_is_atom(tuple_element(arg, 1)) ||
        !small_natural(tuple_element(arg, 2)))
        return bif_error(p, EXC_BADARG);
    return ets_colliding_names(p, tuple_element(arg, 1), (size_t)small_value(tuple_element(arg, 2)));
}

/* Until every scheduler has been between two slices, twice: what a job leaves to be done by another one is
 * waited for, too. */
typedef struct Barrier {
    Vm *vm;
    unsigned rounds;
    term_t pid, ref;         /* ref in piece */
    HeapPiece piece;
} Barrier;

static void pass(void *arg UNUSED) {}

static void barrier_passed(void *arg)
{
    Barrier *b = arg;
    if (--b->rounds > 0) {
        sched_run_on_all(b->vm, pass, barrier_passed, b);
        return;
    }
    message_answer(b->vm, am_system, b->pid, b->ref, am_ok);
    heap_piece_dispose(&b->piece);
    MEM_DELETE(TEMP, b);
}

static term_t wait_for_schedulers(Process *p)
{
    term_t ref = heap_new_ref(&p->heap, p->vm);
    Barrier *b = MEM_NEW(TEMP, Barrier);
    b->vm = p->vm;
    b->rounds = 2;
    b->pid = p->id;
    b->ref = heap_piece_copy_all(&b->piece, ref);
    sched_run_on_all(p->vm, pass, barrier_passed, b);
    return bif_trap_mfa(p, am_erts_internal, am_await_result, 1, &ref);
}

/* Bytes of C stack that this thread has left. */
static term_t stack_left(Process *p)
{
    size_t left = thread_stack_left();
    return left ? heap_uint(&p->heap, left) : am_notsup;
}

static term_t set_next_id(Process *p, Ptab *t, term_t id)
{
    if (!small_natural(id) || !ptab_set_next_id(t, (uint64_t)small_value(id))) return bif_error(p, EXC_BADARG);
    return heap_uint(&p->heap, ptab_next_id(t));
}

static void sleep_here(Process *p UNUSED, void *ms, bool dead)
{
    if (!dead) usleep((useconds_t)(uintptr_t)ms * 1000);
}

/* {Pid, Ms}: the handling of Pid's signals stops for a while at this point. */
static term_t block_signals(Process *p, term_t t)
{
    if (!term_is_tuple_of(t, 2) || !term_is_local_pid(tuple_element(t, 1)) || !small_natural(tuple_element(t, 2)))
        return bif_error(p, EXC_BADARG);
    void *ms = (void *)(uintptr_t)small_value(tuple_element(t, 2));
    signal_send_call(p->vm, p->id, tuple_element(t, 1), sleep_here, ms);
    return am_true;
}

/* true: from now on only p loads code and native libraries, until false. */
static term_t hold_code(Process *p, term_t on)
{
    atomic_word_t *holder = &p->vm->nif->code_holder;
    word_t none = 0, self = p->id;
    if (nif_code_is_held(p)) return bif_yield(p);
    if (on == am_true) return atomic_compare_exchange_strong(holder, &none, self) ? am_true : bif_yield(p);
    if (on == am_false && atomic_compare_exchange_strong(holder, &self, 0)) return am_true;
    return bif_error(p, EXC_BADARG);
}

/* May others have p collect? The setting before. */
static term_t set_gc_state(Process *p, term_t on)
{
    return term_is_bool(on) ? term_bool(!systask_delay_gc(p, on == am_false)) : bif_error(p, EXC_BADARG);
}

/* start: collections are off, and here is a tuple that the reference breaks meanwhile; nothing reads it. The
 * tuple: on again. */
static term_t inconsistent_heap(Process *p, term_t arg)
{
    if (arg == am_start) {
        (void)systask_delay_gc(p, true);
        return heap_tuple3(&p->heap, am_ok, TERM_NIL, TERM_NIL);
    }
    if (!term_is_tuple_of(arg, 3)) return bif_error(p, EXC_BADARG);
    (void)systask_delay_gc(p, false);
    return am_ok;
}

/* How many milliseconds the names of nodes stay known that nothing refers to; < 0: as many as at first. */
static term_t keep_nodes(Process *p, term_t ms)
{
    if (!term_is_small(ms)) return bif_error(p, EXC_BADARG);
    int64_t ns = small_value(ms) < 0 ? NODE_KEEP_NS : small_value(ms) * NS_PER_MS;
    store_relaxed(&node_table(p->vm)->keep_ns, ns);
    return am_ok;
}

/* Crash, and find the calling process in the table broken while the dump is written. */
static term_t broken_halt(Process *p, term_t slogan)
{
    Ptab *t = p->vm->procs->procs;
    Buf b = BUF_INIT(TEMP);
    term_print(&b, slogan, PRINT_NO_LIMIT);
    buf_putc(&b, '\0');
    sched_block_all(p->vm);
    for (size_t i = 0, end = ptab_scan_end(t); i < end; i++)
        if (ptab_slot(t, i) == p) store_release(&t->at[i], (void *)64);
    sys_crash(p->vm, buf_text(&b));
}

BIF(erts_debug, set_internal_state, 2, 0)
{
    if (a[0] == am_available_internal_state) return set_enabled(p, a[1]);
    if (!is_enabled(p)) return bif_error(p, EXC_UNDEF);
    switch (a[0]) {
    case am_reds_left: return set_reductions(p, a[1]);
    case am_block: return block_ms(p, a[1]);
    case am_proc_sig_block: return block_signals(p, a[1]);
    case am_sleep: return pause_ms(p, a[1]);
    case am_wait: return wait_for_schedulers(p);
    case am_next_pid: return set_next_id(p, p->vm->procs->procs, a[1]);
    case am_next_port: return set_next_id(p, p->vm->procs->ports, a[1]);
    case am_kill_dist_connection: return kill_connection(p, a[1]);
    case am_broken_halt: return broken_halt(p, a[1]);
    case am_inconsistent_heap: return inconsistent_heap(p, a[1]);
    case am_gc_state: return set_gc_state(p, a[1]);
    case am_force_gc: p->flags |= PF_FORCE_GC; return am_true;
    case am_code_write_permission: return hold_code(p, a[1]);
    case am_binary_loop_limit: return term_small(0);
    case am_unicode_loop_limit: case am_re_loop_limit: return term_small(DEFAULT_LOOP_LIMIT);
    case am_node_tab_delayed_delete: return keep_nodes(p, a[1]);
    case am_process_uniq_counter: return am_ok; /* markers of receive are not counted */
    case am_test_long_gc_sleep: case am_fill_heap: return am_true;
    case am_proc_sig_buffers: return am_true; /* the in-queue takes parallel senders as it is */
    case am_mbuf: return term_copy_all(&p->heap, a[1]);
    case am_ets_force_trap: return am_notsup; /* only in builds of the reference for debugging */
    case am_ets_force_split: case am_ets_debug_random_split_join: return am_ok; /* no such trees */
    case am_colliding_names: return colliding_names(p, a[1]);
    case am_make: return a[1] == am_magic_ref ? make_magic(p) : bif_error(p, EXC_BADARG);
    default: return bif_error(p, EXC_BADARG);
    }
}

static term_t magic_info(Process *p, term_t ref)
{
    if (!term_is_local_ref(ref) || !ref_is_magic(ref)) return am_false;
    Binary *b = magic_ref_binary(ref);
    return heap_tuple3(&p->heap, heap_uint(&p->heap, (uint64_t)(uintptr_t)b),
                       term_small(binary_refs(b)), am_true);
}

static term_t binary_info(Process *p, term_t t)
{
    if (!term_is_bitstring(t)) return bif_error(p, EXC_BADARG);
    Binary *b = bitstring_storage(t);
    if (!b) return am_heap_binary;
    term_t size = heap_uint(&p->heap, (bitstring_bits(t) + 7) >> 3);
    term_t storage = heap_tuple2(&p->heap, am_binary, heap_uint(&p->heap, b->size));
    return heap_tuple4(&p->heap, am_refc_binary, size, storage, term_small(0));
}

static term_t process_status(Process *p, term_t pid)
{
    if (!term_is_local_pid(pid)) return bif_error(p, EXC_BADARG);
    Process *other = process_lookup(p->vm, pid);
    if (!other) return am_undefined;
    uint32_t st = process_state(other);
    if (st & PS_EXITING) return am_exiting;
    if (st & (PS_RUNNING | PS_DIRTY)) return am_running;
    if (st & PS_SUSPENDED) return am_suspended;
    return st & (PS_QUEUED | PS_RUNNABLE) ? am_runnable : am_waiting;
}

/* Links or monitors of a process, links of a port; those over the channel to a node. */
static term_t link_or_monitor_list(Process *p, term_t what, term_t of)
{
    if (term_is_local_pid(of)) {
        if (!process_lookup_alive(p->vm, of)) return am_undefined;
        term_t list = process_info_ask(p, of, what);
        return of == p->id && what == am_monitor_list ? channel_watched_nodes(p, list) : list;
    }
    if (term_is_local_port(of) && what == am_link_list) return port_link_list(p, of);
    if (!term_is_atom(of)) return bif_error(p, EXC_BADARG);
    Channel *c = channel_find(p->vm, of);
    return c ? channel_lists(p, c, what == am_link_list) : TERM_NIL;
}

static term_t get_pair(Process *p, term_t what, term_t t)
{
    switch (what) {
    case am_internal_hash: return heap_uint(&p->heap, term_hash(t));
    case am_magic_ref: return magic_info(p, t);
    case am_link_list: case am_monitor_list: return link_or_monitor_list(p, what, t);
    case am_binary_info: return binary_info(p, t);
    case am_process_status: return process_status(p, t);
    case am_fake_scheduler_bindings:
        return bind_type_of_atom(t) == TERM_NONE ? bif_error(p, EXC_BADARG) : cpus_fake_bindings(p->vm, &p->heap, t);
    case am_dist_ctrl: case am_connection_id: return channel_info(p, what, t);
    case am_atom:
        if (!small_natural(t) || (uint64_t)small_value(t) >= atom_count()) return bif_error(p, EXC_BADARG);
        return term_atom((word_t)small_value(t));
    default: return bif_error(p, EXC_BADARG);
    }
}

/* One entry for each node that something refers to. What the census does not find is put down to the system.
 * A name is referred to by its nodes, and by who controls its connection. */
typedef struct NodeRefs {
    Process *p;
    const NodeCensus *census;
    term_t nodes;
    term_t names;                  /* [{Name, Referrer, Kind}] */
} NodeRefs;

static void add_name_ref(NodeRefs *r, term_t name, term_t type, term_t referrer, term_t kind)
{
    Heap *h = &r->p->heap;
    r->names = heap_cons(h, heap_tuple3(h, name, heap_tuple2(h, type, referrer), kind), r->names);
}

static void add_node_refs(Node *n, void *ctx)
{
    NodeRefs *r = ctx;
    Heap *h = &r->p->heap;
    int64_t refs = __atomic_load_n((int64_t *)&n->head.refs, __ATOMIC_RELAXED), found = 0;
    if (refs == 0) return;
    term_t referrers = census_node_refs(r->census, h, n, &found);
    if (refs > found) {
        term_t system = heap_cons(h, heap_tuple2(h, am_system, term_small(refs - found)), TERM_NIL);
        referrers = heap_cons(h, heap_tuple2(h, heap_tuple2(h, am_system, am_undefined), system), referrers);
    }
    term_t count = term_small(MAX(refs, found));
    term_t id = heap_tuple2(h, n->name, heap_uint(h, n->creation));
    r->nodes = heap_cons(h, heap_tuple3(h, id, count, referrers), r->nodes);
    add_name_ref(r, n->name, am_node, id, am_node);
}

static void add_channel_ref(Channel *c, void *ctx)
{
    mutex_lock(&c->lock);
    term_t controller = c->controller;
    mutex_unlock(&c->lock);
    if (controller == TERM_NONE) return;
    add_name_ref(ctx, c->name, term_is_local_port(controller) ? am_port : am_process, controller, am_control);
}

/* Those of this name, and how many they are. */
static term_t name_referrers(Heap *h, term_t all, term_t name, int64_t *count)
{
    term_t list = TERM_NIL;
    for (term_t t = all; term_is_list_cell(t); t = list_tail(t)) {
        term_t ref = list_head(t);
        if (tuple_element(ref, 1) != name) continue;
        term_t kinds = heap_cons(h, heap_tuple2(h, tuple_element(ref, 3), term_small(1)), TERM_NIL);
        list = heap_cons(h, heap_tuple2(h, tuple_element(ref, 2), kinds), list);
        ++*count;
    }
    return list;
}

/* [{Name, Count, Referrers}] */
static term_t names_with_referrers(Heap *h, term_t all)
{
    term_t list = TERM_NIL;
    for (term_t t = all; term_is_list_cell(t); t = list_tail(t)) {
        term_t name = tuple_element(list_head(t), 1);
        int64_t later = 0, count = 0;
        (void)name_referrers(h, list_tail(t), name, &later);
        if (later > 0) continue;
        term_t referrers = name_referrers(h, all, name, &count);
        list = heap_cons(h, heap_tuple3(h, name, term_small(count), referrers), list);
    }
    return list;
}

static term_t node_references(Process *p)
{
    NodeCensus *census = census_nodes(p);
    NodeRefs r = {p, census, TERM_NIL, TERM_NIL};
    node_each(p->vm, add_node_refs, &r);
    channel_each(p->vm, add_channel_ref, &r);
    census_nodes_free(census);
    return heap_tuple2(&p->heap, heap_tuple2(&p->heap, am_node_references, r.nodes),
                       heap_tuple2(&p->heap, am_dist_references, names_with_referrers(&p->heap, r.names)));
}

static term_t persistent_term_info(Process *p)
{
    term_t pair[] = {am_table, heap_uint(&p->heap, pterm_table_slots(p->vm))};
    return map_from_pairs(&p->heap, pair, 1, NULL);
}

/* Wrong descriptors, those that are waited for, those of ports and of libraries' resources among them. */
static term_t check_io_info(Process *p)
{
    size_t used = poll_count(p->vm), resources = fd_resource_count(p->vm);
    return heap_tuple4(&p->heap, term_small(0), term_small((int64_t)used),
                       term_small((int64_t)(used - MIN(used, resources))), term_small((int64_t)resources));
}

/* How processes/0 goes through the table (bif_processes.c). */
static term_t processes_info(Process *p)
{
    size_t chunks = (ptab_scan_end(p->vm->procs->procs) + PROCESSES_CHUNK - 1) / PROCESSES_CHUNK;
    term_t e[] = {am_ptab_list_bif_info, term_small(PROCESSES_CHUNK / PROCESSES_PER_RED),
                  heap_uint(&p->heap, chunks), term_small(PROCESSES_CHUNK), term_small(PROCESSES_PER_RED),
                  term_small(0), term_small(0), term_small(0), term_small(PROCESSES_PER_RED), term_small(0)};
    return heap_tuple(&p->heap, ARRAY_LEN(e), e);
}

/* The same list in one piece. */
static term_t processes_now(Process *p)
{
    Ptab *t = p->vm->procs->procs;
    term_t list = TERM_NIL;
    for (size_t i = ptab_scan_end(t); i-- > 0;) {
        Process *q = ptab_slot(t, i);
        if (q) list = heap_cons(&p->heap, q->id, list);
    }
    return list;
}

/* {check_time_config, Correction, WarpMode}: all are supported. */
static bool is_time_config(term_t t)
{
    if (!term_is_tuple_of(t, 3) || tuple_element(t, 1) != am_check_time_config) return false;
    term_t mode = tuple_element(t, 3);
    return term_is_bool(tuple_element(t, 2))
        && (mode == am_no_time_warp || mode == am_single_time_warp || mode == am_multi_time_warp);
}

BIF(erts_debug, get_internal_state, 1, 0)
{
    if (a[0] == am_available_internal_state) return term_bool(is_enabled(p));
    if (!is_enabled(p)) return bif_error(p, EXC_UNDEF);
    if (term_is_tuple_of(a[0], 2)) return get_pair(p, tuple_element(a[0], 1), tuple_element(a[0], 2));
    if (is_time_config(a[0])) return am_true;
    switch (a[0]) {
    case am_reds_left: return term_small(p->reds + p->later_reds);
    case am_next_pid: return heap_uint(&p->heap, ptab_next_id(p->vm->procs->procs));
    case am_next_port: return heap_uint(&p->heap, ptab_next_id(p->vm->procs->ports));
    case am_stack_check: return stack_left(p);
    case am_nbalance: return heap_uint(&p->heap, sched_balances(p->vm));
    case am_processes: return processes_now(p);
    case am_processes_bif_info: return processes_info(p);
    case am_force_heap_frags: return am_false;
    case am_persistent_term: return persistent_term_info(p);
    case am_check_io_debug: return check_io_info(p);
    case am_memory: return info_memory(&p->heap, p->vm);
    case am_node_and_dist_references: return node_references(p);
    case am_monitoring_nodes: return nodes_monitors(p);
    case am_lc_graph: case am_flxctr_memory_usage: return am_notsup; /* no lock checker, no such counters */
    case am_process_info_args: return process_info_items(&p->heap);
    default: return bif_error(p, EXC_BADARG);
    }
}
