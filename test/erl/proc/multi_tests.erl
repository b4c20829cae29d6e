%% SPDX-License-Identifier: Apache-2.0
%% multi_tests - blocking of multi-scheduling holds when the call returns; dirty natives under it.
%% erl: +S 4:4
-module(multi_tests).
-export([main/0]).

main() ->
    Count = counters:new(4, []),
    Spinners = [spawn(fun() -> spin(Count) end) || _ <- lists:seq(1, 8)],
    [t:p(B, fun() -> stopped(Count, B, U) end) || {B, U} <- [{block_normal, unblock_normal}, {block, unblock}], _ <- [1, 2, 3]],
    t:p(online, fun() -> [begin erlang:system_flag(schedulers_online, N), erlang:system_info(scheduler_id) =< N end || N <- [2, 1, 4, 1, 3, 4]] end),
    [exit(S, kill) || S <- Spinners],
    t:p(blockers, fun blockers/0),
    t:p(dirty_before, fun dirty_before/0),
    t:p(dirty_alone, fun dirty_alone/0),
    t:p(killed, fun killed/0).

spin(Count) ->
    counters:add(Count, erlang:system_info(scheduler_id), 1),
    spin(Count).

others(Count) -> lists:sum([counters:get(Count, I) || I <- [2, 3, 4]]).

%% A spinner may stand between asking where it is and counting.
stopped(Count, Block, Unblock) ->
    timer:sleep(2),
    State = erlang:system_flag(multi_scheduling, Block),
    Before = others(Count),
    Here = erlang:system_info(scheduler_id),
    lists:foldl(fun(I, A) -> A bxor I end, 0, lists:seq(1, 100000)),
    After = others(Count),
    {State, Here, After - Before =< 8, erlang:system_flag(multi_scheduling, Unblock)}.

state() ->
    {erlang:system_info(multi_scheduling), length(erlang:system_info(multi_scheduling_blockers)),
     length(erlang:system_info(normal_multi_scheduling_blockers))}.

blockers() ->
    Self = self(),
    {P, M} = spawn_monitor(fun() ->
        [erlang:system_flag(multi_scheduling, F) || F <- [block, block_normal, block]],
        Self ! ready,
        receive stop -> ok end
    end),
    receive ready -> ok end,
    A = state(),
    B = [erlang:system_flag(multi_scheduling, F) || F <- [block_normal, block_normal, block, unblock, unblock_normal]],
    P ! stop,
    receive {'DOWN', M, _, _, _} -> ok end,
    t:wait(fun() -> element(2, state()) =:= 0 end),
    C = state(),
    {A, B, C, [erlang:system_flag(multi_scheduling, F) || F <- [unblock, unblock_normal, unblock_normal]], state()}.

dirty(Ms) ->
    P = spawn(fun() -> erts_debug:dirty_io(wait, Ms) end),
    t:wait(fun() -> process_info(P, [status, current_function]) =:= [{status, running}, {current_function, {erts_debug, dirty_io, 2}}] end),
    P.

dirty_before() ->
    P = dirty(300),
    A = erlang:system_flag(multi_scheduling, block_normal),
    B = erlang:system_flag(multi_scheduling, block),
    {A, B, process_info(P, status) =/= {status, running}, [erlang:system_flag(multi_scheduling, U) || U <- [unblock, unblock_normal]]}.

%% While a dirty native executes nothing else does.
dirty_alone() ->
    erlang:system_flag(multi_scheduling, block),
    Self = self(),
    P = spawn(fun() -> Self ! {gap, gap(erlang:monotonic_time(millisecond), 0)} end),
    {_, M} = spawn_monitor(fun() -> erts_debug:dirty_cpu(wait, 100), erts_debug:dirty_io(wait, 100) end),
    receive {'DOWN', M, _, _, _} -> P ! stop end,
    receive {gap, G} -> {G >= 95, erlang:system_flag(multi_scheduling, unblock)} end.

gap(Last, Max) ->
    receive stop -> Max
    after 0 ->
        Now = erlang:monotonic_time(millisecond),
        gap(Now, max(Max, Now - Last))
    end.

%% Who dies while it waits for a dirty native, or when it has, takes its block along.
killed() ->
    dirty(300),
    {P, M} = spawn_monitor(fun() -> erlang:system_flag(multi_scheduling, block), exit(blocked) end),
    t:wait(fun() -> erlang:system_info(multi_scheduling) =:= blocked end),
    exit(P, kill),
    receive {'DOWN', M, _, _, _} -> t:wait(fun() -> state() =:= {enabled, 0, 0} end) end.
