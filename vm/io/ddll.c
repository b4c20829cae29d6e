/* SPDX-License-Identifier: Apache-2.0 */
/* ddll - loading, reloading and unloading of linked-in drivers, and the natives of erl_ddll.
 * A driver is used by the processes that have loaded it, by its ports, and by pins. What is to be done when the
 * last of them is gone (unload, or load the new version) is done in a job of a scheduler, without locks.
 * Semantics: erl_ddll(3). Layer: io. */
#include "base/alloc.h"
#include "base/buf.h"
#include "bifs/bif.h"
#include "data/iolist.h"
#include "io/drv.h"
#include "nif/nif.h"
#include "proc/ptab.h"

#include <dlfcn.h>

/* Texts of the loader's errors; {open_error, -N} names the N-th. */
typedef struct LoadText {
    struct LoadText *next;
    int64_t code;
    char *text;
} LoadText;

struct DdllSpace {
    Mutex lock;                  /* class DRIVER_LIST */
    DynDriver *drivers;          /* lock; DynDrivers stay for ever */
    LoadText *texts;             /* lock */
    _Atomic(bool) any;           /* a driver was ever loaded */
};

static struct DdllSpace *ddll(Vm *vm) { return vm->io->ddll; }

static DynDriver *find_locked(Vm *vm, const char *name, size_t n)
{
    DynDriver *d = ddll(vm)->drivers;
    while (d && (strlen(d->name) != n || memcmp(d->name, name, n) != 0)) d = d->next;
    return d && d->status != DRIVER_UNUSED ? d : NULL;
}

/* ---- users ---- */

static DriverUser *find_user(const DynDriver *d, term_t pid, enum DriverUse use)
{
    DriverUser *u = d->users;
    while (u && (u->use != use || (pid != TERM_NONE && u->pid != pid))) u = u->next;
    return u;
}

static DriverUser *add_user(DynDriver *d, term_t pid, enum DriverUse use)
{
    DriverUser *u = MEM_NEW(DRV, DriverUser);
    u->pid = pid;
    u->use = use;
    u->next = d->users;
    return d->users = u;
}

static void remove_user(DynDriver *d, DriverUser *gone)
{
    DriverUser **at = &d->users;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    MEM_DELETE(DRV, gone);
}

static void add_loaded(DynDriver *d, term_t pid)
{
    DriverUser *u = find_user(d, pid, USE_LOADED);
    if (!u) u = add_user(d, pid, USE_LOADED);
    u->count++;
}

static bool has_loaded(const DynDriver *d) { return find_user(d, TERM_NONE, USE_LOADED) != NULL; }

/* {Type, Ref, driver, Name, What} to pid. */
static void notify(Vm *vm, term_t pid, RefNum ref, term_t type, term_t name, term_t what)
{
    Heap h = {0};
    Process *p = process_lookup_alive(vm, pid);
    if (!p) return;
    term_t r = ref_put(heap_alloc(&h, REF_WORDS), ref);
    term_t msg = heap_tuple5(&h, type, r, am_driver, name, term_copy(&h, what));
    message_send_heap(vm, am_system, p, msg, &h);
}

static void notify_users(DynDriver *d, enum DriverUse use, term_t type, term_t what)
{
    term_t name = atom_from_cstr(d->name);
    for (DriverUser *u = d->users, *next; u; u = next) {
        next = u->next;
        if (u->use != use) continue;
        notify(d->vm, u->pid, u->ref, type, name, what);
        remove_user(d, u);
    }
}

/* ---- libraries ---- */

static bool is_entry_ok(const ErlDrvEntry *e)
{
    return (unsigned)e->extended_marker == ERL_DRV_EXTENDED_MARKER &&
           e->major_version >= ERL_DRV_MIN_REQUIRED_MAJOR_VERSION_ON_LOAD &&
           (e->major_version < ERL_DRV_EXTENDED_MAJOR_VERSION ||
            (e->major_version == ERL_DRV_EXTENDED_MAJOR_VERSION && e->minor_version <= ERL_DRV_EXTENDED_MINOR_VERSION));
}

