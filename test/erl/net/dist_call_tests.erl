%% SPDX-License-Identifier: Apache-2.0
%% dist_call_tests - the program erl_call against this node, and a node that it starts and ends.
%% erl: -epmd_port 47391
-module(dist_call_tests).
-export([main/0]).

main() -> dist_node:with(fun calls/0).

calls() ->
    {ok, [[Port]]} = init:get_argument(epmd_port),
    os:putenv("ERL_EPMD_PORT", Port),
    Me = " -sname " ++ hd(string:lexemes(atom_to_list(node()), "@")) ++ " -c " ++ atom_to_list(erlang:get_cookie()),
    Run = fun(Args) -> t:p(Args, fun() -> os:cmd(filename:join(os:getenv("BINDIR"), "erl_call") ++ Me ++ Args ++ "; echo $?") end) end,
    Run(" -a 'lists append [[[a,\"str\"],[{b,1.5}],[],[300,400],[65,66]]]'"),
    Run(" -a 'erlang abs [-12345678901]'"),
    Run(" -a 'maps from_list [[{a,1}]]'"),
    Run(" -a 'erlang list_to_atom [\"A b\"]'"),
    Run(" -no_result_term -a 'erlang abs [1]'"),
    Run(" -a 'lists seq'"),
    Eval = fun(Text, Flags) -> t:p(Text, fun() -> os:cmd("echo '" ++ Text ++ "' | " ++ filename:join(os:getenv("BINDIR"), "erl_call") ++ Me ++ Flags) end) end,
    Eval("X = 1 + 1, {X, \"a\", Y = 2}.", " -e"),
    Eval("X = 1 +", " -e"),
    Eval("io:format(\"~ts~n\", [[246, 955]]), io:put_chars(\"b\"), ok.", " -fetch_stdout -e"),
    Eval("-module(dist_call_m). -export([f/0]). f() -> {m, 42}.", " -m -a 'dist_call_m f'").
