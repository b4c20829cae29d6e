%% SPDX-License-Identifier: Apache-2.0
%% tcp_tests - streams over loopback: options, modes, packets, active and passive, ends, errors.
-module(tcp_tests).
-export([main/0]).

-define(LO, {127,0,0,1}).

main() ->
    process_flag(trap_exit, true),
    [run(T) || T <- [options, option_errors, modes, active_modes, read_now, packets, bad_packet, http, lines,
                     close_passive, close_active, half_close, exit_on_close, timeouts, accepts,
                     backpressure, send_timeout, empty_out_q, big, statistics, states, unreceive,
                     owner, local, sendfile, connect_errors, delay_send, reset]],
    ok.

run(T) ->
    try
        pr(T, t(T))
    catch
        C:R:St -> pr(T, {C, R, St})
    end,
    flush(T).

pr(T, X) -> io:format("~w: ~0p~n", [T, X]).
flush(T) -> receive X -> pr(T, {left, hide(X)}), flush(T) after 0 -> ok end.
hide(X) when is_port(X) -> port;
hide(X) when is_pid(X) -> pid;
hide(X) when is_tuple(X) -> list_to_tuple(hide(tuple_to_list(X)));
hide([H | T]) -> [hide(H) | hide(T)];
hide(X) -> X.

pair(Opts) -> pair(Opts, Opts).
pair(OptsC, OptsA) ->
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}, {active, false} | OptsA]),
    {ok, P} = inet:port(L),
    {ok, C} = gen_tcp:connect(?LO, P, [{active, false} | OptsC]),
    {ok, A} = gen_tcp:accept(L),
    gen_tcp:close(L),
    {C, A}.

next() -> next(1000).
next(T) -> receive X -> hide(X) after T -> nothing end.
there() -> receive X -> [hide(X) | there()] after 0 -> [] end.

t(options) ->
    {C, _} = pair([{packet, 2}, binary, {header, 1}]),
    Names = [header, active, packet, mode, deliver, exit_on_close, high_watermark, low_watermark,
             high_msgq_watermark, low_msgq_watermark, send_timeout, send_timeout_close, delay_send,
             packet_size, read_packets, netns, show_econnreset, nodelay, nopush, linger, keepalive,
             dontroute, priority, tos, recvtos, ttl, recvttl, buffer],
    Set = [{nodelay, true}, {keepalive, true}, {linger, {true, 3}}, {priority, 3}, {tos, 8}, {buffer, 99},
           {high_watermark, 100}, {low_watermark, 50}, {send_timeout, 77}, {send_timeout_close, true},
           {delay_send, true}, {packet_size, 12}, {show_econnreset, true}, {exit_on_close, false},
           {recvttl, true}, {ttl, 33}, {high_msgq_watermark, 55}, {low_msgq_watermark, 44},
           {recbuf, 3000}, {active, 3}, {active, -1}],
    [inet:getopts(C, Names), [inet:setopts(C, [S]) || S <- Set], inet:getopts(C, Names)];
t(option_errors) ->
    {C, _} = pair([]),
    [catch inet:setopts(C, [O]) || O <- [{nosuch, 1}, {active, 40000}, {packet, 3}, {packet, 17}, {mode, x},
                                         {raw, 77, 77, <<1:32>>}, {linger, 1}, {header, -1},
                                         {bind_to_device, <<"nodevice">>}, {ipv6_v6only, true}]]
    ++ [inet:getopts(C, [O]) || O <- [nosuch, {raw, 6, 1, 4}, {raw, 77, 77, 4}, tclass, ipv6_v6only]]
    ++ [element(1, inet:getopts(C, L ++ [{raw, 1, 13, N}])) || N <- [65496, 65497, 65522, 65523], L <- [[], [active]]];
t(modes) ->
    {C, A} = pair([]),
    [begin
         ok = inet:setopts(A, Opts),
         ok = gen_tcp:send(C, "abcdef"),
         gen_tcp:recv(A, 6)
     end || Opts <- [[list], [binary], [binary, {header, 2}], [list, {header, 2}], [binary, {header, 7}],
                     [{header, 6}], [{header, 0}, {mode, list}]]];
