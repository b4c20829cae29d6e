%% SPDX-License-Identifier: Apache-2.0
%% Signals to a process that stands in a native on a dirty scheduler are handled at once.
-module(dirty_signal_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    t:p("info", fun info/0),
    t:p("links and monitors", fun links/0),
    t:p("group leader", fun leader/0),
    t:p("killed", fun killed/0),
    t:p("killed in the queue", fun many_killed/0),
    t:p("suspended", fun suspended/0),
    t:p("old code", fun old_code/0),
    t:p("natives", fun natives/0).

%% A process that sleeps in a native; if it woke up before we saw it there, one that sleeps longer.
sleeper(Ms) ->
    P = spawn_link(fun() -> Me = self(), put(me, Me), erts_debug:dirty_io(wait, Ms), exit({woken, get(me)}) end),
    case asleep(P) of
        true -> P;
        false -> receive {'EXIT', P, _} -> sleeper(2 * Ms) end
    end.

asleep(P) ->
    case process_info(P, [current_function, status]) of
        [{current_function, {erts_debug, dirty_io, 2}}, {status, running}] -> true;
        undefined -> false;
        _ -> receive after 5 -> asleep(P) end
    end.

until(F) -> case F() of true -> ok; false -> receive after 5 -> until(F) end end.

info() ->
    P = sleeper(3000),
    P ! {hello, [1, 2]},
    [{messages, M}, {dictionary, D}, {status, S}, {links, L}] =
        process_info(P, [messages, dictionary, status, links]),
    R = {M, proplists:get_value(me, D) =:= P, S, L =:= [self()], is_process_alive(P)},
    exit(P, kill),
    {R, receive {'EXIT', P, Why} -> Why end}.

links() ->
    P = sleeper(3000),
    M = monitor(process, P),
    {monitored_by, B} = process_info(P, monitored_by),
    demonitor(M),
    {monitored_by, B2} = process_info(P, monitored_by),
    unlink(P),
    {links, L} = process_info(P, links),
    M2 = monitor(process, P),
    exit(P, {a, "reason", self()}),
    Reason = receive {'DOWN', M2, process, P, X} -> X end,
    {B =:= [self()], B2, L, Reason =:= {a, "reason", self()}, is_process_alive(P), process_info(P)}.

leader() ->
    P = sleeper(300),
    GL = group_leader(),
    true = group_leader(self(), P),
    A = process_info(P, group_leader) =:= {group_leader, self()},
    true = group_leader(GL, P),
    B = process_info(P, group_leader) =:= {group_leader, GL},
    {A, B, receive {'EXIT', P, {woken, P}} -> woken end}.

killed() ->
    Me = self(),
    T = ets:new(t, []),
    P = spawn_link(fun() ->
                           register(dirty_one, self()),
                           receive go -> ok end,
                           erts_debug:dirty_cpu(alive_waitexiting, Me)
                   end),
    ets:give_away(T, P, y), P ! go,
    receive {alive, P} -> ok end,
    exit(P, enough),
    R = receive {'EXIT', P, Why} -> Why end,
    {R, whereis(dirty_one), ets:info(T, size), process_info(P, status), lists:member(P, processes())}.

many_killed() ->
    Ps = [spawn_link(fun() -> erts_debug:dirty_cpu(wait, 50) end) || _ <- lists:seq(1, 50)],
    [exit(P, kill) || P <- Ps],
    lists:usort([receive {'EXIT', P, W} when W =:= killed; W =:= normal -> dead end || P <- Ps]).

suspended() ->
    P = sleeper(200),
    true = erlang:suspend_process(P, [asynchronous]),
    {status, S} = process_info(P, status),
    until(fun() -> process_info(P, status) =:= {status, suspended} end),
    erlang:resume_process(P),
    {S, receive {'EXIT', P, {woken, P}} -> woken end}.

old_code() ->
    Forms = [{attribute, 1, module, dirty_old}, {attribute, 1, export, [{f, 1}]},
             {function, 1, f, 1, [{clause, 1, [{var, 1, 'F'}], [],
                                   [{call, 1, {var, 1, 'F'}, []}, {call, 1, {atom, 1, exit}, [{atom, 1, back}]}]}]}],
    {ok, dirty_old, Code} = compile:forms(Forms),
    {module, dirty_old} = erlang:load_module(dirty_old, Code),
    P = spawn_link(fun() -> dirty_old:f(fun() -> erts_debug:dirty_io(wait, 20000) end) end),
    true = asleep(P),
    true = erlang:delete_module(dirty_old),
    {erlang:check_process_code(P, dirty_old), code:purge(dirty_old), receive {'EXIT', P, Why} -> Why end}.

natives() ->
    [erts_debug:dirty_cpu(scheduler, type), erts_debug:dirty_io(scheduler, type), erts_debug:dirty(normal, scheduler, type),
     erts_debug:dirty(dirty_cpu, scheduler, type), erts_debug:dirty(dirty_io, scheduler, type),
     erts_debug:dirty_cpu(reschedule, 100), erts_debug:dirty_io(reschedule, 10), erts_debug:dirty(normal, reschedule, 102)]
    ++ [try erts_debug:dirty(Kind, error, E) catch C:R:S -> {C, R, setelement(4, hd(S), [])} end
        || Kind <- [normal, dirty_cpu, dirty_io], E <- [badarg, undef, noproc, system_limit, badarith, "other"]].
