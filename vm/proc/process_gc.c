/* SPDX-License-Identifier: Apache-2.0 */
/* process_gc - roots and policy of collections; see process_gc.h. Layer: proc. */
#include "proc/process_gc.h"

#include "base/clock.h"
#include "bifs/bif.h"
#include "proc/procdict.h"
#include "proc/procops.h"

typedef struct Roots {
    Process *p;
    term_t *live;
    unsigned nlive;
} Roots;

void process_each_root(Process *p, RootVisit *visit, void *ctx)
{
    term_t *dict;
    size_t n = dict_roots(p, &dict);
    if (n > 0)
        visit(ctx, dict, n);
    visit(ctx, &p->fvalue, 1);
    visit(ctx, &p->ftrace, 1);
    visit(ctx, &p->fcause, 1);
    visit(ctx, &p->group_leader, 1);
    visit(ctx, &p->parent, 1);
    visit(ctx, &p->label, 1);
    visit(ctx, &p->seq_token, 1);
    if (p->native_state != NULL && p->native_state->each_root != NULL)
        p->native_state->each_root(p->native_state, visit, ctx);
}

static void each_root_and_live(void *owner, RootVisit *visit, void *ctx)
{
    Roots *r = owner;
    if (r->nlive > 0)
        visit(ctx, r->live, r->nlive);
    process_each_root(r->p, visit, ctx);
}

/* The floor a program asked for; the default is no floor for a process that never grew. */
static size_t asked_min_words(const Process *p)
{
    return p->min_heap_words > p->vm->heap_policy->min_heap_words ? p->min_heap_words : 0;
}

/* The fragments of the message that receive looks at. */
static const HeapFrag *current_message(const Process *p)
{
    Signal *m = p->sigq.save != NULL ? *p->sigq.save : NULL;
    return m != NULL ? m->piece.frags : NULL;
}

static Collection collection_of(Process *p, Roots *roots, size_t need_words)
{
    return (Collection){
        .need_words = need_words + HEAP_STACK_RESERVE,
        .min_words = asked_min_words(p),
        .max_words = p->max_heap >> 3,
        .vheap_limit = p->min_vheap_words,
        .major = p->gens >= p->max_gens || (p->flags & PF_NEED_FULLSWEEP),
        .roots = {each_root_and_live, roots, current_message(p)},
    };
}

static bool limit_exceeded(Process *p)
{
    bool kill = p->max_heap & MAX_HEAP_KILL;
    const HeapPolicy *policy = p->vm->heap_policy;
    if ((p->max_heap & MAX_HEAP_LOG) && policy->limit_hook != NULL)
        policy->limit_hook(p, heap_info(&p->heap).total, kill);
    if (kill)
        p->flags |= PF_HEAP_LIMIT;
    return kill;
}

static uint32_t account(Process *p, const Collection *c)
{
    HeapPolicy *policy = p->vm->heap_policy;
    p->flags &= ~(PF_FORCE_GC | PF_NEED_FULLSWEEP);
    if (c->want_major)
        p->flags |= PF_NEED_FULLSWEEP;
    /* While the block is smaller than any that a program can ask for, growing it does not count. */
    bool small = (size_t)(p->heap.end - p->heap.start) <= HEAP_MIN_WORDS;
    if (c->was_major || !small) p->gens = c->was_major ? 0 : (uint16_t)MIN(p->gens + 1, UINT16_MAX);
    add_relaxed(&policy->collections, 1);
    add_relaxed(&policy->reclaimed_words, c->reclaimed_words);
    return (uint32_t)MIN(1 + c->live_words / COPIED_WORDS_PER_RED, (size_t)INT32_MAX);
}

static void tell_collecting(Process *p, bool begins)
{
    const ProcOps *ops = p->vm->procs->ops;
    if (ops && ops->collecting) ops->collecting(p, begins);
}

/* Charges nothing. */
static enum HeapResult collect(Process *p, Collection *c, uint32_t *reds)
{
    const ProcTraceOps *trace = UNLIKELY(p->trace != NULL) ? p->vm->procs->trace_ops : NULL;
    void (*monitor)(Process *p, int64_t ns) = p->vm->procs->monitor_gc;
    int64_t start = UNLIKELY(monitor != NULL) ? clock_os_monotonic_ns() : 0;
    if (trace) trace->collection(p, true, c->major, c->need_words - HEAP_STACK_RESERVE);
    tell_collecting(p, true);
    enum HeapResult r = heap_collect(&p->heap, c);
    *reds = account(p, c);
    tell_collecting(p, false);
    if (trace) trace->collection(p, false, c->was_major, c->reclaimed_words);
    if (UNLIKELY(monitor != NULL)) monitor(p, clock_os_monotonic_ns() - start);
    return r == HEAP_LIMIT && limit_exceeded(p) ? HEAP_LIMIT : HEAP_OK;
}

