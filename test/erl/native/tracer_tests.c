/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_tests - natives of a tracer module. State: {Answers, Pid} or {Answers, Pid, What ...}. Each call is told to
 * Pid as {Native, Tag, Tracee [, Term, Opts], Self}, where Self says what enif_self tells; the answer is that of
 * Answers for the tag, else trace. With BASIC the module has the two natives that each must have, else those for each
 * kind of event too. */
#include <erl_nif.h>

#define ATOM(name) enif_make_atom(env, name)

static ERL_NIF_TERM ask(ErlNifEnv *env, const char *native, const ERL_NIF_TERM a[])
{
    const ERL_NIF_TERM *state;
    ERL_NIF_TERM answer;
    ErlNifPid to, self;
    int n;
    if (!enif_get_tuple(env, a[1], &n, &state) || n < 2) return ATOM("trace");
    if (enif_get_local_pid(env, state[1], &to) && !enif_is_identical(a[0], ATOM("trace_status")))
        enif_send(env, &to, NULL, enif_make_tuple4(env, ATOM(native), a[0], a[2],
                                                   ATOM(enif_self(env, &self) ? "process" : "none")));
    return enif_get_map_value(env, state[0], a[0], &answer) ? answer : ATOM("trace");
}

static ERL_NIF_TERM tell(ErlNifEnv *env, const char *native, const ERL_NIF_TERM a[])
{
    const ERL_NIF_TERM *state;
    ErlNifPid to, self;
    int n;
    if (enif_get_tuple(env, a[1], &n, &state) && n >= 2 && enif_get_local_pid(env, state[1], &to))
        enif_send(env, &to, NULL, enif_make_tuple6(env, ATOM(native), a[0], a[2], a[3], a[4],
                                                   ATOM(!enif_self(env, &self) ? "none"
                                                        : enif_is_identical(self.pid, a[2]) ? "tracee" : "other")));
    return n == 4 ? enif_schedule_nif(env, "x", 0, NULL, 0, NULL) : ATOM("ok"); /* which does nothing */
}

static int upgrade(ErlNifEnv *env, void **data, void **old, ERL_NIF_TERM info)
{
    (void)env, (void)data, (void)old, (void)info;
    return 0;
}

#define PAIR(kind)                                                                          \
    static ERL_NIF_TERM enabled##kind(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])     \
    {                                                                                       \
        (void)argc;                                                                         \
        return ask(env, "enabled" #kind, a);                                                \
    }                                                                                       \
    static ERL_NIF_TERM trace##kind(ErlNifEnv *env, int argc, const ERL_NIF_TERM a[])       \
    {                                                                                       \
        (void)argc;                                                                         \
        return tell(env, "trace" #kind, a);                                                 \
    }
#define ENTRIES(kind) {"enabled" #kind, 3, enabled##kind, 0}, {"trace" #kind, 5, trace##kind, 0}

PAIR()
#ifdef BASIC
static ErlNifFunc functions[] = {ENTRIES()};
ERL_NIF_INIT(tracer_basic, functions, NULL, NULL, upgrade, NULL)
#else
PAIR(_call) PAIR(_send) PAIR(_receive) PAIR(_procs) PAIR(_ports)
PAIR(_running_procs) PAIR(_running_ports) PAIR(_garbage_collection)
static ErlNifFunc functions[] = {ENTRIES(), ENTRIES(_call), ENTRIES(_send), ENTRIES(_receive), ENTRIES(_procs),
                                 ENTRIES(_ports), ENTRIES(_running_procs), ENTRIES(_running_ports),
                                 ENTRIES(_garbage_collection)};
ERL_NIF_INIT(tracer_tests, functions, NULL, NULL, upgrade, NULL)
#endif
