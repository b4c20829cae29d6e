%% SPDX-License-Identifier: Apache-2.0
%% erl: +S 1
%% A process that has yielded stands in the function that called erlang:yield/0, not in that native.
-module(yield_place).
-export([main/0, loop/0]).

main() ->
    P = spawn(fun loop/0),
    erlang:yield(),
    [io:format("~p~n", [process_info(P, I)]) || I <- [current_function, current_stacktrace, current_location, status]],
    exit(P, kill).

loop() ->
    erlang:yield(),
    ok(),
    loop().

ok() -> ok.
