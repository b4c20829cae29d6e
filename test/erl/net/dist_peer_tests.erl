%% SPDX-License-Identifier: Apache-2.0
%% dist_peer_tests - two nodes: messages, links, monitors, spawning, and the end of a connection; the other
%% node is another of this VM, and one of the reference.
%% erl: -epmd_port 47391
-module(dist_peer_tests).
-export([main/0, echo/0, wait/0, orphan/1, traced/1]).
-define(GET(Pattern), (fun() -> receive Pattern = Got__ -> Got__ after 20000 -> timeout end end)()).

main() ->
    process_flag(trap_exit, true),
    dist_node:with(fun() -> [both(K) || K <- [own, reference]] end).

both(Kind) ->
    io:format("~p~n", [Kind]),
    {_, N} = Peer = dist_node:peer(Kind),
    [ok = rpc:call(X, logger, set_primary_config, [level, none]) || X <- [node(), N]],
    t:p(nodes, fun() -> {nodes() =:= [N], net_adm:ping(N), rpc:call(N, erlang, nodes, []) =:= [node()]} end),
    messages(N), records(N), links(N), monitors(N), spawning(N), others(N), large(N),
    ending(Peer, N),
    again(Kind).

echo() -> receive {From, What} -> From ! {self(), What}, echo() end.
traced(X) -> X.
wait() -> receive {do, F} -> F(), wait(); stop -> ok; {stop, R} -> exit(R) end.

