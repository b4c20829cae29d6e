%% SPDX-License-Identifier: Apache-2.0
%% The modules socket and net: the natives of prim_socket and prim_net.
-module(socket_tests).
-export([main/0]).

main() ->
    t:p(protocols, fun() -> lists:sort(socket:supports(protocols)) end),
    [t:p(Key, fun() -> lists:sort(socket:supports(Key)) end) ||
        Key <- [options, msg_flags, ioctl_requests, ioctl_flags]],
    t:p(kinds, fun kinds/0),
    t:p(stream, fun stream/0),
    t:p(states, fun states/0),
    t:p(queue, fun queue/0),
    t:p(nowait, fun nowait/0),
    t:p(cancel, fun cancel/0),
    t:p(abort, fun abort/0),
    t:p(owner, fun owner/0),
    t:p(reader_dies, fun reader_dies/0),
    t:p(monitor, fun monitor/0),
    t:p(datagrams, fun datagrams/0),
    t:p(messages, fun messages/0),
    t:p(vector, fun vector/0),
    t:p(sendfile, fun sendfile/0),
    t:p(big, fun big/0),
    options(),
    errors(),
    net().

%% Opened and shown.
kinds() ->
    [begin
         {ok, S} = socket:open(D, T, P),
         #{domain := D1, type := T1, protocol := P1, ctype := C} = socket:info(S),
         ok = socket:close(S),
         {D1, T1, P1, C, socket:getopt(S, {otp, fd}), socket:info(S)}
     end || {D, T, P} <- [{inet, stream, tcp}, {inet, dgram, udp}, {inet, stream, default},
                          {local, stream, default}, {inet, 1, 6}]].

