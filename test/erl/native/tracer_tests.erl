%% SPDX-License-Identifier: Apache-2.0
%% Tracer modules: which of their natives are called, with what, for each event, and what their answers do.
-module(tracer_tests).
-export([main/0, f/1, g/1]).
-export([enabled/3, trace/5, enabled_call/3, trace_call/5, enabled_send/3, trace_send/5, enabled_receive/3,
         trace_receive/5, enabled_procs/3, trace_procs/5, enabled_ports/3, trace_ports/5, enabled_running_procs/3,
         trace_running_procs/5, enabled_running_ports/3, trace_running_ports/5, enabled_garbage_collection/3,
         trace_garbage_collection/5]).

enabled(_, _, _) -> erlang:nif_error(none).
trace(_, _, _, _, _) -> erlang:nif_error(none).
enabled_call(_, _, _) -> erlang:nif_error(none).
trace_call(_, _, _, _, _) -> erlang:nif_error(none).
enabled_send(_, _, _) -> erlang:nif_error(none).
trace_send(_, _, _, _, _) -> erlang:nif_error(none).
enabled_receive(_, _, _) -> erlang:nif_error(none).
trace_receive(_, _, _, _, _) -> erlang:nif_error(none).
enabled_procs(_, _, _) -> erlang:nif_error(none).
trace_procs(_, _, _, _, _) -> erlang:nif_error(none).
enabled_ports(_, _, _) -> erlang:nif_error(none).
trace_ports(_, _, _, _, _) -> erlang:nif_error(none).
enabled_running_procs(_, _, _) -> erlang:nif_error(none).
trace_running_procs(_, _, _, _, _) -> erlang:nif_error(none).
enabled_running_ports(_, _, _) -> erlang:nif_error(none).
trace_running_ports(_, _, _, _, _) -> erlang:nif_error(none).
enabled_garbage_collection(_, _, _) -> erlang:nif_error(none).
trace_garbage_collection(_, _, _, _, _) -> erlang:nif_error(none).

f(X) -> g(X) + 1.
g(X) -> t:id(X) * 2.

main() ->
    logger:set_primary_config(level, none),
    [native:build(N) || N <- ["tracer_tests", "tracer_basic"]],
    t:p("not loaded yet", fun() -> erlang:trace(self(), true, [send, {tracer, ?MODULE, x}]) end),
    ok = erlang:load_nif("./tracer_tests", 0),
    Kinds = [{"calls", fun calls/1}, {"processes", fun processes/1}, {"collections", fun collections/1},
             {"running", fun running/1}, {"ports", fun ports/1}, {"stamps", fun stamps/1}],
    [t:p({M, Name}, fun() -> Fun(M) end) || M <- [?MODULE, tracer_basic], {Name, Fun} <- Kinds],
    [t:p({"answer", Tag, A}, fun() -> answer(Tag, A) end) || Tag <- [send, call, trace_status], A <- [trace, discard, remove, bad]],
    t:p("port removed", fun port_removed/0),
    t:p("specification", fun specification/0),
    t:p("inherited", fun inherited/0),
    t:p("taken", fun taken/0),
    t:p("state", fun state/0),
    t:p("refused", fun refused/0),
    t:p("meta", fun meta/0),
    t:p("sequential", fun sequential/0),
    t:p("module gone", fun gone/0),
    t:p("reloaded under load", fun reloaded/0).

%% ---- what is told ---- 

collector() -> spawn_link(fun() -> collect([]) end).
collect(L) -> receive {get, P} -> P ! {told, lists:reverse(L)}, collect([]); M -> collect([M | L]) end.
told(C) ->
    R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end,
    C ! {get, self()}, receive {told, L} -> L end.

%% Names instead of pids.
names(T, Names) when is_map_key(T, Names) -> maps:get(T, Names);
names(T, _) when is_pid(T) -> pid;
names(T, _) when is_port(T) -> port;
names(T, _) when is_function(T) -> function;
names(T, Names) when is_tuple(T) -> list_to_tuple(names(tuple_to_list(T), Names));
names([H | T], Names) -> [names(H, Names) | names(T, Names)];
names(T, Names) when is_map(T) -> maps:map(fun(_, V) -> names(V, Names) end, T);
names(T, _) -> T.

