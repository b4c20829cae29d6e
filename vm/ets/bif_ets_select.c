/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ets_select - natives that traverse a table: match, match_object, select (in chunks, reverse),
 * select_count, select_delete, select_replace.
 *
 * One engine runs them all. A traversal works in slices under the table's lock; between slices
 * the table is held (fixed), the position is a slot number or a key, and the state hangs off
 * the process (NativeState). If all clauses name their key, only the objects of these keys are visited, in the order
 * of the clauses, and the slot number counts keys.
 * Continuations are tuples as ets:repair_continuation/2 knows them:
 *   {Table, Slot, Limit, MS, Rest, RestLength}                             hash
 *   {Table, LastKey, End, Limit, MS, Rest, RestLength, 0|1 (reverse)}      ordered_set
 * Layer: ets. */
#include "data/term_cmp.h"
#include "ets/ets_priv.h"
#include "ets/ms.h"

enum Action { ACT_COLLECT, ACT_COUNT, ACT_DELETE, ACT_REPLACE };
enum { OBJECTS_PER_SLICE = 1000 };

typedef struct Traversal {
    NativeState base;
    EtsTable *table;         /* held between slices */
    MatchSpec *ms;
    enum Action action;
    bool reverse;            /* ordered_set: from the last key to the first */
    bool held;
    size_t limit;            /* of results in a chunk; 0: none */
    size_t slot;             /* hash: next slot */
    size_t count;            /* results so far */
    bool has_key;            /* tree: `key` is the last object visited */
    bool looked_for_keys;
    term_t *keys;            /* not NULL: only their objects are visited; in the specification's memory */
    size_t key_count, key_room;
    term_t first_key;        /* the room for one */
    term_t key;              /* root */
    term_t list;             /* root: results, newest first */
} Traversal;

static void visit_roots(NativeState *s, void (*visit)(void *, term_t *, size_t), void *ctx)
{
    Traversal *tr = (Traversal *)s;
    visit(ctx, &tr->key, 1);
    visit(ctx, &tr->list, 1);
}

static void traversal_free(NativeState *s)
{
    Traversal *tr = (Traversal *)s;
    if (tr->held) ets_release(tr->table);
    ms_unref(tr->ms);
    if (tr->keys != &tr->first_key) MEM_DELETE_ARRAY(ETS_TABLE, tr->keys, tr->key_room);
    MEM_DELETE(ETS_TABLE, tr);
}

static Traversal *traversal_new(Process *p, MatchSpec *ms, enum Action action)
{
    Traversal *tr = MEM_NEW(ETS_TABLE, Traversal);
    tr->base.destroy = traversal_free;
    tr->base.each_root = visit_roots;
    tr->ms = ms;
    tr->action = action;
    tr->key = tr->list = TERM_NIL;
    p->native_state = &tr->base;
    return tr;
}

static Traversal *traversal_of(Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == traversal_free ? (Traversal *)s : NULL;
}

static void traversal_end(Process *p)
{
    NativeState *s = p->native_state;
    p->native_state = NULL;
    s->destroy(s);
}

/* ---- one object ---- */

static bool is_replacement(EtsTable *t, EtsObject *o, term_t fresh)
{
    return term_is_tuple(fresh) && tuple_arity(fresh) >= t->keypos &&
           term_cmp_exact(ets_key(t, fresh), ets_key(t, ets_tuple(o))) == 0;
}

/* Applies the action to o, which may be freed. False: select_replace changed a key. */
static bool visit(Process *p, EtsTable *t, Traversal *tr, EtsObject *o)
{
    term_t r = ms_run(tr->ms, p, ets_tuple(o), true);
    if (r == TERM_NONE) return true;
    switch (tr->action) {
    case ACT_COLLECT:
        tr->list = heap_cons(&p->heap, r, tr->list);
        tr->count++;
        break;
    case ACT_COUNT:
        if (r == am_true) tr->count++;
        break;
    case ACT_DELETE:
        if (r != am_true) break;
        ets_remove_object(t, o);
        tr->count++;
        break;
    case ACT_REPLACE:
        if (!is_replacement(t, o, r)) return false;
        ets_replace(t, o, ets_object_new(r));
        tr->count++;
        break;
    }
    return true;
}

