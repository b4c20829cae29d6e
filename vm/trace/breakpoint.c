/* SPDX-License-Identifier: Apache-2.0 */
/* breakpoint - patching code and exports, and what happens when a traced function is called or returns.
 * See breakpoint.h. Layer: trace. */
#include "trace/breakpoint.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "code/range.h"
#include "data/bitmatch.h"
#include "exec/exec.h"
#include "proc/except.h"
#include "proc/process_gc.h"
#include "trace/tracer.h"

/* ---- tables ---- */

Breakpoints *breakpoints_make(Vm *vm)
{
    TraceSpace *s = trace_space(vm);
    if (s->breakpoints) return s->breakpoints;
    Breakpoints *b = MEM_NEW(TRACE, Breakpoints);
    hash_init(&b->by_entry, MEM_TRACE, 0);
    mutex_init(&b->time_lock, LOCK_SYSTEM);
    insn_emit(b->return_code, INSN_trace_return, NULL, 0);
    insn_emit(b->catch_code, INSN_trace_catch, NULL, 0);
    code_t word[2];
    insn_emit(word, INSN_trace_breakpoint, NULL, 0);
    b->handler = (int32_t)(uint32_t)word[0];
    vm->procs->trace_return = b->return_code;
    return s->breakpoints = b;
}

