%% SPDX-License-Identifier: Apache-2.0
%% Integers small and big, floats, their text.
-module(number_tests).
-export([main/0]).

main() ->
    Ints = [0, 1, -1, 7, -7, (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 63, 1 bsl 64,
            -(1 bsl 64), (1 bsl 64) - 1, 123456789012345678901234567890, -(1 bsl 200) + 1, 3 bsl 127],
    Ops = ['+', '-', '*', 'div', 'rem', 'band', 'bor', 'bxor', '=:=', '<', '=<'],
    [io:format("~p: ~p~n", [{Op, A}, [calc(Op, A, B) || B <- Ints]]) || Op <- Ops, A <- Ints],
    [io:format("shift ~p: ~p~n", [A, [{A bsl S, A bsr S} || S <- [0, 1, 3, 60, 64, 130, -5]]]) || A <- Ints],
    t:each(fun(A) -> {-A, bnot A, abs(A), integer_to_list(A, 16), integer_to_binary(A, 36)} end, Ints),
    t:each(fun(A) -> list_to_integer(integer_to_list(A, 7), 7) =:= A end, Ints),
    Floats = [0.0, -0.0, 1.0, -1.5, 0.1, 1.0e22, 1.0e23, 1.7976931348623157e308, 5.0e-324, 2.2250738585072014e-308,
              123456.789, 1.0e-7, 9007199254740993.0, 0.3, 2.0 / 3],
    t:each(fun(F) -> {float_to_list(F), float_to_list(F, [{decimals, 4}, compact]),
                      float_to_list(F, [{scientific, 5}]), float_to_binary(F, [short])} end, Floats),
    t:each(fun(F) -> {trunc(F), round(F), ceil(F), floor(F)} end, [F || F <- Floats, abs(F) < 1.0e30]),
    t:p("mixed", fun() -> [1 + 1.0, 1 == 1.0, 1 =:= 1.0, (1 bsl 60) + 0.5, 3 / 2, 7 div -2, 7 rem -2, -7 rem 2] end),
    t:p("compare big and float", fun() -> [(1 bsl 64) < 1.8446744073709552e19, (1 bsl 64) == 18446744073709551616.0,
                                           (1 bsl 64) + 1 > 18446744073709551616.0] end),
    t:p("overflow", fun() -> t:id(1.0e308) * 10 end),
    t:p("too big for a float", fun() -> t:id(1 bsl 2000) * 1.0 end),
    t:p("power", fun() -> math:pow(2, 0.5) end),
    t:p("math", fun() -> [math:sqrt(2), math:pi(), math:exp(1), math:log(10), math:sin(1), math:atan2(1, 2), math:fmod(7, 3)] end),
    t:p("bad math", fun() -> math:sqrt(t:id(-1)) end),
    t:p("bad float", fun() -> list_to_float("1") end),
    t:p("float texts", fun() -> [list_to_float(S) || S <- ["1.0", "-0.0", "1.5e3", "1.0e-10", "179769313486231570000.0"]] end),
    t:p("factorial", fun() -> lists:foldl(fun(A, B) -> A * B end, 1, lists:seq(1, 100)) end),
    t:p("gcd", fun() -> gcd(1 bsl 300, lists:foldl(fun(A, B) -> A * B end, 1, lists:seq(1, 60))) end),
    t:p("sum of digits", fun() -> lists:sum([C - $0 || C <- integer_to_list(fact(500))]) end).

calc(Op, A, B) -> try erlang:Op(A, B) catch error:R -> R end.
gcd(A, 0) -> A;
gcd(A, B) -> gcd(B, A rem B).
fact(0) -> 1;
fact(N) -> N * fact(N - 1).
