/* SPDX-License-Identifier: Apache-2.0 */
/* pterm - persistent_term's table and natives.
 * The table is open addressing over pointers; entries are constant. A slot changes by one release
 * store, so readers see the old entry or the new one. Erasing leaves a marker. Layer: ets. */
#include "ets/pterm.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/epoch.h"
#include "base/lock.h"
#include "bifs/bif.h"
#include "code/code.h"
#include "code/purge.h"
#include "data/map.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "heap/literal.h"

typedef struct Entry {
    uint32_t hash;
    term_t key, value;          /* in area, unless immediate */
    LiteralArea *area;          /* NULL: both immediate */
    size_t words;
    EpochNode free_later;
} Entry;

typedef struct Table {
    size_t mask, used;          /* used: slots not NULL, markers included */
    EpochNode free_later;
    _Atomic(Entry *) slots[];
} Table;

struct PtermSpace {
    Mutex lock;                 /* class PTERM: writers */
    _Atomic(Table *) table;
    _Atomic(size_t) count, words;
};

static const Entry erased_entry; /* marker: address only */
#define ERASED ((Entry *)&erased_entry)

#define LEAST_SLOTS 64

static Table *table_new(size_t slots)
{
    Table *t = mem_alloc_zero(MEM_PTERM, sizeof *t + slots * sizeof t->slots[0]);
    t->mask = slots - 1;
    return t;
}

static void table_free(void *arg)
{
    Table *t = arg;
    mem_free(MEM_PTERM, t, sizeof *t + (t->mask + 1) * sizeof t->slots[0]);
}

static void entry_free(void *arg)
{
    Entry *e = arg;
    MEM_DELETE(PTERM, e);
}

void pterm_init(Vm *vm)
{
    struct PtermSpace *s = MEM_NEW(PTERM, struct PtermSpace);
    mutex_init(&s->lock, LOCK_PTERM);
    atomic_init(&s->table, table_new(LEAST_SLOTS));
    vm->pterms = s;
}

static Table *current(Vm *vm)
{
    return atomic_load_explicit(&vm->pterms->table, memory_order_acquire);
}

size_t pterm_table_slots(Vm *vm) { return current(vm)->mask + 1; }

static Entry *slot_get(Table *t, size_t i)
{
    return atomic_load_explicit(&t->slots[i], memory_order_acquire);
}

/* Slot that holds key, or the one where it would go (*found false). */
static size_t locate(Table *t, uint32_t hash, term_t key, bool *found)
{
    size_t i = hash & t->mask, free_slot = SIZE_MAX;
    for (Entry *e; (e = slot_get(t, i)) != NULL; i = (i + 1) & t->mask) {
        if (e == ERASED) {
            if (free_slot == SIZE_MAX) free_slot = i;
        } else if (e->hash == hash && term_eq(e->key, key)) {
            *found = true;
            return i;
        }
    }
    *found = false;
    return free_slot != SIZE_MAX ? free_slot : i;
}

static Entry *find(Vm *vm, term_t key)
{
    bool found;
    Table *t = current(vm);
    size_t i = locate(t, term_hash(key), key, &found);
    return found ? slot_get(t, i) : NULL;
}

bool pterm_is_set(Vm *vm, term_t key) { return find(vm, key) != NULL; }

static Entry *entry_new(Vm *vm, term_t key, term_t value)
{
    Entry *e = MEM_NEW(PTERM, Entry);
    term_t kv[2] = {key, value};
    e->hash = term_hash(key);
    e->area = literal_area_shared(vm, kv, 2);
    e->words = e->area ? (size_t)(literal_area_end(e->area) - literal_area_start(e->area)) : 0;
    e->key = kv[0];
    e->value = kv[1];
    return e;
}

/* [lock] A table that is between a quarter and half full. */
static Table *rebuild(Vm *vm, Table *t)
{
    size_t live = atomic_load(&vm->pterms->count), slots = LEAST_SLOTS;
    while (slots < 2 * (live + 1)) slots *= 2;
    Table *n = table_new(slots);
    for (size_t i = 0; i <= t->mask; i++) {
        Entry *e = slot_get(t, i);
        if (!e || e == ERASED) continue;
        bool found;
        atomic_store_explicit(&n->slots[locate(n, e->hash, e->key, &found)], e,
                              memory_order_relaxed);
        n->used++;
    }
    atomic_store_explicit(&vm->pterms->table, n, memory_order_release);
    epoch_defer(vm->epoch, &t->free_later, table_free, t);
    return n;
}