%% A process that runs funs.
worker() -> spawn(fun work/0).
work() -> receive {F, From} -> F(), From ! {self(), done}, work(); stop -> ok end.
do(P, F) -> P ! {F, self()}, receive {P, done} -> ok end.

calls(M) ->
    C = collector(), P = worker(),
    erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{return_trace}, {message, {{added, '$_'}}}]}], [local]),
    erlang:trace_pattern({?MODULE, g, 1}, [{'_', [], [{exception_trace}]}], [local]),
    N = erlang:trace(P, true, [call, return_to, {tracer, M, {#{}, C}}]),
    I = {erlang:trace_info(P, tracer) =:= {tracer, {M, {#{}, C}}}, erlang:trace_info(P, flags)},
    do(P, fun() -> f(1), catch f(a) end),
    erlang:trace(P, true, [arity, {tracer, M, {#{}, C}}]),
    do(P, fun() -> f(2), ok end),
    [erlang:trace_pattern({?MODULE, F, 1}, false, [local]) || F <- [f, g]],
    {N, I, names(told(C), #{P => p})}.

processes(M) ->
    C = collector(), P = worker(), Self = self(),
    erlang:trace(P, true, [procs, send, 'receive', set_on_spawn, {tracer, M, {#{}, C}}]),
    do(P, fun() -> {Q, R} = spawn_monitor(lists, seq, [1, 2]), receive {'DOWN', R, _, Q, _} -> ok end end),
    do(P, fun() -> register(tt_name, self()), link(Self), unlink(Self), unregister(tt_name) end),
    do(P, fun() -> P ! {x, [<<1, 2:3>>, 1.5]}, receive {x, _} -> ok end end),
    link(P), unlink(P),
    do(P, fun() -> ok end),
    R = monitor(process, P), P ! stop, receive {'DOWN', R, _, _, _} -> ok end,
    Events = names(told(C), #{P => p, Self => self}),
    {[E || E <- Events, element(3, E) =:= p, tag(E) =/= 'DOWN'], [E || E <- Events, element(3, E) =/= p]}.

tag({_, _, _, T, _, _}) when is_tuple(T) -> element(1, T);
tag(_) -> none.

collections(M) ->
    C = collector(), P = worker(),
    erlang:trace(P, true, [garbage_collection, {tracer, M, {#{}, C}}]),
    do(P, fun() -> erlang:garbage_collect() end),
    do(P, fun() -> lists:sum([length(lists:seq(1, 1000)) || _ <- lists:seq(1, 100)]) end),
    exit(P, kill),
    [case E of {A, B, p, L, O, S} -> {A, B, length(L), O, S}; _ -> E end
     || E <- lists:sublist(names(told(C), #{P => p}), 4)].

running(M) ->
    C = collector(), P = worker(),
    erlang:trace(P, true, [running, {tracer, M, {#{}, C}}]),
    [do(P, fun() -> receive after 1 -> ok end end) || _ <- [1, 2, 3]],
    exit(P, kill),
    L = told(C),
    {lists:usort([{element(1, E), element(2, E), size(E)} || E <- L]), length(L) > 10}.

ports(M) ->
    C = collector(), P = open_port({spawn, "cat"}, []),
    erlang:trace(P, true, [ports, send, 'receive', {tracer, M, {#{}, C}}]),
    I = erlang:trace_info(P, tracer) =:= {tracer, {M, {#{}, C}}},
    unlink(P), link(P), port_command(P, "a"), receive {P, _} -> ok end,
    port_close(P),
    {I, names(told(C), #{P => p, self() => self})}.

stamps(M) ->
    C = collector(), P = worker(),
    [begin
        erlang:trace(P, true, [send, scheduler_id, {tracer, M, {#{}, C}} | F]),
        do(P, fun() -> ok end),
        erlang:trace(P, false, [all]),
        [O#{scheduler_id := is_integer(S)} || {_, _, _, _, #{scheduler_id := S} = O} <- names(told(C), #{P => p})]
     end || F <- [[], [timestamp], [monotonic_timestamp], [strict_monotonic_timestamp]]].

%% ---- what answers do ----

answer(Tag, Answer) ->
    C = collector(), P = worker(),
    erlang:trace_pattern({?MODULE, g, 1}, true, [local]),
    N = erlang:trace(P, true, [call, send, {tracer, ?MODULE, {#{Tag => Answer}, C}}]),
    I = erlang:trace_info(P, flags),
    do(P, fun() -> g(1) end), do(P, fun() -> g(2) end),
    erlang:trace_pattern({?MODULE, g, 1}, false, [local]),
    {N, I, erlang:trace_info(P, flags), names(told(C), #{P => p, self() => self})}.

port_removed() ->
    C = collector(), P = open_port({spawn, "cat"}, []),
    erlang:trace(P, true, [ports, {tracer, ?MODULE, {#{getting_unlinked => remove}, C}}]),
    unlink(P),
    I = erlang:trace_info(P, flags),
    link(P), port_close(P),
    {I, names(told(C), #{P => p, self() => self})}.

%% What a specification does happens only when the module wants the call.
specification() ->
    C = collector(), P = worker(),
    Do = fun(A) ->
        erlang:trace_pattern({?MODULE, g, 1}, [{'_', [], [{enable_trace, send}, {silent, true}]}], [local]),
        erlang:trace(P, true, [call, {tracer, ?MODULE, {#{call => A}, C}}]),
        do(P, fun() -> g(1) end),
        I = erlang:trace_info(P, flags),
        erlang:trace(P, false, [all]),
        erlang:trace_pattern({?MODULE, g, 1}, [{'_', [], [{trace, [call], [send, {tracer, ?MODULE, {#{}, C, by_spec}}]}]}], [local]),
        erlang:trace(P, true, [call, {tracer, ?MODULE, {#{call => A}, C}}]),
        do(P, fun() -> g(1) end),
        J = {erlang:trace_info(P, flags), erlang:trace_info(P, tracer)},
        erlang:trace(P, false, [all]),
        {I, J}
    end,
    R = [Do(A) || A <- [trace, discard]],
    erlang:trace_pattern({?MODULE, g, 1}, false, [local]),
    {names(R, #{C => c}), names(told(C), #{P => p, self() => self})}.

inherited() ->
    C = collector(), P = worker(),
    [begin
        erlang:trace(P, true, [F, send, {tracer, tracer_basic, {#{}, C, F}}]),
        do(P, fun() -> R = spawn_link(fun() -> self() ! x end), t:wait(fun() -> not is_process_alive(R) end) end),
        I = erlang:trace_info(P, flags),
        erlang:trace(P, false, [all]),
        {F, I, names([E || {trace, _, _, x, _} = E <- told(C)], #{P => p})}
     end || F <- [set_on_spawn, set_on_first_spawn, set_on_link, set_on_first_link]]
    ++ [begin
        erlang:trace(new_processes, true, [send, {tracer, tracer_basic, {#{}, C, new}}]),
        I = erlang:trace_info(new_processes, tracer) =:= {tracer, {tracer_basic, {#{}, C, new}}},
        Q = spawn(fun() -> self() ! x end),
        erlang:trace(new_processes, false, [all]),
        t:wait(fun() -> not is_process_alive(Q) end),
        {I, erlang:trace_info(new_processes, tracer), names([E || {trace, _, _, x, _} = E <- told(C)], #{Q => q})}
       end].

taken() ->
    C = collector(), P = worker(),
    T = fun(S) -> try erlang:trace(P, true, [send, {tracer, tracer_basic, S}]) catch error:E -> E end end,
    A = T({#{}, C}), B = T({#{}, C}), D = T({#{}, C, other}),
    E = try erlang:trace(P, true, [send]) catch error:X -> X end,
    erlang:trace(P, false, [send]),
    F = T({#{trace_status => remove}, C}), G = T({#{}, C, other}),
    {A, B, D, E, F, G, names(erlang:trace_info(P, tracer), #{C => c})}.

%% It outlives those that it came from, and is itself in each call.
state() ->
    C = collector(), P = worker(),
    S = #{a => [make_ref(), <<0:2000>>, fun() -> C end], b => list_to_binary(lists:duplicate(100, "x"))},
    {Q, R} = spawn_monitor(fun() -> erlang:trace(P, true, [send, {tracer, tracer_basic, {S, C}}]) end),
    receive {'DOWN', R, _, Q, _} -> erlang:garbage_collect() end,
    [do(P, fun() -> lists:seq(1, 10000) end) || _ <- lists:seq(1, 10)],
    {erlang:trace_info(P, tracer) =:= {tracer, {tracer_basic, {S, C}}}, length(told(C))}.

refused() ->
    T = fun(F) -> try F() catch error:E -> E end end,
    [T(fun() -> erlang:trace(self(), true, [send, {tracer, M, []}]) end) || M <- [lists, no_such_module, make_ref(), t]]
    ++ [T(fun() -> erlang:trace_pattern({?MODULE, g, 1}, true, [{meta, M, []}]) end) || M <- [lists, no_such_module, make_ref(), t]]
    ++ [T(fun() -> seq_trace:set_system_tracer({M, []}) end) || M <- [lists, make_ref(), t]].

meta() ->
    C = collector(),
    [begin
        N = erlang:trace_pattern({?MODULE, g, 1}, true, [{meta, tracer_basic, {S, C}}]),
        I = erlang:trace_info({?MODULE, g, 1}, meta) =:= {meta, {tracer_basic, {S, C}}},
        {N, I, erlang:trace_pattern({?MODULE, g, 1}, false, [meta])}
     end || S <- [#{}, #{x => y}]].

sequential() ->
    C = collector(),
    A = seq_trace:set_system_tracer({tracer_basic, {#{}, C}}),
    seq_trace:set_token(label, {my, label}), seq_trace:set_token(send, true), seq_trace:set_token(monotonic_timestamp, true),
    self() ! m,
    seq_trace:set_token([]), receive m -> ok end, seq_trace:set_token([]),
    B = seq_trace:get_system_tracer() =:= {tracer_basic, {#{}, C}},
    D = seq_trace:set_system_tracer(false) =:= {tracer_basic, {#{}, C}},
    {A, B, D, seq_trace:get_system_tracer(), [E || E <- names(told(C), #{self() => self}), element(1, E) =:= trace]}.

gone() ->
    C = collector(), P = worker(),
    erlang:trace_pattern({?MODULE, g, 1}, true, [local]),
    erlang:trace(P, true, [call, {tracer, tracer_basic, {#{}, C}}]),
    do(P, fun() -> g(1) end), A = names(told(C), #{P => p}),
    code:purge(tracer_basic), code:delete(tracer_basic), code:purge(tracer_basic),
    do(P, fun() -> g(2) end), B = told(C),
    I = erlang:trace_info(P, tracer),
    {module, _} = code:load_file(tracer_basic),
    do(P, fun() -> g(3) end),
    erlang:trace_pattern({?MODULE, g, 1}, false, [local]),
    {A, B, I, erlang:trace_info(P, tracer), told(C)}.

%% Many processes are traced, and nobody told, while the module comes and goes.
reloaded() ->
    Ps = [spawn_link(fun Loop() -> g(1), self() ! x, receive x -> ok end, Loop() end) || _ <- lists:seq(1, 8)],
    erlang:trace_pattern({?MODULE, g, 1}, true, [local]),
    [begin
        [catch erlang:trace(P, true, [call, send, {tracer, tracer_basic, {#{send => discard}, nobody, [make_ref()]}}]) || P <- Ps],
        code:purge(tracer_basic), {module, _} = code:load_file(tracer_basic),
        receive after 1 -> ok end,
        code:purge(tracer_basic), code:delete(tracer_basic), code:purge(tracer_basic)
     end || _ <- lists:seq(1, 20)],
    erlang:trace_pattern({?MODULE, g, 1}, false, [local]),
    Alive = [is_process_alive(P) || P <- Ps],
    [begin unlink(P), exit(P, kill) end || P <- Ps],
    lists:usort(Alive).
