%% SPDX-License-Identifier: Apache-2.0
%% What process_info tells of a process that has not run yet.
-module(new_process_place).
-export([main/0, wait/1]).

main() ->
    process_flag(priority, max),
    erlang:system_flag(multi_scheduling, block),
    show(spawn_opt(?MODULE, wait, [1], [{priority, low}])),
    show(spawn_opt(fun() -> wait(2) end, [{priority, low}])),
    erlang:system_flag(multi_scheduling, unblock).

wait(_) -> receive stop -> ok end.

show(P) ->
    erlang:suspend_process(P),
    Items = [current_function, initial_call, current_location, current_stacktrace, status],
    io:format("~p~n", [[process_info(P, I) || I <- Items]]).
