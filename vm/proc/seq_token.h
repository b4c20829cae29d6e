/* SPDX-License-Identifier: Apache-2.0 */
/* seq_token - the sequential trace token of a process on its way: with what the process sends, to the processes it
 * spawns. Callers have looked whether there is a token: these are for the rare case.
 * Semantics: seq_trace(3). Layer: proc. */
#ifndef JOIST_PROC_SEQ_TOKEN_H
#define JOIST_PROC_SEQ_TOKEN_H

#include "proc/spawn.h"

/* {Flags, Label, Serial, From, LastSerial}, whatever another node has sent. */
static inline bool seq_token_is_valid(term_t t)
{
    return term_is_tuple_of(t, 5) && term_is_small(tuple_element(t, 1)) && term_is_small(tuple_element(t, 3))
           && term_is_small(tuple_element(t, 5));
}

/* from, which has a token, sends s: the token gets a new number and goes along. message: what the tracer is told. */
void seq_token_put(Process *from, Signal *s, term_t to, term_t message);
/* Send a term already built in `heap` (fragment-only; emptied), a message of the process like that of erlang:send/2. */
void seq_token_send(Process *from, Process *to, term_t term, Heap *heap);
/* p takes m out of its queue. The token is in p's heap already. */
void seq_token_take(Process *p, const Signal *m);
/* The child of a parent with a token gets it as with a message; when nobody asked for a reply, one is imagined.
 * ref: TERM_NONE when the spawn made none. */
void seq_token_spawn(Process *parent, Process *child, const SpawnOptions *o, term_t ref, term_t args);
/* The same for a child of another node, whose token counts two messages: the request, and the arguments. */
void seq_token_spawn_remote(Process *child, const RemoteSpawn *r);

#endif
