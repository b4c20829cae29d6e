/* SPDX-License-Identifier: Apache-2.0 */
/* online - how many schedulers take work: system_flag(schedulers_online, N), and multi-scheduling, which
 * processes can block. Semantics: erlang(3) system_flag/2.
 *
 * A change holds when nobody executes under the old number any more: the world is stopped once after it, and
 * the caller moves to a scheduler that takes work. While all schedulers but one are blocked, the dirty ones
 * among them, a dirty native stops the world as long as it executes; whoever blocks waits for those that
 * had begun before:
 *   blocker: waits := true; looks at `active` of the pools, under their locks    } one of them sees
 *   dirty:   counts active down under the pool's lock; looks at multi_waits      } the other
 * Layer: sched. */
#include "sched/sched_priv.h"

typedef struct MultiBlock {
    struct MultiBlock *next;
    term_t pid;
    unsigned count, normal_count;
    bool waits;           /* to be woken when a dirty native ends */
} MultiBlock;

static void set_active_locked(Vm *vm)
{
    SchedSpace *space = vm->sched;
    SchedShared *sh = space->shared;
    bool all = false;
    for (MultiBlock *m = sh->multi; m && !all; m = m->next) all = m->count > 0;
    atomic_store(&sh->multi_all, all);
    atomic_store(&sh->multi_any, sh->multi != NULL);
    atomic_store(&space->active, sh->multi ? 1u : load_relaxed(&space->online));
}

/* Everybody looks whether it is still among the active ones. */
static void kick_all(Vm *vm)
{
    for (unsigned i = 1; i <= vm->sched->count; i++) sched_kick(vm, i);
}

/* Afterwards each of the others has seen how many are active. */
static void settle(Vm *vm)
{
    sched_block_all(vm);
    sched_unblock_all(vm);
}

/* Dirty CPU schedulers online keep their proportion to normal ones. */
static void scale_dirty_online(Vm *vm, unsigned old, unsigned online)
{
    DirtyPool *pool = &shared_of(vm)->cpu;
    mutex_lock(&pool->lock);
    unsigned scaled = pool->online * online / old;
    pool->online = MIN(MAX(scaled, 1u), pool->max);
    mutex_unlock(&pool->lock);
}

unsigned sched_set_online(Vm *vm, unsigned n)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    unsigned old = atomic_exchange(&vm->sched->online, MAX(MIN(n, vm->sched->count), 1u));
    set_active_locked(vm);
    mutex_unlock(&sh->block_lock);
    unsigned online = load_relaxed(&vm->sched->online);
    if (online != old) scale_dirty_online(vm, old, online);
    kick_all(vm);
    if (online < old) settle(vm);
    return old;
}

unsigned sched_dirty_cpu_online(Vm *vm) { return shared_of(vm)->cpu.online; }

unsigned sched_set_dirty_cpu_online(Vm *vm, unsigned n)
{
    DirtyPool *pool = &shared_of(vm)->cpu;
    mutex_lock(&pool->lock);
    unsigned old = pool->online;
    pool->online = n;
    mutex_unlock(&pool->lock);
    return old;
}

/* ---- multi-scheduling ---- */

static MultiBlock **find_locked(SchedShared *sh, term_t pid)
{
    MultiBlock **m = &sh->multi;
    while (*m && (*m)->pid != pid) m = &(*m)->next;
    return m;
}

void sched_multi_block(Vm *vm, term_t pid, bool normal)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    MultiBlock **m = find_locked(sh, pid);
    if (!*m) {
        *m = MEM_NEW(SCHED, MultiBlock);
        (*m)->pid = pid;
    }
    *(normal ? &(*m)->normal_count : &(*m)->count) += 1;
    set_active_locked(vm);
    mutex_unlock(&sh->block_lock);
    kick_all(vm);
    settle(vm);
}

static bool wait_for_dirty(Vm *vm, term_t pid, bool waits)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    MultiBlock **m = find_locked(sh, pid);
    bool found = *m != NULL;
    if (found) {
        (*m)->waits = waits;
        atomic_store(&sh->multi_waits, 1);
    }
    mutex_unlock(&sh->block_lock);
    return found;
}

enum SchedSettled sched_multi_settled(Vm *vm, term_t pid)
{
    SchedShared *sh = shared_of(vm);
    if (sched_self->number > load_relaxed(&vm->sched->active)) return SETTLED_ELSEWHERE;
    if (!load_relaxed(&sh->multi_all) || !wait_for_dirty(vm, pid, true)) return SETTLED;
    if (dirty_active(&sh->cpu) + dirty_active(&sh->io) > 0) return SETTLED_LATER;
    (void)wait_for_dirty(vm, pid, false);
    return SETTLED;
}

void multi_dirty_ended(Vm *vm)
{
    SchedShared *sh = shared_of(vm);
    EpochSection section = epoch_enter(vm->epoch);
    mutex_lock(&sh->block_lock);
    atomic_store(&sh->multi_waits, 0);
    for (MultiBlock *m = sh->multi; m; m = m->next) {
        Process *p = m->waits ? process_lookup(vm, m->pid) : NULL;
        m->waits = false;
        if (p) sched_wake(p, PS_RUNNABLE);
    }
    mutex_unlock(&sh->block_lock);
    epoch_leave(vm->epoch, section);
}

static void remove_locked(Vm *vm, MultiBlock **m)
{
    MultiBlock *old = *m;
    *m = old->next;
    MEM_DELETE(SCHED, old);
    set_active_locked(vm);
}

bool sched_multi_unblock(Vm *vm, term_t pid, bool normal)
{
    SchedShared *sh = shared_of(vm);
    mutex_lock(&sh->block_lock);
    MultiBlock **m = find_locked(sh, pid);
    unsigned *count = *m ? (normal ? &(*m)->normal_count : &(*m)->count) : NULL;
    bool found = count && *count > 0;
    if (found) --*count;
    if (*m && (*m)->count == 0 && (*m)->normal_count == 0)
        remove_locked(vm, m);
    else
        set_active_locked(vm);
    mutex_unlock(&sh->block_lock);
    if (found) kick_all(vm);
    return found;
}

void sched_multi_forget(Vm *vm, term_t pid)
{
    SchedShared *sh = shared_of(vm);
    if (!load_relaxed(&sh->multi_any)) return;
    mutex_lock(&sh->block_lock);
    MultiBlock **m = find_locked(sh, pid);
    bool found = *m != NULL;
    if (found) remove_locked(vm, m);
    mutex_unlock(&sh->block_lock);
    if (found) kick_all(vm);
}

enum SchedMulti sched_multi_state(Vm *vm)
{
    SchedShared *sh = shared_of(vm);
    enum SchedMulti state = vm->sched->count == 1 ? MULTI_DISABLED : MULTI_ENABLED;
    mutex_lock(&sh->block_lock);
    for (MultiBlock *m = sh->multi; m && state != MULTI_DISABLED; m = m->next) {
        if (m->count) state = MULTI_BLOCKED;
        if (m->normal_count && state == MULTI_ENABLED) state = MULTI_BLOCKED_NORMAL;
    }
    mutex_unlock(&sh->block_lock);
    return state;
}

term_t sched_multi_blockers(Vm *vm, Heap *h, bool normal)
{
    SchedShared *sh = shared_of(vm);
    term_t l = TERM_NIL;
    mutex_lock(&sh->block_lock);
    for (MultiBlock *m = sh->multi; m; m = m->next)
        if (normal ? m->normal_count : m->count) l = heap_cons(h, m->pid, l);
    mutex_unlock(&sh->block_lock);
    return l;
}
