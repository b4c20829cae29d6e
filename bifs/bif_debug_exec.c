/* SPDX-License-Identifier: Apache-2.0 */
/* bif_debug_exec - natives of erts_debug that look at code and schedulers; what allocators would tell.
 * There is no lock counting and there are no carriers: their natives say so as a reference without them.
 * Semantics: the callers in kernel's erts_debug and tools' instrument. Layer: bifs. */
#include "bifs/bif.h"
#include "code/module.h"
#include "code/range.h"
#include "data/binary.h"
#include "exec/insn.h"
#include "proc/message.h"
#include "sched/sched.h"

#include <stdio.h>
#include <time.h>

/* ---- natives for tests of dirty schedulers ---- */

static void sleep_ms(int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0) {
    }
}

static void tell(Process *p, term_t what, term_t pid)
{
    Process *to = process_lookup(p->vm, pid);
    if (!to) return;
    Heap h = {0};
    message_send_heap(p->vm, p->id, to, heap_tuple2(&h, what, p->id), &h);
}

static term_t copies(Process *p, term_t t)
{
    enum { COPIES = 1000 };
    term_t list = TERM_NIL;
    for (int i = 0; i < COPIES; i++) list = heap_cons(&p->heap, term_copy(&p->heap, t), list);
    return list;
}

/* The exception of this name, if there is one without a value. */
static uint32_t exception_named(term_t name)
{
    switch (name) {
    case am_undef: return EXC_UNDEF;
    case am_badarith: return EXC_BADARITH;
    case am_system_limit: return EXC_SYSTEM_LIMIT;
    case am_noproc: return EXC_NOPROC;
    default: return EXC_BADARG;
    }
}

static term_t sleep_ready_done(Process *p, term_t pid)
{
    tell(p, am_ready, pid);
    sleep_ms(6000);
    tell(p, am_done, pid);
    return am_ok;
}

/* Stay until p has been killed, and a second longer. */
static term_t sleep_until_killed(Process *p, term_t pid)
{
    tell(p, am_alive, pid);
    while (!process_is_exiting(p)) sleep_ms(10);
    sleep_ms(1000);
    return am_ok;
}

/* The native of the other kind, n - 1 times. */
static term_t hop(Process *p, term_t n, term_t kind)
{
    if (!term_is_small(n) || small_value(n) < 0) return bif_error(p, EXC_BADARG);
    if (small_value(n) == 0) return am_ok;
    term_t args[] = {am_normal, am_reschedule, term_small(small_value(n) - 1)};
    if (kind == am_dirty_io) return bif_trap_mfa(p, am_erts_debug, am_dirty, 3, args);
    return bif_trap_mfa(p, am_erts_debug, kind == am_normal ? am_dirty_cpu : am_dirty_io, 2, args + 1);
}

static term_t dirty(Process *p, term_t what, term_t arg, term_t kind)
{
    bool to_pid = term_is_local_pid(arg);
    switch (what) {
    case am_scheduler: return arg == am_type ? kind : bif_error(p, EXC_BADARG);
    case am_error: return bif_error(p, exception_named(arg));
    case am_copy: return copies(p, arg);
    case am_reschedule: return hop(p, arg, kind);
    case am_ready_wait6_done: return to_pid ? sleep_ready_done(p, arg) : bif_error(p, EXC_BADARG);
    case am_alive_waitexiting: return to_pid ? sleep_until_killed(p, arg) : bif_error(p, EXC_BADARG);
    case am_wait:
        if (!term_is_small(arg) || small_value(arg) < 0) return bif_error(p, EXC_BADARG);
        sleep_ms(small_value(arg));
        return am_ok;
    default: return bif_error(p, EXC_BADARG);
    }
}

BIF(erts_debug, dirty_cpu, 2, DIRTY_CPU) { return dirty(p, a[0], a[1], am_dirty_cpu); }
BIF(erts_debug, dirty_io, 2, DIRTY_IO) { return dirty(p, a[0], a[1], am_dirty_io); }

