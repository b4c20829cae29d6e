%% SPDX-License-Identifier: Apache-2.0
%% Sizes at which the reference ends or goes on for ever: here they are a system_limit.
-module(limits_tests).
-export([main/0]).

main() ->
    One = binary_to_term(term_to_binary(1)), % unknown to the compiler
    [io:format("~p ~p~n", [Name, outcome(F)]) || {Name, F} <-
        [{decode_unsigned, fun() -> binary:decode_unsigned(binary:copy(<<255>>, 4194297)) > 0 end},
         {decode_signed_field, fun() -> N = 8 * 4194297 * One, <<X:N>> = binary:copy(<<255>>, 4194297), X > 0 end},
         {list_to_integer, fun() -> list_to_integer(lists:duplicate(9000000, $f), 16) > 0 end},
         {binary_to_integer, fun() -> binary_to_integer(binary:copy(<<"f">>, 9000000), 16) > 0 end},
         {product, fun() -> X = (One bsl 20000000) - 1, X * X > 0 end},
         {copy_too, fun() -> binary:copy(<<1>>, One bsl 50) end},
         {field, fun() -> <<0:(One bsl 65)>> end},
         {field_too, fun() -> <<0:(One bsl 52)>> end},
         {atomics, fun() -> atomics:new(One bsl 62, []) end},
         {counters, fun() -> counters:new(One bsl 62, [write_concurrency]) end}]].

outcome(F) -> try F() catch error:{badmatch, _} -> badmatch; C:R -> {C, R} end.
