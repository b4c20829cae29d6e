%% SPDX-License-Identifier: Apache-2.0
%% What the loader refuses of code from outside, and what it guards (loader/verify.h).
-module(verify_tests).
-export([main/0]).

main() ->
    forge:quiet(),
    [show(Case) || Case <- cases()],
    ok.

show({Name, Arity, Code}) -> show({Name, Arity, Code, [], []});
show({Name, Arity, Code, Args}) -> show({Name, Arity, Code, Args, []});
show({Name, Arity, Code, Args, More}) ->
    case forge:try_load(forged, forge:binary(Arity, Code, More)) of
        {prepared, P} ->
            ok = erlang:finish_loading([P]),
            io:format("~p: ~p~n", [Name, run(Args)]),
            code:purge(forged), code:delete(forged), code:purge(forged);
        Why -> io:format("~p: refused: ~s~n", [Name, Why])
    end.

run(Args) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({result, catch_call(Args)}) end),
    Pid ! a_message,
    receive
        {'DOWN', Ref, process, Pid, {result, R}} -> R;
        {'DOWN', Ref, process, Pid, Why} -> {died, Why}
    after 5000 -> exit(Pid, kill), hangs
    end.

catch_call(Args) ->
    try apply(forged, f, Args) of
        V -> {ok, V}
    catch
        C:R:St -> with_arguments(C, R, St)
    end.

with_arguments(error, function_clause, [{forged, f, [_ | _] = As, _} | _]) -> {function_clause, As};
with_arguments(C, R, _) -> {C, R}.

-define(X0, {x, 0}).
-define(X1, {x, 1}).
-define(NIL, nil).

cases() ->
    registers() ++ frames() ++ catches() ++ types() ++ binaries() ++ receives() ++ funs() ++ control() ++ maps().

registers() ->
    [{fine, 1, [return], [1]},
     {x_not_set, 0, [{move, ?X1, ?X0}, return]},
     {return_not_set, 0, [return]},
     {x_not_live, 1, [{test_heap, 2, 2}, {put_list, ?X0, nil, ?X0}, return]},
     {x_gone_after_collection, 2, [{test_heap, 2, 1}, {put_list, ?X1, nil, ?X0}, return]},
     {x_gone_after_call, 2,
      [{allocate, 0, 2}, {call_ext, 1, {extfunc, erlang, abs, 1}}, {move, ?X1, ?X0}, {deallocate, 0}, return]},
     {not_set_on_one_way, 1,
      [{test, is_atom, {f, 3}, [?X0]}, {move, ?X0, ?X1}, {label, 3}, {move, ?X1, ?X0}, return]},
     {result_on_both_ways, 1, [{bif, hd, {f, 3}, [?X0], ?X1}, {label, 3}, {move, ?X1, ?X0}, return], [[a]]},
     {result_missing_on_one, 1, [{bif, hd, {f, 3}, [?X0], ?X1}, {label, 3}, {move, ?X1, ?X0}, return], [a]},
     {endless, 1, [{label, 3}, {test, is_atom, {f, 3}, [?X0]}, {jump, {f, 3}}], [a]},
     {argument_not_set, 1, [{call_ext_only, 2, {extfunc, erlang, '+', 2}}]},
     {clause_not_set, 1, [{test_heap, 0, 0}, {jump, {f, 1}}]},
     {heap_not_reserved, 1, [{test_heap, 1, 1}, {put_list, ?X0, nil, ?X0}, return]},
     {float_register, 0, [{test_heap, {alloc, [{words, 0}, {floats, 1}, {funs, 0}]}, 0}, {fmove, {fr, 0}, ?X0}, return]}].

