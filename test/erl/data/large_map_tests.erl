%% SPDX-License-Identifier: Apache-2.0
%% Large maps: made in all ways, in slices and at once; order, iterators, external format.
-module(large_map_tests).
-export([main/0]).

main() ->
    [sizes(N) || N <- [10, 32, 33, 100, 4095, 4096, 5000, 50000]],
    io:format("~p~n", [maps:from_list([{I rem 7, I} || I <- lists:seq(1, 10000)])]),
    7000 = map_size(maps:from_list([{I rem 7000, I} || I <- lists:seq(1, 100000)])),
    t:p(bad_list, fun() -> maps:from_list([{I, I} || I <- lists:seq(1, 100)] ++ [x]) end),
    [order(F) || F <- [fun(I) -> I end, fun(I) -> -I end, fun(I) -> float(I) end, fun(I) -> <<I:13>> end,
                       fun(I) -> {I, [I]} end, fun(I) -> integer_to_list(I) end, fun(I) -> (1 bsl 64) + I end,
                       fun(I) -> #{I => [I]} end, fun(I) -> [I | I + 200] end]],
    iterators(),
    merges().

sizes(N) ->
    L = [{{I, <<I:32>>}, [I]} || I <- lists:seq(1, N)],
    M = maps:from_list(L),
    N = map_size(M),
    M = lists:foldl(fun({K, V}, A) -> A#{K => V} end, #{}, L),
    Pairs = maps:to_list(M),
    {Keys, Values} = lists:unzip(Pairs),
    Keys = maps:keys(M),
    Values = maps:values(M),
    M = binary_to_term(term_to_binary(M)),
    M2 = maps:from_list(L ++ [{X, y} || {X, _} <- L]),
    [y] = lists:usort(maps:values(M2)),
    N = map_size(maps:from_keys([X || {X, _} <- L ++ L], z)),
    #{} = E = lists:foldl(fun maps:remove/2, M, maps:keys(M)),
    0 = map_size(E),
    io:format("~p ~p ~p~n", [N, erlang:phash2(M), erlang:md5(term_to_binary(M))]).

order(F) ->
    M = maps:from_list([{F(I), I} || I <- lists:seq(1, 100)]),
    io:format("~w~n~w~n", [maps:values(M), [V || {_, V} <- maps:to_list(M)]]),
    io:format("~w~n", [erlang:md5(term_to_binary(M))]).

iterators() ->
    M = maps:from_list([{I, I} || I <- lists:seq(1, 1000)]),
    io:format("~w~n", [walk(maps:next(maps:iterator(M)))]),
    t:each(fun(Path) -> element(1, erts_internal:map_next(Path, M, iterator)) end,
           [0, 1, 15, 16#80, -1, x]).

walk(none) -> [];
walk({K, _, I}) -> [K | walk(maps:next(I))].

merges() ->
    Map = fun(From, To, V) -> maps:from_list([{I, V} || I <- lists:seq(From, To)]) end,
    [begin
         M = maps:merge(Map(1, A, a), Map(B, B + C, b)),
         io:format("~w ~w~n", [map_size(M), erlang:md5(term_to_binary(M))])
     end || A <- [0, 1, 20, 32, 33, 100], B <- [1, 17, 33, 99], C <- [0, 20, 33, 100]],
    ok.
