/* SPDX-License-Identifier: Apache-2.0 */
/* clock - see clock.h. State is per program, not per VM: there is one clock.
 * Layer: base. */
#include "base/clock.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* The smallest small integer in whole seconds, as system_info(start_time) of the reference shows it. */
#define EPOCH_NS (INT64_C(-576460752) * NS_PER_S)
#define STEP_NS (10 * NS_PER_MS)
#define LOOK_NS NS_PER_S

static int64_t os_start;               /* const after init: OS monotonic at EPOCH_NS */
static enum ClockWarp warp_mode;       /* const after init */
static atomic_i64_t offset;
static atomic_int offset_state;
static atomic_i64_t last_unique_us;
static atomic_bool_t ready;
atomic_i64_t clock_next_look_ns = INT64_MAX; /* never, but for MULTI_WARP */

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t os_offset(void)
{
    int64_t before = clock_monotonic_ns();
    int64_t system = clock_os_system_ns();
    int64_t after = clock_monotonic_ns();
    return system - (before + (after - before) / 2);
}

void clock_init(enum ClockWarp warp)
{
    static const enum ClockOffsetState first[] = {
        [CLOCK_NO_WARP] = CLOCK_OFFSET_FINAL,
        [CLOCK_SINGLE_WARP] = CLOCK_OFFSET_PRELIMINARY,
        [CLOCK_MULTI_WARP] = CLOCK_OFFSET_VOLATILE,
    };
    if (atomic_exchange(&ready, true))
        return;
    os_start = clock_os_monotonic_ns();
    warp_mode = warp;
    store_relaxed(&offset_state, (int)first[warp]);
    store_relaxed(&offset, os_offset());
    if (warp == CLOCK_MULTI_WARP)
        store_relaxed(&clock_next_look_ns, EPOCH_NS + LOOK_NS);
}

int64_t clock_os_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_os_system_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_cpu_process_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_user_ns(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return usage.ru_utime.tv_sec * NS_PER_S + usage.ru_utime.tv_usec * NS_PER_US;
}

int64_t clock_from_os_monotonic(int64_t os_ns)
{
    return os_ns - os_start + EPOCH_NS;
}

int64_t clock_monotonic_ns(void)
{
    return clock_from_os_monotonic(clock_os_monotonic_ns());
}

int64_t clock_start_ns(void)
{
    return EPOCH_NS;
}

int64_t clock_offset_ns(void)
{
    return load_relaxed(&offset);
}

int64_t clock_system_ns(void)
{
    return clock_monotonic_ns() + clock_offset_ns();
}

enum ClockWarp clock_warp_mode(void)
{
    return warp_mode;
}

enum ClockOffsetState clock_offset_state(void)
{
    return (enum ClockOffsetState)load_relaxed(&offset_state);
}

bool clock_look_at_os(int64_t now_ns)
{
    int64_t due = load_relaxed(&clock_next_look_ns);
    if (now_ns < due || !cas_relaxed(&clock_next_look_ns, &due, now_ns + LOOK_NS))
        return false;
    int64_t fresh = os_offset(), old = clock_offset_ns();
    if (llabs(fresh - old) < STEP_NS)
        return false;
    store_relaxed(&offset, fresh);
    return true;
}

enum ClockOffsetState clock_finalise_offset(void)
{
    int preliminary = CLOCK_OFFSET_PRELIMINARY;
    if (cas_acq_rel(&offset_state, &preliminary, CLOCK_OFFSET_FINAL)) {
        store_relaxed(&offset, os_offset());
        return CLOCK_OFFSET_PRELIMINARY;
    }
    return (enum ClockOffsetState)preliminary;
}

int64_t clock_unique_us(void)
{
    int64_t now = clock_system_ns() / NS_PER_US;
    int64_t last = load_relaxed(&last_unique_us), next;
    do
        next = MAX(now, last + 1);
    while (!cas_relaxed(&last_unique_us, &last, next));
    return next;
}
