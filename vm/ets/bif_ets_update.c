/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ets_update - update_element and update_counter: atomic changes of one object.
 * All operations of a call are checked and computed on a copy before the object is replaced.
 * Semantics: stdlib's ets(3). Layer: ets. */
#include "data/arith.h"
#include "data/term_cmp.h"
#include "ets/ets_priv.h"

/* The object with the key; with a default, one is inserted first. NULL with the cause set. */
static EtsObject *find_or_default(Process *p, EtsTable *t, term_t key, term_t otherwise)
{
    EtsObject *o = ets_find(t, key);
    if (o) return o;
    if (otherwise == TERM_NONE) {
        bif_error_cause(p, EXC_BADARG, am_badkey);
        return NULL;
    }
    if (!term_is_tuple(otherwise) || tuple_arity(otherwise) < t->keypos) {
        bif_error(p, EXC_BADARG);
        return NULL;
    }
    word_t n = tuple_arity(otherwise);
    term_t *tmp = heap_alloc(&p->heap, n + 1);
    memcpy(tmp, boxed_ptr(otherwise), (n + 1) * sizeof(term_t));
    tmp[t->keypos] = key;
    ets_put(t, ets_object_new(term_make_boxed(tmp)));
    return ets_find(t, key);
}

/* A modifiable copy of the tuple's words on p's heap. */
static term_t *tuple_draft(Process *p, term_t tuple)
{
    size_t words = tuple_arity(tuple) + 1;
    term_t *draft = heap_alloc(&p->heap, words);
    memcpy(draft, boxed_ptr(tuple), words * sizeof(term_t));
    return draft;
}

/* The draft may point into the object it was made from: leave nothing that dangles on the heap. */
static void draft_forget(term_t *draft)
{
    for (word_t i = HEADER_ARITY(draft[0]); i > 0; i--) draft[i] = TERM_NIL;
}

/* The draft becomes the object: in place when only immediates took the place of others. [write, as all here] */
static void draft_put(EtsTable *t, EtsObject *o, term_t *draft)
{
    term_t *words = boxed_ptr(ets_tuple(o));
    word_t n = HEADER_ARITY(draft[0]), i = 1;
    while (i <= n && (draft[i] == words[i] || (term_is_immed(draft[i]) && term_is_immed(words[i])))) i++;
    if (i <= n) ets_replace(t, o, ets_object_new(term_make_boxed(draft)));
    else memcpy(words + 1, draft + 1, n * sizeof *words);
}

/* cause: of a position outside of the tuple; TERM_NONE for none. */
static bool check_position(Process *p, EtsTable *t, term_t pos, const term_t *draft, term_t cause)
{
    if (!term_is_small(pos) || small_value(pos) < 1 ||
        (word_t)small_value(pos) > HEADER_ARITY(draft[0])) {
        bif_error_cause(p, EXC_BADARG, cause);
        return false;
    }
    if ((word_t)small_value(pos) == t->keypos) {
        bif_error_cause(p, EXC_BADARG, am_keypos);
        return false;
    }
    return true;
}

/* ---- update_element ---- */

static bool set_element(Process *p, EtsTable *t, term_t *draft, term_t spec)
{
    if (!term_is_tuple_of(spec, 2)) {
        bif_error(p, EXC_BADARG);
        return false;
    }
    if (!check_position(p, t, tuple_element(spec, 1), draft, TERM_NONE)) return false;
    draft[small_value(tuple_element(spec, 1))] = tuple_element(spec, 2);
    return true;
}

static bool set_elements(Process *p, EtsTable *t, term_t *draft, term_t specs)
{
    if (term_is_tuple(specs)) return set_element(p, t, draft, specs);
    for (; term_is_list_cell(specs); specs = list_tail(specs))
        if (!set_element(p, t, draft, list_head(specs))) return false;
    if (specs == TERM_NIL) return true;
    bif_error(p, EXC_BADARG);
    return false;
}

/* An atomic value in place of another, done in the object itself; false when it is something else. */
static bool set_in_place(const EtsTable *t, EtsObject *o, term_t spec)
{
    if (!term_is_tuple_of(spec, 2) || !term_is_small(tuple_element(spec, 1))) return false;
    word_t pos = (word_t)small_value(tuple_element(spec, 1));
    if (pos < 1 || pos > tuple_arity(ets_tuple(o)) || pos == t->keypos) return false;
    if (!term_is_immed(tuple_element(spec, 2))) return false;
    term_t *cell = &boxed_ptr(ets_tuple(o))[pos];
    if (!term_is_immed(*cell)) return false;
    *cell = tuple_element(spec, 2);
    return true;
}

static term_t update_element(Process *p, EtsTable *t, term_t *a, term_t otherwise)
{
    EtsObject *o = ets_find(t, a[1]);
    if (!o && otherwise == TERM_NONE) return am_false;
    if (!o) o = find_or_default(p, t, a[1], otherwise);
    if (!o) return TERM_NONE;
    if (set_in_place(t, o, a[2])) return am_true;
    term_t *draft = tuple_draft(p, ets_tuple(o));
    bool ok = set_elements(p, t, draft, a[2]);
    if (ok) draft_put(t, o, draft);
    draft_forget(draft);
    return ok ? am_true : TERM_NONE;
}

/* The table, if its type holds one object per key, with the stripe of the key write-locked; else badarg with the
 * cause, TERM_NONE: none. */
