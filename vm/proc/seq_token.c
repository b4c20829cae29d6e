/* SPDX-License-Identifier: Apache-2.0 */
/* seq_token - see seq_token.h.
 *
 *   parent --{spawn_request, ...}--> child --{Tag, Ref, ok, Pid}--> parent
 * Both numbers count, and the tracer sees both messages, whether they exist or not. */
#include "proc/seq_token.h"

#include "proc/signal.h"

void seq_token_put(Process *from, Signal *s, term_t to, term_t message)
{
    from->vm->procs->trace_ops->seq_send(from, to, message);
    s->token = heap_piece_copy(&s->piece, from->seq_token);
}

void seq_token_send(Process *from, Process *to, term_t term, Heap *heap)
{
    Signal *s = signal_new(SIG_MESSAGE, from->id);
    s->term = term;
    s->piece = heap_piece_take(heap);
    if (from->seq_token != TERM_NIL) seq_token_put(from, s, to->id, term);
    if (!signal_send(to, s)) signal_free(s);
}

void seq_token_take(Process *p, const Signal *m)
{
    if (m->token == am_undefined) return;
    p->seq_token = m->token;
    if (m->token != TERM_NIL) p->vm->procs->trace_ops->seq_receive(p, m);
}

static void tell_received(Process *p, term_t message)
{
    Signal m = {.term = message};
    p->vm->procs->trace_ops->seq_receive(p, &m);
}

/* The parent has got the reply, but keeps its own token: only its numbers go on. */
static void imagine_reply(Process *parent, Process *child, Heap *h, term_t ref)
{
    term_t own = parent->seq_token, reply = heap_tuple4(h, am_spawn_reply, ref, am_ok, child->id);
    parent->vm->procs->trace_ops->seq_send(child, parent->id, reply);
    parent->seq_token = child->seq_token;
    tell_received(parent, reply);
    parent->seq_token = own;
}

void seq_token_spawn(Process *parent, Process *child, const SpawnOptions *o, term_t ref, term_t args)
{
    Heap h = {0};
    Mfa m = child->initial;
    if (o->is_request) { /* a request begins with a function that looks for the one that is wanted */
        args = heap_cons(&h, heap_tuple3(&h, m.module, m.function, args), TERM_NIL);
        m = (Mfa){am_erts_internal, am_spawn_init, 1};
    }
    if (ref == TERM_NONE) ref = heap_new_ref(&h, parent->vm);
    term_t mfa = heap_tuple3(&h, m.module, m.function, term_small((int64_t)m.arity));
    term_t e[8] = {am_spawn_request, ref, parent->id, parent->group_leader, mfa, o->options,
                   o->is_request ? o->reply_tag : am_spawn_reply, args};
    term_t request = heap_tuple(&h, ARRAY_LEN(e), e);
    parent->vm->procs->trace_ops->seq_send(parent, child->id, request);
    child->seq_token = term_copy(&child->heap, parent->seq_token);
    tell_received(child, request);
    if (!o->is_request) imagine_reply(parent, child, &h, ref);
    heap_dispose(&h);
}

/* The token as it was before the second message. */
static term_t token_before(Heap *h, term_t token)
{
    term_t e[5];
    for (size_t i = 0; i < ARRAY_LEN(e); i++) e[i] = term_copy(h, tuple_element(token, i + 1));
    e[2] = term_small(small_value(e[2]) - 1);
    return heap_tuple(h, ARRAY_LEN(e), e);
}

void seq_token_spawn_remote(Process *child, const RemoteSpawn *r)
{
    Heap h = {0};
    term_t e[6] = {am_spawn_request, r->ref, r->parent, r->group_leader, r->mfa, r->options};
    child->seq_token = token_before(&child->heap, r->token);
    tell_received(child, heap_tuple(&h, ARRAY_LEN(e), e));
    heap_dispose(&h);
}
