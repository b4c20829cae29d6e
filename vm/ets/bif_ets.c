/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ets - natives of ets that work on tables and single objects. Searching natives are in
 * bif_ets_select.c, counters and element updates in bif_ets_update.c, info in bif_ets_info.c.
 * Semantics: stdlib's ets(3), EEP 54 causes (id, type, access, badkey, keypos, position).
 * Layer: ets. */
#include "data/term_cmp.h"
#include "ets/ets_priv.h"

/* ---- new/2 ---- */

static bool parse_heir(term_t opt, EtsOptions *o)
{
    if (term_is_tuple_of(opt, 2) && tuple_element(opt, 1) == am_heir &&
        tuple_element(opt, 2) == am_none) {
        o->heir = am_none;
        return true;
    }
    if (!term_is_tuple_of(opt, 3) || tuple_element(opt, 1) != am_heir) return false;
    o->heir = tuple_element(opt, 2);
    o->heir_data = tuple_element(opt, 3);
    return term_is_local_pid(o->heir);
}

/* {debug_hash_fixed_number_of_locks, N}: rounded down to a power of two, at least 64; 0 if it is not that. */
static unsigned parse_locks(term_t value)
{
    enum { LEAST = 64, MOST = 32768 };
    if (!term_is_tuple_of(value, 2) || tuple_element(value, 1) != am_debug_hash_fixed_number_of_locks)
        return 0;
    term_t n = tuple_element(value, 2);
    if (!term_is_small(n) || small_value(n) < 1 || small_value(n) > MOST) return 0;
    unsigned locks = LEAST;
    while (2 * locks <= small_value(n)) locks *= 2;
    return locks;
}

static bool parse_write_concurrency(term_t value, EtsOptions *o)
{
    o->asked_locks = parse_locks(value);
    o->write_concurrency = o->asked_locks ? am_true : value;
    return o->asked_locks || term_is_bool(value) || value == am_auto;
}

static bool parse_concurrency(term_t what, term_t value, EtsOptions *o)
{
    if (what == am_write_concurrency) return parse_write_concurrency(value, o);
    if (!term_is_bool(value)) return false;
    if (what == am_read_concurrency) o->read_concurrency = value == am_true;
    else if (what == am_decentralized_counters) o->decentralized = value;
    else return false;
    return true;
}

static bool parse_tuple_option(term_t opt, EtsOptions *o)
{
    if (!term_is_tuple(opt)) return false;
    if (tuple_arity(opt) == 2) {
        term_t what = tuple_element(opt, 1), value = tuple_element(opt, 2);
        if (what == am_keypos) {
            if (!term_is_small(value) || small_value(value) < 1) return false;
            o->keypos = (word_t)small_value(value);
            return true;
        }
        if (parse_concurrency(what, value, o)) return true;
    }
    return parse_heir(opt, o);
}

static bool parse_option(term_t opt, EtsOptions *o)
{
    switch (opt) {
    case am_set: o->type = ETS_SET; return true;
    case am_bag: o->type = ETS_BAG; return true;
    case am_duplicate_bag: o->type = ETS_DUPLICATE_BAG; return true;
    case am_ordered_set: o->type = ETS_ORDERED_SET; return true;
    case am_public: o->protection = ETS_PUBLIC; return true;
    case am_protected: o->protection = ETS_PROTECTED; return true;
    case am_private: o->protection = ETS_PRIVATE; return true;
    case am_named_table: o->named = true; return true;
    case am_compressed: o->compressed = true; return true;
    default: return parse_tuple_option(opt, o);
    }
}

