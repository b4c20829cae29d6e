%% SPDX-License-Identifier: Apache-2.0
%% What stands in a list beyond the longest text of an atom does not change the error.
-module(long_atom_text).
-export([main/0]).

main() ->
    [io:format("~w ~w: ~w ~w~n", [N, Tail, error_of(fun list_to_atom/1, L), error_of(fun list_to_existing_atom/1, L)])
     || N <- [0, 254, 255, 256, 300], Tail <- [[foo], b, [$a | b], [-1], [16#d800]],
        L <- [lists:duplicate(N, $a) ++ Tail]].

error_of(F, L) -> try F(L) catch error:E -> E end.
