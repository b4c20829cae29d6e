/* SPDX-License-Identifier: Apache-2.0 */
/* hfs_name - file names as HFS+ keeps them: characters taken apart into base and marks.
 * Semantics: Apple's Technical Note TN1150, "Unicode Subtleties". Layer: io. */
#ifndef JOIST_IO_HFS_NAME_H
#define JOIST_IO_HFS_NAME_H

#include "heap/heap.h"

/* List of the characters of a UTF-8 text, those put together that such a system takes apart.
 * TERM_NONE: the bytes are no UTF-8.
 * DEVIATES: marks without a base stay as they are; they break the heap of the reference, which also repeats a base
 * whose last mark does not fit. */
term_t hfs_name_compose(Heap *h, const uint8_t *bytes, size_t n);

#endif
