/* SPDX-License-Identifier: Apache-2.0 */
/* bif_code - loading, replacing and asking about code.
 * Semantics: erlang(3) for load_module, delete_module, purge_module, function_exported, get_module_info,
 * loaded, pre_loaded, is_builtin; code(3); preloaded erts_internal, erts_code_purger and
 * erts_literal_area_collector for the rest. Layer: bifs. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "bifs/bif.h"
#include "code/purge.h"
#include "data/binary.h"
#include "data/map.h"
#include "etf/etf.h"
#include "loader/beamfile.h"
#include "loader/check_process.h"
#include "loader/load.h"
#include "nif/nif.h"
#include "proc/message.h"
#include "proc/report.h"
#include "trace/breakpoint.h"
#include "proc/signal.h"
#include "proc/systask.h"
#include "sched/sched.h"

#include <stdio.h>

/* ---- prepared code: a magic reference that owns the instance until it is committed ---- */

typedef struct Prepared {
    Vm *vm;
    CodeInstance *instance; /* NULL once committed */
} Prepared;

static void destroy_prepared(Binary *b)
{
    Prepared *prepared = (Prepared *)b->data;
    if (prepared->instance)
        loader_discard(prepared->vm, prepared->instance);
}

static Prepared *prepared_of(term_t t)
{
    Binary *b = magic_ref_of(t, destroy_prepared);
    Prepared *prepared = b ? (Prepared *)b->data : NULL;
    return prepared && prepared->instance ? prepared : NULL;
}

static term_t module_error(Process *p, term_t reason)
{
    return heap_tuple2(&p->heap, am_error, reason);
}

/* To the logger process, in the form of the VM's other reports; to stderr while there is none. */
static void report_damaged(Process *p, term_t module, const char *why)
{
    Heap *h = &p->heap;
    const AtomText *name = atom_text(module);
    Buf text = BUF_INIT(TEMP);
    buf_printf(&text, "Error loading module %.*s:\n  %s\n", (int)name->bytes, name->text, why);
    term_t string = heap_string(h, buf_text(&text), text.len, TERM_NIL);
    term_t tag[] = {am_tag, am_error};
    term_t meta[] = {am_gl, p->group_leader, am_pid, p->id,
                     am_time, heap_int(h, clock_os_system_ns() / NS_PER_US),
                     am_error_logger, map_from_pairs(h, tag, 1, NULL)};
    term_t event = heap_tuple5(h, am_log, am_error, heap_string(h, "~s~n", 4, TERM_NIL),
                               heap_cons(h, string, TERM_NIL), map_from_pairs(h, meta, 4, NULL));
    if (!message_send_to(p->vm, p->id, process_logger(p->vm), event))
        log_warn("%s", buf_text(&text));
    buf_free(&text);
}

/* Not the whole of a file that was read from the OTP root in use? */
static bool is_foreign(term_t code)
{
    const Binary *b = bitstring_storage(code);
    return !b || !(b->flags & BINARY_OF_ROOT) || bitstring_bits(code) / 8 != b->size;
}

BIF(erts_internal, prepare_loading, 2, 0)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t size;
    char why[160];
    const uint8_t *data = term_is_atom(a[0]) ? binary_bytes(a[1], &size, &temp) : NULL;
    if (!data)
        return bif_error(p, EXC_BADARG);
    CodeInstance *c = loader_build(p->vm, a[0], data, size, is_foreign(a[1]), why, sizeof why);
    process_bump_reds(p, (int32_t)MIN(size / 64, (size_t)4000));
    temp_bytes_free(&temp);
    if (!c) {
        report_damaged(p, a[0], why);
        return module_error(p, am_badfile);
    }
    Binary *m = binary_new_magic(sizeof(Prepared), 0, destroy_prepared);
    *(Prepared *)m->data = (Prepared){p->vm, c};
    return heap_magic_ref(&p->heap, m, ref_new(p->vm));
}

BIF(erlang, has_prepared_code_on_load, 1, 0)
{
    Prepared *prepared = prepared_of(a[0]);
    return prepared ? term_bool(prepared->instance->on_load != NULL) : bif_error(p, EXC_BADARG);
}

