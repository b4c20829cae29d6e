/* SPDX-License-Identifier: Apache-2.0 */
/* nif_sys - enif_* functions on memory, threads, time, text and the system. Layer: nif. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/osenv.h"
#include "data/term_print.h"
#include "nif/nif.h"
#include "sched/sched.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define API EXPORTED

/* ---- memory: sizes are not handed back, so these blocks are libc's ---- */
API void *enif_alloc(size_t size) { return malloc(size ? size : 1); }
API void enif_free(void *ptr) { free(ptr); }
API void *enif_realloc(void *ptr, size_t size) { return realloc(ptr, size ? size : 1); }

/* ---- locks and threads: the library's own, outside of the lock order checker ---- */
struct ErlDrvMutex_ { pthread_mutex_t m; };
struct ErlDrvCond_ { pthread_cond_t c; };
struct ErlDrvRWLock_ { pthread_rwlock_t l; };
struct ErlDrvTid_ { pthread_t t; };

API ErlNifMutex *enif_mutex_create(char *name UNUSED)
{
    ErlNifMutex *m = malloc(sizeof *m);
    if (m) pthread_mutex_init(&m->m, NULL);
    return m;
}
API void enif_mutex_destroy(ErlNifMutex *m)
{
    pthread_mutex_destroy(&m->m);
    free(m);
}
API int enif_mutex_trylock(ErlNifMutex *m) { return pthread_mutex_trylock(&m->m); }
API void enif_mutex_lock(ErlNifMutex *m) { pthread_mutex_lock(&m->m); }
API void enif_mutex_unlock(ErlNifMutex *m) { pthread_mutex_unlock(&m->m); }

API ErlNifCond *enif_cond_create(char *name UNUSED)
{
    ErlNifCond *c = malloc(sizeof *c);
    if (c) pthread_cond_init(&c->c, NULL);
    return c;
}
API void enif_cond_destroy(ErlNifCond *c)
{
    pthread_cond_destroy(&c->c);
    free(c);
}
API void enif_cond_signal(ErlNifCond *c) { pthread_cond_signal(&c->c); }
API void enif_cond_broadcast(ErlNifCond *c) { pthread_cond_broadcast(&c->c); }
API void enif_cond_wait(ErlNifCond *c, ErlNifMutex *m) { pthread_cond_wait(&c->c, &m->m); }

API ErlNifRWLock *enif_rwlock_create(char *name UNUSED)
{
    ErlNifRWLock *l = malloc(sizeof *l);
    if (l) pthread_rwlock_init(&l->l, NULL);
    return l;
}
API void enif_rwlock_destroy(ErlNifRWLock *l)
{
    pthread_rwlock_destroy(&l->l);
    free(l);
}
API int enif_rwlock_tryrlock(ErlNifRWLock *l) { return pthread_rwlock_tryrdlock(&l->l); }
API void enif_rwlock_rlock(ErlNifRWLock *l) { pthread_rwlock_rdlock(&l->l); }
API void enif_rwlock_runlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->l); }
API int enif_rwlock_tryrwlock(ErlNifRWLock *l) { return pthread_rwlock_trywrlock(&l->l); }
API void enif_rwlock_rwlock(ErlNifRWLock *l) { pthread_rwlock_wrlock(&l->l); }
API void enif_rwlock_rwunlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->l); }

API int enif_thread_create(char *name UNUSED, ErlNifTid *tid, void *(*fn)(void *), void *arg,
                           ErlNifThreadOpts *opts UNUSED)
{
    ErlNifTid t = malloc(sizeof *t);
    if (!t) return ENOMEM;
    int error = pthread_create(&t->t, NULL, fn, arg);
    if (error) free(t);
    else *tid = t;
    return error;
}

API int enif_thread_join(ErlNifTid t, void **result)
{
    int error = pthread_join(t->t, result);
    if (!error) free(t);
    return error;
}

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
    ErlNifSysInfo all = {
        .driver_major_version = 3, .driver_minor_version = 3,
        .erts_version = "13.1.5", .otp_release = "25",
        .thread_support = 1, .smp_support = 1, .async_threads = 0,
        .scheduler_threads = sched_self ? (int)sched_self->vm->sched->count : 1,
        .nif_major_version = ERL_NIF_MAJOR_VERSION, .nif_minor_version = ERL_NIF_MINOR_VERSION,
        .dirty_scheduler_support = 1};
    memcpy(info, &all, MIN(size, sizeof all));
}

/* ---- text: printf with %T for terms ---- */

/* One conversion from `format` (at '%') into b; returns what follows it. */
static const char *put_conversion(Buf *b, const char *format, va_list *ap)
{
    char spec[32];
    size_t n = strcspn(format + 1, "diouxXeEfFgGaAcspnT%") + 2;
    if (n >= sizeof spec || format[n - 1] == 0) return format + strlen(format);
    memcpy(spec, format, n);
    spec[n] = 0;
    bool is_long = strchr(spec, 'l') || strchr(spec, 'z') || strchr(spec, 'j');
    int width = strchr(spec, '*') ? va_arg(*ap, int) : 0;
    switch (spec[n - 1]) {
    case 'T': term_print(b, va_arg(*ap, ERL_NIF_TERM), 100000); break;
    case '%': buf_putc(b, '%'); break;
    case 's':
        if (strchr(spec, '*')) buf_printf(b, "%.*s", width, va_arg(*ap, const char *));
        else buf_printf(b, spec, va_arg(*ap, const char *));
        break;
    case 'p': buf_printf(b, spec, va_arg(*ap, void *)); break;
    case 'c': buf_printf(b, spec, va_arg(*ap, int)); break;
    case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A':
        buf_printf(b, spec, va_arg(*ap, double));
        break;
    default:
        if (is_long) buf_printf(b, spec, va_arg(*ap, long));
        else buf_printf(b, spec, va_arg(*ap, int));
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
