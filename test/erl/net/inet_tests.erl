%% SPDX-License-Identifier: Apache-2.0
%% inet_tests - names, interfaces, services, IPv6, descriptors.
-module(inet_tests).
-export([main/0]).

main() ->
    {ok, U} = gen_udp:open(0, [{active, false}]),
    P = fun(Tag, X) -> io:format("~w: ~0p~n", [Tag, X]) end,
    P(hostname, inet:gethostname()),
    P(ifaddrs, inet:getifaddrs()),
    P(iflist, inet:getiflist()),
    P(ifget, [inet:ifget("lo", [X]) || X <- [addr, netmask, broadaddr, dstaddr, mtu, flags, hwaddr, nosuch]]),
    P(noif, [inet:ifget("nosuch0", [addr, mtu]), catch inet:ifget(lists:duplicate(20, $a), [addr])]),
    P(services, [inet:getservbyname(N, Q) || N <- [http, ssh, nosuchservice], Q <- [tcp, udp, none]]),
    P(hosts, [inet:getaddr(localhost, inet), inet:getaddr({127,0,0,1}, inet), inet:gethostbyname("localhost")]),
    P(port, [is_integer(element(2, inet:port(U))), catch inet:port(self())]),
    P(fd, is_integer(element(2, prim_inet:getfd(U)))),
    P(setname, [prim_inet:setsockname(U, {{1,2,3,4}, 5}), inet:sockname(U), prim_inet:setpeername(U, {{6,7,8,9}, 10}),
                inet:peername(U), prim_inet:setpeername(U, undefined), inet:peername(U)]),
    P(ignore, [prim_inet:ignorefd(U, true), prim_inet:ignorefd(U, false)]),
    P(v6, six()),
    P(fdopen, fdopen()),
    ok.

six() ->
    case gen_tcp:listen(0, [inet6, {ip, {0,0,0,0,0,0,0,1}}, {active, false}, {ipv6_v6only, true}]) of
        {ok, L} ->
            {ok, {IP, N}} = inet:sockname(L),
            {ok, C} = gen_tcp:connect(IP, N, [inet6, {active, false}]),
            {ok, A} = gen_tcp:accept(L),
            {ok, {From, _}} = inet:peername(A),
            [IP, From, gen_tcp:send(C, "six"), gen_tcp:recv(A, 0), inet:getopts(L, [ipv6_v6only, tclass]),
             inet:setopts(C, [{tclass, 16}]), inet:getopts(C, [tclass])];
        E -> E
    end.

%% A second port on the descriptor of the first.
fdopen() ->
    {ok, S} = gen_udp:open(0, [{active, false}, {ip, {127,0,0,1}}]),
    {ok, Fd} = prim_inet:getfd(S),
    {ok, N} = inet:port(S),
    prim_inet:ignorefd(S, true),
    {ok, T} = gen_udp:open(0, [{fd, Fd}, {active, false}]),
    gen_udp:send(T, {127,0,0,1}, N, "fd"),
    {ok, {{127,0,0,1}, N, D}} = gen_udp:recv(T, 0, 1000),
    {D, inet:port(T) =:= {ok, N}}.
