/* SPDX-License-Identifier: Apache-2.0 */
/* report - see report.h. Layer: sys. */
#include "sys/report.h"

#include "code/module.h"
#include "data/binary.h"
#include "data/node.h"
#include "data/term_print.h"
#include "dist/channel.h"
#include "exec/exec.h"
#include "heap/gc.h"
#include "io/port.h"
#include "proc/link.h"
#include "proc/process_info.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "sched/sched.h"

#define SHOWN_TERM 100000

/* ---- processes ---- */

static const char *state_text(uint32_t st)
{
    if (st & PS_EXITING) return "Exiting";
    if (st & PS_GC) return "Garbing";
    if (st & (PS_RUNNING | PS_DIRTY)) return "Running";
    if (st & PS_SUSPENDED) return "Suspended";
    return st & (PS_QUEUED | PS_RUNNABLE) ? "Scheduled" : "Waiting";
}

/* After a fault or a panic nobody has been stopped, and dirty threads never are. */
static bool stands_still(const Process *p, uint32_t state)
{
    if (sched_self && sched_self->p == p) return true;
    return !(state & (PS_RUNNING | PS_ANY_DIRTY | PS_EXITING));
}

bool report_may_show_terms(const Process *p)
{
    uint32_t state = process_state(p);
    return stands_still(p, state) && !(state & (PS_SENSITIVE | PS_FREE));
}

static void put_who(Buf *b, Process *p, uint32_t state)
{
    term_t name = registry_name_of(p->vm, p->id);
    buf_puts(b, "=proc:");
    pid_print(b, p->id);
    buf_printf(b, "\nState: %s\n", state_text(state));
    if (name != TERM_NONE) {
        buf_puts(b, "Name: ");
        atom_print(b, name, true);
        buf_putc(b, '\n');
    }
    if (term_is_atom(p->initial.module)) {
        buf_puts(b, "Spawned as: ");
        atom_print(b, p->initial.module, true);
        buf_putc(b, ':');
        atom_print(b, p->initial.function, true);
        buf_printf(b, "/%u\n", (unsigned)p->initial.arity);
    }
    buf_puts(b, "Spawned by: ");
    term_print(b, term_is_local_pid(p->parent) ? p->parent : TERM_NIL, SHOWN_TERM);
    buf_putc(b, '\n');
}

static void next_of_list(Buf *b, bool *any)
{
    buf_puts(b, *any ? ", " : "Link list: [");
    *any = true;
}

static void put_monitor(Buf *b, const char *way, term_t who, term_t ref)
{
    buf_printf(b, "{%s,", way);
    term_print(b, who, SHOWN_TERM);
    buf_putc(b, ',');
    term_print(b, ref, SHOWN_TERM);
    buf_putc(b, '}');
}

/* Links, what it monitors (to) and who monitors it (from). */
static void put_links(Buf *b, const Process *p)
{
    bool any = false;
    for (RbNode *n = rb_first(&p->links); n; n = rb_next(n)) {
        next_of_list(b, &any);
        term_print(b, container_of(n, Link, node)->other, SHOWN_TERM);
    }
    for (RbNode *n = rb_first(&p->monitors); n; n = rb_next(n)) {
        const Monitor *m = container_of(n, Monitor, node);
        next_of_list(b, &any);
        put_monitor(b, "to", m->name != TERM_NONE ? m->name : m->target, m->ref_term);
    }
    for (RbNode *n = rb_first(&p->lt_monitors); n; n = rb_next(n)) {
        const LtMonitor *m = container_of(n, LtMonitor, node);
        next_of_list(b, &any);
        put_monitor(b, "from", m->watcher, m->ref);
    }
    if (any) buf_puts(b, "]\n");
}

/* What process_info tells of one item, unless it is empty. */
static void put_item(Buf *b, Process *p, const char *head, term_t item)
{
    Heap h = {0};
    term_t pair = process_info_build(p, item, &h, false);
    term_t value = term_is_tuple_of(pair, 2) ? tuple_element(pair, 2) : TERM_NIL;
    if (!term_is_nil(value)) {
        buf_puts(b, head);
        term_print(b, value, SHOWN_TERM);
        buf_putc(b, '\n');
    }
    heap_dispose(&h);
}

