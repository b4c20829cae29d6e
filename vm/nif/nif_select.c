/* SPDX-License-Identifier: Apache-2.0 */
/* nif_select - see select.h. Semantics: erl_nif(3) enif_select, enif_select_x; erl_driver(3)
 * driver_select. Layer: nif. */
#include "nif/select.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "data/binary.h"
#include "data/term_print.h"

#include <fcntl.h>

#define API EXPORTED

static const uint32_t poll_bits[FD_WAITS] = {POLL_READ, POLL_WRITE, POLL_ERROR};

static FdTable *table_of(Vm *vm) { return vm->nif->fds; }

void fd_table_init(Vm *vm)
{
    FdTable *t = MEM_NEW(NIF, FdTable);
    mutex_init(&t->lock, LOCK_NIF_LIST);
    vm->nif->fds = t;
}

static void on_ready(PollFd *pf, uint32_t events);

/* NULL: never used. */
static FdState *find_locked(const FdTable *t, int fd)
{
    return fd >= 0 && (size_t)fd < t->count ? t->states[fd] : NULL;
}

static FdState *get_locked(Vm *vm, FdTable *t, int fd)
{
    if ((size_t)fd >= t->count) {
        size_t n = next_power_of_two(MAX((size_t)fd + 1, 64));
        t->states = mem_realloc(MEM_NIF, t->states, t->count * sizeof *t->states, n * sizeof *t->states);
        memset(t->states + t->count, 0, (n - t->count) * sizeof *t->states);
        t->count = n;
    }
    if (t->states[fd]) return t->states[fd];
    FdState *f = MEM_NEW(NIF, FdState);
    f->vm = vm;
    pollfd_init(&f->poll, fd, on_ready, f);
    for (int i = 0; i < FD_WAITS; i++) f->wait[i].pid = TERM_NONE;
    f->in_port = f->out_port = TERM_NONE;
    return t->states[fd] = f;
}

static bool is_descriptor(int fd) { return fd >= 0 && fcntl(fd, F_GETFD) >= 0; }

static void clear_wait_locked(FdWait *w)
{
    heap_dispose(&w->heap);
    w->heap = (Heap){0};
    w->pid = TERM_NONE;
}

/* Nobody waits any more. The resource, if one did, is returned with its reference. */
static Binary *set_free_locked(FdState *f)
{
    Binary *resource = f->resource;
    poll_remove(f->vm, &f->poll);
    for (int i = 0; i < FD_WAITS; i++) clear_wait_locked(&f->wait[i]);
    f->owner = FD_FREE;
    f->resource = NULL;
    f->in_port = f->out_port = TERM_NONE;
    f->ready = 0;
    return resource;
}

/* ---- stealing ---- */

static void put_owner(Buf *b, const FdState *f)
{
    if (f->owner == FD_NIF) {
        const NifResource *r = (const NifResource *)f->resource->data;
        buf_puts(b, "resource ");
        term_print(b, r->type->module, 300);
        buf_printf(b, ":%s", r->type->name);
        return;
    }
    if (f->in_port != TERM_NONE) {
        buf_puts(b, "input driver ");
        term_print(b, f->in_port, 100);
    }
    if (f->out_port != TERM_NONE) {
        buf_puts(b, f->in_port != TERM_NONE ? " and output driver " : "output driver ");
        term_print(b, f->out_port, 100);
    }
}

/* Take f from its owner; b gets the text of the report. */
static Binary *steal_locked(FdState *f, Buf *b, const char *by)
{
    buf_printf(b, "%s stealing control of fd=%d from ", by, f->poll.fd);
    put_owner(b, f);
    buf_puts(b, "\n");
    return set_free_locked(f);
}

/* What steal_locked left to be done without the lock. */
static void after_steal(Vm *vm, Buf *report, Binary *resource)
{
    if (report->len && table_of(vm)->report) table_of(vm)->report(vm, buf_text(report));
    buf_free(report);
    if (resource) binary_unref(resource);
}

/* ---- resources ---- */

static void prepare_locked(FdWait *w, enum ErlNifSelectFlags flags, term_t pid, void *obj, term_t msg,
                           ErlNifEnv *msg_env, term_t event)
{
    clear_wait_locked(w);
    w->pid = pid;
    if (!(flags & ERL_NIF_SELECT_CUSTOM_MSG)) {
        term_t resource = nif_resource_term(&w->heap, nif_resource_of(obj));
        w->msg = heap_tuple4(&w->heap, am_select, resource, term_copy_all(&w->heap, msg), event);
    } else if (msg_env && !msg_env->p) {
        w->msg = msg;
        w->heap = msg_env->own;
        msg_env->own = (Heap){0};
    } else {
        w->msg = term_copy_all(&w->heap, msg);
    }
}

