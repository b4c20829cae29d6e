%% SPDX-License-Identifier: Apache-2.0
%% ++ and lists:reverse/2 at the lengths around a slice's, proper and not: the copy goes on after a collection.
-module(append_tests).
-export([main/0]).

main() ->
    t:each(fun(N) -> t:p(N, check(N)) end,
           [1, 10, 63, 64, 65, 1000, 63999, 64001, 159999, 160000, 160001, 320000, 320001, 1000000]),
    t:p(empty, apply(erlang, '++', [[], ok])).

check(N) ->
    List = lists:seq(1, N),
    Twice = apply(erlang, '++', [List, List]),
    Improper = apply(erlang, '++', [List, [a | b]]),
    [length(Twice), lists:sum(Twice) =:= N * (N + 1), lists:nthtail(N, Twice) =:= List,
     lists:nthtail(N, Improper), apply(erlang, '++', [List, []]) =:= List,
     lists:reverse(lists:reverse(List, [x]), []) =:= [x | List],
     [badly(F, A) || {F, A} <- [{'++', [Improper, x]}, {'++', [Improper, []]}, {'++', [x, List]}]]].

badly(F, Arguments) ->
    try apply(erlang, F, Arguments)
    catch error:Reason:Stack -> {Reason, element(2, hd(Stack)), length(element(3, hd(Stack)))}
    end.
