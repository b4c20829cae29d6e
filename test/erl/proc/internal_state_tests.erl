%% SPDX-License-Identifier: Apache-2.0
%% What erts_debug:set_internal_state turns in a process, and process_info(P, magic_ref).
-module(internal_state_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    _ = erts_debug:set_internal_state(available_internal_state, true),
    [delayed(Id) || Id <- [make_ref(), atom]],
    t:p(settings, fun() -> [gc_state(X) || X <- [false, false, true, true]] end),
    t:p(bad_setting, fun() -> catch gc_state(1) end),
    t:p(hops, fun() -> {erts_debug:dirty_cpu(reschedule, 5000), erts_debug:dirty_io(reschedule, 0)} end),
    t:p(magic_ref, fun magic/0).

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
