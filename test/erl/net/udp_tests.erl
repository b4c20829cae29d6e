%% SPDX-License-Identifier: Apache-2.0
%% udp_tests - datagrams over loopback, local sockets, multicast options.
-module(udp_tests).
-export([main/0]).

-define(LO, {127,0,0,1}).

main() ->
    [run(T) || T <- [options, passive, active, modes, connected, ancillary, errors, local, truncated,
                     multicast, closing, read_packets, state]],
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
no_port({ok, {IP, P, D}}) when is_integer(P) -> {ok, {IP, D}};
no_port({ok, {IP, P, A, D}}) when is_integer(P) -> {ok, {IP, A, D}};
no_port({udp, S, IP, P, D}) when is_integer(P) -> {udp, S, IP, D};
no_port({udp, S, IP, P, A, D}) when is_integer(P) -> {udp, S, IP, A, D};
no_port(X) -> X.
next() -> next(1000).
next(T) -> receive X -> no_port(hide(X)) after T -> nothing end.

open(Opts) ->
    {ok, S} = gen_udp:open(0, [{ip, ?LO} | Opts]),
    {ok, P} = inet:port(S),
    {S, P}.

t(options) ->
    {S, _} = open([{active, false}]),
    Names = [active, mode, header, deliver, read_packets, buffer, broadcast, reuseaddr, dontroute, priority, tos,
             ttl, recvtos, recvttl, multicast_ttl, multicast_loop, high_watermark, nodelay,
             packet_size, high_msgq_watermark, linger, keepalive, recbuf],
    Set = [{broadcast, true}, {reuseaddr, true}, {dontroute, true}, {priority, 2}, {tos, 16}, {ttl, 9}, {recvtos, true},
           {recvttl, true}, {multicast_ttl, 5}, {multicast_loop, false}, {multicast_if, ?LO}, {read_packets, 2},
           {buffer, 100}, {header, 3}, {recbuf, 9000}, {high_watermark, 3}, {nodelay, true}],
    [inet:getopts(S, Names), [inet:setopts(S, [O]) || O <- Set], inet:getopts(S, Names)];
t(passive) ->
    {A, PA} = open([{active, false}]),
    {B, PB} = open([{active, false}, binary]),
    R1 = [gen_udp:send(A, ?LO, PB, "one"), gen_udp:send(A, ?LO, PB, [<<"t">>, "wo"]), gen_udp:send(A, {?LO, PB}, "")],
    R2 = [gen_udp:recv(B, 0) =:= {ok, {?LO, PA, <<"one">>}}, no_port(gen_udp:recv(B, 2)), no_port(gen_udp:recv(B, 0))],
    [R1, R2, gen_udp:recv(B, 0, 0), gen_udp:recv(B, 0, 20)];
t(active) ->
    {A, _} = open([]),
    {B, PB} = open([{active, once}]),
    [gen_udp:send(A, ?LO, PB, [I]) || I <- lists:seq(1, 6)],
    R1 = [next(), next(50), inet:getopts(B, [active])],
    inet:setopts(B, [{active, 2}]),
    R2 = [next(), next(), next(), next(50)],
    inet:setopts(B, [{active, true}]),
    [R1, R2, next(), next(), next(), next(50), gen_udp:recv(B, 0)];
t(modes) ->
    {A, PA} = open([{active, false}]),
    [begin
         inet:setopts(A, Opts),
         gen_udp:send(A, ?LO, PA, "abc"),
         no_port(gen_udp:recv(A, 0))
     end || Opts <- [[list], [binary], [{header, 2}], [{header, 9}], [list]]];
t(connected) ->
    {A, PA} = open([{active, false}]),
    {B, PB} = open([{active, false}]),
    R = [gen_udp:connect(A, ?LO, PB), gen_udp:send(A, "x"), no_port(gen_udp:recv(B, 0)), gen_udp:send(A, ?LO, 1, "y"),
         no_port(gen_udp:recv(B, 0)), inet:peername(A) =:= {ok, {?LO, PB}}, inet:sockname(A) =:= {ok, {?LO, PA}},
         prim_inet:getstatus(A), inet:peername(B)],
    gen_udp:close(B),
    R2 = [gen_udp:send(A, "z"), timer:sleep(30), gen_udp:send(A, "z"), gen_udp:send(A, "z"), timer:sleep(30), gen_udp:recv(A, 0, 100)],
    inet:setopts(A, [{active, true}]),
    [R, R2, gen_udp:send(A, "z"), next(), next(30)];
