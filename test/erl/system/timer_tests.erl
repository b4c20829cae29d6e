%% SPDX-License-Identifier: Apache-2.0
%% erlang:start_timer and its family: options, answers, order, the end of receivers.
-module(timer_tests).
-export([main/0]).

main() ->
    Long = 100000,
    bad_arguments(),
    t:p("fires once", fun() -> R = erlang:start_timer(1, self(), x), [receive {timeout, R, x} -> got end | all(20)] end),
    t:p("send_after", fun() -> erlang:send_after(1, self(), hi), receive X -> X end end),
    t:p("abs", fun() -> T = erlang:monotonic_time(millisecond) + 20, erlang:start_timer(T, self(), x, [{abs, true}]),
        receive {timeout, _, x} -> erlang:monotonic_time(millisecond) >= T end end),
    t:p("past", fun() -> erlang:start_timer(erlang:monotonic_time(millisecond) - 100, self(), x, [{abs, true}]), receive {timeout, _, M} -> M end end),
    t:p("never early", fun() -> lists:usort([early(N) || N <- [0, 1, 2, 3, 7, 15, 33]]) end),
    t:p("order", fun() -> [erlang:send_after(N, self(), N) || N <- [40, 10, 30, 20, 0]],
        [receive X -> X end || _ <- "abcde"] end),
    t:p("cancel", fun() -> R = erlang:start_timer(Long, self(), x), {near(erlang:cancel_timer(R)), erlang:cancel_timer(R), all(5)} end),
    t:p("read", fun() -> R = erlang:start_timer(Long, self(), x), L = near(erlang:read_timer(R)), erlang:cancel_timer(R), {L, erlang:read_timer(R)} end),
    t:p("async", fun() -> R = erlang:start_timer(Long, self(), x), A = erlang:cancel_timer(R, [{async, true}]),
        {A, receive {cancel_timer, R, L} -> near(L) end} end),
    t:p("async, no info", fun() -> R = erlang:start_timer(Long, self(), x), {erlang:cancel_timer(R, [{async, true}, {info, false}]), all(10)} end),
    t:p("no info", fun() -> erlang:cancel_timer(erlang:start_timer(Long, self(), x), [{info, false}]) end),
    t:p("async read", fun() -> R = erlang:start_timer(Long, self(), x), ok = erlang:read_timer(R, [{async, true}]),
        receive {read_timer, R, L} -> near(L) end end),
    t:p("unknown", fun() -> {erlang:cancel_timer(make_ref()), erlang:read_timer(make_ref())} end),
    t:p("by name", fun() -> register(by_name, self()), erlang:send_after(5, by_name, named), R = receive X -> X end, unregister(by_name), R end),
    t:p("name gone", fun() -> erlang:send_after(1, nobody_has_this_name, x), timer:sleep(10), ok end),
    t:p("dead receiver", fun() -> P = spawn(fun() -> ok end), wait_dead(P), erlang:cancel_timer(erlang:start_timer(Long, P, x)) end),
    t:p("receiver dies", fun() -> P = spawn(fun() -> receive stop -> ok end end), R = erlang:start_timer(Long, P, x),
        L = near(erlang:read_timer(R)), P ! stop, wait_dead(P), t:wait(fun() -> erlang:read_timer(R) =:= false end), {L, erlang:read_timer(R)} end),
    t:p("another cancels", fun() -> Me = self(), R = erlang:start_timer(Long, self(), x),
        spawn(fun() -> Me ! {cancelled, near(erlang:cancel_timer(R))} end), receive M -> M end end),
    t:p("many", fun() -> [erlang:send_after(N rem 50, self(), N) || N <- lists:seq(1, 20000)],
        length(lists:usort([receive X -> X end || _ <- lists:seq(1, 20000)])) end),
    t:p("many cancelled", fun() -> Rs = [erlang:send_after(1000000 + N, self(), N) || N <- lists:seq(1, 20000)],
        length([x || R <- Rs, is_integer(erlang:cancel_timer(R))]) end),
    t:p("receive after in a crowd", fun() -> Me = self(), [spawn(fun() -> receive after N rem 30 -> Me ! N end end) || N <- lists:seq(1, 2000)],
        length([receive N when is_integer(N) -> N end || _ <- lists:seq(1, 2000)]) end).

bad_arguments() ->
    [t:p(io_lib:format("~p~p", [F, A]), fun() -> cause(F, A) end) ||
        {F, A} <- [{send_after, [-1, self_, x]}, {send_after, [x, self_, x]}, {send_after, [1, {a}, x]},
                   {send_after, [1 bsl 70, a, x]}, {start_timer, [1, a, x, [foo]]}, {start_timer, [-1, {a}, x, [foo]]},
                   {start_timer, [1, a, x, [{abs, 1}]]}, {start_timer, [1, a, x, foo]}, {cancel_timer, [a]},
                   {cancel_timer, [t:id(not_a_ref), foo]}, {read_timer, [x]}]].

cause(F, A) ->
    try apply(erlang, F, A) of
        R -> is_reference(R)
    catch C:R:Stack -> {C, R, proplists:get_value(error_info, element(4, hd(Stack)))}
    end.

all(Ms) -> receive X -> [X | all(Ms)] after Ms -> [] end.
near(N) when is_integer(N), N > 90000, N =< 100000 -> near;
near(Other) -> Other.
early(N) -> T = erlang:monotonic_time(), receive after N -> ok end, erlang:monotonic_time() - T < N * 1000000.
wait_dead(P) -> t:wait(fun() -> not is_process_alive(P) end).