static void adopt_entry(DynDriver *d, ErlDrvEntry *e, void *handle)
{
    d->entry = e;
    d->handle = handle;
    d->port_driver = dyn_port_driver;
    d->port_driver.name = d->name;
    d->port_driver.lock = e->driver_flags & ERL_DRV_FLAG_USE_PORT_LOCKING ? NULL : &d->lock;
    d->port_driver.no_force = !(e->driver_flags & ERL_DRV_FLAG_SOFT_BUSY);
}

static term_t open_error(Vm *vm, Heap *h, const char *text)
{
    LoadText *t = MEM_NEW(DRV, LoadText);
    t->text = mem_text(MEM_DRV, text);
    t->code = ddll(vm)->texts ? ddll(vm)->texts->code - 1 : -1;
    t->next = ddll(vm)->texts;
    ddll(vm)->texts = t;
    return heap_tuple2(h, am_open_error, term_small(t->code));
}

/* TERM_NONE: d has the library's entry; else the reason, in h. */
static term_t open_library(DynDriver *d, const char *path, Heap *h)
{
    char *file = mem_alloc(MEM_DRV, strlen(path) + 4);
    strcat(strcpy(file, path), ".so");
    void *handle = dlopen(file, RTLD_NOW);
    mem_free(MEM_DRV, file, strlen(path) + 4);
    if (!handle) return open_error(d->vm, h, dlerror());
    ErlDrvEntry *(*init)(void) = (ErlDrvEntry * (*)(void)) dlsym(handle, "driver_init");
    ErlDrvEntry *e = init ? init() : NULL;
    term_t error = !init                             ? am_no_driver_init
                   : !e                              ? am_driver_init_failed
                   : !is_entry_ok(e)                 ? am_driver_incorrect_version
                   : strcmp(e->driver_name, d->name) ? am_bad_driver_name
                   : e->init && e->init() != 0       ? am_driver_init_failed : TERM_NONE;
    if (error == TERM_NONE) adopt_entry(d, e, handle);
    else dlclose(handle);
    return error;
}

static void close_library(DynDriver *d)
{
    if (d->entry && d->entry->finish) d->entry->finish();
    if (d->handle) dlclose(d->handle);
    d->entry = NULL;
    d->handle = NULL;
}

static void set_path(char **at, const char *path)
{
    mem_free_text(MEM_DRV, *at);
    *at = path ? mem_text(MEM_DRV, path) : NULL;
}

/* ---- what happens when nobody uses a driver any more ---- */

static void unload_now(DynDriver *d)
{
    close_library(d);
    d->status = DRIVER_UNUSED;
    notify_users(d, USE_AWAIT_UNLOAD, am_DOWN, am_unloaded);
    notify_users(d, USE_AWAIT_UNLOAD_ONLY, am_DOWN, am_unloaded);
}

static void reload_now(DynDriver *d)
{
    Heap h = {0};
    close_library(d);
    notify_users(d, USE_AWAIT_UNLOAD, am_DOWN, am_unloaded);
    notify_users(d, USE_AWAIT_UNLOAD_ONLY, am_DOWN, am_unloaded);
    term_t error = open_library(d, d->reload_path, &h);
    if (error == TERM_NONE) {
        set_path(&d->path, d->reload_path);
        d->kill_ports = d->reload_kill_ports;
        d->status = DRIVER_OK;
        notify_users(d, USE_AWAIT_LOAD, am_UP, am_loaded);
    } else {
        d->status = DRIVER_UNUSED;
        notify_users(d, USE_AWAIT_LOAD, am_DOWN, heap_tuple2(&h, am_load_failure, error));
        for (DriverUser *u; (u = d->users) != NULL;) remove_user(d, u);
    }
    set_path(&d->reload_path, NULL);
    heap_dispose(&h);
}