BIF(ets, new, 2, 0)
{
    EtsOptions o = {.protection = ETS_PROTECTED, .keypos = 1, .heir = am_none,
                    .write_concurrency = am_false, .decentralized = TERM_NONE};
    term_t l = a[1];
    for (; term_is_list_cell(l); l = list_tail(l))
        if (!parse_option(list_head(l), &o)) return bif_error(p, EXC_BADARG);
    bool fits = !o.asked_locks || o.type != ETS_ORDERED_SET;
    if (!term_is_atom(a[0]) || l != TERM_NIL || !fits) return bif_error(p, EXC_BADARG);
    EtsTable *t = ets_table_new(p, a[0], &o);
    if (!t) return bif_error_cause(p, EXC_BADARG, am_already_exists);
    return ets_id(&p->heap, t);
}

/* Many objects under one key, or tombstones, are dealt with in one go: they are paid for. */
static void charge_objects(Process *p, size_t n) { process_charge(p, n / 4); }

/* ---- insert ---- */

/* Length of a proper list of storable objects, or -1. */
static int64_t object_list_length(const EtsTable *t, term_t l)
{
    int64_t n = 0;
    for (; term_is_list_cell(l); l = list_tail(l), n++)
        if (!ets_is_object(t, list_head(l))) return -1;
    return l == TERM_NIL ? n : -1;
}

/* A long list is copied in slices, without the lock; then all objects appear in the table at once. */
#define INSERT_AT_ONCE 1000

typedef struct InsertState {
    NativeState base;
    EtsTable *table;         /* a reference: its name may lead to another one by the next slice */
    bool backwards;          /* the last object goes in first */
    EtsObject *first, *last; /* copies, in the order in which they go in */
    term_t rest;
} InsertState;

static void insert_destroy(NativeState *base)
{
    InsertState *s = (InsertState *)base;
    while (s->first) {
        EtsObject *o = s->first;
        s->first = o->h.next;
        ets_object_dispose(o);
    }
    ets_table_unref(s->table);
    MEM_DELETE(ETS_TABLE, s);
}

static void insert_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((InsertState *)base)->rest, 1);
}

static InsertState *insert_state_of(Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == insert_destroy ? (InsertState *)s : NULL;
}

static term_t insert_begin(Process *p, EtsTable *t, term_t objects)
{
    InsertState *s = MEM_NEW(ETS_TABLE, InsertState);
    *s = (InsertState){{.destroy = insert_destroy, .each_root = insert_each_root}, .table = t, .rest = objects};
    ets_table_ref(t);
    s->backwards = t->type == ETS_BAG;
    p->native_state = &s->base;
    return bif_yield(p);
}

/* False: the slice is over. */
static bool insert_copied(Process *p, InsertState *s)
{
    for (int n = INSERT_AT_ONCE; n > 0 && s->rest != TERM_NIL; n--, s->rest = list_tail(s->rest)) {
        EtsObject *o = ets_object_new(list_head(s->rest));
        o->h.next = s->backwards ? s->first : NULL;
        if (!s->backwards && s->last) s->last->h.next = o;
        if (s->backwards || !s->first) s->first = o;
        s->last = o;
    }
    process_bump_reds(p, INT32_MAX);
    return s->rest == TERM_NIL;
}

static bool is_any_there(EtsTable *t, const EtsObject *o)
{
    for (; o; o = o->h.next)
        if (ets_find(t, ets_key(t, ets_tuple(o)))) return true;
    return false;
}

static term_t insert_end(EtsTable *t, InsertState *s, bool only_new)
{
    bool put = !only_new || !is_any_there(t, s->first);
    while (put && s->first) {
        EtsObject *o = s->first;
        s->first = o->h.next;
        ets_put(t, o);
    }
    return term_bool(put);
}

/* The next call of the process begins anew, also when the table has gone. */
static void insert_over(Process *p, InsertState *s)
{
    p->native_state = NULL;
    insert_destroy(&s->base);
}

static term_t reversed(Heap *h, term_t list)
{
    term_t r = TERM_NIL;
    for (; term_is_list_cell(list); list = list_tail(list)) r = heap_cons(h, list_head(list), r);
    return r;
}

