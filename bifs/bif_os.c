/* SPDX-License-Identifier: Apache-2.0 */
/* bif_os - the operating system's environment, process number and signals.
 * Names and values are lists of characters in the encoding of file names. Semantics: os(3). Layer: bifs. */
#include "bifs/bif.h"

#include "base/osenv.h"
#include "base/buf.h"
#include "io/native_text.h"
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
    term_t t = native_text_list(h, vm, (const uint8_t *)text, n);
    return t != TERM_NONE ? t : heap_string(h, text, n, TERM_NIL);
}

/* ---- environment ---- */

BIF(os, getenv, 1, 0)
{
    Buf name = BUF_INIT(TEMP);
    term_t result = am_false;
    if (!native_text_put_list(&name, p->vm, a[0]) || memchr(buf_text(&name), '=', name.len)) {
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
    bool good = native_text_put_list(&name, p->vm, a[0]) && native_text_put_list(&value, p->vm, a[1]) &&
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
    bool good = native_text_put_list(&name, p->vm, a[0]) && !memchr(buf_text(&name), '=', name.len);
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
    enum SignalAction action;
    if (a[1] == am_handle)
        action = SIGNAL_HANDLE;
    else if (a[1] == am_default)
        action = SIGNAL_DEFAULT;
    else if (a[1] == am_ignore)
        action = SIGNAL_IGNORE;
    else
        return bif_error_cause(p, EXC_BADARG, am_badopt);
    int number = signal_number(a[0]);
    bool later = p->vm->release->otp >= 26 && (a[0] == am_sigcont || a[0] == am_sigwinch);
    if (number == 0 || (!settable(a[0], number) && !later)) return bif_error(p, EXC_BADARG);
    signal_set(p->vm, number, action);
    return am_ok;
}
