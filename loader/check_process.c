/* SPDX-License-Identifier: Apache-2.0 */
/* check_process - see check_process.h. */
#include "loader/check_process.h"

#include "code/purge.h"
#include "code/range.h"
#include "proc/message.h"
#include "proc/process_gc.h"

static bool stack_refers(const Heap *h, const CodeInstance *c, Vm *vm)
{
    for (const term_t *w = h->stop; w < h->end; w++) {
        const code_t *at = NULL;
        if (term_is_header(*w))
            at = (const code_t *)*w;
        else if (term_is_catch(*w))
            at = catch_address(vm, catch_index(*w));
        if (at && instance_contains(c, at))
            return true;
    }
    return false;
}

bool process_uses_old_code(Process *p, term_t module)
{
    const CodeInstance *c = purge_instance(p->vm, module);
    const ProcNativeOps *native = p->vm->procs->native_ops;
    return c
        && ((p->pc && instance_contains(c, p->pc)) || stack_refers(&p->heap, c, p->vm)
            || (c->nif_library && native && native->calls(p, c->nif_library)));
}

term_t process_leave_literal_area(Process *p, term_t how UNUSED)
{
    const term_t *start, *end;
    if (!purge_area_bounds(p->vm, &start, &end)) return am_ok;
    if (process_state(p) & PS_ANY_DIRTY) return process_copy_literals_beside(p, start, end) ? am_ok : TERM_NONE;
    process_copy_literals(p, start, end, p->x_saved, p->x_live);
    /* The copies may be more than it is allowed: it has to run to die. */
    if (p->flags & PF_HEAP_LIMIT)
        or_acq_rel(&p->state, PS_RUNNABLE);
    return am_ok;
}

void literal_collector_wake(Vm *vm)
{
    Process *collector = process_lookup(vm, load_acquire(&vm->code->literal_collector));
    Heap h = {0};
    if (collector)
        message_send_heap(vm, am_system, collector, am_copy_literals, &h);
}
