/* SPDX-License-Identifier: Apache-2.0 */
/* execmem - see execmem.h. Free pieces are kept in a list by address; neighbours are joined. Layer: base. */
#include "base/execmem.h"
#include "base/alloc.h"
#include "base/lock.h"

#include <sys/mman.h>
#include <unistd.h>

#define UNIT ((size_t)64)
#define STEP ((size_t)16 << 20)   /* between places that are tried */
#define REACH ((size_t)1 << 30)

typedef struct Piece {
    struct Piece *next;
    size_t at, bytes;
} Piece;

static Mutex lock = MUTEX_INIT(CODE_MEMORY);
static bool tried;                  /* lock */
static bool anonymous;              /* set at start */
static char *_Atomic executable;    /* written once under lock */
static char *writable;              /* lock; constant once there */
static Piece *pieces;               /* lock; free, ascending */
static size_t used;                 /* lock */

extern const char __executable_start[], etext[];

/* Below the program first: above it the heap grows. fd -1: memory without a file. */
static void *map_near(int fd)
{
    int protection = PROT_READ | PROT_EXEC | (fd < 0 ? PROT_WRITE : 0);
    int flags = MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED);
    uintptr_t below = (uintptr_t)__executable_start & ~(STEP - 1), above = round_up((uintptr_t)etext, STEP);
    for (size_t d = EXECMEM_BYTES; d < REACH; d += STEP) {
        uintptr_t places[2] = {below > d ? below - d : 0, above + REACH / 2 + d};
        for (int i = 0; i < 2; i++) {
            if (places[i] == 0) continue;
            void *p = mmap((void *)places[i], EXECMEM_BYTES, protection, flags, fd, 0);
            if (p == (void *)places[i]) return p;
            if (p != MAP_FAILED) munmap(p, EXECMEM_BYTES); /* a kernel that does not know the flag */
        }
    }
    return NULL;
}

void execmem_for_profilers(void) { anonymous = true; }

/* Both views of one file, or NULL. */
static void *map_twice(void **write_at)
{
    int fd = memfd_create("native code", MFD_CLOEXEC);
    if (fd < 0) return NULL;
    void *w = ftruncate(fd, (off_t)EXECMEM_BYTES) == 0
                  ? mmap(NULL, EXECMEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                  : MAP_FAILED;
    void *x = w == MAP_FAILED ? NULL : map_near(fd);
    close(fd);
    if (!x && w != MAP_FAILED) munmap(w, EXECMEM_BYTES);
    *write_at = w;
    return x;
}

static void make_region(void)
{
    void *w, *x = anonymous ? (w = map_near(-1)) : map_twice(&w);
    tried = true;
    if (!x) return;
    writable = w;
    pieces = MEM_NEW(CODE_TABLE, Piece);
    pieces->bytes = EXECMEM_BYTES;
    atomic_store(&executable, x);
}

static bool take(size_t bytes, size_t *at)
{
    for (Piece **link = &pieces; *link; link = &(*link)->next) {
        Piece *f = *link;
        if (f->bytes < bytes) continue;
        *at = f->at;
        f->at += bytes;
        f->bytes -= bytes;
        if (f->bytes == 0) {
            *link = f->next;
            MEM_DELETE(CODE_TABLE, f);
        }
        return true;
    }
    return false;
}

void *execmem_alloc(size_t bytes, void **write_at)
{
    size_t at;
    mutex_lock(&lock);
    if (!tried) make_region();
    bool ok = take(round_up(bytes, UNIT), &at);
    if (ok) used += round_up(bytes, UNIT);
    mutex_unlock(&lock);
    if (!ok) return NULL;
    *write_at = writable + at;
    return atomic_load(&executable) + at;
}

static void join_next(Piece *f)
{
    Piece *n = f->next;
    if (!n || f->at + f->bytes != n->at) return;
    f->bytes += n->bytes;
    f->next = n->next;
    MEM_DELETE(CODE_TABLE, n);
}

void execmem_free(void *ptr, size_t bytes)
{
    mutex_lock(&lock);
    size_t at = (size_t)((char *)ptr - atomic_load(&executable));
    Piece **link = &pieces, *before = NULL;
    while (*link && (*link)->at < at) {
        before = *link;
        link = &before->next;
    }
    Piece *f = MEM_NEW(CODE_TABLE, Piece);
    *f = (Piece){*link, at, round_up(bytes, UNIT)};
    *link = f;
    join_next(f);
    if (before) join_next(before);
    used -= round_up(bytes, UNIT);
    mutex_unlock(&lock);
}

bool execmem_contains(const void *address)
{
    const char *x = atomic_load_explicit(&executable, memory_order_acquire);
    return x && (const char *)address >= x && (const char *)address < x + EXECMEM_BYTES;
}

size_t execmem_used(void)
{
    mutex_lock(&lock);
    size_t bytes = used;
    mutex_unlock(&lock);
    return bytes;
}