loop_pair() ->
    {ok, L} = socket:open(inet, stream, tcp),
    ok = socket:bind(L, #{family => inet, addr => loopback, port => 0}),
    ok = socket:listen(L),
    {ok, Name} = socket:sockname(L),
    {ok, C} = socket:open(inet, stream, tcp),
    ok = socket:connect(C, Name),
    {ok, A} = socket:accept(L),
    {L, C, A}.

close_all(Sockets) -> [socket:close(S) || S <- Sockets].

stream() ->
    {L, C, A} = loop_pair(),
    {ok, #{port := P1}} = socket:peername(A),
    {ok, #{port := P2}} = socket:sockname(C),
    ok = socket:send(C, <<"hello">>),
    R1 = socket:recv(A, 3),
    R2 = socket:recv(A),
    ok = socket:send(C, [<<"a">>, "bc", [<<"d">>]]),
    R3 = socket:recv(A, 4, [peek]),
    R4 = socket:recv(A, 4),
    R5 = socket:recv(A, 5, 20),
    ok = socket:send(C, <<"xy">>),
    R6 = socket:recv(A, 5, 50),
    ok = socket:shutdown(C, write),
    R7 = socket:recv(A),
    R8 = socket:send(A, <<"back">>),
    R9 = socket:recv(C),
    close_all([L, C, A]),
    {P1 =:= P2, R1, R2, R3, R4, R5, R6, R7, R8, R9, socket:recv(A), socket:send(A, <<>>)}.

info(S) ->
    #{rstates := R, wstates := W, num_readers := N, num_acceptors := M, num_writers := K} = socket:info(S),
    {R, W, N, M, K}.

states() ->
    {L, C, A} = loop_pair(),
    R = [info(S) || S <- [L, C, A]],
    {select, {select_info, recv, Ref}} = socket:recv(A, 0, nowait),
    R1 = info(A),
    ok = socket:send(C, <<"12345">>),
    R2 = receive {'$socket', A, select, Ref} -> socket:recv(A, 0, nowait) after 5000 -> timeout end,
    #{counters := Counters} = socket:info(A),
    R3 = info(A),
    close_all([L, C, A]),
    {R, R1, R2, R3, Counters, info(A)}.

%% Several readers: one at a time, in order.
queue() ->
    {L, C, A} = loop_pair(),
    Self = self(),
    Pids = [begin
                Pid = spawn_link(fun() -> Self ! {N, socket:recv(A, 2)} end),
                ok = t:wait(fun() -> maps:get(num_readers, socket:info(A)) =:= N end),
                Pid
            end || N <- lists:seq(1, 4)],
    ok = socket:send(C, <<"aabbccdd">>),
    R = [receive {N, X} -> {N, X} end || {N, _} <- lists:zip(lists:seq(1, 4), Pids)],
    close_all([L, C, A]),
    R.

nowait() ->
    {ok, L} = socket:open(inet, stream, tcp),
    ok = socket:bind(L, #{family => inet, addr => loopback, port => 0}),
    ok = socket:listen(L),
    {select, {select_info, accept, Ref}} = socket:accept(L, nowait),
    {ok, Name} = socket:sockname(L),
    {ok, C} = socket:open(inet, stream, tcp),
    Con = case socket:connect(C, Name, nowait) of
              ok -> ok;
              {select, {select_info, connect, CRef}} ->
                  receive {'$socket', C, select, CRef} -> socket:connect(C) after 5000 -> timeout end
          end,
    R = receive {'$socket', L, select, Ref} -> socket:accept(L, nowait) after 5000 -> timeout end,
    {ok, A} = R,
    ok = socket:setopt(C, {socket, sndbuf}, 4096),
    {select, {Info, Rest}} = socket:send(C, binary:copy(<<7>>, 20000000), nowait),
    close_all([L, C, A]),
    {Con, element(1, Info), is_binary(Rest), socket:connect(C, Name)}.

cancel() ->
    {L, C, A} = loop_pair(),
    {select, Info = {select_info, recv, Ref}} = socket:recv(A, 0, nowait),
    R1 = socket:cancel(A, Info),
    R2 = socket:cancel(A, Info),
    {select, Info2} = socket:recv(A, 0, nowait),
    ok = socket:send(C, <<"x">>),
    R3 = receive {'$socket', A, select, _} -> socket:cancel(A, Info2) after 5000 -> timeout end,
    R4 = socket:recv(A, 0, nowait),
    {select, Info3} = socket:accept(L, nowait),
    R5 = socket:cancel(L, Info3),
    R6 = try socket:cancel(L, {select_info, foo, Ref}) catch Class:Reason -> {Class, Reason} end,
    close_all([L, C, A]),
    {R1, R2 =:= {error, {invalid, Info}}, R3, R4, R5, R6, socket:cancel(A, Info)}.

%% Closed while others wait.
abort() ->
    {L, C, A} = loop_pair(),
    Self = self(),
    [spawn_link(fun() -> Self ! {N, F()} end) ||
        {N, F} <- [{1, fun() -> socket:recv(A, 10) end}, {2, fun() -> socket:accept(L) end}]],
    ok = t:wait(fun() -> maps:get(num_readers, socket:info(A)) =:= 1 end),
    ok = t:wait(fun() -> maps:get(num_acceptors, socket:info(L)) =:= 1 end),
    {select, {select_info, recv, Ref}} = socket:recv(C, 0, nowait),
    spawn(fun() -> close_all([L, C, A]) end),
    [receive {N, X} -> X end || N <- [1, 2]] ++
        [receive {'$socket', C, abort, {Ref, Reason}} -> Reason after 5000 -> timeout end].

owner() ->
    Self = self(),
    {Pid, Mon} = spawn_monitor(fun() ->
        {L, C, A} = loop_pair(),
        ok = socket:setopt(A, {otp, controlling_process}, Self),
        Self ! {made, {L, C, A}},
        R = socket:setopt(A, {otp, controlling_process}, self()),
        Self ! {set, R},
        receive stop -> ok end
    end),
    {L, C, A} = receive {made, T} -> T end,
    E = receive {set, X} -> X end,
    O1 = socket:getopt(A, {otp, controlling_process}) =:= {ok, Self},
    Pid ! stop,
    receive {'DOWN', Mon, _, _, _} -> ok end,
    ok = t:wait(fun() -> socket:getopt(L, {otp, fd}) =:= {error, closed} end),
    R = {O1, E, socket:getopt(C, {otp, fd}), socket:recv(A, 0)},
    socket:close(A),
    R.

%% A reader that dies makes room for the next one.
reader_dies() ->
    {L, C, A} = loop_pair(),
    Self = self(),
    Readers = fun(N) -> t:wait(fun() -> maps:get(num_readers, socket:info(A)) =:= N end) end,
    P1 = spawn(fun() -> socket:recv(A, 1) end),
    ok = Readers(1),
    P2 = spawn(fun() -> socket:recv(A, 1) end),
    ok = Readers(2),
    spawn_link(fun() -> Self ! {got, socket:recv(A, 1)} end),
    ok = Readers(3),
    exit(P2, kill),
    ok = Readers(2),
    exit(P1, kill),
    ok = Readers(1),
    ok = socket:send(C, <<"z">>),
    R = receive {got, X} -> X after 5000 -> timeout end,
    close_all([L, C, A]),
    R.

monitor() ->
    {ok, S} = socket:open(inet, dgram, udp),
    M = socket:monitor(S),
    N = socket:number_of(),
    W = lists:member(S, socket:which_sockets()),
    ok = socket:close(S),
    R = receive {'DOWN', M, socket, S, Why} -> Why after 5000 -> timeout end,
    {N > 0, W, R, lists:member(S, socket:which_sockets())}.

udp() ->
    {ok, S} = socket:open(inet, dgram, udp),
    ok = socket:bind(S, #{family => inet, addr => loopback, port => 0}),
    {ok, Name} = socket:sockname(S),
    {S, Name}.

datagrams() ->
    {A, NameA} = udp(),
    {B, NameB} = udp(),
    ok = socket:sendto(A, <<"one">>, NameB),
    {ok, {From, One}} = socket:recvfrom(B),
    ok = socket:sendto(A, <<>>, NameB),
    {ok, {_, Empty}} = socket:recvfrom(B),
    ok = socket:sendto(B, <<"truncated">>, NameA),
    {ok, {_, Cut}} = socket:recvfrom(A, 5),
    R = socket:recvfrom(A, 0, 10),
    Now = {socket:recvfrom(A, 0, 0), socket:recv(A, 0, 0), socket:recvmsg(A, 0)},
    {select, {select_info, recvfrom, _}} = socket:recvfrom(A, 0, nowait),
    close_all([A, B]),
    {From =:= NameA, One, Empty, Cut, R, Now}.

messages() ->
    {A, NameA} = udp(),
    {B, _} = udp(),
    ok = socket:setopt(A, {ip, recvttl}, true),
    ok = socket:setopt(A, {ip, recvtos}, true),
    ok = socket:setopt(A, {ip, pktinfo}, true),
    ok = socket:sendmsg(B, #{addr => NameA, iov => [<<"a">>, <<"bc">>]}),
    {ok, M1} = socket:recvmsg(A),
    ok = socket:sendmsg(B, #{addr => NameA, iov => [<<"t">>],
                             ctrl => [#{level => ip, type => tos, value => reliability}]}),
    {ok, #{ctrl := Ctrl}} = socket:recvmsg(A),
    ok = socket:sendmsg(B, #{addr => NameA, iov => [<<"0123456789">>]}),
    {ok, #{flags := Flags, iov := Iov}} = socket:recvmsg(A, 4, 0),
    E = [catch socket:sendmsg(B, #{addr => NameA, iov => [<<"t">>], ctrl => [C]}) ||
            C <- [#{level => ip, type => tos, value => foo}, #{level => ip, type => pktinfo, value => 1},
                  #{level => nix, type => tos, data => <<>>}, #{level => ip, type => tos}]],
    close_all([A, B]),
    {maps:remove(addr, M1), Ctrl, Flags, Iov, E}.

%% More pieces than one call takes.
vector() ->
    {L, C, A} = loop_pair(),
    Iov = [<<(N rem 251)>> || N <- lists:seq(1, 5000)],
    Self = self(),
    spawn_link(fun() -> Self ! {got, socket:recv(A, 5000)} end),
    R = socket:sendmsg(C, #{iov => Iov}),
    Got = receive {got, {ok, Bin}} -> Bin =:= iolist_to_binary(Iov) end,
    E = [catch socket:sendmsg(C, #{iov => I}) || I <- [[a], [<<>>|<<>>], [<<"x">>, 1]]],
    {U, Name} = udp(),
    T = socket:sendmsg(U, #{iov => Iov, addr => Name}),
    close_all([L, C, A, U]),
    {R, Got, E, case T of {error, {invalid, {iov, _}}} -> invalid; _ -> T end}.

sendfile() ->
    {L, C, A} = loop_pair(),
    Name = "socket_tests.tmp",
    Data = binary:copy(<<"0123456789">>, 30000),
    ok = file:write_file(Name, Data),
    {ok, F} = file:open(Name, [read, raw, binary]),
    Self = self(),
    spawn_link(fun() -> Self ! {got, socket:recv(A, 300000 + 20)} end),
    R1 = socket:sendfile(C, F, 0, 0),
    R2 = socket:sendfile(C, F, 5, 20),
    Got = receive {got, {ok, Bin}} -> Bin =:= <<Data/binary, "56789012345678901234">> end,
    #{counters := Counters} = socket:info(C),
    ok = file:close(F),
    R3 = socket:sendfile(C, F, 0, 0),
    ok = file:delete(Name),
    close_all([L, C, A]),
    {R1, R2, Got, maps:with([sendfile_byte, sendfile_fails, sendfile_tries], Counters), R3}.

big() ->
    {L, C, A} = loop_pair(),
    Data = binary:copy(<<"0123456789abcdef">>, 300000),
    Self = self(),
    spawn_link(fun() -> Self ! {sent, socket:send(C, Data)} end),
    {ok, Got} = socket:recv(A, byte_size(Data)),
    R = receive {sent, X} -> X end,
    ok = socket:setopt(A, {otp, rcvbuf}, {3, 1000}),
    ok = socket:send(C, binary:part(Data, 0, 2500)),
    {ok, Part} = socket:recv(A),
    close_all([L, C, A]),
    {Got =:= Data, R, byte_size(Part) =< 3000}.

options() ->
    {L, C, A} = loop_pair(),
    {U, _} = udp(),
    [t:p(io_lib:format("~w", [{Opt, V}]), fun() -> {socket:setopt(S, Opt, V), socket:getopt(S, Opt)} end) || {S, Opt, V} <- [
        {C, {socket, keepalive}, true}, {C, {socket, keepalive}, foo}, {C, {socket, linger}, abort},
        {C, {socket, linger}, #{onoff => true, linger => 5}}, {C, {socket, linger}, #{onoff => true}},
        {C, {socket, reuseaddr}, true}, {C, {socket, type}, stream}, {C, {socket, protocol}, tcp},
        {C, {socket, domain}, inet}, {L, {socket, acceptconn}, true}, {C, {socket, priority}, 3},
        {C, {socket, priority}, 1 bsl 40}, {C, {socket, bindtodevice}, "lo"}, {C, {socket, error}, 0},
        {C, {socket, peek_off}, 4}, {C, {socket, timestamp}, true}, {C, {socket, nix}, 1},
        {C, {tcp, nodelay}, true}, {C, {tcp, cork}, true}, {C, {tcp, congestion}, "reno"},
        {C, {tcp, congestion}, "nosuch"}, {C, {tcp, info}, 1}, {C, {nix, nodelay}, 1},
        {C, {ip, tos}, lowdelay}, {C, {ip, tos}, 16#10}, {C, {ip, ttl}, 44}, {C, {ip, mtu_discover}, probe},
        {C, {ip, mtu_discover}, nix}, {U, {ip, multicast_if}, {127, 0, 0, 1}},
        {U, {ip, multicast_ttl}, 3}, {U, {ip, multicast_loop}, false},
        {U, {ip, add_membership}, #{multiaddr => {224, 1, 2, 3}, interface => {127, 0, 0, 1}}},
        {U, {ip, add_membership}, #{multiaddr => {224, 1, 2, 3}}},
        {U, {ip, recverr}, true}, {C, {otp, rcvbuf}, 1000}, {C, {otp, rcvbuf}, {4, 100}},
        {C, {otp, rcvbuf}, default}, {C, {otp, rcvbuf}, 0}, {C, {otp, rcvctrlbuf}, 200},
        {C, {otp, sndctrlbuf}, 200}, {C, {otp, debug}, false}, {C, {otp, iow}, true},
        {C, {otp, meta}, {any, "thing"}}, {C, {otp, use_registry}, false}, {C, {otp, nix}, 1}]],
    t:p(native, fun() ->
        [socket:setopt_native(C, {socket, 9}, 1), socket:getopt_native(C, {socket, 9}, integer),
         socket:getopt_native(C, {socket, 9}, boolean), socket:getopt_native(C, {socket, 9}, 4),
         socket:getopt_native(C, {socket, 9}, <<0:64>>), socket:setopt_native(C, {6, 1}, <<1:32/native>>),
         socket:getopt_native(C, {tcp, 1}, integer), socket:getopt_native(C, {socket, 9}, nix),
         socket:setopt_native(C, {socket, 9}, {a})]
    end),
    close_all([L, C, A, U]),
    t:p(closed, fun() -> {socket:getopt(C, {otp, debug}), socket:setopt(C, {tcp, nodelay}, true)} end).

errors() ->
    {ok, S} = socket:open(inet, stream, tcp),
    Map = #{family => inet, addr => loopback, port => 1},
    [t:p(N, F) || {N, F} <- [
        {open1, fun() -> socket:open(nix, stream, tcp) end},
        {open2, fun() -> socket:open(inet, nix, tcp) end},
        {open3, fun() -> socket:open(inet, stream, nix) end},
        {open4, fun() -> socket:open(inet, stream, 1 bsl 40) end},
        {bind1, fun() -> socket:bind(S, #{family => inet, addr => {1, 2, 3}, port => 0}) end},
        {bind2, fun() -> socket:bind(S, #{family => inet, addr => any, foo => 0}) end},
        {bind3, fun() -> socket:bind(S, #{family => inet, addr => {9, 9, 9, 9}}) end},
        {bind4, fun() -> socket:bind(S, #{family => local, path => "x"}) end},
        {connect, fun() -> socket:connect(S, Map) end},
        {peername, fun() -> socket:peername(S) end},
        {send, fun() -> socket:send(S, <<"x">>) end},
        {recv, fun() -> socket:recv(S, 1, 100) end},
        {accept, fun() -> socket:accept(S) end},
        {shutdown, fun() -> socket:shutdown(S, read_write) end},
        {shutdown2, fun() -> socket:shutdown(S, nix) end},
        {listen, fun() -> socket:listen(S, -1 bsl 40) end},
        {ioctl, fun() -> socket:ioctl(S, gifname, 1) end},
        {ioctl2, fun() -> socket:ioctl(S, gifaddr, "lo") end},
        {ioctl3, fun() -> socket:ioctl(S, gifmtu, "nosuch") end},
        {ioctl4, fun() -> socket:ioctl(S, gifflags, "lo") end},
        {ioctl5, fun() -> {ok, #{addr := A, family := F}} = socket:ioctl(S, gifhwaddr, "lo"), {size(A), F} end},
        {ioctl6, fun() -> {ok, L} = socket:ioctl(S, gifconf), [N || #{name := "lo"} = N <- L] end},
        {ioctl7, fun() -> socket:ioctl(S, nix) end},
        {notref, fun() -> prim_socket:close(make_ref()) end},
        {command, fun() -> prim_socket:debug(nix) end}]],
    socket:close(S),
    t:p(closed, fun() -> {socket:close(S), socket:bind(S, any), socket:connect(S, Map), socket:accept(S),
                          socket:sockname(S), socket:shutdown(S, read), socket:listen(S)} end).

net() ->
    [t:p(N, F) || {N, F} <- [
        {name, fun() -> {ok, H} = net:gethostname(), {ok, H} =:= inet:gethostname() end},
        {info1, fun() -> net:getnameinfo(#{family => inet, addr => {127, 0, 0, 1}, port => 80},
                                         [numerichost, numericserv]) end},
        {info2, fun() -> net:getnameinfo(#{family => inet6, addr => loopback, port => 80},
                                         [numerichost, numericserv]) end},
        {info3, fun() -> net:getnameinfo(#{family => inet, addr => loopback, port => 80}, [nix]) end},
        {addr1, fun() -> net:getaddrinfo("127.0.0.1", "80") end},
        {addr2, fun() -> net:getaddrinfo("::1", undefined) end},
        {addr3, fun() -> net:getaddrinfo(undefined, "nosuchservice") end},
        {ifs, fun() -> {ok, L} = net:getifaddrs(all), [I || #{name := "lo"} = I <- L] end},
        {index, fun() -> {ok, I} = net:if_name2index("lo"), {I, net:if_index2name(I)} end},
        {index2, fun() -> {net:if_name2index("nosuch"), net:if_index2name(999999)} end},
        {names, fun() -> {ok, L} = net:if_names(), lists:keyfind("lo", 2, L) end},
        {netinfo, fun() -> net:info() end}]].