enum HeapResult process_gc(Process *p, size_t need_words, term_t *live, unsigned nlive)
{
    Roots roots = {p, live, nlive};
    Collection c = collection_of(p, &roots, need_words);
    uint32_t reds;
    enum HeapResult r = collect(p, &c, &reds);
    process_bump_reds(p, (int32_t)reds);
    return r;
}

uint32_t process_gc_now(Process *p, bool major, term_t *live, unsigned nlive)
{
    Roots roots = {p, live, nlive};
    Collection c = collection_of(p, &roots, 0);
    uint32_t reds;
    c.major |= major;
    (void)collect(p, &c, &reds);
    return reds;
}

void process_gc_hibernate(Process *p, term_t *live, unsigned nlive)
{
    Roots roots = {p, live, nlive};
    Collection c = collection_of(p, &roots, 0);
    uint32_t reds;
    c.major = c.exact = true;
    (void)collect(p, &c, &reds);
    process_bump_reds(p, (int32_t)reds);
}

static void copy_one_signal(Signal *s, const term_t *start, const term_t *end)
{
    Heap h = {.frags = s->piece.frags, .frag_words = s->piece.words,
              .off_heap = s->piece.off_heap, .off_heap_words = s->piece.off_heap_words};
    term_t roots[3] = {s->term, s->token, s->from};
    if (!heap_copy_message_literals(&h, roots, 3, start, end))
        return;
    s->piece = heap_piece_take(&h);
    s->term = roots[0];
    s->token = roots[1];
    s->from = roots[2];
}

static void copy_signal_literals(Signal *first, const term_t *start, const term_t *end)
{
    for (Signal *s = first; s != NULL; s = s->next)
        copy_one_signal(s, start, end);
}

static void copy_queue_literals(Process *p, const term_t *start, const term_t *end)
{
    copy_signal_literals(p->sigq.msg_first, start, end);
    copy_signal_literals(p->sigq.mid_first, start, end);
    mutex_lock(&p->sig_lock);
    copy_signal_literals(p->sigq.in_first, start, end);
    mutex_unlock(&p->sig_lock);
}

void process_copy_literals(Process *p, const term_t *start, const term_t *end, term_t *live,
                           unsigned nlive)
{
    Roots roots = {p, live, nlive};
    Collection c = collection_of(p, &roots, 0);
    bool found = heap_copy_literals(&p->heap, &c, start, end);
    if (found)
        process_bump_reds(p, (int32_t)account(p, &c));
    if (found && c.max_words != 0 && heap_info(&p->heap).total > c.max_words)
        (void)limit_exceeded(p);
    copy_queue_literals(p, start, end);
}

void process_native_begins(Process *p, NativeMark *mark)
{
    p->fvalue = p->ftrace = TERM_NIL;
    p->fcause = TERM_NONE;
    *mark = (NativeMark){heap_mark(&p->heap), p->native_state || p->trace || p->seq_token != TERM_NIL};
    p->native_mark = mark;
}

/* Without what a native that is not busy may write: its failure, and a state of its own. */
static void each_quiet_root(void *owner, RootVisit *visit, void *ctx)
{
    Process *p = owner;
    term_t *dict;
    size_t n = dict_roots(p, &dict);
    if (n > 0) visit(ctx, dict, n);
    visit(ctx, p->x_saved, p->x_live);
    visit(ctx, &p->group_leader, 1);
    visit(ctx, &p->parent, 1);
    visit(ctx, &p->label, 1);
}

static bool mentions_beside(Process *p, const term_t *start, const term_t *end)
{
    const NativeMark *native = p->native_mark;
    Roots roots = {p, p->x_saved, p->x_live};
    RootSet all = {each_root_and_live, &roots, NULL}, quiet = {each_quiet_root, p, NULL};
    HeapMark now = p->side ? heap_mark(p->side) : (HeapMark){0};
    if (p->side && heap_mentions(p->side, &now, &(RootSet){0}, start, end)) return true;
    if (native) return native->busy || heap_mentions(&p->heap, &native->heap, &quiet, start, end);
    now = heap_mark(&p->heap);
    return heap_mentions(&p->heap, &now, &all, start, end);
}

bool process_copy_literals_beside(Process *p, const term_t *start, const term_t *end)
{
    if (mentions_beside(p, start, end)) return false;
    copy_queue_literals(p, start, end);
    return true;
}

void process_heap_init(Process *p, size_t min_words)
{
    heap_init(&p->heap, min_words, p->min_vheap_words);
}
