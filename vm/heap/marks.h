/* SPDX-License-Identifier: Apache-2.0 */
/* marks - which objects a walk has met, once or more often, wherever they lie: two bits for each word of memory, in
 * pages that are made when they are needed. Neighbours of what was asked for last are found without a search.
 *   Marks m = {0}; ... if (marks_meet(&m, p) == MET_FIRST) ... marks_free(&m);
 * The memory is not touched. Threads: the caller's alone. Layer: heap. */
#ifndef JOIST_HEAP_MARKS_H
#define JOIST_HEAP_MARKS_H

#include "term/term.h"

#define MARK_PAGE_WORDS 512

enum Met { MET_FIRST, MET_SECOND, MET_OFTEN };

typedef struct MarkPage {
    uintptr_t number;                       /* address over the size of a page; 0: no page */
    uint64_t once[MARK_PAGE_WORDS / 64], again[MARK_PAGE_WORDS / 64];
} MarkPage;

typedef struct Marks {
    MarkPage *pages, *last;                 /* open addressing, at most half full; the one found last */
    size_t mask, count;
} Marks;

/* The page with this number, made if there is none. */
MarkPage *marks_page(Marks *m, uintptr_t number);
void marks_free(Marks *m);

static inline MarkPage *marks_page_of(Marks *m, const term_t *p)
{
    uintptr_t number = (uintptr_t)p / (MARK_PAGE_WORDS * sizeof *p);
    return LIKELY(m->last && m->last->number == number) ? m->last : marks_page(m, number);
}

static inline enum Met marks_meet(Marks *m, const term_t *p)
{
    MarkPage *page = marks_page_of(m, p);
    size_t word = (uintptr_t)p / sizeof *p % MARK_PAGE_WORDS;
    uint64_t bit = UINT64_C(1) << (word % 64), *once = &page->once[word / 64], *again = &page->again[word / 64];
    enum Met met = !(*once & bit) ? MET_FIRST : !(*again & bit) ? MET_SECOND : MET_OFTEN;
    *again |= *once & bit;
    *once |= bit;
    return met;
}

static inline bool marks_met_again(Marks *m, const term_t *p)
{
    size_t word = (uintptr_t)p / sizeof *p % MARK_PAGE_WORDS;
    return marks_page_of(m, p)->again[word / 64] >> (word % 64) & 1;
}

#endif
