%% SPDX-License-Identifier: Apache-2.0
%% A system task runs with the priority it was asked for with: not before processes above it, even if its process has
%% a lower one and is in a hurry for the sake of another task.
-module(urgent_by_priority).
-export([main/0]).

main() ->
    process_flag(priority, max),
    Self = self(),
    Hogs = [spawn_opt(fun() -> Self ! {self(), runs}, hog(a) end, [{priority, max}, {scheduler, S}, monitor])
            || S <- lists:seq(1, erlang:system_info(schedulers_online))],
    [receive {P, runs} -> ok end || {P, _} <- Hogs],
    {Low, M} = spawn_opt(fun() -> hog(a) end, [{priority, low}, monitor]),
    Refs = [task(Low, Prio) || Prio <- [low, normal, high]],
    Before = receive {system_task_test, _, _} -> early after 300 -> none end,
    Max = task(Low, max),
    receive {system_task_test, Max, true} -> ok end,
    [exit(P, kill) || {P, _} <- Hogs],
    [receive {'DOWN', R, process, P, killed} -> ok end || {P, R} <- Hogs],
    io:format("~p ~p~n", [Before, [receive {system_task_test, R, Is} -> Is end || R <- lists:reverse(Refs)]]),
    exit(Low, kill),
    receive {'DOWN', M, process, Low, Why} -> io:format("~p~n", [Why]) end.

task(P, Prio) ->
    R = make_ref(),
    ok = erts_internal:request_system_task(P, Prio, {system_task_test, R}),
    R.

hog(a) -> hog(b);
hog(b) -> hog(a).