t(active_modes) ->
    {C, A} = pair([{packet, 1}]),
    [gen_tcp:send(C, [I]) || I <- lists:seq(1, 9)],
    R1 = gen_tcp:recv(A, 0),
    inet:setopts(A, [{active, once}]),
    R2 = [next(), inet:getopts(A, [active]), next(50)],
    inet:setopts(A, [{active, 2}]),
    R3 = [next(), next(), next(), next(50), inet:getopts(A, [active])],
    inet:setopts(A, [{active, 5}, {active, -3}]),
    R4 = [next(), next(), next(), next(50)],
    inet:setopts(A, [{active, true}]),
    R5 = [next(), next(), next(), next(50), gen_tcp:recv(A, 0)],
    inet:setopts(A, [{active, 0}]),
    R6 = [next(), gen_tcp:recv(A, 0, 0)],
    [R1, R2, R3, R4, R5, R6, inet:setopts(A, [{active, 32767}]), inet:setopts(A, [{active, 1}])];
t(read_now) ->
    %% What the socket has got is there when setopts returns: a flag of a number reads at once, and sees the end.
    [begin
         {C, A} = pair([binary, {packet, Packet}]),
         gen_tcp:send(C, "abc"),
         gen_tcp:close(C),
         timer:sleep(50),
         [begin ok = inet:setopts(A, [{active, Active}]), there() end || _ <- [data, closed]]
     end || Packet <- [raw, 2], Active <- [once, 1]];
t(packets) ->
    {C, A} = pair([binary]),
    [begin
         ok = inet:setopts(A, [{packet, Type}]),
         ok = gen_tcp:send(C, Bytes),
         {Type, gen_tcp:recv(A, 0, 1000)}
     end || {Type, Bytes} <- [{1, <<2, 7, 8>>}, {2, <<0, 2, 7, 8>>}, {4, <<0, 0, 0, 2, 7, 8>>},
                              {asn1, <<48, 2, 7, 8>>}, {sunrm, <<128, 0, 0, 2, 7, 8>>},
                              {cdr, <<"GIOP", 1, 0, 0, 0, 0, 0, 0, 2, 7, 8>>},
                              {fcgi, <<1, 1, 0, 1, 0, 2, 3, 0, 7, 8, 0, 0, 0>>},
                              {tpkt, <<3, 0, 0, 6, 7, 8>>}, {line, <<"abc\n">>},
                              {http_bin, <<"GET /x HTTP/1.1\r\n">>}, {httph_bin, <<"A: b\r\n\r\n">>},
                              {0, <<>>}]]
    ++ [begin
            {C2, A2} = pair([{packet, N}, binary]),
            ok = gen_tcp:send(C2, [<<"ab">>, "cd", [[<<"e">>]]]),
            ok = gen_tcp:send(C2, lists:duplicate(200, $x)),
            {ok, B} = gen_tcp:recv(A2, 0),
            {ok, D} = gen_tcp:recv(A2, 0),
            {N, B, byte_size(D)}
        end || N <- [1, 2, 4]];
t(bad_packet) ->
    {C, A} = pair([{packet, raw}], [{packet, 4}, {packet_size, 10}]),
    gen_tcp:send(C, <<11:32, 0:88>>),
    R1 = [gen_tcp:recv(A, 0), gen_tcp:recv(A, 0)],
    {C2, A2} = pair([{packet, raw}], [{packet, 4}, {packet_size, 10}]),
    gen_tcp:send(C2, <<11:32, 0:88>>),
    inet:setopts(A2, [{active, true}]),
    [R1, next(), next(), next(50), gen_tcp:recv(C2, 0)];
t(http) ->
    {C, A} = pair([{packet, raw}], [{packet, http}]),
    gen_tcp:send(C, "POST /a?b HTTP/1.1\r\nHost: h\r\nX-Y: 1\r\n 2\r\n\r\nGET / HTTP/1.0\r\n\r\nbad\r\n"),
    R1 = [gen_tcp:recv(A, 0), gen_tcp:recv(A, 0), gen_tcp:recv(A, 0)],
    inet:setopts(A, [{active, once}]),
    R2 = next(),
    inet:setopts(A, [{active, true}]),
    R3 = [next(), next(), next()],
    gen_tcp:close(C),
    [R1, R2, R3, next(), next(50)];
