/* SPDX-License-Identifier: Apache-2.0 */
/* bif_time - clocks, calendars and unique numbers.
 * Semantics: erlang(3) monotonic_time/1, localtime/0, unique_integer/1 ...; os(3). Layer: bifs. */
#include "bifs/bif.h"

#include "base/clock.h"
#include "bifs/time_unit.h"
#include "proc/link.h"
#include "sched/sched.h"

#include <time.h>

/* ---- units ---- */

static term_t heap_int128(Heap *h, __int128 v)
{
    if (v >= INT64_MIN && v <= INT64_MAX) return heap_int(h, (int64_t)v);
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    unsigned limbs = (uint64_t)(u >> 64) ? 2 : 1;
    term_t *hp = heap_alloc(h, 1 + limbs);
    hp[0] = HEADER(limbs, v < 0 ? BOXED_NEG_BIG : BOXED_POS_BIG);
    hp[1] = (term_t)u;
    if (limbs == 2) hp[2] = (term_t)(u >> 64);
    return term_make_boxed(hp);
}

uint64_t time_unit_per_second(term_t unit)
{
    if (unit == am_nanosecond || unit == am_native || unit == am_nano_seconds || unit == am_perf_counter)
        return 1000000000;
    if (unit == am_microsecond || unit == am_micro_seconds) return 1000000;
    if (unit == am_millisecond || unit == am_milli_seconds) return 1000;
    if (unit == am_second || unit == am_seconds) return 1;
    return term_is_small(unit) && small_value(unit) > 0 ? (uint64_t)small_value(unit) : 0;
}

/* floor(ns * per_second / 10^9) */
static __int128 ns_to_unit(int64_t ns, uint64_t per_second)
{
    __int128 scaled = (__int128)ns * per_second, q = scaled / NS_PER_S;
    return scaled % NS_PER_S < 0 ? q - 1 : q;
}

static term_t time_in_unit(Process *p, int64_t ns, term_t unit, bool perf_counter)
{
    uint64_t per_second = time_unit_per_second(unit);
    if (per_second == 0 || (unit == am_perf_counter && !perf_counter)) return bif_error(p, EXC_BADARG);
    if (per_second == NS_PER_S) return heap_int(&p->heap, ns);
    return heap_int128(&p->heap, ns_to_unit(ns, per_second));
}

/* ---- clocks ---- */

static int64_t followed_ns(Process *p)
{
    int64_t now = clock_monotonic_ns();
    if (clock_follow_os(now)) monitors_time_offset_changed(p->vm);
    return now;
}

static int64_t offset_ns(Process *p)
{
    if (clock_warp_mode() == CLOCK_MULTI_WARP) (void)followed_ns(p);
    return clock_offset_ns();
}

static int64_t system_ns(Process *p)
{
    int64_t now = followed_ns(p);
    return now + clock_offset_ns();
}

BIF(erlang, monotonic_time, 0, 0) { return heap_int(&p->heap, clock_monotonic_ns()); }
BIF(erlang, monotonic_time, 1, 0) { return time_in_unit(p, clock_monotonic_ns(), a[0], true); }
BIF(erlang, system_time, 0, 0) { return heap_int(&p->heap, system_ns(p)); }
BIF(erlang, system_time, 1, 0) { return time_in_unit(p, system_ns(p), a[0], true); }
BIF(erlang, time_offset, 0, 0) { return heap_int(&p->heap, offset_ns(p)); }
BIF(erlang, time_offset, 1, 0) { return time_in_unit(p, offset_ns(p), a[0], true); }
BIF(os, system_time, 0, 0) { return heap_int(&p->heap, clock_os_system_ns()); }
BIF(os, system_time, 1, 0) { return time_in_unit(p, clock_os_system_ns(), a[0], true); }
BIF(os, perf_counter, 0, 0) { return heap_int(&p->heap, clock_os_monotonic_ns()); }
BIF(erts_internal, time_unit, 0, 0) { return term_small(NS_PER_S); }
BIF(erts_internal, perf_counter_unit, 0, 0) { return term_small(NS_PER_S); }

