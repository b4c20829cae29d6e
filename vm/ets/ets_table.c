/* SPDX-License-Identifier: Apache-2.0 */
/* ets_table - life of tables: creation, names, identifiers, ownership, fixation, deletion.
 * Ownership: a table struct lives while `refs` > 0: one for the registry until deletion, one for the
 *            magic binary, one for each native at work on it.
 * Layer: ets. */
#include "base/clock.h"
#include "data/binary.h"
#include "ets/ets_priv.h"

typedef struct EtsName {
    struct EtsName *next;
    term_t name;
    EtsTable *table;
} EtsName;

static struct EtsSpace *space(Vm *vm) { return vm->ets; }

void ets_init(Vm *vm)
{
    struct EtsSpace *s = MEM_NEW(ETS_TABLE, struct EtsSpace);
    rwlock_init(&s->name_lock, LOCK_ETS_NAMED);
    mutex_init(&s->owner_lock, LOCK_ETS_OWNER);
    s->name_buckets = 64;
    s->names = mem_alloc_zero(MEM_ETS_TABLE, s->name_buckets * sizeof *s->names);
    vm->ets = s;
}

size_t ets_table_count(Vm *vm) { return atomic_load(&space(vm)->count); }
size_t ets_table_limit(Vm *vm UNUSED) { return 8192; }

/* ---- names ---- */

static EtsName **name_link(struct EtsSpace *s, term_t name)
{
    EtsName **link = &s->names[atom_index(name) & (s->name_buckets - 1)];
    while (*link && (*link)->name != name) link = &(*link)->next;
    return link;
}

static void grow_names(struct EtsSpace *s)
{
    size_t old = s->name_buckets;
    EtsName **names = s->names;
    s->name_buckets = 2 * old;
    s->names = mem_alloc_zero(MEM_ETS_TABLE, s->name_buckets * sizeof *s->names);
    for (size_t i = 0; i < old; i++) {
        for (EtsName *n = names[i], *next; n; n = next) {
            next = n->next;
            n->next = NULL;
            *name_link(s, n->name) = n;
        }
    }
    mem_free(MEM_ETS_TABLE, names, old * sizeof *names);
}

/* [name_lock, write] */
static bool add_name(struct EtsSpace *s, term_t name, EtsTable *t)
{
    EtsName **link = name_link(s, name);
    if (*link) return false;
    *link = MEM_NEW(ETS_TABLE, EtsName);
    (*link)->name = name;
    (*link)->table = t;
    if (++s->name_count > s->name_buckets) grow_names(s);
    return true;
}

/* [name_lock, write] */
static void remove_name(struct EtsSpace *s, term_t name)
{
    EtsName **link = name_link(s, name), *n = *link;
    if (!n) return;
    *link = n->next;
    s->name_count--;
    MEM_DELETE(ETS_TABLE, n);
}

/* ---- references ---- */

void ets_table_ref(EtsTable *t) { atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed); }

void ets_table_unref(EtsTable *t)
{
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    heap_dispose(&t->heir_heap);
    rwlock_destroy(&t->lock);
    MEM_DELETE(ETS_TABLE, t);
}

static EtsTable *magic_table(const Binary *b)
{
    return *(EtsTable *const *)b->data;
}