frames() ->
    [{y_not_set, 0, [{allocate, 1, 0}, {move, {y, 0}, ?X0}, {deallocate, 1}, return]},
     {y_not_set_at_call, 1,
      [{allocate, 1, 1}, {call_ext, 1, {extfunc, erlang, abs, 1}}, {deallocate, 1}, return]},
     {y_outside, 1, [{allocate, 1, 1}, {move, ?X0, {y, 1}}, {deallocate, 1}, return]},
     {no_frame, 1, [{move, ?X0, {y, 0}}, return]},
     {wrong_size, 1, [{allocate_zero, 2, 1}, {deallocate, 1}, return]},
     {two_frames, 1, [{allocate_zero, 2, 1}, {allocate_zero, 1, 1}, {deallocate, 1}, return]},
     {call_without_frame, 1, [{call, 1, {f, 2}}, return]},
     {return_with_frame, 1, [{allocate_zero, 1, 1}, return]},
     {tail_call_with_frame, 1, [{allocate_zero, 1, 1}, {call_only, 1, {f, 2}}]},
     {trim_too_much, 1, [{allocate_zero, 1, 1}, {trim, 2, 0}, {deallocate, 0}, return]},
     {frames_differ, 1,
      [{test, is_atom, {f, 3}, [?X0]}, {allocate_zero, 1, 1}, {label, 3}, {deallocate, 1}, return]}].

