%% SPDX-License-Identifier: Apache-2.0
%% ETS: options and what info tells of them, order of atoms, fixation, what select_replace refuses, heirs.
-module(ets_more_tests).
-export([main/0]).

main() ->
    t:each(fun concurrency/1,
           [[{write_concurrency, W} | D] ++ [P, K] || P <- [public, private], K <- [set, ordered_set],
               W <- [true, false, auto, {debug_hash_fixed_number_of_locks, 1025}, {debug_hash_fixed_number_of_locks, 0}],
               D <- [[], [{decentralized_counters, true}], [{decentralized_counters, false}]]]),
    t:p("order of atoms", fun() -> T = ets:new(t, []), ets:insert(T, [{K} || K <- [a, b, c, foo, bar, baz, lists, ets, 'ÅÄ']]), ets:tab2list(T) end),
    t:p("stats", fun() -> T = ets:new(t, [set]), ets:insert(T, [{1}, {2}, {3}]), {B, A, _, _, _, _, 0, _} = ets:info(T, stats), {B, A} end),
    t:p("shrinks", fun shrinks/0),
    t:p("end of table", fun() -> [catch_reason(fun() -> ets:F(ets:new(t, [K]), '$end_of_table') end) || F <- [next, prev], K <- [set, ordered_set]] end),
    t:p("comes back newest", fun comes_back/0),
    t:p("fixed", fun fixed/0),
    t:p("fixed, emptied", fun() -> T = filled([bag]), ets:safe_fixtable(T, true), ets:delete_all_objects(T),
        [ets:insert(T, {I, new}) || I <- [5, 6]], R = lists:sort(ets:tab2list(T)), ets:safe_fixtable(T, false), {R, ets:info(T, size)} end),
    t:each(fun emptied_often/1, [set, bag, duplicate_bag, ordered_set]),
    t:p("many of one key", fun many_of_one_key/0),
    t:p("large patterns", fun large_patterns/0),
    t:each(fun many_keys/1, [{Type, O} || Type <- [set, bag, duplicate_bag, ordered_set], O <- [[], [{write_concurrency, true}]]]),
    t:p("no clause", fun no_clause/0),
    t:p("nothing missed", fun() -> T = filled([public]), {ets:select_delete(T, [{'_', [], [true]}]), ets:info(T, size)} end),
    t:p("rename to itself", fun() -> t = ets:new(t, [named_table]), R = catch_reason(fun() -> ets:rename(t, t) end), ets:delete(t), R end),
    t:p("another table of that name", fun() -> t = ets:new(t, [named_table]), ets:insert(t, [{I} || I <- [1, 2, 3]]),
        {_, C} = ets:select(t, [{'_', [], [true]}], 1), ets:delete(t), t = ets:new(t, [named_table]),
        R = catch_reason(fun() -> ets:select(C) end), ets:delete(t), R end),
    t:p("heir", fun() -> Me = self(), spawn(fun() -> T = ets:new(t, [{heir, Me, x}]), ets:insert(T, {1}) end),
        receive {'ETS-TRANSFER', T, _, x} -> {ets:info(T, heir) =:= Me, ets:info(T, owner) =:= Me, ets:tab2list(T)} end end),
    t:p("binaries", fun() -> T = ets:new(t, [bag]), B = binary:copy(<<1>>, 100), ets:insert(T, [{1, B}, {2, B}, {3, x}]),
        R = [Size || {_, Size, _} <- ets:info(T, binary)], ets:delete(T, 1), {R, length(ets:info(T, binary)), byte_size(B)} end),
    t:each(fun replace/1,
           [[{{'$1', '$2'}, [], [B]}] || B <- ['$_', {{'$1', x}}, {{'$2', '$1'}}, {{{element, 1, '$_'}, y}}, {{{element, 2, '$_'}, y}},
                                              {{{'+', '$1', 0}, z}}, x, {setelement, 2, '$_', z}]]
           ++ [[{{{'$1', '$2'}, '_'}, [], [{{{{'$1', '$2'}}, q}}]}], [{{{'$1', '$2'}, '_'}, [], [{{{{'$2', '$1'}}, q}}]}],
               [{{7, '_'}, [], [{{7, q}}]}], [{{7, '_'}, [], [{{7.0, q}}]}], [{'_', [], [{{{element, 1, '$_'}, q}}]}], [{'$1', [], ['$1']}]]).