static term_t insert_unlocked(Process *p, EtsTable *t, term_t objects, bool only_new)
{
    int64_t n = object_list_length(t, objects);
    if (n < 0) return bif_error(p, EXC_BADARG);
    if (n > INSERT_AT_ONCE) return insert_begin(p, t, objects);
    if (only_new) {
        for (term_t l = objects; l != TERM_NIL; l = list_tail(l))
            if (ets_find(t, ets_key(t, list_head(l)))) return am_false;
    }
    /* A list goes into a bag last element first, as on the reference: look-ups show it. */
    if (t->type == ETS_BAG) objects = reversed(&p->heap, objects);
    for (term_t l = objects; l != TERM_NIL; l = list_tail(l))
        ets_put(t, ets_object_new(list_head(l)));
    process_bump_reds(p, (int32_t)n);
    return am_true;
}

/* The copy is made before the lock is taken: writers of one table wait for each other no longer than they must. */
static term_t insert_one(Process *p, term_t *a, bool only_new)
{
    EtsObject *o = ets_object_new(a[1]);
    EtsStripe *s;
    EtsTable *t = ets_lock_object(p, a[0], a[1], &s);
    bool is_fit = t && ets_is_object(t, a[1]), put = is_fit && !(only_new && ets_find(t, ets_key(t, a[1])));
    if (put) ets_put(t, o);
    if (t) ets_unlock_stripe(t, s, true);
    if (!put) ets_object_dispose(o);
    return is_fit ? term_bool(put) : t ? bif_error(p, EXC_BADARG) : TERM_NONE;
}

static term_t insert(Process *p, term_t *a, bool only_new)
{
    if (term_is_tuple(a[1])) return insert_one(p, a, only_new);
    InsertState *s = insert_state_of(p);
    if (s && !insert_copied(p, s)) return bif_yield(p);
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    term_t result = TERM_NONE;
    if (t && s) result = t == s->table ? insert_end(t, s, only_new) : bif_error_cause(p, EXC_BADARG, am_id);
    else if (t) result = insert_unlocked(p, t, a[1], only_new);
    if (t) ets_unlock(t, true);
    if (s) insert_over(p, s);
    return result;
}

BIF(ets, insert, 2, 0) { return insert(p, a, false); }
BIF(ets, insert_new, 2, 0) { return insert(p, a, true); }

/* ---- look-up ---- */

/* Copies of all objects with the key, in insertion order: chains have the newest first. */
static term_t copy_all(Process *p, EtsTable *t, term_t key)
{
    term_t list = TERM_NIL;
    size_t n = 0;
    for (EtsObject *o = ets_find(t, key); o; o = ets_find_next(t, o), n++)
        list = heap_cons(&p->heap, ets_object_copy(&p->heap, o), list);
    charge_objects(p, n);
    return list;
}

BIF(ets, lookup, 2, 0)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_READ, a[1], false, &s);
    if (!t) return TERM_NONE;
    term_t result = copy_all(p, t, a[1]);
    ets_unlock_stripe(t, s, false);
    return result;
}

BIF(ets, member, 2, 0)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_READ, a[1], false, &s);
    if (!t) return TERM_NONE;
    bool found = ets_find(t, a[1]) != NULL;
    ets_unlock_stripe(t, s, false);
    return term_bool(found);
}

static term_t elements(Process *p, EtsTable *t, EtsObject *o, word_t pos)
{
    term_t list = TERM_NIL;
    size_t n = 0;
    for (; o; o = ets_find_next(t, o), n++) {
        if (pos > tuple_arity(ets_tuple(o))) return bif_error(p, EXC_BADARG);
        list = heap_cons(&p->heap, term_copy(&p->heap, tuple_element(ets_tuple(o), pos)), list);
    }
    charge_objects(p, n);
    return list;
}