static EtsTable *lock_single(Process *p, const term_t *a, term_t cause, EtsStripe **s)
{
    EtsTable *t = ets_lock_key(p, a[0], ETS_WANT_WRITE, a[1], true, s);
    if (!t || t->type == ETS_SET || t->type == ETS_ORDERED_SET) return t;
    ets_unlock_stripe(t, *s, true);
    if (cause == TERM_NONE) bif_error(p, EXC_BADARG);
    else bif_error_cause(p, EXC_BADARG, cause);
    return NULL;
}

static term_t update_element_call(Process *p, term_t *a, term_t otherwise)
{
    EtsStripe *s;
    EtsTable *t = lock_single(p, a, TERM_NONE, &s);
    if (!t) return TERM_NONE;
    term_t result = update_element(p, t, a, otherwise);
    ets_unlock_stripe(t, s, true);
    return result;
}

BIF(ets, update_element, 3, 0) { return update_element_call(p, a, TERM_NONE); }
BIF(ets, update_element, 4, 0) { return update_element_call(p, a, a[3]); }

/* ---- update_counter ---- */

static term_t bad_counter(Process *p)
{
    return bif_error(p, EXC_BADARG);
}

static term_t copied_int(Process *p, term_t i)
{
    return term_is_immed(i) ? i : term_copy(&p->heap, i);
}

/* {Pos, Incr} or {Pos, Incr, Threshold, SetValue} applied to the draft; the new value. */
static term_t count_op(Process *p, EtsTable *t, term_t *draft, term_t op)
{
    bool limited = term_is_tuple_of(op, 4);
    if (!limited && !term_is_tuple_of(op, 2)) return bad_counter(p);
    for (word_t i = 1; i <= tuple_arity(op); i++)
        if (!term_is_integer(tuple_element(op, i))) return bad_counter(p);
    if (!check_position(p, t, tuple_element(op, 1), draft, am_position)) return TERM_NONE;
    term_t *cell = &draft[small_value(tuple_element(op, 1))];
    if (!term_is_integer(*cell)) return bad_counter(p);
    enum ArithError err;
    term_t incr = tuple_element(op, 2);
    term_t value = arith_add(&p->heap, copied_int(p, *cell), incr, &err);
    if (value == TERM_NONE) return bif_error(p, EXC_SYSTEM_LIMIT);
    if (limited) {
        int past = term_cmp(value, tuple_element(op, 3));
        bool down = term_cmp(incr, term_small(0)) < 0;
        if (down ? past < 0 : past > 0) value = tuple_element(op, 4);
    }
    *cell = value;
    return value;
}

static term_t count_list(Process *p, EtsTable *t, term_t *draft, term_t ops)
{
    term_t first = TERM_NIL, *tail = &first;
    for (; term_is_list_cell(ops); ops = list_tail(ops)) {
        term_t value = count_op(p, t, draft, list_head(ops));
        if (value == TERM_NONE) return TERM_NONE;
        term_t *cell = heap_alloc(&p->heap, 2);
        *tail = list_put(cell, value, TERM_NIL);
        tail = &cell[1];
    }
    return ops == TERM_NIL ? first : bad_counter(p);
}

/* What most counters need, Incr or {Pos, Incr} of small integers, done in the object itself; TERM_NONE when it is
 * something else, and nothing was changed. */
static term_t count_in_place(const EtsTable *t, EtsObject *o, term_t op)
{
    word_t pos = t->keypos + 1;
    if (term_is_tuple_of(op, 2)) {
        if (!term_is_small(tuple_element(op, 1))) return TERM_NONE;
        pos = (word_t)small_value(tuple_element(op, 1));
        op = tuple_element(op, 2);
    }
    if (!term_is_small(op) || pos < 1 || pos > tuple_arity(ets_tuple(o)) || pos == t->keypos) return TERM_NONE;
    term_t *cell = &boxed_ptr(ets_tuple(o))[pos];
    if (!term_is_small(*cell)) return TERM_NONE;
    int64_t sum = small_value(*cell) + small_value(op);
    return int_fits_small(sum) ? *cell = term_small(sum) : TERM_NONE;
}

static term_t update_counter(Process *p, EtsTable *t, term_t *a, term_t otherwise)
{
    EtsObject *o = ets_find(t, a[1]);
    bool existed = o != NULL;
    if (!existed) o = find_or_default(p, t, a[1], otherwise);
    if (!o) return TERM_NONE;
    term_t counted = count_in_place(t, o, a[2]);
    if (counted != TERM_NONE) return counted;
    term_t *draft = tuple_draft(p, ets_tuple(o)), result;
    if (term_is_integer(a[2])) {
        term_t op = heap_tuple2(&p->heap, term_small((int64_t)t->keypos + 1), a[2]);
        result = count_op(p, t, draft, op);
    } else if (term_is_tuple(a[2])) {
        result = count_op(p, t, draft, a[2]);
    } else {
        result = count_list(p, t, draft, a[2]);
    }
    if (result != TERM_NONE)
        draft_put(t, o, draft);
    else if (!existed)
        ets_remove_key(t, a[1]);
    draft_forget(draft);
    return result;
}

static term_t update_counter_call(Process *p, term_t *a, term_t otherwise)
{
    EtsStripe *s;
    EtsTable *t = lock_single(p, a, am_table_type, &s);
    if (!t) return TERM_NONE;
    term_t result = update_counter(p, t, a, otherwise);
    ets_unlock_stripe(t, s, true);
    return result;
}

BIF(ets, update_counter, 3, 0) { return update_counter_call(p, a, TERM_NONE); }
BIF(ets, update_counter, 4, 0) { return update_counter_call(p, a, a[3]); }
