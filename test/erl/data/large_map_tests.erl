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
    merges(),
    hashes(),
    pairs(),
    nested(3000).

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

%% Of maps in maps: the numbers of phash and phash2, and the VM's own hash, which finds equal keys that were made otherwise.
hashes() ->
    Small = #{a => [1], b => {2}},
    Large = maps:from_list([{{K}, V} || {K, V} <- lists:zip(lists:seq(1, 500), lists:seq(500, 1, -1))]),
    Both = maps:from_list([{I, if I rem 3 =:= 0 -> Large; I rem 3 =:= 1 -> Small; true -> I end} || I <- lists:seq(1, 70)]),
    Keys = maps:from_list([{Large, 1}, {Small, 2}, {Both, 3} | [{#{I => Small}, I} || I <- lists:seq(1, 200)]]),
    All = [Small, Large, Both, Keys, [Large | Large], {Keys, x, Both}, #{Keys => Large}],
    io:format("~p~n", [[{erlang:phash2(M), erlang:phash(M, 1 bsl 32)} || M <- All]]),
    T = ets:new(t, []),
    [begin put(M, I), ets:insert(T, {M, I}) end || {I, M} <- lists:zip(lists:seq(1, length(All)), All)],
    Again = binary_to_term(term_to_binary(All)),
    Longer = maps:from_list([{{K}, K} || K <- lists:seq(1, 5000)]),
    [Large, Large] = [maps:with(maps:keys(Large), maps:merge(Longer, Large)),
                      lists:foldl(fun maps:remove/2, maps:merge(Longer, Large), maps:keys(Longer) -- maps:keys(Large))],
    [begin {M, I} = {M, get(M)}, [{M, I}] = ets:lookup(T, M) end || {I, M} <- lists:zip(lists:seq(1, length(All)), Again)],
    2 = get(lists:foldl(fun maps:remove/2, maps:merge(Longer, Large), maps:keys(Longer) -- maps:keys(Large))),
    [erase(M) || M <- Again],
    ets:delete(T).

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

%% Maps of one size that differ in few places, some by 1 and 1.0 only; keys that are large maps themselves.
pairs() ->
    rand:seed(exsss, 7),
    Small = [maps:from_list([{key(I), value()} || I <- lists:seq(1, 40)]) || _ <- lists:seq(1, 10)],
    All = lists:append([[M, change(M), change(M), change(change(M)), M#{M => a}, M#{change(M) => a}] || M <- Small]),
    io:format("~w~n", [[answers(A, B) || A <- All, B <- All]]),
    Wrapped = [maps:from_list([{I, I} || I <- lists:seq(1, 33)] ++ [{A, value()}, {B, value()}, {{A, B}, 1}])
               || A <- lists:sublist(All, 13), B <- lists:sublist(All, 17, 7), A =/= B],
    io:format("~w ~p~n", [[answers(A, B) || A <- Wrapped, B <- lists:sublist(Wrapped, 20)],
                          erlang:phash2(lists:sort(Wrapped))]).

answers(A, B) -> {A < B, A == B, A =:= B, erts_internal:cmp_term(A, B)}.

change(M) ->
    Key = lists:nth(rand:uniform(map_size(M)), lists:sort(maps:keys(M))),
    case rand:uniform(3) of
        1 -> M#{Key := value()};
        2 -> (maps:remove(Key, M))#{key(rand:uniform(60)) => value()};
        3 when is_integer(Key) -> (maps:remove(Key, M))#{float(Key) => value()};
        3 -> maps:map(fun(_, V) when is_integer(V) -> float(V); (_, V) -> V end, M)
    end.

key(I) when I rem 5 =:= 0 -> float(I);
key(I) when I rem 7 =:= 0 -> [I | {I}];
key(I) -> I.

value() -> lists:nth(rand:uniform(5), [1, 1.0, 2, a, #{1 => 1.0}]).

%% The comparison of two keys, of which one holds the next two.
nested(Depth) ->
    Beside = maps:from_list([{I, I} || I <- lists:seq(1, 33)]),
    Inner = lists:foldl(fun(_, M) -> #{Beside => 1, M => 2} end, Beside#{1 => 2}, lists:seq(1, Depth)),
    Outer = nest(1000, Beside#{1 => 2}, Beside),
    Other = Outer#{1 := 7},
    io:format("~p~n", [{Inner < Inner#{Beside := 2}, Outer < Other, Other < Outer}]).

nest(0, M, _) -> M;
nest(N, M, Beside) -> nest(N - 1, (maps:remove(33, maps:remove(32, Beside)))#{Beside => 1, M => 2}, Beside).
