/* SPDX-License-Identifier: Apache-2.0 */
/* suspend - see suspend.h. Layer: proc. */
#include "proc/suspend.h"

#include "base/alloc.h"
#include "proc/procops.h"
#include "proc/signal.h"

typedef struct SuspendSet {
    RbTree tree;             /* by pid */
    size_t count, prune_at;  /* so many: time to look for the dead among them */
} SuspendSet;

#define PRUNE_LEAST 64

static int compare_key(const void *pid, const RbNode *node, void *ctx UNUSED)
{
    term_t a = *(const term_t *)pid, b = container_of(node, Suspend, node)->pid;
    return a < b ? -1 : a > b;
}

static int compare(const RbNode *a, const RbNode *b, void *ctx)
{
    return compare_key(&container_of(a, Suspend, node)->pid, b, ctx);
}

Suspend *suspend_first(Process *p)
{
    RbNode *n = p->suspending ? rb_first(&p->suspending->tree) : NULL;
    return n ? container_of(n, Suspend, node) : NULL;
}

Suspend *suspend_next(Suspend *s)
{
    RbNode *n = rb_next(&s->node);
    return n ? container_of(n, Suspend, node) : NULL;
}

static void drop(Process *p, Suspend *s)
{
    rb_remove(&p->suspending->tree, &s->node);
    MEM_DELETE(LINK, s);
    if (--p->suspending->count > 0) return;
    MEM_DELETE(LINK, p->suspending);
    p->suspending = NULL;
}

/* The suspended may have died: such entries are dropped when they are met. */
static void prune(Process *p)
{
    for (Suspend *s = suspend_first(p), *next; s; s = next) {
        next = suspend_next(s);
        if (!process_lookup_alive(p->vm, s->pid)) drop(p, s);
    }
}

static Suspend *find(Process *p, term_t pid)
{
    RbNode *n = p->suspending ? rb_find(&p->suspending->tree, &pid, compare_key, NULL) : NULL;
    if (!n) return NULL;
    if (process_lookup_alive(p->vm, pid)) return container_of(n, Suspend, node);
    drop(p, container_of(n, Suspend, node));
    return NULL;
}

static void add(Process *p, term_t pid, bool active)
{
    if (p->suspending && p->suspending->count >= p->suspending->prune_at) {
        prune(p);
        if (p->suspending) p->suspending->prune_at = MAX(2 * p->suspending->count, (size_t)PRUNE_LEAST);
    }
    if (!p->suspending) {
        p->suspending = MEM_NEW(LINK, SuspendSet);
        p->suspending->prune_at = PRUNE_LEAST;
    }
    Suspend *s = MEM_NEW(LINK, Suspend);
    *s = (Suspend){.pid = pid, .active = active, .outstanding = !active};
    (void)rb_insert(&p->suspending->tree, &s->node, compare, NULL);
    p->suspending->count++;
}

/* Signal.aux: what to do besides suspending. */
enum { CONFIRM, ANSWER_TRUE, CONFIRM_AND_ANSWER_STATE, ONLY_ANSWER_TRUE, ONLY_ANSWER_FALSE, ONLY_ANSWER_STATE };

static bool send_suspend(Process *p, term_t pid, uint32_t aux, term_t tag)
{
    SignalX *x = signal_new_x(SIG_SUSPEND, p->id);
    x->s.aux = aux;
    x->s.term = heap_piece_copy(&x->s.piece, tag);
    if (signal_send_pid(p->vm, pid, &x->s)) return true;
    signal_free(&x->s);
    return false;
}

static void answer_state(Process *p, enum SuspendHow how, term_t tag, term_t state)
{
    if (how == SUSPEND_ASYNC_REPLY) message_answer(p->vm, p->id, p->id, tag, state);
}

/* Once more for a process that is, or is about to be, suspended by p. */
static term_t suspend_again(Process *p, Suspend *s, enum SuspendHow how, term_t tag)
{
    if ((uint64_t)s->active + s->outstanding >= UINT32_MAX) {
        p->freason = EXC_SYSTEM_LIMIT;
        p->fcause = TERM_NONE;
        return TERM_NONE;
    }
    if (s->active) {
        s->active++;
        answer_state(p, how, tag, am_suspended);
        return am_true;
    }
    s->outstanding++;
    if (how == SUSPEND_ASYNC) return am_true;
    bool sync = how == SUSPEND_SYNC;
    if (sync) tag = heap_new_ref(&p->heap, p->vm);
    if (!send_suspend(p, s->pid, sync ? ONLY_ANSWER_TRUE : ONLY_ANSWER_STATE, tag)) {
        answer_state(p, how, tag, am_exited);
        return sync ? am_badarg : am_true;
    }
    return sync ? tag : am_true;
}

