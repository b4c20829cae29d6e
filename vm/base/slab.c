/* SPDX-License-Identifier: Apache-2.0 */
/* slab - see slab.h. A chunk that has room is in the list of its slab; a full one is in none, its blocks find it by
 * their address. What is free is taken in the order of addresses, which the processor fetches ahead of who walks along
 * a queue of messages. Layer: base. */
#include "base/slab.h"
#include "base/alloc.h"
#include "base/lock.h"

#include <sys/mman.h>

#define HEADER_LINES 2
#define MAX_BLOCKS (SLAB_CHUNK / SLAB_LINE)

typedef struct Slab Slab;

/* Lock: that of its slab. */
typedef struct Chunk {
    struct Chunk *next, *prev;
    Slab *slab;            /* const while it has one */
    uint32_t used, blocks; /* blocks with others; of all (const) */
    uint32_t lines;        /* const: of a block */
    uint64_t free[MAX_BLOCKS / 64]; /* a bit for each block */
} Chunk;

static_assert(sizeof(Chunk) <= HEADER_LINES * SLAB_LINE, "the first lines of a chunk");

struct Slab {
    Mutex lock;
    Chunk *rooms; /* lock */
} CACHE_ALIGNED;

#define SLAB_INIT {.lock = MUTEX_INIT(SLAB)}
#define FOUR(x) x, x, x, x
static_assert(SLAB_MAX_LINES == 16, "four times four");
static Slab slabs[SLAB_USES][SLAB_MAX_LINES] = {{FOUR(FOUR(SLAB_INIT))}, {FOUR(FOUR(SLAB_INIT))}};

static void link_locked(Slab *slab, Chunk *c)
{
    c->prev = NULL;
    c->next = slab->rooms;
    if (c->next) c->next->prev = c;
    slab->rooms = c;
}

static void unlink_locked(Slab *slab, Chunk *c)
{
    if (c->prev) c->prev->next = c->next;
    else slab->rooms = c->next;
    if (c->next) c->next->prev = c->prev;
}

/* ---- chunks that no size has ---- */

#define REGION_CHUNKS 64
#define WARM 16 /* so many at least keep their memory */

static struct {
    Mutex lock;
    Chunk **at;   /* lock: room for all there are */
    size_t count; /* lock: of those here; the last to come is the first to go */
    size_t warm;  /* lock: of those, that have memory, about */
    size_t all;   /* lock */
} spare = {.lock = MUTEX_INIT(SLAB_SPARE)};

/* From the kernel, not from malloc, which would leave a gap in front of each. */
static bool more_spares_locked(void)
{
    char *region = mmap(NULL, REGION_CHUNKS * SLAB_CHUNK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) return false;
    char *first = (char *)round_up((size_t)region, SLAB_CHUNK);
    size_t n = REGION_CHUNKS - (first > region), all = spare.all + n;
    spare.at = mem_realloc(MEM_SYS, spare.at, spare.all * sizeof *spare.at, all * sizeof *spare.at);
    spare.all = all;
    while (n-- > 0) spare.at[spare.count++] = (Chunk *)(void *)(first + n * SLAB_CHUNK);
    return true;
}

static Chunk *take_spare(void)
{
    mutex_lock(&spare.lock);
    Chunk *c = spare.count > 0 || more_spares_locked() ? spare.at[--spare.count] : NULL;
    if (spare.warm > 0) spare.warm--;
    mutex_unlock(&spare.lock);
    return c;
}

static void give_spare(Chunk *c)
{
    mutex_lock(&spare.lock);
    if (++spare.warm > WARM) {
        spare.warm--;
        madvise(c, SLAB_CHUNK, MADV_DONTNEED);
    }
    spare.at[spare.count++] = c;
    mutex_unlock(&spare.lock);
}

static Chunk *chunk_new(Slab *slab, unsigned lines)
{
    Chunk *c = take_spare();
    if (!c) return NULL;
    *c = (Chunk){.blocks = (uint32_t)((MAX_BLOCKS - HEADER_LINES) / lines), .lines = lines, .slab = slab};
    for (uint32_t i = 0; i < c->blocks; i++) c->free[i / 64] |= UINT64_C(1) << i % 64;
    return c;
}

static Chunk *chunk_of(SlabBlock *b)
{
    return (Chunk *)((char *)b - ((size_t)b & (SLAB_CHUNK - 1)));
}

static SlabBlock *take_locked(Slab *slab, Chunk *c)
{
    size_t word = 0;
    while (c->free[word] == 0) word++;
    size_t i = 64 * word + (size_t)__builtin_ctzll(c->free[word]);
    c->free[word] &= c->free[word] - 1;
    if (++c->used == c->blocks) unlink_locked(slab, c);
    return (SlabBlock *)(void *)((char *)c + SLAB_LINE * (HEADER_LINES + c->lines * i));
}

/* True: c is to be freed. */
static bool give_locked(Slab *slab, Chunk *c, SlabBlock *b)
{
    if (c->used-- == c->blocks) link_locked(slab, c);
    size_t i = ((size_t)((char *)b - (char *)c) / SLAB_LINE - HEADER_LINES) / c->lines;
    c->free[i / 64] |= UINT64_C(1) << i % 64;
    if (c->used > 0 || (slab->rooms == c && !c->next)) return false;
    unlink_locked(slab, c);
    return true;
}

SlabBlock *slab_take(enum SlabUse use, unsigned lines, unsigned *n)
{
    Slab *slab = &slabs[use][lines - 1];
    SlabBlock *list = NULL, **last = &list;
    unsigned most = *n, got = 0;
    mutex_lock(&slab->lock);
    while (got < most) {
        if (!slab->rooms) {
            Chunk *c = got ? NULL : chunk_new(slab, lines);
            if (!c) break;
            link_locked(slab, c);
        }
        *last = take_locked(slab, slab->rooms);
        last = &(*last)->next;
        got++;
    }
    *last = NULL;
    mutex_unlock(&slab->lock);
    *n = got;
    return list;
}

void slab_give(SlabBlock *list)
{
    if (!list) return;
    Slab *slab = chunk_of(list)->slab;
    Chunk *gone = NULL;
    mutex_lock(&slab->lock);
    while (list) {
        SlabBlock *b = list;
        Chunk *c = chunk_of(b);
        list = b->next;
        if (!give_locked(slab, c, b)) continue;
        c->next = gone;
        gone = c;
    }
    mutex_unlock(&slab->lock);
    for (Chunk *next; gone; gone = next) {
        next = gone->next;
        give_spare(gone);
    }
}
