/* SPDX-License-Identifier: Apache-2.0 */
/* signal - the in-queue, and what the receiver does with each kind of signal. See signal.h.
 *
 *   sender                             owner
 *   lock; append; unlock               clear PS_SIGNALS (under the lock), take the whole in-queue
 *   wake(PS_SIGNALS)                   handle one by one
 * A sender sets PS_SIGNALS after it has appended, so the bit may be set for nothing, but a signal
 * never waits without it for longer than its sender needs to set it. Chains without other signals
 * than messages are spliced in O(1).
 * Each handler owns the signal it gets: it frees it or makes a message of it.
 * Layer: proc. */
#include "proc/signal.h"

#include "base/alloc.h"
#include "data/node.h"
#include "proc/exit.h"
#include "proc/link.h"
#include "proc/process_info.h"
#include "proc/procops.h"
#include "proc/seq_token.h"
#include "proc/suspend.h"
#include "proc/systask.h"

#define SIGNAL_IS_X 1u           /* Signal.flags: allocated as a SignalX */
#define SIGNALS_PER_RED 4         /* a flood of signals must not starve its receiver */

/* ---- allocation ---- */

Signal *signal_new(enum SignalKind kind, term_t from)
{
    Signal *s = MEM_NEW(MSG, Signal);
    s->kind = kind;
    s->from = from;
    s->token = TERM_NIL;
    return s;
}

SignalX *signal_new_x(enum SignalKind kind, term_t from)
{
    SignalX *x = MEM_NEW(SIGNAL, SignalX);
    x->s.kind = kind;
    x->s.flags = SIGNAL_IS_X;
    x->s.token = TERM_NIL;
    x->s.from = heap_piece_copy(&x->s.piece, from);
    return x;
}

void signal_free(Signal *s)
{
    heap_piece_dispose(&s->piece);
    if (s->flags & SIGNAL_IS_X)
        mem_free(MEM_SIGNAL, s, sizeof(SignalX));
    else
        mem_free(MEM_MSG, s, sizeof(Signal));
}

static SignalX *signal_x(Signal *s)
{
    ASSERT(s->flags & SIGNAL_IS_X);
    return (SignalX *)s;
}

/* ---- sending ---- */

bool signal_send(Process *to, Signal *s)
{
    bool message = s->kind == SIG_MESSAGE;
    SigQueue *q = &to->sigq;
    mutex_lock(&to->sig_lock);
    if (UNLIKELY(q->closed)) {
        mutex_unlock(&to->sig_lock);
        return false;
    }
    if (UNLIKELY(message && process_is_exiting(to))) {
        mutex_unlock(&to->sig_lock);
        signal_free(s);
        return true;
    }
    s->next = NULL;
    *q->in_last = s;
    q->in_last = &s->next;
    if (message)
        q->in_len++, q->came_messages++, q->in_words += s->piece.words;
    else
        q->in_others++, q->came_others++;
    mutex_unlock(&to->sig_lock);
    to->vm->procs->ops->wake(to, PS_SIGNALS);
    return true;
}

bool signal_send_pid(Vm *vm, term_t pid, Signal *s)
{
    Process *to = process_lookup(vm, pid);
    return to && signal_send(to, s);
}

static bool send_or_free(Vm *vm, term_t to, SignalX *x)
{
    if (signal_send_pid(vm, to, &x->s)) return true;
    signal_free(&x->s);
    return false;
}

static SignalX *new_with_term(enum SignalKind kind, term_t from, term_t term)
{
    SignalX *x = signal_new_x(kind, from);
    x->s.term = heap_piece_copy(&x->s.piece, term);
    return x;
}

bool signal_send_exit(Vm *vm, term_t from, term_t to, term_t reason)
{
    return send_or_free(vm, to, new_with_term(SIG_EXIT, from, reason));
}

bool signal_send_link_exit(Vm *vm, term_t from, term_t to, term_t reason)
{
    SignalX *x = new_with_term(SIG_LINK_EXIT, from, reason);
    if (reason == am_noproc) x->s.token = am_undefined;
    return send_or_free(vm, to, x);
}

