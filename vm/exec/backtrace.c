/* SPDX-License-Identifier: Apache-2.0 */
/* backtrace - text of a process's stack, for process_info(P, backtrace) and crash dumps. */
#include "base/buf.h"
#include "data/binary.h"
#include "data/term_print.h"
#include "exec/exec_priv.h"

#define SHOWN_TERM 10000

void backtrace_place(Buf *b, Vm *vm, const code_t *pc)
{
    CodeLocation at;
    buf_printf(b, "0x%016llx (", (unsigned long long)(uintptr_t)pc);
    if (code_locate(vm, pc, &at)) {
        atom_print(b, at.mfa->module, true);
        buf_putc(b, ':');
        atom_print(b, at.mfa->function, true);
        buf_printf(b, "/%u + %llu)", (unsigned)at.mfa->arity,
                   (unsigned long long)(8 * (pc - at.entry)));
    } else {
        buf_puts(b, "unknown function)");
    }
}

static void put_word(Buf *b, unsigned n, term_t t)
{
    buf_printf(b, "y(%u)     ", n);
    if (term_is_catch(t)) buf_printf(b, "Catch 0x%016llx\n", (unsigned long long)catch_index(t) << 3);
    else {
        term_print(b, t, SHOWN_TERM);
        buf_putc(b, '\n');
    }
}

term_t exec_backtrace(Process *p, Heap *h)
{
    Buf b;
    unsigned n = 0;
    buf_init(&b, MEM_TEMP);
    buf_puts(&b, "Program counter: ");
    if (p->pc) backtrace_place(&b, p->vm, p->pc);
    buf_puts(&b, "\narity = 0\n");
    for (const term_t *e = p->heap.stop; e < p->heap.end; e++) {
        if ((*e & TAG_PRIMARY_MASK) != TAG_HEADER) {
            put_word(&b, n++, *e);
            continue;
        }
        const code_t *to = (const code_t *)*e;
        n = 0;
        buf_printf(&b, "\n0x%016llx Return addr ", (unsigned long long)(uintptr_t)e);
        if (to == p->vm->procs->exec.normal_exit) buf_puts(&b, "0x0 (<terminate process normally>)");
        else backtrace_place(&b, p->vm, to);
        buf_putc(&b, '\n');
    }
    term_t text = heap_binary(h, b.data, b.len);
    buf_free(&b);
    return text;
}
