%% SPDX-License-Identifier: Apache-2.0
-module(linger_close_tests).
-export([main/0]).

%% A close that waits for a peer who does not read keeps nothing of others from being freed.
main() ->
    {ok, L} = socket:open(inet, stream, tcp),
    ok = socket:bind(L, #{family => inet, addr => loopback, port => 0}),
    ok = socket:listen(L),
    {ok, Address} = socket:sockname(L),
    Me = self(),
    P = spawn(fun() -> close_full(Address, Me) end),
    {ok, _} = socket:accept(L),
    receive full -> timer:sleep(100) end,
    t:p(others_are_freed, fun t:freed/0),
    t:p(still_closing, fun() -> is_process_alive(P) end).

close_full(Address, To) ->
    {ok, S} = socket:open(inet, stream, tcp),
    ok = socket:connect(S, Address),
    ok = socket:setopt(S, socket, linger, #{onoff => true, linger => 60}),
    fill(S),
    To ! full,
    socket:close(S).

fill(S) ->
    case socket:send(S, binary:copy(<<"x">>, 1000000), 200) of
        ok -> fill(S);
        {error, _} -> full
    end.
