%% SPDX-License-Identifier: Apache-2.0
%% Natives that take another way for few, for whole words, or for what fits: all lengths and places around where they
%% change. One hash a line.
-module(native_lengths_tests).
-export([main/0]).

main() ->
    rand:seed(exsss, 11),
    [io:format("~s ~p~n", [Name, erlang:phash2(catch F())]) || {Name, F} <- cases()].

cases() ->
    [{"short floats", fun() -> [float_to_list(F, [short]) || F <- floats()] end},
     {"floats back", fun() -> [list_to_float(float_to_list(F, [short])) =:= F || F <- floats()] end},
     {"rounded", fun() -> [{trunc(F), round(F), floor(F), ceil(F)} || F <- halves()] end},
     {"integers of text", fun() -> [list_of_digits(N, B) || N <- lists:seq(0, 20) ++ lists:seq(120, 136), B <- [2, 10, 16, 36]] end},
     {"bad texts", fun() -> [catch_list(T, B) || T <- bad_texts(), B <- [2, 10, 16, 36]] end},
     {"latin1", fun() -> [unicode:characters_to_binary(B, latin1) || B <- with_one(lists:seq(0, 34), 233)] end},
     {"atoms", fun() -> [atom_to_binary(binary_to_atom(B, latin1), latin1) || B <- with_one(lists:seq(1, 20), 233)] end},
     {"reversed", fun() -> [lists:reverse(lists:seq(1, N), [x]) || N <- lengths()] end},
     {"appended", fun() -> [lists:seq(1, N) ++ [y] || N <- lengths()] end},
     {"improper", fun() -> [improper(lists:seq(1, N) ++ z) || N <- lengths()] end},
     {"found", fun() -> [found(A, B) || A <- keys(), B <- keys()] end},
     {"headers", fun() -> [erlang:decode_packet(httph_bin, <<H/binary, ": v\r\n\r\n">>, []) || H <- headers()] end},
     {"info", fun() -> [catch_it(fun() -> erlang:system_info(I) end) || I <- [wordsize, endian, nosuch, os_type, heap_type, x]] end},
     {"counters", fun counters/0}].

floats() ->
    Edges = [1.0e-7, 9.99e14, 1.0e15 - 0.125, 1.0e15, 1.0e15 + 0.125, 9007199254740991.0, 9007199254740992.0, 4.35, 0.3, 123456789012345.6],
    Around = [F * (1 + I * 2.220446049250313e-16) || F <- Edges, I <- [-2, -1, 0, 1, 2]],
    Powers = [math:pow(10, E) * D || E <- lists:seq(-12, 20), D <- [1, 1.5, 9.99, 0.123456789012345, 2 / 3]],
    Around ++ Powers ++ [rand:uniform(1000000) / math:pow(10, rand:uniform(9)) || _ <- lists:seq(1, 3000)] ++ [rand:uniform() || _ <- lists:seq(1, 3000)].

halves() ->
    [S * F || F <- [0.0, 0.5, 0.49999999999999994, 1.0, 1.5, 2.5, 1.0e9 + 0.5, 4503599627370495.5, 4503599627370496.5, 9007199254740991.0, 9007199254740992.0,
                    1.0e18, 1.0e30], S <- [1, -1]].

list_of_digits(0, _) -> none;
list_of_digits(N, B) ->
    T = [hd(integer_to_list(rand:uniform(B) - 1, B)) || _ <- lists:seq(1, N)],
    I = list_to_integer(T, B),
    I = list_to_integer(string:lowercase(T), B),
    I = -list_to_integer("-" ++ T, B),
    I = binary_to_integer(list_to_binary(T), B).

bad_texts() ->
    ["", "-", "+", "1-", "1 ", " 1", "1.", "/", ":", "@", "[", "`", "{", [49 | 49], [a], [49, -1], [49, 300]] ++
        [lists:duplicate(N, $1) ++ X || N <- [17, 18, 127, 128, 129], X <- [x, "~", [300], [a]]].

catch_list(T, B) -> catch_it(fun() -> list_to_integer(T, B) end).

improper(L) -> {catch_it(fun() -> lists:reverse(L) end), catch_it(fun() -> L ++ [1] end)}.

catch_it(F) -> try F() catch C:R -> {C, R} end.

with_one(Lengths, Char) ->
    [list_to_binary(lists:duplicate(N, $a)) || N <- Lengths] ++
        [list_to_binary([lists:duplicate(I, $a), Char, lists:duplicate(N - I - 1, $b)]) || N <- Lengths, N > 0, I <- [0, N div 2, N - 1]].

lengths() -> lists:seq(0, 70) ++ [100, 110, 120, 200, 233, 376, 500, 1000, 5000, 100000].

keys() -> [<<"1">>, <<"2">>, <<"12345678">>, <<"12345679">>, <<"123456781">>, <<"123456782">>, <<1:3>>, binary:part(<<"x12345678">>, 1, 8),
           binary:copy(<<"a">>, 64), binary:copy(<<"a">>, 65), a, 1, 1.0, {<<"1">>}].

found(A, B) ->
    {lists:member(A, [x, B]), lists:keyfind(A, 1, [{x}, y, {B, 1}]), lists:keymember(A, 2, [{x, B}]), lists:keysearch(A, 1, [{B}])}.

headers() -> [<<"Content-Type">>, <<"content-type">>, <<"CONTENT-LENGTH">>, <<"Host">>, <<"host">>, <<"X-Other">>, <<"x(y">>, <<"a@b">>, <<"te">>, <<"Cookie2">>].

counters() ->
    [begin
         T = ets:new(t, [Type]),
         ets:insert(T, {a, 1, 1 bsl 59, <<"x">>, 5}),
         Rs = [catch_it(fun() -> ets:update_counter(T, a, Op) end) ||
                  Op <- [{2, 1, 3, 0}, {2, 1, 3, 0}, {2, 1, 3, 0}, [{2, 1}, {5, -1}], [{2, 1}, {3, 1}], [{2, 1}, {4, 1}], {3, -5},
                         {2, 1 bsl 62}, {2, -(1 bsl 62)}, []]],
         Es = [catch_it(fun() -> ets:update_element(T, a, E) end) || E <- [{2, b}, [{2, c}, {5, d}], [{2, {e}}, {5, f}], [{2, 1}, {1, z}], {4, 1}]],
         {Rs, Es, ets:tab2list(T)}
     end || Type <- [set, ordered_set]].