static bool is_sensitive(Vm *vm, term_t pid)
{
    Process *p = term_is_local_pid(pid) ? process_lookup(vm, pid) : NULL;
    return p && process_state(p) & PS_SENSITIVE;
}

/* With p's sequential trace token. What a sensitive process gets is not told. */
static bool send_own_link_exit(Process *p, term_t to, term_t reason)
{
    SignalX *x = new_with_term(SIG_LINK_EXIT, p->id, reason);
    if (UNLIKELY(p->seq_token != TERM_NIL)) {
        Heap h = {0};
        bool secret = is_sensitive(p->vm, to);
        seq_token_put(p, &x->s, to, secret ? TERM_NONE : heap_tuple3(&h, am_EXIT, p->id, x->s.term));
        heap_dispose(&h);
    }
    return send_or_free(p->vm, to, x);
}

bool signal_send_remote_exit(Vm *vm, term_t from, term_t to, term_t reason, term_t token, bool by_link)
{
    SignalX *x = new_with_term(by_link ? SIG_LINK_EXIT : SIG_EXIT, from, reason);
    x->s.token = heap_piece_copy(&x->s.piece, token);
    return send_or_free(vm, to, x);
}

bool signal_send_link(Vm *vm, term_t from, term_t to)
{
    return signal_send_remote_link(vm, from, to, 0);
}

bool signal_send_remote_link(Vm *vm, term_t from, term_t to, uint32_t conn)
{
    SignalX *x = signal_new_x(SIG_LINK, from);
    x->id = conn;
    return send_or_free(vm, to, x);
}

bool signal_send_unlink(Vm *vm, term_t from, term_t to, uint64_t id)
{
    SignalX *x = signal_new_x(SIG_UNLINK, from);
    x->id = id;
    return send_or_free(vm, to, x);
}

bool signal_send_unlink_ack(Vm *vm, term_t from, term_t to, uint64_t id)
{
    SignalX *x = signal_new_x(SIG_UNLINK_ACK, from);
    x->id = id;
    return send_or_free(vm, to, x);
}

bool signal_send_monitor(Vm *vm, term_t from, term_t to, term_t ref, term_t name)
{
    return signal_send_remote_monitor(vm, from, to, ref, name, 0);
}

bool signal_send_remote_monitor(Vm *vm, term_t from, term_t to, term_t ref, term_t name, uint32_t conn)
{
    SignalX *x = signal_new_x(SIG_MONITOR, from);
    x->s.term = heap_piece_copy_ref(&x->s.piece, x->ref_words, ref);
    x->target = name;
    x->id = conn;
    return send_or_free(vm, to, x);
}

bool signal_send_demonitor(Vm *vm, term_t from, term_t to, term_t ref)
{
    SignalX *x = signal_new_x(SIG_DEMONITOR, from);
    x->s.term = heap_piece_copy_ref(&x->s.piece, x->ref_words, ref);
    return send_or_free(vm, to, x);
}

bool signal_send_down(Vm *vm, term_t from, term_t to, RefNum ref, term_t reason)
{
    SignalX *x = new_with_term(SIG_MONITOR_DOWN, from, reason);
    if (term_is_immed(reason)) x->s.token = am_undefined;
    x->ref = ref;
    return send_or_free(vm, to, x);
}

bool signal_ask(Process *from, term_t pid, Signal *s)
{
    Process *to = process_lookup(from->vm, pid);
    if (!to || !signal_send(to, s)) return false;
    enum ProcPriority prio = process_priority(from);
    if (prio > process_priority(to)) from->vm->procs->ops->hurry(to, prio);
    return true;
}

void signal_send_call(Vm *vm, term_t from, term_t to, void (*fn)(Process *p, void *arg, bool dead),
                      void *arg)
{
    SignalX *x = signal_new_x(SIG_CALL, from);
    x->fn = fn;
    x->arg = arg;
    if (!send_or_free(vm, to, x)) fn(NULL, arg, true);
}

/* ---- receiving ---- */

/* One writer: a plain addition that others may read. */
static void count(_Atomic(uint32_t) *n)
{
    store_release(n, load_relaxed(n) + 1);
}

