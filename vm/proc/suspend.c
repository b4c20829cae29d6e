/* SPDX-License-Identifier: Apache-2.0 */
/* suspend - see suspend.h. Layer: proc. */
#include "proc/suspend.h"

#include "base/alloc.h"
#include "proc/procops.h"
#include "proc/signal.h"

/* The suspended may have died: such entries are dropped when the list is looked at. */
static void prune(Process *p)
{
    for (Suspend **at = &p->suspending; *at;) {
        Suspend *s = *at;
        if (process_lookup_alive(p->vm, s->pid)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        MEM_DELETE(LINK, s);
    }
}

static Suspend **find(Process *p, term_t pid)
{
    prune(p);
    Suspend **at = &p->suspending;
    while (*at && (*at)->pid != pid) at = &(*at)->next;
    return at;
}

/* aux of the signal: 0 no answer; 1 {Ref, true|badarg}; 2 {Tag, suspended|exited} */
static bool send_suspend(Process *p, term_t pid, enum SuspendHow how, term_t tag)
{
    SignalX *x = signal_new_x(SIG_SUSPEND, p->id);
    x->s.aux = how == SUSPEND_SYNC ? 1 : how == SUSPEND_ASYNC_REPLY ? 2 : 0;
    x->s.term = heap_piece_copy(&x->s.piece, tag);
    if (signal_send_pid(p->vm, pid, &x->s)) return true;
    signal_free(&x->s);
    return false;
}

static void answer_exited(Process *p, enum SuspendHow how, term_t tag, term_t state)
{
    if (how == SUSPEND_ASYNC_REPLY) signal_answer(p, p->id, tag, state);
}

term_t suspend_process(Process *p, term_t pid, bool unless, enum SuspendHow how, term_t tag)
{
    Suspend **at = find(p, pid), *s = *at;
    if (s && unless) {
        answer_exited(p, how, tag, am_suspended);
        return am_false;
    }
    if (s) {
        if (s->count == UINT32_MAX) {
            p->freason = EXC_SYSTEM_LIMIT;
            p->fcause = TERM_NONE;
            return TERM_NONE;
        }
        s->count++;
        answer_exited(p, how, tag, am_suspended);
        return am_true;
    }
    if (how == SUSPEND_SYNC) tag = heap_new_ref(&p->heap, p->vm);
    if (!send_suspend(p, pid, how, tag)) {
        answer_exited(p, how, tag, am_exited);
        return how == SUSPEND_SYNC ? am_badarg : am_true;
    }
    s = MEM_NEW(LINK, Suspend);
    *s = (Suspend){.pid = pid, .count = 1};
    *at = s;
    return how == SUSPEND_SYNC ? tag : am_true;
}

static void send_resume(Process *p, term_t pid)
{
    SignalX *x = signal_new_x(SIG_RESUME, p->id);
    if (!signal_send_pid(p->vm, pid, &x->s)) signal_free(&x->s);
}

bool suspend_resume(Process *p, term_t pid)
{
    Suspend **at = find(p, pid), *s = *at;
    if (!s) return false;
    if (--s->count > 0) return true;
    *at = s->next;
    MEM_DELETE(LINK, s);
    send_resume(p, pid);
    return true;
}

void suspend_resume_all(Process *p)
{
    for (Suspend *s; (s = p->suspending) != NULL;) {
        p->suspending = s->next;
        send_resume(p, s->pid);
        MEM_DELETE(LINK, s);
    }
}

term_t suspend_list(Process *p, Heap *h)
{
    term_t list = TERM_NIL;
    prune(p);
    for (Suspend *s = p->suspending; s; s = s->next)
        list = heap_cons(h, heap_tuple3(h, s->pid, term_small(s->count), term_small(0)), list);
    return list;
}

void suspend_received(Process *p, Signal *s, bool dead)
{
    if (!dead && p->suspend_count++ == 0) or_acq_rel(&p->state, PS_SUSPENDED);
    if (s->aux == 1)
        signal_answer(p, s->from, s->term, dead ? am_badarg : am_true);
    else if (s->aux == 2)
        signal_answer(p, s->from, s->term, dead ? am_exited : am_suspended);
    if (!dead) p->reds = 0; /* if this happens inside a receive: leave the slice soon */
}

void resume_received(Process *p)
{
    if (p->suspend_count == 0 || --p->suspend_count > 0) return;
    p->vm->procs->ops->resume(p);
}
