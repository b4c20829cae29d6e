/* SPDX-License-Identifier: Apache-2.0 */
/* The native half of life_tests.erl: long calls, chains of calls, and what happens to a library meanwhile. */
#include <erl_nif.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

typedef struct Lib {
    ErlNifPid reporter;
    int version, running;
    ErlNifMutex *lock;
} Lib;

static int last_words = -1;
static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info)
{
    int n;
    const ERL_NIF_TERM *e;
    Lib *lib = enif_alloc(sizeof *lib);
    memset(lib, 0, sizeof *lib);
    lib->lock = enif_mutex_create("life");
    *priv = lib;
    return !enif_get_tuple(env, info, &n, &e) || n != 2 || !enif_get_local_pid(env, e[0], &lib->reporter) ||
           !enif_get_int(env, e[1], &lib->version);
}

static int upgrade(ErlNifEnv *env, void **priv, void **old, ERL_NIF_TERM info)
{
    (void)old;
    return load(env, priv, info);
}

/* {unloaded, Version, CallsThatRun} */
static void unload(ErlNifEnv *env, void *priv)
{
    Lib *lib = priv;
    ErlNifEnv *m = enif_alloc_env();
    (void)env;
    enif_send(NULL, &lib->reporter, m,
              enif_make_tuple3(m, enif_make_atom(m, "unloaded"), enif_make_int(m, lib->version),
                               enif_make_int(m, lib->running)));
    enif_free_env(m);
    enif_mutex_destroy(lib->lock);
    enif_free(lib);
}

static void pause_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static void count(Lib *lib, int n)
{
    enif_mutex_lock(lib->lock);
    lib->running += n;
    enif_mutex_unlock(lib->lock);
}

/* {sleeping, Self} to a[1] first; the result names the version of the library that slept a[0] ms. */
static ERL_NIF_TERM nap(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    int ms;
    ErlNifPid to, self;
    Lib *lib = enif_priv_data(env);
    (void)argc;
    if (!enif_get_int(env, a[0], &ms) || !enif_get_local_pid(env, a[1], &to)) return enif_make_badarg(env);
    count(lib, 1);
    enif_self(env, &self);
    enif_send(env, &to, NULL,
              enif_make_tuple2(env, enif_make_atom(env, "sleeping"), enif_make_pid(env, &self)));
    pause_ms(ms);
    count(lib, -1);
    return enif_make_int(env, lib->version);
}

static ERL_NIF_TERM fail(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    return argc > 2 ? enif_make_badarg(env) : enif_raise_exception(env, a[0]);
}

static ERL_NIF_TERM again(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ERL_NIF_TERM b[] = {enif_make_atom(env, "garbage"), a[0], enif_make_int(env, argc)};
    return enif_schedule_nif(env, "fail", 0, fail, 3, b);
}

/* A chain of calls that ends with badarg (a[1] true), or with the error a[0]. */
static ERL_NIF_TERM chain(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ERL_NIF_TERM b[] = {a[0], a[1], a[0], a[0], a[0]};
    (void)argc;
    if (!enif_is_identical(a[1], enif_make_atom(env, "true"))) return enif_schedule_nif(env, "fail", 0, fail, 1, b);
    return enif_schedule_nif(env, "again", ERL_NIF_DIRTY_JOB_CPU_BOUND, again, 5, b);
}

/* {alive, Self} to a[0]; killed, it tries to send another message. */
static ERL_NIF_TERM haunt(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    ErlNifPid to, self;
    (void)argc;
    if (!enif_get_local_pid(env, a[0], &to)) return enif_make_badarg(env);
    enif_self(env, &self);
    ERL_NIF_TERM me = enif_make_pid(env, &self);
    enif_send(env, &to, NULL, enif_make_tuple2(env, enif_make_atom(env, "alive"), me));
    while (enif_is_current_process_alive(env)) pause_ms(1);
    int sent = enif_send(env, &to, NULL, enif_make_tuple2(env, enif_make_atom(env, "dead"), me));
    pthread_mutex_lock(&words_lock);
    last_words = sent;
    pthread_mutex_unlock(&words_lock);
    return me;
}

static ERL_NIF_TERM words(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc, (void)a;
    pthread_mutex_lock(&words_lock);
    int n = last_words;
    pthread_mutex_unlock(&words_lock);
    return enif_make_int(env, n);
}

static ErlNifFunc functions[] = {
    {"nap", 2, nap, ERL_NIF_DIRTY_JOB_IO_BOUND}, {"chain", 2, chain, 0},
    {"haunt", 1, haunt, ERL_NIF_DIRTY_JOB_CPU_BOUND}, {"words", 0, words, 0}};

ERL_NIF_INIT(life_lib, functions, load, NULL, upgrade, unload)
