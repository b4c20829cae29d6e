/* SPDX-License-Identifier: Apache-2.0 */
/* bif_os - the operating system's environment, process number and signals.
 * Names and values are lists of characters in the encoding of file names. Semantics: os(3). Layer: bifs. */
#include "bifs/bif.h"

#include "base/osenv.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "data/binary.h"
#include "sys/sys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* ---- characters ---- */

/* Bytes of the system as a list of characters; Latin-1 when they are not UTF-8. */
static term_t heap_native_text(Heap *h, Vm *vm, const char *text, size_t n)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + n;
    size_t chars = 0;
    if (!sys_native_utf8(vm) || utf8_scan(at, n, NULL, &chars) != UTF8_OK)
        return heap_string(h, text, n, TERM_NIL);
    if (chars == 0) return TERM_NIL;
    term_t *cells = heap_alloc(h, 2 * chars);
    for (term_t *cell = cells; at < end; cell += 2) {
        uint32_t cp = 0;
        if (utf8_decode(&at, end, &cp) != UTF8_OK) break;
        cell[0] = term_small(cp);
        cell[1] = at < end ? term_make_list(cell + 2) : TERM_NIL;
    }
    return term_make_list(cells);
}

static bool put_char(Buf *b, bool utf8, int64_t c)
{
    if (c <= 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
    if (utf8)
        buf_put_codepoint(b, (uint32_t)c);
    else if (c < 256)
        buf_putc(b, (char)c);
    else
        return false;
    return true;
}

/* Characters to bytes of the system; false: not a flat string, or not encodable. */
static bool native_text(Buf *b, Vm *vm, term_t t)
{
    bool utf8 = sys_native_utf8(vm);
    if (term_is_binary(t)) {
        TempBytes temp;
        size_t n;
        const uint8_t *bytes = binary_bytes(t, &n, &temp);
        buf_append(b, bytes, n);
        temp_bytes_free(&temp);
        return memchr(buf_text(b), 0, n) == NULL;
    }
    for (; term_is_list_cell(t); t = list_tail(t))
        if (!term_is_small(list_head(t)) || !put_char(b, utf8, small_value(list_head(t)))) return false;
    return t == TERM_NIL;
}

/* ---- environment ---- */

BIF(os, getenv, 1, 0)
{
    Buf name = BUF_INIT(TEMP);
    term_t result = am_false;
    if (!native_text(&name, p->vm, a[0]) || memchr(buf_text(&name), '=', name.len)) {
        buf_free(&name);
        return bif_error(p, EXC_BADARG);
    }
    osenv_lock();
    const char *value = getenv(buf_text(&name));
    if (value) result = heap_native_text(&p->heap, p->vm, value, strlen(value));
    osenv_unlock();
    buf_free(&name);
    return result;
}

BIF(os, putenv, 2, 0)
{
    Buf name = BUF_INIT(TEMP), value = BUF_INIT(TEMP);
    bool good = native_text(&name, p->vm, a[0]) && native_text(&value, p->vm, a[1]) &&
                !memchr(buf_text(&name), '=', name.len);
    if (good && name.len) {
        osenv_lock();
        setenv(buf_text(&name), buf_text(&value), 1);
        osenv_unlock();
    }
    buf_free(&name);
    buf_free(&value);
    return good ? am_true : bif_error(p, EXC_BADARG);
}

BIF(os, unsetenv, 1, 0)
{
    Buf name = BUF_INIT(TEMP);
    bool good = native_text(&name, p->vm, a[0]) && !memchr(buf_text(&name), '=', name.len);
    if (good && name.len) {
        osenv_lock();
        unsetenv(buf_text(&name));
        osenv_unlock();
    }
    buf_free(&name);
    return good ? am_true : bif_error(p, EXC_BADARG);
}

BIF(os, env, 0, 0)
{
    Heap *h = &p->heap;
    term_t list = TERM_NIL;
    osenv_lock();
    for (char **e = environ; e && *e; e++) {
        const char *equals = strchr(*e + (**e == '='), '=');
        if (!equals) continue;
        term_t name = heap_native_text(h, p->vm, *e, (size_t)(equals - *e));
        term_t value = heap_native_text(h, p->vm, equals + 1, strlen(equals + 1));
        list = heap_cons(h, heap_tuple2(h, name, value), list);
    }
    osenv_unlock();
    return list;
}

BIF(os, getpid, 0, 0)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld", (long)getpid());
    return heap_string(&p->heap, text, (size_t)n, TERM_NIL);
}

/* ---- signals ---- */

static bool settable(term_t name, int number)
{
    return number != 0 && name != am_sigint && number != SIGKILL &&
           (name != am_sigcont && name != am_sigwinch);
}

BIF(os, set_signal, 2, 0)
{
    int number = signal_number(a[0]);
    bool later = p->vm->release->otp >= 26 && (a[0] == am_sigcont || a[0] == am_sigwinch);
    if (number == 0 || (!settable(a[0], number) && !later)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    enum SignalAction action;
    if (a[1] == am_handle)
        action = SIGNAL_HANDLE;
    else if (a[1] == am_default)
        action = SIGNAL_DEFAULT;
    else if (a[1] == am_ignore)
        action = SIGNAL_IGNORE;
    else
        return bif_error_cause(p, EXC_BADARG, am_badopt);
    signal_set(p->vm, number, action);
    return am_ok;
}
