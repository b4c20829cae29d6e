%% SPDX-License-Identifier: Apache-2.0
%% Who monitors the time offset is told when it becomes final, each monitor once.
%% erl: +C single_time_warp
-module(time_offset_change).
-export([main/0]).

main() ->
    S = self(),
    Ps = [spawn_monitor(fun() -> watch(S) end) || _ <- lists:seq(1, 20)],
    [receive {ready, P} -> ok end || {P, _} <- Ps],
    io:format("~p ~p~n", [erlang:system_info(time_offset), erlang:system_flag(time_offset, finalize)]),
    io:format("~p~n", [lists:usort([receive {P, R} -> R end || {P, _} <- Ps])]),
    io:format("~p ~p~n", [erlang:system_info(time_offset), erlang:system_flag(time_offset, finalize)]),
    [receive {'DOWN', M, process, P, normal} -> ok end || {P, M} <- Ps].

watch(S) ->
    [A, B, C] = [erlang:monitor(time_offset, clock_service) || _ <- [1, 2, 3]],
    T = erlang:monitor(time_offset, clock_service, [{tag, tagged}]),
    erlang:demonitor(B),
    F = erlang:monitor(time_offset, clock_service),
    S ! {ready, self()},
    R = [receive {Tag, M, time_offset, clock_service, O} when is_integer(O) -> {Tag, O =:= erlang:time_offset()} end || M <- [A, C, T]],
    [erlang:demonitor(X, [flush]) || X <- [C, F]],
    S ! {self(), {R, receive M -> M after 20 -> none end}}.
