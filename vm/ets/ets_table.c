/* SPDX-License-Identifier: Apache-2.0 */
/* ets_table - life of tables: creation, names, identifiers, ownership, fixation, deletion.
 * Ownership: a table struct lives while `refs` > 0: one for the registry until deletion, one for the
 *            magic binary, one for each native at work on it.
 * Layer: ets. */
#include "base/clock.h"
#include "data/binary.h"
#include "ets/ets_priv.h"


static struct EtsSpace *space(Vm *vm) { return vm->ets; }

#define USUAL_LIMIT 8192

void ets_init(Vm *vm, size_t tables)
{
    struct EtsSpace *s = MEM_NEW(ETS_TABLE, struct EtsSpace);
    ets_names_init(s);
    mutex_init(&s->owner_lock, LOCK_ETS_OWNER);
    s->limit = MAX(tables, USUAL_LIMIT);
    vm->ets = s;
}

size_t ets_table_count(Vm *vm) { return atomic_load(&space(vm)->count); }
size_t ets_table_limit(Vm *vm) { return space(vm)->limit; }

/* ---- references ---- */

void ets_table_ref(EtsTable *t) { atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed); }

static void free_table(void *arg)
{
    EtsTable *t = arg;
    heap_dispose(&t->heir_heap);
    MEM_DELETE(RESOURCE, t);
}

/* Natives look at tables without a reference: until the next quiescent state they may. */
void ets_table_unref(EtsTable *t)
{
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        epoch_defer(t->vm->epoch, &t->later, free_table, t);
}

static void destroy_magic(Binary *b)
{
    ets_table_unref(*(EtsTable **)b->data);
}

EtsTable *ets_of_magic(const Binary *b)
{
    return b->destroy == destroy_magic ? *(EtsTable *const *)b->data : NULL;
}

term_t ets_ref(Heap *h, EtsTable *t)
{
    return heap_magic_ref(h, binary_ref(t->magic), t->id);
}

term_t ets_id(Heap *h, EtsTable *t)
{
    return t->named ? t->name : ets_ref(h, t);
}

/* ---- creation ---- */

/* [owner_lock] The process's part in tables, made when it has none yet. */
static EtsProc *proc_part(Process *p)
{
    if (!p->ets) {
        p->ets = MEM_NEW(PROC, EtsProc);
        p->ets->serial = ++space(p->vm)->serials;
    }
    return p->ets;
}

static void link_owned(EtsTable *t, Process *p)
{
    proc_part(p);
    t->owned_by = p->ets;
    t->prev_owned = NULL;
    t->next_owned = p->ets->owned;
    if (t->next_owned) t->next_owned->prev_owned = t;
    p->ets->owned = t;
}

static void unlink_owned(EtsTable *t)
{
    if (t->prev_owned) t->prev_owned->next_owned = t->next_owned;
    else t->owned_by->owned = t->next_owned;
    if (t->next_owned) t->next_owned->prev_owned = t->prev_owned;
    t->next_owned = t->prev_owned = NULL;
}

static void link_all(struct EtsSpace *s, EtsTable *t)
{
    t->next_all = s->all;
    if (s->all) s->all->prev_all = t;
    s->all = t;
}

static void unlink_all(struct EtsSpace *s, EtsTable *t)
{
    if (t->prev_all) t->prev_all->next_all = t->next_all;
    else s->all = t->next_all;
    if (t->next_all) t->next_all->prev_all = t->prev_all;
}

void ets_set_heir(EtsTable *t, term_t pid, term_t data)
{
    struct EtsSpace *s = space(t->vm);
    heap_dispose(&t->heir_heap);
    t->heir_heap = (Heap){0};
    t->heir = am_none;
    t->heir_serial = 0;
    t->heir_data = TERM_NIL;
    if (pid == am_none) return;
    mutex_lock(&s->owner_lock);
    Process *heir = process_lookup(t->vm, pid);
    if (heir && !process_is_exiting(heir)) {
        t->heir = pid;
        t->heir_serial = proc_part(heir)->serial;
    }
    mutex_unlock(&s->owner_lock);
    if (t->heir != am_none) t->heir_data = term_copy_all(&t->heir_heap, data);
}

/* Without write_concurrency there is nothing to be concurrent about, nor in private tables. */
static void set_concurrency(EtsTable *t, const EtsOptions *o)
{
    bool on = o->write_concurrency != am_false && o->protection != ETS_PRIVATE;
    bool by_default = o->type == ETS_ORDERED_SET || o->write_concurrency == am_auto || o->asked_locks;
    t->write_concurrency = on ? o->write_concurrency : am_false;
    t->asked_locks = on ? o->asked_locks : 0;
    t->decentralized = on && (o->decentralized == TERM_NONE ? by_default : o->decentralized == am_true);
}

