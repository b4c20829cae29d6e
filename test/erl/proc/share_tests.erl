%% SPDX-License-Identifier: Apache-2.0
%% share_tests - what part of the time processes get that were all made on one scheduler and never wait.
%% erl: +S 2:2
-module(share_tests).
-export([main/0]).

main() ->
    process_flag(priority, max),
    t:p(equal, fun() -> spread(counts(100, 0)) end),
    t:each(fun({N, L}) -> part(counts(N, L)) end, [{50, 50}, {60, 2}, {2, 60}]),
    t:p(beside_high, fun() -> beside([high]) end),
    t:p(beside_both, fun() -> beside([high, max]) end).

%% How many rounds each made, while those of normal priority made eighty thousand or more, after as many to settle: where the
%% machine has other work, it takes that many for the parts to be what they are meant to be.
counts(Normal, Low) ->
    Count = counters:new(Normal + Low, []),
    Pids = [spawn_opt(fun() -> work(Count, I) end, [{priority, case I > Normal of true -> low; false -> normal end}])
            || I <- lists:seq(1, Normal + Low)],
    Before = wait_for(Count, Normal, 0),
    After = wait_for(Count, Normal, lists:sum(lists:sublist(Before, Normal))),
    [exit(P, kill) || P <- Pids],
    lists:split(Normal, lists:zipwith(fun erlang:'-'/2, After, Before)).

%% Two schedulers: beside one that works with high priority all normal ones work; beside two none does, or hardly any.
beside(Prios) ->
    Count = counters:new(40 + length(Prios), []),
    Above = [spawn_opt(fun() -> work(Count, 40 + I) end, [{priority, P}]) || {I, P} <- lists:zip(lists:seq(1, length(Prios)), Prios)],
    Pids = [spawn(fun() -> work(Count, I) end) || I <- lists:seq(1, 40)],
    timer:sleep(200),
    Before = [counters:get(Count, I) || I <- lists:seq(1, 40)],
    First = counters:get(Count, 41),
    wait_for(Count, 41, lists:sum([First | Before])),
    After = [counters:get(Count, I) || I <- lists:seq(1, 40)],
    Last = counters:get(Count, 41),
    [exit(P, kill) || P <- Above ++ Pids],
    Worked = length([1 || {A, B} <- lists:zip(After, Before), A > B]),
    case Prios of
        [high] -> Worked;
        _ -> (lists:sum(After) - lists:sum(Before)) * 2 < Last - First
    end.

wait_for(Count, Normal, Since) ->
    timer:sleep(20),
    All = [counters:get(Count, I) || I <- lists:seq(1, maps:get(size, counters:info(Count)))],
    case lists:sum(lists:sublist(All, Normal)) - Since >= 400 * max(Normal, 200) of
        true -> All;
        false -> wait_for(Count, Normal, Since)
    end.

work(Count, I) ->
    counters:add(Count, I, 1),
    turn(1000),
    work(Count, I).

turn(0) -> ok;
turn(N) -> turn(N - 1).

mean(L) -> lists:sum(L) / length(L).

%% Nobody had the time of ten.
spread({All, []}) -> lists:max(All) < 10 * mean(All).

%% An eighth, roughly.
part({Normal, Low}) ->
    Part = mean(Low) / mean(Normal),
    {Part > 0.05, Part < 0.3}.