/* A job. The callbacks `init` and `finish` run under the list's lock: nobody may open a port meanwhile. */
static void settle(void *arg)
{
    DynDriver *d = arg;
    struct DdllSpace *s = ddll(d->vm);
    mutex_lock(&s->lock);
    bool idle = d->ports == 0 && d->pins == 0;
    if (idle && d->status == DRIVER_RELOAD) reload_now(d);
    else if (idle && d->status == DRIVER_UNLOAD && !has_loaded(d)) unload_now(d);
    mutex_unlock(&s->lock);
}

/* DRIVER_LIST held: settle soon if there is something to settle. */
static void settle_later(DynDriver *d)
{
    if (d->ports == 0 && d->pins == 0 && (d->status == DRIVER_RELOAD || d->status == DRIVER_UNLOAD))
        nif_later(d->vm, settle, d);
}

static void kill_ports(DynDriver *d)
{
    Ptab *t = d->vm->procs->ports;
    for (size_t i = 0, end = ptab_scan_end(t); i < end; i++) {
        Port *port = ptab_slot(t, i);
        if (!port || port->driver != &d->port_driver) continue;
        port_take_lock(port);
        if (port->state != PORT_DEAD) port_exit(port, am_driver_unloaded);
        port_unlock(port);
    }
}

/* ---- for ports ---- */

const PortDriver *ddll_driver_for_port(Vm *vm, const char *name, size_t n)
{
    struct DdllSpace *s = ddll(vm);
    mutex_lock(&s->lock);
    DynDriver *d = find_locked(vm, name, n);
    if (d && d->status != DRIVER_OK && d->status != DRIVER_PERMANENT) d = NULL;
    if (d) d->ports++;
    mutex_unlock(&s->lock);
    return d ? &d->port_driver : NULL;
}

static void change(DynDriver *d, int ports, int pins)
{
    struct DdllSpace *s = ddll(d->vm);
    mutex_lock(&s->lock);
    d->ports += (unsigned)ports;
    d->pins += (unsigned)pins;
    if (ports + pins < 0) settle_later(d);
    mutex_unlock(&s->lock);
}

void ddll_add_port(DynDriver *d) { change(d, 1, 0); }
void ddll_port_gone(DynDriver *d) { change(d, -1, 0); }
void ddll_pin(DynDriver *d) { change(d, 0, 1); }
void ddll_unpin(DynDriver *d) { change(d, 0, -1); }

bool ddll_lock_driver(DynDriver *d)
{
    struct DdllSpace *s = ddll(d->vm);
    mutex_lock(&s->lock);
    bool ok = d->status == DRIVER_OK || d->status == DRIVER_PERMANENT;
    if (ok && d->status == DRIVER_OK) {
        d->status = DRIVER_PERMANENT;
        notify_users(d, USE_AWAIT_LOAD, am_UP, am_permanent);
        notify_users(d, USE_AWAIT_UNLOAD, am_UP, am_permanent);
        notify_users(d, USE_AWAIT_UNLOAD_ONLY, am_UP, am_permanent);
    }
    mutex_unlock(&s->lock);
    return ok;
}

/* ---- the list ---- */

static DynDriver *make_locked(Vm *vm, const char *name)
{
    DynDriver *d = ddll(vm)->drivers;
    while (d && strcmp(d->name, name) != 0) d = d->next;
    if (d) return d;
    d = MEM_NEW(DRV, DynDriver);
    d->vm = vm;
    d->name = mem_text(MEM_DRV, name);
    mutex_init(&d->lock, LOCK_PORT);
    d->next = ddll(vm)->drivers;
    ddll(vm)->drivers = d;
    atomic_store(&ddll(vm)->any, true);
    return d;
}

