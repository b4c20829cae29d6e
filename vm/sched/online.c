/* SPDX-License-Identifier: Apache-2.0 */
/* online - how many schedulers take work: system_flag(schedulers_online, N), and multi-scheduling, which
 * processes can block. Semantics: erlang(3) system_flag/2. Layer: sched. */
#include "sched/sched_priv.h"

typedef struct MultiBlock {
    struct MultiBlock *next;
    term_t pid;
    unsigned count, normal_count;
} MultiBlock;

static void set_active_locked(Vm *vm)
{
    SchedSpace *space = vm->sched;
    atomic_store(&space->active, space->shared->multi ? 1u : load_relaxed(&space->online));
}

/* Everybody looks whether it is still among the active ones. */
static void kick_all(Vm *vm)
{
    for (unsigned i = 1; i <= vm->sched->count; i++) sched_kick(vm, i);
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
    if (*m && (*m)->count == 0 && (*m)->normal_count == 0) remove_locked(vm, m);
    mutex_unlock(&sh->block_lock);
    if (found) kick_all(vm);
    return found;
}

void sched_multi_forget(Vm *vm, term_t pid)
{
    SchedShared *sh = shared_of(vm);
    if (!__atomic_load_n(&sh->multi, __ATOMIC_RELAXED)) return;
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
