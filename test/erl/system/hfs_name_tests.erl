%% SPDX-License-Identifier: Apache-2.0
%% hfs_name_tests - names as HFS+ keeps them are put together again. (A leading mark breaks the reference.)
-module(hfs_name_tests).
-export([main/0]).

main() ->
    [io:format("~w: ~w~n", [L, composed(L)]) || L <- names()],
    [io:format("~p: ~p~n", [X, wrong(X)]) || X <- [<<255>>, <<195>>, <<1:7>>, "a", a]],
    io:format("~w~n", [[composed(unicode:characters_to_nfd_list([C, $.])) || C <- lists:seq(16#C0, 16#17F)]]),
    io:format("~w~n", [composed(unicode:characters_to_nfd_list(lists:seq(16#1E00, 16#1E7F)))]).

names() ->
    [[], "abc", [$A, 16#300], [$a, 16#308, $e, 16#301, $.], [16#395, 16#301], [16#395, 16#30D], [913, 837, 787, 768],
     [913, 787, 768, 837], [$A, 16#300, 16#300], [16#1F600, 16#300], [65, 770, 768, 66, 65, 770],
     [16#928, 16#93C], [12459, 12441], [16#1112, 16#1161], [0, $a, 16#300]].

composed(L) -> prim_file:internal_normalize_utf8(unicode:characters_to_binary(L)).

wrong(X) ->
    try prim_file:internal_normalize_utf8(X)
    catch error:Reason -> Reason
    end.
