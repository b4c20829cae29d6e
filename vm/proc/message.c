/* SPDX-License-Identifier: Apache-2.0 */
/* message - building and sending of messages; destinations of all kinds. See message.h.
 * Layer: proc. */
#include "proc/message.h"

#include "base/alloc.h"
#include "data/node.h"
#include "proc/procops.h"
#include "proc/receive.h"
#include "proc/registry.h"
#include "proc/seq_token.h"
#include "proc/signal.h"

/* ---- pieces ---- */

HeapPiece heap_piece_take(Heap *h)
{
    ASSERT(h->start == NULL);
    HeapPiece piece = {h->frags, h->off_heap, (uint32_t)MIN(h->frag_words, UINT32_MAX),
                       (uint32_t)MIN(h->off_heap_words, UINT32_MAX)};
    *h = (Heap){0};
    return piece;
}

static size_t frags_words(const HeapPiece *piece)
{
    if (LIKELY(piece->words != UINT32_MAX)) return piece->words;
    size_t words = 0;
    for (const HeapFrag *f = piece->frags; f; f = f->next) words += f->used;
    return words;
}

void heap_piece_adopt(Heap *h, HeapPiece *piece)
{
    if (!piece->frags && !piece->off_heap) return;
    Heap from = {.frags = piece->frags, .frag_words = frags_words(piece),
                 .off_heap = piece->off_heap, .off_heap_words = piece->off_heap_words};
    *piece = (HeapPiece){0};
    heap_adopt(h, &from);
}

void heap_piece_dispose(HeapPiece *piece)
{
    if (!piece->frags && !piece->off_heap) return;
    Heap h = {.frags = piece->frags, .off_heap = piece->off_heap, .frag_words = frags_words(piece)};
    *piece = (HeapPiece){0};
    heap_dispose(&h);
}

static ALWAYS_INLINE term_t piece_copy(HeapPiece *piece, term_t t, term_t (*copy)(Heap *h, term_t t))
{
    if (term_is_immed(t) || t == TERM_NONE) return t;
    Heap h = {0};
    heap_piece_adopt(&h, piece);
    t = copy(&h, t);
    *piece = heap_piece_take(&h);
    return t;
}

term_t heap_piece_copy(HeapPiece *piece, term_t t) { return piece_copy(piece, t, term_copy); }
term_t heap_piece_copy_all(HeapPiece *piece, term_t t) { return piece_copy(piece, t, term_copy_all); }

term_t heap_piece_copy_ref(HeapPiece *piece, term_t words[ALIAS_REF_WORDS], term_t ref)
{
    if (!term_is_local_ref(ref) || ref_is_magic(ref)) return heap_piece_copy_all(piece, ref);
    memcpy(words, boxed_ptr(ref), boxed_words(boxed_ptr(ref)) * sizeof(term_t));
    return term_make_boxed(words);
}

/* ---- local receivers ---- */

/* A large copy is not interrupted: the sender pays for it. */
static void charge_copy(Process *from, const Signal *s)
{
    size_t words = s->piece.frags ? s->piece.frags->words : 0;
    if (UNLIKELY(words >= COPIED_WORDS_PER_RED)) process_charge(from, words / COPIED_WORDS_PER_RED);
}

/* The token gets a new serial number for each message. */
static void copy_token(Signal *s, Process *from, term_t to)
{
    if (UNLIKELY(from->seq_token != TERM_NIL)) seq_token_put(from, s, to, s->term);
}

void message_send(Process *from, Process *to, term_t term)
{
    if (process_is_exiting(to)) return;
    Signal *s = signal_new(SIG_MESSAGE, from->id);
    s->term = heap_piece_copy(&s->piece, term);
    charge_copy(from, s);
    copy_token(s, from, to->id);
    if (!signal_send(to, s)) signal_free(s);
}

void message_send_heap(Vm *vm UNUSED, term_t from, Process *to, term_t term, Heap *heap)
{
    Signal *s = signal_new(SIG_MESSAGE, term_is_immed(from) ? from : TERM_NIL);
    s->term = term;
    s->token = am_undefined;
    s->piece = heap_piece_take(heap);
    if (!signal_send(to, s)) signal_free(s);
}

bool message_send_to(Vm *vm, term_t from, term_t to, term_t term)
{
    if (term_is_atom(to)) to = registry_find(vm, to);
    if (!term_is_local_pid(to)) return false;
    Process *p = process_lookup_alive(vm, to);
    if (!p) return false;
    Heap h = {0};
    term = term_copy(&h, term);
    message_send_heap(vm, from, p, term, &h);
    return true;
}

void message_answer(Vm *vm, term_t from, term_t to, term_t ref, term_t result)
{
    Process *p = process_lookup(vm, to);
    if (!p) return;
    Heap h = {0};
    ref = term_copy(&h, ref);
    result = term_copy(&h, result);
    message_send_heap(vm, from, p, heap_tuple2(&h, ref, result), &h);
}

/* Dropped by the owner unless the alias is active. */
static void send_alias(Process *from, term_t alias, term_t term)
{
    Process *to = process_lookup_alive(from->vm, alias_ref_pid(alias));
    if (!to) return;
    SignalX *x = signal_new_x(SIG_ALIAS_MESSAGE, from->id);
    x->ref = ref_num(alias);
    x->s.term = heap_piece_copy(&x->s.piece, term);
    copy_token(&x->s, from, alias);
    if (!signal_send(to, &x->s)) signal_free(&x->s);
}

/* ---- any receiver ---- */

static term_t send_error(Process *p, uint32_t reason)
{
    p->freason = reason;
    p->fcause = TERM_NONE;
    return TERM_NONE;
}

