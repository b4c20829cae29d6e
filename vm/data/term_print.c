/* SPDX-License-Identifier: Apache-2.0 */
/* term_print - see term_print.h. A stack of what is still to print: terms, and pieces of punctuation.
 * Layer: data. */
#include "data/term_print.h"

#include "base/utf8.h"
#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "term/atom.h"
#include "term/big.h"

#include <ctype.h>
#include <stdio.h>

/* ---- atoms ---- */

/* Latin-1 lower and upper case letters, the multiplication and division signs excepted. */
static bool is_lower(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7); }
static bool is_upper(uint32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c < 0xDF && c != 0xD7); }
static bool is_digit(uint32_t c) { return c >= '0' && c <= '9'; }

static bool atom_needs_quotes(const AtomText *a)
{
    const uint8_t *p = (const uint8_t *)a->text, *end = p + a->bytes;
    uint32_t c;
    if (utf8_decode(&p, end, &c) != UTF8_OK || !is_lower(c)) return true;
    while (utf8_decode(&p, end, &c) == UTF8_OK)
        if (!is_lower(c) && !is_upper(c) && !is_digit(c) && c != '_') return true;
    return false;
}

static const char *escape_of(uint32_t c)
{
    switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\v': return "\\v";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case 27: return "\\e";
    case '\\': return "\\\\";
    default: return NULL;
    }
}

static void put_escaped(Buf *b, uint32_t c, char quote)
{
    const char *escape = escape_of(c);
    if (escape) buf_puts(b, escape);
    else if (c == (uint8_t)quote) buf_printf(b, "\\%c", quote);
    else if (c < ' ' || c == 127) buf_printf(b, "\\%03o", c);
    else buf_put_codepoint(b, c);
}

void atom_print(Buf *b, term_t atom, bool quote)
{
    const AtomText *a = atom_text(atom);
    if (!quote || !atom_needs_quotes(a)) {
        buf_append(b, a->text, a->bytes);
        return;
    }
    const uint8_t *p = (const uint8_t *)a->text, *end = p + a->bytes;
    uint32_t c;
    buf_putc(b, '\'');
    while (utf8_decode(&p, end, &c) == UTF8_OK) put_escaped(b, c, '\'');
    buf_putc(b, '\'');
}

/* ---- identifiers ---- */

/* The first number shown: 0 for this node's name, else the number of the name's atom. */
static word_t node_number(term_t t)
{
    const Node *n = ident_node(t);
    if (!n) return 0;
    const Node *self = atomic_load_explicit(&n->table->self, memory_order_acquire);
    return self->name == n->name ? 0 : atom_index(n->name);
}

/* The numbers with points between them, and what closes them. */
static void put_numbers(Buf *b, const char *start, const uint64_t *numbers, size_t n)
{
    buf_puts(b, start);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_putc(b, '.');
        buf_put_unsigned(b, numbers[i]);
    }
    buf_putc(b, '>');
}

void pid_print(Buf *b, term_t pid)
{
    put_numbers(b, "<", (uint64_t[]){node_number(pid), pid_number(pid), pid_serial(pid)}, 3);
}

void port_print(Buf *b, term_t port)
{
    put_numbers(b, "#Port<", (uint64_t[]){node_number(port), port_number(port)}, 2);
}

void ref_print(Buf *b, term_t ref)
{
    uint32_t n[REF_NUMBERS_MAX];
    uint64_t shown[1 + REF_NUMBERS_MAX] = {node_number(ref)};
    unsigned count = ref_numbers(ref, n);
    for (unsigned i = 0; i < count; i++) shown[1 + i] = n[count - 1 - i];
    put_numbers(b, "#Ref<", shown, 1 + count);
}

void fun_print(Buf *b, term_t fun)
{
    if (term_is_export(fun)) {
        const Mfa *m = &export_of(fun)->mfa;
        buf_puts(b, "fun ");
        atom_print(b, m->module, true);
        buf_putc(b, ':');
        atom_print(b, m->function, true);
        buf_printf(b, "/%lu", m->arity);
        return;
    }
    const FunEntry *e = fun_ptr(fun)->entry;
    buf_puts(b, "#Fun<");
    atom_print(b, e->module, true);
    put_numbers(b, ".", (uint64_t[]){e->index, e->old_uniq}, 2);
}

/* ---- bit strings ---- */

static void bits_print(Buf *b, term_t t, size_t limit)
{
    BitView v = bitstring_view(t);
    size_t n = v.bits >> 3;
    unsigned rest = v.bits & 7;
    bool text = n > 0 && rest == 0;
    for (size_t i = 0; i < n && text; i++) {
        unsigned c = (unsigned)bits_read(v.base, v.offset + 8 * i, 8);
        text = c >= ' ' && c < 127;
    }
    buf_puts(b, text ? "<<\"" : "<<");
    for (size_t i = 0; i < n; i++) {
        unsigned c = (unsigned)bits_read(v.base, v.offset + 8 * i, 8);
        if (i == limit) {
            buf_puts(b, "...");
            break;
        }
        if (text) buf_putc(b, (char)c);
        else buf_printf(b, i ? ",%u" : "%u", c);
    }
    if (rest)
        buf_printf(b, n ? ",%u:%u" : "%u:%u", (unsigned)bits_read(v.base, v.offset + 8 * n, rest), rest);
    buf_puts(b, text ? "\">>" : ">>");
}

/* ---- compounds ---- */

typedef struct Item {
    const char *text; /* punctuation, or NULL: the term */
    term_t term;      /* a list cell with `tail` set is the rest of a list already open */
    bool tail;
} Item;

