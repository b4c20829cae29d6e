%% SPDX-License-Identifier: Apache-2.0
%% wall_time_tests - a native counts while it executes, not only when it is through; blocked schedulers do not.
%% erl: +S 2:2
-module(wall_time_tests).
-export([main/0]).

main() ->
    t:p(off, fun() -> {erlang:statistics(scheduler_wall_time), erlang:system_flag(scheduler_wall_time, true)} end),
    t:p(dirty_io, fun() -> executing(fun(Ms) -> erts_debug:dirty_io(wait, Ms) end, dirty_io_schedulers) end),
    t:p(dirty_cpu, fun() -> executing(fun(Ms) -> erts_debug:dirty_cpu(wait, Ms) end, dirty_cpu_schedulers) end),
    t:p(on_again, fun on_again/0),
    t:p(blocked, fun blocked/0),
    t:p(microstates, fun microstates/0).

%% Two looks while one and the same native executes: some scheduler of that kind has been active between them.
executing(Native, Kind) ->
    {P, M} = spawn_monitor(fun() -> Native(2000) end),
    timer:sleep(200),
    Before = active(Kind),
    timer:sleep(200),
    After = active(Kind),
    exit(P, kill),
    receive {'DOWN', M, _, _, R} -> R end,
    {R, After > Before}.

active(Kind) ->
    Normal = erlang:system_info(schedulers),
    Cpu = erlang:system_info(dirty_cpu_schedulers),
    All = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    Mine = case Kind of
        dirty_cpu_schedulers -> lists:sublist(All, Normal + 1, Cpu);
        dirty_io_schedulers -> lists:nthtail(Normal + Cpu, All)
    end,
    lists:sum([A || {_, A, _} <- Mine]).

on_again() ->
    true = erlang:system_flag(scheduler_wall_time, false),
    false = erlang:system_flag(scheduler_wall_time, true),
    lists:all(fun({_, A, T}) -> 0 =< A andalso A =< T end, erlang:statistics(scheduler_wall_time)).

%% Of those that work all the time one works, and has no time while a dirty native does.
blocked() ->
    Hogs = [spawn_opt(fun Hog() -> erts_debug:dirty_cpu(wait, 5), turn(100000), Hog() end, [{priority, low}]) || _ <- [1, 2, 3, 4]],
    enabled = erlang:system_info(multi_scheduling),
    erlang:system_flag(multi_scheduling, block),
    Before = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    timer:sleep(500),
    After = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    erlang:system_flag(multi_scheduling, unblock),
    [exit(H, kill) || H <- Hogs],
    Active = lists:sum([A2 - A1 || {{_, A1, _}, {_, A2, _}} <- lists:zip(Before, After)]),
    [{_, _, T1} | _] = Before,
    [{_, _, T2} | _] = After,
    Active =< 1.2 * (T2 - T1).

%% Schedulers that sleep all the time have slept when they are looked at, and when counting is over.
microstates() ->
    erlang:system_flag(microstate_accounting, reset),
    false = erlang:system_flag(microstate_accounting, true),
    timer:sleep(100),
    Meanwhile = counted(),
    true = erlang:system_flag(microstate_accounting, false),
    After = counted(),
    erlang:system_flag(microstate_accounting, reset),
    {[M >= 95 || M <- Meanwhile], [M >= 95 || M <- After], lists:usort(counted())}.

%% Milliseconds of each normal scheduler.
counted() ->
    [erlang:convert_time_unit(lists:sum(maps:values(C)), perf_counter, millisecond)
     || #{type := scheduler, counters := C} <- erlang:statistics(microstate_accounting)].

turn(0) -> ok;
turn(N) -> turn(N - 1).
