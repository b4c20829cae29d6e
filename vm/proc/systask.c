/* SPDX-License-Identifier: Apache-2.0 */
/* systask - see systask.h. Layer: proc. */
#include "proc/systask.h"

#include "base/alloc.h"
#include "data/node.h"
#include "proc/process_gc.h"
#include "proc/procops.h"
#include "proc/signal.h"

/* system_task_test does nothing; OTP's suites use it. */
static bool request_is_known(term_t request)
{
    if (!term_is_tuple(request) || tuple_arity(request) < 2) return false;
    term_t op = tuple_element(request, 1);
    if (op == am_system_task_test) return true;
    return tuple_arity(request) == 3
        && (op == am_garbage_collect || op == am_check_process_code || op == am_copy_literals);
}

/* {Op, Id, result} to the requester. */
static void answer(Process *p, Vm *vm, term_t requester, term_t op, term_t id, term_t result)
{
    Process *to = process_lookup(vm, requester);
    if (!to) return;
    Heap h = {0};
    id = term_copy(&h, id);
    message_send_heap(vm, p ? p->id : am_undefined, to, heap_tuple3(&h, op, id, result), &h);
}

static term_t dead_result(term_t op) { return op == am_copy_literals ? am_ok : am_false; }

bool systask_request(Vm *vm, term_t requester, term_t to, enum ProcPriority prio, term_t request)
{
    if (!term_is_local_pid(to) || !request_is_known(request)) return false;
    SignalX *x = signal_new_x(SIG_SYSTASK, requester);
    x->s.aux = prio;
    x->s.term = heap_piece_copy(&x->s.piece, request);
    Process *p = process_lookup(vm, to);
    if (p && signal_send(p, &x->s)) {
        if (prio > process_priority(p)) vm->procs->ops->hurry(p, prio);
    } else {
        term_t op = tuple_element(request, 1);
        answer(NULL, vm, requester, op, tuple_element(request, 2), dead_result(op));
        signal_free(&x->s);
    }
    return true;
}

static term_t execute(Process *p, const SysTask *t)
{
    const ProcExecOps *exec = &p->vm->procs->exec;
    if (t->op == am_garbage_collect) {
        (void)process_gc_now(p, t->arg != am_minor, p->x_saved, p->x_live);
        return am_true;
    }
    if (t->op == am_check_process_code)
        return term_bool(exec->uses_old_code && exec->uses_old_code(p, t->arg));
    if (t->op == am_system_task_test) return am_true;
    return exec->copy_literals ? exec->copy_literals(p, t->arg) : am_ok;
}

static void task_free(SysTask *t)
{
    heap_piece_dispose(&t->piece);
    MEM_DELETE(SIGNAL, t);
}

/* While p waits for a dirty thread, or a native of it runs there, its position, stack and heap can be looked at;
 * collections have to wait, and so does one whose heap has some of a literal area. */
static void run_beside_native(Process *p)
{
    for (SysTask **at = &p->systasks, *t; (t = *at) != NULL;) {
        bool may = t->op == am_check_process_code || t->op == am_copy_literals;
        term_t result = may ? execute(p, t) : TERM_NONE;
        if (result == TERM_NONE) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        answer(p, p->vm, t->requester, t->op, t->id, result);
        task_free(t);
    }
}

void systask_received(Process *p, Signal *s, bool dead)
{
    term_t op = tuple_element(s->term, 1), id = tuple_element(s->term, 2);
    if (dead) {
        answer(p, p->vm, s->from, op, id, dead_result(op));
        return;
    }
    SysTask *t = MEM_NEW(SIGNAL, SysTask);
    *t = (SysTask){.requester = s->from, .op = op, .id = id, .prio = (enum ProcPriority)s->aux,
                   .arg = tuple_arity(s->term) > 2 ? tuple_element(s->term, 3) : TERM_NIL,
                   .piece = s->piece};
    s->piece = (HeapPiece){0};
    SysTask **at = &p->systasks;
    while (*at && (*at)->prio >= t->prio) at = &(*at)->next;
    t->next = *at;
    *at = t;
    or_acq_rel(&p->state, PS_SYSTASK);
    if (process_state(p) & PS_ANY_DIRTY)
        run_beside_native(p);
    else
        process_end_slice(p); /* received in the middle of a slice: end it soon */
}

#define NORMAL_PER_LOW 8

static bool must_wait(const Process *p, const SysTask *t)
{
    return p->flags & PF_DELAY_GC && (t->op == am_garbage_collect || t->op == am_copy_literals);
}

static SysTask **first_ready(Process *p, SysTask **at)
{
    while (*at && must_wait(p, *at)) at = &(*at)->next;
    return at;
}

/* The list is sorted by priority. After eight normal tasks the first low one goes ahead. */
static SysTask *next_task(Process *p, enum ProcPriority least, unsigned *normal)
{
    SysTask **at = first_ready(p, &p->systasks);
    if (*at && (*at)->prio == PRIO_NORMAL && least == PRIO_LOW && ++*normal > NORMAL_PER_LOW) {
        SysTask **low = at;
        while (*low && ((*low)->prio == PRIO_NORMAL || must_wait(p, *low))) low = &(*low)->next;
        *normal = *low ? 0 : 1;
        if (*low) at = low;
    }
    SysTask *t = *at;
    if (!t || t->prio < least) return NULL;
    *at = t->next;
    return t;
}

void systask_run(Process *p, enum ProcPriority least)
{
    unsigned normal = 0;
    and_acq_rel(&p->state, ~PS_SYSTASK);
    if (p->flags & PF_FORCE_GC) (void)process_gc_now(p, p->flags & PF_NEED_FULLSWEEP, p->x_saved, p->x_live);
    for (SysTask *t; (t = next_task(p, least, &normal)) != NULL;) {
        answer(p, p->vm, t->requester, t->op, t->id, execute(p, t));
        task_free(t);
    }
    if (*first_ready(p, &p->systasks)) or_acq_rel(&p->state, PS_SYSTASK);
}

bool systask_delay_gc(Process *p, bool delay)
{
    bool before = p->flags & PF_DELAY_GC;
    p->flags = delay ? p->flags | PF_DELAY_GC : p->flags & ~PF_DELAY_GC;
    if (!delay && p->systasks) {
        or_acq_rel(&p->state, PS_SYSTASK);
        process_end_slice(p);
    }
    return before;
}

void systask_drop_all(Process *p)
{
    for (SysTask *t; (t = p->systasks) != NULL;) {
        p->systasks = t->next;
        answer(p, p->vm, t->requester, t->op, t->id, dead_result(t->op));
        task_free(t);
    }
}
