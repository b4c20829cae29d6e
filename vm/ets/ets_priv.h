/* SPDX-License-Identifier: Apache-2.0 */
/* ets_priv - representation of tables, shared by the files of this folder.
 * Layer: ets. */
#ifndef JOIST_ETS_ETS_PRIV_H
#define JOIST_ETS_ETS_PRIV_H

#include "base/alloc.h"
#include "base/epoch.h"
#include "base/queue.h"
#include "base/rbtree.h"
#include "bifs/bif.h"
#include "ets/ets.h"

/* A stored object: the tuple and everything it refers to, copied behind this header. */
typedef struct EtsObject {
    union {
        RbNode node;                 /* ordered_set */
        struct {
            struct EtsObject *next;  /* hash chain; objects with equal keys are neighbours */
            uint32_t hash;
            uint32_t epoch;          /* tombstone (deleted while the table was fixed) unless the table's */
        } h;
    };
    size_t flat : 1;                 /* a tuple of immediates */
    size_t words : 63;               /* of the terms in mem */
    term_t mem[];                    /* the tuple first; one word more unless flat: ets_off_heap */
} EtsObject;

static inline term_t ets_tuple(const EtsObject *o) { return term_make_boxed(o->mem); }

/* Binaries, external identifiers and magic refs inside, chained. */
static inline OffHeap *ets_off_heap(const EtsObject *o)
{
    return o->flat ? NULL : (OffHeap *)(uintptr_t)o->mem[o->words];
}

static inline void ets_object_prefetch(const EtsObject *o)
{
    __builtin_prefetch(o);
    __builtin_prefetch((const char *)o + 64);
}

enum EtsType { ETS_SET, ETS_BAG, ETS_DUPLICATE_BAG, ETS_ORDERED_SET };
enum EtsProtection { ETS_PUBLIC, ETS_PROTECTED, ETS_PRIVATE };

/* Linear hashing. Buckets live in segments; `active` of them are in use; bucket of hash h is
 * h & mask, or h & (mask >> 1) when that is not active yet.
 * Who holds one stripe reads these while another thread splits or merges a bucket of another stripe, and may see
 * some of them older than others. For its own buckets the answer is right all the same: each change that concerns
 * them was made under its stripe, and in a round of splits or merges each stripe has its turn. */
#define ETS_SEGMENT 256
typedef struct EtsHash {
    _Atomic(EtsObject ***) segments;
    size_t segment_count, segment_cap;
    atomic_word_t active;            /* power of two <= active <= mask + 1 */
    atomic_word_t mask;
    uint32_t epoch;                  /* all stripes; of live objects: a new one makes all there are tombstones */
} EtsHash;

/* A part of a table, with a lock of its own: the buckets whose numbers end alike. A table without
 * write_concurrency is one stripe. "lock" of a field of the table means: any stripe to read, all to write. */
typedef struct EtsStripe {
    RwLock lock;                     /* class ETS_TABLE */
    atomic_word_t count;             /* lock: live objects; without it, an estimate */
    size_t object_words;             /* lock: memory of objects */
    size_t tombstones;               /* lock */
    size_t *graves;                  /* lock: buckets with tombstones, while they are few; some twice */
    size_t grave_count, grave_cap;   /* lock */
    bool graves_lost;                /* lock: too many: any bucket may have tombstones */
} EtsStripe;

#define ETS_STRIPES_MAX 64u          /* a power of two that divides ETS_SEGMENT */

/* Contents taken out of a table, to be freed in slices by one process. */
typedef struct EtsGarbage {
    bool is_tree;
    union {
        EtsHash hash;
        RbTree tree;
    };
} EtsGarbage;

typedef struct EtsFix {              /* one process that fixed this table */
    struct EtsFix *next_of_table, *prev_of_table, *next_of_proc;
    struct EtsTable *table;
    term_t pid;
    size_t count;
} EtsFix;

