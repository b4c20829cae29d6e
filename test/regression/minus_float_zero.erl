%% SPDX-License-Identifier: Apache-2.0
%% Minus 0.0 where the compiler knows of a float (fnegate), and where it does not.
-module(minus_float_zero).
-export([main/0, known/1, unknown/1]).

known(V) -> -(V * 1.0).
unknown(V) -> -V.

main() -> [io:format("~w ~w ~w~n", [V, ?MODULE:known(V), ?MODULE:unknown(V)]) || V <- [0, 0.0, -0.0, 1.5, -1.5, 3]].
