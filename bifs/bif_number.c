/* SPDX-License-Identifier: Apache-2.0 */
/* bif_number - arithmetic operators as functions, numbers to and from text.
 * Semantics: erlang(3), string(3). Errors: badarith, badarg, system_limit. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "base/decimal.h"
#include "data/arith.h"
#include "data/binary.h"
#include "term/float.h"

#include <stdio.h>

static term_t fail(Process *p, enum ArithError e)
{
    return bif_error(p, e == ARITH_BADARITH ? EXC_BADARITH : e == ARITH_BADARG ? EXC_BADARG : EXC_SYSTEM_LIMIT);
}

typedef term_t Unary(Heap *h, term_t a, enum ArithError *err);
typedef term_t Binary2(Heap *h, term_t a, term_t b, enum ArithError *err);

static inline term_t unary(Process *p, const term_t *a, Unary *op)
{
    enum ArithError e;
    term_t t = op(&p->heap, a[0], &e);
    return t == TERM_NONE ? fail(p, e) : t;
}

static inline term_t binary(Process *p, const term_t *a, Binary2 *op)
{
    enum ArithError e;
    term_t t = op(&p->heap, a[0], a[1], &e);
    return t == TERM_NONE ? fail(p, e) : t;
}

/* ---- operators ---- */

BIF_NAMED(erlang, "+", op_add, 2, GUARD) { return binary(p, a, arith_add); }
BIF_NAMED(erlang, "-", op_sub, 2, GUARD) { return binary(p, a, arith_sub); }
BIF_NAMED(erlang, "*", op_mul, 2, GUARD) { return binary(p, a, arith_mul); }
BIF_NAMED(erlang, "/", op_divide, 2, GUARD) { return binary(p, a, arith_divide); }
BIF_NAMED(erlang, "+", op_plus, 1, GUARD) { return unary(p, a, arith_plus); }
BIF_NAMED(erlang, "-", op_neg, 1, GUARD) { return unary(p, a, arith_neg); }
BIF(erlang, div, 2, GUARD) { return binary(p, a, arith_div); }
BIF(erlang, rem, 2, GUARD) { return binary(p, a, arith_rem); }
BIF(erlang, band, 2, GUARD) { return binary(p, a, arith_band); }
BIF(erlang, bor, 2, GUARD) { return binary(p, a, arith_bor); }
BIF(erlang, bxor, 2, GUARD) { return binary(p, a, arith_bxor); }
BIF(erlang, bsl, 2, GUARD) { return binary(p, a, arith_bsl); }
BIF(erlang, bsr, 2, GUARD) { return binary(p, a, arith_bsr); }
BIF(erlang, bnot, 1, GUARD) { return unary(p, a, arith_bnot); }

BIF(erlang, abs, 1, GUARD) { return unary(p, a, arith_abs); }
BIF(erlang, float, 1, GUARD) { return unary(p, a, arith_float); }
BIF(erlang, trunc, 1, GUARD) { return unary(p, a, arith_trunc); }
BIF(erlang, round, 1, GUARD) { return unary(p, a, arith_round); }
BIF(erlang, floor, 1, GUARD) { return unary(p, a, arith_floor); }
BIF(erlang, ceil, 1, GUARD) { return unary(p, a, arith_ceil); }

/* ---- integers to text ---- */

/* 2..36, or 0. */
static unsigned base_of(term_t t)
{
    return term_is_small(t) && small_value(t) >= 2 && small_value(t) <= 36 ? (unsigned)small_value(t) : 0;
}

/* A digit is about as much work as so many words. */
#define DIGIT_WORDS 4

/* Conversions are quadratic at worst: charge by digits squared for very long ones. */
static void charge_digits(Process *p, size_t digits)
{
    if (digits > 64) process_bump_reds(p, (int32_t)MIN(digits / 64 + digits / 1024 * (digits / 1024), (size_t)100000));
}

static term_t small_text(Heap *h, int64_t i, bool list)
{
    char digits[1 + DECIMAL_MAX], *end = digits + sizeof digits;
    char *at = decimal_before(end, i < 0 ? -(uint64_t)i : (uint64_t)i);
    if (i < 0) *--at = '-';
    size_t n = (size_t)(end - at);
    return list ? heap_string(h, at, n, TERM_NIL) : heap_binary(h, at, n);
}

