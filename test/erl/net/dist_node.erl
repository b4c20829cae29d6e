%% SPDX-License-Identifier: Apache-2.0
%% dist_node - a distributed node with a port mapper of its own, and peers of it, for the dist tests.
-module(dist_node).
-export([with/1, peer/1, peer/2, stop/1, exec/1]).

%% Runs Fun on this node, which is alive meanwhile. Tests start with -epmd_port, as others run beside them.
with(Fun) ->
    start(5),
    try Fun()
    after
        net_kernel:stop(),
        epmd("-kill") % does nothing while others use it
    end.

start(N) ->
    epmd("-daemon"),
    ok = t:wait(fun() -> element(1, erl_epmd:names()) =:= ok end),
    Level = maps:get(level, logger:get_primary_config()),
    logger:set_primary_config(level, none),
    Result = net_kernel:start([list_to_atom(peer:random_name()), shortnames]),
    logger:set_primary_config(level, Level),
    case Result of
        {ok, _} -> ok;
        _ when N > 0 -> start(N - 1)
    end.

epmd(What) ->
    os:cmd(filename:join(os:getenv("BINDIR"), "epmd") ++ " -port " ++ port() ++ " " ++ What).

port() ->
    {ok, [[Port]]} = init:get_argument(epmd_port),
    Port.

%% own: the VM that runs this; reference: the erl on the path. {Control, Node}
peer(Kind) -> peer(Kind, #{}).
peer(Kind, Options) ->
    {ok, P, N} = peer:start_link(maps:merge(#{name => peer:random_name(), exec => exec(Kind), wait_boot => 60000,
                                              args => ["-epmd_port", port(), "-pa" | code:get_path() -- [code:lib_dir()]]}, Options)),
    {P, N}.

stop({P, _}) -> peer:stop(P).

exec(own) -> filename:join(os:getenv("BINDIR"), "erlexec");
exec(reference) -> filename:join([code:root_dir(), "bin", "erl"]). % Joist leaves the libraries where they are
