/* SPDX-License-Identifier: Apache-2.0 */
/* bif_debug - printing from C level, sizes and sharing of terms.
 * Semantics: erlang(3) display/1; erts_debug as its users in OTP expect. Layer: bifs. */
#include "bifs/bif.h"
#include "base/litmap.h"
#include "base/utf8.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/term_print.h"
#include "heap/marks.h"
#include "heap/termstack.h"
#include "sys/config.h"

#include <stdio.h>

/* ---- display ---- */

BIF(erlang, display, 1, 0)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, a[0], PRINT_NO_LIMIT);
    buf_puts(&b, "\r\n");
    fwrite(b.data, 1, b.len, stdout);
    fflush(stdout);
    buf_free(&b);
    return am_true;
}

static bool append_text(Buf *b, term_t list)
{
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t c = list_head(list);
        if (!term_is_small(c) || small_value(c) < 0 || small_value(c) > 0x10FFFF ||
            !utf8_is_scalar((uint32_t)small_value(c)))
            return false;
        buf_put_codepoint(b, (uint32_t)small_value(c));
    }
    return term_is_nil(list);
}

static term_t display_text(Process *p, FILE *to, term_t list)
{
    Buf b = BUF_INIT(TEMP);
    bool ok = append_text(&b, list);
    if (ok) {
        fwrite(buf_text(&b), 1, b.len, to);
        fflush(to);
    }
    buf_free(&b);
    return ok ? am_true : bif_error(p, EXC_BADARG);
}

BIF(erlang, display_string, 1, 0) { return display_text(p, stderr, a[0]); }

BIF(erlang, display_string, 2, 0)
{
    if (a[0] != am_stdout && a[0] != am_stderr) return bif_error(p, EXC_BADARG);
    return display_text(p, a[0] == am_stdout ? stdout : stderr, a[1]);
}

BIF(erlang, display_nl, 0, 0)
{
    fputs("\r\n", stderr);
    return am_true;
}

BIF(erts_debug, display, 1, 0)
{
    Buf b = BUF_INIT(TEMP);
    term_print(&b, a[0], PRINT_NO_LIMIT);
    buf_putc(&b, '\n');
    fwrite(b.data, 1, b.len, stdout);
    fflush(stdout);
    term_t t = heap_string(&p->heap, b.data, b.len, TERM_NIL);
    buf_free(&b);
    return t;
}

/* 27: the text of display/1; at most `limit` elements unless it is undefined. */
BIF(erts_internal, term_to_string, 2, 0)
{
    bool limited = term_is_small(a[1]) && small_value(a[1]) >= 0;
    if (!limited && a[1] != am_undefined) return bif_error(p, EXC_BADARG);
    Buf b = BUF_INIT(TEMP);
    term_print(&b, a[0], limited ? (size_t)small_value(a[1]) : PRINT_NO_LIMIT);
    const uint8_t *at = (const uint8_t *)buf_text(&b), *end = at + b.len;
    term_t list = TERM_NIL, *last = &list;
    for (uint32_t c; utf8_decode(&at, end, &c) == UTF8_OK;) {
        term_t *hp = heap_alloc(&p->heap, 2);
        *last = list_put(hp, term_small(c), TERM_NIL);
        last = hp + 1;
    }
    process_bump_reds(p, (int32_t)MIN(b.len / 64, (size_t)100000));
    buf_free(&b);
    return list;
}

/* 29: the same bits, but starting `offset` bits into a byte. */
BIF(erts_debug, unaligned_bitstring, 2, 0)
{
    if (!term_is_bitstring(a[0]) || !term_is_small(a[1]) || small_value(a[1]) < 0 || small_value(a[1]) > 7)
        return bif_error(p, EXC_BADARG);
    BitView v = bitstring_view(a[0]);
    uint64_t offset = (uint64_t)small_value(a[1]);
    uint8_t *to;
    term_t t = heap_bits_new(&p->heap, v.bits + offset, &to);
    if (offset) bits_clear(to, 0, offset);
    bits_copy(to, offset, v.base, v.offset, v.bits);
    return heap_sub_bits(&p->heap, t, offset, v.bits);
}

