%% SPDX-License-Identifier: Apache-2.0
%% ETS tables of each kind, match specifications, ownership.
-module(ets_tests).
-export([main/0]).

main() ->
    [kind(K) || K <- [set, ordered_set, bag, duplicate_bag]],
    T = ets:new(t, [ordered_set, public]),
    [ets:insert(T, {I, I * I, integer_to_list(I)}) || I <- lists:seq(1, 100)],
    t:p("select", fun() -> ets:select(T, [{{'$1', '$2', '_'}, [{'>', '$1', 95}, {'=:=', {'rem', '$1', 2}, 0}], [{{'$1', '$2'}}]}]) end),
    t:p("select_count", fun() -> ets:select_count(T, [{{'$1', '_', '_'}, [{'<', '$1', 11}], [true]}]) end),
    t:p("limit", fun() -> {R, C} = ets:select(T, [{{'$1', '_', '_'}, [], ['$1']}], 3), {R2, _} = ets:select(C), {R, R2} end),
    t:p("reverse", fun() -> {R, _} = ets:select_reverse(T, [{{'$1', '_', '_'}, [], ['$1']}], 3), R end),
    t:p("match", fun() -> {ets:match(T, {'$2', '$1', "7"}), ets:match_object(T, {9, '_', '_'})} end),
    t:p("walk", fun() -> {ets:first(T), ets:next(T, 50), ets:prev(T, 50), ets:last(T), ets:next(T, 100), ets:next(T, 0)} end),
    t:p("select_delete", fun() -> {ets:select_delete(T, [{{'$1', '_', '_'}, [{'>', '$1', 50}], [true]}]), ets:info(T, size)} end),
    t:p("select_replace", fun() -> {ets:select_replace(T, [{{'$1', '$2', '_'}, [{'=:=', '$1', 3}], [{{'$1', '$2', new}}]}]), ets:lookup(T, 3)} end),
    t:p("counter", fun() -> ets:insert(T, {c, 5, 0}), {ets:update_counter(T, c, 3), ets:update_counter(T, c, [{3, 1}, {2, -1, 0, 100}]),
        ets:update_counter(T, d, {2, 1}, {d, 10}), ets:update_element(T, c, {3, x}), ets:lookup(T, c)} end),
    t:p("lookup_element", fun() -> {ets:lookup_element(T, 2, 2), ets:member(T, 2), ets:take(T, 2), ets:member(T, 2)} end),
    t:p("no such key", fun() -> ets:lookup_element(T, nokey, 2) end),
    t:p("insert_new", fun() -> {ets:insert_new(T, {1, x}), ets:insert_new(T, [{900, x}, {901, y}]), ets:insert_new(T, [{902, x}, {1, y}]), ets:member(T, 902)} end),
    t:p("fold", fun() -> ets:foldl(fun(X, A) when is_integer(element(1, X)) -> element(1, X) + A; (_, A) -> A end, 0, T) end),
    t:p("fun2ms", fun() -> ets:match_spec_run([{1, a}, {2, b}], ets:match_spec_compile([{{'$1', '$2'}, [{'>', '$1', 1}], ['$2']}])) end),
    t:p("test_ms", fun() -> ets:test_ms({1, 2}, [{{'$1', '$2'}, [], [{'+', '$1', '$2'}, '$$', '$_']}]) end),
    t:p("bad spec", fun() -> ets:select(T, [{{'$1'}, [{no_such_guard, '$1'}], ['$1']}]) end),
    t:p("named", fun() -> n = ets:new(n, [named_table]), ets:insert(n, {a, 1}), R = {ets:lookup(n, a), ets:whereis(n) =/= undefined, ets:rename(n, m), ets:lookup(m, a)}, ets:delete(m), {R, ets:whereis(m)} end),
    t:p("private", fun() -> P = ets:new(p, [private]), other(fun() -> ets:lookup(P, a) end) end),
    t:p("protected", fun() -> P = ets:new(p, [protected]), {other(fun() -> ets:lookup(P, a) end), other(fun() -> ets:insert(P, {a}) end)} end),
    t:p("owner dies", fun() -> O = other(fun() -> ets:new(o, [public]) end), timer:sleep(10), ets:info(O) end),
    t:p("heir", fun() -> Me = self(), O = other(fun() -> ets:new(o, [public, {heir, Me, data}]) end), receive {'ETS-TRANSFER', O, _, D} -> {D, ets:info(O, owner) =:= Me} end end),
    t:p("give_away", fun() -> G = ets:new(g, []), P = spawn(fun() -> receive {'ETS-TRANSFER', _, _, X} -> X end end), ets:give_away(G, P, gift) end),
    t:p("info", fun() -> [ets:info(T, K) || K <- [type, keypos, name, protection, named_table, compressed]] end),
    t:p("tab2list", fun() -> lists:sublist(ets:tab2list(T), 3) end),
    t:p("delete all", fun() -> ets:delete_all_objects(T), ets:info(T, size) end),
    t:p("float keys", fun() -> [begin K = ets:new(k, [Ty]), ets:insert(K, [{1, i}, {1.0, f}]), lists:sort(ets:tab2list(K)) end || Ty <- [set, ordered_set]] end),
    t:p("compressed", fun() -> C = ets:new(c, [compressed]), ets:insert(C, [{I, lists:duplicate(100, I)} || I <- lists:seq(1, 50)]), length(element(2, hd(ets:lookup(C, 30)))) end),
    t:p("fixed while deleting", fun() -> F = ets:new(f, [public]), ets:insert(F, [{I} || I <- lists:seq(1, 500)]), ets:safe_fixtable(F, true),
        N = drain(F, ets:first(F), 0), ets:safe_fixtable(F, false), {N, ets:info(F, size)} end),
    t:p("concurrent counters", fun() -> C = ets:new(c, [public, {write_concurrency, true}]), ets:insert(C, {n, 0}),
        Ms = [spawn_monitor(fun() -> [ets:update_counter(C, n, 1) || _ <- lists:seq(1, 1000)] end) || _ <- lists:seq(1, 8)],
        [receive {'DOWN', R, _, _, _} -> ok end || {_, R} <- Ms], ets:lookup(C, n) end),
    t:p("persistent_term", fun() -> persistent_term:put({x, 1}, [a, b]), {persistent_term:get({x, 1}), persistent_term:erase({x, 1}), persistent_term:get({x, 1}, gone)} end),
    t:p("counters", fun() -> C = counters:new(3, []), counters:add(C, 2, 5), counters:sub(C, 2, 2), {counters:get(C, 2), counters:get(C, 1)} end),
    t:p("atomics", fun() -> A = atomics:new(2, [{signed, false}]), atomics:sub(A, 1, 1), {atomics:get(A, 1), atomics:add_get(A, 2, 7), atomics:exchange(A, 2, 1), atomics:compare_exchange(A, 2, 1, 9), atomics:compare_exchange(A, 2, 1, 5)} end),
    t:p("dets", fun dets/0).

