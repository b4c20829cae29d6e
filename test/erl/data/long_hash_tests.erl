%% SPDX-License-Identifier: Apache-2.0
%% phash2 of terms that take more than one slice: the same whatever is cut where, and whatever moves meanwhile.
-module(long_hash_tests).
-export([main/0]).

main() ->
    [io:format("~s ~p ~p~n", [Name, erlang:phash2(T), erlang:phash2(T, 1 bsl 32)]) || {Name, T} <- terms()],
    [true = erlang:phash2(T) =:= hashed_meanwhile(T) || {_, T} <- terms()],
    ok.

terms() ->
    Ints = lists:seq(-140000, 140000),
    [{"integers", Ints},
     {"bytes", [I band 255 || I <- lists:seq(1, 400001)]},
     {"mixed", [case I rem 7 of 0 -> {I, a}; 1 -> I * 1.5; 2 -> [I | I]; 3 -> <<I:24>>; _ -> I band 255 end || I <- Ints]},
     {"map", maps:from_list([{I, #{I => [I]}} || I <- lists:seq(1, 60000)])},
     {"flat maps", [#{a => I, b => #{c => I}} || I <- lists:seq(1, 60000)]},
     {"tuple", list_to_tuple(Ints)},
     {"tuple of lists", list_to_tuple([case I band 3 of 0 -> [I]; 1 -> {I, {I}}; _ -> I end || I <- Ints])},
     {"tuples", [list_to_tuple(lists:seq(1, N) ++ [a, [N], 2]) || N <- lists:seq(55, 70)]},
     {"deep", lists:foldl(fun(I, T) -> {I, T} end, nil, lists:seq(1, 300000))},
     {"left", lists:foldl(fun(I, T) -> [T | I] end, nil, lists:seq(1, 300000))},
     {"binary", binary:copy(<<"0123456789">>, 300000)},
     {"binary inside", [Ints, {binary:copy(<<"0123456789">>, 300000)}, <<1:(8 * 3000000 + 3)>>]},
     {"funs", [fun() -> {I, x} end || I <- lists:seq(1, 60000)]}].

%% Other processes collect this one between the slices.
hashed_meanwhile(T) ->
    {P, Ref} = spawn_monitor(fun() -> exit({hash, erlang:phash2(T)}) end),
    Collector = spawn_link(fun() -> collect(P) end),
    receive {'DOWN', Ref, process, P, {hash, H}} -> unlink(Collector), exit(Collector, kill), H end.

collect(P) ->
    erlang:garbage_collect(P),
    collect(P).
