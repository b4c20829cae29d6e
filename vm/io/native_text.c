/* SPDX-License-Identifier: Apache-2.0 */
/* native_text - see native_text.h. Layer: io. */
#include "io/native_text.h"

#include "base/utf8.h"
#include "data/binary.h"
#include "io/drv.h"

#include <langinfo.h>
#include <locale.h>
#include <strings.h>

void native_text_init(Vm *vm, bool utf8, term_t undecodable)
{
    vm->io->names_utf8 = utf8;
    vm->io->names_undecodable = undecodable;
}

bool native_text_locale_is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (!locale) return false;
    const char *codeset = nl_langinfo_l(CODESET, locale);
    bool utf8 = strcasecmp(codeset, "utf-8") == 0 || strcasecmp(codeset, "utf8") == 0;
    freelocale(locale);
    return utf8;
}

bool native_text_is_utf8(const Vm *vm) { return vm->io->names_utf8; }
term_t native_text_undecodable(const Vm *vm) { return vm->io->names_undecodable; }

static bool put_char(Buf *b, bool utf8, term_t t)
{
    if (!term_is_small(t) || small_value(t) <= 0 || small_value(t) > 0x10FFFF) return false;
    uint32_t c = (uint32_t)small_value(t);
    if (!utf8 && c > 0xFF) return false;
    if (!utf8_is_scalar(c)) return false;
    if (utf8) buf_put_codepoint(b, c);
    else buf_putc(b, (char)c);
    return true;
}

/* rest: the tails of the lists whose heads are being looked at. */
static bool put_deep(Buf *b, bool utf8, term_t l, Buf *rest)
{
    for (;;) {
        if (l == TERM_NIL) {
            if (rest->len == 0) return true;
            memcpy(&l, rest->data + rest->len - sizeof l, sizeof l);
            buf_truncate(rest, rest->len - sizeof l);
            continue;
        }
        if (!term_is_list_cell(l)) return false;
        term_t head = list_head(l);
        l = list_tail(l);
        if (term_is_list_cell(head)) {
            buf_append(rest, &l, sizeof l);
            l = head;
        } else if (head != TERM_NIL && !put_char(b, utf8, head)) {
            return false;
        }
    }
}

bool native_text_put_list(Buf *b, const Vm *vm, term_t list)
{
    Buf rest = BUF_INIT(TEMP);
    bool ok = put_deep(b, native_text_is_utf8(vm), list, &rest);
    buf_free(&rest);
    return ok;
}

bool native_text_put_binary(Buf *b, term_t binary)
{
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    if (!term_is_binary(binary)) return false;
    const uint8_t *text = binary_bytes(binary, &n, &temp);
    bool ok = memchr(text, 0, n) == NULL;
    if (ok) buf_append(b, text, n);
    temp_bytes_free(&temp);
    return ok;
}

bool native_text_put(Buf *b, const Vm *vm, term_t text)
{
    return term_is_bitstring(text) ? native_text_put_binary(b, text) : native_text_put_list(b, vm, text);
}

term_t native_text_list(Heap *h, const Vm *vm, const uint8_t *bytes, size_t n)
{
    if (!native_text_is_utf8(vm)) return heap_string(h, (const char *)bytes, n, TERM_NIL);
    const uint8_t *at = bytes, *end = bytes + n;
    size_t chars = 0;
    if (utf8_scan(bytes, n, NULL, &chars) != UTF8_OK) return TERM_NONE;
    if (chars == n) return heap_string(h, (const char *)bytes, n, TERM_NIL);
    term_t *cells = heap_alloc(h, 2 * chars);
    uint32_t c;
    for (term_t *cell = cells; utf8_decode(&at, end, &c) == UTF8_OK; cell += 2)
        list_put(cell, term_small(c), at < end ? term_make_list(cell + 2) : TERM_NIL);
    return term_make_list(cells);
}
