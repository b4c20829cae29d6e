/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_port - see tracer_port.h. Layer: io. */
#include "io/tracer_port.h"

#include "base/alloc.h"
#include "data/binary.h"
#include "io/drv.h"
#include "nif/nif.h"
#include "proc/ptab.h"

typedef struct ToldEvent {
    FifoNode node;
    size_t size;
    uint8_t bytes[];
} ToldEvent;

static void push(Port *port, const void *bytes, size_t n)
{
    ToldEvent *e = mem_alloc(MEM_PORT, sizeof *e + n);
    e->size = n;
    memcpy(e->bytes, bytes, n);
    (void)atomic_stack_push(&port->told, &e->node);
}

/* All there are, first one first, to `out` unless NULL. */
static void take_all(Port *port, void (*out)(Port *port, const ToldEvent *e))
{
    FifoNode *n = fifo_chain_reverse(atomic_stack_take_all(&port->told));
    for (FifoNode *next; n; n = next) {
        ToldEvent *e = container_of(n, ToldEvent, node);
        next = n->next;
        if (out && !port->exit_asked) out(port, e);
        mem_free(MEM_PORT, e, sizeof *e + e->size);
    }
}

/* A port that is busy gets them all the same, when its driver can take them. */
static void output(Port *port, const ToldEvent *e)
{
    Heap h = {0};
    bool needs_caller = port->driver->output_term && !is_dyn_port(port);
    if (!needs_caller) (void)port_command(port, NULL, heap_binary(&h, e->bytes, e->size), !port->driver->no_force);
    heap_dispose(&h);
}

typedef struct DrainJob {
    Vm *vm;
    term_t id;
} DrainJob;

static void drain_job(void *arg)
{
    DrainJob *j = arg;
    Port *port = port_lock(j->vm, j->id);
    if (port) {
        take_all(port, output);
        port_unlock(port);
    }
    MEM_DELETE(PORT, j);
}

static bool leave_to_job(Vm *vm, term_t id, const void *bytes, size_t n)
{
    Port *port = ptab_lookup(vm->procs->ports, id);
    if (!port) return false;
    push(port, bytes, n);
    DrainJob *j = MEM_NEW(PORT, DrainJob);
    *j = (DrainJob){vm, id};
    nif_later(vm, drain_job, j);
    return true;
}

static bool tell_now(Vm *vm, term_t id, const void *bytes, size_t n)
{
    Port *port = port_lock(vm, id);
    if (!port) return false;
    push(port, bytes, n);
    take_all(port, output);
    port_unlock(port);
    return true;
}

bool tracer_port_tell(Vm *vm, term_t id, const void *bytes, size_t n)
{
    EpochSection section = nif_enter(vm);
    bool told = port_locks_held ? leave_to_job(vm, id, bytes, n) : tell_now(vm, id, bytes, n);
    nif_leave(vm, section);
    return told;
}

void tracer_port_forget(Port *port) { take_all(port, NULL); }
