/* SPDX-License-Identifier: Apache-2.0 */
/* seq_trace - tokens that travel with messages: {Flags, Label, Serial, From, LastSerial}.
 * Each send numbers the token anew (Serial is the number, LastSerial that of the last message received);
 * what happens to a token is told to the system tracer.
 * Semantics: seq_trace(3). Layer: trace. */
#include "bifs/bif.h"
#include "data/term_cmp.h"
#include "proc/ptab.h"
#include "sched/sched.h"
#include "trace/tracer.h"

#define SEQ_SEND 1
#define SEQ_RECEIVE 2
#define SEQ_PRINT 4
#define SEQ_TIMESTAMP 8
#define SEQ_STRICT_MONOTONIC 16
#define SEQ_MONOTONIC 32

static int64_t token_flags(term_t token) { return small_value(tuple_element(token, 1)); }

static int64_t flag_of(term_t item)
{
    switch (item) {
    case am_send: return SEQ_SEND;
    case am_receive: return SEQ_RECEIVE;
    case am_print: return SEQ_PRINT;
    case am_timestamp: return SEQ_TIMESTAMP;
    case am_strict_monotonic_timestamp: return SEQ_STRICT_MONOTONIC;
    case am_monotonic_timestamp: return SEQ_MONOTONIC;
    default: return 0;
    }
}

static void make_token(Process *p, term_t flags, term_t label, term_t serial, term_t last)
{
    p->seq_token = heap_tuple5(&p->heap, flags, label, serial, p->id, last);
}

/* ---- the tracer, and telling it ---- */

term_t seq_trace_tracer(Vm *vm)
{
    TraceSpace *s = trace_space(vm);
    term_t tracer = atomic_load(&s->seq_tracer);
    if (tracer == am_false || tracer_lives(vm, tracer, am_undefined)) return tracer;
    if (atomic_compare_exchange_strong(&s->seq_tracer, &tracer, am_false)) tracer_release(tracer);
    return am_false;
}

/* {Module, State} is to the tracer what {tracer, Module, State} is to a process. */
static term_t parse_tracer(Vm *vm, Heap *h, term_t t)
{
    if (t == am_false) return t;
    if (term_is_tuple_of(t, 2)) t = heap_tuple3(h, am_tracer, tuple_element(t, 1), tuple_element(t, 2));
    else if (tracer_is(t)) t = heap_tuple2(h, am_tracer, t);
    else return TERM_NONE;
    term_t tracer = tracer_parse(vm, t);
    return tracer != TERM_NONE && tracer_lives(vm, tracer, am_undefined) ? tracer : TERM_NONE;
}

term_t seq_trace_set_tracer(Process *p, term_t t)
{
    Vm *vm = p->vm;
    term_t tracer = parse_tracer(vm, &p->heap, t);
    if (tracer == TERM_NONE) return TERM_NONE;
    term_t old = atomic_exchange(&trace_space(vm)->seq_tracer, tracer);
    bool shown = old == am_false || tracer_is_module(old) || tracer_lives(vm, old, am_undefined);
    term_t result = shown ? term_copy(&p->heap, old) : am_false;
    tracer_release(old);
    return result;
}

static uint32_t stamps_of(int64_t flags)
{
    return (flags & SEQ_TIMESTAMP ? TRACE_TIMESTAMP : 0) | (flags & SEQ_STRICT_MONOTONIC ? TRACE_STRICT_MONOTONIC : 0)
           | (flags & SEQ_MONOTONIC ? TRACE_MONOTONIC : 0);
}

/* {send, Serial, From, To, Message} */
static term_t info(Heap *h, term_t token, term_t what, term_t to, term_t message)
{
    term_t serial = heap_tuple2(h, tuple_element(token, 5), tuple_element(token, 3));
    return heap_tuple5(h, what, serial, term_copy(h, tuple_element(token, 4)), term_copy(h, to), term_copy(h, message));
}

/* {seq_trace, Label, Info [, Time]} */
static term_t event(Vm *vm, Heap *h, term_t token, term_t told)
{
    term_t stamp = trace_timestamp(vm, h, stamps_of(token_flags(token)));
    term_t label = term_copy(h, tuple_element(token, 2));
    return stamp == TERM_NONE ? heap_tuple3(h, am_seq_trace, label, told)
                              : heap_tuple4(h, am_seq_trace, label, told, stamp);
}

static void tell_module(Vm *vm, const Process *p, term_t tracer, term_t token, term_t told)
{
    term_t who = p ? p->id : am_undefined;
    if (tracer_ask(vm, tracer, 0, am_seq_trace, who) != TRACER_TRACE) return;
    TraceEvent e = {.flags = stamps_of(token_flags(token)), .tracee = tuple_element(token, 2), .tag = am_seq_trace,
                    .term = told};
    (void)tracer_tell(vm, tracer, &e);
}

/* p: NULL when it is the node that acts. */
static void tell(Vm *vm, const Process *p, term_t token, int64_t flag, term_t what, term_t to, term_t message)
{
    term_t tracer = token_flags(token) & flag ? seq_trace_tracer(vm) : am_false;
    if (tracer == am_false || (p && (tracer == p->id || process_state(p) & PS_SENSITIVE))) return;
    Heap h = {0};
    term_t told = info(&h, token, what, to, message);
    if (tracer_is_module(tracer)) {
        tell_module(vm, p, tracer, token, told);
    } else if (term_is_local_port(tracer)) {
        (void)tracer_tell_port(vm, tracer, event(vm, &h, token, told));
    } else {
        Process *receiver = process_lookup_alive(vm, tracer);
        if (receiver) message_send_heap(vm, am_undefined, receiver, event(vm, &h, token, told), &h);
    }
    heap_dispose(&h);
}

