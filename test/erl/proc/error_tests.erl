%% SPDX-License-Identifier: Apache-2.0
%% How natives about processes refuse their arguments: class, reason, first entry of the stack trace with
%% its error_info.
-module(error_tests).
-export([main/0]).

main() ->
    {_, R} = spawn_monitor(fun all/0),
    receive {'DOWN', R, process, _, Why} -> io:format("~p~n", [Why]) end.

all() ->
    D = dead(),
    [e(Name, F) || {Name, F} <- links(D) ++ monitors(D) ++ names(D) ++ sends(D) ++ flags() ++ infos() ++ spawns()
        ++ suspends(D) ++ numbers() ++ raises() ++ tasks(D)].

links(D) ->
    [{link_dead, fun() -> link(D) end},
     {link_self, fun() -> link(self()) end},
     {link_atom, fun() -> link(t:id(foo)) end},
     {unlink_atom, fun() -> unlink(t:id(foo)) end},
     {unlink_dead, fun() -> unlink(D) end},
     {exit_atom, fun() -> exit(t:id(foo), bar) end},
     {exit_dead, fun() -> exit(D, bar) end},
     {exit_ref, fun() -> exit(t:id(x), kill) end}].

monitors(D) ->
    [{self, fun() -> is_reference(monitor(process, self())) end},
     {integer, fun() -> monitor(process, t:id(1)) end},
     {type, fun() -> monitor(t:id(foo), self()) end},
     {port, fun() -> monitor(port, t:id(1.0)) end},
     {other_node, fun() -> monitor(process, {foo, 'x@y'}) end},
     {clock, fun() -> monitor(time_offset, t:id(x)) end},
     {alias, fun() -> monitor(process, self(), [{alias, t:id(foo)}]) end},
     {options, fun() -> monitor(process, self(), t:id(foo)) end},
     {option, fun() -> monitor(process, D, [t:id(foo)]) end},
     {demonitor_atom, fun() -> demonitor(t:id(foo)) end},
     {demonitor_none, fun() -> demonitor(make_ref()) end},
     {demonitor_info, fun() -> demonitor(make_ref(), [info]) end},
     {demonitor_flush, fun() -> demonitor(make_ref(), [flush, info]) end},
     {demonitor_option, fun() -> demonitor(make_ref(), [t:id(foo)]) end},
     {unalias_none, fun() -> unalias(make_ref()) end},
     {unalias_atom, fun() -> unalias(t:id(foo)) end},
     {alias_option, fun() -> alias([t:id(foo)]) end}].

names(D) ->
    [{undefined, fun() -> register(undefined, self()) end},
     {dead, fun() -> register(foo, D) end},
     {atom, fun() -> register(t:id("foo"), self()) end},
     {good, fun() -> register(foo, self()) end},
     {taken, fun() -> register(foo, whereis(init)) end},
     {second, fun() -> register(foo2, self()) end},
     {unregister_none, fun() -> unregister(foo2) end},
     {unregister, fun() -> unregister(foo) end},
     {whereis, fun() -> whereis(foo) end},
     {whereis_bad, fun() -> whereis(t:id(1)) end}].

sends(D) ->
    [{name, fun() -> no_such ! hello end},
     {integer, fun() -> t:id(1) ! hello end},
     {triple, fun() -> t:id({a, b, c}) ! hello end},
     {pair, fun() -> t:id({a, 1}) ! hello end},
     {ref, fun() -> make_ref() ! hello end},
     {name_here, fun() -> {no_such, node()} ! hello end},
     {options, fun() -> erlang:send(D, a, [nosuspend, noconnect]) end},
     {option, fun() -> erlang:send(D, a, [t:id(foo)]) end},
     {improper, fun() -> erlang:send(D, a, t:id(foo)) end},
     {send_name, fun() -> erlang:send(no_such, a) end}].

