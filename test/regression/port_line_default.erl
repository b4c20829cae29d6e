%% SPDX-License-Identifier: Apache-2.0
%% The option `line' without a length: lines of up to 512 bytes. A line ends with "\n" or "\r\n"; the
%% carriage return takes no room of the line.
-module(port_line_default).
-export([main/0]).

main() ->
    [show(open_port({spawn, Command}, [eof, line])) ||
        Command <- ["printf 'ab\\ncd'", "head -c 600 /dev/zero"]],
    Commands = ["printf 'a\\r\\nb\\r\\r\\nc\\rd\\n\\r\\n\\r'", "printf 'abcdef\\r\\nabc\\r\\nab\\rc\\r\\n'",
                "printf 'abc\\r'; sleep 0.1; printf '\\nabc'; sleep 0.1; printf '\\r\\rd\\n'",
                "printf '\\r\\r\\r\\r\\n\\r\\r\\r\\r'"],
    [io:format("~p ~p~n", [Length, lines(open_port({spawn, "sh -c \"" ++ C ++ "\""}, [eof, {line, Length}]))]) ||
        C <- Commands, Length <- [1, 2, 3, 4, 100]].

lines(P) ->
    receive
        {P, {data, D}} -> [D | lines(P)];
        {P, eof} -> []
    end.

show(P) ->
    receive
        {P, {data, {Kind, Bytes}}} -> io:format("~p ~p~n", [Kind, length(Bytes)]), show(P);
        {P, eof} -> io:format("eof~n")
    end.
