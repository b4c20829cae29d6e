/* SPDX-License-Identifier: Apache-2.0 */
/* child - see child.h. Between vfork and exec only async-signal-safe calls are made, and only local
 * variables written, since memory is the parent's. Layer: io. */
#include "io/child.h"

#include "base/alloc.h"
#include "base/epoch.h"
#include "io/drv.h"
#include "sched/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Child {
    Vm *vm;
    PollFd poll;             /* on the pidfd */
    void (*ended)(Vm *vm, uint64_t key, int status);
    uint64_t key;
    pid_t pid;
    EpochNode free_later;
} Child;

static void child_free(void *arg)
{
    Child *c = arg;
    MEM_DELETE(PORT, c);
}

static int shell_status(int status)
{
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 255;
}

static void on_end(PollFd *pf, uint32_t events UNUSED)
{
    Child *c = pf->owner;
    int status = 0;
    pid_t r;
    do r = waitpid(c->pid, &status, WNOHANG);
    while (r < 0 && errno == EINTR);
    if (r == 0) {
        poll_add(c->vm, pf, POLL_READ);
        return;
    }
    poll_remove(c->vm, pf);
    close(pf->fd);
    c->ended(c->vm, c->key, r < 0 ? 255 : shell_status(status));
    epoch_defer(c->vm->epoch, &c->free_later, child_free, c);
}

/* Put fd at number `to`; -1 keeps what is there. */
static void place(int fd, int to)
{
    if (fd < 0) return;
    if (fd == to) fcntl(fd, F_SETFD, 0);
    else dup2(fd, to);
}

static void say(const char *text)
{
    ssize_t n UNUSED = write(2, text, strlen(text));
}

/* ---- whose SIGCHLD ---- */

/* Numbers of children by their remainder; a child writes its own, before it can end. One that is
 * overwritten by a later child is only taken for a stranger's. */
enum { CHILD_SLOTS = 8192 };

static atomic_u32_t *child_slot(Vm *vm, int64_t pid) { return &vm->io->children[pid % CHILD_SLOTS]; }

bool child_forget(Vm *vm, int64_t pid)
{
    uint32_t number = (uint32_t)pid;
    return atomic_compare_exchange_strong(child_slot(vm, pid), &number, 0);
}

void child_init(Vm *vm)
{
    vm->io->children = mem_alloc_zero(MEM_PORT, CHILD_SLOTS * sizeof *vm->io->children);
}

/* A program that cannot be executed is one that ends at once, with the error as its status. */
NORETURN static void run_child(Vm *vm, const ChildSpec *s)
{
    pid_t self = getpid();
    atomic_store(child_slot(vm, self), (uint32_t)self);
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++) sigaction(i, &standard, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGFPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    place(s->fd_in, s->use_stdio ? 0 : 3);
    place(s->fd_out, s->use_stdio ? 1 : 4);
    if (s->stderr_to_stdout) dup2(1, 2);
    if (s->cwd && chdir(s->cwd) != 0) {
        say("spawn: Could not cd to ");
        say(s->cwd);
        say("\n");
        _exit(2);
    }
    syscall(SYS_close_range, s->use_stdio ? 3 : 5, ~0U, 0);
    execve(s->file, s->argv, s->envp);
    _exit(errno);
}

/* Pipes could have the very numbers they are placed at: move them out of the way first. */
static int above(int fd)
{
    return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

static pid_t spawn(Vm *vm, const ChildSpec *spec, int *error)
{
    ChildSpec s = *spec;
    s.fd_in = above(spec->fd_in);
    s.fd_out = above(spec->fd_out);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = vfork();
    if (pid == 0) run_child(vm, &s);
    if (pid < 0) *error = errno;
#ifdef JOIST_TSAN
    else atomic_store(child_slot(vm, pid), (uint32_t)pid); /* its vfork is a fork: the child could not do it */
#endif
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (s.fd_in >= 0) close(s.fd_in);
    if (s.fd_out >= 0) close(s.fd_out);
    return pid;
}

int child_start(Vm *vm, const ChildSpec *spec, int64_t *pid,
                void (*ended)(Vm *, uint64_t, int), uint64_t key)
{
    int error = 0;
    pid_t child = spawn(vm, spec, &error);
    if (child < 0) return error;
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    if (fd < 0) {
        error = errno;
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        return error;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    Child *c = MEM_NEW(PORT, Child);
    c->vm = vm;
    c->ended = ended;
    c->key = key;
    c->pid = child;
    *pid = child;
    pollfd_init(&c->poll, fd, on_end, c);
    poll_add(vm, &c->poll, POLL_READ);
    return 0;
}