BIF(error_logger, warning_map, 0, 0)
{
    char level = p->vm->config->warnings_map;
    return level == 'e' ? am_error : level == 'i' ? am_info : am_warning;
}

BIF(io, printable_range, 0, 0) { return p->vm->config->printable_unicode ? am_unicode : am_latin1; }

/* ---- sizes ---- */

BIF(erts_debug, same, 2, 0) { return term_bool(a[0] == a[1]); }

/* Sizes are those of the reference's objects, which its suites and tools know: a fun has five words and its
 * environment, a shared binary six, a view of one five more, an empty tuple is a literal. */
#define FUN_BASE_WORDS 5
#define BINARY_WORDS 6
#define SUB_BINARY_WORDS 5
#define EXT_HEAD_WORDS 3

static size_t bits_words(term_t t)
{
    uint64_t bits = bitstring_bits(t);
    Binary *b = bitstring_storage(t);
    size_t storage = b ? BINARY_WORDS : HEAP_BITS_WORDS(BITS_TO_BYTES(bits));
    bool view = bits & 7 || (b && bits >> 3 != b->size && term_is_boxed_tag(t, BOXED_SUB_BITS) &&
                             ((SubBits *)boxed_ptr(t))->start != 0);
    return storage + (view ? SUB_BINARY_WORDS : 0);
}

static size_t ref_object_words(term_t t)
{
    return ref_is_alias(t) ? ALIAS_REF_WORDS : REF_WORDS;
}

/* Words of the boxed object itself; its parts go to the stack. */
static size_t object_words(TermStack *todo, term_t t)
{
    term_t *b = boxed_ptr(t), header = *b;
    unsigned count;
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE:
        term_stack_push_pointers(todo, b + 1, HEADER_ARITY(header));
        return HEADER_ARITY(header) == 0 ? 0 : 1 + HEADER_ARITY(header);
    case BOXED_FUN:
        count = fun_free_count(fun_ptr(t));
        term_stack_push_pointers(todo, fun_ptr(t)->env, count);
        return FUN_BASE_WORDS + count;
    case BOXED_EXPORT: return FUN_BASE_WORDS;
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: return bits_words(t);
    case BOXED_REF: return ref_object_words(t);
    case BOXED_EXT_REF: return EXT_HEAD_WORDS + (ext_ptr(t)->data[0] + 2) / 2; /* count and numbers, 32 bits each */
    case BOXED_MAP:
        if (MAP_HEADER_KIND(header) == MAP_FLAT) {
            term_stack_push_pointers(todo, b + 2, 1 + map_size(t));
        } else {
            const term_t *children = hamt_children(t, &count);
            term_stack_push_pointers(todo, children, count);
        }
        return boxed_words(b);
    default: return boxed_words(b);
    }
}

static bool counts(Marks *seen, term_t t)
{
    return !seen || (!litmap_contains(term_ptr(t)) && marks_meet(seen, term_ptr(t)) == MET_FIRST);
}

/* seen: what is met twice counts once, and literals not at all. NULL: every path to an object counts. */
static term_t count_words(Process *p, term_t t, Marks *seen)
{
    TermStack todo;
    size_t words = 0;
    term_stack_init(&todo);
    term_stack_push_pointers(&todo, &t, 1);
    while (term_stack_pop(&todo, &t)) {
        for (; term_is_list_cell(t) && counts(seen, t); words += 2) t = term_stack_cell(&todo, t);
        if (term_is_boxed(t) && counts(seen, t)) words += object_words(&todo, t);
    }
    term_stack_free(&todo);
    process_bump_reds(p, (int32_t)MIN(words / 16, (size_t)100000));
    return heap_uint(&p->heap, words);
}

BIF(erts_debug, flat_size, 1, 0) { return count_words(p, a[0], NULL); }

BIF(erts_debug, size_shared, 1, 0)
{
    Marks seen = {0};
    term_t words = count_words(p, a[0], &seen);
    marks_free(&seen);
    return words;
}

BIF(erts_debug, copy_shared, 2, 0)
{
    if (!term_is_bool(a[1])) return bif_error(p, EXC_BADARG);
    return term_copy_shared(&p->heap, a[0]);
}
