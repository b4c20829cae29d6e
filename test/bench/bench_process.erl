%% SPDX-License-Identifier: Apache-2.0
%% bench_process - processes, messages, timers, garbage collection, both processors.
-module(bench_process).
-behaviour(gen_server).
-export([cases/0, init/1, handle_call/3, handle_cast/2]).

cases() ->
    [{spawn_exit, message, fun none/0, fun(_) -> spawns(100000) end},
     {spawn_link_monitor, message, fun none/0, fun(_) -> monitors(40000) end},
     {ring, message, fun() -> ring(100) end, fun(R) -> hops(R, 400000) end},
     {ping_pong, message, fun() -> spawn_link(fun pong/0) end, fun(P) -> pings(P, 300000) end},
     {big_messages, message, fun() -> {spawn_link(fun pong/0), lists:seq(1, 1000)} end, fun({P, L}) -> big(P, L, 8000) end},
     {selective_receive, message, fun none/0, fun(_) -> selective(700) end},
     {gen_server_call, message, fun() -> {ok, P} = gen_server:start_link(?MODULE, 0, []), P end,
      fun(P) -> [gen_server:call(P, add) || _ <- lists:seq(1, 100000)], ok end},
     {many_to_one, message, fun none/0, fun(_) -> fan_in(100, 2000) end},
     {fan_out, message, fun() -> [spawn_link(fun pong/0) || _ <- lists:seq(1, 5000)] end, fun fan_out/1},
     {timers, message, fun none/0, fun(_) -> timers(60000) end},
     {receive_after_zero, message, fun none/0, fun(_) -> after_zero(2000000) end},
     {gc_little_live, gc, fun none/0, fun(_) -> garbage(3000000, []) end},
     {gc_much_live, gc, fun() -> tree(200000, gb_trees:empty()) end, fun(T) -> {gb_trees:size(T), garbage(2000000, [])} end},
     {gc_growing, gc, fun none/0, fun(_) -> length(grow(1500000, [])) end},
     {gc_binaries, gc, fun none/0, fun(_) -> binaries(300000) end},
     {parallel_code, parallel, fun none/0, fun(_) -> parallel(4, fun() -> fib(28) end) end},
     {parallel_lists, parallel, fun none/0, fun(_) -> parallel(8, fun() -> lists:sum(lists:sort([X * 7919 rem 10007 || X <- lists:seq(1, 60000)])) end) end},
     {parallel_messages, parallel, fun none/0, fun(_) -> parallel(4, fun() -> P = spawn_link(fun pong/0), pings(P, 60000), P ! stop, ok end), ok end}].

none() -> none.
fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

spawns(0) -> ok;
spawns(N) ->
    Me = self(),
    spawn(fun() -> Me ! done end),
    receive done -> spawns(N - 1) end.
monitors(0) -> ok;
monitors(N) ->
    {P, R} = spawn_monitor(fun() -> receive go -> ok end end),
    link(P), unlink(P), P ! go,
    receive {'DOWN', R, process, P, normal} -> monitors(N - 1) end.

ring(N) -> lists:foldl(fun(_, Next) -> spawn_link(fun() -> node_of(Next) end) end, self(), lists:seq(1, N)).
node_of(Next) -> receive M -> Next ! M, node_of(Next) end.
hops(R, N) ->
    R ! {token, N},
    receive {token, M} when M > 101 -> hops(R, M - 101); {token, _} -> ok end.
pong() ->
    receive
        {P, M} -> P ! M, pong();
        stop -> ok
    end.
pings(_, 0) -> ok;
pings(P, N) -> P ! {self(), N}, receive N -> pings(P, N - 1) end.
big(_, L, 0) -> length(L);
big(P, L, N) -> P ! {self(), L}, receive M -> big(P, M, N - 1) end.
selective(N) ->
    [self() ! {k, I} || I <- lists:seq(1, N)],
    [receive {k, I} -> I end || I <- lists:seq(N, 1, -1)],
    if N > 650 -> selective(N - 1); true -> ok end.
init(N) -> {ok, N}.
handle_call(add, _, N) -> {reply, N, N + 1}.
handle_cast(_, N) -> {noreply, N}.
fan_in(P, N) ->
    Me = self(),
    [spawn_link(fun() -> [Me ! {m, I} || I <- lists:seq(1, N)] end) || _ <- lists:seq(1, P)],
    drain(P * N, 0).
drain(0, S) -> S;
drain(N, S) -> receive {m, I} -> drain(N - 1, S + I) end.
fan_out(Ps) ->
    lists:sum([begin [P ! {self(), 1} || P <- Ps], drain1(length(Ps), 0) end || _ <- lists:seq(1, 12)]).
drain1(0, S) -> S;
drain1(N, S) -> receive 1 -> drain1(N - 1, S + 1) end.
timers(N) ->
    Rs = [erlang:send_after(100000 + I, self(), x) || I <- lists:seq(1, N)],
    [erlang:cancel_timer(R) || R <- Rs],
    [erlang:start_timer(0, self(), I) || I <- lists:seq(1, N)],
    [receive {timeout, _, _} -> ok end || _ <- lists:seq(1, N)], ok.
after_zero(0) -> ok;
after_zero(N) -> receive never -> no after 0 -> after_zero(N - 1) end.

garbage(0, L) -> L;
garbage(N, _) -> garbage(N - 1, [N, {N, N}, [N | N]]).
tree(0, T) -> T;
tree(N, T) -> tree(N - 1, gb_trees:enter(N * 7919 rem 1000003, {N, N}, T)).
grow(0, L) -> L;
grow(N, L) -> grow(N - 1, [{N, [N]} | L]).
binaries(0) -> ok;
binaries(N) -> B = <<N:32, 0:2400>>, <<_:64, _/binary>> = B, binaries(N - 1).

parallel(N, F) ->
    Me = self(),
    Ps = [spawn_link(fun() -> Me ! {self(), F()} end) || _ <- lists:seq(1, N)],
    [receive {P, R} -> R end || P <- Ps].
