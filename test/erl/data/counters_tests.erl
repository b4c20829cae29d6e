%% SPDX-License-Identifier: Apache-2.0
%% counters, of both kinds: values, wrapping around, bad arguments, many processes at once, memory.
-module(counters_tests).
-export([main/0]).

main() -> [kind(O) || O <- [[], [atomics], [write_concurrency]]].

kind(Options) ->
    t:p("new", fun() -> maps:remove(memory, counters:info(counters:new(9, Options))) end),
    C = counters:new(9, Options),
    t:p("zero", fun() -> [counters:get(C, I) || I <- lists:seq(1, 9)] end),
    [t:p(V, fun() -> {counters:put(C, 3, V), counters:get(C, 3), counters:get(C, 2), counters:get(C, 4)} end)
     || V <- [7, -1, 1 bsl 63 - 1, -1 bsl 63, 1 bsl 63, a, 1.0]],
    [t:p(V, fun() -> {counters:put(C, 3, 5), counters:add(C, 3, V), counters:sub(C, 9, V),
                      [counters:get(C, I) || I <- [3, 9]]} end)
     || V <- [7, -8, 1 bsl 63 - 1, 1 bsl 63, 1 bsl 64 - 1, 1 bsl 64, -1 bsl 63, -1 bsl 63 - 1, a]],
    t:each(fun(I) -> counters:get(C, I) end, [0, 10, -1, a, 1 bsl 70]),
    t:each(fun(N) -> counters:info(counters:new(N, Options)) end, [0, -1, a, 1 bsl 64]),
    [t:p(L, fun() -> counters:info(R) end)
     || {L, R} <- [{ref, make_ref()}, {tagged_ref, {write_concurrency, make_ref()}},
                   {tagged_atomics, {write_concurrency, atomics:new(1, [])}}]],
    t:p("many", fun() -> many(C) end),
    #{memory := M, size := 9} = counters:info(C),
    Rows = case Options of [write_concurrency] -> erlang:system_info(schedulers) + 1; _ -> 1 end,
    t:p("memory", fun() -> {M > Rows * 9 * 8, M < Rows * 16 * 8 + 100} end).

%% Each adds to all counters, in all 40000 times.
many(C) ->
    [counters:put(C, I, -1) || I <- lists:seq(1, 9)],
    Ps = [spawn_monitor(fun() -> [counters:add(C, I rem 9 + 1, N) || I <- lists:seq(1, 2000)] end)
          || N <- lists:seq(1, 20)],
    [receive {'DOWN', R, _, _, normal} -> ok end || {_, R} <- Ps],
    [counters:get(C, I) || I <- lists:seq(1, 9)].