/* Length of a proper list of prepared code, or -1. */
static sword_t prepared_count(term_t list)
{
    sword_t n = 0;
    for (; term_is_list_cell(list); list = list_tail(list), n++)
        if (!prepared_of(list_head(list)))
            return -1;
    return list == TERM_NIL ? n : -1;
}

static term_t names_of(Process *p, CodeInstance **instances, const bool *bad, size_t n)
{
    term_t list = TERM_NIL;
    while (n-- > 0)
        if (bad[n])
            list = heap_cons(&p->heap, instances[n]->name, list);
    return list;
}

/* Who owns the committed instances: the module table. */
static void disown(term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list))
        prepared_of(list_head(list))->instance = NULL;
}

static term_t commit_list(Process *p, term_t list, CodeInstance **instances, bool *bad, size_t n)
{
    size_t i = 0;
    for (term_t t = list; term_is_list_cell(t); t = list_tail(t))
        instances[i++] = prepared_of(list_head(t))->instance;
    enum CommitResult result = loader_commit(p->vm, instances, n, bad);
    if (result == COMMIT_OK) {
        disown(list);
        return am_ok;
    }
    if (result == COMMIT_ON_LOAD && n > 1)
        return bif_error(p, EXC_SYSTEM_LIMIT);
    term_t names = names_of(p, instances, bad, n);
    term_t reason = result == COMMIT_NOT_PURGED ? am_not_purged
                  : result == COMMIT_DUPLICATED ? am_duplicated : am_on_load;
    if (result == COMMIT_ON_LOAD)
        disown(list);
    return heap_tuple2(&p->heap, reason, names);
}

BIF(erlang, finish_loading, 1, 0)
{
    sword_t n = prepared_count(a[0]);
    if (n < 0)
        return bif_error(p, EXC_BADARG);
    if (n == 0)
        return am_ok;
    if (nif_code_is_held(p))
        return bif_yield(p);
    /* As in the reference, whoever was spawned before gets to run before the code changes. */
    p->flags ^= PF_YIELDED;
    if (p->flags & PF_YIELDED)
        return bif_yield(p);
    CodeInstance **instances = MEM_NEW_ARRAY(TEMP, CodeInstance *, (size_t)n);
    bool *bad = mem_alloc_zero(MEM_TEMP, (size_t)n * sizeof *bad);
    term_t result = commit_list(p, a[0], instances, bad, (size_t)n);
    for (sword_t i = 0; result == am_ok && i < n; i++)
        breakpoint_module_loaded(p->vm, instances[i]->name);
    MEM_DELETE_ARRAY(TEMP, bad, (size_t)n);
    MEM_DELETE_ARRAY(TEMP, instances, (size_t)n);
    return result;
}

/* ---- on_load ---- */

BIF(erlang, call_on_load_function, 1, 0)
{
    Module *m = term_is_atom(a[0]) ? module_find(p->vm, a[0]) : NULL;
    if (!m || !load_acquire(&m->on_load))
        return bif_error(p, EXC_BADARG);
    return bif_trap(p, &m->on_load_call, 0, NULL);
}

BIF(erlang, finish_after_on_load, 2, 0)
{
    if (!term_is_atom(a[0]) || !term_is_bool(a[1])
        || !loader_finish_on_load(p->vm, a[0], a[1] == am_true))
        return bif_error(p, EXC_BADARG);
    if (a[1] == am_true)
        breakpoint_module_loaded(p->vm, a[0]);
    else
        breakpoint_module_refused(p->vm, a[0]);
    return am_true;
}

/* ---- old code ---- */

typedef struct Turn {
    NativeState state;
    enum ProcPriority priority; /* of the process, which waits its turn at normal priority at most */
} Turn;

static void turn_destroy(NativeState *s) { MEM_DELETE(CODE, (Turn *)s); }

/* True the second time. */
static bool had_turn(Process *p)
{
    NativeState *s = p->native_state;
    if (s && s->destroy == turn_destroy) {
        p->native_state = NULL;
        (void)sched_set_priority(p, ((Turn *)s)->priority);
        turn_destroy(s);
        return true;
    }
    Turn *turn = MEM_NEW(CODE, Turn);
    turn->state.destroy = turn_destroy;
    turn->priority = sched_set_priority(p, PRIO_NORMAL);
    if (turn->priority < PRIO_NORMAL) (void)sched_set_priority(p, turn->priority);
    p->native_state = &turn->state;
    return false;
}