static term_t integer_text(Process *p, term_t i, unsigned base, bool list)
{
    if (LIKELY(term_is_small(i) && base == 10)) return small_text(&p->heap, small_value(i), list);
    if (!term_is_integer(i) || base == 0) return bif_error(p, EXC_BADARG);
    char small[128];
    size_t room = int_text_bytes(i, base);
    if (bif_is_long(DIGIT_WORDS * room)) return bif_go_dirty(p);
    char *text = room <= sizeof small ? small : mem_alloc(MEM_TEMP, room);
    size_t n = int_to_text(i, base, text);
    term_t t = list ? heap_string(&p->heap, text, n, TERM_NIL) : heap_binary(&p->heap, text, n);
    if (text != small) mem_free(MEM_TEMP, text, room);
    charge_digits(p, n);
    return t;
}

BIF(erlang, integer_to_list, 1, 0) { return integer_text(p, a[0], 10, true); }
BIF(erlang, integer_to_list, 2, 0) { return integer_text(p, a[0], base_of(a[1]), true); }
BIF(erlang, integer_to_binary, 1, 0) { return integer_text(p, a[0], 10, false); }
BIF(erlang, integer_to_binary, 2, 0) { return integer_text(p, a[0], base_of(a[1]), false); }

/* ---- text to integers ---- */

/* Text of a list of Latin-1 characters or of a binary, in `small` or allocated. */
typedef struct Text {
    char *bytes;
    size_t n, room;
    char small[128];
} Text;

static void text_free(Text *t)
{
    if (t->bytes != t->small) mem_free(MEM_TEMP, t->bytes, t->room);
}

static char *text_room(Text *t, size_t n)
{
    t->n = n;
    t->room = n;
    t->bytes = n <= sizeof t->small ? t->small : mem_alloc(MEM_TEMP, n);
    return t->bytes;
}

/* The longest prefix of list that consists of bytes; *rest what follows. */
static void text_of_prefix(Text *t, term_t list, term_t *rest)
{
    size_t n = 0;
    term_t x = list;
    for (; term_is_list_cell(x); x = list_tail(x), n++)
        if (!term_is_small(list_head(x)) || (uint64_t)small_value(list_head(x)) > 255) break;
    *rest = x;
    char *to = text_room(t, n);
    for (size_t i = 0; i < n; i++, list = list_tail(list)) to[i] = (char)small_value(list_head(list));
}

static bool text_of_list(Text *t, term_t list)
{
    term_t rest;
    if (!term_is_list(list)) return false;
    text_of_prefix(t, list, &rest);
    if (term_is_nil(rest)) return true;
    text_free(t);
    return false;
}

static bool text_of_binary(Text *t, term_t binary)
{
    if (!term_is_bitstring(binary) || !term_is_binary(binary)) return false;
    BitView v = bitstring_view(binary);
    bits_copy((uint8_t *)text_room(t, v.bits >> 3), 0, v.base, v.offset, v.bits);
    return true;
}

static term_t integer_of_text(Process *p, Text *t, unsigned base)
{
    enum ArithError e;
    term_t i = base ? heap_int_from_text(&p->heap, t->bytes, t->n, base, &e) : TERM_NONE;
    charge_digits(p, t->n);
    uint32_t reason = base && i == TERM_NONE && e == ARITH_SYSTEM_LIMIT ? EXC_SYSTEM_LIMIT : EXC_BADARG;
    text_free(t);
    return i == TERM_NONE ? bif_error(p, reason) : i;
}

/* So many decimal digits fit into a small. */
#define SHORT_DIGITS 17

/* The number that few digits are, or TERM_NONE: another text. */
static term_t short_decimal(const char *s, size_t n)
{
    size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');
    int64_t value = 0;
    if (n == sign || n - sign > SHORT_DIGITS) return TERM_NONE;
    for (size_t i = sign; i < n; i++) {
        unsigned digit = (unsigned char)s[i] - (unsigned)'0';
        if (digit > 9) return TERM_NONE;
        value = 10 * value + digit;
    }
    return term_small(s[0] == '-' ? -value : value);
}

static term_t short_binary(term_t t)
{
    if (!term_is_bitstring(t)) return TERM_NONE;
    BitView v = bitstring_view(t);
    bool few = v.bits % 8 == 0 && v.bits <= 8 * (1 + SHORT_DIGITS) && view_is_aligned(&v);
    return few ? short_decimal((const char *)view_bytes(&v), v.bits / 8) : TERM_NONE;
}

static bool is_long_text(term_t t)
{
    size_t n = term_is_bitstring(t) ? bitstring_bits(t) / 8 : 0;
    while (term_is_list_cell(t) && !bif_is_long(DIGIT_WORDS * n)) t = list_tail(t), n++;
    return bif_is_long(DIGIT_WORDS * n);
}

