%% SPDX-License-Identifier: Apache-2.0
%% Sizes in the external format, of random terms of every kind, small and large ones, and of funs behind what fills a
%% page of it.
-module(external_size_tests).
-export([main/0]).

main() ->
    rand:seed(exsss, 5),
    Terms = [term(6) || _ <- lists:seq(1, 300)],
    Own = [self(), make_ref(), hd(erlang:ports()), fun lists:map/2, fun(X) -> X end, fun(X) -> {X, Terms} end, Terms, list_to_tuple(Terms)],
    All = Terms ++ Own,
    [io:format("~p ~p~n", [V, erlang:phash2([sizes(T, V) || T <- All])]) || V <- [0, 1]],
    io:format("~p~n", [erlang:phash2([catch erlang:external_size(T) || T <- All])]),
    [true = byte_size(term_to_binary(T)) =< erlang:external_size(T) || T <- All], % some numbers count as larger
    [io:format("~p~n", [erlang:phash2([sizes(page(N), V) || N <- lists:seq(1, 60)])]) || V <- [0, 1]].

sizes(T, V) -> catch erlang:external_size(T, [{minor_version, V}]).

page(N) ->
    Bytes = <<1:800>>,
    [lists:duplicate(N, 1.5), fun() -> {Bytes, N} end].

term(0) -> leaf(rand:uniform(12));
term(N) ->
    case rand:uniform(14) of
        1 -> [term(N - 1) || _ <- lists:seq(1, rand:uniform(5))];
        2 -> list_to_tuple([term(N - 1) || _ <- lists:seq(1, rand:uniform(5))]);
        3 -> maps:from_list([{term(N - 1), term(N - 1)} || _ <- lists:seq(1, rand:uniform(5))]);
        4 -> maps:from_list([{I, term(N - 2)} || N > 2, I <- lists:seq(1, 30 + rand:uniform(10))]);
        5 -> [term(N - 1) | term(N - 1)];
        6 -> X = term(N - 1), Y = term(N - 1), fun(Z) -> {X, Y, Z} end;
        K -> leaf(K - 6)
    end.

leaf(1) -> rand:uniform(300);
leaf(2) -> -rand:uniform(1 bsl 40);
leaf(3) -> rand:uniform(1 bsl 61) * rand:uniform(1 bsl 61);
leaf(4) -> rand:uniform();
leaf(5) -> rand:bytes(rand:uniform(100));
leaf(6) -> lists:duplicate(rand:uniform(300), $a);
leaf(7) -> <<1:(rand:uniform(100))>>;
leaf(8) -> list_to_atom("a" ++ integer_to_list(rand:uniform(1000)));
leaf(9) -> list_to_atom([1000 + rand:uniform(10), 233]);
leaf(10) -> list_to_atom(lists:duplicate(200, 233));
leaf(11) -> list_to_tuple(lists:seq(1, 254 + rand:uniform(4)));
leaf(12) -> [].