/* ---- a slice; each returns >0: finished, 0: budget or limit used up, <0: failed ---- */

static bool chunk_full(const Traversal *tr)
{
    return tr->limit && tr->count >= tr->limit;
}

static int slice_keys(Process *p, EtsTable *t, Traversal *tr, size_t budget)
{
    size_t seen = 0;
    for (; tr->slot < tr->key_count; tr->slot++) {
        if (seen++ >= budget || chunk_full(tr)) return 0;
        for (EtsObject *o = ets_find(t, tr->keys[tr->slot]), *next; o; o = next, seen++) {
            next = ets_find_next(t, o);
            if (!visit(p, t, tr, o)) return -1;
        }
    }
    return 1;
}

static int slice_hash(Process *p, EtsTable *t, Traversal *tr, size_t budget)
{
    size_t seen = 0;
    for (; tr->slot < ets_hash_active(&t->hash); tr->slot++) {
        if (seen >= budget || chunk_full(tr)) return 0;
        seen++;
        ets_hash_prefetch(t, tr->slot + 8);
        for (EtsObject *o = ets_hash_slot(t, tr->slot), *next; o; o = next, seen++) {
            next = o->h.next;
            ets_object_prefetch(next);
            if (!visit(p, t, tr, o)) return -1;
            next = ets_hash_live_from(t, next);
        }
    }
    return 1;
}

static EtsObject *tree_start(EtsTable *t, Traversal *tr, term_t range)
{
    if (tr->has_key) return tr->reverse ? ets_tree_before(t, tr->key) : ets_tree_after(t, tr->key);
    if (range != TERM_NONE) return ets_tree_edge(t, range, tr->reverse);
    return ets_tree_object(tr->reverse ? rb_last(&t->tree) : rb_first(&t->tree));
}

/* The key pattern of a clause that does not match any key, or TERM_NONE. */
static term_t key_pattern(const MatchSpec *ms, size_t clause, word_t keypos)
{
    term_t head = ms->clauses[clause].head;
    if (!term_is_tuple(head) || tuple_arity(head) < keypos) return TERM_NONE;
    term_t pattern = tuple_element(head, keypos);
    return ms_takes_any_key(pattern) ? TERM_NONE : pattern;
}

static int slice_tree(Process *p, EtsTable *t, Traversal *tr, size_t budget)
{
    term_t range = tr->ms->clause_count == 1 ? key_pattern(tr->ms, 0, t->keypos) : TERM_NONE;
    EtsObject *o = tree_start(t, tr, range);
    for (size_t seen = 0; o; seen++) {
        if (range != TERM_NONE) {
            int where = ms_key_range(range, ets_key(t, ets_tuple(o)));
            if (tr->reverse ? where < 0 : where > 0) return 1;
        }
        if (seen >= budget || chunk_full(tr)) return 0;
        RbNode *n = tr->reverse ? rb_prev(&o->node) : rb_next(&o->node);
        if (seen + 1 >= budget || (tr->limit && tr->count + 1 >= tr->limit)) {
            tr->key = term_copy(&p->heap, ets_key(t, ets_tuple(o)));
            tr->has_key = true;
        }
        if (!visit(p, t, tr, o)) return -1;
        o = ets_tree_object(n);
    }
    return 1;
}

static int slice(Process *p, EtsTable *t, Traversal *tr)
{
    size_t before = tr->count;
    if (tr->ms->clause_count == 0) return 1;
    int r = tr->keys         ? slice_keys(p, t, tr, OBJECTS_PER_SLICE)
            : ets_is_tree(t) ? slice_tree(p, t, tr, OBJECTS_PER_SLICE)
                             : slice_hash(p, t, tr, OBJECTS_PER_SLICE);
    process_bump_reds(p, (int32_t)(100 + MIN(tr->count - before, 3000)));
    return r;
}

/* ---- driving ---- */

static void hold(EtsTable *t, Traversal *tr)
{
    if (tr->held) return;
    tr->table = t;
    tr->held = true;
    ets_hold(t);
}

