/* SPDX-License-Identifier: Apache-2.0 */
/* child - starting programs and learning of their end.
 * A child is started with vfork, so neither the size of the VM nor its threads matter, and waited
 * for through a pidfd in the poll set: no SIGCHLD handler, no zombies, no race on process numbers.
 * It leads a session of its own, so that a Ctrl-C for the VM is not one for it, and ignores SIGPIPE
 * and SIGFPE, as the reference leaves them.
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

void child_init(Vm *vm);
/* Start; *pid. 0 or errno (of exec too). `ended` is called once, on a scheduler, with the wait status
 * as a shell would report it: exit code, or 128 + signal. */
int child_start(Vm *vm, const ChildSpec *spec, int64_t *pid,
                void (*ended)(Vm *vm, uint64_t key, int status), uint64_t key);

/* True for a program that was started here, once: its SIGCHLD is not the program's business. (The
 * reference starts programs from a process of its own and gets no SIGCHLD for them at all.) */
bool child_forget(Vm *vm, int64_t pid);

#endif
