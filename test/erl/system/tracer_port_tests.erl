%% SPDX-License-Identifier: Apache-2.0
%% Ports as tracers: what they are given, of processes and of other ports; their end; dbg with files and over TCP.
-module(tracer_port_tests).
-export([main/0, f/1, g/1]).

f(X) -> g(X) + 1.
g(X) -> t:id(X) * 2.

main() ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    t:p("calls", fun calls/0),
    t:p("meta", fun meta/0),
    t:p("processes", fun processes/0),
    t:p("messages", fun messages/0),
    t:p("collections", fun collections/0),
    t:p("stamps", fun stamps/0),
    t:p("large", fun large/0),
    t:p("many", fun many/0),
    t:p("ports", fun ports/0),
    t:p("each other", fun each_other/0),
    t:p("tracer traces itself", fun itself/0),
    t:p("end", fun its_end/0),
    t:p("end with an event", fun ends_by_event/0),
    t:p("new", fun new/0),
    t:p("refused", fun refused/0),
    t:p("default module", fun default_module/0),
    t:p("sequential", fun sequential/0),
    t:p("dbg file", fun dbg_file/0),
    t:p("dbg wrap", fun dbg_wrap/0),
    t:p("dbg ip", fun dbg_ip/0).

%% A program that gives back what it gets: the events, each as one packet.
tracer() -> open_port({spawn, "cat"}, [binary, {packet, 4}]).
next(T) -> receive {T, {data, B}} -> binary_to_term(B) after 5000 -> none end.

%% All events up to a call of f(last) in this process.
events(T) ->
    erlang:trace(self(), true, [call, {tracer, T}]),
    erlang:trace_pattern({?MODULE, g, 1}, true, [local]),
    catch g(last),
    erlang:trace(self(), false, [all]),
    erlang:trace_pattern({?MODULE, g, 1}, false, [local]),
    until_last(T).

until_last(T) ->
    case next(T) of
        {trace, _, call, {?MODULE, g, [last]}} -> [];
        {trace_ts, _, call, {?MODULE, g, [last]}, _} -> [];
        none -> [none];
        E -> [E | until_last(T)]
    end.

pattern(Spec) -> [erlang:trace_pattern({?MODULE, F, 1}, Spec, [local]) || F <- [f, g]].

names(Events, Names) -> [name(E, Names) || E <- Events].
name(T, Names) when is_map_key(T, Names) -> maps:get(T, Names);
name(T, _) when is_pid(T) -> pid;
name(T, _) when is_port(T) -> port;
name(T, Names) when is_tuple(T) -> list_to_tuple(name(tuple_to_list(T), Names));
name([H | T], Names) -> [name(H, Names) | name(T, Names)];
name(T, _) -> T.