void ddll_add_entry(Vm *vm, ErlDrvEntry *entry)
{
    mutex_lock(&ddll(vm)->lock);
    DynDriver *d = make_locked(vm, entry->driver_name);
    adopt_entry(d, entry, NULL);
    d->status = DRIVER_PERMANENT;
    if (entry->init) entry->init();
    mutex_unlock(&ddll(vm)->lock);
}

bool ddll_remove_entry(Vm *vm, ErlDrvEntry *entry)
{
    mutex_lock(&ddll(vm)->lock);
    DynDriver *d = find_locked(vm, entry->driver_name, strlen(entry->driver_name));
    bool removed = d && d->entry == entry && d->ports == 0;
    if (removed) d->status = DRIVER_UNUSED;
    mutex_unlock(&ddll(vm)->lock);
    return removed;
}

/* A process ends: what it has loaded is unloaded when nobody else uses it. */
static void user_gone(DynDriver *d, term_t pid, bool *kill)
{
    bool had = false;
    for (DriverUser *u = d->users, *next; u; u = next) {
        next = u->next;
        if (u->pid != pid) continue;
        had |= u->use == USE_LOADED;
        remove_user(d, u);
    }
    if (!had || has_loaded(d)) return;
    if (d->status == DRIVER_RELOAD) notify_users(d, USE_AWAIT_LOAD, am_DOWN, am_load_cancelled);
    if (d->status == DRIVER_OK || d->status == DRIVER_RELOAD) d->status = DRIVER_UNLOAD;
    *kill = d->kill_ports && d->ports > 0;
    settle_later(d);
}

static bool on_process_exit(Process *p, term_t reason UNUSED, int32_t *reds UNUSED)
{
    struct DdllSpace *s = ddll(p->vm);
    if (!atomic_load(&s->any)) return true;
    for (DynDriver *d = s->drivers; d; d = d->next) {
        bool kill = false;
        mutex_lock(&s->lock);
        user_gone(d, p->id, &kill);
        mutex_unlock(&s->lock);
        if (kill) kill_ports(d);
    }
    return true;
}

void ddll_init(Vm *vm)
{
    vm->io->ddll = MEM_NEW(DRV, struct DdllSpace);
    mutex_init(&ddll(vm)->lock, LOCK_DRIVER_LIST);
    proc_add_exit_hook(vm, on_process_exit);
}

/* ---- try_load ---- */

/* Options of try_load and try_unload; monitor, reload: 1 pending_driver, 2 pending. */
typedef struct DdllOptions {
    bool kill_ports;
    int monitor, reload;
} DdllOptions;

static int pending_kind(term_t t) { return t == am_pending_driver ? 1 : t == am_pending ? 2 : 0; }

static bool driver_options(term_t l, DdllOptions *o)
{
    for (; term_is_list_cell(l); l = list_tail(l)) {
        if (list_head(l) != am_kill_ports) return false;
        o->kill_ports = true;
    }
    return l == TERM_NIL;
}

static bool parse_options(term_t l, bool load, DdllOptions *o)
{
    *o = (DdllOptions){0};
    for (; term_is_list_cell(l); l = list_tail(l)) {
        term_t t = list_head(l);
        if (!load && t == am_kill_ports) {
            o->kill_ports = true;
            continue;
        }
        if (!term_is_tuple_of(t, 2)) return false;
        term_t key = tuple_element(t, 1), value = tuple_element(t, 2);
        if (key == am_monitor && pending_kind(value)) o->monitor = pending_kind(value);
        else if (load && key == am_reload && pending_kind(value)) o->reload = pending_kind(value);
        else if (!load || key != am_driver_options || !driver_options(value, o)) return false;
    }
    return l == TERM_NIL;
}

