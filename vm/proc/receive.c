/* SPDX-License-Identifier: Apache-2.0 */
/* receive - the receiving half of the message queue; see receive.h.
 * The position `save` is the link that leads to the current message, so that a message can be taken
 * out of the middle in O(1). Markers are such links too: taking out the message that holds the link
 * moves them to the link before. The last link of the list is always a valid position: a message
 * that arrives later will hang there.
 * Layer: proc. */
#include "proc/receive.h"

#include "base/alloc.h"
#include "proc/signal.h"
#include "proc/timer.h"
#include "proc/saved_calls.h"
#include "proc/seq_token.h"
#include "term/boxed.h"

Signal *receive_peek_slow(Process *p)
{
    SigQueue *q = &p->sigq;
    while (process_state(p) & PS_SIGNALS) {
        int32_t budget = p->reds;
        bool alive = signal_fetch_handle(p, &budget);
        p->reds = MAX(budget, 0);
        if (!alive) return RECEIVE_DEAD;
        if (process_state(p) & PS_SUSPENDED) return NULL; /* the wait instruction lets it sleep */
        if (*q->save || p->reds == 0) break;
    }
    return *q->save;
}

static void markers_moved(struct RecvMarkers *markers, Signal **from, Signal **to);

void receive_remove(Process *p)
{
    SigQueue *q = &p->sigq;
    Signal *m = *q->save;
    if (UNLIKELY(m == NULL || m->kind != SIG_MESSAGE)) return; /* code that has not looked at one */
    if (UNLIKELY(p->saved_calls != NULL)) saved_calls_add_atom(p, am_receive);
    *q->save = m->next;
    if (q->msg_last == &m->next) q->msg_last = q->save;
    if (q->markers) markers_moved(q->markers, &m->next, q->save);
    q->msg_len--;
    q->msg_words -= MIN(q->msg_words, m->piece.words); /* copied literals may have made it grow */
    add_owned(&q->removed, 1);
    q->save = &q->msg_first;
    heap_piece_adopt(&p->heap, &m->piece);
    if (UNLIKELY(m->token != p->seq_token)) seq_token_take(p, m);
    signal_free(m);
    receive_timer_clear(p);
}

enum ReceiveWait receive_wait(Process *p)
{
    p->flags &= ~PF_IN_RECEIVE;
    Signal *m = receive_peek_slow(p);
    if (m == RECEIVE_DEAD) return RECEIVE_EXIT;
    if (process_state(p) & PS_SUSPENDED || (!m && process_state(p) & PS_SIGNALS)) {
        /* Not asleep for want of a message: look again when resumed, or in the next slice. */
        or_acq_rel(&p->state, PS_RUNNABLE);
        return RECEIVE_SLEEP;
    }
    if (m) return RECEIVE_LOOP;
    p->flags |= PF_IN_RECEIVE;
    return RECEIVE_SLEEP;
}

/* Without clauses no message matters: they are passed over. */
static enum ReceiveWait wait_for(Process *p, bool clauses)
{
    enum ReceiveWait r;
    do {
        if (!clauses) p->sigq.save = p->sigq.msg_last;
        r = receive_wait(p);
    } while (r == RECEIVE_LOOP && !clauses);
    return r;
}

/* Executed again after a sleep: the operand may be gone (an x register), so it is not looked at. */
static enum ReceiveWait wait_resumed(Process *p, bool clauses)
{
    p->flags &= ~PF_WAIT_RESUMED;
    enum ReceiveWait r = wait_for(p, clauses);
    if (r != RECEIVE_SLEEP) return r;
    if (p->flags & PF_IN_RECEIVE && p->flags & PF_TIMER_SET && receive_timer_fired(p)) {
        p->flags &= ~PF_IN_RECEIVE;
        return RECEIVE_TIMEOUT;
    }
    p->flags |= PF_WAIT_RESUMED;
    return RECEIVE_SLEEP;
}

