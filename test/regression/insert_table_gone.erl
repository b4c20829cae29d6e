%% SPDX-License-Identifier: Apache-2.0
%% erl: +S 1
%% A table that goes, or is another one of that name, while a long list is put into it: the process's next insert is
%% its own, and what was meant for the first table is in no other.
-module(insert_table_gone).
-export([main/0]).

main() ->
    [io:format("~p ~p~n", [Name, run(Name)]) || Name <- [gone, replaced, replaced_wider]].

run(Name) ->
    Main = self(),
    T = ets:new(Name, [public, named_table]),
    {P, R} = spawn_monitor(fun() ->
        Long = [{I} || I <- lists:seq(1, 100000)],
        Main ! go,
        _ = (catch ets:insert(T, Long)),
        Own = ets:new(own, []),
        ets:insert(Own, {x}),
        exit(ets:tab2list(Own))
    end),
    receive go -> ok end,
    erlang:yield(), % the list is on its way
    ets:delete(T),
    Name =:= gone orelse ets:new(Name, [public, named_table, {keypos, case Name of replaced -> 1; _ -> 3 end}]),
    Own = receive {'DOWN', R, process, P, X} -> X end,
    _ = (catch ets:delete(Name)),
    Own.
