%% SPDX-License-Identifier: Apache-2.0
%% The option `line' without a length: lines of up to 512 bytes.
-module(port_line_default).
-export([main/0]).

main() ->
    [show(open_port({spawn, Command}, [eof, line])) ||
        Command <- ["printf 'ab\\ncd'", "head -c 600 /dev/zero"]].

show(P) ->
    receive
        {P, {data, {Kind, Bytes}}} -> io:format("~p ~p~n", [Kind, length(Bytes)]), show(P);
        {P, eof} -> io:format("eof~n")
    end.
