/* SPDX-License-Identifier: Apache-2.0 */
/* nif_sys - enif_* functions on memory, threads, time, text and the system. Layer: nif. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/osenv.h"
#include "data/term_print.h"
#include "include/erl_driver.h"
#include "nif/nif.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#define API EXPORTED

/* ---- memory: sizes are not handed back, so these blocks are libc's ---- */
API void *enif_alloc(size_t size) { return malloc(size ? size : 1); }
API void enif_free(void *ptr) { free(ptr); }
API void *enif_realloc(void *ptr, size_t size) { return realloc(ptr, size ? size : 1); }

/* ---- time ---- */

static int64_t unit_ns(ErlNifTimeUnit unit)
{
    static const int64_t ns[] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};
    return (unsigned)unit < ARRAY_LEN(ns) ? ns[unit] : 0;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

API ErlNifTime enif_monotonic_time(ErlNifTimeUnit unit)
{
    return unit_ns(unit) ? floor_div(clock_monotonic_ns(), unit_ns(unit)) : ERL_NIF_TIME_ERROR;
}

API ErlNifTime enif_time_offset(ErlNifTimeUnit unit)
{
    return unit_ns(unit) ? floor_div(clock_offset_ns(), unit_ns(unit)) : ERL_NIF_TIME_ERROR;
}

API ErlNifTime enif_convert_time_unit(ErlNifTime t, ErlNifTimeUnit from, ErlNifTimeUnit to)
{
    int64_t a = unit_ns(from), b = unit_ns(to);
    if (!a || !b) return ERL_NIF_TIME_ERROR;
    return a >= b ? t * (a / b) : floor_div(t, b / a);
}

API ERL_NIF_TERM enif_now_time(ErlNifEnv *env)
{
    int64_t us = clock_unique_us();
    return heap_tuple3(env->heap, term_small(us / 1000000000000), term_small(us / 1000000 % 1000000),
                       term_small(us % 1000000));
}

/* Of the whole program, like os:system_time in {MegaSecs, Secs, MicroSecs}. */
API ERL_NIF_TERM enif_cpu_time(ErlNifEnv *env)
{
    struct timespec ts;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) != 0) return enif_make_badarg(env);
    return heap_tuple3(env->heap, term_small(ts.tv_sec / 1000000), term_small(ts.tv_sec % 1000000),
                       term_small(ts.tv_nsec / 1000));
}

/* ---- libraries, environment, system ---- */

/* The name comes without the system's suffix. */
API void *enif_dlopen(const char *lib, void (*on_error)(void *, const char *), void *arg)
{
    Buf path = BUF_INIT(TEMP);
    buf_printf(&path, "%s.so", lib);
    void *h = dlopen(buf_text(&path), RTLD_NOW);
    buf_free(&path);
    if (!h && on_error) on_error(arg, dlerror());
    return h;
}

API void *enif_dlsym(void *handle, const char *symbol, void (*on_error)(void *, const char *), void *arg)
{
    dlerror();
    void *s = dlsym(handle, symbol);
    const char *error = dlerror();
    if (error && on_error) on_error(arg, error);
    return error ? NULL : s;
}

/* 0: found; 1: no such variable; *size is then too small or unused. */
API int enif_getenv(const char *key, char *value, size_t *size)
{
    osenv_lock();
    const char *v = getenv(key);
    size_t n = v ? strlen(v) : 0;
    int result = !v ? -1 : n >= *size ? 1 : 0;
    if (result == 0) memcpy(value, v, n + 1);
    if (v) *size = result == 0 ? n : n + 1;
    osenv_unlock();
    return result;
}

API void enif_system_info(ErlNifSysInfo *info, size_t size)
{
    Vm *vm = vm_default();
    ErlNifSysInfo all = vm->nif->info;
    all.scheduler_threads = (int)vm->sched->count;
    memcpy(info, &all, MIN(size, sizeof all));
}

API void driver_system_info(ErlDrvSysInfo *info, size_t size) { enif_system_info(info, size); }