concurrency(O) -> T = ets:new(t, O), [ets:info(T, K) || K <- [write_concurrency, decentralized_counters]].

shrinks() ->
    T = ets:new(t, []),
    ets:insert(T, [{I} || I <- lists:seq(1, 5000)]),
    Full = element(1, ets:info(T, stats)) > 2500,
    [ets:delete(T, I) || I <- lists:seq(1, 5000)],
    {Full, element(1, ets:info(T, stats)) < 2500}.

catch_reason(F) -> try F() catch C:R:S -> {C, R, element(1, hd(S)), element(2, hd(S))} end.

filled(O) -> T = ets:new(t, O), ets:insert(T, [{I, I} || I <- lists:seq(1, 3000)]), T.

comes_back() ->
    [begin
         T = ets:new(t, [K]), ets:safe_fixtable(T, Fix),
         [ets:insert(T, {k, I}) || I <- [1, 2, 3]],
         ets:delete_object(T, {k, 1}), ets:insert(T, {k, 1}),
         ets:delete_object(T, {k, 3}), ets:delete_object(T, {k, 2}), ets:insert(T, {k, 2}),
         ets:lookup(T, k)
     end || K <- [bag, duplicate_bag], Fix <- [true, false]].

%% Insertions and deletions while fixed, in few places and in many; then growth.
fixed() ->
    [begin
         T = filled([K]), ets:safe_fixtable(T, true),
         [ets:delete(T, I) || I <- Dead], [ets:insert(T, {I, again}) || I <- Dead, I rem 3 =:= 0],
         N = ets:info(T, size), ets:safe_fixtable(T, false),
         ets:insert(T, [{{x, I}, I} || I <- lists:seq(1, 3000)]),
         {N, ets:info(T, size), lists:sum([1 || I <- Dead, ets:member(T, I)])}
     end || K <- [set, bag, duplicate_bag, ordered_set], Dead <- [[1, 2], lists:seq(1, 3000)]].

%% A traversal by keys goes on from a key that went with all the others, and meets what came later.
emptied_often(K) ->
    T = filled([K]), ets:safe_fixtable(T, true),
    Key = ets:first(T), ets:delete(T, Key), ets:delete_all_objects(T),
    R1 = {ets:first(T), ets:next(T, Key), ets:next(T, 1500), ets:lookup(T, 7), ets:select_count(T, [{'_', [], [true]}])},
    ets:insert(T, [{I, b} || I <- lists:seq(1, 100)]), ets:insert(T, {1, c}),
    R2 = {keys_from(T, ets:first(T)), lists:sort(ets:lookup(T, 1)), ets:insert_new(T, {200, x}), ets:insert_new(T, {7, x})},
    ets:delete_all_objects(T), ets:insert(T, [{I, d} || I <- [7, 3001]]),
    R3 = {keys_from(T, ets:first(T)), ets:lookup(T, 7), ets:info(T, size), catch_reason(fun() -> ets:next(T, 5000) end)},
    ets:safe_fixtable(T, false),
    ets:delete(T, 7), ets:insert(T, [{I, e} || I <- lists:seq(1, 3000)]),
    {R1, R2, R3, ets:info(T, size), lists:sort(ets:tab2list(T)) =:= [{I, e} || I <- lists:seq(1, 3000)] ++ [{3001, d}]}.

keys_from(_, '$end_of_table') -> [];
keys_from(T, K) -> [K | keys_from(T, ets:next(T, K))].

no_clause() ->
    [begin
         T = filled([K]),
         [catch_reason(F) || F <- [
             fun() -> ets:select(T, []) end, fun() -> ets:select(T, [], 5) end, fun() -> ets:select(T, [], 0) end,
             fun() -> ets:select_reverse(T, []) end, fun() -> ets:select_reverse(T, [], 5) end,
             fun() -> ets:select_count(T, []) end, fun() -> ets:select_delete(T, []) end, fun() -> ets:info(T, size) end,
             fun() -> ets:match_spec_compile([]) end]]
     end || K <- [set, ordered_set, bag]].

