/* SPDX-License-Identifier: Apache-2.0 */
/* cpus_bind - the topology of this machine and of this VM, and binding of schedulers (cpus.h). */
#include "base/affinity.h"
#include "base/alloc.h"
#include "base/thread.h"
#include "sched/sched.h"
#include "sys/cpus_priv.h"
#include "sys/sys.h"

#include <stdio.h>
#include <sys/stat.h>

/* ---- what the kernel tells ---- */

static uint32_t read_number(unsigned cpu, const char *name)
{
    char path[96];
    unsigned n = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/%s", cpu, name);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%u", &n) != 1 || n > CPU_ID_MAX) n = 0;
    if (f) fclose(f);
    return n;
}

/* Number of the memory node that lists this processor. */
static uint32_t node_of(unsigned cpu)
{
    char path[96];
    struct stat s;
    for (unsigned node = 0; node < 1024; node++) {
        snprintf(path, sizeof path, "/sys/devices/system/node/node%u", node);
        if (stat(path, &s) != 0) break;
        snprintf(path, sizeof path, "/sys/devices/system/node/node%u/cpu%u", node, cpu);
        if (stat(path, &s) == 0) return node;
    }
    return 0;
}

static bool is_split(const Cpus *c, unsigned i)
{
    bool split = false;
    for (unsigned k = 0; k < c->count; k++)
        split |= c->cpu[k].processor == c->cpu[i].processor && c->cpu[k].node != c->cpu[i].node;
    return split;
}

Cpus *cpus_detect(void)
{
    unsigned n = (unsigned)thread_cpus_online();
    Cpus *c = cpus_new(n);
    for (unsigned i = 0; i < n; i++)
        c->cpu[i] = (Cpu){i, node_of(i), read_number(i, "physical_package_id"), CPU_NONE, read_number(i, "core_id"), i};
    for (unsigned i = 0; i < n; i++)
        if (is_split(c, i)) c->cpu[i].inner_node = c->cpu[i].node; /* counts, not what is around the processor */
    if (cpus_arrange(c) == NULL) return c;
    cpus_free(c);
    return NULL;
}

/* ---- the VM's ---- */

typedef struct CpuSpace {
    Mutex lock;                 /* class CPUS */
    Cpus *detected, *defined;   /* lock; NULL: none */
    term_t bind_type;           /* lock */
    uint32_t *bound;            /* lock: of each scheduler its processor, or CPU_NONE */
} CpuSpace;

static const Cpus *used(const CpuSpace *s) { return s->defined ? s->defined : s->detected; }

/* Usable processors in the order of the bind type; schedulers beyond are unbound. */
static void assign(Vm *vm, CpuSpace *s)
{
    const Cpus *c = used(s);
    unsigned n = 0, count = vm->sched->count;
    for (unsigned i = 0; i < count; i++) s->bound[i] = CPU_NONE;
    if (!c) return;
    uint32_t *order = mem_alloc(MEM_TEMP, c->count * sizeof *order);
    if (cpus_order(c, s->bind_type, order))
        for (unsigned i = 0; i < c->count && n < count; i++)
            if (affinity_is_usable(order[i])) s->bound[n++] = order[i];
    mem_free(MEM_TEMP, order, c->count * sizeof *order);
}

static void bind_self(void *cpu) { affinity_bind_self((int)(intptr_t)cpu); }

/* Each scheduler does it when it comes to its jobs. */
static void bind(Vm *vm, const CpuSpace *s)
{
    for (unsigned i = 0; i < vm->sched->count; i++)
        sched_run_on(vm, i + 1, bind_self, (void *)(s->bound[i] == CPU_NONE ? (intptr_t)-1 : (intptr_t)s->bound[i]));
}

void cpus_init(Vm *vm)
{
    const char *why;
    CpuSpace *s = vm->sys->cpus = MEM_NEW(SYS, CpuSpace);
    mutex_init(&s->lock, LOCK_CPUS);
    if (vm->config->cpu_topology)
        s->defined = cpus_parse(vm->config->cpu_topology, &why);
    else if (!vm->config->no_cpu_detection)
        s->detected = cpus_detect();
    s->bind_type = bind_type_of_letters(vm->config->bind_type);
    s->bound = mem_alloc(MEM_SYS, vm->sched->count * sizeof *s->bound);
    assign(vm, s);
    if (s->bind_type != am_unbound) bind(vm, s);
}

term_t cpus_info(Vm *vm, Heap *h, term_t which)
{
    CpuSpace *s = vm->sys->cpus;
    mutex_lock(&vm->sys->cpus->lock);
    term_t t = cpus_term(h, which == am_used ? used(s) : which == am_detected ? s->detected : s->defined);
    mutex_unlock(&vm->sys->cpus->lock);
    return t;
}

term_t cpus_bind_type(Vm *vm)
{
    mutex_lock(&vm->sys->cpus->lock);
    term_t type = vm->sys->cpus->bind_type;
    mutex_unlock(&vm->sys->cpus->lock);
    return type;
}

term_t cpus_bindings(Vm *vm, Heap *h)
{
    unsigned n = vm->sched->count;
    term_t *hp = heap_alloc(h, 1 + n);
    hp[0] = HEADER(n, BOXED_TUPLE);
    mutex_lock(&vm->sys->cpus->lock);
    const uint32_t *bound = vm->sys->cpus->bound;
    for (unsigned i = 0; i < n; i++) hp[1 + i] = bound[i] == CPU_NONE ? am_unbound : term_small(bound[i]);
    mutex_unlock(&vm->sys->cpus->lock);
    return term_make_boxed(hp);
}

term_t cpus_fake_bindings(Vm *vm, Heap *h, term_t bind_type)
{
    mutex_lock(&vm->sys->cpus->lock);
    const Cpus *c = used(vm->sys->cpus);
    term_t result = am_false;
    uint32_t *order = c ? mem_alloc(MEM_TEMP, c->count * sizeof *order) : NULL;
    if (c && cpus_order(c, bind_type, order)) {
        term_t *hp = heap_alloc(h, 1 + c->count);
        hp[0] = HEADER(c->count, BOXED_TUPLE);
        for (unsigned i = 0; i < c->count; i++) hp[1 + i] = term_small(order[i]);
        result = term_make_boxed(hp);
    }
    if (c) mem_free(MEM_TEMP, order, c->count * sizeof *order);
    mutex_unlock(&vm->sys->cpus->lock);
    return result;
}

static void rebind(Vm *vm, CpuSpace *s)
{
    assign(vm, s);
    bind(vm, s);
}

term_t cpus_define(Vm *vm, Heap *h, term_t t)
{
    Cpus *new = t == am_undefined ? NULL : cpus_of_term(t);
    if (t != am_undefined && !new) return TERM_NONE;
    CpuSpace *s = vm->sys->cpus;
    mutex_lock(&vm->sys->cpus->lock);
    term_t old = cpus_term(h, used(s));
    cpus_free(s->defined);
    s->defined = new;
    rebind(vm, s);
    mutex_unlock(&vm->sys->cpus->lock);
    return old;
}

term_t cpus_set_bind_type(Vm *vm, term_t name)
{
    term_t type = bind_type_of_atom(name), old = TERM_NONE;
    CpuSpace *s = vm->sys->cpus;
    mutex_lock(&vm->sys->cpus->lock);
    if (type != TERM_NONE && used(s)) {
        old = s->bind_type;
        s->bind_type = type;
        rebind(vm, s);
    }
    mutex_unlock(&vm->sys->cpus->lock);
    return old;
}