term_t suspend_process(Process *p, term_t pid, bool unless, enum SuspendHow how, term_t tag)
{
    Suspend *s = find(p, pid);
    bool sync = how == SUSPEND_SYNC;
    if (s && unless) {
        if (sync && !s->active) { /* false, but not before it stands still */
            tag = heap_new_ref(&p->heap, p->vm);
            return send_suspend(p, pid, ONLY_ANSWER_FALSE, tag) ? tag : am_badarg;
        }
        answer_state(p, how, tag, am_suspended);
        return am_false;
    }
    if (s) return suspend_again(p, s, how, tag);
    if (sync) tag = heap_new_ref(&p->heap, p->vm);
    uint32_t aux = sync ? ANSWER_TRUE : how == SUSPEND_ASYNC ? CONFIRM : CONFIRM_AND_ANSWER_STATE;
    if (!send_suspend(p, pid, aux, tag)) {
        answer_state(p, how, tag, am_exited);
        return sync ? am_badarg : am_true;
    }
    add(p, pid, sync);
    return sync ? tag : am_true;
}

static void send_resume(Vm *vm, term_t from, term_t pid)
{
    SignalX *x = signal_new_x(SIG_RESUME, from);
    if (!signal_send_pid(vm, pid, &x->s)) signal_free(&x->s);
}

void suspend_self(Process *p)
{
    if (p->suspend_count++ == 0) or_acq_rel(&p->state, PS_SUSPENDED);
}

void suspend_end(Vm *vm, term_t pid) { send_resume(vm, am_system, pid); }

bool suspend_resume(Process *p, term_t pid)
{
    Suspend *s = find(p, pid);
    if (!s) return false;
    if (s->active)
        s->active--;
    else
        s->outstanding--;
    if (s->active + s->outstanding > 0) return true;
    drop(p, s);
    send_resume(p->vm, p->id, pid);
    return true;
}

void suspend_resume_all(Process *p)
{
    for (Suspend *s; (s = suspend_first(p)) != NULL;) {
        send_resume(p->vm, p->id, s->pid);
        drop(p, s);
    }
}

term_t suspend_list(Process *p, Heap *h)
{
    term_t list = TERM_NIL;
    prune(p);
    for (Suspend *s = suspend_first(p); s; s = suspend_next(s))
        list = heap_cons(h, heap_tuple3(h, s->pid, term_small(s->active), term_small(s->outstanding)), list);
    return list;
}

/* In the suspender: pid stands still now. */
static void confirmed(Process *p, void *pid, bool dead)
{
    Suspend *s = dead ? NULL : find(p, (term_t)(uintptr_t)pid);
    if (!s) return;
    s->active += s->outstanding;
    s->outstanding = 0;
}

bool suspend_must_wait(const Signal *s) { return s->kind == SIG_SUSPEND && s->aux != CONFIRM; }

void suspend_received(Process *p, Signal *s, bool dead)
{
    bool only_answer = s->aux >= ONLY_ANSWER_TRUE;
    if (!dead && !only_answer && p->suspend_count++ == 0) or_acq_rel(&p->state, PS_SUSPENDED);
    if (!dead && (s->aux == CONFIRM || s->aux == CONFIRM_AND_ANSWER_STATE))
        signal_send_call(p->vm, p->id, s->from, confirmed, (void *)(uintptr_t)p->id);
    if (s->aux == ANSWER_TRUE || s->aux == ONLY_ANSWER_TRUE || s->aux == ONLY_ANSWER_FALSE)
        message_answer(p->vm, p->id, s->from, s->term, dead ? am_badarg : term_bool(s->aux != ONLY_ANSWER_FALSE));
    else if (s->aux != CONFIRM)
        message_answer(p->vm, p->id, s->from, s->term, dead ? am_exited : am_suspended);
    if (!dead && !process_in_dirty_native(p)) process_end_slice(p); /* it may be inside a receive */
}

void resume_received(Process *p)
{
    if (p->suspend_count == 0 || --p->suspend_count > 0) return;
    p->vm->procs->ops->resume(p);
}
