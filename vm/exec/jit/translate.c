/* SPDX-License-Identifier: Apache-2.0 */
/* translate - from a function's instructions to native code, in three passes: what is where and where code is
 * entered; sizes and places; copies with what is patched into them.
 *
 *   [mark] first part of instruction 1 | [mark] first part of 2 | ...      then the second parts
 *
 * A mark stands before instructions that are entered by their address: an instruction without effect that holds the
 * interpreter's handler (jit_original). An instruction without usable stencil becomes a jump to its handler; the
 * next one is entered from there. Layer: exec. */
#include "base/alloc.h"
#include "base/execmem.h"
#include "exec/jit/jit_priv.h"
#include "term/term.h"

#define MARK_BYTES 7  /* nopl disp32(%rax) */
#define LEAP_BYTES 15 /* movabs $pc, %rbx; jmp handler */

typedef struct Item {
    const code_t *pc;
    const InsnVariant *v;
    const Stencil *s;       /* NULL: a jump to the handler */
    bool entered;
    uint32_t at, cold_at;   /* bytes from the start of the block */
} Item;

typedef struct Unit {
    JitSpace *j;
    const code_t *start, *end; /* func_info .. behind the last instruction */
    Item *items;
    uint32_t count, *item_at;  /* item_at: by word from start; index + 1, 0: none begins there */
    size_t bytes;
    char *code, *out;          /* where it will run, where it is written */
} Unit;

/* ---- reading ---- */

static uint64_t field(const code_t *pc, InsnField f)
{
    uint64_t v = 0;
    memcpy(&v, (const char *)pc + f.at, f.bytes);
    return v;
}

static uint32_t trailing_count(const Item *i)
{
    uint32_t n = 0;
    if (i->v->trailing) memcpy(&n, (const char *)i->pc + i->v->count_at, sizeof n);
    return n;
}

static const InsnVariant *variant_at(const JitSpace *j, const code_t *pc)
{
    int32_t handler = *(const int32_t *)(const void *)pc;
    size_t low = 0, high = stencil_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (j->handlers[middle].handler < handler) low = middle + 1;
        else high = middle;
    }
    bool found = low < stencil_count && j->handlers[low].handler == handler;
    return found ? insn_variant(j->handlers[low].variant) : NULL;
}

/* False: something stands there that is no instruction of a module, such as a breakpoint. */
static bool read_items(Unit *u)
{
    for (const code_t *pc = u->start; pc < u->end;) {
        Item *i = &u->items[u->count];
        i->pc = pc;
        i->v = variant_at(u->j, pc);
        if (!i->v || i->v->family == INSN_trace_breakpoint || i->v->family == INSN_nif_start) return false;
        i->s = u->j->usable[i->v->number] && u->count > 0 ? &stencils[i->v->number] : NULL;
        u->item_at[pc - u->start] = ++u->count;
        pc += i->v->words + trailing_count(i);
    }
    return u->count > 1;
}

static uint64_t operand(const Item *i, unsigned what, unsigned index);

static Item *item_of(const Unit *u, const code_t *pc)
{
    if (pc < u->start || pc >= u->end) return NULL;
    uint32_t n = u->item_at[pc - u->start];
    return n ? &u->items[n - 1] : NULL;
}

static const code_t *label(const Item *i, unsigned operand)
{
    return i->pc + (int32_t)field(i->pc, i->v->field[operand]);
}

/* Can all operands be patched in? Labels elsewhere cannot, nor numbers that a place has no bits for. */
static bool suits(const Unit *u, const Item *i)
{
    for (unsigned k = 0; i->s && k < i->s->places; k++) {
        const StencilPlace *q = &stencil_places[i->s->first_place + k];
        if (q->what == STENCIL_TARGET && !item_of(u, label(i, q->index))) return false;
        if (q->type != STENCIL_ABS32 && q->type != STENCIL_ABS32S) continue;
        int64_t v = (int64_t)(q->what == STENCIL_COUNT ? trailing_count(i) : operand(i, q->what, q->index)) + q->addend;
        if (q->type == STENCIL_ABS32 ? v != (int64_t)(uint32_t)v : v != (int32_t)v) return false;
    }
    return true;
}

static void enter(const Unit *u, const code_t *pc)
{
    Item *i = item_of(u, pc);
    if (i) i->entered = true;
}

static void enter_labels(const Unit *u, const Item *i)
{
    for (unsigned k = 0; k < i->v->nfixed; k++)
        if (i->v->field[k].kind == 'f') enter(u, label(i, k));
    bool pairs = i->v->family == INSN_select_val || i->v->family == INSN_select_tuple_arity;
    if (!pairs && i->v->family != INSN_jump_table) return;
    for (uint32_t k = pairs; k < trailing_count(i); k += pairs ? 2 : 1) enter(u, i->pc + i->pc[i->v->words + k]);
}

static void find_entries(Unit *u)
{
    u->items[1].entered = true;
    for (uint32_t k = 0; k < u->count; k++)
        if (!suits(u, &u->items[k])) u->items[k].s = NULL;
    for (uint32_t k = 0; k < u->count; k++) {
        const Item *i = &u->items[k];
        enter_labels(u, i);
        if (k + 1 < u->count && (!i->s || i->s->flags & STENCIL_RESUMES)) u->items[k + 1].entered = true;
    }
    u->items[0].entered = false; /* func_info: its word is looked at by others */
}

