/* SPDX-License-Identifier: Apache-2.0 */
/* process - creation of the process space, look-up, lifetime of Process structures.
 *
 *   life of a Process structure
 *     process_new --(spawn)--> in the table --(exit)--> out of the table, PS_FREE --epoch--> freed
 *   The table holds one reference; process_ref keeps the structure (not the process) longer.
 *   Everybody else finds processes by pid, and what was found stays valid until the finder's next
 *   quiescent state.
 * The scheduling states are drawn in sched/sched.h; the signal path in message.h; death in exit.h.
 * Layer: proc. */
#include "proc/saved_calls.h"
#include "proc/process.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/hash.h"
#include "base/numbers.h"
#include "heap/gc.h"
#include "proc/exit.h"
#include "proc/link.h"
#include "proc/procdict.h"
#include "proc/process_gc.h"
#include "proc/process_info.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "proc/report.h"
#include "proc/signal.h"
#include "proc/spawn.h"
#include "proc/systask.h"
#include "proc/timer.h"

static uint64_t start_seed(void)
{
    return hash_mix((uint64_t)clock_os_system_ns() ^ (uint64_t)(uintptr_t)&start_seed);
}

void proc_init(Vm *vm, const ProcConfig *config)
{
    ProcSpace *s = MEM_NEW(PROC, ProcSpace);
    vm->procs = s;
    s->procs = ptab_new(config->process_limit, config->id_bits, offsetof(Process, id), 4, TAG_PID);
    /* A port's struct begins with its id (io/port.h). */
    s->ports = ptab_new(config->port_limit, config->id_bits, 0, 4, TAG_PORT);
    s->otp = config->otp;
    uint64_t seed = start_seed();
    s->ref_seed = seed >> 32;
    atomic_init(&s->ref_counter, seed & 0xFFFFFFFFu);
    HeapPolicy *policy = vm->heap_policy;
    policy->limit_hook = report_heap_limit;
    atomic_init(&s->fullsweep_after, policy->fullsweep_after);
    s->min_heap_words = policy->min_heap_words;
    s->min_vheap_words = policy->min_vheap_words;
    atomic_init(&s->max_heap, policy->max_heap);
    atomic_init(&s->default_flags, PF_ON_HEAP_MSGQ);
    registry_init(vm);
}

void proc_add_exit_hook(Vm *vm, ExitHook *hook)
{
    ProcSpace *s = vm->procs;
    CHECK(s->exit_hook_count < PROC_EXIT_HOOKS);
    s->exit_hooks[s->exit_hook_count++] = hook;
}

Process *process_lookup(Vm *vm, term_t pid)
{
    ASSERT(epoch_is_reading());
    return ptab_lookup(vm->procs->procs, pid);
}

Process *process_lookup_alive(Vm *vm, term_t pid)
{
    ASSERT(epoch_is_reading());
    Process *p = ptab_lookup(vm->procs->procs, pid);
    return p && !process_is_exiting(p) ? p : NULL;
}

size_t process_count(Vm *vm) { return ptab_count(vm->procs->procs); }
size_t process_limit(Vm *vm) { return vm->procs->procs->limit; }

/* 82 bits: 18 + 32 of the counter, 32 from the start time so that restarts do not repeat. */
RefNum ref_new(Vm *vm)
{
    static THREAD_LOCAL NumberBlock block;
    uint64_t n = number_take(&block, &vm->procs->ref_counter);
    return ref_num_of(n & 0x3FFFF, (uint32_t)(n >> 18), (uint32_t)(vm->procs->ref_seed + (n >> 50)));
}

uint64_t unique_number(Vm *vm, bool monotonic)
{
    static THREAD_LOCAL NumberBlock block;
    return monotonic ? atomic_fetch_add(&vm->procs->unique_monotonic, 1)
                     : number_take(&block, &vm->procs->unique_counter);
}

