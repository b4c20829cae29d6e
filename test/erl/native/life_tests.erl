%% SPDX-License-Identifier: Apache-2.0
%% The life of native libraries (life_tests.c): calls that go on after their process, chains of calls that fail, new
%% versions and unloading while calls run.
-module(life_tests).
-export([main/0]).

main() ->
    [native:build("life_tests", "life_lib" ++ V) || V <- ["1", "2", "3"]],
    process_flag(trap_exit, true),
    load(1),
    t:p("chain", fun() -> top(fun() -> life_lib:chain({my, [arg]}, true) end) end),
    t:p("chain raise", fun() -> top(fun() -> life_lib:chain({my, [arg]}, false) end) end),
    t:p("haunt", fun haunt/0),
    t:p("freed during nap", fun freed/0),
    t:p("purge during nap", fun purge/0),
    t:p("upgrade", fun upgrade/0),
    t:p("unload in use", fun unload/0).

load(V) ->
    Text = ["-module(life_lib).", "-export([load/2, nap/2, chain/2, haunt/1, words/0, stay/1]).",
            "load(File, Info) -> erlang:load_nif(File, Info).", "nap(_, _) -> erlang:nif_error(no).",
            "chain(_, _) -> erlang:nif_error(no).", "haunt(_) -> erlang:nif_error(no).",
            "words() -> erlang:nif_error(no).", "stay(F) -> F(), life_lib:none()."],
    Forms = [begin {ok, S, _} = erl_scan:string(L), {ok, F} = erl_parse:parse_form(S), F end || L <- Text],
    {ok, life_lib, Code} = compile:forms(Forms, []),
    {module, life_lib} = code:load_binary(life_lib, "life_lib.erl", Code),
    ok = life_lib:load("./life_lib" ++ integer_to_list(V), {self(), V}).

top(F) -> try F() catch C:R:S -> [{M, Fun, Args, _} | _] = S, {C, R, M, Fun, Args} end.

haunt() ->
    Me = self(),
    P = spawn_link(fun() -> life_lib:haunt(Me) end),
    receive {alive, P} -> ok end,
    exit(P, enough),
    R = receive {'EXIT', P, X} -> X end,
    {R, is_process_alive(P), t:wait(fun() -> life_lib:words() =/= -1 end), life_lib:words(),
     receive {dead, P} -> heard after 0 -> quiet end}.

napper(Ms, F) ->
    Me = self(),
    P = spawn_link(fun() -> F(fun() -> exit({slept, life_lib:nap(Ms, Me)}) end) end),
    receive {sleeping, P} -> P end.

freed() ->
    P = napper(20000, fun(Nap) -> Nap() end),
    Freed = t:freed(),
    Sleeps = is_process_alive(P),
    exit(P, kill),
    {Freed, Sleeps, receive {'EXIT', P, X} -> X end}.

%% A purge kills who has old code on its stack, without waiting for the end of its nap.
purge() ->
    P = napper(20000, fun(Nap) -> life_lib:stay(Nap) end),
    load(2),
    A = receive {'EXIT', P, _} -> early after 0 -> sleeps end,
    true = erlang:purge_module(life_lib),
    {A, receive {'EXIT', P, X} -> X end}.

%% Each call goes on with the library it began with.
upgrade() ->
    P = napper(300, fun(Nap) -> Nap() end),
    load(3),
    Q = napper(1, fun(Nap) -> Nap() end),
    {receive {'EXIT', Q, X} -> X end, receive {'EXIT', P, Y} -> Y end}.

%% The library is unloaded after the last call has come back.
unload() ->
    code:purge(life_lib),
    receive {unloaded, 2, 0} -> ok end,
    Ps = [napper(800 + 10 * N, fun(Nap) -> Nap() end) || N <- lists:seq(1, 8)],
    true = code:delete(life_lib),
    _ = code:purge(life_lib),
    U = receive {unloaded, V, N} -> {V, N} after 0 -> in_use end,
    {U, [receive {'EXIT', P, X} -> X end || P <- Ps], receive {unloaded, W, K} -> {W, K} end}.
