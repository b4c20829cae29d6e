# SPDX-License-Identifier: Apache-2.0
# epmd: registering, listing, refusing, ending.
export ERL_EPMD_PORT=$((10000 + $$ % 20000)) # below the ports that the kernel hands out itself
while epmd -names >/dev/null 2>&1; do ERL_EPMD_PORT=$((ERL_EPMD_PORT + 1)); done # a free one
epmd -names; echo "status $?"
(epmd -daemon 9>&1; echo "status $?") | cat # ends only when the daemon holds no end of the pipe
for i in $(seq 600); do epmd -names >/dev/null 2>&1 && break; sleep 0.1; done
epmd -names | sed 's/[0-9]\{4,5\}/PORT/'
epmd; echo "second: status $?"
cat >ask.erl <<'END'
-module(ask).
-export([main/0]).
main() ->
    Port = list_to_integer(os:getenv("ERL_EPMD_PORT")),
    {ok, A} = connect(Port),
    ok = gen_tcp:send(A, <<20:16, 120, 1234:16, 77, 0, 6:16, 5:16, 4:16, "node", 3:16, "ext">>),
    {ok, <<118, Result, _Creation:32>>} = gen_tcp:recv(A, 6),
    io:format("alive ~p~n", [Result]),
    io:format("port ~p~n", [ask(Port, <<"znode">>)]),
    io:format("unknown ~p~n", [ask(Port, <<"zother">>)]),
    <<_:32, Names/binary>> = ask(Port, <<"n">>),
    io:format("names ~p~n", [Names]),
    {ok, B} = connect(Port),
    ok = gen_tcp:send(B, <<17:16, 120, 99:16, 77, 0, 6:16, 5:16, 4:16, "node", 0:16>>),
    {ok, <<118, Second, _:32>>} = gen_tcp:recv(B, 6),
    io:format("twice ~p~n", [Second]),
    io:format("kill ~p~n", [ask(Port, <<"k">>)]),
    io:format("stop ~p~n", [ask(Port, <<"snode">>)]),
    io:format("nonsense ~p~n", [ask(Port, <<"?">>)]),
    gen_tcp:close(A),
    timer:sleep(200),
    io:format("gone ~p~n", [ask(Port, <<"znode">>)]).
connect(Port) -> gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]).
ask(Port, Request) ->
    {ok, S} = connect(Port),
    ok = gen_tcp:send(S, [<<(byte_size(Request)):16>>, Request]),
    all(S, <<>>).
all(S, Got) ->
    case gen_tcp:recv(S, 0, 3000) of
        {ok, B} -> all(S, <<Got/binary, B/binary>>);
        {error, closed} -> Got;
        Other -> {Got, Other}
    end.
END
erlc ask.erl && erl -noshell -s ask main -s erlang halt
epmd -kill; echo "status $?"
epmd -kill; echo "status $?"
epmd -relaxed_command_check -daemon
for i in $(seq 600); do epmd -names >/dev/null 2>&1 && break; sleep 0.1; done # the reference may listen only later
epmd -stop nobody; echo "status $?"; epmd -kill
