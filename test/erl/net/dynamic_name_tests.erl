%% SPDX-License-Identifier: Apache-2.0
%% A node that gets its name from the first one that it is connected to: until then it reaches nobody, and says so.
-module(dynamic_name_tests).
-export([main/0]).

-define(NODE, nobody@nowhere).

main() ->
    logger:set_primary_config(level, none),
    all("without a name"),
    {ok, _} = net_kernel:start(undefined, #{name_domain => shortnames}),
    all("a dynamic one"),
    ok = net_kernel:stop(),
    all("stopped").

all(Label) ->
    io:format("~s: ~p ~p~n", [Label, node(), is_alive()]),
    [t:p(Name, Fun) || {Name, Fun} <- [
        {"monitor_node", fun() -> {monitor_node(?NODE, true), got()} end},
        {"monitor_node/3", fun() -> {erlang:monitor_node(?NODE, true, [allow_passive_connect]), got()} end},
        {"no monitor_node", fun() -> monitor_node(?NODE, false) end},
        {"monitor", fun() -> {is_reference(monitor(process, {name, ?NODE})), got()} end},
        {"monitor of one here", fun() -> {is_reference(monitor(process, {name, node()})), got()} end},
        {"send", fun() -> {name, ?NODE} ! hello end},
        {"send without connecting", fun() -> erlang:send({name, ?NODE}, hello, [noconnect]) end},
        {"spawn", fun() -> is_pid(spawn(?NODE, lists, seq, [1, 2])) end},
        {"spawn_request", fun() -> {is_reference(erlang:spawn_request(?NODE, lists, seq, [1, 2])), got()} end}]].

got() ->
    receive
        {nodedown, N} -> {nodedown, N};
        {'DOWN', _, process, What, Why} -> {What, Why};
        {spawn_reply, _, Result, Why} -> {Result, Why}
    after 2000 -> nothing
    end.