void seq_trace_tell_node(Vm *vm, term_t token, bool sends, term_t to, term_t message)
{
    if (sends) tell(vm, NULL, token, SEQ_SEND, am_send, to, message);
    else tell(vm, NULL, token, SEQ_RECEIVE, am_receive, to, message);
}

/* The next number. Not for the tracer itself. */
static void step(Process *p)
{
    TraceFlags *f = trace_flags_make(p);
    term_t token = p->seq_token;
    if (atomic_load(&trace_space(p->vm)->seq_tracer) == p->id) return;
    f->serial++;
    make_token(p, tuple_element(token, 1), tuple_element(token, 2), term_small(f->serial),
               term_small(f->last_serial));
}

void seq_trace_send(Process *p, term_t to, term_t message)
{
    step(p);
    if (message != TERM_NONE) tell(p->vm, p, p->seq_token, SEQ_SEND, am_send, to, message);
}

void seq_trace_receive(Process *p, const Signal *m)
{
    term_t token = p->seq_token;
    if (!term_is_tuple_of(token, 5)) return;
    TraceFlags *f = trace_flags_make(p);
    uint32_t serial = (uint32_t)small_value(tuple_element(token, 3));
    f->last_serial = serial;
    f->serial = MAX(f->serial, serial);
    tell(p->vm, p, token, SEQ_RECEIVE, am_receive, p->id, m->term);
}

void seq_trace_reset(Vm *vm)
{
    Ptab *t = vm->procs->procs;
    sched_block_all(vm);
    size_t end = ptab_scan_end(t);
    for (size_t i = 0; i < end; i++) {
        Process *q = ptab_slot(t, i);
        if (!q || process_is_exiting(q)) continue;
        q->seq_token = TERM_NIL;
        if (q->trace) q->trace->serial = q->trace->last_serial = 0;
    }
    sched_unblock_all(vm);
}

/* ---- natives ---- */

static term_t label_of(term_t token) { return token == TERM_NIL ? term_small(0) : tuple_element(token, 2); }

/* Another flag or label: the numbers are those of the last event, which a new token has not had. */
static void change_token(Process *p, int64_t flags, term_t label)
{
    term_t token = p->seq_token;
    bool new = token == TERM_NIL;
    term_t last = new ? term_small(p->trace->last_serial) : tuple_element(token, 5);
    make_token(p, term_small(flags), label, new ? term_small(0) : tuple_element(token, 3), last);
}

static term_t set_serial(Process *p, TraceFlags *f, term_t value)
{
    if (!term_is_tuple_of(value, 2) || !term_is_small(tuple_element(value, 1))
        || !term_is_small(tuple_element(value, 2)))
        return TERM_NONE;
    term_t old = heap_tuple2(&p->heap, term_small(f->last_serial), term_small(f->serial));
    f->last_serial = (uint32_t)small_value(tuple_element(value, 1));
    f->serial = (uint32_t)small_value(tuple_element(value, 2));
    term_t token = p->seq_token;
    term_t flags = token == TERM_NIL ? term_small(0) : tuple_element(token, 1);
    make_token(p, flags, label_of(token), term_small(f->serial), term_small(f->last_serial));
    return old;
}

static term_t set_flag(Process *p, int64_t flag, term_t value)
{
    if (!term_is_bool(value)) return TERM_NONE;
    term_t token = p->seq_token;
    int64_t flags = token == TERM_NIL ? 0 : token_flags(token);
    change_token(p, value == am_true ? flags | flag : flags & ~flag, label_of(token));
    return term_bool(flags & flag);
}

term_t seq_trace_set(Process *p, term_t item, term_t value)
{
    term_t token = p->seq_token;
    TraceFlags *f = trace_flags_make(p);
    if (item == am_sequential_trace_token) {
        if (value != TERM_NIL) return TERM_NONE;
        p->seq_token = TERM_NIL;
        return token;
    }
    if (item == am_serial) return set_serial(p, f, value);
    if (item == am_label) {
        change_token(p, token == TERM_NIL ? 0 : token_flags(token), value);
        return label_of(token);
    }
    int64_t flag = flag_of(item);
    return flag ? set_flag(p, flag, value) : TERM_NONE;
}

term_t seq_trace_look(Process *p, term_t item)
{
    term_t token = p->seq_token, v;
    int64_t flag = flag_of(item);
    if (flag) v = term_bool(token != TERM_NIL && (token_flags(token) & flag));
    else if (item != am_label && item != am_serial) return TERM_NONE;
    else if (token == TERM_NIL) return TERM_NIL;
    else if (item == am_label) v = tuple_element(token, 2);
    else v = heap_tuple2(&p->heap, tuple_element(token, 5), tuple_element(token, 3));
    return heap_tuple2(&p->heap, item, v);
}

BIF(erlang, seq_trace, 2, 0)
{
    term_t old = seq_trace_set(p, a[0], a[1]);
    return old == TERM_NONE ? bif_error(p, EXC_BADARG) : old;
}

BIF(erlang, seq_trace_info, 1, 0)
{
    term_t v = seq_trace_look(p, a[0]);
    return v == TERM_NONE ? bif_error(p, EXC_BADARG) : v;
}

static term_t print(Process *p, term_t message)
{
    if (p->seq_token == TERM_NIL) return am_false;
    step(p);
    tell(p->vm, p, p->seq_token, SEQ_PRINT, am_print, TERM_NIL, message);
    return am_true;
}

BIF(erlang, seq_trace_print, 1, 0) { return print(p, a[0]); }

/* Only when the label is that of the token. */
BIF(erlang, seq_trace_print, 2, 0)
{
    if (p->seq_token == TERM_NIL) return am_false;
    return term_eq(tuple_element(p->seq_token, 2), a[0]) ? print(p, a[1]) : am_false;
}
