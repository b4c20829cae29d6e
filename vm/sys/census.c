/* SPDX-License-Identifier: Apache-2.0 */
/* census - see census.h. Processes are left alone while a dirty thread may have them: their state says so
 * before they are queued there, and nobody else executes. Layer: sys. */
#include "sys/census.h"

#include "base/alloc.h"
#include "ets/ets.h"
#include "ets/ms.h"
#include "heap/literal.h"
#include "heap/region.h"
#include "proc/bif_timer.h"
#include "proc/link.h"
#include "proc/ptab.h"
#include "sched/sched.h"

#define WORDS_PER_RED 256

typedef struct Census {
    term_t kind;                   /* process, match_spec, ets, timer or literal: what is being looked at */
    size_t words;
    RegionVisit *visit;
    void (*process)(void *ctx, Process *p); /* or NULL: what p holds besides its heap and messages */
    void *ctx;
} Census;

static void visit_region(void *ctx, term_t holder, const term_t *start, const term_t *end)
{
    Census *c = ctx;
    c->words += (size_t)(end - start);
    c->visit(c->ctx, holder, start, end);
}

static void visit_signals(Census *c, const Process *p, const Signal *s)
{
    for (; s; s = s->next) region_visit_frags(s->piece.frags, p->id, visit_region, c);
}

static void visit_process(Census *c, Process *p)
{
    visit_region(c, p->id, p->heap.start, p->heap.top);
    visit_region(c, p->id, p->heap.old_start, p->heap.old_top);
    region_visit_frags(p->heap.frags, p->id, visit_region, c);
    visit_signals(c, p, p->sigq.msg_first);
    visit_signals(c, p, p->sigq.mid_first);
    mutex_lock(&p->sig_lock);
    visit_signals(c, p, p->sigq.in_first);
    mutex_unlock(&p->sig_lock);
    if (c->process) c->process(c->ctx, p);
}

static void visit_processes(Census *c, Vm *vm)
{
    c->kind = am_process;
    size_t end = ptab_scan_end(vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (p && !(process_state(p) & PS_ANY_DIRTY)) visit_process(c, p);
    }
}

/* ---- compiled match specifications, which processes hold by reference ---- */

typedef struct Specs {
    Census *census;
    const MatchSpec **seen;
    size_t count, cap;
} Specs;

static bool is_new(Specs *s, const MatchSpec *ms)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->seen[i] == ms) return false;
    if (s->count == s->cap) {
        size_t cap = MAX(2 * s->cap, (size_t)64);
        s->seen = mem_realloc(MEM_TEMP, s->seen, s->cap * sizeof *s->seen, cap * sizeof *s->seen);
        s->cap = cap;
    }
    s->seen[s->count++] = ms;
    return true;
}

/* The holder of a specification's constants is its number. */
static void visit_specs_of(Specs *s, const OffHeap *list)
{
    for (const OffHeap *o = list; o; o = o->next) {
        if (HEADER_SUBTAG(o->header) != BOXED_REF) continue;
        const MatchSpec *ms = ms_of_binary(((const BinRef *)o)->bin);
        if (!ms || !is_new(s, ms)) continue;
        term_t holder = term_small((int64_t)s->count);
        visit_region(s->census, holder, ms->heap.start, ms->heap.top);
        region_visit_frags(ms->heap.frags, holder, visit_region, s->census);
    }
}

static void visit_specs(Census *c, Vm *vm)
{
    Specs s = {.census = c};
    c->kind = am_match_spec;
    size_t end = ptab_scan_end(vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (!p || process_state(p) & PS_ANY_DIRTY) continue;
        visit_specs_of(&s, p->heap.off_heap);
        visit_specs_of(&s, p->heap.old_off_heap);
    }
    mem_free(MEM_TEMP, s.seen, s.cap * sizeof *s.seen);
}

static void census(Process *p, Census *c)
{
    Vm *vm = p->vm;
    sched_block_all(vm);
    visit_processes(c, vm);
    visit_specs(c, vm);
    c->kind = am_ets;
    ets_each_region(vm, visit_region, c);
    c->kind = am_timer;
    bif_timer_each_region(vm, visit_region, c);
    c->kind = am_literal;
    literal_each_region(vm, visit_region, c);
    sched_unblock_all(vm);
    process_charge(p, c->words / WORDS_PER_RED);
}

/* ---- funs ---- */

typedef struct FunCensus {
    const FunEntry *entry;
    size_t refs;
} FunCensus;

