%% SPDX-License-Identifier: Apache-2.0
%% Trace: match specifications, flags, events, calls and returns, sequential trace, system monitor.
-module(trace_tests).
-export([main/0, fib/1, go/1, traced_call/0]).

main() ->
    match_specs(), flags(), patterns(), events(), calls(), profile(), tokens(), monitor().

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

match_specs() ->
    T = fun(A, M) -> fun() -> erlang:match_spec_test(A, M, trace) end end,
    [t:p(io_lib:format("~p", [B]), T([a], [{['$1'], [], B}]))
     || B <- [[{message, '$1'}], [{return_trace}], [{exception_trace}], [{return_trace}, {exception_trace}], [{message, false}],
              [{message, true}], [], ['$1'], [false], [{message, {caller}}], [{message, {get_seq_token}}], [{message, {get_tcw}}],
              [{message, {enable_trace, send}}], [{message, {trace, [], [send]}}], [{message, {silent, true}}], [{foo, a}], ['$2'],
              [{message, {hd, '$1'}}], [{message, {set_seq_token, yxa, true}}], [{message, {set_seq_token, send, 1}}],
              [{message, {set_seq_token, label, 1}}], [{message, {set_seq_token, serial, x}}]]],
    t:each(fun(M) -> erlang:match_spec_test([a], M, trace) end,
           [[], [{'_', [], []}], [{[b], [], [true]}], [{['$1'], [{is_seq_trace}], []}], [{['$1'], [{message, a}], []}],
            [{a, [], []}]]),
    t:each(fun(M) -> erlang:match_spec_test({a, b}, [M], table) end,
           [{{'$1', '$2'}, [], ['$$']}, {{'$1', '$2'}, [], ['$_']}, {{'$1', '$1'}, [], ['$_']}, {{'$1', '$2'}, [], [{message, a}]},
            {{'$1', '$2'}, [], []}, {{'$1', '$2'}, [foo], [a]}, {{'$1', '$2'}, [{is_fish, '$1'}], ['$1']}, foo,
            {{'$1', '$2'}, [], [{}]}, {{'$1', '$2'}, a, [b]}, {{'$1', '$2'}, [], [{hd, '$1'}]}]),
    t:p("no list", fun() -> erlang:match_spec_test(a, [{['$1'], [], [true]}], trace) end).

flags() ->
    P = spawn(fun() -> receive x -> ok end end),
    All = [send, 'receive', procs, ports, call, arity, return_to, silent, running, running_procs, running_ports, exiting,
           garbage_collection, timestamp, monotonic_timestamp, strict_monotonic_timestamp, set_on_spawn, set_on_first_spawn,
           set_on_link, set_on_first_link],
    [t:p(io_lib:format("~p", [F]), fun() -> 1 = erlang:trace(P, true, [F]), R = erlang:trace_info(P, flags), erlang:trace(P, false, [all]), R end)
     || F <- All ++ [all]],
    t:p("all flags", fun() -> 1 = erlang:trace(P, true, All), erlang:trace_info(P, flags) end),
    t:p("tracer", fun() -> erlang:trace_info(P, tracer) =:= {tracer, self()} end),
    t:p("dead", fun() -> erlang:trace(P, false, [all]), exit(P, kill), t:wait(fun() -> not is_process_alive(P) end), {catch_class(fun() -> erlang:trace(P, true, [send]) end), erlang:trace_info(P, flags)} end),
    t:each(fun({W, H, L}) -> erlang:trace(W, H, L) end,
           [{foo, true, [send]}, {self(), true, foo}, {self(), foo, []}, {self(), true, [{tracer, foo}]}, {new, true, []}]),
    collect(),
    t:p("new", fun() -> erlang:trace(new_processes, true, [procs]), R = erlang:trace_info(new, flags), Q = spawn(fun() -> ok end), timer:sleep(20),
        erlang:trace(new_processes, false, [all]), {R, same(Q, collect()), erlang:trace_info(new, flags)} end).

catch_class(F) -> try F() catch C:R -> {C, R} end.

%% Messages of the trace so far, and the same with pids and references made alike.
collect() -> receive X when element(1, X) =:= trace; element(1, X) =:= trace_ts; element(1, X) =:= seq_trace -> [X | collect()] after 0 -> [] end.
same(_, L) -> [alike(X) || X <- L].
alike(X) when is_pid(X) -> pid;
alike(X) when is_reference(X) -> ref;
alike(X) when is_function(X) -> function;
alike(X) when is_tuple(X) -> list_to_tuple(alike(tuple_to_list(X)));
alike([H | T]) -> [alike(H) | alike(T)];
alike(X) -> X.

