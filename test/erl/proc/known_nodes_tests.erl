%% SPDX-License-Identifier: Apache-2.0
%% known_nodes_tests - a node is known as long as something refers to it, and a little longer; who that is.
-module(known_nodes_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    erts_debug:set_internal_state(available_internal_state, true),
    erts_debug:set_internal_state(node_tab_delayed_delete, 0),
    t:p(refers, fun refers/0),
    t:p(many, fun() -> [many(N) || N <- [0, 1000, 2000, 0]] end),
    t:p(specification, fun specification/0),
    t:p(table, fun table/0),
    erts_debug:set_internal_state(node_tab_delayed_delete, 60000),
    t:p(stays, fun stays/0),
    erts_debug:set_internal_state(node_tab_delayed_delete, -1).

name(N) -> list_to_atom(lists:flatten(io_lib:format("known_~p@nowhere", [N]))).

pid(Name, Creation) -> binary_to_term(<<131, 88, (encoded(Name))/binary, 7:32, 0:32, Creation:32>>).

encoded(Atom) -> <<131, Rest/binary>> = term_to_binary(Atom), Rest.

is_known(Name) -> lists:member(Name, nodes(known)).

%% In a process whose heap goes with it.
apart(Fun) ->
    {_, M} = spawn_monitor(fun() -> exit(Fun()) end),
    receive {'DOWN', M, _, _, R} -> R end.

gone(Name) -> t:wait(fun() -> not is_known(Name) end).

refers() ->
    Name = name(a),
    Seen = apart(fun() ->
        P = pid(Name, 1),
        Q = pid(Name, 2),
        Both = {is_known(Name), P =:= Q, P < Q, node(P) =:= node(Q)},
        {Both, P =:= pid(Name, 1), t:id(Q) =:= pid(Name, 2)}
    end),
    {Seen, gone(Name), apart(fun() -> P = pid(Name, 1), {is_known(Name), P =:= pid(Name, 1)} end), gone(Name)}.

many(First) ->
    Names = [name(N) || N <- lists:seq(First, First + 999)],
    Known = apart(fun() ->
        Pids = [pid(N, C) || N <- Names, C <- [1, 2]],
        Known = nodes(known),
        {length(Pids), Names -- Known}
    end),
    {Known, t:wait(fun() -> not lists:any(fun(N) -> lists:prefix("known_", atom_to_list(N)) end, nodes(known)) end)}.

references(Name) ->
    {{node_references, All}, _} = erts_debug:get_internal_state(node_and_dist_references),
    case lists:keyfind({Name, 1}, 1, All) of
        false -> false;
        {_, N, Who} ->
            Kinds = [{Kind, Count} || {{Kind, _}, Counts} <- Who, {_, Count} <- Counts, Kind =/= process],
            {lists:sum([C || {_, Cs} <- Who, {_, C} <- Cs]) =:= N, lists:sort(Kinds)}
    end.

specification() ->
    Name = name(b),
    Held = apart(fun() ->
        P = pid(Name, 1),
        T = ets:new(t, []),
        ets:insert(T, [{I, P, P} || I <- [1, 2, 3]]),
        {_, C} = ets:select(T, [{{'$1', P, P}, [{'=/=', '$1', P}], ['$1', {{P}}]}], 1),
        ets:delete(T),
        erlang:garbage_collect(),
        {element(1, references(Name)), lists:keymember(match_spec, 1, element(2, references(Name))), is_tuple(t:id(C))}
    end),
    {Held, gone(Name), references(Name)}.

table() ->
    Name = name(c),
    T = ets:new(t, [public]),
    apart(fun() -> ets:insert(T, {a, pid(Name, 1)}) end),
    Held = t:wait(fun() -> references(Name) =:= {true, [{ets, 1}]} end),
    ets:delete(T, a),
    {Held, gone(Name), references(Name)}.

stays() ->
    Name = name(d),
    {apart(fun() -> is_known(node(pid(Name, 1))) end), is_known(Name), is_known(Name)}.
