/* SPDX-License-Identifier: Apache-2.0 */
/* message - messages and the signal queue of a process.
 *
 *   senders --append--> [in] --fetch--> [mid] --handle--> [msg] --receive--> program
 *            sig_lock           owner           owner
 *
 * All that one process does to another is a Signal in the receiver's in-queue: order between a pair
 * is kept for all kinds together (Erlang reference manual, "Signals"). The receiver fetches the
 * in-queue under sig_lock, handles non-message signals in order (signal.h), and leaves messages in
 * `msg`. A message term is built by the sender in fragments of its own, which the receiver adopts
 * when the message is removed from the queue (receive.h).
 * Threads: sending any; everything else the owner. Locks: PROC_SIGNALS, inside.
 * Layer: proc. */
#ifndef JOIST_PROC_MESSAGE_H
#define JOIST_PROC_MESSAGE_H

#include "heap/heap.h"

/* What a fragment-only Heap holds, at rest: terms that wait outside of any process's heap. */
typedef struct HeapPiece {
    HeapFrag *frags;
    OffHeap *off_heap;
    uint32_t words, off_heap_words;
} HeapPiece;
/* Take everything out of h, which is fragment-only and empty afterwards. */
HeapPiece heap_piece_take(Heap *h);
/* Give the piece to a heap (the piece is empty afterwards). */
void heap_piece_adopt(Heap *h, HeapPiece *piece);
void heap_piece_dispose(HeapPiece *piece);
/* Deep copy of t into a piece: by term_copy, for a signal, and by term_copy_all, for what is kept outside of heaps and
 * queues (see heap/heap.h). */
term_t heap_piece_copy(HeapPiece *piece, term_t t);
term_t heap_piece_copy_all(HeapPiece *piece, term_t t);
/* Copy of a reference: into `words` if it is local and not magic, which saves an allocation; else into
 * the piece. The term is valid as long as both stay where they are. */
term_t heap_piece_copy_ref(HeapPiece *piece, term_t words[ALIAS_REF_WORDS], term_t ref);

typedef struct Signal {
    struct Signal *next;
    uint16_t kind;           /* enum SignalKind of signal.h; 0 = SIG_MESSAGE */
    uint16_t flags;
    uint32_t aux;            /* use depends on kind */
    term_t from;             /* sender: local pid, port, node name; term in `piece` if boxed */
    term_t term;             /* message, or payload of another kind */
    term_t token;            /* sequential trace token, nil, or undefined: the receiver keeps its own */
    HeapPiece piece;         /* owns what the terms above point to */
} Signal;

typedef struct SigQueue {
    Signal *in_first, **in_last;    /* sig_lock */
    Signal *mid_first, **mid_last;  /* owner: fetched, not yet handled */
    Signal *msg_first, **msg_last;  /* owner: messages in order */
    Signal **save;                  /* owner: receive's current position in messages */
    uint32_t in_len;                /* sig_lock: messages in the in-queue */
    uint32_t in_others : 31;        /* sig_lock: other signals in the in-queue */
    uint32_t closed : 1;            /* sig_lock: the process is past the point of answering */
    uint32_t msg_len;               /* owner */
    uint32_t in_words;              /* sig_lock: of the messages in the in-queue */
    uint32_t msg_words;             /* owner: of the messages in msg */
    /* For message_queue_len_of_other: what came in ever, by kind, and what the owner has done with it.
     * They wrap; only differences count. */
    uint32_t came_messages, came_others;             /* sig_lock */
    _Atomic(uint32_t) made, removed, handled;        /* written by the owner, relaxed */
    struct RecvMarkers *markers;    /* owner: receive.h; NULL: none */
} SigQueue;

struct Process;
struct Vm;

/* Send `term` (copied) from process `from` to local process `to`; wakes it. Silently dropped when `to`
 * is exiting. Caller must hold `to` valid (see process_lookup). */
void message_send(struct Process *from, struct Process *to, term_t term);
/* Send a term already built in `heap` (fragment-only; emptied) on behalf of `from` (a pid, port or atom). It is a
 * message of the system: no sequential trace token goes along, and the receiver keeps its own. */
void message_send_heap(struct Vm *vm, term_t from, struct Process *to, term_t term, Heap *heap);
/* Send a copy of term to a local pid or registered name (process or nothing), from outside of any
 * process, e.g. a timer or a driver. False: no such process. */
bool message_send_to(struct Vm *vm, term_t from, term_t to, term_t term);
/* Answer a request: {ref, result}, copied, to the local process `to`, if there is one. */
void message_answer(struct Vm *vm, term_t from, term_t to, term_t ref, term_t result);
/* erlang:send/2 semantics for any destination (pid, registered name, {name,node}, port, alias).
 * Returns the message, or TERM_NONE with p->freason set (may be a trap). */
term_t message_send_any(struct Process *p, term_t to, term_t msg);
/* Same with REMOTE_NOCONNECT, REMOTE_NOSUSPEND: ok, noconnect or nosuspend, or TERM_NONE. */
term_t message_send_opt(struct Process *p, term_t to, term_t msg, uint32_t flags);

/* Any thread that holds p valid: messages in all parts of the queue, without asking p; false when signals other
 * than messages wait, whose effect on the queue is not known. */
bool message_queue_len_of_other(struct Process *p, size_t *len);
/* Forget every message and signal of p (it is being freed). */
void message_queue_dispose(struct Process *p);

#endif
