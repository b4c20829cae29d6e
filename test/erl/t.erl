%% SPDX-License-Identifier: Apache-2.0
%% t - what the tests that run on both VMs share. A test prints; equal output is the proof.
-module(t).
-export([p/2, each/2, wait/1, id/1, freed/0]).

%% Prints what Fun gives, or how it failed (without the stack: lines and arities are not the point).
p(Label, Fun) ->
    Result = try Fun() catch Class:Reason -> {Class, Reason} end,
    io:format("~ts: ~tp~n", [label(Label), Result]).

label(L) when is_list(L); is_binary(L) -> L;
label(L) -> io_lib:format("~tp", [L]).

%% The same function over many inputs.
each(Fun, Inputs) ->
    [p(io_lib:format("~tp", [I]), fun() -> Fun(I) end) || I <- Inputs],
    ok.

%% Polls until Fun is true, for at most five seconds.
wait(Fun) -> wait(Fun, 500).
wait(_, 0) -> timeout;
wait(Fun, N) ->
    case Fun() of
        true -> ok;
        _ -> timer:sleep(10), wait(Fun, N - 1)
    end.

%% Whether what 20,000 processes and tables and 1,000 persistent terms leave behind is freed, whatever else goes on.
freed() ->
    Before = erlang:memory(total),
    [begin
         {P, Ref} = spawn_monitor(fun() -> ok end),
         receive {'DOWN', Ref, process, P, normal} -> ok end,
         ets:delete(ets:new(t, []))
     end || _ <- lists:seq(1, 20000)],
    [persistent_term:put(?MODULE, lists:seq(I, I + 1000)) || I <- lists:seq(1, 1000)],
    persistent_term:erase(?MODULE),
    wait(fun() -> erlang:memory(total) - Before < 10000000 end) =:= ok.

%% Hides a value from the compiler.
id(X) -> X.
