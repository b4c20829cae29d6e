%% SPDX-License-Identifier: Apache-2.0
%% Clocks, calendars, unique integers.
-module(time_tests).
-export([main/0]).

main() ->
    Units = [second, millisecond, microsecond, nanosecond, native, perf_counter, seconds, milli_seconds, 1, 1000, 3, 0, -1, foo, 1.0],
    [t:p(io_lib:format("~p ~p", [F, U]), fun() -> digits(apply(M, F, [U])) end) ||
        {M, F} <- [{erlang, monotonic_time}, {erlang, system_time}, {os, system_time}], U <- Units],
    t:p("consistent", fun() -> A = erlang:monotonic_time(), S = erlang:system_time(), B = erlang:monotonic_time(), O = erlang:time_offset(),
        A + O =< S andalso S =< B + O end),
    t:p("rising", fun() -> rising(1000, erlang:monotonic_time()) end),
    t:p("now rises", fun() -> now_rising(1000, erlang:now()) end),
    t:p("timestamps", fun() -> {M, S, U} = os:timestamp(), abs((M * 1000000 + S) * 1000000 + U - os:system_time(microsecond)) < 1000000 end),
    t:p("date", fun() -> {D, _} = calendar:local_time(), D =:= date() end),
    t:p("zero", fun() -> erlang:convert_time_unit(1, second, native) end),
    calendars(),
    t:p("positive", fun() -> [erlang:unique_integer([positive]) > 0 || _ <- "ab"] end),
    t:p("negative", fun() -> erlang:unique_integer() < 0 end),
    t:p("unique", fun() -> unique([]) end),
    t:p("monotonic", fun() -> L = [erlang:unique_integer([monotonic]) || _ <- lists:seq(1, 100)], L =:= lists:usort(L) end),
    [t:p(io_lib:format("~p", [O]), fun() -> erlang:unique_integer(O) end) || O <- [[foo], foo, [positive | x]]],
    t:p("refs", fun() -> length(lists:usort([make_ref() || _ <- lists:seq(1, 1000)])) end).

calendars() ->
    Dates = [{{2020, 2, 29}, {0, 0, 0}}, {{2020, 2, 30}, {0, 0, 0}}, {{1970, 1, 1}, {0, 0, 0}}, {{1969, 12, 31}, {23, 59, 59}},
             {{1902, 1, 1}, {0, 0, 0}}, {{1901, 12, 31}, {0, 0, 0}}, {{5000, 6, 1}, {1, 2, 3}}, {{2020, 1, 1}, {24, 0, 0}},
             {{2020, 1, 1}, {0, 0, 60}}, {{2020, 13, 1}, {0, 0, 0}}, {{-1, 1, 1}, {0, 0, 0}}, {{2000, 2, 29}, {12, 0, 0}},
             {{1900, 2, 29}, {12, 0, 0}}, foo, {a, b}],
    t:each(fun(D) -> {'EXIT', _} = (catch erlang:universaltime_to_posixtime(D)), bad; (_) -> ok end, []),
    [t:p(io_lib:format("posix ~p", [D]), fun() -> erlang:universaltime_to_posixtime(D) end) || D <- Dates],
    [t:p(io_lib:format("local ~p", [D]), fun() -> erlang:universaltime_to_localtime(D) end) || D <- Dates],
    [t:p(io_lib:format("universal ~p ~p", [D, X]), fun() -> erlang:localtime_to_universaltime(D, X) end) ||
        D <- Dates, X <- [undefined, false]],
    [t:p(io_lib:format("from ~p", [P]), fun() -> erlang:posixtime_to_universaltime(P) end) ||
        P <- [0, -1, 1 bsl 31, 1 bsl 40, 951782400, foo, 1.0]].

digits(N) when is_integer(N) -> length(integer_to_list(abs(N))).
rising(0, _) -> true;
rising(N, T) -> T1 = erlang:monotonic_time(), true = T1 >= T, rising(N - 1, T1).
now_rising(0, _) -> true;
now_rising(N, T) -> T1 = erlang:now(), true = T1 > T, now_rising(N - 1, T1).
unique(Options) ->
    Me = self(),
    Ps = [spawn(fun() -> Me ! {self(), [erlang:unique_integer(Options) || _ <- lists:seq(1, 500)]} end) || _ <- lists:seq(1, 8)],
    length(lists:usort(lists:append([receive {P, L} -> L end || P <- Ps]))).