/* Between slices the table stays fixed. */
static term_t pause(Process *p, EtsTable *t, Traversal *tr, bool exclusive)
{
    hold(t, tr);
    ets_unlock(t, exclusive);
    return bif_yield(p);
}

/* seen: indexes + 1 of the keys so far, by hash. */
static bool is_new_key(const Traversal *tr, uint32_t *seen, size_t room, term_t key)
{
    size_t i = ets_hash_of(key) & (room - 1);
    for (; seen[i]; i = (i + 1) & (room - 1))
        if (term_eq(tr->keys[seen[i] - 1], key)) return false;
    seen[i] = (uint32_t)tr->key_count + 1;
    return true;
}

static void drop_equal_keys(Traversal *tr)
{
    size_t room = 4, n = tr->key_count;
    if (n == 1) return;
    while (room < 2 * n) room *= 2;
    uint32_t *seen = mem_alloc_zero(MEM_TEMP, room * sizeof *seen);
    tr->key_count = 0;
    for (size_t i = 0; i < n; i++)
        if (is_new_key(tr, seen, room, tr->keys[i])) tr->keys[tr->key_count++] = tr->keys[i];
    mem_free(MEM_TEMP, seen, room * sizeof *seen);
}

/* Restrict to the keys that the clauses name, if all do. Several in the order of keys: not done. */
static void find_keys(EtsTable *t, Traversal *tr)
{
    size_t n = tr->ms->clause_count;
    if (tr->looked_for_keys) return;
    tr->looked_for_keys = true;
    if (ets_is_tree(t) && (n != 1 || tr->has_key)) return;
    for (size_t i = 0; i < n; i++) {
        term_t key = key_pattern(tr->ms, i, t->keypos);
        if (key == TERM_NONE || !ms_is_ground(key)) return;
    }
    tr->key_count = tr->key_room = n;
    tr->keys = n == 1 ? &tr->first_key : MEM_NEW_ARRAY(ETS_TABLE, term_t, n);
    for (size_t i = 0; i < n; i++) tr->keys[i] = key_pattern(tr->ms, i, t->keypos);
    drop_equal_keys(tr);
}

static term_t list_reverse(Heap *h, term_t list)
{
    term_t r = TERM_NIL;
    for (; term_is_list_cell(list); list = list_tail(list)) r = heap_cons(h, list_head(list), r);
    return r;
}

static term_t continuation(Process *p, EtsTable *t, Traversal *tr, term_t rest, size_t rest_length)
{
    Heap *h = &p->heap;
    term_t table = ets_ref(h, t); /* another one may get its name */
    term_t limit = heap_uint(h, tr->limit), ms = ms_term(h, tr->ms);
    if (ets_is_tree(t)) {
        term_t e[] = {table, tr->key, TERM_NIL, limit, ms, rest, heap_uint(h, rest_length),
                      term_small(tr->reverse)};
        return heap_tuple(h, 8, e);
    }
    term_t e[] = {table, heap_uint(h, tr->slot), limit, ms, rest, heap_uint(h, rest_length)};
    return heap_tuple(h, 6, e);
}

/* {Results, Continuation}: the first `limit` of tr->list (newest first), the others kept back. */
static term_t chunk(Process *p, EtsTable *t, Traversal *tr, bool finished)
{
    if (tr->count == 0) return am_Dollar_end_of_table;
    term_t ordered = list_reverse(&p->heap, tr->list), results = TERM_NIL;
    size_t n = 0;
    for (; n < tr->limit && term_is_list_cell(ordered); n++, ordered = list_tail(ordered))
        results = heap_cons(&p->heap, list_head(ordered), results);
    if (ets_is_tree(t)) results = list_reverse(&p->heap, results);
    term_t next = finished && tr->count <= tr->limit
                      ? am_Dollar_end_of_table
                      : continuation(p, t, tr, ordered, tr->count - n);
    return heap_tuple2(&p->heap, results, next);
}

