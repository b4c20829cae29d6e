/* SPDX-License-Identifier: Apache-2.0 */
/* child - starting programs and learning of their end.
 * A child is started with vfork, so neither the size of the VM nor its threads matter, and waited
 * for through a pidfd in the poll set: no SIGCHLD handler, no zombies, no race on process numbers.
 * Layer: io. */
#ifndef JOIST_IO_CHILD_H
#define JOIST_IO_CHILD_H

#include "sched/poll.h"

typedef struct ChildSpec {
    const char *file;        /* absolute, or found by its directory */
    char *const *argv;
    char *const *envp;
    const char *cwd;         /* NULL: stay */
    const char *title;       /* for the message about a failing cd */
    int fd_in, fd_out;       /* become descriptors 0 and 1 (or 3 and 4); -1: keep */
    bool use_stdio;
    bool stderr_to_stdout;
} ChildSpec;

/* Start; *pid. 0 or errno (of exec too). `ended` is called once, on a scheduler, with the wait status
 * as a shell would report it: exit code, or 128 + signal. */
int child_start(Vm *vm, const ChildSpec *spec, int64_t *pid,
                void (*ended)(Vm *vm, uint64_t key, int status), uint64_t key);

#endif