kind(K) ->
    T = ets:new(t, [K]),
    ets:insert(T, [{b, 1}, {a, 1}, {b, 2}, {b, 2}, {{c, 1.5}, x}]),
    t:p(K, fun() -> {lists:sort(ets:tab2list(T)), ets:lookup(T, b), ets:delete_object(T, {b, 2}), ets:lookup(T, b), ets:delete(T, a), ets:info(T, size)} end),
    [ets:insert(T, {I, I}) || I <- lists:seq(1, 3000)],
    [ets:delete(T, I) || I <- lists:seq(1, 3000, 2)],
    t:p("grown", fun() -> {ets:info(T, size), lists:sum([I || {I, _} <- ets:tab2list(T), is_integer(I)])} end),
    ets:delete(T),
    t:p("deleted", fun() -> ets:lookup(T, a) end).

other(F) ->
    {_, R} = spawn_monitor(fun() -> exit({result, try F() catch C:E -> {C, E} end}) end),
    receive {'DOWN', R, _, _, {result, X}} -> X end.

drain(_, '$end_of_table', N) -> N;
drain(F, K, N) -> ets:delete(F, K), drain(F, ets:next(F, K), N + 1).

dets() ->
    {ok, D} = dets:open_file(d, [{file, "test.dets"}, {type, bag}]),
    ok = dets:insert(D, [{I rem 10, I} || I <- lists:seq(1, 200)]),
    ok = dets:delete_object(D, {3, 13}),
    ok = dets:close(D),
    {ok, D} = dets:open_file(d, [{file, "test.dets"}, {type, bag}]),
    R = {dets:info(D, size), length(dets:lookup(D, 3)), lists:sort(dets:match(D, {3, '$1'}))},
    ok = dets:close(D),
    ok = file:delete("test.dets"),
    R.
