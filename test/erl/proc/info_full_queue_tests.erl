%% SPDX-License-Identifier: Apache-2.0
-module(info_full_queue_tests).
-export([main/0]).

%% Asking about others with messages waiting: nobody's messages are lost, passed over or put in another order, and the
%% work does not depend on their number.

main() ->
    Other = spawn(fun other/0),
    [self() ! {n, I} || I <- lists:seq(1, 30000)],
    [{priority, normal} = process_info(Other, priority) || _ <- lists:seq(1, 3000)],
    Other ! stop,
    Ref = monitor(process, Other),
    receive {'DOWN', Ref, process, Other, _} -> ok end,
    io:format("~p~n", [process_info(Other, [priority, message_queue_len])]),
    self() ! last,
    io:format("~p~n", [in_order(1)]),
    Next = spawn(fun other/0),
    self() ! {before, 1},
    [{message_queue_len, 0}, {status, waiting}] = wait_idle(Next),
    self() ! {behind, 2},
    io:format("~p~n", [[receive M -> M end || _ <- [1, 2]]]),
    Next ! stop,
    ok.

other() -> receive stop -> ok end.

wait_idle(P) ->
    case process_info(P, [message_queue_len, status]) of
        [_, {status, waiting}] = Idle -> Idle;
        _ -> erlang:yield(), wait_idle(P)
    end.

in_order(N) ->
    receive
        {n, N} -> in_order(N + 1);
        last -> {N - 1, process_info(self(), message_queue_len)};
        Wrong -> {wrong, Wrong}
    end.
