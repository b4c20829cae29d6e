/* SPDX-License-Identifier: Apache-2.0 */
/* log - what the VM says about itself on stderr: run-time trace by subject, and warnings.
 * JOIST_TRACE=gc,sched,load switches subjects on at start ("all": every one); a subject that
 * is off costs one load and one predicted branch.
 * Layer: base. */
#ifndef JOIST_BASE_LOG_H
#define JOIST_BASE_LOG_H

#include "base/base.h"

#define LOG_SUBJECTS(X) \
    X(gc) X(sched) X(load) X(signal) X(code) X(ets) X(port) X(driver) X(nif) X(dist) X(timer) \
    X(exit) X(boot) X(etf) X(io) X(poll) X(spawn) X(call) X(exec) X(bif) X(trap) X(lock) X(mem) \
    X(epoch)

enum LogSubject {
#define X(name) LOG_##name,
    LOG_SUBJECTS(X)
#undef X
    LOG_SUBJECT_COUNT
};

extern uint64_t log_enabled; /* bit per subject; const after init */

/* Read JOIST_TRACE; called once, before other threads exist. */
void log_init(void);
/* Switch on what a list of names says ("gc,sched"); false if a name is unknown. */
bool log_enable(const char *names);

static inline bool log_is_on(enum LogSubject subject)
{
    return UNLIKELY(log_enabled >> subject & 1);
}

/* One line: seconds, thread, subject, text. The newline is added. */
COLD void log_write(enum LogSubject subject, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One line "joist: text" on stderr, always. */
COLD void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* LOG_TRACE(gc, "major, %zu words", n) */
#define LOG_TRACE(subject, ...) \
    do { \
        if (log_is_on(LOG_##subject)) \
            log_write(LOG_##subject, __VA_ARGS__); \
    } while (0)

#endif
