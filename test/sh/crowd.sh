# SPDX-License-Identifier: Apache-2.0
# A server with 10,000 connections open at once, each of which echoes, from a second VM. They end by halt: at
# init:stop the reference sometimes tells that its logger lost its handler.
cat >crowd.erl <<'END'
-module(crowd).
-export([server/0, client/1]).
-define(COUNT, 10000).
-define(OPTS, [binary, {packet, 2}, {active, false}]).

server() ->
    {ok, L} = gen_tcp:listen(0, [{ip, {127,0,0,1}}, {backlog, 1024} | ?OPTS]),
    {ok, Port} = inet:port(L),
    Main = self(),
    [spawn_link(fun() -> accept(L, Main) end) || _ <- lists:seq(1, 8)],
    ok = file:write_file("port.new", integer_to_list(Port)),
    ok = file:rename("port.new", "port"),
    Before = erlang:memory(total),
    [receive accepted -> ok end || _ <- lists:seq(1, ?COUNT)],
    io:format("server: ~w open, ~w~n", [open(), (erlang:memory(total) - Before) div ?COUNT < 20000]),
    [receive gone -> ok end || _ <- lists:seq(1, ?COUNT)],
    io:format("server: ~w open~n", [open()]).

open() -> length([P || P <- erlang:ports(), erlang:port_info(P, name) =:= {name, "tcp_inet"}]) - 1.

accept(L, Main) ->
    {ok, S} = gen_tcp:accept(L),
    Main ! accepted,
    Pid = spawn(fun() -> receive go -> echo(S) end, Main ! gone end),
    ok = gen_tcp:controlling_process(S, Pid),
    Pid ! go,
    accept(L, Main).

echo(S) ->
    inet:setopts(S, [{active, once}]),
    receive
        {tcp, S, Data} -> ok = gen_tcp:send(S, Data), echo(S);
        {tcp_closed, S} -> ok
    end.

client([Port]) ->
    Sockets = [connect(list_to_integer(atom_to_list(Port))) || _ <- lists:seq(1, ?COUNT)],
    [all(Sockets, Round) || Round <- lists:seq(1, 3)],
    [ok = gen_tcp:close(S) || S <- Sockets],
    io:format("client: ~w answered three times~n", [length(Sockets)]).

%% A full backlog resets, or the kernel says so otherwise: a client tries again.
connect(Port) ->
    case gen_tcp:connect({127,0,0,1}, Port, ?OPTS) of
        {ok, S} -> S;
        {error, _} -> timer:sleep(10), connect(Port)
    end.

all(Sockets, Round) ->
    [ok = gen_tcp:send(S, <<Round:16, I:32>>) || {I, S} <- lists:zip(lists:seq(1, ?COUNT), Sockets)],
    [{ok, <<Round:16, I:32>>} = gen_tcp:recv(S, 0) || {I, S} <- lists:zip(lists:seq(1, ?COUNT), Sockets)].
END
ulimit -n 12000
erlc crowd.erl
erl -noshell -s crowd server -s erlang halt >server.out & server=$!
for i in $(seq 3000); do [ -e port ] && break; sleep 0.1; done
erl -noshell -s crowd client "$(cat port)" -s erlang halt || kill $server; echo "status $?"
wait $server; echo "status $?"
cat server.out