static void put_stack(Buf *b, Process *p)
{
    Heap h = {0};
    term_t text = p->vm->procs->exec.backtrace(p, &h);
    if (term_is_bitstring(text)) {
        BitView v = bitstring_view(text);
        buf_puts(b, "Stack dump:\n");
        buf_append(b, v.base, v.bits / 8);
    }
    heap_dispose(&h);
}

static size_t frag_count(const Heap *h)
{
    size_t n = 0;
    for (const HeapFrag *f = h->frags; f; f = f->next) n++;
    return n;
}

static void put_sizes(Buf *b, Process *p)
{
    HeapInfo i = heap_info(&p->heap);
    const Heap *h = &p->heap;
    buf_printf(b, "Reductions: %llu\nStack+heap: %zu\nOldHeap: %zu\nHeap unused: %zu\nOldHeap unused: %zu\n",
               (unsigned long long)p->reductions, i.block, i.old_block, (size_t)(h->stop - h->top),
               (size_t)(h->old_end - h->old_top));
    buf_printf(b, "BinVHeap: %llu\nOldBinVHeap: %llu\nBinVHeap unused: %llu\nOldBinVHeap unused: %llu\nMemory: %zu\n",
               (unsigned long long)i.vheap, (unsigned long long)i.old_vheap,
               (unsigned long long)(i.vheap_block - MIN(i.vheap, i.vheap_block)),
               (unsigned long long)(i.old_vheap_block - MIN(i.old_vheap, i.old_vheap_block)), process_memory_bytes(p));
}

void report_process(Buf *b, Process *p, enum ReportDepth depth)
{
    uint32_t state = process_state(p);
    put_who(b, p, state);
    if (!stands_still(p, state)) return;
    buf_printf(b, "Message queue length: %u\n", p->sigq.msg_len + p->sigq.in_len);
    if (depth == REPORT_ALL) put_item(b, p, "Message queue: ", am_messages);
    buf_printf(b, "Number of heap fragments: %zu\nHeap fragment data: %zu\n", frag_count(&p->heap),
               heap_info(&p->heap).frags);
    put_links(b, p);
    if (depth == REPORT_ALL) put_item(b, p, "Dictionary: ", am_dictionary);
    put_sizes(b, p);
    if (depth == REPORT_ALL) put_stack(b, p);
    else if (p->pc) {
        buf_puts(b, "Program counter: ");
        backtrace_place(b, p->vm, p->pc);
        buf_putc(b, '\n');
    }
}

void report_processes(Buf *b, Vm *vm, enum ReportDepth depth)
{
    if (!vm->procs || !vm->procs->procs) return;
    size_t end = ptab_scan_end(vm->procs->procs);
    for (size_t i = 0; i < end; i++) {
        Process *p = ptab_slot(vm->procs->procs, i);
        if (p) report_process(b, p, depth);
    }
}

/* ---- ports ---- */

static void put_port(Buf *b, const Port *port)
{
    buf_puts(b, "=port:");
    port_print(b, port->id);
    buf_printf(b, "\nState: %s\nSlot: %llu\nConnected: ", port->state == PORT_OPEN ? "CONNECTED" : "CLOSING",
               (unsigned long long)port_number(port->id));
    term_print(b, port->owner, SHOWN_TERM);
    for (size_t i = 0; i < port->link_count; i++) {
        buf_puts(b, i ? ", " : "\nLinks: ");
        pid_print(b, port->links[i]);
    }
    for (size_t i = 0; i < port->monitor_count; i++) {
        buf_puts(b, i ? ", " : "\nMonitors: ");
        pid_print(b, port->monitors[i].pid);
    }
    buf_printf(b, "\nPort controls %s: %s\n", port->os_pid > 0 ? "external process" : "linked-in driver", port->title);
    buf_printf(b, "Input: %llu\nOutput: %llu\nQueue: %zu\n", (unsigned long long)port->bytes_in,
               (unsigned long long)port->bytes_out, port->driver->queued ? port->driver->queued(port) : (size_t)0);
}

