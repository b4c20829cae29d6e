%% SPDX-License-Identifier: Apache-2.0
%% What erts_debug:set_internal_state turns in a process, and process_info(P, magic_ref).
-module(internal_state_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    _ = erts_debug:set_internal_state(available_internal_state, true),
    [delayed(Id) || Id <- [make_ref(), atom]],
    t:p("monitors of nodes", fun monitoring_nodes/0),
    t:p(settings, fun() -> [gc_state(X) || X <- [false, false, true, true]] end),
    t:p(bad_setting, fun() -> catch gc_state(1) end),
    t:p(hops, fun() -> {erts_debug:dirty_cpu(reschedule, 5000), erts_debug:dirty_io(reschedule, 0)} end),
    t:p(magic_ref, fun magic/0),
    t:p(magic_encoded, fun encoded/0),
    t:p(magic_lost, fun lost/0),
    t:p(table_encoded, fun table/0).

gc_state(Is) ->
    try erts_debug:set_internal_state(gc_state, Is) catch error:E -> E end.

%% A collection that is asked for while they are off takes place when they are on again.
delayed(Id) ->
    S = self(),
    {P, M} = spawn_monitor(fun() ->
        Was = gc_state(false),
        S ! {off, Was},
        receive go -> ok end,
        S ! on,
        Is = gc_state(true),
        receive stop -> S ! {on, Is} end
    end),
    receive {off, Was} -> io:format("~p~n", [Was]) end,
    async = erlang:garbage_collect(P, [{async, Id}]),
    false = erlang:check_process_code(P, no_such_module),
    receive {garbage_collect, Id, _} -> io:format("early~n") after 50 -> io:format("waits~n") end,
    P ! go,
    receive on -> ok end,
    receive {garbage_collect, Id, R} -> io:format("~p~n", [R]) end,
    P ! stop,
    receive {on, Is} -> io:format("~p~n", [Is]) end,
    receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end.

magic() ->
    {R, A} = erts_debug:set_internal_state(make, magic_ref),
    S = self(),
    {P, M} = spawn_monitor(fun() -> receive X -> S ! ready, receive stop -> X end end end),
    P ! {R, x},
    receive ready -> ok end,
    {magic_ref, [{Address, Size, Refs}]} = process_info(P, magic_ref),
    {_, Mine} = process_info(self(), magic_ref),
    P ! stop,
    receive {'DOWN', M, _, _, _} -> ok end,
    {Address =:= A, is_integer(Size), Refs, lists:keymember(A, 1, Mine), is_reference(R)}.

%% A magic reference that went through the external format is one again, as long as its object lives.
encoded() ->
    {R, A} = erts_debug:set_internal_state(make, magic_ref),
    Info = fun(X) -> erts_debug:get_internal_state({magic_ref, X}) end,
    {A, 1, true} = Info(R),
    Copies = [binary_to_term(term_to_binary(R)) || _ <- lists:seq(1, 3)],
    {A, N, true} = Info(hd(Copies)),
    {N, [C =:= R || C <- Copies]}.

lost() ->
    Many = [term_to_binary(element(1, erts_debug:set_internal_state(make, magic_ref))) || _ <- lists:seq(1, 100)],
    true = erlang:garbage_collect(),
    Again = [binary_to_term(B) || B <- Many],
    {lists:all(fun is_reference/1, Again), [term_to_binary(R) || R <- Again] =:= Many}.

table() ->
    T = ets:new(t, []),
    {T2, [x]} = binary_to_term(term_to_binary({T, [x]})),
    true = ets:insert(T2, {a, b}),
    [{a, b}] = ets:lookup(T, a),
    ets:delete(T2),
    ets:info(binary_to_term(term_to_binary(T))).

%% One entry a subscription, the newest first; it needs no connection.
monitoring_nodes() ->
    Flags = [monitor_nodes, {monitor_nodes, #{node_type => hidden}}, {monitor_nodes, #{node_type => all, nodedown_reason => true}}],
    erts_debug:set_internal_state(available_internal_state, true),
    [process_flag(F, true) || F <- Flags ++ [monitor_nodes]],
    L = [O || {P, O} <- erts_debug:get_internal_state(monitoring_nodes), P =:= self()],
    [process_flag(F, false) || F <- Flags],
    {L, [O || {P, O} <- erts_debug:get_internal_state(monitoring_nodes), P =:= self()]}.
