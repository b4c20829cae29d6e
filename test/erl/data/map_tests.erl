%% SPDX-License-Identifier: Apache-2.0
%% Maps small and large, their order and the maps module.
-module(map_tests).
-export([main/0]).

main() ->
    M = t:id(#{a => 1, "b" => 2, 3 => x, 1.0 => f, {t} => [], <<"k">> => #{}}),
    t:p("small", fun() -> {M, map_size(M), maps:keys(M), maps:to_list(M)} end),
    t:p("update", fun() -> {M#{a := 2}, M#{new => 1}, M#{a => 1} =:= M} end),
    t:p("badkey", fun() -> M#{nokey := 1} end),
    t:p("badmap", fun() -> (t:id(x))#{a => 1} end),
    t:p("match", fun() -> #{a := A, 3 := B} = M, {A, B} end),
    t:p("1 and 1.0", fun() -> X = #{1 => i, 1.0 => f}, {map_size(X), maps:get(1, X), maps:get(1.0, X), #{1 => a} == #{1.0 => a}} end),
    [big(N) || N <- [31, 32, 33, 100, 1000, 20000]],
    t:p("order", fun() -> lists:sort([#{b => 1}, #{a => 2}, #{a => 1}, #{}, #{a => 1, b => 1}, #{1 => z}, #{1.0 => z}]) end),
    t:p("module", fun() -> {maps:get(zz, M, none), maps:find(a, M), maps:is_key(q, M), maps:remove(a, M), maps:take(a, M),
        maps:merge(#{a => 1, b => 2}, #{b => 3}), maps:merge_with(fun(_, X, Y) -> X + Y end, #{a => 1, b => 2}, #{b => 3}),
        maps:filter(fun(_, V) -> V > 1 end, #{a => 1, b => 2}), maps:fold(fun(_, V, A) -> A + V end, 0, #{a => 1, b => 2}),
        maps:from_list([{a, 1}, {b, 2}, {a, 3}]), maps:with([a], M), maps:without([a], #{a => 1, b => 2}),
        maps:update_with(a, fun(V) -> V * 10 end, M)} end),
    t:p("get", fun() -> maps:get(zz, M) end),
    t:p("iterator", fun() -> walk(maps:next(maps:iterator(maps:from_list([{I, I} || I <- lists:seq(1, 50)]))), 0) end),
    t:p("hash", fun() -> [erlang:phash2(X) || X <- [#{}, #{a => 1}, maps:from_list([{I, a} || I <- lists:seq(1, 40)])]] end).

big(N) ->
    Keys = [{k, I} || I <- lists:seq(1, N)],
    M = maps:from_list([{K, I} || {_, I} = K <- Keys]),
    Less = lists:foldl(fun({_, I} = K, A) when I rem 3 =:= 0 -> maps:remove(K, A); (_, A) -> A end, M, Keys),
    Same = lists:foldr(fun({_, I} = K, A) -> A#{K => I} end, #{}, Keys),
    t:p(integer_to_list(N), fun() ->
        {map_size(M), map_size(Less), M =:= Same, M == Less, maps:get({k, N}, M), maps:get({k, 3}, Less, gone),
         lists:sum(maps:values(Less)), lists:sort(maps:keys(M)) =:= Keys, erlang:phash2(M), maps:to_list(M) =:= maps:to_list(Same)}
    end).

walk(none, N) -> N;
walk({_, V, I}, N) -> walk(maps:next(I), N + V).
