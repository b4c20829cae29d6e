/* SPDX-License-Identifier: Apache-2.0 */
/* poll - the table from descriptor to owner, above one kernel interface (poll_epoll.c).
 * A number may be closed and used again while an event of its former life is on its way: each life
 * has a serial that the event carries, and a wrong one is dropped. Layer: sched. */
#include "sched/sched_priv.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct PollSet {
    Mutex lock;              /* class POLL */
    Vm *vm;                  /* const */
    int kernel_fd, wake_fd;  /* const */
    PollFd **by_fd;          /* lock */
    size_t capacity;         /* lock */
    uint32_t next_serial;    /* lock */
    atomic_word_t count;     /* written under lock: PollFds with wanted events */
    atomic_word_t active;    /* events fetched from the kernel and not yet reported */
} PollSet;

PollSet *poll_set_new(Vm *vm)
{
    PollSet *set = MEM_NEW(SCHED, PollSet);
    mutex_init(&set->lock, LOCK_POLL);
    set->vm = vm;
    set->kernel_fd = poll_backend_open();
    set->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(set->kernel_fd >= 0 && set->wake_fd >= 0);
    CHECK(poll_backend_add_wakeup(set->kernel_fd, set->wake_fd) == 0);
    return set;
}

size_t poll_set_count(const PollSet *set) { return load_relaxed(&set->count); }
size_t poll_count(Vm *vm) { return poll_set_count(shared_of(vm)->polls); }

PollInfo poll_info(Vm *vm)
{
    PollSet *set = shared_of(vm)->polls;
    PollInfo i = {.known = 1, .active = load_relaxed(&set->active), .max_fds = sysconf(_SC_OPEN_MAX)};
    mutex_lock(&set->lock);
    i.bytes = sizeof *set + set->capacity * sizeof *set->by_fd;
    for (size_t fd = 0; fd < set->capacity; fd++) i.known += set->by_fd[fd] && set->by_fd[fd]->registered;
    mutex_unlock(&set->lock);
    return i;
}

void poll_interrupt(PollSet *set)
{
    uint64_t one = 1;
    ssize_t n = write(set->wake_fd, &one, sizeof one);
    (void)n; /* full counter: it is set already */
}

/* ---- interest ---- */

static void table_reserve_locked(PollSet *set, int fd)
{
    size_t want = (size_t)fd + 1;
    if (want <= set->capacity) return;
    size_t capacity = next_power_of_two(MAX(want, 64));
    set->by_fd = mem_realloc(MEM_SCHED, set->by_fd, set->capacity * sizeof(PollFd *),
                             capacity * sizeof(PollFd *));
    memset(set->by_fd + set->capacity, 0, (capacity - set->capacity) * sizeof(PollFd *));
    set->capacity = capacity;
}

static void want_locked(PollSet *set, PollFd *pf, uint32_t want)
{
    sword_t change = (want != 0) - (pf->want != 0);
    pf->want = want;
    add_owned(&set->count, (word_t)change);
}

/* Regular files are always ready, and the kernel refuses to poll them. */
static void file_ready(void *arg)
{
    PollFd *pf = arg;
    Vm *vm = sched_self->vm;
    PollSet *set = shared_of(vm)->polls;
    mutex_lock(&set->lock);
    uint32_t fired = pf->is_file ? pf->want : 0; /* the number may be of something else by now */
    if (fired) want_locked(set, pf, 0);
    mutex_unlock(&set->lock);
    if (fired) pf->ready(pf, fired);
}

static int arm_locked(PollSet *set, PollFd *pf)
{
    int error = poll_backend_arm(set->kernel_fd, pf->fd, (uint32_t)pf->serial, pf->want, pf->registered);
    if (error == 0) {
        pf->registered = true;
    } else if (error == EPERM) {
        pf->is_file = true;
        error = 0;
    }
    return error;
}

int poll_add(Vm *vm, PollFd *pf, uint32_t events)
{
    PollSet *set = shared_of(vm)->polls;
    mutex_lock(&set->lock);
    table_reserve_locked(set, pf->fd);
    if (set->by_fd[pf->fd] != pf) {
        set->by_fd[pf->fd] = pf;
        pf->serial = ++set->next_serial;
        pf->registered = false;
    }
    want_locked(set, pf, pf->want | events);
    int error = pf->is_file ? 0 : arm_locked(set, pf);
    if (error) want_locked(set, pf, 0);
    bool is_file = pf->is_file && !error;
    mutex_unlock(&set->lock);
    Sched *s = sched_self;
    if (is_file) sched_run_on(vm, s && s->kind == SCHED_NORMAL ? s->number : 1, file_ready, pf);
    return error;
}

void poll_drop(Vm *vm, PollFd *pf, uint32_t events)
{
    PollSet *set = shared_of(vm)->polls;
    mutex_lock(&set->lock);
    uint32_t left = pf->want & ~events;
    if (left != pf->want) {
        want_locked(set, pf, left);
        if (pf->registered) arm_locked(set, pf);
    }
    mutex_unlock(&set->lock);
}

void poll_remove(Vm *vm, PollFd *pf)
{
    PollSet *set = shared_of(vm)->polls;
    mutex_lock(&set->lock);
    want_locked(set, pf, 0);
    if ((size_t)pf->fd < set->capacity && set->by_fd[pf->fd] == pf) {
        set->by_fd[pf->fd] = NULL;
        if (pf->registered) poll_backend_forget(set->kernel_fd, pf->fd);
    }
    pf->registered = pf->is_file = false;
    mutex_unlock(&set->lock);
}

/* ---- events ---- */

static void drain_wakeups(PollSet *set)
{
    uint64_t n;
    ssize_t got = read(set->wake_fd, &n, sizeof n);
    (void)got; /* nothing to read: somebody else was faster */
}

/* The owner to tell, with what to tell it in *fired; NULL for stale events. */
static PollFd *event_owner(PollSet *set, const PollEvent *e, uint32_t *fired)
{
    PollFd *pf = NULL;
    mutex_lock(&set->lock);
    if (e->fd >= 0 && (size_t)e->fd < set->capacity) pf = set->by_fd[e->fd];
    if (pf && (uint32_t)pf->serial != e->serial) pf = NULL;
    if (pf) {
        uint32_t events = e->events;
        if (events & (POLL_ERROR | POLL_HANGUP)) events |= pf->want; /* reading or writing tells which */
        *fired = events & (pf->want | POLL_ERROR | POLL_HANGUP);
        uint32_t hit = *fired & pf->want;
        want_locked(set, pf, pf->want & ~hit);
        if (pf->want) arm_locked(set, pf);
        if (!hit) pf = NULL;
    }
    mutex_unlock(&set->lock);
    return pf;
}

void poll_wait(PollSet *set, int64_t timeout_ns, void (*before)(void *arg), void *arg)
{
    PollEvent events[POLL_BATCH];
    int n = poll_backend_wait(set->kernel_fd, events, POLL_BATCH, timeout_ns);
    before(arg);
    if (n <= 0) return;
    atomic_fetch_add(&set->active, (word_t)n);
    for (int i = 0; i < n; i++) {
        uint32_t fired = 0;
        if (events[i].fd == set->wake_fd) {
            drain_wakeups(set);
            continue;
        }
        PollFd *pf = event_owner(set, &events[i], &fired);
        if (pf) pf->ready(pf, fired);
    }
    atomic_fetch_sub(&set->active, (word_t)n);
}
