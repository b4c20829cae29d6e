%% SPDX-License-Identifier: Apache-2.0
%% Whoever sees that the name of a dying process is free finds the names of its tables free, too: the process gave its
%% own name away first and its tables slice by slice.
-module(exit_name_order).
-export([main/0]).

main() ->
    io:format("~p~n", [lists:usort([round_of(N) || N <- lists:seq(1, 30)])]).

round_of(N) ->
    Self = self(),
    {P, M} = spawn_monitor(fun() ->
        register(?MODULE, self()),
        ets:new(?MODULE, [named_table]),
        [ets:insert(ets:new(big, []), [{I, I} || I <- lists:seq(1, 300)]) || _ <- lists:seq(1, 100)],
        Self ! ready,
        receive stop -> ok end
    end),
    receive ready -> ok end,
    case N rem 2 of 0 -> P ! stop; 1 -> exit(P, kill) end,
    until_free(),
    New = catch ets:new(?MODULE, [named_table]),
    catch ets:delete(New),
    receive {'DOWN', M, _, _, _} -> ok end,
    New.

until_free() ->
    case whereis(?MODULE) of
        undefined -> ok;
        _ -> until_free()
    end.
