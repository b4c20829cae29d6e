%% SPDX-License-Identifier: Apache-2.0
%% A native with much to do lets others run. Each case is one call on large input by a process whose
%% schedulings are traced: being scheduled out inside of the native is what is wanted. Printed are the other
%% cases: "counts" when the call at least used up reductions in proportion, so that the caller's turn
%% ends right after it (an operator in the middle of an expression cannot be interrupted, nor what holds the lock of a table),
%% "keeps" when nothing shows how long it took (comparisons, whose instructions test and jump).
-module(yield_tests).
-export([main/0]).

main() ->
    [verdict(Case, measure(Case)) || Case <- cases()],
    io:format("done~n").

verdict({Name, _, _}, {Outs, Reductions}) ->
    Inside = Outs -- [F || F <- Outs, F =:= {?MODULE, worker, 3} orelse F =:= {erlang, yield, 0}],
    if
        Inside =/= [] -> ok;
        Reductions > 1000 -> io:format("~p counts~n", [Name]);
        true -> io:format("~p keeps~n", [Name])
    end.

measure({_, Setup, Fun}) ->
    Main = self(),
    P = spawn_link(fun() -> worker(Main, Setup, Fun) end),
    receive {P, ready} -> ok end,
    erlang:trace(P, true, [running]),
    P ! go,
    Reductions = receive {P, Used} -> Used end,
    erlang:trace(P, false, [running]),
    Ref = erlang:trace_delivered(P),
    receive {trace_delivered, P, Ref} -> ok end,
    Outs = outs(P),
    unlink(P),
    exit(P, kill),
    {Outs, Reductions}.

outs(P) ->
    receive
        {trace, P, out, F} -> [F | outs(P)];
        {trace, P, _, _} -> outs(P)
    after 0 -> []
    end.

worker(Main, Setup, Fun) ->
    In = Setup(),
    Main ! {self(), ready},
    receive go -> erlang:yield() end, % so that a full slice begins
    {_, Before} = process_info(self(), reductions),
    Out = Fun(In),
    {_, After} = process_info(self(), reductions),
    Main ! {self(), After - Before},
    receive never -> Out end.

-define(N, 300000).
list() -> lists:seq(1, ?N).
bytes() -> binary:copy(<<"abcdefghijklmnopqrstuvwxyz">>, 200000).
map() -> maps:from_list([{I, I} || I <- lists:seq(1, 100000)]).
pairs() -> [{I, a} || I <- list()].
big(N) -> (7 bsl N) - 1.

table(Type) ->
    T = ets:new(t, [Type, public]),
    ets:insert(T, [{I, I} || I <- lists:seq(1, 50000)]),
    T.

