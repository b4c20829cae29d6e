%% SPDX-License-Identifier: Apache-2.0
%% os:set_signal/2: which argument is to blame.
-module(set_signal_tests).
-export([main/0]).

main() ->
    [blame(S, O) || S <- [sigterm, no_signal, {bad}], O <- [no_option, handle, {bad}], {S, O} =/= {sigterm, handle}].

blame(S, O) ->
    try os:set_signal(S, O) of ok -> io:format("~p ~p: ok~n", [S, O])
    catch error:badarg:Stack ->
            [{_, _, _, Info} | _] = Stack,
            io:format("~p ~p: ~p ~p~n", [S, O, Info, erl_kernel_errors:format_error(badarg, Stack)])
    end.
