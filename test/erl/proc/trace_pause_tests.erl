%% SPDX-License-Identifier: Apache-2.0
-module(trace_pause_tests).
-export([main/0, f/0]).

%% restart and pause halt and renew counters; with other flags they are like true.

f() -> ok.

main() ->
    Counts = [call_time, call_count],
    [change(A, F) || {A, F} <-
        [{pause, [call_count]}, {restart, [call_count]}, {pause, Counts},
         {pause, [call_count, local]}, {restart, [local]}, {false, [local]}, {restart, [call_time]},
         {pause, [call_time]}, {pause, Counts}, {restart, Counts}, {true, [call_count]}, {false, Counts},
         {pause, [meta]}, {restart, [{meta, self()}]}, {false, [meta]},
         {[{'_', [], []}], [local]}, {pause, [local]}, {false, [local]}, {restart, []}, {pause, [global]}, {false, []},
         {restart, [local, meta]}, {pause, [call_count]}, {false, [local, meta, call_count]}]],
    events(),
    on_load().

change(Action, Flags) ->
    N = erlang:trace_pattern({?MODULE, f, 0}, Action, Flags),
    f(),
    {all, Info} = erlang:trace_info({?MODULE, f, 0}, all),
    io:format("~p ~p: ~p ~0p~n", [Action, plain(Flags), N, plain(Info)]).

plain({call_time, L}) when is_list(L) -> {call_time, [Count || {_, Count, _, _} <- L]};
plain({K, P}) when is_pid(P) -> {K, pid};
plain(L) when is_list(L) -> [plain(X) || X <- L];
plain(X) -> X.

events() ->
    [io:format("~p ~p ~p~n", [E, A, try erlang:trace_pattern(E, A, []) catch error:R -> R end])
     || E <- [send, 'receive'], A <- [pause, restart]],
    io:format("~p ~p~n", [erlang:trace_info(send, match_spec), erlang:trace_info('receive', match_spec)]).

on_load() ->
    [begin
         N = erlang:trace_pattern(on_load, A, F),
         Items = [try erlang:trace_info(on_load, I) catch error:R -> {I, R} end
                  || I <- [all, call_time, call_count, call_memory, traced]],
         io:format("~p ~p ~p ~0p~n", [A, F, N, Items])
     end || {A, F} <- [{restart, [call_count]}, {restart, [local]}, {pause, [call_count]}, {false, [local]},
                       {true, [call_time]}, {false, [call_time]}, {true, [call_count]}, {false, [call_count]}]],
    ok.