static int select_locked(FdState *f, enum ErlNifSelectFlags flags, term_t pid, void *obj, term_t msg,
                         ErlNifEnv *msg_env)
{
    static const term_t events[FD_WAITS] = {am_ready_input, am_ready_output, am_ready_error};
    static const int bits[FD_WAITS] = {ERL_NIF_SELECT_READ, ERL_NIF_SELECT_WRITE, ERL_NIF_SELECT_ERROR};
    uint32_t want = 0;
    for (int i = 0; i < FD_WAITS; i++) {
        if (!(flags & bits[i])) continue;
        prepare_locked(&f->wait[i], flags, pid, obj, msg, msg_env, events[i]);
        msg_env = flags & ERL_NIF_SELECT_CUSTOM_MSG ? NULL : msg_env;
        want |= poll_bits[i];
    }
    if (f->owner == FD_FREE) {
        f->owner = FD_NIF;
        f->resource = binary_ref(nif_binary_of(obj));
    }
    return poll_add(f->vm, &f->poll, want) == 0 ? 0 : INT_MIN | ERL_NIF_SELECT_FAILED;
}

static int cancel_locked(FdState *f, enum ErlNifSelectFlags flags)
{
    static const int bits[FD_WAITS] = {ERL_NIF_SELECT_READ, ERL_NIF_SELECT_WRITE, ERL_NIF_SELECT_ERROR};
    static const int cancelled[FD_WAITS] = {ERL_NIF_SELECT_READ_CANCELLED, ERL_NIF_SELECT_WRITE_CANCELLED,
                                            ERL_NIF_SELECT_ERROR_CANCELLED};
    int result = 0;
    for (int i = 0; i < FD_WAITS; i++) {
        if (!(flags & bits[i]) || f->owner != FD_NIF || f->wait[i].pid == TERM_NONE) continue;
        clear_wait_locked(&f->wait[i]);
        poll_drop(f->vm, &f->poll, poll_bits[i]);
        result |= cancelled[i];
    }
    return result;
}

static void call_stop(NifResource *r, int fd)
{
    ErlNifResourceTypeInit calls;
    NifLibrary *lib = nif_resource_library(r, &calls);
    ErlNifEnv env;
    nif_env_callback(&env, r->type->vm, lib);
    if (calls.stop) calls.stop(&env, r->data, fd, 1);
    nif_env_done(&env);
    if (lib) nif_library_unref(lib);
}

/* No event is handled under way that could still touch the resource, so the callback comes at once. */
static int stop(Vm *vm, int fd, void *obj)
{
    FdTable *t = table_of(vm);
    Buf report = BUF_INIT(TEMP);
    Binary *kept = NULL;
    mutex_lock(&t->lock);
    FdState *f = find_locked(t, fd);
    int result = ERL_NIF_SELECT_STOP_CALLED;
    if (f && f->owner == FD_NIF && f->resource == nif_binary_of(obj)) {
        result |= cancel_locked(f, ERL_NIF_SELECT_READ | ERL_NIF_SELECT_WRITE | ERL_NIF_SELECT_ERROR);
        kept = set_free_locked(f);
    } else if (f && f->owner != FD_FREE) {
        kept = steal_locked(f, &report, "enif_select");
    }
    mutex_unlock(&t->lock);
    call_stop(nif_resource_of(obj), fd);
    after_steal(vm, &report, kept);
    return result;
}

API int enif_select_x(ErlNifEnv *env, ErlNifEvent fd, enum ErlNifSelectFlags flags, void *obj,
                      const ErlNifPid *pid, ERL_NIF_TERM msg, ErlNifEnv *msg_env)
{
    Vm *vm = nif_resource_of(obj)->type->vm;
    FdTable *t = table_of(vm);
    Buf report = BUF_INIT(TEMP);
    Binary *stolen = NULL;
    int result;
    if (flags & ERL_NIF_SELECT_STOP) return stop(vm, fd, obj);
    if (!is_descriptor(fd)) return INT_MIN | (fd < 0 ? ERL_NIF_SELECT_INVALID_EVENT : ERL_NIF_SELECT_FAILED);
    term_t to = pid ? pid->pid : env && env->p ? env->p->id : TERM_NONE;
    mutex_lock(&t->lock);
    FdState *f = get_locked(vm, t, fd);
    if (f->owner == FD_DRIVER || (f->owner == FD_NIF && f->resource != nif_binary_of(obj)))
        stolen = steal_locked(f, &report, "enif_select");
    if (flags & ERL_NIF_SELECT_CANCEL) result = cancel_locked(f, flags);
    else result = select_locked(f, flags, to, obj, msg, msg_env);
    mutex_unlock(&t->lock);
    after_steal(vm, &report, stolen);
    return result;
}

API int enif_select(ErlNifEnv *env, ErlNifEvent e, enum ErlNifSelectFlags flags, void *obj,
                    const ErlNifPid *pid, ERL_NIF_TERM ref)
{
    return enif_select_x(env, e, (enum ErlNifSelectFlags)(flags & ~ERL_NIF_SELECT_CUSTOM_MSG), obj, pid, ref, NULL);
}

/* ---- events ---- */

static void send_wait(Vm *vm, FdWait *w)
{
    Process *to = process_lookup_alive(vm, w->pid);
    if (to) message_send_heap(vm, am_system, to, w->msg, &w->heap);
    else heap_dispose(&w->heap);
}