/* A name: atom, string or iolist of bytes; or, for paths, of characters. */
static bool put_name(Buf *b, term_t t)
{
    size_t n;
    enum IolistResult r;
    if (term_is_atom(t)) {
        buf_append(b, atom_text(t)->text, atom_text(t)->bytes);
        return b->len > 0;
    }
    uint8_t *bytes = iolist_to_bytes(t, &n, &r);
    if (bytes) {
        buf_append(b, bytes, n);
        mem_free(MEM_TEMP, bytes, n + 1);
        return n > 0 && !memchr(b->data, 0, b->len);
    }
    for (; term_is_list_cell(t); t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || small_value(c) <= 0 || small_value(c) > 0x10FFFF) return false;
        buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    return t == TERM_NIL && b->len > 0;
}

/* Result of an operation: {error, why} or {ok, what} with a monitor if that is more than one kind. */
typedef struct Outcome {
    term_t error, ok;
    bool monitor, kill;
    enum DriverUse await;
} Outcome;

static Outcome refuse(term_t why) { return (Outcome){.error = why, .ok = TERM_NONE}; }
static Outcome accept(term_t what) { return (Outcome){.error = TERM_NONE, .ok = what, .await = USE_AWAIT_LOAD}; }

static Outcome reload_ok(DynDriver *d, Process *p, const char *path, const DdllOptions *o)
{
    DriverUser *mine = find_user(d, p->id, USE_LOADED);
    bool others = false;
    for (const DriverUser *u = d->users; u; u = u->next) others |= u->use == USE_LOADED && u->pid != p->id;
    bool last = mine && mine->count == 1 && !others;
    if (o->reload == 1 && !last) return refuse(am_pending_process);
    if (d->kill_ports != o->kill_ports) return refuse(am_inconsistent);
    if (!mine) return refuse(am_not_loaded_by_this_process);
    if (--mine->count == 0) remove_user(d, mine);
    set_path(&d->reload_path, path);
    d->reload_kill_ports = o->kill_ports;
    d->status = DRIVER_RELOAD;
    add_loaded(d, p->id);
    Outcome r = accept(o->reload == 1 ? am_pending_driver : am_pending_process);
    r.monitor = o->monitor > 0;
    r.kill = d->kill_ports;
    return r;
}

static bool consistent(const char *at, const char *path, bool a, bool b) { return strcmp(at, path) == 0 && a == b; }

static Outcome load_known(DynDriver *d, Process *p, const char *path, const DdllOptions *o)
{
    if (d->status == DRIVER_PERMANENT) return refuse(am_permanent);
    if (d->status == DRIVER_OK && o->reload) return reload_ok(d, p, path, o);
    if (d->status == DRIVER_RELOAD) {
        if (o->reload) return refuse(am_pending_reload);
        if (!consistent(d->reload_path, path, d->reload_kill_ports, o->kill_ports)) return refuse(am_inconsistent);
        add_loaded(d, p->id);
        Outcome r = accept(am_pending_driver);
        r.monitor = true;
        return r;
    }
    if (o->reload) return refuse(am_not_loaded_by_this_process);
    if (!consistent(d->path, path, d->kill_ports, o->kill_ports)) return refuse(am_inconsistent);
    if (d->status == DRIVER_UNLOAD) {
        d->status = DRIVER_OK;
        notify_users(d, USE_AWAIT_UNLOAD, am_UP, am_unload_cancelled);
    }
    add_loaded(d, p->id);
    return accept(am_already_loaded);
}

static Outcome load_new(Process *p, const char *path, const char *name, const DdllOptions *o)
{
    if (o->reload) return refuse(am_not_loaded);
    DynDriver *d = make_locked(p->vm, name);
    term_t error = open_library(d, path, &p->heap);
    if (error != TERM_NONE) return refuse(error);
    set_path(&d->path, path);
    d->kill_ports = o->kill_ports;
    d->status = DRIVER_OK;
    add_loaded(d, p->id);
    nif_add_taint(p->vm, atom_from_cstr(name));
    return accept(am_loaded);
}