/* Whoever was to run before this process, whatever its priority, begins with the code that is there, as on the
 * reference, where the deletion waits for all schedulers. */
BIF(erlang, delete_module, 1, 0)
{
    if (!term_is_atom(a[0]))
        return bif_error(p, EXC_BADARG);
    if (!had_turn(p)) return bif_yield(p);
    switch (purge_delete_module(p->vm, a[0])) {
    case DELETE_OK: breakpoint_module_replaced(p->vm, a[0]); return am_true;
    case DELETE_NO_MODULE: return am_undefined;
    default: break;
    }
    Heap h = {0};
    (void)report_error(p, &h, "Module ~w must be purged before deleting~n", heap_cons(&h, a[0], TERM_NIL));
    return bif_error(p, EXC_BADARG);
}

BIF(erlang, check_old_code, 1, 0)
{
    if (!term_is_atom(a[0]))
        return bif_error(p, EXC_BADARG);
    Module *m = module_find(p->vm, a[0]);
    return term_bool(m && load_acquire(&m->old));
}

BIF(erts_internal, check_process_code, 1, 0)
{
    if (!term_is_atom(a[0]))
        return bif_error(p, EXC_BADARG);
    return term_bool(process_uses_old_code(p, a[0]));
}

/* A process in a dirty native cannot be looked at; it holds its own code by its return addresses, which
 * are checked when it comes back. */
BIF(erts_internal, check_dirty_process_code, 2, 0)
{
    if (!term_is_local_pid(a[0]) || !term_is_atom(a[1]))
        return bif_error(p, EXC_BADARG);
    return am_normal;
}

/* Whoever called a fun of the module meanwhile goes on (erts_code_purger:pending_purge_lambda/3). */
static void resume_waiters(Process *p)
{
    term_t *pids;
    size_t n = purge_take_waiters(p->vm, &pids);
    for (size_t i = 0; i < n; i++) {
        SignalX *x = signal_new_x(SIG_RESUME, p->id);
        if (!signal_send_pid(p->vm, pids[i], &x->s))
            signal_free(&x->s);
    }
    MEM_DELETE_ARRAY(TEMP, pids, n);
}

BIF(erts_internal, purge_module, 2, 0)
{
    Vm *vm = p->vm;
    if (!term_is_atom(a[0]))
        return bif_error(p, EXC_BADARG);
    if (a[1] == am_prepare || a[1] == am_prepare_on_load)
        return term_bool(purge_prepare(vm, a[0], a[1] == am_prepare_on_load));
    bool abort = a[1] == am_abort;
    if ((!abort && a[1] != am_complete)
        || !(abort ? purge_abort(vm, a[0]) : purge_complete(vm, a[0])))
        return bif_error(p, EXC_BADARG);
    resume_waiters(p);
    if (!abort)
        literal_collector_wake(vm);
    return term_bool(!abort);
}

/* The collector of literal areas, which waits until all epoch sections of a time have ended. */
typedef struct AreaWait {
    EpochNode node;
    Vm *vm;
    term_t pid, ref;         /* ref in piece */
    HeapPiece piece;
} AreaWait;

static void area_wait_over(void *arg)
{
    AreaWait *w = arg;
    message_answer(w->vm, am_system, w->pid, w->ref, am_true);
    heap_piece_dispose(&w->piece);
    MEM_DELETE(TEMP, w);
}

static void sections_ended(void *arg)
{
    AreaWait *w = arg;
    sched_run_on(w->vm, 1, area_wait_over, w);
}

BIF(erts_literal_area_collector, release_area_switch, 0, 0)
{
    if (!purge_switch_area(p->vm)) return am_false;
    term_t ref = heap_new_ref(&p->heap, p->vm);
    AreaWait *w = MEM_NEW(TEMP, AreaWait);
    w->vm = p->vm;
    w->pid = p->id;
    w->ref = heap_piece_copy_all(&w->piece, ref);
    epoch_defer(p->vm->epoch, &w->node, sections_ended, w);
    return bif_trap_mfa(p, am_erts_internal, am_await_result, 1, &ref);
}

