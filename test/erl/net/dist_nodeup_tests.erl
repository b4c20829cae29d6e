%% SPDX-License-Identifier: Apache-2.0
%% dist_nodeup_tests - a connection that is lost and at once made again by whoever sends next: all who asked to be
%% told of its end have been told before the new one is seen.
%% erl: -epmd_port 47393
-module(dist_nodeup_tests).
-export([main/0]).
-define(WATCHERS, 2000).

main() -> dist_node:with(fun lost_and_made/0).

lost_and_made() ->
    ok = logger:set_primary_config(level, none), % of global, which such a change can surprise
    {Control, N} = dist_node:peer(own, #{connection => standard_io}),
    ok = peer:call(Control, logger, set_primary_config, [level, none]),
    true = net_kernel:connect_node(N),
    ok = net_kernel:monitor_nodes(true),
    Self = self(),
    Watchers = [spawn_opt(fun() -> watch(Self, N) end, [link, {priority, low}]) || _ <- lists:seq(1, ?WATCHERS)],
    Sender = spawn_link(fun() -> send(N) end),
    t:p(order, fun() -> lists:usort([round(N, Watchers) || _ <- lists:seq(1, 10)]) end),
    unlink(Sender), exit(Sender, kill),
    [begin unlink(W), exit(W, kill) end || W <- Watchers],
    peer:stop(Control).

send(N) -> {nobody, N} ! x, send(N).

watch(Parent, N) ->
    receive watch -> true = monitor_node(N, true) end,
    Parent ! ready,
    receive X -> X = {nodedown, N} end,
    watch(Parent, N).

round(N, Watchers) ->
    [W ! watch || W <- Watchers],
    [receive ready -> ok end || _ <- Watchers],
    {ok, Info} = net_kernel:node_info(N),
    exit(proplists:get_value(owner, Info), kill),
    Next = fun() -> receive {What, N} -> What after 20000 -> timeout end end,
    {Next(), Next()}.