static void lay_out(Unit *u)
{
    for (uint32_t k = 0; k < u->count; k++) {
        Item *i = &u->items[k];
        u->bytes += i->entered ? MARK_BYTES : 0;
        i->at = (uint32_t)u->bytes;
        u->bytes += i->s ? i->s->hot : LEAP_BYTES;
    }
    for (uint32_t k = 0; k < u->count; k++) {
        Item *i = &u->items[k];
        i->cold_at = (uint32_t)u->bytes;
        u->bytes += i->s ? i->s->cold : 0;
    }
}

/* ---- writing ---- */

static uint64_t operand(const Item *i, unsigned what, unsigned index)
{
    InsnField f = i->v->field[index];
    uint64_t v = field(i->pc, f);
    switch (what) {
    case STENCIL_SHORT: return f.kind == 'i' || f.kind == 'n' ? (uint64_t)(int64_t)(int32_t)v : v * 8;
    case STENCIL_ADDRESS: return (uint64_t)(uintptr_t)label(i, index);
    case STENCIL_HEADER: return HEADER(v, BOXED_TUPLE);
    case STENCIL_ELEMENT: return (v + 1) * 8;
    default: return v;
    }
}

/* What the place is to hold; a PC32 place: the address it is to reach. */
static uint64_t value_of(const Unit *u, const Item *i, const StencilPlace *q)
{
    const char *to;
    switch (q->what) {
    case STENCIL_PC: return (uint64_t)(uintptr_t)i->pc;
    case STENCIL_COUNT: return trailing_count(i);
    case STENCIL_TARGET: to = u->code + item_of(u, label(i, q->index))->at; break;
    case STENCIL_NEXT: to = u->code + i->at + i->s->hot; break;
    case STENCIL_HOT: to = u->code + i->at; break;
    case STENCIL_COLD: to = u->code + i->cold_at; break;
    case STENCIL_EXTERNAL: to = stencil_externals[q->index]; break;
    default: return operand(i, q->what, q->index);
    }
    return (uint64_t)(uintptr_t)to;
}

static void put(const Unit *u, const Item *i, const StencilPlace *q)
{
    size_t at = q->at < i->s->hot ? i->at + q->at : i->cold_at + q->at - i->s->hot;
    uint64_t v = value_of(u, i, q) + (uint64_t)(int64_t)q->addend;
    if (q->type == STENCIL_PC32) v -= (uint64_t)(uintptr_t)(u->code + at);
    memcpy(u->out + at, &v, q->type == STENCIL_ABS64 ? 8 : 4);
}

static void copy_stencil(const Unit *u, const Item *i)
{
    memcpy(u->out + i->at, stencil_code + i->s->code, i->s->hot);
    memcpy(u->out + i->cold_at, stencil_code + i->s->code + i->s->hot, i->s->cold);
    for (unsigned k = 0; k < i->s->places; k++) put(u, i, &stencil_places[i->s->first_place + k]);
}

static void put_leap(const Unit *u, const Item *i)
{
    uint8_t *out = (uint8_t *)u->out + i->at;
    uint64_t pc = (uint64_t)(uintptr_t)i->pc;
    int64_t d = interp_base_address() + insn_handler_code(i->v->number) - (u->code + i->at + LEAP_BYTES);
    memcpy(out, "\x48\xBB", 2);
    memcpy(out + 2, &pc, 8);
    out[10] = 0xE9;
    memcpy(out + 11, &d, 4);
}

static void put_mark(const Unit *u, const Item *i)
{
    int32_t handler = insn_handler_code(i->v->number);
    memcpy(u->out + i->at - MARK_BYTES, "\x0F\x1F\x80", 3);
    memcpy(u->out + i->at - 4, &handler, 4);
}

static void write_items(const Unit *u)
{
    for (uint32_t k = 0; k < u->count; k++) {
        const Item *i = &u->items[k];
        if (i->entered) put_mark(u, i);
        if (i->s) copy_stencil(u, i);
        else put_leap(u, i);
    }
}

/* From here on the code is entered. */
static void publish(const Unit *u, code_t *code_words)
{
    for (uint32_t k = 0; k < u->count; k++) {
        const Item *i = &u->items[k];
        if (!i->entered) continue;
        int32_t handler = (int32_t)(u->code + i->at - interp_base_address());
        __atomic_store_n((int32_t *)(void *)(code_words + (i->pc - u->start)), handler, __ATOMIC_RELEASE);
    }
}

static JitBlock *finish(Unit *u, CodeInstance *c)
{
    find_entries(u);
    lay_out(u);
    void *out;
    u->code = execmem_alloc(u->bytes, &out);
    if (!u->code) return NULL;
    u->out = out;
    write_items(u);
    publish(u, c->code + (u->start - c->code));
    JitBlock *b = MEM_NEW(CODE, JitBlock);
    b->code = u->code;
    b->bytes = u->bytes;
    return b;
}

JitBlock *jit_translate(JitSpace *j, CodeInstance *c, size_t function)
{
    const code_t *last = c->code + c->code_words - 1; /* int_code_end */
    Unit u = {.j = j, .start = c->functions[function] - CODE_FUNC_INFO_WORDS,
              .end = function + 1 < c->function_count ? c->functions[function + 1] - CODE_FUNC_INFO_WORDS : last};
    size_t words = (size_t)(u.end - u.start);
    u.items = mem_alloc_zero(MEM_CODE_TABLE, words * sizeof *u.items);
    u.item_at = mem_alloc_zero(MEM_CODE_TABLE, words * sizeof *u.item_at);
    JitBlock *b = read_items(&u) ? finish(&u, c) : NULL;
    mem_free(MEM_CODE_TABLE, u.items, words * sizeof *u.items);
    mem_free(MEM_CODE_TABLE, u.item_at, words * sizeof *u.item_at);
    return b;
}
