/* SPDX-License-Identifier: Apache-2.0 */
/* re_cache - regular expressions: compiling over PCRE2, and keeping what was compiled.
 * A program holds a regular expression as bytes (ReHeader, then the source text), so that it can be
 * copied, sent, stored and read by another machine; the code that PCRE2 made from those bytes is found
 * again by content. Newline and \R conventions given when running are part of the key, because PCRE2
 * takes them when compiling only.
 * Dialect: that of PCRE 8.44, which the reference has: Latin-1 character tables, unknown escapes are
 * literals, \K in lookarounds, a NUL ends the source; messages and positions of errors as there.
 * DEVIATES: recursion into a group may backtrack, as in Perl; a recursion without end is found when
 * running, not when compiling.
 * Threads: any; one lock around the table, never held while compiling or matching. What a thread used last it finds
 * without the lock and holds, as it holds match data, so that threads that match at the same time share nothing that is
 * written. Layer: bifs. */
#ifndef JOIST_BIFS_RE_CACHE_H
#define JOIST_BIFS_RE_CACHE_H

#include "base/hashtab.h"
#include "base/lock.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef struct ReHeader {
    char magic[4];      /* RE_MAGIC */
    uint32_t options;   /* PCRE2_* of compiling */
    uint8_t newline;    /* PCRE2_NEWLINE_*, 0: default */
    uint8_t bsr;        /* PCRE2_BSR_*, 0: default */
    uint8_t flags;      /* RE_* */
    uint8_t zero;
} ReHeader;
#define RE_MAGIC "JRE1"
#define RE_NEVER_UTF 1u

typedef struct ReCode {
    HashNode link;               /* cache lock */
    _Atomic(int32_t) refs;       /* one for the table, one for each thread that has it at hand */
    _Atomic(uint32_t) used;      /* looked up since the last sweep */
    pcre2_code *code;            /* const */
    uint32_t captures;           /* const */
    bool any_crlf;               /* const: CR LF counts as one line end */
    size_t key_bytes;
    char key[] __attribute__((aligned(8))); /* ReHeader, source */
} ReCode;

typedef struct ReError {
    const char *text;
    size_t position;
} ReError;

typedef struct ReCache ReCache;

ReCache *re_cache_new(void);
void re_cache_destroy(ReCache *c);
/* The code for header and source, compiled now or before; valid until the calling thread's next call. NULL: *error
 * tells. */
ReCode *re_cache_get(ReCache *c, const ReHeader *header, const char *source, size_t bytes,
                     ReError *error);
/* Match data with room for what this code captures, to be given back by the same thread. */
pcre2_match_data *re_take_match_data(const ReCode *code);
void re_return_match_data(pcre2_match_data *data);
/* Number of cached entries, for tests. */
size_t re_cache_count(ReCache *c);

/* re_compile.c: compile alone. */
pcre2_code *re_compile(const ReHeader *header, const char *source, size_t bytes,
                       const uint8_t *tables, ReError *error);
/* re_error.c: what PCRE 8.44 would have said of an error that PCRE2 found in text at position. */
ReError re_error(int code, const char *text, size_t n, size_t position);
/* Latin-1 character tables; freed with re_tables_free. */
const uint8_t *re_tables_new(void);
void re_tables_free(const uint8_t *tables);

#endif
