%% SPDX-License-Identifier: Apache-2.0
%% What a process of high priority asks of one of normal priority is answered while others of high priority keep all
%% schedulers busy.
-module(urgent_questions).
-export([main/0]).

main() ->
    process_flag(priority, max),
    Leader = group_leader(),
    Init = whereis(init),
    Asked = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 20)],
    Hogs = [spawn_opt(fun() -> hog(a) end, [{priority, high}]) || _ <- lists:seq(1, 2 * erlang:system_info(schedulers))],
    receive after 50 -> ok end,
    Results = [ask(P, Init, Leader) || _ <- lists:seq(1, 5), P <- Asked],
    Last = [dead(P, Leader) || P <- Asked],
    [exit(H, kill) || H <- Hogs],
    io:format("~p~n~p~n", [lists:usort(Results), lists:usort(Last)]).

ask(P, Init, Leader) ->
    true = group_leader(Init, P),
    {group_leader, Is} = process_info(P, group_leader),
    true = group_leader(Leader, P),
    {Is =:= Init, process_info(P, group_leader) =:= {group_leader, Leader}, is_process_alive(P)}.

dead(P, Leader) ->
    exit(P, bang),
    Set = try group_leader(Leader, P) catch error:E -> E end,
    {Set, process_info(P, group_leader), is_process_alive(P)}.

hog(a) -> hog(b);
hog(b) -> hog(a).
