%% SPDX-License-Identifier: Apache-2.0
%% bench - runs one case of a benchmark module and prints how long it took.
%% A module exports cases/0: [{Name, Kind, Setup, Run}]. Setup/0 makes the argument of Run/1 and is not timed; Run's
%% result must be the same on each VM and is printed as a hash. Kind says what dominates: code, native, gc,
%% message, parallel, io. Each Run is sized to some 100 ms on the reference, and is run once before it is timed.
-module(bench).
-export([main/1, list/1, per_process/0]).

list(Modules) ->
    [io:format("~s\t~s\t~s~n", [M, N, K]) || M <- Modules, {N, K, _, _} <- (list_to_atom(M)):cases()],
    halt().

%% Prints the bytes of a process that waits for a message.
per_process() ->
    Before = erlang:memory(processes),
    Ps = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 100000)],
    erlang:garbage_collect(),
    io:format("~w~n", [(erlang:memory(processes) - Before) div length(Ps)]),
    halt().

%% Prints "microseconds<TAB>milliseconds of processor time<TAB>hash".
main([Module, Name]) ->
    {_, _, Setup, Run} = lists:keyfind(list_to_atom(Name), 1, (list_to_atom(Module)):cases()),
    Argument = Setup(),
    _ = Run(Argument),
    erlang:garbage_collect(),
    {Cpu0, _} = statistics(runtime),
    Start = erlang:monotonic_time(),
    Result = Run(Argument),
    Stop = erlang:monotonic_time(),
    {Cpu1, _} = statistics(runtime),
    Micros = erlang:convert_time_unit(Stop - Start, native, microsecond),
    io:format("~w\t~w\t~w~n", [Micros, Cpu1 - Cpu0, erlang:phash2(Result)]),
    halt().
