%% SPDX-License-Identifier: Apache-2.0
-module(delete_turn_tests).
-export([main/0]).

%% A process spawned before a module is deleted runs its code, though the one that deletes has a higher priority.
%% The reference leaves it open, and does so as long as its other threads do not get ahead.

main() ->
    process_flag(scheduler, 1),
    normal = process_flag(priority, high),
    Code = compile_loop(),
    [once(Code) || _ <- lists:seq(1, 20)],
    io:format("~p~n", [process_flag(priority, normal)]),
    ok.

compile_loop() ->
    Forms = [{attribute, 1, module, delete_turn_loop}, {attribute, 1, export, [{loop, 0}]},
             {function, 1, loop, 0, [{clause, 1, [], [], [{'receive', 1, [{clause, 1, [{atom, 1, stop}], [], [{atom, 1, ok}]}]}]}]}],
    {ok, delete_turn_loop, Code} = compile:forms(Forms, []),
    Code.

once(Code) ->
    {module, delete_turn_loop} = erlang:load_module(delete_turn_loop, Code),
    {Pid, Ref} = spawn_opt(delete_turn_loop, loop, [], [{scheduler, 1}, monitor]),
    true = erlang:delete_module(delete_turn_loop),
    {priority, high} = process_info(self(), priority),
    io:format("~p ", [erlang:check_process_code(Pid, delete_turn_loop)]),
    Pid ! stop,
    receive {'DOWN', Ref, process, Pid, Reason} -> io:format("~p~n", [Reason]) end,
    true = erlang:purge_module(delete_turn_loop).