/* send_copy_request(To, AreaId, How): answered by {copy_literals, {AreaId, How, To}, Result}. */
BIF(erts_literal_area_collector, send_copy_request, 3, 0)
{
    term_t id = heap_tuple3(&p->heap, a[1], a[2], a[0]);
    term_t request = heap_tuple3(&p->heap, am_copy_literals, id, a[2]);
    if (!systask_request(p->vm, p->id, a[0], process_priority(p), request))
        return bif_error(p, EXC_BADARG);
    return am_ok;
}

/* ---- what is loaded ---- */

struct List {
    Heap *heap;
    term_t list;
};

static void add_loaded(Module *m, void *ctx)
{
    struct List *l = ctx;
    if (load_acquire(&m->current) || load_acquire(&m->old))
        l->list = heap_cons(l->heap, m->name, l->list);
}

BIF(erlang, loaded, 0, 0)
{
    struct List l = {&p->heap, TERM_NIL};
    module_each(p->vm, add_loaded, &l);
    return l.list;
}

BIF(erlang, pre_loaded, 0, 0)
{
    LoaderSpace *s = p->vm->loader;
    return heap_list(&p->heap, s->preloaded_count, s->preloaded, TERM_NIL);
}

BIF(erlang, module_loaded, 1, 0)
{
    if (!term_is_atom(a[0]))
        return bif_error(p, EXC_BADARG);
    Module *m = module_find(p->vm, a[0]);
    return term_bool(m && load_acquire(&m->loaded));
}

/* Natives that a loaded module does not export exist for that module only. */
static bool is_exported(Vm *vm, const Export *e)
{
    if (!e)
        return false;
    return e->flags & EXPORT_LOADED || (e->native && !module_current(vm, e->mfa.module));
}

static bool mfa_args(const term_t *a)
{
    return term_is_atom(a[0]) && term_is_atom(a[1]) && term_is_small(a[2]) && small_value(a[2]) >= 0;
}

BIF(erlang, function_exported, 3, 0)
{
    if (!mfa_args(a))
        return bif_error(p, EXC_BADARG);
    return term_bool(is_exported(p->vm, export_find(p->vm, a[0], a[1], (word_t)small_value(a[2]))));
}

BIF(erlang, is_builtin, 3, 0)
{
    if (!term_is_atom(a[0]) || !term_is_atom(a[1]) || !term_is_small(a[2]))
        return bif_error(p, EXC_BADARG);
    if (!mfa_args(a))
        return am_false;
    Export *e = export_find(p->vm, a[0], a[1], (word_t)small_value(a[2]));
    if (a[0] == am_erlang && (a[1] == am_apply || a[1] == am_hibernate) && e)
        return am_true;
    return term_bool(e && e->native && is_exported(p->vm, e));
}

/* ---- module_info ---- */

static term_t function_list(Process *p, const CodeInstance *c)
{
    term_t list = TERM_NIL;
    for (size_t i = c->function_count; i-- > 0;) {
        const Mfa *m = code_entry_mfa(c->functions[i]);
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, m->function, term_small((int64_t)m->arity)), list);
    }
    return list;
}

static term_t export_list(Process *p, const CodeInstance *c)
{
    term_t list = TERM_NIL;
    for (size_t i = 0; i < c->export_count; i++) {
        const Mfa *m = &c->exports[i].export->mfa;
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, m->function, term_small((int64_t)m->arity)), list);
    }
    return list;
}

/* Natives of a library loaded by this module; those of Joist itself count when the module is one that
 * calls load_nif. */
static term_t nif_list(Process *p, const CodeInstance *c)
{
    term_t list = TERM_NIL;
    const NifLibrary *lib = nif_is_library(c->nif_library) ? c->nif_library : NULL;
    for (const NifFunction *f = lib ? lib->functions : NULL; f; f = f->next) {
        const Mfa *m = &f->export.mfa;
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, m->function, term_small((int64_t)m->arity)), list);
    }
    if (lib) return list;
    for (size_t i = c->function_count; i-- > 0 && c->nif_library;) {
        const Mfa *m = code_entry_mfa(c->functions[i]);
        if (bif_find(c->name, m->function, (unsigned)m->arity))
            list = heap_cons(&p->heap, heap_tuple2(&p->heap, m->function, term_small((int64_t)m->arity)),
                             list);
    }
    return list;
}