/* {ok, What}, {ok, What, Ref} or {error, Why}; lock held, and released. */
static term_t conclude(Process *p, DynDriver *d, Outcome r)
{
    RefNum ref = {0};
    if (r.monitor) {
        ref = ref_new(p->vm);
        add_user(d, p->id, r.await)->ref = ref;
    }
    if (r.kill) d->pins++;
    else if (d && r.error == TERM_NONE) settle_later(d);
    mutex_unlock(&ddll(p->vm)->lock);
    if (r.kill) {
        kill_ports(d);
        ddll_unpin(d);
    }
    if (r.error != TERM_NONE) return heap_tuple2(&p->heap, am_error, r.error);
    if (!r.monitor) return heap_tuple2(&p->heap, am_ok, r.ok);
    return heap_tuple3(&p->heap, am_ok, r.ok, ref_put(heap_alloc(&p->heap, REF_WORDS), ref));
}

static bool is_linked_in(Vm *vm, const char *name, size_t n)
{
    return port_find_driver(vm, name, n) != NULL;
}

static term_t try_load(Process *p, const char *path, const char *name, const DdllOptions *o)
{
    mutex_lock(&ddll(p->vm)->lock);
    DynDriver *d = find_locked(p->vm, name, strlen(name));
    Outcome r = is_linked_in(p->vm, name, strlen(name)) ? refuse(am_linked_in_driver)
                : d ? load_known(d, p, path, o) : load_new(p, path, name, o);
    return conclude(p, d, r);
}

BIF(erl_ddll, try_load, 3, 0)
{
    Buf path = BUF_INIT(TEMP), name = BUF_INIT(TEMP);
    DdllOptions o;
    term_t r = TERM_NONE;
    if (parse_options(a[2], true, &o) && put_name(&name, a[1]) && put_name(&path, a[0])) {
        while (path.len > 0 && path.data[path.len - 1] == '/') buf_truncate(&path, path.len - 1);
        buf_printf(&path, "/%s", buf_text(&name));
        r = try_load(p, buf_text(&path), buf_text(&name), &o);
    }
    buf_free(&path);
    buf_free(&name);
    return r != TERM_NONE ? r : bif_error(p, EXC_BADARG);
}

/* ---- try_unload ---- */

static Outcome unload_known(DynDriver *d, Process *p, const DdllOptions *o)
{
    DriverUser *mine = find_user(d, p->id, USE_LOADED);
    if (d->status == DRIVER_PERMANENT) return refuse(am_permanent);
    if (!mine && has_loaded(d)) return refuse(am_not_loaded_by_this_process);
    if (mine && --mine->count == 0) remove_user(d, mine);
    Outcome r = accept(am_pending_process);
    r.await = USE_AWAIT_UNLOAD;
    r.monitor = o->monitor == 2;
    if (has_loaded(d)) return r;
    r.monitor = o->monitor > 0;
    if (d->status == DRIVER_RELOAD) {
        notify_users(d, USE_AWAIT_LOAD, am_DOWN, am_load_cancelled);
        set_path(&d->reload_path, NULL);
    }
    r.kill = d->ports > 0 && (o->kill_ports || d->kill_ports);
    d->status = DRIVER_UNLOAD;
    r.ok = am_pending_driver;
    return r;
}

BIF(erl_ddll, try_unload, 2, 0)
{
    Buf name = BUF_INIT(TEMP);
    DdllOptions o;
    if (!parse_options(a[1], false, &o) || !put_name(&name, a[0])) {
        buf_free(&name);
        return bif_error(p, EXC_BADARG);
    }
    mutex_lock(&ddll(p->vm)->lock);
    DynDriver *d = find_locked(p->vm, name.data, name.len);
    Outcome r = is_linked_in(p->vm, name.data, name.len) ? refuse(am_linked_in_driver)
                : d ? unload_known(d, p, &o) : refuse(am_not_loaded);
    buf_free(&name);
    return conclude(p, d, r);
}

/* ---- information ---- */

