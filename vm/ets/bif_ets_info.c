/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ets_info - info/1,2 and the list of all tables. Layer: ets. */
#include "base/clock.h"
#include "data/binary.h"
#include "data/node.h"
#include "data/term_print.h"
#include "ets/ets_priv.h"
#include "sched/sched.h"

#include <math.h>

static term_t type_atom(const EtsTable *t)
{
    static const term_t atoms[] = {am_set, am_bag, am_duplicate_bag, am_ordered_set};
    return atoms[t->type];
}

static term_t protection_atom(const EtsTable *t)
{
    static const term_t atoms[] = {am_public, am_protected, am_private};
    return atoms[t->protection];
}

/* [{Pid, Count}] of the processes that fixed the table. */
static term_t fixers(Heap *h, EtsTable *t)
{
    term_t list = TERM_NIL;
    mutex_lock(&t->vm->ets->owner_lock);
    for (EtsFix *f = t->fixers; f; f = f->next_of_table)
        list = heap_cons(h, heap_tuple2(h, f->pid, heap_uint(h, f->count)), list);
    mutex_unlock(&t->vm->ets->owner_lock);
    return list;
}

/* {Since, Fixers} or false; `Since` in the form the item's name asks for. */
static term_t fixed_info(Heap *h, EtsTable *t, bool monotonic)
{
    term_t list = fixers(h, t);
    if (list == TERM_NIL) return am_false;
    if (monotonic) return heap_tuple2(h, heap_int(h, t->fixed_since), list);
    int64_t us = (t->fixed_since + clock_offset_ns()) / 1000;
    term_t when = heap_tuple3(h, term_small(us / 1000000000000), term_small(us / 1000000 % 1000000),
                              term_small(us % 1000000));
    return heap_tuple2(h, when, list);
}

/* {Buckets, Mean, Deviation, ExpectedDeviation, Shortest, Longest, Tombstones, Locks} of the chains. */
static term_t hash_stats(Heap *h, EtsTable *t)
{
    size_t longest = 0, shortest = SIZE_MAX;
    double squares = 0;
    size_t active = ets_hash_active(&t->hash);
    for (size_t i = 0; i < active; i++) {
        size_t n = 0;
        for (EtsObject *o = ets_hash_slot(t, i); o; o = ets_hash_chain_next(t, o)) n++;
        squares += (double)n * (double)n;
        longest = MAX(longest, n);
        shortest = MIN(shortest, n);
    }
    double buckets = (double)active, mean = (double)ets_size(t) / buckets;
    double deviation = sqrt(MAX(squares / buckets - mean * mean, 0.0));
    double expected = sqrt(mean * (1 - 1 / buckets));
    term_t e[] = {heap_uint(h, active), heap_float(h, mean), heap_float(h, deviation),
                  heap_float(h, expected), heap_uint(h, shortest), heap_uint(h, longest),
                  term_small((int64_t)ets_tombstones(t)), term_small((int64_t)t->stripe_mask + 1)};
    return heap_tuple(h, ARRAY_LEN(e), e);
}

/* {Address, Bytes, References} of each reference-counted binary in o, in front of list. */
static term_t binaries(Heap *h, const EtsObject *o, term_t list)
{
    for (const OffHeap *b = ets_off_heap(o); b; b = b->next) {
        if (HEADER_SUBTAG(b->header) != BOXED_BINREF) continue;
        const Binary *bin = ((const BinRef *)b)->bin;
        term_t triple = heap_tuple3(h, heap_uint(h, (uint64_t)(uintptr_t)bin), heap_uint(h, bin->size),
                                    heap_uint(h, (uint64_t)binary_refs(bin)));
        list = heap_cons(h, triple, list);
    }
    return list;
}

/* Tombstones hold theirs as well. */
static term_t all_binaries(Heap *h, EtsTable *t)
{
    term_t list = TERM_NIL;
    if (ets_is_tree(t)) {
        for (RbNode *n = rb_first(&t->tree); n; n = rb_next(n)) list = binaries(h, ets_tree_object(n), list);
        return list;
    }
    for (size_t i = 0; i < ets_hash_active(&t->hash); i++)
        for (const EtsObject *o = ets_hash_chain(&t->hash, i); o; o = o->h.next)
            list = binaries(h, o, list);
    return list;
}

static term_t write_concurrency(Heap *h, const EtsTable *t)
{
    if (!t->asked_locks) return t->write_concurrency;
    return heap_tuple2(h, am_debug_hash_fixed_number_of_locks, term_small(t->asked_locks));
}

/* Value of one item; TERM_NONE for an unknown one. */
static term_t item(Heap *h, EtsTable *t, term_t what)
{
    switch (what) {
    case am_id: return ets_ref(h, t);
    case am_name: return t->name;
    case am_size: return heap_uint(h, ets_size(t));
    case am_type: return type_atom(t);
    case am_keypos: return term_small((int64_t)t->keypos);
    case am_protection: return protection_atom(t);
    case am_owner: return t->owner;
    case am_heir: return t->heir;
    case am_named_table: return term_bool(t->named);
    case am_memory: return heap_uint(h, ets_memory_words(t));
    case am_node: return node_self_name(t->vm);
    case am_compressed: return term_bool(t->compressed);
    case am_read_concurrency: return term_bool(t->read_concurrency);
    case am_write_concurrency: return write_concurrency(h, t);
    case am_decentralized_counters: return term_bool(t->decentralized);
    case am_fixed: return term_bool(t->fixers != NULL);
    case am_safe_fixed: return fixed_info(h, t, false);
    case am_safe_fixed_monotonic_time: return fixed_info(h, t, true);
    case am_stats: return ets_is_tree(t) ? am_false : hash_stats(h, t);
    case am_binary: return all_binaries(h, t);
    default: return TERM_NONE;
    }
}

