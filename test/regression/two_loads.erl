%% SPDX-License-Identifier: Apache-2.0
%% erl: +S 1
%% Whoever was spawned before a module is loaded runs before, also at the second load of a slice.
-module(two_loads).
-export([main/0]).

main() ->
    Form = fun(F) -> {ok, T, _} = erl_scan:string(F), {ok, P} = erl_parse:parse_form(T), P end,
    {ok, _, Code} = compile:forms([Form(F) || F <- ["-module(two_loads_code).", "-export([hold/1]).",
                                                    "hold(Fun) -> Fun(), ok."]]),
    erlang:yield(),
    {module, M} = erlang:load_module(two_loads_code, Code),
    {P, R} = spawn_monitor(fun() -> M:hold(fun() -> receive after infinity -> ok end end) end),
    {module, M} = erlang:load_module(two_loads_code, Code),
    io:format("~p ~p~n", [erlang:check_process_code(P, M), erlang:purge_module(M)]),
    receive {'DOWN', R, process, P, Why} -> io:format("~p~n", [Why]) end.
