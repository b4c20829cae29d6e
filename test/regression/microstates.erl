%% SPDX-License-Identifier: Apache-2.0
%% statistics(microstate_accounting) measures while it is on, and only then.
-module(microstates).
-export([main/0]).

main() ->
    io:format("~p~n", [erlang:system_flag(microstate_accounting, true)]),
    [begin erlang:garbage_collect(), receive after 2 -> ok end end || _ <- lists:seq(1, 30)],
    {ok, _} = file:read_file(code:which(?MODULE)),
    io:format("~p~n", [erlang:system_flag(microstate_accounting, false)]),
    S = sums(),
    io:format("~p~n", [[{K, maps:get(K, S) > 0} || K <- [emulator, gc, sleep, other]]]),
    erlang:garbage_collect(),
    io:format("~p ~p~n", [sums() =:= S, erlang:system_flag(microstate_accounting, reset)]),
    io:format("~p~n", [lists:usort(maps:values(sums()))]).

sums() ->
    lists:foldl(fun(#{counters := C}, A) -> maps:map(fun(K, V) -> V + maps:get(K, A, 0) end, C) end, #{},
                statistics(microstate_accounting)).
