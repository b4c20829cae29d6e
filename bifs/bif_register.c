/* SPDX-License-Identifier: Apache-2.0 */
/* bif_register - registered names. Semantics: erlang(3) register/2, unregister/1, whereis/1.
 * Layer: bifs. */
#include "bifs/bif.h"
#include "io/port_trace.h"
#include "proc/registry.h"
#include "proc/signal.h"

static void tell(Process *who, term_t event, void *name)
{
    if (who && UNLIKELY(who->trace != NULL))
        who->vm->procs->trace_ops->event(who, event, (term_t)(uintptr_t)name, TERM_NONE);
}

static void tell_registered(Process *p, void *name, bool dead UNUSED) { tell(p, am_register, name); }
static void tell_unregistered(Process *p, void *name, bool dead UNUSED) { tell(p, am_unregister, name); }

/* The event is one of the process that has the name: it reports it itself. */
static void trace_name(Process *p, term_t id, term_t event, term_t name)
{
    Process *who = term_is_local_pid(id) ? process_lookup(p->vm, id) : NULL;
    if (LIKELY(!who || who->trace == NULL)) return;
    void *arg = (void *)(uintptr_t)name;
    if (who == p)
        tell(p, event, arg);
    else
        signal_send_call(p->vm, p->id, id, event == am_register ? tell_registered : tell_unregistered, arg);
}

static enum RegisterResult add(Process *p, term_t name, term_t id)
{
    if (term_is_local_pid(id)) {
        Process *who = process_lookup_alive(p->vm, id);
        return who ? registry_add_process(p->vm, name, who) : REG_DEAD;
    }
    return port_register(p->vm, name, id);
}

BIF(erlang, register, 2, 0)
{
    if (!term_is_atom(a[0]) || a[0] == am_undefined
        || (!term_is_local_pid(a[1]) && !term_is_local_port(a[1])))
        return bif_error_cause(p, EXC_BADARG, am_none);
    switch (add(p, a[0], a[1])) {
    case REG_OK: break;
    case REG_DEAD: return bif_error_cause(p, EXC_BADARG, term_is_local_pid(a[1]) ? am_notalive : am_none);
    default: return bif_error_cause(p, EXC_BADARG, am_registered_name);
    }
    trace_name(p, a[1], am_register, a[0]);
    return am_true;
}

BIF(erlang, unregister, 1, 0)
{
    term_t id = term_is_atom(a[0]) ? registry_remove(p->vm, a[0]) : TERM_NONE;
    if (id == TERM_NONE) return bif_error(p, EXC_BADARG);
    if (term_is_local_port(id)) port_trace_name(p->vm, id, am_unregister, a[0]);
    else trace_name(p, id, am_unregister, a[0]);
    return am_true;
}

/* A dying process has its name until its tables are gone. */
BIF(erlang, whereis, 1, 0)
{
    if (!term_is_atom(a[0])) return bif_error(p, EXC_BADARG);
    term_t id = registry_find(p->vm, a[0]);
    return id == TERM_NONE ? am_undefined : id;
}

BIF(erlang, registered, 0, 0) { return registry_names(p->vm, &p->heap); }
