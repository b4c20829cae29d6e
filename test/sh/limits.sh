# SPDX-License-Identifier: Apache-2.0
# Limits of the command line and of the machine: a documented error, and work goes on.
cat >limits.erl <<'END'
-module(limits).
-compile([export_all, nowarn_export_all]).

outcome(F) -> try F() catch C:R -> {C, R} end.

%% Calls F until it fails, at most N times.
fill(_, 0, A) -> {none, A};
fill(F, N, A) -> try F(N) of X -> fill(F, N - 1, [X | A]) catch C:R -> {{C, R}, A} end.

procs() ->
    logger:set_primary_config(level, none),
    Max = erlang:system_info(process_limit),
    {Why, Pids} = fill(fun(_) -> spawn(fun() -> receive stop -> ok end end) end, 2 * Max, []),
    io:format("~p ~p ~p~n", [Max, Why, erlang:system_info(process_count) =:= Max]),
    F = fun() -> ok end,
    io:format("~p~n", [[outcome(S) || S <- [fun() -> spawn_link(F) end, fun() -> spawn_monitor(F) end,
                                            fun() -> spawn_opt(F, [link, {priority, low}]) end]]]),
    R = spawn_request(F),
    io:format("~p~n", [receive {spawn_reply, R, E, W} -> {E, W} end]),
    io:format("~p~n", [whereis(init) =:= hd(processes())]),
    Refs = [monitor(process, P) || P <- Pids],
    [exit(P, kill) || P <- Pids],
    [receive {'DOWN', Ref, _, _, killed} -> ok end || Ref <- Refs],
    io:format("~p~n", [is_pid(spawn(F))]).

ports() ->
    Max = erlang:system_info(port_limit),
    {Why, Ports} = fill(fun(_) -> open_port({fd, 0, 1}, [out]) end, 2 * Max, []),
    io:format("~p ~p ~p~n", [Max, Why, erlang:system_info(port_count) =:= Max]),
    io:format("~p~n", [[outcome(F) || F <- [fun() -> gen_tcp:listen(0, []) end, fun() -> gen_udp:open(0, []) end,
                                            fun() -> open_port({spawn, "cat"}, []) end]]]),
    [port_close(P) || P <- Ports],
    {ok, S} = gen_tcp:listen(0, []),
    io:format("~p~n", [is_port(S)]).

tables() ->
    {Why, Tables} = fill(fun(_) -> ets:new(t, []) end, 20000, []),
    io:format("~p ~p ~p~n", [erlang:system_info(ets_limit), Why, length(Tables)]).

heap() ->
    logger:set_primary_config(level, none),
    [io:format("~p~n", [element(1, ended(fun() -> grow([]) end, O))]
     ) || O <- [10000, #{size => 10000, kill => true}, #{size => 10000, error_logger => false}]],
    io:format("~p~n", [element(1, ended(fun() -> exit(length(big_binaries(100))) end, #{size => 10000}))]),
    io:format("~p~n", [[outcome(fun() -> process_flag(max_heap_size, X) end)
                        || X <- [#{size => 10}, 10, #{size => 100000, include_shared_binaries => true}, 0, a, #{a => b}, -1]]]),
    io:format("~p~n", [outcome(fun() -> spawn_opt(fun() -> ok end, [{max_heap_size, 100}]) end)]).

ended(F, O) ->
    {P, R} = spawn_opt(F, [monitor, {max_heap_size, O}]),
    receive {'DOWN', R, process, P, Why} -> {Why} end.

grow(L) -> grow([L, L | L]).
big_binaries(0) -> [];
big_binaries(N) -> [binary:copy(<<N>>, 10000) | big_binaries(N - 1)].

numbers() ->
    One = binary_to_term(term_to_binary(1)), % unknown to the compiler
    io:format("~p~n", [[outcome(fun() -> is_integer(One bsl N) end)
                        || N <- [33554367, 33554368, One bsl 40, One bsl 70, -(One bsl 70)]]]),
    Big = One bsl 33554000,
    io:format("~p~n", [outcome(fun() -> is_integer(Big * (One bsl 366)) end)]),
    io:format("~p~n", [outcome(fun() -> is_integer(Big * (One bsl 368)) end)]),
    io:format("~p~n", [[outcome(F) || F <- [
                                            fun() -> <<0:(-One)>> end,
                                            fun() -> erlang:make_tuple(One bsl 24, a) end,
                                            fun() -> size(erlang:make_tuple(One bsl 24 - 1, a)) end,
                                            fun() -> list_to_atom(lists:duplicate(256, $a)) end,
                                            fun() -> binary_to_atom(binary:copy(<<"a">>, 256)) end]]]).

%% Nested so deep that recursion in C would not survive.
deep() ->
    D = lists:foldl(fun(_, T) -> {[T]} end, x, lists:seq(1, 1000000)),
    E = lists:foldl(fun(_, T) -> {[T]} end, y, lists:seq(1, 1000000)),
    io:format("~p ~p ~p~n", [D < E, D =:= E, erlang:phash2(D) =:= erlang:phash2(E)]),
    T = ets:new(t, []),
    ets:insert(T, {1, D}),
    io:format("~p~n", [ets:lookup(T, 1) =:= [{1, D}]]),
    erlang:garbage_collect(),
    B = term_to_binary(D),
    io:format("~p ~p~n", [size(B), binary_to_term(B) =:= D]),
    Me = self(),
    spawn(fun() -> Me ! {back, D} end),
    io:format("~p~n", [receive {back, X} -> X =:= D end]),
    put(d, #{D => E}),
    io:format("~p~n", [get(d) =:= #{D => E}]),
    io:format("~p~n", [down(3000000)]).

down(0) -> 0;
down(N) -> 1 + down(N - 1).

%% The table of the process's descriptors is full.
files() ->
    io:format("files~n"), % needs its module
    {Why, Files} = fill(fun(_) -> {ok, F} = file:open("limits.erl", [read, raw]), F end, 200, []),
    {error, {badmatch, Error}} = Why,
    Others = [file:list_dir("."), file:open("limits.erl", [read, raw])],
    [file:close(F) || F <- Files],
    io:format("~p ~p~n", [Error, Others]), % now that its modules can be loaded
    io:format("~p~n", [element(1, file:read_file("limits.erl"))]).

END
erlc limits.erl
limit() { # FLAGS.. FUNCTION
    erl -noshell "${@:1:$#-1}" -s limits "${!#}" -s erlang halt
    echo "${!#}: status $?"
}
limit +P 1024 procs
limit +Q 1024 ports
limit +e 500 tables
limit heap
limit numbers
limit deep
(ulimit -n 60; limit files)
