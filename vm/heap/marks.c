/* SPDX-License-Identifier: Apache-2.0 */
/* marks - see marks.h. Layer: heap. */
#include "heap/marks.h"

#include "base/alloc.h"
#include "base/hash.h"

#define FIRST_PAGES 16

static MarkPage *find(const Marks *m, uintptr_t number)
{
    size_t i = hash_mix(number) & m->mask;
    while (m->pages[i].number && m->pages[i].number != number) i = (i + 1) & m->mask;
    return &m->pages[i];
}

static void grow(Marks *m)
{
    MarkPage *old = m->pages;
    size_t n = old ? m->mask + 1 : 0, size = old ? 2 * n : FIRST_PAGES;
    m->mask = size - 1;
    m->pages = mem_alloc_zero(MEM_TEMP, size * sizeof *m->pages);
    for (size_t i = 0; i < n; i++)
        if (old[i].number) *find(m, old[i].number) = old[i];
    mem_free(MEM_TEMP, old, n * sizeof *old);
}

MarkPage *marks_page(Marks *m, uintptr_t number)
{
    if (!m->pages) grow(m);
    MarkPage *page = find(m, number);
    if (!page->number) {
        if (2 * ++m->count > m->mask) {
            grow(m);
            page = find(m, number);
        }
        page->number = number;
    }
    return m->last = page;
}

void marks_free(Marks *m)
{
    if (m->pages) mem_free(MEM_TEMP, m->pages, (m->mask + 1) * sizeof *m->pages);
    *m = (Marks){0};
}