static term_t lookup_element(Process *p, term_t *a, term_t otherwise)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_READ, a[1], false, &s);
    if (!t) return TERM_NONE;
    EtsObject *o = ets_find(t, a[1]);
    term_t result;
    if (!term_is_small(a[2]) || small_value(a[2]) < 1) {
        result = bif_error(p, EXC_BADARG);
    } else if (!o) {
        result = otherwise != TERM_NONE ? otherwise
                                        : bif_error_cause(p, EXC_BADARG, am_badkey);
    } else {
        result = elements(p, t, o, (word_t)small_value(a[2]));
        bool single = t->type == ETS_SET || t->type == ETS_ORDERED_SET;
        if (result != TERM_NONE && single) result = list_head(result);
    }
    ets_unlock_stripe(t, s, false);
    return result;
}

BIF(ets, lookup_element, 3, 0) { return lookup_element(p, a, TERM_NONE); }
BIF(ets, lookup_element, 4, 0) { return lookup_element(p, a, a[3]); }

/* ---- take and delete ---- */

BIF(ets, take, 2, 0)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_WRITE, a[1], true, &s);
    if (!t) return TERM_NONE;
    term_t result = copy_all(p, t, a[1]);
    if (result != TERM_NIL) ets_remove_key(t, a[1]);
    ets_unlock_stripe(t, s, true);
    return result;
}

BIF(ets, delete, 2, 0)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_WRITE, a[1], true, &s);
    if (!t) return TERM_NONE;
    size_t n = ets_remove_key(t, a[1]);
    ets_unlock_stripe(t, s, true);
    charge_objects(p, n);
    return am_true;
}

BIF(ets, delete_object, 2, 0)
{
    EtsStripe *s;
    EtsTable *t = ets_lock_object(p, a[0], a[1], &s);
    if (!t) return TERM_NONE;
    bool ok = ets_is_object(t, a[1]);
    if (ok) ets_remove_equal(t, a[1]);
    ets_unlock_stripe(t, s, true);
    return ok ? am_true : bif_error(p, EXC_BADARG);
}

/* What a process took out of a table and frees in slices. */
typedef struct FreeState {
    NativeState base;
    EtsGarbage *garbage;
    term_t result;      /* immediate */
} FreeState;

enum { FREE_PER_SLICE = 2000 };

static void free_destroy(NativeState *s)
{
    FreeState *d = (FreeState *)s;
    if (d->garbage) ets_garbage_free_some(d->garbage, SIZE_MAX);
    MEM_DELETE(ETS_TABLE, d);
}

static FreeState *free_state_of(Process *p)
{
    NativeState *s = p->native_state;
    return s && s->destroy == free_destroy ? (FreeState *)s : NULL;
}

static term_t free_some(Process *p, FreeState *d)
{
    if (d->garbage && !ets_garbage_free_some(d->garbage, FREE_PER_SLICE)) {
        process_bump_reds(p, 4000);
        return bif_yield(p);
    }
    term_t result = d->result;
    p->native_state = NULL;
    MEM_DELETE(ETS_TABLE, d);
    return result;
}

/* garbage may be NULL: then only time has to be paid for. */
static term_t free_all(Process *p, EtsGarbage *garbage, term_t result)
{
    FreeState *d = MEM_NEW(ETS_TABLE, FreeState);
    d->base.destroy = free_destroy;
    d->garbage = garbage;
    d->result = result;
    p->native_state = &d->base;
    if (garbage) return free_some(p, d);
    process_bump_reds(p, 4000);
    return bif_yield(p);
}

BIF(ets, delete, 1, 0)
{
    FreeState *d = free_state_of(p);
    if (d) return free_some(p, d);
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    if (!t) return TERM_NONE;
    return free_all(p, ets_table_delete(t), am_true);
}

/* internal_delete_all(Table, undefined) -> number deleted. */
BIF(ets, internal_delete_all, 2, 0)
{
    FreeState *d = free_state_of(p);
    if (d) return free_some(p, d);
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    if (!t) return TERM_NONE;
    size_t n = ets_size(t);
    EtsGarbage *garbage = ets_remove_all(t);
    ets_unlock(t, true);
    term_t count = term_small((int64_t)n);
    return garbage || n > FREE_PER_SLICE ? free_all(p, garbage, count) : count;
}