/* {MegaSecs, Secs, MicroSecs} */
static term_t mega_tuple(Process *p, int64_t us)
{
    return heap_tuple3(&p->heap, term_small(us / 1000000000000), term_small(us / 1000000 % 1000000),
                       term_small(us % 1000000));
}

BIF(erlang, timestamp, 0, 0) { return mega_tuple(p, system_ns(p) / NS_PER_US); }
BIF(erlang, now, 0, 0)
{
    (void)followed_ns(p);
    return mega_tuple(p, clock_unique_us());
}
BIF(os, timestamp, 0, 0) { return mega_tuple(p, clock_os_system_ns() / NS_PER_US); }

/* ---- unique numbers ---- */

BIF(erlang, make_ref, 0, 0) { return heap_new_ref(&p->heap, p->vm); }

/* Values begin at the least small integer; positive ones at 1. */
static term_t unique(Process *p, bool positive, bool monotonic)
{
    uint64_t n = unique_number(p->vm, monotonic);
    if (positive) return heap_uint(&p->heap, n + 1);
    return heap_int(&p->heap, SMALL_MIN + (int64_t)n);
}

BIF(erlang, unique_integer, 0, 0) { return unique(p, false, false); }
BIF(erlang, unique_integer, 1, 0)
{
    bool positive = false, monotonic = false;
    term_t l = a[0];
    for (; term_is_list_cell(l); l = list_tail(l)) {
        if (list_head(l) == am_positive)
            positive = true;
        else if (list_head(l) == am_monotonic)
            monotonic = true;
        else
            return bif_error(p, EXC_BADARG);
    }
    if (l != TERM_NIL) return bif_error(p, EXC_BADARG);
    return unique(p, positive, monotonic);
}

/* ---- calendars ---- */

typedef struct Civil {
    int64_t year;
    int month, day, hour, minute, second;
} Civil;

static term_t heap_date(Heap *h, const Civil *c)
{
    return heap_tuple3(h, heap_int(h, c->year), term_small(c->month), term_small(c->day));
}

static term_t heap_time(Heap *h, const Civil *c)
{
    return heap_tuple3(h, term_small(c->hour), term_small(c->minute), term_small(c->second));
}

static term_t heap_date_time(Heap *h, const Civil *c) { return heap_tuple2(h, heap_date(h, c), heap_time(h, c)); }

static Civil civil_of_tm(const struct tm *tm)
{
    return (Civil){tm->tm_year + INT64_C(1900), tm->tm_mon + 1, tm->tm_mday,
                   tm->tm_hour, tm->tm_min, tm->tm_sec};
}

static Civil civil_local(void)
{
    time_t now = (time_t)(clock_os_system_ns() / NS_PER_S);
    struct tm tm;
    localtime_r(&now, &tm);
    return civil_of_tm(&tm);
}

static bool small_field(term_t t, int64_t *out)
{
    if (!term_is_small(t)) return false;
    *out = small_value(t);
    return true;
}

static bool is_leap(int64_t y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); }

static int days_in_month(int64_t y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[m - 1] + (m == 2 && is_leap(y));
}

static bool civil_is_valid(const Civil *c)
{
    return c->year >= INT32_MIN && c->year <= INT32_MAX && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour >= 0 && c->hour < 24 && c->minute >= 0 &&
           c->minute < 60 && c->second >= 0 && c->second < 60;
}

