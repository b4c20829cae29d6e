/* SPDX-License-Identifier: Apache-2.0 */
/* The native half of constants_tests.erl: a term that is kept in an environment of its own. */
#include <erl_nif.h>
#include <time.h>

static ErlNifEnv *env_of_term;
static ERL_NIF_TERM term;

static ERL_NIF_TERM keep(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    env_of_term = enif_alloc_env();
    term = enif_make_copy(env_of_term, a[0]);
    return enif_make_atom(env, "ok");
}

static ERL_NIF_TERM kept(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    (void)a;
    ERL_NIF_TERM copy = enif_make_copy(env, term);
    enif_free_env(env_of_term);
    return copy;
}

static int sum = -1;

/* {value, List, _}: the sum of the list, after so many ms; left in `sum`, for the caller may be dead by then. */
static ERL_NIF_TERM add(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    int ms, n, x, total = 0;
    const ERL_NIF_TERM *e;
    ERL_NIF_TERM head, list;
    (void)argc;
    if (!enif_get_tuple(env, a[0], &n, &e) || n != 3 || !enif_get_int(env, a[1], &ms)) return enif_make_badarg(env);
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
    for (list = e[1]; enif_get_list_cell(env, list, &head, &list);) total += enif_get_int(env, head, &x) ? x : 0;
    __atomic_store_n(&sum, total, __ATOMIC_RELEASE);
    return enif_make_int(env, total);
}

static ERL_NIF_TERM added(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    (void)argc;
    (void)a;
    return enif_make_int(env, __atomic_load_n(&sum, __ATOMIC_ACQUIRE));
}

static ErlNifFunc functions[] = {{"keep", 1, keep, 0}, {"kept", 0, kept, 0},
                                 {"add", 2, add, ERL_NIF_DIRTY_JOB_IO_BOUND}, {"added", 0, added, 0}};
ERL_NIF_INIT(constants_tests, functions, NULL, NULL, NULL, NULL)