BIF(erl_ddll, loaded_drivers, 0, 0)
{
    struct DdllSpace *s = ddll(p->vm);
    Heap *h = &p->heap;
    term_t l = TERM_NIL;
    for (size_t i = p->vm->io->driver_count; i-- > 0;) {
        const char *name = p->vm->io->drivers[i]->name;
        l = heap_cons(h, heap_string(h, name, strlen(name), TERM_NIL), l);
    }
    mutex_lock(&s->lock);
    for (const DynDriver *d = s->drivers; d; d = d->next)
        if (d->status != DRIVER_UNUSED) l = heap_cons(h, heap_string(h, d->name, strlen(d->name), TERM_NIL), l);
    mutex_unlock(&s->lock);
    return heap_tuple2(h, am_ok, l);
}

static term_t users_list(Heap *h, const DynDriver *d, enum DriverUse use)
{
    term_t l = TERM_NIL;
    for (const DriverUser *u = d->users; u; u = u->next) {
        unsigned n = use == USE_LOADED ? u->count : 1;
        if (u->use == use) l = heap_cons(h, heap_tuple2(h, u->pid, term_small(n)), l);
    }
    return l;
}

/* Of a driver that is part of the VM (d is NULL) or not; TERM_NONE: no such item. */
static term_t driver_item(Heap *h, const DynDriver *d, term_t item)
{
    bool permanent = d && d->status == DRIVER_PERMANENT;
    term_t other = !d ? am_linked_in_driver : permanent ? am_permanent : TERM_NONE;
    switch (item) {
    case am_linked_in_driver: return term_bool(!d);
    case am_permanent: return term_bool(permanent);
    case am_driver_options:
        if (!d) return other;
        return d->kill_ports ? heap_cons(h, am_kill_ports, TERM_NIL) : TERM_NIL;
    case am_port_count: return other != TERM_NONE ? other : term_small(d->ports);
    case am_processes: return other != TERM_NONE ? other : users_list(h, d, USE_LOADED);
    case am_awaiting_load: return other != TERM_NONE ? other : users_list(h, d, USE_AWAIT_LOAD);
    case am_awaiting_unload: return other != TERM_NONE ? other : users_list(h, d, USE_AWAIT_UNLOAD);
    default: return TERM_NONE;
    }
}

BIF(erl_ddll, info, 2, 0)
{
    struct DdllSpace *s = ddll(p->vm);
    Buf name = BUF_INIT(TEMP);
    term_t r = TERM_NONE;
    if (put_name(&name, a[0])) {
        mutex_lock(&s->lock);
        const DynDriver *d = find_locked(p->vm, name.data, name.len);
        if (d || is_linked_in(p->vm, name.data, name.len)) r = driver_item(&p->heap, d, a[1]);
        mutex_unlock(&s->lock);
    }
    buf_free(&name);
    return r != TERM_NONE ? r : bif_error(p, EXC_BADARG);
}

/* ---- monitors ---- */

typedef struct Immediate {
    term_t type, what;           /* TERM_NONE: later */
} Immediate;

static Immediate load_state(const DynDriver *d, bool linked_in)
{
    if (linked_in || (d && d->status == DRIVER_PERMANENT)) return (Immediate){am_UP, am_permanent};
    if (!d) return (Immediate){am_DOWN, am_unloaded};
    if (d->status == DRIVER_OK) return (Immediate){am_UP, am_loaded};
    if (d->status == DRIVER_UNLOAD) return (Immediate){am_DOWN, am_load_cancelled};
    return (Immediate){TERM_NONE, TERM_NONE};
}

static Immediate unload_state(const DynDriver *d, bool linked_in)
{
    if (linked_in || (d && d->status == DRIVER_PERMANENT)) return (Immediate){am_UP, am_permanent};
    return (Immediate){d ? TERM_NONE : am_DOWN, am_unloaded};
}

