/* SPDX-License-Identifier: Apache-2.0 */
/* dump_terms - see dump_terms.h. A line of a heap section is an address and the object there; words that are no
 * immediates stand as H and an address. Layer: sys. */
#include "sys/dump_terms.h"

#include "data/binary.h"
#include "data/map.h"
#include "data/term_print.h"
#include "etf/etf.h"
#include "exec/exec.h"
#include "heap/gc.h"
#include "heap/literal.h"
#include "proc/procdict.h"
#include "term/atom.h"
#include "term/float.h"

/* ---- text ---- */

#define TEXT_BYTES 65536

void dump_terms_flush(DumpTerms *d)
{
    fwrite(buf_text(&d->text), 1, d->lines_end, d->f);
    buf_clear(&d->text);
    d->lines_end = 0;
}

static void end_line(DumpTerms *d)
{
    buf_putc(&d->text, '\n');
    d->lines_end = d->text.len;
    if (d->text.len > TEXT_BYTES) dump_terms_flush(d);
}

static void put_base64(Buf *b, const uint8_t *from, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = MIN(n - i, 3);
        uint32_t bits = (uint32_t)from[i] << 16;
        if (left > 1) bits |= (uint32_t)from[i + 1] << 8;
        if (left > 2) bits |= from[i + 2];
        char *to = buf_reserve(b, 4);
        for (unsigned k = 0; k < 4; k++) to[k] = k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=';
        buf_commit(b, 4);
    }
}

static void put_bytes(Buf *b, const char *kind, const uint8_t *from, size_t n)
{
    buf_printf(b, "%s%zX:", kind, n);
    put_base64(b, from, n);
}

/* A line ends at the first newline, so none stands in a name. */
static void put_atom(Buf *b, term_t atom)
{
    Buf name = BUF_INIT(TEMP);
    atom_print(&name, atom, false);
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '\n') name.data[i] = '?';
    buf_printf(b, "A%zX:", name.len);
    buf_append(b, buf_text(&name), name.len);
    buf_free(&name);
}

static unsigned long address(term_t t) { return (unsigned long)(uintptr_t)term_ptr(t); }

static void put_word(Buf *b, term_t t)
{
    if (t == TERM_NONE || term_is_nil(t)) buf_putc(b, 'N');
    else if (term_is_small(t)) buf_printf(b, "I%lld", (long long)small_value(t));
    else if (term_is_atom(t)) put_atom(b, t);
    else if (term_is_catch(t)) buf_printf(b, "SCatch 0x%llx", (unsigned long long)catch_index(t) << 3);
    else if (term_is_local_port(t)) {
        buf_putc(b, 'p');
        port_print(b, t);
    } else if (term_is_local_pid(t)) {
        buf_putc(b, 'P');
        pid_print(b, t);
    } else buf_printf(b, "H%lX", address(t));
}

static void put_words(Buf *b, const term_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i) buf_putc(b, ',');
        put_word(b, at[i]);
    }
}

/* ---- objects ---- */

static void put_external(DumpTerms *d, term_t t)
{
    Buf out = BUF_INIT(TEMP);
    bool ok = etf_encode(d->vm, &out, t, 0);
    if (!ok) {
        buf_clear(&out);
        (void)etf_encode(d->vm, &out, am_undefined, 0);
    }
    put_bytes(&d->text, "E", (const uint8_t *)buf_text(&out), out.len);
    buf_free(&out);
}

/* Without its environment, which leads anywhere. */
static void put_fun(DumpTerms *d, const Fun *f)
{
    Fun alone = *f;
    alone.header = HEADER(3, BOXED_FUN);
    alone.arity_free = fun_arity(f);
    put_external(d, term_make_boxed(&alone.header));
}

static void put_big(Buf *b, const term_t *p)
{
    buf_puts(b, HEADER_SUBTAG(*p) == BOXED_NEG_BIG ? "B-16#" : "B16#");
    size_t n = HEADER_ARITY(*p);
    for (size_t i = n; i > 0; i--) buf_printf(b, i == n ? "%llX" : "%016llX", (unsigned long long)p[i]);
}

static void put_float(Buf *b, term_t t)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%.20e", float_value(t));
    buf_printf(b, "F%X:%s", (unsigned)n, text);
}

static const Binary *storage(const term_t *binref) { return ((const BinRef *)binref)->bin; }
static bool is_shared(const term_t *p)
{
    return HEADER_SUBTAG(*p) == BOXED_BINREF && !(storage(p)->flags & BINARY_OUTSIDE);
}

