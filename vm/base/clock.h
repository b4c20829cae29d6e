/* SPDX-License-Identifier: Apache-2.0 */
/* clock - the operating system's clocks and Erlang's: everything in nanoseconds.
 * Native time unit: 1 ns, so native values need no conversion.
 * Erlang monotonic time starts near the smallest 60-bit small integer and follows
 *   CLOCK_MONOTONIC, which the kernel already slews; so values stay small for 36 years.
 * Erlang system time = monotonic + offset. The offset depends on the warp mode:
 *   CLOCK_NO_WARP        fixed at start
 *   CLOCK_SINGLE_WARP    preliminary, until clock_finalise_offset; then fixed
 *   CLOCK_MULTI_WARP     follows the OS: clock_follow_os adopts each step
 * Threads: any; the offset is atomic.
 * Semantics: ERTS User's Guide, "Time and Time Correction in Erlang". Layer: base. */
#ifndef JOIST_BASE_CLOCK_H
#define JOIST_BASE_CLOCK_H

#include "base/atomic.h"
#include "base/base.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum ClockWarp { CLOCK_NO_WARP, CLOCK_SINGLE_WARP, CLOCK_MULTI_WARP };
enum ClockOffsetState { CLOCK_OFFSET_FINAL, CLOCK_OFFSET_PRELIMINARY, CLOCK_OFFSET_VOLATILE };

/* Called once per program, before other threads; the first caller wins. */
void clock_init(enum ClockWarp warp);

/* ---- the operating system's ---- */
int64_t clock_os_monotonic_ns(void);
int64_t clock_os_system_ns(void);
int64_t clock_cpu_process_ns(void);  /* user and system time of all threads */
int64_t clock_user_ns(void);         /* user time only, as statistics(runtime) counts */

/* ---- Erlang's ---- */
int64_t clock_monotonic_ns(void);
int64_t clock_offset_ns(void);       /* add to monotonic to get system time */
int64_t clock_system_ns(void);
int64_t clock_start_ns(void);        /* monotonic time when the VM started */
enum ClockWarp clock_warp_mode(void);
enum ClockOffsetState clock_offset_state(void);

/* OS monotonic -> Erlang monotonic, for timestamps taken with the former. */
int64_t clock_from_os_monotonic(int64_t os_ns);

/* MULTI_WARP: adopt the OS's present difference; true if it moved by more than 10 ms (the caller then tells who
 * monitors time_offset). now: monotonic time; nothing is done within a second of the last look. */
extern atomic_i64_t clock_next_look_ns;
bool clock_look_at_os(int64_t now_ns);
static inline bool clock_follow_os(int64_t now_ns)
{
    return UNLIKELY(now_ns >= load_relaxed(&clock_next_look_ns)) && clock_look_at_os(now_ns);
}
/* SINGLE_WARP: finalise; returns the state before. */
enum ClockOffsetState clock_finalise_offset(void);

/* Strictly increasing system microseconds, for erlang:now/0. */
int64_t clock_unique_us(void);

#endif
