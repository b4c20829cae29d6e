/* SPDX-License-Identifier: Apache-2.0 */
/* ets_names - named tables: a hash table with chains that natives read without a lock.
 * A name that goes, and a table of names that became too small, are freed by the epoch. What is published never
 * changes but for the link of a chain that a name is taken out of. Layer: ets. */
#include "ets/ets_priv.h"

#include <stdio.h>

typedef struct EtsName {
    _Atomic(struct EtsName *) next;
    term_t name;
    EtsTable *table;
} EtsName;

typedef struct EtsNames {
    size_t buckets, count; /* count: name_lock */
    _Atomic(EtsName *) chains[]; /* a power of two */
} EtsNames;

#define LEAST_BUCKETS 64

static size_t names_bytes(size_t buckets) { return sizeof(EtsNames) + buckets * sizeof(_Atomic(EtsName *)); }

static EtsNames *names_new(size_t buckets)
{
    EtsNames *names = mem_alloc_zero(MEM_REGISTRY, names_bytes(buckets));
    names->buckets = buckets;
    return names;
}

void ets_names_init(struct EtsSpace *s)
{
    mutex_init(&s->name_lock, LOCK_ETS_NAMED);
    atomic_init(&s->names, names_new(LEAST_BUCKETS));
}

/* Pairs with the release that publishes a grown table. */
static EtsNames *names_of(const Vm *vm) { return load_acquire(&vm->ets->names); }

static _Atomic(EtsName *) *chain_of(EtsNames *names, term_t name)
{
    return &names->chains[atom_index(name) & (names->buckets - 1)];
}

/* The link to the name, or the one at the end of its chain. */
static _Atomic(EtsName *) *find_link(EtsNames *names, term_t name)
{
    _Atomic(EtsName *) *link = chain_of(names, name);
    for (EtsName *n; (n = load_acquire(link)) != NULL && n->name != name;) link = &n->next;
    return link;
}

EtsTable *ets_by_name(Vm *vm, term_t name)
{
    EtsName *n = load_acquire(find_link(names_of(vm), name));
    return n ? n->table : NULL;
}

/* ---- changes: [name_lock] ---- */

static void put_first(EtsNames *names, term_t name, EtsTable *t)
{
    _Atomic(EtsName *) *chain = chain_of(names, name);
    EtsName *n = MEM_NEW(ETS_TABLE, EtsName);
    n->name = name;
    n->table = t;
    atomic_init(&n->next, load_relaxed(chain));
    store_release(chain, n);
    names->count++;
}

/* Readers may stand in the old chains: the names are copied. */
static EtsNames *grown(Vm *vm, EtsNames *old)
{
    EtsNames *names = names_new(2 * old->buckets);
    for (size_t i = 0; i < old->buckets; i++) {
        for (EtsName *n = load_relaxed(&old->chains[i]); n; n = load_relaxed(&n->next)) {
            put_first(names, n->name, n->table);
            epoch_defer_free(vm->epoch, MEM_ETS_TABLE, n, sizeof *n);
        }
    }
    store_release(&vm->ets->names, names);
    epoch_defer_free(vm->epoch, MEM_REGISTRY, old, names_bytes(old->buckets));
    return names;
}

static bool add(Vm *vm, term_t name, EtsTable *t)
{
    EtsNames *names = names_of(vm);
    if (load_relaxed(find_link(names, name))) return false;
    if (names->count == names->buckets) names = grown(vm, names);
    put_first(names, name, t);
    return true;
}

static void remove_name(EtsTable *t)
{
    EtsNames *names = names_of(t->vm);
    _Atomic(EtsName *) *link = find_link(names, t->name);
    EtsName *n = load_relaxed(link);
    if (!n || n->table != t) return;
    store_release(link, load_relaxed(&n->next));
    names->count--;
    epoch_defer_free(t->vm->epoch, MEM_ETS_TABLE, n, sizeof *n);
}

/* ---- interface ---- */

bool ets_name_add(Vm *vm, term_t name, EtsTable *t)
{
    mutex_lock(&vm->ets->name_lock);
    bool added = add(vm, name, t);
    mutex_unlock(&vm->ets->name_lock);
    return added;
}

void ets_name_forget(EtsTable *t)
{
    mutex_lock(&t->vm->ets->name_lock);
    remove_name(t);
    mutex_unlock(&t->vm->ets->name_lock);
}

bool ets_rename(EtsTable *t, term_t name)
{
    if (!t->named) {
        t->name = name;
        return true;
    }
    /* The lock of names comes before the table's: release it, and take both in order. */
    ets_unlock(t, true);
    mutex_lock(&t->vm->ets->name_lock);
    ets_table_lock(t, true);
    bool ok = !ets_is_deleted(t) && add(t->vm, name, t);
    if (ok) {
        remove_name(t);
        t->name = name;
    }
    mutex_unlock(&t->vm->ets->name_lock);
    return ok;
}

term_t ets_colliding_names(Process *p, term_t name, size_t n)
{
    size_t mask = names_of(p->vm)->buckets - 1;
    term_t list = TERM_NIL;
    char text[32];
    for (size_t i = 0; n > 0; i++) {
        int len = snprintf(text, sizeof text, "ets_name_%zu", i);
        term_t atom = atom_intern(text, (size_t)len);
        if (((atom_index(atom) ^ atom_index(name)) & mask) != 0 || atom == name) continue;
        list = heap_cons(&p->heap, atom, list);
        n--;
    }
    return list;
}
