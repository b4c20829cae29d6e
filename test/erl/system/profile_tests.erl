%% SPDX-License-Identifier: Apache-2.0
%% What a profiler is told: of processes, ports, schedulers; when there is one.
-module(profile_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    t:p("settings", fun settings/0),
    [t:p({"stamps", S}, fun() -> stamps(S) end) || S <- [[], [timestamp], [monotonic_timestamp], [strict_monotonic_timestamp]]],
    t:p("processes", fun processes/0),
    t:p("ring", fun ring/0),
    t:p("caller", fun caller/0),
    t:p("caller's slice", fun callers_slice/0),
    t:p("suspended", fun suspended/0),
    t:p("not itself", fun not_itself/0),
    t:p("ports", fun ports/0),
    t:p("exclusive", fun exclusive/0),
    t:p("schedulers", fun schedulers/0),
    t:p("to a port", fun to_port/0),
    t:p("profiler ends", fun its_end/0).

settings() ->
    {Dead, M} = spawn_monitor(fun() -> ok end), receive {'DOWN', M, _, _, _} -> ok end,
    Port = open_port({spawn, "cat"}, [{packet, 4}, binary]),
    Names = #{self() => self, Port => port, Dead => dead},
    All = [runnable_ports, runnable_procs, scheduler, exclusive, timestamp, monotonic_timestamp, strict_monotonic_timestamp],
    R = [begin
             A = try erlang:system_profile(Who, What) catch error:E -> E end,
             B = erlang:system_profile(),
             C = erlang:system_profile(undefined, []),
             {name(Who, Names), What, [name(X, Names) || X <- [A, B, C]]}
         end || Who <- [self(), Port, undefined, Dead, foo, {lists, []}],
                What <- [[], [foo], foo, [runnable_procs], [scheduler | runnable_procs], [monotonic_timestamp], All, lists:reverse(All)]],
    port_close(Port),
    flush(),
    R.

name({X, L}, Names) when is_map_key(X, Names) -> {maps:get(X, Names), L};
name(X, Names) -> maps:get(X, Names, X).
flush() -> receive _ -> flush() after 0 -> ok end.

%% ---- events ----

profiler() -> spawn_link(fun() -> collect([]) end).
collect(L) -> receive {get, P} -> P ! {events, lists:reverse(L)}; E -> collect([E | L]) end.

%% Those of Who while Fun runs.
events(Flags, Fun) ->
    P = profiler(),
    erlang:system_profile(P, Flags),
    Who = Fun(),
    timer:sleep(300), % the reference tells later, and not at all what it has not told when it is turned off
    R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end,
    erlang:system_profile(undefined, []),
    P ! {get, self()},
    receive {events, L} -> {P, [tuple_to_list(E) || E <- L, Who =:= all orelse lists:member(element(2, E), Who)]} end.
of_whom(Flags, Fun) -> {_, L} = events(Flags, Fun), L.

worker() -> P = spawn(fun work/0), timer:sleep(5), P.
work() -> receive {From, F} -> F(), From ! {self(), done}, work(); stop -> ok end.
do(P, F) -> P ! {self(), F}, receive {P, done} -> ok end.
pause() -> timer:sleep(10).

stamps(Kind) ->
    P = worker(),
    L = of_whom([runnable_procs | Kind], fun() -> do(P, fun() -> ok end), pause(), [P] end),
    P ! stop,
    Stamps = [lists:last(E) || E <- L],
    {[lists:sublist(tl(tl(E)), 2) || E <- L], [shape(S) || S <- Stamps], Stamps =:= lists:sort(Stamps)}.
shape({A, B, C}) when is_integer(A), is_integer(B), is_integer(C) -> triple;
shape({A, B}) when is_integer(A), is_integer(B) -> pair;
shape(I) when is_integer(I) -> integer.

states(L) -> [lists:sublist(tl(tl(E)), 2) || E <- L].

processes() ->
    P = worker(),
    A = of_whom([runnable_procs], fun() -> do(P, fun() -> timer:sleep(20) end), pause(), [P] end),
    B = of_whom([runnable_procs], fun() -> P ! stop, [P] end),
    C = of_whom([runnable_procs], fun() -> Q = spawn(lists, seq, [1, 2]), pause(), [Q] end),
    Q = worker(),
    D = of_whom([runnable_procs], fun() -> exit(Q, kill), pause(), [Q] end),
    R = worker(),
    E = of_whom([runnable_procs], fun() -> do(R, fun() -> [lists:seq(1, 100) || _ <- lists:seq(1, 1000)] end), pause(), [R] end),
    R ! stop,
    [states(L) || L <- [A, B, C, D, E]].

%% Messages that go round: each process is active once for each.
ring() ->
    Self = self(),
    Last = spawn(fun() -> relay(Self) end),
    Ring = lists:foldl(fun(_, [N | _] = L) -> [spawn(fun() -> relay(N) end) | L] end, [Last], lists:seq(1, 9)),
    pause(),
    L = of_whom([runnable_procs], fun() ->
        [begin hd(Ring) ! round, receive round -> ok end, pause() end || _ <- lists:seq(1, 5)],
        hd(Ring) ! stop, receive stop -> ok end, pause(), Ring end),
    [[S || [_, Q, S | _] <- L, Q =:= P] || P <- Ring].
relay(To) -> receive stop -> To ! stop; M -> To ! M, relay(To) end.

caller() ->
    Self = self(),
    L = of_whom([runnable_procs], fun() -> timer:sleep(20), [Self] end),
    [S || [S | _] <- lists:sublist(states(L), 2)].

%% What the slice that starts the profile ends with is told too.
callers_slice() ->
    P = profiler(), Self = self(),
    erlang:system_profile(P, [runnable_procs]),
    receive after 300 -> ok end,
    erlang:system_profile(undefined, []),
    P ! {get, Self},
    receive {events, L} -> hd([S || {profile, Q, S, _, _} <- L, Q =:= Self]) end.

suspended() ->
    P = worker(),
    L = of_whom([runnable_procs], fun() -> erlang:suspend_process(P), P ! {self(), fun() -> ok end}, pause(),
                                           erlang:resume_process(P), receive {P, done} -> ok end, pause(), [P] end),
    P ! stop,
    States = [S || [S | _] <- states(L)],
    {hd(States), lists:last(States), [x || {S, S} <- lists:zip(lists:droplast(States), tl(States))]}.

not_itself() ->
    {P, L} = events([runnable_procs, runnable_ports], fun() -> pause(), all end),
    [E || [_, Q | _] = E <- L, Q =:= P].

ports() ->
    P = open_port({spawn, "cat"}, []), pause(),
    A = of_whom([runnable_ports], fun() -> port_command(P, "a"), receive {P, _} -> ok end, pause(), [P] end),
    B = of_whom([runnable_ports], fun() -> port_close(P), pause(), [P] end),
    {in_turns(states(A)), states(B)}.

%% The answer of `cat` may come while the port is active still.
in_turns([[active, 0], [inactive, 0]]) -> true;
in_turns([[active, 0], [inactive, 0] | L]) -> in_turns(L);
in_turns(L) -> L.

%% The process stands still while the port is asked.
exclusive() ->
    P = open_port({spawn, "cat"}, []), Self = self(), pause(),
    L = of_whom([runnable_ports, runnable_procs, exclusive], fun() -> port_command(P, "a"), receive {P, _} -> ok end, [Self, P] end),
    A = of_whom([exclusive], fun() -> port_command(P, "a"), receive {P, _} -> ok end, [Self, P] end),
    port_close(P),
    {[{name(Q, #{P => port, Self => self}), S} || [_, Q, S | _] <- lists:sublist(L, 2)], A}. % then the order is open

schedulers() ->
    {_, L} = events([scheduler], fun() ->
        [spawn(fun() -> lists:foldl(fun(A, B) -> A + B end, 0, lists:seq(1, 100000)) end) || _ <- lists:seq(1, 20)],
        timer:sleep(100), all end),
    Good = [is_integer(Id) andalso Id >= 1 andalso Id =< erlang:system_info(schedulers) andalso is_integer(N)
            andalso lists:member(S, [active, inactive]) andalso shape(T) =:= triple
            || [profile, scheduler, Id, S, N, T] <- L],
    {length(L) > 0, length(Good) =:= length(L), lists:usort(Good)}.

to_port() ->
    Port = open_port({spawn, "cat"}, [{packet, 4}, binary]),
    P = worker(),
    erlang:system_profile(Port, [runnable_procs]),
    do(P, fun() -> ok end), timer:sleep(300),
    R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end,
    erlang:system_profile(undefined, []),
    P ! stop,
    L = until_quiet(Port),
    port_close(Port),
    [{S, W} || {profile, Q, S, W, _} <- L, Q =:= P].
until_quiet(Port) -> receive {Port, {data, D}} -> [binary_to_term(D) | until_quiet(Port)] after 300 -> [] end.

its_end() ->
    P = profiler(), W = worker(),
    erlang:system_profile(P, [runnable_procs, runnable_ports, scheduler]),
    unlink(P), exit(P, kill), pause(),
    do(W, fun() -> ok end),
    A = erlang:system_profile(),
    Q = profiler(),
    B = erlang:system_profile(Q, [runnable_procs]),
    C = erlang:system_profile() =:= {Q, [runnable_procs]},
    erlang:system_profile(undefined, []),
    {A, B, C, erlang:system_profile()}.
