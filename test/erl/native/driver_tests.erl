%% SPDX-License-Identifier: Apache-2.0
%% A linked-in driver of a shared library (driver_tests.c), and erl_ddll.
-module(driver_tests).
-export([main/0]).

-define(NAME, "driver_tests").

main() ->
    process_flag(trap_exit, true),
    native:build(?NAME),
    t:p("unknown", fun() -> open_port({spawn_driver, ?NAME}, []) end),
    t:p("no library", fun() -> {error, {open_error, N}} = erl_ddll:try_load(".", "no_such_driver", []), is_integer(N) end),
    t:p("load", fun() -> erl_ddll:try_load(".", ?NAME, []) end),
    t:p("again", fun() -> {erl_ddll:try_load(".", ?NAME, []), erl_ddll:info(driver_tests, processes) =:= [{self(), 2}]} end),
    t:p("unload once", fun() -> erl_ddll:try_unload(?NAME, []) end),
    t:p("bad start", fun() -> open_port({spawn_driver, ?NAME ++ " bad"}, []) end),
    P = open_port({spawn, ?NAME}, [binary]),
    t:p("count", fun() -> [erl_ddll:info(?NAME, I) || I <- [port_count, linked_in_driver, permanent, driver_options]] end),
    t:p("control", fun() -> {port_control(P, 0, ""), port_control(P, 10, ["abc", <<0:1000>>])} end),
    t:p("bad control", fun() -> port_control(P, 9, "") end),
    t:p("call", fun() -> erlang:port_call(P, 1, {a, "b", lists:seq(1, 300)}) end),
    t:p("queue", fun() -> port_command(P, ["ab", binary:copy(<<"c">>, 70), $d]), {queue_size, N} = erlang:port_info(P, queue_size),
        port_control(P, 1, ""), {N, next(P)} end),
    t:p("timer", fun() -> port_control(P, 2, ""), next(P) end),
    t:p("long timeout", fun() -> erlang:system_monitor(self(), [{long_schedule, 2}]), port_control(P, 2, ""),
        R = receive {monitor, P, long_schedule, [{timeout, T}, Operation]} -> {T >= 2, Operation} after 5000 -> timeout end,
        erlang:system_monitor(undefined), {R, next(P)} end),
    t:p("async", fun() -> port_control(P, 3, "12345"), receive M when element(1, M) =:= done -> setelement(8, M, maps:keys(element(8, M))) after 5000 -> timeout end end),
    t:p("select", fun() -> port_control(P, 4, "through the pipe"), R = [next(P), next(P)], port_control(P, 5, ""), R end),
    t:p("monitor", fun() -> spawn(fun() -> port_control(P, 6, "") end), next(P) end),
    t:p("busy", fun() -> port_control(P, 7, "x"), A = port_command(P, "y", [nosuspend]), S = self(),
        spawn(fun() -> S ! {written, port_command(P, "z")} end), B = receive {written, _} -> early after 50 -> waits end,
        port_control(P, 7, ""), C = receive {written, W} -> W after 5000 -> timeout end, {A, B, C} end),
    t:p("force", fun() -> port_control(P, 7, "x"), try port_command(P, "y", [force]) after port_control(P, 7, "") end end),
    t:p("flush", fun() -> port_command(P, "left"), unlink(P), M = erlang:monitor(port, P), port_close(P),
        R = receive {'DOWN', M, port, P, W} -> W after 5000 -> timeout end, {R, receive {said, S} -> S after 0 -> nothing end} end),
    t:p("failure", fun() -> Q = open_port({spawn, ?NAME}, []), port_control(Q, 8, ""), receive {'EXIT', Q, R} -> R after 5000 -> timeout end end),
    t:p("lock of a port that is gone", fun() -> Q = open_port({spawn, ?NAME}, []), port_control(Q, 11, ""), exit(Q, kill), receive {'EXIT', Q, _} -> ok end,
        Q2 = open_port({spawn, ?NAME}, []), t:wait(fun() -> port_control(Q2, 12, "") =/= <<0>> end), S = port_control(Q2, 12, ""), port_close(Q2), S end),
    t:p("commands while it is held", fun() -> Q = held(""), S = self(), [spawn(fun() -> commands(Q, S, W, 50), port_control(Q, 0, ""), S ! {sent, W} end) || W <- "ab"],
        [receive {sent, W} -> ok end || W <- "ab"], given(Q, "ab") end),
    t:p("busy when they come", fun() -> Q = held("x"), S = self(), spawn(fun() -> commands(Q, S, $a, 50), S ! sent end),
        timer:sleep(150), port_control(Q, 7, ""), receive sent -> ok end, port_control(Q, 0, ""), given(Q, "a") end),
    t:p("others behind them", fun() -> Q = held("x"), S = self(), spawn(fun() -> commands(Q, S, $a, 3), S ! {nosuspend, port_command(Q, "n", [nosuspend])},
            S ! {size, erlang:port_info(Q, output)} end), A = receive {nosuspend, R} -> R after 5000 -> timeout end, B = receive {size, _} -> early after 50 -> waits end,
        port_control(Q, 7, ""), C = receive {size, N} -> N after 5000 -> timeout end, port_control(Q, 0, ""), {A, B, C, given(Q, "an")} end),
    t:p("closed when they come", fun() -> Q = held(""), S = self(), [spawn(fun() -> commands(Q, S, $a, 50) end) || _ <- "12345"], timer:sleep(20), exit(Q, kill),
        receive {'EXIT', Q, R} -> R end end),
    t:p("owner gone when they come", fun() -> S = self(), spawn(fun() -> Q = held("x"), S ! {port, Q}, commands(Q, self(), $a, 50) end),
        Q = receive {port, Q0} -> Q0 end, M = erlang:monitor(port, Q), A = receive {'DOWN', M, port, Q, _} -> early after 200 -> waits end,
        port_control(Q, 7, ""), {A, receive {'DOWN', M, port, Q, R} -> R after 5000 -> timeout end} end),
    t:p("not from the owner", fun() -> Q = held(""), X = self(), spawn(fun() -> Q ! {self(), {command, "a"}}, X ! sent end),
        receive sent -> ok end, port_control(Q, 0, ""), R = receive {'EXIT', Q, W} -> W after 100 -> alive end, catch port_close(Q), R end),
    t:p("pending", fun() -> Q = open_port({spawn, ?NAME}, []), {ok, pending_driver, Ref} = erl_ddll:try_unload(?NAME, [{monitor, pending_driver}]),
        A = receive {'DOWN', Ref, _, _, _} -> early after 50 -> waits end, port_close(Q),
        {A, receive {'DOWN', Ref, driver, N, W} -> {N, W} after 5000 -> timeout end} end),
    t:p("gone", fun() -> open_port({spawn_driver, ?NAME}, []) end),
    t:p("kill ports", fun() -> {ok, loaded} = erl_ddll:try_load(".", ?NAME, [{driver_options, [kill_ports]}]), Q = open_port({spawn, ?NAME}, []),
        {ok, pending_driver} = erl_ddll:try_unload(?NAME, []), receive {'EXIT', Q, R} -> R after 5000 -> timeout end end),
    t:p("format", fun() -> [is_list(erl_ddll:format_error(E)) || E <- [not_loaded, permanent, inconsistent, {open_error, -10}]] end).

%% A port inside of whose driver another process is.
held(Busy) ->
    Q = open_port({spawn, ?NAME}, [binary]),
    spawn(fun() -> port_control(Q, 13, Busy) end),
    timer:sleep(20),
    Q.

commands(Q, Owner, W, N) -> [Q ! {Owner, {command, <<W, I>>}} || I <- lists:seq(1, N)].

%% How many commands of each have come, and whether in order.
given(Q, Ws) ->
    port_control(Q, 1, ""),
    [$H | All] = next(Q),
    port_close(Q),
    [begin L = [I || <<X, I>> <= iolist_to_binary([All]), X =:= W], {length(L), L =:= lists:sort(L)} end || W <- Ws].

next(P) ->
    receive
        {P, {data, D}} -> D;
        {P, {said, W}} -> W;
        {said, W} -> W
    after 5000 -> timeout
    end.