static void trace_send(Process *p, term_t to, term_t msg, bool exists)
{
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->send(p, to, msg, exists);
}

static term_t send_pid(Process *p, term_t to, term_t msg)
{
    Process *receiver = process_lookup(p->vm, to);
    trace_send(p, to, msg, receiver != NULL);
    if (receiver) message_send(p, receiver, msg);
    return am_ok;
}

static term_t send_port(Process *p, term_t id, term_t msg, uint32_t flags)
{
    const ProcPortOps *ops = p->vm->procs->port_ops;
    if (!ops) return am_ok;
    if (UNLIKELY(p->trace != NULL) && ops->exists(p->vm, id)) trace_send(p, id, msg, true);
    return ops->send(p, id, msg, flags & REMOTE_NOSUSPEND);
}

static term_t send_local_name(Process *p, term_t name, term_t id, term_t msg, uint32_t flags)
{
    if (term_is_local_pid(id)) {
        Process *receiver = process_lookup(p->vm, id);
        trace_send(p, name, msg, true);
        if (receiver) message_send(p, receiver, msg);
        return am_ok;
    }
    return send_port(p, id, msg, flags);
}

static term_t remote_outcome(Process *p, enum RemoteResult r, uint32_t flags)
{
    switch (r) {
    case REMOTE_SENT: return am_ok;
    case REMOTE_NO_CONNECTION: return flags & REMOTE_NOCONNECT ? am_noconnect : am_ok;
    case REMOTE_BUSY:
        if (flags & REMOTE_NOSUSPEND) return am_nosuspend;
        return send_error(p, EXC_WAIT);
    case REMOTE_YIELD: return send_error(p, EXC_YIELD);
    case REMOTE_TOO_LARGE: return send_error(p, EXC_SYSTEM_LIMIT);
    }
    NOT_REACHED();
}

static term_t send_remote(Process *p, term_t to, term_t msg, uint32_t flags)
{
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    Node *node = ext_ptr(to)->node;
    if (!ops || node->name == node_self_name(p->vm)) return am_ok; /* an earlier life of this node */
    trace_send(p, to, msg, true);
    return remote_outcome(p, ops->send(p, to, msg, flags), flags);
}

static term_t send_name_node(Process *p, term_t to, term_t msg, uint32_t flags)
{
    term_t name = tuple_element(to, 1), node = tuple_element(to, 2);
    if (!term_is_atom(name) || !term_is_atom(node)) return send_error(p, EXC_BADARG);
    if (node == node_self_name(p->vm)) {
        term_t id = registry_find(p->vm, name);
        return id == TERM_NONE ? am_ok : send_local_name(p, to, id, msg, flags);
    }
    const ProcRemoteOps *ops = p->vm->procs->remote_ops;
    if (!ops) return am_ok;
    trace_send(p, to, msg, true);
    return remote_outcome(p, ops->send_name(p, name, node, msg, flags), flags);
}

static term_t send_ref(Process *p, term_t to, term_t msg)
{
    if (ref_is_alias(to)) {
        trace_send(p, to, msg, true);
        send_alias(p, to, msg);
    }
    return am_ok;
}

term_t message_send_opt(Process *p, term_t to, term_t msg, uint32_t flags)
{
    if (LIKELY(term_is_local_pid(to))) return send_pid(p, to, msg);
    if (term_is_atom(to)) {
        term_t id = registry_find(p->vm, to);
        if (id == TERM_NONE) {
            trace_send(p, to, msg, true);
            return send_error(p, EXC_BADARG);
        }
        return send_local_name(p, to, id, msg, flags);
    }
    if (term_is_tuple_of(to, 2)) return send_name_node(p, to, msg, flags);
    if (term_is_local_ref(to)) return send_ref(p, to, msg);
    if (term_is_local_port(to)) return send_port(p, to, msg, flags);
    if (term_is_ext_pid(to) || term_is_ext_ref(to)) return send_remote(p, to, msg, flags);
    if (term_is_ext_port(to)) return am_ok;
    return send_error(p, EXC_BADARG);
}

term_t message_send_any(Process *p, term_t to, term_t msg)
{
    return message_send_opt(p, to, msg, 0) == TERM_NONE ? TERM_NONE : msg;
}

/* ---- the queue as a whole ---- */

/* `handled` is read first: what is handled later can only make the counts differ, never agree by chance. */
bool message_queue_len_of_other(Process *p, size_t *len)
{
    SigQueue *q = &p->sigq;
    uint32_t handled = load_acquire(&q->handled), removed = load_relaxed(&q->removed);
    mutex_lock(&p->sig_lock);
    uint32_t messages = q->came_messages, others = q->came_others;
    mutex_unlock(&p->sig_lock);
    if (handled != others) return false;
    int32_t n = (int32_t)(messages + load_relaxed(&q->made) - removed);
    *len = n > 0 ? (size_t)n : 0;
    return true;
}

static void free_chain(Signal *s)
{
    for (Signal *next; s; s = next) {
        next = s->next;
        signal_free(s);
    }
}

void message_queue_dispose(Process *p)
{
    SigQueue *q = &p->sigq;
    free_chain(q->in_first);
    free_chain(q->mid_first);
    free_chain(q->msg_first);
    if (q->markers) mem_free(MEM_MSG, q->markers, receive_markers_bytes());
    *q = (SigQueue){.closed = true};
    q->in_last = &q->in_first;
    q->mid_last = &q->mid_first;
    q->msg_last = &q->msg_first;
    q->save = &q->msg_first;
}
