/* SPDX-License-Identifier: Apache-2.0 */
/* jit - which functions get native code, and when it goes. See jit.h; translate.c makes it. Layer: exec. */
#include "exec/jit/jit.h"

#include "base/alloc.h"
#include "base/execmem.h"
#include "code/code.h"
#include "code/range.h"
#include "exec/jit/jit_priv.h"
#include "term/atom.h"

#include <stdlib.h>
#include <unistd.h>

#define DONE UINT8_MAX /* of heat: translated, or cannot be */

/* CodeInstance.native */
typedef struct JitModule {
    uint8_t *heat;          /* by function: slices that ended there */
    JitBlock *blocks;
} JitModule;

static JitModule *module_of(CodeInstance *c)
{
    if (!c->native) {
        JitModule *m = MEM_NEW(CODE, JitModule);
        m->heat = mem_alloc_zero(MEM_CODE, c->function_count);
        c->native = m;
    }
    return c->native;
}

/* The last function that begins at or before pc. */
static size_t function_at(const CodeInstance *c, const code_t *pc)
{
    size_t low = 0, high = c->function_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (c->functions[middle] <= pc) low = middle;
        else high = middle;
    }
    return low;
}

static void put_name(FILE *f, const JitBlock *b, const Mfa *m)
{
    const AtomText *module = atom_text(m->module), *function = atom_text(m->function);
    fprintf(f, "%zx %zx %.*s:%.*s/%u\n", (size_t)(uintptr_t)b->code, b->bytes, module->bytes, module->text,
            function->bytes, function->text, (unsigned)m->arity);
    fflush(f);
}

static void translate(JitSpace *j, CodeInstance *c, size_t function)
{
    JitModule *m = module_of(c);
    m->heat[function] = DONE;
    JitBlock *b = jit_translate(j, c, function);
    if (!b) return;
    b->next = m->blocks;
    m->blocks = b;
    if (j->names) put_name(j->names, b, code_entry_mfa(c->functions[function]));
}

bool jit_samples(const Vm *vm) { return vm->jit && vm->jit->mode == JIT_HOT; }

void jit_sample(Vm *vm, const code_t *pc)
{
    JitSpace *j = vm->jit;
    if (!j || jit_original(*(const int32_t *)(const void *)pc) != *(const int32_t *)(const void *)pc) return;
    CodeInstance *c = range_find(vm, pc);
    if (!c || c->function_count == 0 || !mutex_try_lock(&j->lock)) return;
    size_t function = function_at(c, pc);
    uint8_t *heat = &module_of(c)->heat[function];
    if (*heat != DONE && ++*heat >= JIT_HOT_SAMPLES) translate(j, c, function);
    mutex_unlock(&j->lock);
}

/* ---- hooks of the code layer ---- */

static void on_publish(Vm *vm, CodeInstance *c)
{
    JitSpace *j = vm->jit;
    if (j->mode != JIT_ALL) return;
    mutex_lock(&j->lock);
    for (size_t i = 0; i < c->function_count; i++)
        if (module_of(c)->heat[i] != DONE) translate(j, c, i);
    mutex_unlock(&j->lock);
}

/* Nobody can be in the code any more, so nobody samples it. */
static void on_free(Vm *vm UNUSED, CodeInstance *c)
{
    JitModule *m = c->native;
    if (!m) return;
    for (JitBlock *b = m->blocks, *next; b; b = next) {
        next = b->next;
        execmem_free(b->code, b->bytes);
        MEM_DELETE(CODE, b);
    }
    mem_free(MEM_CODE, m->heat, c->function_count);
    MEM_DELETE(CODE, m);
}

/* ---- start ---- */

int32_t jit_original(int32_t handler)
{
    const char *at = interp_base_address() + handler;
    int32_t original;
    if (LIKELY(!execmem_contains(at - sizeof original))) return handler;
    memcpy(&original, at - sizeof original, sizeof original);
    return original;
}

static int by_handler(const void *a, const void *b)
{
    int32_t x = ((const JitHandler *)a)->handler, y = ((const JitHandler *)b)->handler;
    return (x > y) - (x < y);
}

static bool in_reach(const void *address)
{
    int64_t d = (const char *)address - interp_base_address();
    return d > -(INT64_C(1) << 30) && d < INT64_C(1) << 30;
}

/* A stencil that calls something in a library cannot be copied: the distance may be too long. */
static void find_usable(JitSpace *j)
{
    for (unsigned i = 0; i < stencil_count; i++) {
        const Stencil *s = &stencils[i];
        bool usable = s->flags & STENCIL_USABLE;
        for (unsigned k = 0; k < s->places; k++) {
            const StencilPlace *q = &stencil_places[s->first_place + k];
            if (q->what == STENCIL_EXTERNAL && !in_reach(stencil_externals[q->index])) usable = false;
        }
        j->usable[i] = usable;
    }
}

void jit_init(Vm *vm, enum JitMode mode)
{
    if (mode == JIT_OFF) return;
    JitSpace *j = MEM_NEW(CODE_TABLE, JitSpace);
    j->mode = mode;
    mutex_init(&j->lock, LOCK_JIT);
    j->usable = MEM_NEW_ARRAY(CODE_TABLE, bool, stencil_count);
    j->handlers = MEM_NEW_ARRAY(CODE_TABLE, JitHandler, stencil_count);
    for (unsigned i = 0; i < stencil_count; i++) j->handlers[i] = (JitHandler){insn_handler_code(i), i};
    qsort(j->handlers, stencil_count, sizeof *j->handlers, by_handler);
    find_usable(j);
    vm->jit = j;
    vm->code->published = on_publish;
    vm->code->forgotten = on_free;
}

void jit_name_for_perf(Vm *vm)
{
    char name[32];
    if (!vm->jit) return;
    snprintf(name, sizeof name, "/tmp/perf-%ld.map", (long)getpid());
    vm->jit->names = fopen(name, "we");
    execmem_for_profilers();
}