/* Decides when it runs where it wants to run. */
BIF(erts_debug, dirty, 3, 0)
{
    bool cpu = a[0] == am_dirty_cpu;
    if (a[0] == am_normal) return dirty(p, a[1], a[2], am_normal);
    if (!cpu && a[0] != am_dirty_io) return bif_error(p, EXC_BADARG);
    if (sched_self->kind != SCHED_NORMAL) return dirty(p, a[1], a[2], a[0]);
    return bif_error(p, cpu ? EXC_DIRTY_CPU : EXC_DIRTY_IO);
}

/* ---- loaded code ---- */

BIF(erts_debug, instructions, 0, 0)
{
    term_t list = TERM_NIL;
    for (unsigned i = insn_variant_count(); i-- > 0;) {
        const char *name = insn_variant(i)->name;
        term_t text = heap_string(&p->heap, name, strlen(name), TERM_NIL);
        list = heap_cons(&p->heap, text, list);
    }
    return list;
}

BIF(erts_debug, interpreter_size, 0, 0) { return term_small(0); }

static const code_t *code_of(Vm *vm, term_t t)
{
    if (term_is_small(t)) return (const code_t *)(uintptr_t)small_value(t);
    if (!term_is_tuple_of(t, 3) || !term_is_atom(tuple_element(t, 1)) || !term_is_small(tuple_element(t, 3)))
        return NULL;
    const CodeInstance *c = module_current(vm, tuple_element(t, 1));
    if (!c) return NULL;
    const code_t *entry = instance_function(c, tuple_element(t, 2), (word_t)small_value(tuple_element(t, 3)));
    return entry ? entry - FUNC_INFO_WORDS : NULL;
}

/* {Next, Text, {M,F,A}} for the instruction at an address or at the start of a function; false: no code. */
BIF(erts_debug, disassemble, 1, 0)
{
    const code_t *pc = code_of(p->vm, a[0]);
    if (!pc || ((uintptr_t)pc & 7) || !range_find(p->vm, pc) || !insn_decode(pc)) return am_false;
    const Mfa *m = code_find_mfa(p->vm, pc);
    if (!m) return am_false;
    char text[1200];
    int n = snprintf(text, sizeof text, "%016llX: ", (unsigned long long)(uintptr_t)pc);
    unsigned words = insn_disassemble(pc, NULL, text + n, sizeof text - (size_t)n - 1);
    strcat(text, "\n");
    Heap *h = &p->heap;
    term_t mfa = heap_tuple3(h, m->module, m->function, term_small((int64_t)m->arity));
    return heap_tuple3(h, heap_uint(h, (uint64_t)(uintptr_t)(pc + words)), heap_binary_cstr(h, text), mfa);
}

/* ---- lock counting ---- */

BIF(erts_debug, lcnt_clear, 0, 0) { return am_error; }
BIF(erts_debug, lcnt_collect, 0, 0) { return am_error; }
BIF(erts_debug, lcnt_control, 1, 0) { return bif_error(p, EXC_BADARG); }
BIF(erts_debug, lcnt_control, 2, 0) { return bif_error(p, EXC_BADARG); }

/* ---- allocators: the number of messages that the caller then waits for ---- */

static term_t no_messages(Process *p, term_t request)
{
    return term_is_tuple(request) ? term_small(0) : bif_error(p, EXC_BADARG);
}

BIF(erts_internal, gather_alloc_histograms, 1, 0) { return no_messages(p, a[0]); }
BIF(erts_internal, gather_carrier_info, 1, 0) { return no_messages(p, a[0]); }

/* ---- others ---- */

BIF(erts_internal, erase_persistent_terms, 0, 0)
{
    extern BifFn bif_persistent_term_get_0, bif_persistent_term_erase_1;
    for (term_t l = bif_persistent_term_get_0(p, a); term_is_list_cell(l); l = list_tail(l)) {
        term_t key = tuple_element(list_head(l), 1);
        (void)bif_persistent_term_erase_1(p, &key);
    }
    return am_true;
}