/* Bits that are no whole bytes, or lie between them, are copied. */
static void put_sub_bits(DumpTerms *d, term_t t)
{
    const SubBits *s = (const SubBits *)boxed_ptr(t);
    BitView v = bitstring_view(t);
    if (v.bits % 8 || !view_is_aligned(&v)) {
        SubBits plain = *s;
        plain.header = HEADER(4, BOXED_SUB_BITS);
        put_external(d, term_make_boxed(&plain.header));
    } else if (is_shared(boxed_ptr(s->orig))) {
        size_t from = (size_t)(view_bytes(&v) - binary_bytes_at(storage(boxed_ptr(s->orig))));
        buf_printf(&d->text, "Ys%lX:%zX:%zX", address(s->orig), from, (size_t)(v.bits / 8));
    } else {
        put_bytes(&d->text, "Yh", view_bytes(&v), v.bits / 8);
    }
}

/* Of storage that lies outside only those who show parts of it know the size. */
static void put_binref(DumpTerms *d, const term_t *p)
{
    const Binary *b = storage(p);
    if (!is_shared(p)) buf_puts(&d->text, "Yh0:");
    else if (d->of_literals) put_bytes(&d->text, "Yh", binary_bytes_at(b), b->size);
    else buf_printf(&d->text, "Yc%lX:0:%zX", (unsigned long)(uintptr_t)b, b->size);
}

static void put_heap_bits(DumpTerms *d, term_t t)
{
    const HeapBits *h = (const HeapBits *)boxed_ptr(t);
    if (h->size % 8) put_external(d, t);
    else put_bytes(&d->text, "Yh", h->data, h->size / 8);
}

static void put_map(Buf *b, const term_t *p)
{
    unsigned n;
    const term_t *children;
    switch (MAP_HEADER_KIND(*p)) {
    case MAP_FLAT:
        buf_printf(b, "Mf%llX:", (unsigned long long)p[1]);
        put_word(b, p[2]);
        buf_putc(b, ':');
        put_words(b, p + 3, p[1]);
        return;
    case MAP_HEAD: buf_printf(b, "Mh%llX:", (unsigned long long)p[1]); break;
    default: buf_puts(b, "Mn"); break;
    }
    children = hamt_children(term_make_boxed(p), &n);
    buf_printf(b, "%X:", n);
    put_words(b, children, n);
}

static void put_boxed(DumpTerms *d, term_t t)
{
    const term_t *p = boxed_ptr(t);
    Buf *b = &d->text;
    switch (HEADER_SUBTAG(*p)) {
    case BOXED_TUPLE:
        buf_printf(b, "t%llX:", (unsigned long long)HEADER_ARITY(*p));
        put_words(b, p + 1, HEADER_ARITY(*p));
        break;
    case BOXED_MAP: put_map(b, p); break;
    case BOXED_FLOAT: put_float(b, t); break;
    case BOXED_POS_BIG: case BOXED_NEG_BIG: put_big(b, p); break;
    case BOXED_HEAP_BITS: put_heap_bits(d, t); break;
    case BOXED_SUB_BITS: case BOXED_MATCH: put_sub_bits(d, t); break;
    case BOXED_BINREF: put_binref(d, p); break;
    case BOXED_FUN: put_fun(d, fun_ptr(t)); break;
    default: put_external(d, t); break;
    }
}

static void put_object(void *ctx, term_t t)
{
    DumpTerms *d = ctx;
    buf_printf(&d->text, "%lX:", address(t));
    if (term_is_list_cell(t)) {
        buf_putc(&d->text, 'l');
        put_word(&d->text, list_head(t));
        buf_putc(&d->text, '|');
        put_word(&d->text, list_tail(t));
    } else {
        put_boxed(d, t);
    }
    end_line(d);
}

/* ---- a process ---- */

static void note_literal(void *ctx, term_t t, const WalkRegion *r)
{
    DumpTerms *d = ctx;
    if (!r) heap_walk_note(&d->literals, t);
}

static void head(DumpTerms *d, const char *section, term_t pid)
{
    buf_printf(&d->text, "=%s:", section);
    pid_print(&d->text, pid);
    end_line(d);
}

/* Messages have memory of their own; those not fetched yet come last. */
static void each_signal(const Process *p, void (*fn)(void *ctx, const Signal *s), void *ctx)
{
    const Signal *const queues[] = {p->sigq.msg_first, p->sigq.mid_first, p->sigq.in_first};
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        for (const Signal *s = queues[i]; s; s = s->next) fn(ctx, s);
}

static void put_message(void *ctx, const Signal *s)
{
    DumpTerms *d = ctx;
    if (s->kind != 0) return;
    put_word(&d->text, s->term);
    buf_putc(&d->text, ':');
    put_word(&d->text, s->token == am_undefined ? TERM_NIL : s->token);
    end_line(d);
}

static void put_dictionary(DumpTerms *d, const Process *p, term_t *pairs)
{
    const ProcDict *dict = p->dict;
    for (uint32_t i = 0, n = 0; dict && i < dict->size; i++) {
        if (dict->at[i].key == TERM_NONE) continue;
        put_word(&d->text, term_make_boxed(&pairs[3 * n++]));
        end_line(d);
    }
}

