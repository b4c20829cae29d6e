%% SPDX-License-Identifier: Apache-2.0
%% The key that a guard did not find in a map stayed the process's after the specification had ended, and the next
%% collection read what was no longer there.
-module(match_spec_failure).
-export([main/0]).

main() ->
    io:format("~p~n", [lists:usort([once(N) || N <- lists:seq(1, 200)])]).

once(N) ->
    Key = lists:seq(N, N + 20),
    Spec = ets:match_spec_compile([{{'$1', '_'}, [{map_get, {const, Key}, '$1'}], ['$1']}]),
    [] = ets:match_spec_run([{#{a => N}, Key}], Spec),
    T = ets:new(t, [set]),
    ets:insert(T, {Key, #{a => N}}),
    [] = ets:select(T, [{{'$1', '$2'}, [{'=:=', {map_get, '$1', '$2'}, 1}], ['$1']}]),
    ets:delete(T),
    Failed = ets:test_ms({#{a => 1}, 2}, [{{'$1', '_'}, [], [{map_get, {const, Key}, '$1'}]}]),
    erlang:garbage_collect(),
    Failed.
