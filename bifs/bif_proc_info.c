/* SPDX-License-Identifier: Apache-2.0 */
/* bif_proc_info - process_info/1,2. About the caller itself it is built at once; about another process that
 * process builds it, when it handles the request signal, unless it neither runs nor has signals. Layer: bifs. */
#include "bifs/bif.h"
#include "proc/process_info.h"
#include "proc/procops.h"
#include "proc/signal.h"

static size_t words_of(const Heap *h) { return (size_t)(h->top - h->start) + h->frag_words; }

/* Of any process that the caller may read. */
static term_t build(Process *asker, Process *p, term_t spec)
{
    size_t before = words_of(&asker->heap);
    term_t info = process_info_build(p, spec, &asker->heap, p == asker);
    process_charge(asker, (words_of(&asker->heap) - before) / COPIED_WORDS_PER_RED);
    return info;
}

static term_t info_of_self(Process *p, term_t spec)
{
    int32_t reds = INT32_MAX;
    bool waiting = process_state(p) & PS_SIGNALS; /* set before a sender goes on */
    if (waiting && !signal_fetch_handle(p, &reds)) return bif_yield(p); /* killed */
    return build(p, p, spec);
}

static term_t info_of_other(Process *p, term_t pid, term_t spec)
{
    SignalX *x = signal_new_x(SIG_INFO, p->id);
    term_t ref = heap_new_ref(&p->heap, p->vm);
    Heap h = {0};
    term_t r = term_copy(&h, ref), s = term_copy(&h, spec);
    x->s.term = heap_tuple2(&h, r, s);
    x->s.piece = heap_piece_take(&h);
    if (!signal_ask(p, pid, &x->s)) {
        signal_free(&x->s);
        return am_undefined;
    }
    p->sigq.save = p->sigq.msg_last; /* the answer can only be behind the messages that are there */
    return bif_trap_mfa(p, am_erts_internal, am_await_result, 1, &ref);
}

term_t process_info_ask(Process *p, term_t pid, term_t spec)
{
    return pid == p->id ? info_of_self(p, spec) : info_of_other(p, pid, spec);
}

static term_t info(Process *p, term_t pid, term_t spec)
{
    if (pid == p->id) return info_of_self(p, spec);
    if (!term_is_local_pid(pid)) return bif_error(p, EXC_BADARG);
    Process *other = process_lookup_alive(p->vm, pid);
    if (!other) return am_undefined;
    size_t len;
    if (spec == am_message_queue_len && message_queue_len_of_other(other, &len))
        return heap_tuple2(&p->heap, spec, heap_uint(&p->heap, len));
    if (p->vm->procs->ops->borrow(other)) {
        term_t info = build(p, other, spec);
        p->vm->procs->ops->give_back(other);
        return info;
    }
    return info_of_other(p, pid, spec);
}

BIF(erlang, process_info, 1, 0) { return info(p, a[0], am_default); }

BIF(erlang, process_info, 2, 0)
{
    if (!process_info_valid(p->vm, a[1])) return bif_error(p, EXC_BADARG);
    return info(p, a[0], a[1]);
}
