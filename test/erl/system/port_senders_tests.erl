%% SPDX-License-Identifier: Apache-2.0
%% Many processes send to one port at once: each one's commands arrive, in its order, before what it asks afterwards; what
%% the owner has sent before closing is written.
-module(port_senders_tests).
-export([main/0]).

-define(SENDERS, 8).
-define(EACH, 2000).

main() ->
    t:p("echoed", fun echoed/0),
    t:p("written", fun written/0).

echoed() ->
    Port = open_port({spawn, "cat"}, [{packet, 4}, binary]),
    Self = self(),
    Senders = [spawn_link(fun() -> send_all(Port, Self, S), Self ! {self(), erlang:port_info(Port, connected)} end)
               || S <- lists:seq(1, ?SENDERS)],
    Got = collect(Port, ?SENDERS * ?EACH, #{}),
    Asked = [receive {S, Info} -> Info =:= {connected, Self} end || S <- Senders],
    port_close(Port),
    {Got, lists:usort(Asked)}.

send_all(Port, Owner, S) -> [Port ! {Owner, {command, [<<S, N:32>>, binary:copy(<<S>>, N rem 100)]}} || N <- lists:seq(1, ?EACH)].

%% The last number of each sender, each one more than the one before.
collect(_, 0, Last) -> lists:sort(maps:to_list(Last));
collect(Port, Left, Last) ->
    receive
        {Port, {data, <<S, N:32, _/binary>>}} ->
            N = maps:get(S, Last, 0) + 1,
            collect(Port, Left - 1, Last#{S => N})
    after 60000 -> {missing, Left, Last}
    end.

written() ->
    Port = open_port({spawn, "cat >port_senders.out"}, [out, binary]),
    [Port ! {self(), {command, <<(integer_to_binary(N))/binary, $\n>>}} || N <- lists:seq(1, 10000)],
    Port ! {self(), close},
    receive {Port, closed} -> ok end,
    Expected = << <<(integer_to_binary(N))/binary, $\n>> || N <- lists:seq(1, 10000) >>,
    t:wait(fun() -> file:read_file("port_senders.out") =:= {ok, Expected} end). % cat may not even have begun