void report_ports(Buf *b, Vm *vm)
{
    if (!vm->procs || !vm->procs->ports) return;
    size_t end = ptab_scan_end(vm->procs->ports);
    for (size_t i = 0; i < end; i++) {
        const Port *port = ptab_slot(vm->procs->ports, i);
        if (port && port->state != PORT_DEAD) put_port(b, port);
    }
}

/* ---- memory, code, nodes ---- */

void report_memory(Buf *b)
{
    size_t total = mem_total_stats().bytes, processes = mem_class_stats(MEM_CLASS_PROCESSES).bytes;
    size_t atoms = mem_class_stats(MEM_CLASS_ATOM).bytes;
    buf_printf(b, "=memory\ntotal: %zu\nprocesses: %zu\nprocesses_used: %zu\nsystem: %zu\natom: %zu\natom_used: %zu\n"
                  "binary: %zu\ncode: %zu\nets: %zu\n",
               total, processes, processes, total - MIN(processes, total), atoms, atoms,
               mem_class_stats(MEM_CLASS_BINARY).bytes, mem_class_stats(MEM_CLASS_CODE).bytes,
               mem_class_stats(MEM_CLASS_ETS).bytes);
}

typedef struct Modules {
    Buf *b;
    enum ReportDepth depth;
    size_t current, old;
} Modules;

static size_t code_bytes(const CodeInstance *c) { return c ? c->code_words * sizeof(code_t) : 0; }

static void add_module(Module *m, void *ctx)
{
    Modules *all = ctx;
    all->current += code_bytes(load_relaxed(&m->current));
    all->old += code_bytes(load_relaxed(&m->old));
}

static void put_module(Module *m, void *ctx)
{
    Modules *all = ctx;
    size_t current = code_bytes(load_relaxed(&m->current)), old = code_bytes(load_relaxed(&m->old));
    bool dump = all->depth == REPORT_DUMP;
    if (current == 0 && old == 0) return;
    if (dump) buf_puts(all->b, "=mod:");
    atom_print(all->b, m->name, true);
    buf_printf(all->b, dump ? "\nCurrent size: %zu\n" : " %zu", current);
    if (old > 0) buf_printf(all->b, dump ? "Old size: %zu\n" : " (%zu old)", old);
    if (!dump) buf_putc(all->b, '\n');
}

void report_modules(Buf *b, Vm *vm, enum ReportDepth depth)
{
    Modules all = {b, depth, 0, 0};
    module_each(vm, add_module, &all);
    if (depth == REPORT_DUMP) buf_puts(b, "=loaded_modules\n");
    buf_printf(b, "Current code: %zu\nOld code: %zu\n", all.current, all.old);
    module_each(vm, put_module, &all);
}

static void put_channel(Channel *c, void *ctx)
{
    Buf *b = ctx;
    bool up = channel_is_up(c);
    buf_printf(b, "=%s:%u\nName: ", !up ? "not_connected" : c->flags & DFLAG_PUBLISHED ? "visible_node" : "hidden_node",
               (unsigned)atom_index(c->name));
    atom_print(b, c->name, true);
    buf_putc(b, '\n');
    if (!up) return;
    buf_printf(b, "Creation: %u\nController: ", c->creation);
    term_print(b, c->controller, SHOWN_TERM);
    buf_putc(b, '\n');
}

void report_nodes(Buf *b, Vm *vm)
{
    term_t self = node_self_name(vm);
    buf_puts(b, "=node:");
    atom_print(b, self, true);
    buf_putc(b, '\n');
    if (self == am_nonode_at_nohost) buf_puts(b, "=no_distribution\n");
    else channel_each(vm, put_channel, b);
}