static void put_stack(DumpTerms *d, const Process *p)
{
    unsigned n = 0;
    for (const term_t *e = p->heap.stop; e < p->heap.end; e++) {
        if (!term_is_header(*e)) {
            buf_printf(&d->text, "y%u:", n++);
            put_word(&d->text, *e);
            end_line(d);
            continue;
        }
        n = 0;
        buf_printf(&d->text, "0x%016lx:SReturn addr ", (unsigned long)(uintptr_t)e);
        if ((const code_t *)*e == p->vm->procs->exec.normal_exit)
            buf_puts(&d->text, "0x0 (<terminate process normally>)");
        else backtrace_place(&d->text, p->vm, (const code_t *)*e);
        end_line(d);
    }
}

static void walk_message(void *ctx, const Signal *s)
{
    DumpTerms *d = ctx;
    if (s->kind != 0) return;
    HeapWalk w = {.visit = put_object, .met = note_literal, .ctx = d};
    heap_walk_add_frags(&w, s->piece.frags);
    heap_walk_from(&w, s->term);
    heap_walk_from(&w, s->token);
    heap_walk_free(&w);
}

static void walk_heap(DumpTerms *d, const Process *p)
{
    HeapWalk w = {.visit = put_object, .met = note_literal, .ctx = d};
    heap_walk_add_heap(&w, &p->heap);
    for (const term_t *e = p->heap.stop; e < p->heap.end; e++)
        if (!term_is_header(*e)) heap_walk_from(&w, *e);
    for (uint32_t i = 0; p->dict && i < p->dict->size; i++) {
        heap_walk_from(&w, p->dict->at[i].key);
        heap_walk_from(&w, p->dict->at[i].key == TERM_NONE ? TERM_NIL : p->dict->at[i].value);
    }
    heap_walk_free(&w);
}

/* Entries of the dictionary are shown as pairs, which are made for it. */
static term_t *make_pairs(const Process *p, size_t n)
{
    term_t *pairs = mem_alloc(MEM_TEMP, 3 * n * sizeof(term_t));
    for (uint32_t i = 0, k = 0; p->dict && i < p->dict->size; i++)
        if (p->dict->at[i].key != TERM_NONE)
            (void)tuple_put2(&pairs[3 * k++], p->dict->at[i].key, p->dict->at[i].value);
    return pairs;
}

void dump_terms_process(DumpTerms *d, Process *p)
{
    size_t n = dict_count(p);
    term_t *pairs = make_pairs(p, n);
    head(d, "proc_dictionary", p->id);
    put_dictionary(d, p, pairs);
    head(d, "proc_messages", p->id);
    each_signal(p, put_message, d);
    head(d, "proc_stack", p->id);
    put_stack(d, p);
    head(d, "proc_heap", p->id);
    for (size_t i = 0; i < n; i++) put_object(d, term_make_boxed(&pairs[3 * i]));
    walk_heap(d, p);
    each_signal(p, walk_message, d);
    mem_free(MEM_TEMP, pairs, 3 * n * sizeof(term_t));
}

/* ---- what processes share ---- */

static void add_literals(void *ctx, term_t holder UNUSED, const term_t *start, const term_t *end)
{
    heap_walk_add_region(ctx, start, end);
}

void dump_terms_begin(DumpTerms *d, FILE *f, Vm *vm)
{
    *d = (DumpTerms){.f = f, .vm = vm, .text = BUF_INIT(TEMP), .literals = {.visit = put_object, .ctx = d}};
    literal_each_region(vm, add_literals, &d->literals);
}

void dump_terms_literals(DumpTerms *d)
{
    buf_puts(&d->text, "=literals");
    end_line(d);
    d->of_literals = true;
    heap_walk_from(&d->literals, TERM_NIL);
}

static void put_binary(DumpTerms *d, Binary *b)
{
    if (b->flags & (BINARY_DUMPED | BINARY_OUTSIDE)) return;
    b->flags |= BINARY_DUMPED;
    buf_printf(&d->text, "=binary:%lX", (unsigned long)(uintptr_t)b);
    end_line(d);
    put_bytes(&d->text, "", binary_bytes_at(b), b->size);
    end_line(d);
}

static void put_binaries(DumpTerms *d, const OffHeap *list)
{
    for (; list; list = list->next)
        if (HEADER_SUBTAG(list->header) == BOXED_BINREF) put_binary(d, ((const BinRef *)(const void *)list)->bin);
}

static void binaries_of_message(void *ctx, const Signal *s) { put_binaries(ctx, s->piece.off_heap); }

void dump_terms_binaries(DumpTerms *d, Process *p)
{
    put_binaries(d, p->heap.off_heap);
    put_binaries(d, p->heap.old_off_heap);
    each_signal(p, binaries_of_message, d);
}