patterns() ->
    t:each(fun({M, S, F}) -> erlang:trace_pattern(M, S, F) end,
           [{{foo, bar, 1}, true, []}, {{foo, bar, 1}, true, [local]}, {{lists, foo, '_'}, true, [local]}, {send, true, []}, {send, foo, []},
            {foo, true, []}, {{a, b, c}, true, []}, {{a, b, 1}, true, [foo]}, {on_load, true, []}, {on_load, false, []}, {'receive', true, []}]),
    t:p("send pattern", fun() -> erlang:trace_pattern(send, [{['_', '$1'], [], []}], []), R = erlang:trace_info(send, match_spec), erlang:trace_pattern(send, true, []), {R, erlang:trace_info(send, match_spec)} end),
    t:each(fun({A, B}) -> erlang:trace_info(A, B) end, [{{lists, seq, 2}, all}, {{foo, bar, 2}, all}, {{foo, bar, 2}, traced}, {on_load, all}, {send, all}, {foo, all}]),
    t:p("counted and meta", fun() -> N = erlang:trace_pattern({lists, seq, 2}, [{'_', [], [{return_trace}]}], [{meta, self()}, call_count]),
        erlang:trace_pattern({lists, seq, 2}, false, [meta, call_count]), N end),
    t:p("local and meta", fun() ->
        [erlang:trace_pattern({?MODULE, fib, 1}, true, F) || F <- [[{meta, self()}], [local]]],
        {P, R} = spawn_monitor(fun() -> receive go -> fib(1) end end), 1 = erlang:trace(P, true, [call]), P ! go,
        receive {'DOWN', R, _, _, _} -> ok end, erlang:trace_pattern({?MODULE, fib, 1}, false, [local, meta]),
        [element(1, E) || E <- collect()] end),
    t:p("time without a tracer", fun() ->
        T = spawn(fun() -> receive stop -> ok end end), erlang:trace(self(), true, [call, set_on_spawn, {tracer, T}]),
        erlang:trace_pattern({?MODULE, fib, 1}, true, [local, call_time]), fib(1), T ! stop, t:wait(fun() -> not is_process_alive(T) end),
        fib(1), {Q, R} = spawn_monitor(fun() -> fib(1) end), receive {'DOWN', R, _, _, _} -> ok end,
        {call_time, [{Who, N, _, _}]} = erlang:trace_info({?MODULE, fib, 1}, call_time),
        erlang:trace_pattern({?MODULE, fib, 1}, false, [local, call_time]), {Who =:= self(), Who =:= Q, N, erlang:trace_info(self(), flags)} end),
    events_only(),
    t:p("old code", fun old_code/0),
    t:p("every local function", fun() -> N = erlang:trace_pattern({?MODULE, '_', '_'}, true, [local]), N =:= erlang:trace_pattern({?MODULE, '_', '_'}, false, [local]) end).

%% Forms that make no sense for a message, and what a message is matched as.
events_only() ->
    Me = self(),
    Forms = [{process_dump}, {set_seq_token, label, 1}, {get_seq_token}, {enable_trace, call}, {enable_trace, Me, call}, {disable_trace, call},
             {trace, [call], []}, {trace, Me, [], [call]}, {caller}, {caller_line}, {silent, true}, {return_trace}, {message, x}, {get_tcw}],
    [t:p(io_lib:format("~p ~p", [E, element(1, F)]), fun() -> R = (catch erlang:trace_pattern(E, [{'_', [], [F]}], [])),
        erlang:trace_pattern(E, true, []), R end) || {E, Fs} <- [{send, [{caller}, {caller_line}, {message, x}]}, {'receive', Forms}], F <- Fs],
    t:p("receive in guard", fun() -> erlang:trace_pattern('receive', [{'_', [{is_seq_trace}], []}], []) end),
    P = spawn_link(fun F() -> receive stop -> ok; _ -> F() after 10 -> receive stop -> ok end end end),
    erlang:trace_pattern('receive', [{[clock_service, undefined, timeout], [], []}, {[node(), Me, '_'], [], [{message, mine}]}], []),
    1 = erlang:trace(P, true, ['receive']), P ! hello,
    Two = [receive X when element(1, X) =:= trace -> X end || _ <- [hello, timeout]], erlang:trace_pattern('receive', true, []), P ! stop,
    t:p("receive matched", fun() -> same(P, Two) end),
    timer:sleep(20), collect().

