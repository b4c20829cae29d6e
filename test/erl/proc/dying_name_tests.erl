%% SPDX-License-Identifier: Apache-2.0
%% Names and timers given to processes that die at this moment: once one is down its name is free and its timers are gone.
-module(dying_name_tests).
-export([main/0]).

main() ->
    Workers = [spawn_monitor(fun() -> work(name(W), 3000) end) || W <- lists:seq(1, 4)],
    [receive {'DOWN', Ref, process, Pid, Reason} -> t:p(W, Reason) end || {W, {Pid, Ref}} <- lists:enumerate(Workers)],
    t:p(names, [N || W <- lists:seq(1, 4), N <- [name(W)], whereis(N) =/= undefined]).

name(W) -> list_to_atom("dying_name_" ++ integer_to_list(W)).

work(_, 0) -> ok;
work(Name, N) ->
    Pid = spawn(fun() -> live(N rem 3) end),
    N rem 5 =:= 0 andalso exit(Pid, kill),
    Registered = try register(Name, Pid) catch error:badarg -> badarg end,
    Timer = erlang:send_after(1000000, Pid, hello),
    Short = erlang:start_timer(3, Pid, x),
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    undefined = whereis(Name),
    true = lists:member(Registered, [true, badarg]),
    gone(Timer),
    gone(Short),
    work(Name, N - 1).

live(0) -> ok;
live(1) -> receive go -> ok after 0 -> ok end;
live(2) -> erlang:yield().

gone(Timer) -> erlang:read_timer(Timer) =:= false orelse (erlang:yield() andalso gone(Timer)).
