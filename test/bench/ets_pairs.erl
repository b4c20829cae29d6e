%% SPDX-License-Identifier: Apache-2.0
%% ets_pairs - 200,000 operations on a table of 20,000 keys by one process and by two at once, beside the cases of bench.
%% Prints microseconds, the least of five runs: erl -noshell -pa EBIN -run ets_pairs main TYPE WRITE_CONCURRENCY OPERATION
%% (operation: insert, counter, lookup, insdel), on each VM in turn.
-module(ets_pairs).
-export([main/1]).

main([Type, Concurrency, Name]) ->
    Table = ets:new(t, [public, list_to_atom(Type), {write_concurrency, list_to_atom(Concurrency)}]),
    ets:insert(Table, [{K, 0} || K <- lists:seq(1, 20000)]),
    Op = operation(Name, Table),
    [One, Two] = [lists:min([time(Op, Processes) || _ <- lists:seq(1, 5)]) || Processes <- [1, 2]],
    io:format("~s ~s ~s: ~w alone, ~w by two~n", [Type, Concurrency, Name, One, Two]),
    halt().

operation("insert", T) -> fun(K) -> ets:insert(T, {K rem 20000, K}) end;
operation("counter", T) -> fun(K) -> ets:update_counter(T, 1 + K rem 20000, 1) end;
operation("lookup", T) -> fun(K) -> ets:lookup(T, K rem 20000) end;
operation("insdel", T) -> fun(K) -> ets:insert(T, {K + 30000, K}), ets:delete(T, K + 30000) end.

time(Op, Processes) ->
    Start = erlang:monotonic_time(microsecond),
    Ps = [spawn_monitor(fun() -> loop(Op, P * 7919000, 200000 div Processes) end) || P <- lists:seq(1, Processes)],
    [receive {'DOWN', R, process, P, normal} -> ok end || {P, R} <- Ps],
    erlang:monotonic_time(microsecond) - Start.

loop(_, _, 0) -> ok;
loop(Op, K, N) -> Op(K), loop(Op, K + 1, N - 1).
