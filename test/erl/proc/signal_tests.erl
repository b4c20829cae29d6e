%% SPDX-License-Identifier: Apache-2.0
%% Order of signals between a pair, for all kinds together; what a death tells; large link sets.
-module(signal_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    t:p("messages before exit", fun messages_before_exit/0),
    t:p("alive after kill", fun alive_after_kill/0),
    t:p("info after messages", fun info_after_messages/0),
    t:p("name free at down", fun name_free_at_down/0),
    t:p("table gone at down", fun table_gone_at_down/0),
    t:p("unlink races", fun unlink_races/0),
    t:p("down races", fun down_races/0),
    t:p("many links", fun many_links/0),
    t:p("many monitors", fun many_monitors/0),
    t:p("big reason", fun big_reason/0),
    t:p("killed while suspended", fun killed_suspended/0),
    t:p("suspend counts", fun suspend_counts/0),
    t:p("many suspended", fun many_suspended/0),
    t:p("suspender dies", fun suspender_dies/0),
    t:p("info while suspended", fun info_suspended/0),
    t:p("monitor tag", fun monitor_tag/0),
    t:p("reply_demonitor", fun reply_demonitor/0),
    t:p("alias demonitor", fun alias_demonitor/0),
    t:p("exit self", fun exit_self/0),
    t:p("exit in a busy loop", fun busy_loop/0),
    t:p("priorities", fun priorities/0),
    t:p("group leader", fun leader/0),
    t:p("gc of another", fun gc_other/0).

messages_before_exit() ->
    Me = self(),
    P = spawn(fun() -> process_flag(trap_exit, true), Me ! ready, timer:sleep(20), collect(Me, []) end),
    receive ready -> ok end,
    [if I rem 3 =:= 0 -> exit(P, {n, I}); true -> P ! {n, I} end || I <- lists:seq(1, 3000)],
    P ! stop,
    receive {got, L} -> L =:= lists:seq(1, 3000) after 5000 -> timeout end.

collect(To, Acc) ->
    receive
        {n, I} -> collect(To, [I | Acc]);
        {'EXIT', To, {n, I}} -> collect(To, [I | Acc]);
        stop -> To ! {got, lists:reverse(Acc)}
    end.

alive_after_kill() ->
    lists:usort([begin P = spawn(fun() -> receive x -> ok end end), exit(P, kill), is_process_alive(P) end
                 || _ <- lists:seq(1, 200)]).

info_after_messages() ->
    P = spawn(fun() -> receive never -> ok end end),
    [P ! I || I <- lists:seq(1, 50)],
    R = {process_info(P, message_queue_len), length(element(2, process_info(P, messages)))},
    exit(P, kill),
    R.

name_free_at_down() ->
    lists:usort([begin
        {P, R} = spawn_monitor(fun() -> register(signal_name, self()), receive go -> ok end end),
        ok = t:wait(fun() -> whereis(signal_name) =:= P end),
        P ! go,
        receive {'DOWN', R, _, _, W} -> {W, whereis(signal_name)} end
    end || _ <- lists:seq(1, 50)]).

table_gone_at_down() ->
    {P, R} = spawn_monitor(fun() -> ets:new(signal_table, [named_table]), receive go -> ok end end),
    ok = t:wait(fun() -> ets:whereis(signal_table) =/= undefined end),
    P ! go,
    receive {'DOWN', R, _, _, W} -> {W, ets:whereis(signal_table)} end.

unlink_races() ->
    [begin
        P = spawn_link(fun() -> ok end),
        unlink(P),
        receive {'EXIT', P, _} -> ok after 0 -> ok end
     end || _ <- lists:seq(1, 2000)],
    receive {'EXIT', P, _} when is_pid(P) -> late after 50 -> quiet end.

down_races() ->
    [begin
        {_, R} = spawn_monitor(fun() -> ok end),
        demonitor(R, [flush])
     end || _ <- lists:seq(1, 2000)],
    receive {'DOWN', _, _, _, _} -> late after 50 -> quiet end.

many_links() ->
    Hub = spawn(fun() -> receive {die, R} -> exit(R) end end),
    Me = self(),
    Ps = [spawn(fun() -> process_flag(trap_exit, true), link(Hub), Me ! linked,
        receive {'EXIT', Hub, R} -> Me ! {died, R} end end) || _ <- lists:seq(1, 5000)],
    [receive linked -> ok end || _ <- Ps],
    {links, L} = process_info(Hub, links),
    Hub ! {die, gone},
    {length(L), lists:usort([receive {died, R} -> R after 5000 -> timeout end || _ <- Ps])}.

many_monitors() ->
    P = spawn(fun() -> receive go -> exit(bye) end end),
    Rs = [monitor(process, P) || _ <- lists:seq(1, 5000)],
    {monitors, M} = process_info(self(), monitors),
    P ! go,
    {length([x || {process, Q} <- M, Q =:= P]),
     lists:usort([receive {'DOWN', R, process, P, W} -> W after 5000 -> timeout end || R <- Rs])}.

big_reason() ->
    Reason = lists:seq(1, 10000),
    P = spawn_link(fun() -> exit(Reason) end),
    R = monitor(process, P),
    A = receive {'EXIT', P, X} -> X =:= Reason end,
    {A, receive {'DOWN', R, _, _, Y} -> Y =:= Reason orelse Y end =/= false}.

killed_suspended() ->
    {P, R} = spawn_monitor(fun() -> receive x -> ok end end),
    true = erlang:suspend_process(P),
    exit(P, kill),
    receive {'DOWN', R, _, _, W} -> W after 5000 -> timeout end.

suspend_counts() ->
    P = spawn(fun() -> receive x -> ok end end),
    A = [erlang:suspend_process(P), erlang:suspend_process(P), erlang:suspend_process(P, [unless_suspending])],
    S1 = process_info(P, status),
    {suspending, [{P, N, 0}]} = process_info(self(), suspending),
    erlang:resume_process(P),
    S2 = process_info(P, status),
    erlang:resume_process(P),
    S3 = t:wait(fun() -> process_info(P, status) =:= {status, waiting} end),
    B = try erlang:resume_process(P) catch C:E -> {C, E} end,
    exit(P, kill),
    {A, N, S1, S2, S3, B}.

%% Suspended, resumed and killed at random, against a model of the counts.
many_suspended() ->
    rand:seed(exsss, 3),
    Ps = list_to_tuple([spawn(timer, sleep, [infinity]) || _ <- lists:seq(1, 500)]),
    Counts = many_suspended(20000, Ps, #{}),
    {suspending, L} = process_info(self(), suspending),
    Same = lists:sort(L) =:= lists:sort([{P, N, 0} || {P, N} <- maps:to_list(Counts), is_process_alive(P)]),
    [exit(P, kill) || P <- tuple_to_list(Ps)],
    {Same, length(L)}.

many_suspended(0, _, Counts) -> Counts;
many_suspended(N, Ps, Counts) ->
    P = element(rand:uniform(tuple_size(Ps)), Ps),
    Count = maps:get(P, Counts, 0),
    Alive = is_process_alive(P),
    many_suspended(N - 1, Ps, case rand:uniform(20) of
        1 when Alive -> M = monitor(process, P), exit(P, kill), receive {'DOWN', M, _, _, _} -> maps:remove(P, Counts) end;
        X when X < 13, Alive -> true = erlang:suspend_process(P), Counts#{P => Count + 1};
        X when X < 13 -> {'EXIT', {badarg, _}} = (catch erlang:suspend_process(P)), Counts;
        _ when Count > 0 -> true = erlang:resume_process(P), maps:filter(fun(_, C) -> C > 0 end, Counts#{P => Count - 1});
        _ -> {'EXIT', {badarg, _}} = (catch erlang:resume_process(P)), Counts
    end).

suspender_dies() ->
    P = spawn(fun() -> receive x -> ok end end),
    {_, R} = spawn_monitor(fun() -> erlang:suspend_process(P) end),
    receive {'DOWN', R, _, _, _} -> ok end,
    Res = t:wait(fun() -> process_info(P, status) =:= {status, waiting} end),
    exit(P, kill),
    Res.

info_suspended() ->
    P = spawn(fun() -> receive x -> ok end end),
    erlang:suspend_process(P),
    P ! hello,
    R = {process_info(P, messages), is_process_alive(P)},
    exit(P, kill),
    R.

monitor_tag() ->
    P = spawn(fun() -> receive go -> exit(why) end end),
    R = monitor(process, P, [{tag, {my, "tag"}}]),
    P ! go,
    receive {{my, "tag"}, R, process, P, W} -> W after 1000 -> timeout end.

reply_demonitor() ->
    P = spawn(fun() -> receive {A, Go} -> A ! one, A ! two, receive Go -> ok end end end),
    A = monitor(process, P, [{alias, reply_demonitor}]),
    P ! {A, go},
    X = receive M -> M end,
    P ! go,
    {X, receive Y -> Y after 50 -> none end, process_info(self(), monitors)}.

alias_demonitor() ->
    P = spawn(fun() -> receive x -> ok end end),
    A = monitor(process, P, [{alias, demonitor}]),
    A ! one,
    One = receive one -> one after 5000 -> none end,
    demonitor(A),
    A ! two,
    exit(P, kill),
    [One, receive X -> X after 50 -> none end].

exit_self() ->
    F = fun(R) ->
        {_, M} = spawn_monitor(fun() -> exit(self(), R), exit(went_on) end),
        receive {'DOWN', M, _, _, W} -> W end
    end,
    [F(R) || R <- [normal, kill, other]].

busy_loop() ->
    {P, R} = spawn_monitor(fun Loop() -> Loop() end),
    timer:sleep(5),
    exit(P, stop),
    receive {'DOWN', R, _, _, W} -> W after 5000 -> timeout end.

priorities() ->
    Me = self(),
    [spawn_opt(fun() -> Me ! {self(), process_info(self(), priority)} end, [{priority, P}]) || P <- [low, normal, high, max]],
    lists:sort([receive {_, X} -> X end || _ <- "1234"]).

leader() ->
    P = spawn(fun() -> receive x -> ok end end),
    Q = spawn(fun() -> receive x -> ok end end),
    true = group_leader(Q, P),
    R = process_info(P, group_leader) =:= {group_leader, Q},
    [exit(X, kill) || X <- [P, Q]],
    R.

gc_other() ->
    P = spawn(fun() -> L = lists:seq(1, 1000), receive {From, x} -> From ! length(L) end end),
    R = [erlang:garbage_collect(P), erlang:garbage_collect(P, [{type, minor}])],
    P ! {self(), x},
    {R, receive N -> N end}.