/* {{Y,M,D},{H,Mi,S}} with fields in their ranges. */
static bool civil_of_term(term_t t, Civil *c)
{
    int64_t f[6];
    if (!term_is_tuple_of(t, 2)) return false;
    term_t date = tuple_element(t, 1), time = tuple_element(t, 2);
    if (!term_is_tuple_of(date, 3) || !term_is_tuple_of(time, 3)) return false;
    for (word_t i = 0; i < 3; i++)
        if (!small_field(tuple_element(date, i + 1), &f[i]) || !small_field(tuple_element(time, i + 1), &f[3 + i]))
            return false;
    for (int i = 1; i < 6; i++)
        if (f[i] < 0 || f[i] > 99) return false;
    *c = (Civil){f[0], (int)f[1], (int)f[2], (int)f[3], (int)f[4], (int)f[5]};
    return civil_is_valid(c);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar.
 * Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t posix_of_civil(const Civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
}

/* The reverse; the time of day is 0. */
static Civil date_of_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    uint32_t doe = (uint32_t)(days - era * 146097);
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (Civil){.year = yoe + era * 400 + (month <= 2), .month = month, .day = (int)(doy - (153 * mp + 2) / 5 + 1)};
}

/* Mostly the day asked for last. */
static Civil civil_of_posix(int64_t s)
{
    static THREAD_LOCAL int64_t known_day = INT64_MIN;
    static THREAD_LOCAL Civil known;
    int64_t day = s / 86400, rest = s % 86400;
    if (rest < 0) rest += 86400, day--;
    if (day != known_day) known = date_of_days(day);
    known_day = day;
    Civil c = known;
    c.hour = (int)((uint32_t)rest / 3600);
    c.minute = (int)((uint32_t)rest / 60 % 60);
    c.second = (int)((uint32_t)rest % 60);
    return c;
}

#define FIRST_YEAR 1600       /* of calendar computations */
#define FIRST_LOCAL_YEAR 1902 /* what the C library's time zones are trusted for */

BIF(erlang, date, 0, 0)
{
    Civil c = civil_local();
    return heap_date(&p->heap, &c);
}

BIF(erlang, time, 0, 0)
{
    Civil c = civil_local();
    return heap_time(&p->heap, &c);
}

BIF(erlang, localtime, 0, 0)
{
    Civil c = civil_local();
    return heap_date_time(&p->heap, &c);
}

BIF(erlang, universaltime, 0, 0)
{
    Civil c = civil_of_posix(clock_os_system_ns() / NS_PER_S);
    return heap_date_time(&p->heap, &c);
}

BIF(erlang, universaltime_to_posixtime, 1, 0)
{
    Civil c;
    if (!civil_of_term(a[0], &c) || c.year < FIRST_YEAR) return bif_error(p, EXC_BADARG);
    return heap_int(&p->heap, posix_of_civil(&c));
}

BIF(erlang, posixtime_to_universaltime, 1, 0)
{
    if (!term_is_small(a[0])) return bif_error(p, EXC_BADARG);
    Civil c = civil_of_posix(small_value(a[0]));
    return heap_date_time(&p->heap, &c);
}

BIF(erlang, universaltime_to_localtime, 1, 0)
{
    Civil c;
    struct tm tm;
    if (!civil_of_term(a[0], &c) || c.year < FIRST_LOCAL_YEAR) return bif_error(p, EXC_BADARG);
    time_t t = (time_t)posix_of_civil(&c);
    if (!localtime_r(&t, &tm)) return bif_error(p, EXC_BADARG);
    c = civil_of_tm(&tm);
    return heap_date_time(&p->heap, &c);
}

BIF(erlang, localtime_to_universaltime, 2, 0)
{
    Civil c;
    int dst = a[1] == am_true ? 1 : a[1] == am_false ? 0 : a[1] == am_undefined ? -1 : 2;
    if (dst == 2 || !civil_of_term(a[0], &c) || c.year < FIRST_LOCAL_YEAR) return bif_error(p, EXC_BADARG);
    struct tm tm = {.tm_year = (int)(c.year - 1900), .tm_mon = c.month - 1, .tm_mday = c.day,
                    .tm_hour = c.hour, .tm_min = c.minute, .tm_sec = c.second, .tm_isdst = dst};
    time_t t = mktime(&tm);
    if (t == (time_t)-1 && c.year != 1969 && c.year != 1970) return bif_error(p, EXC_BADARG);
    c = civil_of_posix(t);
    return heap_date_time(&p->heap, &c);
}