static term_t finish(Process *p, EtsTable *t, Traversal *tr, bool finished)
{
    if (tr->action != ACT_COLLECT) return heap_uint(&p->heap, tr->count);
    if (tr->limit) return chunk(p, t, tr, finished);
    /* An unlimited ordered_set select runs backward, so that consing gives key order. */
    return tr->list;
}

/* A hash table that is changed on the way is held from the start: merging buckets would move objects behind
 * the position, and in the long chains of bags objects are not unlinked one by one, but swept at the end.
 * Runs until done, or until the slice is used up (then the native is called again). */
static term_t run(Process *p, term_t table, Traversal *tr)
{
    bool exclusive = tr->action >= ACT_DELETE;
    EtsTable *t = ets_lock(p, table, exclusive ? ETS_WANT_WRITE : ETS_WANT_READ, exclusive);
    if (!t) {
        traversal_end(p);
        return TERM_NONE;
    }
    find_keys(t, tr);
    if (exclusive && !ets_is_tree(t) && !(tr->keys && t->type == ETS_SET)) hold(t, tr);
    int r = slice(p, t, tr);
    if (r == 0 && !chunk_full(tr)) return pause(p, t, tr, exclusive);
    term_t result = r < 0 ? bif_error(p, EXC_BADARG)
                          : finish(p, t, tr, r > 0);
    ets_unlock(t, exclusive);
    traversal_end(p);
    return result;
}

/* ---- starting ---- */

static bool is_table_tree(Process *p, term_t table, bool *tree)
{
    EtsTable *t = ets_lock(p, table, ETS_WANT_READ, false);
    if (!t) return false;
    *tree = ets_is_tree(t);
    ets_unlock(t, false);
    return true;
}

/* reverse_flag: what select_reverse asks for. Without a limit the list is built by consing, so an
 * ordered_set is walked against the wanted order. */
static term_t start(Process *p, term_t table, MatchSpec *ms, enum Action action, term_t limit,
                    bool reverse_flag)
{
    bool tree;
    if (!is_table_tree(p, table, &tree)) {
        if (ms) ms_unref(ms);
        return TERM_NONE;
    }
    if (!ms) return TERM_NONE;
    if (limit != TERM_NONE && (!term_is_small(limit) || small_value(limit) < 1)) {
        ms_unref(ms);
        return bif_error(p, EXC_BADARG);
    }
    Traversal *tr = traversal_new(p, ms, action);
    tr->limit = limit == TERM_NONE ? 0 : (size_t)small_value(limit);
    tr->reverse = tree && (action == ACT_COLLECT && !tr->limit ? !reverse_flag : reverse_flag);
    return run(p, table, tr);
}

static MatchSpec *spec_of(Process *p, term_t spec)
{
    return spec == TERM_NIL ? ms_of_no_clause(p->vm) : ms_compile(p, spec, MS_TABLE);
}

static term_t search(Process *p, term_t *a, enum Action action, term_t limit, bool reverse)
{
    Traversal *tr = traversal_of(p);
    if (tr) return run(p, a[0], tr);
    return start(p, a[0], spec_of(p, a[1]), action, limit, reverse);
}

static term_t pattern_search(Process *p, term_t *a, enum MsBody body, term_t limit)
{
    Traversal *tr = traversal_of(p);
    if (tr) return run(p, a[0], tr);
    return start(p, a[0], ms_compile_pattern(p, a[1], body), ACT_COLLECT, limit, false);
}

/* ---- continuing ---- */

typedef struct Continuation {
    term_t table, position, ms, rest;
    size_t limit, rest_length;
    bool tree, reverse;
} Continuation;

static bool parse_continuation(term_t t, Continuation *c)
{
    if (!term_is_tuple(t)) return false;
    const term_t *e = tuple_elements(t);
    word_t n = tuple_arity(t);
    if (n != 6 && n != 8) return false;
    c->tree = n == 8;
    c->table = e[0];
    c->position = e[1];
    e += c->tree ? 3 : 2;
    if (!term_is_small(e[0]) || small_value(e[0]) < 1 || !term_is_list(e[2]) ||
        !term_is_small(e[3]) || small_value(e[3]) < 0)
        return false;
    c->limit = (size_t)small_value(e[0]);
    c->ms = e[1];
    c->rest = e[2];
    c->rest_length = (size_t)small_value(e[3]);
    c->reverse = c->tree && e[4] == term_small(1);
    return c->tree || (term_is_small(c->position) && small_value(c->position) >= 0);
}

