%% SPDX-License-Identifier: Apache-2.0
%% Funs, closures, apply, comprehensions, recursion depth.
-module(fun_tests).
-export([main/0, add/2]).

main() ->
    Y = t:id(10),
    t:p("closure", fun() -> [F(2) || F <- [fun(X) -> X + Y end, fun(X) -> X * Y end]] end),
    t:p("external", fun() -> (fun ?MODULE:add/2)(1, 2) end),
    t:p("local", fun() -> lists:foldl(fun add/2, 0, [1, 2, 3]) end),
    t:p("named", fun() -> (fun Fact(0) -> 1; Fact(N) -> N * Fact(N - 1) end)(25) end),
    t:p("apply/3", fun() -> apply(?MODULE, add, [3, 4]) end),
    t:p("apply dynamic", fun() -> M = t:id(lists), F = t:id(reverse), M:F([1, 2, 3]) end),
    t:p("info", fun() -> [erlang:fun_info(fun ?MODULE:add/2, K) || K <- [module, name, arity, type, env]] end),
    t:p("equal external", fun() -> fun lists:map/2 =:= t:id(fun lists:map/2) end),
    t:p("is_function", fun() -> [is_function(F, 1) || F <- [fun add/2, fun(_) -> ok end, a]] end),
    t:p("list comp", fun() -> [{A, B} || A <- [1, 2, 3], B <- "ab", A =/= 2] end),
    t:p("binary comp", fun() -> << <<(X * 2)>> || <<X>> <= <<1, 2, 3>> >> end),
    t:p("bad generator", fun() -> [X || X <- t:id(a)] end),
    t:p("bad filter", fun() -> [X || X <- [1], t:id(maybe_so)] end),
    t:p("deep recursion", fun() -> depth(1000000) end),
    t:p("mutual", fun() -> even(100001) end),
    t:p("many arguments", fun() -> many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18) end),
    t:p("sort with fun", fun() -> lists:sort(fun(A, B) -> A >= B end, [3, 1, 2]) end).

add(A, B) -> A + B.
depth(0) -> 0;
depth(N) -> 1 + depth(N - 1).
even(0) -> true;
even(N) -> odd(N - 1).
odd(0) -> false;
odd(N) -> even(N - 1).
many(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R) ->
    {R, Q, P, O, N, M, L, K, J, I, H, G, F, E, D, C, B, A}.
