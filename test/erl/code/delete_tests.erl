%% SPDX-License-Identifier: Apache-2.0
%% A process that was spawned before its module is deleted begins in the old code.
-module(delete_tests).
-export([main/0]).

main() ->
    {P, R} = spawn_opt(fun deleter/0, [{scheduler, 1}, monitor]),
    receive {'DOWN', R, process, P, Why} -> io:format("~p~n", [Why]) end.

deleter() ->
    logger:set_primary_config(level, none), % there is a report of the second deletion
    {module, m_del} = code:load_binary(m_del, "m_del", code()),
    Q = spawn_opt(m_del, loop, [], [{scheduler, 1}]),
    true = erlang:delete_module(m_del),
    {'EXIT', {badarg, _}} = (catch erlang:delete_module(m_del)),
    true = erlang:check_process_code(Q, m_del),
    false = code:soft_purge(m_del),
    true = code:purge(m_del),
    false = is_process_alive(Q),
    {'EXIT', _} = (catch m_del_other:f()),
    [true, undefined] = [erlang:delete_module(M) || M <- [m_del, m_del_other]].

code() ->
    Forms = [{attribute, 1, module, m_del}, {attribute, 1, export, [{loop, 0}]},
             {function, 1, loop, 0,
              [{clause, 1, [], [], [{'receive', 1, [{clause, 1, [{atom, 1, dummy}], [], [{call, 1, {atom, 1, loop}, []}]}]}]}]}],
    {ok, m_del, Code} = compile:forms(Forms),
    Code.
