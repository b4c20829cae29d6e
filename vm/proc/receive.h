/* SPDX-License-Identifier: Apache-2.0 */
/* receive - what the receive instructions call. The caller is the owner; terms of messages live in
 * their own fragments until receive_remove.
 *
 *   loop_rec F D        m = receive_peek(p);  NULL: jump F;  RECEIVE_DEAD: leave through process_exit;
 *                       else D = m->term
 *   loop_rec_end        receive_skip(p)                       remove_message   receive_remove(p)
 *   wait F              receive_wait(p)         LOOP: jump F (loop_rec); SLEEP: p->pc = this instruction,
 *                                               return RUN_WAIT; EXIT: leave through process_exit
 *   wait_timeout F T    receive_wait_timeout(p, T)   as wait; TIMEOUT: go on with the next instruction;
 *                                               BAD: raise timeout_value
 *   timeout             receive_timeout(p)
 *   recv_marker_reserve D   D = receive_marker_reserve(p)   (a small, or undefined)
 *   recv_marker_bind M R    recv_marker_clear M|R           recv_marker_use R
 * Both wait instructions are executed again when the process is woken, whatever woke it: they look
 * again. DEAD, EXIT: a signal has ended the process (PS_EXITING is set): no more user code.
 * None of these collects; handling signals may make fragments in p->heap grow. Layer: proc. */
#ifndef JOIST_PROC_RECEIVE_H
#define JOIST_PROC_RECEIVE_H

#include "proc/process.h"

#define RECEIVE_DEAD ((Signal *)(uintptr_t)8)
/* Message at the current position, fetching and handling signals when there is none yet. NULL: none. */
Signal *receive_peek_slow(Process *p);
static inline Signal *receive_peek(Process *p)
{
    Signal *m = *p->sigq.save;
    return LIKELY(m != NULL) ? m : receive_peek_slow(p);
}
/* The current message does not match: go to the next one. */
static inline void receive_skip(Process *p)
{
    if (LIKELY(*p->sigq.save != NULL)) p->sigq.save = &(*p->sigq.save)->next;
}
/* The current message matched: take it out, p's heap adopts its terms, the receive ends (position back
 * to the first message, timeout disarmed). */
void receive_remove(Process *p);

enum ReceiveWait { RECEIVE_LOOP, RECEIVE_SLEEP, RECEIVE_TIMEOUT, RECEIVE_BAD, RECEIVE_EXIT };
enum ReceiveWait receive_wait(Process *p);
/* timeout: the operand T as it is (integer, infinity or anything); not looked at after a sleep. */
enum ReceiveWait receive_wait_timeout(Process *p, term_t timeout);
/* The same for a receive without clauses, where no message matters (its label is the instruction itself). */
enum ReceiveWait receive_sleep(Process *p, term_t timeout);
/* The timeout is taken: position back to the first message. */
void receive_timeout(Process *p);

/* ---- markers: "messages that contain this reference can only be behind this point" ---- */
term_t receive_marker_reserve(Process *p);
void receive_marker_bind(Process *p, term_t marker, term_t ref);
void receive_marker_clear(Process *p, term_t marker_or_ref);
void receive_marker_use(Process *p, term_t ref);

/* hibernate: true when a message waits (then go on at once), false: sleep as after RECEIVE_SLEEP. */
bool receive_hibernate_ready(Process *p);

size_t receive_markers_bytes(void);

/* ---- for collectors and process_info ---- */
/* Calls fn for every message in the handled part, in order. */
void receive_each_message(Process *p, void (*fn)(Signal *m, void *ctx), void *ctx);

#endif
