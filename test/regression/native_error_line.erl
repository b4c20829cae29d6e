%% SPDX-License-Identifier: Apache-2.0
%% A native that is called like a function (through a fun, by apply, from another module) fails where its caller goes
%% on: when the next instruction has a line of its own, that line is in the trace.
-module(native_error_line).
-export([main/0]).

main() ->
    [show(Call, F, A) || Call <- [fun through_fun/2, fun tail_called/2, fun tail_alone/2, fun named/2, fun applied/2],
                         {F, A} <- natives()].

natives() ->
    [{fun erlang:abs/1, a}, {fun erlang:error/1, b}, {fun erlang:throw/1, c}, {fun lists:reverse/1, d},
     {fun prim_file:get_dcwd/1, e}, {fun erlang:length/1, [x | y]}, {fun unicode:characters_to_binary/1, f},
     {fun erlang:binary_to_term/1, <<1>>}, {fun erlang:no_such/1, g}, {fun ets:delete/1, h}].

show(Call, F, A) ->
    try Call(F, A) of
        R -> io:format("~p~n", [R])
    catch
        C:E:S ->
            io:format("~p ~p ~p~n", [C, E, [{M, Name, proplists:get_value(line, Where)} || {M, Name, _, Where} <- S]])
    end.

through_fun(F, X) ->
    Y = F(X),
    Z = length(X),
    {Y, Z}.

tail_called(F, X) ->
    Y = tail(F, X),
    Z = length(X),
    {Y, Z}.
tail(F, X) -> id(X), F(X).

tail_alone(F, X) ->
    Y = alone(F, X),
    Z = length(X),
    {Y, Z}.
alone(F, X) -> F(X).

named(F, X) ->
    {module, M} = erlang:fun_info(F, module),
    {name, N} = erlang:fun_info(F, name),
    Y = M:N(X),
    Z = length(X),
    {Y, Z}.

applied(F, X) ->
    {module, M} = erlang:fun_info(F, module),
    {name, N} = erlang:fun_info(F, name),
    Y = apply(M, N, [X]),
    Z = length(X),
    {Y, Z}.

id(X) -> X.
