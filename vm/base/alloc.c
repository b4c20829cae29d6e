/* SPDX-License-Identifier: Apache-2.0 */
/* alloc - malloc with types; counters in stripes.
 * Counters: a stripe belongs to one living thread, which alone writes it (plain load, add,
 *   store, all relaxed); readers sum all stripes. A block freed by another thread than the one
 *   that allocated it makes one stripe go up and another down (modulo 2^64): the sum is right.
 *   Stripe 0 is shared by threads that found no free stripe; they use atomic adds.
 * Kept:     small blocks of messages come from base/slab. Those that a thread frees wait in lists of its stripe, one a
 *   size, for its next allocation. malloc's own cache of this kind holds seven a size, and a
 *   collection frees a hundred fragments at once (ring of make bench: 22 % of its time was malloc's).
 * Debug:    each block has a guard of 16 bytes before it (type, size, magic) and 8 after it.
 * Large:    blocks of LARGE_MIN bytes and more come from base/large, but in debug builds.
 * Layer: base. */
#include "base/alloc.h"
#include "base/large.h"
#include "base/atomic.h"
#include "base/checked.h"
#include "base/poison.h"
#include "base/slab.h"
#include "base/thread.h"

#include <malloc.h>
#include <stdlib.h>

#define STRIPES 128
#define MMAP_BYTES (4 << 20)

/* Sizes that are kept, in lines of slab.h, and how many bytes of all a thread keeps. None where tools watch what is
 * freed. */
#if defined(JOIST_DEBUG) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEPT_SIZES 0u
#else
#define KEPT_SIZES SLAB_MAX_LINES
#endif
#define KEPT_MAX (KEPT_SIZES * SLAB_LINE)
#define KEPT_BYTES ((size_t)1 << 20)
#define KEPT_BATCH 16u

typedef struct Stripe {
    struct {
        atomic_word_t bytes, blocks;
    } of[MEM_TYPES];
    atomic_bool_t taken;
    size_t room; /* for bytes more to keep; 0 in the shared stripe */
    SlabBlock *kept[SLAB_USES][KEPT_SIZES + 1];
} CACHE_ALIGNED Stripe;

/* What the out-of-memory hook can still allocate; untouched before, so it costs addresses only. */
#define RESERVE_BYTES ((size_t)2 << 20)

static Stripe stripes[STRIPES];
static THREAD_LOCAL Stripe *my_stripe;
static _Atomic(void (*)(enum MemType, size_t)) out_of_memory_hook;
static _Atomic(void *) reserve;

static const struct {
    const char *name, *text;
    enum MemClass class;
} types[] = {
#define MEM_TYPE(name, class, text) {#name, text, MEM_CLASS_##class},
#include "base/alloc.def"
#undef MEM_TYPE
};

/* ---- counters ---- */

static void free_kept(Stripe *s)
{
    for (size_t use = 0; use < SLAB_USES; use++)
        for (size_t k = 1; k <= KEPT_SIZES; k++) {
            slab_give(s->kept[use][k]);
            s->kept[use][k] = NULL;
        }
    s->room = 0;
}

static void give_back_stripe(void *stripe)
{
    my_stripe = &stripes[0];
    free_kept(stripe);
    store_release(&((Stripe *)stripe)->taken, false);
}

static COLD Stripe *take_stripe(void)
{
    my_stripe = &stripes[0]; /* thread_at_exit may allocate */
    for (size_t i = 1; i < STRIPES; i++) {
        bool expected = false;
        if (!load_relaxed(&stripes[i].taken) && cas_acquire(&stripes[i].taken, &expected, true)) {
            thread_at_exit(give_back_stripe, &stripes[i]);
            stripes[i].room = KEPT_BYTES;
            my_stripe = &stripes[i];
            break;
        }
    }
    return my_stripe;
}

static ALWAYS_INLINE void bump(atomic_word_t *counter, word_t by, bool shared)
{
    if (UNLIKELY(shared))
        add_relaxed(counter, by);
    else
        add_owned(counter, by);
}

static ALWAYS_INLINE Stripe *stripe(void)
{
    return LIKELY(my_stripe != NULL) ? my_stripe : take_stripe();
}

static ALWAYS_INLINE void count(enum MemType type, word_t bytes, word_t blocks)
{
    Stripe *s = stripe();
    bool shared = s == &stripes[0];
    bump(&s->of[type].bytes, bytes, shared);
    if (blocks)
        bump(&s->of[type].blocks, blocks, shared);
}

