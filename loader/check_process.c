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

/* Objects lie one behind the other: a header tells its size, anything else is one word of a cell. */
static bool block_refers(const term_t *at, const term_t *end, const CodeInstance *c)
{
    while (at < end) {
        if (!term_is_header(*at)) {
            at++;
            continue;
        }
        if (*at == TERM_NONE) {
            at++;
            continue;
        }
        if (HEADER_SUBTAG(*at) == BOXED_FUN) {
            const FunEntry *f = ((const Fun *)at)->entry;
            const code_t *addr = fun_entry_addr(f);
            if (instance_contains(c, addr) || (f->suspended && instance_contains(c, f->suspended)))
                return true;
        }
        at += boxed_words(at);
    }
    return false;
}

static bool frags_refer(const HeapFrag *f, const CodeInstance *c)
{
    for (; f; f = f->next)
        if (block_refers(f->mem, f->mem + f->used, c))
            return true;
    return false;
}

static bool messages_refer(const Signal *s, const CodeInstance *c)
{
    for (; s; s = s->next)
        if (frags_refer(s->piece.frags, c))
            return true;
    return false;
}

bool process_uses_old_code(Process *p, term_t module)
{
    const CodeInstance *c = purge_instance(p->vm, module);
    const Heap *h = &p->heap;
    if (!c)
        return false;
    return (p->pc && instance_contains(c, p->pc)) || stack_refers(h, c, p->vm)
        || block_refers(h->start, h->top, c) || block_refers(h->old_start, h->old_top, c)
        || frags_refer(h->frags, c) || messages_refer(p->sigq.msg_first, c)
        || messages_refer(p->sigq.mid_first, c);
}

term_t process_leave_literal_area(Process *p, term_t how)
{
    const term_t *start, *end;
    if (purge_area_bounds(p->vm, &start, &end)
        && process_copy_literals(p, start, end, p->x_saved, p->x_live))
        purge_note_found(p->vm);
    return am_ok;
}

void literal_collector_wake(Vm *vm)
{
    Process *collector = process_lookup(vm, load_acquire(&vm->code->literal_collector));
    Heap h = {0};
    if (collector)
        message_send_heap(vm, am_system, collector, am_copy_literals, &h);
}
