%% SPDX-License-Identifier: Apache-2.0
%% Maps made of keys that the loader knows: every order and kind of keys and values, keys shared, and what is left
%% when the code is gone.
-module(new_map_tests).
-export([main/0]).

main() ->
    rand:seed(exsss, 7),
    Made = lists:append([made(N) || N <- lists:seq(1, 40)]),
    erlang:garbage_collect(),
    io:format("~p~n", [erlang:phash2(Made)]),
    [begin M = maps:map(fun(_, V) -> V end, M), M = maps:from_list(maps:to_list(M)) end || M <- Made],
    io:format("~p~n", [erts_debug:size([pair(M) || M <- Made])]), % the keys count once
    forged().

pair(M) -> #{first => map_size(M), second => x}.

%% A module of one function for each way to write a map; the maps outlive it.
made(N) ->
    Mod = list_to_atom("new_map_" ++ integer_to_list(N)),
    Keys = lists:usort([key() || _ <- lists:seq(1, N)]),
    Orders = [Keys, lists:reverse(Keys), [K || {_, K} <- lists:sort([{rand:uniform(), K} || K <- Keys])]],
    Text = lists:flatten(io_lib:format("-module(~p).~n-export([f/3]).~nid(X) -> X.~n", [Mod]) ++
                             lists:join(";\n", [["f(", integer_to_list(I), ", A, B) -> ", map(O)] || {I, O} <- numbered(Orders)]) ++ ".\n"),
    {ok, Mod, Code} = compile:forms(forms(Text), [binary]),
    {module, Mod} = code:load_binary(Mod, "none", Code),
    Maps = [Mod:f(I, [N], {x, N}) || I <- lists:seq(1, length(Orders))],
    code:delete(Mod),
    code:purge(Mod),
    Maps.

numbered(L) -> lists:zip(lists:seq(1, length(L)), L).

map(Keys) -> ["#{", lists:join(", ", [io_lib:format("~p => ~s", [K, value()]) || K <- Keys]), "}"].

key() ->
    element(rand:uniform(7), {rand:uniform(100), list_to_atom([$a + rand:uniform(25)]), <<(rand:uniform(99))>>, {rand:uniform(9), k},
                              "text", [rand:uniform(9)], 1 bsl (60 + rand:uniform(20))}).

value() -> element(rand:uniform(7), {"A", "B", "id(A)", "[A | B]", "{literal}", "17", "self_less"}).

forms(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    [begin {ok, F} = erl_parse:parse_form(Ts), F end || Ts <- split(Tokens, [])].

split([], []) -> [];
split([{dot, _} = D | Rest], Form) -> [lists:reverse(Form, [D]) | split(Rest, [])];
split([T | Rest], Form) -> split(Rest, [T | Form]).

%% Changes of literals that have as many keys, or other ones.
forged() ->
    [forge(Op, Src, Pairs)
     || Op <- [put_map_assoc, put_map_exact],
        Src <- [#{}, #{a => 1, b => 2}, #{a => 1}, #{z => [1], "y" => {}}, maps:from_list([{I, I} || I <- lists:seq(1, 31)])],
        Pairs <- [[{atom, a}, {x, 0}], [{atom, b}, {x, 0}, {atom, a}, {x, 0}], [{atom, a}, {x, 0}, {atom, c}, {x, 0}]]].

forge(Op, Src, Pairs) ->
    Asm = {new_map_asm, [{f, 1}], [],
           [{function, f, 1, 2, [{label, 1}, {func_info, {atom, new_map_asm}, {atom, f}, 1}, {label, 2},
                                 {Op, {f, 0}, {literal, Src}, {x, 0}, 1, {list, Pairs}}, return]}], 3},
    {ok, new_map_asm, Code} = compile:forms(Asm, [from_asm, binary]),
    {module, _} = code:load_binary(new_map_asm, "none", Code),
    t:p(io_lib:format("~p ~p ~p", [Op, Src, Pairs]), fun() -> lists:sort(maps:to_list(new_map_asm:f(x))) end),
    code:delete(new_map_asm),
    code:purge(new_map_asm).
