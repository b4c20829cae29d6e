%% SPDX-License-Identifier: Apache-2.0
%% Events of traced ports: ports, send, receive, running_ports; whose they are, and when they end.
-module(port_trace_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    put(tracer, spawn_link(fun() -> tracer([]) end)),
    t:p("flags", fun flags/0),
    t:p("life", fun life/0),
    t:p("names", fun names/0),
    t:p("owners", fun owners/0),
    t:p("program", fun program/0),
    t:p("tcp", fun tcp/0),
    t:p("udp", fun udp/0),
    t:p("when it runs", fun running/0),
    t:p("who waits for it", fun waiting/0),
    t:p("tracer ends", fun tracer_ends/0),
    t:p("sends to ports", fun sends/0).

%% The spawn driver of the reference starts programs through one of its ports: only our own ports are traced.
on(Port, Flags) -> erlang:trace(Port, true, [{tracer, get(tracer)} | Flags]).
new(Flags, Open) ->
    erlang:trace(new_ports, true, [{tracer, get(tracer)} | Flags]),
    P = Open(),
    erlang:trace(new_ports, false, [all]),
    P.
udp_port() -> {ok, U} = gen_udp:open(0, [binary, {active, false}, {ip, {127,0,0,1}}]), U.
cat() -> open_port({spawn, "cat"}, [binary]).

flags() ->
    erlang:trace(new_ports, true, [send, {tracer, get(tracer)}]),
    A = erlang:trace_info(new_ports, flags), B = cat(), C = erlang:trace_info(B, flags),
    N = erlang:trace(ports, false, [send]) >= 1,
    D = [erlang:trace_info(B, flags), erlang:trace_info(B, tracer), erlang:trace_info(new_ports, flags)],
    on(B, [send, ports, timestamp]), E = erlang:trace_info(B, flags), F = erlang:trace_info(B, tracer) =:= {tracer, get(tracer)},
    Other = spawn_link(fun() -> receive stop -> ok end end),
    G = catch_error(fun() -> erlang:trace(B, true, [send, {tracer, Other}]) end), Other ! stop,
    on(existing_ports, ['receive']), {flags, L} = erlang:trace_info(B, flags), erlang:trace(existing_ports, false, [all]),
    port_close(B),
    {A, C, N, D, E, F, G, L, erlang:trace_info(B, flags), catch_error(fun() -> erlang:trace(B, true, [send]) end), events(B)}.

life() ->
    P = new([ports, send, 'receive'], fun cat/0), unlink(P), link(P), M = monitor(port, P), demonitor(M), port_close(P),
    Q = new([ports, send, 'receive'], fun cat/0), Q ! {self(), close}, receive {Q, closed} -> ok end,
    R = new([ports], fun cat/0), exit(R, because), receive {'EXIT', R, because} -> ok end,
    {events(P), events(Q), events(R)}.

names() ->
    P = cat(), on(P, [ports]),
    register(ptt, P), unregister(ptt), register(ptt, P), port_close(ptt), {events(P), whereis(ptt)}.

%% The new owner of {connect, Pid} gets no link.
owners() ->
    P = cat(), on(P, [ports, send, 'receive']),
    Pid = spawn_link(fun() -> receive stop -> ok end end), Me = self(),
    port_connect(P, Pid), unlink(P), A = events(P),
    Q = cat(), on(Q, [ports, send, 'receive']),
    Q ! {self(), {connect, Pid}}, receive {Q, connected} -> ok end,
    {links, [Me]} = erlang:port_info(Q, links), {connected, Pid} = erlang:port_info(Q, connected),
    port_close(Q), port_close(P), Pid ! stop, {A, events(Q)}.

program() ->
    P = open_port({spawn, "cat"}, [binary, {line, 20}]), on(P, [send, 'receive']),
    port_command(P, ["ab", <<"cd">>, $\n]), A = receive {P, {data, D}} -> D end,
    P ! {self(), {command, [<<1:80>>, "ef\n"]}}, B = receive {P, {data, E}} -> E end,
    C = catch_error(fun() -> erlang:port_control(P, 1, bad) end),
    port_close(P),
    {A, B, C, events(P)}.

tcp() ->
    {ok, L} = gen_tcp:listen(0, [binary, {packet, 2}, {ip, {127,0,0,1}}]), {ok, No} = inet:port(L),
    {ok, C} = gen_tcp:connect({127,0,0,1}, No, [binary, {packet, 2}]), {ok, A} = gen_tcp:accept(L), on(C, [ports, send, 'receive']),
    gen_tcp:send(C, ["ab", <<1:800>>, "cd", [<<2:8>>]]), receive {tcp, A, _} -> ok end,
    gen_tcp:send(A, "xyz"), receive {tcp, C, _} -> ok end,
    ok = inet:setopts(C, [{active, once}]),
    gen_tcp:close(A), receive {tcp_closed, C} -> ok end, _ = erlang:port_info(C), gen_tcp:close(L),
    [E || E <- events(C), element(3, E) =/= closed].

udp() ->
    U = udp_port(), {ok, No} = inet:port(U), on(U, [send, 'receive']),
    {error, timeout} = gen_udp:recv(U, 0, 1), A = events(U),
    ok = gen_udp:send(U, {127,0,0,1}, No, "hello"), {ok, {_, _, <<"hello">>}} = gen_udp:recv(U, 0), B = events(U),
    gen_udp:close(U),
    {A, [{element(3, X), kind(element(4, X))} || X <- B]}.

kind({me, {command, B}}) -> {command, is_binary(B)};
kind({me, {control, {Op, _}}}) -> {control, Op};
kind({inet_async, port, _, {ok, _}}) -> async;
kind(M) -> M.

running() ->
    {ok, U} = new([running_ports], fun() -> {ok, udp_port()} end), {ok, No} = inet:port(U), _ = events(U),
    ok = gen_udp:send(U, {127,0,0,1}, No, "hi"), link(U), unlink(U), link(U), {name, _} = erlang:port_info(U, name),
    M = monitor(port, U), demonitor(M), port_connect(U, self()), U ! {self(), {connect, self()}}, receive {U, connected} -> ok end,
    catch erlang:port_call(U, 1, x), port_close(U),
    events(U).

%% The process that asks a port is out while the port runs. After a close the reference's goes out once more.
waiting() ->
    Tr = get(tracer),
    {Pid, M} = spawn_monitor(fun() ->
        P = open_port({spawn, "sleep 1"}, []), % a program that says nothing
        [erlang:trace(X, true, [F, {tracer, Tr}]) || {X, F} <- [{P, running_ports}, {self(), running_procs}]],
        port_command(P, "a"), P ! {self(), {command, "b"}}, catch port_control(P, 1, ""), link(P), unlink(P),
        erlang:port_info(P, name), N = monitor(port, P), demonitor(N), port_close(P),
        exit({port, P}) end),
    receive {'DOWN', M, process, Pid, {port, Port}} -> {lists:sublist([E || {trace, _, E, _} <- raw(Pid)], 16), events(Port)} end.

tracer_ends() ->
    Me = self(), U = udp_port(),
    Tr = spawn(fun F() -> receive stop -> ok; X -> Me ! {seen, element(3, X)}, F() end end), R = monitor(process, Tr),
    erlang:trace(U, true, ['receive', {tracer, Tr}]), {ok, _} = inet:port(U), _ = inet:getopts(U, [active]),
    A = receive {seen, What} -> What end,
    Tr ! stop, receive {'DOWN', R, _, _, _} -> ok end, _ = inet:getopts(U, [active]),
    B = [erlang:trace_info(U, flags), erlang:trace_info(U, tracer)], gen_udp:close(U), {A, B}.

%% What a traced process sends to a port is an event of the process, with the port in place of its name.
sends() ->
    P = cat(), register(ptt, P), Me = self(), Tr = get(tracer),
    Pid = spawn_link(fun() -> receive go -> ok end, ptt ! {self(), close}, P ! {self(), bad}, Me ! done end),
    erlang:trace(Pid, true, [send, {tracer, Tr}]), Pid ! go, receive done -> ok end,
    [clean(E, [{P, port}, {Pid, pid}, {Me, me}]) || E <- raw(Pid)].

catch_error(F) -> try F() catch C:R -> {C, R} end.

tracer(L) -> receive {get, P} -> P ! {got, lists:reverse(L)}, tracer([]); M -> tracer([M | L]) end.
raw(Of) ->
    R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end,
    get(tracer) ! {get, self()}, L = receive {got, New} -> kept() ++ New end,
    {Now, Later} = lists:partition(fun(M) -> element(2, M) =:= Of end, L),
    put(kept, Later), Now.
kept() -> case get(kept) of undefined -> []; L -> L end.
events(P) -> [clean(M, [{P, port}, {self(), me}]) || M <- raw(P)].

clean(X, Names) when is_port(X); is_pid(X) -> proplists:get_value(X, Names, other);
clean(T, Names) when is_tuple(T) -> list_to_tuple(clean(tuple_to_list(T), Names));
clean([H | T], Names) -> [clean(H, Names) | clean(T, Names)];
clean(X, _) -> X.