/* All of a list of bytes that has room in t->small. */
static bool text_of_short_list(Text *t, term_t list)
{
    size_t n = 0;
    t->bytes = t->small;
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t c = list_head(list);
        if (n == sizeof t->small || !term_is_small(c) || (uint64_t)small_value(c) > UINT8_MAX) return false;
        t->small[n++] = (char)small_value(c);
    }
    t->n = n;
    return term_is_nil(list);
}

static term_t list_to_integer(Process *p, term_t list, unsigned base)
{
    Text t;
    if (text_of_short_list(&t, list)) {
        term_t few = base == 10 ? short_decimal(t.bytes, t.n) : TERM_NONE;
        return few != TERM_NONE ? few : integer_of_text(p, &t, base);
    }
    if (is_long_text(list)) return bif_go_dirty(p);
    return text_of_list(&t, list) ? integer_of_text(p, &t, base) : bif_error(p, EXC_BADARG);
}

static term_t binary_to_integer(Process *p, term_t binary, unsigned base)
{
    Text t;
    term_t few = base == 10 ? short_binary(binary) : TERM_NONE;
    if (few != TERM_NONE) return few;
    if (is_long_text(binary)) return bif_go_dirty(p);
    return text_of_binary(&t, binary) ? integer_of_text(p, &t, base) : bif_error(p, EXC_BADARG);
}

BIF(erlang, list_to_integer, 1, 0) { return list_to_integer(p, a[0], 10); }
BIF(erlang, list_to_integer, 2, 0) { return list_to_integer(p, a[0], base_of(a[1])); }
BIF(erlang, binary_to_integer, 1, 0) { return binary_to_integer(p, a[0], 10); }
BIF(erlang, binary_to_integer, 2, 0) { return binary_to_integer(p, a[0], base_of(a[1])); }

/* The list behind its first n elements. */
static term_t list_after(term_t list, size_t n)
{
    while (n-- > 0) list = list_tail(list);
    return list;
}

static term_t string_error(Process *p, term_t why)
{
    return heap_tuple2(&p->heap, am_error, why);
}

BIF(string, list_to_integer, 1, 0)
{
    Text t;
    term_t rest;
    enum ArithError e;
    if (!term_is_list(a[0])) return string_error(p, am_not_a_list);
    if (is_long_text(a[0])) return bif_go_dirty(p);
    text_of_prefix(&t, a[0], &rest);
    size_t n = t.n > 0 && (t.bytes[0] == '+' || t.bytes[0] == '-'), sign = n;
    while (n < t.n && t.bytes[n] >= '0' && t.bytes[n] <= '9') n++;
    term_t i = n > sign ? heap_int_from_text(&p->heap, t.bytes, n, 10, &e) : TERM_NONE;
    text_free(&t);
    if (n == sign) return string_error(p, am_no_integer);
    if (i == TERM_NONE) return bif_error(p, EXC_SYSTEM_LIMIT);
    return heap_tuple2(&p->heap, i, list_after(a[0], n));
}

/* 27: list_to_integer, binary_to_integer in Erlang call these. */
static term_t erts_list_to_integer(Process *p, term_t list, term_t base)
{
    Text t;
    term_t rest;
    enum ArithError e;
    if (!term_is_list(list)) return am_not_a_list;
    if (!base_of(base)) return am_badarg;
    if (is_long_text(list)) return bif_go_dirty(p);
    text_of_prefix(&t, list, &rest);
    size_t n = t.n > 0 && (t.bytes[0] == '+' || t.bytes[0] == '-'), sign = n;
    while (n < t.n && digit_value((unsigned char)t.bytes[n], base_of(base)) >= 0) n++;
    term_t i = n > sign ? heap_int_from_text(&p->heap, t.bytes, n, base_of(base), &e) : TERM_NONE;
    text_free(&t);
    if (n == sign) return am_no_integer;
    if (i == TERM_NONE) return am_system_limit;
    return heap_tuple2(&p->heap, i, list_after(list, n));
}

BIF(erts_internal, list_to_integer, 2, 0) { return erts_list_to_integer(p, a[0], a[1]); }