cases() ->
    [{term_to_binary, fun list/0, fun(L) -> term_to_binary(L) end},
     {strings_to_binary, fun() -> lists:duplicate(100, lists:duplicate(60000, $a)) end, fun(L) -> term_to_binary(L) end},
     {binaries_to_binary, fun() -> lists:duplicate(100, binary:part(bytes(), 0, 60000)) end, fun(L) -> term_to_binary(L) end},
     {long_to_binary, fun bytes/0, fun(B) -> term_to_binary(B) end},
     {shifted_to_binary, fun() -> <<_:3, B/bits>> = <<1:3, (bytes())/bits>>, B end, fun(B) -> term_to_binary(B) end},
     {bignums_to_binary, fun() -> lists:duplicate(100, big(480000)) end, fun(L) -> term_to_binary(L) end},
     {binary_to_bignums, fun() -> term_to_binary(lists:duplicate(100, big(480000))) end, fun(B) -> binary_to_term(B) end},
     {binary_to_long, fun() -> term_to_binary(bytes()) end, fun(B) -> binary_to_term(B) end},
     {strings_to_iovec, fun() -> lists:duplicate(100, lists:duplicate(60000, $a)) end, fun(L) -> term_to_iovec(L) end},
     {term_to_iovec, fun pairs/0, fun(L) -> term_to_iovec(L) end},
     {compressed, fun bytes/0, fun(B) -> term_to_binary(B, [compressed]) end},
     {uncompressed, fun() -> term_to_binary(bytes(), [compressed]) end, fun(B) -> binary_to_term(B) end},
     {common_prefix, fun() -> B = binary:copy(bytes(), 5), [B, <<B/binary, 1>>] end, fun binary:longest_common_prefix/1},
     {common_suffix, fun() -> B = binary:copy(bytes(), 5), <<_:3, C/bits>> = <<1:3, B/binary>>, [B, C, <<1, B/binary>>] end,
      fun binary:longest_common_suffix/1},
     {common_many, fun() -> [<<"ab">> || _ <- list()] end, fun binary:longest_common_prefix/1},
     {external_size, fun list/0, fun(L) -> erlang:external_size(L) end},
     {external_size_strings, fun() -> lists:duplicate(1900, lists:duplicate(65000, $a)) end, fun(L) -> erlang:external_size(L) end},
     {external_size2, fun pairs/0, fun(L) -> erlang:external_size(L) end},
     {binary_to_term, fun() -> term_to_binary(list()) end, fun(B) -> binary_to_term(B) end},
     {binary_to_strings, fun() -> term_to_binary(lists:duplicate(100, lists:duplicate(60000, $a))) end, fun(B) -> binary_to_term(B) end},
     {binary_to_binaries, fun() -> term_to_binary(lists:duplicate(100, binary:part(bytes(), 0, 60000))) end, fun(B) -> binary_to_term(B) end},
     {append, fun list/0, fun(L) -> L ++ [a] end},
     {subtract, fun() -> {list(), lists:seq(?N div 2, 3 * ?N div 2)} end, fun({A, B}) -> A -- B end},
     {subtract_few, fun() -> {list(), [a,b]} end, fun({A, B}) -> A -- B end},
     {length, fun() -> lists:seq(1, 4 * ?N) end, fun(L) -> length(L) end},
     {reverse, fun list/0, fun(L) -> lists:reverse(L) end},
     {member, fun list/0, fun(L) -> lists:member(a, L) end},
     {keyfind, fun pairs/0, fun(L) -> lists:keyfind(x, 1, L) end},
     {keymember, fun pairs/0, fun(L) -> lists:keymember(x, 1, L) end},
     {list_to_tuple, fun list/0, fun(L) -> list_to_tuple(L) end},
     {tuple_to_list, fun() -> list_to_tuple(list()) end, fun(T) -> tuple_to_list(T) end},
     {list_to_binary, fun() -> [<<"a">> || _ <- list()] end, fun(L) -> list_to_binary(L) end},
     {list_to_binary2, fun() -> [<<"a">>, [1 || _ <- list()]] end, fun(L) -> list_to_binary(L) end},
     {list_to_bitstring, fun() -> [<<"a">> || _ <- list()] end, fun(L) -> list_to_bitstring(L) end},
     {iolist_size, fun() -> [<<"a">> || _ <- list()] end, fun(L) -> iolist_size(L) end},
     {iolist_to_iovec, fun() -> [<<"a">> || _ <- list()] end, fun(L) -> erlang:iolist_to_iovec(L) end},
     {binary_to_list, fun bytes/0, fun(B) -> binary_to_list(B) end},
     {binary_to_list3, fun bytes/0, fun(B) -> binary_to_list(B, 2, size(B)) end},
     {bitstring_to_list, fun bytes/0, fun(B) -> bitstring_to_list(B) end},
     {binary_copy, fun bytes/0, fun(B) -> binary:copy(B, 20) end},
     {md5, fun bytes/0, fun(B) -> erlang:md5(B) end},
     {md5list, fun() -> [<<"a">> || _ <- list()] end, fun(B) -> erlang:md5(B) end},
     {crc32, fun bytes/0, fun(B) -> erlang:crc32(B) end},
     {crc32list, fun() -> [<<"a">> || _ <- list()] end, fun(B) -> erlang:crc32(B) end},
     {adler32, fun bytes/0, fun(B) -> erlang:adler32(B) end},
     {characters_to_list, fun bytes/0, fun(B) -> unicode:characters_to_list(B) end},
     {characters_to_binary, fun list/0, fun(L) -> unicode:characters_to_binary([X rem 50000 || X <- L]) end},
     {characters_to_binary_l1, fun bytes/0, fun(L) -> unicode:characters_to_binary(L, latin1, utf8) end},
     {binary_matches, fun bytes/0, fun(B) -> binary:matches(B, <<"zab">>) end},
     {binary_match, fun bytes/0, fun(B) -> binary:match(B, [<<"zab1">>, <<"q2">>]) end},
     {binary_split, fun bytes/0, fun(B) -> binary:split(B, <<"a">>, [global]) end},
     {phash2, fun list/0, fun(L) -> erlang:phash2(L) end},
     {phash2bin, fun bytes/0, fun(L) -> erlang:phash2(L) end},
     {phash2tuple, fun() -> list_to_tuple(list()) end, fun(T) -> erlang:phash2(T) end},
     {phash2map, fun map/0, fun(L) -> erlang:phash2(L) end},
     {compare, fun() -> {list(), list() ++ [a]} end, fun({A, B}) -> A < B end},
     {equal, fun() -> {list(), list() ++ [a]} end, fun({A, B}) -> A =:= B end},
     {maps_keys, fun map/0, fun(M) -> maps:keys(M) end},
     {maps_to_list, fun map/0, fun(M) -> maps:to_list(M) end},
     {maps_from_list, fun() -> [{I, I} || I <- list()] end, fun(L) -> maps:from_list(L) end},
     {maps_from_keys, fun list/0, fun(L) -> maps:from_keys(L, a) end},
     {maps_merge, fun() -> {map(), maps:from_list([{-I, I} || I <- lists:seq(1, 200000)])} end, fun({A, B}) -> maps:merge(A, B) end},
     {mapcmp, fun() -> {map(), maps:put(1, 3, map())} end, fun({A, B}) -> A < B end},
     {ets_insert_list, fun() -> {ets:new(t, []), pairs()} end, fun({T, L}) -> ets:insert(T, L) end},
     {ets_insert_new_list, fun() -> {ets:new(t, []), pairs()} end, fun({T, L}) -> ets:insert_new(T, L) end},
     {ets_select, fun() -> table(set) end, fun(T) -> ets:select(T, [{{'$1', a}, [], ['$1']}]) end},
     {ets_match_object, fun() -> table(set) end, fun(T) -> ets:match_object(T, {'_', a}) end},
     {ets_select_ordered, fun() -> table(ordered_set) end, fun(T) -> ets:select(T, [{{'$1', a}, [], ['$1']}]) end},
     {ets_select_count, fun() -> table(set) end, fun(T) -> ets:select_count(T, [{{'$1', a}, [], [true]}]) end},
     {ets_select_replace, fun() -> table(set) end, fun(T) -> ets:select_replace(T, [{{'$1', '_'}, [], [{{'$1', 8}}]}]) end},
     {ets_delete_all, fun() -> table(set) end, fun(T) -> ets:delete_all_objects(T) end},
     {ets_delete_all_fixed, fun() -> T = table(set), ets:safe_fixtable(T, true), T end, fun(T) -> ets:delete_all_objects(T) end},
     {ets_unfix, fun() -> T = table(set), ets:safe_fixtable(T, true), ets:match_delete(T, {'_', '_'}), T end, fun(T) -> ets:safe_fixtable(T, false) end},
     {ets_delete, fun() -> table(ordered_set) end, fun(T) -> ets:delete(T) end},
     {ets_delete_set, fun() -> table(set) end, fun(T) -> ets:delete(T) end},
     {ets_delete_all_ordered, fun() -> table(ordered_set) end, fun(T) -> ets:delete_all_objects(T) end},
     {ets_bag_key, fun() -> T=ets:new(t,[duplicate_bag]), ets:insert(T, [{1,I}||I<-list()]), T end, fun(T) -> ets:lookup(T, 1) end},
     {ets_bag_take, fun() -> T=ets:new(t,[duplicate_bag]), ets:insert(T, [{1,I}||I<-list()]), T end, fun(T) -> ets:take(T, 1) end},
     {ets_bag_del, fun() -> T=ets:new(t,[duplicate_bag]), ets:insert(T, [{1,I}||I<-list()]), T end, fun(T) -> ets:delete(T, 1) end},
     {ets_match_delete, fun() -> table(set) end, fun(T) -> ets:match_delete(T, {'_', '_'}) end},
     {ets_match_delete_o, fun() -> table(ordered_set) end, fun(T) -> ets:match_delete(T, {'_', '_'}) end},
     {list_to_integer, fun() -> [$0 + (I rem 9) || I <- lists:seq(1, 100000)] end, fun(L) -> list_to_integer(L) end},
     {binary_to_integer, fun() -> << <<($0 + (I rem 9))>> || I <- lists:seq(1, 100000)>> end, fun(L) -> binary_to_integer(L) end},
     {integer_to_list, fun() -> big(400000) end, fun(I) -> integer_to_list(I) end},
     {integer_to_binary, fun() -> big(400000) end, fun(I) -> integer_to_binary(I) end},
     {multiply, fun() -> big(400000) end, fun(I) -> I * (I + 12345) end},
     {divide, fun() -> big(400000) end, fun(I) -> I div ((3 bsl 200000) + 1) end},
     {rem_, fun() -> big(400000) end, fun(I) -> I rem ((3 bsl 200000) + 1) end},
     {multiply_small, fun() -> big(4000000) end, fun(I) -> I * 12345 end},
     {divide_small, fun() -> big(10000000) end, fun(I) -> I div 12345 end},
     {append_element, fun() -> list_to_tuple(list()) end, fun(T) -> erlang:append_element(T, a) end},
     {setelement, fun() -> list_to_tuple(list()) end, fun(T) -> setelement(3, T, a) end},
     {make_tuple, fun list/0, fun(_) -> erlang:make_tuple(1000000, a) end},
     {send, fun() -> {spawn_link(timer, sleep, [infinity]), pairs()} end, fun({P, L}) -> P ! L end},
     {spawn_arguments, fun pairs/0, fun(L) -> spawn(erlang, length, [L]) end},
     {persistent_put, fun pairs/0, fun(L) -> persistent_term:put(xx, L) end},
     {bin_cmp, fun() -> {bytes(), binary:copy(bytes())} end, fun({A,B}) -> A == B end},
     {bitstring_cmp, fun() -> {bytes(), <<3:3, (bytes())/bits>>} end, fun({A,<<_:3,B/bits>>}) -> A < B end},
     {list_to_float, fun() -> lists:duplicate(?N, $1) ++ ".1" end, fun(L) -> (catch list_to_float(L)) end},
     {messages_self, fun() -> [self() ! {a,I}||I<-list()],self() end, fun(P) -> process_info(P, messages) end},
     {dictionary, fun() -> [put(I,I)||I<-list()],self() end, fun(P) -> get() end},
     {erase, fun() -> [put(I,I)||I<-list()],self() end, fun(P) -> erase() end},
     {compress, fun bytes/0, fun(A) -> zlib:compress(A) end},
     {uncompress, fun() -> zlib:compress(bytes()) end, fun(A) -> zlib:uncompress(A) end},
     {last, fun list/0, fun(L) -> lists:reverse(L, a) end}].
