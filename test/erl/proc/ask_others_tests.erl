%% SPDX-License-Identifier: Apache-2.0
%% process_info and is_process_alive of others: what the asker sent before has had its effect, whether the process
%% rests, runs, is suspended or is asked and woken by several at once.
-module(ask_others_tests).
-export([main/0]).

main() ->
    show(killed, [killed() || _ <- lists:seq(1, 500)]),
    show(queue, [queue() || _ <- lists:seq(1, 200)]),
    show(links, [links() || _ <- lists:seq(1, 200)]),
    io:format("suspended: ~p~n", [suspended()]),
    io:format("busy: ~p~n", [busy()]),
    io:format("asked by many: ~p~n", [crowd(8, 2000)]),
    io:format("large answer: ~p~n", [large()]).

show(What, Results) -> io:format("~p: ~p~n", [What, lists:usort(Results)]).

rests() ->
    P = spawn(fun Loop() -> receive {From, Ask} -> From ! {self(), Ask}, Loop() end end),
    P ! {self(), up},
    receive {P, up} -> P end.

killed() ->
    P = rests(),
    true = is_process_alive(P),
    exit(P, kill),
    {is_process_alive(P), process_info(P, status)}.

queue() ->
    P = spawn(fun() -> receive go -> ok end end),
    [P ! N || N <- lists:seq(1, 10)],
    {message_queue_len, Len} = process_info(P, message_queue_len),
    {messages, Messages} = process_info(P, messages),
    exit(P, kill),
    {Len, Messages}.

links() ->
    P = rests(),
    link(P),
    {links, [L]} = process_info(P, links),
    unlink(P),
    R = {L =:= self(), process_info(P, [links, monitored_by])},
    exit(P, kill),
    R.

suspended() ->
    P = rests(),
    erlang:suspend_process(P),
    S1 = process_info(P, status),
    P ! {self(), hello},
    S2 = process_info(P, [status, message_queue_len]),
    erlang:resume_process(P),
    Got = receive {P, hello} -> hello end,
    exit(P, kill),
    {S1, S2, Got}.

busy() ->
    P = spawn(fun Spin() -> _ = lists:seq(1, 100), Spin() end),
    States = lists:usort([element(2, process_info(P, status)) || _ <- lists:seq(1, 50)]),
    exit(P, kill),
    {States -- [running, runnable, garbage_collecting], is_process_alive(P)}.

%% Every question sent is answered, whoever looks meanwhile.
crowd(Askers, N) ->
    P = rests(),
    Me = self(),
    Qs = [spawn_link(fun() -> Me ! {self(), ask(P, N, 0)} end) || _ <- lists:seq(1, Askers)],
    Sum = lists:sum([receive {Q, Count} -> Count end || Q <- Qs]),
    Left = process_info(P, message_queue_len),
    exit(P, kill),
    {Sum, Left}.

ask(_, 0, Count) -> Count;
ask(P, N, Count) ->
    P ! {self(), N},
    true = is_process_alive(P),
    [_, {links, []}] = process_info(P, [status, links]),
    receive {P, N} -> ask(P, N - 1, Count + 1) end.

large() ->
    P = spawn(fun() -> put(list, lists:seq(1, 200000)), receive stop -> ok end end),
    {dictionary, D} = wait(P),
    exit(P, kill),
    {length(D), length(proplists:get_value(list, D))}.

wait(P) ->
    case process_info(P, dictionary) of
        {dictionary, []} -> erlang:yield(), wait(P);
        Info -> Info
    end.