/* ---- order ---- */

static term_t key_or_end(Process *p, EtsTable *t, EtsObject *o)
{
    if (!o) return am_Dollar_end_of_table;
    return term_copy(&p->heap, ets_key(t, ets_tuple(o)));
}

static term_t edge(Process *p, term_t id, EtsObject *(*get)(EtsTable *))
{
    EtsTable *t = ets_lock(p, id, ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    term_t key = key_or_end(p, t, get(t));
    ets_unlock(t, false);
    return key;
}

static term_t step(Process *p, term_t *a, EtsObject *(*get)(EtsTable *, term_t, bool *))
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    bool found;
    EtsObject *o = get(t, a[1], &found);
    term_t key = found ? key_or_end(p, t, o) : bif_error(p, EXC_BADARG);
    ets_unlock(t, false);
    return key;
}

BIF(ets, first, 1, 0) { return edge(p, a[0], ets_first); }
BIF(ets, last, 1, 0) { return edge(p, a[0], ets_last); }
BIF(ets, next, 2, 0) { return step(p, a, ets_next); }
BIF(ets, prev, 2, 0) { return step(p, a, ets_prev); }

/* {Key, Objects} of an object, or '$end_of_table'. */
static term_t key_and_objects(Process *p, EtsTable *t, EtsObject *o)
{
    if (!o) return am_Dollar_end_of_table;
    term_t key = term_copy(&p->heap, ets_key(t, ets_tuple(o)));
    return heap_tuple2(&p->heap, key, copy_all(p, t, key));
}

static term_t edge_lookup(Process *p, term_t id, EtsObject *(*get)(EtsTable *))
{
    EtsTable *t = ets_lock(p, id, ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    term_t result = key_and_objects(p, t, get(t));
    ets_unlock(t, false);
    return result;
}

static term_t step_lookup(Process *p, term_t *a, EtsObject *(*get)(EtsTable *, term_t, bool *))
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    bool found;
    EtsObject *o = get(t, a[1], &found);
    term_t r = found ? key_and_objects(p, t, o) : bif_error_cause(p, EXC_BADARG, am_badkey);
    ets_unlock(t, false);
    return r;
}

BIF(ets, first_lookup, 1, 0) { return edge_lookup(p, a[0], ets_first); }
BIF(ets, last_lookup, 1, 0) { return edge_lookup(p, a[0], ets_last); }
BIF(ets, next_lookup, 2, 0) { return step_lookup(p, a, ets_next); }
BIF(ets, prev_lookup, 2, 0) { return step_lookup(p, a, ets_prev); }

BIF(erts_internal, ets_raw_first, 1, 0) { return edge(p, a[0], ets_first); }
BIF(erts_internal, ets_raw_next, 2, 0) { return step(p, a, ets_next); }

/* slot(Tab, I): objects of the I-th slot; the I-th object of an ordered_set. */
static term_t slot_objects(Process *p, EtsTable *t, size_t i)
{
    if (ets_is_tree(t)) {
        if (i > ets_size(t)) return bif_error(p, EXC_BADARG);
        EtsObject *o = ets_first(t);
        for (size_t k = 0; o && k < i; k++) o = ets_tree_object(rb_next(&o->node));
        if (!o) return am_Dollar_end_of_table;
        return heap_cons(&p->heap, ets_object_copy(&p->heap, o), TERM_NIL);
    }
    if (i > ets_hash_active(&t->hash)) return bif_error(p, EXC_BADARG);
    if (i == ets_hash_active(&t->hash)) return am_Dollar_end_of_table;
    term_t list = TERM_NIL;
    for (EtsObject *o = ets_hash_slot(t, i); o; o = ets_hash_chain_next(t, o))
        list = heap_cons(&p->heap, ets_object_copy(&p->heap, o), list);
    return list;
}

