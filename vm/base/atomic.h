/* SPDX-License-Identifier: Apache-2.0 */
/* atomic - C11 atomics under names that spell the ordering.
 * Use the orderings so: relaxed for counters and hints; acquire/release for handing over data
 * (name the partner in a comment); the plain C11 calls (sequentially consistent) for
 * "I announce, then I look" protocols, together with atomic_fence_full().
 * The wrappers are generic over all atomic types below.
 * Layer: base. */
#ifndef JOIST_BASE_ATOMIC_H
#define JOIST_BASE_ATOMIC_H

#include "base/base.h"

#include <stdatomic.h>

typedef _Atomic(word_t) atomic_word_t;
typedef _Atomic(sword_t) atomic_sword_t;
typedef _Atomic(uint8_t) atomic_u8_t;
typedef _Atomic(uint16_t) atomic_u16_t;
typedef _Atomic(uint32_t) atomic_u32_t;
typedef _Atomic(int32_t) atomic_i32_t;
typedef _Atomic(uint64_t) atomic_u64_t;
typedef _Atomic(int64_t) atomic_i64_t;
typedef _Atomic(bool) atomic_bool_t;
typedef _Atomic(void *) atomic_ptr_t;

#define load_relaxed(a) atomic_load_explicit((a), memory_order_relaxed)
#define load_acquire(a) atomic_load_explicit((a), memory_order_acquire)
#define load_seq(a) atomic_load_explicit((a), memory_order_seq_cst)
#define store_relaxed(a, v) atomic_store_explicit((a), (v), memory_order_relaxed)
#define store_release(a, v) atomic_store_explicit((a), (v), memory_order_release)
#define store_seq(a, v) atomic_store_explicit((a), (v), memory_order_seq_cst)

/* Read-modify-write; each returns the value before. */
#define add_relaxed(a, v) atomic_fetch_add_explicit((a), (v), memory_order_relaxed)
/* By the only writer of a counter that others read. */
#define add_owned(a, v) store_relaxed((a), load_relaxed(a) + (v))
#define add_acq_rel(a, v) atomic_fetch_add_explicit((a), (v), memory_order_acq_rel)
#define add_seq(a, v) atomic_fetch_add_explicit((a), (v), memory_order_seq_cst)
#define sub_relaxed(a, v) atomic_fetch_sub_explicit((a), (v), memory_order_relaxed)
#define sub_acq_rel(a, v) atomic_fetch_sub_explicit((a), (v), memory_order_acq_rel)
#define or_relaxed(a, v) atomic_fetch_or_explicit((a), (v), memory_order_relaxed)
#define or_acq_rel(a, v) atomic_fetch_or_explicit((a), (v), memory_order_acq_rel)
#define and_relaxed(a, v) atomic_fetch_and_explicit((a), (v), memory_order_relaxed)
#define and_acq_rel(a, v) atomic_fetch_and_explicit((a), (v), memory_order_acq_rel)
#define swap_acq_rel(a, v) atomic_exchange_explicit((a), (v), memory_order_acq_rel)
#define swap_seq(a, v) atomic_exchange_explicit((a), (v), memory_order_seq_cst)

/* Compare and swap: true if *a was *expected and is now v; else *expected = what it is. */
#define cas_relaxed(a, expected, v) \
    atomic_compare_exchange_strong_explicit((a), (expected), (v), memory_order_relaxed, \
                                            memory_order_relaxed)
#define cas_acquire(a, expected, v) \
    atomic_compare_exchange_strong_explicit((a), (expected), (v), memory_order_acquire, \
                                            memory_order_acquire)
#define cas_acq_rel(a, expected, v) \
    atomic_compare_exchange_strong_explicit((a), (expected), (v), memory_order_acq_rel, \
                                            memory_order_acquire)
#define cas_seq(a, expected, v) atomic_compare_exchange_strong((a), (expected), (v))

/* Full fence. The thread sanitizer does not model fences; the protocols that use this one
 * order their data through acquire/release pairs besides. */
static inline void atomic_fence_full(void)
{
#ifndef JOIST_TSAN
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* What a spinning thread does between two looks. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
