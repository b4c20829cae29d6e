%% SPDX-License-Identifier: Apache-2.0
%% Native functions of a shared library (nif_tests.c): terms, resources, monitors, select, threads, dirty ones.
-module(nif_tests).
-export([main/0, kinds/2, text/1, pairs/1, queue/1, raise/1, hop/1, box/1, unbox/1, box_binary/1, gone/0, newer/2, ethread/0, watch/3,
         open_pipe/0, pipe_op/3, senders/1]).

main() ->
    native:build("nif_tests"),
    t:p("no library", fun() -> {error, {R, _}} = erlang:load_nif("./no_such_library", 0), R end),
    t:p("refused", fun() -> erlang:load_nif("./nif_tests", 7) end),
    t:p("load", fun() -> erlang:load_nif("./nif_tests", 0) end),
    t:p("again", fun() -> {error, {R, _}} = erlang:load_nif("./nif_tests", 0), R end),
    t:p("nifs", fun() -> lists:sort(?MODULE:module_info(nifs)) end),
    t:p("taint", fun() -> lists:member(?MODULE, erlang:system_info(taints)) end),
    t:each(fun(X) -> {kinds(X, 1), kinds(X, 1.0), kinds(X, a)} end, [1, 1.0, a, "s", {}, #{}, <<1:3>>, 1 bsl 70]),
    t:p("text", fun() -> text({a, "b", [<<"c">>, 1.5 | d]}) end),
    t:p("pairs", fun() -> pairs(#{a => 1, b => 2, "c" => 3}) end),
    t:p("many pairs", fun() -> {H, L} = pairs(maps:from_list([{I, I} || I <- lists:seq(1, 100)])), {H, lists:sort(L) =:= [{I, I} || I <- lists:seq(1, 100)]} end),
    t:p("no map", fun() -> pairs([]) end),
    t:p("queue", fun() -> queue([<<"ab">>, binary:copy(<<"x">>, 100), <<>>, <<1:4, "odd":24, 0:4>>]) end),
    t:p("raise", fun() -> raise({my, reason}) end),
    t:p("hop", fun() -> hop("over") end),
    t:p("box", fun() -> B = box(5), {is_reference(B), unbox(B), box_binary(B), try unbox(make_ref()) catch C:R -> {C, R} end} end),
    t:p("newer", fun() ->
        Flat = 8 * erts_debug:flat_size({a, [1, 2, 1 bsl 70], #{b => c}}),
        case newer({a, [1, 2, 1 bsl 70], #{b => c}}, hello) of
            {Flat, I, 2047} when I =< 2047 -> ok;
            undefined -> ok
        end end),
    t:p("ethread", fun ethread/0),
    t:p("destructors", fun storm/0),
    t:p("monitor", fun monitors/0),
    t:p("select", fun selects/0),
    t:p("senders", fun() -> ok = senders(200), list_to_tuple(in_order(lists:duplicate(8, 0), 8 * 200)) end).

%% A storm of destructors, from a process that dies; the binary keeps its box.
storm() ->
    Before = gone(),
    {P, M} = spawn_monitor(fun() -> exit(length([box(I) || I <- lists:seq(1, 10000)])) end),
    receive {'DOWN', M, process, P, R} -> ok end,
    Kept = box_binary(box(1)),
    garbage_collect(),
    {R, t:wait(fun() -> gone() - Before =:= 10000 end), byte_size(Kept)}.

monitors() ->
    B = box(77),
    P = spawn(fun() -> receive stop -> ok end end),
    0 = watch(B, P, keep),
    0 = watch(B, P, drop),
    {monitored_by, [B]} = process_info(P, monitored_by),
    P ! stop,
    R = receive {down, N, P} -> N after 5000 -> timeout end,
    {R, watch(B, P, keep), receive X -> X after 0 -> nothing end}.

selects() ->
    P = open_pipe(),
    0 = pipe_op(P, select, my_ref), 1 = pipe_op(P, write, 0),
    A = receive {select, P, Ref, What} -> {Ref, What} after 5000 -> timeout end,
    1 = pipe_op(P, read, 0),
    0 = pipe_op(P, message, [1, 2]), 1 = pipe_op(P, write, 0),
    B = receive {mine, X} -> X after 5000 -> timeout end,
    1 = pipe_op(P, read, 0),
    0 = pipe_op(P, select, undefined), C = pipe_op(P, cancel, undefined), 1 = pipe_op(P, write, 0),
    D = receive Y -> Y after 50 -> nothing end,
    {A, B, C, D, pipe_op(P, stop, undefined)}.

in_order(Next, 0) -> Next;
in_order(Next, N) ->
    receive
        {I, K} ->
            K = lists:nth(I + 1, Next),
            in_order(lists:sublist(Next, I) ++ [K + 1] ++ lists:nthtail(I + 1, Next), N - 1)
    after 5000 -> {missing, N, Next}
    end.

kinds(_, _) -> erlang:nif_error(stub).
text(_) -> erlang:nif_error(stub).
pairs(_) -> erlang:nif_error(stub).
queue(_) -> erlang:nif_error(stub).
raise(_) -> erlang:nif_error(stub).
hop(_) -> erlang:nif_error(stub).
box(_) -> erlang:nif_error(stub).
unbox(_) -> erlang:nif_error(stub).
box_binary(_) -> erlang:nif_error(stub).
gone() -> erlang:nif_error(stub).
watch(_, _, _) -> erlang:nif_error(stub).
open_pipe() -> erlang:nif_error(stub).
pipe_op(_, _, _) -> erlang:nif_error(stub).
ethread() -> erlang:nif_error(stub).
newer(_, _) -> erlang:nif_error(stub).
senders(_) -> erlang:nif_error(stub).
