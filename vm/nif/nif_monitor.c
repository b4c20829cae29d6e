/* SPDX-License-Identifier: Apache-2.0 */
/* nif_monitor - resources and ports that watch processes (enif_monitor_process, driver_monitor_process).
 * The monitored process has an ordinary entry whose watcher is the port, or the plain reference with
 * the number of the resource; the table here leads from the monitor's reference to the watcher.
 * Whoever takes the entry out of the table acts: the end of the process, a demonitor, or the end
 * of the watcher; so `down` comes at most once and never after the others. Layer: nif. */
#include "base/alloc.h"
#include "base/hash.h"
#include "data/binary.h"
#include "nif/nif.h"
#include "proc/signal.h"

#define API EXPORTED

static uint64_t ref_hash(RefNum ref)
{
    return hash_combine(ref.low, ref.num2);
}

static bool ref_equal(const HashNode *node, const void *key)
{
    return ref_num_eq(container_of(node, NifMonitor, link)->ref, *(const RefNum *)key);
}

static NifMonitor *find_locked(struct NifSpace *s, RefNum ref)
{
    HashNode *n = hash_find(&s->monitors, ref_hash(ref), ref_equal, &ref);
    return n ? container_of(n, NifMonitor, link) : NULL;
}

static void insert_locked(struct NifSpace *s, NifMonitor *m, NifMonitor **list)
{
    hash_insert(&s->monitors, &m->link, ref_hash(m->ref));
    m->next = *list;
    m->back = list;
    if (m->next) m->next->back = &m->next;
    *list = m;
}

static void remove_locked(struct NifSpace *s, NifMonitor *m)
{
    hash_remove(&s->monitors, &m->link);
    *m->back = m->next;
    if (m->next) m->next->back = m->back;
}

/* ---- for watchers ---- */

static term_t plain_ref(term_t *words, RefNum n) { return ref_put(words, n); }

int nif_monitor(Vm *vm, NifMonitor **list, Binary *resource, term_t port, term_t pid, RefNum *ref)
{
    struct NifSpace *s = vm->nif;
    term_t words[REF_WORDS], watcher_words[REF_WORDS];
    NifMonitor *m = MEM_NEW(NIF, NifMonitor);
    *ref = m->ref = ref_new(vm);
    m->pid = pid;
    m->resource = resource;
    m->port = port;
    mutex_lock(&s->lock);
    insert_locked(s, m, list);
    mutex_unlock(&s->lock);
    term_t watcher = resource ? plain_ref(watcher_words, ((NifResource *)resource->data)->ref) : port;
    if (process_lookup_alive(vm, pid) &&
        signal_send_monitor(vm, watcher, pid, plain_ref(words, *ref), TERM_NONE))
        return 0;
    (void)nif_demonitor(vm, resource, port, *ref);
    return 1;
}

static void tell_process(Vm *vm, const NifMonitor *m)
{
    term_t words[REF_WORDS], watcher_words[REF_WORDS];
    term_t watcher = m->resource ? plain_ref(watcher_words, ((NifResource *)m->resource->data)->ref) : m->port;
    (void)signal_send_demonitor(vm, watcher, m->pid, plain_ref(words, m->ref));
}

int nif_demonitor(Vm *vm, Binary *resource, term_t port, RefNum ref)
{
    struct NifSpace *s = vm->nif;
    mutex_lock(&s->lock);
    NifMonitor *m = find_locked(s, ref);
    if (m && (m->resource != resource || m->port != port)) m = NULL;
    if (m) remove_locked(s, m);
    mutex_unlock(&s->lock);
    if (!m) return 1;
    tell_process(vm, m);
    MEM_DELETE(NIF, m);
    return 0;
}

term_t nif_monitored(Vm *vm, term_t port, RefNum ref)
{
    struct NifSpace *s = vm->nif;
    mutex_lock(&s->lock);
    const NifMonitor *m = find_locked(s, ref);
    term_t pid = m && m->port == port ? m->pid : TERM_NONE;
    mutex_unlock(&s->lock);
    return pid;
}

term_t nif_monitor_list(Vm *vm, Heap *h, NifMonitor *const *list)
{
    struct NifSpace *s = vm->nif;
    term_t l = TERM_NIL;
    mutex_lock(&s->lock);
    for (const NifMonitor *m = *list; m; m = m->next) l = heap_cons(h, heap_tuple2(h, am_process, m->pid), l);
    mutex_unlock(&s->lock);
    return l;
}

