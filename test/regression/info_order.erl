%% SPDX-License-Identifier: Apache-2.0
%% The order of links and binaries in process_info/2: programs match on it.
-module(info_order).
-export([main/0]).

main() ->
    Others = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 8)],
    Orders = [[1, 2, 3], [3, 2, 1], [2, 1, 3], [5, 1, 7, 2, 8, 3, 6, 4], [8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8]],
    [run(fun() -> links(Others, Order) end) || Order <- Orders],
    run(fun binaries/0).

run(F) ->
    {_, Ref} = spawn_monitor(F),
    receive {'DOWN', Ref, _, _, normal} -> ok end.

links(Others, Order) ->
    Place = fun(X) -> string:str(Others, [X]) end,
    [link(lists:nth(I, Others)) || I <- Order],
    _ = open_port({spawn, "cat"}, []), % 0 in the list
    [erlang:monitor(process, lists:nth(I, Others)) || I <- Order],
    {links, L} = process_info(self(), links),
    {monitors, M} = process_info(self(), monitors),
    % monitors come in the order of references, which differs from run to run
    io:format("~w ~w ~w~n", [Order, [Place(X) || X <- L], lists:sort([Place(X) || {process, X} <- M])]).

binaries() ->
    A = [binary:copy(<<"a">>, N) || N <- [100, 200, 300]],
    io:format("~w~n", [sizes()]),
    erlang:garbage_collect(),
    io:format("~w~n", [sizes()]),
    B = [binary:copy(<<"b">>, N) || N <- [400, 500]],
    erlang:garbage_collect(self(), [{type, minor}]),
    io:format("~w~n", [sizes()]),
    C = binary:copy(<<"c">>, 600),
    erlang:garbage_collect(self(), [{type, minor}]),
    erlang:garbage_collect(self(), [{type, minor}]),
    io:format("~w~n", [sizes()]),
    erlang:garbage_collect(),
    io:format("~w ~w~n", [sizes(), erlang:phash2({A, B, C})]).

sizes() ->
    {binary, L} = process_info(self(), binary),
    [Size || {_, Size, _} <- L].