static void destroy_magic(Binary *b)
{
    ets_table_unref(magic_table(b));
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

static void link_owned(EtsTable *t, Process *p)
{
    if (!p->ets) p->ets = MEM_NEW(ETS_TABLE, EtsProc);
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

static void set_options(EtsTable *t, const EtsOptions *o)
{
    t->type = o->type;
    t->protection = o->protection;
    t->named = o->named;
    t->read_concurrency = o->read_concurrency;
    t->write_concurrency = o->write_concurrency;
    t->decentralized = o->decentralized;
    t->compressed = o->compressed;
    t->keypos = o->keypos;
    t->heir = o->heir;
    t->heir_data = o->heir == am_none ? TERM_NIL : term_copy_all(&t->heir_heap, o->heir_data);
}

static EtsTable *table_alloc(Process *p, term_t name, const EtsOptions *o)
{
    EtsTable *t = MEM_NEW(ETS_TABLE, EtsTable);
    t->vm = p->vm;
    atomic_init(&t->refs, 2);
    rwlock_init(&t->lock, LOCK_ETS_TABLE);
    t->id = ref_new(p->vm);
    t->magic = binary_new_magic(sizeof(EtsTable *), 0, destroy_magic);
    *(EtsTable **)t->magic->data = t;
    t->name = name;
    t->owner = p->id;
    set_options(t, o);
    if (ets_is_tree(t)) rb_init(&t->tree);
    else ets_hash_init(&t->hash);
    return t;
}

static void table_discard(EtsTable *t)
{
    size_t budget = SIZE_MAX;
    if (!ets_is_tree(t)) ets_hash_free_some(t, &budget);
    Binary *magic = t->magic;
    ets_table_unref(t);
    binary_unref(magic);
}

EtsTable *ets_table_new(Process *p, term_t name, const EtsOptions *o)
{
    struct EtsSpace *s = space(p->vm);
    EtsTable *t = table_alloc(p, name, o);
    if (t->named) {
        rwlock_write_lock(&s->name_lock);
        bool added = add_name(s, name, t);
        rwlock_write_unlock(&s->name_lock);
        if (!added) {
            table_discard(t);
            return NULL;
        }
    }
    mutex_lock(&s->owner_lock);
    link_owned(t, p);
    link_all(s, t);
    mutex_unlock(&s->owner_lock);
    atomic_fetch_add(&s->count, 1);
    return t;
}

/* ---- look-up ---- */

static void table_lock(EtsTable *t, bool exclusive)
{
    if (exclusive) rwlock_write_lock(&t->lock);
    else rwlock_read_lock(&t->lock);
}

void ets_unlock(EtsTable *t, bool exclusive)
{
    if (exclusive) rwlock_write_unlock(&t->lock);
    else rwlock_read_unlock(&t->lock);
    ets_table_unref(t);
}

/* A reference that lost its magic on the way (external term format): search by number. */
static EtsTable *by_number(struct EtsSpace *s, RefNum id)
{
    mutex_lock(&s->owner_lock);
    EtsTable *t = s->all;
    while (t && !ref_num_eq(t->id, id)) t = t->next_all;
    if (t) ets_table_ref(t);
    mutex_unlock(&s->owner_lock);
    return t;
}

static EtsTable *by_name(struct EtsSpace *s, term_t name)
{
    rwlock_read_lock(&s->name_lock);
    EtsName *n = *name_link(s, name);
    EtsTable *t = n ? n->table : NULL;
    if (t) ets_table_ref(t);
    rwlock_read_unlock(&s->name_lock);
    return t;
}

/* The table (with a reference), or NULL and *cause. */
static EtsTable *find_table(Vm *vm, term_t id, term_t *cause)
{
    *cause = am_id;
    if (term_is_atom(id)) return by_name(space(vm), id);
    if (!term_is_local_ref(id)) {
        *cause = am_type;
        return NULL;
    }
    if (!ref_is_magic(id)) return by_number(space(vm), ref_num(id));
    Binary *b = magic_ref_binary(id);
    if (b->destroy != destroy_magic) return NULL;
    EtsTable *t = magic_table(b);
    ets_table_ref(t);
    return t;
}

static bool may_access(const EtsTable *t, const Process *p, enum EtsWant want)
{
    if (want == ETS_WANT_INFO || t->owner == p->id) return true;
    switch (t->protection) {
    case ETS_PUBLIC: return true;
    case ETS_PROTECTED: return want == ETS_WANT_READ;
    default: return false;
    }
}

EtsTable *ets_lock(Process *p, term_t id, enum EtsWant want, bool exclusive)
{
    term_t cause;
    EtsTable *t = find_table(p->vm, id, &cause);
    if (t) {
        table_lock(t, exclusive);
        if (!t->deleted && (!term_is_atom(id) || t->name == id)) {
            if (may_access(t, p, want)) return t;
            cause = am_access;
        }
        ets_unlock(t, exclusive);
    }
    bif_error_cause(p, EXC_BADARG, cause);
    return NULL;
}

bool ets_whereis_locked_name(Vm *vm, term_t name, Heap *h, term_t *ref)
{
    EtsTable *t = by_name(space(vm), name);
    if (!t) return false;
    *ref = ets_ref(h, t);
    ets_table_unref(t);
    return true;
}

bool ets_rename(EtsTable *t, term_t name)
{
    struct EtsSpace *s = space(t->vm);
    if (!t->named || name == t->name) {
        t->name = name;
        return true;
    }
    /* Name lock comes before the table's: release and take both in order. */
    rwlock_write_unlock(&t->lock);
    rwlock_write_lock(&s->name_lock);
    rwlock_write_lock(&t->lock);
    bool ok = !t->deleted && add_name(s, name, t);
    if (ok) {
        remove_name(s, t->name);
        t->name = name;
    }
    rwlock_write_unlock(&s->name_lock);
    return ok;
}

/* ---- deletion ---- */

static void forget_name(EtsTable *t)
{
    struct EtsSpace *s = space(t->vm);
    rwlock_write_lock(&s->name_lock);
    EtsName *n = *name_link(s, t->name);
    if (n && n->table == t) remove_name(s, t->name);
    rwlock_write_unlock(&s->name_lock);
}

static void free_fixes(EtsTable *t)
{
    for (EtsFix *f = t->fixers, *next; f; f = next) {
        next = f->next_of_table;
        f->table = NULL; /* the process's list frees it */
    }
    t->fixers = NULL;
}

void ets_table_delete(EtsTable *t)
{
    struct EtsSpace *s = space(t->vm);
    t->deleted = true;
    rwlock_write_unlock(&t->lock);
    if (t->named) forget_name(t);
    mutex_lock(&s->owner_lock);
    unlink_owned(t);
    unlink_all(s, t);
    free_fixes(t);
    mutex_unlock(&s->owner_lock);
    atomic_fetch_sub(&s->count, 1);
}

bool ets_table_free_some(EtsTable *t, size_t budget)
{
    if (!ets_is_tree(t)) {
        if (!ets_hash_free_some(t, &budget)) return false;
    } else {
        RbNode *n;
        for (; (n = rb_first(&t->tree)) != NULL; budget--) {
            if (budget == 0) return false;
            rb_remove(&t->tree, n);
            ets_object_free(t, ets_tree_object(n));
        }
    }
    Binary *magic = t->magic;
    ets_table_unref(t);
    binary_unref(magic);
    return true;
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
    if (ets_is_tree(t)) return;
    rwlock_write_lock(&t->lock);
    if (!t->deleted && !ets_is_fixed(t)) ets_hash_sweep(t);
    rwlock_write_unlock(&t->lock);
}

void ets_release(EtsTable *t)
{
    drop_fixed(t, 1);
    ets_table_unref(t);
}

static EtsFix *find_fix(EtsTable *t, term_t pid)
{
    EtsFix *f = t->fixers;
    while (f && f->pid != pid) f = f->next_of_table;
    return f;
}

static EtsFix *new_fix(Process *p, EtsTable *t)
{
    EtsFix *f = MEM_NEW(ETS_TABLE, EtsFix);
    f->table = t;
    f->pid = p->id;
    f->next_of_table = t->fixers;
    t->fixers = f;
    if (!p->ets) p->ets = MEM_NEW(ETS_TABLE, EtsProc);
    f->next_of_proc = p->ets->fixes;
    p->ets->fixes = f;
    return f;
}

void ets_fix(Process *p, EtsTable *t)
{
    struct EtsSpace *s = space(p->vm);
    mutex_lock(&s->owner_lock);
    if (!t->fixers) t->fixed_since = clock_monotonic_ns();
    EtsFix *f = find_fix(t, p->id);
    if (!f) f = new_fix(p, t);
    f->count++;
    mutex_unlock(&s->owner_lock);
    atomic_fetch_add_explicit(&t->fixed, 1, memory_order_acq_rel);
}

static void unlink_fix(EtsFix *f, Process *p)
{
    EtsFix **l = &f->table->fixers;
    while (*l != f) l = &(*l)->next_of_table;
    *l = f->next_of_table;
    for (l = &p->ets->fixes; *l != f; l = &(*l)->next_of_proc) {
    }
    *l = f->next_of_proc;
    MEM_DELETE(ETS_TABLE, f);
}

bool ets_unfix(Process *p, EtsTable *t)
{
    struct EtsSpace *s = space(p->vm);
    mutex_lock(&s->owner_lock);
    EtsFix *f = find_fix(t, p->id);
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
            ets_table_ref(t);
            unlink_fix(f, p);
        } else if (f) {
            p->ets->fixes = f->next_of_proc;
            MEM_DELETE(ETS_TABLE, f);
        }
        mutex_unlock(&s->owner_lock);
        if (!f) return;
        if (t) {
            drop_fixed(t, count);
            ets_table_unref(t);
        }
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

/* [write lock] True when the heir took the table. */
static bool give_to_heir(Process *p, EtsTable *t)
{
    if (t->heir == am_none || t->heir == p->id) return false;
    Process *heir = process_lookup(p->vm, t->heir);
    if (!heir || !ets_change_owner(t, heir)) return false;
    t->heir = am_none;
    send_transfer(p, t, heir, t->heir_data);
    return true;
}

bool ets_process_exit(Process *p)
{
    enum { SLICE = 1000 };
    struct EtsSpace *s = space(p->vm);
    if (!p->ets) return true;
    drop_fixes(p);
    for (;;) {
        mutex_lock(&s->owner_lock);
        EtsTable *t = p->ets->owned;
        if (t) ets_table_ref(t);
        mutex_unlock(&s->owner_lock);
        if (!t) break;
        table_lock(t, true);
        if (t->deleted || give_to_heir(p, t)) {
            ets_unlock(t, true);
            continue;
        }
        ets_table_delete(t);
        while (!ets_table_free_some(t, SLICE)) {
        }
        ets_table_unref(t);
    }
    mutex_lock(&s->owner_lock);
    MEM_DELETE(ETS_TABLE, p->ets);
    p->ets = NULL;
    mutex_unlock(&s->owner_lock);
    return true;
}
