/* SPDX-License-Identifier: Apache-2.0 */
/* base - the end of the road: one line to stderr, the registered hook, abort().
 * Threads: any; a second panic while the hook runs skips the hook.
 * Layer: base. */
#include "base/base.h"
#include "base/atomic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic(void (*)(const char *)) panic_hook;
static atomic_int panicking;

void base_set_panic_hook(void (*hook)(const char *text))
{
    atomic_store(&panic_hook, hook);
}

void base_panic(const char *file, int line, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    int n = snprintf(text, sizeof text, "%s:%d: ", file, line);
    va_start(ap, fmt);
    if (n > 0 && (size_t)n < sizeof text)
        vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    if (write(2, text, strlen(text)) < 0 || write(2, "\n", 1) < 0)
        abort();
    if (atomic_fetch_add(&panicking, 1) == 0) {
        void (*hook)(const char *) = atomic_load(&panic_hook);
        if (hook)
            hook(text);
    }
    abort();
}
