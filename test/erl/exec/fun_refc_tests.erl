%% SPDX-License-Identifier: Apache-2.0
%% erlang:fun_info(F, refc): one for the code, one for each fun in heaps, messages, tables, timers and literals.
-module(fun_refc_tests).
-export([main/0, adder/1]).

adder(N) -> fun(X) -> X + N end.
plain() -> fun() -> ok end.

refc(F) ->
    {refc, N} = erlang:fun_info(F, refc),
    N.

show(What, F) -> io:format("~p: ~p~n", [What, refc(F)]).

main() ->
    logger:set_primary_config(level, none),
    fresh(fun heaps/0),
    fresh(fun messages/0),
    fresh(fun elsewhere/0),
    fresh(fun tables/0),
    fresh(fun code/0),
    io:format("~p~n", [erlang:fun_info(fun lists:map/2, refc)]).

%% In a process that is large enough never to collect by itself.
fresh(F) ->
    {_, M} = spawn_opt(F, [monitor, {min_heap_size, 100000}]),
    receive {'DOWN', M, process, _, Reason} -> Reason end,
    wait_gone(adder(0)).

wait_gone(F) ->
    case refc(F) of
        2 -> erlang:garbage_collect();
        _ -> erlang:yield(), erlang:garbage_collect(), wait_gone(F)
    end.

heaps() ->
    F = adder(1),
    show(one, F),
    G = adder(2),
    show(two, F),
    H = binary_to_term(term_to_binary(F)),
    show(decoded, F),
    put(f, adder(3)),
    show(dictionary, F),
    [7, 8, 7] = [F(6), G(6), H(6)],
    true = erlang:garbage_collect(),
    show(collected, get(f)),
    A = plain(), B = plain(),
    show(no_environment, A),
    show(no_environment, B),
    L = fun main/0,
    show(local, L),
    L2 = binary_to_term(term_to_binary(L)),
    show(local_decoded, L2).

messages() ->
    F = adder(1),
    Me = self(),
    {P, M} = spawn_monitor(fun() -> receive {m, G} -> Me ! {refc, refc(G)} end, receive stop -> G end end),
    P ! {m, F},
    receive {refc, N} -> io:format("other: ~p~n", [N]) end,
    P ! stop,
    receive {'DOWN', M, _, _, _} -> ok end,
    wait_until(F, 2),
    {P2, M2} = spawn_monitor(fun() -> receive stop -> ok end end),
    [P2 ! {m, F} || _ <- lists:seq(1, 10)],
    wait_until(F, 12),
    exit(P2, kill),
    receive {'DOWN', M2, _, _, _} -> ok end,
    wait_until(F, 2),
    show(killed, F).

wait_until(F, N) ->
    case refc(F) of
        N -> ok;
        _ -> erlang:yield(), wait_until(F, N)
    end.

elsewhere() ->
    F = adder(1),
    T = erlang:send_after(1000000, self(), F),
    show(timer, F),
    erlang:cancel_timer(T),
    show(cancelled, F),
    persistent_term:put(fun_refc, F),
    show(persistent_term, F),
    F2 = persistent_term:get(fun_refc),
    show(literal, F2),
    persistent_term:erase(fun_refc).

tables() ->
    F = adder(1),
    [table(F, T) || T <- [set, ordered_set, bag, duplicate_bag]].

table(F, Type) ->
    T = ets:new(t, [Type]),
    ets:insert(T, {a, F}),
    show(Type, F),
    ets:insert(T, {a, b}),
    show(inserted, F),
    ets:insert(T, [{N, F} || N <- lists:seq(1, 1000)]),
    show(many, F),
    [{7, G}] = ets:lookup(T, 7),
    show(found, G),
    ets:safe_fixtable(T, true),
    ets:delete(T, 8),
    ets:safe_fixtable(T, false),
    show(deleted, F),
    ets:delete_all_objects(T),
    show(empty, F),
    ets:insert(T, {1, F}),
    ets:delete(T),
    show(gone, F),
    3 = G(2),
    true = erlang:garbage_collect(),
    show(collected, F).

code() ->
    Forms = [{attribute, 1, module, fun_refc_code}, {attribute, 1, export, [{f, 1}]},
             {function, 1, f, 1, [{clause, 1, [{var, 1, 'X'}], [],
                                   [{'fun', 1, {clauses, [{clause, 1, [], [], [{var, 1, 'X'}]}]}}]}]}],
    {ok, fun_refc_code, Code} = compile:forms(Forms),
    load(Code),
    F = fun_refc_code:f(1),
    show(loaded, F),
    load(Code),
    show(twice, F),
    io:format("~p~n", [erlang:delete_module(fun_refc_code_none)]),
    erlang:purge_module(fun_refc_code),
    true = erlang:delete_module(fun_refc_code),
    show(old, F),
    B = term_to_binary(F),
    {'EXIT', {badarg, _}} = (catch erlang:delete_module(fun_refc_code)),
    erlang:purge_module(fun_refc_code),
    show(purged, F),
    G = binary_to_term(B),
    show(unloaded, G),
    %% Its name is known for ever.
    io:format("~p ~p~n", [erlang:delete_module(fun_refc_code), erlang:delete_module(fun_refc_code)]),
    load(Code),
    show(again, G),
    F().

load(Code) -> {module, _} = code:load_binary(fun_refc_code, "fun_refc_code.erl", Code).