t(lines) ->
    {C, A} = pair([{packet, raw}], [{packet, line}, {buffer, 8}]),
    gen_tcp:send(C, "ab\ncdefghijklmnop\n\nxy"),
    R1 = [gen_tcp:recv(A, 0) || _ <- "1234"],
    R2 = gen_tcp:recv(A, 0, 50),
    gen_tcp:send(C, "z|\n|"),
    R3 = gen_tcp:recv(A, 0),
    inet:setopts(A, [{line_delimiter, $|}]),
    [R1, R2, R3, gen_tcp:recv(A, 0)];
t(close_passive) ->
    {C, A} = pair([]),
    gen_tcp:send(C, "last"),
    gen_tcp:close(C),
    R = [gen_tcp:recv(A, 0), gen_tcp:recv(A, 0), gen_tcp:send(A, "x"), gen_tcp:send(A, "x"), gen_tcp:recv(A, 0),
         inet:peername(A), inet:sockname(A), prim_inet:getstatus(A)],
    inet:setopts(A, [{active, once}]),
    [R, next(), erlang:port_info(A), catch inet:setopts(A, [{active, once}]), gen_tcp:close(A)];
t(close_active) ->
    {C, A} = pair([]),
    inet:setopts(A, [{active, true}]),
    gen_tcp:send(C, "last"),
    gen_tcp:close(C),
    [next(), next(), next(50), catch gen_tcp:send(A, "x"), catch inet:getopts(A, [active]), catch gen_tcp:recv(A, 0)];
t(half_close) ->
    {C, A} = pair([]),
    [gen_tcp:send(C, "q"), gen_tcp:shutdown(C, write), gen_tcp:recv(A, 0), gen_tcp:send(C, "x"),
     gen_tcp:shutdown(C, read), gen_tcp:shutdown(C, read_write), gen_tcp:shutdown(C, read_write)];
t(exit_on_close) ->
    {C, A} = pair([{exit_on_close, false}]),
    R1 = [gen_tcp:shutdown(C, write), gen_tcp:recv(A, 0), gen_tcp:recv(A, 0), gen_tcp:send(A, "back"),
          gen_tcp:recv(C, 0)],
    inet:setopts(A, [{active, once}]),
    R2 = [next(), next(50), gen_tcp:send(A, "more"), gen_tcp:recv(C, 0)],
    [R1, R2, gen_tcp:close(A), gen_tcp:recv(C, 0)];
t(timeouts) ->
    {C, A} = pair([]),
    R1 = [gen_tcp:recv(A, 0, 0), gen_tcp:recv(A, 0, 20), gen_tcp:send(C, "ab"), gen_tcp:recv(A, 3, 50),
          gen_tcp:send(C, "c"), gen_tcp:recv(A, 3, 500)],
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}]),
    R2 = [gen_tcp:accept(L, 0), gen_tcp:accept(L, 20), prim_inet:getstatus(L)],
    %% one that gives up leaves the others waiting
    Me = self(),
    [spawn_link(fun() -> Me ! {accepted, T, element(1, gen_tcp:accept(L, T))} end) || T <- [30, 5000]],
    R3 = receive {accepted, 30, E} -> E end,
    {ok, P} = inet:port(L),
    {ok, _} = gen_tcp:connect(?LO, P, [{active, false}]),
    R4 = receive {accepted, 5000, X} -> X after 2000 -> nobody end,
    [receive {'EXIT', Pid, normal} when is_pid(Pid) -> ok end || _ <- "12"],
    [R1, R2, R3, R4];
t(accepts) ->
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}, {active, false}, {packet, 2}, binary, {nodelay, true}]),
    {ok, P} = inet:port(L),
    Me = self(),
    Acceptors = [spawn_link(fun() ->
                                {ok, S} = gen_tcp:accept(L),
                                Me ! {got, inet:getopts(S, [packet, mode, nodelay, active]), gen_tcp:recv(S, 0)}
                            end) || _ <- "123"],
    timer:sleep(50),
    unlink(hd(Acceptors)),
    exit(hd(Acceptors), kill),
    timer:sleep(20),
    Cs = [begin {ok, C} = gen_tcp:connect(?LO, P, [{packet, 2}]), gen_tcp:send(C, "hi"), C end || _ <- "12"],
    R = [receive {got, O, D} -> {O, D} after 1000 -> none end || _ <- "12"],
    [receive {'EXIT', Q, E} when is_pid(Q) -> E after 1000 -> none end || _ <- "12"],
    spawn_link(fun() -> Me ! {closed, gen_tcp:accept(L)} end),
    timer:sleep(50),
    gen_tcp:close(L),
    [R, length(Cs), receive {closed, X} -> X after 1000 -> none end, gen_tcp:accept(L), next()];
