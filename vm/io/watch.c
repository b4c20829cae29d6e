/* SPDX-License-Identifier: Apache-2.0 */
/* watch - see watch.h: lists of watches in stripes by pid, emptied by an exit hook.
 * No death is missed: who sets a watch puts it into the list, then looks whether the process is exiting;
 * who exits says so, then looks at the list. Layer: io. */
#include "io/watch.h"

#include "base/alloc.h"
#include "base/epoch.h"
#include "io/port.h"

enum { STRIPES = 512 };

typedef struct Stripe {
    Mutex lock;                  /* class IO */
    Watch *first;                /* lock */
    atomic_u32_t count;          /* written under lock; of watches in the list */
} Stripe;

struct WatchSpace {
    Stripe stripes[STRIPES];
};

static Stripe *stripe_of(Vm *vm, term_t pid)
{
    return &io_watches(vm)->stripes[local_pid_id(pid) % STRIPES];
}

static void unlink_locked(Stripe *s, Watch *w)
{
    store_relaxed(&s->count, load_relaxed(&s->count) - 1);
    *w->back = w->next;
    if (w->next) w->next->back = w->back;
    w->back = NULL;
}

static void link_locked(Stripe *s, Watch *w, term_t pid)
{
    w->pid = pid;
    w->next = s->first;
    w->back = &s->first;
    if (w->next) w->next->back = &w->next;
    s->first = w;
    store_relaxed(&s->count, load_relaxed(&s->count) + 1);
}

bool watch_set(Vm *vm, Watch *w, term_t pid)
{
    Stripe *s = stripe_of(vm, pid);
    mutex_lock(&s->lock);
    ASSERT(w->back == NULL);
    link_locked(s, w, pid);
    atomic_fence_full(); /* partner: on_exit */
    bool alive = process_lookup_alive(vm, pid) != NULL;
    if (!alive) unlink_locked(s, w);
    mutex_unlock(&s->lock);
    return alive;
}

bool watch_clear(Vm *vm, Watch *w)
{
    if (w->pid == TERM_NONE) return false;
    Stripe *s = stripe_of(vm, w->pid);
    mutex_lock(&s->lock);
    bool was_set = w->back != NULL;
    if (was_set) unlink_locked(s, w);
    mutex_unlock(&s->lock);
    return was_set;
}

static Watch *take_first(Stripe *s, term_t pid)
{
    mutex_lock(&s->lock);
    Watch *w = s->first;
    while (w && w->pid != pid) w = w->next;
    if (w) unlink_locked(s, w);
    mutex_unlock(&s->lock);
    return w;
}

static void tell_all(Vm *vm, Stripe *s, term_t pid)
{
    bool foreign = epoch_self == NULL;
    EpochSection section = {0};
    if (foreign) section = epoch_enter(vm->epoch);
    for (Watch *w; (w = take_first(s, pid)) != NULL;) w->down(w, pid);
    if (foreign) epoch_leave(vm->epoch, section);
}

static bool on_exit(Process *p, term_t reason UNUSED, int32_t *reds UNUSED)
{
    Stripe *s = stripe_of(p->vm, p->id);
    atomic_fence_full(); /* partner: watch_set */
    if (load_relaxed(&s->count) > 0) tell_all(p->vm, s, p->id);
    return true;
}

void watch_init(Vm *vm)
{
    struct WatchSpace *space = MEM_NEW(IO, struct WatchSpace);
    for (size_t i = 0; i < STRIPES; i++) mutex_init(&space->stripes[i].lock, LOCK_IO);
    io_set_watches(vm, space);
    proc_add_exit_hook(vm, on_exit);
}