Process *process_new(Vm *vm, size_t heap_words)
{
    Process *p = MEM_NEW(PROC, Process);
    p->vm = vm;
    atomic_init(&p->state, PS_RUNNING | (uint32_t)PRIO_NORMAL << PS_PRIO_SHIFT);
    atomic_init(&p->refs, 1);
    p->x_saved = p->x_inline;
    p->x_cap = ARRAY_LEN(p->x_inline);
    p->ftrace = TERM_NIL;
    p->seq_token = TERM_NIL;
    p->error_handler = am_error_handler;
    p->label = am_undefined;
    p->parent = p->group_leader = am_undefined;
    p->reds = 4000;
    mutex_init(&p->sig_lock, LOCK_PROC_SIGNALS);
    p->sigq.in_last = &p->sigq.in_first;
    p->sigq.mid_last = &p->sigq.mid_first;
    p->sigq.msg_last = &p->sigq.msg_first;
    p->sigq.save = &p->sigq.msg_first;
    p->min_heap_words = vm->procs->min_heap_words;
    p->min_vheap_words = vm->procs->min_vheap_words;
    p->max_gens = (uint16_t)load_relaxed(&vm->procs->fullsweep_after);
    p->max_heap = load_relaxed(&vm->procs->max_heap);
    p->flags = load_relaxed(&vm->procs->default_flags);
    process_heap_init(p, heap_words);
    return p;
}

void process_destroy(Process *p)
{
    message_queue_dispose(p);
    alias_free_all(p);
    dict_free(p);
    saved_calls_free(p);
    if (p->x_saved != p->x_inline) mem_free(MEM_HEAP, p->x_saved, p->x_cap * sizeof(term_t));
    heap_destroy(&p->heap);
    mutex_destroy(&p->sig_lock);
    MEM_DELETE(PROC, p);
}

Heap *process_own_heap(Process *p)
{
    if (!process_in_dirty_native(p)) return &p->heap;
    if (!p->side) p->side = MEM_NEW(PROC, Heap);
    return p->side;
}

void process_side_join(Process *p)
{
    if (!p->side) return;
    heap_adopt(&p->heap, p->side);
    process_side_drop(p);
}

void process_side_drop(Process *p)
{
    if (!p->side) return;
    heap_dispose(p->side);
    MEM_DELETE(PROC, p->side);
    p->side = NULL;
}

void process_ref(Process *p) { add_relaxed(&p->refs, 1); }

static void destroy_later(void *p)
{
    process_destroy(p);
}

static_assert(sizeof(EpochNode) <= sizeof(((Process *)0)->x_inline), "dead registers hold the node");

/* The last reference: x_inline, of no use any more, serves as the node that defers the freeing. */
void process_unref(Process *p)
{
    if (sub_acq_rel(&p->refs, 1) != 1) return;
    if (p->x_saved != p->x_inline) {
        mem_free(MEM_HEAP, p->x_saved, p->x_cap * sizeof(term_t));
        p->x_saved = p->x_inline;
    }
    epoch_defer(p->vm->epoch, (EpochNode *)p->x_inline, destroy_later, p);
}

/* Messages count as heap, unless they are kept off it: true if p has to die for them. Looked at when a
 * collection was asked for, like the rest of the heap. */
static bool messages_exceed_limit(Process *p)
{
    uint64_t max = p->max_heap >> 3, kill = p->max_heap & MAX_HEAP_KILL;
    if (LIKELY(max == 0) || !kill || p->flags & PF_OFF_HEAP_MSGQ) return false;
    size_t words = process_heap_words(p);
    if (words <= max) return false;
    if (p->max_heap & MAX_HEAP_LOG) report_heap_limit(p, words, true);
    return true;
}

bool process_handle_signals(Process *p, enum ProcPriority least)
{
    uint32_t before = p->sigq.msg_len;
    int32_t budget = 2000;
    bool alive = signal_fetch_handle(p, &budget);
    p->reds = MAX(p->reds - (2000 - budget), 1);
    if (!alive) return true;
    if (process_state(p) & PS_SYSTASK) {
        systask_run(p, least);
        if (messages_exceed_limit(p)) process_exit_begin(p, am_killed);
    }
    /* A collection done for somebody else found the heap too large. */
    if (p->flags & PF_HEAP_LIMIT && !process_is_exiting(p)) {
        p->flags &= ~PF_HEAP_LIMIT;
        process_exit_begin(p, am_killed);
    }
    bool go = process_is_exiting(p) || p->sigq.msg_len > before;
    /* What woke it must not be forgotten while it is suspended. */
    if (go && process_state(p) & PS_SUSPENDED) or_acq_rel(&p->state, PS_RUNNABLE);
    return go;
}