static void append_message(Process *p, Signal *m)
{
    SigQueue *q = &p->sigq;
    m->next = NULL;
    *q->msg_last = m;
    q->msg_last = &m->next;
    q->msg_len++;
    q->msg_words += m->piece.words;
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->receive(p, m->from, m->term);
}

void message_deliver_self(Process *p, Signal *m)
{
    count(&p->sigq.made);
    append_message(p, m);
}

/* Turn s into a message whose term is built by `build` in the signal's own memory. */
static void become_message(Process *p, Signal *s, term_t term, Heap *h)
{
    s->kind = SIG_MESSAGE;
    s->term = term;
    s->piece = heap_piece_take(h);
    count(&p->sigq.made);
    append_message(p, s);
}

static void signal_heap(Heap *h, Signal *s)
{
    *h = (Heap){0};
    heap_piece_adopt(h, &s->piece);
}

static void deliver_exit_message(Process *p, Signal *s)
{
    Heap h;
    signal_heap(&h, s);
    become_message(p, s, heap_tuple3(&h, am_EXIT, s->from, s->term), &h);
}

/* reason may live in s. */
static void die(Process *p, Signal *s, term_t reason)
{
    heap_piece_adopt(process_own_heap(p), &s->piece);
    signal_free(s);
    process_exit_begin(p, reason);
}

static void on_exit_signal(Process *p, Signal *s, bool dead)
{
    if (dead)
        signal_free(s);
    else if (s->term == am_kill)
        die(p, s, am_killed);
    else if (process_state(p) & PS_TRAP_EXIT)
        deliver_exit_message(p, s);
    else if (s->term == am_normal && s->from != p->id)
        signal_free(s);
    else
        die(p, s, s->term);
}

static void on_link_exit(Process *p, Signal *s, bool dead)
{
    Link *l = dead ? NULL : link_find(p, s->from);
    bool active = l && l->unlink_id == 0;
    if (l) {
        link_remove(p, l);
        link_free(l);
    }
    if (!active) {
        signal_free(s);
        return;
    }
    bool trapped = process_state(p) & PS_TRAP_EXIT;
    if (!trapped && s->term != am_normal) {
        die(p, s, s->term);
        return;
    }
    if (UNLIKELY(p->trace != NULL))
        p->vm->procs->trace_ops->event(p, am_getting_unlinked, s->from, TERM_NONE);
    if (trapped) deliver_exit_message(p, s);
    else signal_free(s);
}

/* Tell the other end of a link that p is dead. */
void signal_link_exit_any(Process *p, term_t other, term_t reason)
{
    ProcSpace *procs = p->vm->procs;
    if (term_is_local_pid(other))
        (void)(reason == am_noproc ? signal_send_link_exit(p->vm, p->id, other, reason)
                                   : send_own_link_exit(p, other, reason));
    else if (term_is_local_port(other))
        (void)(procs->port_ops && procs->port_ops->exit(p->vm, p->id, other, reason, true));
    else if (procs->remote_ops)
        procs->remote_ops->link_exit(p, other, reason);
}

static void on_link(Process *p, Signal *s, bool dead)
{
    if (dead)
        signal_link_exit_any(p, s->from, am_noproc);
    else if (!link_find(p, s->from)) {
        bool fresh;
        link_insert(p, s->from, &fresh)->conn = (uint32_t)signal_x(s)->id;
        if (UNLIKELY(p->trace != NULL))
            p->vm->procs->trace_ops->event(p, am_getting_linked, s->from, TERM_NONE);
    }
    signal_free(s);
}

static void on_unlink(Process *p, Signal *s, bool dead)
{
    Link *l = dead ? NULL : link_find(p, s->from);
    if (l && l->unlink_id == 0) {
        link_remove(p, l);
        link_free(l);
        if (UNLIKELY(p->trace != NULL))
            p->vm->procs->trace_ops->event(p, am_getting_unlinked, s->from, TERM_NONE);
    }
    if (term_is_local_pid(s->from))
        (void)signal_send_unlink_ack(p->vm, p->id, s->from, signal_x(s)->id);
    else if (!term_is_local_port(s->from) && p->vm->procs->remote_ops)
        p->vm->procs->remote_ops->unlink_ack(p, s->from, signal_x(s)->id);
    signal_free(s);
}

