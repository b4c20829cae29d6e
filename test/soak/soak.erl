%% SPDX-License-Identifier: Apache-2.0
%% A generated mix of work whose results are known, on all schedulers, for some seconds:
%%   erl -s soak run SEED SECONDS ACTORS
%% Each actor is a process that does one thing after the other (soak_work, soak_more: name and function of a random
%% state), chosen by its part of the seed. A wrong result, one that does not come, a process, port, table or
%% message left over, or memory that does not return to its level ends the run with status 1.
-module(soak).
-export([run/1]).

-define(PATIENCE, 300000).      % ms, for one piece of work on a slow build
-define(SLACK, 2 * 1024 * 1024). % 300 KB is usual, after ten seconds as after half an hour

run(Args) ->
    [Seed, Seconds, Actors] = [list_to_integer(atom_to_list(A)) || A <- Args],
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    Work = soak_work:all() ++ soak_more:all(),
    [one(Name, Fun, {Seed, 0, I}) || {I, {Name, Fun}} <- number(Work)], % loads code, fills caches
    io:format("seed ~p, ~p s, ~p actors~n", [Seed, Seconds, Actors]),
    Before = level(),
    End = erlang:monotonic_time(millisecond) + Seconds * 1000,
    Main = self(),
    Pids = [spawn_link(fun() -> actor(Main, {Seed, I}, End, list_to_tuple(Work)) end) || I <- lists:seq(1, Actors)],
    Done = lists:append([wait(P) || P <- Pids]),
    Counts = [{Name, length([N || N <- Done, N =:= Name])} || {Name, _} <- Work],
    io:format("~p pieces of work: ~w~n", [length(Done), Counts]),
    returned(Before, 100),
    erlang:halt(0).

number(L) -> lists:zip(lists:seq(1, length(L)), L).

wait(P) ->
    receive
        {P, done, Names} -> receive {'EXIT', P, normal} -> Names end;
        {'EXIT', P, Why} -> failed("an actor ended: ~p", [Why])
    end.

failed(Format, Args) ->
    io:format("FAILED: " ++ Format ++ "~n", Args),
    erlang:halt(1).

actor(Main, {Seed, I}, End, Work) ->
    process_flag(trap_exit, true),
    actor(Main, {Seed, I, 1}, End, Work, []).

actor(Main, {Seed, I, N} = Place, End, Work, Done) ->
    case erlang:monotonic_time(millisecond) >= End of
        true -> Main ! {self(), done, Done};
        false ->
            {Which, _} = rand:uniform_s(tuple_size(Work), rand:seed_s(exsss, Place)),
            {Name, Fun} = element(Which, Work),
            one(Name, Fun, Place),
            actor(Main, {Seed, I, N + 1}, End, Work, [Name | Done])
    end.

%% One piece of work, in a process of its own. What it says must be ok; it must leave nothing behind.
one(Name, Fun, Place) ->
    {P, Ref} = spawn_monitor(fun() ->
        _ = rand:seed(exsss, Place),
        put(place, Place),
        exit({result, Fun()})
    end),
    receive
        {'DOWN', Ref, process, P, {result, ok}} -> ok;
        {'DOWN', Ref, process, P, Other} -> failed("~p at ~p: ~p", [Name, Place, Other])
    after ?PATIENCE ->
        failed("~p at ~p does not end: ~p", [Name, Place, catch process_info(P)])
    end,
    receive
        {'EXIT', Linked, Why} when Why =/= normal -> failed("~p at ~p: stray exit ~p of ~p", [Name, Place, Why, Linked])
    after 0 -> ok
    end.

%% ---- what must be as it was ----

level() ->
    [erlang:garbage_collect(P) || P <- processes()],
    {length(processes()), length(erlang:ports()), length(ets:all()), length(registered()),
     erlang:memory(total) - erlang:memory(code) - erlang:memory(atom)}.

returned({P, O, T, R, M}, Tries) ->
    case level() of
        {P, O, T, R, Now} when Now =< M + ?SLACK ->
            io:format("memory ~p before, ~p after~n", [M, Now]);
        Level when Tries =:= 0 ->
            failed("left over: {processes, ports, tables, names, bytes} ~p -> ~p~n~p~n~p",
                   [{P, O, T, R, M}, Level, [process_info(X, [current_stacktrace, initial_call]) || X <- processes()],
                    erlang:memory()]);
        _ ->
            receive after 100 -> ok end,
            returned({P, O, T, R, M}, Tries - 1)
    end.