static enum ReceiveWait wait_timeout(Process *p, term_t timeout, bool clauses)
{
    if (p->flags & PF_WAIT_RESUMED) return wait_resumed(p, clauses);
    uint64_t ms = 0;
    bool forever = timeout == am_infinity;
    if (!forever && !receive_timeout_value(timeout, &ms)) {
        receive_timeout(p); /* the receive is over; the next one starts at the front */
        return RECEIVE_BAD;
    }
    enum ReceiveWait r = wait_for(p, clauses);
    if (r != RECEIVE_SLEEP) return r;
    bool empty = p->flags & PF_IN_RECEIVE;
    if (empty && !forever && (ms == 0 || receive_timer_fired(p))) {
        p->flags &= ~PF_IN_RECEIVE;
        return RECEIVE_TIMEOUT;
    }
    if (!forever) receive_timer_set(p, ms);
    p->flags |= PF_WAIT_RESUMED;
    return RECEIVE_SLEEP;
}

enum ReceiveWait receive_wait_timeout(Process *p, term_t timeout) { return wait_timeout(p, timeout, true); }
enum ReceiveWait receive_sleep(Process *p, term_t timeout) { return wait_timeout(p, timeout, false); }

void receive_timeout(Process *p)
{
    if (UNLIKELY(p->trace != NULL)) p->vm->procs->trace_ops->receive(p, TERM_NONE, am_timeout);
    if (UNLIKELY(p->saved_calls != NULL)) saved_calls_add_atom(p, am_timeout);
    p->sigq.save = &p->sigq.msg_first;
    receive_timer_clear(p);
}

bool receive_hibernate_ready(Process *p)
{
    p->sigq.save = &p->sigq.msg_first;
    enum ReceiveWait r = receive_wait(p);
    return r != RECEIVE_SLEEP;
}

void receive_each_message(Process *p, void (*fn)(Signal *m, void *ctx), void *ctx)
{
    for (Signal *m = p->sigq.msg_first; m; m = m->next)
        if (m->kind == SIG_MESSAGE) fn(m, ctx);
}

/* ---- markers ---- */

#define MARKERS 8
typedef struct Marker {
    RefNum ref;              /* valid when bound */
    Signal **position;       /* NULL: free */
    bool bound;
} Marker;
typedef struct RecvMarkers {
    Marker at[MARKERS];
    unsigned oldest;         /* taken when all are in use: a marker is only a hint */
} RecvMarkers;

size_t receive_markers_bytes(void) { return sizeof(RecvMarkers); }

static void markers_moved(RecvMarkers *markers, Signal **from, Signal **to)
{
    for (unsigned i = 0; i < MARKERS; i++)
        if (markers->at[i].position == from) markers->at[i].position = to;
}

static Marker *marker_of_ref(RecvMarkers *markers, term_t ref)
{
    if (!markers || !term_is_local_ref(ref)) return NULL;
    RefNum num = ref_num(ref);
    for (unsigned i = 0; i < MARKERS; i++) {
        Marker *m = &markers->at[i];
        if (m->position && m->bound && ref_num_eq(m->ref, num)) return m;
    }
    return NULL;
}

term_t receive_marker_reserve(Process *p)
{
    SigQueue *q = &p->sigq;
    if (!q->markers) q->markers = MEM_NEW(MSG, RecvMarkers);
    RecvMarkers *markers = q->markers;
    unsigned i = 0;
    while (i < MARKERS && markers->at[i].position) i++;
    if (i == MARKERS) {
        i = markers->oldest;
        markers->oldest = (i + 1) % MARKERS;
    }
    markers->at[i] = (Marker){.position = q->msg_last};
    return term_small(i);
}

static Marker *marker_of_number(Process *p, term_t marker)
{
    if (!p->sigq.markers || !term_is_small(marker)) return NULL;
    int64_t i = small_value(marker);
    return i >= 0 && i < MARKERS ? &p->sigq.markers->at[i] : NULL;
}

void receive_marker_bind(Process *p, term_t marker, term_t ref)
{
    Marker *m = marker_of_number(p, marker);
    if (!m || !m->position || m->bound || !term_is_local_ref(ref)) return;
    m->ref = ref_num(ref);
    m->bound = true;
}

void receive_marker_clear(Process *p, term_t marker_or_ref)
{
    Marker *m = marker_of_number(p, marker_or_ref);
    if (!m) m = marker_of_ref(p->sigq.markers, marker_or_ref);
    if (m) *m = (Marker){0};
}

void receive_marker_use(Process *p, term_t ref)
{
    Marker *m = marker_of_ref(p->sigq.markers, ref);
    if (m) p->sigq.save = m->position;
}
