/* SPDX-License-Identifier: Apache-2.0 */
/* port_queue - commands sent to a port while another thread is inside its driver: they are kept with the port, and
 * their sender goes on. Whoever has the port locked next carries them out first, so what one process asks of a port
 * keeps its order; if nobody comes, the port's task does, for a time slice at a time. When the port turns busy, they
 * wait until it no longer is, and so do their senders when they ask for more; their exit signals go into the queue.
 * Only ports with a lock of their own take commands in, and only drivers that need not look at the sender.
 * Locks: PORT for all but port_queue_command. Semantics: "Ports and Port Drivers" of the reference manual;
 * busy_limits_msgq of open_port/2. Layer: io. */
#ifndef JOIST_IO_PORT_QUEUE_H
#define JOIST_IO_PORT_QUEUE_H

#include "io/port.h"

/* Send msg to a port that another thread has locked. False: not taken in, wait for the lock. The caller holds the port
 * valid and has it not locked. */
bool port_queue_command(Port *port, Process *p, term_t msg);
/* Something that this process has sent waits. */
bool port_queue_holds(Port *port, term_t from);
/* Queue an exit signal, if something of the same process waits. */
bool port_queue_exit_behind(Port *port, term_t from, term_t reason, bool by_link);
static inline bool port_queue_is_empty(Port *port)
{
    return !port->queued && atomic_stack_is_empty(&port->asked);
}
/* Carry out what is there: all, or as much as a time slice allows. */
void port_queue_run(Port *port, bool all);
/* The port is gone. */
void port_queue_forget(Port *port);

#endif
