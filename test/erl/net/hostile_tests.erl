%% SPDX-License-Identifier: Apache-2.0
%% hostile_tests - clients that die, never read, or send garbage in each packet mode: what the server's
%% socket says of it, and that the others go on in bounded memory.
-module(hostile_tests).
-export([main/0]).

-define(LO, {127,0,0,1}).
-define(MODES, [raw, 1, 2, 4, line, asn1, fcgi, sunrm, cdr, tpkt, http, http_bin, httph, httph_bin, ssl_tls]).

main() ->
    process_flag(trap_exit, true),
    [io:format("~w ~w ~s: ~0p~n", [Mode, Active, Name, hide(garbage(Mode, Active, Bytes))])
     || Mode <- ?MODES, Active <- [false, true], {Name, Bytes} <- nonsense()],
    io:format("crowd: ~0p~n", [crowd()]),
    ok.


hide(X) when is_port(X) -> port;
hide(X) when is_tuple(X) -> list_to_tuple(hide(tuple_to_list(X)));
hide([H | T]) -> [hide(H) | hide(T)];
hide(X) -> X.

nonsense() ->
    [{"zeros", <<0:800>>},
     {"ones", binary:copy(<<255>>, 100)},
     {"long", <<16#7fffffff:32, "short">>},
     {"text", <<"GET / HTTP/1.1\r\nHost: x\r\n\r\n">>},
     {"bad http", <<"\r\n\r\nNONSENSE\r\n: :\r\n\r\n\0\r\n">>},
     {"half", <<"half a line, half a header">>},
     {"record", <<1, 1, 0, 7, 0, 8, 3, 0, "12345678abc", 22, 3, 1, 0, 2, "ab">>}
     | [{"noise " ++ integer_to_list(N), noise(N, 60 * N)} || N <- lists:seq(1, 4)]].

noise(Seed, N) ->
    {B, _} = lists:mapfoldl(fun(_, S) -> S1 = (S * 1103515245 + 12345) band 16#7fffffff, {(S1 bsr 16) band 255, S1} end,
                            Seed, lists:seq(1, N)),
    list_to_binary(B).

%% What a server reads from one that sends Bytes and leaves.
garbage(Mode, Active, Bytes) ->
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}, {active, false}, binary, {packet_size, 100000}]),
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect(?LO, Port, [binary, {packet, raw}]),
    {ok, S} = gen_tcp:accept(L),
    gen_tcp:close(L),
    case inet:setopts(S, [{packet, Mode}]) of
        ok ->
            ok = gen_tcp:send(C, Bytes),
            gen_tcp:close(C),
            Said = read(Mode, Active, S),
            gen_tcp:close(S),
            Said;
        Error ->
            gen_tcp:close(C),
            gen_tcp:close(S),
            Error
    end.

read(raw, false, S) -> all_of(S, <<>>);
read(_, false, S) -> passive(S);
read(raw, true, S) ->
    inet:setopts(S, [{active, true}]),
    iolist_to_binary([B || {tcp, B} <- active(S)]);
read(_, true, S) ->
    inet:setopts(S, [{active, true}]),
    active(S).

all_of(S, Bytes) ->
    case gen_tcp:recv(S, 0) of
        {ok, More} -> all_of(S, <<Bytes/binary, More/binary>>);
        Error -> {Bytes, Error}
    end.

passive(S) ->
    case gen_tcp:recv(S, 0) of
        {ok, Data} -> [Data | passive(S)];
        Error -> [Error]
    end.

active(S) ->
    receive
        {tcp_closed, S} -> receive {'EXIT', S, R} -> [closed, R] after 0 -> [closed] end;
        {tcp_error, S, R} -> [R | active(S)];
        {Tag, S, Data} -> [{Tag, Data} | active(S)];
        Other -> [Other | active(S)]
    after 2000 -> [nothing]
    end.

%% ---- a server with good and bad clients ----

crowd() ->
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}, {active, false}, binary, {packet, 4}, {backlog, 64},
                                 {packet_size, 1000}, {send_timeout, 300}, {send_timeout_close, true}]),
    {ok, Port} = inet:port(L),
    Main = self(),
    spawn_link(fun() -> accept(L, Main) end),
    Good = [connect(Port, [{packet, 4}]) || _ <- lists:seq(1, 20)],
    Before = memory(),
    Deaf = [connect(Port, [{packet, 4}, {recbuf, 2048}]) || _ <- lists:seq(1, 5)],
    [gen_tcp:send(D, <<"flood">>) || D <- Deaf],
    Liars = [connect(Port, [{packet, raw}]) || _ <- lists:seq(1, 5)],
    [gen_tcp:send(G, <<16#7fffffff:32, 0:8000>>) || G <- Liars],
    Dead = [dies(Port) || _ <- lists:seq(1, 20)],
    Answers = [rounds(G, 20) || G <- Good],
    Ends = [gen_tcp:recv(G, 0) || G <- Liars],
    GaveUp = [receive {gave_up, Why} -> Why end || _ <- Deaf],
    [ok = await_close(D) || D <- Deaf],
    Again = [rounds(G, 5) || G <- Good],
    {lists:usort(Answers), lists:usort(Ends), lists:usort(Dead), lists:usort(Again),
     lists:usort(GaveUp),      memory() - Before < 8000000}.

memory() ->
    [garbage_collect(P) || P <- processes()],
    erlang:memory(total).

connect(Port, Opts) ->
    {ok, C} = gen_tcp:connect(?LO, Port, [binary, {active, false} | Opts]),
    C.

%% One whose process is killed with half a packet under way.
dies(Port) ->
    {Pid, Ref} = spawn_monitor(fun() ->
        C = connect(Port, [{packet, raw}, {linger, {true, 0}}]),
        ok = gen_tcp:send(C, <<500:32, "half">>),
        exit(self(), kill)
    end),
    receive {'DOWN', Ref, process, Pid, Why} -> Why end.

rounds(_, 0) -> ok;
rounds(C, N) ->
    Data = binary:copy(<<N>>, 500),
    ok = gen_tcp:send(C, Data),
    {ok, Data} = gen_tcp:recv(C, 0, 5000),
    rounds(C, N - 1).

%% What was in flight when the server gave up, then the end.
await_close(D) ->
    inet:setopts(D, [{packet, raw}]),
    case gen_tcp:recv(D, 0, 10000) of
        {ok, _} -> await_close(D);
        {error, closed} -> ok;
        Error -> Error
    end.

accept(L, Main) ->
    {ok, S} = gen_tcp:accept(L),
    Pid = spawn(fun() -> receive go -> serve(S, Main) end end),
    ok = gen_tcp:controlling_process(S, Pid),
    Pid ! go,
    accept(L, Main).

serve(S, Main) ->
    case gen_tcp:recv(S, 0) of
        {ok, <<"flood">>} -> Main ! {gave_up, flood(S, binary:copy(<<0>>, 100000))};
        {ok, Data} -> ok = gen_tcp:send(S, Data), serve(S, Main);
        {error, _} -> gen_tcp:close(S)
    end.

flood(S, Data) ->
    case gen_tcp:send(S, Data) of
        ok -> flood(S, Data);
        {error, Why} -> gen_tcp:close(S), Why
    end.