static term_t resume(Process *p, term_t t)
{
    Continuation c;
    if (t == am_Dollar_end_of_table) return t;
    if (!parse_continuation(t, &c)) return bif_error(p, EXC_BADARG);
    Traversal *tr = traversal_of(p);
    if (tr) return run(p, c.table, tr);
    MatchSpec *ms = ms_of_term(c.ms);
    bool tree;
    if (!ms || !is_table_tree(p, c.table, &tree) || tree != c.tree)
        return bif_error(p, EXC_BADARG);
    ms_ref(ms);
    tr = traversal_new(p, ms, ACT_COLLECT);
    tr->limit = c.limit;
    tr->reverse = c.reverse;
    tr->has_key = c.tree;
    tr->key = c.position;
    tr->slot = c.tree ? 0 : (size_t)small_value(c.position);
    tr->list = list_reverse(&p->heap, c.rest);
    tr->count = c.rest_length;
    return run(p, c.table, tr);
}

/* ---- natives ---- */

BIF(ets, match, 1, 0) { return resume(p, a[0]); }
BIF(ets, match, 2, 0) { return pattern_search(p, a, MS_BODY_VARS, TERM_NONE); }
BIF(ets, match, 3, 0) { return pattern_search(p, a, MS_BODY_VARS, a[2]); }
BIF(ets, match_object, 1, 0) { return resume(p, a[0]); }
BIF(ets, match_object, 2, 0) { return pattern_search(p, a, MS_BODY_OBJECT, TERM_NONE); }
BIF(ets, match_object, 3, 0) { return pattern_search(p, a, MS_BODY_OBJECT, a[2]); }
BIF(ets, select, 1, 0) { return resume(p, a[0]); }
BIF(ets, select, 2, 0) { return search(p, a, ACT_COLLECT, TERM_NONE, false); }
BIF(ets, select, 3, 0) { return search(p, a, ACT_COLLECT, a[2], false); }
BIF(ets, select_reverse, 1, 0) { return resume(p, a[0]); }
BIF(ets, select_reverse, 2, 0) { return search(p, a, ACT_COLLECT, TERM_NONE, true); }
BIF(ets, select_reverse, 3, 0) { return search(p, a, ACT_COLLECT, a[2], true); }
BIF(ets, select_count, 2, 0) { return search(p, a, ACT_COUNT, TERM_NONE, false); }
BIF(ets, internal_select_delete, 2, 0) { return search(p, a, ACT_DELETE, TERM_NONE, false); }

/* Does an expression `body` that stands for the key's place give the very key that `pattern` has matched?
 * What is nested deeper than `levels` is left to the compiler, which refuses it. */
static bool keeps_key(term_t pattern, term_t body, unsigned levels);

static bool keeps_elements(term_t pattern, term_t body, unsigned levels)
{
    if (tuple_arity(pattern) != tuple_arity(body)) return false;
    for (word_t i = 1; i <= tuple_arity(pattern); i++)
        if (!keeps_key(tuple_element(pattern, i), tuple_element(body, i), levels)) return false;
    return true;
}

static bool is_key_of_object(term_t body, word_t keypos)
{
    return term_is_tuple_of(body, 3) && tuple_element(body, 1) == am_element &&
           tuple_element(body, 2) == term_small((int64_t)keypos) && tuple_element(body, 3) == am_Dollar_underscore;
}

static bool keeps_key(term_t pattern, term_t body, unsigned levels)
{
    uint32_t number;
    if (levels-- == 0) return true;
    for (; term_is_list_cell(pattern) && term_is_list_cell(body);
         pattern = list_tail(pattern), body = list_tail(body))
        if (!keeps_key(list_head(pattern), list_head(body), levels)) return false;
    if (ms_is_variable(pattern, &number)) return pattern == body;
    if (pattern == am_Underscore || body == am_Dollar_underscore || body == am_Dollar_dollar) return false;
    if (term_is_tuple_of(body, 2) && tuple_element(body, 1) == am_const)
        return ms_is_ground(pattern) && term_cmp_exact(pattern, tuple_element(body, 2)) == 0;
    if (!term_is_tuple(pattern)) return ms_is_ground(pattern) && term_cmp_exact(pattern, body) == 0;
    return term_is_tuple_of(body, 1) && term_is_tuple(tuple_element(body, 1)) &&
           keeps_elements(pattern, tuple_element(body, 1), levels);
}

