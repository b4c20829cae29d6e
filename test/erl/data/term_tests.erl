%% SPDX-License-Identifier: Apache-2.0
%% Order, equality, hashing and text of all kinds of terms; lists, tuples, atoms.
-module(term_tests).
-export([main/0]).

main() ->
    Terms = [a, b, 'A b', '', 1, 1.0, -5, 1 bsl 80, 2.5, "ab", [], [a | b], {}, {a}, {a, 1}, {1, a}, #{}, #{a => 1},
             <<>>, <<1>>, <<1:1>>, [[]], [1, 2], fun lists:map/2, '日本', "日本"],
    t:p("sorted", fun() -> lists:sort(Terms) end),
    [io:format("~tp: ~w~n", [A, [{A < B, A == B, A =:= B, A >= B} || B <- Terms]]) || A <- Terms],
    t:each(fun(T) -> {erlang:phash2(T), erlang:phash2(T, 100), erlang:phash(T, 100)} end, Terms -- [fun lists:map/2]),
    t:each(fun(T) -> [lists:flatten(io_lib:format(F, [T])) || F <- ["~p", "~w", "~tp", "~tw", "~P"], F =/= "~P"] end, Terms),
    t:p("min max", fun() -> {min(1, 1.0), max(a, "a"), lists:max([3, 1, 2]), lists:min([c, b])} end),
    t:p("lists", fun() -> L = [3, 1, 2, 3], {lists:sort(L), lists:usort(L), lists:reverse(L), lists:member(2, L), L -- [3], L ++ [x],
        lists:keyfind(b, 1, [{a, 1}, {b, 2}]), lists:keysort(2, [{a, 2}, {b, 1}]), lists:nth(2, L), lists:split(2, L),
        lists:partition(fun(X) -> X > 1 end, L), lists:zip([1, 2], "ab"), lists:flatten([1, [2, [3, []]]]), lists:duplicate(3, x),
        lists:keymember(z, 1, []), lists:keydelete(a, 1, [{a, 1}]), lists:sublist(L, 2, 2), lists:seq(1, 10, 3), length(L)} end),
    t:p("tuples", fun() -> T = {1, 2, 3}, {element(2, T), setelement(2, T, x), tuple_to_list(T), list_to_tuple("ab"),
        erlang:append_element(T, 4), erlang:delete_element(1, T), erlang:insert_element(2, T, n), erlang:make_tuple(3, z), tuple_size(T)} end),
    t:p("atoms", fun() -> {atom_to_list('a b'), list_to_atom("日本"), atom_to_binary('é'), binary_to_existing_atom(<<"ok">>),
        list_to_existing_atom("no such atom in here")} end),
    t:p("long atom", fun() -> list_to_atom(lists:duplicate(256, $a)) end),
    t:p("refs and pids", fun() -> A = make_ref(), B = make_ref(), {A =:= A, A =:= B, is_reference(A), is_pid(self()), self() =:= self()} end),
    t:p("size", fun() -> [erts_debug:flat_size(T) || T <- [a, 1, [], [1], {1, 2}, 1.5, 1 bsl 70, "abc", #{a => 1}]] end),
    t:p("external size", fun() -> [erlang:external_size(T) || T <- Terms -- [fun lists:map/2]] end),
    t:p("deep", fun() -> D = lists:foldl(fun(I, A) -> {I, [A]} end, [], lists:seq(1, 100000)), {erlang:phash2(D), D =:= binary_to_term(term_to_binary(D))} end).