static void set_options(EtsTable *t, const EtsOptions *o)
{
    t->type = o->type;
    t->protection = o->protection;
    t->named = o->named;
    t->read_concurrency = o->read_concurrency;
    set_concurrency(t, o);
    t->compressed = o->compressed;
    t->keypos = o->keypos;
    ets_set_heir(t, o->heir, o->heir_data);
}

static EtsTable *table_alloc(Process *p, term_t name, const EtsOptions *o)
{
    EtsTable *t = MEM_NEW(RESOURCE, EtsTable);
    t->vm = p->vm;
    atomic_init(&t->refs, 2);
    t->id = ref_new(p->vm);
    t->magic = binary_new_magic(sizeof(EtsTable *), 0, destroy_magic);
    *(EtsTable **)t->magic->data = t;
    t->name = name;
    t->owner = p->id;
    set_options(t, o);
    ets_stripes_init(t);
    if (ets_is_tree(t)) ets_tree_init(t);
    else ets_hash_init(t);
    return t;
}

static void table_discard(EtsTable *t)
{
    ets_garbage_free_some(ets_detach(t), SIZE_MAX);
    Binary *magic = t->magic;
    ets_stripes_free(t);
    ets_table_unref(t);
    binary_unref(magic);
}

EtsTable *ets_table_new(Process *p, term_t name, const EtsOptions *o)
{
    struct EtsSpace *s = space(p->vm);
    EtsTable *t = table_alloc(p, name, o);
    if (t->named && !ets_name_add(p->vm, name, t)) {
        table_discard(t);
        return NULL;
    }
    mutex_lock(&s->owner_lock);
    link_owned(t, p);
    link_all(s, t);
    mutex_unlock(&s->owner_lock);
    atomic_fetch_add(&s->count, 1);
    return t;
}

bool ets_whereis_locked_name(Vm *vm, term_t name, Heap *h, term_t *ref)
{
    EtsTable *t = ets_by_name(vm, name);
    if (!t) return false;
    ets_table_lock(t, false);
    bool ok = !ets_is_deleted(t) && t->name == name; /* the magic binary lives as long */
    if (ok) *ref = ets_ref(h, t);
    ets_unlock(t, false);
    return ok;
}

/* ---- deletion ---- */

static void free_fixes(EtsTable *t)
{
    for (EtsFix *f = t->fixers, *next; f; f = next) {
        next = f->next_of_table;
        f->table = NULL; /* the process's list frees it */
    }
    t->fixers = NULL;
}

/* The rest of a table lives as long as a reference to it. */
static void leave_registry(void *arg)
{
    EtsTable *t = arg;
    ets_stripes_free(t);
    ets_table_unref(t);
}

EtsGarbage *ets_table_delete(EtsTable *t)
{
    struct EtsSpace *s = space(t->vm);
    EtsGarbage *contents = ets_detach(t);
    store_release(&t->deleted, true);
    ets_unlock(t, true);
    if (t->named) ets_name_forget(t);
    mutex_lock(&s->owner_lock);
    unlink_owned(t);
    unlink_all(s, t);
    free_fixes(t);
    mutex_unlock(&s->owner_lock);
    atomic_fetch_sub(&s->count, 1);
    Binary *magic = t->magic;
    epoch_defer(t->vm->epoch, &t->later, leave_registry, t);
    binary_unref(magic);
    return contents;
}

/* ---- owners ---- */

bool ets_change_owner(EtsTable *t, Process *to)
{
    struct EtsSpace *s = space(t->vm);
    mutex_lock(&s->owner_lock);
    bool ok = !process_is_exiting(to);
    if (ok) {
        unlink_owned(t);
        t->owner = to->id;
        link_owned(t, to);
    }
    mutex_unlock(&s->owner_lock);
    return ok;
}

/* ---- fixation ---- */

void ets_hold(EtsTable *t)
{
    ets_table_ref(t);
    atomic_fetch_add_explicit(&t->fixed, 1, memory_order_acq_rel);
}

static void drop_fixed(EtsTable *t, size_t count)
{
    if (atomic_fetch_sub_explicit(&t->fixed, count, memory_order_acq_rel) != count) return;
    if (ets_is_tree(t) || ets_is_deleted(t)) return;
    ets_table_lock(t, true);
    if (!ets_is_deleted(t) && !ets_is_fixed(t)) ets_hash_sweep(t);
    ets_unlock(t, true);
}

void ets_release(EtsTable *t)
{
    drop_fixed(t, 1);
    ets_table_unref(t);
}

/* Among those of the process: a table may have many more. */
static EtsFix *find_fix(EtsTable *t, Process *p)
{
    EtsFix *f = p->ets ? p->ets->fixes : NULL;
    while (f && f->table != t) f = f->next_of_proc;
    return f;
}

