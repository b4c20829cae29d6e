%% SPDX-License-Identifier: Apache-2.0
%% bench_native - work done by natives: tables, external terms, hashing, patterns, text, sorting.
-module(bench_native).
-export([cases/0]).

cases() ->
    [{list_to_atom("ets_" ++ atom_to_list(T)), native, fun() -> table(T, []) end, fun(E) -> ets_mix(E, 60000) end}
     || T <- [set, ordered_set, bag, duplicate_bag]] ++
    [{ets_two_writers, native, fun() -> table(set, [{write_concurrency, true}]) end, fun(E) -> writers(E, 2, 40000) end},
     {ets_counter, native, fun() -> E = table(set, []), ets:insert(E, {c, 0}), E end,
      fun(E) -> [ets:update_counter(E, c, 1) || _ <- lists:seq(1, 300000)], ok end},
     {ets_update, native, fun() -> E = table(ordered_set, []), ets:insert(E, [{I, 0, a} || I <- lists:seq(1, 1000)]), E end,
      fun(E) -> [begin ets:update_counter(E, I rem 1000 + 1, [{2, 1, 100, 0}]), ets:insert(E, {I rem 1000 + 1, I, [I]}) end || I <- lists:seq(1, 100000)], ok end},
     {ets_select, native, fun() -> E = table(set, []), ets:insert(E, [{I, I rem 100, I} || I <- lists:seq(1, 50000)]), E end,
      fun(E) -> length([ets:select(E, [{{'$1', 7, '$2'}, [{'>', '$1', 100}], [{{'$1', '$2'}}]}]) || _ <- lists:seq(1, 20)]) end},
     {ets_foldl, native, fun() -> E = table(ordered_set, []), ets:insert(E, [{I, I} || I <- lists:seq(1, 50000)]), E end,
      fun(E) -> ets:foldl(fun({_, V}, A) -> A + V end, 0, E) end},
     {term_to_binary, native, fun terms/0, fun(T) -> byte_size(lists:last([term_to_binary(T) || _ <- lists:seq(1, 30)])) end},
     {binary_to_term, native, fun() -> term_to_binary(terms()) end, fun(B) -> tuple_size(hd([binary_to_term(B) || _ <- lists:seq(1, 30)])) end},
     {phash2, native, fun terms/0, fun(T) -> lists:sum([erlang:phash2(T) || _ <- lists:seq(1, 60)]) end},
     {md5, native, fun() -> binary:copy(<<"0123456789abcdef">>, 65536) end, fun(B) -> hd([erlang:md5(B) || _ <- lists:seq(1, 40)]) end},
     {crc32_adler32, native, fun() -> binary:copy(<<"0123456789abcdef">>, 65536) end,
      fun(B) -> hd([{erlang:crc32(B), erlang:adler32(B)} || _ <- lists:seq(1, 60)]) end},
     {regex, native, fun text/0, fun(T) -> length([re:run(T, "(\\w+)@(\\w+)\\.com", [global, {capture, all, index}]) || _ <- lists:seq(1, 10)]) end},
     {regex_split, native, fun text/0, fun(T) -> length(hd([re:split(T, "[ ,]+") || _ <- lists:seq(1, 6)])) end},
     {binary_match, native, fun text/0, fun(T) -> length(hd([binary:matches(T, [<<"jumped">>, <<"lazy@">>]) || _ <- lists:seq(1, 60)])) end},
     {binary_split, native, fun text/0, fun(T) -> length(hd([binary:split(T, <<" ">>, [global]) || _ <- lists:seq(1, 12)])) end},
     {lists_sort, code, fun() -> [X * 7919 rem 100003 || X <- lists:seq(1, 100000)] end, fun(L) -> hd(lists:sort(L)) end},
     {lists_natives, native, fun() -> lists:seq(1, 10000) end,
      fun(L) -> lists:sum([naturals(L) || _ <- lists:seq(1, 400)]) end},
     {short_lists, native, fun() -> {lists:seq(1, 100), list_to_tuple(lists:seq(1, 100)), binary:copy(<<"x">>, 100)} end,
      fun({L, T, B}) -> short_lists(100000, L, T, B, 0) end},
     {find_binary_keys, native, fun() -> [{integer_to_binary(I), I} || I <- lists:seq(1, 300)] end,
      fun(L) -> lists:sum([element(2, lists:keyfind(<<"250">>, 1, L)) || _ <- lists:seq(1, 40000)]) end},
     {compare_leaves, native, fun() -> {leaves(), leaves()} end, fun({A, B}) -> [A =:= B andalso A =< B || _ <- lists:seq(1, 400)] end},
     {external_size, native, fun terms/0, fun(T) -> lists:sum([erlang:external_size(S) || _ <- lists:seq(1, 40), S <- tuple_to_list(T)]) end},
     {list_subtract, native, fun() -> {lists:seq(1, 20000), lists:seq(10000, 30000)} end, fun({A, B}) -> length(hd([A -- B || _ <- lists:seq(1, 10)])) end},
     {compare_terms, native, fun() -> {terms(), terms()} end, fun({A, B}) -> [A =:= B andalso A == B || _ <- lists:seq(1, 80)] end},
     {utf8_decode, native, fun() -> unicode:characters_to_binary(lists:duplicate(4000, "gr\x{fc}\x{df}e \x{4e16}\x{754c} hello ")) end,
      fun(B) -> length(hd([unicode:characters_to_list(B) || _ <- lists:seq(1, 20)])) end},
     {utf8_encode, native, fun() -> lists:append(lists:duplicate(4000, "gr\x{fc}\x{df}e \x{4e16}\x{754c} hello ")) end,
      fun(L) -> byte_size(hd([unicode:characters_to_binary(L) || _ <- lists:seq(1, 20)])) end},
     {string_graphemes, code, fun() -> unicode:characters_to_binary(lists:duplicate(1500, "gr\x{fc}\x{df}e \x{4e16} ")) end,
      fun(B) -> {string:length(B), string:uppercase(B) =:= B} end},
     {iolist, native, fun() -> [[<<"abc">>, "def", [X rem 256]] || X <- lists:seq(1, 50000)] end,
      fun(L) -> byte_size(hd([iolist_to_binary(L) || _ <- lists:seq(1, 30)])) end},
     {integer_text, native, fun none/0, fun(_) -> lists:sum([list_to_integer(integer_to_list(I)) + binary_to_integer(integer_to_binary(I)) || I <- lists:seq(1, 300000)]) end},
     {float_text, native, fun none/0, fun(_) -> length([float_to_list(I / 7, [short]) || I <- lists:seq(1, 80000)]) end},
     {zlib, native, fun text/0, fun(T) -> byte_size(hd([zlib:uncompress(zlib:compress(T)) || _ <- lists:seq(1, 6)])) end},
     {persistent_term, native, fun() -> persistent_term:put(bench, #{a => 1}) end, fun(_) -> [persistent_term:get(bench) || _ <- lists:seq(1, 1000000)], ok end},
     {process_dictionary, native, fun none/0, fun(_) -> [put(I rem 64, I) || I <- lists:seq(1, 800000)], get(7) end}].

none() -> none.
%% One list at a time, which is garbage right after.
short_lists(0, _, _, _, Sum) -> Sum;
short_lists(N, L, T, B, Sum) -> short_lists(N - 1, L, T, B, Sum + hd(lists:reverse(L)) + hd(tuple_to_list(T)) + hd(binary_to_list(B)) + hd(L ++ [N])).
leaves() -> lists:append([[I * 0.5, integer_to_binary(I), 1 bsl 60 + I] || I <- lists:seq(1, 5000)]).
naturals(L) ->
    false = lists:member(0, L),
    false = lists:keyfind(0, 1, L),
    hd(lists:reverse(L)) + length(L ++ [x]).
%% A table of its own process would die with it: the public tables belong to the caller.
table(T, Options) -> ets:new(bench, [T, public | Options]).
ets_mix(E, N) ->
    [ets:insert(E, {I, I, [I]}) || I <- lists:seq(1, N)],
    S = lists:sum([length(ets:lookup(E, I)) || I <- lists:seq(1, N)]),
    [ets:delete(E, I) || I <- lists:seq(1, N)],
    S.
writers(E, W, N) ->
    Ps = [spawn_monitor(fun() -> [ets:insert(E, {I * W + K, I}) || I <- lists:seq(1, N)] end) || K <- lists:seq(1, W)],
    [receive {'DOWN', R, process, P, _} -> ok end || {P, R} <- Ps],
    ets:info(E, size).
terms() -> list_to_tuple([{I, "string", <<"binary">>, I * 1.5, #{key => I, {I} => [a, b]}, I bsl 70, atom} || I <- lists:seq(1, 3000)]).
text() -> iolist_to_binary([["the quick brown fox", integer_to_list(I), "@jumped.com over, the lazy dog "] || I <- lists:seq(1, 4000)]).
