/* SPDX-License-Identifier: Apache-2.0 */
/* log - see log.h. A line goes out in one write(2), so lines of threads do not mix.
 * Layer: base. */
#include "base/log.h"
#include "base/clock.h"
#include "base/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t log_enabled;

static const char *const names[] = {
#define X(name) #name,
    LOG_SUBJECTS(X)
#undef X
};

static_assert(LOG_SUBJECT_COUNT <= 64, "one bit per subject");

static uint64_t subject_bits(const char *at, size_t n)
{
    if (n == 3 && memcmp(at, "all", 3) == 0)
        return ~UINT64_C(0);
    for (size_t i = 0; i < LOG_SUBJECT_COUNT; i++)
        if (strlen(names[i]) == n && memcmp(at, names[i], n) == 0)
            return UINT64_C(1) << i;
    return 0;
}

bool log_enable(const char *list)
{
    bool all_known = true;
    while (*list) {
        size_t n = strcspn(list, ", ");
        uint64_t bits = n ? subject_bits(list, n) : 0;
        if (n && !bits)
            all_known = false;
        log_enabled |= bits;
        list += n + (list[n] != 0);
    }
    return all_known;
}

void log_init(void)
{
    const char *list = getenv("JOIST_TRACE");
    if (list && !log_enable(list))
        log_warn("JOIST_TRACE: unknown subject in \"%s\"", list);
}

static void put_line(const char *head, const char *fmt, va_list ap)
{
    char line[2048];
    int n = snprintf(line, sizeof line, "%s", head);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    size_t len = MIN((size_t)n + (m > 0 ? (size_t)m : 0), sizeof line - 2);
    line[len++] = '\n';
    if (write(2, line, len) < 0)
        return; /* nowhere left to say it */
}

void log_write(enum LogSubject subject, const char *fmt, ...)
{
    char head[96];
    int64_t us = (clock_monotonic_ns() - clock_start_ns()) / NS_PER_US;
    snprintf(head, sizeof head, "%3lld.%06lld %-8s %-6s ", (long long)(us / 1000000),
             (long long)(us % 1000000), thread_name(), names[subject]);
    va_list ap;
    va_start(ap, fmt);
    put_line(head, fmt, ap);
    va_end(ap);
}

void log_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_line("joist: ", fmt, ap);
    va_end(ap);
}