calls() ->
    T = tracer(),
    1 = erlang:trace(self(), true, [call, return_to, {tracer, T}]),
    pattern([{['$1'], [{is_integer, '$1'}], [{return_trace}, {message, {{'$1', x}}}]}]),
    7 = f(3),
    I = [erlang:trace_info(self(), tracer) =:= {tracer, T}, erlang:trace_info(self(), flags)],
    pattern([{'_', [], [{exception_trace}]}]),
    catch f(a),
    pattern(false),
    erlang:trace(self(), false, [return_to]),
    {I, names(events(T), #{self() => self})}.

meta() ->
    T = tracer(),
    erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{return_trace}]}], [{meta, T}]),
    I = erlang:trace_info({?MODULE, f, 1}, meta) =:= {meta, T},
    f(1), catch f(b),
    erlang:trace_pattern({?MODULE, f, 1}, false, [meta]),
    A = [setelement(tuple_size(E), E, stamp) || E <- events(T)],
    erlang:trace_pattern({?MODULE, f, 1}, true, [{meta, T}]),
    port_close(T), f(1),
    B = erlang:trace_info({?MODULE, f, 1}, meta),
    erlang:trace_pattern({?MODULE, f, 1}, false, [meta]),
    {I, names(A, #{self() => self}), B}.

processes() ->
    T = tracer(), Self = self(),
    P = spawn(fun() -> receive go -> ok end, process(Self) end),
    erlang:trace(P, true, [procs, set_on_spawn, {tracer, T}]),
    P ! go,
    C = receive {child, X} -> X end,
    M = monitor(process, P), receive {'DOWN', M, _, _, _} -> ok end,
    Events = names(events(T), #{P => parent, C => child, Self => self}),
    {[E || {trace, parent, _, _} = E <- Events], [element(3, E) || E <- Events, element(2, E) =:= parent],
     [element(3, E) || E <- Events, element(2, E) =:= child]}.

process(Self) ->
    register(tpt_name, self()),
    {C, M} = spawn_monitor(fun() -> Self ! {child, self()} end),
    receive {'DOWN', M, _, _, _} -> ok end,
    link(Self), unlink(Self),
    unregister(tpt_name),
    _ = C,
    exit({bye, <<1:3>>}).

messages() ->
    T = tracer(), Self = self(),
    P = spawn(fun() -> echo() end),
    erlang:trace(P, true, [send, 'receive', {tracer, T}]),
    [begin P ! {Self, M}, receive {P, M} -> ok end end || M <- [a, <<0:800>>, #{1 => [2.5]}, fun lists:map/2]],
    P ! {dead(), gone},
    P ! stop,
    M = monitor(process, P), receive {'DOWN', M, _, _, _} -> ok end,
    names(events(T), #{P => p, Self => self}).

dead() -> {P, M} = spawn_monitor(fun() -> ok end), receive {'DOWN', M, _, _, _} -> P end.
echo() -> receive {From, M} -> From ! {self(), M}, echo(); stop -> ok end.

collections() ->
    T = tracer(),
    P = spawn(fun() -> receive go -> erlang:garbage_collect(), echo() end end),
    erlang:trace(P, true, [garbage_collection, {tracer, T}]),
    P ! go, P ! {self(), x}, receive {P, x} -> ok end,
    exit(P, kill),
    [{A, B, is_list(L)} || {A, _, B, L} <- events(T)].

stamps() ->
    T = tracer(),
    [begin
        erlang:trace(self(), true, [send, scheduler_id, {tracer, T} | Flags]),
        self() ! m, receive m -> ok end,
        erlang:trace(self(), false, [all]),
        [{element(1, E), tuple_size(E), shape(element(tuple_size(E), E))} || E <- events(T)]
     end || Flags <- [[], [timestamp], [monotonic_timestamp], [strict_monotonic_timestamp]]].

shape(T) when is_tuple(T) -> tuple_size(T);
shape(T) -> is_integer(T).

large() ->
    T = tracer(), L = lists:seq(1, 200000),
    erlang:trace(self(), true, [send, {tracer, T}]),
    self() ! L, receive L -> ok end,
    erlang:trace(self(), false, [all]),
    [{trace, _, send, M, _}] = events(T),
    M =:= L.

%% Of many processes at once: nothing is lost, and those of each are in order.
many() ->
    T = tracer(), Self = self(),
    Ps = [spawn(fun() -> receive go -> [Self ! {self(), I} || I <- lists:seq(1, 500)] end end) || _ <- lists:seq(1, 20)],
    [erlang:trace(P, true, [send, {tracer, T}]) || P <- Ps],
    [P ! go || P <- Ps],
    [receive {P, I} -> ok end || P <- Ps, I <- lists:seq(1, 500)],
    Events = events(T),
    [[I || {trace, P, send, {_, I}, _} <- Events, P =:= Q] =:= lists:seq(1, 500) || Q <- Ps].

ports() ->
    T = tracer(), P = tracer(),
    1 = erlang:trace(P, true, [ports, send, 'receive', {tracer, T}]),
    unlink(P), link(P), register(tpt_name, P),
    port_command(P, "hello"), receive {P, {data, D}} -> D end,
    port_close(P),
    names(events(T), #{P => p, self() => self}).

%% Two ports, each the other's tracer, and processes that use both.
each_other() ->
    A = tracer(), B = tracer(),
    erlang:trace(A, true, [ports, {tracer, B}]),
    erlang:trace(B, true, [ports, {tracer, A}]),
    Ps = [spawn_monitor(fun() -> [begin link(P), unlink(P) end || _ <- lists:seq(1, 100), P <- Ports] end)
          || Ports <- [[A, B], [B, A], [A], [B]]],
    Rs = [receive {'DOWN', M, _, _, R} -> R end || {_, M} <- Ps],
    [erlang:trace(P, false, [all]) || P <- [A, B]],
    {Rs, [is_tuple(next(P)) || P <- [A, B]], [port_close(P) || P <- [A, B]]}.

itself() ->
    T = tracer(),
    R = erlang:trace(T, true, [send, ports, 'receive', {tracer, T}]),
    unlink(T), link(T),
    {R, events(T)}.

its_end() ->
    T = tracer(),
    erlang:trace(self(), true, [send, {tracer, T}]),
    port_close(T),
    A = [erlang:trace_info(self(), flags), erlang:trace_info(self(), tracer)],
    self() ! m, receive m -> ok end,
    U = tracer(),
    B = erlang:trace(self(), true, ['receive', {tracer, U}]),
    C = erlang:trace_info(self(), flags),
    erlang:trace(self(), false, [all]),
    {A, B, C}.

%% The port ends while it is told.
ends_by_event() ->
    T = open_port({spawn, "cat"}, [{packet, 1}]),
    P = spawn(fun() -> link(T), receive go -> self() ! lists:seq(1, 1000), receive never -> ok end end end),
    M = monitor(process, P),
    t:wait(fun() -> {links, L} = erlang:port_info(T, links), lists:member(P, L) end),
    unlink(T),
    erlang:trace(P, true, [send, {tracer, T}]),
    P ! go,
    receive {'DOWN', M, _, _, R} -> {R, erlang:port_info(T)} after 5000 -> exit(P, kill), lives end.

new() ->
    T = tracer(), Self = self(),
    erlang:trace(new_processes, true, [procs, {tracer, T}]),
    I = [erlang:trace_info(new_processes, flags), erlang:trace_info(new_processes, tracer) =:= {tracer, T}],
    P = spawn(fun() -> ok end),
    J = [erlang:trace_info(new_processes, flags) | [erlang:trace(new_processes, false, [all]) || _ <- [1]]],
    dead(),
    Events = [E || E <- names(events(T), #{P => p, Self => self}), element(2, E) =:= p],
    port_close(T),
    {I, J, Events, erlang:trace_info(new_processes, tracer)}.

refused() ->
    T = tracer(), port_close(T),
    [try {erlang:trace(self(), true, [send, {tracer, X}]), erlang:trace_info(self(), tracer), is_port(self() ! X)}
     catch error:E -> E end || X <- [make_ref(), no_port, T]]
        ++ [try {erlang:trace_pattern({?MODULE, f, 1}, true, [{meta, X}]), erlang:trace_info({?MODULE, f, 1}, meta) =:= {meta, X},
                 f(1), erlang:trace_info({?MODULE, f, 1}, meta)}
            catch error:E -> E end || X <- [make_ref(), no_port, dead(), T]].

default_module() ->
    T = tracer(),
    1 = erlang:trace(self(), true, [send, {tracer, erl_tracer, T}]),
    I = erlang:trace_info(self(), tracer) =:= {tracer, T},
    self() ! m, receive m -> ok end,
    erlang:trace(self(), false, [all]),
    {I, names(events(T), #{self() => self})}.

sequential() ->
    T = tracer(),
    seq_trace:set_system_tracer(T),
    seq_trace:set_token(label, 5), seq_trace:set_token(send, true), seq_trace:set_token(print, true),
    seq_trace:print(5, text),
    self() ! m,
    seq_trace:set_token([]),
    receive m -> ok end,
    seq_trace:set_token([]),
    seq_trace:set_system_tracer(false),
    names([next(T), next(T)], #{self() => self}).

%% ---- dbg ----

dbg_run() ->
    {ok, _} = dbg:p(self(), [call, procs, timestamp]),
    [{ok, _} = dbg:tpl(?MODULE, F, 1, [{'_', [], [{return_trace}]}]) || F <- [f, g]],
    [f(N) || N <- lists:seq(1, 5)],
    dead(),
    {tracer, T} = erlang:trace_info(self(), tracer),
    is_port(T).

read(Kind, From) ->
    Self = self(),
    H = fun(end_of_trace, N) -> Self ! {events, lists:reverse(N)}; (E, N) -> [E | N] end,
    Client = dbg:trace_client(Kind, From, {H, []}),
    receive {events, L} -> unlink(Client), names([setelement(tuple_size(E), E, stamp) || E <- L], #{self() => self})
    after 5000 -> none end.

no_funs(Events) -> [case E of {trace_ts, P, spawn, C, _, S} -> {trace_ts, P, spawn, C, S}; _ -> E end || E <- Events].

dbg_file() ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(file, "tpt.trace")),
    A = dbg_run(),
    B = dbg:trace_port_control(flush),
    dbg:stop_clear(),
    {A, B, no_funs(read(file, "tpt.trace"))}.

dbg_wrap() ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(file, {"tpt", wrap, ".wrap", 1000, 3})),
    {ok, _} = dbg:p(self(), [call]),
    {ok, _} = dbg:tpl(?MODULE, g, 1, []),
    [g(N) || N <- lists:seq(1, 300)],
    dbg:flush_trace_port(),
    dbg:stop_clear(),
    Files = lists:sort(filelib:wildcard("tpt*.wrap")),
    Self = self(),
    dbg:trace_client(file, {"tpt", wrap, ".wrap"}, {fun(end_of_trace, N) -> Self ! {events, N}; (E, N) -> [E | N] end, []}),
    L = receive {events, X} -> X after 5000 -> [] end,
    Ns = [N || {trace, _, call, {_, g, [N]}} <- L],
    {Files, length(Ns) < 300, Ns =:= lists:seq(300, 301 - length(Ns), -1)}.

dbg_ip() ->
    {ok, _} = dbg:tracer(port, dbg:trace_port(ip, 0)),
    {ok, Port} = dbg:trace_port_control(get_listen_port),
    Self = self(),
    Client = dbg:trace_client(ip, Port, {fun(end_of_trace, N) -> N; (E, N) -> Self ! {told, E}, N end, []}),
    timer:sleep(200),
    A = dbg_run(),
    B = told(15),
    dbg:stop_clear(),
    exit(Client, kill),
    {A, length(B)}.

told(0) -> [];
told(N) -> receive {told, E} -> [E | told(N - 1)] after 3000 -> [] end.