static EtsFix *new_fix(Process *p, EtsTable *t)
{
    EtsFix *f = MEM_NEW(PROC, EtsFix);
    f->table = t;
    f->pid = p->id;
    f->next_of_table = t->fixers;
    if (t->fixers) t->fixers->prev_of_table = f;
    t->fixers = f;
    f->next_of_proc = proc_part(p)->fixes;
    p->ets->fixes = f;
    return f;
}

void ets_fix(Process *p, EtsTable *t)
{
    struct EtsSpace *s = space(p->vm);
    mutex_lock(&s->owner_lock);
    if (!t->fixers) t->fixed_since = clock_monotonic_ns();
    EtsFix *f = find_fix(t, p);
    if (!f) f = new_fix(p, t);
    f->count++;
    mutex_unlock(&s->owner_lock);
    atomic_fetch_add_explicit(&t->fixed, 1, memory_order_acq_rel);
}

static void unlink_fix(EtsFix *f, Process *p)
{
    if (f->prev_of_table) f->prev_of_table->next_of_table = f->next_of_table;
    else f->table->fixers = f->next_of_table;
    if (f->next_of_table) f->next_of_table->prev_of_table = f->prev_of_table;
    EtsFix **l;
    for (l = &p->ets->fixes; *l != f; l = &(*l)->next_of_proc) {
    }
    *l = f->next_of_proc;
    MEM_DELETE(PROC, f);
}

bool ets_unfix(Process *p, EtsTable *t)
{
    struct EtsSpace *s = space(p->vm);
    mutex_lock(&s->owner_lock);
    EtsFix *f = find_fix(t, p);
    if (f && --f->count == 0) unlink_fix(f, p);
    mutex_unlock(&s->owner_lock);
    if (f) drop_fixed(t, 1);
    return f != NULL;
}

/* ---- death of a process ---- */

static void drop_fixes(Process *p)
{
    struct EtsSpace *s = space(p->vm);
    for (;;) {
        mutex_lock(&s->owner_lock);
        EtsFix *f = p->ets->fixes;
        EtsTable *t = f ? f->table : NULL;
        size_t count = f ? f->count : 0;
        if (t) {
            unlink_fix(f, p);
        } else if (f) {
            p->ets->fixes = f->next_of_proc;
            MEM_DELETE(PROC, f);
        }
        mutex_unlock(&s->owner_lock);
        if (!f) return;
        if (t) drop_fixed(t, count);
    }
}

/* 'ETS-TRANSFER' to the heir, built from the stored heir data. */
static void send_transfer(Process *p, EtsTable *t, Process *to, term_t data)
{
    Heap h = {0};
    term_t id = ets_id(&h, t);
    term_t msg = heap_tuple4(&h, am_ETS_TRANSFER, id, p->id, term_copy_all(&h, data));
    message_send_heap(p->vm, p->id, to, msg, &h);
}

/* Is it the process that was made heir, not a later one with the same pid? */
static bool same_process(Process *heir, uint64_t serial)
{
    struct EtsSpace *s = space(heir->vm);
    mutex_lock(&s->owner_lock);
    bool same = heir->ets && heir->ets->serial == serial;
    mutex_unlock(&s->owner_lock);
    return same;
}

/* [write lock] True when the heir took the table. */
static bool give_to_heir(Process *p, EtsTable *t)
{
    if (t->heir == am_none || t->heir == p->id) return false;
    Process *heir = process_lookup(p->vm, t->heir);
    if (!heir || !same_process(heir, t->heir_serial) || !ets_change_owner(t, heir)) return false;
    send_transfer(p, t, heir, t->heir_data);
    return true;
}

enum { OBJECTS_PER_RED = 2 };

/* False: more to do. */
static bool free_garbage(EtsProc *own, int32_t *reds)
{
    while (own->garbage) {
        if (*reds <= 0) return false;
        *reds -= 100;
        if (ets_garbage_free_some(own->garbage, 100 * OBJECTS_PER_RED)) own->garbage = NULL;
    }
    return true;
}

/* Hand on or delete one table. */
static void leave_table(Process *p, EtsTable *t)
{
    ets_table_lock(t, true);
    if (ets_is_deleted(t) || give_to_heir(p, t)) ets_unlock(t, true);
    else p->ets->garbage = ets_table_delete(t);
}

bool ets_process_exit(Process *p, int32_t *reds)
{
    struct EtsSpace *s = space(p->vm);
    if (!p->ets) return true;
    drop_fixes(p);
    for (;;) {
        if (!free_garbage(p->ets, reds)) return false;
        mutex_lock(&s->owner_lock);
        EtsTable *t = p->ets->owned;
        mutex_unlock(&s->owner_lock);
        if (!t) break;
        leave_table(p, t);
        *reds -= 10;
    }
    mutex_lock(&s->owner_lock);
    MEM_DELETE(PROC, p->ets);
    p->ets = NULL;
    mutex_unlock(&s->owner_lock);
    return true;
}