flags() ->
    [{Flag, fun() -> process_flag(t:id(Flag), Value) end}
     || {Flag, Value} <- [{foo, bar}, {priority, bar}, {trap_exit, 1}, {max_heap_size, #{size => 1}},
         {max_heap_size, 0}, {max_heap_size, x}, {min_heap_size, 500}, {min_heap_size, 500}, {min_heap_size, -1},
         {min_bin_vheap_size, 500}, {min_bin_vheap_size, 500}, {fullsweep_after, 10}, {fullsweep_after, a},
         {message_queue_data, off_heap}, {message_queue_data, x}, {save_calls, 1}, {save_calls, 0},
         {sensitive, true}, {sensitive, false}, {error_handler, foo}, {error_handler, error_handler},
         {error_handler, 1}, {priority, high}, {priority, normal}]] ++
    [{flag3, fun() -> process_flag(self(), save_calls, 0) end},
     {flag3_bad, fun() -> process_flag(self(), t:id(foo), 0) end}].

infos() ->
    [{item, fun() -> process_info(self(), t:id(foo)) end},
     {pid, fun() -> process_info(t:id(foo), links) end},
     {items, fun() -> process_info(self(), [links, t:id(foo)]) end},
     {none, fun() -> process_info(self(), []) end},
     {name, fun() -> {process_info(self(), registered_name), process_info(self(), [registered_name])} end},
     {three, fun() -> process_info(self(), [trap_exit, message_queue_len, priority]) end},
     {alive, fun() -> is_process_alive(t:id(foo)) end},
     {system, fun() -> erts_internal:is_system_process(whereis(init)) end},
     {system_atom, fun() -> erts_internal:is_system_process(t:id(foo)) end}].

spawns() ->
    [{improper, fun() -> spawn(a, b, t:id(c)) end},
     {name, fun() -> spawn(t:id(1), b, []) end},
     {link, fun() -> spawn_link(t:id(1), b, []) end},
     {option, fun() -> spawn_opt(a, b, [], [t:id(foo)]) end},
     {options, fun() -> spawn_opt(a, b, [], t:id(foo)) end},
     {request_options, fun() -> spawn_request(a, b, [], t:id(foo)) end},
     {request, fun() -> R = spawn_request(erlang, self, [], [monitor, {reply_tag, x}]),
         {x, R, ok, P} = receive A -> A end, receive {'DOWN', R, process, P, Why} -> Why end end},
     {request_reply, fun() -> R = spawn_request(erlang, self, [], [t:id({reply, xx})]),
         receive {spawn_reply, R, E, Why} -> {E, Why} end end},
     {request_error, fun() -> R = spawn_request(erlang, self, [], [t:id(foo), {reply, error_only}, {reply_tag, {a, b}}]),
         receive {{a, b}, R, E, Why} -> {E, Why} end end},
     {request_no, fun() -> spawn_request(erlang, self, [], [{reply, no}]), receive X -> X after 50 -> none end end},
     {abandon_none, fun() -> spawn_request_abandon(make_ref()) end},
     {abandon_atom, fun() -> spawn_request_abandon(t:id(foo)) end}].

suspends(D) ->
    [{self, fun() -> erlang:suspend_process(self()) end},
     {dead, fun() -> erlang:suspend_process(D) end},
     {option, fun() -> erlang:suspend_process(D, [t:id(foo)]) end},
     {resume_self, fun() -> erlang:resume_process(self()) end},
     {resume_dead, fun() -> erlang:resume_process(D) end},
     {leader_dead, fun() -> group_leader(self(), D) end},
     {leader_atom, fun() -> group_leader(t:id(foo), self()) end}].

numbers() ->
    [{unique, fun() -> erlang:unique_integer([t:id(foo)]) end},
     {positive, fun() -> erlang:unique_integer([positive]) > 0 end},
     {monotonic, fun() -> erlang:unique_integer([monotonic]) < erlang:unique_integer([monotonic]) end},
     {bump, fun() -> erlang:bump_reductions(t:id(0)) end},
     {bump_good, fun() -> erlang:bump_reductions(10) end}].

raises() ->
    [{class, fun() -> erlang:raise(t:id(foo), bar, []) end},
     {trace, fun() -> erlang:raise(error, bar, t:id([x])) end},
     {raised, fun() -> erlang:raise(throw, bar, [{a, b, 1, []}, {c, d, [x]}]) end},
     {error_args, fun() -> error(bar, [a, b]) end},
     {error_info, fun() -> error(bar, [a, b], [{error_info, #{cause => x}}]) end},
     {error_options, fun() -> error(bar, [a, b], t:id([foo])) end},
     {nif_error, fun() -> erlang:nif_error(undef) end}].

tasks(D) ->
    [{gc, fun() -> erlang:garbage_collect() end},
     {gc_self, fun() -> erlang:garbage_collect(self()) end},
     {gc_dead, fun() -> erlang:garbage_collect(D) end},
     {gc_other, fun() -> erlang:garbage_collect(whereis(init), [{type, minor}]) end},
     {gc_async, fun() -> async = erlang:garbage_collect(whereis(init), [{async, x}]),
         receive {garbage_collect, x, Res} -> Res end end},
     {gc_option, fun() -> erlang:garbage_collect(self(), [t:id(foo)]) end},
     {code, fun() -> erlang:check_process_code(self(), lists) end},
     {code_dead, fun() -> erlang:check_process_code(D, lists) end},
     {request, fun() -> erts_internal:request_system_task(D, normal, t:id({foo, x, foo})) end},
     {request_pid, fun() -> erts_internal:request_system_task(t:id(foo), normal, {garbage_collect, x, major}) end}].

dead() ->
    {P, R} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', R, _, _, _} -> P end.

e(Name, F) ->
    Result = try F() catch C:R:S -> {C, R, first(S)} end,
    io:format("~p: ~p~n", [Name, Result]).

first([{M, F, A, Info} | _]) ->
    {M, F, if is_list(A) -> length(A); true -> A end, proplists:get_value(error_info, Info)};
first(S) -> S.
