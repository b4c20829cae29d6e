/* SPDX-License-Identifier: Apache-2.0 */
/* poll - which descriptors the VM waits for. A scheduler that runs dry waits in the kernel for all of
 * them; busy ones look now and then.
 * Interest is one-shot: after `ready` was called nothing more is reported until poll_add is
 * called again. So no descriptor can keep a scheduler spinning.
 * A PollFd is embedded in its owner (a port, a socket) and must stay valid until poll_remove has
 * returned and the present slice is over (free it through the epoch).
 * Threads: any; `ready` runs on a scheduler between slices, never twice at once for one PollFd.
 * Layer: sched. */
#ifndef JOIST_SCHED_POLL_H
#define JOIST_SCHED_POLL_H

#include "base/vm.h"
#include "base/lock.h"

enum { POLL_READ = 1, POLL_WRITE = 2, POLL_ERROR = 4, POLL_HANGUP = 8 };

typedef struct PollFd {
    int fd;
    uint32_t want;             /* POLL lock: POLL_READ | POLL_WRITE still to be reported */
    bool registered;           /* POLL lock: known to the kernel */
    bool is_file;              /* POLL lock: regular file, which the kernel cannot poll: always ready */
    uint64_t serial;           /* POLL lock: finds stale events of an earlier user of the number */
    void *owner;
    /* Called with the events that happened; those are no longer wanted. Short: typically task_schedule. */
    void (*ready)(struct PollFd *pf, uint32_t events);
} PollFd;

static inline void pollfd_init(PollFd *pf, int fd, void (*ready)(PollFd *, uint32_t), void *owner)
{
    *pf = (PollFd){.fd = fd, .owner = owner, .ready = ready};
}
/* Want `events` in addition to what is wanted already. 0 or errno. */
int poll_add(Vm *vm, PollFd *pf, uint32_t events);
/* No longer want these events. */
void poll_drop(Vm *vm, PollFd *pf, uint32_t events);
/* Forget the descriptor; call before close. After return `ready` is not called again, except by a
 * call that is in progress on another scheduler. */
void poll_remove(Vm *vm, PollFd *pf);
/* Descriptors with wanted events. */
size_t poll_count(Vm *vm);
typedef struct PollInfo {
    size_t bytes;              /* of the table */
    size_t known;              /* descriptors that the kernel knows of, with the set's own */
    size_t active;             /* events that are being reported at this moment */
    int64_t max_fds;           /* that the program may have open */
} PollInfo;
PollInfo poll_info(Vm *vm);

#endif