t(backpressure) ->
    {C, A} = pair([{sndbuf, 4096}, {high_watermark, 20000}, {low_watermark, 10000}], [{recbuf, 4096}]),
    Me = self(),
    Chunk = binary:copy(<<"0123456789">>, 2000),
    spawn_link(fun() -> [ok = gen_tcp:send(C, Chunk) || _ <- lists:seq(1, 100)], Me ! done end),
    R1 = receive done -> too_fast after 100 -> blocked end,
    N = drain(A, 100 * byte_size(Chunk), 0),
    [R1, N, receive done -> done after 2000 -> stuck end, next()];
t(send_timeout) ->
    {C, A} = pair([{sndbuf, 4096}, {send_timeout, 50}], [{recbuf, 4096}]),
    Big = binary:copy(<<0>>, 5000000),
    R = [gen_tcp:send(C, Big), gen_tcp:send(C, <<1>>), gen_tcp:send(C, <<1>>)],
    inet:setopts(C, [{send_timeout_close, true}]),
    [R, gen_tcp:send(C, <<1>>), gen_tcp:send(C, <<1>>), is_port(A)];
t(empty_out_q) ->
    {C, A} = pair([{sndbuf, 4096}], [{recbuf, 4096}]),
    ok = gen_tcp:send(C, binary:copy(<<0>>, 1000000)),
    {ok, [{send_pend, N}]} = inet:getstat(C, [send_pend]),
    spawn_link(fun() -> gen_tcp:close(C) end),
    [N > 0, drain(A, 1000000, 0), gen_tcp:recv(A, 0), next(), next()];
t(big) ->
    {C, A} = pair([{packet, 4}, binary]),
    B = binary:copy(<<"abcdefgh">>, 500000),
    spawn_link(fun() -> ok = gen_tcp:send(C, [B, B]), ok = gen_tcp:send(C, B), receive after 500 -> ok end end),
    {ok, X} = gen_tcp:recv(A, 0),
    {ok, Y} = gen_tcp:recv(A, 0),
    [X =:= <<B/binary, B/binary>>, Y =:= B, next(2000)];
t(statistics) ->
    {C, A} = pair([{packet, 1}]),
    [gen_tcp:send(C, X) || X <- ["a", "bcd", "efghi"]],
    [gen_tcp:recv(A, 0) || _ <- "123"],
    [inet:getstat(C), inet:getstat(A), erlang:port_info(C, name), erlang:port_info(C, output), erlang:port_info(C, queue_size)];
