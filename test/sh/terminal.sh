# SPDX-License-Identifier: Apache-2.0
# The terminal driver: long lines wrap by themselves; what ends at the edge of the screen is made to wrap; sizes.
cat >term.erl <<'ERL'
-module(term).
-export([main/0]).
main() ->
    P = open_port({spawn, "tty_sl -c -e"}, [binary]),
    out(P, io_lib:format("~p~n", [binary_to_list(iolist_to_binary(port_control(P, 16#018b0900 + 100, [])))])),
    out(P, [lists:duplicate(100, $x), "\n"]),
    out(P, [lists:duplicate(80, $y), "\n"]),
    out(P, lists:duplicate(80, $z)),
    out(P, "\n"),
    out(P, [lists:duplicate(79, $a), "\tb\n"]),
    halt().
out(P, Text) -> port_command(P, [5, Text]), receive {P, ok} -> ok end.
ERL
erlc term.erl
script -qec "erl -noshell -s term main" /dev/null </dev/null | cat -v
script -qec "stty rows 10 cols 20; erl -noshell -s term main" /dev/null </dev/null | cat -v