void mem_count(enum MemType type, ptrdiff_t bytes, ptrdiff_t blocks)
{
    count(type, (word_t)bytes, (word_t)blocks);
}

MemStats mem_type_stats(enum MemType type)
{
    word_t bytes = 0, blocks = 0;
    for (size_t i = 0; i < STRIPES; i++) {
        bytes += load_relaxed(&stripes[i].of[type].bytes);
        blocks += load_relaxed(&stripes[i].of[type].blocks);
    }
    /* A read in the middle of a transfer may dip below zero. */
    return (MemStats){(sword_t)bytes < 0 ? 0 : bytes, (sword_t)blocks < 0 ? 0 : blocks};
}

static MemStats sum_types(bool every, enum MemClass class)
{
    MemStats sum = {0, 0};
    for (enum MemType t = 0; t < MEM_TYPES; t++) {
        if (!every && types[t].class != class)
            continue;
        MemStats one = mem_type_stats(t);
        sum.bytes += one.bytes;
        sum.blocks += one.blocks;
    }
    return sum;
}

MemStats mem_class_stats(enum MemClass class)
{
    return sum_types(false, class);
}

MemStats mem_total_stats(void)
{
    return sum_types(true, MEM_CLASS_SYSTEM);
}

const char *mem_type_text(enum MemType type)
{
    return types[type].text;
}

/* ---- the end ---- */

void mem_set_out_of_memory_hook(void (*hook)(enum MemType type, size_t bytes))
{
    atomic_store(&out_of_memory_hook, hook);
    void *old = atomic_exchange(&reserve, hook ? malloc(RESERVE_BYTES) : NULL);
    free(old);
}

void mem_out_of_memory(enum MemType type, size_t bytes)
{
    void (*hook)(enum MemType, size_t) = atomic_load(&out_of_memory_hook);
    free(atomic_exchange(&reserve, NULL));
    if (hook)
        hook(type, bytes);
    PANIC("cannot allocate %zu bytes of memory (of type \"%s\")", bytes, types[type].text);
}

/* ---- guards ---- */

#ifdef JOIST_DEBUG

#define LARGE_APART 0 /* every block has its guards */
#define LIVE_MAGIC UINT32_C(0x4A6F7374)
#define DEAD_MAGIC UINT32_C(0xDEADB10C)
#define TAIL_MAGIC UINT64_C(0x7461696C7461696C)

typedef struct Guard {
    uint32_t magic;
    uint32_t type;
    size_t bytes;
} Guard;

static_assert(sizeof(Guard) == 16, "keeps the alignment of malloc");

#define GUARD_BYTES (sizeof(Guard) + sizeof(uint64_t))

/* The address sanitizer reports who touches a guard at once. */
static void *guard_set(Guard *g, enum MemType type, size_t bytes)
{
    uint64_t tail = TAIL_MAGIC;
    *g = (Guard){LIVE_MAGIC, type, bytes};
    memcpy((char *)(g + 1) + bytes, &tail, sizeof tail);
    ASAN_POISON_MEMORY_REGION(g, sizeof *g);
    ASAN_POISON_MEMORY_REGION((char *)(g + 1) + bytes, sizeof tail);
    return g + 1;
}

static Guard *guard_check(enum MemType type, void *ptr, size_t bytes)
{
    Guard *g = (Guard *)ptr - 1;
    uint64_t tail;
    ASAN_UNPOISON_MEMORY_REGION(g, sizeof *g);
    if (g->magic != LIVE_MAGIC)
        PANIC("%p: %s", ptr, g->magic == DEAD_MAGIC ? "freed twice" : "not a block");
    if (g->type != type)
        PANIC("%p: allocated as %s, freed as %s", ptr, types[g->type].name, types[type].name);
    if (g->bytes != bytes)
        PANIC("%p (%s): allocated %zu bytes, freed %zu", ptr, types[type].name, g->bytes, bytes);
    ASAN_UNPOISON_MEMORY_REGION((char *)ptr + bytes, sizeof tail);
    memcpy(&tail, (char *)ptr + bytes, sizeof tail);
    if (tail != TAIL_MAGIC)
        PANIC("%p (%s): written beyond its %zu bytes", ptr, types[type].name, bytes);
    return g;
}

static void *raw_alloc(enum MemType type, size_t bytes)
{
    Guard *g = bytes > SIZE_MAX - GUARD_BYTES ? NULL : malloc(bytes + GUARD_BYTES);
    if (g == NULL)
        return NULL;
    if (checked_poison())
        memset(g + 1, FRESH_BYTE, bytes);
    return guard_set(g, type, bytes);
}

