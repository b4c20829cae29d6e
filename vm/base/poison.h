/* SPDX-License-Identifier: Apache-2.0 */
/* poison - memory that nobody may touch: marks for the address sanitizer, where it is built in, and the patterns that
 * the checked build fills memory with. Layer: base. */
#ifndef JOIST_BASE_POISON_H
#define JOIST_BASE_POISON_H

#ifdef JOIST_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define FRESH_BYTE 0xA5
#define FREED_BYTE 0xDB

#endif