/* [lock] Grow when more than half of the slots would be in use. */
static Table *make_room(Vm *vm, Table *t)
{
    return 2 * (t->used + 1) <= t->mask + 1 ? t : rebuild(vm, t);
}

/* Hand an area to the collector process, which has every process copy what it still uses. */
static void release_area(Vm *vm, LiteralArea *area)
{
    purge_release_literals(vm, area);
    Process *collector = process_lookup(vm, atomic_load(&vm->code->literal_collector));
    Heap h = {0};
    if (collector) message_send_heap(vm, am_system, collector, am_copy_literals, &h);
}

/* [lock] An entry that no new reader finds. */
static void retire(Vm *vm, Entry *e)
{
    atomic_fetch_sub(&vm->pterms->words, e->words);
    if (e->area) release_area(vm, e->area);
    epoch_defer(vm->epoch, &e->free_later, entry_free, e);
}

/* [lock] */
static void store(Vm *vm, Entry *e)
{
    bool found;
    Table *t = make_room(vm, current(vm));
    size_t i = locate(t, e->hash, e->key, &found);
    Entry *old = slot_get(t, i);
    if (!old) t->used++;
    atomic_store_explicit(&t->slots[i], e, memory_order_release);
    atomic_fetch_add(&vm->pterms->words, e->words);
    if (found) retire(vm, old);
    else atomic_fetch_add(&vm->pterms->count, 1);
}

BIF(persistent_term, put, 2, 0)
{
    struct PtermSpace *s = p->vm->pterms;
    Entry *now = find(p->vm, a[0]);
    if (now && term_eq(now->value, a[1])) return am_ok;
    Entry *e = entry_new(p->vm, a[0], a[1]);
    process_charge(p, e->words / COPIED_WORDS_PER_RED);
    mutex_lock(&s->lock);
    store(p->vm, e);
    mutex_unlock(&s->lock);
    return am_ok;
}

BIF(persistent_term, put_new, 2, 0)
{
    struct PtermSpace *s = p->vm->pterms;
    Entry *e = entry_new(p->vm, a[0], a[1]);
    mutex_lock(&s->lock);
    Entry *now = find(p->vm, a[0]);
    bool same = now && term_eq(now->value, a[1]);
    if (!now) store(p->vm, e);
    mutex_unlock(&s->lock);
    if (!now) return am_ok;
    if (e->area) literal_area_free(e->area);
    MEM_DELETE(PTERM, e);
    return same ? am_ok : bif_error(p, EXC_BADARG);
}

BIF(persistent_term, get, 1, 0)
{
    Entry *e = find(p->vm, a[0]);
    return e ? e->value : bif_error(p, EXC_BADARG);
}

BIF(persistent_term, get, 2, 0)
{
    Entry *e = find(p->vm, a[0]);
    return e ? e->value : a[1];
}

BIF(persistent_term, get, 0, 0)
{
    Table *t = current(p->vm);
    term_t list = TERM_NIL;
    for (size_t i = 0; i <= t->mask; i++) {
        Entry *e = slot_get(t, i);
        if (e && e != ERASED)
            list = heap_cons(&p->heap, heap_tuple2(&p->heap, e->key, e->value), list);
    }
    (void)process_bump_reds(p, (int32_t)MIN(t->mask / 64, (size_t)INT32_MAX));
    return list;
}

BIF(persistent_term, erase, 1, 0)
{
    struct PtermSpace *s = p->vm->pterms;
    bool found;
    mutex_lock(&s->lock);
    Table *t = current(p->vm);
    size_t i = locate(t, term_hash(a[0]), a[0], &found);
    if (found) {
        Entry *e = slot_get(t, i);
        atomic_store_explicit(&t->slots[i], ERASED, memory_order_release);
        atomic_fetch_sub(&s->count, 1);
        retire(p->vm, e);
        size_t slots = t->mask + 1;
        if (slots > LEAST_SLOTS && 4 * atomic_load(&s->count) < slots) rebuild(p->vm, t);
    }
    mutex_unlock(&s->lock);
    return term_bool(found);
}

BIF(persistent_term, info, 0, 0)
{
    struct PtermSpace *s = p->vm->pterms;
    Table *t = current(p->vm);
    size_t bytes = sizeof *t + (t->mask + 1) * sizeof t->slots[0] +
                   atomic_load(&s->words) * sizeof(term_t);
    term_t pairs[] = {am_count, heap_uint(&p->heap, atomic_load(&s->count)),
                      am_memory, heap_uint(&p->heap, bytes)};
    return map_from_pairs(&p->heap, pairs, 2, NULL);
}