BIF(ets, slot, 2, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    bool ok = term_is_small(a[1]) && small_value(a[1]) >= 0;
    term_t result = ok ? slot_objects(p, t, (size_t)small_value(a[1]))
                       : bif_error(p, EXC_BADARG);
    ets_unlock(t, false);
    return result;
}

/* ---- names, owners, fixation ---- */

BIF(ets, rename, 2, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    if (!t) return TERM_NONE;
    bool ok = term_is_atom(a[1]) && ets_rename(t, a[1]);
    term_t id = ok ? ets_id(&p->heap, t) : bif_error(p, EXC_BADARG);
    ets_unlock(t, true);
    return id;
}

BIF(ets, whereis, 1, 0)
{
    term_t ref;
    if (!term_is_atom(a[0])) return bif_error(p, EXC_BADARG);
    return ets_whereis_locked_name(p->vm, a[0], &p->heap, &ref) ? ref : am_undefined;
}

static term_t give_away(Process *p, EtsTable *t, term_t pid, term_t gift)
{
    if (t->owner != p->id) return bif_error_cause(p, EXC_BADARG, am_not_owner);
    if (pid == p->id) return bif_error_cause(p, EXC_BADARG, am_owner);
    Process *to = term_is_local_pid(pid) ? process_lookup(p->vm, pid) : NULL;
    if (!to || !ets_change_owner(t, to)) return bif_error(p, EXC_BADARG);
    Heap h = {0};
    term_t msg = heap_tuple4(&h, am_ETS_TRANSFER, ets_id(&h, t), p->id, term_copy(&h, gift));
    message_send_heap(p->vm, p->id, to, msg, &h);
    return am_true;
}

BIF(ets, give_away, 3, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    if (!t) return TERM_NONE;
    term_t result = give_away(p, t, a[1], a[2]);
    ets_unlock(t, true);
    return result;
}

static bool set_heir(EtsTable *t, term_t opt)
{
    EtsOptions o = {.heir = am_none};
    if (!parse_heir(opt, &o)) return false;
    ets_set_heir(t, o.heir, o.heir_data);
    return true;
}

static bool is_protection(term_t opt)
{
    return term_is_tuple_of(opt, 2) && tuple_element(opt, 1) == am_protection;
}

static bool set_option(EtsTable *t, term_t opt)
{
    EtsOptions o = {0};
    if (!is_protection(opt)) return set_heir(t, opt);
    term_t value = tuple_element(opt, 2);
    if (value != am_public && value != am_protected && value != am_private) return false;
    parse_option(value, &o);
    t->protection = o.protection;
    return true;
}

static term_t setopts(Process *p, EtsTable *t, term_t opts)
{
    if (t->owner != p->id) return bif_error_cause(p, EXC_BADARG, am_not_owner);
    if (term_is_tuple(opts)) return set_option(t, opts) ? am_true : bif_error(p, EXC_BADARG);
    for (; term_is_list_cell(opts); opts = list_tail(opts))
        if (!set_option(t, list_head(opts))) return bif_error(p, EXC_BADARG);
    return opts == TERM_NIL ? am_true : bif_error(p, EXC_BADARG);
}

BIF(ets, setopts, 2, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_WRITE, true);
    if (!t) return TERM_NONE;
    term_t result = setopts(p, t, a[1]);
    ets_unlock(t, true);
    return result;
}

BIF(ets, safe_fixtable, 2, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    if (a[1] == am_true) ets_fix(p, t);
    size_t tombstones = ets_tombstones(t);
    ets_unlock(t, false);
    if (a[1] == am_false && ets_unfix(p, t)) charge_objects(p, tombstones);
    return term_is_bool(a[1]) ? am_true : bif_error(p, EXC_BADARG);
}
