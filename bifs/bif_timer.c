/* SPDX-License-Identifier: Apache-2.0 */
/* bif_timer - erlang:start_timer, send_after, cancel_timer, read_timer.
 * An answer that the program wants by message ({async, true}) is sent at once: cancelling needs no
 * help of another scheduler here. Semantics: erlang(3). Layer: bifs. */
#include "bifs/bif.h"

#include "base/clock.h"
#include "proc/bif_timer.h"
#include "proc/message.h"

#define TIMER_MS_MAX (INT64_C(1) << 43) /* about 278 years, as much as 2^63 ns hold */

/* [{abs, Bool}] */
static bool start_options(term_t l, bool *abs)
{
    *abs = false;
    for (; term_is_list_cell(l); l = list_tail(l)) {
        term_t o = list_head(l);
        if (!term_is_tuple_of(o, 2) || tuple_element(o, 1) != am_abs || !term_is_bool(tuple_element(o, 2)))
            return false;
        *abs = tuple_element(o, 2) == am_true;
    }
    return l == TERM_NIL;
}

static bool due_time(term_t time, bool abs, int64_t *due_ns)
{
    if (!term_is_small(time)) return false;
    int64_t ms = small_value(time);
    if (ms > TIMER_MS_MAX || ms < (abs ? -TIMER_MS_MAX : 0)) return false;
    *due_ns = abs ? ms * NS_PER_MS : clock_monotonic_ns() + ms * NS_PER_MS;
    return true;
}

static term_t start(Process *p, term_t time, term_t to, term_t msg, term_t options, bool wrap)
{
    bool abs;
    int64_t due;
    if (!start_options(options, &abs)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    if (!due_time(time, abs, &due)) return bif_error_cause(p, EXC_BADARG, am_time);
    if (!term_is_local_pid(to) && (!term_is_atom(to))) return bif_error(p, EXC_BADARG);
    return bif_timer_start(p, to, msg, wrap, due);
}

BIF(erlang, start_timer, 3, 0) { return start(p, a[0], a[1], a[2], TERM_NIL, true); }
BIF(erlang, start_timer, 4, 0) { return start(p, a[0], a[1], a[2], a[3], true); }
BIF(erlang, send_after, 3, 0) { return start(p, a[0], a[1], a[2], TERM_NIL, false); }
BIF(erlang, send_after, 4, 0) { return start(p, a[0], a[1], a[2], a[3], false); }

typedef struct StopOptions {
    bool async, info;
} StopOptions;

static bool stop_options(term_t l, bool with_info, StopOptions *o)
{
    *o = (StopOptions){.info = true};
    for (; term_is_list_cell(l); l = list_tail(l)) {
        term_t t = list_head(l);
        if (!term_is_tuple_of(t, 2) || !term_is_bool(tuple_element(t, 2))) return false;
        bool value = tuple_element(t, 2) == am_true;
        if (tuple_element(t, 1) == am_async)
            o->async = value;
        else if (with_info && tuple_element(t, 1) == am_info)
            o->info = value;
        else
            return false;
    }
    return l == TERM_NIL;
}

static term_t left_ms(Process *p, int64_t ns)
{
    return ns < 0 ? am_false : heap_int(&p->heap, (ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* The result, or ok after a message {what, Ref, Result}. */
static term_t answer(Process *p, term_t what, term_t ref, term_t result, StopOptions o)
{
    if (o.async && o.info) message_send(p, p, heap_tuple3(&p->heap, what, ref, result));
    return o.async || !o.info ? am_ok : result;
}

static term_t cancel(Process *p, term_t ref, term_t options)
{
    StopOptions o;
    if (!term_is_local_ref(ref) || !stop_options(options, true, &o)) return bif_error(p, EXC_BADARG);
    int64_t left = bif_timer_cancel(p->vm, ref_num(ref));
    return answer(p, am_cancel_timer, ref, left_ms(p, left), o);
}

static term_t read_left(Process *p, term_t ref, term_t options)
{
    StopOptions o;
    if (!term_is_local_ref(ref) || !stop_options(options, false, &o)) return bif_error(p, EXC_BADARG);
    return answer(p, am_read_timer, ref, left_ms(p, bif_timer_read(p->vm, ref_num(ref))), o);
}

BIF(erlang, cancel_timer, 1, 0) { return cancel(p, a[0], TERM_NIL); }
BIF(erlang, cancel_timer, 2, 0) { return cancel(p, a[0], a[1]); }
BIF(erlang, read_timer, 1, 0) { return read_left(p, a[0], TERM_NIL); }
BIF(erlang, read_timer, 2, 0) { return read_left(p, a[0], a[1]); }
