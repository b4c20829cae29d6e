%% SPDX-License-Identifier: Apache-2.0
%% Sending, selective receive, timeouts, names, aliases.
-module(message_tests).
-export([main/0]).

main() ->
    t:p("order", fun() -> [self() ! I || I <- [1, 2, 3]], [receive X -> X end || _ <- "abc"] end),
    t:p("selective", fun() -> [self() ! I || I <- [a, b, c]], [receive X when X =:= W -> X end || W <- [c, a, b]] end),
    t:p("after 0", fun() -> receive x -> x after 0 -> none end end),
    t:p("after 20", fun() ->
        T0 = erlang:monotonic_time(millisecond),
        receive x -> x after 20 -> erlang:monotonic_time(millisecond) - T0 >= 20 end end),
    t:p("bad timeout", fun() -> receive x -> x after t:id(-1) -> no end end),
    t:p("infinity", fun() -> self() ! hi, receive X -> X after infinity -> never end end),
    t:p("ref trick", fun() -> flood(5000), call(spawn(fun server/0), 20) end),
    flush(),
    t:p("copy", fun() -> Big = [{I, <<I:64>>, #{i => I}} || I <- lists:seq(1, 1000)], echo(Big) =:= Big end),
    t:p("large binary", fun() -> B = binary:copy(<<"x">>, 100000), echo(B) =:= B end),
    t:p("ring", fun() -> ring(200, 100) end),
    t:p("many to one", fun() -> Me = self(), [spawn(fun() -> [Me ! {n, I} || I <- lists:seq(1, 100)] end) || _ <- lists:seq(1, 50)],
        lists:sum([receive {n, I} -> I end || _ <- lists:seq(1, 5000)]) end),
    t:p("names", fun() -> register(me, self()), me ! hello, R = receive X -> X end,
        {R, whereis(me) =:= self(), lists:member(me, registered()), unregister(me), whereis(me)} end),
    t:p("register twice", fun() -> register(aa, self()), try register(bb, self()) after unregister(aa) end end),
    t:p("send to nobody", fun() -> no_such_name ! x end),
    t:p("send to dead", fun() -> P = spawn(fun() -> ok end), timer:sleep(10), P ! x end),
    t:p("name and node", fun() -> register(me, self()), {me, node()} ! n, R = receive X -> X end, unregister(me), R end),
    t:p("alias", fun() -> A = alias(), A ! one, X = receive M -> M end, unalias(A), A ! two, [X | receive Y -> [Y] after 10 -> [] end] end),
    t:p("alias reply", fun() -> A = alias([reply]), A ! one, A ! two, receive X -> [X | receive Y -> [Y] after 10 -> [] end] end end),
    t:p("queue length", fun() -> [self() ! x || _ <- lists:seq(1, 7)], N = process_info(self(), message_queue_len), flush(), N end),
    t:p("messages", fun() -> self() ! {a, 1}, self() ! b, M = process_info(self(), messages), flush(), M end),
    t:p("timers", fun() -> [erlang:send_after(Ms, self(), Ms) || Ms <- [30, 10, 20]], [receive X -> X end || _ <- "abc"] end),
    t:p("cancel", fun() -> R = erlang:start_timer(60000, self(), x), Left = erlang:cancel_timer(R),
        {Left > 50000, erlang:cancel_timer(R), erlang:read_timer(R)} end),
    t:p("start_timer", fun() -> R = erlang:start_timer(1, self(), x), receive {timeout, R, X} -> X end end),
    t:p("hibernate", fun() -> P = spawn(fun() -> erlang:hibernate(erlang, apply, [fun() -> receive {F, M} -> F ! M end end, []]) end),
        timer:sleep(20), P ! {self(), woken}, receive X -> X after 1000 -> never end end).

server() -> receive {From, Ref, X} -> From ! {Ref, X + 1}, server() end.
call(_, 0) -> done;
call(P, N) -> Ref = make_ref(), P ! {self(), Ref, N}, receive {Ref, X} when X =:= N + 1 -> call(P, N - 1) end.
flood(N) -> [self() ! {noise, I} || I <- lists:seq(1, N)].
flush() -> receive _ -> flush() after 0 -> ok end.
echo(X) ->
    P = spawn(fun() -> receive {F, M} -> F ! {self(), M} end end),
    P ! {self(), X},
    receive {P, Y} -> Y end.
ring(Size, Laps) ->
    Me = self(),
    Last = lists:foldl(fun(_, Next) -> spawn(fun() -> forward(Next) end) end, Me, lists:seq(1, Size)),
    [begin Last ! L, receive L -> ok end end || L <- lists:seq(1, Laps)],
    Last ! stop,
    receive stop -> {Size, Laps} end.
forward(Next) -> receive stop -> Next ! stop; X -> Next ! X, forward(Next) end.