many_of_one_key() ->
    T = ets:new(t, [duplicate_bag]),
    [ets:insert(T, {k, I}) || I <- lists:seq(1, 20000)],
    Even = [{{k, '$1'}, [{'=:=', {'rem', '$1', 2}, 0}], [true]}],
    Replaced = ets:select_replace(T, [{{k, '$1'}, [{'>', '$1', 19990}], [{{k, {{new, '$1'}}}}]}]),
    {Replaced, ets:select_delete(T, Even), ets:info(T, size), lists:sublist(lists:reverse(ets:lookup(T, k)), 7)}.

%% Clauses that name their keys: in their order, each key once; in chunks, whose order is not told.
many_keys({Type, Options}) ->
    T = ets:new(t, [Type | Options]),
    [ets:insert(T, {I rem 300, I}) || I <- lists:seq(1, 900)],
    [begin
         Spec = [{{K, '$1'}, [], ['$1']} || K <- Keys],
         {ets:select(T, Spec), [lists:sort(chunks(ets:select(T, Spec, N))) || N <- [1, 2, 3, 1000]],
          ets:select_count(T, [{Head, [], [true]} || {Head, _, _} <- Spec]), lists:sort(ets:select_reverse(T, Spec))}
     end || Keys <- [[5, 3, 9], [9, 5, 3], [5, 3, 5, 3], [1000, 7, 2000], [1000], [5], [299, 298, 297, 1, 2, 3, 4], [5.0, 3]]]
        ++ [begin
                Spec = [{{K, '$1'}, [{'>', '$1', 300}], [true]} || K <- Keys],
                {ets:select_delete(T, Spec), lists:sort(ets:match(T, {5, '$1'})), ets:info(T, size)}
            end || Keys <- [[5, 6], [7, 7, 8, 5, 1000], lists:seq(1, 250)]].

chunks('$end_of_table') -> [];
chunks({L, C}) -> L ++ chunks(ets:select(C)).

%% Deep and long ones; what is not ground is found in one walk, or this takes minutes. As keys not as deep: their range
%% is found by recursion in the reference.
large_patterns() ->
    Vars = [list_to_atom("$" ++ integer_to_list(I)) || I <- lists:seq(0, 20000)],
    Many = ets:new(t, []),
    ets:insert(Many, {list_to_tuple(lists:seq(0, 20000)), 7}),
    {deep(set, 200000, fun(I, Object) -> {I, Object} end), deep(ordered_set, 3000, fun(I, Object) -> {{Object, I}, x} end),
     [erlang:phash2(ets:match(Many, P)) || P <- [{list_to_tuple(Vars), '_'}, {list_to_tuple(lists:reverse(Vars)), '$7'},
                                                 {list_to_tuple(Vars), '$7'}, {list_to_tuple(tl(Vars)), '$7'}]]}.

deep(Type, N, Put) ->
    T = ets:new(t, [Type]),
    Wrap = fun(F, Leaf) -> lists:foldl(fun(_, A) -> F(A) end, Leaf, lists:seq(1, N)) end,
    Ways = [fun(A) -> [A] end, fun(A) -> {A} end, fun(A) -> #{a => A} end, fun(A) -> [1 | A] end, fun(A) -> {z, A, x} end],
    Objects = [Wrap(F, Leaf) || F <- Ways, Leaf <- [y, {1, 2}]],
    [ets:insert(T, Put(I, O)) || {I, O} <- lists:zip(lists:seq(1, length(Objects)), Objects)],
    [{length(ets:match_object(T, Put('_', Wrap(F, Leaf)))), length(ets:match(T, Put('$2', Wrap(F, Leaf))))}
     || F <- Ways, Leaf <- ['$1', y, #{a => b}, {'_', '$1'}, {1, 2}]].

replace(Spec) ->
    T = ets:new(t, []),
    ets:insert(T, [{7, seven}, {{a, b}, c}]),
    {ets:select_replace(T, Spec), lists:sort(ets:tab2list(T))}.
