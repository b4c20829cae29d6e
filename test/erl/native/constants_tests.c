/* SPDX-License-Identifier: Apache-2.0 */
/* The native half of constants_tests.erl: a term that is kept in an environment of its own. */
#include <erl_nif.h>

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

static ErlNifFunc functions[] = {{"keep", 1, keep, 0}, {"kept", 0, kept, 0}};
ERL_NIF_INIT(constants_tests, functions, NULL, NULL, NULL, NULL)
