%% SPDX-License-Identifier: Apache-2.0
%% processes_tests - processes/0 lists those of one moment, although it takes more than a slice.
%% erl: +S 2:2 +P 300000
-module(processes_tests).
-export([main/0]).

main() ->
    Idle = spawn(fun() -> idle(10000, []) end),
    t:wait(fun() -> erlang:system_info(process_count) > 10000 end),
    t:p(born, fun born/0),
    [t:p(dying, fun() -> dying(Order) end) || Order <- [fun(L) -> L end, fun lists:reverse/1]],
    t:p(order, fun() -> L = listing(), L =:= lists:sort(L) andalso L =:= lists:usort(L) end),
    t:p(self, fun() -> lists:member(self(), listing()) andalso lists:all(fun erlang:is_process_alive/1, listing()) end),
    t:p(killed, fun killed/0),
    Idle ! stop,
    t:wait(fun() -> erlang:system_info(process_count) < 1000 end),
    t:p(tail, fun() -> is_list(processes()) end),
    t:p(apply, fun() -> is_list(apply(t:id(erlang), processes, [])) end).

idle(0, Pids) -> receive stop -> [exit(P, kill) || P <- Pids] end;
idle(N, Pids) -> idle(N - 1, [spawn(fun() -> receive after infinity -> ok end end) | Pids]).

listing() ->
    erlang:bump_reductions(3900),
    processes().

%% One process spawns others one after the other: who is listed is listed with all before it.
born() ->
    Spawner = spawn(fun() -> spawner([]) end),
    Lists = [listing() || _ <- lists:seq(1, 20)],
    Spawner ! {stop, self()},
    receive {born, Born} -> ok end,
    {length(Born) > 0, [T || L <- Lists, T <- [together(Born, sets:from_list(L))], T =/= true]}.

spawner(Pids) ->
    receive
        {stop, To} -> To ! {born, lists:reverse(Pids)}, [exit(P, kill) || P <- Pids]
    after 0 ->
        spawner([spawn(fun() -> receive after infinity -> ok end end) | Pids])
    end.

together([P | Born], Set) ->
    case sets:is_element(P, Set) of
        true -> together(Born, Set);
        false -> not lists:any(fun(Q) -> sets:is_element(Q, Set) end, Born)
    end;
together([], _) -> true.

%% One ends when the one before it is gone: who is listed is listed with all after it.
dying(Order) ->
    Pids = Order([spawn(fun() -> receive after infinity -> ok end end) || _ <- lists:seq(1, 2000)]),
    Self = self(),
    spawn(fun() -> [begin M = monitor(process, P), exit(P, kill), receive {'DOWN', M, _, _, _} -> ok end end || P <- Pids], Self ! done end),
    Lists = lists_until_done(),
    Last = lists:reverse(Pids),
    [T || L <- Lists, T <- [together(Last, sets:from_list(L))], T =/= true].

lists_until_done() ->
    receive done -> [] after 0 -> L = listing(), [L | lists_until_done()] end.

%% Killed in the middle of it.
killed() ->
    [begin
         {P, M} = spawn_monitor(fun F() -> listing(), F() end),
         [erlang:yield() || _ <- lists:seq(1, I)],
         exit(P, kill),
         receive {'DOWN', M, _, _, R} -> R end
     end || I <- [1, 2, 3, 10, 50]].