static void on_unlink_ack(Process *p, Signal *s, bool dead)
{
    Link *l = dead ? NULL : link_find(p, s->from);
    if (l && l->unlink_id == signal_x(s)->id) {
        link_remove(p, l);
        link_free(l);
    }
    signal_free(s);
}

/* p, found by `name` if that is an atom, is down for its watcher. */
void signal_down_any(Process *p, term_t watcher, term_t ref, term_t name, term_t reason)
{
    if (term_is_local_pid(watcher))
        (void)signal_send_down(p->vm, p->id, watcher, ref_num(ref), reason);
    else if (term_is_local_port(watcher) || term_is_local_ref(watcher))
        p->vm->procs->native_ops->down(p, watcher, ref);
    else if (p->vm->procs->remote_ops)
        p->vm->procs->remote_ops->monitor_exit(p, watcher, name == TERM_NONE ? p->id : name, ref, reason);
}

static void on_monitor(Process *p, Signal *s, bool dead)
{
    term_t name = signal_x(s)->target;
    if (dead)
        signal_down_any(p, s->from, s->term, name, am_noproc);
    else
        lt_monitor_insert(p, s->term, s->from, name, (uint32_t)signal_x(s)->id);
    signal_free(s);
}

static void on_demonitor(Process *p, Signal *s, bool dead)
{
    LtMonitor *m = dead ? NULL : lt_monitor_find(p, s->term);
    if (m) {
        lt_monitor_remove(p, m);
        lt_monitor_free(m);
    }
    signal_free(s);
}

static term_t down_object(Heap *h, const Monitor *m)
{
    return m->name == TERM_NONE ? m->target : heap_tuple2(h, m->name, m->name_node);
}

static void on_monitor_down(Process *p, Signal *s, bool dead)
{
    Monitor *m = dead ? NULL : monitor_find(p, signal_x(s)->ref);
    if (!m || m->spawn_pending) {
        signal_free(s);
        return;
    }
    if (m->alias == ALIAS_DEMONITOR || m->alias == ALIAS_REPLY) (void)alias_deactivate(p, m->ref);
    monitor_remove(p, m);
    Heap h;
    signal_heap(&h, s);
    heap_piece_adopt(&h, &m->piece);
    term_t kind = m->kind == MONITOR_PORT ? am_port : am_process;
    term_t ref = term_copy(&h, m->ref_term);
    term_t message = heap_tuple5(&h, m->tag, ref, kind, down_object(&h, m), s->term);
    monitor_free(m);
    become_message(p, s, message, &h);
}

static void on_alias_message(Process *p, Signal *s, bool dead)
{
    Alias *a = dead ? NULL : alias_find(p, signal_x(s)->ref);
    if (!a) {
        signal_free(s);
        return;
    }
    if (a->once) {
        Monitor *m = a->mode == ALIAS_REPLY ? monitor_find(p, a->ref) : NULL;
        (void)alias_deactivate(p, signal_x(s)->ref);
        if (m) monitor_demonitor(p, m);
    }
    s->kind = SIG_MESSAGE;
    count(&p->sigq.made);
    append_message(p, s);
}

/* term: Leader, or {Leader, Ref}. */
static void on_group_leader(Process *p, Signal *s, bool dead)
{
    term_t leader = s->term;
    if (term_is_tuple(leader)) {
        message_answer(p->vm, p->id, s->from, tuple_element(leader, 2), dead ? am_badarg : am_true);
        leader = tuple_element(leader, 1);
    }
    if (!dead) {
        p->group_leader = leader;
        heap_piece_adopt(process_own_heap(p), &s->piece);
    }
    signal_free(s);
}

static void on_is_alive(Process *p, Signal *s, bool dead)
{
    message_answer(p->vm, p->id, s->from, s->term, term_bool(!dead));
    signal_free(s);
}