static term_t monitor_driver(Process *p, term_t name_term, const Buf *name, enum DriverUse use)
{
    struct DdllSpace *s = ddll(p->vm);
    RefNum ref = ref_new(p->vm);
    mutex_lock(&s->lock);
    DynDriver *d = find_locked(p->vm, name->data, name->len);
    bool linked_in = is_linked_in(p->vm, name->data, name->len);
    Immediate now = use == USE_AWAIT_LOAD ? load_state(d, linked_in) : unload_state(d, linked_in);
    if (now.type == TERM_NONE) add_user(d, p->id, use)->ref = ref;
    else notify(p->vm, p->id, ref, now.type, term_is_atom(name_term) ? name_term : atom_intern(name->data, name->len),
                now.what);
    mutex_unlock(&s->lock);
    return ref_put(heap_alloc(&p->heap, REF_WORDS), ref);
}

BIF(erl_ddll, monitor, 2, 0)
{
    Buf name = BUF_INIT(TEMP);
    term_t r = TERM_NONE;
    bool ok = a[0] == am_driver && term_is_tuple_of(a[1], 2) && put_name(&name, tuple_element(a[1], 1));
    if (ok) {
        term_t what = tuple_element(a[1], 2), as = tuple_element(a[1], 1);
        if (what == am_loaded) r = monitor_driver(p, as, &name, USE_AWAIT_LOAD);
        else if (what == am_unloaded) r = monitor_driver(p, as, &name, USE_AWAIT_UNLOAD);
        else if (what == am_unloaded_only) r = monitor_driver(p, as, &name, USE_AWAIT_UNLOAD_ONLY);
    }
    buf_free(&name);
    return r != TERM_NONE ? r : bif_error(p, EXC_BADARG);
}

BIF(erl_ddll, demonitor, 1, 0)
{
    struct DdllSpace *s = ddll(p->vm);
    if (!term_is_ref(a[0])) return bif_error(p, EXC_BADARG);
    if (!term_is_local_ref(a[0])) return am_true;
    mutex_lock(&s->lock);
    for (DynDriver *d = s->drivers; d; d = d->next)
        for (DriverUser *u = d->users, *next; u; u = next) {
            next = u->next;
            if (u->use != USE_LOADED && u->pid == p->id && ref_num_eq(u->ref, ref_num(a[0]))) remove_user(d, u);
        }
    mutex_unlock(&s->lock);
    return am_true;
}

/* ---- texts ---- */

static const char *error_text(term_t code)
{
    switch (code) {
    case am_inconsistent: return "The driver is loaded already with another name, path or options";
    case am_linked_in_driver: return "The driver is part of the virtual machine: it cannot be loaded or unloaded";
    case am_permanent: return "The driver is permanent: it cannot be loaded or unloaded";
    case am_not_loaded: return "The driver is not loaded";
    case am_not_loaded_by_this_process: return "The driver was not loaded by this process";
    case am_not_pending: return "The driver is not about to be loaded or unloaded";
    case am_pending_process: return "Other processes have loaded the driver";
    case am_pending_reload: return "The driver is about to be reloaded already";
    case am_already_loaded: return "The driver is loaded already";
    case am_no_driver_init: return "The library has no function driver_init";
    case am_driver_init_failed: return "The driver could not be initialised";
    case am_driver_incorrect_version: return "The driver is built for another version of the driver interface";
    case am_bad_driver_name: return "The name in the driver does not match its file name";
    default: return NULL;
    }
}

BIF(erl_ddll, format_error_int, 1, 0)
{
    struct DdllSpace *s = ddll(p->vm);
    const char *text = error_text(a[0]);
    if (!text && term_is_tuple_of(a[0], 2) && tuple_element(a[0], 1) == am_open_error) {
        mutex_lock(&s->lock);
        for (const LoadText *t = s->texts; t && !text; t = t->next)
            if (term_small(t->code) == tuple_element(a[0], 2)) text = t->text;
        mutex_unlock(&s->lock);
        if (!text) text = "Unknown dlload error";
    }
    return text ? heap_string(&p->heap, text, strlen(text), TERM_NIL) : bif_error(p, EXC_BADARG);
}
