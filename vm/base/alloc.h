/* SPDX-License-Identifier: Apache-2.0 */
/* alloc - typed allocation: every block has a type of alloc.def, every free names the size.
 * Contract:  blocks are aligned to 16 bytes; mem_free gets the type and byte count the block
 *            was allocated (or last reallocated) with: the release build stores neither.
 *            Debug builds do, and panic on a mismatch, a double free or an overrun.
 * Contents:  undefined; debug and checked builds fill fresh memory with 0xA5, freed memory
 *            with 0xDB, so that a word 0xA5A5.. or 0xDBDB.. names its own bug.
 * Errors:    mem_alloc, mem_realloc never return NULL (out of memory ends the VM through the
 *            registered hook); the _try forms may.
 * Threads:   any. Counters live in per-thread stripes and are summed when asked for, so a sum
 *            read while others allocate is only nearly exact.
 * Semantics: erlang(3) memory/0,1. Layer: base. */
#ifndef JOIST_BASE_ALLOC_H
#define JOIST_BASE_ALLOC_H

#include "base/base.h"

enum MemType {
#define MEM_TYPE(name, class, text) MEM_##name,
#include "base/alloc.def"
#undef MEM_TYPE
    MEM_TYPES
};

enum MemClass {
    MEM_CLASS_ATOM,
    MEM_CLASS_PROCESSES,
    MEM_CLASS_BINARY,
    MEM_CLASS_CODE,
    MEM_CLASS_ETS,
    MEM_CLASS_SYSTEM,
    MEM_CLASSES
};

typedef struct MemStats {
    size_t bytes;
    size_t blocks;
} MemStats;

/* First thing in the program. malloc gives memory at its end back to the system when it is more than trim, and
 * asks for pad more than it needs. */
void mem_init(unsigned schedulers, unsigned trim_kbytes, unsigned pad_kbytes);

/* bytes may be 0: a distinct block that must be freed with 0. */
void *mem_alloc(enum MemType type, size_t bytes) MUST_CHECK;
void *mem_alloc_zero(enum MemType type, size_t bytes) MUST_CHECK;
void *mem_alloc_try(enum MemType type, size_t bytes) MUST_CHECK;

/* Resize; keeps MIN(old_bytes, new_bytes) bytes. ptr NULL with old_bytes 0 allocates.
 * When the _try form returns NULL the old block is untouched. */
void *mem_realloc(enum MemType type, void *ptr, size_t old_bytes, size_t new_bytes) MUST_CHECK;
void *mem_realloc_try(enum MemType type, void *ptr, size_t old_bytes,
                      size_t new_bytes) MUST_CHECK;

/* ptr NULL is ignored. */
void mem_free(enum MemType type, void *ptr, size_t bytes);

/* Blocks with alignment `align` (power of two, > 16); freed by mem_free_aligned. */
void *mem_alloc_aligned(enum MemType type, size_t bytes, size_t align) MUST_CHECK;
void mem_free_aligned(enum MemType type, void *ptr, size_t bytes);

/* For memory obtained elsewhere (mmap) but reported under a type; bytes may be negative. */
void mem_count(enum MemType type, ptrdiff_t bytes, ptrdiff_t blocks);

/* Copy of a NUL-terminated text, freed with mem_free_text. */
char *mem_text(enum MemType type, const char *text) MUST_CHECK;
void mem_free_text(enum MemType type, char *text);

/* typed sugar: T *x = MEM_NEW(SYS, T); MEM_DELETE(SYS, x); arrays of n likewise. */
#define MEM_NEW(type, T) ((T *)mem_alloc_zero(MEM_##type, sizeof(T)))
#define MEM_DELETE(type, ptr) mem_free(MEM_##type, (ptr), sizeof *(ptr))
#define MEM_NEW_ARRAY(type, T, n) ((T *)mem_alloc(MEM_##type, mem_array_bytes((n), sizeof(T))))
#define MEM_DELETE_ARRAY(type, ptr, n) mem_free(MEM_##type, (ptr), (n) * sizeof *(ptr))

/* n * size, panics on overflow. */
static inline size_t mem_array_bytes(size_t n, size_t size)
{
    size_t bytes;
    CHECK(!__builtin_mul_overflow(n, size, &bytes));
    return bytes;
}

MemStats mem_type_stats(enum MemType type);
MemStats mem_class_stats(enum MemClass class);
MemStats mem_total_stats(void);
const char *mem_type_text(enum MemType type); /* the description */

/* Called when memory has run out, by each thread that met it, before the VM ends. A reserve is given back first, so
 * the hook may allocate a little. */
void mem_set_out_of_memory_hook(void (*hook)(enum MemType type, size_t bytes));

/* Ends the VM as an exhausted mem_alloc does; for callers that used a _try form in vain. */
NORETURN COLD void mem_out_of_memory(enum MemType type, size_t bytes);

#endif