API int enif_set_option(ErlNifEnv *env, ErlNifOption option, ...)
{
    va_list ap;
    int error = 0;
    NifLibrary *lib = env ? env->library : NULL;
    if (!lib) return EINVAL;
    va_start(ap, option);
    switch (option) {
    case ERL_NIF_OPT_DELAY_HALT: lib->delay_halt = true; break;
    case ERL_NIF_OPT_ON_HALT: lib->on_halt = va_arg(ap, ErlNifOnHaltCallback *); break;
    case ERL_NIF_OPT_ON_UNLOAD_THREAD: lib->on_unload_thread = va_arg(ap, ErlNifOnUnloadThreadCallback *); break;
    default: error = EINVAL;
    }
    va_end(ap);
    return error;
}

/* ---- text: printf with %T for terms ---- */

/* Integers, by the length modifier in spec. */
static void put_integer(Buf *b, const char *spec, int width, va_list *ap)
{
    bool star = strchr(spec, '*');
    if (strstr(spec, "ll")) {
        long long v = va_arg(*ap, long long);
        star ? buf_printf(b, spec, width, v) : buf_printf(b, spec, v);
    } else if (strpbrk(spec, "lzjt")) {
        long v = va_arg(*ap, long);
        star ? buf_printf(b, spec, width, v) : buf_printf(b, spec, v);
    } else {
        int v = va_arg(*ap, int);
        star ? buf_printf(b, spec, width, v) : buf_printf(b, spec, v);
    }
}

static void put_double(Buf *b, const char *spec, int width, va_list *ap)
{
    double d = va_arg(*ap, double);
    strchr(spec, '*') ? buf_printf(b, spec, width, d) : buf_printf(b, spec, d);
}

static void put_pointer(Buf *b, const char *spec, int width, va_list *ap)
{
    const char *s = va_arg(*ap, const char *);
    strchr(spec, '*') ? buf_printf(b, spec, width, s) : buf_printf(b, spec, s);
}

/* One conversion from `format` (at '%') into b; returns what follows it. */
static const char *put_conversion(Buf *b, const char *format, va_list *ap)
{
    char spec[32];
    size_t n = strcspn(format + 1, "diouxXeEfFgGaAcspnT%") + 2;
    if (n >= sizeof spec || format[n - 1] == 0) return format + strlen(format);
    memcpy(spec, format, n);
    spec[n] = 0;
    int width = strchr(spec, '*') ? va_arg(*ap, int) : 0;
    switch (spec[n - 1]) {
    case 'T': term_print(b, va_arg(*ap, ERL_NIF_TERM), 100000); break;
    case '%': buf_putc(b, '%'); break;
    case 's': case 'p': put_pointer(b, spec, width, ap); break;
    case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A':
        put_double(b, spec, width, ap);
        break;
    default: put_integer(b, spec, width, ap);
    }
    return format + n;
}

static void put_format(Buf *b, const char *format, va_list ap)
{
    va_list args;
    va_copy(args, ap);
    while (*format) {
        size_t plain = strcspn(format, "%");
        buf_append(b, format, plain);
        format += plain;
        if (*format) format = put_conversion(b, format, &args);
    }
    va_end(args);
}

API int enif_vsnprintf(char *buffer, size_t size, const char *format, va_list ap)
{
    Buf b = BUF_INIT(TEMP);
    put_format(&b, format, ap);
    int n = (int)b.len;
    if (size > 0) {
        size_t k = MIN(b.len, size - 1);
        memcpy(buffer, buf_text(&b), k);
        buffer[k] = 0;
    }
    buf_free(&b);
    return n;
}

API int enif_vfprintf(FILE *file, const char *format, va_list ap)
{
    Buf b = BUF_INIT(TEMP);
    put_format(&b, format, ap);
    int n = (int)fwrite(buf_text(&b), 1, b.len, file);
    buf_free(&b);
    return n;
}

API int enif_snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = enif_vsnprintf(buffer, size, format, ap);
    va_end(ap);
    return n;
}

API int enif_fprintf(FILE *file, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = enif_vfprintf(file, format, ap);
    va_end(ap);
    return n;
}