%% What becomes old code is traced no more.
old_code() ->
    Load = fun(V) -> {ok, M, B} = compile:forms([{attribute, 1, module, trace_old}, {attribute, 2, export, [{f, 0}]},
                                                 {function, 3, f, 0, [{clause, 3, [], [], [{'fun', 3, {clauses, [{clause, 3, [], [], [{call, 3, {atom, 3, g}, []}]}]}}]}]},
                                                 {function, 4, g, 0, [{clause, 4, [], [], [{integer, 4, V}]}]}]),
                     {module, M} = erlang:load_module(M, B) end,
    Load(1), F = trace_old:f(), N = erlang:trace_pattern({trace_old, '_', '_'}, true, [local]),
    {P, R} = spawn_monitor(fun() -> receive go -> F() end, receive go -> exit(F()) end end),
    1 = erlang:trace(P, true, [call]),
    P ! go, t:wait(fun() -> process_info(P, message_queue_len) =:= {message_queue_len, 0} end), Load(2), P ! go,
    V = receive {'DOWN', R, _, _, W} -> W end, Seen = [element(4, E) || E <- collect()],
    erlang:purge_module(trace_old), G = trace_old:f(), erlang:trace_pattern({trace_old, '_', '_'}, true, [local]),
    true = erlang:delete_module(trace_old),
    erlang:trace(self(), true, [call]), X = G(), erlang:trace(self(), false, [call]),
    {N, V, Seen, X, collect()}.

%% Runs Fun in a traced process and prints what its tracer got.
traced(Label, Flags, Fun) ->
    Q = spawn(fun() -> receive go -> Fun() end end),
    R = erlang:monitor(process, Q),
    1 = erlang:trace(Q, true, Flags),
    Q ! go,
    receive {'DOWN', R, _, _, _} -> ok end,
    timer:sleep(50),
    [io:format("~s ~0p~n", [Label, X]) || X <- same(Q, collect())].

events() ->
    S = self(),
    traced("send", [send], fun() -> S ! hello, (catch nosuch ! x), D = spawn(fun() -> ok end), timer:sleep(20), D ! gone end),
    traced("receive", ['receive'], fun() -> self() ! a, receive a -> ok end, receive b -> ok after 1 -> ok end end),
    traced("procs", [procs], fun() -> register(trace_test, self()), unregister(trace_test), L = spawn(fun() -> receive a -> ok end end), link(L), unlink(L), link(L), exit(bye) end),
    traced("spawn", [procs, set_on_spawn], fun() -> P = spawn(fun() -> receive a -> ok end end), timer:sleep(20), P ! a, timer:sleep(20) end),
    traced("exiting", [exiting], fun() -> ok end).

go(L) ->
    fib(2), lists:reverse([1]), lists:seq(1, 3), lists:map(fun(X) -> X end, [1]), (catch lists:nth(1, L)), apply(lists, keyfind, [x, 1, L]),
    erlang:send(self(), hi), make_ref().

calls() ->
    Ret = [{'_', [], [{return_trace}]}],
    [erlang:trace_pattern(M, P, F)
     || {M, P, F} <- [{{?MODULE, fib, 1}, Ret, [local]}, {{lists, seq, 2}, true, []}, {{lists, reverse, 1}, Ret, [local]},
                      {{lists, map, 2}, [{['_', '$1'], [], [{message, '$1'}]}], [local]},
                      {{lists, nth, 2}, [{'_', [], [{exception_trace}]}], [local]}, {{lists, keyfind, 3}, true, [local]}, {{erlang, send, 2}, true, []}]],
    t:p("traced", fun() -> [erlang:trace_info({lists, F, A}, I) || {F, A} <- [{seq, 2}, {reverse, 1}, {zip, 2}], I <- [traced, match_spec, call_count]] end),
    traced("call", [call], fun() -> go([]) end),
    traced("arity", [call, arity], fun() -> go([]) end),
    traced("return_to", [call, return_to], fun() -> go([]), ok end),
    traced("silent", [call, silent], fun() -> go([]) end),
    erlang:trace_pattern({'_', '_', '_'}, false, []),
    erlang:trace_pattern({'_', '_', '_'}, false, [local]),
    traced("off", [call], fun() -> go([]) end),
    t:p("meta", fun() -> erlang:trace_pattern({?MODULE, fib, 1}, [], [meta]), fib(1), timer:sleep(20), erlang:trace_pattern({?MODULE, fib, 1}, false, [meta]), collect() end).