static void raw_free(enum MemType type, void *ptr, size_t bytes)
{
    Guard *g = guard_check(type, ptr, bytes);
    if (checked_poison())
        memset(ptr, FREED_BYTE, bytes);
    g->magic = DEAD_MAGIC;
    free(g);
}

/* Always moves: an old pointer kept by mistake shows at once. */
static void *raw_realloc(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    guard_check(type, ptr, old_bytes);
    void *fresh = raw_alloc(type, new_bytes);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh, ptr, MIN(old_bytes, new_bytes));
    raw_free(type, ptr, old_bytes);
    return fresh;
}

#else

#define LARGE_APART 1

/* What comes and goes. Not the blocks of processes: a collection cuts what it has allocated, so each would be kept in
 * a list from which nothing is taken. Not what stays, such as objects of tables: blocks kept in the order of their end
 * lie anywhere. */
static ALWAYS_INLINE bool is_kept(enum MemType type, size_t bytes)
{
    const uint64_t types = 1u << MEM_FRAG | 1u << MEM_MSG | 1u << MEM_SIGNAL | 1u << MEM_LINK;
    return KEPT_SIZES && bytes <= KEPT_MAX && (types >> type & 1);
}

static ALWAYS_INLINE unsigned kept_size(size_t bytes)
{
    return bytes <= SLAB_LINE ? 1 : (unsigned)((bytes + SLAB_LINE - 1) / SLAB_LINE);
}

static ALWAYS_INLINE enum SlabUse use_of(enum MemType type)
{
    return type == MEM_FRAG ? SLAB_FRAGMENTS : SLAB_SIGNALS;
}

/* The thread has none of this size. */
static NOINLINE void *take_batch(Stripe *s, enum SlabUse use, unsigned k)
{
    unsigned n = (unsigned)MIN(1 + s->room / (SLAB_LINE * k), KEPT_BATCH / k);
    SlabBlock *b = slab_take(use, k, &n);
    if (b == NULL || n == 1) return b;
    s->kept[use][k] = b->next;
    s->room -= SLAB_LINE * k * (n - 1);
    return b;
}

/* The thread keeps enough: b goes, and others of its size with it. The shared stripe has none. */
static NOINLINE void give_batch(Stripe *s, enum SlabUse use, unsigned k, SlabBlock *b)
{
    SlabBlock *last = b;
    b->next = s->kept[use][k];
    for (unsigned n = 1; n < KEPT_BATCH && last->next != NULL; n++) {
        last = last->next;
        s->room += SLAB_LINE * k;
    }
    if (last != b || last->next != NULL) s->kept[use][k] = last->next;
    last->next = NULL;
    slab_give(b);
}

static ALWAYS_INLINE void *small_alloc(enum MemType type, size_t bytes)
{
    Stripe *s = stripe();
    unsigned k = kept_size(bytes);
    SlabBlock **list = &s->kept[use_of(type)][k], *b = *list;
    if (UNLIKELY(b == NULL)) return take_batch(s, use_of(type), k);
    *list = b->next;
    s->room += SLAB_LINE * k;
    return b;
}

static ALWAYS_INLINE void small_free(enum MemType type, void *ptr, size_t bytes)
{
    Stripe *s = stripe();
    unsigned k = kept_size(bytes);
    SlabBlock **list = &s->kept[use_of(type)][k], *b = ptr;
    if (UNLIKELY(s->room < SLAB_LINE * k)) {
        give_batch(s, use_of(type), k, b);
        return;
    }
    b->next = *list;
    *list = b;
    s->room -= SLAB_LINE * k;
}

static ALWAYS_INLINE void *raw_alloc(enum MemType type, size_t bytes)
{
    if (LIKELY(is_kept(type, bytes))) return small_alloc(type, bytes);
    return bytes >= LARGE_MIN ? large_alloc(bytes) : malloc(bytes | (bytes == 0));
}

static ALWAYS_INLINE void raw_free(enum MemType type, void *ptr, size_t bytes)
{
    if (LIKELY(is_kept(type, bytes)))
        small_free(type, ptr, bytes);
    else if (UNLIKELY(bytes >= LARGE_MIN))
        large_free(ptr);
    else
        free(ptr);
}

