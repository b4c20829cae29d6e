/* SPDX-License-Identifier: Apache-2.0 */
/* signal - sending and handling of everything that one process does to another.
 * Order:   signals from one sender to one receiver are handled in the order of sending, messages and
 *          others together. A sender that finds the receiver's queue closed (or no process at all) gets
 *          false and acts for the dead: signal_send_* with an answer do so themselves.
 * Death:   a process in EXITING still takes signals, but no messages; when its tables and names are gone it
 *          closes the queue and answers what is in it.
 * Threads: senders any (they hold `to` valid); handlers: the owner. Locks: PROC_SIGNALS inside.
 * Semantics: Erlang reference manual, "Signals", "Exit signals". Layer: proc. */
#ifndef JOIST_PROC_SIGNAL_H
#define JOIST_PROC_SIGNAL_H

#include "proc/process.h"

enum SignalKind {
#define SIGNAL(name, handler, text) SIG_##name,
#include "proc/signals.def"
#undef SIGNAL
    SIGNAL_KINDS
};

/* A signal that carries numbers besides (all kinds but plain messages may). */
typedef struct SignalX {
    Signal s;
    uint64_t id;             /* unlink id; LINK, MONITOR from another node: the connection */
    RefNum ref;              /* monitor or alias reference */
    term_t ref_words[ALIAS_REF_WORDS]; /* MONITOR, DEMONITOR: storage of s.term when it is local */
    term_t target;           /* MONITOR, MONITOR_DOWN: object the monitor names (pid, atom) */
    void (*fn)(Process *p, void *arg, bool dead); /* CALL */
    void *arg;
} SignalX;

Signal *signal_new(enum SignalKind kind, term_t from);
SignalX *signal_new_x(enum SignalKind kind, term_t from);
void signal_free(Signal *s);
/* Append and wake. False: the queue is closed; s stays the caller's. Messages to exiting processes are
 * dropped (true). */
bool signal_send(Process *to, Signal *s) MUST_CHECK;
/* Same by pid; false also when there is no such process. */
bool signal_send_pid(Vm *vm, term_t pid, Signal *s) MUST_CHECK;
/* Same for what `from`, the caller, is going to wait for: handled with its priority, if that is the higher one. */
bool signal_ask(Process *from, term_t pid, Signal *s) MUST_CHECK;

/* ---- sending ---- */
/* exit/2 to a local process. from: pid or port. The reason is copied. False: no such process. */
bool signal_send_exit(Vm *vm, term_t from, term_t to, term_t reason);
/* A link is broken: from (pid, port; local or not) has died. */
bool signal_send_link_exit(Vm *vm, term_t from, term_t to, term_t reason);
bool signal_send_link(Vm *vm, term_t from, term_t to);
/* The same from another node, over its connection `conn`. */
bool signal_send_remote_link(Vm *vm, term_t from, term_t to, uint32_t conn);
bool signal_send_unlink(Vm *vm, term_t from, term_t to, uint64_t id);
bool signal_send_unlink_ack(Vm *vm, term_t from, term_t to, uint64_t id);
/* from (a pid, local or not; ref its monitor reference, local or external) monitors local process `to`;
 * name: registered name it was found by, or TERM_NONE. */
bool signal_send_monitor(Vm *vm, term_t from, term_t to, term_t ref, term_t name);
/* The same from another node, over its connection `conn`. */
bool signal_send_remote_monitor(Vm *vm, term_t from, term_t to, term_t ref, term_t name, uint32_t conn);
bool signal_send_demonitor(Vm *vm, term_t from, term_t to, term_t ref);
/* From another node, with the sequential trace token that came along, or nil. */
bool signal_send_remote_exit(Vm *vm, term_t from, term_t to, term_t reason, term_t token, bool by_link);
/* The object monitored with local reference `ref` by local process `to` is down. Does nothing when that
 * monitor is no more. `from` orders it after earlier signals of the dead. */
bool signal_send_down(Vm *vm, term_t from, term_t to, RefNum ref, term_t reason);
/* fn(p, arg, false) in process `to` as a signal; (NULL, arg, true) runs at once or later when it is dead. */
void signal_send_call(Vm *vm, term_t from, term_t to, void (*fn)(Process *p, void *arg, bool dead),
                      void *arg);

/* ---- receiving: the owner ---- */
/* Move the in-queue to mid/msg and handle; stops early when the budget is used up (PS_SIGNALS stays set)
 * or when the process was killed. Returns false when it is now EXITING. */
bool signal_fetch_handle(Process *p, int32_t *reds);
/* Handle s, which is no message, as if it were the next one in the queue. */
void signal_apply(Process *p, Signal *s);
/* For a dying process: no more signals are accepted; then, as often as it takes, answer those in the queue
 * and free the messages. */
void signal_close(Process *p);
bool signal_answer_dead(Process *p, int32_t *reds);

/* ---- acting for the receiver ---- */
/* p is dead (reason) for the other end of a link: local pid, port or remote pid. */
void signal_link_exit_any(Process *p, term_t other, term_t reason);
/* p is down for a watcher, local or not; name: see signal_send_monitor. */
void signal_down_any(Process *p, term_t watcher, term_t ref, term_t name, term_t reason);

/* Put a message into p's own queue, as if just received. [owner] */
void message_deliver_self(Process *p, Signal *m);

#endif
