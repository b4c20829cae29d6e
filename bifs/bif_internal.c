/* SPDX-License-Identifier: Apache-2.0 */
/* bif_internal - erts_debug:set_internal_state/2 and get_internal_state/1: what OTP's test suites turn and
 * look at inside an emulator. Unless enabled they do not exist (undef). Limits of loops that Joist does
 * not have are accepted and reported as the default. Layer: bifs. */
#include "bifs/bif.h"
#include "base/clock.h"
#include "bifs/bif_space.h"
#include "sys/info.h"
#include "ets/pterm.h"
#include "nif/select.h"
#include "sched/sched.h"
#include "proc/process_info.h"
#include "base/alloc.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "data/term_hash.h"

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

static term_t set_reductions(Process *p, term_t n)
{
    if (!small_natural(n)) return bif_error(p, EXC_BADARG);
    p->reds = (int32_t)MIN(small_value(n), (int64_t)4000);
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

/* ---- waiting until every scheduler has done the jobs it had ---- */

typedef struct JobsWait {
    NativeState state;
    atomic_u32_t *left;          /* parties that still need it: the process, the jobs */
    bool first;
} JobsWait;

static void no_job(void *arg UNUSED) {}

static void drop_party(atomic_u32_t *left)
{
    if (atomic_fetch_sub(left, 1) == 1) mem_free(MEM_SYS, left, sizeof *left);
}

static void jobs_done(void *arg) { drop_party(arg); }

static void jobs_wait_destroy(NativeState *s)
{
    JobsWait *w = container_of(s, JobsWait, state);
    drop_party(w->left);
    MEM_DELETE(SYS, w);
}

static void start_round(Process *p, JobsWait *w)
{
    w->left = mem_alloc(MEM_SYS, sizeof *w->left);
    atomic_store(w->left, 2);
    sched_run_on_all(p->vm, no_job, jobs_done, w->left);
}

/* Two rounds: what a job leaves to be done by another one is waited for, too. */
static term_t wait_jobs(Process *p)
{
    const BifEntry *self = bif_find(am_erts_debug, am_set_internal_state, 2);
    NativeState *s = p->native_state;
    JobsWait *w = s && s->native == self ? container_of(s, JobsWait, state) : NULL;
    if (!w) {
        w = MEM_NEW(SYS, JobsWait);
        w->state = (NativeState){.native = self, .destroy = jobs_wait_destroy};
        w->first = true;
        p->native_state = &w->state;
        start_round(p, w);
    }
    if (atomic_load(w->left) == 2) return bif_yield(p);
    if (w->first) {
        w->first = false;
        drop_party(w->left);
        start_round(p, w);
        return bif_yield(p);
    }
    p->native_state = NULL;
    jobs_wait_destroy(&w->state);
    return am_ok;
}

BIF(erts_debug, set_internal_state, 2, 0)
{
    if (a[0] == am_available_internal_state) return set_enabled(p, a[1]);
    if (!is_enabled(p)) return bif_error(p, EXC_UNDEF);
    switch (a[0]) {
    case am_reds_left: return set_reductions(p, a[1]);
    case am_sleep: case am_block: return pause_ms(p, a[1]);
    case am_wait: return a[1] == am_aux_work ? wait_jobs(p) : am_ok;
    case am_force_gc: p->flags |= PF_FORCE_GC; return am_true;
    case am_binary_loop_limit: return term_small(0);
    case am_unicode_loop_limit: case am_re_loop_limit: return term_small(DEFAULT_LOOP_LIMIT);
    case am_node_tab_delayed_delete: return am_ok;
    case am_test_long_gc_sleep: case am_fill_heap: return am_true;
    case am_proc_sig_buffers: return am_true; /* the in-queue takes parallel senders as it is */
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

static term_t get_pair(Process *p, term_t what, term_t t)
{
    switch (what) {
    case am_internal_hash: return heap_uint(&p->heap, term_hash(t));
    case am_magic_ref: return magic_info(p, t);
    case am_binary_info: return binary_info(p, t);
    case am_process_status: return process_status(p, t);
    case am_atom:
        if (!small_natural(t) || (uint64_t)small_value(t) >= atom_count()) return bif_error(p, EXC_BADARG);
        return term_atom((word_t)small_value(t));
    default: return bif_error(p, EXC_BADARG);
    }
}

/* One entry for each node that something refers to; who refers is not known here. */
typedef struct NodeRefs {
    Process *p;
    term_t nodes, names;
} NodeRefs;

static void add_node_refs(Node *n, void *ctx)
{
    NodeRefs *r = ctx;
    Heap *h = &r->p->heap;
    bool self = n == node_self(r->p->vm);
    int64_t refs = __atomic_load_n((int64_t *)&n->head.refs, __ATOMIC_RELAXED) + self;
    if (refs == 0) return;
    term_t count = term_small(refs);
    term_t system = heap_cons(h, heap_tuple2(h, am_system, count), TERM_NIL);
    term_t referrers = heap_cons(h, heap_tuple2(h, heap_tuple2(h, am_system, am_undefined), system), TERM_NIL);
    term_t id = heap_tuple2(h, n->name, heap_uint(h, n->creation));
    r->nodes = heap_cons(h, heap_tuple3(h, id, count, referrers), r->nodes);
    r->names = heap_cons(h, heap_tuple3(h, n->name, count, referrers), r->names);
}

static term_t node_references(Process *p)
{
    NodeRefs r = {p, TERM_NIL, TERM_NIL};
    node_each(p->vm, add_node_refs, &r);
    return heap_tuple2(&p->heap, heap_tuple2(&p->heap, am_node_references, r.nodes),
                       heap_tuple2(&p->heap, am_dist_references, r.names));
}

static term_t persistent_term_info(Process *p)
{
    term_t pair[] = {am_table, heap_uint(&p->heap, pterm_table_slots(p->vm))};
    return map_from_pairs(&p->heap, pair, 1, NULL);
}

/* {Errors, Descriptors, of ports of drivers, of resources of natives} */
static term_t check_io_info(Process *p)
{
    size_t ports, resources;
    fd_counts(p->vm, &ports, &resources);
    return heap_tuple4(&p->heap, term_small(0), term_small((int64_t)poll_count(p->vm)), term_small((int64_t)ports),
                       term_small((int64_t)resources));
}

BIF(erts_debug, get_internal_state, 1, 0)
{
    if (a[0] == am_available_internal_state) return term_bool(is_enabled(p));
    if (!is_enabled(p)) return bif_error(p, EXC_UNDEF);
    if (term_is_tuple_of(a[0], 2)) return get_pair(p, tuple_element(a[0], 1), tuple_element(a[0], 2));
    switch (a[0]) {
    case am_reds_left: return term_small(p->reds);
    case am_force_heap_frags: return am_false;
    case am_persistent_term: return persistent_term_info(p);
    case am_check_io_debug: return check_io_info(p);
    case am_memory: return info_memory(&p->heap, p->vm);
    case am_node_and_dist_references: return node_references(p);
    case am_process_info_args: return process_info_items(&p->heap);
    default: return bif_error(p, EXC_BADARG);
    }
}
