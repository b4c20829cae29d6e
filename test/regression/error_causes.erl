%% SPDX-License-Identifier: Apache-2.0
%% Causes in error_info of tables, ports and trace patterns, and identifiers that name no local port.
-module(error_causes).
-export([main/0]).

main() ->
    [table(T) || T <- [set, ordered_set, bag, duplicate_bag]],
    [show(erlang, trace_pattern, [{lists, nothing, 1}, Spec, Flags])
     || Flags <- [[local, call_count], [call_time], [call_count], [local]], Spec <- [[], [{[a], [], []}], true, [x]]],
    Port = open_port({spawn, "cat"}, []),
    Foreign = binary_to_term(<<131, 102, 100, 3:16, "a@b", 1:32, 1>>),
    [show(erlang, port_info, [P | Item]) || P <- [init, nobody, 1, Foreign], Item <- [[], [name], [bad]]],
    show(erlang, port_info, [Port, bad]),
    port_close(Port),
    [show(erlang, port_info, [Port | Item]) || Item <- [[], [name], [bad]]].

table(Type) ->
    T = ets:new(t, [Type]),
    ets:insert(T, {a, 1}),
    [show(ets, F, [T | A]) || {F, A} <- [{next, [b]}, {prev, [b]}, {update_element, [b, {2, c}]}, {update_element, [a, {2, c}]},
                                         {update_counter, [b, 1]}, {lookup_element, [b, 1]}]].

show(M, F, A) ->
    Result = try apply(M, F, A)
             catch error:R:Stack -> {R, element(4, hd(Stack))}
             end,
    io:format("~p ~p~n", [F, Result]).