/* From blocks of one kind to those of another. */
static void *raw_move(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    void *fresh = raw_alloc(type, new_bytes);
    if (fresh != NULL) {
        memcpy(fresh, ptr, MIN(old_bytes, new_bytes));
        raw_free(type, ptr, old_bytes);
    }
    return fresh;
}

static ALWAYS_INLINE void *raw_realloc(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    bool kept = is_kept(type, old_bytes);
    if (kept != is_kept(type, new_bytes) || (old_bytes >= LARGE_MIN) != (new_bytes >= LARGE_MIN))
        return raw_move(type, ptr, old_bytes, new_bytes);
    if (kept)
        return kept_size(old_bytes) == kept_size(new_bytes) ? ptr : raw_move(type, ptr, old_bytes, new_bytes);
    return new_bytes >= LARGE_MIN ? large_realloc(ptr, new_bytes) : realloc(ptr, new_bytes | (new_bytes == 0));
}

#endif

static_assert(_Alignof(max_align_t) >= 16, "blocks are aligned to 16 bytes");

/* ---- interface ---- */

/* What malloc does on its own, giving back the end of an arena at every opportunity and mapping
 * blocks that come and go, costs more faults than the memory is worth. An arena takes 64 MB of addresses: one for each
 * scheduler, which the threads for dirty work share. */
void mem_init(unsigned schedulers, unsigned trim_kbytes, unsigned pad_kbytes)
{
    mallopt(M_ARENA_MAX, (int)MAX(schedulers, 2u));
    mallopt(M_TRIM_THRESHOLD, (int)(trim_kbytes * 1024));
    if (pad_kbytes) mallopt(M_TOP_PAD, (int)(pad_kbytes * 1024));
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}

static ALWAYS_INLINE void *allocate(enum MemType type, size_t bytes)
{
    void *ptr = raw_alloc(type, bytes);
    if (LIKELY(ptr != NULL))
        count(type, bytes, 1);
    return ptr;
}

void *mem_alloc(enum MemType type, size_t bytes)
{
    void *ptr = allocate(type, bytes);
    if (UNLIKELY(ptr == NULL))
        mem_out_of_memory(type, bytes);
    return ptr;
}

void *mem_alloc_zero(enum MemType type, size_t bytes)
{
    if (LARGE_APART && bytes >= LARGE_MIN) {
        void *ptr = large_alloc_zero(bytes);
        if (ptr == NULL)
            mem_out_of_memory(type, bytes);
        count(type, bytes, 1);
        return ptr;
    }
    return memset(mem_alloc(type, bytes), 0, bytes);
}

void *mem_alloc_try(enum MemType type, size_t bytes)
{
    return checked_alloc_fails() ? NULL : allocate(type, bytes);
}

static void *reallocate(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    if (ptr == NULL)
        return allocate(type, new_bytes);
    void *fresh = raw_realloc(type, ptr, old_bytes, new_bytes);
    if (fresh)
        count(type, new_bytes - old_bytes, 0);
    return fresh;
}

void *mem_realloc(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    void *fresh = reallocate(type, ptr, old_bytes, new_bytes);
    if (UNLIKELY(fresh == NULL))
        mem_out_of_memory(type, new_bytes);
    return fresh;
}

void *mem_realloc_try(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes)
{
    return checked_alloc_fails() ? NULL : reallocate(type, ptr, old_bytes, new_bytes);
}

void mem_free(enum MemType type, void *ptr, size_t bytes)
{
    if (ptr == NULL)
        return;
    count(type, -bytes, (word_t)-1);
    raw_free(type, ptr, bytes);
}

void *mem_alloc_aligned(enum MemType type, size_t bytes, size_t align)
{
    void *ptr = NULL;
    ASSERT(is_power_of_two(align));
    if (posix_memalign(&ptr, MAX(align, sizeof(void *)), bytes | (bytes == 0)) != 0)
        mem_out_of_memory(type, bytes);
    if (checked_poison())
        memset(ptr, FRESH_BYTE, bytes);
    count(type, bytes, 1);
    return ptr;
}

void mem_free_aligned(enum MemType type, void *ptr, size_t bytes)
{
    if (ptr == NULL)
        return;
    if (checked_poison())
        memset(ptr, FREED_BYTE, bytes);
    count(type, -bytes, (word_t)-1);
    free(ptr);
}

char *mem_text(enum MemType type, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_alloc(type, bytes), text, bytes);
}

void mem_free_text(enum MemType type, char *text)
{
    if (text)
        mem_free(type, text, strlen(text) + 1);
}