profile() ->
    t:p("counts", fun() -> erlang:trace_pattern({?MODULE, fib, 1}, true, [call_count]), fib(10), A = erlang:trace_info({?MODULE, fib, 1}, call_count),
        erlang:trace_pattern({?MODULE, fib, 1}, pause, [call_count]), fib(10), B = erlang:trace_info({?MODULE, fib, 1}, call_count),
        erlang:trace_pattern({?MODULE, fib, 1}, restart, [call_count]), fib(2), C = erlang:trace_info({?MODULE, fib, 1}, call_count),
        erlang:trace_pattern({?MODULE, fib, 1}, false, [call_count]), [A, B, C, erlang:trace_info({?MODULE, fib, 1}, call_count)] end),
    t:p("delivered", fun() -> R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end end).

tokens() ->
    t:p("token", fun() -> alike([seq_trace:get_token(), seq_trace:set_token(label, 5), seq_trace:get_token(), seq_trace:set_token(send, true), seq_trace:get_token(),
        seq_trace:get_token(serial), seq_trace:get_token(send), seq_trace:get_token('receive'), seq_trace:get_token(label), seq_trace:set_token(serial, {3, 4}),
        seq_trace:get_token(), seq_trace:set_token(timestamp, true), seq_trace:get_token(), seq_trace:set_token([]), seq_trace:get_token()]) end),
    t:each(fun({A, B}) -> erlang:seq_trace(A, B) end, [{foo, 1}, {send, 1}]).

monitor() ->
    t:p("counted", fun counted/0),
    t:p("processor time", fun processor_time/0),
    t:p("long schedule", fun long_schedule/0),
    t:p("monitor", fun() -> [erlang:system_monitor(), erlang:system_monitor(self(), [{long_gc, 1000}, {long_schedule, 1000}, busy_port, busy_dist_port, {large_heap, 100000000}]),
        alike(erlang:system_monitor()), alike(erlang:system_monitor(undefined)), erlang:system_monitor(), catch_class(fun() -> erlang:system_monitor(self(), [foo]) end)] end),
    t:p("profile", fun() -> [erlang:system_profile(), catch_class(fun() -> erlang:system_profile(self(), [foo]) end)] end).

%% Which of processes and ports a flag counts.
counted() ->
    P = length(processes()), O = length(erlang:ports()),
    [begin
         N = erlang:trace(all, true, [F]), erlang:trace(all, false, [all]),
         {F, case N of P -> processes; O -> ports; _ when N =:= P + O -> both end}
     end || F <- [send, 'receive', call, procs, ports, running, running_ports, running_procs, garbage_collection, timestamp,
                  monotonic_timestamp, strict_monotonic_timestamp, arity, return_to, silent, set_on_spawn, set_on_link, exiting, all]].

processor_time() ->
    Refused = [catch_class(fun() -> erlang:trace(W, true, [cpu_timestamp]) end) || W <- [self(), new, existing]],
    None = erlang:trace(all, true, [cpu_timestamp]),
    Cpu = stamp(),
    erlang:trace(all, false, [cpu_timestamp]),
    {Refused, None, Cpu < 1000000000, stamp() > 1000000000}.

%% Of a call: seconds.
stamp() ->
    Me = self(),
    P = spawn(fun() -> receive go -> ?MODULE:traced_call() end end),
    erlang:trace_pattern({?MODULE, traced_call, 0}, true, [local]),
    erlang:trace(P, true, [call, timestamp, {tracer, Me}]),
    P ! go,
    receive {trace_ts, P, call, _, {Mega, S, _}} -> Mega * 1000000 + S after 5000 -> timeout end.

traced_call() -> ok.

long_schedule() ->
    Pid = spawn(fun() -> compare(lists:seq(1, 2000000), lists:seq(1, 2000000), 100) end),
    erlang:system_monitor(self(), [{long_schedule, 1}]),
    T = receive {monitor, Pid, long_schedule, [{timeout, Ms}, {in, {_, _, _}}, {out, {_, _, _}}]} -> Ms end, % not the first slice
    erlang:system_monitor(undefined),
    exit(Pid, kill),
    T >= 1.

compare(A, B, N) when A =:= B, N > 0 ->
    erlang:yield(),
    compare(A, B, N - 1);
compare(_, _, _) -> ok.