typedef struct EtsTable {
    EtsStripe only;                  /* of a table that is one stripe */
    EtsStripe *stripes;              /* const: `only`, or a power of two of them */
    uint32_t stripe_mask;            /* const */
    bool whole;                      /* lock: somebody writes with all stripes of several */
    atomic_bool_t deleted;           /* set under lock: gone for everybody; then the stripes go, through the epoch */
    bool named;                      /* const */
    enum EtsType type;               /* const */
    enum EtsProtection protection;   /* lock */
    term_t name;                     /* lock */
    term_t owner;                    /* owner lock + lock */
    word_t keypos;                   /* const, 1-based */
    _Atomic(size_t) fixed;           /* sum of fix counts and of running traversals */
    union {
        EtsHash hash;
        struct {
            RbTree tree;
            /* Where a traversal stands: set under either lock, unset before the object is freed. */
            _Atomic(EtsObject *) cursor;
        };
    };
    Vm *vm;                          /* const */
    _Atomic(int64_t) refs;           /* registry, identifiers (through the magic binary), traversals */
    EpochNode later;                 /* freed by the epoch */
    Mutex size_lock;                 /* class ETS_SIZE: splits and merges of buckets, if there are several stripes */
    RefNum id;                       /* const */
    Binary *magic;                   /* const; its data points back here */
    bool read_concurrency, compressed, decentralized; /* const; what info/1 reports */
    term_t write_concurrency;        /* const: false, true or auto; what info/1 reports */
    unsigned asked_locks;            /* const: {debug_hash_fixed_number_of_locks, N}, or 0 */
    struct EtsProc *owned_by;        /* owner lock: list it is in; lives while it holds tables */
    struct EtsTable *next_owned, *prev_owned; /* owner lock */
    struct EtsTable *next_all, *prev_all;     /* owner lock */
    term_t heir;                     /* lock: pid, or none */
    uint64_t heir_serial;            /* lock: EtsProc.serial of the heir */
    term_t heir_data;                /* lock: in heir_heap */
    Heap heir_heap;
    EtsFix *fixers;                  /* owner lock */
    int64_t fixed_since;             /* lock: monotonic ns of the first fixation */
} EtsTable;

typedef struct EtsProc {             /* of each process that owns, fixes or may inherit tables */
    uint64_t serial;                 /* const: tells processes apart that had one pid after another */
    EtsGarbage *garbage;             /* owner: being freed while the process exits */
    EtsTable *owned;
    EtsFix *fixes;
} EtsProc;

struct EtsSpace {
    Mutex name_lock;                 /* class ETS_NAMED: changes of names */
    _Atomic(struct EtsNames *) names; /* written under name_lock, read in a read section of the epoch */
    size_t limit;
    Mutex owner_lock;                /* class ETS_OWNER */
    EtsTable *all;                   /* owner lock */
    uint64_t serials;                /* owner lock: EtsProc.serial given last */
    _Atomic(size_t) count;
};

/* ---- tables (ets_table.c) ---- */
typedef struct EtsOptions {
    enum EtsType type;
    enum EtsProtection protection;
    bool named, read_concurrency, compressed;
    term_t decentralized;            /* TERM_NONE: as the type and write_concurrency want it */
    term_t write_concurrency;
    unsigned asked_locks;
    word_t keypos;
    term_t heir, heir_data;
} EtsOptions;
/* NULL when the name is taken. The table belongs to p. */
EtsTable *ets_table_new(Process *p, term_t name, const EtsOptions *opt);
/* Identifier term of a table: its name if it is named, else the magic reference. */
term_t ets_id(Heap *h, EtsTable *t);
term_t ets_ref(Heap *h, EtsTable *t);
EtsTable *ets_of_magic(const Binary *b); /* NULL: it is something else's */
void ets_table_ref(EtsTable *t);
void ets_table_unref(EtsTable *t);
/* Delete (caller holds the write lock, which is released). The contents are for ets_garbage_free_some. */
EtsGarbage *ets_table_delete(EtsTable *t);
/* [write] Heir from now on; `heir` is a pid or none, the data is copied. */
void ets_set_heir(EtsTable *t, term_t heir, term_t data);
bool ets_rename(EtsTable *t, term_t name); /* write-locked; false when taken or deleted meanwhile */
bool ets_whereis_locked_name(Vm *vm, term_t name, Heap *h, term_t *ref);
/* Give to process `to`: false when it is exiting. Table write-locked by the caller. */
bool ets_change_owner(EtsTable *t, Process *to);
void ets_fix(Process *p, EtsTable *t);   /* t locked, either way */
bool ets_unfix(Process *p, EtsTable *t); /* t not locked; false: p had not fixed it */
/* Fixation by a traversal in progress, not by a process. */
void ets_hold(EtsTable *t);
void ets_release(EtsTable *t);           /* t not locked */
static inline bool ets_is_fixed(const EtsTable *t)
{
    return atomic_load_explicit(&((EtsTable *)t)->fixed, memory_order_acquire) != 0;
}
static inline term_t ets_key(const EtsTable *t, term_t tuple) { return tuple_element(tuple, t->keypos); }
static inline bool ets_is_deleted(const EtsTable *t) { return load_acquire(&t->deleted); }
static inline bool ets_is_tree(const EtsTable *t) { return t->type == ETS_ORDERED_SET; }