%% A second connection begins with empty atom caches.
again(Kind) ->
    {Control, N} = dist_node:peer(Kind, #{connection => standard_io}),
    Calls = fun() -> [rpc:call(N, erlang, list_to_atom, ["a" ++ integer_to_list(I)]) || I <- lists:seq(1, 300)] end,
    t:p(again, fun() -> [begin C = Calls(), D = erlang:disconnect_node(N), {length(C), lists:usort([is_atom(X) || X <- C]), D} end || _ <- [1, 2, 3]] end),
    peer:stop(Control).

messages(N) ->
    P = spawn(N, ?MODULE, echo, []),
    R = make_ref(),
    Terms = [a, 1.5, -1, 1 bsl 70, "text", <<"bin">>, <<3:3>>, #{a => b}, {self(), R, P}, fun lists:map/2,
             fun() -> P end, [x | y], [], {}, list_to_atom(lists:duplicate(255, 16#3b1)), 'å',
             maps:from_list([{I, I} || I <- lists:seq(1, 100)]), [list_to_atom("a" ++ integer_to_list(I)) || I <- lists:seq(1, 600)]],
    t:p(terms, fun() -> [begin P ! {self(), T}, ?GET({P, _}) =:= {P, T} end || T <- Terms] end),
    t:p(order, fun() -> [P ! {self(), I} || I <- lists:seq(1, 500)],
                        [?GET({P, _}) || _ <- lists:seq(1, 500)] =:= [{P, I} || I <- lists:seq(1, 500)] end),
    t:p(name, fun() -> true = rpc:call(N, erlang, register, [echoer, P]), {echoer, N} ! {self(), x},
                       ?GET({P, _}) =:= {P, x} end),
    t:p(alias, fun() -> A = alias([reply]), P ! {A, y}, {?GET({P, _}) =:= {P, y}, begin P ! {A, z}, P ! {self(), w}, ?GET({P, _}) =:= {P, w} end} end),
    exit(P, kill).

%% What a node tells of its connection to another one.
records(N) ->
    _ = erts_debug:set_internal_state(available_internal_state, true),
    Get = fun(W) -> erts_debug:get_internal_state({W, N}) end,
    Self = self(),
    t:p(controller, fun() -> [{N, C}] = erlang:system_info(dist_ctrl), is_port(C) end),
    P = spawn_link(N, ?MODULE, wait, []),
    R = monitor(process, P),
    P ! {do, fun() -> monitor(process, Self), Self ! done end},
    ?GET(done),
    t:p(link_record, fun() -> [{erl_link, dist_process, linked, Id}] = [{L, T, S, I} || {L, T, O, S, I} <- Get(link_list), O =:= Self],
                              [{erl_link, dist_process, P, linked, Id}] = [E || E <- erts_debug:get_internal_state({link_list, Self}), element(5, E) =:= Id], ok end),
    t:p(monitor_records, fun() -> {[{T, D, X} || {_, T, D, Ref, O, X} <- Get(monitor_list), O =:= Self, Ref =:= R],
                                   [{T, D, X} || {_, T, D, Ref, O, X} <- Get(monitor_list), O =:= Self, node(Ref) =:= N]} end),
    monitor_node(N, true), monitor_node(N, true),
    t:p(watch_records, fun() -> {[X || {erl_monitor, node, origin, _, M, X} <- erts_debug:get_internal_state({monitor_list, Self}), M =:= N],
                                 [{D, X} || {erl_monitor, node, D, _, O, X} <- Get(monitor_list), O =:= Self]} end),
    monitor_node(N, false), monitor_node(N, false),
    demonitor(R, [flush]), unlink(P), exit(P, kill),
    M = monitor(process, P), ?GET({'DOWN', M, _, _, _}),
    t:p(gone, fun() -> t:wait(fun() -> [] =:= [E || E <- Get(link_list) ++ Get(monitor_list), element(4, E) =:= Self orelse element(5, E) =:= Self] end) end),
    erts_debug:set_internal_state(available_internal_state, false).

links(N) ->
    L = fun() -> spawn_link(N, ?MODULE, wait, []) end,
    t:p(link_exit, fun() -> P = L(), P ! {stop, bye}, {'EXIT', P, R} = ?GET({'EXIT', P, _}), R end),
    t:p(unlink, fun() -> P = L(), unlink(P), P ! {stop, bye}, M = monitor(process, P), {'DOWN', M, _, _, W} = ?GET({'DOWN', M, _, _, _}),
                         {lists:member(W, [noproc, bye]), receive {'EXIT', P, _} -> exit after 50 -> none end} end),
    t:p(relink, fun() -> P = L(), [begin unlink(P), link(P) end || _ <- lists:seq(1, 20)], P ! {stop, again},
                         {'EXIT', P, R} = ?GET({'EXIT', P, _}), R end),
    t:p(exit2, fun() -> P = L(), exit(P, {big, lists:seq(1, 10)}), {'EXIT', P, R} = ?GET({'EXIT', P, _}), R end),
    t:p(noproc, fun() -> P = spawn(N, fun() -> ok end), M = monitor(process, P), ?GET({'DOWN', M, _, _, _}), link(P),
                         {'EXIT', P, R} = ?GET({'EXIT', P, _}), R end),
    t:p(from_there, fun() -> Me = self(), P = spawn(N, ?MODULE, wait, []), P ! {do, fun() -> link(Me) end},
                             t:wait(fun() -> {links, Ls} = process_info(Me, links), lists:member(P, Ls) end),
                             P ! {stop, there}, {'EXIT', P, R} = ?GET({'EXIT', P, _}), R end).

monitors(N) ->
    t:p(down, fun() -> {P, M} = spawn_monitor(N, ?MODULE, wait, []), P ! {stop, {why, <<1, 2>>}},
                       {'DOWN', M, process, P, R} = ?GET({'DOWN', M, _, _, _}), R end),
    t:p(no_name, fun() -> M = monitor(process, {nobody_there, N}), {'DOWN', M, process, {nobody_there, N}, R} = ?GET({'DOWN', M, _, _, _}), R end),
    t:p(name, fun() -> P = spawn(N, ?MODULE, wait, []), rpc:call(N, erlang, register, [waiter, P]), M = monitor(process, {waiter, N}),
                       P ! stop, {'DOWN', M, process, {waiter, N}, R} = ?GET({'DOWN', M, _, _, _}), R end),
    t:p(demonitor, fun() -> P = spawn(N, ?MODULE, wait, []), M = monitor(process, P), M2 = monitor(process, P), demonitor(M), P ! stop,
                            ?GET({'DOWN', M2, _, _, _}), receive {'DOWN', M, _, _, _} -> down after 50 -> none end end),
    t:p(from_there, fun() -> S = self(), Me = spawn(?MODULE, wait, []), register(here, Me),
                             spawn(N, fun() -> M = monitor(process, {here, node(Me)}), S ! ready, receive {'DOWN', M, _, O, R} -> S ! {seen, O =:= {here, node(Me)}, R} end end),
                             ?GET(ready), Me ! {stop, gone}, ?GET({seen, _, _}) end),
    t:p(tag, fun() -> M = monitor(process, {nobody_there, N}, [{tag, {my, tag}}]), element(1, ?GET({_, M, _, _, _})) end).

%% What another node spawns is traced like any new process.
traced_spawns(N) ->
    Me = self(),
    T = spawn(N, fun() -> (fun F() -> receive M -> Me ! M, F() end end)() end),
    rpc:call(N, erlang, trace, [new, true, [procs, call, {tracer, T}]]),
    rpc:call(N, erlang, trace_pattern, [{?MODULE, traced, 1}, true, []]),
    P = spawn_link(N, ?MODULE, traced, [a]),
    Told = [begin {trace, P, _, _} = M = ?GET({trace, P, Tag, _}), M end || Tag <- [getting_linked, call, exit]],
    {trace, P, spawned, Me, Mfa} = ?GET({trace, P, spawned, _, _}),
    rpc:call(N, erlang, trace, [new, false, [all]]),
    rpc:call(N, erlang, trace_pattern, [{?MODULE, traced, 1}, false, []]),
    {'EXIT', P, normal} = ?GET({'EXIT', P, _}),
    exit(T, kill),
    {[Tag || {trace, _, Tag, _} <- Told], Mfa}.

%% The parent's link is told when the child is known.
traced_parent(N) ->
    Me = self(),
    P = spawn(?MODULE, wait, []),
    erlang:trace(P, true, [procs]),
    P ! {do, fun() -> process_flag(trap_exit, true), Me ! {child, spawn_link(N, ?MODULE, wait, [])} end},
    {child, C} = ?GET({child, _}),
    {trace, P, link, C} = ?GET({trace, P, link, _}),
    C ! stop,
    {trace, P, getting_unlinked, C} = ?GET({trace, P, getting_unlinked, _}),
    P ! stop,
    {trace, P, exit, Reason} = ?GET({trace, P, exit, _}),
    Reason.

spawning(N) ->
    t:p(request, fun() -> R = spawn_request(N, ?MODULE, echo, [], [{reply_tag, tag}, monitor]), {tag, R, ok, P} = ?GET({tag, R, _, _}),
                          exit(P, kill), {'DOWN', R, process, P, Why} = ?GET({'DOWN', R, _, _, _}), Why end),
    t:p(pending, fun() -> R = spawn_request(N, ?MODULE, echo, [], [monitor]), Early = erlang:demonitor(R, [info]),
                          {spawn_reply, R, ok, P} = ?GET({spawn_reply, R, _, _}), {Early, erlang:demonitor(R, [info]), exit(P, kill)} end),
    t:p(traced, fun() -> traced_spawns(N) end),
    t:p(traced_parent, fun() -> traced_parent(N) end),
    t:p(left, fun() -> leave(N, fun(_) -> ok end, 100) end),
    t:p(abandoned, fun() -> leave(N, fun(R) -> spawn_request_abandon(R) end, 100) end),
    t:p(badopt, fun() -> R = spawn_request(N, ?MODULE, echo, [], [{no, option}]), {spawn_reply, R, error, Why} = ?GET({spawn_reply, R, _, _}), Why end),
    Answer = fun(O) -> R = spawn_request(N, erlang, self, [], O), receive {spawn_reply, R, Is, X} -> {Is, is_pid(X) orelse X} after 300 -> none end end,
    t:p(wrong_options, fun() -> [Answer(O) || O <- [
        [{monitor, {{alias, explicit_unalias}}}], [{monitor, [{alias, alias}]}], [{monitor, [{tag, a} | x]}], [{monitors, []}], [{monitor, x}],
        [{reply, nahh}], [{reply, no}, {reply, nahh}], [{reply, nahh}, {reply, no}], [{reply, success_only}, bad], [{reply, error_only}, bad],
        [{reply, error_only}, {monitor, x}], [{monitor, [{tag, a}]}, {reply, success_only}], [{reply_tag, x}]]] end),
    t:p(wrong_spawn_opt, fun() -> [try spawn_opt(N, erlang, self, [], O) catch error:E -> E end || O <- [[{monitor, x}], [{reply, yes}], [link, link | x]]] end),
    t:p(badarg, fun() -> spawn_request(N, ?MODULE, echo, foo, []) end),
    t:p(no_reply, fun() -> R = spawn_request(N, ?MODULE, echo, [], [{reply, no}]), receive {spawn_reply, R, _, _} -> reply after 50 -> none end end),
    t:p(undefined, fun() -> P = spawn_link(N, no_module, no_function, []), {'EXIT', P, {Why, [{M, F, A, _} | _]}} = ?GET({'EXIT', P, _}), {Why, M, F, A} end),
    t:p(leader, fun() -> rpc:call(N, erlang, apply, [fun() -> node(group_leader()) end, []]) =:= node() end).

%% What a child is told whose parent does not live to see it. It may die before it can say so.
leave(_, _, 0) -> never;
leave(N, Last, Tries) ->
    S = self(),
    spawn(fun() -> Last(spawn_request(N, ?MODULE, orphan, [S], [link, {priority, max}])), exit({gone, [a]}) end),
    receive {orphan, Why} -> Why after 300 -> leave(N, Last, Tries - 1) end.

orphan(S) -> process_flag(trap_exit, true), receive {'EXIT', _, Why} -> S ! {orphan, Why} end.

others(N) ->
    t:p(group_leader, fun() -> P = spawn(N, ?MODULE, wait, []), S = self(), group_leader(S, P),
                               P ! {do, fun() -> S ! {leader, group_leader() =:= S} end}, ?GET({leader, _}) end),
    t:p(rpc, fun() -> {rpc:call(N, lists, sum, [[1, 2]]), rpc:call(N, erlang, error, [x]) =/= x, erpc:call(N, fun() -> 7 end),
                       rpc:multicall([N, node()], erlang, abs, [-2])} end),
    t:p(global, fun() -> ok = global:sync(), yes = global:register_name(me, self()), P = rpc:call(N, global, whereis_name, [me]), global:unregister_name(me), P =:= self() end),
    t:p(creation, fun() -> P = spawn(N, ?MODULE, wait, []), {node(P) =:= N, is_pid(P), P =:= binary_to_term(term_to_binary(P))} end),
    t:p(ref, fun() -> R = rpc:call(N, erlang, make_ref, []), {node(R) =:= N, rpc:call(N, erlang, '=:=', [R, R])} end).

large(N) ->
    t:p(large, fun() -> L = lists:seq(1, 200000), B = binary:copy(<<7>>, 3000000),
                        {rpc:call(N, lists, reverse, [L]) =:= lists:reverse(L), rpc:call(N, erlang, iolist_to_binary, [B]) =:= B} end),
    t:p(many, fun() -> P = spawn_link(N, ?MODULE, echo, []), B = binary:copy(<<1>>, 100000), [P ! {self(), {I, B}} || I <- lists:seq(1, 40)],
                       X = [I || _ <- lists:seq(1, 40), {_, {I, _}} <- [?GET({P, _})]] =:= lists:seq(1, 40), unlink(P), exit(P, kill), X end).

ending({Control, _}, N) ->
    ok = net_kernel:monitor_nodes(true, #{nodedown_reason => true, node_type => all}),
    P = spawn_link(N, ?MODULE, wait, []),
    M = monitor(process, P),
    monitor_node(N, true), monitor_node(N, true),
    unlink(Control),
    rpc:cast(N, erlang, halt, [0, [{flush, false}]]),
    t:p(link, fun() -> element(3, ?GET({'EXIT', P, _})) end),
    t:p(monitor, fun() -> element(5, ?GET({'DOWN', M, _, _, _})) end),
    t:p(nodedown, fun() -> [{nodedown, N} = ?GET({nodedown, N}) || _ <- [1, 2]], element(3, ?GET({nodedown, N, _})) end),
    ok = net_kernel:monitor_nodes(false, #{nodedown_reason => true, node_type => all}),
    t:p(after_end, fun() -> {nodes(), net_adm:ping(N), rpc:call(N, erlang, node, []), begin P ! x, ok end, erlang:send(P, x, [noconnect])} end),
    t:p(link_after, fun() -> link(P), element(3, ?GET({'EXIT', P, _})) end),
    t:p(monitor_after, fun() -> X = monitor(process, P), element(5, ?GET({'DOWN', X, _, _, _})) end),
    t:p(watch_after, fun() -> monitor_node(N, true), ?GET({nodedown, N}) =:= {nodedown, N} end).
