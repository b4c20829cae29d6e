/* SPDX-License-Identifier: Apache-2.0 */
/* load - see load.h. */
#include "loader/load.h"

#include "base/alloc.h"
#include "base/log.h"
#include "heap/literal.h"
#include "loader/check_process.h"
#include "loader/load_priv.h"
#include "term/atom.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- start ---- */

void loader_init(Vm *vm)
{
    vm->loader = MEM_NEW(CODE_TABLE, LoaderSpace);
    mutex_init(&vm->loader->lock, LOCK_SYSTEM);
    vm->loader->verify = VERIFY_FOREIGN;
    rules_init(vm->loader);
    if (vm->procs) {
        vm->procs->exec.uses_old_code = process_uses_old_code;
        vm->procs->exec.copy_literals = process_leave_literal_area;
    }
    for (unsigned i = 0; i < bif_table_count; i++) {
        const BifEntry *b = &bif_table[i];
        Export *e = export_get(vm, b->module, b->function, b->arity);
        e->native = b;
        store_release(&e->addr, e->native_stub);
    }
}

/* ---- build ---- */

static bool load_imports(Load *l)
{
    l->imports = MEM_NEW_ARRAY(LOADER, Export *, l->f.import_count);
    for (uint32_t i = 0; i < l->f.import_count; i++) {
        const BeamImport *e = &l->f.imports[i];
        l->imports[i] = export_get(l->vm, e->module, e->function, e->arity);
    }
    return true;
}

static void init_labels(Load *l)
{
    l->labels = MEM_NEW_ARRAY(LOADER, Label, l->f.label_count);
    for (uint32_t i = 0; i < l->f.label_count; i++)
        l->labels[i] = (Label){LABEL_UNDEFINED, FRAME_UNSET, -1, false};
    l->functions = MEM_NEW_ARRAY(LOADER, Function, l->f.function_count);
}

static bool is_verified(const Load *l)
{
    enum VerifyMode mode = l->vm->loader->verify;
    return mode == VERIFY_ALL || (mode == VERIFY_FOREIGN && l->foreign);
}

static bool load_steps(Load *l, term_t module, const void *data, size_t size)
{
    if (!beamfile_open(&l->f, data, size))
        return false;
    if (module != TERM_NONE && beamfile_module(&l->f) != module)
        return beamfile_fail(&l->f, "it holds another module");
    init_labels(l);
    if (!load_imports(l) || !tables_literals(l) || !decode_code(&l->gen, &l->f)
        || !check_find_functions(l))
        return false;
    tables_new_instance(l);
    decode_resolve(&l->gen);
    if (is_verified(l) && !verify_code(l))
        return false;
    return rules_translate(l) && emit_fixups(l) && tables_publishable(l);
}

static void load_free(Load *l)
{
    if (l->imports) MEM_DELETE_ARRAY(LOADER, l->imports, l->f.import_count);
    if (l->labels) MEM_DELETE_ARRAY(LOADER, l->labels, l->f.label_count);
    if (l->functions) MEM_DELETE_ARRAY(LOADER, l->functions, l->f.function_count);
    mem_free(MEM_LOADER, l->code, l->room * sizeof(code_t));
    mem_free(MEM_LOADER, l->fixups, l->fixup_room * sizeof(Fixup));
    mem_free(MEM_LOADER, l->scratch, l->scratch_room * sizeof(InsnOperand));
    mem_free(MEM_LOADER, l->scratch_fixes, l->scratch_room * sizeof(InsnFix));
    mem_free(MEM_LOADER, l->guards, l->guard_room * sizeof(Guard));
    decode_free(&l->gen);
    beamfile_close(&l->f);
}

void loader_discard(Vm *vm, CodeInstance *c)
{
    if (c->literal_area)
        literal_area_free(c->literal_area);
    instance_free(vm, c);
}

CodeInstance *loader_build(Vm *vm, term_t module, const void *data, size_t size, bool foreign, char *error,
                           size_t error_room)
{
    Load l = {.vm = vm, .foreign = foreign};
    bool ok = load_steps(&l, module, data, size);
    CodeInstance *c = l.inst;
    if (!ok) {
        snprintf(error, error_room, "%s", l.f.error[0] ? l.f.error : "damaged");
        if (c) {
            /* Its line table still has the room it grew to. */
            if (!c->code && c->lines)
                c->lines = mem_realloc(MEM_CODE, c->lines, l.line_room * sizeof(CodeLine),
                                       c->line_count * sizeof(CodeLine));
            loader_discard(vm, c);
            c = NULL;
        }
    }
    load_free(&l);
    return c;
}

bool loader_is_of_root(Vm *vm, const char *path)
{
    const char *root = vm->loader ? vm->loader->root : NULL;
    size_t n = root ? strlen(root) : 0, length = strlen(path);
    if (n == 0 || strncmp(path, root, n) != 0 || path[n] != '/' || strstr(path, "/../"))
        return false;
    return length > 5 && strcmp(path + length - 5, ".beam") == 0;
}

