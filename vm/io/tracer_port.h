/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_port - ports as tracers: trace events in the external format, as commands of nobody.
 *
 *   event --push--> Port.told --drain, under the port's lock--> the driver's output
 *
 * Who tells an event drains as well, and so waits while the driver is slow: traced processes do not run away from
 * their tracer. A thread that has a port locked already (the traced one, or the tracer itself) may wait for no
 * other: it leaves the draining to a job. Events reach the driver in the order in which they were pushed, whoever
 * drains, so those of one process keep theirs; trace_delivered/1 comes after the jobs that were there before it.
 * Layer: io. */
#ifndef JOIST_IO_TRACER_PORT_H
#define JOIST_IO_TRACER_PORT_H

#include "io/port.h"

/* TraceSpace.port_tell: takes the bytes. False: the port is not open. No lock of a class after PORT is held. */
bool tracer_port_tell(Vm *vm, term_t id, const void *bytes, size_t n);
/* The port is gone: what was not delivered is lost. */
void tracer_port_forget(Port *port);

#endif
