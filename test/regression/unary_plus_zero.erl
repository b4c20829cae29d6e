%% SPDX-License-Identifier: Apache-2.0
%% +X in code and in guards is 0 + X, and a negative zero loses its sign; the native leaves its argument as it is.
-module(unary_plus_zero).
-export([main/0]).

main() ->
    [io:format("~p: ~p ~p ~p~n", [X, plus(X), guard(X), called(id(fun erlang:'+'/1), X)])
     || X <- [-0.0, 0.0, 1.5, -1.5, 0, -1, 1 bsl 70, a]].

plus(X) -> try +X catch error:E -> E end.

called(F, X) -> try F(X) catch error:E -> E end.

guard(X) when 1 / +X > 0 -> positive;
guard(X) when +X == 0 -> zero;
guard(_) -> other.

id(X) -> X.
