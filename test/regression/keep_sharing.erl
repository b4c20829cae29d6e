%% SPDX-License-Identifier: Apache-2.0
%% persistent_term:put/2 and erts_debug:copy_shared/1 keep what is shared inside a term.
-module(keep_sharing).
-export([main/0]).

main() ->
    B = binary:copy(<<"abc">>, 100),
    Deep = lists:foldl(fun(_, A) -> [A | A] end, [], lists:seq(1, 60)),
    Terms = [Deep, {Deep, Deep, make_ref()}, #{a => Deep, b => [Deep, B, B]},
             lists:duplicate(3, maps:from_list([{I, {I, Deep}} || I <- lists:seq(1, 40)])),
             fun() -> {Deep, B} end, [B, B, 1.5, 1 bsl 100]],
    [begin
         persistent_term:put(keep_sharing, T),
         P = persistent_term:get(keep_sharing),
         C = erts_debug:copy_shared(T),
         io:format("~p ~p~n", [{erts_debug:size(T), erts_debug:size(P), erts_debug:size(C)}, erts_debug:size_shared(P)])
     end || T <- Terms ++ [graph(Seed) || Seed <- lists:seq(1, 60)]],
    persistent_term:erase(keep_sharing).

%% Terms of terms made before, some of them often.
graph(Seed) ->
    rand:seed(exsss, {Seed, 1, 1}),
    lists:foldl(fun(_, Made) -> [new(Made) | Made] end, [], lists:seq(1, rand:uniform(80))).

new(Made) ->
    P = fun() -> lists:nth(rand:uniform(length(Made)), Made) end,
    case Made =:= [] orelse rand:uniform(8) of
        true -> [rand:uniform(9) | b];
        1 -> {P(), P(), x};
        2 -> [P() | lists:sublist(Made, rand:uniform(3))];
        3 -> {P(), [P()]};
        4 -> [P(), P() | P()];
        5 -> lists:sublist(Made, 3);
        6 -> fun() -> {Made, x} end;
        7 -> [float(rand:uniform(9)), tl(Made)];
        8 -> [hd(Made), rand:uniform(1 bsl 100)]
    end.
