%% SPDX-License-Identifier: Apache-2.0
%% Patterns, guards and the errors of what matches nothing.
-module(match_tests).
-export([main/0]).

main() ->
    t:each(fun kind/1, [0, -1, 1 bsl 70, 1.5, a, [], [1], "ab", {}, {1, 2}, {ok, x}, #{}, #{a => 1},
                        <<>>, <<1>>, <<1:3>>, fun lists:map/2]),
    t:each(fun select/1, [1, 2, 3, 100, 1 bsl 65, a, b, zz, 1.0, {a, 1}]),
    t:p("badmatch", fun() -> {ok, _} = t:id({error, x}) end),
    t:p("case_clause", fun() -> case t:id(3) of 1 -> a end end),
    t:p("if_clause", fun() -> X = t:id(1), if X > 1 -> a end end),
    t:p("function_clause", fun() -> select({none, at, all, here}) end),
    t:p("badfun", fun() -> (t:id(not_a_fun))(1) end),
    t:p("badarity", fun() -> (t:id(fun(_) -> ok end))(1, 2) end),
    t:p("undef", fun() -> (t:id(match_tests)):nope(1) end),
    t:p("badarith", fun() -> t:id(a) + 1 end),
    t:p("badrecord", fun() -> guarded(t:id(#{})) end),
    t:p("maybe same", fun() -> {X, X} = t:id({1, 1}), X end),
    t:p("float is not integer", fun() -> case t:id(1.0) of 1 -> yes; _ -> no end end),
    t:p("guard that fails is false", fun() -> [guarded(X) || X <- [1, a, {2}, [3], #{k => 4}]] end),
    t:p("strings", fun() -> prefix("hello world") end),
    t:p("nested", fun() -> nested(#{a => [{1, <<"x", 5:16, Rest/binary>>} || Rest <- [<<"yz">>]]}) end).

kind(X) when is_integer(X), X >= 0 -> natural;
kind(X) when is_integer(X) -> negative;
kind(X) when is_float(X) -> float;
kind([]) -> nil;
kind([_]) -> one;
kind([_ | _]) -> list;
kind({}) -> empty_tuple;
kind({ok, _}) -> ok_tuple;
kind(T) when tuple_size(T) =:= 2 -> pair;
kind(X) when is_map(X), map_size(X) =:= 0 -> empty_map;
kind(#{a := V}) -> {map_with_a, V};
kind(<<>>) -> empty_binary;
kind(X) when is_binary(X) -> binary;
kind(X) when is_bitstring(X) -> bits;
kind(X) when is_function(X, 2) -> fun2;
kind(_) -> other.

select(1) -> one;
select(2) -> two;
select(3) -> three;
select(100) -> hundred;
select(1 bsl 65) -> huge;
select(a) -> atom_a;
select(b) -> atom_b;
select(1.0) -> float;
select({a, N}) -> {tuple, N};
select(X) when is_atom(X) -> other_atom.

guarded(X) when X + 1 > 1; element(1, X) =:= 2; hd(X) =:= 3; map_get(k, X) =:= 4 -> true;
guarded(_) -> false.

prefix("hello " ++ Rest) -> Rest.

nested(#{a := [{N, <<C, Size:16, Rest/binary>>} | _]}) -> {N, C, Size, Rest}.
