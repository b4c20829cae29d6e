%% SPDX-License-Identifier: Apache-2.0
%% sendfile to a peer that resets the connection ends with closed, not with the system's reason.
-module(sendfile_peer_gone).
-export([main/0]).

main() ->
    {ok, L} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}, {active, false}, {recbuf, 4096}]),
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [{active, false}, {sndbuf, 4096}]),
    {ok, A} = gen_tcp:accept(L),
    Name = "sendfile_peer_gone.tmp",
    ok = file:write_file(Name, binary:copy(<<7>>, 20000000)),
    {Reader, M} = spawn_monitor(fun() ->
        receive go -> ok end,
        {ok, _} = gen_tcp:recv(A, 1000),
        inet:setopts(A, [{linger, {true, 0}}]),
        gen_tcp:close(A)
    end),
    {ok, F} = file:open(Name, [read, raw, binary]),
    ok = gen_tcp:controlling_process(A, Reader),
    Reader ! go,
    R = file:sendfile(F, C, 0, 0, []),
    receive {'DOWN', M, _, _, _} -> ok end,
    file:close(F),
    file:delete(Name),
    io:format("~p~n", [R]).