t(ancillary) ->
    {A, PA} = open([{active, false}, {recvtos, true}, {recvttl, true}]),
    R = [gen_udp:send(A, {?LO, PA}, [{tos, 8}, {ttl, 7}], "a"), no_port(gen_udp:recv(A, 0)), gen_udp:send(A, ?LO, PA, "b")],
    inet:setopts(A, [{active, once}]),
    [R, next(), gen_udp:send(A, {?LO, PA}, [{priority, 8}], "a")];
t(errors) ->
    {A, PA} = open([]),
    [gen_udp:open(PA, [{ip, ?LO}]), gen_udp:open(0, [{ip, {203,0,113,1}}]), gen_udp:send(A, ?LO, PA, binary:copy(<<0>>, 70000)),
     gen_udp:recv(A, 0), element(1, catch gen_udp:send(A, ?LO, 99999, "x")), gen_udp:send(A, {0,0,0,0,0,0,0,1}, PA, "x"),
     catch gen_udp:open(0, [{nosuch, 1}]), inet:setopts(A, [{bind_to_device, <<"nodevice">>}])];
t(local) ->
    File = filename:join("/tmp", "udp_tests_" ++ os:getpid()),
    {ok, A} = gen_udp:open(0, [{ifaddr, {local, File}}, {active, false}]),
    {ok, B} = gen_udp:open(0, [local, {active, false}]),
    Same = {local, list_to_binary(File)},
    R = [inet:sockname(A) =:= {ok, Same}, inet:sockname(B), gen_udp:send(B, Same, 0, "x"), gen_udp:recv(A, 0),
         gen_udp:send(A, Same, 0, "y")],
    {ok, {From, 0, "y"}} = gen_udp:recv(A, 0),
    inet:setopts(A, [{active, true}]),
    gen_udp:send(B, Same, 0, "z"),
    file:delete(File),
    [R, From =:= Same, next(), gen_udp:send(B, {local, "/no/where"}, 0, "x")];
t(truncated) ->
    {A, PA} = open([{active, false}, {buffer, 4}, {recbuf, 3000}]),
    inet:setopts(A, [{buffer, 4}]),
    [gen_udp:send(A, ?LO, PA, "abcdefgh"), no_port(gen_udp:recv(A, 0)), inet:getopts(A, [buffer])];
t(multicast) ->
    {A, _} = open([{active, false}]),
    [inet:setopts(A, [O]) || O <- [{add_membership, {{224,0,0,251}, ?LO}}, {add_membership, {{1,2,3,4}, ?LO}},
                                   {drop_membership, {{224,0,0,251}, ?LO}}, {multicast_if, ?LO}, {multicast_ttl, 300}]]
    ++ [inet:getopts(A, [multicast_ttl])];
t(closing) ->
    {A, _} = open([{active, false}]),
    Me = self(),
    spawn_link(fun() -> timer:sleep(50), Me ! gen_udp:close(A) end),
    [gen_udp:recv(A, 0, 1000), next(), catch gen_udp:send(A, ?LO, 1, "x"), catch gen_udp:recv(A, 0), gen_udp:close(A)];
t(read_packets) ->
    {A, PA} = open([{active, true}, {read_packets, 1}]),
    [gen_udp:send(A, ?LO, PA, [I]) || I <- "abcd"],
    [next(), next(), next(), next()];
t(state) ->
    {ok, S} = prim_inet:open(udp, inet, dgram),
    R = [prim_inet:getstatus(S), prim_inet:gettype(S), prim_inet:recvfrom(S, 0, 0), inet:peername(S), prim_inet:listen(S),
         prim_inet:open(udp, inet, stream), prim_inet:async_accept(S, 0)],
    {A, PA} = open([{active, false}]),
    gen_udp:send(A, ?LO, PA, "12345"),
    gen_udp:recv(A, 0),
    [R, inet:getstat(A, [recv_cnt, recv_oct, recv_max, send_cnt, send_oct, send_pend])].
