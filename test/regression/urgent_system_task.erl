%% SPDX-License-Identifier: Apache-2.0
%% A collection that a process of high priority asks for is not held up by the low priority of the one that
%% has to do it while others keep the schedulers busy.
-module(urgent_system_task).
-export([main/0]).

main() ->
    process_flag(priority, max),
    Low = spawn_opt(fun low/0, [{priority, low}]),
    Low ! {self(), hello},
    receive {Low, hello} -> ok end,
    Hogs = [spawn_opt(fun() -> hog(0) end, [{priority, high}]) || _ <- lists:seq(1, erlang:system_info(schedulers) + 1)],
    Results = [erlang:check_process_code(Low, ?MODULE) | [erlang:garbage_collect(Low) || _ <- lists:seq(1, 20)]],
    [exit(H, kill) || H <- Hogs],
    io:format("~p~n", [Results]),
    Low ! {self(), still_here},
    receive {Low, Answer} -> io:format("~p~n", [Answer]) end,
    exit(Low, kill).

low() -> receive {From, M} -> From ! {self(), M}, low() end.
hog(N) -> hog(N + 1).
