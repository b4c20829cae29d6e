%% SPDX-License-Identifier: Apache-2.0
%% Packets of another node as they come, good ones and such as fit no format: the bad ones end the connection, and what
%% comes after them is not taken.
-module(dist_packet_tests).
-export([main/0]).

-define(NODE, 'here@nowhere').
-define(PEER, 'there@nowhere').
-define(FLAGS, 16#d07df7fbc).

main() ->
    logger:set_primary_config(level, none),
    register(net_kernel, spawn(fun F() -> receive _ -> F() end end)),
    true = erlang:setnode(?NODE, 7),
    [show(Case, 50) || Case <- good()],
    [show({Name, Packets ++ [send(late)]}, 10000) || {Name, Packets} <- bad()],
    [show(Case, 10000) || Case <- bad_payloads()].

%% The connection ends by itself, or by us after Patience.
show({Name, Packets}, Patience) ->
    register(receiver, self()),
    {C, M} = spawn_monitor(fun() -> controller(Packets, Patience) end),
    receive {'DOWN', M, process, C, Reason} -> io:format("~s: ~p ~p~n", [Name, Reason, got()]) end,
    unregister(receiver).

got() -> receive M -> [M | got()] after 0 -> [] end.

controller(Packets, Patience) ->
    erts_internal:new_connection(?PEER),
    {ok, H} = open(100),
    ok = erlang:dist_ctrl_input_handler(H, self()),
    [try erlang:dist_ctrl_put_data(H, P) catch error:badarg -> exit(killed) end || P <- Packets],
    receive after Patience -> ok end,
    exit(done).

open(0) -> exit(not_opened);
open(N) ->
    case erts_internal:create_dist_channel(?PEER, self(), {?FLAGS, 3}) of
        badarg -> receive after 10 -> open(N - 1) end;
        Ok -> Ok
    end.

pid() -> binary_to_term(<<131, 88, 119, (byte_size(atom_to_binary(?PEER))), (atom_to_binary(?PEER))/binary, 1:32, 0:32, 3:32>>).
bare(T) -> <<131, B/binary>> = term_to_binary(T), B.
send(M) -> headed(<<(bare({6, pid(), '', receiver}))/binary, (bare(M))/binary>>).
headed(B) -> <<131, 68, 0, B/binary>>.
first(Id, N, B) -> <<131, 69, Id:64, N:64, 0, B/binary>>.
next(Id, N, B) -> <<131, 70, Id:64, N:64, B/binary>>.
control() -> bare({6, pid(), '', receiver}).

good() ->
    Long = bare(lists:seq(1, 300)),
    {A, B} = split_binary(Long, 100),
    {B1, B2} = split_binary(B, 1),
    [{"tick", [<<>>, send(1), <<>>]},
     {"message", [send({a, [b], #{c => 1.5}})]},
     {"atoms of the header", [cached(8, <<5, 3, "new">>), cached(0, <<5>>), cached(8, <<5, 5, "newer">>), cached(0, <<5>>)]},
     {"fragments", [first(1, 3, <<(control())/binary, A/binary>>), send(between), next(1, 2, B1), next(1, 1, B2)]},
     {"fragments of two", [first(1, 2, <<(control())/binary, A/binary>>), first(2, 2, <<(control())/binary, A/binary>>), next(2, 1, B), next(1, 1, B)]},
     {"one fragment", [first(9, 1, <<(control())/binary, 97, 5>>)]},
     {"more than a payload", [headed(<<(control())/binary, 97, 1, 97, 2>>), send(x)]},
     {"to nobody", [headed(<<(bare({6, pid(), '', nobody}))/binary, 97, 1>>), send(x)]}].

%% One atom in the header, which is the message.
cached(Flag, Ref) -> <<131, 68, 1, Flag, Ref/binary, (control())/binary, 82, 0>>.

bad() ->
    {A, B} = split_binary(<<(control())/binary, 97, 1>>, 10),
    [{"nothing", [<<131>>]}, {"no version", [<<1, 2, 3>>]}, {"unknown kind", [<<131, 71, 0>>]}, {"header alone", [<<131, 68>>]},
     {"flags cut off", [<<131, 68, 5, 1>>]}, {"atom cut off", [<<131, 68, 1, 8, 0, 5, "ab">>]}, {"atom not known", [cached(0, <<77>>)]},
     {"no control message", [headed(<<>>)]},
     {"control cut off", [headed(<<104, 4, 97, 6>>)]}, {"no tuple", [headed(<<97, 6>>)]}, {"empty tuple", [headed(bare({}))]},
     {"no number", [headed(bare({a, b}))]}, {"unknown operation", [headed(bare({99, a}))]}, {"wrong arity", [headed(bare({1, pid()}))]},
     {"no receiver", [headed(<<(bare({2, '', atom}))/binary, 97, 1>>)]}, {"link from nobody", [headed(bare({1, a, self()}))]},
     {"monitor without reference", [headed(bare({19, pid(), receiver, a}))]},
     {"fragment without a first", [next(1, 1, B)]}, {"first fragment twice", [first(1, 3, A), first(1, 3, A)]},
     {"fragment left out", [first(1, 3, A), next(1, 1, B)]}, {"fragment again", [first(1, 3, A), next(1, 3, B)]},
     {"spawn of no list", [headed(<<(bare({29, make_ref(), pid(), pid(), {m, f, 1}, []}))/binary, 97, 1>>)]},
     {"spawn of another arity", [headed(<<(bare({29, make_ref(), pid(), pid(), {m, f, 2}, []}))/binary, (bare([1]))/binary>>)]}].

%% The reference sees these when the receiver looks at the message.
bad_payloads() ->
    [{"no payload", [headed(control())]}, {"payload cut off", [headed(<<(control())/binary, 104, 3, 97>>)]},
     {"atom not in the header", [headed(<<(control())/binary, 82, 3>>)]}].
