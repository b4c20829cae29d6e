/* SPDX-License-Identifier: Apache-2.0 */
/* base - the vocabulary every other file is written in: words, attributes, assertions.
 * Three strengths of assertion:
 *   ASSERT(e)  precondition or invariant; only in debug and checked builds, else unevaluated.
 *   CHECK(e)   corruption that must not go on; in every build; ends in base_panic.
 *   ALWAYS(e) / NEVER(e)  a defensive branch that should never decide otherwise: asserted
 *              in debug builds, kept and predicted in release builds.
 * Build types: JOIST_DEBUG turns assertions on; JOIST_CHECKED (implies JOIST_DEBUG) adds the
 * stress switches of checked.h.
 * Layer: base. */
#ifndef JOIST_BASE_BASE_H
#define JOIST_BASE_BASE_H

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(JOIST_CHECKED) && !defined(JOIST_DEBUG)
#define JOIST_DEBUG 1
#endif

#if defined(__SANITIZE_THREAD__)
#define JOIST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JOIST_TSAN 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define JOIST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JOIST_ASAN 1
#endif
#endif

typedef uintptr_t word_t;
typedef intptr_t sword_t;

#define WORD_BYTES ((size_t)sizeof(word_t))
#define WORD_BITS (CHAR_BIT * sizeof(word_t))

/* ---- attributes ---- */
#define LIKELY(e) __builtin_expect(!!(e), 1)
#define UNLIKELY(e) __builtin_expect(!!(e), 0)
#define UNREACHABLE() __builtin_unreachable()
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define COLD __attribute__((cold, noinline))
#define HOT __attribute__((hot))
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORTED __attribute__((visibility("default"), used))
#define MALLOC_LIKE __attribute__((malloc))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED __attribute__((unused))
#define PURE __attribute__((pure))
#define ALIGNED(n) __attribute__((aligned(n)))
#define CACHE_LINE 64
#define CACHE_ALIGNED ALIGNED(CACHE_LINE)
#define THREAD_LOCAL _Thread_local
#define FALLTHROUGH __attribute__((fallthrough))

/* ---- small helpers ---- */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
    ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)
#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)

/* How many of 16 bits are set. The compiler's builtin is a call where processors need not have the instruction. */
static inline unsigned bits_set16(unsigned x)
{
    x = (x & 0xFFFF) - ((x >> 1) & 0x5555);
    x = (x & 0x3333) + ((x >> 2) & 0x3333);
    x = (x + (x >> 4)) & 0x0F0F;
    return (x + (x >> 8)) & 0x1F;
}

/* Smallest multiple of `to` (a power of two) that is not below n. */
static inline size_t round_up(size_t n, size_t to)
{
    return (n + (to - 1)) & ~(to - 1);
}

static inline bool is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* Smallest power of two that is not below n; n <= 2^63. */
static inline uint64_t next_power_of_two(uint64_t n)
{
    return n <= 1 ? 1 : (uint64_t)1 << (64 - __builtin_clzll(n - 1));
}

/* Bytes -> words, rounded up. */
static inline size_t bytes_to_words(size_t bytes)
{
    return (bytes + WORD_BYTES - 1) / WORD_BYTES;
}

/* ---- failure ---- */

/* Report and end the process through the registered hook (crash dump), then abort().
 * Any thread, any lock state: takes no lock, allocates nothing. */
NORETURN COLD void base_panic(const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* What base_panic calls, once, with the finished text, before abort(); NULL to remove. */
void base_set_panic_hook(void (*hook)(const char *text));

#define PANIC(...) base_panic(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(e) \
    (LIKELY(e) ? (void)0 : base_panic(__FILE__, __LINE__, "check failed: %s", #e))

#ifdef JOIST_DEBUG
#define ASSERT(e) \
    (LIKELY(e) ? (void)0 : base_panic(__FILE__, __LINE__, "assertion failed: %s", #e))
#define ALWAYS(e) (LIKELY(e) ? true : (base_panic(__FILE__, __LINE__, "not always: %s", #e), false))
#define NEVER(e) (UNLIKELY(e) ? (base_panic(__FILE__, __LINE__, "never: %s", #e), true) : false)
#define NOT_REACHED() base_panic(__FILE__, __LINE__, "reached")
#else
#define ASSERT(e) ((void)sizeof(!(e)))
#define ALWAYS(e) LIKELY(e)
#define NEVER(e) UNLIKELY(e)
#define NOT_REACHED() UNREACHABLE()
#endif

#endif
