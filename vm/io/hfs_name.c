/* SPDX-License-Identifier: Apache-2.0 */
/* hfs_name - see hfs_name.h. A text is gone through from its end: a mark is followed back to the base it belongs to.
 * No sequence of the table begins another, so at most one ends at a place. Layer: io. */
#include "io/hfs_name.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdlib.h>

#define PARTS_MAX 4
#define FIRST_MARK 0x300

typedef struct Composed {
    uint16_t parts[PARTS_MAX]; /* from the last to the first, zeros after it */
    uint16_t character;
} Composed;

static const Composed composed[] = {
#define COMPOSED(character, ...) {{__VA_ARGS__}, character},
#include "io/hfs_compose.def"
#undef COMPOSED
};

static int compare_parts(const void *a, const void *b)
{
    const uint16_t *x = a, *y = ((const Composed *)b)->parts;
    for (int i = 0; i < PARTS_MAX; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* The character whose parts end before `end`, and how many of them; or the last character itself. */
static size_t take_last(const uint32_t *begin, const uint32_t *end, uint32_t *character)
{
    uint16_t parts[PARTS_MAX] = {0};
    size_t most = (size_t)(end - begin) < PARTS_MAX ? (size_t)(end - begin) : PARTS_MAX;
    *character = end[-1];
    if (end[-1] < FIRST_MARK) return 1;
    for (size_t n = 0; n < most && end[-1 - (ptrdiff_t)n] <= UINT16_MAX; n++) {
        parts[n] = (uint16_t)end[-1 - (ptrdiff_t)n];
        const Composed *c = bsearch(parts, composed, ARRAY_LEN(composed), sizeof *composed, compare_parts);
        if (!c) continue;
        *character = c->character;
        return n + 1;
    }
    return 1;
}

term_t hfs_name_compose(Heap *h, const uint8_t *bytes, size_t n)
{
    size_t chars = 0;
    const uint8_t *at = bytes;
    if (utf8_scan(bytes, n, NULL, &chars) != UTF8_OK) return TERM_NONE;
    if (chars == 0) return TERM_NIL;
    uint32_t c, *text = MEM_NEW_ARRAY(TEMP, uint32_t, chars);
    for (uint32_t *to = text; utf8_decode(&at, bytes + n, &c) == UTF8_OK;) *to++ = c;
    term_t list = TERM_NIL;
    for (const uint32_t *end = text + chars; end > text;) {
        end -= take_last(text, end, &c);
        list = heap_cons(h, term_small(c), list);
    }
    MEM_DELETE_ARRAY(TEMP, text, chars);
    return list;
}
