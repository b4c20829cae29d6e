%% SPDX-License-Identifier: Apache-2.0
%% ETS under several processes: writers of keys of their own beside traversals that must see what stays exactly
%% once, growth and shrinking on the way, counters, names that come and go. (Beside us, a bag with
%% write_concurrency now and then denies an object that is in it.)
-module(ets_crowd_tests).
-export([main/0]).

main() ->
    Kinds = [{K, W} || K <- [set, bag, duplicate_bag, ordered_set], W <- [false, true, auto]],
    each(fun writers/1, Kinds),
    each(fun traversals/1, Kinds),
    each(fun counters/1, [{K, W} || K <- [set, ordered_set], W <- [false, true]]),
    each(fun emptied/1, Kinds),
    io:format("names: ~p~n", [names()]).

each(F, Cases) -> [io:format("~p: ~p~n", [C, F(C)]) || C <- Cases].

table({Kind, W}) -> ets:new(crowd, [Kind, public, {write_concurrency, W}]).

%% All at once; what each returns, in order.
together(Funs) ->
    Me = self(),
    Pids = [spawn_link(fun() -> Me ! {self(), F()} end) || F <- Funs],
    [receive {P, R} -> R end || P <- Pids].

%% Each writes, overwrites and deletes its own keys; a third of them stay.
writers(Kind) ->
    T = table(Kind),
    [ok, ok, ok] = together([fun() -> writer(T, N, 4000) end || N <- [1, 2, 3]]),
    Left = lists:usort(ets:tab2list(T)),
    {ets:info(T, size), Left =:= lists:sort([{{N, I}, new} || N <- [1, 2, 3], I <- lists:seq(1, 4000), I rem 3 =:= 0])}.

writer(T, N, Last) ->
    [true = ets:insert(T, {{N, I}, old}) || I <- lists:seq(1, Last)],
    [true = ets:member(T, {N, I}) || I <- lists:seq(1, Last)],
    [begin
         [{{N, I}, old}] = ets:take(T, {N, I}),
         true = ets:insert_new(T, {{N, I}, new}),
         false = ets:insert_new(T, [{{N, I}, newer}])
     end || I <- lists:seq(1, Last)],
    [true = ets:delete(T, {N, I}) || I <- lists:seq(1, Last), I rem 3 =:= 1],
    [true = ets:delete_object(T, {{N, I}, new}) || I <- lists:seq(1, Last), I rem 3 =:= 2],
    [[] = ets:lookup(T, {N, I}) || I <- lists:seq(1, Last), I rem 3 =/= 0],
    ok.

%% 300 objects stay while others come and go by thousands.
traversals(Kind) ->
    T = table(Kind),
    Stay = [{stay, I} || I <- lists:seq(1, 300)],
    ets:insert(T, [{K, 0} || K <- Stay]),
    Ways = [fun by_next/1, fun by_select/1, fun by_chunks/1, fun by_fold/1],
    Busy = [fun() -> busy(T, N, 6) end || N <- [1, 2]],
    Seen = fun(Way) -> fun() -> [lists:sort(Way(T)) =:= Stay || _ <- lists:seq(1, 15)] end end,
    [ok, ok | Right] = together(Busy ++ [Seen(W) || W <- Ways]),
    {ets:info(T, size), lists:usort(lists:append(Right))}.

busy(_, _, 0) -> ok;
busy(T, N, Times) ->
    [ets:insert(T, {{go, N, I}, x}) || I <- lists:seq(1, 1500)],
    [ets:delete(T, {go, N, I}) || I <- lists:seq(1, 1500)],
    busy(T, N, Times - 1).

by_next(T) ->
    ets:safe_fixtable(T, true),
    Keys = next_keys(T, ets:first(T)),
    ets:safe_fixtable(T, false),
    Keys.

next_keys(_, '$end_of_table') -> [];
next_keys(T, K) -> [K || element(1, K) =:= stay] ++ next_keys(T, ets:next(T, K)).

by_select(T) -> ets:select(T, [{{{stay, '$1'}, '_'}, [], [{{stay, '$1'}}]}]).

by_chunks(T) ->
    ets:safe_fixtable(T, true),
    Keys = chunks(ets:select(T, [{{{stay, '$1'}, '_'}, [], [{{stay, '$1'}}]}], 7)),
    ets:safe_fixtable(T, false),
    Keys.

chunks('$end_of_table') -> [];
chunks({L, C}) -> L ++ chunks(ets:select(C)).

by_fold(T) -> ets:foldl(fun({{stay, _} = K, _}, A) -> [K | A]; (_, A) -> A end, [], T).

counters(Kind) ->
    T = table(Kind),
    Count = fun() -> [ets:update_counter(T, I rem 50, 1, {I rem 50, 0}) || I <- lists:seq(1, 10000)], ok end,
    Set = fun() -> [ets:insert(T, {{own, I}, 0}) andalso ets:update_element(T, {own, I}, {2, I}) || I <- lists:seq(1, 2000)], ok end,
    [ok, ok, ok] = together([Count, Count, Set]),
    {lists:sum([ets:lookup_element(T, I, 2) || I <- lists:seq(0, 49)]),
     lists:sum([ets:lookup_element(T, {own, I}, 2) || I <- lists:seq(1, 2000)])}.

%% Everything deleted at once, again and again, and the table itself at last.
emptied(Kind) ->
    T = table(Kind),
    Write = fun() -> try busy(T, self(), 100) catch error:badarg -> gone end end,
    Clear = fun() ->
                [ets:delete_all_objects(T) || _ <- lists:seq(1, 20)],
                [ets:select_delete(T, [{'_', [], [true]}]) || _ <- lists:seq(1, 20)],
                [ets:match_delete(T, {{go, '_', '_'}, '_'}) || _ <- lists:seq(1, 20)],
                ets:delete(T)
            end,
    {together([Write, Write, Clear]), ets:info(T)}.

%% A name leads to a table of that name or to none, never to something else.
names() ->
    New = fun() ->
              [begin
                   crowd_a = ets:new(crowd_a, [named_table, public]),
                   ets:insert(crowd_a, {k, v}),
                   crowd_b = ets:rename(crowd_a, crowd_b),
                   ets:delete(crowd_b)
               end || _ <- lists:seq(1, 2000)],
              ok
          end,
    Look = fun() -> lists:usort([look(N) || _ <- lists:seq(1, 3000), N <- [crowd_a, crowd_b]]) end,
    [ok | Seen] = together([New, Look, Look]),
    {lists:append(Seen) -- [none, ref, v, none, ref, v], length(ets:all()) > 0}.

look(Name) ->
    case ets:whereis(Name) of
        undefined -> none;
        Ref when is_reference(Ref) ->
            case catch ets:lookup_element(Name, k, 2) of
                v -> case ets:info(Ref, name) of undefined -> none; N when N =:= crowd_a; N =:= crowd_b -> ref end;
                {'EXIT', {badarg, _}} -> none
            end
    end.
