/* SPDX-License-Identifier: Apache-2.0 */
/* profile - system_profile/2: who can run, told to a profiler.
 *
 *   processes   {profile, Pid, active | inactive, Mfa, Time}      queued; waits, or 0 for Mfa: has ended
 *   ports       {profile, Port, active | inactive, 0, Time}       is asked for something, or ready; done
 *   schedulers  {profile, scheduler, Id, active | inactive, N, Time}   N of them are active
 *   exclusive   a process that asks a port for something is inactive meanwhile
 *
 * Processes carry PS_PROFILED while they are profiled, so that queueing them looks once at the state word, as it does
 * anyway; slices go through a function of ours in place of the interpreter's. An event is built where it
 * happens, under whatever locks, and pushed; the beginnings and ends of slices send what there is, in order.
 * Semantics: erlang(3) system_profile/2. Layer: trace. */
#ifndef JOIST_TRACE_PROFILE_H
#define JOIST_TRACE_PROFILE_H

#include "trace/trace.h"

#define PROFILE_PORTS 0x1u
#define PROFILE_PROCS 0x2u
#define PROFILE_SCHEDULERS 0x4u
#define PROFILE_EXCLUSIVE 0x8u
#define PROFILE_STAMPS_SHIFT 4 /* timestamp, monotonic_timestamp, strict_monotonic_timestamp */

/* Caller: a native. False: slices are watched from now on, but the present one is not: call again in the next. */
bool profile_prepare(Vm *vm);
/* Caller: a native. Nobody is told any more, or `to` of what flags (PROFILE_*) say. */
void profile_start(Vm *vm, term_t to, uint32_t flags);
/* Send what has happened so far. No locks are held. */
void profile_flush(Vm *vm);
/* p is about to be queued for the first time. */
void profile_spawned(Process *p);
/* A port begins or ends what it is asked for by p (NULL: by its descriptor, or later); called if profile_wants. */
void profile_port(Vm *vm, term_t port, Process *p, bool active);
static inline bool profile_wants_ports(Vm *vm)
{
    return UNLIKELY((load_relaxed(&trace_space(vm)->profile_flags) & (PROFILE_PORTS | PROFILE_EXCLUSIVE)) != 0);
}

#endif