/* ---- commit ---- */

static bool find_obstacles(Vm *vm, CodeInstance **instances, size_t count, bool *bad,
                           bool (*is_bad)(Vm *vm, CodeInstance **all, size_t i))
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= bad[i] = is_bad(vm, instances, i);
    return any;
}

static bool has_on_load(Vm *vm, CodeInstance **all, size_t i)
{
    return all[i]->on_load != NULL;
}

static bool is_duplicate(Vm *vm, CodeInstance **all, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (all[k]->name == all[i]->name)
            return true;
    return false;
}

static bool is_not_purged(Vm *vm, CodeInstance **all, size_t i)
{
    Module *m = module_find(vm, all[i]->name);
    return m && load_relaxed(&m->old) && load_relaxed(&m->current);
}

static void commit_one(Vm *vm, CodeInstance *c)
{
    module_publish_locked(vm, module_get(vm, c->name), c);
}

static enum CommitResult commit_locked(Vm *vm, CodeInstance **instances, size_t count, bool *bad)
{
    if (count > 1 && find_obstacles(vm, instances, count, bad, has_on_load))
        return COMMIT_ON_LOAD;
    if (find_obstacles(vm, instances, count, bad, is_duplicate))
        return COMMIT_DUPLICATED;
    if (find_obstacles(vm, instances, count, bad, is_not_purged))
        return COMMIT_NOT_PURGED;
    if (count == 1 && instances[0]->on_load) {
        module_stage_locked(vm, module_get(vm, instances[0]->name), instances[0]);
        bad[0] = true;
        return COMMIT_ON_LOAD;
    }
    for (size_t i = 0; i < count; i++)
        commit_one(vm, instances[i]);
    return COMMIT_OK;
}

enum CommitResult loader_commit(Vm *vm, CodeInstance **instances, size_t count, bool *bad)
{
    code_write_lock(vm);
    enum CommitResult result = commit_locked(vm, instances, count, bad);
    code_write_unlock(vm);
    return result;
}

bool loader_finish_on_load(Vm *vm, term_t module, bool keep)
{
    code_write_lock(vm);
    Module *m = module_find(vm, module);
    CodeInstance *c = m ? load_relaxed(&m->on_load) : NULL;
    if (c && keep)
        commit_one(vm, c);
    code_write_unlock(vm);
    return c != NULL;
}

/* ---- preloaded modules ---- */

static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    void *data = NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (*size = (size_t)ftell(f)) < (size_t)1 << 30) {
        rewind(f);
        data = mem_alloc(MEM_LOADER, *size);
        if (fread(data, 1, *size, f) != *size) {
            mem_free(MEM_LOADER, data, *size);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static bool preload_file(Vm *vm, const char *dir, const char *file, char *error, size_t room)
{
    char path[4096], why[200] = "cannot be read";
    bool bad;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    void *data = read_file(path, &size);
    CodeInstance *c = data ? loader_build(vm, TERM_NONE, data, size, false, why, sizeof why) : NULL;
    if (data)
        mem_free(MEM_LOADER, data, size);
    if (!c || loader_commit(vm, &c, 1, &bad) != COMMIT_OK) {
        snprintf(error, room, "%s: %s", path, c ? "cannot be preloaded" : why);
        return false;
    }
    c->preloaded = c->module->preloaded = true;
    LoaderSpace *s = vm->loader;
    if (s->preloaded_count == s->preloaded_room) {
        size_t more = s->preloaded_room * 2 + 32;
        s->preloaded = mem_realloc(MEM_CODE_TABLE, s->preloaded, s->preloaded_room * sizeof(term_t),
                                   more * sizeof(term_t));
        s->preloaded_room = more;
    }
    s->preloaded[s->preloaded_count++] = c->name;
    return true;
}

static int is_beam(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 5 && strcmp(d->d_name + n - 5, ".beam") == 0;
}

/* erlang comes first: it decides which of its natives are Erlang code in this release. */
static int erlang_first(const struct dirent **a, const struct dirent **b)
{
    bool ea = strcmp((*a)->d_name, "erlang.beam") == 0, eb = strcmp((*b)->d_name, "erlang.beam") == 0;
    return ea != eb ? eb - ea : strcmp((*a)->d_name, (*b)->d_name);
}

int loader_preload(Vm *vm, const char *dir, char *error, size_t error_room)
{
    struct dirent **files;
    int n = scandir(dir, &files, is_beam, erlang_first), loaded = 0;
    if (n <= 0) {
        snprintf(error, error_room, "%s: no preloaded modules there", dir);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (loaded >= 0)
            loaded = preload_file(vm, dir, files[i]->d_name, error, error_room) ? loaded + 1 : -1;
        free(files[i]);
    }
    free(files);
    return loaded;
}
