%% SPDX-License-Identifier: Apache-2.0
%% Matches that take long, in long subjects: results, and that others run meanwhile.
-module(re_long_tests).
-export([main/0]).

main() ->
    B = binary:copy(<<"abc\n">>, 50000),
    t:p("utf8", fun() -> re:run(B, "b", [unicode]) end),
    t:p("no match", fun() -> re:run(B, "z") end),
    t:p("at the end", fun() -> re:run(B, "c\\n\\z") end),
    t:p("all of it", fun() -> re:run(B, "^(.*)$", [dotall]) end),
    t:p("looks behind and ahead", fun() -> re:run(B, "(?<=\\n)a(?=bc)", [{offset, 100001}]) end),
    t:p("character on the border", fun() -> re:run(<<(binary:copy(<<"x">>, 4095))/binary, "åäö"/utf8>>, "å(.)", [unicode]) end),
    t:p("latin1", fun() -> re:run(binary:copy(<<16#A9>>, 9000), "\\x{A9}+") end),
    t:p("limits", fun() -> [re:run(lists:duplicate(26, $a) ++ "b", "(a+)+$", [report_errors | O]) || O <- [[], [{match_limit, 5000}]]] end),
    t:p("split", fun() -> length(re:split(B, "\n")) end),
    t:p("global", fun() -> {match, L} = re:run(B, "a(b)", [global, unicode]), {length(L), lists:last(L)} end),
    t:p("replace", fun() -> erlang:md5(re:replace(B, "b(c)", "\\1x", [global, {return, binary}])) end),
    t:p("traced", fun() -> traced(B) end),
    t:p("killed", fun killed/0).

%% What a process that validates a long subject is seen to be in when it leaves its scheduler.
traced(B) ->
    {P, M} = spawn_monitor(fun() -> receive go -> re:run(B, "b", [unicode]) end end),
    erlang:trace(P, true, [running]),
    P ! go,
    receive {'DOWN', M, _, _, R} -> R end,
    D = erlang:trace_delivered(P),
    receive {trace_delivered, P, D} -> ok end,
    {R, outs(0) >= 3}.

outs(N) ->
    receive
        {trace, _, out, {erlang, re_run_trap, 3}} -> outs(N + 1);
        {trace, _, _, _} -> outs(N)
    after 0 -> N
    end.

killed() ->
    {P, M} = spawn_monitor(fun() -> re:run(lists:duplicate(30, $a) ++ "b", "(a+)+$", []), exit(done) end),
    exit(P, kill),
    receive {'DOWN', M, _, _, R} -> R end.
