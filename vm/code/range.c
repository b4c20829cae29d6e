/* SPDX-License-Identifier: Apache-2.0 */
/* range - see range.h. */
#include "code/range.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/epoch.h"
#include "base/hash.h"
#include "code/range_priv.h"

typedef struct Range {
    const code_t *start, *end;
    CodeInstance *instance;
} Range;

typedef struct RangeTable {
    EpochNode node;       /* for freeing after replacement */
    uint64_t generation;  /* no two tables have the same */
    size_t count, room;
    Range at[];
} RangeTable;

/* What code_locate found last: programs fail at the same places again and again. */
#define RECENT 16
static THREAD_LOCAL struct {
    uint64_t generation;  /* of the table that it was found by; 0: nothing */
    const code_t *address;
    CodeLocation at;
} recent[RECENT];

static size_t table_bytes(size_t room)
{
    return sizeof(RangeTable) + room * sizeof(Range);
}

static RangeTable *table_new(size_t room)
{
    RangeTable *t = mem_alloc(MEM_CODE_TABLE, table_bytes(room));
    t->generation = 0;
    t->count = 0;
    t->room = room;
    return t;
}

static void table_free(void *arg)
{
    RangeTable *t = arg;
    mem_free(MEM_CODE_TABLE, t, table_bytes(t->room));
}

static void table_replace(Vm *vm, RangeTable *fresh)
{
    RangeTable *old = load_relaxed(&vm->code->ranges);
    /* A VM's begin at the time of its start: one that comes after it in this process has others. */
    fresh->generation = old ? old->generation + 1 : (uint64_t)clock_monotonic_ns();
    store_release(&vm->code->ranges, fresh);
    if (!old)
        return;
    if (vm->epoch)
        epoch_defer(vm->epoch, &old->node, table_free, old);
    else
        table_free(old);
}

void range_init(Vm *vm)
{
    table_replace(vm, table_new(0));
}

/* Number of ranges that start at or before address. */
static size_t ranges_up_to(const RangeTable *t, const code_t *address)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (t->at[mid].start <= address)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static CodeInstance *find(const RangeTable *t, const void *address)
{
    size_t n = ranges_up_to(t, address);
    if (n == 0 || (const code_t *)address >= t->at[n - 1].end)
        return NULL;
    return t->at[n - 1].instance;
}

CodeInstance *range_find(Vm *vm, const void *address) { return find(load_acquire(&vm->code->ranges), address); }

void range_add_locked(Vm *vm, CodeInstance *c)
{
    const RangeTable *old = load_relaxed(&vm->code->ranges);
    RangeTable *t = table_new(old->count + 1);
    size_t n = ranges_up_to(old, c->code);
    memcpy(t->at, old->at, n * sizeof(Range));
    t->at[n] = (Range){c->code, c->code + c->code_words, c};
    memcpy(t->at + n + 1, old->at + n, (old->count - n) * sizeof(Range));
    t->count = old->count + 1;
    table_replace(vm, t);
}

void range_remove_locked(Vm *vm, CodeInstance *c)
{
    const RangeTable *old = load_relaxed(&vm->code->ranges);
    size_t n = ranges_up_to(old, c->code);
    if (n == 0 || old->at[n - 1].instance != c)
        return;
    RangeTable *t = table_new(old->count - 1);
    memcpy(t->at, old->at, (n - 1) * sizeof(Range));
    memcpy(t->at + n - 1, old->at + n, (old->count - n) * sizeof(Range));
    t->count = old->count - 1;
    table_replace(vm, t);
}

/* ---- inside an instance ---- */

/* Entry of the function that contains address, its func_info included; NULL before the first. */
static const code_t *find_entry(const CodeInstance *c, const code_t *address)
{
    size_t low = 0, high = c->function_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->functions[mid] - CODE_FUNC_INFO_WORDS <= address)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? c->functions[low - 1] : NULL;
}

/* The line that holds at `offset` in the function that starts at `first`. */
static const CodeLine *find_line(const CodeInstance *c, uint32_t first, uint32_t offset)
{
    size_t low = 0, high = c->line_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->lines[mid].offset <= offset)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0 || c->lines[low - 1].offset < first)
        return NULL;
    return &c->lines[low - 1];
}

static bool locate(const RangeTable *t, const code_t *address, CodeLocation *out)
{
    CodeInstance *c = find(t, address);
    const code_t *entry = c ? find_entry(c, address) : NULL;
    if (!entry)
        return false;
    *out = (CodeLocation){c, entry, code_entry_mfa(entry), TERM_NONE, 0};
    const CodeLine *l = find_line(c, (uint32_t)(entry - CODE_FUNC_INFO_WORDS - c->code),
                                  (uint32_t)(address - c->code));
    if (l && l->line != 0) {
        out->file = c->files[l->file];
        out->line = l->line;
    }
    return true;
}

bool code_locate(Vm *vm, const code_t *address, CodeLocation *out)
{
    const RangeTable *t = load_acquire(&vm->code->ranges);
    size_t i = hash_pointer(address) % RECENT;
    if (recent[i].generation != t->generation || recent[i].address != address) {
        if (!locate(t, address, &recent[i].at)) {
            recent[i].generation = 0;
            return false;
        }
        recent[i].generation = t->generation;
        recent[i].address = address;
    }
    *out = recent[i].at;
    return true;
}

const Mfa *code_find_mfa(Vm *vm, const code_t *address)
{
    CodeInstance *c = range_find(vm, address);
    const code_t *entry = c ? find_entry(c, address) : NULL;
    return entry ? code_entry_mfa(entry) : NULL;
}
