%% SPDX-License-Identifier: Apache-2.0
%% What arrives from another node: an input is the packets of one connection, as they come or made of terms. Two processes
%% have links, monitors, an alias and a spawn request over it, so that answers find what they name.
-module(target_dist).
-export([prepare/0, run/1, packets/2, child/1]).

-define(NODE, 'fuzz@nowhere').
-define(PEER, 'peer@nowhere').
-define(CREATION, 7).
-define(FLAGS, 16#d07df7fbc).

prepare() ->
    register(net_kernel, spawn(fun hear/0)),
    true = erlang:setnode(?NODE, ?CREATION),
    none.

hear() -> receive _ -> hear() end.

%% The first byte chooses how packets are made (1, 2), whether what they were about ends before the connection (4).
run(<<O, B/binary>>) ->
    Before = processes(),
    Victims = [spawn(fun victim/0), spawn(fun victim/0)],
    {Controller, M} = spawn_monitor(fun() -> controller(O, B, Victims) end),
    receive {'DOWN', M, process, Controller, _} -> ok after 10000 -> exit(Controller, kill), receive {'DOWN', M, _, _, _} -> ok end end,
    [ends(P) || P <- processes() -- Before, P =/= self()],
    ok;
run(_) -> ok.

ends(P) ->
    M = monitor(process, P),
    exit(P, kill),
    receive {'DOWN', M, process, _, _} -> ok end.

%% ---- the connection ----

controller(O, B, Victims) ->
    erts_internal:new_connection(?PEER),
    {ok, H} = open(),
    erlang:dist_ctrl_input_handler(H, self()),
    Known = [has(V) || V <- Victims],
    [_ = put_packet(H, P) || P <- packets(O, {known(Victims, Known), B})],
    [erlang:yield() || _ <- lists:seq(1, 20)],
    _ = [exit(V, bye) || V <- Victims, O band 4 =/= 0],
    [erlang:yield() || _ <- lists:seq(1, 20)],
    drain(H),
    exit(lists:nth(O bsr 3 rem 3 + 1, [normal, kill, other])).

open() ->
    case erts_internal:create_dist_channel(?PEER, self(), {?FLAGS, 4711}) of
        badarg -> erlang:yield(), open();
        Ok -> Ok
    end.

put_packet(H, P) -> erlang:dist_ctrl_put_data(H, P), drain(H).

drain(H) -> case erlang:dist_ctrl_get_data(H) of none -> ok; _ -> drain(H) end.

victim() ->
    process_flag(trap_exit, true),
    receive {From, setup} -> From ! {self(), setup()} end,
    hear().

has(V) -> V ! {self(), setup}, receive {V, Refs} -> Refs end.

setup() ->
    _ = catch register(victim, self()),
    link(pid(1)),
    [monitor(process, pid(1)), monitor(process, {name, ?PEER}), monitor(process, pid(2), [{alias, reply_demonitor}]), alias(),
     erlang:spawn_request(?PEER, m, f, [], [link, monitor]), monitor(process, whereis(net_kernel))].

child(_) -> hear().

%% ---- packets ----

pid(N) -> binary_to_term(<<131, 88, (name(?PEER))/binary, N:32, 0:32, 4711:32>>).
ref(Node, Creation, N) -> binary_to_term(<<131, 90, 3:16, (name(Node))/binary, Creation:32, N:32, 5:32, 6:32>>).
name(Node) -> B = atom_to_binary(Node), <<119, (byte_size(B)), B/binary>>.

%% Words of target_terms that stand for what is there.
known([V, W], [[R1, R2, R3, R4, R5, R6], _]) ->
    #{a => V, b => W, '$1' => R1, '$2' => R2, '$3' => R3, '$9' => R4, '$0' => R5, '$20' => R6, '_' => pid(1), '$_' => pid(2),
      '$$' => ref(?PEER, 4711, 9), '$x' => ref(?NODE, ?CREATION, 9), const => victim, 'if' => target_dist, 'xor' => child,
      self => hd(erlang:ports()), min => kill, size => '', node => ?PEER, 'or' => link, 'and' => monitor,
      element => binary_to_term(<<131, 88, (name('third@nowhere'))/binary, 1:32, 0:32, 1:32>>)}.

packets(O, {_, B}) when O band 1 =:= 0 -> raw(B);
packets(O, {Known, B}) -> made(O bsr 1 band 1, [meant(T, Known) || T <- target_terms:terms(B)], 1).

%% As they come: a length, the bytes.
raw(<<N, P:N/binary, R/binary>>) -> [P | raw(R)];
raw(<<>>) -> [];
raw(B) -> [B].

%% A tuple is a control message; what follows it is its payload unless it is another one.
made(K, [C, P | R], I) when is_tuple(C), not is_tuple(P) -> packet(K, encoded(C), encoded(P), I) ++ made(K, R, I + 1);
made(K, [C | R], I) -> packet(K, encoded(C), <<>>, I) ++ made(K, R, I + 1);
made(_, [], _) -> [].

encoded(T) -> <<131, B/binary>> = term_to_binary(T), B.

packet(0, C, P, _) -> [<<112, 131, C/binary, (versioned(P))/binary>>];
packet(1, C, P, I) when I rem 2 =:= 1 -> [<<131, 68, 0, C/binary, P/binary>>];
packet(1, C, P, I) ->
    Half = byte_size(P) div 2,
    <<A:Half/binary, Z/binary>> = P,
    [<<131, 69, I:64, 2:64, 0, C/binary, A/binary>>, <<131, 70, I:64, 1:64, Z/binary>>].

versioned(<<>>) -> <<>>;
versioned(P) -> <<131, P/binary>>.

meant(T, Known) when is_map_key(T, Known) -> map_get(T, Known);
meant([H | T], Known) -> [meant(H, Known) | meant(T, Known)];
meant(T, Known) when is_tuple(T) -> list_to_tuple([meant(E, Known) || E <- tuple_to_list(T)]);
meant(T, _) -> T.
