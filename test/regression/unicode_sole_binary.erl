%% SPDX-License-Identifier: Apache-2.0
%% What characters_to_binary leaves of a list that holds one binary is no list.
-module(unicode_sole_binary).
-export([main/0]).

main() ->
    [io:format("~w: ~w ~w ~w~n", [X, of_(fun unicode:characters_to_binary/1, X), of_(fun unicode:characters_to_list/1, X),
                                  of_(fun(Y) -> unicode:characters_to_binary(Y, unicode, utf16) end, X)])
     || B <- [<<255, 255>>, <<255>>, <<1, 255>>, <<195>>, <<"ok">>, <<195, 164>>],
        X <- [B, [B], [[B]], [B | []], [[], B], [B, []], [B, 1], [1, B], [B | B]]].

of_(F, X) -> try F(X) catch error:E -> E end.
