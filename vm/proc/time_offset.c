/* SPDX-License-Identifier: Apache-2.0 */
/* time_offset - tells who monitors the time offset of its change: {'CHANGE', Ref, time_offset, clock_service, Offset}.
 * A process that ever had such a monitor is marked (PS_TIME_OFFSET); all of these get a signal, and look for
 * their monitors themselves. Layer: proc. */
#include "base/clock.h"
#include "proc/link.h"
#include "proc/ptab.h"
#include "proc/signal.h"
#include "proc/timer.h"

#define MINUTE_NS (60 * NS_PER_S)

static void deliver_change(Process *p, const Monitor *m)
{
    Heap h = {0};
    Signal *s = signal_new(SIG_MESSAGE, am_clock_service);
    term_t tag = term_copy(&h, m->tag), ref = term_copy(&h, m->ref_term);
    s->term = heap_tuple5(&h, tag, ref, am_time_offset, am_clock_service, heap_int(&h, clock_offset_ns()));
    s->piece = heap_piece_take(&h);
    message_deliver_self(p, s);
}

static void offset_changed(Process *p, void *arg UNUSED, bool dead)
{
    if (dead) return;
    for (RbNode *n = rb_first(&p->monitors); n; n = rb_next(n)) {
        const Monitor *m = container_of(n, Monitor, node);
        if (m->kind == MONITOR_TIME_OFFSET) deliver_change(p, m);
    }
}

void monitors_time_offset_changed(Vm *vm)
{
    size_t end = ptab_scan_end(vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (p && process_state(p) & PS_TIME_OFFSET) signal_send_call(vm, am_clock_service, p->id, offset_changed, NULL);
    }
}

/* ---- once a minute ---- */

typedef struct Look {
    Timer timer;
    Vm *vm;
} Look;

static void look(Timer *t)
{
    Look *l = container_of(t, Look, timer);
    int64_t now = clock_monotonic_ns();
    if (clock_follow_os(now)) monitors_time_offset_changed(l->vm);
    timer_set(l->vm, t, now + MINUTE_NS);
}

void time_offset_init(Vm *vm)
{
    if (clock_warp_mode() != CLOCK_MULTI_WARP) return;
    Look *l = MEM_NEW(PROC, Look);
    l->vm = vm;
    l->timer.deliver = look;
    timer_set(vm, &l->timer, clock_monotonic_ns() + MINUTE_NS);
}
