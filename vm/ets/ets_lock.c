/* SPDX-License-Identifier: Apache-2.0 */
/* ets_lock - finding tables by what programs call them, and their locks.
 * A table is one stripe or several; a native that deals with one key takes the key's stripe, one that deals with
 * more takes all, in order. Who writes to all stripes of several holds size_lock, too: nobody else splits or merges
 * buckets meanwhile. Layer: ets. */
#include "data/binary.h"
#include "ets/ets_priv.h"
#include "sched/sched.h"

/* ---- stripes ---- */

/* More than schedulers, so that two seldom want the same; not many more, since some natives take all. */
static uint32_t stripes_for(const EtsTable *t)
{
    uint32_t schedulers = t->vm->sched->count, n = 8;
    if (ets_is_tree(t) || t->write_concurrency == am_false || schedulers == 1) return 1;
    while (n < 4 * schedulers && n < ETS_STRIPES_MAX) n *= 2;
    return n;
}

void ets_stripes_init(EtsTable *t)
{
    uint32_t n = stripes_for(t);
    t->stripe_mask = n - 1;
    t->stripes = &t->only;
    mutex_init(&t->size_lock, LOCK_ETS_SIZE);
    if (n > 1) {
        t->stripes = mem_alloc_aligned(MEM_ETS_TABLE, n * sizeof(EtsStripe), CACHE_LINE);
        memset(t->stripes, 0, n * sizeof(EtsStripe));
    }
    for (uint32_t i = 0; i < n; i++) rwlock_init(&t->stripes[i].lock, LOCK_ETS_TABLE);
}

void ets_stripes_free(EtsTable *t)
{
    uint32_t n = t->stripe_mask + 1;
    for (uint32_t i = 0; i < n; i++) rwlock_destroy(&t->stripes[i].lock);
    if (n > 1) mem_free_aligned(MEM_ETS_TABLE, t->stripes, n * sizeof(EtsStripe));
    mutex_destroy(&t->size_lock);
}

static inline void stripe_lock(EtsStripe *s, bool exclusive)
{
    ASSERT(epoch_self && epoch_is_online(epoch_self));
    if (exclusive) rwlock_write_lock(&s->lock);
    else rwlock_read_lock(&s->lock);
}

static inline void stripe_unlock(EtsStripe *s, bool exclusive)
{
    if (exclusive) rwlock_write_unlock(&s->lock);
    else rwlock_read_unlock(&s->lock);
}

static inline EtsStripe *stripe_of_key(const EtsTable *t, term_t key)
{
    return UNLIKELY(t->stripe_mask) ? &t->stripes[ets_hash_of(key) & t->stripe_mask] : t->stripes;
}

/* ---- a whole table ---- */

void ets_table_lock(EtsTable *t, bool exclusive)
{
    bool several = t->stripe_mask != 0;
    if (several && exclusive) mutex_lock(&t->size_lock);
    for (uint32_t i = 0; i <= t->stripe_mask; i++) stripe_lock(&t->stripes[i], exclusive);
    if (several && exclusive) t->whole = true;
}

void ets_unlock(EtsTable *t, bool exclusive)
{
    bool several = t->stripe_mask != 0;
    if (several && exclusive) t->whole = false;
    for (uint32_t i = 0; i <= t->stripe_mask; i++) stripe_unlock(&t->stripes[i], exclusive);
    if (several && exclusive) mutex_unlock(&t->size_lock);
}

/* ---- finding ---- */

/* A reference that lost its magic on the way (external term format): search by number. */
static EtsTable *by_number(struct EtsSpace *s, RefNum id)
{
    mutex_lock(&s->owner_lock);
    EtsTable *t = s->all;
    while (t && !ref_num_eq(t->id, id)) t = t->next_all;
    mutex_unlock(&s->owner_lock);
    return t;
}

NOINLINE static EtsTable *refused(Process *p, term_t cause)
{
    bif_error_cause(p, EXC_BADARG, cause);
    return NULL;
}

NOINLINE static EtsTable *find_otherwise(Process *p, term_t id)
{
    bool is_ref = term_is_local_ref(id);
    EtsTable *t = term_is_atom(id) ? ets_by_name(p->vm, id) : is_ref ? by_number(p->vm->ets, ref_num(id)) : NULL;
    /* A number may never have been one of a table. */
    return t ? t : refused(p, term_is_atom(id) ? am_id : am_type);
}

/* The table, it and its stripes there until the next quiescent state, or NULL and badarg. */
static inline EtsTable *find_table(Process *p, term_t id)
{
    if (UNLIKELY(!term_is_local_ref(id) || !ref_is_magic(id))) return find_otherwise(p, id);
    EtsTable *t = ets_of_magic(magic_ref_binary(id));
    return LIKELY(t != NULL && !ets_is_deleted(t)) ? t : refused(p, am_id);
}

static inline bool may_access(const EtsTable *t, const Process *p, enum EtsWant want)
{
    if (want == ETS_WANT_INFO || t->owner == p->id) return true;
    switch (t->protection) {
    case ETS_PUBLIC: return true;
    case ETS_PROTECTED: return want == ETS_WANT_READ;
    default: return false;
    }
}

/* [read] Is it still the table of that name? */
static inline bool is_there(const EtsTable *t, term_t id)
{
    return !ets_is_deleted(t) && (!term_is_atom(id) || t->name == id);
}

EtsTable *ets_lock(Process *p, term_t id, enum EtsWant want, bool exclusive)
{
    EtsTable *t = find_table(p, id);
    if (!t) return NULL;
    ets_table_lock(t, exclusive);
    if (LIKELY(is_there(t, id) && may_access(t, p, want))) return t;
    term_t cause = is_there(t, id) ? am_access : am_id;
    ets_unlock(t, exclusive);
    return refused(p, cause);
}

/* ---- the stripe of a key ---- */

static inline EtsTable *lock_stripe_of(Process *p, EtsTable *t, term_t id, enum EtsWant want, EtsStripe *s,
                                       bool exclusive)
{
    stripe_lock(s, exclusive);
    if (LIKELY(is_there(t, id) && may_access(t, p, want))) return t;
    term_t cause = is_there(t, id) ? am_access : am_id;
    stripe_unlock(s, exclusive);
    return refused(p, cause);
}

EtsTable *ets_lock_key(Process *p, term_t id, enum EtsWant want, term_t key, bool exclusive, EtsStripe **s)
{
    EtsTable *t = find_table(p, id);
    if (!t) return NULL;
    *s = stripe_of_key(t, key);
    return lock_stripe_of(p, t, id, want, *s, exclusive);
}

EtsTable *ets_lock_object(Process *p, term_t id, term_t object, EtsStripe **s)
{
    EtsTable *t = find_table(p, id);
    if (!t) return NULL;
    *s = ets_is_object(t, object) ? stripe_of_key(t, ets_key(t, object)) : t->stripes;
    return lock_stripe_of(p, t, id, ETS_WANT_WRITE, *s, true);
}

void ets_unlock_one_of_several(EtsTable *t, EtsStripe *s, bool exclusive)
{
    bool off_size = exclusive && ets_hash_is_off_size(t, s);
    stripe_unlock(s, exclusive);
    if (UNLIKELY(off_size)) ets_hash_adjust(t);
}
