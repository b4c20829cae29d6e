%% SPDX-License-Identifier: Apache-2.0
%% info_text_tests - the texts of system_info that name what the VM holds.
-module(info_text_tests).
-export([main/0]).

main() ->
    put(my_key, {my, value}),
    info_text_table = ets:new(info_text_table, [named_table, ordered_set]),
    self() ! {my, message},
    Other = spawn_link(fun() -> receive stop -> ok end end),
    Watch = monitor(process, Other),
    timer:sleep(50),
    [t:p({What, S}, fun() -> lists:member(S, lines(What)) end) || {What, S} <- expected()],
    t:p(mine, fun() -> mine(Other, Watch) end),
    t:p(ports, fun() -> lists:sort([P || <<"=port:", P/binary>> <- lines(procs)]) =:= lists:sort([bin(P) || P <- erlang:ports()]) end),
    t:p(processes, fun() ->
        Pids = [bin(P) || P <- processes()],
        Pids -- [P || <<"=proc:", P/binary>> <- lines(procs)] end),
    t:p(dist, fun() -> erlang:system_info(dist) end).

lines(What) -> binary:split(erlang:system_info(What), <<"\n">>, [global, trim_all]).

expected() ->
    [{info, <<"=memory">>}, {procs, <<"Name: init">>}, {procs, <<"Name: code_server">>}, {procs, <<"Spawned as: proc_lib:init_p/5">>},
     {procs, <<"Name: no_such_name">>}].

bin(T) -> iolist_to_binary(io_lib:format("~p", [T])).

%% Lines of the section of another process: the one that is linked and monitored.
mine(Other, Watch) ->
    [_, After] = binary:split(erlang:system_info(procs), <<"=proc:", (bin(Other))/binary, "\n">>),
    [Section | _] = binary:split(After, <<"\n=">>),
    Self = bin(self()),
    Links = <<"Link list: [", Self/binary, ", {from,", Self/binary, ",", (bin(Watch))/binary, "}]">>,
    [lists:member(L, binary:split(Section, <<"\n">>, [global]))
     || L <- [<<"State: Waiting">>, <<"Spawned as: erlang:apply/2">>, <<"Spawned by: ", Self/binary>>, <<"Message queue length: 0">>, Links]].