void nif_demonitor_all(Vm *vm, NifMonitor **list)
{
    struct NifSpace *s = vm->nif;
    for (;;) {
        mutex_lock(&s->lock);
        NifMonitor *m = *list;
        if (m) remove_locked(s, m);
        mutex_unlock(&s->lock);
        if (!m) return;
        tell_process(vm, m);
        MEM_DELETE(NIF, m);
    }
}

/* ---- for the process that ends ---- */

static void resource_down(Process *p, Binary *b, RefNum ref)
{
    NifResource *r = (NifResource *)b->data;
    ErlNifResourceTypeInit calls;
    NifLibrary *lib = nif_resource_library(r, &calls);
    ErlNifEnv env;
    ErlNifPid pid = {p->id};
    ErlNifMonitor monitor;
    nif_monitor_put(&monitor, ref);
    nif_env_callback(&env, p->vm, lib);
    if (calls.down) calls.down(&env, r->data, &pid, &monitor);
    nif_env_done(&env);
    if (lib) nif_library_unref(lib);
    binary_unref(b);
}

/* A resource whose last reference is gone already is as good as destroyed: its job takes the monitor away. */
static void on_down(Process *p, term_t watcher UNUSED, term_t ref)
{
    struct NifSpace *s = p->vm->nif;
    mutex_lock(&s->lock);
    NifMonitor *m = find_locked(s, ref_num(ref));
    if (m && m->resource && !binary_ref_try(m->resource)) m = NULL;
    if (m) remove_locked(s, m);
    mutex_unlock(&s->lock);
    if (!m) return;
    if (m->resource) resource_down(p, m->resource, m->ref);
    else s->port_down(p->vm, m->port, m->ref);
    MEM_DELETE(NIF, m);
}

static term_t watcher_term(Vm *vm, Heap *h, term_t watcher, term_t ref)
{
    struct NifSpace *s = vm->nif;
    mutex_lock(&s->lock);
    const NifMonitor *m = find_locked(s, ref_num(ref));
    Binary *b = m && m->resource && binary_ref_try(m->resource) ? m->resource : NULL;
    mutex_unlock(&s->lock);
    if (!b) return term_copy(h, watcher);
    term_t t = nif_resource_term(h, (NifResource *)b->data);
    binary_unref(b);
    return t;
}

static const ProcNativeOps native_ops = {on_down, watcher_term, nif_calls_library, nif_failed};

void nif_monitor_init(Vm *vm)
{
    hash_init(&vm->nif->monitors, MEM_NIF, 0);
    vm->procs->native_ops = &native_ops;
}

/* ---- the interface ---- */

/* 0: watched; above 0: no such process; below: no `down` callback, or no process can be meant. */
API int enif_monitor_process(ErlNifEnv *env UNUSED, void *obj, const ErlNifPid *pid, ErlNifMonitor *monitor)
{
    NifResource *r = nif_resource_of(obj);
    RefNum ref;
    if (!r->type->calls.down) return -1;
    if (!term_is_local_pid(pid->pid)) return 1;
    Vm *vm = r->type->vm;
    EpochSection section = nif_enter(vm);
    int result = nif_monitor(vm, &r->monitors, nif_binary_of(obj), TERM_NONE, pid->pid, &ref);
    nif_leave(vm, section);
    if (monitor) nif_monitor_put(monitor, ref);
    return result;
}

API int enif_demonitor_process(ErlNifEnv *env UNUSED, void *obj, const ErlNifMonitor *monitor)
{
    Vm *vm = nif_resource_of(obj)->type->vm;
    EpochSection section = nif_enter(vm);
    int result = nif_demonitor(vm, nif_binary_of(obj), TERM_NONE, nif_monitor_ref(monitor));
    nif_leave(vm, section);
    return result;
}

API int enif_compare_monitors(const ErlNifMonitor *a, const ErlNifMonitor *b)
{
    return memcmp(a, b, sizeof *a);
}

API ERL_NIF_TERM enif_make_monitor_term(ErlNifEnv *env, const ErlNifMonitor *monitor)
{
    return ref_put(heap_alloc(env->heap, REF_WORDS), nif_monitor_ref(monitor));
}
