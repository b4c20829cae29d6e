%% SPDX-License-Identifier: Apache-2.0
%% Nobody loads code while a process holds the permission (a facility of erts_debug).
-module(held_code).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none), % the reference warns
    erts_debug:set_internal_state(available_internal_state, true),
    Form = fun(F) -> {ok, T, _} = erl_scan:string(F), {ok, P} = erl_parse:parse_form(T), P end,
    {ok, M, Code} = compile:forms([Form(F) || F <- ["-module(held_code_other).", "-export([f/0]).", "f() -> ok."]]),
    true = erts_debug:set_internal_state(code_write_permission, true),
    {P, R} = spawn_monitor(fun() -> erlang:load_module(M, Code), exit(M:f()) end),
    Early = receive {'DOWN', R, process, P, X} -> X after 100 -> waits end,
    true = erts_debug:set_internal_state(code_write_permission, false),
    io:format("~p ~p~n", [Early, receive {'DOWN', R, process, P, Y} -> Y end]).
