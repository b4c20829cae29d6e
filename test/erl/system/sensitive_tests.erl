%% SPDX-License-Identifier: Apache-2.0
%% What a sensitive process hides from traces, sequential traces, saved calls and its display.
-module(sensitive_tests).
-export([main/0, f/1, display/0]).

f(X) -> X.

main() ->
    t:p("flags", fun flags/0),
    t:p("saved calls", fun saved_calls/0),
    t:p("trace", fun trace/0),
    t:p("counts", fun counts/0),
    t:p("sequential", fun sequential/0),
    [t:p({"sequential exit", R, S}, fun() -> sequential_exit(R, S) end) || R <- [normal, because], S <- [true, false]],
    t:p("profile", fun profile/0),
    t:p("display", fun display/0).

child(F) -> {P, M} = spawn_monitor(fun() -> exit({result, F()}) end), receive {'DOWN', M, _, P, {result, R}} -> R end.

flags() ->
    child(fun() ->
        A = process_flag(sensitive, true),
        B = child(fun() -> process_flag(sensitive, true) end), % not inherited
        {A, B, process_flag(sensitive, false)}
    end).

saved_calls() ->
    child(fun() ->
        process_flag(save_calls, 10),
        process_flag(sensitive, true),
        t:id(1), lists:reverse([1]), self() ! m, receive m -> ok end,
        A = process_info(self(), last_calls),
        process_flag(sensitive, false),
        t:id(1), lists:reverse([1]),
        {A, process_info(self(), last_calls)}
    end).

collector() -> spawn(fun() -> collect([]) end).
collect(L) -> receive {get, P} -> P ! {told, lists:reverse(L)}; M -> collect([M | L]) end.
told(C) ->
    R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> ok end,
    C ! {get, self()}, receive {told, L} -> L end.

trace() ->
    C = collector(), Self = self(),
    P = spawn(fun() ->
        process_flag(sensitive, true), Self ! ready, receive go -> ok end,
        f(1), self() ! x, receive x -> ok end, link(C), unlink(C), erlang:garbage_collect(),
        process_flag(sensitive, false),
        f(2), self() ! y, receive y -> ok end,
        Self ! done, receive stop -> ok end end),
    receive ready -> ok end,
    erlang:trace(P, true, [call, send, 'receive', procs, garbage_collection, return_to, {tracer, C}]),
    erlang:trace_pattern({?MODULE, f, 1}, [{'_', [], [{return_trace}]}], [local]),
    P ! go, receive done -> ok end,
    erlang:trace(P, false, [all]), P ! stop,
    erlang:trace_pattern({?MODULE, f, 1}, false, [local]),
    [case E of {trace, _, T, A} -> {T, A}; {trace, _, T, A, _} -> {T, A} end || E <- told(C)].

counts() ->
    child(fun() ->
        erlang:trace_pattern({?MODULE, f, 1}, true, [local, call_count]),
        process_flag(sensitive, true),
        f(1), f(2),
        R = erlang:trace_info({?MODULE, f, 1}, call_count),
        erlang:trace_pattern({?MODULE, f, 1}, false, [local, call_count]),
        R
    end).

%% The token goes along all the same.
sequential() ->
    C = collector(), Self = self(),
    seq_trace:set_system_tracer(C),
    P = spawn(fun() -> receive {From, M} -> From ! {self(), M} end end),
    Q = spawn(fun() ->
        process_flag(sensitive, true),
        [seq_trace:set_token(F, true) || F <- [send, 'receive', print]], seq_trace:set_token(label, 7),
        seq_trace:print(7, hidden),
        P ! {self(), hello}, receive {P, hello} -> ok end,
        T = seq_trace:get_token(), seq_trace:set_token([]),
        Self ! {self(), element(2, T), element(3, T)} end),
    R = receive {Q, L, S} -> {L, S} end,
    seq_trace:set_system_tracer(false),
    {R, [{Label, element(1, I), element(2, I)} || {seq_trace, Label, I} <- told(C)]}.

%% The end of a linked process is a message of the one that has a token.
sequential_exit(Reason, Sensitive) ->
    C = collector(), Self = self(),
    seq_trace:set_system_tracer(C),
    spawn(fun() ->
        process_flag(trap_exit, true), process_flag(sensitive, Sensitive),
        E = spawn_link(fun() -> receive _ -> exit(Reason) end end),
        [seq_trace:set_token(F, true) || F <- [send, 'receive']], seq_trace:set_token(label, 8),
        E ! go, receive {'EXIT', E, _} -> ok end,
        T = seq_trace:get_token(), seq_trace:set_token([]),
        Self ! {exited, element(3, T)} end),
    R = receive {exited, S} -> S end,
    seq_trace:set_system_tracer(false),
    {R, [{element(1, I), element(2, I)} || {seq_trace, 8, I} <- told(C)]}.

%% That it can run is no secret.
profile() ->
    C = collector(),
    P = spawn(fun() -> process_flag(sensitive, true), receive stop -> ok end end),
    timer:sleep(10),
    erlang:system_profile(C, [runnable_procs]),
    P ! stop, timer:sleep(300),
    L = told(C),
    erlang:system_profile(undefined, []),
    [S || {profile, Q, S, _, _} <- L, Q =:= P].

display() ->
    P = spawn(fun() -> process_flag(sensitive, true), receive stop -> ok end end),
    timer:sleep(10),
    R = erlang:process_display(P, backtrace),
    P ! stop,
    process_flag(sensitive, true),
    R2 = erlang:process_display(self(), backtrace),
    process_flag(sensitive, false),
    {R, R2}.
