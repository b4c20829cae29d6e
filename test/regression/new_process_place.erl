%% SPDX-License-Identifier: Apache-2.0
%% What process_info tells of a process that has not run yet.
-module(new_process_place).
-export([main/0, begin_and_wait/1]).

main() ->
    process_flag(priority, max),
    show(fun(A) -> spawn_opt(?MODULE, begin_and_wait, [A], [{priority, low}]) end),
    show(fun(A) -> spawn_opt(fun() -> begin_and_wait(A) end, [{priority, low}]) end).

begin_and_wait(A) ->
    atomics:put(A, 1, 1),
    receive stop -> ok end.

%% Another scheduler may be quicker than the suspension: then again.
show(Spawn) ->
    A = atomics:new(1, []),
    P = Spawn(A),
    erlang:suspend_process(P),
    Items = [current_function, initial_call, current_location, current_stacktrace, status],
    Infos = [process_info(P, I) || I <- Items],
    case atomics:get(A, 1) of
        0 -> io:format("~p~n", [Infos]);
        1 -> show(Spawn)
    end.
