%% SPDX-License-Identifier: Apache-2.0
%% erlang:apply/2 that is itself applied is a function of its own in stack traces, apply/3 is not; what raises and is
%% applied in a tail call has the function that applies it as its place, though that may end there.
-module(apply_of_apply).
-export([main/0, tail/3, body/3, tail_by_name/1, body_by_name/1, one/1]).

tail(M, F, A) -> apply(M, F, A).
body(M, F, A) -> X = apply(M, F, A), {X}.
tail_by_name(M) -> M:apply(fun ?MODULE:one/1, []).
body_by_name(M) -> X = M:apply(fun ?MODULE:one/1, []), {X}.
one(X) -> X.

main() ->
    One = fun ?MODULE:one/1,
    [show({W, A}, fun() -> ?MODULE:W(erlang, apply, A) end)
     || W <- [tail, body],
        A <- [[One, []], [lists, nope, [1]], [foo, []], [One, x], [lists, nope, x], [1, foo, []], [One, [a]], [One, [a | b]],
              [erlang, apply, [One, []]], [erlang, apply, [erlang, error, [x]]], [fun erlang:error/1, [x]]]],
    [show(W, fun() -> ?MODULE:W(erlang) end) || W <- [tail_by_name, body_by_name]],
    show(fun_of_two, fun() -> F = fun erlang:apply/2, X = F(One, x), {X} end),
    [show({fun_of_three, A}, fun() -> F = fun erlang:apply/3, X = F(lists, nope, A), {X} end) || A <- [[], x]],
    [show({process, A}, fun() -> ends(A) end) || A <- [[One, []], [One, x], [lists, nope, []], [lists, nope, x]]].

ends(A) ->
    logger:set_primary_config(level, none),
    {P, M} = spawn_monitor(erlang, apply, A),
    receive {'DOWN', M, process, P, R} -> R end.

show(What, F) ->
    io:format("~p: ~p~n", [What, try F() catch C:R:S -> {C, R, [E || {Module, _, _, _} = E <- S, Module =/= init]} end]).