static uint64_t hash_entry(const code_t *entry)
{
    uint64_t h = (uint64_t)entry * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static bool same_entry(const HashNode *node, const void *key)
{
    return container_of(node, Breakpoint, link)->entry == key;
}

static Breakpoint *find(const Breakpoints *b, const code_t *entry)
{
    HashNode *n = hash_find(&b->by_entry, hash_entry(entry), same_entry, entry);
    return n ? container_of(n, Breakpoint, link) : NULL;
}

/* The handler number is the first 32 bits of an instruction. */
static int32_t handler_at(const code_t *pc) { return *(const int32_t *)(const void *)pc; }
static void put_handler(const code_t *pc, int32_t handler)
{
    __atomic_store_n((int32_t *)(uintptr_t)pc, handler, __ATOMIC_SEQ_CST);
}

static Breakpoint *new_breakpoint(const Mfa *mfa)
{
    Breakpoint *b = MEM_NEW(TRACE, Breakpoint);
    b->mfa = *mfa;
    b->call.term = b->meta.term = TERM_NIL;
    b->meta_tracer = TERM_NONE;
    return b;
}

Breakpoint *breakpoint_at(Vm *vm, const code_t *entry)
{
    const TraceSpace *s = trace_space(vm);
    if (!s->breakpoints || handler_at(entry) != s->breakpoints->handler) return NULL;
    return find(s->breakpoints, entry);
}

Breakpoint *breakpoint_of_export(Export *e)
{
    Breakpoint *b = (Breakpoint *)(uintptr_t)e->breakpoint;
    return b && export_addr(e) == b->stub ? b : NULL;
}

/* ---- specifications ---- */

static void drop_spec(BreakSpec *s)
{
    if (s->ms) ms_unref(s->ms);
    s->ms = NULL;
    heap_piece_dispose(&s->piece);
    s->term = TERM_NIL;
}

static void copy_spec(BreakSpec *to, const BreakSpec *from)
{
    drop_spec(to);
    if (!from || !from->ms) return;
    ms_ref(from->ms);
    to->ms = from->ms;
    to->term = heap_piece_copy_all(&to->piece, from->term);
}

static void forget_times(Breakpoint *b)
{
    while (b->times) {
        BreakTime *t = b->times;
        b->times = t->next;
        MEM_DELETE(TRACE, t);
    }
}

static void turn_on(Breakpoint *b, uint32_t bits, const BreakSpec *spec, term_t tracer)
{
    if (bits & (BREAK_LOCAL | BREAK_GLOBAL)) copy_spec(&b->call, spec);
    if (bits & BREAK_META) {
        copy_spec(&b->meta, spec);
        tracer_set(&b->meta_tracer, tracer);
    }
    if (bits & BREAK_COUNT) atomic_store(&b->count, 0);
    if (bits & BREAK_TIME) forget_times(b);
    b->on |= bits | (bits & BREAK_COUNT ? BREAK_COUNTING : 0) | (bits & BREAK_TIME ? BREAK_TIMING : 0);
}

static void turn_off(Breakpoint *b, uint32_t bits)
{
    if (bits & (BREAK_LOCAL | BREAK_GLOBAL)) drop_spec(&b->call);
    if (bits & BREAK_META) {
        drop_spec(&b->meta);
        tracer_set(&b->meta_tracer, TERM_NONE);
    }
    if (bits & BREAK_TIME) forget_times(b);
    b->on &= ~(bits | (bits & BREAK_COUNT ? BREAK_COUNTING : 0) | (bits & BREAK_TIME ? BREAK_TIMING : 0));
}

void breakpoint_pause(Breakpoint *b, uint32_t bits)
{
    b->on &= ~((bits & BREAK_COUNT ? BREAK_COUNTING : 0) | (bits & BREAK_TIME ? BREAK_TIMING : 0));
}

/* ---- setting ---- */

void breakpoint_set_local(Vm *vm, const code_t *entry, uint32_t bits, const BreakSpec *spec, term_t tracer)
{
    Breakpoints *all = breakpoints_make(vm);
    Breakpoint *b = find(all, entry);
    if (!b) {
        b = new_breakpoint(code_entry_mfa(entry));
        b->entry = entry;
        hash_insert(&all->by_entry, &b->link, hash_entry(entry));
    }
    if (handler_at(entry) != all->handler) {
        turn_off(b, b->on); /* of code that was here before */
        b->mfa = *code_entry_mfa(entry);
        b->handler = handler_at(entry);
        put_handler(entry, all->handler);
    }
    turn_on(b, bits, spec, tracer);
}

void breakpoint_clear_local(Vm *vm, const code_t *entry, uint32_t bits)
{
    Breakpoint *b = breakpoint_at(vm, entry);
    if (!b) return;
    turn_off(b, bits);
    if (!b->on) put_handler(entry, b->handler);
}

static void redirect(Breakpoint *b, Export *e)
{
    b->target = export_addr(e);
    if (e->native && b->target == e->native_stub) {
        b->shadow = *e;
        InsnOperand op = {INSN_OP_UINT, (uint64_t)(uintptr_t)&b->shadow};
        insn_emit(b->shadow.native_stub, INSN_native_tail, &op, 1);
        b->target = b->shadow.native_stub;
        e->native = NULL;
    }
    __atomic_store_n((const code_t **)&e->addr, b->stub, __ATOMIC_RELEASE);
}

void breakpoint_set_global(Vm *vm, Export *e, uint32_t bits, const BreakSpec *spec, term_t tracer)
{
    breakpoints_make(vm);
    Breakpoint *b = (Breakpoint *)(uintptr_t)e->breakpoint;
    if (!b) {
        b = new_breakpoint(&e->mfa);
        b->export = e;
        InsnOperand op = {INSN_OP_UINT, (uint64_t)(uintptr_t)b};
        insn_emit(b->stub, INSN_trace_export, &op, 1);
        e->breakpoint = (const code_t *)(const void *)b;
    }
    if (export_addr(e) != b->stub) {
        turn_off(b, b->on);
        redirect(b, e);
    }
    turn_on(b, bits, spec, tracer);
}

void breakpoint_clear_global(Export *e, uint32_t bits)
{
    Breakpoint *b = breakpoint_of_export(e);
    if (!b) return;
    turn_off(b, bits);
    if (b->on) return;
    if (b->target == b->shadow.native_stub) {
        e->native = b->shadow.native;
        b->target = e->native_stub;
    }
    __atomic_store_n((const code_t **)&e->addr, b->target, __ATOMIC_RELEASE);
}

/* ---- calls ---- */

static term_t argument_list(Process *p, const term_t *x, word_t n)
{
    term_t list = TERM_NIL;
    while (n-- > 0) {
        /* A binary that is being matched may be passed on as its match context. */
        term_t a = match_context_to_binary(&p->heap, x[n]);
        list = heap_cons(&p->heap, a, list);
    }
    return list;
}

static term_t mfa_tuple(Process *p, const Mfa *m, term_t third)
{
    return heap_tuple3(&p->heap, m->module, m->function, third);
}

/* Return address, Breakpoint and WATCH_*, what was timed before or tracer of meta trace, catch mark. */
#define WATCH_FRAME 4

/* Return address of the call being made, past frames that only watch for a return. */
static const code_t *return_address(Process *p)
{
    const Breakpoints *b = trace_space(p->vm)->breakpoints;
    const term_t *e = p->heap.stop;
    while ((const code_t *)e[0] == b->return_code) e += WATCH_FRAME;
    return (const code_t *)e[0] - 1;
}

#define WATCH_RETURN_FROM 1
#define WATCH_RETURN_TO 2
#define WATCH_EXCEPTION 4
#define WATCH_META_RETURN 8
#define WATCH_META_EXCEPTION 16
#define WATCH_TIME 32

/* A Breakpoint (aligned to 16, below 2^56) and WATCH_* as a small integer, for the stack. */
static term_t hide(const Breakpoint *b, int what)
{
    return term_small((int64_t)((uintptr_t)b >> 4 << 6) | what);
}
static Breakpoint *unhide(term_t t) { return (Breakpoint *)((uintptr_t)(small_value(t) >> 6) << 4); }
static int64_t watch_of(term_t t) { return small_value(t) & 63; }

/* Several processes may find out at once that it is gone. */
static term_t meta_tracer(const Breakpoint *b) { return __atomic_load_n(&b->meta_tracer, __ATOMIC_ACQUIRE); }

static void drop_meta_tracer(Breakpoint *b, term_t gone) /* trace_info says [] */
{
    if (__atomic_compare_exchange_n(&b->meta_tracer, &gone, TERM_NONE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        tracer_release(gone);
}

/* Watch for the return of this call. False: no room, the process is to be killed. */
static bool push_watch(Process *p, term_t *x, const Breakpoint *b, int what, const Breakpoint *timed_before)
{
    enum { NEED = WATCH_FRAME + 2 * HEAP_STACK_RESERVE };
    if ((size_t)(p->heap.stop - p->heap.top) < NEED
        && process_gc(p, NEED, x, (unsigned)b->mfa.arity) != HEAP_OK)
        return false;
    const Breakpoints *all = trace_space(p->vm)->breakpoints;
    term_t *e = p->heap.stop -= WATCH_FRAME;
    e[0] = (term_t)(uintptr_t)all->return_code;
    e[1] = hide(b, what);
    term_t meta = meta_tracer(b);
    e[2] = what & WATCH_TIME || !tracer_is(meta) ? hide(timed_before, 0) : meta;
    e[3] = catch_term(all->catch_code);
    p->catches++;
    return true;
}

static term_t called(Process *p, const Mfa *m, const term_t *x, uint32_t flags, term_t args)
{
    if (flags & TRACE_ARITY) return mfa_tuple(p, m, term_small((int64_t)m->arity));
    return mfa_tuple(p, m, args == TERM_NONE ? argument_list(p, x, m->arity) : args);
}

static term_t message_of(const TraceMatch *m) { return m->message == am_true ? TERM_NONE : m->message; }

/* Evaluate the specification and tell. *watch: what to watch for. */
static void tell_call(Process *p, const Breakpoint *b, const term_t *x, int *watch)
{
    TraceFlags *f = p->trace;
    if (!f || !trace_wants_call(p)) return;
    TraceMatch m = {.message = am_true};
    /* As they are before the specification may change them, but for `silent`. */
    uint32_t flags = f->flags;
    term_t args = TERM_NONE, tracer = f->tracer;
    if (b->call.ms) {
        m.caller = return_address(p);
        args = argument_list(p, x, b->mfa.arity);
        if (!trace_match(b->call.ms, p, args, &m)) return;
    }
    if (f->flags & TRACE_SILENT) return;
    if (m.return_trace || m.exception_trace) *watch |= WATCH_RETURN_FROM;
    if (m.exception_trace) *watch |= WATCH_EXCEPTION;
    if ((flags & TRACE_RETURN_TO) && b->on & BREAK_LOCAL) *watch |= WATCH_RETURN_TO;
    if (m.message == am_false) return;
    TraceEvent e = {.kind = TRACE_CALL, .flags = flags, .tracee = p->id, .tag = am_call,
                    .term = called(p, &b->mfa, x, flags, args), .result = message_of(&m)};
    if (!tracer_tell(p->vm, tracer, &e)) trace_flags_put(f, 0, TERM_NONE);
}

static void tell_meta(Process *p, Breakpoint *b, const term_t *x, int *watch)
{
    term_t tracer = meta_tracer(b);
    if (tracer == p->id || tracer == TERM_NONE) return;
    enum TracerAnswer answer = tracer_ask(p->vm, tracer, TRACE_CALL, am_call, p->id);
    if (answer == TRACER_REMOVE) drop_meta_tracer(b, tracer);
    if (answer != TRACER_TRACE) return;
    TraceMatch m = {.message = am_true};
    term_t args = argument_list(p, x, b->mfa.arity);
    if (b->meta.ms) {
        m.caller = return_address(p);
        if (!trace_match(b->meta.ms, p, args, &m)) return;
    }
    if (m.return_trace || m.exception_trace) *watch |= WATCH_META_RETURN;
    if (m.exception_trace) *watch |= WATCH_META_EXCEPTION;
    if (m.message == am_false) return;
    TraceEvent e = {.kind = TRACE_CALL, .flags = TRACE_TIMESTAMP, .tracee = p->id, .tag = am_call,
                    .term = mfa_tuple(p, &b->mfa, args), .result = message_of(&m)};
    if (!tracer_tell(p->vm, tracer, &e)) drop_meta_tracer(b, tracer);
}

/* ---- call_time ---- */

static void add_time(Process *p, Breakpoint *b, uint64_t calls, int64_t ns)
{
    Breakpoints *all = trace_space(p->vm)->breakpoints;
    mutex_lock(&all->time_lock);
    BreakTime *t = b->times;
    while (t && t->pid != p->id) t = t->next;
    if (!t) {
        t = MEM_NEW(TRACE, BreakTime);
        t->pid = p->id;
        t->next = b->times;
        b->times = t;
    }
    t->count += calls;
    t->ns += ns;
    mutex_unlock(&all->time_lock);
}

/* From now on the time of p is that of b (NULL: of nobody). */
static void switch_time(Process *p, Breakpoint *b)
{
    TraceFlags *f = p->trace;
    int64_t now = clock_os_monotonic_ns();
    if (f->timed && f->timed->on & BREAK_TIMING) add_time(p, f->timed, 0, now - f->timed_since);
    f->timed = b;
    f->timed_since = now;
}

void breakpoint_time_slice(Process *p, bool in)
{
    if (!p->trace->timed) return;
    if (in) p->trace->timed_since = clock_os_monotonic_ns();
    else switch_time(p, p->trace->timed);
}

/* A tail call from a timed function has a frame already. */
static void enter_timed(Process *p, Breakpoint *b, int *watch, Breakpoint **before)
{
    const Breakpoints *all = trace_space(p->vm)->breakpoints;
    const term_t *e = p->heap.stop;
    if (!p->trace || !(p->trace->flags & TRACE_CALL) || !trace_has_tracer(p)) return;
    *before = p->trace->timed;
    switch_time(p, b);
    add_time(p, b, 1, 0);
    bool watched = (const code_t *)e[0] == all->return_code && watch_of(e[1]) & WATCH_TIME;
    if (!watched) *watch |= WATCH_TIME;
}

static void leave_timed(Process *p, int64_t watch, term_t before)
{
    if (watch & WATCH_TIME && p->trace) switch_time(p, unhide(before));
}

term_t breakpoint_times(Vm *vm, Heap *h, const Breakpoint *b)
{
    Breakpoints *all = breakpoints_make(vm);
    term_t list = TERM_NIL;
    mutex_lock(&all->time_lock);
    for (const BreakTime *t = b->times; t; t = t->next) {
        int64_t us = t->ns / 1000;
        list = heap_cons(h, heap_tuple4(h, t->pid, heap_uint(h, t->count), term_small(us / 1000000),
                                        term_small(us % 1000000)), list);
    }
    mutex_unlock(&all->time_lock);
    return list;
}

/* False: the process is to be killed. */
static bool hit(Process *p, term_t *x, Breakpoint *b)
{
    int watch = 0;
    Breakpoint *before = NULL;
    if (b->on & BREAK_TIMING) enter_timed(p, b, &watch, &before);
    if (b->on & BREAK_COUNTING) atomic_fetch_add_explicit(&b->count, 1, memory_order_relaxed);
    if (process_state(p) & PS_SENSITIVE) return true;
    if (b->on & (BREAK_LOCAL | BREAK_GLOBAL)) tell_call(p, b, x, &watch);
    if (b->on & BREAK_META) tell_meta(p, b, x, &watch);
    return !watch || push_watch(p, x, b, watch, before);
}

int64_t breakpoint_hit(Process *p, term_t *x, const code_t *pc)
{
    Breakpoint *b = find(trace_space(p->vm)->breakpoints, pc);
    CHECK(b != NULL);
    if (b->on & BREAK_DEBUG) return TRACE_DEBUG;
    return hit(p, x, b) ? b->handler : TRACE_KILLED;
}

const code_t *breakpoint_export_hit(Process *p, term_t *x, void *breakpoint)
{
    Breakpoint *b = breakpoint;
    return hit(p, x, b) ? b->target : NULL;
}

/* ---- returns ---- */

static void tell_return_to(Process *p, const code_t *to)
{
    const Mfa *m = code_find_mfa(p->vm, to);
    term_t tuple = m ? mfa_tuple(p, m, term_small((int64_t)m->arity)) : am_undefined;
    trace_return(p, TRACE_RETURN_TO, am_return_to, tuple, TERM_NONE);
}

static bool tells_returns(const Process *p) { return p->trace && !(p->trace->flags & TRACE_SILENT); }

/* The tracer as it was at the call, if the frame has it. */
static term_t meta_tracer_of(const Breakpoint *b, term_t slot)
{
    return tracer_is(slot) ? slot : meta_tracer(b);
}

/* slot: where the frame has the tracer. */
static void tell_meta_end(Process *p, const Breakpoint *b, term_t slot, term_t tag, term_t mfa, term_t value)
{
    TraceEvent e = {.kind = TRACE_CALL, .flags = TRACE_TIMESTAMP, .tracee = p->id, .tag = tag, .term = mfa,
                    .extra = value};
    term_t tracer = meta_tracer_of(b, slot);
    if (tracer != TERM_NONE) (void)tracer_tell(p->vm, tracer, &e);
}

static term_t arity_tuple(Process *p, const Breakpoint *b)
{
    return mfa_tuple(p, &b->mfa, term_small((int64_t)b->mfa.arity));
}

/* On top of the stack is the frame whose return address brought us here. A caller that is itself watched
 * tells when it returns. */
const code_t *breakpoint_return(Process *p, term_t *x)
{
    term_t *e = p->heap.stop;
    const Breakpoint *b = unhide(e[0]);
    int64_t watch = watch_of(e[0]);
    const code_t *to = (const code_t *)e[3];
    p->catches--;
    leave_timed(p, watch, e[1]);
    term_t mfa = watch & (WATCH_META_RETURN | WATCH_RETURN_FROM) ? arity_tuple(p, b) : TERM_NIL;
    if (watch & WATCH_META_RETURN) tell_meta_end(p, b, e[1], am_return_from, mfa, x[0]);
    if (tells_returns(p)) {
        if (watch & WATCH_RETURN_FROM) trace_return(p, TRACE_CALL, am_return_from, mfa, x[0]);
        if (watch & WATCH_RETURN_TO && to != trace_space(p->vm)->breakpoints->return_code)
            tell_return_to(p, to - 1);
    }
    p->heap.stop = e + WATCH_FRAME;
    return to;
}

/* Who will catch: the innermost catch mark of the stack; NULL: nobody. */
static const code_t *next_handler(const Process *p)
{
    for (const term_t *e = p->heap.stop; e < p->heap.end; e++)
        if (term_is_catch(*e)) return catch_address(p->vm, catch_index(*e));
    return NULL;
}

/* Is there a catch mark that is not of a watched call? */
static bool is_caught(const Process *p)
{
    const code_t *ours = trace_space(p->vm)->breakpoints->catch_code;
    for (const term_t *e = p->heap.stop; e < p->heap.end; e++)
        if (term_is_catch(*e) && catch_address(p->vm, catch_index(*e)) != ours) return true;
    return false;
}

/* {Class, Reason}; a throw that nobody catches is an error already. */
static term_t exception_of(Process *p, const term_t *x, const code_t *handler)
{
    Heap *h = &p->heap;
    if (x[1] != am_throw || (handler && is_caught(p))) return heap_tuple2(h, x[1], x[2]);
    return heap_tuple2(h, am_error, heap_tuple2(h, am_nocatch, x[2]));
}

/* An exception leaves a watched call: x1 class, x2 reason, x3 raw trace. It goes on. */
void breakpoint_catch(Process *p, term_t *x)
{
    term_t *e = p->heap.stop;
    const Breakpoint *b = unhide(e[0]);
    int64_t watch = watch_of(e[0]);
    p->catches--;
    p->heap.stop = e + WATCH_FRAME - 1; /* to the return address */
    leave_timed(p, watch, e[1]);
    p->ftrace = x[3];
    p->fvalue = x[2];
    p->freason = except_trace_reason(x[3]);
    const code_t *handler = next_handler(p);
    term_t mfa = arity_tuple(p, b), exception = exception_of(p, x, handler);
    if (watch & WATCH_META_EXCEPTION) tell_meta_end(p, b, e[1], am_exception_from, mfa, exception);
    if (!tells_returns(p)) return;
    if (watch & WATCH_EXCEPTION) trace_return(p, TRACE_CALL, am_exception_from, mfa, exception);
    if (watch & WATCH_RETURN_TO && handler && handler != trace_space(p->vm)->breakpoints->catch_code)
        tell_return_to(p, handler);
}
