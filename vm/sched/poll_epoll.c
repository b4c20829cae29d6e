/* SPDX-License-Identifier: Apache-2.0 */
/* poll_epoll - the kernel interface of Linux: epoll with one-shot interest. Layer: sched. */
#include "sched/sched_priv.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int poll_backend_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

static uint32_t to_epoll(uint32_t events)
{
    return (events & POLL_READ ? EPOLLIN | EPOLLRDHUP : 0u) | (events & POLL_WRITE ? EPOLLOUT : 0u) |
           (events & POLL_ERROR ? EPOLLPRI : 0u);
}

static uint32_t from_epoll(uint32_t e)
{
    return (e & (EPOLLIN | EPOLLRDHUP) ? (uint32_t)POLL_READ : 0u) | (e & EPOLLOUT ? (uint32_t)POLL_WRITE : 0u) |
           (e & (EPOLLERR | EPOLLPRI) ? (uint32_t)POLL_ERROR : 0u) | (e & EPOLLHUP ? (uint32_t)POLL_HANGUP : 0u);
}

int poll_backend_arm(int set, int fd, uint32_t serial, uint32_t events, bool known)
{
    struct epoll_event e = {.events = to_epoll(events) | EPOLLONESHOT,
                            .data.u64 = (uint64_t)serial << 32 | (uint32_t)fd};
    if (epoll_ctl(set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) == 0) return 0;
    /* Closed behind our back and opened again, or a duplicate kept the registration alive. */
    if (errno == ENOENT) return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : errno;
    if (errno == EEXIST) return epoll_ctl(set, EPOLL_CTL_MOD, fd, &e) == 0 ? 0 : errno;
    return errno;
}

void poll_backend_forget(int set, int fd)
{
    struct epoll_event none = {0};
    epoll_ctl(set, EPOLL_CTL_DEL, fd, &none);
}

int poll_backend_add_wakeup(int set, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint32_t)fd};
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : errno;
}

/* With nanoseconds where the kernel can (5.11), else milliseconds rounded up. */
static int wait_ns(int set, struct epoll_event *events, int max, int64_t timeout_ns)
{
#ifdef SYS_epoll_pwait2
    static THREAD_LOCAL bool missing;
    if (!missing) {
        struct timespec ts = {.tv_sec = timeout_ns / NS_PER_S, .tv_nsec = timeout_ns % NS_PER_S};
        long n = syscall(SYS_epoll_pwait2, set, events, max, timeout_ns < 0 ? NULL : &ts, NULL, (size_t)0);
        if (n >= 0 || errno != ENOSYS) return (int)n;
        missing = true;
    }
#endif
    int64_t ms = timeout_ns < 0 ? -1 : MIN((timeout_ns + NS_PER_MS - 1) / NS_PER_MS, INT_MAX);
    return epoll_wait(set, events, max, (int)ms);
}

int poll_backend_wait(int set, PollEvent *out, int max, int64_t timeout_ns)
{
    struct epoll_event events[POLL_BATCH];
    int n = timeout_ns == 0 ? epoll_wait(set, events, MIN(max, POLL_BATCH), 0)
                            : wait_ns(set, events, MIN(max, POLL_BATCH), timeout_ns);
    for (int i = 0; i < n; i++)
        out[i] = (PollEvent){.fd = (int)(uint32_t)events[i].data.u64,
                             .serial = (uint32_t)(events[i].data.u64 >> 32),
                             .events = from_epoll(events[i].events)};
    return n;
}