static void count_funs(void *ctx, term_t holder UNUSED, const term_t *start, const term_t *end)
{
    FunCensus *f = ctx;
    for (const term_t *at = region_boxed(start, end); at < end; at = region_next_boxed(at, end))
        if (HEADER_SUBTAG(*at) == BOXED_FUN && at + 1 < end && at[1] == (term_t)f->entry) f->refs++;
}

size_t census_fun_refs(Process *p, const FunEntry *f)
{
    FunCensus found = {f, fun_entry_is_loaded(p->vm, f)};
    Census c = {.visit = count_funs, .ctx = &found};
    census(p, &c);
    return found.refs;
}

/* ---- nodes ---- */

typedef struct NodeRef {
    const struct Node *node;
    term_t kind, holder;           /* {kind, holder} refers to it */
    term_t with;                   /* heap, link, monitor, ets or timer */
    int64_t count;
} NodeRef;

struct NodeCensus {
    Census census;
    NodeRef *refs;                 /* those of one holder are neighbours */
    size_t count, cap;
};

static void add_ref(NodeCensus *n, const struct Node *node, term_t holder, term_t with)
{
    term_t kind = n->census.kind;
    for (size_t i = n->count; i-- > 0 && n->refs[i].holder == holder && n->refs[i].kind == kind;)
        if (n->refs[i].node == node && n->refs[i].with == with) {
            n->refs[i].count++;
            return;
        }
    if (n->count == n->cap) {
        size_t cap = MAX(2 * n->cap, (size_t)64);
        n->refs = mem_realloc(MEM_TEMP, n->refs, n->cap * sizeof(NodeRef), cap * sizeof(NodeRef));
        n->cap = cap;
    }
    n->refs[n->count++] = (NodeRef){node, kind, holder, with, 1};
}

static bool is_external(term_t header)
{
    enum BoxedTag tag = HEADER_SUBTAG(header);
    return tag == BOXED_EXT_PID || tag == BOXED_EXT_PORT || tag == BOXED_EXT_REF;
}

static void count_nodes(void *ctx, term_t holder, const term_t *start, const term_t *end)
{
    NodeCensus *n = ctx;
    term_t kind = n->census.kind, with = kind == am_process ? am_heap : kind == am_match_spec ? am_binary : kind;
    for (const term_t *at = region_boxed(start, end); at < end; at = region_next_boxed(at, end))
        if (is_external(*at) && at + 2 < end) add_ref(n, ((const ExtThing *)at)->node, holder, with);
}

static void add_identifier(NodeCensus *n, const Process *p, term_t t, term_t with)
{
    if (term_is_boxed(t) && is_external(boxed_header(t))) add_ref(n, ext_ptr(t)->node, p->id, with);
}

static void count_links(void *ctx, Process *p)
{
    NodeCensus *n = ctx;
    for (RbNode *at = rb_first(&p->links); at; at = rb_next(at))
        add_identifier(n, p, container_of(at, Link, node)->other, am_link);
    for (RbNode *at = rb_first(&p->monitors); at; at = rb_next(at))
        add_identifier(n, p, container_of(at, Monitor, node)->target, am_monitor);
    for (RbNode *at = rb_first(&p->lt_monitors); at; at = rb_next(at)) {
        add_identifier(n, p, container_of(at, LtMonitor, node)->watcher, am_monitor);
        add_identifier(n, p, container_of(at, LtMonitor, node)->ref, am_monitor);
    }
}

NodeCensus *census_nodes(Process *p)
{
    NodeCensus *n = MEM_NEW(TEMP, NodeCensus);
    n->census = (Census){.visit = count_nodes, .process = count_links, .ctx = n};
    census(p, &n->census);
    return n;
}

term_t census_node_refs(const NodeCensus *c, Heap *h, const struct Node *node, int64_t *total)
{
    term_t list = TERM_NIL, counts = TERM_NIL;
    for (size_t i = 0; i < c->count; i++) {
        const NodeRef *r = &c->refs[i];
        if (r->node == node) {
            *total += r->count;
            counts = heap_cons(h, heap_tuple2(h, r->with, term_small(r->count)), counts);
        }
        bool last = i + 1 == c->count || r[1].holder != r->holder || r[1].kind != r->kind;
        if (!last || term_is_nil(counts)) continue;
        list = heap_cons(h, heap_tuple2(h, heap_tuple2(h, r->kind, r->holder), counts), list);
        counts = TERM_NIL;
    }
    return list;
}

void census_nodes_free(NodeCensus *c)
{
    mem_free(MEM_TEMP, c->refs, c->cap * sizeof(NodeRef));
    MEM_DELETE(TEMP, c);
}