/* term: {Ref, Items} */
static void on_info(Process *p, Signal *s, bool dead)
{
    Process *to = process_lookup(p->vm, s->from);
    if (to) {
        Heap h = {0};
        term_t ref = term_copy(&h, tuple_element(s->term, 1));
        term_t info = dead ? am_undefined : process_info_build(p, tuple_element(s->term, 2), &h, false);
        message_send_heap(p->vm, p->id, to, heap_tuple2(&h, ref, info), &h);
    }
    signal_free(s);
}

static void on_systask(Process *p, Signal *s, bool dead)
{
    systask_received(p, s, dead);
    signal_free(s);
}

static void on_suspend(Process *p, Signal *s, bool dead)
{
    suspend_received(p, s, dead);
    signal_free(s);
}

static void on_resume(Process *p, Signal *s, bool dead)
{
    if (!dead) resume_received(p);
    signal_free(s);
}

static void on_call(Process *p, Signal *s, bool dead)
{
    SignalX *x = signal_x(s);
    x->fn(p, x->arg, dead);
    signal_free(s);
}

typedef void SignalHandler(Process *p, Signal *s, bool dead);
static SignalHandler *const handlers[SIGNAL_KINDS] = {
#define SIGNAL(name, handler, text) handler,
#include "proc/signals.def"
#undef SIGNAL
};

void signal_apply(Process *p, Signal *s)
{
    handlers[s->kind](p, s, false);
}

/* in -> mid, or -> msg when there is nothing to handle. */
static void fetch(Process *p)
{
    SigQueue *q = &p->sigq;
    mutex_lock(&p->sig_lock);
    Signal *first = q->in_first, **last = q->in_last;
    uint32_t messages = q->in_len, others = q->in_others;
    uint32_t words = q->in_words;
    q->in_first = NULL;
    q->in_last = &q->in_first;
    q->in_len = q->in_others = 0;
    q->in_words = 0;
    and_acq_rel(&p->state, ~PS_SIGNALS);
    mutex_unlock(&p->sig_lock);
    if (!first) return;
    if (others == 0 && !q->mid_first && !p->trace) {
        *q->msg_last = first;
        q->msg_last = last;
        q->msg_len += messages;
        q->msg_words += words;
    } else {
        *q->mid_last = first;
        q->mid_last = last;
    }
}

static Signal *mid_pop(SigQueue *q)
{
    Signal *s = q->mid_first;
    q->mid_first = s->next;
    if (!q->mid_first) q->mid_last = &q->mid_first;
    return s;
}

/* Signals left in mid keep PS_SIGNALS set, so that the next look (or slice) goes on with them. */
bool signal_fetch_handle(Process *p, int32_t *reds)
{
    SigQueue *q = &p->sigq;
    unsigned handled = 0;
    fetch(p);
    while (q->mid_first && !(process_in_dirty_native(p) && suspend_must_wait(q->mid_first))) {
        Signal *s = mid_pop(q);
        if (s->kind == SIG_MESSAGE) {
            append_message(p, s);
        } else {
            handlers[s->kind](p, s, false);
            count(&q->handled);
            if (++handled % SIGNALS_PER_RED == 0) --*reds;
        }
        if (process_is_exiting(p)) return false;
        if (*reds <= 0 && q->mid_first) {
            or_acq_rel(&p->state, PS_SIGNALS);
            break;
        }
    }
    return true;
}

void signal_close(Process *p)
{
    mutex_lock(&p->sig_lock);
    p->sigq.closed = true;
    mutex_unlock(&p->sig_lock);
    fetch(p);
}

bool signal_answer_dead(Process *p, int32_t *reds)
{
    SigQueue *q = &p->sigq;
    while (q->mid_first) {
        Signal *s = mid_pop(q);
        if (s->kind == SIG_MESSAGE)
            signal_free(s);
        else
            handlers[s->kind](p, s, true);
        if (--*reds <= 0) return false;
    }
    for (Signal *s; (s = q->msg_first) != NULL;) {
        q->msg_first = s->next;
        signal_free(s);
        if (--*reds <= 0) return false;
    }
    q->msg_last = q->save = &q->msg_first;
    q->msg_len = 0;
    return true;
}