static void nif_ready(FdState *f, FdTable *t, uint32_t events)
{
    FdWait fired[FD_WAITS];
    int n = 0;
    mutex_lock(&t->lock);
    for (int i = 0; f->owner == FD_NIF && i < FD_WAITS; i++) {
        FdWait *w = &f->wait[i];
        if (!(events & poll_bits[i]) || w->pid == TERM_NONE) continue;
        fired[n++] = *w;
        w->heap = (Heap){0};
        w->pid = TERM_NONE;
    }
    mutex_unlock(&t->lock);
    for (int i = 0; i < n; i++) send_wait(f->vm, &fired[i]);
}

static void on_ready(PollFd *pf, uint32_t events)
{
    FdState *f = pf->owner;
    FdTable *t = table_of(f->vm);
    term_t in = TERM_NONE, out = TERM_NONE;
    if (events & POLL_HANGUP) events |= POLL_READ | POLL_ERROR;
    if (events & POLL_ERROR) events |= POLL_READ | POLL_WRITE;
    mutex_lock(&t->lock);
    if (f->owner == FD_DRIVER) {
        f->ready |= events & (POLL_READ | POLL_WRITE);
        if (events & POLL_READ) in = f->in_port;
        if (events & POLL_WRITE) out = f->out_port;
    }
    mutex_unlock(&t->lock);
    if (in != TERM_NONE) t->port_ready(f->vm, in);
    if (out != TERM_NONE && out != in) t->port_ready(f->vm, out);
    nif_ready(f, t, events);
}

/* ---- ports ---- */

static bool is_stolen_by(const FdState *f, term_t port, uint32_t events)
{
    if (f->owner == FD_NIF) return true;
    if (f->owner == FD_FREE) return false;
    return (events & POLL_READ && f->in_port != TERM_NONE && f->in_port != port) ||
           (events & POLL_WRITE && f->out_port != TERM_NONE && f->out_port != port);
}

int fd_port_select(Vm *vm, int fd, term_t port, uint32_t events, const char *by)
{
    FdTable *t = table_of(vm);
    Buf report = BUF_INIT(TEMP), who = BUF_INIT(TEMP);
    Binary *stolen = NULL;
    if (!is_descriptor(fd)) return -1;
    mutex_lock(&t->lock);
    FdState *f = get_locked(vm, t, fd);
    if (is_stolen_by(f, port, events)) {
        buf_printf(&who, "driver_select(%d) by %s driver ", fd, by);
        term_print(&who, port, 100);
        stolen = steal_locked(f, &report, buf_text(&who));
    }
    f->owner = FD_DRIVER;
    if (events & POLL_READ) f->in_port = port;
    if (events & POLL_WRITE) f->out_port = port;
    int error = poll_add(vm, &f->poll, events & ~f->ready);
    mutex_unlock(&t->lock);
    after_steal(vm, &report, stolen);
    buf_free(&who);
    return error ? -1 : 0;
}

bool fd_port_deselect(Vm *vm, int fd, term_t port, uint32_t events)
{
    FdTable *t = table_of(vm);
    mutex_lock(&t->lock);
    FdState *f = find_locked(t, fd);
    bool had = f && f->owner == FD_DRIVER && (f->in_port == port || f->out_port == port);
    if (had) {
        uint32_t mine = (f->in_port == port ? POLL_READ : 0u) | (f->out_port == port ? POLL_WRITE : 0u);
        uint32_t gone = events & mine;
        if (gone & POLL_READ) f->in_port = TERM_NONE;
        if (gone & POLL_WRITE) f->out_port = TERM_NONE;
        f->ready &= ~gone;
        if (f->in_port == TERM_NONE && f->out_port == TERM_NONE) set_free_locked(f);
        else if (gone) poll_drop(vm, &f->poll, gone);
    }
    mutex_unlock(&t->lock);
    return had;
}

uint32_t fd_port_take(Vm *vm, int fd, term_t port)
{
    FdTable *t = table_of(vm);
    mutex_lock(&t->lock);
    FdState *f = find_locked(t, fd);
    uint32_t ready = 0;
    if (f && f->owner == FD_DRIVER) {
        if (f->in_port == port) ready |= f->ready & POLL_READ;
        if (f->out_port == port) ready |= f->ready & POLL_WRITE;
        f->ready &= ~ready;
    }
    mutex_unlock(&t->lock);
    return ready;
}

void fd_port_rearm(Vm *vm, int fd, term_t port, uint32_t events)
{
    FdTable *t = table_of(vm);
    mutex_lock(&t->lock);
    FdState *f = find_locked(t, fd);
    uint32_t want = 0;
    if (f && f->owner == FD_DRIVER) {
        if (f->in_port == port) want |= events & POLL_READ;
        if (f->out_port == port) want |= events & POLL_WRITE;
    }
    if (want) (void)poll_add(vm, &f->poll, want);
    mutex_unlock(&t->lock);
}

size_t fd_resource_count(Vm *vm)
{
    FdTable *t = table_of(vm);
    size_t n = 0;
    mutex_lock(&t->lock);
    for (size_t i = 0; i < t->count; i++) n += t->states[i] && t->states[i]->owner == FD_NIF;
    mutex_unlock(&t->lock);
    return n;
}
