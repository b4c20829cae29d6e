/* SPDX-License-Identifier: Apache-2.0 */
/* large - blocks of LARGE_MIN bytes and more, straight from the kernel, kept a while for reuse.
 * Why:       a copying collector frees a heap for each one it fills. A fault for every page of a
 *            fresh mapping cost more than the collection (test/bench gc_growing: 5 to 10 times),
 *            so freed blocks are kept, and those of a huge page or more ask for huge pages, but not zeroed ones.
 * Contract:  block sizes are rounded by large_bytes; a block may be four times as large, and keeps its size when it is
 *            cut by less: a heap is made for all that may live and cut to what does.
 * Growth:    a block of up to 4 MB is copied to a kept one or to huge pages; else its mapping is made longer.
 * Kept:      at most LARGE_KEPT_MAX bytes in LARGE_KEPT_BLOCKS blocks; the oldest goes first;
 *            all go at large_release, which an idle VM calls. A thread takes those that it kept itself first: they may
 *            be in its processor's cache still (parallel_lists of test/bench: 1.58 times as fast on two schedulers as
 *            on one with the smallest that fits, whosever it was, now 1.87).
 * Contents:  undefined, but zero from large_alloc_zero. Errors: NULL when the kernel has no more.
 * Threads:   any. Layer: base. */
#ifndef JOIST_BASE_LARGE_H
#define JOIST_BASE_LARGE_H

#include "base/base.h"

#define LARGE_MIN ((size_t)256 << 10)
#define LARGE_KEPT_MAX ((size_t)128 << 20) /* with half of it utf8_decode of make bench takes 22 ms, not 17 */
#define LARGE_KEPT_BLOCKS 64

/* What a request of `bytes` really takes: an eighth more at most. */
size_t large_bytes(size_t bytes);

void *large_alloc(size_t bytes) MUST_CHECK;
void *large_alloc_zero(size_t bytes) MUST_CHECK;
void large_free(void *ptr);
/* bytes: at least LARGE_MIN; NULL leaves the old block as it is. */
void *large_realloc(void *ptr, size_t bytes) MUST_CHECK;

size_t large_kept_bytes(void);
void large_release(void);

/* For a VM that goes idle: releases, but at most once a second, and not in the first. Nanoseconds until it may, -1 when
 * nothing is kept. */
int64_t large_release_idle(int64_t now_ns);

#endif