static bool const_keeps_key(term_t head, term_t made, word_t keypos)
{
    if (!term_is_tuple(head) || tuple_arity(head) < keypos) return false;
    if (!term_is_tuple(made) || tuple_arity(made) < keypos) return false;
    term_t key = tuple_element(head, keypos);
    return ms_is_ground(key) && term_cmp_exact(key, tuple_element(made, keypos)) == 0;
}

/* Can it be seen from a clause {Head, Guards, Body} that what it makes has the key of what it matched? */
static bool clause_keeps_key(term_t clause, word_t keypos)
{
    if (!term_is_tuple_of(clause, 3)) return false;
    term_t head = tuple_element(clause, 1), body = tuple_element(clause, 3);
    while (term_is_list_cell(body) && list_tail(body) != TERM_NIL) body = list_tail(body);
    if (!term_is_list_cell(body)) return false;
    body = list_head(body);
    if (body == am_Dollar_underscore) return true;
    if (term_is_tuple_of(body, 2) && tuple_element(body, 1) == am_const)
        return const_keeps_key(head, tuple_element(body, 2), keypos);
    if (!term_is_tuple_of(body, 1) || !term_is_tuple(tuple_element(body, 1))) return false;
    body = tuple_element(body, 1);
    if (tuple_arity(body) < keypos) return false;
    term_t key = tuple_element(body, keypos);
    if (!term_is_tuple(head) || tuple_arity(head) < keypos) return false;
    return is_key_of_object(key, keypos) || keeps_key(tuple_element(head, keypos), key, MS_MAX_DEPTH);
}

static bool spec_keeps_key(term_t spec, word_t keypos)
{
    for (; term_is_list_cell(spec); spec = list_tail(spec))
        if (!clause_keeps_key(list_head(spec), keypos)) return false;
    return true;
}

/* Each clause of a select_replace must keep the key: refused when that cannot be seen from it, and checked
 * per object in what was compiled before. Bags are refused. */
BIF(ets, select_replace, 2, 0)
{
    EtsTable *t = traversal_of(p) ? NULL : ets_lock(p, a[0], ETS_WANT_WRITE, false);
    if (t) {
        bool bag = t->type == ETS_BAG;
        word_t keypos = t->keypos;
        ets_unlock(t, false);
        if (bag) return bif_error_cause(p, EXC_BADARG, am_table_type);
        if (!spec_keeps_key(a[1], keypos)) return bif_error(p, EXC_BADARG);
    } else if (!traversal_of(p)) {
        return TERM_NONE;
    }
    return search(p, a, ACT_REPLACE, TERM_NONE, false);
}

BIF(ets, match_spec_compile, 1, 0)
{
    MatchSpec *ms = ms_compile(p, a[0], MS_TABLE);
    if (!ms) return TERM_NONE;
    term_t t = ms_term(&p->heap, ms);
    ms_unref(ms);
    return t;
}

BIF(ets, is_compiled_ms, 1, 0) { return term_bool(ms_of_term(a[0]) != NULL); }

/* match_spec_run_r(List, MS, Acc): results in reverse order in front of Acc. */
BIF(ets, match_spec_run_r, 3, 0)
{
    MatchSpec *ms = ms_of_term(a[1]);
    if (!ms) return bif_error(p, EXC_BADARG);
    term_t list = a[0], acc = a[2];
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t r = ms_run(ms, p, list_head(list), false);
        if (r != TERM_NONE) acc = heap_cons(&p->heap, r, acc);
        process_bump_reds(p, 1);
    }
    return list == TERM_NIL ? acc : bif_error(p, EXC_BADARG);
}