catches() ->
    Body = {call_ext, 1, {extfunc, erlang, list_to_atom, 1}},
    [{good_catch, 1, [{allocate, 1, 1}, {'catch', {y, 0}, {f, 3}}, Body, {label, 3}, {catch_end, {y, 0}},
                      {deallocate, 1}, return], ["abc"]},
     {good_try, 1, [{allocate, 1, 1}, {'try', {y, 0}, {f, 3}}, Body, {try_end, {y, 0}}, {deallocate, 1}, return,
                    {label, 3}, {try_case, {y, 0}}, {move, ?X1, ?X0}, {deallocate, 1}, return], [1]},
     {handler_of_two_frames, 1,
      [{test, is_atom, {f, 4}, [?X0]}, {allocate, 2, 1}, {move, ?X0, {y, 0}}, {move, ?X0, {y, 1}}, {jump, {f, 3}},
       {label, 4}, {allocate, 1, 1}, {'catch', {y, 0}, {f, 3}}, Body, {label, 3}, {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {catch_left, 1, [{allocate, 1, 1}, {'catch', {y, 0}, {f, 3}}, {deallocate, 1}, return,
                      {label, 3}, {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {catch_never_begun, 1, [{allocate_zero, 1, 1}, {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {mark_overwritten, 1, [{allocate, 1, 1}, {'catch', {y, 0}, {f, 3}}, {move, ?X0, {y, 0}}, {label, 3},
                            {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {mark_as_term, 1, [{allocate, 1, 1}, {'catch', {y, 0}, {f, 3}}, {move, {y, 0}, ?X0}, {label, 3},
                        {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {exception_as_term, 1, [{allocate, 1, 1}, {'try', {y, 0}, {f, 3}}, Body, {label, 3}, {move, ?X0, ?X1},
                             {catch_end, {y, 0}}, {deallocate, 1}, return]},
     {trace_as_term, 1, [{allocate, 1, 1}, {'try', {y, 0}, {f, 3}}, Body, {try_end, {y, 0}}, {deallocate, 1},
                         return, {label, 3}, {try_case, {y, 0}}, {move, {x, 2}, ?X0}, {deallocate, 1}, return]},
     {term_as_trace, 1, [build_stacktrace, return]},
     {raise_term, 2, [{raise, ?X0, ?X1}]},
     {try_case_behind_call, 1,
      [{allocate, 1, 1}, {'try', {y, 0}, {f, 3}}, Body, {label, 3}, {try_case, {y, 0}}, {move, ?X1, ?X0},
       {deallocate, 1}, return], ["abc"]},
     {own_handler, 1, [{allocate, 1, 1}, {'try', {y, 0}, {f, 3}}, Body, {label, 3}, {badmatch, {x, 1}}]},
     {shared_exception, 1, shared_exception(), [a]},
     {shared_exception, 1, shared_exception(), [1]}].

%% y1 is a mark where the first handler is open and a value where the second is; both are for label 9.
shared_exception() ->
    [{allocate_zero, 2, 1}, {'catch', {y, 1}, {f, 3}},
     {'try', {y, 0}, {f, 4}}, {test, is_atom, {f, 9}, [?X0]}, {try_end, {y, 0}}, {jump, {f, 3}},
     {label, 4}, {try_case, {y, 0}}, {move, ?X1, ?X0}, {jump, {f, 3}},
     {label, 3}, {catch_end, {y, 1}}, {move, ?X0, {y, 1}},
     {'try', {y, 0}, {f, 5}}, {test, is_list, {f, 9}, [{y, 1}]}, {try_end, {y, 0}}, {move, {y, 1}, ?X0}, {deallocate, 2}, return,
     {label, 5}, {try_case, {y, 0}}, {test_heap, 3, 2}, {put_tuple2, ?X0, {list, [?X1, {y, 1}]}}, {deallocate, 2}, return,
     {label, 9}, if_end].

types() ->
    [{hd_of_anything, 1, [{get_hd, ?X0, ?X0}, return], [[a]]},
     {hd_of_atom, 1, [{get_hd, ?X0, ?X0}, return], [a]},
     {hd_of_constant, 0, [{get_hd, {atom, a}, ?X0}, return]},
     {hd_proven, 1, [{test, is_nonempty_list, {f, 1}, [?X0]}, {get_hd, ?X0, ?X0}, return], [[b]]},
     {element_of_list, 1, [{get_tuple_element, ?X0, 0, ?X0}, return], [[a]]},
     {element_behind_end, 1, [{get_tuple_element, ?X0, 2, ?X0}, return], [{a, b}]},
     {element_of_tested, 1,
      [{test, is_tuple, {f, 1}, [?X0]}, {test, test_arity, {f, 1}, [?X0, 2]}, {get_tuple_element, ?X0, 2, ?X0},
       return], [{a, b}]},
     {arity_of_list, 1, [{test, test_arity, {f, 1}, [?X0, 2]}, return], [[a]]},
     {trace_of_tuple, 1, [build_stacktrace, {test, is_nil, {f, 3}, [?X0]}, return, {label, 3}, {get_hd, ?X0, ?X0}, return], [{a}]},
     {arity_of_number, 1, [{move, {integer, 1}, ?X0}, {test, test_arity, {f, 1}, [?X0, 2]}, return], [a]},
     {map_of_list, 1, [{get_map_elements, {f, 1}, ?X0, {list, [{atom, a}, ?X0]}}, return], [[a]]},
     {float_of_list, 1,
      [{fmove, ?X0, {fr, 0}}, {test_heap, {alloc, [{words, 0}, {floats, 1}, {funs, 0}]}, 0}, {fmove, {fr, 0}, ?X0},
       return], [[a]]},
     {changed_tuple, 1, [{set_tuple_element, {atom, a}, ?X0, 0}, return], [{b}]},
     {changed_constant, 0, [{move, {literal, {b}}, ?X0}, {set_tuple_element, {atom, a}, ?X0, 0}, return], []},
     {label_of_test, 1, [{test, is_atom, {f, 0}, [?X0]}, return]},
     {no_guard_native, 1, [{bif, unlink, {f, 0}, [?X0], ?X0}, return]}].

binaries() ->
    Start = {test, bs_start_match3, {f, 1}, 1, [?X0], ?X1},
    [{match, 1, [{bs_start_match3, {f, 1}, ?X0, 1, ?X1},
                 {test, bs_get_integer2, {f, 1}, [?X1, 2, {integer, 8}, 1, {field_flags, []}, ?X0]}, return], [<<7>>]},
     {context_returned, 1, [{bs_start_match3, {f, 1}, ?X0, 1, ?X0}, return]},
     {context_in_list, 1, [{bs_start_match3, {f, 1}, ?X0, 1, ?X0}, {test_heap, 2, 1},
                           {put_list, ?X0, nil, ?X0}, return]},
     {no_context, 1, [{test, bs_test_tail2, {f, 1}, [?X0, 0]}, return]},
     {no_fail_of_atom, 1, [{bs_start_match4, {atom, no_fail}, 1, ?X0, ?X0},
                           {test, bs_test_tail2, {f, 1}, [?X0, 0]}, {move, nil, ?X0}, return], [a]},
     {wild_position, 1, [{bs_start_match3, {f, 1}, ?X0, 1, ?X1}, {bs_set_position, ?X1, {integer, 100000000}},
                         {test, bs_test_tail2, {f, 3}, [?X1, 8]}, {move, {atom, same}, ?X0}, return,
                         {label, 3}, {move, {atom, moved}, ?X0}, return], [<<7>>]},
     {context_as_argument, 1,
      [{bs_start_match3, {f, 1}, ?X0, 1, ?X0}, {call_only, 1, {f, 11}}], [<<7, 8>>],
      [{g, 1, 11, [{bs_start_match3, {f, 10}, ?X0, 1, ?X0},
                   {bs_get_tail, ?X0, ?X0, 1}, return]}]},
     {context_misused, 1,
      [{bs_start_match3, {f, 1}, ?X0, 1, ?X0}, {call_only, 1, {f, 11}}], [<<7, 8>>], [{g, 1, 11, [return]}]},
     {context_in_clause, 1,
      [{bs_start_match4, {atom, no_fail}, 1, ?X0, ?X0}, {test, bs_get_integer2, {f, 1}, [?X0, 1, {integer, 8}, 1, {field_flags, []}, ?X1]},
       {test, bs_test_tail2, {f, 1}, [?X0, 0]}, {move, ?X1, ?X0}, return], [<<7, 8>>]},
     {put_without_binary, 1, [{bs_put_integer, {f, 0}, {integer, 8}, 1, {field_flags, []}, ?X0}, return]},
     {put_too_much, 1, [{bs_init2, {f, 0}, 1, 0, 1, {field_flags, []}, ?X1},
                        {bs_put_integer, {f, 0}, {integer, 800000}, 1, {field_flags, []}, ?X0},
                        {move, ?X1, ?X0}, return], [1]},
     {zero_unit, 1, [Start, {test, bs_test_unit, {f, 1}, [?X1, 0]}, return]}].

receives() ->
    [{good_receive, 0, [{label, 3}, {loop_rec, {f, 4}, ?X0}, remove_message, return, {label, 4}, {wait, {f, 3}}], []},
     {kept_message, 0, [{label, 3}, {loop_rec, {f, 4}, ?X0}, return, {label, 4}, {wait, {f, 3}}]},
     {message_in_frame, 0,
      [{allocate_zero, 1, 0}, {label, 3}, {loop_rec, {f, 4}, ?X0}, {move, ?X0, {y, 0}}, {loop_rec_end, {f, 3}},
       {label, 4}, {wait, {f, 3}}]},
     {message_to_call, 0,
      [{allocate, 0, 0}, {label, 3}, {loop_rec, {f, 4}, ?X0}, {call_ext, 1, {extfunc, erlang, atom_to_list, 1}},
       remove_message, {deallocate, 0}, return, {label, 4}, {wait, {f, 3}}], []},
     {kept_message_as_trace, 0, [{label, 3}, {loop_rec, {f, 4}, ?X0}, build_stacktrace, return, {label, 4}, {wait, {f, 3}}]},
     {nothing_to_remove, 0, [remove_message, {move, {atom, ok}, ?X0}, return], []},
     {remove_all, 0, [remove_message, remove_message, remove_message, {move, {atom, ok}, ?X0}, return], []},
     {x_after_wait, 1, [{label, 3}, {loop_rec, {f, 4}, {x, 1}}, return, {label, 4}, {wait, {f, 3}}]}].

funs() ->
    [{call_of_no_function, 1, [{call_only, 1, {f, 3}}, {label, 3}, return]},
     {call_with_other_arity, 2, [{call_only, 1, {f, 2}}]},
     {fun_of_atom, 1, [{allocate, 0, 1}, {call_fun, 0}, {deallocate, 0}, return], [a]}].

control() ->
    [{end_of_code, 1, [{move, ?X0, ?X1}]},
     {no_code, 1, []},
     {wait_in_front, 1, [return], [1], [{in_front, [{label, 9}, {wait, {f, 9}}]}]},
     {no_code_before_others, 1, [{line, []}], [1], [{g, 3, 11, [return]}]},
     {into_another, 1, [{jump, {f, 12}}], [1], [{g, 1, 11, [{label, 12}, return]}]}].

maps() ->
    [{map_key_twice, 1, [{put_map_assoc, {f, 0}, {literal, #{}}, {x, 0}, 1, {list, [{atom, a}, {x, 0}, {atom, a}, {integer, 5}]}}, return], [x]},
     {map_key_twice_of_two, 1, [{put_map_exact, {f, 0}, {literal, #{a => 1, b => 2}}, {x, 0}, 1,
                                 {list, [{atom, a}, {x, 0}, {atom, a}, {integer, 5}]}}, return], [x]},
     {map_value_not_live, 2, [{put_map_assoc, {f, 0}, {literal, #{}}, {x, 0}, 1, {list, [{atom, a}, {x, 1}]}}, return], [x, y]}].