/* ---- locks (ets_lock.c) ---- */
void ets_stripes_init(EtsTable *t); /* when its options are set */
void ets_stripes_free(EtsTable *t); /* when nobody may lock them any more */
enum EtsWant { ETS_WANT_READ, ETS_WANT_WRITE, ETS_WANT_INFO, ETS_WANT_OWNER };
/* The table, locked as a whole (exclusively if `exclusive`), after checking that p may do this; NULL with
 * badarg and its cause (type, id, access) set. Unlock with ets_unlock. It stays where it is until the
 * scheduler's next quiescent state, deleted or not: only who comes back later holds a reference. */
EtsTable *ets_lock(Process *p, term_t id, enum EtsWant want, bool exclusive);
void ets_table_lock(EtsTable *t, bool exclusive); /* of a table that was not deleted when this native began */
void ets_unlock(EtsTable *t, bool exclusive);
/* The same of the stripe *s alone that the key, or the key of the object (if it is one for t), belongs to. */
EtsTable *ets_lock_key(Process *p, term_t id, enum EtsWant want, term_t key, bool exclusive, EtsStripe **s);
EtsTable *ets_lock_object(Process *p, term_t id, term_t object, EtsStripe **s); /* to write */
void ets_unlock_one_of_several(EtsTable *t, EtsStripe *s, bool exclusive);
static inline void ets_unlock_stripe(EtsTable *t, EtsStripe *s, bool exclusive)
{
    if (UNLIKELY(t->stripe_mask)) ets_unlock_one_of_several(t, s, exclusive);
    else if (exclusive) rwlock_write_unlock(&s->lock);
    else rwlock_read_unlock(&s->lock);
}
static inline bool ets_is_object(const EtsTable *t, term_t x)
{
    return term_is_tuple(x) && tuple_arity(x) >= t->keypos;
}
static inline void ets_count_add(EtsStripe *s, word_t n) { store_relaxed(&s->count, load_relaxed(&s->count) + n); }
/* [read] Live objects; without all stripes, an estimate. */
static inline size_t ets_size(const EtsTable *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i <= t->stripe_mask; i++) n += load_relaxed(&t->stripes[i].count);
    return n;
}
static inline size_t ets_tombstones(const EtsTable *t) /* [read, whole] */
{
    size_t n = 0;
    for (uint32_t i = 0; i <= t->stripe_mask; i++) n += t->stripes[i].tombstones;
    return n;
}

/* ---- names (ets_names.c) ---- */
void ets_names_init(struct EtsSpace *s);
/* There until the next quiescent state; NULL: no table has the name. It may have got another one meanwhile. */
EtsTable *ets_by_name(Vm *vm, term_t name);
bool ets_name_add(Vm *vm, term_t name, EtsTable *t); /* false: taken */
void ets_name_forget(EtsTable *t);                   /* of a table that is deleted */

/* ---- objects (ets_object.c) ---- */
EtsObject *ets_object_new(term_t tuple); /* needs no lock */
/* [write] Counted among the memory of its stripe; ets_object_free gives it back. */
void ets_object_adopt(EtsStripe *s, const EtsObject *o);
void ets_object_free(EtsStripe *s, EtsObject *o);
void ets_object_dispose(EtsObject *o); /* of no table yet, or any more */
term_t ets_object_copy(Heap *h, const EtsObject *o);

