%% SPDX-License-Identifier: Apache-2.0
%% Order and equality of numbers and bit strings, alone and inside lists, tuples and maps; copies of such terms.
-module(leaf_order_tests).
-export([main/0]).

main() ->
    Leaves = floats() ++ bigs() ++ bits(),
    [io:format("~s ~p~n", [Name, matrix(Wrap, Leaves)]) || {Name, Wrap} <- wraps()],
    [io:format("sorted ~s ~p~n", [Name, erlang:phash2(lists:sort([Wrap(L) || L <- Leaves]))]) || {Name, Wrap} <- wraps()],
    [io:format("~s ~p~n", [Name, matrix(Wrap, shapes())]) || {Name, Wrap} <- wraps()],
    [copied(Wrap(L)) || {_, Wrap} <- wraps(), L <- Leaves],
    [copied(list_to_tuple(Leaves)), copied(Leaves), copied([{L, L} || L <- Leaves]), copied(maps:from_list([{L, [L]} || L <- Leaves]))],
    ok.

%% What every comparison says about every pair; the lists end in copies, so that only contents can tell.
matrix(Wrap, Leaves) ->
    Others = binary_to_term(term_to_binary(Leaves)),
    erlang:phash2([compare(Wrap(A), Wrap(B)) || A <- Leaves, B <- Others]).

compare(A, B) ->
    Less = A < B,
    true = Less =:= (B > A),
    true = (A =< B) =:= not (B < A),
    true = (A == B) =:= not (Less orelse B < A),
    {Less, A == B, A =:= B, lists:member(B, [x, A]), lists:keymember(B, 1, [{A}])}.

floats() -> [0.0, -0.0, 1.0, -1.0, 1.5, 1.0e300, -1.0e300, 4.9e-324, float(1 bsl 60), float(1 bsl 70)].

bigs() -> [S * ((1 bsl K) + D) || K <- [59, 60, 64, 70, 128, 300], D <- [-1, 0, 1], S <- [1, -1]].

%% Lists that end everywhere and in everything, and other things that compare with them.
shapes() ->
    Ends = [[], a, 1, 1.0, <<"b">>, {c}, #{}, make_ref(), self(), fun lists:map/2],
    [Start ++ End || Start <- [[], "a", "ab", "abc", "b", [1.5], [1.5, $a], [<<"a">>, $a], [[]], [[$a], $b], [{1}, 2]], End <- Ends].

%% Bit strings of the heap, shared ones and parts, with what differs in each place.
bits() ->
    Long = list_to_binary(lists:seq(1, 100)),
    Whole = [binary:part(Long, 0, N) || N <- [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100]],
    Changed = [<<(binary:part(B, 0, byte_size(B) - 1))/binary, X>> || B <- Whole, B =/= <<>>, X <- [0, 127, 128, 255]],
    Shifted = [begin <<_:3, Part:N/bits, _/bits>> = Long, Part end || N <- [1, 5, 8, 13, 64, 72, 500]],
    Own = [binary:copy(B) || B <- Whole] ++ [<<B/bits, 5:3>> || B <- Whole],
    Whole ++ Changed ++ Shifted ++ Own.

wraps() ->
    [{"alone", fun(X) -> X end},
     {"list", fun(X) -> ["ab", X, c] end},
     {"improper", fun(X) -> [1 | X] end},
     {"second", fun(X) -> [1.5, <<"same">>, X] end},
     {"tuple", fun(X) -> {X, 1 bsl 64} end},
     {"last", fun(X) -> {<<"same">>, {[2.5], X}} end},
     {"map", fun(X) -> #{k => X, x => [X]} end},
     {"key", fun(X) -> #{X => 1, y => 2.5} end}].

copied(T) ->
    Me = self(),
    Table = ets:new(t, []),
    ets:insert(Table, {T, [T]}),
    [{T, [T]}] = ets:tab2list(Table),
    ets:delete(Table),
    spawn(fun() -> Me ! {got, T, [T | T]} end),
    receive {got, T, [T | T]} -> ok end.