typedef struct Items {
    Item *items;
    size_t n, cap;
} Items;

static void push(Items *s, Item item)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        s->items = mem_realloc(MEM_TEMP, s->items, s->cap * sizeof(Item), cap * sizeof(Item));
        s->cap = cap;
    }
    s->items[s->n++] = item;
}

static void push_text(Items *s, const char *text) { push(s, (Item){text, TERM_NIL, false}); }
static void push_term(Items *s, term_t t) { push(s, (Item){NULL, t, false}); }

static void tuple_open(Items *s, Buf *b, term_t t, size_t limit)
{
    size_t n = tuple_arity(t);
    buf_putc(b, '{');
    push_text(s, "}");
    if (n > limit) {
        push_text(s, "...");
        n = limit;
    }
    for (size_t i = n; i > 0; i--) {
        push_term(s, tuple_elements(t)[i - 1]);
        if (i > 1) push_text(s, ",");
    }
}

static void map_open(Items *s, Buf *b, term_t t, size_t limit)
{
    MapIter it;
    term_t key, value;
    buf_puts(b, "#{");
    push_text(s, "}");
    if (map_size(t) > limit) push_text(s, "...");
    size_t base = s->n;
    map_iter_init(&it, t);
    for (size_t i = 0; i < limit && map_iter_next(&it, &key, &value); i++) {
        if (i > 0) push_text(s, ",");
        push_term(s, key);
        push_text(s, "=>");
        push_term(s, value);
    }
    for (size_t i = base, k = s->n; i + 1 < k; i++) { /* first pushed is to come out first */
        Item x = s->items[i];
        s->items[i] = s->items[--k];
        s->items[k] = x;
    }
}

static bool is_text(term_t t)
{
    if (!term_is_list_cell(t)) return false;
    for (; term_is_list_cell(t); t = list_tail(t)) {
        if (!term_is_small(list_head(t))) return false;
        int64_t c = small_value(list_head(t));
        if (c < 0 || c > 255) return false;
        if (!(c >= 160 || (c >= ' ' && c < 127) || (c >= '\t' && c <= '\r'))) return false;
    }
    return term_is_nil(t);
}

static void text_print(Buf *b, term_t t)
{
    buf_putc(b, '"');
    for (; term_is_list_cell(t); t = list_tail(t)) {
        uint32_t c = (uint32_t)small_value(list_head(t));
        if (c == '\n') buf_puts(b, "\\n");
        else if (c == '"') buf_puts(b, "\\\"");
        else buf_put_codepoint(b, c);
    }
    buf_putc(b, '"');
}

static void list_step(Items *s, Buf *b, term_t t, bool tail)
{
    if (!tail && is_text(t)) {
        text_print(b, t);
        return;
    }
    if (!tail) {
        buf_putc(b, '[');
        push_text(s, "]");
    }
    term_t rest = list_tail(t);
    if (term_is_list_cell(rest)) {
        push(s, (Item){NULL, rest, true});
        push_text(s, ",");
    } else if (!term_is_nil(rest)) {
        push_term(s, rest);
        push_text(s, "|");
    }
    push_term(s, list_head(t));
}

static void boxed_print(Items *s, Buf *b, term_t t, size_t limit)
{
    switch (HEADER_SUBTAG(boxed_header(t))) {
    case BOXED_TUPLE: tuple_open(s, b, t, limit); break;
    case BOXED_MAP: map_open(s, b, t, limit); break;
    case BOXED_POS_BIG: case BOXED_NEG_BIG: buf_put_int(b, t, 10); break;
    case BOXED_FLOAT: buf_printf(b, "%e", float_value(t)); break;
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: bits_print(b, t, limit); break;
    case BOXED_REF: case BOXED_EXT_REF: ref_print(b, t); break;
    case BOXED_FUN: case BOXED_EXPORT: fun_print(b, t); break;
    case BOXED_EXT_PID: pid_print(b, t); break;
    case BOXED_EXT_PORT: port_print(b, t); break;
    default: buf_printf(b, "<boxed %#lx>", (unsigned long)boxed_header(t));
    }
}

static void print_one(Items *s, Buf *b, term_t t, bool tail, size_t limit)
{
    if (term_is_list_cell(t)) list_step(s, b, t, tail);
    else if (term_is_boxed(t)) boxed_print(s, b, t, limit);
    else if (term_is_small(t)) buf_printf(b, "%ld", (long)small_value(t));
    else if (term_is_atom(t)) atom_print(b, t, true);
    else if (term_is_nil(t)) buf_puts(b, "[]");
    else if (term_is_local_pid(t)) pid_print(b, t);
    else if (term_is_local_port(t)) port_print(b, t);
    else if (term_is_catch(t)) buf_printf(b, "<catch %lu>", catch_index(t));
    else buf_printf(b, "<word %#lx>", (unsigned long)t);
}

void term_print(Buf *b, term_t t, size_t limit)
{
    Items s = {0};
    size_t left = limit;
    push_term(&s, t);
    while (s.n > 0) {
        Item item = s.items[--s.n];
        if (item.text) {
            buf_puts(b, item.text);
        } else if (left == 0) {
            buf_puts(b, "...");
            break;
        } else {
            if (left != PRINT_NO_LIMIT) left--;
            print_one(&s, b, item.term, item.tail, left);
        }
    }
    mem_free(MEM_TEMP, s.items, s.cap * sizeof(Item));
}

char *term_text(term_t t)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, t, PRINT_NO_LIMIT);
    char *text = mem_text(MEM_TEMP, buf_text(&b));
    buf_free(&b);
    return text;
}