/* ---- contents: each function dispatches on the type; locks as named ---- */
/* [write] Put an object (owned from here). Sets replace; a bag ignores an equal object. */
void ets_put(EtsTable *t, EtsObject *o);
/* [read] First live object with the key, or NULL; the next one with the same key. */
EtsObject *ets_find(EtsTable *t, term_t key);
EtsObject *ets_find_next(EtsTable *t, EtsObject *o);
/* [write] Remove and free; number removed. */
size_t ets_remove_key(EtsTable *t, term_t key);
size_t ets_remove_equal(EtsTable *t, term_t tuple); /* =:= to the tuple */
void ets_remove_object(EtsTable *t, EtsObject *o);  /* a live object of t */
/* [write] Put `fresh` in place of `old`, a live object with an equal key. */
void ets_replace(EtsTable *t, EtsObject *old, EtsObject *fresh);
/* [read] Objects in traversal order. */
EtsObject *ets_first(EtsTable *t);
EtsObject *ets_last(EtsTable *t);
/* Next object whose key differs from / comes after `key`. *found says whether key is (or, under
 * fixation, was) in the table; an ordered_set does not need it. */
EtsObject *ets_next(EtsTable *t, term_t key, bool *found);
EtsObject *ets_prev(EtsTable *t, term_t key, bool *found);
size_t ets_memory_words(const EtsTable *t);
/* [write] Take everything out; the table is left without even an empty hash table. */
EtsGarbage *ets_detach(EtsTable *t);
/* Free at most `budget` objects; true when nothing is left, g itself included. */
bool ets_garbage_free_some(EtsGarbage *g, size_t budget);
/* [write] Remove all objects at once; NULL if they stay as tombstones. */
EtsGarbage *ets_remove_all(EtsTable *t);

/* ---- hash (ets_hash.c) ---- */
void ets_hash_init(EtsTable *t);
uint32_t ets_hash_of(term_t key);
/* [write] May a table, which has several stripes, have too few or too many buckets? Then, without
 * locks: ets_hash_adjust. */
bool ets_hash_is_off_size(const EtsTable *t, const EtsStripe *s);
void ets_hash_adjust(EtsTable *t);
static inline size_t ets_hash_active(const EtsHash *h) { return load_relaxed(&h->active); }
/* [read] First object of a bucket, dead or alive. */
static inline EtsObject *ets_hash_chain(const EtsHash *h, size_t i)
{
    return load_acquire(&h->segments)[i / ETS_SEGMENT][i % ETS_SEGMENT];
}
EtsObject *ets_hash_slot(EtsTable *t, size_t slot);  /* first live object of a slot, or NULL */
void ets_hash_prefetch(const EtsTable *t, size_t slot); /* of a slot that is looked at soon, or none */
/* o, or the next live one of its chain. */
EtsObject *ets_hash_live_from(const EtsTable *t, EtsObject *o);
EtsObject *ets_hash_chain_next(EtsTable *t, EtsObject *o); /* next live object of the same slot */
void ets_hash_sweep(EtsTable *t);                    /* [write] drop tombstones after unfixing */
void ets_hash_bury_all(EtsTable *t);                 /* [write, fixed] all objects to tombstones, at once */
bool ets_hash_free_some(EtsHash *h, size_t *budget);
void ets_hash_free_graves(EtsStripe *s);
void ets_hash_put(EtsTable *t, EtsObject *o);
EtsObject *ets_hash_find(EtsTable *t, term_t key);
size_t ets_hash_remove(EtsTable *t, term_t key, term_t only_equal);
void ets_hash_remove_object(EtsTable *t, EtsObject *o);
void ets_hash_replace(EtsTable *t, EtsObject *old, EtsObject *fresh);
EtsObject *ets_hash_next(EtsTable *t, term_t key, bool *found);

/* ---- tree (ets_tree.c) ---- */
void ets_tree_init(EtsTable *t);
void ets_tree_remove(EtsTable *t, EtsObject *o);
void ets_tree_put(EtsTable *t, EtsObject *o);
EtsObject *ets_tree_find(EtsTable *t, term_t key);
void ets_tree_replace(EtsTable *t, EtsObject *old, EtsObject *fresh);
EtsObject *ets_tree_after(EtsTable *t, term_t key);
EtsObject *ets_tree_before(EtsTable *t, term_t key);
/* First (reverse: last) object whose key the pattern's range does not exclude (ms_key_range). */
EtsObject *ets_tree_edge(EtsTable *t, term_t pattern, bool reverse);
static inline EtsObject *ets_tree_object(RbNode *n)
{
    return n ? container_of(n, EtsObject, node) : NULL;
}

#endif