/* The table for info, read-locked; NULL and *absent when there is none (not an error). */
static EtsTable *lock_info(Process *p, term_t id, bool *absent)
{
    EtsTable *t = ets_lock(p, id, ETS_WANT_INFO, false);
    *absent = !t && p->fcause == am_id;
    return t;
}

BIF(ets, info, 1, 0)
{
    static const term_t items[] = {
        am_id, am_decentralized_counters, am_read_concurrency, am_write_concurrency,
        am_compressed, am_memory, am_owner, am_heir, am_name, am_size, am_node,
        am_named_table, am_type, am_keypos, am_protection};
    bool absent;
    EtsTable *t = lock_info(p, a[0], &absent);
    if (!t) return absent ? am_undefined : TERM_NONE;
    Heap *h = &p->heap;
    term_t list = TERM_NIL;
    for (size_t i = ARRAY_LEN(items); i-- > 0;)
        list = heap_cons(h, heap_tuple2(h, items[i], item(h, t, items[i])), list);
    ets_unlock(t, false);
    return list;
}

BIF(ets, info, 2, 0)
{
    bool absent;
    EtsTable *t = lock_info(p, a[0], &absent);
    if (!t) return absent ? am_undefined : TERM_NONE;
    term_t value = term_is_atom(a[1]) ? item(&p->heap, t, a[1]) : TERM_NONE;
    ets_unlock(t, false);
    return value != TERM_NONE ? value : bif_error(p, EXC_BADARG);
}

BIF(erts_internal, ets_lookup_binary_info, 2, 0)
{
    EtsTable *t = ets_lock(p, a[0], ETS_WANT_READ, false);
    if (!t) return TERM_NONE;
    term_t list = TERM_NIL;
    for (const EtsObject *o = ets_find(t, a[1]); o; o = ets_find_next(t, (EtsObject *)(uintptr_t)o))
        list = binaries(&p->heap, o, list);
    ets_unlock(t, false);
    return list;
}

BIF(erts_internal, ets_super_user, 1, 0)
{
    return term_is_bool(a[0]) ? am_ok : bif_error(p, EXC_BADARG);
}

static term_t all_tables(Heap *h, Vm *vm)
{
    term_t list = TERM_NIL;
    mutex_lock(&vm->ets->owner_lock);
    for (EtsTable *t = vm->ets->all; t; t = t->next_all) list = heap_cons(h, ets_id(h, t), list);
    mutex_unlock(&vm->ets->owner_lock);
    return list;
}

/* ets:all/0 collects one {Ref, Tables} message per scheduler; the first one carries all. */
BIF(ets, internal_request_all, 0, 0)
{
    RefNum ref = ref_new(p->vm);
    unsigned n = p->vm->sched->count;
    for (unsigned i = 0; i < n; i++) {
        Heap h = {0};
        term_t tables = i == 0 ? all_tables(&h, p->vm) : TERM_NIL;
        term_t msg = heap_tuple2(&h, ref_put(heap_alloc(&h, REF_WORDS), ref), tables);
        message_send_heap(p->vm, p->id, p, msg, &h);
    }
    return ref_put(heap_alloc(&p->heap, REF_WORDS), ref);
}

/* ---- for people ---- */

static void report_table(Buf *b, EtsTable *t)
{
    Heap h = {0};
    buf_puts(b, "=ets:");
    pid_print(b, t->owner);
    buf_printf(b, "\nSlot: %llu\nTable: ", (unsigned long long)(uintptr_t)t);
    term_print(b, ets_id(&h, t), PRINT_NO_LIMIT);
    heap_dispose(&h);
    buf_puts(b, "\nName: ");
    atom_print(b, t->name, true);
    if (ets_is_tree(t)) buf_printf(b, "\nOrdered set (AVL tree), Elements: %zu\n", ets_size(t));
    else buf_printf(b, "\nBuckets: %zu\n", ets_hash_active(&t->hash));
    buf_printf(b, "Objects: %zu\nWords: %zu\nType: ", ets_size(t), ets_memory_words(t));
    atom_print(b, type_atom(t), true);
    buf_puts(b, "\nProtection: ");
    atom_print(b, protection_atom(t), true);
    buf_printf(b, "\nCompressed: %s\nWrite Concurrency: %s\nRead Concurrency: %s\n", t->compressed ? "true" : "false",
               t->write_concurrency == am_false ? "false" : "true", t->read_concurrency ? "true" : "false");
}

void ets_report(Buf *b, Vm *vm)
{
    for (EtsTable *t = vm->ets->all; t; t = t->next_all)
        if (!ets_is_deleted(t)) report_table(b, t);
}