t(states) ->
    {ok, S} = prim_inet:open(tcp, inet, stream),
    S0 = [prim_inet:getstatus(S), prim_inet:gettype(S), inet:peername(S), prim_inet:async_recv(S, 0, 0),
          prim_inet:async_accept(S, 0), prim_inet:send(S, "x"), prim_inet:shutdown(S, write)],
    {ok, _} = prim_inet:bind(S, ?LO, 0),
    S1 = [prim_inet:bind(S, ?LO, 0), prim_inet:listen(S), prim_inet:getstatus(S), prim_inet:listen(S, 3),
          prim_inet:connect(S, ?LO, 1), prim_inet:recv(S, 0, 0), prim_inet:send(S, "x")],
    {C, A} = pair([]),
    S2 = [prim_inet:getstatus(C), prim_inet:getstatus(A), prim_inet:connect(C, ?LO, 1), prim_inet:listen(C),
          gen_tcp:accept(C, 0), catch erlang:port_control(C, 7, []), prim_inet:recv(C, 16#5000000, 0)],
    inet:setopts(C, [{active, true}]),
    [S0, S1, S2, gen_tcp:recv(C, 0), inet:setopts(C, [{packet, 2}, {active, false}]), gen_tcp:recv(C, 1)];
t(unreceive) ->
    {C, A} = pair([]),
    gen_tcp:send(C, "def"),
    [prim_inet:unrecv(A, "abc"), gen_tcp:recv(A, 6), prim_inet:unrecv(A, "xy"), gen_tcp:recv(A, 0),
     inet:setopts(A, [{active, once}]), prim_inet:unrecv(A, "z"), next()];
t(owner) ->
    {C, A} = pair([]),
    Pid = spawn(fun() -> receive stop -> ok end end),
    R = [gen_tcp:controlling_process(C, Pid), gen_tcp:controlling_process(C, self())],
    Pid ! stop,
    [R, gen_tcp:recv(A, 0), is_list(erlang:port_info(C)), next(50)];
t(local) ->
    File = filename:join("/tmp", "tcp_tests_" ++ os:getpid()),
    {ok, L} = gen_tcp:listen(0, [{ifaddr, {local, File}}, {active, false}]),
    {ok, C} = gen_tcp:connect({local, File}, 0, [{active, false}]),
    {ok, A} = gen_tcp:accept(L),
    Same = {ok, {local, list_to_binary(File)}},
    R = [inet:sockname(L) =:= Same, inet:peername(C) =:= Same, inet:peername(A), inet:port(L) =:= {ok, element(2, element(2, Same))},
         gen_tcp:send(C, "x"), gen_tcp:recv(A, 0), gen_tcp:close(C), gen_tcp:recv(A, 0), inet:getopts(A, [nodelay]),
         gen_tcp:connect({local, "/nowhere/at/all"}, 0, []), catch gen_tcp:listen(0, [{ifaddr, {local, File}}])],
    file:delete(File),
    R;
t(sendfile) ->
    File = filename:join("/tmp", "tcp_tests_file_" ++ os:getpid()),
    Data = binary:copy(<<"0123456789">>, 100000),
    ok = file:write_file(File, Data),
    {C, A} = pair([binary]),
    Me = self(),
    spawn_link(fun() -> Me ! {got, recv_all(A, byte_size(Data), [])} end),
    gen_tcp:controlling_process(A, self()),
    R1 = file:sendfile(File, C),
    R2 = receive {got, Data} -> same; {got, X} -> byte_size(X) after 5000 -> none end,
    file:delete(File),
    [R1, R2, next()];
t(connect_errors) ->
    {ok, L} = gen_tcp:listen(0, [{ip, ?LO}]),
    {ok, P} = inet:port(L),
    R = [gen_tcp:listen(P, [{ip, ?LO}]), gen_tcp:listen(0, [{ip, {203,0,113,1}}])],
    gen_tcp:close(L),
    [R, gen_tcp:connect(?LO, P, []), gen_tcp:connect(?LO, P, [], 500), catch gen_tcp:connect(?LO, 70000, []),
     gen_tcp:connect({0,0,0,0,0,0,0,1}, P, [inet]), gen_tcp:listen(0, [{netns, "/no/such/file"}]), next(20)];
t(delay_send) ->
    {C, A} = pair([{delay_send, true}]),
    R = [gen_tcp:send(C, [X]) || X <- "abcdef"],
    [R, gen_tcp:recv(A, 6)];
t(reset) ->
    [begin
         {C, A} = pair([{show_econnreset, Show}]),
         inet:setopts(C, [{linger, {true, 0}}]),
         Active =/= false andalso inet:setopts(A, [{active, Active}]),
         gen_tcp:close(C),
         timer:sleep(20),
         case Active of
             false -> [Show, gen_tcp:recv(A, 0), gen_tcp:recv(A, 0), gen_tcp:send(A, "x")];
             true -> [Show, next(), next(50), next(50)]
         end
     end || Show <- [false, true], Active <- [false, true]].

drain(_, Total, Total) -> Total;
drain(S, Total, N) ->
    case gen_tcp:recv(S, 0, 5000) of
        {ok, D} -> drain(S, Total, N + iolist_size(D));
        E -> {E, N}
    end.

recv_all(_, 0, Acc) -> iolist_to_binary(lists:reverse(Acc));
recv_all(S, N, Acc) ->
    case gen_tcp:recv(S, 0, 5000) of
        {ok, D} -> recv_all(S, N - byte_size(D), [D | Acc]);
        E -> term_to_binary(E)
    end.
