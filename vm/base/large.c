/* SPDX-License-Identifier: Apache-2.0 */
/* large - see large.h. Layer: base. */
#include "base/large.h"
#include "base/lock.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define STEP_MIN ((size_t)64 << 10)
#define SPARE 4 /* a block may be so many times as large as what it is used for */
#define IDLE_PERIOD_NS INT64_C(1000000000)

typedef struct Kept {
    void *ptr;
    size_t bytes;
    const void *by; /* address of `own` of the thread that freed it */
} Kept;

static THREAD_LOCAL char own;

static Mutex lock = MUTEX_INIT(MEMORY);
static Kept kept[LARGE_KEPT_BLOCKS]; /* lock; the oldest first */
static unsigned kept_count;          /* lock */
static atomic_word_t kept_bytes;     /* written under lock */
#define NOT_YET INT64_MIN /* the clock begins below zero */
static atomic_word_t released_ns = (word_t)NOT_YET; /* when an idle VM last released, or first asked */

/* In front of each block. It may be larger than what was last asked for: giving back the end of a block that
 * will be wanted again costs more than it brings. */
typedef struct Header {
    _Alignas(64) size_t bytes; /* from here on */
} Header;

static Header *header_of(void *ptr) { return (Header *)ptr - 1; }

size_t large_bytes(size_t bytes)
{
    bytes += bytes > SIZE_MAX / 2 ? 0 : sizeof(Header);
    size_t step = (size_t)1 << (60 - __builtin_clzl(bytes | LARGE_MIN)); /* an eighth of the power of two */
    return bytes > SIZE_MAX / 2 ? bytes : round_up(bytes, MAX(step, STEP_MIN));
}

/* ---- the kernel's side ---- */

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Huge pages stand at multiples of their size only. */
static void *map_huge(size_t bytes)
{
    char *raw = map(bytes + HUGE_PAGE);
    if (raw == NULL) return NULL;
    char *ptr = (char *)round_up((size_t)raw, HUGE_PAGE);
    if (ptr > raw) munmap(raw, (size_t)(ptr - raw));
    munmap(ptr + bytes, HUGE_PAGE - (size_t)(ptr - raw));
    madvise(ptr, bytes, MADV_HUGEPAGE);
    return ptr;
}

static void *map_fresh(size_t bytes, bool huge)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    void *ptr = huge && bytes >= HUGE_PAGE ? map_huge(bytes) : map(bytes);
    if (ptr != NULL || large_kept_bytes() == 0) return ptr;
    large_release();
    return map(bytes);
}

/* ---- kept blocks ---- */

static Kept take_at(unsigned i)
{
    Kept k = kept[i];
    memmove(&kept[i], &kept[i + 1], (--kept_count - i) * sizeof *kept);
    store_relaxed(&kept_bytes, load_relaxed(&kept_bytes) - k.bytes);
    return k;
}

static bool better(const Kept *k, const Kept *best)
{
    bool is_own = k->by == &own;
    if (is_own != (best->by == &own)) return is_own;
    return k->bytes < best->bytes;
}

/* The smallest that is large enough, if not much too large, the thread's own first; of equals the one kept last. */
static Kept take_kept(size_t bytes)
{
    Kept found = {NULL, 0, NULL};
    unsigned best = LARGE_KEPT_BLOCKS;
    if (load_relaxed(&kept_bytes) < bytes) return found;
    mutex_lock(&lock);
    for (unsigned i = kept_count; i-- > 0;)
        if (kept[i].bytes >= bytes && kept[i].bytes <= SPARE * bytes
            && (best == LARGE_KEPT_BLOCKS || better(&kept[i], &kept[best])))
            best = i;
    if (best < LARGE_KEPT_BLOCKS) found = take_at(best);
    mutex_unlock(&lock);
    return found;
}

static void keep(void *ptr, size_t bytes)
{
    Kept gone[LARGE_KEPT_BLOCKS];
    unsigned n = 0;
    mutex_lock(&lock);
    while (kept_count == LARGE_KEPT_BLOCKS || load_relaxed(&kept_bytes) + bytes > LARGE_KEPT_MAX)
        gone[n++] = take_at(0);
    kept[kept_count++] = (Kept){ptr, bytes, &own};
    add_owned(&kept_bytes, bytes);
    mutex_unlock(&lock);
    while (n > 0) {
        n--;
        munmap(gone[n].ptr, gone[n].bytes);
    }
}

size_t large_kept_bytes(void)
{
    return load_relaxed(&kept_bytes);
}

void large_release(void)
{
    Kept gone[LARGE_KEPT_BLOCKS];
    mutex_lock(&lock);
    unsigned n = kept_count;
    memcpy(gone, kept, n * sizeof *kept);
    kept_count = 0;
    store_relaxed(&kept_bytes, 0);
    mutex_unlock(&lock);
    for (unsigned i = 0; i < n; i++) munmap(gone[i].ptr, gone[i].bytes);
}

int64_t large_release_idle(int64_t now_ns)
{
    if (large_kept_bytes() == 0) return -1;
    int64_t last_ns = (int64_t)load_relaxed(&released_ns);
    if (last_ns == NOT_YET) store_relaxed(&released_ns, (word_t)(last_ns = now_ns)); /* not while starting */
    if (now_ns < last_ns + IDLE_PERIOD_NS) return last_ns + IDLE_PERIOD_NS - now_ns;
    store_relaxed(&released_ns, (word_t)now_ns);
    large_release();
    return -1;
}

/* ---- blocks ---- */

static void *block(void *base, size_t bytes)
{
    Header *h = base;
    if (h == NULL) return NULL;
    h->bytes = bytes;
    return h + 1;
}

void *large_alloc(size_t bytes)
{
    bytes = large_bytes(bytes);
    Kept k = take_kept(bytes);
    return k.ptr ? block(k.ptr, k.bytes) : block(map_fresh(bytes, true), bytes);
}

/* A table, most of which may never be touched: no huge pages. */
void *large_alloc_zero(size_t bytes)
{
    bytes = large_bytes(bytes);
    return block(map_fresh(bytes, false), bytes);
}

void large_free(void *ptr)
{
    Header *h = header_of(ptr);
    size_t bytes = h->bytes;
    if (bytes > LARGE_KEPT_MAX)
        munmap(h, bytes);
    else
        keep(h, bytes);
}

/* Blocks that grow: up to this size they are copied to pages that were in use before, or to huge ones, which takes
 * less than the page faults of a mapping that is made longer. */
#define COPY_MAX ((size_t)4 << 20)

static void *copied(Header *h, size_t bytes)
{
    if (bytes <= h->bytes || h->bytes > COPY_MAX) return NULL;
    Kept k = take_kept(bytes);
    if (!k.ptr && h->bytes < HUGE_PAGE && bytes >= HUGE_PAGE) k = (Kept){map_fresh(bytes, true), bytes, NULL};
    if (!k.ptr) return NULL;
    memcpy((Header *)k.ptr + 1, h + 1, h->bytes - sizeof *h);
    keep(h, h->bytes);
    return block(k.ptr, k.bytes);
}

void *large_realloc(void *ptr, size_t bytes)
{
    Header *h = header_of(ptr);
    bytes = large_bytes(bytes);
    if (h->bytes >= bytes && h->bytes <= SPARE * bytes) return ptr;
    void *moved = copied(h, bytes);
    if (moved) return moved;
    moved = mremap(h, h->bytes, bytes, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : block(moved, bytes);
}