BIF(erts_internal, binary_to_integer, 2, 0)
{
    Text t;
    enum ArithError e = ARITH_BADARG;
    if (is_long_text(a[0])) return bif_go_dirty(p);
    if (!text_of_binary(&t, a[0]) || !base_of(a[1])) return am_badarg;
    term_t i = heap_int_from_text(&p->heap, t.bytes, t.n, base_of(a[1]), &e);
    text_free(&t);
    return i != TERM_NONE ? i : e == ARITH_SYSTEM_LIMIT ? am_system_limit : am_badarg;
}

/* ---- floats to text ---- */

enum FloatStyle { STYLE_SCIENTIFIC, STYLE_DECIMALS, STYLE_SHORT };

typedef struct FloatFormat {
    enum FloatStyle style;
    int digits;
    bool compact;
} FloatFormat;

#define DEFAULT_DIGITS 20

static bool digits_option(FloatFormat *f, term_t option, term_t name, enum FloatStyle style, int max)
{
    term_t n = tuple_element(option, 2);
    if (tuple_element(option, 1) != name || !term_is_small(n)) return false;
    if (small_value(n) < 0 || small_value(n) > max) return false;
    f->style = style;
    f->digits = (int)small_value(n);
    return true;
}

static bool float_option(FloatFormat *f, term_t option)
{
    if (option == am_short) f->style = STYLE_SHORT;
    else if (option == am_compact) f->compact = true;
    else if (!term_is_tuple_of(option, 2)) return false;
    else
        return digits_option(f, option, am_decimals, STYLE_DECIMALS, FLOAT_DECIMALS_MAX) ||
               digits_option(f, option, am_scientific, STYLE_SCIENTIFIC, FLOAT_SCIENTIFIC_MAX);
    return true;
}

static size_t float_text(const FloatFormat *f, double d, char *to)
{
    switch (f->style) {
    case STYLE_SHORT: return float_print_short(d, to);
    case STYLE_DECIMALS: return float_print_decimals(d, f->digits, f->compact, to);
    default: return float_print_scientific(d, f->digits, to);
    }
}

static term_t print_float(Process *p, term_t number, term_t options, bool list)
{
    FloatFormat f = {STYLE_SCIENTIFIC, DEFAULT_DIGITS, false};
    char text[FLOAT_TEXT_MAX];
    if (!term_is_float(number)) return bif_error(p, EXC_BADARG);
    for (; term_is_list_cell(options); options = list_tail(options))
        if (!float_option(&f, list_head(options))) return bif_error(p, EXC_BADARG);
    if (!term_is_nil(options)) return bif_error(p, EXC_BADARG);
    size_t n = float_text(&f, float_value(number), text);
    if (n == 0) return bif_error(p, EXC_BADARG);
    return list ? heap_string(&p->heap, text, n, TERM_NIL) : heap_binary(&p->heap, text, n);
}

BIF(erlang, float_to_list, 1, 0) { return print_float(p, a[0], TERM_NIL, true); }
BIF(erlang, float_to_list, 2, 0) { return print_float(p, a[0], a[1], true); }
BIF(erlang, float_to_binary, 1, 0) { return print_float(p, a[0], TERM_NIL, false); }
BIF(erlang, float_to_binary, 2, 0) { return print_float(p, a[0], a[1], false); }

/* ---- text to floats ---- */

static term_t float_of_text(Process *p, Text *t)
{
    double d;
    bool ok = float_parse(t->bytes, t->n, &d);
    text_free(t);
    return ok ? heap_float(&p->heap, d) : bif_error(p, EXC_BADARG);
}

BIF(erlang, list_to_float, 1, 0)
{
    Text t;
    if (is_long_text(a[0])) return bif_go_dirty(p);
    return text_of_list(&t, a[0]) ? float_of_text(p, &t) : bif_error(p, EXC_BADARG);
}

BIF(erlang, binary_to_float, 1, 0)
{
    Text t;
    if (is_long_text(a[0])) return bif_go_dirty(p);
    return text_of_binary(&t, a[0]) ? float_of_text(p, &t) : bif_error(p, EXC_BADARG);
}

BIF(string, list_to_float, 1, 0)
{
    Text t;
    term_t rest;
    double d;
    if (!term_is_list(a[0])) return string_error(p, am_not_a_list);
    if (is_long_text(a[0])) return bif_go_dirty(p);
    text_of_prefix(&t, a[0], &rest);
    size_t n = float_scan(t.bytes, t.n);
    bool ok = n > 0 && float_parse(t.bytes, n, &d);
    text_free(&t);
    if (!ok) return string_error(p, am_no_float);
    return heap_tuple2(&p->heap, heap_float(&p->heap, d), list_after(a[0], n));
}
