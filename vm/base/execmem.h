/* SPDX-License-Identifier: Apache-2.0 */
/* execmem - memory for code made while running, near enough to the program's own code that each can reach the
 * other with a distance of 32 bits.
 * Contract:  one region per host process, made at the first use. It has two views: what is written through one is
 *            executed through the other, and no page is writable and executable at once.
 * Errors:    execmem_alloc is NULL when the system allows no such memory, or the region is full.
 * Threads:   any. Layer: base. */
#ifndef JOIST_BASE_EXECMEM_H
#define JOIST_BASE_EXECMEM_H

#include "base/base.h"

#define EXECMEM_BYTES ((size_t)32 << 20)

/* The executable address; *writable is where to write it. */
void *execmem_alloc(size_t bytes, void **writable) MUST_CHECK;
/* Before the first use: one view only, writable too. Profilers look up names for memory without a file alone. */
void execmem_for_profilers(void);
void execmem_free(void *executable, size_t bytes);
bool execmem_contains(const void *address);
/* Bytes handed out now. */
size_t execmem_used(void);

#endif
