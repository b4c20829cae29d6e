%% SPDX-License-Identifier: Apache-2.0
%% A match specification that is nested too deeply is refused with system_limit, wherever it is used.
-module(deep_match_spec).
-export([main/0]).

main() ->
    T = ets:new(t, [ordered_set]),
    H = ets:new(h, []),
    true = ets:insert(T, {a, b}),
    true = ets:insert(H, {a, b}),
    Deep = [{{'$1', '$2'}, [nest(300000)], ['$_']}],
    Replace = [{{'$1', '$2'}, [nest(300000)], [{{'$1', x}}]}],
    [io:format("~p~n", [result(F)]) || F <-
        [fun() -> ets:match_spec_compile(Deep) end, fun() -> ets:select(T, Deep) end,
         fun() -> ets:select(H, Deep, 10) end, fun() -> ets:select_count(H, Deep) end,
         fun() -> ets:select_delete(H, Deep) end, fun() -> ets:select_replace(H, Replace) end,
         fun() -> ets:select_reverse(H, Deep) end, fun() -> ets:select(no_such_table, Deep) end,
         fun() -> ets:select(H, [{{'$1', '$2'}, [nest(100)], ['$_']}]) end]],
    [io:format("~p~n", [result(fun() -> dying(Flags) end)]) || Flags <- [[exiting], [procs, exiting]]],
    io:format("~p~n", [dead_heir()]),
    [io:format("~p ~p~n", [Key, result(fun() -> ets:select_replace(H, [{{Key, '$2'}, [], [{{Body, x}}]}]) end)]) ||
        {Key, Body} <- keys()],
    [io:format("~p~n", [result(fun() -> ets:select_replace(H, [{Head, [], [{const, Made}]}]) end)]) ||
        {Head, Made} <- [{{a, '_'}, {a, 1}}, {{a, '_'}, {a}}, {{a, '_'}, {a, 1, 2}}, {{a, '_'}, {b, 1}}, {{a, '_'}, x},
                         {{'$1', '_'}, {'$1', 1}}, {{#{}, '_'}, {#{}, 1}}]].

%% Keys of patterns, and what a replacement puts in their place.
keys() ->
    [{[a | '$1'], [a | '$1']}, {[a, b | '$1'], [a, b | '$1']}, {[a | '$1'], [a | '$2']}, {[a | '$1'], [b | '$1']},
     {[a, '$1'], [a | '$1']}, {[{a, '$1'} | b], [{{a, '$1'}} | b]}, {[{a, '$1'} | b], [{{a, '$1'}} | c]},
     {[a | '_'], [a | '_']}, {[a, b], [a, b]}, {[a, b], {const, [a, b]}}, {[a, {b}], [a | {const, [{b}]}]},
     {'$1', {element, 1, '$_'}}, {'$1', {element, 2, '$_'}}].

nest(0) -> true;
nest(N) -> {'orelse', {'==', N, '$1'}, nest(N - 1)}.

result(F) ->
    try F()
    catch Class:Reason -> {Class, Reason}
    end.

%% A process with many tables dies in more than one slice: each begins and ends with an event.
dying(Flags) ->
    Me = self(),
    Pid = spawn(fun() ->
                    [ets:new(x, []) || _ <- lists:seq(1, 2000)],
                    Me ! made,
                    receive after infinity -> ok end
                end),
    receive made -> ok end,
    1 = erlang:trace(Pid, true, Flags),
    exit(Pid, bang),
    events(Pid, none, []).

events(Pid, Last, Acc) ->
    receive
        {trace, Pid, out_exited, 0} -> lists:reverse(Acc, [out_exited]);
        {trace, Pid, Event, _} when Event =:= Last -> {twice, Event};
        {trace, Pid, Event, _} -> events(Pid, Event, lists:usort([Event | Acc]))
    end.

%% A process that has gone cannot become heir.
dead_heir() ->
    {Pid, Ref} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    T = ets:new(t, [{heir, Pid, data}]),
    Before = ets:info(T, heir),
    true = ets:setopts(T, {heir, self(), data}),
    Live = ets:info(T, heir) =:= self(),
    true = ets:setopts(T, {heir, Pid, data}),
    {Before, Live, ets:info(T, heir)}.