static term_t etf_list(Process *p, const unsigned char *bytes, size_t size)
{
    if (size == 0)
        return TERM_NIL;
    term_t t = etf_decode(&p->heap, p->vm, bytes, size, 0);
    return t == TERM_NONE ? TERM_NIL : t;
}

/* TERM_NONE: no such item. */
static term_t module_item(Process *p, const CodeInstance *c, term_t item)
{
    switch (item) {
    case am_module: return c->name;
    case am_md5: return heap_binary(&p->heap, c->md5, sizeof c->md5);
    case am_exports: return export_list(p, c);
    case am_functions: return function_list(p, c);
    case am_nifs: return nif_list(p, c);
    case am_attributes: return etf_list(p, c->attributes, c->attributes_bytes);
    case am_compile: return etf_list(p, c->compile_info, c->compile_info_bytes);
    case am_native: return am_false;
    case am_native_addresses: return TERM_NIL;
    default: return TERM_NONE;
    }
}

BIF(erlang, get_module_info, 2, 0)
{
    CodeInstance *c = term_is_atom(a[0]) ? module_current(p->vm, a[0]) : NULL;
    term_t t = c && term_is_atom(a[1]) ? module_item(p, c, a[1]) : TERM_NONE;
    return t == TERM_NONE ? bif_error(p, EXC_BADARG) : t;
}

BIF(erlang, get_module_info, 1, 0)
{
    static const term_t items[] = {am_md5, am_compile, am_attributes, am_exports, am_module};
    CodeInstance *c = term_is_atom(a[0]) ? module_current(p->vm, a[0]) : NULL;
    if (!c)
        return bif_error(p, EXC_BADARG);
    term_t list = TERM_NIL;
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        list = heap_cons(&p->heap, heap_tuple2(&p->heap, items[i], module_item(p, c, items[i])), list);
    return list;
}

/* ---- beam files ---- */

BIF(erts_internal, beamfile_chunk, 2, 0)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t size;
    BeamChunk chunk;
    char id[4];
    unsigned n = 0;
    term_t t = a[1];
    for (; term_is_list_cell(t) && n < 4; t = list_tail(t)) {
        term_t c = list_head(t);
        if (!term_is_small(c) || (uint64_t)small_value(c) > 255)
            return bif_error(p, EXC_BADARG);
        id[n++] = (char)small_value(c);
    }
    const uint8_t *data = n == 4 && t == TERM_NIL ? binary_bytes(a[0], &size, &temp) : NULL;
    if (!data)
        return bif_error(p, EXC_BADARG);
    term_t result = am_undefined;
    if (beamfile_chunk(data, size, id, &chunk) && chunk.size > 0)
        result = heap_binary(&p->heap, chunk.data, chunk.size);
    temp_bytes_free(&temp);
    return result;
}

BIF(erts_internal, beamfile_module_md5, 1, 0)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t size;
    BeamFile f;
    uint8_t md5[16];
    const uint8_t *data = binary_bytes(a[0], &size, &temp);
    if (!data)
        return bif_error(p, EXC_BADARG);
    term_t result = am_undefined;
    if (beamfile_scan(&f, data, size) && f.chunk[CHUNK_Code].data) {
        beamfile_md5(&f, md5);
        result = heap_binary(&p->heap, md5, sizeof md5);
    }
    temp_bytes_free(&temp);
    return result;
}

/* ---- coverage (OTP 27): not collected ---- */

BIF(code, coverage_support, 0, 0) { return am_false; }
BIF(code, get_coverage_mode, 0, 0) { return am_none; }
BIF(code, set_coverage_mode, 1, 0)
{
    return a[0] == am_none ? am_none : bif_error(p, EXC_BADARG);
}

static bool is_level(term_t t)
{
    return t == am_function || t == am_line || t == am_cover_id_line;
}

BIF(code, get_coverage_mode, 1, 0)
{
    if (!term_is_atom(a[0]) || !module_current(p->vm, a[0]))
        return bif_error(p, EXC_BADARG);
    return am_none;
}

BIF(code, get_coverage, 2, 0)
{
    return bif_error(p, is_level(a[0]) && term_is_atom(a[1]) ? EXC_NOTSUP : EXC_BADARG);
}

BIF(code, reset_coverage, 1, 0)
{
    return bif_error(p, term_is_atom(a[0]) ? EXC_NOTSUP : EXC_BADARG);
}
