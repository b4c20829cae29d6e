/* SPDX-License-Identifier: Apache-2.0 */
/* token_tests - messages that native functions send: from the caller's environment, from one of their own, on a
 * dirty thread, and from a thread that is no process. */
#include <erl_nif.h>
#include <pthread.h>

typedef struct {
    ErlNifEnv *own;
    ErlNifPid to;
    ERL_NIF_TERM message;
} Job;

static void *send_from_thread(void *arg)
{
    Job *j = arg;
    enif_send(NULL, &j->to, j->own, j->message);
    return NULL;
}

/* send(Pid, Message, plain | own | thread) */
static ERL_NIF_TERM send_message(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])
{
    char how[8];
    Job j;
    pthread_t t;
    int sent = 1;
    (void)argc;
    if (!enif_get_local_pid(env, a[0], &j.to) || !enif_get_atom(env, a[2], how, sizeof how, ERL_NIF_LATIN1))
        return enif_make_badarg(env);
    if (how[0] == 'p') return enif_make_int(env, enif_send(env, &j.to, NULL, a[1]));
    j.own = enif_alloc_env();
    j.message = enif_make_copy(j.own, a[1]);
    if (how[0] == 'o')
        sent = enif_send(env, &j.to, j.own, j.message);
    else if (pthread_create(&t, NULL, send_from_thread, &j) == 0)
        pthread_join(t, NULL);
    enif_free_env(j.own);
    return enif_make_int(env, sent);
}

static ErlNifFunc functions[] = {{"send", 3, send_message, 0},
                                 {"dirty_send", 3, send_message, ERL_NIF_DIRTY_JOB_CPU_BOUND}};

ERL_NIF_INIT(token_tests, functions, NULL, NULL, NULL, NULL)
