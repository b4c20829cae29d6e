%% SPDX-License-Identifier: Apache-2.0
-module(waiting_place_tests).
-export([main/0]).

%% Where a process that waits is shown: at the top of its receive.
main() ->
    [t:p(Name, fun() -> place(F) end) || {Name, F} <- [
        {plain, fun plain/0}, {timeout, fun with_timeout/0}, {infinity, fun() -> with_infinity(infinity) end},
        {no_clauses, fun() -> no_clauses(100000) end}, {nested, fun nested/0}, {second, fun second/0}]].

place(F) ->
    P = spawn(F),
    P ! unwanted,
    t:wait(fun() -> process_info(P, status) =:= {status, waiting} end),
    Items = [current_function, current_location, current_stacktrace],
    Info = [{Item, short(element(2, process_info(P, Item)))} || Item <- Items],
    exit(P, kill),
    Info.

short({M, F, A, Place}) -> {M, F, A, proplists:get_value(line, Place)};
short(L) when is_list(L) -> [short(E) || E <- L];
short(MFA) -> MFA.

plain() ->
    X = lists:reverse([self()]),
    receive
        {a, Y} ->
            plain(X, Y);
        {b, Z} ->
            lists:foreach(fun(_) -> Z end, X)
    end.

plain(_, Y) -> Y.

with_timeout() ->
    L = lists:seq(1, 3),
    receive
        {a, Y} -> lists:map(fun(X) -> X + Y end, L)
    after
        100000 ->
            lists:sum(L)
    end.

with_infinity(Time) ->
    receive
        {a, Y} -> integer_to_list(Y)
    after
        Time -> ok
    end.

no_clauses(Time) ->
    self() ! {x, Time},
    receive after Time -> ok end,
    done.

nested() ->
    [with_infinity(infinity)
     | plain()].

second() ->
    receive unwanted -> ok end,
    X = node(),
    receive
        {a, X} -> ok
    end.
